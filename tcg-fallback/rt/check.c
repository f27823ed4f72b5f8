/* SPDX-License-Identifier: GPL-2.0-or-later */
/* check.c - see check.h. */
#include "config.h"

#include "tcg-fallback/rt/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/cpu/arch.h"
#include "tcg-fallback/interp/interp.h"
#include "tcg-fallback/rt/rt.h"

enum { CHECK_LOG = 512, CHECK_REPORTS = 5, CHECK_TIMES = 24 /* a block */ };

struct rt_check {
	struct {
		uint8_t *host;
		uint8_t size, data[32];
	} log[CHECK_LOG];
	unsigned n;
	jmp_buf abandon;
	uint8_t *before, *want; /* architectural structs */
	struct interp_result res;
	uint64_t pc;
	unsigned reports;
};

static bool rt_checkable(const struct ir_unit *u)
{
	for (unsigned i = 1; i < u->n; i++) {
		const struct ir_ins *in = &u->ins[i];

		if (in->op == IR_rmw || in->op == IR_cas ||
		    (in->op == IR_call && !(u->helpers[in->imm].flags & IR_H_PURE))) {
			return false;
		}
	}
	return true;
}

/* Flags that every op of the unit defines. */
static uint32_t rt_check_flags(const struct ir_unit *u)
{
	uint32_t mask = IR_FL_ALL & ~IR_FL_A;

	for (unsigned i = 1; i < u->n; i++) {
		switch (u->ins[i].op) {
		case IR_mul:
		case IR_mulhu:
		case IR_mulhs:
		case IR_ctz:
		case IR_clz: mask &= IR_FL_C; break;
		case IR_shl:
		case IR_shr:
		case IR_sar:
		case IR_rotl:
		case IR_rotr:
		case IR_shld:
		case IR_shrd: mask &= ~IR_FL_O; break;
		default: break;
		}
	}
	return mask;
}

/* Host bytes of one piece inside a page; gives the dry run up where that has effects. */
static uint8_t *rt_check_host(struct rt_vcpu *v, uint64_t addr, unsigned n, bool write)
{
	uint8_t *p = tcg_host_ptr(v->env, addr, n, write, 0);

	if (!p) {
		_longjmp(v->check->abandon, 1);
	}
	return p;
}

static void rt_check_patch(const struct rt_check *c, const uint8_t *host, uint8_t *buf,
                           unsigned n)
{
	for (unsigned i = 0; i < c->n; i++) {
		for (unsigned k = 0; k < c->log[i].size; k++) {
			const uint8_t *h = c->log[i].host + k;

			if (h >= host && h < host + n) {
				buf[h - host] = c->log[i].data[k];
			}
		}
	}
}

uint64_t rt_check_ld(struct rt_vcpu *v, uint64_t addr, uint32_t info)
{
	unsigned size = IR_M_SIZE(info), at = 0;

	while (at < size) {
		unsigned n = MIN(size - at,
		                 (unsigned)(TCG_PAGE - ((addr + at) & (TCG_PAGE - 1))));
		uint8_t *h = rt_check_host(v, addr + at, n, info & IR_M_RMW);

		memcpy(v->env->bounce + at, h, n);
		rt_check_patch(v->check, h, v->env->bounce + at, n);
		at += n;
	}
	return (uint64_t)(uintptr_t)v->env->bounce - addr;
}

void rt_check_st(struct rt_vcpu *v)
{
	uint64_t addr = v->env->bounce_addr;
	unsigned size = IR_M_SIZE(v->env->bounce_info), at = 0;
	struct rt_check *c = v->check;

	while (at < size) {
		unsigned n = MIN(size - at,
		                 (unsigned)(TCG_PAGE - ((addr + at) & (TCG_PAGE - 1))));

		if (c->n == CHECK_LOG) {
			_longjmp(c->abandon, 1);
		}
		c->log[c->n].host = rt_check_host(v, addr + at, n, true);
		c->log[c->n].size = (uint8_t)n;
		memcpy(c->log[c->n++].data, v->env->bounce + at, n);
		at += n;
	}
}

bool rt_check_done(const struct tcg_rt *rt, const struct tcg_block *b)
{
	return !rt->check || b->checks >= CHECK_TIMES || !rt_checkable(b->unit);
}

static struct rt_check *rt_check_get(struct rt_vcpu *v)
{
	size_t size = v->c->vm->arch->state_size;

