/* SPDX-License-Identifier: GPL-2.0-or-later */
/* machine_test.c - AML, ACPI tables, boot plans of every kernel format, -smp. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/cpu/x86.h"
#include "machine/acpi.h"
#include "machine/aml.h"
#include "machine/boot.h"
#include "tests/unit/unit.h"

/* ---- AML ---- */

START_TEST(test_aml_names)
{
	static const uint8_t want[] = { 0x08, 0x5c, 0x2e, '_', 'S',  'B', '_',
		                        'A',  '_',  '_',  '_', 0x0a, 5 };
	struct aml a;

	aml_init(&a);
	aml_name_int(&a, "\\_SB.A", 5);
	ck_assert(aml_ok(&a));
	ck_assert_uint_eq(a.out.len, sizeof(want));
	ck_assert_mem_eq(a.out.data, want, sizeof(want));
	aml_fini(&a);
}
END_TEST

START_TEST(test_aml_eisaid)
{
	static const uint8_t want[] = { 0x0c, 0x41, 0xd0, 0x0a, 0x08 }; /* PNP0A08 */
	struct aml a;

	aml_init(&a);
	aml_eisaid(&a, "PNP0A08");
	ck_assert_mem_eq(a.out.data, want, sizeof(want));
	aml_fini(&a);
}
END_TEST

/* Lengths at each boundary of the PkgLength encoding. */
START_TEST(test_aml_lengths)
{
	static const size_t body[] = {
		0, 57, 58, 59, 60, 4087, 4088, 4089, 4090, 70000
	};

	for (unsigned i = 0; i < ARRAY_LEN(body); i++) {
		struct aml a;
		uint8_t zero[1] = { 0 };
		size_t len, n;

		aml_init(&a);
		aml_scope(&a, "ABCD");
		for (size_t k = 0; k < body[i]; k++) {
			aml_raw(&a, zero, 1);
		}
		aml_end(&a);
		ck_assert(aml_ok(&a));
		n = a.out.data[1] >> 6;
		len = n ? (a.out.data[1] & 15) : (a.out.data[1] & 63);
		for (size_t k = 0; k < n; k++) {
			len |= (size_t)a.out.data[2 + k] << (4 + 8 * k);
		}
		ck_assert_uint_eq(len + 1, a.out.len);
		aml_fini(&a);
	}
}
END_TEST

START_TEST(test_aml_unbalanced)
{
	struct aml a;

	aml_init(&a);
	aml_scope(&a, "ABCD");
	ck_assert(!aml_ok(&a));
	aml_end(&a);
	ck_assert(aml_ok(&a));
	aml_end(&a);
	ck_assert(!aml_ok(&a));
	aml_fini(&a);
}
END_TEST

/* ---- ACPI ---- */

static uint8_t sum(const uint8_t *p, size_t n)
{
	uint8_t s = 0;

	while (n--) {
		s += *p++;
	}
	return s;
}

static void make_tables(struct acpi_tables *t, struct aml *a, bool reduced)
{
	struct acpi_desc d = { .n_cpus = 2,
		               .max_cpus = 4,
		               .apic_id = { 0, 3, 6, 9 },
		               .lapic_base = 0xfee00000,
		               .ioapic_base = 0xfec00000,
		               .has_rtc = true,
		               .dsdt = a };

	if (reduced) {
		d.sleep_ctl = 0xfea00100;
		d.sleep_sts = 0xfea00101;
	} else {
		d.pm_io = 0x600;
		d.gpe0_io = 0x620;
		d.gpe0_len = 16;
		d.sci = 9;
		d.ecam_base = 0xb0000000;
		d.hpet_base = 0xfed00000;
	}
	aml_init(a);
	aml_name_int(a, "TEST", 1);
	ck_assert_int_eq(acpi_build(t, &d), 0);
}

