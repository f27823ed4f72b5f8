/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.h - named, typed state fields and the self-describing stream.
 *
 * A field table is the whole truth about what a device (or CPU) saves. The
 * stream carries names and types: an unknown optional field is skipped, a
 * missing one takes its default, a wrong one gives an error that names device
 * and field. Loading is all or nothing: every value is checked against its range
 * before anything is applied.
 */
#ifndef LODGE_STATE_STATE_H
#define LODGE_STATE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum state_type {
	STATE_END,
	STATE_BOOL,
	STATE_U8,
	STATE_U16,
	STATE_U32,
	STATE_U64,
	STATE_BYTES,  /* count = bytes */
	STATE_STRUCT, /* sub = nested table; count elements of `stride` */
};

struct state_field {
	const char *name;
	enum state_type type;
	size_t offset;
	unsigned count;    /* array length; 0 means 1 */
	size_t stride;     /* STATE_STRUCT */
	uint64_t min, max; /* both 0: any value */
	const struct state_field *sub;
	bool optional;
};

#define STATE_FIELD(t, s, f)                                                           \
	{                                                                              \
		.name = #f, .type = (t), .offset = offsetof(s, f), .count = 1          \
	}
#define STATE_RANGE(t, s, f, lo, hi)                                                   \
	{                                                                              \
		.name = #f, .type = (t), .offset = offsetof(s, f), .count = 1,         \
		.min = (lo), .max = (hi)                                               \
	}
#define STATE_ARRAY(t, s, f, n)                                                        \
	{                                                                              \
		.name = #f, .type = (t), .offset = offsetof(s, f), .count = (n)        \
	}

struct state_buf {
	uint8_t *data;
	size_t len, cap;
	size_t pos; /* reader */
};

/* Appends the object as one section. */
int state_save(struct state_buf *b, const char *section,
               const struct state_field *fields, const void *obj, struct err *e)
	__must_check;
/* Reads one section into obj; checks everything first. */
int state_load(struct state_buf *b, const char *section,
               const struct state_field *fields, void *obj, struct err *e) __must_check;
void state_buf_fini(struct state_buf *b);

#endif
