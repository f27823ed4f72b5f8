/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-alu.c - add, or, adc, sbb, and, sub, xor, cmp, test, inc, dec, not, neg, xadd,
 * cmpxchg, xchg, adcx, adox, with their LOCK forms.
 *
 * Models: SDM vol. 2. LOCK forms are IR rmw where one exists; the others are a
 * compare-and-swap that executes the instruction again when it lost.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

static ir_val xt_alu_op(struct xt *x, unsigned alu, enum ir_type t, ir_val a, ir_val b)
{
	struct ir_unit *u = x->u;

	switch (alu) {
	case XA_ADD: return ir_op2(u, IR_add, t, a, b);
	case XA_OR: return ir_op2(u, IR_or, t, a, b);
	case XA_ADC: return ir_op3(u, IR_adc, t, a, b, ir_fget(u));
	case XA_SBB: return ir_op3(u, IR_sbb, t, a, b, ir_fget(u));
	case XA_AND:
	case XA_TEST: return ir_op2(u, IR_and, t, a, b);
	case XA_XOR: return ir_op2(u, IR_xor, t, a, b);
	default: return ir_op2(u, IR_sub, t, a, b);
	}
}

static void xt_fset_of(struct xt *x, ir_val r)
{
	ir_fset(x->u, ir_flags(x->u, r));
}

/* rmw takes an address without a scaled index. */
static struct ir_addr xt_lock_addr(struct xt *x, unsigned size)
{
	struct ir_addr ad = xt_mem(x, size, true);

	if (ad.index && ad.scale) {
		ad = (struct ir_addr){ .base = xt_linear(x, size, true),
			               .hint = ad.hint };
	}
	return ad;
}

static ir_val xt_rmw(struct xt *x, unsigned size, enum ir_rmw op, ir_val v)
{
	return ir_rmw(x->u, xt_type(size), op, xt_lock_addr(x, size), xt_msize(size),
	              v);
}

/* Stores `nv` if memory still holds `old`; else the instruction starts again. */
static void xt_cas_or_retry(struct xt *x, unsigned size, ir_val old, ir_val nv)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(size);
	ir_val got = ir_cas(u, t, xt_mem(x, size, true), xt_msize(size), old, nv);

	ir_brcmp(u, t, IR_NE, got, old, xt_slow(x, XSL_GOTO, x->off));
}

static void xt_alu_locked(struct xt *x, unsigned alu)
{
	static const uint8_t op[8] = { [XA_ADD] = IR_RMW_ADD,
		                       [XA_OR] = IR_RMW_OR,
		                       [XA_AND] = IR_RMW_AND,
		                       [XA_SUB] = IR_RMW_SUB,
		                       [XA_XOR] = IR_RMW_XOR };
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val v = xt_rd(x, 1), old, r;

	if (alu == XA_ADC || alu == XA_SBB) {
		old = xt_rd_rmw(x, 0);
		r = xt_alu_op(x, alu, t, old, v);
		xt_cas_or_retry(x, size, old, r);
	} else {
		old = xt_rmw(x, size, op[alu], v);
		r = xt_alu_op(x, alu, t, old, v);
	}
	xt_fset_of(x, r);
}

void xi_alu(struct xt *x)
{
	unsigned alu = x->i.d->arg;
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val a, b, r;

	if (x->i.lock) {
		xt_alu_locked(x, alu);
		return;
	}
	a = alu == XA_CMP ? xt_rd(x, 0) : xt_rd_rmw(x, 0);
	b = xt_rd(x, 1);
	r = xt_alu_op(x, alu, t, a, b);
	if (alu != XA_CMP) {
		xt_wr(x, 0, r);
	}
	xt_fset_of(x, r);
}

void xi_test(struct xt *x)
{
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val a = xt_rd(x, 0);

	xt_fset_of(x, ir_op2(x->u, IR_and, t, a, xt_rd(x, 1)));
}

