/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arm64-fields.c - which members of struct arm64_cpu are state. Constant data. */
#include "config.h"

#include "core/cpu/arm64-internal.h"

/* clang-format off */
#define F(t, m)	      { #m, t, offsetof(struct arm64_cpu, m), 1, 0 }
#define FMAX(t, m, x) { #m, t, offsetof(struct arm64_cpu, m), 1, x }
#define FN(t, m, n)   { #m, t, offsetof(struct arm64_cpu, m), n, 0 }
#define BYTES(m)      { #m, CPU_F_BYTES, offsetof(struct arm64_cpu, m), \
			sizeof(((struct arm64_cpu *)0)->m), 0 }
#define KEY(k)	      FN(CPU_F_U64, k, 2)

const struct cpu_field arm64_fields[] = {
	FN(CPU_F_U64, x, 31), F(CPU_F_U64, sp), F(CPU_F_U64, pc),
	F(CPU_F_U64, cc_a), F(CPU_F_U64, cc_b), FMAX(CPU_F_U32, cc_op, 0x3ff),
	F(CPU_F_U32, pstate), F(CPU_F_U32, fpcr), F(CPU_F_U32, fpsr),
	F(CPU_F_U64, tpidr_el0), F(CPU_F_U64, tpidrro_el0), F(CPU_F_U64, tpidr2_el0),
	F(CPU_F_U64, excl_addr), FN(CPU_F_U64, excl_val, 2),
	BYTES(v),
	FN(CPU_F_U64, sp_el, 4), FN(CPU_F_U64, elr_el, 4), FN(CPU_F_U64, spsr_el, 4),
	F(CPU_F_U64, spsr_abt), F(CPU_F_U64, spsr_und), F(CPU_F_U64, spsr_irq),
	F(CPU_F_U64, spsr_fiq),
	F(CPU_F_U64, sctlr), F(CPU_F_U64, actlr), F(CPU_F_U64, cpacr), F(CPU_F_U64, zcr),
	F(CPU_F_U64, ttbr0), F(CPU_F_U64, ttbr1), F(CPU_F_U64, tcr), F(CPU_F_U64, mair),
	F(CPU_F_U64, amair), F(CPU_F_U64, esr), F(CPU_F_U64, far), F(CPU_F_U64, afsr0),
	F(CPU_F_U64, afsr1), F(CPU_F_U64, par), F(CPU_F_U64, vbar), F(CPU_F_U64, disr),
	F(CPU_F_U64, contextidr), F(CPU_F_U64, tpidr_el1), F(CPU_F_U64, scxtnum_el0),
	F(CPU_F_U64, scxtnum_el1), F(CPU_F_U64, csselr), F(CPU_F_U64, mdscr),
	F(CPU_F_U64, mdccint), F(CPU_F_U64, oslsr), F(CPU_F_U64, rgsr), F(CPU_F_U64, gcr),
	F(CPU_F_U64, tfsr), F(CPU_F_U64, tfsre0),
	KEY(key_ia), KEY(key_ib), KEY(key_da), KEY(key_db), KEY(key_ga),
	FN(CPU_F_U64, dbgbvr, ARM64_N_BRK), FN(CPU_F_U64, dbgbcr, ARM64_N_BRK),
	FN(CPU_F_U64, dbgwvr, ARM64_N_BRK), FN(CPU_F_U64, dbgwcr, ARM64_N_BRK),
	F(CPU_F_U64, cntkctl), F(CPU_F_U64, cntfrq), F(CPU_F_U64, cntv_ctl),
	F(CPU_F_U64, cntv_cval), F(CPU_F_U64, cntp_ctl), F(CPU_F_U64, cntp_cval),
	F(CPU_F_U64, cntvct),
	BYTES(sve.z_hi), BYTES(sve.p), BYTES(sve.ffr), FN(CPU_F_U64, sve_vls, 8),
	FMAX(CPU_F_U8, sve_vq, ARM64_SVE_VQ_MAX),
	F(CPU_F_BOOL, serror_pending), F(CPU_F_BOOL, serror_has_esr),
	F(CPU_F_BOOL, ext_dabt_pending), F(CPU_F_U64, serror_esr),
	FMAX(CPU_F_U32, power, ARM64_ON_PENDING), F(CPU_F_U64, on_pc), F(CPU_F_U64, on_ctx),
};
/* clang-format on */
_Static_assert(sizeof(arm64_fields) / sizeof(arm64_fields[0]) == ARM64_N_FIELDS,
               "count");
