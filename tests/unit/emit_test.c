/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emit_test.c - the x86-64 back end against the interpreter: random units over the toy
 * guest of fakert.h, as they are and optimised, must give the same registers, vectors,
 * flags, memory, exit and, after a fault, the same guest pc.
 *
 *   emit -d SEED    shows the unit of that seed and its code
 *   emit -f FILE    shows the code of a unit in text form
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#ifdef HAVE_CAPSTONE
#include <capstone/capstone.h>
#endif

#include "tcg-fallback/interp/interp.h"
#include "tcg-fallback/ir/host.h"
#include "tcg-fallback/opt/opt_passes.h"
#include "tests/unit/fakert.h"
#include "tests/unit/irgen.h"
#include "tests/unit/unit.h"

enum { CODE_SIZE = 1 << 20, STUBS = 1 << 16, PCMAP = 512 };

static uint8_t *emit_code;
static struct tcg_jc_entry emit_jc[TCG_JC_N] __aligned_to(64);
static struct tcg_exit emit_exits[TCG_MAX_EXITS];
static struct tcg_pcmap emit_pcmap[PCMAP];
static struct tcg_tlb_entry emit_tlb[TCG_TLB_N];
static struct tcg_code emit_c;

static bool emit_ready(void)
{
	struct err e = ERR_INIT;
	int n;

	if (emit_code) {
		return true;
	}
	emit_code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
	                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (emit_code == MAP_FAILED) {
		fprintf(stderr, "no executable memory\n");
		exit(77);
	}
	n = x86_tcg_host.init(&fakert_guest, emit_code, emit_code, STUBS, &e);
	if (n < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(77);
	}
	for (unsigned k = 0; k < TCG_JC_N; k++) {
		emit_jc[k].pc = TCG_JC_EMPTY;
		emit_jc[k].host = (void *)(uintptr_t)x86_tcg_host.miss_stub();
	}
	return n > 0;
}

static void emit_disas(const uint8_t *p, size_t len)
{
#ifdef HAVE_CAPSTONE
	cs_insn *ins;
	csh h;
	size_t n;

	if (cs_open(CS_ARCH_X86, CS_MODE_64, &h) != CS_ERR_OK) {
		return;
	}
	cs_option(h, CS_OPT_SYNTAX, CS_OPT_SYNTAX_ATT);
	n = cs_disasm(h, p, len, (uintptr_t)p, 0, &ins);
	for (size_t k = 0; k < n; k++) {
		fprintf(stderr, "%6lx  %-10s %s\n",
		        (unsigned long)(ins[k].address - (uintptr_t)p), ins[k].mnemonic,
		        ins[k].op_str);
	}
	cs_free(ins, n);
	cs_close(&h);
#else
	(void)p;
	fprintf(stderr, "%zu bytes\n", len);
#endif
}

static int emit_unit(const struct ir_unit *u)
{
	int r;

	emit_c = (struct tcg_code){ .w = emit_code + STUBS,
		                    .x = emit_code + STUBS,
		                    .cap = CODE_SIZE - STUBS,
		                    .exits = emit_exits,
		                    .pcmap = emit_pcmap,
		                    .pcmap_cap = PCMAP };
	r = x86_tcg_host.emit(u, &emit_c);
	if (r == 0) {
		for (unsigned k = 0; k < emit_c.n_exits; k++) {
			x86_tcg_host.unlink(emit_c.w, emit_c.x, &emit_exits[k]);
		}
	}
	return r;
}

struct emit_result {
	int jump; /* longjmp code */
	unsigned reason;
	bool has_pc;
	uint64_t pc, fault_pc;
};

static struct emit_result emit_interp(struct fakert *f, const struct ir_unit *u)
{
	struct emit_result volatile r = { 0 };
	struct interp_result i;

	r.jump = setjmp(f->env.out);
	if (r.jump == 0) {
		i = interp_run(&f->env, &fakert_guest, u);
		r.reason = i.reason;
		r.has_pc = i.has_pc;
		r.pc = i.pc;
	} else {
		r.fault_pc = f->env.pc_now;
	}
	return r;
}

static uint64_t emit_fault_pc(const struct fakert *f, const struct ir_unit *u)
{
	uint64_t off = f->env.host_ra - (uint64_t)(uintptr_t)emit_c.x, pc = 0;

	for (unsigned k = 0; k < emit_c.n_pcmap; k++) {
		if (emit_pcmap[k].host_off < off) {
			pc = u->pc + emit_pcmap[k].pc_off;
		}
	}
	return pc;
}

