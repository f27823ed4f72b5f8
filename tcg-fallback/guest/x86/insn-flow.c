/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-flow.c - jumps, calls, returns, loops, software interrupts, system calls.
 *
 * Models: SDM vol. 2. Far transfers and interrupts are helpers (sys side).
 *
 * Known gaps: a near branch to a non-canonical address faults at its target, not
 * at the branch.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

/* The likely side is emitted last: a backward branch is taken, a forward one is not. */
static bool xt_cond_start(struct xt *x, int64_t *target, int *label)
{
	bool back;

	*target = xt_target(x);
	back = xt_backward(x, *target);
	*label = xt_slow(x, XSL_GOTO, back ? (int64_t)x->next : *target);
	return back;
}

static void xt_cond_end(struct xt *x, bool back, int64_t target)
{
	if (back) {
		xt_goto(x, target);
	} else {
		xt_branched(x);
	}
}

void xi_jcc(struct xt *x)
{
	int64_t target;
	int label;
	bool back = xt_cond_start(x, &target, &label);

	ir_brcc(x->u, (enum ir_cond)(x->i.d->arg ^ back), ir_fget(x->u), label);
	xt_cond_end(x, back, target);
}

/* arg: 0 LOOPNE, 1 LOOPE, 2 LOOP */
void xi_loop(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned k = x->i.d->arg;
	ir_val n = ir_op2i(u, IR_add, IR_I64, xt_areg(x, X86_RCX), -1);
	enum ir_type t = xt_type(x->i.asize);
	int64_t target;
	int label;
	bool back;

	xt_set_areg(x, X86_RCX, n);
	back = xt_cond_start(x, &target, &label);
	n = x->i.asize == 8 ? n : ir_trunc(u, t, n);
	if (k == 2) {
		ir_brcmp(u, t, back ? IR_EQ : IR_NE, n, ir_const(u, t, 0), label);
	} else {
		ir_val c = ir_setcmp(u, IR_I32, IR_NE, t, n, ir_const(u, t, 0));

		c = ir_op2(u, IR_and, IR_I32, c,
		           ir_setcc(u, IR_I32, k ? IR_EQ : IR_NE, ir_fget(u)));
		ir_brcmp(u, IR_I32, back ? IR_EQ : IR_NE, c, ir_const(u, IR_I32, 0),
		         label);
	}
	xt_cond_end(x, back, target);
}

void xi_jcxz(struct xt *x)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(x->i.asize);
	int64_t target;
	int label;
	bool back = xt_cond_start(x, &target, &label);

	ir_brcmp(u, t, back ? IR_NE : IR_EQ, ir_get(u, t, XS_GPR + X86_RCX),
	         ir_const(u, t, 0), label);
	xt_cond_end(x, back, target);
}

void xi_jmp(struct xt *x)
{
	xt_goto(x, xt_target(x));
}

void xi_call(struct xt *x)
{
	xt_push(x, x->i.opsize, xt_next_ip(x, x->i.opsize));
	xt_goto(x, xt_target(x));
}

void xi_jmp_ind(struct xt *x)
{
	xt_goto_ip(x, xt_ip_linear(x, xt_rd(x, 0)));
}

void xi_call_ind(struct xt *x)
{
	ir_val t = xt_ip_linear(x, xt_rd(x, 0));

	xt_push(x, x->i.opsize, xt_next_ip(x, x->i.opsize));
	xt_goto_ip(x, t);
}

void xi_ret(struct xt *x)
{
	ir_val t = xt_ip_linear(x, xt_stack_ld(x, x->i.opsize, 0));

	xt_sp_add(x, x->i.opsize + x->i.imm);
	xt_goto_ip(x, t);
}

/* ---- far: helpers store rip and the mode ---- */

static void xt_far(struct xt *x, enum x86_helper h, ir_val sel, ir_val off)
{
	struct ir_unit *u = x->u;

	xt_call(x, h, sel, off, ir_const(u, IR_I64, x->i.opsize), ir_pc(u, x->next));
	xt_leave(x);
}

