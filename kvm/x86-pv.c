/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-pv.c - KVM's paravirtual interface while the translator runs a guest that KVM has
 * offered it to: clock pages, stolen time, EOI flags, hypercalls.
 *
 * Spec: Linux Documentation/virt/kvm/x86/{cpuid,msr,hypercalls}.rst.
 *
 *   clock           KVM's last page stays right: the translator shows the same TSC. A
 *                   page that the guest registers meanwhile is written here, after
 *                   another vCPU's if there is one: KVM's own reckoning has drifted from
 *                   those. Stops and moves: x86-clock.c.
 *   steal time      a vCPU in the translator never looks preempted: other vCPUs would
 *                   leave TLB flushes to KVM, which does not run it. What they left is
 *                   done on entry (the TLB is empty then).
 *   EOI             KVM takes the flag back on each exit and the translator never sets it.
 *   async faults    x86-apf.c
 *   poll control    kept for KVM: the translator never polls for a halted vCPU
 *   hypercalls      KICK_CPU, SEND_IPI, SCHED_YIELD; others do not exist. A kick that comes
 *                   before the halt it is to end is kept (X86_REQ_UNHALT). KVM keeps it
 *                   too, but does not tell: a running vCPU that comes from there is taken
 *                   for kicked (no_halt). A halt too few is nothing to a guest with these
 *                   locks, one too many never ends: it waits with interrupts off.
 *
 * Threads: the vCPU's own; pages are also read and marked on control, with the vCPUs out.
 * Known gaps: stolen time stands still in the translator.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/bytes.h"
#include "core/clock.h"
#include "kvm/x86.h"

#define PV_SYSTEM_TIME 0x4b564d01u
#define PV_ASYNC_PF    0x4b564d02u
#define PV_ASYNC_ACK   0x4b564d07u

enum {
	PV_ENABLE = 1,
	PV_TSC_STABLE = 1, /* of the clock page's flags */
	PV_GUEST_STOPPED = 2,
	PV_CLOCK_SIZE = 32,
	PV_CLOCK_FLAGS = 29,
	PV_STEAL_PREEMPTED = 16, /* place in the page */
	HC_VAPIC_POLL_IRQ = 1,
	HC_KICK_CPU = 5,
	HC_SEND_IPI = 10,
	HC_SCHED_YIELD = 11,
	HC_EPERM = 1,
	HC_EINVAL = 22,
	HC_ENOSYS = 1000,
	PV_X2APIC_ICR = 0x830,
	PV_REMOTE_READ = 0x300, /* delivery mode that KVM wakes a waiting vCPU with */
};

/* ---- clocks ---- */

/* ns = tsc * mul >> 32, tsc shifted by `shift` before. */
static void pv_scale(uint64_t khz, uint32_t *mul, int8_t *shift)
{
	uint64_t hz = khz * 1000, ns = NS_PER_S;
	int s = 0;

	if (!hz) {
		hz = NS_PER_S;
	}
	while (hz > ns * 2) {
		hz >>= 1;
		s--;
	}
	while (hz <= ns / 2) {
		hz <<= 1;
		s++;
	}
	if (hz == ns / 2 || (ns << 32) / hz > UINT32_MAX) {
		hz <<= 1;
		s++;
	}
	*mul = (uint32_t)((ns << 32) / hz);
	*shift = (int8_t)s;
}

/* struct pvclock_vcpu_time_info: the time is ns + (TSC - tsc) scaled. */
struct pv_page {
	uint64_t tsc, ns;
	uint32_t mul;
	int8_t shift;
	uint8_t flags;
};

/* The guest may have written anything there. */
static bool pv_read_page(const struct x86_cpu *c, struct pv_page *p)
{
	uint8_t b[PV_CLOCK_SIZE];

	if (!(c->system_time_msr & PV_ENABLE) ||
	    dma_read(&c->vcpu->vm->mem, c->system_time_msr & ~UINT64_C(1), b,
	             sizeof(b)) < 0) {
		return false;
	}
	*p = (struct pv_page){ .tsc = ld_le64(b + 8),
		               .ns = ld_le64(b + 16),
		               .mul = ld_le32(b + 24),
		               .shift = (int8_t)b[28],
		               .flags = b[PV_CLOCK_FLAGS] };
	return !(ld_le32(b) & 1) && p->mul && p->shift > -32 && p->shift < 32;
}

