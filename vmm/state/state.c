/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * state.c - the self-describing stream; see state.h.
 *
 * Form (little-endian): a section is  'S' name32-bit-length-body ; a name is a
 * u8 length and that many bytes; the body is a row of fields, each
 *     u8 type (bit 7: optional)  name  u32 count  u32 length  data
 * where the data of a structure is, for each element, a u32 length and a row of
 * fields. Loading walks the stream twice with the same code: the first pass only
 * checks, the second applies.
 *
 * Threads: none; the caller owns the buffer and the object.
 */
#include "config.h"

#include "state/state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { STATE_OPTIONAL = 0x80, STATE_SECTION = 'S', STATE_DEPTH_MAX = 8 };

static const char *const state_type_names[] = {
	"end", "bool", "u8", "u16", "u32", "u64", "bytes", "struct",
};

static size_t state_elem_size(enum state_type t)
{
	switch (t) {
	case STATE_BOOL: return sizeof(bool);
	case STATE_U8:
	case STATE_BYTES: return 1;
	case STATE_U16: return 2;
	case STATE_U32: return 4;
	case STATE_U64: return 8;
	default: return 0;
	}
}

static unsigned state_count(const struct state_field *f)
{
	return f->count ? f->count : 1;
}

/* ---- writing ---- */

static int state_reserve(struct state_buf *b, size_t n)
{
	size_t cap = b->cap ? b->cap : 256;
	uint8_t *p;

	if (n > SIZE_MAX / 4 || b->len > SIZE_MAX / 4) {
		return -ENOMEM;
	}
	while (cap < b->len + n) {
		cap *= 2;
	}
	if (cap == b->cap) {
		return 0;
	}
	p = realloc(b->data, cap);
	if (!p) {
		return -ENOMEM;
	}
	b->data = p;
	b->cap = cap;
	return 0;
}

static int state_put(struct state_buf *b, uint64_t v, unsigned size)
{
	int ret = state_reserve(b, size);

	if (!ret) {
		st_le(b->data + b->len, v, size);
		b->len += size;
	}
	return ret;
}

static int state_put_name(struct state_buf *b, const char *name)
{
	size_t len = strlen(name);
	int ret;

	if (len > 255) {
		return -ENAMETOOLONG;
	}
	ret = state_put(b, len, 1);
	ret = ret ? ret : state_reserve(b, len);
	if (!ret) {
		memcpy(b->data + b->len, name, len);
		b->len += len;
	}
	return ret;
}

static uint64_t state_load_elem(enum state_type t, const uint8_t *p)
{
	uint16_t v16;
	uint32_t v32;
	uint64_t v64;
	bool b;

	switch (t) {
	case STATE_BOOL: memcpy(&b, p, sizeof(b)); return b;
	case STATE_U16: memcpy(&v16, p, sizeof(v16)); return v16;
	case STATE_U32: memcpy(&v32, p, sizeof(v32)); return v32;
	case STATE_U64: memcpy(&v64, p, sizeof(v64)); return v64;
	default: return *p;
	}
}

static void state_store_elem(enum state_type t, uint8_t *p, uint64_t v)
{
	uint16_t v16 = (uint16_t)v;
	uint32_t v32 = (uint32_t)v;
	bool b = v != 0;

	switch (t) {
	case STATE_BOOL: memcpy(p, &b, sizeof(b)); break;
	case STATE_U16: memcpy(p, &v16, sizeof(v16)); break;
	case STATE_U32: memcpy(p, &v32, sizeof(v32)); break;
	case STATE_U64: memcpy(p, &v, sizeof(v)); break;
	default: *p = (uint8_t)v; break;
	}
}

static int state_put_fields(struct state_buf *b, const struct state_field *f,
                            const uint8_t *obj, unsigned depth);

