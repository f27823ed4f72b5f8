/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm.h - between the files of kvm/. The outside is `kvm_hv_ops` (core/hv.h).
 *
 *   kvm.c       probe, VM life cycle, the table
 *   mem.c       memory slots, following the flat map
 *   gate.c      keeping vCPUs out of KVM_RUN for a moment
 *   dirty.c     dirty ring and dirty bitmap
 *   vcpu.c      vCPU threads: KVM_RUN, kicks, exits
 *   irq.c       ioeventfd, irqfd, MSI
 *   coalesce.c  register writes that KVM collects
 *   hybrid.c        what KVM drops, the translator catches: set-up, how KVM does
 *   hybrid-burst.c  one vCPU, a few instructions
 *   hybrid-move.c   all vCPUs, for a while or for good
 *   fail.c      what to say when nothing helps
 *   say.c       refusals in a sentence
 *   arch-ISA.c  registers, CPUID, interrupts of one architecture
 *
 * Who holds a vCPU's state: KVM, or the architectural struct. kvm_arch_pull() copies
 * KVM -> struct, kvm_arch_push() back. Only the vCPU's own thread does either.
 */
#ifndef LODGE_KVM_H
#define LODGE_KVM_H

#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "core/gmem.h"
#include "core/lock.h"
#include "core/vm.h"

struct kvm_arch_vm;
struct kvm_arch_vcpu;

struct kvm_slot {
	gpa_t start;
	uint64_t size;
	uint8_t *host;    /* NULL: the slot number is free */
	uint32_t flags;   /* KVM_MEM_READONLY or 0 */
	uint64_t ram_off; /* of `host` in the RAM offset space */
};

struct kvm_batch_zones {
	struct {
		gpa_t start;
		uint64_t len;
	} z[8];
	unsigned n;
};

enum kvm_dirty_mode { KVM_DIRTY_BITMAP, KVM_DIRTY_BITMAP_CLEAR, KVM_DIRTY_RING };

struct kvm {
	struct vm *vm;
	int vm_fd;
	size_t run_size;
	struct aspace_listener listener;
	struct lk mem_lk; /* what follows */
	struct kvm_slot *slots;
	unsigned n_slots, max_slots;
	unsigned phys_bits; /* of the host; 0: unknown */
	bool readonly_mem;
	unsigned n_as; /* address spaces of KVM that have the slots; 0 counts as 1 */
	struct kvm_vcpu **all; /* that have a KVM vCPU, by index; of its full size */
	unsigned n_all;
	struct kvm_vcpu
		*parked; /* of vCPUs that are gone: KVM keeps its own for ever */
	struct {
		bool on;
		enum kvm_dirty_mode mode; /* set before the first vCPU */
		uint32_t ring_n;          /* entries of a vCPU's ring */
		uint64_t *bitmap;         /* of one slot */
		size_t bitmap_size;
		bool overrun;    /* a ring was, since the last reset; mem_lk */
		uint64_t *saved; /* pages for the next collect; all of RAM */
	} dirty;

	/* gate.c */
	_Atomic uint32_t gate; /* closed by so many */
	_Atomic uint32_t gate_watched;
	_Atomic uint64_t n_gates;
	struct err slot_err; /* a slot was refused: the machine does not start */

	struct kvm_routes
		*routes; /* routes.h; NULL: no interrupt controller of KVM's */

	struct {               /* coalesce.c */
		unsigned page; /* of a vCPU's mapping that is the ring; 0: none */
		bool pio;
		struct aspace_listener mem, io;
		struct kvm_batch_zones zones[2]; /* memory, ports; under gmem's lock */
		struct kvm_coalesced_mmio_ring *_Atomic ring;
		struct lk lk; /* what follows: to carry out */
		uint32_t first;
		_Atomic uint64_t n; /* writes so far */
	} coalesce;

	/* hybrid*.c */
	bool fallback;    /* hv_fallback is set up and may be used */
	bool kernel_chip; /* local APICs are the kernel's */
	bool split_chip;  /* but not IOAPIC, PIC and PIT */
	bool no_hardware; /* KVM itself emulates all of the guest's kernel code */
	bool nested_paging; /* guest page tables are the hardware's: nothing is shadowed */
	/* All vCPUs run in the translator; changed by control while they are held. */
	_Atomic bool moved;
	_Atomic bool pinned;      /* an operator wants the translator */
	bool want_kvm;            /* control: an operator wants KVM */
	bool forced;              /* control: though the guest will notice */
	const char *why;          /* control: of the present accelerator */
	struct timer *stay_timer; /* ends a stay; control */
	_Atomic bool no_stays;    /* the VM can't leave KVM */
	_Atomic bool stay_asked;
	const char *_Atomic stay_why;
	_Atomic uint64_t stay_ns;                /* length of the last stay */
	uint64_t n_stays, n_moves, last_move_ns; /* control */
	_Atomic uint64_t n_fail;

