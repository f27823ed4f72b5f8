/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu-hotplug.h - the registers through which a guest's ACPI code learns of processors that
 * come and shall go (ACPI 6.4, 8.4 and 5.6.6), twelve ports. Layout as documented in the
 * QEMU project's specification of its own block, so that guests' firmware knows it:
 *
 *   write  0  4 bytes: selects a processor
 *          4  1 byte: bit 1 the insertion, bit 2 the request to remove has been seen,
 *             bit 3 eject
 *          5  1 byte: command. 0: select the next processor with an event, from the
 *             selected one on; 1, 2: the data are an _OST event, status; 3: architectural id
 *          8  4 bytes: data
 *   read   0  4 bytes: high half of the data (0)
 *          4  1 byte: bit 0 present, bit 1 inserted, bit 2 shall go
 *          8  4 bytes: command 0: the selected processor; 3: its architectural id
 */
#ifndef LODGE_DEVICES_CPU_HOTPLUG_H
#define LODGE_DEVICES_CPU_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/gmem.h"

struct vm;
struct cpu_hotplug;

enum { CPU_HOTPLUG_PORT = 0xcd8, CPU_HOTPLUG_LEN = 12, CPU_HOTPLUG_GPE = 2 };

struct cpu_hotplug_cfg {
	unsigned n; /* processors that there may be */
	/* The guest has ejected it / reports (_OST); control thread. */
	void (*ejected)(void *opaque, unsigned cpu);
	void (*reported)(void *opaque, unsigned cpu, uint32_t event, uint32_t status);
	/* There is news: GPE [any thread, no lock held] */
	void (*notify)(void *opaque);
	void *opaque;
};

/* Mapped at CPU_HOTPLUG_PORT. The processor 0 can't be ejected. */
struct cpu_hotplug *cpu_hotplug_create(struct vm *vm, const struct cpu_hotplug_cfg *cfg,
                                       struct err *e);
/* Control thread. It is there; `tell`: the guest runs and shall look. */
void cpu_hotplug_add(struct cpu_hotplug *p, unsigned cpu, uint32_t arch_id, bool tell);
/* The guest is asked to let it go. */
void cpu_hotplug_ask(struct cpu_hotplug *p, unsigned cpu);
/* It is gone, ejected or not. */
void cpu_hotplug_remove(struct cpu_hotplug *p, unsigned cpu);

#endif
