/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode-map1.c - the one-byte opcode map (SDM vol. 2D, appendix A, tables ).
 *
 * Constant data.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/decode-map.h"

/* clang-format off */

#define ALU8(n, a, l, d, s, extra) I(n, alu, a, (l) | T | (extra), d, s)
#define GRP1(tab, d, s, extra)                                                           \
	static const struct xi_form tab[8] = {                                           \
		ALU8("add", XA_ADD, L, d, s, extra), ALU8("or", XA_OR, L, d, s, extra),  \
		ALU8("adc", XA_ADC, L, d, s, extra), ALU8("sbb", XA_SBB, L, d, s, extra), \
		ALU8("and", XA_AND, L, d, s, extra), ALU8("sub", XA_SUB, L, d, s, extra), \
		ALU8("xor", XA_XOR, L, d, s, extra), ALU8("cmp", XA_CMP, 0, d, s, extra), \
	}
GRP1(xi_g80, Eb, Ib, 0);
GRP1(xi_g81, Ev, Iz, 0);
GRP1(xi_g82, Eb, Ib, FL_NO64);
GRP1(xi_g83, Ev, sIb, 0);

#define GRP2(tab, d, s)                                                                  \
	static const struct xi_form tab[8] = {                                           \
		I("rol", shift, XA_ROL, T, d, s), I("ror", shift, XA_ROR, T, d, s),      \
		I("rcl", shift, XA_RCL, T, d, s), I("rcr", shift, XA_RCR, T, d, s),      \
		I("shl", shift, XA_SHL, T, d, s), I("shr", shift, XA_SHR, T, d, s),      \
		I("shl", shift, XA_SHL, T, d, s), I("sar", shift, XA_SAR, T, d, s),      \
	}
GRP2(xi_gc0, Eb, Ib);
GRP2(xi_gc1, Ev, Ib);
GRP2(xi_gd0, Eb, ONE);
GRP2(xi_gd1, Ev, ONE);
GRP2(xi_gd2, Eb, CL);
GRP2(xi_gd3, Ev, CL);

#define GRP3(tab, d, s)                                                                  \
	static const struct xi_form tab[8] = {                                           \
		I("test", test, 0, T, d, s),   I("test", test, 0, T, d, s),              \
		I("not", not, 0, L | T, d),    I("neg", neg, 0, L | T, d),               \
		I("mul", mul, 0, T, d),	       I("imul", imul1, 0, T, d),                \
		I("div", div, 0, T, d),	       I("idiv", div, 1, T, d),                  \
	}
GRP3(xi_gf6, Eb, Ib);
GRP3(xi_gf7, Ev, Iz);

static const struct xi_form xi_gfe[8] = {
	I("inc", incdec, 0, L | T, Eb), I("dec", incdec, 1, L | T, Eb),
};
static const struct xi_form xi_gff[8] = {
	I("inc", incdec, 0, L | T, Ev),
	I("dec", incdec, 1, L | T, Ev),
	I("call", call_ind, 0, FL_F64 | FL_JMP, Ev),
	I("call far", call_far_m, 0, FL_JMP | FL_FAR, Mp),
	I("jmp", jmp_ind, 0, FL_F64 | FL_JMP, Ev),
	I("jmp far", jmp_far_m, 0, FL_JMP | FL_FAR, Mp),
	I("push", push, 0, FL_D64 | T, Ev),
};
static const struct xi_form xi_g8f[8] = { I("pop", pop, 0, FL_D64 | T, Ev) };
static const struct xi_form xi_gc6[8] = { I("mov", movimm, 0, T, Eb, Ib) };
static const struct xi_form xi_gc7[8] = { I("mov", movimm, 0, T, Ev, Iz) };
static const struct xi_form xi_m63[2] = {
	I("arpl", arpl, 0, FL_PM | T, Ew, Gw),
	I("movsxd", movsx, 0, T, Gv, Ed),
};
static const struct xi_form xi_p90[4] = {
	I("xchg", xchg, 0, T, Zv, rAX), I("xchg", xchg, 0, T, Zv, rAX),
	I("pause", pause, 0, T), I("xchg", xchg, 0, T, Zv, rAX),
};

