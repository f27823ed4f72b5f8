/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interp.h - the IR interpreter: the reference semantics of every op in plain C,
 * the engine of hosts without an emitter, and the oracle of the emitters' tests.
 */
#ifndef LODGE_TCG_INTERP_H
#define LODGE_TCG_INTERP_H

#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/guest.h"
#include "tcg-fallback/ir/ir.h"

struct interp_result {
	unsigned reason; /* TCG_EXIT_NEXT: go on at pc; else as IR exit */
	uint64_t pc;     /* valid when has_pc */
	bool has_pc;
};

/* Runs the unit once on env. Raises (longjmp to env->out) as emitted code would; keeps
 * env->pc_now at the current instruction. The caller writes pc back by guest->set_pc. */
struct interp_result interp_run(struct tcg_env *env, const struct tcg_guest *g,
                                const struct ir_unit *u);

/* Puts the guest's FP control register (fpcr_offset) in force on this thread, exceptions
 * masked; takes its sticky flags back and restores the default. interp_run does both; the run
 * loop calls interp_fp_leave after a raise out of interp_run. */
void interp_fp_enter(struct tcg_env *env, const struct tcg_guest *g);
void interp_fp_leave(struct tcg_env *env, const struct tcg_guest *g);

/* Flags of a lazy record, packed layout (shared with the run time). */
uint32_t cc_compute(uint32_t cc_op, uint64_t cc_a, uint64_t cc_b);

#endif