static uint64_t pv_page_ns(const struct pv_page *p, uint64_t tsc)
{
	uint64_t d = tsc - p->tsc;

	d = p->shift < 0 ? d >> -p->shift : d << p->shift;
	return p->ns + (uint64_t)((unsigned __int128)d * p->mul >> 32);
}

/* Of any vCPU whose TSC is as far from the host's as c's. */
static bool pv_find_page(const struct x86_cpu *c, struct pv_page *p)
{
	const struct vcpu *v;

	vm_for_each_vcpu (c->vcpu->vm, v) {
		const struct x86_cpu *o = v->arch;

		if (o->tsc_offset == c->tsc_offset && o->vcpu && pv_read_page(o, p)) {
			return true;
		}
	}
	return false;
}

bool kvm_x86_pv_clock(const struct kvm *k, uint64_t *ns)
{
	const struct vcpu *v;
	struct pv_page p;

	vm_for_each_vcpu (k->vm, v) {
		struct x86_cpu *c = v->arch;

		if (c->pv_ops && c->vcpu && pv_read_page(c, &p)) {
			*ns = pv_page_ns(&p, x86_tsc(c));
			return true;
		}
	}
	return false;
}

/* What the clock of this vCPU's guest shows at `tsc`, by KVM's reckoning. */
static bool pv_new_page(struct kvm_vcpu *v, struct pv_page *p)
{
	const struct x86_cpu *c = v->c->arch;
	struct kvm_clock_data d;

	if (atomic_load(&v->k->moved) && pv_find_page(c, p)) {
		p->flags &= (uint8_t)~PV_GUEST_STOPPED;
		return true;
	}
	if (kvm_x86_clock_get(v->k, &d) < 0) {
		return false;
	}
	*p = (struct pv_page){ .tsc = d.host_tsc + (uint64_t)c->tsc_offset,
		               .ns = d.clock,
		               .flags = d.flags & KVM_CLOCK_TSC_STABLE ? PV_TSC_STABLE
		                                                       : 0 };
	pv_scale(c->tsc_khz, &p->mul, &p->shift);
	return true;
}

static void pv_write_page(const struct x86_cpu *c, const struct pv_page *p)
{
	uint8_t b[PV_CLOCK_SIZE] = { 0 };

	st_le64(b + 8, p->tsc);
	st_le64(b + 16, p->ns);
	st_le32(b + 24, p->mul);
	b[28] = (uint8_t)p->shift;
	b[PV_CLOCK_FLAGS] = p->flags;
	if (dma_write(&c->vcpu->vm->mem, c->system_time_msr & ~UINT64_C(1), b,
	              sizeof(b)) < 0) {
		return; /* the guest named a place without RAM */
	}
}

static void pv_write_clock(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;
	uint64_t msr = c->system_time_msr;
	struct pv_page p;
	bool have;

	c->system_time_msr = 0; /* what is there now is not a clock's page */
	have = pv_new_page(v, &p);
	c->system_time_msr = msr;
	if (have) {
		pv_write_page(c, &p);
	}
}

/* The page goes along: the clock does not jump with the TSC. KVM sees to that itself when
 * the vCPU goes back to it. */
static void pv_tsc_moved(struct x86_cpu *c, int64_t by)
{
	struct pv_page p;

	if (pv_read_page(c, &p)) {
		p.tsc += (uint64_t)by;
		pv_write_page(c, &p);
	}
}

void kvm_x86_pv_stopped(struct kvm_vcpu *v)
{
	const struct x86_cpu *c = v->c->arch;
	struct pv_page p;

	if (c->pv_ops && pv_read_page(c, &p)) {
		p.flags |= PV_GUEST_STOPPED;
		pv_write_page(c, &p);
	}
}

/* The time of day when KVM's clock was 0. */
static void pv_write_wall(struct kvm_vcpu *v, uint64_t gpa)
{
	struct kvm_clock_data d;
	uint8_t rec[12] = { 0 };
	uint64_t boot;

	if (!gpa || kvm_x86_clock_get(v->k, &d) < 0) {
		return;
	}
	boot = clock_ns(CLOCK_HOST) - d.clock;
	st_le32(rec, 2); /* version: even */
	st_le32(rec + 4, (uint32_t)(boot / NS_PER_S));
	st_le32(rec + 8, (uint32_t)(boot % NS_PER_S));
	if (dma_write(&v->c->vm->mem, gpa, rec, sizeof(rec)) < 0) {
		return;
	}
}

