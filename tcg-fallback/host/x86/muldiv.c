/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * muldiv.c - multiplication and division: the instructions with fixed registers.
 *
 * RAX and RDX are homes of guest slots; they are parked in the frame around the
 * instruction unless the results flow straight into them (x86 MUL, DIV: nothing moves).
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include <errno.h>

#include "tcg-fallback/host/x86/emit.h"

enum { PARK_RAX = FR_ARG, PARK_RDX = FR_ARG + 8, PARK_OP = FR_ARG + 16 };

/* Results of one instruction: values (0: not wanted) of RAX and RDX. */
struct fixed {
	unsigned lo, hi;
	bool keep_lo, keep_hi; /* the result stays: the home takes it */
};

/* May value v stay in register r? (r is its home-to-be and nothing else needs r.) */
static bool md_stays(struct gen *g, unsigned v, unsigned r)
{
	unsigned h;

	if (!v || g->v[v].hint != r + 1) {
		return false;
	}
	h = gen_home(g, v);
	return h == r;
}

/* Parks RAX and RDX where needed and loads them: a -> RDX (0: none), b -> RAX. */
static void md_enter(struct gen *g, struct fixed *f, unsigned a, unsigned b,
                     unsigned sz)
{
	f->keep_lo = md_stays(g, f->lo, RAX);
	f->keep_hi = md_stays(g, f->hi, RDX);
	if (!f->keep_hi) {
		asm_mov_mr(&g->b, 3, frame_mem(PARK_RDX), RDX);
	}
	if (!f->keep_lo || gen_where(g, a) == RAX) {
		asm_mov_mr(&g->b, 3, frame_mem(PARK_RAX), RAX);
	}
	if (gen_where(g, b) != RAX) {
		gen_load_to(g, b, RAX, sz);
		if (a && gen_where(g, a) == RAX) {
			asm_mov_rm(&g->b, 3, RDX, frame_mem(PARK_RAX));
			a = 0;
		}
	} else if (a && gen_where(g, a) == RAX) {
		asm_mov_rr(&g->b, 3, RDX, RAX);
		a = 0;
	}
	if (a && gen_where(g, a) != RDX) {
		gen_load_to(g, a, RDX, sz);
	}
	fl_clobber(g); /* freeing a home may have run a compare */
}

/* Moves the results to where they are to live and restores the homes. */
static void md_leave(struct gen *g, struct fixed *f, unsigned sz)
{
	unsigned dl = NOREG, dh = NOREG, zb = sz == 2 ? 32 : 64;

	g->locked &= ~SCRATCH_MASK;
	if (f->lo && !f->keep_lo && g->v[f->lo].last > g->i) {
		dl = gen_scratch(g);
		asm_mov_rr(&g->b, 3, dl, RAX);
	}
	if (f->hi && !f->keep_hi && g->v[f->hi].last > g->i) {
		dh = gen_scratch(g);
		asm_mov_rr(&g->b, 3, dh, RDX);
	}
	if (!f->keep_lo) {
		asm_mov_rm(&g->b, 3, RAX, frame_mem(PARK_RAX));
	}
	if (!f->keep_hi) {
		asm_mov_rm(&g->b, 3, RDX, frame_mem(PARK_RDX));
	}
	if (f->lo && (f->keep_lo || dl != NOREG)) {
		gen_def(g, f->lo, f->keep_lo ? RAX : dl, zb);
	}
	if (f->hi && (f->keep_hi || dh != NOREG)) {
		gen_def(g, f->hi, f->keep_hi ? RDX : dh, zb);
	}
}

/* The operand c as register or memory that survives md_enter. */
static struct amem md_operand(struct gen *g, unsigned c, unsigned *reg)
{
	int r = gen_where(g, c);

	*reg = NOREG;
	if (r >= 0 && r != RAX && r != RDX) {
		gen_lock(g, (unsigned)r);
		*reg = (unsigned)r;
		return amem(RSP, 0);
	}
	if (r >= 0) {
		asm_mov_mr(&g->b, 3, frame_mem(PARK_OP), (unsigned)r);
		return frame_mem(PARK_OP);
	}
	*reg = gen_reg(g, c);
	return amem(RSP, 0);
}

static void md_g3(struct gen *g, unsigned digit, unsigned sz, unsigned reg,
                  struct amem m)
{
	if (reg != NOREG) {
		asm_g3_r(&g->b, digit, sz, reg);
	} else {
		asm_rm(&g->b, asm_sz(0xf7, sz) & ~A_BM, digit, m);
	}
}

