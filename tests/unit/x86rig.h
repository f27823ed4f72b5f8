/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86rig.h - an x86 vCPU on a bench: guest RAM, a run time that walks on each access,
 * and descriptor tables by hand. For tests of the system half of the front end. Include
 * in one file of a program only.
 */
#ifndef LODGE_TESTS_X86RIG_H
#define LODGE_TESTS_X86RIG_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/opt.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"
#include "unit.h"

/* RIG_TRY's callers change no local between setjmp and longjmp. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wclobbered"
#endif

enum { RIG_RAM = 16 << 20 };

static struct rig {
	struct vm *vm;
	struct vcpu v;
	struct ram_block *ram;
	struct mr mr;
	void *mem;
	struct tcg_env *env;
	struct x86_cpu *c;
	uint64_t space;
	unsigned mode, flush_all, flush_page, flush_space;
	uint64_t pc_now;
	int exit_reason; /* of tcg_exit_loop */
} rig;

/* ---- the run time's side ---- */

static uint8_t *rig_host(uint64_t va, enum mmu_access acc, int mode)
{
	struct mmu_result r;

	if (x86_walk(rig.env, va, acc, mode ? MMU_MODE_SYSTEM : (int)rig.mode, false,
	             &r) < 0) {
		tcg_raise(rig.env, true);
	}
	r.pa += va & 0xfff;
	ck_assert_msg(r.pa < RIG_RAM, "access to %llx", (unsigned long long)r.pa);
	return rig.ram->host + r.pa;
}

void tcg_ld_bytes(struct tcg_env *env, uint64_t addr, void *buf, unsigned len, int mode)
{
	(void)env;
	for (unsigned i = 0; i < len; i++) {
		((uint8_t *)buf)[i] = *rig_host(addr + i, MMU_READ, mode);
	}
}

void tcg_st_bytes(struct tcg_env *env, uint64_t addr, const void *buf, unsigned len,
                  int mode)
{
	(void)env;
	tcg_probe(env, addr, len, true, mode);
	for (unsigned i = 0; i < len; i++) {
		*rig_host(addr + i, MMU_WRITE, mode) = ((const uint8_t *)buf)[i];
	}
}

void tcg_outside(struct tcg_env *env, enum tcg_place where, uint64_t addr)
{
	(void)env;
	(void)where;
	(void)addr;
}

uint64_t tcg_ld(struct tcg_env *env, uint64_t addr, unsigned size, int mode)
{
	uint8_t b[8];

	tcg_ld_bytes(env, addr, b, size, mode);
	return ld_le(b, size);
}

void tcg_st(struct tcg_env *env, uint64_t addr, uint64_t val, unsigned size, int mode)
{
	uint8_t b[8];

	st_le(b, val, size);
	tcg_st_bytes(env, addr, b, size, mode);
}

void tcg_probe(struct tcg_env *env, uint64_t addr, unsigned len, bool write, int mode)
{
	(void)env;
	for (unsigned i = 0; i < len; i++) {
		rig_host(addr + i, write ? MMU_WRITE : MMU_READ, mode);
	}
}

void *tcg_host_ptr(struct tcg_env *env, uint64_t addr, unsigned len, bool write,
                   int mode)
{
	(void)env, (void)addr, (void)len, (void)write, (void)mode;
	return NULL;
}

void tcg_restore_pc(struct tcg_env *env)
{
	(void)env;
	rig.c->rip = rig.pc_now;
}

void tcg_raise(struct tcg_env *env, bool restore_pc)
{
	if (restore_pc) {
		tcg_restore_pc(env);
	}
	longjmp(env->out, 1);
}

void tcg_exit_loop(struct tcg_env *env, unsigned reason)
{
	rig.exit_reason = (int)reason;
	longjmp(env->out, 2);
}

void tcg_flush_all(struct tcg_env *env)
{
	(void)env;
	rig.flush_all++;
}

void tcg_flush_page(struct tcg_env *env, uint64_t va)
{
	(void)env, (void)va;
	rig.flush_page++;
}

void tcg_flush_space(struct tcg_env *env, uint64_t space)
{
	(void)env, (void)space;
	rig.flush_space++;
}

void tcg_set_ctx(struct tcg_env *env, uint64_t space, unsigned mode)
{
	(void)env;
	rig.space = space;
	rig.mode = mode;
}

void tcg_flush_jumps(struct tcg_env *env)
{
	(void)env;
}

/* ---- set-up ---- */

