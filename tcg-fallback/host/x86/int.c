/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * int.c - integer operations but shifts (shift.c), multiplication and division (muldiv.c).
 *
 * Shape of a two-operand operation: pick the destination (the home the result flows
 * into, an operand's scratch that dies, or a new scratch), copy the first operand there
 * unless it is there, operate with the second from where it is (register, immediate or
 * memory). 8- and 16-bit operations whose flags nobody wants are done in 32 bits.
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include <errno.h>

#include "tcg-fallback/host/x86/emit.h"

struct opnd {
	enum { O_REG, O_IMM, O_MEM } kind;
	unsigned reg;
	int32_t imm;
	struct amem m;
};

static int64_t int_imm(int64_t v, unsigned sz)
{
	return sz == 0 ? (int8_t)v : sz == 1 ? (int16_t)v : sz == 2 ? (int32_t)v : v;
}

/* v as source operand of an instruction of 1 << sz bytes. */
static struct opnd int_src(struct gen *g, unsigned v, unsigned sz)
{
	struct opnd o = { .kind = O_REG };
	int64_t imm;

	if (gen_is_imm(g, v, &imm)) {
		imm = int_imm(imm, sz);
		if (asm_s32(imm)) {
			o.kind = O_IMM;
			o.imm = (int32_t)imm;
			return o;
		}
	} else if (gen_is_mem(g, v, sz, &o.m)) {
		o.kind = O_MEM;
		return o;
	}
	o.reg = gen_reg(g, v);
	return o;
}

static void int_alu(struct gen *g, unsigned op, unsigned sz, unsigned d,
                    const struct opnd *o)
{
	if (o->kind == O_IMM) {
		asm_alu_ri(&g->b, op, sz, d, o->imm);
	} else if (o->kind == O_MEM) {
		asm_alu_rm(&g->b, op, sz, d, o->m);
	} else {
		asm_alu_rr(&g->b, op, sz, d, o->reg);
	}
}

unsigned int_zb(unsigned sz)
{
	return sz == 2 ? 32 : 64;
}

/* Does v already lie in scratch register r's place and die here? */
static bool int_takes(const struct gen *g, unsigned v)
{
	int r = gen_where(g, v);

	return r >= 0 && (SCRATCH_MASK >> r & 1) && !gen_live_after(g, (unsigned)r);
}

/* Merges the low part of v into register r. */
void int_merge(struct gen *g, unsigned v, unsigned r, unsigned sz)
{
	struct opnd o = int_src(g, v, sz);

	if (o.kind == O_IMM) {
		if (sz == 0) {
			asm_rr(&g->b, 0xc6 | A_BM, 0, r);
		} else {
			asm_rr(&g->b, 0xc7 | A_66, 0, r);
		}
		asm_imm(&g->b, sz, o.imm);
	} else if (o.kind == O_MEM) {
		asm_mov_rm(&g->b, sz, r, o.m);
	} else if (o.reg != r) {
		asm_mov_rr(&g->b, sz, r, o.reg);
	}
}

/*
 * Destination of a two-operand operation; swaps operands of commutative ones where that
 * helps. On return *a is in, or is to be copied to, the register.
 */
static unsigned int_dest(struct gen *g, unsigned *a, unsigned *b, bool comm)
{
	unsigned v = g->i, r = gen_home(g, v), t;

	if (r != NOREG) {
		if (gen_where(g, *b) != (int)r || gen_where(g, *a) == (int)r) {
			return r;
		}
		if (comm) {
			t = *a;
			*a = *b;
			*b = t;
			return r;
		}
		gen_unlock(g, r);
	}
	if (comm && !int_takes(g, *a) && int_takes(g, *b)) {
		t = *a;
		*a = *b;
		*b = t;
	}
	if (int_takes(g, *a) && gen_where(g, *b) != gen_where(g, *a)) {
		r = (unsigned)gen_where(g, *a);
		gen_lock(g, r);
		return r;
	}
	if (gen_where(g, *b) >= 0) {
		gen_lock(g, (unsigned)gen_where(g, *b));
	}
	if (gen_where(g, *a) >= 0) {
		gen_lock(g, (unsigned)gen_where(g, *a));
	}
	return gen_scratch(g);
}

/* Low 8 or 16 bits of a home, in place: `add %bl,%al`. */
static bool int_alu_part(struct gen *g, unsigned op, unsigned sz, unsigned a,
                         unsigned b, bool comm)
{
	unsigned r = gen_part(g, g->i), t;
	struct opnd o;

	if (r == NOREG) {
		return false;
	}
	if (gen_where(g, b) == (int)r && gen_where(g, a) != (int)r) {
		if (!comm) {
			gen_unlock(g, r);
			return false;
		}
		t = a;
		a = b;
		b = t;
	}
	o = int_src(g, b, sz);
	if (gen_where(g, a) != (int)r) {
		int_merge(g, a, r, sz);
	}
	fl_clobber(g);
	g->ef_at = asm_pos(&g->b);
	int_alu(g, op, sz, r, &o);
	gen_def_part(g, g->i, r);
	fl_made(g, g->i);
	return true;
}

/* add/sub without flags as LEA into another register. */
static bool int_lea(struct gen *g, unsigned op, unsigned sz, unsigned d, unsigned a,
                    const struct opnd *o)
{
	int r = gen_where(g, a);

	if (sz < 2 || r < 0 || r == (int)d) {
		return false;
	}
	if (op == ALU_ADD && o->kind == O_REG) {
		asm_lea(&g->b, sz, d, amem_x((unsigned)r, o->reg, 0, 0));
	} else if (o->kind == O_IMM && o->imm != INT32_MIN) {
		asm_lea(&g->b, sz, d,
		        amem((unsigned)r, op == ALU_ADD ? o->imm : -o->imm));
	} else {
		return false;
	}
	return true;
}

static void op_alu(struct gen *g, const struct ir_ins *in, unsigned op, bool comm)
{
	struct val *v = &g->v[g->i];
	unsigned sz = ty_sz(in->type), a = in->a, b = in->b, d;
	int64_t imm;
	struct opnd o;

	if (v->defer) {
		fl_make_deferred(g, g->i);
		return;
	}
	if (v->part && int_alu_part(g, op, sz, a, b, comm)) {
		return;
	}
	if (comm && gen_is_imm(g, a, &imm)) {
		a = in->b;
		b = in->a;
	}
	d = int_dest(g, &a, &b, comm);
	sz = v->fl ? sz : MAX(sz, 2u);
	o = int_src(g, b, sz);
	if (!v->fl && (op == ALU_ADD || op == ALU_SUB) &&
	    int_lea(g, op, sz, d, a, &o)) {
		gen_def(g, g->i, d, int_zb(sz));
		return;
	}
	if (gen_where(g, a) != (int)d) {
		gen_load_to(g, a, d, sz);
	}
	fl_clobber(g);
	g->ef_at = asm_pos(&g->b);
	int_alu(g, op, sz, d, &o);
	gen_def(g, g->i, d, int_zb(sz));
	if (op == ALU_AND && o.kind == O_IMM && o.imm > 0 && sz >= 2) {
		v->zb = (uint8_t)(32 - __builtin_clz((unsigned)o.imm));
	}
	fl_made(g, g->i);
}

static void op_adc(struct gen *g, const struct ir_ins *in, unsigned op)
{
	struct val *v = &g->v[g->i];
	unsigned a = in->a, b = in->b, d, f = fl_canon(g, in->c);
	unsigned sz = v->fl ? ty_sz(in->type) : MAX(ty_sz(in->type), 2u);
	struct opnd o;

	if (g->ef == f && g->v[f].last > g->i) {
		fl_clobber(g);
	}
	/* nothing but moves from here to the instruction */
	fl_carry(g, f);
	g->no_release = true;
	d = int_dest(g, &a, &b, op == ALU_ADC);
	o = int_src(g, b, sz);
	if (gen_where(g, a) != (int)d) {
		gen_load_to(g, a, d, sz);
	}
	g->no_release = false;
	if (g->ef && g->v[g->ef].last > g->i) {
		fl_clobber(g); /* only notes that it can be made again */
	}
	int_alu(g, op, sz, d, &o);
	gen_def(g, g->i, d, int_zb(sz));
	fl_made(g, g->i);
}

/* cmp a,b or test a,b; sets the host flags. */
void op_cmp(struct gen *g, bool test, unsigned type, unsigned a, unsigned b)
{
	unsigned sz = ty_sz(type), ra;
	struct amem m;
	struct opnd o;
	int64_t imm;

	if (test && gen_is_imm(g, a, &imm)) {
		unsigned t = a;

		a = b;
		b = t;
	}
	if (gen_where(g, b) >= 0) {
		gen_lock(g, (unsigned)gen_where(g, b));
	}
	if (gen_is_imm(g, b, &imm) && asm_s32(int_imm(imm, sz)) &&
	    gen_is_mem(g, a, sz, &m)) {
		imm = int_imm(imm, sz);
		g->ef_at = asm_pos(&g->b);
		if (test) {
			asm_test_mi(&g->b, sz, m, (int32_t)imm);
		} else {
			asm_alu_mi(&g->b, ALU_CMP, sz, m, (int32_t)imm);
		}
		return;
	}
	ra = gen_reg(g, a);
	o = int_src(g, b, sz);
	g->ef_at = asm_pos(&g->b);
	if (!test) {
		if (o.kind == O_IMM && o.imm == 0) {
			asm_test_rr(&g->b, sz, ra, ra);
		} else {
			int_alu(g, ALU_CMP, sz, ra, &o);
		}
	} else if (o.kind == O_REG) {
		asm_test_rr(&g->b, sz, ra, o.reg);
	} else if (o.kind == O_MEM) {
		asm_test_rm(&g->b, sz, ra, o.m);
	} else {
		asm_test_ri(&g->b, o.imm >= 0 && o.imm < 0x80 ? 0 : sz, ra, o.imm);
	}
}

/* neg, not and other one-operand forms of group 3 */
static void op_g3(struct gen *g, const struct ir_ins *in, unsigned digit)
{
	struct val *v = &g->v[g->i];
	unsigned sz = v->fl ? ty_sz(in->type) : MAX(ty_sz(in->type), 2u), d;

	d = gen_dest_reuse(g, g->i, in->a);
	if (gen_where(g, in->a) != (int)d) {
		gen_load_to(g, in->a, d, sz);
	}
	if (digit == 3) {
		fl_clobber(g);
	}
	g->ef_at = asm_pos(&g->b);
	asm_g3_r(&g->b, digit, sz, d);
	gen_def(g, g->i, d, int_zb(sz));
	if (digit == 3) {
		fl_made(g, g->i);
	}
}

static void op_andn(struct gen *g, const struct ir_ins *in)
{
	struct val *v = &g->v[g->i];
	unsigned sz = v->fl ? ty_sz(in->type) : MAX(ty_sz(in->type), 2u), d;
	struct opnd o;

	if (!v->fl && x86_host.bmi1) {
		unsigned a = gen_reg(g, in->a), b = gen_reg(g, in->b);

		d = gen_dest_reuse(g, g->i, in->a);
		fl_clobber(g);
		asm_vrr(&g->b, 0xf2 | A_0F38 | (sz == 3 ? A_W : 0), d, a, b);
		gen_def(g, g->i, d, int_zb(sz));
		return;
	}
	o = int_src(g, in->b, sz);
	d = gen_scratch(g);
	gen_load_to(g, in->a, d, sz);
	asm_g3_r(&g->b, 2, sz, d);
	fl_clobber(g);
	int_alu(g, ALU_AND, sz, d, &o);
	gen_def(g, g->i, d, int_zb(sz));
	fl_made(g, g->i);
}

/* Copies a to d, zero- or sign-extended from sz to 32 bits when narrower. */
void int_widen_to(struct gen *g, unsigned a, unsigned d, unsigned sz, bool sx)
{
	int r;

	if (sz >= 2) {
		if (gen_where(g, a) != (int)d) {
			gen_load_to(g, a, d, sz);
		}
		return;
	}
	r = gen_where(g, a);
	if (r < 0) {
		gen_load_to(g, a, d, sz);
		r = (int)d;
	}
	if (sx) {
		asm_sx_rr(&g->b, sz, false, d, (unsigned)r);
	} else {
		asm_zx_rr(&g->b, sz, d, (unsigned)r);
	}
}

/* ---- bits ---- */

static void op_clz(struct gen *g, const struct ir_ins *in, bool low)
{
	unsigned sz = ty_sz(in->type), w = MAX(sz, 2u), d, bits = 8u << sz;
	bool fast = low ? x86_host.bmi1 : x86_host.lzcnt;
	uint32_t sz_w = w == 3 ? A_W : 0;

	d = gen_dest_reuse(g, g->i, in->a);
	int_widen_to(g, in->a, d, sz, false);
	fl_clobber(g);
	if (low && sz < 2) {
		asm_alu_ri(&g->b, ALU_OR, 2, d, 1 << bits); /* stops there */
	}
	if (fast) {
		asm_rr(&g->b, (low ? 0xbcu : 0xbdu) | A_0F | A_F3 | sz_w, d, d);
	} else {
		unsigned t = gen_scratch(g);

		/* bsf/bsr leave nothing useful for 0 */
		asm_movi(&g->b, t, low ? 8u << w : (16u << w) - 1);
		asm_rr(&g->b, (low ? 0xbcu : 0xbdu) | A_0F | sz_w, d, d);
		asm_cmov(&g->b, IR_EQ, 2, d, t);
		if (!low) {
			asm_alu_ri(&g->b, ALU_XOR, 2, d, (8 << w) - 1);
		}
	}
	if (!low && sz < 2) {
		asm_alu_ri(&g->b, ALU_SUB, 2, d, (int32_t)(32 - bits));
	}
	gen_def(g, g->i, d, 32);
}

static void op_popcnt(struct gen *g, const struct ir_ins *in)
{
	unsigned sz = ty_sz(in->type), d;

	d = gen_dest_reuse(g, g->i, in->a);
	int_widen_to(g, in->a, d, sz, false);
	fl_clobber(g);
	asm_rr(&g->b, 0xb8 | A_0F | A_F3 | (sz == 3 ? A_W : 0), d, d);
	gen_def(g, g->i, d, 32);
}

static void op_bswap(struct gen *g, const struct ir_ins *in)
{
	unsigned sz = ty_sz(in->type), d;

	d = gen_dest_reuse(g, g->i, in->a);
	if (gen_where(g, in->a) != (int)d) {
		gen_load_to(g, in->a, d, sz);
	}
	if (sz == 1) {
		fl_clobber(g);
		asm_sh_ri(&g->b, SH_ROL, 1, d, 8);
	} else if (sz >= 2) {
		asm_bswap(&g->b, sz, d);
	}
	gen_def(g, g->i, d, int_zb(sz));
}

static void op_bdep(struct gen *g, const struct ir_ins *in, bool dep)
{
	unsigned sz = ty_sz(in->type), a, b, d;

	if (!x86_host.bmi2) {
		g->err = -ENOTSUP;
		return;
	}
	a = gen_reg(g, in->a);
	if (sz < 2) {
		/* the mask's and source's undefined high bits must not take part */
		unsigned t = gen_scratch(g);

		asm_zx_rr(&g->b, sz, t, a);
		gen_unlock(g, a);
		a = t;
	}
	b = gen_reg(g, in->b);
	d = gen_scratch(g);
	if (sz < 2) {
		asm_zx_rr(&g->b, sz, d, b);
		b = d;
	}
	asm_vrr(&g->b, 0xf5 | A_0F38 | (dep ? A_F2 : A_F3) | (sz == 3 ? A_W : 0), d, a,
	        b);
	gen_def(g, g->i, d, int_zb(MAX(sz, 2u)));
}

static void op_crc32c(struct gen *g, const struct ir_ins *in)
{
	unsigned bsz = ty_sz(in->aux), b = gen_reg(g, in->b), d;

	d = gen_home(g, g->i);
	if (d == NOREG || d == b) {
		d = gen_scratch(g);
	}
	if (gen_where(g, in->a) != (int)d) {
		gen_load_to(g, in->a, d, 2);
	}
	if (bsz == 1) {
		asm_8(&g->b, 0x66); /* operand size, beside the mandatory F2 */
	}
	asm_rr(&g->b,
	       (bsz == 0 ? 0xf0u | A_BM : 0xf1u) | A_0F38 | A_F2 | (bsz == 3 ? A_W : 0),
	       d, b);
	gen_def(g, g->i, d, 32);
}

/* ---- width changes and fields ---- */

static void op_zext(struct gen *g, const struct ir_ins *in)
{
	unsigned from = ty_sz(in->aux), d;
	int r = gen_where(g, in->a);
	struct val *a = &g->v[in->a];
	int64_t imm;

	if (gen_is_imm(g, in->a, &imm)) {
		gen_def_const(
			g, g->i,
			from == 3 ? imm
				  : imm & (int64_t)((UINT64_C(1) << (8 << from)) - 1));
		return;
	}
	if (r >= 0 && a->zb <= 8u << from) {
		gen_alias(g, g->i, in->a, a->zb);
		return;
	}
	d = gen_dest_reuse(g, g->i, in->a);
	if (a->kind == VK_ENV) {
		asm_zx_rm(&g->b, from, d, env_mem(a->imm));
	} else if (r >= 0) {
		asm_zx_rr(&g->b, from, d, (unsigned)r);
	} else {
		asm_zx_rm(&g->b, from, d, frame_mem((int)(FR_SPILL + 8 * a->imm)));
	}
	gen_def(g, g->i, d, 8u << from);
}

static void op_sext(struct gen *g, const struct ir_ins *in)
{
	unsigned from = ty_sz(in->aux), d;
	bool wide = in->type == IR_I64;
	int r = gen_where(g, in->a);
	const struct val *a = &g->v[in->a];
	int64_t imm;

	if (gen_is_imm(g, in->a, &imm)) {
		gen_def_const(g, g->i, int_imm(imm, from));
		return;
	}
	d = gen_dest_reuse(g, g->i, in->a);
	if (a->kind == VK_ENV) {
		asm_sx_rm(&g->b, from, wide, d, env_mem(a->imm));
	} else if (r >= 0) {
		asm_sx_rr(&g->b, from, wide, d, (unsigned)r);
	} else {
		asm_sx_rm(&g->b, from, wide, d,
		          frame_mem((int)(FR_SPILL + 8 * a->imm)));
	}
	gen_def(g, g->i, d, wide ? 64 : 32);
}

static void op_trunc(struct gen *g, const struct ir_ins *in)
{
	const struct val *a = &g->v[in->a];
	int64_t imm;

	if (gen_is_imm(g, in->a, &imm)) {
		gen_def_const(g, g->i, int_imm(imm, ty_sz(in->type)));
	} else if (a->kind == VK_ENV && g->v[in->a].last <= g->i) {
		gen_def_env(g, g->i, a->imm);
	} else {
		gen_reg(g, in->a);
		gen_alias(g, g->i, in->a, g->v[in->a].zb);
	}
}

static void op_extr(struct gen *g, const struct ir_ins *in)
{
	unsigned pos = in->imm & 255, len = (unsigned)(in->imm >> 8) & 255;
	unsigned sz = MAX(ty_sz(in->type), 2u), w = 8u << sz, d, s;
	int r;

	r = gen_where(g, in->a);
	if (r < 0) {
		s = gen_reg(g, in->a);
	} else {
		s = (unsigned)r;
		gen_lock(g, s);
	}
	if (pos == 0 && g->v[in->a].zb <= len) {
		gen_alias(g, g->i, in->a, g->v[in->a].zb);
		return;
	}
	d = gen_dest_reuse(g, g->i, in->a);
	if (pos == 8 && len == 8 && s < 4 && d < 8) {
		asm_rr(&g->b, 0xb6 | A_0F, d, s + 4); /* movzx d, ah..bh */
	} else if (len == 8 || len == 16 || (len == 32 && sz == 3)) {
		unsigned f = len == 8 ? 0 : len == 16 ? 1 : 2;

		if (pos == 0) {
			asm_zx_rr(&g->b, f, d, s);
		} else if (x86_host.bmi2) {
			asm_rorx(&g->b, sz, d, s, pos);
			asm_zx_rr(&g->b, f, d, d);
		} else {
			if (d != s) {
				asm_mov_rr(&g->b, sz, d, s);
			}
			fl_clobber(g);
			asm_sh_ri(&g->b, SH_SHR, sz, d, pos);
			asm_zx_rr(&g->b, f, d, d);
		}
	} else {
		if (d != s) {
			asm_mov_rr(&g->b, sz, d, s);
		}
		fl_clobber(g);
		if (pos + len < w) {
			asm_sh_ri(&g->b, SH_SHL, sz, d, w - pos - len);
		}
		if (len < w) {
			asm_sh_ri(&g->b, SH_SHR, sz, d, w - len);
		}
	}
	gen_def(g, g->i, d, len);
}

/* Bits [8, 16) of d become the low byte of b. */
static void int_dep_high(struct gen *g, unsigned b, unsigned d, unsigned sz)
{
	struct opnd o = int_src(g, b, 0);

	if (d < 4 && (o.kind != O_REG || o.reg < 4)) {
		if (o.kind == O_IMM) {
			asm_8(&g->b, 0xb0 | (d + 4));
			asm_8(&g->b, (unsigned)o.imm);
		} else if (o.kind == O_MEM) {
			asm_rm(&g->b, 0x8a, d + 4, o.m);
		} else {
			asm_rr(&g->b, 0x88, o.reg, d + 4);
		}
		return;
	}
	if (x86_host.bmi2) {
		asm_rorx(&g->b, sz, d, d, 8);
		int_merge(g, b, d, 0);
		asm_rorx(&g->b, sz, d, d, (8u << sz) - 8);
	} else {
		fl_clobber(g);
		asm_sh_ri(&g->b, SH_ROR, sz, d, 8);
		int_merge(g, b, d, 0);
		asm_sh_ri(&g->b, SH_ROL, sz, d, 8);
	}
}

static void op_dep(struct gen *g, const struct ir_ins *in)
{
	unsigned pos = in->imm & 255, len = (unsigned)(in->imm >> 8) & 255;
	unsigned sz = MAX(ty_sz(in->type), 2u), w = 8u << sz, d, b;
	int ra = gen_where(g, in->a), rb = gen_where(g, in->b);

	if (pos == 0 && ra >= 0 && ra == rb && ty_bits(g->ins[in->b].type) >= len) {
		gen_alias(g, g->i, in->a, 64);
		return;
	}
	if (rb >= 0) {
		gen_lock(g, (unsigned)rb);
	}
	if (ra >= 0) {
		gen_lock(g, (unsigned)ra);
	}
	d = gen_dest_reuse(g, g->i, in->a);
	if (rb == (int)d && ra != rb) {
		gen_unlock(g, d);
		gen_lock(g, (unsigned)rb);
		d = gen_scratch(g);
	}
	if (ra != (int)d) {
		gen_load_to(g, in->a, d, sz);
		if (ra >= 0 && ra != rb) {
			gen_unlock(g, (unsigned)ra);
		}
	}
	if (ty_bits(g->ins[in->b].type) < len) {
		unsigned s = gen_reg(g, in->b);

		b = gen_scratch(g);
		asm_zx_rr(&g->b, ty_sz(g->ins[in->b].type), b, s);
	} else if (ra == rb && ra == (int)d) {
		/* the field comes from the value itself */
		b = gen_scratch(g);
		asm_mov_rr(&g->b, sz, b, (unsigned)rb);
	} else {
		b = NOREG;
	}
	if (b != NOREG && pos == 0 && (len == 8 || len == 16)) {
		asm_mov_rr(&g->b, len == 8 ? 0 : 1, d, b);
	} else if (b == NOREG && pos == 0 && (len == 8 || len == 16)) {
		int_merge(g, in->b, d, len == 8 ? 0 : 1);
	} else if (b == NOREG && pos == 8 && len == 8) {
		int_dep_high(g, in->b, d, sz);
	} else if (len == w) {
		asm_mov_rr(&g->b, sz, d, b == NOREG ? gen_reg(g, in->b) : b);
	} else {
		if (b == NOREG) {
			b = gen_reg(g, in->b);
		}
		fl_clobber(g);
		if (pos) {
			asm_sh_ri(&g->b, SH_ROR, sz, d, pos);
		}
		asm_rr(&g->b, 0xac | A_0F | (sz == 3 ? A_W : 0), b, d); /* shrd imm */
		asm_8(&g->b, len);
		if ((pos + len) % w) {
			asm_sh_ri(&g->b, SH_ROL, sz, d, (pos + len) % w);
		}
	}
	gen_def(g, g->i, d, 64);
}

/* ---- compares into values ---- */

static void op_setcmp(struct gen *g, const struct ir_ins *in)
{
	unsigned d = gen_dest(g, g->i);

	if (gen_where(g, in->a) >= 0) {
		gen_lock(g, (unsigned)gen_where(g, in->a));
	}
	fl_clobber(g);
	op_cmp(g, false, in->aux2, in->a, in->b);
	asm_setcc(&g->b, in->aux, d);
	asm_zx_rr(&g->b, 0, d, d);
	gen_def(g, g->i, d, 1);
}

static void op_selnz(struct gen *g, const struct ir_ins *in)
{
	unsigned d, sz = MAX(ty_sz(in->type), 2u), cc = IR_NE, r;
	unsigned x = in->b, y = in->c;

	if (ty_vec(in->type)) {
		fl_clobber(g);
		r = gen_reg(g, in->a);
		asm_test_rr(&g->b, ty_sz(in->aux2), r, r);
		vec_select(g, in, IR_NE);
		return;
	}
	d = gen_dest(g, g->i);
	fl_clobber(g);
	r = gen_reg(g, in->a);
	asm_test_rr(&g->b, ty_sz(in->aux2), r, r);
	if (r != d) {
		gen_unlock(g, r);
	}
	if (gen_where(g, x) == (int)d) {
		x = in->c;
		y = in->b;
		cc = IR_EQ;
	}
	if (gen_where(g, y) != (int)d) {
		gen_load_to(g, y, d, sz);
	}
	asm_cmov(&g->b, cc, sz, d, gen_reg(g, x));
	gen_def(g, g->i, d, int_zb(sz));
}

/* Emits an integer instruction; false when it is none. */
bool op_int(struct gen *g, const struct ir_ins *in)
{
	switch (in->op) {
	case IR_add: op_alu(g, in, ALU_ADD, true); return true;
	case IR_sub: op_alu(g, in, ALU_SUB, false); return true;
	case IR_and: op_alu(g, in, ALU_AND, true); return true;
	case IR_or: op_alu(g, in, ALU_OR, true); return true;
	case IR_xor: op_alu(g, in, ALU_XOR, true); return true;
	case IR_adc: op_adc(g, in, ALU_ADC); return true;
	case IR_sbb: op_adc(g, in, ALU_SBB); return true;
	case IR_neg: op_g3(g, in, 3); return true;
	case IR_not: op_g3(g, in, 2); return true;
	case IR_andn: op_andn(g, in); return true;
	case IR_shl: op_shift(g, in, SH_SHL); return true;
	case IR_shr: op_shift(g, in, SH_SHR); return true;
	case IR_sar: op_shift(g, in, SH_SAR); return true;
	case IR_rotl: op_shift(g, in, SH_ROL); return true;
	case IR_rotr: op_shift(g, in, SH_ROR); return true;
	case IR_shld: op_shiftd(g, in, false); return true;
	case IR_shrd: op_shiftd(g, in, true); return true;
	case IR_clz: op_clz(g, in, false); return true;
	case IR_ctz: op_clz(g, in, true); return true;
	case IR_popcnt: op_popcnt(g, in); return true;
	case IR_bswap: op_bswap(g, in); return true;
	case IR_bdep: op_bdep(g, in, true); return true;
	case IR_bext: op_bdep(g, in, false); return true;
	case IR_crc32c: op_crc32c(g, in); return true;
	case IR_sext: op_sext(g, in); return true;
	case IR_zext: op_zext(g, in); return true;
	case IR_trunc: op_trunc(g, in); return true;
	case IR_extr: op_extr(g, in); return true;
	case IR_dep: op_dep(g, in); return true;
	case IR_setcmp: op_setcmp(g, in); return true;
	case IR_selnz: op_selnz(g, in); return true;
	default: return false;
	}
}
