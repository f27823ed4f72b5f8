/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.c - the virtual machine's run state; see vm.h. vCPU threads are in vcpu.c.
 *
 * Requests (shutdown, reset, ...) are bits that any thread sets; the first one
 * posts vm_handle_requests() to the control loop, which alone changes the state.
 *
 * Reset order: devices, vCPUs, then the hooks (a boot loader's hook may set vCPU
 * registers), then the state is pushed to the accelerator.
 */
#include "config.h"

#include "core/vm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/clock.h"
#include "core/cpu/arch.h"
#include "core/device.h"
#include "core/loop.h"
#include "core/vm-internal.h"

/* ORDER: enum run_state */
static const char *const run_state_names[] = {
	"prelaunch",      "running",    "paused",    "debug",          "shutdown",
	"internal-error", "io-error",   "inmigrate", "postmigrate",    "finish-migrate",
	"save-vm",        "restore-vm", "watchdog",  "guest-panicked",
};
_Static_assert(ARRAY_LEN(run_state_names) == RUN_STATE_N, "a name for each state");

/* ORDER: enum vm_cause */
static const char *const vm_cause_names[] = {
	"none",        "host-error", "host-qmp-quit",  "host-qmp-system-reset",
	"host-signal", "host-ui",    "guest-shutdown", "guest-reset",
	"guest-panic",
};
_Static_assert(ARRAY_LEN(vm_cause_names) == CAUSE_N, "a name for each cause");

enum vm_req {
	VM_REQ_SHUTDOWN = BIT(0),
	VM_REQ_RESET = BIT(1),
	VM_REQ_POWERDOWN = BIT(2),
	VM_REQ_STOP = BIT(3),
	VM_REQ_EXIT = BIT(4),
	VM_REQ_STATE_SHIFT = 8, /* VM_REQ_STOP: the state to stop into */
	VM_REQ_STATE_MASK = 0xff00,
};

struct vm_reset_hook {
	void (*fn)(void *);
	void *opaque;
	struct list link;
};

const char *run_state_name(enum run_state s)
{
	return (unsigned)s < RUN_STATE_N ? run_state_names[s] : "?";
}

const char *vm_cause_name(enum vm_cause c)
{
	return (unsigned)c < CAUSE_N ? vm_cause_names[c] : "?";
}

/* ---- life ---- */

static void vm_kick_all(void *opaque)
{
	struct vm *vm = opaque;
	struct vcpu *c;

	vm_for_each_vcpu (vm, c) {
		vcpu_kick(c);
	}
}

struct vm *vm_new(const struct guest_arch *arch, const struct hv_ops *hv)
{
	struct vm *vm = calloc(1, sizeof(*vm));

	if (!vm) {
		return NULL;
	}
	vm->arch = arch;
	vm->hv = hv;
	vm->state = RUN_PRELAUNCH;
	lk_init(&vm->lk, RANK_VM, "vm");
	vm->stopped_cond = (struct lk_cond){ 0 };
	list_init(&vm->listeners);
	list_init(&vm->reset_hooks);
	mr_init_container(&vm->mem_root, "memory", UINT64_MAX);
	mr_init_container(&vm->io_root, "io", 65536);
	aspace_init(&vm->mem, "memory", &vm->mem_root);
	aspace_init(&vm->io, "io", &vm->io_root);
	gmem_set_kick_hook(vm_kick_all, vm);
	return vm;
}

void vm_free(struct vm *vm)
{
	struct vm_reset_hook *h, *tmp;

	if (!vm) {
		return;
	}
	vm_end_vcpus(vm);
	gmem_set_kick_hook(NULL, NULL);
	list_for_each_safe (h, tmp, &vm->reset_hooks, link) {
		free(h);
	}
	aspace_fini(&vm->mem);
	aspace_fini(&vm->io);
	lk_fini(&vm->lk);
	free(vm->vcpus);
	free(vm->name);
	free(vm);
}

/* ---- listeners ---- */

void vm_add_listener(struct vm *vm, struct vm_listener *l)
{
	list_add_tail(&vm->listeners, &l->link);
}

void vm_del_listener(struct vm *vm __unused, struct vm_listener *l)
{
	list_del(&l->link);
}

void vm_notify(struct vm *vm, enum vm_event ev, int arg)
{
	struct vm_listener *l, *tmp;

	list_for_each_safe (l, tmp, &vm->listeners, link) {
		l->fn(l, ev, arg);
	}
}

