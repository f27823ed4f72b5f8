/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block.c - translated blocks: the hash, the lists of a code page, links between
 * blocks, death of blocks when their page is written.
 *
 * A block is found by (place in RAM, virtual pc, key). Code pages are watched
 * before their bytes are read: first RT_PG_CODE is set, then every vCPU has dropped
 * writable TLB entries of the page, then the translator reads; a write that
 * comes in between raises the page's `gen`, and the translation is thrown away.
 */
#include "config.h"

#include "tcg-fallback/rt/rt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "tcg-fallback/opt/opt_passes.h"
#include "tcg-fallback/rt/rt-log.h"

/* May code of this key be shared by all virtual addresses of its page? */
static bool rt_pic(const struct tcg_rt *rt, uint64_t key)
{
	return rt->host && rt->guest->pic && rt->guest->pic(key);
}

static unsigned rt_hash(uint64_t ram_off, uint64_t pc, uint64_t key, bool pic)
{
	uint64_t page = pic ? 0 : pc >> TCG_PAGE_BITS;
	uint64_t h = (ram_off ^ page ^ (key << 17)) * UINT64_C(0x9e3779b97f4a7c15);

	return (unsigned)(h >> (64 - RT_HASH_BITS));
}

static bool rt_block_second_page_ok(struct rt_vcpu *v, const struct tcg_block *b,
                                    uint64_t pc)
{
	uint64_t ram_off = RT_NO_RAM;
	const uint8_t *host;

	return b->ram_off2 == RT_NO_RAM ||
	       (rt_exec_probe(v, (pc | (TCG_PAGE - 1)) + 1, &host, &ram_off) &&
	        ram_off == b->ram_off2);
}

bool rt_block_is(struct rt_vcpu *v, const struct tcg_block *b, uint64_t pc,
                 uint64_t key, uint64_t ram_off)
{
	return b->ram_off == ram_off && (b->pic || b->pc == pc) && b->key == key &&
	       !b->dead && rt_block_second_page_ok(v, b, pc);
}

struct tcg_block *rt_block_lookup(struct rt_vcpu *v, uint64_t pc, uint64_t key,
                                  uint64_t ram_off)
{
	struct tcg_block *b;

	b = atomic_load_explicit(
		&v->rt->hash[rt_hash(ram_off, pc, key, rt_pic(v->rt, key))],
		memory_order_acquire);
	for (; b; b = atomic_load_explicit(&b->hash_next, memory_order_acquire)) {
		if (rt_block_is(v, b, pc, key, ram_off)) {
			return b;
		}
	}
	return NULL;
}

/* ---- links ---- */

void rt_block_link(struct rt_vcpu *v, struct tcg_exit *ex, struct tcg_block *to)
{
	struct tcg_rt *rt = v->rt;
	struct tcg_block *from = ex->block;
	LOCK_SCOPE(&rt->lk);

	if (ex->to || !ex->jump_off || from->dead || to->dead) {
		return;
	}
	if (to->pic && to->ram_off2 != RT_NO_RAM) {
		/* What follows its page is not the same wherever that is mapped. */
		if (ex->far_off) {
			rt->host->link_far(rt_w_of(&rt->cache, from->x), from->x, ex);
		}
		return;
	}
	ex->to = to;
	ex->next_in = to->in;
	ex->pprev_in = &to->in;
	if (to->in) {
		to->in->pprev_in = &ex->next_in;
	}
	to->in = ex;
	rt->host->link(rt_w_of(&rt->cache, from->x), from->x, ex, to->body);
}

static void rt_exit_unlink_locked(struct tcg_rt *rt, struct tcg_exit *ex)
{
	if (ex->to) {
		*ex->pprev_in = ex->next_in;
		if (ex->next_in) {
			ex->next_in->pprev_in = ex->pprev_in;
		}
		rt->host->unlink(rt_w_of(&rt->cache, ex->block->x), ex->block->x, ex);
		ex->to = NULL;
	}
}

