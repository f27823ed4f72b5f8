/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-host.h - what makes a PCI root: the root bus, configuration cycles (ports
 * CF8/CFC and/or the ECAM window), the memory and port windows, INTx lines.
 *
 * Two users: board q35 (with the `mch` function of pci-mch.h at 00.0, which moves
 * the ECAM window) and boards with a bare ECAM (microvm with pcie=on).
 *
 *   host->mem : container of everything PCI in memory space; sits in the VM's memory
 *               at 0 with priority -1, so that RAM hides BARs that a guest puts there
 *   host->io  : the VM's port space itself
 */
#ifndef LODGE_DEVICES_PCI_HOST_H
#define LODGE_DEVICES_PCI_HOST_H

#include "devices/bus/pci.h"

struct pci_host_cfg {
	const char *bus_name; /* "pcie.0" */
	bool ports; /* CF8/CFC, and the reset control register CF9 (06 resets) */
	uint64_t ecam_base; /* 0: not mapped (yet: see pci_host_set_ecam) */
	unsigned buses;     /* bus numbers behind ECAM: 64, 128 or 256 */
	/* Line (0..PCI_ROOT_LINES-1) of INTx `pin` (0 = INTA) of a slot on the root bus;
	 * NULL: (slot + pin) & 3. Lines are wired-OR: the host counts. */
	unsigned (*map_irq)(void *arg, unsigned slot, unsigned pin);
	void *map_arg;
	struct irq line[PCI_ROOT_LINES];
};

struct pci_host {
	struct device dev;
	struct pci_bus root;
	struct pci_host_cfg cfg;
	struct mr mem, ecam, cf8, cfc;
	uint64_t ecam_base;
	bool ecam_on;
	_Atomic uint32_t addr; /* CF8 latch */
	_Atomic uint8_t cf9;
	struct lk irq_lk; /* INTx of all functions; not held while a line changes */
	int irq_count[PCI_ROOT_LINES];
	_Atomic uint8_t irq_level[PCI_ROOT_LINES]; /* 1: the line is to be high */
};

struct pci_host *pci_host_create(struct vm *vm, const struct pci_host_cfg *cfg,
                                 struct err *e);
void pci_host_set_ecam(struct pci_host *h, uint64_t base, unsigned buses, bool on);
/* Replaces the lines (ICH9 LPC does, once it exists). */
void pci_host_set_irqs(struct pci_host *h,
                       unsigned (*map)(void *arg, unsigned slot, unsigned pin),
                       void *arg, const struct irq line[PCI_ROOT_LINES]);
/* The root line that a function's INTx reaches after swizzling through bridges; the
 * function has an interrupt pin. */
unsigned pci_host_intx_line(struct pci_dev *d);
/* INTx of a function; whether its command register lets it out may have changed. */
void pci_host_intx(struct pci_dev *d, bool level);
void pci_host_intx_again(struct pci_dev *d);

#endif
