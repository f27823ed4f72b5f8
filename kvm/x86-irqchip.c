/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-irqchip.c - the kernel's interrupt controllers: local APICs, IOAPIC, PIC; lines,
 * MSI messages, and eventfds that become interrupts without us.
 *
 * Spec: Linux api.rst KVM_CREATE_IRQCHIP, KVM_SET_GSI_ROUTING, KVM_IRQFD, KVM_SIGNAL_MSI.
 * GSIs: 0..23 IOAPIC pins (0 is pin 2) and, below 16, PIC inputs; HV_GSI_PIC + n PIC
 * input n alone; from CHIP_GSI_MSI on MSI routes.
 *
 * Threads: control (creation, reset); lines and messages any; routes under routes_lk.
 * Known gaps: state of these chips is not in the migration stream; PIT and HPET stay in
 * user space; a PIC input driven by two sources follows the last one.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kvm/x86.h"

enum { CHIP_IOAPIC_PINS = 24, CHIP_PIC_PINS = 16, CHIP_GSI_MSI = 64 };

/* ---- routes ---- */

static void chip_add_pin(struct kvm_irq_routing *t, uint32_t gsi, uint32_t chip, uint32_t pin)
{
	t->entries[t->nr++] = (struct kvm_irq_routing_entry){
		.gsi = gsi, .type = KVM_IRQ_ROUTING_IRQCHIP,
		.u.irqchip = { .irqchip = chip, .pin = pin },
	};
}

static void chip_add_pic(struct kvm_irq_routing *t, uint32_t gsi, uint32_t n)
{
	chip_add_pin(t, gsi, n < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, n & 7);
}

static int chip_write_routes(struct kvm *k)
{
	struct kvm_arch_vm *a = k->arch;
	struct kvm_irq_routing *t = a->routes;

	t->nr = 0;
	for (uint32_t i = 0; i < CHIP_IOAPIC_PINS; i++) {
		if (i != 2) { /* the cascade; its pin is line 0's */
			chip_add_pin(t, i, KVM_IRQCHIP_IOAPIC, i ? i : 2);
		}
		if (i < CHIP_PIC_PINS && i != 2) {
			chip_add_pic(t, i, i);
		}
		if (i < CHIP_PIC_PINS) {
			chip_add_pic(t, HV_GSI_PIC + i, i);
		}
	}
	for (unsigned i = 0; i < a->n_msi; i++) {
		if (a->msi[i].used) {
			t->entries[t->nr++] = (struct kvm_irq_routing_entry){
				.gsi = CHIP_GSI_MSI + i, .type = KVM_IRQ_ROUTING_MSI,
				.u.msi = { .address_lo = (uint32_t)a->msi[i].m.addr,
					   .address_hi = (uint32_t)(a->msi[i].m.addr >> 32),
					   .data = a->msi[i].m.data },
			};
		}
	}
	return kvm_ioctl(k->vm_fd, KVM_SET_GSI_ROUTING, t);
}

static int chip_irqfd(struct kvm *k, int fd, int resample, unsigned gsi, bool add)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = gsi,
			       .flags = add ? 0u : KVM_IRQFD_FLAG_DEASSIGN };

	if (add && resample >= 0) {
		f.flags |= KVM_IRQFD_FLAG_RESAMPLE;
		f.resamplefd = (uint32_t)resample;
	}
	return kvm_ioctl(k->vm_fd, KVM_IRQFD, &f);
}

/* ---- MSI ---- */

static void chip_msi_send(void *arg, const struct msi_msg *m)
{
	struct kvm *k = ((struct vm *)arg)->hv_priv;
	struct kvm_msi msi = { .address_lo = (uint32_t)m->addr,
			       .address_hi = (uint32_t)(m->addr >> 32), .data = m->data };

	if (kvm_ioctl(k->vm_fd, KVM_SIGNAL_MSI, &msi) < 0) {
		log_guest("MSI to 0x%llx with data 0x%x reaches nobody",
			  (unsigned long long)m->addr, m->data);
	}
}

static int chip_msi_route_add(void *arg, const struct msi_msg *m, int eventfd)
{
	struct kvm *k = ((struct vm *)arg)->hv_priv;
	struct kvm_arch_vm *a = k->arch;
	unsigned i = 0;
	int r;

	LOCK_SCOPE(&a->routes_lk);
	while (i < a->n_msi && a->msi[i].used) {
		i++;
	}
	if (i == a->n_msi) {
		return -ENOSPC;
	}
	a->msi[i].used = true;
	a->msi[i].m = *m;
	a->msi[i].fd = eventfd;
	r = chip_write_routes(k);
	r = r < 0 ? r : chip_irqfd(k, eventfd, -1, CHIP_GSI_MSI + i, true);
	if (r < 0) {
		a->msi[i].used = false;
		return r;
	}
	return (int)i;
}

static void chip_msi_route_update(void *arg, int route, const struct msi_msg *m)
{
	struct kvm *k = ((struct vm *)arg)->hv_priv;
	struct kvm_arch_vm *a = k->arch;

	LOCK_SCOPE(&a->routes_lk);
	if (route >= 0 && (unsigned)route < a->n_msi && a->msi[route].used) {
		a->msi[route].m = *m;
		(void)chip_write_routes(k);
	}
}

