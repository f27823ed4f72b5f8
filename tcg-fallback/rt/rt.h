/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rt.h - the run time of the translator, inside: code cache, blocks, code pages,
 * soft MMU, vCPU states. The outside is `tcg_hv_ops` (core/hv.h) and the C functions
 * of ir/env.h.
 *
 * vCPU states. A vCPU is IN (running translated code or a helper, may touch guest
 * memory through its TLB) or OUT (in the dispatcher between two blocks, translating,
 * halted, stopped). Going IN it first drains its mailbox (TLB shootdowns); who posts
 * to a mailbox waits until the target is OUT or has drained. Code memory and block
 * structs are recycled only after every vCPU has been OUT (a grace period), so that
 * look-ups and running code need no lock.
 *
 * Locks: rt->lk (RANK_JIT_CACHE) guards the block hash's writers, code pages' block
 * lists and links between blocks. Translation itself runs without it, into the vCPU's
 * own region of the code cache.
 */
#ifndef LODGE_TCG_RT_H
#define LODGE_TCG_RT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/gmem.h"
#include "core/lock.h"
#include "core/vm.h"
#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/guest.h"
#include "tcg-fallback/ir/host.h"

enum {
	RT_HASH_BITS = 18,
	RT_REGION_SIZE = 1 << 20,
	RT_REGION_BLOCKS = 8192,
	RT_JC_TABLES = 16,
	RT_MAILBOX = 64,
	RT_MAX_PCMAP = 2048,
	RT_BLOOM_BITS = 4096,
	RT_JC_BLOOM = 4096,
};

/* ---- blocks ---- */

struct tcg_block {
	uint64_t pc,
		key; /* pic: the pc it was translated at, of which only the place in the
			      page counts */
	bool pic;
	uint64_t ram_off;  /* of the first byte; page key of the hash */
	uint64_t ram_off2; /* of the second page, or RT_NO_RAM */
	const uint8_t *x;  /* entry for jump caches; NULL under the interpreter */
	const uint8_t
		*body; /* entry for the dispatcher and linked jumps: vpage is right */
	uint32_t len, guest_len, n_insns;
	int32_t seen_lo, seen_hi; /* of ir_unit */
	_Atomic bool dead;
	uint8_t n_exits, checks;
	struct tcg_exit *exits;
	struct tcg_exit *in; /* exits of other blocks linked to this one (rt->lk) */
	struct tcg_pcmap *pcmap;
	uint32_t n_pcmap;
	struct ir_unit *unit; /* interpreter and engine=check */
	struct tcg_block *_Atomic hash_next;
	struct tcg_block *page_next[2];   /* lists of the two pages (rt->lk) */
	struct tcg_block **page_pprev[2]; /* what points here; NULL: in no list */
	struct rt_region *region;
};
#define RT_NO_RAM  (~UINT64_C(0))
#define RT_NO_PAGE (~UINT32_C(0))

/* ---- code cache ---- */

struct rt_chunk; /* metadata arena of a region */

struct rt_region {
	unsigned index;
	uint32_t used;
	_Atomic uint32_t n_blocks;
	struct tcg_block **blocks; /* in rising order of x */
	struct rt_chunk *chunks;
	struct rt_vcpu *owner; /* NULL: full or free */
	uint64_t seq;          /* order of filling: the oldest is evicted first */
	enum { RT_FREE, RT_FILLING, RT_FULL, RT_RETIRED } state;
	uint64_t *retired_epoch; /* one a vCPU: epochs at retirement */
};

struct rt_cache {
	int fd;
	uint8_t *w, *x;
	size_t size;
	unsigned n_regions, first_region; /* stubs lie before the first region */
	size_t stub_len;
	struct rt_region *region;
	uint64_t seq;
};

int rt_cache_init(struct tcg_rt *rt, size_t size, struct err *e) __must_check;
void rt_cache_fini(struct tcg_rt *rt);
/* Room for at least `need` bytes in the vCPU's region; may evict. */
struct rt_region *rt_cache_room(struct rt_vcpu *v, size_t need);
void *rt_region_alloc(struct rt_region *r, size_t size);
/* Gives the tail of the last allocation back. */
void rt_region_shrink(struct rt_region *r, void *p, size_t size);
struct tcg_block *rt_block_by_host(struct tcg_rt *rt, uint64_t host_pc);
static inline uint8_t *rt_w_of(struct rt_cache *c, const uint8_t *x)
{
	return c->w + (x - c->x);
}

/* ---- code pages, one for each page of guest RAM ---- */

#define RT_PG_CODE BIT(0) /* may hold translated code: writes are watched */
#define RT_PG_WMAP BIT(1) /* some vCPU's TLB may map it writable */

struct rt_page {
	_Atomic uint32_t flags;
	_Atomic uint32_t
		gen; /* counts watched writes: a translation that raced is dropped */
	_Atomic uint64_t chunks;  /* 64-byte pieces that hold code */
	struct tcg_block *blocks; /* rt->lk */
};

