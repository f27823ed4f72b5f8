/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ir_test.c - IR tables, builder, text round trip, verifier; VEX columns against capstone. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

#include "tcg-fallback/ir/ir.h"
#include "tcg-fallback/ir/vecops.h"
#include "tests/unit/unit.h"
#include "tests/unit/vex.h"

static const struct ir_slot slots[] = {
	{ "r0", 0, IR_I64, 255 },
	{ "r1", 8, IR_I64, 254 },
	{ "v0", 32, IR_V256, 200 },
};
static const struct ir_helper helpers[] = {
	{ "h0", NULL, IR_H_PURE },
	{ "h1", NULL, IR_H_READ | IR_H_WRITE | IR_H_EXIT },
};

static void ir_test_unit(struct ir_unit *u)
{
	ir_unit_init(u);
	u->slots = slots;
	u->n_slots = ARRAY_LEN(slots);
	u->helpers = helpers;
	u->n_helpers = ARRAY_LEN(helpers);
}

static char *ir_test_text(const struct ir_unit *u)
{
	char *p = NULL;
	size_t n;
	FILE *f = open_memstream(&p, &n);

	ir_print(f, u);
	fclose(f);
	return p;
}

static const char program[] = "unit pc=0x401000 key=0x3\n"
			      "insn 0, 4\n"
			      "  %2 = get.i64 r0\n"
			      "  %3 = const.i64 0x10\n"
			      "  %4 = add.i64 %2, %3\n"
			      "  %5 = flags %4\n"
			      "  fset %5\n"
			      "  set.i64 r0, %4\n"
			      "  %8 = ld.i64 [%2 + %3<<3 + -8]:4.sx.h3\n"
			      "  %9 = trunc.i8 %8\n"
			      "  %10 = rmw.i8 add, [%2 + 5]:1.h1, %9\n"
			      "  %11 = get.v128 v0\n"
			      "  %12 = vop.v128 vshuf32, %11, 0x1b\n"
			      "  %13 = vop.i32 vmsk8, %12\n"
			      "  setz.v128 v0, %12\n"
			      "  %15 = call.i64 h1, %8, _, %2\n"
			      "  %16 = const.i8 3\n"
			      "  %17 = shl.i64 %15, %16\n"
			      "  %18 = fget\n"
			      "  %19 = fshift i8, 0x8d5, %17, %18, %16\n"
			      "  brcc ltu, %19, L0\n"
			      "  brcmp.i64 ne, %17, %15, L0\n"
			      "  exit_to 0x10\n"
			      "label L0\n"
			      "  %24 = pc.i64 4\n"
			      "  exit_ind.i64 %24\n";

START_TEST(test_round_trip)
{
	struct ir_unit u;
	struct err e = ERR_INIT;
	char *a;

	ir_test_unit(&u);
	ck_assert_msg(ir_parse(&u, program, &e) == 0, "%s", e.text);
	ck_assert_msg(ir_verify(&u, &e) == 0, "%s", e.text);
	a = ir_test_text(&u);
	ck_assert_str_eq(a, program);
	free(a);
	ir_unit_fini(&u);
}
END_TEST

static const char *const bad[] = {
	"exit_ind.i64 %1\n",
	"%1 = const.i32 1\n%2 = const.i64 2\n%3 = add.i64 %1, %2\nexit 0\n",
	"%1 = const.i64 1\n",
	"%1 = const.i64 1\nlabel L0\nset.i64 r0, %1\nexit 0\n",
	"br L3\n",
	"label L0\nlabel L0\nexit 0\n",
	"%1 = const.i64 1\nset.i64 #9, %1\nexit 0\n",
	"%1 = const.v128 0\n%2 = vop.v256 vadd8, %1, %1\nexit 0\n",
	"%1 = const.i64 0\n%2 = flags %1\nexit 0\n",
	"%1 = const.i64 0\n%2 = extr.i64 %1, 60:8\nexit 0\n",
	"%1 = const.i64 0\n%2 = ld.i64 [%1 + 0x100000000]:8\nexit 0\n",
	"%1 = const.i64 0\n%2 = ld.i32 [%1]:8\nexit 0\n",
	"frobnicate\n",
	"%1 = const.i64\n",
};

