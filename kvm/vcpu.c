/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu.c - a vCPU under KVM: KVM_RUN, kicks, and the exits that every architecture has.
 *
 * A kick must not get lost between the look at exit_request and KVM_RUN: the kicker
 * sets exit_request (or a request bit), then kvm_run->immediate_exit, then, when the vCPU is
 * at KVM_RUN (run_seq is odd), sends SIG_KICK. The loop clears immediate_exit (an
 * exchange: a full barrier), looks at exit_request and requests, makes run_seq odd (an
 * atomic addition) and calls KVM_RUN, which looks at immediate_exit. So the kicker
 * either comes before the look, or its immediate_exit stands, or it sees run_seq odd.
 * The signal only interrupts: a flood of them from elsewhere does not starve the guest.
 *
 * From one KVM_RUN to the next a register access takes some 200 instructions and one
 * system call, and that is what an exit costs beside KVM itself: no time is read, no lock is taken
 * but the device's, nothing that others write is written but run_seq. kvm_arch_pre_run() and
 * post_run() are left out where the kernel has the interrupt controllers and nothing was
 * requested. What is rare is in functions of its own, so that the frequent path
 * saves no registers for it. bench/exit-steps counts the instructions.
 *
 * Threads: the vCPU's own; kvm_vcpu_kick() any.
 */
#include "config.h"

#include "kvm/kvm.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/clock.h"
#include "core/gmem-fast.h"

static __thread struct kvm_vcpu *kvm_vcpu_this;

/* ---- kicks ---- */

static void kvm_vcpu_signal(int sig, siginfo_t *si, void *uc)
{
	struct kvm_vcpu *v = kvm_vcpu_this;

	(void)sig;
	(void)uc;
	if (!v) {
		return;
	}
	if (si->si_code == SI_TIMER) {
		atomic_store(&v->tick, true);
		atomic_store(&v->c->exit_request, true);
		if (atomic_load(&v->in_fallback)) {
			hv_fallback->vcpu.kick(v->c);
		}
		v->run->immediate_exit = 1;
	}
}

void kvm_vcpu_setup_signal(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = kvm_vcpu_signal;
	sa.sa_flags = SA_SIGINFO;
	sigaction(SIG_KICK, &sa, NULL);
}

void kvm_vcpu_kick(struct vcpu *c)
{
	struct kvm_vcpu *v = c->hv;

	if (!v) {
		return;
	}
	if (atomic_load(&v->in_fallback)) {
		hv_fallback->vcpu.kick(c);
	}
	__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
	if ((atomic_load(&v->run_seq) & 1) && kvm_vcpu_this != v) {
		syscall(SYS_tgkill, getpid(), atomic_load(&v->tid), SIG_KICK);
	}
}

/* ---- I/O ---- */

static inline uint64_t kvm_vcpu_load(const uint8_t *p, unsigned size)
{
	switch (size) {
	case 1: return *p;
	case 2: return ld_le16(p);
	case 4: return ld_le32(p);
	default: return ld_le64(p);
	}
}

static inline void kvm_vcpu_store(uint8_t *p, uint64_t val, unsigned size)
{
	switch (size) {
	case 1: *p = (uint8_t)val; break;
	case 2: st_le16(p, (uint16_t)val); break;
	case 4: st_le32(p, (uint32_t)val); break;
	default: st_le64(p, val); break;
	}
}

static inline void kvm_vcpu_access(struct aspace *as, gpa_t addr, uint8_t *data,
                                   unsigned size, bool write)
{
	if (write) {
		aspace_write_fast(as, addr, kvm_vcpu_load(data, size), size);
	} else {
		kvm_vcpu_store(data, aspace_read_fast(as, addr, size), size);
	}
}

/* String I/O: `count` items in a row, in the run page. */
static __cold void kvm_vcpu_pio_string(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	uint8_t *p = (uint8_t *)run + run->io.data_offset;
	unsigned size = run->io.size;

	for (unsigned n = run->io.count; n; n--, p += size) {
		kvm_vcpu_access(&v->c->vm->io, run->io.port, p, size,
		                run->io.direction == KVM_EXIT_IO_OUT);
	}
}

static inline void kvm_vcpu_pio(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;

	v->io_pending = true;
	if (unlikely(run->io.count != 1)) {
		kvm_vcpu_pio_string(v);
		return;
	}
	kvm_vcpu_access(&v->c->vm->io, run->io.port,
	                (uint8_t *)run + run->io.data_offset, run->io.size,
	                run->io.direction == KVM_EXIT_IO_OUT);
}

