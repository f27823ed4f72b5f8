/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hybrid-move.c - the whole VM moves between KVM and the translator.
 *
 * A move holds every vCPU out of guest code; then, on its own thread, each gives its
 * state to the architectural struct; the interrupt controllers move; `moved` changes;
 * each vCPU's new side takes the struct over. No vCPU is ever in the translator while
 * another is in KVM (but for bursts), so that neither runs code or page tables that the
 * other one changed unseen: translated code is forgotten on the way in, KVM's shadow
 * pages on the way out.
 *
 * Who asks:
 *   an operator (x-lodge-set-accel): "tcg" holds until he says "kvm"
 *   a stay: KVM is no help at the moment (hybrid.c says when). A timer ends it; a stay
 *     that follows upon a stay is twice as long, up to MOVE_STAY_MAX
 *   a reset, where KVM has no hardware behind it: it executes kernels by emulation
 *     only, and not always right. The translator keeps the VM unless an operator says
 *     "kvm"
 *
 * Threads: moves on control, where QMP, stop and reset are, so that they never meet in
 * the middle. kvm_move_ask() any thread. A vCPU that asked goes on in KVM, with bursts,
 * until it is held.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/clock.h"
#include "core/cpu/arch.h"
#include "core/loop.h"
#include "kvm/kvm.h"

#define MOVE_STAY_MIN (250 * NS_PER_MS)
#define MOVE_STAY_MAX (16 * NS_PER_S)

/* ---- one vCPU ---- */

struct move_job {
	bool to_tcg, first;
	int ret;
	struct err *e;
};

/* KVM or the translator gives the state to the struct. */
static void move_out(struct vcpu *c, void *opaque)
{
	struct kvm_vcpu *v = c->hv;
	struct move_job *j = opaque;

	if (!v || j->ret < 0) {
		return;
	}
	if (j->to_tcg) {
		kvm_vcpu_finish_io(v);
		j->ret = kvm_arch_pull(v, j->e);
		j->ret = j->ret < 0 ? j->ret : kvm_arch_may_move(v, j->e);
	} else {
		hv_fallback->burst.settle(c);
	}
}

static void move_into_tcg(struct kvm_vcpu *v, bool forget)
{
	v->halt_exit = v->no_halt = false; /* of an earlier time in the translator */
	kvm_arch_take_over(v);
	atomic_store(&v->in_fallback, true);
	hv_fallback->burst.enter(v->c, forget);
}

/* The struct's state goes to the new side. */
static void move_in(struct vcpu *c, void *opaque)
{
	struct kvm_vcpu *v = c->hv;
	struct move_job *j = opaque;

	if (!v || j->ret < 0) {
		return;
	}
	if (j->to_tcg) {
		move_into_tcg(v, j->first);
		j->first = false;
		return;
	}
	j->ret = kvm_arch_push(v, true, j->e);
	atomic_store(&v->in_fallback, j->ret < 0);
}

static void move_all(struct kvm *k, void (*fn)(struct vcpu *, void *),
                     struct move_job *j)
{
	struct vcpu *c;

	vm_for_each_vcpu (k->vm, c) {
		vcpu_run_on_sync(c, fn, j);
	}
}

/* ---- all of them ---- */

static int move_chips(struct kvm *k, bool to_hv, struct err *e)
{
	if (!k->kernel_chip) {
		return 0;
	}
	if (!k->vm->chips_move) {
		return err_set(e, -ENOTSUP,
		               "not supported: moving this board's interrupt "
		               "controllers: start with -accel kvm,kernel-irqchip=off");
	}
	return k->vm->chips_move(k->vm, to_hv, e);
}

/* KVM refused a vCPU: the translator goes on with all of them. */
static void move_back(struct kvm *k)
{
	struct move_job j = { .to_tcg = true, .first = true };
	struct err e = ERR_INIT;

	if (move_chips(k, false, &e) < 0) {
		log_error("%s", e.text);
	}
	atomic_store(&k->moved, true);
	move_all(k, move_in, &j);
}

static int move_held(struct kvm *k, bool to_tcg, struct err *e)
{
	struct move_job j = { .to_tcg = to_tcg, .first = true, .e = e };
	int r;

	move_all(k, move_out, &j);
	r = j.ret < 0 ? j.ret : move_chips(k, !to_tcg, e);
	if (r < 0) {
		return r;
	}
	atomic_store(&k->moved, to_tcg);
	move_all(k, move_in, &j);
	if (j.ret < 0) {
		move_back(k);
		return j.ret;
	}
	if (!to_tcg) {
		kvm_arch_clock_to_kvm(k);
		kvm_mem_zap_shadow(k);
	}
	return 0;
}

