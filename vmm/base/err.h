/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * err.h - a sentence for the person, beside the -errno for the program.
 *
 * Set-up and configuration paths take `struct err *e` and return 0 or -errno.
 * The text says what was tried, on what, why it failed and what to try. The
 * buffer is fixed and caller-owned (usually on the stack), so that failing never
 * allocates. A NULL `e` is legal: the text is dropped. Any thread; not shared.
 */
#ifndef LODGE_BASE_ERR_H
#define LODGE_BASE_ERR_H

#include "base/compiler.h"

enum { ERR_TEXT_MAX = 512 };

/* QMP error classes; everything but GENERIC has a meaning for management. */
enum err_class {
	ERR_GENERIC,
	ERR_COMMAND_NOT_FOUND,
	ERR_DEVICE_NOT_FOUND,
	ERR_DEVICE_NOT_ACTIVE,
	ERR_KVM_MISSING_CAP,
};

struct err {
	enum err_class cls;
	char text[ERR_TEXT_MAX];
};

#define ERR_INIT                                                                       \
	{                                                                              \
		.cls = ERR_GENERIC, .text = ""                                         \
	}

/* Replaces the text; returns `ret` (a negative errno), so `return err_set(...)` works. */
int err_set(struct err *e, int ret, const char *fmt, ...) __printf(3, 4);
/* As err_set, with ": " and strerror(-ret) appended. */
int err_set_errno(struct err *e, int ret, const char *fmt, ...) __printf(3, 4);
int err_set_class(struct err *e, enum err_class cls, int ret, const char *fmt, ...)
	__printf(4, 5);
/* Puts "prefix: " in front of a text that is already there; returns `ret`. */
int err_prefix(struct err *e, int ret, const char *fmt, ...) __printf(3, 4);

#endif
