/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-bit.c - bit tests, scans and counts, byte swaps, CRC32, BMI1 and BMI2.
 *
 * Models: SDM vol. 2. BSF/BSR of zero leave the destination as it was.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

static ir_val xt_selnz(struct xt *x, enum ir_type t, enum ir_type ct, ir_val c,
                       ir_val yes, ir_val no)
{
	return ir_emit(x->u, (struct ir_ins){ .op = IR_selnz,
	                                      .type = (uint8_t)t,
	                                      .aux2 = (uint8_t)ct,
	                                      .a = c,
	                                      .b = yes,
	                                      .c = no });
}

/* Flags of a logic result with C replaced by `c` (i32 0/1); O = 0. */
static void xt_fset_logic_c(struct xt *x, enum ir_type t, ir_val r, ir_val c)
{
	struct ir_unit *u = x->u;
	ir_val fl = ir_flags(u, ir_op2(u, IR_or, t, r, r));

	ir_fset(u, ir_emit(u, (struct ir_ins){ .op = IR_fmix,
	                                       .type = IR_FLAGS,
	                                       .imm = IR_FL_C,
	                                       .a = xt_funpack(x, c),
	                                       .b = fl }));
}

/* Bit string in memory: moves the address by the signed bit offset; -> bit number. */
static ir_val xt_bt_addr(struct xt *x, unsigned size)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(size);
	unsigned lg = xt_msize(size);
	ir_val off = xt_rd(x, 1), step, addr = xt_linear(x, size, x->i.d->arg != 0);

	step = size == 8 ? off : ir_sext(u, IR_I64, off, t);
	step = ir_op2(u, IR_sar, IR_I64, step, ir_const(u, IR_I8, lg + 3));
	step = ir_op2(u, IR_shl, IR_I64, step, ir_const(u, IR_I8, lg));
	addr = ir_op2(u, IR_add, IR_I64, addr, step);
	if (x->code != XH_CODE64) {
		addr = ir_zext(u, IR_I64, ir_trunc(u, IR_I32, addr), IR_I32);
	}
	x->ea = (struct ir_addr){ .base = addr, .hint = x->ea.hint };
	return ir_op2i(u, IR_and, t, off, size * 8 - 1);
}

static ir_val xt_bt_new(struct xt *x, unsigned k, enum ir_type t, ir_val a, ir_val mask)
{
	return k == 1   ? ir_op2(x->u, IR_or, t, a, mask)
	       : k == 2 ? ir_op2(x->u, IR_andn, t, mask, a)
	                : ir_op2(x->u, IR_xor, t, a, mask);
}

/* arg: 0 BT, 1 BTS, 2 BTR, 3 BTC. Only CF changes. */
void xi_bt(struct xt *x)
{
	static const uint8_t rmw[4] = { 0, IR_RMW_OR, IR_RMW_ANDN, IR_RMW_XOR };
	struct ir_unit *u = x->u;
	unsigned k = x->i.d->arg, size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val n, a, mask = 0, c;

	if (x->i.d->op[1] == Ib) {
		n = ir_const(u, t, x->i.imm & (size * 8 - 1));
	} else if (x->i.is_mem) {
		n = xt_bt_addr(x, size);
	} else {
		n = ir_op2i(u, IR_and, t, xt_rd(x, 1), size * 8 - 1);
	}
	if (k) {
		mask = ir_op2(u, IR_shl, t, ir_const(u, t, 1), n);
	}
	if (x->i.lock) {
		struct ir_addr ad = xt_mem(x, size, true);

		if (ad.index && ad.scale) {
			ad = (struct ir_addr){ .base = xt_linear(x, size, true),
				               .hint = ad.hint };
		}
		/* IR andn: ~a & b with b = memory's old value */
		if (k == 2) {
			a = ir_rmw(u, t, IR_RMW_AND, ad, xt_msize(size),
			           ir_op1(u, IR_not, t, mask));
		} else {
			a = ir_rmw(u, t, rmw[k], ad, xt_msize(size), mask);
		}
	} else {
		a = k ? xt_rd_rmw(x, 0) : xt_rd(x, 0);
		if (k) {
			xt_wr(x, 0, xt_bt_new(x, k, t, a, mask));
		}
	}
	c = ir_op2i(u, IR_and, t, ir_op2(u, IR_shr, t, a, n), 1);
	c = size == 8   ? ir_trunc(u, IR_I32, c)
	    : size == 2 ? ir_zext(u, IR_I32, c, t)
	                : c;
	xt_set_cf(x, c);
}

