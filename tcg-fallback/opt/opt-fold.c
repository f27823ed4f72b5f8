/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt-fold.c - forward folding over extended basic blocks, one scan.
 *
 * An instruction is either edited in place or given a substitute: an earlier value
 * that its users take from then on (`subst`). It never moves and none is inserted. An
 * arithmetic instruction whose flags somebody takes keeps its form; only its value may get
 * a substitute.
 *
 * Why it terminates and stays linear: one visit each; a rule looks at the operands'
 * definitions, at most FOLD_DEPTH of them in a row.
 *
 * State: for each slot the value it holds now and the last set that may still be
 * dropped (nothing has read the slot or may have left the unit since: `epoch`); the
 * same for the guest's flags, locals and a few ldenv. All is forgotten at a label.
 * ldenv/stenv never name bytes that belong to a slot.
 *
 * Addresses: a base or index that is a sum is taken apart, but never into a
 * register value that its slot no longer holds: with pinned slots that would need a copy.
 */
#include "config.h"

#include "tcg-fallback/opt/opt_passes.h"

#include <string.h>

#include "tcg-fallback/interp/ival.h"
#include "tcg-fallback/ir/vecops.h"

enum { FOLD_DEPTH = 4, FOLD_SLOTS = 128, FOLD_ENV = 8 };

struct fold {
	struct ir_unit *u;
	uint32_t epoch;
	ir_val slot[FOLD_SLOTS];        /* value of the slot's full type, 0 unknown */
	ir_val slot_lo[FOLD_SLOTS];     /* v128 value of a v256 slot's low half */
	ir_val set_at[FOLD_SLOTS];      /* last set, droppable if ... */
	uint32_t set_epoch[FOLD_SLOTS]; /* ... this is still the epoch */
	ir_val flags;                   /* value of the guest's flags */
	ir_val local[IR_LOCALS];
	struct {
		uint32_t off;
		ir_val v;
	} env[FOLD_ENV];
	unsigned env_n;
	ir_val subst[IR_MAX_INS + 1];
	uint8_t home[IR_MAX_INS +
	             1]; /* slot + 1 that held the value when last looked at */
	uint8_t flagged[IR_MAX_INS + 1]; /* flags of this ins are taken */
};

static void fold_forget_env(struct fold *s)
{
	memset(s->slot, 0, sizeof(s->slot));
	memset(s->slot_lo, 0, sizeof(s->slot_lo));
	s->env_n = 0;
}

static void fold_forget(struct fold *s)
{
	fold_forget_env(s);
	memset(s->local, 0, sizeof(s->local));
	s->flags = 0;
	s->epoch++;
}

static struct ir_ins *fold_def(struct fold *s, ir_val v)
{
	return &s->u->ins[v];
}

static bool fold_const(struct fold *s, ir_val v, int64_t *c)
{
	const struct ir_ins *in = fold_def(s, v);

	*c = in->imm;
	return in->op == IR_const && in->type <= IR_I64;
}

static bool fold_is(struct fold *s, ir_val v, int64_t want)
{
	const struct ir_ins *in = fold_def(s, v);

	return in->op == IR_const && in->type <= IR_I64 &&
	       (((uint64_t)in->imm ^ (uint64_t)want) & ival_mask(in->type)) == 0;
}

static void fold_to_const(struct ir_ins *in, uint64_t v)
{
	*in = (struct ir_ins){ .op = IR_const,
		               .type = in->type,
		               .imm = ival_sext(v, in->type) };
}

/* Is v in a guest register now? */
static bool fold_resident(struct fold *s, ir_val v)
{
	return s->home[v] && s->slot[s->home[v] - 1] == v;
}

/* A register value that the register no longer has. */
static bool fold_stale(struct fold *s, ir_val v)
{
	return s->home[v] && s->slot[s->home[v] - 1] != v;
}

/* ---- substitutes: the value that i equals, or 0; may edit i ---- */

