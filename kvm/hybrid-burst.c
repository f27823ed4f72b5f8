/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hybrid-burst.c - KVM gives up on an instruction: the state is pulled, the translator
 * runs that instruction (and a few more while failures cluster: 1 to 64), the state is
 * pushed back. Each instruction of a burst is translated afresh, so no stale code can
 * run, and the other vCPUs go on in KVM. Failures in crowds make a stay
 * (hybrid-move.c).
 *
 * With the kernel's interrupt controllers a burst ends before an instruction that uses
 * them, and before the second one that reaches beyond RAM.
 *
 * KVM does not see what a burst writes. Where it shadows guest page tables it is made
 * to forget its shadow pages if a burst changed what may be a page-table entry.
 *
 * Threads: the vCPU's own.
 * Known gaps: what KVM answers with #UD instead of giving up never gets here: up to now
 * that is VEX-encoded instructions on device memory. An instruction that locks an
 * access to the kernel's interrupt controllers works only where the VM can move.
 */
#include "config.h"

#include <unistd.h>

#include "base/log.h"
#include "core/clock.h"
#include "core/cpu/arch.h"
#include "kvm/kvm.h"

enum {
	BURST_MAX = 64,
	BURST_CROWD = 40, /* failures in one window that make a stay */
	BURST_FEW = 4,    /* the same when most of the window went by in bursts */
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
	log_info("KVM cannot execute '%s' at 0x%llx: done by the translator (%llu so "
	         "far)",
	         insn, (unsigned long long)v->c->vm->arch->pc(v->c),
	         (unsigned long long)n);
}

/* The next burst's length: it grows while failures cluster. */
static unsigned burst_length(struct kvm_vcpu *v, uint64_t now)
{
	uint64_t idle = now - v->fail_since;

	if (idle >= BURST_WINDOW) {
		v->burst = idle > 4 * BURST_WINDOW ? 1 : MAX(v->burst / 2, 1u);
		v->fail_since = now;
		v->fail_count = 0;
		v->fail_ns = v->burst_ns;
	} else {
		v->burst = MIN(v->burst * 2, (unsigned)BURST_MAX);
	}
	return MAX(v->burst, 1u);
}

/* A crowd of failures makes a stay: many in a window, or a window that is mostly
 * bursts. */
static void burst_count(struct kvm_vcpu *v, uint64_t now)
{
	uint64_t in_bursts = v->burst_ns - v->fail_ns;

	if (++v->fail_count == BURST_CROWD ||
	    (v->fail_count >= BURST_FEW && in_bursts > BURST_WINDOW / 2 &&
	     in_bursts > (now - v->fail_since) / 2)) {
		(void)kvm_move_ask(v->k, "it fails on too many instructions");
	}
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

/* Shadow pages are right as long as KVM sees who writes guest page tables. */
static bool burst_wrote_tables(struct kvm_vcpu *v, const struct hv_burst_log *l)
{
	if (v->k->nested_paging) {
		return false;
	}
	for (unsigned i = 0; i < l->n_stores && !l->lost; i++) {
		if (kvm_arch_was_table(v, &l->store[i])) {
			return true;
		}
	}
	return l->lost;
}

static int burst_leave(struct kvm_vcpu *v, const struct hv_burst_log *l, struct err *e)
{
	int r;

	if (burst_wrote_tables(v, l)) {
		v->n_zaps++;
		kvm_mem_zap_shadow(v->k);
	}
	r = kvm_arch_push(v, l->flushed, e);
	atomic_store(&v->in_fallback, false);
	return r;
}

/* The instruction needs the interrupt controllers that KVM has: it works when they are
 * with the translator. Until the control thread has moved them, KVM is asked again. */
static bool burst_refused(struct kvm_vcpu *v)
{
	if (v->k->pinned ||
	    !kvm_move_ask(v->k, "it fails on its own interrupt controllers")) {
		log_error("vCPU %u: KVM cannot execute an instruction on its own "
		          "interrupt "
		          "controllers",
		          v->c->index);
		return false;
	}
	usleep(1000);
	return true;
}

bool kvm_burst_failed(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	uint64_t since = clock_ns(CLOCK_RT), now;
	const struct hv_burst_log *l;
	struct err e = ERR_INIT;

	if (!v->k->fallback) {
		return false;
	}
	if (burst_enter(v, &e) < 0) {
		log_error("vCPU %u: %s", v->c->index, e.text);
		return false;
	}
	v->n_fail++;
	burst_say(v, atomic_fetch_add(&v->k->n_fail, 1) + 1);
	v->n_bursts++;
	*why = hv_fallback->burst.run(v->c, burst_length(v, since));
	l = hv_fallback->burst.log(v->c);
	v->n_burst_insns += l->done;
	if (burst_leave(v, l, &e) < 0) {
		log_error("vCPU %u: between KVM and the translator: %s", v->c->index,
		          e.text);
		*why = VCPU_EXIT_ERROR;
	} else if (*why == VCPU_EXIT_HALT && atomic_load(&v->c->vm->chips_in_hv)) {
		kvm_arch_halt_in_kernel(v);
		*why = VCPU_EXIT_KICK;
	}
	now = clock_ns(CLOCK_RT);
	v->burst_ns += now - since;
	burst_count(v, now);
	return !l->refused || burst_refused(v);
}
