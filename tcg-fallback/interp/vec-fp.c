/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vec-fp.c - floating-point vector ops in C.
 *
 * C's own operations do the arithmetic under the host's rounding mode; which NaN comes
 * out is decided here (first NaN operand, quieted; negative default NaN), as a
 * compiler may swap operands. `volatile` keeps operations whose only effect is a sticky
 * flag. Known gaps: F16 conversion sets no flags; denormals-are-zero does not reach
 * rounding and conversions to integer; hosts other than x86 have exact reciprocals instead
 * of estimates, and always round to nearest there.
 */
#include "config.h"

#include <math.h>
#include <string.h>
#ifdef HOST_X86_64
#include <emmintrin.h>
#endif

#include "tcg-fallback/interp/vec.h"

static uint32_t fp_bits32(float f)
{
	uint32_t u;

	memcpy(&u, &f, 4);
	return u;
}

static float fp_of32(uint32_t u)
{
	float f;

	memcpy(&f, &u, 4);
	return f;
}

static uint64_t fp_bits64(double f)
{
	uint64_t u;

	memcpy(&u, &f, 8);
	return u;
}

static double fp_of64(uint64_t u)
{
	double f;

	memcpy(&f, &u, 8);
	return f;
}

static bool fp_nan32(uint32_t u)
{
	return (u & 0x7fffffff) > 0x7f800000;
}

static bool fp_nan64(uint64_t u)
{
	return (u & ~(UINT64_C(1) << 63)) > UINT64_C(0x7ff0000000000000);
}

#define FP_QUIET32 UINT32_C(0x00400000)
#define FP_QUIET64 UINT64_C(0x0008000000000000)
static bool fp_snan32(uint32_t u)
{
	return fp_nan32(u) && !(u & FP_QUIET32);
}

static bool fp_snan64(uint64_t u)
{
	return fp_nan64(u) && !(u & FP_QUIET64);
}

#define FP_DEF32 UINT32_C(0xffc00000)
#define FP_DEF64 UINT64_C(0xfff8000000000000)

/* The result r of an operation on a, b, c as x86 would deliver it. Operands as bits: a float
 * passed by value may be quieted by some hosts. */
#define FP_PICK(bits)                                                                  \
	static uint##bits##_t fp_pick##bits(uint##bits##_t r, uint##bits##_t a,        \
	                                    uint##bits##_t b, uint##bits##_t c)        \
	{                                                                              \
		if (!fp_nan##bits(r)) {                                                \
			return r;                                                      \
		}                                                                      \
		return fp_nan##bits(a)   ? a | FP_QUIET##bits                          \
		       : fp_nan##bits(b) ? b | FP_QUIET##bits                          \
		       : fp_nan##bits(c) ? c | FP_QUIET##bits                          \
		                         : FP_DEF##bits;                               \
	}
FP_PICK(32)
FP_PICK(64)

#define FP_BIN(n, expr)                                                                \
	static uint32_t fp_##n##32(uint32_t ua, uint32_t ub)                           \
	{                                                                              \
		volatile float a = fp_of32(ua), b = fp_of32(ub);                       \
		volatile float r = (expr);                                             \
		return fp_pick32(fp_bits32(r), ua, ub, 0);                             \
	}                                                                              \
	static uint64_t fp_##n##64(uint64_t ua, uint64_t ub)                           \
	{                                                                              \
		volatile double a = fp_of64(ua), b = fp_of64(ub);                      \
		volatile double r = (expr);                                            \
		return fp_pick64(fp_bits64(r), ua, ub, 0);                             \
	}
FP_BIN(add, a + b)
FP_BIN(sub, a - b)
FP_BIN(mul, a *b)
FP_BIN(div, a / b)

static void fp_invalid(void)
{
	volatile float z = 0.0f;

	z = z / z;
}

static void fp_inexact(void)
{
	volatile float one = 1.0f, tiny = 1e-30f;

	one = one + tiny;
}

/* Not symmetric: b unless the comparison holds. Any NaN signals, which a compiler's choice of
 * comparison does not promise. */
