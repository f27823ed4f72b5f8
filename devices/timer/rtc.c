/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rtc.c - MC146818A real-time clock (Motorola data sheet, 1984) with 128 bytes of CMOS
 * RAM, and the century at 0x32.
 *
 * The guest's time is the host's plus an offset that moves when the guest sets the
 * clock; registers are computed when read. While SET is on the registers are plain bytes.
 * Flags UF and PF are worked out when register C is read; a timer runs only while
 * the guest has an interrupt enabled.
 *
 * Threads: ports on vCPU threads, timers on the control loop; under the device's lock.
 * Known gaps: no daylight saving, no square wave; lost periodic ticks are not re-injected.
 */
#include "config.h"

#include "devices/timer/rtc.h"

#include <errno.h>
#include <time.h>

#include "core/clock.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "state/state.h"

enum {
	RTC_SEC = 0,
	RTC_SEC_ALARM = 1,
	RTC_MIN = 2,
	RTC_MIN_ALARM = 3,
	RTC_HOUR = 4,
	RTC_HOUR_ALARM = 5,
	RTC_WDAY = 6,
	RTC_MDAY = 7,
	RTC_MONTH = 8,
	RTC_YEAR = 9,
	RTC_A = 10,
	RTC_B = 11,
	RTC_C = 12,
	RTC_D = 13,
	RTC_CENTURY = 0x32,
	RTC_SIZE = 128,
};

#define RTC_A_UIP  0x80
#define RTC_B_SET  0x80
#define RTC_B_PIE  0x40
#define RTC_B_AIE  0x20
#define RTC_B_UIE  0x10
#define RTC_B_BIN  0x04
#define RTC_B_24H  0x02
#define RTC_C_IRQF 0x80
#define RTC_C_PF   0x40
#define RTC_C_AF   0x20
#define RTC_C_UF   0x10
#define RTC_PM     0x80

#define RTC_UIP_NS 244000u
/* Flags of more missed seconds than these are not worked out one by one. */
enum { RTC_CATCH_UP_MAX = 120 };

struct rtc {
	struct device dev;
	struct rtc_cfg cfg;
	enum clock_id clk;
	struct timer *periodic, *second;
	struct mr io;
	uint8_t index, cmos[RTC_SIZE];
	bool irq_on;
	uint64_t offset_ns; /* guest time = clock + offset, modulo 2^64 */
	uint64_t last_sec;  /* flags are up to date to here */
	uint64_t last_tick; /* periodic: ticks of the rate */
};

