/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes.h - the table that says what a GSI of KVM is: a pin of an interrupt controller
 * or a message; and the interrupts that eventfds cause. The pins are the architecture's
 * (struct kvm_routes_cfg), messages are numbered from first_msi.
 *
 * Threads: any. The table is under a lock of RANK_IRQCHIP_CPU: who changes an IOAPIC's
 * registers may change its routes.
 */
#ifndef LODGE_KVM_ROUTES_H
#define LODGE_KVM_ROUTES_H

#include "core/irq.h"
#include "core/lock.h"
#include "kvm/kvm.h"

struct kvm_routes_cfg {
	unsigned n_pins; /* entries that pins() adds at most */
	unsigned first_msi;
	bool devid; /* messages name their device: the controller translates by it */
	/* kvm_routes_pin() and kvm_routes_msi() for each; under the lock. */
	void (*pins)(struct kvm *k);
	uint64_t (*addr)(const struct kvm *k,
	                 uint64_t addr); /* as KVM has it; NULL: the same */
};

struct kvm_route_msi {
	bool used;
	int fd;
	struct msi_msg m;
};

struct kvm_routes {
	struct kvm_routes_cfg cfg;
	struct lk lk; /* what follows */
	struct kvm_irq_routing *table;
	struct kvm_route_msi *msi;
	unsigned n_msi;
};

/* msi_ops whose argument is the struct vm. */
extern const struct msi_ops kvm_routes_msi_ops;

/* k->routes. */
int kvm_routes_init(struct kvm *k, const struct kvm_routes_cfg *cfg, struct err *e)
	__must_check;
/* For one interrupt controller: pin n is GSI n. */
int kvm_routes_init_pins(struct kvm *k, unsigned n, bool devid, struct err *e)
	__must_check;
void kvm_routes_fini(struct kvm *k);
/* Tells KVM (again: some set-up steps of its controllers overwrite the table). */
int kvm_routes_write(struct kvm *k) __must_check;
int kvm_routes_write_locked(struct kvm *k);
int kvm_routes_irqfd(struct kvm *k, int fd, int resample, unsigned gsi, bool add);

/* For cfg.pins. */
void kvm_routes_pin(struct kvm *k, uint32_t gsi, uint32_t chip, uint32_t pin);
void kvm_routes_msi(struct kvm *k, uint32_t gsi, const struct msi_msg *m);

#endif
