/* SPDX-License-Identifier: GPL-2.0-or-later */
/* gmem-internal.h - shared by the gmem-*.c files only. */
#ifndef LODGE_CORE_GMEM_INTERNAL_H
#define LODGE_CORE_GMEM_INTERNAL_H

#include "core/gmem-fast.h"

/* ---- readers (gmem-rcu.c) ---- */

struct gmem_reader *gmem_reader_make(void);
void gmem_go_online(struct gmem_reader *r);
void gmem_go_offline(struct gmem_reader *r);

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

void gmem_spot_fill(const struct flat *f, gpa_t addr, struct gmem_spot *s);

/* The range or hole that holds addr; valid until the next look-up of the thread. */
static inline const struct gmem_spot *gmem_spot_find(const struct flat *f, gpa_t addr)
{
	struct gmem_reader *me = likely(gmem_self) ? gmem_self : gmem_reader_make();
	struct gmem_spot *s = gmem_spot_of(me, addr);

	if (!gmem_spot_holds(s, f, addr)) {
		gmem_spot_fill(f, addr, s);
	}
	return s;
}

/* Frees f after each reader has passed a quiescent point. */
void gmem_retire(struct flat *f);
/* Flattens the tree under root; malloc'd, generation 0. */
struct flat *gmem_flatten(struct mr *root);

#endif
