/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-mov.c - moves, extensions, stack instructions, flag instructions, hints.
 *
 * Models: SDM vol. 2. Memory is accessed before any register changes, so that a fault
 * leaves the instruction undone.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

void xi_mov(struct xt *x)
{
	xt_wr(x, 0, xt_rd(x, 1));
}

void xi_movimm(struct xt *x)
{
	xt_wr(x, 0, xt_rd(x, 1));
}

void xi_movnti(struct xt *x)
{
	xt_wr(x, 0, xt_rd(x, 1));
}

static void xt_extend(struct xt *x, bool s)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0), from = xt_size(x, 1);
	enum ir_type t = xt_type(size), ft = xt_type(from);
	ir_val v;

	if (from > size) { /* MOVSXD with a 16-bit destination reads 16 bits */
		from = size;
		ft = t;
	}
	if (x->i.is_mem) {
		/* straight into the wide form of the destination */
		enum ir_type lt = size < 4 ? IR_I32 : t;
		unsigned m = xt_msize(from) | (s ? IR_M_SX : 0);

		if (from == size) {
			v = ir_ld(u, t, xt_mem(x, from, false), xt_msize(from));
		} else {
			v = ir_ld(u, lt, xt_mem(x, from, false), m);
			v = lt != t ? ir_trunc(u, t, v) : v;
		}
	} else {
		v = xt_gpr(x, from, x->i.rm);
		if (from != size) {
			v = s ? ir_sext(u, t, v, ft) : ir_zext(u, t, v, ft);
		}
	}
	xt_wr(x, 0, v);
}

void xi_movsx(struct xt *x)
{
	xt_extend(x, true);
}

void xi_movzx(struct xt *x)
{
	xt_extend(x, false);
}

/* The load happens, and a 32-bit destination is zero-extended, whatever the condition. */
void xi_cmov(struct xt *x)
{
	ir_val v = xt_rd(x, 1), old = xt_rd(x, 0);

	xt_wr(x, 0,
	      ir_selcc(x->u, xt_type(xt_size(x, 0)), x->i.d->arg, ir_fget(x->u), v,
	               old));
}

void xi_setcc(struct xt *x)
{
	xt_wr(x, 0, ir_setcc(x->u, IR_I8, x->i.d->arg, ir_fget(x->u)));
}

/* CBW, CWDE, CDQE */
void xi_cbw(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize;
	enum ir_type half = xt_type(size / 2);

	xt_set_gpr(x, size, X86_RAX,
	           ir_sext(u, xt_type(size), ir_get(u, half, XS_GPR + X86_RAX), half));
}

/* CWD, CDQ, CQO */
void xi_cwd(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize;
	ir_val v = ir_get(u, xt_type(size), XS_GPR + X86_RAX);

	xt_set_gpr(
		x, size, X86_RDX,
		ir_op2(u, IR_sar, xt_type(size), v, ir_const(u, IR_I8, size * 8 - 1)));
}

void xi_xlat(struct xt *x)
{
	struct ir_unit *u = x->u;
	ir_val off = xt_areg(x, X86_RBX);
	ir_val al = ir_zext(u, IR_I64, ir_get(u, IR_I8, XS_GPR + X86_RAX), IR_I8);
	unsigned seg = x->i.seg_override != XR_NONE ? x->i.seg_override : X86_DS;

	off = ir_op2(u, IR_add, IR_I64, off, al);
	if (x->i.asize < 8) {
		enum ir_type t = xt_type(x->i.asize);

		off = ir_zext(u, IR_I64, ir_trunc(u, t, off), t);
	}
	xt_set_gpr(
		x, 1, X86_RAX,
		ir_ld(u, IR_I8, xt_seg_addr(x, seg, off, X86_RBX, 1, false), IR_M_1));
}

/* ---- stack ---- */

void xi_push(struct xt *x)
{
	xt_push(x, x->i.opsize, xt_rd(x, 0));
}

void xi_push_imm(struct xt *x)
{
	xt_push(x, x->i.opsize, xt_imm(x, xt_type(x->i.opsize), x->i.imm));
}

void xi_pop(struct xt *x)
{
	unsigned size = x->i.opsize;
	ir_val v = xt_stack_ld(x, size, 0);

	if (xt_is_mem(x, 0)) {
		if (x->i.base == X86_RSP) { /* the address uses RSP as after the pop */
			x->i.disp += (int)size;
		}
		xt_wr(x, 0, v);
		xt_sp_add(x, size);
	} else {
		xt_sp_add(x, size);
		xt_wr(x, 0, v);
	}
}

void xi_pusha(struct xt *x)
{
	unsigned size = x->i.opsize;

	for (unsigned r = 0; r < 8; r++) {
		xt_stack_st(x, size, -(int)(size * (r + 1)),
		            ir_get(x->u, xt_type(size), XS_GPR + r));
	}
	xt_sp_add(x, -(int)(size * 8));
}

void xi_popa(struct xt *x)
{
	unsigned size = x->i.opsize;
	ir_val v[8] = { 0 };

	for (unsigned r = 0; r < 8; r++) {
		if (r != X86_RSP) {
			v[r] = xt_stack_ld(x, size, (int)(size * (7 - r)));
		}
	}
	for (unsigned r = 0; r < 8; r++) {
		if (r != X86_RSP) {
			xt_set_gpr(x, size, r, v[r]);
		}
	}
	xt_sp_add(x, size * 8);
}

