/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic-regs.c - the APIC's registers, as memory at fee00000 (xAPIC, Intel SDM vol. 3A
 * table 11-1) and as MSRs 800..83f and 6e0 (x2APIC, 11.12).
 *
 * Runs on the vCPU's own thread: the register page is a different one for each vCPU.
 * Writes beyond the first 4 KiB of the 1 MiB window are messages, as for a device.
 */
#include "config.h"

#include <errno.h>

#include "core/cpu/x86-chips.h"
#include "core/vm.h"
#include "devices/irqchip/lapic.h"

#define MSR_TSC_DEADLINE     0x6e0u
#define MSR_X2APIC           0x800u

#define LAPIC_VERSION        ((LVT_N - 1) << 16 | BIT(24) | 0x14)
#define ESR_ILLEGAL_REGISTER 7

const uint32_t lapic_lvt_writable[LVT_N] = {
	[LVT_TIMER] = 0x000700ff, [LVT_THERMAL] = 0x000107ff, [LVT_PERF] = 0x000107ff,
	[LVT_LINT0] = 0x0001a7ff, [LVT_LINT1] = 0x0001a7ff,   [LVT_ERROR] = 0x000100ff,
};

/* -ENOENT: no such register. */
static int lapic_reg_read(struct lapic *a, unsigned reg, bool x2, uint32_t *v)
{
	switch (reg) {
	case LAPIC_REG_ID: *v = x2 ? a->id : a->id << 24; return 0;
	case LAPIC_REG_VERSION: *v = LAPIC_VERSION; return 0;
	case LAPIC_REG_TPR: *v = a->tpr; return 0;
	case LAPIC_REG_PPR: *v = a->ppr; return 0;
	case LAPIC_REG_APR:
	case LAPIC_REG_RRD:
	case LAPIC_REG_EOI: *v = 0; return x2 ? -ENOENT : 0;
	case LAPIC_REG_LDR: *v = a->ldr; return 0;
	case LAPIC_REG_DFR: *v = a->dfr; return x2 ? -ENOENT : 0;
	case LAPIC_REG_SVR: *v = a->svr; return 0;
	case LAPIC_REG_ISR ... LAPIC_REG_ISR + 7:
		*v = a->isr[reg - LAPIC_REG_ISR];
		return 0;
	case LAPIC_REG_TMR ... LAPIC_REG_TMR + 7:
		*v = a->tmr[reg - LAPIC_REG_TMR];
		return 0;
	case LAPIC_REG_IRR ... LAPIC_REG_IRR + 7:
		*v = a->irr[reg - LAPIC_REG_IRR];
		return 0;
	case LAPIC_REG_ESR: *v = a->esr; return 0;
	case LAPIC_REG_ICR: *v = a->icr; return 0;
	case LAPIC_REG_ICR_HI: *v = a->icr_dest << 24; return x2 ? -ENOENT : 0;
	case LAPIC_REG_LVT ... LAPIC_REG_LVT + LVT_N - 1:
		*v = a->lvt[reg - LAPIC_REG_LVT];
		return 0;
	case LAPIC_REG_TMR_INIT: *v = a->tmr_init; return 0;
	case LAPIC_REG_TMR_CUR: *v = lapic_timer_current_locked(a); return 0;
	case LAPIC_REG_TMR_DIV: *v = a->tmr_div; return 0;
	}
	return -ENOENT;
}

static void lapic_write_lvt(struct lapic *a, unsigned n, uint32_t v)
{
	v &= lapic_lvt_writable[n];
	if (!(a->svr & SVR_ENABLE)) {
		v |= LVT_MASKED;
	}
	if (n == LVT_TIMER) {
		lapic_timer_set_lvt_locked(a, v);
		return;
	}
	a->lvt[n] = v;
	if (n == LVT_LINT0) {
		lapic_update_locked(a); /* the PIC may be waiting */
	}
}

static void lapic_write_svr(struct lapic *a, uint32_t v)
{
	a->svr = v & LAPIC_SVR_WRITABLE;
	if (!(v & SVR_ENABLE)) {
		for (unsigned i = 0; i < LVT_N; i++) {
			a->lvt[i] |= LVT_MASKED;
		}
	}
	lapic_update_locked(a);
}

static int lapic_reg_write(struct lapic *a, unsigned reg, bool x2, uint32_t v)
{
	switch (reg) {
	case LAPIC_REG_TPR: lapic_set_tpr_locked(a, (uint8_t)v); return 0;
	case LAPIC_REG_LDR:
		if (x2) {
			return -ENOENT;
		}
		a->ldr = v & 0xff000000;
		return 0;
	case LAPIC_REG_DFR:
		if (x2) {
			return -ENOENT;
		}
		a->dfr = v | 0x0fffffff;
		return 0;
	case LAPIC_REG_SVR: lapic_write_svr(a, v); return 0;
	case LAPIC_REG_ESR:
		a->esr = a->esr_pending;
		a->esr_pending = 0;
		return 0;
	case LAPIC_REG_ICR_HI:
		if (x2) {
			return -ENOENT;
		}
		a->icr_dest = v >> 24;
		return 0;
	case LAPIC_REG_LVT ... LAPIC_REG_LVT + LVT_N - 1:
		lapic_write_lvt(a, reg - LAPIC_REG_LVT, v);
		return 0;
	case LAPIC_REG_TMR_INIT: lapic_timer_set_count_locked(a, v); return 0;
	case LAPIC_REG_TMR_DIV: lapic_timer_set_divide_locked(a, v); return 0;
	case LAPIC_REG_ID: /* read-only, as on every processor since Nehalem */
	case LAPIC_REG_VERSION:
	case LAPIC_REG_PPR:
	case LAPIC_REG_TMR_CUR:
	case LAPIC_REG_APR:
	case LAPIC_REG_RRD:
	case LAPIC_REG_ISR ... LAPIC_REG_IRR + 7: return x2 ? -ENOENT : 0;
	}
	return -ENOENT;
}

