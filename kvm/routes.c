/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * routes.c - interrupt routing where KVM has one interrupt controller (GIC, AIA): pins,
 * messages and eventfds; and KVM's device attributes. See routes.h.
 *
 * Spec: Linux api.rst KVM_SET_GSI_ROUTING, KVM_IRQFD, KVM_SIGNAL_MSI, KVM_CREATE_DEVICE.
 * Threads: any; the table under routes->lk.
 */
#include "config.h"

#include "kvm/routes.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"

/* ---- the table ---- */

static int routes_write_locked(struct kvm_routes *r)
{
	struct kvm_irq_routing *t = r->table;

	t->nr = 0;
	for (uint32_t i = 0; i < r->n_pins; i++) {
		t->entries[t->nr++] = (struct kvm_irq_routing_entry){
			.gsi = i,
			.type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip.pin = i,
		};
	}
	for (unsigned i = 0; i < r->n_msi; i++) {
		const struct msi_msg *m = &r->msi[i].m;

		if (r->msi[i].used) {
			t->entries[t->nr++] = (struct kvm_irq_routing_entry){
				.gsi = ROUTES_MSI + i,
				.type = KVM_IRQ_ROUTING_MSI,
				.flags = r->devid ? KVM_MSI_VALID_DEVID : 0u,
				.u.msi = { .address_lo = (uint32_t)m->addr,
				           .address_hi = (uint32_t)(m->addr >> 32),
				           .data = m->data,
				           .devid = r->devid ? m->devid : 0 },
			};
		}
	}
	return kvm_ioctl(r->k->vm_fd, KVM_SET_GSI_ROUTING, t);
}

int kvm_routes_write(struct kvm_routes *r)
{
	LOCK_SCOPE(&r->lk);
	return routes_write_locked(r);
}

int kvm_routes_init(struct kvm_routes *r, struct kvm *k, unsigned n_pins, bool devid,
                    struct err *e)
{
	int max = kvm_cap(k, KVM_CAP_IRQ_ROUTING);

	max = MIN(max, 4096);
	if (n_pins > ROUTES_MSI || max < (int)n_pins) {
		return err_set(e, -ENOTSUP,
		               "KVM routes %d interrupts, fewer than the %u lines of "
		               "this machine",
		               max, n_pins);
	}
	r->k = k;
	r->devid = devid;
	r->n_pins = n_pins;
	r->n_msi = (unsigned)max - n_pins;
	lk_init(&r->lk, RANK_IRQCHIP_IO, "kvm-routes");
	r->table = calloc(1, sizeof(*r->table) +
	                             (size_t)max * sizeof(r->table->entries[0]));
	r->msi = calloc(r->n_msi + 1, sizeof(*r->msi));
	return r->table && r->msi ? 0 : err_set(e, -ENOMEM, "out of memory");
}

void kvm_routes_fini(struct kvm_routes *r)
{
	free(r->table);
	free(r->msi);
	r->table = NULL;
	r->msi = NULL;
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
	struct kvm_routes *r = arg;
	struct kvm_msi msi = { .address_lo = (uint32_t)m->addr,
		               .address_hi = (uint32_t)(m->addr >> 32),
		               .data = m->data };

	if (r->devid) {
		msi.flags = KVM_MSI_VALID_DEVID;
		msi.devid = m->devid;
	}
	if (kvm_ioctl(r->k->vm_fd, KVM_SIGNAL_MSI, &msi) < 0) {
		log_guest("MSI to 0x%llx with data 0x%x reaches nobody",
		          (unsigned long long)m->addr, m->data);
	}
}

static int routes_add(void *arg, const struct msi_msg *m, int eventfd)
{
	struct kvm_routes *r = arg;
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
	err = routes_write_locked(r);
	err = err < 0 ? err : kvm_routes_irqfd(r->k, eventfd, -1, ROUTES_MSI + i, true);
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
	struct kvm_routes *r = arg;

	LOCK_SCOPE(&r->lk);
	if (routes_mine(r, route)) {
		r->msi[route].m = *m;
		(void)routes_write_locked(r);
	}
}

static void routes_del(void *arg, int route)
{
	struct kvm_routes *r = arg;

	LOCK_SCOPE(&r->lk);
	if (routes_mine(r, route)) {
		(void)kvm_routes_irqfd(r->k, r->msi[route].fd, -1,
		                       ROUTES_MSI + (unsigned)route, false);
		r->msi[route].used = false;
		(void)routes_write_locked(r);
	}
}

const struct msi_ops kvm_routes_msi_ops = {
	.send = routes_send,
	.route_add = routes_add,
	.route_update = routes_update,
	.route_del = routes_del,
};

/* ---- devices ---- */

int kvm_device_new(struct kvm *k, uint32_t type)
{
	struct kvm_create_device d = { .type = type };
	int r = kvm_ioctl(k->vm_fd, KVM_CREATE_DEVICE, &d);

	return r < 0 ? r : (int)d.fd;
}

int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *val)
{
	struct kvm_device_attr a = { .group = group,
		                     .attr = attr,
		                     .addr = (uint64_t)(uintptr_t)val };

	return kvm_ioctl(fd, KVM_SET_DEVICE_ATTR, &a);
}

int kvm_device_get(int fd, uint32_t group, uint64_t attr, void *val)
{
	struct kvm_device_attr a = { .group = group,
		                     .attr = attr,
		                     .addr = (uint64_t)(uintptr_t)val };

	return kvm_ioctl(fd, KVM_GET_DEVICE_ATTR, &a);
}

bool kvm_device_has(int fd, uint32_t group, uint64_t attr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr };

	return kvm_ioctl(fd, KVM_HAS_DEVICE_ATTR, &a) >= 0;
}
