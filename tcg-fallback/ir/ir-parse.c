/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ir-parse.c - reads what ir-print.c writes (and what people write in tests).
 *
 * Value numbers in the text are names: they need not be dense or in order.
 * `#` or `;` begins a comment at the start of a line or after a blank. The unit's slot
 * and helper tables must be set before. Untrusted enough for a fuzzer: every
 * number is range-checked, ir_verify judges the rest.
 */
#include "config.h"

#include "tcg-fallback/ir/ir.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tcg-fallback/ir/vecops.h"

struct irp {
	struct ir_unit *u;
	struct err *e;
	const char *p;
	unsigned line;
	ir_val map[65536];
};

static int irp_fail(struct irp *s, const char *what)
{
	return err_set(s->e, -EINVAL, "IR text, line %u: %s near \"%.20s\"", s->line,
	               what, s->p);
}

static void irp_blank(struct irp *s)
{
	while (*s->p == ' ' || *s->p == '\t') {
		s->p++;
	}
}

static bool irp_eat(struct irp *s, char c)
{
	irp_blank(s);
	if (*s->p != c) {
		return false;
	}
	s->p++;
	return true;
}

/* A word of letters, digits and _ . */
static size_t irp_word(struct irp *s, char *buf, size_t cap)
{
	size_t n = 0;

	irp_blank(s);
	while (isalnum((unsigned char)*s->p) || *s->p == '_' || *s->p == '#') {
		if (n + 1 < cap) {
			buf[n++] = *s->p;
		}
		s->p++;
	}
	buf[n] = 0;
	return n;
}

static int irp_num(struct irp *s, int64_t *v)
{
	char *end;
	bool neg;

	irp_blank(s);
	neg = *s->p == '-';
	errno = 0;
	*v = (int64_t)strtoull(s->p + neg, &end, 0);
	if (end == s->p + neg || !isdigit((unsigned char)s->p[neg])) {
		return irp_fail(s, "number expected");
	}
	if (neg) {
		*v = (int64_t)(0 - (uint64_t)*v);
	}
	s->p = end;
	return 0;
}

static int irp_val(struct irp *s, ir_val *v)
{
	int64_t n;

	irp_blank(s);
	if (*s->p == '_') {
		s->p++;
		*v = 0;
		return 0;
	}
	if (!irp_eat(s, '%') || irp_num(s, &n)) {
		return irp_fail(s, "value expected");
	}
	if (n < 1 || n > 65535 || !s->map[n]) {
		return irp_fail(s, "unknown value");
	}
	*v = s->map[n];
	return 0;
}

static int irp_name(struct irp *s, const char *const *names, unsigned n,
                    const char *what)
{
	char w[64];

	irp_word(s, w, sizeof(w));
	for (unsigned i = 0; i < n; i++) {
		if (names[i] && !strcmp(names[i], w)) {
			return (int)i;
		}
	}
	return irp_fail(s, what);
}

static int irp_lookup(struct irp *s, bool helper, int64_t *out)
{
	unsigned n = helper ? s->u->n_helpers : s->u->n_slots;
	char w[64], *end;

	irp_word(s, w, sizeof(w));
	for (unsigned i = 0; i < n; i++) {
		if (!strcmp(helper ? s->u->helpers[i].name : s->u->slots[i].name, w)) {
			*out = i;
			return 0;
		}
	}
	if (w[0] == '#') {
		*out = (int64_t)strtoul(w + 1, &end, 10);
		return 0;
	}
	return irp_fail(s, helper ? "unknown helper" : "unknown slot");
}

