/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * log.h - messages to the person, trace points, and the -d categories.
 *
 * Messages go to stderr as "lodge: text" (or "lodge: warning: text"), or to the
 * -D file for the -d categories. A line that a guest can cause is written with
 * log_guest(), which is rate-limited for each call site. Any thread; never
 * blocks on anything but the write itself, a vCPU's thread not on that either;
 * async-signal-unsafe.
 */
#ifndef LODGE_BASE_LOG_H
#define LODGE_BASE_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"

void log_set_program(const char *name);
void log_error(const char *fmt, ...) __printf(1, 2);
void log_warn(const char *fmt, ...) __printf(1, 2);
void log_info(const char *fmt, ...) __printf(1, 2);

/* The calling thread must not wait for whoever reads stderr: lines that do not fit into the
 * pipe are dropped, and the next line that does says how many. */
void log_thread_never_blocks(void);

struct log_limit {
	_Atomic uint64_t window_ns;
	_Atomic uint32_t count;
};
void log_guest_at(struct log_limit *l, const char *fmt, ...) __printf(2, 3);
/* One line about a guest's mistake: at most 5 a second for each call site. */
#define log_guest(...)                                                                 \
	do {                                                                           \
		static struct log_limit log_limit_;                                    \
		log_guest_at(&log_limit_, __VA_ARGS__);                                \
	} while (0)

/* -d categories. ORDER: log_cat_names[] in log.c. */
enum log_cat {
	LOG_IN_ASM,
	LOG_IR,
	LOG_IR_OPT,
	LOG_OUT_ASM,
	LOG_INT,
	LOG_MMU,
	LOG_EXEC,
	LOG_CPU,
	LOG_GUEST_ERRORS,
	LOG_UNIMP,
	LOG_CAT_N,
};
extern unsigned log_mask; /* BIT(enum log_cat); written before threads start */
/* "in_asm,ir" -> mask; names the offender and lists what is known on error. */
int log_parse_mask(const char *list, struct err *e) __must_check;
int log_set_file(const char *path, struct err *e) __must_check;
void log_cat_printf(const char *fmt, ...) __printf(1, 2);
#define log_on(cat) unlikely(log_mask &BIT(cat))
#define log_d(cat, ...)                                                                \
	do {                                                                           \
		if (log_on(cat)) {                                                     \
			log_cat_printf(__VA_ARGS__);                                   \
		}                                                                      \
	} while (0)

/*
 * Trace points: `trace("virtio_notify", "dev %s queue %u", ...)`. The name is
 * matched by --trace PATTERN (fnmatch, may be given more than once). A disabled
 * point costs one load and a predicted branch.
 */
struct trace_point {
	const char *name;
	_Atomic signed char state; /* 0 not looked up, 1 on, -1 off */
};
extern bool trace_any;
bool trace_enabled_slow(struct trace_point *tp);
void trace_emit(const struct trace_point *tp, const char *fmt, ...) __printf(2, 3);
int trace_add_pattern(const char *pattern, struct err *e) __must_check;
#define trace(tp_name, ...)                                                            \
	do {                                                                           \
		if (unlikely(trace_any)) {                                             \
			static struct trace_point tp_ = { tp_name, 0 };                \
			if (trace_enabled_slow(&tp_)) {                                \
				trace_emit(&tp_, __VA_ARGS__);                         \
			}                                                              \
		}                                                                      \
	} while (0)

#endif
