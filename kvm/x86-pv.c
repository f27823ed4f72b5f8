/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-pv.c - KVM's paravirtual interface while the translator runs a guest that KVM has
 * offered it to: clock pages, stolen time, EOI flags, hypercalls.
 *
 * Spec: Linux Documentation/virt/kvm/x86/{cpuid,msr,hypercalls}.rst.
 *
 *   clock      KVM's last page stays right: the translator shows the same TSC. A page
 * that the guest registers meanwhile is written here. steal time a vCPU in the
 * translator never looks preempted: other vCPUs would leave TLB flushes to KVM, which
 * does not run it. What they left is done on entry (the TLB is empty then). EOI KVM
 * takes the flag back on each exit and the translator never sets it. hypercalls
 * KICK_CPU, SEND_IPI, SCHED_YIELD; others do not exist.
 *
 * Threads: the vCPU's own.
 * Known gaps: a clock that KVM does not call stable drifts from the page while the
 * translator runs (it is written again when KVM goes on); stolen time stands still
 * there.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "core/clock.h"
#include "kvm/x86.h"

#define PV_WALL_CLOCK_OLD  0x11u
#define PV_SYSTEM_TIME_OLD 0x12u
#define PV_WALL_CLOCK      0x4b564d00u
#define PV_SYSTEM_TIME     0x4b564d01u
#define PV_STEAL_TIME      0x4b564d03u
#define PV_EOI             0x4b564d04u

enum {
	PV_ENABLE = 1,
	PV_TSC_STABLE = 1,       /* of the clock page's flags */
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

static int pv_get_clock(struct kvm_vcpu *v, struct kvm_clock_data *d)
{
	memset(d, 0, sizeof(*d));
	if (kvm_ioctl(v->k->vm_fd, KVM_GET_CLOCK, d) < 0) {
		return -EIO;
	}
	if (!(d->flags & KVM_CLOCK_HOST_TSC)) {
		d->host_tsc = __builtin_ia32_rdtsc();
	}
	return 0;
}

static void pv_write_clock(struct kvm_vcpu *v, uint64_t gpa)
{
	struct x86_cpu *c = v->c->arch;
	struct kvm_clock_data d;
	uint8_t page[32] = { 0 };
	uint32_t mul;
	int8_t shift;

	if (pv_get_clock(v, &d) < 0) {
		return;
	}
	pv_scale(c->tsc_khz, &mul, &shift);
	st_le64(page + 8, d.host_tsc + (uint64_t)c->tsc_offset);
	st_le64(page + 16, d.clock);
	st_le32(page + 24, mul);
	page[28] = (uint8_t)shift;
	page[29] = d.flags & KVM_CLOCK_TSC_STABLE ? PV_TSC_STABLE : 0;
	if (dma_write(&v->c->vm->mem, gpa, page, sizeof(page)) < 0) {
		return; /* the guest named a place without RAM */
	}
}

/* The time of day when KVM's clock was 0. */
static void pv_write_wall(struct kvm_vcpu *v, uint64_t gpa)
{
	struct kvm_clock_data d;
	uint8_t rec[12] = { 0 };
	uint64_t boot;

	if (!gpa || pv_get_clock(v, &d) < 0) {
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

static uint64_t *pv_slot(struct x86_cpu *c, uint32_t msr)
{
	switch (msr) {
	case PV_WALL_CLOCK_OLD:
	case PV_WALL_CLOCK: return &c->wall_clock_msr;
	case PV_SYSTEM_TIME_OLD:
	case PV_SYSTEM_TIME: return &c->system_time_msr;
	case PV_STEAL_TIME: return &c->steal_time_msr;
	case PV_EOI: return &c->pv_eoi_msr;
	default: return NULL;
	}
}

static int pv_rdmsr(struct x86_cpu *c, uint32_t msr, uint64_t *val)
{
	uint64_t *slot = pv_slot(c, msr);

	if (!slot) {
		return -ENOENT;
	}
	*val = *slot;
	return 0;
}

static int pv_wrmsr(struct x86_cpu *c, uint32_t msr, uint64_t val)
{
	struct kvm_vcpu *v = c->vcpu->hv;
	uint64_t *slot = pv_slot(c, msr);

	if (!slot) {
		return -ENOENT;
	}
	if ((slot == &c->steal_time_msr && (val & 0x3e)) ||
	    (slot == &c->pv_eoi_msr && (val & 2))) {
		return -EINVAL;
	}
	*slot = val;
	if (slot == &c->system_time_msr && (val & PV_ENABLE)) {
		pv_write_clock(v, val & ~UINT64_C(1));
	} else if (slot == &c->wall_clock_msr) {
		pv_write_wall(v, val);
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

	vm_for_each_vcpu(vm, v)
	{
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
};

/* ---- between KVM and the struct ---- */

static const uint32_t pv_msrs[] = { PV_WALL_CLOCK, PV_SYSTEM_TIME, PV_STEAL_TIME,
	                            PV_EOI };
_Static_assert(ARRAY_LEN(pv_msrs) == KVM_X86_PV_MSRS, "pv[]");

static int pv_msr_io(struct kvm_vcpu *v, unsigned long req, uint32_t msr, uint64_t *val)
{
	struct {
		struct kvm_msrs h;
		struct kvm_msr_entry e;
	} m = { .h.nmsrs = 1, .e = { .index = msr, .data = *val } };
	int r = kvm_ioctl(v->fd, req, &m);

	*val = m.e.data;
	return r == 1 ? 0 : -ENOENT;
}

void kvm_x86_pv_pull(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	for (unsigned i = 0; i < ARRAY_LEN(pv_msrs) && c->pv_ops; i++) {
		uint64_t val = 0;

		if (pv_msr_io(v, KVM_GET_MSRS, pv_msrs[i], &val) >= 0) {
			*pv_slot(c, pv_msrs[i]) = v->arch->pv[i] = val;
		}
	}
}

/* Only what has changed: writing the wall clock's place makes KVM write there, and the
 * guest may have made something else of it. */
void kvm_x86_pv_push(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	for (unsigned i = 0; i < ARRAY_LEN(pv_msrs) && c->pv_ops; i++) {
		uint64_t val = *pv_slot(c, pv_msrs[i]);

		if (val != v->arch->pv[i] &&
		    pv_msr_io(v, KVM_SET_MSRS, pv_msrs[i], &val) >= 0) {
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
	for (unsigned i = 0; i < ARRAY_LEN(pv_msrs); i++) {
		uint64_t none = 0;

		(void)pv_msr_io(v, KVM_SET_MSRS, pv_msrs[i], &none);
	}
}

/* The guest was told of KVM in CPUID. */
void kvm_x86_pv_init(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	c->pv_ops = &pv_ops;
}
