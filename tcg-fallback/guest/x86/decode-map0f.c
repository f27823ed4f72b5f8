/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode-map0f.c - the 0F, 0F38, 0F3A and VEX opcode maps (SDM vol. 2D,
 * appendix A, tables ). SIMD rows only give the shape (ModRM, imm8): the
 * SIMD side has its own tables.
 *
 * Constant data.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/decode-map.h"

/* clang-format off */
#define P FL_PRIV
#define SIMD I("simd", simd, 0, FL_SIMD | FL_MODRM)
#define SIMD8 I("simd", simd, 0, FL_SIMD | FL_MODRM | FL_I8)
#define SIMD0 I("simd", simd, 0, FL_SIMD)
#define HINT I("nop", nop, 0, T, Ev)

static const struct xi_form xi_g6[8] = {
	I("sldt", sldt, 0, FL_PM, Ewv), I("str", sldt, 1, FL_PM, Ewv),
	I("lldt", lldt, 0, FL_PM | P, Ew), I("ltr", lldt, 1, FL_PM | P, Ew),
	I("verr", verr, 0, FL_PM, Ew), I("verw", verr, 1, FL_PM, Ew),
};

/* 0F 01 */
static const struct xi_form xi_g7_mem[8] = {
	I("sgdt", sgdt, 0, 0, Ms), I("sidt", sgdt, 1, 0, Ms),
	I("lgdt", lgdt, 0, P, Ms), I("lidt", lgdt, 1, P, Ms),
	I("smsw", smsw, 0, 0, Ewv), [6] = I("lmsw", lmsw, 0, P, Ew),
	I("invlpg", invlpg, 0, P, M),
};
static const struct xi_form xi_g7_0[8] = {
	[1] = I("vmcall", sys0, XHELP_hypercall, 0),
};
static const struct xi_form xi_g7_3[8] = {
	[1] = I("vmmcall", sys0, XHELP_hypercall, 0),
};
static const struct xi_form xi_g7_1[8] = {
	IX("monitor", monitor, 0, XF_MONITOR, P), IX("mwait", mwait, 0, XF_MONITOR, P),
	IX("clac", clac, 0, XF_SMAP, P), IX("stac", clac, 1, XF_SMAP, P),
};
static const struct xi_form xi_g7_2[8] = {
	IX("xgetbv", sys0, XHELP_xgetbv, XF_XSAVE, 0),
	IX("xsetbv", sys0, XHELP_xsetbv, XF_XSAVE, P),
};
static const struct xi_form xi_g7_5[8] = {
	[0] = IX("serialize", fence, 1, XF_SERIALIZE, 0),
	[6] = IX("rdpkru", sys0, XHELP_rdpkru, XF_PKU, 0),
	[7] = IX("wrpkru", sys0, XHELP_wrpkru, XF_PKU, 0),
};
static const struct xi_form xi_g7_7[8] = {
	I("swapgs", swapgs, 0, FL_O64 | P), IX("rdtscp", rdtsc, 1, XF_RDTSCP, 0),
};
static const struct xi_form xi_g7_reg[8] = {
	[0] = G(XK_RM, xi_g7_0), [1] = G(XK_RM, xi_g7_1), [2] = G(XK_RM, xi_g7_2),
	[3] = G(XK_RM, xi_g7_3), [4] = I("smsw", smsw, 0, 0, Ewv),
	[5] = G(XK_RM, xi_g7_5), [6] = I("lmsw", lmsw, 0, P, Ew), [7] = G(XK_RM, xi_g7_7),
};
static const struct xi_form xi_g7_memreg[2] = {
	{ .kind = XK_REG, .sub = xi_g7_mem }, { .kind = XK_REG, .sub = xi_g7_reg },
};

static const struct xi_form xi_g8[8] = {
	[4] = I("bt", bt, 0, T, Ev, Ib), I("bts", bt, 1, L | T, Ev, Ib),
	I("btr", bt, 2, L | T, Ev, Ib), I("btc", bt, 3, L | T, Ev, Ib),
};

