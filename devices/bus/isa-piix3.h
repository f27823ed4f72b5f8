/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-piix3.h - the PIIX3's ISA bridge, 00:01.0 (8086:7000): the ISA bus, PCI INTx to
 * ISA interrupts. IDE (00:01.1) is devices/block/ide-piix3.c, power management
 * (00:01.3, a PIIX4's) devices/fw/piix4-pm.h.
 *
 * INTx lines PIRQA..D reach an ISA interrupt each, on the PIC and on the IOAPIC pin of the
 * same number, as PIRQRC[A:D] (0x60..63) say. A slot's INTx goes to line (slot - 1 +
 * pin) & 3: piix3_pirq() is that rule. The reset control register (cf9) is the host
 * bridge's, ELCR (4d0, 4d1) the PIC's.
 */
#ifndef LODGE_DEVICES_ISA_PIIX3_H
#define LODGE_DEVICES_ISA_PIIX3_H

#include "devices/bus/isa.h"
#include "devices/bus/pci-host.h"
#include "devices/bus/pirq.h"

enum {
	PIIX3_SLOT = 1,
	PIIX3_PIRQRC = 0x60,
	PIIX3_LINES = 4,
};

struct piix3 {
	struct pci_dev pci;
	struct pci_host *host;
	struct irq gsi[ISA_IRQS];
	struct isa_bus *isa;
	struct pirq pirq;
};

/* `gsi`: 16 lines, PIC and IOAPIC together. */
struct piix3 *piix3_create(struct pci_host *h, const struct irq *gsi, struct err *e);
unsigned piix3_pirq(unsigned slot, unsigned pin); /* 0..3 = PIRQA..D; pin 0 = INTA */

#endif