/* ---- memory ---- */

static struct lapic *lapic_here(struct lapic_set *s)
{
	struct vcpu *v = vcpu_self();
	struct lapic *a;

	if (!v || v->vm != s->vm) {
		return NULL;
	}
	a = ((struct x86_cpu *)v->arch)->apic;
	return a && lapic_on(a) && !lapic_x2(a) ? a : NULL;
}

static uint64_t lapic_mmio_read(void *opaque, uint64_t off, unsigned size)
{
	struct lapic *a = lapic_here(opaque);
	uint32_t v = 0;

	(void)size;
	if (!a || off >= 0x1000 || off & 15) {
		return a ? 0 : UINT32_MAX;
	}
	LAPIC_SCOPE(a);
	if (lapic_reg_read(a, (unsigned)off >> 4, false, &v) < 0) {
		lapic_error_locked(a, ESR_ILLEGAL_REGISTER);
		lapic_update_locked(a);
	}
	return v;
}

static void lapic_mmio_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct lapic_set *s = opaque;
	struct lapic *a;
	unsigned reg = (unsigned)off >> 4;

	(void)size;
	if (off >= 0x1000 ||
	    !vcpu_self()) { /* a device's write is a message anywhere */
		struct msi_msg m = { .addr = 0xfee00000 + off, .data = (uint32_t)val };

		msi_send(&s->vm->msi, &m);
		return;
	}
	a = lapic_here(s);
	if (!a || off & 15) {
		return;
	}
	if (reg == LAPIC_REG_EOI) {
		lapic_eoi(a);
		return;
	}
	if (reg == LAPIC_REG_ICR) {
		uint32_t dest;

		lapic_acquire(a);
		a->icr = (uint32_t)val & LAPIC_ICR_WRITABLE;
		dest = a->icr_dest;
		lapic_release(a);
		lapic_send_icr(a, (uint32_t)val & LAPIC_ICR_WRITABLE, dest & 0xff);
		return;
	}
	LAPIC_SCOPE(a);
	if (lapic_reg_write(a, reg, false, (uint32_t)val) < 0) {
		lapic_error_locked(a, ESR_ILLEGAL_REGISTER);
		lapic_update_locked(a);
	}
}

const struct mr_ops lapic_mmio_ops = {
	.read = lapic_mmio_read,
	.write = lapic_mmio_write,
	.min = 4,
	.max = 4,
	.split = true,
};

/* ---- MSRs; -EINVAL is #GP ---- */

int lapic_msr_read(void *apic, uint32_t msr, uint64_t *v)
{
	struct lapic *a = apic;
	uint32_t r;

	LAPIC_SCOPE(a);
	if (msr == MSR_TSC_DEADLINE) {
		*v = lapic_timer_deadline_locked(a);
		return 0;
	}
	if (!lapic_x2(a) || msr - MSR_X2APIC > 0x3f) {
		return -EINVAL;
	}
	if (msr - MSR_X2APIC == LAPIC_REG_ICR) {
		*v = a->icr | (uint64_t)a->icr_dest << 32;
		return 0;
	}
	if (lapic_reg_read(a, msr - MSR_X2APIC, true, &r) < 0) {
		return -EINVAL;
	}
	*v = r;
	return 0;
}

int lapic_msr_write(void *apic, uint32_t msr, uint64_t v)
{
	struct lapic *a = apic;
	unsigned reg = msr - MSR_X2APIC;

	if (msr == MSR_TSC_DEADLINE) {
		LAPIC_SCOPE(a);
		lapic_timer_set_deadline_locked(a, v);
		return 0;
	}
	if (!lapic_x2(a) || reg > 0x3f) {
		return -EINVAL;
	}
	switch (reg) {
	case LAPIC_REG_EOI:
		if (v) {
			return -EINVAL;
		}
		lapic_eoi(a);
		return 0;
	case LAPIC_REG_ICR:
		lapic_acquire(a);
		a->icr = (uint32_t)v & LAPIC_ICR_WRITABLE;
		a->icr_dest = (uint32_t)(v >> 32);
		lapic_release(a);
		lapic_send_icr(a, (uint32_t)v & LAPIC_ICR_WRITABLE,
		               (uint32_t)(v >> 32));
		return 0;
	case LAPIC_REG_SELF_IPI:
		if (v >> 8) {
			return -EINVAL;
		}
		lapic_send_icr(a, BIT(18) | (uint32_t)v, 0);
		return 0;
	case LAPIC_REG_ESR:
		if (v) {
			return -EINVAL;
		}
		break;
	}
	if (v >> 32) {
		return -EINVAL;
	}
	LAPIC_SCOPE(a);
	return lapic_reg_write(a, reg, true, (uint32_t)v) < 0 ? -EINVAL : 0;
}
