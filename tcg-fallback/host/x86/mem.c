/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mem.c - guest memory: window probe, access, cold paths, atomics.
 *
 * Hot path (env.h explains windows):
 *     lea  disp(base),s           address
 *     sub  win.start(ENV),s
 *     cmp  $4096-size,s           hit, and no page crossing
 *     ja   cold
 *     mov  win.addend(ENV),s
 *     OP   disp(base,s)
 * With an index register the base is added to the addend instead. When registers are
 * scarce the address stays in one scratch and the compare uses another ("folded").
 *
 * Cold path, behind the unit: address into s, info pushed, a shared stub (TLB probe,
 * then C) gives the addend in s, and back. A store's stub may say "commit": then the
 * value goes to the bounce buffer and the run time performs the store.
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include <errno.h>

#include "tcg-fallback/host/x86/emit.h"

void acc_emit(struct gen *g, const struct access *a, struct amem m)
{
	switch (a->kind) {
	case AK_LOAD:
		if (a->sx) {
			asm_sx_rm(&g->b, a->sz, a->wide, a->reg, m);
		} else {
			asm_zx_rm(&g->b, a->sz, a->reg, m);
		}
		break;
	case AK_STORE: asm_mov_mr(&g->b, a->sz, m, a->reg); break;
	case AK_STORE_IMM: asm_mov_mi(&g->b, a->sz, m, a->imm); break;
	case AK_LOAD_VEC:
	case AK_STORE_VEC: {
		static const uint32_t ld[6] = { 0,
			                        0,
			                        0x6e | A_0F | A_66,
			                        0x7e | A_0F | A_F3,
			                        0x10 | A_0F,
			                        0x10 | A_0F | A_L };
		static const uint32_t st[6] = {
			0x14 | A_0F3A | A_66, 0x15 | A_0F3A | A_66, 0x7e | A_0F | A_66,
			0xd6 | A_0F | A_66,   0x11 | A_0F,          0x11 | A_0F | A_L
		};
		bool load = a->kind == AK_LOAD_VEC;

		if (load && a->sz < 2) {
			/* vpxor; vpinsrb/w $0 */
			asm_vrr(&g->b, 0xef | A_0F | A_66, a->reg, a->reg, a->reg);
			asm_vrm(&g->b,
			        a->sz == 0 ? 0x20 | A_0F3A | A_66 : 0xc4 | A_0F | A_66,
			        a->reg, a->reg, m);
			asm_8(&g->b, 0);
			break;
		}
		asm_vrm(&g->b, load ? ld[a->sz] : st[a->sz], a->reg, 0, m);
		if (!load && a->sz < 2) {
			asm_8(&g->b, 0);
		}
		break;
	}
	case AK_ALU: asm_alu_mr(&g->b, a->alu, a->sz, m, a->reg); break;
	case AK_ALU_IMM: asm_alu_mi(&g->b, a->alu, a->sz, m, a->imm); break;
	case AK_G3: asm_rm(&g->b, asm_sz(0xf7, a->sz) & ~A_BM, a->alu, m); break;
	}
}

uint32_t mem_info(const struct ir_ins *in, unsigned mem)
{
	return mem | (uint32_t)in->hint << 8 | (uint32_t)in->mode << 16 |
	       (IR_M_SIZE(mem) - 1) << 24;
}

static bool mem_in_scratch(const struct gen *g, unsigned v)
{
	int r = gen_where(g, v);

	return v && (r < 0 || (SCRATCH_MASK >> r & 1));
}

/* Constant address parts put together: a constant base becomes displacement. */
static int64_t mem_const(struct gen *g, const struct ir_ins *in, unsigned *a,
                         unsigned *b, unsigned scale)
{
	int64_t disp = in->imm, imm;

	*a = in->a;
	*b = in->b;
	if (*a && gen_is_imm(g, *a, &imm) && (asm_s32(disp + imm) || !*b)) {
		disp += imm;
		*a = 0;
	}
	if (*b && gen_is_imm(g, *b, &imm) &&
	    asm_s32(disp + (int64_t)((uint64_t)imm << scale))) {
		disp += (int64_t)((uint64_t)imm << scale);
		*b = 0;
	}
	return disp;
}

