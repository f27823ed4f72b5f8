/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gmem-internal.h - shared by the gmem-*.c files only. */
#ifndef LODGE_CORE_GMEM_INTERNAL_H
#define LODGE_CORE_GMEM_INTERNAL_H

#include <stdatomic.h>

#include "core/gmem.h"
#include "core/lock.h"

/* ---- readers (gmem-rcu.c) ---- */

struct gmem_reader {
	_Atomic uint64_t seen; /* epoch; 0: offline */
	unsigned nest;         /* aspace_enter depth */
	bool ticks; /* registered and not offline: online without a section */
	unsigned register_depth;
	unsigned offline_depth;
	struct list link;
};
extern __thread struct gmem_reader *gmem_self;
void gmem_go_online(struct gmem_reader *r);
void gmem_go_offline(struct gmem_reader *r);

/* aspace_enter(), for each register access of a vCPU. */
static inline const struct flat *gmem_enter(struct aspace *as)
{
	struct gmem_reader *r = gmem_self;

	if (unlikely(!r || !(r->nest || r->ticks))) {
		return aspace_enter(as);
	}
	r->nest++;
	return atomic_load_explicit(&as->flat, memory_order_acquire);
}

static inline void gmem_leave(void)
{
	struct gmem_reader *r = gmem_self;

	r->nest--;
	if (unlikely(!(r->nest || r->ticks))) {
		gmem_go_offline(r);
	}
}

/* ---- look-up (gmem-space.c) ---- */

/*
 * Each thread remembers where its last accesses went, holes too: register accesses repeat.
 * A generation names one map of one space for ever, so a stale entry can't match a new
 * map, and an entry that was never filled holds no address.
 */
enum { GMEM_SPOTS = 16 };
struct gmem_spot {
	unsigned generation;
	const struct flat_range *r; /* NULL: a hole */
	gpa_t start;
	uint64_t size;
};
extern __thread struct gmem_spot gmem_spots[GMEM_SPOTS];
const struct gmem_spot *gmem_spot_fill(const struct flat *f, gpa_t addr,
                                       struct gmem_spot *s);

/* The range or hole that holds addr; valid until the next look-up of the thread. */
static inline const struct gmem_spot *gmem_spot_find(const struct flat *f, gpa_t addr)
{
	unsigned slot = (unsigned)(addr >> 12 ^ addr >> 8 ^ addr >> 2) % GMEM_SPOTS;
	struct gmem_spot *s = &gmem_spots[slot];

	if (likely(s->generation == f->generation && addr - s->start < s->size)) {
		return s;
	}
	return gmem_spot_fill(f, addr, s);
}

/* Frees f after each reader has passed a quiescent point. */
void gmem_retire(struct flat *f);
/* Flattens the tree under root; malloc'd, generation 0. */
struct flat *gmem_flatten(struct mr *root);

#endif
