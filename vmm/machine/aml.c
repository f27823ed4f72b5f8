/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aml.c - the ACPI byte code writer. Specification: ACPI 6.4, chapter 20 (encoding)
 * and 6.4 (resource descriptors). Opcodes stand beside the functions that use them.
 *
 * Known gaps: only what our boards need (no switch, no index fields, no events).
 */
#include "config.h"

#include "machine/aml.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"

enum aml_kind { AML_KIND_PKG, AML_KIND_BUFFER, AML_KIND_RESOURCES };

void aml_init(struct aml *a)
{
	memset(a, 0, sizeof(*a));
}

void aml_fini(struct aml *a)
{
	blob_fini(&a->out);
}

bool aml_ok(const struct aml *a)
{
	return blob_ok(&a->out) && a->depth == 0;
}

static void aml_op(struct aml *a, unsigned op)
{
	if (op > 0xff) { /* extended: 0x5b prefix */
		blob_u8(&a->out, op >> 8);
	}
	blob_u8(&a->out, op & 0xff);
}

/* ---- names (20.2.2) ---- */

void aml_name_bare(struct aml *a, const char *name)
{
	unsigned segs = 1;
	const char *p;

	while (*name == '\\' || *name == '^') {
		blob_u8(&a->out, *name++);
	}
	if (!*name) {
		blob_u8(&a->out, 0); /* NullName: "\" alone */
		return;
	}
	for (p = name; *p; p++) {
		segs += *p == '.';
	}
	if (segs == 2) {
		blob_u8(&a->out, 0x2e);
	} else if (segs > 2) {
		blob_u8(&a->out, 0x2f);
		blob_u8(&a->out, segs);
	}
	for (p = name; segs--; p++) {
		for (unsigned i = 0; i < 4; i++) {
			blob_u8(&a->out, *p && *p != '.' ? *p++ : '_');
		}
	}
}

void aml_ref(struct aml *a, const char *name)
{
	aml_name_bare(a, name);
}

/* ---- lengths (20.2.4) ---- */

static void aml_open(struct aml *a, enum aml_kind kind)
{
	if (a->depth == AML_DEPTH_MAX) {
		a->out.bad = true;
		return;
	}
	a->open[a->depth].at = a->out.len;
	a->open[a->depth++].kind = kind;
}

/* PkgLength counts its own bytes too. */
static void aml_insert_pkg_length(struct aml *a, size_t at)
{
	size_t body = a->out.len - at, n, total;
	uint8_t b[4];

	for (n = 1; n < 4; n++) {
		if (body + n < (n == 1 ? (size_t)64 : (size_t)1 << (4 + 8 * (n - 1)))) {
			break;
		}
	}
	total = body + n;
	if (n == 1) {
		b[0] = total;
	} else {
		b[0] = (n - 1) << 6 | (total & 15);
		for (size_t i = 1; i < n; i++) {
			b[i] = total >> (4 + 8 * (i - 1));
		}
	}
	blob_insert(&a->out, at, b, n);
}

static void aml_insert_buffer_size(struct aml *a, size_t at)
{
	size_t n = a->out.len - at;
	uint8_t b[5] = { 0x0c }; /* DWordPrefix */

	st_le32(b + 1, n);
	if (n < 256) {
		b[0] = 0x0a;
		blob_insert(&a->out, at, b, 2);
	} else {
		blob_insert(&a->out, at, b, 5);
	}
}

void aml_end(struct aml *a)
{
	size_t at;

	if (!a->depth) {
		a->out.bad = true;
		return;
	}
	at = a->open[--a->depth].at;
	switch (a->open[a->depth].kind) {
	case AML_KIND_RESOURCES:
		blob_u8(&a->out, 0x79); /* end tag; checksum 0 = not checked */
		blob_u8(&a->out, 0);
		aml_insert_buffer_size(a, at);
		break;
	case AML_KIND_BUFFER: aml_insert_buffer_size(a, at); break;
	default: break;
	}
	aml_insert_pkg_length(a, at);
}

/* ---- named objects ---- */

void aml_scope(struct aml *a, const char *name)
{
	aml_op(a, 0x10);
	aml_open(a, AML_KIND_PKG);
	aml_name_bare(a, name);
}

void aml_device(struct aml *a, const char *name)
{
	aml_op(a, 0x5b82);
	aml_open(a, AML_KIND_PKG);
	aml_name_bare(a, name);
}

void aml_method(struct aml *a, const char *name, unsigned args, bool serialized)
{
	aml_op(a, 0x14);
	aml_open(a, AML_KIND_PKG);
	aml_name_bare(a, name);
	blob_u8(&a->out, (args & 7) | (serialized ? 8 : 0));
}

void aml_name(struct aml *a, const char *name)
{
	aml_op(a, 0x08);
	aml_name_bare(a, name);
}