static ir_val fold_trunc(struct fold *s, struct ir_ins *in)
{
	const struct ir_ins *d = fold_def(s, in->a);

	if (d->op == IR_zext || d->op == IR_sext) { /* trunc(ext x) */
		if (d->aux == in->type) {
			return d->a;
		}
		if (d->aux < in->type) {
			in->op = d->op;
			in->aux = d->aux;
			in->a = d->a;
		} else {
			in->a = d->a;
		}
		return 0;
	}
	if (d->op == IR_trunc) {
		in->a = d->a;
	}
	return 0;
}

/* Does an i64 or narrower value have zeroes from bit `w` up to its own width? */
static bool fold_small(struct fold *s, ir_val v, unsigned w)
{
	const struct ir_ins *d = fold_def(s, v);

	switch (d->op) {
	case IR_zext: return ival_width(d->aux) <= w;
	case IR_ld:
		return d->type <= IR_I64 && !(d->aux & IR_M_SX) &&
		       IR_M_SIZE(d->aux) * 8 <= w;
	case IR_extr: return ((unsigned)(d->imm >> 8) & 255) <= w;
	case IR_setcc:
	case IR_setcmp: return true;
	default: return false;
	}
}

static ir_val fold_zext(struct fold *s, struct ir_ins *in)
{
	const struct ir_ins *d = fold_def(s, in->a);
	unsigned w = ival_width(in->aux);

	if (d->op == IR_trunc && fold_def(s, d->a)->type == in->type &&
	    fold_small(s, d->a, w)) { /* zext(trunc x) where x is small */
		return d->a;
	}
	if (d->op == IR_zext) {
		in->aux = d->aux;
		in->a = d->a;
	}
	return 0;
}

static ir_val fold_sext(struct fold *s, struct ir_ins *in)
{
	const struct ir_ins *d = fold_def(s, in->a);

	if (d->op == IR_sext || (d->op == IR_zext && d->aux < in->aux)) {
		in->op = d->op;
		in->aux = d->aux;
		in->a = d->a;
	}
	return 0;
}

static ir_val fold_add(struct fold *s, struct ir_ins *in)
{
	const struct ir_ins *d = fold_def(s, in->a);
	int64_t c;

	if (fold_is(s, in->b, 0)) {
		return in->a;
	}
	if (d->op == IR_pc && fold_const(s, in->b, &c)) {
		in->op = IR_pc;
		in->imm = d->imm + c;
		in->a = in->b = 0;
	}
	return 0;
}

static ir_val fold_logic(struct fold *s, struct ir_ins *in, bool fixed)
{
	if (in->op == IR_and) {
		if (fold_is(s, in->b, -1) || in->a == in->b) {
			return in->a;
		}
		if (fold_is(s, in->b, 0)) {
			return in->b;
		}
		return 0;
	}
	if (fold_is(s, in->b, 0) || (in->op == IR_or && in->a == in->b)) {
		return in->a;
	}
	if (in->op == IR_xor && in->a == in->b && !fixed) {
		fold_to_const(in, 0);
	}
	return 0;
}

static ir_val fold_extr(struct fold *s, struct ir_ins *in)
{
	const struct ir_ins *d = fold_def(s, in->a);
	unsigned pos = in->imm & 255, len = (in->imm >> 8) & 255;

	if (pos == 0 && len == ival_width(in->type)) {
		return in->a;
	}
	if (pos == 0 && (d->op == IR_zext || d->op == IR_ld) &&
	    fold_small(s, in->a, len)) {
		return in->a;
	}
	return 0;
}

