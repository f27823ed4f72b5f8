/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pit.c - i8254 programmable interval timer (Intel 8254 data sheet, 1993) and the PC's
 * port 61 (gate and output of channel 2, refresh toggle).
 *
 * A channel's output is computed from the clock; only channel 0 has a timer, which
 * follows the output's edges onto the line.
 *
 * Threads: ports on vCPU threads, timer on the control loop; under the device's lock.
 * Known gaps: BCD counting is accepted and counts binary; no sound.
 */
#include "config.h"

#include "devices/timer/pit.h"

#include <errno.h>

#include "core/clock.h"
#include "core/cpu/x86-chips.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "state/state.h"

enum { PIT_CHANNELS = 3, PIT_SPEAKER = 2 };

/* Shortest distance of two edges that is kept exact; faster programs are thinned out. */
#define PIT_MIN_PERIOD_NS 20000u

struct pit_channel {
	uint32_t count;                   /* 1..65536 */
	uint8_t mode, rw;                 /* rw: 1 low, 2 high, 3 both */
	uint8_t write_low, latch_count_n; /* bytes of the latched count to be read */
	uint16_t latched;
	uint8_t status;
	bool status_latched, write_high, read_high, gate, bcd, null_count, loaded;
	uint64_t start; /* ns when the count was loaded */
};

struct pit {
	struct device dev;
	struct irq irq;
	bool irq_on, level;
	bool away; /* the accelerator's PIT has the state */
	struct timer *timer;
	struct pit_channel ch[PIT_CHANNELS];
	bool speaker_data;
	struct mr io, port61;
};

static uint64_t pit_ticks(uint64_t ns)
{
	return muldiv64(ns, PIT_HZ, NS_PER_S);
}

/* First nanosecond at which pit_ticks() is `t`. */
static uint64_t pit_ns(uint64_t t)
{
	return (uint64_t)(((unsigned __int128)t * NS_PER_S + PIT_HZ - 1) / PIT_HZ);
}

static uint64_t pit_elapsed(const struct pit_channel *c, uint64_t now)
{
	return now > c->start ? pit_ticks(now - c->start) : 0;
}

static uint16_t pit_counter(const struct pit_channel *c, uint64_t now)
{
	uint64_t t = pit_elapsed(c, now);
	uint32_t count = c->count;

	if (!c->loaded) {
		return 0;
	}
	switch (c->mode) {
	case 2: return (uint16_t)(count - t % count);
	case 3: /* counts by two, twice a period */
		return (uint16_t)((count - (2 * t) % count) & ~1u);
	default: return (uint16_t)(count - t); /* goes on below zero */
	}
}

static bool pit_output(const struct pit_channel *c, uint64_t now)
{
	uint64_t t;

	if (!c->loaded) {
		return c->mode != 0;
	}
	t = pit_elapsed(c, now);
	switch (c->mode) {
	case 0:
	case 1: return t >= c->count;
	case 2: return t % c->count != c->count - 1 || c->count == 1;
	case 3: return t % c->count < (c->count + 1) / 2;
	default: /* strobes: low for one tick */ return t != c->count;
	}
}

/* Time of the next edge of the output after `now`; 0 if there is none. */
static uint64_t pit_next_edge(const struct pit_channel *c, uint64_t now)
{
	uint64_t t = pit_elapsed(c, now), period, base, at, half;

	if (!c->loaded) {
		return 0;
	}
	switch (c->mode) {
	case 0:
	case 1: at = t < c->count ? c->count : 0; break;
	case 2:
	case 3:
		if (!c->gate) {
			return 0;
		}
		period = c->count;
		base = t - t % period;
		half = c->mode == 2 ? period - 1 : (period + 1) / 2;
		at = t - base < half ? base + half : base + period;
		break;
	default: at = t < c->count ? c->count : t == c->count ? t + 1 : 0;
	}
	return at ? c->start + pit_ns(at) : 0;
}

static void pit_drive(struct pit *p, bool level)
{
	p->level = level;
	if (p->irq_on) {
		irq_set(&p->irq, level);
	}
}

static void pit_update_irq(struct pit *p)
{
	struct pit_channel *c = &p->ch[0];
	uint64_t now = clock_ns(CLOCK_VM), next;

	pit_drive(p, pit_output(c, now));
	next = pit_next_edge(c, now);
	if (next) {
		timer_mod(p->timer, next);
	} else {
		timer_del(p->timer);
	}
}

