/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ir-verify.c - is a unit well formed? Run after the front end and after each pass in
 * tests and under -d, never on the fast path.
 *
 * Checks: operand count, order (definitions before uses, no life across labels),
 * operand and result types, slots, labels, locals, helpers, access sizes, sub-ops,
 * and that control does not run off the end.
 */
#include "config.h"

#include "tcg-fallback/ir/ir.h"

#include <errno.h>
#include <stdlib.h>

#include "tcg-fallback/ir/vecops.h"

struct irv {
	const struct ir_unit *u;
	struct err *e;
	unsigned i;     /* being checked */
	unsigned born;  /* values before this index are dead */
	uint8_t *label; /* per label: defined */
};

static int irv_fail(const struct irv *s, const char *what)
{
	const struct ir_ins *in = &s->u->ins[s->i];

	return err_set(s->e, -EINVAL, "IR %%%u (%s): %s", s->i,
	               in->op < IR_OP_N ? ir_ops[in->op].name : "?", what);
}

static bool irv_is_int(unsigned t)
{
	return t >= IR_I8 && t <= IR_I64;
}

static bool irv_is_vec(unsigned t)
{
	return t == IR_V128 || t == IR_V256;
}

/* A live value; its type in *t. */
static int irv_use(const struct irv *s, ir_val v, unsigned *t)
{
	if (v == 0 || v >= s->i) {
		return irv_fail(s, "operand is missing or not defined yet");
	}
	if (v < s->born) {
		return irv_fail(s, "operand does not live across the label");
	}
	*t = s->u->ins[v].type;
	if (ir_ops[s->u->ins[v].op].result == 'n' || *t == IR_NONE) {
		return irv_fail(s, "operand has no value");
	}
	return 0;
}

static int irv_arg(const struct irv *s, ir_val v, char cls, unsigned type)
{
	unsigned t = IR_NONE;

	if (irv_use(s, v, &t)) {
		return -EINVAL;
	}
	switch (cls) {
	case 'i':
		if (!irv_is_int(t) && t != IR_I128) {
			return irv_fail(s, "integer operand expected");
		}
		return t == type ? 0 : irv_fail(s, "operand is not of the op's type");
	case 'I':
		return irv_is_int(t) || t == IR_I128
		               ? 0
		               : irv_fail(s, "integer operand expected");
	case 'v': return t == type ? 0 : irv_fail(s, "operand is not of the op's type");
	case 'V': return irv_is_vec(t) ? 0 : irv_fail(s, "vector operand expected");
	case 'f': return t == IR_FLAGS ? 0 : irv_fail(s, "flags operand expected");
	default: return 0;
	}
}

static int irv_args(const struct irv *s, const struct ir_ins *in)
{
	const ir_val v[4] = { in->a, in->b, in->c, in->d };
	const char *args = ir_ops[in->op].args;

	for (unsigned k = 0; args[k]; k++) {
		unsigned type = in->type;

		if (in->op == IR_fshift && k == 2) {
			type = in->aux2;
		}
		if (irv_arg(s, v[k], args[k], type)) {
			return -EINVAL;
		}
	}
	return 0;
}

static int irv_mem(const struct irv *s, const struct ir_ins *in)
{
	unsigned mem = in->op == IR_rmw ? in->aux2 : in->aux, t;

	if (in->a && (irv_use(s, in->a, &t) || t != IR_I64)) {
		return irv_fail(s, "base must be i64");
	}
	if (in->b && (irv_use(s, in->b, &t) || t != IR_I64)) {
		return irv_fail(s, "index must be i64");
	}
	if (in->imm != (int32_t)in->imm) {
		return irv_fail(s, "displacement does not fit");
	}
	if (in->hint >= IR_WINDOWS) {
		return irv_fail(s, "window hint too large");
	}
	if ((mem & 7) > IR_M_32 || IR_M_SIZE(mem) > ir_type_bytes[in->type] ||
	    in->type == IR_FLAGS) {
		return irv_fail(s, "access size does not fit the type");
	}
	if ((in->op == IR_rmw || in->op == IR_cas) &&
	    (!irv_is_int(in->type) || IR_M_SIZE(mem) != ir_type_bytes[in->type])) {
		return irv_fail(s,
		                "atomic access must be an integer of its type's size");
	}
	if (in->op == IR_rmw && in->aux > IR_RMW_UMAX) {
		return irv_fail(s, "bad atomic op");
	}
	if (in->op != IR_ld && irv_arg(s, in->c, 'v', in->type)) {
		return -EINVAL;
	}
	return in->op == IR_cas ? irv_arg(s, in->d, 'v', in->type) : 0;
}