static ir_val fold_flags_op(struct fold *s, struct ir_ins *in)
{
	int64_t c;

	if (in->op == IR_fmix) {
		if ((in->imm & IR_FL_ALL) == 0) {
			return in->b;
		}
		return (in->imm & IR_FL_ALL) == IR_FL_ALL || in->a == in->b ? in->a : 0;
	}
	if (in->op == IR_fshift && in->hint &&
	    !(ir_fl_of_hint(in->hint) & (unsigned)in->imm)) {
		return in->b;
	}
	if (in->op == IR_fshift && fold_const(s, in->c, &c)) {
		if (((uint64_t)c & ival_mask(in->aux2)) == 0) {
			return in->b;
		}
		if ((in->imm & IR_FL_ALL) == IR_FL_ALL) {
			*in = (struct ir_ins){ .op = IR_flags,
				               .type = IR_FLAGS,
				               .a = in->a,
				               .hint = in->hint };
		}
	}
	if (in->op == IR_funpack && fold_def(s, in->a)->op == IR_fpack) {
		return fold_def(s, in->a)->a;
	}
	return 0;
}

static ir_val fold_select(struct fold *s, struct ir_ins *in)
{
	const struct ir_ins *d = fold_def(s, in->a);
	int64_t c;

	if (in->b == in->c) {
		return in->b;
	}
	if (in->op == IR_selnz) {
		if (fold_const(s, in->a, &c)) {
			return (uint64_t)c & ival_mask(in->aux2) ? in->b : in->c;
		}
		if (d->op == IR_setcc) { /* selnz(setcc f) = selcc f */
			in->op = IR_selcc;
			in->aux = d->aux;
			in->aux2 = 0;
			in->a = d->a;
		}
	}
	return 0;
}

/* All operands constant, result integer. */
static bool fold_eval(struct fold *s, struct ir_ins *in)
{
	const char *args = ir_ops[in->op].args;
	const ir_val v[3] = { in->a, in->b, in->c };
	uint64_t x[3] = { 0, 0, 0 };
	unsigned k;
	int64_t c;

	if (in->type < IR_I8 || in->type > IR_I64 || !args[0]) {
		return false;
	}
	for (k = 0; args[k]; k++) {
		if (k > 2 || (args[k] != 'i' && args[k] != 'I') ||
		    !fold_const(s, v[k], &c)) {
			return false;
		}
		x[k] = (uint64_t)c & ival_mask(fold_def(s, v[k])->type);
	}
	fold_to_const(in, ival_pure(in, x[0], x[1], x[2]));
	return true;
}

static void fold_commute(struct fold *s, struct ir_ins *in)
{
	switch (in->op) {
	case IR_add:
	case IR_mul:
	case IR_and:
	case IR_or:
	case IR_xor:
		if (fold_def(s, in->a)->op == IR_const) {
			ir_val t = in->a;

			in->a = in->b;
			in->b = t;
		}
		break;
	default: break;
	}
}

static ir_val fold_pure(struct fold *s, unsigned i)
{
	struct ir_ins *in = fold_def(s, i);
	bool fixed = s->flagged[i];

	if (in->op == IR_const || in->op == IR_pc || in->op == IR_vop ||
	    in->op == IR_flags) {
		return 0;
	}
	if (!fixed && fold_eval(s, in)) {
		return 0;
	}
	fold_commute(s, in);
	switch (in->op) {
	case IR_trunc: return fold_trunc(s, in);
	case IR_zext: return fold_zext(s, in);
	case IR_sext: return fold_sext(s, in);
	case IR_add: return fixed && !fold_is(s, in->b, 0) ? 0 : fold_add(s, in);
	case IR_sub:
		if (in->a == in->b && !fixed) {
			fold_to_const(in, 0);
			return 0;
		}
		return fold_is(s, in->b, 0) ? in->a : 0;
	case IR_and:
	case IR_or:
	case IR_xor: return fold_logic(s, in, fixed);
	case IR_shl:
	case IR_shr:
	case IR_sar:
	case IR_rotl:
	case IR_rotr: return fold_is(s, in->b, 0) ? in->a : 0;
	case IR_mul: return fold_is(s, in->b, 1) ? in->a : 0;
	case IR_extr: return fold_extr(s, in);
	case IR_fmix:
	case IR_fshift:
	case IR_funpack: return fold_flags_op(s, in);
	case IR_selnz:
	case IR_selcc: return fold_select(s, in);
	default: return 0;
	}
}

