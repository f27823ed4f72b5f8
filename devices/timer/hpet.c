/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hpet.c - high precision event timers (IA-PC HPET specification 1.0a): one 64-bit
 * counter at 100 MHz, three comparators, all periodic-capable, legacy replacement.
 *
 * Threads: registers on vCPU threads, comparators on the control loop; the device's
 * lock. The main counter is read without it: it depends on the clock and an offset.
 * Known gaps: no FSB (message) delivery. A period below HPET_MIN_NS is thinned out.
 */
#include "config.h"

#include "devices/timer/hpet.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/bytes.h"
#include "core/clock.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "devices/timer/pit.h"
#include "devices/timer/rtc.h"
#include "state/state.h"

enum {
	HPET_TIMERS = 3,
	HPET_GSIS = 24,
	HPET_TICK_NS = 10,
	HPET_MIN_NS = 50000,
	HPET_CAP = 0x000,
	HPET_CFG = 0x010,
	HPET_ISR = 0x020,
	HPET_COUNTER = 0x0f0,
	HPET_TIMER0 = 0x100,
	HPET_TIMER_STEP = 0x20,
	HPET_T_CFG = 0x00,
	HPET_T_CMP = 0x08,
};

#define HPET_CAP_VALUE  (UINT64_C(10000000) << 32 | HPET_BLOCK_ID)
#define HPET_CFG_ENABLE BIT64(0)
#define HPET_CFG_LEGACY BIT64(1)
#define HPET_T_LEVEL    BIT64(1)
#define HPET_T_ENABLE   BIT64(2)
#define HPET_T_PERIODIC BIT64(3)
#define HPET_T_SETVAL   BIT64(6)
#define HPET_T_32BIT    BIT64(8)
#define HPET_T_ROUTE(c) (((c) >> 9) & 31)
#define HPET_T_WRITABLE UINT64_C(0x3f4e)
/* Periodic and 64-bit capable; pins 8 and 16..23 (pin 2 is line 0, legacy mode only). */
#define HPET_T_CAPS (BIT64(4) | BIT64(5) | UINT64_C(0x00ff0100) << 32)

struct hpet_timer {
	uint64_t cfg, cmp, period;
	struct timer *t;
	struct hpet *hpet;
};

struct hpet {
	struct device dev;
	struct hpet_cfg cfg;
	struct irq gsi[HPET_GSIS];
	struct mr mr;
	_Atomic uint64_t config;
	_Atomic uint64_t
		offset; /* enabled: counter = ticks + offset; else the counter */
	uint64_t isr;
	struct hpet_timer timer[HPET_TIMERS];
};

static uint64_t hpet_counter(const struct hpet *h)
{
	uint64_t v = h->offset;

	return h->config & HPET_CFG_ENABLE ? clock_ns(CLOCK_VM) / HPET_TICK_NS + v : v;
}

/* Ticks from now to the comparator's match, in the timer's width. */
static uint64_t hpet_distance(const struct hpet_timer *t, uint64_t now)
{
	return t->cfg & HPET_T_32BIT ? (uint32_t)(t->cmp - now) : t->cmp - now;
}

static unsigned hpet_route(const struct hpet *h, unsigned n)
{
	if (h->config & HPET_CFG_LEGACY && n < 2) {
		return n ? 8 : 0;
	}
	return HPET_T_ROUTE(h->timer[n].cfg);
}

static void hpet_irq(struct hpet *h, unsigned n, bool fire)
{
	struct hpet_timer *t = &h->timer[n];
	unsigned gsi = hpet_route(h, n);
	const struct irq *irq = gsi < HPET_GSIS ? &h->gsi[gsi] : NULL;

	if (!fire) {
		if (t->cfg & HPET_T_LEVEL) {
			irq_set(irq, 0);
		}
		return;
	}
	if (t->cfg & HPET_T_LEVEL) {
		h->isr |= BIT(n);
		if (t->cfg & HPET_T_ENABLE) {
			irq_set(irq, 1);
		}
	} else if (t->cfg & HPET_T_ENABLE) {
		irq_set(irq, 1);
		irq_set(irq, 0);
	}
}

