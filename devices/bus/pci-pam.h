/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-pam.h - the programmable attribute map of Intel's host bridges: seven registers
 * switch 0xc0000..0xfffff between PCI (ROM) and RAM, and 0xa0000..0xbffff is PCI's.
 * 82441FX data sheet 3.2.18 (registers 59h..5fh), 3 Series data sheet 5.1.18 (90h..96h).
 *
 * The board maps low RAM at 0 of the VM's memory with priority 0; this lays windows
 * to PCI over it (priority 1) where the registers say so. Part of a bridge's function:
 * everything under that function's lock.
 *
 * Known gaps: an area set to "write RAM, read PCI" behaves as RAM; there is no SMM, so
 * the VGA window is never RAM.
 */
#ifndef LODGE_DEVICES_PCI_PAM_H
#define LODGE_DEVICES_PCI_PAM_H

#include "devices/bus/pci-host.h"

enum { PAM_AREAS = 13, PAM_REGS = 7 };

struct pam {
	struct vm *vm;
	struct mr vga, area[PAM_AREAS], ro[PAM_AREAS];
	bool has_ro;
};

/* `low_ram`: the region whose byte 0 is at 0; NULL makes "read only" areas writable. */
void pam_init(struct pam *p, struct pci_host *h, struct mr *low_ram);
void pam_fini(struct pam *p);
/* `reg` points at the seven registers in the function's config space, or its write mask. */
void pam_wmask(uint8_t *reg);
void pam_defaults(uint8_t *reg, bool ram);
void pam_update(struct pam *p, const uint8_t *reg);

#endif
