/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd.c - the differential tester for SIMD and x87 instructions.
 *
 *   tests/insn/simd [-s seed] [-n count] [-o opcode] [-p map] [-m 32|64] [-x] [-v] [-k failures]
 *
 * Opcodes come from the SIMD front end's tables (and D8..DF with -x or by chance), the
 * state is random: general registers, YMM, x87 and MMX registers, MXCSR, control word.
 * Native result and that of each engine must agree in everything but x87 pointers.
 * Left out: x87 state after an MMX store that faults (processors clear TOP), which NaN DPPS/DPPD gives, and x87 condition bits that the manual leaves
 * undefined.
 */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "tcg-fallback/guest/x86/simd.h"
#include "tests/insn/insn.h"
#include "tests/insn/odd.h"

static uint8_t st_mem0[IT_MEM_SIZE], st_mem_ref[IT_MEM_SIZE];
static int st_only_op = -1, st_only_map = -1;
static bool st_x87_only;
static unsigned st_bits = 64;
static unsigned st_ran[4][256][4][2]; /* map, opcode, pp, vex: native did not fault */

/* ---- state ---- */

static uint64_t st_value(struct it_rng *r)
{
	uint64_t v = rng_next(r);

	switch (rng_below(r, 6)) {
	case 0: return odd64[v % ARRAY_LEN(odd64)];
	case 1:
		return (uint64_t)odd32[v % ARRAY_LEN(odd32)] << 32 |
		       odd32[(v >> 20) % ARRAY_LEN(odd32)];
	case 2: return v & UINT64_C(0x0000001f0000003f);
	case 3: {
		double d = (double)(int32_t)v / 16;

		memcpy(&v, &d, 8);
		return v;
	}
	case 4: {
		float f[2] = { (float)(int16_t)v / 8, (float)(int16_t)(v >> 16) / 4 };

		memcpy(&v, f, 8);
		return v;
	}
	default: return v;
	}
}

static void st_x87_reg(struct it_rng *r, uint8_t *p)
{
	uint64_t m = rng_next(r) | UINT64_C(1) << 63;
	uint16_t se =
		(uint16_t)(0x3fff - 20 + rng_below(r, 90)) | (rng_below(r, 2) << 15);

	switch (rng_below(r, 12)) {
	case 0:
		m = 0;
		se &= 0x8000;
		break;
	case 1:
		m = UINT64_C(1) << 63;
		se |= 0x7fff;
		break;
	case 2:
		m |= UINT64_C(1) << 62;
		se |= 0x7fff;
		break;
	case 3:
		m = UINT64_C(0x8000000000001000);
		se |= 0x7fff;
		break;
	case 4: /* integers */
	case 5:
		m = UINT64_C(1) << 63 | rng_next(r) << (64 - 1 - rng_below(r, 8));
		se = (uint16_t)(0x3fff + rng_below(r, 20)) | (se & 0x8000);
		break;
	case 6:
		m >>= 1;
		se &= 0x8000;
		break;
	}
	st_le64(p, m);
	st_le16(p + 8, se);
}

static void st_fp(struct it_rng *r, struct it_fp *f, bool x87)
{
	it_fp_init(f);
	for (unsigned i = 0; i < 16; i++) {
		st_le64(f->fx + 160 + 16 * i, st_value(r));
		st_le64(f->fx + 168 + 16 * i, st_value(r));
		st_le64(f->yh[i], st_value(r));
		st_le64(f->yh[i] + 8, st_value(r));
	}
	st_le32(f->fx + 24, 0x1f80 | rng_below(r, 4) << 13 |
	                            (rng_below(r, 3) ? 0 : rng_below(r, 64)));
	for (unsigned i = 0; i < 8; i++) {
		st_x87_reg(r, f->fx + 32 + 16 * i);
	}
	f->fx[4] = x87 && rng_below(r, 3) ? 0xff : (uint8_t)rng_next(r); /* valid */
	if (x87 && rng_below(r, 4) == 0) {
		f->fx[4] = (uint8_t)(0xff << rng_below(r, 8));
	}
	st_le16(f->fx, (uint16_t)(0x7f | rng_below(r, 4) << 10 |
	                          (rng_below(r, 3) ? 3 : rng_below(r, 2) * 2) << 8));
	st_le16(f->fx + 2, (uint16_t)(rng_below(r, 8) << 11 | (rng_next(r) & 0x4700) |
	                              (rng_below(r, 3) ? 0 : rng_below(r, 0x40))));
}

