/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * run.c - the translator as an accelerator: the vCPU's run loop (dispatcher), kicks,
 * raises, stopping everybody for an atomic operation, statistics.
 *
 * The dispatcher is OUT (see rt.h) while it looks up and translates, IN while
 * translated code or exception delivery runs.
 */
#include "config.h"

#include "tcg-fallback/rt/rt.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt.h"
#include "base/pages.h"
#include "core/cpu/arch.h"
#include "tcg-fallback/interp/interp.h"
#include "tcg-fallback/rt/check.h"
#include "tcg-fallback/rt/rt-log.h"

enum { RT_CACHE_MIB = 256, RT_MAX_INSNS = 64 };
/* Page descriptors are reserved for this much guest RAM; untouched ones cost nothing. */
#define RT_MAX_RAM (UINT64_C(1) << 38)

static const struct tcg_guest *const rt_guests[] = { &x86_tcg_guest };

struct rt_vcpu *rt_vcpu_of(struct tcg_env *env)
{
	return env->vcpu->tcg;
}

/* ---- IN and OUT ---- */

void rt_go_out(struct rt_vcpu *v)
{
	atomic_store_explicit(&v->state, RT_OUT, memory_order_release);
}

void rt_go_in(struct rt_vcpu *v)
{
	for (;;) {
		atomic_store(&v->state, RT_IN);
		if (likely(!atomic_load(&v->rt->excl_wanted))) {
			break;
		}
		atomic_store(&v->state, RT_OUT);
		sched_yield();
	}
	rt_mail_drain(v);
}

void rt_kick_one(struct rt_vcpu *v)
{
	atomic_store(&v->env->pending, 1);
	atomic_store(&v->env->jc, v->rt->jc_empty);
}

void rt_exclusive_begin(struct rt_vcpu *v)
{
	struct tcg_rt *rt = v->rt;

	rt_go_out(v);
	if (v->burst) { /* the others are somebody else's; who waits here holds nothing */
		vm_exclusive_enter(v->c->vm);
	}
	pthread_mutex_lock(&rt->excl);
	atomic_store(&rt->excl_wanted, 1);
	for (unsigned i = 0; i < rt->n_vcpus; i++) {
		struct rt_vcpu *o = rt->vcpus[i];

		while (o && o != v && atomic_load(&o->state) == RT_IN) {
			rt_kick_one(o);
			sched_yield();
		}
	}
	atomic_store(&v->state, RT_IN);
	rt_mail_drain(v);
	v->excl_held = true;
}

void rt_exclusive_end(struct rt_vcpu *v)
{
	v->excl_held = false;
	atomic_store(&v->rt->excl_wanted, 0);
	pthread_mutex_unlock(&v->rt->excl);
	if (v->burst) {
		vm_exclusive_leave(v->c->vm);
	}
}

/* ---- raises ---- */

void tcg_restore_pc(struct tcg_env *env)
{
	struct rt_vcpu *v = rt_vcpu_of(env);
	uint64_t pc = env->pc_now;

	if (env->host_ra) {
		struct tcg_block *b = rt_block_by_host(v->rt, env->host_ra);

		if (b) {
			pc = rt_block_guest_pc(v, b, env->host_ra);
		} else {
			log_error("translator: no block at host address 0x%llx",
			          (unsigned long long)env->host_ra);
		}
	}
	v->rt->guest->set_pc(v->arch, pc);
}

void tcg_raise(struct tcg_env *env, bool restore_pc)
{
	if (restore_pc) {
		tcg_restore_pc(env);
	}
	rt_vcpu_of(env)->raise_pending = true;
	_longjmp(env->out, 1);
}

void tcg_exit_loop(struct tcg_env *env, unsigned reason)
{
	rt_vcpu_of(env)->loop_exit = (int)reason;
	_longjmp(env->out, 1);
}

