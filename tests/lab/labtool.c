/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * labtool.c - what the lab's shell scripts need and busybox lacks. Runs inside the outer
 * machine (and outside, for bench/): plain C, nothing but libc.
 *
 *   labtool run [-t SEC] [-T COMMAND] [-r MIB] [-q] [-k MARK] [-m MARK] [-p MARK]
 *               [-x MARK COMMAND]... -- PROGRAM ARG...
 *
 *     Starts PROGRAM with its standard input and output piped, copies its output to ours, and
 *     notes when a word appears in it for the first time. Writes to file descriptor 3 if
 *     that is open, else to standard error:
 *        TIME MARK seconds       for each -p, -x, -m, -k: since just before the exec
 *        MEM MARK private rss ram  (KiB) for each -m: the process's memory without, and of,
 *                                mappings of at least -r MiB (the guest's RAM). Private is what
 *                                the process has written: anonymous pages, and dirty ones
 *                                of shared mappings. (Private_Dirty alone would also count
 *                                program text where the file system is in memory.)
 *        EXIT status seconds     128 + signal if a signal ended it
 *     -x runs COMMAND with sh (its output goes to ours) and then sends the program a newline, so
 *     that a guest can wait for it with "read x". LAB_PID is the program's process id.
 *     -k ends the program by SIGKILL once its mark has come; -t by SIGTERM after SEC seconds,
 *     with -T once COMMAND was run and the program had 15 s to say more.
 *     The status is the program's, 124 after a timeout.
 *
 *   labtool qmp SOCKET COMMAND...  sends each COMMAND (JSON text), prints the answers;
 *                                events are skipped. Status 1 if one was an error.
 *   labtool tsc                  cycles of the TSC in a second, measured for 0.2 s
 *
 * Known gaps: a mark that is cut by more than 4 KiB of output in one piece is found all the
 * same, but a mark longer than 64 bytes is not.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MARKS_MAX = 16, MARK_LEN = 64, PIECE = 4096 };

struct mark {
	const char *word, *command;
	char kind; /* p: note the time, m: and memory, x: and run a command, k: and kill */
	bool seen;
};

static struct mark marks[MARKS_MAX];
static int n_marks;
static long ram_kib = 1L << 40;
static bool quiet;
static const char *at_limit;
static double limit_s = 1e9;
static double start;
static FILE *notes;

static void usage(void)
{
	fprintf(stderr, "usage: labtool run [-t SEC] [-T COMMAND] [-r MIB] [-q] "
	                "[-p|-m|-k MARK] [-x MARK COMMAND] "
	                "-- PROGRAM ARG...\n       labtool qmp SOCKET COMMAND...\n     "
	                "  labtool tsc\n");
	exit(2);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- run ---- */

static void note_memory(const char *word, pid_t pid)
{
	char path[64], line[512], perms[8] = "";
	long private = 0, rss = 0, ram = 0, v;
	bool is_ram = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)pid);
	f = fopen(path, "r");
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*x-%*x %7s", perms) == 1) {
			continue;
		}
		if (sscanf(line, "Size: %ld kB", &v) == 1) {
			is_ram = v >= ram_kib;
		} else if (sscanf(line, "Rss: %ld kB", &v) == 1) {
			*(is_ram ? &ram : &rss) += v;
		} else if (!is_ram && sscanf(line, "Anonymous: %ld kB", &v) == 1) {
			private += v;
		} else if (!is_ram && perms[1] == 'w' && perms[3] == 's' &&
		           sscanf(line, "Private_Dirty: %ld kB", &v) == 1) {
			private += v;
		}
	}
	if (f) {
		fclose(f);
	}
	fprintf(notes, "MEM %s %ld %ld %ld\n", word, private, rss, ram);
}

static void mark_reached(struct mark *m, pid_t pid, int to_program)
{
	m->seen = true;
	fprintf(notes, "TIME %s %.6f\n", m->word, now() - start);
	switch (m->kind) {
	case 'm': note_memory(m->word, pid); break;
	case 'x':
		if (system(m->command) != 0) {
			fprintf(notes, "FAILED %s\n", m->word);
		}
		if (write(to_program, "\n", 1) < 0) {
			fprintf(notes, "FAILED %s: %s\n", m->word, strerror(errno));
		}
		break;
	case 'k': kill(pid, SIGKILL); break;
	default: break;
	}
	fflush(notes);
}

/* Looks at new bytes together with the last ones before them. */
static void output_scan(const char *data, size_t len, pid_t pid, int to_program)
{
	static char window[MARK_LEN + PIECE + 1];
	static size_t kept;

	memcpy(window + kept, data, len);
	len += kept;
	window[len] = 0;
	for (int i = 0; i < n_marks; i++) {
		struct mark *m = &marks[i];

		if (!m->seen && memmem(window, len, m->word, strlen(m->word))) {
			mark_reached(m, pid, to_program);
		}
	}
	kept = len < MARK_LEN ? len : MARK_LEN;
	memmove(window, window + len - kept, kept);
}

static int wait_status(pid_t pid)
{
	int s;

	while (waitpid(pid, &s, 0) < 0 && errno == EINTR) {
	}
	return WIFEXITED(s) ? WEXITSTATUS(s) : 128 + WTERMSIG(s);
}

