/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.c - see log.h. Each message is formatted into a local buffer and leaves in
 * one write(), so that lines of several threads never mix and no lock is needed.
 * Messages beyond LOG_LINE_MAX are cut (the -d categories use bigger pieces of
 * their own: they may be written in parts).
 */
#include "config.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LOG_LINE_MAX = 2048, LOG_GUEST_PER_S = 5, TRACE_PATTERNS_MAX = 32 };

unsigned log_mask;
bool trace_any;

static const char *log_program = "lodge";
static int log_fd = -1;
static char *trace_patterns[TRACE_PATTERNS_MAX];
static unsigned trace_n_patterns;

/* ORDER: enum log_cat */
static const char *const log_cat_names[] = {
	"in_asm", "ir",   "ir_opt", "out_asm",      "int",
	"mmu",    "exec", "cpu",    "guest_errors", "unimp",
};
_Static_assert(ARRAY_LEN(log_cat_names) == LOG_CAT_N, "a name for each category");

static __thread bool log_may_drop;
static _Atomic unsigned log_dropped;

void log_thread_never_blocks(void)
{
	log_may_drop = true;
}

/* A pipe that is writable has room for a line (POSIX: PIPE_BUF bytes). */
static bool log_room(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) != 0;
}

static void log_write(int fd, const char *buf, size_t len)
{
	while (len) {
		ssize_t n = write(fd, buf, len);

		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n <= 0) {
			return; /* nobody left to tell */
		}
		buf += n;
		len -= (size_t)n;
	}
}

static void log_line(const char *kind, const char *fmt, va_list ap)
{
	char buf[LOG_LINE_MAX];
	int head = snprintf(buf, sizeof(buf), "%s: %s", log_program, kind);
	unsigned lost;
	int n;
	size_t len;

	if (log_may_drop && !log_room()) {
		atomic_fetch_add(&log_dropped, 1);
		return;
	}
	lost = atomic_exchange(&log_dropped, 0);
	if (unlikely(lost)) {
		char note[64];
		int k = snprintf(note, sizeof(note), "%s: %u lines were lost\n",
		                 log_program, lost);

		log_write(STDERR_FILENO, note,
		          MIN((size_t)MAX(k, 0), sizeof(note) - 1));
	}
	if (head < 0 || (size_t)head >= sizeof(buf) - 2) {
		head = 0;
	}
	n = vsnprintf(buf + head, sizeof(buf) - 1 - (size_t)head, fmt, ap);
	if (n < 0) {
		return;
	}
	len = strlen(buf);
	buf[len++] = '\n';
	log_write(STDERR_FILENO, buf, len);
}

void log_set_program(const char *name)
{
	log_program = name;
}

void log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line("", fmt, ap);
	va_end(ap);
}

void log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line("warning: ", fmt, ap);
	va_end(ap);
}

void log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line("info: ", fmt, ap);
	va_end(ap);
}

static uint64_t log_now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

void log_guest_at(struct log_limit *l, const char *fmt, ...)
{
	uint64_t now = log_now_ns(), start = atomic_load(&l->window_ns);
	uint32_t n;
	va_list ap;

	if (!start || now - start >= 1000000000u) {
		/* Whoever wins opens the window and tells what the last one swallowed.
		 */
		if (atomic_compare_exchange_strong(&l->window_ns, &start, now)) {
			n = atomic_exchange(&l->count, 0);
			if (n > LOG_GUEST_PER_S) {
				log_warn("%u similar lines suppressed",
				         n - LOG_GUEST_PER_S);
			}
		}
	}
	if (atomic_fetch_add(&l->count, 1) >= LOG_GUEST_PER_S) {
		return;
	}
	va_start(ap, fmt);
	log_line("guest: ", fmt, ap);
	va_end(ap);
}

int log_parse_mask(const char *list, struct err *e)
{
	unsigned mask = 0;

	while (*list) {
		size_t len = strcspn(list, ",");
		unsigned i;

		for (i = 0; i < LOG_CAT_N; i++) {
			if (strlen(log_cat_names[i]) == len &&
			    !memcmp(log_cat_names[i], list, len)) {
				break;
			}
		}
		if (i < LOG_CAT_N) {
			mask |= BIT(i);
		} else if (len == 3 && !memcmp(list, "all", 3)) {
			mask |= BIT(LOG_CAT_N) - 1;
		} else {
			return err_set(
				e, -EINVAL,
				"unknown log category '%.*s'; known: all, in_asm, ir, "
				"ir_opt, out_asm, int, mmu, exec, cpu, guest_errors, "
				"unimp",
				(int)len, list);
		}
		list += len;
		list += *list == ',';
	}
	log_mask = mask;
	return 0;
}

int log_set_file(const char *path, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_APPEND, 0644);

	if (fd < 0) {
		return err_set_errno(e, -errno, "cannot open the log file '%s'", path);
	}
	if (log_fd >= 0) {
		close(log_fd);
	}
	log_fd = fd;
	return 0;
}

void log_cat_printf(const char *fmt, ...)
{
	char buf[LOG_LINE_MAX];
	AUTO_FREE char *big = NULL;
	int fd = log_fd >= 0 ? log_fd : STDERR_FILENO;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0) {
		return;
	}
	if ((size_t)n < sizeof(buf)) {
		log_write(fd, buf, (size_t)n);
		return;
	}
	va_start(ap, fmt);
	n = vasprintf(&big, fmt, ap);
	va_end(ap);
	if (n >= 0) {
		log_write(fd, big, (size_t)n);
	} else {
		big = NULL;
	}
}

int trace_add_pattern(const char *pattern, struct err *e)
{
	char *copy;

	if (trace_n_patterns == TRACE_PATTERNS_MAX) {
		return err_set(e, -E2BIG, "more than %d --trace patterns",
		               TRACE_PATTERNS_MAX);
	}
	copy = strdup(pattern);
	if (!copy) {
		return err_set_errno(e, -ENOMEM, "--trace %s", pattern);
	}
	trace_patterns[trace_n_patterns++] = copy;
	trace_any = true;
	return 0;
}

bool trace_enabled_slow(struct trace_point *tp)
{
	signed char state = atomic_load_explicit(&tp->state, memory_order_relaxed);

	if (!state) {
		state = -1;
		for (unsigned i = 0; i < trace_n_patterns; i++) {
			if (!fnmatch(trace_patterns[i], tp->name, 0)) {
				state = 1;
				break;
			}
		}
		atomic_store_explicit(&tp->state, state, memory_order_relaxed);
	}
	return state > 0;
}

void trace_emit(const struct trace_point *tp, const char *fmt, ...)
{
	char buf[LOG_LINE_MAX];
	uint64_t now = log_now_ns();
	int head = snprintf(buf, sizeof(buf), "%llu.%06llu %s ",
	                    (unsigned long long)(now / 1000000000u),
	                    (unsigned long long)(now / 1000 % 1000000), tp->name);
	va_list ap;
	size_t len;

	if (head < 0 || (size_t)head >= sizeof(buf) - 2) {
		return;
	}
	va_start(ap, fmt);
	vsnprintf(buf + head, sizeof(buf) - 1 - (size_t)head, fmt, ap);
	va_end(ap);
	len = strlen(buf);
	buf[len++] = '\n';
	log_write(log_fd >= 0 ? log_fd : STDERR_FILENO, buf, len);
}