/* Lengths that are no power of two come from page-crossing and vector accesses. */
static __cold void kvm_vcpu_mmio_parts(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	unsigned len = MIN(run->mmio.len, 8u);

	for (unsigned at = 0; at < len;) {
		unsigned n = len - at;

		n = n >= 4 ? 4 : n >= 2 ? 2 : 1;
		kvm_vcpu_access(&v->c->vm->mem, run->mmio.phys_addr + at,
		                run->mmio.data + at, n, run->mmio.is_write);
		at += n;
	}
}

static inline void kvm_vcpu_mmio(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	unsigned len = run->mmio.len;

	v->io_pending = true;
	if (unlikely(len > 8 || !IS_POWER_OF_2(len))) {
		kvm_vcpu_mmio_parts(v);
		return;
	}
	kvm_vcpu_access(&v->c->vm->mem, run->mmio.phys_addr, run->mmio.data, len,
	                run->mmio.is_write);
}

void kvm_vcpu_finish_io(struct kvm_vcpu *v)
{
	/* A string instruction may ask again for its next part; MMIO in pieces too. */
	for (unsigned i = 0; v->io_pending && i < 4096; i++) {
		int r;

		v->io_pending = false;
		kvm_gate_enter(v);
		__atomic_store_n(&v->run->immediate_exit, 1, __ATOMIC_SEQ_CST);
		r = ioctl(v->fd, KVM_RUN, 0);
		kvm_gate_leave(v);
		kvm_coalesce_flush(v->k);
		if (r < 0) {
			return; /* EINTR: done, nothing was executed */
		}
		if (v->run->exit_reason == KVM_EXIT_IO) {
			kvm_vcpu_pio(v);
		} else if (v->run->exit_reason == KVM_EXIT_MMIO) {
			kvm_vcpu_mmio(v);
		}
	}
}

/* ---- exits ---- */

enum kvm_next { KVM_GO_ON, KVM_LEAVE };

static enum kvm_next kvm_vcpu_broken(struct kvm_vcpu *v, const char *what,
                                     enum vcpu_exit *why)
{
	kvm_fail_report(v, what);
	*why = VCPU_EXIT_ERROR;
	return KVM_LEAVE;
}

/* KVM gave up, but the guest's state is sound: the translator gets past it, or nobody. */
static enum kvm_next kvm_vcpu_dropped(struct kvm_vcpu *v, enum vcpu_exit *why,
                                      void (*say)(const struct kvm_run *, char *,
                                                  size_t))
{
	char what[160];

	if (kvm_burst_failed(v, why)) {
		return *why == VCPU_EXIT_KICK ? KVM_GO_ON : KVM_LEAVE;
	}
	say(v->run, what, sizeof(what));
	return kvm_vcpu_broken(v, what, why);
}

static __cold enum kvm_next kvm_vcpu_other_exit(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	struct kvm_run *run = v->run;
	char what[160];

	switch (run->exit_reason) {
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN: return KVM_GO_ON;
	case KVM_EXIT_DIRTY_RING_FULL: kvm_dirty_ring_full(v); return KVM_GO_ON;
	case KVM_EXIT_HLT:
		kvm_arch_halted(v);
		*why = VCPU_EXIT_HALT;
		return KVM_LEAVE;
	case KVM_EXIT_SHUTDOWN:
		log_d(LOG_INT, "kvm %u: shutdown\n", v->c->index);
		*why = VCPU_EXIT_SHUTDOWN;
		return KVM_LEAVE;
	case KVM_EXIT_DEBUG: *why = VCPU_EXIT_DEBUG; return KVM_LEAVE;
	case KVM_EXIT_INTERNAL_ERROR: return kvm_vcpu_dropped(v, why, kvm_say_internal);
	case KVM_EXIT_UNKNOWN: /* the processor has left the guest for a reason that KVM
				* does not know */
		return kvm_vcpu_dropped(v, why, kvm_say_exit);
	case KVM_EXIT_NMI:
	case KVM_EXIT_X86_BUS_LOCK: /* a mere report */ return KVM_GO_ON;
	case KVM_EXIT_FAIL_ENTRY:
		kvm_say_entry_failure(run, what, sizeof(what));
		return kvm_vcpu_broken(v, what, why);
	default:
		if (kvm_arch_exit(v, why)) {
			return *why == VCPU_EXIT_KICK ? KVM_GO_ON : KVM_LEAVE;
		}
		kvm_say_exit(run, what, sizeof(what));
		return kvm_vcpu_broken(v, what, why);
	}
}

