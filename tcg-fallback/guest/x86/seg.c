/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * seg.c - descriptors and segment registers: reading, checking, loading, stacks.
 *
 * Spec: SDM vol. 3A chapters 3 and 5; vol. 2B MOV to segment register.
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

/* ---- descriptors ---- */

uint64_t x86_desc_base(const struct x86_desc *d)
{
	return (d->lo >> 16) | (d->hi & 0xff) << 16 | (d->hi & 0xff000000);
}

uint32_t x86_desc_limit(const struct x86_desc *d)
{
	uint32_t l = (d->lo & 0xffff) | (d->hi & 0xf0000);

	return d->hi & 0x800000 ? l << 12 | 0xfff : l;
}

bool x86_desc_read(struct tcg_env *env, uint16_t sel, struct x86_desc *d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t base = c->gdt.base, v;
	uint32_t limit = c->gdt.limit;

	if (sel & 4) {
		if (!(c->seg[X86_LDTR].attr & X86_SEG_P)) {
			return false;
		}
		base = c->seg[X86_LDTR].base;
		limit = c->seg[X86_LDTR].limit;
	}
	if ((sel | 7u) > limit) {
		return false;
	}
	d->addr = base + (sel & ~7u);
	v = tcg_ld(env, d->addr, 8, 1);
	d->lo = (uint32_t)v;
	d->hi = (uint32_t)(v >> 32);
	return true;
}

void x86_desc_set_accessed(struct tcg_env *env, struct x86_desc *d)
{
	if (!(d->hi & 0x100)) {
		d->hi |= 0x100;
		tcg_st(env, d->addr + 5, (d->hi >> 8) & 0xff, 1, 1);
	}
}

void x86_desc_set_busy(struct tcg_env *env, struct x86_desc *d, bool busy)
{
	uint32_t hi = busy ? d->hi | 0x200 : d->hi & ~0x200u;

	if (hi != d->hi) {
		d->hi = hi;
		tcg_st(env, d->addr + 5, (hi >> 8) & 0xff, 1, 1);
	}
}

/* ---- plain loads, no checks ---- */

void x86_seg_from_desc(struct x86_cpu *c, unsigned seg, uint16_t sel,
                       const struct x86_desc *d)
{
	c->seg[seg] = (struct x86_seg){ .base = x86_desc_base(d),
		                        .limit = x86_desc_limit(d),
		                        .attr = x86_desc_attr(d),
		                        .sel = sel };
}

/* Real mode keeps limit and attributes ("unreal mode"), but CS becomes writable data.
 */
void x86_seg_real(struct x86_cpu *c, unsigned seg, uint16_t sel)
{
	struct x86_seg *s = &c->seg[seg];

	s->sel = sel;
	s->base = (uint64_t)sel << 4;
	s->attr = (s->attr & (X86_SEG_DB | X86_SEG_G)) | (seg == X86_CS ? 0x9b : 0x93);
}

void x86_seg_vm86(struct x86_cpu *c, unsigned seg, uint16_t sel)
{
	c->seg[seg] = (struct x86_seg){
		.base = (uint64_t)sel << 4, .limit = 0xffff, .attr = 0xf3, .sel = sel
	};
}

/* SS keeps its DPL: it is the CPL. */
void x86_seg_null(struct x86_cpu *c, unsigned seg, uint16_t sel)
{
	c->seg[seg] = (struct x86_seg){ .sel = sel };
	if (seg == X86_SS) {
		c->seg[seg].attr = (uint32_t)(sel & 3) << 5 | X86_SEG_DB | X86_SEG_G;
		c->seg[seg].limit = 0xffffffff;
	}
}

void x86_set_cpl(struct x86_cpu *c, unsigned cpl)
{
	c->seg[X86_SS].attr = (c->seg[X86_SS].attr & ~0x60u) | cpl << 5;
}

void x86_cs_load(struct x86_cpu *c, uint16_t sel, const struct x86_desc *d,
                 unsigned cpl)
{
	x86_seg_from_desc(c, X86_CS, (uint16_t)((sel & ~3u) | cpl), d);
	c->seg[X86_CS].attr |= 1;
	if (x86_code64(c)) {
		c->seg[X86_CS].base = 0;
	}
	x86_set_cpl(c, cpl);
}

/* ---- stacks ---- */

void x86_stk_init(struct tcg_env *env, struct x86_stk *s)
{
	struct x86_cpu *c = x86_of(env);

	*s = (struct x86_stk){ .env = env, .sp = c->reg[X86_RSP] };
	if (x86_code64(c)) {
		s->mask = ~UINT64_C(0);
	} else {
		s->base = c->seg[X86_SS].base;
		s->mask = c->seg[X86_SS].attr & X86_SEG_DB ? 0xffffffff : 0xffff;
	}
}

static uint64_t seg_stk_linear(const struct x86_stk *s, uint64_t sp)
{
	uint64_t va = s->base + (sp & s->mask);

	return s->mask == ~UINT64_C(0) ? va : va & 0xffffffff;
}

void x86_push(struct x86_stk *s, uint64_t v, unsigned size)
{
	s->sp = (s->sp - size) & s->mask;
	tcg_st(s->env, seg_stk_linear(s, s->sp), v, size, s->mode);
}

uint64_t x86_pop(struct x86_stk *s, unsigned size)
{
	uint64_t v = tcg_ld(s->env, seg_stk_linear(s, s->sp), size, s->mode);

	s->sp = (s->sp + size) & s->mask;
	return v;
}

