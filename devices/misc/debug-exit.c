/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * debug-exit.c - isa-debug-exit: a guest (a test) ends the VMM with a status. Writing v
 * exits with (v << 1) | 1, so that 0 is never given by it.
 *
 * Threads: vCPU threads; no state.
 */
#include "config.h"

#include <errno.h>

#include "core/vm.h"
#include "devices/bus/isa.h"

struct debug_exit {
	struct device dev;
	uint32_t prop_iobase, prop_iosize;
	struct mr mr;
};

static uint64_t debug_exit_read(void *opaque, uint64_t off, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)size;
	return 0;
}

static void debug_exit_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct debug_exit *x = opaque;

	(void)off;
	(void)size;
	vm_request_exit(x->dev.vm, (int)((val << 1 | 1) & 0x7fffffff));
}

static const struct mr_ops debug_exit_ops = {
	.read = debug_exit_read,
	.write = debug_exit_write,
	.min = 1,
	.max = 4,
	.unaligned = true,
};

static int debug_exit_realize(struct device *d, struct err *e)
{
	struct debug_exit *x = container_of(d, struct debug_exit, dev);

	if (!x->prop_iosize || x->prop_iobase > 0xffff ||
	    x->prop_iosize > 0x10000 - x->prop_iobase) {
		return err_set(e, -EINVAL,
		               "isa-debug-exit: ports %#x + %#x do not exist",
		               x->prop_iobase, x->prop_iosize);
	}
	mr_init_io(&x->mr, "debug-exit", x->prop_iosize, &debug_exit_ops, x, NULL);
	isa_add_ports(d, x->prop_iobase, &x->mr);
	return 0;
}

static void debug_exit_unrealize(struct device *d)
{
	mr_del(&container_of(d, struct debug_exit, dev)->mr);
}

static const struct prop debug_exit_props[] = {
	DEV_PROP("iobase", PROP_U32, struct debug_exit, prop_iobase, 0x501,
	         "first port"),
	DEV_PROP("iosize", PROP_U32, struct debug_exit, prop_iosize, 2,
	         "number of ports"),
	{ .name = NULL },
};

const struct device_class isa_debug_exit_class = {
	.name = "isa-debug-exit",
	.bus = "isa",
	.description = "lets a guest end the VMM with a status",
	.category = "misc",
	.instance_size = sizeof(struct debug_exit),
	.props = debug_exit_props,
	.realize = debug_exit_realize,
	.unrealize = debug_exit_unrealize,
};
