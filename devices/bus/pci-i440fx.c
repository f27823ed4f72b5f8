/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-i440fx.c - function 00:00.0 of board pc (Intel 82441FX data sheet, ch. 3.2): PAM.
 *
 * Threads: vCPU threads, dev.lk.
 * Known gaps: no SMM, no error reporting; DRAM registers hold nothing (firmware is told
 * memory sizes by CMOS and fw_cfg).
 */
#include "config.h"

#include "devices/bus/pci-i440fx.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/vm.h"

enum { I440FX_PAM0 = 0x59, I440FX_SMRAM = 0x72 };

static struct i440fx *i440fx_of(struct pci_dev *d)
{
	return container_of(d, struct i440fx, pci);
}

static void i440fx_after_write(struct pci_dev *d, unsigned off, uint32_t val,
                               unsigned size)
{
	(void)val;
	if (ranges_overlap(off, size, I440FX_PAM0, PAM_REGS)) {
		pam_update(&i440fx_of(d)->pam, d->config + I440FX_PAM0);
	}
}

static void i440fx_config_reset(struct pci_dev *d)
{
	struct i440fx *f = i440fx_of(d);

	pam_defaults(d->config + I440FX_PAM0, f->cfg.ram_below_1m);
	d->config[I440FX_SMRAM] = 0x02;
	pam_update(&f->pam, d->config + I440FX_PAM0);
}

static int i440fx_realize(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct i440fx *f = i440fx_of(d);

	(void)e;
	st_le16(d->config + PCI_STATUS, 0x0280); /* fast back-to-back, medium DEVSEL */
	pam_wmask(d->wmask + I440FX_PAM0);
	d->wmask[I440FX_SMRAM] = 0x78;
	pam_init(&f->pam, d->bus->host, f->cfg.low_ram);
	LOCK_SCOPE(&dev->lk);
	i440fx_config_reset(d);
	return 0;
}

static void i440fx_unrealize(struct device *dev)
{
	pam_fini(&i440fx_of(container_of(dev, struct pci_dev, dev))->pam);
}

static int i440fx_post_load(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	int r = pci_post_load(d, e);

	if (r == 0) {
		LOCK_SCOPE(&dev->lk);
		pam_update(&i440fx_of(d)->pam, d->config + I440FX_PAM0);
	}
	return r;
}

static const struct pci_class_ops i440fx_ops = {
	.vendor = 0x8086,
	.device = 0x1237,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class_code = 0x060000,
	.revision = 2,
	.after_write = i440fx_after_write,
	.config_reset = i440fx_config_reset,
};

static const struct state_field i440fx_state[] = {
	PCI_STATE(struct i440fx, pci),
	{ .name = NULL },
};

static const struct device_class i440fx_class = {
	.name = "i440FX",
	.bus = "pci",
	.description = "440FX PCI and memory controller",
	.category = "bridge",
	.instance_size = sizeof(struct i440fx),
	.bus_props = pci_bus_props,
	.internal = true,
	.state = i440fx_state,
	.realize = i440fx_realize,
	.unrealize = i440fx_unrealize,
	.post_load = i440fx_post_load,
	.ops = &i440fx_ops,
};

struct i440fx *i440fx_create(struct pci_host *h, const struct i440fx_cfg *cfg,
                             struct err *e)
{
	struct device *dev = device_new_own(h->dev.vm, &i440fx_class, e);
	struct i440fx *f;

	if (!dev) {
		return NULL;
	}
	f = i440fx_of(container_of(dev, struct pci_dev, dev));
	f->cfg = *cfg;
	f->pci.prop_addr = PCI_DEVFN(0, 0);
	return device_realize_own(dev, &h->root.bus, e) ? f : NULL;
}
