/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gate.c - keeping vCPUs out of KVM_RUN for the length of one update of memory slots.
 *
 *   vCPU                              closer
 *   run_seq++ (odd)                   gate++
 *   gate open? KVM_RUN                run_seq odd? kick, wait until it changes
 *   run_seq++ (even), wake
 *
 * All of it is sequentially consistent: either the vCPU sees the gate closed, or the
 * closer sees it inside. The kick comes after run_seq was seen odd, so after the vCPU
 * has cleared immediate_exit for the last time before this KVM_RUN: it is not lost.
 *
 * A closer that is itself a vCPU is in an MMIO exit, so it counts as outside. A vCPU that
 * waits at the gate holds no lock, whatever the closer holds: no deadlock. Waiting counts
 * as offline for retired flat maps.
 */
#include "config.h"

#include <sys/syscall.h>
#include <unistd.h>

#include "core/futex.h"
#include "kvm/kvm.h"

void kvm_gate_left(struct kvm_vcpu *v)
{
	futex_wake_all(&v->run_seq);
}

void kvm_gate_wait(struct kvm_vcpu *v)
{
	struct kvm *k = v->k;
	uint32_t closed;

	do {
		kvm_gate_leave(v);
		gmem_offline();
		while ((closed = atomic_load(&k->gate))) {
			futex_wait(&k->gate, closed, 0);
		}
		gmem_online();
	} while (!kvm_gate_try(v));
}

static void kvm_gate_kick(struct kvm_vcpu *v)
{
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	syscall(SYS_tgkill, getpid(), atomic_load(&v->tid), SIG_KICK);
}

void kvm_gate_flush(struct kvm *k)
{
	atomic_fetch_add(&k->gate_watched, 1);
	for (int pass = 0; pass < 2; pass++) { /* kick all, then wait for each */
		for (unsigned i = 0; i < k->n_all; i++) {
			struct kvm_vcpu *v = k->all[i];
			uint32_t seq = v ? atomic_load(&v->run_seq) : 0;

			while ((seq & 1) && atomic_load(&v->run_seq) == seq) {
				kvm_gate_kick(v);
				if (!pass) {
					break;
				}
				futex_wait(&v->run_seq, seq, 10000000);
			}
		}
	}
	atomic_fetch_sub(&k->gate_watched, 1);
}

void kvm_gate_close(struct kvm *k)
{
	atomic_fetch_add(&k->gate, 1);
	atomic_fetch_add(&k->n_gates, 1);
	kvm_gate_flush(k);
}

void kvm_gate_open(struct kvm *k)
{
	atomic_fetch_sub(&k->gate, 1);
	futex_wake_all(&k->gate);
}
