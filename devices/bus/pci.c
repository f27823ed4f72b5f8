/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci.c - PCI functions and buses: header, configuration accesses, BARs, capabilities,
 * DMA (PCI Local Bus 3.0 ch. 6; PCI Express Base 4.0 ch. 7). Vectors: pci-msi.c.
 *
 * Threads: configuration accesses on vCPU threads; see pci.h for the locks.
 * Known gaps: no expansion ROMs; taking a function away while a vCPU is inside one of its
 * config accesses is not fenced; no power management or ARI capability.
 */
#include "config.h"

#include "devices/bus/pci.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/vm.h"
#include "devices/bus/pci-host.h"
#include "devices/bus/pci-msi.h"

enum { PCI_CAP_FIRST = 0x40, PCI_ECAP_FIRST = 0x100, PCI_EXP_CAP_LEN = 0x3c };

const struct prop pci_bus_props[] = {
	DEV_PROP("addr", PROP_PCI_ADDR, struct pci_dev, prop_addr, -1,
	         "slot[.function] on the bus (default: the first free slot)"),
	DEV_PROP("multifunction", PROP_BOOL, struct pci_dev, prop_multifunction, false,
	         "other functions may follow in this slot"),
	{ .name = NULL },
};

/* ---- header ---- */

static const struct pci_class_ops *pci_ops(const struct pci_dev *d)
{
	return d->dev.cls->ops;
}

void pci_set_ids(struct pci_dev *d, uint16_t vendor, uint16_t device,
                 uint16_t subvendor, uint16_t subdevice)
{
	st_le16(d->config + PCI_VENDOR_ID, vendor);
	st_le16(d->config + PCI_DEVICE_ID, device);
	if (!pci_ops(d)->bridge) {
		st_le16(d->config + PCI_SUBVENDOR, subvendor);
		st_le16(d->config + PCI_SUBDEVICE, subdevice);
	}
}

void pci_set_class(struct pci_dev *d, uint32_t class_code, uint8_t revision)
{
	d->config[PCI_REVISION] = revision;
	d->config[PCI_CLASS_PROG] = (uint8_t)class_code;
	st_le16(d->config + PCI_CLASS_DEVICE, (uint16_t)(class_code >> 8));
}

static void pci_header_init(struct pci_dev *d)
{
	const struct pci_class_ops *o = pci_ops(d);

	pci_set_ids(d, o->vendor, o->device, o->subvendor, o->subdevice);
	pci_set_class(d, o->class_code, o->revision);
	d->config[PCI_HEADER_TYPE] =
		(o->bridge ? 1 : 0) | (d->prop_multifunction ? 0x80 : 0);
	st_le16(d->wmask + PCI_COMMAND,
	        PCI_COMMAND_IO | PCI_COMMAND_MEM | PCI_COMMAND_MASTER |
	                PCI_COMMAND_PARITY | PCI_COMMAND_SERR | PCI_COMMAND_INTX_OFF);
	st_le16(d->w1cmask + PCI_STATUS, PCI_STATUS_W1C);
	d->wmask[PCI_CACHE_LINE] = 0xff;
	d->wmask[PCI_INT_LINE] = 0xff;
	d->cap_next = PCI_CAP_FIRST;
	d->ecap_next = PCI_ECAP_FIRST;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		d->bar[i].addr = UINT64_MAX;
	}
}

/* PCI Express capability, version 2 (Base 4.0, 7.5.3). */
static int pci_express_init(struct pci_dev *d, struct err *e)
{
	const struct pci_class_ops *o = pci_ops(d);
	unsigned type = o->express_type;
	uint8_t *c;
	int off;

	if (!o->express) {
		return 0;
	}
	if (type == PCI_EXP_ENDPOINT && !d->bus->bridge) {
		type = PCI_EXP_RC_ENDPOINT;
	}
	off = pci_cap_add(d, PCI_CAP_EXP, PCI_EXP_CAP_LEN, e);
	if (off < 0) {
		return off;
	}
	d->exp_cap = (uint8_t)off;
	c = d->config + off;
	st_le16(c + 2, (uint16_t)(2 | type << 4));
	st_le32(c + 4, BIT(15)); /* role-based error reporting; 128-byte payloads */
	st_le16(d->wmask + off + 8, 0x70ef);
	if (type != PCI_EXP_RC_ENDPOINT) {
		st_le32(c + 12, 1u | 1u << 4); /* 2.5 GT/s, one lane */
		st_le16(d->wmask + off + 16, 0x00ff);
		st_le16(c + 18, 1u | 1u << 4);
		st_le16(c + 0x30, 1); /* target speed */
	}
	return 0;
}

