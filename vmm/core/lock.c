/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock.c - ranked mutexes; see lock.h. Debug builds keep the ranks a thread holds
 * in a small thread-local stack. Who finds a lock taken spins for about a microsecond
 * (registers are held for less), then sleeps, and the wait is counted (lock-stat.h).
 * Who sleeps, or has slept, takes the lock as "perhaps waited for": others may sleep too,
 * and nobody counts them; at worst one wake-up finds nobody.
 */
#include "config.h"

#include "core/lock.h"

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/futex.h"
#include "core/lock-stat.h"

#ifdef LODGE_DEBUG
enum { LOCK_HELD_MAX = 16 };

static __thread struct lk *lk_held[LOCK_HELD_MAX];
static __thread unsigned lk_n_held;

static __noreturn void lk_bug(const struct lk *l, const char *what)
{
	fprintf(stderr, "lodge: lock bug: %s '%s' (rank %d); held:", what, l->name,
	        (int)l->rank);
	for (unsigned i = 0; i < lk_n_held; i++) {
		fprintf(stderr, " '%s' (%d)", lk_held[i]->name, (int)lk_held[i]->rank);
	}
	fputc('\n', stderr);
	abort();
}

void lk_note_acquire(struct lk *l)
{
	for (unsigned i = 0; i < lk_n_held; i++) {
		if (l->rank != RANK_NONE && lk_held[i]->rank >= l->rank) {
			lk_bug(l, "rank order broken by");
		}
	}
	if (lk_n_held == LOCK_HELD_MAX) {
		lk_bug(l, "too many locks at");
	}
	lk_held[lk_n_held++] = l;
}

void lk_note_release(struct lk *l)
{
	for (unsigned i = lk_n_held; i-- > 0;) {
		if (lk_held[i] == l) {
			lk_held[i] = lk_held[--lk_n_held];
			return;
		}
	}
	lk_bug(l, "release of unheld");
}

void lk_assert_held(struct lk *l)
{
	for (unsigned i = 0; i < lk_n_held; i++) {
		if (lk_held[i] == l) {
			return;
		}
	}
	lk_bug(l, "not held:");
}
#else
void lk_assert_held(struct lk *l __unused)
{
}
#endif

void lk_init(struct lk *l, enum lock_rank rank, const char *name)
{
	atomic_store_explicit(&l->word, 0, memory_order_relaxed);
	l->rank = rank;
	l->name = name;
}

void lk_fini(struct lk *l __unused)
{
}

enum { LOCK_SPINS = 40 };

static bool lk_try(struct lk *l)
{
	uint32_t is_free = 0;

	return atomic_compare_exchange_strong_explicit(
		&l->word, &is_free, 1, memory_order_acquire, memory_order_relaxed);
}

__cold void lk_acquire_slow(struct lk *l) NO_THREAD_SAFETY
{
	uint64_t since = lock_stat_now();
	bool got = false;

	for (unsigned i = 0; i < LOCK_SPINS && !got; i++) {
		cpu_relax();
		got = lk_try(l);
	}
	while (!got) {
		got = atomic_exchange_explicit(&l->word, 2, memory_order_acquire) == 0;
		if (!got) {
			futex_wait(&l->word, 2, 0);
		}
	}
	lock_stat_waited(l->name, since);
}

__cold void lk_wake(struct lk *l)
{
	futex_wake(&l->word, 1);
}

void lk_cond_wait(struct lk_cond *c, struct lk *l) NO_THREAD_SAFETY
{
	uint32_t seq;

	atomic_fetch_add(&c->waiters, 1);
	seq = atomic_load(&c->seq);
	lk_release(l);
	futex_wait(&c->seq, seq, 0);
	atomic_fetch_sub(&c->waiters, 1);
	lk_acquire(l);
}

static void lk_cond_announce(struct lk_cond *c, int n)
{
	atomic_fetch_add(&c->seq, 1);
	if (atomic_load(&c->waiters)) {
		futex_wake(&c->seq, n);
	}
}

void lk_cond_broadcast(struct lk_cond *c)
{
	lk_cond_announce(c, INT_MAX);
}

void lk_cond_signal(struct lk_cond *c)
{
	lk_cond_announce(c, 1);
}