static int state_put_data(struct state_buf *b, const struct state_field *f,
                          const uint8_t *obj, unsigned depth)
{
	const uint8_t *p = obj + f->offset;
	size_t size = state_elem_size(f->type);
	int ret = 0;

	for (unsigned i = 0; i < state_count(f) && !ret; i++) {
		if (f->type == STATE_STRUCT) {
			size_t at = b->len;

			ret = state_put(b, 0, 4);
			ret = ret ? ret
			          : state_put_fields(b, f->sub, p + i * f->stride,
			                             depth + 1);
			if (!ret) {
				st_le32(b->data + at, (uint32_t)(b->len - at - 4));
			}
		} else {
			ret = state_put(b, state_load_elem(f->type, p + i * size),
			                (unsigned)(f->type == STATE_BOOL ? 1 : size));
		}
	}
	return ret;
}

static int state_put_fields(struct state_buf *b, const struct state_field *f,
                            const uint8_t *obj, unsigned depth)
{
	int ret = depth > STATE_DEPTH_MAX ? -ELOOP : 0;

	for (; f && f->name && f->type != STATE_END && !ret; f++) {
		size_t at;

		ret = state_put(b, f->type | (f->optional ? STATE_OPTIONAL : 0u), 1);
		ret = ret ? ret : state_put_name(b, f->name);
		ret = ret ? ret : state_put(b, state_count(f), 4);
		at = b->len;
		ret = ret ? ret : state_put(b, 0, 4);
		ret = ret ? ret : state_put_data(b, f, obj, depth);
		if (!ret) {
			st_le32(b->data + at, (uint32_t)(b->len - at - 4));
		}
	}
	return ret;
}

int state_save(struct state_buf *b, const char *section,
               const struct state_field *fields, const void *obj, struct err *e)
{
	size_t start = b->len, at;
	int ret = state_put(b, STATE_SECTION, 1);

	ret = ret ? ret : state_put_name(b, section);
	at = b->len;
	ret = ret ? ret : state_put(b, 0, 4);
	ret = ret ? ret : state_put_fields(b, fields, obj, 0);
	if (ret) {
		b->len = start;
		return err_set_errno(e, ret, "cannot save the state of '%s'", section);
	}
	st_le32(b->data + at, (uint32_t)(b->len - at - 4));
	return 0;
}

/* ---- reading ---- */

struct state_in {
	const uint8_t *p;
	size_t left;
	const char *section;
	struct err *e;
	bool apply;
};

static int state_bad(struct state_in *in, const char *name, const char *why)
{
	return err_set(in->e, -EINVAL, "saved state of '%s'%s%s: %s", in->section,
	               *name ? ", field " : "", name, why);
}

static bool state_get(struct state_in *in, unsigned size, uint64_t *v)
{
	if (in->left < size) {
		return false;
	}
	*v = ld_le(in->p, size);
	in->p += size;
	in->left -= size;
	return true;
}

static bool state_get_name(struct state_in *in, char name[256])
{
	uint64_t len;

	if (!state_get(in, 1, &len) || in->left < len) {
		return false;
	}
	memcpy(name, in->p, len);
	name[len] = 0;
	in->p += len;
	in->left -= len;
	return true;
}

static int state_get_fields(struct state_in *in, const struct state_field *fields,
                            uint8_t *obj, unsigned depth);

/* Elements of a field whose head was checked; `in` covers exactly its data. */
static int state_get_data(struct state_in *in, const struct state_field *f,
                          uint8_t *obj, unsigned depth)
{
	uint8_t *p = obj + f->offset;
	size_t size = state_elem_size(f->type);

	for (unsigned i = 0; i < state_count(f); i++) {
		uint64_t v;

		if (f->type == STATE_STRUCT) {
			struct state_in sub = *in;
			int ret;

			if (!state_get(in, 4, &v) || in->left < v) {
				return state_bad(in, f->name, "cut short");
			}
			sub.p = in->p;
			sub.left = v;
			in->p += v;
			in->left -= v;
			ret = state_get_fields(&sub, f->sub, p + i * f->stride,
			                       depth + 1);
			if (ret) {
				return ret;
			}
			continue;
		}
		if (!state_get(in, f->type == STATE_BOOL ? 1 : (unsigned)size, &v)) {
			return state_bad(in, f->name, "cut short");
		}
		if (f->type == STATE_BOOL
		            ? v > 1
		            : (f->min || f->max) && (v < f->min || v > f->max)) {
			return err_set(in->e, -EINVAL,
			               "saved state of '%s', field %s: %llu is outside "
			               "%llu to "
			               "%llu",
			               in->section, f->name, (unsigned long long)v,
			               (unsigned long long)f->min,
			               (unsigned long long)(f->type == STATE_BOOL
			                                            ? 1
			                                            : f->max));
		}
		if (in->apply) {
			state_store_elem(f->type, p + i * size, v);
		}
	}
	return in->left ? state_bad(in, f->name, "longer than it should be") : 0;
}

