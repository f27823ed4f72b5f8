/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty.c - QMP: how fast the guest writes to its memory (qmp/schema/dirty.json).
 *
 * A measurement begins with calc-dirty-rate and ends with a timer on the control loop.
 * dirty-bitmap and dirty-ring use the dirty log (core/dirty.h); page-sampling compares
 * hashes of randomly chosen pages and slows the guest down by nothing.
 *
 * Threads: control.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/opt.h"
#include "core/clock.h"
#include "core/dirty.h"
#include "core/loop.h"
#include "core/vm.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"

/* ORDER: qmp/schema/dirty.json */
enum { RATE_UNSTARTED, RATE_MEASURING, RATE_MEASURED };
enum { RATE_SAMPLING, RATE_RING, RATE_BITMAP };
enum { RATE_SECOND, RATE_MILLISECOND };

enum {
	RATE_MIN_MS = 50,
	RATE_MAX_MS = 60000,
	RATE_SAMPLES_MIN = 128,
	RATE_SAMPLES_MAX = 4096,
	RATE_SAMPLES = 512,
	RATE_PAGE = 4096
};

struct rate_sample {
	const uint8_t *host;
	uint64_t hash;
};

static struct {
	int status, mode;
	uint64_t start_s, calc_ms, began_ns;
	unsigned per_gib;
	uint64_t rate;
	struct timer *timer;
	struct vm *vm;
	struct dirty_log log;
	struct { /* dirty-ring */
		unsigned n;
		uint64_t *before, *rate;
	} vcpu;
	struct { /* page-sampling */
		struct rate_sample *s;
		uint64_t n, pages;
	} sample;
} rate;

/* ---- page-sampling ---- */

static uint64_t rate_hash(const uint8_t *p)
{
	uint64_t h = 0;

	for (unsigned i = 0; i < RATE_PAGE; i += 8) {
		h = (h ^ ld_le64(p + i)) * UINT64_C(0x9e3779b97f4a7c15);
		h ^= h >> 29;
	}
	return h;
}

static void rate_sample_range(const struct flat_range *r, uint64_t *seed)
{
	uint64_t pages = r->size / RATE_PAGE;
	uint64_t n = (r->size * rate.per_gib) >> 30;

	rate.sample.pages += pages;
	n = MIN(MAX(n, (uint64_t)1), pages);
	for (uint64_t i = 0; i < n; i++) {
		struct rate_sample *s = &rate.sample.s[rate.sample.n++];

		*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		s->host = r->host + (*seed >> 16) % pages * RATE_PAGE;
		s->hash = rate_hash(s->host);
	}
}

static bool rate_samples(const struct flat_range *r)
{
	return r->host && !r->readonly && r->size >= RATE_PAGE;
}