/* ---- state: slots, flags, locals, environment ---- */

static void fold_knows(struct fold *s, unsigned slot, ir_val v)
{
	if (!fold_resident(s, v)) {
		s->home[v] = (uint8_t)(slot + 1);
	}
	s->slot[slot] = v;
}

static ir_val fold_get(struct fold *s, unsigned i)
{
	struct ir_ins *in = fold_def(s, i);
	unsigned slot = (unsigned)in->imm, st = s->u->slots[slot].type;
	ir_val v;

	if (slot >= FOLD_SLOTS) {
		return 0;
	}
	v = s->slot[slot];
	if (in->type == st) {
		if (v) {
			return v;
		}
		fold_knows(s, slot, (ir_val)i);
	} else if (st == IR_V256) {
		if (s->slot_lo[slot]) {
			return s->slot_lo[slot];
		}
		s->slot_lo[slot] = (ir_val)i;
	} else if (v) { /* a narrower look at a known value */
		*in = (struct ir_ins){ .op = IR_trunc, .type = in->type, .a = v };
		return fold_trunc(s, in);
	}
	s->set_at[slot] = 0;
	return 0;
}

static void fold_set(struct fold *s, unsigned i)
{
	struct ir_ins *in = fold_def(s, i);
	unsigned slot = (unsigned)in->imm;
	bool whole = in->op == IR_setz || in->type == s->u->slots[slot].type;

	if (slot >= FOLD_SLOTS) {
		return;
	}
	if (in->op == IR_set && (whole ? s->slot[slot] : s->slot_lo[slot]) == in->a) {
		in->op = IR_NOP; /* it holds that already */
		return;
	}
	if (whole && s->set_at[slot] && s->set_epoch[slot] == s->epoch) {
		fold_def(s, s->set_at[slot])->op = IR_NOP;
	}
	if (whole) {
		s->set_at[slot] = (ir_val)i;
		s->set_epoch[slot] = s->epoch;
	} else {
		s->set_at[slot] = 0;
	}
	s->slot[slot] = s->slot_lo[slot] = 0;
	if (s->u->slots[slot].type == IR_V256 && in->type == IR_V128) {
		s->slot_lo[slot] = in->a;
	} else {
		fold_knows(s, slot, in->a);
	}
}

static ir_val fold_ldenv(struct fold *s, unsigned i)
{
	const struct ir_ins *in = fold_def(s, i);

	for (unsigned k = 0; k < s->env_n; k++) {
		if (s->env[k].off == (uint32_t)in->imm &&
		    fold_def(s, s->env[k].v)->type == in->type) {
			return s->env[k].v;
		}
	}
	if (s->env_n < FOLD_ENV) {
		s->env[s->env_n].off = (uint32_t)in->imm;
		s->env[s->env_n++].v = (ir_val)i;
	}
	return 0;
}

static void fold_stenv(struct fold *s, const struct ir_ins *in)
{
	unsigned k = 0, len = ir_type_bytes[in->type];

	while (k < s->env_n) {
		unsigned l2 = ir_type_bytes[fold_def(s, s->env[k].v)->type];

		if (s->env[k].off < in->imm + len && in->imm < s->env[k].off + l2) {
			s->env[k] = s->env[--s->env_n];
		} else {
			k++;
		}
	}
	if (s->env_n < FOLD_ENV) {
		s->env[s->env_n].off = (uint32_t)in->imm;
		s->env[s->env_n++].v = in->a;
	}
}

static ir_val fold_lget(struct fold *s, unsigned i)
{
	const struct ir_ins *in = fold_def(s, i);
	ir_val v = s->local[in->imm];

	if (v && fold_def(s, v)->type == in->type) {
		return v;
	}
	s->local[in->imm] = (ir_val)i;
	return 0;
}

static ir_val fold_fget(struct fold *s, unsigned i)
{
	if (s->flags) {
		return s->flags;
	}
	s->flags = (ir_val)i;
	return 0;
}

