/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * microvm.c - board microvm: no PCI, no firmware; virtio over memory-mapped slots.
 *
 *   0x00000000   RAM, to 3 GiB at most; the rest from 4 GiB
 *   0xfea00000   generic event device: events, sleep, reset (acpi-ged.h)
 *   0xfeb00000   virtio-mmio slots, 0x200 bytes each
 *   0xfec00000   IOAPIC (24 pins)     0xfee00000 local APICs
 *
 * Hardware-reduced ACPI describes all of it (LNRO0005 for a slot), because stock kernels
 * take no virtio_mmio.device= from the command line. PIT, PIC and RTC are there unless
 * switched off (-machine pit=off,pic=off,rtc=off): kernels calibrate the TSC with the PIT.
 *
 * Known gaps: no pcie=on; kernels without ACPI must be told of slots by
 * auto-kernel-cmdline (on by default when acpi=off).
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "core/device.h"
#include "core/vm.h"
#include "devices/bus/isa.h"
#include "devices/bus/virtio-mmio.h"
#include "devices/char/serial-isa.h"
#include "devices/fw/acpi-ged.h"
#include "devices/fw/fwcfg.h"
#include "devices/timer/pit.h"
#include "devices/timer/rtc.h"
#include "machine/pc.h"

enum {
	MICROVM_LOW_MAX = 0xc0000000u,
	MICROVM_GED_EVT = 0xfea00000u,
	MICROVM_GED_REG = 0xfea00100u,
	MICROVM_GED_GSI = 9,
	MICROVM_SLOTS = 0xfeb00000u,
	MICROVM_CMDLINE_ROOM = 4096,
};

/* IOAPIC pins of the slots: first those no ISA device ever had. */
static const uint8_t microvm_gsi[] = { 16, 17, 18, 19, 20, 21, 22, 23,
	                               5,  6,  7,  10, 11, 13, 14, 15 };

struct microvm {
	struct pc pc;
	struct isa_bus *isa;
	struct acpi_ged *ged;
	struct virtio_mmio_bus slots;
	bool pit, pic, rtc, serial, auto_cmdline;
	char *cmdline;
};

static uint32_t microvm_slot_addr(unsigned i)
{
	return MICROVM_SLOTS + i * VIRTIO_MMIO_SIZE;
}

/* ---- build ---- */

static int microvm_props(struct machine *m, struct microvm *v, struct err *e)
{
	static const char *const ignored[] = { "usb",
		                               "option-roms",
		                               "x-option-roms",
		                               "graphics",
		                               "dump-guest-core",
		                               "mem-merge",
		                               "kernel_irqchip",
		                               "kernel-irqchip",
		                               "ioapic2",
		                               "smm" };
	struct opt *p = m->cfg.props;
	bool pcie = false;
	int r = opt_get_bool(p, "pit", true, &v->pit, e);

	r = r < 0 ? r : opt_get_bool(p, "pic", true, &v->pic, e);
	r = r < 0 ? r : opt_get_bool(p, "rtc", true, &v->rtc, e);
	r = r < 0 ? r : opt_get_bool(p, "isa-serial", true, &v->serial, e);
	r = r < 0 ? r
	          : opt_get_bool(p, "auto-kernel-cmdline", true, &v->auto_cmdline, e);
	r = r < 0 ? r : opt_get_bool(p, "pcie", false, &pcie, e);
	if (r >= 0 && pcie) {
		r = err_set(e, -ENOTSUP,
		            "not supported: machine microvm with pcie=on (use -machine "
		            "q35)");
	}
	for (unsigned i = 0; i < ARRAY_LEN(ignored); i++) {
		(void)opt_get(p, ignored[i]);
	}
	if (r >= 0 && !m->cfg.kernel) {
		r = err_set(e, -EINVAL,
		            "machine microvm has no firmware: it needs -kernel FILE");
	}
	return r;
}

static void microvm_build_slots(struct machine *m, struct microvm *v)
{
	struct irq line[ARRAY_LEN(microvm_gsi)];

	for (unsigned i = 0; i < ARRAY_LEN(line); i++) {
		line[i] = v->pc.irq->gsi[microvm_gsi[i]];
	}
	virtio_mmio_bus_init(&v->slots, ARRAY_LEN(line), line);
	for (unsigned i = 0; i < ARRAY_LEN(line); i++) {
		mr_add(&m->vm->mem_root, microvm_slot_addr(i), &v->slots.slot[i].mr, 1);
	}
}

