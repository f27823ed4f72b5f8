/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-apf.c - asynchronous page faults while a VM leaves KVM and comes back.
 *
 * Spec: Linux Documentation/virt/kvm/x86/msr.rst, MSR_KVM_ASYNC_PF_EN, _INT, _ACK.
 *
 * KVM tells a guest that a page is not there ("not present", a token), the guest lets
 * another task run, and later KVM says that the page has come ("ready", the same token).
 * The tokens that are out are KVM's secret and die with its knowledge of them, so a vCPU
 * that leaves KVM must be told that all its pages are ready: token ~0.
 *
 *   move to the translator  KVM forgets its tokens (the MSR is cleared there, not in the
 *                           struct); "ready" for ~0 is delivered here as KVM does it: the
 *                           token in the guest's page when the place is free, then the
 *                           interrupt. If it is not free, the guest has still to
 *                           acknowledge one of KVM's; ~0 follows then.
 *   to KVM, load            writing the MSR makes KVM send ~0 itself.
 *   burst                   KVM keeps its tokens; an acknowledgement is passed on.
 *   stop and go on          nothing: KVM delivers when the vCPU runs again.
 *
 * The translator itself never reports a page that is not there: it waits for it.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "base/bytes.h"
#include "kvm/x86.h"

#define APF_EN  0x4b564d02u
#define APF_ACK 0x4b564d07u
#define APF_ALL 0xffffffffu

enum {
	APF_ENABLED = BIT(0) | BIT(3), /* 3: "ready" comes as an interrupt */
	APF_TOKEN = 4,                 /* place in the guest's page */
	APF_VECTOR_MIN = 16,
};

static void apf_deliver(struct kvm_vcpu *v)
{
	const struct x86_cpu *c = v->c->arch;
	uint64_t gpa = (c->async_pf_msr & ~UINT64_C(0x3f)) + APF_TOKEN;
	struct msi_msg m = { .addr = 0xfee00000u | (uint64_t)(c->apic_id & 0xff) << 12 |
		                     (uint64_t)(c->apic_id & ~0xffu) << 32,
		             .data = c->async_pf_int_msr & 0xff };
	uint8_t token[4];

	if ((c->async_pf_msr & APF_ENABLED) != APF_ENABLED || m.data < APF_VECTOR_MIN) {
		v->arch->apf.wake = false; /* nobody listens, so nobody waits */
		return;
	}
	if (dma_read(&v->c->vm->mem, gpa, token, sizeof(token)) < 0 || ld_le32(token)) {
		return;
	}
	v->arch->apf.wake = false;
	st_le32(token, APF_ALL);
	if (dma_write(&v->c->vm->mem, gpa, token, sizeof(token)) >= 0) {
		msi_send(&v->c->vm->msi, &m);
	}
}

/* The guest has (again) switched it on, or off. */
void kvm_x86_apf_enabled(struct kvm_vcpu *v)
{
	v->arch->apf.wake = true;
	if (atomic_load(&v->k->moved)) {
		apf_deliver(v);
	}
}

void kvm_x86_apf_ack(struct kvm_vcpu *v)
{
	v->arch->apf.ack = true; /* of a token that may have been KVM's */
	if (v->arch->apf.wake && atomic_load(&v->k->moved)) {
		apf_deliver(v);
	}
}

void kvm_x86_apf_take_over(struct kvm_vcpu *v)
{
	const struct x86_cpu *c = v->c->arch;

	if (!c->pv_ops || !atomic_load(&v->k->moved) || !(c->async_pf_msr & BIT(0))) {
		return;
	}
	kvm_x86_msr_set(v, APF_EN, 0);
	v->arch->apf.wake = true;
	apf_deliver(v);
}

/* After the MSRs. */
void kvm_x86_apf_push(struct kvm_vcpu *v)
{
	v->arch->apf.wake = false;
	if (v->arch->apf.ack) {
		v->arch->apf.ack = false;
		kvm_x86_msr_set(v, APF_ACK, 1);
	}
}