void aml_name_int(struct aml *a, const char *name, uint64_t v)
{
	aml_name(a, name);
	aml_int(a, v);
}

void aml_name_str(struct aml *a, const char *name, const char *s)
{
	aml_name(a, name);
	aml_str(a, s);
}

void aml_name_eisaid(struct aml *a, const char *name, const char *id)
{
	aml_name(a, name);
	aml_eisaid(a, id);
}

void aml_op_region(struct aml *a, const char *name, enum aml_space s, uint64_t off,
                   uint64_t len)
{
	aml_op(a, 0x5b80);
	aml_name_bare(a, name);
	blob_u8(&a->out, s);
	aml_int(a, off);
	aml_int(a, len);
}

void aml_field(struct aml *a, const char *region, unsigned access)
{
	aml_op(a, 0x5b81);
	aml_open(a, AML_KIND_PKG);
	aml_name_bare(a, region);
	blob_u8(&a->out, access | 0x40); /* no lock, update rule: write as zeros */
}

/* Field lengths use the PkgLength encoding, without counting themselves. */
void aml_field_bits(struct aml *a, const char *name, unsigned bits)
{
	if (name) {
		aml_name_bare(a, name);
	} else {
		blob_u8(&a->out, 0);
	}
	if (bits < 64) {
		blob_u8(&a->out, bits);
	} else {
		blob_u8(&a->out, 0x40 | (bits & 15));
		blob_u8(&a->out, bits >> 4);
	}
}

void aml_mutex(struct aml *a, const char *name)
{
	aml_op(a, 0x5b01);
	aml_name_bare(a, name);
	blob_u8(&a->out, 0);
}

/* ---- data ---- */

void aml_int(struct aml *a, uint64_t v)
{
	if (v <= 1) {
		blob_u8(&a->out, v);
	} else if (v <= 0xff) {
		blob_u8(&a->out, 0x0a);
		blob_u8(&a->out, v);
	} else if (v <= 0xffff) {
		blob_u8(&a->out, 0x0b);
		blob_u16(&a->out, v);
	} else if (v <= 0xffffffff) {
		blob_u8(&a->out, 0x0c);
		blob_u32(&a->out, v);
	} else {
		blob_u8(&a->out, 0x0e);
		blob_u64(&a->out, v);
	}
}

void aml_str(struct aml *a, const char *s)
{
	blob_u8(&a->out, 0x0d);
	blob_put(&a->out, s, strlen(s) + 1);
}

static unsigned aml_hex(char c)
{
	return c <= '9' ? c - '0' : (toupper((unsigned char)c) - 'A' + 10) & 15;
}

/* Three letters of five bits and four hex digits, big-endian. */
void aml_eisaid(struct aml *a, const char *id)
{
	uint32_t v = 0;

	if (strlen(id) != 7) {
		a->out.bad = true;
		return;
	}
	v = (uint32_t)(id[0] - 0x40) << 26 | (uint32_t)(id[1] - 0x40) << 21 |
	    (uint32_t)(id[2] - 0x40) << 16;
	v |= aml_hex(id[3]) << 12 | aml_hex(id[4]) << 8 | aml_hex(id[5]) << 4 |
	     aml_hex(id[6]);
	blob_u8(&a->out, 0x0c);
	blob_u32(&a->out, __builtin_bswap32(v));
}

void aml_package(struct aml *a, unsigned n)
{
	aml_op(a, 0x12);
	aml_open(a, AML_KIND_PKG);
	blob_u8(&a->out, n);
}

void aml_buffer(struct aml *a)
{
	aml_op(a, 0x11);
	aml_open(a, AML_KIND_BUFFER);
}

void aml_raw(struct aml *a, const void *p, size_t n)
{
	blob_put(&a->out, p, n);
}

/* The first three groups are little-endian (19.6.142). */
void aml_uuid(struct aml *a, const char *text)
{
	static const uint8_t order[16] = { 3, 2, 1,  0,  5,  4,  7,  6,
		                           8, 9, 10, 11, 12, 13, 14, 15 };
	uint8_t raw[16] = { 0 };
	unsigned n = 0;

	for (const char *p = text; *p && n < 32; p++) {
		if (*p != '-') {
			raw[n / 2] = raw[n / 2] << 4 | aml_hex(*p);
			n++;
		}
	}
	aml_buffer(a);
	for (n = 0; n < 16; n++) {
		blob_u8(&a->out, raw[order[n]]);
	}
	aml_end(a);
}

/* ---- statements and expressions ---- */

void aml_arg(struct aml *a, unsigned n)
{
	aml_op(a, 0x68 + n);
}

void aml_local(struct aml *a, unsigned n)
{
	aml_op(a, 0x60 + n);
}

