/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic.c - local APIC: priorities, acceptance, acknowledge, EOI (Intel SDM vol. 3A,
 * "Advanced Programmable Interrupt Controller", 11.8), xAPIC and x2APIC.
 *
 * Threads: registers and acknowledge on the own vCPU's thread, messages from anywhere.
 * One lock for each APIC. An uncontended lock is what an EOI costs.
 *
 * Known gaps: the register page does not move (APICBASE keeps its default address);
 * thermal and performance LVTs never fire; SMI is passed on as a request bit only.
 */
#include "config.h"

#include "devices/irqchip/lapic.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "core/clock.h"
#include "core/vm.h"
#include "devices/irqchip/ioapic.h"
#include "devices/irqchip/irqchip-x86.h"
#include "state/state.h"

enum { ESR_SEND_VECTOR = 5, ESR_RECV_VECTOR = 6 };

int lapic_highest(const uint32_t map[8])
{
	for (int i = 7; i >= 0; i--) {
		if (map[i]) {
			return 32 * i + 31 - __builtin_clz(map[i]);
		}
	}
	return -1;
}

static bool lapic_map_get(const uint32_t map[8], unsigned v)
{
	return map[v >> 5] & BIT(v & 31);
}

static void lapic_map_put(uint32_t map[8], unsigned v, bool on)
{
	if (on) {
		map[v >> 5] |= BIT(v & 31);
	} else {
		map[v >> 5] &= ~BIT(v & 31);
	}
}

static uint8_t lapic_ppr_compute(const struct lapic *a)
{
	int isrv = lapic_highest(a->isr);
	uint8_t in_service = isrv < 0 ? 0 : (uint8_t)isrv;

	/* SDM 11.8.3.1 */
	return a->tpr >> 4 >= in_service >> 4 ? a->tpr : in_service & 0xf0;
}

/* Vector that the priorities let through, -1 if none. */
static int lapic_ready(const struct lapic *a)
{
	int v;

	if (!lapic_on(a) || !(a->svr & SVR_ENABLE)) {
		return -1;
	}
	v = lapic_highest(a->irr);
	return v >= 0 && v >> 4 > a->ppr >> 4 ? v : -1;
}

static bool lapic_ext_ready(const struct lapic *a)
{
	uint32_t l = a->lvt[LVT_LINT0];

	if (a->extint_latched) {
		return true;
	}
	if (!a->lint0) {
		return false;
	}
	return !lapic_on(a) || (!(l & LVT_MASKED) && LVT_MODE(l) == LAPIC_EXTINT);
}

void lapic_acquire(struct lapic *a) NO_THREAD_SAFETY
{
	lk_acquire(&a->lk);
}

void lapic_release(struct lapic *a) NO_THREAD_SAFETY
{
	bool notify = a->notify;

	a->notify = false;
	lk_release(&a->lk);
	if (notify) {
		vcpu_request(a->vcpu, 0); /* the bits are there */
	}
}

void lapic_update_locked(struct lapic *a)
{
	bool want, have = atomic_load(&a->vcpu->requests) & X86_REQ_HARD;

	a->ppr = lapic_ppr_compute(a);
	want = atomic_load_explicit(&a->set->away, memory_order_relaxed)
	               ? a->lint0
	               : lapic_ready(a) >= 0 || lapic_ext_ready(a);
	if (want && !have) {
		atomic_fetch_or(&a->vcpu->requests, X86_REQ_HARD);
		a->notify = true;
	} else if (!want && have) {
		vcpu_clear_request(a->vcpu, X86_REQ_HARD);
	}
}

void lapic_error_locked(struct lapic *a, uint32_t bit)
{
	uint32_t l = a->lvt[LVT_ERROR];

	if (a->esr_pending & BIT(bit)) {
		return;
	}
	a->esr_pending |= BIT(bit);
	/* Not through lapic_accept_locked: an illegal vector here must not recurse. */
	if (!(l & LVT_MASKED) && (l & 0xff) >= 16 && (a->svr & SVR_ENABLE)) {
		lapic_map_put(a->irr, l & 0xff, true);
		lapic_map_put(a->tmr, l & 0xff, false);
	}
}

