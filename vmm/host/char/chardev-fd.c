/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chardev-fd.c - the chardevs that are plain descriptors: stdio, pty, file,
 * pipe, serial, and the two that are none: null and ringbuf.
 *
 * Threads: as chardev.c. Known gaps: a pty never reports that its reader left
 * (we keep the slave open, so that early output waits for the first reader).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/loop.h"
#include "host/char/chardev-impl.h"

/* ---- null ---- */

static int chardev_null_open(struct chardev *c, struct opt *o __unused,
                             struct err *e __unused)
{
	c->connected = true;
	return 0;
}

static ssize_t chardev_null_out(struct chardev *c __unused, const uint8_t *buf __unused,
                                size_t len)
{
	return (ssize_t)len;
}

const struct chardev_driver chardev_drv_null = {
	.name = "null",
	.help = "swallows output, has no input",
	.open = chardev_null_open,
	.out = chardev_null_out,
};

/* ---- stdio ---- */

static struct termios chardev_tty_old;
static volatile sig_atomic_t chardev_tty_saved;
static bool chardev_stdio_used;

void chardev_restore_tty(void)
{
	if (chardev_tty_saved) {
		chardev_tty_saved = 0;
		tcsetattr(0, TCSANOW, &chardev_tty_old);
	}
}

static void chardev_tty_raw(int fd, bool signals)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0) {
		return;
	}
	if (fd == 0 && !chardev_tty_saved) {
		chardev_tty_old = t;
		chardev_tty_saved = 1;
		atexit(chardev_restore_tty);
	}
	t.c_iflag &= ~(tcflag_t)(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR |
	                         ICRNL | IXON);
	t.c_oflag |= OPOST;
	t.c_lflag &= ~(tcflag_t)(ECHO | ECHONL | ICANON | IEXTEN);
	if (!signals) {
		t.c_lflag &= ~(tcflag_t)ISIG;
	}
	t.c_cflag &= ~(tcflag_t)(CSIZE | PARENB);
	t.c_cflag |= CS8;
	t.c_cc[VMIN] = 1;
	t.c_cc[VTIME] = 0;
	tcsetattr(fd, TCSANOW, &t);
}

/*
 * O_NONBLOCK belongs to the open file, which we share with the shell and whoever
 * is behind the pipe: terminals and pipes are opened anew instead of changed.
 */
static int chardev_stdio_own(int fd, int flags)
{
	struct stat st;
	char path[32];
	int nfd;

	if (fstat(fd, &st) < 0) {
		return -1;
	}
	if (S_ISREG(st.st_mode)) {
		return fd;
	}
	if (isatty(fd) || S_ISFIFO(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		nfd = open(path, flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (nfd >= 0) {
			return nfd;
		}
	}
	chardev_nonblock(fd);
	return fd;
}

static int chardev_stdio_open(struct chardev *c, struct opt *o, struct err *e)
{
	bool sig;
	int r = opt_get_bool(o, "signal", true, &sig, e);

	if (r < 0) {
		return r;
	}
	if (chardev_stdio_used) {
		return err_set(e, -EBUSY,
		               "stdio is used by another chardev; share it with "
		               "mux=on or mon:stdio");
	}
	if (isatty(0)) {
		chardev_tty_raw(0, sig);
	}
	chardev_stdio_used = true;
	c->connected = true;
	chardev_stream_start(c, chardev_stdio_own(0, O_RDONLY),
	                     chardev_stdio_own(1, O_WRONLY));
	return 0;
}

static void chardev_stdio_close(struct chardev *c __unused)
{
	chardev_restore_tty();
	chardev_stdio_used = false;
}

const struct chardev_driver chardev_drv_stdio = {
	.name = "stdio",
	.help = "this terminal [signal=on|off]",
	.open = chardev_stdio_open,
	.close = chardev_stdio_close,
	.out = chardev_stream_out,
	.accept = chardev_stream_update,
};

/* ---- pty ---- */

static int chardev_pty_open(struct chardev *c, struct opt *o, struct err *e)
{
	int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
	const char *link_path = opt_get_str(o, "path", NULL);
	char name[128];
	int slave;

	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    ptsname_r(master, name, sizeof(name)) != 0) {
		int r = -errno;

		if (master >= 0) {
			close(master);
		}
		return err_set_errno(e, r, "pty: cannot make a pseudo terminal");
	}
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave >= 0) {
		struct termios t;

		if (tcgetattr(slave, &t) == 0) {
			cfmakeraw(&t);
			tcsetattr(slave, TCSANOW, &t);
		}
	}
	if (link_path && symlink(name, link_path) < 0) {
		int r = -errno;

		close(master);
		if (slave >= 0) {
			close(slave);
		}
		return err_set_errno(e, r, "pty: cannot make the link '%s'", link_path);
	}
	c->priv = (void *)(intptr_t)slave;
	c->q_max = 64 << 10;
	c->connected = true;
	chardev_set_filename(c, "pty:%s", name);
	log_info("char device redirected to %s (label %s)", name, c->id);
	chardev_stream_start(c, master, master);
	return 0;
}

static void chardev_pty_close(struct chardev *c)
{
	int slave = (int)(intptr_t)c->priv;

	if (slave >= 0) {
		close(slave);
	}
}

const struct chardev_driver chardev_drv_pty = {
	.name = "pty",
	.help = "a new pseudo terminal [path=LINK]",
	.open = chardev_pty_open,
	.close = chardev_pty_close,
	.out = chardev_stream_out,
	.accept = chardev_stream_update,
};

/* ---- file ---- */

