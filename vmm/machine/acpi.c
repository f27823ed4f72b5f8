/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi.c - RSDP, RSDT, XSDT, FADT, FACS, MADT, MCFG, HPET and the frame of a DSDT.
 * Specification: ACPI 6.4 chapter 5.2; PCI Firmware 3.2 (MCFG); IA-PC HPET 1.0a.
 *
 * Known gaps: no SRAT/SLIT (one memory node), no SSDTs, no x2APIC entries (local
 * APIC ids stay below 255).
 */
#include "config.h"

#include "machine/acpi.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "machine/aml.h"

#define ACPI_OEM_ID       "LODGE "
#define ACPI_OEM_TABLE_ID "LODGEVM "
#define ACPI_CREATOR      "LDGE"

enum {
	ACPI_HEADER_LEN = 36,
	ACPI_SUM_OFF = 9, /* checksum in a table header */
	FADT_LEN = 276,   /* revision 6 */
	MADT_CPU_LEN = 8,
	MADT_ENABLED = 1,
	MADT_ONLINE_CAPABLE = 2, /* may come later; never beside ENABLED */
};

/* ---- frame ---- */

static uint32_t acpi_begin(struct acpi_tables *t, const char *sig, uint8_t rev)
{
	struct blob *b = &t->tables;
	uint32_t at;

	blob_align(b, 16);
	at = b->len;
	blob_put(b, sig, 4);
	blob_u32(b, 0);
	blob_u8(b, rev);
	blob_u8(b, 0);
	blob_put(b, ACPI_OEM_ID, 6);
	blob_put(b, ACPI_OEM_TABLE_ID, 8);
	blob_u32(b, 1);
	blob_put(b, ACPI_CREATOR, 4);
	blob_u32(b, 1);
	return at;
}

static void acpi_end(struct acpi_tables *t, uint32_t at)
{
	struct acpi_sum *s = &t->sum[t->n_sum];

	if (t->n_sum == ACPI_SUMS_MAX) {
		t->tables.bad = true;
		return;
	}
	t->n_sum++;
	s->start = at;
	s->len = t->tables.len - at;
	s->at = at + ACPI_SUM_OFF;
	blob_set(&t->tables, at + 4, s->len, 4);
}

static void acpi_pointer(struct acpi_tables *t, bool in_rsdp, uint32_t at,
                         unsigned size, uint32_t target)
{
	if (t->n_ptr == ACPI_PTRS_MAX) {
		t->tables.bad = true;
		return;
	}
	t->ptr[t->n_ptr++] = (struct acpi_ptr){ at, target, size, in_rsdp };
	if (in_rsdp) {
		st_le(t->rsdp + at, target, size);
	} else {
		blob_set(&t->tables, at, target, size);
	}
}

/* ---- tables ---- */

/* 5.2.10; no firmware waking vector is ever used, but every OS wants the table. */
static uint32_t acpi_facs(struct acpi_tables *t)
{
	uint32_t at;

	blob_align(&t->tables, 64);
	at = blob_grow(&t->tables, 64);
	if (blob_ok(&t->tables)) {
		memcpy(t->tables.data + at, "FACS", 4);
		blob_set(&t->tables, at + 4, 64, 4);
		blob_set(&t->tables, at + 32, 2, 1); /* version */
	}
	return at;
}

/* Generic address structure (5.2.3.2). */
static void acpi_gas(struct acpi_tables *t, uint32_t at, bool mmio, unsigned bits,
                     unsigned access, uint64_t addr)
{
	blob_set(&t->tables, at, mmio ? 0 : 1, 1);
	blob_set(&t->tables, at + 1, bits, 1);
	blob_set(&t->tables, at + 3, access, 1);
	blob_set(&t->tables, at + 4, addr, 8);
}

