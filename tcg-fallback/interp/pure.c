/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pure.c - the integer and flags ops of ops.def as C, and the flags they define.
 * The reference: emitters and folding must agree with this. No state, any thread.
 */
#include "config.h"

#include "tcg-fallback/interp/ival.h"

#include "tcg-fallback/interp/flags.h"
#include "tcg-fallback/interp/interp.h"

typedef unsigned __int128 pure_u128;
typedef __int128 pure_s128;

static unsigned pure_count(const struct ir_ins *in, uint64_t c)
{
	return in->type == IR_I64 ? c & 63 : c & 31;
}

static uint64_t pure_shl(uint64_t a, unsigned n)
{
	return n > 63 ? 0 : a << n;
}

static uint64_t pure_rotl(uint64_t a, unsigned n, unsigned w)
{
	n %= w;
	return n ? a << n | a >> (w - n) : a;
}

/* Quotient or remainder of (a:b) / c; 0 where the front end broke its promise. */
static uint64_t pure_udiv(const struct ir_ins *in, uint64_t a, uint64_t b, uint64_t c)
{
	pure_u128 n = (pure_u128)a << ival_width(in->type) | b;

	if (c == 0) {
		return 0;
	}
	return (uint64_t)(in->op == IR_udiv2 ? n / c : n % c);
}

static uint64_t pure_sdiv(const struct ir_ins *in, uint64_t a, uint64_t b, uint64_t c)
{
	unsigned w = ival_width(in->type);
	pure_u128 top = (pure_u128)a << w | b;
	pure_s128 n = (pure_s128)(top << (128 - 2 * w)) >> (128 - 2 * w);
	int64_t d = ival_sext(c, in->type);

	if (d == 0 || (d == -1 && (pure_u128)n << 1 == 0 && n != 0)) {
		return 0;
	}
	return (uint64_t)(in->op == IR_sdiv2 ? n / d : n % d);
}

static uint64_t pure_bswap(uint64_t a, unsigned t)
{
	return __builtin_bswap64(a) >> (64 - ival_width(t));
}

static uint64_t pure_bdep(uint64_t a, uint64_t m)
{
	uint64_t r = 0;

	for (; m; m &= m - 1, a >>= 1) {
		if (a & 1) {
			r |= m & -m;
		}
	}
	return r;
}

static uint64_t pure_bext(uint64_t a, uint64_t m)
{
	uint64_t r = 0;

	for (unsigned k = 0; m; m &= m - 1, k++) {
		if (a & m & -m) {
			r |= UINT64_C(1) << k;
		}
	}
	return r;
}

/* CRC-32C, reflected polynomial, no inversions: what SSE4.2 and ARM define. */
static uint64_t pure_crc32c(uint32_t crc, uint64_t b, unsigned t)
{
	unsigned w = ival_width(t);
	uint64_t lo = w < 64 ? b & ival_mask(t) : b;

	for (unsigned k = 0; k < w; k++) {
		crc = (crc >> 1) ^ ((crc ^ (uint32_t)(lo >> k)) & 1 ? 0x82f63b78u : 0);
	}
	return crc;
}

static bool pure_compare(enum ir_cond c, unsigned t, uint64_t a, uint64_t b)
{
	int64_t sa = ival_sext(a, t), sb = ival_sext(b, t);

	switch (c) {
	case IR_EQ: return a == b;
	case IR_NE: return a != b;
	case IR_LTU: return a < b;
	case IR_GEU: return a >= b;
	case IR_LEU: return a <= b;
	case IR_GTU: return a > b;
	case IR_LT: return sa < sb;
	case IR_GE: return sa >= sb;
	case IR_LE: return sa <= sb;
	case IR_GT: return sa > sb;
	default:
		return flags_cond(
			c, flags_sub(a, b, (a - b) & ival_mask(t), ival_width(t)));
	}
}

