/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * softmmu.c - guest virtual memory: TLB fill, slow paths of loads and stores, the
 * accessors that front ends' C helpers use, flushes.
 *
 * One TLB a vCPU, direct-mapped by virtual page, tagged with ctx (address space id and
 * privilege mode), so that neither page table switches nor system calls flush it.
 * TLB and windows are written by the vCPU's own thread only; other threads post
 * a RAM page to the mailbox (see rt.h) and the vCPU drops its writable entries.
 */
#include "config.h"

#include "tcg-fallback/interp/ival.h"
#include "tcg-fallback/rt/rt.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/pages.h"
#include "core/dirty.h"
#include "tcg-fallback/rt/check.h"

enum { RT_MODE_BITS = 3, RT_MAX_SPACE_ID = (1 << (12 - RT_MODE_BITS)) - 1 };

/* What the guest's walk gave, turned into host terms. */
struct rt_page_view {
	const struct flat_range *fr;
	uint64_t pa;      /* of the page */
	uint8_t *host;    /* of the page, NULL for devices */
	uint64_t ram_off; /* of the page */
	struct mmu_result r;
};

int rt_mmu_init(struct rt_vcpu *v, struct err *e)
{
	size_t size = TCG_TLB_N * sizeof(struct tcg_tlb_entry);

	v->env->tlb = pages_map(size);
	v->ext = pages_map(TCG_TLB_N * sizeof(*v->ext));
	v->wpage = pages_map(TCG_TLB_N * sizeof(*v->wpage));
	if (!v->env->tlb || !v->ext || !v->wpage) {
		return err_set(e, -ENOMEM, "translator: no memory for the TLB");
	}
	v->next_space_id = 1;
	tcg_set_ctx(v->env, 0, 0);
	tcg_flush_all(v->env);
	return 0;
}

void rt_mmu_fini(struct rt_vcpu *v)
{
	munmap(v->env->tlb, TCG_TLB_N * sizeof(struct tcg_tlb_entry));
	munmap(v->ext, TCG_TLB_N * sizeof(*v->ext));
	munmap(v->wpage, TCG_TLB_N * sizeof(*v->wpage));
}

void rt_win_reset(struct tcg_env *env, const uint8_t *sink)
{
	uint64_t addend = (uint64_t)(uintptr_t)sink - TCG_WIN_NONE;

	for (unsigned i = 0; i < IR_WINDOWS; i++) {
		env->win_r[i] = env->win_w[i] =
			(struct tcg_win){ TCG_WIN_NONE, addend };
	}
}

static void rt_win_reset_v(struct rt_vcpu *v)
{
	rt_win_reset(v->env, v->rt->sink);
}

/* ---- shootdown ---- */

void rt_drop_write_page(struct rt_vcpu *v, uint64_t ram_page)
{
	enum { STRIDE = 64 };

	/* The inner loop has no exits: the compiler makes vector code of it. */
	for (unsigned i = 0; i < TCG_TLB_N; i += STRIDE) {
		uint32_t hit = 0;

		for (unsigned k = 0; k < STRIDE; k++) {
			hit |= v->wpage[i + k] == (uint32_t)ram_page;
		}
		for (unsigned k = 0; hit && k < STRIDE; k++) {
			if (v->wpage[i + k] == (uint32_t)ram_page) {
				v->wpage[i + k] = RT_NO_PAGE;
				v->env->tlb[i + k].tag_w = TCG_TLB_NONE;
			}
		}
	}
	/* An entry may have been displaced while its window lives on. */
	rt_win_reset_v(v);
}

uint32_t rt_mail_post(struct rt_vcpu *v, uint64_t ram_page)
{
	uint32_t slot = atomic_fetch_add(&v->mail.n, 1);

	if (slot - atomic_load(&v->mail_done) < RT_MAILBOX) {
		atomic_store(&v->mail.page[slot % RT_MAILBOX], ram_page);
	}
	return slot;
}

void rt_mail_drain(struct rt_vcpu *v)
{
	uint32_t done = atomic_load(&v->mail_done), n = atomic_load(&v->mail.n);

	if (unlikely(atomic_load(&v->flush_req))) {
		atomic_store(&v->flush_req, false);
		tcg_flush_all(v->env);
	}
	if (done == n) {
		return;
	}
	/* A slot may be claimed and not yet written: then everything goes. */
	for (unsigned i = 0; i < TCG_TLB_N; i++) {
		v->env->tlb[i].tag_w = TCG_TLB_NONE;
	}
	rt_win_reset_v(v);
	atomic_store(&v->mail_done, n);
}

/* ---- contexts ---- */