static int irv_vop(const struct irv *s, const struct ir_ins *in)
{
	const ir_val v[3] = { in->a, in->b, in->c };
	const struct vop_info *vi;
	enum ir_type w;
	unsigned t;

	if (in->d >= VOP_N) {
		return irv_fail(s, "bad vector op");
	}
	vi = &vop_info[in->d];
	for (unsigned k = 0; k < vi->n_args; k++) {
		if (irv_use(s, v[k], &t)) {
			return -EINVAL;
		}
	}
	w = vop_width(s->u, in);
	if (w != IR_V128 && w != IR_V256) {
		return irv_fail(s, "bad vector type");
	}
	if (in->type != vop_class_type(vi->cls[0], w)) {
		return irv_fail(s, "bad result type");
	}
	for (unsigned k = 0; k < vi->n_args; k++) {
		if (s->u->ins[v[k]].type != vop_class_type(vi->cls[k + 1], w)) {
			return irv_fail(s, "bad operand type");
		}
	}
	return in->imm < -128 || in->imm > 255 ? irv_fail(s, "bad immediate") : 0;
}

static int irv_call(const struct irv *s, const struct ir_ins *in)
{
	const ir_val v[4] = { in->a, in->b, in->c, in->d };
	unsigned t;

	if (in->imm < 0 || in->imm >= s->u->n_helpers) {
		return irv_fail(s, "bad helper");
	}
	for (unsigned k = 0; k < 4; k++) {
		if (v[k] && (irv_use(s, v[k], &t) || !irv_is_int(t))) {
			return irv_fail(s, "helper argument must be an integer");
		}
	}
	return in->type == IR_NONE || irv_is_int(in->type)
	               ? 0
	               : irv_fail(s, "bad helper result");
}

static int irv_slot(const struct irv *s, const struct ir_ins *in)
{
	unsigned st;

	if (in->imm < 0 || in->imm >= s->u->n_slots) {
		return irv_fail(s, "bad slot");
	}
	st = s->u->slots[in->imm].type;
	if (in->op == IR_get) {
		return in->type == st ||
		                       (irv_is_int(st) && irv_is_int(in->type) &&
		                        in->type < st) ||
		                       (st == IR_V256 && in->type == IR_V128)
		               ? 0
		               : irv_fail(s, "type is wider than the slot");
	}
	if (in->op == IR_setz) {
		return st == IR_V256 && in->type == IR_V128 ? 0
		                                            : irv_fail(s, "bad type");
	}
	return in->type == st || (st == IR_V256 && in->type == IR_V128)
	               ? 0
	               : irv_fail(s, "type is not the slot's");
}

static bool irv_makes_flags(unsigned op)
{
	switch (op) {
	case IR_add:
	case IR_sub:
	case IR_adc:
	case IR_sbb:
	case IR_neg:
	case IR_mul:
	case IR_and:
	case IR_or:
	case IR_xor:
	case IR_andn:
	case IR_shl:
	case IR_shr:
	case IR_sar:
	case IR_rotl:
	case IR_rotr:
	case IR_shld:
	case IR_shrd: return true;
	default: return false;
	}
}

static int irv_convert(const struct irv *s, const struct ir_ins *in)
{
	unsigned from = s->u->ins[in->a].type, w = ir_type_bytes[in->type] * 8;
	unsigned pos = in->imm & 255, len = (in->imm >> 8) & 255;

	if (!irv_is_int(in->type)) {
		return irv_fail(s, "integer type expected");
	}
	switch (in->op) {
	case IR_sext:
	case IR_zext:
		return in->aux == from && from < in->type
		               ? 0
		               : irv_fail(s, "bad source type");
	case IR_trunc: return from > in->type ? 0 : irv_fail(s, "bad source type");
	default: /* extr, dep */
		return len && pos + len <= w ? 0
		                             : irv_fail(s, "bit range does not fit");
	}
}