static void xt_scan(struct xt *x, bool reverse)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val v = xt_rd(x, 1), r, old;
	unsigned reg = x->i.reg;

	r = reverse ? ir_op2(u, IR_xor, t, ir_op1(u, IR_clz, t, v),
	                     ir_const(u, t, size * 8 - 1))
	            : ir_op1(u, IR_ctz, t, v);
	old = ir_get(u, IR_I64, XS_GPR + reg);
	r = size == 8   ? r
	    : size == 4 ? ir_zext(u, IR_I64, r, t)
	                : ir_dep(u, IR_I64, old, r, 0, 16);
	ir_set(u, XS_GPR + reg, xt_selnz(x, IR_I64, t, v, r, old));
	ir_fset(u, ir_flags(u, ir_op2(u, IR_or, t, v, v)));
}

void xi_bsf(struct xt *x)
{
	xt_scan(x, false);
}

void xi_bsr(struct xt *x)
{
	xt_scan(x, true);
}

/* CF = source is zero, ZF = result is zero. */
static void xt_count(struct xt *x, enum ir_op op)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val v = xt_rd(x, 1), r = ir_op1(u, op, t, v), c, z;

	xt_wr(x, 0, r);
	c = ir_setcmp(u, IR_I32, IR_EQ, t, v, ir_const(u, t, 0));
	z = ir_setcmp(u, IR_I32, IR_EQ, t, r, ir_const(u, t, 0));
	z = ir_op2(u, IR_shl, IR_I32, z, ir_const(u, IR_I8, 6));
	ir_fset(u, xt_funpack(x, ir_op2(u, IR_or, IR_I32, c, z)));
}

void xi_tzcnt(struct xt *x)
{
	if (x86_has(x->cpu, XF_BMI1)) {
		xt_count(x, IR_ctz);
	} else {
		xt_scan(x, false);
	}
}

void xi_lzcnt(struct xt *x)
{
	if (x86_has(x->cpu, XF_ABM)) {
		xt_count(x, IR_clz);
	} else {
		xt_scan(x, true);
	}
}

void xi_popcnt(struct xt *x)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val v = xt_rd(x, 1), z;

	xt_wr(x, 0, ir_op1(u, IR_popcnt, t, v));
	z = ir_setcmp(u, IR_I32, IR_EQ, t, v, ir_const(u, t, 0));
	ir_fset(u, xt_funpack(x, ir_op2(u, IR_shl, IR_I32, z, ir_const(u, IR_I8, 6))));
}

void xi_bswap(struct xt *x)
{
	unsigned size = xt_size(x, 0);

	if (size == 2) { /* undefined; processors give zero */
		xt_wr(x, 0, ir_const(x->u, IR_I16, 0));
		return;
	}
	xt_wr(x, 0, ir_op1(x->u, IR_bswap, xt_type(size), xt_rd(x, 0)));
}

void xi_movbe(struct xt *x)
{
	xt_wr(x, 0, ir_op1(x->u, IR_bswap, xt_type(xt_size(x, 0)), xt_rd(x, 1)));
}

void xi_crc32(struct xt *x)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(xt_size(x, 1));
	ir_val b = xt_rd(x, 1), r;

	r = ir_emit(u, (struct ir_ins){ .op = IR_crc32c,
	                                .type = IR_I32,
	                                .aux = (uint8_t)t,
	                                .a = ir_get(u, IR_I32, XS_GPR + x->i.reg),
	                                .b = b });
	xt_set_gpr(x, 4, x->i.reg, r);
}

