/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hv.h - what an accelerator offers: small groups of capabilities, because Xen
 * has no run loop and the translator has no irqfd. Each of kvm/, xen/ and
 * tcg-fallback/rt exports one table.
 *
 * A vCPU is a ROLE_VCPU thread that calls vcpu->hv->vcpu.run() in a loop.
 * run() returns when the vCPU has to leave guest code: see enum vcpu_exit.
 */
#ifndef LODGE_CORE_HV_H
#define LODGE_CORE_HV_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/irq.h"

struct vm;
struct vcpu;
struct opt;
struct x86_chips;

#define SIG_KICK SIGUSR1

/* GSIs of the hypervisor's chips, for set_gsi: 0..23 IOAPIC pins (0 is pin 2) and, below
 * 16, PIC inputs; inputs of the PIC alone; pins of the IOAPIC alone. */
enum { HV_GSI_PIC = 32, HV_GSI_IOAPIC = 48 };

enum vcpu_exit {
	VCPU_EXIT_KICK,     /* somebody called vcpu_kick; look at the requests */
	VCPU_EXIT_HALT,     /* HLT/WFI: sleep until vcpu_has_work */
	VCPU_EXIT_DEBUG,    /* break point, single step */
	VCPU_EXIT_SHUTDOWN, /* triple fault */
	VCPU_EXIT_ERROR,    /* internal error: the VM pauses for inspection */
};

/* Places beyond RAM: what a burst asks its owner about. CPU: registers and instructions of
 * the processor that belong to its interrupt controller or hypervisor. */
enum hv_place { HV_PLACE_MEM, HV_PLACE_PORT, HV_PLACE_CPU };

/* What a burst has done, for its owner. */
struct hv_burst_log {
	unsigned done; /* instructions */
	bool refused;  /* the first one needs the owner's interrupt controllers */
	bool flushed;  /* address translations were flushed or switched */
	bool lost;     /* more was stored than is listed */
	unsigned n_stores;
	struct hv_burst_store {
		const uint8_t *host; /* 8 bytes, aligned */
		uint64_t old;        /* before the first store */
	} store[32];
};

/* Interrupt controllers of an accelerator: vm->hv_chips, set by create_irqchip. */
struct hv_chips {
	unsigned has; /* X86_CHIP_* (core/cpu/x86-chips.h) */
	/*
	 * The state of the chips in s->has. Every vCPU is out of guest code, no line moves
	 * and no MSI is sent meanwhile. get leaves their timers stopped. set comes without
	 * X86_CHIP_PIT, and for it alone, as the last.
	 */
	int (*set)(struct vm *vm, const struct x86_chips *s, struct err *e);
	int (*get)(struct vm *vm, struct x86_chips *s, struct err *e);
	/* Split chips: what the IOAPIC pins in `valid` send: level-triggered ones, so that
	 * the hypervisor tells of their EOI (vm->chips_eoi). */
	void (*ioapic_routes)(struct vm *vm, const struct msi_msg *pin, uint32_t valid);
	/* HPET legacy replacement takes the line from the hypervisor's PIT. */
	void (*pit_irq_enable)(struct vm *vm, bool on);
	const struct msi_ops *msi; /* arg: vm */
};

struct hv_ops {
	const char *name; /* "tcg", "kvm", "xen" */
	/* 0 when usable here; else why not and what to do. No side effects. */
	int (*probe)(struct err *e);
	/* After probe(): is it faster than the translator? Says why in *why. NULL: yes. */
	bool (*is_fast)(struct err *why);
	int (*vm_init)(struct vm *vm, struct opt *opts, struct err *e);
	void (*vm_fini)(struct vm *vm);

	struct { /* on the vCPU's own thread, but kick [any] */
		int (*init)(struct vcpu *c, struct err *e);
		void (*fini)(struct vcpu *c);
		enum vcpu_exit (*run)(struct vcpu *c);
		void (*kick)(struct vcpu *c);
		/* Architectural struct <-> accelerator. The translator's are empty. */
		int (*state_pull)(struct vcpu *c, struct err *e);
		int (*state_push)(struct vcpu *c, struct err *e);
		/* An interrupt-ish request bit was set for c [any thread]. */
		void (*request)(struct vcpu *c);
	} vcpu;

	struct { /* NULL members: the board uses the user-space chips */
		/* 0: the hypervisor has chips, vm->hv_chips says which; 1: it has none. The
		 * user-space ones exist all the same and own the state at first. */
		int (*create_irqchip)(struct vm *vm, bool split, struct err *e);
		/* Does a place belong to chips that the hypervisor owns now? NULL: none. */
		bool (*owns)(struct vm *vm, enum hv_place where, uint64_t addr);
		void (*set_gsi)(struct vm *vm, unsigned gsi, int level);
		int (*irqfd)(struct vm *vm, int eventfd, int resamplefd, unsigned gsi,
		             bool add);
		int (*ioeventfd)(struct vm *vm, int eventfd, uint64_t addr,
		                 unsigned len, bool match, uint64_t data, bool pio,
		                 bool add);
	} irq;

	struct
	{ /* called by core/dirty.c only; bursts and stays of hv_fallback included */
		int (*dirty_start)(struct vm *vm, struct err *e);
		int (*dirty_stop)(struct vm *vm, struct err *e);
		/* ORs one bit a 4 KiB page of [ram_off, len) into bits and clears the source;
		 * contract in core/dirty.h, 2 and 3. */
		int (*dirty_collect)(struct vm *vm, uint64_t ram_off, uint64_t len,
		                     uint64_t *bits, struct err *e);
	} mem;

	struct { /* an accelerator that can run a vCPU of another one for a while */
		/* The state was written behind its back. `forget`: guest code may have changed. */
		void (*enter)(struct vcpu *c, bool forget);
		/* At most max_insns instructions, then VCPU_EXIT_KICK. */
		enum vcpu_exit (*run)(struct vcpu *c, unsigned max_insns);
		/* Lazily kept state becomes plain, for state_push of the owner. */
		void (*settle)(struct vcpu *c);
		/* The instruction in p[0..n) as text, in the vCPU's mode (its struct is
		 * current); its length or -errno. Needs no set-up. */
		int (*disas)(struct vcpu *c, const uint8_t *p, unsigned n, char *text,
		             unsigned size);
		/* Of the last run, until the next enter. */
		const struct hv_burst_log *(*log)(struct vcpu *c);
	} burst;

	struct
	{ /* control thread; NULL: this accelerator is the only one a VM can have */
		/* Moves the whole running or paused VM to the accelerator of that name. */
		int (*set)(struct vm *vm, const char *accel, bool force, struct err *e);
		/* Who runs it, why, and counters (x-lodge-query-accel). */
		struct opt *(*query)(struct vm *vm);
	} accel;

	/* For a machine without CPUs, instead of vm_init: says what CPU models may offer
	 * (x86_model_set_supported). NULL: they know. [control] */
	int (*models)(struct opt *accel_opts, struct err *e);

	/* debugging (gdb stub, x-lodge-query-jit, info jit): may be NULL */
	struct opt *(*query_stats)(struct vm *vm);
};

extern const struct hv_ops tcg_hv_ops;
extern const struct hv_ops kvm_hv_ops;
extern const struct hv_ops xen_hv_ops;

/* Catches what a hypervisor drops; set by main before vm_init. NULL: none. */
extern const struct hv_ops *hv_fallback;

#endif
