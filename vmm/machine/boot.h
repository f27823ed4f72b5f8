/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot.h - direct kernel boot: what to put into guest memory and how the first
 * processor starts.
 *
 * boot_plan_x86() reads kernel and initrd headers and makes a *plan*: chunks of
 * guest memory, taken from files or built here, and the registers. A plan holds no
 * guest memory, so that it can be tested and fuzzed alone. boot_apply() writes the
 * chunks; it is run again at each system reset, because the guest has overwritten
 * them. Files are read at that moment, straight into guest memory: no second copy.
 *
 * Formats, tried in this order: multiboot 1, Linux bzImage (64-bit entry, else
 * 32-bit), ELF with a PVH note, ELF64 (entered as Linux' startup_64: long mode,
 * boot_params in RSI), ELF32 (protected mode, flat), and a boot sector (real mode
 * at 0x7c00).
 *
 * All lengths and addresses in the files are hostile: each is checked against the
 * file and against guest RAM. Control thread.
 */
#ifndef LODGE_MACHINE_BOOT_H
#define LODGE_MACHINE_BOOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "core/gmem.h"
#include "machine/blob.h"

struct x86_cpu;

/* A file, or memory in tests. */
struct boot_src {
	int fd; /* -1: mem */
	const uint8_t *mem;
	uint64_t size;
	const char *what; /* "kernel /boot/vmlinuz", for errors */
};
int boot_src_open(struct boot_src *s, const char *path, const char *what, struct err *e)
	__must_check;
void boot_src_mem(struct boot_src *s, const void *p, uint64_t n, const char *what);
void boot_src_close(struct boot_src *s);
/* All of [off, off+n) or an error with a sentence. */
int boot_src_read(const struct boot_src *s, uint64_t off, void *buf, uint64_t n,
                  struct err *e) __must_check;

/* Memory map entries, numbered as in the E820 interface and ACPI 15.3. */
enum boot_mem_type { MEM_RAM = 1, MEM_RESERVED = 2, MEM_ACPI = 3, MEM_NVS = 4 };
struct boot_mem {
	gpa_t addr;
	uint64_t len;
	enum boot_mem_type type;
};
enum { BOOT_MEM_MAX = 32, BOOT_CHUNKS_MAX = 64, BOOT_MODULES_MAX = 32 };

struct boot_module {
	struct boot_src src;
	char *args; /* "file args" as multiboot wants it */
};

/* What the board offers. */
struct boot_in {
	struct boot_src kernel;
	const char *kernel_path;
	struct boot_module mod[BOOT_MODULES_MAX]; /* Linux: the first is the initrd */
	unsigned n_mod;
	const char *cmdline;
	uint64_t low_ram; /* end of RAM below 4 GiB that may be used (tables cut off) */
	uint64_t high_ram; /* bytes from 4 GiB on */
	gpa_t rsdp;        /* 0: none */
	struct boot_mem map[BOOT_MEM_MAX];
	unsigned n_map;
};
/* "-initrd" text: "file" or, for multiboot, "file args,file args" (",," is a comma). */
int boot_in_add_modules(struct boot_in *in, const char *text, struct err *e)
	__must_check;
void boot_in_fini(struct boot_in *in);

enum boot_mode { BOOT_REAL16, BOOT_PROT32, BOOT_LONG64 };

struct boot_chunk {
	gpa_t addr;
	uint64_t len;         /* bytes from src or data */
	uint64_t zero;        /* zero bytes after them */
	struct boot_src *src; /* NULL: data */
	uint64_t src_off;
	uint8_t *data; /* owned */
	const char *what;
};

struct boot_plan {
	enum boot_mode mode;
	const char *format; /* for the log: "Linux bzImage, 64-bit entry" */
	uint64_t rip, rax, rbx, rsi;
	gpa_t gdt, cr3;
	struct boot_chunk chunk[BOOT_CHUNKS_MAX];
	unsigned n_chunk;
	struct boot_in *in;
	bool applied;            /* memory has been used since */
	struct boot_load *ahead; /* reading, since boot_load_ahead() */
};

/* `in` must live as long as the plan (its files are read at each apply). */
int boot_plan_x86(struct boot_plan *p, struct boot_in *in, struct err *e) __must_check;
void boot_plan_fini(struct boot_plan *p);
/* Begins to read large files into guest memory that is as it was made; the next
 * boot_apply() waits for it. The plan and the memory's place must not change. */
void boot_load_ahead(struct boot_plan *p, struct aspace *as);
/* The first time guest memory must be as it was made: all zero but for firmware. */
int boot_apply(struct boot_plan *p, struct aspace *as, struct err *e) __must_check;
/* After the CPU's own reset. */
void boot_set_cpu(const struct boot_plan *p, struct x86_cpu *c);

/* ---- between the loaders' files ---- */
enum {
	/* Low memory as the loaders use it; nothing a kernel image may lie on. */
	BOOT_GDT = 0x500,
	BOOT_PARAMS = 0x7000,   /* zero page, or the PVH / multiboot info */
	BOOT_PGTABLES = 0x9000, /* six pages: identity map of 4 GiB */
	BOOT_INFO = 0x10000,    /* command line and lists */
	BOOT_INFO_MAX = 0x60000,
	BOOT_LOW_END = 0x9fc00,
};
/* Adds a chunk, checking that it is in RAM and overlaps no other. */
int boot_add_data(struct boot_plan *p, gpa_t addr, const void *data, uint64_t len,
                  const char *what, struct err *e) __must_check;
int boot_add_file(struct boot_plan *p, gpa_t addr, struct boot_src *s, uint64_t off,
                  uint64_t len, uint64_t zero, const char *what, struct err *e)
	__must_check;
int boot_add_gdt(struct boot_plan *p, struct err *e) __must_check;
int boot_add_page_tables(struct boot_plan *p, struct err *e) __must_check;
/* Highest page-aligned place for `len` bytes below `below` and above all chunks at 1 MiB+. */
int boot_place_high(struct boot_plan *p, uint64_t len, uint64_t below, gpa_t *out,
                    const char *what, struct err *e) __must_check;
/* Adds a Linux zero page; `hdr` is the setup header found in a bzImage or NULL. */
int boot_add_zero_page(struct boot_plan *p, const uint8_t *hdr, unsigned hdr_len,
                       uint64_t initrd_max, uint32_t cmdline_max, struct err *e)
	__must_check;
/* 0: not this format; 1: planned; else an error. */
int boot_plan_bzimage(struct boot_plan *p, struct err *e) __must_check;
int boot_plan_elf(struct boot_plan *p, struct err *e) __must_check;
int boot_plan_multiboot(struct boot_plan *p, struct err *e) __must_check;
/* Adds PT_LOAD segments; *end is the end of the highest. */
struct boot_elf {
	bool is64;
	uint16_t machine;
	uint64_t entry; /* physical */
	uint64_t pvh_entry;
	uint64_t end;
};
int boot_elf_load(struct boot_plan *p, struct boot_elf *x, struct err *e) __must_check;

#endif
