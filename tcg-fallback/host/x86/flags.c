/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flags.c - where flags values are, and how their consumers get at them.
 *
 * The rule: flags are consumed from the host's flags register right behind the
 * instruction that made them. Compares are executed when asked, so that they stay next
 * to their branch. When the host flags are about to be lost and still wanted, in this
 * order: execute the compare again; test the result again (Z S P, and all flags of
 * logic operations); keep the one condition that is asked as a boolean; keep them
 * packed. Nothing is kept that nobody asks for later.
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include <errno.h>

#include "tcg-fallback/host/x86/emit.h"

enum {
	FL_KEEP = IR_FL_ALL,
	COND_ZSP = 1 << (IR_EQ >> 1) | 1 << (IR_S >> 1) | 1 << (IR_P >> 1)
};

unsigned fl_canon(const struct gen *g, unsigned f)
{
	return f < g->n && g->ins[f].op == IR_flags ? g->v[g->ins[f].a].fl : f;
}

static bool fl_logic(unsigned op)
{
	return op == IR_and || op == IR_or || op == IR_xor || op == IR_andn;
}

static void fl_defer(struct gen *g, unsigned f)
{
	unsigned k;

	g->v[f].fstate = FS_DEFER;
	for (k = 0; k < g->n_deferred; k++) {
		if (g->deferred[k] == f) {
			return;
		}
	}
	if (k < 4) {
		g->deferred[g->n_deferred++] = (uint16_t)f;
		return;
	}
	/* table full: forget one that is over, else the oldest just is not released early */
	memmove(g->deferred, g->deferred + 1, 3 * sizeof(g->deferred[0]));
	g->deferred[3] = (uint16_t)f;
}

/* A place for a flags value outside the flags register: scratch if one is free. */
static void fl_keep(struct gen *g, unsigned f, bool one, unsigned cc)
{
	struct val *v = &g->v[f];
	unsigned r = NOREG;

	for (unsigned k = R8; k < R8 + N_SCRATCH && r == NOREG; k++) {
		if (!(g->locked >> k & 1) && !g->head[k]) {
			r = k;
		}
	}
	v->fstate = one ? FS_BOOL : FS_PACKED;
	v->fcond = (uint8_t)cc;
	if (!one) {
		asm_pushf(&g->b);
	}
	if (r != NOREG) {
		if (one) {
			asm_setcc(&g->b, cc, r);
		} else {
			asm_pop(&g->b, r);
		}
		gen_hold(g, f, r);
	} else {
		struct amem m = frame_mem(gen_spill_new(g, f));

		if (one) {
			asm_rm(&g->b, 0x90 | cc | A_0F, 0, m);
		} else {
			asm_pop_m(&g->b, m);
		}
	}
}

void fl_clobber(struct gen *g)
{
	unsigned f = g->ef, p;
	struct val *v = &g->v[f];

	if (!f) {
		return;
	}
	g->ef = 0;
	if (v->last < g->i) {
		return;
	}
	p = v->prod;
	if (p && g->v[p].defer && !v->no_defer) {
		fl_defer(g, f);
		return;
	}
	if (p && g->v[p].last >= v->last && !g->v[p].defer &&
	    (fl_logic(g->ins[p].op) || (!v->packed && !(v->conds & ~COND_ZSP)))) {
		v->fstate = FS_TEST;
		return;
	}
	if (!v->packed && !(v->conds & (v->conds - 1))) {
		fl_keep(g, f, true, (unsigned)__builtin_ctz(v->conds | 0x80) * 2);
	} else {
		fl_keep(g, f, false, 0);
	}
}

/* The instruction just emitted was v's and set the host flags as IR defines them. */
void fl_made(struct gen *g, unsigned v)
{
	unsigned f = g->v[v].fl;

	g->ef = 0;
	if (f && g->v[f].last > g->i) {
		g->ef = (uint16_t)f;
		g->v[f].fstate = FS_EFLAGS;
	}
}

