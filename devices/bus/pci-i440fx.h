/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-i440fx.h - function 00:00.0 of board pc: the 82441FX (8086:1237).
 *
 * PAM0..6 (0x59..0x5f) are pci-pam.h's; SMRAM (0x72) is kept but there is no SMM.
 */
#ifndef LODGE_DEVICES_PCI_I440FX_H
#define LODGE_DEVICES_PCI_I440FX_H

#include "devices/bus/pci-pam.h"

struct i440fx_cfg {
	bool ram_below_1m; /* without firmware: 0xc0000..0xfffff is RAM from reset on */
	struct mr *
		low_ram; /* RAM region whose byte 0 is at 0; NULL: PAM "read only" is writable */
};

struct i440fx {
	struct pci_dev pci;
	struct i440fx_cfg cfg;
	struct pam pam;
};

struct i440fx *i440fx_create(struct pci_host *h, const struct i440fx_cfg *cfg,
                             struct err *e);

#endif
