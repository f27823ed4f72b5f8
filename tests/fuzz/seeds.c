/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seeds.c - writes what the fuzz targets start from: DIR/TARGET/NAME for each. The form of
 * an input is in the head of its target.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/bytes.h"
#include "base/compiler.h"

static uint8_t seed_buf[4096];
static size_t seed_len;
static size_t seed_base; /* where address 0 of the guest's memory is in the input */

/* ---- pieces ---- */

static void seed_put(size_t at, const void *p, size_t n)
{
	memcpy(seed_buf + seed_base + at, p, n);
	seed_len = MAX(seed_len, seed_base + at + n);
}

static void seed_le(size_t at, unsigned bytes, uint64_t v)
{
	uint8_t le[8];

	st_le64(le, v);
	seed_put(at, le, bytes);
}

static void seed_text(const char *s)
{
	seed_put(0, s, strlen(s));
}

/* ---- text ---- */

static void seed_opt_device(void)
{
	seed_text("virtio-blk-pci,drive=d0,bootindex=1,on,noflag");
}

static void seed_opt_json(void)
{
	seed_text("{\"driver\":\"raw\",\"file\":{\"driver\":\"file\",\"filename\":"
	          "\"x\\u00e9\\n\"},\"l\":[1,-2,3.5e3,true,null]}");
}

static void seed_opt_nested(void)
{
	seed_text("driver=raw,node-name=d0,file.driver=file,file.filename=a,,b,"
	          "size=10G");
}

static void seed_qmp_add(void)
{
	seed_text("{\"execute\":\"device_add\",\"arguments\":{\"driver\":"
	          "\"virtio-rng-pci\",\"id\":\"r\",\"x\":[{\"a\":1},[[]],"
	          "\"\\ud83d\\ude00\"]}}\n");
}

static void seed_qmp_session(void)
{
	seed_text("{\"execute\":\"qmp_capabilities\"}\n"
	          "{\"execute\":\"query-status\",\"id\":1}\r\n"
	          "{\"driver\":\"raw\",\"node-name\":\"d0\",\"read-only\":true}\n");
}

/* ---- x86 instructions, behind a byte of the processor's mode ---- */

static void seed_x86_cmpxchg(void)
{
	seed_put(0, "\x01\xf0\x48\x0f\xb1\x0d\x00\x10\x00\x00",
	         10); /* lock, rip+0x1000 */
}

static void seed_x86_movzx(void)
{
	seed_put(0, "\x00\x0f\xb6\x44\x8b\x10", 6);
}

static void seed_x86_rep(void)
{
	seed_put(0, "\x02\x66\x67\xf3\xa4", 5);
}

static void seed_x86_vex(void)
{
	seed_put(0, "\x01\xc4\xe2\x7d\x18\x05\x00\x00\x00\x00", 10); /* vbroadcastss */
}

/* ---- kernels ---- */

/* The header of Linux's boot protocol 2.15 (x86/boot.rst), no code. */
static void seed_boot_bzimage(void)
{
	seed_le(0x1f1, 1, 1);    /* setup sectors */
	seed_le(0x1f4, 4, 0x40); /* size of the rest in paragraphs */
	seed_le(0x1fe, 2, 0xaa55);
	seed_le(0x200, 2, 0x6aeb); /* jump over the header */
	seed_put(0x202, "HdrS", 4);
	seed_le(0x206, 2, 0x020f);
	seed_le(0x211, 1, 1);          /* loaded high */
	seed_le(0x214, 4, 0x100000);   /* entry */
	seed_le(0x22c, 4, 0x7fffffff); /* end of what an initrd may use */
	seed_le(0x230, 4, 0x200000);   /* alignment */
	seed_le(0x234, 1, 1);          /* relocatable */
	seed_le(0x235, 1, 21);         /* smallest alignment, as a power of two */
	seed_le(0x236, 2, 0x7f);
	seed_le(0x238, 4, 0x7ff);      /* command line */
	seed_le(0x258, 8, 0x01000000); /* preferred address */
	seed_le(0x260, 4, 0x01000000); /* memory it needs */
	seed_le(2047, 1, 0);
}

static void seed_elf_phdr(size_t at, unsigned type, unsigned flags, uint64_t off,
                          uint64_t addr, uint64_t filesz, uint64_t memsz,
                          uint64_t align)
{
	seed_le(at, 4, type);
	seed_le(at + 4, 4, flags);
	seed_le(at + 8, 8, off);
	seed_le(at + 16, 8, addr);
	seed_le(at + 24, 8, addr);
	seed_le(at + 32, 8, filesz);
	seed_le(at + 40, 8, memsz);
	seed_le(at + 48, 8, align);
}

