/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lock-stat.h - who had to wait, for what, how long. Counted per name and role of the
 * waiting thread; the table is fixed and lock-free. Only a wait pays: an uncontended
 * lk_acquire() touches nothing of this.
 *
 * Any thread. x-lodge-query-locks shows it.
 */
#ifndef LODGE_CORE_LOCK_STAT_H
#define LODGE_CORE_LOCK_STAT_H

#include <stdbool.h>
#include <stdint.h>

#include "core/role.h"

enum { LOCK_STAT_BUCKETS = 32, LOCK_STAT_NAME = 32 };

struct lock_stat {
	char name[LOCK_STAT_NAME];
	enum role role; /* of the waiter; ROLE_N: none */
	uint64_t waits, total_ns, max_ns;
	uint64_t hist[LOCK_STAT_BUCKETS]; /* [i]: 2^i <= ns < 2^(i+1); the last: more */
};

/* Monotonic time, for the two functions below. */
uint64_t lock_stat_now(void);
/* The calling thread waited from `since_ns` until now for `name` (copied). Waits that are no
 * mutex's count too: an exclusive section, an RCU grace period. */
void lock_stat_waited(const char *name, uint64_t since_ns);
/* Up to `max` rows; `reset`: counting begins anew (waits that end meanwhile may be lost).
 * Returns their number. */
unsigned lock_stat_read(struct lock_stat *out, unsigned max, bool reset);

#endif
