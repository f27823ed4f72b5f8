/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hybrid.c - what KVM drops, the translator catches.
 *
 * Burst: KVM gives up on an instruction. The state is pulled, the translator runs that
 * instruction (and a few more while failures cluster: 1 to 64), the state is pushed back.
 * Each instruction of a burst is translated afresh, so no stale code can run, and
 * the other vCPUs go on in KVM.
 *
 * Stay: KVM is no help at the moment: failures come in crowds, or KVM executes the guest
 * by emulating its instructions (its own counter says so; hosts that offer a
 * virtual KVM without hardware behind it do). All vCPUs move to the translator for a
 * while; then KVM gets another chance. A stay that follows upon a stay is
 * twice as long, up to HYBRID_STAY_MAX.
 *
 * Guest memory is the same for both. Entering a stay forgets all translated code and the
 * TLB. Leaving makes KVM drop what it derived from guest page tables.
 *
 * Threads: the vCPUs' own. The profiling timer ticks on CPU time of the vCPU thread.
 *
 * With the kernel's interrupt controllers there are only bursts, of one instruction.
 *
 * Known gaps: a locked access across two pages within a burst is not atomic against vCPUs
 * in KVM; at the end of a stay, a vCPU that is still in the translator for a moment
 * does not see code that one in KVM changes; with shadow paging a short burst
 * that writes a guest page table is not noticed by KVM.
 */
#include "config.h"

#include "kvm/kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "core/clock.h"
#include "core/cpu/arch.h"

enum {
	HYBRID_BURST_MAX = 64,
	HYBRID_TICK_MS = 50,
	HYBRID_CROWD = 40,	 /* failures in one window that make a stay */
	HYBRID_STRINGS = 20,	 /* the same where all kernel code is emulated, without exits */
	HYBRID_EMULATED = 5000,	 /* emulated instructions in a tick that make a stay */
};
#define HYBRID_WINDOW	 (50 * NS_PER_MS)
#define HYBRID_STAY_MIN	 (250 * NS_PER_MS)
#define HYBRID_STAY_MAX	 (16 * NS_PER_S)

/* ---- moving one vCPU ---- */

static int hybrid_enter(struct kvm_vcpu *v, bool failed, struct err *e)
{
	int r;

	kvm_vcpu_finish_io(v);
	r = kvm_arch_pull(v, e);
	if (r < 0) {
		return r;
	}
	if (failed) {
		kvm_arch_drop_failed_event(v);
	}
	atomic_store(&v->in_fallback, true);
	hv_fallback->burst.enter(v->c, !failed);
	return 0;
}

static int hybrid_leave(struct kvm_vcpu *v, struct err *e)
{
	int r;

	hv_fallback->burst.settle(v->c);
	r = kvm_arch_push(v, true, e);
	atomic_store(&v->in_fallback, false);
	return r;
}

static enum vcpu_exit hybrid_broken(struct kvm_vcpu *v, const struct err *e)
{
	log_error("vCPU %u: between KVM and the translator: %s", v->c->index, e->text);
	return VCPU_EXIT_ERROR;
}

/* ---- stays ---- */

static void hybrid_kick_others(struct kvm_vcpu *v)
{
	struct vm *vm = v->k->vm;

	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		if (vm->vcpus[i] != v->c) {
			vcpu_kick(vm->vcpus[i]);
		}
	}
}

static void hybrid_begin_stay(struct kvm_vcpu *v, const char *why)
{
	struct kvm *k = v->k;
	uint64_t now = clock_ns(CLOCK_RT), zero = 0;
	uint64_t len = atomic_load(&k->stay_ns);

	if (k->kernel_chip) {
		return; /* the translator can't reach the kernel's APICs */
	}
	len = len ? MIN(len * 2, HYBRID_STAY_MAX) : HYBRID_STAY_MIN;
	if (!atomic_compare_exchange_strong(&k->stay_until, &zero, now + len)) {
		return; /* another vCPU was first */
	}
	atomic_store(&k->stay_ns, len);
	if (atomic_fetch_add(&k->n_stays, 1) == 0) {
		log_info("KVM is no help here (%s): the translator takes over for now", why);
	}
	hybrid_kick_others(v);
}

