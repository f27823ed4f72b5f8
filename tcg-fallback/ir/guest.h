/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.h - what a guest front end offers the run time. One table each, exported
 * as x86_tcg_guest, ...
 *
 * Everything is called on the vCPU's thread. The pc in these calls is a *linear*
 * virtual address (x86: CS base added); unit->pc too. IR `pc`, `exit_to`, `exit_ind` and
 * the pc slot of the run time use the same linear pc; the front end translates (x86 with
 * a CS base: block key has a bit, rip = pc - base).
 */
#ifndef LODGE_TCG_GUEST_H
#define LODGE_TCG_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/ir.h"

struct guest_arch;

enum mmu_access { MMU_READ, MMU_WRITE, MMU_EXEC };

struct mmu_result {
	uint64_t pa;
	unsigned page_bits; /* 12, 21, 30...: size of the guest's page */
	bool r, w,
		x; /* permissions for the asked mode; w only if dirty is set already */
	bool global;
	uint8_t modes; /* modes in which the answer is the same, as bits; 0: only the asked */
};

/* Instruction bytes, already checked for execute permission. fetch() gives up to `want`
 * bytes at pc; raises (longjmp) when the FIRST byte is not executable, returns fewer when a
 * later page is not: the front end ends the unit before an instruction it can't see whole,
 * or, if that is the first one, fetches it again byte-wise so that the fault is raised. */
struct tcg_fetch {
	struct tcg_env *env;
	unsigned max_insns;
	bool single_step;
	unsigned (*bytes)(struct tcg_fetch *f, uint64_t pc, uint8_t *buf,
	                  unsigned want);
	/* bytes()'s own: the page it gave bytes of last */
	const uint8_t *host;
	uint64_t page;
};

struct tcg_guest {
	const char *name;
	const struct guest_arch *arch;
	const struct ir_slot *slots;
	unsigned n_slots;
	const struct ir_helper *helpers;
	unsigned n_helpers;
	unsigned pc_offset; /* of the 64-bit pc in the architectural struct */
	unsigned cc_op_offset, cc_a_offset, cc_b_offset;
	uint8_t wider[8]; /* by mode: modes (bits) that may do all that it may */
	uint8_t fetch_class
		[8]; /* by mode: equal = same code may run, same x permission */
	unsigned fpcr_offset; /* 32-bit host-format FP control (x86: mxcsr); 0: none */

	void (*init_vcpu)(struct tcg_env *env);
	/* Linear pc and mode bits of the next unit. */
	void (*key)(void *arch, uint64_t *pc, uint64_t *key);
	/* Optional: may units of this key be position-independent (ir_unit.pic)? */
	bool (*pic)(uint64_t key);
	/* Writes a linear pc back into the architectural struct. */
	void (*set_pc)(void *arch, uint64_t pc);
	/* Decodes from u->pc into u; sets guest_len and n_guest_insns. 0 or -errno (our bug). */
	int (*translate)(struct ir_unit *u, struct tcg_fetch *f);
	/* Walks the guest's page tables. 0, or -EFAULT after recording the fault in the
	 * architectural struct (the run time then raises). mode: as given to tcg_set_ctx, or
	 * MMU_MODE_SYSTEM for implicit system accesses. `probe`: no recording, no A/D updates. */
	int (*walk)(struct tcg_env *env, uint64_t va, enum mmu_access acc, int mode,
	            bool probe, struct mmu_result *r);
	/* IR_M_ALIGN violated: record the fault. */
	void (*misaligned)(struct tcg_env *env, uint64_t va, bool write);
	/* A recorded exception is delivered (stack frames, vector tables). May raise again. */
	void (*deliver)(struct tcg_env *env);
	/* Requests pending on the vCPU (interrupts, NMI, INIT...): takes one if it may be taken
	 * now; true if the state changed. May raise. */
	bool (*interrupt)(struct tcg_env *env);
	/* Something to interrupt() right now? cheap; with vcpu->requests loaded */
	bool (*interrupt_ready)(struct tcg_env *env);
	/* Optional, for a state that another accelerator wrote or will read: is there an event
	 * for deliver()? And: what is kept lazily becomes plain. */
	bool (*event_pending)(void *arch);
	void (*settle)(void *arch);
	/* Disassembles one instruction for -d in_asm; capstone arch/mode, or NULL. */
	int (*disas_mode)(uint64_t key);
	/* Optional: one instruction as text, by the front end's own tables; bytes it has. */
	int (*disas)(void *arch, const uint8_t *p, unsigned n, char *text,
	             unsigned size);
};
#define MMU_MODE_SYSTEM (-1)

extern const struct tcg_guest x86_tcg_guest;

#endif
