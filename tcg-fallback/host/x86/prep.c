/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * prep.c - the backward pass over a unit before emission.
 *
 * Finds for each value its last use; for each flags value which conditions are asked
 * of it, and which arithmetic needs not be executed before they are (compares); which
 * operands must live on for that or for the lazy flags record; and which results may
 * be computed straight in the home of the slot that they will be set to: from the
 * result to the `set` nobody may read the slot, and nothing may leave the unit.
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include "tcg-fallback/host/x86/emit.h"
#include "tcg-fallback/ir/vecops.h"

static void prep_use(struct gen *g, unsigned x, unsigned pos)
{
	struct val *v = &g->v[x];

	if (x) {
		v->last = MAX(v->last, pos);
		v->rlast = MAX(v->rlast, pos);
		v->nval++;
	}
}

static void prep_extend(struct gen *g, unsigned x, unsigned pos)
{
	if (x && g->v[x].last < pos) {
		g->v[x].last = (uint16_t)pos;
	}
}

/* Can this instruction's flags be stored as a lazy record without the host flags? */
static bool prep_recordable(unsigned op)
{
	return op == IR_add || op == IR_sub || op == IR_neg || op == IR_and ||
	       op == IR_or || op == IR_xor || op == IR_andn;
}

static void prep_flags_use(struct gen *g, unsigned f, unsigned pos, unsigned conds,
                           bool packed)
{
	struct val *v = &g->v[f];

	v->last = MAX(v->last, pos);
	v->conds |= conds;
	v->packed |= packed;
}

static void prep_fset(struct gen *g, unsigned f, unsigned pos)
{
	const struct ir_ins *in = &g->ins[f];

	if (in->op == IR_flags && prep_recordable(g->ins[in->a].op)) {
		g->v[f].fset = MAX(g->v[f].fset, pos);
	} else {
		prep_flags_use(g, f, pos, 0, true);
	}
}

/* The flags value of the instruction an fshift names: that of flags(), or one of our own. */
static unsigned prep_raw(struct gen *g, unsigned src)
{
	if (!g->v[src].fl) {
		g->v[src].fl = (uint16_t)g->n_vals;
		g->v[g->n_vals].prod = (uint16_t)src;
		g->n_vals++;
	}
	return g->v[src].fl;
}

/* A mix passes what is asked of it on to its parts. */
static void prep_mix(struct gen *g, unsigned fa, const struct ir_ins *in,
                     const struct val *v)
{
	unsigned mask = (unsigned)in->imm, ca = 0, cb = 0;
	bool both = v->packed, plain = in->op == IR_fmix;

	if (in->op == IR_fshift && g->ins[in->c].op == IR_const && g->ins[in->c].imm) {
		plain = true;
	}
	for (unsigned k = 0; k < 8; k++) {
		unsigned reads = ir_cond_reads((enum ir_cond)(k * 2));

		if (!(v->conds >> k & 1)) {
			continue;
		}
		if (plain && !(reads & ~mask)) {
			ca |= 1u << k;
		} else if (!(reads & mask)) {
			cb |= 1u << k;
		} else {
			both = true;
		}
	}
	if (ca || both) {
		prep_flags_use(g, fa, v->last, ca, both);
	}
	if (cb || both) {
		prep_flags_use(g, in->b, v->last, cb, both);
	}
}

/* All flags() of one instruction share the state of the one met first. */
static void prep_flags_ins(struct gen *g, unsigned i, unsigned src)
{
	struct val *f = &g->v[i], *p = &g->v[src];

	if (!f->last && !f->fset) {
		f->dead = true;
	} else if (!p->fl) {
		p->fl = (uint16_t)i;
		f->prod = (uint16_t)src;
	} else {
		struct val *c = &g->v[p->fl];

		c->last = MAX(c->last, f->last);
		c->fset = MAX(c->fset, f->fset);
		c->conds |= f->conds;
		c->packed |= f->packed;
	}
}