static void pit_fire_locked(struct pit *p)
{
	struct pit_channel *c = &p->ch[0];
	uint64_t now = clock_ns(CLOCK_VM), next;
	uint64_t period = c->mode == 2 || c->mode == 3 ? pit_ns(c->count) : 0;

	if (p->ch[0].mode == 2 && c->loaded && c->gate) {
		/* The low part is one tick: no need to wake twice. Its end is the interrupt. */
		uint64_t t = pit_elapsed(c, now);
		uint64_t at = t - t % c->count + 2 * (uint64_t)c->count - 1;

		if (t % c->count != c->count - 1) {
			at -= c->count;
		}
		pit_drive(p, false);
		pit_drive(p, true);
		next = c->start + pit_ns(at);
	} else {
		pit_drive(p, pit_output(c, now));
		next = pit_next_edge(c, now);
	}
	if (!next) {
		return;
	}
	if (period && period < PIT_MIN_PERIOD_NS && next < now + PIT_MIN_PERIOD_NS) {
		next = now + PIT_MIN_PERIOD_NS;
	}
	timer_mod(p->timer, next);
}

static void pit_fire(void *opaque)
{
	struct pit *p = opaque;

	LOCK_SCOPE(&p->dev.lk);
	if (!p->away) {
		pit_fire_locked(p);
	}
}

static void pit_load(struct pit *p, unsigned n, uint32_t val)
{
	struct pit_channel *c = &p->ch[n];

	c->count = val ? val : 0x10000;
	c->loaded = true;
	c->null_count = false;
	c->start = clock_ns(CLOCK_VM);
	if (n == 0) {
		pit_update_irq(p);
	}
}

static void pit_latch_count(struct pit_channel *c)
{
	if (!c->latch_count_n) {
		c->latched = pit_counter(c, clock_ns(CLOCK_VM));
		c->latch_count_n = c->rw == 3 ? 2 : 1;
		c->read_high = false;
	}
}

static void pit_latch_status(struct pit_channel *c)
{
	if (!c->status_latched) {
		c->status = (uint8_t)(pit_output(c, clock_ns(CLOCK_VM)) << 7 |
		                      (c->null_count || !c->loaded) << 6 | c->rw << 4 |
		                      c->mode << 1 | c->bcd);
		c->status_latched = true;
	}
}

static void pit_control(struct pit *p, uint8_t val)
{
	unsigned n = val >> 6, rw = (val >> 4) & 3, mode = (val >> 1) & 7;
	struct pit_channel *c;

	if (n == 3) { /* read-back */
		for (n = 0; n < PIT_CHANNELS; n++) {
			if (!(val & BIT(n + 1))) {
				continue;
			}
			if (!(val & 0x20)) {
				pit_latch_count(&p->ch[n]);
			}
			if (!(val & 0x10)) {
				pit_latch_status(&p->ch[n]);
			}
		}
		return;
	}
	c = &p->ch[n];
	if (!rw) {
		pit_latch_count(c);
		return;
	}
	c->rw = (uint8_t)rw;
	c->mode = (uint8_t)(mode > 5 ? mode - 4 : mode); /* 6, 7 are 2, 3 */
	c->bcd = val & 1;
	c->write_high = c->read_high = c->status_latched = c->loaded = false;
	c->latch_count_n = 0;
	c->null_count = true;
	if (n == 0) {
		pit_update_irq(p);
	}
}

static void pit_write_count(struct pit *p, unsigned n, uint8_t val)
{
	struct pit_channel *c = &p->ch[n];

	switch (c->rw) {
	case 1: pit_load(p, n, val); break;
	case 2: pit_load(p, n, (uint32_t)val << 8); break;
	case 3:
		if (!c->write_high) {
			c->write_low = val;
			c->write_high = true;
			if (c->mode == 0) { /* the first byte stops the count */
				c->loaded = false;
				c->null_count = true;
				if (n == 0) {
					pit_update_irq(p);
				}
			}
		} else {
			c->write_high = false;
			pit_load(p, n, c->write_low | (uint32_t)val << 8);
		}
		break;
	}
}

static uint8_t pit_read_count(struct pit_channel *c)
{
	uint16_t v;
	bool high;

	if (c->status_latched) {
		c->status_latched = false;
		return c->status;
	}
	if (c->latch_count_n) {
		v = c->latched;
		high = c->rw == 2 || (c->rw == 3 && c->latch_count_n == 1);
		c->latch_count_n--;
		return (uint8_t)(high ? v >> 8 : v);
	}
	v = pit_counter(c, clock_ns(CLOCK_VM));
	high = c->rw == 2 || (c->rw == 3 && c->read_high);
	if (c->rw == 3) {
		c->read_high = !c->read_high;
	}
	return (uint8_t)(high ? v >> 8 : v);
}

static uint64_t pit_io_read(void *opaque, uint64_t off, unsigned size)
{
	struct pit *p = opaque;

	(void)size;
	return off < PIT_CHANNELS ? pit_read_count(&p->ch[off]) : 0xff;
}

static void pit_io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pit *p = opaque;

	(void)size;
	if (off == 3) {
		pit_control(p, (uint8_t)val);
	} else {
		pit_write_count(p, (unsigned)off, (uint8_t)val);
	}
}