/* ELF64 with a PVH entry (note 18 of "Xen"). */
static void seed_boot_elf(void)
{
	seed_put(0, "\177ELF\2\1\1", 7);
	seed_le(16, 2, 2);        /* an executable */
	seed_le(18, 2, 62);       /* for x86-64 */
	seed_le(20, 4, 1);        /* version */
	seed_le(24, 8, 0x100000); /* entry */
	seed_le(32, 8, 64);       /* program headers: where, */
	seed_le(52, 2, 64);
	seed_le(54, 2, 56); /* their size */
	seed_le(56, 2, 2);  /* and number */
	seed_elf_phdr(64, 1, 5, 0x100, 0x100000, 16, 64, 4096);
	seed_elf_phdr(120, 4, 4, 0xe0, 0, 20, 20, 4);
	seed_le(0xe0, 4, 4); /* the note: lengths of name and value, type */
	seed_le(0xe4, 4, 4);
	seed_le(0xe8, 4, 18);
	seed_put(0xec, "Xen", 4);
	seed_le(0xf0, 4, 0x100000);
	memset(seed_buf + 0xf4, 0xf4, 28); /* HLT */
	seed_len = 0x110;
}

/* ---- IDE: steps of what and a value ---- */

struct seed_step {
	uint8_t what;
	uint16_t v;
};

/* fuzz_step() of fuzz_ide.c; below these the registers of the task file */
enum {
	STEP_DATA = 9,
	STEP_BLOCK,
	STEP_CTL,
	STEP_BM,
	STEP_PRD,
	STEP_WAIT,
	STEP_CHANNEL
};

static void seed_steps(const struct seed_step *s, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		seed_le(seed_len, 1, s[i].what);
		seed_le(seed_len, 2, s[i].v);
	}
}

static void seed_ide_read(void)
{
	static const struct seed_step s[] = {
		{ 2, 3 },         { 3, 5 },
		{ 4, 0 },         { 5, 0 },
		{ 6, 0xe0 },      { 7, 0x20 }, /* READ SECTORS */
		{ STEP_WAIT, 0 }, { STEP_BLOCK, 128 },
		{ STEP_WAIT, 0 }, { STEP_BLOCK, 128 },
	};

	seed_steps(s, ARRAY_LEN(s));
}

static void seed_ide_write(void)
{
	static const struct seed_step begin[] = {
		{ 2, 2 }, { 3, 5 }, { 4, 0 }, { 5, 0 }, { 6, 0xe0 }, { 7, 0x30 },
	};
	static const struct seed_step word = { STEP_DATA, 0x55aa };
	static const struct seed_step end = { STEP_WAIT, 0 };

	seed_steps(begin, ARRAY_LEN(begin));
	for (unsigned i = 0; i < 60; i++) {
		seed_steps(&word, 1);
	}
	seed_steps(&end, 1);
}

static void seed_ide_dma(void)
{
	static const struct seed_step s[] = {
		{ STEP_PRD, 0x18 }, { 2, 2 },         { 3, 8 },
		{ 4, 0 },           { 5, 0 },         { 6, 0xe0 },
		{ 7, 0xc8 }, /* READ DMA */
		{ STEP_BM, 9 },     { STEP_WAIT, 0 }, { STEP_BM, 0 },
		{ 7, 0xca }, /* WRITE DMA */
		{ STEP_BM, 1 },     { STEP_WAIT, 0 },
	};

	seed_steps(s, ARRAY_LEN(s));
}

static void seed_ide_packet(void)
{
	static const struct seed_step s[] = {
		{ STEP_CHANNEL, 1 },
		{ 1, 0 },
		{ 4, 0 },
		{ 5, 8 },
		{ 7, 0xa0 }, /* PACKET: READ(10) of 2 */
		{ STEP_DATA, 0x28 },
		{ STEP_DATA, 0 },
		{ STEP_DATA, 0x100 },
		{ STEP_DATA, 0 },
		{ STEP_DATA, 2 },
		{ STEP_DATA, 0 },
		{ STEP_WAIT, 0 },
		{ STEP_BLOCK, 0x1ff },
		{ STEP_WAIT, 0 },
		{ 1, 1 },
		{ 7, 0xa0 }, /* PACKET by DMA: INQUIRY */
		{ STEP_DATA, 0x12 },
		{ STEP_DATA, 0 },
		{ STEP_DATA, 0x24 },
		{ STEP_DATA, 0 },
		{ STEP_DATA, 0 },
		{ STEP_DATA, 0 },
		{ STEP_PRD, 8 },
		{ STEP_BM, 9 },
		{ STEP_WAIT, 0 },
	};

	seed_steps(s, ARRAY_LEN(s));
}