/* ---- run state ---- */

void vm_set_state(struct vm *vm, enum run_state s)
{
	role_assert(ROLE_CONTROL);
	if (vm->state != s) {
		vm->state = s;
		vm_notify(vm, VM_EV_RUN_STATE, (int)s);
	}
}

bool vm_is_running(const struct vm *vm)
{
	return vm->state == RUN_RUNNING;
}

/* vCPUs go; the state is the caller's business. */
static void vm_vcpus_go(struct vm *vm)
{
	lk_acquire(&vm->lk);
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		vm->vcpus[i]->stop = false;
	}
	lk_release(&vm->lk);
	vm_kick_all(vm);
}

/* Returns when every vCPU, told to by `stop` or `held`, is out of guest code and waits. */
static void vm_vcpus_wait(struct vm *vm)
{
	vm_kick_all(vm);
	gmem_offline();
	lk_acquire(&vm->lk);
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		struct vcpu *c = vm->vcpus[i];

		while (atomic_load(&c->online) && !c->stopped) {
			lk_cond_wait(&vm->stopped_cond, &vm->lk);
		}
	}
	lk_release(&vm->lk);
	gmem_online();
}

static void vm_vcpus_halt(struct vm *vm)
{
	lk_acquire(&vm->lk);
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		vm->vcpus[i]->stop = true;
	}
	lk_release(&vm->lk);
	vm_vcpus_wait(vm);
}

static void vm_set_held(struct vm *vm, bool held)
{
	role_assert(ROLE_CONTROL);
	LOCK_SCOPE(&vm->lk);
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		vm->vcpus[i]->held = held;
	}
}

void vm_hold_vcpus(struct vm *vm)
{
	vm_set_held(vm, true);
	vm_vcpus_wait(vm);
}

void vm_release_vcpus(struct vm *vm)
{
	vm_set_held(vm, false);
	vm_kick_all(vm);
}

void vm_cont(struct vm *vm)
{
	role_assert(ROLE_CONTROL);
	if (vm_is_running(vm)) {
		return;
	}
	clock_vm_enable(true);
	vm_set_state(vm, RUN_RUNNING);
	vm_notify(vm, VM_EV_RESUME, 0);
	vm_vcpus_go(vm);
}

static void vm_stop_quietly(struct vm *vm, enum run_state into, bool tell)
{
	bool was = vm_is_running(vm);

	role_assert(ROLE_CONTROL);
	vm_vcpus_halt(vm);
	clock_vm_enable(false);
	vm_set_state(vm, into);
	if (was && tell) {
		vm_notify(vm, VM_EV_STOP, 0);
	}
}

void vm_stop(struct vm *vm, enum run_state into)
{
	vm_stop_quietly(vm, into, true);
}

/* ---- reset ---- */

void vm_add_reset(struct vm *vm, void (*fn)(void *), void *opaque)
{
	struct vm_reset_hook *h = calloc(1, sizeof(*h));

	if (!h) {
		abort();
	}
	h->fn = fn;
	h->opaque = opaque;
	list_add_tail(&vm->reset_hooks, &h->link);
}

void vm_del_reset(struct vm *vm, void (*fn)(void *), void *opaque)
{
	struct vm_reset_hook *h, *tmp;

	list_for_each_safe (h, tmp, &vm->reset_hooks, link) {
		if (h->fn == fn && h->opaque == opaque) {
			list_del(&h->link);
			free(h);
		}
	}
}

int vcpu_push_state(struct vcpu *c, struct err *e)
{
	const struct hv_ops *hv = c->vm->hv;

	return hv->vcpu.state_push ? hv->vcpu.state_push(c, e) : 0;
}

static void vm_push_vcpu(struct vcpu *c, void *opaque __unused)
{
	struct err e = ERR_INIT;

	if (vcpu_push_state(c, &e)) {
		log_error("reset of vCPU %u: %s", c->index, e.text);
	}
}

