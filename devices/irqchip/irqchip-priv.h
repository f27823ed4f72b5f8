/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqchip-priv.h - between irqchip-x86.c (life), irqchip-mux.c (lines, messages, who has
 * the state) and irqchip-fd.c (eventfds that become interrupts).
 */
#ifndef LODGE_DEVICES_IRQCHIP_PRIV_H
#define LODGE_DEVICES_IRQCHIP_PRIV_H

#include <pthread.h>

#include "core/lock.h"
#include "core/role.h"
#include "core/vm.h"
#include "devices/irqchip/irqchip-x86.h"
#include "devices/irqchip/lapic.h"

struct loop_watch;

/* An eventfd that becomes a message or a line. Never freed before the VM. */
struct irqchip_fd {
	struct irqchip_priv *p;
	int fd, resample; /* resample -1: the line is pulsed */
	bool used, line;
	bool going;   /* to be deleted when its watch has gone */
	bool level;   /* line with resample: raised, its EOI has not come */
	int hv_route; /* line: 0 = bound; -1: we watch the eventfd */
	unsigned gsi;
	struct msi_msg m;
	struct loop_watch *watch; /* the loop's */
};

/* One chip's end of a line. */
struct irqchip_end {
	bool level;      /* as the chip knows it, or is being told */
	bool rose, fell; /* since then */
};

struct irqchip_line {
	struct lk lk; /* RANK_IRQ_LINE; not held while the chips are told */
	bool busy;    /* somebody tells them */
	struct irqchip_end pin, input; /* IOAPIC, PIC */
};

struct irqchip_priv {
	struct irqchip_x86 pub;
	struct lapic_set set;
	struct role_thread thread;
	bool own_loop;
	struct vm_listener listener;

	/*
	 * Lines and messages pass it for reading: any number at a time. Who moves or resets the
	 * state has it for writing: nothing passes. Before `lk` and the lines' locks.
	 */
	pthread_rwlock_t gate;

	struct irqchip_line line[IRQCHIP_GSIS];
	_Atomic uint64_t gsi_level, fd_level; /* bit n under line[n].lk */
	_Atomic uint64_t pic_level;           /* of pic_line[] alone */

	_Atomic unsigned in_hv; /* X86_CHIP_* that the hypervisor owns; gate */
	bool want_hv;           /* whenever the VM runs */
	const struct x86_pit_ops *pit_ops;
	void *pit;

	struct lk lk; /* RANK_IRQ_MUX: what follows */
	bool parked;  /* in a reset: eventfds wait */
	struct irqchip_fd **fds;
	unsigned n_fds;
};

/* irqchip-mux.c */
int irqchip_mux_init(struct irqchip_priv *p, struct err *e) __must_check;
void irqchip_mux_fini(struct irqchip_priv *p);
void irqchip_gsi(void *c, unsigned n, int level);      /* irq_fn */
void irqchip_pic_line(void *c, unsigned n, int level); /* irq_fn */
/* The gate, for reading. */
void irqchip_enter(struct irqchip_priv *p);
void irqchip_leave(struct irqchip_priv *p);
/* Inside the gate. */
void irqchip_set_fd_level(struct irqchip_priv *p, unsigned gsi, bool level);

/* irqchip-fd.c */
int irqchip_route_add(void *p, const struct msi_msg *m, int fd);
void irqchip_route_update(void *p, int route, const struct msi_msg *m);
void irqchip_route_del(void *p, int route);
int irqchip_line_fd(struct vm *vm, int fd, int resample, unsigned gsi, bool add);
/* The gate, and the lock of the eventfds behind it. */
void irqchip_fds_enter(struct irqchip_priv *p);
void irqchip_fds_leave(struct irqchip_priv *p);
/* Takes all from the hypervisor; gives them to whoever has the local APICs. */
void irqchip_fds_unbind_locked(struct irqchip_priv *p);
void irqchip_fds_bind_locked(struct irqchip_priv *p);
/* EOI of lines in `pins`: those of eventfds fall now; irqchip_fds_tell() afterwards. */
uint64_t irqchip_fds_eoi(struct irqchip_priv *p, uint32_t pins);
void irqchip_fds_tell(struct irqchip_priv *p, uint64_t which);
void irqchip_fds_fini(struct irqchip_priv *p);

#endif