static struct emit_result emit_native(struct fakert *f, const struct ir_unit *u)
{
	struct emit_result volatile r = { 0 };
	struct tcg_exit *x;

	f->env.jc = emit_jc;
	f->env.tlb = emit_tlb;
	f->env.ctx = 5;
	r.jump = setjmp(f->env.out);
	if (r.jump == 0) {
		x = x86_tcg_host.run(&f->env, emit_c.x);
		r.has_pc = x || f->env.exit_reason == TCG_EXIT_JUMP;
		r.reason = r.has_pc ? TCG_EXIT_NEXT : (unsigned)f->env.exit_reason;
		r.pc = r.has_pc ? f->arch.pc : 0;
		if (x && u->pc + (uint64_t)x->pc_off != r.pc) {
			r.reason = 99;
		}
	} else {
		r.fault_pc = emit_fault_pc(f, u);
	}
	return r;
}

static void emit_start(struct fakert *f, uint64_t seed)
{
	struct irgen g = { .seed = seed };

	irgen_machine(&g, f);
	f->arch.cc_op = irgen_n(&g, CC_OP_N) | irgen_n(&g, 4) << 8;
	f->arch.cc_a = irgen_rnd(&g);
	f->arch.cc_b = irgen_rnd(&g);
	if ((f->arch.cc_op & 0xff) == CC_OP_FLAGS) {
		f->arch.cc_op = CC_OP_FLAGS;
		f->arch.cc_a &= IR_FL_ALL;
	}
}

/* Half of the runs find their pages in the TLB, the others go to C. */
static void emit_fill_tlb(struct fakert *h, bool fill)
{
	memset(emit_tlb, 0xff, sizeof(emit_tlb));
	for (unsigned k = 0; fill && k < FAKERT_MEM / TCG_PAGE; k++) {
		uint64_t page = FAKERT_BASE + (uint64_t)k * TCG_PAGE;
		struct tcg_tlb_entry *t =
			&emit_tlb[(page >> TCG_PAGE_BITS) & (TCG_TLB_N - 1)];

		t->tag_r = t->tag_w = page | 5;
		t->addend = (uint64_t)(uintptr_t)h->mem - FAKERT_BASE;
	}
}

/* Random units have branches over `insn`, which front ends do not make: the current
 * instruction is a matter of place in the code then, not of the way there. */
static bool emit_straight(const struct ir_unit *u)
{
	for (unsigned i = 1; i < u->n; i++) {
		if (u->ins[i].op == IR_label) {
			return false;
		}
	}
	return true;
}

static bool emit_same(const struct ir_unit *u, uint64_t seed, bool tlb)
{
	struct fakert *f = fakert_new(), *h = fakert_new();
	struct emit_result a, b;
	uint32_t fa, fb;
	bool ok;

	emit_start(f, seed);
	emit_start(h, seed);
	emit_fill_tlb(h, tlb);
	a = emit_interp(f, u);
	b = emit_native(h, u);
	fa = cc_compute(f->arch.cc_op, f->arch.cc_a, f->arch.cc_b);
	fb = cc_compute(h->arch.cc_op, h->arch.cc_a, h->arch.cc_b);
	ok = a.jump == b.jump && a.reason == b.reason && a.has_pc == b.has_pc &&
	     a.pc == b.pc && (a.fault_pc == b.fault_pc || !emit_straight(u)) &&
	     !memcmp(f->arch.r, h->arch.r, sizeof(f->arch.r)) &&
	     !memcmp(f->arch.v, h->arch.v, sizeof(f->arch.v)) &&
	     !memcmp(f->mem, h->mem, sizeof(f->mem)) && (a.jump || fa == fb);
	if (!ok) {
		fprintf(stderr,
		        "data seed %lu: interp jump %d reason %u pc %lx fault %lx "
		        "flags %x; "
		        "native %d %u %lx %lx %x\n",
		        (unsigned long)seed, a.jump, a.reason, (unsigned long)a.pc,
		        (unsigned long)a.fault_pc, fa, b.jump, b.reason,
		        (unsigned long)b.pc, (unsigned long)b.fault_pc, fb);
		for (unsigned i = 0; i < 8; i++) {
			if (f->arch.r[i] != h->arch.r[i]) {
				fprintf(stderr, "r%u %lx %lx\n", i,
				        (unsigned long)f->arch.r[i],
				        (unsigned long)h->arch.r[i]);
			}
		}
		for (unsigned i = 0; i < 16; i++) {
			if (f->arch.v[i / 4][i % 4] != h->arch.v[i / 4][i % 4]) {
				fprintf(stderr, "v%u[%u] differs\n", i / 4, i % 4);
			}
		}
		for (unsigned i = 0; i < FAKERT_MEM; i++) {
			if (f->mem[i] != h->mem[i]) {
				fprintf(stderr, "mem[%x] %x %x\n", i, f->mem[i],
				        h->mem[i]);
			}
		}
		for (unsigned i = 0; i < 4; i++) {
			fprintf(stderr, "r%u points to mem[%lx]\n", i,
			        (unsigned long)(f->arch.r[i] - FAKERT_BASE));
		}
	}
	fakert_free(f);
	fakert_free(h);
	return ok;
}

