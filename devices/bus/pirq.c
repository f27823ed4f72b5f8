/* SPDX-License-Identifier: GPL-2.0-or-later */
/* pirq.c - the PIRQ router of ISA bridges; see pirq.h. */
#include "config.h"

#include "devices/bus/pirq.h"

#include <string.h>

/* ISA interrupts a PIRQ can be steered to: 3-7, 9-12, 14, 15; other values are reserved. */
#define PIRQ_LEGAL 0xdef8u

static uint16_t pirq_want(const struct pirq *p)
{
	uint16_t want = 0;

	for (unsigned n = 0; n < PIRQ_LINES; n++) {
		if ((p->level & BIT(n)) && !(p->route[n] & PIRQ_OFF)) {
			want |= (uint16_t)BIT(p->route[n] & 15);
		}
	}
	return want & PIRQ_LEGAL;
}

/* Gives up the lock; the lines follow. */
static void pirq_leave(struct pirq *p)
{
	uint16_t want = pirq_want(p), diff = 0;

	for (unsigned i = 0; i < ISA_IRQS; i++) {
		uint8_t on = (want >> i) & 1;

		if (on != p->driven[i]) {
			diff |= (uint16_t)BIT(i);
			p->driven[i] = on;
		}
	}
	lk_release(&p->lk);
	for (unsigned i = 0; diff >> i; i++) {
		if (diff & BIT(i)) {
			irq_follow(&p->out[i], (want >> i) & 1, &p->driven[i]);
		}
	}
}

void pirq_init(struct pirq *p, const struct irq out[ISA_IRQS])
{
	memset(p, 0, sizeof(*p));
	lk_init(&p->lk, (enum lock_rank)(RANK_BUS + 1), "pirq");
	memset(p->route, PIRQ_OFF, sizeof(p->route));
	for (unsigned i = 0; out && i < ISA_IRQS; i++) {
		p->out[i] = out[i];
	}
}

void pirq_fini(struct pirq *p)
{
	lk_fini(&p->lk);
}

void pirq_set(struct pirq *p, unsigned n, int level)
{
	lk_acquire(&p->lk);
	p->level = (uint8_t)(level ? p->level | BIT(n) : p->level & ~BIT(n));
	pirq_leave(p);
}

void pirq_set_routes(struct pirq *p, unsigned first, const uint8_t *reg, unsigned n)
{
	lk_acquire(&p->lk);
	memcpy(p->route + first, reg, n);
	pirq_leave(p);
}