#define FP_MINMAX(n, cmp)                                                              \
	static uint32_t fp_##n##32(uint32_t ua, uint32_t ub)                           \
	{                                                                              \
		volatile float a = fp_of32(ua), b = fp_of32(ub);                       \
		if (fp_nan32(ua) || fp_nan32(ub)) {                                    \
			fp_invalid();                                                  \
			return ub;                                                     \
		}                                                                      \
		return a cmp b ? ua : ub;                                              \
	}                                                                              \
	static uint64_t fp_##n##64(uint64_t ua, uint64_t ub)                           \
	{                                                                              \
		volatile double a = fp_of64(ua), b = fp_of64(ub);                      \
		if (fp_nan64(ua) || fp_nan64(ub)) {                                    \
			fp_invalid();                                                  \
			return ub;                                                     \
		}                                                                      \
		return a cmp b ? ua : ub;                                              \
	}
FP_MINMAX(min, <)
FP_MINMAX(max, >)

#ifdef HOST_X86_64
static float fp_c_sqrt32(float a)
{
	return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(a)));
}

static double fp_c_sqrt64(double a)
{
	return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_set_sd(a), _mm_set_sd(a)));
}
#else
static float fp_c_sqrt32(float a)
{
	return sqrtf(a);
}

static double fp_c_sqrt64(double a)
{
	return sqrt(a);
}
#endif

static uint32_t fp_sqrt32(uint32_t u)
{
	volatile float a = fp_of32(u), r = fp_c_sqrt32(a);

	return fp_pick32(fp_bits32(r), u, 0, 0);
}

static uint64_t fp_sqrt64(uint64_t u)
{
	volatile double a = fp_of64(u), r = fp_c_sqrt64(a);

	return fp_pick64(fp_bits64(r), u, 0, 0);
}

