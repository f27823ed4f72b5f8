/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic-state.c - a local APIC's state as others have it (core/cpu/x86-chips.h).
 *
 * Called with the vCPU out of guest code. The timer of an APIC whose state is elsewhere
 * does not run; what was due when the state left is in IRR.
 * Known gaps: an ExtINT message that was not acknowledged (an IOAPIC can send one) and
 * error bits not yet written out to ESR stay behind.
 */
#include "config.h"

#include <string.h>

#include "core/cpu/x86-chips.h"
#include "core/vm.h"
#include "devices/irqchip/irqchip-x86.h"
#include "devices/irqchip/lapic.h"

static void lapic_state_fill(const struct lapic *a, struct x86_chip_lapic *s)
{
	memset(s, 0, sizeof(*s));
	s->base = a->base;
	s->tsc_deadline = lapic_timer_deadline_locked(a);
	s->reg[LAPIC_REG_ID] = a->id;
	s->reg[LAPIC_REG_TPR] = a->tpr;
	s->reg[LAPIC_REG_PPR] = a->ppr;
	s->reg[LAPIC_REG_LDR] = a->ldr;
	s->reg[LAPIC_REG_DFR] = a->dfr;
	s->reg[LAPIC_REG_SVR] = a->svr;
	memcpy(&s->reg[LAPIC_REG_ISR], a->isr, sizeof(a->isr));
	memcpy(&s->reg[LAPIC_REG_TMR], a->tmr, sizeof(a->tmr));
	memcpy(&s->reg[LAPIC_REG_IRR], a->irr, sizeof(a->irr));
	s->reg[LAPIC_REG_ESR] = a->esr;
	s->reg[LAPIC_REG_ICR] = a->icr;
	s->reg[LAPIC_REG_ICR_HI] = lapic_x2(a) ? a->icr_dest : a->icr_dest << 24;
	memcpy(&s->reg[LAPIC_REG_LVT], a->lvt, sizeof(a->lvt));
	s->reg[LAPIC_REG_TMR_INIT] = a->tmr_init;
	s->reg[LAPIC_REG_TMR_CUR] = a->tmr_expire ? lapic_timer_current_locked(a) : 0;
	if (a->tmr_expire && LVT_TMODE(a->lvt[LVT_TIMER]) != LVT_DEADLINE &&
	    !s->reg[LAPIC_REG_TMR_CUR]) {
		s->reg[LAPIC_REG_TMR_CUR] = 1; /* less than one count is left */
	}
	s->reg[LAPIC_REG_TMR_DIV] = a->tmr_div;
}

void lapic_chip_get(struct lapic *a, struct x86_chip_lapic *s)
{
	LAPIC_SCOPE(a);
	lapic_timer_settle_locked(a);
	lapic_state_fill(a, s);
	lapic_timer_stop_locked(a);
	a->cpu->cr8 = a->tpr >> 4;
	a->cpu->apic = NULL;
	a->cpu->apic_ops = NULL;
}

/* The first sixteen vectors can't be pending. */
static void lapic_state_map(uint32_t map[8], const uint32_t *reg)
{
	memcpy(map, reg, 8 * sizeof(map[0]));
	map[0] &= 0xffff0000;
}

void lapic_chip_set(struct lapic *a, const struct x86_chip_lapic *s)
{
	LAPIC_SCOPE(a);
	a->base = IRQCHIP_LAPIC_BASE |
	          ((uint32_t)s->base & (APICBASE_BSP | APICBASE_X2 | APICBASE_EN));
	a->tpr = (uint8_t)s->reg[LAPIC_REG_TPR];
	a->ldr = lapic_x2(a) ? lapic_x2_ldr(a->id) : s->reg[LAPIC_REG_LDR] & 0xff000000;
	a->dfr = s->reg[LAPIC_REG_DFR] | 0x0fffffff;
	a->svr = s->reg[LAPIC_REG_SVR] & LAPIC_SVR_WRITABLE;
	lapic_state_map(a->isr, &s->reg[LAPIC_REG_ISR]);
	lapic_state_map(a->tmr, &s->reg[LAPIC_REG_TMR]);
	lapic_state_map(a->irr, &s->reg[LAPIC_REG_IRR]);
	a->esr = s->reg[LAPIC_REG_ESR];
	a->esr_pending = 0;
	a->icr = s->reg[LAPIC_REG_ICR] & LAPIC_ICR_WRITABLE;
	a->icr_dest =
		lapic_x2(a) ? s->reg[LAPIC_REG_ICR_HI] : s->reg[LAPIC_REG_ICR_HI] >> 24;
	a->extint_latched = false;
	for (unsigned i = 0; i < LVT_N; i++) {
		a->lvt[i] = s->reg[LAPIC_REG_LVT + i] & lapic_lvt_writable[i];
	}
	lapic_timer_import_locked(a, s);
	a->cpu->apic = a;
	a->cpu->apic_ops = &lapic_cpu_ops;
	lapic_update_locked(a);
}

void lapic_come_back(struct lapic *a)
{
	LAPIC_SCOPE(a);
	lapic_timer_stop_locked(a);
	a->cpu->apic = a;
	a->cpu->apic_ops = &lapic_cpu_ops;
}
