/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-state.c - the state of an x86 vCPU between KVM and struct x86_cpu.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst; XSAVE area: SDM vol. 1 13.4.
 *
 * An interrupt or exception whose delivery KVM has begun becomes exc_pending. Soft
 * ones (INT n, INT3, INTO) are dropped: the instruction is run again. A pending NMI
 * becomes a request when the translator takes over.
 *
 * Threads: the vCPU's own.
 * Known gaps: SMM state; machine-check banks; MPX and AMX state stay in KVM only.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "kvm/x86.h"

/* ---- general registers ---- */

static const struct {
	uint16_t off;
	uint8_t reg;
} state_regs[] = {
	{ offsetof(struct kvm_regs, rax), X86_RAX }, { offsetof(struct kvm_regs, rcx), X86_RCX },
	{ offsetof(struct kvm_regs, rdx), X86_RDX }, { offsetof(struct kvm_regs, rbx), X86_RBX },
	{ offsetof(struct kvm_regs, rsp), X86_RSP }, { offsetof(struct kvm_regs, rbp), X86_RBP },
	{ offsetof(struct kvm_regs, rsi), X86_RSI }, { offsetof(struct kvm_regs, rdi), X86_RDI },
	{ offsetof(struct kvm_regs, r8), X86_R8 },   { offsetof(struct kvm_regs, r9), X86_R9 },
	{ offsetof(struct kvm_regs, r10), X86_R10 }, { offsetof(struct kvm_regs, r11), X86_R11 },
	{ offsetof(struct kvm_regs, r12), X86_R12 }, { offsetof(struct kvm_regs, r13), X86_R13 },
	{ offsetof(struct kvm_regs, r14), X86_R14 }, { offsetof(struct kvm_regs, r15), X86_R15 },
};

static int state_pull_regs(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_regs r;
	int ret = kvm_ioctl(v->fd, KVM_GET_REGS, &r);

	if (ret < 0) {
		return ret;
	}
	for (unsigned i = 0; i < ARRAY_LEN(state_regs); i++) {
		memcpy(&c->reg[state_regs[i].reg], (char *)&r + state_regs[i].off, 8);
	}
	x86_set_rflags(c, r.rflags);
	x86_set_ip(c, r.rip); /* after the segments */
	return 0;
}

static int state_push_regs(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	struct kvm_regs r = { .rflags = x86_rflags(c), .rip = x86_ip(c) };

	for (unsigned i = 0; i < ARRAY_LEN(state_regs); i++) {
		memcpy((char *)&r + state_regs[i].off, &c->reg[state_regs[i].reg], 8);
	}
	return kvm_ioctl(v->fd, KVM_SET_REGS, &r);
}

/* ---- segments and control registers ---- */

void kvm_x86_seg_pull(struct x86_seg *d, const struct kvm_segment *s)
{
	*d = (struct x86_seg){ .base = s->base, .limit = s->limit, .sel = s->selector };
	if (s->unusable) {
		d->attr = (s->dpl & 3u) << 5; /* SS: the privilege level all the same */
		return;
	}
	d->attr = (s->type & 15u) | (s->s ? X86_SEG_S : 0) | (s->dpl & 3u) << 5 |
		  (s->present ? X86_SEG_P : 0) | (s->avl ? X86_SEG_AVL : 0) |
		  (s->l ? X86_SEG_L : 0) | (s->db ? X86_SEG_DB : 0) | (s->g ? X86_SEG_G : 0);
}

void kvm_x86_seg_push(struct kvm_segment *d, const struct x86_seg *s)
{
	*d = (struct kvm_segment){
		.base = s->base, .limit = s->limit, .selector = s->sel,
		.type = (uint8_t)X86_SEG_TYPE(s->attr), .s = !!(s->attr & X86_SEG_S),
		.dpl = (uint8_t)X86_SEG_DPL(s->attr), .present = !!(s->attr & X86_SEG_P),
		.avl = !!(s->attr & X86_SEG_AVL), .l = !!(s->attr & X86_SEG_L),
		.db = !!(s->attr & X86_SEG_DB), .g = !!(s->attr & X86_SEG_G),
		.unusable = !(s->attr & X86_SEG_P),
	};
}

