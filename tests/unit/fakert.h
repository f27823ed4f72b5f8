/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fakert.h - a run time for IR tests: a toy guest of eight integer registers, four
 * vector registers and flags, and two pages of memory at FAKERT_BASE; other addresses
 * fault (longjmp to env.out). Define nothing twice: include in one file of a program.
 */
#ifndef LODGE_TESTS_FAKERT_H
#define LODGE_TESTS_FAKERT_H

#include <stdlib.h>
#include <string.h>

#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/guest.h"

#define FAKERT_BASE UINT64_C(0x10000)
enum { FAKERT_MEM = 2 * TCG_PAGE };

struct fakert_arch {
	uint64_t r[8];
	uint64_t pc;
	uint64_t cc_a, cc_b;
	uint32_t cc_op, fpcr;
	uint64_t v[4][4] __aligned_to(64);
};

struct fakert {
	struct tcg_env env;
	struct fakert_arch arch; /* right behind env */
	uint8_t mem[FAKERT_MEM] __aligned_to(64);
	unsigned slow_ld, slow_st, slow_commit;
};

static const struct ir_slot fakert_slots[] = {
	{ "r0", 0, IR_I64, 255 },
	{ "r1", 8, IR_I64, 254 },
	{ "r2", 16, IR_I64, 253 },
	{ "r3", 24, IR_I64, 252 },
	{ "r4", 32, IR_I64, 251 },
	{ "r5", 40, IR_I64, 250 },
	{ "r6", 48, IR_I64, 0 },
	{ "r7", 56, IR_I64, 0 },
	{ "v0", offsetof(struct fakert_arch, v[0]), IR_V256, 200 },
	{ "v1", offsetof(struct fakert_arch, v[1]), IR_V256, 199 },
	{ "v2", offsetof(struct fakert_arch, v[2]), IR_V256, 198 },
	{ "v3", offsetof(struct fakert_arch, v[3]), IR_V256, 0 },
};

/* A pure helper, one that changes r0, and one that swaps all flags. */
static inline uint64_t fakert_h_pure(struct tcg_env *e, uint64_t a, uint64_t b,
                                     uint64_t c, uint64_t d)
{
	(void)e;
	return a + 2 * b + 3 * c + 5 * d;
}

static inline uint64_t fakert_h_write(struct tcg_env *e, uint64_t a, uint64_t b,
                                      uint64_t c, uint64_t d)
{
	struct fakert_arch *x = tcg_arch_of(e);

	(void)b;
	(void)c;
	(void)d;
	x->r[0] += a;
	return x->r[0] ^ x->r[1];
}

static inline uint64_t fakert_h_flags(struct tcg_env *e, uint64_t a, uint64_t b,
                                      uint64_t c, uint64_t d)
{
	struct fakert_arch *x = tcg_arch_of(e);

	(void)b;
	(void)c;
	(void)d;
	x->cc_a ^= IR_FL_ALL;
	return x->cc_a + a;
}

static const struct ir_helper fakert_helpers[] = {
	{ "hpure", (void *)fakert_h_pure, IR_H_PURE },
	{ "hwrite", (void *)fakert_h_write, IR_H_READ | IR_H_WRITE | IR_H_EXIT },
	{ "hflags", (void *)fakert_h_flags, IR_H_FLAGS },
};

static const struct tcg_guest fakert_guest __unused = {
	.name = "fake",
	.slots = fakert_slots,
	.n_slots = ARRAY_LEN(fakert_slots),
	.helpers = fakert_helpers,
	.n_helpers = ARRAY_LEN(fakert_helpers),
	.pc_offset = offsetof(struct fakert_arch, pc),
	.cc_op_offset = offsetof(struct fakert_arch, cc_op),
	.cc_a_offset = offsetof(struct fakert_arch, cc_a),
	.cc_b_offset = offsetof(struct fakert_arch, cc_b),
};

static inline void fakert_unit(struct ir_unit *u)
{
	ir_unit_init(u);
	u->slots = fakert_slots;
	u->n_slots = ARRAY_LEN(fakert_slots);
	u->helpers = fakert_helpers;
	u->n_helpers = ARRAY_LEN(fakert_helpers);
}

