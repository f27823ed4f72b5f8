/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqchip-mux.c - who gets lines and messages, the user-space controllers or those of the
 * accelerator, and how the state goes from one to the other.
 *
 * Nothing is lost or invented by a move:
 * - Lines and messages pass a gate (read side), which a move closes (write side). The levels of
 *   lines are known here and are part of what is handed over. Only changes are passed on.
 * - Eventfds that are bound in the hypervisor are unbound first and bound last: they
 *   keep count.
 * - vCPUs are outside, so nobody writes registers, acknowledges or ends interrupts.
 * - Timers: what is due at ours is in IRR before the state is read (lapic_chip_get);
 *   the PIT leaves its old place first and comes to its new place last.
 *
 * Telling a chip may be a system call, whose thread is likely to be preempted in it by the vCPU
 * that it wakes. So nobody waits for it: one thread at a time tells the chips of a line's
 * changes, in their order, and holds no lock while it does; who changes the line meanwhile
 * leaves that to it and goes on. What that costs: a level may be seen a moment too long (a
 * level-triggered interrupt comes once for nothing if its EOI is in that moment). A fall
 * and a rise that come together are both passed on, in their order, so no edge is lost. Each line's lock
 * is held for a few instructions only. Who asks for the level that is there does not even
 * take that: whoever takes it away later does so after the asker did what it announces.
 *
 * Threads: lines and messages any; moves: the control thread, or a vCPU's in vm_exclusive.
 * Known gaps: a second IOAPIC stays in user space and needs local APICs there too.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "core/cpu/x86-chips.h"
#include "core/lock-stat.h"
#include "devices/irqchip/ioapic.h"
#include "devices/irqchip/irqchip-priv.h"
#include "devices/irqchip/pic.h"

static struct irqchip_priv *irqchip_of(struct vm *vm)
{
	return container_of(vm->chips, struct irqchip_priv, pub);
}

/* ---- the gate ---- */

void irqchip_enter(struct irqchip_priv *p)
{
	uint64_t since;

	if (likely(pthread_rwlock_tryrdlock(&p->gate) == 0)) {
		return;
	}
	since = lock_stat_now();
	pthread_rwlock_rdlock(&p->gate);
	lock_stat_waited("(interrupt controllers move)", since);
}

void irqchip_leave(struct irqchip_priv *p)
{
	pthread_rwlock_unlock(&p->gate);
}

/* ---- lines ---- */

static unsigned irqchip_pin(unsigned gsi)
{
	return gsi ? gsi : 2; /* the MADT's override */
}

static bool irqchip_has_pin(const struct irqchip_priv *p, unsigned gsi)
{
	/* 2 is the cascade; its pin is line 0's. */
	return gsi < IRQCHIP_IOAPIC_PINS && gsi != 2 && p->pub.ioapic[0];
}

static bool irqchip_has_input(const struct irqchip_priv *p, unsigned gsi)
{
	return gsi < IRQCHIP_PIC_LINES && p->pub.pic;
}

/* Both chips are the hypervisor's: one call for both where it is the same level. */
static void irqchip_drive_hv(struct irqchip_priv *p, unsigned gsi, bool pin, bool input,
                             bool pin_level, bool input_level)
{
	struct vm *vm = p->pub.vm;
	bool both = pin && input && pin_level == input_level;

	if (both) {
		vm->hv->irq.set_gsi(vm, gsi, pin_level);
		return;
	}
	if (pin) {
		vm->hv->irq.set_gsi(vm,
		                    gsi < IRQCHIP_PIC_LINES ? HV_GSI_IOAPIC + gsi : gsi,
		                    pin_level);
	}
	if (input) {
		vm->hv->irq.set_gsi(vm, HV_GSI_PIC + gsi, input_level);
	}
}