static bool pci_slot_empty(const struct pci_bus *b, unsigned slot)
{
	for (unsigned f = 0; f < 8; f++) {
		if (b->fn[PCI_DEVFN(slot, f)]) {
			return false;
		}
	}
	return true;
}

static int pci_pick_devfn(struct pci_bus *b, struct pci_dev *d, struct err *e)
{
	unsigned slot;

	if (d->prop_addr < 0) {
		for (slot = b->first_slot; slot <= b->last_slot; slot++) {
			if (pci_slot_empty(b, slot)) {
				return (int)PCI_DEVFN(slot, 0);
			}
		}
		return err_set(e, -ENOSPC, "bus '%s' has no free slot for %s",
		               b->bus.name, d->dev.cls->name);
	}
	slot = PCI_SLOT(d->prop_addr);
	if (d->prop_addr > 255 || slot > b->last_slot) {
		return err_set(e, -EINVAL, "bus '%s' has no slot %#x (slots go to %#x)",
		               b->bus.name, slot, b->last_slot);
	}
	if (b->fn[d->prop_addr]) {
		return err_set(e, -EBUSY, "%02x.%x of bus '%s' is taken by %s", slot,
		               PCI_FUNC(d->prop_addr), b->bus.name,
		               b->fn[d->prop_addr]->dev.cls->name);
	}
	if (PCI_FUNC(d->prop_addr) && b->fn[PCI_DEVFN(slot, 0)] &&
	    !(b->fn[PCI_DEVFN(slot, 0)]->config[PCI_HEADER_TYPE] & 0x80)) {
		return err_set(e, -EBUSY,
		               "slot %02x of bus '%s' holds a single-function device; "
		               "give function 0 multifunction=on",
		               slot, b->bus.name);
	}
	return d->prop_addr;
}

static int pci_bus_plug(struct bus *bus, struct device *dev, struct err *e)
{
	struct pci_bus *b = container_of(bus, struct pci_bus, bus);
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	int r = pci_pick_devfn(b, d, e);

	if (r < 0) {
		return r;
	}
	d->devfn = (uint8_t)r;
	d->bus = b;
	lk_init(&d->msi_lk, RANK_BUS, "pci-msi");
	lk_init(&d->config_lk, RANK_BUS_BYTES, "pci-config");
	pci_header_init(d);
	r = pci_express_init(d, e);
	if (r < 0) {
		lk_fini(&d->config_lk);
		lk_fini(&d->msi_lk);
		return r;
	}
	atomic_store(&b->fn[d->devfn], d);
	return 0;
}

static void pci_bus_unplug(struct bus *bus, struct device *dev)
{
	struct pci_bus *b = container_of(bus, struct pci_bus, bus);
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);

	if (d->bus != b || b->fn[d->devfn] != d) {
		return;
	}
	atomic_store(&b->fn[d->devfn], NULL);
	pci_dev_fini(d);
	lk_fini(&d->config_lk);
	lk_fini(&d->msi_lk);
	d->bus = NULL;
}

/* ---- BARs ---- */

int pci_bar_add(struct pci_dev *d, unsigned n, unsigned flags, struct mr *m,
                struct err *e)
{
	unsigned max = pci_ops(d)->bridge ? 2 : PCI_BARS;
	unsigned off = PCI_BAR0 + 4 * n;
	uint64_t size = m->size, mask;

