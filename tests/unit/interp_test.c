/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * interp_test.c - the interpreter: scalar ops and their flags against the host's own
 * instructions, vector ops against the host (x86-64), units with memory and control on
 * a small fake run time.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tcg-fallback/interp/flags.h"
#include "tcg-fallback/interp/interp.h"
#include "tcg-fallback/interp/ival.h"
#include "tests/insn/odd.h"
#include "tests/unit/fakert.h"
#include "tests/unit/unit.h"
#include "tests/unit/vex.h"

static uint64_t seed = 1;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

#ifdef HOST_X86_64
#include <xmmintrin.h>

struct native {
	union ival a, b, c, r;
	uint64_t gpr, fl;
};

static uint8_t *native_code;

static void native_build(const struct vop_info *v, bool wide, uint8_t imm)
{
	static const uint8_t pre[] = {
		0x53,                         /* push rbx */
		0x48, 0x8b, 0x17,             /* mov rdx, [rdi] */
		0x48, 0x8b, 0x5f, 0x20,       /* mov rbx, [rdi+32] */
		0xc5, 0xfe, 0x6f, 0x17,       /* vmovdqu ymm2, [rdi] */
		0xc5, 0xfe, 0x6f, 0x5f, 0x20, /* vmovdqu ymm3, [rdi+32] */
		0xc5, 0xfe, 0x6f, 0x67, 0x40, /* vmovdqu ymm4, [rdi+64] */
		0xc5, 0xfc, 0x28, 0xca,       /* vmovaps ymm1, ymm2 */
		0xc5, 0xf8, 0x28, 0xc4,       /* vmovaps xmm0, xmm4 */
		0x31, 0xc9,                   /* xor ecx, ecx */
	};
	static const uint8_t post[] = {
		0xc5, 0xfe, 0x7f, 0x4f, 0x60,       /* vmovdqu [rdi+96], ymm1 */
		0x48, 0x89, 0x8f, 0x80, 0,    0, 0, /* mov [rdi+128], rcx */
		0x9c, 0x58,                         /* pushfq; pop rax */
		0x48, 0x89, 0x87, 0x88, 0,    0, 0, /* mov [rdi+136], rax */
		0xc5, 0xf8, 0x77, 0x5b, 0xc3,       /* vzeroupper; pop rbx; ret */
	};
	uint8_t *p = native_code;

	memcpy(p, pre, sizeof(pre));
	p += sizeof(pre);
	p += vex_encode(v, wide, imm, p);
	memcpy(p, post, sizeof(post));
}

static void native_operand(union ival *v, unsigned style)
{
	for (unsigned i = 0; i < 4; i++) {
		uint64_t r = rnd();

		switch (style % 6) {
		case 0: v->q[i] = r; break;
		case 1: v->q[i] = odd64[r % ARRAY_LEN(odd64)]; break;
		case 2:
			v->q[i] = (uint64_t)odd32[r % ARRAY_LEN(odd32)] << 32 |
			          odd32[(r >> 32) % ARRAY_LEN(odd32)];
			break;
		case 3: /* small counts and indices */
			v->q[i] = i ? r & UINT64_C(0x1f0000001f) : r & 63;
			break;
		case 4: /* ordinary floats */
			v->f[2 * i] = (float)(int16_t)r / 8;
			v->f[2 * i + 1] = (float)(int16_t)(r >> 16) / 8;
			break;
		default: v->lf[i] = (double)(int32_t)r / 8; break;
		}
	}
}

static bool native_is_fp_multi(unsigned vop)
{
	return vop == VOP_vcvt_f32_f16;
}

/* Which NaN vfdp gives depends on the processor. */
static bool native_nan_open(unsigned vop, size_t size, const union ival *r,
                            const union ival *h)
{
	bool d = vop == VOP_vfdp32, q = vop == VOP_vfdp64;

	for (unsigned i = 0; i < size / 4 && d; i++) {
		d = r->d[i] == h->d[i] ||
		    (__builtin_isnan(r->f[i]) && __builtin_isnan(h->f[i]));
	}
	for (unsigned i = 0; i < size / 8 && q; i++) {
		q = r->q[i] == h->q[i] ||
		    (__builtin_isnan(r->lf[i]) && __builtin_isnan(h->lf[i]));
	}
	return d || q;
}

