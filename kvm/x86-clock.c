/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-clock.c - the guest's time: its TSC between KVM and struct x86_cpu, and what becomes
 * of the TSC and of the paravirtual clock (kvmclock) when the VM stops, goes on, and
 * moves.
 *
 * Spec: Linux Documentation/virt/kvm/api.rst (KVM_GET_CLOCK, KVM_SET_CLOCK,
 * KVM_KVMCLOCK_CTRL), devices/vcpu.rst (KVM_VCPU_TSC_CTRL).
 *
 * A stopped VM's time stands still, all of it: CLOCK_VM, behind the timers of user space,
 * does, so the TSC and kvmclock must, or a guest that compares two of them would call one
 * unstable, and one that lives by its TSC would see a jump. (QEMU holds kvmclock only and
 * lets the TSC run.)
 *
 *   stop    kvmclock and the host's TSC are read in one go where KVM can
 *           (KVM_CLOCK_HOST_TSC), and kept with the vCPUs (stop_tsc, stop_clock_ns:
 *           state that is saved). x86_tsc() shows a TSC that stands still.
 *   go on   the TSC offset of each vCPU, wherever its state is, is lowered by what the
 *           host's TSC has counted meanwhile, and KVM's clock is set to what it was: not
 *           with KVM_CLOCK_REALTIME, which would add the pause. Then the guest is told
 *           (KVM_KVMCLOCK_CTRL, or in its page), for its soft-lockup watchdog. KVM's clock
 *           runs from the call that sets it, the TSC from the look at the host's: what
 *           passes in between is added, and a call that was long under way is made
 *           again, or kvmclock would lag behind the TSC by as long as a loaded host
 *           did not run this thread.
 *   load    the same: stop_tsc is the other host's, and the offset bridges both.
 *   move    to the translator: KVM's last page stays valid, because RDTSC shows the same.
 *           to KVM: its clock is set to what the page says now, for KVM's own reckoning
 *           drifts from the page (parts in a million).
 *   reset   the TSC is the host's again; kvmclock runs on, as a guest that starts expects
 *           no certain value.
 *
 * TSC deadlines are TSC values; they move to user space with their APIC at a stop and come
 * back when the TSC is right again: this listener is registered before the controllers'.
 *
 * Threads: control; a vCPU's TSC its own (and control's when the APICs move).
 * Known gaps: without KVM_VCPU_TSC_CTRL (before Linux 5.16) KVM takes a TSC that was held
 * for less than a second for an attempt to synchronise, and lets it jump. Where KVM shows
 * the host's TSC whatever it is told (no hardware), a pause shows in the TSC.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "core/clock.h"
#include "kvm/x86.h"

/* ---- TSC: c->tsc_offset is relative to the host's TSC (x86_model_set_tsc) ---- */

static int clock_tsc_attr(struct kvm_vcpu *v, bool set, int64_t *off)
{
	struct kvm_device_attr a = { .group = 0 /* KVM_VCPU_TSC_CTRL */,
		                     .attr = 0 /* KVM_VCPU_TSC_OFFSET */,
		                     .addr = (uint64_t)(uintptr_t)off };

	return kvm_ioctl(v->fd, set ? KVM_SET_DEVICE_ATTR : KVM_GET_DEVICE_ATTR, &a);
}

static uint64_t clock_host_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

void kvm_x86_tsc_pull(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;
	uint64_t tsc = 0;
	int64_t off, before;

	if (v->k->arch->tsc_fixed) {
		c->tsc_offset = 0;
		return;
	}
	if (v->k->arch->tsc_offset_attr && clock_tsc_attr(v, false, &off) >= 0) {
		c->tsc_offset = off;
		return;
	}
	before = (int64_t)clock_host_tsc();
	if (kvm_x86_msr_io(v->fd, KVM_GET_MSRS, MSR_TSC, &tsc) >= 0) {
		off = (int64_t)tsc - (before + (int64_t)clock_host_tsc()) / 2;
		if (off - c->tsc_offset > 200000 || c->tsc_offset - off > 200000) {
			c->tsc_offset = off; /* not for the noise of this measurement */
		}
	}
}

