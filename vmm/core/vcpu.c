/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu.c - vCPU threads: the run loop, requests, work lists, exclusive sections.
 *
 * No wake-up is lost, and no lock is needed to wake (a device raises a line with
 * locks of any rank held):
 *
 *   sleeper                          waker
 *   sleeping = true                  publish (request bit, work, exit_request)
 *   seq = wake_seq                   wake_seq++
 *   nothing to do? (looks at all)    sleeping? -> futex wake
 *   futex_wait(wake_seq == seq)
 *
 * All of it is sequentially consistent. If the sleeper does not see what was
 * published, the publication comes after its look, so wake_seq++ comes after its
 * read of wake_seq and the futex does not sleep, or sleeps and is woken.
 *
 * Entering guest code follows the same pattern: the thread sets `running` and
 * then run() looks at exit_request and requests; who publishes looks at `running`
 * afterwards and calls the accelerator's kick. run() has to look at both after it
 * was entered.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/pages.h"
#include "core/cpu/arch.h"
#include "core/futex.h"
#include "core/lock-stat.h"
#include "core/vm-internal.h"
#include "core/vm.h"

struct vcpu_work {
	struct vcpu_work *next;
	void (*fn)(struct vcpu *, void *);
	void *opaque;
	_Atomic uint32_t
		*done; /* futex of a synchronous caller, on its stack; NULL: heap */
};

const struct hv_ops *hv_fallback;

static __thread struct vcpu *vcpu_this;

struct vcpu *vcpu_self(void)
{
	return vcpu_this;
}

/* ---- waking ---- */

static void vcpu_wake(struct vcpu *c)
{
	atomic_fetch_add(&c->wake_seq, 1);
	if (atomic_load(&c->sleeping)) {
		futex_wake_all(&c->wake_seq);
	}
}

void vcpu_kick(struct vcpu *c)
{
	const struct hv_ops *hv = c->vm->hv;

	atomic_store(&c->exit_request, true);
	if (atomic_load(&c->running) && hv->vcpu.kick) {
		hv->vcpu.kick(c);
	}
	vcpu_wake(c);
}

void vcpu_request(struct vcpu *c, uint32_t bits)
{
	const struct hv_ops *hv = c->vm->hv;

	atomic_fetch_or(&c->requests, bits);
	if (atomic_load(&c->running)) {
		if (hv->vcpu.request) {
			hv->vcpu.request(c);
		} else if (hv->vcpu.kick) {
			hv->vcpu.kick(c);
		}
	}
	if (c != vcpu_this) {
		vcpu_wake(c);
	}
}

void vcpu_clear_request(struct vcpu *c, uint32_t bits)
{
	atomic_fetch_and(&c->requests, ~bits);
}

/* ---- work lists ---- */

static void vcpu_push_work(struct vcpu *c, struct vcpu_work *w)
{
	struct vcpu_work *head = atomic_load(&c->work);

	do {
		w->next = head;
	} while (!atomic_compare_exchange_weak(&c->work, &head, w));
	vcpu_kick(c);
}

static void vcpu_do_work(struct vcpu *c)
{
	struct vcpu_work *w = atomic_exchange(&c->work, NULL), *rev = NULL;

	while (w) {
		struct vcpu_work *next = w->next;

		w->next = rev;
		rev = w;
		w = next;
	}
	while (rev) {
		struct vcpu_work *next = rev->next;
		_Atomic uint32_t *done = rev->done;

		rev->fn(c, rev->opaque);
		if (done) {
			atomic_store(done, 1);
			futex_wake_all(
				done); /* rev and done may be gone: only an address */
		} else {
			free(rev);
		}
		rev = next;
	}
}

/* Its thread may have ended between a look at `online` and the push. Whoever comes second
 * (the thread clears `online`, then looks for work) does the work. */
static void vcpu_work_if_gone(struct vcpu *c)
{
	if (unlikely(!atomic_load(&c->online))) {
		vcpu_do_work(c);
	}
}

/* No thread: it has none yet, and the control thread is alone with it, or it is gone, and
 * there is nothing to do on it. */
static void vcpu_do_now(struct vcpu *c, void (*fn)(struct vcpu *, void *), void *opaque)
{
	if (atomic_load(&c->present)) {
		fn(c, opaque);
	}
}

void vcpu_run_on(struct vcpu *c, void (*fn)(struct vcpu *, void *), void *opaque)
{
	struct vcpu_work *w;

	if (!atomic_load(&c->online)) {
		vcpu_do_now(c, fn, opaque);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		abort(); /* dropping work would lose a TLB flush */
	}
	w->fn = fn;
	w->opaque = opaque;
	vcpu_push_work(c, w);
	vcpu_work_if_gone(c);
}

