/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-irqchip.c - the kernel's interrupt controllers: local APICs, and with
 * kernel-irqchip=on IOAPIC, PIC and PIT; lines, MSI messages, and eventfds that become
 * interrupts without us. Their state: x86-chips.c. Split chips: x86-split.c.
 *
 * Spec: Linux api.rst KVM_CREATE_IRQCHIP, KVM_CAP_SPLIT_IRQCHIP, KVM_SET_GSI_ROUTING,
 * KVM_IRQFD, KVM_SIGNAL_MSI, KVM_CAP_X2APIC_API.
 * GSIs: those of core/hv.h; from CHIP_GSI_MSI on MSI routes. Split: 0..23 what the pins of
 * the user-space IOAPIC send.
 *
 * Threads: control (creation); lines any, one thread a line; routes and messages any.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/cpu/x86-chips.h"
#include "kvm/x86.h"

/* Pins have two or three entries each. */
enum { CHIP_GSI_MSI = 64, CHIP_ROUTES_PINS = 128 };

/* ---- routes ---- */

static void chip_add_pic(struct kvm *k, uint32_t gsi, uint32_t n)
{
	kvm_routes_pin(k, gsi, n < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE,
	               n & 7);
}

static void chip_add_pins(struct kvm *k)
{
	for (uint32_t i = 0; i < X86_IOAPIC_PINS; i++) {
		if (i != 2) { /* the cascade; its pin is line 0's */
			kvm_routes_pin(k, i, KVM_IRQCHIP_IOAPIC, i ? i : 2);
		}
		if (i < X86_PIC_PINS && i != 2) {
			chip_add_pic(k, i, i);
			kvm_routes_pin(k, HV_GSI_IOAPIC + i, KVM_IRQCHIP_IOAPIC,
			               i ? i : 2);
		}
		if (i < X86_PIC_PINS) {
			chip_add_pic(k, HV_GSI_PIC + i, i);
		}
	}
}

/* Destinations above 255: in bits 11..5 for us (as CPUID tells guests), in the upper half
 * of the address for KVM. */
uint64_t kvm_x86_msi_addr(uint64_t addr, bool x2apic_api)
{
	return x2apic_api && (addr & 0xfe0) && addr >> 20 == 0xfee
	               ? (addr & ~UINT64_C(0xfe0)) | (addr >> 5 & 0x7f) << 40
	               : addr;
}

static uint64_t chip_msi_addr(const struct kvm *k, uint64_t addr)
{
	return kvm_x86_msi_addr(addr, k->arch->x2apic_api);
}

static void chip_pins(struct kvm *k)
{
	const struct kvm_arch_vm *a = k->arch;

	if (!k->split_chip) {
		chip_add_pins(k);
	}
	for (unsigned i = 0; i < X86_IOAPIC_PINS; i++) {
		if (a->pin_valid >> i & 1) {
			kvm_routes_msi(k, i, &a->pin[i]);
		}
	}
}

static const struct kvm_routes_cfg chip_routes = {
	.n_pins = CHIP_ROUTES_PINS,
	.first_msi = CHIP_GSI_MSI,
	.pins = chip_pins,
	.addr = chip_msi_addr,
};

/* ---- lines ---- */

/* By one thread at a time for a line (its three numbers); other lines change meanwhile. */
void kvm_arch_set_gsi(struct vm *vm, unsigned gsi, int level)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_arch_vm *a = k->arch;
	struct kvm_irq_level l = { .irq = gsi, .level = level != 0 };
	uint32_t bit = BIT(gsi & (gsi < HV_GSI_PIC ? 31 : 15));

	if (gsi < HV_GSI_PIC || gsi >= HV_GSI_IOAPIC) {
		atomic_put_bits(&a->pin_level, bit, level);
	}
	if (gsi < HV_GSI_IOAPIC && bit < BIT(16)) {
		atomic_put_bits(&a->pic_level, bit, level);
	}
	(void)kvm_ioctl(k->vm_fd, KVM_IRQ_LINE, &l);
}