void kvm_x86_tsc_push(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;
	struct kvm_arch_vm *a = v->k->arch;
	uint64_t tsc;
	int64_t near = (int64_t)c->tsc_khz * 1000, all = atomic_load(&a->tsc_offset),
		now = 0;

	if (a->tsc_fixed) {
		c->tsc_offset = 0; /* RDTSC shows the host's, whatever KVM is told */
		return;
	}
	/* vCPUs that were set to the same time a moment apart mean the same offset. */
	if (atomic_load(&a->tsc_set) && c->tsc_offset - all < near &&
	    all - c->tsc_offset < near) {
		c->tsc_offset = all;
	} else {
		atomic_store(&a->tsc_offset, c->tsc_offset);
		atomic_store(&a->tsc_set, true);
	}
	if (a->tsc_offset_attr && clock_tsc_attr(v, false, &now) >= 0) {
		if (now != c->tsc_offset) {
			(void)clock_tsc_attr(v, true, &c->tsc_offset);
		}
		return;
	}
	tsc = clock_host_tsc() + (uint64_t)c->tsc_offset;
	(void)kvm_x86_msr_io(v->fd, KVM_SET_MSRS, MSR_TSC, &tsc);
}

/* ---- KVM's clock ---- */

int kvm_x86_clock_get(struct kvm *k, struct kvm_clock_data *d)
{
	int r;

	memset(d, 0, sizeof(*d));
	r = k->arch->clock ? kvm_ioctl(k->vm_fd, KVM_GET_CLOCK, d) : -ENOTSUP;
	if (r < 0 || !(d->flags & KVM_CLOCK_HOST_TSC)) {
		d->host_tsc = clock_host_tsc();
	}
	return r;
}

enum { CLOCK_TRIES = 8, CLOCK_LATE_NS = 200000 };

static uint64_t clock_ns_since(const struct kvm *k, uint64_t tsc)
{
	uint64_t khz = k->arch->host_khz, d = clock_host_tsc() - tsc;

	return khz ? (uint64_t)((unsigned __int128)d * 1000000 / khz) : 0;
}

static void clock_set(struct kvm *k, uint64_t ns)
{
	struct kvm_clock_data d = { .clock = ns };
	int r = kvm_ioctl(k->vm_fd, KVM_SET_CLOCK, &d);

	if (r < 0) {
		log_error("KVM does not set the guest's clock: %s", strerror(-r));
	}
}

/* To what shows `ns` when the host's TSC is `tsc`. */
static void clock_set_at(struct kvm *k, uint64_t ns, uint64_t tsc)
{
	for (unsigned i = 0; i < CLOCK_TRIES; i++) {
		uint64_t now = clock_host_tsc();

		clock_set(k, ns + clock_ns_since(k, tsc));
		if (clock_ns_since(k, now) < CLOCK_LATE_NS) {
			return;
		}
	}
}

/* ---- stop ---- */

static void clock_stop_vcpu(struct vcpu *c, void *opaque __unused)
{
	struct kvm_vcpu *v = c->hv;

	if (v && !atomic_load(&v->in_fallback)) {
		kvm_x86_tsc_pull(v); /* deadlines are looked at next */
	}
}

static void clock_stop(struct kvm *k)
{
	bool moved = atomic_load(&k->moved);
	struct kvm_clock_data d;
	uint64_t ns = 0, page_ns;
	struct vcpu *v;

	if (kvm_x86_clock_get(k, &d) >= 0) {
		ns = d.clock;
	}
	vm_for_each_vcpu (k->vm, v) {
		struct x86_cpu *c = v->arch;

		vcpu_run_on_sync(v, clock_stop_vcpu, NULL);
		c->stop_tsc = k->arch->tsc_fixed && !moved ? 0 : d.host_tsc;
	}
	if (moved && kvm_x86_pv_clock(k, &page_ns)) {
		ns = page_ns;
	}
	vm_for_each_vcpu (k->vm, v) {
		((struct x86_cpu *)v->arch)->stop_clock_ns = ns;
	}
}

/* ---- go on ---- */

