/* SPDX-License-Identifier: GPL-2.0-or-later */
/* coroutine_test.c - switching, nesting, pooling, moving between threads, co_mutex. */
#include "config.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "core/coroutine.h"
#include "core/loop.h"
#include "unit.h"

static char co_log[64];

static void co_say(char c)
{
	size_t n = strlen(co_log);

	co_log[n] = c;
	co_log[n + 1] = 0;
}

static void co_ab(void *opaque)
{
	ck_assert(co_in());
	co_say('a');
	co_yield ();
	co_say(*(char *)opaque);
	co_yield ();
	co_say('z');
}

START_TEST(test_switch)
{
	char b = 'b';
	struct co *c = co_new(co_ab, &b);

	ck_assert(!co_in());
	ck_assert_str_eq(co_log, "");
	co_enter(c);
	co_say('1');
	co_enter(c);
	co_say('2');
	co_enter(c);
	ck_assert_str_eq(co_log, "a1b2z");
	ck_assert(!co_in() && !co_self());
}
END_TEST

static void co_inner(void *opaque)
{
	co_say('i');
	co_yield ();
	co_say('j');
	(void)opaque;
}

static void co_outer(void *opaque)
{
	struct co *in = co_new(co_inner, NULL), *self = co_self();

	co_say('o');
	co_enter(in);
	ck_assert_ptr_eq(co_self(), self);
	co_say('p');
	co_enter(in);
	co_say('q');
	(void)opaque;
}

START_TEST(test_nested)
{
	co_enter(co_new(co_outer, NULL));
	ck_assert_str_eq(co_log, "oipjq");
}
END_TEST

/* Callee-saved state lives through switches. */
static void co_compute(void *opaque)
{
	double x = 1.0, *out = opaque;
	volatile unsigned long v[8] = { 1, 2, 3, 4, 5, 6, 7, 8 };

	for (int i = 0; i < 100; i++) {
		x = x * 1.01 + (double)v[i % 8];
		co_yield ();
	}
	*out = x;
}

START_TEST(test_many)
{
	enum { N = 200 };
	static struct co *c[N];
	static double out[N];

	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < N; i++) {
			c[i] = co_new(co_compute, &out[i]);
		}
		for (int k = 0; k <= 100; k++) {
			for (int i = 0; i < N; i++) {
				co_enter(c[i]);
			}
		}
		for (int i = 1; i < N; i++) {
			ck_assert(fabs(out[i] - out[0]) < 1e-9 && out[0] > 1);
		}
	}
}
END_TEST

/* ---- hopping between the loops of two threads ---- */

struct hop {
	struct loop *a, *b;
	int hops;
	bool wrong;
};

static void co_hop_to(struct loop *l)
{
	co_schedule(l, co_self());
	co_yield ();
}

static void co_hopper(void *opaque)
{
	struct hop *h = opaque;

	for (h->hops = 0; h->hops < 1000; h->hops++) {
		/* Posting first would let the other thread enter before the yield: a
		 * hop starts on the loop that is left. */
		co_yield ();
		h->wrong |= loop_current() != (h->hops & 1 ? h->b : h->a);
	}
}

struct hopper_arg {
	struct hop *h;
	struct co *c;
};
static struct hopper_arg hopper;

static void hop_step(void *opaque)
{
	struct hop *h = opaque;
	struct loop *next;

	co_enter(hopper.c);
	next = h->hops & 1 ? h->b : h->a;
	if (h->hops == 1000) {
		loop_stop(h->a);
		loop_stop(h->b);
	} else {
		loop_post(next, hop_step, h);
	}
}

static void *run(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

START_TEST(test_threads)
{
	struct hop h = { loop_new(LOOP_AUTO, NULL), loop_new(LOOP_AUTO, NULL), 0,
		         false };
	pthread_t t[2];

	hopper.c = co_new(co_hopper, &h);
	co_enter(hopper.c);
	loop_post(h.a, hop_step, &h);
	pthread_create(&t[0], NULL, run, h.a);
	pthread_create(&t[1], NULL, run, h.b);
	pthread_join(t[0], NULL);
	pthread_join(t[1], NULL);
	ck_assert_int_eq(h.hops, 1000);
	ck_assert(!h.wrong);
	loop_free(h.a);
	loop_free(h.b);
}
END_TEST

/* ---- co_mutex ---- */

struct locked {
	struct co_mutex m;
	struct loop *l[2];
	int inside, done;
	bool clash;
	long sum;
	_Atomic int left;
};
struct locker {
	struct locked *k;
	struct loop *l;
};

static void co_locker(void *opaque)
{
	struct locker *w = opaque;

	for (int i = 0; i < 200; i++) {
		co_mutex_lock(&w->k->m);
		w->k->clash |= w->k->inside++ != 0;
		if (i % 3) {
			co_hop_to(w->l); /* give others a chance to break in */
		}
		w->k->sum++;
		w->k->inside--;
		co_mutex_unlock(&w->k->m);
	}
	if (!--w->k->left) {
		loop_stop(w->k->l[0]);
		loop_stop(w->k->l[1]);
	}
}

START_TEST(test_mutex)
{
	static struct locked k;
	struct locker w[8];
	pthread_t t[2];

	co_mutex_init(&k.m);
	k.left = 8;
	for (int i = 0; i < 2; i++) {
		k.l[i] = loop_new(LOOP_AUTO, NULL);
	}
	for (int i = 0; i < 8; i++) {
		w[i] = (struct locker){ &k, k.l[i & 1] };
		co_schedule(k.l[i & 1], co_new(co_locker, &w[i]));
	}
	for (int i = 0; i < 2; i++) {
		pthread_create(&t[i], NULL, run, k.l[i]);
	}
	for (int i = 0; i < 2; i++) {
		pthread_join(t[i], NULL);
	}
	for (int i = 0; i < 2; i++) {
		loop_free(k.l[i]); /* each thread stops both */
	}
	ck_assert_int_eq(k.sum, 1600);
	ck_assert(!k.clash && !k.inside);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_switch, test_nested, test_many,
		                       test_threads, test_mutex };

	return unit_main(unit_suite("coroutine", tests, ARRAY_LEN(tests)));
}
