/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vec.c - vector and scalar floating-point sub-ops, generic from ir/vecops.def.
 *
 * Every sub-op is one VEX instruction (SHA: legacy encoding). Values are in vector
 * registers that are all scratch; slots are loaded and stored around, or used as
 * memory operands. VEX.128 results have the register's high half zeroed (zb 128).
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include <errno.h>

#include "tcg-fallback/host/x86/emit.h"
#include "tcg-fallback/ir/vecops.h"

void vec_load(struct gen *g, unsigned type, unsigned x, struct amem m)
{
	uint32_t op = type == IR_V256  ? 0x10 | A_0F | A_L
	              : type == IR_F32 ? 0x6e | A_0F | A_66
	              : type == IR_F64 ? 0x7e | A_0F | A_F3
	                               : 0x10 | A_0F;

	asm_vrm(&g->b, op, x, 0, m);
}

void vec_store(struct gen *g, unsigned type, struct amem m, unsigned x)
{
	uint32_t op = type == IR_V256  ? 0x11 | A_0F | A_L
	              : type == IR_F32 ? 0x7e | A_0F | A_66
	              : type == IR_F64 ? 0xd6 | A_0F | A_66
	                               : 0x11 | A_0F;

	asm_vrm(&g->b, op, x, 0, m);
}

void op_vec_set(struct gen *g, const struct ir_ins *in, int64_t off, bool zero_high)
{
	unsigned x = gen_xreg(g, in->a), type = g->ins[in->a].type;

	gen_env_store(g, off, zero_high ? 32 : ir_type_bytes[type]);
	if (zero_high) {
		if (g->v[in->a].zb != 128) {
			unsigned t = gen_xscratch(g);

			asm_vrr(&g->b, 0x28 | A_0F, t, 0, x);
			x = t;
		}
		type = IR_V256;
	}
	vec_store(g, type, env_mem(off), x);
}

bool vec_supported(unsigned vop, bool wide)
{
	switch (vop_info[vop].cpu) {
	case VC_AVX: return x86_host.avx;
	case VC_INT: return wide ? x86_host.avx2 : x86_host.avx;
	case VC_AVX2: return x86_host.avx2;
	case VC_FMA: return x86_host.fma;
	case VC_F16C: return x86_host.f16c;
	case VC_AES: return x86_host.aes;
	case VC_CLMUL: return x86_host.clmul;
	case VC_SHA: return x86_host.sha;
	default: return false;
	}
}

/* Sub-ops whose memory form means something else, or demands alignment. */
static bool vec_reg_only(unsigned vop)
{
	switch (vop) {
	case VOP_vmovhl:
	case VOP_vmovlh:
	case VOP_smov32:
	case VOP_smov64:
	case VOP_vfins32:
	case VOP_vmsk8:
	case VOP_vmsk32:
	case VOP_vmsk64:
	case VOP_vext16:
	case VOP_vlow128:
	case VOP_vzext128:
	case VOP_vins8:
	case VOP_vins16: return true;
	default: return false;
	}
}

struct vrm {
	bool is_mem;
	unsigned reg;
	struct amem m;
};

static bool vec_class(char c)
{
	return c == 'v' || c == 'x' || c == 'y';
}

/* Argument v of class cls as the rm operand. */
static struct vrm vec_rm(struct gen *g, unsigned v, char cls, bool mem_ok)
{
	struct vrm o = { 0 };
	const struct val *x = &g->v[v];

	if (vec_class(cls)) {
		if (mem_ok && x->kind == VK_VSPILL) {
			o.is_mem = true;
			o.m = frame_mem((int)(FR_VSPILL + 32 * x->imm));
		} else if (mem_ok && x->kind == VK_ENV && x->last <= g->i) {
			o.is_mem = true;
			o.m = env_mem(x->imm);
		} else {
			o.reg = gen_xreg(g, v);
		}
	} else if (mem_ok && gen_is_mem(g, v, cls == 'q' ? 3 : 2, &o.m)) {
		o.is_mem = true;
	} else {
		o.reg = gen_reg(g, v);
	}
	return o;
}

static void vec_put(struct gen *g, uint32_t op, unsigned reg, unsigned vvvv,
                    const struct vrm *o)
{
	if (o->is_mem) {
		asm_vrm(&g->b, op, reg, vvvv, o->m);
	} else {
		asm_vrr(&g->b, op, reg, vvvv, o->reg);
	}
}

/* Defines the result of class cls in register d. */
static void vec_def(struct gen *g, char cls, unsigned d)
{
	if (cls == 'w' || cls == 'q') {
		gen_def(g, g->i, d, cls == 'w' ? 32 : 64);
	} else {
		gen_xdef(g, g->i, d, g->ins[g->i].type == IR_V256 ? 255 : 128);
	}
}

static unsigned vec_dest(struct gen *g, char cls)
{
	return cls == 'w' || cls == 'q' ? gen_dest(g, g->i) : gen_xscratch(g);
}

/*
 * Legacy-encoded instructions between VEX ones cost a state transition each while the high
 * half of any vector register is in use (measured: 260 ns against 6 for a SHA round). So
 * 256-bit values go to the stack and the high halves are cleared first.
 */
static void vec_before_legacy(struct gen *g)
{
	for (unsigned x = 0; x < 16; x++) {
		bool wide = false;

		for (unsigned y = g->xhead[x]; y; y = g->v[y].next) {
			wide |= g->ins[y].type == IR_V256 && g->v[y].last >= g->i;
		}
		if (wide) {
			gen_xevict(g, x);
		}
	}
	asm_8(&g->b, 0xc5); /* VZEROUPPER */
	asm_8(&g->b, 0xf8);
	asm_8(&g->b, 0x77);
}

