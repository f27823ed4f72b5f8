/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * role.h - thread roles. Every thread of lodge is started here and has exactly
 * one role; the role names its loop, its seccomp filter and what it may touch.
 *
 * The sandbox registers role_seal_fn; a thread started after vm_seal() applies
 * its role's filter first thing, threads started before apply it when told
 * (role_seal_all waits until each has).
 */
#ifndef LODGE_CORE_ROLE_H
#define LODGE_CORE_ROLE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"

/* ORDER: role_names[] in role.c, seccomp/policy/ */
enum role {
	ROLE_CONTROL,
	ROLE_VCPU,
	ROLE_IOTHREAD,
	ROLE_TRANSLATE,
	ROLE_NET_USER, /* user networking: the only one that opens sockets */
	ROLE_DISPLAY,
	ROLE_MIGRATE,
	ROLE_N,
};

struct role_thread {
	enum role role;
	char name[16];
	pthread_t pthread;
	_Atomic pid_t tid; /* real TID: management pins and accounts by it */
	void *(*fn)(void *);
	void *arg;
	/* private to role.c */
	struct list link;
	void (*wake)(void *);
	void *wake_arg;
	_Atomic uint32_t started; /* futex: 0 starting, 1 runs, 2 failed */
	_Atomic bool sealed;
	struct err *start_err;
	int start_ret;
};

const char *role_name(enum role r);
/* Starts `fn(arg)`; the tid is valid when this returns. Signals are blocked but for
 * the vCPU kick (SIG_KICK) in ROLE_VCPU. */
int role_thread_start(struct role_thread *t, enum role role, const char *name,
                      void *(*fn)(void *), void *arg, struct err *e) __must_check;
void role_thread_join(struct role_thread *t);
/* Makes the calling (main) thread ROLE_CONTROL. */
void role_adopt_main(void);
enum role role_current(void);
void role_assert(enum role r);

/* The sandbox's hook: called on each thread, with the thread's role. */
typedef int (*role_seal_fn)(enum role r, struct err *e);
void role_set_seal(role_seal_fn fn);
/* Seals the calling thread if the sandbox is on and it is not sealed yet. Loops and vCPU
 * threads do it by themselves each turn; cheap when there is nothing to do. */
int role_seal_self(struct err *e) __must_check;
/* How to make the calling thread pass role_seal_self() soon; NULL when it ends. */
void role_set_wake(void (*wake)(void *), void *opaque);
/* Seals the calling (control) thread last, after every other one has been: each is woken
 * and waited for, -ETIMEDOUT names the thread that did not come. */
int role_seal_all(struct err *e) __must_check;

#endif