#define VEC_FP4(n)                                                                     \
	VEC_2(vf##n##32, d, fp_##n##32(a, b))                                          \
	VEC_2(vf##n##64, q, fp_##n##64(a, b))                                          \
	VEC_S(s##n##32, d, fp_##n##32(a, b))                                           \
	VEC_S(s##n##64, q, fp_##n##64(a, b))
VEC_FP4(add)
VEC_FP4(mul)
VEC_FP4(sub)
VEC_FP4(min)
VEC_FP4(div)
VEC_FP4(max)
VEC_1(vfsqrt32, d, fp_sqrt32(a))
VEC_1(vfsqrt64, q, fp_sqrt64(a))
VEC_S(ssqrt32, d, fp_sqrt32(b))
VEC_S(ssqrt64, q, fp_sqrt64(b))

#ifdef HOST_X86_64
static uint32_t fp_rcp32(uint32_t u)
{
	return fp_bits32(_mm_cvtss_f32(_mm_rcp_ss(_mm_set_ss(fp_of32(u)))));
}

static uint32_t fp_rsqrt32(uint32_t u)
{
	return fp_bits32(_mm_cvtss_f32(_mm_rsqrt_ss(_mm_set_ss(fp_of32(u)))));
}
#else
static uint32_t fp_rcp32(uint32_t u)
{
	return fp_pick32(fp_bits32(1.0f / fp_of32(u)), u, 0, 0);
}

static uint32_t fp_rsqrt32(uint32_t u)
{
	return fp_pick32(fp_bits32(1.0f / sqrtf(fp_of32(u))), u, 0, 0);
}
#endif
VEC_1(vfrcp32, d, fp_rcp32(a))
VEC_S(srcp32, d, fp_rcp32(b))
VEC_1(vfrsqrt32, d, fp_rsqrt32(a))
VEC_S(srsqrt32, d, fp_rsqrt32(b))

/* ---- comparisons ---- */

enum { FP_LT = 1, FP_EQ = 2, FP_GT = 4, FP_UN = 8 };

#define FP_REL(bits, type)                                                             \
	static unsigned fp_rel##bits(uint##bits##_t ua, uint##bits##_t ub,             \
	                             bool signal)                                      \
	{                                                                              \
		volatile type a = fp_of##bits(ua), b = fp_of##bits(ub);                \
		if (fp_nan##bits(ua) || fp_nan##bits(ub)) {                            \
			if (signal || fp_snan##bits(ua) || fp_snan##bits(ub)) {        \
				fp_invalid();                                          \
			}                                                              \
			return FP_UN;                                                  \
		}                                                                      \
		return a < b ? FP_LT : a > b ? FP_GT : FP_EQ;                          \
	}
FP_REL(32, float)
FP_REL(64, double)

/* Relations that satisfy predicates 0..15; 16..31 swap quiet and signalling. */
static const uint8_t fp_preds[16] = { 2,  1, 3,  8, 13, 14, 12, 7,
	                              10, 9, 11, 0, 5,  6,  4,  15 };

static bool fp_signals(unsigned pred)
{
	bool s = (pred & 3) == 1 || (pred & 3) == 2;

	return s != !!(pred & 16);
}

static bool fp_cmp32(uint32_t a, uint32_t b, unsigned pred)
{
	return fp_preds[pred & 15] & fp_rel32(a, b, fp_signals(pred));
}

static bool fp_cmp64(uint64_t a, uint64_t b, unsigned pred)
{
	return fp_preds[pred & 15] & fp_rel64(a, b, fp_signals(pred));
}

VEC_2(vfcmp32, d, fp_cmp32(a, b, x->imm) ? ~0u : 0)
VEC_2(vfcmp64, q, fp_cmp64(a, b, x->imm) ? ~UINT64_C(0) : 0)
VEC_S(scmp32, d, fp_cmp32(a, b, x->imm) ? ~0u : 0)
VEC_S(scmp64, q, fp_cmp64(a, b, x->imm) ? ~UINT64_C(0) : 0)

static uint64_t fp_rel_flags(unsigned rel)
{
	return rel == FP_UN   ? IR_FL_Z | IR_FL_P | IR_FL_C
	       : rel == FP_EQ ? IR_FL_Z
	       : rel == FP_LT ? IR_FL_C
	                      : 0;
}

void vec_sucomi32(const struct vec_args *x)
{
	x->r->u = fp_rel_flags(fp_rel32(x->a->d[0], x->b->d[0], false));
}

void vec_sucomi64(const struct vec_args *x)
{
	x->r->u = fp_rel_flags(fp_rel64(x->a->q[0], x->b->q[0], false));
}

void vec_scomi32(const struct vec_args *x)
{
	x->r->u = fp_rel_flags(fp_rel32(x->a->d[0], x->b->d[0], true));
}

void vec_scomi64(const struct vec_args *x)
{
	x->r->u = fp_rel_flags(fp_rel64(x->a->q[0], x->b->q[0], true));
}

/* ---- across elements ---- */

VEC_2(vfaddsub32, d, i & 1 ? fp_add32(a, b) : fp_sub32(a, b))
VEC_2(vfaddsub64, q, i & 1 ? fp_add64(a, b) : fp_sub64(a, b))

#define VEC_FH(name, field, per, fn)                                                   \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		for (unsigned i = 0; i < x->n / sizeof(x->r->field[0]); i++) {         \
			unsigned k = i % (per), at = i - k + 2 * (k % ((per) / 2));    \
			const union ival *s = k < (per) / 2 ? x->a : x->b;             \
			x->r->field[i] = fn(s->field[at], s->field[at + 1]);           \
		}                                                                      \
	}
VEC_FH(vfhadd32, d, 4, fp_add32)
VEC_FH(vfhadd64, q, 2, fp_add64)
VEC_FH(vfhsub32, d, 4, fp_sub32)
VEC_FH(vfhsub64, q, 2, fp_sub64)

void vec_vfdp32(const struct vec_args *x)
{
	for (unsigned l = 0; l < x->n / 4; l += 4) {
		uint32_t t[4], s;

		for (unsigned i = 0; i < 4; i++) {
			t[i] = x->imm >> (4 + i) & 1
			               ? fp_mul32(x->a->d[l + i], x->b->d[l + i])
			               : 0;
		}
		s = fp_add32(fp_add32(t[0], t[1]), fp_add32(t[2], t[3]));
		for (unsigned i = 0; i < 4; i++) {
			x->r->d[l + i] = x->imm >> i & 1 ? s : 0;
		}
	}
}

void vec_vfdp64(const struct vec_args *x)
{
	uint64_t t[2], s;

	for (unsigned i = 0; i < 2; i++) {
		t[i] = x->imm >> (4 + i) & 1 ? fp_mul64(x->a->q[i], x->b->q[i]) : 0;
	}
	s = fp_add64(t[0], t[1]);
	for (unsigned i = 0; i < 2; i++) {
		x->r->q[i] = x->imm >> i & 1 ? s : 0;
	}
}

/* ---- rounding: on the bits, as C's functions may or may not signal ---- */

static unsigned fp_host_rounding(void)
{
#ifdef HOST_X86_64
	return _mm_getcsr() >> 13 & 3;
#else
	return 0;
#endif
}

/* m is a magnitude whose low `drop` bits go; mode: 0 nearest even, 1 down, 2 up, 3 zero. */
static uint64_t fp_drop(uint64_t m, unsigned drop, bool neg, unsigned mode)
{
	uint64_t r, rest, half;

	if (drop > 63) {
		r = 0;
		rest = m != 0;
		half = 2;
	} else {
		r = m >> drop;
		rest = m & ((UINT64_C(1) << drop) - 1);
		half = drop ? UINT64_C(1) << (drop - 1) : 1;
	}
	switch (mode) {
	case 0: return r + (rest > half || (rest == half && drop && (r & 1)));
	case 1: return r + (rest && neg);
	case 2: return r + (rest && !neg);
	default: return r;
	}
}

/* No NaN. To an integral value; *exact says whether it was one. */
#define FP_INTEGRAL(bits, mbits, bias)                                                 \
	static uint##bits##_t fp_integral##bits(uint##bits##_t u, unsigned mode,       \
	                                        bool *exact)                           \
	{                                                                              \
		const uint##bits##_t one = (uint##bits##_t)(bias) << (mbits);          \
		const uint##bits##_t s = u & (uint##bits##_t)1 << (bits - 1),          \
				     m = u ^ s;                                        \
		int e = (int)(m >> (mbits)) - (bias);                                  \
		uint##bits##_t r;                                                      \
		if (e >= (mbits)) {                                                    \
			r = m;                                                         \
		} else if (e >= 0) {                                                   \
			unsigned d = (unsigned)((mbits)-e);                            \
			r = (uint##bits##_t)(fp_drop(m, d, s != 0, mode) << d);        \
		} else {                                                               \
			/* below one: compare with a half, as a number of two bits */  \
			const uint##bits##_t half =                                    \
				one - ((uint##bits##_t)1 << (mbits));                  \
			unsigned q = m == 0 ? 0 : m < half ? 1 : m == half ? 2 : 3;    \
			r = fp_drop(q, 2, s != 0, mode) ? one : 0;                     \
		}                                                                      \
		*exact = r == m;                                                       \
		return r | s;                                                          \
	}
FP_INTEGRAL(32, 23, 127)
FP_INTEGRAL(64, 52, 1023)

static uint64_t fp_round64(uint64_t u, unsigned imm)
{
	bool exact;

	if (fp_nan64(u)) {
		if (fp_snan64(u)) {
			fp_invalid();
		}
		return u | FP_QUIET64;
	}
	u = fp_integral64(u, imm & 4 ? fp_host_rounding() : imm & 3, &exact);
	if (!exact && !(imm & 8)) {
		fp_inexact();
	}
	return u;
}

static uint32_t fp_round32(uint32_t u, unsigned imm)
{
	bool exact;

	if (fp_nan32(u)) {
		if (fp_snan32(u)) {
			fp_invalid();
		}
		return u | FP_QUIET32;
	}
	u = fp_integral32(u, imm & 4 ? fp_host_rounding() : imm & 3, &exact);
	if (!exact && !(imm & 8)) {
		fp_inexact();
	}
	return u;
}

VEC_1(vfround32, d, fp_round32(a, x->imm))
VEC_1(vfround64, q, fp_round64(a, x->imm))
VEC_S(sround32, d, fp_round32(b, x->imm))
VEC_S(sround64, q, fp_round64(b, x->imm))

/* ---- conversions ---- */

static int64_t fp_to_int(uint64_t u, bool trunc_it, double limit, int64_t indefinite)
{
	bool exact;
	double r;

	if (!fp_nan64(u)) {
		r = fp_of64(
			fp_integral64(u, trunc_it ? 3 : fp_host_rounding(), &exact));
		if (r >= -limit && r < limit) {
			if (!exact) {
				fp_inexact();
			}
			return (int64_t)r;
		}
	}
	fp_invalid();
	return indefinite;
}

static int32_t fp_to_i32(uint64_t u, bool t)
{
	return (int32_t)fp_to_int(u, t, 2147483648.0, INT32_MIN);
}

static int64_t fp_to_i64(uint64_t u, bool t)
{
	return fp_to_int(u, t, 9223372036854775808.0, INT64_MIN);
}

/* As a double, without signalling. */
static uint64_t fp_as64(uint32_t u)
{
	uint64_t s = (uint64_t)(u & 0x80000000) << 32;

	if (fp_nan32(u)) {
		return s | UINT64_C(0x7ff8000000000000);
	}
	if (!(u & 0x7f800000)) {
		return s | fp_bits64((double)(u & 0x7fffff) * 0x1p-149);
	}
	return fp_bits64((double)fp_of32(u));
}

static uint64_t fp_widen(uint32_t u)
{
	volatile float a = fp_of32(u);
	volatile double r = a;

	if (fp_nan32(u)) {
		return (uint64_t)(u & 0x80000000) << 32 | UINT64_C(0x7ff8000000000000) |
		       (uint64_t)(u & 0x7fffff) << 29;
	}
	return fp_bits64(r);
}

static uint32_t fp_narrow(uint64_t u)
{
	volatile double a = fp_of64(u);
	volatile float r = (float)a;

	if (fp_nan64(u)) {
		return (uint32_t)(u >> 32 & 0x80000000) | 0x7fc00000 |
		       (uint32_t)(u >> 29 & 0x7fffff);
	}
	return fp_bits32(r);
}

VEC_1(vcvt_i32_f32, d, fp_bits32((float)(int32_t)a))
VEC_1(vcvt_f32_i32, d, (uint32_t)fp_to_i32(fp_as64(a), false))
VEC_1(vcvtt_f32_i32, d, (uint32_t)fp_to_i32(fp_as64(a), true))
VEC_1(vcvt_i32_f64, lf, ((void)a, (double)x->a->sd[i]))
VEC_1(vcvt_f32_f64, q, ((void)a, fp_widen(x->a->d[i])))

#define VEC_NARROW(name, field, expr)                                                  \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		memset(x->r, 0, 16);                                                   \
		for (unsigned i = 0; i < x->n / 8; i++) {                              \
			uint64_t a = x->a->q[i];                                       \
			x->r->field[i] = (expr);                                       \
		}                                                                      \
	}
VEC_NARROW(vcvt_f64_i32, sd, fp_to_i32(a, false))
VEC_NARROW(vcvtt_f64_i32, sd, fp_to_i32(a, true))
VEC_NARROW(vcvt_f64_f32, d, fp_narrow(a))

void vec_scvt_f32_f64(const struct vec_args *x)
{
	*x->r = *x->a;
	x->r->q[0] = fp_widen(x->b->d[0]);
}

void vec_scvt_f64_f32(const struct vec_args *x)
{
	*x->r = *x->a;
	x->r->d[0] = fp_narrow(x->b->q[0]);
}

VEC_S(scvt_i32_f32, f, (float)(int32_t)x->b->u)
VEC_S(scvt_i64_f32, f, (float)x->b->i)
VEC_S(scvt_i32_f64, lf, (double)(int32_t)x->b->u)
VEC_S(scvt_i64_f64, lf, (double)x->b->i)

#define VEC_TOINT(name, expr)                                                          \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		x->r->u = (expr);                                                      \
	}
VEC_TOINT(scvt_f32_i32, (uint32_t)fp_to_i32(fp_as64(x->a->d[0]), false))
VEC_TOINT(scvt_f32_i64, (uint64_t)fp_to_i64(fp_as64(x->a->d[0]), false))
VEC_TOINT(scvt_f64_i32, (uint32_t)fp_to_i32(x->a->q[0], false))
VEC_TOINT(scvt_f64_i64, (uint64_t)fp_to_i64(x->a->q[0], false))
VEC_TOINT(scvtt_f32_i32, (uint32_t)fp_to_i32(fp_as64(x->a->d[0]), true))
VEC_TOINT(scvtt_f32_i64, (uint64_t)fp_to_i64(fp_as64(x->a->d[0]), true))
VEC_TOINT(scvtt_f64_i32, (uint32_t)fp_to_i32(x->a->q[0], true))
VEC_TOINT(scvtt_f64_i64, (uint64_t)fp_to_i64(x->a->q[0], true))

/* ---- half precision ---- */

static uint32_t fp_from_half(uint16_t h)
{
	uint32_t s = (uint32_t)(h & 0x8000) << 16, e = h >> 10 & 31, m = h & 0x3ff;

	if (e == 31) {
		if (m && !(m & 0x200)) {
			fp_invalid();
		}
		return s | 0x7f800000 | m << 13 | (m ? FP_QUIET32 : 0);
	}
	if (!e) {
		return s | fp_bits32((float)m * 0x1p-24f);
	}
	return s | (e + 112) << 23 | m << 13;
}

static uint16_t fp_to_half(uint32_t u, unsigned imm)
{
	unsigned mode = imm & 4 ? fp_host_rounding() : imm & 3;
	uint16_t s = (uint16_t)(u >> 16 & 0x8000);
	int e = (int)(u >> 23 & 255) - 127;
	uint64_t m = u & 0x7fffff, h;

	if (e == 128) {
		return s | (uint16_t)(0x7c00 | (m ? 0x200 | m >> 13 : 0));
	}
	if (e < -14) { /* denormal or zero as a half */
		h = fp_drop(u & 0x7f800000 ? m | 0x800000 : m << 1,
		            e < -40 ? 64 : (unsigned)(-1 - e), s != 0, mode);
		return s | (uint16_t)h;
	}
	h = fp_drop((uint64_t)(e + 15) << 23 | m, 13, s != 0, mode);
	if (h >= 0x7c00) {
		bool inf = mode == 0 || (mode == 1 && s) || (mode == 2 && !s);

		h = inf ? 0x7c00 : 0x7bff;
	}
	return s | (uint16_t)h;
}

VEC_1(vcvt_f16_f32, d, ((void)a, fp_from_half(x->a->w[i])))

void vec_vcvt_f32_f16(const struct vec_args *x)
{
	memset(x->r, 0, 16);
	for (unsigned i = 0; i < x->n / 4; i++) {
		x->r->w[i] = fp_to_half(x->a->d[i], x->imm);
	}
}

/* ---- fused multiply-add ---- */

static uint32_t fp_fma32(uint32_t ua, uint32_t ub, uint32_t uc, bool neg_ab, bool neg_c)
{
	volatile float a = fp_of32(ua), b = fp_of32(ub), c = fp_of32(uc), r;

	r = fmaf(neg_ab ? -a : a, b, neg_c ? -c : c);
	return fp_pick32(fp_bits32(r), ub, ua, uc);
}

static uint64_t fp_fma64(uint64_t ua, uint64_t ub, uint64_t uc, bool neg_ab, bool neg_c)
{
	volatile double a = fp_of64(ua), b = fp_of64(ub), c = fp_of64(uc), r;

	r = fma(neg_ab ? -a : a, b, neg_c ? -c : c);
	return fp_pick64(fp_bits64(r), ub, ua, uc);
}

#define VEC_FMA(n, nab, nc)                                                            \
	VEC_3(vf##n##32, d, fp_fma32(a, b, c, nab, nc))                                \
	VEC_3(vf##n##64, q, fp_fma64(a, b, c, nab, nc))                                \
	VEC_S(s##n##32, d, fp_fma32(a, b, x->c->d[0], nab, nc))                        \
	VEC_S(s##n##64, q, fp_fma64(a, b, x->c->q[0], nab, nc))
VEC_FMA(madd, false, false)
VEC_FMA(msub, false, true)
VEC_FMA(nmadd, true, false)
VEC_FMA(nmsub, true, true)
VEC_3(vfmaddsub32, d, fp_fma32(a, b, c, false, !(i & 1)))
VEC_3(vfmaddsub64, q, fp_fma64(a, b, c, false, !(i & 1)))
VEC_3(vfmsubadd32, d, fp_fma32(a, b, c, false, i & 1))
VEC_3(vfmsubadd64, q, fp_fma64(a, b, c, false, i & 1))