/* The two forms of the structure agree up to apic_base. */
enum { STATE_SREGS_COMMON = offsetof(struct kvm_sregs, interrupt_bitmap) };
_Static_assert(offsetof(struct kvm_sregs2, flags) == STATE_SREGS_COMMON, "sregs layouts");

static int state_get_sregs(struct kvm_vcpu *v, struct kvm_sregs2 *s)
{
	struct kvm_sregs old;
	int r;

	memset(s, 0, sizeof(*s));
	if (v->k->arch->sregs2) {
		return kvm_ioctl(v->fd, KVM_GET_SREGS2, s);
	}
	r = kvm_ioctl(v->fd, KVM_GET_SREGS, &old);
	memcpy(s, &old, STATE_SREGS_COMMON);
	return r;
}

static int state_set_sregs(struct kvm_vcpu *v, struct kvm_sregs2 *s)
{
	struct kvm_sregs old;

	if (v->k->arch->sregs2) {
		return kvm_ioctl(v->fd, KVM_SET_SREGS2, s);
	}
	memset(&old, 0, sizeof(old));
	memcpy(&old, s, STATE_SREGS_COMMON);
	return kvm_ioctl(v->fd, KVM_SET_SREGS, &old);
}

static int state_pull_sregs(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_sregs2 s;
	int r = state_get_sregs(v, &s);
	const struct kvm_segment *const seg[X86_NSEG] = { &s.es, &s.cs, &s.ss, &s.ds, &s.fs,
							  &s.gs, &s.ldt, &s.tr };

	if (r < 0) {
		return r;
	}
	for (unsigned i = 0; i < X86_NSEG; i++) {
		kvm_x86_seg_pull(&c->seg[i], seg[i]);
	}
	c->gdt.base = s.gdt.base;
	c->gdt.limit = s.gdt.limit;
	c->idt.base = s.idt.base;
	c->idt.limit = s.idt.limit;
	c->cr0 = s.cr0;
	c->cr2 = s.cr2;
	c->cr3 = s.cr3;
	c->cr4 = s.cr4;
	c->cr8 = s.cr8;
	c->efer = s.efer;
	if ((c->efer & X86_EFER_LMA) && (c->seg[X86_CS].attr & X86_SEG_L)) {
		c->seg[X86_CS].base = 0;
	}
	if (s.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) {
		memcpy(c->pdpte, s.pdptrs, sizeof(c->pdpte));
	} else if ((c->cr0 & X86_CR0_PG) && (c->cr4 & X86_CR4_PAE) &&
		   !(c->efer & X86_EFER_LMA)) {
		if (dma_read(&c->vcpu->vm->mem, c->cr3 & 0xffffffe0, c->pdpte, 32) < 0) {
			memset(c->pdpte, 0, sizeof(c->pdpte));
		}
	}
	v->arch->apic_base = s.apic_base;
	if (c->apic_ops && c->apic && c->apic_ops->get_base(c->apic) != s.apic_base) {
		c->apic_ops->set_base(c->apic, s.apic_base);
	}
	return 0;
}

static int state_push_sregs(struct kvm_vcpu *v, const struct x86_cpu *c, bool flush)
{
	struct kvm_sregs2 s;
	struct kvm_segment *const seg[X86_NSEG] = { &s.es, &s.cs, &s.ss, &s.ds, &s.fs, &s.gs,
						    &s.ldt, &s.tr };

	memset(&s, 0, sizeof(s));
	for (unsigned i = 0; i < X86_NSEG; i++) {
		kvm_x86_seg_push(seg[i], &c->seg[i]);
	}
	s.gdt.base = c->gdt.base;
	s.gdt.limit = c->gdt.limit;
	s.idt.base = c->idt.base;
	s.idt.limit = c->idt.limit;
	s.cr0 = c->cr0;
	s.cr2 = c->cr2;
	s.cr3 = c->cr3;
	s.cr4 = c->cr4;
	s.cr8 = c->apic_ops && c->apic ? c->apic_ops->get_tpr(c->apic) : c->cr8;
	s.efer = c->efer;
	s.apic_base = c->apic_ops && c->apic ? c->apic_ops->get_base(c->apic) :
					       v->arch->apic_base;
	if ((c->cr0 & X86_CR0_PG) && (c->cr4 & X86_CR4_PAE) && !(c->efer & X86_EFER_LMA)) {
		memcpy(s.pdptrs, c->pdpte, sizeof(c->pdpte));
		s.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	}
	if (flush) {
		/* A changed CR4.PGE makes KVM drop what it and the processor have cached. */
		s.cr4 ^= X86_CR4_PGE;
		(void)state_set_sregs(v, &s);
		s.cr4 ^= X86_CR4_PGE;
	}
	return state_set_sregs(v, &s);
}

