/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop-uring.c - the io_uring back end of the loop. One io_uring_enter a turn
 * submits everything queued and waits. fd watches are one-shot polls that are
 * armed again after their callback, which makes them level-triggered; wake_fd is
 * kept under a read.
 *
 * user_data is a pointer with its kind in the low bits.
 */
#include "config.h"

#include "core/loop-internal.h"

#ifdef HAVE_LIBURING

#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/gmem.h"

enum { URING_ENTRIES = 256, URING_CQ_ENTRIES = 4096 };
enum uring_tag { URING_IGNORE, URING_IO, URING_WATCH, URING_WAKE, URING_TAGS = 7 };

struct uring {
	struct io_uring ring;
	bool wake_armed;
	uint64_t wake_count; /* target of the read of wake_fd */
};

static int uring_setup(struct uring *u, unsigned flags)
{
	struct io_uring_params p = { .flags = flags | IORING_SETUP_CQSIZE,
		                     .cq_entries = URING_CQ_ENTRIES };

	return io_uring_queue_init_params(URING_ENTRIES, &u->ring, &p);
}

static int uring_init(struct loop *l, struct err *e)
{
	struct uring *u = calloc(1, sizeof(*u));
	int ret;

	if (!u) {
		return err_set_errno(e, -ENOMEM, "io_uring");
	}
	ret = uring_setup(u, IORING_SETUP_COOP_TASKRUN);
	if (ret == -EINVAL) {
		ret = uring_setup(u, 0);
	}
	if (ret) {
		free(u);
		return err_set_errno(e, ret, "io_uring");
	}
	/* Timed waits without a timer request, and no lost completions, or not at all.
	 */
	if (!(u->ring.features & IORING_FEAT_EXT_ARG) ||
	    !(u->ring.features & IORING_FEAT_NODROP)) {
		io_uring_queue_exit(&u->ring);
		free(u);
		return err_set(e, -ENOSYS,
		               "io_uring: the kernel's is too old (5.11 is needed)");
	}
	l->priv = u;
	return 0;
}

static void uring_fini(struct loop *l)
{
	struct uring *u = l->priv;

	if (u) {
		io_uring_queue_exit(&u->ring);
		free(u);
	}
}

static struct io_uring_sqe *uring_sqe(struct uring *u, void *p, enum uring_tag tag)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&u->ring);

	while (!sqe) {
		io_uring_submit(&u->ring);
		sqe = io_uring_get_sqe(&u->ring);
	}
	memset(sqe, 0, sizeof(*sqe));
	sqe->user_data = (uint64_t)(uintptr_t)p | tag;
	return sqe;
}

static void uring_prep(struct io_uring_sqe *sqe, uint8_t op, int fd, const void *addr,
                       uint32_t len, uint64_t off)
{
	sqe->opcode = op;
	sqe->fd = fd;
	sqe->addr = (uint64_t)(uintptr_t)addr;
	sqe->len = len;
	sqe->off = off;
}

/* ---- watches ---- */

static void uring_arm(struct loop_watch *w)
{
	struct io_uring_sqe *sqe = uring_sqe(w->loop->priv, w, URING_WATCH);

	uring_prep(sqe, IORING_OP_POLL_ADD, w->fd, NULL, 0, 0);
	sqe->poll32_events = w->events;
	w->armed = w->events;
}

static void uring_watch_changed(struct loop_watch *w)
{
	struct uring *u = w->loop->priv;
	struct io_uring_sqe *sqe;

	if (w->armed) {
		if (w->armed != w->events && !w->cancelling) {
			sqe = uring_sqe(u, NULL, URING_IGNORE);
			uring_prep(sqe, IORING_OP_POLL_REMOVE, -1, NULL, 0, 0);
			sqe->addr = (uint64_t)(uintptr_t)w | URING_WATCH;
			w->cancelling = true;
		}
		if (w->dead) {
			/* The poll holds the file: its peer would not see a close. */
			io_uring_submit(&u->ring);
		}
	} else if (w->events && !w->busy && !w->lost) {
		uring_arm(w);
	}
}

