/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exit-steps.c - how many instructions a VMM executes from one KVM_RUN to the next.
 *
 *   gcc -O2 -o exit-steps bench/exit-steps.c
 *   exit-steps [-n EXITS] [-t TRACE] [-d DELAY-MS] TID     (a vCPU thread that runs)
 *   exit-steps [...] -c NAME PROGRAM ARG...                (its thread of that name)
 *
 * Time on a busy machine says little about a few hundred instructions; their number does not
 * move at all. The thread is single-stepped in user mode; one step is one instruction,
 * SYSCALL included. One line for each kind of exit (the address is the port, or the page of an
 * MMIO exit):
 *
 *   STEPS io-out 0x80 min 181 median 181 count 120 syscalls 1.00
 *
 * `syscalls` counts system calls an exit, KVM_RUN among them. -t writes the program counters of the
 * cheapest exit of each kind, one line each: "kind pc". x86-64 only, works on any VMM.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

enum { KINDS = 64, SAMPLES = 4096, TRACE_MAX = 1 << 16, NR_IOCTL = 16 };

struct kind {
	char name[64];
	unsigned n;
	uint32_t steps[SAMPLES];
	unsigned long syscalls;
	uint64_t *pc; /* of the cheapest */
	unsigned best;
};

static struct kind kinds[KINDS];
static unsigned n_kinds;
static uint64_t trace[TRACE_MAX];
static int mem_fd = -1;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

/* The thread of that name of process pid, 0 without one. */
static pid_t find_thread(pid_t pid, const char *name)
{
	char path[300], comm[32];
	struct dirent *d;
	pid_t tid = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	dir = opendir(path);
	while (dir && !tid && (d = readdir(dir))) {
		FILE *f;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", (int)pid,
		         d->d_name);
		f = fopen(path, "r");
		if (f && fgets(comm, sizeof(comm), f)) {
			comm[strcspn(comm, "\n")] = 0;
			if (!strcmp(comm, name)) {
				tid = atoi(d->d_name);
			}
		}
		if (f) {
			fclose(f);
		}
	}
	if (dir) {
		closedir(dir);
	}
	return tid;
}

/* The kvm_run of an fd of the thread. */
static uint64_t run_area(pid_t tid, int fd)
{
	char path[64], line[512], name[128] = "";
	uint64_t start = 0;
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)tid, fd);
	n = readlink(path, name, sizeof(name) - 1);
	if (n <= 0) {
		return 0;
	}
	name[n] = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long long from, off;

		if (strstr(line, name) &&
		    sscanf(line, "%llx-%*x %*s %llx", &from, &off) == 2 && !off) {
			start = from;
			break;
		}
	}
	if (f) {
		fclose(f);
	}
	return start;
}

static void kind_name(const struct kvm_run *r, char *out, size_t size)
{
	switch (r->exit_reason) {
	case KVM_EXIT_IO:
		snprintf(out, size, "io-%s 0x%x",
		         r->io.direction == KVM_EXIT_IO_OUT ? "out" : "in", r->io.port);
		break;
	case KVM_EXIT_MMIO:
		snprintf(out, size, "mmio-%s 0x%llx",
		         r->mmio.is_write ? "write" : "read",
		         (unsigned long long)r->mmio.phys_addr & ~0xfffULL);
		break;
	default: snprintf(out, size, "exit %u", r->exit_reason);
	}
}

static void note(const char *name, unsigned steps, unsigned long syscalls)
{
	struct kind *k = kinds;

	while (k < kinds + n_kinds && strcmp(k->name, name)) {
		k++;
	}
	if (k == kinds + KINDS) {
		return;
	}
	if (k == kinds + n_kinds) {
		snprintf(k->name, sizeof(k->name), "%s", name);
		n_kinds++;
	}
	if (k->n == SAMPLES) {
		return;
	}
	if (!k->n || steps < k->best) {
		k->best = steps;
		free(k->pc);
		k->pc = malloc(steps * sizeof(*k->pc));
		memcpy(k->pc, trace,
		       (steps < TRACE_MAX ? steps : TRACE_MAX) * sizeof(*k->pc));
	}
	k->steps[k->n++] = steps;
	k->syscalls += syscalls;
}

static bool step(pid_t tid)
{
	int status, sig = 0;

	for (;;) {
		if (ptrace(PTRACE_SINGLESTEP, tid, 0, sig) < 0 ||
		    waitpid(tid, &status, __WALL) < 0 || !WIFSTOPPED(status)) {
			return false;
		}
		if (WSTOPSIG(status) == SIGTRAP) {
			return true;
		}
		sig = WSTOPSIG(status);
	}
}

