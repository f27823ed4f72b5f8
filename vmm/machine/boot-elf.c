/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot-elf.c - ELF kernels: by their PVH note, as Linux' uncompressed vmlinux, or
 * plain 32-bit programs. Specifications: ELF gABI, "x86/HVM direct boot ABI" (PVH).
 */
#include "config.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "machine/boot.h"

enum {
	ELF_PHDR_MAX = 128,
	ELF_NOTES_MAX = 1 << 20,
	ELF_XEN_PHYS32_ENTRY = 18,
	PVH_MAGIC = 0x336ec578,
	PVH_INFO_LEN = 56,
	PVH_ENTRY_LEN = 24, /* memory map */
	PVH_MODULE_LEN = 32,
};

struct boot_phdr {
	uint32_t type;
	uint64_t off, vaddr, paddr, filesz, memsz;
};

static void boot_elf_phdr(bool is64, const uint8_t *q, struct boot_phdr *h)
{
	h->type = ld_le32(q);
	if (is64) {
		h->off = ld_le64(q + 8);
		h->vaddr = ld_le64(q + 16);
		h->paddr = ld_le64(q + 24);
		h->filesz = ld_le64(q + 32);
		h->memsz = ld_le64(q + 40);
	} else {
		h->off = ld_le32(q + 4);
		h->vaddr = ld_le32(q + 8);
		h->paddr = ld_le32(q + 12);
		h->filesz = ld_le32(q + 16);
		h->memsz = ld_le32(q + 20);
	}
}

/* Walks name/type/descriptor triples for Xen's PHYS32_ENTRY. */
static int boot_elf_notes(const struct boot_src *s, const struct boot_phdr *h,
                          struct boot_elf *x, struct err *e)
{
	AUTO_FREE uint8_t *n = NULL;
	uint64_t at = 0;
	int r;

	if (h->filesz > ELF_NOTES_MAX) {
		return 0; /* nobody's notes are that long: not ours to read */
	}
	n = malloc(h->filesz + 1);
	if (!n) {
		return err_set(e, -ENOMEM, "out of memory for ELF notes");
	}
	r = boot_src_read(s, h->off, n, h->filesz, e);
	if (r < 0) {
		return r;
	}
	while (range_fits(at, 12, h->filesz)) {
		uint64_t namesz = ld_le32(n + at), descsz = ld_le32(n + at + 4);
		uint32_t type = ld_le32(n + at + 8);
		uint64_t name = at + 12, desc = name + ALIGN_UP(namesz, (uint64_t)4);

		if (!range_fits(desc, descsz, h->filesz)) {
			break;
		}
		if (type == ELF_XEN_PHYS32_ENTRY && namesz == 4 &&
		    memcmp(n + name, "Xen", 4) == 0 && (descsz == 4 || descsz == 8)) {
			x->pvh_entry = ld_le(n + desc, descsz);
		}
		at = desc + ALIGN_UP(descsz, (uint64_t)4);
	}
	return 0;
}

static int boot_elf_segment(struct boot_plan *p, const struct boot_phdr *h,
                            uint64_t entry, struct boot_elf *x, struct err *e)
{
	uint64_t end;
	int r;

	if (!h->memsz) {
		return 0;
	}
	if (h->filesz > h->memsz || !u64_add(h->paddr, h->memsz, &end)) {
		return err_set(e, -EINVAL,
		               "ELF kernel: a segment has impossible sizes");
	}
	r = boot_add_file(p, h->paddr, &p->in->kernel, h->off, h->filesz,
	                  h->memsz - h->filesz, "ELF segment", e);
	if (r < 0) {
		return r;
	}
	if (entry - h->vaddr < h->memsz && h->vaddr != h->paddr) {
		x->entry = entry - h->vaddr + h->paddr;
	}
	x->end = MAX(x->end, end);
	return 0;
}