/* Port 61: bit 0 gate 2, 1 speaker, 4 refresh (toggles every 15 us), 5 output 2. */
static uint64_t pit_port61_read(void *opaque, uint64_t off, unsigned size)
{
	struct pit *p = opaque;
	uint64_t now = clock_ns(CLOCK_VM);
	const struct pit_channel *c = &p->ch[PIT_SPEAKER];

	(void)off;
	(void)size;
	return (uint64_t)c->gate | (uint64_t)p->speaker_data << 1 |
	       (now / 15085 & 1) << 4 | (uint64_t)pit_output(c, now) << 5;
}

static void pit_port61_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pit *p = opaque;
	struct pit_channel *c = &p->ch[PIT_SPEAKER];
	bool gate = val & 1;

	(void)off;
	(void)size;
	p->speaker_data = val & 2;
	/* A rising gate restarts the modes it triggers. */
	if (gate && !c->gate &&
	    (c->mode == 1 || c->mode == 2 || c->mode == 3 || c->mode == 5)) {
		c->start = clock_ns(CLOCK_VM);
	}
	c->gate = gate;
}

static const struct mr_ops pit_ops = {
	.read = pit_io_read,
	.write = pit_io_write,
	.min = 1,
	.max = 1,
	.split = true,
};
static const struct mr_ops pit_port61_ops = {
	.read = pit_port61_read,
	.write = pit_port61_write,
	.min = 1,
	.max = 1,
};

void pit_irq_enable(struct pit *p, bool on)
{
	LOCK_SCOPE(&p->dev.lk);
	if (on == p->irq_on) {
		return;
	}
	if (p->away) {
		p->irq_on = on;
		p->dev.vm->hv_chips->pit_irq_enable(p->dev.vm, on);
		return;
	}
	if (!on) {
		irq_lower(&p->irq);
	}
	p->irq_on = on;
	if (on) {
		irq_set(&p->irq, p->level);
	}
}

static void pit_reset(struct device *d)
{
	struct pit *p = container_of(d, struct pit, dev);

	LOCK_SCOPE(&d->lk);
	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		p->ch[i] = (struct pit_channel){
			.count = 0x10000,
			.mode = 3,
			.rw = 3,
			.gate = i != PIT_SPEAKER,
		};
	}
	p->speaker_data = false;
	p->irq_on = true;
	timer_del(p->timer);
	pit_drive(p, false);
}

/* ---- the state leaves, and comes ---- */

static void pit_channel_get(const struct pit_channel *c, struct x86_chip_pit_channel *s,
                            uint64_t now)
{
	*s = (struct x86_chip_pit_channel){
		.count = c->count,
		.mode = c->mode,
		.rw = c->rw,
		.gate = c->gate,
		.bcd = c->bcd,
		.loaded = c->loaded,
		.fresh = !c->loaded && !c->null_count,
		.ticks = pit_elapsed(c, now),
		.ticks_known = true,
		.write_low = c->write_low,
		.write_high = c->write_high,
		.read_high = c->read_high,
		.latch_n = c->latch_count_n,
		.latched = c->latched,
		.status_latched = c->status_latched,
		.status = c->status,
	};
}

static void pit_channel_set(struct pit_channel *c, const struct x86_chip_pit_channel *s,
                            uint64_t now)
{
	uint64_t ago = s->ticks_known ? pit_ns(MIN(s->ticks, UINT64_C(1) << 40)) : 0;

	*c = (struct pit_channel){
		.count = s->count && s->count <= 0x10000 ? s->count : 0x10000,
		.mode = s->mode < 5 ? s->mode : 5,
		.rw = s->rw & 3,
		.gate = s->gate,
		.bcd = s->bcd,
		.loaded = s->loaded,
		.null_count = !s->loaded && !s->fresh,
		.start = now > ago ? now - ago : 0,
		.write_low = s->write_low,
		.write_high = s->write_high,
		.read_high = s->read_high,
		.latch_count_n = s->latch_n < 2 ? s->latch_n : 2,
		.latched = s->latched,
		.status_latched = s->status_latched,
		.status = s->status,
	};
}

static void pit_chip_get(void *pit, struct x86_chip_pit *s)
{
	struct pit *p = pit;
	uint64_t now = clock_ns(CLOCK_VM);

	LOCK_SCOPE(&p->dev.lk);
	if (timer_pending(p->timer) && timer_expire_ns(p->timer) <= now) {
		pit_fire_locked(p); /* an edge is due */
	}
	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		pit_channel_get(&p->ch[i], &s->ch[i], now);
	}
	s->speaker_data = p->speaker_data;
	s->irq_off = !p->irq_on;
	timer_del(p->timer);
	pit_drive(p, false);
	p->away = true;
}