static int move_vm(struct kvm *k, bool to_tcg, const char *why, struct err *e)
{
	uint64_t since = clock_ns(CLOCK_RT);
	int r = 0;

	if (atomic_load(&k->moved) != to_tcg) {
		r = k->forced ? 0 : kvm_arch_may_cross(k, to_tcg, e);
		if (r < 0) {
			return r;
		}
		vm_hold_vcpus(k->vm);
		r = move_held(k, to_tcg, e);
		vm_release_vcpus(k->vm);
		k->n_moves += r >= 0;
		k->last_move_ns = clock_ns(CLOCK_RT) - since;
		trace("kvm_move", "to %s (%s): %d, %llu us", to_tcg ? "tcg" : "kvm",
		      why, r, (unsigned long long)(k->last_move_ns / 1000));
	}
	if (r >= 0) {
		k->why = why;
	}
	return r;
}

/* ---- stays ---- */

static void move_stay_over(void *opaque)
{
	struct kvm *k = opaque;
	struct err e = ERR_INIT;

	if (atomic_load(&k->moved) && !k->pinned &&
	    move_vm(k, false, "a stay in the translator is over", &e) < 0) {
		log_error("back to KVM: %s; the translator goes on", e.text);
		k->pinned = true;
		k->why = "KVM did not take the VM back";
	}
}

/* The length of the stay that begins now; its end is set. */
static void move_set_end(struct kvm *k, uint64_t len)
{
	atomic_store(&k->stay_ns, len);
	if (!k->stay_timer) {
		k->stay_timer = timer_new(k->vm->loop, CLOCK_RT, move_stay_over, k);
	}
	if (k->stay_timer) {
		timer_mod(k->stay_timer, clock_ns(CLOCK_RT) + len);
	}
	if (k->n_stays++ == 0) {
		log_info("KVM is no help here (%s): the translator takes over for now",
		         k->why);
	}
}

static void move_stay_begin(void *opaque)
{
	struct kvm *k = opaque;
	uint64_t len = atomic_load(&k->stay_ns);
	struct err e = ERR_INIT;
	int r;

	if (!k->pinned && !atomic_load(&k->moved)) {
		r = move_vm(k, true, atomic_load(&k->stay_why), &e);
		if (r >= 0) {
			move_set_end(k,
			             len ? MIN(len * 2, MOVE_STAY_MAX) : MOVE_STAY_MIN);
		} else {
			log_guest("%s; KVM goes on", e.text);
			atomic_store(&k->no_stays, r != -EBUSY); /* that one passes */
		}
	}
	atomic_store(&k->stay_asked, false);
}

bool kvm_move_ask(struct kvm *k, const char *why)
{
	bool no = false;

	if (!k->fallback || !k->vm->loop || atomic_load(&k->no_stays)) {
		return false;
	}
	if (atomic_compare_exchange_strong(&k->stay_asked, &no, true)) {
		atomic_store(&k->stay_why, why);
		loop_post(k->vm->loop, move_stay_begin, k);
	}
	return true; /* by another vCPU, if not by this one */
}

/* ---- reset ---- */

/* All vCPUs are stopped and their structs hold the state after reset. */
static void move_reset(void *opaque)
{
	struct kvm *k = opaque;
	struct err e = ERR_INIT;

	if (!k->no_hardware || atomic_load(&k->moved) || k->want_kvm) {
		return;
	}
	/* The controllers have just been reset, in user space: they stay there. */
	if (move_chips(k, false, &e) < 0) {
		(void)kvm_move_ask(k, "there is no hardware behind it");
		return;
	}
	atomic_store(&k->moved, true);
	k->why = "there is no hardware behind KVM";
	k->n_stays++;
	log_info("KVM is no help here (there is no hardware behind it): the translator "
	         "executes the guest");
}

bool kvm_move_after_reset(struct kvm_vcpu *v)
{
	bool moved = atomic_load(&v->k->moved);

	if (moved) {
		atomic_store(&v->in_fallback, true);
		hv_fallback->burst.enter(v->c, v->c->index == 0);
	}
	return moved;
}

/* ---- the operator ---- */

