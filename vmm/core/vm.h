/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vm.h - one virtual machine: memory, vCPUs, run state, and who hears of changes.
 *
 * Run state changes only on the control thread. Devices and vCPUs *request*
 * (vm_request_*, any thread): the request is recorded, the control loop acts.
 * vm_stop() returns when every vCPU is out of guest code.
 *
 * Work lists on a vCPU (vcpu_run_on) run on the vCPU's thread between two
 * run() calls; vcpu_run_on_sync() must not be called with a lock held.
 *
 * vCPUs come and go while others run [control], but memory that another thread may look at
 * stays until the VM is freed: vcpus[] has its full size from the first vCPU on, a slot
 * that was made is never empty again, and n_vcpus only grows. What the guest has not (yet,
 * or any more) is a slot that is not `present`: no thread, no state worth looking at.
 */
#ifndef LODGE_CORE_VM_H
#define LODGE_CORE_VM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "core/gmem.h"
#include "core/hv.h"
#include "core/irq.h"
#include "core/lock.h"
#include "core/role.h"

struct loop;
struct device;

/* ORDER: run_state_names[] in vm.c (QMP RunState spelling) */
enum run_state {
	RUN_PRELAUNCH,
	RUN_RUNNING,
	RUN_PAUSED,
	RUN_DEBUG,
	RUN_SHUTDOWN,
	RUN_INTERNAL_ERROR,
	RUN_IO_ERROR,
	RUN_INMIGRATE,
	RUN_POSTMIGRATE,
	RUN_FINISH_MIGRATE,
	RUN_SAVE_VM,
	RUN_RESTORE_VM,
	RUN_WATCHDOG,
	RUN_GUEST_PANICKED,
	RUN_STATE_N,
};
const char *run_state_name(enum run_state s);

/* QMP ShutdownCause spelling in vm.c. ORDER */
enum vm_cause {
	CAUSE_NONE,
	CAUSE_HOST_ERROR,
	CAUSE_HOST_QMP_QUIT,
	CAUSE_HOST_QMP_SYSTEM_RESET,
	CAUSE_HOST_SIGNAL,
	CAUSE_HOST_UI,
	CAUSE_GUEST_SHUTDOWN,
	CAUSE_GUEST_RESET,
	CAUSE_GUEST_PANIC,
	CAUSE_N,
};
const char *vm_cause_name(enum vm_cause c);
static inline bool vm_cause_is_guest(enum vm_cause c)
{
	return c >= CAUSE_GUEST_SHUTDOWN;
}

enum vm_event {
	VM_EV_STOP,
	VM_EV_RESUME,
	VM_EV_RESET,    /* arg: enum vm_cause */
	VM_EV_SHUTDOWN, /* arg: enum vm_cause */
	VM_EV_POWERDOWN,
	VM_EV_RUN_STATE, /* arg: enum run_state */
	VM_EV_WAKEUP,
	VM_EV_SUSPEND,
	VM_EV_CPU_GONE,   /* arg: vCPU index. Its id and qom_path are still there */
	VM_EV_CPU_REPORT, /* arg: vCPU index. The guest has set `ost` */
};

struct vm_listener {
	struct list link;
	void (*fn)(struct vm_listener *l, enum vm_event ev, int arg);
};

struct guest_arch; /* vmm/core/cpu/arch.h */
struct cpu_model_sel;

struct vcpu_work;

struct vcpu {
	struct vm *vm;
	unsigned index;
	void *arch; /* struct x86_cpu, ... : see cpu/arch.h; hv-private head-room before it */
	void *hv;  /* accelerator's own */
	void *tcg; /* the translator's own: it may run beside another accelerator */
	struct role_thread thread;
	_Atomic uint32_t requests; /* architecture's request bits (x86: X86_REQ_*) */
	_Atomic bool exit_request; /* leave run() soon */
	bool halted;               /* own thread only */
	bool exclusive_in_run;     /* own thread only */
	_Atomic bool running;      /* inside run() */
	_Atomic bool online;       /* its thread runs */
	_Atomic bool present;      /* the guest has it */
	bool stop, stopped;        /* under vm->lk */
	bool held;                 /* vm_hold_vcpus(); under vm->lk */
	_Atomic bool unplug, sleeping;
	_Atomic uint32_t wake_seq;      /* futex: see vcpu.c */
	struct vcpu_work *_Atomic work; /* newest first */
	_Atomic uint64_t
		dirty_pages; /* recorded for it while a dirty log runs (core/dirty.h) */
	char *qom_path;
	/* of one that was plugged; control */
	char *id; /* management's; NULL: none */
	bool leaving;
	struct {
		uint32_t event, status;
	} ost; /* what the guest said of it last (ACPI _OST) */
};

