/* SPDX-License-Identifier: GPL-2.0-or-later */
/* blob.c - a growing run of bytes. See blob.h. */
#include "config.h"

#include "machine/blob.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

/* Firmware tables are small; anything beyond this is a bug of ours. */
#define BLOB_MAX ((size_t)16 << 20)

void blob_fini(struct blob *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

static bool blob_reserve(struct blob *b, size_t n)
{
	size_t cap;
	uint8_t *p;

	if (b->bad || n > BLOB_MAX - b->len) {
		b->bad = true;
		return false;
	}
	if (b->len + n <= b->cap) {
		return true;
	}
	cap = MAX((size_t)256, b->cap * 2);
	while (cap < b->len + n) {
		cap *= 2;
	}
	p = realloc(b->data, cap);
	if (!p) {
		b->bad = true;
		return false;
	}
	b->data = p;
	b->cap = cap;
	return true;
}

size_t blob_grow(struct blob *b, size_t n)
{
	size_t at = b->len;

	if (blob_reserve(b, n) && n) {
		memset(b->data + at, 0, n);
		b->len += n;
	}
	return at;
}

void blob_put(struct blob *b, const void *p, size_t n)
{
	if (blob_reserve(b, n) && n) {
		memcpy(b->data + b->len, p, n);
		b->len += n;
	}
}

void blob_u8(struct blob *b, uint8_t v)
{
	blob_put(b, &v, 1);
}

static void blob_le(struct blob *b, uint64_t v, unsigned size)
{
	uint8_t t[8];

	st_le(t, v, size);
	blob_put(b, t, size);
}

void blob_u16(struct blob *b, uint16_t v)
{
	blob_le(b, v, 2);
}

void blob_u32(struct blob *b, uint32_t v)
{
	blob_le(b, v, 4);
}

void blob_u64(struct blob *b, uint64_t v)
{
	blob_le(b, v, 8);
}

void blob_insert(struct blob *b, size_t at, const void *p, size_t n)
{
	if (at > b->len) {
		b->bad = true;
		return;
	}
	if (blob_reserve(b, n) && n) {
		memmove(b->data + at + n, b->data + at, b->len - at);
		memcpy(b->data + at, p, n);
		b->len += n;
	}
}

void blob_align(struct blob *b, size_t to)
{
	blob_grow(b, ALIGN_UP(b->len, to) - b->len);
}

void blob_set(struct blob *b, size_t at, uint64_t v, unsigned size)
{
	if (range_fits(at, size, b->len)) {
		st_le(b->data + at, v, size);
	}
}

uint64_t blob_get(const struct blob *b, size_t at, unsigned size)
{
	return range_fits(at, size, b->len) ? ld_le(b->data + at, size) : 0;
}