/* The first to see it ends the stay for all. */
static bool hybrid_stay_over(struct kvm_vcpu *v)
{
	struct kvm *k = v->k;
	uint64_t until = atomic_load(&k->stay_until);

	if (until && clock_ns(CLOCK_RT) >= until &&
	    atomic_compare_exchange_strong(&k->stay_until, &until, 0)) {
		hybrid_kick_others(v);
	}
	return !atomic_load(&k->stay_until);
}

bool kvm_hybrid_wanted(struct kvm_vcpu *v)
{
	return atomic_load(&v->in_fallback) ||
	       (v->k->fallback && atomic_load(&v->k->stay_until));
}

enum vcpu_exit kvm_hybrid_run(struct kvm_vcpu *v)
{
	struct err e = ERR_INIT;

	if (hybrid_stay_over(v)) {
		if (atomic_load(&v->in_fallback)) {
			if (hybrid_leave(v, &e) < 0) {
				return hybrid_broken(v, &e);
			}
			kvm_mem_zap_shadow(v->k);
		}
		return VCPU_EXIT_KICK;
	}
	if (!atomic_load(&v->in_fallback) && hybrid_enter(v, false, &e) < 0) {
		return hybrid_broken(v, &e);
	}
	return hv_fallback->vcpu.run(v->c);
}

/* Where KVM has no hardware, kernels boot much faster in the translator. */
void kvm_hybrid_reset(struct kvm_vcpu *v)
{
	struct kvm *k = v->k;

	if (k->no_hardware && k->fallback && v->c->index == 0 && !atomic_load(&k->stay_until)) {
		atomic_store(&k->stay_ns, HYBRID_STAY_MIN * 4);
		hybrid_begin_stay(v, "there is no hardware behind it");
	}
}

/* ---- how does KVM do? ---- */

static uint64_t hybrid_emulated(struct kvm_vcpu *v)
{
	uint64_t n = 0;

	if (v->stats_fd < 0 ||
	    pread(v->stats_fd, &n, sizeof(n), (off_t)v->stats_off) != sizeof(n)) {
		return 0;
	}
	return n;
}

void kvm_hybrid_tick(struct kvm_vcpu *v)
{
	struct kvm *k = v->k;
	uint64_t now, did, exits;

	atomic_store(&v->tick, false);
	if (!k->fallback || v->stats_fd < 0) {
		return;
	}
	now = hybrid_emulated(v);
	did = now - v->stats_last;
	exits = v->n_exits - v->exits_last;
	exits -= exits > 0; /* this tick */
	v->stats_last = now;
	v->exits_last = v->n_exits;
	if (atomic_load(&v->in_fallback)) {
		v->ran_kvm = false;
		return;
	}
	log_d(LOG_UNIMP, "kvm %u: %llu instructions emulated, %llu exits\n", v->c->index,
	      (unsigned long long)did, (unsigned long long)exits);
	/* Each access to a device is an emulated instruction too. A string instruction counts
	 * as one for each thousand of its steps. */
	if ((did > HYBRID_EMULATED && did > 8 * exits) ||
	    (k->no_hardware && did > HYBRID_STRINGS && !exits)) {
		hybrid_begin_stay(v, "it emulates the guest's instructions");
	} else if (v->ran_kvm) {
		atomic_store(&k->stay_ns, 0);
	}
	v->ran_kvm = true;
}

static void hybrid_find_stat(struct kvm_vcpu *v)
{
	struct kvm_stats_header h;
	char buf[sizeof(struct kvm_stats_desc) + 256];
	struct kvm_stats_desc *d = (struct kvm_stats_desc *)(void *)buf;
	int fd;

	if (kvm_cap(v->k, KVM_CAP_BINARY_STATS_FD) <= 0) {
		return;
	}
	fd = kvm_ioctl_n(v->fd, KVM_GET_STATS_FD, 0);
	if (fd < 0) {
		return;
	}
	if (pread(fd, &h, sizeof(h), 0) != sizeof(h) || h.name_size > 256) {
		close(fd);
		return;
	}
	for (uint32_t i = 0; i < h.num_desc; i++) {
		size_t len = sizeof(*d) + h.name_size;

		if (pread(fd, buf, len, (off_t)(h.desc_offset + i * len)) != (ssize_t)len) {
			break;
		}
		buf[len - 1] = 0;
		if (!strcmp(d->name, "insn_emulation")) {
			v->stats_off = h.data_offset + d->offset;
			v->stats_fd = fd;
			return;
		}
	}
	close(fd);
}