static void fl_run_deferred(struct gen *g, unsigned f)
{
	const struct ir_ins *p = &g->ins[g->v[f].prod];
	uint32_t was = g->locked;

	fl_clobber(g);
	op_cmp(g, p->op == IR_and, p->type, p->a, p->b);
	g->locked = was;
	g->ef = (uint16_t)f;
	g->v[f].fstate = FS_EFLAGS;
}

/* r is wanted by somebody: compares that only wait with an operand in it run now. */
void fl_release(struct gen *g, unsigned r)
{
	for (unsigned k = 0; k < g->n_deferred && !g->no_release; k++) {
		unsigned f = g->deferred[k];
		const struct ir_ins *p = &g->ins[g->v[f].prod];
		bool uses =
			gen_where(g, p->a) == (int)r || gen_where(g, p->b) == (int)r;

		if (g->v[f].fstate != FS_DEFER || g->v[f].last < g->i) {
			continue;
		}
		if (!uses || g->v[f].fset > g->i || g->n_deferred > 1 ||
		    (g->ef && g->v[g->ef].last >= g->i)) {
			continue;
		}
		if ((p->a && g->v[p->a].rlast > g->i && gen_where(g, p->a) == (int)r) ||
		    (p->b && g->v[p->b].rlast > g->i && gen_where(g, p->b) == (int)r)) {
			continue;
		}
		fl_run_deferred(g, f);
		g->v[f].no_defer = true;
		for (unsigned t = 0; t < 2; t++) {
			struct val *x = &g->v[t ? p->b : p->a];

			x->last = MAX(x->rlast, (uint16_t)g->i);
		}
		g->n_deferred = 0;
		return;
	}
}

/* Packed flags of the lazy record into a scratch register. */
static unsigned fl_from_record(struct gen *g)
{
	unsigned s = gen_scratch(g);

	fl_clobber(g);
	asm_call_abs(&g->b, x86_host.flags[scratch_no(s)]);
	return s;
}

static void fl_set_packed(struct gen *g, unsigned f, unsigned r)
{
	struct val *v = &g->v[f];

	v->fstate = FS_PACKED;
	v->fcond = 1; /* masked */
	if (v->last >= g->i) {
		gen_hold(g, f, r);
	}
}

static void fl_own(struct gen *g, unsigned *r)
{
	unsigned s;

	if ((SCRATCH_MASK >> *r & 1) && !g->head[*r]) {
		return;
	}
	s = gen_scratch(g);
	asm_mov_rr(&g->b, 2, s, *r);
	gen_unlock(g, *r);
	*r = s;
}

/* fmix, fshift: old ^ ((new ^ old) & mask), with `old` parked in the frame. */
static unsigned fl_mix_packed(struct gen *g, unsigned f, unsigned depth);

static unsigned fl_packed_at(struct gen *g, unsigned f, unsigned depth)
{
	struct val *v;
	unsigned r;

	f = fl_canon(g, f);
	v = &g->v[f];
	switch (v->fstate) {
	case FS_DEFER: fl_run_deferred(g, f); break;
	case FS_TEST:
		fl_clobber(g);
		r = gen_reg(g, v->prod);
		asm_test_rr(&g->b, ty_sz(g->ins[v->prod].type), r, r);
		gen_unlock(g, r);
		break;
	case FS_GUEST:
		r = fl_from_record(g);
		fl_set_packed(g, f, r);
		return r;
	case FS_PACKED:
		r = gen_reg(g, f);
		if (!v->fcond) {
			fl_clobber(g);
			asm_alu_ri(&g->b, ALU_AND, 2, r, FL_KEEP);
			v->fcond = 1;
		}
		return r;
	case FS_MIX:
		r = fl_mix_packed(g, f, depth);
		fl_set_packed(g, f, r);
		return r;
	case FS_EFLAGS: break;
	default: g->err = -EINVAL; return gen_scratch(g);
	}
	r = gen_scratch(g);
	asm_pushf(&g->b);
	asm_pop(&g->b, r);
	g->ef = 0;
	asm_alu_ri(&g->b, ALU_AND, 2, r, FL_KEEP);
	fl_set_packed(g, f, r);
	return r;
}

