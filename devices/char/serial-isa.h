/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * serial-isa.h - isa-serial: COM1..COM4. Property `index` chooses the usual port and
 * line (3f8/4, 2f8/3, 3e8/4, 2e8/3), `iobase` and `irq` override them.
 */
#ifndef LODGE_DEVICES_SERIAL_ISA_H
#define LODGE_DEVICES_SERIAL_ISA_H

#include "devices/bus/isa.h"

struct chardev;

extern const struct device_class isa_serial_class;
/* What ACPI needs to describe the port. */
struct serial_isa_info {
	unsigned index, iobase, irq;
};
void serial_isa_info(const struct device *d, struct serial_isa_info *out);
/* Board's `-serial`: COM(index+1). chr may be NULL (port present, nothing connected). */
struct device *serial_isa_create(struct isa_bus *b, unsigned index, struct chardev *chr,
                                 struct err *e);

#endif
