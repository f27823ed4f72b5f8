/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc-legacy.c - what boards pc and q35 have in common beside pc.c: timers, clock,
 * keyboard controller, serial ports, and their places in the ACPI tables.
 */
#include "config.h"

#include <errno.h>

#include "base/opt.h"
#include "core/vm.h"
#include "devices/bus/isa.h"
#include "devices/bus/pci-host.h"
#include "devices/char/serial-isa.h"
#include "devices/fw/cpu-hotplug.h"
#include "devices/fw/fwcfg.h"
#include "devices/input/i8042.h"
#include "devices/timer/hpet.h"
#include "devices/timer/pit.h"
#include "devices/timer/rtc.h"
#include "machine/pc.h"

enum { PC_FWCFG_PORT = 0x510, PC_IO = 0xc000, PC_PCI_MEM_END = 0xfec00000u };
#define PC_MEM64_SIZE (UINT64_C(32) << 30)

/* ---- build ---- */

int pc_legacy_props(struct machine *m, struct err *e)
{
	static const char *const ignored[] = { "usb",
		                               "smm",
		                               "vmport",
		                               "dump-guest-core",
		                               "mem-merge",
		                               "graphics",
		                               "kernel_irqchip",
		                               "kernel-irqchip",
		                               "smbus",
		                               "sata",
		                               "nvdimm",
		                               "hmat",
		                               "max-ram-below-4g",
		                               "default-bus-bypass-iommu" };
	struct pc_legacy *l = &((struct pc *)m->board)->legacy;
	struct opt *p = m->cfg.props;
	int r = opt_get_bool(p, "hpet", true, &l->has_hpet, e);

	if (r >= 0) {
		r = opt_get_bool(p, "i8042", true, &l->has_i8042, e);
	}
	if (r >= 0 &&
	    (opt_get_str(p, "pflash0", NULL) || opt_get_str(p, "pflash1", NULL))) {
		r = err_set(e, -ENOTSUP,
		            "not supported: pflash0/pflash1 (firmware with a variable "
		            "store): use -bios FILE or -kernel");
	}
	for (unsigned i = 0; i < ARRAY_LEN(ignored); i++) {
		(void)opt_get(p, ignored[i]);
	}
	return r;
}

static int pc_legacy_timers(struct machine *m, struct err *e)
{
	struct pc *pc = m->board;
	struct pc_legacy *l = &pc->legacy;
	struct rtc_cfg rc = { .irq = pc->irq->gsi[8],
		              .base_s = m->cfg.rtc_base_s,
		              .localtime = m->cfg.rtc_localtime };
	struct hpet_cfg hc = { .gsi = pc->irq->gsi };

	l->pit = pit_create(m->vm, &pc->irq->gsi[0], e);
	l->rtc = l->pit ? rtc_create(m->vm, &rc, e) : NULL;
	if (!l->rtc) {
		return -EINVAL;
	}
	irqchip_x86_add_pit(pc->irq, &pit_chip_ops, l->pit);
	rtc_set_memory(l->rtc, m->low_size, m->high_size);
	rtc_set_cmos(l->rtc, 0x5f, m->cfg.cpus - 1);
	if (l->has_hpet) {
		hc.pit = l->pit;
		hc.rtc = l->rtc;
		l->hpet = hpet_create(m->vm, &hc, e);
		if (!l->hpet) {
			return -EINVAL;
		}
	}
	return 0;
}

int pc_legacy_build(struct machine *m, struct err *e)
{
	struct pc *pc = m->board;
	struct i8042_cfg kc = { .kbd = pc->irq->gsi[1], .aux = pc->irq->gsi[12] };
	int r = pc_legacy_timers(m, e);

	if (r < 0) {
		return r;
	}
	if (pc->legacy.has_i8042) {
		pc->legacy.i8042 = i8042_create(m->vm, &kc, e);
		if (!pc->legacy.i8042) {
			return -EINVAL;
		}
	}
	for (unsigned i = 0; i < MACHINE_SERIALS; i++) {
		if (m->cfg.serial[i] &&
		    !serial_isa_create(m->isa, i, m->cfg.serial[i], e)) {
			return -EINVAL;
		}
	}
	/* Written as a delay, too, so it should cost little. */
	mr_init_io(&pc->legacy.post, "post-code", 1, NULL, NULL, NULL);
	pc->legacy.post.batch = 1;
	mr_add(&m->vm->io_root, 0x80, &pc->legacy.post, -1);
	m->fwcfg = fwcfg_create(m->vm, e);
	return m->fwcfg ? 0 : -EINVAL;
}

struct pci_windows pc_legacy_windows(const struct machine *m, uint64_t mem)
{
	uint64_t top = (UINT64_C(1) << 32) + m->high_size;
	struct pci_windows w = { .io = PC_IO,
		                 .io_end = 0x10000,
		                 .mem = mem,
		                 .mem_end = PC_PCI_MEM_END,
		                 .isa_irq = pc_pirq_route };

	w.mem64 = ALIGN_UP(top, UINT64_C(1) << 30);
	w.mem64_end = w.mem64 + PC_MEM64_SIZE;
	return w;
}