/* What the argument letters cannot say. */
static int irv_extra(struct irv *s, const struct ir_ins *in)
{
	switch (in->op) {
	case IR_get:
	case IR_set:
	case IR_setz: return irv_slot(s, in);
	case IR_lget:
	case IR_lset:
		return in->imm >= 0 && in->imm < IR_LOCALS ? 0
		                                           : irv_fail(s, "bad local");
	case IR_const:
		return irv_is_vec(in->type) && in->imm != 0 && in->imm != -1
		               ? irv_fail(s, "vector constants are 0 or -1")
		               : 0;
	case IR_sext:
	case IR_zext:
	case IR_trunc:
	case IR_extr:
	case IR_dep: return irv_convert(s, in);
	case IR_setcmp:
		return s->u->ins[in->a].type == in->aux2 &&
		                       s->u->ins[in->b].type == in->aux2
		               ? 0
		               : irv_fail(s, "operands are not of the compared type");
	case IR_selnz:
		return s->u->ins[in->a].type == in->aux2
		               ? 0
		               : irv_fail(s, "bad tested type");
	case IR_crc32c:
		return s->u->ins[in->b].type == in->aux
		               ? 0
		               : irv_fail(s, "bad source type");
	case IR_flags:
	case IR_fshift:
		return irv_makes_flags(s->u->ins[in->a].op)
		               ? 0
		               : irv_fail(s, "operand is no arithmetic op");
	case IR_exit_ind: return in->type == IR_I64 ? 0 : irv_fail(s, "pc must be i64");
	case IR_br:
	case IR_brcc:
	case IR_brcmp:
		return in->imm >= 0 && in->imm < s->u->n_labels
		               ? 0
		               : irv_fail(s, "bad label");
	default: return 0;
	}
}

static int irv_label(struct irv *s, const struct ir_ins *in)
{
	if (in->imm < 0 || in->imm >= s->u->n_labels || s->label[in->imm]) {
		return irv_fail(s, "bad or repeated label");
	}
	s->label[in->imm] = 1;
	s->born = s->i;
	return 0;
}

static int irv_ins(struct irv *s)
{
	const struct ir_ins *in = &s->u->ins[s->i];
	char res;
	int r;

	if (in->op >= IR_OP_N || in->type >= IR_TYPE_N) {
		return irv_fail(s, "bad op or type");
	}
	res = ir_ops[in->op].result;
	if ((res == 'f' && in->type != IR_FLAGS) ||
	    (res == 't' && in->type == IR_NONE && in->op != IR_call)) {
		return irv_fail(s, "bad result type");
	}
	switch (in->op) {
	case IR_ld:
	case IR_st:
	case IR_rmw:
	case IR_cas: return irv_mem(s, in);
	case IR_vop: return irv_vop(s, in);
	case IR_call: return irv_call(s, in);
	case IR_label: return irv_label(s, in);
	default: r = irv_args(s, in); return r ? r : irv_extra(s, in);
	}
}

static bool irv_ends(unsigned op)
{
	return op == IR_br || op == IR_exit_to || op == IR_exit_ind || op == IR_exit;
}

static int irv_run(struct irv *s)
{
	const struct ir_unit *u = s->u;
	unsigned last = 0;

	if (u->n < 2 || u->ins[0].op != IR_NOP) {
		return err_set(s->e, -EINVAL, "IR: empty unit");
	}
	for (s->i = 1; s->i < u->n; s->i++) {
		if (u->ins[s->i].op == IR_NOP) {
			continue;
		}
		last = s->i;
		if (irv_ins(s)) {
			return -EINVAL;
		}
	}
	for (s->i = 1; s->i < u->n; s->i++) {
		unsigned op = u->ins[s->i].op;

		if ((op == IR_br || op == IR_brcc || op == IR_brcmp) &&
		    !s->label[u->ins[s->i].imm]) {
			return irv_fail(s, "label is not defined");
		}
	}
	s->i = last;
	return irv_ends(u->ins[last].op) ? 0 : irv_fail(s, "control runs off the end");
}

int ir_verify(const struct ir_unit *u, struct err *e)
{
	struct irv s = { .u = u, .e = e };
	int r;

	if (u->overflow) {
		return err_set(e, -E2BIG, "IR: unit overflow");
	}
	s.label = calloc(u->n_labels + 1, 1);
	if (!s.label) {
		return err_set(e, -ENOMEM, "IR: out of memory");
	}
	r = irv_run(&s);
	free(s.label);
	return r;
}
