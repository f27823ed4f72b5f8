/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asm.h - a small x86-64 assembler: one inline function for each instruction shape
 * that the back end needs (Intel SDM vol. 2, chapters 2 and 3).
 *
 * `struct asmbuf` writes at `p` what will run at `x + (p - start)`. Functions do not
 * check for room: the emitter keeps ASM_MARGIN bytes free before each IR instruction.
 *
 * An opcode word holds the opcode byte, its map, mandatory prefix and operand kinds
 * (A_* bits), so that one encoder serves everything.
 *
 * Threads: a buffer belongs to the thread that fills it.
 */
#ifndef LODGE_HOST_X86_ASM_H
#define LODGE_HOST_X86_ASM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
	RAX,
	RCX,
	RDX,
	RBX,
	RSP,
	RBP,
	RSI,
	RDI,
	R8,
	R9,
	R10,
	R11,
	R12,
	R13,
	R14,
	R15,
	NOREG = 0xff
};

struct asmbuf {
	uint8_t *start, *p, *end;
	const uint8_t *x;
};

struct amem {
	uint8_t base, index, scale; /* NOREG: none; scale 0..3 */
	int32_t disp;
};

enum { ASM_MARGIN = 2048 };

#define A_0F   0x100u
#define A_0F38 0x200u
#define A_0F3A 0x300u
#define A_MAP  0x300u
#define A_66   0x400u
#define A_F3   0x800u
#define A_F2   0xc00u
#define A_PP   0xc00u
#define A_W    0x1000u
#define A_BR   0x2000u /* `reg` is a byte register */
#define A_BM   0x4000u /* `rm` is a byte register */
#define A_L    0x8000u /* VEX.L: 256 bits */

/* Group 1 ALU operations. ORDER: hardware /digit */
enum { ALU_ADD, ALU_OR, ALU_ADC, ALU_SBB, ALU_AND, ALU_SUB, ALU_XOR, ALU_CMP };
/* Shift group /digit */
enum { SH_ROL, SH_ROR, SH_RCL, SH_RCR, SH_SHL, SH_SHR, SH_SAR = 7 };

static inline void asm_8(struct asmbuf *b, unsigned v)
{
	*b->p++ = (uint8_t)v;
}
static inline void asm_16(struct asmbuf *b, unsigned v)
{
	uint16_t w = (uint16_t)v;

	memcpy(b->p, &w, 2);
	b->p += 2;
}
static inline void asm_32(struct asmbuf *b, uint32_t v)
{
	memcpy(b->p, &v, 4);
	b->p += 4;
}
static inline void asm_64(struct asmbuf *b, uint64_t v)
{
	memcpy(b->p, &v, 8);
	b->p += 8;
}
static inline uint32_t asm_pos(const struct asmbuf *b)
{
	return (uint32_t)(b->p - b->start);
}
static inline bool asm_s8(int64_t v)
{
	return v == (int8_t)v;
}
static inline bool asm_s32(int64_t v)
{
	return v == (int32_t)v;
}

static inline struct amem amem(unsigned base, int32_t disp)
{
	return (struct amem){ (uint8_t)base, NOREG, 0, disp };
}
static inline struct amem amem_x(unsigned base, unsigned index, unsigned scale,
                                 int32_t disp)
{
	return (struct amem){ (uint8_t)base, (uint8_t)index, (uint8_t)scale, disp };
}

/* ModRM + SIB + displacement for a memory operand. */
void asm_modrm_mem(struct asmbuf *b, unsigned reg, struct amem m);
/* Prefixes, REX and opcode for register / memory forms. */
void asm_rr(struct asmbuf *b, uint32_t op, unsigned reg, unsigned rm);
void asm_rm(struct asmbuf *b, uint32_t op, unsigned reg, struct amem m);
/* VEX-encoded: A_W, A_L and the map/prefix bits of `op` apply. */
void asm_vrr(struct asmbuf *b, uint32_t op, unsigned reg, unsigned vvvv, unsigned rm);
void asm_vrm(struct asmbuf *b, uint32_t op, unsigned reg, unsigned vvvv, struct amem m);
void asm_nops(struct asmbuf *b, unsigned n);
void asm_movi(struct asmbuf *b, unsigned reg, uint64_t v); /* leaves EFLAGS alone */

/* Operand size bits for a general instruction of 1 << sz bytes (sz 0: opcode - 1). */
static inline uint32_t asm_sz(uint32_t op, unsigned sz)
{
	switch (sz) {
	case 0: return (op & ~1u) | A_BR | A_BM;
	case 1: return op | A_66;
	case 2: return op;
	default: return op | A_W;
	}
}

