/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * vec-int.c - integer vector ops in C: moves, arithmetic, shifts, shuffles, tests.
 * "Lane" is 128 bits: shuffles and packs work within lanes.
 */
#include "config.h"

#include <string.h>

#include "tcg-fallback/interp/vec.h"

/* ---- moves ---- */

void vec_vlow128(const struct vec_args *x)
{
	memcpy(x->r, x->a, 16);
}

void vec_vzext128(const struct vec_args *x)
{
	memcpy(x->r, x->a, 16);
	memset(&x->r->b[16], 0, 16);
}

void vec_vfromi32(const struct vec_args *x)
{
	memset(x->r, 0, 32);
	x->r->d[0] = (uint32_t)x->a->u;
}

void vec_vfromi64(const struct vec_args *x)
{
	memset(x->r, 0, 32);
	x->r->q[0] = x->a->u;
}

void vec_vtoi32(const struct vec_args *x)
{
	x->r->u = x->a->d[0];
}

void vec_vtoi64(const struct vec_args *x)
{
	x->r->u = x->a->q[0];
}

void vec_vzextlo64(const struct vec_args *x)
{
	memset(x->r, 0, 32);
	x->r->q[0] = x->a->q[0];
}

VEC_S(smov32, d, b)
VEC_S(smov64, q, b)

void vec_vmovhl(const struct vec_args *x)
{
	x->r->q[0] = x->b->q[1];
	x->r->q[1] = x->a->q[1];
}

void vec_vmovlh(const struct vec_args *x)
{
	x->r->q[0] = x->a->q[0];
	x->r->q[1] = x->b->q[0];
}

VEC_1(vfdup64, q, ((void)a, x->a->q[i & ~1u]))
VEC_1(vfduplo32, d, ((void)a, x->a->d[i & ~1u]))
VEC_1(vfduphi32, d, ((void)a, x->a->d[i | 1]))

#define VEC_MSK(name, field)                                                           \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		uint64_t m = 0;                                                        \
		for (unsigned i = 0; i < x->n / sizeof(x->a->field[0]); i++) {         \
			m |= (uint64_t)(x->a->field[i] < 0) << i;                      \
		}                                                                      \
		x->r->u = m;                                                           \
	}
VEC_MSK(vmsk8, sb)
VEC_MSK(vmsk32, sd)
VEC_MSK(vmsk64, sq)

/* ---- arithmetic ---- */

