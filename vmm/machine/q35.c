/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * q35.c - board q35: Intel Q35 memory controller hub and ICH9, as PCs of 2008 on.
 *
 *   0x00000000  RAM (to 2 GiB, or all of it when that is less than 2.75 GiB)
 *   0xb0000000  PCIe configuration space, 256 buses
 *   0xc0000000  PCI memory window, up to the chips at 0xfec00000
 *   0xfec00000  IOAPIC   0xfed00000 HPET   0xfee00000 local APICs
 *   0x100000000 the rest of RAM, then a 64-bit PCI window
 *
 * Without firmware the board does at reset what one would do: PIRQ routing, bus
 * numbers and BARs (pci-setup.c). Interrupt rule of PCI: see isa-ich9.h.
 *
 * Known gaps: no SMM, no AHCI, no SMBus, no pflash; no ACPI PCI hot-plug (PCIe
 * native hot-plug at root ports).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "base/bytes.h"
#include "core/vm.h"
#include "devices/bus/isa-ich9.h"
#include "devices/bus/pci-host.h"
#include "devices/bus/pci-mch.h"
#include "machine/pc.h"

enum {
	Q35_LOW_MAX = 0x80000000u, /* low RAM when it does not all fit below the ECAM */
	Q35_ECAM = 0xb0000000u,
	Q35_ECAM_SIZE = 0x10000000,
	Q35_MEM = 0xc0000000u,
	Q35_NATIVE = 0x1f, /* _OSC: hot-plug, SHPC, PME, AER, capability structure */
};

struct q35 {
	struct pc pc;
	struct pci_host *host;
	struct mch *mch;
	struct ich9_lpc *lpc;
	struct pci_windows win;
};

/* ---- build ---- */

static uint64_t q35_low_end(const struct machine *m)
{
	return m->cfg.ram_size > Q35_ECAM ? Q35_LOW_MAX : Q35_ECAM;
}

static int q35_build_pci(struct machine *m, struct q35 *q, struct err *e)
{
	struct pci_host_cfg hc = { .bus_name = "pcie.0", .ports = true, .buses = 256 };
	struct mch_cfg mc = { .ecam_base = pc_direct(m) ? Q35_ECAM : 0,
		              .ram_below_1m = pc_direct(m),
		              .low_ram = &m->ram_mr,
		              .low_ram_end = m->low_size };
	struct ich9_cfg ic = { .firmware = !pc_direct(m),
		               .gsi = q->pc.irq->gsi,
		               .pic = q->pc.irq->pic_line };

	q->host = pci_host_create(m->vm, &hc, e);
	if (!q->host) {
		return -EINVAL;
	}
	q->mch = mch_create(q->host, &mc, e);
	if (!q->mch) {
		return -EINVAL;
	}
	q->lpc = ich9_create(q->host, &ic, e);
	if (!q->lpc) {
		return -EINVAL;
	}
	m->isa = q->lpc->isa;
	m->vm->root_bus_dev = &q->host->dev;
	return 0;
}

static int q35_build(struct machine *m, struct err *e)
{
	struct q35 *q = calloc(1, sizeof(*q));
	int r;

	if (!q) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	m->board = q;
	q->pc.m = m;
	pc_map_ram(m, q35_low_end(m));
	r = pc_legacy_props(m, e);
	r = r < 0 ? r : pc_irqchips(m, true, e);
	r = r < 0 ? r : q35_build_pci(m, q, e);
	r = r < 0 ? r : pc_legacy_build(m, e);
	r = r < 0 ? r : pc_cpus_build(m, q->lpc->pm, e);
	if (r >= 0 && !pc_direct(m)) {
		r = pc_map_firmware(m, "bios-256k.bin", &q->host->mem, e);
	}
	return r;
}

/* ---- ACPI ---- */