/* ---- virtqueues: a split ring of 16 entries, available ring at 0x100 ---- */

static void seed_desc(size_t ring, unsigned i, uint64_t addr, uint32_t len,
                      unsigned flags, unsigned next)
{
	seed_le(ring + 16 * i, 8, addr);
	seed_le(ring + 16 * i + 8, 4, len);
	seed_le(ring + 16 * i + 12, 2, flags);
	seed_le(ring + 16 * i + 14, 2, next);
}

/* A request of three parts: 16 bytes of header, 512 of data, a status byte. */
static void seed_chain(size_t ring, unsigned data_flags)
{
	seed_desc(ring, 0, 0x200, 16, 1, 1);
	seed_desc(ring, 1, 0x300, 512, data_flags, 2);
	seed_desc(ring, 2, 0x280, 1, 2, 0);
	seed_le(ring + 0x102, 2, 1); /* one chain, which begins at entry 0 */
}

static void seed_virtq_chain(void)
{
	seed_le(0, 1, 1); /* with event index */
	seed_le(1, 1, 4); /* of 16 entries */
	seed_base = 2;
	seed_chain(0, 3);
	seed_le(0x3ff, 1, 0);
}

static void seed_blk(unsigned type, uint64_t sector, unsigned data_flags)
{
	seed_base = 4; /* behind the features: none */
	seed_chain(0, data_flags);
	seed_le(0x200, 4, type);
	seed_le(0x208, 8, sector);
	seed_le(0x3ff, 1, 0);
}

static void seed_blk_read(void)
{
	seed_blk(0, 0, 3);
}

static void seed_blk_write(void)
{
	seed_blk(1, 8, 1);
}

static void seed_net_tx(void)
{
	seed_le(0, 4, 0x20028000); /* mergeable buffers, control queue, event index */
	seed_base = 4;
	for (size_t ring = 0; ring < 0x600; ring += 0x200) {
		seed_chain(ring, 3);
	}
	seed_desc(0x200, 0, 0x500, 80, 0, 0); /* of the queue that sends: one part */
	seed_le(0x5ff, 1, 0);
}

/* ---- all ---- */

static const struct {
	const char *target, *name;
	void (*make)(void);
} seeds[] = {
	{ "boot", "bzimage", seed_boot_bzimage },
	{ "boot", "elf", seed_boot_elf },
	{ "ide", "dma", seed_ide_dma },
	{ "ide", "packet", seed_ide_packet },
	{ "ide", "read", seed_ide_read },
	{ "ide", "write", seed_ide_write },
	{ "opt", "device", seed_opt_device },
	{ "opt", "json", seed_opt_json },
	{ "opt", "nested", seed_opt_nested },
	{ "qmp", "add", seed_qmp_add },
	{ "qmp", "session", seed_qmp_session },
	{ "virtio_blk", "read", seed_blk_read },
	{ "virtio_blk", "write", seed_blk_write },
	{ "virtio_net", "tx", seed_net_tx },
	{ "virtq", "chain", seed_virtq_chain },
	{ "x86decode", "cmpxchg", seed_x86_cmpxchg },
	{ "x86decode", "movzx", seed_x86_movzx },
	{ "x86decode", "rep", seed_x86_rep },
	{ "x86decode", "vex", seed_x86_vex },
};

static void seed_fail(const char *path)
{
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	exit(1);
}

static void seed_dir(const char *path)
{
	if (mkdir(path, 0777) < 0 && errno != EEXIST) {
		seed_fail(path);
	}
}

int main(int argc, char **argv)
{
	char path[4096];
	FILE *f;

	if (argc != 2) {
		fprintf(stderr, "use: seeds DIR\n");
		return 2;
	}
	seed_dir(argv[1]);
	for (unsigned i = 0; i < ARRAY_LEN(seeds); i++) {
		memset(seed_buf, 0, sizeof(seed_buf));
		seed_len = seed_base = 0;
		seeds[i].make();
		snprintf(path, sizeof(path), "%s/%s", argv[1], seeds[i].target);
		seed_dir(path);
		snprintf(path, sizeof(path), "%s/%s/%s", argv[1], seeds[i].target,
		         seeds[i].name);
		f = fopen(path, "we");
		if (!f || fwrite(seed_buf, 1, seed_len, f) != seed_len || fclose(f)) {
			seed_fail(path);
		}
	}
	return 0;
}
