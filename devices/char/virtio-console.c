/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-console.c - the ports of a virtio console device: virtconsole (hvc0) and
 * virtserialport (a named channel), each with a chardev.
 *
 * Threads: chardev callbacks and queue work are both on the control loop. A
 * console counts as open always, a channel while its chardev is connected.
 */
#include "config.h"

#include <errno.h>

#include "devices/char/virtio-serial.h"
#include "host/char/chardev.h"

static size_t virtio_console_can_read(void *opaque)
{
	return virtio_serial_room(opaque);
}

static void virtio_console_read(void *opaque, const uint8_t *buf, size_t len)
{
	virtio_serial_input(opaque, buf, len);
}

static void virtio_console_event(void *opaque, enum chardev_event ev)
{
	struct virtio_serial_port *p = opaque;

	if (ev == CHARDEV_OPENED) {
		virtio_serial_host_open(p, true);
	} else if (ev == CHARDEV_CLOSED && !p->console) {
		virtio_serial_host_open(p, false);
	}
}

static int virtio_console_attach(struct virtio_serial_port *p, struct err *e)
{
	const struct chardev_front f = {
		.can_read = virtio_console_can_read,
		.read = virtio_console_read,
		.event = virtio_console_event,
		.opaque = p,
	};
	int r;

	if (!p->chardev) {
		return 0;
	}
	p->chr = chardev_find(p->chardev);
	if (!p->chr) {
		return err_set(e, -ENOENT,
		               "Property '%s.chardev' can't find value '%s'",
		               p->dev.cls->name, p->chardev);
	}
	r = chardev_attach(p->chr, &f, e);
	if (r < 0) {
		p->chr = NULL;
	}
	return r;
}

static int virtio_console_realize(struct device *d, struct err *e)
{
	struct virtio_serial_port *p = container_of(d, struct virtio_serial_port, dev);
	int r = virtio_serial_add_port(p->s, p, e);

	if (r < 0) {
		return r;
	}
	p->host_open = p->console;
	r = virtio_console_attach(p, e);
	if (r < 0) {
		virtio_serial_del_port(p);
	}
	return r;
}

static int virtio_console_realize_hvc(struct device *d, struct err *e)
{
	container_of(d, struct virtio_serial_port, dev)->console = true;
	return virtio_console_realize(d, e);
}

static void virtio_console_unrealize(struct device *d)
{
	struct virtio_serial_port *p = container_of(d, struct virtio_serial_port, dev);

	if (p->chr) {
		chardev_detach_front(p->chr, p);
		p->chr = NULL;
	}
	virtio_serial_del_port(p);
}

static const struct prop virtio_console_props[] = {
	DEV_PROP("chardev", PROP_CHARDEV, struct virtio_serial_port, chardev, 0,
	         "id of a -chardev"),
	DEV_PROP("name", PROP_STR, struct virtio_serial_port, name, 0,
	         "name of the channel in the guest"),
	DEV_PROP("nr", PROP_U32, struct virtio_serial_port, nr, UINT32_MAX,
	         "port number"),
	{ .name = NULL },
};

const struct device_class virtconsole_class = {
	.name = "virtconsole",
	.bus = "virtio-serial",
	.description = "virtio console port",
	.category = "input",
	.instance_size = sizeof(struct virtio_serial_port),
	.props = virtio_console_props,
	.hotpluggable = true,
	.realize = virtio_console_realize_hvc,
	.unrealize = virtio_console_unrealize,
};

const struct device_class virtserialport_class = {
	.name = "virtserialport",
	.bus = "virtio-serial",
	.description = "virtio channel",
	.category = "input",
	.instance_size = sizeof(struct virtio_serial_port),
	.props = virtio_console_props,
	.hotpluggable = true,
	.realize = virtio_console_realize,
	.unrealize = virtio_console_unrealize,
};
