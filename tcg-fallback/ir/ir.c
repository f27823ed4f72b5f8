/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ir.c - tables and builder of the intermediate representation.
 *
 * The builder only appends: folding is the optimiser's. When a unit is full the
 * builder sets u->overflow, gives out value 0 and drops what follows; the run time
 * then translates fewer guest instructions.
 *
 * Threads: none of its own; a unit belongs to its builder.
 */
#include "config.h"

#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/ir.h"

#include <stdlib.h>
#include <string.h>

#include "tcg-fallback/ir/vecops.h"

/* ---- tables ---- */

/* Effects string -> bits, at compile time. */
#define EFF_HAS(s, i, ch)                                                              \
	(sizeof(s) > (i) + 1 && (s)[(i) < sizeof(s) ? (i) : 0] == (ch))
#define EFF_ANY(s, ch)                                                                 \
	(EFF_HAS(s, 0, ch) || EFF_HAS(s, 1, ch) || EFF_HAS(s, 2, ch) ||                \
	 EFF_HAS(s, 3, ch) || EFF_HAS(s, 4, ch))
#define EFF_BITS(s)                                                                    \
	((EFF_ANY(s, 'P') ? IR_E_PURE : 0) | (EFF_ANY(s, 'G') ? IR_E_GET : 0) |        \
	 (EFF_ANY(s, 'S') ? IR_E_SET : 0) | (EFF_ANY(s, 'M') ? IR_E_MEM : 0) |         \
	 (EFF_ANY(s, 'W') ? IR_E_WMEM : 0) | (EFF_ANY(s, 'X') ? IR_E_EXIT : 0) |       \
	 (EFF_ANY(s, 'J') ? IR_E_CTL : 0))