/*
 * Address registers and scratches for an access. `keep` is the (locked) register of a value
 * to store, or NOREG; `fold` asks for the folded form. Emits nothing but operand loads (and,
 * folded, the address).
 */
void mem_address(struct gen *g, const struct ir_ins *in, struct probe *p, unsigned keep,
                 bool fold)
{
	unsigned scale = in->op == IR_rmw ? 0 : in->aux2 & 3, a, b, need;
	int64_t disp = mem_const(g, in, &a, &b, scale);

	memset(p, 0, sizeof(*p));
	p->s1 = NOREG;
	if (b && !a && scale == 0) {
		a = b;
		b = 0;
	}
	/* Two values in memory (place -1) are two loads, not one shared register. */
	need = 1 + (a && mem_in_scratch(g, a)) +
	       (b && b != a && mem_in_scratch(g, b) &&
	        (gen_where(g, b) < 0 || gen_where(g, a) != gen_where(g, b)));
	if (keep != NOREG && (SCRATCH_MASK >> keep & 1) &&
	    gen_where(g, a) != (int)keep && gen_where(g, b) != (int)keep) {
		need++;
	}
	if (!asm_s32(disp)) {
		/* constant 64-bit address */
		p->folded = true;
		p->s0 = gen_scratch(g);
		asm_movi(&g->b, p->s0, (uint64_t)disp);
		p->s1 = gen_scratch(g);
		p->addr = amem(p->s0, 0);
		p->host = amem(p->s0, 0);
		return;
	}
	if (need > N_SCRATCH || fold) {
		unsigned ra, rb;

		/* the address is put together in one scratch */
		ra = a ? gen_reg(g, a) : NOREG;
		rb = b ? gen_reg(g, b) : NOREG;
		p->folded = true;
		if (ra != NOREG && (SCRATCH_MASK >> ra & 1) && ra != keep) {
			p->s0 = ra;
			if (gen_live_after(g, ra)) {
				gen_unlock(g, ra);
				gen_evict(g, ra); /* copy kept on the stack */
				gen_lock(g, ra);
			} else {
				gen_def(g, 0, ra, 64);
			}
		} else if (rb != NOREG && (SCRATCH_MASK >> rb & 1) && rb != keep) {
			p->s0 = rb;
			if (gen_live_after(g, rb)) {
				gen_unlock(g, rb);
				gen_evict(g, rb);
				gen_lock(g, rb);
			} else {
				gen_def(g, 0, rb, 64);
			}
		} else {
			p->s0 = gen_scratch(g);
		}
		asm_lea(&g->b, 3, p->s0,
		        (struct amem){ (uint8_t)ra, (uint8_t)rb, (uint8_t)scale,
		                       (int32_t)disp });
		if (ra != NOREG && ra != p->s0 && ra != keep) {
			gen_unlock(g, ra);
		}
		if (rb != NOREG && rb != p->s0 && rb != keep) {
			gen_unlock(g, rb);
		}
		p->s1 = gen_scratch(g);
		p->addr = amem(p->s0, 0);
		p->host = amem(p->s0, 0);
		return;
	}
	p->addr = (struct amem){ NOREG, NOREG, (uint8_t)scale, (int32_t)disp };
	if (a) {
		p->addr.base = (uint8_t)gen_reg(g, a);
	}
	if (b) {
		p->addr.index = (uint8_t)gen_reg(g, b);
	}
	p->s0 = gen_scratch(g);
	p->host = p->addr;
	if (!b) {
		/* base or nothing: the addend is the index (or the base) */
		if (a) {
			p->host.index = (uint8_t)p->s0;
			p->host.scale = 0;
		} else {
			p->host.base = (uint8_t)p->s0;
		}
	} else {
		p->host.base = (uint8_t)p->s0;
		p->addbase = a != 0;
		p->base = p->addr.base;
	}
}