/* An arithmetic instruction whose flags are wanted. */
static void prep_arith(struct gen *g, const struct ir_ins *in, struct val *v)
{
	const struct val *f = &g->v[v->fl];
	unsigned until = MAX(f->last, f->fset);

	if (!v->nval &&
	    (in->op == IR_sub || (in->op == IR_and && (!f->fset || in->a == in->b)))) {
		v->defer = true;
		prep_extend(g, in->a, until);
		prep_extend(g, in->b, until);
		return;
	}
	if (f->fset) {
		v->last = MAX(v->last, f->fset);
		if (in->op == IR_add || in->op == IR_sub) {
			prep_extend(g, in->b, f->fset);
		} else if (in->op == IR_neg) {
			prep_extend(g, in->a, f->fset);
		}
	}
}

static void prep_kill_cands(struct gen *g)
{
	if (g->any_cand) {
		memset(g->cand, 0, sizeof(g->cand));
	}
	if (g->any_over) {
		memset(g->over, 0, sizeof(g->over));
	}
	g->any_cand = g->any_a0 = g->any_over = false;
}

static unsigned prep_home(const struct ir_ins *in)
{
	return in->imm < MAX_SLOTS ? x86_host.home[in->imm] : NOREG;
}

/* The operand that a two-address instruction works on in place, when it is computed in the
 * unit for this purpose; else 0. */
static unsigned prep_chain(const struct gen *g, unsigned i, const struct ir_ins *in)
{
	unsigned x = in->a;

	switch (in->op) {
	case IR_add:
	case IR_and:
	case IR_or:
	case IR_xor:
	case IR_mul:
		if (g->ins[x].op == IR_get || g->ins[x].op == IR_const) {
			x = in->b;
		}
		break;
	case IR_sub:
	case IR_shl:
	case IR_shr:
	case IR_sar:
	case IR_rotl:
	case IR_rotr:
	case IR_neg:
	case IR_not: break;
	default: return 0;
	}
	if (in->type < IR_I32 || g->ins[x].type != in->type || x >= i || g->v[x].hint ||
	    g->ins[x].op == IR_get || g->ins[x].op == IR_const ||
	    g->ins[x].op == IR_trunc) {
		return 0;
	}
	return x;
}

/* May the result at `i` go into the home that it is wanted in? Passes the wish on through
 * zero-extensions and deposits. */
static void prep_hint(struct gen *g, unsigned i, const struct ir_ins *in, struct val *v)
{
	unsigned r, x;

	if (v->part) {
		r = v->part - 1u;
		if (g->cand[r].q != v->want) {
			v->part = 0;
		} else {
			g->cand[r].q = 0;
		}
	}
	if (!v->hint) {
		return;
	}
	r = v->hint - 1u;
	if (g->cand[r].q != v->want) {
		v->hint = 0;
		return;
	}
	if (in->op == IR_zext && in->aux == IR_I32 && !g->v[in->a].hint && in->a < i) {
		g->v[in->a].hint = v->hint;
		g->v[in->a].want = v->want;
		return;
	}
	if (in->op == IR_dep && ((in->imm == (8 << 8)) || in->imm == (16 << 8)) &&
	    g->ins[in->a].type == IR_I64 && !g->v[in->b].part && in->b != in->a &&
	    g->v[in->a].last <= i) { /* the old value ends here */
		g->v[in->b].part = v->hint;
		g->v[in->b].want = v->want;
		g->v[in->b].base = in->a;
		g->cand[r].a0 = in->a;
		g->any_a0 = true;
		return;
	}
	x = prep_chain(g, i, in);
	if (x) {
		g->v[x].hint = v->hint;
		g->v[x].want = v->want;
	} else {
		g->cand[r].q = 0;
	}
}

static void prep_touch_a0(struct gen *g, const struct ir_ins *in)
{
	for (unsigned r = 0; r < 16; r++) {
		unsigned a0 = g->cand[r].q ? g->cand[r].a0 : 0;

		if (a0 && in->op != IR_dep &&
		    (in->a == a0 || in->b == a0 || in->c == a0 || in->d == a0)) {
			g->cand[r].q = 0;
		}
	}
}

/* A set that is overwritten before anybody can see it. */
static bool prep_dead_set(struct gen *g, const struct ir_ins *in)
{
	unsigned n;

	if (in->imm >= MAX_SLOTS) {
		return false;
	}
	n = in->op == IR_setz ? 32 : ir_type_bytes[in->type];
	if (g->over[in->imm] >= n) {
		return true;
	}
	g->over[in->imm] = (uint8_t)n;
	g->any_over = true;
	return false;
}

