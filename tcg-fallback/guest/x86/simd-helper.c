/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-helper.c - helpers of SIMD instructions: exceptions, masked moves, gathers,
 * string compares.
 *
 * Models: SDM vol. 1, 11.5.3 (#XM); vol. 2: MASKMOVDQU, VMASKMOV, VGATHER, PCMPESTRI.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include <string.h>

#include "tcg-fallback/guest/x86/simd.h"

/* ---- exceptions ---- */

enum { SSE_STICKY = 0x3f, SSE_ASIDE = 7 /* scratch[] */ };

uint64_t helper_sse_begin(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t c,
                          uint64_t d)
{
	struct x86_cpu *x = x86_of(env);

	(void)a, (void)b, (void)c, (void)d;
	x->scratch[SSE_ASIDE] = x->mxcsr & SSE_STICKY;
	x->mxcsr &= ~(uint32_t)SSE_STICKY;
	return 0;
}

uint64_t helper_sse_end(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t c,
                        uint64_t d)
{
	struct x86_cpu *x = x86_of(env);
	uint32_t new = x->mxcsr &SSE_STICKY & ~(x->mxcsr >> 7);

	(void)a, (void)b, (void)c, (void)d;
	x->mxcsr |= (uint32_t)x->scratch[SSE_ASIDE] & SSE_STICKY;
	if (new) {
		x86_raise(env, x->cr4 & X86_CR4_OSXMMEXCPT ? X86_EXC_XM : X86_EXC_UD,
		          0);
	}
	return 0;
}

/* ---- memory under masks ---- */

uint64_t helper_maskmovq(struct tcg_env *env, uint64_t addr, uint64_t d, uint64_t c,
                         uint64_t e)
{
	struct x86_cpu *x = x86_of(env);
	bool mmx = d >> 8 & 1;
	unsigned n = mmx ? 8 : 16;
	uint8_t data[16], mask[16];

	(void)c, (void)e;
	if (mmx) {
		memcpy(data, &x->fpr[d & 7].mant, 8);
		memcpy(mask, &x->fpr[d >> 4 & 7].mant, 8);
		x->fptop = 0;
		x->fptag = 0;
	} else {
		memcpy(data, x->vec[d & 15].b, 16);
		memcpy(mask, x->vec[d >> 4 & 15].b, 16);
	}
	for (unsigned pass = 0; pass < 2;
	     pass++) { /* all faults before the first store */
		for (unsigned i = 0; i < n; i++) {
			if (!(mask[i] & 0x80)) {
				continue;
			}
			if (pass) {
				tcg_st(env, addr + i, data[i], 1, 0);
			} else {
				tcg_probe(env, addr + i, 1, true, 0);
			}
		}
	}
	return 0;
}

static void simd_maskmov_st(struct tcg_env *env, uint64_t addr, unsigned size,
                            unsigned n, const uint8_t *data, const uint8_t *mask)
{
	for (unsigned pass = 0; pass < 2; pass++) {
		for (unsigned i = 0; i < n; i++) {
			uint64_t v = 0;

			if (!(mask[i * size + size - 1] & 0x80)) {
				continue;
			}
			memcpy(&v, data + i * size, size);
			if (pass) {
				tcg_st(env, addr + i * size, v, size, 0);
			} else {
				tcg_probe(env, addr + i * size, size, true, 0);
			}
		}
	}
}

uint64_t helper_maskmov(struct tcg_env *env, uint64_t addr, uint64_t d, uint64_t c,
                        uint64_t e)
{
	struct x86_cpu *x = x86_of(env);
	union x86_vec *reg = &x->vec[d & 15];
	const uint8_t *mask = x->vec[d >> 4 & 15].b;
	unsigned size = d >> 9 & 1 ? 8 : 4, n = (d >> 8 & 1 ? 32 : 16) / size;
	uint8_t out[32] = { 0 };

	(void)c, (void)e;
	if (d >> 10 & 1) {
		simd_maskmov_st(env, addr, size, n, reg->b, mask);
		return 0;
	}
	for (unsigned i = 0; i < n; i++) {
		if (mask[i * size + size - 1] & 0x80) {
			uint64_t v = tcg_ld(env, addr + i * size, size, 0);

			memcpy(out + i * size, &v, size);
		}
	}
	memcpy(reg->b, out, 32);
	return 0;
}

/* Elements are done in order; what was done before a fault stays done. */
uint64_t helper_gather(struct tcg_env *env, uint64_t base, uint64_t d, uint64_t c,
                       uint64_t e)
{
	struct x86_cpu *x = x86_of(env);
	union x86_vec *dst = &x->vec[d & 15], *mask = &x->vec[d >> 4 & 15];
	const union x86_vec *idx = &x->vec[d >> 8 & 15];
	unsigned scale = d >> 12 & 3, bytes = d >> 14 & 1 ? 32 : 16;
	bool e64 = d >> 15 & 1, i64 = d >> 16 & 1;
	unsigned n = bytes / (e64 || i64 ? 8 : 4), size = e64 ? 8 : 4;

	(void)c, (void)e;
	for (unsigned i = 0; i < bytes / size;
	     i++) { /* the mask is its sign bits, spread */
		if (e64) {
			mask->q[i] = (uint64_t)((int64_t)mask->q[i] >> 63);
		} else {
			mask->d[i] = (uint32_t)((int32_t)mask->d[i] >> 31);
		}
	}
	memset(mask->b + bytes, 0, 32 - bytes);
	for (unsigned i = 0; i < n; i++) {
		int64_t k = i64 ? (int64_t)idx->q[i] : (int32_t)idx->d[i];
		uint64_t at = base + ((uint64_t)k << scale), v;

		if (e64 ? !mask->q[i] : !mask->d[i]) {
			continue;
		}
		if (d >> 17 & 1) {
			at = (uint32_t)at;
		}
		v = tcg_ld(env, at, size, 0);
		memcpy(dst->b + i * size, &v, size);
		memset(mask->b + i * size, 0, size);
		memset(dst->b + bytes, 0, 32 - bytes);
	}
	memset(mask, 0, 32);
	memset(dst->b + n * size, 0, 32 - n * size);
	return 0;
}

/* ---- PCMPxSTRx ---- */

struct pcmp {
	int32_t a[16], b[16];
	unsigned n, la, lb; /* elements, valid ones */
};

static unsigned pcmp_len(int64_t v, unsigned n)
{
	uint64_t m = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;

	return m > n ? n : (unsigned)m;
}

static void pcmp_unpack(int32_t *o, const void *p, unsigned imm, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		uint16_t w;

		memcpy(&w, (const char *)p + 2 * i * (imm & 1), 2);
		if (imm & 1) {
			o[i] = imm & 2 ? (int16_t)w : w;
		} else {
			uint8_t b = ((const uint8_t *)p)[i];

			o[i] = imm & 2 ? (int8_t)b : b;
		}
	}
}

