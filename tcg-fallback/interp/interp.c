/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interp.c - runs a unit of IR.
 *
 * One pass over the instruction array with a switch; integer values are kept
 * zero-extended, so that an op is its 64-bit form and a mask. Sets of slots go to
 * memory at once: state is precise at each instruction without recovery. Memory goes
 * through the windows and then the run time's slow paths, as emitted code does.
 *
 * Floating point runs under the guest's control register (fpcr_offset, x86 hosts),
 * with all exceptions masked; sticky flags go back when the unit is left. A raise
 * (longjmp) leaves the host register as it is: interp_fp_leave() is for the run loop.
 *
 * Threads: the vCPU's. Known gaps: i128 only as ld/st data.
 */
#include "config.h"

#include "tcg-fallback/interp/interp.h"

#include <alloca.h>
#include <string.h>

#include "tcg-fallback/interp/flags.h"
#include "tcg-fallback/interp/ival.h"
#include "tcg-fallback/ir/vecops.h"

struct interp {
	struct tcg_env *env;
	const struct tcg_guest *g;
	const struct ir_unit *u;
	char *arch;
	union ival *v;
	uint16_t *label; /* label -> instruction index */
};

/* ---- floating-point environment ---- */

#ifdef HOST_X86_64
void interp_fp_enter(struct tcg_env *env, const struct tcg_guest *g)
{
	uint32_t m;

	if (g->fpcr_offset) {
		memcpy(&m, (char *)tcg_arch_of(env) + g->fpcr_offset, 4);
		__builtin_ia32_ldmxcsr((m & 0xffff) | 0x1f80);
	}
}

static void interp_fp_merge(struct tcg_env *env, const struct tcg_guest *g)
{
	uint32_t m;

	if (g->fpcr_offset) {
		char *p = (char *)tcg_arch_of(env) + g->fpcr_offset;

		memcpy(&m, p, 4);
		m |= __builtin_ia32_stmxcsr() & 0x3f;
		memcpy(p, &m, 4);
	}
}

void interp_fp_leave(struct tcg_env *env, const struct tcg_guest *g)
{
	interp_fp_merge(env, g);
	__builtin_ia32_ldmxcsr(0x1f80);
}
#else
static void interp_fp_merge(struct tcg_env *env, const struct tcg_guest *g)
{
	(void)env;
	(void)g;
}

void interp_fp_enter(struct tcg_env *env, const struct tcg_guest *g)
{
	(void)env;
	(void)g;
}

void interp_fp_leave(struct tcg_env *env, const struct tcg_guest *g)
{
	(void)env;
	(void)g;
}
#endif

/* ---- slots ---- */

static void interp_get(struct interp *s, const struct ir_ins *in, int64_t off,
                       union ival *r)
{
	unsigned n = ir_type_bytes[in->type];

	if (n <= 8) {
		r->u = 0;
	}
	memcpy(r, s->arch + off, n);
}

static void interp_set(struct interp *s, const struct ir_ins *in)
{
	char *p = s->arch + s->u->slots[in->imm].offset;

	memcpy(p, &s->v[in->a], ir_type_bytes[in->type]);
	if (in->op == IR_setz) {
		memset(p + 16, 0, 16);
	}
}

static uint32_t interp_fget(struct interp *s)
{
	uint32_t op;
	uint64_t a, b;

	memcpy(&op, s->arch + s->g->cc_op_offset, 4);
	memcpy(&a, s->arch + s->g->cc_a_offset, 8);
	memcpy(&b, s->arch + s->g->cc_b_offset, 8);
	return cc_compute(op, a, b);
}

static void interp_fset(struct interp *s, uint64_t fl)
{
	uint32_t op = CC_OP_FLAGS;

	memcpy(s->arch + s->g->cc_op_offset, &op, 4);
	memcpy(s->arch + s->g->cc_a_offset, &fl, 8);
}

/* ---- memory ---- */

static uint64_t interp_addr(struct interp *s, const struct ir_ins *in, unsigned scale)
{
	uint64_t r = (uint64_t)in->imm;

	if (in->a) {
		r += s->v[in->a].u;
	}
	if (in->b) {
		r += s->v[in->b].u << scale;
	}
	return r;
}

static uint32_t interp_info(const struct ir_ins *in, unsigned mem)
{
	return mem | (uint32_t)in->hint << 8 | (uint32_t)in->mode << 16;
}

