/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debugcon.c - isa-debugcon: a port whose bytes go to a chardev; reads give `readback`,
 * by which firmware finds it (SeaBIOS and OVMF: iobase=0x402).
 *
 * Threads: vCPU threads; no state, so no lock.
 */
#include "config.h"

#include <errno.h>

#include "devices/bus/isa.h"
#include "host/char/chardev.h"

struct debugcon {
	struct device dev;
	uint32_t prop_iobase, prop_readback;
	char *prop_chardev;
	struct chardev *chr;
	struct mr mr;
};

static uint64_t debugcon_read(void *opaque, uint64_t off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct debugcon *)opaque)->prop_readback;
}

static void debugcon_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct debugcon *c = opaque;
	uint8_t b = (uint8_t)val;

	(void)off;
	(void)size;
	(void)chardev_write(c->chr, &b, 1);
}

static const struct mr_ops debugcon_ops = {
	.read = debugcon_read,
	.write = debugcon_write,
	.min = 1,
	.max = 1,
	.split = true,
};

static int debugcon_realize(struct device *d, struct err *e)
{
	struct debugcon *c = container_of(d, struct debugcon, dev);
	const struct chardev_front none = { .opaque = c };
	int r;

	c->chr = c->prop_chardev ? chardev_find(c->prop_chardev) : NULL;
	if (!c->chr) {
		return err_set(e, -ENOENT,
		               "isa-debugcon: chardev=ID of a -chardev is needed");
	}
	if (c->prop_iobase > 0xffff) {
		return err_set(e, -EINVAL, "isa-debugcon: iobase %#x is not a port",
		               c->prop_iobase);
	}
	r = chardev_attach(c->chr, &none, e);
	if (r < 0) {
		return r;
	}
	mr_init_io(&c->mr, "debugcon", 1, &debugcon_ops, c, NULL);
	isa_add_ports(d, c->prop_iobase, &c->mr);
	return 0;
}

static void debugcon_unrealize(struct device *d)
{
	struct debugcon *c = container_of(d, struct debugcon, dev);

	mr_del(&c->mr);
	chardev_detach(c->chr);
}

static const struct prop debugcon_props[] = {
	DEV_PROP("iobase", PROP_U32, struct debugcon, prop_iobase, 0xe9, "port"),
	DEV_PROP("readback", PROP_U32, struct debugcon, prop_readback, 0xe9,
	         "what a read gives"),
	DEV_PROP("chardev", PROP_CHARDEV, struct debugcon, prop_chardev, 0,
	         "id of the character device behind the port"),
	{ .name = NULL },
};

const struct device_class isa_debugcon_class = {
	.name = "isa-debugcon",
	.bus = "isa",
	.description = "debug console port",
	.category = "misc",
	.instance_size = sizeof(struct debugcon),
	.props = debugcon_props,
	.realize = debugcon_realize,
	.unrealize = debugcon_unrealize,
};
