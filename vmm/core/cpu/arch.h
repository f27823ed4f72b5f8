/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arch.h - what core needs to know of a guest architecture. One table each.
 *
 * The architectural struct is allocated with CPU_HEADROOM bytes mapped before
 * it, so that the translator can keep its own per-vCPU data at negative offsets
 * from the same base register. Untouched head-room costs no memory.
 */
#ifndef LODGE_CORE_CPU_ARCH_H
#define LODGE_CORE_CPU_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"

struct vcpu;
struct opt;
struct cpu_field;

enum { CPU_HEADROOM = 65536 };

struct guest_arch {
	const char *name; /* "x86_64" */
	size_t state_size;
	/* -cpu text -> the struct's identification; before the vCPU runs. */
	int (*set_model)(struct vcpu *c, struct opt *cpu_opts, struct err *e);
	void (*reset)(struct vcpu *c); /* power-on state; BSP/AP by vcpu index */
	/* After reset(), of a vCPU that comes late: what it shares with the others; or NULL */
	void (*plug)(struct vcpu *c);
	/* What firmware tables know it by (x86: local APIC id); NULL: its index */
	uint32_t (*cpu_id)(const struct vcpu *c);
	/* Is there anything that ends a halt? own thread or under vm->lk */
	bool (*has_work)(struct vcpu *c);
	void (*nmi)(struct vcpu *c); /* [any thread]; NULL: there is none */
	void (*dump)(struct vcpu *c, FILE *f);
	uint64_t (*pc)(struct vcpu *c);
	/* guest virtual -> physical for debuggers; no side effects; -EFAULT */
	int (*debug_translate)(struct vcpu *c, uint64_t va, uint64_t *pa);
	const struct cpu_field *fields; /* state table: migration, gdb, QMP */
	unsigned n_fields;
	/* Model names for -cpu help and query-cpu-definitions: NULL at the end. */
	const char *(*model_name)(unsigned i);
};

extern const struct guest_arch x86_guest_arch;
extern const struct guest_arch arm64_guest_arch;
extern const struct guest_arch riscv64_guest_arch;

#endif
