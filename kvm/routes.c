/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes.c - interrupt routing: pins, messages and eventfds. See routes.h.
 *
 * Spec: Linux api.rst KVM_SET_GSI_ROUTING, KVM_IRQFD, KVM_SIGNAL_MSI.
 */
#include "config.h"

#include "kvm/routes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

enum { ROUTES_MSI = 1024 };

/* ---- the table ---- */

/* Address, data and device of a message, as KVM wants them. */
static struct kvm_msi routes_message(const struct kvm *k, const struct msi_msg *m)
{
	const struct kvm_routes_cfg *c = &k->routes->cfg;
	uint64_t addr = c->addr ? c->addr(k, m->addr) : m->addr;

	return (struct kvm_msi){
		.address_lo = (uint32_t)addr,
		.address_hi = (uint32_t)(addr >> 32),
		.data = m->data,
		.flags = c->devid ? KVM_MSI_VALID_DEVID : 0u,
		.devid = c->devid ? m->devid : 0,
	};
}

void kvm_routes_pin(struct kvm *k, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	struct kvm_irq_routing *t = k->routes->table;

	t->entries[t->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

void kvm_routes_msi(struct kvm *k, uint32_t gsi, const struct msi_msg *m)
{
	struct kvm_irq_routing *t = k->routes->table;
	struct kvm_msi msi = routes_message(k, m);

	t->entries[t->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi,
		.type = KVM_IRQ_ROUTING_MSI,
		.flags = msi.flags,
		.u.msi = { .address_lo = msi.address_lo,
		           .address_hi = msi.address_hi,
		           .data = msi.data,
		           .devid = msi.devid },
	};
}

int kvm_routes_write_locked(struct kvm *k)
{
	struct kvm_routes *r = k->routes;

	r->table->nr = 0;
	r->cfg.pins(k);
	for (unsigned i = 0; i < r->n_msi; i++) {
		if (r->msi[i].used) {
			kvm_routes_msi(k, r->cfg.first_msi + i, &r->msi[i].m);
		}
	}
	return kvm_ioctl(k->vm_fd, KVM_SET_GSI_ROUTING, r->table);
}

int kvm_routes_write(struct kvm *k)
{
	LOCK_SCOPE(&k->routes->lk);
	return kvm_routes_write_locked(k);
}

int kvm_routes_init(struct kvm *k, const struct kvm_routes_cfg *cfg, struct err *e)
{
	struct kvm_routes *r = calloc(1, sizeof(*r));
	int max = kvm_cap(k, KVM_CAP_IRQ_ROUTING);

	if (!r) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	k->routes = r;
	r->cfg = *cfg;
	lk_init(&r->lk, RANK_IRQCHIP_CPU, "kvm-routes");
	max = MIN(max, 4096);
	if (max < (int)cfg->n_pins) {
		return err_set(e, -ENOTSUP,
		               "KVM routes %d interrupts, fewer than the %u lines of "
		               "this machine",
		               max, cfg->n_pins);
	}
	r->n_msi = (unsigned)max - cfg->n_pins;
	r->table = calloc(1, sizeof(*r->table) +
	                             (size_t)max * sizeof(r->table->entries[0]));
	r->msi = calloc(r->n_msi + 1, sizeof(*r->msi));
	return r->table && r->msi ? 0 : err_set(e, -ENOMEM, "out of memory");
}

static void routes_pins(struct kvm *k)
{
	for (uint32_t i = 0; i < k->routes->cfg.n_pins; i++) {
		kvm_routes_pin(k, i, 0, i);
	}
}

int kvm_routes_init_pins(struct kvm *k, unsigned n, bool devid, struct err *e)
{
	struct kvm_routes_cfg c = { .n_pins = n,
		                    .first_msi = ROUTES_MSI,
		                    .devid = devid,
		                    .pins = routes_pins };

	if (n > ROUTES_MSI) {
		return err_set(e, -ENOTSUP, "KVM: not supported: %u interrupt lines",
		               n);
	}
	return kvm_routes_init(k, &c, e);
}

void kvm_routes_fini(struct kvm *k)
{
	if (k->routes) {
		lk_fini(&k->routes->lk);
		free(k->routes->table);
		free(k->routes->msi);
		free(k->routes);
		k->routes = NULL;
	}
}

int kvm_routes_irqfd(struct kvm *k, int fd, int resample, unsigned gsi, bool add)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd,
		               .gsi = gsi,
		               .flags = add ? 0u : KVM_IRQFD_FLAG_DEASSIGN };

	if (add && resample >= 0) {
		f.flags |= KVM_IRQFD_FLAG_RESAMPLE;
		f.resamplefd = (uint32_t)resample;
	}
	return kvm_ioctl(k->vm_fd, KVM_IRQFD, &f);
}

/* ---- messages ---- */

static void routes_send(void *arg, const struct msi_msg *m)
{
	struct kvm *k = ((struct vm *)arg)->hv_priv;
	struct kvm_msi msi = routes_message(k, m);

	if (kvm_ioctl(k->vm_fd, KVM_SIGNAL_MSI, &msi) < 0) {
		log_guest("MSI to 0x%llx with data 0x%x reaches nobody",
		          (unsigned long long)m->addr, m->data);
	}
}

static int routes_add(void *arg, const struct msi_msg *m, int eventfd)
{
	struct kvm *k = ((struct vm *)arg)->hv_priv;
	struct kvm_routes *r = k->routes;
	unsigned i = 0;
	int err;

	LOCK_SCOPE(&r->lk);
	while (i < r->n_msi && r->msi[i].used) {
		i++;
	}
	if (i == r->n_msi) {
		return -ENOSPC;
	}
	r->msi[i] = (struct kvm_route_msi){ true, eventfd, *m };
	err = kvm_routes_write_locked(k);
	err = err < 0 ? err
	              : kvm_routes_irqfd(k, eventfd, -1, r->cfg.first_msi + i, true);
	if (err < 0) {
		r->msi[i].used = false;
		return err;
	}
	return (int)i;
}

static bool routes_mine(const struct kvm_routes *r, int route)
{
	return route >= 0 && (unsigned)route < r->n_msi && r->msi[route].used;
}

static void routes_update(void *arg, int route, const struct msi_msg *m)
{
	struct kvm *k = ((struct vm *)arg)->hv_priv;

	LOCK_SCOPE(&k->routes->lk);
	if (routes_mine(k->routes, route)) {
		k->routes->msi[route].m = *m;
		(void)kvm_routes_write_locked(k);
	}
}

/* Its entry in KVM's table stays until the table is written again: it does nothing. */
static void routes_del(void *arg, int route)
{
	struct kvm *k = ((struct vm *)arg)->hv_priv;
	struct kvm_routes *r = k->routes;

	LOCK_SCOPE(&r->lk);
	if (routes_mine(r, route)) {
		(void)kvm_routes_irqfd(k, r->msi[route].fd, -1,
		                       r->cfg.first_msi + (unsigned)route, false);
		r->msi[route].used = false;
	}
}

const struct msi_ops kvm_routes_msi_ops = {
	.send = routes_send,
	.route_add = routes_add,
	.route_update = routes_update,
	.route_del = routes_del,
};
