/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * jc.c - jump caches: for each (address space and privilege, block key) lately used a
 * table from guest pc to host code, probed by emitted code at indirect and
 * cross-page jumps. Switching address space or mode switches the table's pointer.
 *
 * An entry may be made void by any thread (its host pointer is set to the miss stub),
 * but is filled by the vCPU's own thread only.
 *
 * A page of guest code that is unmapped must leave the tables: a small Bloom filter
 * of virtual pages that code was run from keeps flushes of data pages cheap.
 */
#include "config.h"

#include "tcg-fallback/rt/rt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static unsigned rt_jc_bloom(uint64_t page)
{
	return (unsigned)((page * UINT64_C(0x9e3779b97f4a7c15)) >> 52) % RT_BLOOM_BITS;
}

static void rt_jc_clear(struct tcg_rt *rt, struct tcg_jc_entry *t, unsigned from, unsigned n)
{
	for (unsigned i = from; i < from + n; i++) {
		t[i].pc = TCG_JC_EMPTY;
		atomic_store_explicit(&t[i].host, rt->miss_stub, memory_order_relaxed);
	}
}

int rt_jc_init(struct rt_vcpu *v)
{
	size_t size = sizeof(struct tcg_jc_entry) * TCG_JC_N;
	struct tcg_rt *rt = v->rt;

	if (!rt->jc_empty) {
		rt->jc_empty = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (rt->jc_empty == MAP_FAILED) {
			return -ENOMEM;
		}
		rt_jc_clear(rt, rt->jc_empty, 0, TCG_JC_N);
	}
	for (int i = 0; i < RT_JC_TABLES; i++) {
		v->jc[i].tab = mmap(NULL, size, PROT_READ | PROT_WRITE,
				    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (v->jc[i].tab == MAP_FAILED) {
			return -ENOMEM;
		}
	}
	atomic_store(&v->env->jc, rt->jc_empty);
	return 0;
}

void rt_jc_fini(struct rt_vcpu *v)
{
	for (int i = 0; i < RT_JC_TABLES; i++) {
		if (v->jc[i].tab) {
			munmap(v->jc[i].tab, sizeof(struct tcg_jc_entry) * TCG_JC_N);
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

/*
 * A table for a new address space begins with what the last one of the same key knew of
 * global pages (the kernel, mostly): those translations are the same in every space.
 */
static void rt_jc_seed(struct rt_vcpu *v, struct rt_jc_slot *s, uint64_t ctx, uint64_t key)
{
	struct rt_jc_slot *from = NULL;

	for (int i = 0; i < RT_JC_TABLES; i++) {
		struct rt_jc_slot *o = &v->jc[i];

		if (o->seed && o->key == key && !((o->ctx ^ ctx) & 7) &&
		    (!from || o->used > from->used)) {
			from = o;
		}
	}
	if (!from) {
		rt_jc_clear(v->rt, s->tab, 0, TCG_JC_N);
		memset(s->global, 0, sizeof(s->global));
		return;
	}
	for (unsigned i = 0; i < TCG_JC_N; i++) {
		if (from->global[i / 64] >> (i % 64) & 1) {
			if (s != from) {
				s->tab[i].pc = from->tab[i].pc;
				atomic_store_explicit(&s->tab[i].host,
						      atomic_load(&from->tab[i].host),
						      memory_order_relaxed);
			}
		} else {
			rt_jc_clear(v->rt, s->tab, i, 1);
		}
	}
	memcpy(s->global, from->global, sizeof(s->global));
}

void rt_jc_select(struct rt_vcpu *v, uint64_t key)
{
	uint64_t ctx = rt_jc_class(v);
	struct rt_jc_slot *s = v->jc_cur, *victim = &v->jc[0];

	if (s && s->valid && s->ctx == ctx && s->key == key) {
		if (atomic_load_explicit(&v->env->jc, memory_order_relaxed) != s->tab) {
			rt_jc_publish(v);
		}
		return;
	}
	for (int i = 0; i < RT_JC_TABLES; i++) {
		s = &v->jc[i];
		if (s->valid && s->ctx == ctx && s->key == key) {
			goto found;
		}
		if (!s->valid ? victim->valid || s->used < victim->used
			      : victim->valid && s->used < victim->used) {
			victim = s;
		}
	}
	s = victim;
	rt_jc_seed(v, s, ctx, key);
	s->ctx = ctx;
	s->key = key;
	s->valid = s->seed = true;
found:
	s->used = ++v->jc_clock;
	v->jc_cur = s;
	rt_jc_publish(v);
}

void rt_jc_put(struct rt_vcpu *v, uint64_t pc, const struct tcg_block *blk)
{
	struct tcg_jc_entry *en = &v->jc_cur->tab[TCG_JC_OFF(pc) / sizeof(*en)];
	unsigned b = rt_jc_bloom(pc >> TCG_PAGE_BITS), i = (unsigned)(en - v->jc_cur->tab);

	if (rt_exec_global(v, pc)) {
		v->jc_cur->global[i / 64] |= BIT64(i % 64);
	} else {
		v->jc_cur->global[i / 64] &= ~BIT64(i % 64);
	}
	v->code_bloom[b / 64] |= BIT64(b % 64);
	en->pc = TCG_JC_EMPTY;
	atomic_store(&en->host, (void *)(uintptr_t)blk->x);
	en->pc = pc;
	/* Against rt_block_kill_locked, which sets dead before it sweeps the tables. */
	if (atomic_load(&blk->dead)) {
		atomic_store(&en->host, v->rt->miss_stub);
	}
	v->st_jc_fill++;
}

void rt_jc_forget_block(struct tcg_rt *rt, const struct tcg_block *b)
{
	unsigned at = TCG_JC_OFF(b->pc) / sizeof(struct tcg_jc_entry);

	for (unsigned i = 0; i < rt->n_vcpus; i++) {
		struct rt_vcpu *v = rt->vcpus[i];

		for (int t = 0; v && t < RT_JC_TABLES; t++) {
			void *host = (void *)(uintptr_t)b->x;

			if (v->jc[t].valid || v->jc[t].seed) {
				atomic_compare_exchange_strong(&v->jc[t].tab[at].host, &host,
							       rt->miss_stub);
			}
		}
	}
}

void rt_jc_flush_page(struct rt_vcpu *v, uint64_t va)
{
	enum { PER_PAGE = (TCG_PAGE << TCG_JC_SHIFT) / sizeof(struct tcg_jc_entry) };

	/* A block that begins in the page before may reach into this one. */
	for (int k = 0; k < 2; k++) {
		uint64_t page = (va >> TCG_PAGE_BITS) - (uint64_t)k;
		unsigned b = rt_jc_bloom(page);
		unsigned from = TCG_JC_OFF(page << TCG_PAGE_BITS) /
				sizeof(struct tcg_jc_entry);

		if (!(v->code_bloom[b / 64] & BIT64(b % 64))) {
			continue;
		}
		for (int t = 0; t < RT_JC_TABLES; t++) {
			if (v->jc[t].valid || v->jc[t].seed) {
				rt_jc_clear(v->rt, v->jc[t].tab, from, PER_PAGE);
			}
		}
	}
}

void rt_jc_flush_all(struct rt_vcpu *v)
{
	for (int t = 0; t < RT_JC_TABLES; t++) {
		v->jc[t].valid = v->jc[t].seed = false;
	}
	v->jc_cur = NULL;
	memset(v->code_bloom, 0, sizeof(v->code_bloom));
	atomic_store(&v->env->jc, v->rt->jc_empty);
}

/* Tables of one address space (ctx without the mode bits). */
void rt_jc_flush_ctx(struct rt_vcpu *v, uint64_t space_id)
{
	for (int t = 0; t < RT_JC_TABLES; t++) {
		if (v->jc[t].valid && v->jc[t].ctx >> 3 == space_id) {
			v->jc[t].valid = false;
			if (v->jc_cur == &v->jc[t]) {
				v->jc_cur = NULL;
				atomic_store(&v->env->jc, v->rt->jc_empty);
			}
		}
	}
}
