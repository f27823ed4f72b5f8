/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chardev-mux.c - shares one chardev between several front ends, typically a
 * serial port and the monitor. Input goes to the one in focus; output of all is
 * passed on. The escape key is Ctrl-A: x quits, c changes the focus, b sends a
 * break, h shows help, Ctrl-A again sends one Ctrl-A.
 *
 * Threads: the base chardev's loop; output from anywhere. Known gaps: output
 * of front ends is not tagged or held back while another has the focus.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "core/loop.h"
#include "host/char/chardev-impl.h"

enum { MUX_FRONTS = 8, MUX_BUF = 4096, MUX_ESCAPE = 1 };

struct chardev_mux {
	struct chardev *c, *base;
	struct {
		struct chardev_front f;
		bool used;
		size_t len;
		uint8_t buf[MUX_BUF];
	} front[MUX_FRONTS];
	unsigned focus;
	bool escaped, switched;
};

static void (*chardev_quit_fn)(void *);
static void *chardev_quit_opaque;

void chardev_set_quit(void (*fn)(void *), void *opaque)
{
	chardev_quit_fn = fn;
	chardev_quit_opaque = opaque;
}

static void chardev_mux_tell(struct chardev_mux *m, unsigned i, enum chardev_event ev)
{
	if (m->front[i].used && m->front[i].f.event) {
		m->front[i].f.event(m->front[i].f.opaque, ev);
	}
}

static void chardev_mux_set_focus(struct chardev_mux *m, unsigned i)
{
	if (i != m->focus) {
		chardev_mux_tell(m, m->focus, CHARDEV_MUX_OUT);
		m->focus = i;
	}
	chardev_mux_tell(m, i, CHARDEV_MUX_IN);
}

static void chardev_mux_next(struct chardev_mux *m)
{
	for (unsigned k = 1; k <= MUX_FRONTS; k++) {
		unsigned i = (m->focus + k) % MUX_FRONTS;

		if (m->front[i].used) {
			chardev_mux_set_focus(m, i);
			break;
		}
	}
	m->switched = true;
}

/* Hands buffered input on as far as front end i takes it. */
static void chardev_mux_flush(struct chardev_mux *m, unsigned i)
{
	while (m->front[i].used && m->front[i].len) {
		const struct chardev_front *f = &m->front[i].f;
		size_t n = f->can_read ? f->can_read(f->opaque) : MUX_BUF;
		uint8_t tmp[MUX_BUF];

		n = MIN(n, m->front[i].len);
		if (!n) {
			break;
		}
		memcpy(tmp, m->front[i].buf, n);
		m->front[i].len -= n;
		memmove(m->front[i].buf, m->front[i].buf + n, m->front[i].len);
		f->read(f->opaque, tmp, n);
	}
}

static void chardev_mux_help(struct chardev_mux *m)
{
	static const char text[] =
		"\r\nCtrl-A h  this help\r\nCtrl-A x  quit\r\n"
		"Ctrl-A c  switch between console and monitor\r\n"
		"Ctrl-A b  send a break\r\nCtrl-A Ctrl-A  send Ctrl-A\r\n";

	chardev_write(m->base, text, sizeof(text) - 1);
}

static bool chardev_mux_command(struct chardev_mux *m, uint8_t ch)
{
	static const char bye[] = "\r\nlodge: terminated\r\n";

	switch (ch) {
	case MUX_ESCAPE: return true;
	case 'x':
		chardev_write(m->base, bye, sizeof(bye) - 1);
		if (chardev_quit_fn) {
			chardev_quit_fn(chardev_quit_opaque);
		}
		break;
	case 'c': chardev_mux_next(m); break;
	case 'b': chardev_mux_tell(m, m->focus, CHARDEV_BREAK); break;
	case 'h':
	case '?': chardev_mux_help(m); break;
	default: break;
	}
	return false;
}

static size_t chardev_mux_can_read(void *opaque)
{
	struct chardev_mux *m = opaque;

	return MUX_BUF - m->front[m->focus].len;
}

