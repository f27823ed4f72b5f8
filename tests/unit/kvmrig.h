/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmrig.h - a small machine on the fake KVM (kvmfake.h). Include in one file of a program
 * only.
 */
#ifndef LODGE_TESTS_KVMRIG_H
#define LODGE_TESTS_KVMRIG_H

#include <string.h>
#include <unistd.h>

#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/cpu/x86.h"
#include "core/loop.h"
#include "core/vm.h"
#include "kvm/kvm.h"
#include "kvmfake.h"
#include "unit.h"

static struct err last;

/* ---- a machine: some RAM, a port, vCPUs ---- */

struct rig {
	struct vm *vm;
	struct mr ram, port;
	struct ram_block *block;
	_Atomic uint64_t port_reads, port_writes;
	unsigned stops, resets;
	struct vm_listener l;
};

/* Adds what the address space holds before there is RAM. */
static void (*rig_early)(struct rig *g);

static uint64_t rig_read(void *opaque, uint64_t off, unsigned size)
{
	struct rig *g = opaque;

	(void)size;
	atomic_fetch_add(&g->port_reads, 1);
	return 0x40 + off;
}

static void rig_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct rig *g = opaque;

	(void)off, (void)val, (void)size;
	atomic_fetch_add(&g->port_writes, 1);
}

static const struct mr_ops rig_ops = {
	.read = rig_read, .write = rig_write, .min = 1, .max = 4
};

static void rig_event(struct vm_listener *l, enum vm_event ev, int arg)
{
	struct rig *g = container_of(l, struct rig, l);

	(void)arg;
	g->stops += ev == VM_EV_STOP;
	g->resets += ev == VM_EV_RESET;
}

static inline int rig_build(struct rig *g, unsigned vcpus, gpa_t ram_at)
{
	struct ram_config cfg = { .size = 1 << 20 };
	struct opt *o = opt_new_dict();
	int r;

	last = (struct err)ERR_INIT;
	memset(g, 0, sizeof(*g));
	role_adopt_main();
	opt_put_str(o, "fallback", "off");
	opt_put_str(o, "kernel-irqchip", "off");
	r = kvm_hv_ops.probe(&last);
	if (r < 0) {
		return r;
	}
	g->vm = vm_new(&x86_guest_arch, &kvm_hv_ops);
	g->vm->loop = loop_new(LOOP_AUTO, &last);
	g->l.fn = rig_event;
	vm_add_listener(g->vm, &g->l);
	r = kvm_hv_ops.vm_init(g->vm, o, &last);
	opt_free(o);
	if (r >= 0 && rig_early) {
		rig_early(g);
	}
	g->block = ram_block_new("ram", &cfg, &last);
	mr_init_ram(&g->ram, "ram", g->block);
	mr_init_io(&g->port, "port", 16, &rig_ops, g, NULL);
	mr_add(&g->vm->mem_root, ram_at, &g->ram, 0);
	mr_add(&g->vm->io_root, 0x100, &g->port, 0);
	for (unsigned i = 0; r >= 0 && i < vcpus; i++) {
		struct vcpu *c;

		r = vm_add_vcpu(g->vm, &c, &last);
		r = r < 0 ? r : x86_guest_arch.set_model(c, NULL, &last);
	}
	g->vm->max_vcpus = vcpus;
	return r < 0 ? r : vm_start_vcpus(g->vm, &last);
}

/* Power-on; no vCPU waits for a STARTUP that nobody will send. */
static inline void rig_reset(struct rig *g, enum vm_cause why)
{
	vm_reset(g->vm, why);
	for (unsigned i = 0; i < g->vm->n_vcpus; i++) {
		((struct x86_cpu *)g->vm->vcpus[i]->arch)->wait_sipi = false;
		g->vm->vcpus[i]->halted = false;
	}
}

static inline void rig_free(struct rig *g)
{
	struct loop *l = g->vm->loop;

	vm_free(g->vm);
	loop_free(l);
}

static inline bool rig_wait(struct rig *g, enum run_state s)
{
	return unit_wait_turning(g->vm->loop, g->vm->state == s);
}

#endif