static inline void asm_alu_rr(struct asmbuf *b, unsigned op, unsigned sz, unsigned d,
                              unsigned s)
{
	asm_rr(b, asm_sz(op * 8 + 1, sz), s, d);
}
static inline void asm_alu_rm(struct asmbuf *b, unsigned op, unsigned sz, unsigned d,
                              struct amem m)
{
	asm_rm(b, asm_sz(op * 8 + 3, sz), d, m);
}
static inline void asm_alu_mr(struct asmbuf *b, unsigned op, unsigned sz, struct amem m,
                              unsigned s)
{
	asm_rm(b, asm_sz(op * 8 + 1, sz), s, m);
}
static inline void asm_imm(struct asmbuf *b, unsigned sz, int64_t v)
{
	if (sz == 0) {
		asm_8(b, (unsigned)v);
	} else if (sz == 1) {
		asm_16(b, (unsigned)v);
	} else {
		asm_32(b, (uint32_t)v);
	}
}
static inline void asm_alu_ri(struct asmbuf *b, unsigned op, unsigned sz, unsigned d,
                              int32_t v)
{
	if (sz == 0) {
		asm_rr(b, 0x80 | A_BM, op, d);
		asm_8(b, (unsigned)v);
	} else if (asm_s8(sz == 1 ? (int16_t)v : v)) {
		asm_rr(b, asm_sz(0x83, sz), op, d);
		asm_8(b, (unsigned)v);
	} else {
		asm_rr(b, asm_sz(0x81, sz), op, d);
		asm_imm(b, sz, v);
	}
}
/* 64 bits, always with the long immediate: seven bytes. */
static inline void asm_alu_ri32(struct asmbuf *b, unsigned op, unsigned d, int32_t v)
{
	asm_rr(b, asm_sz(0x81, 3), op, d);
	asm_32(b, (uint32_t)v);
}
static inline void asm_alu_mi(struct asmbuf *b, unsigned op, unsigned sz, struct amem m,
                              int32_t v)
{
	if (sz == 0) {
		asm_rm(b, 0x80, op, m);
		asm_8(b, (unsigned)v);
	} else if (asm_s8(sz == 1 ? (int16_t)v : v)) {
		asm_rm(b, asm_sz(0x83, sz), op, m);
		asm_8(b, (unsigned)v);
	} else {
		asm_rm(b, asm_sz(0x81, sz), op, m);
		asm_imm(b, sz, v);
	}
}
static inline void asm_test_rr(struct asmbuf *b, unsigned sz, unsigned d, unsigned s)
{
	asm_rr(b, asm_sz(0x85, sz), s, d);
}
static inline void asm_test_rm(struct asmbuf *b, unsigned sz, unsigned r, struct amem m)
{
	asm_rm(b, asm_sz(0x85, sz), r, m);
}
static inline void asm_test_ri(struct asmbuf *b, unsigned sz, unsigned d, int32_t v)
{
	asm_rr(b, asm_sz(0xf7, sz), 0, d);
	asm_imm(b, sz, v);
}
static inline void asm_test_mi(struct asmbuf *b, unsigned sz, struct amem m, int32_t v)
{
	asm_rm(b, asm_sz(0xf7, sz), 0, m);
	asm_imm(b, sz, v);
}
/* Register moves are of 4 or 8 bytes (sz 2, 3), or merge a low part (sz 0, 1). */
static inline void asm_mov_rr(struct asmbuf *b, unsigned sz, unsigned d, unsigned s)
{
	asm_rr(b, asm_sz(0x89, sz), s, d);
}
/* Plain load of exactly this size: sz 0/1 merge into the register. */
static inline void asm_mov_rm(struct asmbuf *b, unsigned sz, unsigned d, struct amem m)
{
	asm_rm(b, asm_sz(0x8b, sz), d, m);
}
static inline void asm_mov_mr(struct asmbuf *b, unsigned sz, struct amem m, unsigned s)
{
	asm_rm(b, asm_sz(0x89, sz), s, m);
}
static inline void asm_mov_mi(struct asmbuf *b, unsigned sz, struct amem m, int32_t v)
{
	asm_rm(b, asm_sz(0xc7, sz) & ~(A_BR | A_BM), 0, m);
	asm_imm(b, sz, v);
}
/* Zero-extending load / register move from 1 << sz bytes to 64 bits. */
static inline void asm_zx_rm(struct asmbuf *b, unsigned sz, unsigned d, struct amem m)
{
	static const uint32_t op[4] = { 0xb6 | A_0F, 0xb7 | A_0F, 0x8b, 0x8b | A_W };

	asm_rm(b, op[sz], d, m);
}
static inline void asm_zx_rr(struct asmbuf *b, unsigned sz, unsigned d, unsigned s)
{
	static const uint32_t op[4] = { 0xb6 | A_0F | A_BM, 0xb7 | A_0F, 0x8b,
		                        0x8b | A_W };

	asm_rr(b, op[sz], d, s);
}
/* Sign-extending from 1 << sz bytes; wide: to 64 bits, else to 32. */
static inline uint32_t asm_sx_op(unsigned sz, bool wide)
{
	static const uint32_t op[4] = { 0xbe | A_0F, 0xbf | A_0F, 0x63, 0x8b };

	if (sz == 2 && !wide) {
		return 0x8b;
	}
	return op[sz] | (wide ? A_W : 0);
}
static inline void asm_sx_rm(struct asmbuf *b, unsigned sz, bool wide, unsigned d,
                             struct amem m)
{
	asm_rm(b, asm_sx_op(sz, wide), d, m);
}
static inline void asm_sx_rr(struct asmbuf *b, unsigned sz, bool wide, unsigned d,
                             unsigned s)
{
	asm_rr(b, asm_sx_op(sz, wide) | (sz == 0 ? A_BM : 0), d, s);
}
static inline void asm_lea(struct asmbuf *b, unsigned sz, unsigned d, struct amem m)
{
	asm_rm(b, 0x8d | (sz == 3 ? A_W : 0), d, m);
}
static inline void asm_sh_ri(struct asmbuf *b, unsigned op, unsigned sz, unsigned d,
                             unsigned n)
{
	if (n == 1) {
		asm_rr(b, asm_sz(0xd1, sz), op, d);
	} else {
		asm_rr(b, asm_sz(0xc1, sz), op, d);
		asm_8(b, n);
	}
}
static inline void asm_sh_cl(struct asmbuf *b, unsigned op, unsigned sz, unsigned d)
{
	asm_rr(b, asm_sz(0xd3, sz), op, d);
}
/* BMI2: d = rm shifted by the count register; op SH_SHL, SH_SHR, SH_SAR */
static inline void asm_shx(struct asmbuf *b, unsigned op, unsigned sz, unsigned d,
                           unsigned rm, unsigned count)
{
	uint32_t pp = op == SH_SHL ? A_66 : op == SH_SHR ? A_F2 : A_F3;

	asm_vrr(b, 0xf7 | A_0F38 | pp | (sz == 3 ? A_W : 0), d, count, rm);
}
static inline void asm_rorx(struct asmbuf *b, unsigned sz, unsigned d, unsigned rm,
                            unsigned n)
{
	asm_vrr(b, 0xf0 | A_0F3A | A_F2 | (sz == 3 ? A_W : 0), d, 0, rm);
	asm_8(b, n);
}
/* Group 3: 2 not, 3 neg, 4 mul, 5 imul, 6 div, 7 idiv */
static inline void asm_g3_r(struct asmbuf *b, unsigned op, unsigned sz, unsigned d)
{
	asm_rr(b, asm_sz(0xf7, sz), op, d);
}
static inline void asm_imul_rr(struct asmbuf *b, unsigned sz, unsigned d, unsigned s)
{
	asm_rr(b, asm_sz(0xaf, sz) | A_0F, d, s);
}
static inline void asm_imul_rri(struct asmbuf *b, unsigned sz, unsigned d, unsigned s,
                                int32_t v)
{
	bool s8 = asm_s8(v);

	asm_rr(b, asm_sz(s8 ? 0x6b : 0x69, sz), d, s);
	asm_imm(b, s8 ? 0 : sz, v);
}
static inline void asm_setcc(struct asmbuf *b, unsigned cc, unsigned d)
{
	asm_rr(b, 0x90 | cc | A_0F | A_BM, 0, d);
}
static inline void asm_cmov(struct asmbuf *b, unsigned cc, unsigned sz, unsigned d,
                            unsigned s)
{
	asm_rr(b, 0x40 | cc | A_0F | (sz == 3 ? A_W : 0), d, s);
}
static inline void asm_push(struct asmbuf *b, unsigned r)
{
	if (r >= 8) {
		asm_8(b, 0x41);
	}
	asm_8(b, 0x50 | (r & 7));
}
static inline void asm_pop(struct asmbuf *b, unsigned r)
{
	if (r >= 8) {
		asm_8(b, 0x41);
	}
	asm_8(b, 0x58 | (r & 7));
}
static inline void asm_push_i(struct asmbuf *b, uint32_t v)
{
	asm_8(b, 0x68);
	asm_32(b, v);
}
static inline void asm_pushf(struct asmbuf *b)
{
	asm_8(b, 0x9c);
}
static inline void asm_pop_m(struct asmbuf *b, struct amem m)
{
	asm_rm(b, 0x8f, 0, m);
}
static inline void asm_bt_ri(struct asmbuf *b, unsigned sz, unsigned r, unsigned bit)
{
	asm_rr(b, 0xba | A_0F | (sz == 3 ? A_W : 0), 4, r);
	asm_8(b, bit);
}
static inline void asm_bt_mi(struct asmbuf *b, struct amem m, unsigned bit)
{
	asm_rm(b, 0xba | A_0F, 4, m);
	asm_8(b, bit);
}
static inline void asm_bswap(struct asmbuf *b, unsigned sz, unsigned r)
{
	asm_8(b, 0x40 | (sz == 3 ? 8 : 0) | (r >= 8));
	asm_8(b, 0x0f);
	asm_8(b, 0xc8 | (r & 7));
}
static inline void asm_ret(struct asmbuf *b)
{
	asm_8(b, 0xc3);
}
static inline void asm_ret_n(struct asmbuf *b, unsigned n)
{
	asm_8(b, 0xc2);
	asm_16(b, n);
}
static inline void asm_jmp_r(struct asmbuf *b, unsigned r)
{
	asm_rr(b, 0xff, 4, r);
}
static inline void asm_call_r(struct asmbuf *b, unsigned r)
{
	asm_rr(b, 0xff, 2, r);
}
static inline void asm_jmp_m(struct asmbuf *b, struct amem m)
{
	asm_rm(b, 0xff, 4, m);
}
/* Jumps to a place known by its offset from start; unknown ones return the offset of
 * their displacement for asm_patch. */