static int irp_mem_marks(struct irp *s, struct ir_ins *in, uint8_t *mem)
{
	char w[16];

	while (*s->p == '.') {
		s->p++;
		irp_word(s, w, sizeof(w));
		if (!strcmp(w, "sx")) {
			*mem |= IR_M_SX;
		} else if (!strcmp(w, "be")) {
			*mem |= IR_M_BE;
		} else if (!strcmp(w, "rw")) {
			*mem |= IR_M_RMW;
		} else if (!strcmp(w, "ord")) {
			*mem |= IR_M_ORD;
		} else if (!strcmp(w, "al")) {
			*mem |= IR_M_ALIGN;
		} else if (w[0] == 'h' && isdigit((unsigned char)w[1])) {
			in->hint = (uint8_t)atoi(w + 1);
		} else if (w[0] == 'm' && isdigit((unsigned char)w[1])) {
			in->mode = (uint8_t)atoi(w + 1);
		} else {
			return irp_fail(s, "unknown access mark");
		}
	}
	return 0;
}

static int irp_mem(struct irp *s, struct ir_ins *in, uint8_t *mem)
{
	int64_t n;

	if (!irp_eat(s, '[')) {
		return irp_fail(s, "[ expected");
	}
	do {
		ir_val v;

		irp_blank(s);
		if (*s->p != '%') {
			if (irp_num(s, &in->imm)) {
				return -EINVAL;
			}
			continue;
		}
		if (irp_val(s, &v)) {
			return -EINVAL;
		}
		if (s->p[0] == '<' && s->p[1] == '<') {
			s->p += 2;
			if (irp_num(s, &n)) {
				return -EINVAL;
			}
			in->b = v;
			if (mem == &in->aux) {
				in->aux2 = n & 3;
			}
		} else if (!in->a) {
			in->a = v;
		} else {
			in->b = v;
		}
	} while (irp_eat(s, '+'));
	if (!irp_eat(s, ']') || !irp_eat(s, ':') || irp_num(s, &n)) {
		return irp_fail(s, "]:size expected");
	}
	if (n < 1 || n > 32 || (n & (n - 1))) {
		return irp_fail(s, "bad access size");
	}
	*mem = (uint8_t)__builtin_ctz((unsigned)n);
	return irp_mem_marks(s, in, mem);
}

static int irp_label(struct irp *s, int64_t *l)
{
	if (!irp_eat(s, 'L') || irp_num(s, l) || *l < 0 || *l > IR_MAX_INS) {
		return irp_fail(s, "label expected");
	}
	if ((unsigned)*l >= s->u->n_labels) {
		s->u->n_labels = (unsigned)*l + 1;
	}
	return 0;
}

static int irp_vop(struct irp *s)
{
	char w[64];

	irp_word(s, w, sizeof(w));
	for (int i = 0; i < VOP_N; i++) {
		if (!strcmp(vop_info[i].name, w)) {
			return i;
		}
	}
	return irp_fail(s, "unknown vector op");
}

static int irp_item(struct irp *s, struct ir_ins *in, char k)
{
	int64_t n;
	int r = 0;

	switch (k) {
	case 'a': return irp_val(s, &in->a);
	case 'b': return irp_val(s, &in->b);
	case 'c': return irp_val(s, &in->c);
	case 'd': return irp_val(s, &in->d);
	case 'i': return irp_num(s, &in->imm);
	case 'l':
		r = irp_num(s, &n);
		in->d = (ir_val)n;
		return r;
	case 'C':
		r = irp_name(s, ir_cond_names, 16, "condition expected");
		in->aux = (uint8_t)r;
		break;
	case '1':
		r = irp_name(s, ir_type_names, IR_TYPE_N, "type expected");
		in->aux = (uint8_t)r;
		break;
	case '2':
		r = irp_name(s, ir_type_names, IR_TYPE_N, "type expected");
		in->aux2 = (uint8_t)r;
		break;
	case 's': return irp_lookup(s, false, &in->imm);
	case 'H': return irp_lookup(s, true, &in->imm);
	case 'L': return irp_label(s, &in->imm);
	case 'm': return irp_mem(s, in, &in->aux);
	case 'M': return irp_mem(s, in, &in->aux2);
	case 'R':
		r = irp_name(s, ir_rmw_names, IR_RMW_UMAX + 1, "atomic op expected");
		in->aux = (uint8_t)r;
		break;
	case 'P':
		if (irp_num(s, &n) || !irp_eat(s, ':') || irp_num(s, &in->imm)) {
			return irp_fail(s, "pos:len expected");
		}
		in->imm = (n & 255) | (in->imm & 255) << 8;
		break;
	case 'V':
		r = irp_vop(s);
		in->d = (ir_val)r;
		break;
	}
	return r < 0 ? r : 0;
}