static void native_fail(const struct vop_info *v, const struct native *n,
                        const union ival *r, unsigned imm, unsigned fl, unsigned hfl,
                        const char *what)
{
	char b[1200];
	unsigned k = 0;
	const union ival *p[5] = { &n->a, &n->b, &n->c, &n->r, r };

	for (unsigned i = 0; i < 5; i++) {
		k += (unsigned)snprintf(b + k, sizeof(b) - k,
		                        " %c %016lx %016lx %016lx %016lx\n", "abcHI"[i],
		                        p[i] -> q[3], p[i] -> q[2], p[i] -> q[1],
		                        p[i] -> q[0]);
	}
	ck_abort_msg(
		"%s imm %u: %s differs (gpr %lx, flags %lx, mxcsr %x, host %x)\n%s",
		v->name, imm, what, n->gpr, n->fl, fl, hfl, b);
}

static void native_one(unsigned vop, bool wide, unsigned round)
{
	const struct vop_info *v = &vop_info[vop];
	struct ir_ins in = { .op = IR_vop, .d = (ir_val)vop };
	struct native n;
	union ival r;
	unsigned fl, hfl, cs = 0x1f80 | (round & 3) << 13;
	char rc = v->cls[0];
	size_t size = rc == 'y' || (rc == 'v' && wide) ? 32 : 16;

	memset(&n, 0, sizeof(n));
	memset(&r, 0x5a, sizeof(r));
	in.imm = rnd() & 0xff;
	native_operand(&n.a, (unsigned)(rnd() >> 8));
	native_operand(&n.b, (unsigned)(rnd() >> 8));
	native_operand(&n.c, (unsigned)(rnd() >> 8));
	for (unsigned k = 0; k < v->n_args;
	     k++) { /* what the interpreter's values are like */
		union ival *o = k == 0 ? &n.a : k == 1 ? &n.b : &n.c;

		if (v->cls[k + 1] == 'w') {
			o->u = (uint32_t)o->u;
		}
	}
	native_build(v, wide, (uint8_t)in.imm);
	_mm_setcsr(cs);
	((void (*)(struct native *))(uintptr_t)native_code)(&n);
	hfl = _mm_getcsr() & 0x3f;
	_mm_setcsr(cs);
	ival_vop(&in, wide ? IR_V256 : IR_V128, &r, &n.a, &n.b, &n.c);
	fl = _mm_getcsr() & 0x3f;
	_mm_setcsr(0x1f80);
	if (rc == 'w' || rc == 'q') {
		if (r.u != n.gpr) {
			native_fail(v, &n, &r, (unsigned)in.imm, fl, hfl, "result");
		}
	} else if (rc == 'f') {
		if (r.u != (n.fl & IR_FL_ALL)) {
			native_fail(v, &n, &r, (unsigned)in.imm, fl, hfl, "flags");
		}
	} else if (memcmp(&r, &n.r, size) && !native_nan_open(vop, size, &r, &n.r)) {
		native_fail(v, &n, &r, (unsigned)in.imm, fl, hfl, "result");
	}
	if ((v->flags & VO_FP) && !native_is_fp_multi(vop) && ((fl ^ hfl) & 0x3f)) {
		native_fail(v, &n, &r, (unsigned)in.imm, fl, hfl, "mxcsr");
	}
}

static bool native_has(unsigned cpu)
{
	switch (cpu) {
	case VC_FMA: return __builtin_cpu_supports("fma");
	case VC_F16C:
	case VC_INT:
	case VC_AVX2: return __builtin_cpu_supports("avx2");
	case VC_AES: return __builtin_cpu_supports("aes");
	case VC_CLMUL: return __builtin_cpu_supports("pclmul");
	case VC_SHA:
		return getenv("LODGE_TEST_SHA") || __builtin_cpu_supports("avx512vl");
	default: return __builtin_cpu_supports("avx");
	}
}

START_TEST(test_vop_native)
{
	const struct vop_info *v = &vop_info[_i];

	native_code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(native_code != MAP_FAILED);
	if (!native_has(v->cpu)) {
		return;
	}
	seed = (uint64_t)_i * 0x9e3779b97f4a7c15 + 1;
	for (unsigned k = 0; k < 3000; k++) {
		native_one((unsigned)_i, false, k);
		if (v->l == VL_V) {
			native_one((unsigned)_i, true, k);
		}
	}
}
END_TEST

/* ---- scalar flags against the host ---- */

#define HOST_FLAGS(fl) "pushfq; pop " fl

