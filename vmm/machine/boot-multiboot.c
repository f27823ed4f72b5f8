/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot-multiboot.c - Multiboot 0.6.96 kernels and their modules (Xen is one).
 *
 * Known gaps: no video mode is set when the kernel asks for one (it is told so by
 * the missing flag); no drive, APM or config table.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "machine/boot.h"

enum {
	MB_MAGIC = 0x1badb002,
	MB_BOOT_MAGIC = 0x2badb002,
	MB_SEARCH = 8192,
	MB_ALIGN_MODULES = 1 << 0,
	MB_WANT_MEMORY = 1 << 1,
	MB_WANT_VIDEO = 1 << 2,
	MB_ADDRESSES = 1 << 16,
	MB_INFO_LEN = 120,
	MB_MOD_LEN = 16,
	MB_MMAP_LEN = 24,
};

struct boot_mb {
	uint32_t flags, at; /* offset of the header in the file */
	uint32_t header, load, load_end, bss_end, entry;
};

static bool boot_mb_find(const struct boot_src *s, struct boot_mb *m, struct err *e)
{
	uint8_t buf[MB_SEARCH + 32] = { 0 };
	uint64_t n = MIN(s->size, (uint64_t)MB_SEARCH);

	if (n < 12 || boot_src_read(s, 0, buf, n, e) < 0) {
		return false;
	}
	for (uint32_t i = 0; i + 12 <= n; i += 4) {
		const uint8_t *h = buf + i;

		if (ld_le32(h) == MB_MAGIC &&
		    ld_le32(h) + ld_le32(h + 4) + ld_le32(h + 8) == 0) {
			*m = (struct boot_mb){ ld_le32(h + 4),  i,
				               ld_le32(h + 12), ld_le32(h + 16),
				               ld_le32(h + 20), ld_le32(h + 24),
				               ld_le32(h + 28) };
			return true;
		}
	}
	return false;
}

/* The header itself says what goes where. */
static int boot_mb_load_raw(struct boot_plan *p, const struct boot_mb *m, uint64_t *end,
                            struct err *e)
{
	struct boot_src *s = &p->in->kernel;
	uint64_t off, len, bss = 0;

	if (m->header < m->load || m->header - m->load > m->at) {
		return err_set(e, -EINVAL,
		               "multiboot header: load address is impossible");
	}
	off = m->at - (m->header - m->load);
	if (m->load_end && m->load_end < m->load) {
		return err_set(e, -EINVAL,
		               "multiboot header: load end lies before its start");
	}
	len = m->load_end ? m->load_end - m->load : s->size - off;
	if (m->bss_end) {
		if (m->bss_end < m->load + len) {
			return err_set(
				e, -EINVAL,
				"multiboot header: bss end lies inside the image");
		}
		bss = m->bss_end - (m->load + len);
	}
	*end = m->load + len + bss;
	return boot_add_file(p, m->load, s, off, len, bss, "multiboot kernel", e);
}

static int boot_mb_modules(struct boot_plan *p, uint64_t end, struct blob *list,
                           struct blob *strs, uint32_t strs_at, struct err *e)
{
	struct boot_in *in = p->in;
	gpa_t at = ALIGN_UP(MAX(end, (uint64_t)0x100000), (uint64_t)4096);

	for (unsigned i = 0; i < in->n_mod; i++) {
		struct boot_src *s = &in->mod[i].src;
		int r = boot_add_file(p, at, s, 0, s->size, 0, "multiboot module", e);

		if (r < 0) {
			return r;
		}
		blob_u32(list, at);
		blob_u32(list, at + s->size);
		blob_u32(list, strs_at + strs->len);
		blob_u32(list, 0);
		blob_put(strs, in->mod[i].args, strlen(in->mod[i].args) + 1);
		at = ALIGN_UP(at + s->size, (uint64_t)4096);
	}
	return 0;
}