static void acpi_fadt_fixed(struct acpi_tables *t, uint32_t at,
                            const struct acpi_desc *d)
{
	struct blob *b = &t->tables;

	blob_set(b, at + 46, d->sci, 2);
	blob_set(b, at + 56, d->pm_io, 4);     /* PM1a event */
	blob_set(b, at + 64, d->pm_io + 4, 4); /* PM1a control */
	blob_set(b, at + 76, d->pm_io + 8, 4); /* PM timer */
	blob_set(b, at + 80, d->gpe0_io, 4);
	blob_set(b, at + 88, 4, 1);
	blob_set(b, at + 89, 2, 1);
	blob_set(b, at + 91, 4, 1);
	blob_set(b, at + 92, d->gpe0_len, 1);
	acpi_gas(t, at + 148, false, 32, 0, d->pm_io);
	acpi_gas(t, at + 172, false, 16, 0, d->pm_io + 4);
	acpi_gas(t, at + 208, false, 32, 0, d->pm_io + 8);
	acpi_gas(t, at + 220, false, d->gpe0_len * 8, 0, d->gpe0_io);
}

/* 5.2.9 */
static uint32_t acpi_fadt(struct acpi_tables *t, const struct acpi_desc *d,
                          uint32_t facs, uint32_t dsdt)
{
	uint32_t at = acpi_begin(t, "FACP", 6);
	struct blob *b = &t->tables;
	/* WBINVD, C1 on all processors, reset register */
	uint32_t flags = BIT(0) | BIT(2) | BIT(10);
	uint16_t boot = BIT(2); /* do not probe for VGA */

	blob_grow(b, FADT_LEN - ACPI_HEADER_LEN);
	acpi_pointer(t, false, at + 36, 4, facs);
	acpi_pointer(t, false, at + 40, 4, dsdt);
	acpi_pointer(t, false, at + 140, 8, dsdt);
	blob_set(b, at + 96, 0xfff, 2); /* no C2 */
	blob_set(b, at + 98, 0xfff, 2); /* no C3 */
	blob_set(b, at + 131, 3, 1);    /* minor revision: 6.3 */
	if (d->pm_io) {
		acpi_fadt_fixed(t, at, d);
		flags |= BIT(5); /* no fixed sleep button */
		boot |= BIT(0);  /* ISA bus devices are there */
	} else {
		flags |= BIT(20) | BIT(4) |
		         BIT(5); /* hardware-reduced, button is a device */
		acpi_gas(t, at + 244, true, 8, 1, d->sleep_ctl);
		acpi_gas(t, at + 256, true, 8, 1, d->sleep_sts);
	}
	if (d->has_8042) {
		boot |= BIT(1);
	}
	if (!d->has_rtc) {
		boot |= BIT(5);
	} else {
		blob_set(b, at + 108, 0x32, 1); /* century byte in the RTC */
	}
	acpi_gas(t, at + 116, d->reset_is_mmio, 8, 1, d->reset_addr);
	blob_set(b, at + 128, d->reset_value, 1);
	blob_set(b, at + 109, boot, 2);
	blob_set(b, at + 112, flags, 4);
	acpi_end(t, at);
	return at;
}

/* 5.2.12 */
static uint32_t acpi_madt(struct acpi_tables *t, const struct acpi_desc *d)
{
	uint32_t at = acpi_begin(t, "APIC", 5);
	struct blob *b = &t->tables;

	blob_u32(b, d->lapic_base);
	blob_u32(b, d->has_pics ? 1 : 0);
	t->madt_cpus = b->len;
	for (unsigned i = 0; i < d->max_cpus && i < ACPI_CPUS_MAX; i++) {
		blob_u8(b, 0);
		blob_u8(b, MADT_CPU_LEN);
		blob_u8(b, i);
		blob_u8(b, d->apic_id[i]);
		blob_u32(b, i < d->n_cpus ? MADT_ENABLED : MADT_ONLINE_CAPABLE);
	}
	blob_u8(b, 1);
	blob_u8(b, 12);
	blob_u8(b, d->ioapic_id);
	blob_u8(b, 0);
	blob_u32(b, d->ioapic_base);
	blob_u32(b, 0);
	for (unsigned i = 0; i < d->n_overrides; i++) {
		blob_u8(b, 2);
		blob_u8(b, 10);
		blob_u8(b, 0);
		blob_u8(b, d->overrides[i].isa);
		blob_u32(b, d->overrides[i].gsi);
		blob_u16(b, d->overrides[i].flags);
	}
	blob_u8(b, 4); /* NMI is LINT1 of every local APIC */
	blob_u8(b, 6);
	blob_u8(b, 0xff);
	blob_u16(b, 0);
	blob_u8(b, 1);
	acpi_end(t, at);
	return at;
}