	if (n + (flags & PCI_BAR_MEM64 ? 1 : 0) >= max || d->bar[n].mr) {
		return err_set(e, -EINVAL, "%s: BAR %u is not available",
		               d->dev.cls->name, n);
	}
	if (!IS_POWER_OF_2(size) || size < (flags & PCI_BAR_IO ? 4 : 16) ||
	    (!(flags & PCI_BAR_MEM64) && size > UINT64_C(0x80000000)) ||
	    (flags & PCI_BAR_IO && size > 256)) {
		return err_set(e, -EINVAL, "%s: BAR %u can't have %#llx bytes",
		               d->dev.cls->name, n, (unsigned long long)size);
	}
	mask = ~(size - 1);
	d->bar[n] = (struct pci_bar){ m, size, UINT64_MAX, (uint8_t)flags };
	st_le32(d->config + off, flags);
	st_le32(d->wmask + off, (uint32_t)mask);
	if (flags & PCI_BAR_MEM64) {
		st_le32(d->wmask + off + 4, (uint32_t)(mask >> 32));
	}
	return 0;
}

/* Where BAR n decodes now, UINT64_MAX for nowhere. */
static uint64_t pci_bar_address(const struct pci_dev *d, unsigned n)
{
	const struct pci_bar *b = &d->bar[n];
	uint16_t cmd = ld_le16(d->config + PCI_COMMAND);
	const uint8_t *reg = d->config + PCI_BAR0 + 4 * n;
	uint64_t a, top = UINT32_MAX;

	if (!(cmd & (b->flags & PCI_BAR_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEM))) {
		return UINT64_MAX;
	}
	a = ld_le32(reg);
	if (b->flags & PCI_BAR_IO) {
		top = 0xffff;
	} else if (b->flags & PCI_BAR_MEM64) {
		a |= (uint64_t)ld_le32(reg + 4) << 32;
		top = UINT64_MAX;
	}
	a &= ~(b->size - 1);
	/* 0 and all ones are what a driver writes to size the BAR, not addresses. */
	if (!a || a > top || b->size - 1 > top - a || a + (b->size - 1) == top) {
		return UINT64_MAX;
	}
	return a;
}

void pci_update_mappings(struct pci_dev *d)
{
	struct vm *vm = d->dev.vm;

	aspace_begin(&vm->mem);
	aspace_begin(&vm->io);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		struct pci_bar *b = &d->bar[i];
		uint64_t now;

		if (!b->mr) {
			continue;
		}
		now = pci_bar_address(d, i);
		if (now == b->addr) {
			continue;
		}
		if (b->addr != UINT64_MAX) {
			mr_del(b->mr);
		}
		b->addr = now;
		if (now != UINT64_MAX) {
			mr_add(b->flags & PCI_BAR_IO ? d->bus->io : d->bus->mem, now,
			       b->mr, 1);
		}
		trace("pci_bar", "%s BAR %u at %#llx", d->dev.cls->name, i,
		      (unsigned long long)now);
	}
	aspace_commit(&vm->io);
	aspace_commit(&vm->mem);
}

static void pci_unmap_all(struct pci_dev *d)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		if (d->bar[i].mr && d->bar[i].addr != UINT64_MAX) {
			mr_del(d->bar[i].mr);
			d->bar[i].addr = UINT64_MAX;
		}
	}
}

/* ---- capabilities ---- */

int pci_cap_add(struct pci_dev *d, uint8_t id, unsigned len, struct err *e)
{
	unsigned off = d->cap_next;

	if (len < 2 || off + len > PCI_ECAP_FIRST) {
		return err_set(e, -ENOSPC, "%s: no room for capability %#x",
		               d->dev.cls->name, id);
	}
	d->cap_next = ALIGN_UP(off + len, 4u);
	d->config[off] = id;
	d->config[off + 1] = d->config[PCI_CAP_PTR];
	d->config[PCI_CAP_PTR] = (uint8_t)off;
	d->config[PCI_STATUS] |= PCI_STATUS_CAPS;
	return (int)off;
}

int pci_ecap_add(struct pci_dev *d, uint16_t id, unsigned ver, unsigned len,
                 struct err *e)
{
	unsigned off = d->ecap_next;

