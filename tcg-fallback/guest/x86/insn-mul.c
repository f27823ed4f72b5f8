/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-mul.c - multiplication, division and the decimal adjustments.
 *
 * Models: SDM vol. 2. Division is done in line when it is seen not to fault by a
 * cheap test (unsigned: high half below the divisor; signed: dividend is the
 * sign-extended low half and divisor is not 0 or -1); all else, #DE included, is the
 * helper's on an out-of-line path.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

/* CF = OF = bit (i32, 0 or 1); the others are undefined: cleared, so that nothing depends on
 * older flags. */
static void xt_set_co(struct xt *x, ir_val bit)
{
	struct ir_unit *u = x->u;
	ir_val o = ir_op2(u, IR_shl, IR_I32, bit, ir_const(u, IR_I8, 11));

	ir_fset(u, xt_funpack(x, ir_op2(u, IR_or, IR_I32, bit, o)));
}

static void xt_mul8(struct xt *x, bool s)
{
	struct ir_unit *u = x->u;
	ir_val a = xt_rd(x, 0), b = ir_get(u, IR_I8, XS_GPR + X86_RAX), r, lo;

	a = s ? ir_sext(u, IR_I32, a, IR_I8) : ir_zext(u, IR_I32, a, IR_I8);
	b = s ? ir_sext(u, IR_I32, b, IR_I8) : ir_zext(u, IR_I32, b, IR_I8);
	r = ir_op2(u, IR_mul, IR_I32, a, b);
	lo = ir_trunc(u, IR_I8, r);
	lo = s ? ir_sext(u, IR_I32, lo, IR_I8) : ir_zext(u, IR_I32, lo, IR_I8);
	xt_set_gpr(x, 2, X86_RAX, ir_trunc(u, IR_I16, r));
	xt_set_co(x, ir_setcmp(u, IR_I32, IR_NE, IR_I32, r, lo));
}

/* One-operand forms: rDX:rAX = rAX * operand. */
static void xt_mul(struct xt *x, bool s)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size), w = size == 2 ? IR_I32 : IR_I64;
	ir_val a, b, lo, hi, top;

	if (size == 1) {
		xt_mul8(x, s);
		return;
	}
	a = xt_rd(x, 0);
	b = ir_get(u, t, XS_GPR + X86_RAX);
	if (size == 8) {
		lo = ir_op2(u, IR_mul, t, a, b);
		hi = ir_op2(u, s ? IR_mulhs : IR_mulhu, t, a, b);
	} else {
		ir_val r;

		a = s ? ir_sext(u, w, a, t) : ir_zext(u, w, a, t);
		b = s ? ir_sext(u, w, b, t) : ir_zext(u, w, b, t);
		r = ir_op2(u, IR_mul, w, a, b);
		lo = ir_trunc(u, t, r);
		hi = ir_trunc(u, t,
		              ir_op2(u, IR_shr, w, r, ir_const(u, IR_I8, size * 8)));
	}
	xt_set_gpr(x, size, X86_RAX, lo);
	xt_set_gpr(x, size, X86_RDX, hi);
	top = s ? ir_op2(u, IR_sar, t, lo, ir_const(u, IR_I8, size * 8 - 1))
	        : ir_const(u, t, 0);
	xt_set_co(x, ir_setcmp(u, IR_I32, IR_NE, t, hi, top));
}

void xi_mul(struct xt *x)
{
	xt_mul(x, false);
}

void xi_imul1(struct xt *x)
{
	xt_mul(x, true);
}

static void xt_imul_to(struct xt *x, ir_val a, ir_val b)
{
	ir_val r = ir_op2(x->u, IR_mul, xt_type(xt_size(x, 0)), a, b);

	xt_wr(x, 0, r);
	ir_fset(x->u, ir_flags(x->u, r));
}

void xi_imul2(struct xt *x)
{
	ir_val b = xt_rd(x, 1);

	xt_imul_to(x, xt_rd(x, 0), b);
}

void xi_imul3(struct xt *x)
{
	xt_imul_to(x, xt_rd(x, 1), xt_rd(x, 2));
}

/* dest1 (ModRM.reg) = high, dest2 (vvvv) = low; the high half wins when they are one. */
void xi_mulx(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val a = xt_rd(x, 2), b = ir_get(u, t, XS_GPR + X86_RDX);
	ir_val lo = ir_op2(u, IR_mul, t, a, b), hi = ir_op2(u, IR_mulhu, t, a, b);

	xt_wr(x, 1, lo);
	xt_wr(x, 0, hi);
}