/* What guests have missed until the host's TSC was `now`, in their own ticks. */
static int64_t clock_lost(const struct kvm *k, const struct x86_cpu *c, uint64_t now)
{
	int64_t host = (int64_t)(now - c->stop_tsc);

	if (!k->arch->host_khz || c->tsc_khz == k->arch->host_khz) {
		return host;
	}
	return (int64_t)((__int128)host * (int64_t)c->tsc_khz / k->arch->host_khz);
}

static void clock_go_vcpu(struct vcpu *c, void *opaque)
{
	const int64_t *lost = opaque;
	struct x86_cpu *x = c->arch;
	struct kvm_vcpu *v = c->hv;
	int r = 0;

	x->stop_tsc = x->stop_clock_ns = 0;
	if (!v) {
		return;
	}
	x->tsc_offset -= *lost;
	if (atomic_load(&v->in_fallback)) {
		kvm_x86_pv_stopped(v);
		return;
	}
	if (*lost) {
		kvm_x86_tsc_push(v);
	}
	if (v->k->arch->clock_ctrl) {
		r = kvm_ioctl_n(v->fd, KVM_KVMCLOCK_CTRL, 0);
	}
	if (r < 0 && r != -EINVAL) { /* EINVAL: this guest does not use the clock */
		log_warn("vCPU %u: the guest can't be told that it was stopped: %s",
		         c->index, strerror(-r));
	}
}

static void clock_go(struct kvm *k)
{
	const struct x86_cpu *first = k->vm->n_vcpus ? k->vm->vcpus[0]->arch : NULL;
	uint64_t ns = first ? first->stop_clock_ns : 0, now;
	struct vcpu *v;
	int64_t lost = 0;

	if (!first || !(first->stop_tsc || ns)) {
		return; /* it runs for the first time */
	}
	now = clock_host_tsc();
	if (first->stop_tsc) {
		lost = clock_lost(k, first, now);
		atomic_fetch_sub(&k->arch->tsc_offset, lost);
	}
	vm_for_each_vcpu (k->vm, v) {
		vcpu_run_on_sync(v, clock_go_vcpu, &lost);
	}
	if (ns && k->arch->clock) {
		clock_set_at(k, ns, now);
	}
}

/* ---- move ---- */

static void clock_follow_page(struct kvm *k)
{
	struct kvm_clock_data d;
	uint64_t ns;

	/* A page that is a second off is not KVM's: the guest has written there. */
	if (kvm_x86_clock_get(k, &d) >= 0 && kvm_x86_pv_clock(k, &ns) &&
	    ns - d.clock + NS_PER_S < 2 * NS_PER_S) {
		clock_set(k, ns);
	}
}

void kvm_arch_clock_to_kvm(struct kvm *k)
{
	uint64_t since;

	for (unsigned i = 0; i < CLOCK_TRIES; i++) {
		since = clock_host_tsc();
		clock_follow_page(k);
		if (clock_ns_since(k, since) < CLOCK_LATE_NS) {
			return;
		}
	}
}

/* ---- life ---- */

static void clock_event(struct vm_listener *l, enum vm_event ev, int arg __unused)
{
	struct kvm_arch_vm *a = container_of(l, struct kvm_arch_vm, clock_listener);

	if (ev == VM_EV_STOP) {
		clock_stop(a->k);
	} else if (ev == VM_EV_RESUME) {
		clock_go(a->k);
	}
}

void kvm_x86_clock_init(struct kvm *k)
{
	struct kvm_arch_vm *a = k->arch;

	a->k = k;
	a->clock = kvm_cap(k, KVM_CAP_ADJUST_CLOCK) > 0;
	a->clock_ctrl = kvm_cap(k, KVM_CAP_KVMCLOCK_CTRL) > 0;
	if (!a->clock) {
		log_info("this KVM's clock can't be set: a guest that uses it sees "
		         "pauses");
	}
	a->clock_listener.fn = clock_event;
	vm_add_listener(k->vm, &a->clock_listener);
}

void kvm_x86_clock_fini(struct kvm *k)
{
	if (k->arch->clock_listener.fn) {
		vm_del_listener(k->vm, &k->arch->clock_listener);
	}
}
