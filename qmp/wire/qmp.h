/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * qmp.h - the QMP machinery inside: dispatch table and types made by schemac, the
 * validator, events.
 *
 * Control thread only, but qmp_emit, which may be called on any thread: an event is
 * handed to the control loop and goes to every client that has negotiated.
 */
#ifndef LODGE_QMP_QMP_H
#define LODGE_QMP_QMP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct opt;
struct vm;
struct qmp_session;

struct qmp_ctx {
	struct vm *vm;
	struct qmp_session *session; /* NULL: from the human monitor */
};

struct qmp_member {
	const char *name, *type;
	int array, optional;
};
struct qmp_type {
	const char *name;
	const struct qmp_member *members; /* struct */
	const char *const *values;        /* enum */
};
struct qmp_command {
	const char *name;
	const struct qmp_member *args;
	int open; /* further members are the handler's business */
	int (*fn)(struct qmp_ctx *ctx, struct opt *args, struct opt **ret,
	          struct err *e);
};
extern const struct qmp_type qmp_types[];
extern const struct qmp_command qmp_commands[];
extern const char *const qmp_schema_text[];

/* Members known, required ones there, every type right; in depth. */
int qmp_check(const struct qmp_member *m, struct opt *o, bool open, struct err *e)
	__must_check;
/* Validates and runs; *ret is NULL for an empty reply. */
int qmp_dispatch(struct qmp_ctx *ctx, const char *name, struct opt *args,
                 struct opt **ret, struct err *e) __must_check;
/* Takes `data` (may be NULL). [any thread] */
void qmp_emit(const char *event, struct opt *data);

/* One JSON value at a time out of a byte stream. */
struct qmp_frame {
	char *buf;
	size_t len, cap;
	int depth;
	bool in_string, escape, any, overflow;
};
enum { QMP_FRAME_MAX = 16 << 20, QMP_FRAME_DEPTH = 512 };
/* Feeds one byte: true when a whole value is in buf (NUL-terminated); reset before the
 * next. Errors in framing surface when the text is parsed. */
bool qmp_frame_feed(struct qmp_frame *f, char c);
void qmp_frame_reset(struct qmp_frame *f);
void qmp_frame_fini(struct qmp_frame *f);

/* Human monitor: runs a line, returns malloc'd text. */
char *hmp_run(struct qmp_ctx *ctx, const char *line);

/* Descriptors named by getfd. -1: none of that name. The caller owns what it takes. */
int qmp_fd_take(const char *name);
void qmp_fd_put(const char *name, int fd);
/* The descriptor that came with the command being run; -1. */
int qmp_session_take_fd(struct qmp_session *s);

#endif
