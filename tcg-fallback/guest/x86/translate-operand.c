/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * translate-operand.c - operands of x86 instructions as IR values: registers,
 * addresses, memory, the stack, flags.
 *
 * Models: SDM vol. 1, 3.7 (operand addressing) and 6.2 (stack).
 *
 * Known gaps: 16-bit wrap of an access that straddles the end of a segment;
 * alignment checks (EFLAGS.AC).
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

enum ir_type xt_type(unsigned size)
{
	switch (size) {
	case 1: return IR_I8;
	case 2: return IR_I16;
	case 4: return IR_I32;
	case 8: return IR_I64;
	case 16: return IR_V128;
	default: return IR_V256;
	}
}

unsigned xt_msize(unsigned size)
{
	return (unsigned)__builtin_ctz(size);
}

unsigned xt_size(const struct xt *x, unsigned n)
{
	return xi_size(&x->i, n, x->key);
}

ir_val xt_imm(struct xt *x, enum ir_type t, int64_t v)
{
	switch (t) {
	case IR_I8: v = (int8_t)v; break;
	case IR_I16: v = (int16_t)v; break;
	case IR_I32: v = (int32_t)v; break;
	default: break;
	}
	return ir_const(x->u, t, v);
}

/* ---- registers ---- */

ir_val xt_gpr(struct xt *x, unsigned size, unsigned reg)
{
	struct ir_unit *u = x->u;

	if (size == 1 && !x->i.rex && reg >= 4 && reg < 8) {
		ir_val v = ir_get(u, IR_I32, XS_GPR + reg - 4);

		return ir_trunc(u, IR_I8, ir_extr(u, IR_I32, v, 8, 8));
	}
	return ir_get(u, xt_type(size), XS_GPR + reg);
}

void xt_set_gpr(struct xt *x, unsigned size, unsigned reg, ir_val v)
{
	struct ir_unit *u = x->u;
	unsigned pos = 0;

	switch (size) {
	case 8: break;
	case 4: v = ir_zext(u, IR_I64, v, IR_I32); break;
	default:
		if (size == 1 && !x->i.rex && reg >= 4 && reg < 8) {
			reg -= 4;
			pos = 8;
		}
		v = ir_dep(u, IR_I64, ir_get(u, IR_I64, XS_GPR + reg), v, pos,
		           size * 8);
	}
	ir_set(u, XS_GPR + reg, v);
}

/* ---- addresses ---- */

ir_val xt_env32(struct xt *x, unsigned off)
{
	return ir_ldenv(x->u, IR_I32, off);
}

static unsigned xt_seg_off(unsigned seg)
{
	return offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_seg) +
	       offsetof(struct x86_seg, base);
}

static bool xt_has_base(const struct xt *x, unsigned seg)
{
	if (seg == X86_FS || seg == X86_GS) {
		return true;
	}
	return x->code != XH_CODE64 && (x->key & XH_BASE(seg));
}

static void xt_seg_check(struct xt *x, unsigned seg, ir_val off, unsigned size,
                         bool write)
{
	struct ir_unit *u = x->u;

	if (x->code == XH_CODE64 || !size) {
		return;
	}
	if (seg == X86_CS && write && x->key & XH_PE && !(x->key & XH_VM86)) {
		xt_call(x, XHELP_raise, ir_const(u, IR_I64, X86_EXC_GP),
		        ir_const(u, IR_I64, 0), 0,
		        0); /* code segments are never writable; what follows is dead */
		return;
	}
	if (!(x->key & XH_CHK(seg))) {
		return;
	}
	xt_call(x, XHELP_seg_check, ir_const(u, IR_I64, seg), off,
	        ir_const(u, IR_I64,
	                 MIN(size, 255u) | (unsigned)write << 8 | x->i.asize << 16),
	        0);
}