static void vcpu_leave_guest(struct vcpu *c)
{
	struct vm *vm = c->vm;

	atomic_store(&c->running, false);
	if (atomic_load(&vm->exclusive)) {
		LOCK_SCOPE(&vm->lk);
		lk_cond_broadcast(&vm->stopped_cond);
	}
}

/* Sets `running`, after an exclusive section of another thread if there is one. */
static void vcpu_enter_guest(struct vcpu *c)
{
	struct vm *vm = c->vm;
	uint64_t since;

	for (;;) {
		atomic_store(&c->running, true);
		if (likely(!atomic_load(&vm->exclusive))) {
			return;
		}
		vcpu_leave_guest(c);
		since = lock_stat_now();
		gmem_offline();
		lk_acquire(&vm->lk);
		while (atomic_load(&vm->exclusive)) {
			lk_cond_wait(&vm->stopped_cond, &vm->lk);
		}
		lk_release(&vm->lk);
		gmem_online();
		lock_stat_waited("(another's exclusive section)", since);
	}
}

void vcpu_run_on_sync(struct vcpu *c, void (*fn)(struct vcpu *, void *), void *opaque)
{
	_Atomic uint32_t done = 0;
	struct vcpu_work w = { .fn = fn, .opaque = opaque, .done = &done };
	struct vcpu *self = vcpu_this;
	uint64_t since;
	bool was_running;

	if (c == self) {
		fn(c, opaque);
		return;
	}
	if (!atomic_load(&c->online)) {
		vcpu_do_now(c, fn, opaque);
		return;
	}
	vcpu_push_work(c, &w);
	vcpu_work_if_gone(c);
	if (!self) {
		gmem_offline();
		while (!atomic_load(&done)) {
			futex_wait(&done, 0, 0);
		}
		gmem_online();
		return;
	}
	/* Two vCPUs may wait for each other: each does its own work meanwhile. */
	since = lock_stat_now();
	was_running = atomic_load(&self->running);
	if (was_running) {
		vcpu_leave_guest(self);
	}
	while (!atomic_load(&done)) {
		vcpu_do_work(self);
		gmem_offline();
		futex_wait(&done, 0, 1000000);
		gmem_online();
	}
	lock_stat_waited("(work on another vCPU)", since);
	if (was_running) {
		vcpu_enter_guest(self);
		if (self->vm->hv->vcpu.kick) {
			self->vm->hv->vcpu.kick(
				self); /* what came while `running` was off */
		}
	}
}

/* ---- exclusive sections ---- */

/* One at a time; who waits for its turn counts as out of guest code. */
static void vm_exclusive_begin(struct vm *vm)
{
	struct vcpu *c;

	lk_acquire(&vm->lk);
	while (atomic_load(&vm->exclusive)) {
		lk_cond_wait(&vm->stopped_cond, &vm->lk);
	}
	atomic_store(&vm->exclusive, true);
	lk_release(&vm->lk);
	/* One that is plugged in after these looks sees `exclusive` before it runs. */
	vm_for_each_vcpu (vm, c) {
		if (c != vcpu_this && atomic_load(&c->running)) {
			vcpu_kick(c);
		}
	}
	lk_acquire(&vm->lk);
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		c = vm->vcpus[i];
		while (c != vcpu_this && atomic_load(&c->running)) {
			lk_cond_wait(&vm->stopped_cond, &vm->lk);
		}
	}
	lk_release(&vm->lk);
}

void vm_exclusive_enter(struct vm *vm)
{
	struct vcpu *self = vcpu_this;
	bool was_running = self && atomic_load(&self->running);

	if (was_running) {
		vcpu_leave_guest(self);
		self->exclusive_in_run = true;
	}
	gmem_offline();
	vm_exclusive_begin(vm);
	gmem_online();
}

void vm_exclusive_leave(struct vm *vm)
{
	struct vcpu *self = vcpu_this;

	lk_acquire(&vm->lk);
	atomic_store(&vm->exclusive, false);
	lk_cond_broadcast(&vm->stopped_cond);
	lk_release(&vm->lk);
	if (self && self->exclusive_in_run) {
		self->exclusive_in_run = false;
		vcpu_enter_guest(self);
		if (vm->hv->vcpu.kick && (atomic_load(&self->exit_request) ||
		                          atomic_load(&self->requests))) {
			vm->hv->vcpu.kick(self);
		}
	}
}

void vm_exclusive(struct vm *vm, void (*fn)(void *), void *opaque)
{
	vm_exclusive_enter(vm);
	fn(opaque);
	vm_exclusive_leave(vm);
}

/* ---- the run loop ---- */

static bool vcpu_has_work(struct vcpu *c)
{
	const struct guest_arch *arch = c->vm->arch;

	return arch->has_work ? arch->has_work(c) : atomic_load(&c->requests) != 0;
}

