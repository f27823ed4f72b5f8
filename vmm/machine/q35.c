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
#include <string.h>

#include "base/bytes.h"
#include "base/opt.h"
#include "core/vm.h"
#include "devices/bus/isa-ich9.h"
#include "devices/bus/pci-host.h"
#include "devices/bus/pci-mch.h"
#include "devices/char/serial-isa.h"
#include "devices/fw/acpi-pm.h"
#include "devices/fw/fwcfg.h"
#include "devices/input/i8042.h"
#include "devices/timer/hpet.h"
#include "devices/timer/pit.h"
#include "devices/timer/rtc.h"
#include "machine/pc.h"

enum {
	Q35_LOW_MAX = 0x80000000u, /* low RAM when it does not all fit below the ECAM */
	Q35_ECAM = 0xb0000000u,
	Q35_ECAM_SIZE = 0x10000000,
	Q35_MEM = 0xc0000000u,
	Q35_MEM_END = 0xfec00000u,
	Q35_IO = 0xc000,
	Q35_FWCFG_PORT = 0x510,
	Q35_NATIVE = 0x1f, /* _OSC: hot-plug, SHPC, PME, AER, capability structure */
};
#define Q35_MEM64_SIZE (UINT64_C(32) << 30)

struct q35 {
	struct pc pc;
	struct pci_host *host;
	struct mch *mch;
	struct ich9_lpc *lpc;
	struct pit *pit;
	struct rtc *rtc;
	struct hpet *hpet;
	struct i8042 *i8042;
	bool has_hpet, has_i8042;
	struct pci_windows win;
};

/* ---- build ---- */

static uint64_t q35_low_end(const struct machine *m)
{
	return m->cfg.ram_size > Q35_ECAM ? Q35_LOW_MAX : Q35_ECAM;
}

static int q35_props(struct machine *m, struct q35 *q, struct err *e)
{
	static const char *const ignored[] = { "usb", "smm", "vmport", "dump-guest-core",
		"mem-merge", "graphics", "kernel_irqchip", "kernel-irqchip", "smbus", "sata",
		"nvdimm", "hmat", "max-ram-below-4g", "default-bus-bypass-iommu" };
	struct opt *p = m->cfg.props;
	int r = opt_get_bool(p, "hpet", true, &q->has_hpet, e);

	if (r >= 0) {
		r = opt_get_bool(p, "i8042", true, &q->has_i8042, e);
	}
	if (r >= 0 && (opt_get_str(p, "pflash0", NULL) || opt_get_str(p, "pflash1", NULL))) {
		r = err_set(e, -ENOTSUP, "not supported: pflash0/pflash1 (firmware with a variable "
			    "store): use -bios FILE or -kernel");
	}
	for (unsigned i = 0; i < ARRAY_LEN(ignored); i++) {
		(void)opt_get(p, ignored[i]);
	}
	return r;
}