static unsigned fl_mix_packed(struct gen *g, unsigned f, unsigned depth)
{
	const struct ir_ins *in = &g->ins[f];
	struct amem old = frame_mem((int)(FR_ARG + 8 * depth));
	unsigned r;

	if (depth >= 4) {
		g->err = -E2BIG;
		return gen_scratch(g);
	}
	r = fl_packed_at(g, in->b, depth + 1);
	asm_mov_mr(&g->b, 3, old, r);
	gen_unlock(g, r);
	r = fl_packed_at(g, in->op == IR_fmix ? in->a : g->v[in->a].fl, depth + 1);
	fl_own(g, &r);
	fl_clobber(g);
	asm_alu_rm(&g->b, ALU_XOR, 2, r, old);
	asm_alu_ri(&g->b, ALU_AND, 2, r, (int32_t)in->imm & FL_KEEP);
	asm_alu_rm(&g->b, ALU_XOR, 2, r, old);
	if (in->op == IR_fshift &&
	    !(g->ins[in->c].op == IR_const && g->ins[in->c].imm)) {
		unsigned c = gen_reg(g, in->c);

		asm_test_rr(&g->b, ty_sz(in->aux2), c, c);
		asm_rm(&g->b, 0x44 | A_0F, r, old); /* cmove */
		gen_unlock(g, c);
	}
	return r;
}

unsigned fl_packed(struct gen *g, unsigned f)
{
	return fl_packed_at(g, f, 0);
}

/* The part of a mix that alone decides a condition, or 0. */
static unsigned fl_part(const struct gen *g, unsigned f, unsigned reads)
{
	const struct ir_ins *in = &g->ins[f];
	unsigned mask = (unsigned)in->imm;
	bool plain = in->op == IR_fmix ||
	             (g->ins[in->c].op == IR_const && g->ins[in->c].imm);

	if (!(reads & mask)) {
		return in->b;
	}
	if (plain && !(reads & ~mask)) {
		return in->op == IR_fmix ? in->a : g->v[in->a].fl;
	}
	return 0;
}

/* Condition out of packed flags: Z clear means true for even codes. */
static unsigned fl_test_packed(struct gen *g, unsigned r, unsigned cc)
{
	unsigned reads = ir_cond_reads((enum ir_cond)cc);

	fl_clobber(g);
	if ((cc & ~1u) == IR_LT || (cc & ~1u) == IR_LE) {
		unsigned t = gen_scratch(g);

		/* bit 7: S ^ O; bit 6 stays Z, as bit 10 is 0 once masked */
		asm_mov_rr(&g->b, 2, t, r);
		asm_sh_ri(&g->b, SH_SHR, 2, t, 4);
		asm_alu_rr(&g->b, ALU_XOR, 2, t, r);
		g->ef_at = asm_pos(&g->b);
		asm_test_ri(&g->b, 0, t, (cc & ~1u) == IR_LT ? 0x80 : 0xc0);
		gen_unlock(g, t);
	} else {
		g->ef_at = asm_pos(&g->b);
		asm_test_ri(&g->b, reads < 0x100 ? 0 : 2, r, (int32_t)reads);
	}
	return cc & 1 ? IR_EQ : IR_NE;
}

/* Makes the host flags such that the returned condition is condition cc of f. */
unsigned fl_cond(struct gen *g, unsigned f, unsigned cc)
{
	struct val *v;
	unsigned r, part;

	f = fl_canon(g, f);
	v = &g->v[f];
	switch (v->fstate) {
	case FS_EFLAGS: return cc;
	case FS_DEFER: fl_run_deferred(g, f); return cc;
	case FS_TEST:
		fl_clobber(g);
		r = gen_reg(g, v->prod);
		g->ef_at = asm_pos(&g->b);
		asm_test_rr(&g->b, ty_sz(g->ins[v->prod].type), r, r);
		gen_unlock(g, r);
		return cc;
	case FS_BOOL:
		r = gen_reg(g, f);
		fl_clobber(g);
		g->ef_at = asm_pos(&g->b);
		asm_test_rr(&g->b, 0, r, r);
		gen_unlock(g, r);
		return (cc & 1) == (v->fcond & 1) ? IR_NE : IR_EQ;
	case FS_MIX:
		part = fl_part(g, f, ir_cond_reads((enum ir_cond)cc));
		if (part) {
			return fl_cond(g, part, cc);
		}
		break;
	}
	r = fl_packed(g, f);
	cc = fl_test_packed(g, r, cc);
	gen_unlock(g, r);
	return cc;
}

