/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc-testdev.c - the test helper that kvm-unit-tests expects on a PC:
 *
 *   port e0, 4 bytes     scratch register
 *   port e4, 4 bytes     "flush": takes a page's address, has no effect here
 *   port e8, 4 bytes     scratch, bytes
 *   port 2000+n          level of ISA line n
 *   memory ff000000      64 KiB of scratch registers
 *
 * Threads: vCPU threads, dev.lk. Known gaps: lines above 15.
 */
#include "config.h"

#include "base/bytes.h"
#include "core/vm.h"
#include "devices/bus/isa.h"
#include "state/state.h"

enum { TESTDEV_MEM = 0x10000, TESTDEV_LINES = 24 };
#define TESTDEV_MEM_BASE 0xff000000u

struct testdev {
	struct device dev;
	struct mr ioport, flush, bytes, irq, mem;
	uint8_t port[4], data[4];
	uint8_t ram[TESTDEV_MEM];
};

static uint64_t testdev_port_read(void *opaque, uint64_t off, unsigned size)
{
	struct testdev *t = opaque;

	return range_fits(off, size, sizeof(t->port)) ? ld_le(t->port + off, size) : 0;
}

static void testdev_port_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct testdev *t = opaque;

	if (range_fits(off, size, sizeof(t->port))) {
		st_le(t->port + off, val, size);
	}
}

static uint64_t testdev_bytes_read(void *opaque, uint64_t off, unsigned size)
{
	struct testdev *t = opaque;

	return range_fits(off, size, sizeof(t->data)) ? ld_le(t->data + off, size) : 0;
}

static void testdev_bytes_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct testdev *t = opaque;

	if (range_fits(off, size, sizeof(t->data))) {
		st_le(t->data + off, val, size);
	}
}

static uint64_t testdev_none_read(void *opaque, uint64_t off, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)size;
	return 0;
}

static void testdev_flush_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)val;
	(void)size;
}

static void testdev_irq_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct testdev *t = opaque;

	(void)size;
	if (off < ISA_IRQS) {
		irq_set(&isa_bus_of(&t->dev)->irq[off], val != 0);
	}
}

static uint64_t testdev_mem_read(void *opaque, uint64_t off, unsigned size)
{
	struct testdev *t = opaque;

	return range_fits(off, size, TESTDEV_MEM) ? ld_le(t->ram + off, size) : 0;
}

static void testdev_mem_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct testdev *t = opaque;

	if (range_fits(off, size, TESTDEV_MEM)) {
		st_le(t->ram + off, val, size);
	}
}

static const struct mr_ops testdev_port_ops = {
	.read = testdev_port_read,
	.write = testdev_port_write,
	.min = 1,
	.max = 4,
	.unaligned = true,
};
static const struct mr_ops testdev_bytes_ops = {
	.read = testdev_bytes_read,
	.write = testdev_bytes_write,
	.min = 1,
	.max = 4,
	.unaligned = true,
};
static const struct mr_ops testdev_flush_ops = {
	.read = testdev_none_read,
	.write = testdev_flush_write,
	.min = 1,
	.max = 4,
};
static const struct mr_ops testdev_irq_ops = {
	.read = testdev_none_read,
	.write = testdev_irq_write,
	.min = 1,
	.max = 1,
};
static const struct mr_ops testdev_mem_ops = {
	.read = testdev_mem_read,
	.write = testdev_mem_write,
	.min = 1,
	.max = 8,
	.unaligned = true,
};

static int testdev_realize(struct device *d, struct err *e)
{
	struct testdev *t = container_of(d, struct testdev, dev);

	(void)e;
	mr_init_io(&t->ioport, "testdev-port", 4, &testdev_port_ops, t, &d->lk);
	mr_init_io(&t->flush, "testdev-flush", 4, &testdev_flush_ops, t, NULL);
	mr_init_io(&t->bytes, "testdev-bytes", 4, &testdev_bytes_ops, t, &d->lk);
	mr_init_io(&t->irq, "testdev-irq", TESTDEV_LINES, &testdev_irq_ops, t, NULL);
	mr_init_io(&t->mem, "testdev-mem", TESTDEV_MEM, &testdev_mem_ops, t, &d->lk);
	isa_add_ports(d, 0xe0, &t->ioport);
	isa_add_ports(d, 0xe4, &t->flush);
	isa_add_ports(d, 0xe8, &t->bytes);
	isa_add_ports(d, 0x2000, &t->irq);
	mr_add(&d->vm->mem_root, TESTDEV_MEM_BASE, &t->mem, 1);
	return 0;
}

static void testdev_unrealize(struct device *d)
{
	struct testdev *t = container_of(d, struct testdev, dev);

	mr_del(&t->ioport);
	mr_del(&t->flush);
	mr_del(&t->bytes);
	mr_del(&t->irq);
	mr_del(&t->mem);
}

static const struct state_field testdev_state[] = {
	{ .name = "port",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct testdev, port),
	  .count = 4 },
	{ .name = "data",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct testdev, data),
	  .count = 4 },
	{ .name = "ram",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct testdev, ram),
	  .count = TESTDEV_MEM },
	{ .name = NULL },
};

const struct device_class pc_testdev_class = {
	.name = "pc-testdev",
	.bus = "isa",
	.description = "PC test helper (kvm-unit-tests)",
	.category = "misc",
	.instance_size = sizeof(struct testdev),
	.state = testdev_state,
	.realize = testdev_realize,
	.unrealize = testdev_unrealize,
};
