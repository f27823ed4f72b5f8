/* SPDX-License-Identifier: GPL-2.0-or-later */
/* aarch64.h - between arch-aarch64.c and aarch64-gic.c. */
#ifndef LODGE_KVM_AARCH64_H
#define LODGE_KVM_AARCH64_H

#include "core/cpu/irqchips.h"
#include "kvm/aarch64-regs.h"
#include "kvm/device.h"
#include "kvm/kvm.h"
#include "kvm/routes.h"

struct kvm_arch_vm {
	uint32_t target;   /* what KVM_ARM_PREFERRED_TARGET says */
	uint32_t features; /* BIT(KVM_ARM_VCPU_...) */
	bool sve, pmu, mp_state, events, inject_dabt;
	unsigned ipa_bits;

	/* aarch64-gic.c */
	struct lk gic_lk; /* gic_ready */
	bool gic_ready;
	int gic_fd, its_fd;
	unsigned gic_version;
	struct arm64_irqchip chip;
	struct gic_reg *gic_regs; /* state after power-on */
	unsigned n_gic_regs;
};

struct kvm_arch_vcpu {
	struct one_regs regs;
	struct a64_view view;
	uint64_t cntvct; /* the last that KVM gave or took */
	bool reset;      /* the next push begins a new life */
};

/* aarch64-gic.c */
/* Once, when all vCPUs exist: KVM wants to know their number. Any vCPU thread. */
int kvm_gic_finish(struct kvm *k, struct err *e);
void kvm_gic_fini(struct kvm *k);

#endif