static void rt_tlb_wipe(struct rt_vcpu *v)
{
	for (unsigned i = 0; i < TCG_TLB_N; i++) {
		v->env->tlb[i] = (struct tcg_tlb_entry){ TCG_TLB_NONE, TCG_TLB_NONE,
			                                 TCG_TLB_NONE, 0 };
		v->ext[i].ram_off = RT_NO_RAM;
		v->ext[i].global = false;
		v->ext[i].modes = 0;
	}
	memset(v->large_2m, 0, sizeof(v->large_2m));
	memset(v->large_1g, 0, sizeof(v->large_1g));
	rt_win_reset_v(v);
}

void tcg_flush_all(struct tcg_env *env)
{
	struct rt_vcpu *v = rt_vcpu_of(env);
	uint64_t space = v->cur_space ? v->cur_space->space : 0;

	v->burst_log.flushed = true;
	rt_tlb_wipe(v);
	rt_jc_flush_all(v);
	memset(v->spaces, 0, sizeof(v->spaces));
	v->next_space_id = 1;
	v->cur_space = NULL;
	tcg_set_ctx(env, space, v->mode);
}

static struct rt_space *rt_space_get(struct rt_vcpu *v, uint64_t space)
{
	struct rt_space *victim = &v->spaces[0], *s;

	for (int i = 0; i < RT_SPACES; i++) {
		s = &v->spaces[i];
		if (s->valid && s->space == space) {
			return s;
		}
		if (!s->valid ? victim->valid
		              : victim->valid && s->used < victim->used) {
			victim = s;
		}
	}
	if (v->next_space_id > RT_MAX_SPACE_ID) {
		return NULL;
	}
	*victim = (struct rt_space){ .space = space,
		                     .valid = true,
		                     .id = v->next_space_id++ };
	return victim;
}

void tcg_set_ctx(struct tcg_env *env, uint64_t space, unsigned mode)
{
	struct rt_vcpu *v = rt_vcpu_of(env);
	struct rt_space *s = v->cur_space;
	uint64_t ctx;
	bool wider;

	if (!s || !s->valid || s->space != space) {
		s = rt_space_get(v, space);
		if (!s) { /* ids are used up: begin anew */
			rt_tlb_wipe(v);
			rt_jc_flush_all(v);
			memset(v->spaces, 0, sizeof(v->spaces));
			v->next_space_id = 1;
			s = rt_space_get(v, space);
		}
		v->cur_space = s;
	}
	s->used = ++v->space_clock;
	v->mode = mode & 7;
	ctx = (uint64_t)s->id << RT_MODE_BITS | v->mode;
	v->ctx_sys = (uint64_t)s->id << RT_MODE_BITS | 7;
	if (ctx != env->ctx) {
		const uint8_t *class = v->rt->guest->fetch_class;

		/* Modes that fetch alike share jump caches (x86: STAC and CLAC). */
		if ((ctx ^ env->ctx) >> RT_MODE_BITS ||
		    class[ctx & 7] != class[env->ctx & 7]) {
			atomic_store(&env->jc, v->rt->jc_empty);
		}
		wider = !((ctx ^ env->ctx) >> RT_MODE_BITS) &&
		        (v->rt->guest->wider[env->ctx & 7] >> (ctx & 7) & 1);
		env->ctx = ctx;
		if (!wider) { /* else what the windows allow is allowed still */
			rt_win_reset_v(v);
		}
	}
}

void tcg_flush_space(struct tcg_env *env, uint64_t space)
{
	struct rt_vcpu *v = rt_vcpu_of(env);

	v->burst_log.flushed = true;
	for (int i = 0; i < RT_SPACES; i++) {
		struct rt_space *s = &v->spaces[i];

		if (s->valid && s->space == space) {
			uint16_t id = s->id; /* never used again before a wipe */

			s->valid = false;
			if (v->cur_space == s) {
				v->cur_space = NULL;
				tcg_set_ctx(env, space, v->mode);
				rt_jc_flush_ctx(v, id, v->cur_space->id);
			} else {
				rt_jc_flush_ctx(v, id, RT_JC_NO_SPACE >> RT_MODE_BITS);
			}
		}
	}
}

/* Bloom filters of large pages that the TLB holds pieces of. */
static unsigned rt_large_bit(uint64_t va, unsigned bits)
{
	return (unsigned)(((va >> bits) * UINT64_C(0x9e3779b97f4a7c15)) >> 52) %
	       RT_BLOOM_BITS;
}

static bool rt_large_test(const uint64_t *bloom, unsigned bit)
{
	return bloom[bit / 64] & BIT64(bit % 64);
}

static void rt_large_note(struct rt_vcpu *v, uint64_t va, unsigned page_bits)
{
	unsigned b;

	if (page_bits > 22) {
		b = rt_large_bit(va, 30);
		v->large_1g[b / 64] |= BIT64(b % 64);
	} else {
		b = rt_large_bit(va, 21);
		v->large_2m[b / 64] |= BIT64(b % 64);
		if (page_bits == 22) {
			b = rt_large_bit(va ^ BIT64(21), 21);
			v->large_2m[b / 64] |= BIT64(b % 64);
		}
	}
}