/* Where longjmp lands: nothing that the interrupted code held may stay held. */
static void rt_landed(struct rt_vcpu *v)
{
	if (v->excl_held) {
		rt_exclusive_end(v);
	}
	rt_translating(v, false);
	v->one_insn_running = false;
	v->last_exit = NULL;
	v->env->host_ra = 0;
	interp_fp_leave(v->env, v->rt->guest); /* emitted code's too */
}

/* ---- the dispatcher ---- */

static uint64_t rt_slot_pc(struct rt_vcpu *v)
{
	uint64_t pc;

	memcpy(&pc, (char *)v->arch + v->rt->guest->pc_offset, sizeof(pc));
	return pc;
}

/* The code for pc, and the block when it had to be looked up (needed for a link). */
static const void *rt_find(struct rt_vcpu *v, uint64_t pc, uint64_t key,
                           struct tcg_block **blk)
{
	struct tcg_rt *rt = v->rt;
	uint64_t ram_off;
	const uint8_t *host;

	*blk = NULL;
	if (!v->one_insn && !v->last_exit && rt->host) {
		const void *x = rt_jc_code(v, pc);

		if (x) {
			return x;
		}
	}
	host = rt_exec_page(v, pc, &ram_off);
	if (!host) {
		ram_off = RT_NO_RAM;
	} else if (!v->one_insn) {
		*blk = rt_jc_block(v, pc);
		if (!*blk || !rt_block_is(v, *blk, pc, key, ram_off)) {
			*blk = rt_block_lookup(v, pc, key, ram_off);
		}
	}
	if (!*blk) {
		*blk = rt_block_translate(v, pc, key, ram_off);
		if (!*blk) {
			return NULL;
		}
	}
	if ((*blk)->ram_off != RT_NO_RAM && rt->host && rt_check_done(rt, *blk)) {
		rt_jc_put(v, pc, *blk);
	}
	return (*blk)->body;
}

static int rt_run_interp(struct rt_vcpu *v, struct tcg_block *blk)
{
	struct interp_result r;

	v->env->host_ra = 0;
	v->env->pc_now = blk->pc;
	r = interp_run(v->env, v->rt->guest, blk->unit);
	if (r.has_pc) {
		v->rt->guest->set_pc(v->arch, r.pc);
	}
	return (int)r.reason;
}

static int rt_run_code(struct rt_vcpu *v, const void *x)
{
	struct tcg_env *env = v->env;

	v->last_exit = v->rt->host->run(env, x);
	v->st_exits++;
	if (v->last_exit) {
		v->rt->guest->set_pc(v->arch, rt_slot_pc(v));
		return TCG_EXIT_NEXT;
	}
	if (env->exit_reason == TCG_EXIT_JUMP) {
		v->rt->guest->set_pc(v->arch, rt_slot_pc(v));
		return TCG_EXIT_NEXT;
	}
	return (int)env->exit_reason;
}

/* Events between two blocks. True: vCPU has to leave the loop. */
static bool rt_events(struct rt_vcpu *v)
{
	struct vcpu *c = v->c;
	struct tcg_env *env = v->env;
	const struct tcg_guest *g = v->rt->guest;

	if (unlikely(atomic_load_explicit(&env->pending, memory_order_acquire))) {
		atomic_store(&env->pending, 0);
		if (atomic_load(&c->exit_request)) {
			return true;
		}
	}
	if (unlikely(v->raise_pending) ||
	    unlikely(atomic_load_explicit(&c->requests, memory_order_acquire))) {
		uint64_t key;

		g->key(v->arch, &env->pc_now, &key);
		rt_go_in(v);
		if (v->raise_pending) {
			v->raise_pending = false;
			g->deliver(env);
			v->last_exit = NULL;
		}
		if (atomic_load(&c->requests) && g->interrupt_ready(env)) {
			g->interrupt(env);
			v->last_exit = NULL;
		}
		rt_go_out(v);
	}
	return false;
}

static enum vcpu_exit rt_loop(struct rt_vcpu *v)
{
	struct tcg_rt *rt = v->rt;