START_TEST(test_bad)
{
	struct ir_unit u;
	struct err e = ERR_INIT;

	ir_test_unit(&u);
	ck_assert_msg(ir_parse(&u, bad[_i], &e) != 0 || ir_verify(&u, &e) != 0, "%s",
	              bad[_i]);
	ck_assert(e.text[0] != 0);
	ir_unit_fini(&u);
}
END_TEST

START_TEST(test_overflow)
{
	struct ir_unit u;
	struct err e = ERR_INIT;

	ir_test_unit(&u);
	for (int i = 0; i < 70000; i++) {
		ir_const(&u, IR_I64, i);
	}
	ck_assert(u.overflow && u.n <= IR_MAX_INS);
	ck_assert(ir_verify(&u, &e) == -7);
	ir_unit_fini(&u);
}
END_TEST

#ifdef HAVE_CAPSTONE
/* Mnemonics with a predicate or selector folded in by capstone. */
static bool ir_test_same(const char *want, const char *got)
{
	return !strcmp(want, got) ||
	       (!strncmp(want, "vcmp", 4) && !strncmp(got, "vcmp", 4) &&
	        !strcmp(got + strlen(got) - 2, want + strlen(want) - 2)) ||
	       (!strcmp(want, "vpclmulqdq") && !strncmp(got, "vpclmul", 7));
}

static char ir_test_class(csh h, unsigned reg)
{
	const char *r = cs_reg_name(h, reg);

	return !r            ? '-'
	       : r[0] == 'x' ? 'x'
	       : r[0] == 'y' ? 'y'
	       : r[0] == 'e' ? 'w'
	                     : 'q';
}

static void ir_test_one(csh h, const struct vop_info *v, bool wide)
{
	char want[8], got[8] = "";
	unsigned k = 0, n;
	uint8_t b[16];
	cs_insn *in;

	n = vex_encode(v, wide, 1, b);
	ck_assert_msg(cs_disasm(h, b, n, 0, 1, &in) == 1, "%s: not an instruction",
	              v->name);
	ck_assert_msg(in->size == n, "%s: length %u not %u", v->name, in->size, n);
	ck_assert_msg(ir_test_same(v->mnem, in->mnemonic), "%s: %s", v->name,
	              in->mnemonic);
	for (unsigned i = 0; i < in->detail->x86.op_count && k < 7; i++) {
		if (in->detail->x86.operands[i].type == X86_OP_REG) {
			got[k++] = ir_test_class(h, in->detail->x86.operands[i].reg);
		}
	}
	got[k] = 0;
	k = 0;
	for (const char *c = v->cls; *c; c++) {
		if (*c != 'f') {
			want[k++] = *c != 'v' ? *c : wide ? 'y' : 'x';
		}
	}
	want[k] = 0;
	if (v->form == VF_FMA) {
		want[k - 1] = 0; /* a is the result */
	} else if (v->form == VF_SHA) {
		want[2] = 0;
		got[2] = 0;
	} else if (!strcmp(v->name, "vzext128")) {
		want[0] = 'x';
	} else if (!strcmp(v->name, "vlow128")) {
		want[1] = 'x';
	}
	ck_assert_msg(!strcmp(want, got), "%s: operands %s not %s: %s %s", v->name, got,
	              want, in->mnemonic, in->op_str);
	cs_free(in, 1);
}

START_TEST(test_vex)
{
	csh h;

	ck_assert(cs_open(CS_ARCH_X86, CS_MODE_64, &h) == CS_ERR_OK);
	cs_option(h, CS_OPT_DETAIL, CS_OPT_ON);
	for (unsigned i = 0; i < VOP_N; i++) {
		ir_test_one(h, &vop_info[i], false);
		if (vop_info[i].l == VL_V) {
			ir_test_one(h, &vop_info[i], true);
		}
	}
	cs_close(&h);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("ir");
	TCase *t = unit_case(s, "ir");

	tcase_add_test(t, test_round_trip);
	tcase_add_loop_test(t, test_bad, 0, ARRAY_LEN(bad));
	tcase_add_test(t, test_overflow);
#ifdef HAVE_CAPSTONE
	tcase_add_test(t, test_vex);
#endif
	return unit_main(s);
}