static void rt_flush_range(struct rt_vcpu *v, uint64_t va, unsigned bits)
{
	uint64_t mask = ~(BIT64(bits) - 1);
	uint64_t first = (va & mask) >> TCG_PAGE_BITS;
	struct tcg_env *env = v->env;

	if (bits > TCG_PAGE_BITS) {
		rt_jc_flush_pages(v, va & mask, BIT64(bits - TCG_PAGE_BITS));
	} else {
		rt_jc_flush_page(v, va);
	}
	for (uint64_t n = 0; n < BIT64(bits - TCG_PAGE_BITS); n++) {
		unsigned i = (first + n) & (TCG_TLB_N - 1);
		uint64_t page = (first + n) << TCG_PAGE_BITS;
		uint64_t in = ~(uint64_t)(TCG_PAGE - 1);
		struct tcg_tlb_entry *en = &env->tlb[i];

		if ((en->tag_r & in) == page || (en->tag_w & in) == page ||
		    (en->tag_x & in) == page) {
			*en = (struct tcg_tlb_entry){ TCG_TLB_NONE, TCG_TLB_NONE,
				                      TCG_TLB_NONE, 0 };
			v->ext[i].ram_off = RT_NO_RAM;
			v->ext[i].global = false;
			v->ext[i].modes = 0;
		}
	}
	for (unsigned i = 0; i < IR_WINDOWS; i++) {
		uint64_t addend = (uint64_t)(uintptr_t)v->rt->sink - TCG_WIN_NONE;

		if ((env->win_r[i].start & mask) == (va & mask)) {
			env->win_r[i] = (struct tcg_win){ TCG_WIN_NONE, addend };
		}
		if ((env->win_w[i].start & mask) == (va & mask)) {
			env->win_w[i] = (struct tcg_win){ TCG_WIN_NONE, addend };
		}
	}
}

void tcg_flush_page(struct tcg_env *env, uint64_t va)
{
	struct rt_vcpu *v = rt_vcpu_of(env);

	v->burst_log.flushed = true;
	if (unlikely(rt_large_test(v->large_1g, rt_large_bit(va, 30)))) {
		tcg_flush_all(env);
	} else if (rt_large_test(v->large_2m, rt_large_bit(va, 21))) {
		rt_flush_range(v, va, 22);
	} else {
		rt_flush_range(v, va, TCG_PAGE_BITS);
	}
}

void tcg_flush_jumps(struct tcg_env *env)
{
	struct rt_vcpu *v = rt_vcpu_of(env);

	v->jc_cur = NULL;
	atomic_store(&env->jc, v->rt->jc_empty);
}

/* ---- fill ---- */

static struct rt_page *rt_softmmu_page(struct tcg_rt *rt, uint64_t ram_off)
{
	uint64_t n = ram_off >> TCG_PAGE_BITS;

	return n < rt->n_pages ? &rt->pages[n] : NULL;
}

/* Walks and looks the physical page up. False: fault recorded (unless probe). */
static bool rt_view(struct rt_vcpu *v, uint64_t va, enum mmu_access acc, int mode,
                    bool probe, struct rt_page_view *w)
{
	const struct flat *flat;
	uint64_t page;

	if (v->rt->guest->walk(v->env, va, acc, mode ? MMU_MODE_SYSTEM : (int)v->mode,
	                       probe, &w->r) < 0) {
		return false;
	}
	page = w->r.pa & ~(uint64_t)(TCG_PAGE - 1);
	flat = atomic_load_explicit(&v->rt->vm->mem.flat, memory_order_acquire);
	w->fr = flat_find(flat, page);
	w->pa = page;
	w->host = NULL;
	w->ram_off = RT_NO_RAM;
	if (w->fr && w->fr->host &&
	    range_fits(page - w->fr->start, TCG_PAGE, w->fr->size)) {
		w->host = w->fr->host + (page - w->fr->start);
		w->ram_off = w->fr->ram_off + (page - w->fr->start);
	}
	log_d(LOG_MMU, "mmu: va %016llx -> pa %016llx %s%s%s%s bits %u\n",
	      (unsigned long long)va, (unsigned long long)w->r.pa, w->r.r ? "r" : "-",
	      w->r.w ? "w" : "-", w->r.x ? "x" : "-", w->host ? "" : " io",
	      w->r.page_bits);
	return true;
}

/* May the page be written unseen? While a dirty log runs, only if it is marked; a store
 * marks it. Before the entry is filled: see core/dirty.h. */