static void emit_random(struct ir_unit *u, uint64_t seed)
{
	struct irgen g = { .seed = seed, .defined = true, .no_vec = seed % 3 == 0 };

	fakert_unit(u);
	irgen_unit(&g, u, 4 + (unsigned)(seed % 60));
	u->guest_len = 16;
	if (seed & 1) {
		opt_run(u, 1);
	}
}

/* 1 good, 0 different, -1 not emitted */
static int emit_check(uint64_t seed)
{
	struct ir_unit u;
	int ok = 1, r;

	emit_random(&u, seed);
	r = emit_unit(&u);
	if (r == 0) {
		for (unsigned t = 0; t < 2 && ok; t++) {
			ok = emit_same(&u, seed * 7 + t, t & 1);
		}
	} else {
		ok = r == -E2BIG ? -1 : 0;
		if (!ok) {
			fprintf(stderr, "seed %lu: emit gave %d\n", (unsigned long)seed,
			        r);
		}
	}
	ir_unit_fini(&u);
	return ok;
}

START_TEST(test_random)
{
	unsigned skipped = 0;

	ck_assert(emit_ready());
	for (unsigned k = 0; k < 1000; k++) {
		uint64_t seed = (uint64_t)_i * 1000 + k + 1;
		int r = emit_check(seed);

		ck_assert_msg(r != 0, "seed %lu", (unsigned long)seed);
		skipped += r < 0;
	}
	ck_assert_uint_lt(skipped, 100);
}
END_TEST

static void emit_show(struct ir_unit *u)
{
	int r;

	emit_ready();
	ir_print(stderr, u);
	r = emit_unit(u);
	fprintf(stderr, "emit: %d, %zu bytes\n", r, emit_c.len);
	emit_disas(emit_c.x, emit_c.len);
}

static int emit_show_file(const char *name)
{
	static char text[65536];
	struct err e = ERR_INIT;
	FILE *f = fopen(name, "r");
	struct ir_unit u;
	size_t n;

	if (!f) {
		return 1;
	}
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = 0;
	fclose(f);
	fakert_unit(&u);
	if (ir_parse(&u, text, &e) || ir_verify(&u, &e)) {
		fprintf(stderr, "%s\n", e.text);
		return 1;
	}
	emit_show(&u);
	ir_unit_fini(&u);
	return 0;
}

int main(int argc, char **argv)
{
	Suite *s = suite_create("emit");
	TCase *t = unit_case(s, "random");

	if (argc == 3 && !strcmp(argv[1], "-d")) {
		struct ir_unit u;

		emit_random(&u, strtoull(argv[2], NULL, 0));
		emit_show(&u);
		ir_unit_fini(&u);
		return emit_check(strtoull(argv[2], NULL, 0)) != 1;
	}
	if (argc == 3 && !strcmp(argv[1], "-f")) {
		return emit_show_file(argv[2]);
	}
	if (argc >= 3 && !strcmp(argv[1], "-r")) {
		uint64_t n = strtoull(argv[2], NULL, 0);

		emit_ready();
		uint64_t from = argc > 3 ? strtoull(argv[3], NULL, 0) : 1;

		for (uint64_t k = from; k < from + n; k++) {
			if (emit_check(k) == 0) {
				fprintf(stderr, "unit seed %lu\n", (unsigned long)k);
				return 1;
			}
		}
		return 0;
	}
	tcase_add_loop_test(t, test_random, 0, 4);
	return unit_main(s);
}
