/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot.c - plans of direct kernel boot: files, chunks, descriptor and page tables,
 * the first processor's registers. See boot.h. Formats: boot-linux.c, boot-elf.c,
 * boot-multiboot.c; into memory: boot-load.c.
 */
#include "config.h"

#include "machine/boot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/cpu/x86.h"

/* ---- files ---- */

int boot_src_open(struct boot_src *s, const char *path, const char *what, struct err *e)
{
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return err_set_errno(e, -errno, "cannot open %s '%s'", what, path);
	}
	if (fstat(fd, &st) < 0) {
		return err_set_errno(e, -errno, "cannot read %s '%s'", what, path);
	}
	if (!S_ISREG(st.st_mode)) {
		return err_set(e, -EINVAL, "%s '%s' is not a regular file", what, path);
	}
	*s = (struct boot_src){ .fd = TAKE_FD(fd), .size = st.st_size, .what = what };
	return 0;
}

void boot_src_mem(struct boot_src *s, const void *p, uint64_t n, const char *what)
{
	*s = (struct boot_src){ .fd = -1, .mem = p, .size = n, .what = what };
}

void boot_src_close(struct boot_src *s)
{
	if (s->size && s->fd >= 0 && !s->mem) {
		close(s->fd);
	}
	*s = (struct boot_src){ .fd = -1 };
}

int boot_src_read(const struct boot_src *s, uint64_t off, void *buf, uint64_t n,
                  struct err *e)
{
	uint8_t *to = buf;

	if (!range_fits(off, n, s->size)) {
		return err_set(e, -EINVAL,
		               "%s is truncated: %llu bytes at %llu wanted, %llu there",
		               s->what, (unsigned long long)n, (unsigned long long)off,
		               (unsigned long long)s->size);
	}
	if (s->mem) {
		memcpy(to, s->mem + off, n);
		return 0;
	}
	while (n) {
		ssize_t r = pread(s->fd, to, n, off);

		if (r < 0 && errno == EINTR) {
			continue;
		}
		if (r < 0) {
			return err_set_errno(e, -errno, "cannot read %s", s->what);
		}
		if (r == 0) {
			return err_set(e, -EINVAL,
			               "%s became shorter while it was read", s->what);
		}
		to += r;
		off += r;
		n -= r;
	}
	return 0;
}

/* One "file args" of the -initrd text; returns what follows the separating comma. */
static const char *boot_module_text(const char *t, char *out, size_t max)
{
	size_t n = 0;

	while (*t) {
		if (*t == ',') {
			if (t[1] != ',') {
				t++;
				break;
			}
			t++;
		}
		if (n + 1 < max) {
			out[n++] = *t;
		}
		t++;
	}
	out[n] = 0;
	return t;
}

int boot_in_add_modules(struct boot_in *in, const char *text, struct err *e)
{
	while (*text) {
		char buf[4096], *space;
		struct boot_module *m = &in->mod[in->n_mod];
		int r;

		if (in->n_mod == BOOT_MODULES_MAX) {
			return err_set(e, -E2BIG, "-initrd names more than %d files",
			               BOOT_MODULES_MAX);
		}
		text = boot_module_text(text, buf, sizeof(buf));
		m->args = strdup(buf);
		space = strchr(buf, ' ');
		/* A blank may belong to the file's name: arguments only if that does not exist. */
		if (space && access(buf, F_OK) != 0) {
			*space = 0;
		}
		r = m->args ? boot_src_open(&m->src, buf, "initrd", e) : -ENOMEM;
		if (r < 0) {
			free(m->args);
			m->args = NULL;
			return r;
		}
		in->n_mod++;
	}
	return 0;
}

void boot_in_fini(struct boot_in *in)
{
	for (unsigned i = 0; i < in->n_mod; i++) {
		boot_src_close(&in->mod[i].src);
		free(in->mod[i].args);
	}
	boot_src_close(&in->kernel);
	memset(in, 0, sizeof(*in));
	in->kernel.fd = -1;
}

/* ---- chunks ---- */

static bool boot_in_ram(const struct boot_in *in, gpa_t addr, uint64_t len)
{
	return range_fits(addr, len, in->low_ram) ||
	       (addr >= (UINT64_C(4) << 30) &&
	        range_fits(addr - (UINT64_C(4) << 30), len, in->high_ram));
}