static bool rt_dirty_ok(struct rt_vcpu *v, uint64_t ram_off, bool store)
{
	if (!dirty_logging()) {
		return true;
	}
	if (store && !dirty_is_marked(ram_off)) {
		dirty_mark(ram_off, TCG_PAGE);
		atomic_fetch_add_explicit(&v->c->dirty_pages, 1, memory_order_relaxed);
		return true;
	}
	return dirty_is_marked(ram_off);
}

static struct tcg_tlb_entry *rt_fill(struct rt_vcpu *v, uint64_t va, int mode,
                                     bool store, const struct rt_page_view *w)
{
	uint64_t page = va & ~(uint64_t)(TCG_PAGE - 1);
	uint64_t ctx = mode ? v->ctx_sys : v->env->ctx;
	unsigned i = (va >> TCG_PAGE_BITS) & (TCG_TLB_N - 1);
	struct tcg_tlb_entry *en = &v->env->tlb[i];
	struct rt_page *p = rt_softmmu_page(v->rt, w->ram_off);
	bool writable = w->r.w && !w->fr->readonly;

	v->st_tlb_fill++;
	if (w->r.page_bits > TCG_PAGE_BITS) {
		rt_large_note(v, va, w->r.page_bits);
	}
	v->ext[i].ram_off = w->ram_off;
	v->ext[i].w_ok = writable;
	v->ext[i].global = w->r.global;
	v->ext[i].modes = mode ? 0 : w->r.modes;
	en->addend = (uint64_t)(uintptr_t)w->host - page;
	en->tag_r = w->r.r ? (page | ctx) : TCG_TLB_NONE;
	en->tag_x = w->r.x ? (page | ctx) : TCG_TLB_NONE;
	en->tag_w = TCG_TLB_NONE;
	v->wpage[i] = RT_NO_PAGE;
	if (writable && rt_dirty_ok(v, w->ram_off, store) && p && likely(!v->burst)) {
		if (!(atomic_load_explicit(&p->flags, memory_order_relaxed) &
		      RT_PG_WMAP)) {
			atomic_fetch_or(&p->flags, RT_PG_WMAP);
		}
		atomic_thread_fence(memory_order_seq_cst);
		if (!(atomic_load(&p->flags) & RT_PG_CODE)) {
			en->tag_w = page | ctx;
			v->wpage[i] = (uint32_t)(w->ram_off >> TCG_PAGE_BITS);
		}
	}
	return en;
}

static bool rt_crosses(uint64_t addr, unsigned size)
{
	return (addr & (TCG_PAGE - 1)) + size > TCG_PAGE;
}

static uint64_t rt_retag(uint64_t tag, uint64_t want)
{
	return tag == TCG_TLB_NONE ? tag : want;
}

/* The entry that addr may be in. What another address space (a global page) or another mode
 * with the same rights left there becomes ours: no walk. */
static struct tcg_tlb_entry *rt_probe(struct rt_vcpu *v, uint64_t addr)
{
	unsigned i = (addr >> TCG_PAGE_BITS) & (TCG_TLB_N - 1);
	struct tcg_tlb_entry *en = &v->env->tlb[i];
	const struct rt_tlb_ext *x = &v->ext[i];
	uint64_t tag, want = (addr & ~(uint64_t)(TCG_PAGE - 1)) | v->env->ctx,
		      differ = 0;

	if (x->global) {
		differ |= 0xff8;
	}
	if (x->modes >> v->mode & 1) {
		differ |= 7;
	}
	if (differ) {
		tag = en->tag_r != TCG_TLB_NONE ? en->tag_r : en->tag_x;
		if (tag != want && !((tag ^ want) & ~differ)) {
			en->tag_r = rt_retag(en->tag_r, want);
			en->tag_w = rt_retag(en->tag_w, want);
			en->tag_x = rt_retag(en->tag_x, want);
		}
	}
	return en;
}

static uint64_t rt_tag(const struct rt_vcpu *v, uint64_t addr, int mode)
{
	return (addr & ~(uint64_t)(TCG_PAGE - 1)) | (mode ? v->ctx_sys : v->env->ctx);
}

/* ---- loads ---- */

/* A writable page whose tag_w is withheld because it holds code: no walk is needed. */
static bool rt_known_writable(struct rt_vcpu *v, const struct tcg_tlb_entry *en,
                              uint64_t addr, int mode, uint64_t *ram_off,
                              uint8_t **host)
{
	const struct rt_tlb_ext *x = &v->ext[en - v->env->tlb];

	if (en->tag_r != rt_tag(v, addr, mode) || !x->w_ok || x->ram_off == RT_NO_RAM) {
		return false;
	}
	*ram_off = x->ram_off + (addr & (TCG_PAGE - 1));
	*host = (uint8_t *)(uintptr_t)(addr + en->addend);
	return true;
}