void fl_carry(struct gen *g, unsigned f)
{
	struct val *v;
	unsigned r, part;

	f = fl_canon(g, f);
	v = &g->v[f];
	switch (v->fstate) {
	case FS_EFLAGS: return;
	case FS_DEFER:
	case FS_TEST: fl_cond(g, f, IR_LTU); return;
	case FS_MIX:
		part = fl_part(g, f, IR_FL_C);
		if (part) {
			fl_carry(g, part);
			return;
		}
		/* fall through */
	default:
		r = v->fstate == FS_BOOL || v->fstate == FS_PACKED ? gen_reg(g, f)
		                                                   : fl_packed(g, f);
		fl_clobber(g);
		asm_bt_ri(&g->b, 2, r, 0);
		gen_unlock(g, r);
	}
}

/* ---- ops ---- */

static void fl_store(struct gen *g, unsigned off, unsigned v)
{
	int64_t imm;

	if (gen_is_imm(g, v, &imm) && asm_s32(imm)) {
		asm_mov_mi(&g->b, 3, env_mem(off), (int32_t)imm);
	} else {
		unsigned r = gen_reg(g, v);

		asm_mov_mr(&g->b, 3, env_mem(off), r);
		gen_unlock(g, r);
	}
}

static void fl_store_op(struct gen *g, unsigned kind, unsigned type)
{
	asm_mov_mi(&g->b, 2, env_mem(x86_host.g->cc_op_offset),
	           (int32_t)(kind | ty_sz(type) << 8));
}

/* SUB wants the first operand, which an in-place subtraction destroyed: result + b. */
static void fl_store_minuend(struct gen *g, unsigned p, const struct ir_ins *in)
{
	unsigned sz = in->type == IR_I64 ? 3 : 2, r = gen_reg(g, p), s;
	int64_t imm;

	if (gen_is_imm(g, in->b, &imm) && asm_s32(imm)) {
		s = gen_scratch(g);
		asm_lea(&g->b, sz, s, amem(r, (int32_t)imm));
	} else {
		unsigned b = gen_reg(g, in->b);

		s = gen_scratch(g);
		asm_lea(&g->b, sz, s, amem_x(r, b, 0, 0));
		gen_unlock(g, b);
	}
	asm_mov_mr(&g->b, 3, env_mem(x86_host.g->cc_a_offset), s);
	gen_unlock(g, s);
	gen_unlock(g, r);
}

static void fl_record(struct gen *g, unsigned p)
{
	const struct ir_ins *in = &g->ins[p];
	unsigned a_off = x86_host.g->cc_a_offset, b_off = x86_host.g->cc_b_offset;

	switch (in->op) {
	case IR_add:
		fl_store(g, a_off, p);
		fl_store(g, b_off, in->b);
		fl_store_op(g, CC_OP_ADD, in->type);
		break;
	case IR_sub:
		if (g->v[p].defer) {
			fl_store(g, a_off, in->a);
		} else {
			fl_store_minuend(g, p, in);
		}
		fl_store(g, b_off, in->b);
		fl_store_op(g, CC_OP_SUB, in->type);
		break;
	case IR_neg:
		asm_mov_mi(&g->b, 3, env_mem(a_off), 0);
		fl_store(g, b_off, in->a);
		fl_store_op(g, CC_OP_SUB, in->type);
		break;
	default: /* logic; a deferred test is of a value with itself */
		fl_store(g, a_off, g->v[p].defer ? in->a : p);
		fl_store_op(g, CC_OP_LOGIC, in->type);
	}
}