/* Legacy-encoded SHA: result register holds a; c in XMM0. */
static void vec_sha(struct gen *g, const struct ir_ins *in, const struct vop_info *vi,
                    uint32_t op)
{
	unsigned b, c, d;

	vec_before_legacy(g);
	if (vi->n_args == 3) {
		gen_xevict(g, 0);
		g->xlocked |= 1;
		c = gen_xreg(g, in->c);
		asm_vrr(&g->b, 0x28 | A_0F, 0, 0, c);
	}
	b = gen_xreg(g, in->b);
	c = gen_xreg(g, in->a);
	d = gen_xscratch(g);
	asm_vrr(&g->b, 0x28 | A_0F, d, 0, c);
	asm_rr(&g->b, op & ~A_W, d, b);
	if (vi->flags & VO_IMM) {
		asm_8(&g->b, (unsigned)in->imm);
	}
	gen_xdef(g, g->i, d, 128);
}

/* The low half of a vector still in memory is just another place in memory. */
static bool vec_low_in_memory(struct gen *g, const struct ir_ins *in)
{
	const struct val *a = &g->v[in->a];

	if (in->d != VOP_vlow128 || a->kind != VK_ENV) {
		return false;
	}
	gen_def_env(g, g->i, a->imm);
	return true;
}

static void vec_fma(struct gen *g, const struct ir_ins *in, uint32_t op)
{
	unsigned a, b, d;
	struct vrm c;

	b = gen_xreg(g, in->b);
	c = vec_rm(g, in->c, 'v', true);
	a = gen_xreg(g, in->a);
	if (!gen_xlive_after(g, a) && a != b && (c.is_mem || a != c.reg)) {
		d = a;
	} else {
		d = gen_xscratch(g);
		asm_vrr(&g->b, 0x28 | A_0F | (in->type == IR_V256 ? A_L : 0), d, 0, a);
	}
	vec_put(g, op, d, b, &c);
	gen_xdef(g, g->i, d, in->type == IR_V256 ? 255 : 128);
}

void op_vop(struct gen *g, const struct ir_ins *in)
{
	const struct vop_info *vi = &vop_info[in->d];
	bool wide = vop_width(g->u, in) == IR_V256, mem_ok = !vec_reg_only(in->d);
	uint32_t op = vi->op | (uint32_t)vi->pp << 10 | (uint32_t)vi->map << 8 |
	              (vi->w ? A_W : 0) |
	              (vi->l == VL_1 || (vi->l == VL_V && wide) ? A_L : 0);
	unsigned d, a, c;
	struct vrm o;

	if (!vec_supported(in->d, wide)) {
		g->err = -ENOTSUP;
		return;
	}
	if (vec_low_in_memory(g, in)) {
		return;
	}
	switch (vi->form) {
	case VF_RM:
		o = vec_rm(g, in->a, vi->cls[1], mem_ok);
		d = vec_dest(g, vi->cls[0]);
		vec_put(g, op, d, 0, &o);
		break;
	case VF_RVM:
		a = gen_xreg(g, in->a);
		o = vec_rm(g, in->b, vi->cls[2], mem_ok);
		d = vec_dest(g, vi->cls[0]);
		vec_put(g, op, d, a, &o);
		break;
	case VF_RVMR:
		a = gen_xreg(g, in->a);
		c = gen_xreg(g, in->c);
		o = vec_rm(g, in->b, vi->cls[2], mem_ok);
		d = vec_dest(g, vi->cls[0]);
		vec_put(g, op, d, a, &o);
		asm_8(&g->b, c << 4);
		break;
	case VF_VMI:
		a = gen_xreg(g, in->a);
		d = vec_dest(g, vi->cls[0]);
		asm_vrr(&g->b, op, vi->ext, d, a);
		break;
	case VF_MR:
		a = gen_xreg(g, in->a);
		d = vec_dest(g, vi->cls[0]);
		asm_vrr(&g->b, op, a, 0, d);
		break;
	case VF_CMP:
		a = gen_xreg(g, in->a);
		o = vec_rm(g, in->b, vi->cls[2], mem_ok);
		fl_clobber(g);
		g->ef_at = asm_pos(&g->b);
		vec_put(g, op, a, 0, &o);
		if (g->v[g->i].last > g->i) {
			g->ef = (uint16_t)g->i;
			g->v[g->i].fstate = FS_EFLAGS;
		}
		return;
	case VF_FMA: vec_fma(g, in, op); return;
	default: vec_sha(g, in, vi, op); return;
	}
	if (vi->flags & VO_IMM) {
		asm_8(&g->b, (unsigned)in->imm);
	}
	vec_def(g, vi->cls[0], d);
}

/* b or c by a condition of the host flags: a short jump over a move. */
void vec_select(struct gen *g, const struct ir_ins *in, unsigned cc)
{
	uint32_t mov = 0x28 | A_0F | (in->type == IR_V256 ? A_L : 0), j;
	unsigned b, c, d;

	/* loads leave the flags alone; constants are made by vector instructions */
	b = gen_xreg(g, in->b);
	c = gen_xreg(g, in->c);
	d = gen_xscratch(g);
	asm_vrr(&g->b, mov, d, 0, b);
	j = asm_jcc8(&g->b, cc);
	asm_vrr(&g->b, mov, d, 0, c);
	asm_here8(&g->b, j);
	gen_xdef(g, g->i, d, in->type == IR_V256 ? 255 : 128);
}
