/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chardev-impl.h - what the chardev back ends share; nobody else includes it.
 *
 * Output always crosses the queue: chardev_write() appends under c->lk on any
 * thread, the loop's thread drains it (vCPU threads do no host I/O). Everything
 * but the queue belongs to the loop's thread.
 */
#ifndef LODGE_HOST_CHARDEV_IMPL_H
#define LODGE_HOST_CHARDEV_IMPL_H

#include <stdatomic.h>
#include <sys/types.h>

#include "base/list.h"
#include "core/lock.h"
#include "host/char/chardev.h"

struct event;
struct loop_watch;

struct chardev_driver {
	const char *name, *alias;
	const char *help;
	int (*open)(struct chardev *c, struct opt *o, struct err *e);
	void (*close)(struct chardev *c);
	/* Writes what fits now: bytes taken, 0 = wait until writable, < 0 = no peer (the
	 * data is dropped). Never calls the front end. */
	ssize_t (*out)(struct chardev *c, const uint8_t *buf, size_t len);
	/* The front end has room, attached or detached. */
	void (*accept)(struct chardev *c);
	/* Only the mux: takes more than one front end. */
	int (*attach)(struct chardev *c, const struct chardev_front *f, struct err *e);
	void (*detach)(struct chardev *c, void *opaque);
	struct chardev *(*base)(struct chardev *c); /* where output goes */
};

enum { CHARDEV_QUEUE_MAX = 1 << 20, CHARDEV_FDS_MAX = 16, CHARDEV_READ_MAX = 4096 };

struct chardev {
	const struct chardev_driver *drv;
	struct list link;
	char *id, *filename;
	struct loop *loop;
	struct chardev_front front;
	bool attached, connected, wants_monitor;
	void *priv;

	struct lk lk; /* the output queue */
	uint8_t *q;
	size_t q_pos, q_len, q_cap, q_max;
	struct event *kick;
	int log_fd;
	size_t q_logged; /* bytes at the head of the queue that are in the log already */

	/* A byte stream on one or two descriptors; -1 where there is none. */
	int in_fd, out_fd;
	struct loop_watch *in_watch, *out_watch;
	bool in_unpollable, in_pump_posted, in_eof, out_full, out_failed;
	ssize_t (*stream_read)(struct chardev *c, uint8_t *buf, size_t len);
	void (*stream_eof)(struct chardev *c);

	int fds[CHARDEV_FDS_MAX];
	unsigned n_fds;
};

extern const struct chardev_driver chardev_drv_null, chardev_drv_stdio, chardev_drv_pty,
	chardev_drv_file, chardev_drv_pipe, chardev_drv_serial, chardev_drv_ringbuf,
	chardev_drv_socket, chardev_drv_mux;

size_t chardev_room(struct chardev *c);
void chardev_input(struct chardev *c, const uint8_t *buf, size_t len);
void chardev_event_send(struct chardev *c, enum chardev_event ev);
/* Connected or not: tells the front end of the change. */
void chardev_set_connected(struct chardev *c, bool on);
void chardev_set_filename(struct chardev *c, const char *fmt, ...) __printf(2, 3);
void chardev_pump(struct chardev *c);

/* The descriptors become the stream (not owned until stop closes them). */
void chardev_stream_start(struct chardev *c, int in_fd, int out_fd);
void chardev_stream_update(struct chardev *c);
void chardev_stream_stop(struct chardev *c);
ssize_t chardev_stream_out(struct chardev *c, const uint8_t *buf, size_t len);
int chardev_nonblock(int fd);

#endif