#define HOST_BIN(n, ins)                                                               \
	static uint64_t host_##n(unsigned t, uint64_t a, uint64_t b, uint64_t carry,   \
	                         uint64_t *fl)                                         \
	{                                                                              \
		switch (t) {                                                           \
		case IR_I8:                                                            \
			__asm__("bt $0, %2; " ins "b %b3, %b0; pushfq; pop %1"         \
			        : "+q"(a), "=r"(*fl)                                   \
			        : "r"(carry), "q"(b)                                   \
			        : "cc");                                               \
			return (uint8_t)a;                                             \
		case IR_I16:                                                           \
			__asm__("bt $0, %2; " ins "w %w3, %w0; pushfq; pop %1"         \
			        : "+r"(a), "=r"(*fl)                                   \
			        : "r"(carry), "r"(b)                                   \
			        : "cc");                                               \
			return (uint16_t)a;                                            \
		case IR_I32:                                                           \
			__asm__("bt $0, %2; " ins "l %k3, %k0; pushfq; pop %1"         \
			        : "+r"(a), "=r"(*fl)                                   \
			        : "r"(carry), "r"(b)                                   \
			        : "cc");                                               \
			return (uint32_t)a;                                            \
		default:                                                               \
			__asm__("bt $0, %2; " ins "q %3, %0; pushfq; pop %1"           \
			        : "+r"(a), "=r"(*fl)                                   \
			        : "r"(carry), "r"(b)                                   \
			        : "cc");                                               \
			return a;                                                      \
		}                                                                      \
	}
#define HOST_SH(n, ins)                                                                \
	static uint64_t host_##n(unsigned t, uint64_t a, uint64_t b, uint64_t carry,   \
	                         uint64_t *fl)                                         \
	{                                                                              \
		(void)carry;                                                           \
		switch (t) {                                                           \
		case IR_I8:                                                            \
			__asm__(ins "b %%cl, %b0; pushfq; pop %1"                      \
			        : "+q"(a), "=r"(*fl)                                   \
			        : "c"(b)                                               \
			        : "cc");                                               \
			return (uint8_t)a;                                             \
		case IR_I16:                                                           \
			__asm__(ins "w %%cl, %w0; pushfq; pop %1"                      \
			        : "+r"(a), "=r"(*fl)                                   \
			        : "c"(b)                                               \
			        : "cc");                                               \
			return (uint16_t)a;                                            \
		case IR_I32:                                                           \
			__asm__(ins "l %%cl, %k0; pushfq; pop %1"                      \
			        : "+r"(a), "=r"(*fl)                                   \
			        : "c"(b)                                               \
			        : "cc");                                               \
			return (uint32_t)a;                                            \
		default:                                                               \
			__asm__(ins "q %%cl, %0; pushfq; pop %1"                       \
			        : "+r"(a), "=r"(*fl)                                   \
			        : "c"(b)                                               \
			        : "cc");                                               \
			return a;                                                      \
		}                                                                      \
	}
HOST_BIN(add, "add")
HOST_BIN(sub, "sub")
HOST_BIN(adc, "adc")
HOST_BIN(sbb, "sbb")
HOST_BIN(and, "and")
HOST_BIN(or, "or")
HOST_BIN(xor, "xor")
HOST_SH(shl, "shl")
HOST_SH(shr, "shr")
HOST_SH(sar, "sar")
HOST_SH(rotl, "rol")
HOST_SH(rotr, "ror")

static const struct scalar {
	uint64_t (*fn)(unsigned t, uint64_t a, uint64_t b, uint64_t carry,
	               uint64_t *fl);
	uint8_t op;
	bool shift;
	uint32_t mask;
} scalars[] = {
	{ host_add, IR_add, false, IR_FL_ALL },
	{ host_sub, IR_sub, false, IR_FL_ALL },
	{ host_adc, IR_adc, false, IR_FL_ALL },
	{ host_sbb, IR_sbb, false, IR_FL_ALL },
	{ host_and, IR_and, false, IR_FL_ALL & ~IR_FL_A },
	{ host_or, IR_or, false, IR_FL_ALL & ~IR_FL_A },
	{ host_xor, IR_xor, false, IR_FL_ALL & ~IR_FL_A },
	{ host_shl, IR_shl, true, IR_FL_ALL & ~IR_FL_A },
	{ host_shr, IR_shr, true, IR_FL_ALL & ~IR_FL_A },
	{ host_sar, IR_sar, true, IR_FL_ALL & ~IR_FL_A },
	{ host_rotl, IR_rotl, true, IR_FL_C | IR_FL_O },
	{ host_rotr, IR_rotr, true, IR_FL_C | IR_FL_O },
};

