/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chardev.c - registry of the host ends of byte streams, the output queue, the
 * stream of descriptors that most back ends are, and the short option forms.
 *
 * Threads: the control thread creates and frees; the chardev's loop reads and
 * writes; chardev_write() and chardev_accept_input() come from anywhere.
 * Known gaps: udp, vc, spice and braille back ends; one log file each.
 */
#include "config.h"

#include "host/char/chardev.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/loop.h"
#include "host/char/chardev-impl.h"

static struct list chardev_all = LIST_INIT(chardev_all);

static const struct chardev_driver *const chardev_drivers[] = {
	&chardev_drv_null,   &chardev_drv_stdio,   &chardev_drv_pty,
	&chardev_drv_file,   &chardev_drv_pipe,    &chardev_drv_serial,
	&chardev_drv_socket, &chardev_drv_ringbuf, &chardev_drv_mux,
};

/* ---- front end ---- */

size_t chardev_room(struct chardev *c)
{
	if (!c->attached) {
		return 0;
	}
	return c->front.can_read ? c->front.can_read(c->front.opaque)
	                         : CHARDEV_READ_MAX;
}

void chardev_input(struct chardev *c, const uint8_t *buf, size_t len)
{
	if (c->attached && c->front.read && len) {
		c->front.read(c->front.opaque, buf, len);
	}
}

void chardev_event_send(struct chardev *c, enum chardev_event ev)
{
	if (c->attached && c->front.event) {
		c->front.event(c->front.opaque, ev);
	}
}

void chardev_set_connected(struct chardev *c, bool on)
{
	if (c->connected != on) {
		c->connected = on;
		chardev_event_send(c, on ? CHARDEV_OPENED : CHARDEV_CLOSED);
	}
}

int chardev_attach(struct chardev *c, const struct chardev_front *f, struct err *e)
{
	if (c->drv->attach) {
		return c->drv->attach(c, f, e);
	}
	if (c->attached) {
		return err_set(
			e, -EBUSY,
			"chardev '%s' is already in use; give each user its own, or "
			"share it with mux=on",
			c->id);
	}
	c->front = *f;
	c->attached = true;
	if (c->connected) {
		chardev_event_send(c, CHARDEV_OPENED);
	}
	event_ring(c->kick);
	return 0;
}

void chardev_detach_front(struct chardev *c, void *opaque)
{
	if (c->drv->detach) {
		c->drv->detach(c, opaque);
	} else {
		c->attached = false;
		event_ring(c->kick);
	}
}

void chardev_detach(struct chardev *c)
{
	chardev_detach_front(c, NULL);
}

void chardev_accept_input(struct chardev *c)
{
	event_ring(c->kick);
}

static void chardev_kicked(void *opaque)
{
	struct chardev *c = opaque;

	chardev_pump(c);
	if (c->drv->accept) {
		c->drv->accept(c);
	}
}

/* ---- output queue ---- */

static bool chardev_queue_grow(struct chardev *c, size_t need)
{
	size_t cap = c->q_cap ? c->q_cap : 4096;
	uint8_t *p;

	if (c->q_pos) {
		memmove(c->q, c->q + c->q_pos, c->q_len);
		c->q_pos = 0;
	}
	while (cap < need) {
		cap *= 2;
	}
	if (cap <= c->q_cap) {
		return true;
	}
	p = realloc(c->q, cap);
	if (!p) {
		return false;
	}
	c->q = p;
	c->q_cap = cap;
	return true;
}

/* The one whose queue it is. */
static struct chardev *chardev_sink(struct chardev *c)
{
	while (c->drv->base) {
		c = c->drv->base(c);
	}
	return c;
}

size_t chardev_queue(struct chardev *c, const void *buf, size_t len)
{
	c = chardev_sink(c);
	LOCK_SCOPE(&c->lk);
	len = MIN(len, c->q_max - c->q_len);
	if (c->q_pos + c->q_len + len > c->q_cap &&
	    !chardev_queue_grow(c, c->q_len + len)) {
		return 0;
	}
	if (len) {
		memcpy(c->q + c->q_pos + c->q_len, buf, len);
		c->q_len += len;
	}
	return len;
}