/* PCI firmware 3.2, 4.5.1: the operating system gets what it asks for of Q35_NATIVE. */
static void q35_aml_osc(struct aml *a)
{
	aml_method(a, "_OSC", 4, false);
	for (unsigned i = 0; i < 3;
	     i += 2) { /* status and control; support is of no interest */
		char name[5] = { 'C', 'D', 'W', '1' + i, 0 };

		aml_create_dword_field(a);
		aml_arg(a, 3);
		aml_int(a, i * 4);
		aml_name_bare(a, name);
	}
	aml_if(a);
	aml_equal(a);
	aml_arg(a, 0);
	aml_uuid(a, "33db4d5b-1ff7-401c-9657-7441c03dd766");
	aml_store(a);
	aml_and(a);
	aml_ref(a, "CDW3");
	aml_int(a, Q35_NATIVE);
	aml_no_target(a);
	aml_ref(a, "CDW3");
	aml_end(a);
	aml_else(a);
	aml_or(a);
	aml_ref(a, "CDW1");
	aml_int(a, 4); /* unrecognised UUID */
	aml_ref(a, "CDW1");
	aml_end(a);
	aml_return(a);
	aml_arg(a, 3);
	aml_end(a);
}

static unsigned q35_gsi(unsigned slot, unsigned pin)
{
	return ICH9_GSI_PIRQ + ich9_pirq(slot, pin);
}

static void q35_dsdt(struct machine *m, struct q35 *q)
{
	struct aml *a = &q->pc.dsdt;

	aml_init(a);
	aml_scope(a, "\\_SB");
	aml_device(a, "PCI0");
	aml_name_eisaid(a, "_HID", "PNP0A08");
	aml_name_eisaid(a, "_CID", "PNP0A03");
	aml_name_int(a, "_UID", 0);
	aml_name_int(a, "_SEG", 0);
	aml_name_int(a, "_BBN", 0);
	q35_aml_osc(a);
	pc_aml_prt(a, q35_gsi);
	pc_aml_pci_crs(a, &q->win);
	pc_aml_isa(a, m, ICH9_SLOT);
	aml_end(a);
	pc_aml_board(a, m, Q35_ECAM, Q35_ECAM_SIZE, ICH9_PMBASE, acpi_pm_ich9.size);
	aml_end(a);
	pc_aml_cpus(a, m);
	pc_aml_s5(a, ACPI_PM_S5);
}

/* ---- finish and reset ---- */

static void q35_firmware(struct machine *m)
{
	struct q35 *q = m->board;
	struct pci_dev *lpc = &q->lpc->pci;

	for (unsigned i = 0; i < 8; i++) {
		pci_config_write(lpc, (i < 4 ? 0x60 : 0x64) + i, pc_pirq_route[i], 1);
	}
	pc_legacy_elcr(m);
	pci_setup(q->host, &q->win);
}

static int q35_finish(struct machine *m, struct err *e)
{
	static const struct boot_mem extra[] = {
		{ Q35_ECAM, Q35_ECAM_SIZE, MEM_RESERVED },
		{ 0xfeffc000, 0x4000, MEM_RESERVED }, /* KVM's own pages */
	};
	struct q35 *q = m->board;
	struct acpi_desc d = pc_legacy_acpi(m);
	int r;

	d.pm_io = ICH9_PMBASE;
	d.gpe0_io = ICH9_PMBASE + ICH9_GPE0;
	d.gpe0_len = ICH9_GPE0_LEN;
	d.ecam_base = Q35_ECAM;
	d.ecam_last_bus = 255;
	q->win = pc_legacy_windows(m, Q35_MEM);
	q35_dsdt(m, q);
	q->pc.firmware = q35_firmware;
	r = pc_boot_order(m, e);
	return r < 0 ? r : pc_finish(m, &d, extra, ARRAY_LEN(extra), e);
}

static const char *const q35_aliases[] = { "pc-q35-*", NULL };

const struct machine_class machine_q35 = {
	.name = "q35",
	.description = "Standard PC (Q35 + ICH9)",
	.aliases = q35_aliases,
	.versioned = "pc-q35-7.2",
	.arch = "x86_64",
	.ram_id = "pc.ram",
	.default_cpu = "max",
	.blk_driver = "virtio-blk-pci",
	.net_driver = "virtio-net-pci",
	.max_cpus = 254,
	.has_cpu_hotplug = true,
	.default_ram = 512 << 20,
	.is_default = true,
	.build = q35_build,
	.finish = q35_finish,
	.fini = pc_fini,
};
