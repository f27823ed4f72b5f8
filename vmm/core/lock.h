/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock.h - a ranked mutex. See lock-rank.h. lk_acquire() of a rank not above the
 * highest the thread holds is a bug of ours and asserts in debug builds.
 */
#ifndef LODGE_CORE_LOCK_H
#define LODGE_CORE_LOCK_H

#include <pthread.h>

#include "base/compiler.h"
#include "core/lock-rank.h"

struct CAPABILITY("mutex") lk {
	pthread_mutex_t m;
	enum lock_rank rank;
	const char *name;
};

void lk_init(struct lk *l, enum lock_rank rank, const char *name);
void lk_fini(struct lk *l);
void lk_acquire(struct lk *l) ACQUIRES(l);
void lk_release(struct lk *l) RELEASES(l);
void lk_assert_held(struct lk *l);

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
