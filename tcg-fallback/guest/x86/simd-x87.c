/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-x87.c - x87 instructions: checks here, work in helpers (simd-x87-ops.c).
 *
 * Models: SDM vol. 1 chapter 8; vol. 2 appendix A, tables.
 *
 * Known gaps: with CR0.NE clear, pending exceptions still give #MF (no FERR#).
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"
#include "tcg-fallback/guest/x86/simd-x87.h"
#include "tcg-fallback/guest/x86/simd.h"

bool sd_x87_ready(struct xt *x, bool mmx)
{
	struct ir_unit *u = x->u;
	ir_val sw;

	if (mmx && x->key & XH_EM) {
		xt_raise(x, X86_EXC_UD);
		return false;
	}
	if (x->key & (XH_TS | XH_EM)) {
		xt_raise(x, X86_EXC_NM);
		return false;
	}
	sw = ir_ldenv(u, IR_I8, offsetof(struct x86_cpu, fpsw));
	sw = ir_op2i(u, IR_and, IR_I8, sw, (int8_t)0x80);
	ir_brcmp(u, IR_I8, IR_NE, sw, ir_const(u, IR_I8, 0),
	         xt_slow(x, XSL_RAISE, X86_EXC_MF));
	return true;
}

/* Which register forms exist (ModRM C0..FF), per opcode, a bit for each row of eight. */
static bool x87_reg_exists(unsigned op, unsigned modrm)
{
	unsigned row = modrm >> 3 & 7, rm = modrm & 7;

	switch (op) {
	case 0xd9:
		switch (row) {
		case 2: return rm == 0;
		case 3: return true; /* FSTP1, an alias */
		case 4: return rm < 2 || rm == 4 || rm == 5;
		case 5: return rm < 7;
		default: return true;
		}
	case 0xda: return row < 4 || (row == 5 && rm == 1);
	case 0xdb: return row < 4 || (row == 4 && rm < 5) || row == 5 || row == 6;
	case 0xdd: return row < 6;
	case 0xde: return row != 3 || rm == 1;
	case 0xdf: return row < 4 || (row == 4 && rm == 0) || row == 5 || row == 6;
	default: return true;
	}
}

static bool x87_mem_exists(unsigned op, unsigned row)
{
	switch (op) {
	case 0xd9: return row != 1;
	case 0xdb: return row != 4 && row != 6;
	case 0xdd: return row != 5;
	default: return true;
	}
}

static bool x87_is_flags(unsigned op, unsigned modrm)
{
	unsigned row = modrm >> 3 & 7;

	return (op == 0xda && row < 4) ||
	       (op == 0xdb && (row < 4 || row == 5 || row == 6)) ||
	       (op == 0xdf && (row == 5 || row == 6));
}

bool simd_x87(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned op = x->i.opcode, modrm = x->i.modrm;
	uint64_t fmt = (x->i.opsize == 2 ? 1 : 0) |
	               (!(x->key & XH_PE) || x->key & XH_VM86 ? 2 : 0);
	ir_val code = ir_const(u, IR_I64, op << 8 | modrm), pc = ir_pc(u, x->off), v;

	if (x->i.is_mem ? !x87_mem_exists(op, x->i.reg & 7)
	                : !x87_reg_exists(op, modrm)) {
		return false;
	}
	if (x->key & (XH_TS | XH_EM)) {
		xt_raise(x, X86_EXC_NM);
		return true;
	}
	if (x->i.is_mem) {
		xt_call(x, XHELP_x87_mem, code,
		        xt_linear(x, 10, x87_mem_writes(op, x->i.reg & 7)),
		        ir_const(u, IR_I64, (int64_t)fmt), pc);
		return true;
	}
	v = xt_call(x, x87_is_flags(op, modrm) ? XHELP_x87_flags : XHELP_x87_reg, code,
	            0, ir_const(u, IR_I64, (int64_t)fmt), pc);
	if (op == 0xdf && modrm == 0xe0) {
		xt_set_gpr(x, 2, X86_RAX, ir_trunc(u, IR_I16, v));
	}
	return true;
}

bool simd_fwait(struct xt *x)
{
	if ((x->key & (XH_MP | XH_TS)) == (XH_MP | XH_TS)) {
		xt_raise(x, X86_EXC_NM);
		return true;
	}
	/* D9 D0 is FNOP: a waiting instruction without effect */
	xt_call(x, XHELP_x87_reg, ir_const(x->u, IR_I64, 0xd9d0), 0, 0,
	        ir_pc(x->u, x->off));
	return true;
}
