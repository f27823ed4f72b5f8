/* SPDX-License-Identifier: GPL-2.0-or-later */
/* lock_test.c - locks under contention, and the wait times that they report. */
#include "config.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/lock-stat.h"
#include "core/lock.h"
#include "unit.h"

static struct lk test_lk;
static _Atomic int inside;
static long counter;

static const struct lock_stat *row(const struct lock_stat *s, unsigned n,
                                   const char *name, enum role r)
{
	for (unsigned i = 0; i < n; i++) {
		if (!strcmp(s[i].name, name) && s[i].role == r) {
			return &s[i];
		}
	}
	return NULL;
}

static void *waiter(void *arg)
{
	lk_acquire(&test_lk);
	lk_release(&test_lk);
	return arg;
}

START_TEST(test_wait_is_counted)
{
	struct lock_stat s[8];
	const struct lock_stat *r;
	struct role_thread t;
	struct err e = ERR_INIT;
	uint64_t sum = 0, before, asleep, least;

	lk_init(&test_lk, RANK_DEVICE, "test");
	lk_acquire(&test_lk);
	lk_release(&test_lk);
	ck_assert_uint_eq(lock_stat_read(s, 8, false), 0); /* nobody waited */
	lk_acquire(&test_lk);
	before = unit_ns();
	ck_assert_int_eq(role_thread_start(&t, ROLE_VCPU, "w", waiter, NULL, &e), 0);
	unit_await(atomic_load(&test_lk.word) == 2); /* it waits */
	asleep = unit_ns();
	usleep(2000);
	least = unit_ns() - asleep;
	lk_release(&test_lk);
	role_thread_join(&t);
	r = row(s, lock_stat_read(s, 8, true), "test", ROLE_VCPU);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->waits, 1);
	ck_assert_uint_ge(r->max_ns, least);
	ck_assert_uint_le(r->max_ns, unit_ns() - before);
	ck_assert_uint_eq(r->max_ns, r->total_ns);
	for (unsigned i = 0; i < LOCK_STAT_BUCKETS; i++) {
		sum += r->hist[i];
		/* The last one has all that are longer. */
		ck_assert(!r->hist[i] || (r->max_ns >> i) == 1 ||
		          (i == LOCK_STAT_BUCKETS - 1 && r->max_ns >> i));
	}
	ck_assert_uint_eq(sum, 1);
	ck_assert_uint_eq(lock_stat_read(s, 8, false), 0); /* reset */
	lk_fini(&test_lk);
}
END_TEST

static void *worker(void *arg)
{
	for (int i = 0; i < 20000; i++) {
		lk_acquire(&test_lk);
		ck_assert_int_eq(atomic_fetch_add(&inside, 1), 0);
		counter++;
		atomic_fetch_sub(&inside, 1);
		lk_release(&test_lk);
	}
	return arg;
}

START_TEST(test_excludes)
{
	struct role_thread t[4];
	struct err e = ERR_INIT;

	lk_init(&test_lk, RANK_DEVICE, "test");
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(
			role_thread_start(&t[i], ROLE_IOTHREAD, "w", worker, NULL, &e),
			0);
	}
	for (unsigned i = 0; i < 4; i++) {
		role_thread_join(&t[i]);
	}
	ck_assert_int_eq(counter, 80000);
	lk_fini(&test_lk);
}
END_TEST

/* ---- conditions: two pass a ball 10000 times, two more hear of the end ---- */

static struct lk_cond turn, end;
static int ball;

static void *player(void *arg)
{
	int me = arg != NULL;

	LOCK_SCOPE(&test_lk);
	for (int i = 0; i < 10000; i++) {
		while ((ball & 1) != me) {
			lk_cond_wait(&turn, &test_lk);
		}
		ball++;
		lk_cond_signal(&turn);
	}
	lk_cond_broadcast(&end);
	return NULL;
}

static void *spectator(void *arg)
{
	LOCK_SCOPE(&test_lk);
	while (ball < 20000) {
		lk_cond_wait(&end, &test_lk);
	}
	return arg;
}

START_TEST(test_conditions)
{
	static void *(*const fn[4])(void *) = { player, player, spectator, spectator };
	struct role_thread t[4];
	struct err e = ERR_INIT;

	lk_init(&test_lk, RANK_DEVICE, "test");
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_int_eq(role_thread_start(&t[i], ROLE_IOTHREAD, "w", fn[i],
		                                   i == 1 ? &ball : NULL, &e),
		                 0);
	}
	for (unsigned i = 0; i < 4; i++) {
		role_thread_join(&t[i]);
	}
	ck_assert_int_eq(ball, 20000);
	lk_fini(&test_lk);
}
END_TEST

START_TEST(test_full_table)
{
	static struct lock_stat s[200];
	unsigned n;
	char name[16];

	for (unsigned i = 0; i < 150; i++) {
		snprintf(name, sizeof(name), "lock-%u", i);
		lock_stat_waited(name, lock_stat_now());
		lock_stat_waited(name, lock_stat_now());
	}
	n = lock_stat_read(s, 200, false);
	ck_assert_uint_eq(n, 129);
	ck_assert_uint_eq(row(s, n, "(others)", ROLE_N)->waits, 2 * 22);
	ck_assert_uint_eq(row(s, n, "lock-0", ROLE_N)->waits, 2);
	ck_assert_uint_eq(lock_stat_read(s, 5, false), 5);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_wait_is_counted, test_excludes,
		                       test_conditions, test_full_table };

	return unit_main(unit_suite("lock", tests, ARRAY_LEN(tests)));
}