/* The fast path: one page, through the window of the site. NULL: miss. */
static char *interp_window(const struct tcg_win *w, uint64_t addr, unsigned size,
                           const struct ir_ins *in, unsigned mem)
{
	if (addr - w->start > TCG_PAGE - size || in->mode ||
	    ((mem & IR_M_ALIGN) && (addr & (size - 1)))) {
		return NULL;
	}
	return (char *)(uintptr_t)(addr + w->addend);
}

static void interp_ld(struct interp *s, const struct ir_ins *in, union ival *r)
{
	unsigned size = IR_M_SIZE(in->aux);
	uint64_t addr = interp_addr(s, in, in->aux2 & 3), v = 0;
	const struct tcg_win *w = in->aux & IR_M_RMW ? &s->env->win_w[in->hint]
	                                             : &s->env->win_r[in->hint];
	const char *p = interp_window(w, addr, size, in, in->aux);

	if (!p) {
		p = (char *)(uintptr_t)(addr + rt_ld_slow(s->env, addr,
		                                          interp_info(in, in->aux)));
	}
	if (size > 8 || in->type >= IR_V128 || in->type == IR_I128) {
		if (ir_type_bytes[in->type] > size) {
			memset(r, 0, sizeof(*r));
		}
		memcpy(r, p, size);
		return;
	}
	switch (size) {
	case 1: v = __atomic_load_n((const uint8_t *)p, __ATOMIC_ACQUIRE); break;
	case 2: v = __atomic_load_n((const uint16_t *)p, __ATOMIC_ACQUIRE); break;
	case 4: v = __atomic_load_n((const uint32_t *)p, __ATOMIC_ACQUIRE); break;
	default: v = __atomic_load_n((const uint64_t *)p, __ATOMIC_ACQUIRE); break;
	}
	if (in->aux & IR_M_BE) {
		v = __builtin_bswap64(v) >> (64 - 8 * size);
	}
	if (in->aux & IR_M_SX) {
		v = (uint64_t)((int64_t)(v << (64 - 8 * size)) >> (64 - 8 * size));
	}
	r->u = in->type == IR_F32 || in->type == IR_F64 ? v : v & ival_mask(in->type);
}

static void interp_put(char *p, const union ival *v, unsigned size, bool be)
{
	uint64_t x = v->u;

	if (size > 8) {
		memcpy(p, v, size);
		return;
	}
	if (be) {
		x = __builtin_bswap64(x) >> (64 - 8 * size);
	}
	switch (size) {
	case 1: __atomic_store_n((uint8_t *)p, (uint8_t)x, __ATOMIC_RELEASE); break;
	case 2: __atomic_store_n((uint16_t *)p, (uint16_t)x, __ATOMIC_RELEASE); break;
	case 4: __atomic_store_n((uint32_t *)p, (uint32_t)x, __ATOMIC_RELEASE); break;
	default: __atomic_store_n((uint64_t *)p, x, __ATOMIC_RELEASE); break;
	}
}

static void interp_st(struct interp *s, const struct ir_ins *in)
{
	unsigned size = IR_M_SIZE(in->aux);
	uint64_t addr = interp_addr(s, in, in->aux2 & 3);
	char *p = interp_window(&s->env->win_w[in->hint], addr, size, in, in->aux);
	struct rt_slow sl = { 0, 0 };

	if (!p) {
		sl = rt_st_slow(s->env, addr, interp_info(in, in->aux));
		p = (char *)(uintptr_t)(addr + sl.addend);
	}
	interp_put(p, &s->v[in->c], size, in->aux & IR_M_BE);
	if (sl.commit) {
		rt_st_commit(s->env);
	}
}

/* ---- atomics ---- */