/* Sleeps until something may have changed. `stopped`: interrupts do not count. */
static void vcpu_sleep(struct vcpu *c, bool stopped)
{
	uint32_t seq;

	atomic_store(&c->sleeping, true);
	seq = atomic_load(&c->wake_seq);
	if (!atomic_load(&c->exit_request) && !atomic_load(&c->work) &&
	    (stopped || !vcpu_has_work(c))) {
		gmem_offline();
		futex_wait(&c->wake_seq, seq, 0);
		gmem_online();
	}
	atomic_store(&c->sleeping, false);
}

/* May guest code run? Tells vm_stop() when not. */
static bool vcpu_may_run(struct vcpu *c)
{
	struct vm *vm = c->vm;

	LOCK_SCOPE(&vm->lk);
	if (!c->stop && !c->held) {
		c->stopped = false;
		return true;
	}
	if (!c->stopped) {
		c->stopped = true;
		lk_cond_broadcast(&vm->stopped_cond);
	}
	return false;
}

/* The vCPU stops by itself; the control thread makes it official. */
static void vcpu_stop_self(struct vcpu *c)
{
	LOCK_SCOPE(&c->vm->lk);
	c->stop = true;
}

static void vcpu_after_run(struct vcpu *c, enum vcpu_exit why)
{
	switch (why) {
	case VCPU_EXIT_KICK: break;
	case VCPU_EXIT_HALT: c->halted = true; break;
	case VCPU_EXIT_DEBUG:
		vcpu_stop_self(c);
		vm_request_stop(c->vm, RUN_DEBUG);
		break;
	case VCPU_EXIT_SHUTDOWN:
		vcpu_stop_self(c);
		vm_request_reset(c->vm, CAUSE_GUEST_RESET);
		break;
	case VCPU_EXIT_ERROR:
		vcpu_stop_self(c);
		vm_request_stop(c->vm, RUN_INTERNAL_ERROR);
		break;
	}
}

static void vcpu_loop(struct vcpu *c)
{
	const struct hv_ops *hv = c->vm->hv;
	struct err e = ERR_INIT;

	while (!atomic_load(&c->unplug)) {
		enum vcpu_exit why;

		if (role_seal_self(&e)) {
			log_error("%s", e.text);
			abort(); /* never run on without the filter */
		}
		atomic_store(&c->exit_request, false);
		vcpu_do_work(c);
		gmem_quiescent();
		if (!vcpu_may_run(c)) {
			vcpu_sleep(c, true);
			continue;
		}
		if (c->halted) {
			if (!vcpu_has_work(c)) {
				vcpu_sleep(c, false);
				continue;
			}
			c->halted = false;
		}
		vcpu_enter_guest(c);
		why = hv->vcpu.run(c);
		vcpu_leave_guest(c);
		vcpu_after_run(c, why);
	}
}

static void vcpu_kick_opaque(void *opaque)
{
	vcpu_kick(opaque);
}

enum { VCPU_START_MAX = 8 };

static void *vcpu_thread(void *arg)
{
	struct vcpu_start *s = arg;
	struct vcpu *c = s->c;
	const struct hv_ops *hv = c->vm->hv;
	int ret;

	vcpu_this = c;
	log_thread_never_blocks();
	gmem_thread_register();
	ret = hv->vcpu.init ? hv->vcpu.init(c, s->e) : 0;
	s->ret = ret;
	if (!ret) {
		role_set_wake(vcpu_kick_opaque, c);
		atomic_store(&c->online, true);
	}
	atomic_store(&s->done, 1);
	futex_wake_all(&s->done); /* s is gone from here on */
	if (!ret) {
		vcpu_loop(c);
		role_set_wake(NULL, NULL);
		atomic_store(&c->online, false); /* see vcpu_work_if_gone() */
		vcpu_do_work(c);
		if (hv->vcpu.fini) {
			hv->vcpu.fini(c);
		}
	}
	gmem_thread_unregister();
	vcpu_this = NULL;
	return NULL;
}

/* ---- life ---- */

static size_t vcpu_arch_room(const struct vm *vm)
{
	return CPU_HEADROOM + ALIGN_UP(vm->arch->state_size, (size_t)4096);
}

/* vcpus[] never moves: others read it. */
static int vcpu_make_room(struct vm *vm, struct err *e)
{
	if (!vm->vcpus) {
		vm->vcpus = calloc(vm_vcpu_room(vm), sizeof(struct vcpu *));
	}
	if (!vm->vcpus) {
		return err_set(e, -ENOMEM, "no memory for %u vCPUs", vm_vcpu_room(vm));
	}
	if (vm->n_vcpus >= vm_vcpu_room(vm)) {
		return err_set(e, -ENOSPC, "this machine has room for %u vCPUs",
		               vm_vcpu_room(vm));
	}
	return 0;
}