START_TEST(test_acpi_walk)
{
	const uint64_t base = 0x7fff0000;
	struct acpi_tables t;
	struct aml a;
	uint64_t xsdt;
	bool fadt = false;

	make_tables(&t, &a, _i);
	acpi_relocate(&t, base);
	ck_assert_uint_eq(sum(t.rsdp, 20), 0);
	ck_assert_uint_eq(sum(t.rsdp, 36), 0);
	xsdt = ld_le64(t.rsdp + 24) - base;
	ck_assert_uint_lt(xsdt, t.tables.len);
	for (uint64_t at = xsdt + 36; at < xsdt + ld_le32(t.tables.data + xsdt + 4);
	     at += 8) {
		uint64_t x = ld_le64(t.tables.data + at) - base;
		uint32_t len = ld_le32(t.tables.data + x + 4);

		ck_assert(range_fits(x, len, t.tables.len));
		ck_assert_uint_eq(sum(t.tables.data + x, len), 0);
		if (memcmp(t.tables.data + x, "FACP", 4) == 0) {
			uint64_t dsdt = ld_le64(t.tables.data + x + 140) - base;

			fadt = true;
			ck_assert_uint_eq(len, 276);
			ck_assert_mem_eq(t.tables.data + dsdt, "DSDT", 4);
		}
	}
	ck_assert(fadt);
	acpi_fini(&t);
	aml_fini(&a);
}
END_TEST

/* A processor comes and goes: its entry of the MADT, and the sum. */
START_TEST(test_acpi_cpus)
{
	struct acpi_tables t;
	const uint8_t *madt, *cpu;
	uint32_t len;
	struct aml a;

	make_tables(&t, &a, false);
	cpu = t.tables.data + t.madt_cpus;
	madt = cpu - 44;
	ck_assert_mem_eq(madt, "APIC", 4);
	len = ld_le32(madt + 4);
	ck_assert_uint_eq(sum(madt, len), 0);
	for (unsigned i = 0; i < 4; i++) {
		ck_assert_uint_eq(cpu[8 * i], 0);
		ck_assert_uint_eq(cpu[8 * i + 2], i);
		ck_assert_uint_eq(cpu[8 * i + 3], 3 * i);
		ck_assert_uint_eq(ld_le32(cpu + 8 * i + 4), i < 2 ? 1 : 2);
	}
	ck_assert(!acpi_set_cpu(&t, 1, true));
	ck_assert(acpi_set_cpu(&t, 3, true));
	ck_assert(acpi_set_cpu(&t, 1, false));
	ck_assert_uint_eq(ld_le32(cpu + 8 * 3 + 4), 1);
	ck_assert_uint_eq(ld_le32(cpu + 8 * 1 + 4), 2);
	ck_assert_uint_eq(sum(madt, len), 0);
	acpi_fini(&t);
	aml_fini(&a);
}
END_TEST

/* Does what firmware does with the script and compares with acpi_relocate(). */
START_TEST(test_acpi_linker)
{
	const uint64_t base = 0x1000000;
	struct acpi_tables t;
	struct blob s = { 0 };
	uint8_t *tab, rsdp[ACPI_RSDP_LEN];
	struct aml a;

	make_tables(&t, &a, false);
	acpi_linker(&t, &s);
	ck_assert_uint_eq(s.len % 128, 0);
	tab = malloc(t.tables.len);
	memcpy(tab, t.tables.data, t.tables.len);
	memcpy(rsdp, t.rsdp, sizeof(rsdp));
	for (size_t i = 0; i < s.len; i += 128) {
		const uint8_t *q = s.data + i;
		uint8_t *f = strcmp((const char *)q + 4, "etc/acpi/rsdp") ? tab : rsdp;

		if (ld_le32(q) == 2) {
			uint8_t *at = f + ld_le32(q + 116);

			st_le(at, ld_le(at, q[120]) + base, q[120]);
		} else if (ld_le32(q) == 3) {
			f[ld_le32(q + 60)] -= sum(f + ld_le32(q + 64), ld_le32(q + 68));
		}
	}
	acpi_relocate(&t, base);
	ck_assert_mem_eq(tab, t.tables.data, t.tables.len);
	ck_assert_mem_eq(rsdp, t.rsdp, sizeof(rsdp));
	free(tab);
	blob_fini(&s);
	acpi_fini(&t);
	aml_fini(&a);
}
END_TEST

/* ---- boot plans ---- */

#define MB (1 << 20)

