/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-x87-ops.c - x87 arithmetic and register forms, by the host's x87.
 *
 * Models: SDM vol. 1, 8.1 (registers), 8.5 (exceptions), 8.7.
 *
 * Each operation runs as one asm statement: exceptions cleared, the guest's control word
 * (all masked) loaded, operands loaded in the 80-bit format (exact, raises nothing), the
 * operation, status word and result stored, the host's default restored. Unmasked
 * exceptions are found afterwards in the status word: then invalid, denormal and
 * zero-divide keep the destination; the next waiting instruction raises #MF.
 *
 * Known gaps: unmasked overflow and underflow store the masked result; on hosts without
 * x87, operations give the indefinite and #IE.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include <string.h>

#include "tcg-fallback/guest/x86/simd-x87.h"

const struct f80 x87_indefinite = { UINT64_C(0xc000000000000000), 0xffff };

/* ---- registers ---- */

static unsigned x87_phys(const struct x86_cpu *c, unsigned i)
{
	return (c->fptop + i) & 7;
}

bool x87_empty(const struct x86_cpu *c, unsigned i)
{
	return c->fptag >> x87_phys(c, i) & 1;
}

struct f80 x87_get(const struct x86_cpu *c, unsigned i)
{
	unsigned p = x87_phys(c, i);

	return (struct f80){ c->fpr[p].mant, c->fpr[p].exp };
}

void x87_put(struct x86_cpu *c, unsigned i, struct f80 v)
{
	unsigned p = x87_phys(c, i);

	c->fpr[p].mant = v.m;
	c->fpr[p].exp = v.se;
	c->fptag &= (uint8_t) ~(1u << p);
}

void x87_pop(struct x86_cpu *c)
{
	c->fptag |= (uint8_t)(1u << x87_phys(c, 0));
	c->fptop = (c->fptop + 1) & 7;
}

void x87_update_es(struct x86_cpu *c)
{
	if (c->fpsw & ~c->fpcw & X87_EXC) {
		c->fpsw |= X87_ES | X87_B;
	} else {
		c->fpsw &= (uint16_t) ~(X87_ES | X87_B);
	}
}

bool x87_note(struct x86_cpu *c, unsigned exc)
{
	c->fpsw |= exc & (X87_EXC | X87_SF);
	x87_update_es(c);
	return !(exc & ~(unsigned)c->fpcw & (X87_IE | X87_DE | X87_ZE));
}

static void x87_set_c1(struct x86_cpu *c, bool on)
{
	c->fpsw = (uint16_t)((c->fpsw & ~X87_C1) | (on ? X87_C1 : 0));
}

bool x87_stack_fault(struct x86_cpu *c, bool over)
{
	x87_set_c1(c, over);
	return x87_note(c, X87_IE | X87_SF);
}

void x87_push(struct x86_cpu *c, struct f80 v, unsigned exc)
{
	if (!x87_empty(c, 7)) {
		if (!x87_stack_fault(c, true)) {
			return;
		}
		v = x87_indefinite;
	} else {
		x87_set_c1(c, false);
		if (!x87_note(c, exc)) {
			return;
		}
	}
	c->fptop = (c->fptop - 1) & 7;
	x87_put(c, 0, v);
}

void x87_init(struct x86_cpu *c)
{
	c->fpcw = 0x37f;
	c->fpsw = 0;
	c->fptop = 0;
	c->fptag = 0xff;
	c->fpop = c->fpcs = c->fpds = 0;
	c->fpip = c->fpdp = 0;
}

/* ---- the host's x87 ---- */

#ifdef HOST_X86_64
static const uint16_t x87_host_cw = 0x37f;

#define X87_BEGIN "fnclex\n\tfldcw %[cw]\n\t"
#define X87_END   "fnclex\n\tfldcw %[host]"
#define X87_CLOBBER                                                                    \
	"st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)", "memory"

/* st0 = a, st1 = b; the result is left in st0 alone. */
#define X87_BIN(ins)                                                                   \
	__asm__ volatile(                                                              \
		X87_BEGIN "fldt %[b]\n\tfldt %[a]\n\t" ins                             \
			  "\n\tfnstsw %[sw]\n\tfstpt %[r]\n\tfstp %%st(0)\n\t" X87_END \
		: [r] "=m"(r), [sw] "=m"(sw)                                           \
		: [a] "m"(a), [b] "m"(b), [cw] "m"(cw), [host] "m"(x87_host_cw)        \
		: X87_CLOBBER)
