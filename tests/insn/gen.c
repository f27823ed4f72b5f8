/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gen.c - random instructions from the decode tables: a form is picked, prefixes,
 * ModRM, SIB, displacement and immediate are made up around it, and the registers of
 * its memory operand are set so that it lands in the sandbox (mostly).
 */
#include "config.h"

#include "tests/insn/insn.h"
#include "tests/insn/odd.h"

#include <stdlib.h>
#include <string.h>

#include "tcg-fallback/guest/x86/insn.h"

/* One way to reach a form. -1: any. */
struct gen_path {
	const struct xi_form *f;
	int16_t op;
	int8_t map, pp, reg, mod, rm;
	bool vex;
};

static struct gen_path gen_all[3000], gen_sel[3000];
static unsigned gen_n_all, gen_n;
bool gen_strict;

static bool rng_pct(struct it_rng *r, unsigned pct)
{
	return rng_below(r, 100) < pct;
}

/* ---- the forms ---- */

static void gen_walk(const struct xi_form *f, struct gen_path p)
{
	static const uint8_t n[] = { 0, 8, 4, 2, 8, 2 };

	if (f->kind == XK_FORM) {
		if (f->fn && f->fl & FL_T && gen_n_all < ARRAY_LEN(gen_all)) {
			p.f = f;
			gen_all[gen_n_all++] = p;
		}
		return;
	}
	for (unsigned i = 0; i < n[f->kind]; i++) {
		struct gen_path q = p;

		switch (f->kind) {
		case XK_REG: q.reg = (int8_t)i; break;
		case XK_PP: q.pp = (int8_t)i; break;
		case XK_MOD: q.mod = i ? 3 : 0; break;
		case XK_RM: q.rm = (int8_t)i; break;
		}
		gen_walk(&f->sub[i], q);
	}
}

static void gen_map(const struct xi_form *m, int8_t map, bool vex)
{
	for (int16_t op = 0; op < 256; op++) {
		gen_walk(&m[op], (struct gen_path){ .op = op,
		                                    .map = map,
		                                    .pp = -1,
		                                    .reg = -1,
		                                    .mod = -1,
		                                    .rm = -1,
		                                    .vex = vex });
	}
}

void gen_init(void)
{
	gen_map(xi_map1, XM_1, false);
	gen_map(xi_map0f, XM_0F, false);
	gen_map(xi_map38, XM_0F38, false);
	gen_map(xi_map3a, XM_0F3A, false);
	gen_map(xi_vex38, XM_0F38, true);
	gen_map(xi_vex3a, XM_0F3A, true);
	gen_select(NULL);
}

bool gen_select(const char *only)
{
	gen_n = 0;
	for (unsigned i = 0; i < gen_n_all; i++) {
		if (!only || strstr(gen_all[i].f->name, only)) {
			gen_sel[gen_n++] = gen_all[i];
		}
	}
	return gen_n != 0;
}

/* ---- bytes ---- */

struct gen_out {
	uint8_t *p;
	unsigned n;
};

static void gen_put(struct gen_out *o, uint64_t v, unsigned bytes)
{
	memcpy(o->p + o->n, &v, bytes);
	o->n += bytes;
}

static void gen_prefixes(struct it_rng *r, const struct gen_path *p, unsigned bits,
                         struct gen_out *o)
{
	static const uint8_t seg[] = { 0x36, 0x3e, 0x26, 0x2e };
	bool m32 = bits != 64, branch = p->f->fl & FL_JMP;