	struct kvm_arch_vm *arch;
};

/* Never freed before the VM: a kick may come late. */
struct kvm_vcpu {
	struct vcpu *c;
	struct kvm *k;
	int fd;
	unsigned long id; /* KVM's: the fd is taken again for this one only */
	struct kvm_vcpu *next_parked;
	struct kvm_run *run;
	_Atomic int tid;
	unsigned n_again; /* KVM_RUN said EAGAIN so often in a row */
	bool io_pending;  /* the exit's data has not been given back to KVM */
	/* Odd: at KVM_RUN, a kick needs the signal; see gate.c and vcpu.c. */
	_Atomic uint32_t run_seq;
	bool arch_each_run; /* pre_run and post_run always, not only on a request */
	struct kvm_dirty_gfn *ring; /* NULL: none; under mem_lk */
	uint32_t ring_next;
	bool ring_gap; /* it was overrun once: see dirty.c */
	bool reused;   /* the fd had another life: KVM's state is anything */

	/* What follows is cleared for the next life. */
	/* hybrid*.c */
	_Atomic bool
		in_fallback; /* the translator runs it; the struct holds the state */
	bool halt_exit;      /* the translator's last run ended so */
	bool no_halt;        /* the translator's next halt is over at once */
	bool ran_kvm;        /* for the whole of the last tick */
	_Atomic bool tick;   /* the profiling timer has fired */
	timer_t timer;
	bool has_timer, has_fallback;
	int stats_fd;
	uint64_t stats_off, stats_last, exits_last;
	uint64_t fail_since, fail_count,
		fail_ns; /* the present window; burst_ns at its start */
	unsigned burst;  /* instructions the next burst runs */
	/* counters: own thread; others read them a little late */
	uint64_t n_exits, n_fail, n_bursts, n_burst_insns, n_zaps, kvm_ns, tcg_ns,
		burst_ns;

	_Atomic uint64_t run_since; /* 0: not in run() */

	struct kvm_arch_vcpu *arch;
};

/* ioctl that is repeated when a signal came; -errno. */
int kvm_ioctl(int fd, unsigned long req, void *arg);
int kvm_ioctl_n(int fd, unsigned long req, unsigned long arg);
int kvm_cap(const struct kvm *k, unsigned cap);
/* "/dev/kvm", opened once by the first probe that succeeds. */
int kvm_sys_fd(void);

/* More vCPUs than this kernel allows are an error, than it recommends a warning. */
int kvm_check_vcpus(struct kvm *k, struct err *e);

/* mem.c */
void kvm_mem_init(struct kvm *k);
/* Tells KVM of a slot (again, after dirty.on has changed). mem_lk held. */
int kvm_mem_set(struct kvm *k, unsigned slot, const struct kvm_slot *s);
/* The slots in KVM's second address space too: system management mode looks there. */
int kvm_mem_show_smm(struct kvm *k);
int kvm_mem_add_vcpu(struct kvm_vcpu *v, struct err *e);
void kvm_mem_del_vcpu(struct kvm_vcpu *v);
void kvm_mem_fini(struct kvm *k);
/* Slots the map wants, ascending; up to `max`; the number wanted. */
unsigned kvm_mem_plan(const struct flat *f, bool readonly_mem, struct kvm_slot *out,
                      unsigned max);
/* Makes KVM forget every shadow page: guest page tables were written behind its back. */
void kvm_mem_zap_shadow(struct kvm *k);

/* gate.c: around KVM_RUN, on the vCPU's thread with no lock held. enter: waits for the gate
 * to open, then is inside; leave: what was inside. */
void kvm_gate_wait(struct kvm_vcpu *v);
void kvm_gate_left(struct kvm_vcpu *v);

static inline bool kvm_gate_try(struct kvm_vcpu *v)
{
	atomic_fetch_add(&v->run_seq, 1);
	return likely(!atomic_load(&v->k->gate));
}

static inline void kvm_gate_enter(struct kvm_vcpu *v)
{
	if (unlikely(!kvm_gate_try(v))) {
		kvm_gate_wait(v);
	}
}

