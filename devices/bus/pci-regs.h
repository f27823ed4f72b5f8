/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pci-regs.h - offsets and bits of PCI configuration space (PCI Local Bus 3.0 ch. 6). */
#ifndef LODGE_DEVICES_PCI_REGS_H
#define LODGE_DEVICES_PCI_REGS_H

#define PCI_VENDOR_ID    0x00
#define PCI_DEVICE_ID    0x02
#define PCI_COMMAND      0x04
#define PCI_STATUS       0x06
#define PCI_REVISION     0x08
#define PCI_CLASS_PROG   0x09
#define PCI_CLASS_DEVICE 0x0a
#define PCI_CACHE_LINE   0x0c
#define PCI_LATENCY      0x0d
#define PCI_HEADER_TYPE  0x0e
#define PCI_BAR0         0x10
#define PCI_SUBVENDOR    0x2c
#define PCI_SUBDEVICE    0x2e
#define PCI_ROM          0x30
#define PCI_CAP_PTR      0x34
#define PCI_INT_LINE     0x3c
#define PCI_INT_PIN      0x3d

/* type 1 header */
#define PCI_PRIMARY_BUS       0x18
#define PCI_SECONDARY_BUS     0x19
#define PCI_SUBORDINATE       0x1a
#define PCI_IO_BASE           0x1c
#define PCI_IO_LIMIT          0x1d
#define PCI_SEC_STATUS        0x1e
#define PCI_MEM_BASE          0x20
#define PCI_MEM_LIMIT         0x22
#define PCI_PREF_BASE         0x24
#define PCI_PREF_LIMIT        0x26
#define PCI_PREF_BASE_HI      0x28
#define PCI_PREF_LIMIT_HI     0x2c
#define PCI_IO_BASE_HI        0x30
#define PCI_IO_LIMIT_HI       0x32
#define PCI_BRIDGE_CONTROL    0x3e
#define PCI_BRIDGE_CTL_RESET  0x40

#define PCI_COMMAND_IO        0x0001
#define PCI_COMMAND_MEM       0x0002
#define PCI_COMMAND_MASTER    0x0004
#define PCI_COMMAND_PARITY    0x0040
#define PCI_COMMAND_SERR      0x0100
#define PCI_COMMAND_INTX_OFF  0x0400

#define PCI_STATUS_INTX       0x0008
#define PCI_STATUS_CAPS       0x0010
#define PCI_STATUS_W1C        0xf900

#define PCI_CAP_PM            0x01
#define PCI_CAP_MSI           0x05
#define PCI_CAP_VENDOR        0x09
#define PCI_CAP_EXP           0x10
#define PCI_CAP_MSIX          0x11

#define PCI_MSI_CTRL          2
#define PCI_MSI_ENABLE        0x0001
#define PCI_MSI_64            0x0080
#define PCI_MSI_MASKABLE      0x0100
#define PCI_MSIX_CTRL         2
#define PCI_MSIX_ENABLE       0x8000
#define PCI_MSIX_MASKALL      0x4000
#define PCI_MSIX_TABLE        4
#define PCI_MSIX_PBA          8
#define PCI_MSIX_ENTRY_MASKED 1u

#define PCI_EXP_ENDPOINT      0
#define PCI_EXP_ROOT_PORT     4
#define PCI_EXP_RC_ENDPOINT   9

#endif
