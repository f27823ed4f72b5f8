/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vec.h - one C function per vector op of vecops.def. Pure but for the FP ones,
 * which use the host's rounding mode and set its sticky flags.
 */
#ifndef LODGE_TCG_INTERP_VEC_H
#define LODGE_TCG_INTERP_VEC_H

#include "tcg-fallback/interp/ival.h"
#include "tcg-fallback/ir/vecops.h"

struct vec_args {
	union ival *r; /* aliases no operand */
	const union ival *a, *b, *c;
	unsigned n; /* bytes: 16 or 32 */
	unsigned imm;
};

#define VOP(name, cls, form, pp, map, op, ext, w, l, fl, cpu, mnem)                    \
	void vec_##name(const struct vec_args *x);
#include "tcg-fallback/ir/vecops.def"
#undef VOP

/* Elementwise over `field`, with a and b in scope. */
#define VEC_1(name, field, expr)                                                       \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		for (unsigned i = 0; i < x->n / sizeof(x->r->field[0]); i++) {         \
			__typeof__(x->r->field[0]) a = x->a->field[i];                 \
			x->r->field[i] = (expr);                                       \
		}                                                                      \
	}
#define VEC_2(name, field, expr)                                                       \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		for (unsigned i = 0; i < x->n / sizeof(x->r->field[0]); i++) {         \
			__typeof__(x->r->field[0]) a = x->a->field[i],                 \
						   b = x->b->field[i];                 \
			x->r->field[i] = (expr);                                       \
		}                                                                      \
	}
#define VEC_3(name, field, expr)                                                       \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		for (unsigned i = 0; i < x->n / sizeof(x->r->field[0]); i++) {         \
			__typeof__(x->r->field[0]) a = x->a->field[i],                 \
						   b = x->b->field[i],                 \
						   c = x->c->field[i];                 \
			x->r->field[i] = (expr);                                       \
		}                                                                      \
	}
/* Low element from the expression, the rest of 128 bits from a. */
#define VEC_S(name, field, expr)                                                       \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		__typeof__(x->r->field[0]) a __unused = x->a->field[0],                \
					     b __unused = x->b->field[0];              \
		*x->r = *x->a;                                                         \
		x->r->field[0] = (expr);                                               \
	}

#endif