int boot_elf_load(struct boot_plan *p, struct boot_elf *x, struct err *e)
{
	const struct boot_src *s = &p->in->kernel;
	uint8_t h[64] = { 0 }, ph[ELF_PHDR_MAX * 56];
	uint64_t phoff, entry;
	unsigned n, size;
	int r;

	if (s->size < 52 || boot_src_read(s, 0, h, MIN(s->size, (uint64_t)64), e) < 0 ||
	    memcmp(h, ELFMAG, SELFMAG) != 0) {
		return 0;
	}
	x->is64 = h[EI_CLASS] == ELFCLASS64;
	x->machine = ld_le16(h + 18);
	if (h[EI_DATA] != ELFDATA2LSB ||
	    (x->machine != EM_386 && x->machine != EM_X86_64)) {
		return err_set(e, -ENOEXEC,
		               "ELF kernel is for another processor (machine %u)",
		               x->machine);
	}
	entry = x->is64 ? ld_le64(h + 24) : ld_le32(h + 24);
	phoff = x->is64 ? ld_le64(h + 32) : ld_le32(h + 28);
	size = ld_le16(h + (x->is64 ? 54 : 42));
	n = ld_le16(h + (x->is64 ? 56 : 44));
	if (size != (x->is64 ? 56u : 32u) || !n || n > ELF_PHDR_MAX) {
		return err_set(e, -EINVAL,
		               "ELF kernel has an impossible program header table");
	}
	r = boot_src_read(s, phoff, ph, (uint64_t)n * size, e);
	x->entry = entry;
	for (unsigned i = 0; r >= 0 && i < n; i++) {
		struct boot_phdr q;

		boot_elf_phdr(x->is64, ph + i * size, &q);
		if (q.type == PT_LOAD) {
			r = boot_elf_segment(p, &q, entry, x, e);
		} else if (q.type == PT_NOTE) {
			r = boot_elf_notes(s, &q, x, e);
		}
	}
	if (r >= 0 && !x->end) {
		return err_set(e, -EINVAL, "ELF kernel has nothing to load");
	}
	return r < 0 ? r : 1;
}

/* struct hvm_start_info, memory map, module list and strings, all in one run. */
static int boot_add_pvh(struct boot_plan *p, struct err *e)
{
	struct boot_in *in = p->in;
	struct blob b = { 0 };
	const char *cmd = in->cmdline ? in->cmdline : "";
	uint32_t mods, strs, map;
	int r = 0;

	map = ALIGN_UP((uint32_t)PVH_INFO_LEN, 8u);
	mods = map + in->n_map * PVH_ENTRY_LEN;
	strs = mods + in->n_mod * PVH_MODULE_LEN;
	blob_u32(&b, PVH_MAGIC);
	blob_u32(&b, 1);
	blob_u32(&b, 0);
	blob_u32(&b, in->n_mod);
	blob_u64(&b, in->n_mod ? BOOT_INFO + mods : 0);
	blob_u64(&b, BOOT_INFO + strs);
	blob_u64(&b, in->rsdp);
	blob_u64(&b, BOOT_INFO + map);
	blob_u32(&b, in->n_map);
	blob_u32(&b, 0);
	for (unsigned i = 0; i < in->n_map; i++) {
		blob_u64(&b, in->map[i].addr);
		blob_u64(&b, in->map[i].len);
		blob_u32(&b, in->map[i].type);
		blob_u32(&b, 0);
	}
	for (unsigned i = 0; r >= 0 && i < in->n_mod; i++) {
		struct boot_src *s = &in->mod[i].src;
		gpa_t at = 0;

		r = boot_place_high(p, s->size, UINT64_C(1) << 32, &at, "initrd", e);
		if (r >= 0) {
			r = boot_add_file(p, at, s, 0, s->size, 0, "initrd", e);
		}
		blob_u64(&b, at);
		blob_u64(&b, s->size);
		blob_u64(&b, 0);
		blob_u64(&b, 0);
	}
	blob_put(&b, cmd, strlen(cmd) + 1);
	if (r >= 0 && (!blob_ok(&b) || b.len > BOOT_INFO_MAX)) {
		r = err_set(e, -E2BIG, "-append is too long");
	}
	if (r >= 0) {
		r = boot_add_data(p, BOOT_INFO, b.data, b.len, "start information", e);
	}
	blob_fini(&b);
	p->rbx = BOOT_INFO;
	return r;
}

int boot_plan_elf(struct boot_plan *p, struct err *e)
{
	struct boot_elf x = { 0 };
	int r = boot_elf_load(p, &x, e);

	if (r <= 0) {
		return r;
	}
	p->mode = BOOT_PROT32;
	p->rip = x.entry;
	if (x.pvh_entry) {
		p->format = "ELF, PVH entry";
		p->rip = x.pvh_entry;
		r = boot_add_pvh(p, e);
	} else if (x.is64) {
		p->format = "ELF64, long mode";
		p->mode = BOOT_LONG64;
		r = boot_add_page_tables(p, e);
		if (r >= 0) {
			r = boot_add_zero_page(p, NULL, 0, UINT64_C(1) << 32, 65535, e);
		}
	} else {
		p->format = "ELF32, protected mode";
		r = boot_add_zero_page(p, NULL, 0, UINT64_C(1) << 32, 65535, e);
	}
	if (r >= 0 && p->rip > UINT32_MAX && p->mode == BOOT_PROT32) {
		r = err_set(e, -EINVAL, "ELF kernel: entry point lies above 4 GiB");
	}
	if (r >= 0) {
		r = boot_add_gdt(p, e);
	}
	return r < 0 ? r : 1;
}
