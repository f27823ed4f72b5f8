/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chardev.h - the host end of a byte stream: stdio, pty, socket (unix, tcp),
 * file, null, pipe, ringbuf, and the multiplexer that shares one between a
 * serial port and a monitor (escape key Ctrl-A).
 *
 * One front end attaches at a time (the mux attaches many). Callbacks run on the
 * chardev's loop (control unless told otherwise), with no lock held. chardev_write may be
 * called from any thread: it never blocks, data beyond the bound of the queue is
 * dropped when the peer does not read (serial ports) or refused (return < len).
 */
#ifndef LODGE_HOST_CHARDEV_H
#define LODGE_HOST_CHARDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct opt;
struct loop;
struct chardev;

enum chardev_event {
	CHARDEV_OPENED,
	CHARDEV_CLOSED,
	CHARDEV_BREAK,
	CHARDEV_MUX_IN,
	CHARDEV_MUX_OUT
};

struct chardev_front {
	/* How many bytes the front end can take now; 0 pauses reading. */
	size_t (*can_read)(void *opaque);
	void (*read)(void *opaque, const uint8_t *buf, size_t len);
	void (*event)(void *opaque, enum chardev_event ev);
	void *opaque;
	bool monitor; /* behind a mux, a console gets the focus before it */
};

/* From "-chardev socket,id=..,path=.." (a dict), or the short forms of -serial/-monitor
 * ("stdio", "mon:stdio", "pty", "file:x", "unix:x,server=on,wait=off", "tcp:..", "null"). */
struct chardev *chardev_new(struct opt *o, struct loop *l, struct err *e);
struct chardev *chardev_new_short(const char *text, const char *id, struct loop *l,
                                  struct err *e);
struct chardev *chardev_find(const char *id);
void chardev_free(struct chardev *c);
int chardev_attach(struct chardev *c, const struct chardev_front *f, struct err *e)
	__must_check;
void chardev_detach(struct chardev *c);
/* Of a mux: only the front end with this opaque. */
void chardev_detach_front(struct chardev *c, void *opaque);
bool chardev_attached(const struct chardev *c);
/* Made from "mon:...": the caller attaches a monitor to it as well. */
bool chardev_wants_monitor(const struct chardev *c);
/* What Ctrl-A x does (vm_request_shutdown with CAUSE_HOST_UI, say). */
void chardev_set_quit(void (*fn)(void *), void *opaque);
/* A ringbuf's content, taken out: bytes, or -ENOTSUP. */
ssize_t chardev_ringbuf_read(struct chardev *c, void *buf, size_t len);
size_t chardev_write(struct chardev *c, const void *buf, size_t len);
/* The same in two steps, for who holds a lock: the first makes no system call but for
 * memory; the second, without the lock, sets the queue moving. */
size_t chardev_queue(struct chardev *c, const void *buf, size_t len);
void chardev_kick(struct chardev *c);
/* The front end can take data again. [any thread] */
void chardev_accept_input(struct chardev *c);
const char *chardev_id(const struct chardev *c);
/* "pty:/dev/pts/3", "unix:/tmp/x,server=on", ... for query-chardev */
const char *chardev_filename(const struct chardev *c);
bool chardev_connected(const struct chardev *c);
/* fds that came with SCM_RIGHTS on a unix socket; -1 when none is left. */
int chardev_take_fd(struct chardev *c);
unsigned chardev_count(void);
struct chardev *chardev_at(unsigned i);
void chardev_help(void);
/* Restores the terminal; at exit and on fatal signals (async-signal-safe). */
void chardev_restore_tty(void);

#endif