static uint32_t acpi_mcfg(struct acpi_tables *t, const struct acpi_desc *d)
{
	uint32_t at = acpi_begin(t, "MCFG", 1);
	struct blob *b = &t->tables;

	blob_u64(b, 0);
	blob_u64(b, d->ecam_base);
	blob_u16(b, 0); /* segment */
	blob_u8(b, 0);
	blob_u8(b, d->ecam_last_bus);
	blob_u32(b, 0);
	acpi_end(t, at);
	return at;
}

static uint32_t acpi_hpet(struct acpi_tables *t, const struct acpi_desc *d)
{
	uint32_t at = acpi_begin(t, "HPET", 1);
	struct blob *b = &t->tables;

	blob_u32(b, d->hpet_id);
	blob_grow(b, 12);
	acpi_gas(t, b->len - 12, true, 64, 0, d->hpet_base);
	blob_u8(b, 0);
	blob_u16(b, 0x80); /* least tick for periodic mode */
	blob_u8(b, 0);
	acpi_end(t, at);
	return at;
}

static uint32_t acpi_dsdt(struct acpi_tables *t, const struct acpi_desc *d)
{
	uint32_t at = acpi_begin(t, "DSDT", 2); /* revision 2: 64-bit integers */

	blob_put(&t->tables, d->dsdt->out.data, d->dsdt->out.len);
	acpi_end(t, at);
	return at;
}

static uint32_t acpi_root(struct acpi_tables *t, const char *sig, unsigned width,
                          const uint32_t *list, unsigned n)
{
	uint32_t at = acpi_begin(t, sig, 1);

	for (unsigned i = 0; i < n; i++) {
		acpi_pointer(t, false, blob_grow(&t->tables, width), width, list[i]);
	}
	acpi_end(t, at);
	return at;
}

static uint8_t acpi_checksum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--) {
		s += *p++;
	}
	return -s;
}

static void acpi_do_sums(struct acpi_tables *t)
{
	for (unsigned i = 0; i < t->n_sum; i++) {
		struct acpi_sum *s = &t->sum[i];

		t->tables.data[s->at] = 0;
		t->tables.data[s->at] =
			acpi_checksum(t->tables.data + s->start, s->len);
	}
	t->rsdp[8] = t->rsdp[32] = 0;
	t->rsdp[8] = acpi_checksum(t->rsdp, 20);
	t->rsdp[32] = acpi_checksum(t->rsdp, ACPI_RSDP_LEN);
}

bool acpi_set_cpu(struct acpi_tables *t, unsigned i, bool there)
{
	uint8_t *flags = t->tables.data + t->madt_cpus + i * MADT_CPU_LEN + 4;
	uint32_t want = there ? MADT_ENABLED : MADT_ONLINE_CAPABLE;

	if (ld_le32(flags) == want) {
		return false;
	}
	st_le32(flags, want);
	acpi_do_sums(t);
	return true;
}

