/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic-timer.c - the APIC timer: one-shot, periodic, TSC deadline (Intel SDM vol. 3A
 * 11.5.4).
 *
 * Threads: registers on the vCPU's thread, expiry on the set's timer loop; both under
 * the APIC's lock. A period below LAPIC_MIN_PERIOD_NS is stretched, so that a guest
 * can't make the loop spin.
 * Known gaps: a guest that moves its TSC forward while a deadline is armed gets the
 * interrupt late; backward is handled.
 */
#include "config.h"

#include <errno.h>

#include "core/clock.h"
#include "core/cpu/x86-chips.h"
#include "core/vm.h"
#include "devices/irqchip/lapic.h"

#define LAPIC_MIN_PERIOD_NS 100000u
/* Longest delay handed to the clock; re-armed when it ends. */
#define LAPIC_MAX_DELAY_NS (UINT64_C(1) << 60)

static unsigned lapic_timer_shift(const struct lapic *a)
{
	unsigned v = (a->tmr_div & 3) | (a->tmr_div & 8) >> 1;

	return (v + 1) & 7;
}

static unsigned lapic_timer_mode(const struct lapic *a)
{
	return LVT_TMODE(a->lvt[LVT_TIMER]);
}

/*
 * Guests move their deadline far more often than it expires. The host's timer is left
 * where it is when it comes early enough: it finds nothing to do, or sets itself anew.
 */
static void lapic_timer_stop(struct lapic *a)
{
	a->tmr_expire = 0;
}

static void lapic_timer_arm(struct lapic *a, uint64_t when)
{
	a->tmr_expire = when ? when : 1;
	if (timer_expire_ns(a->timer) > a->tmr_expire) {
		timer_mod(a->timer, a->tmr_expire);
	}
}

static void lapic_timer_interrupt(struct lapic *a)
{
	uint32_t l = a->lvt[LVT_TIMER];

	if (!(l & LVT_MASKED)) {
		lapic_accept_locked(a, (uint8_t)l, false);
	}
}

/* Nanoseconds until `tsc`, 0 if it is past. */
static uint64_t lapic_timer_tsc_delay(const struct lapic *a, uint64_t tsc)
{
	uint64_t khz = a->cpu->tsc_khz ? a->cpu->tsc_khz : 1000000,
		 now = x86_tsc(a->cpu);
	unsigned __int128 ns;

	if (tsc <= now) {
		return 0;
	}
	ns = (unsigned __int128)(tsc - now) * 1000000 / khz;
	return ns > LAPIC_MAX_DELAY_NS ? LAPIC_MAX_DELAY_NS : (uint64_t)ns + 1;
}

static void lapic_timer_deadline_check(struct lapic *a)
{
	uint64_t delay = lapic_timer_tsc_delay(a, a->tsc_deadline);

	if (delay) {
		lapic_timer_arm(a, clock_ns(CLOCK_VM) + delay);
		return;
	}
	a->tsc_deadline = 0;
	a->tmr_expire = 0;
	lapic_timer_interrupt(a);
}

static void lapic_timer_expired(struct lapic *a, uint64_t now)
{
	switch (lapic_timer_mode(a)) {
	case LVT_DEADLINE:
		if (a->tsc_deadline) {
			lapic_timer_deadline_check(a);
		}
		return;
	case LVT_PERIODIC:
		lapic_timer_interrupt(a);
		if (a->tmr_period) {
			/* Missed periods are dropped; the phase is kept. */
			uint64_t late = (now - a->tmr_expire) % a->tmr_period;

			a->tmr_start = now - late;
			lapic_timer_arm(a, a->tmr_start + a->tmr_period);
			return;
		}
		break;
	default: lapic_timer_interrupt(a);
	}
	a->tmr_expire = 0;
}

static void lapic_timer_fire(void *opaque)
{
	struct lapic *a = opaque;
	uint64_t now = clock_ns(CLOCK_VM);

	LAPIC_SCOPE(a);
	if (!a->tmr_expire) {
		return;
	}
	if (now < a->tmr_expire) { /* was moved while we came here */
		timer_mod(a->timer, a->tmr_expire);
		return;
	}
	lapic_timer_expired(a, now);
}

static void lapic_timer_restart(struct lapic *a)
{
	uint64_t ns = (uint64_t)a->tmr_init << lapic_timer_shift(a);

	if (lapic_timer_mode(a) == LVT_PERIODIC && ns && ns < LAPIC_MIN_PERIOD_NS) {
		ns = LAPIC_MIN_PERIOD_NS;
	}
	a->tmr_period = ns;
	if (!ns) {
		lapic_timer_stop(a);
		return;
	}
	a->tmr_start = clock_ns(CLOCK_VM);
	lapic_timer_arm(a, a->tmr_start + ns);
}