static bool microvm_slot_used(const struct microvm *v, unsigned i)
{
	return v->slots.slot[i].v != NULL;
}

static int microvm_build_legacy(struct machine *m, struct microvm *v, struct err *e)
{
	struct irq line[ISA_IRQS];
	struct rtc_cfg rc = { .irq = v->pc.irq->gsi[8],
		              .base_s = m->cfg.rtc_base_s,
		              .localtime = m->cfg.rtc_localtime };

	memcpy(line, v->pc.irq->gsi, sizeof(line));
	v->isa = m->isa = isa_bus_new(m->vm, NULL, "isa.0", NULL, line);
	if (!v->isa) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	if (v->pit) {
		struct pit *pit = pit_create(m->vm, &v->pc.irq->gsi[0], e);

		if (!pit) {
			return -EINVAL;
		}
		irqchip_x86_add_pit(v->pc.irq, &pit_chip_ops, pit);
	}
	if (v->rtc) {
		struct rtc *rtc = rtc_create(m->vm, &rc, e);

		if (!rtc) {
			return -EINVAL;
		}
		rtc_set_memory(rtc, m->low_size, m->high_size);
	}
	for (unsigned i = 0; v->serial && i < MACHINE_SERIALS; i++) {
		if (m->cfg.serial[i] &&
		    !serial_isa_create(v->isa, i, m->cfg.serial[i], e)) {
			return -EINVAL;
		}
	}
	return 0;
}

static int microvm_build(struct machine *m, struct err *e)
{
	struct microvm *v = calloc(1, sizeof(*v));
	struct acpi_ged_cfg gc = { .evt_base = MICROVM_GED_EVT,
		                   .reg_base = MICROVM_GED_REG };
	int r;

	if (!v) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	m->board = v;
	v->pc.m = m;
	pc_map_ram(m, MICROVM_LOW_MAX);
	r = microvm_props(m, v, e);
	r = r < 0 ? r : pc_irqchips(m, v->pic, e);
	r = r < 0 ? r : microvm_build_legacy(m, v, e);
	if (r < 0) {
		return r;
	}
	microvm_build_slots(m, v);
	gc.irq = v->pc.irq->gsi[MICROVM_GED_GSI];
	v->ged = acpi_ged_create(m->vm, &gc, e);
	m->fwcfg = v->ged ? fwcfg_create(m->vm, e) : NULL;
	return m->fwcfg ? 0 : -EINVAL;
}

/* ---- ACPI ---- */

static void microvm_aml_ged(struct aml *a)
{
	aml_device(a, "PWRB");
	aml_name_eisaid(a, "_HID", "PNP0C0C");
	aml_name_int(a, "_UID", 0);
	aml_end(a);

	aml_device(a, "GED");
	aml_name_str(a, "_HID", "ACPI0013");
	aml_name_int(a, "_UID", 0);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_gsi(a, MICROVM_GED_GSI, false, false, false);
	aml_end(a);
	aml_op_region(a, "EREG", AML_SYSTEM_MEMORY, MICROVM_GED_EVT, ACPI_GED_EVT_LEN);
	aml_field(a, "EREG", 3);
	aml_field_bits(a, "ESEL", 32);
	aml_end(a);
	aml_method(a, "_EVT", 1, true);
	aml_store(a);
	aml_ref(a, "ESEL"); /* reading clears */
	aml_local(a, 0);
	aml_if(a);
	aml_and(a);
	aml_local(a, 0);
	aml_int(a, ACPI_GED_EVT_POWER);
	aml_no_target(a);
	aml_notify(a);
	aml_ref(a, "\\_SB.PWRB");
	aml_int(a, 0x80);
	aml_end(a);
	aml_end(a);
	aml_end(a);
}

static void microvm_aml_slots(struct aml *a, const struct microvm *v)
{
	for (unsigned i = 0; i < ARRAY_LEN(microvm_gsi); i++) {
		char name[8];

		if (!microvm_slot_used(v, i)) {
			continue;
		}
		snprintf(name, sizeof(name), "VR%02u", i);
		aml_device(a, name);
		aml_name_str(a, "_HID", "LNRO0005");
		aml_name_int(a, "_UID", i);
		aml_name_int(a, "_STA", 0xf);
		aml_name_int(a, "_CCA", 1);
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_res_memory32(a, microvm_slot_addr(i), VIRTIO_MMIO_SIZE);
		aml_res_gsi(a, microvm_gsi[i], true, false, false);
		aml_end(a);
		aml_end(a);
	}
}