/* The instruction pops one itself. */
#define X87_BINP(ins)                                                                  \
	__asm__ volatile(                                                              \
		X87_BEGIN "fldt %[b]\n\tfldt %[a]\n\t" ins                             \
			  "\n\tfnstsw %[sw]\n\tfstpt %[r]\n\t" X87_END                 \
		: [r] "=m"(r), [sw] "=m"(sw)                                           \
		: [a] "m"(a), [b] "m"(b), [cw] "m"(cw), [host] "m"(x87_host_cw)        \
		: X87_CLOBBER)
#define X87_UN(ins)                                                                    \
	__asm__ volatile(X87_BEGIN "fldt %[a]\n\t" ins                                 \
	                           "\n\tfnstsw %[sw]\n\tfstpt %[r]\n\t" X87_END        \
	                 : [r] "=m"(r), [sw] "=m"(sw)                                  \
	                 : [a] "m"(a), [cw] "m"(cw), [host] "m"(x87_host_cw)           \
	                 : X87_CLOBBER)
/* Pushes a second result (unless C2 says it did not). */
#define X87_UN2(ins)                                                                   \
	__asm__ volatile(X87_BEGIN                                                     \
	                 "fldt %[a]\n\t" ins                                           \
	                 "\n\tfnstsw %[sw]\n\ttestw $0x400, %[sw]\n\tjnz 1f\n\t"       \
	                 "fstpt %[s]\n1:\tfstpt %[r]\n\t" X87_END                      \
	                 : [r] "=m"(r), [s] "=m"(*second), [sw] "=m"(sw)               \
	                 : [a] "m"(a), [cw] "m"(cw), [host] "m"(x87_host_cw)           \
	                 : X87_CLOBBER, "cc")

/* Always pushes one. */
#define X87_XTRACT()                                                                   \
	__asm__ volatile(X87_BEGIN "fldt %[a]\n\tfxtract\n\tfnstsw %[sw]\n\t"          \
	                           "fstpt %[s]\n\tfstpt %[r]\n\t" X87_END              \
	                 : [r] "=m"(r), [s] "=m"(*second), [sw] "=m"(sw)               \
	                 : [a] "m"(a), [cw] "m"(cw), [host] "m"(x87_host_cw)           \
	                 : X87_CLOBBER)

static uint16_t x87_masked_cw(const struct x86_cpu *c)
{
	return c->fpcw | X87_EXC;
}

struct f80 x87_arith(const struct x86_cpu *c, unsigned row, struct f80 a, struct f80 b,
                     unsigned *exc)
{
	uint16_t cw = x87_masked_cw(c), sw;
	struct f80 r;

	switch (row) {
	case 0: X87_BIN("fadd %%st(1), %%st"); break;
	case 1: X87_BIN("fmul %%st(1), %%st"); break;
	case 4: X87_BIN("fsub %%st(1), %%st"); break;
	case 5: X87_BIN("fsubr %%st(1), %%st"); break;
	case 6: X87_BIN("fdiv %%st(1), %%st"); break;
	default: X87_BIN("fdivr %%st(1), %%st"); break;
	}
	*exc = sw & (X87_EXC | X87_C1);
	return r;
}

unsigned x87_compare(struct f80 a, struct f80 b, bool quiet, unsigned *exc)
{
	uint16_t cw = 0x37f, sw;
	struct f80 r;

	if (quiet) {
		X87_BIN("fucom %%st(1)");
	} else {
		X87_BIN("fcom %%st(1)");
	}
	*exc = sw & X87_EXC;
	return sw & (X87_C0 | X87_C2 | X87_C3);
}

/* D9 E0..FF that transform: sw and result; second for those that push. */
static struct f80 x87_transform(const struct x86_cpu *c, unsigned modrm, struct f80 a,
                                struct f80 b, struct f80 *second, uint16_t *status)
{
	uint16_t cw = x87_masked_cw(c), sw = 0;
	struct f80 r = a;

