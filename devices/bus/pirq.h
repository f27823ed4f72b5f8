/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pirq.h - the PIRQ router of an Intel ISA bridge: four or eight PCI interrupt lines,
 * each steered to an ISA interrupt by a routing register (bit 7 off, bits 3..0 the
 * interrupt; 82371SB data sheet 2.2.6, ICH9 data sheet 13.1.14).
 *
 * Lines from anywhere; the router's lock ranks above the host bridge's INTx lock; outputs
 * change without it. Several PIRQs on one interrupt are wired-OR. Known gap: an
 * ISA device on the same interrupt is not part of that OR.
 */
#ifndef LODGE_DEVICES_PIRQ_H
#define LODGE_DEVICES_PIRQ_H

#include <stdbool.h>
#include <stdint.h>

#include "core/irq.h"
#include "core/lock.h"
#include "devices/bus/isa.h"

enum { PIRQ_LINES = 8, PIRQ_OFF = 0x80 };

struct pirq {
	struct lk lk;
	struct irq out[ISA_IRQS]; /* NULL entries: nothing is there */
	uint8_t level;            /* bit n: PIRQ n is asserted; saved by the owner */
	uint8_t route[PIRQ_LINES];
	_Atomic uint8_t driven[ISA_IRQS]; /* 1: the output is to be high */
};

void pirq_init(struct pirq *p, const struct irq out[ISA_IRQS]); /* NULL: no outputs */
void pirq_fini(struct pirq *p);
void pirq_set(struct pirq *p, unsigned n, int level);
/* Copies of routing registers first..first+n-1. */
void pirq_set_routes(struct pirq *p, unsigned first, const uint8_t *reg, unsigned n);

#endif
