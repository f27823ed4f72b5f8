/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop-pool.c - the helper threads that carry out file I/O for loops without
 * io_uring. One pool for all of them; it lives as long as any such loop.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/log.h"
#include "core/loop-internal.h"
#include "core/role.h"

enum { POOL_THREADS = 4 };

static struct {
	struct lk lk;
	struct lk_cond more;
	struct loop_io *first, **last;
	unsigned users, threads;
	bool quit;
	struct role_thread thread[POOL_THREADS];
} loop_pool = {
	.lk = LK_INIT(RANK_IO_POOL, "I/O pool"),
	.last = &loop_pool.first,
};

ssize_t loop_io_execute(const struct loop_io *io)
{
	ssize_t n = 0;

	do {
		switch (io->op) {
		case LOOP_OP_READ:
			n = preadv(io->fd, io->iov, io->iovcnt, (off_t)io->off);
			break;
		case LOOP_OP_WRITE:
			n = pwritev(io->fd, io->iov, io->iovcnt, (off_t)io->off);
			break;
		case LOOP_OP_FDATASYNC: n = fdatasync(io->fd); break;
		default:
			n = fallocate(io->fd, (int)io->mode, (off_t)io->off,
			              (off_t)io->len);
			break;
		}
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static void loop_pool_finish(struct loop_io *io)
{
	struct loop *l = io->loop;
	struct loop_io *head = atomic_load(&l->done);

	do {
		io->next = head;
	} while (!atomic_compare_exchange_weak(&l->done, &head, io));
	loop_wake(l);
}

static struct loop_io *loop_pool_take(void)
{
	struct loop_io *io = loop_pool.first;

	if (io) {
		loop_pool.first = io->next;
		if (!loop_pool.first) {
			loop_pool.last = &loop_pool.first;
		}
	}
	return io;
}

static void loop_pool_nudge(void *opaque __unused)
{
	lk_cond_broadcast(&loop_pool.more);
}

static void *loop_pool_thread(void *arg __unused)
{
	role_set_wake(loop_pool_nudge, NULL);
	lk_acquire(&loop_pool.lk);
	while (!loop_pool.quit) {
		struct loop_io *io = loop_pool_take();
		struct err e = ERR_INIT;

		lk_release(&loop_pool.lk);
		if (role_seal_self(&e)) {
			log_error("%s", e.text);
		}
		if (io) {
			io->result = loop_io_execute(io);
			loop_pool_finish(io);
		}
		lk_acquire(&loop_pool.lk);
		if (!io && !loop_pool.first && !loop_pool.quit) {
			lk_cond_wait(&loop_pool.more, &loop_pool.lk);
		}
	}
	lk_release(&loop_pool.lk);
	return NULL;
}

int loop_pool_get(struct err *e)
{
	int ret = 0;

	/* Control thread: nobody else creates loops. */
	if (loop_pool.users++) {
		return 0;
	}
	loop_pool.quit = false;
	while (loop_pool.threads < POOL_THREADS && !ret) {
		char name[16];

		snprintf(name, sizeof(name), "io-helper%u", loop_pool.threads);
		ret = role_thread_start(&loop_pool.thread[loop_pool.threads],
		                        ROLE_IOTHREAD, name, loop_pool_thread, NULL, e);
		loop_pool.threads += !ret;
	}
	if (loop_pool.threads) {
		return 0; /* fewer helpers are enough */
	}
	loop_pool.users--;
	return ret;
}

void loop_pool_put(void)
{
	if (--loop_pool.users) {
		return;
	}
	lk_acquire(&loop_pool.lk);
	loop_pool.quit = true;
	lk_cond_broadcast(&loop_pool.more);
	lk_release(&loop_pool.lk);
	while (loop_pool.threads) {
		role_thread_join(&loop_pool.thread[--loop_pool.threads]);
	}
}

void loop_pool_submit(struct loop_io *io)
{
	LOCK_SCOPE(&loop_pool.lk);
	io->next = NULL;
	*loop_pool.last = io;
	loop_pool.last = &io->next;
	lk_cond_signal(&loop_pool.more);
}