	switch (modrm) {
	case 0xe0: X87_UN("fchs"); break;
	case 0xe1: X87_UN("fabs"); break;
	case 0xe4: X87_UN("ftst"); break;
	case 0xf0: X87_UN("f2xm1"); break;
	case 0xf1: X87_BINP("fyl2x"); break;
	case 0xf2: X87_UN2("fptan"); break;
	case 0xf3: X87_BINP("fpatan"); break;
	case 0xf4: X87_XTRACT(); break;
	case 0xf5: X87_BIN("fprem1"); break;
	case 0xf8: X87_BIN("fprem"); break;
	case 0xf9: X87_BINP("fyl2xp1"); break;
	case 0xfa: X87_UN("fsqrt"); break;
	case 0xfb: X87_UN2("fsincos"); break;
	case 0xfc: X87_UN("frndint"); break;
	case 0xfd: X87_BIN("fscale"); break;
	case 0xfe: X87_UN("fsin"); break;
	case 0xff: X87_UN("fcos"); break;
	}
	*status = sw;
	return r;
}

static struct f80 x87_constant(const struct x86_cpu *c, unsigned rm)
{
	uint16_t cw = x87_masked_cw(c), sw;
	struct f80 r, a = { 0, 0 };

#define X87_CONST(ins) X87_UN("fstp %%st(0)\n\t" ins)
	switch (rm) {
	case 0: X87_CONST("fld1"); break;
	case 1: X87_CONST("fldl2t"); break;
	case 2: X87_CONST("fldl2e"); break;
	case 3: X87_CONST("fldpi"); break;
	case 4: X87_CONST("fldlg2"); break;
	case 5: X87_CONST("fldln2"); break;
	default: X87_CONST("fldz"); break;
	}
	return r;
}
#else
struct f80 x87_arith(const struct x86_cpu *c, unsigned row, struct f80 a, struct f80 b,
                     unsigned *exc)
{
	(void)c, (void)row, (void)a, (void)b;
	*exc = X87_IE;
	return x87_indefinite;
}

unsigned x87_compare(struct f80 a, struct f80 b, bool quiet, unsigned *exc)
{
	(void)a, (void)b, (void)quiet;
	*exc = X87_IE;
	return X87_C0 | X87_C2 | X87_C3;
}

static struct f80 x87_transform(const struct x86_cpu *c, unsigned modrm, struct f80 a,
                                struct f80 b, struct f80 *second, uint16_t *status)
{
	(void)c, (void)modrm, (void)b;
	*second = x87_indefinite;
	*status = X87_IE;
	return a;
}

static struct f80 x87_constant(const struct x86_cpu *c, unsigned rm)
{
	(void)c, (void)rm;
	return x87_indefinite;
}
#endif

/* ---- shapes of instructions ---- */

static void x87_set_cc(struct x86_cpu *c, unsigned cc)
{
	c->fpsw = (uint16_t)((c->fpsw & ~(X87_C0 | X87_C1 | X87_C2 | X87_C3)) | cc);
}

static bool x87_nan(struct f80 v)
{
	return (v.se & 0x7fff) == 0x7fff && v.m << 1;
}

/* Exceptions of converting a memory operand and of the operation: a denormal operand counts
 * only when nothing of higher priority (invalid, a NaN, zero-divide) happened. */
static unsigned x87_join(unsigned exc, unsigned exc_b, struct f80 a, struct f80 b)
{
	if ((exc | exc_b) & (X87_IE | X87_ZE) || x87_nan(a) || x87_nan(b)) {
		exc_b &= ~X87_DE;
	}
	return exc | exc_b;
}

/* FCOM and relatives, `pops` times popped. */
static void x87_com(struct x86_cpu *c, bool have, struct f80 b, bool quiet,
                    unsigned pops, unsigned exc_b)
{
	unsigned cc = X87_C0 | X87_C2 | X87_C3, exc = X87_IE | X87_SF;

	if (have && !x87_empty(c, 0)) {
		cc = x87_compare(x87_get(c, 0), b, quiet, &exc);
		exc = x87_join(exc, exc_b, x87_get(c, 0), b);
	}
	x87_set_cc(c, cc);
	if (x87_note(c, exc)) {
		while (pops--) {
			x87_pop(c);
		}
	}
}