/* PIRQA..H for kernels that use the PIC; level-triggered there. As SeaBIOS does it. */
const uint8_t pc_pirq_route[8] = { 10, 10, 11, 11, 10, 10, 11, 11 };

void pc_legacy_elcr(struct machine *m)
{
	aspace_write(&m->vm->io, 0x4d1, 0x0c, 1);
}

/* ---- ACPI ---- */

struct acpi_desc pc_legacy_acpi(const struct machine *m)
{
	static const struct acpi_override over[] = {
		{ 0, 2, 0 },          /* PIT: pin 2, edge */
		{ 9, 9, 1 | 3 << 2 }, /* SCI: active high, level */
		{ 10, 10, 1 | 3 << 2 },
		{ 11, 11, 1 | 3 << 2 },
	};
	const struct pc_legacy *l = &((struct pc *)m->board)->legacy;

	return (struct acpi_desc){
		.lapic_base = IRQCHIP_LAPIC_BASE,
		.ioapic_base = IRQCHIP_IOAPIC_BASE,
		.has_pics = true,
		.overrides = over,
		.n_overrides = ARRAY_LEN(over),
		.sci = 9,
		.has_8042 = l->has_i8042,
		.has_rtc = true,
		.reset_addr = 0xcf9,
		.reset_value = 6,
		.hpet_base = l->has_hpet ? HPET_BASE : 0,
		.hpet_id = HPET_BLOCK_ID,
	};
}

void pc_aml_prt(struct aml *a, unsigned (*gsi)(unsigned slot, unsigned pin))
{
	aml_name(a, "_PRT");
	aml_package(a, 32 * 4);
	for (unsigned slot = 0; slot < 32; slot++) {
		for (unsigned pin = 0; pin < 4; pin++) {
			aml_package(a, 4);
			aml_int(a, slot << 16 | 0xffff);
			aml_int(a, pin);
			aml_int(a, 0);
			aml_int(a, gsi(slot, pin));
			aml_end(a);
		}
	}
	aml_end(a);
}

void pc_aml_pci_crs(struct aml *a, const struct pci_windows *w)
{
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

struct pc_isa_dev {
	const char *name, *hid;
	uint16_t port[2];
	uint8_t len[2], irq;
};

static void pc_aml_isa_dev(struct aml *a, const struct pc_isa_dev *d)
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

static void pc_aml_fwcfg(struct aml *a)
{
	aml_device(a, "FWCF");
	aml_name_str(a, "_HID", "QEMU0002"); /* the id the fw_cfg specification gives */
	aml_name_int(a, "_STA", 0xb);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_io(a, PC_FWCFG_PORT, 12);
	aml_end(a);
	aml_end(a);
}

void pc_aml_isa(struct aml *a, const struct machine *m, unsigned slot)
{
	static const struct pc_isa_dev always[] = {
		{ "RTC", "PNP0B00", { 0x70 }, { 2 }, 8 },
	};
	static const struct pc_isa_dev ps2[] = {
		{ "KBD", "PNP0303", { 0x60, 0x64 }, { 1, 1 }, 1 },
		{ "MOU", "PNP0F13", { 0 }, { 0 }, 12 },
	};
	static const struct {
		uint16_t port;
		uint8_t irq;
		char name[5];
	} com[MACHINE_SERIALS] = { { 0x3f8, 4, "COM1" },
		                   { 0x2f8, 3, "COM2" },
		                   { 0x3e8, 4, "COM3" },
		                   { 0x2e8, 3, "COM4" } };
	const struct pc_legacy *l = &((struct pc *)m->board)->legacy;

	aml_device(a, "ISA");
	aml_name_int(a, "_ADR", slot << 16);
	for (unsigned i = 0; i < ARRAY_LEN(always); i++) {
		pc_aml_isa_dev(a, &always[i]);
	}
	for (unsigned i = 0; l->has_i8042 && i < ARRAY_LEN(ps2); i++) {
		pc_aml_isa_dev(a, &ps2[i]);
	}
	for (unsigned i = 0; i < MACHINE_SERIALS; i++) {
		/* Ports may also come from -device isa-serial: look at what decodes. */
		if (m->cfg.serial[i]) {
			pc_aml_serial(a, com[i].name, i + 1, com[i].port, com[i].irq,
			              false);
		}
	}
	pc_aml_fwcfg(a);
	aml_end(a);
}

void pc_aml_board(struct aml *a, const struct machine *m, uint32_t ecam,
                  uint32_t ecam_size, uint16_t pm_io, uint8_t pm_len)
{
	const struct pc_legacy *l = &((struct pc *)m->board)->legacy;

	aml_device(a, "MBRD");
	aml_name_eisaid(a, "_HID", "PNP0C02");
	aml_name_int(a, "_UID", 1);
	aml_name(a, "_CRS");
	aml_resources(a);
	if (ecam) {
		aml_res_memory32(a, ecam, ecam_size);
	}
	aml_res_io(a, pm_io, pm_len);
	if (m->hotplug) {
		aml_res_io(a, CPU_HOTPLUG_PORT, CPU_HOTPLUG_LEN);
	}
	aml_end(a);
	aml_end(a);
	if (l->has_hpet) {
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
