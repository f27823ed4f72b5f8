/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mmu.c - page walks of every x86 paging mode.
 *
 * Spec: SDM vol. 3A chapter 4 (4.3 32-bit, 4.4 PAE, 4.5 4- and 5-level, 4.6 access
 * rights, 4.7 page-fault error codes, 4.8 accessed and dirty flags).
 *
 * Page-table entries are read straight from guest RAM through the flat map and get
 * their A and D bits by compare-and-swap there; an entry that is not in RAM reads
 * through the address space and keeps its bits.
 *
 * Threads: the vCPU's own.
 * Known gaps: protection keys for supervisor pages (PKS), shadow stacks; a
 * non-canonical stack address gives #GP(0), not #SS(0), because a walk does not know
 * the segment.
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/compiler.h"
#include "base/log.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

#define PTE_P    BIT64(0)
#define PTE_RW   BIT64(1)
#define PTE_US   BIT64(2)
#define PTE_A    BIT64(5)
#define PTE_D    BIT64(6)
#define PTE_PS   BIT64(7)
#define PTE_G    BIT64(8)
#define PTE_NX   BIT64(63)
#define PTE_MASK UINT64_C(0x000ffffffffff000)

#define PF_P     BIT(0)
#define PF_W     BIT(1)
#define PF_U     BIT(2)
#define PF_RSVD  BIT(3)
#define PF_I     BIT(4)
#define PF_PK    BIT(5)

enum { MMU_MAX_LEVELS = 5 };

/* Identifies "no paging" among the spaces; no CR3 has these bits. */
#define MMU_SPACE_NONE UINT64_C(0xf000000000000000)
#define MMU_SPACE_PCID UINT64_C(0x8000000000000000)

struct mmu_entry {
	uint64_t pa, val;
	bool is32;
};

struct mmu_walk {
	struct x86_cpu *c;
	uint64_t va;
	enum mmu_access acc;
	bool user, smap_on, probe;
	unsigned n;
	struct mmu_entry e[MMU_MAX_LEVELS];
	uint64_t us, rw, nx; /* accumulated: nonzero = allowed (nx: forbidden) */
	uint32_t fault;      /* error code bits beyond W/U/I */
};

uint64_t x86_mmu_space(const struct x86_cpu *c)
{
	if (!(c->cr0 & X86_CR0_PG)) {
		return MMU_SPACE_NONE;
	}
	if (c->cr4 & X86_CR4_PCIDE) {
		return MMU_SPACE_PCID | (c->cr3 & 0xfff);
	}
	return c->cr3 & PTE_MASK;
}

/* ---- entries ---- */

static const struct flat_range *mmu_ram(struct x86_cpu *c, uint64_t pa)
{
	const struct flat *f =
		atomic_load_explicit(&c->vcpu->vm->mem.flat, memory_order_acquire);
	const struct flat_range *r = f ? flat_find(f, pa) : NULL;

	return r && r->host && r->size - (pa - r->start) >= 8 ? r : NULL;
}

static uint64_t mmu_read(struct x86_cpu *c, uint64_t pa, bool is32)
{
	const struct flat_range *r = mmu_ram(c, pa);

	if (unlikely(!r)) {
		return aspace_read(&c->vcpu->vm->mem, pa, is32 ? 4 : 8);
	}
	/* Other vCPUs write these; a naturally aligned load is one access. */
	if (is32) {
		return atomic_load_explicit(
			(_Atomic uint32_t *)(r->host + (pa - r->start)),
			memory_order_relaxed);
	}
	return atomic_load_explicit((_Atomic uint64_t *)(r->host + (pa - r->start)),
	                            memory_order_relaxed);
}

/* Sets bits; false when the entry changed meanwhile: the walk begins anew. */
static bool mmu_set_bits(struct x86_cpu *c, const struct mmu_entry *e, uint64_t bits)
{
	const struct flat_range *r;

	if ((e->val & bits) == bits) {
		return true;
	}
	r = mmu_ram(c, e->pa);
	if (!r || r->readonly) {
		return true;
	}
	if (e->is32) {
		uint32_t was = (uint32_t)e->val;

		if (!atomic_compare_exchange_strong(
			    (_Atomic uint32_t *)(r->host + (e->pa - r->start)), &was,
			    was | (uint32_t)bits)) {
			return false;
		}
	} else {
		uint64_t was = e->val;

		if (!atomic_compare_exchange_strong(
			    (_Atomic uint64_t *)(r->host + (e->pa - r->start)), &was,
			    was | bits)) {
			return false;
		}
	}
	dma_mark_written(&c->vcpu->vm->mem, e->pa, e->is32 ? 4 : 8);
	return true;
}

/* ---- levels ---- */

static uint64_t mmu_reserved(const struct x86_cpu *c)
{
	uint64_t m = PTE_MASK & ~(BIT64(c->phys_bits) - 1);

	return c->efer & X86_EFER_NXE ? m : m | PTE_NX;
}