	if (!v->check) {
		v->check = calloc(1, sizeof(*v->check));
		v->check->before = malloc(size);
		v->check->want = malloc(size);
	}
	return v->check;
}

static bool rt_check_dry(struct rt_vcpu *v, const struct tcg_block *b)
{
	struct ir_unit unit;

	if (_setjmp(v->check->abandon) || _setjmp(v->env->out)) {
		return false;
	}
	unit = *b->unit;
	unit.pc = b->pic ? v->env->vpage | (b->pc & (TCG_PAGE - 1)) : b->pc;
	v->env->pc_now = unit.pc;
	v->check->res = interp_run(v->env, v->rt->guest, &unit);
	return true;
}

bool rt_check_before(struct rt_vcpu *v, struct tcg_block *b)
{
	size_t size = v->c->vm->arch->state_size;
	struct rt_check *c;
	jmp_buf out;
	bool ok;

	if (!b->unit || b->checks >= CHECK_TIMES || !rt_checkable(b->unit)) {
		return false;
	}
	b->checks++;
	c = rt_check_get(v);
	memcpy(c->before, v->arch, size);
	memcpy(&out, &v->env->out, sizeof(out));
	c->n = 0;
	rt_win_reset(v->env, v->rt->sink);
	v->dry = true;
	ok = rt_check_dry(v, b);
	v->dry = false;
	v->raise_pending = false;
	memcpy(&v->env->out, &out, sizeof(out));
	rt_win_reset(v->env, v->rt->sink);
	if (ok && c->res.has_pc) {
		v->rt->guest->set_pc(v->arch, c->res.pc);
	}
	memcpy(c->want, v->arch, size);
	memcpy(v->arch, c->before, size);
	return ok;
}

static bool rt_check_stored(const struct rt_check *c)
{
	bool ok = true;

	for (unsigned i = 0; i < c->n; i++) {
		for (unsigned k = 0; k < c->log[i].size; k++) {
			uint8_t want = c->log[i].data[k];

			rt_check_patch(c, c->log[i].host + k, &want, 1);
			if (c->log[i].host[k] != want) {
				fprintf(stderr,
				        "  store %u byte %u: %02x, wanted %02x\n", i, k,
				        c->log[i].host[k], want);
				ok = false;
			}
		}
	}
	return ok;
}

void rt_check_after(struct rt_vcpu *v, const struct tcg_block *b, int reason)
{
	const struct tcg_guest *g = v->rt->guest;
	struct rt_check *c = v->check;
	uint8_t *now = v->arch;
	size_t size = v->c->vm->arch->state_size;
	uint32_t op[2];
	uint64_t ab[4];
	bool ok = reason == (int)c->res.reason, stored;

	for (int k = 0; k < 2; k++) {
		uint8_t *s = k ? c->want : now;

		memcpy(&op[k], s + g->cc_op_offset, 4);
		memcpy(&ab[2 * k], s + g->cc_a_offset, 8);
		memcpy(&ab[2 * k + 1], s + g->cc_b_offset, 8);
	}
	ok &= !((cc_compute(op[0], ab[0], ab[1]) ^ cc_compute(op[1], ab[2], ab[3])) &
	        rt_check_flags(b->unit));
	memcpy(c->want + g->cc_op_offset, &op[0], 4);
	memcpy(c->want + g->cc_a_offset, &ab[0], 8);
	memcpy(c->want + g->cc_b_offset, &ab[1], 8);
	stored = rt_check_stored(c);
	if (ok && stored && !memcmp(now, c->want, size)) {
		return;
	}
	if (c->reports++ >= CHECK_REPORTS) {
		return;
	}
	fprintf(stderr, "check: block %016llx differs: reason %d/%u flags %x/%x\n",
	        (unsigned long long)b->pc, reason, c->res.reason,
	        cc_compute(op[0], ab[0], ab[1]), cc_compute(op[1], ab[2], ab[3]));
	for (size_t i = 0; i + 8 <= size; i += 8) {
		uint64_t was, is, want;

		memcpy(&was, c->before + i, 8);
		memcpy(&is, now + i, 8);
		memcpy(&want, c->want + i, 8);
		if (is != want) {
			fprintf(stderr,
			        "  offset 0x%zx: before %016llx is %016llx wanted "
			        "%016llx\n",
			        i, (unsigned long long)was, (unsigned long long)is,
			        (unsigned long long)want);
		}
	}
	ir_print(stderr, b->unit);
}
