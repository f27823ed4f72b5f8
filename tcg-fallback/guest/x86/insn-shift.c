/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-shift.c - shifts, rotates, double shifts.
 *
 * Models: SDM vol. 2. Counts are masked to 5 (6) bits; a masked count of zero changes no
 * flag (and still zero-extends a 32-bit register).
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

static const uint8_t xt_shift_op[8] = { IR_rotl, IR_rotr, 0,      0,
	                                IR_shl,  IR_shr,  IR_shl, IR_sar };

static bool xt_is_rotate(unsigned k)
{
	return k <= XA_RCR;
}

/* RCL/RCR by one: an ADC with itself, and its mirror. */
static void xt_rc1(struct xt *x, bool right)
{
	struct ir_unit *u = x->u;
	unsigned bits = xt_size(x, 0) * 8;
	enum ir_type t = xt_type(bits / 8), w = bits < 32 ? IR_I32 : t;
	ir_val a = xt_rd_rmw(x, 0), f = ir_fget(u), r, c, top, o;

	if (!right) {
		r = ir_op3(u, IR_adc, t, a, a, f);
		xt_wr(x, 0, r);
		xt_fset_mix(x, IR_FL_C | IR_FL_O, ir_flags(u, r));
		return;
	}
	a = bits < 32 ? ir_zext(u, w, a, t) : a;
	c = ir_setcc(u, w, IR_LTU, f);
	top = ir_op2(u, IR_shr, w, a, ir_const(u, IR_I8, bits - 1));
	r = ir_op2(u, IR_or, w, ir_op2(u, IR_shr, w, a, ir_const(u, IR_I8, 1)),
	           ir_op2(u, IR_shl, w, c, ir_const(u, IR_I8, bits - 1)));
	xt_wr(x, 0, bits < 32 ? ir_trunc(u, t, r) : r);
	o = ir_op2(u, IR_xor, w, top, c);
	c = ir_op2i(u, IR_and, w, a, 1);
	o = ir_op2(u, IR_or, w, c, ir_op2(u, IR_shl, w, o, ir_const(u, IR_I8, 11)));
	o = w == IR_I64 ? ir_trunc(u, IR_I32, o) : o;
	xt_fset_mix(x, IR_FL_C | IR_FL_O, xt_funpack(x, o));
}

/* General RCL/RCR: pure helpers for value and carry; O as for a count of one. */
static void xt_rc(struct xt *x, bool right, ir_val cnt)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val a = xt_rd_rmw(x, 0), f = ir_fget(u), c, n, r, nc, o, old;
	struct ir_ins sel = { .op = IR_selnz, .type = IR_I32, .aux2 = IR_I8, .a = cnt };

	a = size < 8 ? ir_zext(u, IR_I64, a, t) : a;
	c = ir_setcc(u, IR_I64, IR_LTU, f);
	n = ir_op2i(u, IR_or, IR_I64, ir_zext(u, IR_I64, cnt, IR_I8), size << 8);
	r = xt_call(x, right ? XHELP_rcr : XHELP_rcl, a, n, c, 0);
	nc = ir_trunc(u, IR_I32,
	              xt_call(x, right ? XHELP_rcr_c : XHELP_rcl_c, a, n, c, 0));
	xt_wr(x, 0, size < 8 ? ir_trunc(u, t, r) : r);
	o = ir_trunc(u, IR_I32, ir_extr(u, IR_I64, r, size * 8 - 1, 1));
	o = ir_op2(u, IR_xor, IR_I32, o,
	           right ? ir_trunc(u, IR_I32, ir_extr(u, IR_I64, r, size * 8 - 2, 1))
	                 : nc);
	o = ir_op2(u, IR_or, IR_I32, nc,
	           ir_op2(u, IR_shl, IR_I32, o, ir_const(u, IR_I8, 11)));
	old = ir_emit(u, (struct ir_ins){ .op = IR_fpack, .type = IR_I32, .a = f });
	sel.b = o;
	sel.c = old;
	xt_fset_mix(x, IR_FL_C | IR_FL_O, xt_funpack(x, ir_emit(u, sel)));
}

