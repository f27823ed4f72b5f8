/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-piix3.c - the PIIX3's IDE function (Intel 82371SB data sheet, ch. 2.3): where two
 * channels are, and whether. The channels: ide-bus.c. See ide-piix3.h.
 *
 * Threads: vCPU threads under dev.lk; the channels have locks of their own.
 * Known gap: timing registers are storage.
 */
#include "config.h"

#include "devices/block/ide-piix3.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/vm.h"
#include "devices/block/ide.h"
#include "devices/bus/pci-host.h"

enum { TIM_ENABLE = 0x8000, TIM_MASK = 0xf3ff, SIDETIM = 0x44 };

struct piix3_ide {
	struct pci_dev pci;
	struct ide_bus ch[2];
	struct mr bar;
};

static const struct {
	uint16_t cmd, ctl;
	uint8_t irq;
} piix3_ide_at[2] = { { 0x1f0, 0x3f6, 14 }, { 0x170, 0x376, 15 } };

static struct piix3_ide *piix3_ide_of(struct pci_dev *d)
{
	return container_of(d, struct piix3_ide, pci);
}

static struct piix3_ide *piix3_ide_dev(struct device *dev)
{
	return piix3_ide_of(container_of(dev, struct pci_dev, dev));
}

/* The legacy ports need I/O space on and the channel's decode bit. */
static void piix3_ide_update(struct piix3_ide *p)
{
	const uint8_t *c = p->pci.config;
	bool io = ld_le16(c + PCI_COMMAND) & PCI_COMMAND_IO;

	aspace_begin(&p->pci.dev.vm->io);
	for (unsigned i = 0; i < 2; i++) {
		bool on = io && (ld_le16(c + PIIX3_IDE_TIM + 2 * i) & TIM_ENABLE);

		mr_set_enabled(&p->ch[i].cmd_mr, on);
		mr_set_enabled(&p->ch[i].ctl_mr, on);
	}
	aspace_commit(&p->pci.dev.vm->io);
}

static void piix3_ide_after_write(struct pci_dev *d, unsigned off, uint32_t val,
                                  unsigned size)
{
	(void)val;
	if (ranges_overlap(off, size, PCI_COMMAND, 2) ||
	    ranges_overlap(off, size, PIIX3_IDE_TIM, 4)) {
		piix3_ide_update(piix3_ide_of(d));
	}
}

static void piix3_ide_config_reset(struct pci_dev *d)
{
	piix3_ide_update(piix3_ide_of(d));
}

static int piix3_ide_realize(struct device *dev, struct err *e)
{
	struct piix3_ide *p = piix3_ide_dev(dev);
	struct pci_dev *d = &p->pci;
	int r;

	mr_init_container(&p->bar, "ide-bus-masters", 16);
	r = pci_bar_add(d, 4, PCI_BAR_IO, &p->bar, e);
	if (r < 0) {
		return r;
	}
	st_le16(d->config + PCI_STATUS, 0x0280);
	for (unsigned i = 0; i < 2; i++) {
		st_le16(d->wmask + PIIX3_IDE_TIM + 2 * i, TIM_MASK);
		mr_add(&p->bar, 8 * i, &p->ch[i].bm_mr, 0);
		mr_add(&dev->vm->io_root, piix3_ide_at[i].cmd, &p->ch[i].cmd_mr, 0);
		mr_add(&dev->vm->io_root, piix3_ide_at[i].ctl, &p->ch[i].ctl_mr, 0);
	}
	d->wmask[SIDETIM] = 0xff;
	dev->child = &p->ch[0].bus;
	LOCK_SCOPE(&dev->lk);
	piix3_ide_update(p);
	return 0;
}

static void piix3_ide_unrealize(struct device *dev)
{
	struct piix3_ide *p = piix3_ide_dev(dev);

	/* device_unrealize() has emptied the first channel. */
	while (!list_empty(&p->ch[1].bus.devices)) {
		struct device *kid =
			list_first(&p->ch[1].bus.devices, struct device, link);

		device_unrealize(kid);
		device_free(kid);
	}
	for (unsigned i = 0; i < 2; i++) {
		mr_del(&p->ch[i].cmd_mr);
		mr_del(&p->ch[i].ctl_mr);
	}
	pci_dev_fini(&p->pci);
	for (unsigned i = 0; i < 2; i++) {
		mr_del(&p->ch[i].bm_mr);
		ide_bus_fini(&p->ch[i]);
	}
}

