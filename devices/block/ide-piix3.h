/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-piix3.h - the PIIX3's IDE function (8086:7010), 00:01.1 of board pc: two channels
 * at the legacy ports (1f0, 3f6, interrupt 14; 170, 376, interrupt 15), and their bus
 * masters in BAR 4. Buses "ide.0" and "ide.1".
 */
#ifndef LODGE_DEVICES_IDE_PIIX3_H
#define LODGE_DEVICES_IDE_PIIX3_H

#include <stdint.h>

struct device;
struct pci_host;
struct irq;
struct err;

enum {
	PIIX3_IDE_DEVFN = 1 << 3 | 1,
	PIIX3_IDE_TIM = 0x40 /* IDETIM, a word a channel */
};

/* `gsi`: 16 lines. */
struct device *piix3_ide_create(struct pci_host *h, const struct irq *gsi,
                                struct err *e);
/* Firmware's part: the channels decode their ports. */
void piix3_ide_enable(struct device *dev);
/* CMOS byte 39: how SeaBIOS is to translate the drives' geometries, two bits each. */
uint8_t piix3_ide_translation(const struct device *dev);

#endif
