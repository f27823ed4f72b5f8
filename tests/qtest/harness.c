/* SPDX-License-Identifier: GPL-2.0-or-later */
/* harness.c - see harness.h. */
#include "config.h"

#include "tests/qtest/harness.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/cpu/x86.h"
#include "core/loop.h"
#include "devices/irqchip/irqchip-x86.h"

static uint32_t harness_seed = 12345;

uint32_t harness_random(void)
{
	harness_seed ^= harness_seed << 13;
	harness_seed ^= harness_seed >> 17;
	harness_seed ^= harness_seed << 5;
	return harness_seed;
}

static void harness_die(const char *what, const struct err *e)
{
	fprintf(stderr, "harness: %s: %s\n", what, e->text);
	exit(99);
}

static enum vcpu_exit harness_run(struct vcpu *c)
{
	(void)c;
	return VCPU_EXIT_HALT;
}

static const struct hv_ops harness_hv = { .name = "test",
	                                  .vcpu = { .run = harness_run } };

static bool harness_never(struct vcpu *c)
{
	(void)c;
	return false;
}

static const struct guest_arch harness_arch = {
	.name = "x86-test",
	.state_size = sizeof(struct x86_cpu),
	.has_work = harness_never,
};

static void harness_line(void *arg, unsigned n, int level)
{
	struct harness *h = arg;

	h->rises[n] += level && !h->level[n];
	h->level[n] = level;
}

static void harness_msi(void *arg, const struct msi_msg *m)
{
	struct harness *h = arg;

	if (h->n_msi < 16) {
		h->msi[h->n_msi] = *m;
	}
	h->n_msi++;
}

static const struct msi_ops harness_msi_ops = { .send = harness_msi };

static void harness_add_cpus(struct harness *h, unsigned cpus)
{
	struct irqchip_x86_cfg cfg = { .pic = true,
		                       .ioapics = 1,
		                       .control_loop = true };
	struct err e = ERR_INIT;
	struct vcpu *v;

	h->vm->max_vcpus = cpus;
	for (unsigned i = 0; i < cpus; i++) {
		if (vm_add_vcpu(h->vm, &v, &e) < 0) {
			harness_die("vCPU", &e);
		}
		harness_cpu(h, i)->apic_id = i;
		harness_cpu(h, i)->vcpu = v;
		harness_cpu(h, i)->tsc_khz = 1000000;
	}
	h->chip = irqchip_x86_create(h->vm, &cfg, &e);
	if (!h->chip || vm_start_vcpus(h->vm, &e) < 0) {
		harness_die("interrupt controllers", &e);
	}
}

struct harness *harness_new(unsigned cpus)
{
	struct harness *h = calloc(1, sizeof(*h));
	struct ram_config rc = { .size = HARNESS_RAM };
	struct err e = ERR_INIT;

	clock_set_virtual();
	clock_vm_enable(true);
	h->vm = vm_new(&harness_arch, &harness_hv);
	h->vm->loop = loop_new(LOOP_EPOLL, &e);
	h->ram = ram_block_new("test", &rc, &e);
	if (!h->vm->loop || !h->ram) {
		harness_die("set-up", &e);
	}
	mr_init_ram(&h->ram_mr, "ram", h->ram);
	mr_add(&h->vm->mem_root, 0, &h->ram_mr, 0);
	for (unsigned i = 0; i < HARNESS_LINES; i++) {
		h->line[i] = (struct irq){ harness_line, h, i };
	}
	h->vm->msi = (struct msi_sink){ &harness_msi_ops, h };
	if (cpus) {
		harness_add_cpus(h, cpus);
	}
	return h;
}

/* Each test is a process of its own: what is left goes with it. */
void harness_free(struct harness *h)
{
	(void)h;
}

uint8_t harness_inb(struct harness *h, unsigned port)
{
	return (uint8_t)aspace_read(&h->vm->io, port, 1);
}

uint16_t harness_inw(struct harness *h, unsigned port)
{
	return (uint16_t)aspace_read(&h->vm->io, port, 2);
}

uint32_t harness_inl(struct harness *h, unsigned port)
{
	return (uint32_t)aspace_read(&h->vm->io, port, 4);
}

void harness_outb(struct harness *h, unsigned port, uint8_t v)
{
	aspace_write(&h->vm->io, port, v, 1);
}

void harness_outw(struct harness *h, unsigned port, uint16_t v)
{
	aspace_write(&h->vm->io, port, v, 2);
}

void harness_outl(struct harness *h, unsigned port, uint32_t v)
{
	aspace_write(&h->vm->io, port, v, 4);
}

uint64_t harness_read(struct harness *h, gpa_t addr, unsigned size)
{
	return aspace_read(&h->vm->mem, addr, size);
}

void harness_write(struct harness *h, gpa_t addr, uint64_t v, unsigned size)
{
	aspace_write(&h->vm->mem, addr, v, size);
}

void harness_step(uint64_t ns)
{
	clock_step(clock_ns(CLOCK_VM) + ns);
}

void harness_settle(struct harness *h)
{
	for (unsigned i = 0; i < 1000 && loop_turn(h->vm->loop, false); i++) {
	}
}

struct x86_cpu *harness_cpu(struct harness *h, unsigned i)
{
	return h->vm->vcpus[i]->arch;
}

void harness_on_cpu(struct harness *h, unsigned i, void (*fn)(struct vcpu *, void *),
                    void *arg)
{
	vcpu_run_on_sync(h->vm->vcpus[i], fn, arg);
}

struct harness_access {
	gpa_t addr;
	uint32_t val;
	bool write;
};

static void harness_do_access(struct vcpu *c, void *arg)
{
	struct harness_access *a = arg;

	if (a->write) {
		aspace_write(&c->vm->mem, a->addr, a->val, 4);
	} else {
		a->val = (uint32_t)aspace_read(&c->vm->mem, a->addr, 4);
	}
}

uint32_t harness_cpu_read(struct harness *h, unsigned i, gpa_t addr)
{
	struct harness_access a = { addr, 0, false };

	harness_on_cpu(h, i, harness_do_access, &a);
	return a.val;
}

void harness_cpu_write(struct harness *h, unsigned i, gpa_t addr, uint32_t v)
{
	struct harness_access a = { addr, v, true };

	harness_on_cpu(h, i, harness_do_access, &a);
}

uint32_t harness_requests(struct harness *h, unsigned i)
{
	return atomic_load(&h->vm->vcpus[i]->requests);
}

static void harness_poke(struct aspace *as, gpa_t addr, unsigned size)
{
	if (harness_random() & 1) {
		(void)aspace_read(as, addr, size);
	} else {
		uint64_t v = harness_random() | (uint64_t)harness_random() << 32;

		/* All zeros, all ones and small numbers more often than by chance. */
		switch (harness_random() & 7) {
		case 0: v = 0; break;
		case 1: v = UINT64_MAX; break;
		case 2: v &= 0xff; break;
		}
		aspace_write(as, addr, v, size);
	}
}

void harness_torture(struct harness *h, bool io, gpa_t base, uint64_t len,
                     unsigned steps)
{
	struct aspace *as = io ? &h->vm->io : &h->vm->mem;

	for (uint64_t off = 0; off < len && off < 0x1000; off++) {
		for (unsigned size = 1; size <= (io ? 4 : 8); size *= 2) {
			harness_poke(as, base + off, size);
		}
	}
	for (unsigned i = 0; i < steps; i++) {
		harness_poke(as, base + harness_random() % len,
		             1u << harness_random() % (io ? 3 : 4));
		if (i % 64 == 0) {
			harness_step(harness_random() % 10000000);
		}
	}
}
