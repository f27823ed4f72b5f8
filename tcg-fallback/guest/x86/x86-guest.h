/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-guest.h - what the files of the x86 front end share: block key, slots,
 * helpers, decoded instruction, translation context.
 *
 *   decode*.c              bytes -> struct x86_insn, by tables
 *   translate.c insn-*.c   struct x86_insn -> IR, integer instructions
 *   simd-*.c               the same for x87, MMX, SSE, AVX
 *   sys-*.c mmu.c ...      helpers of system instructions, x86_tcg_guest (guest.c)
 *
 * Threads: everything on the vCPU's own thread.
 */
#ifndef LODGE_TCG_X86_GUEST_H
#define LODGE_TCG_X86_GUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/cpu/x86.h"
#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/guest.h"
#include "tcg-fallback/ir/ir.h"

/*
 * Block key = x86_cpu.hflags, kept up to date by x86_update_hflags() (sys side) after
 * anything it is made of changes. In 64-bit mode the segment bits are all zero.
 */
/* clang-format off */
#define XH_CODE16   0u
#define XH_CODE32   1u
#define XH_CODE64   2u
#define XH_CODE(k)  ((k) & 3)
#define XH_SS32	    BIT(2)	/* SS.B; undefined in 64-bit mode (0) */
#define XH_CPL(k)   (((k) >> 3) & 3)
#define XH_CPL_SHIFT 3
#define XH_PE	    BIT(5)
#define XH_VM86	    BIT(6)
#define XH_TF	    BIT(7)
#define XH_SHADOW   BIT(8)	/* int_shadow: the unit is one instruction; it clears int_shadow and
				   this bit of hflags at its start */
#define XH_TS	    BIT(9)	/* CR0 */
#define XH_EM	    BIT(10)
#define XH_MP	    BIT(11)
#define XH_OSFXSR   BIT(12)	/* CR4 */
#define XH_AVX	    BIT(13)	/* CR4.OSXSAVE and XCR0[2:1] == 3 */
#define XH_XM	    BIT(14)	/* some SSE exception is unmasked in MXCSR */
#define XH_LMA	    BIT(15)	/* EFER.LMA (compatibility mode when not CODE64) */
/* Segment s = ES CS SS DS FS GS (enum x86_sreg): base is not zero. FS/GS: always added, the
 * bit is never set. */
#define XH_BASE(s)  BIT(16 + (s))
/* Accesses through s need helper_seg_check: not a present writable data segment (CS:
 * readable code, checks are for reads by override) with limit 4 GB. In real and VM86 mode: only
 * when the limit is below 0xffff (16-bit wrap at the end of a segment is not modelled). */
#define XH_CHK(s)   BIT(22 + (s))
#define XH_NE	    BIT(28)	/* CR0.NE */
/* clang-format on */

/* Slots 0..15: RAX..R15 (i64), 16..31: vector registers (v256). Everything else is
 * reached by ldenv/stenv at its offset in struct x86_cpu. */
enum { XS_GPR = 0, XS_VEC = 16, XS_N = 32 };
extern const struct ir_slot x86_slots[XS_N];

/* Helper table: x86_helpers[XHELP_name]. (translate.c defines the table.) */
enum x86_helper {
#define HELPER(name, nargs, flags) XHELP_##name,
#include "tcg-fallback/guest/x86/helpers.def"
#undef HELPER
	XHELP_N
};
extern const struct ir_helper x86_helpers[XHELP_N];
#define HELPER(name, nargs, flags)                                                     \
	uint64_t helper_##name(struct tcg_env *, uint64_t, uint64_t, uint64_t,         \
	                       uint64_t);
#include "tcg-fallback/guest/x86/helpers.def"
#undef HELPER

static inline struct x86_cpu *x86_of(struct tcg_env *env)
{
	return tcg_arch_of(env);
}

/* ---- sys side ---- */
void x86_update_hflags(struct x86_cpu *c);
/* Records an exception and raises it at the current instruction (fault). */
void x86_raise(struct tcg_env *env, enum x86_exc vec, uint32_t err) __noreturn;

