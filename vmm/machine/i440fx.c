/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * i440fx.c - board pc: Intel 440FX host bridge and PIIX3, as PCs of 1996 on, with the
 * power management of a PIIX4.
 *
 *   0x00000000  RAM (to 3 GiB, or to 3.5 GiB when all of it fits)
 *   0x80000000  PCI memory window, or from 3 or 3.5 GiB on when RAM is there; up to
 *   0xfec00000  IOAPIC   0xfed00000 HPET   0xfee00000 local APICs
 *   0x100000000 the rest of RAM, then a 64-bit PCI window
 *
 *   00:00.0 host bridge   00:01.0 ISA bridge   00:01.1 IDE   00:01.3 power management
 *
 * Without firmware the board does at reset what one would do: PIRQ routing and BARs
 * (pci-setup.c). PCI interrupts are ISA interrupts 10 and 11: see isa-piix3.h.
 *
 * Known gaps: no SMM, no pflash, no floppy controller, no USB; no ACPI PCI hot-plug.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "core/vm.h"
#include "devices/block/ide-piix3.h"
#include "devices/bus/isa-piix3.h"
#include "devices/bus/pci-i440fx.h"
#include "devices/fw/piix4-pm.h"
#include "devices/timer/rtc.h"
#include "machine/pc.h"

enum { I440FX_LOW_ALL = 0xe0000000u, I440FX_LOW_SPLIT = 0xc0000000u };

struct i440fx_board {
	struct pc pc;
	struct pci_host *host;
	struct i440fx *bridge;
	struct piix3 *piix3;
	struct device *ide;
	struct piix4_pm *pm;
	struct pci_windows win;
};

/* ---- build ---- */

static uint64_t i440fx_low_end(const struct machine *m)
{
	return m->cfg.ram_size > I440FX_LOW_ALL ? I440FX_LOW_SPLIT : I440FX_LOW_ALL;
}

/* The same rule as SeaBIOS has: the tables' window must hold what it places. */
static uint64_t i440fx_mem_start(const struct machine *m)
{
	return m->low_size <= 0x80000000u ? 0x80000000u
	                                  : MAX(m->low_size, UINT64_C(0xc0000000));
}

static int i440fx_build_pci(struct machine *m, struct i440fx_board *b, struct err *e)
{
	struct pci_host_cfg hc = { .bus_name = "pci.0", .ports = true };
	struct i440fx_cfg fc = { .ram_below_1m = pc_direct(m), .low_ram = &m->ram_mr };
	struct piix4_pm_cfg pc = { .firmware = !pc_direct(m),
		                   .sci = b->pc.irq->gsi[PIIX4_SCI_IRQ] };

	b->host = pci_host_create(m->vm, &hc, e);
	b->bridge = b->host ? i440fx_create(b->host, &fc, e) : NULL;
	b->piix3 = b->bridge ? piix3_create(b->host, b->pc.irq->gsi, e) : NULL;
	b->ide = b->piix3 ? piix3_ide_create(b->host, b->pc.irq->gsi, e) : NULL;
	b->pm = b->ide ? piix4_pm_create(b->host, &pc, e) : NULL;
	if (!b->pm) {
		return -EINVAL;
	}
	m->isa = b->piix3->isa;
	m->vm->root_bus_dev = &b->host->dev;
	return 0;
}

static int i440fx_build(struct machine *m, struct err *e)
{
	struct i440fx_board *b = calloc(1, sizeof(*b));
	int r;

	if (!b) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	m->board = b;
	b->pc.m = m;
	pc_map_ram(m, i440fx_low_end(m));
	r = pc_legacy_props(m, e);
	r = r < 0 ? r : pc_irqchips(m, true, e);
	r = r < 0 ? r : i440fx_build_pci(m, b, e);
	r = r < 0 ? r : pc_legacy_build(m, e);
	r = r < 0 ? r : pc_cpus_build(m, b->pm->pm, e);
	if (r >= 0 && !pc_direct(m)) {
		r = pc_map_firmware(m, "bios-256k.bin", &b->host->mem, e);
	}
	return r;
}

/* ---- tables, finish and reset ---- */

static unsigned i440fx_gsi(unsigned slot, unsigned pin)
{
	return pc_pirq_route[piix3_pirq(slot, pin)];
}

static void i440fx_dsdt(struct machine *m, struct i440fx_board *b)
{
	struct aml *a = &b->pc.dsdt;

	aml_init(a);
	aml_scope(a, "\\_SB");
	aml_device(a, "PCI0");
	aml_name_eisaid(a, "_HID", "PNP0A03");
	aml_name_int(a, "_UID", 0);
	pc_aml_prt(a, i440fx_gsi);
	pc_aml_pci_crs(a, &b->win);
	pc_aml_isa(a, m, PIIX3_SLOT);
	aml_end(a);
	pc_aml_board(a, m, 0, 0, PIIX4_PM_BASE, acpi_pm_piix4.size);
	aml_end(a);
	pc_aml_cpus(a, m);
	pc_aml_s5(a, ACPI_PM_S5);
}

static void i440fx_firmware(struct machine *m)
{
	struct i440fx_board *b = m->board;

	for (unsigned i = 0; i < PIIX3_LINES; i++) {
		pci_config_write(&b->piix3->pci, PIIX3_PIRQRC + i, pc_pirq_route[i], 1);
	}
	pc_legacy_elcr(m);
	piix3_ide_enable(b->ide);
	pci_setup(b->host, &b->win);
	pci_config_write(&b->pm->pci, PCI_INT_LINE, PIIX4_SCI_IRQ, 1);
}

static int i440fx_finish(struct machine *m, struct err *e)
{
	static const struct boot_mem extra[] = {
		{ 0xfeffc000, 0x4000, MEM_RESERVED }, /* KVM's own pages */
	};
	struct i440fx_board *b = m->board;
	struct acpi_desc d = pc_legacy_acpi(m);
	int r;

	d.pm_io = PIIX4_PM_BASE;
	d.gpe0_io = PIIX4_PM_BASE + acpi_pm_piix4.gpe0;
	d.gpe0_len = 2 * acpi_pm_piix4.gpe_half;
	b->win = pc_legacy_windows(m, i440fx_mem_start(m));
	i440fx_dsdt(m, b);
	rtc_set_cmos(b->pc.legacy.rtc, 0x39, piix3_ide_translation(b->ide));
	b->pc.firmware = i440fx_firmware;
	r = pc_boot_order(m, e);
	return r < 0 ? r : pc_finish(m, &d, extra, ARRAY_LEN(extra), e);
}

static const char *const i440fx_aliases[] = { "pc-i440fx-*", NULL };

const struct machine_class machine_pc = {
	.name = "pc",
	.description = "Standard PC (i440FX + PIIX, 1996)",
	.aliases = i440fx_aliases,
	.versioned = "pc-i440fx-7.2",
	.arch = "x86_64",
	.ram_id = "pc.ram",
	.default_cpu = "max",
	.blk_driver = "virtio-blk-pci",
	.net_driver = "virtio-net-pci",
	.has_ide = true,
	.max_cpus = 254,
	.has_cpu_hotplug = true,
	.default_ram = 512 << 20,
	.build = i440fx_build,
	.finish = i440fx_finish,
	.fini = pc_fini,
};
