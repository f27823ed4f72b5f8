/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-misc.c - SIMD instructions of other shapes: shifts by immediate, fused
 * multiply-add, variable blends, masked moves and gathers (helpers), string compares
 * (helper), SHA rounds, half precision, EMMS/VZEROUPPER, VLDMXCSR.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/simd.h"

/* Groups 12, 13, 14. vop: of the row is unused. */
bool sd_shift_imm(struct xt *x, const struct simd_row *r)
{
	static const uint16_t vops[3][8] = {
		{ [2] = VOP_vshri16, [4] = VOP_vsari16, [6] = VOP_vshli16 },
		{ [2] = VOP_vshri32, [4] = VOP_vsari32, [6] = VOP_vshli32 },
		{ [2] = VOP_vshri64,
		  [3] = VOP_vshrb,
		  [6] = VOP_vshli64,
		  [7] = VOP_vshlb },
	};
	unsigned vop = vops[x->i.opcode - 0x71][x->i.reg & 7];
	enum ir_type t = sd_vt(x);
	ir_val v;

	(void)r;
	if (!vop || x->i.is_mem) {
		return false;
	}
	v = ir_vop(x->u, vop, t, sd_get(x, t, x->i.rm), 0, 0, (uint8_t)x->i.imm);
	sd_set(x, x->i.vex ? x->i.vvvv : x->i.rm, v);
	return true;
}

/*
 * Opcodes 96..9F 132, A6..AF 213, B6..BF 231; low nibble: the operation, odd from 9 on:
 * scalar. The vop's NaN order is b, a, c; hence who is a and who is b:
 *   132: dest * rm + vvvv    213: vvvv * dest + rm	231: vvvv * rm + dest
 */
bool sd_fma(struct xt *x, const struct simd_row *r)
{
	static const uint16_t packed[16] = {
		[0x6] = VOP_vfmaddsub32, [0x7] = VOP_vfmsubadd32, [0x8] = VOP_vfmadd32,
		[0xa] = VOP_vfmsub32,    [0xc] = VOP_vfnmadd32,   [0xe] = VOP_vfnmsub32,
	};
	static const uint16_t scalar[16] = {
		[0x9] = VOP_smadd32,
		[0xb] = VOP_smsub32,
		[0xd] = VOP_snmadd32,
		[0xf] = VOP_snmsub32,
	};
	unsigned op = x->i.opcode & 15, order = x->i.opcode >> 4;
	bool s = scalar[op] != 0, w = x->i.rex & 8;
	unsigned vop = (s ? scalar[op] : packed[op]) + w;
	enum ir_type t = s ? IR_V128 : sd_vt(x);
	unsigned bytes = s ? (w ? 8 : 4) : sd_wide(x) ? 32 : 16;
	ir_val m = x->i.is_mem ? sd_load(x, t, bytes, false) : sd_get(x, t, x->i.rm);
	ir_val d = sd_get(x, t, x->i.reg), v = sd_get(x, t, x->i.vvvv), res;

	(void)r;
	if (order == 9) {
		res = sd_vop(x, vop, t, m, d, v, 0);
	} else if (order == 0xa) {
		res = sd_vop(x, vop, t, d, v, m, 0);
	} else {
		res = sd_vop(x, vop, t, m, v, d, 0);
	}
	if (s && order != 0xa) { /* upper bits are the destination's */
		res = ir_vop(x->u, w ? VOP_smov64 : VOP_smov32, t, d, res, 0, 0);
	}
	sd_set(x, x->i.reg, res);
	return true;
}

/* SSE4.1 blends: mask in XMM0. */
bool sd_blendv0(struct xt *x, const struct simd_row *r)
{
	ir_val b = sd_rm(x, r, IR_V128, 16), a = sd_get(x, IR_V128, x->i.reg);

	sd_set(x, x->i.reg,
	       ir_vop(x->u, r->vop, IR_V128, a, b, sd_get(x, IR_V128, 0), 0));
	return true;
}

/* AVX blends: mask in imm8[7:4]. */
bool sd_blendv4(struct xt *x, const struct simd_row *r)
{
	enum ir_type t = sd_vt(x);
	unsigned m = (uint8_t)x->i.imm >> 4 & (x->code == XH_CODE64 ? 15 : 7);
	ir_val b = sd_rm(x, r, t, sd_wide(x) ? 32 : 16), a = sd_src1(x, t);

	sd_set(x, x->i.reg, ir_vop(x->u, r->vop, t, a, b, sd_get(x, t, m), 0));
	return true;
}

