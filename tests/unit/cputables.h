/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cputables.h - what arm64_test.c and riscv64_test.c share: checks of a state table and of a
 * table of KVM's registers, and a guest memory of page tables.
 */
#ifndef LODGE_TESTS_CPUTABLES_H
#define LODGE_TESTS_CPUTABLES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/cpu/arch.h"
#include "core/cpu/fields.h"
#include "kvm/one-reg.h"
#include "unit.h"

/* ---- guest memory: 256 KiB of tables, all else reads as tables_fill ---- */

static uint64_t tables_mem[32768];
static uint64_t tables_fill;

static inline void tables_clear(void)
{
	memset(tables_mem, 0, sizeof(tables_mem));
}

static inline void tables_set(uint64_t pa, uint64_t val)
{
	tables_mem[pa / 8] = val;
}

static inline bool tables_peek(void *opaque, uint64_t pa, void *out, unsigned len)
{
	(void)opaque;
	ck_assert_uint_eq(len, 8);
	if (tables_fill) {
		memcpy(out, &tables_fill, 8);
		return true;
	}
	if (pa % 8 || pa >= sizeof(tables_mem)) {
		return false;
	}
	memcpy(out, &tables_mem[pa / 8], 8);
	return true;
}

/* xorshift64 */
static inline void tables_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
}

/* ---- state ---- */

static inline void *tables_cpu_new(size_t size)
{
	size = ALIGN_UP(size, (size_t)64);
	return memset(aligned_alloc(64, size), 0, size);
}

/* ---- state tables ---- */

static inline unsigned tables_size(const struct cpu_field *f)
{
	switch (f->type) {
	case CPU_F_BOOL: return (unsigned)sizeof(bool);
	case CPU_F_U8:
	case CPU_F_BYTES: return 1;
	case CPU_F_U16: return 2;
	case CPU_F_U32: return 4;
	case CPU_F_U64: return 8;
	}
	ck_abort_msg("type of %s", f->name);
}

/* Names are unique, members are inside, none overlaps another. */
static inline void tables_check_fields(const struct guest_arch *a)
{
	for (unsigned i = 0; i < a->n_fields; i++) {
		const struct cpu_field *f = &a->fields[i];
		uint64_t end = f->offset + (uint64_t)tables_size(f) * f->count;

		ck_assert_msg(f->count > 0 && end <= a->state_size, "%s is outside",
		              f->name);
		ck_assert_msg(f->offset % tables_size(f) == 0, "%s is not aligned",
		              f->name);
		for (unsigned k = 0; k < i; k++) {
			const struct cpu_field *g = &a->fields[k];
			uint64_t gend = g->offset + (uint64_t)tables_size(g) * g->count;

			ck_assert_msg(strcmp(f->name, g->name) != 0, "%s twice",
			              f->name);
			ck_assert_msg(end <= g->offset || gend <= f->offset,
			              "%s and %s overlap", f->name, g->name);
		}
	}
}

/* ---- KVM's register tables ---- */

static inline void tables_check_reg(const struct one_reg *r, uint64_t arch, size_t cpu,
                                    size_t view)
{
	unsigned long long id = r->id;
	size_t limit = r->how & ONE_REG_VIEW ? view : cpu;

	ck_assert_msg((r->id & ONE_REG_ARCH_MASK) == arch, "%llx: architecture", id);
	if (r->how & ONE_REG_SKIP) {
		return;
	}
	ck_assert_msg(r->off + (size_t)r->room <= limit, "%llx is outside", id);
	if (r->how & ONE_REG_FLEX) {
		ck_assert_msg((r->id & ONE_REG_SIZE_MASK) == 0, "%llx has a size", id);
	} else {
		ck_assert_msg(ONE_REG_BYTES(r->id) == r->room,
		              "%llx has %u bytes, not %u", id, ONE_REG_BYTES(r->id),
		              r->room);
	}
}

/* Ids are unique, sizes are those the ids say, no two registers share a member. */
static inline void tables_check_regs(const struct one_reg *t, unsigned n, uint64_t arch,
                                     size_t cpu, size_t view)
{
	ck_assert_uint_gt(n, 50);
	for (unsigned i = 0; i < n; i++) {
		tables_check_reg(&t[i], arch, cpu, view);
		for (unsigned k = 0; k < i; k++) {
			ck_assert_msg((t[i].id & ~ONE_REG_SIZE_MASK) !=
			                      (t[k].id & ~ONE_REG_SIZE_MASK),
			              "%llx twice", (unsigned long long)t[i].id);
			ck_assert_msg((t[i].how & ONE_REG_SKIP) ||
			                      (t[k].how & ONE_REG_SKIP) ||
			                      (t[i].how & ONE_REG_VIEW) !=
			                              (t[k].how & ONE_REG_VIEW) ||
			                      t[i].off != t[k].off,
			              "%llx and %llx share a member",
			              (unsigned long long)t[i].id,
			              (unsigned long long)t[k].id);
		}
		ck_assert_ptr_eq(one_reg_find(t, n, t[i].id), &t[i]);
	}
}

#endif
