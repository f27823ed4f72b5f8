/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-str.c - string instructions.
 *
 * Models: SDM vol. 2. REP MOVS and REP STOS call a helper that copies or fills as much
 * as lies in host pages and may stop between elements; the others do one element and
 * jump to themselves. Either way every element is finished before the next one starts,
 * so that faults and interrupts find RCX, RSI and RDI right.
 *
 * Known gaps: a fault inside REP CMPS/SCAS finds the flags of the element before it, not those
 * of before the instruction (it sets them again when resumed); with EFLAGS.TF a REP MOVS/STOS traps once for a run of elements.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include <string.h>

#include "tcg-fallback/guest/x86/insn.h"

static unsigned xt_src_seg(const struct xt *x)
{
	return x->i.seg_override != XR_NONE ? x->i.seg_override : X86_DS;
}

static struct ir_addr xt_src(struct xt *x, unsigned size)
{
	return xt_seg_addr(x, xt_src_seg(x), xt_areg(x, X86_RSI), X86_RSI, size, false);
}

static struct ir_addr xt_dst(struct xt *x, unsigned size, bool write)
{
	return xt_seg_addr(x, X86_ES, xt_areg(x, X86_RDI), X86_RDI, size, write);
}

static ir_val xt_addr_sum(struct xt *x, struct ir_addr ad)
{
	return ad.index ? ir_op2(x->u, IR_add, IR_I64, ad.base, ad.index) : ad.base;
}

static void xt_step(struct xt *x, unsigned reg, unsigned size)
{
	struct ir_unit *u = x->u;
	ir_val n = ir_ldenv(u, IR_I64, offsetof(struct x86_cpu, df));

	if (size > 1) {
		n = ir_op2(u, IR_shl, IR_I64, n, ir_const(u, IR_I8, xt_msize(size)));
	}
	xt_set_areg(x, reg, ir_op2(u, IR_add, IR_I64, xt_areg(x, reg), n));
}

static bool xt_is_rep(const struct xt *x)
{
	return x->i.rep || x->i.repne;
}

/* A 32-bit count in 64-bit mode is written back, zero-extended, even when it is zero. */
static void xt_rep_ecx(struct xt *x)
{
	if (xt_is_rep(x) && x->code == XH_CODE64 && x->i.asize == 4) {
		xt_set_areg(x, X86_RCX, xt_areg(x, X86_RCX));
	}
}

/* REP: nothing to do when the count is zero. */
static void xt_rep_begin(struct xt *x)
{
	enum ir_type t = xt_type(x->i.asize);

	xt_rep_ecx(x);
	if (xt_is_rep(x)) {
		ir_brcmp(x->u, t, IR_EQ, ir_get(x->u, t, XS_GPR + X86_RCX),
		         ir_const(x->u, t, 0), xt_slow(x, XSL_GOTO, x->next));
	}
}

/* One element is done: count, and start again. */
static void xt_rep_end(struct xt *x)
{
	if (xt_is_rep(x)) {
		xt_goto(x, x->off);
	}
}

static void xt_rep_count(struct xt *x)
{
	if (xt_is_rep(x)) {
		xt_set_areg(x, X86_RCX,
		            ir_op2i(x->u, IR_add, IR_I64, xt_areg(x, X86_RCX), -1));
	}
}

/* CMPS, SCAS: ZF ends the loop early. */
static void xt_rep_end_zf(struct xt *x)
{
	if (xt_is_rep(x)) {
		ir_brcc(x->u, x->i.rep ? IR_NE : IR_EQ, ir_fget(x->u),
		        xt_slow(x, XSL_GOTO, x->next));
		xt_goto(x, x->off);
	}
}

/* May the helper do it (segments without checks)? */
static bool xt_rep_fast(struct xt *x, unsigned src)
{
	if (!xt_is_rep(x)) {
		return false;
	}
	xt_rep_ecx(x);
	return x->code == XH_CODE64 || !(x->key & (XH_CHK(X86_ES) | XH_CHK(src)));
}

