/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hybrid-burst.c - KVM gives up on an instruction: the state is pulled, the translator runs
 * that instruction (and a few more while failures cluster: 1 to 64), the state is pushed back.
 * Each instruction of a burst is translated afresh, so no stale code can run, and
 * the other vCPUs go on in KVM. Failures in crowds make a stay (hybrid-move.c).
 *
 * With the kernel's interrupt controllers a burst is one instruction.
 *
 * Threads: the vCPU's own.
 * Known gaps: a locked access across two pages within a burst is not atomic against vCPUs
 * in KVM; with shadow paging a burst that writes a guest page table is not noticed by KVM.
 */
#include "config.h"

#include "base/log.h"
#include "core/clock.h"
#include "core/cpu/arch.h"
#include "kvm/kvm.h"

enum {
	BURST_MAX = 64,
	BURST_CROWD = 40, /* failures in one window that make a stay */
};
#define BURST_WINDOW (50 * NS_PER_MS)

/* The 1st, 10th, 100th...: a guest may fail a million times. */
static bool burst_worth_a_line(uint64_t n)
{
	while (n >= 10 && n % 10 == 0) {
		n /= 10;
	}
	return n == 1;
}

static void burst_say(struct kvm_vcpu *v, uint64_t n)
{
	char insn[160];

	if (!burst_worth_a_line(n) && !log_on(LOG_UNIMP)) {
		return;
	}
	kvm_fail_insn(v, insn, sizeof(insn));
	log_info("KVM cannot execute '%s' at 0x%llx: done by the translator (%llu so far)", insn,
		 (unsigned long long)v->c->vm->arch->pc(v->c), (unsigned long long)n);
}

/* The next burst's length; begins a stay when it is a crowd. */
static unsigned burst_length(struct kvm_vcpu *v)
{
	uint64_t window = clock_ns(CLOCK_RT) / BURST_WINDOW;

	if (window != v->fail_window) {
		v->burst = window > v->fail_window + 4 ? 1 : MAX(v->burst / 2, 1u);
		v->fail_window = window;
		v->fail_count = 0;
	} else {
		v->burst = MIN(v->burst * 2, (unsigned)BURST_MAX);
	}
	if (++v->fail_count == BURST_CROWD) {
		kvm_move_ask(v->k, "it fails on too many instructions");
	}
	return v->k->kernel_chip ? 1 : MAX(v->burst, 1u);
}

static int burst_enter(struct kvm_vcpu *v, struct err *e)
{
	int r;

	kvm_vcpu_finish_io(v);
	r = kvm_arch_pull(v, e);
	r = r < 0 ? r : kvm_arch_may_move(v, e);
	if (r < 0) {
		return r;
	}
	kvm_arch_drop_failed_event(v);
	kvm_arch_take_over(v);
	atomic_store(&v->in_fallback, true);
	hv_fallback->burst.enter(v->c, false);
	return 0;
}

static int burst_leave(struct kvm_vcpu *v, struct err *e)
{
	int r;

	hv_fallback->burst.settle(v->c);
	r = kvm_arch_push(v, true, e);
	atomic_store(&v->in_fallback, false);
	return r;
}

bool kvm_burst_failed(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	uint64_t since = clock_ns(CLOCK_RT);
	struct err e = ERR_INIT;
	unsigned n;

	if (!v->k->fallback) {
		return false;
	}
	if (burst_enter(v, &e) < 0) {
		log_error("vCPU %u: %s", v->c->index, e.text);
		return false;
	}
	v->n_fail++;
	burst_say(v, atomic_fetch_add(&v->k->n_fail, 1) + 1);
	n = burst_length(v);
	v->n_bursts++;
	v->n_burst_insns += n;
	*why = hv_fallback->burst.run(v->c, n);
	if (burst_leave(v, &e) < 0) {
		log_error("vCPU %u: between KVM and the translator: %s", v->c->index, e.text);
		*why = VCPU_EXIT_ERROR;
	}
	if (*why == VCPU_EXIT_HALT && v->k->kernel_chip) {
		kvm_arch_halt_in_kernel(v);
		*why = VCPU_EXIT_KICK;
	}
	v->burst_ns += clock_ns(CLOCK_RT) - since;
	return true;
}
