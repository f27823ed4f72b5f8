/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * clock.c - clocks and timers; see clock.h. A loop has a binary heap a clock
 * under one lock; callbacks run without it.
 *
 * The VM clock is CLOCK_RT minus an offset while it runs, a constant while it is
 * stopped; readers use a sequence count, because a vCPU reads it all the time.
 */
#include "config.h"

#include "core/clock.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "core/loop-internal.h"

struct timer {
	struct timer_set *set;
	enum clock_id clock;
	timer_fn *fn;
	void *opaque;
	_Atomic uint64_t expire;
	uint64_t seq;
	_Atomic unsigned at; /* 1 + place in the heap; 0 not pending */
};

static struct lk timer_sets_lk = LK_INIT(RANK_TIMER_SET, "timer sets");
static struct list timer_sets = LIST_INIT(timer_sets);

static struct {
	_Atomic unsigned seq; /* odd while it changes */
	_Atomic bool on, virt;
	_Atomic uint64_t value; /* stopped or virtual: the time; running: the offset */
} clock_vm;

static uint64_t clock_read(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * NS_PER_S + (uint64_t)ts.tv_nsec;
}

static uint64_t clock_vm_ns(void)
{
	unsigned seq;
	bool on;
	uint64_t v;

	do {
		seq = atomic_load_explicit(&clock_vm.seq, memory_order_acquire);
		on = atomic_load_explicit(&clock_vm.on, memory_order_relaxed) &&
		     !atomic_load_explicit(&clock_vm.virt, memory_order_relaxed);
		v = atomic_load_explicit(&clock_vm.value, memory_order_relaxed);
		atomic_thread_fence(memory_order_acquire);
	} while ((seq & 1) ||
	         seq != atomic_load_explicit(&clock_vm.seq, memory_order_relaxed));
	return on ? clock_read(CLOCK_MONOTONIC) - v : v;
}

uint64_t clock_ns(enum clock_id c)
{
	switch (c) {
	case CLOCK_VM: return clock_vm_ns();
	case CLOCK_HOST: return clock_read(CLOCK_REALTIME);
	default: return clock_read(CLOCK_MONOTONIC);
	}
}

/* Deadlines of sleeping loops are wrong now: let each look again. */
static void clock_wake_loops(void)
{
	struct timer_set *s;

	LOCK_SCOPE(&timer_sets_lk);
	list_for_each (s, &timer_sets, link) {
		loop_wake(s->loop);
	}
}

static void clock_vm_write(bool on, bool virt, uint64_t value)
{
	atomic_fetch_add(&clock_vm.seq, 1);
	atomic_store(&clock_vm.on, on);
	atomic_store(&clock_vm.virt, virt);
	atomic_store(&clock_vm.value, value);
	atomic_fetch_add(&clock_vm.seq, 1);
	clock_wake_loops();
}

void clock_vm_enable(bool on)
{
	bool was = atomic_load(&clock_vm.on), virt = atomic_load(&clock_vm.virt);
	uint64_t now = clock_vm_ns();

	if (was == on) {
		return;
	}
	clock_vm_write(on, virt, on && !virt ? clock_read(CLOCK_MONOTONIC) - now : now);
}

void clock_set_virtual(void)
{
	clock_vm_write(atomic_load(&clock_vm.on), true, 0);
}

void clock_vm_set(uint64_t ns)
{
	bool on = atomic_load(&clock_vm.on), virt = atomic_load(&clock_vm.virt);

	clock_vm_write(on, virt, on && !virt ? clock_read(CLOCK_MONOTONIC) - ns : ns);
}

/* ---- the heap ---- */

static bool timer_before(const struct timer *a, const struct timer *b)
{
	return a->expire != b->expire ? a->expire < b->expire : a->seq < b->seq;
}

static void timer_heap_place(struct timer_heap *h, unsigned i, struct timer *t)
{
	h->a[i] = t;
	t->at = i + 1;
}