static void options(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "+t:T:r:qp:m:k:x:")) != -1) {
		switch (c) {
		case 't': limit_s = atof(optarg); break;
		case 'T': at_limit = optarg; break;
		case 'r': ram_kib = atol(optarg) * 1024; break;
		case 'q': quiet = true; break;
		case 'p':
		case 'm':
		case 'k':
		case 'x':
			if (n_marks == MARKS_MAX || strlen(optarg) > MARK_LEN) {
				usage();
			}
			marks[n_marks].kind = (char)c;
			marks[n_marks].word = optarg;
			if (c == 'x') {
				if (optind >= argc) {
					usage();
				}
				marks[n_marks].command = argv[optind++];
			}
			n_marks++;
			break;
		default: usage();
		}
	}
	if (optind >= argc) {
		usage();
	}
}

static int run(int argc, char **argv)
{
	int in[2], out[2], status;
	static bool over, late; /* static: vfork */
	char pid_text[16], buf[PIECE];
	struct pollfd p;
	pid_t pid;

	options(argc, argv);
	notes = fcntl(3, F_GETFD) >= 0 ? fdopen(3, "w") : stderr;
	if (fcntl(3, F_GETFD) >= 0) {
		fcntl(3, F_SETFD, FD_CLOEXEC);
	}
	if (!notes || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0) {
		perror("labtool");
		return 125;
	}
	signal(SIGPIPE, SIG_IGN);
	start = now();
	pid = vfork();
	if (pid == 0) {
		signal(SIGPIPE, SIG_DFL);
		dup2(in[0], 0);
		dup2(out[1], 1);
		execvp(argv[optind], argv + optind);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	snprintf(pid_text, sizeof(pid_text), "%d", (int)pid);
	setenv("LAB_PID", pid_text, 1);
	p = (struct pollfd){ .fd = out[0], .events = POLLIN };
	for (;;) {
		double left = limit_s - (now() - start);
		ssize_t n;

		over |= left <= 0;
		if (left <= 0 && at_limit) {
			fflush(stdout);
			if (system(at_limit) != 0) {
				fprintf(notes, "FAILED %s\n", at_limit);
			}
			at_limit = NULL;
			limit_s = now() - start + 15;
			continue;
		}
		if (left <= 0) {
			kill(pid, late ? SIGKILL : SIGTERM);
			limit_s += 3;
			late = true;
			continue;
		}
		if (poll(&p, 1, left > 1000 ? 1000000 : (int)(left * 1000) + 1) <= 0) {
			continue;
		}
		n = read(out[0], buf, sizeof(buf));
		if (n <= 0) {
			break;
		}
		output_scan(buf, (size_t)n, pid, in[1]);
		if (!quiet && fwrite(buf, 1, (size_t)n, stdout) == (size_t)n) {
			fflush(stdout);
		}
	}
	status = wait_status(pid);
	fprintf(notes, "EXIT %d %.6f\n", status, now() - start);
	fflush(notes);
	return over ? 124 : status;
}

/* ---- qmp ---- */

static int qmp_connect(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(a.sun_path)) {
		return -1;
	}
	strcpy(a.sun_path, path);
	for (int i = 0; i < 100; i++) {
		if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0) {
			return fd;
		}
		usleep(50000);
	}
	close(fd);
	return -1;
}

/* One answer (a line with "return" or "error"); -1: the connection ended. */
static int qmp_answer(FILE *f, bool show)
{
	static char line[1 << 16];

	while (fgets(line, sizeof(line), f)) {
		bool error = strncmp(line, "{\"error\"", 8) == 0;

		if (!error && strstr(line, "\"event\"") &&
		    !strstr(line, "\"return\"")) {
			continue;
		}
		if (show || error) {
			fputs(line, stdout);
		}
		return error;
	}
	return -1;
}

static int qmp(int argc, char **argv)
{
	int fd, bad = 0;
	FILE *f;

	if (argc < 2) {
		usage();
	}
	fd = qmp_connect(argv[1]);
	f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f) {
		fprintf(stderr, "labtool: %s: %s\n", argv[1], strerror(errno));
		return 1;
	}
	if (qmp_answer(f, false) < 0) { /* the greeting */
		return 1;
	}
	dprintf(fd, "{\"execute\":\"qmp_capabilities\"}\n");
	if (qmp_answer(f, false) != 0) {
		return 1;
	}
	for (int i = 2; i < argc; i++) {
		int r;

		dprintf(fd, "%s\n", argv[i]);
		r = qmp_answer(f, true);
		bad |= r != 0;
		if (r < 0) {
			fprintf(stderr, "labtool: the connection ended\n");
			break;
		}
	}
	return bad;
}

/* ---- tsc ---- */

static int tsc(void)
{
#ifdef __x86_64__
	double t = now();
	uint64_t c = __builtin_ia32_rdtsc();

	usleep(200000);
	c = __builtin_ia32_rdtsc() - c;
	printf("%.0f\n", (double)c / (now() - t));
	return 0;
#else
	return 1;
#endif
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "run") == 0) {
		return run(argc - 1, argv + 1);
	}
	if (argc >= 2 && strcmp(argv[1], "qmp") == 0) {
		return qmp(argc - 1, argv + 1);
	}
	if (argc == 2 && strcmp(argv[1], "tsc") == 0) {
		return tsc();
	}
	usage();
}