static int move_may(const struct kvm *k, struct err *e)
{
	switch (k->vm->state) {
	case RUN_INMIGRATE:
	case RUN_POSTMIGRATE:
	case RUN_FINISH_MIGRATE:
	case RUN_SAVE_VM:
	case RUN_RESTORE_VM:
		return err_set(e, -EBUSY,
		               "the machine can't change its accelerator while it is "
		               "in state '%s'",
		               run_state_name(k->vm->state));
	case RUN_SHUTDOWN:
	case RUN_INTERNAL_ERROR:
		return err_set(e, -EPERM, "Resetting the Virtual Machine is required");
	default: return 0;
	}
}

int kvm_move_set(struct vm *vm, const char *accel, bool force, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	bool to_tcg = !strcmp(accel, "tcg");
	int r;

	if (!to_tcg && strcmp(accel, "kvm") != 0) {
		return err_set(e, -EINVAL, "accelerator '%s' is neither tcg nor kvm",
		               accel);
	}
	if (!k->fallback) {
		return to_tcg ? err_set(e, -ENOTSUP,
		                        "the translator is not there: with "
		                        "fallback=off "
		                        "the guest was offered what only KVM executes")
		              : 0;
	}
	r = move_may(k, e);
	if (r >= 0) {
		k->forced = k->forced || force;
		r = move_vm(k, to_tcg, "an operator asked for it", e);
	}
	if (r >= 0) {
		k->pinned = to_tcg;
		k->want_kvm = !to_tcg;
		atomic_store(&k->stay_ns, 0);
		if (k->stay_timer) {
			timer_del(k->stay_timer);
		}
	}
	return r;
}

static struct opt *move_query_vcpu(const struct kvm_vcpu *v)
{
	uint64_t since = atomic_load(&v->run_since), now = clock_ns(CLOCK_RT);
	uint64_t run = since && now > since ? now - since : 0; /* not yet in the sums */
	bool tcg = atomic_load(&v->k->moved);
	struct opt *d = opt_new_dict();

	opt_put_int(d, "cpu-index", v->c->index);
	opt_put_int(d, "exits", (int64_t)v->n_exits);
	opt_put_int(d, "failures", (int64_t)v->n_fail);
	opt_put_int(d, "bursts", (int64_t)v->n_bursts);
	opt_put_int(d, "burst-instructions", (int64_t)v->n_burst_insns);
	opt_put_int(d, "page-table-bursts", (int64_t)v->n_zaps);
	opt_put_int(d, "burst-ns", (int64_t)v->burst_ns);
	opt_put_int(d, "kvm-ns", (int64_t)(v->kvm_ns + (tcg ? 0 : run)));
	opt_put_int(d, "tcg-ns", (int64_t)(v->tcg_ns + (tcg ? run : 0)));
	return d;
}

struct opt *kvm_move_query(struct vm *vm)
{
	struct kvm *k = vm->hv_priv;
	struct opt *o = opt_new_dict(), *cpus = opt_new_list();
	bool moved = atomic_load(&k->moved);
	struct vcpu *c;

	opt_put_str(o, "accel", moved ? "tcg" : "kvm");
	opt_put_str(o, "why", k->why);
	opt_put_bool(o, "fallback", k->fallback);
	opt_put_bool(o, "pinned", k->pinned);
	opt_put_str(o, "chips", atomic_load(&vm->chips_in_hv) ? "kvm" : "user");
	opt_put_int(o, "moves", (int64_t)k->n_moves);
	opt_put_int(o, "gates", (int64_t)atomic_load(&k->n_gates));
	opt_put_int(o, "batched-writes", (int64_t)atomic_load(&k->coalesce.n));
	opt_put_str(o, "dirty-log",
	            k->dirty.mode == KVM_DIRTY_RING ? "ring" : "bitmap");
	opt_put_int(o, "stays", (int64_t)k->n_stays);
	opt_put_int(o, "last-move-ns", (int64_t)k->last_move_ns);
	vm_for_each_vcpu (vm, c) {
		if (c->hv) {
			opt_append_take(cpus, move_query_vcpu(c->hv));
		}
	}
	opt_put_take(o, "vcpus", cpus);
	return o;
}

/* ---- life ---- */

void kvm_move_init(struct kvm *k)
{
	vm_add_reset(k->vm, move_reset, k);
}

void kvm_move_fini(struct kvm *k)
{
	vm_del_reset(k->vm, move_reset, k);
	timer_free(k->stay_timer);
	k->stay_timer = NULL;
}
