/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa.c - the ISA/LPC bus: a list of devices, a port space, sixteen lines.
 *
 * Threads: control. Known gaps: no ISA DMA controller (nothing here needs one).
 */
#include "config.h"

#include "devices/bus/isa.h"

#include <errno.h>
#include <stdlib.h>

#include "core/vm.h"

struct isa_bus *isa_bus_new(struct vm *vm, struct device *owner, const char *name,
                            struct mr *io, const struct irq irq[ISA_IRQS])
{
	struct isa_bus *b = calloc(1, sizeof(*b));

	if (!b) {
		return NULL;
	}
	bus_init(&b->bus, "isa", name, owner);
	b->vm = vm;
	b->io = io ? io : &vm->io_root;
	for (unsigned i = 0; i < ISA_IRQS; i++) {
		b->irq[i] = irq[i];
	}
	return b;
}

void isa_bus_free(struct isa_bus *b)
{
	if (b) {
		bus_fini(&b->bus);
		free(b);
	}
}

struct isa_bus *isa_bus_of(const struct device *d)
{
	return container_of(d->parent, struct isa_bus, bus);
}

int isa_irq(const struct device *d, unsigned n, struct irq *out, struct err *e)
{
	if (n >= ISA_IRQS) {
		return err_set(e, -EINVAL, "%s: irq %u does not exist; ISA has 0 to 15",
		               d->cls->name, n);
	}
	*out = isa_bus_of(d)->irq[n];
	return 0;
}

void isa_add_ports(const struct device *d, unsigned port, struct mr *m)
{
	mr_add(isa_bus_of(d)->io, port, m, 0);
}

struct device *isa_create(struct isa_bus *b, const char *cls, const char *id,
                          const char *const *props, struct err *e)
{
	const struct device_class *c = device_class_find(cls);
	struct device *d;

	if (!c) {
		err_set(e, -ENOENT, "no ISA device '%s' in this build", cls);
		return NULL;
	}
	d = device_new(b->vm, c, id);
	if (!d) {
		err_set(e, -ENOMEM, "out of memory for %s", cls);
		return NULL;
	}
	for (; props && props[0]; props += 2) {
		if (device_set_prop(d, props[0], props[1], e) < 0) {
			device_free(d);
			return NULL;
		}
	}
	return device_realize_own(d, &b->bus, e) ? d : NULL;
}
