/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.c - the event loop but for its back ends; see loop.h.
 *
 * Waking: a loop that is about to block sets `sleeping` and looks at its queues
 * once more; a poster queues first and looks at `sleeping` afterwards. Both sides
 * are sequentially consistent, so one of them sees the other, and a post to a
 * loop that is awake costs no system call.
 */
#include "config.h"

#include "core/loop.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "core/gmem.h"
#include "core/loop-internal.h"
#include "core/role.h"

struct event {
	struct loop *loop;
	loop_work_fn *fn;
	void *opaque;
	_Atomic bool pending; /* on loop->rung or ready_events */
	_Atomic int fd;       /* made by event_fd(); -1 before */
	struct loop_watch *watch;
	struct event *next;
	struct list link;
};

static __thread struct loop *loop_this;

struct loop *loop_current(void)
{
	return loop_this;
}

/* ---- life ---- */

static int loop_init_backend(struct loop *l, enum loop_backend want, struct err *e)
{
	int ret = -ENOSYS;

#ifdef HAVE_LIBURING
	if (want != LOOP_EPOLL) {
		l->ops = &loop_uring_ops;
		ret = l->ops->init(l, e);
		if (!ret || want == LOOP_URING) {
			return ret;
		}
		trace("loop_fallback", "io_uring is not usable (%s)", strerror(-ret));
	}
#else
	if (want == LOOP_URING) {
		return err_set(e, -ENOTSUP,
		               "not supported: this build has no io_uring");
	}
#endif
	l->ops = &loop_epoll_ops;
	ret = l->ops->init(l, e);
	return ret;
}

struct loop *loop_new(enum loop_backend want, struct err *e)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l) {
		err_set_errno(e, -ENOMEM, "event loop");
		return NULL;
	}
	/* Blocking on purpose: io_uring then waits in the kernel. It is read only when
	 * ready. */
	l->wake_fd = eventfd(0, EFD_CLOEXEC);
	if (l->wake_fd < 0) {
		err_set_errno(e, -errno, "event loop: eventfd");
		free(l);
		return NULL;
	}
	lk_init(&l->lk, RANK_LOOP, "loop");
	l->changed = (struct lk_cond){ 0 };
	l->last = &l->first;
	list_init(&l->ready_events);
	list_init(&l->watches);
	list_init(&l->dead);
	timer_set_init(&l->timers, l);
	if (loop_init_backend(l, want, e)) {
		l->ops = NULL;
		loop_free(l);
		return NULL;
	}
	return l;
}

static void loop_bury(struct loop *l)
{
	struct loop_watch *w, *tmp;

	list_for_each_safe (w, tmp, &l->dead, link) {
		if (!w->armed && !w->busy) {
			list_del(&w->link);
			free(w);
		}
	}
}

void loop_free(struct loop *l)
{
	struct loop_watch *w, *tmp;

	if (!l) {
		return;
	}
	if (l->ops) {
		l->ops->fini(l);
	}
	list_for_each_safe (w, tmp, &l->watches, link) {
		list_del(&w->link);
		free(w);
	}
	list_for_each_safe (w, tmp, &l->dead, link) {
		list_del(&w->link);
		free(w);
	}
	while (l->first) {
		struct loop_work *work = l->first;

		l->first = work->next;
		free(work);
	}
	timer_set_fini(&l->timers);
	lk_fini(&l->lk);
	close(l->wake_fd);
	free(l);
}

const char *loop_backend_name(const struct loop *l)
{
	return l->ops->name;
}

/* ---- waking and posted work ---- */

void loop_wake(struct loop *l)
{
	uint64_t one = 1;

	if (loop_this == l || !atomic_exchange(&l->sleeping, false)) {
		return;
	}
	if (write(l->wake_fd, &one, sizeof(one)) < 0) {
		return; /* counter full: it is awake already */
	}
}

void loop_wake_drain(struct loop *l)
{
	uint64_t n;

	if (read(l->wake_fd, &n, sizeof(n)) < 0) {
		return;
	}
}

static struct loop_work *loop_work_new(loop_work_fn *fn, void *opaque)
{
	struct loop_work *w = malloc(sizeof(*w));

	if (!w) {
		abort(); /* three words; nothing sensible can go on */
	}
	*w = (struct loop_work){ .fn = fn, .opaque = opaque };
	return w;
}

static void loop_append_locked(struct loop *l, struct loop_work *w)
{
	*l->last = w;
	l->last = &w->next;
	l->n_posts++;
}