static int vec_sat(int v, int lo, int hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

#define SAT_S8(v)  ((int8_t)vec_sat(v, -128, 127))
#define SAT_S16(v) ((int16_t)vec_sat(v, -32768, 32767))
#define SAT_U8(v)  ((uint8_t)vec_sat(v, 0, 255))
#define SAT_U16(v) ((uint16_t)vec_sat(v, 0, 65535))

VEC_2(vadd8, b, a + b)
VEC_2(vadd16, w, a + b)
VEC_2(vadd32, d, a + b)
VEC_2(vadd64, q, a + b)
VEC_2(vsub8, b, a - b)
VEC_2(vsub16, w, a - b)
VEC_2(vsub32, d, a - b)
VEC_2(vsub64, q, a - b)
VEC_2(vaddss8, sb, SAT_S8(a + b))
VEC_2(vaddss16, sw, SAT_S16(a + b))
VEC_2(vaddus8, b, SAT_U8(a + b))
VEC_2(vaddus16, w, SAT_U16(a + b))
VEC_2(vsubss8, sb, SAT_S8(a - b))
VEC_2(vsubss16, sw, SAT_S16(a - b))
VEC_2(vsubus8, b, SAT_U8(a - b))
VEC_2(vsubus16, w, SAT_U16(a - b))
VEC_2(vmul16, w, (uint32_t)a *b)
VEC_2(vmulhs16, sw, (a * b) >> 16)
VEC_2(vmulhu16, w, ((uint32_t)a * b) >> 16)
VEC_2(vmulhrs16, sw, ((a * b >> 14) + 1) >> 1)
VEC_2(vmul32, d, a *b)
VEC_2(vmulu32w, q, (uint64_t)(uint32_t)a *(uint32_t)b)
VEC_2(vmuls32w, sq, (int64_t)(int32_t)a *(int32_t)b)
VEC_1(vabs8, sb, a < 0 ? -a : a)
VEC_1(vabs16, sw, a < 0 ? -a : a)
VEC_1(vabs32, d, (int32_t)a < 0 ? 0 - a : a)
VEC_2(vsign8, sb, b < 0 ? -a : b ? a : 0)
VEC_2(vsign16, sw, b < 0 ? -a : b ? a : 0)
VEC_2(vsign32, d, (int32_t)b < 0 ? 0 - a : b ? a : 0)
VEC_2(vavgu8, b, (a + b + 1) >> 1)
VEC_2(vavgu16, w, (a + b + 1) >> 1)
VEC_2(vminu8, b, a < b ? a : b)
VEC_2(vmaxu8, b, a > b ? a : b)
VEC_2(vmins16, sw, a < b ? a : b)
VEC_2(vmaxs16, sw, a > b ? a : b)
VEC_2(vmins8, sb, a < b ? a : b)
VEC_2(vmaxs8, sb, a > b ? a : b)
VEC_2(vmins32, sd, a < b ? a : b)
VEC_2(vmaxs32, sd, a > b ? a : b)
VEC_2(vminu16, w, a < b ? a : b)
VEC_2(vmaxu16, w, a > b ? a : b)
VEC_2(vminu32, d, a < b ? a : b)
VEC_2(vmaxu32, d, a > b ? a : b)
VEC_2(vcmpeq8, sb, -(a == b))
VEC_2(vcmpeq16, sw, -(a == b))
VEC_2(vcmpeq32, sd, -(a == b))
VEC_2(vcmpeq64, sq, -(a == b))
VEC_2(vcmpgt8, sb, -(a > b))
VEC_2(vcmpgt16, sw, -(a > b))
VEC_2(vcmpgt32, sd, -(a > b))
VEC_2(vcmpgt64, sq, -(a > b))
VEC_2(vand, q, a &b)
VEC_2(vandn, q, ~a &b)
VEC_2(vor, q, a | b)
VEC_2(vxor, q, a ^ b)
VEC_2(vfand, q, a &b)
VEC_2(vfandn, q, ~a &b)
VEC_2(vfor, q, a | b)
VEC_2(vfxor, q, a ^ b)

void vec_vmaddwd(const struct vec_args *x)
{
	for (unsigned i = 0; i < x->n / 4; i++) {
		int64_t p = (int64_t)x->a->sw[2 * i] * x->b->sw[2 * i];

		x->r->d[i] = (uint32_t)(p + (int64_t)x->a->sw[2 * i + 1] *
		                                    x->b->sw[2 * i + 1]);
	}
}

void vec_vmaddubsw(const struct vec_args *x)
{
	for (unsigned i = 0; i < x->n / 2; i++) {
		x->r->sw[i] = SAT_S16(x->a->b[2 * i] * x->b->sb[2 * i] +
		                      x->a->b[2 * i + 1] * x->b->sb[2 * i + 1]);
	}
}

static unsigned vec_absdiff(uint8_t a, uint8_t b)
{
	return a > b ? a - b : b - a;
}

void vec_vsad8(const struct vec_args *x)
{
	for (unsigned i = 0; i < x->n / 8; i++) {
		unsigned s = 0;

		for (unsigned k = 0; k < 8; k++) {
			s += vec_absdiff(x->a->b[8 * i + k], x->b->b[8 * i + k]);
		}
		x->r->q[i] = s;
	}
}

/* Pairs of a give the low half of each lane, pairs of b the high half. */
#define VEC_H(name, field, per, expr)                                                  \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		for (unsigned i = 0; i < x->n / sizeof(x->r->field[0]); i++) {         \
			unsigned k = i % (per), at = i - k + 2 * (k % ((per) / 2));    \
			const union ival *s = k < (per) / 2 ? x->a : x->b;             \
			__typeof__(x->r->field[0]) a = s->field[at],                   \
						   b = s->field[at + 1];               \
			x->r->field[i] = (expr);                                       \
		}                                                                      \
	}