/*
 * VGATHERxxx: one helper, which works on the registers in memory. Argument: base
 * address (with displacement), and the rest packed.
 *   bits 0..3 dest, 4..7 mask, 8..11 index, 12..13 scale, 14 256-bit, 15 64-bit elements,
 *   16 64-bit indices, 17 32-bit addresses, 18..20 segment + 1 when its base counts
 */
bool sd_gather(struct xt *x, const struct simd_row *r)
{
	const struct x86_insn *i = &x->i;
	bool e64 = i->rex & 8, i64 = i->opcode & 1;
	unsigned idx = i->index, d;
	struct x86_insn save = x->i;
	ir_val base;

	(void)r;
	if (!i->is_mem || (i->modrm & 7) != 4) {
		return false;
	}
	if (idx == XR_NONE) {
		idx = 4; /* no "none" among vector indices */
	}
	if (i->reg == i->vvvv || i->reg == idx || idx == i->vvvv) {
		return false;
	}
	d = i->reg | i->vvvv << 4 | idx << 8 | i->scale << 12 | i->vex_l << 14 |
	    (unsigned)e64 << 15 | (unsigned)i64 << 16 | (unsigned)(i->asize == 4) << 17;
	x->i.index = XR_NONE;
	x->ea_ok = false;
	base = xt_linear(x, 0, false);
	x->i = save;
	xt_call(x, XHELP_gather, base, ir_const(x->u, IR_I64, d), 0, 0);
	return true;
}

/* VMASKMOVPS/PD, VPMASKMOVD/Q: dest or source, mask, address.
 *   bits 0..3 register, 4..7 mask, 8 256-bit, 9 64-bit elements, 10 store */
bool sd_maskmov(struct xt *x, const struct simd_row *r)
{
	bool fp = x->i.opcode < 0x80, store, e64;
	unsigned d;

	(void)r;
	if (fp) { /* 2C, 2D loads, 2E, 2F stores */
		store = x->i.opcode >= 0x2e;
		e64 = x->i.opcode & 1;
	} else {
		store = x->i.opcode == 0x8e;
		e64 = x->i.rex & 8;
	}
	d = x->i.reg | x->i.vvvv << 4 | x->i.vex_l << 8 | (unsigned)e64 << 9 |
	    (unsigned)store << 10;
	xt_call(x, XHELP_maskmov, xt_linear(x, 0, store), ir_const(x->u, IR_I64, d), 0,
	        0);
	return true;
}

/* [DS:rDI] by address size; the helper gets the linear address. Bits 0..3 register, 4..7
 * mask, 8: MMX registers. */
static ir_val sd_rdi(struct xt *x)
{
	struct x86_insn save = x->i;
	ir_val a;

	x->i.is_mem = true;
	x->i.base = X86_RDI;
	x->i.index = XR_NONE;
	x->i.scale = 0;
	x->i.disp = 0;
	x->i.seg = x->i.seg_override == XR_NONE ? X86_DS : x->i.seg_override;
	if (x->code == XH_CODE64 && x->i.seg != X86_FS && x->i.seg != X86_GS) {
		x->i.seg = X86_DS;
	}
	x->ea_ok = false;
	a = xt_linear(x, 16, true);
	x->i = save;
	x->ea_ok = false;
	return a;
}

bool sd_maskmovdqu(struct xt *x, const struct simd_row *r)
{
	unsigned d = x->i.reg | x->i.rm << 4;

	(void)r;
	if (x->i.is_mem || (x->i.vex && x->i.vvvv)) {
		return false;
	}
	xt_call(x, XHELP_maskmovq, sd_rdi(x), ir_const(x->u, IR_I64, d), 0, 0);
	return true;
}

bool sd_mm_maskmov(struct xt *x, const struct simd_row *r)
{
	unsigned d = (x->i.reg & 7) | (x->i.rm & 7) << 4 | 1 << 8;

	(void)r;
	if (x->i.is_mem) {
		return false;
	}
	xt_call(x, XHELP_maskmovq, sd_rdi(x), ir_const(x->u, IR_I64, d), 0, 0);
	return true;
}

/*
 * PCMPESTRM/I, PCMPISTRM/I (60..63). The operands go to the helper in x86_cpu.scratch;
 * it gives ECX in the low word and the flags above, the mask result in scratch.
 */