/* CF is not touched. */
void xi_incdec(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	enum ir_op op = x->i.d->arg ? IR_sub : IR_add;
	ir_val one = ir_const(x->u, t, 1), a, r;

	if (x->i.lock) {
		a = xt_rmw(x, size, x->i.d->arg ? IR_RMW_SUB : IR_RMW_ADD, one);
		r = ir_op2(x->u, op, t, a, one);
	} else {
		a = xt_rd_rmw(x, 0);
		r = ir_op2(x->u, op, t, a, one);
		xt_wr(x, 0, r);
	}
	xt_fset_mix(x, IR_FL_ALL & ~IR_FL_C, ir_flags(x->u, r));
}

void xi_not(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);

	if (x->i.lock) {
		xt_rmw(x, size, IR_RMW_XOR, ir_const(x->u, t, -1));
		return;
	}
	xt_wr(x, 0, ir_op1(x->u, IR_not, t, xt_rd_rmw(x, 0)));
}

void xi_neg(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val a = xt_rd_rmw(x, 0), r = ir_op1(x->u, IR_neg, t, a);

	if (x->i.lock) {
		xt_cas_or_retry(x, size, a, r);
	} else {
		xt_wr(x, 0, r);
	}
	xt_fset_of(x, r);
}

void xi_xadd(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val v = xt_rd(x, 1), old, r;

	if (x->i.lock) {
		old = xt_rmw(x, size, IR_RMW_ADD, v);
		r = ir_op2(x->u, IR_add, t, old, v);
		xt_wr(x, 1, old);
	} else {
		old = xt_rd_rmw(x, 0);
		r = ir_op2(x->u, IR_add, t, old, v);
		if (xt_is_mem(x, 0)) {
			xt_wr(x, 0, r);
			xt_wr(x, 1, old);
		} else { /* the destination wins when both are one register */
			xt_wr(x, 1, old);
			xt_wr(x, 0, r);
		}
	}
	xt_fset_of(x, r);
}

/* With memory always atomic, LOCK or not. */
void xi_xchg(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	ir_val a, b;

	if (x->i.opcode == 0x90 && x->i.map == XM_1 && !(x->i.rex & 1)) {
		return; /* NOP */
	}
	b = xt_rd(x, 1);
	if (xt_is_mem(x, 0)) {
		xt_wr(x, 1, xt_rmw(x, size, IR_RMW_XCHG, b));
		return;
	}
	a = xt_rd(x, 0);
	xt_wr(x, 0, b);
	xt_wr(x, 1, a);
}

/* RAX after CMPXCHG: kept whole (also its upper half) when equal. */
static void xt_cmpxchg_rax(struct xt *x, unsigned size, ir_val eq, ir_val old)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(size);
	ir_val rax = ir_get(u, IR_I64, XS_GPR + X86_RAX), v;
	struct ir_ins sel = {
		.op = IR_selnz, .type = IR_I64, .aux2 = IR_I8, .a = eq, .b = rax
	};

	v = size == 8   ? old
	    : size == 4 ? ir_zext(u, IR_I64, old, t)
	                : ir_dep(u, IR_I64, rax, old, 0, size * 8);
	sel.c = v;
	ir_set(u, XS_GPR + X86_RAX, ir_emit(u, sel));
}

void xi_cmpxchg(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val src = xt_rd(x, 1), rax = ir_get(u, t, XS_GPR + X86_RAX), old, eq, cmp;
	struct ir_ins sel = { .op = IR_selnz, .type = (uint8_t)t, .aux2 = IR_I8 };

	if (x->i.lock) {
		struct ir_addr ad = xt_mem(x, size, true);

		old = ir_cas(u, t, ad, xt_msize(size), rax, src);
		cmp = ir_op2(u, IR_sub, t, rax, old);
		eq = ir_setcmp(u, IR_I8, IR_EQ, t, rax, old);
		xt_cmpxchg_rax(x, size, eq, old);
		xt_fset_of(x, cmp);
		return;
	}
	old = xt_rd_rmw(x, 0);
	cmp = ir_op2(u, IR_sub, t, rax, old);
	eq = ir_setcmp(u, IR_I8, IR_EQ, t, rax, old);
	sel.a = eq;
	sel.b = src;
	sel.c = old;
	if (xt_is_mem(x, 0)) {
		xt_wr(x, 0, ir_emit(u, sel));
		xt_cmpxchg_rax(x, size, eq, old);
	} else if (size ==
	           4) { /* the upper half of the destination stays when not equal */
		ir_val old64 = ir_get(u, IR_I64, XS_GPR + x->i.rm);

		xt_cmpxchg_rax(x, size, eq, old);
		sel.type = IR_I64;
		sel.b = ir_zext(u, IR_I64, src, t);
		sel.c = old64;
		ir_set(u, XS_GPR + x->i.rm, ir_emit(u, sel));
	} else { /* with rAX as destination the comparison holds, and it takes the source */
		xt_cmpxchg_rax(x, size, eq, old);
		xt_wr(x, 0, ir_emit(u, sel));
	}
	xt_fset_of(x, cmp);
}