VEC_H(vhadd16, w, 8, a + b)
VEC_H(vhadd32, d, 4, a + b)
VEC_H(vhaddss16, sw, 8, SAT_S16(a + b))
VEC_H(vhsub16, w, 8, a - b)
VEC_H(vhsub32, d, 4, a - b)
VEC_H(vhsubss16, sw, 8, SAT_S16(a - b))

void vec_vminpos16(const struct vec_args *x)
{
	unsigned at = 0;

	for (unsigned i = 1; i < 8; i++) {
		if (x->a->w[i] < x->a->w[at]) {
			at = i;
		}
	}
	memset(x->r, 0, 16);
	x->r->w[0] = x->a->w[at];
	x->r->w[1] = (uint16_t)at;
}

void vec_vmpsad8(const struct vec_args *x)
{
	for (unsigned lane = 0; lane < x->n; lane += 16) {
		unsigned sel = x->imm >> (lane ? 3 : 0);
		const uint8_t *p = &x->a->b[lane + (sel & 4)];
		const uint8_t *q = &x->b->b[lane + (sel & 3) * 4];

		for (unsigned i = 0; i < 8; i++) {
			unsigned s = 0;

			for (unsigned k = 0; k < 4; k++) {
				s += vec_absdiff(p[i + k], q[k]);
			}
			x->r->w[lane / 2 + i] = (uint16_t)s;
		}
	}
}

/* ---- shifts ---- */

#define VEC_SH(name, field, bits, cnt, expr, over)                                     \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		for (unsigned i = 0; i < x->n / sizeof(x->r->field[0]); i++) {         \
			__typeof__(x->r->field[0]) a = x->a->field[i];                 \
			uint64_t n = (cnt);                                            \
			if (n >= (bits)) {                                             \
				x->r->field[i] = (over);                               \
			} else {                                                       \
				x->r->field[i] = (expr);                               \
			}                                                              \
		}                                                                      \
	}