struct rtc_time {
	unsigned sec, min, hour, mday, month, year, wday;
};

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. */
static int64_t rtc_days(int64_t y, unsigned m, unsigned d)
{
	int64_t era, yoe, doy;

	y -= m <= 2;
	era = y / 400;
	yoe = y - era * 400;
	doy = (153 * (int64_t)(m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void rtc_split(uint64_t sec, struct rtc_time *t)
{
	uint64_t z = sec / 86400 + 719468, era = z / 146097, doe = z % 146097;
	uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100),
		 mp = (5 * doy + 2) / 153;

	t->sec = sec % 60;
	t->min = sec / 60 % 60;
	t->hour = sec / 3600 % 24;
	t->wday = (sec / 86400 + 4) % 7 + 1; /* 1 = Sunday */
	t->mday = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
	t->month = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
	t->year = (unsigned)(yoe + era * 400 + (t->month <= 2));
}

static uint64_t rtc_now_ns(const struct rtc *r)
{
	return clock_ns(r->clk) + r->offset_ns;
}

static uint8_t rtc_enc(const struct rtc *r, unsigned v)
{
	return (uint8_t)(r->cmos[RTC_B] & RTC_B_BIN ? v : (v / 10 % 10) << 4 | v % 10);
}

static unsigned rtc_dec(const struct rtc *r, uint8_t v)
{
	return r->cmos[RTC_B] & RTC_B_BIN ? v : (unsigned)(v >> 4) * 10 + (v & 15);
}

static unsigned rtc_dec_hour(const struct rtc *r, uint8_t v)
{
	unsigned h;

	if (r->cmos[RTC_B] & RTC_B_24H) {
		return rtc_dec(r, v) % 24;
	}
	h = rtc_dec(r, v & 0x7f) % 12;
	return v & RTC_PM ? h + 12 : h;
}

/* Time -> registers. */
static void rtc_refresh(struct rtc *r)
{
	struct rtc_time t;

	if (r->cmos[RTC_B] & RTC_B_SET) {
		return;
	}
	rtc_split(rtc_now_ns(r) / NS_PER_S, &t);
	r->cmos[RTC_SEC] = rtc_enc(r, t.sec);
	r->cmos[RTC_MIN] = rtc_enc(r, t.min);
	if (r->cmos[RTC_B] & RTC_B_24H) {
		r->cmos[RTC_HOUR] = rtc_enc(r, t.hour);
	} else {
		r->cmos[RTC_HOUR] = rtc_enc(r, t.hour % 12 ? t.hour % 12 : 12) |
		                    (t.hour >= 12 ? RTC_PM : 0);
	}
	r->cmos[RTC_WDAY] = rtc_enc(r, t.wday);
	r->cmos[RTC_MDAY] = rtc_enc(r, t.mday);
	r->cmos[RTC_MONTH] = rtc_enc(r, t.month);
	r->cmos[RTC_YEAR] = rtc_enc(r, t.year % 100);
	r->cmos[RTC_CENTURY] = rtc_enc(r, t.year / 100);
}

/* Registers -> time. Whatever the guest put there gives some time. */
static void rtc_commit(struct rtc *r)
{
	unsigned month = rtc_dec(r, r->cmos[RTC_MONTH]) % 13;
	unsigned mday = rtc_dec(r, r->cmos[RTC_MDAY]) % 32;
	unsigned cent = rtc_dec(r, r->cmos[RTC_CENTURY]) % 100;
	unsigned year = cent * 100 + rtc_dec(r, r->cmos[RTC_YEAR]) % 100;
	int64_t s;

	s = rtc_days(year < 1970 ? 1970 : year, month ? month : 1, mday ? mday : 1) *
	    86400;
	s += rtc_dec_hour(r, r->cmos[RTC_HOUR]) * 3600;
	s += rtc_dec(r, r->cmos[RTC_MIN]) % 60 * 60 + rtc_dec(r, r->cmos[RTC_SEC]) % 60;
	/* The next update comes half a second after the divider starts. */
	r->offset_ns = (uint64_t)s * NS_PER_S + NS_PER_S / 2 - clock_ns(r->clk);
	r->last_sec = (uint64_t)s;
}

static uint64_t rtc_period_ns(const struct rtc *r, uint64_t *hz)
{
	unsigned rs = r->cmos[RTC_A] & 15;

	if (!rs) {
		return 0;
	}
	*hz = rs <= 2 ? 256u >> (rs - 1) : 65536u >> rs;
	return NS_PER_S / *hz;
}

static bool rtc_alarm_is(const struct rtc *r, uint64_t sec)
{
	struct rtc_time t;
	uint8_t s = r->cmos[RTC_SEC_ALARM], m = r->cmos[RTC_MIN_ALARM];
	uint8_t h = r->cmos[RTC_HOUR_ALARM];

	rtc_split(sec, &t);
	return (s >= 0xc0 || rtc_dec(r, s) == t.sec) &&
	       (m >= 0xc0 || rtc_dec(r, m) == t.min) &&
	       (h >= 0xc0 || rtc_dec_hour(r, h) == t.hour);
}

/* Brings the flags up to now and drives the line. */
static void rtc_update_flags(struct rtc *r)
{
	uint64_t now = rtc_now_ns(r) / NS_PER_S, hz, period = rtc_period_ns(r, &hz);
	uint8_t b = r->cmos[RTC_B], c = r->cmos[RTC_C];

	if (!(b & RTC_B_SET) && now != r->last_sec) {
		uint64_t from =
			now > r->last_sec + RTC_CATCH_UP_MAX || now < r->last_sec
				? now - 1
				: r->last_sec;

		c |= RTC_C_UF;
		for (uint64_t s = from + 1; s <= now; s++) {
			if (rtc_alarm_is(r, s)) {
				c |= RTC_C_AF;
			}
		}
		r->last_sec = now;
	}
	if (period) {
		uint64_t tick = muldiv64(clock_ns(CLOCK_VM), (uint32_t)hz, NS_PER_S);

		if (tick != r->last_tick) {
			c |= RTC_C_PF;
			r->last_tick = tick;
		}
	}
	c &= (uint8_t)~RTC_C_IRQF;
	if (c & b & (RTC_C_PF | RTC_C_AF | RTC_C_UF)) {
		c |= RTC_C_IRQF;
	}
	r->cmos[RTC_C] = c;
	irq_set(&r->cfg.irq, r->irq_on && (c & RTC_C_IRQF));
}

static void rtc_arm(struct rtc *r)
{
	uint64_t hz, period = rtc_period_ns(r, &hz), now;

	if (period && (r->cmos[RTC_B] & RTC_B_PIE)) {
		now = muldiv64(clock_ns(CLOCK_VM), (uint32_t)hz, NS_PER_S) + 1;
		timer_mod(
			r->periodic,
			(uint64_t)(((unsigned __int128)now * NS_PER_S + hz - 1) / hz));
	} else {
		timer_del(r->periodic);
	}
	if ((r->cmos[RTC_B] & (RTC_B_UIE | RTC_B_AIE)) &&
	    !(r->cmos[RTC_B] & RTC_B_SET)) {
		now = rtc_now_ns(r);
		timer_mod(r->second, clock_ns(r->clk) + NS_PER_S - now % NS_PER_S);
	} else {
		timer_del(r->second);
	}
}

static void rtc_fire(void *opaque)
{
	struct rtc *r = opaque;

	LOCK_SCOPE(&r->dev.lk);
	rtc_update_flags(r);
	rtc_arm(r);
}

static void rtc_write_b(struct rtc *r, uint8_t val)
{
	uint8_t was = r->cmos[RTC_B];

	rtc_refresh(r); /* registers freeze at the present time */
	if (val & RTC_B_SET) {
		val &= (uint8_t)~RTC_B_UIE;
	}
	if ((was & RTC_B_SET) && !(val & RTC_B_SET)) {
		/* The format of the new value holds for the registers set meanwhile. */
		r->cmos[RTC_B] = val;
		rtc_commit(r);
	}
	r->cmos[RTC_B] = val;
	rtc_update_flags(r);
	rtc_arm(r);
}

static void rtc_write_reg(struct rtc *r, unsigned i, uint8_t val)
{
	switch (i) {
	case RTC_SEC:
	case RTC_MIN:
	case RTC_HOUR:
	case RTC_WDAY:
	case RTC_MDAY:
	case RTC_MONTH:
	case RTC_YEAR:
	case RTC_CENTURY:
		rtc_refresh(r);
		r->cmos[i] = val;
		if (!(r->cmos[RTC_B] & RTC_B_SET)) {
			rtc_commit(r);
			rtc_arm(r);
		}
		break;
	case RTC_A:
		r->cmos[RTC_A] = val & (uint8_t)~RTC_A_UIP;
		rtc_arm(r);
		break;
	case RTC_B: rtc_write_b(r, val); break;
	case RTC_C:
	case RTC_D: break;
	default: r->cmos[i] = val;
	}
}

static uint8_t rtc_read_reg(struct rtc *r, unsigned i)
{
	uint8_t v;

	switch (i) {
	case RTC_A:
		v = r->cmos[RTC_A];
		if (!(r->cmos[RTC_B] & RTC_B_SET) &&
		    rtc_now_ns(r) % NS_PER_S >= NS_PER_S - RTC_UIP_NS) {
			v |= RTC_A_UIP;
		}
		return v;
	case RTC_C:
		rtc_update_flags(r);
		v = r->cmos[RTC_C];
		r->cmos[RTC_C] = 0;
		irq_lower(&r->cfg.irq);
		return v;
	case RTC_D: return 0x80; /* battery good */
	default:
		if (i < RTC_A || i == RTC_CENTURY) {
			rtc_refresh(r);
		}
		return r->cmos[i];
	}
}

static uint64_t rtc_io_read(void *opaque, uint64_t off, unsigned size)
{
	struct rtc *r = opaque;

	(void)size;
	return off ? rtc_read_reg(r, r->index) : 0xff;
}

static void rtc_io_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct rtc *r = opaque;

	(void)size;
	if (off) {
		rtc_write_reg(r, r->index, (uint8_t)val);
	} else {
		r->index = val & (RTC_SIZE - 1);
	}
}

static const struct mr_ops rtc_ops = {
	.read = rtc_io_read,
	.write = rtc_io_write,
	.min = 1,
	.max = 1,
	.split = true,
};

void rtc_set_cmos(struct rtc *r, unsigned index, uint8_t val)
{
	if (index > RTC_D && index < RTC_SIZE && index != RTC_CENTURY) {
		LOCK_SCOPE(&r->dev.lk);
		r->cmos[index] = val;
	}
}

uint8_t rtc_get_cmos(struct rtc *r, unsigned index)
{
	LOCK_SCOPE(&r->dev.lk);
	return r->cmos[index & (RTC_SIZE - 1)];
}

static void rtc_set16(struct rtc *r, unsigned index, uint64_t v, uint64_t max)
{
	v = v > max ? max : v;
	rtc_set_cmos(r, index, (uint8_t)v);
	rtc_set_cmos(r, index + 1, (uint8_t)(v >> 8));
}

void rtc_set_memory(struct rtc *r, uint64_t below_4g, uint64_t above_4g)
{
	const uint64_t mib = UINT64_C(1) << 20;
	uint64_t ext = below_4g > mib ? (below_4g - mib) >> 10 : 0;

	rtc_set16(r, 0x15, 640, 640);
	rtc_set16(r, 0x17, ext, 65535);
	rtc_set16(r, 0x30, ext, 65535);
	rtc_set16(r, 0x34, below_4g > 16 * mib ? (below_4g - 16 * mib) >> 16 : 0,
	          65535);
	rtc_set16(r, 0x5b, above_4g >> 16, 0xffffff);
	rtc_set_cmos(r, 0x5d, (uint8_t)(above_4g >> 32));
}

void rtc_irq_enable(struct rtc *r, bool on)
{
	LOCK_SCOPE(&r->dev.lk);
	r->irq_on = on;
	irq_set(&r->cfg.irq, on && (r->cmos[RTC_C] & RTC_C_IRQF));
}

static void rtc_reset(struct device *d)
{
	struct rtc *r = container_of(d, struct rtc, dev);

	LOCK_SCOPE(&d->lk);
	r->cmos[RTC_B] &= (uint8_t) ~(RTC_B_PIE | RTC_B_AIE | RTC_B_UIE | 0x08);
	r->cmos[RTC_C] = 0;
	r->index = 0;
	r->irq_on = true;
	rtc_arm(r);
	irq_lower(&r->cfg.irq);
}

static int64_t rtc_start_s(const struct rtc_cfg *cfg)
{
	time_t t = (time_t)(clock_ns(CLOCK_HOST) / NS_PER_S);
	struct tm tm;

	if (cfg->base_s != INT64_MIN) {
		return cfg->base_s;
	}
	if (cfg->localtime && localtime_r(&t, &tm)) {
		return t + tm.tm_gmtoff;
	}
	return t;
}

static int rtc_realize(struct device *d, struct err *e)
{
	struct rtc *r = container_of(d, struct rtc, dev);
	uint64_t frac = clock_ns(CLOCK_HOST) % NS_PER_S;

	r->clk = r->cfg.vm_clock ? CLOCK_VM : CLOCK_HOST;
	r->periodic = timer_new(d->vm->loop, CLOCK_VM, rtc_fire, r);
	r->second = timer_new(d->vm->loop, r->clk, rtc_fire, r);
	if (!r->periodic || !r->second) {
		timer_free(r->periodic);
		timer_free(r->second);
		return err_set(e, -ENOMEM, "out of memory for the clock's timers");
	}
	if (r->cfg.base_s != INT64_MIN) {
		frac = 0;
	}
	r->offset_ns =
		(uint64_t)rtc_start_s(&r->cfg) * NS_PER_S + frac - clock_ns(r->clk);
	r->last_sec = rtc_now_ns(r) / NS_PER_S;
	r->cmos[RTC_A] = 0x26;
	r->cmos[RTC_B] = RTC_B_24H;
	mr_init_io(&r->io, "rtc", 2, &rtc_ops, r, &d->lk);
	r->io.batch = 1; /* the index */
	mr_add(&d->vm->io_root, 0x70, &r->io, 0);
	rtc_reset(d);
	return 0;
}

static void rtc_unrealize(struct device *d)
{
	struct rtc *r = container_of(d, struct rtc, dev);

	mr_del(&r->io);
	timer_free(r->periodic);
	timer_free(r->second);
}

static int rtc_post_load(struct device *d, struct err *e)
{
	struct rtc *r = container_of(d, struct rtc, dev);

	(void)e;
	LOCK_SCOPE(&d->lk);
	rtc_update_flags(r);
	rtc_arm(r);
	return 0;
}

static const struct state_field rtc_state[] = {
	STATE_RANGE(STATE_U8, struct rtc, index, 0, RTC_SIZE - 1),
	{ .name = "cmos",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct rtc, cmos),
	  .count = RTC_SIZE },
	STATE_FIELD(STATE_BOOL, struct rtc, irq_on),
	STATE_FIELD(STATE_U64, struct rtc, offset_ns),
	STATE_FIELD(STATE_U64, struct rtc, last_sec),
	STATE_FIELD(STATE_U64, struct rtc, last_tick),
	{ .name = NULL },
};

static const struct device_class rtc_class = {
	.name = "mc146818rtc",
	.bus = "sys",
	.description = "real-time clock and CMOS RAM",
	.category = "misc",
	.instance_size = sizeof(struct rtc),
	.internal = true,
	.state = rtc_state,
	.realize = rtc_realize,
	.unrealize = rtc_unrealize,
	.reset = rtc_reset,
	.post_load = rtc_post_load,
};

struct rtc *rtc_create(struct vm *vm, const struct rtc_cfg *cfg, struct err *e)
{
	struct device *d = device_new_own(vm, &rtc_class, e);
	struct rtc *r;

	if (!d) {
		return NULL;
	}
	r = container_of(d, struct rtc, dev);
	r->cfg = *cfg;
	return device_realize_own(d, NULL, e) ? r : NULL;
}
