/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt-dead.c - use counts, and removal of what has no use and no effect; one backward
 * scan, so that a dead chain goes at once.
 */
#include "config.h"

#include "tcg-fallback/opt/opt_passes.h"

static bool opt_dead_keeps(const struct ir_unit *u, const struct ir_ins *in)
{
	if (ir_ops[in->op].result == 'n') {
		return in->op != IR_NOP;
	}
	return ir_effects(u, in) &
	       (IR_E_SET | IR_E_MEM | IR_E_WMEM | IR_E_EXIT | IR_E_CTL | IR_E_KEEP);
}

void opt_dead(struct ir_unit *u)
{
	for (unsigned i = 0; i < u->n; i++) {
		u->ins[i].use = 0;
	}
	for (unsigned i = u->n; i-- > 1;) {
		struct ir_ins *in = &u->ins[i];

		if (!in->use && !opt_dead_keeps(u, in)) {
			in->op = IR_NOP;
			continue;
		}
		u->ins[in->a].use++;
		u->ins[in->b].use++;
		u->ins[in->c].use++;
		if (in->op != IR_vop && in->op != IR_insn) {
			u->ins[in->d].use++;
		}
	}
	u->ins[0].use = 0;
}

void opt_run(struct ir_unit *u, int tier)
{
	opt_flags(u);
	opt_dead(u); /* flags() nobody takes would keep arithmetic from folding */
	opt_fold(u);
	if (tier > 1) {
		opt_flags_loops(u);
	} else {
		opt_flags(u);
	}
	opt_dead(u);
}
