/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64-aia.c - the kernel's interrupt controller on RV64: an APLIC for lines, an IMSIC a
 * hart for messages.
 *
 * The device is made when the board asks and finished when all vCPUs exist, which is at
 * the first push of a vCPU's state. A machine reset writes the registers' power-on values.
 *
 * Spec: RISC-V AIA 1.0; Linux asm/kvm.h "Device Control API: RISC-V AIA" (6.5).
 * GSIs: n is source n of the APLIC (0 does not exist).
 *
 * Threads: control (creation, reset); finish on any vCPU's, under aia_lk; lines and
 * messages any.
 * Known gaps: the state is not in the migration stream; one group of harts.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "kvm/riscv64.h"

#ifdef KVM_DEV_RISCV_AIA_GRP_CONFIG
_Static_assert(RV_DEV_TYPE_AIA == KVM_DEV_TYPE_RISCV_AIA, "type");
_Static_assert(AIA_GRP_IMSIC == KVM_DEV_RISCV_AIA_GRP_IMSIC, "group");
#endif

bool kvm_aia_possible(struct kvm *k)
{
	struct kvm_create_device d = { .type = RV_DEV_TYPE_AIA,
		                       .flags = KVM_CREATE_DEVICE_TEST };

	return kvm_cap(k, KVM_CAP_DEVICE_CTRL) > 0 &&
	       kvm_ioctl(k->vm_fd, KVM_CREATE_DEVICE, &d) >= 0;
}

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

	if (k->arch->aia_fd < 0) {
		return -ENOSYS;
	}
	return kvm_routes_irqfd(k, eventfd, resamplefd, gsi, add);
}

/* Of the AIA, iselect and its window are the processor's registers. */
bool kvm_arch_owns(struct vm *vm, enum hv_place where, uint64_t addr)
{
	const struct kvm_arch_vm *a = ((struct kvm *)vm->hv_priv)->arch;

	if (a->aia_fd < 0) {
		return false;
	}
	switch (where) {
	case HV_PLACE_MEM:
		return addr - a->chip.aplic < 0x4000 ||
		       addr - a->chip.imsic < 4096 * (uint64_t)vm->n_vcpus;
	case HV_PLACE_CPU: return true;
	case HV_PLACE_PORT: break;
	}
	return false;
}

/* ---- life ---- */

/* Control thread; no vCPU runs. */
static void aia_reset(void *opaque)
{
	struct kvm *k = opaque;
	struct kvm_arch_vm *a = k->arch;
	unsigned n = aia_reset_list(a->chip.n_sources, a->chip.n_ids, k->vm->n_vcpus,
	                            NULL, 0);
	AUTO_FREE struct aia_reg *regs = calloc(n + 1, sizeof(*regs));

	if (!a->aia_ready || !regs) {
		return;
	}
	(void)aia_reset_list(a->chip.n_sources, a->chip.n_ids, k->vm->n_vcpus, regs, n);
	for (unsigned i = 0; i < n; i++) {
		unsigned long val =
			regs[i].val; /* APLIC: the kernel takes its low half */
		int r = kvm_device_set(a->aia_fd, regs[i].group, regs[i].attr, &val);

		if (r < 0) {
			log_d(LOG_UNIMP,
			      "kvm: AIA register %u:%llx cannot be written\n",
			      regs[i].group, (unsigned long long)regs[i].attr);
		}
	}
}

static int aia_config(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = k->arch;
	uint32_t srcs = a->chip.n_sources, ids = a->chip.n_ids;
	uint64_t aplic = a->chip.aplic;
	int r = kvm_device_set(a->aia_fd, AIA_GRP_CONFIG, AIA_CONFIG_IDS, &ids);

	r = r < 0 ? r
	          : kvm_device_set(a->aia_fd, AIA_GRP_CONFIG, AIA_CONFIG_SRCS, &srcs);
	r = r < 0 ? r : kvm_device_set(a->aia_fd, AIA_GRP_ADDR, AIA_ADDR_APLIC, &aplic);
	return r < 0 ? err_set_errno(
			       e, r,
			       "KVM refuses an APLIC at 0x%llx with %u sources and %u "
			       "messages",
			       (unsigned long long)aplic, srcs, ids)
	             : 0;
}

int kvm_arch_create_irqchip(struct vm *vm, bool split, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_arch_vm *a = k->arch;
	const struct riscv64_irqchip *chip = vm->irqchip;
	int r;

	(void)split; /* lines and messages belong to one device */
	if (!k->kernel_chip) {
		return 1;
	}
	if (!chip) {
		return err_set(e, -EINVAL,
		               "the board does not say where its interrupt controllers "
		               "are");
	}
	if (chip->n_ids > 2047 || (chip->n_ids & 63) != 63 ||
	    chip->n_sources > chip->n_ids) {
		return err_set(e, -EINVAL,
		               "an AIA can't have %u sources and %u messages",
		               chip->n_sources, chip->n_ids);
	}
	a->chip = *chip;
	a->aia_fd = kvm_device_new(k, RV_DEV_TYPE_AIA);
	if (a->aia_fd < 0) {
		r = a->aia_fd;
		a->aia_fd = -1;
		return err_set_errno(e, r,
		                     "KVM makes no AIA on this host (try -accel "
		                     "kvm,kernel-irqchip=off)");
	}
	r = aia_config(k, e);
	r = r < 0 ? r : kvm_routes_init_pins(k, chip->n_sources + 1, false, e);
	if (r < 0) {
		return r;
	}
	vm->msi = (struct msi_sink){ &kvm_routes_msi_ops, vm };
	vm_add_reset(vm, aia_reset, k);
	return 0;
}

void kvm_aia_fini(struct kvm *k)
{
	struct kvm_arch_vm *a = k->arch;

	vm_del_reset(k->vm, aia_reset, k);
	if (a->aia_fd >= 0) {
		close(a->aia_fd);
	}
}

static uint32_t aia_hart_bits(unsigned n)
{
	uint32_t bits = 0;

	while ((1u << bits) < n) {
		bits++;
	}
	return bits;
}

int kvm_aia_finish(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = k->arch;
	uint32_t bits = aia_hart_bits(k->vm->n_vcpus);
	int r;

	LOCK_SCOPE(&a->aia_lk);
	if (a->aia_ready || a->aia_fd < 0) {
		return 0;
	}
	r = kvm_device_set(a->aia_fd, AIA_GRP_CONFIG, AIA_CONFIG_HART_BITS, &bits);
	for (unsigned i = 0; i < k->vm->n_vcpus && r >= 0; i++) {
		uint64_t addr = a->chip.imsic + (uint64_t)i * 4096;

		r = kvm_device_set(a->aia_fd, AIA_GRP_ADDR, AIA_ADDR_IMSIC + i, &addr);
	}
	r = r < 0 ? r : kvm_device_set(a->aia_fd, AIA_GRP_CTRL, AIA_CTRL_INIT, NULL);
	if (r < 0) {
		return err_set_errno(e, r, "KVM does not set its AIA up");
	}
	r = kvm_routes_write(k); /* the step before has overwritten them */
	if (r < 0) {
		return err_set_errno(e, r, "KVM refuses the interrupt routes");
	}
	a->aia_ready = true;
	return 0;
}
