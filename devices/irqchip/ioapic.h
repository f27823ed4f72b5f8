/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ioapic.h - I/O APIC with 24 pins, version 0x20 (82093AA, ICH9 chapter 13.5). */
#ifndef LODGE_DEVICES_IOAPIC_H
#define LODGE_DEVICES_IOAPIC_H

#include <stdint.h>

#include "base/err.h"

struct vm;
struct ioapic;
struct lapic_set;
struct x86_chip_ioapic;

struct ioapic *ioapic_create(struct vm *vm, struct lapic_set *bus, uint64_t base,
                             uint8_t id, struct err *e);
/* irq_fn: arg is the ioapic, n 0..23. [any thread] */
void ioapic_set_line(void *ioapic, unsigned n, int level);
/* EOI message of a level interrupt. [vCPU thread, no APIC lock held] */
void ioapic_eoi(struct ioapic *s, uint8_t vector);
/* Pins whose interrupt `vector` would end. */
uint32_t ioapic_in_service(struct ioapic *s, uint8_t vector);
/* State (core/cpu/x86-chips.h); nothing is sent before ioapic_chip_go(), which is also
 * for a change of who has the local APICs. */
void ioapic_chip_get(struct ioapic *s, struct x86_chip_ioapic *out);
void ioapic_chip_set(struct ioapic *s, const struct x86_chip_ioapic *in,
                     uint32_t lines);
void ioapic_chip_go(struct ioapic *s);

#endif