/* 0F C7 */
static const struct xi_form xi_g9_mem[8] = {
	[1] = IX("cmpxchg8b", cmpxchg8b, 0, XF_CX8, L | T, M),
	[3] = IX("xrstors", xsave, 7, XF_XSAVES, P, M),
	[4] = IX("xsavec", xsave, 2, XF_XSAVEC, 0, M),
	[5] = IX("xsaves", xsave, 3, XF_XSAVES, P, M),
};
static const struct xi_form xi_g9_reg[8] = {
	[6] = IX("rdrand", rdrand, 0, XF_RDRAND, 0, Rv),
	[7] = IX("rdseed", rdrand, 1, XF_RDSEED, 0, Rv),
};
static const struct xi_form xi_g9_f3[8] = { [7] = IX("rdpid", rdpid, 0, XF_RDPID, 0, Rn) };
static const struct xi_form xi_g9_regp[4] = {
	G(XK_REG, xi_g9_reg), G(XK_REG, xi_g9_reg), G(XK_REG, xi_g9_f3), { 0 },
};
static const struct xi_form xi_g9[2] = { G(XK_REG, xi_g9_mem), G(XK_PP, xi_g9_regp) };

/* 0F AE */
static const struct xi_form xi_g15_mem[8] = {
	IX("fxsave", fxsave, 0, XF_FXSR, 0, M), IX("fxrstor", fxsave, 1, XF_FXSR, 0, M),
	IX("ldmxcsr", mxcsr, 0, XF_SSE, 0, Md), IX("stmxcsr", mxcsr, 1, XF_SSE, 0, Md),
	IX("xsave", xsave, 0, XF_XSAVE, 0, M), IX("xrstor", xsave, 4, XF_XSAVE, 0, M),
	IX("xsaveopt", xsave, 1, XF_XSAVEOPT, 0, M), IX("clflush", clflush, 0, XF_CLFSH, 0, Mb),
};
static const struct xi_form xi_g15_mem66[8] = {
	[6] = IX("clwb", clflush, 0, XF_CLWB, 0, Mb),
	[7] = IX("clflushopt", clflush, 0, XF_CLFLUSHOPT, 0, Mb),
};
static const struct xi_form xi_g15_memp[4] = {
	G(XK_REG, xi_g15_mem), G(XK_REG, xi_g15_mem66), { 0 }, { 0 },
};
static const struct xi_form xi_g15_reg[8] = {
	[5] = I("lfence", fence, 0, T | FL_MODRM), [6] = I("mfence", fence, 1, T | FL_MODRM),
	[7] = I("sfence", fence, 0, T | FL_MODRM),
};
static const struct xi_form xi_g15_regf3[8] = {
	IX("rdfsbase", rdfsbase, X86_FS, XF_FSGSBASE, FL_O64, Ry),
	IX("rdgsbase", rdfsbase, X86_GS, XF_FSGSBASE, FL_O64, Ry),
	IX("wrfsbase", wrfsbase, X86_FS, XF_FSGSBASE, FL_O64, Ry),
	IX("wrgsbase", wrfsbase, X86_GS, XF_FSGSBASE, FL_O64, Ry),
};
static const struct xi_form xi_g15_regp[4] = {
	G(XK_REG, xi_g15_reg), { 0 }, G(XK_REG, xi_g15_regf3), { 0 },
};
static const struct xi_form xi_g15[2] = { G(XK_PP, xi_g15_memp), G(XK_PP, xi_g15_regp) };

static const struct xi_form xi_pb8[4] = { [2] = IX("popcnt", popcnt, 0, XF_POPCNT, T, Gv, Ev) };
static const struct xi_form xi_pbc[4] = {
	I("bsf", bsf, 0, T, Gv, Ev), I("bsf", bsf, 0, T, Gv, Ev),
	I("tzcnt", tzcnt, 0, T, Gv, Ev), I("bsf", bsf, 0, T, Gv, Ev),
};
static const struct xi_form xi_pbd[4] = {
	I("bsr", bsr, 0, T, Gv, Ev), I("bsr", bsr, 0, T, Gv, Ev),
	I("lzcnt", lzcnt, 0, T, Gv, Ev), I("bsr", bsr, 0, T, Gv, Ev),
};
static const struct xi_form xi_pc3[4] = { IX("movnti", movnti, 0, XF_SSE2, T, My, Gy) };