/* Values of fget live in the record only: take them out before it changes. */
void fl_fgets_save(struct gen *g)
{
	for (unsigned k = 0; k < g->n_fgets; k++) {
		unsigned f = g->fgets[k];

		if (g->v[f].fstate == FS_GUEST && g->v[f].last > g->i) {
			gen_unlock(g, fl_packed(g, f));
		}
	}
	g->n_fgets = 0;
}

void op_fset(struct gen *g, const struct ir_ins *in)
{
	unsigned f = fl_canon(g, in->a), r = NOREG;
	struct val *v = &g->v[f];

	if (v->fstate == FS_GUEST && f < g->n && g->ins[f].op == IR_fget) {
		return; /* what the record holds already */
	}
	if (v->prod && v->fset >= g->i) {
		fl_fgets_save(g);
		fl_record(g, v->prod);
		return;
	}
	if (v->fstate == FS_MIX) {
		/* its parts may be in the record: compute before saving the others */
		r = fl_packed(g, f);
	}
	fl_fgets_save(g);
	if (v->fstate == FS_EFLAGS && r == NOREG) {
		/* stubs that C code may look behind clear the other bits */
		asm_pushf(&g->b);
		asm_pop_m(&g->b, env_mem(x86_host.g->cc_a_offset));
	} else {
		r = r != NOREG ? r : fl_packed(g, f);
		asm_mov_mr(&g->b, 3, env_mem(x86_host.g->cc_a_offset), r);
	}
	asm_mov_mi(&g->b, 2, env_mem(x86_host.g->cc_op_offset), CC_OP_FLAGS);
}

void op_fget(struct gen *g)
{
	g->v[g->i].fstate = FS_GUEST;
	if (g->n_fgets == ARRAY_LEN(g->fgets)) {
		gen_unlock(g, fl_packed(g, g->i));
		return;
	}
	g->fgets[g->n_fgets++] = (uint16_t)g->i;
}

void fl_make_deferred(struct gen *g, unsigned v)
{
	fl_defer(g, g->v[v].fl);
}

void op_fpack(struct gen *g, const struct ir_ins *in)
{
	unsigned r = fl_packed(g, in->a);

	if (gen_live_after(g, r)) {
		fl_own(g, &r);
	}
	gen_def(g, g->i, r, 12);
}

void op_funpack(struct gen *g, const struct ir_ins *in)
{
	unsigned d = gen_scratch(g);

	gen_load_to(g, in->a, d, 2);
	fl_clobber(g);
	asm_alu_ri(&g->b, ALU_AND, 2, d,
	           g->ins[in->a].type == IR_I8 ? FL_KEEP & 0xff : FL_KEEP);
	gen_def(g, g->i, d, 12);
	g->v[g->i].fstate = FS_PACKED;
	g->v[g->i].fcond = 1;
}

void op_setcc(struct gen *g, const struct ir_ins *in)
{
	unsigned d = gen_dest(g, g->i);
	unsigned cc = fl_cond(g, in->a, in->aux);

	asm_setcc(&g->b, cc, d);
	asm_zx_rr(&g->b, 0, d, d);
	gen_def(g, g->i, d, 1);
}

static void fl_select(struct gen *g, const struct ir_ins *in)
{
	unsigned d = gen_dest(g, g->i), sz = MAX(ty_sz(in->type), 2u);
	unsigned cc, x = in->b, y = in->c;

	cc = fl_cond(g, in->a, in->aux);
	if (gen_where(g, x) == (int)d) {
		x = in->c;
		y = in->b;
		cc ^= 1;
	}
	if (gen_where(g, y) != (int)d) {
		gen_load_to(g, y, d, sz);
	}
	asm_cmov(&g->b, cc, sz, d, gen_reg(g, x));
	gen_def(g, g->i, d, sz == 2 ? 32 : 64);
}

void op_selcc(struct gen *g, const struct ir_ins *in)
{
	if (ty_vec(in->type)) {
		vec_select(g, in, fl_cond(g, in->a, in->aux));
	} else {
		fl_select(g, in);
	}
}