/* Told: the levels to come; each only where it is another than before. */
static void irqchip_drive(struct irqchip_priv *p, unsigned gsi,
                          const struct irqchip_line *was, bool level, bool in)
{
	struct irqchip_x86 *c = &p->pub;
	bool pin = irqchip_has_pin(p, gsi) && level != was->pin.level;
	bool input = irqchip_has_input(p, gsi) && in != was->input.level;

	if (p->in_hv & X86_CHIP_IOAPIC && gsi < IRQCHIP_IOAPIC_PINS) {
		irqchip_drive_hv(p, gsi, pin, input, level, in);
		return;
	}
	if (input) {
		pic_set_line(c->pic, gsi, in);
	}
	if (pin) {
		ioapic_set_line(c->ioapic[0], irqchip_pin(gsi), level);
	} else if (gsi >= IRQCHIP_IOAPIC_PINS && c->ioapic[1] &&
	           level != was->pin.level) {
		ioapic_set_line(c->ioapic[1], gsi - IRQCHIP_IOAPIC_PINS, level);
	}
}

static bool irqchip_pin_level(const struct irqchip_priv *p, unsigned n)
{
	return (p->gsi_level | p->fd_level) >> n & 1;
}

static bool irqchip_input_level(const struct irqchip_priv *p, unsigned n)
{
	return irqchip_pin_level(p, n) ||
	       (n < IRQCHIP_PIC_LINES && (p->pic_level >> n & 1));
}

/* The next level to tell, of one that is `now`: what happened meanwhile comes first. A
 * chip that knows 1 has to hear of a fall before a rise, and the other way round. */
static void irqchip_end_step(struct irqchip_end *e, bool now)
{
	if (e->level) {
		e->level = now && !e->fell;
		e->fell = false;
	} else {
		e->level = now || e->rose;
		e->rose = false;
	}
}

static void irqchip_end_changed(struct irqchip_end *e, bool was, bool now)
{
	e->rose |= now && !was;
	e->fell |= was && !now;
}

/* Tells the chips until they know all; the lock is free meanwhile. */
static void irqchip_tell_locked(struct irqchip_priv *p, unsigned n)
{
	struct irqchip_line *l = &p->line[n];

	l->busy = true;
	for (;;) {
		struct irqchip_line was = *l;

		irqchip_end_step(&l->pin, irqchip_pin_level(p, n));
		irqchip_end_step(&l->input, irqchip_input_level(p, n));
		if (l->pin.level == was.pin.level &&
		    l->input.level == was.input.level) {
			break;
		}
		lk_release(&l->lk);
		irqchip_drive(p, n, &was, l->pin.level, l->input.level);
		lk_acquire(&l->lk);
	}
	l->busy = false;
}

/* Inside the gate. */
static void irqchip_change(struct irqchip_priv *p, _Atomic uint64_t *map, unsigned n,
                           bool on)
{
	struct irqchip_line *l = &p->line[n];
	bool pin, input;

	LOCK_SCOPE(&l->lk);
	pin = irqchip_pin_level(p, n);
	input = irqchip_input_level(p, n);
	atomic_put_bits(map, BIT64(n), on);
	irqchip_end_changed(&l->pin, pin, irqchip_pin_level(p, n));
	irqchip_end_changed(&l->input, input, irqchip_input_level(p, n));
	if (!l->busy) {
		irqchip_tell_locked(p, n);
	}
}

static void irqchip_line(struct irqchip_priv *p, _Atomic uint64_t *map, unsigned n,
                         bool on)
{
	if ((atomic_load(map) >> n & 1) == on) {
		return;
	}
	irqchip_enter(p);
	irqchip_change(p, map, n, on);
	irqchip_leave(p);
}

static struct irqchip_priv *irqchip_of_line(void *arg)
{
	return container_of((struct irqchip_x86 *)arg, struct irqchip_priv, pub);
}

void irqchip_gsi(void *arg, unsigned n, int level)
{
	struct irqchip_priv *p = irqchip_of_line(arg);

	irqchip_line(p, &p->gsi_level, n, level != 0);
}

void irqchip_pic_line(void *arg, unsigned n, int level)
{
	struct irqchip_priv *p = irqchip_of_line(arg);

	irqchip_line(p, &p->pic_level, n, level != 0);
}