#define R8(b, ...)                                                                       \
	[b] = __VA_ARGS__, [(b) + 1] = __VA_ARGS__, [(b) + 2] = __VA_ARGS__,             \
	[(b) + 3] = __VA_ARGS__, [(b) + 4] = __VA_ARGS__, [(b) + 5] = __VA_ARGS__,       \
	[(b) + 6] = __VA_ARGS__, [(b) + 7] = __VA_ARGS__
#define CC16(b, pre, f, ft, flg, ...)                                                    \
	[(b) + 0] = IX(pre "o", f, 0, ft, flg, __VA_ARGS__),                             \
	[(b) + 1] = IX(pre "no", f, 1, ft, flg, __VA_ARGS__),                            \
	[(b) + 2] = IX(pre "b", f, 2, ft, flg, __VA_ARGS__),                             \
	[(b) + 3] = IX(pre "ae", f, 3, ft, flg, __VA_ARGS__),                            \
	[(b) + 4] = IX(pre "e", f, 4, ft, flg, __VA_ARGS__),                             \
	[(b) + 5] = IX(pre "ne", f, 5, ft, flg, __VA_ARGS__),                            \
	[(b) + 6] = IX(pre "be", f, 6, ft, flg, __VA_ARGS__),                            \
	[(b) + 7] = IX(pre "a", f, 7, ft, flg, __VA_ARGS__),                             \
	[(b) + 8] = IX(pre "s", f, 8, ft, flg, __VA_ARGS__),                             \
	[(b) + 9] = IX(pre "ns", f, 9, ft, flg, __VA_ARGS__),                            \
	[(b) + 10] = IX(pre "p", f, 10, ft, flg, __VA_ARGS__),                           \
	[(b) + 11] = IX(pre "np", f, 11, ft, flg, __VA_ARGS__),                          \
	[(b) + 12] = IX(pre "l", f, 12, ft, flg, __VA_ARGS__),                           \
	[(b) + 13] = IX(pre "ge", f, 13, ft, flg, __VA_ARGS__),                          \
	[(b) + 14] = IX(pre "le", f, 14, ft, flg, __VA_ARGS__),                          \
	[(b) + 15] = IX(pre "g", f, 15, ft, flg, __VA_ARGS__)

