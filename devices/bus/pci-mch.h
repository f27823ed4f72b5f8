/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-mch.h - the q35 memory controller hub's function 00:00.0 (8086:29c0).
 *
 * PCIEXBAR (0x60) moves the ECAM window, PAM0..6 (0x90..0x96) switch the legacy
 * BIOS area 0xc0000..0xfffff between PCI (ROM) and RAM, SMRAM (0x9d) is kept but
 * there is no SMM: 0xa0000..0xbffff always belongs to PCI.
 *
 * PAM is pci-pam.h's. A board that boots a kernel without firmware sets
 * ram_below_1m: the area is RAM from reset on.
 */
#ifndef LODGE_DEVICES_PCI_MCH_H
#define LODGE_DEVICES_PCI_MCH_H

#include "devices/bus/pci-host.h"
#include "devices/bus/pci-pam.h"

struct mch_cfg {
	uint64_t
		ecam_base; /* enabled from reset on when not 0 (no firmware); q35: 0xb0000000 */
	bool ram_below_1m;
	struct mr *
		low_ram; /* RAM region whose byte 0 is at 0; NULL: PAM "read only" is writable */
	uint64_t low_ram_end; /* for TOLUD and friends */
};

struct mch {
	struct pci_dev pci;
	struct pci_host *host;
	struct mch_cfg cfg;
	struct pam pam;
};

struct mch *mch_create(struct pci_host *h, const struct mch_cfg *cfg, struct err *e);

#endif