/* Reads the next entry and accumulates rights. False: not present or reserved bits. */
static bool mmu_step(struct mmu_walk *w, uint64_t pa, bool is32, uint64_t reserved)
{
	struct mmu_entry *e = &w->e[w->n++];

	e->pa = pa;
	e->is32 = is32;
	e->val = mmu_read(w->c, pa, is32);
	if (!(e->val & PTE_P)) {
		return false;
	}
	if (e->val & reserved) {
		w->fault = PF_P | PF_RSVD;
		return false;
	}
	w->us &= e->val & PTE_US;
	w->rw &= e->val & PTE_RW;
	w->nx |= is32 ? 0 : e->val & PTE_NX;
	return true;
}

static bool mmu_levels_32(struct mmu_walk *w, uint64_t *pa, unsigned *bits)
{
	struct x86_cpu *c = w->c;
	uint64_t table = c->cr3 & 0xfffff000, e;

	if (!mmu_step(w, table + ((w->va >> 22) & 0x3ff) * 4, true, 0)) {
		return false;
	}
	e = w->e[0].val;
	if ((e & PTE_PS) && (c->cr4 & X86_CR4_PSE)) {
		uint64_t high = x86_cpu_has(c, X86F_PSE36) ? (e >> 13) & 0xff : 0;
		uint64_t rsvd = x86_cpu_has(c, X86F_PSE36) ? BIT(21) : 0x3fe000;

		if (c->phys_bits < 40) {
			rsvd |= 0x1fe000 & ~((BIT64(c->phys_bits - 32) - 1) << 13);
		}
		if (e & rsvd) {
			w->fault = PF_P | PF_RSVD;
			return false;
		}
		*pa = (e & 0xffc00000) | high << 32;
		*bits = 22;
		return true;
	}
	if (!mmu_step(w, (e & 0xfffff000) + ((w->va >> 12) & 0x3ff) * 4, true, 0)) {
		return false;
	}
	*pa = w->e[1].val & 0xfffff000;
	*bits = 12;
	return true;
}

static bool mmu_levels_64(struct mmu_walk *w, unsigned top, uint64_t table,
                          uint64_t *pa, unsigned *bits)
{
	struct x86_cpu *c = w->c;
	uint64_t rsvd = mmu_reserved(c);

	if (top == 2) { /* PAE: bits 62:52 are reserved too */
		rsvd |= UINT64_C(0x7ff0000000000000);
	}
	for (unsigned l = top; l > 0; l--) {
		unsigned shift = 12 + 9 * (l - 1);
		bool can_ps = l == 2 || (l == 3 && x86_cpu_has(c, X86F_PDPE1GB));
		uint64_t e;

		if (!mmu_step(w, (table & PTE_MASK) + ((w->va >> shift) & 0x1ff) * 8,
		              false, rsvd)) {
			return false;
		}
		e = w->e[w->n - 1].val;
		if (l > 1 && (e & PTE_PS)) {
			uint64_t low = (BIT64(shift) - 1) & ~(uint64_t)0x1fff;

			if (!can_ps || (e & low)) {
				w->fault = PF_P | PF_RSVD;
				return false;
			}
			*pa = e & PTE_MASK & ~(BIT64(shift) - 1);
			*bits = shift;
			return true;
		}
		if (l == 1) {
			*pa = e & PTE_MASK;
			*bits = 12;
			return true;
		}
		table = e;
	}
	return false;
}

static bool mmu_levels(struct mmu_walk *w, uint64_t *pa, unsigned *bits)
{
	struct x86_cpu *c = w->c;

	w->n = 0;
	w->us = PTE_US;
	w->rw = PTE_RW;
	w->nx = 0;
	w->fault = 0;
	if (!(c->cr4 & X86_CR4_PAE)) {
		return mmu_levels_32(w, pa, bits);
	}
	if (!x86_lma(c)) {
		uint64_t e = c->pdpte[(w->va >> 30) & 3];

		return (e & PTE_P) && mmu_levels_64(w, 2, e, pa, bits);
	}
	return mmu_levels_64(w, c->cr4 & X86_CR4_LA57 ? 5 : 4, c->cr3, pa, bits);
}

/* ---- rights (4.6.1) ---- */

static void mmu_rights(const struct mmu_walk *w, struct mmu_result *r)
{
	const struct x86_cpu *c = w->c;
	bool u = w->us, rw = w->rw, nx = w->nx;
	bool wp = c->cr0 & X86_CR0_WP;

	if (w->user) {
		r->r = u;
		r->w = u && rw;
		r->x = u && !nx;
	} else {
		bool may = !(u && w->smap_on);

		r->r = may;
		r->w = may && (rw || !wp);
		r->x = !nx && !(u && (c->cr4 & X86_CR4_SMEP));
	}
}

/* Protection keys (4.6.2), user pages of long mode only. False: access disabled. */
static bool mmu_pkey(const struct mmu_walk *w, struct mmu_result *r)
{
	const struct x86_cpu *c = w->c;
	unsigned key;

	if (!(c->cr4 & X86_CR4_PKE) || !x86_lma(c) || !w->us) {
		return true;
	}
	key = (w->e[w->n - 1].val >> 59) & 15;
	if (c->pkru >> (2 * key) & 1) {
		r->r = r->w = false;
	} else if ((c->pkru >> (2 * key) & 2) && (w->user || (c->cr0 & X86_CR0_WP))) {
		r->w = false;
	}
	return w->acc == MMU_EXEC || (w->acc == MMU_READ ? r->r : r->w);
}