/*
 * CPU features: x86_cpu.features[word] bit `bit`. Words (ORDER: x86-model.h):
 *   0 1.EDX  1 1.ECX  2 7.EBX  3 7.ECX  4 7.EDX  5 80000001.EDX  6 80000001.ECX
 *   7 0D.1.EAX  8 7.1.EAX  9 80000008.EBX  10 80000007.EDX  11 6.EAX
 */
/* clang-format off */
#define XF(word, bit) (1 + (word) * 32 + (bit))
enum x86_feat {
	XF_ANY = 0,
	XF_TSC = XF(0, 4), XF_MSR = XF(0, 5), XF_CX8 = XF(0, 8), XF_SEP = XF(0, 11),
	XF_CMOV = XF(0, 15), XF_CLFSH = XF(0, 19), XF_MMX = XF(0, 23), XF_FXSR = XF(0, 24),
	XF_SSE = XF(0, 25), XF_SSE2 = XF(0, 26),
	XF_SSE3 = XF(1, 0), XF_PCLMUL = XF(1, 1), XF_MONITOR = XF(1, 3), XF_SSSE3 = XF(1, 9),
	XF_FMA = XF(1, 12), XF_CX16 = XF(1, 13), XF_PCID = XF(1, 17), XF_SSE41 = XF(1, 19),
	XF_SSE42 = XF(1, 20), XF_X2APIC = XF(1, 21), XF_MOVBE = XF(1, 22), XF_POPCNT = XF(1, 23),
	XF_AES = XF(1, 25), XF_XSAVE = XF(1, 26), XF_AVX = XF(1, 28), XF_F16C = XF(1, 29),
	XF_RDRAND = XF(1, 30),
	XF_FSGSBASE = XF(2, 0), XF_BMI1 = XF(2, 3), XF_AVX2 = XF(2, 5), XF_SMEP = XF(2, 7),
	XF_BMI2 = XF(2, 8), XF_ERMS = XF(2, 9), XF_INVPCID = XF(2, 10), XF_RDSEED = XF(2, 18),
	XF_ADX = XF(2, 19), XF_SMAP = XF(2, 20), XF_CLFLUSHOPT = XF(2, 23), XF_CLWB = XF(2, 24),
	XF_SHA = XF(2, 29),
	XF_UMIP = XF(3, 2), XF_PKU = XF(3, 3), XF_RDPID = XF(3, 22),
	XF_SERIALIZE = XF(4, 14),
	XF_SYSCALL = XF(5, 11), XF_NX = XF(5, 20), XF_PDPE1GB = XF(5, 26), XF_RDTSCP = XF(5, 27),
	XF_LM = XF(5, 29),
	XF_LAHF = XF(6, 0), XF_ABM = XF(6, 5), XF_SSE4A = XF(6, 6), XF_PREFETCHW = XF(6, 8),
	XF_XSAVEOPT = XF(7, 0), XF_XSAVEC = XF(7, 1), XF_XSAVES = XF(7, 3),
};
/* clang-format on */
static inline bool x86_has(const struct x86_cpu *c, unsigned feat)
{
	return !feat || (c->features[(feat - 1) / 32] >> ((feat - 1) % 32) & 1);
}

/* ---- decoded instruction ---- */
struct xt;
struct xi_form;

enum x86_map { XM_1, XM_0F, XM_0F38, XM_0F3A };
enum { XR_NONE = 0xff, XR_RIP = 0x10, XR_MOFFS = 0x11 }; /* MOFFS: address in imm */