static void chardev_mux_read(void *opaque, const uint8_t *buf, size_t len)
{
	struct chardev_mux *m = opaque;

	for (size_t k = 0; k < len; k++) {
		uint8_t ch = buf[k];

		if (m->escaped) {
			m->escaped = false;
			if (!chardev_mux_command(m, ch)) {
				continue;
			}
		} else if (ch == MUX_ESCAPE) {
			m->escaped = true;
			continue;
		}
		if (m->front[m->focus].len < MUX_BUF) {
			m->front[m->focus].buf[m->front[m->focus].len++] = ch;
		}
	}
	for (unsigned i = 0; i < MUX_FRONTS; i++) {
		chardev_mux_flush(m, i);
	}
}

static void chardev_mux_event(void *opaque, enum chardev_event ev)
{
	struct chardev_mux *m = opaque;

	m->c->connected = chardev_connected(m->base);
	for (unsigned i = 0; i < MUX_FRONTS; i++) {
		chardev_mux_tell(m, i, ev);
	}
}

static void chardev_mux_accept(struct chardev *c)
{
	struct chardev_mux *m = c->priv;

	for (unsigned i = 0; i < MUX_FRONTS; i++) {
		chardev_mux_flush(m, i);
	}
	chardev_accept_input(m->base);
}

/* A console takes the focus from a monitor that was merely attached first. */
static int chardev_mux_attach(struct chardev *c, const struct chardev_front *f,
                              struct err *e)
{
	struct chardev_mux *m = c->priv;
	unsigned i = 0;
	bool take;

	while (i < MUX_FRONTS && m->front[i].used) {
		i++;
	}
	if (i == MUX_FRONTS) {
		return err_set(e, -EBUSY, "chardev '%s' has %d users already", c->id,
		               MUX_FRONTS);
	}
	take = !m->front[m->focus].used ||
	       (!m->switched && m->front[m->focus].f.monitor && !f->monitor);
	m->front[i].f = *f;
	m->front[i].len = 0;
	m->front[i].used = true;
	c->attached = true;
	if (chardev_connected(m->base)) {
		chardev_mux_tell(m, i, CHARDEV_OPENED);
	}
	if (take) {
		chardev_mux_set_focus(m, i);
	}
	event_ring(c->kick);
	return 0;
}

static void chardev_mux_detach(struct chardev *c, void *opaque)
{
	struct chardev_mux *m = c->priv;
	bool any = false;

	for (unsigned i = 0; i < MUX_FRONTS; i++) {
		if (!opaque || m->front[i].f.opaque == opaque) {
			m->front[i].used = false;
		}
		any |= m->front[i].used;
	}
	c->attached = any;
	if (any && !m->front[m->focus].used) {
		chardev_mux_next(m);
	}
}

static struct chardev *chardev_mux_base(struct chardev *c)
{
	return ((struct chardev_mux *)c->priv)->base;
}

static int chardev_mux_open(struct chardev *c, struct opt *o, struct err *e)
{
	const char *id = opt_get_str(o, "chardev", NULL);
	struct chardev *base = id ? chardev_find(id) : NULL;
	struct chardev_mux *m;
	struct chardev_front f = {
		.can_read = chardev_mux_can_read,
		.read = chardev_mux_read,
		.event = chardev_mux_event,
	};
	int r;

	if (!base) {
		return err_set(e, -ENOENT, "chardev mux: there is no chardev '%s'",
		               id ? id : "");
	}
	m = calloc(1, sizeof(*m));
	if (!m) {
		return -ENOMEM;
	}
	m->c = c;
	m->base = base;
	c->priv = f.opaque = m;
	c->connected = chardev_connected(base);
	chardev_set_filename(c, "%s", chardev_filename(base));
	r = chardev_attach(base, &f, e);
	if (r < 0) {
		free(m);
		c->priv = NULL;
	}
	return r;
}

static void chardev_mux_close(struct chardev *c)
{
	struct chardev_mux *m = c->priv;

	/* The base goes with its mux; both names leave the registry. */
	chardev_detach(m->base);
	chardev_free(m->base);
	free(m);
	c->priv = NULL;
}

const struct chardev_driver chardev_drv_mux = {
	.name = "mux",
	.help = "chardev=ID: several users of one chardev (or mux=on with any other)",
	.open = chardev_mux_open,
	.close = chardev_mux_close,
	.accept = chardev_mux_accept,
	.attach = chardev_mux_attach,
	.detach = chardev_mux_detach,
	.base = chardev_mux_base,
};