void loop_post(struct loop *l, loop_work_fn *fn, void *opaque)
{
	struct loop_work *w = loop_work_new(fn, opaque);

	lk_acquire(&l->lk);
	loop_append_locked(l, w);
	lk_release(&l->lk);
	loop_wake(l);
}

/*
 * Each queue is emptied one item at a time, and only of what was there when it
 * began: a callback may turn the loop itself (drain), and the inner turn must find
 * the items behind it.
 */
static struct loop_work *loop_pop_post(struct loop *l, bool count, unsigned *n)
{
	struct loop_work *w;

	LOCK_SCOPE(&l->lk);
	if (count) {
		*n = l->n_posts;
	}
	w = l->first;
	if (!w || !*n) {
		return NULL;
	}
	(*n)--;
	l->n_posts--;
	l->first = w->next;
	if (!l->first) {
		l->last = &l->first;
	}
	return w;
}

static bool loop_run_posts(struct loop *l)
{
	unsigned n = 0;
	struct loop_work *w = loop_pop_post(l, true, &n);
	bool any = w != NULL;

	while (w) {
		loop_work_fn *fn = w->fn;
		void *opaque = w->opaque;

		free(w);
		fn(opaque);
		w = loop_pop_post(l, false, &n);
	}
	return any;
}

struct loop_call {
	loop_work_fn *fn;
	void *opaque;
	pthread_mutex_t m;
	pthread_cond_t c;
	bool done;
};

static void loop_call_run(void *opaque)
{
	struct loop_call *c = opaque;

	c->fn(c->opaque);
	pthread_mutex_lock(&c->m);
	c->done = true;
	pthread_cond_signal(&c->c);
	pthread_mutex_unlock(&c->m);
}

enum loop_call_how { LOOP_CALL_POSTED, LOOP_CALL_BORROWED, LOOP_CALL_NESTED };

/*
 * Either a thread runs the loop: w is posted to it. Or none does (not yet, or no
 * longer): the caller stands in for it. Deciding and posting are one step, so that
 * nothing is posted to a loop that has just ended.
 */
static enum loop_call_how loop_post_or_borrow(struct loop *l, struct loop_work *w)
{
	LOCK_SCOPE(&l->lk);
	while (l->borrowed && !l->owned) {
		if (pthread_equal(l->owner, pthread_self())) {
			return LOOP_CALL_NESTED; /* by way of another loop's call */
		}
		lk_cond_wait(&l->changed, &l->lk);
	}
	if (l->owned) {
		loop_append_locked(l, w);
		return LOOP_CALL_POSTED;
	}
	l->borrowed = true;
	l->owner = pthread_self();
	return LOOP_CALL_BORROWED;
}

static void loop_give_back(struct loop *l)
{
	LOCK_SCOPE(&l->lk);
	l->borrowed = false;
	lk_cond_broadcast(&l->changed);
}

void loop_call(struct loop *l, loop_work_fn *fn, void *opaque)
{
	struct loop_call c = { .fn = fn,
		               .opaque = opaque,
		               .m = PTHREAD_MUTEX_INITIALIZER,
		               .c = PTHREAD_COND_INITIALIZER };
	struct loop *was = loop_this;
	enum loop_call_how how;
	struct loop_work *w;

	if (was == l) {
		fn(opaque);
		return;
	}
	w = loop_work_new(loop_call_run, &c);
	how = loop_post_or_borrow(l, w);
	if (how != LOOP_CALL_POSTED) {
		free(w);
		loop_this = l;
		fn(opaque);
		loop_this = was;
		if (how == LOOP_CALL_BORROWED) {
			loop_give_back(l);
		}
		return;
	}
	loop_wake(l);
	gmem_offline();
	pthread_mutex_lock(&c.m);
	while (!c.done) {
		pthread_cond_wait(&c.c, &c.m);
	}
	pthread_mutex_unlock(&c.m);
	gmem_online();
}

/* ---- events ---- */

struct event *event_new(struct loop *l, loop_work_fn *fn, void *opaque)
{
	struct event *ev = calloc(1, sizeof(*ev));

	if (!ev) {
		abort();
	}
	ev->loop = l;
	ev->fn = fn;
	ev->opaque = opaque;
	ev->fd = -1;
	list_init(&ev->link);
	return ev;
}

/* Takes what was rung into ready_events, oldest first. */
static void loop_take_rung(struct loop *l)
{
	struct event *ev = atomic_exchange(&l->rung, NULL), *rev = NULL;

	while (ev) {
		struct event *next = ev->next;

		ev->next = rev;
		rev = ev;
		ev = next;
	}
	for (; rev; rev = rev->next) {
		list_add_tail(&l->ready_events, &rev->link);
	}
}

