/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * bytes.h - little- and big-endian loads and stores at any alignment, and sizes
 * that can't overflow silently. Pure functions, any thread.
 *
 * Sizes that a guest, a file or a peer can influence are added and multiplied
 * only through size_add/size_mul (security class 5).
 */
#ifndef LODGE_BASE_BYTES_H
#define LODGE_BASE_BYTES_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

#define BYTES_DEFINE(bits, end, conv_to, conv_from)                                    \
	static inline uint##bits##_t ld_##end##bits(const void *p)                     \
	{                                                                              \
		uint##bits##_t v;                                                      \
		memcpy(&v, p, sizeof(v));                                              \
		return conv_from(v);                                                   \
	}                                                                              \
	static inline void st_##end##bits(void *p, uint##bits##_t v)                   \
	{                                                                              \
		v = conv_to(v);                                                        \
		memcpy(p, &v, sizeof(v));                                              \
	}

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BYTES_LE(v)   (v)
#define BYTES_BE16(v) __builtin_bswap16(v)
#define BYTES_BE32(v) __builtin_bswap32(v)
#define BYTES_BE64(v) __builtin_bswap64(v)
#define BYTES_LE16(v) (v)
#define BYTES_LE32(v) (v)
#define BYTES_LE64(v) (v)
#else
#define BYTES_BE16(v) (v)
#define BYTES_BE32(v) (v)
#define BYTES_BE64(v) (v)
#define BYTES_LE16(v) __builtin_bswap16(v)
#define BYTES_LE32(v) __builtin_bswap32(v)
#define BYTES_LE64(v) __builtin_bswap64(v)
#endif

/* ld_le16(p), st_le16(p, v), ld_be16(p), ... */
BYTES_DEFINE(16, le, BYTES_LE16, BYTES_LE16)
BYTES_DEFINE(32, le, BYTES_LE32, BYTES_LE32)
BYTES_DEFINE(64, le, BYTES_LE64, BYTES_LE64)
BYTES_DEFINE(16, be, BYTES_BE16, BYTES_BE16)
BYTES_DEFINE(32, be, BYTES_BE32, BYTES_BE32)
BYTES_DEFINE(64, be, BYTES_BE64, BYTES_BE64)

/* A little-endian value of 1, 2, 4 or 8 bytes. */
static inline uint64_t ld_le(const void *p, unsigned size)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < size && i < 8; i++) {
		v |= (uint64_t)((const uint8_t *)p)[i] << (8 * i);
	}
	return v;
}

static inline void st_le(void *p, uint64_t v, unsigned size)
{
	for (unsigned i = 0; i < size && i < 8; i++) {
		((uint8_t *)p)[i] = (uint8_t)(v >> (8 * i));
	}
}

/* True when the result fits; *r is untouched otherwise. */
static inline bool __must_check u64_add(uint64_t a, uint64_t b, uint64_t *r)
{
	uint64_t t;

	if (__builtin_add_overflow(a, b, &t)) {
		return false;
	}
	*r = t;
	return true;
}

static inline bool __must_check u64_mul(uint64_t a, uint64_t b, uint64_t *r)
{
	uint64_t t;

	if (__builtin_mul_overflow(a, b, &t)) {
		return false;
	}
	*r = t;
	return true;
}

/* True when [off, off+len) lies inside [0, size). */
static inline bool range_fits(uint64_t off, uint64_t len, uint64_t size)
{
	return off <= size && len <= size - off;
}

static inline bool ranges_overlap(uint64_t a, uint64_t alen, uint64_t b, uint64_t blen)
{
	return alen && blen && a - b < blen ? true : alen && blen && b - a < alen;
}

#endif
