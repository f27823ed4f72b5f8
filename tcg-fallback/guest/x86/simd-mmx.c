/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-mmx.c - MMX and the 64-bit forms of SSE..SSSE3 instructions, on the low halves
 * of 128-bit values.
 *
 * Models: SDM vol. 1 chapter 9. MMi is the mantissa of physical x87 register i; each
 * MMX instruction sets TOP to 0 and all tags to valid, a write sets the exponent to ones.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/simd.h"

static unsigned mm_off(unsigned reg)
{
	return (unsigned)offsetof(struct x86_cpu, fpr) +
	       (reg & 7) * (unsigned)sizeof(((struct x86_cpu *)0)->fpr[0]);
}

static void mm_switch(struct xt *x)
{
	ir_val z = ir_const(x->u, IR_I8, 0);

	ir_stenv(x->u, IR_I8, offsetof(struct x86_cpu, fptop), z);
	ir_stenv(x->u, IR_I8, offsetof(struct x86_cpu, fptag), z);
}

static ir_val mm_get(struct xt *x, unsigned reg)
{
	return ir_vop(x->u, VOP_vfromi64, IR_V128, ir_ldenv(x->u, IR_I64, mm_off(reg)),
	              0, 0, 0);
}

static void mm_set64(struct xt *x, unsigned reg, ir_val v)
{
	ir_stenv(x->u, IR_I64, mm_off(reg), v);
	ir_stenv(x->u, IR_I16, mm_off(reg) + 8, ir_const(x->u, IR_I16, -1));
}

static void mm_set(struct xt *x, unsigned reg, ir_val v)
{
	mm_set64(x, reg, ir_vop(x->u, VOP_vtoi64, IR_I64, v, 0, 0, 0));
}

static ir_val mm_rm(struct xt *x, unsigned bytes)
{
	return x->i.is_mem ? sd_load(x, IR_V128, bytes, false) : mm_get(x, x->i.rm);
}

/* Loads come before the switch of state: they may fault. */
bool sd_mm_op(struct xt *x, const struct simd_row *r)
{
	ir_val b = mm_rm(x, r->msize ? r->msize : 8);

	mm_switch(x);
	if (vop_info[r->vop].form == VF_RM) {
		b = ir_vop(x->u, r->vop, IR_V128, b, 0, 0, (uint8_t)x->i.imm);
	} else {
		b = ir_vop(x->u, r->vop, IR_V128, mm_get(x, x->i.reg), b, 0, 0);
	}
	mm_set(x, x->i.reg, b);
	return true;
}

/* Packs and horizontal ops: dest and source as the halves of one register. */
bool sd_mm_pair(struct xt *x, const struct simd_row *r)
{
	ir_val b = mm_rm(x, 8), v;

	mm_switch(x);
	v = ir_vop(x->u, VOP_vunpackl64, IR_V128, mm_get(x, x->i.reg), b, 0, 0);
	mm_set(x, x->i.reg, ir_vop(x->u, r->vop, IR_V128, v, v, 0, 0));
	return true;
}

/* vop: the low unpack, whose high half is what is wanted. */
bool sd_mm_unpackh(struct xt *x, const struct simd_row *r)
{
	ir_val b = mm_rm(x, 8), v;

	mm_switch(x);
	v = ir_vop(x->u, r->vop, IR_V128, mm_get(x, x->i.reg), b, 0, 0);
	mm_set(x, x->i.reg, ir_vop(x->u, VOP_vshrb, IR_V128, v, 0, 0, 8));
	return true;
}

bool sd_mm_ld(struct xt *x, const struct simd_row *r)
{
	ir_val v = x->i.is_mem ? ir_ld(x->u, IR_I64, xt_mem(x, 8, false), IR_M_8)
	                       : ir_ldenv(x->u, IR_I64, mm_off(x->i.rm));

	(void)r;
	mm_switch(x);
	mm_set64(x, x->i.reg, v);
	return true;
}

bool sd_mm_st(struct xt *x, const struct simd_row *r)
{
	ir_val v = ir_ldenv(x->u, IR_I64, mm_off(x->i.reg));

	(void)r;
	if (x->i.is_mem) {
		ir_st(x->u, IR_I64, xt_mem(x, 8, true), IR_M_8, v);
		mm_switch(x);
	} else {
		mm_switch(x);
		mm_set64(x, x->i.rm, v);
	}
	return true;
}

bool sd_mm_movd(struct xt *x, const struct simd_row *r)
{
	unsigned n = sd_w(x) ? 8 : 4;
	ir_val v;

	(void)r;
	if (x->i.is_mem) {
		v = ir_ld(x->u, IR_I64, xt_mem(x, n, false), xt_msize(n));
	} else {
		v = ir_zext(x->u, IR_I64, ir_get(x->u, xt_type(n), XS_GPR + x->i.rm),
		            xt_type(n));
	}
	mm_switch(x);
	mm_set64(x, x->i.reg, v);
	return true;
}

bool sd_mm_movd_st(struct xt *x, const struct simd_row *r)
{
	unsigned n = sd_w(x) ? 8 : 4;
	ir_val v = ir_ldenv(x->u, IR_I64, mm_off(x->i.reg));

	(void)r;
	if (x->i.is_mem) {
		ir_st(x->u, IR_I64, xt_mem(x, n, true), xt_msize(n), v);
	} else {
		xt_set_gpr(x, n, x->i.rm, ir_trunc(x->u, xt_type(n), v));
	}
	mm_switch(x);
	return true;
}

