/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irqchip-fd.c - eventfds that become interrupts: MSI routes (a vector of a device whose
 * other half is vhost, say) and lines with resampling.
 *
 * While the hypervisor has the local APICs the eventfd is bound there. Else a watch on
 * the APIC timers' loop reads it. Nothing is lost between the two: an eventfd that
 * nobody reads keeps count, and whoever is attached next sees it at once.
 *
 * Threads: any; inside the mux's gate and under p->lk, which the watch takes too, so that
 * who holds it knows that no interrupt is on its way. Watches come and go on their loop later.
 * Known gaps: resampling by the EOI of an IOAPIC only, not of a PIC; 64 resampled lines.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "core/cpu/x86-chips.h"
#include "core/loop.h"
#include "devices/irqchip/irqchip-priv.h"

enum { FD_ROUTES_MAX = 4096 };

void irqchip_fds_enter(struct irqchip_priv *p)
{
	irqchip_enter(p);
	lk_acquire(&p->lk);
}

void irqchip_fds_leave(struct irqchip_priv *p)
{
	lk_release(&p->lk);
	irqchip_leave(p);
}

static bool irqchip_fd_mine(const struct irqchip_fd *f)
{
	return f->used && !f->going && f->hv_route < 0;
}

/* ---- our own watch ---- */

static void irqchip_fd_fire(struct irqchip_fd *f)
{
	struct irqchip_priv *p = f->p;

	if (!f->line) {
		if (p->in_hv & X86_CHIP_LAPIC) { /* it had no room for the route */
			p->pub.vm->hv_chips->msi->send(p->pub.vm, &f->m);
		} else {
			lapic_msi_ops.send(&p->set, &f->m);
		}
		return;
	}
	irqchip_set_fd_level(p, f->gsi, true);
	f->level = f->resample >= 0;
	if (!f->level) {
		irqchip_set_fd_level(p, f->gsi, false);
	}
}

static void irqchip_fd_ready(void *opaque, int fd, unsigned revents __unused)
{
	struct irqchip_fd *f = opaque;
	struct pollfd pf = { .fd = fd, .events = POLLIN };
	uint64_t n;

	irqchip_fds_enter(f->p);
	/* The hypervisor may have taken the count meanwhile; the eventfd may block. */
	if (irqchip_fd_mine(f) && !f->p->parked && poll(&pf, 1, 0) == 1 &&
	    read(fd, &n, sizeof(n)) == sizeof(n)) {
		irqchip_fd_fire(f);
	}
	irqchip_fds_leave(f->p);
}

/* On the loop: the watch as it should be. */
static void irqchip_fd_sync(void *opaque)
{
	struct irqchip_fd *f = opaque;
	bool want;

	LOCK_SCOPE(&f->p->lk);
	want = irqchip_fd_mine(f);
	if (want && !f->watch) {
		f->watch = loop_watch_new(f->p->set.loop, f->fd, POLLIN,
		                          irqchip_fd_ready, f);
	} else if (!want && f->watch) {
		loop_watch_free(f->watch);
		f->watch = NULL;
	}
}

static void irqchip_fd_signal(int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) < 0) {
		log_d(LOG_UNIMP, "irqchip: an eventfd can't be signalled\n");
	}
}

/* ---- binding ---- */

static void irqchip_fd_bind(struct irqchip_fd *f)
{
	struct irqchip_priv *p = f->p;
	struct vm *vm = p->pub.vm;
	const struct hv_chips *hv = vm->hv_chips;

	if (!irqchip_fd_mine(f) || p->parked) {
		return;
	}
	if (!f->line && p->in_hv & X86_CHIP_LAPIC && hv->msi->route_add) {
		f->hv_route = hv->msi->route_add(vm, &f->m, f->fd);
	} else if (f->line && p->in_hv & X86_CHIP_IOAPIC && vm->hv->irq.irqfd) {
		f->hv_route =
			vm->hv->irq.irqfd(vm, f->fd, f->resample, f->gsi, true) < 0 ? -1
										    : 0;
		if (f->level &&
		    f->hv_route >= 0) { /* raised: by the hypervisor from now on */
			f->level = false;
			irqchip_set_fd_level(p, f->gsi, false);
			irqchip_fd_signal(f->fd);
		}
	}
	loop_post(p->set.loop, irqchip_fd_sync, f);
}

static void irqchip_fd_unbind(struct irqchip_fd *f)
{
	struct vm *vm = f->p->pub.vm;

	if (!f->used || f->hv_route < 0) {
		return;
	}
	if (f->line) {
		(void)vm->hv->irq.irqfd(vm, f->fd, f->resample, f->gsi, false);
		if (f->resample >=
		    0) { /* was it raised? Its owner raises it again then */
			irqchip_fd_signal(f->resample);
		}
	} else {
		vm->hv_chips->msi->route_del(vm, f->hv_route);
	}
	f->hv_route = -1;
}

void irqchip_fds_unbind_locked(struct irqchip_priv *p)
{
	for (unsigned i = 0; i < p->n_fds; i++) {
		irqchip_fd_unbind(p->fds[i]);
	}
}

void irqchip_fds_bind_locked(struct irqchip_priv *p)
{
	for (unsigned i = 0; i < p->n_fds; i++) {
		irqchip_fd_bind(p->fds[i]);
	}
}

/* ---- the table ---- */