static void xt_far_imm(struct xt *x, enum x86_helper h)
{
	xt_far(x, h, ir_const(x->u, IR_I64, x->i.imm2),
	       ir_const(x->u, IR_I64, x->i.imm));
}

static void xt_far_mem(struct xt *x, enum x86_helper h)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize;
	struct ir_addr ad = xt_mem(x, size + 2, false);
	ir_val off = ir_ld(u, IR_I64, ad, xt_msize(size)), sel;

	ad.disp += (int)size;
	sel = ir_ld(u, IR_I64, ad, IR_M_2);
	xt_far(x, h, sel, off);
}

void xi_jmp_far(struct xt *x)
{
	xt_far_imm(x, XHELP_far_jmp);
}

void xi_call_far(struct xt *x)
{
	xt_far_imm(x, XHELP_far_call);
}

void xi_jmp_far_m(struct xt *x)
{
	xt_far_mem(x, XHELP_far_jmp);
}

void xi_call_far_m(struct xt *x)
{
	xt_far_mem(x, XHELP_far_call);
}

void xi_ret_far(struct xt *x)
{
	xt_call(x, XHELP_far_ret, ir_const(x->u, IR_I64, x->i.opsize),
	        ir_const(x->u, IR_I64, x->i.imm), 0, 0);
	xt_leave(x);
}

void xi_iret(struct xt *x)
{
	xt_call(x, XHELP_iret, ir_const(x->u, IR_I64, x->i.opsize),
	        ir_pc(x->u, x->next), 0, 0);
	xt_leave(x);
}

static void xt_int(struct xt *x, unsigned vec, unsigned kind)
{
	struct ir_unit *u = x->u;

	xt_call(x, XHELP_int_n, ir_const(u, IR_I64, vec), ir_pc(u, x->next),
	        ir_const(u, IR_I64, kind), 0);
	ir_exit(u, TCG_EXIT_RAISE);
	x->end = true;
}

void xi_int(struct xt *x)
{
	xt_int(x, (unsigned)x->i.imm, 0);
}

void xi_int3(struct xt *x)
{
	xt_int(x, X86_EXC_BP, 1);
}

void xi_int1(struct xt *x)
{
	xt_int(x, X86_EXC_DB, 3);
}

void xi_into(struct xt *x)
{
	ir_brcc(x->u, IR_O, ir_fget(x->u), xt_slow(x, XSL_INTO, 0));
}

void xi_into_slow(struct xt *x)
{
	xt_int(x, X86_EXC_OF, 2);
}

void xi_bound(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize;
	enum ir_type t = xt_type(size);
	struct ir_addr ad = xt_mem(x, size * 2, false);
	ir_val lo = ir_ld(u, t, ad, xt_msize(size)), hi, v = xt_rd(x, 0);
	int br = xt_slow(x, XSL_RAISE, X86_EXC_BR);

	ad.disp += (int)size;
	hi = ir_ld(u, t, ad, xt_msize(size));
	ir_brcmp(u, t, IR_LT, v, lo, br);
	ir_brcmp(u, t, IR_GT, v, hi, br);
}

void xi_ud(struct xt *x)
{
	xt_ud(x);
}

/* ---- system calls ---- */

/* No single-step trap between a system call and its handler. */
static void xt_entered(struct xt *x)
{
	ir_exit(x->u, TCG_EXIT_NEXT);
	x->end = true;
}

void xi_syscall(struct xt *x)
{
	xt_call(x, XHELP_syscall, ir_pc(x->u, x->next), 0, 0, 0);
	xt_entered(x);
}

void xi_sysret(struct xt *x)
{
	xt_call(x, XHELP_sysret, ir_const(x->u, IR_I64, x->i.rex & 8 ? 8 : 4), 0, 0, 0);
	xt_leave(x);
}

void xi_sysenter(struct xt *x)
{
	xt_call(x, XHELP_sysenter, 0, 0, 0, 0);
	xt_entered(x);
}

void xi_sysexit(struct xt *x)
{
	xt_call(x, XHELP_sysexit, ir_const(x->u, IR_I64, x->i.rex & 8 ? 8 : 4), 0, 0,
	        0);
	xt_leave(x);
}