static bool loop_run_events(struct loop *l)
{
	struct list *pos;
	unsigned n = 0;
	bool any;

	loop_take_rung(l);
	for (pos = l->ready_events.next; pos != &l->ready_events; pos = pos->next) {
		n++;
	}
	any = n != 0;
	for (; n && !list_empty(&l->ready_events); n--) {
		struct event *ev = list_first(&l->ready_events, struct event, link);

		list_del(&ev->link);
		atomic_store(&ev->pending, false);
		ev->fn(ev->opaque);
	}
	return any;
}

void event_free(struct event *ev)
{
	if (!ev) {
		return;
	}
	/* A ring may be on its way: event_ring() callers are gone by contract. */
	loop_take_rung(ev->loop);
	list_del(&ev->link);
	if (ev->watch) {
		loop_watch_free(ev->watch);
	}
	if (ev->fd >= 0) {
		close(ev->fd);
	}
	free(ev);
}

void event_ring(struct event *ev)
{
	struct loop *l = ev->loop;
	struct event *head;

	if (atomic_exchange(&ev->pending, true)) {
		return;
	}
	head = atomic_load(&l->rung);
	do {
		ev->next = head;
	} while (!atomic_compare_exchange_weak(&l->rung, &head, ev));
	loop_wake(l);
}

static void event_fd_ready(void *opaque, int fd, unsigned revents __unused)
{
	struct event *ev = opaque;
	uint64_t n;

	if (read(fd, &n, sizeof(n)) == (ssize_t)sizeof(n)) {
		ev->fn(ev->opaque);
	}
}

int event_fd(const struct event *cev)
{
	struct event *ev =
		(struct event *)cev; /* the descriptor is made on first use */

	if (ev->fd < 0) {
		ev->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (ev->fd >= 0) {
			ev->watch = loop_watch_new(ev->loop, ev->fd, POLLIN,
			                           event_fd_ready, ev);
		}
	}
	return ev->fd;
}

/* ---- watches ---- */

struct loop_watch *loop_watch_new(struct loop *l, int fd, unsigned events,
                                  loop_fd_fn *fn, void *opaque)
{
	struct loop_watch *w = calloc(1, sizeof(*w));

	if (!w) {
		abort();
	}
	w->loop = l;
	w->fd = fd;
	w->events = events;
	w->fn = fn;
	w->opaque = opaque;
	list_add_tail(&l->watches, &w->link);
	l->ops->watch_changed(w);
	return w;
}

void loop_watch_set(struct loop_watch *w, unsigned events)
{
	if (w->events != events) {
		w->events = events;
		w->loop->ops->watch_changed(w);
	}
}

void loop_watch_free(struct loop_watch *w)
{
	if (!w) {
		return;
	}
	w->dead = true;
	w->events = 0;
	list_del(&w->link);
	list_add_tail(&w->loop->dead, &w->link);
	w->loop->ops->watch_changed(w);
}

void loop_watch_run(struct loop_watch *w, unsigned revents)
{
	unsigned hit = revents & (w->events | POLLERR | POLLHUP | POLLNVAL);

	if (w->dead || !w->events || !hit) {
		return;
	}
	w->busy = true;
	w->fn(w->opaque, w->fd, hit);
	w->busy = false;
}

/* ECANCELED: of a thread that armed it and has ended. ENOSPC: of epoll's limit a user. */
bool loop_watch_transient(int err)
{
	return err == EINTR || err == EAGAIN || err == ENOMEM || err == ECANCELED ||
	       err == ENOSPC;
}

void loop_watch_lost(struct loop_watch *w, int err)
{
	w->lost = true;
	w->loop->ops->watch_changed(w);
	log_warn("descriptor %d can't be watched any more: %s", w->fd, strerror(err));
	loop_watch_run(w, POLLERR);
}

/* ---- turning ---- */

static bool loop_has_queued(struct loop *l)
{
	bool posts;

	lk_acquire(&l->lk);
	posts = l->first != NULL;
	lk_release(&l->lk);
	return posts || atomic_load(&l->rung) || !list_empty(&l->ready_events) ||
	       atomic_load(&l->done) || l->done_ready || atomic_load(&l->stop);
}