static unsigned pcmp_implicit(const int32_t *v, unsigned n)
{
	unsigned i;

	for (i = 0; i < n && v[i]; i++) {
	}
	return i;
}

/* One result bit per element of b (j); tables of "if either is invalid" in the SDM. */
static bool pcmp_bit(const struct pcmp *p, unsigned mode, unsigned j)
{
	bool r = mode == 3;

	switch (mode) {
	case 0: /* equal any */
		for (unsigned i = 0; i < p->la; i++) {
			r |= j < p->lb && p->a[i] == p->b[j];
		}
		return r;
	case 1: /* ranges */
		for (unsigned i = 0; i + 1 < p->la; i += 2) {
			r |= j < p->lb && p->b[j] >= p->a[i] && p->b[j] <= p->a[i + 1];
		}
		return r;
	case 2: /* equal each */
		if (j >= p->la || j >= p->lb) {
			return j >= p->la && j >= p->lb;
		}
		return p->a[j] == p->b[j];
	default: /* equal ordered */
		for (unsigned i = 0; i < p->la && i + j < p->n; i++) {
			r &= i + j < p->lb && p->a[i] == p->b[i + j];
		}
		return r;
	}
}

static void pcmp_mask(uint64_t *out, uint32_t res, unsigned imm, unsigned n)
{
	uint8_t b[16] = { 0 };

	if (!(imm & 0x40)) {
		b[0] = (uint8_t)res;
		b[1] = (uint8_t)(res >> 8);
	} else {
		for (unsigned i = 0; i < 16; i++) {
			b[i] = res >> (n == 16 ? i : i / 2) & 1 ? 0xff : 0;
		}
	}
	memcpy(out, b, 16);
}

uint64_t helper_pcmpstr(struct tcg_env *env, uint64_t imm, uint64_t la, uint64_t lb,
                        uint64_t d)
{
	struct x86_cpu *x = x86_of(env);
	struct pcmp p = { .n = imm & 1 ? 8 : 16 };
	uint32_t res = 0, fl, index;

	if (d) { /* only the index and the flags are wanted, lengths are implicit */
		uint64_t r;

		if (simd_host_istri(&x->scratch[0], &x->scratch[2], (unsigned)imm,
		                    &r)) {
			return r;
		}
	}
	pcmp_unpack(p.a, &x->scratch[0], (unsigned)imm, p.n);
	pcmp_unpack(p.b, &x->scratch[2], (unsigned)imm, p.n);
	p.la = imm >> 8 & 1 ? pcmp_len((int64_t)la, p.n) : pcmp_implicit(p.a, p.n);
	p.lb = imm >> 8 & 1 ? pcmp_len((int64_t)lb, p.n) : pcmp_implicit(p.b, p.n);
	for (unsigned j = 0; j < p.n; j++) {
		res |= (uint32_t)pcmp_bit(&p, imm >> 2 & 3, j) << j;
	}
	if ((imm >> 4 & 3) == 1) {
		res ^= (1u << p.n) - 1;
	} else if ((imm >> 4 & 3) == 3) { /* only where b is valid */
		res ^= (1u << p.lb) - 1;
	}
	index = !res         ? p.n
	        : imm & 0x40 ? 31 - (uint32_t)__builtin_clz(res)
	                     : (uint32_t)__builtin_ctz(res);
	pcmp_mask(&x->scratch[4], res, (unsigned)imm, p.n);
	fl = (res ? IR_FL_C : 0) | (p.lb < p.n ? IR_FL_Z : 0) |
	     (p.la < p.n ? IR_FL_S : 0) | (res & 1 ? IR_FL_O : 0);
	return index | (uint64_t)fl << 32;
}