static ir_val xt_base_of(struct xt *x, unsigned seg)
{
	return xt_addr_sum(x,
	                   xt_seg_addr(x, seg, ir_const(x->u, IR_I64, 0), 0, 0, false));
}

static ir_val xt_rep_info(struct xt *x, unsigned size)
{
	return ir_const(x->u, IR_I64,
	                x->i.asize | xt_msize(size) << 8 |
	                        (x->code != XH_CODE64) << 16);
}

static void xt_rep_again(struct xt *x, ir_val left)
{
	ir_brcmp(x->u, IR_I64, IR_NE, left, ir_const(x->u, IR_I64, 0),
	         xt_slow(x, XSL_GOTO, x->off));
}

void xi_movs(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val v;

	if (xt_rep_fast(x, xt_src_seg(x))) {
		ir_val src = xt_base_of(x, xt_src_seg(x)), dst;

		dst = x->code == XH_CODE64 ? ir_const(x->u, IR_I64, 0)
		                           : xt_base_of(x, X86_ES);
		xt_rep_again(x, xt_call(x, XHELP_rep_movs, src, dst,
		                        xt_rep_info(x, size), 0));
		return;
	}
	xt_rep_begin(x);
	v = ir_ld(x->u, t, xt_src(x, size), xt_msize(size));
	ir_st(x->u, t, xt_dst(x, size, true), xt_msize(size), v);
	xt_step(x, X86_RSI, size);
	xt_step(x, X86_RDI, size);
	xt_rep_count(x);
	xt_rep_end(x);
}

void xi_stos(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);

	if (xt_rep_fast(x, X86_ES)) {
		ir_val dst = x->code == XH_CODE64 ? ir_const(x->u, IR_I64, 0)
		                                  : xt_base_of(x, X86_ES);

		xt_rep_again(
			x, xt_call(x, XHELP_rep_stos, dst, xt_rep_info(x, size), 0, 0));
		return;
	}
	xt_rep_begin(x);
	ir_st(x->u, t, xt_dst(x, size, true), xt_msize(size),
	      ir_get(x->u, t, XS_GPR + X86_RAX));
	xt_step(x, X86_RDI, size);
	xt_rep_count(x);
	xt_rep_end(x);
}

void xi_lods(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	ir_val v;

	xt_rep_begin(x);
	v = ir_ld(x->u, xt_type(size), xt_src(x, size), xt_msize(size));
	xt_set_gpr(x, size, X86_RAX, v);
	xt_step(x, X86_RSI, size);
	xt_rep_count(x);
	xt_rep_end(x);
}

void xi_cmps(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val a, b;

	xt_rep_begin(x);
	a = ir_ld(x->u, t, xt_src(x, size), xt_msize(size));
	b = ir_ld(x->u, t, xt_dst(x, size, false), xt_msize(size));
	xt_step(x, X86_RSI, size);
	xt_step(x, X86_RDI, size);
	xt_rep_count(x);
	ir_fset(x->u, ir_flags(x->u, ir_op2(x->u, IR_sub, t, a, b)));
	xt_rep_end_zf(x);
}

void xi_scas(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	enum ir_type t = xt_type(size);
	ir_val a, b;

	xt_rep_begin(x);
	b = ir_ld(x->u, t, xt_dst(x, size, false), xt_msize(size));
	a = ir_get(x->u, t, XS_GPR + X86_RAX);
	xt_step(x, X86_RDI, size);
	xt_rep_count(x);
	ir_fset(x->u, ir_flags(x->u, ir_op2(x->u, IR_sub, t, a, b)));
	xt_rep_end_zf(x);
}

void xi_ins(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	ir_val addr;

	xt_rep_begin(x);
	addr = xt_addr_sum(x, xt_dst(x, size, true));
	xt_call(x, XHELP_ins, addr, ir_const(x->u, IR_I64, size), 0, 0);
	xt_step(x, X86_RDI, size);
	xt_rep_count(x);
	xt_rep_end(x);
}

