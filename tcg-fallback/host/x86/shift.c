/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * shift.c - shifts, rotates and double shifts.
 *
 * Without flags: LEA, RORX, SHLX and relatives where the host has them. A variable count
 * that the flags are wanted of goes through CL; RCX is a home and is parked in a
 * scratch around the instruction unless it holds the count.
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include <errno.h>

#include "tcg-fallback/host/x86/emit.h"

static void int_shift_imm(struct gen *g, const struct ir_ins *in, unsigned op,
                          unsigned n)
{
	struct val *v = &g->v[g->i];
	unsigned sz = ty_sz(in->type), d;
	int ra = gen_where(g, in->a);

	n &= sz == 3 ? 63 : 31;
	if (op <= SH_ROR && sz < 2 && !v->fl) {
		n &= (8u << sz) - 1;
	}
	if (n == 0 && !v->fl) {
		gen_reg(g, in->a);
		gen_alias(g, g->i, in->a, g->v[in->a].zb);
		return;
	}
	if (v->fl) {
		d = gen_part(g, g->i);
		if (sz < 2 && d != NOREG) {
			if (ra != (int)d) {
				int_merge(g, in->a, d, sz);
			}
			fl_clobber(g);
			g->ef_at = asm_pos(&g->b);
			asm_sh_ri(&g->b, op, sz, d, n);
			gen_def_part(g, g->i, d);
			fl_made(g, g->i);
			return;
		}
		d = gen_dest_reuse(g, g->i, in->a);
		if (ra != (int)d) {
			gen_load_to(g, in->a, d, sz);
		}
		fl_clobber(g);
		g->ef_at = asm_pos(&g->b);
		asm_sh_ri(&g->b, op, sz, d, n);
		gen_def(g, g->i, d, int_zb(sz));
		fl_made(g, g->i);
		return;
	}
	if (op == SH_SHL && n >= 1 && n <= 3 && sz >= 2 && ra >= 0) {
		gen_lock(g, (unsigned)ra);
		d = gen_dest_reuse(g, g->i, in->a);
		if (ra != (int)d) {
			asm_lea(&g->b, sz, d,
			        n == 1 ? amem_x((unsigned)ra, (unsigned)ra, 0, 0)
			               : amem_x(NOREG, (unsigned)ra, n, 0));
			gen_def(g, g->i, d, int_zb(sz));
			return;
		}
	} else if (op <= SH_ROR && sz >= 2 && x86_host.bmi2 && n) {
		unsigned s = gen_reg(g, in->a);

		d = gen_dest_reuse(g, g->i, in->a);
		asm_rorx(&g->b, sz, d, s, op == SH_ROR ? n : (8u << sz) - n);
		gen_def(g, g->i, d, int_zb(sz));
		return;
	} else {
		d = gen_dest_reuse(g, g->i, in->a);
	}
	if (op <= SH_ROR) {
		if (ra != (int)d) {
			gen_load_to(g, in->a, d, sz);
		}
	} else {
		int_widen_to(g, in->a, d, op == SH_SHL ? MAX(sz, 2u) : sz,
		             op == SH_SAR);
	}
	fl_clobber(g);
	asm_sh_ri(&g->b, op, op <= SH_ROR ? sz : MAX(sz, 2u), d, n);
	gen_def(g, g->i, d, int_zb(op <= SH_ROR ? sz : MAX(sz, 2u)));
}

/* Shifts d by the count value c: through CL. d is locked and not RCX, or c is in RCX. */
static void int_by_cl(struct gen *g, unsigned c, unsigned op, unsigned sz, unsigned d)
{
	unsigned t = NOREG;

	if (gen_where(g, c) != RCX) {
		t = gen_scratch(g);
		asm_mov_rr(&g->b, 3, t, RCX);
		gen_load_to(g, c, RCX, 2);
	}
	fl_clobber(g);
	g->ef_at = asm_pos(&g->b);
	asm_sh_cl(&g->b, op, sz, d);
	if (t != NOREG) {
		asm_mov_rr(&g->b, 3, RCX, t);
		gen_unlock(g, t);
	}
}