#define ALU(b, n, a, l)                                                                  \
	[b] = I(n, alu, a, (l) | T, Eb, Gb), [(b) + 1] = I(n, alu, a, (l) | T, Ev, Gv),  \
	[(b) + 2] = I(n, alu, a, T, Gb, Eb), [(b) + 3] = I(n, alu, a, T, Gv, Ev),        \
	[(b) + 4] = I(n, alu, a, T, AL, Ib), [(b) + 5] = I(n, alu, a, T, rAX, Iz)
#define R8(b, ...)                                                                       \
	[b] = __VA_ARGS__, [(b) + 1] = __VA_ARGS__, [(b) + 2] = __VA_ARGS__,             \
	[(b) + 3] = __VA_ARGS__, [(b) + 4] = __VA_ARGS__, [(b) + 5] = __VA_ARGS__,       \
	[(b) + 6] = __VA_ARGS__, [(b) + 7] = __VA_ARGS__
#define JCC(b, c, n) [(b) + (c)] = I(n, jcc, c, FL_F64 | FL_JMP | T, Jb)
#define SEG(op1, op2, s, n)                                                              \
	[op1] = I("push " n, push_sreg, s, FL_NO64), [op2] = I("pop " n, pop_sreg, s, FL_NO64)
#define STR (FL_STR | T)

