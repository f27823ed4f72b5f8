/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-mch.c - function 00:00.0 of a q35 board (Intel 3 Series Express Chipset data
 * sheet, ch. 5): ECAM window, PAM, and the registers firmware reads memory sizes from.
 *
 * Threads: vCPU threads, dev.lk.
 * Known gaps: no SMM (SMRAM registers hold their bits only); see pci-pam.h.
 */
#include "config.h"

#include "devices/bus/pci-mch.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/vm.h"

enum {
	MCH_PCIEXBAR = 0x60,
	MCH_PAM0 = 0x90,
	MCH_SMRAM = 0x9d,
	MCH_ESMRAMC = 0x9e,
	MCH_TOLUD = 0xb0,
	MCH_TOUUD = 0xa2,
};

static void mch_update_ecam(struct mch *m)
{
	static const unsigned buses[4] = { 256, 128, 64, 0 };
	uint64_t v = ld_le64(m->pci.config + MCH_PCIEXBAR);
	unsigned n = buses[(v >> 1) & 3];
	uint64_t base = n ? v & UINT64_C(0xfffffffff) & ~(((uint64_t)n << 20) - 1) : 0;

	pci_host_set_ecam(m->host, base, n, (v & 1) && n);
}

static void mch_after_write(struct pci_dev *d, unsigned off, uint32_t val,
                            unsigned size)
{
	struct mch *m = container_of(d, struct mch, pci);

	(void)val;
	if (ranges_overlap(off, size, MCH_PCIEXBAR, 8)) {
		mch_update_ecam(m);
	}
	if (ranges_overlap(off, size, MCH_PAM0, PAM_REGS)) {
		pam_update(&m->pam, d->config + MCH_PAM0);
	}
}

static void mch_config_reset(struct pci_dev *d)
{
	struct mch *m = container_of(d, struct mch, pci);

	pam_defaults(d->config + MCH_PAM0, m->cfg.ram_below_1m);
	d->config[MCH_SMRAM] = 0x02;
	d->config[MCH_ESMRAMC] = 0x38;
	st_le64(d->config + MCH_PCIEXBAR, m->cfg.ecam_base ? m->cfg.ecam_base | 1 : 0);
	st_le16(d->config + MCH_TOLUD, (uint16_t)(m->cfg.low_ram_end >> 16 & 0xfff0));
	mch_update_ecam(m);
	pam_update(&m->pam, d->config + MCH_PAM0);
}

static int mch_realize(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct mch *m = container_of(d, struct mch, pci);

	(void)e;
	m->host = d->bus->host;
	st_le64(d->wmask + MCH_PCIEXBAR, UINT64_C(0xffc000007) | UINT64_C(0xf0000000));
	pam_wmask(d->wmask + MCH_PAM0);
	d->wmask[MCH_SMRAM] = 0x78;
	st_le16(d->wmask + MCH_TOLUD, 0xfff0);
	st_le16(d->wmask + MCH_TOUUD, 0xffff);

	pam_init(&m->pam, m->host, m->cfg.low_ram);
	LOCK_SCOPE(&dev->lk);
	mch_config_reset(d);
	return 0;
}

static void mch_unrealize(struct device *dev)
{
	struct mch *m =
		container_of(container_of(dev, struct pci_dev, dev), struct mch, pci);

	pam_fini(&m->pam);
}

static int mch_post_load(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	int r = pci_post_load(d, e);

	if (r == 0) {
		LOCK_SCOPE(&dev->lk);
		mch_update_ecam(container_of(d, struct mch, pci));
		pam_update(&container_of(d, struct mch, pci)->pam,
		           d->config + MCH_PAM0);
	}
	return r;
}

static const struct pci_class_ops mch_ops = {
	.vendor = 0x8086,
	.device = 0x29c0,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class_code = 0x060000,
	.revision = 2,
	.after_write = mch_after_write,
	.config_reset = mch_config_reset,
};

static const struct state_field mch_state[] = {
	PCI_STATE(struct mch, pci),
	{ .name = NULL },
};

static const struct device_class mch_class = {
	.name = "mch",
	.bus = "pci",
	.description = "q35 memory controller hub",
	.category = "bridge",
	.instance_size = sizeof(struct mch),
	.bus_props = pci_bus_props,
	.internal = true,
	.state = mch_state,
	.realize = mch_realize,
	.unrealize = mch_unrealize,
	.post_load = mch_post_load,
	.ops = &mch_ops,
};

struct mch *mch_create(struct pci_host *h, const struct mch_cfg *cfg, struct err *e)
{
	struct device *dev = device_new_own(h->dev.vm, &mch_class, e);
	struct mch *m;

	if (!dev) {
		return NULL;
	}
	m = container_of(container_of(dev, struct pci_dev, dev), struct mch, pci);
	m->cfg = *cfg;
	m->pci.prop_addr = PCI_DEVFN(0, 0);
	return device_realize_own(dev, &h->root.bus, e) ? m : NULL;
}
