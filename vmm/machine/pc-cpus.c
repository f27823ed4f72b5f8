/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc-cpus.c - processors in the tables of the x86 boards, and hot-plug of them through ACPI
 * (ACPI 6.4: 8.4 processor devices, 5.2.12 MADT, 5.6.6 notifications).
 *
 * \_SB.CPUS holds a device for each place. News raise GPE 2, whose method _E02 asks the
 * registers (devices/fw/cpu-hotplug.h) who has come or shall go, and notifies the device.
 * The MADT, and what firmware reads elsewhere, is brought up to date at each reset.
 *
 * Threads: control.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>

#include "core/cpu/x86.h"
#include "core/vm.h"
#include "devices/fw/acpi-pm.h"
#include "devices/fw/cpu-hotplug.h"
#include "devices/fw/fwcfg.h"
#include "devices/timer/rtc.h"
#include "machine/cpus.h"
#include "machine/pc.h"

enum { NOTIFY_DEVICE_CHECK = 1, NOTIFY_EJECT = 3, APIC_ID_MAX = 254 };

/* ---- build ---- */

static int pc_cpus_add(struct machine *m, struct vcpu *c, struct err *e)
{
	return irqchip_x86_add_vcpu(((struct pc *)m->board)->irq, c, e);
}

static void pc_cpus_gpe(void *opaque)
{
	const struct machine *m = opaque;

	acpi_pm_gpe(((struct pc *)m->board)->pm, CPU_HOTPLUG_GPE);
}

static uint32_t pc_cpus_id(const struct machine *m, unsigned i)
{
	return x86_apic_id_of(m->vm, i);
}

int pc_cpus_check(const struct machine *m, struct err *e)
{
	uint32_t last = pc_cpus_id(m, m->cfg.max_cpus - 1);

	if (last > APIC_ID_MAX) {
		return err_set(e, -ENOTSUP,
		               "not supported: this topology gives the last CPU APIC "
		               "id %u, above %d: fewer CPUs, or cores and threads that "
		               "are powers of two",
		               last, APIC_ID_MAX);
	}
	return 0;
}

int pc_cpus_build(struct machine *m, struct acpi_pm *pm, struct err *e)
{
	struct pc *pc = m->board;
	struct cpu_hotplug_cfg cfg = { .n = m->cfg.max_cpus,
		                       .ejected = machine_cpu_ejected,
		                       .reported = machine_cpu_reported,
		                       .notify = pc_cpus_gpe,
		                       .opaque = m };

	if (m->cfg.max_cpus < 2) {
		return 0;
	}
	pc->pm = pm;
	m->add_cpu = pc_cpus_add;
	m->hotplug = cpu_hotplug_create(m->vm, &cfg, e);
	if (!m->hotplug) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < m->cfg.cpus; i++) {
		cpu_hotplug_add(m->hotplug, i, pc_cpus_id(m, i), false);
	}
	return 0;
}

/* ---- tables ---- */

void pc_cpus_madt(const struct machine *m, struct acpi_desc *d)
{
	d->n_cpus = m->cfg.cpus;
	d->max_cpus = m->hotplug ? m->cfg.max_cpus : m->cfg.cpus;
	for (unsigned i = 0; i < d->max_cpus; i++) {
		d->apic_id[i] = (uint8_t)pc_cpus_id(m, i);
	}
}

static int pc_cpus_firmware(struct machine *m, struct err *e)
{
	struct pc *pc = m->board;
	unsigned n = vm_present_vcpus(m->vm);
	int r = 0;

	if (pc->legacy.rtc) {
		rtc_set_cmos(pc->legacy.rtc, 0x5f, (uint8_t)(n - 1));
	}
	if (m->fwcfg) {
		r = fwcfg_add_u16(m->fwcfg, FWCFG_NB_CPUS, (uint16_t)n, e);
		r = r < 0 || pc_direct(m) || !pc->has_acpi
		            ? r
		            : fwcfg_add_file(m->fwcfg, "etc/acpi/tables",
		                             pc->acpi.tables.data, pc->acpi.tables.len,
		                             e);
	}
	return r;
}

int pc_cpus_refresh(struct machine *m, struct err *e)
{
	struct pc *pc = m->board;
	bool changed = false;

	if (!m->hotplug) {
		return 0;
	}
	for (unsigned i = 0; i < m->cfg.max_cpus; i++) {
		struct machine_cpu c;

		if (machine_cpu_at(m, i, &c)) {
			changed |= !pc->has_acpi ||
			           acpi_set_cpu(&pc->acpi, i, c.vcpu != NULL);
		}
	}
	return changed ? pc_cpus_firmware(m, e) : 0;
}

/* ---- AML ---- */

static void pc_aml_select(struct aml *a, unsigned arg)
{
	aml_acquire(a, "CPLK");
	aml_store(a);
	aml_arg(a, arg);
	aml_ref(a, "CSEL");
}

static void pc_aml_set(struct aml *a, const char *field, unsigned v)
{
	aml_store(a);
	aml_int(a, v);
	aml_ref(a, field);
}

static void pc_aml_registers(struct aml *a)
{
	aml_op_region(a, "CPRG", AML_SYSTEM_IO, CPU_HOTPLUG_PORT, CPU_HOTPLUG_LEN);
	aml_field(a, "CPRG", 3);
	aml_field_bits(a, "CSEL", 32);
	aml_field_bits(a, NULL, 32);
	aml_field_bits(a, "CDAT", 32);
	aml_end(a);
	aml_field(a, "CPRG", 1);
	aml_field_bits(a, NULL, 32);
	aml_field_bits(a, "CPEN", 1);
	aml_field_bits(a, "CINS", 1);
	aml_field_bits(a, "CRMV", 1);
	aml_field_bits(a, "CEJF", 1);
	aml_field_bits(a, NULL, 4);
	aml_field_bits(a, "CCMD", 8);
	aml_end(a);
	aml_mutex(a, "CPLK");
}