/* ---- MSRs ---- */

#define PV(nr, f, x)                                                                   \
	{                                                                              \
		nr, offsetof(struct x86_cpu, f), x                                     \
	}
/* clang-format off */
static const struct pv_msr {
	uint32_t msr, off;
	uint64_t bad; /* bits that may not be set */
} pv_regs[] = {
	/* the first: KVM_X86_PV_MSRS, in this file's own pull and push; the others: x86-msr.c */
	PV(0x4b564d00, wall_clock_msr, 0), PV(PV_SYSTEM_TIME, system_time_msr, 0),
	PV(0x4b564d03, steal_time_msr, 0x3e), PV(0x4b564d04, pv_eoi_msr, 2),
	PV(0x11, wall_clock_msr, 0), PV(0x12, system_time_msr, 0),
	PV(PV_ASYNC_PF, async_pf_msr, 0x30), PV(0x4b564d06, async_pf_int_msr, ~UINT64_C(0xff)),
	PV(0x4b564d05, poll_control_msr, ~UINT64_C(1)),
	PV(0x4b564d08, migration_control_msr, ~UINT64_C(1)),
};
/* clang-format on */
#undef PV

static const struct pv_msr *pv_reg(uint32_t msr)
{
	for (unsigned i = 0; i < ARRAY_LEN(pv_regs); i++) {
		if (pv_regs[i].msr == msr) {
			return &pv_regs[i];
		}
	}
	return NULL;
}

static uint64_t *pv_slot(struct x86_cpu *c, const struct pv_msr *r)
{
	return (uint64_t *)(void *)((char *)c + r->off);
}

static int pv_rdmsr(struct x86_cpu *c, uint32_t msr, uint64_t *val)
{
	const struct pv_msr *r = pv_reg(msr);

	if (!r && msr != PV_ASYNC_ACK) {
		return -ENOENT;
	}
	*val = r ? *pv_slot(c, r) : 0;
	return 0;
}

static int pv_wrmsr(struct x86_cpu *c, uint32_t msr, uint64_t val)
{
	const struct pv_msr *r = pv_reg(msr);
	struct kvm_vcpu *v = c->vcpu->hv;
	uint64_t *slot = r ? pv_slot(c, r) : NULL;

	if (msr == PV_ASYNC_ACK) {
		if (val & 1) {
			kvm_x86_apf_ack(v);
		}
		return 0;
	}
	if (!r) {
		return -ENOENT;
	}
	if (val & r->bad) {
		return -EINVAL;
	}
	*slot = val;
	if (slot == &c->system_time_msr && (val & PV_ENABLE)) {
		pv_write_clock(v);
	} else if (slot == &c->wall_clock_msr) {
		pv_write_wall(v, val);
	} else if (slot == &c->async_pf_msr) {
		kvm_x86_apf_enabled(v);
	}
	return 0;
}

/* ---- hypercalls ---- */

static void pv_ipi(struct x86_cpu *c, uint64_t dest, uint32_t icr)
{
	struct msi_msg m = { .addr = 0xfee00000u | (dest & 0xff) << 12,
		             .data = icr & 0x7ff };

	if (c->apic_ops->x2apic_write(c->apic, PV_X2APIC_ICR, dest << 32 | icr) < 0 &&
	    dest <= 0xff) {
		msi_send(&c->vcpu->vm->msi, &m); /* not in x2APIC mode */
	}
}

static int64_t pv_send_ipi(struct x86_cpu *c, const uint64_t map[2], unsigned bits,
                           uint64_t min, uint64_t icr)
{
	int64_t n = 0;

	if (icr & ~UINT64_C(0x7ff)) { /* destination and shorthand are ours */
		return -HC_EINVAL;
	}
	for (unsigned i = 0; i < 2 * bits; i++) {
		if (map[i / bits] >> (i % bits) & 1) {
			pv_ipi(c, (uint32_t)(min + i), (uint32_t)icr);
			n++;
		}
	}
	return n;
}

static void pv_kick(struct x86_cpu *c, uint64_t apic_id)
{
	struct vm *vm = c->vcpu->vm;
	struct vcpu *v;

	vm_for_each_vcpu (vm, v) {
		const struct x86_cpu *o = v->arch;

		if (o->apic_id == apic_id) {
			vcpu_request(v, X86_REQ_UNHALT);
		}
	}
}