void xi_outs(struct xt *x)
{
	unsigned size = xt_size(x, 1);
	ir_val addr;

	xt_rep_begin(x);
	addr = xt_addr_sum(x, xt_src(x, size));
	xt_call(x, XHELP_outs, addr, ir_const(x->u, IR_I64, size), 0, 0);
	xt_step(x, X86_RSI, size);
	xt_rep_count(x);
	xt_rep_end(x);
}

/* ---- helpers ---- */

enum {
	XI_REP_PAGES = 16
}; /* per call: bounds the time without looking for interrupts */

struct xi_rep {
	struct tcg_env *env;
	struct x86_cpu *c;
	uint64_t mask; /* of offsets, by address size */
	unsigned lg, asize;
	bool lin32;
};

static void xi_rep_init(struct xi_rep *r, struct tcg_env *env, uint64_t info)
{
	r->env = env;
	r->c = x86_of(env);
	r->asize = info & 0xff;
	r->lg = (info >> 8) & 3;
	r->lin32 = info >> 16 & 1;
	r->mask = r->asize == 8 ? ~UINT64_C(0) : (UINT64_C(1) << r->asize * 8) - 1;
}

static uint64_t xi_rep_lin(const struct xi_rep *r, uint64_t base, unsigned reg)
{
	uint64_t a = base + (r->c->reg[reg] & r->mask);

	return r->lin32 ? (uint32_t)a : a;
}

static void xi_rep_add(struct xi_rep *r, unsigned reg, int64_t n)
{
	uint64_t v = r->c->reg[reg], nv = (v + (uint64_t)n) & r->mask;

	r->c->reg[reg] = r->asize == 2 ? (v & ~UINT64_C(0xffff)) | nv : nv;
}

static int64_t xi_rep_step(const struct xi_rep *r)
{
	return r->c->df < 0 ? -(int64_t)(1u << r->lg) : (int64_t)(1u << r->lg);
}

/* Elements from linear address a on (offset register reg; downwards when DF is set) that
 * stay in the page and do not wrap. */
static uint64_t xi_rep_room(const struct xi_rep *r, uint64_t a, unsigned reg)
{
	uint64_t in = a & (TCG_PAGE - 1), off = r->c->reg[reg] & r->mask;

	if (r->c->df < 0) {
		return in + (1u << r->lg) > TCG_PAGE ? 0 : (MIN(in, off) >> r->lg) + 1;
	}
	return MIN((TCG_PAGE - in) >> r->lg, (r->mask - off) >> r->lg);
}

static uint64_t xi_rep_left(const struct xi_rep *r)
{
	return r->c->reg[X86_RCX] & r->mask;
}

/* Lowest address of n elements of which the first is at a. */
static uint64_t xi_rep_low(const struct xi_rep *r, uint64_t a, uint64_t n)
{
	return r->c->df < 0 ? a - ((n - 1) << r->lg) : a;
}

/* Overlapping operands repeat a pattern, an element at a time (seldom). */
static void xi_rep_overlap(uint8_t *d, const uint8_t *s, size_t bytes, unsigned lg,
                           bool down)
{
	size_t step = (size_t)1 << lg;

	for (size_t i = 0; i < bytes; i += step) {
		size_t at = down ? bytes - step - i : i;

		memmove(d + at, s + at, step);
	}
}

static void xi_rep_copy(uint8_t *d, const uint8_t *s, size_t bytes, unsigned lg,
                        bool down)
{
	if (d + bytes <= s || s + bytes <= d || (down ? d >= s : d <= s)) {
		memmove(d, s, bytes);
	} else if (!down && (size_t)(d - s) >= (size_t)1 << lg) {
		size_t period =
			(size_t)(d - s); /* of what is there; doubles with each copy */

		for (size_t n; bytes; d += n, bytes -= n, period += n) {
			n = MIN(bytes, period);
			memcpy(d, d - period, n);
		}
	} else {
		xi_rep_overlap(d, s, bytes, lg, down);
	}
}

