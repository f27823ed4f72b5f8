/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty.c - the dirty log; see dirty.h for what is promised and why it holds.
 *
 * The RAM offset space is one for the process, and so is the pending bitmap.
 *
 * Threads: see dirty.h.
 */
#include "config.h"

#include "core/dirty.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/pages.h"
#include "core/gmem.h"
#include "core/hv.h"
#include "core/lock.h"
#include "core/vm.h"

_Atomic bool dirty_on;

static struct lk dirty_lk = LK_INIT(RANK_DIRTY, "dirty log");
/* Under dirty_lk. */
static struct list dirty_logs = LIST_INIT(dirty_logs);
static struct list dirty_sources = LIST_INIT(dirty_sources);
static uint64_t *dirty_fresh;           /* on its way from the sources to the users */
static _Atomic uint64_t *dirty_pending; /* set once, before dirty_on */

/* ---- marking ---- */

static uint64_t dirty_mask(uint64_t first, uint64_t last)
{
	uint64_t n = last - first + 1;

	return (n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1) << (first % 64);
}

void dirty_mark(uint64_t ram_off, uint64_t len)
{
	uint64_t page, last;

	if (!dirty_logging() || !len || ram_off >= DIRTY_MAX_RAM ||
	    len > DIRTY_MAX_RAM - ram_off) {
		return;
	}
	page = ram_off >> DIRTY_PAGE_BITS;
	last = (ram_off + len - 1) >> DIRTY_PAGE_BITS;
	while (page <= last) {
		uint64_t end = MIN(last, page | 63);

		atomic_fetch_or(&dirty_pending[page / 64], dirty_mask(page, end));
		page = end + 1;
	}
}

bool dirty_is_marked(uint64_t ram_off)
{
	uint64_t page = ram_off >> DIRTY_PAGE_BITS;

	return ram_off < DIRTY_MAX_RAM && dirty_pending &&
	       (atomic_load(&dirty_pending[page / 64]) >> (page % 64) & 1);
}

/* ---- sources ---- */

void dirty_source_add(struct dirty_source *s)
{
	LOCK_SCOPE(&dirty_lk);
	list_add_tail(&dirty_sources, &s->link);
	if (dirty_logging() && s->start) {
		struct err e = ERR_INIT;

		(void)s->start(s, &e); /* collect will say so again */
	}
}

void dirty_source_del(struct dirty_source *s)
{
	LOCK_SCOPE(&dirty_lk);
	if (dirty_logging() && s->stop) {
		s->stop(s);
	}
	list_del(&s->link);
}

static void dirty_stop_sources(struct vm *vm, const struct dirty_source *until)
{
	struct err e = ERR_INIT;
	struct dirty_source *s;

	if (vm->hv && vm->hv->mem.dirty_stop) {
		(void)vm->hv->mem.dirty_stop(vm, &e);
	}
	list_for_each (s, &dirty_sources, link) {
		if (s == until) {
			break;
		}
		if (s->stop) {
			s->stop(s);
		}
	}
}

static int dirty_start_sources(struct vm *vm, struct err *e)
{
	struct dirty_source *s;
	int r = 0;

	if (vm->hv && vm->hv->mem.dirty_start) {
		r = vm->hv->mem.dirty_start(vm, e);
		if (r < 0) {
			return r;
		}
	}
	list_for_each (s, &dirty_sources, link) {
		r = s->start ? s->start(s, e) : 0;
		if (r < 0) {
			dirty_stop_sources(vm, s);
			return r;
		}
	}
	return 0;
}

static int dirty_ask_sources(struct vm *vm, struct err *e)
{
	struct dirty_source *s;
	int ret = 0, r;

	if (vm->hv && vm->hv->mem.dirty_collect) {
		ret = vm->hv->mem.dirty_collect(vm, 0, ram_off_end(), dirty_fresh, e);
	}
	list_for_each (s, &dirty_sources, link) {
		r = s->collect ? s->collect(s, dirty_fresh, ret < 0 ? NULL : e) : 0;
		ret = ret < 0 ? ret : r;
	}
	return ret;
}

/* ---- users ---- */

static void *dirty_map_new(void)
{
	return pages_map(DIRTY_MAP_SIZE);
}

static uint64_t dirty_words(void)
{
	uint64_t pages =
		(ram_off_end() + (1 << DIRTY_PAGE_BITS) - 1) >> DIRTY_PAGE_BITS;

	return (pages + 63) / 64;
}