static uint64_t st_target(struct it_rng *r, bool aligned)
{
	uint64_t t = IT_MEM + 512 + rng_below(r, IT_MEM_SIZE - 1024);

	if (rng_below(r, 30) == 0) {
		t = IT_MEM + IT_MEM_SIZE - rng_below(r, 40);
	} else if (rng_below(r, 10) == 0) {
		t = IT_MEM + 8192 - rng_below(r, 34);
	}
	return aligned ? t & ~UINT64_C(31) : t;
}

static void st_regs(struct it_rng *r, struct it_case *c)
{
	for (unsigned i = 0; i < 16; i++) {
		c->in.reg[i] = rng_below(r, 3) ? rng_next(r) : st_value(r);
	}
	if (rng_below(r, 2)) { /* lengths of PCMPESTRx */
		c->in.reg[X86_RAX] = rng_below(r, 20);
		c->in.reg[X86_RDX] = (uint64_t)0 - rng_below(r, 20);
	}
	c->in.reg[X86_RSP] = st_target(r, false);
	c->in.reg[X86_RDI] = st_target(r, false);
	for (unsigned i = 0; i < 16 && c->bits == 32; i++) {
		c->in.reg[i] = i < 8 ? (uint32_t)c->in.reg[i] : 0;
	}
	c->in.flags = (uint32_t)rng_next(r) & IT_FLAGS;
	c->in.rip = IT_CODE + c->at;
	c->in.fault = IT_OK;
}

/* ---- instructions ---- */

static unsigned st_map_ops(struct it_rng *r, unsigned *map, unsigned *pp)
{
	for (;;) {
		unsigned op =
			st_only_op >= 0 ? (unsigned)st_only_op : rng_below(r, 256);

		*map = st_only_map >= 0 ? (unsigned)st_only_map : 1 + rng_below(r, 3);
		*pp = rng_below(r, 4);
		if (simd_known(*map, op, *pp) ||
		    (rng_below(r, 200) == 0 && st_only_op < 0)) {
			return op;
		}
	}
}

static unsigned st_modrm(struct it_rng *r, struct it_case *c, uint8_t *p, bool vsib,
                         bool x87)
{
	unsigned n = 0, reg = rng_below(r, 8);
	uint64_t t = st_target(r, rng_below(r, 3) > 0);
	static const uint8_t bases[] = { X86_RSI, X86_RDI, X86_RBX, X86_RBP };
	unsigned base = bases[rng_below(r, 4)], idx;
	int8_t d8 = (int8_t)rng_next(r);

	if (!vsib && rng_below(r, x87 ? 3 : 2)) {
		p[n++] = (uint8_t)(0xc0 | reg << 3 | rng_below(r, 8));
		return n;
	}
	if (!vsib && rng_below(r, 4)) {
		p[n++] = (uint8_t)(0x40 | reg << 3 | base);
		p[n++] = (uint8_t)d8;
		c->in.reg[base] = t - (uint64_t)(int64_t)d8;
		c->in.reg[base + 8] =
			c->bits == 64 ? c->in.reg[base] : 0; /* with REX.B */
		return n;
	}
	do {
		idx = rng_below(r, 8);
	} while (idx == base && !vsib);
	p[n++] = (uint8_t)(0x44 | reg << 3);
	p[n++] = (uint8_t)(rng_below(r, 4) << 6 | idx << 3 | base);
	p[n++] = (uint8_t)d8;
	c->in.reg[base] = t - (uint64_t)(int64_t)d8;
	if (!vsib && idx != base && idx != 4) {
		c->in.reg[idx] = rng_below(r, 100);
	}
	c->in.reg[base + 8] = c->bits == 64 ? c->in.reg[base] : 0;
	return n;
}