static int mmu_fault(struct mmu_walk *w)
{
	struct x86_cpu *c = w->c;
	uint32_t err = w->fault;

	if (w->probe) {
		return -EFAULT;
	}
	err |= w->acc == MMU_WRITE ? PF_W : 0;
	err |= w->user ? PF_U : 0;
	if (w->acc == MMU_EXEC &&
	    ((c->cr4 & X86_CR4_SMEP) ||
	     ((c->cr4 & X86_CR4_PAE) && (c->efer & X86_EFER_NXE)))) {
		err |= PF_I;
	}
	log_d(LOG_MMU, "x86: page fault at %016llx error %x rip %016llx\n",
	      (unsigned long long)w->va, err, (unsigned long long)c->rip);
	c->cr2 = w->va;
	x86_record(c, X86_EXC_PF, err);
	return -EFAULT;
}

/* Outside long mode linear addresses have 32 bits. */
static int mmu_linear(struct mmu_walk *w)
{
	struct x86_cpu *c = w->c;

	/* Implicit accesses (descriptor tables) from compatibility mode are full
	 * addresses. */
	if (!x86_lma(c)) {
		w->va &= 0xffffffff;
	} else if (!x86_canonical(c, w->va)) {
		if (!w->probe) {
			x86_record(c, X86_EXC_GP, 0);
		}
		return -EFAULT;
	}
	return 0;
}

int x86_walk(struct tcg_env *env, uint64_t va, enum mmu_access acc, int mode,
             bool probe, struct mmu_result *r)
{
	struct x86_cpu *c = x86_of(env);
	struct mmu_walk w = { .c = c, .va = va, .acc = acc, .probe = probe };
	uint64_t pa;
	unsigned bits;

	if (mmu_linear(&w) < 0) {
		return -EFAULT;
	}
	if (!(c->cr0 & X86_CR0_PG)) {
		*r = (struct mmu_result){ .pa = w.va & 0xfffff000 &
			                        ~(uint64_t)c->a20_mask_off,
			                  .page_bits = 12,
			                  .r = true,
			                  .w = true,
			                  .x = true };
		return 0;
	}
	w.user = mode == X86_MMU_USER;
	w.smap_on = (c->cr4 & X86_CR4_SMAP) &&
	            (mode == X86_MMU_SUP_SMAP || mode == MMU_MODE_SYSTEM);
	for (unsigned tries = 0; tries < 64; tries++) {
		uint64_t leaf = PTE_A | (acc == MMU_WRITE ? PTE_D : 0);
		bool ok = true;

		if (!mmu_levels(&w, &pa, &bits)) {
			return mmu_fault(&w);
		}
		mmu_rights(&w, r);
		if (!mmu_pkey(&w, r)) {
			w.fault = PF_P | PF_PK;
			return mmu_fault(&w);
		}
		if (acc == MMU_READ ? !r->r : acc == MMU_WRITE ? !r->w : !r->x) {
			w.fault = PF_P;
			return mmu_fault(&w);
		}
		for (unsigned i = 0; !probe && ok && i < w.n; i++) {
			ok = mmu_set_bits(c, &w.e[i], i + 1 == w.n ? leaf : PTE_A);
		}
		if (!ok) {
			continue;
		}
		r->pa = (pa | (w.va & (BIT64(bits) - 1) & ~(uint64_t)0xfff)) &
		        ~(uint64_t)c->a20_mask_off;
		r->page_bits = bits;
		r->modes = w.us || w.user || mode == MMU_MODE_SYSTEM
		                   ? 0
		                   : BIT(X86_MMU_SUP) | BIT(X86_MMU_SUP_SMAP);
		r->global = (w.e[w.n - 1].val & PTE_G) && (c->cr4 & X86_CR4_PGE);
		/* Writing is allowed without a walk only once D is set. */
		r->w = r->w && (acc == MMU_WRITE || (w.e[w.n - 1].val & PTE_D));
		return 0;
	}
	/* Somebody rewrites the entry forever: let the guest run on and try again. */
	w.fault = 0;
	return mmu_fault(&w);
}

int x86_load_pdptes(struct tcg_env *env, uint64_t cr3)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t e[4], rsvd = UINT64_C(0x1e6) |
	                      (PTE_MASK & ~(BIT64(c->phys_bits) - 1)) |
	                      UINT64_C(0xfff0000000000000);

	for (unsigned i = 0; i < 4; i++) {
		e[i] = mmu_read(c, (cr3 & 0xffffffe0) + 8 * i, false);
		if ((e[i] & PTE_P) && (e[i] & rsvd)) {
			return -EINVAL;
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		c->pdpte[i] = e[i];
	}
	return 0;
}