/* ---- FPU and vectors ---- */

enum { XS_BV = 512, XS_COMP = 528, XC_AVX = 2, XC_K = 5, XC_ZMM_HI = 6, XC_HI16 = 7,
       XC_PKRU = 9 };

static const uint8_t *state_comp(const struct kvm_arch_vm *a, const uint8_t *img, unsigned i,
				 uint64_t bv)
{
	static const uint8_t zero[1024];

	if (!a->comp[i].size || a->comp[i].off + a->comp[i].size > a->xsave_size) {
		return zero;
	}
	return bv >> i & 1 ? img + a->comp[i].off : zero;
}

void kvm_x86_xsave_pull(struct x86_cpu *c, const struct kvm_arch_vm *a, const uint8_t *img)
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
	p = state_comp(a, img, XC_AVX, bv);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(c->vec[i].b + 16, p + 16 * i, 16);
	}
	p = state_comp(a, img, XC_ZMM_HI, bv);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(c->vec[i].b + 32, p + 32 * i, 32);
	}
	p = state_comp(a, img, XC_HI16, bv);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(c->vec[16 + i].b, p + 64 * i, 64);
	}
	memcpy(c->k, state_comp(a, img, XC_K, bv), sizeof(c->k));
	c->pkru = ld_le32(state_comp(a, img, XC_PKRU, bv));
}

static uint8_t *state_comp_put(const struct kvm_arch_vm *a, uint8_t *img, unsigned i)
{
	if (!a->comp[i].size || a->comp[i].off + a->comp[i].size > a->xsave_size) {
		return NULL;
	}
	st_le64(img + XS_BV, ld_le64(img + XS_BV) | BIT64(i));
	return img + a->comp[i].off;
}

static bool state_all_zero(const uint8_t *p, size_t n)
{
	while (n && !*p) {
		p++;
		n--;
	}
	return !n;
}

void kvm_x86_xsave_push(const struct x86_cpu *c, const struct kvm_arch_vm *a, uint8_t *img)
{
	uint64_t bv = ld_le64(img + XS_BV);
	bool wide = false;
	uint8_t *p;

	x86_to_fxsave(c, img);
	memset(img + 464, 0, 48); /* software's bytes */
	st_le64(img + XS_BV, (bv & ~(BIT64(XC_AVX) | BIT64(XC_K) | BIT64(XC_ZMM_HI) |
				     BIT64(XC_HI16) | BIT64(XC_PKRU))) | 3);
	st_le64(img + XS_COMP, 0); /* standard format */
	p = state_comp_put(a, img, XC_AVX);
	for (unsigned i = 0; p && i < 16; i++) {
		memcpy(p + 16 * i, c->vec[i].b + 16, 16);
	}
	for (unsigned i = 0; i < 32 && !wide; i++) {
		wide = i < 16 ? !state_all_zero(c->vec[i].b + 32, 32) :
				!state_all_zero(c->vec[i].b, 64);
	}
	if (wide || !state_all_zero((const uint8_t *)c->k, sizeof(c->k))) {
		p = state_comp_put(a, img, XC_ZMM_HI);
		for (unsigned i = 0; p && i < 16; i++) {
			memcpy(p + 32 * i, c->vec[i].b + 32, 32);
		}
		p = state_comp_put(a, img, XC_HI16);
		for (unsigned i = 0; p && i < 16; i++) {
			memcpy(p + 64 * i, c->vec[16 + i].b, 64);
		}
		p = state_comp_put(a, img, XC_K);
		if (p) {
			memcpy(p, c->k, sizeof(c->k));
		}
	}
	if (c->pkru && (p = state_comp_put(a, img, XC_PKRU))) {
		st_le32(p, (uint32_t)c->pkru);
	}
}