static void st_small_indices(struct it_rng *r, struct it_fp *f)
{
	bool q = rng_below(r, 2);

	for (unsigned i = 0; i < 16; i++) {
		for (unsigned k = 0; k < 4; k++) {
			uint32_t v = (uint32_t)((int)rng_below(r, 200) - 40);
			uint8_t *p = f->fx + 160 + 16 * i + 4 * k;
			uint8_t *h = f->yh[i] + 4 * k;

			if (i & 1) {
				continue; /* masks stay wild */
			}
			st_le32(p, q && k & 1
			                   ? (uint32_t)((int32_t)ld_le32(p - 4) >> 31)
			                   : v);
			st_le32(h, q && k & 1
			                   ? (uint32_t)((int32_t)ld_le32(h - 4) >> 31)
			                   : v);
		}
	}
}

static void st_insn(struct it_rng *r, struct it_case *c)
{
	uint8_t *p = c->code;
	unsigned n = 0, map, pp, op, vvvv = rng_below(r, 16);
	bool vsib;

	if (st_x87_only || (st_only_op < 0 && rng_below(r, 8) == 0)) {
		p[n++] = (uint8_t)(0xd8 + (st_only_op >= 0 ? (unsigned)st_only_op & 7
		                                           : rng_below(r, 8)));
		n += st_modrm(r, c, p + n, false, true);
		c->len = n;
		return;
	}
	op = st_map_ops(r, &map, &pp);
	vsib = map == 2 && op >= 0x90 && op <= 0x93;
	if (vsib || rng_below(r, 2)) {
		unsigned keep = rng_below(r, 2) ? 15 : vvvv; /* many want none */

		p[n++] = 0xc4;
		keep |= c->bits == 32 ? 8 : 0;
		p[n++] = (uint8_t)((c->bits == 32 ? 7 : rng_below(r, 8)) << 5 | map);
		p[n++] = (uint8_t)(rng_below(r, 2) << 7 | keep << 3 |
		                   rng_below(r, 2) << 2 | pp);
	} else {
		static const uint8_t pre[4] = { 0, 0x66, 0xf3, 0xf2 };

		if (pp) {
			p[n++] = pre[pp];
		}
		if (c->bits == 64 && rng_below(r, 2)) {
			p[n++] = (uint8_t)(0x40 | rng_below(r, 16));
		}
		p[n++] = 0x0f;
		if (map > 1) {
			p[n++] = map == 2 ? 0x38 : 0x3a;
		}
	}
	p[n++] = (uint8_t)op;
	n += st_modrm(r, c, p + n, vsib, false);
	if (vsib) {
		st_small_indices(r, &c->in.fp);
	}
	p[n++] = (uint8_t)rng_next(r);
	p[n++] = 0x90;
	c->len = n;
}

/* Exists on newer processors, not here. */
static bool st_unsupported(const uint8_t *p, const struct x86_insn *i)
{
	bool gfni = (i->map == XM_0F38 && i->opcode == 0xcf) ||
	            (i->map == XM_0F3A && (i->opcode | 1) == 0xcf);
	bool vaes = i->vex && i->vex_l &&
	            ((i->map == XM_0F38 && i->opcode >= 0xdc && i->opcode <= 0xdf) ||
	             (i->map == XM_0F3A && i->opcode == 0x44));
	bool vnni = i->vex && i->map == XM_0F38 && i->opcode >= 0x49 &&
	            i->opcode <= 0x5e && i->opcode != 0x58 && i->opcode != 0x59 &&
	            i->opcode != 0x5a;

	(void)p;
	if (i->vex && i->map == XM_0F && i->opcode == 0xae) {
		return true; /* a system helper's work: not in this program */
	}
	return gfni || vaes || vnni;
}