/* EAGAIN: KVM slept for a vCPU that waits for STARTUP, or asks for another try. One that
 * says so for ever must not spin. */
static bool kvm_vcpu_may_retry(struct kvm_vcpu *v)
{
	enum { KVM_AGAIN_FREE = 64, KVM_AGAIN_MAX = 5000 };

	if (++v->n_again > KVM_AGAIN_FREE) {
		usleep(1000);
	}
	return v->n_again < KVM_AGAIN_MAX;
}

static inline enum kvm_next kvm_vcpu_exit(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	uint32_t reason = v->run->exit_reason;

	if (likely(reason == KVM_EXIT_IO)) {
		kvm_vcpu_pio(v);
		return KVM_GO_ON;
	}
	if (likely(reason == KVM_EXIT_MMIO)) {
		kvm_vcpu_mmio(v);
		return KVM_GO_ON;
	}
	return kvm_vcpu_other_exit(v, why);
}

static __cold enum kvm_next kvm_vcpu_no_exit(struct kvm_vcpu *v, int err,
                                             enum vcpu_exit *why)
{
	char what[160];

	if (err == EINTR) {
		v->n_again = 0;
		return KVM_GO_ON;
	}
	if (err == EAGAIN && kvm_vcpu_may_retry(v)) {
		return KVM_GO_ON;
	}
	if (err == EFAULT && kvm_burst_failed(v, why)) {
		return *why == VCPU_EXIT_KICK ? KVM_GO_ON : KVM_LEAVE;
	}
	kvm_say_run_error(err, what, sizeof(what));
	return kvm_vcpu_broken(v, what, why);
}

/* Is there anything for pre_run to do? */
static inline bool kvm_vcpu_asked(struct kvm_vcpu *v)
{
	return unlikely(atomic_load(&v->c->requests)) || v->arch_each_run ||
	       unlikely(v->run->request_interrupt_window);
}

static inline enum kvm_next kvm_vcpu_once(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	int r, err;

	kvm_gate_enter(v);
	r = ioctl(v->fd, KVM_RUN, 0);
	err = likely(r >= 0) ? 0 : errno;
	/* Whoever kicks from here on is seen before the next entry. */
	kvm_gate_leave(v);
	v->io_pending = false;
	v->n_exits++;
	if (v->arch_each_run) {
		kvm_arch_post_run(v);
	}
	gmem_tick();
	kvm_coalesce_flush(v->k);
	if (unlikely(err)) {
		return kvm_vcpu_no_exit(v, err, why);
	}
	v->n_again = 0;
	return kvm_vcpu_exit(v, why);
}

static enum vcpu_exit kvm_vcpu_loop(struct kvm_vcpu *v)
{
	enum vcpu_exit why = VCPU_EXIT_KICK;

	for (;;) {
		__atomic_store_n(&v->run->immediate_exit, 0, __ATOMIC_SEQ_CST);
		if (unlikely(atomic_load(&v->tick))) {
			kvm_hybrid_tick(v);
		}
		if (unlikely(atomic_load(&v->in_fallback))) {
			kvm_arch_before_translator(v);
			why = hv_fallback->vcpu.run(v->c);
			if (why == VCPU_EXIT_HALT && v->no_halt) {
				v->no_halt = false;
				why = VCPU_EXIT_KICK;
			}
			v->halt_exit = why == VCPU_EXIT_HALT;
			return why;
		}
		if (unlikely(atomic_load(&v->c->exit_request))) {
			return VCPU_EXIT_KICK;
		}
		if (kvm_vcpu_asked(v) && !kvm_arch_pre_run(v, &why)) {
			return why;
		}
		if (kvm_vcpu_once(v, &why) == KVM_LEAVE) {
			return why;
		}
	}
}

enum vcpu_exit kvm_vcpu_run(struct vcpu *c)
{
	struct kvm_vcpu *v = c->hv;
	uint64_t *ns = atomic_load(&v->in_fallback) ? &v->tcg_ns : &v->kvm_ns;
	uint64_t since = clock_ns(CLOCK_RT);
	enum vcpu_exit why;

	atomic_store_explicit(&v->run_since, since, memory_order_relaxed);
	why = kvm_vcpu_loop(v);
	atomic_store_explicit(&v->run_since, 0, memory_order_relaxed);
	*ns += clock_ns(CLOCK_RT) - since;
	return why;
}