static uint64_t pure_field(const struct ir_ins *in)
{
	unsigned len = (in->imm >> 8) & 255;

	return ~UINT64_C(0) >> (64 - len);
}

static uint64_t pure_mulh(const struct ir_ins *in, uint64_t a, uint64_t b)
{
	unsigned t = in->type, w = ival_width(t);

	if (in->op == IR_mulhu) {
		return (uint64_t)(((pure_u128)a * b) >> w);
	}
	return (uint64_t)(((pure_s128)ival_sext(a, t) * ival_sext(b, t)) >> w);
}

static uint64_t pure_shift(const struct ir_ins *in, uint64_t a, uint64_t count)
{
	unsigned w = ival_width(in->type), n = pure_count(in, count);

	switch (in->op) {
	case IR_shl: return pure_shl(a, n);
	case IR_shr: return a >> n;
	case IR_sar: return (uint64_t)(ival_sext(a, in->type) >> n);
	case IR_rotl: return pure_rotl(a, n, w);
	default: return pure_rotl(a, w - n % w, w);
	}
}

/* a:b funnels, n < w except for 16-bit operands, where x86 leaves it undefined: mod w. */
static uint64_t pure_funnel(const struct ir_ins *in, uint64_t a, uint64_t b,
                            uint64_t count)
{
	unsigned w = ival_width(in->type), n = pure_count(in, count) % w;

	if (!n) {
		return a;
	}
	return in->op == IR_shld ? a << n | b >> (w - n) : a >> n | b << (w - n);
}

static uint64_t pure_raw(const struct ir_ins *in, uint64_t a, uint64_t b, uint64_t c)
{
	switch (in->op) {
	case IR_add: return a + b;
	case IR_sub: return a - b;
	case IR_adc: return a + b + (c & IR_FL_C);
	case IR_sbb: return a - b - (c & IR_FL_C);
	case IR_neg: return 0 - a;
	case IR_mul: return a * b;
	case IR_mulhu:
	case IR_mulhs: return pure_mulh(in, a, b);
	case IR_udiv2:
	case IR_urem2: return pure_udiv(in, a, b, c);
	case IR_sdiv2:
	case IR_srem2: return pure_sdiv(in, a, b, c);
	case IR_and: return a & b;
	case IR_or: return a | b;
	case IR_xor: return a ^ b;
	case IR_andn: return ~a & b;
	case IR_not: return ~a;
	case IR_shl:
	case IR_shr:
	case IR_sar:
	case IR_rotl:
	case IR_rotr: return pure_shift(in, a, b);
	case IR_shld:
	case IR_shrd: return pure_funnel(in, a, b, c);
	case IR_clz:
		return a ? (unsigned)__builtin_clzll(a) - (64 - ival_width(in->type))
		         : ival_width(in->type);
	case IR_ctz: return a ? (unsigned)__builtin_ctzll(a) : ival_width(in->type);
	case IR_popcnt: return __builtin_popcountll(a);
	case IR_bswap: return pure_bswap(a, in->type);
	case IR_bdep: return pure_bdep(a, b);
	case IR_bext: return pure_bext(a, b);
	case IR_crc32c: return pure_crc32c((uint32_t)a, b, in->aux);
	case IR_sext: return (uint64_t)ival_sext(a, in->aux);
	case IR_zext:
	case IR_trunc:
	case IR_fpack:
	case IR_funpack: return a;
	case IR_extr: return (a >> (in->imm & 255)) & pure_field(in);
	case IR_dep: {
		uint64_t m = pure_field(in) << (in->imm & 255);

		return (a & ~m) | (b << (in->imm & 255) & m);
	}
	case IR_setcmp: return pure_compare(in->aux, in->aux2, a, b);
	case IR_selnz: return a ? b : c;
	case IR_fmix: return (a & (uint64_t)in->imm) | (b & ~(uint64_t)in->imm);
	case IR_setcc: return flags_cond(in->aux, (uint32_t)a);
	case IR_selcc: return flags_cond(in->aux, (uint32_t)a) ? b : c;
	default: return 0;
	}
}