uint32_t lapic_timer_current_locked(const struct lapic *a)
{
	uint64_t now, left;

	if (!a->tmr_expire || lapic_timer_mode(a) == LVT_DEADLINE) {
		return 0;
	}
	now = clock_ns(CLOCK_VM);
	if (now < a->tmr_expire) {
		left = a->tmr_expire - now;
	} else if (lapic_timer_mode(a) == LVT_PERIODIC && a->tmr_period) {
		left = a->tmr_period - (now - a->tmr_expire) % a->tmr_period;
	} else {
		return 0;
	}
	left >>= lapic_timer_shift(a);
	return left > a->tmr_init ? a->tmr_init : (uint32_t)left;
}

void lapic_timer_set_count_locked(struct lapic *a, uint32_t count)
{
	if (lapic_timer_mode(a) == LVT_DEADLINE) {
		return;
	}
	a->tmr_init = count;
	lapic_timer_restart(a);
}

/* The count goes on from its present value at the new rate. */
void lapic_timer_set_divide_locked(struct lapic *a, uint32_t reg)
{
	uint32_t left = lapic_timer_current_locked(a);

	a->tmr_div = reg & 0x0b;
	if (a->tmr_expire && lapic_timer_mode(a) != LVT_DEADLINE) {
		lapic_timer_restart(a);
		lapic_timer_arm(a, a->tmr_start +
		                           ((uint64_t)left << lapic_timer_shift(a)));
	}
}

void lapic_timer_set_lvt_locked(struct lapic *a, uint32_t lvt)
{
	unsigned was = lapic_timer_mode(a);

	a->lvt[LVT_TIMER] = lvt;
	if ((was == LVT_DEADLINE) != (lapic_timer_mode(a) == LVT_DEADLINE)) {
		/* SDM: a change to or from deadline mode disarms the timer. */
		a->tsc_deadline = 0;
		a->tmr_init = 0;
		lapic_timer_stop(a);
	}
}

void lapic_timer_set_deadline_locked(struct lapic *a, uint64_t tsc)
{
	if (lapic_timer_mode(a) != LVT_DEADLINE) {
		return;
	}
	a->tsc_deadline = tsc;
	if (tsc) {
		lapic_timer_deadline_check(a);
	} else {
		lapic_timer_stop(a);
	}
}

uint64_t lapic_timer_deadline_locked(const struct lapic *a)
{
	return lapic_timer_mode(a) == LVT_DEADLINE ? a->tsc_deadline : 0;
}

void lapic_timer_reset_locked(struct lapic *a)
{
	a->tmr_init = a->tmr_div = 0;
	a->tmr_start = a->tmr_period = a->tsc_deadline = 0;
	lapic_timer_stop(a);
}

void lapic_timer_rearm_locked(struct lapic *a)
{
	if (lapic_timer_mode(a) == LVT_DEADLINE && a->tsc_deadline) {
		lapic_timer_deadline_check(a);
	} else if (a->tmr_expire) {
		lapic_timer_arm(a, a->tmr_expire);
	}
}

/* ---- the state leaves, and comes ---- */

void lapic_timer_settle_locked(struct lapic *a)
{
	uint64_t now = clock_ns(CLOCK_VM);

	if (a->tmr_expire && now >= a->tmr_expire) {
		lapic_timer_expired(a, now);
	}
}

void lapic_timer_stop_locked(struct lapic *a)
{
	lapic_timer_stop(a);
	timer_del(a->timer);
}

void lapic_timer_import_locked(struct lapic *a, const struct x86_chip_lapic *s)
{
	uint32_t left = s->reg[LAPIC_REG_TMR_CUR];

	a->tmr_init = s->reg[LAPIC_REG_TMR_INIT];
	a->tmr_div = s->reg[LAPIC_REG_TMR_DIV] & 0x0b;
	a->tmr_start = a->tmr_period = a->tsc_deadline = 0;
	lapic_timer_stop(a);
	if (lapic_timer_mode(a) == LVT_DEADLINE) {
		a->tsc_deadline = s->tsc_deadline;
		if (a->tsc_deadline) {
			lapic_timer_deadline_check(a);
		}
		return;
	}
	if (!a->tmr_init || !left) {
		return;
	}
	lapic_timer_restart(a);
	lapic_timer_arm(a, a->tmr_start + ((uint64_t)MIN(left, a->tmr_init)
	                                   << lapic_timer_shift(a)));
}

int lapic_timer_init(struct lapic *a, struct err *e)
{
	a->timer = timer_new(a->set->loop, CLOCK_VM, lapic_timer_fire, a);
	return a->timer ? 0 : err_set(e, -ENOMEM, "out of memory for an APIC timer");
}
