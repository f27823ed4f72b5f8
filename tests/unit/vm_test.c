/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm_test.c - run state, vCPU threads, requests and wake-ups, with an accelerator
 * whose guest code is a C function.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/clock.h"
#include "core/cpu/arch.h"
#include "core/loop.h"
#include "core/vm.h"
#include "unit.h"

enum { MOCK_SPIN, MOCK_HALT, MOCK_SHUTDOWN, MOCK_DEBUG, MOCK_ERROR };

struct mock_cpu {
	_Atomic int mode;
	_Atomic uint64_t ran, halts, taken, resets, pushes;
	_Atomic bool kicked, inside;
};

static struct mock_cpu *mock(struct vcpu *c)
{
	return c->arch;
}

static void mock_reset(struct vcpu *c)
{
	atomic_fetch_add(&mock(c)->resets, 1);
	atomic_store(&mock(c)->mode, MOCK_SPIN);
}

static bool mock_has_work(struct vcpu *c)
{
	return atomic_load(&c->requests) & 1;
}

static const struct guest_arch mock_arch = {
	.name = "mock",
	.state_size = sizeof(struct mock_cpu),
	.reset = mock_reset,
	.has_work = mock_has_work,
};

static int mock_fail_init;

static int mock_init(struct vcpu *c, struct err *e)
{
	if (mock_fail_init && c->index == 1) {
		return err_set(e, -ENODEV, "no such vCPU");
	}
	ck_assert_ptr_eq(vcpu_self(), c);
	ck_assert_int_eq(role_current(), ROLE_VCPU);
	return 0;
}

static enum vcpu_exit mock_run(struct vcpu *c)
{
	struct mock_cpu *m = mock(c);
	enum vcpu_exit why = VCPU_EXIT_KICK;

	atomic_store(&m->inside, true);
	while (!atomic_load(&c->exit_request) && !atomic_exchange(&m->kicked, false)) {
		atomic_fetch_add(&m->ran, 1);
		if (atomic_load(&c->requests) & 1) {
			vcpu_clear_request(c, 1);
			atomic_fetch_add(&m->taken, 1);
		}
		switch (atomic_load(&m->mode)) {
		case MOCK_HALT:
			if (atomic_load(&c->requests) & 1) {
				continue;
			}
			atomic_fetch_add(&m->halts, 1);
			why = VCPU_EXIT_HALT;
			break;
		case MOCK_SHUTDOWN: why = VCPU_EXIT_SHUTDOWN; break;
		case MOCK_DEBUG: why = VCPU_EXIT_DEBUG; break;
		case MOCK_ERROR: why = VCPU_EXIT_ERROR; break;
		default: continue;
		}
		break;
	}
	atomic_store(&m->inside, false);
	return why;
}

static void mock_kick(struct vcpu *c)
{
	atomic_store(&mock(c)->kicked, true);
}

static int mock_push(struct vcpu *c, struct err *e __unused)
{
	atomic_fetch_add(&mock(c)->pushes, 1);
	return 0;
}

static const struct hv_ops mock_hv = {
	.name = "mock",
	.vcpu = { .init = mock_init,
	          .run = mock_run,
	          .kick = mock_kick,
	          .state_push = mock_push },
};

struct heard {
	struct vm_listener l;
	char text[256];
};

static void heard_event(struct vm_listener *l, enum vm_event ev, int arg)
{
	struct heard *h = container_of(l, struct heard, l);
	size_t n = strlen(h->text);
	static const char *const names[] = { "stop",     "resume",    "reset",
		                             "shutdown", "powerdown", "state",
		                             "wakeup",   "suspend" };

	if (ev == VM_EV_RUN_STATE) {
		snprintf(h->text + n, sizeof(h->text) - n, "=%s ",
		         run_state_name((enum run_state)arg));
	} else if (arg) {
		snprintf(h->text + n, sizeof(h->text) - n, "%s(%s) ", names[ev],
		         vm_cause_name((enum vm_cause)arg));
	} else {
		snprintf(h->text + n, sizeof(h->text) - n, "%s ", names[ev]);
	}
}

static struct vm *make(unsigned n, struct heard *h)
{
	struct vm *vm = vm_new(&mock_arch, &mock_hv);
	struct err e = ERR_INIT;
	struct vcpu *c;

