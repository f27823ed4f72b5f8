/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aarch64-regs.h - KVM's registers of an AArch64 vCPU, and the GIC's, by their numbers.
 *
 * The encodings are those of Linux (api.rst 4.68; devices/arm-vgic-v3.rst) written out, so
 * that the tables can be looked at on any host; arch-aarch64.c checks them against the
 * kernel's headers.
 */
#ifndef LODGE_KVM_AARCH64_REGS_H
#define LODGE_KVM_AARCH64_REGS_H

#include "core/cpu/arm64.h"
#include "kvm/one-reg.h"

/* System register by its MRS operands, without architecture and size. */
#define A64_SYS(op0, op1, crn, crm, op2)                                               \
	((uint64_t)((op0) << 14 | (op1) << 11 | (crn) << 7 | (crm) << 3 | (op2)))
#define A64_SYSREG(op0, op1, crn, crm, op2)                                            \
	(ONE_REG_ARM64 | ONE_REG_U64 | UINT64_C(0x130000) |                            \
	 A64_SYS(op0, op1, crn, crm, op2))
/* Core register by its offset in KVM's struct of them. */
#define A64_CORE(size, offset)                                                         \
	(ONE_REG_ARM64 | (size) | UINT64_C(0x100000) | (offset) / 4)
#define A64_SVE(size, n) (ONE_REG_ARM64 | (size) | UINT64_C(0x150000) | (n))
#define A64_SVE_VLS      A64_SVE(ONE_REG_U512, 0xffff)
#define A64_TIMER_CNT    A64_SYSREG(3, 3, 14, 3, 2)

/* What has another format in the struct. */
struct a64_view {
	uint64_t pstate;
	uint8_t z[32][16 * ARM64_SVE_VQ_MAX]; /* whole Z registers, little-endian */
};

extern const struct one_reg a64_regs[];
extern const unsigned a64_n_regs;

/* After a pull, before a push. The stack pointer in use is banked and unbanked. */
void a64_from_view(struct arm64_cpu *c, const struct a64_view *w);
void a64_to_view(struct arm64_cpu *c, struct a64_view *w);

/* ---- GIC ---- */

enum gic_group {
	GIC_GRP_DIST = 1,
	GIC_GRP_V2_CPU = 2,
	GIC_GRP_REDIST = 5,
	GIC_GRP_SYSREGS = 6,
};

/* One register of KVM's GIC. Set-type registers only set: `clear` is written with ones
 * first. */
struct gic_reg {
	uint32_t group;
	bool optional, has_clear;
	uint64_t attr, clear;
	uint64_t val;
};

/* All registers that hold state, in the order in which they may be written; up to max; the
 * number there is. mpidr: of each vCPU. */
unsigned gic_v3_list(unsigned n_irqs, const uint64_t *mpidr, unsigned n_vcpus,
                     struct gic_reg *out, unsigned max);
unsigned gic_v2_list(unsigned n_irqs, unsigned n_vcpus, struct gic_reg *out,
                     unsigned max);

/* MPIDR_EL1 as the vgic's attributes hold it. */
static inline uint64_t gic_affinity(uint64_t mpidr)
{
	return (mpidr & 0xffffff) << 32 | (mpidr >> 32 & 0xff) << 56;
}

#endif