void chardev_kick(struct chardev *c)
{
	c = chardev_sink(c);
	if (loop_current() == c->loop) {
		chardev_pump(c);
	} else {
		event_ring(c->kick);
	}
}

size_t chardev_write(struct chardev *c, const void *buf, size_t len)
{
	len = chardev_queue(c, buf, len);
	chardev_kick(c);
	return len;
}

static void chardev_log(struct chardev *c, const uint8_t *buf, size_t len)
{
	while (len) {
		ssize_t n = write(c->log_fd, buf, len);

		if (n <= 0) {
			return;
		}
		buf += n;
		len -= (size_t)n;
	}
}

/* Output that cannot be written is dropped; a peer that left is no error. */
static void chardev_out_failed(struct chardev *c, int err)
{
	if (c->out_failed || err == ENOTCONN || err == EPIPE || err == ECONNRESET) {
		return;
	}
	c->out_failed = true;
	log_warn("chardev '%s': output is lost: %s", c->id, strerror(err));
}

/*
 * Drains the queue on the loop's thread. A chunk is copied out under the lock and
 * written without it, so that a slow file never holds up a writer.
 */
void chardev_pump(struct chardev *c)
{
	uint8_t buf[CHARDEV_READ_MAX];
	size_t len;
	ssize_t n;

	if (!c->drv->out) {
		return;
	}
	for (;;) {
		lk_acquire(&c->lk);
		len = MIN(c->q_len, sizeof(buf));
		if (len) {
			memcpy(buf, c->q + c->q_pos, len);
		}
		lk_release(&c->lk);
		if (!len) {
			break;
		}
		if (c->log_fd >= 0 && len > c->q_logged) {
			chardev_log(c, buf + c->q_logged, len - c->q_logged);
			c->q_logged = len;
		}
		n = c->drv->out(c, buf, len);
		if (n == 0) {
			break;
		}
		if (n < 0) {
			chardev_out_failed(c, (int)-n);
			n = (ssize_t)len;
		}
		lk_acquire(&c->lk);
		c->q_pos += (size_t)n;
		c->q_len -= (size_t)n;
		if (!c->q_len) {
			c->q_pos = 0;
		}
		lk_release(&c->lk);
		c->q_logged -= MIN(c->q_logged, (size_t)n);
	}
	c->out_full = len != 0;
	chardev_stream_update(c);
}

/* ---- streams on descriptors ---- */

int chardev_nonblock(int fd)
{
	int fl = fcntl(fd, F_GETFL);

	return fl < 0 || fcntl(fd, F_SETFL, fl | O_NONBLOCK) < 0 ? -errno : 0;
}

static void chardev_stream_pump_in(void *opaque);

static void chardev_stream_in(struct chardev *c)
{
	uint8_t buf[CHARDEV_READ_MAX];
	size_t room = MIN(chardev_room(c), sizeof(buf));
	ssize_t n;

	if (!room) {
		chardev_stream_update(c);
		return;
	}
	n = c->stream_read ? c->stream_read(c, buf, room) : read(c->in_fd, buf, room);
	if (n > 0) {
		chardev_input(c, buf, (size_t)n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		c->in_eof = true;
		if (c->stream_eof) {
			c->stream_eof(c);
			return;
		}
	}
	chardev_stream_update(c);
}

static void chardev_stream_ready(void *opaque, int fd, unsigned revents)
{
	struct chardev *c = opaque;

	if (fd == c->out_fd && (revents & (POLLOUT | POLLERR))) {
		chardev_pump(c);
	}
	if (fd == c->in_fd && (revents & (POLLIN | POLLHUP | POLLERR))) {
		chardev_stream_in(c);
	}
}

/* Regular files and /dev/null are always ready and epoll refuses them. */
static bool chardev_unpollable(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		return false;
	}
	return S_ISREG(st.st_mode) || (S_ISCHR(st.st_mode) && !isatty(fd));
}

