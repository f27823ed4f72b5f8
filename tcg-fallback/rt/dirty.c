/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty.c - the translator as a source of the dirty log (core/dirty.h, 2).
 *
 * While a log runs, rt_fill() lets a TLB entry be written only for a page that is marked.
 * Windows are made from such entries. So collecting means that each vCPU drops what it
 * may write to; a vCPU that is OUT does it before it goes IN again, one that is IN is
 * kicked and waited for.
 *
 * Threads: start and collect on a thread that is no vCPU.
 */
#include "config.h"

#include <unistd.h>

#include "tcg-fallback/rt/rt.h"

static void rt_dirty_wait(struct rt_vcpu *v, uint32_t slot)
{
	for (unsigned n = 0; atomic_load(&v->state) == RT_IN &&
	                     (int32_t)(atomic_load(&v->mail_done) - slot) <= 0;
	     n++) {
		rt_kick_one(v);
		if (n < 50) {
			for (int spin = 0; spin < 200; spin++) {
				cpu_relax();
			}
		} else {
			usleep(50); /* a register handler that takes its time */
		}
	}
}

static void rt_dirty_drop_writes(struct tcg_rt *rt)
{
	for (unsigned i = 0; i < rt->n_vcpus; i++) {
		struct rt_vcpu *v = rt->vcpus[i];

		if (v) {
			rt_dirty_wait(v, rt_mail_post(v, ~UINT64_C(0)));
		}
	}
}

int rt_dirty_start(struct vm *vm, struct err *e)
{
	(void)e;
	rt_dirty_drop_writes(vm->tcg);
	return 0;
}

int rt_dirty_stop(struct vm *vm, struct err *e)
{
	(void)vm;
	(void)e;
	return 0; /* entries are filled freely again */
}

int rt_dirty_collect(struct vm *vm, uint64_t ram_off, uint64_t len, uint64_t *bits,
                     struct err *e)
{
	(void)ram_off;
	(void)len;
	(void)bits; /* ours are the pending ones, which were taken before */
	(void)e;
	rt_dirty_drop_writes(vm->tcg);
	return 0;
}