void x86_tss_stack(struct tcg_env *env, unsigned dpl, uint16_t *ss, uint32_t *esp,
                   uint32_t ext)
{
	struct x86_cpu *c = x86_of(env);
	const struct x86_seg *tr = &c->seg[X86_TR];
	bool big = tr->attr & 8;
	uint32_t at = big ? dpl * 8 + 4 : dpl * 4 + 2;

	if (at + (big ? 5 : 3) > tr->limit) {
		x86_raise(env, X86_EXC_TS, (tr->sel & 0xfffcu) | ext);
	}
	if (big) {
		*esp = (uint32_t)tcg_ld(env, tr->base + at, 4, 1);
		*ss = (uint16_t)tcg_ld(env, tr->base + at + 4, 2, 1);
	} else {
		*esp = (uint32_t)tcg_ld(env, tr->base + at, 2, 1);
		*ss = (uint16_t)tcg_ld(env, tr->base + at + 2, 2, 1);
	}
}

/* ---- MOV/POP/Lxx to a segment register ---- */

static void __noreturn seg_fault(struct tcg_env *env, enum x86_exc vec, uint16_t sel)
{
	x86_raise(env, vec, sel & 0xfffcu);
}

static void seg_load_ss(struct tcg_env *env, uint16_t sel)
{
	struct x86_cpu *c = x86_of(env);
	unsigned cpl = x86_cpl(c);
	struct x86_desc d;

	if (!(sel & 0xfffc)) {
		if (!x86_code64(c) || cpl == 3 || (sel & 3) != cpl) {
			x86_gp(env, 0);
		}
		x86_seg_null(c, X86_SS, sel);
		return;
	}
	if (!x86_desc_read(env, sel, &d) || (sel & 3) != cpl ||
	    ((d.hi >> 13) & 3) != cpl || (d.hi & 0x1a00) != 0x1200) {
		seg_fault(env, X86_EXC_GP, sel);
	}
	if (!(d.hi & 0x8000)) {
		seg_fault(env, X86_EXC_SS, sel);
	}
	x86_desc_set_accessed(env, &d);
	x86_seg_from_desc(c, X86_SS, sel, &d);
}

static void seg_load_data(struct tcg_env *env, unsigned seg, uint16_t sel)
{
	struct x86_cpu *c = x86_of(env);
	struct x86_desc d;
	unsigned dpl;

	if (!(sel & 0xfffc)) {
		x86_seg_null(c, seg, sel);
		return;
	}
	if (!x86_desc_read(env, sel, &d)) {
		seg_fault(env, X86_EXC_GP, sel);
	}
	dpl = (d.hi >> 13) & 3;
	if (!(d.hi & 0x1000) || (d.hi & 0xa00) == 0x800) { /* system, execute-only */
		seg_fault(env, X86_EXC_GP, sel);
	}
	if ((d.hi & 0xc00) != 0xc00 && (dpl < x86_cpl(c) || dpl < (sel & 3u))) {
		seg_fault(env, X86_EXC_GP, sel);
	}
	if (!(d.hi & 0x8000)) {
		seg_fault(env, X86_EXC_NP, sel);
	}
	x86_desc_set_accessed(env, &d);
	x86_seg_from_desc(c, seg, sel, &d);
}

uint64_t helper_load_seg(struct tcg_env *env, uint64_t seg, uint64_t sel,
                         uint64_t shadow, uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)d;
	if (!x86_pe(c)) {
		x86_seg_real(c, (unsigned)seg, (uint16_t)sel);
	} else if (c->eflags & X86_VM) {
		x86_seg_vm86(c, (unsigned)seg, (uint16_t)sel);
	} else if (seg == X86_SS) {
		seg_load_ss(env, (uint16_t)sel);
	} else {
		seg_load_data(env, (unsigned)seg, (uint16_t)sel);
	}
	if (shadow) {
		c->int_shadow = true;
	}
	x86_update_hflags(c);
	return 0;
}

/* Limit, type and presence, for segments that are not flat. */
uint64_t helper_seg_check(struct tcg_env *env, uint64_t seg, uint64_t off, uint64_t how,
                          uint64_t d)
{
	const struct x86_seg *s = &x86_of(env)->seg[seg];
	bool pm = x86_prot(x86_of(env)), write = how >> 8 & 1, bad = false;
	unsigned size = how & 0xff, asize = (how >> 16) & 0xff;
	uint64_t end;

	(void)d;
	off &= asize == 2 ? 0xffff : 0xffffffff;
	end = off + (size ? size - 1 : 0);
	if (pm) {
		bad = !(s->attr & X86_SEG_P) || !(s->attr & X86_SEG_S);
		if (s->attr & 8) { /* code */
			bad = bad || write || !(s->attr & 2);
		} else {
			bad = bad || (write && !(s->attr & 2));
		}
	}
	if (pm && (s->attr & 0xc) == 4) { /* expand-down */
		uint64_t top = s->attr & X86_SEG_DB ? 0xffffffff : 0xffff;

		bad = bad || off <= s->limit || end > top;
	} else {
		bad = bad || end > s->limit;
	}
	if (bad) {
		x86_raise(env, seg == X86_SS ? X86_EXC_SS : X86_EXC_GP, 0);
	}
	return 0;
}