void chardev_stream_start(struct chardev *c, int in_fd, int out_fd)
{
	c->in_fd = in_fd;
	c->out_fd = out_fd;
	c->in_eof = c->out_full = false;
	c->in_unpollable = chardev_unpollable(in_fd);
	if (in_fd >= 0 && !c->in_unpollable) {
		c->in_watch =
			loop_watch_new(c->loop, in_fd, 0, chardev_stream_ready, c);
	}
	if (out_fd >= 0 && out_fd != in_fd && !chardev_unpollable(out_fd)) {
		c->out_watch =
			loop_watch_new(c->loop, out_fd, 0, chardev_stream_ready, c);
	}
	chardev_stream_update(c);
}

void chardev_stream_update(struct chardev *c)
{
	unsigned in = 0, out = c->out_full ? POLLOUT : 0;

	if (c->in_fd >= 0 && !c->in_eof && chardev_room(c)) {
		in = POLLIN;
		if (c->in_unpollable && !c->in_pump_posted) {
			c->in_pump_posted = true;
			loop_post(c->loop, chardev_stream_pump_in, c);
		}
	}
	if (c->in_watch) {
		loop_watch_set(c->in_watch, in | (c->in_fd == c->out_fd ? out : 0));
	}
	if (c->out_watch) {
		loop_watch_set(c->out_watch, out);
	}
}

static void chardev_stream_pump_in(void *opaque)
{
	struct chardev *c = opaque;

	c->in_pump_posted = false;
	if (c->in_fd >= 0) {
		chardev_stream_in(c);
	}
}

void chardev_stream_stop(struct chardev *c)
{
	if (c->in_watch) {
		loop_watch_free(c->in_watch);
	}
	if (c->out_watch) {
		loop_watch_free(c->out_watch);
	}
	c->in_watch = c->out_watch = NULL;
	if (c->in_fd > 2) {
		close(c->in_fd);
	}
	if (c->out_fd > 2 && c->out_fd != c->in_fd) {
		close(c->out_fd);
	}
	c->in_fd = c->out_fd = -1;
}

ssize_t chardev_stream_out(struct chardev *c, const uint8_t *buf, size_t len)
{
	ssize_t n;

	if (c->out_fd < 0) {
		return -ENOTCONN;
	}
	n = write(c->out_fd, buf, len);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	return n;
}

/* ---- creation ---- */

void chardev_set_filename(struct chardev *c, const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;

	va_start(ap, fmt);
	if (vasprintf(&s, fmt, ap) < 0) {
		s = NULL;
	}
	va_end(ap);
	free(c->filename);
	c->filename = s;
}

static const struct chardev_driver *chardev_driver_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(chardev_drivers); i++) {
		const struct chardev_driver *d = chardev_drivers[i];

		if (!strcmp(d->name, name) || (d->alias && !strcmp(d->alias, name))) {
			return d;
		}
	}
	return NULL;
}

static int chardev_open_log(struct chardev *c, struct opt *o, struct err *e)
{
	const char *path = opt_get_str(o, "logfile", NULL);
	bool append;
	int r = opt_get_bool(o, "logappend", false, &append, e);

	if (r < 0 || !path) {
		return r;
	}
	c->log_fd = open(path,
	                 O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC),
	                 0666);
	return c->log_fd < 0 ? err_set_errno(e, -errno, "chardev log '%s'", path) : 0;
}

static void chardev_destroy(struct chardev *c)
{
	list_del(&c->link);
	if (c->kick) {
		event_free(c->kick);
	}
	for (unsigned i = 0; i < c->n_fds; i++) {
		close(c->fds[i]);
	}
	if (c->log_fd >= 0) {
		close(c->log_fd);
	}
	lk_fini(&c->lk);
	free(c->q);
	free(c->id);
	free(c->filename);
	free(c);
}

static struct chardev *chardev_create(const struct chardev_driver *drv, const char *id,
                                      struct opt *o, struct loop *l, struct err *e)
{
	struct chardev *c;