/* dst = a op b, where a and b are registers (b may be given). */
static void x87_arith_to(struct x86_cpu *c, unsigned dst, bool ok, unsigned row,
                         struct f80 a, struct f80 b, unsigned exc_b, bool pop)
{
	unsigned exc;
	struct f80 r;

	if (!ok) {
		if (!x87_stack_fault(c, false)) {
			return;
		}
		r = x87_indefinite;
	} else {
		r = x87_arith(c, row, a, b, &exc);
		x87_set_c1(c, exc & X87_C1);
		if (!x87_note(c, x87_join(exc, exc_b, a, b))) {
			return;
		}
	}
	x87_put(c, dst, r);
	if (pop) {
		x87_pop(c);
	}
}

void x87_st0_op(struct x86_cpu *c, unsigned row, struct f80 b, unsigned exc_b)
{
	if (row == 2 || row == 3) {
		x87_com(c, true, b, false, row == 3, exc_b);
	} else {
		x87_arith_to(c, 0, !x87_empty(c, 0), row, x87_get(c, 0), b, exc_b,
		             false);
	}
}

static void x87_xam(struct x86_cpu *c)
{
	struct f80 v = x87_get(c, 0);
	unsigned e = v.se & 0x7fff, cc;
	bool j = v.m >> 63;

	if (x87_empty(c, 0)) {
		cc = X87_C3 | X87_C0;
	} else if (e == 0x7fff) {
		cc = !j ? 0 : v.m << 1 ? X87_C0 : X87_C2 | X87_C0;
	} else if (e == 0) {
		cc = v.m ? X87_C3 | X87_C2 : X87_C3;
	} else {
		cc = j ? X87_C2 : 0;
	}
	x87_set_cc(c, cc | (v.se >> 15 ? X87_C1 : 0));
}

/* Which condition bits a D9 E0..FF instruction defines besides C1. */
static unsigned x87_transform_cc(unsigned modrm)
{
	switch (modrm) {
	case 0xe4:
	case 0xf5:
	case 0xf8: return X87_C0 | X87_C2 | X87_C3;
	case 0xf2:
	case 0xfb:
	case 0xfe:
	case 0xff: return X87_C2;
	default: return 0;
	}
}

static void x87_d9_ops(struct x86_cpu *c, unsigned modrm)
{
	bool two = modrm == 0xf1 || modrm == 0xf3 || modrm == 0xf5 || modrm == 0xf8 ||
	           modrm == 0xf9 || modrm == 0xfd;
	bool pops = modrm == 0xf1 || modrm == 0xf3 || modrm == 0xf9;
	bool pushes = modrm == 0xf2 || modrm == 0xf4 || modrm == 0xfb;
	struct f80 r, s = x87_indefinite;
	unsigned cc = x87_transform_cc(modrm) | X87_C1;
	uint16_t sw;

	if (x87_empty(c, 0) || (two && x87_empty(c, 1)) ||
	    (pushes && !x87_empty(c, 7))) {
		bool over = pushes && !x87_empty(c, 0);

		if (!x87_stack_fault(c, over)) {
			return;
		}
		if (modrm == 0xe4) {
			c->fpsw |= X87_C0 | X87_C2 | X87_C3;
			return;
		}
		r = x87_indefinite;
		sw = 0;
	} else {
		r = x87_transform(c, modrm, x87_get(c, 0), x87_get(c, 1), &s, &sw);
		c->fpsw = (uint16_t)((c->fpsw & ~cc) | (sw & cc));
		if (!x87_note(c, sw & X87_EXC)) {
			return;
		}
	}
	if (modrm == 0xe4) {
		return;
	}
	if (pops) {
		x87_pop(c);
	}
	x87_put(c, 0, r);
	if (pushes && !(x87_transform_cc(modrm) & sw & X87_C2)) {
		c->fptop = (c->fptop - 1) & 7;
		x87_put(c, 0, s);
	}
}