/* ---- multiplication ---- */

/* The instruction right behind that completes a widening multiplication, or 0. */
static unsigned md_mul_pair(const struct gen *g, const struct ir_ins *in)
{
	unsigned j = g->i + 1;

	while (j < g->n && (g->ins[j].op == IR_flags || g->ins[j].op == IR_NOP)) {
		j++;
	}
	if (j < g->n && !g->v[j].dead && g->ins[j].type == in->type &&
	    (g->ins[j].op == IR_mulhu || g->ins[j].op == IR_mulhs) &&
	    g->ins[j].a == in->a && g->ins[j].b == in->b &&
	    !(g->v[g->i].fl && g->ins[j].op == IR_mulhu)) {
		return j;
	}
	return 0;
}

static void md_wide(struct gen *g, const struct ir_ins *in, unsigned lo, unsigned hi,
                    bool sx)
{
	struct fixed f = { .lo = lo, .hi = hi };
	unsigned sz = ty_sz(in->type), reg, a = in->a, b = in->b;
	struct amem m;

	fl_clobber(g);
	if (gen_where(g, b) == RAX) {
		b = in->a;
		a = in->b;
	}
	m = md_operand(g, b, &reg);
	md_enter(g, &f, 0, a, sz);
	md_g3(g, sx ? 5 : 4, sz, reg, m);
	md_leave(g, &f, sz);
}

/* 8-bit products with flags: C = O = the product does not fit. */
static void md_mul8(struct gen *g, const struct ir_ins *in)
{
	unsigned d = gen_scratch(g), t = gen_scratch(g), f = g->v[g->i].fl;

	gen_load_to(g, in->a, d, 2);
	gen_load_to(g, in->b, t, 2);
	asm_sx_rr(&g->b, 0, false, d, d);
	asm_sx_rr(&g->b, 0, false, t, t);
	fl_clobber(g);
	asm_imul_rr(&g->b, 2, d, t);
	asm_sx_rr(&g->b, 0, false, t, d);
	asm_alu_rr(&g->b, ALU_CMP, 2, t, d);
	asm_setcc(&g->b, IR_NE, t);
	asm_zx_rr(&g->b, 0, t, t);
	asm_imul_rri(&g->b, 2, t, t, IR_FL_C | IR_FL_O);
	gen_def(g, g->i, d, 32);
	g->v[f].fstate = FS_PACKED;
	g->v[f].fcond = 1;
	gen_def_part(g, f, t);
}

void op_mul(struct gen *g, const struct ir_ins *in)
{
	struct val *v = &g->v[g->i];
	unsigned sz = ty_sz(in->type), d, s, pair = sz >= 2 ? md_mul_pair(g, in) : 0;
	unsigned a = in->a, b = in->b;
	int64_t imm;

	if (pair) {
		unsigned i = g->i;

		g->i = pair; /* what dies there dies now */
		md_wide(g, in, i, pair, g->ins[pair].op == IR_mulhs);
		g->v[pair].done = true;
		fl_made(g, i);
		return;
	}
	if (sz == 0 && v->fl) {
		md_mul8(g, in);
		return;
	}
	sz = v->fl ? sz : MAX(sz, 2u);
	if (gen_is_imm(g, a, &imm)) {
		a = in->b;
		b = in->a;
	}
	if (gen_is_imm(g, b, &imm)) {
		imm = sz == 1 ? (int16_t)imm : sz == 2 ? (int32_t)imm : imm;
		if (asm_s32(imm)) {
			s = gen_reg(g, a);
			d = gen_dest_reuse(g, g->i, a);
			fl_clobber(g);
			asm_imul_rri(&g->b, sz, d, s, (int32_t)imm);
			gen_def(g, g->i, d, sz == 2 ? 32 : 64);
			fl_made(g, g->i);
			return;
		}
	}
	s = gen_reg(g, b);
	d = gen_home(g, g->i);
	if (d == NOREG || (d == s && gen_where(g, a) != (int)d)) {
		if (d == s && d != NOREG) {
			/* commutative: multiply what is in place by the other */
			s = gen_reg(g, a);
			a = b;
		} else {
			if (gen_where(g, a) >= 0) {
				gen_lock(g, (unsigned)gen_where(g, a));
			}
			d = gen_scratch(g);
		}
	}
	if (gen_where(g, a) != (int)d) {
		gen_load_to(g, a, d, sz);
	}
	fl_clobber(g);
	asm_imul_rr(&g->b, sz, d, s);
	gen_def(g, g->i, d, sz == 2 ? 32 : 64);
	fl_made(g, g->i);
}