static void piix3_ide_reset(struct device *dev)
{
	struct piix3_ide *p = piix3_ide_dev(dev);

	/* Before the drives' own resets, which wait for what is in flight. */
	for (unsigned i = 0; i < 2; i++) {
		ide_bus_reset(&p->ch[i]);
	}
}

static int piix3_ide_post_load(struct device *dev, struct err *e)
{
	struct piix3_ide *p = piix3_ide_dev(dev);
	int r = pci_post_load(&p->pci, e);

	if (r == 0) {
		for (unsigned i = 0; i < 2; i++) {
			ide_bus_loaded(&p->ch[i]);
		}
		LOCK_SCOPE(&dev->lk);
		piix3_ide_update(p);
	}
	return r;
}

static const struct pci_class_ops piix3_ide_ops = {
	.vendor = 0x8086,
	.device = 0x7010,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class_code = 0x010180,
	.after_write = piix3_ide_after_write,
	.config_reset = piix3_ide_config_reset,
};

static const struct state_field piix3_ide_state[] = {
	PCI_STATE(struct piix3_ide, pci),
	{ .name = "channel",
	  .type = STATE_STRUCT,
	  .offset = offsetof(struct piix3_ide, ch),
	  .count = 2,
	  .stride = sizeof(struct ide_bus),
	  .sub = ide_bus_state },
	{ .name = NULL },
};

static const struct device_class piix3_ide_class = {
	.name = "piix3-ide",
	.bus = "pci",
	.description = "PIIX3 IDE controller",
	.category = "storage",
	.instance_size = sizeof(struct piix3_ide),
	.bus_props = pci_bus_props,
	.internal = true,
	.state = piix3_ide_state,
	.realize = piix3_ide_realize,
	.unrealize = piix3_ide_unrealize,
	.reset = piix3_ide_reset,
	.post_load = piix3_ide_post_load,
	.ops = &piix3_ide_ops,
};

struct device *piix3_ide_create(struct pci_host *h, const struct irq *gsi,
                                struct err *e)
{
	static const char *const names[2] = { "ide.0", "ide.1" };
	struct device *dev = device_new_own(h->dev.vm, &piix3_ide_class, e);
	struct piix3_ide *p;

	if (!dev) {
		return NULL;
	}
	p = piix3_ide_dev(dev);
	p->pci.prop_addr = PIIX3_IDE_DEVFN;
	for (unsigned i = 0; i < 2; i++) {
		ide_bus_init(&p->ch[i], names[i], &p->pci, &gsi[piix3_ide_at[i].irq]);
	}
	if (device_realize(dev, &h->root.bus, e) < 0) {
		for (unsigned i = 0; i < 2; i++) {
			ide_bus_fini(&p->ch[i]);
		}
		device_free(dev);
		return NULL;
	}
	return dev;
}

void piix3_ide_enable(struct device *dev)
{
	for (unsigned i = 0; i < 2; i++) {
		pci_config_write(&piix3_ide_dev(dev)->pci, PIIX3_IDE_TIM + 2 * i,
		                 TIM_ENABLE, 2);
	}
}

/* LBA translation for what has more cylinders than the BIOS interface can name. */
uint8_t piix3_ide_translation(const struct device *dev)
{
	const struct piix3_ide *p = container_of(container_of(dev, struct pci_dev, dev),
	                                         const struct piix3_ide, pci);
	uint8_t v = 0;

	for (unsigned i = 0; i < 4; i++) {
		const struct ide_drive *d = p->ch[i / 2].drive[i & 1];

		if (d && !d->cd && d->cyls > 1024) {
			v |= (uint8_t)(1u << 2 * i);
		}
	}
	return v;
}