/* ---- death ---- */

/* A page of a library that many processes map has tens of thousands of blocks, one
 * set for each place it was mapped at: taking one off must not walk them. */
static void rt_page_remove_locked(struct tcg_block *b, int k)
{
	struct tcg_block **pp = b->page_pprev[k], *next = b->page_next[k];
	uint64_t page = (k ? b->ram_off2 : b->ram_off) >> TCG_PAGE_BITS;

	if (!pp) {
		return;
	}
	*pp = next;
	if (next) {
		next->page_pprev[next->ram_off >> TCG_PAGE_BITS == page ? 0 : 1] = pp;
	}
	b->page_pprev[k] = NULL;
}

static void rt_page_add_locked(struct rt_page *p, struct tcg_block *b, int k)
{
	struct tcg_block *next = p->blocks;
	uint64_t page = (k ? b->ram_off2 : b->ram_off) >> TCG_PAGE_BITS;

	b->page_next[k] = next;
	b->page_pprev[k] = &p->blocks;
	if (next) {
		next->page_pprev[next->ram_off >> TCG_PAGE_BITS == page ? 0 : 1] =
			&b->page_next[k];
	}
	p->blocks = b;
}

static struct rt_page *rt_page_of(struct tcg_rt *rt, uint64_t ram_off)
{
	uint64_t n = ram_off >> TCG_PAGE_BITS;

	return n < rt->n_pages ? &rt->pages[n] : NULL;
}

void rt_block_kill_locked(struct tcg_rt *rt, struct tcg_block *b)
{
	struct tcg_block *_Atomic *pp;
	struct tcg_exit *ex, *next;
	struct tcg_block *x;

	atomic_store(&b->dead, true);
	pp = &rt->hash[rt_hash(b->ram_off, b->pc, b->key, b->pic)];
	for (; (x = *pp) && x != b; pp = &x->hash_next) {
	}
	if (x == b) {
		atomic_store_explicit(pp, b->hash_next, memory_order_release);
	}
	for (int k = 0; k < 2; k++) {
		rt_page_remove_locked(b, k);
	}
	if (!rt->host) {
		return;
	}
	for (ex = b->in; ex; ex = next) {
		next = ex->next_in;
		rt_exit_unlink_locked(rt, ex);
	}
	b->in = NULL;
	for (unsigned i = 0; i < b->n_exits; i++) {
		rt_exit_unlink_locked(rt, &b->exits[i]);
	}
	if (b->pic) {
		rt->host->retire(rt_w_of(&rt->cache, b->x), b->x);
	} else {
		rt_jc_forget_block(rt, b);
	}
}

/* The part of block b that lies in `page`, as [from, to) offsets in the page. */
static void rt_block_span(const struct tcg_block *b, uint64_t page, uint64_t *from,
                          uint64_t *to)
{
	uint64_t first = b->ram_off & (TCG_PAGE - 1);

	if (b->ram_off >> TCG_PAGE_BITS == page) {
		/* seen_lo <= 0; both are inside the page */
		*from = first - (uint64_t)(-(int64_t)b->seen_lo);
		*to = MIN(first + MAX(b->guest_len, (uint32_t)b->seen_hi),
		          (uint64_t)TCG_PAGE);
	} else {
		*from = 0;
		*to = first + b->guest_len - TCG_PAGE;
	}
}

static uint64_t rt_chunk_bits(uint64_t from, uint64_t to)
{
	uint64_t a = from >> 6, z = (to - 1) >> 6;

	return (z - a == 63 ? ~UINT64_C(0) : (BIT64(z - a + 1) - 1)) << a;
}