void lapic_accept_locked(struct lapic *a, uint8_t vector, bool level)
{
	if (!lapic_on(a) || !(a->svr & SVR_ENABLE)) {
		return;
	}
	if (vector < 16) {
		lapic_error_locked(a, ESR_RECV_VECTOR);
	} else {
		lapic_map_put(a->irr, vector, true);
		lapic_map_put(a->tmr, vector, level);
	}
	lapic_update_locked(a);
}

void lapic_accept_mode(struct lapic *a, uint8_t mode, uint8_t vector, bool level)
{
	if (unlikely(!atomic_load_explicit(&a->vcpu->present, memory_order_acquire))) {
		return; /* nobody is at that address */
	}
	switch (mode) {
	case LAPIC_FIXED:
	case LAPIC_LOWEST: {
		LAPIC_SCOPE(a);
		lapic_accept_locked(a, vector, level);
		break;
	}
	case LAPIC_EXTINT: {
		LAPIC_SCOPE(a);
		a->extint_latched = true;
		lapic_update_locked(a);
		break;
	}
	case LAPIC_NMI: vcpu_request(a->vcpu, X86_REQ_NMI); break;
	case LAPIC_SMI: vcpu_request(a->vcpu, X86_REQ_SMI); break;
	case LAPIC_INIT: vcpu_request(a->vcpu, X86_REQ_INIT); break;
	case LAPIC_SIPI: {
		LAPIC_SCOPE(a);
		a->sipi_vector = vector;
		vcpu_request(a->vcpu, X86_REQ_SIPI);
		break;
	}
	default: break;
	}
}

void lapic_lint0(void *lapic, unsigned n, int level)
{
	struct lapic *a = lapic;
	uint32_t l;
	bool rise;

	(void)n;
	LAPIC_SCOPE(a);
	rise = level && !a->lint0 && !atomic_load(&a->set->away);
	a->lint0 = level;
	l = a->lvt[LVT_LINT0];
	if (rise && lapic_on(a) && !(l & LVT_MASKED)) {
		if (LVT_MODE(l) == LAPIC_FIXED) {
			lapic_accept_locked(a, (uint8_t)l, false);
		} else if (LVT_MODE(l) == LAPIC_NMI) {
			vcpu_request(a->vcpu, X86_REQ_NMI);
		}
	}
	lapic_update_locked(a);
}

void lapic_nmi_button(struct lapic *a)
{
	uint32_t l;

	LAPIC_SCOPE(a);
	l = a->lvt[LVT_LINT1];
	if (!lapic_on(a) || (!(l & LVT_MASKED) && LVT_MODE(l) == LAPIC_NMI)) {
		vcpu_request(a->vcpu, X86_REQ_NMI);
	} else if (!(l & LVT_MASKED) && LVT_MODE(l) == LAPIC_FIXED) {
		lapic_accept_locked(a, (uint8_t)l, false);
	}
}

/* ---- the CPU's side, own thread ---- */

static int lapic_get_vector(void *apic)
{
	struct lapic *a = apic;
	int v, (*ack)(void *) = NULL;

	lapic_acquire(a);
	v = lapic_ready(a);
	if (v >= 0) {
		lapic_map_put(a->irr, (unsigned)v, false);
		lapic_map_put(a->isr, (unsigned)v, true);
	} else if (lapic_ext_ready(a)) {
		a->extint_latched = false;
		ack = a->set->ext_ack;
	}
	lapic_update_locked(a);
	lapic_release(a);
	/* The PIC's lock ranks below ours. It lowers or keeps INTR by lapic_lint0. */
	return ack ? ack(a->set->ext_arg) : v;
}

void lapic_eoi(struct lapic *a)
{
	struct lapic_set *s = a->set;
	bool level = false;
	int v;

	lapic_acquire(a);
	v = lapic_highest(a->isr);
	if (v >= 0) {
		lapic_map_put(a->isr, (unsigned)v, false);
		level = lapic_map_get(a->tmr, (unsigned)v) && !(a->svr & SVR_NO_EOI_BC);
		lapic_update_locked(a);
	}
	lapic_release(a);
	if (level) {
		s->eoi(s->ext_arg, (uint8_t)v);
	}
}

