/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * opt_passes.h - the optimiser: a visible list of linear passes over a unit.
 *
 *   fold     constants, identities, copies, get-after-set and set-forwarding, per
 *	      extended basic block; rules state why the set terminates
 *   flags    backward bit-wise liveness of flags: drops fset that are overwritten,
 *	      narrows fmix/fshift, marks compares; and dead code, in the same scan
 *
 * The list of tier 1: flags, fold, flags. Constants are evaluated by the interpreter's
 * own functions (interp/ival.h).
 *
 * Each pass leaves a unit that ir_verify accepts. Tier 1 runs the list once.
 */
#ifndef LODGE_TCG_OPT_H
#define LODGE_TCG_OPT_H

#include "tcg-fallback/ir/ir.h"

void opt_fold(struct ir_unit *u);
void opt_flags(struct ir_unit *u);
void opt_flags_loops(
	struct ir_unit *u); /* the same, exact over backward branches (tier 2) */
void opt_run(struct ir_unit *u, int tier);

#endif