/* Legacy modes: linear addresses are 32 bits wide. off: zero-extended i64. */
static ir_val xt_legacy_linear(struct xt *x, unsigned seg, ir_val off)
{
	struct ir_unit *u = x->u;
	ir_val s;

	if (!xt_has_base(x, seg)) {
		return off;
	}
	s = ir_op2(u, IR_add, IR_I32, ir_trunc(u, IR_I32, off),
	           xt_env32(x, xt_seg_off(seg)));
	return ir_zext(u, IR_I64, s, IR_I32);
}

struct ir_addr xt_seg_addr(struct xt *x, unsigned seg, ir_val off, unsigned hint,
                           unsigned size, bool write)
{
	struct ir_addr ad = { .base = off, .hint = (uint8_t)hint };

	if (x->code == XH_CODE64) {
		if (xt_has_base(x, seg)) {
			ad.base = ir_ldenv(x->u, IR_I64, xt_seg_off(seg));
			ad.index = off;
			ad.hint = (uint8_t)(seg == X86_GS ? 28 + (hint & 3)
			                                  : 24 + (hint & 3));
		}
		return ad;
	}
	xt_seg_check(x, seg, off, size, write);
	ad.base = xt_legacy_linear(x, seg, off);
	return ad;
}

/* Window number: which guest register the access hangs off. */
static uint8_t xt_hint(const struct xt *x)
{
	const struct x86_insn *i = &x->i;
	uint32_t page = (uint32_t)i->disp >> 12;

	if (i->seg == X86_FS || i->seg == X86_GS) {
		unsigned k = i->base < 16 ? i->base : page;

		return (uint8_t)((i->seg == X86_GS ? 28 : 24) + (k & 3));
	}
	if (i->base < 16) {
		return i->base;
	}
	if (i->base == XR_RIP) {
		page = (uint32_t)((x->u->pc + x->next + (uint64_t)(int64_t)i->disp) >>
		                  12);
	} else if (i->base == XR_MOFFS) {
		page = (uint32_t)((uint64_t)i->imm >> 12);
	} else if (i->index < 16) {
		page += i->index;
	}
	return (uint8_t)(16 + (page & 7));
}

/* Effective address, computed in `bits` wide arithmetic; i64, zero-extended. */
static ir_val xt_ea_narrow(struct xt *x)
{
	const struct x86_insn *i = &x->i;
	struct ir_unit *u = x->u;
	enum ir_type t = IR_I32;
	ir_val v = 0;

	if (i->base == XR_MOFFS) {
		return ir_const(u, IR_I64, i->imm);
	}
	if (i->base == XR_RIP) {
		v = ir_trunc(u, t, ir_pc(u, (int64_t)x->next + i->disp));
		return ir_zext(u, IR_I64, v, t);
	}
	if (i->base != XR_NONE) {
		v = ir_get(u, t, XS_GPR + i->base);
	}
	if (i->index != XR_NONE) {
		ir_val n = ir_get(u, t, XS_GPR + i->index);

		if (i->scale) {
			n = ir_op2(u, IR_shl, t, n, ir_const(u, IR_I8, i->scale));
		}
		v = v ? ir_op2(u, IR_add, t, v, n) : n;
	}
	if (!v) {
		uint32_t d = i->asize == 2 ? (uint16_t)i->disp : (uint32_t)i->disp;

		return ir_const(u, IR_I64, d);
	}
	if (i->disp) {
		v = ir_op2i(u, IR_add, t, v, i->disp);
	}
	if (i->asize == 2) {
		return ir_zext(u, IR_I64, ir_trunc(u, IR_I16, v), IR_I16);
	}
	return ir_zext(u, IR_I64, v, t);
}

static struct ir_addr xt_mem64(struct xt *x)
{
	const struct x86_insn *i = &x->i;
	struct ir_unit *u = x->u;
	struct ir_addr ad = { .hint = xt_hint(x), .disp = i->disp };
	ir_val segbase = 0;