	for (;;) {
		uint64_t pc, key;
		struct tcg_block *blk;
		const void *x;
		int reason = v->loop_exit;
		bool checked;

		rt_go_out(v);
		atomic_fetch_add(&v->epoch, 2);
		gmem_quiescent();
		v->loop_exit = -1;
		if (unlikely(reason >= 0)) {
			goto left;
		}
		if (rt_events(v)) {
			return VCPU_EXIT_KICK;
		}
		if (unlikely(v->raise_pending)) {
			continue;
		}
		v->st_loops++;
		rt->guest->key(v->arch, &pc, &key);
		v->env->pc_now = pc;
		v->env->vpage = pc & ~(uint64_t)(TCG_PAGE - 1);
		rt_jc_select(v, key);
		if (unlikely(v->burst)) {
			v->one_insn = true;
		}
		x = rt_find(v, pc, key, &blk);
		if (unlikely(!x && !(blk && blk->unit))) {
			return VCPU_EXIT_ERROR;
		}
		if (v->last_exit && blk && !v->one_insn && v->last_exit->jump_off &&
		    rt_check_done(rt, blk) && rt_check_done(rt, v->last_exit->block)) {
			rt_block_link(v, v->last_exit, blk);
		}
		v->last_exit = NULL;
		if (log_on(LOG_EXEC)) {
			log_cat_printf("exec %u: %016llx key %llx\n", v->c->index,
			               (unsigned long long)pc, (unsigned long long)key);
		}
		if (log_on(LOG_CPU) && v->c->vm->arch->dump) {
			v->c->vm->arch->dump(v->c, stderr);
		}
		v->one_insn_running = v->one_insn;
		v->one_insn = false;
		rt_go_in(v);
		checked = rt->check && blk && rt_check_before(v, blk);
		if (checked) { /* stop after this block */
			atomic_store(&v->env->jc, rt->jc_empty);
		}
		reason = rt->host ? rt_run_code(v, x) : rt_run_interp(v, blk);
		if (checked) {
			rt_check_after(v, blk, reason);
		}
		rt_go_out(v);
		v->one_insn_running = false;
		v->env->host_ra = 0;
	left:
		switch (reason) {
		case TCG_EXIT_HALT: return VCPU_EXIT_HALT;
		case TCG_EXIT_DEBUG: return VCPU_EXIT_DEBUG;
		case TCG_EXIT_SHUTDOWN: return VCPU_EXIT_SHUTDOWN;
		case TCG_EXIT_RAISE: v->raise_pending = true; break;
		default: break;
		}
		if (unlikely(v->burst) && !v->raise_pending) {
			v->burst_log.done += !v->burst_over;
			if (v->burst_over || v->burst_log.done == v->burst) {
				return VCPU_EXIT_KICK;
			}
		}
	}
}

static enum vcpu_exit rt_vcpu_run(struct vcpu *c)
{
	struct rt_vcpu *v = c->tcg;
	enum vcpu_exit r;

	if (atomic_load(&c->exit_request)) {
		return VCPU_EXIT_KICK; /* asked before we were `running`: nobody kicked us */
	}
	atomic_fetch_add(&v->epoch, 1);
	if (_setjmp(v->env->out)) {
		rt_landed(v);
	}
	r = rt_loop(v);
	rt_go_out(v);
	v->last_exit = NULL;
	atomic_fetch_add(&v->epoch, 1);
	return r;
}

/* ---- life cycle ---- */

static void rt_vcpu_kick(struct vcpu *c)
{
	struct rt_vcpu *v = c->tcg;

	if (v) {
		rt_kick_one(v);
	}
}

/* A new one, or the one that the slot had before. */
static struct rt_vcpu *rt_vcpu_get(struct tcg_rt *rt, unsigned index)
{
	enum {
		MID = offsetof(struct rt_vcpu, last_exit),
		MAIL = offsetof(struct rt_vcpu, mail),
		REST = offsetof(struct rt_vcpu, region),
	};
	struct rt_vcpu *v = rt->kept[index];