static struct irqchip_fd *irqchip_fd_new_locked(struct irqchip_priv *p, int *index)
{
	struct irqchip_fd **all, *f;
	unsigned i = 0;

	while (i < p->n_fds && p->fds[i]->used) {
		i++;
	}
	if (i == FD_ROUTES_MAX) {
		return NULL;
	}
	if (i == p->n_fds) {
		all = reallocarray(p->fds, i + 1, sizeof(*all));
		f = calloc(1, sizeof(*f));
		if (all) {
			p->fds = all;
		}
		if (!all || !f) {
			free(f);
			return NULL;
		}
		p->fds[p->n_fds++] = f;
	}
	*index = (int)i;
	f = p->fds[i];
	*f = (struct irqchip_fd){
		.p = p, .used = true, .hv_route = -1, .resample = -1
	};
	return f;
}

/* Returns when the eventfd is nobody's any more: the caller may close it. */
static void irqchip_fd_del(struct irqchip_fd *f)
{
	struct irqchip_priv *p = f->p;

	irqchip_fds_enter(p);
	irqchip_fd_unbind(f);
	if (f->line && f->level) {
		irqchip_set_fd_level(p, f->gsi, false);
	}
	f->going = true;
	irqchip_fds_leave(p);
	loop_call(p->set.loop, irqchip_fd_sync, f);
	lk_acquire(&p->lk);
	f->used = f->going = false;
	lk_release(&p->lk);
}

int irqchip_route_add(void *arg, const struct msi_msg *m, int fd)
{
	struct irqchip_priv *p = arg;
	struct irqchip_fd *f;
	int i;

	irqchip_fds_enter(p);
	f = irqchip_fd_new_locked(p, &i);
	if (f) {
		f->fd = fd;
		f->m = *m;
		irqchip_fd_bind(f);
	}
	irqchip_fds_leave(p);
	return f ? i : -ENOSPC;
}

void irqchip_route_update(void *arg, int route, const struct msi_msg *m)
{
	struct irqchip_priv *p = arg;

	LOCK_SCOPE(&p->lk);
	if (route >= 0 && (unsigned)route < p->n_fds && p->fds[route]->used) {
		p->fds[route]->m = *m;
		if (p->fds[route]->hv_route >= 0) {
			p->pub.vm->hv_chips->msi->route_update(
				p->pub.vm, p->fds[route]->hv_route, m);
		}
	}
}

void irqchip_route_del(void *arg, int route)
{
	struct irqchip_priv *p = arg;
	struct irqchip_fd *f = NULL;

	lk_acquire(&p->lk);
	if (route >= 0 && (unsigned)route < p->n_fds && p->fds[route]->used &&
	    !p->fds[route]->line) {
		f = p->fds[route];
	}
	lk_release(&p->lk);
	if (f) {
		irqchip_fd_del(f);
	}
}

/* ---- lines ---- */

int irqchip_line_fd(struct vm *vm, int fd, int resample, unsigned gsi, bool add)
{
	struct irqchip_priv *p = container_of(vm->chips, struct irqchip_priv, pub);
	struct irqchip_fd *f = NULL;
	int i;

	if (gsi >= p->pub.n_gsi) {
		return -EINVAL;
	}
	irqchip_fds_enter(p);
	if (add) {
		f = irqchip_fd_new_locked(p, &i);
		if (f && resample >= 0 && i >= 64) { /* irqchip_fds_eoi() has 64 bits */
			f->used = false;
			f = NULL;
		}
		if (f) {
			f->line = true;
			f->fd = fd;
			f->resample = resample;
			f->gsi = gsi;
			irqchip_fd_bind(f);
		}
		irqchip_fds_leave(p);
		return f ? 0 : -ENOSPC;
	}
	for (unsigned n = 0; n < p->n_fds && !f; n++) {
		if (p->fds[n]->used && p->fds[n]->line && p->fds[n]->fd == fd &&
		    p->fds[n]->gsi == gsi) {
			f = p->fds[n];
		}
	}
	irqchip_fds_leave(p);
	if (!f) {
		return -ENOENT;
	}
	irqchip_fd_del(f);
	return 0;
}

uint64_t irqchip_fds_eoi(struct irqchip_priv *p, uint32_t pins)
{
	uint64_t which = 0;

	irqchip_fds_enter(p);
	for (unsigned i = 0; i < p->n_fds && i < 64; i++) {
		struct irqchip_fd *f = p->fds[i];
		unsigned pin = f->gsi ? f->gsi : 2;

		if (f->used && f->level && pins & BIT(pin & 31)) {
			f->level = false;
			which |= BIT64(i);
			irqchip_set_fd_level(p, f->gsi, false);
		}
	}
	irqchip_fds_leave(p);
	return which;
}

void irqchip_fds_tell(struct irqchip_priv *p, uint64_t which)
{
	LOCK_SCOPE(&p->lk);
	for (unsigned i = 0; i < p->n_fds && i < 64; i++) {
		if (which >> i & 1 && p->fds[i]->used && p->fds[i]->resample >= 0) {
			irqchip_fd_signal(p->fds[i]->resample);
		}
	}
}

/* After the loop has ended. */
void irqchip_fds_fini(struct irqchip_priv *p)
{
	for (unsigned i = 0; i < p->n_fds; i++) {
		free(p->fds[i]);
	}
	free(p->fds);
}