	if (rng_pct(r, 3)) {
		gen_put(o, seg[rng_below(r, bits == 16 ? 3 : 4)], 1);
	}
	if (p->vex) {
		if (bits != 32 && rng_pct(r, 8)) {
			gen_put(o, 0x67, 1);
		}
		return;
	}
	if (p->pp == 1 || (p->pp <= 0 && !branch && rng_pct(r, 20)) ||
	    (p->pp > 1 && rng_pct(r, 15))) {
		if (p->pp != 0) {
			gen_put(o, 0x66, 1);
		}
	}
	if (bits != 32 && rng_pct(r, bits == 16 ? 30 : 8)) {
		gen_put(o, 0x67, 1);
	}
	if (p->pp == 2) {
		gen_put(o, 0xf3, 1);
	} else if (p->pp == 3) {
		gen_put(o, 0xf2, 1);
	} else if (p->pp == -1 &&
	           (p->f->fl & FL_STR ? rng_pct(r, 70) : rng_pct(r, 2))) {
		gen_put(o, 0xf2 + rng_below(r, 2), 1);
	}
	if (rng_pct(r, p->f->fl & FL_LOCK ? 15 : 1)) {
		gen_put(o, 0xf0, 1);
	}
	if (!m32 && rng_pct(r, 60)) {
		gen_put(o, 0x40 | rng_below(r, 16), 1);
	}
}

static void gen_opcode(struct it_rng *r, const struct gen_path *p, bool m32,
                       struct gen_out *o)
{
	if (p->vex) {
		unsigned rxb = m32 ? 7 : rng_below(r, 8), vvvv = rng_below(r, 16);
		bool has_v = false;

		for (unsigned i = 0; i < 3; i++) {
			has_v |= p->f->op[i] == By;
		}
		if (m32) {
			vvvv |= 8;
		}
		gen_put(o, 0xc4, 1);
		gen_put(o, rxb << 5 | (unsigned)p->map, 1);
		gen_put(o,
		        rng_below(r, 2) << 7 | (has_v ? vvvv : 15) << 3 |
		                (p->pp < 0 ? 0u : (unsigned)p->pp),
		        1);
	} else if (p->map != XM_1) {
		gen_put(o, 0x0f, 1);
		if (p->map != XM_0F) {
			gen_put(o, p->map == XM_0F38 ? 0x38 : 0x3a, 1);
		}
	}
	gen_put(o, (uint64_t)p->op, 1);
}

/* ModRM and everything behind it, as random bytes with some care. */
static void gen_tail(struct it_rng *r, const struct gen_path *p, struct gen_out *o)
{
	unsigned mod = rng_pct(r, 45) ? 3 : rng_below(r, 3);
	unsigned reg = p->reg < 0 ? rng_below(r, 8) : (unsigned)p->reg;
	unsigned rm = p->rm < 0 ? rng_below(r, 8) : (unsigned)p->rm;

	if (p->mod >= 0) {
		mod = p->mod == 3 ? 3 : rng_below(r, 3);
	}
	for (unsigned i = 0; i < 3; i++) {
		unsigned c = xi_operands[p->f->op[i]].cls;

		if (c == XC_MEM && mod == 3) {
			mod = rng_below(r, 3);
		} else if (c == XC_RMREG) {
			mod = 3;
		}
	}
	if (p->f->op[0] == Jb) {
		gen_put(o, rng_below(r, 100) + 2, 1); /* forward, no loops */
	} else if (p->f->op[0] == Jz) {
		gen_put(o, rng_below(r, 1000) + 2, 4);
	} else if (p->reg >= 0 || p->mod >= 0 || p->f->fl & FL_MODRM ||
	           (xi_operands[p->f->op[0]].cls >= XC_RM &&
	            xi_operands[p->f->op[0]].cls <= XC_VVVV) ||
	           xi_operands[p->f->op[1]].cls == XC_RM) {
		gen_put(o, mod << 6 | reg << 3 | rm, 1);
	}
	for (unsigned i = 0; i < 12; i++) {
		gen_put(o, rng_below(r, 4) ? rng_below(r, 256) : 0, 1);
	}
}

/* ---- state ---- */

static uint64_t gen_value(struct it_rng *r)
{
	switch (rng_below(r, 4)) {
	case 0: return odd_int[rng_below(r, ARRAY_LEN(odd_int))];
	case 1: return rng_next(r) >> rng_below(r, 64);
	case 2: return (uint64_t)((int64_t)rng_next(r) >> rng_below(r, 64));
	default: return rng_next(r);
	}
}