static void fold_call(struct fold *s, const struct ir_ins *in)
{
	unsigned e = ir_effects(s->u, in);

	if (!(e &
	      IR_E_PURE)) { /* helpers change struct members freely; WRITE is about slots */
		s->env_n = 0;
	}
	if (e & (IR_E_GET | IR_E_EXIT)) {
		s->epoch++;
	}
	if (s->u->helpers[in->imm].flags & IR_H_WRITE) {
		fold_forget_env(s);
		memset(s->local, 0, sizeof(s->local));
		s->epoch++;
	}
	if (s->u->helpers[in->imm].flags & IR_H_FLAGS) {
		s->flags = 0;
	}
}

/* ---- addresses ---- */

static bool fold_disp(struct ir_ins *in, int64_t c)
{
	int64_t d;

	if (__builtin_add_overflow(in->imm, c, &d) || d != (int32_t)d) {
		return false;
	}
	in->imm = d;
	return true;
}

/* v = x + c, x may be used instead. */
static bool fold_sum(struct fold *s, ir_val v, ir_val *x, int64_t *c)
{
	const struct ir_ins *d = fold_def(s, v);

	if ((d->op != IR_add && d->op != IR_sub) || !fold_const(s, d->b, c)) {
		return false;
	}
	*x = d->a;
	if (d->op == IR_sub) {
		*c = (int64_t)(0 - (uint64_t)*c);
	}
	return !fold_stale(s, d->a);
}

static void fold_base(struct fold *s, struct ir_ins *in)
{
	int64_t c;
	ir_val x;

	for (unsigned k = 0; k < FOLD_DEPTH && !fold_resident(s, in->a); k++) {
		if (!fold_sum(s, in->a, &x, &c) || !fold_disp(in, c)) {
			break;
		}
		in->a = x;
	}
	if (fold_const(s, in->a, &c) && fold_disp(in, c)) {
		in->a = 0;
	}
}

static void fold_index(struct fold *s, struct ir_ins *in, bool scales)
{
	const struct ir_ins *d = fold_def(s, in->b);
	unsigned scale = scales ? in->aux2 & 3 : 0;
	int64_t c;
	ir_val x;

	if (fold_const(s, in->b, &c) && c == (int32_t)c &&
	    fold_disp(in, c * (1 << scale))) {
		in->b = 0;
		if (scales) {
			in->aux2 &= (uint8_t)~3;
		}
		return;
	}
	if (fold_resident(s, in->b)) {
		return;
	}
	if (fold_sum(s, in->b, &x, &c) && c == (int32_t)c &&
	    fold_disp(in, c * (1 << scale))) {
		in->b = x;
		d = fold_def(s, x);
	}
	if (scales && d->op == IR_shl && fold_const(s, d->b, &c) && c >= 0 &&
	    c + scale <= 3 && !fold_stale(s, d->a) && !fold_resident(s, in->b)) {
		in->b = d->a;
		in->aux2 = (uint8_t)((in->aux2 & ~3) | (scale + (unsigned)c));
	}
}

static void fold_address(struct fold *s, struct ir_ins *in)
{
	bool scales = in->op != IR_rmw;
	const struct ir_ins *d;

	if (in->a) {
		fold_base(s, in);
	}
	d = fold_def(s, in->a);
	if (in->a && !in->b && d->op == IR_add && !fold_resident(s, in->a) &&
	    !fold_stale(s, d->a) && !fold_stale(s, d->b)) {
		in->b = d->b;
		in->a = d->a;
	}
	if (in->b) {
		fold_index(s, in, scales);
	}
}

/* ---- control ---- */

