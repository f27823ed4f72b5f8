/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-ged.h - generic event device and hardware-reduced sleep/reset registers
 * (ACPI 6.4 ch. 4.8.3.7, 5.6.9) for boards without fixed hardware (microvm).
 *
 * Memory layout:
 *   evt_base + 0   32 bits  pending events, read clears    (for \_SB.GED._EVT)
 *                           bit 1 = ACPI_GED_EVT_POWER: the method does Notify(PWRB, 0x80)
 *   reg_base + 0    8 bits  SLEEP_CONTROL_REG: SLP_TYP bits 2..4, SLP_EN bit 5
 *   reg_base + 1    8 bits  SLEEP_STATUS_REG: bit 7 WAK_STS, write 1 clears
 *   reg_base + 2    8 bits  RESET_REG: write ACPI_GED_RESET_VALUE
 * \_S5 is Package { ACPI_GED_S5, 0, 0, 0 }. The line is edge-triggered, active high.
 */
#ifndef LODGE_DEVICES_ACPI_GED_H
#define LODGE_DEVICES_ACPI_GED_H

#include <stdint.h>

#include "base/err.h"
#include "core/irq.h"

struct vm;
struct acpi_ged;

enum {
	ACPI_GED_EVT_POWER = 0x2,
	ACPI_GED_EVT_MEM = 0x1, /* reserved for memory hot-plug */
	ACPI_GED_S5 = 5,
	ACPI_GED_RESET_VALUE = 0x42,
	ACPI_GED_EVT_LEN = 4,
	ACPI_GED_REG_LEN = 3,
};

struct acpi_ged_cfg {
	uint64_t evt_base, reg_base; /* guest physical */
	struct irq irq;
};
struct acpi_ged *acpi_ged_create(struct vm *vm, const struct acpi_ged_cfg *cfg,
                                 struct err *e);

#endif
