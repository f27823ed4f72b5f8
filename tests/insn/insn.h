/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn.h - differential tests of x86 instructions: one random instruction (or a
 * short run of them) executed by this host's processor and by the translator, from
 * the same state. See main.c.
 */
#ifndef LODGE_TESTS_INSN_H
#define LODGE_TESTS_INSN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "tcg-fallback/guest/x86/decode.h"

/* Both below 2 GB: reachable by disp32, rel32 and from 32-bit code. */
#define IT_MEM  UINT64_C(0x10000000)
#define IT_CODE UINT64_C(0x20000000)
enum { IT_MEM_SIZE = 4 * 4096, IT_CODE_SIZE = 2 * 4096, IT_MAX_BYTES = 512 };

enum it_fault { IT_OK, IT_SEGV, IT_FPE, IT_ILL, IT_TRAP, IT_OTHER };
extern const char *const it_fault_names[];

/* x87, MXCSR, XMM as FXSAVE has them; high halves of YMM. */
struct it_fp {
	uint8_t fx[512] __aligned_to(16);
	uint8_t yh[16][16];
};

struct it_state {
	uint64_t reg[16], rip;
	uint32_t flags; /* arithmetic flags and DF */
	enum it_fault fault;
	uint64_t fault_addr;
	struct it_fp fp;
};
#define IT_FLAGS (X86_ARITH | X86_DF)

/* One test: code at IT_CODE + at. */
struct it_case {
	uint8_t code[IT_MAX_BYTES];
	unsigned len, n_insns, at;
	bool legacy;   /* not 64-bit: eight registers of 32 bits */
	unsigned bits; /* 16, 32, 64: code size. 16: segments with bases, 64 KB */
	uint64_t key;
	struct x86_insn i; /* the only or last one */
	struct it_state in;
	uint32_t undefined; /* flags that may differ after it */
	bool skip_regs;     /* result registers undefined (BSF of 0...) */
};

/* A fresh FP state. */
void it_fp_init(struct it_fp *f);

/* native.c */
void native_init(void);
bool native_has(unsigned bits);
void native_run(const struct it_case *c, struct it_state *out);

/* emu.c */
enum it_engine { IT_INTERP, IT_INTERP_OPT, IT_HOST, IT_HOST_OPT, IT_ENGINES };
void emu_init(void);
bool emu_has(enum it_engine e);
void emu_run(const struct it_case *c, struct it_state *out, enum it_engine e);
void emu_dump(const struct it_case *c, bool opt);

extern const char *const it_engine_names[IT_ENGINES];

/* run.c: random numbers, and what both programs' main() do. */
struct it_rng {
	uint64_t s;
};
uint64_t rng_next(struct it_rng *r);
unsigned rng_below(struct it_rng *r, unsigned n);
struct it_run {
	struct it_rng r;          /* -s */
	unsigned long n, max_bad; /* -n, -k */
	bool verbose;             /* -v */
	unsigned long bad;
};
#define IT_RUN_INIT(cases)                                                             \
	{                                                                              \
		.r = { 1 }, .n = (cases), .max_bad = 5                                 \
	}
/* getopt() of these and `more`, of which it returns only the latter. */
int it_getopt(struct it_run *run, int argc, char **argv, const char *more);
void it_begin(void);
int it_end(const struct it_run *run); /* the exit status */

/* gen.c */
void gen_init(void);
extern bool gen_strict; /* runs: nothing that leaves flags other than AF undefined */
/* Only forms whose name contains `only` (NULL: all). False: none. */
bool gen_select(const char *only);
void gen_case(struct it_rng *r, struct it_case *c, unsigned n_insns, unsigned bits);

#endif