/* One page; gives a host pointer, or NULL after reading the device into buf. Raises. */
static const uint8_t *rt_ld_page(struct rt_vcpu *v, uint64_t addr, unsigned size,
                                 int mode, bool rmw, uint8_t *buf)
{
	struct tcg_tlb_entry *en = rt_probe(v, addr);
	struct rt_page_view w;

	if (rmw) {
		if (en->tag_w == rt_tag(v, addr, mode)) {
			return (const uint8_t *)(uintptr_t)(addr + en->addend);
		}
		if (!rt_view(v, addr, MMU_WRITE, mode, false, &w)) {
			tcg_raise(v->env, true);
		}
	} else {
		if (en->tag_r == rt_tag(v, addr, mode)) {
			return (const uint8_t *)(uintptr_t)(addr + en->addend);
		}
		if (!rt_view(v, addr, MMU_READ, mode, false, &w)) {
			tcg_raise(v->env, true);
		}
	}
	if (w.host) {
		rt_fill(v, addr, mode, rmw, &w);
		return w.host + (addr & (TCG_PAGE - 1));
	}
	if (unlikely(v->burst)) {
		rt_burst_outside(v, HV_PLACE_MEM, w.pa + (addr & (TCG_PAGE - 1)));
	}
	v->st_io++;
	for (unsigned at = 0; at < size;) {
		unsigned n = MIN(size - at, 8u);

		n = n >= 8 ? 8 : n >= 4 ? 4 : n >= 2 ? 2 : 1;
		st_le(buf + at,
		      aspace_read(&v->rt->vm->mem, w.pa + (addr & (TCG_PAGE - 1)) + at,
		                  n),
		      n);
		at += n;
	}
	return NULL;
}

static void rt_ld_any(struct rt_vcpu *v, uint64_t addr, uint8_t *buf, unsigned size,
                      int mode, bool rmw)
{
	while (size) {
		unsigned n = MIN(size, (unsigned)(TCG_PAGE - (addr & (TCG_PAGE - 1))));
		const uint8_t *p = rt_ld_page(v, addr, n, mode, rmw, buf);

		if (p) {
			memcpy(buf, p, n);
		}
		addr += n;
		buf += n;
		size -= n;
	}
}

static void rt_check_align(struct rt_vcpu *v, uint64_t addr, uint32_t mem, bool write)
{
	if ((mem & IR_M_ALIGN) && (addr & (IR_M_SIZE(mem) - 1))) {
		v->rt->guest->misaligned(v->env, addr, write);
		tcg_raise(v->env, true);
	}
}

uint64_t rt_ld_slow(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	struct rt_vcpu *v = rt_vcpu_of(env);
	unsigned size = IR_M_SIZE(info), hint = (info >> 8) & 0xff;
	int mode = (info >> 16) & 1;
	bool rmw = info & IR_M_RMW;
	const uint8_t *p;

	rt_check_align(v, addr, info, false);
	if (unlikely(v->dry)) {
		return rt_check_ld(v, addr, info);
	}
	if (rt_crosses(addr, size)) {
		if (rmw) {
			tcg_probe(env, addr, size, true, mode);
		}
		rt_ld_any(v, addr, env->bounce, size, mode, rmw);
		return (uint64_t)(uintptr_t)env->bounce - addr;
	}
	p = rt_ld_page(v, addr, size, mode, rmw, env->bounce);
	if (!p) {
		return (uint64_t)(uintptr_t)env->bounce - addr;
	}
	if (!mode) {
		struct tcg_tlb_entry *en = rt_probe(v, addr);
		uint64_t page = addr & ~(uint64_t)(TCG_PAGE - 1),
			 tag = rt_tag(v, addr, 0);

		if (en->tag_w == tag) {
			env->win_w[hint % IR_WINDOWS] =
				(struct tcg_win){ page, en->addend };
		}
		if (en->tag_r == tag) {
			env->win_r[hint % IR_WINDOWS] =
				(struct tcg_win){ page, en->addend };
		}
	}
	return (uint64_t)(uintptr_t)p - addr;
}

/* ---- stores ---- */

/* The instruction that is running writes to a page with code on it, at a place where there
 * is code: the blocks die, and the instruction runs again as a block of its own, because
 * the running block may be among them. */
static void __noreturn rt_smc(struct rt_vcpu *v, uint64_t ram_off, unsigned size)
{
	v->st_smc++;
	rt_code_written(v->rt, ram_off, size);
	v->one_insn = true;
	tcg_restore_pc(v->env);
	_longjmp(v->env->out, 1);
}

/* A store to a page that holds code. `restart`: called for an instruction that can be run
 * again from its beginning. */
