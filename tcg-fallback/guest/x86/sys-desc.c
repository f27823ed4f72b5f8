/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys-desc.c - descriptor tables and their inspection: LGDT LIDT SGDT SIDT LLDT LTR
 * SLDT STR LAR LSL VERR VERW.
 *
 * Spec: SDM vol. 2A/2B of each; vol. 3A 2.5 (UMIP).
 * The front end has refused real and VM86 mode (#UD) and CPL > 0 (#GP) where the
 * instruction demands it; it is checked again here, because it is cheap.
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "base/bytes.h"
#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

static void desc_need_cpl0(struct tcg_env *env)
{
	if (x86_cpl(x86_of(env)) != 0) {
		x86_gp(env, 0);
	}
}

static void desc_need_prot(struct tcg_env *env)
{
	if (!x86_prot(x86_of(env))) {
		x86_ud(env);
	}
}

static void desc_umip(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);

	if ((c->cr4 & X86_CR4_UMIP) && x86_cpl(c) != 0) {
		x86_gp(env, 0);
	}
}

/* ---- GDTR, IDTR ---- */

static void desc_table_read(struct tcg_env *env, uint64_t addr, unsigned size,
                            uint64_t *base, uint16_t *limit)
{
	struct x86_cpu *c = x86_of(env);
	uint16_t l;
	uint64_t b;

	desc_need_cpl0(env);
	l = (uint16_t)tcg_ld(env, addr, 2, 0);
	b = tcg_ld(env, addr + 2, size == 8 ? 8 : 4, 0);
	if (size == 2) {
		b &= 0xffffff;
	}
	if (size == 8 && !x86_canonical(c, b)) {
		x86_gp(env, 0);
	}
	*limit = l;
	*base = b;
}

uint64_t helper_lgdt(struct tcg_env *env, uint64_t addr, uint64_t size, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)cc, (void)d;
	desc_table_read(env, addr, (unsigned)size, &c->gdt.base, &c->gdt.limit);
	return 0;
}

uint64_t helper_lidt(struct tcg_env *env, uint64_t addr, uint64_t size, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)cc, (void)d;
	desc_table_read(env, addr, (unsigned)size, &c->idt.base, &c->idt.limit);
	return 0;
}

static void desc_table_write(struct tcg_env *env, uint64_t addr, unsigned size,
                             uint64_t base, uint16_t limit)
{
	uint8_t b[10];

	desc_umip(env);
	st_le16(b, limit);
	st_le64(b + 2, base);
	tcg_st_bytes(env, addr, b, size == 8 ? 10 : 6, 0);
}

uint64_t helper_sgdt(struct tcg_env *env, uint64_t addr, uint64_t size, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)cc, (void)d;
	desc_table_write(env, addr, (unsigned)size, c->gdt.base, c->gdt.limit);
	return 0;
}

uint64_t helper_sidt(struct tcg_env *env, uint64_t addr, uint64_t size, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)cc, (void)d;
	desc_table_write(env, addr, (unsigned)size, c->idt.base, c->idt.limit);
	return 0;
}

/* ---- LDTR, TR ---- */

/* System descriptor of the GDT with its upper half in long mode. */
static void desc_system(struct tcg_env *env, uint16_t sel, bool tss, struct x86_desc *d,
                        uint64_t *base)
{
	struct x86_cpu *c = x86_of(env);
	unsigned type;
	bool ok;

	if ((sel & 4) || !x86_desc_read(env, sel, d)) {
		x86_gp(env, sel & 0xfffcu);
	}
	type = (d->hi >> 8) & 0x1f;
	ok = tss ? type == 9 || (type == 1 && !x86_lma(c)) : type == 2;
	if (!ok) {
		x86_gp(env, sel & 0xfffcu);
	}
	if (!(d->hi & 0x8000)) {
		x86_raise(env, X86_EXC_NP, sel & 0xfffcu);
	}
	*base = x86_desc_base(d);
	if (x86_lma(c)) {
		uint64_t hi;

		if (((sel & 0xfff8u) | 15u) > c->gdt.limit) {
			x86_gp(env, sel & 0xfffcu);
		}
		hi = tcg_ld(env, d->addr + 8, 8, 1);
		*base |= hi << 32;
		if ((hi >> 40 & 0x1f) || !x86_canonical(c, *base)) {
			x86_gp(env, sel & 0xfffcu);
		}
	}
}

