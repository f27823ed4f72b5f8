/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.h - an interrupt line is a function and its argument; a device never
 * knows what is behind it. Message-signalled interrupts are a route object.
 *
 * irq_set may be called from any thread, with the device's lock held; sinks
 * rank above devices (lock-rank.h). KVM attaches an irqfd beneath by means of
 * irq_bind_fd / msi_route ops; devices do not notice.
 */
#ifndef LODGE_CORE_IRQ_H
#define LODGE_CORE_IRQ_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef void irq_fn(void *arg, unsigned n, int level);

struct irq {
	irq_fn *fn;
	void *arg;
	unsigned n;
};

static inline void irq_set(const struct irq *i, int level)
{
	if (i && i->fn) {
		i->fn(i->arg, i->n, level);
	}
}
static inline void irq_raise(const struct irq *i)
{
	irq_set(i, 1);
}
static inline void irq_lower(const struct irq *i)
{
	irq_set(i, 0);
}
static inline void irq_pulse(const struct irq *i)
{
	irq_set(i, 1);
	irq_set(i, 0);
}

/*
 * The line of a device that does not hold a lock over irq_set(): it is to be high while
 * *cond is not 0. Whoever changes *cond calls this afterwards and says what to. Drivers may
 * take the line for an edge: each change to 0 makes it fall, each to another value rise at or
 * after the change. Who has set the line looks at *cond again, so the last one is right.
 */
static inline void irq_follow(const struct irq *i, bool on, const _Atomic uint8_t *cond)
{
	irq_set(i, on);
	while ((*cond != 0) != on) {
		on = !on;
		irq_set(i, on);
	}
}

struct msi_msg {
	uint64_t addr;
	uint32_t data;
	uint32_t devid; /* requester id, for ITS-like controllers */
};

/* The board's interrupt controller registers one; NULL members are not offered. */
struct msi_ops {
	void (*send)(void *arg, const struct msi_msg *m);
	/* Optional (KVM): a persistent route with an eventfd beneath. */
	int (*route_add)(void *arg, const struct msi_msg *m, int eventfd);
	void (*route_update)(void *arg, int route, const struct msi_msg *m);
	void (*route_del)(void *arg, int route);
	/* Optional: whether a route's eventfd is read by the hypervisor itself now. */
	bool (*route_direct)(void *arg);
};

struct msi_sink {
	const struct msi_ops *ops;
	void *arg;
};

static inline void msi_send(const struct msi_sink *s, const struct msi_msg *m)
{
	if (s && s->ops) {
		s->ops->send(s->arg, m);
	}
}

#endif
