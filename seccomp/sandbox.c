/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sandbox.c - see sandbox.h. */
#include "config.h"

#include "seccomp/sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <limits.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "seccomp/sandbox-gen.h"

static size_t sandbox_put(char *buf, size_t at, size_t size, const char *s)
{
	while (*s && at + 1 < size) {
		buf[at++] = *s++;
	}
	return at;
}

static size_t sandbox_put_num(char *buf, size_t at, size_t size, unsigned n)
{
	char digits[12];
	unsigned i = sizeof(digits);

	digits[--i] = 0;
	do {
		digits[--i] = (char)('0' + n % 10);
		n /= 10;
	} while (n && i);
	return sandbox_put(buf, at, size, digits + i);
}

/* SIGSYS. Nothing here but write and exit_group, which every filter allows. */
static void sandbox_violation(int sig, siginfo_t *si, void *uc)
{
	unsigned nr = (unsigned)si->si_syscall;
	const char *name = nr < SANDBOX_NR_MAX ? sandbox_syscall_names[nr] : NULL;
	char buf[160];
	size_t n = 0;
	ssize_t done;

	(void)sig;
	(void)uc;
	n = sandbox_put(buf, n, sizeof(buf), "lodge: sandbox: role ");
	n = sandbox_put(buf, n, sizeof(buf), role_name(role_current()));
	n = sandbox_put(buf, n, sizeof(buf), ": system call ");
	n = sandbox_put(buf, n, sizeof(buf), name ? name : "?");
	n = sandbox_put(buf, n, sizeof(buf), " (");
	n = sandbox_put_num(buf, n, sizeof(buf), nr);
	n = sandbox_put(buf, n, sizeof(buf), ") is not allowed\n");
	done = write(STDERR_FILENO, buf, n);
	(void)done;
	syscall(SYS_exit_group, SANDBOX_EXIT);
}

int sandbox_init(struct err *e)
{
	struct sigaction sa = { .sa_sigaction = sandbox_violation,
		                .sa_flags = SA_SIGINFO | SA_NODEFER };

	/* Before it gives a thread's heap back, glibc reads /proc/sys/vm/overcommit_memory: an
	 * openat that no data-plane role may make. So heaps of threads are not trimmed. */
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	sigemptyset(&sa.sa_mask);
	if (sigaction(SIGSYS, &sa, NULL) < 0) {
		return err_set_errno(e, -errno, "sandbox: SIGSYS handler");
	}
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return err_set_errno(e, -errno, "sandbox: no_new_privs");
	}
	return 0;
}

static int sandbox_drop_caps(struct err *e)
{
	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) < 0) {
		return err_set(e, -EPERM,
		               "sandbox: cannot drop capabilities; run lodge as an "
		               "ordinary user or with -sandbox off");
	}
	return 0;
}

int sandbox_seal_thread(enum role r, struct err *e)
{
	const struct sandbox_filter *f = sandbox_filters;
	struct sock_fprog prog;
	int ret = sandbox_drop_caps(e);

	if (ret < 0) {
		return ret;
	}
	/* A property of each thread: those that were there before sandbox_init() lack it. */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0) {
		return err_set_errno(e, -errno, "sandbox: no_new_privs");
	}
	while (f->role && strcmp(f->role, role_name(r))) {
		f++;
	}
	if (!f->role) {
		return err_set(e, -ENOENT, "sandbox: no policy for role %s",
		               role_name(r));
	}
	prog = (struct sock_fprog){ .len = f->n,
		                    .filter = (struct sock_filter *)(uintptr_t)f->ins };
	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0) {
		return err_set_errno(
			e, -errno,
			"sandbox: filter of role %s (kernel without "
			"CONFIG_SECCOMP_FILTER? -sandbox off runs without it)",
			role_name(r));
	}
	return 0;
}
