/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot-linux.c - Linux bzImage. Specification: "The Linux/x86 Boot Protocol"
 * (Documentation/arch/x86/boot.rst) version 2.05 to 2.15.
 *
 * Kernels of protocol 2.12 that say so (XLF_KERNEL_64) are entered at load + 0x200
 * in long mode; older relocatable ones at their 32-bit entry.
 *
 * Known gaps: zImage and kernels that want real-mode setup (protocol < 2.05); EFI
 * hand-over; initrd above 4 GiB.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "machine/boot.h"

/* Offsets in the zero page / in the file. */
enum {
	LX_E820_COUNT = 0x1e8,
	LX_RSDP = 0x070,
	LX_EXT_IMAGE = 0x0c0,
	LX_EXT_SIZE = 0x0c4,
	LX_EXT_CMDLINE = 0x0c8,
	LX_SETUP_SECTS = 0x1f1,
	LX_SYSSIZE = 0x1f4,
	LX_VID_MODE = 0x1fa,
	LX_BOOT_FLAG = 0x1fe,
	LX_JUMP = 0x201,
	LX_MAGIC = 0x202,
	LX_VERSION = 0x206,
	LX_LOADER_TYPE = 0x210,
	LX_LOADFLAGS = 0x211,
	LX_RAMDISK = 0x218,
	LX_RAMDISK_SIZE = 0x21c,
	LX_HEAP_END = 0x224,
	LX_CMDLINE = 0x228,
	LX_INITRD_MAX = 0x22c,
	LX_ALIGN = 0x230,
	LX_RELOCATABLE = 0x234,
	LX_XLOADFLAGS = 0x236,
	LX_CMDLINE_SIZE = 0x238,
	LX_PREF_ADDR = 0x258,
	LX_INIT_SIZE = 0x260,
	LX_E820 = 0x2d0,
	LX_HEADER_MAX = 0x290,
	LX_E820_MAX = 128,
	LX_HEAD = 0x400, /* bytes read to look at */
};
#define LX_XLF_64 BIT(0)

static void boot_put_e820(const struct boot_in *in, uint8_t *zp)
{
	unsigned n = MIN(in->n_map, (unsigned)LX_E820_MAX);

	for (unsigned i = 0; i < n; i++) {
		uint8_t *q = zp + LX_E820 + i * 20;

		st_le64(q, in->map[i].addr);
		st_le64(q + 8, in->map[i].len);
		st_le32(q + 16, in->map[i].type);
	}
	zp[LX_E820_COUNT] = n;
}

static int boot_add_initrd(struct boot_plan *p, uint8_t *zp, uint64_t max,
                           struct err *e)
{
	struct boot_module *m = &p->in->mod[0];
	gpa_t at;
	int r;

	if (!p->in->n_mod || !m->src.size) {
		return 0;
	}
	if (p->in->n_mod > 1) {
		return err_set(e, -EINVAL,
		               "-initrd names %u files, but a Linux kernel takes one "
		               "(a comma in a "
		               "file name is written ',,')",
		               p->in->n_mod);
	}
	r = boot_place_high(p, m->src.size, max, &at, "initrd", e);
	if (r < 0) {
		return r;
	}
	st_le32(zp + LX_RAMDISK, at);
	st_le32(zp + LX_RAMDISK_SIZE, m->src.size);
	return boot_add_file(p, at, &m->src, 0, m->src.size, 0, "initrd", e);
}

int boot_add_zero_page(struct boot_plan *p, const uint8_t *hdr, unsigned hdr_len,
                       uint64_t initrd_max, uint32_t cmdline_max, struct err *e)
{
	uint8_t zp[4096] = { 0 };
	const char *cmd = p->in->cmdline ? p->in->cmdline : "";
	size_t n = strlen(cmd);
	int r;

	if (hdr) {
		memcpy(zp + LX_SETUP_SECTS, hdr,
		       MIN(hdr_len, (unsigned)(LX_HEADER_MAX - LX_SETUP_SECTS)));
	} else {
		st_le32(zp + LX_MAGIC, 0x53726448);
		st_le16(zp + LX_BOOT_FLAG, 0xaa55);
	}
	if (n > cmdline_max || n >= BOOT_INFO_MAX) {
		return err_set(
			e, -E2BIG,
			"-append is %zu characters long, this kernel takes %u at most",
			n, cmdline_max);
	}
	zp[LX_LOADER_TYPE] = 0xff; /* no number assigned */
	zp[LX_LOADFLAGS] &= ~0x80; /* no heap */
	st_le16(zp + LX_VID_MODE, 0xffff);
	st_le32(zp + LX_CMDLINE, BOOT_INFO);
	st_le64(zp + LX_RSDP, p->in->rsdp);
	boot_put_e820(p->in, zp);
	r = boot_add_initrd(p, zp, initrd_max, e);
	if (r >= 0) {
		r = boot_add_data(p, BOOT_INFO, cmd, n + 1, "kernel command line", e);
	}
	if (r >= 0) {
		r = boot_add_data(p, BOOT_PARAMS, zp, sizeof(zp), "boot parameters", e);
	}
	p->rsi = BOOT_PARAMS;
	return r;
}