/* RAM blocks stay mapped; none is unplugged while a measurement runs (control thread). */
static int rate_begin_sampling(struct err *e)
{
	const struct flat *f = aspace_enter(&rate.vm->mem);
	uint64_t n = 0, seed = clock_ns(CLOCK_RT);

	for (unsigned i = 0; i < f->n; i++) {
		n += rate_samples(&f->r[i]) ? ((f->r[i].size * rate.per_gib) >> 30) + 1
		                            : 0;
	}
	rate.sample.n = rate.sample.pages = 0;
	rate.sample.s = calloc(n + 1, sizeof(*rate.sample.s));
	for (unsigned i = 0; rate.sample.s && i < f->n; i++) {
		if (rate_samples(&f->r[i])) {
			rate_sample_range(&f->r[i], &seed);
		}
	}
	aspace_leave(&rate.vm->mem);
	return rate.sample.s ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static uint64_t rate_end_sampling(void)
{
	uint64_t changed = 0;

	for (uint64_t i = 0; i < rate.sample.n; i++) {
		changed += rate_hash(rate.sample.s[i].host) != rate.sample.s[i].hash;
	}
	free(rate.sample.s);
	rate.sample.s = NULL;
	return rate.sample.n ? changed * rate.sample.pages / rate.sample.n : 0;
}

/* ---- all modes ---- */

static uint64_t rate_of(uint64_t pages, uint64_t ns)
{
	return (uint64_t)((double)pages * RATE_PAGE / (1 << 20) /
	                  ((double)MAX(ns, 1u) / 1e9));
}

static void rate_end(void *opaque)
{
	uint64_t ns = clock_ns(CLOCK_RT) - rate.began_ns, pages;
	struct err e = ERR_INIT;

	(void)opaque;
	if (rate.mode == RATE_SAMPLING) {
		pages = rate_end_sampling();
	} else {
		if (dirty_log_collect(rate.vm, &e) < 0) {
			log_warn("calc-dirty-rate: %s: the rate is too low", e.text);
		}
		pages = dirty_log_count(&rate.log);
		dirty_log_stop(&rate.log);
	}
	for (unsigned i = 0; i < rate.vcpu.n; i++) {
		uint64_t now = i < rate.vm->n_vcpus
		                       ? atomic_load(&rate.vm->vcpus[i]->dirty_pages)
		                       : 0;

		rate.vcpu.rate[i] = rate_of(now - MIN(now, rate.vcpu.before[i]), ns);
	}
	rate.rate = rate_of(pages, ns);
	rate.status = RATE_MEASURED;
}

static int rate_begin_vcpus(struct err *e)
{
	struct vm *vm = rate.vm;

	free(rate.vcpu.before);
	free(rate.vcpu.rate);
	rate.vcpu.n = 0;
	rate.vcpu.before = calloc(vm->n_vcpus + 1, sizeof(uint64_t));
	rate.vcpu.rate = calloc(vm->n_vcpus + 1, sizeof(uint64_t));
	if (!rate.vcpu.before || !rate.vcpu.rate) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	if (rate.mode == RATE_RING) {
		rate.vcpu.n = vm->n_vcpus;
		for (unsigned i = 0; i < vm->n_vcpus; i++) {
			rate.vcpu.before[i] = atomic_load(&vm->vcpus[i]->dirty_pages);
		}
	}
	return 0;
}

static bool rate_has_rings(struct vm *vm)
{
	struct opt *o = vm->hv && vm->hv->accel.query ? vm->hv->accel.query(vm) : NULL;
	bool ring = o && !strcmp(opt_get_str(o, "dirty-log", ""), "ring");

	opt_free(o);
	return ring;
}

static int rate_check(const struct qmp_args_calc_dirty_rate *a, uint64_t ms,
                      struct vm *vm, struct err *e)
{
	int mode = a->has_mode ? a->mode : RATE_SAMPLING;

	if (rate.status == RATE_MEASURING) {
		return err_set(e, -EBUSY, "still in measuring, try again later");
	}
	if (ms < RATE_MIN_MS || ms > RATE_MAX_MS) {
		return err_set(e, -EINVAL, "calc-time is out of range[%d, %d] ms",
		               RATE_MIN_MS, RATE_MAX_MS);
	}
	if (a->has_sample_pages && mode != RATE_SAMPLING) {
		return err_set(e, -EINVAL,
		               "sample-pages is used only in page-sampling mode");
	}
	if (a->has_sample_pages && (a->sample_pages < RATE_SAMPLES_MIN ||
	                            a->sample_pages > RATE_SAMPLES_MAX)) {
		return err_set(e, -EINVAL, "sample-pages is out of range[%d, %d].",
		               RATE_SAMPLES_MIN, RATE_SAMPLES_MAX);
	}
	if (mode == RATE_RING && !rate_has_rings(vm)) {
		return err_set(e, -ENOTSUP,
		               "mode dirty-ring is not supported: there is no KVM with "
		               "dirty rings here; use dirty-bitmap or page-sampling");
	}
	return 0;
}

static uint64_t rate_ms(int64_t time, int unit)
{
	if (time < 0 || time > RATE_MAX_MS) {
		return 0; /* out of range */
	}
	return (uint64_t)time * (unit == RATE_MILLISECOND ? 1 : 1000);
}

int qmp_cmd_calc_dirty_rate(struct qmp_ctx *ctx,
                            const struct qmp_args_calc_dirty_rate *a, struct opt **ret,
                            struct err *e)
{
	uint64_t ms = rate_ms(a->calc_time,
	                      a->has_calc_time_unit ? a->calc_time_unit : RATE_SECOND);
	int r = rate_check(a, ms, ctx->vm, e);

	(void)ret;
	if (r < 0) {
		return r;
	}
	if (!ctx->vm->loop) {
		return err_set(e, -ENOTSUP, "not supported: no control loop");
	}
	rate.vm = ctx->vm;
	rate.mode = a->has_mode ? a->mode : RATE_SAMPLING;
	rate.per_gib = a->has_sample_pages ? (unsigned)a->sample_pages : RATE_SAMPLES;
	rate.calc_ms = ms;
	rate.start_s = clock_ns(CLOCK_HOST) / NS_PER_S;
	r = rate_begin_vcpus(e);
	if (r >= 0) {
		r = rate.mode == RATE_SAMPLING ? rate_begin_sampling(e)
		                               : dirty_log_start(&rate.log, ctx->vm, e);
	}
	if (r < 0) {
		return r;
	}
	if (!rate.timer) {
		rate.timer = timer_new(ctx->vm->loop, CLOCK_RT, rate_end, NULL);
	}
	rate.began_ns = clock_ns(CLOCK_RT);
	rate.status = RATE_MEASURING;
	timer_mod(rate.timer, rate.began_ns + ms * NS_PER_MS);
	return 0;
}

static struct opt *rate_vcpus(void)
{
	struct opt *list = opt_new_list();

	for (unsigned i = 0; i < rate.vcpu.n; i++) {
		struct opt *o = opt_new_dict();

		opt_put_int(o, "id", i);
		opt_put_int(o, "dirty-rate", (int64_t)rate.vcpu.rate[i]);
		opt_append_take(list, o);
	}
	return list;
}

int qmp_cmd_query_dirty_rate(struct qmp_ctx *ctx,
                             const struct qmp_args_query_dirty_rate *a,
                             struct opt **ret, struct err *e)
{
	int unit = a->has_calc_time_unit ? a->calc_time_unit : RATE_SECOND;

	(void)ctx;
	(void)e;
	*ret = opt_new_dict();
	opt_put_str(*ret, "status", qmp_enum_DirtyRateStatus[rate.status]);
	opt_put_int(*ret, "start-time", (int64_t)rate.start_s);
	opt_put_int(*ret, "calc-time",
	            (int64_t)(rate.calc_ms / (unit == RATE_SECOND ? 1000 : 1)));
	opt_put_str(*ret, "calc-time-unit", qmp_enum_TimeUnit[unit]);
	opt_put_int(*ret, "sample-pages",
	            rate.mode == RATE_SAMPLING ? (int64_t)rate.per_gib : 0);
	opt_put_str(*ret, "mode", qmp_enum_DirtyRateMeasureMode[rate.mode]);
	if (rate.status == RATE_MEASURED) {
		opt_put_int(*ret, "dirty-rate", (int64_t)rate.rate);
		if (rate.mode == RATE_RING) {
			opt_put_take(*ret, "vcpu-dirty-rate", rate_vcpus());
		}
	}
	return 0;
}