static void hpet_arm(struct hpet *h, unsigned n)
{
	struct hpet_timer *t = &h->timer[n];
	uint64_t d;

	if (!(h->config & HPET_CFG_ENABLE)) {
		timer_del(t->t);
		return;
	}
	d = hpet_distance(t, hpet_counter(h));
	/* A match centuries away is one that was just missed; it comes round, not now. */
	if (d > UINT64_MAX / (2 * HPET_TICK_NS)) {
		d = UINT64_MAX / (4 * HPET_TICK_NS);
	}
	timer_mod(t->t, clock_ns(CLOCK_VM) + d * HPET_TICK_NS);
}

static void hpet_fire(void *opaque)
{
	struct hpet_timer *t = opaque;
	struct hpet *h = t->hpet;
	unsigned n = (unsigned)(t - h->timer);
	uint64_t now, late, next;

	LOCK_SCOPE(&h->dev.lk);
	if (!(h->config & HPET_CFG_ENABLE)) {
		return;
	}
	now = hpet_counter(h);
	late = t->cfg & HPET_T_32BIT ? (uint32_t)(now - t->cmp) : now - t->cmp;
	if (late > UINT64_MAX / 2 || (t->cfg & HPET_T_32BIT && late > UINT32_MAX / 2)) {
		hpet_arm(h, n); /* was moved while we came here */
		return;
	}
	if (t->cfg & HPET_T_PERIODIC && t->period) {
		t->cmp += (late / t->period + 1) * t->period;
		if (t->cfg & HPET_T_32BIT) {
			t->cmp = (uint32_t)t->cmp;
		}
		next = hpet_distance(t, now) * HPET_TICK_NS;
		timer_mod(t->t, clock_ns(CLOCK_VM) + MAX(next, (uint64_t)HPET_MIN_NS));
	} else if (t->cfg & HPET_T_32BIT) {
		/* One-shot, 32 bits: matches again when the low half comes round. */
		timer_mod(t->t, clock_ns(CLOCK_VM) +
		                        ((UINT64_C(1) << 32) - late) * HPET_TICK_NS);
	}
	hpet_irq(h, n, true);
}

static void hpet_set_legacy(struct hpet *h, bool on)
{
	if (h->cfg.pit) {
		pit_irq_enable(h->cfg.pit, !on);
	}
	if (h->cfg.rtc) {
		rtc_irq_enable(h->cfg.rtc, !on);
	}
}

static void hpet_write_config(struct hpet *h, uint64_t val)
{
	uint64_t was = h->config;

	val &= HPET_CFG_ENABLE | HPET_CFG_LEGACY;
	if (!(was & HPET_CFG_ENABLE) && val & HPET_CFG_ENABLE) {
		h->offset -= clock_ns(CLOCK_VM) / HPET_TICK_NS;
	} else if (was & HPET_CFG_ENABLE && !(val & HPET_CFG_ENABLE)) {
		h->offset = hpet_counter(h);
	}
	h->config = val;
	for (unsigned n = 0; (was ^ val) & HPET_CFG_ENABLE && n < HPET_TIMERS; n++) {
		if (h->timer[n].cfg & HPET_T_ENABLE) {
			hpet_arm(h, n);
		}
	}
}

static void hpet_write_isr(struct hpet *h, uint64_t val)
{
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		if (val & h->isr & BIT(n)) {
			h->isr &= ~(uint64_t)BIT(n);
			hpet_irq(h, n, false);
		}
	}
}

static void hpet_write_timer_cfg(struct hpet *h, unsigned n, uint64_t val)
{
	struct hpet_timer *t = &h->timer[n];
	uint64_t was = t->cfg;

	/* A line that is up must not stay up on the old route. */
	if (h->isr & BIT(n)) {
		h->isr &= ~(uint64_t)BIT(n);
		hpet_irq(h, n, false);
	}
	t->cfg = HPET_T_CAPS | (val & HPET_T_WRITABLE);
	if (t->cfg & HPET_T_32BIT) {
		t->cmp = (uint32_t)t->cmp;
		t->period = (uint32_t)t->period;
	}
	if (t->cfg & HPET_T_ENABLE) {
		hpet_arm(h, n);
	} else if (was & HPET_T_ENABLE) {
		timer_del(t->t);
	}
}

