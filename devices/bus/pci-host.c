/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-host.c - a PCI root: configuration cycles by ports (PCI Local Bus 3.0, 3.2.2.3) and
 * by ECAM (PCI Express Base 4.0, 7.2.2), INTx lines, reset of everything on the bus.
 *
 * Threads: configuration cycles take only the lock of the addressed function; INTx counts
 * are under irq_lk, which is held while a line is driven.
 */
#include "config.h"

#include "devices/bus/pci-host.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/vm.h"

#define CF8_ENABLE  0x80000000u
#define CF9_SYS_RST 0x02
#define CF9_RST_CPU 0x04

static uint64_t pci_host_ones(unsigned size)
{
	return UINT64_MAX >> (64 - 8 * size);
}

/* ---- ports ---- */

static uint64_t pci_host_cf8_read(void *opaque, uint64_t off, unsigned size)
{
	struct pci_host *h = opaque;

	if (off == 1 && size == 1) {
		return h->cf9;
	}
	return off == 0 && size == 4 ? h->addr : pci_host_ones(size);
}

static void pci_host_cf8_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pci_host *h = opaque;

	if (off == 0 && size == 4) {
		h->addr = (uint32_t)val & (CF8_ENABLE | 0x00fffffc);
	} else if (off == 1 && size == 1) {
		h->cf9 = (uint8_t)val & (0x08 | CF9_SYS_RST);
		if (val & CF9_RST_CPU) {
			vm_request_reset(h->dev.vm, CAUSE_GUEST_RESET);
		}
	}
}

static uint64_t pci_host_cfc_read(void *opaque, uint64_t off, unsigned size)
{
	struct pci_host *h = opaque;
	uint32_t a = h->addr;
	struct pci_dev *d = NULL;

	if (a & CF8_ENABLE) {
		d = pci_find(h, (a >> 16) & 0xff, (a >> 8) & 0xff);
	}
	return d ? pci_config_read(d, (a & 0xfc) + (unsigned)off, size)
	         : pci_host_ones(size);
}

static void pci_host_cfc_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pci_host *h = opaque;
	uint32_t a = h->addr;
	struct pci_dev *d;

	if (a & CF8_ENABLE) {
		d = pci_find(h, (a >> 16) & 0xff, (a >> 8) & 0xff);
		if (d) {
			pci_config_write(d, (a & 0xfc) + (unsigned)off, (uint32_t)val,
			                 size);
		}
	}
}

/* ---- ECAM ---- */

static uint64_t pci_host_ecam_read(void *opaque, uint64_t off, unsigned size)
{
	struct pci_dev *d = pci_find(opaque, (unsigned)(off >> 20) & 0xff,
	                             (unsigned)(off >> 12) & 0xff);

	return d ? pci_config_read(d, (unsigned)off & 0xfff, size)
	         : pci_host_ones(size);
}

static void pci_host_ecam_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pci_dev *d = pci_find(opaque, (unsigned)(off >> 20) & 0xff,
	                             (unsigned)(off >> 12) & 0xff);

	if (d) {
		pci_config_write(d, (unsigned)off & 0xfff, (uint32_t)val, size);
	}
}

static const struct mr_ops pci_host_cf8_ops = {
	.read = pci_host_cf8_read,
	.write = pci_host_cf8_write,
	.min = 1,
	.max = 4,
};
static const struct mr_ops pci_host_cfc_ops = {
	.read = pci_host_cfc_read,
	.write = pci_host_cfc_write,
	.min = 1,
	.max = 4,
};
static const struct mr_ops pci_host_ecam_ops = {
	.read = pci_host_ecam_read,
	.write = pci_host_ecam_write,
	.min = 1,
	.max = 4,
	.split = true,
};

void pci_host_set_ecam(struct pci_host *h, uint64_t base, unsigned buses, bool on)
{
	struct vm *vm = h->dev.vm;

	aspace_begin(&vm->mem);
	if (h->ecam_on) {
		mr_del(&h->ecam);
	}
	h->ecam_on = on && base;
	h->ecam_base = base;
	if (h->ecam_on) {
		mr_init_io(&h->ecam, "ecam", (uint64_t)buses << 20, &pci_host_ecam_ops,
		           h, NULL);
		mr_add(&vm->mem_root, base, &h->ecam, 1);
	}
	aspace_commit(&vm->mem);
}

/* ---- INTx ---- */

/* A bridge turns INTx of slot s into INT(x + s) of its own (PCI-to-PCI Bridge 1.2, 9.1). */
unsigned pci_host_intx_line(struct pci_dev *d)
{
	struct pci_host *h = d->bus->host;
	unsigned pin = d->config[PCI_INT_PIN] - 1u, slot = PCI_SLOT(d->devfn);
	struct pci_bus *b = d->bus;

	while (b->bridge) {
		pin = (pin + slot) & 3;
		slot = PCI_SLOT(b->bridge->devfn);
		b = b->bridge->bus;
	}
	pin &= 3;
	slot = h->cfg.map_irq ? h->cfg.map_irq(h->cfg.map_arg, slot, pin)
	                      : (slot + pin) & 3;
	return slot < PCI_ROOT_LINES ? slot : 0;
}

