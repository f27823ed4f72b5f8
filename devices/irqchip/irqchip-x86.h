/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqchip-x86.h - all interrupt controllers of an x86 board in one call: a local APIC for
 * each vCPU, one or two IOAPICs, the 8259A pair, MSI decoding, and the line of each GSI.
 *
 * The user-space models are always made. An accelerator that has such chips itself
 * owns the state of some while the VM runs (irqchip_x86_move): lines and messages then
 * go to it. When the VM is stopped the state is here.
 *
 * Call after vm_add_vcpu() of all vCPUs (their x86_cpu.apic_id set) and before the
 * first device. It sets x86_cpu.apic/apic_ops of each vCPU (NULL while the accelerator
 * has the local APICs), vm->msi and vm->chips_*.
 *
 *   gsi[0..15]  PIC input n, and IOAPIC pin n (0 -> pin 2: the MADT override)
 *   gsi[16..23] IOAPIC pin n
 *   gsi[24..47] second IOAPIC, when asked for
 *   pic[0..15]  the PIC's input alone
 */
#ifndef LODGE_DEVICES_IRQCHIP_X86_H
#define LODGE_DEVICES_IRQCHIP_X86_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/irq.h"

struct vm;
struct vcpu;
struct ioapic;
struct lapic_set;
struct pic;
struct x86_pit_ops;

enum {
	IRQCHIP_GSIS = 48,
	IRQCHIP_PIC_LINES = 16,
	IRQCHIP_IOAPIC_PINS = 24,
};
#define IRQCHIP_IOAPIC_BASE  0xfec00000u
#define IRQCHIP_IOAPIC2_BASE 0xfec10000u
#define IRQCHIP_LAPIC_BASE   0xfee00000u

struct irqchip_x86_cfg {
	bool pic;          /* 8259A pair at 20/a0 */
	unsigned ioapics;  /* 1 or 2 */
	uint8_t ioapic_id; /* id register of the first; the second is +1 */
	bool control_loop; /* APIC timers on the control loop (virtual clock); else a thread */
};

struct irqchip_x86 {
	struct vm *vm;
	struct irq gsi[IRQCHIP_GSIS];
	struct irq pic_line[IRQCHIP_PIC_LINES];
	unsigned n_gsi;
	struct pic *pic; /* NULL: none */
	struct ioapic *ioapic[2];
	struct lapic_set *lapics;
};

struct irqchip_x86 *irqchip_x86_create(struct vm *vm, const struct irqchip_x86_cfg *cfg,
                                       struct err *e);
/* Hot-plugged vCPU: gives it a local APIC. Control thread, before it runs. */
int irqchip_x86_add_vcpu(struct irqchip_x86 *c, struct vcpu *v, struct err *e)
	__must_check;
void irqchip_x86_free(struct irqchip_x86 *c);
/* The board's PIT, on gsi[0]. Before the first reset. */
void irqchip_x86_add_pit(struct irqchip_x86 *c, const struct x86_pit_ops *ops,
                         void *pit);
/* vm->chips_move (core/vm.h): the hypervisor's chips take over, or ours. */
int irqchip_x86_move(struct irqchip_x86 *c, bool to_hv, struct err *e) __must_check;
/* The NMI button (QMP inject-nmi): LINT1 of all. */
void irqchip_x86_nmi(struct irqchip_x86 *c);

#endif
