/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * harness.h - a VM without a processor, for device tests: RAM, ports, interrupt
 * controllers, a clock that moves only when told, and the functions a test drives
 * devices with.
 *
 * vCPUs have threads that run no guest code: harness_on_cpu() runs a function there, for
 * registers that are a different one for each vCPU (local APIC).
 */
#ifndef LODGE_TESTS_HARNESS_H
#define LODGE_TESTS_HARNESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/gmem.h"
#include "core/irq.h"
#include "core/vm.h"

struct x86_cpu;
struct irqchip_x86;

enum { HARNESS_RAM = 16 << 20, HARNESS_LINES = 32 };

struct harness {
	struct vm *vm;
	struct ram_block *ram;
	struct mr ram_mr;
	struct irqchip_x86 *chip; /* NULL without vCPUs */
	/* irq_intercept: lines that note what is done to them */
	struct irq line[HARNESS_LINES];
	int level[HARNESS_LINES];
	unsigned rises[HARNESS_LINES];
	/* MSIs, when there is no chip */
	struct msi_msg msi[16];
	unsigned n_msi;
};

struct harness *harness_new(unsigned cpus);
void harness_free(struct harness *h);

uint8_t harness_inb(struct harness *h, unsigned port);
uint16_t harness_inw(struct harness *h, unsigned port);
uint32_t harness_inl(struct harness *h, unsigned port);
void harness_outb(struct harness *h, unsigned port, uint8_t v);
void harness_outw(struct harness *h, unsigned port, uint16_t v);
void harness_outl(struct harness *h, unsigned port, uint32_t v);
uint64_t harness_read(struct harness *h, gpa_t addr, unsigned size);
void harness_write(struct harness *h, gpa_t addr, uint64_t v, unsigned size);
/* Forward by ns, running timers in order. */
void harness_step(uint64_t ns);
/* Loop turns until nothing is left to do. */
void harness_settle(struct harness *h);

struct x86_cpu *harness_cpu(struct harness *h, unsigned i);
void harness_on_cpu(struct harness *h, unsigned i, void (*fn)(struct vcpu *, void *),
                    void *arg);
/* Memory accesses by vCPU i (its own APIC page). */
uint32_t harness_cpu_read(struct harness *h, unsigned i, gpa_t addr);
void harness_cpu_write(struct harness *h, unsigned i, gpa_t addr, uint32_t v);
/* Pending request bits of vCPU i. */
uint32_t harness_requests(struct harness *h, unsigned i);

/* Every width at every place of [base, base + len), reads and random writes, and then a
 * random walk of `steps`: nothing may crash. `io`: ports. */
void harness_torture(struct harness *h, bool io, gpa_t base, uint64_t len,
                     unsigned steps);
uint32_t harness_random(void);

#endif
