/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pic.h - the 8259A pair of a PC: lines in, one INTR out, acknowledge. */
#ifndef LODGE_DEVICES_PIC_H
#define LODGE_DEVICES_PIC_H

#include <stdint.h>

#include "base/err.h"
#include "core/irq.h"

struct vm;
struct pic;

struct pic *pic_create(struct vm *vm, const struct irq *intr, struct err *e);
/* irq_fn: arg is the pic, n 0..15. [any thread] */
void pic_set_line(void *pic, unsigned n, int level);
/* INTA cycle: the vector (a spurious one when nothing is pending). [vCPU thread] */
int pic_ack(void *pic);

#endif
