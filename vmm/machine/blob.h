/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blob.h - a growing run of bytes, for tables that are built once. When memory runs
 * out the blob goes "bad" and stays empty; who uses it checks blob_ok() once at
 * the end instead of after each byte. One owner, no locks.
 */
#ifndef LODGE_MACHINE_BLOB_H
#define LODGE_MACHINE_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct blob {
	uint8_t *data;
	size_t len, cap;
	bool bad;
};

void blob_fini(struct blob *b);
/* n more zero bytes; returns their offset. */
size_t blob_grow(struct blob *b, size_t n);
void blob_put(struct blob *b, const void *p, size_t n);
void blob_u8(struct blob *b, uint8_t v);
void blob_u16(struct blob *b, uint16_t v);
void blob_u32(struct blob *b, uint32_t v);
void blob_u64(struct blob *b, uint64_t v);
/* Puts n bytes in at `at`, moving what follows. */
void blob_insert(struct blob *b, size_t at, const void *p, size_t n);
/* Zero bytes up to a multiple of `to`. */
void blob_align(struct blob *b, size_t to);
/* Overwrites bytes that exist already; out of range is ignored (bad blob). */
void blob_set(struct blob *b, size_t at, uint64_t v, unsigned size);
uint64_t blob_get(const struct blob *b, size_t at, unsigned size);

static inline bool blob_ok(const struct blob *b)
{
	return !b->bad;
}

#endif