/* ---- BMI ---- */

void xi_andn(struct xt *x)
{
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val b = xt_rd(x, 2), r = ir_op2(x->u, IR_andn, t, xt_rd(x, 1), b);

	xt_wr(x, 0, r);
	ir_fset(x->u, ir_flags(x->u, r));
}

/* arg: 1 BLSR, 2 BLSMSK, 3 BLSI */
void xi_bls(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned k = x->i.d->arg;
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val v = xt_rd(x, 1), r, c;

	if (k == 3) {
		r = ir_op2(u, IR_and, t, v, ir_op1(u, IR_neg, t, v));
	} else {
		r = ir_op2(u, k == 1 ? IR_and : IR_xor, t, v,
		           ir_op2i(u, IR_add, t, v, -1));
	}
	c = ir_setcmp(u, IR_I32, k == 3 ? IR_NE : IR_EQ, t, v, ir_const(u, t, 0));
	xt_wr(x, 0, r);
	xt_fset_logic_c(x, t, r, c);
}

/* v with the bits from n (i32, any value) up cleared. */
static ir_val xt_low_bits(struct xt *x, enum ir_type t, unsigned bits, ir_val v,
                          ir_val n)
{
	struct ir_unit *u = x->u;
	ir_val m = ir_op2(u, IR_shl, t, ir_const(u, t, 1), ir_trunc(u, IR_I8, n));

	m = ir_op2(u, IR_and, t, v, ir_op2i(u, IR_add, t, m, -1));
	return xt_selnz(
		x, t, IR_I32,
		ir_setcmp(u, IR_I32, IR_LTU, IR_I32, n, ir_const(u, IR_I32, bits)), m,
		v);
}

void xi_bextr(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0), bits = size * 8;
	enum ir_type t = xt_type(size);
	ir_val v = xt_rd(x, 1), ctl = xt_rd(x, 2), start, len, r;

	ctl = size == 8 ? ir_trunc(u, IR_I32, ctl) : ctl;
	start = ir_extr(u, IR_I32, ctl, 0, 8);
	len = ir_extr(u, IR_I32, ctl, 8, 8);
	r = ir_op2(u, IR_shr, t, v, ir_trunc(u, IR_I8, start));
	r = xt_selnz(
		x, t, IR_I32,
		ir_setcmp(u, IR_I32, IR_LTU, IR_I32, start, ir_const(u, IR_I32, bits)),
		r, ir_const(u, t, 0));
	r = xt_low_bits(x, t, bits, r, len);
	xt_wr(x, 0, r);
	ir_fset(u, ir_flags(u, ir_op2(u, IR_or, t, r, r)));
}

void xi_bzhi(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0), bits = size * 8;
	enum ir_type t = xt_type(size);
	ir_val v = xt_rd(x, 1), n = xt_rd(x, 2), r;

	n = size == 8 ? ir_trunc(u, IR_I32, n) : n;
	n = ir_op2i(u, IR_and, IR_I32, n, 255);
	r = xt_low_bits(x, t, bits, v, n);
	xt_wr(x, 0, r);
	xt_fset_logic_c(
		x, t, r,
		ir_setcmp(u, IR_I32, IR_GTU, IR_I32, n, ir_const(u, IR_I32, bits - 1)));
}

void xi_pdep(struct xt *x)
{
	ir_val m = xt_rd(x, 2);

	xt_wr(x, 0, ir_op2(x->u, IR_bdep, xt_type(xt_size(x, 0)), xt_rd(x, 1), m));
}

void xi_pext(struct xt *x)
{
	ir_val m = xt_rd(x, 2);

	xt_wr(x, 0, ir_op2(x->u, IR_bext, xt_type(xt_size(x, 0)), xt_rd(x, 1), m));
}
