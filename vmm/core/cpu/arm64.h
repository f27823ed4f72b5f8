/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64.h - the architectural state of one AArch64 processing element.
 *
 * Models: Arm Architecture Reference Manual for A-profile (DDI 0487), parts B1, C5,
 * D1, D8, D13; SVE from the same. KVM fills this struct and is filled from it;
 * migration, the gdb stub and QMP read only it; it is laid out so that translated code
 * can run on it: what such code uses most comes first.
 *
 * Owner: the vCPU's thread while it runs; anyone while it is stopped. `power` and what
 * goes with it are touched by other vCPUs (PSCI CPU_ON).
 *
 * Known gaps: AArch32 state at EL0 is only what shares registers with AArch64 plus the
 * banked SPSRs; EL2 and EL3 have stack pointers, link registers and saved PSTATEs, but no
 * system registers; SME is absent. Performance monitors have no fields: under KVM they
 * travel among the registers that kvm/ keeps as they come.
 */
#ifndef LODGE_CORE_CPU_ARM64_H
#define LODGE_CORE_CPU_ARM64_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/cpu/arch.h"

struct vcpu;

/* PSTATE, as SPSR_ELx holds it */
#define ARM64_PS_M_MASK 0x1fu
#define ARM64_PS_SP     BIT(0) /* SPSel: 0 = SP_EL0 */
#define ARM64_PS_EL(p)  ((p) >> 2 & 3)
#define ARM64_PS_NRW    BIT(4) /* AArch32 */
#define ARM64_PS_F      BIT(6)
#define ARM64_PS_I      BIT(7)
#define ARM64_PS_A      BIT(8)
#define ARM64_PS_D      BIT(9)
#define ARM64_PS_BTYPE  (3u << 10)
#define ARM64_PS_SSBS   BIT(12)
#define ARM64_PS_IL     BIT(20)
#define ARM64_PS_SS     BIT(21)
#define ARM64_PS_PAN    BIT(22)
#define ARM64_PS_UAO    BIT(23)
#define ARM64_PS_DIT    BIT(24)
#define ARM64_PS_TCO    BIT(25)
#define ARM64_PS_V      BIT(28)
#define ARM64_PS_C      BIT(29)
#define ARM64_PS_Z      BIT(30)
#define ARM64_PS_N      BIT(31)
#define ARM64_PS_NZCV   (15u << 28)
#define ARM64_PS_EL1H   5u

#define ARM64_SCTLR_M   BIT(0)
#define ARM64_SCTLR_EE  BIT(25) /* EL1 data and table walks are big-endian */

/* TCR_EL1 */
#define ARM64_TCR_T0SZ(t) ((unsigned)(t)&63)
#define ARM64_TCR_EPD0    BIT64(7)
#define ARM64_TCR_TG0(t)  ((unsigned)((t) >> 14) & 3)
#define ARM64_TCR_T1SZ(t) ((unsigned)((t) >> 16) & 63)
#define ARM64_TCR_EPD1    BIT64(23)
#define ARM64_TCR_TG1(t)  ((unsigned)((t) >> 30) & 3)
#define ARM64_TCR_IPS(t)  ((unsigned)((t) >> 32) & 7)
#define ARM64_TCR_TBI0    BIT64(37)
#define ARM64_TCR_TBI1    BIT64(38)
#define ARM64_TCR_DS      BIT64(59)

/* vcpu->requests */
#define ARM64_REQ_IRQ    BIT(0)
#define ARM64_REQ_FIQ    BIT(1)
#define ARM64_REQ_SERROR BIT(2)
#define ARM64_REQ_POWER  BIT(3) /* PSCI CPU_ON: see arm64_power_up() */

enum arm64_power { ARM64_ON, ARM64_OFF, ARM64_ON_PENDING };

enum {
	ARM64_SVE_VQ_MAX = 16, /* a vector has up to 16 quadwords of 128 bits */
	ARM64_SVE_HI = 16 * (ARM64_SVE_VQ_MAX - 1),
	ARM64_SVE_PBYTES = 2 * ARM64_SVE_VQ_MAX,
	ARM64_N_BRK = 16,
};

union arm64_vec {
	uint8_t b[16];
	uint16_t h[8];
	uint32_t s[4];
	uint64_t d[2];
	float f[4];
	double lf[2];
} __aligned_to(16);

/* ID registers: what the model is. Read-only for the guest. ORDER: arm64-fields.c */
struct arm64_ident {
	uint64_t midr, revidr, mpidr, ctr, dczid, clidr, aidr;
	uint64_t pfr0, pfr1, pfr2, zfr0, smfr0, dfr0, dfr1, afr0, afr1;
	uint64_t isar0, isar1, isar2, mmfr0, mmfr1, mmfr2, mmfr3;
};

struct arm64_cpu {
	/* ---- hot: used by translated code ---- */
	uint64_t x[31];
	uint64_t sp; /* the one in use; its entry of sp_el[] is stale meanwhile */
	uint64_t pc;
	/* Lazy NZCV: CC_OP_FLAGS with cc_a = the four bits at their PSTATE places whenever
	 * the vCPU is outside translated code. */
	uint64_t cc_a, cc_b;
	uint32_t cc_op;
	uint32_t pstate; /* everything but NZCV */
	uint32_t fpcr, fpsr;
	uint64_t tpidr_el0, tpidrro_el0, tpidr2_el0;
	uint64_t excl_addr, excl_val[2]; /* local monitor; excl_addr ~0: open */
	uint64_t scratch[8]; /* for multi-part instructions of the front end */

