/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pit.h - i8254 at ports 40..43 and the speaker/NMI status port 61. */
#ifndef LODGE_DEVICES_PIT_H
#define LODGE_DEVICES_PIT_H

#include <stdbool.h>

#include "base/err.h"
#include "core/irq.h"

struct x86_pit_ops;
struct vm;
struct pit;

#define PIT_HZ 1193182u

/* irq: channel 0's output (GSI 0). */
struct pit *pit_create(struct vm *vm, const struct irq *irq, struct err *e);
/* HPET legacy replacement takes the line away from channel 0. [any thread] */
void pit_irq_enable(struct pit *p, bool on);
/* Its state as others have it, for irqchip_x86_add_pit(). */
extern const struct x86_pit_ops pit_chip_ops;

#endif
