/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * iropt_test.c - the optimiser keeps meaning: random units give the same registers,
 * flags, memory and exit before and after it; and it is linear in practice.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tcg-fallback/interp/interp.h"
#include "tcg-fallback/opt/opt_passes.h"
#include "tests/unit/fakert.h"
#include "tests/unit/irgen.h"
#include "tests/unit/unit.h"

static void opt_test_show(const struct ir_unit *u)
{
	ir_print(stderr, u);
}

static int opt_test_run(struct fakert *f, const struct ir_unit *u,
                        struct interp_result *r)
{
	int j = setjmp(f->env.out);

	memset(r, 0, sizeof(*r));
	if (j == 0) {
		*r = interp_run(&f->env, &fakert_guest, u);
	}
	return j;
}

static void opt_test_start(struct fakert *f, uint64_t seed)
{
	struct irgen g = { .seed = seed };

	irgen_machine(&g, f);
}

static void opt_test_same(struct ir_unit *u, struct ir_unit *o, uint64_t seed, int tier)
{
	struct fakert *f = fakert_new(), *h = fakert_new();
	struct interp_result a, b;
	uint32_t fa, fb;
	bool ok;
	int ja, jb;

	opt_test_start(f, seed);
	opt_test_start(h, seed);
	ja = opt_test_run(f, u, &a);
	jb = opt_test_run(h, o, &b);
	fa = cc_compute(f->arch.cc_op, f->arch.cc_a, f->arch.cc_b);
	fb = cc_compute(h->arch.cc_op, h->arch.cc_a, h->arch.cc_b);
	ok = ja == jb && a.reason == b.reason && a.has_pc == b.has_pc && a.pc == b.pc &&
	     !memcmp(f->arch.r, h->arch.r, sizeof(f->arch.r)) &&
	     !memcmp(f->arch.v, h->arch.v, sizeof(f->arch.v)) &&
	     !memcmp(f->mem, h->mem, sizeof(f->mem)) && (ja || fa == fb) &&
	     (!ja || f->env.pc_now == h->env.pc_now);
	if (!ok) {
		opt_test_show(u);
		opt_test_show(o);
		for (unsigned i = 0; i < 8; i++) {
			fprintf(stderr, "r%u %lx %lx\n", i, f->arch.r[i], h->arch.r[i]);
		}
		fprintf(stderr, "flags %x %x jump %d %d pc %lx %lx\n", fa, fb, ja, jb,
		        a.pc, b.pc);
	}
	ck_assert_msg(ok, "seed %lu tier %d", seed, tier);
	fakert_free(f);
	fakert_free(h);
}

static void opt_test_copy(struct ir_unit *to, const struct ir_unit *from)
{
	fakert_unit(to);
	to->pc = from->pc;
	for (unsigned i = 1; i < from->n; i++) {
		ir_emit(to, from->ins[i]);
	}
	to->n_labels = from->n_labels;
}

START_TEST(test_random)
{
	for (unsigned k = 0; k < 2000; k++) {
		uint64_t seed = (uint64_t)_i * 2000 + k + 1;
		struct irgen g = { .seed = seed };
		struct err e = ERR_INIT;
		struct ir_unit u, o;
		int tier = 1 + (int)(k & 1);

		fakert_unit(&u);
		irgen_unit(&g, &u, 20 + (unsigned)(seed % 60));
		ck_assert_msg(ir_verify(&u, &e) == 0, "seed %lu: %s", seed, e.text);
		opt_test_copy(&o, &u);
		opt_run(&o, tier);
		if (ir_verify(&o, &e)) {
			opt_test_show(&u);
			opt_test_show(&o);
			ck_abort_msg("seed %lu: %s", seed, e.text);
		}
		for (unsigned t = 0; t < 3; t++) {
			opt_test_same(&u, &o, seed + t * 77, tier);
		}
		ir_unit_fini(&u);
		ir_unit_fini(&o);
	}
}
END_TEST

START_TEST(test_speed)
{
	struct irgen g = { .seed = 7 };
	struct ir_unit u, o;
	struct timespec a, b;
	double ns;

	fakert_unit(&u);
	irgen_unit(&g, &u, 100);
	opt_test_copy(&o, &u);
	clock_gettime(CLOCK_MONOTONIC, &a);
	for (unsigned k = 0; k < 1000; k++) {
		memcpy(o.ins, u.ins, u.n * sizeof(*u.ins));
		opt_run(&o, 1);
	}
	clock_gettime(CLOCK_MONOTONIC, &b);
	ns = (double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec);
	printf("optimiser: %.1f ns an IR instruction (%u in the unit)\n",
	       ns / 1000 / u.n, u.n);
	ir_unit_fini(&o);
	ir_unit_fini(&u);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("iropt");
	TCase *t = unit_case(s, "iropt");

	tcase_add_loop_test(t, test_random, 0, 5);
	tcase_add_test(t, test_speed);
	return unit_main(s);
}
