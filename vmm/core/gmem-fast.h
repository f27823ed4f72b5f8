/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem-fast.h - register accesses of vCPUs in line, for accelerators. The same as
 * aspace_read() and aspace_write() (gmem.h), which do what is not done here: RAM, pieces,
 * refused sizes, the first access to a place.
 *
 * Each reader thread remembers where its last accesses went, holes too, with what a call of the
 * register handler needs: one look at the entry replaces the search, the rules of the region
 * and three loads. A generation names one map of one space for ever, so a stale entry can't match
 * a new map; an entry that was never filled holds no address. `sizes` has the bit of a size
 * only if each aligned access of that size which begins in the range ends in it and is one
 * the region takes in one piece.
 *
 * Threads: those that pass gmem_quiescent().
 */
#ifndef LODGE_CORE_GMEM_FAST_H
#define LODGE_CORE_GMEM_FAST_H

#include <stdatomic.h>

#include "core/gmem.h"
#include "core/lock.h"

enum { GMEM_SPOTS = 16 };

struct gmem_spot {
	unsigned generation;
	unsigned sizes; /* of a register access that may be done here: 1 | 2 | 4 | 8 */
	gpa_t start;
	uint64_t size;
	const struct flat_range *r; /* NULL: a hole */
	uint64_t off;               /* of `start` in the region */
	uint64_t (*read)(void *opaque, uint64_t off, unsigned size);
	void (*write)(void *opaque, uint64_t off, uint64_t val, unsigned size);
	void *opaque;
	struct lk *lock;
};

/* See gmem-rcu.c. */
struct gmem_reader {
	_Atomic uint64_t seen; /* epoch; 0: offline */
	unsigned nest;         /* aspace_enter depth */
	bool ticks; /* registered and not offline: online without a section */
	unsigned register_depth;
	unsigned offline_depth;
	struct list link;
	struct gmem_spot spots[GMEM_SPOTS];
};
extern __thread struct gmem_reader *gmem_self;
extern _Atomic uint64_t gmem_epoch;

static inline struct gmem_spot *gmem_spot_of(struct gmem_reader *me, gpa_t addr)
{
	return &me->spots[(unsigned)(addr >> 10 ^ addr >> 2) % GMEM_SPOTS];
}

static inline bool gmem_spot_holds(const struct gmem_spot *s, const struct flat *f,
                                   gpa_t addr)
{
	return likely(s->generation == f->generation) &&
	       likely(addr - s->start < s->size);
}

/* Is it one whole access of a register? */
static inline bool gmem_spot_takes(const struct gmem_spot *s, uint64_t off,
                                   unsigned size)
{
	return likely(s->sizes & size) && likely(!(off & (size - 1)));
}

/* May have more bits than asked for. */
static inline uint64_t aspace_read_fast(struct aspace *as, gpa_t addr, unsigned size)
{
	struct gmem_reader *me = gmem_self;
	const struct gmem_spot *s;
	const struct flat *f;
	uint64_t off, v;

	if (unlikely(!me || !me->ticks)) {
		return aspace_read(as, addr, size);
	}
	f = atomic_load_explicit(&as->flat, memory_order_acquire);
	s = gmem_spot_of(me, addr);
	off = addr - s->start + s->off;
	if (unlikely(!gmem_spot_holds(s, f, addr) || !gmem_spot_takes(s, off, size))) {
		return aspace_read(as, addr, size);
	}
	me->nest++;
	{
		LOCK_SCOPE(s->lock);
		v = s->read(s->opaque, off, size);
	}
	me->nest--;
	return v;
}

/* `val` has no bits above `size`. */
static inline void aspace_write_fast(struct aspace *as, gpa_t addr, uint64_t val,
                                     unsigned size)
{
	struct gmem_reader *me = gmem_self;
	const struct gmem_spot *s;
	const struct flat *f;
	uint64_t off;

	if (unlikely(!me || !me->ticks)) {
		aspace_write(as, addr, val, size);
		return;
	}
	f = atomic_load_explicit(&as->flat, memory_order_acquire);
	s = gmem_spot_of(me, addr);
	off = addr - s->start + s->off;
	if (unlikely(!gmem_spot_holds(s, f, addr) || !gmem_spot_takes(s, off, size))) {
		aspace_write(as, addr, val, size);
		return;
	}
	me->nest++;
	{
		LOCK_SCOPE(s->lock);
		s->write(s->opaque, off, val, size);
	}
	me->nest--;
}

/* gmem_quiescent(), for run loops. */
static inline void gmem_tick(void)
{
	struct gmem_reader *me = gmem_self;

	if (likely(me && me->ticks && !me->nest)) {
		atomic_store_explicit(
			&me->seen,
			atomic_load_explicit(&gmem_epoch, memory_order_acquire),
			memory_order_release);
	}
}

#endif