static inline void rig_up(const char *model)
{
	struct ram_config cfg = { .size = RIG_RAM };
	struct err e = ERR_INIT;
	struct opt *o = NULL;

	memset(&rig, 0, sizeof(rig));
	rig.vm = vm_new(&x86_guest_arch, NULL);
	rig.vm->max_vcpus = 1;
	rig.ram = ram_block_new("rig", &cfg, &e);
	ck_assert(rig.ram != NULL);
	mr_init_ram(&rig.mr, "rig", rig.ram);
	mr_add(&rig.vm->mem_root, 0, &rig.mr, 0);
	rig.mem = aligned_alloc(
		64,
		ALIGN_UP(sizeof(struct tcg_env) + sizeof(struct x86_cpu), (size_t)64));
	memset(rig.mem, 0, sizeof(struct tcg_env) + sizeof(struct x86_cpu));
	rig.env = rig.mem;
	rig.c = tcg_arch_of(rig.env);
	rig.v.vm = rig.vm;
	rig.v.arch = rig.c;
	rig.env->vcpu = &rig.v;
	ck_assert_msg(opt_parse(&o, model, "model", &e) >= 0, "%s", e.text);
	ck_assert_msg(x86_guest_arch.set_model(&rig.v, o, &e) >= 0, "%s", e.text);
	opt_free(o);
	x86_guest_arch.reset(&rig.v);
	x86_mode_changed(rig.env);
}

static inline uint8_t *rig_at(uint64_t pa)
{
	return rig.ram->host + pa;
}

/* Runs an expression; gives -1 when it did not raise, else the recorded vector. A
 * tcg_exit_loop gives 0x1000 + reason. */
#define RIG_TRY(expr)                                                                  \
	({                                                                             \
		int rig_j_ = setjmp(rig.env->out), rig_r_ = -1;                        \
		if (!rig_j_) {                                                         \
			rig.pc_now = rig.c->rip;                                       \
			(void)(expr);                                                  \
		} else {                                                               \
			rig_r_ = rig_j_ == 2 ? 0x1000 + rig.exit_reason                \
			                     : rig.c->exc_pending;                     \
		}                                                                      \
		rig_r_;                                                                \
	})

/* Delivers what is recorded, as often as it takes; -1 done, 0x1000 + reason left. */
static inline int rig_deliver(void)
{
	int r;

	for (int i = 0; i < 8; i++) {
		r = RIG_TRY(x86_deliver(rig.env));
		if (r == -1 || r >= 0x1000) {
			return r;
		}
	}
	return -2;
}

/* ---- tables ---- */

enum {
	RIG_GDT = 0x1000,
	RIG_IDT = 0x2000,
	RIG_TSS = 0x3000,
	RIG_LDT = 0x3800,
	RIG_STACK0 = 0x9000,
	RIG_STACK3 = 0xa000,
	RIG_PT = 0x100000
};
/* selectors */
enum {
	SEL_CODE0 = 0x08,
	SEL_DATA0 = 0x10,
	SEL_CODE3 = 0x18,
	SEL_DATA3 = 0x20,
	SEL_CODE64 = 0x28,
	SEL_CODE64U = 0x30,
	SEL_TSS = 0x40,
	SEL_CODE16 = 0x50,
	SEL_NP = 0x58,
	SEL_GATE = 0x60,
	SEL_TSS2 = 0x70,
	SEL_DATA16 = 0x78
};

static inline void rig_desc(unsigned sel, uint32_t base, uint32_t limit, uint32_t attr)
{
	uint8_t *p = rig_at(RIG_GDT + (sel & ~7u));

	st_le32(p, (limit & 0xffff) | base << 16);
	st_le32(p + 4, (base >> 16 & 0xff) | (attr & 0xff) << 8 | (limit & 0xf0000) |
	                       (attr & 0xf000) << 8 | (base & 0xff000000));
}

static inline void rig_gdt(void)
{
	rig_desc(SEL_CODE0, 0, 0xfffff, 0xc09b);
	rig_desc(SEL_DATA0, 0, 0xfffff, 0xc093);
	rig_desc(SEL_CODE3, 0, 0xfffff, 0xc0fb);
	rig_desc(SEL_DATA3, 0, 0xfffff, 0xc0f3);
	rig_desc(SEL_CODE64, 0, 0xfffff, 0xa09b);
	rig_desc(SEL_CODE64U, 0, 0xfffff, 0xa0fb);
	rig_desc(SEL_CODE16, 0, 0xffff, 0x009b);
	rig_desc(SEL_DATA16, 0, 0xffff, 0x0093);
	rig_desc(SEL_NP, 0, 0xfffff, 0xc013);
	rig_desc(SEL_TSS, RIG_TSS, 0x67, 0x0089);
	rig.c->gdt.base = RIG_GDT;
	rig.c->gdt.limit = 0xff;
	rig.c->idt.base = RIG_IDT;
	rig.c->idt.limit = 0xfff;
}