void vm_reset(struct vm *vm, enum vm_cause why)
{
	struct vm_reset_hook *h, *tmp;
	struct vcpu *c;

	role_assert(ROLE_CONTROL);
	vm_vcpus_halt(vm);
	if (vm->chips_reset) {
		vm->chips_reset(vm, false);
	}
	device_reset_all(vm);
	vm_for_each_vcpu (vm, c) {
		atomic_store(&c->requests, 0);
		c->halted = false;
		if (vm->arch->reset) {
			vm->arch->reset(c);
		}
	}
	list_for_each_safe (h, tmp, &vm->reset_hooks, link) {
		h->fn(h->opaque);
	}
	if (vm->chips_reset) {
		vm->chips_reset(vm, true);
	}
	vm_for_each_vcpu (vm, c) {
		vcpu_run_on_sync(c, vm_push_vcpu, NULL);
	}
	if (why != CAUSE_NONE) {
		vm_notify(vm, VM_EV_RESET, (int)why);
	}
	if (vm_is_running(vm)) {
		vm_vcpus_go(vm);
	} else if (vm->state != RUN_INMIGRATE && vm->state != RUN_FINISH_MIGRATE &&
	           why != CAUSE_NONE) {
		vm_set_state(vm, RUN_PRELAUNCH); /* what needed the reset is over */
	}
}

/* ---- requests ---- */

static void vm_do_shutdown(struct vm *vm, enum vm_cause why)
{
	bool stay = vm->no_shutdown && why != CAUSE_HOST_QMP_QUIT &&
	            why != CAUSE_HOST_SIGNAL;

	vm_notify(vm, VM_EV_SHUTDOWN, (int)why);
	vm_stop_quietly(vm, RUN_SHUTDOWN, stay);
	if (!stay) {
		atomic_store(&vm->wants_quit, true);
		if (vm->loop) {
			loop_stop(vm->loop);
		}
	}
}

static void vm_handle_requests(void *opaque)
{
	struct vm *vm = opaque;
	uint32_t req = atomic_exchange(&vm->req, 0);
	enum vm_cause shut = (enum vm_cause)atomic_exchange(&vm->req_cause, CAUSE_NONE);
	enum vm_cause reset =
		(enum vm_cause)atomic_exchange(&vm->req_reset_cause, CAUSE_NONE);

	if (req & VM_REQ_EXIT) {
		vm_do_shutdown(vm, CAUSE_HOST_QMP_QUIT);
		return;
	}
	if (req & VM_REQ_STOP) {
		vm_stop(vm, (enum run_state)((req & VM_REQ_STATE_MASK) >>
		                             VM_REQ_STATE_SHIFT));
	}
	if ((req & VM_REQ_RESET) && vm->no_reboot && vm_cause_is_guest(reset)) {
		req = (req & ~(uint32_t)VM_REQ_RESET) | VM_REQ_SHUTDOWN;
		shut = shut ? shut : reset;
	}
	if (req & VM_REQ_SHUTDOWN) {
		vm_do_shutdown(vm, shut);
		return;
	}
	if (req & VM_REQ_RESET) {
		vm_reset(vm, reset);
	}
	if (req & VM_REQ_POWERDOWN) {
		vm_notify(vm, VM_EV_POWERDOWN, 0);
	}
}

static void vm_request(struct vm *vm, uint32_t bits)
{
	if (!atomic_fetch_or(&vm->req, bits) && vm->loop) {
		loop_post(vm->loop, vm_handle_requests, vm);
	}
}

/* The first cause is the one that is told. */
static void vm_note_cause(_Atomic int *slot, enum vm_cause why)
{
	int none = CAUSE_NONE;

	atomic_compare_exchange_strong(slot, &none, (int)why);
}

void vm_request_shutdown(struct vm *vm, enum vm_cause why)
{
	vm_note_cause(&vm->req_cause, why);
	vm_request(vm, VM_REQ_SHUTDOWN);
}

void vm_request_reset(struct vm *vm, enum vm_cause why)
{
	vm_note_cause(&vm->req_reset_cause, why);
	vm_request(vm, VM_REQ_RESET);
}

void vm_request_powerdown(struct vm *vm)
{
	vm_request(vm, VM_REQ_POWERDOWN);
}

void vm_request_stop(struct vm *vm, enum run_state into)
{
	uint32_t req = atomic_load(&vm->req), want;

	/* Of two stop requests the later state wins. */
	do {
		want = (req & ~(uint32_t)VM_REQ_STATE_MASK) | VM_REQ_STOP |
		       (uint32_t)into << VM_REQ_STATE_SHIFT;
	} while (!atomic_compare_exchange_weak(&vm->req, &req, want));
	if (!req && vm->loop) {
		loop_post(vm->loop, vm_handle_requests, vm);
	}
}

void vm_request_exit(struct vm *vm, int code)
{
	vm->exit_code = code;
	vm_request(vm, VM_REQ_EXIT);
}