static int state_pull_fpu(struct kvm_vcpu *v, struct x86_cpu *c)
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

static int state_push_fpu(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	struct kvm_arch_vm *a = v->k->arch;
	uint32_t out[4];
	int r;

	x86_cpuid((struct x86_cpu *)c, 0xd, 0, out);
	if (a->xcrs && out[0]) {
		struct kvm_xcrs x = { .nr_xcrs = 1, .xcrs[0] = { .xcr = 0, .value = c->xcr0 } };

		r = kvm_ioctl(v->fd, KVM_SET_XCRS, &x);
		if (r < 0) {
			return r;
		}
	}
	kvm_x86_xsave_push(c, a, v->arch->xsave);
	return kvm_ioctl(v->fd, KVM_SET_XSAVE, v->arch->xsave);
}

/* ---- debug registers ---- */

static int state_pull_dr(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_debugregs d;
	int r = v->k->arch->debugregs ? kvm_ioctl(v->fd, KVM_GET_DEBUGREGS, &d) : -ENOTSUP;

	if (r >= 0) {
		memcpy(c->dr, d.db, sizeof(d.db));
		c->dr[6] = d.dr6;
		c->dr[7] = d.dr7;
	}
	return 0;
}

static int state_push_dr(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	struct kvm_debugregs d = { .dr6 = c->dr[6], .dr7 = c->dr[7] };

	memcpy(d.db, c->dr, sizeof(d.db));
	return v->k->arch->debugregs ? kvm_ioctl(v->fd, KVM_SET_DEBUGREGS, &d) : 0;
}

/* ---- MSRs ---- */

#define MSR(nr, f) { nr, offsetof(struct x86_cpu, f) }
static const struct {
	uint32_t msr;
	uint32_t off;
} state_msrs[] = {
	MSR(0xc0000081, star), MSR(0xc0000082, lstar), MSR(0xc0000083, cstar),
	MSR(0xc0000084, fmask), MSR(0xc0000102, kernel_gs_base), MSR(0xc0000103, tsc_aux),
	MSR(0x174, sysenter_cs), MSR(0x175, sysenter_esp), MSR(0x176, sysenter_eip),
	MSR(0x277, pat), MSR(0x1a0, misc_enable), MSR(0x48, spec_ctrl), MSR(0xda0, xss),
	MSR(0x1d9, debugctl), MSR(0x2ff, mtrr_def),
	MSR(0x250, mtrr_fixed[0]), MSR(0x258, mtrr_fixed[1]), MSR(0x259, mtrr_fixed[2]),
	MSR(0x268, mtrr_fixed[3]), MSR(0x269, mtrr_fixed[4]), MSR(0x26a, mtrr_fixed[5]),
	MSR(0x26b, mtrr_fixed[6]), MSR(0x26c, mtrr_fixed[7]), MSR(0x26d, mtrr_fixed[8]),
	MSR(0x26e, mtrr_fixed[9]), MSR(0x26f, mtrr_fixed[10]),
	MSR(0x200, mtrr_phys[0]), MSR(0x201, mtrr_phys[1]), MSR(0x202, mtrr_phys[2]),
	MSR(0x203, mtrr_phys[3]), MSR(0x204, mtrr_phys[4]), MSR(0x205, mtrr_phys[5]),
	MSR(0x206, mtrr_phys[6]), MSR(0x207, mtrr_phys[7]), MSR(0x208, mtrr_phys[8]),
	MSR(0x209, mtrr_phys[9]), MSR(0x20a, mtrr_phys[10]), MSR(0x20b, mtrr_phys[11]),
	MSR(0x20c, mtrr_phys[12]), MSR(0x20d, mtrr_phys[13]), MSR(0x20e, mtrr_phys[14]),
	MSR(0x20f, mtrr_phys[15]), MSR(0x3b, tsc_adjust),
};
#undef MSR
_Static_assert(ARRAY_LEN(state_msrs) <= 64, "failed_msr[]");

struct state_msr_buf {
	struct kvm_msrs h;
	struct kvm_msr_entry e[ARRAY_LEN(state_msrs)];
};