static int q35_build_pci(struct machine *m, struct q35 *q, struct err *e)
{
	struct pci_host_cfg hc = { .bus_name = "pcie.0", .ports = true, .buses = 256 };
	struct mch_cfg mc = { .ecam_base = pc_direct(m) ? Q35_ECAM : 0,
			      .ram_below_1m = pc_direct(m), .low_ram = &m->ram_mr,
			      .low_ram_end = m->low_size };
	struct ich9_cfg ic = { .firmware = !pc_direct(m), .gsi = q->pc.irq->gsi,
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

static int q35_build_timers(struct machine *m, struct q35 *q, struct err *e)
{
	struct rtc_cfg rc = { .irq = q->pc.irq->gsi[8], .base_s = m->cfg.rtc_base_s,
			      .localtime = m->cfg.rtc_localtime };
	struct hpet_cfg hc = { .gsi = q->pc.irq->gsi };

	q->pit = pit_create(m->vm, &q->pc.irq->gsi[0], e);
	q->rtc = q->pit ? rtc_create(m->vm, &rc, e) : NULL;
	if (!q->rtc) {
		return -EINVAL;
	}
	irqchip_x86_add_pit(q->pc.irq, &pit_chip_ops, q->pit);
	rtc_set_memory(q->rtc, m->low_size, m->high_size);
	rtc_set_cmos(q->rtc, 0x5f, m->cfg.cpus - 1);
	if (q->has_hpet) {
		hc.pit = q->pit;
		hc.rtc = q->rtc;
		q->hpet = hpet_create(m->vm, &hc, e);
		if (!q->hpet) {
			return -EINVAL;
		}
	}
	return 0;
}

static int q35_build_ports(struct machine *m, struct q35 *q, struct err *e)
{
	struct i8042_cfg kc = { .kbd = q->pc.irq->gsi[1], .aux = q->pc.irq->gsi[12] };

	if (q->has_i8042) {
		q->i8042 = i8042_create(m->vm, &kc, e);
		if (!q->i8042) {
			return -EINVAL;
		}
	}
	for (unsigned i = 0; i < MACHINE_SERIALS; i++) {
		if (m->cfg.serial[i] && !serial_isa_create(m->isa, i, m->cfg.serial[i], e)) {
			return -EINVAL;
		}
	}
	m->fwcfg = fwcfg_create(m->vm, e);
	return m->fwcfg ? 0 : -EINVAL;
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
	r = q35_props(m, q, e);
	r = r < 0 ? r : pc_irqchips(m, true, e);
	r = r < 0 ? r : q35_build_pci(m, q, e);
	r = r < 0 ? r : q35_build_timers(m, q, e);
	r = r < 0 ? r : q35_build_ports(m, q, e);
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
	for (unsigned i = 0; i < 3; i += 2) { /* status and control; support is of no interest */
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

static void q35_aml_prt(struct aml *a)
{
	aml_name(a, "_PRT");
	aml_package(a, 32 * 4);
	for (unsigned slot = 0; slot < 32; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			aml_package(a, 4);
			aml_int(a, slot << 16 | 0xffff);
			aml_int(a, pin);
			aml_int(a, 0);
			aml_int(a, ICH9_GSI_PIRQ + ich9_pirq(slot, pin));
			aml_end(a);
		}
	}
	aml_end(a);
}

static void q35_aml_crs(struct aml *a, const struct q35 *q)
{
	const struct pci_windows *w = &q->win;

	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_bus(a, 0, 255);
	aml_res_io(a, 0xcf8, 8);
	aml_res_io_window(a, 0, 0xcf7);
	aml_res_io_window(a, 0xd00, 0xffff);
	aml_res_mem_window(a, 0xa0000, 0xbffff, false);
	aml_res_mem_window(a, w->mem, w->mem_end - 1, false);
	if (w->mem64_end > w->mem64) {
		aml_res_mem_window(a, w->mem64, w->mem64_end - 1, true);
	}
	aml_end(a);
}

struct q35_isa_dev {
	const char *name, *hid;
	uint16_t port[2];
	uint8_t len[2], irq;
};

static void q35_aml_isa_dev(struct aml *a, const struct q35_isa_dev *d)
{
	aml_device(a, d->name);
	aml_name_eisaid(a, "_HID", d->hid);
	aml_name(a, "_CRS");
	aml_resources(a);
	for (unsigned i = 0; i < 2; i++) {
		if (d->len[i]) {
			aml_res_io(a, d->port[i], d->len[i]);
		}
	}
	if (d->irq) {
		aml_res_irq(a, d->irq);
	}
	aml_end(a);
	aml_end(a);
}

static void q35_aml_fwcfg(struct aml *a)
{
	aml_device(a, "FWCF");
	aml_name_str(a, "_HID", "QEMU0002"); /* the id the fw_cfg specification gives */
	aml_name_int(a, "_STA", 0xb);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_io(a, Q35_FWCFG_PORT, 12);
	aml_end(a);
	aml_end(a);
}

static void q35_aml_isa(struct aml *a, const struct machine *m, const struct q35 *q)
{
	static const struct q35_isa_dev always[] = {
		{ "RTC", "PNP0B00", { 0x70 }, { 2 }, 8 },
	};
	static const struct q35_isa_dev ps2[] = {
		{ "KBD", "PNP0303", { 0x60, 0x64 }, { 1, 1 }, 1 },
		{ "MOU", "PNP0F13", { 0 }, { 0 }, 12 },
	};
	static const struct {
		uint16_t port;
		uint8_t irq;
		char name[5];
	} com[MACHINE_SERIALS] = { { 0x3f8, 4, "COM1" }, { 0x2f8, 3, "COM2" },
				   { 0x3e8, 4, "COM3" }, { 0x2e8, 3, "COM4" } };

	aml_device(a, "ISA");
	aml_name_int(a, "_ADR", ICH9_SLOT << 16);
	for (unsigned i = 0; i < ARRAY_LEN(always); i++) {
		q35_aml_isa_dev(a, &always[i]);
	}
	for (unsigned i = 0; q->has_i8042 && i < ARRAY_LEN(ps2); i++) {
		q35_aml_isa_dev(a, &ps2[i]);
	}
	for (unsigned i = 0; i < MACHINE_SERIALS; i++) {
		/* Ports may also come from -device isa-serial: look at what decodes. */
		if (m->cfg.serial[i]) {
			pc_aml_serial(a, com[i].name, i + 1, com[i].port, com[i].irq, false);
		}
	}
	q35_aml_fwcfg(a);
	aml_end(a);
}

static void q35_aml_motherboard(struct aml *a, const struct q35 *q)
{
	aml_device(a, "MBRD");
	aml_name_eisaid(a, "_HID", "PNP0C02");
	aml_name_int(a, "_UID", 1);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_memory32(a, Q35_ECAM, Q35_ECAM_SIZE);
	aml_res_io(a, ICH9_PMBASE, 128);
	aml_end(a);
	aml_end(a);
	if (q->has_hpet) {
		aml_device(a, "HPET");
		aml_name_eisaid(a, "_HID", "PNP0103");
		aml_name_int(a, "_UID", 0);
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_res_memory32(a, HPET_BASE, 0x400);
		aml_end(a);
		aml_end(a);
	}
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
	q35_aml_prt(a);
	q35_aml_crs(a, q);
	q35_aml_isa(a, m, q);
	aml_end(a);
	q35_aml_motherboard(a, q);
	aml_end(a);
	pc_aml_cpus(a, m->cfg.max_cpus);
	pc_aml_s5(a, ACPI_PM_S5);
}

/* ---- finish and reset ---- */

static void q35_windows(const struct machine *m, struct q35 *q)
{
	uint64_t top = (UINT64_C(1) << 32) + m->high_size;

	q->win = (struct pci_windows){ .io = Q35_IO, .io_end = 0x10000, .mem = Q35_MEM,
				       .mem_end = Q35_MEM_END };
	q->win.mem64 = ALIGN_UP(top, UINT64_C(1) << 30);
	q->win.mem64_end = q->win.mem64 + Q35_MEM64_SIZE;
}

/* PIRQA..H on 10, 10, 11, 11, 10, 10, 11, 11 for kernels that use the PIC; level-triggered there. */
static void q35_firmware(struct machine *m)
{
	static const uint8_t route[8] = { 10, 10, 11, 11, 10, 10, 11, 11 };
	struct q35 *q = m->board;
	struct pci_dev *lpc = &q->lpc->pci;

	for (unsigned i = 0; i < 8; i++) {
		pci_config_write(lpc, (i < 4 ? 0x60 : 0x64) + i, route[i], 1);
	}
	aspace_write(&m->vm->io, 0x4d1, 0x0c, 1);
	pci_setup(q->host, &q->win);
}

static int q35_finish(struct machine *m, struct err *e)
{
	static const struct acpi_override over[] = {
		{ 0, 2, 0 },			 /* PIT: pin 2, edge */
		{ 9, 9, 1 | 3 << 2 },		 /* SCI: active high, level */
		{ 10, 10, 1 | 3 << 2 },
		{ 11, 11, 1 | 3 << 2 },
	};
	static const struct boot_mem extra[] = {
		{ Q35_ECAM, Q35_ECAM_SIZE, MEM_RESERVED },
		{ 0xfeffc000, 0x4000, MEM_RESERVED }, /* KVM's own pages */
	};
	struct q35 *q = m->board;
	struct acpi_desc d = {
		.n_cpus = m->cfg.cpus, .max_cpus = m->cfg.max_cpus,
		.lapic_base = IRQCHIP_LAPIC_BASE, .ioapic_base = IRQCHIP_IOAPIC_BASE,
		.has_pics = true, .overrides = over, .n_overrides = ARRAY_LEN(over),
		.pm_io = ICH9_PMBASE, .sci = ICH9_SCI_IRQ, .gpe0_io = ICH9_PMBASE + ICH9_GPE0,
		.gpe0_len = ICH9_GPE0_LEN, .has_8042 = q->has_i8042, .has_rtc = true,
		.reset_addr = ICH9_RESET_PORT, .reset_value = 6,
		.ecam_base = Q35_ECAM, .ecam_last_bus = 255,
		.hpet_base = q->has_hpet ? HPET_BASE : 0, .hpet_id = HPET_BLOCK_ID,
	};

	q35_windows(m, q);
	q35_dsdt(m, q);
	q->pc.firmware = q35_firmware;
	return pc_finish(m, &d, extra, ARRAY_LEN(extra), e);
}

static const char *const q35_aliases[] = { "pc-q35-*", NULL };

const struct machine_class machine_q35 = {
	.name = "q35",
	.description = "Standard PC (Q35 + ICH9)",
	.aliases = q35_aliases,
	.arch = "x86_64",
	.ram_id = "pc.ram",
	.default_cpu = "max",
	.blk_driver = "virtio-blk-pci",
	.net_driver = "virtio-net-pci",
	.max_cpus = 254,
	.default_ram = 512 << 20,
	.is_default = true,
	.build = q35_build,
	.finish = q35_finish,
	.fini = pc_fini,
};
