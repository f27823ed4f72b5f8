/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * coroutine.h - stackful coroutines with pooled, guard-paged stacks.
 *
 * A coroutine is entered on some loop's thread and yields back to whoever
 * entered it. It may be re-entered on another thread, but never runs on two.
 * Block and migration code reads top to bottom with these.
 */
#ifndef LODGE_CORE_COROUTINE_H
#define LODGE_CORE_COROUTINE_H

#include <stdbool.h>

struct co;
struct loop;
typedef void co_fn(void *opaque);

/* Creates and does not start. The coroutine frees itself when fn returns. */
struct co *co_new(co_fn *fn, void *opaque);
void co_enter(struct co *c);
void co_yield (void);
struct co *co_self(void); /* NULL outside */
bool co_in(void);
/* Posts co_enter to the loop. [any thread] */
void co_schedule(struct loop *l, struct co *c);

/* A fair mutex between coroutines (they yield, the thread goes on), also of different
 * loops. Not for code outside a coroutine. */
struct co_mutex {
	struct co *owner;
	struct co_waiter *first, **last;
	_Atomic bool guard;
};
void co_mutex_init(struct co_mutex *m);
void co_mutex_lock(struct co_mutex *m);
void co_mutex_unlock(struct co_mutex *m);

#endif