static int boot_check(const struct boot_plan *p, gpa_t addr, uint64_t len,
                      const char *what, struct err *e)
{
	if (!boot_in_ram(p->in, addr, len)) {
		return err_set(e, -ENOSPC,
		               "%s (%llu bytes at 0x%llx) does not fit in guest "
		               "memory: give more with -m",
		               what, (unsigned long long)len, (unsigned long long)addr);
	}
	for (unsigned i = 0; i < p->n_chunk; i++) {
		const struct boot_chunk *c = &p->chunk[i];

		if (ranges_overlap(addr, len, c->addr, c->len + c->zero)) {
			return err_set(e, -EINVAL, "%s at 0x%llx overlaps %s at 0x%llx",
			               what, (unsigned long long)addr, c->what,
			               (unsigned long long)c->addr);
		}
	}
	if (p->n_chunk == BOOT_CHUNKS_MAX) {
		return err_set(e, -E2BIG, "the kernel has too many parts");
	}
	return 0;
}

int boot_add_data(struct boot_plan *p, gpa_t addr, const void *data, uint64_t len,
                  const char *what, struct err *e)
{
	struct boot_chunk *c = &p->chunk[p->n_chunk];
	int r = boot_check(p, addr, len, what, e);

	if (r < 0 || !len) {
		return r;
	}
	*c = (struct boot_chunk){ .addr = addr, .len = len, .what = what };
	c->data = malloc(len);
	if (!c->data) {
		return err_set(e, -ENOMEM, "out of memory for %s", what);
	}
	memcpy(c->data, data, len);
	p->n_chunk++;
	return 0;
}

int boot_add_file(struct boot_plan *p, gpa_t addr, struct boot_src *s, uint64_t off,
                  uint64_t len, uint64_t zero, const char *what, struct err *e)
{
	uint64_t total;
	int r;

	if (!range_fits(off, len, s->size)) {
		return err_set(e, -EINVAL, "%s: %s lies beyond the end of the file",
		               s->what, what);
	}
	if (!u64_add(len, zero, &total)) {
		return err_set(e, -EINVAL, "%s: %s is too large", s->what, what);
	}
	r = boot_check(p, addr, total, what, e);
	if (r < 0 || !total) {
		return r;
	}
	p->chunk[p->n_chunk++] = (struct boot_chunk){
		.addr = addr,
		.len = len,
		.zero = zero,
		.src = s,
		.src_off = off,
		.what = what,
	};
	return 0;
}

/*
 * 0x10 flat 4 GiB code (long mode in the 64-bit plan), 0x18 flat data, 0x20 a TSS, as the
 * Linux boot protocol and PVH ask.
 */
int boot_add_gdt(struct boot_plan *p, struct err *e)
{
	uint8_t gdt[5 * 8] = { 0 };

	st_le64(gdt + 16, p->mode == BOOT_LONG64 ? UINT64_C(0x00af9b000000ffff)
	                                         : UINT64_C(0x00cf9b000000ffff));
	st_le64(gdt + 24, UINT64_C(0x00cf93000000ffff));
	st_le64(gdt + 32, UINT64_C(0x00008b0000000067));
	p->gdt = BOOT_GDT;
	return boot_add_data(p, BOOT_GDT, gdt, sizeof(gdt), "descriptor table", e);
}

/* PML4, PDPT and four page directories of 2 MiB pages. */
int boot_add_page_tables(struct boot_plan *p, struct err *e)
{
	AUTO_FREE uint8_t *t = calloc(6, 4096);

	if (!t) {
		return err_set(e, -ENOMEM, "out of memory for page tables");
	}
	st_le64(t, (BOOT_PGTABLES + 0x1000) | 3);
	for (unsigned i = 0; i < 4; i++) {
		st_le64(t + 0x1000 + i * 8, (BOOT_PGTABLES + 0x2000 + i * 0x1000) | 3);
	}
	for (unsigned i = 0; i < 2048; i++) {
		st_le64(t + 0x2000 + i * 8, (uint64_t)i << 21 | 0x83);
	}
	p->cr3 = BOOT_PGTABLES;
	return boot_add_data(p, BOOT_PGTABLES, t, 6 * 4096, "page tables", e);
}