static ir_val xt_pair(struct xt *x, unsigned hi, unsigned lo)
{
	struct ir_unit *u = x->u;

	return ir_dep(u, IR_I64,
	              ir_zext(u, IR_I64, ir_get(u, IR_I32, XS_GPR + lo), IR_I32),
	              ir_get(u, IR_I64, XS_GPR + hi), 32, 32);
}

/* CMPXCHG8B, CMPXCHG16B: only ZF changes. */
void xi_cmpxchg8b(struct xt *x)
{
	struct ir_unit *u = x->u;
	ir_val old, eq, want, rax, rdx;
	struct ir_ins sel = { .op = IR_selnz, .type = IR_I64, .aux2 = IR_I8 };

	if (x->i.rex & 8) {
		if (!x86_has(x->cpu, XF_CX16)) {
			xt_ud(x);
			return;
		}
		eq = xt_call(x, XHELP_cmpxchg16b, xt_linear(x, 16, true), 0, 0, 0);
		eq = ir_trunc(u, IR_I32, eq);
		xt_fset_mix(x, IR_FL_Z,
		            xt_funpack(x, ir_op2(u, IR_shl, IR_I32, eq,
		                                 ir_const(u, IR_I8, 6))));
		return;
	}
	want = xt_pair(x, X86_RDX, X86_RAX);
	old = ir_cas(u, IR_I64, xt_mem(x, 8, true), IR_M_8, want,
	             xt_pair(x, X86_RCX, X86_RBX));
	eq = ir_setcmp(u, IR_I8, IR_EQ, IR_I64, want, old);
	rax = ir_get(u, IR_I64, XS_GPR + X86_RAX);
	rdx = ir_get(u, IR_I64, XS_GPR + X86_RDX);
	sel.a = eq;
	sel.b = rax;
	sel.c = ir_zext(u, IR_I64, ir_trunc(u, IR_I32, old), IR_I32);
	ir_set(u, XS_GPR + X86_RAX, ir_emit(u, sel));
	sel.b = rdx;
	sel.c = ir_op2(u, IR_shr, IR_I64, old, ir_const(u, IR_I8, 32));
	ir_set(u, XS_GPR + X86_RDX, ir_emit(u, sel));
	xt_fset_mix(x, IR_FL_Z, ir_flags(u, ir_op2(u, IR_sub, IR_I64, want, old)));
}

/* ADCX carries by CF, ADOX by OF; no other flag changes. */
void xi_adx(struct xt *x)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val b = xt_rd(x, 1), a = xt_rd(x, 0), f = ir_fget(u), r, c;

	if (!x->i.d->arg) {
		r = ir_op3(u, IR_adc, t, a, b, f);
		xt_wr(x, 0, r);
		xt_fset_mix(x, IR_FL_C, ir_flags(u, r));
		return;
	}
	r = ir_op3(u, IR_adc, t, a, b, xt_funpack(x, ir_setcc(u, IR_I32, IR_O, f)));
	c = ir_setcc(u, IR_I32, IR_LTU, ir_flags(u, r));
	xt_wr(x, 0, r);
	xt_fset_mix(
		x, IR_FL_O,
		xt_funpack(x, ir_op2(u, IR_shl, IR_I32, c, ir_const(u, IR_I8, 11))));
}