static int state_get_field(struct state_in *in, const struct state_field *fields,
                           uint8_t *obj, uint64_t *seen, unsigned depth)
{
	char name[256], why[128];
	uint64_t type, count, len;
	const struct state_field *f = fields;
	struct state_in data;

	if (!state_get(in, 1, &type) || !state_get_name(in, name) ||
	    !state_get(in, 4, &count) || !state_get(in, 4, &len) || in->left < len) {
		return state_bad(in, "", "cut short");
	}
	data = *in;
	data.left = len;
	in->p += len;
	in->left -= len;
	while (f && f->name && f->type != STATE_END && strcmp(f->name, name)) {
		f++;
	}
	if (!f || !f->name || f->type == STATE_END) {
		return type & STATE_OPTIONAL
		               ? 0
		               : state_bad(in, name, "this version does not know it");
	}
	type &= ~(uint64_t)STATE_OPTIONAL;
	if (type != f->type || count != state_count(f)) {
		snprintf(why, sizeof(why), "is %s[%llu], expected %s[%u]",
		         type < ARRAY_LEN(state_type_names) ? state_type_names[type]
		                                            : "?",
		         (unsigned long long)count, state_type_names[f->type],
		         state_count(f));
		return state_bad(in, name, why);
	}
	if (f - fields < 64 * 4) {
		uint64_t *word = &seen[(f - fields) / 64];

		if (*word >> ((f - fields) % 64) & 1) {
			return state_bad(in, name, "given twice");
		}
		*word |= UINT64_C(1) << ((f - fields) % 64);
	}
	return state_get_data(&data, f, obj, depth);
}

static int state_get_fields(struct state_in *in, const struct state_field *fields,
                            uint8_t *obj, unsigned depth)
{
	uint64_t seen[4] = { 0 };
	int ret;

	if (depth > STATE_DEPTH_MAX) {
		return state_bad(in, "", "nested too deeply");
	}
	while (in->left) {
		ret = state_get_field(in, fields, obj, seen, depth);
		if (ret) {
			return ret;
		}
	}
	for (unsigned i = 0; fields && fields[i].name && fields[i].type != STATE_END;
	     i++) {
		if (i < 64 * 4 && !(seen[i / 64] >> (i % 64) & 1) &&
		    !fields[i].optional) {
			return state_bad(in, fields[i].name, "missing");
		}
	}
	return 0;
}

int state_load(struct state_buf *b, const char *section,
               const struct state_field *fields, void *obj, struct err *e)
{
	struct state_in in = { .p = b->data + b->pos,
		               .left = b->len - b->pos,
		               .section = section,
		               .e = e };
	struct state_in body;
	char name[256];
	uint64_t tag, len;
	int ret;

	if (!state_get(&in, 1, &tag) || tag != STATE_SECTION ||
	    !state_get_name(&in, name)) {
		return state_bad(&in, "", "no section where one should begin");
	}
	if (strcmp(name, section)) {
		return err_set(e, -EINVAL,
		               "saved state has section '%s' where '%s' belongs", name,
		               section);
	}
	if (!state_get(&in, 4, &len) || in.left < len) {
		return state_bad(&in, "", "cut short");
	}
	for (int pass = 0; pass < 2; pass++) {
		body = in;
		body.left = len;
		body.apply = pass == 1;
		ret = state_get_fields(&body, fields, obj, 0);
		if (ret) {
			return ret;
		}
	}
	b->pos = (size_t)(in.p - b->data) + len;
	return 0;
}

void state_buf_fini(struct state_buf *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}
