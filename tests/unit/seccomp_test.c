/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seccomp_test.c - walks every role in a child process: what its table holds works,
 * what it does not hold ends the process with a line that names role and call.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/role.h"
#include "seccomp/sandbox.h"
#include "tests/unit/unit.h"

struct probe {
	const char *name;
	long nr;
	unsigned denied; /* BIT(role) */
};

#define ALL_ROLES ((1u << ROLE_N) - 1)
static const struct probe probes[] = {
	{ "execve", SYS_execve, ALL_ROLES },
	{ "ptrace", SYS_ptrace, ALL_ROLES },
	{ "mount", SYS_mount, ALL_ROLES },
	{ "setuid", SYS_setuid, ALL_ROLES },
	{ "fork", SYS_fork, ALL_ROLES },
	{ "bpf", SYS_bpf, ALL_ROLES },
	{ "process_vm_writev", SYS_process_vm_writev, ALL_ROLES },
	{ "init_module", SYS_init_module, ALL_ROLES },
	{ "socket", SYS_socket, ALL_ROLES & ~(BIT(ROLE_CONTROL) | BIT(ROLE_NET_USER)) },
	{ "openat", SYS_openat, ALL_ROLES & ~(BIT(ROLE_CONTROL) | BIT(ROLE_NET_USER)) },
	{ "pwritev", SYS_pwritev,
	  ALL_ROLES & ~(BIT(ROLE_CONTROL) | BIT(ROLE_IOTHREAD) | BIT(ROLE_MIGRATE)) },
	{ "getpid", SYS_getpid, 0 },
	{ "futex", SYS_futex, 0 },
	{ "heap", -1, 0 },
};

/* malloc and free of a thread's own arena, up and down again. */
static void probe_heap(void)
{
	enum { BLOCKS = 600, SIZE = 100000 };
	static void *p[BLOCKS];

	for (int i = 0; i < BLOCKS; i++) {
		p[i] = malloc(SIZE);
		memset(p[i], 1, SIZE);
	}
	for (int i = BLOCKS; i-- > 0;) {
		free(p[i]);
	}
}

static void *probe_thread(void *arg)
{
	const struct probe *p = arg;
	struct err e = ERR_INIT;

	if (sandbox_seal_thread(role_current(), &e) < 0) {
		fprintf(stderr, "seal: %s\n", e.text);
		_exit(3);
	}
	if (p->nr < 0) {
		probe_heap();
		_exit(0);
	}
	/* Harmless arguments: every call here fails at once if it is let through. */
	syscall(p->nr, -1L, 0L, 0L, 0L, 0L, 0L);
	_exit(0);
}

/* Exit status of a child whose thread of role r made the call; its stderr in buf. */
static int probe_run(enum role r, const struct probe *p, char *buf, size_t size)
{
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	ck_assert_int_eq(pipe(fds), 0);
	pid = fork();
	if (pid == 0) {
		struct role_thread t = { 0 };
		struct err e = ERR_INIT;

		dup2(fds[1], STDERR_FILENO);
		role_adopt_main();
		if (sandbox_init(&e) < 0) {
			_exit(2);
		}
		if (r == ROLE_CONTROL) {
			probe_thread((void *)(uintptr_t)p);
		}
		if (role_thread_start(&t, r, "probe", probe_thread,
		                      (void *)(uintptr_t)p, &e) < 0) {
			_exit(4);
		}
		pause();
		_exit(5);
	}
	close(fds[1]);
	while ((n = read(fds[0], buf + len, size - 1 - len)) > 0) {
		len += (size_t)n;
	}
	buf[len] = 0;
	close(fds[0]);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

START_TEST(test_role_table)
{
	enum role r = (enum role)_i;

	for (size_t i = 0; i < sizeof(probes) / sizeof(probes[0]); i++) {
		const struct probe *p = &probes[i];
		char out[512], want[128];
		int ret = probe_run(r, p, out, sizeof(out));

		if (p->denied & BIT(r)) {
			snprintf(want, sizeof(want), "role %s: system call %s (%ld)",
			         role_name(r), p->name, p->nr);
			ck_assert_msg(ret == SANDBOX_EXIT, "%s in %s: status %d (%s)",
			              p->name, role_name(r), ret, out);
			ck_assert_msg(strstr(out, want), "%s: no '%s' in '%s'",
			              role_name(r), want, out);
		} else {
			ck_assert_msg(ret == 0, "%s in %s: status %d (%s)", p->name,
			              role_name(r), ret, out);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("seccomp");
	TCase *t = unit_case(s, "roles");

	tcase_add_loop_test(t, test_role_table, 0, ROLE_N);
	return unit_main(s);
}