void lapic_set_tpr_locked(struct lapic *a, uint8_t tpr)
{
	if (tpr != a->tpr) {
		a->tpr = tpr;
		lapic_update_locked(a);
	}
}

static uint8_t lapic_get_cr8(void *apic)
{
	const struct lapic *a = apic;

	/* Only the vCPU itself, which asks here before and after each stay in the guest, and
	 * who holds it still write it. */
	return __atomic_load_n(&a->tpr, __ATOMIC_RELAXED) >> 4;
}

static void lapic_set_cr8(void *apic, uint8_t cr8)
{
	struct lapic *a = apic;

	LAPIC_SCOPE(a);
	lapic_set_tpr_locked(a, (uint8_t)((cr8 & 15) << 4));
}

static uint64_t lapic_get_base(void *apic)
{
	return ((struct lapic *)apic)->base;
}

uint32_t lapic_x2_ldr(uint32_t id)
{
	return (id >> 4) << 16 | BIT(id & 15);
}

static void lapic_reset_locked(struct lapic *a)
{
	memset(a->irr, 0, sizeof(a->irr));
	memset(a->isr, 0, sizeof(a->isr));
	memset(a->tmr, 0, sizeof(a->tmr));
	a->tpr = 0;
	a->svr = 0xff;
	a->dfr = UINT32_MAX;
	a->ldr = lapic_x2(a) ? lapic_x2_ldr(a->id) : 0;
	a->icr = a->icr_dest = a->esr = a->esr_pending = 0;
	a->extint_latched = false;
	for (unsigned i = 0; i < LVT_N; i++) {
		a->lvt[i] = LVT_MASKED;
	}
	/* MultiProcessor Specification 1.4, 3.6.2.3: virtual wire on the boot processor. */
	if (a->base & APICBASE_BSP) {
		a->lvt[LVT_LINT0] = LAPIC_EXTINT << 8;
	}
	lapic_timer_reset_locked(a);
}

/* SDM 11.12.5: which changes of mode are legal. */
static int lapic_set_base(void *apic, uint64_t v)
{
	struct lapic *a = apic;
	uint32_t was, mode = (uint32_t)v & (APICBASE_EN | APICBASE_X2);

	if (v & 0x2ff || v >> 52) {
		return -EINVAL;
	}
	LAPIC_SCOPE(a);
	was = a->base & (APICBASE_EN | APICBASE_X2);
	if (mode == APICBASE_X2 ||
	    (mode == (APICBASE_EN | APICBASE_X2) && !(was & APICBASE_EN)) ||
	    (mode == APICBASE_EN && was == (APICBASE_EN | APICBASE_X2))) {
		return -EINVAL;
	}
	if ((v & ~UINT64_C(0xfff)) != IRQCHIP_LAPIC_BASE) {
		log_d(LOG_UNIMP, "lapic: base %#llx ignored, stays at %#x\n",
		      (unsigned long long)v, IRQCHIP_LAPIC_BASE);
	}
	a->base = IRQCHIP_LAPIC_BASE | (a->base & APICBASE_BSP) | mode;
	if (mode != was) {
		if (!mode) {
			lapic_reset_locked(a);
		} else if (mode & APICBASE_X2) {
			a->ldr = lapic_x2_ldr(a->id);
			a->icr_dest = 0;
		}
		lapic_update_locked(a);
	}
	return 0;
}

static void lapic_cpu_reset(void *apic, bool init)
{
	struct lapic *a = apic;

	LAPIC_SCOPE(a);
	if (!init) {
		a->base = IRQCHIP_LAPIC_BASE | APICBASE_EN |
		          (a->vcpu->index == 0 ? APICBASE_BSP : 0);
		a->sipi_vector = 0;
	}
	lapic_reset_locked(a);
	lapic_update_locked(a);
}

static uint8_t lapic_sipi_vector(void *apic)
{
	struct lapic *a = apic;

	LAPIC_SCOPE(a);
	return a->sipi_vector;
}

