/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irtool.c - text IR by hand, over the toy guest of tests/unit/fakert.h.
 *
 *   irtool [-O tier] FILE	print the unit (after the optimiser)
 *   irtool -x [-O tier] FILE	run it on the interpreter, print the state
 *   irtool -t FILE...		each FILE is: unit, a line "---", the expected print after
 *				the optimiser (tier 1), with values renumbered in order
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tcg-fallback/interp/interp.h"
#include "tcg-fallback/opt/opt_passes.h"
#include "tests/unit/fakert.h"

static char *irtool_read(const char *path)
{
	FILE *f = fopen(path, "r");
	char *p = NULL;
	size_t n = 0;

	if (!f) {
		perror(path);
		return NULL;
	}
	if (getdelim(&p, &n, 0, f) < 0) {
		perror(path);
		free(p);
		p = NULL;
	}
	fclose(f);
	return p;
}

static int irtool_load(struct ir_unit *u, const char *path, const char *text)
{
	struct err e = ERR_INIT;

	fakert_unit(u);
	if (ir_parse(u, text, &e) || ir_verify(u, &e)) {
		fprintf(stderr, "%s: %s\n", path, e.text);
		return -1;
	}
	return 0;
}

/* Prints without gaps in the numbering. */
static char *irtool_print(const struct ir_unit *u)
{
	static ir_val map[IR_MAX_INS + 1];
	struct ir_unit o;
	char *p = NULL;
	size_t n;
	FILE *f;

	fakert_unit(&o);
	o.pc = u->pc;
	o.key = u->key;
	for (unsigned i = 1; i < u->n; i++) {
		struct ir_ins in = u->ins[i];

		if (in.op == IR_NOP) {
			continue;
		}
		in.a = map[in.a];
		in.b = map[in.b];
		in.c = map[in.c];
		if (in.op == IR_cas || in.op == IR_call) {
			in.d = map[in.d];
		}
		map[i] = ir_emit(&o, in);
	}
	f = open_memstream(&p, &n);
	ir_print(f, &o);
	fclose(f);
	ir_unit_fini(&o);
	return p;
}

static int irtool_test(const char *path)
{
	AUTO_FREE char *text = irtool_read(path);
	AUTO_FREE char *got = NULL;
	struct ir_unit u;
	struct err e = ERR_INIT;
	char *want;
	int r;

	if (!text) {
		return 1;
	}
	want = strstr(text, "\n---\n");
	if (!want) {
		fprintf(stderr, "%s: no --- line\n", path);
		return 1;
	}
	want[1] = 0;
	want += 5;
	if (irtool_load(&u, path, text)) {
		return 1;
	}
	opt_run(&u, 1);
	if (ir_verify(&u, &e)) {
		fprintf(stderr, "%s: after the optimiser: %s\n", path, e.text);
		return 1;
	}
	got = irtool_print(&u);
	r = strcmp(got, want) != 0;
	if (r) {
		fprintf(stderr, "%s: expected\n%s--- got\n%s", path, want, got);
	}
	ir_unit_fini(&u);
	return r;
}

static void irtool_exec(const struct ir_unit *u)
{
	struct fakert *f = fakert_new();
	struct interp_result r;

	f->arch.r[0] = FAKERT_BASE;
	if (setjmp(f->env.out)) {
		printf("fault at pc 0x%" PRIx64 "\n", f->env.pc_now);
	} else {
		r = interp_run(&f->env, &fakert_guest, u);
		printf("exit %u pc 0x%" PRIx64 "\n", r.reason, r.has_pc ? r.pc : 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		printf("r%u 0x%" PRIx64 "\n", i, f->arch.r[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		printf("v%u %016" PRIx64 " %016" PRIx64 " %016" PRIx64 " %016" PRIx64
		       "\n",
		       i, f->arch.v[i][3], f->arch.v[i][2], f->arch.v[i][1],
		       f->arch.v[i][0]);
	}
	printf("flags 0x%x\n", cc_compute(f->arch.cc_op, f->arch.cc_a, f->arch.cc_b));
	fakert_free(f);
}

static int irtool_one(const char *path, int tier, bool exec)
{
	AUTO_FREE char *text = irtool_read(path);
	AUTO_FREE char *out = NULL;
	struct ir_unit u;
	char *cut;

	if (!text) {
		return 1;
	}
	cut = strstr(text, "\n---\n");
	if (cut) {
		cut[1] = 0;
	}
	if (irtool_load(&u, path, text)) {
		return 1;
	}
	if (tier) {
		opt_run(&u, tier);
	}
	if (exec) {
		irtool_exec(&u);
	} else {
		out = irtool_print(&u);
		fputs(out, stdout);
	}
	ir_unit_fini(&u);
	return 0;
}

int main(int argc, char **argv)
{
	int c, tier = 0, bad = 0;
	bool exec = false, test = false;

	while ((c = getopt(argc, argv, "xtO:")) != -1) {
		switch (c) {
		case 'x': exec = true; break;
		case 't': test = true; break;
		case 'O': tier = atoi(optarg); break;
		default:
			fprintf(stderr,
			        "usage: irtool [-x] [-O tier] FILE | -t FILE...\n");
			return 2;
		}
	}
	for (; optind < argc; optind++) {
		bad |= test ? irtool_test(argv[optind])
		            : irtool_one(argv[optind], tier, exec);
	}
	return bad;
}
