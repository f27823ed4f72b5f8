/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc.h - what the x86 boards share: interrupt controllers, memory map, tables and
 * direct boot. The boards' own parts are in i440fx.c, q35.c and microvm.c. Control thread.
 */
#ifndef LODGE_MACHINE_PC_H
#define LODGE_MACHINE_PC_H

#include "devices/irqchip/irqchip-x86.h"
#include "machine/acpi.h"
#include "machine/aml.h"
#include "machine/machine.h"

enum {
	PC_RSDP = 0xf0000, /* direct boot: where the RSDP and the SMBIOS entry go */
	PC_SMBIOS = 0xf1000,
	PC_SMBIOS_TABLE = 0xf1020,
	PC_FIRMWARE_MAX = 16 << 20,
};

struct pit;
struct rtc;
struct hpet;
struct i8042;
struct acpi_pm;

/* What pc and q35 share beside that: pc-legacy.c. */
struct pc_legacy {
	struct pit *pit;
	struct rtc *rtc;
	struct hpet *hpet;
	struct i8042 *i8042;
	bool has_hpet, has_i8042;
	struct mr post; /* firmware's progress codes: nobody looks */
	const char *boot_order,
		*boot_once; /* letters of -boot; once: until the first reset */
};

struct pc {
	struct machine *m;
	struct irqchip_x86 *irq;
	struct acpi_pm *pm; /* has the GPEs; NULL: no hot-plug of CPUs */
	struct pc_legacy legacy;
	struct aml dsdt;
	struct acpi_tables acpi;
	struct blob smbios;
	gpa_t acpi_base; /* direct boot */
	uint64_t acpi_room;
	bool has_acpi;
	struct ram_block *rom;
	struct mr rom_mr, rom_low;
	/* The board's own work of a firmware at reset: bus numbers, BARs, routing. */
	void (*firmware)(struct machine *m);
};

/* RAM below and above 4 GiB; low RAM ends at `low_end` at most. */
void pc_map_ram(struct machine *m, uint64_t low_end);
int pc_irqchips(struct machine *m, bool pic, struct err *e) __must_check;
/* -bios (or `fallback`, searched for in the firmware folders): at the top of 4 GiB. */
int pc_map_firmware(struct machine *m, const char *fallback, struct mr *mem,
                    struct err *e) __must_check;
/* Tables for the kernel or the firmware, plan, reset hook. `desc` without its dsdt. */
int pc_finish(struct machine *m, struct acpi_desc *desc, const struct boot_mem *extra,
              unsigned n_extra, struct err *e) __must_check;
void pc_fini(struct machine *m);
bool pc_direct(const struct machine *m);

/* Processors and their hot-plug: pc-cpus.c */
int pc_cpus_check(const struct machine *m, struct err *e) __must_check;
int pc_cpus_build(struct machine *m, struct acpi_pm *pm, struct err *e) __must_check;
void pc_cpus_madt(const struct machine *m, struct acpi_desc *d);
/* The tables and what firmware is told list who is there now. */
int pc_cpus_refresh(struct machine *m, struct err *e) __must_check;

/* DSDT parts */
void pc_aml_cpus(struct aml *a, const struct machine *m);
void pc_aml_serial(struct aml *a, const char *name, unsigned uid, unsigned port,
                   unsigned gsi, bool as_gsi);
void pc_aml_s5(struct aml *a, unsigned typ);

/* SMBIOS 3.0 entry and table, see smbios.c */
int smbios_build(struct blob *table, const struct machine *m) __must_check;
void smbios_entry(uint8_t out[24], uint64_t table, uint32_t len);

/* Numbers buses and places BARs behind a PCI root, as firmware would: pci-setup.c */
struct pci_host;
struct pci_windows {
	uint64_t io, io_end, mem, mem_end, mem64, mem64_end;
	const uint8_t
		*isa_irq; /* of each root line, for the interrupt line registers */
};
void pci_setup(struct pci_host *h, const struct pci_windows *w);

/* Boards pc and q35: -machine's properties, then timers, i8042, serial ports, fw_cfg. */
int pc_legacy_props(struct machine *m, struct err *e) __must_check;
int pc_legacy_build(struct machine *m, struct err *e) __must_check;
extern const uint8_t
	pc_pirq_route[8]; /* ISA interrupts of PIRQA..H as firmware sets them */
void pc_legacy_elcr(struct machine *m); /* ... and their trigger mode */
struct pci_windows pc_legacy_windows(const struct machine *m, uint64_t mem);
/* -boot and bootindex, for firmware: pc-bootorder.c. Devices are all there. */
int pc_boot_order(struct machine *m, struct err *e) __must_check;
void pc_boot_order_reset(struct pc *pc);
struct acpi_desc pc_legacy_acpi(const struct machine *m);
void pc_aml_prt(struct aml *a, unsigned (*gsi)(unsigned slot, unsigned pin));
void pc_aml_pci_crs(struct aml *a, const struct pci_windows *w);
void pc_aml_isa(struct aml *a, const struct machine *m, unsigned slot);
/* Motherboard resources and the HPET; `ecam` 0: none. */
void pc_aml_board(struct aml *a, const struct machine *m, uint32_t ecam,
                  uint32_t ecam_size, uint16_t pm_io, uint8_t pm_len);

#endif