	role_adopt_main();
	vm->loop = loop_new(LOOP_AUTO, &e);
	ck_assert_ptr_nonnull(vm->loop);
	for (unsigned i = 0; i < n; i++) {
		ck_assert(!vm_add_vcpu(vm, &c, &e));
		ck_assert_uint_eq((uintptr_t)c->arch % 4096, 0);
		((uint8_t *)c->arch)[-CPU_HEADROOM] = 1; /* the head-room is there */
	}
	if (h) {
		memset(h, 0, sizeof(*h));
		h->l.fn = heard_event;
		vm_add_listener(vm, &h->l);
	}
	ck_assert_msg(!vm_start_vcpus(vm, &e), "%s", e.text);
	vm_reset(vm, CAUSE_NONE);
	return vm;
}

static void unmake(struct vm *vm)
{
	struct loop *l = vm->loop;

	vm_free(vm);
	loop_free(l);
}

static void wait_for(_Atomic uint64_t *v, uint64_t at_least)
{
	(void)unit_wait(atomic_load(v) >= at_least);
	ck_assert_uint_ge(atomic_load(v), at_least);
}

/* These are the events since the text was last emptied. */
static void hears(struct vm *vm, struct heard *h, const char *text)
{
	(void)unit_wait_turning(vm->loop, strlen(h->text) >= strlen(text));
	for (int i = 0; i < 3; i++) {
		loop_turn(vm->loop, false); /* no others follow */
	}
	ck_assert_str_eq(h->text, text);
}

START_TEST(test_run_stop)
{
	struct heard h;
	struct vm *vm = make(2, &h);
	struct mock_cpu *m0 = mock(vm->vcpus[0]), *m1 = mock(vm->vcpus[1]);
	uint64_t a, b;

	ck_assert_uint_eq(m0->resets, 1);
	ck_assert_uint_eq(m0->pushes, 1);
	ck_assert_uint_eq(m0->ran, 0);
	vm_cont(vm);
	unit_rounds (i, 200) {
		wait_for(&m0->ran, m0->ran + 1);
		wait_for(&m1->ran, m1->ran + 1);
		vm_stop(vm, RUN_PAUSED);
		ck_assert(!m0->inside && !m1->inside);
		a = m0->ran;
		b = m1->ran;
		if (i % 50 == 0) {
			usleep(3000);
		}
		ck_assert_uint_eq(m0->ran, a);
		ck_assert_uint_eq(m1->ran, b);
		vm_cont(vm);
		if (i % 3 == 0) {
			vm_stop(vm, RUN_PAUSED); /* before they have noticed */
			ck_assert(!m0->inside && !m1->inside);
			vm_cont(vm);
		}
	}
	vm_stop(vm, RUN_PAUSED);
	ck_assert_int_eq(strncmp(h.text, "=running resume =paused stop ", 29), 0);
	unmake(vm);
}
END_TEST

static void hold_count(struct vcpu *c, void *opaque)
{
	ck_assert_ptr_eq(vcpu_self(), c);
	++*(unsigned *)opaque;
}

/* Held vCPUs are out of guest code, work on them is done, and nobody sees a stop. */
START_TEST(test_hold)
{
	struct heard h;
	struct vm *vm = make(2, &h);
	struct mock_cpu *m0 = mock(vm->vcpus[0]), *m1 = mock(vm->vcpus[1]);
	unsigned n = 0, rounds = 0;
	uint64_t ran;

	vm_cont(vm);
	h.text[0] = 0;
	unit_rounds (i, 200) {
		wait_for(&m0->ran, m0->ran + 1);
		vm_hold_vcpus(vm);
		ck_assert(!m0->inside && !m1->inside);
		ran = m0->ran;
		vcpu_run_on_sync(vm->vcpus[0], hold_count, &n);
		vcpu_run_on_sync(vm->vcpus[1], hold_count, &n);
		ck_assert_uint_eq(m0->ran, ran);
		vm_release_vcpus(vm);
		rounds++;
	}
	ck_assert_uint_eq(n, 2 * rounds);
	ck_assert_str_eq(h.text, "");
	/* A vCPU that stopped by itself stays so. */
	m0->mode = MOCK_DEBUG;
	unit_await(vm->vcpus[0]->stop && vm->vcpus[0]->stopped);
	ran = m0->ran;
	vm_hold_vcpus(vm);
	vm_release_vcpus(vm);
	wait_for(&m1->ran, m1->ran + 1000);
	ck_assert_uint_eq(m0->ran, ran);
	/* And a stopped machine stays stopped. */
	vm_stop(vm, RUN_PAUSED);
	ran = m1->ran;
	vm_hold_vcpus(vm);
	vm_release_vcpus(vm);
	usleep(5000);
	ck_assert_uint_eq(m1->ran, ran);
	unmake(vm);
}
END_TEST

