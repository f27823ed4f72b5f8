/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aarch64-regs.c - KVM's registers of an AArch64 vCPU: which member of struct arm64_cpu each
 * one is. Pure data and conversions, tested on any host.
 *
 * Spec: Linux api.rst 4.68; DDI 0487 D13 for the encodings.
 *
 * Known gaps: performance monitors, SME and AArch32's own registers are not in the table:
 * they are kept as KVM gives them.
 */
#include "config.h"

#include "kvm/aarch64-regs.h"

#include <string.h>

#define OFF(m)  offsetof(struct arm64_cpu, m)
#define ROOM(m) sizeof(((struct arm64_cpu *)0)->m)
#define CORE(o, m)                                                                     \
	{                                                                              \
		A64_CORE(ONE_REG_U64, o), OFF(m), ROOM(m), ONE_REG_CPU                 \
	}
#define SYS(a, b, c, d, e, m)                                                          \
	{                                                                              \
		A64_SYSREG(a, b, c, d, e), OFF(m), ROOM(m), ONE_REG_CPU                \
	}
#define SYS_HOW(a, b, c, d, e, m, how)                                                 \
	{                                                                              \
		A64_SYSREG(a, b, c, d, e), OFF(m), ROOM(m), how                        \
	}
#define ID(a, b, c, d, e, m) SYS_HOW(a, b, c, d, e, id.m, ONE_REG_RO)

#define X(n)                 CORE(8 * (n), x[n])
#define X8(n)                X(n), X(n + 1), X(n + 2), X(n + 3), X(n + 4), X(n + 5), X(n + 6), X(n + 7)
#define V(n)                                                                           \
	{                                                                              \
		A64_CORE(ONE_REG_U128, 336 + 16 * (n)), OFF(v[n]), ROOM(v[n]),         \
			ONE_REG_CPU                                                    \
	}
#define V8(n) V(n), V(n + 1), V(n + 2), V(n + 3), V(n + 4), V(n + 5), V(n + 6), V(n + 7)
#define Z(n)                                                                           \
	{                                                                              \
		A64_SVE(ONE_REG_U2048, (n) << 5), offsetof(struct a64_view, z[n]),     \
			sizeof(((struct a64_view *)0)->z[n]), ONE_REG_VIEW             \
	}
#define Z8(n) Z(n), Z(n + 1), Z(n + 2), Z(n + 3), Z(n + 4), Z(n + 5), Z(n + 6), Z(n + 7)
#define P(n)                                                                           \
	{                                                                              \
		A64_SVE(ONE_REG_U256, 0x400 | (n) << 5), OFF(sve.p[n]),                \
			ROOM(sve.p[n]), 0                                              \
	}
#define P8(n) P(n), P(n + 1), P(n + 2), P(n + 3), P(n + 4), P(n + 5), P(n + 6), P(n + 7)
#define BRK(n)                                                                         \
	SYS(2, 0, 0, n, 4, dbgbvr[n]), SYS(2, 0, 0, n, 5, dbgbcr[n]),                  \
		SYS(2, 0, 0, n, 6, dbgwvr[n]), SYS(2, 0, 0, n, 7, dbgwcr[n])
#define BRK4(n) BRK(n), BRK(n + 1), BRK(n + 2), BRK(n + 3)

