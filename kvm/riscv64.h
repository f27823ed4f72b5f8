/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riscv64.h - between arch-riscv64.c and riscv64-aia.c. */
#ifndef LODGE_KVM_RISCV64_H
#define LODGE_KVM_RISCV64_H

#include "core/cpu/irqchips.h"
#include "kvm/device.h"
#include "kvm/kvm.h"
#include "kvm/riscv64-regs.h"
#include "kvm/routes.h"

struct kvm_arch_vm {
	bool mp_state;

	/* riscv64-aia.c */
	struct lk aia_lk; /* aia_ready */
	bool aia_ready;
	int aia_fd; /* -1: no chip of the kernel's */
	struct riscv64_irqchip chip;
};

struct kvm_arch_vcpu {
	struct one_regs regs;
	struct rv_view view;
	uint64_t time;     /* the last that KVM gave or took */
	bool reset;        /* the next push begins a new life */
	bool ext_irq_sent; /* level that KVM was told */
};

/* riscv64-aia.c */
bool kvm_aia_possible(struct kvm *k);
/* Once, when all vCPUs exist: each has an IMSIC. Any vCPU thread. */
int kvm_aia_finish(struct kvm *k, struct err *e);
void kvm_aia_fini(struct kvm *k);

#endif