void mem_lea(struct gen *g, unsigned d, struct amem m)
{
	if (m.base != NOREG && m.index == NOREG && m.disp == 0) {
		if (m.base != d) {
			asm_mov_rr(&g->b, 3, d, m.base);
		}
	} else if (m.base == NOREG && m.index == NOREG) {
		asm_movi(&g->b, d, (uint64_t)(int64_t)m.disp);
	} else {
		asm_lea(&g->b, 3, d, m);
	}
}

/* The probe; leaves with the host operand p->host usable. */
struct cold *mem_probe(struct gen *g, const struct ir_ins *in, struct probe *p,
                       unsigned mem, bool write, unsigned kind)
{
	unsigned size = IR_M_SIZE(mem);
	int win = (write ? TCG_ENV_OFF(win_w) : TCG_ENV_OFF(win_r)) +
	          (int)sizeof(struct tcg_win) * in->hint;
	struct cold *k = gen_cold(g);
	unsigned s = p->folded ? p->s1 : p->s0;

	if (!k) {
		return NULL;
	}
	k->kind = (uint8_t)kind;
	k->info = mem_info(in, mem);
	k->s0 = (uint8_t)p->s0;
	k->s1 = (uint8_t)p->s1;
	k->folded = p->folded;
	k->addbase = p->addbase;
	k->base = (uint8_t)p->base;
	k->addr = p->addr;
	k->host = p->host;
	if (in->mode) {
		/* system access: rare, never through a window */
		k->from[k->n_from++] = asm_jmp(&g->b);
		k->join = asm_pos(&g->b);
		if (p->addbase) {
			asm_alu_rr(&g->b, ALU_ADD, 3, p->s0, p->base);
		}
		return k;
	}
	mem_lea(g, s, p->addr);
	if ((mem & IR_M_ALIGN) && size > 1) {
		asm_test_ri(&g->b, 0, s, (int32_t)size - 1);
		k->from[k->n_from++] = asm_jcc(&g->b, IR_NE);
	}
	asm_alu_rm(&g->b, ALU_SUB, 3, s,
	           env_mem(win + (int)offsetof(struct tcg_win, start)));
	asm_alu_ri(&g->b, ALU_CMP, 3, s, (int32_t)(TCG_PAGE - size));
	k->from[k->n_from++] = asm_jcc(&g->b, IR_GTU);
	if (p->folded) {
		asm_alu_rm(&g->b, ALU_ADD, 3, p->s0,
		           env_mem(win + (int)offsetof(struct tcg_win, addend)));
		k->join = asm_pos(&g->b);
	} else {
		asm_mov_rm(&g->b, 3, p->s0,
		           env_mem(win + (int)offsetof(struct tcg_win, addend)));
		k->join = asm_pos(&g->b);
		if (p->addbase) {
			asm_alu_rr(&g->b, ALU_ADD, 3, p->s0, p->base);
		}
	}
	return k;
}

static void mem_swap(struct gen *g, unsigned r, unsigned msz)
{
	if (msz == 1) {
		fl_clobber(g);
		asm_sh_ri(&g->b, SH_ROL, 1, r, 8);
	} else if (msz >= 2) {
		asm_bswap(&g->b, msz, r);
	}
}

void op_ld(struct gen *g, const struct ir_ins *in)
{
	unsigned mem = in->aux, msz = mem & 7, d, x, zb = 8u << msz;
	struct access acc = { .sz = (uint8_t)msz };
	struct probe p;

	if (fuse_ld(g, in)) {
		return;
	}
	fl_clobber(g);
	mem_address(g, in, &p, NOREG, false);
	if (!mem_probe(g, in, &p, mem, mem & IR_M_RMW, CK_LOAD)) {
		return;
	}
	if (ty_vec(in->type)) {
		x = gen_xscratch(g);
		acc.kind = AK_LOAD_VEC;
		acc.reg = (uint8_t)x;
		acc_emit(g, &acc, p.host);
		gen_xdef(g, g->i, x, in->type == IR_V256 ? 255 : 128);
		return;
	}
	d = gen_home(g, g->i);
	if (d == NOREG) {
		d = p.s0;
	}
	acc.kind = AK_LOAD;
	acc.reg = (uint8_t)d;
	acc.sx = mem & IR_M_SX;
	acc.wide = in->type == IR_I64;
	if (msz == ty_sz(in->type)) {
		acc.sx = false;
	}
	if ((mem & IR_M_BE) && msz) {
		acc.sx = false;
	}
	acc_emit(g, &acc, p.host);
	if ((mem & IR_M_BE) && msz) {
		mem_swap(g, d, msz);
		if ((mem & IR_M_SX) && msz < ty_sz(in->type)) {
			asm_sx_rr(&g->b, msz, in->type == IR_I64, d, d);
			acc.sx = true;
		}
	}
	if (acc.sx) {
		zb = in->type == IR_I64 ? 64 : 32;
	}
	gen_def(g, g->i, d, zb);
}