void irqchip_set_fd_level(struct irqchip_priv *p, unsigned gsi, bool level)
{
	irqchip_change(p, &p->fd_level, gsi, level);
}

/* The level of the PIT's output, known to both sides without an edge. */
static void irqchip_gsi_quiet(void *arg, unsigned n, int level)
{
	struct irqchip_priv *p = irqchip_of_line(arg);

	LOCK_SCOPE(&p->line[n].lk);
	atomic_put_bits(&p->gsi_level, BIT64(n), level);
	p->line[n].pin = (struct irqchip_end){ irqchip_pin_level(p, n), false, false };
	p->line[n].input =
		(struct irqchip_end){ irqchip_input_level(p, n), false, false };
}

static uint32_t irqchip_ioapic_lines(const struct irqchip_priv *p)
{
	uint32_t gsi = (uint32_t)(p->gsi_level | p->fd_level) & 0xffffff;

	return (gsi & ~(uint32_t)(BIT(0) | BIT(2))) | (gsi & BIT(0)) << 2;
}

static uint16_t irqchip_pic_lines(const struct irqchip_priv *p)
{
	return (uint16_t)(p->gsi_level | p->fd_level | p->pic_level) &
	       (uint16_t)~BIT(2);
}

/* ---- messages ---- */

static void irqchip_send(void *arg, const struct msi_msg *m)
{
	struct irqchip_priv *p = arg;

	irqchip_enter(p);
	if (atomic_load_explicit(&p->set.away, memory_order_relaxed)) {
		p->pub.vm->hv_chips->msi->send(p->pub.vm, m);
	} else {
		lapic_msi_ops.send(&p->set, m);
	}
	irqchip_leave(p);
}

static bool irqchip_route_direct(void *arg)
{
	struct irqchip_priv *p = arg;

	return atomic_load_explicit(&p->set.away, memory_order_relaxed);
}

static const struct msi_ops irqchip_msi_ops = {
	.send = irqchip_send,
	.route_direct = irqchip_route_direct,
	.route_add = irqchip_route_add,
	.route_update = irqchip_route_update,
	.route_del = irqchip_route_del,
};

/* ---- from the accelerator ---- */

static int irqchip_ext_ack(struct vm *vm)
{
	struct irqchip_priv *p = irqchip_of(vm);

	return p->pub.pic ? pic_ack(p->pub.pic) : -1;
}

static int irqchip_set_ext_ack(void *arg)
{
	struct irqchip_priv *p = arg;

	return p->pub.pic ? pic_ack(p->pub.pic) : -1;
}

static void irqchip_eoi(void *arg, uint8_t vector)
{
	struct irqchip_priv *p = arg;
	uint64_t fds = 0;

	/* A resampled line falls before the IOAPIC looks at it again. */
	if (p->n_fds && p->pub.ioapic[0]) {
		fds = irqchip_fds_eoi(p, ioapic_in_service(p->pub.ioapic[0], vector));
	}
	for (unsigned i = 0; i < ARRAY_LEN(p->pub.ioapic); i++) {
		if (p->pub.ioapic[i]) {
			ioapic_eoi(p->pub.ioapic[i], vector);
		}
	}
	if (fds) {
		irqchip_fds_tell(p, fds);
	}
}

static void irqchip_vm_eoi(struct vm *vm, uint8_t vector)
{
	irqchip_eoi(irqchip_of(vm), vector);
}

/* ---- moving ---- */

static void irqchip_close(struct irqchip_priv *p)
{
	pthread_rwlock_wrlock(&p->gate);
	lk_acquire(&p->lk);
}

static void irqchip_open(struct irqchip_priv *p)
{
	lk_release(&p->lk);
	irqchip_leave(p);
}

static struct x86_chips *irqchip_state_new(const struct irqchip_priv *p, struct err *e)
{
	struct x86_chips *s = calloc(1, sizeof(*s) + p->set.n * sizeof(s->lapic[0]));

