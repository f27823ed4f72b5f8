/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt-flags.c - backward, bit-wise liveness of the guest's flags over a unit, and removal
 * of what has no use and no effect, in one scan: a dead chain goes at once, and what is
 * dead demands no flags.
 *
 * `live` is the set of flag bits of the architectural flags that something later may
 * look at; each flags value also has the set of its bits that its users demand. A label
 * remembers what is live there, so forward branches are exact; for a backward branch
 * everything is taken as live, or (tier 2) the pass repeats from "nothing" until the
 * labels' sets stop growing: at most 6 bits times labels, in practice two rounds.
 *
 * Faults and flags: an fset that is overwritten before the guest reads it need not be visible
 * at a fault in between (ir.h). One that the guest reads *after* a may-fault instruction must
 * be: a page fault comes back to that instruction, in a new unit that starts from the state.
 * Folding turns the fget into the value itself, so the first run notes those bits in the
 * fset's `mode` (coded like hint) and later runs respect the note.
 *
 * Effects: an fset that nobody reads becomes a nop; an fmix of which one side is demanded
 * gets imm 0 or all, which folding turns into that side; fset and flags carry their
 * demanded bits in `hint` (IR_FL_HINT), for emitters that can be cheaper then.
 */
#include "config.h"

#include "tcg-fallback/opt/opt_passes.h"

#include <string.h>

struct opt_fl {
	struct ir_unit *u;
	uint16_t demand[IR_MAX_INS + 1]; /* per value */
	uint8_t used[IR_MAX_INS + 1];    /* values with a use that stays */
	uint16_t label[IR_MAX_INS + 1];  /* live at label */
	uint16_t xlabel[IR_MAX_INS +
	                1]; /* ... and at some may-fault instruction behind it */
	unsigned xlive;     /* live at a may-fault instruction from here to the fset */
	bool edit, grew;
};

static void opt_fl_want(struct opt_fl *s, ir_val v, unsigned bits)
{
	s->demand[v] |= bits;
}

static void opt_fl_mix(struct opt_fl *s, struct ir_ins *in, unsigned d)
{
	unsigned m = (unsigned)in->imm & IR_FL_ALL;

	opt_fl_want(s, in->a, d & m);
	opt_fl_want(s, in->b, d & ~m);
	if (s->edit && d) {
		if (!(d & m)) {
			in->imm = 0;
		} else if (!(d & ~m)) {
			in->imm = IR_FL_ALL;
		}
	}
}

static void opt_fl_label(struct opt_fl *s, int64_t l, unsigned live)
{
	if ((live & ~s->label[l]) || (s->xlive & ~s->xlabel[l])) {
		s->label[l] |= live;
		s->xlabel[l] |= s->xlive;
		s->grew = true;
	}
}

/* fset: bits somebody reads, now or when a fault in between comes back. */
static unsigned opt_fl_fset(struct opt_fl *s, struct ir_ins *in, unsigned live)
{
	unsigned x = s->xlive | (in->mode ? ir_fl_of_hint(in->mode) : 0),
		 want = live | x;

	s->xlive = 0;
	if (s->edit) {
		if (!want) {
			in->op = IR_NOP;
			return 0;
		}
		in->hint = ir_fl_hint(want);
		in->mode = ir_fl_hint(x);
	}
	opt_fl_want(s, in->a, want);
	return 0;
}

static unsigned opt_fl_call(struct opt_fl *s, const struct ir_ins *in, unsigned live)
{
	if (s->u->helpers[in->imm].flags & IR_H_FLAGS) {
		live = IR_FL_ALL;
	}
	if (ir_effects(s->u, in) & IR_E_EXIT) {
		s->xlive |= live;
	}
	return live;
}

