/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arch-plain.c - the hooks of kvm.h that are alike on AArch64 and RV64, mostly empty: guest
 * page tables are the hardware's (stage 2, G-stage), WFI sleeps inside KVM_RUN, and there is
 * no translator for these guests that a vCPU could move to.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "core/cpu/arch.h"
#ifdef __aarch64__
#include "kvm/aarch64.h"
#else
#include "kvm/riscv64.h"
#endif

bool kvm_arch_nested_paging(void)
{
	return true;
}

bool kvm_arch_has_hardware(void)
{
	return true;
}

int kvm_arch_may_move(struct kvm_vcpu *v, struct err *e)
{
	return err_set(e, -ENOTSUP,
	               "not supported: the translator has no front end for %s guests",
	               v->k->vm->arch->name);
}

int kvm_arch_models(bool fallback, struct err *e)
{
	(void)fallback, (void)e;
	return 0;
}

int kvm_arch_may_cross(struct kvm *k, bool to_tcg, struct err *e)
{
	(void)k, (void)to_tcg, (void)e;
	return 0;
}

void kvm_arch_vcpu_fini(struct kvm_vcpu *v)
{
	if (v->arch) {
		one_regs_fini(&v->arch->regs);
		free(v->arch);
		v->arch = NULL;
	}
}

/* The next push begins a new life: lines and exits of the old one end, and KVM resets what
 * the struct does not have. */
void kvm_arch_forget(struct kvm_vcpu *v)
{
	v->arch->reset = true;
}

void kvm_arch_post_run(struct kvm_vcpu *v)
{
	(void)v;
}

void kvm_arch_halted(struct kvm_vcpu *v)
{
	(void)v;
}

void kvm_arch_take_over(struct kvm_vcpu *v)
{
	(void)v;
}

void kvm_arch_clock_to_kvm(struct kvm *k)
{
	(void)k;
}

void kvm_arch_before_translator(struct kvm_vcpu *v)
{
	(void)v;
}

void kvm_arch_drop_failed_event(struct kvm_vcpu *v)
{
	(void)v;
}

void kvm_arch_halt_in_kernel(struct kvm_vcpu *v)
{
	(void)v;
}

bool kvm_arch_was_table(struct kvm_vcpu *v, const struct hv_burst_store *s)
{
	(void)v, (void)s;
	return false;
}