bool sd_pcmpstr(struct xt *x, const struct simd_row *r)
{
	unsigned off = offsetof(struct x86_cpu, scratch), op = x->i.opcode & 3;
	struct ir_unit *u = x->u;
	ir_val b = sd_rm(x, r, IR_V128, 16), a = sd_get(x, IR_V128, x->i.reg), v;
	ir_val la = 0, lb = 0;
	bool explicit_len = op < 2, index = op & 1;

	if (explicit_len && sd_w(x)) {
		la = ir_get(u, IR_I64, X86_RAX);
		lb = ir_get(u, IR_I64, X86_RDX);
	} else if (explicit_len) {
		la = ir_sext(u, IR_I64, ir_get(u, IR_I32, X86_RAX), IR_I32);
		lb = ir_sext(u, IR_I64, ir_get(u, IR_I32, X86_RDX), IR_I32);
	}
	ir_stenv(u, IR_V128, off, a);
	ir_stenv(u, IR_V128, off + 16, b);
	v = xt_call(
		x, XHELP_pcmpstr,
		ir_const(u, IR_I64, (uint8_t)x->i.imm | (unsigned)explicit_len << 8),
		la, lb, ir_const(u, IR_I64, index && !explicit_len));
	if (index) {
		xt_set_gpr(x, 4, X86_RCX, ir_trunc(u, IR_I32, v));
	} else {
		sd_set(x, 0, ir_ldenv(u, IR_V128, off + 32));
	}
	v = ir_op2i(u, IR_shr, IR_I64, v, 32);
	ir_fset(u, ir_op1(u, IR_funpack, IR_FLAGS, v));
	return true;
}

/* SHA256RNDS2: XMM0 is the third source. */
bool sd_sha_rnds(struct xt *x, const struct simd_row *r)
{
	ir_val b = sd_rm(x, r, IR_V128, 16), a = sd_get(x, IR_V128, x->i.reg);

	sd_set(x, x->i.reg,
	       ir_vop(x->u, r->vop, IR_V128, a, b, sd_get(x, IR_V128, 0), 0));
	return true;
}

/* VCVTPH2PS: half as many bytes as the result has. */
bool sd_cvtph(struct xt *x, const struct simd_row *r)
{
	ir_val v = x->i.is_mem ? sd_load(x, IR_V128, sd_wide(x) ? 16 : 8, false)
	                       : sd_get(x, IR_V128, x->i.rm);

	sd_set(x, x->i.reg, sd_vop(x, r->vop, sd_vt(x), v, 0, 0, 0));
	return true;
}

bool sd_cvtph_st(struct xt *x, const struct simd_row *r)
{
	ir_val v = sd_vop(x, r->vop, IR_V128, sd_get(x, sd_vt(x), x->i.reg), 0, 0,
	                  (uint8_t)x->i.imm);

	if (x->i.is_mem) {
		sd_store(x, sd_wide(x) ? 16 : 8, false, v);
	} else {
		sd_set(x, x->i.rm, v);
	}
	return true;
}

/* EMMS; VZEROUPPER, VZEROALL */
bool sd_emms(struct xt *x, const struct simd_row *r)
{
	unsigned n = x->code == XH_CODE64 ? 16 : 8;

	(void)r;
	if (!x->i.vex) {
		if (!sd_x87_ready(x, true)) {
			return true;
		}
		ir_stenv(x->u, IR_I8, offsetof(struct x86_cpu, fptag),
		         ir_const(x->u, IR_I8, -1));
		ir_stenv(x->u, IR_I8, offsetof(struct x86_cpu, fptop),
		         ir_const(x->u, IR_I8, 0));
		return true;
	}
	if (x->i.vvvv) {
		return false;
	}
	for (unsigned i = 0; i < n; i++) {
		sd_set(x, i, x->i.vex_l ? sd_zero(x, IR_V128) : sd_get(x, IR_V128, i));
	}
	return true;
}

/* VLDMXCSR, VSTMXCSR */
bool sd_mxcsr(struct xt *x, const struct simd_row *r)
{
	struct ir_unit *u = x->u;

	(void)r;
	if (!x->i.is_mem || (x->i.reg & 6) != 2) {
		return false;
	}
	if (x->i.reg & 1) {
		ir_val v = xt_call(x, XHELP_stmxcsr, 0, 0, 0, 0);

		ir_st(u, IR_I32, xt_mem(x, 4, true), IR_M_4, ir_trunc(u, IR_I32, v));
		return true;
	}
	xt_call(x, XHELP_ldmxcsr, ir_ld(u, IR_I64, xt_mem(x, 4, false), IR_M_4), 0, 0,
	        0);
	xt_exit_next(x);
	return true;
}
