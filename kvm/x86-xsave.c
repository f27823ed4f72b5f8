/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-xsave.c - FPU, vector and other extended state between KVM and struct x86_cpu.
 *
 * Spec: SDM vol. 1 13.4 (standard format); Linux Documentation/arch/x86/xstate.rst for
 * the permission that AMX needs.
 *
 * What the struct has no place for (MPX, AMX tiles) stays in the image, which is kept.
 *
 * Threads: the vCPU's own; the permission is asked for on control, before the first vCPU.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "kvm/x86.h"

enum {
	XS_BV = 512,
	XS_COMP = 528,
	XC_AVX = 2,
	XC_K = 5,
	XC_ZMM_HI = 6,
	XC_HI16 = 7,
	XC_PKRU = 9,
	XC_TILEDATA = 18
};

static const uint8_t *xsave_comp(const struct kvm_arch_vm *a, const uint8_t *img,
                                 unsigned i, uint64_t bv)
{
	static const uint8_t zero[1024];

	if (!a->comp[i].size || a->comp[i].off + a->comp[i].size > a->xsave_size) {
		return zero;
	}
	return bv >> i & 1 ? img + a->comp[i].off : zero;
}

void kvm_x86_xsave_pull(struct x86_cpu *c, const struct kvm_arch_vm *a,
                        const uint8_t *img)
{
	uint64_t bv = ld_le64(img + XS_BV);
	uint8_t legacy[512];
	const uint8_t *p;

	memcpy(legacy, img, sizeof(legacy));
	if (!(bv & 1)) { /* initial x87 state */
		memset(legacy, 0, 24);
		memset(legacy + 32, 0, 128);
		st_le16(legacy, 0x37f);
	}
	if (!(bv & 2)) {
		memset(legacy + 160, 0, 256);
	}
	x86_from_fxsave(c, legacy);
	p = xsave_comp(a, img, XC_AVX, bv);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(c->vec[i].b + 16, p + 16 * i, 16);
	}
	p = xsave_comp(a, img, XC_ZMM_HI, bv);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(c->vec[i].b + 32, p + 32 * i, 32);
	}
	p = xsave_comp(a, img, XC_HI16, bv);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(c->vec[16 + i].b, p + 64 * i, 64);
	}
	memcpy(c->k, xsave_comp(a, img, XC_K, bv), sizeof(c->k));
	c->pkru = ld_le32(xsave_comp(a, img, XC_PKRU, bv));
}

static uint8_t *xsave_comp_put(const struct kvm_arch_vm *a, uint8_t *img, unsigned i)
{
	if (!a->comp[i].size || a->comp[i].off + a->comp[i].size > a->xsave_size) {
		return NULL;
	}
	st_le64(img + XS_BV, ld_le64(img + XS_BV) | BIT64(i));
	return img + a->comp[i].off;
}

static bool xsave_all_zero(const uint8_t *p, size_t n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

void kvm_x86_xsave_push(const struct x86_cpu *c, const struct kvm_arch_vm *a,
                        uint8_t *img)
{
	uint64_t bv = ld_le64(img + XS_BV);
	bool wide = false;
	uint8_t *p;

	x86_to_fxsave(c, img);
	memset(img + 464, 0, 48); /* software's bytes */
	st_le64(img + XS_BV, (bv & ~(BIT64(XC_AVX) | BIT64(XC_K) | BIT64(XC_ZMM_HI) |
	                             BIT64(XC_HI16) | BIT64(XC_PKRU))) |
	                             3);
	st_le64(img + XS_COMP, 0); /* standard format */
	p = xsave_comp_put(a, img, XC_AVX);
	for (unsigned i = 0; p && i < 16; i++) {
		memcpy(p + 16 * i, c->vec[i].b + 16, 16);
	}
	for (unsigned i = 0; i < 32 && !wide; i++) {
		wide = i < 16 ? !xsave_all_zero(c->vec[i].b + 32, 32)
		              : !xsave_all_zero(c->vec[i].b, 64);
	}
	if (wide || !xsave_all_zero((const uint8_t *)c->k, sizeof(c->k))) {
		p = xsave_comp_put(a, img, XC_ZMM_HI);
		for (unsigned i = 0; p && i < 16; i++) {
			memcpy(p + 32 * i, c->vec[i].b + 32, 32);
		}
		p = xsave_comp_put(a, img, XC_HI16);
		for (unsigned i = 0; p && i < 16; i++) {
			memcpy(p + 64 * i, c->vec[16 + i].b, 64);
		}
		p = xsave_comp_put(a, img, XC_K);
		if (p) {
			memcpy(p, c->k, sizeof(c->k));
		}
	}
	if (c->pkru && (p = xsave_comp_put(a, img, XC_PKRU))) {
		st_le32(p, (uint32_t)c->pkru);
	}
}

int kvm_x86_pull_fpu(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_arch_vm *a = v->k->arch;
	int r = kvm_ioctl(v->fd, a->xsave_size > 4096 ? KVM_GET_XSAVE2 : KVM_GET_XSAVE,
	                  v->arch->xsave);

	if (r < 0) {
		return r;
	}
	kvm_x86_xsave_pull(c, a, v->arch->xsave);
	if (a->xcrs) {
		struct kvm_xcrs x;

		r = kvm_ioctl(v->fd, KVM_GET_XCRS, &x);
		for (unsigned i = 0; r >= 0 && i < x.nr_xcrs && i < KVM_MAX_XCRS; i++) {
			if (x.xcrs[i].xcr == 0) {
				c->xcr0 = x.xcrs[i].value;
			}
		}
	}
	return r;
}

int kvm_x86_push_fpu(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	struct kvm_arch_vm *a = v->k->arch;
	uint32_t out[4];
	int r;

	x86_cpuid((struct x86_cpu *)c, 0xd, 0, out);
	if (a->xcrs && out[0]) {
		struct kvm_xcrs x = { .nr_xcrs = 1,
			              .xcrs[0] = { .xcr = 0, .value = c->xcr0 } };

		r = kvm_ioctl(v->fd, KVM_SET_XCRS, &x);
		if (r < 0) {
			return r;
		}
	}
	kvm_x86_xsave_push(c, a, v->arch->xsave);
	return kvm_ioctl(v->fd, KVM_SET_XSAVE, v->arch->xsave);
}

/* ---- AMX ---- */

#ifndef ARCH_GET_XCOMP_SUPP
#define ARCH_GET_XCOMP_SUPP 0x1021
#endif
#ifndef ARCH_REQ_XCOMP_GUEST_PERM
#define ARCH_REQ_XCOMP_GUEST_PERM 0x1025
#endif

/* Guests may have tile data (8 KiB a vCPU) only if the process was permitted to; KVM lists
 * AMX in its CPUID after that. */
void kvm_x86_xsave_permit(void)
{
	uint64_t has = 0;

	if (syscall(SYS_arch_prctl, ARCH_GET_XCOMP_SUPP, &has) < 0 ||
	    !(has >> XC_TILEDATA & 1)) {
		return;
	}
	if (syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_GUEST_PERM,
	            (unsigned long)XC_TILEDATA) < 0) {
		log_info("the kernel permits no AMX to guests: %s", strerror(errno));
	}
}
