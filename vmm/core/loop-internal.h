/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop-internal.h - what clock.c and the back ends of the loop share. The public
 * contract is loop.h and clock.h.
 */
#ifndef LODGE_CORE_LOOP_INTERNAL_H
#define LODGE_CORE_LOOP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "core/clock.h"
#include "core/lock.h"
#include "core/loop.h"

/* ---- timers of one loop (clock.c) ---- */

struct timer_heap {
	struct timer **a;
	unsigned n, cap;
};

struct timer_set {
	struct lk lk; /* RANK_TIMER */
	struct timer_heap heap[CLOCK_N];
	struct timer
		*running;    /* its callback is being called; not to be dereferenced */
	struct lk_cond idle; /* with lk: running changed */
	uint64_t seq;        /* equal deadlines run in the order they were set */
	struct loop *loop;
	struct list link; /* all sets */
};

void timer_set_init(struct timer_set *s, struct loop *l);
void timer_set_fini(struct timer_set *s);
/* Runs what is due; true if anything ran. On the loop's thread. */
bool timer_set_run(struct timer_set *s);
/* Nanoseconds until the first deadline: 0 due, UINT64_MAX none. */
uint64_t timer_set_wait_ns(struct timer_set *s);

/* ---- back ends ---- */

struct loop_watch {
	struct loop *loop;
	int fd;
	unsigned events; /* wanted */
	unsigned armed;  /* io_uring: events of the poll in flight, 0 none */
	bool dead;       /* freed by its user: storage goes when nothing refers to it */
	bool busy;       /* its callback is running */
	bool cancelling;
	bool lost;        /* its descriptor can't be watched: never armed again */
	int failed;       /* epoll: why it is not in the set as wanted */
	uint64_t visited; /* epoll: turn of the last look at an odd one */
	loop_fd_fn *fn;
	void *opaque;
	struct list link;
};

struct loop_ops {
	const char *name;
	int (*init)(struct loop *l, struct err *e);
	void (*fini)(struct loop *l);
	/* Submits, waits up to wait_ns (UINT64_MAX: for ever), runs ready callbacks. */
	bool (*turn)(struct loop *l, uint64_t wait_ns);
	void (*watch_changed)(struct loop_watch *w); /* new, set, lost, dead */
	void (*submit)(struct loop *l, struct loop_io *io);
};
extern const struct loop_ops loop_uring_ops, loop_epoll_ops;

enum loop_op { LOOP_OP_READ, LOOP_OP_WRITE, LOOP_OP_FDATASYNC, LOOP_OP_FALLOCATE };

struct loop_work {
	struct loop_work *next;
	loop_work_fn *fn;
	void *opaque;
};

struct loop {
	const struct loop_ops *ops;
	void *priv; /* back end's */
	int wake_fd;
	_Atomic bool sleeping; /* about to block: who posts must write wake_fd */
	_Atomic bool stop;
	struct timer_set timers;

	struct lk lk; /* RANK_LOOP: posts, owner */
	struct loop_work *first, **last;
	unsigned n_posts;
	bool owned, borrowed; /* a thread runs the loop / a caller stands in for it */
	pthread_t owner;
	struct lk_cond changed;

	struct event *_Atomic rung; /* events rung from user space, newest first */
	struct list ready_events;   /* taken from `rung`, not run yet */
	struct list watches, dead;
	struct loop_io *_Atomic done; /* completions of the helper pool, newest first */
	struct loop_io *done_ready;   /* taken from `done`, oldest first */
	unsigned depth;               /* turns on the stack (nested) */
	uint64_t turns;               /* how many were begun */
};

/* Makes a blocked loop look again; nothing when it is awake. [any] */
void loop_wake(struct loop *l);
void loop_watch_run(struct loop_watch *w, unsigned revents);
/* The kernel refuses the watch (`err` an errno): to be tried again, or loop_watch_lost(),
 * which tells the user by POLLERR and whoever reads the log. */
bool loop_watch_transient(int err);
void loop_watch_lost(struct loop_watch *w, int err);
/* Clears wake_fd. */
void loop_wake_drain(struct loop *l);

/* The helper pool of the epoll back end (loop-pool.c). */
int loop_pool_get(struct err *e) __must_check;
void loop_pool_put(void);
void loop_pool_submit(struct loop_io *io);
ssize_t loop_io_execute(const struct loop_io *io);

#endif
