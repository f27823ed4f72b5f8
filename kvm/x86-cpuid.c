/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-cpuid.c - what KVM supports, told to the CPU models; the model's CPUID table,
 * told to KVM.
 *
 * With the translator as a catcher, a guest is offered only what both can execute.
 * Spec: SDM vol. 2A CPUID; Linux api.rst KVM_GET_SUPPORTED_CPUID.
 * Threads: control (init), the vCPU's own (set).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/cpu/x86-model.h"
#include "kvm/x86.h"

enum { CPUID_MAX = 256 };

/* A feature MSR as the host has it; 0 when KVM does not offer it. */
static uint64_t cpuid_feature_msr(uint32_t msr)
{
	uint64_t val = 0;

	return kvm_x86_msr_io(kvm_sys_fd(), KVM_GET_MSRS, msr, &val) < 0 ? 0 : val;
}

enum {
	CPUID_PV_CLOCK = 1 << 0,
	CPUID_PV_NOP_IO = 1 << 1,
	CPUID_PV_CLOCK2 = 1 << 3,
	CPUID_PV_ASYNC_PF = 1 << 4,
	CPUID_PV_STEAL = 1 << 5,
	CPUID_PV_EOI = 1 << 6,
	CPUID_PV_UNHALT = 1 << 7,
	CPUID_PV_TLB_FLUSH = 1 << 9,
	CPUID_PV_ASYNC_PF_EXIT = 1 << 10,
	CPUID_PV_IPI = 1 << 11,
	CPUID_PV_POLL = 1 << 12,
	CPUID_PV_YIELD = 1 << 13,
	CPUID_PV_ASYNC_PF_INT = 1 << 14,
	CPUID_PV_STABLE = 1 << 24,
};

/* KVM's own features that x86-pv.c serves in the translator too. With interrupt controllers
 * in user space only the clock; with no hardware behind KVM not even that. */
static uint32_t cpuid_pv_offer(const struct kvm *k, uint32_t has)
{
	uint32_t offer =
		CPUID_PV_CLOCK | CPUID_PV_NOP_IO | CPUID_PV_CLOCK2 | CPUID_PV_STABLE;

	if (k->no_hardware) {
		return 0;
	}
	if (k->kernel_chip) {
		offer |= CPUID_PV_STEAL | CPUID_PV_EOI | CPUID_PV_UNHALT |
		         CPUID_PV_TLB_FLUSH | CPUID_PV_IPI | CPUID_PV_YIELD |
		         CPUID_PV_POLL;
	}
	/* Without the interrupt the older form, whose end the translator can't tell of. */
	if (k->kernel_chip && (has & CPUID_PV_ASYNC_PF_INT)) {
		offer |= CPUID_PV_ASYNC_PF | CPUID_PV_ASYNC_PF_EXIT |
		         CPUID_PV_ASYNC_PF_INT;
	}
	return offer & has;
}

static void cpuid_features(const struct kvm *k, uint64_t *w)
{
	/* Not the processor's: they say what lodge itself does. */
	static const uint16_t ours[] = { X86F_HT,     X86F_CMP_LEGACY, X86F_HYPERVISOR,
		                         X86F_APIC,   X86F_ARAT,       X86F_HV_LODGE,
		                         X86F_TOPOEXT };
	/* Their leaves are not made, or there is nothing behind them. */
	static const uint16_t no_leaves[] = { X86F_PDCM, X86F_SGX, X86F_INTEL_PT,
		                              X86F_SGXLC, X86F_ARCH_LBR };

	for (unsigned i = 0; i < XF_N; i++) {
		const struct x86_fword_info *f = &x86_fwords[i];
		const struct kvm_cpuid_entry2 *e;

		if (f->msr) {
			w[i] = cpuid_feature_msr(f->msr);
		} else if (f->leaf) {
			e = kvm_x86_cpuid_find(k->arch->supported, f->leaf, f->sub);
			w[i] = e ? kvm_x86_cpuid_reg(e, f->reg) : 0;
		}
	}
	/* Without hardware, KVM may show, and execute, more than it says. */
	for (unsigned i = 0; i < XF_N && k->no_hardware; i++) {
		w[i] |= kvm_x86_cpuid_shown()[i];
	}
	for (unsigned i = 0; i < ARRAY_LEN(ours); i++) {
		x86_feature_set(w, ours[i], true);
	}
	for (unsigned i = 0; i < ARRAY_LEN(no_leaves); i++) {
		x86_feature_set(w, no_leaves[i], false);
	}
	w[XF_KVM] = cpuid_pv_offer(k, (uint32_t)w[XF_KVM]);
	w[XF_KVM_HINTS] = w[XF_KVM] ? 1 : 0; /* the user's word, not KVM's */
	if (k->kernel_chip) {
		x86_feature_set(w, X86F_TSC_DEADLINE,
		                kvm_cap(k, KVM_CAP_TSC_DEADLINE_TIMER) > 0);
		return;
	}
	/* The user-space APIC: KVM has no exit for its x2APIC registers. */
	x86_feature_set(w, X86F_X2APIC, false);
	x86_feature_set(w, X86F_TSC_DEADLINE, k->arch->msr_exits);
}

