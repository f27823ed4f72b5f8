/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock.c - ranked mutexes; see lock.h. Debug builds keep the ranks a thread holds
 * in a small thread-local stack; release builds are a bare pthread mutex. Who finds it
 * taken spins for about a microsecond (registers are held for less), then sleeps, and the
 * wait is counted (lock-stat.h).
 */
#include "config.h"

#include "core/lock.h"

#include <stdio.h>
#include <stdlib.h>

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

static void lk_note_acquire(struct lk *l)
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

static void lk_note_release(struct lk *l)
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
static void lk_note_acquire(struct lk *l __unused)
{
}

static void lk_note_release(struct lk *l __unused)
{
}

void lk_assert_held(struct lk *l __unused)
{
}
#endif

void lk_init(struct lk *l, enum lock_rank rank, const char *name)
{
	pthread_mutex_init(&l->m, NULL);
	l->rank = rank;
	l->name = name;
}

void lk_fini(struct lk *l)
{
	pthread_mutex_destroy(&l->m);
}

enum { LOCK_SPINS = 40 };

static __cold void lk_acquire_slow(struct lk *l) NO_THREAD_SAFETY
{
	uint64_t since = lock_stat_now();
	bool got = false;

	for (unsigned i = 0; i < LOCK_SPINS && !got; i++) {
		cpu_relax();
		got = pthread_mutex_trylock(&l->m) == 0;
	}
	if (!got) {
		pthread_mutex_lock(&l->m);
	}
	lock_stat_waited(l->name, since);
}

void lk_acquire(struct lk *l) NO_THREAD_SAFETY
{
	lk_note_acquire(l);
	if (unlikely(pthread_mutex_trylock(&l->m) != 0)) {
		lk_acquire_slow(l);
	}
}

void lk_release(struct lk *l) NO_THREAD_SAFETY
{
	lk_note_release(l);
	pthread_mutex_unlock(&l->m);
}