static void rt_st_code_page(struct rt_vcpu *v, uint64_t ram_off, unsigned size,
                            bool restart)
{
	if (restart && !v->one_insn_running && rt_code_overlaps(v->rt, ram_off, size)) {
		rt_smc(v, ram_off, size);
	}
	rt_code_written_beside(v->rt, ram_off, size);
}

/* One page: host pointer to store to, or NULL: device at *pa. Raises. */
static uint8_t *rt_st_page(struct rt_vcpu *v, uint64_t addr, unsigned size, int mode,
                           bool restart, uint64_t *pa)
{
	struct tcg_tlb_entry *en = rt_probe(v, addr);
	struct rt_page_view w;
	struct rt_page *p;
	uint64_t ram_off;
	uint8_t *host;

	if (en->tag_w == rt_tag(v, addr, mode)) {
		return (uint8_t *)(uintptr_t)(addr + en->addend);
	}
	if (rt_known_writable(v, en, addr, mode, &ram_off, &host)) {
		p = rt_softmmu_page(v->rt, ram_off);
		if (p && (atomic_load(&p->flags) & RT_PG_CODE)) {
			(void)rt_dirty_ok(v, ram_off, true);
			if (unlikely(v->burst)) {
				rt_burst_stored(v, host, size);
			}
			rt_st_code_page(v, ram_off, size, restart);
			return host;
		}
	}
	if (!rt_view(v, addr, MMU_WRITE, mode, false, &w)) {
		tcg_raise(v->env, true);
	}
	if (!w.host || w.fr->readonly) {
		*pa = w.pa + (addr & (TCG_PAGE - 1));
		if (unlikely(v->burst) && !w.host) {
			rt_burst_outside(v, HV_PLACE_MEM, *pa);
		}
		return NULL;
	}
	if (unlikely(v->burst)) {
		rt_burst_stored(v, w.host + (addr & (TCG_PAGE - 1)), size);
	}
	p = rt_softmmu_page(v->rt, w.ram_off);
	if (p && (atomic_load(&p->flags) & RT_PG_CODE)) {
		rt_st_code_page(v, w.ram_off + (addr & (TCG_PAGE - 1)), size, restart);
	}
	rt_fill(v, addr, mode, true, &w);
	return w.host + (addr & (TCG_PAGE - 1));
}

static void rt_st_any(struct rt_vcpu *v, uint64_t addr, const uint8_t *buf,
                      unsigned size, int mode)
{
	while (size) {
		unsigned n = MIN(size, (unsigned)(TCG_PAGE - (addr & (TCG_PAGE - 1))));
		uint64_t pa;
		uint8_t *p = rt_st_page(v, addr, n, mode, false, &pa);

		if (p) {
			memcpy(p, buf, n);
		} else {
			v->st_io++;
			for (unsigned at = 0; at < n;) {
				unsigned k = n - at >= 8   ? 8
				             : n - at >= 4 ? 4
				             : n - at >= 2 ? 2
				                           : 1;

				aspace_write(&v->rt->vm->mem, pa + at,
				             ld_le(buf + at, k), k);
				at += k;
			}
		}
		addr += n;
		buf += n;
		size -= n;
	}
}

struct rt_slow rt_st_slow(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	struct rt_vcpu *v = rt_vcpu_of(env);
	unsigned size = IR_M_SIZE(info), hint = (info >> 8) & 0xff;
	int mode = (info >> 16) & 1;
	uint64_t pa;
	uint8_t *p;

	rt_check_align(v, addr, info, true);
	if (unlikely(v->dry)) {
		env->bounce_addr = addr;
		env->bounce_info = info;
		return (struct rt_slow){ (uint64_t)(uintptr_t)env->bounce - addr, 1 };
	}
	if (rt_crosses(addr, size)) {
		unsigned first = TCG_PAGE - (addr & (TCG_PAGE - 1));

		tcg_probe(env, addr, size, true, mode);
		/* Raises or restarts before anything is written. */
		rt_st_page(v, addr, first, mode, true, &pa);
		rt_st_page(v, addr + first, size - first, mode, true, &pa);
		p = NULL;
	} else {
		p = rt_st_page(v, addr, size, mode, true, &pa);
	}
	if (!p) {
		env->bounce_addr = addr;
		env->bounce_info = info;
		return (struct rt_slow){ (uint64_t)(uintptr_t)env->bounce - addr, 1 };
	}
	if (!mode) {
		struct tcg_tlb_entry *en = rt_probe(v, addr);

		if (en->tag_w == rt_tag(v, addr, 0)) {
			env->win_w[hint % IR_WINDOWS] =
				(struct tcg_win){ addr & ~(uint64_t)(TCG_PAGE - 1),
				                  en->addend };
		}
	}
	return (struct rt_slow){ (uint64_t)(uintptr_t)p - addr, 0 };
}