struct vm {
	const struct guest_arch *arch;
	const struct hv_ops *hv;
	void *hv_priv;
	void *tcg;         /* the translator's own */
	struct loop *loop; /* control loop */
	struct aspace mem, io;
	struct mr mem_root, io_root;
	uint64_t ram_size;
	struct msi_sink msi;
	const void *irqchip; /* aarch64, riscv64 boards: see core/cpu/irqchips.h */
	/*
	 * Interrupt controllers (x86; registered by devices/irqchip, NULL on other boards).
	 * chips_move makes the accelerator's own chips take over (to_hv), or the user-space
	 * models. Nothing happens when they are there already, or when the accelerator has
	 * none. All vCPUs are out of guest code (vm_stop, vm_exclusive). To user space:
	 * pull a vCPU's state after or before, but before anyone runs it. To the
	 * accelerator: while the structs hold the vCPUs' state, push afterwards: pending
	 * INIT and STARTUP requests are carried out on the structs.
	 * While the VM is stopped the state is in the user-space models (to save it, load it):
	 * a move to the accelerator then happens on RESUME, after the vCPUs' states were
	 * pushed. A reset leaves them where the last chips_move (or creation) wanted them.
	 */
	int (*chips_move)(struct vm *vm, bool to_hv, struct err *e);
	void (*chips_reset)(struct vm *vm, bool done); /* vm_reset: before, and after */
	int (*chips_ext_ack)(
		struct vm *vm); /* INTA to the user-space PIC: vector or -1 */
	void (*chips_eoi)(struct vm *vm,
	                  uint8_t vector); /* to the user-space IOAPICs */
	/* An eventfd that moves a line [control], with resamplefd (or -1) told of its EOI. */
	int (*chips_line_fd)(struct vm *vm, int fd, int resamplefd, unsigned gsi,
	                     bool add);
	const struct hv_chips *hv_chips; /* the accelerator's own; NULL: none */
	_Atomic bool chips_in_hv;        /* they own the state now */
	void *chips;                     /* devices/irqchip's own */
	struct vcpu **vcpus;             /* vm_vcpu_room() pointers */
	_Atomic unsigned n_vcpus;        /* slots made: vcpus[0..n) are not NULL */
	unsigned max_vcpus;              /* set before the first vCPU; 0: nobody said */
	struct {
		uint16_t cores,
			threads; /* cores a socket, threads a core; 0 counts as 1 */
		uint16_t dies;   /* a socket: they share its cores */
	} smp;                   /* set by the machine before vm_add_vcpu() */
	struct lk lk;
	struct lk_cond stopped_cond;
	enum run_state state; /* control thread */
	struct list listeners;
	_Atomic uint32_t req; /* pending vm_request_* bits */
	_Atomic int req_cause, req_reset_cause;
	_Atomic bool exclusive; /* a thread is in vm_exclusive() */
	struct list reset_hooks;
	bool ready; /* everything of the command line is built: device_add hot-plugs */
	bool no_shutdown, no_reboot;
	_Atomic bool wants_quit;
	int exit_code;
	char *name;
	uint8_t uuid[16];
	struct device *root_bus_dev; /* machine's */
	void *machine;
};

struct vm *vm_new(const struct guest_arch *arch, const struct hv_ops *hv);
void vm_free(struct vm *vm);
/* The next slot, present, before vm_start_vcpus(). -ENOSPC: there is no room. */
int vm_add_vcpu(struct vm *vm, struct vcpu **out, struct err *e) __must_check;
/* Starts the vCPU threads, stopped. */
int vm_start_vcpus(struct vm *vm, struct err *e) __must_check;