static void x87_xch(struct x86_cpu *c, unsigned i)
{
	struct f80 a, b;

	x87_set_c1(c, false);
	if ((x87_empty(c, 0) || x87_empty(c, i)) && !x87_stack_fault(c, false)) {
		return;
	}
	a = x87_empty(c, 0) ? x87_indefinite : x87_get(c, 0);
	b = x87_empty(c, i) ? x87_indefinite : x87_get(c, i);
	x87_put(c, 0, b);
	x87_put(c, i, a);
}

static void x87_st(struct x86_cpu *c, unsigned i, bool pop)
{
	struct f80 v = x87_get(c, 0);

	x87_set_c1(c, false);
	if (x87_empty(c, 0)) {
		if (!x87_stack_fault(c, false)) {
			return;
		}
		v = x87_indefinite;
	}
	x87_put(c, i, v);
	if (pop) {
		x87_pop(c);
	}
}

static void x87_d9(struct x86_cpu *c, unsigned modrm)
{
	unsigned rm = modrm & 7;

	switch (modrm >> 3 & 7) {
	case 0: /* FLD ST(i) */
		if (x87_empty(c, rm)) {
			if (x87_stack_fault(c, false)) {
				c->fptop = (c->fptop - 1) & 7;
				x87_put(c, 0, x87_indefinite);
			}
		} else {
			x87_push(c, x87_get(c, rm), 0);
		}
		break;
	case 1: x87_xch(c, rm); break;
	case 2: /* FNOP */ break;
	case 3: /* the alias of FSTP that does not check for empty */
		if (x87_empty(c, 0)) {
			x87_pop(c);
		} else {
			x87_st(c, rm, true);
		}
		break;
	case 5: x87_push(c, x87_constant(c, rm), 0); break;
	default:
		if (modrm == 0xe5) {
			x87_xam(c);
		} else if (modrm == 0xf6 || modrm == 0xf7) { /* FDECSTP, FINCSTP */
			c->fptop = (c->fptop + (modrm == 0xf6 ? 7 : 1)) & 7;
			x87_set_c1(c, false);
		} else {
			x87_d9_ops(c, modrm);
		}
		break;
	}
}

/* DC, DE: ST(i) op= ST(0); the reversed forms swap. */
static void x87_to_sti(struct x86_cpu *c, unsigned row, unsigned i, bool pop)
{
	bool ok = !x87_empty(c, 0) && !x87_empty(c, i);

	/* DC E0 is FSUBR: ST(i) = ST(0) - ST(i); the row's sense with a = ST(0) */
	x87_arith_to(c, i, ok, row, x87_get(c, 0), x87_get(c, i), 0, pop);
}

static void x87_ffree(struct x86_cpu *c, unsigned i)
{
	c->fptag |= (uint8_t)(1u << x87_phys(c, i));
}

static bool x87_control(unsigned op, unsigned modrm)
{
	return (op == 0xdb && modrm >= 0xe0 && modrm <= 0xe4) ||
	       (op == 0xdf && modrm == 0xe0);
}

static uint64_t x87_do_control(struct x86_cpu *c, unsigned op, unsigned modrm)
{
	if (op == 0xdf) { /* FNSTSW AX */
		return (uint16_t)(c->fpsw | (unsigned)c->fptop << 11);
	}
	if (modrm == 0xe2) { /* FNCLEX */
		c->fpsw &= (uint16_t) ~(X87_EXC | X87_SF | X87_ES | X87_B);
	} else if (modrm == 0xe3) {
		x87_init(c);
	}
	return 0; /* FENI, FDISI, FSETPM: nothing since the 387 */
}