static void fold_brcmp(struct fold *s, struct ir_ins *in)
{
	const struct ir_ins *d = fold_def(s, in->a);
	struct ir_ins cmp = {
		.op = IR_setcmp, .type = IR_I8, .aux = in->aux, .aux2 = in->type
	};
	int64_t a, b;

	if (fold_const(s, in->a, &a) && fold_const(s, in->b, &b)) {
		uint64_t m = ival_mask(in->type);

		in->op = ival_pure(&cmp, (uint64_t)a & m, (uint64_t)b & m, 0) ? IR_br
		                                                              : IR_NOP;
		in->a = in->b = 0;
	} else if (d->op == IR_setcc && fold_is(s, in->b, 0) &&
	           (in->aux == IR_NE || in->aux == IR_EQ)) {
		in->aux = in->aux == IR_NE ? d->aux : d->aux ^ 1;
		in->op = IR_brcc;
		in->a = d->a;
		in->b = 0;
		in->type = IR_NONE;
	}
}

static void fold_exit_ind(struct fold *s, struct ir_ins *in)
{
	const struct ir_ins *d = fold_def(s, in->a);

	if (d->op == IR_pc) {
		*in = (struct ir_ins){ .op = IR_exit_to, .imm = d->imm };
	}
}

/* ---- the scan ---- */

static void fold_operands(struct fold *s, struct ir_ins *in)
{
	if (in->op != IR_flags && in->op != IR_fshift) {
		in->a = s->subst[in->a];
	}
	in->b = s->subst[in->b];
	in->c = s->subst[in->c];
	if (in->op == IR_cas || in->op == IR_call) {
		in->d = s->subst[in->d];
	}
}

static ir_val fold_ins(struct fold *s, unsigned i)
{
	struct ir_ins *in = fold_def(s, i);

	switch (in->op) {
	case IR_get: return fold_get(s, i);
	case IR_set:
	case IR_setz: fold_set(s, i); return 0;
	case IR_ldenv: return fold_ldenv(s, i);
	case IR_stenv: fold_stenv(s, in); return 0;
	case IR_lget: return fold_lget(s, i);
	case IR_lset: s->local[in->imm] = in->a; return 0;
	case IR_fget: return fold_fget(s, i);
	case IR_fset:
		if (s->flags == in->a && !in->mode) {
			in->op = IR_NOP;
		}
		s->flags = in->a;
		return 0;
	case IR_ld:
	case IR_st:
	case IR_rmw:
	case IR_cas:
		fold_address(s, in);
		s->epoch++;
		return 0;
	case IR_call: fold_call(s, in); return 0;
	case IR_brcmp:
		fold_brcmp(s, in);
		s->epoch++;
		return 0;
	case IR_br:
	case IR_brcc:
	case IR_exit_to:
	case IR_exit: s->epoch++; return 0;
	case IR_exit_ind: fold_exit_ind(s, in); return 0;
	case IR_label: fold_forget(s); return 0;
	case IR_insn:
	case IR_fence: return 0;
	default: return fold_pure(s, i);
	}
}

static bool fold_ends(unsigned op)
{
	return op == IR_br || op == IR_exit_to || op == IR_exit_ind || op == IR_exit;
}

static void fold_prepare(struct fold *s)
{
	memset(s->home, 0, s->u->n);
	memset(s->flagged, 0, s->u->n);
	memset(s->set_at, 0, sizeof(s->set_at));
	s->epoch = 0;
	s->subst[0] = 0;
	fold_forget(s);
	for (unsigned i = 1; i < s->u->n; i++) {
		const struct ir_ins *in = &s->u->ins[i];

		if (in->op == IR_flags || in->op == IR_fshift) {
			s->flagged[in->a] = 1;
		}
	}
}

void opt_fold(struct ir_unit *u)
{
	struct fold s;
	bool reached = true;

	s.u = u;
	fold_prepare(&s);
	for (unsigned i = 1; i < u->n; i++) {
		struct ir_ins *in = &u->ins[i];
		ir_val v;

		s.subst[i] = (ir_val)i;
		if (in->op == IR_NOP) {
			continue;
		}
		if (!reached && in->op != IR_label) {
			in->op = IR_NOP;
			continue;
		}
		reached = true;
		fold_operands(&s, in);
		v = fold_ins(&s, i);
		if (v) {
			s.subst[i] = v;
		}
		reached = !fold_ends(in->op);
	}
}