/* High half of a product without its low half. */
void op_mulh(struct gen *g, const struct ir_ins *in)
{
	unsigned sz = ty_sz(in->type), d, t, bits = 8u << sz;
	bool sx = in->op == IR_mulhs;

	if (sz == 3) {
		md_wide(g, in, 0, g->i, sx);
		return;
	}
	d = gen_scratch(g);
	t = gen_scratch(g);
	gen_load_to(g, in->a, d, 2);
	gen_load_to(g, in->b, t, 2);
	if (sx) {
		asm_sx_rr(&g->b, sz, true, d, d);
		asm_sx_rr(&g->b, sz, true, t, t);
	} else {
		asm_zx_rr(&g->b, sz, d, d);
		asm_zx_rr(&g->b, sz, t, t);
	}
	fl_clobber(g);
	asm_imul_rr(&g->b, 3, d, t);
	asm_sh_ri(&g->b, SH_SHR, 3, d, bits);
	gen_def(g, g->i, d, sz == 2 ? 32 : 64);
}

/* ---- division ---- */

static bool md_same(const struct ir_ins *x, const struct ir_ins *y)
{
	return x->a == y->a && x->b == y->b && x->c == y->c && x->type == y->type;
}

/* The remainder (or quotient) of the same division a little further on, or 0. */
static unsigned md_div_pair(const struct gen *g, const struct ir_ins *in)
{
	unsigned want = in->op == IR_udiv2   ? IR_urem2
	                : in->op == IR_urem2 ? IR_udiv2
	                : in->op == IR_sdiv2 ? IR_srem2
	                                     : IR_sdiv2;

	for (unsigned j = g->i + 1; j < g->n && j < g->i + 2; j++) {
		if (g->ins[j].op == want && !g->v[j].dead && md_same(in, &g->ins[j])) {
			return j;
		}
	}
	return 0;
}

/* Dividends of 16 and 32 bits are put together in EAX and divided by 32-bit code. */
static void md_div_narrow(struct gen *g, const struct ir_ins *in, struct fixed *f,
                          bool sx)
{
	unsigned sz = ty_sz(in->type), c = gen_scratch(g), t = gen_scratch(g),
		 bits = 8u << sz;

	gen_load_to(g, in->c, c, 2);
	gen_load_to(g, in->a, t, 2);
	md_enter(g, f, 0, in->b, 2);
	if (sx) {
		asm_sx_rr(&g->b, sz, false, c, c);
	} else {
		asm_zx_rr(&g->b, sz, c, c);
	}
	asm_zx_rr(&g->b, sz, RAX, RAX);
	asm_sh_ri(&g->b, SH_SHL, 2, t, bits);
	asm_alu_rr(&g->b, ALU_OR, 2, RAX, t);
	if (sx) {
		if (sz == 0) {
			asm_sx_rr(&g->b, 1, false, RAX, RAX);
		}
		asm_8(&g->b, 0x99); /* cltd */
	} else {
		if (sz == 0) {
			asm_zx_rr(&g->b, 1, RAX, RAX);
		}
		asm_alu_rr(&g->b, ALU_XOR, 2, RDX, RDX);
	}
	asm_g3_r(&g->b, sx ? 7 : 6, 2, c);
	md_leave(g, f, 2);
}

void op_div(struct gen *g, const struct ir_ins *in)
{
	unsigned pair = md_div_pair(g, in), sz = ty_sz(in->type), reg;
	bool sx = in->op == IR_sdiv2 || in->op == IR_srem2;
	bool quot = in->op == IR_udiv2 || in->op == IR_sdiv2;
	struct fixed f = { .lo = quot ? g->i : pair, .hi = quot ? pair : g->i };
	struct amem m;

	if (pair) {
		g->v[pair].done = true;
		g->i = pair; /* what dies there dies now */
	}
	fl_clobber(g);
	if (sz < 2) {
		md_div_narrow(g, in, &f, sx);
	} else {
		m = md_operand(g, in->c, &reg);
		md_enter(g, &f, in->a, in->b, sz);
		md_g3(g, sx ? 7 : 6, sz, reg, m);
		md_leave(g, &f, sz);
	}
}
