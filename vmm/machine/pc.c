/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc.c - the common part of the x86 boards. See pc.h.
 *
 * Direct boot needs no firmware: tables lie at the top of low RAM (marked ACPI
 * reclaimable), the RSDP in the F segment; kernel and registers come from the boot
 * plan. All of it is written again at each reset. With firmware (-bios, or no
 * -kernel) the same tables are offered as fw_cfg files.
 *
 * Known gaps: -dtb is refused (x86 kernels take none here); pflash drives are not
 * supported, so OVMF works only without variable store (-bios OVMF.fd).
 */
#include "config.h"

#include "machine/pc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/opt.h"
#include "core/cpu/x86.h"
#include "core/vm.h"
#include "devices/fw/fwcfg.h"
#include "machine/cpus.h"

#define PC_4G (UINT64_C(1) << 32)

#ifndef FIRMWARE_DIRS
#define FIRMWARE_DIRS "/usr/share/seabios:/usr/share/qemu"
#endif

bool pc_direct(const struct machine *m)
{
	return m->cfg.kernel != NULL;
}

void pc_map_ram(struct machine *m, uint64_t low_end)
{
	m->low_size = MIN(m->cfg.ram_size, low_end);
	m->high_size = m->cfg.ram_size - m->low_size;
	mr_init_alias(&m->low, "ram-below-4g", &m->ram_mr, 0, m->low_size);
	mr_add(&m->vm->mem_root, 0, &m->low, 0);
	if (m->high_size) {
		mr_init_alias(&m->high, "ram-above-4g", &m->ram_mr, m->low_size,
		              m->high_size);
		mr_add(&m->vm->mem_root, PC_4G, &m->high, 0);
	}
}

int pc_irqchips(struct machine *m, bool pic, struct err *e)
{
	struct pc *pc = m->board;
	struct irqchip_x86_cfg cfg = { .pic = pic, .ioapics = 1, .ioapic_id = 0 };

	if (pc_cpus_check(m, e) < 0) {
		return -ENOTSUP;
	}
	pc->irq = irqchip_x86_create(m->vm, &cfg, e);
	return pc->irq ? 0 : -EINVAL;
}

/* ---- firmware image ---- */

static char *pc_find_firmware(const char *name)
{
	const char *dirs = FIRMWARE_DIRS;
	char *path;

	if (strchr(name, '/') || access(name, R_OK) == 0) {
		return strdup(name);
	}
	while (*dirs) {
		size_t n = strcspn(dirs, ":");

		if (asprintf(&path, "%.*s/%s", (int)n, dirs, name) < 0) {
			return NULL;
		}
		if (access(path, R_OK) == 0) {
			return path;
		}
		free(path);
		dirs += n + (dirs[n] == ':');
	}
	return NULL;
}

static int pc_load_firmware(struct pc *pc, const struct boot_src *s, struct err *e)
{
	struct ram_config rc = { .size = ALIGN_UP(s->size, (uint64_t)65536) };

	if (!s->size || s->size > PC_FIRMWARE_MAX) {
		return err_set(
			e, -EINVAL,
			"firmware: %llu bytes, but 1 byte to 16 MiB are possible",
			(unsigned long long)s->size);
	}
	pc->rom = ram_block_new("pc.bios", &rc, e);
	if (!pc->rom) {
		return -ENOMEM;
	}
	/* The reset vector is in the last bytes. */
	return boot_src_read(s, 0, pc->rom->host + rc.size - s->size, s->size, e);
}

int pc_map_firmware(struct machine *m, const char *fallback, struct mr *mem,
                    struct err *e)
{
	struct pc *pc = m->board;
	const char *name = m->cfg.bios ? m->cfg.bios : fallback;
	AUTO_FREE char *path = pc_find_firmware(name);
	struct boot_src s;
	uint64_t low;
	int r;

	if (!path) {
		return err_set(e, -ENOENT,
		               "firmware '%s' not found in %s: give -kernel FILE to "
		               "boot without "
		               "firmware, or -bios FILE",
		               name, FIRMWARE_DIRS);
	}
	r = boot_src_open(&s, path, "firmware", e);
	if (r < 0) {
		return r;
	}
	r = pc_load_firmware(pc, &s, e);
	boot_src_close(&s);
	if (r < 0) {
		return r;
	}
	mr_init_rom(&pc->rom_mr, "pc.bios", pc->rom);
	mr_add(mem, PC_4G - pc->rom->size, &pc->rom_mr, 2);
	low = MIN(pc->rom->size, (uint64_t)0x20000);
	mr_init_alias(&pc->rom_low, "isa-bios", &pc->rom_mr, pc->rom->size - low, low);
	mr_add(mem, 0x100000 - low, &pc->rom_low, 1);
	return 0;
}