void op_st(struct gen *g, const struct ir_ins *in)
{
	unsigned mem = in->aux, msz = mem & 7;
	struct access acc = { .sz = (uint8_t)msz };
	bool be = (mem & IR_M_BE) && msz, vec = ty_vec(in->type);
	struct probe p;
	struct cold *k;
	int64_t imm;

	fl_clobber(g);
	if (vec) {
		acc.kind = AK_STORE_VEC;
		acc.reg = (uint8_t)gen_xreg(g, in->c);
	} else if (!be && gen_is_imm(g, in->c, &imm) && (msz < 3 || asm_s32(imm))) {
		acc.kind = AK_STORE_IMM;
		acc.imm = (int32_t)imm;
	} else if (be) {
		unsigned t = gen_scratch(g);

		gen_load_to(g, in->c, t, msz);
		mem_swap(g, t, msz);
		acc.kind = AK_STORE;
		acc.reg = (uint8_t)t;
	} else {
		acc.kind = AK_STORE;
		acc.reg = (uint8_t)gen_reg(g, in->c);
	}
	mem_address(g, in, &p, acc.kind == AK_STORE ? acc.reg : (unsigned)NOREG, false);
	k = mem_probe(g, in, &p, mem, true, CK_STORE);
	if (!k) {
		return;
	}
	k->acc = acc;
	acc_emit(g, &acc, p.host);
	g->cold[g->n_cold - 1].behind = asm_pos(&g->b);
}

/* ---- atomics ---- */

/*
 * Common part: the probe in folded form (s0 = host address, s1 a free scratch), all
 * operands parked in the frame beforehand for the slow path. *s2: one more scratch, taken
 * before the probe because the slow path comes back behind the operation.
 */
static struct cold *mem_atomic(struct gen *g, const struct ir_ins *in, struct probe *p,
                               unsigned mem, ir_val x, ir_val y, unsigned *s2)
{
	const ir_val v[2] = { x, y };
	struct cold *k;

	fl_clobber(g);
	for (unsigned t = 0; t < 2; t++) {
		if (v[t]) {
			unsigned r = gen_reg(g, v[t]);

			asm_mov_mr(&g->b, 3, frame_mem((int)(FR_ARG + 8 * t)), r);
			gen_unlock(g, r);
		}
	}
	mem_address(g, in, p, NOREG, true);
	if (s2) {
		*s2 = gen_scratch(g);
	}
	k = mem_probe(g, in, p, mem | IR_M_RMW, true, CK_ATOMIC);
	return k;
}

/* Moves a result that the slow path leaves in s1 too: both paths end with it in s1. */
static void mem_atomic_end(struct gen *g, unsigned s1, unsigned sz)
{
	g->cold[g->n_cold - 1].behind = asm_pos(&g->b);
	gen_def(g, g->i, s1, sz == 3 ? 64 : 8u << sz);
}