static inline void fakert_reset(struct fakert *f)
{
	for (unsigned i = 0; i < IR_WINDOWS; i++) {
		f->env.win_r[i].start = f->env.win_w[i].start = TCG_WIN_NONE;
	}
}

static inline struct fakert *fakert_new(void)
{
	struct fakert *f = aligned_alloc(64, ALIGN_UP(sizeof(*f), 64));

	memset(f, 0, sizeof(*f));
	fakert_reset(f);
	return f;
}

static inline void fakert_free(struct fakert *f)
{
	free(f);
}

/* ---- the contract of env.h ---- */

static inline struct fakert *fakert_of(struct tcg_env *e)
{
	return (struct fakert *)e;
}

static inline uint8_t *fakert_host(struct tcg_env *e, uint64_t addr, unsigned size)
{
	if (addr < FAKERT_BASE || addr - FAKERT_BASE > FAKERT_MEM - size) {
		longjmp(e->out, 1);
	}
	return fakert_of(e)->mem + (addr - FAKERT_BASE);
}

static inline void fakert_refill(struct tcg_win *w, struct fakert *f, uint64_t addr)
{
	w->start = addr & ~(uint64_t)(TCG_PAGE - 1);
	w->addend = (uint64_t)(uintptr_t)f->mem - FAKERT_BASE;
}

uint64_t rt_ld_slow(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	unsigned size = IR_M_SIZE(info);
	uint8_t *p = fakert_host(env, addr, size);

	if ((info & IR_M_ALIGN) && (addr & (size - 1))) {
		longjmp(env->out, 2);
	}
	fakert_of(env)->slow_ld++;
	if ((addr & (TCG_PAGE - 1)) > TCG_PAGE - size) {
		memcpy(env->bounce, p, size);
		return (uint64_t)(uintptr_t)env->bounce - addr;
	}
	fakert_refill(&env->win_r[info >> 8 & 31], fakert_of(env), addr);
	return (uint64_t)(uintptr_t)p - addr;
}

struct rt_slow rt_st_slow(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	unsigned size = IR_M_SIZE(info);
	uint8_t *p = fakert_host(env, addr, size);

	if ((info & IR_M_ALIGN) && (addr & (size - 1))) {
		longjmp(env->out, 2);
	}
	fakert_of(env)->slow_st++;
	if ((addr & (TCG_PAGE - 1)) > TCG_PAGE - size) {
		env->bounce_addr = addr;
		env->bounce_info = info;
		return (struct rt_slow){ (uint64_t)(uintptr_t)env->bounce - addr, 1 };
	}
	fakert_refill(&env->win_w[info >> 8 & 31], fakert_of(env), addr);
	return (struct rt_slow){ (uint64_t)(uintptr_t)p - addr, 0 };
}

void rt_st_commit(struct tcg_env *env)
{
	unsigned size = IR_M_SIZE(env->bounce_info);

	fakert_of(env)->slow_commit++;
	memcpy(fakert_host(env, env->bounce_addr, size), env->bounce, size);
}

void *rt_atomic_host(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	uint8_t *p = fakert_host(env, addr, IR_M_SIZE(info));

	return (addr & (TCG_PAGE - 1)) > TCG_PAGE - IR_M_SIZE(info) ? NULL : p;
}

uint64_t rt_rmw_slow(struct tcg_env *env, uint64_t addr, uint32_t info, uint32_t op,
                     uint64_t v)
{
	unsigned size = IR_M_SIZE(info);
	uint8_t *p = fakert_host(env, addr, size);
	uint64_t old = 0, new;

	memcpy(&old, p, size);
	new = op == IR_RMW_ADD   ? old + v
	      : op == IR_RMW_SUB ? old - v
	      : op == IR_RMW_AND ? old &v
	      : op == IR_RMW_OR  ? old | v
	      : op == IR_RMW_XOR ? old ^ v
	                         : v;
	memcpy(p, &new, size);
	return old;
}

uint64_t rt_cas_slow(struct tcg_env *env, uint64_t addr, uint32_t info,
                     uint64_t expected, uint64_t desired)
{
	unsigned size = IR_M_SIZE(info);
	uint8_t *p = fakert_host(env, addr, size);
	uint64_t old = 0;

	memcpy(&old, p, size);
	if (old == expected) {
		memcpy(p, &desired, size);
	}
	return old;
}

#endif