static void scalar_one(const struct scalar *s, unsigned t)
{
	uint64_t a = rnd(), b = rnd(), c = rnd() & 1, hr, hf = 0, r, fl;
	struct ir_ins in = { .op = s->op, .type = (uint8_t)t };
	uint32_t mask = s->mask;

	a = (rnd() & 1 ? a : odd_int[a % ARRAY_LEN(odd_int)]) & ival_mask(t);
	b = (rnd() & 1 ? b : odd_int[b % ARRAY_LEN(odd_int)]) & ival_mask(t);
	if (s->shift) {
		b &= t == IR_I64 ? 63 : 31;
		b = b ? b : 1;
		if (b != 1) {
			mask &= ~IR_FL_O;
		}
		if (b > ival_width(t)) {
			mask &= ~IR_FL_C; /* undefined on the host */
		}
		if (s->op == IR_rotl || s->op == IR_rotr) {
			mask |= IR_FL_C;
		}
	}
	hr = s->fn(t, a, b, c, &hf);
	r = ival_pure(&in, a, b, c);
	fl = ival_flags(&in, a, b, c, r);
	ck_assert_msg(r == hr && !((fl ^ hf) & mask),
	              "%s.%s %lx, %lx, %lx: %lx flags %lx, host %lx flags %lx",
	              ir_ops[s->op].name, ir_type_names[t], a, b, c, r, fl, hr,
	              hf & IR_FL_ALL);
}

START_TEST(test_scalar_native)
{
	for (unsigned k = 0; k < 20000; k++) {
		scalar_one(&scalars[_i], IR_I8 + k % 4);
	}
}
END_TEST
#endif

START_TEST(test_conditions)
{
	for (unsigned k = 0; k < 5000; k++) {
		unsigned t = IR_I8 + k % 4;
		uint64_t a = rnd() & ival_mask(t),
			 b = k & 64 ? a : rnd() & ival_mask(t);
		uint32_t fl = flags_sub(a, b, (a - b) & ival_mask(t), ival_width(t));

		for (unsigned c = 0; c < 16; c++) {
			struct ir_ins in = { .op = IR_setcmp,
				             .type = IR_I8,
				             .aux = (uint8_t)c,
				             .aux2 = (uint8_t)t };

			ck_assert_int_eq((int)ival_pure(&in, a, b, 0),
			                 flags_cond(c, fl));
		}
	}
}
END_TEST

START_TEST(test_cc_compute)
{
	for (unsigned k = 0; k < 5000; k++) {
		unsigned sh = k % 4, t = IR_I8 + sh, w = ival_width(t);
		uint64_t m = ival_mask(t), a = rnd() & m, b = rnd() & m;

		ck_assert_uint_eq(cc_compute(CC_OP_ADD | sh << 8, (a + b) & m, b),
		                  flags_add(a, b, (a + b) & m, w));
		ck_assert_uint_eq(cc_compute(CC_OP_SUB | sh << 8, a, b),
		                  flags_sub(a, b, (a - b) & m, w));
		ck_assert_uint_eq(cc_compute(CC_OP_LOGIC | sh << 8, a, b),
		                  flags_zsp(a, w));
	}
	ck_assert_uint_eq(cc_compute(CC_OP_FLAGS, 0x8d5, 1), 0x8d5);
}
END_TEST

/* ---- units ---- */

static struct interp_result run_text(struct fakert *f, const char *text)
{
	struct ir_unit u;
	struct err e = ERR_INIT;
	struct interp_result r;

	fakert_unit(&u);
	ck_assert_msg(ir_parse(&u, text, &e) == 0, "%s", e.text);
	ck_assert_msg(ir_verify(&u, &e) == 0, "%s", e.text);
	r = interp_run(&f->env, &fakert_guest, &u);
	ir_unit_fini(&u);
	return r;
}

