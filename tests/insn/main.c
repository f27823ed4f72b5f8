/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * main.c - the differential tester of x86 instructions.
 *
 *   tests/insn/insn [-s seed] [-n count] [-o name] [-l insns] [-m 16|32|64] [-H] [-v]
 *
 * -H: emitted code too. Each case: random state and sandbox memory, a random instruction; native result and the
 * result of every engine must agree in registers, defined flags, memory, rip and kind of
 * fault. Runs of several instructions (-l) are compared between the engines only,
 * where flags that the manual leaves undefined may flow into results. Exit 77: this host
 * cannot run the native side.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"
#include "tests/insn/insn.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const it_regs[] = { "rax", "rcx", "rdx", "rbx", "rsp", "rbp",
	                               "rsi", "rdi", "r8",  "r9",  "r10", "r11",
	                               "r12", "r13", "r14", "r15" };

static unsigned it_engines = IT_HOST;
static uint8_t it_mem0[IT_MEM_SIZE], it_mem_ref[IT_MEM_SIZE];

static void it_report(const struct it_case *c, const struct it_state *a,
                      const struct it_state *b, const char *engine, const char *what)
{
	char text[128];

	printf("FAIL %s: %s (%u-bit)\n  ", engine, what, c->bits);
	for (unsigned i = 0; i < c->len; i++) {
		printf("%02x ", c->code[i]);
	}
	for (unsigned at = 0; at < c->len;) {
		struct x86_insn i;
		int n = x86_decode(c->code + at, c->len - at, c->key, &i);

		i.d = n > 0 ? i.d : NULL;
		x86_disas(&i, IT_CODE + c->at + at, text, sizeof(text));
		printf("\n  %s", text);
		at += n > 0 ? (unsigned)n : c->len;
	}
	printf("\n  reg  before           reference        %s\n", engine);
	for (unsigned i = 0; i < 16; i++) {
		printf("  %-4s %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "%s\n",
		       it_regs[i], c->in.reg[i], a->reg[i], b->reg[i],
		       a->reg[i] != b->reg[i] ? " <--" : "");
	}
	printf("  rip  %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n", c->in.rip,
	       a->rip, b->rip);
	printf("  flags %x: %x %x (undefined %x)\n", c->in.flags, a->flags, b->flags,
	       c->undefined);
	printf("  fault %s@%" PRIx64 " %s@%" PRIx64 "\n", it_fault_names[a->fault],
	       a->fault_addr, it_fault_names[b->fault], b->fault_addr);
}

static const char *it_compare(const struct it_case *c, const struct it_state *a,
                              const struct it_state *b)
{
	unsigned n = c->legacy ? 8 : 16;

	if (a->fault != b->fault) {
		return "fault";
	}
	if (a->rip != b->rip) {
		return "rip";
	}
	/* POPA that faults half way has loaded some on processors, none here */
	if (a->fault && c->i.d && c->i.d->fn == xi_popa) {
		return NULL;
	}
	for (unsigned i = 0; i < n && !c->skip_regs; i++) {
		if (c->legacy ? (uint32_t)a->reg[i] != (uint32_t)b->reg[i]
		              : a->reg[i] != b->reg[i]) {
			return "registers";
		}
	}
	/* dead flags need not be right at a fault (ir.h); a REP CMPS/SCAS that faults has the flags of its last element here, of before there */
	if ((a->flags ^ b->flags) & ~c->undefined &&
	    !(a->fault && (c->n_insns > 1 || (c->i.d && c->i.d->fl & FL_STR)))) {
		return "flags";
	}
	if (!c->skip_regs && memcmp((void *)IT_MEM, it_mem_ref, IT_MEM_SIZE)) {
		return "memory";
	}
	return NULL;
}

static bool it_one(struct it_rng *r, unsigned len, unsigned bits, bool verbose)
{
	struct it_case c;
	struct it_state ref, got;
	uint8_t *mem = (uint8_t *)IT_MEM;
	bool ok = true;

	gen_case(r, &c, len, bits);
	for (unsigned i = 0; i < 64; i++) { /* some of the memory is enough */
		uint64_t v = rng_next(r);

		memcpy(it_mem0 + rng_below(r, IT_MEM_SIZE / 8) * 8, &v, 8);
	}
	memcpy(mem, it_mem0, IT_MEM_SIZE);
	if (len == 1) {
		native_run(&c, &ref);
	} else {
		emu_run(&c, &ref, IT_INTERP);
		c.undefined =
			X86_AF; /* logic ops; the others must agree among engines */
	}
	memcpy(it_mem_ref, mem, IT_MEM_SIZE);
	for (unsigned e = 0; e < it_engines; e++) {
		const char *bad;

		if (!emu_has(e)) {
			continue;
		}
		memcpy(mem, it_mem0, IT_MEM_SIZE);
		emu_run(&c, &got, e);
		bad = it_compare(&c, &ref, &got);
		if (bad) {
			it_report(&c, &ref, &got, it_engine_names[e], bad);
			if (verbose) {
				emu_dump(&c, e == IT_INTERP_OPT || e == IT_HOST_OPT);
			}
			ok = false;
		}
	}
	return ok;
}

int main(int argc, char **argv)
{
	struct it_run run = IT_RUN_INIT(20000);
	unsigned len = 1, mode = 0;
	int o;

	gen_init();
	while ((o = it_getopt(&run, argc, argv, "o:l:m:H")) != -1) {
		switch (o) {
		case 'o':
			if (!gen_select(optarg)) {
				fprintf(stderr, "no instruction named like %s\n",
				        optarg);
				return 2;
			}
			break;
		case 'l': len = (unsigned)MIN(strtoul(optarg, NULL, 0), 24ul); break;
		case 'm': mode = (unsigned)atoi(optarg); break;
		case 'H':
			it_engines = IT_ENGINES;
			gen_strict = true;
			break;
		default: return 2;
		}
	}
	it_begin();
	for (unsigned i = 16; i <= 32; i += 16) {
		if (!native_has(i)) {
			printf("no %u-bit code on this host: not tested\n", i);
		}
	}
	for (unsigned long i = 0; i < run.n && run.bad < run.max_bad; i++) {
		static const uint8_t mix[] = { 64, 32, 64, 16 };
		unsigned bits = mode ? mode : mix[i % 4];

		run.bad +=
			!it_one(&run.r, len, native_has(bits) ? bits : 64, run.verbose);
	}
	return it_end(&run);
}