void aml_return(struct aml *a)
{
	aml_op(a, 0xa4);
}

void aml_if(struct aml *a)
{
	aml_op(a, 0xa0);
	aml_open(a, AML_KIND_PKG);
}

void aml_else(struct aml *a)
{
	aml_op(a, 0xa1);
	aml_open(a, AML_KIND_PKG);
}

void aml_while(struct aml *a)
{
	aml_op(a, 0xa2);
	aml_open(a, AML_KIND_PKG);
}

void aml_store(struct aml *a)
{
	aml_op(a, 0x70);
}

void aml_equal(struct aml *a)
{
	aml_op(a, 0x93);
}

void aml_less(struct aml *a)
{
	aml_op(a, 0x95);
}

void aml_and(struct aml *a)
{
	aml_op(a, 0x7b);
}

void aml_or(struct aml *a)
{
	aml_op(a, 0x7d);
}

void aml_add(struct aml *a)
{
	aml_op(a, 0x72);
}

void aml_no_target(struct aml *a)
{
	blob_u8(&a->out, 0);
}

void aml_notify(struct aml *a)
{
	aml_op(a, 0x86);
}

void aml_acquire(struct aml *a, const char *mutex)
{
	aml_op(a, 0x5b23);
	aml_name_bare(a, mutex);
	blob_u16(&a->out, 0xffff);
}

void aml_release(struct aml *a, const char *mutex)
{
	aml_op(a, 0x5b27);
	aml_name_bare(a, mutex);
}

void aml_create_dword_field(struct aml *a)
{
	aml_op(a, 0x8a);
}

/* ---- resources ---- */

void aml_resources(struct aml *a)
{
	aml_op(a, 0x11);
	aml_open(a, AML_KIND_RESOURCES);
}

void aml_res_io(struct aml *a, uint16_t base, uint8_t len)
{
	blob_u8(&a->out, 0x47);
	blob_u8(&a->out, 1); /* decodes 16 bits */
	blob_u16(&a->out, base);
	blob_u16(&a->out, base);
	blob_u8(&a->out, 1);
	blob_u8(&a->out, len);
}

void aml_res_irq(struct aml *a, unsigned irq)
{
	blob_u8(&a->out, 0x22);
	blob_u16(&a->out, 1u << irq);
}

void aml_res_gsi(struct aml *a, uint32_t gsi, bool level, bool low, bool shared)
{
	blob_u8(&a->out, 0x89);
	blob_u16(&a->out, 6);
	blob_u8(&a->out, 1 | (level ? 0 : 2) | (low ? 4 : 0) | (shared ? 8 : 0));
	blob_u8(&a->out, 1);
	blob_u32(&a->out, gsi);
}

void aml_res_memory32(struct aml *a, uint32_t base, uint32_t len)
{
	blob_u8(&a->out, 0x86);
	blob_u16(&a->out, 9);
	blob_u8(&a->out, 1); /* read-write */
	blob_u32(&a->out, base);
	blob_u32(&a->out, len);
}

/* Word address space: type 0 memory, 1 I/O, 2 bus numbers; fixed at both ends. */
static void aml_res_word(struct aml *a, uint8_t type, uint8_t flags, uint16_t first,
                         uint16_t last)
{
	blob_u8(&a->out, 0x88);
	blob_u16(&a->out, 13);
	blob_u8(&a->out, type);
	blob_u8(&a->out, 0x0c); /* min and max fixed, positive decode */
	blob_u8(&a->out, flags);
	blob_u16(&a->out, 0);
	blob_u16(&a->out, first);
	blob_u16(&a->out, last);
	blob_u16(&a->out, 0);
	blob_u16(&a->out, (uint16_t)(last - first + 1));
}

void aml_res_bus(struct aml *a, uint16_t first, uint16_t last)
{
	aml_res_word(a, 2, 0, first, last);
}

void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last)
{
	aml_res_word(a, 1, 3, first, last); /* entire range: ISA and non-ISA */
}

void aml_res_mem_window(struct aml *a, uint64_t first, uint64_t last, bool prefetch)
{
	bool wide = last > UINT32_MAX;
	uint64_t v[5] = { 0, first, last, 0, last - first + 1 };

	blob_u8(&a->out, wide ? 0x8a : 0x87);
	blob_u16(&a->out, wide ? 43 : 23);
	blob_u8(&a->out, 0);
	blob_u8(&a->out, 0x0c);
	blob_u8(&a->out, 1 | (prefetch ? 3 << 1 : 0)); /* read-write, cacheability */
	for (unsigned i = 0; i < ARRAY_LEN(v); i++) {
		if (wide) {
			blob_u64(&a->out, v[i]);
		} else {
			blob_u32(&a->out, v[i]);
		}
	}
}
