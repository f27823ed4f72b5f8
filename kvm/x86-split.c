/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-split.c - kernel-irqchip=split: local APICs in the kernel, IOAPIC, PIC and PIT in user
 * space.
 *
 * IOAPIC: a pin's interrupt is an MSI. The routes of GSIs 0..23 tell KVM which vectors are
 * level-triggered, so that their EOI comes to us (KVM_EXIT_IOAPIC_EOI).
 *
 * PIC: X86_REQ_HARD of vCPU 0 means that it requests. When KVM says that an interrupt can
 * be delivered at once (ready_for_interrupt_injection, which looks at LINT0, too), the
 * vector is acknowledged and becomes the event under delivery; else KVM is asked to
 * come back when it can. Not by KVM_INTERRUPT: here it would put the vector where
 * no call can read it, and a VM that moves in that moment would lose it.
 *
 * Threads: the vCPU's own; routes from whoever writes the IOAPIC's registers.
 * Known gaps: LINT0 in modes other than ExtINT.
 */
#include "config.h"

#include <string.h>

#include "base/log.h"
#include "core/cpu/x86-chips.h"
#include "kvm/x86.h"

void kvm_x86_split_routes(struct vm *vm, const struct msi_msg *pin, uint32_t valid)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_arch_vm *a = k->arch;
	bool same = true;

	LOCK_SCOPE(&k->routes->lk);
	/* A pin that is not level-triggered any more may have an EOI to come: its route stays
	 * until another takes its place. */
	for (unsigned i = 0; i < X86_IOAPIC_PINS; i++) {
		if (!(valid >> i & 1)) {
			continue;
		}
		if (!(a->pin_valid >> i & 1) || a->pin[i].addr != pin[i].addr ||
		    a->pin[i].data != pin[i].data) {
			same = false;
			a->pin[i] = pin[i];
		}
	}
	a->pin_valid |= valid;
	if (!same && kvm_routes_write_locked(k) < 0) {
		log_warn("KVM does not take the routes of the IOAPIC");
	}
}

static int split_deliver(struct kvm_vcpu *v, uint8_t vector)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vcpu_events ev;
	int r = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &ev);

	if (r < 0) {
		return r;
	}
	ev.flags = 0; /* what may change by itself meanwhile is left alone */
	ev.interrupt.injected = 1;
	ev.interrupt.nr = vector;
	ev.interrupt.soft = 0;
	r = kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &ev);
	return r < 0 ? r : kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp); /* a HLT is over */
}

void kvm_x86_split_pre_run(struct kvm_vcpu *v)
{
	struct vm *vm = v->c->vm;
	int vector;

	if (!(atomic_load(&v->c->requests) & X86_REQ_HARD) || !vm->chips_ext_ack) {
		return;
	}
	if (!v->arch->ready || !v->run->if_flag) {
		v->run->request_interrupt_window = 1;
		return;
	}
	vector = vm->chips_ext_ack(vm);
	if (vector >= 0 && split_deliver(v, (uint8_t)vector) < 0) {
		log_guest("vCPU %u: KVM does not take interrupt 0x%x", v->c->index,
		          vector);
	}
	v->arch->ready = false;
	if (atomic_load(&v->c->requests) & X86_REQ_HARD) {
		v->run->request_interrupt_window = 1;
	}
}
