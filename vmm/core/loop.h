/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop.h - the event loop: one a thread, io_uring underneath, epoll where
 * io_uring is refused (containers); same interface, same order of callbacks.
 *
 * One turn: submit what was queued (one io_uring_enter a turn), wait for the
 * first of completion / ready fd / timer / posted work, then run callbacks.
 * Callbacks run on the loop's thread and may add and remove anything, themselves
 * included. Functions marked [any] may be called from every thread; the others
 * only on the loop's own thread, or before its thread has started.
 *
 * File I/O (loop_readv/...) is asynchronous: cb gets the byte count or -errno.
 * Buffers and iovecs are borrowed until cb. With the epoll back end file I/O is
 * carried out by a small pool of ROLE_IOTHREAD helper threads.
 */
#ifndef LODGE_CORE_LOOP_H
#define LODGE_CORE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct loop;

enum loop_backend { LOOP_AUTO, LOOP_URING, LOOP_EPOLL };

struct loop *loop_new(enum loop_backend want, struct err *e);
void loop_free(struct loop *l);
const char *loop_backend_name(const struct loop *l); /* "io_uring", "epoll" */
/* Runs until loop_stop(). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l); /* [any] */
/* One turn; waits for something to do when `block`. True if any callback ran. */
bool loop_turn(struct loop *l, bool block);
/* The loop whose callback is running on this thread, or NULL. */
struct loop *loop_current(void);

/* fd watches. events: POLLIN, POLLOUT, ... ; level-triggered. One watch per fd. */
struct loop_watch;
typedef void loop_fd_fn(void *opaque, int fd, unsigned revents);
struct loop_watch *loop_watch_new(struct loop *l, int fd, unsigned events,
                                  loop_fd_fn *fn, void *opaque);
void loop_watch_set(struct loop_watch *w, unsigned events); /* 0 pauses */
void loop_watch_free(struct loop_watch *w);

/* Posted work: `fn(opaque)` runs once on the loop, soon. [any] Order is kept per poster. */
typedef void loop_work_fn(void *opaque);
void loop_post(struct loop *l, loop_work_fn *fn, void *opaque);
/* Runs fn on the loop and waits for it; runs directly if on that loop's thread. [any] */
void loop_call(struct loop *l, loop_work_fn *fn, void *opaque);

/* A doorbell: an eventfd that any thread rings and whose callback runs on the loop,
 * rings coalesced. KVM's ioeventfd attaches to event_fd(). */
struct event;
struct event *event_new(struct loop *l, loop_work_fn *fn, void *opaque);
void event_free(struct event *ev);
void event_ring(struct event *ev); /* [any], wait-free */
int event_fd(const struct event *ev);

/* Asynchronous file I/O. */
typedef void loop_io_fn(void *opaque, ssize_t result);
struct loop_io { /* caller-provided storage of one request; untouched by the caller until cb */
	loop_io_fn *cb;
	void *opaque;
	struct loop *loop;
	int fd;
	uint8_t op;
	const struct iovec *iov;
	int iovcnt;
	uint64_t off, len;
	uint32_t mode;
	struct loop_io *next;
	ssize_t result;
};
void loop_readv(struct loop *l, struct loop_io *io, int fd, const struct iovec *iov,
                int iovcnt, uint64_t off, loop_io_fn *cb, void *opaque);
void loop_writev(struct loop *l, struct loop_io *io, int fd, const struct iovec *iov,
                 int iovcnt, uint64_t off, loop_io_fn *cb, void *opaque);
void loop_fdatasync(struct loop *l, struct loop_io *io, int fd, loop_io_fn *cb,
                    void *opaque);
void loop_fallocate(struct loop *l, struct loop_io *io, int fd, int mode, uint64_t off,
                    uint64_t len, loop_io_fn *cb, void *opaque);

#endif