	if (!s) {
		err_set(e, -ENOMEM,
		        "out of memory for the state of interrupt controllers");
	} else {
		s->n_lapics = p->set.n;
		s->has = p->pub.vm->hv_chips->has & ~(unsigned)X86_CHIP_PIT;
	}
	return s;
}

/* INIT and STARTUP that came to vCPUs whose state is in the structs. */
static void irqchip_startups(struct irqchip_priv *p)
{
	for (unsigned i = 0; i < p->set.n; i++) {
		struct lapic *a = p->set.all[i];
		struct vcpu *v = a->vcpu;
		uint32_t req = atomic_load(&v->requests);

		if (req & X86_REQ_INIT) {
			vcpu_clear_request(v, X86_REQ_INIT | X86_REQ_NMI | X86_REQ_SMI);
			x86_init_reset(a->cpu);
		}
		if (req & X86_REQ_SIPI) {
			vcpu_clear_request(v, X86_REQ_SIPI);
			if (a->cpu->wait_sipi) {
				x86_startup(a->cpu, a->sipi_vector);
			}
		}
	}
}

/* Also after a failed attempt to give the state away: then it is what left a moment ago. */
static void irqchip_take_locked(struct irqchip_priv *p, const struct x86_chips *s)
{
	struct irqchip_x86 *c = &p->pub;
	bool intr;

	p->in_hv &= ~s->has;
	if (s->has & X86_CHIP_PIC && c->pic) {
		intr = pic_chip_set(c->pic, s->pic, irqchip_pic_lines(p));
		if (p->set.n) {
			lapic_acquire(p->set.all[0]);
			p->set.all[0]->lint0 = intr; /* no edge */
			lapic_release(p->set.all[0]);
		}
	}
	if (s->has & X86_CHIP_IOAPIC && c->ioapic[0]) {
		ioapic_chip_set(c->ioapic[0], &s->ioapic, irqchip_ioapic_lines(p));
	}
	atomic_store(&p->set.away, false);
	for (unsigned i = 0; i < p->set.n; i++) {
		lapic_chip_set(p->set.all[i], &s->lapic[i]);
	}
	if (c->ioapic[0]) {
		ioapic_chip_go(c->ioapic[0]);
	}
}

static void irqchip_collect_locked(struct irqchip_priv *p, struct x86_chips *s)
{
	struct irqchip_x86 *c = &p->pub;

	for (unsigned i = 0; i < p->set.n; i++) {
		lapic_chip_get(p->set.all[i], &s->lapic[i]);
	}
	if (s->has & X86_CHIP_IOAPIC && c->ioapic[0]) {
		ioapic_chip_get(c->ioapic[0], &s->ioapic);
	}
	for (unsigned i = 0; i < 2; i++) { /* a board without one: all masked */
		s->pic[i] = (struct x86_chip_pic){ .imr = 0xff, .lowest = 7 };
	}
	if (s->has & X86_CHIP_PIC && c->pic) {
		pic_chip_get(c->pic, s->pic);
	}
	s->ioapic_lines = c->ioapic[0] ? irqchip_ioapic_lines(p) : 0;
	s->pic_lines = c->pic ? irqchip_pic_lines(p) : 0;
}

/* Ours have been read: from now on they are silent. */
static void irqchip_silence_locked(struct irqchip_priv *p, unsigned has)
{
	p->in_hv |= has;
	atomic_store(&p->set.away, true);
	for (unsigned i = 0; i < p->set.n; i++) {
		struct lapic *a = p->set.all[i];

		LAPIC_SCOPE(a);
		if (has & X86_CHIP_PIC) {
			a->lint0 = false;
		}
		lapic_update_locked(a);
	}
}

static int irqchip_give_locked(struct irqchip_priv *p, struct x86_chips *s,
                               struct err *e)
{
	struct vm *vm = p->pub.vm;
	int r;

	irqchip_collect_locked(p, s);
	r = vm->hv_chips->set(vm, s, e);
	if (r < 0) {
		irqchip_take_locked(p, s);
		return r;
	}
	irqchip_silence_locked(p, s->has);
	atomic_store(&vm->chips_in_hv, true);
	if (p->pub.ioapic[0] && !(s->has & X86_CHIP_IOAPIC)) {
		ioapic_chip_go(p->pub.ioapic[0]);
	}
	return 0;
}

