/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes.h - the table that says what a GSI of KVM is: a pin of the one interrupt
 * controller (0 and up), or a message (ROUTES_MSI and up). AArch64 and RV64.
 */
#ifndef LODGE_KVM_ROUTES_H
#define LODGE_KVM_ROUTES_H

#include "core/irq.h"
#include "core/lock.h"
#include "kvm/kvm.h"

enum { ROUTES_MSI = 1024 };

struct kvm_route_msi {
	bool used;
	int fd;
	struct msi_msg m;
};

struct kvm_routes {
	struct kvm *k;
	bool devid; /* messages name their device: the controller translates by it */
	unsigned n_pins, n_msi;
	struct lk lk; /* what follows */
	struct kvm_irq_routing *table;
	struct kvm_route_msi *msi;
};

/* msi_ops whose argument is the struct kvm_routes. */
extern const struct msi_ops kvm_routes_msi_ops;

int kvm_routes_init(struct kvm_routes *r, struct kvm *k, unsigned n_pins, bool devid,
                    struct err *e) __must_check;
void kvm_routes_fini(struct kvm_routes *r);
/* Tells KVM (again: some set-up steps of its controllers overwrite the table). */
int kvm_routes_write(struct kvm_routes *r) __must_check;
int kvm_routes_irqfd(struct kvm *k, int fd, int resample, unsigned gsi, bool add);

/* KVM_CREATE_DEVICE and attributes: 0 or a descriptor, -errno. `val` is what the attribute
 * points at, or NULL. */
int kvm_device_new(struct kvm *k, uint32_t type);
int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *val);
int kvm_device_get(int fd, uint32_t group, uint64_t attr, void *val);
bool kvm_device_has(int fd, uint32_t group, uint64_t attr);

#endif