const struct x86_apic_ops lapic_cpu_ops = {
	.get_vector = lapic_get_vector,
	.get_tpr = lapic_get_cr8,
	.set_tpr = lapic_set_cr8,
	.get_base = lapic_get_base,
	.set_base = lapic_set_base,
	.x2apic_read = lapic_msr_read,
	.x2apic_write = lapic_msr_write,
	.reset = lapic_cpu_reset,
	.sipi_vector = lapic_sipi_vector,
};

/* ---- device ---- */

static int lapic_realize(struct device *d, struct err *e)
{
	struct lapic *a = container_of(d, struct lapic, dev);
	int r;

	lk_init(&a->lk, RANK_IRQCHIP_CPU, "lapic");
	r = lapic_timer_init(a, e);
	if (r < 0) {
		lk_fini(&a->lk);
		return r;
	}
	a->id = a->cpu->apic_id;
	lapic_cpu_reset(a, false);
	a->cpu->apic = a;
	a->cpu->apic_ops = &lapic_cpu_ops;
	return 0;
}

static void lapic_unrealize(struct device *d)
{
	struct lapic *a = container_of(d, struct lapic, dev);

	a->cpu->apic = NULL;
	a->cpu->apic_ops = NULL;
	timer_free(a->timer);
	lk_fini(&a->lk);
}

static void lapic_device_reset(struct device *d)
{
	lapic_cpu_reset(container_of(d, struct lapic, dev), false);
}

static int lapic_post_load(struct device *d, struct err *e)
{
	struct lapic *a = container_of(d, struct lapic, dev);

	(void)e;
	LAPIC_SCOPE(a);
	lapic_timer_rearm_locked(a);
	lapic_update_locked(a);
	return 0;
}

static const struct state_field lapic_state[] = {
	STATE_FIELD(STATE_U32, struct lapic, ldr),
	STATE_FIELD(STATE_U32, struct lapic, dfr),
	STATE_FIELD(STATE_U32, struct lapic, base),
	STATE_FIELD(STATE_U32, struct lapic, svr),
	STATE_ARRAY(STATE_U32, struct lapic, irr, 8),
	STATE_ARRAY(STATE_U32, struct lapic, isr, 8),
	STATE_ARRAY(STATE_U32, struct lapic, tmr, 8),
	STATE_FIELD(STATE_U8, struct lapic, tpr),
	STATE_ARRAY(STATE_U32, struct lapic, lvt, LVT_N),
	STATE_FIELD(STATE_U32, struct lapic, icr),
	STATE_FIELD(STATE_U32, struct lapic, icr_dest),
	STATE_FIELD(STATE_U32, struct lapic, esr),
	STATE_FIELD(STATE_U32, struct lapic, esr_pending),
	STATE_FIELD(STATE_U8, struct lapic, sipi_vector),
	STATE_FIELD(STATE_BOOL, struct lapic, lint0),
	STATE_FIELD(STATE_BOOL, struct lapic, extint_latched),
	STATE_FIELD(STATE_U32, struct lapic, tmr_init),
	STATE_RANGE(STATE_U32, struct lapic, tmr_div, 0, 15),
	STATE_FIELD(STATE_U64, struct lapic, tmr_start),
	STATE_FIELD(STATE_U64, struct lapic, tmr_period),
	STATE_FIELD(STATE_U64, struct lapic, tmr_expire),
	STATE_FIELD(STATE_U64, struct lapic, tsc_deadline),
	{ .name = NULL },
};

static const struct device_class lapic_class = {
	.name = "lapic",
	.bus = "sys",
	.description = "local APIC",
	.category = "misc",
	.instance_size = sizeof(struct lapic),
	.internal = true,
	.state = lapic_state,
	.realize = lapic_realize,
	.unrealize = lapic_unrealize,
	.reset = lapic_device_reset,
	.post_load = lapic_post_load,
};

struct lapic *lapic_create(struct lapic_set *s, struct vcpu *v, struct err *e)
{
	struct device *d = device_new_own(s->vm, &lapic_class, e);
	struct lapic *a;

	if (!d) {
		return NULL;
	}
	a = container_of(d, struct lapic, dev);
	a->set = s;
	a->vcpu = v;
	a->cpu = v->arch;
	return device_realize_own(d, NULL, e) ? a : NULL;
}
