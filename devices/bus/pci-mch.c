/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pci-mch.c - function 00:00.0 of a q35 board (Intel 3 Series Express Chipset data
 * sheet, ch. 5): ECAM window, PAM, and the registers firmware reads memory sizes from.
 *
 * Threads: vCPU threads, dev.lk.
 * Known gaps: no SMM (SMRAM registers hold their bits only); a PAM area set to
 * "write RAM, read PCI" behaves as RAM.
 */
#include "config.h"

#include "devices/bus/pci-mch.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/vm.h"

enum {
	MCH_PCIEXBAR = 0x60,
	MCH_PAM0 = 0x90,
	MCH_PAM_LAST = 0x96,
	MCH_SMRAM = 0x9d,
	MCH_ESMRAMC = 0x9e,
	MCH_TOLUD = 0xb0,
	MCH_TOUUD = 0xa2,
};

#define MCH_VGA_START 0xa0000u
#define MCH_VGA_SIZE  0x20000u

/* Area i: 0 is f0000-fffff (PAM0 high), then pairs of 16 KiB from c0000 up. */
static void mch_area(unsigned i, gpa_t *start, uint64_t *size)
{
	*start = i ? 0xc0000 + (i - 1) * 0x4000 : 0xf0000;
	*size = i ? 0x4000 : 0x10000;
}

static unsigned mch_pam(const struct mch *m, unsigned i)
{
	unsigned reg = MCH_PAM0 + (i + 1) / 2, high = !(i & 1);

	return (m->pci.config[reg] >> (high ? 4 : 0)) & 3;
}

static void mch_update_pam(struct mch *m)
{
	struct vm *vm = m->pci.dev.vm;

	aspace_begin(&vm->mem);
	for (unsigned i = 0; i < MCH_PAM_AREAS; i++) {
		unsigned v = mch_pam(m, i);

		mr_set_enabled(&m->area[i], v == 0);
		if (m->cfg.low_ram) {
			mr_set_enabled(&m->ro[i], v == 1);
		}
	}
	aspace_commit(&vm->mem);
}

static void mch_update_ecam(struct mch *m)
{
	static const unsigned buses[4] = { 256, 128, 64, 0 };
	uint64_t v = ld_le64(m->pci.config + MCH_PCIEXBAR);
	unsigned n = buses[(v >> 1) & 3];
	uint64_t base = n ? v & UINT64_C(0xfffffffff) & ~(((uint64_t)n << 20) - 1) : 0;

	pci_host_set_ecam(m->host, base, n, (v & 1) && n);
}

static void mch_after_write(struct pci_dev *d, unsigned off, uint32_t val, unsigned size)
{
	struct mch *m = container_of(d, struct mch, pci);

	(void)val;
	if (ranges_overlap(off, size, MCH_PCIEXBAR, 8)) {
		mch_update_ecam(m);
	}
	if (ranges_overlap(off, size, MCH_PAM0, MCH_PAM_LAST + 1 - MCH_PAM0)) {
		mch_update_pam(m);
	}
}

static void mch_config_reset(struct pci_dev *d)
{
	struct mch *m = container_of(d, struct mch, pci);

	for (unsigned r = MCH_PAM0; r <= MCH_PAM_LAST; r++) {
		d->config[r] = !m->cfg.ram_below_1m ? 0 : r == MCH_PAM0 ? 0x30 : 0x33;
	}
	d->config[MCH_SMRAM] = 0x02;
	d->config[MCH_ESMRAMC] = 0x38;
	st_le64(d->config + MCH_PCIEXBAR, m->cfg.ecam_base ? m->cfg.ecam_base | 1 : 0);
	st_le16(d->config + MCH_TOLUD, (uint16_t)(m->cfg.low_ram_end >> 16 & 0xfff0));
	mch_update_ecam(m);
	mch_update_pam(m);
}

static int mch_realize(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	struct mch *m = container_of(d, struct mch, pci);
	struct vm *vm = dev->vm;

	(void)e;
	m->host = d->bus->host;
	st_le64(d->wmask + MCH_PCIEXBAR, UINT64_C(0xffc000007) | UINT64_C(0xf0000000));
	for (unsigned r = MCH_PAM0; r <= MCH_PAM_LAST; r++) {
		d->wmask[r] = r == MCH_PAM0 ? 0x30 : 0x33;
	}
	d->wmask[MCH_SMRAM] = 0x78;
	st_le16(d->wmask + MCH_TOLUD, 0xfff0);
	st_le16(d->wmask + MCH_TOUUD, 0xffff);

	mr_init_alias(&m->vga, "vga-window", &m->host->mem, MCH_VGA_START, MCH_VGA_SIZE);
	mr_add(&vm->mem_root, MCH_VGA_START, &m->vga, 1);
	for (unsigned i = 0; i < MCH_PAM_AREAS; i++) {
		gpa_t start;
		uint64_t size;

		mch_area(i, &start, &size);
		mr_init_alias(&m->area[i], "pam-pci", &m->host->mem, start, size);
		mr_add(&vm->mem_root, start, &m->area[i], 1);
		if (m->cfg.low_ram) {
			mr_init_alias(&m->ro[i], "pam-ro", m->cfg.low_ram, start, size);
			mr_set_readonly(&m->ro[i], true);
			mr_set_enabled(&m->ro[i], false);
			mr_add(&vm->mem_root, start, &m->ro[i], 1);
		}
	}
	LOCK_SCOPE(&dev->lk);
	mch_config_reset(d);
	return 0;
}

static void mch_unrealize(struct device *dev)
{
	struct mch *m = container_of(container_of(dev, struct pci_dev, dev), struct mch, pci);

	mr_del(&m->vga);
	for (unsigned i = 0; i < MCH_PAM_AREAS; i++) {
		mr_del(&m->area[i]);
		if (m->cfg.low_ram) {
			mr_del(&m->ro[i]);
		}
	}
}

static int mch_post_load(struct device *dev, struct err *e)
{
	struct pci_dev *d = container_of(dev, struct pci_dev, dev);
	int r = pci_post_load(d, e);

	if (r == 0) {
		LOCK_SCOPE(&dev->lk);
		mch_update_ecam(container_of(d, struct mch, pci));
		mch_update_pam(container_of(d, struct mch, pci));
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
	struct device *dev = device_new(h->dev.vm, &mch_class, NULL);
	struct mch *m;

	if (!dev) {
		err_set(e, -ENOMEM, "out of memory for the host bridge");
		return NULL;
	}
	m = container_of(container_of(dev, struct pci_dev, dev), struct mch, pci);
	m->cfg = *cfg;
	m->pci.prop_addr = PCI_DEVFN(0, 0);
	if (device_realize(dev, &h->root.bus, e) < 0) {
		device_free(dev);
		return NULL;
	}
	return m;
}
