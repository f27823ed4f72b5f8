/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jc.c - jump caches: for each (address space and privilege, block key) lately used a
 * table from guest pc to host code, probed by emitted code at indirect and
 * cross-page jumps. Switching address space or mode switches the table's pointer.
 *
 * An entry is *empty* (pc TCG_JC_EMPTY), *live* (host is the block's code), or *void*
 * (host is the miss stub): the block is known, but its page may be mapped elsewhere by now.
 * Entries become void when their page is flushed, when their address space is, and when a
 * new address space begins with a copy of another one's table. The first jump to a void
 * entry goes to the dispatcher, which finds where the page is now; if that is where the
 * block was translated from, all the page's entries live again (rt_jc_revive). So a new
 * process costs one trip a page, not one a jump target.
 *
 * Four entries in one cache line make a set: where emitted code finds another pc in the one
 * that pc's index names, it goes on to the miss stub, which looks into the others (index ^ 1,
 * ^ 2, ^ 3) before it leaves. A new entry takes its own place; what was there moves.
 *
 * Entries on global pages are the same in every address space: a table that has no others
 * (the kernel's, mostly) serves all of them and is never copied.
 *
 * A pic block (env.h) may be in any number of entries: when it dies its first instruction
 * becomes a jump to the miss stub, and the entries are looked for only when its region of the
 * code cache is used again.
 *
 * Threads: entries are written by the vCPU's own thread, but a block that dies is taken
 * out by any thread, under rt->lk: whoever makes entries from what is in a table holds it.
 */
#include "config.h"

#include "tcg-fallback/rt/rt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/pages.h"

enum {
	JC_PER_PAGE = (TCG_PAGE << TCG_JC_SHIFT) / sizeof(struct tcg_jc_entry),
	JC_TAB_SIZE = sizeof(struct tcg_jc_entry) * TCG_JC_N,
	JC_BLK_SIZE = sizeof(struct tcg_block *) * TCG_JC_N,
	JC_NOTE_SIZE = sizeof(struct rt_jc_note) * TCG_JC_N,
};

static unsigned rt_jc_index(uint64_t pc)
{
	return TCG_JC_OFF(pc) / sizeof(struct tcg_jc_entry);
}

static bool rt_bit(const uint64_t *map, unsigned i)
{
	return map[i / 64] >> (i % 64) & 1;
}

/* First word of the bit maps for the page's entries. */
static unsigned rt_jc_page_word(uint64_t page)
{
	return (rt_jc_index(page << TCG_PAGE_BITS) & ~(JC_PER_PAGE - 1u)) / 64;
}

static unsigned rt_jc_bloom(uint64_t page)
{
	return (unsigned)((page * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % RT_JC_BLOOM;
}

/* The entry that has pc, or -1. */
static int rt_jc_at(const struct rt_jc_slot *s, uint64_t pc)
{
	unsigned i = rt_jc_index(pc);

	for (unsigned k = 0; k < TCG_JC_WAYS; k++) {
		if (s->tab[i ^ k].pc == pc) {
			return (int)(i ^ k);
		}
	}
	return -1;
}

static void rt_jc_set_host(struct rt_jc_slot *s, unsigned i, const void *host)
{
	atomic_store_explicit(&s->tab[i].host, (void *)(uintptr_t)host,
	                      memory_order_relaxed);
}

/* What the bit maps say of entry i: void. */
static void rt_jc_unmark(struct rt_jc_slot *s, unsigned i)
{
	s->n_local -= rt_bit(s->local, i);
	s->local[i / 64] &= ~BIT64(i % 64);
	s->global[i / 64] &= ~BIT64(i % 64);
}

/* ... live. */
static void rt_jc_mark(struct rt_jc_slot *s, unsigned i, bool global)
{
	rt_jc_unmark(s, i);
	s->fill[i / 64] |= BIT64(i % 64);
	(global ? s->global : s->local)[i / 64] |= BIT64(i % 64);
	s->n_local += !global;
}

static void rt_jc_empty_entry(struct tcg_rt *rt, struct rt_jc_slot *s, unsigned i)
{
	s->tab[i].pc = TCG_JC_EMPTY;
	rt_jc_set_host(s, i, rt->miss_stub);
	atomic_store_explicit(&s->blk[i], NULL, memory_order_relaxed);
	rt_jc_unmark(s, i);
	s->fill[i / 64] &= ~BIT64(i % 64);
}

/* The entry must be asked for again before it is used. */
static void rt_jc_void(struct tcg_rt *rt, struct rt_jc_slot *s, unsigned i)
{
	rt_jc_set_host(s, i, rt->miss_stub);
	rt_jc_unmark(s, i);
}

static void rt_jc_void_local(struct rt_vcpu *v, struct rt_jc_slot *s)
{
	for (unsigned w = 0; s->n_local && w < TCG_JC_N / 64; w++) {
		for (uint64_t m = s->local[w]; m; m &= m - 1) {
			rt_jc_void(v->rt, s, w * 64 + (unsigned)__builtin_ctzll(m));
		}
	}
}

/* The table that misses always, for all vCPUs; their threads begin at the same time. */
static int rt_jc_init_empty(struct tcg_rt *rt)
{
	LOCK_SCOPE(&rt->lk);

	if (rt->jc_empty) {
		return 0;
	}
	rt->jc_empty = pages_map(JC_TAB_SIZE);
	if (!rt->jc_empty) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < TCG_JC_N; i++) {
		rt->jc_empty[i].pc = TCG_JC_EMPTY;
		atomic_store(&rt->jc_empty[i].host, rt->miss_stub);
	}
	return 0;
}

int rt_jc_init(struct rt_vcpu *v)
{
	struct tcg_rt *rt = v->rt;

	if (rt_jc_init_empty(rt) < 0) {
		return -ENOMEM;
	}
	for (int t = 0; t < RT_JC_TABLES; t++) {
		v->jc[t].tab = pages_map(JC_TAB_SIZE);
		v->jc[t].blk = pages_map(JC_BLK_SIZE);
		v->jc[t].note = pages_map(JC_NOTE_SIZE);
		if (!v->jc[t].tab || !v->jc[t].blk || !v->jc[t].note) {
			return -ENOMEM;
		}
	}
	atomic_store(&v->env->jc, rt->jc_empty);
	return 0;
}

void rt_jc_fini(struct rt_vcpu *v)
{
	for (int t = 0; t < RT_JC_TABLES; t++) {
		if (v->jc[t].tab) {
			munmap(v->jc[t].tab, JC_TAB_SIZE);
		}
		if (v->jc[t].blk) {
			munmap(v->jc[t].blk, JC_BLK_SIZE);
		}
		if (v->jc[t].note) {
			munmap(v->jc[t].note, JC_NOTE_SIZE);
		}
	}
}

/* Puts the table in force, unless somebody wants the vCPU out. */
static void rt_jc_publish(struct rt_vcpu *v)
{
	atomic_store(&v->env->jc, v->jc_cur->tab);
	if (atomic_load(&v->env->pending)) {
		atomic_store(&v->env->jc, v->rt->jc_empty);
	}
}

/* Address space and what of the mode matters to fetches. */
static uint64_t rt_jc_class(const struct rt_vcpu *v)
{
	return (v->env->ctx & ~UINT64_C(7)) | v->rt->guest->fetch_class[v->mode];
}

static void rt_jc_wipe(struct rt_vcpu *v, struct rt_jc_slot *s)
{
	if (!s->used) { /* fresh memory */
		for (unsigned i = 0; i < TCG_JC_N; i++) {
			s->tab[i].pc = TCG_JC_EMPTY;
			rt_jc_set_host(s, i, v->rt->miss_stub);
		}
	}
	for (unsigned w = 0; w < TCG_JC_N / 64; w++) {
		for (uint64_t m = s->fill[w]; m; m &= m - 1) {
			rt_jc_empty_entry(v->rt, s,
			                  w * 64 + (unsigned)__builtin_ctzll(m));
		}
	}
	memset(s->bloom, 0, sizeof(s->bloom));
}

/* The table begins as a copy of `from`, whose non-global entries may be wrong in here. */
static void rt_jc_copy(struct rt_vcpu *v, struct rt_jc_slot *s,
                       const struct rt_jc_slot *from)
{
	LOCK_SCOPE(&v->rt->lk);

	for (unsigned w = 0; w < TCG_JC_N / 64; w++) {
		for (uint64_t m = from->fill[w]; m; m &= m - 1) {
			unsigned i = w * 64 + (unsigned)__builtin_ctzll(m);
			struct tcg_block *b = atomic_load_explicit(
				&from->blk[i], memory_order_relaxed);

			if (!b) {
				continue;
			}
			s->tab[i].pc = from->tab[i].pc;
			atomic_store_explicit(&s->blk[i], b, memory_order_relaxed);
			s->note[i] = from->note[i];
			s->fill[w] |= BIT64(i % 64);
			if (rt_bit(from->global, i)) {
				rt_jc_mark(s, i, true);
				rt_jc_set_host(s, i, from->tab[i].host);
			}
		}
	}
	memcpy(s->bloom, from->bloom, sizeof(s->bloom));
}

/* A table for (ctx, key): the one it had, one that is good for every address space, or an old
 * one made ready. */
static struct rt_jc_slot *rt_jc_find(struct rt_vcpu *v, uint64_t ctx, uint64_t key)
{
	struct rt_jc_slot *victim = &v->jc[0], *from = NULL, *any = NULL;

	for (int t = 0; t < RT_JC_TABLES; t++) {
		struct rt_jc_slot *s = &v->jc[t];

		if (s->valid && s->key == key && !((s->ctx ^ ctx) & 7)) {
			if (s->ctx == ctx) {
				return s;
			}
			any = s->n_local ? any : s;
			from = from && from->used > s->used ? from : s;
		}
		if (!s->valid ? victim->valid || s->used < victim->used
		              : victim->valid && s->used < victim->used) {
			victim = s;
		}
	}
	if (!any) {
		any = victim;
		if (from != victim) {
			rt_jc_wipe(v, victim);
			if (from) {
				rt_jc_copy(v, victim, from);
			}
		} else {
			rt_jc_void_local(v, victim);
		}
	}
	any->ctx = ctx;
	any->key = key;
	any->valid = true;
	return any;
}

void rt_jc_select(struct rt_vcpu *v, uint64_t key)
{
	uint64_t ctx = rt_jc_class(v);
	struct rt_jc_slot *s = v->jc_cur;

	if (s && s->valid && s->ctx == ctx && s->key == key) {
		if (atomic_load_explicit(&v->env->jc, memory_order_relaxed) != s->tab) {
			rt_jc_publish(v);
		}
		return;
	}
	s = rt_jc_find(v, ctx, key);
	s->used = ++v->jc_clock;
	v->jc_cur = s;
	rt_jc_publish(v);
}

struct tcg_block *rt_jc_block(struct rt_vcpu *v, uint64_t pc)
{
	int i = rt_jc_at(v->jc_cur, pc);

	return i < 0 ? NULL : atomic_load(&v->jc_cur->blk[i]);
}

const void *rt_jc_code(struct rt_vcpu *v, uint64_t pc)
{
	int i = rt_jc_at(v->jc_cur, pc);
	const struct tcg_block *b = i < 0 ? NULL : atomic_load(&v->jc_cur->blk[i]);
	const void *x = b && !b->dead ? atomic_load(&v->jc_cur->tab[i].host) : NULL;

	return x == v->rt->miss_stub ? NULL : x;
}

/* The void entries of pc's page, which turned out to be at `ram_page`. Looks at no block:
 * most are out of the host's caches. (A pic block that died in the meantime leads to the miss
 * stub by itself.) */
static void rt_jc_revive(struct rt_vcpu *v, uint64_t pc, uint64_t ram_page, bool global)
{
	struct rt_jc_slot *s = v->jc_cur;
	uint64_t page = pc >> TCG_PAGE_BITS;
	unsigned from = rt_jc_page_word(page);
	LOCK_SCOPE(&v->rt->lk);

	for (unsigned w = from; w < from + JC_PER_PAGE / 64; w++) {
		for (uint64_t m = s->fill[w] & ~(s->global[w] | s->local[w]); m;
		     m &= m - 1) {
			unsigned i = w * 64 + (unsigned)__builtin_ctzll(m);
			const struct tcg_block *b =
				atomic_load_explicit(&s->blk[i], memory_order_relaxed);

			if (s->tab[i].pc >> TCG_PAGE_BITS != page) {
				continue;
			}
			if (!b || (s->note[i].rpage != RT_NO_PAGE &&
			           s->note[i].rpage != ram_page)) {
				rt_jc_empty_entry(v->rt, s, i);
			} else if (s->note[i].rpage != RT_NO_PAGE) {
				rt_jc_set_host(s, i, v->rt->cache.x + s->note[i].xoff);
				rt_jc_mark(s, i, global);
			}
		}
	}
}

/* Entry i goes to another place of its set. */
static void rt_jc_move(struct rt_vcpu *v, struct rt_jc_slot *s, unsigned i)
{
	unsigned to = i ^ (1 + (unsigned)(v->st_jc_fill % (TCG_JC_WAYS - 1)));
	struct tcg_block *b;
	LOCK_SCOPE(&v->rt->lk);

	for (unsigned k = 1; k < TCG_JC_WAYS; k++) {
		to = rt_bit(s->fill, i ^ k) ? to : i ^ k;
	}
	rt_jc_empty_entry(v->rt, s, to);
	b = atomic_load_explicit(&s->blk[i], memory_order_relaxed);
	if (b) {
		s->tab[to].pc = s->tab[i].pc;
		rt_jc_set_host(s, to, s->tab[i].host);
		atomic_store_explicit(&s->blk[to], b, memory_order_relaxed);
		s->note[to] = s->note[i];
		s->fill[to / 64] |= BIT64(to % 64);
		if (rt_bit(s->global, i) || rt_bit(s->local, i)) {
			rt_jc_mark(s, to, rt_bit(s->global, i));
		}
	}
	rt_jc_empty_entry(v->rt, s, i);
}

void rt_jc_put(struct rt_vcpu *v, uint64_t pc, struct tcg_block *blk)
{
	struct rt_jc_slot *s = v->jc_cur;
	unsigned i = rt_jc_index(pc), b = rt_jc_bloom(pc >> TCG_PAGE_BITS);
	bool global = rt_exec_global(v, pc);
	int was = rt_jc_at(s, pc);

	if (was >= 0) {
		if (s->tab[was].host == v->rt->miss_stub) {
			rt_jc_revive(v, pc, blk->ram_off >> TCG_PAGE_BITS, global);
		}
		rt_jc_empty_entry(v->rt, s, (unsigned)was);
	}
	if (rt_bit(s->fill, i)) {
		rt_jc_move(v, s, i);
	}
	atomic_store(&s->blk[i], blk);
	s->note[i].xoff = (uint32_t)(blk->x - v->rt->cache.x);
	s->note[i].rpage = blk->ram_off2 != RT_NO_RAM
	                           ? RT_NO_PAGE
	                           : (uint32_t)(blk->ram_off >> TCG_PAGE_BITS);
	atomic_store(&s->tab[i].host, (void *)(uintptr_t)blk->x);
	s->tab[i].pc = pc;
	s->bloom[b / 64] |= BIT64(b % 64);
	rt_jc_mark(s, i, global);
	/* Against rt_block_kill_locked, which sets dead before it sweeps the tables. */
	if (atomic_load(&blk->dead)) {
		rt_jc_empty_entry(v->rt, s, i);
	}
	v->st_jc_fill++;
}

static void rt_jc_forget_at(struct tcg_rt *rt, struct rt_jc_slot *s, unsigned i,
                            struct tcg_block *b)
{
	void *host = (void *)(uintptr_t)b->x;

	if (atomic_load(&s->blk[i]) == b) {
		atomic_compare_exchange_strong(&s->blk[i], &b, NULL);
		atomic_compare_exchange_strong(&s->tab[i].host, &host, rt->miss_stub);
	}
}

void rt_jc_forget_block(struct tcg_rt *rt, struct tcg_block *b)
{
	unsigned at = rt_jc_index(b->pc);

	for (unsigned n = 0; n < rt->n_vcpus; n++) {
		struct rt_vcpu *v = rt->vcpus[n];

		for (int t = 0; v && t < RT_JC_TABLES; t++) {
			for (unsigned k = 0; k < TCG_JC_WAYS; k++) {
				rt_jc_forget_at(rt, &v->jc[t], at ^ k, b);
			}
		}
	}
}

void rt_jc_forget_region(struct tcg_rt *rt, const struct rt_region *r)
{
	for (unsigned n = 0; n < rt->n_vcpus; n++) {
		struct rt_vcpu *v = rt->vcpus[n];

		for (unsigned k = 0; v && k < RT_JC_TABLES * TCG_JC_N; k++) {
			struct rt_jc_slot *s = &v->jc[k / TCG_JC_N];
			struct tcg_block *b = atomic_load(&s->blk[k % TCG_JC_N]);

			if (b && b->region == r) {
				rt_jc_forget_at(rt, s, k % TCG_JC_N, b);
			}
		}
	}
}

/* Entries of the page become void. A block that begins in the page before may reach into
 * this one: its entry too. */
void rt_jc_flush_page(struct rt_vcpu *v, uint64_t va)
{
	for (uint64_t page = va >> TCG_PAGE_BITS, k = 0; k < 2; k++, page--) {
		unsigned b = rt_jc_bloom(page);
		unsigned from = rt_jc_page_word(page);

		for (int t = 0; t < RT_JC_TABLES; t++) {
			struct rt_jc_slot *s = &v->jc[t];

			if (!rt_bit(s->bloom, b)) {
				continue;
			}
			for (unsigned w = from; w < from + JC_PER_PAGE / 64; w++) {
				for (uint64_t m = s->fill[w]; m; m &= m - 1) {
					unsigned i =
						w * 64 + (unsigned)__builtin_ctzll(m);

					if (s->tab[i].pc >> TCG_PAGE_BITS == page) {
						rt_jc_void(v->rt, s, i);
					}
				}
			}
		}
	}
}

/* As above for many pages: each table is looked through once. */
void rt_jc_flush_pages(struct rt_vcpu *v, uint64_t va, uint64_t n)
{
	uint64_t first = (va >> TCG_PAGE_BITS) - 1;

	for (int t = 0; t < RT_JC_TABLES; t++) {
		struct rt_jc_slot *s = &v->jc[t];

		for (unsigned w = 0; w < TCG_JC_N / 64; w++) {
			for (uint64_t m = s->fill[w]; m; m &= m - 1) {
				unsigned i = w * 64 + (unsigned)__builtin_ctzll(m);

				if ((s->tab[i].pc >> TCG_PAGE_BITS) - first <= n) {
					rt_jc_void(v->rt, s, i);
				}
			}
		}
	}
}

void rt_jc_flush_all(struct rt_vcpu *v)
{
	for (int t = 0; t < RT_JC_TABLES; t++) {
		struct rt_jc_slot *s = &v->jc[t];

		for (unsigned w = 0; w < TCG_JC_N / 64; w++) {
			for (uint64_t m = s->fill[w]; m; m &= m - 1) {
				rt_jc_void(v->rt, s,
				           w * 64 + (unsigned)__builtin_ctzll(m));
			}
		}
		s->ctx |= RT_JC_NO_SPACE;
	}
	v->jc_cur = NULL;
	atomic_store(&v->env->jc, v->rt->jc_empty);
}

/* Tables of one address space (id: ctx without the mode bits), which goes on as `now`. */
void rt_jc_flush_ctx(struct rt_vcpu *v, uint64_t id, uint64_t now)
{
	for (int t = 0; t < RT_JC_TABLES; t++) {
		struct rt_jc_slot *s = &v->jc[t];

		if (s->valid && s->ctx >> 3 == id) {
			rt_jc_void_local(v, s);
			s->ctx = now << 3 | (s->ctx & 7);
			if (v->jc_cur == s) {
				v->jc_cur = NULL;
				atomic_store(&v->env->jc, v->rt->jc_empty);
			}
		}
	}
}
