/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fields.h - the table that says what of an architectural struct is state: what
 * migration carries, and what debuggers and QMP may show. Constant data.
 */
#ifndef LODGE_CORE_CPU_FIELDS_H
#define LODGE_CORE_CPU_FIELDS_H

#include <stddef.h>
#include <stdint.h>

enum cpu_field_type {
	CPU_F_BOOL,
	CPU_F_U8,
	CPU_F_U16,
	CPU_F_U32,
	CPU_F_U64,
	CPU_F_BYTES
};

struct cpu_field {
	const char *name;
	enum cpu_field_type type;
	uint32_t offset, count; /* count: elements (BYTES: bytes) */
	uint64_t max;           /* highest legal value; 0 = any */
};

#endif