/* ---- life ---- */

static int kvm_vcpu_open(struct kvm_vcpu *v, struct err *e)
{
	if (v->k->slot_err.text[0]) {
		return err_set(e, -ENOMEM, "%s", v->k->slot_err.text);
	}
	v->fd = kvm_ioctl_n(v->k->vm_fd, KVM_CREATE_VCPU, v->id);
	if (v->fd < 0) {
		return kvm_say_create_vcpu(-v->fd, v->id, e);
	}
	v->run = mmap(NULL, v->k->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd,
	              0);
	if (v->run == MAP_FAILED) {
		v->run = NULL;
		return err_set_errno(e, -errno, "cannot map the run area of vCPU %u",
		                     v->c->index);
	}
	kvm_coalesce_vcpu_init(v);
	return kvm_dirty_vcpu_init(v, e);
}

static void kvm_vcpu_close(struct kvm_vcpu *v)
{
	kvm_dirty_vcpu_fini(v);
	if (v->run) {
		munmap(v->run, v->k->run_size);
	}
	if (v->fd >= 0) {
		close(v->fd);
	}
	free(v);
}

/* KVM does not destroy a vCPU before the VM: what is needed to run it waits for the next
 * one of the same id. */
static void kvm_vcpu_park(struct kvm_vcpu *v)
{
	kvm_hybrid_vcpu_fini(v);
	kvm_arch_vcpu_fini(v);
	if (!v->run) { /* it did not come that far */
		kvm_vcpu_close(v);
		return;
	}
	kvm_dirty_ring_full(v);
	LOCK_SCOPE(&v->k->mem_lk);
	v->next_parked = v->k->parked;
	v->k->parked = v;
}

static struct kvm_vcpu *kvm_vcpu_unpark(struct kvm *k, unsigned long id)
{
	enum { REST = offsetof(struct kvm_vcpu, reused) + sizeof(bool) };
	LOCK_SCOPE(&k->mem_lk);

	for (struct kvm_vcpu **p = &k->parked; *p; p = &(*p)->next_parked) {
		struct kvm_vcpu *v = *p;

		if (v->id == id) {
			*p = v->next_parked;
			v->next_parked = NULL;
			memset((char *)v + REST, 0, sizeof(*v) - REST);
			v->reused = true;
			return v;
		}
	}
	return NULL;
}

void kvm_vcpu_free_parked(struct kvm *k)
{
	while (k->parked) {
		struct kvm_vcpu *v = k->parked;

		k->parked = v->next_parked;
		kvm_vcpu_close(v);
	}
}

static struct kvm_vcpu *kvm_vcpu_new(struct kvm *k, unsigned long id)
{
	struct kvm_vcpu *v = kvm_vcpu_unpark(k, id);

	if (!v) {
		v = calloc(1, sizeof(*v));
		if (!v) {
			return NULL;
		}
		v->k = k;
		v->id = id;
		v->fd = -1;
	}
	v->stats_fd = -1;
	v->n_again = 0;
	v->io_pending = false;
	atomic_store(&v->tid, (int)gettid());
	return v;
}

int kvm_vcpu_init(struct vcpu *c, struct err *e)
{
	struct kvm *k = c->vm->hv_priv;
	struct kvm_vcpu *v = kvm_vcpu_new(k, kvm_arch_vcpu_id(c));
	int r;

	if (!v) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	v->c = c;
	r = c->index == 0 ? kvm_check_vcpus(k, e) : 0;
	r = r < 0 || v->reused ? r : kvm_vcpu_open(v, e);
	r = r < 0 ? r : kvm_arch_vcpu_init(v, e);
	r = r < 0 ? r : kvm_mem_add_vcpu(v, e);
	if (r >= 0) {
		c->hv = v;
		kvm_vcpu_this = v;
		r = kvm_hybrid_vcpu_init(v, e);
	}
	if (r < 0) {
		kvm_vcpu_this = NULL;
		c->hv = NULL;
		kvm_mem_del_vcpu(v);
		kvm_vcpu_park(v);
	}
	return r;
}

void kvm_vcpu_fini(struct vcpu *c)
{
	struct kvm_vcpu *v = c->hv;

	if (!v) {
		return;
	}
	kvm_vcpu_this = NULL;
	c->hv = NULL;
	kvm_mem_del_vcpu(v);
	kvm_vcpu_park(v);
}