/* 8-bit: AX / operand, in 32-bit arithmetic. */
static void xt_div8(struct xt *x, bool s)
{
	struct ir_unit *u = x->u;
	ir_val d = xt_rd(x, 0), ax = ir_get(u, IR_I16, XS_GPR + X86_RAX), q, r, v;
	ir_val zero = ir_const(u, IR_I32, 0), hi;

	ir_brcmp(u, IR_I8, IR_EQ, d, ir_const(u, IR_I8, 0),
	         xt_slow(x, XSL_RAISE, X86_EXC_DE));
	d = s ? ir_sext(u, IR_I32, d, IR_I8) : ir_zext(u, IR_I32, d, IR_I8);
	ax = s ? ir_sext(u, IR_I32, ax, IR_I16) : ir_zext(u, IR_I32, ax, IR_I16);
	hi = s ? ir_op2(u, IR_sar, IR_I32, ax, ir_const(u, IR_I8, 31)) : zero;
	q = ir_op3(u, s ? IR_sdiv2 : IR_udiv2, IR_I32, hi, ax, d);
	r = ir_op3(u, s ? IR_srem2 : IR_urem2, IR_I32, hi, ax, d);
	v = ir_trunc(u, IR_I8, q);
	v = s ? ir_sext(u, IR_I32, v, IR_I8) : ir_zext(u, IR_I32, v, IR_I8);
	ir_brcmp(u, IR_I32, IR_NE, q, v, xt_slow(x, XSL_RAISE, X86_EXC_DE));
	v = ir_dep(u, IR_I32, q, r, 8, 8);
	xt_set_gpr(x, 2, X86_RAX, ir_trunc(u, IR_I16, v));
}

void xi_div(struct xt *x)
{
	struct ir_unit *u = x->u;
	bool s = x->i.d->arg;
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val d, lo, hi, q, r;
	int slow;

	if (size == 1) {
		xt_div8(x, s);
		return;
	}
	d = xt_rd(x, 0);
	lo = ir_get(u, t, XS_GPR + X86_RAX);
	hi = ir_get(u, t, XS_GPR + X86_RDX);
	slow = xt_slow(x, XSL_DIV, s);
	if (s) {
		ir_val top = ir_op2(u, IR_sar, t, lo, ir_const(u, IR_I8, size * 8 - 1));

		ir_brcmp(u, t, IR_NE, hi, top, slow);
		ir_brcmp(u, t, IR_LEU, ir_op2i(u, IR_add, t, d, 1), ir_const(u, t, 1),
		         slow);
	} else {
		ir_brcmp(u, t, IR_GEU, hi, d, slow);
	}
	q = ir_op3(u, s ? IR_sdiv2 : IR_udiv2, t, hi, lo, d);
	r = ir_op3(u, s ? IR_srem2 : IR_urem2, t, hi, lo, d);
	xt_set_gpr(x, size, X86_RAX, q);
	xt_set_gpr(x, size, X86_RDX, r);
}

static void xi_div_set(struct x86_cpu *c, unsigned size, uint64_t q, uint64_t r)
{
	switch (size) {
	case 2:
		c->reg[X86_RAX] = (c->reg[X86_RAX] & ~UINT64_C(0xffff)) | (q & 0xffff);
		c->reg[X86_RDX] = (c->reg[X86_RDX] & ~UINT64_C(0xffff)) | (r & 0xffff);
		break;
	case 4:
		c->reg[X86_RAX] = (uint32_t)q;
		c->reg[X86_RDX] = (uint32_t)r;
		break;
	default:
		c->reg[X86_RAX] = q;
		c->reg[X86_RDX] = r;
		break;
	}
}

/* b: divisor, extended to 64 bits. */
uint64_t helper_div(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct x86_cpu *cpu = x86_of(env);
	unsigned size = a & 0xff, bits = size * 8;
	uint64_t mask = bits == 64 ? ~UINT64_C(0) : (UINT64_C(1) << bits) - 1;
	unsigned __int128 n = (unsigned __int128)(cpu->reg[X86_RDX] & mask) << bits |
	                      (cpu->reg[X86_RAX] & mask);

	(void)c;
	(void)d;
	if (b == 0) {
		x86_raise(env, X86_EXC_DE, 0);
	}
	if (a >> 8 & 1) {
		__int128 sn = (__int128)(n << (128 - 2 * bits)) >> (128 - 2 * bits), q;
		__int128 lim = (__int128)1 << (bits - 1);

		if (b == UINT64_MAX) { /* the one overflow of 128-bit division */
			if (sn <= -lim || sn > lim) {
				x86_raise(env, X86_EXC_DE, 0);
			}
			xi_div_set(cpu, size, (uint64_t)-sn, 0);
			return 0;
		}
		q = sn / (int64_t)b;
		if (q < -lim || q >= lim) {
			x86_raise(env, X86_EXC_DE, 0);
		}
		xi_div_set(cpu, size, (uint64_t)q, (uint64_t)(sn % (int64_t)b));
	} else {
		if (n >> bits >= b) {
			x86_raise(env, X86_EXC_DE, 0);
		}
		xi_div_set(cpu, size, (uint64_t)(n / b), (uint64_t)(n % b));
	}
	return 0;
}