static inline void asm_patch(struct asmbuf *b, uint32_t at, uint32_t target)
{
	uint32_t d = target - (at + 4);

	memcpy(b->start + at, &d, 4);
}
static inline uint32_t asm_jmp(struct asmbuf *b)
{
	asm_8(b, 0xe9);
	asm_32(b, 0);
	return asm_pos(b) - 4;
}
static inline uint32_t asm_jcc(struct asmbuf *b, unsigned cc)
{
	asm_8(b, 0x0f);
	asm_8(b, 0x80 | cc);
	asm_32(b, 0);
	return asm_pos(b) - 4;
}
/* Short forward jump; returns where its byte lies for asm_here8. */
static inline uint32_t asm_jcc8(struct asmbuf *b, unsigned cc)
{
	asm_8(b, 0x70 | cc);
	asm_8(b, 0);
	return asm_pos(b) - 1;
}
static inline uint32_t asm_jmp8(struct asmbuf *b)
{
	asm_8(b, 0xeb);
	asm_8(b, 0);
	return asm_pos(b) - 1;
}
static inline void asm_here8(struct asmbuf *b, uint32_t at)
{
	b->start[at] = (uint8_t)(asm_pos(b) - at - 1);
}
static inline void asm_jmp_to(struct asmbuf *b, uint32_t target)
{
	int32_t d = (int32_t)(target - (asm_pos(b) + 2));

	if (asm_s8(d)) {
		asm_8(b, 0xeb);
		asm_8(b, (unsigned)d);
	} else {
		asm_patch(b, asm_jmp(b), target);
	}
}
static inline void asm_jcc_to(struct asmbuf *b, unsigned cc, uint32_t target)
{
	int32_t d = (int32_t)(target - (asm_pos(b) + 2));

	if (asm_s8(d)) {
		asm_8(b, 0x70 | cc);
		asm_8(b, (unsigned)d);
	} else {
		asm_patch(b, asm_jcc(b, cc), target);
	}
}
/* Absolute targets, within 2 GiB of where the code runs. */
static inline int32_t asm_rel(const struct asmbuf *b, const void *target)
{
	return (int32_t)((const uint8_t *)target - (b->x + (b->p - b->start) + 4));
}
static inline void asm_call_abs(struct asmbuf *b, const void *target)
{
	asm_8(b, 0xe8);
	asm_32(b, (uint32_t)asm_rel(b, target));
}
static inline void asm_jmp_abs(struct asmbuf *b, const void *target)
{
	asm_8(b, 0xe9);
	asm_32(b, (uint32_t)asm_rel(b, target));
}
static inline void asm_jcc_abs(struct asmbuf *b, unsigned cc, const void *target)
{
	asm_8(b, 0x0f);
	asm_8(b, 0x80 | cc);
	asm_32(b, (uint32_t)asm_rel(b, target));
}

#endif