void op_cas(struct gen *g, const struct ir_ins *in)
{
	unsigned sz = ty_sz(in->type), s2;
	struct amem m;
	struct probe p;
	struct cold *k;

	if (in->type == IR_I128 || (in->aux & IR_M_BE)) {
		g->err = -ENOTSUP;
		return;
	}
	k = mem_atomic(g, in, &p, in->aux, in->c, in->d, &s2);
	if (!k) {
		return;
	}
	k->cas = true;
	k->res = (uint8_t)p.s1;
	m = amem(p.s0, 0);
	/* s1 keeps the home that RAX is; RAX: expected, s2: desired */
	asm_mov_rr(&g->b, 3, p.s1, RAX);
	asm_mov_rm(&g->b, 3, RAX, frame_mem(FR_ARG));
	asm_mov_rm(&g->b, 3, s2, frame_mem(FR_ARG + 8));
	asm_8(&g->b, 0xf0);
	asm_rm(&g->b,
	       (sz == 0 ? 0xb0u | A_BR : 0xb1u) | A_0F |
	               (sz == 1   ? A_66
	                : sz == 3 ? A_W
	                          : 0),
	       s2, m);
	asm_rr(&g->b, 0x87 | A_W, p.s1, RAX); /* xchg: result to s1, home back */
	asm_zx_rr(&g->b, sz, p.s1, p.s1);
	mem_atomic_end(g, p.s1, sz);
}

static void mem_rmw_loop(struct gen *g, unsigned op, unsigned sz, struct probe *p,
                         unsigned s2)
{
	struct amem m = amem(p->s0, 0), arg = frame_mem(FR_ARG);
	unsigned osz = MAX(sz, 2u);
	uint32_t top;

	asm_mov_rr(&g->b, 3, p->s1, RAX);
	asm_zx_rm(&g->b, sz, RAX, m);
	top = asm_pos(&g->b);
	asm_mov_rr(&g->b, 3, s2, RAX);
	switch (op) {
	case IR_RMW_AND: asm_alu_rm(&g->b, ALU_AND, osz, s2, arg); break;
	case IR_RMW_OR: asm_alu_rm(&g->b, ALU_OR, osz, s2, arg); break;
	case IR_RMW_XOR: asm_alu_rm(&g->b, ALU_XOR, osz, s2, arg); break;
	case IR_RMW_ANDN: /* old & ~v, see interp */
		asm_g3_r(&g->b, 2, osz, s2);
		asm_alu_rm(&g->b, ALU_OR, osz, s2, arg);
		asm_g3_r(&g->b, 2, osz, s2);
		break;
	default: { /* minima and maxima: keep the old value or take the argument */
		unsigned keep = op == IR_RMW_SMIN   ? IR_LE
		                : op == IR_RMW_SMAX ? IR_GE
		                : op == IR_RMW_UMIN ? IR_LEU
		                                    : IR_GEU;
		uint32_t j;

		asm_alu_rm(&g->b, ALU_CMP, sz, s2, arg);
		j = asm_jcc8(&g->b, keep);
		asm_mov_rm(&g->b, 3, s2, arg);
		asm_here8(&g->b, j);
	}
	}
	asm_8(&g->b, 0xf0);
	asm_rm(&g->b,
	       (sz == 0 ? 0xb0u | A_BR : 0xb1u) | A_0F |
	               (sz == 1   ? A_66
	                : sz == 3 ? A_W
	                          : 0),
	       s2, m);
	asm_jcc_to(&g->b, IR_NE, top);
	asm_rr(&g->b, 0x87 | A_W, p->s1, RAX);
}

