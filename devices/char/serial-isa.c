/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serial-isa.c - isa-serial: a 16550A at a PC's usual (or any other) ports.
 *
 * Threads: see uart16550.c, which takes the device's lock.
 */
#include "config.h"

#include "devices/char/serial-isa.h"

#include <errno.h>

#include "devices/part/uart16550.h"
#include "host/char/chardev.h"

enum { SERIAL_PORTS = 4 };

struct serial_isa {
	struct device dev;
	uint32_t prop_index, prop_iobase, prop_irq; /* UINT32_MAX: by index */
	char *prop_chardev;
	struct chardev *chr; /* from the board, when prop_chardev is NULL */
	struct uart16550 uart;
	struct mr mr;
};

static const struct {
	uint16_t iobase;
	uint8_t irq;
} serial_isa_usual[SERIAL_PORTS] = {
	{ 0x3f8, 4 }, { 0x2f8, 3 }, { 0x3e8, 4 }, { 0x2e8, 3 }
};

/* Ports without an index take the next one; control thread. */
static unsigned serial_isa_next;

static uint64_t serial_isa_read(void *opaque, uint64_t off, unsigned size)
{
	struct serial_isa *s = opaque;

	(void)size;
	return uart_read(&s->uart, (unsigned)off);
}

static void serial_isa_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct serial_isa *s = opaque;

	(void)size;
	uart_write(&s->uart, (unsigned)off, (uint8_t)val);
}

static const struct mr_ops serial_isa_ops = {
	.read = serial_isa_read,
	.write = serial_isa_write,
	.min = 1,
	.max = 1,
	.split = true,
};

static int serial_isa_resolve(struct serial_isa *s, struct err *e)
{
	if (s->prop_index == UINT32_MAX) {
		s->prop_index = serial_isa_next;
	}
	if (s->prop_index >= SERIAL_PORTS) {
		return err_set(e, -EINVAL,
		               "isa-serial: index %u: there are only %d ports",
		               s->prop_index, SERIAL_PORTS);
	}
	serial_isa_next = s->prop_index + 1;
	if (s->prop_iobase == UINT32_MAX) {
		s->prop_iobase = serial_isa_usual[s->prop_index].iobase;
	}
	if (s->prop_irq == UINT32_MAX) {
		s->prop_irq = serial_isa_usual[s->prop_index].irq;
	}
	if (s->prop_iobase > 0xfff8) {
		return err_set(e, -EINVAL, "isa-serial: iobase %#x is not a port",
		               s->prop_iobase);
	}
	return 0;
}

static int serial_isa_realize(struct device *d, struct err *e)
{
	struct serial_isa *s = container_of(d, struct serial_isa, dev);
	struct chardev *chr = s->chr;
	struct irq irq;
	int r = serial_isa_resolve(s, e);

	if (r < 0) {
		return r;
	}
	r = isa_irq(d, s->prop_irq, &irq, e);
	if (r < 0) {
		return r;
	}
	if (s->prop_chardev) {
		chr = chardev_find(s->prop_chardev);
		if (!chr) {
			return err_set(e, -ENOENT,
			               "isa-serial: there is no chardev '%s'",
			               s->prop_chardev);
		}
	}
	r = uart_init(&s->uart, &d->lk, &irq, chr, e);
	if (r < 0) {
		return r;
	}
	mr_init_io(&s->mr, "serial", 8, &serial_isa_ops, s, NULL);
	isa_add_ports(d, s->prop_iobase, &s->mr);
	return 0;
}

static void serial_isa_unrealize(struct device *d)
{
	struct serial_isa *s = container_of(d, struct serial_isa, dev);

	mr_del(&s->mr);
	uart_fini(&s->uart);
}

static void serial_isa_reset(struct device *d)
{
	uart_reset(&container_of(d, struct serial_isa, dev)->uart);
}

static int serial_isa_post_load(struct device *d, struct err *e)
{
	(void)e;
	uart_post_load(&container_of(d, struct serial_isa, dev)->uart);
	return 0;
}

static const struct prop serial_isa_props[] = {
	DEV_PROP("index", PROP_U32, struct serial_isa, prop_index, UINT32_MAX,
	         "COM port, 0 to 3 (default: the next one)"),
	DEV_PROP("iobase", PROP_U32, struct serial_isa, prop_iobase, UINT32_MAX,
	         "first port (default: by index)"),
	DEV_PROP("irq", PROP_U32, struct serial_isa, prop_irq, UINT32_MAX,
	         "line, 0 to 15 (default: by index)"),
	DEV_PROP("chardev", PROP_CHARDEV, struct serial_isa, prop_chardev, 0,
	         "id of the character device behind the port"),
	{ .name = NULL },
};

static const struct state_field serial_isa_state[] = {
	{ .name = "uart",
	  .type = STATE_STRUCT,
	  .offset = offsetof(struct serial_isa, uart),
	  .count = 1,
	  .sub = uart16550_state },
	{ .name = NULL },
};

const struct device_class isa_serial_class = {
	.name = "isa-serial",
	.bus = "isa",
	.description = "ISA serial port (16550A)",
	.category = "input",
	.instance_size = sizeof(struct serial_isa),
	.props = serial_isa_props,
	.state = serial_isa_state,
	.realize = serial_isa_realize,
	.unrealize = serial_isa_unrealize,
	.reset = serial_isa_reset,
	.post_load = serial_isa_post_load,
};

void serial_isa_info(const struct device *d, struct serial_isa_info *out)
{
	const struct serial_isa *s = container_of(d, struct serial_isa, dev);

	out->index = s->prop_index;
	out->iobase = s->prop_iobase;
	out->irq = s->prop_irq;
}

struct device *serial_isa_create(struct isa_bus *b, unsigned index, struct chardev *chr,
                                 struct err *e)
{
	struct device *d = device_new_own(b->vm, &isa_serial_class, e);
	struct serial_isa *s;

	if (!d) {
		return NULL;
	}
	s = container_of(d, struct serial_isa, dev);
	s->prop_index = index;
	s->chr = chr;
	return device_realize_own(d, &b->bus, e) ? d : NULL;
}