enum { VM_VCPUS_DEFAULT = 256 };
static inline unsigned vm_vcpu_room(const struct vm *vm)
{
	return vm->max_vcpus ? vm->max_vcpus : VM_VCPUS_DEFAULT;
}
/* The first present vCPU from slot *i on, or NULL; *i is the slot after it. [any thread] */
struct vcpu *vm_vcpu_next(const struct vm *vm, unsigned *i);
#define vm_for_each_vcpu(vm, c)                                                        \
	for (unsigned vcpu_at_ = 0; ((c) = vm_vcpu_next((vm), &vcpu_at_));)
unsigned vm_present_vcpus(const struct vm *vm);

/* vcpu-plug.c [control]. A slot that is not present, after those made already. */
int vm_make_slot(struct vm *vm, struct vcpu **out, struct err *e) __must_check;
/* Its vCPU starts beside the others, from the power-on state. It is identified (set_model)
 * and has its interrupt controller. */
int vm_plug_vcpu(struct vcpu *c, struct err *e) __must_check;
/* Its thread ends, wherever the guest is; it may be plugged again. */
void vm_unplug_vcpu(struct vcpu *c);

void vm_add_listener(struct vm *vm, struct vm_listener *l);
void vm_del_listener(struct vm *vm, struct vm_listener *l);
/* Tells the listeners [control]; for events that vm.c knows nothing of. */
void vm_notify(struct vm *vm, enum vm_event ev, int arg);

/* Control thread. */
void vm_cont(struct vm *vm);
void vm_stop(struct vm *vm, enum run_state into);
/* All devices, then all vCPUs, then the hooks, then state_push on each vCPU's thread.
 * CAUSE_NONE is the power-on reset, which nobody is told of. */
void vm_reset(struct vm *vm, enum vm_cause why);
void vm_set_state(struct vm *vm, enum run_state s);
/* Every vCPU out of guest code, waiting, whatever the run state, which nobody sees change;
 * vcpu_run_on_sync() works meanwhile. Not nested; no other vm_*() in between. */
void vm_hold_vcpus(struct vm *vm);
void vm_release_vcpus(struct vm *vm);
bool vm_is_running(const struct vm *vm);

/* Any thread, any lock below RANK_LOOP. Acted upon by vm->loop. */
void vm_request_shutdown(struct vm *vm, enum vm_cause why);
void vm_request_reset(struct vm *vm, enum vm_cause why);
void vm_request_powerdown(struct vm *vm);
void vm_request_stop(struct vm *vm, enum run_state into);
void vm_request_exit(struct vm *vm, int code); /* isa-debug-exit */

/* Reset hooks run on the control thread with all vCPUs stopped, in order of registration. */
void vm_add_reset(struct vm *vm, void (*fn)(void *), void *opaque);
void vm_del_reset(struct vm *vm, void (*fn)(void *), void *opaque);

/* vCPU requests [any thread, any lock held: nothing is taken]. run() must look at exit_request
 * and requests after it was entered: what is set earlier causes no kick. */
void vcpu_request(struct vcpu *c, uint32_t bits); /* sets bits and kicks */
void vcpu_clear_request(struct vcpu *c, uint32_t bits);
void vcpu_kick(struct vcpu *c);
/* On a slot that is not present: nothing. */
void vcpu_run_on(struct vcpu *c, void (*fn)(struct vcpu *, void *), void *opaque);
void vcpu_run_on_sync(struct vcpu *c, void (*fn)(struct vcpu *, void *), void *opaque);
struct vcpu *vcpu_self(void); /* NULL outside a vCPU thread */
/* Runs fn on the calling vCPU's thread with every other vCPU out of guest code. */
void vm_exclusive(struct vm *vm, void (*fn)(void *), void *opaque);
/* Its two halves; between them the caller does not sleep. */
void vm_exclusive_enter(struct vm *vm);
void vm_exclusive_leave(struct vm *vm);

#endif