	if (i->seg == X86_FS || i->seg == X86_GS) {
		segbase = ir_ldenv(u, IR_I64, xt_seg_off(i->seg));
	}
	if (i->base == XR_RIP) {
		ad.base = ir_pc(u, (int64_t)x->next + i->disp);
		ad.disp = 0;
	} else if (i->base == XR_MOFFS) {
		ad.base = ir_const(u, IR_I64, i->imm);
	} else if (i->base != XR_NONE) {
		ad.base = ir_get(u, IR_I64, XS_GPR + i->base);
	}
	if (i->index != XR_NONE) {
		ad.index = ir_get(u, IR_I64, XS_GPR + i->index);
		ad.scale = i->scale;
	}
	if (segbase && ad.base && ad.index) {
		ad.base = ir_op2(u, IR_add, IR_I64, segbase, ad.base);
	} else if (segbase && ad.base) {
		ad.index = ad.base;
		ad.base = segbase;
		ad.scale = 0;
	} else if (segbase) {
		ad.base = segbase;
	} else if (!ad.base && !ad.index) {
		ad.base = ir_const(u, IR_I64, ad.disp);
		ad.disp = 0;
	}
	return ad;
}

struct ir_addr xt_mem(struct xt *x, unsigned size, bool write)
{
	const struct x86_insn *i = &x->i;

	if (x->ea_ok) {
		return x->ea;
	}
	if (i->asize == 8) {
		x->ea = xt_mem64(x);
	} else {
		x->ea = xt_seg_addr(x, i->seg, xt_ea_narrow(x), xt_hint(x), size,
		                    write);
	}
	x->ea_ok = true;
	return x->ea;
}

static ir_val xt_addr_value(struct xt *x, struct ir_addr ad)
{
	struct ir_unit *u = x->u;
	ir_val v = ad.base;

	if (ad.index) {
		ir_val n = ad.index;

		if (ad.scale) {
			n = ir_op2(u, IR_shl, IR_I64, n, ir_const(u, IR_I8, ad.scale));
		}
		v = v ? ir_op2(u, IR_add, IR_I64, v, n) : n;
	}
	if (ad.disp) {
		v = ir_op2i(u, IR_add, IR_I64, v, ad.disp);
	}
	return v;
}

ir_val xt_linear(struct xt *x, unsigned size, bool write)
{
	return xt_addr_value(x, xt_mem(x, size, write));
}

/* LEA: the address without segment, i64 truncated to the address size. */
void xi_lea(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize;
	ir_val v;

	x->i.seg = X86_DS;
	v = x->i.asize == 8 ? xt_addr_value(x, xt_mem64(x)) : xt_ea_narrow(x);
	if (size < 8) {
		v = ir_trunc(u, xt_type(size), v);
	}
	xt_set_gpr(x, size, x->i.reg, v);
}

/* ---- operands by number ---- */

bool xt_is_mem(const struct xt *x, unsigned n)
{
	unsigned c = xi_operands[x->i.d->op[n]].cls;

	return c == XC_MEM || c == XC_MOFFS || (c == XC_RM && x->i.is_mem);
}

static unsigned xt_reg_of(const struct xt *x, unsigned op)
{
	switch (xi_operands[op].cls) {
	case XC_RM:
	case XC_RMREG: return x->i.rm;
	case XC_REG: return x->i.reg;
	case XC_VVVV: return x->i.vvvv;
	case XC_OPREG: return (x->i.opcode & 7) | (x->i.rex & 1 ? 8 : 0);
	default: return op == CL ? X86_RCX : op == DX ? X86_RDX : X86_RAX;
	}
}

ir_val xt_rd(struct xt *x, unsigned n)
{
	unsigned op = x->i.d->op[n], size = xt_size(x, n);

	if (xt_is_mem(x, n)) {
		return ir_ld(x->u, xt_type(size), xt_mem(x, size, false),
		             xt_msize(size));
	}
	if (xi_operands[op].cls == XC_IMM) {
		/* the size that counts is the first operand's */
		return xt_imm(x, xt_type(xt_size(x, 0)), x->i.imm);
	}
	if (op == ONE) {
		return xt_imm(x, IR_I8, 1);
	}
	return xt_gpr(x, size, xt_reg_of(x, op));
}

