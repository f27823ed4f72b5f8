/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ir-print.c - units as text, for -d ir, tests and bug reports; ir-parse.c reads it.
 *
 * One instruction a line: `%7 = op.type operands`. The operands of each op are
 * spelled by a format string:
 *   T .type suffix	 a b c d value, `_` = none	i imm		C condition (aux)
 *   1 2 type in aux/aux2	 s slot			L label		l length (d)
 *   m M address and access (in aux/aux2)		R rmw op	P pos:len
 *   V vector sub-op	 H helper
 * An address is `[%a + %b<<scale + disp]:size` and dotted marks: sx be rw ord al, hN
 * (window hint), mN (mode).
 */
#include "config.h"

#include "tcg-fallback/ir/ir.h"

#include <inttypes.h>

#include "tcg-fallback/ir/vecops.h"

const char *const ir_formats[IR_OP_N] = {
	[IR_NOP] = "",        [IR_const] = "Ti",     [IR_pc] = "Ti",
	[IR_get] = "Ts",      [IR_set] = "Tsa",      [IR_setz] = "Tsa",
	[IR_ldenv] = "Ti",    [IR_stenv] = "Tia",    [IR_lget] = "Ti",
	[IR_lset] = "Tia",    [IR_add] = "Tab",      [IR_sub] = "Tab",
	[IR_adc] = "Tabc",    [IR_sbb] = "Tabc",     [IR_neg] = "Ta",
	[IR_mul] = "Tab",     [IR_mulhu] = "Tab",    [IR_mulhs] = "Tab",
	[IR_udiv2] = "Tabc",  [IR_urem2] = "Tabc",   [IR_sdiv2] = "Tabc",
	[IR_srem2] = "Tabc",  [IR_and] = "Tab",      [IR_or] = "Tab",
	[IR_xor] = "Tab",     [IR_andn] = "Tab",     [IR_not] = "Ta",
	[IR_shl] = "Tab",     [IR_shr] = "Tab",      [IR_sar] = "Tab",
	[IR_rotl] = "Tab",    [IR_rotr] = "Tab",     [IR_shld] = "Tabc",
	[IR_shrd] = "Tabc",   [IR_clz] = "Ta",       [IR_ctz] = "Ta",
	[IR_popcnt] = "Ta",   [IR_bswap] = "Ta",     [IR_bdep] = "Tab",
	[IR_bext] = "Tab",    [IR_crc32c] = "T1ab",  [IR_sext] = "T1a",
	[IR_zext] = "T1a",    [IR_trunc] = "Ta",     [IR_extr] = "TaP",
	[IR_dep] = "TabP",    [IR_setcmp] = "TC2ab", [IR_selnz] = "T2abc",
	[IR_flags] = "a",     [IR_fmix] = "iab",     [IR_fshift] = "2iabc",
	[IR_fget] = "",       [IR_fset] = "a",       [IR_fpack] = "Ta",
	[IR_funpack] = "a",   [IR_setcc] = "TCa",    [IR_selcc] = "TCabc",
	[IR_ld] = "Tm",       [IR_st] = "Tmc",       [IR_rmw] = "TRMc",
	[IR_cas] = "Tmcd",    [IR_fence] = "",       [IR_vop] = "TVabci",
	[IR_call] = "THabcd", [IR_insn] = "il",      [IR_label] = "L",
	[IR_br] = "L",        [IR_brcc] = "CaL",     [IR_brcmp] = "TCabL",
	[IR_exit_to] = "i",   [IR_exit_ind] = "Ta",  [IR_exit] = "i",
};

static void ir_print_val(FILE *f, ir_val v)
{
	if (v) {
		fprintf(f, "%%%u", v);
	} else {
		fputc('_', f);
	}
}

static void ir_print_imm(FILE *f, int64_t v)
{
	if (v > -4096 && v < 10) {
		fprintf(f, "%" PRId64, v);
	} else {
		fprintf(f, "0x%" PRIx64, (uint64_t)v);
	}
}

static void ir_print_mem(FILE *f, const struct ir_ins *in, unsigned mem, unsigned scale)
{
	const char *sep = "";

	fputc('[', f);
	if (in->a) {
		fprintf(f, "%%%u", in->a);
		sep = " + ";
	}
	if (in->b) {
		fprintf(f, "%s%%%u<<%u", sep, in->b, scale);
		sep = " + ";
	}
	if (in->imm || !*sep) {
		fputs(sep, f);
		ir_print_imm(f, in->imm);
	}
	fprintf(f, "]:%u%s%s%s%s%s", IR_M_SIZE(mem), mem & IR_M_SX ? ".sx" : "",
	        mem & IR_M_BE ? ".be" : "", mem & IR_M_RMW ? ".rw" : "",
	        mem & IR_M_ORD ? ".ord" : "", mem & IR_M_ALIGN ? ".al" : "");
	if (in->hint) {
		fprintf(f, ".h%u", in->hint);
	}
	if (in->mode) {
		fprintf(f, ".m%u", in->mode);
	}
}