static void cpuid_components(struct kvm *k)
{
	for (unsigned i = 2; i < 32; i++) {
		const struct kvm_cpuid_entry2 *e =
			kvm_x86_cpuid_find(k->arch->supported, 0xd, i);

		if (!e || !e->eax || (e->ecx & 1)) {
			continue;
		}
		if (i < ARRAY_LEN(k->arch->comp)) {
			k->arch->comp[i].size = e->eax;
			k->arch->comp[i].off = e->ebx;
		}
		x86_xsave_set_component(i, e->eax, e->ebx, e->ecx);
	}
}

/* Guest addresses go through the host's page tables: no more bits than those have. */
static void cpuid_phys_bits(struct kvm *k)
{
	const struct kvm_cpuid_entry2 *e =
		kvm_x86_cpuid_find(k->arch->supported, 0x80000008, 0);

	k->phys_bits = e ? e->eax & 0xff : 0;
	/* AMD: bits 23:16 are the guest's limit where they are not 0. */
	if (e && (e->eax >> 16 & 0xff)) {
		k->phys_bits = e->eax >> 16 & 0xff;
	}
	if (k->nested_paging && k->phys_bits >= 32 && k->phys_bits <= 52) {
		x86_model_set_phys_limit(k->phys_bits);
	}
}

int kvm_x86_cpuid_init(struct kvm *k, struct err *e)
{
	const uint64_t *tcg = x86_model_tcg();
	uint64_t w[XF_N] = { 0 };
	struct kvm_cpuid2 *t;
	int r;

	t = calloc(1, sizeof(*t) + CPUID_MAX * sizeof(t->entries[0]));
	if (!t) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	t->nent = CPUID_MAX;
	r = kvm_ioctl(kvm_sys_fd(), KVM_GET_SUPPORTED_CPUID, t);
	if (r < 0) {
		free(t);
		return err_set_errno(e, r, "KVM does not tell what CPUID it supports");
	}
	k->arch->supported = t;
	cpuid_phys_bits(k);
	cpuid_components(k);
	cpuid_features(k, w);
	for (unsigned i = 0; k->fallback && i < XF_N; i++) {
		w[i] &= i == XF_KVM || i == XF_KVM_HINTS ? ~UINT64_C(0) : tcg[i];
	}
	x86_model_set_supported(w, XF_N);
	return 0;
}

/* As a VM with the kernel's interrupt controllers would have it. */
int kvm_arch_models(bool fallback, struct err *e)
{
	struct kvm_arch_vm a = { .supported = NULL };
	struct kvm k = { .vm_fd = kvm_sys_fd(),
		         .arch = &a,
		         .fallback = fallback,
		         .kernel_chip = true,
		         .nested_paging = kvm_arch_nested_paging() };
	int r = kvm_x86_cpuid_init(&k, e);

	free(a.supported);
	return r;
}

/* What a tile is and what may be done with it: as the processor has it. */
static void cpuid_tiles(struct kvm_vcpu *v, struct kvm_cpuid2 *t, unsigned room)
{
	const struct kvm_cpuid2 *s = v->k->arch->supported;

	if (!x86_cpu_has(v->c->arch, X86F_AMX_TILE)) {
		return;
	}
	for (unsigned i = 0; i < s->nent && t->nent < room; i++) {
		if (s->entries[i].function == 0x1d || s->entries[i].function == 0x1e) {
			t->entries[t->nent++] = s->entries[i];
		}
	}
}

int kvm_x86_cpuid_set(struct kvm_vcpu *v, struct err *e)
{
	const struct x86_cpu *c = v->c->arch;
	struct {
		struct kvm_cpuid2 h;
		struct kvm_cpuid_entry2 e[X86_CPUID_MAX];
	} t;
	int r;

	memset(&t, 0, sizeof(t));
	t.h.nent = c->n_cpuid;
	for (unsigned i = 0; i < c->n_cpuid; i++) {
		const struct x86_cpuid *s = &c->cpuid[i];

		t.e[i] = (struct kvm_cpuid_entry2){
			.function = s->leaf,
			.index = s->sub,
			.eax = s->eax,
			.ebx = s->ebx,
			.ecx = s->ecx,
			.edx = s->edx,
			.flags = s->flags ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0,
		};
		if (s->leaf == 0xb || s->leaf == 0x1f) {
			t.e[i].edx = c->apic_id;
		}
	}
	cpuid_tiles(v, &t.h, ARRAY_LEN(t.e));
	if (c->features[XF_KVM]) {
		kvm_x86_pv_init(v);
	}
	r = kvm_ioctl(v->fd, KVM_SET_CPUID2, &t);
	if (v->reused) {
		/* Once a vCPU has run, kernels refuse its table, many even the same one
		 * again. It has it: a machine has one model. */
		return 0;
	}
	if (r < 0) {
		return err_set_errno(e, r, "KVM refuses CPU model '%s'", c->model);
	}
	kvm_x86_cpuid_check(v, &t.h);
	return 0;
}
