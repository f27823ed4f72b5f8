/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa.h - the ISA/LPC bus as devices see it: a port space and sixteen lines.
 *
 * A bridge (ICH9 LPC) or a board without one (microvm) makes a bus and gives it
 * the lines; IRQ n of the bus is irq[n], whatever is behind it (PIC and IOAPIC).
 * Several devices may share no ISA line: edges. Control thread but for irq_set.
 */
#ifndef LODGE_DEVICES_ISA_H
#define LODGE_DEVICES_ISA_H

#include <stdint.h>

#include "core/device.h"
#include "core/gmem.h"
#include "core/irq.h"

enum { ISA_IRQS = 16 };

struct isa_bus {
	struct bus bus; /* type "isa" */
	struct vm *vm;
	struct mr *io; /* port space */
	struct irq irq[ISA_IRQS];
};

/* `owner` may be NULL (board-level bus). `io` NULL: the VM's port space. */
struct isa_bus *isa_bus_new(struct vm *vm, struct device *owner, const char *name,
                            struct mr *io, const struct irq irq[ISA_IRQS]);
void isa_bus_free(struct isa_bus *b);
/* The bus a device was plugged into. */
struct isa_bus *isa_bus_of(const struct device *d);
/* -EINVAL with a sentence when n is not an ISA line. */
int isa_irq(const struct device *d, unsigned n, struct irq *out, struct err *e)
	__must_check;
void isa_add_ports(const struct device *d, unsigned port, struct mr *m);

/* Creates, sets "name=value" pairs (NULL ends) and realizes; for boards. */
struct device *isa_create(struct isa_bus *b, const char *cls, const char *id,
                          const char *const *props, struct err *e);

#endif
