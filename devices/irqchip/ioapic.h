/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioapic.h - I/O APIC with 24 pins, version 0x20 (82093AA, ICH9 chapter 13.5). */
#ifndef LODGE_DEVICES_IOAPIC_H
#define LODGE_DEVICES_IOAPIC_H

#include <stdint.h>

#include "base/err.h"

struct vm;
struct ioapic;
struct lapic_set;

struct ioapic *ioapic_create(struct vm *vm, struct lapic_set *bus, uint64_t base, uint8_t id,
			     struct err *e);
/* irq_fn: arg is the ioapic, n 0..23. [any thread] */
void ioapic_set_line(void *ioapic, unsigned n, int level);
/* EOI message of a level interrupt. [vCPU thread, no APIC lock held] */
void ioapic_eoi(struct ioapic *s, uint8_t vector);

#endif
