/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi.h - the ACPI tables of a board, as one relocatable run of bytes.
 *
 * The board describes itself in a struct acpi_desc and writes its DSDT with aml.h.
 * acpi_build() makes the tables with all pointers relative to the run's start;
 * acpi_relocate() puts them at a guest address (direct kernel boot), and
 * acpi_linker() writes the script with which firmware does the same (fw_cfg file
 * "etc/table-loader"). Pure functions; control thread.
 */
#ifndef LODGE_MACHINE_ACPI_H
#define LODGE_MACHINE_ACPI_H

#include <stdbool.h>
#include <stdint.h>

#include "machine/blob.h"

struct aml;

enum {
	ACPI_RSDP_LEN = 36,
	ACPI_PTRS_MAX = 32,
	ACPI_SUMS_MAX = 16,
	ACPI_CPUS_MAX = 255
};

struct acpi_override { /* an ISA line that is not what its number says */
	uint8_t isa, gsi;
	uint16_t
		flags; /* MPS INTI: polarity 1 high 3 low, trigger (1 edge 3 level) << 2 */
};

struct acpi_desc {
	unsigned n_cpus, max_cpus;
	uint8_t apic_id[ACPI_CPUS_MAX];
	uint64_t lapic_base;
	uint32_t ioapic_base;
	uint8_t ioapic_id;
	bool has_pics; /* a pair of 8259s is there */
	const struct acpi_override *overrides;
	unsigned n_overrides;

	/* Fixed hardware: pm_io 0 means hardware-reduced ACPI, with the two registers below. */
	uint16_t pm_io, sci, gpe0_io, gpe0_len;
	uint8_t smi_enable_port; /* unused: no SMM */
	bool has_8042, has_rtc;
	uint64_t sleep_ctl, sleep_sts; /* hardware-reduced: memory */
	uint64_t reset_addr;
	bool reset_is_mmio;
	uint8_t reset_value;

	uint64_t ecam_base; /* 0: no PCIe */
	uint8_t ecam_last_bus;
	uint32_t hpet_base, hpet_id; /* 0: no HPET */
	struct aml *dsdt;
};

struct acpi_ptr {
	uint32_t at;     /* in tables, or in the RSDP when in_rsdp */
	uint32_t target; /* in tables */
	uint8_t size;
	bool in_rsdp;
};

struct acpi_sum {
	uint32_t start, len, at;
};

struct acpi_tables {
	struct blob tables;
	uint8_t rsdp[ACPI_RSDP_LEN];
	struct acpi_ptr ptr[ACPI_PTRS_MAX];
	struct acpi_sum sum[ACPI_SUMS_MAX];
	unsigned n_ptr, n_sum;
	uint32_t madt_cpus; /* entries of the MADT: one for each processor */
};

int acpi_build(struct acpi_tables *t, const struct acpi_desc *d)
	__attribute__((warn_unused_result));
void acpi_fini(struct acpi_tables *t);
/* Makes every pointer and checksum right for tables at `base` (below 4 GiB). */
void acpi_relocate(struct acpi_tables *t, uint64_t base);
/* Processor `i` is there, or may come. True: that is news; the checksums are right again. */
bool acpi_set_cpu(struct acpi_tables *t, unsigned i, bool there);
/* The firmware's script; tables and rsdp must not be relocated. */
void acpi_linker(const struct acpi_tables *t, struct blob *script);

#endif