static inline void kvm_gate_leave(struct kvm_vcpu *v)
{
	atomic_fetch_add(&v->run_seq, 1);
	if (unlikely(atomic_load(&v->k->gate_watched))) {
		kvm_gate_left(v);
	}
}

/* mem_lk held. close: until open, nobody but the calling vCPU's own thread is in KVM_RUN.
 * flush: who was in it has come out of it since. */
void kvm_gate_close(struct kvm *k);
void kvm_gate_open(struct kvm *k);
void kvm_gate_flush(struct kvm *k);

/* dirty.c */
int kvm_dirty_options(struct kvm *k, struct opt *o, struct err *e);
void kvm_dirty_fini(struct kvm *k);
/* mem_lk held: a slot's record goes to dirty_mark() before the slot is deleted. Gate closed. */
void kvm_dirty_save_slot(struct kvm *k, unsigned slot);
void kvm_dirty_save_rings(struct kvm *k);
int kvm_dirty_vcpu_init(struct kvm_vcpu *v, struct err *e);
void kvm_dirty_vcpu_fini(struct kvm_vcpu *v);
void kvm_dirty_ring_full(struct kvm_vcpu *v); /* also of one that leaves */
int kvm_dirty_start(struct vm *vm, struct err *e);
int kvm_dirty_stop(struct vm *vm, struct err *e);
int kvm_dirty_collect(struct vm *vm, uint64_t ram_off, uint64_t len, uint64_t *bits,
                      struct err *e);

/* vcpu.c */
void kvm_vcpu_setup_signal(void);
int kvm_vcpu_init(struct vcpu *c, struct err *e);
void kvm_vcpu_fini(struct vcpu *c);
void kvm_vcpu_free_parked(struct kvm *k);
enum vcpu_exit kvm_vcpu_run(struct vcpu *c);
void kvm_vcpu_kick(struct vcpu *c);
/* Gives the data of an I/O exit back, so that the state is between two instructions. */
void kvm_vcpu_finish_io(struct kvm_vcpu *v);

/* irq.c */
int kvm_irq_ioeventfd(struct vm *vm, int eventfd, uint64_t addr, unsigned len,
                      bool match, uint64_t data, bool pio, bool add);

/* coalesce.c */
void kvm_coalesce_init(struct kvm *k);
void kvm_coalesce_fini(struct kvm *k);
void kvm_coalesce_vcpu_init(struct kvm_vcpu *v);
void kvm_coalesce_drain(struct kvm *k);
/* After each stay in KVM_RUN, no lock held. */
static inline void kvm_coalesce_flush(struct kvm *k)
{
	struct kvm_coalesced_mmio_ring *ring =
		atomic_load_explicit(&k->coalesce.ring, memory_order_relaxed);

	if (ring && unlikely(__atomic_load_n(&ring->last, __ATOMIC_ACQUIRE) !=
	                     __atomic_load_n(&ring->first, __ATOMIC_ACQUIRE))) {
		kvm_coalesce_drain(k);
	}
}

/* hybrid.c */
int kvm_hybrid_init(struct kvm *k, struct err *e);
void kvm_hybrid_fini(struct kvm *k);
int kvm_hybrid_vcpu_init(struct kvm_vcpu *v, struct err *e);
void kvm_hybrid_vcpu_fini(struct kvm_vcpu *v);
void kvm_hybrid_tick(struct kvm_vcpu *v);

/* hybrid-burst.c: KVM gave up on an instruction. False: nobody can help, report it. True:
 * it is behind us; *why is VCPU_EXIT_KICK to go on, or what the burst ended with. */
bool kvm_burst_failed(struct kvm_vcpu *v, enum vcpu_exit *why);

/* hybrid-move.c */
void kvm_move_init(struct kvm *k);
void kvm_move_fini(struct kvm *k);
/* KVM is no help at the moment. [any thread] The control thread moves the VM soon. */
bool kvm_move_ask(struct kvm *k, const char *why); /* false: it can't */
/* After a reset, on the vCPU's thread: true when the translator goes on from the struct. */
bool kvm_move_after_reset(struct kvm_vcpu *v);
int kvm_move_set(struct vm *vm, const char *accel, bool force, struct err *e);
struct opt *kvm_move_query(struct vm *vm);

/* say.c: refusals in a sentence. Positive errno in; -errno out, like err_set(). */
int kvm_say_open(int err, struct err *e);
int kvm_say_api(int version, struct err *e);
int kvm_say_create_vm(int err, struct err *e);
int kvm_say_create_vcpu(int err, unsigned long id, struct err *e);
int kvm_say_slot(int err, uint64_t start, uint64_t end, unsigned phys_bits,
                 struct err *e);