#define VEC_SHIFTS(sfx, cnt)                                                           \
	VEC_SH(vshl##sfx##16, w, 16, cnt, (uint32_t)a << n, ((void)a, 0))              \
	VEC_SH(vshl##sfx##32, d, 32, cnt, a << n, 0)                                   \
	VEC_SH(vshl##sfx##64, q, 64, cnt, a << n, 0)                                   \
	VEC_SH(vshr##sfx##16, w, 16, cnt, a >> n, 0)                                   \
	VEC_SH(vshr##sfx##32, d, 32, cnt, a >> n, 0)                                   \
	VEC_SH(vshr##sfx##64, q, 64, cnt, a >> n, 0)                                   \
	VEC_SH(vsar##sfx##16, sw, 16, cnt, a >> n, a >> 15)                            \
	VEC_SH(vsar##sfx##32, sd, 32, cnt, a >> n, a >> 31)
VEC_SHIFTS(c, x->b->q[0])
VEC_SHIFTS(i, x->imm)
VEC_SH(vshlv32, d, 32, x->b->d[i], a << n, 0)
VEC_SH(vshlv64, q, 64, x->b->q[i], a << n, 0)
VEC_SH(vshrv32, d, 32, x->b->d[i], a >> n, 0)
VEC_SH(vshrv64, q, 64, x->b->q[i], a >> n, 0)
VEC_SH(vsarv32, sd, 32, x->b->d[i], a >> n, a >> 31)

void vec_vshlb(const struct vec_args *x)
{
	for (unsigned i = 0; i < x->n; i++) {
		x->r->b[i] = (i & 15) >= x->imm ? x->a->b[i - x->imm] : 0;
	}
}

void vec_vshrb(const struct vec_args *x)
{
	for (unsigned i = 0; i < x->n; i++) {
		x->r->b[i] = (i & 15) + x->imm < 16 ? x->a->b[i + x->imm] : 0;
	}
}

/* ---- shuffles ---- */

/* `per` elements a lane; hi selects the upper half of each lane's sources. */
#define VEC_UNPACK(name, field, per, hi)                                               \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		for (unsigned i = 0; i < x->n / sizeof(x->r->field[0]); i++) {         \
			unsigned k = i % (per),                                        \
				 at = i - k + k / 2 + ((hi) ? (per) / 2 : 0);          \
			x->r->field[i] = (k & 1 ? x->b : x->a)->field[at];             \
		}                                                                      \
	}
VEC_UNPACK(vunpackl8, b, 16, 0)
VEC_UNPACK(vunpackl16, w, 8, 0)
VEC_UNPACK(vunpackl32, d, 4, 0)
VEC_UNPACK(vunpackl64, q, 2, 0)
VEC_UNPACK(vunpackh8, b, 16, 1)
VEC_UNPACK(vunpackh16, w, 8, 1)
VEC_UNPACK(vunpackh32, d, 4, 1)
VEC_UNPACK(vunpackh64, q, 2, 1)
VEC_UNPACK(vfunpackl32, d, 4, 0)
VEC_UNPACK(vfunpackl64, q, 2, 0)
VEC_UNPACK(vfunpackh32, d, 4, 1)
VEC_UNPACK(vfunpackh64, q, 2, 1)

#define VEC_PACK(name, dst, src, per, sat)                                             \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		for (unsigned i = 0; i < x->n / sizeof(x->r->dst[0]); i++) {           \
			unsigned k = i % (per),                                        \
				 at = i / (per) * ((per) / 2) + k % ((per) / 2);       \
			x->r->dst[i] = sat((k < (per) / 2 ? x->a : x->b)->src[at]);    \
		}                                                                      \
	}
VEC_PACK(vpackss16, sb, sw, 16, SAT_S8)
VEC_PACK(vpackus16, b, sw, 16, SAT_U8)
VEC_PACK(vpackss32, sw, sd, 8, SAT_S16)
VEC_PACK(vpackus32, w, sd, 8, SAT_U16)

void vec_vshufb(const struct vec_args *x)
{
	for (unsigned i = 0; i < x->n; i++) {
		uint8_t s = x->b->b[i];

		x->r->b[i] = s & 0x80 ? 0 : x->a->b[(i & 16) + (s & 15)];
	}
}

void vec_valignr(const struct vec_args *x)
{
	for (unsigned i = 0; i < x->n; i++) {
		unsigned lane = i & 16, at = (i & 15) + x->imm;

		x->r->b[i] = at < 16   ? x->b->b[lane + at]
		             : at < 32 ? x->a->b[lane + at - 16]
		                       : 0;
	}
}

VEC_1(vshuf32, d, ((void)a, x->a->d[(i & ~3u) + (x->imm >> 2 * (i & 3) & 3)]))
VEC_1(vshuflo16, w, i & 4 ? a : x->a->w[(i & ~7u) + (x->imm >> 2 * (i & 3) & 3)])
VEC_1(vshufhi16, w, i & 4 ? x->a->w[(i & ~7u) + 4 + (x->imm >> 2 * (i & 3) & 3)] : a)
VEC_1(vpermili32, d, ((void)a, x->a->d[(i & ~3u) + (x->imm >> 2 * (i & 3) & 3)]))
VEC_1(vpermili64, q, ((void)a, x->a->q[(i & ~1u) + (x->imm >> i & 1)]))
VEC_2(vpermil32, d, ((void)a, x->a->d[(i & ~3u) + (b & 3)]))
VEC_2(vpermil64, q, ((void)a, x->a->q[(i & ~1u) + (b >> 1 & 1)]))
VEC_1(vfshuf32, d,
      ((void)a, (i & 2 ? x->b : x->a)->d[(i & ~3u) + (x->imm >> 2 * (i & 3) & 3)]))
VEC_1(vfshuf64, q, ((void)a, (i & 1 ? x->b : x->a)->q[(i & ~1u) + (x->imm >> i & 1)]))
VEC_2(vblend16, w, x->imm >> (i & 7) & 1 ? b : a)
VEC_2(vblend32, d, x->imm >> i & 1 ? b : a)
VEC_2(vfblend32, d, x->imm >> i & 1 ? b : a)
VEC_2(vfblend64, q, x->imm >> i & 1 ? b : a)
VEC_3(vblendv8, sb, c < 0 ? b : a)
VEC_3(vblendv32, sd, c < 0 ? b : a)
VEC_3(vblendv64, sq, c < 0 ? b : a)
VEC_2(vperm32, d, ((void)b, x->b->d[a & 7]))
VEC_2(vfperm32, d, ((void)b, x->b->d[a & 7]))
VEC_1(vpermi64, q, ((void)a, x->a->q[x->imm >> 2 * i & 3]))
VEC_1(vfpermi64, q, ((void)a, x->a->q[x->imm >> 2 * i & 3]))

#define VEC_EXT(name, dst, src) VEC_1(name, dst, ((void)a, x->a->src[i]))
VEC_EXT(vsx8_16, sw, sb)
VEC_EXT(vsx8_32, sd, sb)
VEC_EXT(vsx8_64, sq, sb)
VEC_EXT(vsx16_32, sd, sw)
VEC_EXT(vsx16_64, sq, sw)
VEC_EXT(vsx32_64, sq, sd)
VEC_EXT(vzx8_16, w, b)
VEC_EXT(vzx8_32, d, b)
VEC_EXT(vzx8_64, q, b)
VEC_EXT(vzx16_32, d, w)
VEC_EXT(vzx16_64, q, w)
VEC_EXT(vzx32_64, q, d)

#define VEC_INS(name, field, per)                                                      \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		*x->r = *x->a;                                                         \
		x->r->field[x->imm % (per)] = (__typeof__(x->r->field[0]))x->b->u;     \
	}
VEC_INS(vins8, b, 16)
VEC_INS(vins16, w, 8)
VEC_INS(vins32, d, 4)
VEC_INS(vins64, q, 2)

void vec_vfins32(const struct vec_args *x)
{
	*x->r = *x->a;
	x->r->d[x->imm >> 4 & 3] = x->b->d[x->imm >> 6 & 3];
	for (unsigned i = 0; i < 4; i++) {
		if (x->imm >> i & 1) {
			x->r->d[i] = 0;
		}
	}
}

#define VEC_EXTRACT(name, field, per)                                                  \
	void vec_##name(const struct vec_args *x)                                      \
	{                                                                              \
		x->r->u = x->a->field[x->imm % (per)];                                 \
	}
VEC_EXTRACT(vext8, b, 16)
VEC_EXTRACT(vext16, w, 8)
VEC_EXTRACT(vext32, d, 4)
VEC_EXTRACT(vext64, q, 2)

VEC_1(vdup8, b, ((void)a, x->a->b[0]))
VEC_1(vdup16, w, ((void)a, x->a->w[0]))
VEC_1(vdup32, d, ((void)a, x->a->d[0]))
VEC_1(vdup64, q, ((void)a, x->a->q[0]))

void vec_vperm128(const struct vec_args *x)
{
	for (unsigned h = 0; h < 2; h++) {
		unsigned sel = x->imm >> 4 * h;

		if (sel & 8) {
			memset(&x->r->q[2 * h], 0, 16);
		} else {
			memcpy(&x->r->q[2 * h],
			       &(sel & 2 ? x->b : x->a)->q[sel & 1 ? 2 : 0], 16);
		}
	}
}

void vec_vfperm128(const struct vec_args *x)
{
	vec_vperm128(x);
}

void vec_vins128(const struct vec_args *x)
{
	*x->r = *x->a;
	memcpy(&x->r->q[x->imm & 1 ? 2 : 0], x->b, 16);
}

void vec_vfins128(const struct vec_args *x)
{
	vec_vins128(x);
}

void vec_vext128(const struct vec_args *x)
{
	memcpy(x->r, &x->a->q[x->imm & 1 ? 2 : 0], 16);
}

void vec_vfext128(const struct vec_args *x)
{
	vec_vext128(x);
}

/* ---- tests ---- */

static void vec_test(const struct vec_args *x, uint64_t m)
{
	uint64_t z = 0, c = 0;

	for (unsigned i = 0; i < x->n / 8; i++) {
		z |= x->a->q[i] & x->b->q[i] & m;
		c |= ~x->a->q[i] & x->b->q[i] & m;
	}
	x->r->u = (z ? 0 : IR_FL_Z) | (c ? 0 : IR_FL_C);
}

void vec_vtest(const struct vec_args *x)
{
	vec_test(x, ~UINT64_C(0));
}

void vec_vtest32(const struct vec_args *x)
{
	vec_test(x, UINT64_C(0x8000000080000000));
}

void vec_vtest64(const struct vec_args *x)
{
	vec_test(x, UINT64_C(0x8000000000000000));
}