/* ---- comparison ---- */

static bool st_is_dp(const struct x86_insn *i)
{
	return i->map == XM_0F3A && (i->opcode & 0xfe) == 0x40;
}

static bool st_nan_pair(uint32_t a, uint32_t b)
{
	return (a & 0x7f800000) == 0x7f800000 && (b & 0x7f800000) == 0x7f800000;
}

static bool st_vec_same(const struct x86_insn *i, const uint8_t *a, const uint8_t *b)
{
	if (!memcmp(a, b, 16)) {
		return true;
	}
	if (!st_is_dp(i)) {
		return false;
	}
	for (unsigned k = 0; k < 16; k += i->opcode & 1 ? 8 : 4) {
		unsigned hi = i->opcode & 1 ? k + 4 : k;

		if (memcmp(a + k, b + k, i->opcode & 1 ? 8 : 4) &&
		    !(i->opcode & 1 ? (ld_le32(a + hi) & ld_le32(b + hi) &
		                       0x7ff00000) == 0x7ff00000
		                    : st_nan_pair(ld_le32(a + hi), ld_le32(b + hi)))) {
			return false;
		}
	}
	return true;
}

/* Condition bits that an x87 instruction leaves undefined. */
static unsigned st_x87_undefined(const struct x86_insn *i)
{
	if (i->map != XM_1) {
		return 0;
	}
	return 0x4700;
}

static bool st_x87_cc_defined(const struct x86_insn *i)
{
	unsigned row = i->modrm >> 3 & 7;

	if (i->is_mem) {
		return !(i->opcode & 1) && (row == 2 || row == 3);
	}
	return ((i->opcode == 0xd8 || i->opcode == 0xdc) && (row == 2 || row == 3)) ||
	       (i->opcode == 0xd9 && (i->modrm == 0xe4 || i->modrm == 0xe5)) ||
	       (i->opcode == 0xdd && row >= 4) || (i->opcode == 0xda && row == 5) ||
	       (i->opcode == 0xde && row == 3);
}

static const char *st_compare(const struct it_case *c, const struct it_state *a,
                              const struct it_state *b)
{
	unsigned undef = st_x87_undefined(&c->i);

	if (a->fault != b->fault) {
		return "fault";
	}
	if (a->rip != b->rip) {
		return "rip";
	}
	for (unsigned i = 0; i < (c->bits == 32 ? 8 : 16u); i++) {
		if (c->bits == 32 ? (uint32_t)(a->reg[i] ^ b->reg[i])
		                  : a->reg[i] != b->reg[i]) {
			return "registers";
		}
	}
	if (a->flags != b->flags) {
		return "flags";
	}
	for (unsigned i = 0; i < c->bits / 4; i++) {
		if (!st_vec_same(&c->i, a->fp.fx + 160 + 16 * i,
		                 b->fp.fx + 160 + 16 * i) ||
		    !st_vec_same(&c->i, a->fp.yh[i], b->fp.yh[i])) {
			return "vectors";
		}
	}
	if (a->fault != IT_FPE && memcmp(a->fp.fx + 24, b->fp.fx + 24, 4) &&
	    !(c->i.map == XM_0F3A && c->i.opcode == 0x1d) &&
	    !(c->i.map == XM_0F38 && c->i.opcode == 0x13)) {
		return "mxcsr";
	}
	if (st_x87_cc_defined(&c->i)) {
		undef = 0;
	}
	if (a->fault && c->i.map != XM_1) {
		return memcmp((void *)IT_MEM, st_mem_ref, IT_MEM_SIZE) ? "memory"
		                                                       : NULL;
	}
	if (memcmp(a->fp.fx, b->fp.fx, 2) || a->fp.fx[4] != b->fp.fx[4] ||
	    ((ld_le16(a->fp.fx + 2) ^ ld_le16(b->fp.fx + 2)) & ~undef)) {
		return "x87 control, status or tags";
	}
	for (unsigned i = 0; i < 8; i++) {
		if (memcmp(a->fp.fx + 32 + 16 * i, b->fp.fx + 32 + 16 * i, 10)) {
			return "x87 registers";
		}
	}
	if (a->fault && c->i.map == XM_1) {
		return NULL; /* processors store some of a 10-byte operand */
	}
	return memcmp((void *)IT_MEM, st_mem_ref, IT_MEM_SIZE) ? "memory" : NULL;
}

