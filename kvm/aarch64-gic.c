/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * aarch64-gic.c - the kernel's interrupt controller on AArch64: GICv3 with ITS, or GICv2.
 *
 * The devices are made when the board asks; they are finished when all vCPUs exist, which
 * is at the first push of a vCPU's state. The registers after that are kept: a machine
 * reset writes them back, because the kernel has no reset for its GIC.
 *
 * Spec: Linux devices/arm-vgic-v3.rst, arm-vgic.rst, arm-vgic-its.rst, vcpu.rst.
 * GSIs: n is SPI n. Messages go through the ITS, by device id.
 *
 * Threads: control (creation, reset); finish on any vCPU's, under gic_lk; lines and
 * messages any.
 * Known gaps: the state is not in the migration stream; without an ITS there are no MSIs.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kvm/aarch64.h"

/* ---- lines ---- */

void kvm_arch_set_gsi(struct vm *vm, unsigned gsi, int level)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_irq_level l = {
		.irq = KVM_ARM_IRQ_TYPE_SPI << KVM_ARM_IRQ_TYPE_SHIFT | (gsi + 32),
		.level = level != 0,
	};

	(void)kvm_ioctl(k->vm_fd, KVM_IRQ_LINE, &l);
}

int kvm_arch_irqfd(struct vm *vm, int eventfd, int resamplefd, unsigned gsi, bool add)
{
	struct kvm *k = vm->hv_priv;

	return kvm_routes_irqfd(k, eventfd, resamplefd, gsi, add);
}

static bool gic_in(uint64_t addr, uint64_t base, uint64_t size)
{
	return base && addr - base < size;
}

/* The CPU interface of GICv3 is system registers. */
bool kvm_arch_owns(struct vm *vm, enum hv_place where, uint64_t addr)
{
	const struct kvm_arch_vm *a = ((struct kvm *)vm->hv_priv)->arch;
	bool v3 = a->gic_version == 3;

	switch (where) {
	case HV_PLACE_MEM:
		return gic_in(addr, a->chip.dist, v3 ? 0x10000 : 0x1000) ||
		       (v3 && gic_in(addr, a->chip.redist,
		                     0x20000 * (uint64_t)vm->n_vcpus)) ||
		       (v3 && gic_in(addr, a->chip.its, 0x20000)) ||
		       (!v3 && gic_in(addr, a->chip.cpu, 0x2000));
	case HV_PLACE_CPU: return v3;
	case HV_PLACE_PORT: break;
	}
	return false;
}

/* ---- making the devices ---- */

static int gic_addr(struct kvm *k, int fd, uint64_t type, uint64_t addr,
                    const char *what, struct err *e)
{
	int r = kvm_device_set(fd, KVM_DEV_ARM_VGIC_GRP_ADDR, type, &addr);

	if (r == -E2BIG) {
		return err_set(
			e, r,
			"KVM refuses the %s at 0x%llx: the host's guests have only %u "
			"address bits",
			what, (unsigned long long)addr, k->arch->ipa_bits);
	}
	return r < 0 ? err_set_errno(e, r, "KVM refuses the %s at 0x%llx", what,
	                             (unsigned long long)addr)
	             : 0;
}

static int gic_new(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = k->arch;

	a->gic_version = a->chip.version == 2 ? 2 : 3;
	a->gic_fd = kvm_device_new(k, a->gic_version == 3 ? KVM_DEV_TYPE_ARM_VGIC_V3
	                                                  : KVM_DEV_TYPE_ARM_VGIC_V2);
	if (a->gic_fd < 0 && a->chip.version == 0) {
		a->gic_version = 2;
		a->gic_fd = kvm_device_new(k, KVM_DEV_TYPE_ARM_VGIC_V2);
	}
	if (a->gic_fd < 0) {
		return err_set_errno(e, a->gic_fd, "KVM makes no GICv%u on this host%s",
		                     a->gic_version,
		                     a->chip.version ? " (try another gic-version=)"
		                                     : "");
	}
	return 0;
}