/* Compare and swap of `size` bytes in the host's byte order; gives what was there. */
static uint64_t interp_host_cas(void *p, unsigned size, uint64_t old, uint64_t new)
{
	uint8_t o1 = (uint8_t)old;
	uint16_t o2 = (uint16_t)old;
	uint32_t o4 = (uint32_t)old;

	switch (size) {
	case 1:
		__atomic_compare_exchange_n((uint8_t *)p, &o1, (uint8_t) new, false,
		                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		return o1;
	case 2:
		__atomic_compare_exchange_n((uint16_t *)p, &o2, (uint16_t) new, false,
		                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		return o2;
	case 4:
		__atomic_compare_exchange_n((uint32_t *)p, &o4, (uint32_t) new, false,
		                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		return o4;
	default:
		__atomic_compare_exchange_n((uint64_t *)p, &old, new, false,
		                            __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		return old;
	}
}

static uint64_t interp_swap(uint64_t v, unsigned size, bool be)
{
	return be ? __builtin_bswap64(v) >> (64 - 8 * size) : v;
}

static uint64_t interp_rmw(struct interp *s, const struct ir_ins *in)
{
	unsigned size = IR_M_SIZE(in->aux2);
	uint64_t addr = interp_addr(s, in, 0), v = s->v[in->c].u, old, seen, want;
	uint32_t info = interp_info(in, in->aux2);
	bool be = in->aux2 & IR_M_BE;
	void *p = rt_atomic_host(s->env, addr, info);

	if (!p) {
		return rt_rmw_slow(s->env, addr, info, in->aux, v) &
		       ival_mask(in->type);
	}
	seen = interp_host_cas(p, size, 0, 0);
	do {
		old = interp_swap(seen, size, be);
		want = ival_rmw(in->aux, in->type, old, v) & ival_mask(in->type);
		want = interp_swap(want, size, be);
		old = seen;
		seen = interp_host_cas(p, size, old, want);
	} while (seen != old);
	return interp_swap(seen, size, be);
}

static uint64_t interp_cas(struct interp *s, const struct ir_ins *in)
{
	unsigned size = IR_M_SIZE(in->aux);
	uint64_t addr = interp_addr(s, in, in->aux2 & 3);
	uint64_t old = s->v[in->c].u, new = s->v[in->d].u;
	uint32_t info = interp_info(in, in->aux);
	bool be = in->aux & IR_M_BE;
	void *p = rt_atomic_host(s->env, addr, info);

	if (!p) {
		return rt_cas_slow(s->env, addr, info, old, new) & ival_mask(in->type);
	}
	return interp_swap(interp_host_cas(p, size, interp_swap(old, size, be),
	                                   interp_swap(new, size, be)),
	                   size, be);
}

/* ---- the rest ---- */

/* A helper that reads or writes env sees, and may change, the FP control register there. */
static void interp_fp_call(struct interp *s, unsigned flags, bool after)
{
	if (!after && flags & (IR_H_READ | IR_H_WRITE | IR_H_EXIT)) {
		interp_fp_merge(s->env, s->g);
	} else if (after && flags & IR_H_WRITE) {
		interp_fp_enter(s->env, s->g);
	}
}

static void interp_call(struct interp *s, const struct ir_ins *in, union ival *r)
{
	const struct ir_helper *h = &s->u->helpers[in->imm];
	uint64_t (*fn)(struct tcg_env *, uint64_t, uint64_t, uint64_t, uint64_t) =
		h->fn;
	uint64_t x;

	if (h->flags & IR_H_FLAGS) {
		interp_fset(s, interp_fget(s));
	}
	interp_fp_call(s, h->flags, false);
	x = fn(s->env, s->v[in->a].u, s->v[in->b].u, s->v[in->c].u, s->v[in->d].u);
	interp_fp_call(s, h->flags, true);
	if (in->type) {
		r->u = x & ival_mask(in->type);
	}
}

static void interp_const(const struct ir_ins *in, union ival *r)
{
	if (in->type >= IR_I8 && in->type <= IR_I64) {
		r->u = (uint64_t)in->imm & ival_mask(in->type);
	} else if (in->type == IR_FLAGS) {
		r->u = (uint64_t)in->imm & IR_FL_ALL;
	} else {
		memset(r, (int)in->imm, sizeof(*r));
	}
}

static uint64_t interp_flags(struct interp *s, const struct ir_ins *in)
{
	const struct ir_ins *ar = &s->u->ins[in->a];
	uint64_t fl = ival_flags(ar, s->v[ar->a].u, s->v[ar->b].u, s->v[ar->c].u,
	                         s->v[in->a].u);

	if (in->op == IR_flags) {
		return fl;
	}
	if (s->v[in->c].u == 0) {
		return s->v[in->b].u;
	}
	return (fl & (uint64_t)in->imm) | (s->v[in->b].u & ~(uint64_t)in->imm);
}

static bool interp_taken(struct interp *s, const struct ir_ins *in)
{
	struct ir_ins cmp = {
		.op = IR_setcmp, .type = IR_I8, .aux = in->aux, .aux2 = in->type
	};

	if (in->op == IR_brcc) {
		return flags_cond(in->aux, (uint32_t)s->v[in->a].u);
	}
	return in->op == IR_br || ival_pure(&cmp, s->v[in->a].u, s->v[in->b].u, 0);
}

static void interp_labels(struct interp *s)
{
	for (unsigned i = 1; i < s->u->n; i++) {
		if (s->u->ins[i].op == IR_label) {
			s->label[s->u->ins[i].imm] = (uint16_t)i;
		}
	}
}

/* Straight-line instructions; control is the loop's. */
static void interp_ins(struct interp *s, const struct ir_ins *in, union ival *r)
{
	switch (in->op) {
	case IR_const: interp_const(in, r); break;
	case IR_pc: r->u = s->u->pc + (uint64_t)in->imm; break;
	case IR_get: interp_get(s, in, s->u->slots[in->imm].offset, r); break;
	case IR_set:
	case IR_setz: interp_set(s, in); break;
	case IR_ldenv: interp_get(s, in, in->imm, r); break;
	case IR_stenv:
		memcpy(s->arch + in->imm, &s->v[in->a], ir_type_bytes[in->type]);
		break;
	case IR_lget:
		memset(r, 0, sizeof(*r));
		memcpy(r, s->env->local[in->imm], ir_type_bytes[in->type]);
		break;
	case IR_lset:
		memcpy(s->env->local[in->imm], &s->v[in->a], ir_type_bytes[in->type]);
		break;
	case IR_flags:
	case IR_fshift: r->u = interp_flags(s, in); break;
	case IR_fget: r->u = interp_fget(s); break;
	case IR_fset: interp_fset(s, s->v[in->a].u); break;
	case IR_ld: interp_ld(s, in, r); break;
	case IR_st: interp_st(s, in); break;
	case IR_rmw: r->u = interp_rmw(s, in); break;
	case IR_cas: r->u = interp_cas(s, in); break;
	case IR_fence: __atomic_thread_fence(__ATOMIC_SEQ_CST); break;
	case IR_vop:
		ival_vop(in, vop_width(s->u, in), r, &s->v[in->a], &s->v[in->b],
		         &s->v[in->c]);
		break;
	case IR_call: interp_call(s, in, r); break;
	case IR_selnz:
	case IR_selcc:
		if (in->type >= IR_V128) {
			bool x = in->op == IR_selnz
			                 ? s->v[in->a].u != 0
			                 : flags_cond(in->aux, (uint32_t)s->v[in->a].u);
			*r = s->v[x ? in->b : in->c];
			break;
		}
		/* fall through */
	default:
		r->u = ival_pure(in, s->v[in->a].u, s->v[in->b].u, s->v[in->c].u);
		break;
	}
}

static struct interp_result interp_loop(struct interp *s)
{
	const struct ir_unit *u = s->u;
	unsigned i = 1;

	for (;;) {
		const struct ir_ins *in = &u->ins[i];

		switch (in->op) {
		case IR_NOP:
		case IR_label: break;
		case IR_insn: s->env->pc_now = u->pc + (uint64_t)in->imm; break;
		case IR_br:
		case IR_brcc:
		case IR_brcmp:
			if (interp_taken(s, in)) {
				i = s->label[in->imm];
			}
			break;
		case IR_exit_to:
			return (struct interp_result){ .reason = TCG_EXIT_NEXT,
				                       .has_pc = true,
				                       .pc = u->pc +
				                             (uint64_t)in->imm };
		case IR_exit_ind:
			return (struct interp_result){ .reason = TCG_EXIT_NEXT,
				                       .has_pc = true,
				                       .pc = s->v[in->a].u };
		case IR_exit:
			return (struct interp_result){ .reason = (unsigned)in->imm };
		default: interp_ins(s, in, &s->v[i]); break;
		}
		i++;
	}
}

struct interp_result interp_run(struct tcg_env *env, const struct tcg_guest *g,
                                const struct ir_unit *u)
{
	struct interp s = { .env = env, .g = g, .u = u, .arch = tcg_arch_of(env) };
	struct interp_result res;
	/* cppcheck-suppress allocaCalled; IR_MAX_INS bounds it, an array has no alignment */
	void *mem = alloca((u->n + 1) * sizeof(union ival));

	s.v = (union ival *)ALIGN_UP((uintptr_t)mem, 32);
	s.v[0].u = 0;
	/* cppcheck-suppress allocaCalled; as above */
	s.label = alloca((u->n_labels + 1) * sizeof(uint16_t));
	if (u->n_labels) {
		interp_labels(&s);
	}
	env->host_ra = 0;
	interp_fp_enter(env, g);
	res = interp_loop(&s);
	interp_fp_leave(env, g);
	return res;
}
