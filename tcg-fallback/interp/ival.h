/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ival.h - a value while it is interpreted or folded: integers are kept zero-extended
 * in u, flags packed in u, vectors in the lanes (little-endian element order). Shared by
 * the interpreter and the optimiser's constant folding.
 */
#ifndef LODGE_TCG_INTERP_IVAL_H
#define LODGE_TCG_INTERP_IVAL_H

#include <stdint.h>

#include "tcg-fallback/ir/ir.h"

union ival {
	uint64_t u;
	int64_t i;
	uint8_t b[32];
	int8_t sb[32];
	uint16_t w[16];
	int16_t sw[16];
	uint32_t d[8];
	int32_t sd[8];
	uint64_t q[4];
	int64_t sq[4];
	float f[8];
	double lf[4];
} __aligned_to(32);

static inline unsigned ival_width(unsigned t)
{
	return 8u << (t - IR_I8);
}

static inline uint64_t ival_mask(unsigned t)
{
	return ~UINT64_C(0) >> (64 - ival_width(t));
}

static inline int64_t ival_sext(uint64_t v, unsigned t)
{
	unsigned s = 64 - ival_width(t);

	return (int64_t)(v << s) >> s;
}

/* What an atomic update (IR_RMW_*) stores; bits above the type are undefined. */
static inline uint64_t ival_rmw(unsigned op, unsigned t, uint64_t old, uint64_t v)
{
	int64_t so = ival_sext(old, t), sv = ival_sext(v, t);
	uint64_t uo = old & ival_mask(t), uv = v & ival_mask(t);

	switch (op) {
	case IR_RMW_XCHG: return v;
	case IR_RMW_ADD: return old + v;
	case IR_RMW_SUB: return old - v;
	case IR_RMW_AND: return old & v;
	case IR_RMW_OR: return old | v;
	case IR_RMW_XOR: return old ^ v;
	case IR_RMW_ANDN: return old & ~v;
	case IR_RMW_SMIN: return so < sv ? old : v;
	case IR_RMW_SMAX: return so > sv ? old : v;
	case IR_RMW_UMIN: return uo < uv ? old : v;
	default: return uo > uv ? old : v;
	}
}

/* A pure integer or flags op (not const, pc, flags, fshift, vop) on values a, b, c. */
uint64_t ival_pure(const struct ir_ins *in, uint64_t a, uint64_t b, uint64_t c);
/* Flags of arithmetic instruction `in`, with result r. */
uint32_t ival_flags(const struct ir_ins *in, uint64_t a, uint64_t b, uint64_t c,
                    uint64_t r);
/* A vector op; width from vop_width(). */
void ival_vop(const struct ir_ins *in, enum ir_type width, union ival *r,
              const union ival *a, const union ival *b, const union ival *c);

#endif