/* KVM stops at the first MSR it does not take: that one is not asked for again. */
static void state_msr_io(struct kvm_vcpu *v, struct x86_cpu *c, bool push)
{
	struct state_msr_buf b;
	uint8_t which[ARRAY_LEN(state_msrs)];
	unsigned n = 0, done = 0;

	memset(&b, 0, sizeof(b));
	for (unsigned i = 0; i < ARRAY_LEN(state_msrs); i++) {
		if (!v->arch->failed_msr[i]) {
			b.e[n].index = state_msrs[i].msr;
			memcpy(&b.e[n].data, (char *)c + state_msrs[i].off, 8);
			which[n++] = (uint8_t)i;
		}
	}
	while (done < n) {
		struct state_msr_buf part;
		int r;

		memset(&part, 0, sizeof(part));
		part.h.nmsrs = n - done;
		memcpy(part.e, &b.e[done], (n - done) * sizeof(part.e[0]));
		r = kvm_ioctl(v->fd, push ? KVM_SET_MSRS : KVM_GET_MSRS, &part);
		r = MAX(r, 0);
		for (unsigned i = 0; !push && i < (unsigned)r; i++) {
			memcpy((char *)c + state_msrs[which[done + i]].off, &part.e[i].data, 8);
		}
		done += (unsigned)r;
		if (done < n) {
			v->arch->failed_msr[which[done]] = true;
			log_d(LOG_UNIMP, "kvm: MSR 0x%x is not supported by KVM\n",
			      b.e[done].index);
			done++;
		}
	}
}

/* ---- TSC: c->tsc_offset is relative to the host's TSC (x86_model_set_tsc) ---- */

static int state_tsc_attr(struct kvm_vcpu *v, bool set, int64_t *off)
{
	struct kvm_device_attr a = { .group = 0 /* KVM_VCPU_TSC_CTRL */,
				     .attr = 0 /* KVM_VCPU_TSC_OFFSET */,
				     .addr = (uint64_t)(uintptr_t)off };

	return kvm_ioctl(v->fd, set ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, &a);
}

static uint64_t state_host_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

static void state_pull_tsc(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e.index = MSR_TSC };
	int64_t off, before;

	if (v->k->arch->tsc_fixed) {
		c->tsc_offset = 0;
		return;
	}
	if (v->k->arch->tsc_offset_attr && state_tsc_attr(v, false, &off) >= 0) {
		c->tsc_offset = off;
		return;
	}
	before = (int64_t)state_host_tsc();
	if (kvm_ioctl(v->fd, KVM_GET_MSRS, &m) == 1) {
		off = (int64_t)m.e.data - (before + (int64_t)state_host_tsc()) / 2;
		if (off - c->tsc_offset > 200000 || c->tsc_offset - off > 200000) {
			c->tsc_offset = off; /* not for the noise of this measurement */
		}
	}
}

static void state_push_tsc(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_arch_vm *a = v->k->arch;
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e.index = MSR_TSC };
	int64_t near = (int64_t)c->tsc_khz * 1000, all = atomic_load(&a->tsc_offset), now = 0;

	if (a->tsc_fixed) {
		c->tsc_offset = 0; /* RDTSC shows the host's, whatever KVM is told */
		return;
	}
	/* vCPUs that were set to the same time a moment apart mean the same offset. */
	if (atomic_load(&a->tsc_set) && c->tsc_offset - all < near && all - c->tsc_offset < near) {
		c->tsc_offset = all;
	} else {
		atomic_store(&a->tsc_offset, c->tsc_offset);
		atomic_store(&a->tsc_set, true);
	}
	if (a->tsc_offset_attr && state_tsc_attr(v, false, &now) >= 0) {
		if (now != c->tsc_offset) {
			(void)state_tsc_attr(v, true, &c->tsc_offset);
		}
		return;
	}
	m.e.data = state_host_tsc() + (uint64_t)c->tsc_offset;
	(void)kvm_ioctl(v->fd, KVM_SET_MSRS, &m);
}

/* ---- events ---- */

