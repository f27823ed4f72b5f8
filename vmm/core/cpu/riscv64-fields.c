/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riscv64-fields.c - which members of struct riscv64_cpu are state. Constant data. */
#include "config.h"

#include "core/cpu/riscv64-internal.h"

/* clang-format off */
#define F(t, m)	      { #m, t, offsetof(struct riscv64_cpu, m), 1, 0 }
#define FMAX(t, m, x) { #m, t, offsetof(struct riscv64_cpu, m), 1, x }
#define FN(t, m, n)   { #m, t, offsetof(struct riscv64_cpu, m), n, 0 }
#define BYTES(m)      { #m, CPU_F_BYTES, offsetof(struct riscv64_cpu, m), \
			sizeof(((struct riscv64_cpu *)0)->m), 0 }

const struct cpu_field riscv64_fields[] = {
	FN(CPU_F_U64, x, 32), F(CPU_F_U64, pc), FMAX(CPU_F_U32, frm, 7),
	FMAX(CPU_F_U32, fflags, 31), F(CPU_F_U64, res_addr), F(CPU_F_U64, res_val),
	FMAX(CPU_F_U32, priv, RISCV64_M), F(CPU_F_U64, mstatus), FN(CPU_F_U64, f, 32),
	F(CPU_F_U64, vl), F(CPU_F_U64, vtype), F(CPU_F_U64, vstart), FMAX(CPU_F_U64, vcsr, 7),
	FMAX(CPU_F_U64, vlenb, RISCV64_VLENB_MAX), BYTES(v),
	F(CPU_F_U64, stvec), F(CPU_F_U64, sscratch), F(CPU_F_U64, sepc), F(CPU_F_U64, scause),
	F(CPU_F_U64, stval), F(CPU_F_U64, satp), F(CPU_F_U64, scounteren),
	F(CPU_F_U64, senvcfg), F(CPU_F_U64, stimecmp), F(CPU_F_U64, sstateen0),
	F(CPU_F_U64, aia.siselect), F(CPU_F_U64, aia.iprio1), F(CPU_F_U64, aia.iprio2),
	F(CPU_F_U64, aia.sieh), F(CPU_F_U64, aia.siph), F(CPU_F_U64, aia.iprio1h),
	F(CPU_F_U64, aia.iprio2h),
	F(CPU_F_U64, mie), F(CPU_F_U64, medeleg), F(CPU_F_U64, mideleg), F(CPU_F_U64, mtvec),
	F(CPU_F_U64, mscratch), F(CPU_F_U64, mepc), F(CPU_F_U64, mcause), F(CPU_F_U64, mtval),
	F(CPU_F_U64, mip), F(CPU_F_U64, mcounteren), F(CPU_F_U64, mcountinhibit),
	F(CPU_F_U64, menvcfg), F(CPU_F_U64, mseccfg), F(CPU_F_U64, misa),
	F(CPU_F_U64, mcycle_off), F(CPU_F_U64, minstret_off), BYTES(pmpcfg),
	FN(CPU_F_U64, pmpaddr, RISCV64_N_PMP),
	F(CPU_F_U64, time), F(CPU_F_U64, time_freq), F(CPU_F_BOOL, timer_on),
	F(CPU_F_BOOL, ext_irq), FMAX(CPU_F_U32, hart_state, RISCV64_START_PENDING),
	F(CPU_F_U64, on_pc), F(CPU_F_U64, on_ctx), F(CPU_F_U64, mhartid),
	F(CPU_F_U64, mvendorid), F(CPU_F_U64, marchid), F(CPU_F_U64, mimpid),
	F(CPU_F_U64, zicbom_bytes), F(CPU_F_U64, zicboz_bytes), F(CPU_F_BOOL, no_machine),
};
/* clang-format on */
_Static_assert(sizeof(riscv64_fields) / sizeof(riscv64_fields[0]) == RISCV64_N_FIELDS,
               "count");
