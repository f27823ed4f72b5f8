/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vecops.h - names, operand classes and x86 encodings of the vector sub-ops; the
 * table itself and its columns' meaning are in vecops.def. Constant data.
 */
#ifndef LODGE_TCG_VECOPS_H
#define LODGE_TCG_VECOPS_H

#include <stdint.h>

#include "tcg-fallback/ir/ir.h"

enum vop {
#define VOP(name, cls, form, pp, map, op, ext, w, l, fl, cpu, mnem) VOP_##name,
#include "tcg-fallback/ir/vecops.def"
#undef VOP
	VOP_N
};

enum vop_form { VF_RM, VF_RVM, VF_RVMR, VF_VMI, VF_MR, VF_CMP, VF_FMA, VF_SHA };
enum vop_len { VL_0, VL_1, VL_V };
enum vop_cpu { VC_AVX, VC_INT, VC_AVX2, VC_FMA, VC_F16C, VC_AES, VC_CLMUL, VC_SHA };
enum { VO_IMM = 1, VO_FP = 2 };

struct vop_info {
	const char *name, *cls, *mnem;
	uint8_t form, pp, map, op, ext, w, l, flags, cpu;
	uint8_t n_args;
};
extern const struct vop_info vop_info[VOP_N];

/* The type that class `cls` stands for when the v's are `v`. */
enum ir_type vop_class_type(char cls, enum ir_type v);
/* The type of the v's of a vop ins (v128 when it has none): VEX.L of VL_V ops. */
enum ir_type vop_width(const struct ir_unit *u, const struct ir_ins *in);

#endif
