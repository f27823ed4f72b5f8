/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * piix4-pm.c - the PIIX4's power management function (Intel 82371AB data sheet, ch. 7):
 * where the ACPI registers are. See piix4-pm.h.
 *
 * Threads: vCPU threads under dev.lk. Known gaps: no SMBus (SMBHSTCFG says disabled), no
 * device monitors, no general purpose pins.
 */
#include "config.h"

#include "devices/fw/piix4-pm.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/vm.h"

enum {
	PMF_PMBA = 0x40,
	PMF_DEVACTB = 0x58,
	PMF_PMREGMISC = 0x80,
	PMF_PMBA_MASK = 0xffc0,
};
/* SMI on port B2: on from the start, so that firmware leaves SMM alone. */
#define PMF_APMC_EN BIT(25)

static struct piix4_pm *piix4_pm_of(struct pci_dev *d)
{
	return container_of(d, struct piix4_pm, pci);
}

static void piix4_pm_update(struct piix4_pm *p)
{
	struct vm *vm = p->pci.dev.vm;
	struct mr *m = acpi_pm_region(p->pm);
	gpa_t base = ld_le16(p->pci.config + PMF_PMBA) & PMF_PMBA_MASK;
	bool on = (p->pci.config[PMF_PMREGMISC] & 1) && base;

	if (on == p->mapped && (!on || m->addr == base)) {
		return;
	}
	aspace_begin(&vm->io);
	if (p->mapped) {
		mr_del(m);
	}
	p->mapped = on;
	if (on) {
		mr_add(&vm->io_root, base, m, 0);
	}
	aspace_commit(&vm->io);
}

static void piix4_pm_after_write(struct pci_dev *d, unsigned off, uint32_t val,
                                 unsigned size)
{
	(void)val;
	if (off + size > PMF_PMBA) {
		piix4_pm_update(piix4_pm_of(d));
	}
}

static void piix4_pm_config_reset(struct pci_dev *d)
{
	struct piix4_pm *p = piix4_pm_of(d);

	st_le32(d->config + PMF_PMBA, 1 | (p->cfg.firmware ? 0 : PIIX4_PM_BASE));
	st_le32(d->config + PMF_DEVACTB, PMF_APMC_EN);
	d->config[PMF_PMREGMISC] = p->cfg.firmware ? 0 : 1;
	d->config[PCI_INT_LINE] = PIIX4_SCI_IRQ;
	piix4_pm_update(p);
}

static int piix4_pm_realize(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct piix4_pm *p = piix4_pm_of(d);
	struct acpi_pm_cfg pm = { .sci = p->cfg.sci,
		                  .acpi_mode = true,
		                  .layout = &acpi_pm_piix4 };

	p->pm = acpi_pm_create(dev->vm, &pm, e);
	if (!p->pm) {
		return -ENOMEM;
	}
	st_le16(d->config + PCI_STATUS, 0x0280);
	d->config[PCI_INT_PIN] =
		1; /* as the data sheet has it: nothing drives the pin */
	st_le32(d->wmask + PMF_PMBA, PMF_PMBA_MASK);
	d->wmask[PMF_PMREGMISC] = 1;
	mr_add(&dev->vm->io_root, ACPI_PM_SMI_CMD, acpi_pm_smi_region(p->pm), 0);
	LOCK_SCOPE(&dev->lk);
	piix4_pm_config_reset(d);
	return 0;
}

static void piix4_pm_unrealize(struct device *dev)
{
	struct piix4_pm *p = piix4_pm_of(container_of(dev, struct pci_dev, dev));

	if (p->mapped) {
		mr_del(acpi_pm_region(p->pm));
	}
	mr_del(acpi_pm_smi_region(p->pm));
}

static int piix4_pm_post_load(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	int r = pci_post_load(d, e);

	if (r == 0) {
		LOCK_SCOPE(&dev->lk);
		piix4_pm_update(piix4_pm_of(d));
	}
	return r;
}

static const struct pci_class_ops piix4_pm_ops = {
	.vendor = 0x8086,
	.device = 0x7113,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class_code = 0x068000,
	.revision = 3,
	.after_write = piix4_pm_after_write,
	.config_reset = piix4_pm_config_reset,
};

static const struct state_field piix4_pm_state[] = {
	PCI_STATE(struct piix4_pm, pci),
	{ .name = NULL },
};

static const struct device_class piix4_pm_class = {
	.name = "PIIX4_PM",
	.bus = "pci",
	.description = "PIIX4 power management",
	.category = "bridge",
	.instance_size = sizeof(struct piix4_pm),
	.bus_props = pci_bus_props,
	.internal = true,
	.state = piix4_pm_state,
	.realize = piix4_pm_realize,
	.unrealize = piix4_pm_unrealize,
	.post_load = piix4_pm_post_load,
	.ops = &piix4_pm_ops,
};

struct piix4_pm *piix4_pm_create(struct pci_host *h, const struct piix4_pm_cfg *cfg,
                                 struct err *e)
{
	struct device *dev = device_new_own(h->dev.vm, &piix4_pm_class, e);
	struct piix4_pm *p;

	if (!dev) {
		return NULL;
	}
	p = piix4_pm_of(container_of(dev, struct pci_dev, dev));
	p->cfg = *cfg;
	p->pci.prop_addr = PIIX4_PM_DEVFN;
	return device_realize_own(dev, &h->root.bus, e) ? p : NULL;
}