static int chardev_file_open(struct chardev *c, struct opt *o, struct err *e)
{
	const char *path = opt_get_str(o, "path", NULL);
	const char *in_path = opt_get_str(o, "input-path", NULL);
	bool append;
	int r = opt_get_bool(o, "append", false, &append, e);
	int in = -1, out;

	if (r < 0) {
		return r;
	}
	if (!path) {
		return err_set(e, -EINVAL, "chardev file: path=FILE is missing");
	}
	out = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC),
	           0666);
	if (out < 0) {
		return err_set_errno(e, -errno, "chardev file '%s'", path);
	}
	if (in_path) {
		in = open(in_path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (in < 0) {
			r = -errno;
			close(out);
			return err_set_errno(e, r, "chardev file '%s'", in_path);
		}
	}
	chardev_set_filename(c, "file:%s", path);
	c->connected = true;
	chardev_stream_start(c, in, out);
	return 0;
}

const struct chardev_driver chardev_drv_file = {
	.name = "file",
	.help = "path=FILE [append=on] [input-path=FILE]",
	.open = chardev_file_open,
	.out = chardev_stream_out,
	.accept = chardev_stream_update,
};

/* ---- pipe: PATH.in and PATH.out, or one PATH for both ---- */

static int chardev_pipe_open(struct chardev *c, struct opt *o, struct err *e)
{
	const char *path = opt_get_str(o, "path", NULL);
	AUTO_FREE char *in_path = NULL, *out_path = NULL;
	int in, out;

	if (!path) {
		return err_set(e, -EINVAL, "chardev pipe: path=FIFO is missing");
	}
	if (asprintf(&in_path, "%s.in", path) < 0 ||
	    asprintf(&out_path, "%s.out", path) < 0) {
		return -ENOMEM;
	}
	/* O_RDWR keeps a FIFO open across readers and writers that come and go. */
	in = open(in_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	out = open(out_path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (in < 0 || out < 0) {
		if (in >= 0) {
			close(in);
		}
		if (out >= 0) {
			close(out);
		}
		in = out = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (in < 0) {
			return err_set_errno(e, -errno,
			                     "chardev pipe '%s' (nor %s.in and %s.out)",
			                     path, path, path);
		}
	}
	chardev_set_filename(c, "pipe:%s", path);
	c->connected = true;
	chardev_stream_start(c, in, out);
	return 0;
}

const struct chardev_driver chardev_drv_pipe = {
	.name = "pipe",
	.help = "path=FIFO (FIFO.in and FIFO.out, or one for both)",
	.open = chardev_pipe_open,
	.out = chardev_stream_out,
	.accept = chardev_stream_update,
};

/* ---- a terminal line of the host ---- */

static int chardev_serial_open(struct chardev *c, struct opt *o, struct err *e)
{
	const char *path = opt_get_str(o, "path", NULL);
	int fd;

	if (!path) {
		return err_set(e, -EINVAL, "chardev serial: path=TTY is missing");
	}
	fd = open(path, O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0) {
		return err_set_errno(e, -errno, "chardev serial '%s'", path);
	}
	chardev_tty_raw(fd, false);
	chardev_set_filename(c, "serial:%s", path);
	c->connected = true;
	chardev_stream_start(c, fd, fd);
	return 0;
}

const struct chardev_driver chardev_drv_serial = {
	.name = "serial",
	.alias = "tty",
	.help = "path=TTY",
	.open = chardev_serial_open,
	.out = chardev_stream_out,
	.accept = chardev_stream_update,
};

/* ---- ringbuf: the last SIZE bytes, read by the monitor ---- */

struct chardev_ring {
	size_t size;
	uint64_t head, tail; /* bytes ever written, read */
	uint8_t data[];
};

static int chardev_ringbuf_open(struct chardev *c, struct opt *o, struct err *e)
{
	struct chardev_ring *r;
	uint64_t size;
	int ret = opt_get_size(o, "size", 65536, 1, &size, e);

	if (ret < 0) {
		return ret;
	}
	if (!IS_POWER_OF_2(size) || size > (64u << 20)) {
		return err_set(
			e, -EINVAL,
			"chardev ringbuf: size must be a power of two up to 64M");
	}
	r = calloc(1, sizeof(*r) + size);
	if (!r) {
		return -ENOMEM;
	}
	r->size = size;
	c->priv = r;
	c->connected = true;
	return 0;
}

static void chardev_ringbuf_close(struct chardev *c)
{
	free(c->priv);
	c->priv = NULL;
}

static ssize_t chardev_ringbuf_out(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct chardev_ring *r = c->priv;

	for (size_t i = 0; i < len; i++) {
		r->data[r->head++ & (r->size - 1)] = buf[i];
	}
	if (r->head - r->tail > r->size) {
		r->tail = r->head - r->size;
	}
	return (ssize_t)len;
}

ssize_t chardev_ringbuf_read(struct chardev *c, void *buf, size_t len)
{
	struct chardev_ring *r = c->priv;
	size_t n = 0;

	if (c->drv != &chardev_drv_ringbuf) {
		return -ENOTSUP;
	}
	chardev_pump(c);
	while (n < len && r->tail < r->head) {
		((uint8_t *)buf)[n++] = r->data[r->tail++ & (r->size - 1)];
	}
	return (ssize_t)n;
}

const struct chardev_driver chardev_drv_ringbuf = {
	.name = "ringbuf",
	.alias = "memory",
	.help = "keeps the last [size=64k] bytes for the monitor",
	.open = chardev_ringbuf_open,
	.close = chardev_ringbuf_close,
	.out = chardev_ringbuf_out,
};