/* ---- AML parts ---- */

void pc_aml_serial(struct aml *a, const char *name, unsigned uid, unsigned port,
                   unsigned gsi, bool as_gsi)
{
	aml_device(a, name);
	aml_name_eisaid(a, "_HID", "PNP0501");
	aml_name_int(a, "_UID", uid);
	aml_name(a, "_CRS");
	aml_resources(a);
	aml_res_io(a, port, 8);
	if (as_gsi) {
		aml_res_gsi(a, gsi, false, false, false);
	} else {
		aml_res_irq(a, gsi);
	}
	aml_end(a);
	aml_end(a);
}

void pc_aml_s5(struct aml *a, unsigned typ)
{
	aml_name(a, "\\_S5");
	aml_package(a, 4);
	aml_int(a, typ);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_int(a, 0);
	aml_end(a);
}

/* ---- reset ---- */

static int pc_write_tables(struct machine *m, struct err *e)
{
	struct pc *pc = m->board;
	struct aspace *as = &m->vm->mem;
	uint8_t anchor[24];
	int r = 0;

	if (pc->has_acpi) {
		r = dma_write(as, pc->acpi_base, pc->acpi.tables.data,
		              pc->acpi.tables.len);
		r = r < 0 ? r : dma_write(as, PC_RSDP, pc->acpi.rsdp, ACPI_RSDP_LEN);
	}
	if (r >= 0 && pc->smbios.len) {
		smbios_entry(anchor, PC_SMBIOS_TABLE, pc->smbios.len);
		r = dma_write(as, PC_SMBIOS, anchor, sizeof(anchor));
		r = r < 0 ? r
		          : dma_write(as, PC_SMBIOS_TABLE, pc->smbios.data,
		                      pc->smbios.len);
	}
	return r < 0 ? err_set_errno(e, r, "cannot write firmware tables") : 0;
}

/* Before anybody has read the tables. */
static void pc_cpus_changed(struct machine *m)
{
	struct err e = ERR_INIT;
	int r = pc_cpus_refresh(m, &e);

	r = r < 0 || !pc_direct(m) ? r : pc_write_tables(m, &e);
	if (r < 0) {
		log_warn("%s: the tables list the old CPUs", e.text);
	}
}

/* After the devices and vCPUs have been reset: the firmware's work, then the kernel. */
static void pc_reset(void *opaque)
{
	struct machine *m = opaque;
	struct pc *pc = m->board;
	struct err e = ERR_INIT;

	machine_cpus_reset(m);
	if (pc_cpus_refresh(m, &e) < 0) {
		log_warn("reset: %s: the tables list the old CPUs", e.text);
	}
	if (!pc_direct(m)) {
		pc_boot_order_reset(pc);
		return;
	}
	if (pc->firmware) {
		pc->firmware(m);
	}
	if (pc_write_tables(m, &e) < 0 || boot_apply(&m->plan, &m->vm->mem, &e) < 0) {
		log_error("reset: %s", e.text);
		vm_request_stop(m->vm, RUN_INTERNAL_ERROR);
		return;
	}
	if (m->vm->n_vcpus) {
		boot_set_cpu(&m->plan, m->vm->vcpus[0]->arch);
	}
}

/* ---- direct boot ---- */

static void pc_map_add(struct boot_in *in, gpa_t addr, uint64_t len,
                       enum boot_mem_type t)
{
	if (len && in->n_map < BOOT_MEM_MAX) {
		in->map[in->n_map++] = (struct boot_mem){ addr, len, t };
	}
}

static void pc_memory_map(struct machine *m, const struct boot_mem *extra,
                          unsigned n_extra)
{
	struct boot_in *in = &m->boot_in;
	struct pc *pc = m->board;

	pc_map_add(in, 0, BOOT_LOW_END, MEM_RAM);
	pc_map_add(in, BOOT_LOW_END, 0xa0000 - BOOT_LOW_END, MEM_RESERVED);
	pc_map_add(in, 0xe0000, 0x20000, MEM_RESERVED);
	pc_map_add(in, 0x100000, in->low_ram - 0x100000, MEM_RAM);
	pc_map_add(in, in->low_ram, pc->acpi_room, MEM_ACPI);
	for (unsigned i = 0; i < n_extra; i++) {
		pc_map_add(in, extra[i].addr, extra[i].len, extra[i].type);
	}
	pc_map_add(in, PC_4G, m->high_size, MEM_RAM);
}

static int pc_plan(struct machine *m, const struct boot_mem *extra, unsigned n_extra,
                   struct err *e)
{
	struct boot_in *in = &m->boot_in;
	struct pc *pc = m->board;
	int r;