int kvm_arch_irqfd(struct vm *vm, int eventfd, int resamplefd, unsigned gsi, bool add)
{
	struct kvm *k = vm->hv_priv;

	if (!k->kernel_chip || k->split_chip) {
		return -ENOSYS;
	}
	return kvm_routes_irqfd(k, eventfd, resamplefd, gsi, add);
}

/* ---- life ---- */

static int chip_enable(struct kvm *k, unsigned cap, uint64_t arg)
{
	struct kvm_enable_cap c = { .cap = cap, .args[0] = arg };

	return kvm_ioctl(k->vm_fd, KVM_ENABLE_CAP, &c);
}

/* The PIT without which the boards have one of their own. */
static bool chip_make_pit(struct kvm *k)
{
	struct kvm_pit_config c = { .flags = KVM_PIT_SPEAKER_DUMMY };
	struct kvm_reinject_control late = { .pit_reinject = 0 };

	if (kvm_cap(k, KVM_CAP_PIT2) <= 0 || kvm_cap(k, KVM_CAP_PIT_STATE2) <= 0 ||
	    kvm_ioctl(k->vm_fd, KVM_CREATE_PIT2, &c) < 0) {
		return false;
	}
	/* Ticks that the guest missed are gone, as in hardware and in our own. */
	(void)kvm_ioctl(k->vm_fd, KVM_REINJECT_CONTROL, &late);
	k->arch->pit_parked = 0xff;
	return true;
}

static const struct hv_chips chip_tables[] = {
	{ .has = X86_CHIP_LAPIC | X86_CHIP_IOAPIC | X86_CHIP_PIC,
	  .set = kvm_x86_chips_set,
	  .get = kvm_x86_chips_get,
	  .msi = &kvm_routes_msi_ops },
	{ .has = X86_CHIP_LAPIC | X86_CHIP_IOAPIC | X86_CHIP_PIC | X86_CHIP_PIT,
	  .set = kvm_x86_chips_set,
	  .get = kvm_x86_chips_get,
	  .pit_irq_enable = kvm_x86_pit_irq_enable,
	  .msi = &kvm_routes_msi_ops },
	{ .has = X86_CHIP_LAPIC,
	  .set = kvm_x86_chips_set,
	  .get = kvm_x86_chips_get,
	  .ioapic_routes = kvm_x86_split_routes,
	  .msi = &kvm_routes_msi_ops },
};

static int chip_create(struct vm *vm, struct kvm *k, struct err *e)
{
	int r = k->split_chip ? chip_enable(k, KVM_CAP_SPLIT_IRQCHIP, X86_IOAPIC_PINS)
	                      : kvm_ioctl_n(k->vm_fd, KVM_CREATE_IRQCHIP, 0);

	if (r < 0) {
		return r;
	}
	if (kvm_cap(k, KVM_CAP_X2APIC_API) > 0) {
		k->arch->x2apic_api =
			chip_enable(k, KVM_CAP_X2APIC_API,
		                    KVM_X2APIC_API_USE_32BIT_IDS |
		                            KVM_X2APIC_API_DISABLE_BROADCAST_QUIRK) >=
			0;
	}
	r = kvm_routes_init(k, &chip_routes, e);
	r = r < 0 ? r : kvm_routes_write(k);
	vm->hv_chips = &chip_tables[k->split_chip ? 2 : r >= 0 && chip_make_pit(k)];
	return r;
}

int kvm_arch_create_irqchip(struct vm *vm, bool split, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	int r;

	(void)split;
	if (!k->kernel_chip) {
		return 1;
	}
	if (k->split_chip && kvm_cap(k, KVM_CAP_SPLIT_IRQCHIP) <= 0) {
		return err_set(e, -ENOTSUP,
		               "this kernel's KVM can't split its interrupt "
		               "controllers: use -accel kvm,kernel-irqchip=on or off");
	}
	r = chip_create(vm, k, e);
	if (r < 0) {
		vm->hv_chips = NULL;
		return err_set_errno(e, r,
		                     "KVM refuses its interrupt controllers (try "
		                     "-accel kvm,kernel-irqchip=off)");
	}
	return 0;
}
