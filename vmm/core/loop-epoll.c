/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop-epoll.c - the epoll back end of the loop, for where io_uring is refused.
 * Descriptors that epoll does not take (regular files) are always ready, as
 * poll(2) says. What the kernel refuses for lack of memory and the like is tried again
 * every few milliseconds; any other refusal ends the watch. File I/O goes to the helper
 * pool.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "core/gmem.h"
#include "core/loop-internal.h"

enum { EPOLL_BATCH = 64, EPOLL_RETRY_MS = 5 };

struct epoll {
	int fd;
	unsigned always; /* watches of files epoll refuses */
	unsigned failed; /* watches to be tried again, or given up */
	bool no_pwait2;
};

_Static_assert(EPOLLIN == POLLIN && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR &&
                       EPOLLHUP == POLLHUP && EPOLLPRI == POLLPRI,
               "poll and epoll share their bits");

static int epoll_init(struct loop *l, struct err *e)
{
	struct epoll *p = calloc(1, sizeof(*p));
	struct epoll_event ev = { .events = EPOLLIN, .data.ptr = NULL };
	int ret;

	if (!p) {
		return err_set_errno(e, -ENOMEM, "epoll");
	}
	p->fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->fd < 0 || epoll_ctl(p->fd, EPOLL_CTL_ADD, l->wake_fd, &ev)) {
		ret = err_set_errno(e, -errno, "epoll");
		if (p->fd >= 0) {
			close(p->fd);
		}
		free(p);
		return ret;
	}
	ret = loop_pool_get(e);
	if (ret) {
		close(p->fd);
		free(p);
		return ret;
	}
	l->priv = p;
	return 0;
}

static void epoll_fini(struct loop *l)
{
	struct epoll *p = l->priv;

	if (p) {
		loop_pool_put();
		close(p->fd);
		free(p);
	}
}

/* `armed` here: 0 not in the set, ~0u always ready, else the events in the set. */
static void epoll_watch_changed(struct loop_watch *w)
{
	struct epoll *p = w->loop->priv;
	struct epoll_event ev = { .events = w->events, .data.ptr = w };

	p->failed -= w->failed != 0;
	w->failed = 0;
	if (w->armed == ~0u) {
		if (!w->events) {
			p->always--;
			w->armed = 0;
		}
		return;
	}
	if (!w->events || w->lost) {
		if (w->armed) {
			epoll_ctl(p->fd, EPOLL_CTL_DEL, w->fd, NULL);
		}
		w->armed = 0;
		return;
	}
	if (!epoll_ctl(p->fd, w->armed ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, w->fd, &ev)) {
		w->armed = w->events;
	} else if (errno == EPERM) {
		p->always++;
		w->armed = ~0u;
	} else { /* not from here: who calls may not be ready for a callback */
		w->failed = errno;
		p->failed++;
	}
}

static int epoll_wait_ns(struct epoll *p, struct epoll_event *evs, uint64_t ns)
{
	struct timespec ts = { .tv_sec = (time_t)(ns / NS_PER_S),
		               .tv_nsec = (long)(ns % NS_PER_S) };
	int n, ms;

	if (!p->no_pwait2) {
		n = epoll_pwait2(p->fd, evs, EPOLL_BATCH, ns == UINT64_MAX ? NULL : &ts,
		                 NULL);
		if (n >= 0 || errno != ENOSYS) {
			return n;
		}
		p->no_pwait2 = true;
	}
	ms = ns == UINT64_MAX       ? -1
	     : ns > 1000 * NS_PER_S ? 1000000
	                            : (int)((ns + NS_PER_MS - 1) / NS_PER_MS);
	return epoll_wait(p->fd, evs, EPOLL_BATCH, ms);
}

/* A watch that epoll does not report, each once a turn. From the front every time, because
 * a callback may have freed any. */
static struct loop_watch *epoll_next_odd(struct loop *l, uint64_t turn)
{
	struct loop_watch *w;

	list_for_each (w, &l->watches, link) {
		if ((w->failed || (w->armed == ~0u && !w->busy)) &&
		    w->visited != turn) {
			w->visited = turn;
			return w;
		}
	}
	return NULL;
}

static bool epoll_run_odd(struct loop *l)
{
	uint64_t turn = l->turns;
	struct loop_watch *w;
	bool any = false;

	while (l->turns == turn && (w = epoll_next_odd(l, turn))) {
		int err = w->failed;

		if (w->armed == ~0u) {
			loop_watch_run(w, w->events & (POLLIN | POLLOUT));
			any = true;
		} else if (loop_watch_transient(err)) {
			epoll_watch_changed(w); /* again */
		} else {
			loop_watch_lost(w, err);
			any = true;
		}
	}
	return any;
}

static bool epoll_turn(struct loop *l, uint64_t wait_ns)
{
	struct epoll *p = l->priv;
	struct epoll_event evs[EPOLL_BATCH];
	uint64_t turn = l->turns;
	bool any = false;
	int n;

	wait_ns = p->always   ? 0
	          : p->failed ? MIN(wait_ns, EPOLL_RETRY_MS * NS_PER_MS)
	                      : wait_ns;
	gmem_offline();
	n = epoll_wait_ns(p, evs, wait_ns);
	gmem_online();
	atomic_store(&l->sleeping, false);
	/* A watch freed by an earlier callback of this batch stays allocated until the
	 * end of the outermost turn; loop_watch_run() skips it. After a nested turn the
	 * rest of the batch is stale: what is still ready shows up again. */
	for (int i = 0; i < n && l->turns == turn; i++) {
		if (evs[i].data.ptr) {
			loop_watch_run(evs[i].data.ptr, evs[i].events);
			any = true;
		} else {
			loop_wake_drain(l);
		}
	}
	if (p->always || p->failed) {
		any |= epoll_run_odd(l);
	}
	return any;
}

static void epoll_submit_io(struct loop *l __unused, struct loop_io *io)
{
	loop_pool_submit(io);
}

const struct loop_ops loop_epoll_ops = {
	.name = "epoll",
	.init = epoll_init,
	.fini = epoll_fini,
	.turn = epoll_turn,
	.watch_changed = epoll_watch_changed,
	.submit = epoll_submit_io,
};