	if (m->low_size < (4 << 20)) {
		return err_set(e, -EINVAL,
		               "direct kernel boot needs 4 MiB of memory at least");
	}
	in->kernel_path = m->cfg.kernel;
	in->cmdline = m->cfg.append;
	in->low_ram = m->low_size - pc->acpi_room;
	in->high_ram = m->high_size;
	in->rsdp = pc->has_acpi ? PC_RSDP : 0;
	pc->acpi_base = in->low_ram;
	acpi_relocate(&pc->acpi, pc->acpi_base);
	pc_memory_map(m, extra, n_extra);
	r = boot_src_open(&in->kernel, m->cfg.kernel, "kernel", e);
	if (r >= 0 && m->cfg.initrd) {
		r = boot_in_add_modules(in, m->cfg.initrd, e);
	}
	if (r >= 0) {
		r = boot_plan_x86(&m->plan, in, e);
	}
	if (r < 0) {
		return r;
	}
	m->have_plan = true;
	boot_load_ahead(&m->plan, &m->vm->mem);
	trace("boot_plan", "%s: %s, entry 0x%llx", m->cfg.kernel, m->plan.format,
	      (unsigned long long)m->plan.rip);
	return 0;
}

/* ---- fw_cfg ---- */

static int pc_fwcfg_e820(struct machine *m, const struct boot_mem *extra,
                         unsigned n_extra, struct err *e)
{
	struct blob b = { 0 };
	int r;

	blob_u64(&b, 0);
	blob_u64(&b, m->low_size);
	blob_u32(&b, MEM_RAM);
	for (unsigned i = 0; i < n_extra; i++) {
		blob_u64(&b, extra[i].addr);
		blob_u64(&b, extra[i].len);
		blob_u32(&b, extra[i].type);
	}
	if (m->high_size) {
		blob_u64(&b, PC_4G);
		blob_u64(&b, m->high_size);
		blob_u32(&b, MEM_RAM);
	}
	r = blob_ok(&b) ? fwcfg_add_file(m->fwcfg, "etc/e820", b.data, b.len, e)
	                : -ENOMEM;
	blob_fini(&b);
	return r;
}

static int pc_fwcfg_tables(struct machine *m, struct err *e)
{
	struct pc *pc = m->board;
	struct blob script = { 0 };
	uint8_t anchor[24];
	int r = 0;

	if (pc->has_acpi) {
		acpi_linker(&pc->acpi, &script);
		r = blob_ok(&script) ? 0 : -ENOMEM;
		r = r < 0 ? r
		          : fwcfg_add_file(m->fwcfg, "etc/acpi/tables",
		                           pc->acpi.tables.data, pc->acpi.tables.len,
		                           e);
		r = r < 0 ? r
		          : fwcfg_add_file(m->fwcfg, "etc/acpi/rsdp", pc->acpi.rsdp,
		                           ACPI_RSDP_LEN, e);
		r = r < 0 ? r
		          : fwcfg_add_file(m->fwcfg, "etc/table-loader", script.data,
		                           script.len, e);
	}
	blob_fini(&script);
	if (r >= 0 && pc->smbios.len) {
		smbios_entry(anchor, 0, pc->smbios.len);
		r = fwcfg_add_file(m->fwcfg, "etc/smbios/smbios-tables",
		                   pc->smbios.data, pc->smbios.len, e);
		r = r < 0 ? r
		          : fwcfg_add_file(m->fwcfg, "etc/smbios/smbios-anchor", anchor,
		                           sizeof(anchor), e);
	}
	return r;
}

