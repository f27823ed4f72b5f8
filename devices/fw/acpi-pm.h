/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-pm.h - ACPI fixed hardware (ACPI 6.4 ch. 4.8): PM1 event and control, PM timer,
 * GPE0 block, power button, sleep.
 *
 * Layout of the block: 00 PM1_STS, 02 PM1_EN, 04 PM1_CNT, 08 PM_TMR; then
 *
 *   ICH9:  128 ports; 20..27 GPE0_STS, 28..2f GPE0_EN, 30 SMI_EN, 34 SMI_STS
 *   PIIX4: 64 ports; 0c..0d GPSTS, 0e..0f GPEN, the other registers read 0
 *
 * Ports B2/B3 (SMI command and status) belong to it too: there is no SMM, so what
 * firmware's handler does for ACPI happens at once.
 * SLP_TYP 5 with SLP_EN powers off (\_S5 package {5, 5}... see ACPI_PM_S5), SLP_TYP 1
 * (S3) is not supported and wakes at once.
 */
#ifndef LODGE_DEVICES_ACPI_PM_H
#define LODGE_DEVICES_ACPI_PM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/gmem.h"
#include "core/irq.h"

struct vm;
struct acpi_pm;

enum {
	ACPI_PM_S5 = 0,      /* SLP_TYP value of \_S5: Package { 0, 0, 0, 0 } */
	ACPI_PM1_EVT = 0x00, /* 4 bytes */
	ACPI_PM1_CNT = 0x04, /* 2 bytes */
	ACPI_PM_TMR =
		0x08, /* 4 bytes, 24 bits wide unless told (FADT TMR_VAL_EXT = 0) */
	ACPI_PM_SMI_CMD = 0xb2, /* where the owner maps acpi_pm_smi_region() */
	ACPI_PM_ENABLE = 2,     /* written there: SCI_EN on, off */
	ACPI_PM_DISABLE = 3,
};

struct acpi_pm_layout {
	uint8_t size, gpe0, gpe_half; /* GPE0: half status, half enable bytes */
	uint8_t smi_en;               /* offset of SMI_EN; 0: elsewhere */
};
extern const struct acpi_pm_layout acpi_pm_ich9, acpi_pm_piix4;

struct acpi_pm_cfg {
	struct irq sci;
	bool acpi_mode; /* SCI_EN is set from reset on (no SMI_CMD handshake needed) */
	const struct acpi_pm_layout *layout; /* NULL: ICH9's */
};
/* A "sys" device without an address: its owner maps the regions. Power button by
 * VM_EV_POWERDOWN. */
struct acpi_pm *acpi_pm_create(struct vm *vm, const struct acpi_pm_cfg *cfg,
                               struct err *e);
struct mr *acpi_pm_region(struct acpi_pm *p);
struct mr *acpi_pm_smi_region(struct acpi_pm *p); /* two ports */
/* Raises GPE `n` (0..63): hot-plug controllers. [any thread] */
void acpi_pm_gpe(struct acpi_pm *p, unsigned n);

#endif