START_TEST(test_loop)
{
	struct fakert *f = fakert_new();
	struct interp_result r = run_text(f, "unit pc=0x1000\n"
	                                     "insn 0, 2\n"
	                                     "%1 = const.i64 0\n"
	                                     "set.i64 r0, %1\n"
	                                     "%2 = const.i64 10\n"
	                                     "set.i64 r1, %2\n"
	                                     "label L0\n"
	                                     "insn 2, 3\n"
	                                     "%3 = get.i64 r0\n"
	                                     "%4 = get.i64 r1\n"
	                                     "%5 = add.i64 %3, %4\n"
	                                     "set.i64 r0, %5\n"
	                                     "%6 = const.i64 1\n"
	                                     "%7 = sub.i64 %4, %6\n"
	                                     "%8 = flags %7\n"
	                                     "fset %8\n"
	                                     "set.i64 r1, %7\n"
	                                     "brcc ne, %8, L0\n"
	                                     "exit_to 5\n");

	ck_assert(r.has_pc && r.pc == 0x1005 && r.reason == TCG_EXIT_NEXT);
	ck_assert_uint_eq(f->arch.r[0], 55);
	ck_assert_uint_eq(f->arch.r[1], 0);
	ck_assert_uint_eq(f->arch.cc_op, CC_OP_FLAGS);
	ck_assert_uint_eq(f->arch.cc_a, IR_FL_Z | IR_FL_P);
	ck_assert_uint_eq(f->env.pc_now, 0x1002);
	fakert_free(f);
}
END_TEST

START_TEST(test_memory)
{
	struct fakert *f = fakert_new();

	f->arch.r[1] = FAKERT_BASE;
	memcpy(f->mem + 8, "\x80\x81\x82\x83\x84\x85\x86\x87", 8);
	run_text(f, "%1 = get.i64 r1\n"
	            "%2 = ld.i32 [%1 + 8]:1.sx\n"
	            "%3 = zext.i64 i32, %2\n"
	            "set.i64 r0, %3\n"
	            "%4 = ld.i32 [%1 + 8]:4.be\n"
	            "st.i32 [%1 + 16]:4, %4\n"
	            "st.i32 [%1 + 20]:2.be, %4\n"
	            "%5 = const.i64 2\n"
	            "st.i64 [%1 + %5<<3 + 8]:8, %3\n"
	            "%6 = ld.v128 [%1 + 8]:8\n"
	            "set.v128 v0, %6\n"
	            "%7 = const.i16 5\n"
	            "%8 = rmw.i16 add, [%1 + 40]:2, %7\n"
	            "%9 = rmw.i16 xchg, [%1 + 40]:2, %8\n"
	            "%10 = cas.i16 [%1 + 42]:2, %8, %9\n"
	            "%11 = ld.i64 [%1 + 0xffc]:8\n"
	            "st.i64 [%1 + 0xffe]:8, %3\n"
	            "set.i64 r2, %11\n"
	            "exit 3\n");
	ck_assert_uint_eq(f->arch.r[0], 0xffffff80);
	ck_assert(!memcmp(f->mem + 16, "\x83\x82\x81\x80\x82\x83", 6));
	ck_assert(!memcmp(f->mem + 24, "\x80\xff\xff\xff\0\0\0\0", 8));
	ck_assert(!memcmp(f->arch.v[0], f->mem + 8, 8));
	ck_assert_uint_eq(f->arch.v[0][1], 0);
	ck_assert(!memcmp(f->mem + 40, "\0\0\5\0", 4));
	ck_assert(!memcmp(f->mem + 0xffe, "\x80\xff\xff\xff\0\0\0\0", 8));
	ck_assert(f->slow_ld > 0 && f->slow_st > 0 && f->slow_commit == 1);
	fakert_free(f);
}
END_TEST

START_TEST(test_fault)
{
	struct fakert *f = fakert_new();

	if (setjmp(f->env.out) == 0) {
		run_text(f, "unit pc=0x1000\n"
		            "%1 = const.i64 7\n"
		            "set.i64 r0, %1\n"
		            "insn 4, 4\n"
		            "%2 = ld.i64 [%1]:8\n"
		            "set.i64 r0, %2\n"
		            "exit 0\n");
		ck_abort_msg("no fault");
	}
	ck_assert_uint_eq(f->arch.r[0], 7);
	ck_assert_uint_eq(f->env.pc_now, 0x1004);
	fakert_free(f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("interp");
	TCase *t = unit_case(s, "interp");

#ifdef HOST_X86_64
	if (native_has(VC_AVX2)) {
		tcase_add_loop_test(t, test_vop_native, 0, VOP_N);
	}
	tcase_add_loop_test(t, test_scalar_native, 0, ARRAY_LEN(scalars));
#endif
	tcase_add_test(t, test_conditions);
	tcase_add_test(t, test_cc_compute);
	tcase_add_test(t, test_loop);
	tcase_add_test(t, test_memory);
	tcase_add_test(t, test_fault);
	return unit_main(s);
}