static int dirty_maps(struct err *e)
{
	if (!dirty_pending) {
		dirty_pending = dirty_map_new();
	}
	if (!dirty_fresh) {
		dirty_fresh = dirty_map_new();
	}
	if (!dirty_pending || !dirty_fresh) {
		return err_set(e, -ENOMEM, "no memory for the dirty log");
	}
	if (ram_off_end() > DIRTY_MAX_RAM) {
		return err_set(e, -ENOTSUP,
		               "not supported: a dirty log of more than %llu GiB",
		               (unsigned long long)(DIRTY_MAX_RAM >> 30));
	}
	return 0;
}

int dirty_log_start(struct dirty_log *d, struct vm *vm, struct err *e)
{
	bool first;
	int r;

	d->vm = vm;
	d->bits = dirty_map_new();
	if (!d->bits) {
		return err_set(e, -ENOMEM, "no memory for a dirty log");
	}
	lk_acquire(&dirty_lk);
	r = dirty_maps(e);
	first = list_empty(&dirty_logs);
	if (r >= 0 && first) {
		for (uint64_t i = 0, n = dirty_words(); i < n; i++) {
			if (atomic_load_explicit(&dirty_pending[i],
			                         memory_order_relaxed)) {
				atomic_store(&dirty_pending[i], 0);
			}
		}
		atomic_store(&dirty_on, true);
		r = dirty_start_sources(vm, e);
		if (r < 0) {
			atomic_store(&dirty_on, false);
		}
	}
	if (r >= 0) {
		list_add_tail(&dirty_logs, &d->link);
	}
	lk_release(&dirty_lk);
	if (r < 0) {
		munmap((void *)d->bits, DIRTY_MAP_SIZE);
		d->bits = NULL;
	} else if (first) {
		/* A write that was marked while nobody logged is in memory before we return. */
		gmem_synchronize();
	}
	return r;
}

void dirty_log_stop(struct dirty_log *d)
{
	if (!d->bits) {
		return;
	}
	lk_acquire(&dirty_lk);
	list_del(&d->link);
	if (list_empty(&dirty_logs)) {
		dirty_stop_sources(d->vm, NULL);
		atomic_store(&dirty_on, false);
	}
	lk_release(&dirty_lk);
	munmap((void *)d->bits, DIRTY_MAP_SIZE);
	d->bits = NULL;
}

static void dirty_hand_out(uint64_t word, uint64_t bits)
{
	struct dirty_log *d;

	list_for_each (d, &dirty_logs, link) {
		atomic_fetch_or(&d->bits[word], bits);
	}
}

int dirty_log_collect(struct vm *vm, struct err *e)
{
	LOCK_SCOPE(&dirty_lk);
	uint64_t n = dirty_words();
	int r;

	if (list_empty(&dirty_logs)) {
		return 0;
	}
	/* First these, then the sources: see dirty.h, 2. */
	for (uint64_t i = 0; i < n; i++) {
		if (atomic_load_explicit(&dirty_pending[i], memory_order_relaxed)) {
			dirty_fresh[i] |= atomic_exchange(&dirty_pending[i], 0);
		}
	}
	r = dirty_ask_sources(vm, e);
	for (uint64_t i = 0; i < n; i++) {
		if (dirty_fresh[i]) {
			dirty_hand_out(i, dirty_fresh[i]);
			dirty_fresh[i] = 0;
		}
	}
	return r;
}

uint64_t dirty_log_take(struct dirty_log *d, uint64_t ram_off, uint64_t len,
                        uint64_t *out)
{
	uint64_t first = ram_off >> (DIRTY_PAGE_BITS + 6),
		 n = len >> (DIRTY_PAGE_BITS + 6);
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i++) {
		uint64_t w =
			atomic_load_explicit(&d->bits[first + i], memory_order_relaxed);

		if (w) {
			w = atomic_exchange(&d->bits[first + i], 0);
			sum += (uint64_t)__builtin_popcountll(w);
		}
		if (out) {
			out[i] = w;
		}
	}
	return sum;
}

uint64_t dirty_log_count(const struct dirty_log *d)
{
	uint64_t sum = 0;

	for (uint64_t i = 0, n = dirty_words(); i < n; i++) {
		sum += (uint64_t)__builtin_popcountll(
			atomic_load_explicit(&d->bits[i], memory_order_relaxed));
	}
	return sum;
}

bool dirty_log_test(const struct dirty_log *d, uint64_t ram_off)
{
	uint64_t page = ram_off >> DIRTY_PAGE_BITS;

	return atomic_load(&d->bits[page / 64]) >> (page % 64) & 1;
}
