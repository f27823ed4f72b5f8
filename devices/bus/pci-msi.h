/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci-msi.h - between pci.c and pci-msi.c only. _locked: under d->msi_lk. */
#ifndef LODGE_DEVICES_PCI_MSI_H
#define LODGE_DEVICES_PCI_MSI_H

struct pci_dev;

void pci_msi_config_written_locked(struct pci_dev *d, unsigned off, unsigned size);
void pci_msi_reset_locked(struct pci_dev *d);
void pci_msi_fini(struct pci_dev *d);

#endif
