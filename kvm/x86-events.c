/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-events.c - what is pending or under way in a vCPU: exceptions, interrupts, NMI, SMI,
 * triple fault, debug registers, and the state of a guest's own hypervisor (nested
 * virtualisation).
 *
 * Spec: Linux api.rst 4.31 KVM_GET_VCPU_EVENTS, 4.114 KVM_GET_NESTED_STATE.
 *
 * An interrupt or exception whose delivery KVM has begun becomes exc_pending. Soft
 * ones (INT n, INT3, INTO) are dropped: the instruction is run again. A pending NMI
 * becomes a request when the translator takes over.
 *
 * The translator has neither system management mode nor nested virtualisation: a vCPU that is
 * in one of them stays in KVM (kvm_arch_may_move). The nested state is a blob that is kept
 * beside the struct.
 *
 * Threads: the vCPU's own.
 * Known gaps: SMRAM is what the map shows at that address in both modes.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kvm/x86.h"

/* ---- set-up ---- */

static bool events_enable(struct kvm *k, unsigned cap)
{
	struct kvm_enable_cap c = { .cap = cap, .args[0] = 1 };

	return kvm_cap(k, cap) > 0 && kvm_ioctl(k->vm_fd, KVM_ENABLE_CAP, &c) >= 0;
}

void kvm_x86_events_init(struct kvm *k)
{
	struct kvm_arch_vm *a = k->arch;
	int size = kvm_cap(k, KVM_CAP_NESTED_STATE);

	a->exception_payload = events_enable(k, KVM_CAP_EXCEPTION_PAYLOAD);
	a->triple_fault = events_enable(k, KVM_CAP_X86_TRIPLE_FAULT_EVENT);
	a->smm = kvm_cap(k, KVM_CAP_X86_SMM) > 0;
	a->nested_size =
		size > (int)sizeof(struct kvm_nested_state) ? (unsigned)size : 0;
}

int kvm_x86_events_vcpu_init(struct kvm_vcpu *v)
{
	if (v->k->arch->nested_size) {
		v->arch->nested = calloc(1, v->k->arch->nested_size);
		if (!v->arch->nested) {
			return -ENOMEM;
		}
	}
	return 0;
}

void kvm_x86_events_vcpu_fini(struct kvm_vcpu *v)
{
	free(v->arch->nested);
}

/* After a power-on reset nothing is left of it. */
void kvm_arch_forget(struct kvm_vcpu *v)
{
	memset(&v->arch->smi, 0, sizeof(v->arch->smi));
	v->arch->nested_valid = false;
	v->arch->nmi_waits = false;
	memset(&v->arch->apf, 0, sizeof(v->arch->apf));
	kvm_x86_msr_forget(v);
}

/* ---- debug registers ---- */

int kvm_x86_pull_dr(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_debugregs d;
	int r = v->k->arch->debugregs ? kvm_ioctl(v->fd, KVM_GET_DEBUGREGS, &d)
	                              : -ENOTSUP;

	if (r >= 0) {
		memcpy(c->dr, d.db, sizeof(d.db));
		c->dr[6] = d.dr6;
		c->dr[7] = d.dr7;
	}
	return 0;
}

int kvm_x86_push_dr(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	struct kvm_debugregs d = { .dr6 = c->dr[6], .dr7 = c->dr[7] };

	memcpy(d.db, c->dr, sizeof(d.db));
	return v->k->arch->debugregs ? kvm_ioctl(v->fd, KVM_SET_DEBUGREGS, &d) : 0;
}

/* ---- nested virtualisation ---- */

enum { EVENTS_CR4_VMXE = 1 << 13, EVENTS_EFER_SVME = 1 << 12 };

void kvm_x86_pull_nested(struct kvm_vcpu *v)
{
	struct kvm_nested_state *n = v->arch->nested;

	v->arch->nested_valid = false;
	if (!n) {
		return;
	}
	memset(n, 0, sizeof(*n));
	n->size = v->k->arch->nested_size;
	v->arch->nested_valid = kvm_ioctl(v->fd, KVM_GET_NESTED_STATE, n) >= 0;
}

/* After the control registers: they say whether there can be any. */
int kvm_x86_push_nested(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	bool on = (c->cr4 & EVENTS_CR4_VMXE) || (c->efer & EVENTS_EFER_SVME);

	if (!v->arch->nested_valid || !on || !v->arch->nested->flags) {
		return 0;
	}
	return kvm_ioctl(v->fd, KVM_SET_NESTED_STATE, v->arch->nested);
}

int kvm_arch_may_move(struct kvm_vcpu *v, struct err *e)
{
	const struct x86_cpu *c = v->c->arch;

	if (c->in_smm) {
		return err_set(e, -EBUSY,
		               "vCPU %u is in system management mode, which the "
		               "translator does not have: try again",
		               v->c->index);
	}
	if (v->arch->nested_valid &&
	    (v->arch->nested->flags & KVM_STATE_NESTED_GUEST_MODE)) {
		return err_set(e, -EBUSY,
		               "vCPU %u runs a guest of its own (nested "
		               "virtualisation), which the translator can't: try again",
		               v->c->index);
	}
	return 0;
}

/* ---- events ---- */