const struct xi_form xi_map1[256] = {
	ALU(0x00, "add", XA_ADD, L), ALU(0x08, "or", XA_OR, L),
	ALU(0x10, "adc", XA_ADC, L), ALU(0x18, "sbb", XA_SBB, L),
	ALU(0x20, "and", XA_AND, L), ALU(0x28, "sub", XA_SUB, L),
	ALU(0x30, "xor", XA_XOR, L), ALU(0x38, "cmp", XA_CMP, 0),
	SEG(0x06, 0x07, X86_ES, "es"),
	[0x0e] = I("push cs", push_sreg, X86_CS, FL_NO64),
	SEG(0x16, 0x17, X86_SS, "ss"),
	SEG(0x1e, 0x1f, X86_DS, "ds"),
	[0x27] = I("daa", bcd, XA_DAA, FL_NO64 | T),
	[0x2f] = I("das", bcd, XA_DAS, FL_NO64 | T),
	[0x37] = I("aaa", bcd, XA_AAA, FL_NO64 | T),
	[0x3f] = I("aas", bcd, XA_AAS, FL_NO64 | T),
	R8(0x40, I("inc", incdec, 0, FL_NO64 | T, Zv)),
	R8(0x48, I("dec", incdec, 1, FL_NO64 | T, Zv)),
	R8(0x50, I("push", push, 0, FL_D64 | T, Zv)),
	R8(0x58, I("pop", pop, 0, FL_D64 | T, Zv)),
	[0x60] = I("pusha", pusha, 0, FL_NO64 | T),
	[0x61] = I("popa", popa, 0, FL_NO64 | T),
	[0x62] = I("bound", bound, 0, FL_NO64, Gv, Ma),
	[0x63] = G(XK_64, xi_m63),
	[0x68] = I("push", push_imm, 0, FL_D64 | T, Iz),
	[0x69] = I("imul", imul3, 0, T, Gv, Ev, Iz),
	[0x6a] = I("push", push_imm, 0, FL_D64 | T, sIb),
	[0x6b] = I("imul", imul3, 0, T, Gv, Ev, sIb),
	[0x6c] = I("ins", ins, 0, FL_STR, Yb, DX),
	[0x6d] = I("ins", ins, 0, FL_STR, Yz, DX),
	[0x6e] = I("outs", outs, 0, FL_STR, DX, Xb),
	[0x6f] = I("outs", outs, 0, FL_STR, DX, Xz),
	JCC(0x70, 0, "jo"), JCC(0x70, 1, "jno"), JCC(0x70, 2, "jb"), JCC(0x70, 3, "jae"),
	JCC(0x70, 4, "je"), JCC(0x70, 5, "jne"), JCC(0x70, 6, "jbe"), JCC(0x70, 7, "ja"),
	JCC(0x70, 8, "js"), JCC(0x70, 9, "jns"), JCC(0x70, 10, "jp"), JCC(0x70, 11, "jnp"),
	JCC(0x70, 12, "jl"), JCC(0x70, 13, "jge"), JCC(0x70, 14, "jle"), JCC(0x70, 15, "jg"),
	[0x80] = G(XK_REG, xi_g80), [0x81] = G(XK_REG, xi_g81),
	[0x82] = G(XK_REG, xi_g82), [0x83] = G(XK_REG, xi_g83),
	[0x84] = I("test", test, 0, T, Eb, Gb), [0x85] = I("test", test, 0, T, Ev, Gv),
	[0x86] = I("xchg", xchg, 0, L | T, Eb, Gb), [0x87] = I("xchg", xchg, 0, L | T, Ev, Gv),
	[0x88] = I("mov", mov, 0, T, Eb, Gb), [0x89] = I("mov", mov, 0, T, Ev, Gv),
	[0x8a] = I("mov", mov, 0, T, Gb, Eb), [0x8b] = I("mov", mov, 0, T, Gv, Ev),
	[0x8c] = I("mov", mov_from_sreg, 0, 0, Ewv, Sw),
	[0x8d] = I("lea", lea, 0, T, Gv, M),
	[0x8e] = I("mov", mov_sreg, 0, 0, Sw, Ew),
	[0x8f] = G(XK_REG, xi_g8f),
	[0x90] = G(XK_PP, xi_p90),
	[0x91] = I("xchg", xchg, 0, T, Zv, rAX), [0x92] = I("xchg", xchg, 0, T, Zv, rAX),
	[0x93] = I("xchg", xchg, 0, T, Zv, rAX), [0x94] = I("xchg", xchg, 0, T, Zv, rAX),
	[0x95] = I("xchg", xchg, 0, T, Zv, rAX), [0x96] = I("xchg", xchg, 0, T, Zv, rAX),
	[0x97] = I("xchg", xchg, 0, T, Zv, rAX),
	[0x98] = I("cbw", cbw, 0, T), [0x99] = I("cwd", cwd, 0, T),
	[0x9a] = I("call far", call_far, 0, FL_NO64 | FL_JMP | FL_FAR, Ap),
	[0x9b] = I("fwait", fwait, 0, FL_SIMD),
	[0x9c] = I("pushf", pushf, 0, FL_D64), [0x9d] = I("popf", popf, 0, FL_D64),
	[0x9e] = I("sahf", sahf, 0, T), [0x9f] = I("lahf", lahf, 0, T),
	[0xa0] = I("mov", mov, 0, T, AL, Ob), [0xa1] = I("mov", mov, 0, T, rAX, Ov),
	[0xa2] = I("mov", mov, 0, T, Ob, AL), [0xa3] = I("mov", mov, 0, T, Ov, rAX),
	[0xa4] = I("movs", movs, 0, STR, Yb, Xb), [0xa5] = I("movs", movs, 0, STR, Yv, Xv),
	[0xa6] = I("cmps", cmps, 0, STR, Xb, Yb), [0xa7] = I("cmps", cmps, 0, STR, Xv, Yv),
	[0xa8] = I("test", test, 0, T, AL, Ib), [0xa9] = I("test", test, 0, T, rAX, Iz),
	[0xaa] = I("stos", stos, 0, STR, Yb, AL), [0xab] = I("stos", stos, 0, STR, Yv, rAX),
	[0xac] = I("lods", lods, 0, STR, AL, Xb), [0xad] = I("lods", lods, 0, STR, rAX, Xv),
	[0xae] = I("scas", scas, 0, STR, AL, Yb), [0xaf] = I("scas", scas, 0, STR, rAX, Yv),
	R8(0xb0, I("mov", movimm, 0, T, Zb, Ib)),
	R8(0xb8, I("mov", movimm, 0, T, Zv, Iv)),
	[0xc0] = G(XK_REG, xi_gc0), [0xc1] = G(XK_REG, xi_gc1),
	[0xc2] = I("ret", ret, 0, FL_F64 | FL_JMP, Iw), [0xc3] = I("ret", ret, 0, FL_F64 | FL_JMP),
	[0xc4] = I("les", lseg, X86_ES, FL_NO64, Gv, Mp),
	[0xc5] = I("lds", lseg, X86_DS, FL_NO64, Gv, Mp),
	[0xc6] = G(XK_REG, xi_gc6), [0xc7] = G(XK_REG, xi_gc7),
	[0xc8] = I("enter", enter, 0, FL_D64 | T, IwIb),
	[0xc9] = I("leave", leave, 0, FL_D64 | T),
	[0xca] = I("retf", ret_far, 0, FL_JMP | FL_FAR, Iw),
	[0xcb] = I("retf", ret_far, 0, FL_JMP | FL_FAR),
	[0xcc] = I("int3", int3, 0, FL_JMP), [0xcd] = I("int", int, 0, FL_JMP, Ib),
	[0xce] = I("into", into, 0, FL_NO64), [0xcf] = I("iret", iret, 0, FL_JMP),
	[0xd0] = G(XK_REG, xi_gd0), [0xd1] = G(XK_REG, xi_gd1),
	[0xd2] = G(XK_REG, xi_gd2), [0xd3] = G(XK_REG, xi_gd3),
	[0xd4] = I("aam", aam, 0, FL_NO64 | T, Ib), [0xd5] = I("aad", aad, 0, FL_NO64 | T, Ib),
	[0xd6] = I("salc", salc, 0, FL_NO64 | T), [0xd7] = I("xlat", xlat, 0, T),
	R8(0xd8, I("x87", x87, 0, FL_SIMD | FL_MODRM)),
	[0xe0] = I("loopne", loop, 0, FL_F64 | FL_JMP | T, Jb),
	[0xe1] = I("loope", loop, 1, FL_F64 | FL_JMP | T, Jb),
	[0xe2] = I("loop", loop, 2, FL_F64 | FL_JMP | T, Jb),
	[0xe3] = I("jcxz", jcxz, 0, FL_F64 | FL_JMP | T, Jb),
	[0xe4] = I("in", in, 0, 0, AL, Ib), [0xe5] = I("in", in, 0, 0, rAX, Ib),
	[0xe6] = I("out", out, 0, 0, Ib, AL), [0xe7] = I("out", out, 0, 0, Ib, rAX),
	[0xe8] = I("call", call, 0, FL_F64 | FL_JMP | T, Jz),
	[0xe9] = I("jmp", jmp, 0, FL_F64 | FL_JMP | T, Jz),
	[0xea] = I("jmp far", jmp_far, 0, FL_NO64 | FL_JMP | FL_FAR, Ap),
	[0xeb] = I("jmp", jmp, 0, FL_F64 | FL_JMP | T, Jb),
	[0xec] = I("in", in, 0, 0, AL, DX), [0xed] = I("in", in, 0, 0, rAX, DX),
	[0xee] = I("out", out, 0, 0, DX, AL), [0xef] = I("out", out, 0, 0, DX, rAX),
	[0xf1] = I("int1", int1, 0, FL_JMP), [0xf4] = I("hlt", hlt, 0, FL_PRIV | FL_JMP),
	[0xf5] = I("cmc", flagop, 0xf5, T), [0xf6] = G(XK_REG, xi_gf6), [0xf7] = G(XK_REG, xi_gf7),
	[0xf8] = I("clc", flagop, 0xf8, T), [0xf9] = I("stc", flagop, 0xf9, T),
	[0xfa] = I("cli", cli, 0, 0), [0xfb] = I("sti", sti, 0, 0),
	[0xfc] = I("cld", flagop, 0xfc, T), [0xfd] = I("std", flagop, 0xfd, T),
	[0xfe] = G(XK_REG, xi_gfe), [0xff] = G(XK_REG, xi_gff),
};