/* Linear; gen_offset() of it is what registers hold. */
static uint64_t gen_target(struct it_rng *r)
{
	if (rng_pct(r, 3)) { /* at the very end, or outside */
		return IT_MEM + IT_MEM_SIZE - rng_below(r, 16);
	}
	if (rng_pct(r, 10)) { /* across a page */
		return IT_MEM + 8192 - rng_below(r, 12);
	}
	return IT_MEM + 512 + rng_below(r, IT_MEM_SIZE - 1024);
}

static uint64_t gen_offset(const struct it_case *c, uint64_t linear)
{
	return c->bits == 16 ? linear - IT_MEM : linear;
}

static void gen_regs(struct it_rng *r, struct it_case *c)
{
	for (unsigned i = 0; i < 16; i++) {
		c->in.reg[i] = gen_value(r);
		if (c->legacy) {
			c->in.reg[i] = i < 8 ? (uint32_t)c->in.reg[i] : 0;
		}
	}
	c->in.reg[X86_RSP] = gen_offset(c, gen_target(r));
	c->in.reg[X86_RSI] = gen_offset(c, gen_target(r));
	c->in.reg[X86_RDI] = gen_offset(c, gen_target(r));
	if (rng_pct(r, 30)) {
		c->in.reg[X86_RDI] = c->in.reg[X86_RSI] + rng_below(r, 64);
	}
	if (rng_pct(r, 30)) {
		c->in.reg[X86_RBP] = gen_offset(c, gen_target(r));
	}
	c->in.flags = (uint32_t)rng_next(r) & IT_FLAGS;
	c->in.rip = IT_CODE + c->at;
	it_fp_init(&c->in.fp);
	c->in.fault = IT_OK;
	c->in.fault_addr = 0;
}

static void gen_patch(struct it_case *c, unsigned bytes, unsigned behind, uint32_t v)
{
	memcpy(c->code + c->len - behind - bytes, &v, bytes);
}

static unsigned gen_imm_bytes(const struct x86_insn *i)
{
	unsigned n = 0;

	for (unsigned k = 0; k < 3; k++) {
		unsigned b = xi_operands[i->d->op[k]].imm;

		n += b == XSZ_Z   ? (i->opsize == 2 ? 2 : 4)
		     : b == XSZ_V ? i->opsize
		     : b < 16     ? b
		                  : 0;
	}
	return n;
}

/* Makes the memory operand of c->i point into the sandbox, by registers or displacement. */
static void gen_place(struct it_rng *r, struct it_case *c)
{
	struct x86_insn *i = &c->i;
	uint64_t t = gen_offset(c, gen_target(r)), top = 0, mask = ~UINT64_C(0);
	int64_t d = i->disp;
	unsigned imm = gen_imm_bytes(i);

	if (i->asize == 4) {
		mask = 0xffffffff;
		top = c->legacy ? 0 : rng_next(r) << 32;
	} else if (i->asize == 2) {
		mask = 0xffff;
		top = rng_next(r) & 0xffff0000;
	}

	if (i->base == XR_MOFFS) {
		memcpy(c->code + c->len - i->asize, &t, i->asize);
		return;
	}
	if (i->base == XR_RIP) {
		gen_patch(c, 4, imm, (uint32_t)(t - (IT_CODE + c->at + c->len)));
	} else if (i->base == XR_NONE && i->index == XR_NONE) {
		gen_patch(c, i->asize == 2 ? 2 : 4, imm, (uint32_t)t);
	} else if (i->base == XR_NONE) {
		c->in.reg[i->index] = ((t - (uint64_t)d) & mask) >> i->scale | top;
	} else if (i->index == XR_NONE) {
		c->in.reg[i->base] = ((t - (uint64_t)d) & mask) | top;
	} else if (i->index == i->base) {
		c->in.reg[i->base] =
			((t - (uint64_t)d) & mask) / ((1u << i->scale) + 1) | top;
	} else {
		uint64_t n = c->in.reg[i->index];

		if (rng_pct(r, 50)) {
			n = c->in.reg[i->index] = gen_value(r) & 0xfff;
		}
		c->in.reg[i->base] = ((t - (uint64_t)d - (n << i->scale)) & mask) | top;
	}
}