static void hpet_write_timer_cmp(struct hpet *h, unsigned n, uint64_t val)
{
	struct hpet_timer *t = &h->timer[n];

	if (t->cfg & HPET_T_32BIT) {
		val = (uint32_t)val;
	}
	if (!(t->cfg & HPET_T_PERIODIC) || t->cfg & HPET_T_SETVAL) {
		t->cmp = val;
	}
	if (t->cfg & HPET_T_PERIODIC) {
		t->period = val;
	}
	t->cfg &= ~HPET_T_SETVAL;
	if (t->cfg & HPET_T_ENABLE) {
		hpet_arm(h, n);
	}
}

/* The 64-bit register at `off` (a multiple of 8). */
static uint64_t hpet_get(const struct hpet *h, uint64_t off)
{
	unsigned n = (unsigned)((off - HPET_TIMER0) / HPET_TIMER_STEP);

	switch (off) {
	case HPET_CAP: return HPET_CAP_VALUE;
	case HPET_CFG: return h->config;
	case HPET_ISR: return h->isr;
	case HPET_COUNTER: return hpet_counter(h);
	}
	if (off < HPET_TIMER0 || n >= HPET_TIMERS) {
		return 0;
	}
	switch (off % HPET_TIMER_STEP) {
	case HPET_T_CFG: return h->timer[n].cfg;
	case HPET_T_CMP: return h->timer[n].cmp;
	}
	return 0;
}

static void hpet_put(struct hpet *h, uint64_t off, uint64_t val)
{
	unsigned n = (unsigned)((off - HPET_TIMER0) / HPET_TIMER_STEP);

	switch (off) {
	case HPET_CFG: hpet_write_config(h, val); return;
	case HPET_COUNTER:
		if (!(h->config & HPET_CFG_ENABLE)) {
			h->offset = val;
		}
		return;
	}
	if (off < HPET_TIMER0 || n >= HPET_TIMERS) {
		return;
	}
	if (off % HPET_TIMER_STEP == HPET_T_CFG) {
		hpet_write_timer_cfg(h, n, val);
	} else if (off % HPET_TIMER_STEP == HPET_T_CMP) {
		hpet_write_timer_cmp(h, n, val);
	}
}

static uint64_t hpet_read(void *opaque, uint64_t off, unsigned size)
{
	struct hpet *h = opaque;
	uint64_t v;

	if ((off & ~UINT64_C(7)) == HPET_COUNTER) {
		v = hpet_counter(h);
	} else {
		LOCK_SCOPE(&h->dev.lk);
		v = hpet_get(h, off & ~UINT64_C(7));
	}
	v >>= 8 * (off & 7);
	return size == 8 ? v : (uint32_t)v;
}

static void hpet_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct hpet *h = opaque;
	uint64_t reg = off & ~UINT64_C(7), old;
	bool legacy_was, legacy;
	uint8_t raw[8];

	lk_acquire(&h->dev.lk);
	legacy_was = h->config & HPET_CFG_LEGACY;
	if (reg == HPET_ISR) { /* write 1 to clear: nothing to merge */
		hpet_write_isr(h, val << 8 * (off & 7));
	} else {
		old = hpet_get(h, reg);
		if (reg >= HPET_TIMER0 && reg % HPET_TIMER_STEP == HPET_T_CMP &&
		    size == 4 && !(off & 7)) {
			old = 0; /* a 32-bit driver writes only the low half */
		}
		st_le64(raw, old);
		st_le(raw + (off & 7), val, size);
		hpet_put(h, reg, ld_le64(raw));
	}
	legacy = h->config & HPET_CFG_LEGACY;
	lk_release(&h->dev.lk);
	/* Their locks have our rank. */
	if (legacy != legacy_was) {
		hpet_set_legacy(h, legacy);
	}
}