	if (v) {
		memset((char *)v + MID, 0, MAIL - MID);
		memset((char *)v + REST, 0, sizeof(*v) - REST);
		memset(v->env, 0, sizeof(*v->env));
		return v;
	}
	v = aligned_alloc(64, ALIGN_UP(sizeof(*v), (size_t)64));
	if (v) {
		memset(v, 0, sizeof(*v));
		rt->kept[index] = v;
	}
	return v;
}

static void rt_vcpu_drop(struct rt_vcpu *v)
{
	rt_mmu_fini(v);
	rt_jc_fini(v);
	ir_unit_fini(&v->unit);
	v->c->tcg = NULL;
}

static int rt_vcpu_make(struct rt_vcpu *v, struct vcpu *c, struct err *e)
{
	int ret;

	v->c = c;
	v->rt = c->vm->tcg;
	v->arch = c->arch;
	v->env = tcg_env_of(c->arch);
	v->loop_exit = -1;
	v->env->vcpu = c;
	v->env->rt = v->rt;
	c->tcg = v;
	ir_unit_init(&v->unit);
	if (rt_jc_init(v) < 0) {
		return err_set(e, -ENOMEM, "translator: no memory for vCPU %u",
		               c->index);
	}
	ret = rt_mmu_init(v, e);
	if (ret >= 0 && v->rt->guest->init_vcpu) {
		v->rt->guest->init_vcpu(v->env);
	}
	return ret;
}

static int rt_vcpu_init(struct vcpu *c, struct err *e)
{
	struct tcg_rt *rt = c->vm->tcg;
	struct rt_vcpu *v;
	int ret;

	_Static_assert(sizeof(struct tcg_env) <= CPU_HEADROOM,
	               "head-room of the CPU struct");
	if (c->index >= rt->room) {
		return err_set(e, -ENOSPC, "translator: no room for vCPU %u", c->index);
	}
	v = rt_vcpu_get(rt, c->index);
	if (!v) {
		return err_set(e, -ENOMEM, "translator: no memory for vCPU %u",
		               c->index);
	}
	ret = rt_vcpu_make(v, c, e);
	if (ret < 0) {
		rt_vcpu_drop(v);
		return ret;
	}
	LOCK_SCOPE(&rt->lk);
	atomic_store(&rt->vcpus[c->index], v);
	if (c->index >= rt->n_vcpus) {
		atomic_store(&rt->n_vcpus, c->index + 1);
	}
	return 0;
}

static void rt_vcpu_fini(struct vcpu *c)
{
	struct rt_vcpu *v = c->tcg;

	if (!v) {
		return;
	}
	{
		LOCK_SCOPE(&v->rt->lk);

		atomic_store(&v->rt->vcpus[c->index], NULL);
		if (v->region) {
			v->region->state = RT_FULL;
			v->region->owner = NULL;
			v->region = NULL;
		}
	}
	rt_vcpu_drop(v);
}

static void rt_ram_written(void *opaque, uint64_t ram_off, uint64_t len)
{
	rt_code_written(opaque, ram_off, len);
}

static void rt_map_changed(struct aspace_listener *l, const struct flat *was,
                           const struct flat *now)
{
	struct tcg_rt *rt = container_of(l, struct tcg_rt, listener);

	(void)was;
	(void)now;
	for (unsigned i = 0; i < rt->n_vcpus; i++) {
		struct rt_vcpu *v = rt->vcpus[i];

		if (v) {
			atomic_store(&v->flush_req, true);
			rt_kick_one(v);
		}
	}
}

static int rt_probe_hv(struct err *e)
{
	(void)e;
	return 0; /* the interpreter runs everywhere */
}

static const struct tcg_host *rt_pick_host(void)
{
#ifdef HOST_X86_64
	__builtin_cpu_init();
	if (__builtin_cpu_supports("avx")) {
		return &x86_tcg_host;
	}
	log_warn("translator: this host has no AVX; using the interpreter (slow)");
#endif
	return NULL;
}