static bool rt_page_written_locked(struct tcg_rt *rt, struct rt_page *p, uint64_t page,
                                   uint64_t from, uint64_t to)
{
	struct tcg_block *b = p->blocks, *next;
	uint64_t left = 0;
	bool died = false;

	for (; b; b = next) {
		uint64_t bf, bt;

		next = b->page_next[b->ram_off >> TCG_PAGE_BITS == page ? 0 : 1];
		rt_block_span(b, page, &bf, &bt);
		if (bf < to && from < bt) {
			rt_block_kill_locked(rt, b);
			died = true;
		} else {
			left |= rt_chunk_bits(bf, bt);
		}
	}
	atomic_store(&p->chunks, left);
	if (!p->blocks && !atomic_load(&rt->translating)) {
		atomic_fetch_and(&p->flags, ~RT_PG_CODE);
		/* A translator that set the bit just now is counted before it sets it. */
		if (atomic_load(&rt->translating)) {
			atomic_fetch_or(&p->flags, RT_PG_CODE);
		}
	}
	return died;
}

bool rt_code_overlaps(struct tcg_rt *rt, uint64_t ram_off, uint64_t len)
{
	struct rt_page *p = rt_page_of(rt, ram_off);
	uint64_t from = ram_off & (TCG_PAGE - 1);

	return p && (atomic_load(&p->chunks) &
	             rt_chunk_bits(from, MIN(from + len, (uint64_t)TCG_PAGE)));
}

bool rt_code_written(struct tcg_rt *rt, uint64_t ram_off, uint64_t len)
{
	bool died = false;

	while (len) {
		uint64_t in = ram_off & (TCG_PAGE - 1);
		uint64_t n = MIN(len, (uint64_t)TCG_PAGE - in);
		struct rt_page *p = rt_page_of(rt, ram_off);

		if (p && (atomic_load(&p->flags) & RT_PG_CODE)) {
			LOCK_SCOPE(&rt->lk);

			atomic_fetch_add(&p->gen, 1);
			died |= rt_page_written_locked(rt, p, ram_off >> TCG_PAGE_BITS,
			                               in, in + n);
		}
		ram_off += n;
		len -= n;
	}
	return died;
}

void rt_forget_code(struct tcg_rt *rt)
{
	LOCK_SCOPE(&rt->lk);

	/* Beside a hypervisor most machines never translate anything: the table stays
	 * untouched. */
	for (unsigned i = 0; atomic_load(&rt->has_code) && i < 1u << RT_HASH_BITS;
	     i++) {
		struct tcg_block *b;

		while ((b = atomic_load(&rt->hash[i]))) {
			for (int k = 0; k < 2;
			     k++) { /* translations under way are dropped too */
				uint64_t off = k ? b->ram_off2 : b->ram_off;
				struct rt_page *p =
					off == RT_NO_RAM ? NULL : rt_page_of(rt, off);

				if (p) {
					atomic_fetch_add(&p->gen, 1);
				}
			}
			rt_block_kill_locked(rt, b);
		}
	}
	atomic_store(&rt->has_code, false);
}

/* As rt_code_written for one small store in one page, when it mostly misses the code. */
void rt_code_written_beside(struct tcg_rt *rt, uint64_t ram_off, uint64_t len)
{
	struct rt_page *p = rt_page_of(rt, ram_off);

	if (atomic_load(&p->chunks) && !rt_code_overlaps(rt, ram_off, len)) {
		atomic_fetch_add(&p->gen, 1);
	} else {
		rt_code_written(rt, ram_off, len);
	}
}

/* ---- birth ---- */

/* Nobody can write the page unseen once this returns. The caller is counted in
 * rt->translating. */
void rt_page_mark_code(struct rt_vcpu *v, uint64_t ram_off)
{
	struct tcg_rt *rt = v->rt;
	struct rt_page *p = rt_page_of(rt, ram_off);
	uint64_t page = ram_off >> TCG_PAGE_BITS;
	uint32_t was;

	if (!p) {
		return;
	}
	was = atomic_fetch_or(&p->flags, RT_PG_CODE);
	if (!(was & RT_PG_WMAP)) {
		return;
	}
	atomic_fetch_and(&p->flags, ~RT_PG_WMAP);
	rt_drop_write_page(v, page);
	for (unsigned i = 0; i < rt->n_vcpus; i++) {
		struct rt_vcpu *o = rt->vcpus[i];
		uint32_t slot;

		if (!o || o == v) {
			continue;
		}
		slot = rt_mail_post(o, page);
		/* OUT: it drains before it goes IN. */
		while (atomic_load(&o->state) == RT_IN &&
		       (int32_t)(atomic_load(&o->mail_done) - slot) <= 0) {
			rt_kick_one(o);
			for (int spin = 0; spin < 200; spin++) {
				cpu_relax();
			}
		}
	}
}

