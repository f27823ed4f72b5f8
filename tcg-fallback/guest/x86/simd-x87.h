/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-x87.h - inside of the x87 helpers: the register stack, exceptions, and single
 * operations executed by the host's x87.
 *
 * Threads: the vCPU's own.
 */
#ifndef LODGE_TCG_X86_SIMD_X87_H
#define LODGE_TCG_X86_SIMD_X87_H

#include "tcg-fallback/guest/x86/x86-guest.h"

#define X87_IE  0x01u
#define X87_DE  0x02u
#define X87_ZE  0x04u
#define X87_OE  0x08u
#define X87_UE  0x10u
#define X87_PE  0x20u
#define X87_SF  0x40u
#define X87_ES  0x80u
#define X87_C0  0x100u
#define X87_C1  0x200u
#define X87_C2  0x400u
#define X87_C3  0x4000u
#define X87_B   0x8000u
#define X87_EXC 0x3fu

/* Does the memory form D8..DF /row write memory? */
static inline bool x87_mem_writes(unsigned op, unsigned row)
{
	switch (op) {
	case 0xd9: return row == 2 || row == 3 || row >= 6;
	case 0xdb: return (row >= 1 && row <= 3) || row == 7;
	case 0xdd: return (row >= 1 && row <= 3) || row >= 6;
	case 0xdf: return (row >= 1 && row <= 3) || row >= 6;
	default: return false;
	}
}

/* A number in the 80-bit format, as the host's x87 loads it. */
struct f80 {
	uint64_t m;
	uint16_t se;
} __attribute__((packed));

/* ---- registers; i is relative to TOP ---- */
bool x87_empty(const struct x86_cpu *c, unsigned i);
struct f80 x87_get(const struct x86_cpu *c, unsigned i);
void x87_put(struct x86_cpu *c, unsigned i, struct f80 v);
void x87_pop(struct x86_cpu *c);
/* Notes exceptions; false: an unmasked one that keeps the result from being stored. */
bool x87_note(struct x86_cpu *c, unsigned exc);
/* Stack underflow or overflow; false: unmasked. */
bool x87_stack_fault(struct x86_cpu *c, bool over);
/* Pushes unless the stack overflows. `exc` happened while making v. */
void x87_push(struct x86_cpu *c, struct f80 v, unsigned exc);
extern const struct f80 x87_indefinite;
void x87_init(struct x86_cpu *c);
void x87_update_es(struct x86_cpu *c);

/* ---- two-operand arithmetic by ModRM row: 0 add 1 mul 4 sub 5 subr 6 div 7 divr; the
 * result, exceptions in *exc (status word bits) ---- */
struct f80 x87_arith(const struct x86_cpu *c, unsigned row, struct f80 a, struct f80 b,
                     unsigned *exc);
/* Comparison: C3 C2 C0 bits and exceptions. `quiet`: FUCOM. */
unsigned x87_compare(struct f80 a, struct f80 b, bool quiet, unsigned *exc);
/* arith or compare (rows 2, 3: FCOM, FCOMP) of ST0 with b; for D8 and memory forms. */
void x87_st0_op(struct x86_cpu *c, unsigned row, struct f80 b, unsigned exc_b);

#endif