static bool irqchip_moves_pit(const struct irqchip_priv *p)
{
	return p->pit && p->pub.vm->hv_chips->has & X86_CHIP_PIT;
}

static int irqchip_to_hv(struct irqchip_priv *p, struct err *e)
{
	static const struct irq none;
	struct vm *vm = p->pub.vm;
	struct x86_chips *s = irqchip_state_new(p, e);
	bool pit = irqchip_moves_pit(p);
	int r;

	if (!s) {
		return -ENOMEM;
	}
	if (pit) {
		p->pit_ops->get(p->pit, &s->pit);
	}
	irqchip_close(p);
	r = irqchip_give_locked(p, s, e);
	p->parked = false;
	irqchip_fds_bind_locked(p);
	irqchip_open(p);
	if (pit && r >= 0) {
		s->has = X86_CHIP_PIT;
		r = vm->hv_chips->set(vm, s, e);
		p->in_hv |= r >= 0 ? X86_CHIP_PIT : 0;
	}
	if (pit && r < 0) {
		p->pit_ops->set(p->pit, &s->pit, &none);
	}
	free(s);
	return r;
}

static int irqchip_to_user(struct irqchip_priv *p, struct err *e)
{
	const struct irq quiet = { irqchip_gsi_quiet, &p->pub, 0 };
	struct vm *vm = p->pub.vm;
	struct x86_chips *s = irqchip_state_new(p, e);
	unsigned has;
	int r = 0;

	if (!s) {
		return -ENOMEM;
	}
	if (p->in_hv & X86_CHIP_PIT) {
		has = s->has;
		s->has = X86_CHIP_PIT;
		r = vm->hv_chips->get(vm, s, e);
		s->has = has;
		if (r < 0) {
			free(s);
			return r;
		}
		p->in_hv &= ~(unsigned)X86_CHIP_PIT;
		p->pit_ops->set(p->pit, &s->pit, &quiet);
	}
	irqchip_close(p);
	irqchip_fds_unbind_locked(p);
	r = vm->hv_chips->get(vm, s, e);
	if (r >= 0) {
		irqchip_take_locked(p, s);
		atomic_store(&vm->chips_in_hv, false);
	}
	irqchip_fds_bind_locked(p);
	irqchip_open(p);
	free(s);
	return r;
}

static int irqchip_move(struct irqchip_priv *p, bool to_hv, struct err *e)
{
	struct vm *vm = p->pub.vm;

	if (!vm->hv_chips || atomic_load(&vm->chips_in_hv) == to_hv) {
		return 0;
	}
	return to_hv ? irqchip_to_hv(p, e) : irqchip_to_user(p, e);
}

int irqchip_x86_move(struct irqchip_x86 *c, bool to_hv, struct err *e)
{
	struct irqchip_priv *p = container_of(c, struct irqchip_priv, pub);
	int r;

	if (to_hv && c->vm->hv_chips && !atomic_load(&c->vm->chips_in_hv)) {
		irqchip_startups(p);
	}
	/* While the VM does not run the state stays here, where it is saved and loaded. */
	r = to_hv && !vm_is_running(c->vm) ? 0 : irqchip_move(p, to_hv, e);
	if (r >= 0) {
		p->want_hv = to_hv;
	}
	return r;
}

static int irqchip_vm_move(struct vm *vm, bool to_hv, struct err *e)
{
	return irqchip_x86_move(vm->chips, to_hv, e);
}

/* ---- reset: ours are reset, then given away again ---- */