struct x86_insn {
	uint8_t len;
	uint8_t map, opcode;
	uint8_t pp; /* mandatory prefix: 0 none, 1 66, 2 F3, 3 F2 (the last of F2/F3 wins) */
	bool lock, rep, repne, p66, p67, vex;
	uint8_t rex;                 /* 0 or 0x4W..; VEX: made up from its bits */
	uint8_t vex_l, vvvv;         /* vvvv already inverted */
	uint8_t modrm, mod, reg, rm; /* reg, rm: extended by REX.R, REX.B */
	bool has_modrm, is_mem;
	uint8_t base, index,
		scale; /* memory operand: XR_NONE, 0..15, base also XR_RIP, XR_MOFFS */
	uint8_t seg;   /* effective segment of the memory operand (enum x86_sreg) */
	uint8_t seg_override;  /* XR_NONE or enum x86_sreg */
	uint8_t opsize, asize; /* bytes: 2 4 8 */
	int32_t disp;
	int64_t imm;   /* sign-extended as the form says; moffs too */
	uint32_t imm2; /* ENTER level, far pointer selector, VEX is4 */
	const struct xi_form *d;
};

enum { XD_MORE = 0, XD_UD = -1, XD_TOO_LONG = -2 };
/* Decodes for block key `key`. Length, XD_MORE (n is too short), XD_UD (out->len is the length
 * as far as known), XD_TOO_LONG (#GP). */
int x86_decode(const uint8_t *p, unsigned n, uint64_t key, struct x86_insn *out);
/* "add rax, [rbx+8]": for the log and test reports. */
void x86_disas(const struct x86_insn *i, uint64_t pc, char *buf, unsigned size);

/* ---- translation context ---- */
struct xt_slow;
struct xt {
	struct ir_unit *u;
	struct tcg_env *env;
	struct tcg_fetch *fetch;
	const struct x86_cpu *cpu; /* identification only: code is shared by key */
	uint64_t key;
	unsigned code;      /* XH_CODE16/32/64 */
	unsigned off, next; /* unit offsets of this and the following instruction */
	struct x86_insn i;
	bool end;  /* control flow has been emitted: the unit ends here */
	bool stop; /* end the unit after this instruction (exit_to next) */
	bool far;  /* the next exit must not become a direct jump */
	unsigned n_exits, n_branches;
	struct xt_slow *slow; /* deferred out-of-line paths */
	unsigned n_slow;
	struct ir_addr ea; /* the memory operand's address, computed once */
	bool ea_ok;
	bool more; /* the next instruction must be in this unit if possible (STI) */
};

/* For instruction functions. Integer type of 1, 2, 4, 8 bytes. */
enum ir_type xt_type(unsigned size);
/* Register read/write; size 1: without REX 4..7 are AH..BH. 4-byte writes clear the top. */
ir_val xt_gpr(struct xt *x, unsigned size, unsigned reg);
void xt_set_gpr(struct xt *x, unsigned size, unsigned reg, ir_val v);
/* The instruction's memory operand; `size` in bytes and `write` are for the segment limit
 * check only. */
struct ir_addr xt_mem(struct xt *x, unsigned size, bool write);
/* Linear address as a value (for helpers). */
ir_val xt_linear(struct xt *x, unsigned size, bool write);
ir_val xt_call(struct xt *x, enum x86_helper h, ir_val a, ir_val b, ir_val c, ir_val d);
/* translate.c: x86_tcg_guest.translate */
int x86_translate(struct ir_unit *u, struct tcg_fetch *f);
/* Emits an unconditional fault; ends the unit. */
void xt_raise(struct xt *x, enum x86_exc vec);
/* Leaves to the run loop after this instruction (key may have changed). */
void xt_exit_next(struct xt *x);
/* mem description of 1..32 bytes */
unsigned xt_msize(unsigned size);

/*
 * ---- simd side (simd-*.c): x87, MMX, SSE, AVX ----
 * Called with x->i complete (map, opcode, pp, vex, modrm...; lock already refused).
 * false: no such instruction, the caller emits #UD. CR0.TS/EM, OSFXSR, AVX checks are theirs.
 */
bool simd_translate(struct xt *x); /* maps 0F, 0F38, 0F3A, VEX */
bool simd_x87(struct xt *x);       /* D8..DF */
bool simd_fwait(struct xt *x);     /* 9B */

#endif