static void microvm_dsdt(struct machine *m, struct microvm *v)
{
	struct aml *a = &v->pc.dsdt;

	aml_init(a);
	aml_scope(a, "\\_SB");
	if (v->serial && m->cfg.serial[0]) {
		pc_aml_serial(a, "COM1", 1, 0x3f8, 4, true);
	}
	if (v->serial && m->cfg.serial[1]) {
		pc_aml_serial(a, "COM2", 2, 0x2f8, 3, true);
	}
	if (v->rtc) {
		aml_device(a, "RTC");
		aml_name_eisaid(a, "_HID", "PNP0B00");
		aml_name(a, "_CRS");
		aml_resources(a);
		aml_res_io(a, 0x70, 2);
		aml_res_gsi(a, 8, false, false, false);
		aml_end(a);
		aml_end(a);
	}
	microvm_aml_slots(a, v);
	microvm_aml_ged(a);
	aml_end(a);
	pc_aml_cpus(a, m);
	pc_aml_s5(a, ACPI_GED_S5);
}

/* ---- finish ---- */

/* Kernels that have no ACPI learn of the slots on their command line. */
static int microvm_cmdline(struct machine *m, struct microvm *v, struct err *e)
{
	const char *own = m->cfg.append ? m->cfg.append : "";
	size_t room = strlen(own) + MICROVM_CMDLINE_ROOM, n;

	v->cmdline = malloc(room);
	if (!v->cmdline) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	n = snprintf(v->cmdline, room, "%s", own);
	for (unsigned i = 0; i < ARRAY_LEN(microvm_gsi); i++) {
		if (microvm_slot_used(v, i)) {
			n += snprintf(v->cmdline + n, room - n,
			              " virtio_mmio.device=%u@0x%x:%u",
			              (unsigned)VIRTIO_MMIO_SIZE, microvm_slot_addr(i),
			              microvm_gsi[i]);
		}
	}
	m->cfg.append = v->cmdline;
	return 0;
}

static int microvm_finish(struct machine *m, struct err *e)
{
	static const struct acpi_override over[] = {
		{ 0, 2, 0 },
	};
	struct microvm *v = m->board;
	struct acpi_desc d = {
		.lapic_base = IRQCHIP_LAPIC_BASE,
		.ioapic_base = IRQCHIP_IOAPIC_BASE,
		.has_pics = v->pic,
		.overrides = over,
		.n_overrides = ARRAY_LEN(over),
		.has_rtc = v->rtc,
		.sleep_ctl = MICROVM_GED_REG,
		.sleep_sts = (gpa_t)MICROVM_GED_REG + 1,
		.reset_addr = (gpa_t)MICROVM_GED_REG + 2,
		.reset_is_mmio = true,
		.reset_value = ACPI_GED_RESET_VALUE,
	};
	static const struct boot_mem extra[] = {
		{ 0xfeffc000, 0x4000, MEM_RESERVED },
	};
	bool acpi;
	int r = opt_get_bool(m->cfg.props, "acpi", true, &acpi, e);

	if (r >= 0 && !acpi && v->auto_cmdline) {
		r = microvm_cmdline(m, v, e);
	}
	if (r < 0) {
		return r;
	}
	microvm_dsdt(m, v);
	return pc_finish(m, &d, extra, ARRAY_LEN(extra), e);
}

static void microvm_fini(struct machine *m)
{
	struct microvm *v = m->board;

	if (v) {
		free(v->cmdline);
	}
	pc_fini(m);
}

const struct machine_class machine_microvm = {
	.name = "microvm",
	.description = "microvm (no PCI, virtio-mmio)",
	.arch = "x86_64",
	.ram_id = "microvm.ram",
	.default_cpu = "max",
	.blk_driver = "virtio-blk-device",
	.net_driver = "virtio-net-device",
	.max_cpus = 254,
	.default_ram = 512 << 20,
	.build = microvm_build,
	.finish = microvm_finish,
	.fini = microvm_fini,
};
