/* SPDX-License-Identifier: GPL-2.0-or-later */
/* err.c - see err.h. */
#include "config.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void err_vset(struct err *e, enum err_class cls, const char *fmt, va_list ap)
{
	if (e) {
		e->cls = cls;
		vsnprintf(e->text, sizeof(e->text), fmt, ap);
	}
}

static void err_append(struct err *e, const char *text)
{
	size_t len = strlen(e->text);

	snprintf(e->text + len, sizeof(e->text) - len, ": %s", text);
}

int err_set(struct err *e, int ret, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, ERR_GENERIC, fmt, ap);
	va_end(ap);
	return ret;
}

int err_set_errno(struct err *e, int ret, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, ERR_GENERIC, fmt, ap);
	va_end(ap);
	if (e) {
		err_append(e, strerror(-ret));
	}
	return ret;
}

int err_set_class(struct err *e, enum err_class cls, int ret, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	err_vset(e, cls, fmt, ap);
	va_end(ap);
	return ret;
}

int err_prefix(struct err *e, int ret, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;

	if (e) {
		memcpy(old, e->text, sizeof(old));
		va_start(ap, fmt);
		err_vset(e, e->cls, fmt, ap);
		va_end(ap);
		err_append(e, old);
	}
	return ret;
}

void compiler_auto_free(void *pp)
{
	free(*(void **)pp);
}

void compiler_auto_close(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
	}
}