/* What an exception that was raised but not begun would have done to CR2 or DR6. */
void kvm_x86_event_payload(struct x86_cpu *c, unsigned nr, uint64_t payload)
{
	enum { DR6_TRAPS = 0xf, DR6_ONES = 0xffff0ff0, DR7_GD = 1 << 13 };

	if (nr == X86_EXC_PF) {
		c->cr2 = payload;
	} else if (nr == X86_EXC_DB) {
		c->dr[6] = (c->dr[6] & ~(uint64_t)DR6_TRAPS) | DR6_ONES | payload;
		c->dr[6] ^= payload & DR6_ONES; /* those are active when 0 */
		c->dr[7] &= ~(uint64_t)DR7_GD;
	}
}

static void events_pull_exception(struct kvm_vcpu *v, struct x86_cpu *c,
                                  const struct kvm_vcpu_events *ev)
{
	bool pending = v->k->arch->exception_payload && ev->exception.pending;

	c->exc_pending = c->exc_delivering = -1;
	if ((ev->exception.injected || pending) && ev->exception.nr != X86_EXC_BP &&
	    ev->exception.nr != X86_EXC_OF) {
		c->exc_pending = ev->exception.nr;
		c->exc_has_err = ev->exception.has_error_code;
		c->exc_err = ev->exception.error_code;
		if (pending && ev->exception_has_payload) {
			kvm_x86_event_payload(c, ev->exception.nr,
			                      ev->exception_payload);
		}
	} else if (ev->interrupt.injected && !ev->interrupt.soft) {
		c->exc_pending = ev->interrupt.nr;
		c->exc_has_err = false;
	}
	if (v->k->arch->triple_fault &&
	    (ev->flags & KVM_VCPUEVENT_VALID_TRIPLE_FAULT) &&
	    ev->triple_fault.pending) {
		c->exc_pending = X86_EXC_TRIPLE;
	}
}

int kvm_x86_pull_events(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_vcpu_events ev;
	int r;

	memset(&ev, 0, sizeof(ev));
	r = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &ev);
	if (r < 0) {
		return r;
	}
	c->int_shadow = ev.interrupt.shadow != 0;
	c->nmi_masked = ev.nmi.masked;
	events_pull_exception(v, c, &ev);
	v->arch->nmi_waits = ev.nmi.pending || ev.nmi.injected;
	c->nmi_masked = c->nmi_masked && !ev.nmi.injected;
	if (ev.flags & KVM_VCPUEVENT_VALID_SMM) {
		c->in_smm = ev.smi.smm;
		v->arch->smi.pending = ev.smi.pending;
		v->arch->smi.inside_nmi = ev.smi.smm_inside_nmi;
		v->arch->smi.latched_init = ev.smi.latched_init;
	}
	return 0;
}

/* Not part of the pull, which may be a mere look at the state: KVM keeps the NMI then. */
void kvm_arch_take_over(struct kvm_vcpu *v)
{
	if (v->arch->nmi_waits) {
		v->arch->nmi_waits = false;
		vcpu_request(v->c, X86_REQ_NMI);
	}
	kvm_x86_chip_take_over(v);
	kvm_x86_apf_take_over(v);
	kvm_x86_pv_enter(v);
}

int kvm_x86_push_events(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	struct kvm_vcpu_events ev = { .flags = KVM_VCPUEVENT_VALID_NMI_PENDING |
		                               KVM_VCPUEVENT_VALID_SHADOW };

	if (c->int_shadow) { /* a processor refuses "by STI" while IF is clear */
		ev.interrupt.shadow = c->eflags & X86_IF ? KVM_X86_SHADOW_INT_STI
		                                         : KVM_X86_SHADOW_INT_MOV_SS;
	}
	ev.nmi.masked = c->nmi_masked;
	ev.nmi.pending = v->arch->nmi_waits;
	if (c->exc_pending == X86_EXC_TRIPLE) {
		ev.triple_fault.pending = 1;
	} else if (c->exc_pending >= 32) {
		ev.interrupt.injected = 1;
		ev.interrupt.nr = (uint8_t)c->exc_pending;
	} else if (c->exc_pending >= 0) {
		ev.exception.injected = 1;
		ev.exception.nr = (uint8_t)c->exc_pending;
		ev.exception.has_error_code = c->exc_has_err;
		ev.exception.error_code = c->exc_err;
	}
	if (v->k->arch->triple_fault) {
		ev.flags |= KVM_VCPUEVENT_VALID_TRIPLE_FAULT;
	}
	if (v->k->arch->smm) {
		ev.flags |= KVM_VCPUEVENT_VALID_SMM;
		ev.smi.smm = c->in_smm;
		ev.smi.pending = v->arch->smi.pending;
		ev.smi.smm_inside_nmi = v->arch->smi.inside_nmi;
		ev.smi.latched_init = v->arch->smi.latched_init;
	}
	return kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &ev);
}

/* ---- SMI ---- */

void kvm_x86_smi(struct kvm_vcpu *v)
{
	if (!v->k->arch->smm || kvm_mem_show_smm(v->k) < 0 ||
	    kvm_ioctl_n(v->fd, KVM_SMI, 0) < 0) {
		log_guest("vCPU %u: this KVM takes no SMI: it is lost", v->c->index);
	}
}