const struct ir_op_info ir_ops[IR_OP_N] = {
	[IR_NOP] = { "nop", "", 'n', IR_E_PURE },
#define t 't'
#define n 'n'
#define f 'f'
#define IR_OP(name_, args_, res_, eff_)                                                \
	[IR_##name_] = { #name_, args_, res_, EFF_BITS(eff_) },
#include "tcg-fallback/ir/ops.def"
#undef IR_OP
#undef t
#undef n
#undef f
};

const uint8_t ir_op_effects[IR_OP_N] = {
	[IR_NOP] = IR_E_PURE,
#define IR_OP(name_, args_, res_, eff_) [IR_##name_] = EFF_BITS(eff_),
#include "tcg-fallback/ir/ops.def"
#undef IR_OP
};

const uint8_t ir_type_bytes[IR_TYPE_N] = { 0, 1, 2, 4, 8, 16, 4, 8, 16, 32, 4 };

const char *const ir_type_names[IR_TYPE_N] = { "none", "i8",   "i16",  "i32",
	                                       "i64",  "i128", "f32",  "f64",
	                                       "v128", "v256", "flags" };

const char *const ir_cond_names[16] = { "o",   "no",  "ltu", "geu", "eq", "ne",
	                                "leu", "gtu", "s",   "ns",  "p",  "np",
	                                "lt",  "ge",  "le",  "gt" };

const char *const ir_rmw_names[IR_RMW_UMAX + 1] = { "xchg", "add",  "sub",  "and",
	                                            "or",   "xor",  "andn", "smin",
	                                            "smax", "umin", "umax" };

unsigned ir_cond_reads(enum ir_cond c)
{
	static const uint16_t reads[8] = {
		IR_FL_O, IR_FL_C, IR_FL_Z,           IR_FL_C | IR_FL_Z,
		IR_FL_S, IR_FL_P, IR_FL_S | IR_FL_O, IR_FL_Z | IR_FL_S | IR_FL_O,
	};

	return reads[(c >> 1) & 7];
}

const struct vop_info vop_info[VOP_N] = {
#define VOP(name_, cls_, form_, pp_, map_, op_, ext_, w_, l_, fl_, cpu_, mnem_)        \
	[VOP_##name_] = {                                                              \
		#name_, cls_, mnem_, form_,           pp_, map_, op_, ext_, w_,        \
		l_,     fl_,  cpu_,  sizeof(cls_) - 2                                  \
	},
#include "tcg-fallback/ir/vecops.def"
#undef VOP
};

enum ir_type vop_class_type(char cls, enum ir_type v)
{
	switch (cls) {
	case 'v': return v;
	case 'x': return IR_V128;
	case 'y': return IR_V256;
	case 'w': return IR_I32;
	case 'q': return IR_I64;
	case 'f': return IR_FLAGS;
	default: return IR_NONE;
	}
}

enum ir_type vop_width(const struct ir_unit *u, const struct ir_ins *in)
{
	const char *cls = vop_info[in->d].cls;

	if (cls[0] == 'v') {
		return in->type;
	}
	if (cls[1] == 'v') {
		return u->ins[in->a].type;
	}
	return cls[2] == 'v' ? u->ins[in->b].type : IR_V128;
}

unsigned ir_effects_of(const struct ir_unit *u, const struct ir_ins *in)
{
	unsigned h, e;

	if (in->op == IR_vop) {
		return IR_E_PURE | (vop_info[in->d].flags & VO_FP ? IR_E_KEEP : 0);
	}
	h = u->helpers[in->imm].flags;
	if (h & IR_H_PURE) {
		return IR_E_PURE;
	}
	e = IR_E_MEM | IR_E_WMEM;
	if (h & (IR_H_READ | IR_H_FLAGS | IR_H_EXIT)) {
		e |= IR_E_GET;
	}
	if (h & (IR_H_WRITE | IR_H_FLAGS)) {
		e |= IR_E_SET;
	}
	if (h & IR_H_EXIT) {
		e |= IR_E_EXIT;
	}
	return e;
}

/* ---- units ---- */

void ir_unit_init(struct ir_unit *u)
{
	memset(u, 0, sizeof(*u));
}

void ir_unit_reset(struct ir_unit *u)
{
	u->n = 0;
	u->n_labels = 0;
	u->overflow = false;
	u->n_guest_insns = 0;
	u->guest_len = 0;
	u->seen_lo = u->seen_hi = 0;
}

void ir_unit_fini(struct ir_unit *u)
{
	free(u->ins);
	u->ins = NULL;
	u->cap = u->n = 0;
}

static bool ir_grow(struct ir_unit *u)
{
	unsigned cap = u->cap ? u->cap * 2 : 512;
	struct ir_ins *p;

	if (cap > IR_MAX_INS) {
		cap = IR_MAX_INS;
	}
	if (u->n >= cap) {
		return false;
	}
	p = realloc(u->ins, cap * sizeof(*p));
	if (!p) {
		return false;
	}
	u->ins = p;
	u->cap = cap;
	return true;
}

ir_val ir_emit(struct ir_unit *u, struct ir_ins in)
{
	if (unlikely(u->n + 1 >= u->cap) && !ir_grow(u)) {
		u->overflow = true;
		return 0;
	}
	if (unlikely(u->n == 0)) {
		u->ins[u->n++] = (struct ir_ins){ 0 };
	}
	u->ins[u->n] = in;
	return u->n++;
}

/* ---- builder ---- */

ir_val ir_const(struct ir_unit *u, enum ir_type t, int64_t v)
{
	if (t == IR_I8) {
		v = (int8_t)v;
	} else if (t == IR_I16) {
		v = (int16_t)v;
	} else if (t == IR_I32) {
		v = (int32_t)v;
	}
	return ir_emit(u, (struct ir_ins){ .op = IR_const, .type = t, .imm = v });
}

ir_val ir_pc(struct ir_unit *u, int64_t off)
{
	ir_val page;

	if (!u->pic) {
		return ir_emit(
			u, (struct ir_ins){ .op = IR_pc, .type = IR_I64, .imm = off });
	}
	page = ir_emit(u, (struct ir_ins){ .op = IR_ldenv,
	                                   .type = IR_I64,
	                                   .imm = TCG_ENV_OFF(vpage) });
	return ir_op2(u, IR_add, IR_I64, page,
	              ir_const(u, IR_I64, (int64_t)(u->pc & (TCG_PAGE - 1)) + off));
}

ir_val ir_get(struct ir_unit *u, enum ir_type t, unsigned slot)
{
	return ir_emit(u, (struct ir_ins){ .op = IR_get, .type = t, .imm = slot });
}

void ir_set(struct ir_unit *u, unsigned slot, ir_val v)
{
	ir_emit(u, (struct ir_ins){
			   .op = IR_set, .type = u->ins[v].type, .a = v, .imm = slot });
}

ir_val ir_ldenv(struct ir_unit *u, enum ir_type t, unsigned off)
{
	return ir_emit(u, (struct ir_ins){ .op = IR_ldenv, .type = t, .imm = off });
}

void ir_stenv(struct ir_unit *u, enum ir_type t, unsigned off, ir_val v)
{
	ir_emit(u, (struct ir_ins){ .op = IR_stenv, .type = t, .a = v, .imm = off });
}

ir_val ir_op1(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_val a)
{
	return ir_emit(u, (struct ir_ins){ .op = op, .type = t, .a = a });
}

ir_val ir_op2(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_val a, ir_val b)
{
	return ir_emit(u, (struct ir_ins){ .op = op, .type = t, .a = a, .b = b });
}

ir_val ir_op3(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_val a, ir_val b,
              ir_val c)
{
	return ir_emit(u,
	               (struct ir_ins){ .op = op, .type = t, .a = a, .b = b, .c = c });
}

ir_val ir_op2i(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_val a, int64_t imm)
{
	bool shift = op >= IR_shl && op <= IR_rotr;
	ir_val b = ir_const(u, shift ? IR_I8 : t, imm);

	return ir_op2(u, op, t, a, b);
}

ir_val ir_sext(struct ir_unit *u, enum ir_type to, ir_val a, enum ir_type from)
{
	return to == from ? a
	                  : ir_emit(u, (struct ir_ins){ .op = IR_sext,
	                                                .type = to,
	                                                .aux = from,
	                                                .a = a });
}

ir_val ir_zext(struct ir_unit *u, enum ir_type to, ir_val a, enum ir_type from)
{
	return to == from ? a
	                  : ir_emit(u, (struct ir_ins){ .op = IR_zext,
	                                                .type = to,
	                                                .aux = from,
	                                                .a = a });
}

ir_val ir_trunc(struct ir_unit *u, enum ir_type to, ir_val a)
{
	return u->ins[a].type == to
	               ? a
	               : ir_emit(u,
	                         (struct ir_ins){ .op = IR_trunc, .type = to, .a = a });
}

ir_val ir_extr(struct ir_unit *u, enum ir_type t, ir_val a, unsigned pos, unsigned len)
{
	return ir_emit(
		u, (struct ir_ins){
			   .op = IR_extr, .type = t, .a = a, .imm = pos | len << 8 });
}

ir_val ir_dep(struct ir_unit *u, enum ir_type t, ir_val a, ir_val b, unsigned pos,
              unsigned len)
{
	return ir_emit(u, (struct ir_ins){ .op = IR_dep,
	                                   .type = t,
	                                   .a = a,
	                                   .b = b,
	                                   .imm = pos | len << 8 });
}

ir_val ir_setcmp(struct ir_unit *u, enum ir_type t, enum ir_cond c, enum ir_type ct,
                 ir_val a, ir_val b)
{
	return ir_emit(u, (struct ir_ins){ .op = IR_setcmp,
	                                   .type = t,
	                                   .aux = c,
	                                   .aux2 = ct,
	                                   .a = a,
	                                   .b = b });
}

ir_val ir_setcc(struct ir_unit *u, enum ir_type t, enum ir_cond c, ir_val fl)
{
	return ir_emit(u,
	               (struct ir_ins){ .op = IR_setcc, .type = t, .aux = c, .a = fl });
}

ir_val ir_selcc(struct ir_unit *u, enum ir_type t, enum ir_cond c, ir_val fl, ir_val x,
                ir_val y)
{
	return ir_emit(
		u,
		(struct ir_ins){
			.op = IR_selcc, .type = t, .aux = c, .a = fl, .b = x, .c = y });
}

ir_val ir_flags(struct ir_unit *u, ir_val arith)
{
	return ir_emit(u,
	               (struct ir_ins){ .op = IR_flags, .type = IR_FLAGS, .a = arith });
}

ir_val ir_fget(struct ir_unit *u)
{
	return ir_emit(u, (struct ir_ins){ .op = IR_fget, .type = IR_FLAGS });
}

void ir_fset(struct ir_unit *u, ir_val fl)
{
	ir_emit(u, (struct ir_ins){ .op = IR_fset, .a = fl });
}

static struct ir_ins ir_mem_ins(enum ir_op op, enum ir_type t, const struct ir_addr *ad)
{
	return (struct ir_ins){ .op = op,
		                .type = t,
		                .a = ad->base,
		                .b = ad->index,
		                .aux2 = ad->index ? ad->scale & 3 : 0,
		                .hint = ad->hint,
		                .mode = ad->mode,
		                .imm = ad->disp };
}

ir_val ir_ld(struct ir_unit *u, enum ir_type t, struct ir_addr ad, unsigned mem)
{
	struct ir_ins in = ir_mem_ins(IR_ld, t, &ad);

	in.aux = mem;
	return ir_emit(u, in);
}

void ir_st(struct ir_unit *u, enum ir_type t, struct ir_addr ad, unsigned mem, ir_val v)
{
	struct ir_ins in = ir_mem_ins(IR_st, t, &ad);

	in.aux = mem;
	in.c = v;
	ir_emit(u, in);
}

ir_val ir_rmw(struct ir_unit *u, enum ir_type t, enum ir_rmw op, struct ir_addr ad,
              unsigned mem, ir_val v)
{
	struct ir_ins in = ir_mem_ins(IR_rmw, t, &ad);

	in.aux = op;
	in.aux2 = mem;
	in.c = v;
	return ir_emit(u, in);
}

ir_val ir_cas(struct ir_unit *u, enum ir_type t, struct ir_addr ad, unsigned mem,
              ir_val expected, ir_val desired)
{
	struct ir_ins in = ir_mem_ins(IR_cas, t, &ad);

	in.aux = mem;
	in.c = expected;
	in.d = desired;
	return ir_emit(u, in);
}

ir_val ir_vop(struct ir_unit *u, unsigned vop, enum ir_type t, ir_val a, ir_val b,
              ir_val c, int imm)
{
	return ir_emit(u, (struct ir_ins){ .op = IR_vop,
	                                   .type = t,
	                                   .a = a,
	                                   .b = b,
	                                   .c = c,
	                                   .d = vop,
	                                   .imm = imm });
}

ir_val ir_call(struct ir_unit *u, unsigned helper, enum ir_type t, ir_val a, ir_val b,
               ir_val c, ir_val d)
{
	return ir_emit(u, (struct ir_ins){ .op = IR_call,
	                                   .type = t,
	                                   .a = a,
	                                   .b = b,
	                                   .c = c,
	                                   .d = d,
	                                   .imm = helper });
}

int ir_new_label(struct ir_unit *u)
{
	return u->n_labels++;
}

void ir_label(struct ir_unit *u, int l)
{
	ir_emit(u, (struct ir_ins){ .op = IR_label, .imm = l });
}

void ir_br(struct ir_unit *u, int l)
{
	ir_emit(u, (struct ir_ins){ .op = IR_br, .imm = l });
}

void ir_brcc(struct ir_unit *u, enum ir_cond c, ir_val fl, int l)
{
	ir_emit(u, (struct ir_ins){ .op = IR_brcc, .aux = c, .a = fl, .imm = l });
}

void ir_brcmp(struct ir_unit *u, enum ir_type t, enum ir_cond c, ir_val a, ir_val b,
              int l)
{
	ir_emit(u, (struct ir_ins){ .op = IR_brcmp,
	                            .type = t,
	                            .aux = c,
	                            .a = a,
	                            .b = b,
	                            .imm = l });
}

void ir_insn(struct ir_unit *u, unsigned pc_off, unsigned len)
{
	ir_emit(u, (struct ir_ins){ .op = IR_insn, .imm = pc_off, .d = len });
}

void ir_exit_to(struct ir_unit *u, int64_t pc_off)
{
	ir_emit(u, (struct ir_ins){ .op = IR_exit_to, .imm = pc_off });
}

void ir_exit_ind(struct ir_unit *u, ir_val pc)
{
	ir_emit(u, (struct ir_ins){ .op = IR_exit_ind, .type = IR_I64, .a = pc });
}

void ir_exit(struct ir_unit *u, unsigned reason)
{
	ir_emit(u, (struct ir_ins){ .op = IR_exit, .imm = reason });
}