static unsigned rt_fetch_bytes(struct tcg_fetch *f, uint64_t pc, uint8_t *buf,
                               unsigned want)
{
	struct rt_vcpu *v = rt_vcpu_of(f->env);
	unsigned got = 0;

	if (f->host && (pc & ~(uint64_t)(TCG_PAGE - 1)) == f->page &&
	    (pc & (TCG_PAGE - 1)) + want <= TCG_PAGE) { /* nearly always */
		memcpy(buf, f->host + (pc & (TCG_PAGE - 1)), want);
		return want;
	}
	while (got < want) {
		unsigned n =
			MIN(want - got, (unsigned)(TCG_PAGE - (pc & (TCG_PAGE - 1))));
		const uint8_t *host;
		uint64_t ram_off;

		if (got == 0) {
			host = rt_exec_page(v, pc, &ram_off);
		} else if (!rt_exec_probe(v, pc, &host, &ram_off)) {
			break;
		}
		if (!host) { /* not RAM */
			uint64_t pa = ram_off;

			for (unsigned i = 0; i < n; i++) {
				buf[got + i] = (uint8_t)aspace_read(&v->rt->vm->mem,
				                                    pa + i, 1);
			}
		} else {
			rt_page_mark_code(v, ram_off);
			memcpy(buf + got, host, n);
			f->page = pc & ~(uint64_t)(TCG_PAGE - 1);
			f->host = host - (pc & (TCG_PAGE - 1));
		}
		got += n;
		pc += n;
	}
	return got;
}

static void rt_page_insert_locked(struct tcg_rt *rt, struct tcg_block *b)
{
	for (int k = 0; k < 2; k++) {
		uint64_t off = k ? b->ram_off2 : b->ram_off;
		struct rt_page *p = off == RT_NO_RAM ? NULL : rt_page_of(rt, off);
		uint64_t from, to;

		if (p) {
			rt_block_span(b, off >> TCG_PAGE_BITS, &from, &to);
			if (!k || off >> TCG_PAGE_BITS != b->ram_off >> TCG_PAGE_BITS) {
				rt_page_add_locked(p, b, k);
			}
			atomic_fetch_or(&p->chunks, rt_chunk_bits(from, to));
		}
	}
}

