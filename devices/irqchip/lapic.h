/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * lapic.h - local APICs (Intel SDM vol. 3A ch. 11 "APIC"): private to devices/irqchip.
 *
 * Each APIC has its own lock and there is no lock for the set: a message locks one
 * target after another. The request bit X86_REQ_HARD of a vCPU is this module's: it
 * is set exactly while the APIC (or the PIC behind LINT0) has something that the
 * priorities let through; the CPU side only reads it and calls get_vector.
 */
#ifndef LODGE_DEVICES_LAPIC_H
#define LODGE_DEVICES_LAPIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/cpu/x86.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/irq.h"
#include "core/lock.h"

struct timer;
struct vcpu;
struct ioapic;
struct loop;
struct x86_chip_lapic;

/* Count rate of the timer before its divider; CPUID 15H/40000010H must agree. */
#define LAPIC_BUS_HZ 1000000000u

enum lapic_mode {
	LAPIC_FIXED,
	LAPIC_LOWEST,
	LAPIC_SMI,
	LAPIC_REMOTE_READ,
	LAPIC_NMI,
	LAPIC_INIT,
	LAPIC_SIPI,
	LAPIC_EXTINT,
};

enum lapic_lvt {
	LVT_TIMER,
	LVT_THERMAL,
	LVT_PERF,
	LVT_LINT0,
	LVT_LINT1,
	LVT_ERROR,
	LVT_N
};

#define LVT_MASKED   BIT(16)
#define LVT_TMODE(v) (((v) >> 17) & 3)
#define LVT_MODE(v)  (((v) >> 8) & 7)
enum { LVT_ONE_SHOT = 0, LVT_PERIODIC = 1, LVT_DEADLINE = 2 };

#define SVR_ENABLE         BIT(8)
#define SVR_NO_EOI_BC      BIT(12)

#define LAPIC_ICR_WRITABLE 0x000ccfffu
#define LAPIC_SVR_WRITABLE 0x000011ffu

#define APICBASE_BSP       BIT(8)
#define APICBASE_X2        BIT(10)
#define APICBASE_EN        BIT(11)

struct lapic {
	struct device dev;
	struct lk lk; /* RANK_IRQCHIP_CPU; taken by lapic_acquire() only */
	bool notify;  /* the vCPU hears of its requests when the lock is released */
	struct lapic_set *set;
	struct vcpu *vcpu;
	struct x86_cpu *cpu;

	/* Read by senders without the lock. */
	_Atomic uint32_t id, ldr, dfr, base, svr;
	_Atomic uint8_t ppr;

	uint32_t irr[8], isr[8], tmr[8];
	uint8_t tpr;
	uint32_t lvt[LVT_N];
	uint32_t icr, icr_dest; /* dest: 8 bits in xAPIC, 32 in x2APIC mode */
	uint32_t esr, esr_pending;
	uint8_t sipi_vector;
	bool lint0;          /* PIC's INTR */
	bool extint_latched; /* ExtINT message of an IOAPIC */

	/* timer; times in ns of CLOCK_VM */
	struct timer *timer;
	uint32_t tmr_init, tmr_div;                 /* tmr_div: register */
	uint64_t tmr_start, tmr_period, tmr_expire; /* expire 0: not running */
	uint64_t tsc_deadline;
};

struct lapic_set {
	struct vm *vm;
	/* The accelerator's local APICs have the state: ours do nothing, but LINT0 still is
	 * the PIC's request (X86_REQ_HARD of vCPU 0). Changes with all vCPUs outside. */
	_Atomic bool away;
	struct loop *loop;            /* timers */
	struct lapic *_Atomic *by_id; /* max_id + 1 entries */
	uint32_t max_id;
	struct lapic **all; /* by vCPU index; absent vCPUs have one, too */
	_Atomic unsigned n; /* grows only [control] */
	unsigned cap;
	_Atomic unsigned rotate; /* lowest-priority ties */
	struct ioapic *ioapic[2];
	int (*ext_ack)(void *arg);
	void (*eoi)(void *arg, uint8_t vector); /* of a level interrupt */
	void *ext_arg;
	struct mr mr;
};