int vm_make_slot(struct vm *vm, struct vcpu **out, struct err *e)
{
	struct vcpu *c;
	unsigned n = vm->n_vcpus;
	uint8_t *p;
	int r = vcpu_make_room(vm, e);

	if (r < 0) {
		return r;
	}
	c = calloc(1, sizeof(*c));
	p = pages_map(vcpu_arch_room(vm));
	if (!c || !p || asprintf(&c->qom_path, "/machine/unattached/cpu[%u]", n) < 0) {
		if (p) {
			munmap(p, vcpu_arch_room(vm));
		}
		free(c);
		return err_set_errno(e, -ENOMEM, "cannot add vCPU %u", n);
	}
	c->vm = vm;
	c->index = n;
	c->arch = p + CPU_HEADROOM;
	c->stop = true;
	vm->vcpus[n] = c;
	atomic_store(&vm->n_vcpus, n + 1); /* publishes it */
	*out = c;
	return 0;
}

int vm_add_vcpu(struct vm *vm, struct vcpu **out, struct err *e)
{
	int r = vm_make_slot(vm, out, e);

	if (r >= 0) {
		atomic_store(&(*out)->present, true);
	}
	return r;
}

struct vcpu *vm_vcpu_next(const struct vm *vm, unsigned *i)
{
	unsigned n = atomic_load_explicit(&vm->n_vcpus, memory_order_acquire);

	while (*i < n) {
		struct vcpu *c = vm->vcpus[(*i)++];

		if (atomic_load(&c->present)) {
			return c;
		}
	}
	return NULL;
}

unsigned vm_present_vcpus(const struct vm *vm)
{
	struct vcpu *c;
	unsigned n = 0;

	vm_for_each_vcpu (vm, c) {
		n++;
	}
	return n;
}

void vcpu_start_begin(struct vcpu *c, struct vcpu_start *s, struct err *e)
{
	char name[16];

	*s = (struct vcpu_start){ .c = c, .e = e };
	snprintf(name, sizeof(name), "CPU %u/%.4s", c->index % 10000, c->vm->hv->name);
	s->no_thread =
		role_thread_start(&c->thread, ROLE_VCPU, name, vcpu_thread, s, e);
}

/* 0, or what went wrong; the thread has ended then. */
int vcpu_start_done(struct vcpu_start *s)
{
	if (s->no_thread) {
		return s->no_thread;
	}
	while (!atomic_load(&s->done)) {
		futex_wait(&s->done, 0, 0);
	}
	if (s->ret) {
		role_thread_join(&s->c->thread);
	}
	return s->ret;
}

/* vCPUs [from, to) at the same time: an accelerator takes its time to make one. The error is
 * that of the first that failed; the others stay. */
static int vcpu_start_some(struct vm *vm, unsigned from, unsigned to, struct err *e)
{
	struct vcpu_start s[VCPU_START_MAX];
	struct err errs[VCPU_START_MAX];
	int ret = 0;

	for (unsigned i = from; i < to; i++) {
		struct vcpu_start *one = &s[i - from];
		struct vcpu *c = vm->vcpus[i];

		errs[i - from] = (struct err)ERR_INIT;
		if (atomic_load(&c->online) || !atomic_load(&c->present)) {
			*one = (struct vcpu_start){ .done = 1 };
			continue;
		}
		vcpu_start_begin(c, one, &errs[i - from]);
	}
	for (unsigned i = from; i < to; i++) {
		struct vcpu_start *one = &s[i - from];
		int r = vcpu_start_done(one);

		if (r && !ret) {
			*e = errs[i - from];
			ret = err_prefix(e, r, "vCPU %u", i);
		}
	}
	return ret;
}

int vm_start_vcpus(struct vm *vm, struct err *e)
{
	int ret = 0;

	/* The first one alone: what it finds out concerns all. */
	for (unsigned from = 0, n = 1; !ret && from < vm->n_vcpus; from += n) {
		n = from ? MIN(vm->n_vcpus - from, (unsigned)VCPU_START_MAX) : 1;
		ret = vcpu_start_some(vm, from, from + n, e);
	}
	return ret;
}

void vm_end_vcpus(struct vm *vm)
{
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		struct vcpu *c = vm->vcpus[i];

		if (atomic_load(&c->online)) {
			atomic_store(&c->unplug, true);
			vcpu_kick(c);
			role_thread_join(&c->thread);
			atomic_store(&c->online, false);
		}
	}
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		struct vcpu *c = vm->vcpus[i];

		munmap((uint8_t *)c->arch - CPU_HEADROOM, vcpu_arch_room(vm));
		free(c->qom_path);
		free(c->id);
		free(c);
	}
	vm->n_vcpus = 0;
}