void kvm_say_run_error(int err, char *text, size_t size);
void kvm_say_entry_failure(const struct kvm_run *run, char *text, size_t size);
void kvm_say_internal(const struct kvm_run *run, char *text, size_t size);
void kvm_say_exit(const struct kvm_run *run, char *text, size_t size);

/* fail.c: one report, with registers and the instruction */
void kvm_fail_report(struct kvm_vcpu *v, const char *what);
/* "cmpxchg16b [rdi]" at the current pc, or the bytes. */
void kvm_fail_insn(struct kvm_vcpu *v, char *text, size_t size);

/* arch-ISA.c */
struct kvm_need {
	unsigned cap;
	const char *name;
};
/* 0, or which is missing. */
int kvm_needs(int sys_fd, const struct kvm_need *need, unsigned n, struct err *e);
int kvm_arch_probe(int sys_fd, struct err *e);
/* Argument of KVM_CREATE_VM. */
unsigned long kvm_arch_vm_type(int sys_fd);
int kvm_arch_vm_init(struct kvm *k, struct err *e);
void kvm_arch_vm_fini(struct kvm *k);
int kvm_arch_vcpu_init(struct kvm_vcpu *v, struct err *e);
void kvm_arch_vcpu_fini(struct kvm_vcpu *v);
unsigned long kvm_arch_vcpu_id(struct vcpu *c);
int kvm_arch_pull(struct kvm_vcpu *v, struct err *e);
/* After a pull: can the translator go on with this state? The reason if not. */
int kvm_arch_may_move(struct kvm_vcpu *v, struct err *e);
/* What CPU models may offer, without a VM. */
int kvm_arch_models(bool fallback, struct err *e);
/* Will the guest see the same processor there? The reason if not. */
int kvm_arch_may_cross(struct kvm *k, bool to_tcg, struct err *e);
/* A reset: what is kept beside the struct goes. */
void kvm_arch_forget(struct kvm_vcpu *v);
/* `flush`: page tables may have changed meanwhile: no cached translation survives. */
int kvm_arch_push(struct kvm_vcpu *v, bool flush, struct err *e);
/* Interrupts and INIT-like requests, before KVM_RUN, and what follows it; where the vCPU's
 * interrupts are the kernel's (not arch_each_run) only when something was requested. False:
 * leave to the run loop with *why. */
bool kvm_arch_pre_run(struct kvm_vcpu *v, enum vcpu_exit *why);
void kvm_arch_post_run(struct kvm_vcpu *v);
/* An exit that vcpu.c does not know. False: nobody knows it. True: *why is
 * VCPU_EXIT_KICK to go on, or what the run loop is left with. */
bool kvm_arch_exit(struct kvm_vcpu *v, enum vcpu_exit *why);
/* Before VCPU_EXIT_HALT: what has_work looks at. */
void kvm_arch_halted(struct kvm_vcpu *v);
/* After a pull, when the struct becomes what counts: what KVM kept besides it. */
void kvm_arch_take_over(struct kvm_vcpu *v);
/* May a burst's store have changed a page-table entry that KVM has made use of? */
bool kvm_arch_was_table(struct kvm_vcpu *v, const struct hv_burst_store *s);
bool kvm_arch_owns(struct vm *vm, enum hv_place where, uint64_t addr);
/* Before each run in the translator. */
void kvm_arch_before_translator(struct kvm_vcpu *v);
/* Events that an emulation failure left pending although it is run again. */
void kvm_arch_drop_failed_event(struct kvm_vcpu *v);
/* All vCPUs are KVM's again, after a stay with the translator; they do not run yet. */
void kvm_arch_clock_to_kvm(struct kvm *k);
bool kvm_arch_nested_paging(void);
/* Is there hardware behind this KVM? Asks a guest of three instructions. */
bool kvm_arch_has_hardware(void);
int kvm_arch_create_irqchip(struct vm *vm, bool split, struct err *e);
void kvm_arch_set_gsi(struct vm *vm, unsigned gsi, int level);
int kvm_arch_irqfd(struct vm *vm, int eventfd, int resamplefd, unsigned gsi, bool add);
/* The translator executed a HLT of a vCPU whose interrupts are the kernel's. */
void kvm_arch_halt_in_kernel(struct kvm_vcpu *v);

#endif