/* ---- decimal ---- */

void xi_aam(struct xt *x)
{
	struct ir_unit *u = x->u;
	ir_val al, d, q, r, zero;

	if (!x->i.imm) {
		xt_raise(x, X86_EXC_DE);
		return;
	}
	al = ir_zext(u, IR_I32, ir_get(u, IR_I8, XS_GPR + X86_RAX), IR_I8);
	d = ir_const(u, IR_I32, x->i.imm);
	zero = ir_const(u, IR_I32, 0);
	q = ir_op3(u, IR_udiv2, IR_I32, zero, al, d);
	r = ir_op3(u, IR_urem2, IR_I32, zero, al, d);
	xt_set_gpr(x, 2, X86_RAX, ir_trunc(u, IR_I16, ir_dep(u, IR_I32, r, q, 8, 8)));
	r = ir_trunc(u, IR_I8, r);
	ir_fset(u, ir_flags(u, ir_op2(u, IR_or, IR_I8, r, r)));
}

void xi_aad(struct xt *x)
{
	struct ir_unit *u = x->u;
	ir_val ax = ir_get(u, IR_I32, XS_GPR + X86_RAX), v;

	v = ir_op2i(u, IR_mul, IR_I32, ir_extr(u, IR_I32, ax, 8, 8), x->i.imm);
	v = ir_trunc(u, IR_I8, ir_op2(u, IR_add, IR_I32, v, ax));
	xt_set_gpr(x, 2, X86_RAX, ir_zext(u, IR_I16, v, IR_I8));
	ir_fset(u, ir_flags(u, ir_op2(u, IR_or, IR_I8, v, v)));
}

void xi_bcd(struct xt *x)
{
	xt_call(x, XHELP_bcd, ir_const(x->u, IR_I64, x->i.d->arg), 0, 0, 0);
}

static unsigned xi_szp(uint8_t al)
{
	return (al ? 0 : X86_ZF) | (al & 0x80) | (__builtin_parity(al) ? 0 : X86_PF);
}

/* DAA, DAS: flags and AL as SDM vol. 2A says; the flags are packed in cc_a. */
static void xi_daa_das(struct x86_cpu *c, bool sub)
{
	uint8_t al = (uint8_t)c->reg[X86_RAX], old = al;
	unsigned fl = (unsigned)c->cc_a, cf = 0, af = 0;

	if ((al & 15) > 9 || fl & X86_AF) {
		cf = sub ? al < 6 : al > 0xf9;
		al = sub ? al - 6 : al + 6;
		af = X86_AF;
	}
	cf |= fl & X86_CF;
	if (old > 0x99 || fl & X86_CF) {
		al = sub ? al - 0x60 : al + 0x60;
		cf = 1;
	} else if (!sub) {
		cf = 0;
	}
	c->reg[X86_RAX] = (c->reg[X86_RAX] & ~UINT64_C(0xff)) | al;
	c->cc_a = xi_szp(al) | cf | af;
}

static void xi_aaa_aas(struct x86_cpu *c, bool sub)
{
	uint16_t ax = (uint16_t)c->reg[X86_RAX];
	unsigned fl = (unsigned)c->cc_a;

	if ((ax & 15) > 9 || fl & X86_AF) {
		ax = sub ? ax - 0x106 : ax + 0x106;
		fl = X86_AF | X86_CF;
	} else {
		fl = 0;
	}
	ax &= 0xff0f;
	c->reg[X86_RAX] = (c->reg[X86_RAX] & ~UINT64_C(0xffff)) | ax;
	c->cc_a = fl | xi_szp((uint8_t)ax);
}

uint64_t helper_bcd(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	struct x86_cpu *cpu = x86_of(env);

	(void)b;
	(void)c;
	(void)d;
	if (a <= XA_DAS) {
		xi_daa_das(cpu, a == XA_DAS);
	} else {
		xi_aaa_aas(cpu, a == XA_AAS);
	}
	return 0;
}