	if (!pci_ops(d)->express || len < 4 || off + len > PCI_CONFIG_SIZE) {
		return err_set(e, -ENOSPC, "%s: no room for extended capability %#x",
		               d->dev.cls->name, id);
	}
	d->ecap_next = ALIGN_UP(off + len, 4u);
	st_le32(d->config + off, id | ver << 16);
	if (d->ecap_last) {
		uint32_t last = ld_le32(d->config + d->ecap_last);

		st_le32(d->config + d->ecap_last, (last & 0xfffff) | off << 20);
	}
	d->ecap_last = off;
	return (int)off;
}

/* ---- configuration accesses ---- */

static bool pci_config_ok(const struct pci_dev *d, unsigned off, unsigned size)
{
	unsigned end = pci_ops(d)->express ? PCI_CONFIG_SIZE : 256;

	return (size == 1 || size == 2 || size == 4) && range_fits(off, size, end);
}

uint32_t pci_config_read(struct pci_dev *d, unsigned off, unsigned size)
{
	const struct pci_class_ops *o = pci_ops(d);
	uint32_t v;

	if (!pci_config_ok(d, off, size)) {
		return size < 4 ? (1u << 8 * size) - 1 : UINT32_MAX;
	}
	/* The device's own lock is for what it does first. */
	LOCK_SCOPE(o->before_read ? &d->dev.lk : NULL);
	if (o->before_read) {
		o->before_read(d, off, size);
	}
	LOCK_SCOPE(&d->config_lk);
	v = (uint32_t)ld_le(d->config + off, size);
	if (off <= PCI_STATUS && off + size > PCI_STATUS && d->intx_level) {
		v |= (uint32_t)PCI_STATUS_INTX << 8 * (PCI_STATUS - off);
	}
	return v;
}

static void pci_config_bytes(struct pci_dev *d, unsigned off, uint32_t val,
                             unsigned size)
{
	LOCK_SCOPE(&d->config_lk);
	for (unsigned i = 0; i < size; i++) {
		uint8_t *c = d->config + off + i, w = d->wmask[off + i];
		uint8_t v = (uint8_t)(val >> 8 * i);

		*c = (uint8_t)((*c & ~w) | (v & w));
		*c &= (uint8_t) ~(v & d->w1cmask[off + i]);
	}
}

static void pci_config_store(struct pci_dev *d, unsigned off, uint32_t val,
                             unsigned size)
{
	LOCK_SCOPE(&d->msi_lk);
	pci_config_bytes(d, off, val, size);
	pci_msi_config_written_locked(d, off, size);
}