void rt_st_commit(struct tcg_env *env)
{
	if (unlikely(rt_vcpu_of(env)->dry)) {
		rt_check_st(rt_vcpu_of(env));
		return;
	}
	rt_st_any(rt_vcpu_of(env), env->bounce_addr, env->bounce,
	          IR_M_SIZE(env->bounce_info), (env->bounce_info >> 16) & 1);
}

/* ---- atomics ---- */

void *rt_atomic_host(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	struct rt_vcpu *v = rt_vcpu_of(env);
	uint64_t pa;

	rt_check_align(v, addr, info, true);
	if (rt_crosses(addr, IR_M_SIZE(info))) {
		tcg_probe(env, addr, IR_M_SIZE(info), true, (info >> 16) & 1);
		return NULL;
	}
	return rt_st_page(v, addr, IR_M_SIZE(info), (info >> 16) & 1, true, &pa);
}

static uint64_t rt_rmw_apply(uint32_t op, uint64_t old, uint64_t v, unsigned size)
{
	return ival_rmw(op, IR_I8 + (unsigned)__builtin_ctz(size), old, v);
}

/* All others are stopped; faults are raised before. */
static uint64_t rt_atomic_stopped(struct tcg_env *env, uint64_t addr, uint32_t info,
                                  bool is_cas, uint32_t op, uint64_t expected,
                                  uint64_t val)
{
	struct rt_vcpu *v = rt_vcpu_of(env);
	unsigned size = IR_M_SIZE(info);
	int mode = (info >> 16) & 1;
	uint8_t buf[8];
	uint64_t old, mask = size == 8 ? ~UINT64_C(0) : BIT64(8 * size) - 1;

	tcg_probe(env, addr, size, true, mode);
	rt_exclusive_begin(v); /* a raise ends it: run.c */
	rt_ld_any(v, addr, buf, size, mode, true);
	old = ld_le(buf, size);
	if (!is_cas || old == (expected & mask)) {
		st_le(buf, is_cas ? val : rt_rmw_apply(op, old, val, size), size);
		rt_st_any(v, addr, buf, size, mode);
	}
	rt_exclusive_end(v);
	return old;
}

uint64_t rt_rmw_slow(struct tcg_env *env, uint64_t addr, uint32_t info, uint32_t op,
                     uint64_t val)
{
	unsigned size = IR_M_SIZE(info);
	void *p = rt_atomic_host(env, addr, info);

	if (!p) {
		return rt_atomic_stopped(env, addr, info, false, op, 0, val);
	}
	for (;;) {
		uint64_t old = 0, now;
		bool ok;

		memcpy(&old, p, size);
		now = rt_rmw_apply(op, old, val, size);
		switch (size) {
		case 1:
			ok = __sync_bool_compare_and_swap((uint8_t *)p, (uint8_t)old,
			                                  (uint8_t)now);
			break;
		case 2:
			ok = __sync_bool_compare_and_swap((uint16_t *)p, (uint16_t)old,
			                                  (uint16_t)now);
			break;
		case 4:
			ok = __sync_bool_compare_and_swap((uint32_t *)p, (uint32_t)old,
			                                  (uint32_t)now);
			break;
		default: ok = __sync_bool_compare_and_swap((uint64_t *)p, old, now);
		}
		if (ok) {
			return old;
		}
	}
}

uint64_t rt_cas_slow(struct tcg_env *env, uint64_t addr, uint32_t info,
                     uint64_t expected, uint64_t desired)
{
	void *p = rt_atomic_host(env, addr, info);

	if (!p) {
		return rt_atomic_stopped(env, addr, info, true, 0, expected, desired);
	}
	switch (IR_M_SIZE(info)) {
	case 1:
		return __sync_val_compare_and_swap((uint8_t *)p, (uint8_t)expected,
		                                   (uint8_t)desired);
	case 2:
		return __sync_val_compare_and_swap((uint16_t *)p, (uint16_t)expected,
		                                   (uint16_t)desired);
	case 4:
		return __sync_val_compare_and_swap((uint32_t *)p, (uint32_t)expected,
		                                   (uint32_t)desired);
	default: return __sync_val_compare_and_swap((uint64_t *)p, expected, desired);
	}
}

/* ---- helpers' accessors ---- */

void tcg_ld_bytes(struct tcg_env *env, uint64_t addr, void *buf, unsigned len, int mode)
{
	rt_ld_any(rt_vcpu_of(env), addr, buf, len, mode, false);
}

void tcg_st_bytes(struct tcg_env *env, uint64_t addr, const void *buf, unsigned len,
                  int mode)
{
	if (rt_crosses(addr, len)) {
		tcg_probe(env, addr, len, true, mode);
	}
	rt_st_any(rt_vcpu_of(env), addr, buf, len, mode);
}

