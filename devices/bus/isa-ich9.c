/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * isa-ich9.c - the ICH9 LPC bridge, 00:1f.0 (ICH9 data sheet ch. 13): ISA bus, PIRQ
 * routing, PMBASE, RCBA.
 *
 * Threads: vCPU threads under dev.lk; lines from anywhere, see pirq.h.
 * Known gaps: no SMM, GPIO, watchdog (TCO); RCBA registers are plain storage.
 */
#include "config.h"

#include "devices/bus/isa-ich9.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "core/vm.h"

enum {
	LPC_PMBASE = 0x40,
	LPC_ACPI_CNTL = 0x44,
	LPC_PIRQA = 0x60,
	LPC_PIRQE = 0x68,
	LPC_GEN_PMCON1 = 0xa0,
	LPC_RCBA = 0xf0,
	LPC_PMBASE_MASK = 0xff80,
	RCBA_SIZE = 0x4000,
	RCBA_D31IP = 0x3100,
	RCBA_GCS = 0x3410,
};

#define LPC_ACPI_EN 0x80

unsigned ich9_pirq(unsigned slot, unsigned pin)
{
	return slot < 25 ? 4 + ((slot + pin) & 3) : pin & 3;
}

static unsigned ich9_map(void *arg, unsigned slot, unsigned pin)
{
	(void)arg;
	return ich9_pirq(slot, pin);
}

/* ---- PIRQs ---- */

static void ich9_pirq_set(void *arg, unsigned n, int level)
{
	struct ich9_lpc *l = arg;

	irq_set(&l->gsi[ICH9_GSI_PIRQ + n], level);
	pirq_set(&l->pirq, n, level);
}

static void ich9_update_routes(struct ich9_lpc *l)
{
	pirq_set_routes(&l->pirq, 0, l->pci.config + LPC_PIRQA, 4);
	pirq_set_routes(&l->pirq, 4, l->pci.config + LPC_PIRQE, 4);
}

/* ---- windows ---- */

static void ich9_update_pmbase(struct ich9_lpc *l)
{
	struct vm *vm = l->pci.dev.vm;
	const uint8_t *c = l->pci.config;
	struct mr *m = acpi_pm_region(l->pm);
	gpa_t base = ld_le16(c + LPC_PMBASE) & LPC_PMBASE_MASK;
	bool on = (c[LPC_ACPI_CNTL] & LPC_ACPI_EN) && base;

	if (on == l->pmbase_on && (!on || m->addr == base)) {
		return;
	}
	aspace_begin(&vm->io);
	if (l->pmbase_on) {
		mr_del(m);
	}
	l->pmbase_on = on;
	if (on) {
		mr_add(&vm->io_root, base, m, 0);
	}
	aspace_commit(&vm->io);
}

static void ich9_update_rcba(struct ich9_lpc *l)
{
	struct vm *vm = l->pci.dev.vm;
	uint32_t v = ld_le32(l->pci.config + LPC_RCBA);
	gpa_t base = v & 0xffffc000;
	bool on = (v & 1) && base;

	if (on == l->rcba_on && (!on || l->rcba.addr == base)) {
		return;
	}
	aspace_begin(&vm->mem);
	if (l->rcba_on) {
		mr_del(&l->rcba);
	}
	l->rcba_on = on;
	if (on) {
		mr_add(&vm->mem_root, base, &l->rcba, 1);
	}
	aspace_commit(&vm->mem);
}

static uint64_t ich9_rcba_read(void *opaque, uint64_t off, unsigned size)
{
	struct ich9_lpc *l = opaque;

	return range_fits(off, size, RCBA_SIZE) ? ld_le(l->rcba_regs + off, size) : 0;
}

static void ich9_rcba_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ich9_lpc *l = opaque;

	if (range_fits(off, size, RCBA_SIZE)) {
		st_le(l->rcba_regs + off, val, size);
	}
}

static const struct mr_ops ich9_rcba_ops = {
	.read = ich9_rcba_read,
	.write = ich9_rcba_write,
	.min = 1,
	.max = 4,
	.split = true,
};

/* ---- config space ---- */

static void ich9_update_all(struct ich9_lpc *l)
{
	ich9_update_routes(l);
	ich9_update_pmbase(l);
	ich9_update_rcba(l);
}

static void ich9_after_write(struct pci_dev *d, unsigned off, uint32_t val,
                             unsigned size)
{
	(void)val;
	if (off + size > LPC_PMBASE) {
		ich9_update_all(container_of(d, struct ich9_lpc, pci));
	}
}

static void ich9_config_reset(struct pci_dev *d)
{
	struct ich9_lpc *l = container_of(d, struct ich9_lpc, pci);

	st_le32(d->config + LPC_PMBASE, 1 | (l->cfg.firmware ? 0 : ICH9_PMBASE));
	d->config[LPC_ACPI_CNTL] = l->cfg.firmware ? 0 : LPC_ACPI_EN;
	memset(d->config + LPC_PIRQA, PIRQ_OFF, 4);
	memset(d->config + LPC_PIRQE, PIRQ_OFF, 4);
	memset(l->rcba_regs, 0, sizeof(l->rcba_regs));
	st_le32(l->rcba_regs + RCBA_D31IP, 0x03243200);
	for (unsigned i = 0; i < 6; i++) { /* DxxIR: INTA..D on PIRQA..D */
		st_le16(l->rcba_regs + 0x3140 + 2 * i, 0x3210);
	}
	st_le32(l->rcba_regs + RCBA_GCS, 0x20);
	ich9_update_all(l);
}