static void in_init(struct boot_in *in, const void *k, size_t n)
{
	*in = (struct boot_in){ .low_ram = 64 * MB,
		                .cmdline = "console=ttyS0",
		                .kernel_path = "k",
		                .rsdp = 0xf0000 };
	boot_src_mem(&in->kernel, k, n, "kernel");
	in->map[0] = (struct boot_mem){ 0, 0x9fc00, MEM_RAM };
	in->map[1] = (struct boot_mem){ 0x100000, 63 * MB, MEM_RAM };
	in->n_map = 2;
}

static const struct boot_chunk *chunk(const struct boot_plan *p, const char *what)
{
	for (unsigned i = 0; i < p->n_chunk; i++) {
		if (strcmp(p->chunk[i].what, what) == 0) {
			return &p->chunk[i];
		}
	}
	return NULL;
}

static void make_bzimage(uint8_t *k, size_t n)
{
	memset(k, 0, n);
	k[0x1f1] = 1; /* one setup sector */
	st_le32(k + 0x1f4, (uint32_t)(n - 0x400) / 16);
	st_le16(k + 0x1fe, 0xaa55);
	k[0x200] = 0xeb;
	k[0x201] = 0x6a;
	memcpy(k + 0x202, "HdrS", 4);
	st_le16(k + 0x206, 0x20f);
	k[0x211] = 1;
	st_le32(k + 0x22c, 0x7fffffff);
	st_le32(k + 0x230, 0x200000);
	k[0x234] = 1;
	st_le16(k + 0x236, 1);
	st_le32(k + 0x238, 2047);
	st_le64(k + 0x258, 0x1000000);
	st_le32(k + 0x260, 8 * MB);
}

START_TEST(test_boot_bzimage)
{
	static uint8_t k[0x10000], initrd[5000];
	struct boot_in in;
	struct boot_plan p;
	struct x86_cpu *c = calloc(1, sizeof(*c));
	const struct boot_chunk *z;
	struct err e = ERR_INIT;

	make_bzimage(k, sizeof(k));
	in_init(&in, k, sizeof(k));
	boot_src_mem(&in.mod[0].src, initrd, sizeof(initrd), "initrd");
	in.n_mod = 1;
	ck_assert_msg(boot_plan_x86(&p, &in, &e) == 0, "%s", e.text);
	ck_assert_int_eq(p.mode, BOOT_LONG64);
	ck_assert_uint_eq(p.rip, 0x1000200);
	z = chunk(&p, "boot parameters");
	ck_assert_ptr_nonnull(z);
	ck_assert_uint_eq(z->data[0x1e8], 2);
	ck_assert_uint_eq(ld_le32(z->data + 0x228), BOOT_INFO);
	ck_assert_uint_eq(ld_le64(z->data + 0x70), 0xf0000);
	ck_assert_uint_eq(ld_le32(z->data + 0x21c), sizeof(initrd));
	ck_assert_uint_ge(ld_le32(z->data + 0x218), 0x1000000 + 8 * MB);
	boot_set_cpu(&p, c);
	ck_assert_uint_eq(c->reg[X86_RSI], BOOT_PARAMS);
	ck_assert_uint_eq(c->efer, X86_EFER_LME | X86_EFER_LMA);
	ck_assert(c->seg[X86_CS].attr & X86_SEG_L);
	boot_plan_fini(&p);
	free(c);
}
END_TEST

START_TEST(test_boot_bzimage_errors)
{
	static uint8_t k[0x10000];
	char *big = malloc(5000);
	struct boot_in in;
	struct boot_plan p;
	struct err e = ERR_INIT;

	make_bzimage(k, sizeof(k));
	in_init(&in, k, 0x400); /* setup only */
	ck_assert_int_lt(boot_plan_x86(&p, &in, &e), 0);
	in_init(&in, k, sizeof(k) - 100); /* a download that broke off */
	ck_assert_int_lt(boot_plan_x86(&p, &in, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "truncated"));
	in_init(&in, k, sizeof(k));
	in.low_ram = 4 * MB;
	ck_assert_int_lt(boot_plan_x86(&p, &in, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "-m"));
	memset(big, 'x', 4999);
	big[4999] = 0;
	in_init(&in, k, sizeof(k));
	in.cmdline = big;
	ck_assert_int_lt(boot_plan_x86(&p, &in, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "2047"));
	/* Cut anywhere, the file is refused or planned, never read past. */
	for (size_t n = 0; n < 0x500; n++) {
		uint8_t *exact = malloc(n + 1);

		memcpy(exact, k, n);
		in_init(&in, exact, n);
		if (boot_plan_x86(&p, &in, &e) == 0) {
			boot_plan_fini(&p);
		}
		free(exact);
	}
	free(big);
}
END_TEST