	/* V registers; bits 128 and up of the Z registers are in sve.z_hi, so that
	 * code without SVE touches 512 bytes only. */
	union arm64_vec v[32];

	/* ---- system: EL1 and what EL0 can see ---- */
	uint64_t sp_el[4], elr_el[4],
		spsr_el[4]; /* by level; [0] of the latter two unused */
	uint64_t spsr_abt, spsr_und, spsr_irq, spsr_fiq;
	uint64_t sctlr, actlr, cpacr, zcr;
	uint64_t ttbr0, ttbr1, tcr, mair, amair;
	uint64_t esr, far, afsr0, afsr1, par, vbar, disr;
	uint64_t contextidr, tpidr_el1, scxtnum_el0, scxtnum_el1;
	uint64_t csselr, mdscr, mdccint, oslsr;
	uint64_t rgsr, gcr, tfsr, tfsre0; /* memory tagging */
	struct {
		uint64_t lo, hi;
	} key_ia, key_ib, key_da, key_db, key_ga; /* pointer authentication */
	uint64_t dbgbvr[ARM64_N_BRK], dbgbcr[ARM64_N_BRK];
	uint64_t dbgwvr[ARM64_N_BRK], dbgwcr[ARM64_N_BRK];

	/* ---- generic timer ---- */
	uint64_t cntkctl, cntfrq;
	uint64_t cntv_ctl, cntv_cval, cntp_ctl, cntp_cval;
	uint64_t cntvct; /* the virtual count when the state was taken */

	/* ---- SVE: valid when sve_vq != 0 ---- */
	struct {
		uint8_t z_hi[32][ARM64_SVE_HI];
		uint8_t p[16][ARM64_SVE_PBYTES];
		uint8_t ffr[ARM64_SVE_PBYTES];
	} sve;
	uint64_t sve_vls[8]; /* bit n: a length of n + 1 quadwords is offered */
	uint8_t sve_vq;      /* longest length offered, in quadwords; 0: no SVE */

	/* ---- pending events: part of the state that migrates ---- */
	bool serror_pending, serror_has_esr, ext_dabt_pending;
	uint64_t serror_esr;
	_Atomic uint32_t power; /* enum arm64_power */
	uint64_t on_pc, on_ctx; /* set by who switches it on, before ARM64_REQ_POWER */

	/* ---- identification ---- */
	struct arm64_ident id;
	const char *model; /* name, static */
	bool psci_in_kernel;
	struct vcpu *vcpu;
};

/* Full PSTATE image; needs cc_op == CC_OP_FLAGS (outside translated code). */
static inline uint32_t arm64_pstate(const struct arm64_cpu *c)
{
	return (c->pstate & ~ARM64_PS_NZCV) | ((uint32_t)c->cc_a & ARM64_PS_NZCV);
}
/* Does not move the stack pointers: arm64_bank_sp() before, arm64_unbank_sp() after. */
static inline void arm64_set_pstate(struct arm64_cpu *c, uint32_t v)
{
	c->cc_op = 0; /* CC_OP_FLAGS */
	c->cc_a = v & ARM64_PS_NZCV;
	c->pstate = v & ~ARM64_PS_NZCV;
}
static inline unsigned arm64_el(const struct arm64_cpu *c)
{
	return c->pstate & ARM64_PS_NRW ? 0 : ARM64_PS_EL(c->pstate);
}
/* Which of sp_el[] `sp` stands for. */
static inline unsigned arm64_sp_index(const struct arm64_cpu *c)
{
	return c->pstate & ARM64_PS_SP ? arm64_el(c) : 0;
}
static inline void arm64_bank_sp(struct arm64_cpu *c)
{
	c->sp_el[arm64_sp_index(c)] = c->sp;
}
static inline void arm64_unbank_sp(struct arm64_cpu *c)
{
	c->sp = c->sp_el[arm64_sp_index(c)];
}

/* MPIDR_EL1 of vCPU `index`: 16 a cluster, as GICv3 wants for its SGI target lists. */
uint64_t arm64_mpidr_of(unsigned index);
/* On the vCPU's own thread: acts on ARM64_REQ_POWER. True when it runs now. */
bool arm64_power_up(struct arm64_cpu *c);

/* ---- stage 1 of the EL1&0 regime (arm64-mmu.c) ---- */

struct arm64_xlat {
	uint64_t pa;
	uint64_t desc;       /* block or page descriptor; 0: the MMU is off */
	int8_t level;        /* of that descriptor: -1 to 3 */
	uint8_t shift;       /* log2 of the bytes it maps */
	uint8_t table_attrs; /* what tables above it forbid: bits 63..59 of theirs, or-ed */
};

/* Reads guest physical memory; false: there is none. */
typedef bool arm64_peek_fn(void *opaque, uint64_t pa, void *out, unsigned len);

/* 0, or -EFAULT when the address does not translate. Permissions and the access flag are
 * not looked at. No side effects but those of `peek`. */
int arm64_walk(const struct arm64_cpu *c, uint64_t va, arm64_peek_fn *peek,
               void *opaque, struct arm64_xlat *out);

#endif