static int rt_options(struct tcg_rt *rt, struct opt *o, uint64_t *cache, struct err *e)
{
	static const char *const engines[] = { "jit", "interp", "check", NULL };
	static const char *const threads[] = { "multi", "single", NULL };
	bool perf = false, one = false;
	int engine = 0, thread = 0, ret;

	*cache = (uint64_t)RT_CACHE_MIB << 20;
	rt->max_insns = RT_MAX_INSNS;
	if (o && ((ret = opt_get_enum(o, "engine", engines, 0, &engine, e)) < 0 ||
	          (ret = opt_get_enum(o, "thread", threads, 0, &thread, e)) < 0 ||
	          (ret = opt_get_size(o, "tb-size", *cache, 1 << 20, cache, e)) < 0 ||
	          (ret = opt_get_bool(o, "one-insn-per-tb", false, &one, e)) < 0 ||
	          (ret = opt_get_bool(o, "perfmap", false, &perf, e)) < 0)) {
		return ret;
	}
	if (*cache < (8u << 20) || *cache > (1u << 30)) {
		return err_set(e, -EINVAL, "-accel tcg: tb-size is 8 to 1024 MiB");
	}
	if (thread == 1) {
		log_info(
			"-accel tcg,thread=single: every vCPU has its own thread here");
	}
	if (one) {
		rt->max_insns = 1;
	}
	rt->host = engine != 1 ? rt_pick_host() : NULL;
	rt->check = engine == 2 && rt->host;
	return perf ? rt_perf_map_open(rt, e) : 0;
}

static const struct tcg_guest *rt_guest_of(const struct vm *vm)
{
	for (unsigned i = 0; i < ARRAY_LEN(rt_guests); i++) {
		if (rt_guests[i]->arch == vm->arch) {
			return rt_guests[i];
		}
	}
	return NULL;
}

static int rt_vm_init(struct vm *vm, struct opt *opts, struct err *e)
{
	struct tcg_rt *rt = calloc(1, sizeof(*rt));
	uint64_t cache;
	int ret;

	if (!rt) {
		return err_set(e, -ENOMEM, "translator: out of memory");
	}
	rt->guest = rt_guest_of(vm);
	if (!rt->guest) {
		free(rt);
		return err_set(e, -ENOTSUP,
		               "translator: not supported: guest architecture %s",
		               vm->arch->name);
	}
	rt->vm = vm;
	ret = rt_options(rt, opts, &cache, e);
	if (ret < 0) {
		free(rt);
		return ret;
	}
	rt_log_init();
	lk_init(&rt->lk, RANK_JIT_CACHE, "jit");
	pthread_mutex_init(&rt->excl, NULL);
	rt->n_pages = RT_MAX_RAM >> TCG_PAGE_BITS;
	rt->pages = pages_map(rt->n_pages * sizeof(*rt->pages));
	rt->hash = pages_map(sizeof(*rt->hash) << RT_HASH_BITS);
	rt->sink = pages_map(2 * TCG_PAGE);
	rt->room = vm_vcpu_room(vm);
	rt->vcpus = calloc(rt->room, sizeof(*rt->vcpus));
	rt->kept = calloc(rt->room, sizeof(*rt->kept));
	if (!rt->pages || !rt->hash || !rt->sink || !rt->vcpus || !rt->kept) {
		return err_set(e, -ENOMEM, "translator: out of memory");
	}
	ret = rt_cache_init(rt, cache, e);
	if (ret < 0) {
		return ret;
	}
	if (rt->host) {
		ret = rt->host->init(rt->guest, rt->cache.w, rt->cache.x,
		                     RT_REGION_SIZE, e);
		if (ret < 0) {
			return ret;
		}
		rt->cache.stub_len = (size_t)ret;
		rt->miss_stub = (void *)(uintptr_t)rt->host->miss_stub();
	}
	vm->tcg = rt;
	rt->listener.changed = rt_map_changed;
	aspace_add_listener(&vm->mem, &rt->listener);
	ram_set_written_hook(rt_ram_written, rt);
	return 0;
}