static void ich9_wmask_init(struct pci_dev *d)
{
	st_le32(d->wmask + LPC_PMBASE, LPC_PMBASE_MASK);
	d->wmask[LPC_ACPI_CNTL] = LPC_ACPI_EN; /* SCI stays on 9 */
	memset(d->wmask + LPC_PIRQA, 0x8f, 4);
	memset(d->wmask + LPC_PIRQE, 0x8f, 4);
	st_le16(d->wmask + LPC_GEN_PMCON1, 0xffff);
	st_le32(d->wmask + LPC_RCBA, 0xffffc001);
}

static int ich9_make_children(struct ich9_lpc *l, struct err *e)
{
	struct device *dev = &l->pci.dev;
	struct acpi_pm_cfg pm = {
		.sci = l->gsi[ICH9_SCI_IRQ],
		.acpi_mode = true,
	};

	l->isa = isa_bus_new(dev->vm, dev, "isa.0", NULL, l->gsi);
	if (!l->isa) {
		return err_set(e, -ENOMEM, "out of memory for the ISA bus");
	}
	dev->child = &l->isa->bus;
	l->pm = acpi_pm_create(dev->vm, &pm, e);
	if (!l->pm) {
		isa_bus_free(l->isa);
		return -ENOMEM;
	}
	return 0;
}

static int ich9_realize(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct ich9_lpc *l = container_of(d, struct ich9_lpc, pci);
	struct irq pirq[PCI_ROOT_LINES];
	int r;

	l->host = d->bus->host;
	r = ich9_make_children(l, e);
	if (r < 0) {
		return r;
	}
	pirq_init(&l->pirq, l->cfg.pic);
	ich9_wmask_init(d);
	mr_init_io(&l->rcba, "rcba", RCBA_SIZE, &ich9_rcba_ops, l, &dev->lk);
	mr_add(&dev->vm->io_root, ACPI_PM_SMI_CMD, acpi_pm_smi_region(l->pm), 0);
	for (unsigned i = 0; i < PCI_ROOT_LINES; i++) {
		pirq[i] = (struct irq){ ich9_pirq_set, l, i };
	}
	pci_host_set_irqs(l->host, ich9_map, NULL, pirq);
	LOCK_SCOPE(&dev->lk);
	ich9_config_reset(d);
	return 0;
}

static void ich9_unrealize(struct device *dev)
{
	struct ich9_lpc *l = container_of(container_of(dev, struct pci_dev, dev),
	                                  struct ich9_lpc, pci);
	const struct irq none[PCI_ROOT_LINES] = { { NULL, NULL, 0 } };

	pci_host_set_irqs(l->host, NULL, NULL, none);
	if (l->pmbase_on) {
		mr_del(acpi_pm_region(l->pm));
	}
	if (l->rcba_on) {
		mr_del(&l->rcba);
	}
	mr_del(acpi_pm_smi_region(l->pm));
	isa_bus_free(l->isa);
	pirq_fini(&l->pirq);
}

static int ich9_post_load(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	int r = pci_post_load(d, e);

	if (r == 0) {
		LOCK_SCOPE(&dev->lk);
		ich9_update_all(container_of(d, struct ich9_lpc, pci));
	}
	return r;
}

static const struct pci_class_ops ich9_ops = {
	.vendor = 0x8086,
	.device = 0x2918,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class_code = 0x060100,
	.revision = 2,
	.after_write = ich9_after_write,
	.config_reset = ich9_config_reset,
};

static const struct state_field ich9_state[] = {
	PCI_STATE(struct ich9_lpc, pci),
	{ .name = "rcba_regs",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct ich9_lpc, rcba_regs),
	  .count = RCBA_SIZE },
	{ .name = "pirq_level",
	  .type = STATE_U8,
	  .offset = offsetof(struct ich9_lpc, pirq.level),
	  .count = 1 },
	{ .name = NULL },
};

static const struct device_class ich9_class = {
	.name = "ICH9-LPC",
	.bus = "pci",
	.description = "ICH9 LPC bridge",
	.category = "bridge",
	.instance_size = sizeof(struct ich9_lpc),
	.bus_props = pci_bus_props,
	.internal = true,
	.state = ich9_state,
	.realize = ich9_realize,
	.unrealize = ich9_unrealize,
	.post_load = ich9_post_load,
	.ops = &ich9_ops,
};

struct ich9_lpc *ich9_create(struct pci_host *h, const struct ich9_cfg *cfg,
                             struct err *e)
{
	struct device *dev = device_new_own(h->dev.vm, &ich9_class, e);
	struct ich9_lpc *l;

	if (!dev) {
		return NULL;
	}
	l = container_of(container_of(dev, struct pci_dev, dev), struct ich9_lpc, pci);
	l->cfg = *cfg;
	for (unsigned i = 0; cfg->gsi && i < ARRAY_LEN(l->gsi); i++) {
		l->gsi[i] = cfg->gsi[i];
	}
	l->pci.prop_addr = PCI_DEVFN(ICH9_SLOT, 0);
	l->pci.prop_multifunction = true;
	return device_realize_own(dev, &h->root.bus, e) ? l : NULL;
}