void xi_enter(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize, ss = xt_stack_size(x), level = x->i.imm2 & 31;
	ir_val rbp = ir_get(u, xt_type(size), XS_GPR + X86_RBP), frame;
	int n = -(int)size;

	xt_stack_st(x, size, n, rbp);
	frame = ir_op2i(u, IR_add, xt_type(ss),
	                ir_get(u, xt_type(ss), XS_GPR + X86_RSP), n);
	for (unsigned k = 1; k < level;
	     k++) { /* copies of the outer frames' pointers */
		ir_val a = ir_op2i(u, IR_add, xt_type(ss),
		                   ir_get(u, xt_type(ss), XS_GPR + X86_RBP),
		                   -(int)(size * k));

		a = ss < 8 ? ir_zext(u, IR_I64, a, xt_type(ss)) : a;
		a = ir_ld(u, xt_type(size),
		          xt_seg_addr(x, X86_SS, a, X86_RBP, size, false),
		          xt_msize(size));
		n -= (int)size;
		xt_stack_st(x, size, n, a);
	}
	if (level) {
		ir_val f = ss < 8 ? ir_zext(u, IR_I64, frame, xt_type(ss)) : frame;

		n -= (int)size;
		xt_stack_st(x, size, n, size < 8 ? ir_trunc(u, xt_type(size), f) : f);
	}
	/* processors look whether the frame's end can be written */
	ir_ld(u, xt_type(size), xt_stack_addr(x, size, n - (int)x->i.imm, true),
	      xt_msize(size) | IR_M_RMW);
	xt_sp_add(x, n - (int64_t)x->i.imm);
	frame = ss < 8 ? ir_zext(u, IR_I64, frame, xt_type(ss)) : frame;
	xt_set_gpr(x, size, X86_RBP,
	           size < 8 ? ir_trunc(u, xt_type(size), frame) : frame);
}

void xi_leave(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize, ss = xt_stack_size(x);
	ir_val bp = ir_get(u, xt_type(ss), XS_GPR + X86_RBP), off, v;

	off = ss < 8 ? ir_zext(u, IR_I64, bp, xt_type(ss)) : bp;
	v = ir_ld(u, xt_type(size), xt_seg_addr(x, X86_SS, off, X86_RBP, size, false),
	          xt_msize(size));
	xt_set_gpr(x, ss, X86_RSP, ir_op2i(u, IR_add, xt_type(ss), bp, size));
	xt_set_gpr(x, size, X86_RBP, v);
}

/* ---- flags ---- */

static ir_val xt_fpack(struct xt *x)
{
	return ir_emit(
		x->u,
		(struct ir_ins){ .op = IR_fpack, .type = IR_I32, .a = ir_fget(x->u) });
}

static bool xt_no_lahf(struct xt *x)
{
	if (x->code == XH_CODE64 && !x86_has(x->cpu, XF_LAHF)) {
		xt_ud(x);
		return true;
	}
	return false;
}

static ir_val xt_get64(struct xt *x, unsigned reg)
{
	return ir_get(x->u, IR_I64, XS_GPR + reg);
}

void xi_lahf(struct xt *x)
{
	struct ir_unit *u = x->u;
	ir_val v;

	if (xt_no_lahf(x)) {
		return;
	}
	v = ir_op2i(u, IR_or, IR_I32, xt_fpack(x), 2);
	ir_set(u, XS_GPR + X86_RAX, ir_dep(u, IR_I64, xt_get64(x, X86_RAX), v, 8, 8));
}

void xi_sahf(struct xt *x)
{
	struct ir_unit *u = x->u;
	ir_val ah;

	if (xt_no_lahf(x)) {
		return;
	}
	ah = ir_extr(u, IR_I32, ir_get(u, IR_I32, XS_GPR + X86_RAX), 8, 8);
	xt_fset_mix(x, IR_FL_ALL & ~IR_FL_O, xt_funpack(x, ah));
}

void xi_salc(struct xt *x)
{
	struct ir_unit *u = x->u;

	xt_set_gpr(x, 1, X86_RAX,
	           ir_op1(u, IR_neg, IR_I8, ir_setcc(u, IR_I8, IR_LTU, ir_fget(u))));
}

/* arg is the opcode: CMC CLC STC CLD STD */
void xi_flagop(struct xt *x)
{
	struct ir_unit *u = x->u;

	switch (x->i.d->arg) {
	case 0xf5: xt_set_cf(x, ir_setcc(u, IR_I32, IR_GEU, ir_fget(u))); break;
	case 0xf8:
	case 0xf9: xt_set_cf(x, ir_const(u, IR_I32, x->i.d->arg & 1)); break;
	default:
		ir_stenv(u, IR_I64, offsetof(struct x86_cpu, df),
		         ir_const(u, IR_I64, x->i.d->arg == 0xfd ? -1 : 1));
		break;
	}
}

/* ---- hints ---- */

void xi_nop(struct xt *x)
{
	(void)x;
}

void xi_pause(struct xt *x)
{
	xt_call(x, XHELP_pause, 0, 0, 0, 0);
}

/* arg 1: MFENCE. Loads and stores are in guest order already. */
void xi_fence(struct xt *x)
{
	if (x->i.d->arg) {
		ir_emit(x->u, (struct ir_ins){ .op = IR_fence });
	}
}

/* No caches: only the access check of a byte load. */
void xi_clflush(struct xt *x)
{
	ir_ld(x->u, IR_I8, xt_mem(x, 1, false), IR_M_1);
}
