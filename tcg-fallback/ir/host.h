/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host.h - what a host back end offers the run time: turn a unit into machine code,
 * and (un)link its exits. One table each, exported as x86_tcg_host, ...; the
 * interpreter is driven by the run time directly (interp.h).
 *
 * Code memory is mapped twice; emit() writes through `w` what will run at `x`.
 * Exits: every IR exit_to becomes a `struct tcg_exit`, whose jump is patched by
 * link() to go straight to another block's entry, and back by unlink(). Patching is
 * atomic with respect to other threads running the code (an aligned 4-byte
 * displacement).
 */
#ifndef LODGE_TCG_HOST_H
#define LODGE_TCG_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/ir.h"

struct tcg_guest;

enum { TCG_MAX_EXITS = 8 };

struct tcg_exit {
	struct tcg_block *block; /* owner; set by the run time */
	int64_t pc_off;          /* target: block pc + pc_off */
	uint32_t jump_off;    /* of the patchable 32-bit displacement, from block x */
	uint32_t far_off;     /* displacement in that code that link_far() patches */
	uint32_t stub_off;    /* code that leaves to the run loop with this exit */
	struct tcg_block *to; /* run time: linked block or NULL */
	struct tcg_exit *next_in; /* run time: list of exits linked to the same block */
	struct tcg_exit **pprev_in; /* run time: what points here in that list */
	bool same_page; /* set by the run time before emit? no: by emit from pc_off */
};

/* One translated unit as the run time keeps it; the first part is filled by emit(). */
struct tcg_code {
	uint8_t *w;       /* in: where to write */
	const uint8_t *x; /* in: where it will run */
	size_t cap;       /* in */
	size_t len;       /* out: code bytes */
	uint32_t
		body; /* out: of a `pic` unit, offset behind the entry for jump caches */
	struct tcg_exit *exits; /* in: array of TCG_MAX_EXITS; out */
	unsigned n_exits;       /* out */
	/* out: host offset -> guest pc offset, in rising order of host_off; a return address
	 * r of a call in the code belongs to the last entry with host_off < r. */
	struct tcg_pcmap {
		uint32_t host_off;
		uint32_t pc_off;
	} * pcmap; /* in: array of pcmap_cap */
	unsigned pcmap_cap, n_pcmap;
};

struct tcg_host {
	const char *name;
	/* Writes the shared stubs (entry, exit, TLB probe, helper calls) at w/x; returns their
	 * length. Called once per guest architecture and code cache. */
	int (*init)(const struct tcg_guest *g, uint8_t *w, const uint8_t *x, size_t cap,
	            struct err *e);
	/* 0, -ENOSPC (more code room), -E2BIG (too many exits/pcmap: translate fewer insns). */
	int (*emit)(const struct ir_unit *u, struct tcg_code *c);
	void (*link)(uint8_t *w_code, const uint8_t *x_code, const struct tcg_exit *ex,
	             const void *target);
	void (*unlink)(uint8_t *w_code, const uint8_t *x_code,
	               const struct tcg_exit *ex);
	/* From now on the exit looks into the jump cache before it leaves (`pic` units; for
	 * targets that no direct jump may lead to). */
	void (*link_far)(uint8_t *w_code, const uint8_t *x_code,
	                 const struct tcg_exit *ex);
	/* The jump cache entry of a `pic` unit that is dead now leads to the miss stub. Atomic,
	 * as link. */
	void (*retire)(uint8_t *w_code, const uint8_t *x_code);
	/* Runs code at `x` (a block entry) until it leaves. Returns the tcg_exit that was taken
	 * unlinked (the *linear* target in the pc slot), or NULL: env->exit_reason says why
	 * (jump cache miss or pending: TCG_EXIT_JUMP with the linear target in the pc slot;
	 * the run time passes it through guest->set_pc). All slots are in memory, cc_op record
	 * is valid, on return. */
	struct tcg_exit *(*run)(struct tcg_env *env,
	                        const void *x); /* pc_now: its pc */
	/* Where a void jump-cache entry points (its pc may still match): leaves with
	 * TCG_EXIT_JUMP like exit_ind's own miss path, so exit_ind must keep the target pc in
	 * a fixed register across `jmp *host`. Valid after init(). */
	const void *(*miss_stub)(void);
	const char *const *pinned; /* names, for -d and docs */
	/* features the front end may ask for (max CPU model) */
	bool has_avx, has_avx2, has_bmi2;
};

extern const struct tcg_host x86_tcg_host;

#endif