/* What the hypervisor has is forgotten. */
static void irqchip_drop(struct irqchip_priv *p)
{
	struct vm *vm = p->pub.vm;
	struct err e = ERR_INIT;
	struct x86_chips *s;

	if (p->in_hv & X86_CHIP_PIT) { /* stop its timer */
		s = irqchip_state_new(p, &e);
		if (s) {
			s->has = X86_CHIP_PIT;
			(void)vm->hv_chips->get(vm, s, &e);
			free(s);
		}
		p->pit_ops->come_back(p->pit);
	}
	irqchip_close(p);
	irqchip_fds_unbind_locked(p);
	p->parked = true;
	p->in_hv = 0;
	atomic_store(&p->set.away, false);
	atomic_store(&vm->chips_in_hv, false);
	for (unsigned i = 0; i < p->set.n; i++) {
		lapic_come_back(p->set.all[i]);
	}
	irqchip_open(p);
}

static void irqchip_want(struct irqchip_priv *p, const char *when)
{
	struct err e = ERR_INIT;

	if (p->want_hv && irqchip_move(p, true, &e) < 0) {
		log_error("%s: %s", when, e.text);
		vm_request_stop(p->pub.vm, RUN_INTERNAL_ERROR);
	}
}

static void irqchip_vm_reset(struct vm *vm, bool done)
{
	struct irqchip_priv *p = irqchip_of(vm);

	if (!vm->hv_chips) {
		return;
	}
	if (!done) {
		if (atomic_load(&vm->chips_in_hv)) {
			irqchip_drop(p);
		}
		return;
	}
	if (vm_is_running(vm)) {
		irqchip_want(p, "reset");
	}
	irqchip_fds_enter(p);
	if (p->parked) { /* not yet, or it did not work out */
		p->parked = false;
		irqchip_fds_bind_locked(p);
	}
	irqchip_fds_leave(p);
}

/* A stopped VM has its state here, where it can be saved, and its timers stand still. */
static void irqchip_vm_event(struct vm_listener *l, enum vm_event ev, int arg __unused)
{
	struct irqchip_priv *p = container_of(l, struct irqchip_priv, listener);
	struct err e = ERR_INIT;

	if (ev == VM_EV_STOP && irqchip_move(p, false, &e) < 0) {
		log_error("stop: %s", e.text);
	} else if (ev == VM_EV_RESUME) {
		irqchip_want(p, "resume");
	}
}

/* ---- life ---- */

void irqchip_x86_add_pit(struct irqchip_x86 *c, const struct x86_pit_ops *ops,
                         void *pit)
{
	struct irqchip_priv *p = container_of(c, struct irqchip_priv, pub);

	p->pit_ops = ops;
	p->pit = pit;
}

int irqchip_mux_init(struct irqchip_priv *p, struct err *e)
{
	struct vm *vm = p->pub.vm;
	int r = vm->hv && vm->hv->irq.create_irqchip
	                ? vm->hv->irq.create_irqchip(vm, false, e)
	                : 1;

	if (r < 0) {
		return r;
	}
	lk_init(&p->lk, RANK_IRQ_MUX, "irq-fds");
	for (unsigned i = 0; i < ARRAY_LEN(p->line); i++) {
		lk_init(&p->line[i].lk, RANK_IRQ_LINE, "irq-line");
	}
	pthread_rwlock_init(&p->gate, NULL);
	p->set.ext_ack = irqchip_set_ext_ack;
	p->set.eoi = irqchip_eoi;
	p->set.ext_arg = p;
	p->want_hv = vm->hv_chips != NULL;
	vm->msi = (struct msi_sink){ &irqchip_msi_ops, p };
	vm->chips = &p->pub;
	vm->chips_move = irqchip_vm_move;
	vm->chips_reset = irqchip_vm_reset;
	vm->chips_ext_ack = irqchip_ext_ack;
	vm->chips_eoi = irqchip_vm_eoi;
	vm->chips_line_fd = irqchip_line_fd;
	if (vm->hv_chips) {
		p->listener.fn = irqchip_vm_event;
		vm_add_listener(vm, &p->listener);
	}
	return 0;
}

void irqchip_mux_fini(struct irqchip_priv *p)
{
	if (p->listener.fn) {
		vm_del_listener(p->pub.vm, &p->listener);
	}
	irqchip_fds_fini(p);
	pthread_rwlock_destroy(&p->gate);
	lk_fini(&p->lk);
}
