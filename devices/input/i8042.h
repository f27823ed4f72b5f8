/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i8042.h - PS/2 controller (ports 60/64) with a keyboard and an auxiliary mouse, system
 * control port A (92), and the reset pulse (command FE).
 */
#ifndef LODGE_DEVICES_I8042_H
#define LODGE_DEVICES_I8042_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/irq.h"

struct vm;
struct i8042;

struct i8042_cfg {
	struct irq kbd, aux; /* lines 1 and 12 */
	struct irq a20;      /* A20 gate: level 1 = enabled; fn NULL: always enabled */
	bool no_mouse;
};
struct i8042 *i8042_create(struct vm *vm, const struct i8042_cfg *cfg, struct err *e);
/* Input from a display: set-1 scan code bytes are made from `qcode`-independent set-2
 * sequences; control thread. */
void i8042_key(struct i8042 *k, const uint8_t *set2, unsigned len);
void i8042_mouse(struct i8042 *k, int dx, int dy, int dz, unsigned buttons);

#endif
