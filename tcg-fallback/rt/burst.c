/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * burst.c - a few instructions of a vCPU of another accelerator, beside its other
 * vCPUs.
 *
 * Each instruction is a block of its own that nobody keeps: the guest's code may change
 * unseen while the other accelerator runs other vCPUs.
 *
 * The owner is told what was stored and whether translations were flushed
 * (hv_burst_log), so that no TLB entry may be written in a burst: each store takes the
 * slow path.
 *
 * When interrupt controllers are the owner's (vm->chips_in_hv), the burst ends before
 * an instruction that would use them, and, from the second one on, before any that
 * reaches beyond RAM: the owner is faster at those.
 *
 * Stopping the world (a locked access that crosses pages or meets a device) means the
 * owner's vCPUs, too.
 */
#include "config.h"

#include "tcg-fallback/rt/rt.h"

#include <setjmp.h>
#include <string.h>

#include "base/bytes.h"
#include "core/hv.h"

/* ---- what the softmmu tells ---- */

void rt_burst_stored(struct rt_vcpu *v, const uint8_t *host, unsigned size)
{
	struct hv_burst_log *l = &v->burst_log;
	uintptr_t at = (uintptr_t)host & ~(uintptr_t)7, end = (uintptr_t)host + size;

	for (; at < end; at += 8) {
		struct hv_burst_store *s = &l->store[l->n_stores];
		bool known = false;

		for (unsigned i = 0; i < l->n_stores && !known; i++) {
			known = (uintptr_t)l->store[i].host == at;
		}
		if (known) {
			continue;
		}
		if (l->n_stores == ARRAY_LEN(l->store)) {
			l->lost = true;
			return;
		}
		s->host = (const uint8_t *)at;
		s->old = ld_le64(s->host);
		l->n_stores++;
	}
}

/* The instruction that is about to do something ends the burst and is not begun. */
static void __noreturn rt_burst_end(struct rt_vcpu *v)
{
	v->burst_over = true;
	tcg_restore_pc(v->env);
	tcg_exit_loop(v->env, TCG_EXIT_NEXT);
}

static bool rt_burst_owned(struct rt_vcpu *v, enum hv_place where, uint64_t addr)
{
	const struct hv_ops *hv = v->c->vm->hv;

	return where == HV_PLACE_CPU || !hv->irq.owns ||
	       hv->irq.owns(v->c->vm, where, addr);
}

void rt_burst_outside(struct rt_vcpu *v, enum hv_place where, uint64_t addr)
{
	if (!atomic_load(&v->c->vm->chips_in_hv)) {
		return;
	}
	if (rt_burst_owned(v, where, addr)) {
		v->burst_log.refused = v->burst_log.done == 0;
		rt_burst_end(v);
	} else if (v->burst_log.done) {
		rt_burst_end(v);
	}
}

void tcg_outside(struct tcg_env *env, enum tcg_place where, uint64_t addr)
{
	struct rt_vcpu *v = rt_vcpu_of(env);

	if (unlikely(v->burst)) {
		rt_burst_outside(v, (enum hv_place)where, addr);
	}
}
_Static_assert((int)TCG_PLACE_PORT == (int)HV_PLACE_PORT &&
                       (int)TCG_PLACE_CPU == (int)HV_PLACE_CPU,
               "the same places");

/* ---- the group of hv_ops ---- */

void rt_burst_enter(struct vcpu *c, bool forget)
{
	struct rt_vcpu *v = c->tcg;

	if (forget) {
		rt_forget_code(v->rt);
	}
	v->raise_pending = false;
	v->loop_exit = -1;
	tcg_flush_all(v->env);
	v->burst_log.done = v->burst_log.n_stores = 0;
	v->burst_log.refused = v->burst_log.lost = v->burst_log.flushed = false;
	/* An event whose delivery the other one began is still to be delivered. */
	v->raise_pending =
		v->rt->guest->event_pending && v->rt->guest->event_pending(v->arch);
}

void rt_burst_settle(struct vcpu *c)
{
	struct rt_vcpu *v = c->tcg;

	if (v->rt->guest->settle) {
		v->rt->guest->settle(v->arch);
	}
	/* An event that was raised and not delivered is in the struct: the next one's.
	 */
	v->raise_pending = false;
}

enum vcpu_exit rt_burst_run(struct vcpu *c, unsigned max_insns)
{
	struct rt_vcpu *v = c->tcg;
	enum vcpu_exit r;

	v->burst = max_insns;
	v->burst_over = false;
	r = tcg_hv_ops.vcpu.run(c);
	v->burst = 0;
	v->one_insn = false;
	rt_burst_settle(c);
	return r;
}

const struct hv_burst_log *rt_burst_log(struct vcpu *c)
{
	return &((struct rt_vcpu *)c->tcg)->burst_log;
}