bool sd_mm_shift_imm(struct xt *x, const struct simd_row *r)
{
	static const uint16_t vops[3][8] = {
		{ [2] = VOP_vshri16, [4] = VOP_vsari16, [6] = VOP_vshli16 },
		{ [2] = VOP_vshri32, [4] = VOP_vsari32, [6] = VOP_vshli32 },
		{ [2] = VOP_vshri64, [6] = VOP_vshli64 },
	};
	unsigned vop = vops[x->i.opcode - 0x71][x->i.reg & 7];

	(void)r;
	if (!vop || x->i.is_mem) {
		return false;
	}
	mm_switch(x);
	mm_set(x, x->i.rm,
	       ir_vop(x->u, vop, IR_V128, mm_get(x, x->i.rm), 0, 0, (uint8_t)x->i.imm));
	return true;
}

/* Indices count modulo 8. */
bool sd_mm_shufb(struct xt *x, const struct simd_row *r)
{
	ir_val b = mm_rm(x, 8), m;

	(void)r;
	mm_switch(x);
	m = ir_const(x->u, IR_I64, (int64_t)UINT64_C(0x8787878787878787));
	m = ir_vop(x->u, VOP_vfromi64, IR_V128, m, 0, 0, 0);
	b = ir_vop(x->u, VOP_vand, IR_V128, b, m, 0, 0);
	mm_set(x, x->i.reg,
	       ir_vop(x->u, VOP_vshufb, IR_V128, mm_get(x, x->i.reg), b, 0, 0));
	return true;
}

bool sd_mm_align(struct xt *x, const struct simd_row *r)
{
	ir_val b = mm_rm(x, 8), v;

	(void)r;
	mm_switch(x);
	v = ir_vop(x->u, VOP_vunpackl64, IR_V128, b, mm_get(x, x->i.reg), 0, 0);
	mm_set(x, x->i.reg,
	       ir_vop(x->u, VOP_vshrb, IR_V128, v, 0, 0, (uint8_t)x->i.imm));
	return true;
}

bool sd_mm_ins(struct xt *x, const struct simd_row *r)
{
	ir_val v = x->i.is_mem ? ir_ld(x->u, IR_I32, xt_mem(x, 2, false), IR_M_2)
	                       : ir_get(x->u, IR_I32, XS_GPR + x->i.rm);

	(void)r;
	mm_switch(x);
	mm_set(x, x->i.reg,
	       ir_vop(x->u, VOP_vins16, IR_V128, mm_get(x, x->i.reg), v, 0,
	              x->i.imm & 3));
	return true;
}

bool sd_mm_ext(struct xt *x, const struct simd_row *r)
{
	(void)r;
	mm_switch(x);
	xt_set_gpr(x, 4, x->i.reg,
	           ir_vop(x->u, VOP_vext16, IR_I32, mm_get(x, x->i.rm), 0, 0,
	                  x->i.imm & 3));
	return true;
}

bool sd_mm_msk(struct xt *x, const struct simd_row *r)
{
	(void)r;
	mm_switch(x);
	xt_set_gpr(x, 4, x->i.reg,
	           ir_vop(x->u, VOP_vmsk8, IR_I32, mm_get(x, x->i.rm), 0, 0, 0));
	return true;
}

/* ---- between MMX and XMM ---- */

/* CVTPI2PS: memory sources do not touch MMX state. */
bool sd_mm_to_f(struct xt *x, const struct simd_row *r)
{
	ir_val v = mm_rm(x, 8);

	(void)r;
	if (!x->i.is_mem) {
		mm_switch(x);
	}
	v = sd_vop(x, VOP_vcvt_i32_f32, IR_V128, v, 0, 0, 0);
	sd_set(x, x->i.reg,
	       ir_vop(x->u, VOP_smov64, IR_V128, sd_get(x, IR_V128, x->i.reg), v, 0,
	              0));
	return true;
}

/* CVTPI2PD */
bool sd_mm_to_fd(struct xt *x, const struct simd_row *r)
{
	ir_val v = mm_rm(x, 8);

	(void)r;
	if (!x->i.is_mem) {
		mm_switch(x);
	}
	sd_set(x, x->i.reg, sd_vop(x, VOP_vcvt_i32_f64, IR_V128, v, 0, 0, 0));
	return true;
}

/* CVT(T)PS2PI */
bool sd_mm_from_f(struct xt *x, const struct simd_row *r)
{
	ir_val v = x->i.is_mem ? sd_load(x, IR_V128, 8, false)
	                       : ir_vop(x->u, VOP_vzextlo64, IR_V128,
	                                sd_get(x, IR_V128, x->i.rm), 0, 0, 0);

	v = sd_vop(x, r->vop, IR_V128, v, 0, 0, 0);
	mm_switch(x);
	mm_set(x, x->i.reg, v);
	return true;
}

/* CVT(T)PD2PI */
bool sd_mm_from_fd(struct xt *x, const struct simd_row *r)
{
	ir_val v = sd_rm(x, r, IR_V128, 16);

	v = sd_vop(x, r->vop, IR_V128, v, 0, 0, 0);
	mm_switch(x);
	mm_set(x, x->i.reg, v);
	return true;
}

bool sd_movq2dq(struct xt *x, const struct simd_row *r)
{
	(void)r;
	mm_switch(x);
	sd_set(x, x->i.reg, mm_get(x, x->i.rm));
	return true;
}

bool sd_movdq2q(struct xt *x, const struct simd_row *r)
{
	(void)r;
	mm_switch(x);
	mm_set(x, x->i.reg, sd_get(x, IR_V128, x->i.rm));
	return true;
}