/* ELF64 with one segment at 1 MiB and, optionally, Xen's note. */
static size_t make_elf(uint8_t *k, bool note, uint64_t filesz, uint64_t memsz)
{
	memset(k, 0, 0x2000);
	memcpy(k, "\177ELF\2\1\1", 7);
	st_le16(k + 16, 2);
	st_le16(k + 18, 62);
	st_le64(k + 24, 0x100040);
	st_le64(k + 32, 64);
	st_le16(k + 54, 56);
	st_le16(k + 56, note ? 2 : 1);
	st_le32(k + 64, 1);
	st_le64(k + 64 + 8, 0x1000);
	st_le64(k + 64 + 16, 0xffffffff80100000);
	st_le64(k + 64 + 24, 0x100000);
	st_le64(k + 64 + 32, filesz);
	st_le64(k + 64 + 40, memsz);
	if (note) {
		uint8_t *q = k + 0x200;

		st_le32(k + 120, 4);
		st_le64(k + 120 + 8, 0x200);
		st_le64(k + 120 + 32, 20);
		st_le32(q, 4);
		st_le32(q + 4, 4);
		st_le32(q + 8, 18);
		memcpy(q + 12, "Xen", 4);
		st_le32(q + 16, 0x100123);
	}
	return 0x2000;
}

START_TEST(test_boot_pvh)
{
	static uint8_t k[0x2000], initrd[100];
	struct boot_in in;
	struct boot_plan p;
	const struct boot_chunk *c;
	struct err e = ERR_INIT;

	in_init(&in, k, make_elf(k, true, 0x1000, 0x3000));
	boot_src_mem(&in.mod[0].src, initrd, sizeof(initrd), "initrd");
	in.n_mod = 1;
	ck_assert_msg(boot_plan_x86(&p, &in, &e) == 0, "%s", e.text);
	ck_assert_int_eq(p.mode, BOOT_PROT32);
	ck_assert_uint_eq(p.rip, 0x100123);
	c = chunk(&p, "start information");
	ck_assert_ptr_nonnull(c);
	ck_assert_uint_eq(p.rbx, c->addr);
	ck_assert_uint_eq(ld_le32(c->data), 0x336ec578);
	ck_assert_uint_eq(ld_le64(c->data + 32), 0xf0000);
	ck_assert_uint_eq(ld_le32(c->data + 48), 2);
	ck_assert_str_eq((char *)c->data + ld_le64(c->data + 24) - c->addr,
	                 "console=ttyS0");
	c = chunk(&p, "ELF segment");
	ck_assert_uint_eq(c->zero, 0x2000);
	boot_plan_fini(&p);
}
END_TEST

START_TEST(test_boot_elf64)
{
	static uint8_t k[0x2000];
	struct boot_in in;
	struct boot_plan p;
	struct err e = ERR_INIT;

	in_init(&in, k, make_elf(k, false, 0x1000, 0x1000));
	ck_assert_int_eq(boot_plan_x86(&p, &in, &e), 0);
	ck_assert_int_eq(p.mode, BOOT_LONG64);
	ck_assert_uint_eq(p.rip, 0x100040);
	boot_plan_fini(&p);
}
END_TEST

START_TEST(test_boot_elf_errors)
{
	static uint8_t k[0x2000];
	static const struct {
		unsigned at, size;
		uint64_t v;
	} bad[] = {
		{ 18, 2, 183 },                   /* AArch64 */
		{ 54, 2, 0 },                     /* entry size */
		{ 56, 2, 0xffff },                /* count */
		{ 32, 8, ~UINT64_C(0) - 3 },      /* table offset */
		{ 64 + 8, 8, ~UINT64_C(0) },      /* segment offset */
		{ 64 + 24, 8, ~UINT64_C(0) - 7 }, /* address */
		{ 64 + 32, 8, 0x10000 },          /* file size beyond file */
		{ 64 + 40, 8, ~UINT64_C(0) },     /* memory size */
		{ 64 + 24, 8, 0x7000 },           /* on the zero page */
	};
	struct boot_in in;
	struct boot_plan p;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;

		in_init(&in, k, make_elf(k, false, 0x1000, 0x1000));
		st_le(k + bad[i].at, bad[i].v, bad[i].size);
		ck_assert_msg(boot_plan_x86(&p, &in, &e) < 0, "case %u", i);
		ck_assert_uint_gt(strlen(e.text), 10);
	}
}
END_TEST

