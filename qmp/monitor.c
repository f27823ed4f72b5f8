/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * monitor.c - monitors on chardevs. Known gap: neither QMP nor the human monitor is
 * there yet; a monitor takes its chardev and stays silent.
 */
#include "config.h"

#include "qmp/monitor.h"

#include <stdlib.h>

#include "base/log.h"
#include "host/char/chardev.h"

struct monitor {
	struct chardev *chr;
};

static size_t monitor_can_read(void *opaque)
{
	(void)opaque;
	return 4096;
}

static void monitor_read(void *opaque, const uint8_t *buf, size_t len)
{
	(void)opaque;
	(void)buf;
	(void)len;
}

static void monitor_event(void *opaque, enum chardev_event ev)
{
	(void)opaque;
	(void)ev;
}

struct monitor *monitor_new(struct vm *vm, struct chardev *c, enum monitor_mode mode,
			    bool pretty, struct err *e)
{
	struct monitor *m = calloc(1, sizeof(*m));
	struct chardev_front f = { .can_read = monitor_can_read, .read = monitor_read,
				   .event = monitor_event, .opaque = m, .monitor = true };

	(void)vm;
	(void)pretty;
	if (!m) {
		err_set(e, -12, "out of memory");
		return NULL;
	}
	if (mode == MONITOR_CONTROL) {
		log_warn("not supported: QMP");
	}
	m->chr = c;
	if (chardev_attach(c, &f, e) < 0) {
		free(m);
		return NULL;
	}
	return m;
}

void monitor_free_all(void)
{
}
