/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-mov.c - SIMD moves: loads, stores, parts of registers, general registers.
 *
 * Known gaps: non-temporal hints are ignored.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/simd.h"

/* MOVAPS, MOVUPS, MOVDQA...: SF_UNAL for the unaligned ones; the aligned ones check with
 * VEX, too. */
bool sd_ld(struct xt *x, const struct simd_row *r)
{
	enum ir_type t = sd_vt(x);
	unsigned n = sd_wide(x) ? 32 : 16;

	sd_set(x, x->i.reg,
	       x->i.is_mem ? sd_load(x, t, n, !(r->fl & SF_UNAL))
	                   : sd_get(x, t, x->i.rm));
	return true;
}

bool sd_st(struct xt *x, const struct simd_row *r)
{
	ir_val v = sd_get(x, sd_vt(x), x->i.reg);

	if (x->i.is_mem) {
		sd_store(x, sd_wide(x) ? 32 : 16, !(r->fl & SF_UNAL), v);
	} else {
		sd_set(x, x->i.rm, v);
	}
	return true;
}

/* MOVSS, MOVSD: vop merges registers; msize. */
bool sd_movs(struct xt *x, const struct simd_row *r)
{
	ir_val v;

	if (x->i.is_mem) {
		if (x->i.vex && x->i.vvvv) {
			return false;
		}
		sd_set(x, x->i.reg, sd_load(x, IR_V128, r->msize, false));
		return true;
	}
	v = sd_src1(x, IR_V128);
	sd_set(x, x->i.reg,
	       ir_vop(x->u, r->vop, IR_V128, v, sd_get(x, IR_V128, x->i.rm), 0, 0));
	return true;
}

bool sd_movs_st(struct xt *x, const struct simd_row *r)
{
	ir_val v = sd_get(x, IR_V128, x->i.reg), a;

	if (x->i.is_mem) {
		if (x->i.vex && x->i.vvvv) {
			return false;
		}
		sd_store(x, r->msize, false, v);
		return true;
	}
	a = sd_get(x, IR_V128, x->i.vex ? x->i.vvvv : x->i.rm);
	sd_set(x, x->i.rm, ir_vop(x->u, r->vop, IR_V128, a, v, 0, 0));
	return true;
}

/* MOVLPS/MOVLPD load, MOVHLPS (register form, vop). */
bool sd_movl(struct xt *x, const struct simd_row *r)
{
	ir_val a, b;

	if (!x->i.is_mem) {
		if (!r->vop) {
			return false;
		}
		a = sd_src1(x, IR_V128);
		b = sd_get(x, IR_V128, x->i.rm);
		sd_set(x, x->i.reg, ir_vop(x->u, VOP_vmovhl, IR_V128, a, b, 0, 0));
		return true;
	}
	b = sd_load(x, IR_V128, 8, false);
	a = sd_src1(x, IR_V128);
	sd_set(x, x->i.reg, ir_vop(x->u, VOP_smov64, IR_V128, a, b, 0, 0));
	return true;
}

/* MOVHPS/MOVHPD load, MOVLHPS. */
bool sd_movh(struct xt *x, const struct simd_row *r)
{
	ir_val a, b;

	if (!x->i.is_mem && !r->vop) {
		return false;
	}
	b = x->i.is_mem ? sd_load(x, IR_V128, 8, false) : sd_get(x, IR_V128, x->i.rm);
	a = sd_src1(x, IR_V128);
	sd_set(x, x->i.reg, ir_vop(x->u, VOP_vmovlh, IR_V128, a, b, 0, 0));
	return true;
}

bool sd_movh_st(struct xt *x, const struct simd_row *r)
{
	ir_val v = sd_get(x, IR_V128, x->i.reg);

	(void)r;
	v = ir_vop(x->u, VOP_vunpackh64, IR_V128, v, v, 0, 0);
	sd_store(x, 8, false, v);
	return true;
}

bool sd_movddup(struct xt *x, const struct simd_row *r)
{
	enum ir_type t = sd_vt(x);
	ir_val v = x->i.is_mem ? sd_load(x, t, sd_wide(x) ? 32 : 8, false)
	                       : sd_get(x, t, x->i.rm);

	(void)r;
	sd_set(x, x->i.reg, ir_vop(x->u, VOP_vfdup64, t, v, 0, 0, 0));
	return true;
}

/* MOVD/MOVQ from r/m32, r/m64. */
bool sd_movd(struct xt *x, const struct simd_row *r)
{
	unsigned n = sd_w(x) ? 8 : 4;
	ir_val v;

	(void)r;
	if (x->i.is_mem) {
		v = sd_load(x, IR_V128, n, false);
	} else {
		v = ir_get(x->u, xt_type(n), XS_GPR + x->i.rm);
		v = ir_vop(x->u, n == 8 ? VOP_vfromi64 : VOP_vfromi32, IR_V128, v, 0, 0,
		           0);
	}
	sd_set(x, x->i.reg, v);
	return true;
}

