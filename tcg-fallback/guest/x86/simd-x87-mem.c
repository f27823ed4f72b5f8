/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-x87-mem.c - x87 instructions with a memory operand: loads, stores,
 * conversions, environment.
 *
 * Models: SDM vol. 1, 8.1.10 (environment images), 8.3.
 *
 * A store happens before the pop, so that a page fault leaves the stack as it was.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include <string.h>

#include "base/bytes.h"
#include "tcg-fallback/guest/x86/simd-x87.h"

/* ---- conversions by the host's x87 ---- */

#ifdef HOST_X86_64
static const uint16_t x87_mem_host_cw = 0x37f;

#define X87_LOAD(ins)                                                                  \
	__asm__ volatile("fnclex\n\tfldcw %[host]\n\t" ins                             \
	                 " %[a]\n\tfnstsw %[sw]\n\tfstpt %[r]\n\t"                     \
	                 "fnclex"                                                      \
	                 : [r] "=m"(r), [sw] "=m"(sw)                                  \
	                 : [a] "m"(in), [host] "m"(x87_mem_host_cw)                    \
	                 : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", \
	                   "st(7)", "memory")
#define X87_STORE(ins)                                                                 \
	__asm__ volatile("fnclex\n\tfldcw %[cw]\n\tfldt %[a]\n\t" ins                  \
	                 " %[r]\n\tfnstsw %[sw]\n\t"                                   \
	                 "fnclex\n\tfldcw %[host]"                                     \
	                 : [r] "=m"(out), [sw] "=m"(sw)                                \
	                 : [a] "m"(v), [cw] "m"(cw), [host] "m"(x87_mem_host_cw)       \
	                 : "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", \
	                   "st(7)", "memory")

enum x87_format { XF_M32, XF_M64, XF_I16, XF_I32, XF_I64, XF_BCD };

static struct f80 x87_from(enum x87_format f, const uint8_t *bytes, unsigned *exc)
{
	struct {
		uint8_t b[16];
	} in;
	struct f80 r;
	uint16_t sw;

	memcpy(in.b, bytes, 10);
	switch (f) {
	case XF_M32: X87_LOAD("flds"); break;
	case XF_M64: X87_LOAD("fldl"); break;
	case XF_I16: X87_LOAD("filds"); break;
	case XF_I32: X87_LOAD("fildl"); break;
	case XF_I64: X87_LOAD("fildll"); break;
	default: X87_LOAD("fbld"); break;
	}
	*exc = sw & X87_EXC;
	return r;
}

/* Status word bits (exceptions, C1). */
static unsigned x87_to(const struct x86_cpu *c, enum x87_format f, bool trunc,
                       struct f80 v, uint8_t *bytes)
{
	uint16_t cw = c->fpcw | X87_EXC, sw;
	struct {
		uint8_t b[16];
	} out;

	if (trunc) {
		cw |= 0xc00;
	}
	switch (f) {
	case XF_M32: X87_STORE("fstps"); break;
	case XF_M64: X87_STORE("fstpl"); break;
	case XF_I16: X87_STORE("fistps"); break;
	case XF_I32: X87_STORE("fistpl"); break;
	case XF_I64: X87_STORE("fistpll"); break;
	default: X87_STORE("fbstp"); break;
	}
	memcpy(bytes, out.b, 10);
	return sw & (X87_EXC | X87_C1);
}
#else
enum x87_format { XF_M32, XF_M64, XF_I16, XF_I32, XF_I64, XF_BCD };

static struct f80 x87_from(enum x87_format f, const uint8_t *bytes, unsigned *exc)
{
	(void)f, (void)bytes;
	*exc = X87_IE;
	return x87_indefinite;
}

static unsigned x87_to(const struct x86_cpu *c, enum x87_format f, bool trunc,
                       struct f80 v, uint8_t *bytes)
{
	(void)c, (void)f, (void)trunc, (void)v;
	memset(bytes, 0, 10);
	return X87_IE;
}
#endif

static const uint8_t x87_bytes[] = { [XF_M32] = 4, [XF_M64] = 8, [XF_I16] = 2,
	                             [XF_I32] = 4, [XF_I64] = 8, [XF_BCD] = 10 };

/* ---- loads and stores ---- */

static struct f80 x87_read(struct tcg_env *env, enum x87_format f, uint64_t addr,
                           unsigned *exc)
{
	uint8_t b[16] = { 0 };

	tcg_ld_bytes(env, addr, b, x87_bytes[f], 0);
	return x87_from(f, b, exc);
}

/* An operand of arithmetic: a NaN goes in as it is, as a load would quiet it before the
 * operation chooses among NaNs. */
static struct f80 x87_read_operand(struct tcg_env *env, enum x87_format f,
                                   uint64_t addr, unsigned *exc)
{
	uint8_t b[16] = { 0 };
	uint64_t frac = 0;
	bool nan = false, neg = false;

	tcg_ld_bytes(env, addr, b, x87_bytes[f], 0);
	if (f == XF_M32) {
		nan = (ld_le32(b) & 0x7f800000) == 0x7f800000 && ld_le32(b) << 9;
		neg = b[3] >> 7;
		frac = (uint64_t)ld_le32(b) << 40;
	} else if (f == XF_M64) {
		nan = (ld_le64(b) >> 52 & 0x7ff) == 0x7ff && ld_le64(b) << 12;
		neg = b[7] >> 7;
		frac = ld_le64(b) << 11;
	}
	if (nan) {
		*exc = 0;
		return (struct f80){ frac | UINT64_C(1) << 63,
			             (uint16_t)(0x7fff | neg << 15) };
	}
	return x87_from(f, b, exc);
}

static void x87_load(struct tcg_env *env, enum x87_format f, uint64_t addr)
{
	unsigned exc;
	struct f80 v = x87_read(env, f, addr, &exc);

	x87_push(x86_of(env), v, exc);
}

/* What an empty register stores when #IS is masked. */
static void x87_indefinite_as(enum x87_format f, uint8_t *b)
{
	static const uint8_t img[][10] = {
		[XF_M32] = { 0, 0, 0xc0, 0xff },
		[XF_M64] = { 0, 0, 0, 0, 0, 0, 0xf8, 0xff },
		[XF_I16] = { 0, 0x80 },
		[XF_I32] = { 0, 0, 0, 0x80 },
		[XF_I64] = { 0, 0, 0, 0, 0, 0, 0, 0x80 },
		[XF_BCD] = { 0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0xff },
	};

	memcpy(b, img[f], 10);
}

static void x87_store(struct tcg_env *env, enum x87_format f, uint64_t addr, bool trunc,
                      bool pop)
{
	struct x86_cpu *c = x86_of(env);
	uint8_t b[10];
	unsigned sw = X87_IE | X87_SF;
	bool keep;

	if (x87_empty(c, 0)) {
		x87_indefinite_as(f, b);
	} else {
		sw = x87_to(c, f, trunc, x87_get(c, 0), b);
	}
	/* for memory every unmasked numeric exception but precision holds the store back */
	keep = sw & ~(unsigned)c->fpcw & (X87_IE | X87_OE | X87_UE);
	if (!keep) {
		tcg_st_bytes(env, addr, b, x87_bytes[f], 0);
	}
	c->fpsw = (uint16_t)((c->fpsw & ~X87_C1) | (sw & X87_C1));
	x87_note(c, sw);
	if (!keep && pop) {
		x87_pop(c);
	}
}

static void x87_load80(struct tcg_env *env, uint64_t addr)
{
	uint8_t b[10];

	tcg_ld_bytes(env, addr, b, 10, 0);
	x87_push(x86_of(env), (struct f80){ ld_le64(b), ld_le16(b + 8) }, 0);
}

static void x87_store80(struct tcg_env *env, uint64_t addr)
{
	struct x86_cpu *c = x86_of(env);
	struct f80 v = x87_get(c, 0);
	uint8_t b[10];
	bool fault = x87_empty(c, 0);

	if (fault) {
		v = x87_indefinite;
	}
	if (!fault || c->fpcw & X87_IE) {
		st_le64(b, v.m);
		st_le16(b + 8, v.se);
		tcg_st_bytes(env, addr, b, 10, 0);
	}
	if (fault && !x87_stack_fault(c, false)) {
		return;
	}
	if (!fault) {
		c->fpsw &= (uint16_t)~X87_C1;
	}
	x87_pop(c);
}

/* ---- environment ---- */

static unsigned x87_full_tags(const struct x86_cpu *c)
{
	unsigned tw = 0;

	for (unsigned p = 0; p < 8; p++) {
		unsigned e = c->fpr[p].exp & 0x7fff, t;

		if (c->fptag >> p & 1) {
			t = 3;
		} else if (e == 0 && c->fpr[p].mant == 0) {
			t = 1;
		} else {
			t = e == 0 || e == 0x7fff || !(c->fpr[p].mant >> 63) ? 2 : 0;
		}
		tw |= t << 2 * p;
	}
	return tw;
}

static unsigned x87_env_bytes(unsigned fmt)
{
	return fmt & 1 ? 14 : 28;
}

static void x87_put_env(const struct x86_cpu *c, unsigned fmt, uint8_t *b)
{
	unsigned sw = c->fpsw | (unsigned)c->fptop << 11, tw = x87_full_tags(c);
	uint32_t ip = (uint32_t)c->fpip, dp = (uint32_t)c->fpdp;

	if (fmt & 1) {
		st_le16(b, c->fpcw);
		st_le16(b + 2, (uint16_t)sw);
		st_le16(b + 4, (uint16_t)tw);
		st_le16(b + 6, (uint16_t)ip);
		st_le16(b + 8,
		        fmt & 2 ? (uint16_t)((ip >> 4 & 0xf000) | c->fpop) : c->fpcs);
		st_le16(b + 10, (uint16_t)dp);
		st_le16(b + 12, fmt & 2 ? (uint16_t)(dp >> 4 & 0xf000) : c->fpds);
		return;
	}
	memset(b, 0xff, 28);
	st_le16(b, c->fpcw);
	st_le16(b + 4, (uint16_t)sw);
	st_le16(b + 8, (uint16_t)tw);
	if (fmt & 2) {
		st_le16(b + 12, (uint16_t)ip);
		st_le32(b + 16, (ip >> 4 & 0x0ffff000) | c->fpop);
		st_le16(b + 20, (uint16_t)dp);
		st_le32(b + 24, dp >> 4 & 0x0ffff000);
	} else {
		st_le32(b + 12, ip);
		st_le32(b + 16, c->fpcs | (uint32_t)c->fpop << 16);
		st_le32(b + 20, dp);
		st_le16(b + 24, c->fpds);
	}
}

static void x87_get_env(struct x86_cpu *c, unsigned fmt, const uint8_t *b)
{
	unsigned k = fmt & 1 ? 2 : 4, sw = ld_le16(b + k), tw = ld_le16(b + 2 * k);

	c->fpcw = (ld_le16(b) & 0x1f7f) | 0x40;
	c->fptop = sw >> 11 & 7;
	c->fpsw = (uint16_t)(sw & ~0x3800u);
	c->fptag = 0;
	for (unsigned p = 0; p < 8; p++) {
		c->fptag |= (uint8_t)((tw >> 2 * p & 3) == 3 ? 1u << p : 0);
	}
	if (fmt & 1) {
		c->fpip = ld_le16(b + 6);
		c->fpdp = ld_le16(b + 10);
		if (!(fmt & 2)) {
			c->fpcs = ld_le16(b + 8);
			c->fpds = ld_le16(b + 12);
		}
	} else if (!(fmt & 2)) {
		c->fpip = ld_le32(b + 12);
		c->fpcs = ld_le16(b + 16);
		c->fpop = ld_le16(b + 18) & 0x7ff;
		c->fpdp = ld_le32(b + 20);
		c->fpds = ld_le16(b + 24);
	}
	x87_update_es(c);
}

static void x87_ldenv(struct tcg_env *env, uint64_t addr, unsigned fmt)
{
	uint8_t b[28];

	tcg_ld_bytes(env, addr, b, x87_env_bytes(fmt), 0);
	x87_get_env(x86_of(env), fmt, b);
}

static void x87_stenv(struct tcg_env *env, uint64_t addr, unsigned fmt)
{
	struct x86_cpu *c = x86_of(env);
	uint8_t b[28];

	x87_put_env(c, fmt, b);
	tcg_st_bytes(env, addr, b, x87_env_bytes(fmt), 0);
	c->fpcw |= X87_EXC;
	x87_update_es(c);
}

static void x87_save(struct tcg_env *env, uint64_t addr, unsigned fmt)
{
	struct x86_cpu *c = x86_of(env);
	uint8_t b[108];
	unsigned n = x87_env_bytes(fmt);

	x87_put_env(c, fmt, b);
	for (unsigned i = 0; i < 8; i++) {
		struct f80 v = x87_get(c, i);

		st_le64(b + n + 10 * i, v.m);
		st_le16(b + n + 10 * i + 8, v.se);
	}
	tcg_st_bytes(env, addr, b, n + 80, 0);
	x87_init(c);
}

static void x87_rstor(struct tcg_env *env, uint64_t addr, unsigned fmt)
{
	struct x86_cpu *c = x86_of(env);
	uint8_t b[108];
	unsigned n = x87_env_bytes(fmt);

	tcg_ld_bytes(env, addr, b, n + 80, 0);
	x87_get_env(c, fmt, b);
	for (unsigned i = 0; i < 8; i++) {
		unsigned p = (c->fptop + i) & 7;

		c->fpr[p].mant = ld_le64(b + n + 10 * i);
		c->fpr[p].exp = ld_le16(b + n + 10 * i + 8);
	}
}

/* ---- dispatch ---- */

/* FLDENV FLDCW FNSTENV FNSTCW, FRSTOR FNSAVE FNSTSW: no pending check, no pointers. FLDCW,
 * FLDENV and FRSTOR are waiting instructions, the FN ones are not. */
static bool x87_mem_control(struct tcg_env *env, unsigned op, unsigned row,
                            uint64_t addr, unsigned fmt)
{
	struct x86_cpu *c = x86_of(env);
	bool d9 = op == 0xd9, waits = row == 4 || (d9 && row == 5);

	if (!(d9 && row >= 4) && !(op == 0xdd && (row == 4 || row >= 6))) {
		return false;
	}
	if (waits && c->fpsw & X87_ES) {
		x86_raise(env, X86_EXC_MF, 0);
	}
	switch (row) {
	case 4:
		if (d9) {
			x87_ldenv(env, addr, fmt);
		} else {
			x87_rstor(env, addr, fmt);
		}
		break;
	case 5:
		c->fpcw = ((uint16_t)tcg_ld(env, addr, 2, 0) & 0x1f7f) | 0x40;
		x87_update_es(c);
		break;
	case 6:
		if (d9) {
			x87_stenv(env, addr, fmt);
		} else {
			x87_save(env, addr, fmt);
		}
		break;
	default:
		tcg_st(env, addr,
		       d9 ? c->fpcw : (uint16_t)(c->fpsw | (unsigned)c->fptop << 11), 2,
		       0);
		break;
	}
	return true;
}

static void x87_mem_df(struct tcg_env *env, unsigned row, uint64_t addr)
{
	switch (row) {
	case 4: x87_load(env, XF_BCD, addr); break;
	case 5: x87_load(env, XF_I64, addr); break;
	case 6: x87_store(env, XF_BCD, addr, false, true); break;
	default: x87_store(env, XF_I64, addr, false, true); break;
	}
}

/* D9, DB, DD, DF: row 0 load, 1 store truncating and pop, 2 store, 3 store and pop. */
static void x87_mem_move(struct tcg_env *env, unsigned op, unsigned row, uint64_t addr)
{
	enum x87_format f = op == 0xd9   ? XF_M32
	                    : op == 0xdb ? XF_I32
	                    : op == 0xdd ? XF_M64
	                                 : XF_I16;

	switch (row) {
	case 0: x87_load(env, f, addr); break;
	case 1: /* FISTTP; of DD it is the 64-bit integer */
		x87_store(env, op == 0xdd ? XF_I64 : f, addr, true, true);
		break;
	case 2:
	case 3: x87_store(env, f, addr, false, row == 3); break;
	default:
		if (op == 0xdf) {
			x87_mem_df(env, row, addr);
		} else if (row == 5) {
			x87_load80(env, addr);
		} else {
			x87_store80(env, addr);
		}
		break;
	}
}

uint64_t helper_x87_mem(struct tcg_env *env, uint64_t code, uint64_t addr, uint64_t fmt,
                        uint64_t pc)
{
	struct x86_cpu *c = x86_of(env);
	unsigned op = code >> 8 & 255, row = code >> 3 & 7, exc;
	static const uint8_t format[] = {
		[0] = XF_M32, [2] = XF_I32, [4] = XF_M64, [6] = XF_I16
	};
	struct f80 b;

	if (x87_mem_control(env, op, row, addr, (unsigned)fmt)) {
		return 0;
	}
	if (c->fpsw & X87_ES) {
		x86_raise(env, X86_EXC_MF, 0);
	}
	if (op & 1) {
		x87_mem_move(env, op, row, addr);
	} else { /* D8, DA, DC, DE */
		b = x87_read_operand(env, format[op & 7], addr, &exc);
		x87_st0_op(c, row, b, exc);
	}
	c->fpip = pc;
	c->fpdp = addr;
	c->fpop = (uint16_t)((op & 7) << 8 | (code & 255));
	return 0;
}