static void st_print_fp(const struct it_case *c, const struct it_state *a,
                        const struct it_state *b)
{
	const struct it_state *s[3] = { &c->in, a, b };

	for (unsigned i = 0; i < 16; i++) {
		bool same =
			!memcmp(a->fp.fx + 160 + 16 * i, b->fp.fx + 160 + 16 * i, 16) &&
			!memcmp(a->fp.yh[i], b->fp.yh[i], 16);

		for (unsigned k = 0; k < (same ? c->i.map != XM_1 : 3); k++) {
			const uint8_t *x = s[k]->fp.fx + 160 + 16 * i,
				      *h = s[k]->fp.yh[i];

			printf("  ymm%-2u %s %016" PRIx64 " %016" PRIx64 " %016" PRIx64
			       " %016" PRIx64 "\n",
			       i,
			       k == 0   ? "in  "
			       : k == 1 ? "host"
			                : "got ",
			       ld_le64(h + 8), ld_le64(h), ld_le64(x + 8), ld_le64(x));
		}
	}
	for (unsigned k = 0; k < 3; k++) {
		const uint8_t *f = s[k]->fp.fx;

		printf("  cw %04x sw %04x tags %02x mxcsr %04x\n", ld_le16(f),
		       ld_le16(f + 2), f[4], ld_le32(f + 24));
	}
	for (unsigned i = 0; i < 8; i++) {
		printf("  st%u", i);
		for (unsigned k = 0; k < 3; k++) {
			const uint8_t *f = s[k]->fp.fx + 32 + 16 * i;

			printf(" %04x:%016" PRIx64, ld_le16(f + 8), ld_le64(f));
		}
		printf("\n");
	}
}

static void st_report(const struct it_case *c, const struct it_state *a,
                      const struct it_state *b, const char *engine, const char *what)
{
	printf("FAIL %s: %s\n  ", engine, what);
	for (unsigned i = 0; i < c->len; i++) {
		printf("%02x ", c->code[i]);
	}
	printf("\n");
	for (unsigned i = 0; i < 16; i++) {
		if (a->reg[i] != b->reg[i]) {
			printf("  r%u %016" PRIx64 " %016" PRIx64 " %016" PRIx64 "\n",
			       i, c->in.reg[i], a->reg[i], b->reg[i]);
		}
	}
	printf("  rip  %" PRIx64 " %" PRIx64 " flags %x %x fault %s %s@%" PRIx64 "\n",
	       a->rip, b->rip, a->flags, b->flags, it_fault_names[a->fault],
	       it_fault_names[b->fault], b->fault_addr);
	for (unsigned i = 0, n = 0; i < IT_MEM_SIZE && n < 40; i++) {
		uint8_t g = ((uint8_t *)IT_MEM)[i];

		if (g != st_mem_ref[i]) {
			printf("  mem+%x: %02x native %02x got %02x\n", i, st_mem0[i],
			       st_mem_ref[i], g);
			n++;
		}
	}
	st_print_fp(c, a, b);
}