static void uring_watch_done(struct loop_watch *w, int res)
{
	w->armed = 0;
	w->cancelling = false;
	if (w->dead) {
		return; /* loop_bury() frees it */
	}
	if (res >= 0) {
		loop_watch_run(w, (unsigned)res);
	} else if (!loop_watch_transient(-res)) {
		loop_watch_lost(w, -res); /* armed again, -EBADF would spin */
	}
	if (!w->dead && w->events && !w->armed && !w->lost) {
		uring_arm(w);
	}
}

/* ---- file I/O ---- */

static void uring_submit_io(struct loop *l, struct loop_io *io)
{
	struct io_uring_sqe *sqe = uring_sqe(l->priv, io, URING_IO);
	bool rd = io->op == LOOP_OP_READ;

	switch (io->op) {
	case LOOP_OP_READ:
	case LOOP_OP_WRITE:
		if (io->iovcnt == 1 && io->iov->iov_len <= INT32_MAX) {
			uring_prep(sqe, rd ? IORING_OP_READ : IORING_OP_WRITE, io->fd,
			           io->iov->iov_base, (uint32_t)io->iov->iov_len,
			           io->off);
		} else {
			uring_prep(sqe, rd ? IORING_OP_READV : IORING_OP_WRITEV, io->fd,
			           io->iov, (uint32_t)io->iovcnt, io->off);
		}
		break;
	case LOOP_OP_FDATASYNC:
		uring_prep(sqe, IORING_OP_FSYNC, io->fd, NULL, 0, 0);
		sqe->fsync_flags = IORING_FSYNC_DATASYNC;
		break;
	default:
		uring_prep(sqe, IORING_OP_FALLOCATE, io->fd, NULL, io->mode, io->off);
		sqe->addr = io->len;
		break;
	}
}

/* ---- the turn ---- */

static void uring_arm_wake(struct loop *l, struct uring *u)
{
	if (!u->wake_armed) {
		uring_prep(uring_sqe(u, NULL, URING_WAKE), IORING_OP_READ, l->wake_fd,
		           &u->wake_count, sizeof(u->wake_count), 0);
		u->wake_armed = true;
	}
}

static void uring_complete(struct uring *u, uint64_t data, int res)
{
	void *p = (void *)(uintptr_t)(data & ~(uint64_t)URING_TAGS);
	struct loop_io *io = p;

	switch ((enum uring_tag)(data & URING_TAGS)) {
	case URING_IO:
		io->result = res;
		io->cb(io->opaque, res);
		break;
	case URING_WATCH: uring_watch_done(p, res); break;
	case URING_WAKE: u->wake_armed = false; break;
	default: break;
	}
}

/* One at a time, because a callback may turn the loop again; bounded by what is there
 * now, so that timers get their turn. */
static bool uring_reap(struct uring *u)
{
	unsigned n = io_uring_cq_ready(&u->ring);
	struct io_uring_cqe *cqe;
	bool any = false;

	while (n-- && !io_uring_peek_cqe(&u->ring, &cqe)) {
		uint64_t data = cqe->user_data;
		int res = cqe->res;

		io_uring_cqe_seen(&u->ring, cqe);
		any |= data != URING_IGNORE && data != URING_WAKE;
		uring_complete(u, data, res);
	}
	return any;
}

static bool uring_turn(struct loop *l, uint64_t wait_ns)
{
	struct uring *u = l->priv;
	struct io_uring_cqe *cqe;
	struct __kernel_timespec ts = { .tv_sec = (long long)(wait_ns / NS_PER_S),
		                        .tv_nsec = (long long)(wait_ns % NS_PER_S) };

	uring_arm_wake(l, u);
	if (wait_ns) {
		gmem_offline();
		io_uring_submit_and_wait_timeout(
			&u->ring, &cqe, 1, wait_ns == UINT64_MAX ? NULL : &ts, NULL);
		gmem_online();
	} else {
		/* Enters even with nothing queued, so that cooperative completions
		 * arrive. */
		io_uring_submit_and_get_events(&u->ring);
	}
	atomic_store(&l->sleeping, false);
	return uring_reap(u);
}

const struct loop_ops loop_uring_ops = {
	.name = "io_uring",
	.init = uring_init,
	.fini = uring_fini,
	.turn = uring_turn,
	.watch_changed = uring_watch_changed,
	.submit = uring_submit_io,
};

#endif