static uint64_t xi_rc(uint64_t v, uint64_t n, uint64_t carry, bool right,
                      bool want_carry)
{
	unsigned bits = (unsigned)(n >> 8) * 8, k = (n & 0xff) % (bits + 1);
	unsigned __int128 one = 1, mask = (one << (bits + 1)) - 1;
	unsigned __int128 w = (unsigned __int128)(carry & 1) << bits | v;

	if (right) {
		k = (bits + 1 - k) % (bits + 1);
	}
	if (k) {
		w = (w << k | w >> (bits + 1 - k)) & mask;
	}
	return want_carry ? (uint64_t)(w >> bits) & 1 : (uint64_t)(w & (mask >> 1));
}

#define XI_RC(name, right, cf)                                                         \
	uint64_t helper_##name(struct tcg_env *env, uint64_t a, uint64_t b,            \
	                       uint64_t c, uint64_t d)                                 \
	{                                                                              \
		(void)env;                                                             \
		(void)d;                                                               \
		return xi_rc(a, b, c, right, cf);                                      \
	}
XI_RC(rcl, false, false)
XI_RC(rcr, true, false)
XI_RC(rcl_c, false, true)
XI_RC(rcr_c, true, true)

/* Constant count, already masked and not zero. */
static void xt_shift_const(struct xt *x, unsigned k, unsigned n)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val r = ir_op2(u, xt_shift_op[k], t, xt_rd_rmw(x, 0), ir_const(u, IR_I8, n));

	xt_wr(x, 0, r);
	if (xt_is_rotate(k)) {
		xt_fset_mix(x, IR_FL_C | IR_FL_O, ir_flags(u, r));
	} else {
		ir_fset(u, ir_flags(u, r));
	}
}

static void xt_shift_var(struct xt *x, unsigned k, ir_val cnt)
{
	struct ir_unit *u = x->u;
	ir_val r =
		ir_op2(u, xt_shift_op[k], xt_type(xt_size(x, 0)), xt_rd_rmw(x, 0), cnt);
	struct ir_ins fs = {
		.op = IR_fshift, .type = IR_FLAGS, .aux2 = IR_I8, .a = r, .c = cnt
	};

	fs.b = ir_fget(u);
	fs.imm = xt_is_rotate(k) ? IR_FL_C | IR_FL_O : IR_FL_ALL;
	xt_wr(x, 0, r);
	ir_fset(u, ir_emit(u, fs));
}

void xi_shift(struct xt *x)
{
	unsigned k = x->i.d->arg, mask = xt_size(x, 0) == 8 ? 63 : 31;
	bool rc = k == XA_RCL || k == XA_RCR;

	if (x->i.d->op[1] == CL) {
		ir_val cnt = ir_op2i(x->u, IR_and, IR_I8,
		                     ir_get(x->u, IR_I8, XS_GPR + X86_RCX), mask);

		if (rc) {
			xt_rc(x, k == XA_RCR, cnt);
		} else {
			xt_shift_var(x, k, cnt);
		}
	} else {
		unsigned n = (x->i.d->op[1] == ONE ? 1 : (unsigned)x->i.imm) & mask;

		if (n == 0) {
			xt_wr(x, 0, xt_rd_rmw(x, 0));
		} else if (rc && n == 1) {
			xt_rc1(x, k == XA_RCR);
		} else if (rc) {
			xt_rc(x, k == XA_RCR, ir_const(x->u, IR_I8, n));
		} else {
			xt_shift_const(x, k, n);
		}
	}
}

/*
 * 16-bit SHLD/SHRD with counts up to 31 (above 16 undefined; processors then shift in the
 * destination again): in 64 bits, a:b:a.
 */
