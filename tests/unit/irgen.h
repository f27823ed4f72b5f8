/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irgen.h - random valid units over fakert.h's toy guest, for property tests of the
 * optimiser and of emitters. Registers r0..r3 begin as addresses inside fakert's
 * memory; few accesses fault. Branches go forward, and one counted loop may enclose a part.
 */
#ifndef LODGE_TESTS_IRGEN_H
#define LODGE_TESTS_IRGEN_H

#include "tcg-fallback/ir/vecops.h"
#include "tests/unit/fakert.h"

struct irgen {
	uint64_t seed;
	struct ir_unit *u;
	ir_val val[64];   /* integer values that live */
	ir_val vec[16];   /* v128 */
	ir_val arith[16]; /* that define flags, with operands alive */
	ir_val fl[16];    /* flags values */
	unsigned n_val, n_vec, n_arith, n_fl, off;
	bool no_vec;  /* integer only */
	bool defined; /* no flags that x86 leaves undefined: for tests of emitters */
};

static inline uint64_t irgen_rnd(struct irgen *g)
{
	g->seed += UINT64_C(0x9e3779b97f4a7c15);
	uint64_t z = g->seed;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static inline unsigned irgen_n(struct irgen *g, unsigned n)
{
	return (unsigned)(irgen_rnd(g) % n);
}

static inline enum ir_type irgen_type(struct irgen *g)
{
	static const uint8_t t[8] = { IR_I64, IR_I32, IR_I64, IR_I32,
		                      IR_I16, IR_I8,  IR_I64, IR_I32 };
	return t[irgen_n(g, 8)];
}

static inline ir_val irgen_keep(struct irgen *g, ir_val v)
{
	g->val[g->n_val++ % 64] = v;
	return v;
}

static inline int64_t irgen_imm(struct irgen *g)
{
	static const int64_t odd[] = { 0,  1,         -1,   8,    -8,
		                       2,  0x7f,      0x80, 0xff, 0x7fffffff,
		                       16, INT64_MIN, 31,   63,   3 };
	return irgen_n(g, 3) ? odd[irgen_n(g, ARRAY_LEN(odd))] : (int64_t)irgen_rnd(g);
}

/* A value of type t: a live one, converted if need be, or a new one. */
static inline ir_val irgen_val(struct irgen *g, enum ir_type t)
{
	unsigned n = g->n_val < 64 ? g->n_val : 64;

	for (unsigned k = 0; n && k < 6; k++) {
		ir_val v = g->val[irgen_n(g, n)];
		enum ir_type vt = g->u->ins[v].type;

		if (vt == t) {
			return v;
		}
		if (k > 3 && vt > t) {
			return irgen_keep(g, ir_trunc(g->u, t, v));
		}
		if (k > 3) {
			return irgen_keep(g, irgen_n(g, 2) ? ir_zext(g->u, t, v, vt)
			                                   : ir_sext(g->u, t, v, vt));
		}
	}
	return irgen_keep(g, irgen_n(g, 2) ? ir_const(g->u, t, irgen_imm(g))
	                                   : ir_get(g->u, t, irgen_n(g, 8)));
}

static inline ir_val irgen_fl(struct irgen *g)
{
	unsigned n = g->n_fl < 16 ? g->n_fl : 16, m = g->n_arith < 16 ? g->n_arith : 16;
	ir_val v;

	if (n && irgen_n(g, 3)) {
		return g->fl[irgen_n(g, n)];
	}
	v = m && irgen_n(g, 4) ? ir_flags(g->u, g->arith[irgen_n(g, m)])
	                       : ir_fget(g->u);
	g->fl[g->n_fl++ % 16] = v;
	return v;
}

static inline void irgen_arith(struct irgen *g, ir_val v)
{
	g->arith[g->n_arith++ % 16] = irgen_keep(g, v);
}

static inline struct ir_addr irgen_addr(struct irgen *g)
{
	struct ir_addr a = { .hint = (uint8_t)irgen_n(g, 32) };
	unsigned r = irgen_n(g, 4);

	a.base = ir_get(g->u, IR_I64, r);
	if (irgen_n(g, 3) == 0) { /* a sum, sometimes written back as a push would */
		a.base = ir_op2i(g->u, irgen_n(g, 2) ? IR_add : IR_sub, IR_I64, a.base,
		                 irgen_n(g, 64));
		if (irgen_n(g, 2)) {
			ir_set(g->u, r, a.base);
		}
	}
	if (irgen_n(g, 3) == 0) {
		ir_val m = ir_op2i(g->u, IR_and, IR_I64, irgen_val(g, IR_I64), 0xff);

		a.index = irgen_n(g, 2)
		                  ? ir_op2i(g->u, IR_shl, IR_I64, m, irgen_n(g, 3))
		                  : ir_op2i(g->u, IR_add, IR_I64, m, irgen_n(g, 40));
		a.scale = (uint8_t)irgen_n(g, 4);
	}
	a.disp = (int32_t)irgen_n(g, 1200) - 40;
	return a;
}

static inline ir_val irgen_vec(struct irgen *g)
{
	unsigned n = g->n_vec < 16 ? g->n_vec : 16;
	ir_val v;

	if (n && irgen_n(g, 3)) {
		return g->vec[irgen_n(g, n)];
	}
	v = irgen_n(g, 4) ? ir_get(g->u, IR_V128, 8 + irgen_n(g, 4))
	                  : ir_const(g->u, IR_V128, -(int)irgen_n(g, 2));
	g->vec[g->n_vec++ % 16] = v;
	return v;
}

static inline void irgen_vector(struct irgen *g)
{
	static const uint16_t ops[] = { VOP_vadd32,    VOP_vxor,     VOP_vshufb,
		                        VOP_vunpackl8, VOP_vcmpeq8,  VOP_vshuf32,
		                        VOP_vmsk8,     VOP_vfromi64, VOP_vtoi64,
		                        VOP_vins16,    VOP_vtest,    VOP_valignr };
	unsigned op = ops[irgen_n(g, ARRAY_LEN(ops))];
	const struct vop_info *vi = &vop_info[op];
	ir_val a[3] = { 0, 0, 0 }, r;
	enum ir_type t = vop_class_type(vi->cls[0], IR_V128);

	for (unsigned k = 0; k < vi->n_args; k++) {
		enum ir_type at = vop_class_type(vi->cls[k + 1], IR_V128);

		a[k] = at == IR_V128 ? irgen_vec(g) : irgen_val(g, at);
	}
	r = ir_vop(g->u, op, t, a[0], a[1], a[2],
	           vi->flags & VO_IMM ? (int)irgen_n(g, 256) : 0);
	if (t == IR_V128) {
		g->vec[g->n_vec++ % 16] = r;
	} else if (t == IR_FLAGS) {
		g->fl[g->n_fl++ % 16] = r;
	} else {
		irgen_keep(g, r);
	}
	if (irgen_n(g, 2)) {
		struct ir_ins set = { .op = irgen_n(g, 2) ? IR_set : IR_setz,
			              .type = IR_V128,
			              .a = irgen_vec(g),
			              .imm = 8 + irgen_n(g, 4) };
		ir_emit(g->u, set);
	}
}

static inline void irgen_binary(struct irgen *g)
{
	static const uint8_t ops[] = {
		IR_add,  IR_sub, IR_and, IR_or,  IR_xor, IR_mul,
		IR_andn, IR_adc, IR_sbb, IR_neg, IR_add, IR_sub
	};
	unsigned op = ops[irgen_n(g, ARRAY_LEN(ops))];
	enum ir_type t = irgen_type(g);
	ir_val a = irgen_val(g, t);

	if (op == IR_neg) {
		irgen_arith(g, ir_op1(g->u, op, t, a));
	} else if (op == IR_adc || op == IR_sbb) {
		ir_val b = irgen_val(g, t);

		irgen_arith(g, ir_op3(g->u, op, t, a, b, irgen_fl(g)));
	} else if (irgen_n(g, 3) == 0 && !(op == IR_mul && g->defined)) {
		irgen_arith(g, ir_op2i(g->u, op, t, a, irgen_imm(g)));
	} else if (op == IR_mul && g->defined) {
		irgen_keep(g,
		           ir_op2(g->u, op, t, a, irgen_n(g, 6) ? irgen_val(g, t) : a));
	} else {
		irgen_arith(
			g, ir_op2(g->u, op, t, a, irgen_n(g, 6) ? irgen_val(g, t) : a));
	}
}

static inline void irgen_shift(struct irgen *g)
{
	enum ir_type t = irgen_type(g);
	unsigned op = IR_shl + irgen_n(g, 5), m = t == IR_I64 ? 63 : 31;
	unsigned bits = op >= IR_rotl ? IR_FL_C | IR_FL_O : IR_FL_ALL;
	ir_val a = irgen_val(g, t), c, s, old;

	if (g->defined) {
		bits &= ~(IR_FL_O | IR_FL_A);
		m = (8u << (t - IR_I8)) - 1;
	}

	c = irgen_n(g, 2) ? ir_const(g->u, IR_I8, irgen_n(g, m + 1))
	                  : ir_op2i(g->u, IR_and, IR_I8, irgen_val(g, IR_I8), m);
	s = irgen_keep(g, ir_op2(g->u, op, t, a, c));
	old = irgen_fl(g);
	g->fl[g->n_fl++ % 16] = ir_emit(g->u, (struct ir_ins){ .op = IR_fshift,
	                                                       .type = IR_FLAGS,
	                                                       .aux2 = IR_I8,
	                                                       .a = s,
	                                                       .b = old,
	                                                       .c = c,
	                                                       .imm = bits });
}

static inline void irgen_misc(struct irgen *g)
{
	enum ir_type t = irgen_type(g);
	ir_val a, b, f;

	switch (irgen_n(g, 12)) {
	case 0:
		a = irgen_val(g, t);
		b = irgen_val(g, t);
		irgen_keep(g, ir_setcmp(g->u, irgen_type(g), irgen_n(g, 16), t, a, b));
		break;
	case 1: irgen_keep(g, ir_setcc(g->u, t, irgen_n(g, 16), irgen_fl(g))); break;
	case 2:
		f = irgen_fl(g);
		a = irgen_val(g, t);
		b = irgen_val(g, t);
		irgen_keep(g, ir_selcc(g->u, t, irgen_n(g, 16), f, a, b));
		break;
	case 3:
		a = irgen_fl(g);
		b = irgen_fl(g);
		g->fl[g->n_fl++ % 16] = ir_emit(
			g->u, (struct ir_ins){ .op = IR_fmix,
		                               .type = IR_FLAGS,
		                               .a = a,
		                               .b = b,
		                               .imm = irgen_rnd(g) & IR_FL_ALL });
		break;
	case 4: irgen_keep(g, ir_op1(g->u, IR_fpack, IR_I32, irgen_fl(g))); break;
	case 5:
		g->fl[g->n_fl++ % 16] =
			ir_op1(g->u, IR_funpack, IR_FLAGS, irgen_val(g, t));
		break;
	case 6: {
		unsigned w = 8u << (t - IR_I8), pos = irgen_n(g, w);

		irgen_keep(g, ir_extr(g->u, t, irgen_val(g, t), irgen_n(g, 2) ? 0 : pos,
		                      1 + irgen_n(g, w - pos)));
		break;
	}
	case 7: {
		unsigned w = 8u << (t - IR_I8), pos = irgen_n(g, w);

		a = irgen_val(g, t);
		b = irgen_val(g, irgen_type(g));
		irgen_keep(g, ir_dep(g->u, t, a, b, pos, 1 + irgen_n(g, w - pos)));
		break;
	}
	case 8:
		irgen_keep(g, ir_op1(g->u, IR_clz + irgen_n(g, 4), t, irgen_val(g, t)));
		break;
	case 9:
		a = irgen_val(g, IR_I64);
		b = irgen_val(g, IR_I64);
		irgen_keep(g, ir_op2(g->u, irgen_n(g, 2) ? IR_bdep : IR_bext, IR_I64, a,
		                     b));
		break;
	case 10:
		a = irgen_val(g, t);
		b = irgen_val(g, IR_I32);
		f = irgen_val(g, IR_I32);
		irgen_keep(g, ir_emit(g->u, (struct ir_ins){ .op = IR_selnz,
		                                             .type = IR_I32,
		                                             .aux2 = (uint8_t)t,
		                                             .a = a,
		                                             .b = b,
		                                             .c = f }));
		break;
	default: irgen_keep(g, ir_pc(g->u, irgen_n(g, 64))); break;
	}
}

static inline void irgen_memory(struct irgen *g)
{
	enum ir_type t = irgen_type(g);
	unsigned m = t - IR_I8;
	struct ir_addr a = irgen_addr(g);
	ir_val v;

	switch (irgen_n(g, 7)) {
	case 6: { /* load, operate, store */
		static const uint8_t ops[] = { IR_add, IR_sub, IR_and, IR_or, IR_xor };
		ir_val l, w, y = irgen_val(g, t);

		l = ir_ld(g->u, t, a, m | IR_M_RMW);
		w = irgen_n(g, 4) ? ir_op2(g->u, ops[irgen_n(g, 5)], t, l, y)
		                  : ir_op1(g->u, irgen_n(g, 2) ? IR_neg : IR_not, t, l);
		ir_st(g->u, t, a, m, w);
		if (g->u->ins[w].op != IR_not && irgen_n(g, 2)) {
			g->arith[g->n_arith++ % 16] = w;
		}
		break;
	}
	case 0:
	case 1:
		m = irgen_n(g, m + 1);
		if (m == 0 || irgen_n(g, 2)) {
			irgen_keep(g, ir_ld(g->u, t, a,
			                    m | (irgen_n(g, 2) ? IR_M_SX : 0)));
		} else {
			irgen_keep(g, ir_ld(g->u, t, a, m | IR_M_BE));
		}
		break;
	case 2:
	case 3:
		v = irgen_val(g, t);
		ir_st(g->u, t, a, irgen_n(g, m + 1) | (irgen_n(g, 4) ? 0 : IR_M_BE), v);
		break;
	case 4: /* aligned: kernels slow programs that lock across cache lines */
		a.base = ir_op2i(g->u, IR_and, IR_I64, a.base, -8);
		a.index = 0;
		a.scale = 0;
		a.disp &= ~7;
		v = irgen_val(g, t);
		irgen_keep(g, ir_rmw(g->u, t, irgen_n(g, IR_RMW_XOR + 1), a, m, v));
		break;
	default:
		if (g->no_vec) {
			break;
		}
		if (irgen_n(g, 2)) {
			g->vec[g->n_vec++ % 16] = ir_ld(
				g->u, IR_V128, a, irgen_n(g, 2) ? IR_M_16 : IR_M_8);
		} else {
			v = irgen_vec(g);
			ir_st(g->u, IR_V128, a, irgen_n(g, 2) ? IR_M_16 : IR_M_4, v);
		}
		break;
	}
}

static inline void irgen_state(struct irgen *g)
{
	ir_val v;

	switch (irgen_n(g, 8)) {
	case 0:
	case 1:
	case 2:
		v = irgen_val(g, IR_I64);
		ir_set(g->u, 4 + irgen_n(g, 4), v);
		break;
	case 3:
	case 4: ir_fset(g->u, irgen_fl(g)); break;
	case 5:
		v = irgen_val(g, IR_I64);
		ir_emit(g->u, (struct ir_ins){ .op = IR_lset,
		                               .type = IR_I64,
		                               .a = v,
		                               .imm = irgen_n(g, 3) });
		irgen_keep(g, ir_emit(g->u,
		                      (struct ir_ins){ .op = IR_lget,
		                                       .type = IR_I64,
		                                       .imm = irgen_n(g, 2) ? 0 : 3 }));
		break;
	case 6:
		v = irgen_val(g, IR_I64);
		irgen_keep(g, ir_call(g->u, irgen_n(g, 3), IR_I64,
		                      ir_op2i(g->u, IR_and, IR_I64, v, 7), 0, 0, 0));
		break;
	default:
		ir_insn(g->u, g->off, 3);
		g->off += 3;
		break;
	}
}

static inline void irgen_forget(struct irgen *g)
{
	g->n_val = g->n_vec = g->n_arith = g->n_fl = 0;
}

static inline void irgen_body(struct irgen *g, unsigned n)
{
	int label = -1;

	for (unsigned i = 0; i < n; i++) {
		unsigned k = irgen_n(g, 20);

		if (k < 6) {
			irgen_binary(g);
		} else if (k < 8) {
			irgen_shift(g);
		} else if (k < 11) {
			irgen_misc(g);
		} else if (k < 14) {
			irgen_memory(g);
		} else if (k < 18) {
			irgen_state(g);
		} else if (k < 19 && !g->no_vec) {
			irgen_vector(g);
		} else if (label < 0) {
			label = ir_new_label(g->u);
			if (irgen_n(g, 3) == 0) {
				ir_val c = ir_setcc(g->u, IR_I32, irgen_n(g, 16),
				                    irgen_fl(g));

				ir_brcmp(g->u, IR_I32, irgen_n(g, 2) ? IR_NE : IR_EQ, c,
				         ir_const(g->u, IR_I32, 0), label);
			} else if (irgen_n(g, 2)) {
				ir_brcc(g->u, irgen_n(g, 16), irgen_fl(g), label);
			} else {
				enum ir_type t = irgen_type(g);
				ir_val a = irgen_val(g, t), b = irgen_val(g, t);

				ir_brcmp(g->u, t, irgen_n(g, 16), a, b, label);
			}
		} else if (irgen_n(g, 3) == 0) {
			if (irgen_n(g, 4) == 0) {
				ir_exit_to(g->u, 4 * irgen_n(g, 9));
			}
			ir_label(g->u, label);
			label = -1;
			irgen_forget(g);
		}
	}
	if (label >= 0) {
		if (irgen_n(g, 2)) {
			ir_exit_to(g->u, 0x100);
		}
		ir_label(g->u, label);
		irgen_forget(g);
	}
}

/* Local 15 counts the loop. */
static inline void irgen_unit(struct irgen *g, struct ir_unit *u, unsigned n)
{
	g->u = u;
	u->pc = 0x400000;
	ir_insn(u, 0, 1);
	irgen_body(g, n / 2);
	if (irgen_n(g, 2)) {
		int l = ir_new_label(u);
		ir_val c = ir_const(u, IR_I64, 3);

		ir_emit(u, (struct ir_ins){
				   .op = IR_lset, .type = IR_I64, .a = c, .imm = 15 });
		ir_label(u, l);
		irgen_forget(g);
		irgen_body(g, n / 2);
		c = ir_emit(
			u, (struct ir_ins){ .op = IR_lget, .type = IR_I64, .imm = 15 });
		c = ir_op2i(u, IR_sub, IR_I64, c, 1);
		ir_emit(u, (struct ir_ins){
				   .op = IR_lset, .type = IR_I64, .a = c, .imm = 15 });
		ir_brcmp(u, IR_I64, IR_NE, c, ir_const(u, IR_I64, 0), l);
	}
	if (irgen_n(g, 2)) {
		ir_exit_to(u, 0x40);
	} else if (irgen_n(g, 2)) {
		ir_exit_ind(u, irgen_val(g, IR_I64));
	} else {
		ir_exit(u, TCG_EXIT_SHUTDOWN);
	}
}

/* Registers and memory from the generator, the first four registers pointing into memory. */
static inline void irgen_machine(struct irgen *g, struct fakert *f)
{
	fakert_reset(f);
	memset(&f->arch, 0, sizeof(f->arch));
	for (unsigned i = 0; i < 8; i++) {
		f->arch.r[i] = irgen_rnd(g);
		if (i < 4) {
			f->arch.r[i] = FAKERT_BASE + f->arch.r[i] % 4096;
		}
	}
	for (unsigned i = 0; i < 16; i++) {
		f->arch.v[i / 4][i % 4] = irgen_rnd(g);
	}
	f->arch.cc_a = irgen_rnd(g) & IR_FL_ALL;
	for (unsigned i = 0; i < FAKERT_MEM; i += 8) {
		uint64_t v = irgen_rnd(g);

		memcpy(f->mem + i, &v, 8);
	}
}

#endif
