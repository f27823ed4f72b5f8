/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem-tree.c - regions, and how a tree of them becomes a flat map.
 *
 * Regions are rendered from the highest priority down; each takes only the gaps
 * that are left, so nothing is ever overwritten. A container or an alias renders
 * its content clipped to itself. The recursion follows the board's own tree and
 * is cut at a depth no board reaches.
 *
 * Known limit: the last byte of a 64-bit space is not addressable (a size of
 * UINT64_MAX stands for "everything").
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/gmem-internal.h"

enum { MR_DEPTH_MAX = 32 };

static void mr_init(struct mr *m, enum mr_kind kind, const char *name, uint64_t size)
{
	memset(m, 0, sizeof(*m));
	m->kind = kind;
	m->enabled = true;
	m->size = size;
	m->name = name;
	list_init(&m->link);
	list_init(&m->children);
}

void mr_init_container(struct mr *m, const char *name, uint64_t size)
{
	mr_init(m, MR_CONTAINER, name, size);
}

void mr_init_ram(struct mr *m, const char *name, struct ram_block *b)
{
	mr_init(m, MR_RAM, name, b->size);
	m->ram = b;
}

void mr_init_rom(struct mr *m, const char *name, struct ram_block *b)
{
	mr_init(m, MR_ROM, name, b->size);
	m->ram = b;
	m->readonly = true;
}

void mr_init_io(struct mr *m, const char *name, uint64_t size, const struct mr_ops *ops,
                void *opaque, struct lk *lock)
{
	mr_init(m, MR_IO, name, size);
	m->ops = ops;
	m->opaque = opaque;
	m->lock = lock;
}

void mr_init_alias(struct mr *m, const char *name, struct mr *target, uint64_t off,
                   uint64_t size)
{
	mr_init(m, MR_ALIAS, name, size);
	m->alias = target;
	m->alias_off = off;
}

/* ---- flattening ---- */

typedef __int128 mr_wide; /* addresses of clipped content may lie below zero */

struct mr_render {
	struct flat_range *r;
	unsigned n, cap;
};

static void mr_render_insert(struct mr_render *v, unsigned at, struct flat_range nr)
{
	if (v->n == v->cap) {
		v->cap = v->cap ? v->cap * 2 : 32;
		v->r = reallocarray(v->r, v->cap, sizeof(*v->r));
		if (!v->r) {
			abort(); /* a few KiB on a topology change */
		}
	}
	memmove(&v->r[at + 1], &v->r[at], (v->n - at) * sizeof(*v->r));
	v->r[at] = nr;
	v->n++;
}

static struct flat_range mr_render_range(struct mr *m, mr_wide base, uint64_t start,
                                         uint64_t end, bool ro)
{
	struct flat_range nr = { .start = start,
		                 .size = end - start,
		                 .mr = m,
		                 .off = (uint64_t)((mr_wide)start - base),
		                 .readonly = ro };

	if (m->kind == MR_RAM || m->kind == MR_ROM) {
		nr.host = m->ram->host + m->ram_delta + nr.off;
		nr.ram_off = m->ram->ram_off + m->ram_delta + nr.off;
	}
	return nr;
}

/* Puts m, whose byte 0 lies at base, into the gaps of [lo, hi). */
static void mr_render_leaf(struct mr_render *v, struct mr *m, mr_wide base, uint64_t lo,
                           uint64_t hi, bool ro)
{
	unsigned i = 0;

	while (lo < hi) {
		uint64_t gap_end = hi;

		while (i < v->n && v->r[i].start + v->r[i].size <= lo) {
			i++;
		}
		if (i < v->n && v->r[i].start <= lo) {
			lo = v->r[i].start + v->r[i].size;
			continue;
		}
		if (i < v->n) {
			gap_end = MIN(gap_end, v->r[i].start);
		}
		mr_render_insert(v, i, mr_render_range(m, base, lo, gap_end, ro));
		lo = gap_end;
	}
}

static void mr_render(struct mr_render *v, struct mr *m, mr_wide base, uint64_t lo,
                      uint64_t hi, bool ro, unsigned depth)
{
	mr_wide end = base + m->size;
	struct mr *c;

	if (!m->enabled || depth > MR_DEPTH_MAX) {
		return;
	}
	if (base > (mr_wide)lo) {
		lo = base > (mr_wide)UINT64_MAX ? UINT64_MAX : (uint64_t)base;
	}
	if (end < (mr_wide)hi) {
		hi = end < 0 ? 0 : (uint64_t)end;
	}
	if (lo >= hi) {
		return;
	}
	ro |= m->readonly;
	switch (m->kind) {
	case MR_CONTAINER:
		list_for_each (c, &m->children, link) {
			mr_render(v, c, base + c->addr, lo, hi, ro, depth + 1);
		}
		break;
	case MR_ALIAS:
		mr_render(v, m->alias, base - m->alias_off, lo, hi, ro, depth + 1);
		break;
	default: mr_render_leaf(v, m, base, lo, hi, ro); break;
	}
}

static bool mr_can_merge(const struct flat_range *a, const struct flat_range *b)
{
	return a->mr == b->mr && a->start + a->size == b->start &&
	       a->off + a->size == b->off && a->readonly == b->readonly;
}

static void mr_render_merge(struct mr_render *v)
{
	unsigned n = 0;

	for (unsigned i = 0; i < v->n; i++) {
		if (n && mr_can_merge(&v->r[n - 1], &v->r[i])) {
			v->r[n - 1].size += v->r[i].size;
		} else {
			v->r[n++] = v->r[i];
		}
	}
	v->n = n;
}

struct flat *gmem_flatten(struct mr *root)
{
	struct mr_render v = { 0 };
	struct flat *f;

	mr_render(&v, root, 0, 0, UINT64_MAX, false, 0);
	mr_render_merge(&v);
	f = calloc(1, sizeof(*f) + v.n * sizeof(f->r[0]));
	if (!f) {
		abort();
	}
	f->n = v.n;
	if (v.n) {
		memcpy(f->r, v.r, v.n * sizeof(f->r[0]));
	}
	free(v.r);
	return f;
}