const struct xi_form xi_map0f[256] = {
	[0x00] = G(XK_REG, xi_g6), [0x01] = G(XK_MOD, xi_g7_memreg),
	[0x02] = I("lar", lar, 0, FL_PM, Gv, Ew), [0x03] = I("lsl", lar, 1, FL_PM, Gv, Ew),
	[0x05] = I("syscall", syscall, 0, FL_JMP), [0x06] = I("clts", clts, 0, P),
	[0x07] = I("sysret", sysret, 0, FL_JMP | P),
	[0x08] = I("invd", sys0, XHELP_wbinvd, P), [0x09] = I("wbinvd", sys0, XHELP_wbinvd, P),
	[0x0b] = I("ud2", ud, 0, 0), [0x0d] = HINT,
	[0x10 ... 0x17] = SIMD,
	R8(0x18, HINT),
	[0x20] = I("mov", mov_cr, 0, P, Rn, Cn), [0x21] = I("mov", mov_dr, 0, P, Rn, Dn),
	[0x22] = I("mov", mov_to_cr, 0, P, Cn, Rn), [0x23] = I("mov", mov_to_dr, 0, P, Dn, Rn),
	[0x28 ... 0x2f] = SIMD,
	[0x30] = IX("wrmsr", sys0, XHELP_wrmsr, XF_MSR, P), [0x31] = IX("rdtsc", rdtsc, 0, XF_TSC, 0),
	[0x32] = IX("rdmsr", sys0, XHELP_rdmsr, XF_MSR, P), [0x33] = I("rdpmc", sys0, XHELP_rdpmc, 0),
	[0x34] = IX("sysenter", sysenter, 0, XF_SEP, FL_JMP),
	[0x35] = IX("sysexit", sysexit, 0, XF_SEP, FL_JMP | P),
	CC16(0x40, "cmov", cmov, XF_CMOV, T, Gv, Ev),
	[0x50 ... 0x6f] = SIMD, [0x70 ... 0x73] = SIMD8, [0x74 ... 0x76] = SIMD, [0x77] = SIMD0,
	[0x7c ... 0x7f] = SIMD,
	CC16(0x80, "j", jcc, 0, FL_F64 | FL_JMP | T, Jz),
	CC16(0x90, "set", setcc, 0, T, Eb),
	[0xa0] = I("push fs", push_sreg, X86_FS, FL_D64), [0xa1] = I("pop fs", pop_sreg, X86_FS, FL_D64),
	[0xa2] = I("cpuid", sys0, XHELP_cpuid, 0), [0xa3] = I("bt", bt, 0, T, Ev, Gv),
	[0xa4] = I("shld", shiftd, 0, T, Ev, Gv, Ib), [0xa5] = I("shld", shiftd, 0, T, Ev, Gv, CL),
	[0xa8] = I("push gs", push_sreg, X86_GS, FL_D64), [0xa9] = I("pop gs", pop_sreg, X86_GS, FL_D64),
	[0xab] = I("bts", bt, 1, L | T, Ev, Gv),
	[0xac] = I("shrd", shiftd, 1, T, Ev, Gv, Ib), [0xad] = I("shrd", shiftd, 1, T, Ev, Gv, CL),
	[0xae] = G(XK_MOD, xi_g15), [0xaf] = I("imul", imul2, 0, T, Gv, Ev),
	[0xb0] = I("cmpxchg", cmpxchg, 0, L | T, Eb, Gb), [0xb1] = I("cmpxchg", cmpxchg, 0, L | T, Ev, Gv),
	[0xb2] = I("lss", lseg, X86_SS, 0, Gv, Mp), [0xb3] = I("btr", bt, 2, L | T, Ev, Gv),
	[0xb4] = I("lfs", lseg, X86_FS, 0, Gv, Mp), [0xb5] = I("lgs", lseg, X86_GS, 0, Gv, Mp),
	[0xb6] = I("movzx", movzx, 0, T, Gv, Eb), [0xb7] = I("movzx", movzx, 0, T, Gv, Ew),
	[0xb8] = G(XK_PP, xi_pb8), [0xb9] = I("ud1", ud, 0, 0, Gv, Ev),
	[0xba] = G(XK_REG, xi_g8), [0xbb] = I("btc", bt, 3, L | T, Ev, Gv),
	[0xbc] = G(XK_PP, xi_pbc), [0xbd] = G(XK_PP, xi_pbd),
	[0xbe] = I("movsx", movsx, 0, T, Gv, Eb), [0xbf] = I("movsx", movsx, 0, T, Gv, Ew),
	[0xc0] = I("xadd", xadd, 0, L | T, Eb, Gb), [0xc1] = I("xadd", xadd, 0, L | T, Ev, Gv),
	[0xc2] = SIMD8, [0xc3] = G(XK_PP, xi_pc3), [0xc4 ... 0xc6] = SIMD8,
	[0xc7] = G(XK_MOD, xi_g9),
	R8(0xc8, I("bswap", bswap, 0, T, Zv)),
	[0xd0 ... 0xfe] = SIMD,
	[0xff] = I("ud0", ud, 0, 0, Gv, Ev),
};