void op_shift(struct gen *g, const struct ir_ins *in, unsigned op)
{
	struct val *v = &g->v[g->i];
	unsigned sz = ty_sz(in->type), d, osz;
	int64_t n;

	if (gen_is_imm(g, in->b, &n)) {
		int_shift_imm(g, in, op, (uint8_t)n);
		return;
	}
	if (!v->fl && op >= SH_SHL && x86_host.bmi2) {
		unsigned c = gen_reg(g, in->b), a;

		if (sz < 2 && op != SH_SHL) {
			d = gen_scratch(g);
			int_widen_to(g, in->a, d, sz, op == SH_SAR);
			a = d;
		} else {
			a = gen_reg(g, in->a);
			d = gen_dest_reuse(g, g->i, in->a);
		}
		asm_shx(&g->b, op, MAX(sz, 2u), d, a, c);
		gen_def(g, g->i, d, int_zb(MAX(sz, 2u)));
		return;
	}
	if (gen_where(g, in->b) >= 0) {
		gen_lock(g, (unsigned)gen_where(g, in->b));
	}
	d = gen_dest_reuse(g, g->i, in->a);
	if ((d == RCX && (gen_where(g, in->b) != RCX || gen_where(g, in->a) != RCX)) ||
	    gen_where(g, in->b) == (int)d) {
		if (!(d == RCX && gen_where(g, in->a) == RCX &&
		      gen_where(g, in->b) == RCX)) {
			gen_unlock(g, d);
			if (gen_where(g, in->b) >= 0) {
				gen_lock(g, (unsigned)gen_where(g, in->b));
			}
			d = gen_scratch(g);
		}
	}
	osz = v->fl || op <= SH_ROR ? sz : MAX(sz, 2u);
	if (v->fl || op <= SH_ROR) {
		if (gen_where(g, in->a) != (int)d) {
			gen_load_to(g, in->a, d, sz);
		}
	} else {
		int_widen_to(g, in->a, d, op == SH_SHL ? MAX(sz, 2u) : sz,
		             op == SH_SAR);
	}
	int_by_cl(g, in->b, op, osz, d);
	gen_def(g, g->i, d, int_zb(osz));
	fl_made(g, g->i);
}

void op_shiftd(struct gen *g, const struct ir_ins *in, bool right)
{
	unsigned sz = ty_sz(in->type), d, s, n8 = 8u << sz, t = NOREG;
	unsigned width = A_0F | (sz == 3 ? A_W : sz == 1 ? A_66 : 0);
	int64_t n;

	if (sz == 0) {
		g->err = -ENOTSUP;
		return;
	}
	s = gen_reg(g, in->b);
	if (gen_is_imm(g, in->c, &n)) {
		n &= sz == 3 ? 63 : 31;
		d = gen_home(g, g->i);
		if (d == NOREG || d == s) {
			d = gen_scratch(g);
		}
		if (gen_where(g, in->a) != (int)d) {
			gen_load_to(g, in->a, d, sz);
		}
		if (n && n < n8) {
			fl_clobber(g);
			g->ef_at = asm_pos(&g->b);
			asm_rr(&g->b, (right ? 0xacu : 0xa4u) | width, s, d);
			asm_8(&g->b, (unsigned)n);
		}
		gen_def(g, g->i, d, 64);
		if (n && n < n8) {
			fl_made(g, g->i);
		}
		return;
	}
	/* the count goes through CL: keep the sources out of RCX unless it is the count */
	d = gen_scratch(g);
	gen_load_to(g, in->a, d, sz);
	if (gen_where(g, in->c) != RCX) {
		t = gen_scratch(g);
		asm_mov_rr(&g->b, 3, t, RCX);
		gen_load_to(g, in->c, RCX, 2);
	}
	fl_clobber(g);
	asm_rr(&g->b, (right ? 0xadu : 0xa5u) | width, t != NOREG && s == RCX ? t : s,
	       d);
	if (t != NOREG) {
		asm_mov_rr(&g->b, 3, RCX, t);
		gen_unlock(g, t);
	}
	gen_def(g, g->i, d, 64);
	fl_made(g, g->i);
}
