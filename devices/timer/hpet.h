/* SPDX-License-Identifier: GPL-2.0-or-later */
/* hpet.h - IA-PC HPET 1.0a: three 64-bit comparators at 100 MHz, legacy replacement. */
#ifndef LODGE_DEVICES_HPET_H
#define LODGE_DEVICES_HPET_H

#include "base/err.h"
#include "core/irq.h"

struct vm;
struct hpet;
struct pit;

#define HPET_BASE     0xfed00000u
#define HPET_BLOCK_ID 0x8086a201u /* event timer block id, for the ACPI table */

struct hpet_cfg {
	const struct irq *gsi; /* 24 lines */
	struct pit *pit;       /* silenced under legacy replacement; may be NULL */
	struct rtc *rtc;       /* likewise */
};
struct hpet *hpet_create(struct vm *vm, const struct hpet_cfg *cfg, struct err *e);

#endif
