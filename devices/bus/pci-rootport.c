/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-rootport.c - pcie-root-port: a PCI Express root port with one slot behind it (type
 * 1 header: PCI-to-PCI Bridge 1.2 ch. 3; PCI Express Base 4.0, 7.5).
 *
 * The bus behind is a container of its own; the guest's window registers decide which
 * parts of it show up, at the same addresses, on the bus above.
 *
 * Threads: vCPU threads under dev.lk.
 * Known gaps: no native hot-plug (slot events), AER, power management; a secondary bus reset
 * and the legacy VGA enable bits have no effect.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "base/bytes.h"
#include "core/vm.h"
#include "devices/bus/pci-host.h"

enum { RP_MEM, RP_PREF, RP_IO, RP_WINDOWS };

struct pci_rootport {
	struct pci_dev pci;
	uint8_t prop_port, prop_chassis;
	uint16_t prop_slot;
	struct pci_bus sec;
	struct mr mem, io;
	struct mr win[RP_WINDOWS];
	uint64_t base[RP_WINDOWS], size[RP_WINDOWS]; /* size 0: closed */
	char name[64];
};

static void rp_window(const struct pci_dev *d, unsigned w, uint64_t *base,
                      uint64_t *limit)
{
	const uint8_t *c = d->config;

	switch (w) {
	case RP_MEM:
		*base = (uint64_t)(ld_le16(c + PCI_MEM_BASE) & 0xfff0) << 16;
		*limit =
			(uint64_t)(ld_le16(c + PCI_MEM_LIMIT) & 0xfff0) << 16 | 0xfffff;
		break;
	case RP_PREF:
		*base = (uint64_t)(ld_le16(c + PCI_PREF_BASE) & 0xfff0) << 16 |
		        (uint64_t)ld_le32(c + PCI_PREF_BASE_HI) << 32;
		*limit = (uint64_t)(ld_le16(c + PCI_PREF_LIMIT) & 0xfff0) << 16 |
		         0xfffff | (uint64_t)ld_le32(c + PCI_PREF_LIMIT_HI) << 32;
		break;
	default:
		*base = (uint64_t)(c[PCI_IO_BASE] & 0xf0) << 8;
		*limit = (uint64_t)(c[PCI_IO_LIMIT] & 0xf0) << 8 | 0xfff;
	}
}

static void rp_update_windows(struct pci_rootport *p)
{
	struct pci_dev *d = &p->pci;
	struct vm *vm = d->dev.vm;
	uint16_t cmd = ld_le16(d->config + PCI_COMMAND);

	aspace_begin(&vm->mem);
	aspace_begin(&vm->io);
	for (unsigned w = 0; w < RP_WINDOWS; w++) {
		uint64_t base, limit, size = 0;

		rp_window(d, w, &base, &limit);
		if (cmd & (w == RP_IO ? PCI_COMMAND_IO : PCI_COMMAND_MEM) &&
		    limit >= base && base) {
			size = limit - base + 1;
		}
		if (size == p->size[w] && (!size || base == p->base[w])) {
			continue;
		}
		if (p->size[w]) {
			mr_del(&p->win[w]);
		}
		p->size[w] = size;
		p->base[w] = base;
		if (size) {
			mr_init_alias(&p->win[w], "bridge-window",
			              w == RP_IO ? &p->io : &p->mem, base, size);
			mr_add(w == RP_IO ? d->bus->io : d->bus->mem, base, &p->win[w],
			       1);
		}
	}
	aspace_commit(&vm->io);
	aspace_commit(&vm->mem);
}

/* Presence in the slot is read when asked: the function behind may come later. */
static void rp_before_read(struct pci_dev *d, unsigned off, unsigned size)
{
	struct pci_rootport *p = container_of(d, struct pci_rootport, pci);
	unsigned status = d->exp_cap + 0x1au;

	if (ranges_overlap(off, size, status, 2)) {
		bool there = p->sec.fn[0] != NULL;

		d->config[status] = (uint8_t)((d->config[status] & ~0x40) | there << 6);
	}
}

static void rp_after_write(struct pci_dev *d, unsigned off, uint32_t val, unsigned size)
{
	(void)val;
	(void)size;
	if (off < 0x34) {
		rp_update_windows(container_of(d, struct pci_rootport, pci));
	}
}

static void rp_config_reset(struct pci_dev *d)
{
	rp_update_windows(container_of(d, struct pci_rootport, pci));
}

