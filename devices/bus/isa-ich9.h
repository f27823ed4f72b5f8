/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-ich9.h - the ICH9 LPC bridge, 00:1f.0 (8086:2918): the ISA bus, PCI INTx to
 * PIC/IOAPIC routing, the PMBASE and RCBA windows, ports B2/B3.
 *
 * INTx lines PIRQA..PIRQH are GSI 16..23 on the IOAPIC and, through PIRQ[n]_ROUT
 * (0x60..63, 0x68..6b), an ISA interrupt on the PIC. Slots 0..24: line E + ((slot +
 * pin) & 3); slots 25..31: line A + pin. ich9_pirq() is that rule, for the _PRT.
 *
 * The ACPI PM block with the SMI command ports is devices/fw/acpi-pm.h, owned by this
 * device; without firmware it is at `pmbase` (default 0x600) and enabled from reset on.
 */
#ifndef LODGE_DEVICES_ISA_ICH9_H
#define LODGE_DEVICES_ISA_ICH9_H

#include "devices/bus/isa.h"
#include "devices/bus/pci-host.h"
#include "devices/bus/pirq.h"
#include "devices/fw/acpi-pm.h"

enum {
	ICH9_SLOT = 0x1f,
	ICH9_PMBASE = 0x600, /* 128 ports */
	ICH9_SCI_IRQ = 9,    /* GSI 9, level, active high as ICH9 drives it */
	ICH9_GSI_PIRQ = 16,  /* PIRQA's IOAPIC pin */
	ICH9_GPE0 = 0x20,    /* offset in the PM block, ICH9_GPE0_LEN bytes */
	ICH9_GPE0_LEN = 16,
	ICH9_RESET_PORT = 0xcf9, /* write 0x06: hard reset (the host bridge has it) */
};

struct ich9_cfg {
	bool firmware;         /* PMBASE starts disabled, as in hardware */
	const struct irq *gsi; /* 24 lines: ISA 0..15 (PIC + IOAPIC), 16..23 (IOAPIC) */
	/* For PIRQs routed to the PIC: PIC input only, NULL entries allowed. */
	const struct irq *pic; /* 16 lines; NULL: PIRQs reach only GSI 16..23 */
};

struct ich9_lpc {
	struct pci_dev pci;
	struct pci_host *host;
	struct ich9_cfg cfg;
	struct irq gsi[24];
	struct pirq pirq; /* to the PIC */
	struct isa_bus *isa;
	struct acpi_pm *pm;
	struct mr rcba;
	uint8_t rcba_regs[0x4000];
	bool pmbase_on, rcba_on;
};

struct ich9_lpc *ich9_create(struct pci_host *h, const struct ich9_cfg *cfg,
                             struct err *e);
/* 0..7 = PIRQA..H for INTx `pin` (0 = INTA) of a root bus slot. */
unsigned ich9_pirq(unsigned slot, unsigned pin);

#endif