/* ---- what the manual leaves undefined ---- */

static unsigned gen_count(const struct it_case *c)
{
	unsigned n = c->i.d->op[1] == CL || c->i.d->op[2] == CL
	                     ? (unsigned)c->in.reg[X86_RCX]
	             : c->i.d->op[1] == ONE ? 1
	                                    : (unsigned)c->i.imm;

	return n & (xi_size(&c->i, 0, c->key) == 8 ? 63 : 31);
}

static uint32_t gen_undefined(const struct it_case *c)
{
	const struct xi_form *f = c->i.d;
	unsigned n = gen_count(c), bits = xi_size(&c->i, 0, c->key) * 8;
	const uint32_t AF = X86_AF, PF = X86_PF, SF = X86_SF, ZF = X86_ZF, OF = X86_OF,
		       CF = X86_CF;

	if ((f->fn == xi_alu &&
	     (f->arg == XA_AND || f->arg == XA_OR || f->arg == XA_XOR)) ||
	    f->fn == xi_test) {
		return AF;
	}
	if (f->fn == xi_mul || f->fn == xi_imul1 || f->fn == xi_imul2 ||
	    f->fn == xi_imul3) {
		return SF | ZF | AF | PF;
	}
	if (f->fn == xi_div) {
		return X86_ARITH;
	}
	if (f->fn == xi_shift) {
		bool rot = f->arg <= XA_RCR;

		return n == 0 ? 0
		              : (n != 1 ? OF : 0) | (rot ? 0 : AF) |
		                        (!rot && n >= bits ? CF : 0);
	}
	if (f->fn == xi_shiftd) {
		return n == 0                 ? 0
		       : bits == 16 && n > 16 ? X86_ARITH
		                              : AF | (n != 1 ? OF : 0);
	}
	if (f->fn == xi_bt) {
		return OF | SF | AF | PF;
	}
	if (f->fn == xi_bsf || f->fn == xi_bsr) {
		return X86_ARITH & ~ZF;
	}
	if (f->fn == xi_tzcnt || f->fn == xi_lzcnt) {
		return OF | SF | AF | PF;
	}
	if (f->fn == xi_aam || f->fn == xi_aad) {
		return OF | AF | CF;
	}
	if (f->fn == xi_bcd) {
		return f->arg <= XA_DAS ? OF : OF | SF | ZF | PF;
	}
	if (f->fn == xi_andn || f->fn == xi_bls || f->fn == xi_bzhi) {
		return AF | PF;
	}
	if (f->fn == xi_bextr) {
		return AF | SF | PF;
	}
	return 0;
}

/* In a run, with a count that is not known here. */
static bool gen_any_undefined(const struct it_case *c)
{
	return c->i.d->op[1] == CL || c->i.d->op[2] == CL || gen_undefined(c) & ~X86_AF;
}

static bool gen_result_undefined(const struct it_case *c)
{
	return c->i.d->fn == xi_shiftd && xi_size(&c->i, 0, c->key) == 2 &&
	       gen_count(c) > 16;
}

