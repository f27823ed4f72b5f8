/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pic.h - the 8259A pair of a PC: lines in, one INTR out, acknowledge. */
#ifndef LODGE_DEVICES_PIC_H
#define LODGE_DEVICES_PIC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/irq.h"

struct vm;
struct pic;
struct x86_chip_pic;

struct pic *pic_create(struct vm *vm, const struct irq *intr, struct err *e);
/* irq_fn: arg is the pic, n 0..15. [any thread] */
void pic_set_line(void *pic, unsigned n, int level);
/* INTA cycle: the vector (a spurious one when nothing is pending). [vCPU thread] */
int pic_ack(void *pic);
/* State of master and slave (core/cpu/x86-chips.h); INTR is not driven: set says how it is
 * now, after get it counts as low. */
void pic_chip_get(struct pic *p, struct x86_chip_pic *out);
bool pic_chip_set(struct pic *p, const struct x86_chip_pic *in, uint16_t lines);

#endif