/* ---- per vCPU ---- */

struct rt_tlb_ext {
	uint64_t ram_off; /* page's place in RAM, RT_NO_RAM for devices */
	bool w_ok, global;
	uint8_t modes; /* of mmu_result; 0: an entry of a system access, too */
};

/* Of the block of an entry, kept beside it so that looking does not touch the block. */
struct rt_jc_note {
	uint32_t rpage; /* RAM page; RT_NO_PAGE: it crosses into another */
	uint32_t xoff;  /* of its code in the cache */
};

/* A jump cache and what the dispatcher knows of its entries (jc.c). */
struct rt_jc_slot {
	uint64_t ctx, key;
	bool valid;
	uint64_t used; /* when; 0: never, memory is not initialised */
	struct tcg_jc_entry *tab;
	struct tcg_block *_Atomic *blk; /* of each entry; NULL: it died */
	struct rt_jc_note *note;
	uint64_t fill[TCG_JC_N / 64]; /* entries that are not empty */
	uint64_t global[TCG_JC_N /
	                64]; /* live ones on global pages: right in every space */
	uint64_t local[TCG_JC_N / 64];    /* live ones on other pages */
	uint64_t bloom[RT_JC_BLOOM / 64]; /* virtual pages of entries */
	unsigned n_local;
};
#define RT_JC_NO_SPACE (UINT64_C(1) << 63) /* in ctx: no address space's any more */

enum rt_state { RT_OUT, RT_IN };

struct rt_space {
	uint64_t space;
	uint16_t id; /* ctx = id << 3 | mode */
	bool valid;
	uint64_t used;
};
enum { RT_SPACES = 64 };

/* Never freed before the VM: others may look at one whose vCPU is gone. */
struct rt_vcpu {
	struct vcpu *c;
	struct tcg_rt *rt;
	struct tcg_env *env;
	void *arch;
	_Atomic int state;
	_Atomic uint64_t
		epoch; /* even: outside run(); changes at each quiescent point */
	/* From here to `mail`, and from `region` on: cleared when a vCPU is plugged again. */
	struct tcg_exit *last_exit; /* to be linked to the next block */

	struct rt_tlb_ext *ext;
	uint32_t *
		wpage; /* of each TLB entry: RAM page it lets us write to, or RT_NO_PAGE */
	struct rt_space spaces[RT_SPACES];
	uint16_t next_space_id;
	uint64_t space_clock;
	struct rt_space *cur_space;
	unsigned mode;
	uint64_t large_2m[RT_BLOOM_BITS / 64], large_1g[RT_BLOOM_BITS / 64];

	struct rt_jc_slot jc[RT_JC_TABLES];
	struct rt_jc_slot *jc_cur;
	uint64_t jc_clock;

	struct {
		_Atomic uint32_t n; /* posted shootdowns; > RT_MAILBOX: everything */
		_Atomic uint64_t page[RT_MAILBOX];
	} mail;
	_Atomic uint32_t mail_done; /* n that has been drained */

	struct rt_region *region;
	struct ir_unit unit;
	bool raise_pending, translating;
	unsigned burst;  /* instructions, each a block; 0: no limit */
	bool burst_over; /* it ends before the next one */
	struct hv_burst_log burst_log;
	bool one_insn; /* next block: a single instruction, uncached */
	bool one_insn_running, excl_held, dry;
	struct rt_check *check; /* engine=check */
	_Atomic bool flush_req; /* the memory map changed: drop the whole TLB */
	int loop_exit;          /* reason that tcg_exit_loop left, or -1 */
	uint64_t ctx_sys;       /* tag of system-mode accesses */

	uint64_t st_translated, st_insns, st_tlb_fill, st_io, st_exits;
	uint64_t st_loops, st_jc_fill, st_smc;
};

/* ---- the machine's ---- */

struct tcg_rt {
	struct vm *vm;
	const struct tcg_guest *guest;
	const struct tcg_host *host; /* NULL: interpreter */
	struct rt_cache cache;
	_Atomic bool has_code; /* a block has been in the hash */
	struct tcg_block *_Atomic *hash;
	struct rt_page *pages;
	uint64_t n_pages;
	struct lk lk;
	_Atomic unsigned n_vcpus;
	struct rt_vcpu *_Atomic
		*vcpus;        /* by index; NULL: not there. Written under lk */
	struct rt_vcpu **kept; /* all that ever were, by index */
	unsigned room;         /* of both */
	struct tcg_jc_entry *jc_empty;
	uint8_t *sink; /* page that invalid windows point to */
	void *miss_stub;
	pthread_mutex_t excl;
	_Atomic int excl_wanted;
	_Atomic uint32_t translating;
	unsigned max_insns;
	bool check;
	FILE *perf_map;
	struct aspace_listener listener;
};

struct rt_vcpu *rt_vcpu_of(struct tcg_env *env);

