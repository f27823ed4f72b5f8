/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hybrid.c - what KVM drops, the translator catches: set-up, and how KVM does.
 *
 *   burst  (hybrid-burst.c)  KVM gives up on an instruction of one vCPU
 *   stay   (hybrid-move.c)   KVM is no help at the moment: failures come in crowds, or
 *                            KVM executes the guest by emulating its instructions (its
 *                            own counter says so; hosts that offer a virtual KVM
 *                            without hardware behind it do)
 *   move   (hybrid-move.c)   an operator wants the other one
 *
 * Guest memory is the same for both.
 *
 * Threads: the vCPUs' own. The profiling timer ticks on CPU time of the vCPU thread.
 */
#include "config.h"

#include "kvm/kvm.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

enum {
	HYBRID_TICK_MS = 50,
	HYBRID_STRINGS = 20, /* emulations in a tick that make a stay where all kernel
	                        code is emulated, without exits */
	HYBRID_EMULATED = 5000, /* the same elsewhere */
};

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
	log_d(LOG_UNIMP, "kvm %u: %llu instructions emulated, %llu exits\n",
	      v->c->index, (unsigned long long)did, (unsigned long long)exits);
	/* Each access to a device is an emulated instruction too. A string instruction
	 * counts as one for each thousand of its steps. */
	if ((did > HYBRID_EMULATED && did > 8 * exits) ||
	    (k->no_hardware && did > HYBRID_STRINGS && !exits)) {
		(void)kvm_move_ask(k, "it emulates the guest's instructions");
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

		if (pread(fd, buf, len, (off_t)(h.desc_offset + i * len)) !=
		    (ssize_t)len) {
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
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID,
		               .sigev_signo = SIG_KICK };
	struct itimerspec every = { .it_interval.tv_nsec = HYBRID_TICK_MS * 1000000,
		                    .it_value.tv_nsec = HYBRID_TICK_MS * 1000000 };

	ev._sigev_un._tid = atomic_load(&v->tid);
	if (timer_create(CLOCK_THREAD_CPUTIME_ID, &ev, &v->timer) < 0) {
		log_warn("vCPU %u: no profiling timer: %s", v->c->index,
		         strerror(errno));
		return;
	}
	v->has_timer = true;
	timer_settime(v->timer, 0, &every, NULL);
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
	} else {
		kvm_move_init(k);
	}
	return r;
}

void kvm_hybrid_fini(struct kvm *k)
{
	if (k->fallback) {
		kvm_move_fini(k);
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
		atomic_store(&v->in_fallback,
		             atomic_load(&v->k->moved)); /* plugged in late */
		if (!v->k->kernel_chip || !v->k->nested_paging) {
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
