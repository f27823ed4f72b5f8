/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vcpu-plug.c - a vCPU comes to a machine that runs, or leaves it. See vm.h on what other
 * threads may look at meanwhile.
 *
 * Nobody waits: the others run on. The new one is out of their sight (interrupt messages
 * pass it by) until it is `present`, which is the last step; leaving is the first.
 *
 * Threads: control. The new thread is started by it, sandbox or not: see docs/decisions.md.
 */
#include "config.h"

#include "core/cpu/arch.h"
#include "core/vm-internal.h"
#include "core/vm.h"

struct plug_job {
	struct err *e;
	int ret;
};

static void plug_push(struct vcpu *c, void *opaque)
{
	struct plug_job *j = opaque;

	j->ret = vcpu_push_state(c, j->e);
}

static int plug_start(struct vcpu *c, struct err *e)
{
	struct plug_job j = { .e = e };
	struct vcpu_start s;
	int r;

	gmem_offline(); /* a thread of the accelerator's may need us out of the way */
	vcpu_start_begin(c, &s, e);
	r = vcpu_start_done(&s);
	gmem_online();
	if (r < 0) {
		return r;
	}
	vcpu_run_on_sync(c, plug_push, &j);
	if (j.ret < 0) {
		vm_unplug_vcpu(c);
	}
	return j.ret;
}

int vm_plug_vcpu(struct vcpu *c, struct err *e)
{
	struct vm *vm = c->vm;
	int r;

	role_assert(ROLE_CONTROL);
	lk_acquire(&vm->lk);
	c->stop = true;
	c->stopped = c->held = false;
	lk_release(&vm->lk);
	atomic_store(&c->requests, 0);
	atomic_store(&c->dirty_pages, 0);
	c->halted = c->exclusive_in_run = false;
	if (vm->arch->reset) {
		vm->arch->reset(c);
	}
	if (vm->arch->plug) {
		vm->arch->plug(c);
	}
	r = plug_start(c, e);
	if (r < 0) {
		return r;
	}
	lk_acquire(&vm->lk);
	c->stop = !vm_is_running(vm);
	lk_release(&vm->lk);
	atomic_store(&c->present, true);
	vcpu_kick(c);
	return 0;
}

void vm_unplug_vcpu(struct vcpu *c)
{
	role_assert(ROLE_CONTROL);
	atomic_store(&c->present, false);
	atomic_store(&c->unplug, true);
	vcpu_kick(c);
	gmem_offline();
	role_thread_join(&c->thread);
	gmem_online();
	atomic_store(&c->unplug, false);
}