static void pit_chip_set(void *pit, const struct x86_chip_pit *s,
                         const struct irq *quiet)
{
	struct pit *p = pit;
	uint64_t now = clock_ns(CLOCK_VM), next;

	LOCK_SCOPE(&p->dev.lk);
	for (unsigned i = 0; i < PIT_CHANNELS; i++) {
		pit_channel_set(&p->ch[i], &s->ch[i], now);
	}
	p->speaker_data = s->speaker_data;
	p->irq_on = !s->irq_off;
	p->away = false;
	p->level = pit_output(&p->ch[0], now);
	if (p->irq_on) {
		irq_set(quiet, p->level);
	}
	next = pit_next_edge(&p->ch[0], now);
	if (next) {
		timer_mod(p->timer, next);
	} else {
		timer_del(p->timer);
	}
}

static void pit_chip_come_back(void *pit)
{
	struct pit *p = pit;

	LOCK_SCOPE(&p->dev.lk);
	p->away = false;
}

const struct x86_pit_ops pit_chip_ops = {
	.get = pit_chip_get,
	.set = pit_chip_set,
	.come_back = pit_chip_come_back,
};

static int pit_realize(struct device *d, struct err *e)
{
	struct pit *p = container_of(d, struct pit, dev);

	p->timer = timer_new(d->vm->loop, CLOCK_VM, pit_fire, p);
	if (!p->timer) {
		return err_set(e, -ENOMEM, "out of memory for the PIT's timer");
	}
	mr_init_io(&p->io, "pit", 4, &pit_ops, p, &d->lk);
	mr_init_io(&p->port61, "port61", 1, &pit_port61_ops, p, &d->lk);
	mr_add(&d->vm->io_root, 0x40, &p->io, 0);
	mr_add(&d->vm->io_root, 0x61, &p->port61, 0);
	pit_reset(d);
	return 0;
}

static void pit_unrealize(struct device *d)
{
	struct pit *p = container_of(d, struct pit, dev);

	mr_del(&p->io);
	mr_del(&p->port61);
	timer_free(p->timer);
}

static int pit_post_load(struct device *d, struct err *e)
{
	struct pit *p = container_of(d, struct pit, dev);

	(void)e;
	LOCK_SCOPE(&d->lk);
	pit_update_irq(p);
	return 0;
}

static const struct state_field pit_channel_state[] = {
	STATE_RANGE(STATE_U32, struct pit_channel, count, 1, 0x10000),
	STATE_RANGE(STATE_U8, struct pit_channel, mode, 0, 5),
	STATE_RANGE(STATE_U8, struct pit_channel, rw, 0, 3),
	STATE_FIELD(STATE_U8, struct pit_channel, write_low),
	STATE_RANGE(STATE_U8, struct pit_channel, latch_count_n, 0, 2),
	STATE_FIELD(STATE_U16, struct pit_channel, latched),
	STATE_FIELD(STATE_U8, struct pit_channel, status),
	STATE_FIELD(STATE_BOOL, struct pit_channel, status_latched),
	STATE_FIELD(STATE_BOOL, struct pit_channel, write_high),
	STATE_FIELD(STATE_BOOL, struct pit_channel, read_high),
	STATE_FIELD(STATE_BOOL, struct pit_channel, gate),
	STATE_FIELD(STATE_BOOL, struct pit_channel, bcd),
	STATE_FIELD(STATE_BOOL, struct pit_channel, null_count),
	STATE_FIELD(STATE_BOOL, struct pit_channel, loaded),
	STATE_FIELD(STATE_U64, struct pit_channel, start),
	{ .name = NULL },
};

static const struct state_field pit_state[] = {
	STATE_FIELD(STATE_BOOL, struct pit, irq_on),
	STATE_FIELD(STATE_BOOL, struct pit, speaker_data),
	{ .name = "ch",
	  .type = STATE_STRUCT,
	  .offset = offsetof(struct pit, ch),
	  .count = PIT_CHANNELS,
	  .stride = sizeof(struct pit_channel),
	  .sub = pit_channel_state },
	{ .name = NULL },
};

static const struct device_class pit_class = {
	.name = "i8254",
	.bus = "sys",
	.description = "programmable interval timer",
	.category = "misc",
	.instance_size = sizeof(struct pit),
	.internal = true,
	.state = pit_state,
	.realize = pit_realize,
	.unrealize = pit_unrealize,
	.reset = pit_reset,
	.post_load = pit_post_load,
};

struct pit *pit_create(struct vm *vm, const struct irq *irq, struct err *e)
{
	struct device *d = device_new_own(vm, &pit_class, e);
	struct pit *p;

	if (!d) {
		return NULL;
	}
	p = container_of(d, struct pit, dev);
	p->irq = *irq;
	return device_realize_own(d, NULL, e) ? p : NULL;
}