static void chip_msi_route_del(void *arg, int route)
{
	struct kvm *k = ((struct vm *)arg)->hv_priv;
	struct kvm_arch_vm *a = k->arch;

	LOCK_SCOPE(&a->routes_lk);
	if (route >= 0 && (unsigned)route < a->n_msi && a->msi[route].used) {
		(void)chip_irqfd(k, a->msi[route].fd, -1, CHIP_GSI_MSI + (unsigned)route, false);
		a->msi[route].used = false;
		(void)chip_write_routes(k);
	}
}

const struct msi_ops kvm_x86_msi_ops = {
	.send = chip_msi_send,
	.route_add = chip_msi_route_add,
	.route_update = chip_msi_route_update,
	.route_del = chip_msi_route_del,
};

/* ---- lines ---- */

void kvm_arch_set_gsi(struct vm *vm, unsigned gsi, int level)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_irq_level l = { .irq = gsi, .level = level != 0 };

	(void)kvm_ioctl(k->vm_fd, KVM_IRQ_LINE, &l);
}

int kvm_arch_irqfd(struct vm *vm, int eventfd, int resamplefd, unsigned gsi, bool add)
{
	struct kvm *k = vm->hv_priv;

	if (!k->kernel_chip) {
		return -ENOSYS;
	}
	return chip_irqfd(k, eventfd, resamplefd, gsi, add);
}

/* ---- life ---- */

static void chip_reset(void *opaque)
{
	struct kvm *k = opaque;

	for (unsigned i = 0; i < ARRAY_LEN(k->arch->chip); i++) {
		(void)kvm_ioctl(k->vm_fd, KVM_SET_IRQCHIP, &k->arch->chip[i]);
	}
	for (unsigned i = 0; i < k->vm->n_vcpus; i++) {
		struct kvm_vcpu *v = k->vm->vcpus[i]->hv;

		if (v) {
			v->arch->reset_lapic = true;
		}
	}
}

static int chip_alloc_routes(struct kvm *k)
{
	struct kvm_arch_vm *a = k->arch;
	int max = kvm_cap(k, KVM_CAP_IRQ_ROUTING);

	max = MIN(max, 4096);
	if (max < CHIP_GSI_MSI + 16) {
		return -ENOTSUP;
	}
	/* Pins have two or three entries each. */
	a->n_msi = (unsigned)max - 2 * CHIP_GSI_MSI;
	a->msi = calloc(a->n_msi, sizeof(*a->msi));
	a->routes = calloc(1, sizeof(*a->routes) +
				      (size_t)max * sizeof(a->routes->entries[0]));
	lk_init(&a->routes_lk, RANK_IRQCHIP_IO, "kvm-routes");
	return a->msi && a->routes ? 0 : -ENOMEM;
}

int kvm_arch_create_irqchip(struct vm *vm, bool split, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	int r;

	(void)split;
	if (!k->kernel_chip) {
		return 1;
	}
	r = kvm_ioctl_n(k->vm_fd, KVM_CREATE_IRQCHIP, 0);
	r = r < 0 ? r : chip_alloc_routes(k);
	r = r < 0 ? r : chip_write_routes(k);
	for (unsigned i = 0; r >= 0 && i < ARRAY_LEN(k->arch->chip); i++) {
		k->arch->chip[i].chip_id = i;
		r = kvm_ioctl(k->vm_fd, KVM_GET_IRQCHIP, &k->arch->chip[i]);
	}
	if (r < 0) {
		return err_set_errno(e, r, "KVM refuses its interrupt controllers (try "
				     "-accel kvm,kernel-irqchip=off)");
	}
	vm->msi = (struct msi_sink){ &kvm_x86_msi_ops, vm };
	vm_add_reset(vm, chip_reset, k);
	return 0;
}

/* ---- one vCPU ---- */

int kvm_x86_chip_vcpu_init(struct kvm_vcpu *v)
{
	v->arch->apic_base = 0xfee00800u | (v->c->index == 0 ? 0x100u : 0);
	return v->k->kernel_chip ? kvm_ioctl(v->fd, KVM_GET_LAPIC, &v->arch->lapic) : 0;
}

void kvm_x86_chip_vcpu_before_push(struct kvm_vcpu *v)
{
	if (v->arch->reset_lapic) {
		v->arch->apic_base = 0xfee00800u | (v->c->index == 0 ? 0x100u : 0);
	}
}

/* After a reset: the APIC anew, and who waits for STARTUP waits in the kernel. */
void kvm_x86_chip_vcpu_after_push(struct kvm_vcpu *v)
{
	struct kvm_mp_state mp = { .mp_state = v->c->index ? KVM_MP_STATE_UNINITIALIZED :
							     KVM_MP_STATE_RUNNABLE };

	if (!v->arch->reset_lapic) {
		return;
	}
	v->arch->reset_lapic = false;
	v->c->halted = false;
	(void)kvm_ioctl(v->fd, KVM_SET_LAPIC, &v->arch->lapic);
	(void)kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp);
}