static int state_pull_events(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_vcpu_events ev;
	int r = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &ev);

	if (r < 0) {
		return r;
	}
	c->int_shadow = ev.interrupt.shadow != 0;
	c->nmi_masked = ev.nmi.masked;
	c->exc_pending = c->exc_delivering = -1;
	if (ev.exception.injected && ev.exception.nr != X86_EXC_BP &&
	    ev.exception.nr != X86_EXC_OF) {
		c->exc_pending = ev.exception.nr;
		c->exc_has_err = ev.exception.has_error_code;
		c->exc_err = ev.exception.error_code;
	} else if (ev.interrupt.injected && !ev.interrupt.soft) {
		c->exc_pending = ev.interrupt.nr;
		c->exc_has_err = false;
	}
	v->arch->nmi_waits = ev.nmi.pending || ev.nmi.injected;
	c->nmi_masked = c->nmi_masked && !ev.nmi.injected;
	return 0;
}

/* Not part of the pull, which may be a mere look at the state: KVM keeps the NMI then. */
void kvm_arch_take_over(struct kvm_vcpu *v)
{
	if (v->arch->nmi_waits) {
		v->arch->nmi_waits = false;
		vcpu_request(v->c, X86_REQ_NMI);
	}
	kvm_x86_chip_take_over(v);
	kvm_x86_pv_enter(v);
}

static int state_push_events(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	struct kvm_vcpu_events ev = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
					       KVM_VCPUEVENT_VALID_SHADOW };

	if (c->int_shadow) { /* a processor refuses "by STI" while IF is clear */
		ev.interrupt.shadow = c->eflags & X86_IF ? KVM_X86_SHADOW_INT_STI :
							   KVM_X86_SHADOW_INT_MOV_SS;
	}
	ev.nmi.masked = c->nmi_masked;
	if (c->exc_pending >= 32) {
		ev.interrupt.injected = 1;
		ev.interrupt.nr = (uint8_t)c->exc_pending;
	} else if (c->exc_pending >= 0) {
		ev.exception.injected = 1;
		ev.exception.nr = (uint8_t)c->exc_pending;
		ev.exception.has_error_code = c->exc_has_err;
		ev.exception.error_code = c->exc_err;
	}
	return kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &ev);
}

/* ---- all of it ---- */

static int state_failed(struct err *e, int r, const char *what, bool push)
{
	return err_set_errno(e, r, "KVM does not %s the vCPU's %s", push ? "take" : "give", what);
}

int kvm_arch_pull(struct kvm_vcpu *v, struct err *e)
{
	struct x86_cpu *c = v->c->arch;
	int r = kvm_x86_chip_vcpu_pull(v);

	r = r < 0 ? r : state_pull_sregs(v, c);
	if (r < 0) {
		return state_failed(e, r, "control registers", false);
	}
	r = state_pull_regs(v, c);
	if (r < 0) {
		return state_failed(e, r, "registers", false);
	}
	r = state_pull_fpu(v, c);
	if (r < 0) {
		return state_failed(e, r, "FPU state", false);
	}
	state_pull_dr(v, c);
	state_msr_io(v, c, false);
	kvm_x86_pv_pull(v);
	state_pull_tsc(v, c);
	r = state_pull_events(v, c);
	if (r < 0) {
		return state_failed(e, r, "events", false);
	}
	c->hflags = X86_HFLAGS_STALE;
	return 0;
}

int kvm_arch_push(struct kvm_vcpu *v, bool flush, struct err *e)
{
	struct x86_cpu *c = v->c->arch;
	int r;

	v->arch->ready = false;
	r = state_push_sregs(v, c, flush);
	if (r < 0) {
		return state_failed(e, r, "control registers", true);
	}
	r = state_push_regs(v, c);
	if (r < 0) {
		return state_failed(e, r, "registers", true);
	}
	r = state_push_fpu(v, c);
	if (r < 0) {
		return state_failed(e, r, "FPU state", true);
	}
	state_push_dr(v, c);
	state_msr_io(v, c, true);
	state_push_tsc(v, c);
	r = state_push_events(v, c);
	r = r < 0 ? r : kvm_x86_chip_vcpu_push(v);
	kvm_x86_pv_push(v);
	return r < 0 ? state_failed(e, r, "events", true) : 0;
}
