/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cache.c - the code cache: one memfd mapped twice (writable for emitters, executable
 * elsewhere: W^X), cut into regions. Each vCPU fills a region of its own without
 * a lock; when few are free the oldest full region is retired as a whole: its
 * blocks die, and after a grace period its memory (code and block structs) is used
 * again. Nobody is stopped for that.
 */
#include "config.h"

#include "tcg-fallback/rt/rt.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RT_CHUNK = 64 * 1024, RT_RESERVE = 3 };

struct rt_chunk {
	struct rt_chunk *next;
	size_t used, size;
	uint8_t data[] __aligned_to(16);
};

int rt_cache_init(struct tcg_rt *rt, size_t size, struct err *e)
{
	struct rt_cache *c = &rt->cache;

	size = ALIGN_UP(size, (size_t)RT_REGION_SIZE);
	c->size = size;
	c->n_regions = size / RT_REGION_SIZE;
	c->first_region = 1;
	c->fd = memfd_create("lodge-jit", MFD_CLOEXEC);
	if (c->fd < 0 || ftruncate(c->fd, (off_t)size) < 0) {
		return err_set_errno(e, -errno, "translator: code cache of %zu MiB",
		                     size >> 20);
	}
	c->w = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	c->x = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, c->fd, 0);
	if (c->w == MAP_FAILED || c->x == MAP_FAILED) {
		return err_set_errno(e, -errno, "translator: mapping the code cache");
	}
	c->region = calloc(c->n_regions, sizeof(*c->region));
	if (!c->region) {
		return err_set(e, -ENOMEM, "translator: out of memory");
	}
	for (unsigned i = 0; i < c->n_regions; i++) {
		c->region[i].index = i;
		c->region[i].state = i < c->first_region ? RT_FULL : RT_FREE;
		c->region[i].seq = UINT64_MAX;
	}
	return 0;
}

static void rt_region_drop_chunks(struct rt_region *r)
{
	struct rt_chunk *k = r->chunks, *next;

	for (; k; k = next) {
		next = k->next;
		free(k);
	}
	r->chunks = NULL;
}

void rt_cache_fini(struct tcg_rt *rt)
{
	struct rt_cache *c = &rt->cache;

	for (unsigned i = 0; c->region && i < c->n_regions; i++) {
		rt_region_drop_chunks(&c->region[i]);
		free(c->region[i].blocks);
		free(c->region[i].retired_epoch);
	}
	free(c->region);
	if (c->w && c->w != MAP_FAILED) {
		munmap(c->w, c->size);
	}
	if (c->x && c->x != MAP_FAILED) {
		munmap(c->x, c->size);
	}
	close(c->fd);
}

void *rt_region_alloc(struct rt_region *r, size_t size)
{
	struct rt_chunk *k = r->chunks;
	void *p;

	size = ALIGN_UP(size, (size_t)16);
	if (!k || k->size - k->used < size) {
		size_t want = MAX(size, (size_t)RT_CHUNK);

		k = malloc(sizeof(*k) + want);
		if (!k) {
			return NULL;
		}
		k->used = 0;
		k->size = want;
		k->next = r->chunks;
		r->chunks = k;
	}
	p = k->data + k->used;
	k->used += size;
	return p;
}

void rt_region_shrink(struct rt_region *r, void *p, size_t size)
{
	r->chunks->used =
		(size_t)((uint8_t *)p - r->chunks->data) + ALIGN_UP(size, (size_t)16);
}

/* Every vCPU has been at a quiescent point since the region was retired. */
static bool rt_region_grace_over(struct tcg_rt *rt, const struct rt_region *r,
                                 const struct rt_vcpu *self, bool self_safe)
{
	for (unsigned i = 0; i < rt->n_vcpus; i++) {
		const struct rt_vcpu *v = rt->vcpus[i];
		uint64_t now;

		if (!v || (self_safe && v == self)) {
			continue;
		}
		now = atomic_load(&v->epoch);
		if ((now & 1) && now == r->retired_epoch[i]) {
			return false;
		}
	}
	return true;
}