uint64_t helper_x87_reg(struct tcg_env *env, uint64_t code, uint64_t addr, uint64_t fmt,
                        uint64_t pc)
{
	struct x86_cpu *c = x86_of(env);
	unsigned op = code >> 8 & 255, modrm = code & 255, row = modrm >> 3 & 7,
		 i = modrm & 7;

	(void)addr, (void)fmt;
	if (x87_control(op, modrm)) {
		return x87_do_control(c, op, modrm);
	}
	if (c->fpsw & X87_ES) {
		x86_raise(env, X86_EXC_MF, 0);
	}
	if (code == 0xd9d0) { /* also FWAIT: no change of the pointers */
		return 0;
	}
	c->fpip = pc;
	c->fpop = (uint16_t)((op & 7) << 8 | modrm);
	switch (op) {
	case 0xd8:
		if (x87_empty(c, i) && row != 2 && row != 3) {
			x87_arith_to(c, 0, false, row, x87_indefinite, x87_indefinite,
			             0, false);
		} else if (row == 2 || row == 3) {
			x87_com(c, !x87_empty(c, i), x87_get(c, i), false, row == 3, 0);
		} else {
			x87_st0_op(c, row, x87_get(c, i), 0);
		}
		break;
	case 0xd9: x87_d9(c, modrm); break;
	case 0xda: /* FUCOMPP */
		x87_com(c, !x87_empty(c, 1), x87_get(c, 1), true, 2, 0);
		break;
	case 0xdc:
		if (row == 2 || row == 3) {
			x87_com(c, !x87_empty(c, i), x87_get(c, i), false, row == 3, 0);
		} else {
			x87_to_sti(c, row, i, false);
		}
		break;
	case 0xdd:
		switch (row) {
		case 0: x87_ffree(c, i); break;
		case 1: x87_xch(c, i); break;
		case 2:
		case 3: x87_st(c, i, row == 3); break;
		default:
			x87_com(c, !x87_empty(c, i), x87_get(c, i), true, row == 5, 0);
			break;
		}
		break;
	case 0xde:
		if (row == 2) {
			x87_com(c, !x87_empty(c, i), x87_get(c, i), false, 1, 0);
		} else if (row == 3) {
			x87_com(c, !x87_empty(c, 1), x87_get(c, 1), false, 2, 0);
		} else {
			x87_to_sti(c, row, i, true);
		}
		break;
	case 0xdf:
		if (row == 0) { /* FFREEP */
			x87_ffree(c, i);
			x87_pop(c);
		} else if (row == 1) {
			x87_xch(c, i);
		} else {
			x87_st(c, i, true);
		}
		break;
	}
	return 0;
}

/* ---- with the CPU's flags ---- */

static bool x87_cmov_cond(uint64_t fl, unsigned row, bool not )
{
	bool r;

	switch (row) {
	case 0: r = fl & X86_CF; break;
	case 1: r = fl & X86_ZF; break;
	case 2: r = fl & (X86_CF | X86_ZF); break;
	default: r = fl & X86_PF; break;
	}
	return r != not ;
}

static void x87_cmov(struct x86_cpu *c, unsigned row, unsigned i, bool not )
{
	if (x87_empty(c, 0) || x87_empty(c, i)) {
		if (x87_stack_fault(c, false)) { /* whatever the condition */
			x87_put(c, 0, x87_indefinite);
		}
	} else if (x87_cmov_cond(c->cc_a, row, not )) {
		x87_put(c, 0, x87_get(c, i));
	}
}

uint64_t helper_x87_flags(struct tcg_env *env, uint64_t code, uint64_t addr,
                          uint64_t fmt, uint64_t pc)
{
	struct x86_cpu *c = x86_of(env);
	unsigned op = code >> 8 & 255, row = code >> 3 & 7, i = code & 7;
	unsigned cc = X87_C0 | X87_C2 | X87_C3, exc = X87_IE | X87_SF;

	(void)addr, (void)fmt;
	if (c->fpsw & X87_ES) {
		x86_raise(env, X86_EXC_MF, 0);
	}
	c->fpip = pc;
	c->fpop = (uint16_t)((op & 7) << 8 | (code & 255));
	if (op != 0xdf && row < 4) {
		x87_cmov(c, row, i, op == 0xdb);
		return 0;
	}
	x87_set_c1(c, false);
	if (!x87_empty(c, 0) && !x87_empty(c, i)) {
		cc = x87_compare(x87_get(c, 0), x87_get(c, i), row == 5, &exc);
	}
	if (!x87_note(c, exc)) {
		return 0;
	}
	c->cc_a = (cc & X87_C3 ? X86_ZF : 0) | (cc & X87_C2 ? X86_PF : 0) |
	          (cc & X87_C0 ? X86_CF : 0);
	if (op == 0xdf) {
		x87_pop(c);
	}
	return 0;
}
