/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock-stat.c - wait times of locks; see lock-stat.h.
 *
 * An open-addressed table of rows that are claimed once and never given back. A full
 * table counts into its last row, named "(others)".
 */
#include "config.h"

#include "core/lock-stat.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/compiler.h"

enum { STAT_ROWS = 128 };
enum { ROW_FREE, ROW_CLAIMED, ROW_READY };

struct stat_row {
	_Atomic int state;
	enum role role;
	char name[LOCK_STAT_NAME];
	_Atomic uint64_t waits, total_ns, max_ns, hist[LOCK_STAT_BUCKETS];
};

static struct stat_row stat_rows[STAT_ROWS + 1];

uint64_t lock_stat_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static unsigned stat_hash(const char *name, enum role role)
{
	unsigned h = 2166136261u ^ (unsigned)role;

	/* cppcheck-suppress arrayIndexOutOfBoundsCond; it ends at the NUL */
	for (unsigned i = 0; i < LOCK_STAT_NAME - 1 && name[i]; i++) {
		h = (h ^ (unsigned char)name[i]) * 16777619u;
	}
	return h;
}

static bool stat_is(const struct stat_row *r, const char *name, enum role role)
{
	return r->role == role && !strncmp(r->name, name, LOCK_STAT_NAME - 1);
}

static bool stat_claim(struct stat_row *r, const char *name, enum role role)
{
	int free_row = ROW_FREE;

	if (!atomic_compare_exchange_strong(&r->state, &free_row, ROW_CLAIMED)) {
		return false;
	}
	r->role = role;
	snprintf(r->name, sizeof(r->name), "%s", name);
	atomic_store(&r->state, ROW_READY);
	return true;
}

static struct stat_row *stat_find(const char *name, enum role role)
{
	unsigned h = stat_hash(name, role);

	for (unsigned i = 0; i < STAT_ROWS; i++) {
		struct stat_row *r = &stat_rows[(h + i) % STAT_ROWS];

		if (atomic_load(&r->state) == ROW_FREE && stat_claim(r, name, role)) {
			return r;
		}
		while (atomic_load(&r->state) == ROW_CLAIMED) {
			cpu_relax(); /* another thread writes the name */
		}
		if (stat_is(r, name, role)) {
			return r;
		}
	}
	(void)stat_claim(&stat_rows[STAT_ROWS], "(others)", ROLE_N);
	return &stat_rows[STAT_ROWS];
}

void lock_stat_waited(const char *name, uint64_t since_ns)
{
	uint64_t now = lock_stat_now(), ns = now > since_ns ? now - since_ns : 0, max;
	struct stat_row *r = stat_find(name ? name : "?", role_current());
	unsigned bucket = ns ? 63 - (unsigned)__builtin_clzll(ns) : 0;

	if (bucket >= LOCK_STAT_BUCKETS) {
		bucket = LOCK_STAT_BUCKETS - 1;
	}
	atomic_fetch_add_explicit(&r->waits, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->total_ns, ns, memory_order_relaxed);
	atomic_fetch_add_explicit(&r->hist[bucket], 1, memory_order_relaxed);
	max = atomic_load_explicit(&r->max_ns, memory_order_relaxed);
	while (ns > max && !atomic_compare_exchange_weak(&r->max_ns, &max, ns)) {
	}
}

static uint64_t stat_take(_Atomic uint64_t *p, bool reset)
{
	return reset ? atomic_exchange(p, 0) : atomic_load(p);
}

unsigned lock_stat_read(struct lock_stat *out, unsigned max, bool reset)
{
	unsigned n = 0;

	for (unsigned i = 0; i <= STAT_ROWS && n < max; i++) {
		struct stat_row *r = &stat_rows[i];
		struct lock_stat *o = &out[n];

		if (atomic_load(&r->state) != ROW_READY) {
			continue;
		}
		memcpy(o->name, r->name, sizeof(o->name));
		o->role = r->role;
		o->waits = stat_take(&r->waits, reset);
		o->total_ns = stat_take(&r->total_ns, reset);
		o->max_ns = stat_take(&r->max_ns, reset);
		for (unsigned b = 0; b < LOCK_STAT_BUCKETS; b++) {
			o->hist[b] = stat_take(&r->hist[b], reset);
		}
		n += o->waits != 0;
	}
	return n;
}
