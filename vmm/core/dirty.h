/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty.h - which pages of guest RAM were written: one bitmap a user, many sources.
 *
 * A *user* (migration, calc-dirty-rate, a Xen toolstack) starts a log, calls
 * dirty_log_collect() now and then, and takes pages out of its own bitmap. When it
 * starts, every page counts as unknown: it is the user that reads all of them once.
 *
 * Sources are of two kinds.
 *   - Writers that we see: DMA, register handlers, the slow paths of the translator.
 *     They call dirty_mark(), which sets bits in the *pending* bitmap.
 *   - Writers that somebody else watches: KVM (ring or bitmap), Xen, vhost. They are
 *     asked in dirty_log_collect().
 *
 * No write is ever missed. The promise to a user: what was written before a collect
 * began is in its bitmap when collect returns, and a write that comes later is in the
 * bitmap after a later collect, or its bytes can already be read, or both. So a page that is
 * read after the collect that reported it is either up to date, or is reported again.
 * Why this holds, for the three ways in which a write is recorded:
 *
 *   1. Write, then mark (DMA). A collect between the two finds nothing; the next one does.
 *      The mark is an atomic read-modify-write, so the bytes are visible before the bit.
 *   2. Mark, then write through a cached permission (translator: a TLB entry that may be
 *      written exists only for a page that is marked). collect takes the pending bits
 *      *first* and *then* calls the source, which drops all cached permissions and
 *      waits for each vCPU to notice: a write through an old permission ends
 *      before collect returns, and its page is among the bits just taken.
 *   3. A hypervisor's record. The source moves it into the bitmap and arms the page anew
 *      before it returns: what is written in between goes to a page that is in the set.
 *      A vCPU that must empty its full ring meanwhile moves it to a place of the source's and
 *      re-arms, as one step under the lock that the source's collect takes.
 *
 * A source may report too much (a page that was written to with the same bytes, or that
 * KVM itself wrote), never too little.
 *
 * Threads: start, stop, collect: any thread that is no vCPU and holds no lock; they are
 * serialised. take and count: the user's. dirty_mark: any, with any lock held.
 */
#ifndef LODGE_CORE_DIRTY_H
#define LODGE_CORE_DIRTY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "base/err.h"
#include "base/list.h"

struct vm;

enum { DIRTY_PAGE_BITS = 12 };
/* Bitmaps are address space for this much; pages of them that nobody touches cost nothing. */
#define DIRTY_MAX_RAM  (UINT64_C(1) << 42)
#define DIRTY_MAP_SIZE (DIRTY_MAX_RAM >> (DIRTY_PAGE_BITS + 3))

/* ---- users ---- */

struct dirty_log {
	struct list link;
	struct vm *vm;
	_Atomic uint64_t *bits; /* one a page of the RAM offset space */
};

int dirty_log_start(struct dirty_log *d, struct vm *vm, struct err *e) __must_check;
void dirty_log_stop(struct dirty_log *d);
/* All sources into the bitmaps of all users. On failure what could be collected is there. */
int dirty_log_collect(struct vm *vm, struct err *e) __must_check;
/* Takes the bits of [ram_off, +len), both multiples of 64 pages, out of the log; returns how
 * many were set. `out` (bit 0 is the page at ram_off) may be NULL. */
uint64_t dirty_log_take(struct dirty_log *d, uint64_t ram_off, uint64_t len,
                        uint64_t *out);
uint64_t dirty_log_count(const struct dirty_log *d);
bool dirty_log_test(const struct dirty_log *d, uint64_t ram_off);

/* ---- sources ---- */

/* Besides the accelerator's (hv_ops.mem). `bits` covers all of RAM. */
struct dirty_source {
	struct list link;
	int (*start)(struct dirty_source *s, struct err *e);
	void (*stop)(struct dirty_source *s);
	int (*collect)(struct dirty_source *s, uint64_t *bits, struct err *e);
};
void dirty_source_add(struct dirty_source *s);
void dirty_source_del(struct dirty_source *s);

extern _Atomic bool dirty_on; /* dirty.c's */
static inline bool dirty_logging(void)
{
	return unlikely(atomic_load_explicit(&dirty_on, memory_order_relaxed));
}
/* After the write. Does nothing when nobody logs. */
void dirty_mark(uint64_t ram_off, uint64_t len);
/* Is it pending? */
bool dirty_is_marked(uint64_t ram_off);

static inline void dirty_set_bit(uint64_t *bits, uint64_t page)
{
	bits[page / 64] |= UINT64_C(1) << (page % 64);
}

#endif