/* Decodes and optimises into v->unit; smaller until it fits the back end. */
static struct tcg_block *rt_block_build(struct rt_vcpu *v, uint64_t pc, uint64_t key,
                                        unsigned max_insns)
{
	struct tcg_rt *rt = v->rt;
	struct ir_unit *u = &v->unit;
	struct tcg_fetch f = { .env = v->env,
		               .max_insns = max_insns,
		               .bytes = rt_fetch_bytes };
	struct tcg_exit *exits = NULL;
	struct tcg_pcmap map[RT_MAX_PCMAP];
	struct tcg_code code;
	struct rt_region *r;
	struct tcg_block *b;
	size_t need = 16384;
	int ret;

	for (;;) {
		ir_unit_reset(u);
		u->pc = pc;
		u->key = key;
		u->pic = rt_pic(rt, key);
		u->slots = rt->guest->slots;
		u->n_slots = rt->guest->n_slots;
		u->helpers = rt->guest->helpers;
		u->n_helpers = rt->guest->n_helpers;
		ret = rt->guest->translate(u, &f);
		if (ret < 0) {
			log_error("translator: front end failed at pc 0x%llx: %d",
			          (unsigned long long)pc, ret);
			return NULL;
		}
		if (u->overflow && f.max_insns > 1) {
			f.max_insns /= 2;
			continue;
		}
		rt_log_ir(u, "IR");
		opt_run(u, 1);
		if (log_on(LOG_IR_OPT)) {
			rt_log_ir(u, "IR after optimisation");
		}
		r = rt_cache_room(v, rt->host ? need : 64);
		if (!r) {
			return NULL;
		}
		if (!rt->host) {
			break;
		}
		exits = rt_region_alloc(r, TCG_MAX_EXITS * sizeof(*exits));
		if (!exits) {
			return NULL;
		}
		memset(exits, 0, TCG_MAX_EXITS * sizeof(*exits));
		code = (struct tcg_code){
			.x = rt->cache.x + (size_t)r->index * RT_REGION_SIZE + r->used,
			.cap = RT_REGION_SIZE - r->used,
			.exits = exits,
			.pcmap = map,
			.pcmap_cap = RT_MAX_PCMAP
		};
		code.w = rt_w_of(&rt->cache, code.x);
		ret = rt->host->emit(u, &code);
		if (ret == 0) {
			break;
		}
		if (ret == -ENOSPC && need < RT_REGION_SIZE / 2) {
			need = r->used == 0 ? RT_REGION_SIZE : need * 4;
			if (need == RT_REGION_SIZE && f.max_insns > 1) {
				f.max_insns /= 2;
				need = 16384;
			} else {
				r->used = RT_REGION_SIZE; /* closes it */
			}
			continue;
		}
		if (f.max_insns > 1) {
			f.max_insns /= 2;
			continue;
		}
		log_error("translator: back end failed at pc 0x%llx: %d",
		          (unsigned long long)pc, ret);
		return NULL;
	}

	if (exits) { /* before anything else is allocated */
		rt_region_shrink(r, exits, code.n_exits * sizeof(*exits));
	}
	b = rt_region_alloc(r, sizeof(*b));
	if (!b) {
		return NULL;
	}
	*b = (struct tcg_block){ .pc = pc,
		                 .key = key,
		                 .pic = u->pic,
		                 .guest_len = u->guest_len,
		                 .seen_lo = u->seen_lo,
		                 .seen_hi = u->seen_hi,
		                 .n_insns = u->n_guest_insns,
		                 .region = r,
		                 .ram_off = RT_NO_RAM,
		                 .ram_off2 = RT_NO_RAM };
	if (rt->host) {
		b->x = code.x;
		b->body = code.x + code.body;
		b->len = (uint32_t)code.len;
		b->n_exits = (uint8_t)code.n_exits;
		b->exits = exits;
		b->pcmap = rt_region_alloc(r, code.n_pcmap * sizeof(*map) + 1);
		if (!b->pcmap) {
			return NULL;
		}
		b->n_pcmap = code.n_pcmap;
		memcpy(b->pcmap, map, code.n_pcmap * sizeof(*map));
		for (unsigned i = 0; i < code.n_exits; i++) {
			b->exits[i].block = b;
		}
	}
	if (!rt->host || rt->check) {
		struct ir_unit *copy = rt_region_alloc(r, sizeof(*copy));
		struct ir_ins *ins = rt_region_alloc(r, u->n * sizeof(*ins));

		if (!copy || !ins) {
			return NULL;
		}
		*copy = *u;
		memcpy(ins, u->ins, u->n * sizeof(*ins));
		copy->ins = ins;
		copy->cap = u->n;
		b->unit = copy;
	}
	r->used += (uint32_t)ALIGN_UP(b->len, 32u);
	if (r->used > RT_REGION_SIZE) {
		r->used = RT_REGION_SIZE;
	}
	r->blocks[r->n_blocks] = b;
	atomic_store_explicit(&r->n_blocks, r->n_blocks + 1, memory_order_release);
	rt_log_code(v, b, u);
	v->st_translated++;
	v->st_insns += b->n_insns;
	return b;
}

