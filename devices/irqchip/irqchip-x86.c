/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqchip-x86.c - wires local APICs, IOAPICs and the PIC together.
 *
 * The APIC timers have a loop and thread of their own, so that an interrupt is not
 * late because the control loop works on something else. Under a virtual clock
 * (device tests) they are on the control loop.
 */
#include "config.h"

#include "devices/irqchip/irqchip-x86.h"

#include <errno.h>
#include <stdlib.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/vm.h"
#include "devices/irqchip/ioapic.h"
#include "devices/irqchip/irqchip-priv.h"
#include "devices/irqchip/pic.h"

enum { LAPIC_IDS = 4096 };

static void *irqchip_timer_thread(void *arg)
{
	loop_run(arg);
	return NULL;
}

static int irqchip_start_loop(struct irqchip_priv *p, bool own, struct err *e)
{
	int r;

	p->set.loop = p->pub.vm->loop;
	if (!own) {
		return 0;
	}
	p->set.loop = loop_new(LOOP_AUTO, e);
	if (!p->set.loop) {
		return -ENOMEM;
	}
	r = role_thread_start(&p->thread, ROLE_IOTHREAD, "apic-timer",
	                      irqchip_timer_thread, p->set.loop, e);
	if (r < 0) {
		loop_free(p->set.loop);
		p->set.loop = NULL;
		return r;
	}
	p->own_loop = true;
	return 0;
}

int irqchip_x86_add_vcpu(struct irqchip_x86 *c, struct vcpu *v, struct err *e)
{
	struct lapic_set *s = c->lapics;
	uint32_t id = ((struct x86_cpu *)v->arch)->apic_id;
	struct lapic *a;

	if (id > s->max_id || s->by_id[id] || s->n == s->cap) {
		return err_set(e, -EINVAL, "vCPU %u: APIC id %u is taken or above %u",
		               v->index, id, s->max_id);
	}
	a = lapic_create(s, v, e);
	if (!a) {
		return -ENOMEM;
	}
	if (atomic_load(&s->away)) { /* the accelerator's is as new, too */
		a->cpu->apic = NULL;
		a->cpu->apic_ops = NULL;
	}
	s->all[s->n] = a;
	atomic_fetch_add(&s->n, 1);
	atomic_store(&s->by_id[id], a);
	return 0;
}

static int irqchip_make_lapics(struct irqchip_priv *p, struct err *e)
{
	struct vm *vm = p->pub.vm;
	struct lapic_set *s = &p->set;
	int r;

	s->vm = vm;
	s->max_id = LAPIC_IDS - 1;
	s->cap = vm_vcpu_room(vm);
	s->by_id = calloc(LAPIC_IDS, sizeof(*s->by_id));
	s->all = calloc(s->cap ? s->cap : 1, sizeof(*s->all));
	if (!s->by_id || !s->all) {
		return err_set(e, -ENOMEM, "out of memory for local APICs");
	}
	mr_init_io(&s->mr, "lapic", 0x100000, &lapic_mmio_ops, s, NULL);
	mr_add(&vm->mem_root, IRQCHIP_LAPIC_BASE, &s->mr, 10);
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		r = irqchip_x86_add_vcpu(&p->pub, vm->vcpus[i], e);
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

static int irqchip_make_chips(struct irqchip_priv *p, const struct irqchip_x86_cfg *cfg,
                              struct err *e)
{
	static const uint64_t base[2] = { IRQCHIP_IOAPIC_BASE, IRQCHIP_IOAPIC2_BASE };
	struct irqchip_x86 *c = &p->pub;

	for (unsigned i = 0; i < cfg->ioapics && i < 2; i++) {
		c->ioapic[i] = ioapic_create(c->vm, &p->set, base[i],
		                             (uint8_t)(cfg->ioapic_id + i), e);
		if (!c->ioapic[i]) {
			return -ENOMEM;
		}
		p->set.ioapic[i] = c->ioapic[i];
	}
	if (cfg->pic) {
		struct irq intr = { lapic_lint0, p->set.n ? p->set.all[0] : NULL, 0 };

		c->pic = pic_create(c->vm, &intr, e);
		if (!c->pic) {
			return -ENOMEM;
		}
	}
	return 0;
}

static void irqchip_make_lines(struct irqchip_x86 *c, unsigned ioapics)
{
	c->n_gsi = ioapics > 1 ? IRQCHIP_GSIS : IRQCHIP_IOAPIC_PINS;
	for (unsigned i = 0; i < c->n_gsi; i++) {
		c->gsi[i] = (struct irq){ irqchip_gsi, c, i };
	}
	for (unsigned i = 0; c->pic && i < IRQCHIP_PIC_LINES; i++) {
		c->pic_line[i] = (struct irq){ irqchip_pic_line, c, i };
	}
}

struct irqchip_x86 *irqchip_x86_create(struct vm *vm, const struct irqchip_x86_cfg *cfg,
                                       struct err *e)
{
	struct irqchip_priv *p = calloc(1, sizeof(*p));
	int r;

	if (!p) {
		err_set(e, -ENOMEM, "out of memory for interrupt controllers");
		return NULL;
	}
	p->pub.vm = vm;
	p->pub.lapics = &p->set;
	r = irqchip_mux_init(p, e);
	if (r >= 0 && vm->hv_chips && cfg->ioapics > 1) {
		r = err_set(e, -ENOTSUP,
		            "not supported: a second IOAPIC with interrupt controllers "
		            "of the hypervisor: use -accel kvm,kernel-irqchip=off");
	}
	if (r < 0 || irqchip_start_loop(p, !cfg->control_loop, e) < 0 ||
	    irqchip_make_lapics(p, e) < 0 || irqchip_make_chips(p, cfg, e) < 0) {
		/* The VM can't be built; its devices go with it. */
		return NULL;
	}
	irqchip_make_lines(&p->pub, cfg->ioapics);
	return &p->pub;
}

/* After the VM's devices are gone (they hold the lines and the timers). */
void irqchip_x86_free(struct irqchip_x86 *c)
{
	struct irqchip_priv *p;

	if (!c) {
		return;
	}
	p = container_of(c, struct irqchip_priv, pub);
	if (p->set.mr.in_tree) {
		mr_del(&p->set.mr);
	}
	if (p->own_loop) {
		loop_stop(p->set.loop);
		role_thread_join(&p->thread);
		loop_free(p->set.loop);
	}
	irqchip_mux_fini(p);
	free(p->set.by_id);
	free(p->set.all);
	free(p);
}

void irqchip_x86_nmi(struct irqchip_x86 *c)
{
	struct vcpu *v;

	if (atomic_load(&c->lapics->away)) { /* their LINT1 is out of reach */
		vm_for_each_vcpu (c->vm, v) {
			vcpu_request(v, X86_REQ_NMI);
		}
		return;
	}
	for (unsigned i = 0; i < c->lapics->n; i++) {
		if (atomic_load(&c->lapics->all[i]->vcpu->present)) {
			lapic_nmi_button(c->lapics->all[i]);
		}
	}
}
