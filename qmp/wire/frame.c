/* SPDX-License-Identifier: GPL-2.0-or-later */
/* frame.c - cuts a byte stream into JSON values by counting brackets outside strings. */
#include "config.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "qmp/wire/qmp.h"

void qmp_frame_reset(struct qmp_frame *f)
{
	f->len = 0;
	f->depth = 0;
	f->in_string = f->escape = f->any = f->overflow = false;
	if (f->cap > 65536) { /* one huge command does not cost memory for ever */
		qmp_frame_fini(f);
	}
}

void qmp_frame_fini(struct qmp_frame *f)
{
	free(f->buf);
	memset(f, 0, sizeof(*f));
}

static bool qmp_frame_put(struct qmp_frame *f, char c)
{
	if (f->len + 2 > f->cap) {
		size_t cap = f->cap ? f->cap * 2 : 1024;
		char *n = cap > QMP_FRAME_MAX ? NULL : realloc(f->buf, cap);

		if (!n) {
			f->overflow = true;
			return false;
		}
		f->buf = n;
		f->cap = cap;
	}
	f->buf[f->len++] = c;
	f->buf[f->len] = 0;
	return true;
}

bool qmp_frame_feed(struct qmp_frame *f, char c)
{
	if (!f->any && isspace((unsigned char)c)) {
		return false;
	}
	if (f->overflow || !qmp_frame_put(f, c)) {
		return c == '\n';
	}
	f->any = true;
	if (f->in_string) {
		if (f->escape) {
			f->escape = false;
		} else if (c == '\\') {
			f->escape = true;
		} else if (c == '"') {
			f->in_string = false;
		}
		return c == '\n' && f->depth == 0;
	}
	if (c == '"') {
		f->in_string = true;
	} else if (c == '{' || c == '[') {
		f->depth++;
		f->overflow |= f->depth > QMP_FRAME_DEPTH;
	} else if (c == '}' || c == ']') {
		f->depth--;
		return f->depth <= 0;
	} else if (c == '\n' && f->depth == 0) {
		return true; /* garbage outside an object ends with the line */
	}
	return false;
}