/* Where the protected-mode part goes: its own wish, when memory allows. */
static int boot_place_kernel(struct boot_plan *p, const uint8_t *h, uint64_t size,
                             gpa_t *at, uint64_t *room, struct err *e)
{
	unsigned version = ld_le16(h + LX_VERSION);
	uint64_t init = version >= 0x20a ? ld_le32(h + LX_INIT_SIZE) : size * 4;
	uint64_t pref = version >= 0x20a ? ld_le64(h + LX_PREF_ADDR) : 0x100000;
	uint32_t align = ld_le32(h + LX_ALIGN);

	init = MAX(init, size);
	if (pref >= 0x100000 && range_fits(pref, init, p->in->low_ram)) {
		*at = pref;
	} else if (h[LX_RELOCATABLE] && IS_POWER_OF_2(align) &&
	           range_fits(ALIGN_UP((uint64_t)0x100000, (uint64_t)align), init,
	                      p->in->low_ram)) {
		*at = ALIGN_UP((uint64_t)0x100000, (uint64_t)align);
	} else {
		return err_set(e, -ENOSPC,
		               "the kernel needs %llu MiB of memory at 0x%llx: give "
		               "more with -m",
		               (unsigned long long)(init >> 20),
		               (unsigned long long)pref);
	}
	*room = init;
	return 0;
}

int boot_plan_bzimage(struct boot_plan *p, struct err *e)
{
	struct boot_src *k = &p->in->kernel;
	uint8_t h[LX_HEAD] = { 0 };
	unsigned version, hdr_end;
	uint64_t setup, size, room = 0, initrd_max;
	bool wide;
	gpa_t at = 0;
	int r;

	if (k->size < LX_MAGIC + 4 ||
	    boot_src_read(k, 0, h, MIN(k->size, (uint64_t)sizeof(h)), e) < 0 ||
	    ld_le32(h + LX_MAGIC) != 0x53726448) {
		return 0;
	}
	if (k->size < LX_HEAD) {
		return err_set(e, -EINVAL,
		               "kernel is truncated: not even its setup part is whole");
	}
	version = ld_le16(h + LX_VERSION);
	if (version < 0x205 || !(h[LX_LOADFLAGS] & 1)) {
		return err_set(e, -ENOTSUP,
		               "not supported: Linux kernel of boot protocol %u.%02u "
		               "(2.05 and a "
		               "bzImage is the oldest)",
		               version >> 8, version & 0xff);
	}
	setup = ((h[LX_SETUP_SECTS] ? h[LX_SETUP_SECTS] : 4) + UINT64_C(1)) * 512;
	if (setup >= k->size) {
		return err_set(e, -EINVAL,
		               "kernel is truncated: only its setup part is there");
	}
	/* The header counts paragraphs of 16 bytes; the last one may be cut short. */
	if (k->size + 15 < setup + ld_le32(h + LX_SYSSIZE) * UINT64_C(16)) {
		return err_set(e, -EINVAL,
		               "kernel is truncated: its header says %llu bytes, the "
		               "file has %llu",
		               (unsigned long long)(setup + ld_le32(h + LX_SYSSIZE) *
		                                                    UINT64_C(16)),
		               (unsigned long long)k->size);
	}
	/* What lies behind the image (a signature) does no harm. */
	size = k->size - setup;
	hdr_end = MIN(0x202u + h[LX_JUMP], (unsigned)LX_HEADER_MAX);
	wide = version >= 0x20c && (ld_le16(h + LX_XLOADFLAGS) & LX_XLF_64);
	p->mode = wide ? BOOT_LONG64 : BOOT_PROT32;
	p->format =
		wide ? "Linux bzImage, 64-bit entry" : "Linux bzImage, 32-bit entry";
	r = boot_place_kernel(p, h, size, &at, &room, e);
	if (r >= 0) {
		r = boot_add_file(p, at, k, setup, size, room - size, "kernel", e);
	}
	if (r < 0) {
		return r;
	}
	initrd_max = MIN((uint64_t)ld_le32(h + LX_INITRD_MAX) + 1, UINT64_C(1) << 32);
	p->rip = at + (wide ? 0x200 : 0);
	if (boot_src_read(k, LX_SETUP_SECTS, h, hdr_end - LX_SETUP_SECTS, e) < 0) {
		return -EINVAL;
	}
	/* While planning, the chunk covers all the room the kernel unpacks itself into, so that
	 * the initrd stays out of it; the room need not be cleared. */
	r = boot_add_zero_page(
		p, h, hdr_end - LX_SETUP_SECTS, initrd_max,
		version >= 0x206 ? ld_le32(h + LX_CMDLINE_SIZE - LX_SETUP_SECTS) : 255,
		e);
	p->chunk[0].zero = 0;
	if (r >= 0) {
		r = boot_add_gdt(p, e);
	}
	if (r >= 0 && wide) {
		r = boot_add_page_tables(p, e);
	}
	return r < 0 ? r : 1;
}