static void rt_vm_fini(struct vm *vm)
{
	struct tcg_rt *rt = vm->tcg;

	ram_set_written_hook(NULL, NULL);
	aspace_del_listener(&vm->mem, &rt->listener);
	if (rt->perf_map) {
		fclose(rt->perf_map);
	}
	rt_cache_fini(rt);
	munmap(rt->pages, rt->n_pages * sizeof(*rt->pages));
	munmap(rt->hash, sizeof(*rt->hash) << RT_HASH_BITS);
	munmap(rt->sink, 2 * TCG_PAGE);
	if (rt->jc_empty) {
		munmap(rt->jc_empty, sizeof(struct tcg_jc_entry) * TCG_JC_N);
	}
	lk_fini(&rt->lk);
	for (unsigned i = 0; i < rt->room; i++) {
		free(rt->kept[i]);
	}
	free(rt->kept);
	free(rt->vcpus);
	free(rt);
	vm->tcg = NULL;
}

static int rt_state_nop(struct vcpu *c, struct err *e)
{
	(void)c;
	(void)e;
	return 0;
}

/* Counters are read without a lock: they may be a little behind. */
static struct opt *rt_query_stats(struct vm *vm)
{
	struct tcg_rt *rt = vm->tcg;
	struct opt *o = opt_new_dict(), *cpus = opt_new_list();
	uint64_t used = 0;

	for (unsigned i = rt->cache.first_region; i < rt->cache.n_regions; i++) {
		used += rt->cache.region[i].used;
	}
	opt_put_str(o, "engine", rt->host ? rt->host->name : "interp");
	opt_put_int(o, "code-size", (int64_t)rt->cache.size);
	opt_put_int(o, "code-used", (int64_t)used);
	for (unsigned i = 0; i < rt->n_vcpus; i++) {
		const struct rt_vcpu *v = rt->vcpus[i];
		struct opt *d;

		if (!v) {
			continue;
		}
		d = opt_new_dict();
		opt_put_int(d, "blocks", (int64_t)v->st_translated);
		opt_put_int(d, "instructions", (int64_t)v->st_insns);
		opt_put_int(d, "dispatches", (int64_t)v->st_loops);
		opt_put_int(d, "tlb-fills", (int64_t)v->st_tlb_fill);
		opt_put_int(d, "device-accesses", (int64_t)v->st_io);
		opt_put_int(d, "jump-cache-fills", (int64_t)v->st_jc_fill);
		opt_put_int(d, "self-modifying", (int64_t)v->st_smc);
		opt_append_take(cpus, d);
	}
	opt_put_take(o, "vcpus", cpus);
	return o;
}

static int rt_burst_disas(struct vcpu *c, const uint8_t *p, unsigned n, char *text,
                          unsigned size)
{
	const struct tcg_guest *g = rt_guest_of(c->vm);

	return g && g->disas ? g->disas(c->arch, p, n, text, size) : -ENOTSUP;
}

const struct hv_ops tcg_hv_ops = {
	.name = "tcg",
	.probe = rt_probe_hv,
	.vm_init = rt_vm_init,
	.vm_fini = rt_vm_fini,
	.vcpu = { .init = rt_vcpu_init,
	          .fini = rt_vcpu_fini,
	          .run = rt_vcpu_run,
	          .kick = rt_vcpu_kick,
	          .state_pull = rt_state_nop,
	          .state_push = rt_state_nop,
	          .request = rt_vcpu_kick },
	.mem = { .dirty_start = rt_dirty_start,
	         .dirty_stop = rt_dirty_stop,
	         .dirty_collect = rt_dirty_collect },
	.burst = { .enter = rt_burst_enter,
	           .run = rt_burst_run,
	           .settle = rt_burst_settle,
	           .log = rt_burst_log,
	           .disas = rt_burst_disas },
	.query_stats = rt_query_stats,
};