static void rt_region_free(struct rt_region *r)
{
	rt_region_drop_chunks(r);
	atomic_store(&r->n_blocks, 0);
	r->used = 0;
	r->state = RT_FREE;
}

static void rt_region_retire(struct tcg_rt *rt, struct rt_region *r)
{
	for (uint32_t i = 0; i < r->n_blocks; i++) {
		if (!r->blocks[i]->dead) {
			rt_block_kill_locked(rt, r->blocks[i]);
		}
	}
	rt_jc_forget_region(rt, r);
	for (unsigned i = 0; i < rt->n_vcpus; i++) {
		struct rt_vcpu *v = rt->vcpus[i];

		r->retired_epoch[i] = v ? atomic_load(&v->epoch) : 0;
		if (v) {
			rt_kick_one(v);
		}
	}
	r->state = RT_RETIRED;
}

/* Frees what can be freed, retires what must be; returns a free region or NULL. */
static struct rt_region *rt_cache_pick_locked(struct rt_vcpu *v, bool self_safe)
{
	struct tcg_rt *rt = v->rt;
	struct rt_cache *c = &rt->cache;
	struct rt_region *oldest = NULL, *found = NULL;
	unsigned n_free = 0, n_retired = 0;

	for (unsigned i = c->first_region; i < c->n_regions; i++) {
		struct rt_region *r = &c->region[i];

		if (r->state == RT_RETIRED &&
		    rt_region_grace_over(rt, r, v, self_safe)) {
			rt_region_free(r);
		}
		if (r->state == RT_FREE) {
			n_free++;
			found = found ? found : r;
		} else if (r->state == RT_RETIRED) {
			n_retired++;
		} else if (r->state == RT_FULL && (!oldest || r->seq < oldest->seq)) {
			oldest = r;
		}
	}
	if (n_free + n_retired <= RT_RESERVE && oldest) {
		rt_region_retire(rt, oldest);
	}
	return found;
}

struct rt_region *rt_cache_room(struct rt_vcpu *v, size_t need)
{
	struct tcg_rt *rt = v->rt;
	struct rt_region *r = v->region;
	bool self_safe = false;

	if (r && RT_REGION_SIZE - r->used >= need && r->n_blocks < RT_REGION_BLOCKS) {
		return r;
	}
	for (;;) {
		{
			LOCK_SCOPE(&rt->lk);

			if (v->region) {
				v->region->state = RT_FULL;
				v->region->owner = NULL;
				v->region = NULL;
			}
			r = rt_cache_pick_locked(v, self_safe);
			if (r) {
				r->state = RT_FILLING;
				r->owner = v;
				r->seq = rt->cache.seq++;
				v->region = r;
			}
		}
		if (r) {
			break;
		}
		/* Nothing of an old block is held from here on. */
		v->last_exit = NULL;
		self_safe = true;
		sched_yield();
	}
	if (!r->blocks) {
		r->blocks = malloc(RT_REGION_BLOCKS * sizeof(*r->blocks));
		r->retired_epoch = calloc(vm_vcpu_room(rt->vm), sizeof(uint64_t));
	}
	return r->blocks && r->retired_epoch ? r : NULL;
}

/* The block whose code holds host_pc - 1 (a return address). */
struct tcg_block *rt_block_by_host(struct tcg_rt *rt, uint64_t host_pc)
{
	struct rt_cache *c = &rt->cache;
	uint64_t off = host_pc - 1 - (uint64_t)(uintptr_t)c->x;
	const uint8_t *p = (const uint8_t *)(uintptr_t)(host_pc - 1);
	struct rt_region *r;
	uint32_t lo = 0, hi;

	if (off >= c->size) {
		return NULL;
	}
	r = &c->region[off / RT_REGION_SIZE];
	hi = atomic_load_explicit(&r->n_blocks, memory_order_acquire);
	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (r->blocks[mid]->x <= p) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	if (lo == 0 || p >= r->blocks[lo - 1]->x + r->blocks[lo - 1]->len) {
		return NULL;
	}
	return r->blocks[lo - 1];
}
