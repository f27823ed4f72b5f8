/* SPDX-License-Identifier: GPL-2.0-or-later */
/* err.c - see err.h. */
#include "config.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void err_vset(struct err *e, const char *fmt, va_list ap)
{
	vsnprintf(e->text, sizeof(e->text), fmt, ap);
}

int err_set(struct err *e, int ret, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		e->cls = ERR_GENERIC;
		va_start(ap, fmt);
		err_vset(e, fmt, ap);
		va_end(ap);
	}
	return ret;
}

int err_set_errno(struct err *e, int ret, const char *fmt, ...)
{
	va_list ap;
	size_t len;

	if (e) {
		e->cls = ERR_GENERIC;
		va_start(ap, fmt);
		err_vset(e, fmt, ap);
		va_end(ap);
		len = strlen(e->text);
		snprintf(e->text + len, sizeof(e->text) - len, ": %s", strerror(-ret));
	}
	return ret;
}

int err_set_class(struct err *e, enum err_class cls, int ret, const char *fmt, ...)
{
	va_list ap;

	if (e) {
		e->cls = cls;
		va_start(ap, fmt);
		err_vset(e, fmt, ap);
		va_end(ap);
	}
	return ret;
}

int err_prefix(struct err *e, int ret, const char *fmt, ...)
{
	char old[ERR_TEXT_MAX];
	va_list ap;
	size_t len;

	if (e) {
		memcpy(old, e->text, sizeof(old));
		va_start(ap, fmt);
		err_vset(e, fmt, ap);
		va_end(ap);
		len = strlen(e->text);
		snprintf(e->text + len, sizeof(e->text) - len, ": %s", old);
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