/* clang-format off */
const struct one_reg a64_regs[] = {
	X8(0), X8(8), X8(16), X(24), X(25), X(26), X(27), X(28), X(29), X(30),
	CORE(248, sp_el[0]), CORE(256, pc),
	{ A64_CORE(ONE_REG_U64, 264), offsetof(struct a64_view, pstate), 8, ONE_REG_VIEW },
	CORE(272, sp_el[1]), CORE(280, elr_el[1]), CORE(288, spsr_el[1]), CORE(296, spsr_abt),
	CORE(304, spsr_und), CORE(312, spsr_irq), CORE(320, spsr_fiq),
	V8(0), V8(8), V8(16), V8(24),
	{ A64_CORE(ONE_REG_U32, 848), OFF(fpsr), ROOM(fpsr), 0 },
	{ A64_CORE(ONE_REG_U32, 852), OFF(fpcr), ROOM(fpcr), 0 },
	Z8(0), Z8(8), Z8(16), Z8(24), P8(0), P8(8),
	{ A64_SVE(ONE_REG_U256, 0x600), OFF(sve.ffr), ROOM(sve.ffr), 0 },
	{ A64_SVE_VLS, OFF(sve_vls), ROOM(sve_vls), ONE_REG_RO }, /* final after set-up */

	SYS(3, 0, 1, 0, 0, sctlr), SYS(3, 0, 1, 0, 1, actlr), SYS(3, 0, 1, 0, 2, cpacr),
	SYS(3, 0, 1, 0, 5, rgsr), SYS(3, 0, 1, 0, 6, gcr), SYS(3, 0, 1, 2, 0, zcr),
	SYS(3, 0, 2, 0, 0, ttbr0), SYS(3, 0, 2, 0, 1, ttbr1), SYS(3, 0, 2, 0, 2, tcr),
	SYS(3, 0, 2, 1, 0, key_ia.lo), SYS(3, 0, 2, 1, 1, key_ia.hi),
	SYS(3, 0, 2, 1, 2, key_ib.lo), SYS(3, 0, 2, 1, 3, key_ib.hi),
	SYS(3, 0, 2, 2, 0, key_da.lo), SYS(3, 0, 2, 2, 1, key_da.hi),
	SYS(3, 0, 2, 2, 2, key_db.lo), SYS(3, 0, 2, 2, 3, key_db.hi),
	SYS(3, 0, 2, 3, 0, key_ga.lo), SYS(3, 0, 2, 3, 1, key_ga.hi),
	SYS(3, 0, 5, 1, 0, afsr0), SYS(3, 0, 5, 1, 1, afsr1), SYS(3, 0, 5, 2, 0, esr),
	SYS(3, 0, 5, 6, 0, tfsr), SYS(3, 0, 5, 6, 1, tfsre0), SYS(3, 0, 6, 0, 0, far),
	SYS(3, 0, 7, 4, 0, par), SYS(3, 0, 10, 2, 0, mair), SYS(3, 0, 10, 3, 0, amair),
	SYS(3, 0, 12, 0, 0, vbar), SYS(3, 0, 12, 1, 1, disr),
	SYS(3, 0, 13, 0, 1, contextidr), SYS(3, 0, 13, 0, 4, tpidr_el1),
	SYS(3, 0, 13, 0, 7, scxtnum_el1), SYS(3, 0, 14, 1, 0, cntkctl),
	SYS(3, 2, 0, 0, 0, csselr), SYS(3, 3, 13, 0, 2, tpidr_el0),
	SYS(3, 3, 13, 0, 3, tpidrro_el0), SYS(3, 3, 13, 0, 5, tpidr2_el0),
	SYS(3, 3, 13, 0, 7, scxtnum_el0),
	SYS(2, 0, 0, 2, 0, mdccint), SYS(2, 0, 0, 2, 2, mdscr), SYS(2, 0, 1, 1, 4, oslsr),
	BRK4(0), BRK4(4), BRK4(8), BRK4(12),

	/* KVM's ids of the virtual timer's compare value and count are each other's. */
	SYS(3, 3, 14, 0, 2, cntv_cval),
	SYS_HOW(3, 3, 14, 3, 2, cntvct, ONE_REG_RO), /* pushing it moves the guest's clock */
	SYS_HOW(3, 3, 14, 3, 1, cntv_ctl, ONE_REG_LATE),
	SYS(3, 3, 14, 2, 2, cntp_cval), SYS_HOW(3, 3, 14, 2, 1, cntp_ctl, ONE_REG_LATE),
	{ A64_SYSREG(3, 3, 14, 0, 1), 0, 0, ONE_REG_SKIP }, /* the physical count */

	ID(3, 0, 0, 0, 0, midr), ID(3, 0, 0, 0, 5, mpidr), ID(3, 0, 0, 0, 6, revidr),
	ID(3, 0, 0, 4, 0, pfr0), ID(3, 0, 0, 4, 1, pfr1), ID(3, 0, 0, 4, 2, pfr2),
	ID(3, 0, 0, 4, 4, zfr0), ID(3, 0, 0, 4, 5, smfr0),
	ID(3, 0, 0, 5, 0, dfr0), ID(3, 0, 0, 5, 1, dfr1), ID(3, 0, 0, 5, 4, afr0),
	ID(3, 0, 0, 5, 5, afr1), ID(3, 0, 0, 6, 0, isar0), ID(3, 0, 0, 6, 1, isar1),
	ID(3, 0, 0, 6, 2, isar2), ID(3, 0, 0, 7, 0, mmfr0), ID(3, 0, 0, 7, 1, mmfr1),
	ID(3, 0, 0, 7, 2, mmfr2), ID(3, 0, 0, 7, 3, mmfr3), ID(3, 1, 0, 0, 1, clidr),
	ID(3, 1, 0, 0, 7, aidr), ID(3, 3, 0, 0, 1, ctr), ID(3, 3, 0, 0, 7, dczid),
};
/* clang-format on */
const unsigned a64_n_regs = ARRAY_LEN(a64_regs);

void a64_from_view(struct arm64_cpu *c, const struct a64_view *w)
{
	arm64_set_pstate(c, (uint32_t)w->pstate);
	arm64_unbank_sp(c);
	c->excl_addr =
		~UINT64_C(0); /* nobody knows it; losing a reservation is legal */
	for (unsigned i = 0; i < 32 && c->sve_vq; i++) {
		memcpy(&c->v[i], w->z[i], 16);
		memcpy(c->sve.z_hi[i], w->z[i] + 16, ARM64_SVE_HI);
	}
}

void a64_to_view(struct arm64_cpu *c, struct a64_view *w)
{
	arm64_bank_sp(c);
	w->pstate = arm64_pstate(c);
	for (unsigned i = 0; i < 32 && c->sve_vq; i++) {
		memcpy(w->z[i], &c->v[i], 16);
		memcpy(w->z[i] + 16, c->sve.z_hi[i], ARM64_SVE_HI);
	}
}