static int64_t pv_hypercall(struct x86_cpu *c, uint64_t nr, const uint64_t arg[4])
{
	unsigned bits = x86_code64(c) ? 64 : 32;
	uint64_t mask = bits == 64 ? ~UINT64_C(0) : UINT32_MAX;

	if (x86_cpl(c) != 0) {
		return -HC_EPERM;
	}
	switch (nr & mask) {
	case HC_VAPIC_POLL_IRQ:
	case HC_SCHED_YIELD: return 0;
	case HC_KICK_CPU: pv_kick(c, arg[1] & mask); return 0;
	case HC_SEND_IPI:
		if (!c->apic_ops || !c->apic) {
			return -HC_ENOSYS;
		}
		return pv_send_ipi(c, (uint64_t[2]){ arg[0] & mask, arg[1] & mask },
		                   bits, arg[2] & mask, arg[3] & mask);
	default: return -HC_ENOSYS;
	}
}

static const struct x86_pv_ops pv_ops = {
	.rdmsr = pv_rdmsr,
	.wrmsr = pv_wrmsr,
	.hypercall = pv_hypercall,
	.tsc_moved = pv_tsc_moved,
};

/* ---- between KVM and the struct ---- */

void kvm_x86_pv_pull(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	for (unsigned i = 0; i < KVM_X86_PV_MSRS && c->pv_ops; i++) {
		uint64_t val = 0;

		if (kvm_x86_msr_io(v->fd, KVM_GET_MSRS, pv_regs[i].msr, &val) >= 0) {
			*pv_slot(c, &pv_regs[i]) = v->arch->pv[i] = val;
		}
	}
}

/* Only what has changed: writing the wall clock's place makes KVM write there, and the
 * guest may have made something else of it. */
void kvm_x86_pv_push(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	for (unsigned i = 0; i < KVM_X86_PV_MSRS && c->pv_ops; i++) {
		uint64_t val = *pv_slot(c, &pv_regs[i]);

		if (val != v->arch->pv[i] &&
		    kvm_x86_msr_io(v->fd, KVM_SET_MSRS, pv_regs[i].msr, &val) >= 0) {
			v->arch->pv[i] = val;
		}
	}
	/* A wake-up that came before the halt. */
	if (atomic_load(&v->c->requests) & X86_REQ_UNHALT) {
		struct kvm_msi m = { .address_lo = 0xfee00000u | (c->apic_id & 0xff)
			                                                 << 12,
			             .address_hi = c->apic_id & ~0xffu,
			             .data = PV_REMOTE_READ };

		vcpu_clear_request(v->c, X86_REQ_UNHALT);
		(void)kvm_ioctl(v->k->vm_fd, KVM_SIGNAL_MSI, &m);
	}
}

/* The translator takes over; after the last ioctl on this vCPU, since each of them may
 * mark it preempted. The TLB is flushed after this. */
void kvm_x86_pv_enter(struct kvm_vcpu *v)
{
	const struct x86_cpu *c = v->c->arch;
	uint64_t gpa = (c->steal_time_msr & ~UINT64_C(63)) + PV_STEAL_PREEMPTED;
	const struct flat_range *r;

	if (c->pv_ops && atomic_load(&v->k->moved) && !v->c->halted &&
	    ((c->system_time_msr | c->steal_time_msr) & PV_ENABLE)) {
		v->no_halt = true;
	}
	if (!c->pv_ops || !(c->steal_time_msr & PV_ENABLE)) {
		return;
	}
	r = flat_find(aspace_enter(&v->c->vm->mem), gpa);
	if (r && r->host && !r->readonly) {
		(void)__atomic_exchange_n(r->host + (gpa - r->start), 0,
		                          __ATOMIC_SEQ_CST);
		dma_mark_written(&v->c->vm->mem, gpa, 1);
	}
	aspace_leave(&v->c->vm->mem);
}

/* A vCPU that had another life: KVM shall not write where that one had asked for it. */
void kvm_x86_pv_clear(struct kvm_vcpu *v)
{
	for (unsigned i = 0; i < KVM_X86_PV_MSRS; i++) {
		uint64_t none = 0;

		(void)kvm_x86_msr_io(v->fd, KVM_SET_MSRS, pv_regs[i].msr, &none);
	}
}

/* The guest was told of KVM in CPUID. */
void kvm_x86_pv_init(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	c->pv_ops = &pv_ops;
}