void op_rmw(struct gen *g, const struct ir_ins *in)
{
	unsigned sz = ty_sz(in->type), s2 = NOREG;
	bool unused = g->v[g->i].last <= g->i, logic, loop;
	struct amem m;
	struct probe p;
	struct cold *k;

	if (in->type == IR_I128 || (in->aux2 & IR_M_BE)) {
		g->err = -ENOTSUP;
		return;
	}
	logic = in->aux == IR_RMW_AND || in->aux == IR_RMW_OR || in->aux == IR_RMW_XOR;
	loop = in->aux > IR_RMW_SUB && !(logic && unused);
	k = mem_atomic(g, in, &p, in->aux2, in->c, 0, loop ? &s2 : NULL);
	if (!k) {
		return;
	}
	k->op = in->aux;
	k->res = (uint8_t)p.s1;
	m = amem(p.s0, 0);
	switch (in->aux) {
	case IR_RMW_XCHG:
		asm_mov_rm(&g->b, 3, p.s1, frame_mem(FR_ARG));
		asm_rm(&g->b, asm_sz(0x87, sz) & ~A_BM, p.s1, m); /* locks by itself */
		break;
	case IR_RMW_SUB:
	case IR_RMW_ADD:
		asm_mov_rm(&g->b, 3, p.s1, frame_mem(FR_ARG));
		if (in->aux == IR_RMW_SUB) {
			asm_g3_r(&g->b, 3, MAX(sz, 2u), p.s1);
		}
		asm_8(&g->b, 0xf0);
		asm_rm(&g->b, (asm_sz(0xc1, sz) & ~A_BM) | A_0F, p.s1, m); /* xadd */
		break;
	case IR_RMW_AND:
	case IR_RMW_OR:
	case IR_RMW_XOR:
		if (unused) {
			asm_mov_rm(&g->b, 3, p.s1, frame_mem(FR_ARG));
			asm_8(&g->b, 0xf0);
			asm_alu_mr(&g->b,
			           in->aux == IR_RMW_AND  ? ALU_AND
			           : in->aux == IR_RMW_OR ? ALU_OR
			                                  : ALU_XOR,
			           sz, m, p.s1);
			break;
		}
		/* fall through */
	default: mem_rmw_loop(g, in->aux, sz, &p, s2);
	}
	if (!unused && sz < 3) {
		asm_zx_rr(&g->b, sz, p.s1, p.s1);
	}
	mem_atomic_end(g, p.s1, sz);
}

/* ---- behind the unit ---- */

void mem_cold(struct gen *g, struct cold *k)
{
	uint32_t j;

	for (unsigned t = 0; t < k->n_from; t++) {
		asm_patch(&g->b, k->from[t], asm_pos(&g->b));
	}
	if (k->kind == CK_RMW) {
		fuse_cold(g, k);
		return;
	}
	if (k->folded) {
		asm_mov_rr(&g->b, 3, k->s1, k->s0);
	} else {
		mem_lea(g, k->s0, k->addr);
	}
	asm_push_i(&g->b, k->info);
	switch (k->kind) {
	case CK_LOAD:
		asm_call_abs(&g->b,
		             (k->info & IR_M_RMW ? x86_host.ld_w
		                                 : x86_host.ld)[scratch_no(k->s0)]);
		break;
	case CK_STORE: asm_call_abs(&g->b, x86_host.st[scratch_no(k->s0)]); break;
	case CK_ATOMIC: asm_call_abs(&g->b, x86_host.atomic[scratch_no(k->s0)]); break;
	}
	gen_pcmap(g);
	j = k->kind == CK_LOAD ? 0 : asm_jcc8(&g->b, IR_LTU);
	if (k->folded) {
		asm_alu_rr(&g->b, ALU_ADD, 3, k->s0, k->s1);
	}
	asm_jmp_to(&g->b, k->join);
	if (k->kind == CK_LOAD) {
		return;
	}
	asm_here8(&g->b, j);
	if (k->kind == CK_STORE) {
		if (k->folded) {
			asm_alu_rr(&g->b, ALU_ADD, 3, k->s0, k->s1);
		} else if (k->addbase) {
			asm_alu_rr(&g->b, ALU_ADD, 3, k->s0, k->base);
		}
		acc_emit(g, &k->acc, k->host);
		asm_call_abs(&g->b, x86_host.commit);
		gen_pcmap(g);
	} else {
		/* s1 holds the address, the frame the arguments; the result comes in env */
		asm_mov_mr(&g->b, 3, frame_mem(FR_ARG + 16), k->s1);
		asm_mov_mi(&g->b, 2, frame_mem(FR_ARG + 24),
		           (int32_t)(k->info & 0xffffff));
		if (k->cas) {
			asm_call_abs(&g->b, x86_host.cas_slow);
		} else {
			asm_mov_mi(&g->b, 2, frame_mem(FR_ARG + 8), k->op);
			asm_call_abs(&g->b, x86_host.rmw_slow);
		}
		gen_pcmap(g);
		asm_zx_rm(&g->b, k->info & 3, k->res, frame_mem(FR_ARG));
	}
	asm_jmp_to(&g->b, k->behind);
}
