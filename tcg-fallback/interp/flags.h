/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flags.h - the six arithmetic flags in the packed layout (ops.def), as pure
 * functions of operands and result. Operands and results are zero-extended to 64
 * bits; `w` is the width in bits. Where x86 leaves a flag undefined, a fixed value
 * is given.
 */
#ifndef LODGE_TCG_INTERP_FLAGS_H
#define LODGE_TCG_INTERP_FLAGS_H

#include <stdint.h>

#include "tcg-fallback/ir/ir.h"

static inline uint32_t flags_zsp(uint64_t r, unsigned w)
{
	return (r == 0 ? IR_FL_Z : 0) | (r >> (w - 1) & 1 ? IR_FL_S : 0) |
	       (__builtin_parity((uint8_t)r) ? 0 : IR_FL_P);
}

static inline uint32_t flags_if(uint64_t bit0, uint32_t fl)
{
	return bit0 & 1 ? fl : 0;
}

/* r = a + b + carry in */
static inline uint32_t flags_add(uint64_t a, uint64_t b, uint64_t r, unsigned w)
{
	return flags_zsp(r, w) |
	       flags_if(((a & b) | ((a | b) & ~r)) >> (w - 1), IR_FL_C) |
	       ((uint32_t)(a ^ b ^ r) & IR_FL_A) |
	       flags_if(((a ^ r) & (b ^ r)) >> (w - 1), IR_FL_O);
}

/* r = a - b - borrow in */
static inline uint32_t flags_sub(uint64_t a, uint64_t b, uint64_t r, unsigned w)
{
	return flags_zsp(r, w) |
	       flags_if(((~a & b) | ((~a | b) & r)) >> (w - 1), IR_FL_C) |
	       ((uint32_t)(a ^ b ^ r) & IR_FL_A) |
	       flags_if(((a ^ b) & (a ^ r)) >> (w - 1), IR_FL_O);
}

/* c: last bit shifted out */
static inline uint32_t flags_shl(uint64_t r, uint64_t c, unsigned w)
{
	return flags_zsp(r, w) | flags_if(c, IR_FL_C) |
	       flags_if((r >> (w - 1)) ^ c, IR_FL_O);
}

static inline int flags_cond(enum ir_cond c, uint32_t f)
{
	int r;

	switch (c >> 1) {
	case 0: r = (f & IR_FL_O) != 0; break;
	case 1: r = (f & IR_FL_C) != 0; break;
	case 2: r = (f & IR_FL_Z) != 0; break;
	case 3: r = (f & (IR_FL_C | IR_FL_Z)) != 0; break;
	case 4: r = (f & IR_FL_S) != 0; break;
	case 5: r = (f & IR_FL_P) != 0; break;
	case 6: r = !(f & IR_FL_S) != !(f & IR_FL_O); break;
	default: r = !(f & IR_FL_S) != !(f & IR_FL_O) || (f & IR_FL_Z); break;
	}
	return r ^ (c & 1);
}

#endif