/* Looks often before it sleeps: the next request is to come at any moment of the halt. */
static bool devil_sees(struct vcpu *c, uint64_t taken)
{
	for (unsigned spin = 0; spin < 1000; spin++) {
		if (atomic_load(&mock(c)->taken) >= taken) {
			return true;
		}
	}
	return unit_wait(atomic_load(&mock(c)->taken) >= taken);
}

static uint64_t devil_asked;

static void *devil(void *opaque)
{
	struct vcpu *c = opaque;
	unsigned seed = 7;

	/* Each request must be taken before the next one is made. */
	unit_rounds (i, 20000) {
		vcpu_request(c, 1);
		devil_asked++;
		ck_assert(devil_sees(c, i + 1)); /* or a wake-up was lost */
		if (rand_r(&seed) % 64 == 0) {
			usleep((unsigned)rand_r(&seed) % 200);
		}
	}
	return NULL;
}

START_TEST(test_no_lost_wakeup)
{
	struct vm *vm = make(1, NULL);
	struct vcpu *c = vm->vcpus[0];
	pthread_t t;

	mock(c)->mode = MOCK_HALT;
	vm_cont(vm);
	pthread_create(&t, NULL, devil, c);
	pthread_join(t, NULL);
	ck_assert_uint_eq(mock(c)->taken, devil_asked);
	wait_for(&mock(c)->halts, 2); /* it did sleep */
	vm_stop(vm, RUN_PAUSED);
	unmake(vm);
}
END_TEST

/* A masked request (no work) must not keep a halted vCPU awake. */
START_TEST(test_masked_request)
{
	struct vm *vm = make(1, NULL);
	struct vcpu *c = vm->vcpus[0];
	uint64_t ran;

	mock(c)->mode = MOCK_HALT;
	vm_cont(vm);
	wait_for(&mock(c)->halts, 1);
	ran = mock(c)->ran; /* the next time would be a wake-up */
	vcpu_request(c, 4);
	usleep(10000);
	ck_assert_uint_eq(mock(c)->ran, ran);
	unmake(vm);
}
END_TEST

static void work_count(struct vcpu *c, void *opaque)
{
	ck_assert_ptr_eq(vcpu_self(), c);
	ck_assert(!mock(c)->inside);
	atomic_fetch_add((_Atomic uint64_t *)opaque, 1);
}

static _Atomic uint64_t work_posted, work_done;

static void *work_poster(void *opaque)
{
	struct vm *vm = opaque;

	unit_rounds (i, 3000) {
		if (i & 1) {
			vcpu_run_on(vm->vcpus[i / 2 % 2], work_count, &work_done);
		} else {
			vcpu_run_on_sync(vm->vcpus[i / 2 % 2], work_count, &work_done);
		}
		work_posted++;
	}
	return NULL;
}

START_TEST(test_work)
{
	struct vm *vm = make(2, NULL);
	pthread_t t[3];

	mock(vm->vcpus[1])->mode = MOCK_HALT;
	vm_cont(vm);
	for (int i = 0; i < 3; i++) {
		pthread_create(&t[i], NULL, work_poster, vm);
	}
	unit_rounds (i, 100) {
		vm_stop(vm, RUN_PAUSED); /* work runs on stopped vCPUs too */
		vm_cont(vm);
		usleep(200);
	}
	for (int i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
	}
	wait_for(&work_done, work_posted);
	ck_assert_uint_eq(work_done, work_posted);
	unmake(vm);
}
END_TEST

/* ---- exclusive sections, asked for by several vCPUs at once ---- */

struct excl {
	struct vm *vm;
	_Atomic int inside;
	_Atomic uint64_t n, asked, ended;
	bool bad;
};

static void excl_section(void *opaque)
{
	struct excl *x = opaque;

	x->bad |= atomic_fetch_add(&x->inside, 1) != 0;
	for (unsigned i = 0; i < x->vm->n_vcpus; i++) {
		struct vcpu *c = x->vm->vcpus[i];

		/* Not `running`: on its way in a vCPU sets that before it looks at `exclusive`, and
		 * takes it back. */
		x->bad |= c != vcpu_self() && mock(c)->inside;
	}
	x->n++;
	atomic_fetch_sub(&x->inside, 1);
}

static void excl_work(struct vcpu *c, void *opaque)
{
	struct excl *x = opaque;

	/* As a helper of translated code would: from within run(). */
	atomic_store(&c->running, true);
	unit_rounds (i, 300) {
		x->asked++;
		vm_exclusive(x->vm, excl_section, x);
	}
	atomic_store(&c->running, false);
	x->ended++;
}

