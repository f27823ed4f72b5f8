/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * piix4-pm.h - the PIIX4's power management function (8086:7113), 00:01.3 of board pc.
 *
 * PMBA (0x40) places the ACPI registers (acpi-pm.h, PIIX4's layout) when PMREGMISC
 * (0x80) bit 0 says so; without firmware they are at PIIX4_PM_BASE from reset on. The
 * SCI is ISA interrupt 9, hard-wired.
 */
#ifndef LODGE_DEVICES_PIIX4_PM_H
#define LODGE_DEVICES_PIIX4_PM_H

#include "devices/bus/pci-host.h"
#include "devices/fw/acpi-pm.h"

enum { PIIX4_PM_DEVFN = 1 << 3 | 3, PIIX4_PM_BASE = 0x600, PIIX4_SCI_IRQ = 9 };

struct piix4_pm_cfg {
	bool firmware; /* the registers start disabled, as in hardware */
	struct irq sci;
};

struct piix4_pm {
	struct pci_dev pci;
	struct piix4_pm_cfg cfg;
	struct acpi_pm *pm;
	bool mapped;
};

struct piix4_pm *piix4_pm_create(struct pci_host *h, const struct piix4_pm_cfg *cfg,
                                 struct err *e);

#endif