static void xt_shiftd16(struct xt *x, bool right, ir_val a, ir_val b, ir_val cnt)
{
	struct ir_unit *u = x->u;
	ir_val w = ir_zext(u, IR_I64, a, IR_I16), m = ir_zext(u, IR_I64, b, IR_I16), r,
	       c, n;
	ir_val old = ir_fget(u), fl;
	struct ir_ins sel = { .op = IR_selnz, .type = IR_I32, .aux2 = IR_I8, .a = cnt };

	w = ir_dep(u, IR_I64, w, m, 16, 16);
	w = ir_dep(u, IR_I64, w, a, 32, 16);
	n = ir_op2(u, IR_sub, IR_I8, ir_const(u, IR_I8, right ? 0 : 48), cnt);
	if (right) { /* carry: bit cnt - 1 */
		r = ir_trunc(u, IR_I16, ir_op2(u, IR_shr, IR_I64, w, cnt));
		n = ir_op2i(u, IR_add, IR_I8, cnt, -1);
	} else { /* result: bits 47..32 of w << cnt; carry: bit 48 - cnt */
		r = ir_op2(u, IR_shl, IR_I64, w, cnt);
		r = ir_trunc(u, IR_I16,
		             ir_op2(u, IR_shr, IR_I64, r, ir_const(u, IR_I8, 32)));
	}
	c = ir_op2i(u, IR_and, IR_I32,
	            ir_trunc(u, IR_I32, ir_op2(u, IR_shr, IR_I64, w, n)), 1);
	xt_wr(x, 0, r);
	fl = ir_op2(u, IR_xor, IR_I16, r, a); /* O: sign changed */
	fl = ir_extr(u, IR_I32, ir_zext(u, IR_I32, fl, IR_I16), 15, 1);
	fl = ir_op2(u, IR_shl, IR_I32, fl, ir_const(u, IR_I8, 11));
	fl = ir_op2(u, IR_or, IR_I32, fl, c);
	fl = ir_emit(
		u, (struct ir_ins){ .op = IR_fmix,
	                            .type = IR_FLAGS,
	                            .imm = IR_FL_C | IR_FL_O,
	                            .a = xt_funpack(x, fl),
	                            .b = ir_flags(u, ir_op2(u, IR_or, IR_I16, r, r)) });
	sel.b = ir_emit(u, (struct ir_ins){ .op = IR_fpack, .type = IR_I32, .a = fl });
	sel.c = ir_emit(u, (struct ir_ins){ .op = IR_fpack, .type = IR_I32, .a = old });
	ir_fset(u, xt_funpack(x, ir_emit(u, sel)));
}

void xi_shiftd(struct xt *x)
{
	struct ir_unit *u = x->u;
	bool right = x->i.d->arg, var = x->i.d->op[2] == CL;
	unsigned size = xt_size(x, 0), mask = size == 8 ? 63 : 31;
	enum ir_type t = xt_type(size);
	unsigned n = (unsigned)x->i.imm & mask;
	ir_val cnt, a, b, r;
	struct ir_ins fs = {
		.op = IR_fshift, .type = IR_FLAGS, .aux2 = IR_I8, .imm = IR_FL_ALL
	};

	cnt = var ? ir_op2i(u, IR_and, IR_I8, ir_get(u, IR_I8, XS_GPR + X86_RCX), mask)
	          : ir_const(u, IR_I8, n);
	a = xt_rd_rmw(x, 0);
	b = xt_rd(x, 1);
	if (!var && n == 0) {
		xt_wr(x, 0, a);
		return;
	}
	if (size == 2) {
		xt_shiftd16(x, right, a, b, cnt);
		return;
	}
	r = ir_op3(u, right ? IR_shrd : IR_shld, t, a, b, cnt);
	if (var) {
		fs.a = r;
		fs.b = ir_fget(u);
		fs.c = cnt;
		xt_wr(x, 0, r);
		ir_fset(u, ir_emit(u, fs));
	} else {
		xt_wr(x, 0, r);
		ir_fset(u, ir_flags(u, r));
	}
}

void xi_rorx(struct xt *x)
{
	enum ir_type t = xt_type(xt_size(x, 0));
	unsigned mask = xt_size(x, 0) * 8 - 1;

	xt_wr(x, 0,
	      ir_op2(x->u, IR_rotr, t, xt_rd(x, 1),
	             ir_const(x->u, IR_I8, x->i.imm & mask)));
}

void xi_shiftx(struct xt *x)
{
	enum ir_type t = xt_type(xt_size(x, 0));
	ir_val v = xt_rd(x, 1);

	xt_wr(x, 0, ir_op2(x->u, xt_shift_op[x->i.d->arg], t, v, xt_rd(x, 2)));
}