/* What is live before instruction i, given what is live behind it. */
static unsigned opt_fl_ins(struct opt_fl *s, unsigned i, unsigned live)
{
	struct ir_ins *in = &s->u->ins[i];
	unsigned d = s->demand[i];

	switch (in->op) {
	case IR_fset: return opt_fl_fset(s, in, live);
	case IR_fget: return live | d;
	case IR_flags:
		if (s->edit) {
			in->hint = ir_fl_hint(d);
		}
		return live;
	case IR_fmix: opt_fl_mix(s, in, d); return live;
	case IR_fshift:
		opt_fl_want(s, in->b, d);
		if (s->edit) {
			in->hint = ir_fl_hint(d);
		}
		return live;
	case IR_setcc:
	case IR_selcc: opt_fl_want(s, in->a, ir_cond_reads(in->aux)); return live;
	case IR_adc:
	case IR_sbb: opt_fl_want(s, in->c, IR_FL_C); return live;
	case IR_fpack: opt_fl_want(s, in->a, IR_FL_ALL); return live;
	case IR_call: return opt_fl_call(s, in, live);
	case IR_ld:
	case IR_st:
	case IR_rmw:
	case IR_cas: s->xlive |= live; return live;
	case IR_brcc:
		opt_fl_want(s, in->a, ir_cond_reads(in->aux));
		s->xlive |= s->xlabel[in->imm];
		return live | s->label[in->imm];
	case IR_brcmp: s->xlive |= s->xlabel[in->imm]; return live | s->label[in->imm];
	case IR_br: s->xlive = s->xlabel[in->imm]; return s->label[in->imm];
	case IR_label: opt_fl_label(s, in->imm, live); return live;
	case IR_exit_to: return IR_FL_ALL & ~(in->hint ? ir_fl_of_hint(in->hint) : 0);
	case IR_exit_ind:
	case IR_exit: s->xlive = 0; return IR_FL_ALL;
	default: return live;
	}
}

static bool opt_fl_keeps(const struct ir_unit *u, const struct ir_ins *in)
{
	return ir_ops[in->op].result == 'n' ||
	       (ir_effects(u, in) &
	        (IR_E_SET | IR_E_MEM | IR_E_WMEM | IR_E_EXIT | IR_E_CTL | IR_E_KEEP));
}

static void opt_fl_round(struct opt_fl *s)
{
	unsigned live = IR_FL_ALL;

	memset(s->demand, 0, s->u->n * sizeof(s->demand[0]));
	memset(s->used, 0, s->u->n * sizeof(s->used[0]));
	s->grew = false;
	s->xlive = 0;
	for (unsigned i = s->u->n; i-- > 1;) {
		struct ir_ins *in = &s->u->ins[i];

		if (in->op == IR_NOP || in->op == IR_insn) {
			continue;
		}
		if (!s->used[i] && !opt_fl_keeps(s->u, in)) {
			if (s->edit) {
				in->op = IR_NOP;
			}
			continue;
		}
		live = opt_fl_ins(s, i, live);
		if (in->op != IR_NOP) {
			s->used[in->a] = s->used[in->b] = s->used[in->c] = 1;
			if (in->op != IR_vop) {
				s->used[in->d] = 1;
			}
		}
	}
}

/* Labels that some branch behind them goes to are met too late by one backward scan. */
static void opt_fl_back_edges(struct opt_fl *s)
{
	uint8_t seen[IR_MAX_INS / 8 + 1];

	/* cppcheck-suppress ctuuninitvar; the caller sets u */
	if (!s->u->n_labels) {
		return;
	}
	memset(seen, 0, s->u->n_labels / 8 + 1);
	memset(s->label, 0, (s->u->n_labels + 1) * sizeof(s->label[0]));
	memset(s->xlabel, 0, (s->u->n_labels + 1) * sizeof(s->xlabel[0]));
	for (unsigned i = 1; i < s->u->n; i++) {
		const struct ir_ins *in = &s->u->ins[i];

		if (in->op == IR_label) {
			seen[in->imm / 8] |= 1 << (in->imm & 7);
		} else if ((in->op == IR_br || in->op == IR_brcc ||
		            in->op == IR_brcmp) &&
		           (seen[in->imm / 8] & 1 << (in->imm & 7))) {
			s->label[in->imm] = s->xlabel[in->imm] = IR_FL_ALL;
		}
	}
}

static void opt_fl_run(struct ir_unit *u, bool iterate)
{
	struct opt_fl s;

	s.u = u;
	s.edit = false;
	if (u->n_labels > IR_MAX_INS) {
		return;
	}
	if (iterate && u->n_labels) {
		memset(s.label, 0, (u->n_labels + 1) * sizeof(s.label[0]));
		memset(s.xlabel, 0, (u->n_labels + 1) * sizeof(s.xlabel[0]));
		do {
			opt_fl_round(&s);
		} while (s.grew);
	} else {
		opt_fl_back_edges(&s);
	}
	s.edit = true;
	opt_fl_round(&s);
}

void opt_flags(struct ir_unit *u)
{
	opt_fl_run(u, false);
}

void opt_flags_loops(struct ir_unit *u)
{
	opt_fl_run(u, true);
}

void opt_run(struct ir_unit *u, int tier)
{
	opt_flags(u); /* flags() nobody takes would keep arithmetic from folding */
	opt_fold(u);
	if (tier > 1) {
		opt_flags_loops(u);
	} else {
		opt_flags(u);
	}
}