/* -fw_cfg name=opt/x,string=...|file=... */
static int pc_fwcfg_user(struct machine *m, struct err *e)
{
	for (unsigned i = 0; m->cfg.fw_cfg && i < opt_count(m->cfg.fw_cfg); i++) {
		struct opt *o = opt_at(m->cfg.fw_cfg, i);
		const char *name = opt_get_str(o, "name", NULL);
		const char *str = opt_get_str(o, "string", NULL);
		const char *file = opt_get_str(o, "file", NULL);
		int r;

		if (!name || !str == !file) {
			return err_set(e, -EINVAL,
			               "-fw_cfg wants name= and one of file=, string=");
		}
		if (str) {
			r = fwcfg_add_file(m->fwcfg, name, str, strlen(str), e);
		} else {
			struct boot_src s;
			AUTO_FREE uint8_t *buf = NULL;

			r = boot_src_open(&s, file, "fw_cfg file", e);
			if (r >= 0 && s.size <= (16 << 20)) {
				buf = malloc(s.size + 1);
				r = buf ? boot_src_read(&s, 0, buf, s.size, e)
				        : -ENOMEM;
				r = r < 0 ? r
				          : fwcfg_add_file(m->fwcfg, name, buf, s.size,
				                           e);
				boot_src_close(&s);
			}
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/* SeaBIOS then talks on the first serial port: there is no display. */
static int pc_fwcfg_console(struct machine *m, struct err *e)
{
	uint8_t port[8];

	if (!m->cfg.serial[0]) {
		return 0;
	}
	st_le64(port, 0x3f8);
	return fwcfg_add_file(m->fwcfg, "etc/sercon-port", port, sizeof(port), e);
}

static int pc_fwcfg(struct machine *m, const struct boot_mem *extra, unsigned n_extra,
                    struct err *e)
{
	struct fwcfg *f = m->fwcfg;
	int r;

	if (!f) {
		return 0;
	}
	r = fwcfg_add_u16(f, FWCFG_NB_CPUS, m->cfg.cpus, e);
	r = r < 0 ? r : fwcfg_add_u16(f, FWCFG_MAX_CPUS, m->cfg.max_cpus, e);
	r = r < 0 ? r : fwcfg_add_u64(f, FWCFG_RAM_SIZE, m->cfg.ram_size, e);
	r = r < 0 ? r : fwcfg_add_u32(f, FWCFG_IRQ0_OVERRIDE, 1, e);
	r = r < 0 ? r : fwcfg_add_bytes(f, FWCFG_UUID, m->vm->uuid, 16, e);
	r = r < 0 ? r : pc_fwcfg_user(m, e);
	if (r >= 0 && !pc_direct(m)) {
		r = pc_fwcfg_e820(m, extra, n_extra, e);
		r = r < 0 ? r : pc_fwcfg_console(m, e);
		r = r < 0 ? r : pc_fwcfg_tables(m, e);
	}
	return r;
}

/* -machine x-dump-acpi=DIR: each table as DIR/NAME.aml, for iasl. */
static int pc_dump_tables(const struct acpi_tables *t, const char *dir, struct err *e)
{
	for (unsigned i = 0; i < t->n_sum; i++) {
		const struct acpi_sum *s = &t->sum[i];
		AUTO_FREE char *path = NULL;
		FILE *f;
		bool ok;

		if (asprintf(&path, "%s/%.4s.aml", dir,
		             (const char *)t->tables.data + s->start) < 0) {
			path = NULL;
			return err_set(e, -ENOMEM, "out of memory");
		}
		f = fopen(path, "wbe");
		ok = f && fwrite(t->tables.data + s->start, s->len, 1, f) == 1;
		if ((f && fclose(f)) || !ok) {
			return err_set_errno(e, -errno,
			                     "x-dump-acpi: cannot write '%s'", path);
		}
	}
	return 0;
}

int pc_finish(struct machine *m, struct acpi_desc *desc, const struct boot_mem *extra,
              unsigned n_extra, struct err *e)
{
	const char *dump = opt_get_str(m->cfg.props, "x-dump-acpi", NULL);
	struct pc *pc = m->board;
	int r = 0;

	if (m->cfg.dtb) {
		return err_set(e, -ENOTSUP, "not supported: -dtb on machine '%s'",
		               m->cls->name);
	}
	if (m->cfg.initrd && !m->cfg.kernel) {
		return err_set(e, -EINVAL, "-initrd needs -kernel");
	}
	r = opt_get_bool(m->cfg.props, "acpi", true, &pc->has_acpi, e);
	if (r < 0) {
		return r;
	}
	if (pc->has_acpi) {
		desc->dsdt = &pc->dsdt;
		pc_cpus_madt(m, desc);
		if (acpi_build(&pc->acpi, desc) < 0) {
			return err_set(e, -ENOMEM, "out of memory for ACPI tables");
		}
		pc->acpi_room =
			ALIGN_UP((uint64_t)pc->acpi.tables.len, (uint64_t)65536);
	}
	r = smbios_build(&pc->smbios, m);
	if (r < 0) {
		return err_set(e, r, "out of memory for SMBIOS tables");
	}
	r = pc_fwcfg(m, extra, n_extra, e);
	if (r >= 0 && pc_direct(m)) {
		r = pc_plan(m, extra, n_extra, e);
	}
	if (r >= 0 && dump && pc->has_acpi) {
		r = pc_dump_tables(&pc->acpi, dump, e);
	}
	if (r >= 0) {
		m->cpus_changed = pc_cpus_changed;
		vm_add_reset(m->vm, pc_reset, m);
	}
	return r;
}

void pc_fini(struct machine *m)
{
	struct pc *pc = m->board;

	if (!pc) {
		return;
	}
	vm_del_reset(m->vm, pc_reset, m);
	aml_fini(&pc->dsdt);
	acpi_fini(&pc->acpi);
	blob_fini(&pc->smbios);
	free(pc);
	m->board = NULL;
}