static const struct xi_form xi_pf0[4] = {
	IX("movbe", movbe, 0, XF_MOVBE, T, Gv, Mv), IX("movbe", movbe, 0, XF_MOVBE, T, Gv, Mv),
	{ 0 }, IX("crc32", crc32, 0, XF_SSE42, T, Gy, Eb),
};
static const struct xi_form xi_pf1[4] = {
	IX("movbe", movbe, 1, XF_MOVBE, T, Mv, Gv), IX("movbe", movbe, 1, XF_MOVBE, T, Mv, Gv),
	{ 0 }, IX("crc32", crc32, 0, XF_SSE42, T, Gy, Ev),
};
static const struct xi_form xi_pf6[4] = {
	[1] = IX("adcx", adx, 0, XF_ADX, T, Gy, Ey), [2] = IX("adox", adx, 1, XF_ADX, T, Gy, Ey),
};
static const struct xi_form xi_p82[4] = { [1] = IX("invpcid", invpcid, 0, XF_INVPCID, P, Gn, Mo) };

const struct xi_form xi_map38[256] = {
	[0x00 ... 0x7f] = SIMD, [0x82] = G(XK_PP, xi_p82), [0x90 ... 0xef] = SIMD,
	[0xf0] = G(XK_PP, xi_pf0), [0xf1] = G(XK_PP, xi_pf1), [0xf6] = G(XK_PP, xi_pf6),
};
const struct xi_form xi_map3a[256] = { [0x00 ... 0xff] = SIMD8 };

const struct xi_form xi_vex0f[256] = {
	[0x10 ... 0x17] = SIMD, [0x28 ... 0x2f] = SIMD, [0x50 ... 0x6f] = SIMD,
	[0x70 ... 0x73] = SIMD8, [0x74 ... 0x76] = SIMD, [0x77] = SIMD0, [0x7c ... 0x7f] = SIMD,
	[0xae] = SIMD, [0xc2] = SIMD8, [0xc4 ... 0xc6] = SIMD8, [0xd0 ... 0xfe] = SIMD,
};

static const struct xi_form xi_vf2[4] = { IX("andn", andn, 0, XF_BMI1, T, Gy, By, Ey) };
static const struct xi_form xi_g17[8] = {
	[1] = IX("blsr", bls, 1, XF_BMI1, T, By, Ey), [2] = IX("blsmsk", bls, 2, XF_BMI1, T, By, Ey),
	[3] = IX("blsi", bls, 3, XF_BMI1, T, By, Ey),
};
static const struct xi_form xi_vf3[4] = { G(XK_REG, xi_g17) };
static const struct xi_form xi_vf5[4] = {
	[0] = IX("bzhi", bzhi, 0, XF_BMI2, T, Gy, Ey, By), [2] = IX("pext", pext, 0, XF_BMI2, T, Gy, By, Ey),
	[3] = IX("pdep", pdep, 0, XF_BMI2, T, Gy, By, Ey),
};
static const struct xi_form xi_vf6[4] = { [3] = IX("mulx", mulx, 0, XF_BMI2, T, Gy, By, Ey) };
static const struct xi_form xi_vf7[4] = {
	IX("bextr", bextr, 0, XF_BMI1, T, Gy, Ey, By), IX("shlx", shiftx, XA_SHL, XF_BMI2, T, Gy, Ey, By),
	IX("sarx", shiftx, XA_SAR, XF_BMI2, T, Gy, Ey, By), IX("shrx", shiftx, XA_SHR, XF_BMI2, T, Gy, Ey, By),
};
static const struct xi_form xi_v3af0[4] = { [3] = IX("rorx", rorx, 0, XF_BMI2, T, Gy, Ey, Ib) };

const struct xi_form xi_vex38[256] = {
	[0x00 ... 0xf1] = SIMD,
	[0xf2] = G(XK_PP, xi_vf2), [0xf3] = G(XK_PP, xi_vf3), [0xf5] = G(XK_PP, xi_vf5),
	[0xf6] = G(XK_PP, xi_vf6), [0xf7] = G(XK_PP, xi_vf7),
};
const struct xi_form xi_vex3a[256] = {
	[0x00 ... 0xef] = SIMD8, [0xf0] = G(XK_PP, xi_v3af0), [0xf1 ... 0xff] = SIMD8,
};
