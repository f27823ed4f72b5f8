/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-piix3.c - the PIIX3's ISA bridge (Intel 82371SB data sheet, ch. 2.2): ISA bus and
 * PIRQ routing. See isa-piix3.h.
 *
 * Threads: vCPU threads under dev.lk; lines from anywhere, see pirq.h.
 * Known gaps: the registers of ISA DMA, of the BIOS chip select and of SMI hold nothing;
 * no APIC chip select (the IOAPIC is always there).
 */
#include "config.h"

#include "devices/bus/isa-piix3.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "core/vm.h"

unsigned piix3_pirq(unsigned slot, unsigned pin)
{
	return (slot - PIIX3_SLOT + pin) & 3;
}

static unsigned piix3_map(void *arg, unsigned slot, unsigned pin)
{
	(void)arg;
	return piix3_pirq(slot, pin);
}

static void piix3_pirq_set(void *arg, unsigned n, int level)
{
	struct piix3 *p = arg;

	pirq_set(&p->pirq, n, level);
}

static struct piix3 *piix3_of(struct pci_dev *d)
{
	return container_of(d, struct piix3, pci);
}

static void piix3_update(struct piix3 *p)
{
	pirq_set_routes(&p->pirq, 0, p->pci.config + PIIX3_PIRQRC, PIIX3_LINES);
}

static void piix3_after_write(struct pci_dev *d, unsigned off, uint32_t val,
                              unsigned size)
{
	(void)val;
	if (ranges_overlap(off, size, PIIX3_PIRQRC, PIIX3_LINES)) {
		piix3_update(piix3_of(d));
	}
}

static void piix3_config_reset(struct pci_dev *d)
{
	memset(d->config + PIIX3_PIRQRC, PIRQ_OFF, PIIX3_LINES);
	piix3_update(piix3_of(d));
}

static int piix3_realize(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct piix3 *p = piix3_of(d);
	struct irq line[PCI_ROOT_LINES] = { { NULL, NULL, 0 } };

	p->host = d->bus->host;
	p->isa = isa_bus_new(dev->vm, dev, "isa.0", NULL, p->gsi);
	if (!p->isa) {
		return err_set(e, -ENOMEM, "out of memory for the ISA bus");
	}
	dev->child = &p->isa->bus;
	pirq_init(&p->pirq, p->gsi);
	st_le16(d->config + PCI_STATUS, 0x0200); /* medium DEVSEL */
	memset(d->wmask + PIIX3_PIRQRC, 0x8f, PIIX3_LINES);
	for (unsigned i = 0; i < PIIX3_LINES; i++) {
		line[i] = (struct irq){ piix3_pirq_set, p, i };
	}
	pci_host_set_irqs(p->host, piix3_map, NULL, line);
	LOCK_SCOPE(&dev->lk);
	piix3_config_reset(d);
	return 0;
}

static void piix3_unrealize(struct device *dev)
{
	struct piix3 *p = piix3_of(container_of(dev, struct pci_dev, dev));
	const struct irq none[PCI_ROOT_LINES] = { { NULL, NULL, 0 } };

	pci_host_set_irqs(p->host, NULL, NULL, none);
	isa_bus_free(p->isa);
	pirq_fini(&p->pirq);
}

static int piix3_post_load(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	int r = pci_post_load(d, e);

	if (r == 0) {
		LOCK_SCOPE(&dev->lk);
		piix3_update(piix3_of(d));
	}
	return r;
}

static const struct pci_class_ops piix3_ops = {
	.vendor = 0x8086,
	.device = 0x7000,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class_code = 0x060100,
	.after_write = piix3_after_write,
	.config_reset = piix3_config_reset,
};

static const struct state_field piix3_state[] = {
	PCI_STATE(struct piix3, pci),
	{ .name = "pirq_level",
	  .type = STATE_U8,
	  .offset = offsetof(struct piix3, pirq.level),
	  .count = 1,
	  .min = 0,
	  .max = 15 },
	{ .name = NULL },
};

static const struct device_class piix3_class = {
	.name = "PIIX3",
	.bus = "pci",
	.description = "PIIX3 ISA bridge",
	.category = "bridge",
	.instance_size = sizeof(struct piix3),
	.bus_props = pci_bus_props,
	.internal = true,
	.state = piix3_state,
	.realize = piix3_realize,
	.unrealize = piix3_unrealize,
	.post_load = piix3_post_load,
	.ops = &piix3_ops,
};

struct piix3 *piix3_create(struct pci_host *h, const struct irq *gsi, struct err *e)
{
	struct device *dev = device_new_own(h->dev.vm, &piix3_class, e);
	struct piix3 *p;

	if (!dev) {
		return NULL;
	}
	p = piix3_of(container_of(dev, struct pci_dev, dev));
	memcpy(p->gsi, gsi, sizeof(p->gsi));
	p->pci.prop_addr = PCI_DEVFN(PIIX3_SLOT, 0);
	p->pci.prop_multifunction = true;
	return device_realize_own(dev, &h->root.bus, e) ? p : NULL;
}
