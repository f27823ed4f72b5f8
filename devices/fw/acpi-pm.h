/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-pm.h - ACPI fixed hardware (ACPI 6.4 ch. 4.8): PM1 event and control, PM timer,
 * GPE0 block, power button, sleep.
 *
 * Layout of the 128-port block (as ICH9's): 00 PM1_STS, 02 PM1_EN, 04 PM1_CNT,
 * 08 PM_TMR, 20..27 GPE0_STS, 28..2f GPE0_EN, 30 SMI_EN, 34 SMI_STS.
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
	ACPI_PM_SIZE = 128,
	ACPI_PM_S5 = 0,	 /* SLP_TYP value of \_S5: Package { 0, 0, 0, 0 } */
	ACPI_PM1_EVT = 0x00, /* 4 bytes */
	ACPI_PM1_CNT = 0x04, /* 2 bytes */
	ACPI_PM_TMR = 0x08,  /* 4 bytes, 24 bits wide unless told (FADT TMR_VAL_EXT = 0) */
	ACPI_PM_GPE0 = 0x20, /* 16 bytes */
};

struct acpi_pm_cfg {
	struct irq sci;
	bool acpi_mode; /* SCI_EN is set from reset on (no SMI_CMD handshake needed) */
};
/* A "sys" device without an address: its owner maps acpi_pm_region(). Power button by
 * VM_EV_POWERDOWN. */
struct acpi_pm *acpi_pm_create(struct vm *vm, const struct acpi_pm_cfg *cfg, struct err *e);
struct mr *acpi_pm_region(struct acpi_pm *p);
void acpi_pm_set_acpi(struct acpi_pm *p, bool on); /* SCI_EN */
/* Raises GPE `n` (0..63): hot-plug controllers. [any thread] */
void acpi_pm_gpe(struct acpi_pm *p, unsigned n);

#endif
