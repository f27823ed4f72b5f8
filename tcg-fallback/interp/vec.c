/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vec.c - dispatch of vector ops to their C functions; see vec.h. */
#include "config.h"

#include "tcg-fallback/interp/vec.h"

static void (*const vec_fns[VOP_N])(const struct vec_args *) = {
#define VOP(name, cls, form, pp, map, op, ext, w, l, fl, cpu, mnem)                    \
	[VOP_##name] = vec_##name,
#include "tcg-fallback/ir/vecops.def"
#undef VOP
};

void ival_vop(const struct ir_ins *in, enum ir_type width, union ival *r,
              const union ival *a, const union ival *b, const union ival *c)
{
	const struct vop_info *v = &vop_info[in->d];
	struct vec_args x = { .r = r, .a = a, .b = b, .c = c, .imm = (uint8_t)in->imm };

	x.n = v->l == VL_1 || width == IR_V256 ? 32 : 16;
	vec_fns[in->d](&x);
}