/* Registers that an instruction wants sensible. False: do not use this case. */
static bool gen_fix(struct it_rng *r, struct it_case *c)
{
	struct x86_insn *i = &c->i;
	void (*fn)(struct xt *) = i->d->fn;

	if (i->is_mem) {
		gen_place(r, c);
	}
	if (i->d->fl & FL_STR) {
		c->in.reg[X86_RCX] = rng_below(r, 40);
		if (i->asize == 4 && !c->legacy) {
			c->in.reg[X86_RCX] |= rng_next(r) << 32;
		} else if (i->asize == 2) {
			c->in.reg[X86_RCX] |= rng_next(r) << 16;
		}
	}
	if (fn == xi_xlat && rng_pct(r, 90)) {
		c->in.reg[X86_RBX] = gen_offset(c, gen_target(r)) - 128;
	}
	if (fn == xi_bt && i->is_mem && i->d->op[1] == Gv) {
		if (i->reg == i->base || i->reg == i->index) {
			return false;
		}
		c->in.reg[i->reg] = (uint64_t)((int64_t)rng_below(r, 4096) - 2048);
		if (c->legacy) {
			c->in.reg[i->reg] = (uint32_t)c->in.reg[i->reg];
		}
	}
	if (fn == xi_div && rng_pct(r, 70)) { /* mostly without #DE */
		c->in.reg[X86_RDX] =
			i->d->arg && c->in.reg[X86_RAX] >> 63 ? ~UINT64_C(0) : 0;
		if (i->opsize == 4) {
			c->in.reg[X86_RDX] =
				i->d->arg
					? (uint32_t)((int32_t)c->in.reg[X86_RAX] >> 31)
					: 0;
		}
		if (i->is_mem) {
			gen_place(r, c);
		}
	}
	if (c->bits == 32 && i->asize == 2 &&
	    (i->is_mem || i->d->fl & FL_STR || fn == xi_xlat) && fn != xi_lea) {
		return false; /* nothing may be mapped that low */
	}
	if (fn == xi_arpl && i->seg == X86_CS) {
		return false; /* known gap: writes even when nothing changes */
	}
	if (c->legacy) {
		for (unsigned k = 0; k < 8; k++) {
			c->in.reg[k] = (uint32_t)c->in.reg[k];
		}
	}
	/* 16-bit stack frames and pushes are fine; a 16-bit branch would leave the code page */
	if (c->bits == 32 && i->d->fl & FL_JMP && i->opsize == 2) {
		return false;
	}
	return true;
}

/* A form again and again until the decoder likes it. */
static bool gen_one(struct it_rng *r, struct it_case *c)
{
	const struct gen_path *p = &gen_sel[rng_below(r, gen_n)];
	struct gen_out o = { .p = c->code + c->len };
	int len;

	gen_prefixes(r, p, c->bits, &o);
	gen_opcode(r, p, c->legacy, &o);
	gen_tail(r, p, &o);
	len = x86_decode(c->code + c->len, o.n, c->key, &c->i);
	if (len <=
	    0) { /* mostly refused on purpose: still compare #UD, as one instruction */
		c->i.d = NULL;
		return rng_pct(r, 2) && c->len == 0;
	}
	if (c->i.d != p->f) { /* a REX prefix in 64-bit mode, ... */
		return false;
	}
	c->len += (unsigned)len;
	return true;
}

void gen_case(struct it_rng *r, struct it_case *c, unsigned n_insns, unsigned bits)
{
	memset(c->code, 0, sizeof(c->code));
	c->bits = bits;
	c->legacy = bits != 64;
	c->key = XH_PE | 3u << XH_CPL_SHIFT | XH_LMA | XH_OSFXSR |
	         (bits == 64   ? XH_CODE64
	          : bits == 32 ? XH_CODE32 | XH_SS32
	                       : XH_CODE16);
	for (unsigned s = X86_ES; s <= X86_DS && bits == 16; s++) {
		c->key |= XH_BASE(s);
	}
	c->n_insns = n_insns;
	for (;;) {
		bool ok = true;
		unsigned k;

		c->len = 0;
		c->at = 256 + rng_below(r, 256);
		c->undefined = 0;
		c->skip_regs = false;
		gen_regs(r, c);
		for (k = 0; k < n_insns && ok; k++) {
			do {
				ok = gen_one(r, c);
			} while (!ok);
			if (!c->i.d) {
				c->len = 16;
				break;
			}
			if (n_insns == 1) {
				ok = gen_fix(r, c);
			} else if (c->i.is_mem || c->i.d->fl & (FL_STR | FL_JMP) ||
			           (gen_strict && gen_any_undefined(c))) {
				c->len -= c->i.len; /* runs are of register forms */
				k--;
			}
		}
		if (!ok) {
			continue;
		}
		if (c->i.d && n_insns == 1) {
			/* placed operands may have changed bytes */
			x86_decode(c->code, c->len, c->key, &c->i);
			c->undefined = gen_undefined(c);
			c->skip_regs = gen_result_undefined(c);
		}
		return;
	}
}