	if (id && chardev_find(id)) {
		err_set(e, -EEXIST, "chardev '%s' exists already", id);
		return NULL;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		err_set(e, -ENOMEM, "chardev: out of memory");
		return NULL;
	}
	c->drv = drv;
	c->loop = l;
	c->in_fd = c->out_fd = c->log_fd = -1;
	c->q_max = CHARDEV_QUEUE_MAX;
	c->id = strdup(id ? id : "");
	list_init(&c->link);
	lk_init(&c->lk, RANK_QUEUE, "chardev");
	c->kick = event_new(l, chardev_kicked, c);
	if (!c->kick) {
		err_set(e, -ENOMEM, "chardev '%s': no event", c->id);
		chardev_destroy(c);
		return NULL;
	}
	if (chardev_open_log(c, o, e) < 0 || drv->open(c, o, e) < 0) {
		chardev_destroy(c);
		return NULL;
	}
	if (!c->filename) {
		chardev_set_filename(c, "%s", drv->name);
	}
	list_add_tail(&chardev_all, &c->link);
	return c;
}

/* Wraps `base` into a mux that carries the id people know. */
static struct chardev *chardev_wrap_mux(struct chardev *base, const char *id,
                                        struct loop *l, struct err *e)
{
	struct opt *mo = opt_new_dict();
	struct chardev *c;

	opt_put_str(mo, "chardev", base->id);
	c = chardev_create(&chardev_drv_mux, id, mo, l, e);
	opt_free(mo);
	if (!c) {
		chardev_free(base);
	}
	return c;
}

static struct chardev *chardev_new_named(struct opt *o, const char *id, struct loop *l,
                                         struct err *e)
{
	const char *name = opt_get_str(o, "backend", NULL);
	const struct chardev_driver *drv;
	struct chardev *c;
	char base_id[160];
	bool mux;

	if (!name) {
		err_set(e, -EINVAL, "chardev '%s': which back end? Try -chardev help",
		        id ? id : "");
		return NULL;
	}
	drv = chardev_driver_find(name);
	if (!drv) {
		err_set(e, -EINVAL,
		        "chardev back end '%s' is not supported; known: null, stdio, "
		        "pty, file, pipe, serial, socket, ringbuf, mux",
		        name);
		return NULL;
	}
	if (opt_get_bool(o, "mux", false, &mux, e) < 0) {
		return NULL;
	}
	if (mux && drv != &chardev_drv_mux) {
		snprintf(base_id, sizeof(base_id), "%s-base", id ? id : "mux");
		c = chardev_create(drv, base_id, o, l, e);
		if (c) {
			c = chardev_wrap_mux(c, id, l, e);
		}
	} else {
		c = chardev_create(drv, id, o, l, e);
	}
	if (c && opt_check_unused(o, "-chardev", e) < 0) {
		chardev_free(c);
		c = NULL;
	}
	return c;
}

struct chardev *chardev_new(struct opt *o, struct loop *l, struct err *e)
{
	const char *id = opt_get_str(o, "id", NULL);

	if (!id || !*id) {
		err_set(e, -EINVAL, "-chardev: give it a name with id=NAME");
		return NULL;
	}
	return chardev_new_named(o, id, l, e);
}

/* "tcp:[host]:port,opts" and "unix:path,opts" -> the long form. */
static int chardev_short_socket(struct opt **out, const char *kind, const char *rest,
                                struct err *e)
{
	bool is_unix = !strcmp(kind, "unix");
	struct opt *o;
	AUTO_FREE char *head = NULL;
	const char *addr;
	char *colon;
	int r = opt_parse(&o, rest, "addr", e);

	if (r < 0) {
		return r;
	}
	addr = opt_get_str(o, "addr", "");
	head = strdup(addr);
	opt_del(o, "addr");
	opt_put_str(o, "backend", "socket");
	if (is_unix) {
		opt_put_str(o, "path", head);
		*out = o;
		return 0;
	}
	colon = strrchr(head, ':');
	if (!colon) {
		opt_free(o);
		/* cppcheck-suppress memleak; AUTO_FREE */
		return err_set(e, -EINVAL, "'%s:%s': want %s:[HOST]:PORT", kind, rest,
		               kind);
	}
	*colon = 0;
	opt_put_str(o, "host", head);
	opt_put_str(o, "port", colon + 1);
	if (!strcmp(kind, "telnet")) {
		opt_put_bool(o, "telnet", true);
	}
	*out = o;
	return 0;
}