/* Completions of the helper pool, oldest first. */
static bool loop_run_done(struct loop *l)
{
	struct loop_io *io = atomic_exchange(&l->done, NULL), *rev = NULL;
	struct loop_io **tail = &l->done_ready;
	bool any = false;

	while (io) {
		struct loop_io *next = io->next;

		io->next = rev;
		rev = io;
		io = next;
	}
	while (*tail) {
		tail = &(*tail)->next;
	}
	*tail = rev;
	while (l->done_ready) {
		io = l->done_ready;
		l->done_ready = io->next;
		io->cb(io->opaque, io->result);
		any = true;
	}
	return any;
}

bool loop_turn(struct loop *l, bool block)
{
	struct loop *was = loop_this;
	uint64_t wait_ns = 0;
	struct err err = ERR_INIT;
	bool any;

	if (role_seal_self(&err)) {
		log_error("%s", err.text);
		abort(); /* never run on without the filter */
	}
	gmem_quiescent();
	if (block) {
		/* Wakes between here and the block must reach wake_fd: so says
		 * `sleeping`. */
		loop_this = NULL;
		atomic_store(&l->sleeping, true);
		wait_ns = loop_has_queued(l) ? 0 : timer_set_wait_ns(&l->timers);
	}
	loop_this = l;
	l->depth++;
	l->turns++;
	any = l->ops->turn(l, wait_ns);
	any |= timer_set_run(&l->timers);
	any |= loop_run_done(l);
	any |= loop_run_posts(l);
	any |= loop_run_events(l);
	l->depth--;
	if (!l->depth) {
		loop_bury(l);
	}
	loop_this = was;
	return any;
}

static void loop_own(struct loop *l)
{
	LOCK_SCOPE(&l->lk);
	while (l->borrowed) {
		lk_cond_wait(&l->changed, &l->lk);
	}
	l->owned = true;
	l->owner = pthread_self();
	lk_cond_broadcast(&l->changed);
}

/* False when something was posted meanwhile. */
static bool loop_disown(struct loop *l)
{
	LOCK_SCOPE(&l->lk);
	l->owned = l->first != NULL;
	return !l->owned;
}

static void loop_wake_opaque(void *opaque)
{
	loop_wake(opaque);
}

void loop_run(struct loop *l)
{
	gmem_thread_register();
	loop_own(l);
	role_set_wake(loop_wake_opaque, l);
	while (!atomic_load(&l->stop)) {
		loop_turn(l, true);
	}
	atomic_store(&l->stop, false);
	/* Whoever waits in loop_call() must not wait for ever: what is queued still
	 * runs. */
	do {
		loop_turn(l, false);
	} while (!loop_disown(l));
	role_set_wake(NULL, NULL);
	gmem_thread_unregister();
}

void loop_stop(struct loop *l)
{
	atomic_store(&l->stop, true);
	loop_wake(l);
}

/* ---- file I/O ---- */

static void loop_io_start(struct loop *l, struct loop_io *io, enum loop_op op, int fd,
                          loop_io_fn *cb, void *opaque)
{
	io->loop = l;
	io->op = (uint8_t)op;
	io->fd = fd;
	io->cb = cb;
	io->opaque = opaque;
	io->next = NULL;
	io->result = 0;
	l->ops->submit(l, io);
}

void loop_readv(struct loop *l, struct loop_io *io, int fd, const struct iovec *iov,
                int iovcnt, uint64_t off, loop_io_fn *cb, void *opaque)
{
	io->iov = iov;
	io->iovcnt = iovcnt;
	io->off = off;
	loop_io_start(l, io, LOOP_OP_READ, fd, cb, opaque);
}

void loop_writev(struct loop *l, struct loop_io *io, int fd, const struct iovec *iov,
                 int iovcnt, uint64_t off, loop_io_fn *cb, void *opaque)
{
	io->iov = iov;
	io->iovcnt = iovcnt;
	io->off = off;
	loop_io_start(l, io, LOOP_OP_WRITE, fd, cb, opaque);
}

void loop_fdatasync(struct loop *l, struct loop_io *io, int fd, loop_io_fn *cb,
                    void *opaque)
{
	loop_io_start(l, io, LOOP_OP_FDATASYNC, fd, cb, opaque);
}

void loop_fallocate(struct loop *l, struct loop_io *io, int fd, int mode, uint64_t off,
                    uint64_t len, loop_io_fn *cb, void *opaque)
{
	io->mode = (uint32_t)mode;
	io->off = off;
	io->len = len;
	loop_io_start(l, io, LOOP_OP_FALLOCATE, fd, cb, opaque);
}
