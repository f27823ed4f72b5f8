/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * role.c - thread roles; see role.h. Every thread is on one list, so that the
 * sandbox can reach the threads that were started before it.
 */
#include "config.h"

#include "core/role.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/futex.h"
#include "core/hv.h"
#include "core/lock.h"

enum { ROLE_START_RUNS = 1, ROLE_START_FAILED = 2, ROLE_SEAL_WAIT_MS = 5000 };

/* ORDER: enum role */
static const char *const role_names[] = {
	"control", "vcpu", "iothread", "translate", "net-user", "display", "migrate",
};
_Static_assert(ARRAY_LEN(role_names) == ROLE_N, "a name for each role");

static struct lk role_lk = LK_INIT(RANK_ROLE, "role list");
static struct list role_threads = LIST_INIT(role_threads);
static _Atomic(role_seal_fn) role_seal;
static _Atomic uint32_t role_seals; /* futex: threads that have sealed themselves */
static struct role_thread role_main = { .role = ROLE_CONTROL, .name = "main" };
static __thread struct role_thread *role_self;

const char *role_name(enum role r)
{
	return (unsigned)r < ROLE_N ? role_names[r] : "?";
}

enum role role_current(void)
{
	return role_self ? role_self->role : ROLE_N;
}

void role_assert(enum role r)
{
#ifdef LODGE_DEBUG
	/* A thread that was not started here (a unit test's) has no role to be wrong.
	 */
	if (role_self && role_self->role != r) {
		fprintf(stderr, "lodge: role bug: '%s' runs what belongs to '%s'\n",
		        role_name(role_self->role), role_name(r));
		abort();
	}
#else
	(void)r;
#endif
}

static void role_register(struct role_thread *t)
{
	role_self = t;
	atomic_store(&t->tid, gettid());
	LOCK_SCOPE(&role_lk);
	list_add_tail(&role_threads, &t->link);
}

void role_adopt_main(void)
{
	if (role_self) {
		return;
	}
	role_main.pthread = pthread_self();
	role_register(&role_main);
}

void role_set_wake(void (*wake)(void *), void *opaque)
{
	struct role_thread *t = role_self;

	if (!t) {
		return;
	}
	LOCK_SCOPE(&role_lk);
	t->wake = wake;
	t->wake_arg = opaque;
}

void role_set_seal(role_seal_fn fn)
{
	atomic_store(&role_seal, fn);
}

int role_seal_self(struct err *e)
{
	role_seal_fn fn = atomic_load_explicit(&role_seal, memory_order_acquire);
	struct role_thread *t = role_self;
	int ret;

	if (likely(!fn || !t ||
	           atomic_load_explicit(&t->sealed, memory_order_relaxed))) {
		return 0;
	}
	ret = fn(t->role, e);
	if (ret) {
		return err_prefix(e, ret, "sandbox of thread '%s'", t->name);
	}
	atomic_store(&t->sealed, true);
	atomic_fetch_add(&role_seals, 1);
	futex_wake_all(&role_seals);
	return 0;
}

/* Wakes every unsealed thread but the caller; the name of one of them, or NULL. */
static bool role_wake_unsealed(char name[16])
{
	struct role_thread *t;
	bool any = false;

	LOCK_SCOPE(&role_lk);
	list_for_each (t, &role_threads, link) {
		if (t == role_self || atomic_load(&t->sealed)) {
			continue;
		}
		any = true;
		memcpy(name, t->name, sizeof(t->name));
		if (t->wake) {
			t->wake(t->wake_arg);
		}
	}
	return any;
}

int role_seal_all(struct err *e)
{
	char name[16] = "";

	/* Each turn ends when a thread has sealed itself, or after a millisecond. */
	for (int turns = 0;; turns++) {
		uint32_t seals = atomic_load(&role_seals);

		if (!role_wake_unsealed(name)) {
			return role_seal_self(e);
		}
		if (turns == ROLE_SEAL_WAIT_MS) {
			return err_set(e, -ETIMEDOUT,
			               "thread '%s' does not enter the sandbox", name);
		}
		futex_wait(&role_seals, seals, 1000000);
	}
}

/* ---- starting ---- */

static void role_kick_handler(int sig __unused)
{
	/* Only there so that a blocking call returns EINTR. */
}

/* An accelerator may put its own handler in place; ours is only the first. */
static void role_install_kick(void)
{
	struct sigaction sa, old;

	if (sigaction(SIG_KICK, NULL, &old) || old.sa_handler != SIG_DFL) {
		return;
	}
	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = role_kick_handler;
	sigaction(SIG_KICK, &sa, NULL);
}

/* What a thread must never have blocked: faults of its own making. */
static void role_signal_mask(enum role role, sigset_t *set)
{
	static const int own[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS };

	sigfillset(set);
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		sigdelset(set, own[i]);
	}
	if (role == ROLE_VCPU) {
		sigdelset(set, SIG_KICK);
	}
}

static void *role_entry(void *arg)
{
	struct role_thread *t = arg;
	struct err *e = t->start_err;
	void *ret = NULL;

	role_register(t);
	pthread_setname_np(pthread_self(), t->name);
	t->start_ret = role_seal_self(e);
	if (t->start_ret) {
		atomic_store(&t->started, ROLE_START_FAILED);
		futex_wake_all(&t->started);
	} else {
		atomic_store(&t->started, ROLE_START_RUNS);
		futex_wake_all(&t->started);
		ret = t->fn(t->arg);
	}
	lk_acquire(&role_lk);
	list_del(&t->link);
	lk_release(&role_lk);
	role_self = NULL;
	atomic_fetch_add(&role_seals, 1); /* one less to wait for */
	futex_wake_all(&role_seals);
	return ret;
}

/* Nothing here recurses, and a stack that holds no 2 MiB of its own does not become a
 * transparent huge page at its first touch. */
enum { ROLE_STACK = 1 << 20 };

int role_thread_start(struct role_thread *t, enum role role, const char *name,
                      void *(*fn)(void *), void *arg, struct err *e)
{
	sigset_t set, old;
	pthread_attr_t attr;
	int ret;

	t->role = role;
	snprintf(t->name, sizeof(t->name), "%s", name);
	t->fn = fn;
	t->arg = arg;
	t->wake = NULL;
	t->start_err = e;
	atomic_store(&t->tid, 0);
	atomic_store(&t->started, 0);
	atomic_store(&t->sealed, false);
	list_init(&t->link);
	if (role == ROLE_VCPU) {
		role_install_kick();
	}
	/* The mask is inherited: no signal can hit the thread before it has its own. */
	role_signal_mask(role, &set);
	pthread_sigmask(SIG_SETMASK, &set, &old);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, ROLE_STACK);
	ret = pthread_create(&t->pthread, &attr, role_entry, t);
	pthread_attr_destroy(&attr);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret) {
		return err_set_errno(e, -ret, "cannot start thread '%s'", t->name);
	}
	while (!atomic_load(&t->started)) {
		futex_wait(&t->started, 0, 0);
	}
	t->start_err = NULL;
	if (atomic_load(&t->started) == ROLE_START_FAILED) {
		pthread_join(t->pthread, NULL);
		return t->start_ret;
	}
	return 0;
}

void role_thread_join(struct role_thread *t)
{
	pthread_join(t->pthread, NULL);
}