static int irp_operands(struct irp *s, struct ir_ins *in, const char *fmt)
{
	bool first = true;

	for (; *fmt; fmt++) {
		if (in->op == IR_vop && !first) {
			if (*fmt == 'i' ? !(vop_info[in->d].flags & VO_IMM)
			                : *fmt - 'a' >= vop_info[in->d].n_args) {
				continue;
			}
		}
		if (!first && !irp_eat(s, ',')) {
			if (in->op == IR_call) {
				return 0;
			}
			return irp_fail(s, ", expected");
		}
		if (irp_item(s, in, *fmt)) {
			return -EINVAL;
		}
		first = false;
	}
	return 0;
}

static int irp_op(struct irp *s)
{
	char w[64];

	irp_word(s, w, sizeof(w));
	for (int i = 0; i < IR_OP_N; i++) {
		if (!strcmp(ir_ops[i].name, w)) {
			return i;
		}
	}
	return irp_fail(s, "unknown op");
}

static int irp_line(struct irp *s)
{
	struct ir_ins in = { 0 };
	const char *fmt;
	int64_t name = 0;
	ir_val v;
	int r;

	if (irp_eat(s, '%')) {
		if (irp_num(s, &name) || name < 1 || name > 65535 || !irp_eat(s, '=')) {
			return irp_fail(s, "%number = expected");
		}
	}
	r = irp_op(s);
	if (r < 0) {
		return r;
	}
	in.op = (uint8_t)r;
	fmt = ir_formats[r];
	in.type = ir_ops[r].result == 'f' ? IR_FLAGS : IR_NONE;
	if (*fmt == 'T') {
		fmt++;
		if (*s->p == '.') {
			s->p++;
			r = irp_name(s, ir_type_names, IR_TYPE_N, "type expected");
			if (r < 0) {
				return r;
			}
			in.type = (uint8_t)r;
		}
	}
	if (irp_operands(s, &in, fmt)) {
		return -EINVAL;
	}
	v = ir_emit(s->u, in);
	if (name) {
		s->map[name] = v;
	}
	return 0;
}

static int irp_header(struct irp *s)
{
	char w[16];
	int64_t n;

	while (irp_word(s, w, sizeof(w))) {
		if (!irp_eat(s, '=') || irp_num(s, &n)) {
			return irp_fail(s, "name=number expected");
		}
		if (!strcmp(w, "pc")) {
			s->u->pc = (uint64_t)n;
		} else if (!strcmp(w, "key")) {
			s->u->key = (uint64_t)n;
		}
	}
	return 0;
}

static int irp_run(struct irp *s)
{
	int r;

	for (s->line = 1; *s->p; s->line++) {
		irp_blank(s);
		if (!strncmp(s->p, "unit", 4) && !isalnum((unsigned char)s->p[4])) {
			s->p += 4;
			r = irp_header(s);
		} else if (*s->p == '#' || *s->p == ';' || *s->p == '\n' || !*s->p) {
			r = 0;
		} else {
			r = irp_line(s);
		}
		if (r) {
			return r;
		}
		irp_blank(s);
		if (*s->p == '#' || *s->p == ';') {
			s->p += strcspn(s->p, "\n");
		}
		if (*s->p == '\n') {
			s->p++;
		} else if (*s->p) {
			return irp_fail(s, "end of line expected");
		}
	}
	return s->u->overflow ? err_set(s->e, -E2BIG, "IR text: unit too long") : 0;
}

int ir_parse(struct ir_unit *u, const char *text, struct err *e)
{
	struct irp *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		return err_set(e, -ENOMEM, "IR text: out of memory");
	}
	ir_unit_reset(u);
	s->u = u;
	s->e = e;
	s->p = text;
	r = irp_run(s);
	free(s);
	return r;
}