static const struct mr_ops hpet_ops = {
	.read = hpet_read,
	.write = hpet_write,
	.min = 4,
	.max = 8,
};

static void hpet_reset(struct device *d)
{
	struct hpet *h = container_of(d, struct hpet, dev);
	bool legacy;

	lk_acquire(&d->lk);
	legacy = h->config & HPET_CFG_LEGACY;
	hpet_write_isr(h, h->isr);
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		timer_del(h->timer[n].t);
		h->timer[n].cfg = HPET_T_CAPS;
		h->timer[n].cmp = UINT64_MAX;
		h->timer[n].period = 0;
	}
	h->config = 0;
	h->offset = 0;
	lk_release(&d->lk);
	if (legacy) {
		hpet_set_legacy(h, false);
	}
}

static int hpet_realize(struct device *d, struct err *e)
{
	struct hpet *h = container_of(d, struct hpet, dev);

	(void)e;
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		h->timer[n].hpet = h;
		h->timer[n].t =
			timer_new(d->vm->loop, CLOCK_VM, hpet_fire, &h->timer[n]);
	}
	mr_init_io(&h->mr, "hpet", 0x400, &hpet_ops, h, NULL);
	mr_add(&d->vm->mem_root, HPET_BASE, &h->mr, 10);
	hpet_reset(d);
	return 0;
}

static void hpet_unrealize(struct device *d)
{
	struct hpet *h = container_of(d, struct hpet, dev);

	mr_del(&h->mr);
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		timer_free(h->timer[n].t);
	}
}

static int hpet_post_load(struct device *d, struct err *e)
{
	struct hpet *h = container_of(d, struct hpet, dev);

	(void)e;
	lk_acquire(&d->lk);
	for (unsigned n = 0; n < HPET_TIMERS; n++) {
		h->timer[n].cfg = HPET_T_CAPS | (h->timer[n].cfg & HPET_T_WRITABLE);
		if (h->timer[n].cfg & HPET_T_ENABLE) {
			hpet_arm(h, n);
		}
		if (h->isr & BIT(n)) {
			hpet_irq(h, n, true);
		}
	}
	lk_release(&d->lk);
	hpet_set_legacy(h, h->config & HPET_CFG_LEGACY);
	return 0;
}

static const struct state_field hpet_timer_state[] = {
	STATE_FIELD(STATE_U64, struct hpet_timer, cfg),
	STATE_FIELD(STATE_U64, struct hpet_timer, cmp),
	STATE_FIELD(STATE_U64, struct hpet_timer, period),
	{ .name = NULL },
};

static const struct state_field hpet_state[] = {
	STATE_FIELD(STATE_U64, struct hpet, config),
	STATE_FIELD(STATE_U64, struct hpet, offset),
	STATE_FIELD(STATE_U64, struct hpet, isr),
	{ .name = "timer",
	  .type = STATE_STRUCT,
	  .offset = offsetof(struct hpet, timer),
	  .count = HPET_TIMERS,
	  .stride = sizeof(struct hpet_timer),
	  .sub = hpet_timer_state },
	{ .name = NULL },
};

static const struct device_class hpet_class = {
	.name = "hpet",
	.bus = "sys",
	.description = "high precision event timers",
	.category = "misc",
	.instance_size = sizeof(struct hpet),
	.internal = true,
	.state = hpet_state,
	.realize = hpet_realize,
	.unrealize = hpet_unrealize,
	.reset = hpet_reset,
	.post_load = hpet_post_load,
};

struct hpet *hpet_create(struct vm *vm, const struct hpet_cfg *cfg, struct err *e)
{
	struct device *d = device_new_own(vm, &hpet_class, e);
	struct hpet *h;

	if (!d) {
		return NULL;
	}
	h = container_of(d, struct hpet, dev);
	h->cfg = *cfg;
	for (unsigned i = 0; i < HPET_GSIS; i++) {
		h->gsi[i] = cfg->gsi[i];
	}
	return device_realize_own(d, NULL, e) ? h : NULL;
}