void pci_config_write(struct pci_dev *d, unsigned off, uint32_t val, unsigned size)
{
	const struct pci_class_ops *o = pci_ops(d);

	if (!pci_config_ok(d, off, size)) {
		return;
	}
	LOCK_SCOPE(&d->dev.lk);
	pci_config_store(d, off, val, size);
	if (off < PCI_ROM + 4) {
		d->bus_master = ld_le16(d->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
		pci_update_mappings(d);
		pci_host_intx_again(d);
	}
	if (o->after_write) {
		o->after_write(d, off, val, size);
	}
}

void pci_intx_init(struct pci_dev *d, unsigned pin)
{
	d->config[PCI_INT_PIN] = (uint8_t)pin;
}

void pci_intx_set(struct pci_dev *d, bool level)
{
	pci_host_intx(d, level);
}

void pci_dev_reset(struct pci_dev *d)
{
	pci_host_intx(d, false);
	LOCK_SCOPE(&d->dev.lk);
	lk_acquire(&d->msi_lk);
	lk_acquire(&d->config_lk);
	for (unsigned i = PCI_COMMAND; i < PCI_CONFIG_SIZE; i++) {
		d->config[i] &= (uint8_t) ~(d->wmask[i] | d->w1cmask[i]);
	}
	lk_release(&d->config_lk);
	pci_msi_reset_locked(d);
	lk_release(&d->msi_lk);
	d->bus_master = false;
	pci_update_mappings(d);
	if (pci_ops(d)->config_reset) {
		pci_ops(d)->config_reset(d);
	}
}

void pci_dev_fini(struct pci_dev *d)
{
	if (!d->bus) {
		return;
	}
	pci_host_intx(d, false);
	pci_unmap_all(d);
	pci_msi_fini(d);
	gmem_synchronize();
}

int pci_post_load(struct pci_dev *d, struct err *e)
{
	bool level = d->intx_level;

	(void)e;
	LOCK_SCOPE(&d->dev.lk);
	d->bus_master = ld_le16(d->config + PCI_COMMAND) & PCI_COMMAND_MASTER;
	pci_update_mappings(d);
	d->intx_level = false;
	pci_host_intx(d, level);
	return 0;
}

/* ---- DMA ---- */

bool pci_dma_allowed(const struct pci_dev *d)
{
	return atomic_load_explicit(&d->bus_master, memory_order_relaxed);
}

int pci_dma_read(struct pci_dev *d, gpa_t addr, void *buf, uint64_t len)
{
	return pci_dma_allowed(d) ? dma_read(&d->dev.vm->mem, addr, buf, len) : -EPERM;
}

int pci_dma_write(struct pci_dev *d, gpa_t addr, const void *buf, uint64_t len)
{
	return pci_dma_allowed(d) ? dma_write(&d->dev.vm->mem, addr, buf, len) : -EPERM;
}

uint16_t pci_requester_id(const struct pci_dev *d)
{
	return (uint16_t)(pci_bus_number(d->bus) << 8 | d->devfn);
}

/* ---- buses ---- */

void pci_bus_init(struct pci_bus *b, const char *name, struct pci_host *host,
                  struct pci_dev *bridge, struct mr *mem, struct mr *io)
{
	bus_init(&b->bus, "pci", name, bridge ? &bridge->dev : &host->dev);
	b->bus.plug = pci_bus_plug;
	b->bus.unplug = pci_bus_unplug;
	b->host = host;
	b->bridge = bridge;
	b->mem = mem;
	b->io = io;
	b->first_slot = bridge ? 0 : 1;
	b->last_slot = 31;
}

void pci_bus_fini(struct pci_bus *b)
{
	bus_fini(&b->bus);
}

uint8_t pci_bus_number(const struct pci_bus *b)
{
	return b->bridge ? b->bridge->config[PCI_SECONDARY_BUS] : 0;
}

/* The bridge on `b` behind which bus number `n` is. */
static struct pci_bus *pci_bus_towards(struct pci_bus *b, unsigned n)
{
	for (unsigned i = 0; i < 256; i++) {
		struct pci_dev *d = b->fn[i];

		if (d && d->secondary && d->config[PCI_SECONDARY_BUS] <= n &&
		    n <= d->config[PCI_SUBORDINATE] && d->config[PCI_SECONDARY_BUS]) {
			return d->secondary;
		}
	}
	return NULL;
}

struct pci_dev *pci_find(struct pci_host *h, unsigned bus, unsigned devfn)
{
	struct pci_bus *b = &h->root;

	if (devfn > 255) {
		return NULL;
	}
	/* Bus numbers are the guest's: a budget instead of trust. */
	for (unsigned depth = 0; b && depth < 256; depth++) {
		if (pci_bus_number(b) == bus) {
			return b->fn[devfn];
		}
		b = pci_bus_towards(b, bus);
	}
	return NULL;
}

/* Breadth first over the buses below, without recursion. */
void pci_bus_reset(struct pci_bus *b)
{
	struct pci_bus *todo[64];
	unsigned n = 0;

	todo[n++] = b;
	while (n) {
		struct pci_bus *cur = todo[--n];

		for (unsigned i = 0; i < 256; i++) {
			struct pci_dev *d = cur->fn[i];

			if (!d) {
				continue;
			}
			if (d->secondary && n < ARRAY_LEN(todo)) {
				todo[n++] = d->secondary;
			}
			pci_dev_reset(d);
		}
	}
}

const struct state_field pci_dev_state[] = {
	{ .name = "config",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct pci_dev, config),
	  .count = PCI_CONFIG_SIZE },
	STATE_FIELD(STATE_BOOL, struct pci_dev, intx_level),
	{ .name = "msix",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct pci_dev, msix),
	  .count = sizeof(((struct pci_dev *)0)->msix) },
	{ .name = "msix_pending",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct pci_dev, msix_pending),
	  .count = PCI_MSIX_MAX / 8 },
	{ .name = NULL },
};