struct lapic_msg {
	uint32_t dest;
	bool logical, level;
	bool wide; /* dest is 32 bits wide (x2APIC ICR) */
	uint8_t mode, vector;
};

/* lapic-bus.c [any thread] */
void lapic_deliver(struct lapic_set *s, const struct lapic_msg *m);
void lapic_send_icr(struct lapic *a, uint32_t lo, uint32_t dest);
/* What the message is as an MSI. */
struct msi_msg lapic_msg_as_msi(const struct lapic_msg *m);
extern const struct msi_ops lapic_msi_ops; /* arg: struct lapic_set */
void lapic_accept_mode(struct lapic *a, uint8_t mode, uint8_t vector, bool level);

/* lapic.c */
struct lapic *lapic_create(struct lapic_set *s, struct vcpu *v, struct err *e);
void lapic_lint0(void *lapic, unsigned n, int level); /* irq_fn */
void lapic_nmi_button(struct lapic *a);
uint32_t lapic_x2_ldr(uint32_t id);
void lapic_accept_locked(struct lapic *a, uint8_t vector, bool level);
/* Whoever holds the lock does not wake the vCPU: woken, it would wait for that very lock,
 * and on a busy host the holder would be the one who waits for a processor. */
void lapic_acquire(struct lapic *a);
void lapic_release(struct lapic *a);
static inline struct lapic *lapic_scope_begin(struct lapic *a)
{
	lapic_acquire(a);
	return a;
}
static inline void lapic_scope_end(struct lapic **a)
{
	lapic_release(*a);
}
#define LAPIC_SCOPE(a)                                                                 \
	struct lapic *lapic_scope_ __cleanup_with(lapic_scope_end) __unused =          \
		lapic_scope_begin(a)

void lapic_update_locked(struct lapic *a);
void lapic_error_locked(struct lapic *a, uint32_t bit);
void lapic_eoi(struct lapic *a);
void lapic_set_tpr_locked(struct lapic *a, uint8_t tpr);
int lapic_highest(const uint32_t map[8]); /* -1: none */
static inline bool lapic_x2(const struct lapic *a)
{
	return (atomic_load_explicit(&a->base, memory_order_relaxed) &
	        (APICBASE_EN | APICBASE_X2)) == (APICBASE_EN | APICBASE_X2);
}
static inline bool lapic_on(const struct lapic *a)
{
	return atomic_load_explicit(&a->base, memory_order_relaxed) & APICBASE_EN;
}

/* lapic-state.c: the state leaves (timer stopped, apic of the vCPU gone), and comes. */
void lapic_chip_get(struct lapic *a, struct x86_chip_lapic *s);
void lapic_chip_set(struct lapic *a, const struct x86_chip_lapic *s);
/* From now on ours are the ones, whatever state they hold (a reset follows). */
void lapic_come_back(struct lapic *a);

/* lapic-regs.c */
extern const uint32_t lapic_lvt_writable[LVT_N];
extern const struct x86_apic_ops lapic_cpu_ops; /* lapic.c */
extern const struct mr_ops lapic_mmio_ops;      /* opaque: struct lapic_set */
int lapic_msr_read(void *apic, uint32_t msr, uint64_t *v);
int lapic_msr_write(void *apic, uint32_t msr, uint64_t v);

/* lapic-timer.c; _locked: under a->lk */
int lapic_timer_init(struct lapic *a, struct err *e) __must_check;
void lapic_timer_reset_locked(struct lapic *a);
void lapic_timer_rearm_locked(struct lapic *a);  /* after a state load */
void lapic_timer_settle_locked(struct lapic *a); /* what is due happens now */
void lapic_timer_stop_locked(struct lapic *a);
void lapic_timer_import_locked(struct lapic *a, const struct x86_chip_lapic *s);
uint32_t lapic_timer_current_locked(const struct lapic *a);
void lapic_timer_set_count_locked(struct lapic *a, uint32_t count);
void lapic_timer_set_divide_locked(struct lapic *a, uint32_t reg);
void lapic_timer_set_lvt_locked(struct lapic *a, uint32_t lvt);
void lapic_timer_set_deadline_locked(struct lapic *a, uint64_t tsc);
uint64_t lapic_timer_deadline_locked(const struct lapic *a);

#endif