static void xi_movs_one(struct xi_rep *r, uint64_t src, uint64_t dst)
{
	unsigned size = 1u << r->lg;

	tcg_st(r->env, dst, tcg_ld(r->env, src, size, 0), size, 0);
	xi_rep_add(r, X86_RSI, xi_rep_step(r));
	xi_rep_add(r, X86_RDI, xi_rep_step(r));
	xi_rep_add(r, X86_RCX, -1);
}

/* One host-contiguous run, or one element. */
static void xi_movs_run(struct xi_rep *r, uint64_t a, uint64_t b)
{
	uint64_t src = xi_rep_lin(r, a, X86_RSI), dst = xi_rep_lin(r, b, X86_RDI);
	uint64_t n = MIN(xi_rep_room(r, src, X86_RSI), xi_rep_room(r, dst, X86_RDI));
	unsigned bytes;
	uint8_t *s, *d;

	n = MIN(n, xi_rep_left(r));
	bytes = (unsigned)n << r->lg;
	if (n < 2) {
		xi_movs_one(r, src, dst);
		return;
	}
	s = tcg_host_ptr(r->env, xi_rep_low(r, src, n), bytes, false, 0);
	d = s ? tcg_host_ptr(r->env, xi_rep_low(r, dst, n), bytes, true, 0) : NULL;
	if (!d) {
		xi_movs_one(r, src, dst);
		return;
	}
	xi_rep_copy(d, s, bytes, r->lg, r->c->df < 0);
	xi_rep_add(r, X86_RSI, xi_rep_step(r) * (int64_t)n);
	xi_rep_add(r, X86_RDI, xi_rep_step(r) * (int64_t)n);
	xi_rep_add(r, X86_RCX, -(int64_t)n);
}

uint64_t helper_rep_movs(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t c,
                         uint64_t d)
{
	struct xi_rep r;

	(void)d;
	xi_rep_init(&r, env, c);
	for (unsigned i = 0; i < 2 * XI_REP_PAGES && xi_rep_left(&r); i++) {
		xi_movs_run(&r, a, b);
	}
	return xi_rep_left(&r) != 0;
}

static void xi_rep_fill(uint8_t *p, uint64_t v, uint64_t n, unsigned lg)
{
	uint64_t all = (v & 0xff) * UINT64_C(0x0101010101010101);

	if (!((v ^ all) & (~UINT64_C(0) >> (64 - (8u << lg))))) {
		memset(p, (int)(v & 0xff), n << lg);
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		switch (lg) {
		case 1: memcpy(p + 2 * i, &v, 2); break;
		case 2: memcpy(p + 4 * i, &v, 4); break;
		default: memcpy(p + 8 * i, &v, 8);
		}
	}
}

static void xi_stos_run(struct xi_rep *r, uint64_t base)
{
	uint64_t dst = xi_rep_lin(r, base, X86_RDI), v = r->c->reg[X86_RAX];
	uint64_t n = MIN(xi_rep_room(r, dst, X86_RDI), xi_rep_left(r));
	uint8_t *p = n < 2 ? NULL
	                   : tcg_host_ptr(r->env, xi_rep_low(r, dst, n),
	                                  (unsigned)n << r->lg, true, 0);

	if (p) {
		xi_rep_fill(p, v, n, r->lg);
	} else {
		tcg_st(r->env, dst, v, 1u << r->lg, 0);
		n = 1;
	}
	xi_rep_add(r, X86_RDI, xi_rep_step(r) * (int64_t)n);
	xi_rep_add(r, X86_RCX, -(int64_t)n);
}

uint64_t helper_rep_stos(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t c,
                         uint64_t d)
{
	struct xi_rep r;

	(void)c;
	(void)d;
	xi_rep_init(&r, env, b);
	for (unsigned i = 0; i < 2 * XI_REP_PAGES && xi_rep_left(&r); i++) {
		xi_stos_run(&r, a);
	}
	return xi_rep_left(&r) != 0;
}