uint64_t tcg_ld(struct tcg_env *env, uint64_t addr, unsigned size, int mode)
{
	uint8_t buf[8];

	rt_ld_any(rt_vcpu_of(env), addr, buf, size, mode, false);
	return ld_le(buf, size);
}

void tcg_st(struct tcg_env *env, uint64_t addr, uint64_t val, unsigned size, int mode)
{
	uint8_t buf[8];

	st_le(buf, val, size);
	tcg_st_bytes(env, addr, buf, size, mode);
}

void tcg_probe(struct tcg_env *env, uint64_t addr, unsigned len, bool write, int mode)
{
	struct rt_vcpu *v = rt_vcpu_of(env);

	while (len) {
		struct tcg_tlb_entry *en = rt_probe(v, addr);
		uint64_t tag = rt_tag(v, addr, mode);
		unsigned n = MIN(len, (unsigned)(TCG_PAGE - (addr & (TCG_PAGE - 1))));
		struct rt_page_view w;

		if ((write ? en->tag_w : en->tag_r) != tag) {
			if (!rt_view(v, addr, write ? MMU_WRITE : MMU_READ, mode, false,
			             &w)) {
				tcg_raise(env, true);
			}
			if (w.host) {
				rt_fill(v, addr, mode, write, &w);
			}
		}
		addr += n;
		len -= n;
	}
}

void *tcg_host_ptr(struct tcg_env *env, uint64_t addr, unsigned len, bool write,
                   int mode)
{
	struct rt_vcpu *v = rt_vcpu_of(env);
	struct tcg_tlb_entry *en = rt_probe(v, addr);
	uint64_t tag = rt_tag(v, addr, mode);
	struct rt_page_view w;

	if (len == 0 || rt_crosses(addr, len)) {
		return NULL;
	}
	if ((write ? en->tag_w : en->tag_r) != tag) {
		if (!rt_view(v, addr, write ? MMU_WRITE : MMU_READ, mode, false, &w)) {
			tcg_raise(env, true);
		}
		if (!w.host) {
			return NULL;
		}
		en = rt_fill(v, addr, mode, write, &w);
		if (unlikely(v->burst) && write && w.r.w && !w.fr->readonly) {
			rt_burst_stored(v, w.host + (addr & (TCG_PAGE - 1)), len);
			rt_code_written(v->rt, w.ram_off + (addr & (TCG_PAGE - 1)),
			                len);
			return w.host + (addr & (TCG_PAGE - 1));
		}
		if ((write ? en->tag_w : en->tag_r) != tag) {
			return NULL; /* code page, ROM: the slow way */
		}
	}
	return (void *)(uintptr_t)(addr + en->addend);
}

/* ---- instruction fetch ---- */

static bool rt_exec_view(struct rt_vcpu *v, uint64_t pc, bool probe,
                         const uint8_t **host, uint64_t *ram_off)
{
	struct tcg_tlb_entry *en = rt_probe(v, pc);
	uint64_t in = pc & (TCG_PAGE - 1);
	struct rt_page_view w;

	if (en->tag_x == rt_tag(v, pc, 0)) {
		*host = (const uint8_t *)(uintptr_t)(pc + en->addend);
		*ram_off = v->ext[en - v->env->tlb].ram_off + in;
		return true;
	}
	if (!rt_view(v, pc, MMU_EXEC, 0, probe, &w)) {
		return false;
	}
	if (!w.host) {
		*host = NULL;
		*ram_off =
			w.pa +
			in; /* a physical address: the caller reads it byte by byte */
		return true;
	}
	if (!probe) {
		rt_fill(v, pc, 0, false, &w);
	}
	*host = w.host + in;
	*ram_off = w.ram_off + in;
	return true;
}

bool rt_exec_global(const struct rt_vcpu *v, uint64_t pc)
{
	const struct tcg_tlb_entry *en =
		&v->env->tlb[(pc >> TCG_PAGE_BITS) & (TCG_TLB_N - 1)];

	return en->tag_x == rt_tag(v, pc, 0) && v->ext[en - v->env->tlb].global;
}

const uint8_t *rt_exec_page(struct rt_vcpu *v, uint64_t pc, uint64_t *ram_off)
{
	const uint8_t *host;

	if (!rt_exec_view(v, pc, false, &host, ram_off)) {
		/* pc_now is the instruction's first byte; pc may lie on its second page. */
		v->env->host_ra = 0;
		tcg_raise(v->env, true);
	}
	return host;
}

bool rt_exec_probe(struct rt_vcpu *v, uint64_t pc, const uint8_t **host,
                   uint64_t *ram_off)
{
	return rt_exec_view(v, pc, true, host, ram_off);
}