bool sd_movd_st(struct xt *x, const struct simd_row *r)
{
	unsigned n = sd_w(x) ? 8 : 4;
	ir_val v = sd_get(x, IR_V128, x->i.reg);

	(void)r;
	if (x->i.is_mem) {
		sd_store(x, n, false, v);
	} else {
		v = ir_vop(x->u, n == 8 ? VOP_vtoi64 : VOP_vtoi32, xt_type(n), v, 0, 0,
		           0);
		xt_set_gpr(x, n, x->i.rm, v);
	}
	return true;
}

/* MOVQ xmm, xmm/m64 */
bool sd_movq(struct xt *x, const struct simd_row *r)
{
	ir_val v = x->i.is_mem ? sd_load(x, IR_V128, 8, false)
	                       : ir_vop(x->u, VOP_vzextlo64, IR_V128,
	                                sd_get(x, IR_V128, x->i.rm), 0, 0, 0);

	(void)r;
	sd_set(x, x->i.reg, v);
	return true;
}

bool sd_movq_st(struct xt *x, const struct simd_row *r)
{
	ir_val v = sd_get(x, IR_V128, x->i.reg);

	(void)r;
	if (x->i.is_mem) {
		sd_store(x, 8, false, v);
	} else {
		sd_set(x, x->i.rm, ir_vop(x->u, VOP_vzextlo64, IR_V128, v, 0, 0, 0));
	}
	return true;
}

/* PEXTRB/W/D/Q, EXTRACTPS: element of reg to r/m; vop, msize (4: D or Q by W, not for
 * EXTRACTPS, which has SF_W0 meaning "W ignored" in its table row's vop). */
bool sd_ext(struct xt *x, const struct simd_row *r)
{
	bool q = r->fl & SF_WQ && sd_w(x);
	unsigned vop = q ? VOP_vext64 : r->vop, n = q ? 8 : r->msize;
	ir_val v = sd_get(x, IR_V128, x->i.reg);

	v = ir_vop(x->u, vop, q ? IR_I64 : IR_I32, v, 0, 0, (uint8_t)x->i.imm);
	if (!x->i.is_mem) {
		xt_set_gpr(x, q ? 8 : 4, x->i.rm, v);
		return true;
	}
	sd_store(x, n, false, v);
	return true;
}

/* PINSRB/W/D/Q */
bool sd_ins(struct xt *x, const struct simd_row *r)
{
	bool q = r->fl & SF_WQ && sd_w(x);
	unsigned n = q ? 8 : r->msize;
	ir_val a, v;

	if (x->i.is_mem) {
		v = ir_ld(x->u, q ? IR_I64 : IR_I32, xt_mem(x, n, false), xt_msize(n));
	} else {
		v = ir_get(x->u, q ? IR_I64 : IR_I32, XS_GPR + x->i.rm);
	}
	a = sd_src1(x, IR_V128);
	sd_set(x, x->i.reg,
	       ir_vop(x->u, q ? VOP_vins64 : r->vop, IR_V128, a, v, 0,
	              (uint8_t)x->i.imm));
	return true;
}

/* INSERTPS: the memory form has no source element. */
bool sd_insps(struct xt *x, const struct simd_row *r)
{
	int imm = (uint8_t)x->i.imm;
	ir_val a, b;

	(void)r;
	if (x->i.is_mem) {
		b = sd_load(x, IR_V128, 4, false);
		imm &= 0x3f;
	} else {
		b = sd_get(x, IR_V128, x->i.rm);
	}
	a = sd_src1(x, IR_V128);
	sd_set(x, x->i.reg, ir_vop(x->u, VOP_vfins32, IR_V128, a, b, 0, imm));
	return true;
}

/* VBROADCASTSS/SD, VPBROADCASTx: vop, msize. Register sources came with AVX2. */
bool sd_bcast(struct xt *x, const struct simd_row *r)
{
	ir_val v;

	if (x->i.vvvv || (!x->i.is_mem && !x86_has(x->cpu, XF_AVX2))) {
		return false;
	}
	v = x->i.is_mem ? sd_load(x, IR_V128, r->msize, false)
	                : sd_get(x, IR_V128, x->i.rm);
	sd_set(x, x->i.reg, ir_vop(x->u, r->vop, sd_vt(x), v, 0, 0, 0));
	return true;
}

/* VBROADCASTF128, VBROADCASTI128 */
bool sd_bcast128(struct xt *x, const struct simd_row *r)
{
	ir_val v;

	(void)r;
	if (x->i.vvvv) {
		return false;
	}
	v = sd_load(x, IR_V128, 16, false);
	v = ir_vop(x->u, VOP_vfins128, IR_V256,
	           ir_vop(x->u, VOP_vzext128, IR_V256, v, 0, 0, 0), v, 0, 1);
	sd_set(x, x->i.reg, v);
	return true;
}

/* VEXTRACTF128, VEXTRACTI128 */
bool sd_ext128(struct xt *x, const struct simd_row *r)
{
	ir_val v = sd_get(x, IR_V256, x->i.reg);

	if (x->i.vvvv) {
		return false;
	}
	v = ir_vop(x->u, r->vop, IR_V128, v, 0, 0, (uint8_t)x->i.imm);
	if (x->i.is_mem) {
		sd_store(x, 16, false, v);
	} else {
		sd_set(x, x->i.rm, v);
	}
	return true;
}
