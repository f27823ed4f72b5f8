/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.h - the three clocks, in nanoseconds, and timers on a loop.
 *
 * CLOCK_VM stops while the VM is stopped; CLOCK_HOST is wall-clock time since
 * the epoch; CLOCK_RT is monotonic. Under the device test server (qtest) CLOCK_VM
 * is virtual and moves only by clock_step().
 *
 * A timer belongs to the loop it was made on and its callback runs on that
 * loop's thread, with no lock held (a device's callback takes the device's
 * lock itself). timer_mod/timer_del may be called from any thread; after
 * timer_del_sync() returns the callback is not running and will not run.
 */
#ifndef LODGE_CORE_CLOCK_H
#define LODGE_CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

enum clock_id { CLOCK_VM, CLOCK_HOST, CLOCK_RT, CLOCK_N };

#define NS_PER_S  UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_US UINT64_C(1000)

uint64_t clock_ns(enum clock_id c);
/* VM run/stop: freezes and resumes CLOCK_VM. Control thread. */
void clock_vm_enable(bool on);
/* qtest: CLOCK_VM becomes virtual, starting at 0. */
void clock_set_virtual(void);
/* Moves virtual CLOCK_VM to `to_ns` and runs the timers in between in order. */
void clock_step(uint64_t to_ns);
/* Earliest deadline of any CLOCK_VM timer, UINT64_MAX if none (qtest "clock_step"). */
uint64_t clock_vm_next_deadline(void);
/* Migration and snapshot. */
void clock_vm_set(uint64_t ns);

/* a * b / c without overflow of the product (c != 0). */
static inline uint64_t muldiv64(uint64_t a, uint32_t b, uint32_t c)
{
	return (uint64_t)((unsigned __int128)a * b / c);
}

struct loop;
struct timer;
typedef void timer_fn(void *opaque);

struct timer *timer_new(struct loop *l, enum clock_id c, timer_fn *fn, void *opaque);
void timer_free(struct timer *t); /* includes timer_del_sync; NULL is fine */
void timer_mod(struct timer *t, uint64_t expire_ns);
void timer_del(struct timer *t);
void timer_del_sync(struct timer *t);
bool timer_pending(const struct timer *t);
uint64_t timer_expire_ns(const struct timer *t); /* UINT64_MAX when not pending */

#endif