int acpi_build(struct acpi_tables *t, const struct acpi_desc *d)
{
	uint32_t list[8], facs, dsdt, rsdt, xsdt;
	unsigned n = 0;

	memset(t, 0, sizeof(*t));
	if (!aml_ok(d->dsdt)) {
		return -ENOMEM;
	}
	facs = acpi_facs(t);
	dsdt = acpi_dsdt(t, d);
	list[n++] = acpi_fadt(t, d, facs, dsdt);
	list[n++] = acpi_madt(t, d);
	if (d->ecam_base) {
		list[n++] = acpi_mcfg(t, d);
	}
	if (d->hpet_base) {
		list[n++] = acpi_hpet(t, d);
	}
	rsdt = acpi_root(t, "RSDT", 4, list, n);
	xsdt = acpi_root(t, "XSDT", 8, list, n);
	memcpy(t->rsdp, "RSD PTR ", 8);
	memcpy(t->rsdp + 9, ACPI_OEM_ID, 6);
	t->rsdp[15] = 2;
	t->rsdp[20] = ACPI_RSDP_LEN;
	acpi_pointer(t, true, 16, 4, rsdt);
	acpi_pointer(t, true, 24, 8, xsdt);
	if (!blob_ok(&t->tables)) {
		acpi_fini(t);
		return -ENOMEM;
	}
	acpi_do_sums(t);
	return 0;
}

void acpi_fini(struct acpi_tables *t)
{
	blob_fini(&t->tables);
	memset(t, 0, sizeof(*t));
}

void acpi_relocate(struct acpi_tables *t, uint64_t base)
{
	for (unsigned i = 0; i < t->n_ptr; i++) {
		struct acpi_ptr *p = &t->ptr[i];

		if (p->in_rsdp) {
			st_le(t->rsdp + p->at, base + p->target, p->size);
		} else {
			blob_set(&t->tables, p->at, base + p->target, p->size);
		}
	}
	acpi_do_sums(t);
}

/*
 * The firmware's script: 128-byte entries. ALLOCATE a file (zone 1 high, 2 the F
 * segment), ADD_POINTER of one file into another, ADD_CHECKSUM over a range.
 */
enum {
	LINK_ALLOCATE = 1,
	LINK_POINTER = 2,
	LINK_CHECKSUM = 3,
	LINK_ENTRY = 128,
	LINK_NAME = 56
};
#define LINK_TABLES "etc/acpi/tables"
#define LINK_RSDP   "etc/acpi/rsdp"

static void acpi_link_name(struct blob *s, const char *name)
{
	size_t at = blob_grow(s, LINK_NAME);

	if (blob_ok(s)) {
		memcpy(s->data + at, name, strlen(name));
	}
}

static void acpi_link_allocate(struct blob *s, const char *name, uint32_t align,
                               uint8_t zone)
{
	size_t at = s->len;

	blob_u32(s, LINK_ALLOCATE);
	acpi_link_name(s, name);
	blob_u32(s, align);
	blob_u8(s, zone);
	blob_grow(s, at + LINK_ENTRY - s->len);
}

static void acpi_link_checksum(struct blob *s, const char *name, uint32_t where,
                               uint32_t start, uint32_t len)
{
	size_t at = s->len;

	blob_u32(s, LINK_CHECKSUM);
	acpi_link_name(s, name);
	blob_u32(s, where);
	blob_u32(s, start);
	blob_u32(s, len);
	blob_grow(s, at + LINK_ENTRY - s->len);
}

void acpi_linker(const struct acpi_tables *t, struct blob *s)
{
	acpi_link_allocate(s, LINK_TABLES, 64, 1);
	acpi_link_allocate(s, LINK_RSDP, 16, 2);
	for (unsigned i = 0; i < t->n_ptr; i++) {
		size_t at = s->len;

		blob_u32(s, LINK_POINTER);
		acpi_link_name(s, t->ptr[i].in_rsdp ? LINK_RSDP : LINK_TABLES);
		acpi_link_name(s, LINK_TABLES);
		blob_u32(s, t->ptr[i].at);
		blob_u8(s, t->ptr[i].size);
		blob_grow(s, at + LINK_ENTRY - s->len);
	}
	/* The firmware sums what is there: our finished sums make the total zero, and
	 * stay right because it adds to the byte it finds. */
	for (unsigned i = 0; i < t->n_sum; i++) {
		acpi_link_checksum(s, LINK_TABLES, t->sum[i].at, t->sum[i].start,
		                   t->sum[i].len);
	}
	acpi_link_checksum(s, LINK_RSDP, 8, 0, 20);
	acpi_link_checksum(s, LINK_RSDP, 32, 0, ACPI_RSDP_LEN);
}