START_TEST(test_boot_multiboot)
{
	static uint8_t k[0x3000], m0[10], m1[5000];
	struct boot_in in;
	struct boot_plan p;
	const struct boot_chunk *c;
	const uint8_t *mods;
	struct err e = ERR_INIT;

	memset(k, 0, sizeof(k));
	st_le32(k + 0x100, 0x1badb002);
	st_le32(k + 0x104, 0x10003);
	st_le32(k + 0x108, -(0x1badb002u + 0x10003u));
	st_le32(k + 0x10c, 0x200100); /* header */
	st_le32(k + 0x110, 0x200000); /* load */
	st_le32(k + 0x114, 0x203000);
	st_le32(k + 0x118, 0x210000); /* bss end */
	st_le32(k + 0x11c, 0x200200);
	in_init(&in, k, sizeof(k));
	boot_src_mem(&in.mod[0].src, m0, sizeof(m0), "module");
	boot_src_mem(&in.mod[1].src, m1, sizeof(m1), "module");
	in.mod[0].args = strdup("a one");
	in.mod[1].args = strdup("b");
	in.n_mod = 2;
	ck_assert_msg(boot_plan_x86(&p, &in, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(p.rip, 0x200200);
	ck_assert_uint_eq(p.rax, 0x2badb002);
	c = chunk(&p, "multiboot kernel");
	ck_assert_uint_eq(c->addr, 0x200000);
	ck_assert_uint_eq(c->zero, 0xd000);
	c = chunk(&p, "multiboot information");
	ck_assert_uint_eq(ld_le32(c->data + 20), 2);
	mods = c->data + ld_le32(c->data + 24) - c->addr;
	ck_assert_uint_eq(ld_le32(mods), 0x210000);
	ck_assert_uint_eq(ld_le32(mods + 16), 0x211000);
	ck_assert_str_eq((const char *)c->data + ld_le32(mods + 8) - c->addr, "a one");
	ck_assert_str_eq((const char *)c->data + ld_le32(c->data + 16) - c->addr,
	                 "k console=ttyS0");
	boot_plan_fini(&p);
	/* A header that wants to lie before the file. */
	st_le32(k + 0x110, 0x100000);
	ck_assert_int_lt(boot_plan_x86(&p, &in, &e), 0);
	free(in.mod[0].args);
	free(in.mod[1].args);
}
END_TEST

START_TEST(test_boot_modules_text)
{
	struct boot_in in = { .n_mod = 0 };
	struct err e = ERR_INIT;
	char a[] = "/tmp/lodge-mod-XXXXXX", text[128];
	int fd = mkstemp(a);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	close(fd);
	snprintf(text, sizeof(text), "%s x=1,,2 y,%s", a, a);
	ck_assert_msg(boot_in_add_modules(&in, text, &e) == 0, "%s", e.text);
	ck_assert_uint_eq(in.n_mod, 2);
	ck_assert_ptr_nonnull(strstr(in.mod[0].args, " x=1,2 y"));
	ck_assert_uint_eq(in.mod[1].src.size, 1);
	ck_assert_int_lt(boot_in_add_modules(&in, "/nonexistent/file", &e), 0);
	boot_in_fini(&in);
	unlink(a);
}
END_TEST

START_TEST(test_boot_unknown)
{
	static uint8_t k[4096];
	struct boot_in in;
	struct boot_plan p;
	struct err e = ERR_INIT;

	in_init(&in, k, sizeof(k));
	ck_assert_int_eq(boot_plan_x86(&p, &in, &e), -ENOEXEC);
	st_le16(k + 510, 0xaa55);
	ck_assert_int_eq(boot_plan_x86(&p, &in, &e), 0);
	ck_assert_int_eq(p.mode, BOOT_REAL16);
	boot_plan_fini(&p);
}
END_TEST

/* Files read ahead of the first reset, at any alignment; a reset reads them again. */
START_TEST(test_boot_load)
{
	enum { SKIP = 4096 + 512, LEN = 5 << 20 };
	static uint8_t data[SKIP + LEN], back[LEN + 4096];
	char path[] = "/tmp/lodge-boot-XXXXXX";
	int fd = mkstemp(path);
	struct ram_config cfg = { .size = 64 * MB };
	struct err e = ERR_INIT;
	struct boot_in in = { .low_ram = 64 * MB };
	struct boot_plan p = { .in = &in };
	struct mr root, ram;
	struct aspace as;

	for (unsigned i = 0; i < sizeof(data); i++) {
		data[i] = (uint8_t)(i * 7 + i / 4096);
	}
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, data, sizeof(data)), sizeof(data));
	ck_assert_int_eq(boot_src_open(&in.kernel, path, "kernel", &e), 0);
	mr_init_container(&root, "root", UINT64_MAX);
	mr_init_ram(&ram, "ram", ram_block_new("ram", &cfg, &e));
	mr_add(&root, 0, &ram, 0);
	aspace_init(&as, "memory", &root);
	ck_assert_int_eq(
		boot_add_file(&p, 16 * MB, &in.kernel, 4096, LEN + 512, 8192, "a", &e),
		0);
	ck_assert_int_eq(
		boot_add_file(&p, 33 * MB - 5, &in.kernel, SKIP, LEN, 0, "b", &e), 0);
	ck_assert_int_eq(boot_add_data(&p, 0x1000, "data", 4, "c", &e), 0);
	boot_load_ahead(&p, &as);
	ck_assert_msg(boot_apply(&p, &as, &e) == 0, "%s", e.text);
	ck_assert_int_eq(dma_read(&as, 16 * MB, back, LEN + 512), 0);
	ck_assert_mem_eq(back, data + 4096, LEN + 512);
	ck_assert_int_eq(dma_read(&as, 33 * MB - 5, back, LEN), 0);
	ck_assert_mem_eq(back, data + SKIP, LEN);
	/* Too short now: a reset says so. */
	ck_assert_int_eq(ftruncate(fd, 4096), 0);
	ck_assert_int_lt(boot_apply(&p, &as, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "became shorter"));
	/* And so does the first one. */
	p.applied = false;
	boot_load_ahead(&p, &as);
	e.text[0] = 0;
	ck_assert_int_lt(boot_apply(&p, &as, &e), 0);
	ck_assert_ptr_nonnull(strstr(e.text, "became shorter"));
	ck_assert_int_eq(pwrite(fd, data, sizeof(data), 0), sizeof(data));
	ck_assert_int_eq(dma_write(&as, 16 * MB + LEN + 512, "used", 4), 0);
	p.applied = true;
	ck_assert_msg(boot_apply(&p, &as, &e) == 0, "%s", e.text);
	ck_assert_int_eq(dma_read(&as, 16 * MB, back, LEN + 1024), 0);
	ck_assert_mem_eq(back, data + 4096, LEN + 512);
	ck_assert_uint_eq(back[LEN + 512] | back[LEN + 515], 0);
	unlink(path);
	close(fd);
	boot_src_close(&in.kernel);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("machine");
	TCase *t = unit_case(s, "tables"), *b = unit_case(s, "boot");

	tcase_add_test(t, test_aml_names);
	tcase_add_test(t, test_aml_eisaid);
	tcase_add_test(t, test_aml_lengths);
	tcase_add_test(t, test_aml_unbalanced);
	tcase_add_loop_test(t, test_acpi_walk, 0, 2);
	tcase_add_test(t, test_acpi_linker);
	tcase_add_test(t, test_acpi_cpus);
	tcase_add_test(b, test_boot_bzimage);
	tcase_add_test(b, test_boot_bzimage_errors);
	tcase_add_test(b, test_boot_pvh);
	tcase_add_test(b, test_boot_elf64);
	tcase_add_test(b, test_boot_elf_errors);
	tcase_add_test(b, test_boot_multiboot);
	tcase_add_test(b, test_boot_modules_text);
	tcase_add_test(b, test_boot_unknown);
	tcase_add_test(b, test_boot_load);
	return unit_main(s);
}