ir_val xt_rd_rmw(struct xt *x, unsigned n)
{
	unsigned size = xt_size(x, n);

	if (!xt_is_mem(x, n)) {
		return xt_rd(x, n);
	}
	return ir_ld(x->u, xt_type(size), xt_mem(x, size, true),
	             xt_msize(size) | IR_M_RMW);
}

void xt_wr(struct xt *x, unsigned n, ir_val v)
{
	unsigned size = xt_size(x, n);

	if (xt_is_mem(x, n)) {
		ir_st(x->u, xt_type(size), xt_mem(x, size, true), xt_msize(size), v);
	} else {
		xt_set_gpr(x, size, xt_reg_of(x, x->i.d->op[n]), v);
	}
}

ir_val xt_areg(struct xt *x, unsigned reg)
{
	struct ir_unit *u = x->u;
	enum ir_type t = xt_type(x->i.asize);

	return x->i.asize == 8 ? ir_get(u, IR_I64, XS_GPR + reg)
	                       : ir_zext(u, IR_I64, ir_get(u, t, XS_GPR + reg), t);
}

void xt_set_areg(struct xt *x, unsigned reg, ir_val v64)
{
	if (x->i.asize < 8) {
		v64 = ir_trunc(x->u, xt_type(x->i.asize), v64);
	}
	xt_set_gpr(x, x->i.asize, reg, v64);
}

/* ---- stack ---- */

unsigned xt_stack_size(const struct xt *x)
{
	return x->code == XH_CODE64 ? 8 : x->key & XH_SS32 ? 4 : 2;
}

struct ir_addr xt_stack_addr(struct xt *x, unsigned size, int disp, bool write)
{
	struct ir_unit *u = x->u;
	unsigned ss = xt_stack_size(x);
	struct ir_addr ad = { .hint = X86_RSP };
	ir_val v = ir_get(u, xt_type(ss), XS_GPR + X86_RSP);

	if (ss == 8) {
		ad.base = v;
		ad.disp = disp;
		return ad;
	}
	if (disp) {
		v = ir_op2i(u, IR_add, xt_type(ss), v, disp);
	}
	v = ir_zext(u, IR_I64, v, xt_type(ss));
	return xt_seg_addr(x, X86_SS, v, X86_RSP, size, write);
}

ir_val xt_stack_ld(struct xt *x, unsigned size, int disp)
{
	return ir_ld(x->u, xt_type(size), xt_stack_addr(x, size, disp, false),
	             xt_msize(size));
}

void xt_stack_st(struct xt *x, unsigned size, int disp, ir_val v)
{
	ir_st(x->u, xt_type(size), xt_stack_addr(x, size, disp, true), xt_msize(size),
	      v);
}

void xt_sp_add(struct xt *x, int64_t n)
{
	unsigned ss = xt_stack_size(x);
	ir_val v = ir_get(x->u, xt_type(ss), XS_GPR + X86_RSP);

	xt_set_gpr(x, ss, X86_RSP, ir_op2i(x->u, IR_add, xt_type(ss), v, n));
}

void xt_push(struct xt *x, unsigned size, ir_val v)
{
	xt_stack_st(x, size, -(int)size, v);
	xt_sp_add(x, -(int)size);
}

/* ---- flags ---- */

void xt_fset_mix(struct xt *x, unsigned mask, ir_val fl)
{
	struct ir_ins in = { .op = IR_fmix, .type = IR_FLAGS, .a = fl, .imm = mask };

	in.b = ir_fget(x->u);
	ir_fset(x->u, ir_emit(x->u, in));
}

ir_val xt_funpack(struct xt *x, ir_val packed32)
{
	return ir_emit(
		x->u,
		(struct ir_ins){ .op = IR_funpack, .type = IR_FLAGS, .a = packed32 });
}

void xt_set_cf(struct xt *x, ir_val bit32)
{
	xt_fset_mix(x, IR_FL_C, xt_funpack(x, bit32));
}