static void timer_heap_up(struct timer_heap *h, unsigned i)
{
	struct timer *t = h->a[i];

	while (i && timer_before(t, h->a[(i - 1) / 2])) {
		timer_heap_place(h, i, h->a[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	timer_heap_place(h, i, t);
}

static void timer_heap_down(struct timer_heap *h, unsigned i)
{
	struct timer *t = h->a[i];

	for (;;) {
		unsigned c = 2 * i + 1;

		if (c >= h->n) {
			break;
		}
		if (c + 1 < h->n && timer_before(h->a[c + 1], h->a[c])) {
			c++;
		}
		if (!timer_before(h->a[c], t)) {
			break;
		}
		timer_heap_place(h, i, h->a[c]);
		i = c;
	}
	timer_heap_place(h, i, t);
}

static void timer_heap_del(struct timer_heap *h, struct timer *t)
{
	unsigned i = t->at - 1;
	struct timer *last = h->a[--h->n];

	t->at = 0;
	if (last == t) {
		return;
	}
	timer_heap_place(h, i, last);
	timer_heap_up(h, i);
	timer_heap_down(h, last->at - 1);
}

/* Room was made by timer_new: one place a timer. */
static void timer_heap_add(struct timer_heap *h, struct timer *t)
{
	h->n++;
	timer_heap_place(h, h->n - 1, t);
	timer_heap_up(h, h->n - 1);
}

/* ---- timers ---- */

struct timer *timer_new(struct loop *l, enum clock_id c, timer_fn *fn, void *opaque)
{
	struct timer *t = calloc(1, sizeof(*t));
	struct timer_set *s = &l->timers;
	struct timer_heap *h = &s->heap[c];

	if (!t) {
		abort(); /* set-up only: a hundred bytes */
	}
	t->set = s;
	t->clock = c;
	t->fn = fn;
	t->opaque = opaque;
	LOCK_SCOPE(&s->lk);
	h->cap++;
	h->a = reallocarray(h->a, h->cap, sizeof(*h->a));
	if (!h->a) {
		abort();
	}
	return t;
}

void timer_mod(struct timer *t, uint64_t expire_ns)
{
	struct timer_set *s = t->set;
	struct timer_heap *h = &s->heap[t->clock];
	bool first;

	lk_acquire(&s->lk);
	if (t->at) {
		timer_heap_del(h, t);
	}
	t->expire = expire_ns;
	t->seq = s->seq++;
	timer_heap_add(h, t);
	first = h->a[0] == t;
	lk_release(&s->lk);
	if (first) {
		loop_wake(s->loop);
	}
}

void timer_del(struct timer *t)
{
	LOCK_SCOPE(&t->set->lk);
	if (t->at) {
		timer_heap_del(&t->set->heap[t->clock], t);
	}
}

static void timer_del_wait(struct timer *t)
{
	struct timer_set *s = t->set;

	if (t->at) {
		timer_heap_del(&s->heap[t->clock], t);
	}
	/* From within its own callback there is nothing to wait for. */
	while (s->running == t && loop_current() != s->loop) {
		lk_cond_wait(&s->idle, &s->lk);
		if (t->at) {
			timer_heap_del(&s->heap[t->clock], t); /* it re-armed itself */
		}
	}
}

void timer_del_sync(struct timer *t)
{
	LOCK_SCOPE(&t->set->lk);
	timer_del_wait(t);
}

void timer_free(struct timer *t)
{
	if (!t) {
		return;
	}
	lk_acquire(&t->set->lk);
	timer_del_wait(t);
	t->set->heap[t->clock].cap--;
	lk_release(&t->set->lk);
	free(t);
}

bool timer_pending(const struct timer *t)
{
	return t->at != 0;
}

uint64_t timer_expire_ns(const struct timer *t)
{
	return t->at ? t->expire : UINT64_MAX;
}

/* ---- sets ---- */

void timer_set_init(struct timer_set *s, struct loop *l)
{
	lk_init(&s->lk, RANK_TIMER, "timers");
	s->idle = (struct lk_cond){ 0 };
	s->loop = l;
	LOCK_SCOPE(&timer_sets_lk);
	list_add_tail(&timer_sets, &s->link);
}

void timer_set_fini(struct timer_set *s)
{
	lk_acquire(&timer_sets_lk);
	list_del(&s->link);
	lk_release(&timer_sets_lk);
	for (unsigned c = 0; c < CLOCK_N; c++) {
		free(s->heap[c].a);
	}
	lk_fini(&s->lk);
}

static bool timer_clock_runs(enum clock_id c)
{
	return c != CLOCK_VM || atomic_load(&clock_vm.on) ||
	       atomic_load(&clock_vm.virt);
}

bool timer_set_run(struct timer_set *s)
{
	bool any = false;

	lk_acquire(&s->lk);
	for (unsigned c = 0; c < CLOCK_N; c++) {
		struct timer_heap *h = &s->heap[c];
		uint64_t now, last;

		if (!h->n || !timer_clock_runs((enum clock_id)c)) {
			continue;
		}
		now = clock_ns((enum clock_id)c);
		last = s->seq; /* what callbacks set anew waits for the next turn */
		while (h->n && h->a[0]->expire <= now && h->a[0]->seq < last) {
			struct timer *t = h->a[0];
			timer_fn *fn = t->fn;
			void *opaque = t->opaque;

			timer_heap_del(h, t);
			s->running = t;
			lk_release(&s->lk);
			fn(opaque); /* may free t */
			any = true;
			lk_acquire(&s->lk);
			s->running = NULL;
			lk_cond_broadcast(&s->idle);
		}
	}
	lk_release(&s->lk);
	return any;
}

uint64_t timer_set_wait_ns(struct timer_set *s)
{
	uint64_t best = UINT64_MAX;

	LOCK_SCOPE(&s->lk);
	for (unsigned c = 0; c < CLOCK_N; c++) {
		uint64_t now, wait;

		if (!s->heap[c].n || !timer_clock_runs((enum clock_id)c) ||
		    (c == CLOCK_VM && atomic_load(&clock_vm.virt))) {
			continue; /* clock_step() runs the virtual ones */
		}
		now = clock_ns((enum clock_id)c);
		wait = s->heap[c].a[0]->expire;
		wait = wait <= now ? 0 : wait - now;
		if (c == CLOCK_HOST) {
			wait = MIN(wait, NS_PER_S); /* the wall clock may be set */
		}
		best = MIN(best, wait);
	}
	return best;
}

/* ---- the virtual clock ---- */

static uint64_t clock_vm_first(struct loop **l)
{
	uint64_t best = UINT64_MAX;
	struct timer_set *s;

	LOCK_SCOPE(&timer_sets_lk);
	list_for_each (s, &timer_sets, link) {
		LOCK_SCOPE(&s->lk);
		if (s->heap[CLOCK_VM].n && s->heap[CLOCK_VM].a[0]->expire < best) {
			best = s->heap[CLOCK_VM].a[0]->expire;
			*l = s->loop;
		}
	}
	return best;
}

uint64_t clock_vm_next_deadline(void)
{
	struct loop *l;

	return clock_vm_first(&l);
}

static void clock_step_run(void *opaque)
{
	struct loop *l = opaque;

	timer_set_run(&l->timers);
}

void clock_step(uint64_t to_ns)
{
	struct loop *l = NULL;
	uint64_t at;

	while ((at = clock_vm_first(&l)) <= to_ns) {
		if (at > clock_vm_ns()) {
			clock_vm_write(atomic_load(&clock_vm.on), true, at);
		}
		loop_call(l, clock_step_run, l);
	}
	if (to_ns > clock_vm_ns()) {
		clock_vm_write(atomic_load(&clock_vm.on), true, to_ns);
	}
}