static bool st_one(struct it_rng *r, bool verbose)
{
	static struct it_case c;
	static struct it_state ref, got;
	uint8_t *mem = (uint8_t *)IT_MEM;
	bool ok = true;
	int len;

	memset(&c, 0, sizeof(c));
	c.key = XH_PE | 3u << XH_CPL_SHIFT | XH_LMA | XH_OSFXSR | XH_AVX | XH_NE |
	        (st_bits == 64 ? XH_CODE64 : XH_CODE32 | XH_SS32);
	c.bits = st_bits;
	c.legacy = st_bits != 64;
	c.n_insns = 1;
	c.at = 256;
	st_fp(r, &c.in.fp, st_x87_only || rng_below(r, 4) == 0);
	if (rng_below(r, 8) == 0) { /* unmasked SSE exceptions, but underflow */
		uint32_t m = ld_le32(c.in.fp.fx + 24);

		st_le32(c.in.fp.fx + 24,
		        (m & ~0x1fbfu) | 0x800 | rng_below(r, 64) << 7);
		c.key |= XH_XM;
	}
	st_regs(r, &c);
	st_insn(r, &c);
	len = x86_decode(c.code, c.len, c.key, &c.i);
	if (len <= 0 ||
	    (c.key & XH_XM && c.i.vex && (c.i.opcode == 0x13 || c.i.opcode == 0x1d))) {
		return true; /* half precision sets no flags in the interpreter */
	}
	c.len = (unsigned)len;
	if (st_unsupported(c.code, &c.i) || !(c.i.d->fl & FL_SIMD)) {
		return true;
	}
	for (unsigned i = 0; i < 200; i++) {
		uint64_t v = st_value(r);

		memcpy(st_mem0 + rng_below(r, IT_MEM_SIZE / 8) * 8, &v, 8);
	}
	memcpy(mem, st_mem0, IT_MEM_SIZE);
	native_run(&c, &ref);
	memcpy(st_mem_ref, mem, IT_MEM_SIZE);
	if (ref.fault == IT_OK) {
		st_ran[c.i.map][c.i.opcode][c.i.pp][c.i.vex]++;
	}
	for (unsigned e = 0; e < IT_ENGINES; e++) {
		const char *bad;

		if (!emu_has(e)) {
			continue;
		}
		memcpy(mem, st_mem0, IT_MEM_SIZE);
		emu_run(&c, &got, e);
		bad = st_compare(&c, &ref, &got);
		if (bad) {
			st_report(&c, &ref, &got, it_engine_names[e], bad);
			if (verbose) {
				emu_dump(&c, e == IT_INTERP_OPT || e == IT_HOST_OPT);
			}
			ok = false;
			break;
		}
	}
	return ok;
}

/* Rows that no case executed without a fault. */
static void st_coverage(void)
{
	unsigned rows = 0, missed = 0;

	for (unsigned m = 1; m < 4; m++) {
		for (unsigned op = 0; op < 256; op++) {
			for (unsigned pp = 0; pp < 4; pp++) {
				if (!simd_known(m, op, pp)) {
					continue;
				}
				rows++;
				if (!st_ran[m][op][pp][0] && !st_ran[m][op][pp][1]) {
					missed++;
					printf("never ran: map %u opcode %02x prefix "
					       "%u\n",
					       m, op, pp);
				}
			}
		}
	}
	printf("%u of %u table rows ran\n", rows - missed, rows);
}

int main(int argc, char **argv)
{
	struct it_run run = IT_RUN_INIT(60000);
	bool coverage = false;
	int o;

	while ((o = it_getopt(&run, argc, argv, "o:p:m:xc")) != -1) {
		switch (o) {
		case 'o': st_only_op = (int)strtol(optarg, NULL, 16); break;
		case 'p': st_only_map = atoi(optarg); break;
		case 'm': st_bits = atoi(optarg) == 32 ? 32 : 64; break;
		case 'x': st_x87_only = true; break;
		case 'c': coverage = true; break;
		default: return 2;
		}
	}
	if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma")) {
		printf("this host has no AVX2 and FMA\n");
		return 77;
	}
	it_begin();
	if (!native_has(st_bits)) {
		printf("this host cannot run 32-bit code\n");
		return 77;
	}
	for (unsigned long i = 0; i < run.n && run.bad < run.max_bad; i++) {
		run.bad += !st_one(&run.r, run.verbose);
	}
	if (coverage) {
		st_coverage();
	}
	return it_end(&run);
}
