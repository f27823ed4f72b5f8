/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-table.c - the SIMD opcode tables (maps 0F, 0F38, 0F3A; mandatory prefix none,
 * 66, F3, F2) and the dispatch with the checks that come before operands.
 *
 * Models: SDM vol. 2 appendix A and each instruction's page; vol. 2, 2.4 (exception
 * classes); vol. 3A, 13.1 (CR0, CR4), 13.2.
 *
 * Not supported (#UD): SSE4a, 3DNow!, XOP, EVEX, GFNI, VAES and VPCLMULQDQ on 256 bits.
 *
 * Constant data; threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/simd.h"

#define R(f, v, ft, vft, flags, ms)                                                    \
	{                                                                              \
		.fn = sd_##f, .vop = VOP_##v, .feat = XF_##ft, .vfeat = XF_##vft,      \
		.fl = flags, .msize = ms                                               \
	}
#define VOP_0 0
#define XF_0  0
/* clang-format off */
#define MM(f, v, ft)	  R(f, v, ft, 0, SF_LEG | SF_MMX, 0)
/* packed integer: 66 form, 256 bits with AVX2; with an MMX form of CPUID feature mf */
#define PI(o, v, mf)	  [o] = { MM(mm_op, v, mf), R(op, v, SSE2, AVX, SF_I256, 0) }
#define PIF(o, f, v, mf) [o] = { MM(f, v, mf), R(op, v, SSE2, AVX, SF_I256, 0) }
#define PX(o, v)	  [o] = { [1] = R(op, v, SSE2, AVX, SF_I256, 0) }
/* all four float forms */
#define F4(o, v)	  [o] = { R(op, vf##v##32, SSE, AVX, 0, 0), R(op, vf##v##64, SSE2, AVX, 0, 0), \
				   R(op, s##v##32, SSE, AVX, 0, 4), R(op, s##v##64, SSE2, AVX, 0, 8) }
#define FP2(o, a, b)	  [o] = { R(op, a, SSE, AVX, 0, 0), R(op, b, SSE2, AVX, 0, 0) }

static const struct simd_row simd_0f[256][4] = {
	[0x10] = { R(ld, 0, SSE, AVX, SF_UNAL | SF_NOV, 0), R(ld, 0, SSE2, AVX, SF_UNAL | SF_NOV, 0),
		   R(movs, smov32, SSE, AVX, 0, 4), R(movs, smov64, SSE2, AVX, 0, 8) },
	[0x11] = { R(st, 0, SSE, AVX, SF_UNAL | SF_NOV, 0), R(st, 0, SSE2, AVX, SF_UNAL | SF_NOV, 0),
		   R(movs_st, smov32, SSE, AVX, 0, 4), R(movs_st, smov64, SSE2, AVX, 0, 8) },
	[0x12] = { R(movl, vmovhl, SSE, AVX, SF_L0, 0), R(movl, 0, SSE2, AVX, SF_L0 | SF_MEM, 0),
		   R(op, vfduplo32, SSE3, AVX, 0, 0), R(movddup, 0, SSE3, AVX, SF_NOV, 0) },
	[0x13] = { R(movq_st, 0, SSE, AVX, SF_L0 | SF_MEM | SF_NOV, 0),
		   R(movq_st, 0, SSE2, AVX, SF_L0 | SF_MEM | SF_NOV, 0) },
	FP2(0x14, vfunpackl32, vfunpackl64), FP2(0x15, vfunpackh32, vfunpackh64),
	[0x16] = { R(movh, vmovlh, SSE, AVX, SF_L0, 0), R(movh, 0, SSE2, AVX, SF_L0 | SF_MEM, 0),
		   R(op, vfduphi32, SSE3, AVX, 0, 0) },
	[0x17] = { R(movh_st, 0, SSE, AVX, SF_L0 | SF_MEM | SF_NOV, 0),
		   R(movh_st, 0, SSE2, AVX, SF_L0 | SF_MEM | SF_NOV, 0) },
	[0x28] = { R(ld, 0, SSE, AVX, SF_NOV, 0), R(ld, 0, SSE2, AVX, SF_NOV, 0) },
	[0x29] = { R(st, 0, SSE, AVX, SF_NOV, 0), R(st, 0, SSE2, AVX, SF_NOV, 0) },
	[0x2a] = { R(mm_to_f, 0, SSE, 0, SF_LEG | SF_MMX, 0), R(mm_to_fd, 0, SSE2, 0, SF_LEG | SF_MMX, 0),
		   R(op, scvt_i32_f32, SSE, AVX, SF_WQ, 0), R(op, scvt_i32_f64, SSE2, AVX, SF_WQ, 0) },
	[0x2b] = { R(st, 0, SSE, AVX, SF_MEM | SF_NOV, 0), R(st, 0, SSE2, AVX, SF_MEM | SF_NOV, 0) },
	[0x2c] = { R(mm_from_f, vcvtt_f32_i32, SSE, 0, SF_LEG | SF_MMX, 0),
		   R(mm_from_fd, vcvtt_f64_i32, SSE2, 0, SF_LEG | SF_MMX, 0),
		   R(op, scvtt_f32_i32, SSE, AVX, SF_WQ, 4), R(op, scvtt_f64_i32, SSE2, AVX, SF_WQ, 8) },
	[0x2d] = { R(mm_from_f, vcvt_f32_i32, SSE, 0, SF_LEG | SF_MMX, 0),
		   R(mm_from_fd, vcvt_f64_i32, SSE2, 0, SF_LEG | SF_MMX, 0),
		   R(op, scvt_f32_i32, SSE, AVX, SF_WQ, 4), R(op, scvt_f64_i32, SSE2, AVX, SF_WQ, 8) },
	[0x2e] = { R(op, sucomi32, SSE, AVX, 0, 4), R(op, sucomi64, SSE2, AVX, 0, 8) },
	[0x2f] = { R(op, scomi32, SSE, AVX, 0, 4), R(op, scomi64, SSE2, AVX, 0, 8) },
	[0x50] = { R(op, vmsk32, SSE, AVX, SF_REG, 0), R(op, vmsk64, SSE2, AVX, SF_REG, 0) },
	F4(0x51, sqrt),
	[0x52] = { R(op, vfrsqrt32, SSE, AVX, 0, 0), [2] = R(op, srsqrt32, SSE, AVX, 0, 4) },
	[0x53] = { R(op, vfrcp32, SSE, AVX, 0, 0), [2] = R(op, srcp32, SSE, AVX, 0, 4) },
	FP2(0x54, vfand, vfand), FP2(0x55, vfandn, vfandn), FP2(0x56, vfor, vfor),
	FP2(0x57, vfxor, vfxor),
	F4(0x58, add), F4(0x59, mul),
	[0x5a] = { R(op, vcvt_f32_f64, SSE2, AVX, SF_MX2, 8), R(op, vcvt_f64_f32, SSE2, AVX, 0, 0),
		   R(op, scvt_f32_f64, SSE2, AVX, 0, 4), R(op, scvt_f64_f32, SSE2, AVX, 0, 8) },
	[0x5b] = { R(op, vcvt_i32_f32, SSE2, AVX, 0, 0), R(op, vcvt_f32_i32, SSE2, AVX, 0, 0),
		   R(op, vcvtt_f32_i32, SSE2, AVX, 0, 0) },
	F4(0x5c, sub), F4(0x5d, min), F4(0x5e, div), F4(0x5f, max),
	[0x60] = { R(mm_op, vunpackl8, MMX, 0, SF_LEG | SF_MMX, 4), R(op, vunpackl8, SSE2, AVX, SF_I256, 0) },
	[0x61] = { R(mm_op, vunpackl16, MMX, 0, SF_LEG | SF_MMX, 4), R(op, vunpackl16, SSE2, AVX, SF_I256, 0) },
	[0x62] = { R(mm_op, vunpackl32, MMX, 0, SF_LEG | SF_MMX, 4), R(op, vunpackl32, SSE2, AVX, SF_I256, 0) },
	PIF(0x63, mm_pair, vpackss16, MMX),
	PI(0x64, vcmpgt8, MMX), PI(0x65, vcmpgt16, MMX), PI(0x66, vcmpgt32, MMX),
	PIF(0x67, mm_pair, vpackus16, MMX),
	[0x68] = { MM(mm_unpackh, vunpackl8, MMX), R(op, vunpackh8, SSE2, AVX, SF_I256, 0) },
	[0x69] = { MM(mm_unpackh, vunpackl16, MMX), R(op, vunpackh16, SSE2, AVX, SF_I256, 0) },
	[0x6a] = { MM(mm_unpackh, vunpackl32, MMX), R(op, vunpackh32, SSE2, AVX, SF_I256, 0) },
	PIF(0x6b, mm_pair, vpackss32, MMX), PX(0x6c, vunpackl64), PX(0x6d, vunpackh64),
	[0x6e] = { MM(mm_movd, 0, MMX), R(movd, 0, SSE2, AVX, SF_L0 | SF_NOV, 0) },
	[0x6f] = { MM(mm_ld, 0, MMX), R(ld, 0, SSE2, AVX, SF_NOV, 0),
		   R(ld, 0, SSE2, AVX, SF_UNAL | SF_NOV, 0) },
	[0x70] = { MM(mm_op, vshuflo16, SSE), R(op, vshuf32, SSE2, AVX, SF_I256, 0),
		   R(op, vshufhi16, SSE2, AVX, SF_I256, 0), R(op, vshuflo16, SSE2, AVX, SF_I256, 0) },
	[0x71] = { MM(mm_shift_imm, 0, MMX), R(shift_imm, 0, SSE2, AVX, SF_I256, 0) },
	[0x72] = { MM(mm_shift_imm, 0, MMX), R(shift_imm, 0, SSE2, AVX, SF_I256, 0) },
	[0x73] = { MM(mm_shift_imm, 0, MMX), R(shift_imm, 0, SSE2, AVX, SF_I256, 0) },
	PI(0x74, vcmpeq8, MMX), PI(0x75, vcmpeq16, MMX), PI(0x76, vcmpeq32, MMX),
	[0x77] = { R(emms, 0, MMX, AVX, 0, 0) },
	[0x7c] = { [1] = R(op, vfhadd64, SSE3, AVX, 0, 0), [3] = R(op, vfhadd32, SSE3, AVX, 0, 0) },
	[0x7d] = { [1] = R(op, vfhsub64, SSE3, AVX, 0, 0), [3] = R(op, vfhsub32, SSE3, AVX, 0, 0) },
	[0x7e] = { MM(mm_movd_st, 0, MMX), R(movd_st, 0, SSE2, AVX, SF_L0 | SF_NOV, 0),
		   R(movq, 0, SSE2, AVX, SF_L0 | SF_NOV, 0) },
	[0x7f] = { MM(mm_st, 0, MMX), R(st, 0, SSE2, AVX, SF_NOV, 0),
		   R(st, 0, SSE2, AVX, SF_UNAL | SF_NOV, 0) },
	[0xae] = { R(mxcsr, 0, 0, AVX, SF_VEX | SF_L0 | SF_NOV | SF_MEM, 0) },
	[0xc2] = { R(cmp, vfcmp32, SSE, AVX, 0, 0), R(cmp, vfcmp64, SSE2, AVX, 0, 0),
		   R(cmp, scmp32, SSE, AVX, 0, 4), R(cmp, scmp64, SSE2, AVX, 0, 8) },
	[0xc4] = { MM(mm_ins, 0, SSE), R(ins, vins16, SSE2, AVX, SF_L0, 2) },
	[0xc5] = { R(mm_ext, 0, SSE, 0, SF_LEG | SF_MMX | SF_REG, 0),
		   R(op, vext16, SSE2, AVX, SF_L0 | SF_REG, 0) },
	FP2(0xc6, vfshuf32, vfshuf64),
	[0xd0] = { [1] = R(op, vfaddsub64, SSE3, AVX, 0, 0), [3] = R(op, vfaddsub32, SSE3, AVX, 0, 0) },
	PI(0xd1, vshrc16, MMX), PI(0xd2, vshrc32, MMX), PI(0xd3, vshrc64, MMX),
	PI(0xd4, vadd64, SSE2), PI(0xd5, vmul16, MMX),
	[0xd6] = { [1] = R(movq_st, 0, SSE2, AVX, SF_L0 | SF_NOV, 0),
		   [2] = R(movq2dq, 0, SSE2, 0, SF_LEG | SF_MMX | SF_REG, 0),
		   [3] = R(movdq2q, 0, SSE2, 0, SF_LEG | SF_MMX | SF_REG, 0) },
	[0xd7] = { R(mm_msk, 0, SSE, 0, SF_LEG | SF_MMX | SF_REG, 0),
		   R(op, vmsk8, SSE2, AVX, SF_I256 | SF_REG, 0) },
	PI(0xd8, vsubus8, MMX), PI(0xd9, vsubus16, MMX), PI(0xda, vminu8, SSE), PI(0xdb, vand, MMX),
	PI(0xdc, vaddus8, MMX), PI(0xdd, vaddus16, MMX), PI(0xde, vmaxu8, SSE), PI(0xdf, vandn, MMX),
	PI(0xe0, vavgu8, SSE), PI(0xe1, vsarc16, MMX), PI(0xe2, vsarc32, MMX), PI(0xe3, vavgu16, SSE),
	PI(0xe4, vmulhu16, SSE), PI(0xe5, vmulhs16, MMX),
	[0xe6] = { [1] = R(op, vcvtt_f64_i32, SSE2, AVX, 0, 0), [2] = R(op, vcvt_i32_f64, SSE2, AVX, SF_MX2, 8),
		   [3] = R(op, vcvt_f64_i32, SSE2, AVX, 0, 0) },
	[0xe7] = { R(mm_st, 0, SSE, 0, SF_LEG | SF_MMX | SF_MEM, 0),
		   R(st, 0, SSE2, AVX, SF_MEM | SF_NOV, 0) },
	PI(0xe8, vsubss8, MMX), PI(0xe9, vsubss16, MMX), PI(0xea, vmins16, SSE), PI(0xeb, vor, MMX),
	PI(0xec, vaddss8, MMX), PI(0xed, vaddss16, MMX), PI(0xee, vmaxs16, SSE), PI(0xef, vxor, MMX),
	[0xf0] = { [3] = R(ld, 0, SSE3, AVX, SF_UNAL | SF_MEM | SF_NOV, 0) },
	PI(0xf1, vshlc16, MMX), PI(0xf2, vshlc32, MMX), PI(0xf3, vshlc64, MMX),
	PI(0xf4, vmulu32w, SSE2), PI(0xf5, vmaddwd, MMX), PI(0xf6, vsad8, SSE),
	[0xf7] = { R(mm_maskmov, 0, SSE, 0, SF_LEG | SF_MMX | SF_REG, 0),
		   R(maskmovdqu, 0, SSE2, AVX, SF_L0 | SF_REG, 0) },
	PI(0xf8, vsub8, MMX), PI(0xf9, vsub16, MMX), PI(0xfa, vsub32, MMX), PI(0xfb, vsub64, SSE2),
	PI(0xfc, vadd8, MMX), PI(0xfd, vadd16, MMX), PI(0xfe, vadd32, MMX),
};

#define S3(o, f, v)	[o] = { MM(f, v, SSSE3), R(op, v, SSSE3, AVX, SF_I256, 0) }
#define S4(o, v)	[o] = { [1] = R(op, v, SSE41, AVX, SF_I256, 0) }
#define SX(o, v, ms)	[o] = { [1] = R(op, v, SSE41, AVX, SF_I256 | SF_MX2, ms) }
#define V1(o, f, v, ft, fl, ms) [o] = { [1] = R(f, v, 0, ft, SF_VEX | (fl), ms) }
#define FMA(o)		V1(o, fma, 0, FMA, 0, 0)
#define LEG1(o, f, v, ft) [o] = { [1] = R(f, v, ft, 0, SF_LEG, 0) }
#define SHA(o, f, v)	[o] = { R(f, v, SHA, 0, SF_LEG, 0) }

static const struct simd_row simd_0f38[256][4] = {
	S3(0x00, mm_shufb, vshufb), S3(0x01, mm_pair, vhadd16), S3(0x02, mm_pair, vhadd32),
	S3(0x03, mm_pair, vhaddss16), S3(0x04, mm_op, vmaddubsw), S3(0x05, mm_pair, vhsub16),
	S3(0x06, mm_pair, vhsub32), S3(0x07, mm_pair, vhsubss16), S3(0x08, mm_op, vsign8),
	S3(0x09, mm_op, vsign16), S3(0x0a, mm_op, vsign32), S3(0x0b, mm_op, vmulhrs16),
	V1(0x0c, op, vpermil32, AVX, SF_W0, 0), V1(0x0d, op, vpermil64, AVX, SF_W0, 0),
	V1(0x0e, op, vtest32, AVX, SF_W0, 0), V1(0x0f, op, vtest64, AVX, SF_W0, 0),
	LEG1(0x10, blendv0, vblendv8, SSE41),
	V1(0x13, cvtph, vcvt_f16_f32, F16C, SF_W0 | SF_NOV, 0),
	LEG1(0x14, blendv0, vblendv32, SSE41), LEG1(0x15, blendv0, vblendv64, SSE41),
	V1(0x16, op, vfperm32, AVX2, SF_L1 | SF_W0, 0),
	[0x17] = { [1] = R(op, vtest, SSE41, AVX, 0, 0) },
	V1(0x18, bcast, vdup32, AVX, SF_W0, 4), V1(0x19, bcast, vdup64, AVX, SF_L1 | SF_W0, 8),
	V1(0x1a, bcast128, 0, AVX, SF_L1 | SF_W0 | SF_MEM, 0),
	S3(0x1c, mm_op, vabs8), S3(0x1d, mm_op, vabs16), S3(0x1e, mm_op, vabs32),
	SX(0x20, vsx8_16, 8), SX(0x21, vsx8_32, 4), SX(0x22, vsx8_64, 2), SX(0x23, vsx16_32, 8),
	SX(0x24, vsx16_64, 4), SX(0x25, vsx32_64, 8),
	S4(0x28, vmuls32w), S4(0x29, vcmpeq64),
	[0x2a] = { [1] = R(ld, 0, SSE41, AVX, SF_MEM | SF_NOV | SF_I256, 0) },
	S4(0x2b, vpackus32),
	V1(0x2c, maskmov, 0, AVX, SF_MEM | SF_W0, 0), V1(0x2d, maskmov, 0, AVX, SF_MEM | SF_W0, 0),
	V1(0x2e, maskmov, 0, AVX, SF_MEM | SF_W0, 0), V1(0x2f, maskmov, 0, AVX, SF_MEM | SF_W0, 0),
	SX(0x30, vzx8_16, 8), SX(0x31, vzx8_32, 4), SX(0x32, vzx8_64, 2), SX(0x33, vzx16_32, 8),
	SX(0x34, vzx16_64, 4), SX(0x35, vzx32_64, 8),
	V1(0x36, op, vperm32, AVX2, SF_L1 | SF_W0, 0),
	[0x37] = { [1] = R(op, vcmpgt64, SSE42, AVX, SF_I256, 0) },
	S4(0x38, vmins8), S4(0x39, vmins32), S4(0x3a, vminu16), S4(0x3b, vminu32), S4(0x3c, vmaxs8),
	S4(0x3d, vmaxs32), S4(0x3e, vmaxu16), S4(0x3f, vmaxu32), S4(0x40, vmul32),
	[0x41] = { [1] = R(op, vminpos16, SSE41, AVX, SF_L0, 0) },
	[0x45] = { [1] = R(op, vshrv32, 0, AVX2, SF_VEX | SF_WQ, 0) },
	V1(0x46, op, vsarv32, AVX2, SF_W0, 0),
	[0x47] = { [1] = R(op, vshlv32, 0, AVX2, SF_VEX | SF_WQ, 0) },
	V1(0x58, bcast, vdup32, AVX2, SF_W0, 4), V1(0x59, bcast, vdup64, AVX2, SF_W0, 8),
	V1(0x5a, bcast128, 0, AVX2, SF_L1 | SF_W0 | SF_MEM, 0),
	V1(0x78, bcast, vdup8, AVX2, SF_W0, 1), V1(0x79, bcast, vdup16, AVX2, SF_W0, 2),
	V1(0x8c, maskmov, 0, AVX2, SF_MEM, 0), V1(0x8e, maskmov, 0, AVX2, SF_MEM, 0),
	V1(0x90, gather, 0, AVX2, SF_MEM, 0), V1(0x91, gather, 0, AVX2, SF_MEM, 0),
	V1(0x92, gather, 0, AVX2, SF_MEM, 0), V1(0x93, gather, 0, AVX2, SF_MEM, 0),
	FMA(0x96), FMA(0x97), FMA(0x98), FMA(0x99), FMA(0x9a), FMA(0x9b), FMA(0x9c), FMA(0x9d),
	FMA(0x9e), FMA(0x9f), FMA(0xa6), FMA(0xa7), FMA(0xa8), FMA(0xa9), FMA(0xaa), FMA(0xab),
	FMA(0xac), FMA(0xad), FMA(0xae), FMA(0xaf), FMA(0xb6), FMA(0xb7), FMA(0xb8), FMA(0xb9),
	FMA(0xba), FMA(0xbb), FMA(0xbc), FMA(0xbd), FMA(0xbe), FMA(0xbf),
	SHA(0xc8, op, vsha1nexte), SHA(0xc9, op, vsha1msg1), SHA(0xca, op, vsha1msg2),
	SHA(0xcb, sha_rnds, vsha256rnds2), SHA(0xcc, op, vsha256msg1), SHA(0xcd, op, vsha256msg2),
	[0xdb] = { [1] = R(op, vaesimc, AES, AES, SF_L0, 0) },
	[0xdc] = { [1] = R(op, vaesenc, AES, AES, SF_L0, 0) },
	[0xdd] = { [1] = R(op, vaesenclast, AES, AES, SF_L0, 0) },
	[0xde] = { [1] = R(op, vaesdec, AES, AES, SF_L0, 0) },
	[0xdf] = { [1] = R(op, vaesdeclast, AES, AES, SF_L0, 0) },
};

static const struct simd_row simd_0f3a[256][4] = {
	V1(0x00, op, vpermi64, AVX2, SF_L1 | SF_W1, 0), V1(0x01, op, vfpermi64, AVX2, SF_L1 | SF_W1, 0),
	V1(0x02, op, vblend32, AVX2, SF_W0, 0),
	V1(0x04, op, vpermili32, AVX, SF_W0, 0), V1(0x05, op, vpermili64, AVX, SF_W0, 0),
	V1(0x06, op, vfperm128, AVX, SF_L1 | SF_W0, 0),
	[0x08] = { [1] = R(op, vfround32, SSE41, AVX, 0, 0) },
	[0x09] = { [1] = R(op, vfround64, SSE41, AVX, 0, 0) },
	[0x0a] = { [1] = R(op, sround32, SSE41, AVX, 0, 4) },
	[0x0b] = { [1] = R(op, sround64, SSE41, AVX, 0, 8) },
	[0x0c] = { [1] = R(op, vfblend32, SSE41, AVX, 0, 0) },
	[0x0d] = { [1] = R(op, vfblend64, SSE41, AVX, 0, 0) },
	S4(0x0e, vblend16),
	[0x0f] = { MM(mm_align, 0, SSSE3), R(op, valignr, SSSE3, AVX, SF_I256, 0) },
	[0x14] = { [1] = R(ext, vext8, SSE41, AVX, SF_L0 | SF_NOV, 1) },
	[0x15] = { [1] = R(ext, vext16, SSE41, AVX, SF_L0 | SF_NOV, 2) },
	[0x16] = { [1] = R(ext, vext32, SSE41, AVX, SF_L0 | SF_NOV | SF_WQ, 4) },
	[0x17] = { [1] = R(ext, vext32, SSE41, AVX, SF_L0 | SF_NOV, 4) },
	V1(0x18, op, vfins128, AVX, SF_L1 | SF_W0, 0), V1(0x19, ext128, vfext128, AVX, SF_L1 | SF_W0, 0),
	V1(0x1d, cvtph_st, vcvt_f32_f16, F16C, SF_W0 | SF_NOV, 0),
	[0x20] = { [1] = R(ins, vins8, SSE41, AVX, SF_L0, 1) },
	[0x21] = { [1] = R(insps, 0, SSE41, AVX, SF_L0, 0) },
	[0x22] = { [1] = R(ins, vins32, SSE41, AVX, SF_L0 | SF_WQ, 4) },
	V1(0x38, op, vins128, AVX2, SF_L1 | SF_W0, 0), V1(0x39, ext128, vext128, AVX2, SF_L1 | SF_W0, 0),
	[0x40] = { [1] = R(op, vfdp32, SSE41, AVX, 0, 0) },
	[0x41] = { [1] = R(op, vfdp64, SSE41, AVX, SF_L0, 0) },
	S4(0x42, vmpsad8),
	[0x44] = { [1] = R(op, vclmul, PCLMUL, PCLMUL, SF_L0, 0) },
	V1(0x46, op, vperm128, AVX2, SF_L1 | SF_W0, 0),
	V1(0x4a, blendv4, vblendv32, AVX, SF_W0, 0), V1(0x4b, blendv4, vblendv64, AVX, SF_W0, 0),
	V1(0x4c, blendv4, vblendv8, AVX, SF_I256 | SF_W0, 0),
	[0x60] = { [1] = R(pcmpstr, 0, SSE42, AVX, SF_L0 | SF_UNAL | SF_NOV, 16) },
	[0x61] = { [1] = R(pcmpstr, 0, SSE42, AVX, SF_L0 | SF_UNAL | SF_NOV, 16) },
	[0x62] = { [1] = R(pcmpstr, 0, SSE42, AVX, SF_L0 | SF_UNAL | SF_NOV, 16) },
	[0x63] = { [1] = R(pcmpstr, 0, SSE42, AVX, SF_L0 | SF_UNAL | SF_NOV, 16) },
	SHA(0xcc, op, vsha1rnds4),
	[0xdf] = { [1] = R(op, vaeskeygen, AES, AES, SF_L0, 0) },
};
/* clang-format on */

static const struct simd_row *simd_find(const struct x86_insn *i)
{
	switch (i->map) {
	case XM_0F: return &simd_0f[i->opcode][i->pp];
	case XM_0F38: return &simd_0f38[i->opcode][i->pp];
	default: return &simd_0f3a[i->opcode][i->pp];
	}
}

bool simd_known(unsigned map, unsigned opcode, unsigned pp)
{
	struct x86_insn i = { .map = (uint8_t)map,
		              .opcode = (uint8_t)opcode,
		              .pp = (uint8_t)pp };

	return simd_find(&i)->fn != NULL;
}

/* Encodings that do not exist. */
static bool simd_exists(const struct xt *x, const struct simd_row *r)
{
	const struct x86_insn *i = &x->i;

	if (!r->fn || (r->fl & SF_MEM && !i->is_mem) || (r->fl & SF_REG && i->is_mem)) {
		return false;
	}
	if (!i->vex) {
		return !(r->fl & SF_VEX) && x86_has(x->cpu, r->feat);
	}
	if (r->fl & SF_LEG || (r->fl & SF_L0 && i->vex_l) ||
	    (r->fl & SF_L1 && !i->vex_l) || (r->fl & SF_W0 && i->rex & 8) ||
	    (r->fl & SF_W1 && !(i->rex & 8)) || (r->fl & SF_NOV && i->vvvv)) {
		return false;
	}
	if (!x86_has(x->cpu, XF_AVX) || !x86_has(x->cpu, r->vfeat)) {
		return false;
	}
	return !(r->fl & SF_I256) || !i->vex_l || x86_has(x->cpu, XF_AVX2);
}

bool simd_translate(struct xt *x)
{
	const struct simd_row *r = simd_find(&x->i);

	if (!simd_exists(x, r)) {
		return false;
	}
	if (x->i.vex) {
		if (!(x->key & XH_AVX)) {
			return false;
		}
	} else if (x->key & XH_EM) {
		return false;
	} else if (!(r->fl & SF_MMX) && !(x->key & XH_OSFXSR) && r->feat != XF_MMX) {
		return false;
	}
	if (x->key & XH_TS) {
		xt_raise(x, X86_EXC_NM);
		return true;
	}
	if (r->fl & SF_MMX && !sd_x87_ready(x, true)) {
		return true;
	}
	return r->fn(x, r);
}