/* CSTA(cpu), CEJC(cpu), COST(cpu, event, status) */
static void pc_aml_methods(struct aml *a)
{
	aml_method(a, "CSTA", 1, true);
	pc_aml_select(a, 0);
	aml_store(a);
	aml_int(a, 0);
	aml_local(a, 0);
	aml_if(a);
	aml_equal(a);
	aml_ref(a, "CPEN");
	aml_int(a, 1);
	aml_store(a);
	aml_int(a, 0xf);
	aml_local(a, 0);
	aml_end(a);
	aml_release(a, "CPLK");
	aml_return(a);
	aml_local(a, 0);
	aml_end(a);

	aml_method(a, "CEJC", 1, true);
	pc_aml_select(a, 0);
	pc_aml_set(a, "CEJF", 1);
	aml_release(a, "CPLK");
	aml_end(a);

	aml_method(a, "COST", 3, true);
	pc_aml_select(a, 0);
	for (unsigned i = 1; i <= 2; i++) {
		pc_aml_set(a, "CCMD", i);
		aml_store(a);
		aml_arg(a, i);
		aml_ref(a, "CDAT");
	}
	aml_release(a, "CPLK");
	aml_end(a);
}

/* CTFY(cpu, event): Notify wants a name, not a number. */
static void pc_aml_tell(struct aml *a, unsigned n)
{
	aml_method(a, "CTFY", 2, false);
	for (unsigned i = 0; i < n; i++) {
		char name[8];

		snprintf(name, sizeof(name), "C%03X", i & 0xfff);
		aml_if(a);
		aml_equal(a);
		aml_arg(a, 0);
		aml_int(a, i);
		aml_notify(a);
		aml_ref(a, name);
		aml_arg(a, 1);
		aml_end(a);
	}
	aml_end(a);
}

/* One kind of news of the selected processor. */
static void pc_aml_news(struct aml *a, const char *flag, unsigned event)
{
	aml_if(a);
	aml_equal(a);
	aml_ref(a, flag);
	aml_int(a, 1);
	pc_aml_set(a, flag, 1); /* seen */
	aml_name_bare(a, "CTFY");
	aml_ref(a, "CDAT");
	aml_int(a, event);
	aml_store(a);
	aml_int(a, 1);
	aml_local(a, 0);
	aml_end(a);
}

/* CSCN: until nobody has news. */
static void pc_aml_scan(struct aml *a)
{
	aml_method(a, "CSCN", 0, true);
	aml_acquire(a, "CPLK");
	pc_aml_set(a, "CSEL", 0);
	aml_store(a);
	aml_int(a, 1);
	aml_local(a, 0);
	aml_while(a);
	aml_equal(a);
	aml_local(a, 0);
	aml_int(a, 1);
	aml_store(a);
	aml_int(a, 0);
	aml_local(a, 0);
	pc_aml_set(a, "CCMD", 0);
	pc_aml_news(a, "CINS", NOTIFY_DEVICE_CHECK);
	pc_aml_news(a, "CRMV", NOTIFY_EJECT);
	aml_end(a);
	aml_release(a, "CPLK");
	aml_end(a);
}

static void pc_aml_call(struct aml *a, const char *method, unsigned cpu)
{
	aml_name_bare(a, method);
	aml_int(a, cpu);
}

static void pc_aml_cpu(struct aml *a, const struct machine *m, unsigned i, bool plug)
{
	const uint8_t madt[8] = { 0, 8, (uint8_t)i, (uint8_t)pc_cpus_id(m, i), 1 };
	char name[8];

	snprintf(name, sizeof(name), "C%03X", i & 0xfff);
	aml_device(a, name);
	aml_name_str(a, "_HID", "ACPI0007");
	aml_name_int(a, "_UID", i);
	if (plug) {
		aml_method(a, "_STA", 0, true);
		aml_return(a);
		pc_aml_call(a, "CSTA", i);
		aml_end(a);
		aml_name(a, "_MAT");
		aml_buffer(a);
		aml_raw(a, madt, sizeof(madt));
		aml_end(a);
		if (i) {
			aml_method(a, "_EJ0", 1, false);
			pc_aml_call(a, "CEJC", i);
			aml_end(a);
		}
		aml_method(a, "_OST", 3, true);
		pc_aml_call(a, "COST", i);
		aml_arg(a, 0);
		aml_arg(a, 1);
		aml_end(a);
	}
	aml_end(a);
}

void pc_aml_cpus(struct aml *a, const struct machine *m)
{
	bool plug = m->hotplug != NULL;
	unsigned n = plug ? m->cfg.max_cpus : m->cfg.cpus;

	aml_scope(a, "\\_SB");
	if (plug) {
		aml_device(a, "CPUS");
		aml_name_str(a, "_HID", "ACPI0010");
		aml_name_eisaid(a, "_CID", "PNP0A05");
		aml_name_int(a, "_UID", 0);
		pc_aml_registers(a);
		pc_aml_methods(a);
	}
	for (unsigned i = 0; i < n; i++) {
		pc_aml_cpu(a, m, i, plug);
	}
	if (plug) {
		pc_aml_tell(a, n);
		pc_aml_scan(a);
		aml_end(a);
	}
	aml_end(a);
	if (plug) {
		aml_scope(a, "\\_GPE");
		aml_method(a, "_E02", 0, false);
		aml_name_bare(a, "\\_SB.CPUS.CSCN");
		aml_end(a);
		aml_end(a);
	}
}