uint64_t ival_pure(const struct ir_ins *in, uint64_t a, uint64_t b, uint64_t c)
{
	uint64_t r = pure_raw(in, a, b, c);

	return in->type == IR_FLAGS ? r & IR_FL_ALL : r & ival_mask(in->type);
}

static uint32_t pure_shift_flags(const struct ir_ins *in, uint64_t a, uint64_t b,
                                 uint64_t r)
{
	unsigned w = ival_width(in->type), n = pure_count(in, b);
	uint64_t msb = r >> (w - 1) & 1, c;

	switch (in->op) {
	case IR_shl: return flags_shl(r, n && n <= w ? a >> (w - n) & 1 : 0, w);
	case IR_shr:
		return flags_zsp(r, w) | flags_if(n ? a >> (n - 1) : 0, IR_FL_C) |
		       flags_if(msb ^ r >> (w - 2), IR_FL_O);
	case IR_sar:
		c = n ? (uint64_t)(ival_sext(a, in->type) >> (n - 1)) : 0;
		return flags_zsp(r, w) | flags_if(c, IR_FL_C);
	case IR_rotl: return flags_if(r, IR_FL_C) | flags_if(r ^ msb, IR_FL_O);
	default: return flags_if(msb, IR_FL_C) | flags_if(msb ^ r >> (w - 2), IR_FL_O);
	}
}

static uint32_t pure_funnel_flags(const struct ir_ins *in, uint64_t a, uint64_t count,
                                  uint64_t r)
{
	unsigned w = ival_width(in->type), n = pure_count(in, count) % w;
	uint64_t c = !n ? 0 : in->op == IR_shld ? a >> (w - n) : a >> (n - 1);

	return flags_zsp(r, w) | flags_if(c, IR_FL_C) |
	       flags_if((r ^ a) >> (w - 1), IR_FL_O);
}

static uint32_t pure_mul_flags(const struct ir_ins *in, uint64_t a, uint64_t b,
                               uint64_t r)
{
	unsigned t = in->type;
	pure_s128 full = (pure_s128)ival_sext(a, t) * ival_sext(b, t);
	bool over = full != (pure_s128)ival_sext(r, t);

	return flags_zsp(r, ival_width(t)) | (over ? IR_FL_C | IR_FL_O : 0);
}

uint32_t ival_flags(const struct ir_ins *in, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t r)
{
	unsigned w = ival_width(in->type);

	switch (in->op) {
	case IR_add:
	case IR_adc: return flags_add(a, b, r, w);
	case IR_sub:
	case IR_sbb: return flags_sub(a, b, r, w);
	case IR_neg: return flags_sub(0, a, r, w);
	case IR_mul: return pure_mul_flags(in, a, b, r);
	case IR_shl:
	case IR_shr:
	case IR_sar:
	case IR_rotl:
	case IR_rotr: return pure_shift_flags(in, a, b, r);
	case IR_shld:
	case IR_shrd: return pure_funnel_flags(in, a, c, r);
	default: return flags_zsp(r, w);
	}
}

uint32_t cc_compute(uint32_t cc_op, uint64_t cc_a, uint64_t cc_b)
{
	unsigned w = 8u << (cc_op >> 8 & 3);
	uint64_t m = ~UINT64_C(0) >> (64 - w), a = cc_a & m, b = cc_b & m;

	switch (cc_op & 0xff) {
	case CC_OP_ADD: return flags_add((a - b) & m, b, a, w);
	case CC_OP_SUB: return flags_sub(a, b, (a - b) & m, w);
	case CC_OP_LOGIC: return flags_zsp(a, w);
	case CC_OP_SHL: return flags_shl(a, cc_b & 1, w);
	default: return (uint32_t)cc_a & IR_FL_ALL;
	}
}