static void measure(pid_t tid, unsigned long exits)
{
	struct user_regs_struct regs;
	uint64_t run = 0;
	unsigned steps = 0;
	unsigned long syscalls = 0;
	char name[64] = "";

	for (unsigned long done = 0; done < exits;) {
		uint16_t insn = 0;

		if (ptrace(PTRACE_GETREGS, tid, 0, &regs) < 0) {
			return;
		}
		if (steps < TRACE_MAX) {
			trace[steps] = regs.rip;
		}
		steps++;
		if (pread(mem_fd, &insn, 2, (off_t)regs.rip) != 2) {
			return;
		}
		if (insn == 0x050f) {
			bool is_run = regs.rax == NR_IOCTL && regs.rsi == KVM_RUN;

			syscalls++;
			if (is_run && name[0]) {
				note(name, steps, syscalls);
				done++;
			}
			if (!step(tid)) {
				return;
			}
			if (is_run) {
				struct kvm_run r;

				run = run ? run : run_area(tid, (int)regs.rdi);
				if (pread(mem_fd, &r, sizeof(r), (off_t)run) !=
				    sizeof(r)) {
					die("kvm_run");
				}
				ptrace(PTRACE_GETREGS, tid, 0, &regs);
				kind_name(&r, name, sizeof(name));
				if ((int64_t)regs.rax < 0) {
					snprintf(name, sizeof(name), "errno %d",
					         -(int)regs.rax);
				}
				steps = 0;
				syscalls = 0;
			}
			continue;
		}
		if (!step(tid)) {
			return;
		}
	}
}

static int compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* What makes names of program counters. */
static void write_maps(FILE *out, pid_t tid)
{
	char path[64], line[512];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)tid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (strstr(line, " r-xp ")) {
			fprintf(out, "map %s", line);
		}
	}
	if (f) {
		fclose(f);
	}
}

int main(int argc, char **argv)
{
	const char *name = NULL, *trace_file = NULL;
	unsigned long exits = 1000;
	unsigned delay = 0;
	pid_t child = 0, tid = 0;
	char path[64];
	FILE *out;
	int c;

	while ((c = getopt(argc, argv, "+n:t:d:c:")) != -1) {
		switch (c) {
		case 'n': exits = strtoul(optarg, NULL, 0); break;
		case 't': trace_file = optarg; break;
		case 'd': delay = (unsigned)atoi(optarg); break;
		case 'c': name = optarg; break;
		default: return 2;
		}
	}
	if (optind >= argc) {
		fprintf(stderr, "usage: exit-steps [-n N] [-t FILE] [-d MS] TID | -c "
		                "NAME PROGRAM ARG...\n");
		return 2;
	}
	if (name) {
		child = fork();
		if (child == 0) {
			execvp(argv[optind], argv + optind);
			_exit(127);
		}
		for (int i = 0; i < 5000 && !tid; i++) {
			usleep(1000);
			tid = find_thread(child, name);
		}
	} else {
		tid = atoi(argv[optind]);
	}
	usleep(delay * 1000);
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)tid);
	mem_fd = open(path, O_RDONLY);
	if (!tid || mem_fd < 0 || ptrace(PTRACE_SEIZE, tid, 0, 0) < 0 ||
	    ptrace(PTRACE_INTERRUPT, tid, 0, 0) < 0 || waitpid(tid, NULL, __WALL) < 0) {
		die("exit-steps: no such thread");
	}
	out = trace_file ? fopen(trace_file, "w") : NULL;
	if (out) {
		write_maps(out, tid);
	}
	measure(tid, exits);
	if (child) {
		kill(child, SIGKILL);
	} else {
		ptrace(PTRACE_DETACH, tid, 0, 0);
	}
	for (struct kind *k = kinds; k < kinds + n_kinds; k++) {
		qsort(k->steps, k->n, sizeof(k->steps[0]), compare);
		printf("STEPS %s min %u median %u count %u syscalls %.2f\n", k->name,
		       k->steps[0], k->steps[k->n / 2], k->n,
		       (double)k->syscalls / k->n);
		for (unsigned i = 0; out && i < k->best && i < TRACE_MAX; i++) {
			fprintf(out, "%s %llx\n", k->name,
			        (unsigned long long)k->pc[i]);
		}
	}
	return 0;
}
