/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd.h - inside of the SIMD front end: the rows of its opcode tables and the
 * operand access that instruction functions share.
 *
 *   simd-table.c   opcode -> row, dispatch, checks of CR0/CR4/XCR0 and CPUID
 *   simd-op.c      operands; the common shape of an instruction
 *   simd-mov.c     moves, inserts, extracts
 *   simd-misc.c    shifts by immediate, fused multiply-add, masks, gathers, strings
 *   simd-mmx.c     the 64-bit forms
 *   simd-x87.c     x87 to helper calls; simd-x87-ops.c those helpers
 *   simd-helper.c  the other helpers
 *
 * Threads: the vCPU's own.
 */
#ifndef LODGE_TCG_X86_SIMD_H
#define LODGE_TCG_X86_SIMD_H

#include "tcg-fallback/guest/x86/x86-guest.h"
#include "tcg-fallback/ir/vecops.h"

enum {
	SF_LEG = 1 << 0, /* no VEX form */
	SF_VEX = 1 << 1, /* VEX form only */
	SF_L0 = 1 << 2,  /* VEX.L = 1 is #UD */
	SF_L1 = 1 << 3,  /* VEX.L = 0 is #UD */
	SF_UNAL =
		1 << 4, /* a 16-byte memory operand may be unaligned without VEX, too */
	SF_W0 = 1 << 5, /* VEX.W = 1 is #UD */
	SF_W1 = 1 << 6, /* VEX.W = 0 is #UD */
	SF_MX2 = 1 << 7,   /* msize is for 128 bits, twice that for 256 */
	SF_WQ = 1 << 8,    /* with W (64-bit code): vop + 1 */
	SF_MMX = 1 << 9,   /* touches MMX state: x87 state is switched */
	SF_MEM = 1 << 10,  /* memory form only */
	SF_REG = 1 << 11,  /* register form only */
	SF_NOV = 1 << 12,  /* VEX.vvvv must be 1111 */
	SF_I256 = 1 << 13, /* the 256-bit form came with AVX2 */
};

struct simd_row {
	bool (*fn)(struct xt *x, const struct simd_row *r); /* false: #UD */
	uint16_t vop;
	uint16_t feat, vfeat; /* CPUID: legacy, VEX */
	uint16_t fl;
	uint8_t msize; /* bytes of the memory operand; 0: by the vop's classes */
};

/* For tests: does the opcode have a row? */
bool simd_known(unsigned map, unsigned opcode, unsigned pp);

/* ---- operands ---- */
static inline bool sd_wide(const struct xt *x)
{
	return x->i.vex && x->i.vex_l;
}
static inline bool sd_w(const struct xt *x)
{
	return (x->i.rex & 8) && x->code == XH_CODE64;
}
ir_val sd_get(struct xt *x, enum ir_type t, unsigned reg);
/* Legacy: the high half of the register stays; VEX: it is zeroed. */
void sd_set(struct xt *x, unsigned reg, ir_val v);
/* Bytes from memory into a vector, rest zero; `align`: #GP unless aligned. */
ir_val sd_load(struct xt *x, enum ir_type t, unsigned bytes, bool align);
void sd_store(struct xt *x, unsigned bytes, bool align, ir_val v);
/* rm as a vector of type t; memory as `bytes`. */
ir_val sd_rm(struct xt *x, const struct simd_row *r, enum ir_type t, unsigned bytes);
/* First source: vvvv with VEX, else the destination. */
ir_val sd_src1(struct xt *x, enum ir_type t);
/* The op, with exceptions looked at when some are unmasked. */
ir_val sd_vop(struct xt *x, unsigned vop, enum ir_type t, ir_val a, ir_val b, ir_val c,
              int imm);
ir_val sd_zero(struct xt *x, enum ir_type t);
static inline enum ir_type sd_vt(const struct xt *x)
{
	return sd_wide(x) ? IR_V256 : IR_V128;
}

/* clang-format off */
#define SD(name) bool sd_##name(struct xt *x, const struct simd_row *r);
/* simd-op.c */
SD(op) SD(cmp)
/* simd-mov.c */
SD(ld) SD(st) SD(movs) SD(movs_st) SD(movl) SD(movh) SD(movh_st) SD(movd) SD(movd_st)
SD(movq) SD(movq_st) SD(ext) SD(ins) SD(insps) SD(bcast) SD(bcast128) SD(ext128)
SD(movddup) SD(movnt_ld)
/* simd-misc.c */
SD(shift_imm) SD(fma) SD(blendv0) SD(blendv4) SD(gather) SD(maskmov) SD(maskmovdqu)
SD(pcmpstr) SD(sha_rnds) SD(emms) SD(cvtph) SD(cvtph_st) SD(mxcsr)
/* simd-mmx.c */
SD(mm_op) SD(mm_pair) SD(mm_unpackh) SD(mm_ld) SD(mm_st) SD(mm_movd) SD(mm_movd_st)
SD(mm_shift) SD(mm_shift_imm) SD(mm_shufb) SD(mm_align) SD(mm_ins) SD(mm_ext) SD(mm_msk)
SD(mm_from_f) SD(mm_to_f) SD(mm_to_fd) SD(mm_from_fd) SD(movq2dq) SD(movdq2q)
SD(mm_maskmov)
#undef SD
	/* clang-format on */

	/* ---- x87/MMX state checks (simd-x87.c) ---- */
	/* #NM or #UD by CR0 bits of the key; false: an exception was emitted. */
	bool sd_x87_ready(struct xt *x, bool mmx);

/* PCMPISTRI as helper_pcmpstr gives it (ECX, flags above); false: not on this host. */
bool simd_host_istri(const void *a, const void *b, unsigned imm, uint64_t *r);

#endif
