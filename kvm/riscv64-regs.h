/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64-regs.h - KVM's registers of an RV64 vCPU, and its AIA device, by their numbers.
 *
 * The encodings are those of Linux (api.rst 4.68; devices/ and the architecture's
 * asm/kvm.h) written out, so that the tables can be looked at on any host and lodge
 * builds with headers older than the features; arch-riscv64.c checks what they have.
 */
#ifndef LODGE_KVM_RISCV64_REGS_H
#define LODGE_KVM_RISCV64_REGS_H

#include "core/cpu/riscv64.h"
#include "kvm/one-reg.h"

enum rv_reg_type {
	RV_CONFIG = 1,
	RV_CORE,
	RV_CSR,
	RV_TIMER,
	RV_FP_F,
	RV_FP_D,
	RV_ISA_EXT,
	RV_SBI_EXT,
	RV_VECTOR,
	RV_SBI_STATE,
};

/* sub: KVM_REG_RISCV_SUBTYPE: 0 general, 1 AIA, 2 Smstateen (of RV_CSR). */
#define RV_REG(size, type, sub, n)                                                     \
	(ONE_REG_RISCV | (size) | (uint64_t)(type) << 24 | (uint64_t)(sub) << 16 | (n))
#define RV_TIMER_TIME  RV_REG(ONE_REG_U64, RV_TIMER, 0, 1)
#define RV_TIMER_STATE RV_REG(ONE_REG_U64, RV_TIMER, 0, 3)
/* SBI extensions by KVM's numbers; 1 switches one on. */
#define RV_SBI_DBCN RV_REG(ONE_REG_U64, RV_SBI_EXT, 0, 9)

/* What has another format in the struct. */
struct rv_view {
	uint64_t sstatus, sie, sip, mode, timer_state, isa;
	uint32_t fcsr;
};

extern const struct one_reg rv_regs[];
extern const unsigned rv_n_regs;

/* After a pull, before a push. */
void rv_from_view(struct riscv64_cpu *c, const struct rv_view *w);
void rv_to_view(const struct riscv64_cpu *c, struct rv_view *w);

/* ---- AIA (KVM_CREATE_DEVICE type and attributes, Linux 6.5) ---- */

enum {
	RV_DEV_TYPE_AIA = 11,
	AIA_GRP_CONFIG = 0,
	AIA_CONFIG_MODE = 0,
	AIA_CONFIG_IDS = 1,
	AIA_CONFIG_SRCS = 2,
	AIA_CONFIG_HART_BITS = 5,
	AIA_GRP_ADDR = 1,
	AIA_ADDR_APLIC = 0,
	AIA_ADDR_IMSIC = 1, /* and up, one a vCPU */
	AIA_GRP_CTRL = 2,
	AIA_CTRL_INIT = 0,
	AIA_GRP_APLIC = 3, /* attribute: register offset, 32 bits */
	AIA_GRP_IMSIC = 4, /* attribute: vCPU << 12 | iselect, 64 bits */
};

/* A register of the AIA and the value that a power-on gives it. */
struct aia_reg {
	uint32_t group, val;
	uint64_t attr;
};

/* In the order in which they may be written; up to max; the number there is. */
unsigned aia_reset_list(unsigned n_sources, unsigned n_ids, unsigned n_vcpus,
                        struct aia_reg *out, unsigned max);

#endif