static inline void rig_seg(unsigned seg, uint16_t sel)
{
	struct x86_desc d;

	ck_assert(x86_desc_read(rig.env, sel, &d));
	if (seg == X86_CS) {
		x86_cs_load(rig.c, sel, &d, sel & 3);
	} else {
		x86_seg_from_desc(rig.c, seg, sel, &d);
	}
}

/* Flat 32-bit protected mode at `cpl`, interrupts off, no paging. */
static inline void rig_prot32(unsigned cpl)
{
	uint16_t cs = cpl ? SEL_CODE3 : SEL_CODE0, ds = cpl ? SEL_DATA3 : SEL_DATA0;

	rig_gdt();
	rig.c->cr0 = X86_CR0_PE | X86_CR0_ET | X86_CR0_NE;
	rig_seg(X86_SS, (uint16_t)(ds | cpl));
	rig_seg(X86_CS, (uint16_t)(cs | cpl));
	for (unsigned s = X86_ES; s <= X86_GS; s++) {
		if (s != X86_CS && s != X86_SS) {
			rig_seg(s, (uint16_t)(ds | cpl));
		}
	}
	rig.c->seg[X86_TR] = (struct x86_seg){
		.base = RIG_TSS, .limit = 0x67, .attr = 0x8b, .sel = SEL_TSS
	};
	st_le32(rig_at(RIG_TSS + 4), RIG_STACK0);
	st_le32(rig_at(RIG_TSS + 8), SEL_DATA0);
	rig.c->reg[X86_RSP] = cpl ? RIG_STACK3 : RIG_STACK0;
	x86_set_rflags(rig.c, 2);
	rig.c->rip = 0x5000;
	x86_mode_changed(rig.env);
}

/* 4-level identity map of the first 16 MiB with 2 MiB pages, user-accessible. */
static inline void rig_map64(void)
{
	uint64_t all = 7;

	st_le64(rig_at(RIG_PT), (RIG_PT + 0x1000) | all);
	st_le64(rig_at(RIG_PT + 0x1000), (RIG_PT + 0x2000) | all);
	for (unsigned i = 0; i < 8; i++) {
		st_le64(rig_at(RIG_PT + 0x2000 + 8 * i),
		        (uint64_t)i << 21 | all | 0x80);
	}
	rig.c->cr3 = RIG_PT;
	rig.c->cr4 = X86_CR4_PAE;
	rig.c->efer = X86_EFER_LME | X86_EFER_LMA | X86_EFER_SCE | X86_EFER_NXE;
	rig.c->cr0 = X86_CR0_PE | X86_CR0_PG | X86_CR0_ET | X86_CR0_NE | X86_CR0_WP;
}

static inline void rig_long(unsigned cpl)
{
	rig_prot32(0);
	rig_map64();
	rig_seg(X86_SS, (uint16_t)((cpl ? SEL_DATA3 : SEL_DATA0) | cpl));
	rig_seg(X86_CS, (uint16_t)((cpl ? SEL_CODE64U : SEL_CODE64) | cpl));
	st_le64(rig_at(RIG_TSS + 4), RIG_STACK0);
	rig.c->reg[X86_RSP] = cpl ? RIG_STACK3 : RIG_STACK0;
	rig.c->rip = 0x5000;
	x86_mode_changed(rig.env);
}

static inline void rig_gate32(unsigned vec, uint16_t sel, uint32_t off, unsigned type,
                              unsigned dpl)
{
	uint8_t *p = rig_at(RIG_IDT + 8 * vec);

	st_le32(p, (off & 0xffff) | (uint32_t)sel << 16);
	st_le32(p + 4, (off & 0xffff0000) | 0x8000 | dpl << 13 | type << 8);
}

static inline void rig_gate64(unsigned vec, uint16_t sel, uint64_t off, unsigned type,
                              unsigned dpl, unsigned ist)
{
	uint8_t *p = rig_at(RIG_IDT + 16 * vec);

	st_le32(p, (uint32_t)((off & 0xffff) | (uint32_t)sel << 16));
	st_le32(p + 4,
	        (uint32_t)((off & 0xffff0000) | 0x8000 | dpl << 13 | type << 8 | ist));
	st_le64(p + 8, off >> 32);
}

#endif
