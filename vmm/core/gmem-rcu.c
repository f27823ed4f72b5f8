/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem-rcu.c - when an old flat map may be freed.
 *
 * Each reader thread has a record with the last epoch it saw; 0 means that it
 * holds no flat pointer (offline). Publishing a map advances the epoch and tags
 * the old one with the new value; it is freed once every record is offline or has
 * seen that value.
 *
 * Ordering: a tick loads the epoch (acquire) and stores it in the record. If it
 * read the advanced epoch, it sees the new map from then on; if it read an older
 * one, the record holds the map back. Only the step from offline to online needs
 * a full fence, because the writer may have skipped the thread.
 */
#include "config.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/gmem-internal.h"
#include "core/lock-stat.h"

struct gmem_garbage {
	struct gmem_garbage *next;
	struct flat *flat;
	uint64_t epoch;
};

static struct lk gmem_rcu_lk = LK_INIT(RANK_RECLAIM, "retired maps");
static struct list gmem_readers = LIST_INIT(gmem_readers);
static struct gmem_garbage *gmem_garbage;
_Atomic uint64_t gmem_epoch = 1;
static pthread_key_t gmem_key;
static pthread_once_t gmem_key_once = PTHREAD_ONCE_INIT;
static void (*gmem_kick_fn)(void *);
static void *gmem_kick_opaque;

__thread struct gmem_reader *gmem_self;

static void gmem_reader_gone(void *p)
{
	struct gmem_reader *r = p;

	lk_acquire(&gmem_rcu_lk);
	list_del(&r->link);
	lk_release(&gmem_rcu_lk);
	gmem_self = NULL;
	free(r);
}

static void gmem_key_init(void)
{
	pthread_key_create(&gmem_key, gmem_reader_gone);
}

struct gmem_reader *gmem_reader_make(void)
{
	struct gmem_reader *r = calloc(1, sizeof(*r));

	if (!r) {
		abort(); /* a few words, once a thread */
	}
	pthread_once(&gmem_key_once, gmem_key_init);
	pthread_setspecific(gmem_key, r);
	lk_acquire(&gmem_rcu_lk);
	list_add_tail(&gmem_readers, &r->link);
	lk_release(&gmem_rcu_lk);
	gmem_self = r;
	return r;
}

static inline struct gmem_reader *gmem_reader(void)
{
	return likely(gmem_self) ? gmem_self : gmem_reader_make();
}

void gmem_go_online(struct gmem_reader *r)
{
	atomic_store_explicit(&r->seen, atomic_load(&gmem_epoch), memory_order_relaxed);
	atomic_thread_fence(memory_order_seq_cst);
}

void gmem_go_offline(struct gmem_reader *r)
{
	atomic_store_explicit(&r->seen, 0, memory_order_release);
}

static bool gmem_is_online(const struct gmem_reader *r)
{
	return r->nest || r->ticks;
}

static void gmem_set_ticks(struct gmem_reader *r)
{
	r->ticks = r->register_depth && !r->offline_depth;
}

const struct flat *aspace_enter(struct aspace *as)
{
	struct gmem_reader *r = gmem_reader();

	if (unlikely(!gmem_is_online(r))) {
		gmem_go_online(r);
	}
	r->nest++;
	return atomic_load_explicit(&as->flat, memory_order_acquire);
}

void aspace_leave(struct aspace *as __unused)
{
	gmem_leave();
}

void gmem_thread_register(void)
{
	struct gmem_reader *r = gmem_reader();

	if (!gmem_is_online(r)) {
		gmem_go_online(r);
	}
	r->register_depth++;
	gmem_set_ticks(r);
}

void gmem_thread_unregister(void)
{
	struct gmem_reader *r = gmem_self;

	r->register_depth--;
	gmem_set_ticks(r);
	if (!gmem_is_online(r)) {
		gmem_go_offline(r);
	}
}

/* Inside a section it is none: loops turned from within one, for example. */
void gmem_quiescent(void)
{
	gmem_tick();
}

void gmem_offline(void)
{
	struct gmem_reader *r = gmem_self;

	if (r && r->register_depth && !r->offline_depth++) {
		r->ticks = false;
		if (!r->nest) {
			gmem_go_offline(r);
		}
	}
}

void gmem_online(void)
{
	struct gmem_reader *r = gmem_self;

	if (r && r->register_depth && !--r->offline_depth) {
		r->ticks = true;
		if (!r->nest) {
			gmem_go_online(r);
		}
	}
}

/* ---- writers ---- */

/* The oldest epoch a reader may still be in. */
static uint64_t gmem_oldest(const struct gmem_reader *but)
{
	uint64_t oldest = UINT64_MAX;
	struct gmem_reader *r;

	/* cppcheck-suppress nullPointerRedundantCheck; it is `but` that may be NULL */
	list_for_each (r, &gmem_readers, link) {
		uint64_t seen = atomic_load(&r->seen);

		if (seen && r != but) {
			oldest = MIN(oldest, seen);
		}
	}
	return oldest;
}

static struct gmem_garbage *gmem_collect(void)
{
	uint64_t oldest = gmem_oldest(NULL);
	struct gmem_garbage **pp = &gmem_garbage, *out = NULL;

	while (*pp) {
		struct gmem_garbage *g = *pp;

		if (g->epoch <= oldest) {
			*pp = g->next;
			g->next = out;
			out = g;
		} else {
			pp = &g->next;
		}
	}
	return out;
}

static void gmem_reclaim(void)
{
	struct gmem_garbage *g;

	lk_acquire(&gmem_rcu_lk);
	g = gmem_collect();
	lk_release(&gmem_rcu_lk);
	while (g) {
		struct gmem_garbage *next = g->next;

		free(g->flat);
		free(g);
		g = next;
	}
}

void gmem_retire(struct flat *f)
{
	struct gmem_garbage *g;

	if (!f) {
		return;
	}
	g = malloc(sizeof(*g));
	if (!g) {
		return; /* leaking a map is the safe side */
	}
	g->flat = f;
	g->epoch = atomic_fetch_add(&gmem_epoch, 1) + 1;
	lk_acquire(&gmem_rcu_lk);
	g->next = gmem_garbage;
	gmem_garbage = g;
	lk_release(&gmem_rcu_lk);
	gmem_reclaim();
}

void gmem_set_kick_hook(void (*fn)(void *), void *opaque)
{
	gmem_kick_fn = fn;
	gmem_kick_opaque = opaque;
}

void gmem_synchronize(void)
{
	uint64_t epoch = atomic_fetch_add(&gmem_epoch, 1) + 1, since = lock_stat_now();

	if (gmem_kick_fn) {
		gmem_kick_fn(gmem_kick_opaque);
	}
	/* The caller itself holds nothing, or it would not ask. */
	for (unsigned us = 20;; us = MIN(us * 2, 1000u)) {
		uint64_t oldest;

		lk_acquire(&gmem_rcu_lk);
		oldest = gmem_oldest(gmem_self);
		lk_release(&gmem_rcu_lk);
		if (oldest >= epoch) {
			break;
		}
		usleep(us);
	}
	lock_stat_waited("(memory map grace period)", since);
	gmem_quiescent();
	gmem_reclaim();
}