static void rp_wmask_init(struct pci_dev *d)
{
	d->wmask[PCI_PRIMARY_BUS] = d->wmask[PCI_SECONDARY_BUS] = 0xff;
	d->wmask[PCI_SUBORDINATE] = 0xff;
	d->wmask[PCI_IO_BASE] = d->wmask[PCI_IO_LIMIT] = 0xf0;
	st_le16(d->w1cmask + PCI_SEC_STATUS, PCI_STATUS_W1C);
	st_le16(d->wmask + PCI_MEM_BASE, 0xfff0);
	st_le16(d->wmask + PCI_MEM_LIMIT, 0xfff0);
	st_le16(d->wmask + PCI_PREF_BASE, 0xfff0);
	st_le16(d->wmask + PCI_PREF_LIMIT, 0xfff0);
	d->config[PCI_PREF_BASE] = d->config[PCI_PREF_LIMIT] = 1; /* 64-bit */
	st_le32(d->wmask + PCI_PREF_BASE_HI, UINT32_MAX);
	st_le32(d->wmask + PCI_PREF_LIMIT_HI, UINT32_MAX);
	st_le16(d->wmask + PCI_BRIDGE_CONTROL, 0x0043);
}

static int rp_realize(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct pci_rootport *p = container_of(d, struct pci_rootport, pci);
	uint8_t *c = d->config + d->exp_cap;
	int r;

	rp_wmask_init(d);
	st_le16(c + 2, ld_le16(c + 2) | BIT(8)); /* slot implemented */
	st_le32(c + 12, ld_le32(c + 12) | (uint32_t)p->prop_port << 24);
	st_le32(c + 0x14, (uint32_t)(p->prop_slot & 0x1fff) << 19);
	st_le16(d->wmask + d->exp_cap + 0x1c, 0x001f); /* root control */
	pci_intx_init(d, 1);
	r = pci_msi_init(d, 1, e);
	if (r < 0) {
		return r;
	}
	mr_init_container(&p->mem, "pci-behind-port", d->bus->mem->size);
	mr_init_container(&p->io, "io-behind-port", 0x10000);
	snprintf(p->name, sizeof(p->name), "pcie.%02x.%u", PCI_SLOT(d->devfn),
	         PCI_FUNC(d->devfn));
	pci_bus_init(&p->sec, dev->id ? dev->id : p->name, d->bus->host, d, &p->mem,
	             &p->io);
	p->sec.last_slot = 0;
	d->secondary = &p->sec;
	dev->child = &p->sec.bus;
	return 0;
}

static void rp_unrealize(struct device *dev)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct pci_rootport *p = container_of(d, struct pci_rootport, pci);

	for (unsigned w = 0; w < RP_WINDOWS; w++) {
		if (p->size[w]) {
			mr_del(&p->win[w]);
			p->size[w] = 0;
		}
	}
	d->secondary = NULL;
	pci_bus_fini(&p->sec);
}

static int rp_post_load(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	int r = pci_post_load(d, e);

	if (r == 0) {
		LOCK_SCOPE(&dev->lk);
		rp_update_windows(container_of(d, struct pci_rootport, pci));
	}
	return r;
}

static const struct prop rp_props[] = {
	DEV_PROP("port", PROP_U8, struct pci_rootport, prop_port, 0, "port number"),
	DEV_PROP("chassis", PROP_U8, struct pci_rootport, prop_chassis, 0,
	         "chassis number"),
	DEV_PROP("slot", PROP_U16, struct pci_rootport, prop_slot, 0,
	         "physical slot number"),
	{ .name = NULL },
};

static const struct pci_class_ops rp_ops = {
	.vendor = 0x1b36,
	.device = 0x000c,
	.class_code = 0x060400,
	.bridge = true,
	.express = true,
	.express_type = PCI_EXP_ROOT_PORT,
	.before_read = rp_before_read,
	.after_write = rp_after_write,
	.config_reset = rp_config_reset,
};

static const struct state_field rp_state[] = {
	PCI_STATE(struct pci_rootport, pci),
	{ .name = NULL },
};

const struct device_class pcie_root_port_class = {
	.name = "pcie-root-port",
	.bus = "pci",
	.description = "PCI Express root port",
	.category = "bridge",
	.instance_size = sizeof(struct pci_rootport),
	.props = rp_props,
	.bus_props = pci_bus_props,
	.state = rp_state,
	.realize = rp_realize,
	.unrealize = rp_unrealize,
	.post_load = rp_post_load,
	.ops = &rp_ops,
	.child_bus = "pci",
};
