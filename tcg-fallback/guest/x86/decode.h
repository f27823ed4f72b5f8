/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.h - the instruction tables' format, shared by decoder, disassembly text,
 * translation and the random-instruction tests. Operand codes are those of SDM
 * vol. 2, appendix A.
 *
 * Threads: constant data.
 */
#ifndef LODGE_TCG_X86_DECODE_H
#define LODGE_TCG_X86_DECODE_H

#include "tcg-fallback/guest/x86/x86-guest.h"

/* Operand codes. ORDER: xi_operands[] in decode.c. */
/* clang-format off */
enum xi_operand {
	O_NONE,
	/* ModRM r/m: register or memory */
	Eb, Ew, Ed, Eq, Ev, Ey, /* y: 4, or 8 with REX.W */
	Ewv,			/* MOV/SLDT/STR/SMSW: register of opsize, memory word */
	/* ModRM r/m: memory only */
	M, Mb, Mw, Md, Mq, Mo, Mv, My, Mp, Ma, Ms, /* Mp sel:opsize, Ma BOUND pair, Ms 6/10 bytes */
	/* ModRM r/m: register only */
	Rv, Ry, Rn,		/* n: 4, or 8 in 64-bit mode */
	/* ModRM reg */
	Gb, Gw, Gd, Gv, Gy, Gn, Sw, Cn, Dn,
	/* VEX.vvvv */
	By,
	/* opcode bits */
	Zb, Zv,
	/* fixed registers */
	AL, rAX, CL, DX, ONE,
	/* immediates */
	Ib, sIb, Iw, Iz, Iv, Jb, Jz, Ap, IwIb,
	/* absolute offset */
	Ob, Ov,
	/* string operands */
	Xb, Xv, Xz, Yb, Yv, Yz,
	O_N
};
/* clang-format on */

/* How to reach the form. */
/* clang-format off */
enum xi_kind { XK_FORM, XK_REG, XK_PP, XK_MOD, XK_RM, XK_64 }; /* XK_64: [0] legacy, [1] 64-bit */
/* clang-format on */

enum xi_flags {
	FL_LOCK = 1 << 0, /* LOCK is legal with a memory destination */
	FL_NO64 = 1 << 1,
	FL_O64 = 1 << 2,   /* 64-bit mode only */
	FL_D64 = 1 << 3,   /* operand size defaults to 64 in 64-bit mode */
	FL_F64 = 1 << 4,   /* operand size is 64 in 64-bit mode */
	FL_PRIV = 1 << 5,  /* #GP unless CPL 0 */
	FL_PM = 1 << 6,    /* #UD in real and VM86 mode */
	FL_MODRM = 1 << 7, /* has ModRM though no operand says so */
	FL_I8 = 1 << 8,    /* has an imm8 though no operand says so */
	FL_T = 1 << 9,     /* may be executed natively by the tests */
	FL_JMP = 1 << 10,  /* control transfer */
	FL_STR = 1 << 11,  /* string instruction */
	FL_SIMD = 1 << 12,
	FL_FAR = 1 << 13,
};

struct xi_form {
	const char *name;
	void (*fn)(struct xt *x);
	const struct xi_form *sub; /* kinds other than XK_FORM */
	uint8_t kind, arg;
	uint8_t op[3];
	uint16_t feat; /* enum x86_feat: #UD without */
	uint32_t fl;
};

extern const struct xi_form xi_map1[256], xi_map0f[256], xi_map38[256], xi_map3a[256];
extern const struct xi_form xi_vex0f[256], xi_vex38[256], xi_vex3a[256];

/* Classes of operands. */
enum xi_class {
	XC_NONE,
	XC_RM,
	XC_MEM,
	XC_RMREG,
	XC_REG,
	XC_SREG,
	XC_CR,
	XC_DR,
	XC_VVVV,
	XC_OPREG,
	XC_FIXED,
	XC_IMM,
	XC_REL,
	XC_FAR,
	XC_MOFFS,
	XC_SRC,
	XC_DST
};
struct xi_opinfo {
	uint8_t cls;
	uint8_t size; /* bytes, or XSZ_* */
	uint8_t imm;  /* bytes of immediate, or XSZ_* */
};
enum { XSZ_V = 64, XSZ_Y, XSZ_Z, XSZ_N, XSZ_A, XSZ_P, XSZ_2V };
extern const struct xi_opinfo xi_operands[O_N];
/* Bytes of operand n of a decoded instruction. */
unsigned xi_size(const struct x86_insn *i, unsigned n, uint64_t key);

/* enum for FORM.arg of several families */
enum xi_alu { XA_ADD, XA_OR, XA_ADC, XA_SBB, XA_AND, XA_SUB, XA_XOR, XA_CMP, XA_TEST };
enum xi_shift { XA_ROL, XA_ROR, XA_RCL, XA_RCR, XA_SHL, XA_SHR, XA_SAL, XA_SAR };
enum xi_bcd { XA_DAA, XA_DAS, XA_AAA, XA_AAS };

#endif
