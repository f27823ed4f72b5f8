/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqchips.h - where an AArch64 or RV64 board has its interrupt controllers: what an
 * accelerator that brings such chips along has to know to put them there.
 *
 * vm->irqchip points at one of these before hv_ops.irq.create_irqchip() is called, and
 * stays valid as long as the VM. GSIs (hv_ops.irq.set_gsi, irqfd): n is SPI n (interrupt
 * 32 + n) of the GIC, source n of the APLIC.
 */
#ifndef LODGE_CORE_IRQCHIPS_H
#define LODGE_CORE_IRQCHIPS_H

#include <stdint.h>

struct arm64_irqchip {
	unsigned version; /* 3, 2, or 0: 3 where there is one, else 2 */
	unsigned n_irqs;  /* all interrupt numbers: 64 to 1020, a multiple of 32 */
	uint64_t dist;
	uint64_t redist;  /* version 3: 128 KiB for each vCPU */
	uint64_t cpu;     /* version 2: 8 KiB */
	uint64_t its;     /* 0: none */
	unsigned pmu_ppi; /* interrupt number of the performance monitors; 0: none */
};

struct riscv64_irqchip {
	unsigned n_sources;    /* of the APLIC */
	unsigned n_ids;        /* of each IMSIC: 63, 127, 255, ... 2047 */
	uint64_t aplic, imsic; /* the IMSICs: 4 KiB for each vCPU */
};

#endif