int boot_place_high(struct boot_plan *p, uint64_t len, uint64_t below, gpa_t *out,
                    const char *what, struct err *e)
{
	uint64_t floor = 0x100000, top = MIN(below, p->in->low_ram);

	for (unsigned i = 0; i < p->n_chunk; i++) {
		const struct boot_chunk *c = &p->chunk[i];
		uint64_t end = c->addr + c->len + c->zero;

		if (end > floor && c->addr < top) {
			floor = end;
		}
	}
	if (floor > top || len > top - floor || ALIGN_DOWN(top - len, 4096) < floor) {
		return err_set(e, -ENOSPC,
		               "%s (%llu bytes) does not fit in guest memory: give "
		               "more with -m",
		               what, (unsigned long long)len);
	}
	*out = ALIGN_DOWN(top - len, 4096);
	return 0;
}

/* ---- plans ---- */

/* A boot sector has 0xaa55 at 510 and no more to say about itself. */
static int boot_plan_sector(struct boot_plan *p, struct err *e)
{
	uint8_t sig[2];

	if (p->in->kernel.size < 512 || p->in->kernel.size > 0x80000) {
		return 0;
	}
	if (boot_src_read(&p->in->kernel, 510, sig, 2, e) < 0 ||
	    ld_le16(sig) != 0xaa55) {
		return 0;
	}
	p->mode = BOOT_REAL16;
	p->format = "boot sector, real mode";
	p->rip = 0x7c00;
	if (boot_add_file(p, 0x7c00, &p->in->kernel, 0, p->in->kernel.size, 0,
	                  "boot sector", e) < 0) {
		return -EINVAL;
	}
	return 1;
}

int boot_plan_x86(struct boot_plan *p, struct boot_in *in, struct err *e)
{
	static int (*const plan[])(struct boot_plan *, struct err *) = {
		boot_plan_multiboot,
		boot_plan_bzimage,
		boot_plan_elf,
		boot_plan_sector,
	};

	*p = (struct boot_plan){ .in = in };
	for (unsigned i = 0; i < ARRAY_LEN(plan); i++) {
		int r = plan[i](p, e);

		if (r < 0) {
			boot_plan_fini(p);
			return r;
		}
		if (r) {
			return 0;
		}
	}
	return err_set(e, -ENOEXEC,
	               "kernel '%s' is in no format known here (bzImage, ELF, "
	               "multiboot, boot sector)",
	               in->kernel_path ? in->kernel_path : "");
}

void boot_plan_fini(struct boot_plan *p)
{
	for (unsigned i = 0; i < p->n_chunk; i++) {
		free(p->chunk[i].data);
	}
	memset(p, 0, sizeof(*p));
}

/* ---- registers ---- */

static void boot_set_segments(const struct boot_plan *p, struct x86_cpu *c)
{
	bool wide = p->mode == BOOT_LONG64;
	struct x86_seg data = { .limit = 0xffffffff,
		                .sel = 0x18,
		                .attr = 0x93 | X86_SEG_DB | X86_SEG_G };
	static const int all[] = { X86_ES, X86_SS, X86_DS, X86_FS, X86_GS };

	c->seg[X86_CS] = (struct x86_seg){ .limit = 0xffffffff,
		                           .sel = 0x10,
		                           .attr = 0x9b | X86_SEG_G |
		                                   (wide ? X86_SEG_L : X86_SEG_DB) };
	for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
		c->seg[all[i]] = data;
	}
	c->seg[X86_TR] = (struct x86_seg){ .limit = 0x67, .sel = 0x20, .attr = 0x8b };
	c->seg[X86_LDTR] = (struct x86_seg){ .limit = 0xffff, .attr = 0x82 };
	c->gdt.base = p->gdt;
	c->gdt.limit = 5 * 8 - 1;
	c->idt.base = 0;
	c->idt.limit = wide ? 0 : 0xffff;
}

void boot_set_cpu(const struct boot_plan *p, struct x86_cpu *c)
{
	c->rip = p->rip;
	c->reg[X86_RAX] = p->rax;
	c->reg[X86_RBX] = p->rbx;
	c->reg[X86_RSI] = p->rsi;
	c->reg[X86_RBP] = c->reg[X86_RDI] = 0;
	c->reg[X86_RSP] =
		BOOT_PARAMS; /* Linux makes its own; others get something valid */
	if (p->mode == BOOT_REAL16) {
		for (int i = X86_ES; i <= X86_GS; i++) {
			c->seg[i].sel = 0;
			c->seg[i].base = 0;
		}
		return;
	}
	boot_set_segments(p, c);
	c->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
	if (p->mode == BOOT_LONG64) {
		c->cr0 |= X86_CR0_PG;
		c->cr3 = p->cr3;
		c->cr4 = X86_CR4_PAE;
		c->efer = X86_EFER_LME | X86_EFER_LMA;
	}
}