static void prep_set(struct gen *g, unsigned i, const struct ir_ins *in)
{
	unsigned r = prep_home(in);

	if (r != NOREG) {
		g->any_cand = true;
		g->cand[r].q = (uint16_t)i;
		g->cand[r].a0 = 0;
		g->v[in->a].hint = (uint8_t)(r + 1);
		g->v[in->a].want = (uint16_t)i;
	}
}

static void prep_get(struct gen *g, unsigned i, const struct ir_ins *in)
{
	unsigned r = prep_home(in);

	if (in->imm < MAX_SLOTS) {
		g->over[in->imm] = 0;
	}
	if (r != NOREG && g->cand[r].a0 != i) {
		g->cand[r].q = 0;
	}
}

static void prep_operands(struct gen *g, unsigned i, const struct ir_ins *in)
{
	switch (in->op) {
	case IR_flags: prep_flags_ins(g, i, in->a); return;
	case IR_fset: prep_fset(g, in->a, i); return;
	case IR_fpack: prep_flags_use(g, in->a, i, 0, true); return;
	case IR_fmix: prep_mix(g, in->a, in, &g->v[i]); return;
	case IR_fshift:
		prep_mix(g, prep_raw(g, in->a), in, &g->v[i]);
		prep_extend(g, in->c, g->v[i].last);
		g->v[in->c].nval++;
		return;
	case IR_setcc:
	case IR_brcc:
	case IR_selcc:
		prep_flags_use(g, in->a, i, 1u << (in->aux >> 1), false);
		prep_use(g, in->b, i);
		prep_use(g, in->c, i);
		return;
	case IR_adc:
	case IR_sbb:
		prep_flags_use(g, in->c, i, 1u << (IR_LTU >> 1), false);
		prep_use(g, in->a, i);
		prep_use(g, in->b, i);
		return;
	case IR_vop:
		prep_use(g, in->a, i);
		prep_use(g, in->b, i);
		prep_use(g, in->c, i);
		return;
	case IR_insn: return;
	default:
		prep_use(g, in->a, i);
		prep_use(g, in->b, i);
		prep_use(g, in->c, i);
		prep_use(g, in->d, i);
	}
}

/* Nothing asks for the value and making it has no other effect. */
static bool prep_unneeded(const struct gen *g, unsigned i, const struct ir_ins *in)
{
	const struct val *v = &g->v[i];
	unsigned eff;

	if (v->last || v->fset || v->fl || ir_ops[in->op].result == 'n') {
		return false;
	}
	eff = ir_effects(g->u, in);
	return !(eff & ~(IR_E_PURE | IR_E_GET)) && in->op != IR_call;
}

static bool prep_barrier(const struct gen *g, const struct ir_ins *in)
{
	unsigned eff = ir_effects(g->u, in);

	if (in->op == IR_insn) {
		return false;
	}
	return (eff & (IR_E_EXIT | IR_E_CTL)) ||
	       (in->op == IR_call && (eff & (IR_E_GET | IR_E_SET))) ||
	       (in->op == IR_ldenv && in->imm >= 0) || in->op == IR_stenv;
}

void prep_unit(struct gen *g)
{
	prep_kill_cands(g);
	for (unsigned i = g->n - 1; i > 0; i--) {
		const struct ir_ins *in = &g->ins[i];
		struct val *v = &g->v[i];

		if (in->op == IR_NOP) {
			v->dead = true;
			continue;
		}
		if (in->op != IR_flags && prep_unneeded(g, i, in)) {
			v->dead = true;
			continue;
		}
		prep_hint(g, i, in, v);
		if (prep_barrier(g, in)) {
			prep_kill_cands(g);
		}
		if ((in->op == IR_set || in->op == IR_setz) && prep_dead_set(g, in)) {
			v->dead = true;
			continue;
		}
		if (g->any_a0) {
			prep_touch_a0(g, in);
		}
		if (in->op == IR_get) {
			prep_get(g, i, in);
		} else if (in->op == IR_set) {
			prep_set(g, i, in);
		}
		if (v->fl) {
			prep_arith(g, in, v);
		}
		prep_operands(g, i, in);
	}
}
