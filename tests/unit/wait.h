/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * wait.h - waiting in tests. What another thread, the kernel or a timer does is waited for by
 * its effect, never by a time or a number of turns: a loaded machine may not run a thread
 * for seconds. The bounds are for bugs only. Needs no Check.
 */
#ifndef LODGE_TESTS_WAIT_H
#define LODGE_TESTS_WAIT_H

#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

enum {
	UNIT_WAIT_S = 100,
	UNIT_WAIT_LOOKS = 1000, /* who did not look has not waited */
	UNIT_ROUNDS_S = 10,
};

static inline uint64_t unit_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline bool unit_time_left(uint64_t since_ns, unsigned seconds)
{
	return unit_ns() - since_ns < seconds * UINT64_C(1000000000);
}

/* Lets others run. False: this has been going on for too long. */
static inline bool unit_wait_on(uint64_t since_ns, unsigned *looks)
{
	if (++*looks < 50) {
		sched_yield();
		return true;
	}
	usleep(200);
	return *looks < UNIT_WAIT_LOOKS || unit_time_left(since_ns, UNIT_WAIT_S);
}

/* True as soon as `cond` is, false when it never gets so; `step` between the looks. */
#define unit_wait_doing(step, cond)                                                    \
	({                                                                             \
		uint64_t unit_since_ = unit_ns();                                      \
		unsigned unit_looks_ = 0;                                              \
		bool unit_ok_;                                                         \
                                                                                       \
		while (!(unit_ok_ = (cond)) &&                                         \
		       unit_wait_on(unit_since_, &unit_looks_)) {                      \
			step;                                                          \
		}                                                                      \
		unit_ok_;                                                              \
	})
#define unit_wait(cond)            unit_wait_doing((void)0, cond)
#define unit_wait_turning(l, cond) unit_wait_doing(loop_turn((l), false), cond)

/* Some turns, for what would not be right if it happened. */
#define unit_turns(l, n)                                                               \
	do {                                                                           \
		for (unsigned unit_i_ = 0; unit_i_ < (n); unit_i_++) {                 \
			loop_turn((l), false);                                         \
			usleep(200);                                                   \
		}                                                                      \
	} while (0)

/* Adds to the *len bytes in buf what has come from fd, without waiting: the new *len. */
static inline size_t unit_take(int fd, void *buf, size_t size, size_t *len)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = poll(&p, 1, 0) == 1 ? read(fd, (char *)buf + *len, size - *len) : 0;

	*len += n > 0 ? (size_t)n : 0;
	return *len;
}

/* Rounds of a race: `n` of them, or what goes in UNIT_ROUNDS_S, because each may have to wait
 * for the other side to be scheduled. `i` counts from 0. */
#define unit_rounds(i, n)                                                              \
	for (uint64_t unit_from_ = unit_ns(), i = 0;                                   \
	     (i) < (n) && unit_time_left(unit_from_, UNIT_ROUNDS_S); (i)++)

#endif
