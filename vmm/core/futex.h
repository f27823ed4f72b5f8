/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * futex.h - sleeping on an atomic word. Any thread. Callers re-check their
 * condition: wake-ups may be spurious.
 */
#ifndef LODGE_CORE_FUTEX_H
#define LODGE_CORE_FUTEX_H

#include <limits.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Sleeps while *w == val; at most `ns` when that is not 0. */
static inline void futex_wait(_Atomic uint32_t *w, uint32_t val, uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / 1000000000u),
		               .tv_nsec = (long)(ns % 1000000000u) };

	syscall(SYS_futex, w, FUTEX_WAIT_PRIVATE, val, ns ? &ts : NULL, NULL, 0);
}

static inline void futex_wake(_Atomic uint32_t *w, int n)
{
	syscall(SYS_futex, w, FUTEX_WAKE_PRIVATE, n, NULL, NULL, 0);
}

static inline void futex_wake_all(_Atomic uint32_t *w)
{
	futex_wake(w, INT_MAX);
}

#endif