static int chardev_short_opts(struct opt **out, const char *text, struct err *e)
{
	static const char *const plain[] = { "null", "stdio", "pty", "ringbuf", "vc" };
	AUTO_FREE char *kind = strdup(text);
	char *rest = strchr(kind, ':');

	if (rest) {
		*rest++ = 0;
		if (!strcmp(kind, "tcp") || !strcmp(kind, "telnet") ||
		    !strcmp(kind, "unix")) {
			return chardev_short_socket(out, kind, rest, e);
		}
		if (!strcmp(kind, "file") || !strcmp(kind, "pipe")) {
			*out = opt_new_dict();
			opt_put_str(*out, "backend", kind);
			opt_put_str(*out, "path", rest);
			return 0;
		}
	}
	if (!strcmp(kind, "none")) {
		strcpy(kind, "null");
	}
	for (unsigned i = 0; i < ARRAY_LEN(plain); i++) {
		if (!strcmp(kind, plain[i])) {
			*out = opt_new_dict();
			/* There is no graphical text console: its bytes go nowhere. */
			opt_put_str(*out, "backend", i == 4 ? "null" : kind);
			return 0;
		}
	}
	if (!rest && !strncmp(kind, "/dev/", 5)) {
		*out = opt_new_dict();
		opt_put_str(*out, "backend", "serial");
		opt_put_str(*out, "path", kind);
		return 0;
	}
	return err_set(
		e, -EINVAL,
		"'%s' is no character device; known: null, stdio, mon:stdio, "
		"pty, file:PATH, pipe:PATH, unix:PATH[,server=on,wait=off], "
		"tcp:HOST:PORT[,..], telnet:HOST:PORT[,..], chardev:ID, /dev/TTY",
		text);
}

struct chardev *chardev_new_short(const char *text, const char *id, struct loop *l,
                                  struct err *e)
{
	bool mon = !strncmp(text, "mon:", 4);
	struct opt *o = NULL;
	struct chardev *c;

	if (mon) {
		text += 4;
	}
	if (!strncmp(text, "chardev:", 8)) {
		c = chardev_find(text + 8);
		if (!c) {
			err_set(e, -ENOENT, "there is no chardev '%s'", text + 8);
		}
		return c;
	}
	if (chardev_short_opts(&o, text, e) < 0) {
		return NULL;
	}
	if (mon) {
		opt_put_bool(o, "mux", true);
		if (!strcmp(text, "stdio")) {
			opt_put_bool(o, "signal", false);
		}
	}
	c = chardev_new_named(o, id, l, e);
	opt_free(o);
	if (c && mon) {
		c->wants_monitor = true;
	}
	return c;
}

void chardev_free(struct chardev *c)
{
	if (!c) {
		return;
	}
	chardev_pump(c); /* last words */
	c->attached = false;
	if (c->drv->close) {
		c->drv->close(c);
	}
	chardev_stream_stop(c);
	chardev_destroy(c);
}

/* ---- registry ---- */

struct chardev *chardev_find(const char *id)
{
	return list_named(&chardev_all, id, struct chardev, link, id);
}

const char *chardev_id(const struct chardev *c)
{
	return c->id;
}

const char *chardev_filename(const struct chardev *c)
{
	return c->filename;
}

bool chardev_connected(const struct chardev *c)
{
	return c->connected;
}

bool chardev_wants_monitor(const struct chardev *c)
{
	return c->wants_monitor;
}

bool chardev_attached(const struct chardev *c)
{
	return c->attached;
}

int chardev_take_fd(struct chardev *c)
{
	int fd = -1;

	if (c->n_fds) {
		fd = c->fds[0];
		c->n_fds--;
		memmove(c->fds, c->fds + 1, c->n_fds * sizeof(c->fds[0]));
	}
	return fd;
}

unsigned chardev_count(void)
{
	return list_len(&chardev_all);
}

struct chardev *chardev_at(unsigned i)
{
	return list_nth(&chardev_all, i, struct chardev, link);
}

void chardev_help(void)
{
	puts("Available chardev back ends:");
	for (unsigned i = 0; i < ARRAY_LEN(chardev_drivers); i++) {
		printf("  %-8s %s\n", chardev_drivers[i]->name,
		       chardev_drivers[i]->help);
	}
}