static void ir_print_slot(FILE *f, const struct ir_unit *u, int64_t s)
{
	if (s >= 0 && s < u->n_slots) {
		fputs(u->slots[s].name, f);
	} else {
		fprintf(f, "#%" PRId64, s);
	}
}

static void ir_print_helper(FILE *f, const struct ir_unit *u, int64_t h)
{
	if (h >= 0 && h < u->n_helpers) {
		fputs(u->helpers[h].name, f);
	} else {
		fprintf(f, "#%" PRId64, h);
	}
}

static void ir_print_item(FILE *f, const struct ir_unit *u, const struct ir_ins *in,
                          char k)
{
	switch (k) {
	case 'a': ir_print_val(f, in->a); break;
	case 'b': ir_print_val(f, in->b); break;
	case 'c': ir_print_val(f, in->c); break;
	case 'd': ir_print_val(f, in->d); break;
	case 'i': ir_print_imm(f, in->imm); break;
	case 'l': fprintf(f, "%u", in->d); break;
	case 'C': fputs(ir_cond_names[in->aux & 15], f); break;
	case '1': fputs(in->aux < IR_TYPE_N ? ir_type_names[in->aux] : "?", f); break;
	case '2': fputs(in->aux2 < IR_TYPE_N ? ir_type_names[in->aux2] : "?", f); break;
	case 's': ir_print_slot(f, u, in->imm); break;
	case 'L': fprintf(f, "L%" PRId64, in->imm); break;
	case 'm': ir_print_mem(f, in, in->aux, in->aux2 & 3); break;
	case 'M': ir_print_mem(f, in, in->aux2, 0); break;
	case 'R': fputs(in->aux <= IR_RMW_UMAX ? ir_rmw_names[in->aux] : "?", f); break;
	case 'P':
		fprintf(f, "%u:%u", (unsigned)(in->imm & 255),
		        (unsigned)(in->imm >> 8) & 255);
		break;
	case 'V': fputs(in->d < VOP_N ? vop_info[in->d].name : "?", f); break;
	case 'H': ir_print_helper(f, u, in->imm); break;
	}
}

/* Arguments that a vop or call does not have are not printed. */
static bool ir_print_skips(const struct ir_ins *in, char k)
{
	if (in->op == IR_vop && in->d < VOP_N) {
		if (k == 'i') {
			return !(vop_info[in->d].flags & VO_IMM);
		}
		return k >= 'a' && k <= 'c' && k - 'a' >= vop_info[in->d].n_args;
	}
	if (in->op == IR_call) {
		return (k == 'd' && !in->d) || (k == 'c' && !in->d && !in->c) ||
		       (k == 'b' && !in->d && !in->c && !in->b) ||
		       (k == 'a' && !in->d && !in->c && !in->b && !in->a);
	}
	return false;
}

void ir_print_ins(FILE *f, const struct ir_unit *u, unsigned i)
{
	const struct ir_ins *in = &u->ins[i];
	const char *fmt, *sep = " ";

	if (in->op >= IR_OP_N) {
		fprintf(f, "bad op %u\n", in->op);
		return;
	}
	if (ir_ops[in->op].result != 'n' && in->type != IR_NONE) {
		fprintf(f, "%%%u = ", i);
	}
	fputs(ir_ops[in->op].name, f);
	fmt = ir_formats[in->op];
	if (*fmt == 'T') {
		fmt++;
		if (in->type) {
			fprintf(f, ".%s",
			        in->type < IR_TYPE_N ? ir_type_names[in->type] : "?");
		}
	}
	for (; *fmt; fmt++) {
		if (!ir_print_skips(in, *fmt)) {
			fputs(sep, f);
			ir_print_item(f, u, in, *fmt);
			sep = ", ";
		}
	}
	fputc('\n', f);
}

void ir_print(FILE *f, const struct ir_unit *u)
{
	fprintf(f, "unit pc=0x%" PRIx64 " key=0x%" PRIx64 "\n", u->pc, u->key);
	for (unsigned i = 1; i < u->n; i++) {
		if (u->ins[i].op == IR_NOP) {
			continue;
		}
		if (u->ins[i].op != IR_label && u->ins[i].op != IR_insn) {
			fputs("  ", f);
		}
		ir_print_ins(f, u, i);
	}
}