static void hybrid_start_timer(struct kvm_vcpu *v)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIG_KICK };
	struct itimerspec every = { .it_interval.tv_nsec = HYBRID_TICK_MS * 1000000,
				    .it_value.tv_nsec = HYBRID_TICK_MS * 1000000 };

	ev._sigev_un._tid = atomic_load(&v->tid);
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &v->timer) < 0) {
		log_warn("vCPU %u: no profiling timer: %s", v->c->index, strerror(errno));
		return;
	}
	v->has_timer = true;
	timer_settime(v->timer, 0, &every, NULL);
}

/* ---- failures ---- */

static void hybrid_say(struct kvm_vcpu *v, uint64_t n)
{
	char insn[160];

	/* The 1st, 10th, 100th...: a guest may fail a million times. */
	for (uint64_t p = n; p > 1; p /= 10) {
		if (p % 10) {
			if (!log_on(LOG_UNIMP)) {
				return;
			}
			break;
		}
	}
	kvm_fail_insn(v, insn, sizeof(insn));
	log_info("KVM cannot execute '%s' at 0x%llx: done by the translator (%llu so far)", insn,
		 (unsigned long long)v->c->vm->arch->pc(v->c), (unsigned long long)n);
}

/* The next burst's length; begins a stay when it is a crowd. */
static unsigned hybrid_count(struct kvm_vcpu *v)
{
	uint64_t window = clock_ns(CLOCK_RT) / HYBRID_WINDOW;

	if (window != v->fail_window) {
		v->burst = window > v->fail_window + 4 ? 1 : MAX(v->burst / 2, 1u);
		v->fail_window = window;
		v->fail_count = 0;
	} else {
		v->burst = MIN(v->burst * 2, (unsigned)HYBRID_BURST_MAX);
	}
	if (++v->fail_count == HYBRID_CROWD) {
		hybrid_begin_stay(v, "it fails on too many instructions");
	}
	return v->k->kernel_chip ? 1 : MAX(v->burst, 1u);
}

bool kvm_hybrid_failed(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	struct err e = ERR_INIT;
	unsigned n;

	if (!v->k->fallback) {
		return false;
	}
	if (hybrid_enter(v, true, &e) < 0) {
		log_error("vCPU %u: %s", v->c->index, e.text);
		return false;
	}
	hybrid_say(v, atomic_fetch_add(&v->k->n_fail, 1) + 1);
	n = hybrid_count(v);
	atomic_fetch_add(&v->k->n_insn_bursts, n);
	*why = hv_fallback->burst.run(v->c, n);
	if (hybrid_leave(v, &e) < 0) {
		*why = hybrid_broken(v, &e);
	}
	if (*why == VCPU_EXIT_HALT && v->k->kernel_chip) {
		kvm_arch_halt_in_kernel(v);
		*why = VCPU_EXIT_KICK;
	}
	return true;
}

/* ---- life ---- */

int kvm_hybrid_init(struct kvm *k, struct err *e)
{
	int r;

	if (!k->fallback || !hv_fallback || !hv_fallback->burst.run) {
		k->fallback = false;
		return 0;
	}
	r = hv_fallback->vm_init(k->vm, NULL, e);
	if (r < 0) {
		k->fallback = false;
	}
	return r;
}

void kvm_hybrid_fini(struct kvm *k)
{
	if (k->fallback) {
		hv_fallback->vm_fini(k->vm);
		k->fallback = false;
	}
}

int kvm_hybrid_vcpu_init(struct kvm_vcpu *v, struct err *e)
{
	int r;

	if (!v->k->fallback) {
		return 0;
	}
	r = hv_fallback->vcpu.init(v->c, e);
	if (r >= 0) {
		v->has_fallback = true;
		if (!v->k->kernel_chip) {
			hybrid_find_stat(v);
			hybrid_start_timer(v);
		}
	}
	return r;
}

void kvm_hybrid_vcpu_fini(struct kvm_vcpu *v)
{
	if (v->has_timer) {
		timer_delete(v->timer);
	}
	if (v->stats_fd >= 0) {
		close(v->stats_fd);
	}
	if (v->has_fallback) {
		hv_fallback->vcpu.fini(v->c);
	}
}
