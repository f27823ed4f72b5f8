/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock.h - a ranked mutex, and waiting for a condition under it. See lock-rank.h.
 * lk_acquire() of a rank not above the highest the thread holds is a bug of ours and
 * asserts in debug builds.
 *
 * Device registers are read a million times a second, each time under a lock that hardly ever
 * anyone else wants: taking and giving back one is a single atomic instruction each,
 * in line. A word is enough: 0 free, 1 taken, 2 taken and perhaps waited for; sleepers
 * are at its futex.
 *
 * A condition is a count of its announcements. Who waits reads it before giving up the
 * lock, so an announcement in between keeps it from sleeping. Wake-ups may be spurious.
 */
#ifndef LODGE_CORE_LOCK_H
#define LODGE_CORE_LOCK_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/lock-rank.h"

struct CAPABILITY("mutex") lk {
	_Atomic uint32_t word;
	enum lock_rank rank;
	const char *name;
};
/* The value of one that is made before main(). */
#define LK_INIT(r, n)                                                                  \
	{                                                                              \
		.word = 0, .rank = (r), .name = (n)                                    \
	}

struct lk_cond {
	_Atomic uint32_t seq, waiters;
};

void lk_init(struct lk *l, enum lock_rank rank, const char *name);
void lk_fini(struct lk *l);
void lk_assert_held(struct lk *l);

/* Of lock.c: somebody else has it; somebody may wait for it; debug builds look at ranks. */
void lk_acquire_slow(struct lk *l);
void lk_wake(struct lk *l);
void lk_note_acquire(struct lk *l);
void lk_note_release(struct lk *l);

static inline void lk_acquire(struct lk *l) ACQUIRES(l) NO_THREAD_SAFETY
{
	uint32_t is_free = 0;

#ifdef LODGE_DEBUG
	lk_note_acquire(l);
#endif
	if (unlikely(!atomic_compare_exchange_strong_explicit(&l->word, &is_free, 1,
	                                                      memory_order_acquire,
	                                                      memory_order_relaxed))) {
		lk_acquire_slow(l);
	}
}

static inline void lk_release(struct lk *l) RELEASES(l) NO_THREAD_SAFETY
{
#ifdef LODGE_DEBUG
	lk_note_release(l);
#endif
	if (unlikely(atomic_exchange_explicit(&l->word, 0, memory_order_release) ==
	             2)) {
		lk_wake(l);
	}
}

/* Gives up `l`, which is held, until somebody announces; then has it again. */
void lk_cond_wait(struct lk_cond *c, struct lk *l);
/* The lock need not be held, but whoever changes what is waited for has held it. */
void lk_cond_broadcast(struct lk_cond *c);
void lk_cond_signal(struct lk_cond *c); /* at least one of them */

static inline void lk_scope_end(struct lk **l) NO_THREAD_SAFETY
{
	if (*l) {
		lk_release(*l);
	}
}
#define LOCK_CAT2_(a, b) a##b
#define LOCK_CAT_(a, b)  LOCK_CAT2_(a, b)
static inline struct lk *lk_scope_begin(struct lk *l) NO_THREAD_SAFETY
{
	if (l) {
		lk_acquire(l);
	}
	return l;
}
/* Holds `l` to the end of the scope; nothing when it is NULL. */
#define LOCK_SCOPE(l)                                                                  \
	struct lk *LOCK_CAT_(lk_scope_, __LINE__) __cleanup_with(lk_scope_end)         \
		__unused = lk_scope_begin(l)

#endif