START_TEST(test_exclusive)
{
	struct vm *vm = make(3, NULL);
	struct excl x = { .vm = vm };

	vm_cont(vm);
	for (unsigned i = 0; i < 2; i++) {
		vcpu_run_on(vm->vcpus[i], excl_work, &x);
	}
	unit_rounds (i, 200) {
		x.asked++;
		vm_exclusive(vm, excl_section, &x); /* and from the control thread */
	}
	wait_for(&x.ended, 2);
	vm_stop(vm, RUN_PAUSED);
	ck_assert_uint_eq(x.n, x.asked);
	ck_assert(!x.bad);
	unmake(vm);
}
END_TEST

static void *ask_exit(void *opaque)
{
	usleep(20000);
	vm_request_exit(opaque, 33);
	return NULL;
}

START_TEST(test_exit)
{
	struct vm *vm = make(1, NULL);
	pthread_t t;

	vm_cont(vm);
	pthread_create(&t, NULL, ask_exit, vm);
	loop_run(vm->loop);
	pthread_join(t, NULL);
	ck_assert(vm->wants_quit);
	ck_assert_int_eq(vm->exit_code, 33);
	ck_assert_int_eq(vm->state, RUN_SHUTDOWN);
	unmake(vm);
}
END_TEST

START_TEST(test_shutdown)
{
	struct heard h;
	struct vm *vm = make(1, &h);

	vm->no_shutdown = true;
	vm_cont(vm);
	h.text[0] = 0;
	vm_request_shutdown(vm, CAUSE_GUEST_SHUTDOWN);
	vm_request_shutdown(vm, CAUSE_HOST_UI); /* the first cause is told */
	hears(vm, &h, "shutdown(guest-shutdown) =shutdown stop ");
	ck_assert(!vm->wants_quit);
	/* A reset makes it usable again. */
	h.text[0] = 0;
	vm_request_reset(vm, CAUSE_HOST_QMP_SYSTEM_RESET);
	hears(vm, &h, "reset(host-qmp-system-reset) =prelaunch ");
	vm_cont(vm);
	h.text[0] = 0;
	vm_request_powerdown(vm);
	hears(vm, &h, "powerdown ");
	vm_request_shutdown(vm, CAUSE_HOST_QMP_QUIT);
	unit_await_turning(vm->loop, vm->wants_quit);
	unmake(vm);
}
END_TEST

START_TEST(test_triple_fault)
{
	struct heard h;
	struct vm *vm = make(2, &h);
	uint64_t ran;

	vm_cont(vm);
	h.text[0] = 0;
	mock(vm->vcpus[1])->mode = MOCK_SHUTDOWN;
	hears(vm, &h, "reset(guest-reset) ");
	ck_assert_uint_eq(mock(vm->vcpus[0])->resets, 2);
	ran = mock(vm->vcpus[1])->ran;
	wait_for(&mock(vm->vcpus[1])->ran, ran + 10); /* it goes on after the reset */
	/* -no-reboot: a reset by the guest ends the VM. */
	vm->no_reboot = true;
	mock(vm->vcpus[1])->mode = MOCK_SHUTDOWN;
	unit_await_turning(vm->loop, vm->wants_quit);
	unmake(vm);
}
END_TEST

START_TEST(test_error_and_debug)
{
	struct vm *vm = make(2, NULL);

	vm_cont(vm);
	mock(vm->vcpus[0])->mode = MOCK_ERROR;
	unit_await_turning(vm->loop, vm->state == RUN_INTERNAL_ERROR);
	ck_assert(!mock(vm->vcpus[1])->inside);
	mock(vm->vcpus[0])->mode = MOCK_DEBUG;
	vm_cont(vm);
	unit_await_turning(vm->loop, vm->state == RUN_DEBUG);
	unmake(vm);
}
END_TEST

START_TEST(test_init_fails)
{
	struct vm *vm = vm_new(&mock_arch, &mock_hv);
	struct err e = ERR_INIT;
	struct vcpu *c;

	mock_fail_init = 1;
	ck_assert(!vm_add_vcpu(vm, &c, &e));
	ck_assert(!vm_add_vcpu(vm, &c, &e));
	ck_assert_int_eq(vm_start_vcpus(vm, &e), -ENODEV);
	ck_assert_str_eq(e.text, "vCPU 1: no such vCPU");
	vm_free(vm);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_run_stop,       test_hold,
		test_no_lost_wakeup, test_masked_request,
		test_work,           test_exclusive,
		test_exit,           test_shutdown,
		test_triple_fault,   test_error_and_debug,
		test_init_fails,
	};

	return unit_main(unit_suite("vm", tests, ARRAY_LEN(tests)));
}
