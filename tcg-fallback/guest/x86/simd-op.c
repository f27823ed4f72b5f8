/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-op.c - operands of SIMD instructions, and the shape that most of them have:
 * destination = op(first source, register or memory[, imm8]).
 *
 * Models: SDM vol. 2, 2.3 (VEX), vol. 1, 11.5 (SSE exceptions).
 *
 * SSE exceptions: operations run with all exceptions masked. When the guest has
 * unmasked some (XH_XM), each FP op is put between two helpers that find the new ones
 * and raise #XM before the destination is written. Known gap: unmasked underflow of an exact
 * denormal result is not seen.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/simd.h"

ir_val sd_get(struct xt *x, enum ir_type t, unsigned reg)
{
	return ir_get(x->u, t, XS_VEC + reg);
}

void sd_set(struct xt *x, unsigned reg, ir_val v)
{
	if (x->i.vex && x->u->ins[v].type == IR_V128) {
		ir_emit(x->u, (struct ir_ins){ .op = IR_setz,
		                               .type = IR_V128,
		                               .a = v,
		                               .imm = XS_VEC + reg });
	} else {
		ir_set(x->u, XS_VEC + reg, v);
	}
}

ir_val sd_load(struct xt *x, enum ir_type t, unsigned bytes, bool align)
{
	unsigned mem = xt_msize(bytes) | (align ? IR_M_ALIGN : 0);

	return ir_ld(x->u, t, xt_mem(x, bytes, false), mem);
}

void sd_store(struct xt *x, unsigned bytes, bool align, ir_val v)
{
	unsigned mem = xt_msize(bytes) | (align ? IR_M_ALIGN : 0);

	ir_st(x->u, x->u->ins[v].type, xt_mem(x, bytes, true), mem, v);
}

ir_val sd_zero(struct xt *x, enum ir_type t)
{
	return ir_const(x->u, t, 0);
}

ir_val sd_rm(struct xt *x, const struct simd_row *r, enum ir_type t, unsigned bytes)
{
	if (!x->i.is_mem) {
		return sd_get(x, t, x->i.rm);
	}
	if (r->msize) {
		bytes = r->msize << (sd_wide(x) && r->fl & SF_MX2);
	}
	return sd_load(x, t, bytes, bytes == 16 && !x->i.vex && !(r->fl & SF_UNAL));
}

ir_val sd_src1(struct xt *x, enum ir_type t)
{
	return sd_get(x, t, x->i.vex ? x->i.vvvv : x->i.reg);
}

ir_val sd_vop(struct xt *x, unsigned vop, enum ir_type t, ir_val a, ir_val b, ir_val c,
              int imm)
{
	bool check = vop_info[vop].flags & VO_FP && x->key & XH_XM;
	ir_val v;

	if (check) {
		xt_call(x, XHELP_sse_begin, 0, 0, 0, 0);
	}
	v = ir_vop(x->u, vop, t, a, b, c, imm);
	if (check) {
		xt_call(x, XHELP_sse_end, 0, 0, 0, 0);
	}
	return v;
}

static void sd_result(struct xt *x, ir_val v, enum ir_type t)
{
	switch (t) {
	case IR_FLAGS: ir_fset(x->u, v); break;
	case IR_I32: xt_set_gpr(x, 4, x->i.reg, v); break;
	case IR_I64: xt_set_gpr(x, 8, x->i.reg, v); break;
	default: sd_set(x, x->i.reg, v); break;
	}
}

/* The register-or-memory operand of class `cls`. */
static ir_val sd_operand(struct xt *x, const struct simd_row *r, char cls)
{
	switch (cls) {
	case 'w':
		return x->i.is_mem ? ir_ld(x->u, IR_I32, xt_mem(x, 4, false), IR_M_4)
		                   : ir_get(x->u, IR_I32, XS_GPR + x->i.rm);
	case 'q':
		return x->i.is_mem ? ir_ld(x->u, IR_I64, xt_mem(x, 8, false), IR_M_8)
		                   : ir_get(x->u, IR_I64, XS_GPR + x->i.rm);
	case 'x': return sd_rm(x, r, IR_V128, 16);
	case 'y': return sd_rm(x, r, IR_V256, 32);
	default: return sd_rm(x, r, sd_vt(x), sd_wide(x) ? 32 : 16);
	}
}

/* Everything whose operands are as its vop's form and classes say. */
bool sd_op(struct xt *x, const struct simd_row *r)
{
	bool w = r->fl & SF_VEX ? x->i.rex & 8
	                        : sd_w(x); /* vectors have W in all modes */
	unsigned vop = r->vop + (r->fl & SF_WQ && w);
	const struct vop_info *v = &vop_info[vop];
	enum ir_type t = vop_class_type(v->cls[0], sd_vt(x));
	ir_val a, b = 0;

	switch (v->form) {
	case VF_RM:
	case VF_MR:
		if (x->i.vex && x->i.vvvv) {
			return false;
		}
		a = sd_operand(x, r, v->cls[1]);
		break;
	case VF_CMP:
		if (x->i.vex && x->i.vvvv) {
			return false;
		}
		b = sd_operand(x, r, v->cls[2]);
		a = sd_get(x, vop_class_type(v->cls[1], sd_vt(x)), x->i.reg);
		break;
	default:
		b = sd_operand(x, r, v->cls[2]);
		a = sd_src1(x, vop_class_type(v->cls[1], sd_vt(x)));
		break;
	}
	sd_result(x, sd_vop(x, vop, t, a, b, 0, (uint8_t)x->i.imm), t);
	return true;
}

/* CMPPS...: legacy encodings know predicates 0..7 (the rest is reserved: taken modulo 8). */
bool sd_cmp(struct xt *x, const struct simd_row *r)
{
	x->i.imm &= x->i.vex ? 31 : 7;
	return sd_op(x, r);
}