static int gic_place(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = k->arch;
	uint32_t n = a->chip.n_irqs;
	int r = kvm_device_set(a->gic_fd, KVM_DEV_ARM_VGIC_GRP_NR_IRQS, 0, &n);

	if (r < 0) {
		return err_set_errno(e, r, "KVM refuses a GIC with %u interrupts", n);
	}
	if (a->gic_version == 2) {
		r = gic_addr(k, a->gic_fd, KVM_VGIC_V2_ADDR_TYPE_DIST, a->chip.dist,
		             "GIC distributor", e);
		return r < 0 ? r
		             : gic_addr(k, a->gic_fd, KVM_VGIC_V2_ADDR_TYPE_CPU,
		                        a->chip.cpu, "GIC CPU interface", e);
	}
	r = gic_addr(k, a->gic_fd, KVM_VGIC_V3_ADDR_TYPE_DIST, a->chip.dist,
	             "GIC distributor", e);
	return r < 0 ? r
	             : gic_addr(k, a->gic_fd, KVM_VGIC_V3_ADDR_TYPE_REDIST,
	                        a->chip.redist, "GIC redistributors", e);
}

static int gic_its(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = k->arch;

	if (!a->chip.its || a->gic_version != 3) {
		return 0;
	}
	a->its_fd = kvm_device_new(k, KVM_DEV_TYPE_ARM_VGIC_ITS);
	if (a->its_fd < 0) {
		return err_set_errno(e, a->its_fd, "KVM makes no ITS on this host");
	}
	return gic_addr(k, a->its_fd, KVM_VGIC_ITS_ADDR_TYPE, a->chip.its, "ITS", e);
}

static void gic_reset(void *opaque);

int kvm_arch_create_irqchip(struct vm *vm, bool split, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_arch_vm *a = k->arch;
	const struct arm64_irqchip *chip = vm->irqchip;
	int r;

	(void)split; /* there is only one chip */
	if (!chip) {
		return err_set(e, -EINVAL, "the board does not say where its GIC is");
	}
	if (chip->n_irqs < 64 || chip->n_irqs > 1020 || chip->n_irqs % 32) {
		return err_set(e, -EINVAL, "a GIC can't have %u interrupts",
		               chip->n_irqs);
	}
	a->chip = *chip;
	r = gic_new(k, e);
	r = r < 0 ? r : gic_place(k, e);
	r = r < 0 ? r : gic_its(k, e);
	r = r < 0 ? r : kvm_routes_init_pins(k, a->chip.n_irqs - 32, a->its_fd >= 0, e);
	if (r < 0) {
		return r;
	}
	if (a->its_fd >= 0) {
		vm->msi = (struct msi_sink){ &kvm_routes_msi_ops, vm };
	}
	vm_add_reset(vm, gic_reset, k);
	return 0;
}

void kvm_gic_fini(struct kvm *k)
{
	struct kvm_arch_vm *a = k->arch;

	vm_del_reset(k->vm, gic_reset, k);
	if (a->its_fd >= 0) {
		close(a->its_fd);
	}
	if (a->gic_fd >= 0) {
		close(a->gic_fd);
	}
	free(a->gic_regs);
}

/* ---- registers ---- */

static unsigned gic_list(struct kvm *k, struct gic_reg *out, unsigned max)
{
	struct kvm_arch_vm *a = k->arch;
	AUTO_FREE uint64_t *mpidr = NULL;

	if (a->gic_version == 2) {
		return gic_v2_list(a->chip.n_irqs, k->vm->n_vcpus, out, max);
	}
	mpidr = calloc(k->vm->n_vcpus + 1, sizeof(*mpidr));
	if (!mpidr) {
		return 0;
	}
	for (unsigned i = 0; i < k->vm->n_vcpus; i++) {
		mpidr[i] = ((struct arm64_cpu *)k->vm->vcpus[i]->arch)->id.mpidr;
	}
	return gic_v3_list(a->chip.n_irqs, mpidr, k->vm->n_vcpus, out, max);
}

/* The kernel moves 64 bits for CPU interface registers of GICv3, else 32. */
static int gic_get(int fd, struct gic_reg *r)
{
	uint32_t v32 = 0;
	int err;

	if (r->group == GIC_GRP_SYSREGS) {
		return kvm_device_get(fd, r->group, r->attr, &r->val);
	}
	err = kvm_device_get(fd, r->group, r->attr, &v32);
	r->val = v32;
	return err;
}