uint64_t helper_lldt(struct tcg_env *env, uint64_t sel, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	struct x86_desc ld = { 0 };
	uint64_t base;

	(void)b, (void)cc, (void)d;
	desc_need_prot(env);
	desc_need_cpl0(env);
	if (!(sel & 0xfffc)) {
		c->seg[X86_LDTR] = (struct x86_seg){ .sel = (uint16_t)sel };
		return 0;
	}
	desc_system(env, (uint16_t)sel, false, &ld, &base);
	x86_seg_from_desc(c, X86_LDTR, (uint16_t)sel, &ld);
	c->seg[X86_LDTR].base = base;
	return 0;
}

uint64_t helper_ltr(struct tcg_env *env, uint64_t sel, uint64_t b, uint64_t cc,
                    uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	struct x86_desc td = { 0 };
	uint64_t base;

	(void)b, (void)cc, (void)d;
	desc_need_prot(env);
	desc_need_cpl0(env);
	if (!(sel & 0xfffc)) {
		x86_gp(env, 0);
	}
	desc_system(env, (uint16_t)sel, true, &td, &base);
	x86_desc_set_busy(env, &td, true);
	x86_seg_from_desc(c, X86_TR, (uint16_t)sel, &td);
	c->seg[X86_TR].base = base;
	return 0;
}

uint64_t helper_sldt(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	(void)a, (void)b, (void)cc, (void)d;
	desc_need_prot(env);
	desc_umip(env);
	return x86_of(env)->seg[X86_LDTR].sel;
}

uint64_t helper_str(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                    uint64_t d)
{
	(void)a, (void)b, (void)cc, (void)d;
	desc_need_prot(env);
	desc_umip(env);
	return x86_of(env)->seg[X86_TR].sel;
}

/* ---- inspection ---- */

static bool desc_visible(struct tcg_env *env, uint16_t sel, struct x86_desc *d)
{
	unsigned cpl = x86_cpl(x86_of(env)), dpl;

	desc_need_prot(env);
	if (!(sel & 0xfffc) || !x86_desc_read(env, sel, d)) {
		return false;
	}
	dpl = (d->hi >> 13) & 3;
	if ((d->hi & 0x1c00) == 0x1c00) { /* conforming code */
		return true;
	}
	return dpl >= cpl && dpl >= (sel & 3u);
}

/* Visible, and code, data, or a system type of the mode's set (bit n: type n). */
static bool desc_visible_in(struct tcg_env *env, uint16_t sel, struct x86_desc *ds,
                            uint32_t legacy, uint32_t lng)
{
	uint32_t ok = x86_lma(x86_of(env)) ? lng : legacy;

	return desc_visible(env, sel, ds) &&
	       ((ds->hi & 0x1000) || (ok >> ((ds->hi >> 8) & 15) & 1));
}

uint64_t helper_lar(struct tcg_env *env, uint64_t sel, uint64_t b, uint64_t cc,
                    uint64_t d)
{
	struct x86_desc ds;
	bool ok = desc_visible_in(env, (uint16_t)sel, &ds, 0x1a3e, 0x1a04);

	(void)b, (void)cc, (void)d;
	return ok ? (ds.hi & 0x00ffff00) | BIT64(32) : 0;
}

uint64_t helper_lsl(struct tcg_env *env, uint64_t sel, uint64_t b, uint64_t cc,
                    uint64_t d)
{
	struct x86_desc ds;
	bool ok = desc_visible_in(env, (uint16_t)sel, &ds, 0x0a0e, 0x0a04);

	(void)b, (void)cc, (void)d;
	return ok ? x86_desc_limit(&ds) | BIT64(32) : 0;
}

uint64_t helper_verr(struct tcg_env *env, uint64_t sel, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	struct x86_desc ds;

	(void)b, (void)cc, (void)d;
	return desc_visible(env, (uint16_t)sel, &ds) && (ds.hi & 0x1000) &&
	       (ds.hi & 0xa00) != 0x800;
}

uint64_t helper_verw(struct tcg_env *env, uint64_t sel, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	struct x86_desc ds;

	(void)b, (void)cc, (void)d;
	return desc_visible(env, (uint16_t)sel, &ds) && (ds.hi & 0x1a00) == 0x1200;
}