/* Gives up the lock; the line follows. */
static void pci_host_intx_leave(struct pci_host *h, struct pci_dev *d)
{
	bool on = d->intx_level &&
	          !(ld_le16(d->config + PCI_COMMAND) & PCI_COMMAND_INTX_OFF);
	bool changed = false;
	unsigned n;

	if (on && !d->intx_out) {
		d->intx_line = (uint16_t)pci_host_intx_line(d);
	}
	n = d->intx_line;
	if (on != d->intx_out) {
		d->intx_out = on;
		h->irq_count[n] += on ? 1 : -1;
		changed = h->irq_count[n] == (on ? 1 : 0);
		h->irq_level[n] = h->irq_count[n] > 0;
	}
	lk_release(&h->irq_lk);
	if (changed) {
		irq_follow(&h->cfg.line[n], on, &h->irq_level[n]);
	}
}

void pci_host_intx(struct pci_dev *d, bool level)
{
	struct pci_host *h = d->bus->host;

	if (d->config[PCI_INT_PIN]) {
		lk_acquire(&h->irq_lk);
		d->intx_level = level;
		pci_host_intx_leave(h, d);
	}
}

void pci_host_intx_again(struct pci_dev *d)
{
	struct pci_host *h = d->bus->host;

	if (d->config[PCI_INT_PIN]) {
		lk_acquire(&h->irq_lk);
		pci_host_intx_leave(h, d);
	}
}

void pci_host_set_irqs(struct pci_host *h,
                       unsigned (*map)(void *arg, unsigned slot, unsigned pin),
                       void *arg, const struct irq line[PCI_ROOT_LINES])
{
	LOCK_SCOPE(&h->irq_lk);
	h->cfg.map_irq = map;
	h->cfg.map_arg = arg;
	for (unsigned i = 0; i < PCI_ROOT_LINES; i++) {
		h->cfg.line[i] = line[i];
	}
}

/* ---- device ---- */

/* Before the functions' own resets: devices reset in order of realization. */
static void pci_host_reset(struct device *d)
{
	struct pci_host *h = container_of(d, struct pci_host, dev);

	h->addr = 0;
	h->cf9 = 0;
	pci_bus_reset(&h->root);
}

static int pci_host_realize(struct device *d, struct err *e)
{
	struct pci_host *h = container_of(d, struct pci_host, dev);
	struct vm *vm = d->vm;

	(void)e;
	lk_init(&h->irq_lk, RANK_BUS, "pci-intx");
	/* The whole 64-bit space but its last page: a size of 2^64 has no number. */
	mr_init_container(&h->mem, "pci", UINT64_MAX & ~UINT64_C(0xfff));
	mr_add(&vm->mem_root, 0, &h->mem, -1);
	pci_bus_init(&h->root, h->cfg.bus_name, h, NULL, &h->mem, &vm->io_root);
	d->child = &h->root.bus;
	if (h->cfg.ports) {
		mr_init_io(&h->cf8, "pci-address", 4, &pci_host_cf8_ops, h, NULL);
		mr_init_io(&h->cfc, "pci-data", 4, &pci_host_cfc_ops, h, NULL);
		mr_add(&vm->io_root, 0xcf8, &h->cf8, 0);
		mr_add(&vm->io_root, 0xcfc, &h->cfc, 0);
	}
	if (h->cfg.ecam_base) {
		pci_host_set_ecam(h, h->cfg.ecam_base, h->cfg.buses, true);
	}
	return 0;
}

static void pci_host_unrealize(struct device *d)
{
	struct pci_host *h = container_of(d, struct pci_host, dev);

	pci_host_set_ecam(h, 0, 0, false);
	if (h->cfg.ports) {
		mr_del(&h->cf8);
		mr_del(&h->cfc);
	}
	pci_bus_fini(&h->root);
	mr_del(&h->mem);
	lk_fini(&h->irq_lk);
}

static const struct state_field pci_host_state[] = {
	STATE_FIELD(STATE_U32, struct pci_host, addr),
	STATE_FIELD(STATE_U8, struct pci_host, cf9),
	{ .name = NULL },
};

static const struct device_class pci_host_class = {
	.name = "pci-host",
	.bus = "sys",
	.description = "PCI host bridge",
	.category = "bridge",
	.instance_size = sizeof(struct pci_host),
	.internal = true,
	.state = pci_host_state,
	.realize = pci_host_realize,
	.unrealize = pci_host_unrealize,
	.reset = pci_host_reset,
};

struct pci_host *pci_host_create(struct vm *vm, const struct pci_host_cfg *cfg,
                                 struct err *e)
{
	struct device *d = device_new_own(vm, &pci_host_class, e);
	struct pci_host *h;

	if (!d) {
		return NULL;
	}
	h = container_of(d, struct pci_host, dev);
	h->cfg = *cfg;
	return device_realize_own(d, NULL, e) ? h : NULL;
}