static int gic_set(int fd, const struct gic_reg *r)
{
	uint32_t v32 = (uint32_t)r->val, ones = ~0u;

	if (r->group == GIC_GRP_SYSREGS) {
		return kvm_device_set(fd, r->group, r->attr, &r->val);
	}
	if (r->has_clear) {
		(void)kvm_device_set(fd, r->group, r->clear, &ones);
	}
	return kvm_device_set(fd, r->group, r->attr, &v32);
}

static int gic_keep(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = k->arch;
	unsigned n = gic_list(k, NULL, 0), kept = 0;

	a->gic_regs = calloc(n + 1, sizeof(*a->gic_regs));
	if (!a->gic_regs) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	(void)gic_list(k, a->gic_regs, n);
	for (unsigned i = 0; i < n; i++) {
		int r = gic_get(a->gic_fd, &a->gic_regs[i]);

		if (r >= 0) {
			a->gic_regs[kept++] = a->gic_regs[i];
		} else if (!a->gic_regs[i].optional) {
			log_d(LOG_UNIMP, "kvm: GIC register %u:%llx cannot be read\n",
			      a->gic_regs[i].group,
			      (unsigned long long)a->gic_regs[i].attr);
		}
	}
	a->n_gic_regs = kept;
	return 0;
}

/* Control thread; no vCPU runs. */
static void gic_reset(void *opaque)
{
	struct kvm *k = opaque;
	struct kvm_arch_vm *a = k->arch;

	if (a->its_fd >= 0 && a->gic_ready &&
	    kvm_device_set(a->its_fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
	                   KVM_DEV_ARM_ITS_CTRL_RESET, NULL) < 0) {
		log_warn("KVM does not reset its ITS");
	}
	for (unsigned i = 0; i < a->n_gic_regs; i++) {
		int r = gic_set(a->gic_fd, &a->gic_regs[i]);

		if (r < 0 && !a->gic_regs[i].optional) {
			log_d(LOG_UNIMP,
			      "kvm: GIC register %u:%llx cannot be written: %s\n",
			      a->gic_regs[i].group,
			      (unsigned long long)a->gic_regs[i].attr, strerror(-r));
		}
	}
}

/* ---- when all vCPUs exist ---- */

static int gic_init_device(int fd, const char *what, struct err *e)
{
	int r = kvm_device_set(fd, KVM_DEV_ARM_VGIC_GRP_CTRL,
	                       KVM_DEV_ARM_VGIC_CTRL_INIT, NULL);

	return r < 0 ? err_set_errno(e, r, "KVM does not set its %s up", what) : 0;
}

static int gic_pmu(struct kvm *k, struct err *e)
{
	int irq = (int)k->arch->chip.pmu_ppi, r = 0;

	if (!k->arch->pmu || !irq) {
		return 0;
	}
	for (unsigned i = 0; i < k->vm->n_vcpus && r >= 0; i++) {
		const struct kvm_vcpu *v = k->vm->vcpus[i]->hv;

		r = kvm_device_set(v->fd, KVM_ARM_VCPU_PMU_V3_CTRL,
		                   KVM_ARM_VCPU_PMU_V3_IRQ, &irq);
		r = r < 0 ? r
		          : kvm_device_set(v->fd, KVM_ARM_VCPU_PMU_V3_CTRL,
		                           KVM_ARM_VCPU_PMU_V3_INIT, NULL);
	}
	return r < 0 ? err_set_errno(e, r,
	                             "KVM does not set the performance monitors up")
	             : 0;
}

int kvm_gic_finish(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = k->arch;
	int r;

	LOCK_SCOPE(&a->gic_lk);
	if (a->gic_ready) {
		return 0;
	}
	if (a->gic_fd < 0) {
		return err_set(e, -EINVAL,
		               "the board has made no GIC: KVM can't run without one");
	}
	r = gic_init_device(a->gic_fd, "GIC", e);
	if (r >= 0 && a->its_fd >= 0) {
		r = gic_init_device(a->its_fd, "ITS", e);
	}
	r = r < 0 ? r : gic_pmu(k, e);
	if (r < 0) {
		return r;
	}
	r = kvm_routes_write(k); /* the step before has overwritten them */
	if (r < 0) {
		return err_set_errno(e, r, "KVM refuses the interrupt routes");
	}
	a->gic_ready = true;
	return gic_keep(k, e);
}