static uint32_t rt_gen_of(struct tcg_rt *rt, uint64_t ram_off)
{
	struct rt_page *p = ram_off == RT_NO_RAM ? NULL : rt_page_of(rt, ram_off);

	return p ? atomic_load(&p->gen) : 0;
}

/* A fault raised by the fetch leaves by longjmp: the run loop calls this with false. */
void rt_translating(struct rt_vcpu *v, bool on)
{
	if (v->translating != on) {
		v->translating = on;
		atomic_fetch_add(&v->rt->translating, on ? 1u : ~0u);
	}
}

/* Single instruction, known to nobody but the caller: for stores into their own block, and
 * for stepping. Lives in the region until that is recycled. */
static struct tcg_block *rt_block_single(struct rt_vcpu *v, uint64_t pc, uint64_t key)
{
	struct tcg_block *b;

	rt_translating(v, true);
	b = rt_block_build(v, pc, key, 1);
	rt_translating(v, false);
	if (b) {
		/* Never linked: it would be jumped to when its bytes have changed. */
		for (unsigned i = 0; i < b->n_exits; i++) {
			b->exits[i].jump_off = 0;
		}
	}
	return b;
}

struct tcg_block *rt_block_translate(struct rt_vcpu *v, uint64_t pc, uint64_t key,
                                     uint64_t ram_off)
{
	struct tcg_rt *rt = v->rt;
	struct tcg_block *b;

	if (v->one_insn || ram_off == RT_NO_RAM) {
		return rt_block_single(v, pc, key);
	}
	for (;;) {
		uint64_t next_page = (pc | (TCG_PAGE - 1)) + 1, ram2 = RT_NO_RAM;
		uint32_t gen1, gen2 = 0;
		const uint8_t *host;

		rt_translating(v, true);
		gen1 = rt_gen_of(rt, ram_off);
		if (rt_exec_probe(v, next_page, &host, &ram2) && host) {
			gen2 = rt_gen_of(rt, ram2);
		} else {
			ram2 = RT_NO_RAM;
		}
		b = rt_block_build(v, pc, key, rt->max_insns);
		if (b) {
			LOCK_SCOPE(&rt->lk);
			bool crosses = (pc & (TCG_PAGE - 1)) + b->guest_len > TCG_PAGE;

			b->ram_off = ram_off;
			b->ram_off2 = crosses ? ram2 : RT_NO_RAM;
			if (rt_gen_of(rt, ram_off) != gen1 ||
			    (crosses && ram2 != RT_NO_RAM &&
			     rt_gen_of(rt, ram2) != gen2)) {
				b->dead = true;
			} else {
				struct tcg_block *_Atomic *head;

				head = &rt->hash[rt_hash(ram_off, pc, key, b->pic)];
				rt_page_insert_locked(rt, b);
				atomic_store(&rt->has_code, true);
				atomic_store(&b->hash_next, *head);
				atomic_store_explicit(head, b, memory_order_release);
			}
		}
		rt_translating(v, false);
		if (!b || !b->dead) {
			return b;
		}
	}
}

/* Guest pc of the instruction that a return address in the block belongs to. */
uint64_t rt_block_guest_pc(const struct rt_vcpu *v, const struct tcg_block *b,
                           uint64_t host_ra)
{
	uint64_t pc = b->pic ? v->env->vpage | (b->pc & (TCG_PAGE - 1)) : b->pc;
	uint32_t off = (uint32_t)(host_ra - (uint64_t)(uintptr_t)b->x);
	uint32_t lo = 0, hi = b->n_pcmap;

	while (lo < hi) {
		uint32_t mid = (lo + hi) / 2;

		if (b->pcmap[mid].host_off < off) {
			lo = mid + 1;
		} else {
			hi = mid;
		}
	}
	return pc + (lo ? b->pcmap[lo - 1].pc_off : 0);
}