static void boot_mb_info(struct boot_plan *p, struct blob *b, uint32_t mods,
                         uint32_t map, uint32_t strs, uint32_t name)
{
	struct boot_in *in = p->in;
	uint64_t upper = 0;

	for (unsigned i = 0; i < in->n_map; i++) {
		if (in->map[i].addr == 0x100000 && in->map[i].type == MEM_RAM) {
			upper = in->map[i].len >> 10;
		}
	}
	blob_grow(b, MB_INFO_LEN);
	/* memory sizes, command line, modules, memory map, loader name */
	blob_set(b, 0, 1 | 4 | (in->n_mod ? 8 : 0) | 64 | 512, 4);
	blob_set(b, 4, BOOT_LOW_END >> 10, 4);
	blob_set(b, 8, MIN(upper, (uint64_t)UINT32_MAX), 4);
	blob_set(b, 16, strs, 4);
	blob_set(b, 20, in->n_mod, 4);
	blob_set(b, 24, mods, 4);
	blob_set(b, 44, in->n_map * MB_MMAP_LEN, 4);
	blob_set(b, 48, map, 4);
	blob_set(b, 64, name, 4);
}

static int boot_mb_build(struct boot_plan *p, uint64_t end, struct err *e)
{
	struct boot_in *in = p->in;
	struct blob b = { 0 }, list = { 0 }, strs = { 0 };
	uint32_t mods = BOOT_INFO + MB_INFO_LEN, map = mods + in->n_mod * MB_MOD_LEN;
	uint32_t at = map + in->n_map * MB_MMAP_LEN, name;
	int r;

	/* By convention the command line begins with the kernel's own name. */
	blob_put(&strs, in->kernel_path, strlen(in->kernel_path));
	blob_u8(&strs, ' ');
	blob_put(&strs, in->cmdline ? in->cmdline : "",
	         strlen(in->cmdline ? in->cmdline : "") + 1);
	name = at + strs.len;
	blob_put(&strs, PACKAGE_NAME, sizeof(PACKAGE_NAME));
	boot_mb_info(p, &b, mods, map, at, name);
	r = boot_mb_modules(p, end, &list, &strs, at, e);
	blob_put(&b, list.data, list.len);
	for (unsigned i = 0; i < in->n_map; i++) {
		blob_u32(&b, MB_MMAP_LEN - 4);
		blob_u64(&b, in->map[i].addr);
		blob_u64(&b, in->map[i].len);
		blob_u32(&b, in->map[i].type);
	}
	blob_put(&b, strs.data, strs.len);
	if (r >= 0 && (!blob_ok(&b) || !blob_ok(&strs) || !blob_ok(&list) ||
	               b.len > BOOT_INFO_MAX)) {
		r = err_set(e, -E2BIG, "multiboot: command lines are too long");
	}
	if (r >= 0) {
		r = boot_add_data(p, BOOT_INFO, b.data, b.len, "multiboot information",
		                  e);
	}
	blob_fini(&b);
	blob_fini(&list);
	blob_fini(&strs);
	return r;
}

int boot_plan_multiboot(struct boot_plan *p, struct err *e)
{
	struct boot_mb m;
	uint64_t end = 0;
	int r;

	if (!boot_mb_find(&p->in->kernel, &m, e)) {
		return 0;
	}
	if (m.flags & 0xffff & ~(MB_ALIGN_MODULES | MB_WANT_MEMORY | MB_WANT_VIDEO)) {
		return err_set(e, -ENOTSUP,
		               "not supported: multiboot kernel requires features 0x%x",
		               m.flags);
	}
	p->mode = BOOT_PROT32;
	p->format = "multiboot";
	if (m.flags & MB_ADDRESSES) {
		r = boot_mb_load_raw(p, &m, &end, e);
		p->rip = m.entry;
	} else {
		struct boot_elf x = { 0 };

		r = boot_elf_load(p, &x, e);
		if (r == 0) {
			return err_set(e, -ENOEXEC,
			               "multiboot kernel is neither ELF nor says where "
			               "it goes");
		}
		p->rip = x.entry;
		end = x.end;
	}
	if (r >= 0) {
		r = boot_mb_build(p, end, e);
	}
	if (r >= 0) {
		r = boot_add_gdt(p, e);
	}
	p->rax = MB_BOOT_MAGIC;
	p->rbx = BOOT_INFO;
	return r < 0 ? r : 1;
}