/* run.c */
void rt_go_out(struct rt_vcpu *v);
void rt_go_in(struct rt_vcpu *v);
void rt_exclusive_begin(struct rt_vcpu *v);
void rt_exclusive_end(struct rt_vcpu *v);
void rt_kick_one(struct rt_vcpu *v);

/* block.c */
struct tcg_block *rt_block_lookup(struct rt_vcpu *v, uint64_t pc, uint64_t key,
                                  uint64_t ram_off);
bool rt_block_is(struct rt_vcpu *v, const struct tcg_block *b, uint64_t pc,
                 uint64_t key, uint64_t ram_off);
struct tcg_block *rt_block_translate(struct rt_vcpu *v, uint64_t pc, uint64_t key,
                                     uint64_t ram_off);
void rt_translating(struct rt_vcpu *v, bool on);
void rt_block_link(struct rt_vcpu *v, struct tcg_exit *ex, struct tcg_block *to);
void rt_block_kill_locked(struct tcg_rt *rt, struct tcg_block *b);
/* A write of [ram_off, +len) that is not seen by the TLB. True if blocks died. */
bool rt_code_written(struct tcg_rt *rt, uint64_t ram_off, uint64_t len);
void rt_code_written_beside(struct tcg_rt *rt, uint64_t ram_off, uint64_t len);
/* Guest memory was written where nobody watched: every block dies. */
void rt_forget_code(struct tcg_rt *rt);
bool rt_code_overlaps(struct tcg_rt *rt, uint64_t ram_off, uint64_t len);
void rt_page_mark_code(struct rt_vcpu *v, uint64_t ram_off);
uint64_t rt_block_guest_pc(const struct rt_vcpu *v, const struct tcg_block *b,
                           uint64_t host_ra);

/* jc.c */
void rt_jc_select(struct rt_vcpu *v, uint64_t key);
void rt_jc_put(struct rt_vcpu *v, uint64_t pc, struct tcg_block *blk);
/* What the table knows of pc's block, where that may be in RAM not looked at; or NULL. */
struct tcg_block *rt_jc_block(struct rt_vcpu *v, uint64_t pc);
const void *rt_jc_code(struct rt_vcpu *v, uint64_t pc); /* live entry's, or NULL */
void rt_jc_forget_block(struct tcg_rt *rt, struct tcg_block *b);
/* Its pic blocks' entries; the others are gone when they die. */
void rt_jc_forget_region(struct tcg_rt *rt, const struct rt_region *r);
void rt_jc_flush_page(struct rt_vcpu *v, uint64_t va);
void rt_jc_flush_pages(struct rt_vcpu *v, uint64_t va, uint64_t n);
void rt_jc_flush_all(struct rt_vcpu *v);
void rt_jc_flush_ctx(struct rt_vcpu *v, uint64_t id, uint64_t now);
int rt_jc_init(struct rt_vcpu *v);
void rt_jc_fini(struct rt_vcpu *v);

/* softmmu.c */
int rt_mmu_init(struct rt_vcpu *v, struct err *e);
void rt_mmu_fini(struct rt_vcpu *v);
void rt_mail_drain(struct rt_vcpu *v);
/* Executable page of pc at the current privilege: host address and RAM place of pc's
 * byte. Raises when it may not be executed. host NULL: not RAM. */
const uint8_t *rt_exec_page(struct rt_vcpu *v, uint64_t pc, uint64_t *ram_off);
/* As above without raising: false if a fault would be raised. */
bool rt_exec_probe(struct rt_vcpu *v, uint64_t pc, const uint8_t **host,
                   uint64_t *ram_off);
/* Does the TLB hold pc's page as a global one? */
bool rt_exec_global(const struct rt_vcpu *v, uint64_t pc);
/* Asks for the writable entries of a page (all of them today) to be dropped before v goes
 * IN; drained when mail_done has passed the number returned. */
uint32_t rt_mail_post(struct rt_vcpu *v, uint64_t ram_page);
void rt_win_reset(struct tcg_env *env, const uint8_t *sink);
void rt_drop_write_page(struct rt_vcpu *v, uint64_t ram_page);

/* burst.c: softmmu's part, in bursts only. A store to [host, +size) is about to be made; a
 * place that is not RAM is about to be used (may raise as a fault does). */
void rt_burst_stored(struct rt_vcpu *v, const uint8_t *host, unsigned size);
void rt_burst_outside(struct rt_vcpu *v, enum hv_place where, uint64_t addr);
void rt_burst_enter(struct vcpu *c, bool forget);
void rt_burst_settle(struct vcpu *c);
enum vcpu_exit rt_burst_run(struct vcpu *c, unsigned max_insns);
const struct hv_burst_log *rt_burst_log(struct vcpu *c);

/* dirty.c */
int rt_dirty_start(struct vm *vm, struct err *e);
int rt_dirty_stop(struct vm *vm, struct err *e);
int rt_dirty_collect(struct vm *vm, uint64_t ram_off, uint64_t len, uint64_t *bits,
                     struct err *e);

#endif
