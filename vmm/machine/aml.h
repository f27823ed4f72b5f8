/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aml.h - writes ACPI Machine Language (ACPI 6.4, chapter 20) front to back.
 *
 * Objects with a length (scopes, devices, methods, packages, ifs, buffers) are
 * opened and closed with aml_end(); the length is put in when they close. Names
 * are written as text: "\\_SB", "PCI0", "^LPC", "_SB.PCI0", each segment padded with '_'.
 * Expressions are written in prefix order, as the byte code has them:
 *
 *	aml_method(a, "_STA", 0, false);
 *		aml_return(a); aml_int(a, 15);
 *	aml_end(a);
 *
 * Errors (memory, nesting) are remembered in the blob: check aml_ok() at the end.
 */
#ifndef LODGE_MACHINE_AML_H
#define LODGE_MACHINE_AML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "machine/blob.h"

enum { AML_DEPTH_MAX = 24 };

struct aml {
	struct blob out;
	struct {
		size_t at;    /* where the length goes */
		uint8_t kind; /* enum aml_kind in aml.c */
	} open[AML_DEPTH_MAX];
	unsigned depth;
};

void aml_init(struct aml *a);
void aml_fini(struct aml *a);
bool aml_ok(const struct aml *a);

/* ---- named objects ---- */
void aml_scope(struct aml *a, const char *name);
void aml_device(struct aml *a, const char *name);
void aml_method(struct aml *a, const char *name, unsigned args, bool serialized);
void aml_name(struct aml *a, const char *name); /* followed by one data object */
void aml_name_int(struct aml *a, const char *name, uint64_t v);
void aml_name_str(struct aml *a, const char *name, const char *s);
void aml_name_eisaid(struct aml *a, const char *name, const char *id); /* "PNP0A08" */
enum aml_space { AML_SYSTEM_MEMORY, AML_SYSTEM_IO, AML_PCI_CONFIG };
void aml_op_region(struct aml *a, const char *name, enum aml_space s, uint64_t off,
                   uint64_t len);
/* Opens a field list; `access` is 1 byte, 2 word, 3 dword. Close with aml_end. */
void aml_field(struct aml *a, const char *region, unsigned access);
void aml_field_bits(struct aml *a, const char *name, unsigned bits); /* NULL: skip */
void aml_mutex(struct aml *a, const char *name);
void aml_end(struct aml *a);

/* ---- data ---- */
void aml_int(struct aml *a, uint64_t v);
void aml_str(struct aml *a, const char *s);
void aml_eisaid(struct aml *a, const char *id);
void aml_package(struct aml *a, unsigned n);
/* A buffer whose bytes are written with aml_raw() and the resource functions. */
void aml_buffer(struct aml *a);
void aml_raw(struct aml *a, const void *p, size_t n);
void aml_uuid(struct aml *a, const char *text); /* a whole 16-byte buffer object */
void aml_ref(struct aml *a, const char *name);  /* a name used as an operand */

/* ---- statements and expressions (operands follow) ---- */
void aml_arg(struct aml *a, unsigned n);
void aml_local(struct aml *a, unsigned n);
void aml_return(struct aml *a);
void aml_if(struct aml *a); /* predicate, then statements, then aml_end */
void aml_else(struct aml *a);
void aml_while(struct aml *a);
void aml_store(struct aml *a); /* value, target */
void aml_equal(struct aml *a); /* a, b */
void aml_less(struct aml *a);
void aml_and(struct aml *a); /* a, b, target (aml_no_target) */
void aml_or(struct aml *a);
void aml_add(struct aml *a);
void aml_no_target(struct aml *a);
void aml_notify(struct aml *a);                     /* object, value */
void aml_acquire(struct aml *a, const char *mutex); /* waits for ever */
void aml_release(struct aml *a, const char *mutex);
/* source buffer operand, index operand, then the new name */
void aml_create_dword_field(struct aml *a);
void aml_name_bare(struct aml *a, const char *name);

/* ---- resource descriptors (chapter 6.4), inside aml_resources()..aml_end() ---- */
void aml_resources(struct aml *a);
void aml_res_io(struct aml *a, uint16_t base, uint8_t len);
void aml_res_irq(struct aml *a, unsigned irq); /* ISA: edge, active high */
void aml_res_gsi(struct aml *a, uint32_t gsi, bool level, bool low, bool shared);
void aml_res_memory32(struct aml *a, uint32_t base, uint32_t len);
void aml_res_bus(struct aml *a, uint16_t first, uint16_t last);
void aml_res_io_window(struct aml *a, uint16_t first, uint16_t last);
void aml_res_mem_window(struct aml *a, uint64_t first, uint64_t last, bool prefetch);

#endif
