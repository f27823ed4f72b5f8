/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vex.h - encodes a vector op by the columns of vecops.def, for tests: result in register
 * 1, a in 2, b in 3, c in 4. */
#ifndef LODGE_TESTS_VEX_H
#define LODGE_TESTS_VEX_H

#include "tcg-fallback/ir/vecops.h"

static inline unsigned vex_encode(const struct vop_info *v, bool wide, uint8_t imm,
                                  uint8_t *o)
{
	unsigned reg = 1, rm = 2, vvvv = 0, n = 0;
	bool l = v->l == VL_1 || (v->l == VL_V && wide);

	switch (v->form) {
	case VF_RVM:
	case VF_RVMR:
		vvvv = 2;
		rm = 3;
		break;
	case VF_FMA:
		vvvv = 3;
		rm = 4;
		break;
	case VF_VMI:
		vvvv = 1;
		reg = v->ext;
		break;
	case VF_MR:
		reg = 2;
		rm = 1;
		break;
	case VF_CMP:
		reg = 2;
		rm = 3;
		break;
	case VF_SHA:
		rm = 3;
		o[n++] = 0x0f;
		o[n++] = v->map == 2 ? 0x38 : 0x3a;
		goto tail;
	}
	o[n++] = 0xc4;
	o[n++] = 0xe0 | v->map;
	o[n++] = (uint8_t)(v->w << 7 | (~vvvv & 15) << 3 | l << 2 | v->pp);
tail:
	o[n++] = v->op;
	o[n++] = (uint8_t)(0xc0 | reg << 3 | rm);
	if (v->flags & VO_IMM) {
		o[n++] = imm;
	}
	if (v->form == VF_RVMR) {
		o[n++] = 4 << 4;
	}
	return n;
}

#endif
