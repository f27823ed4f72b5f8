/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode-text.c - a decoded instruction as text, in Intel syntax, from the same
 * tables. For logs and test reports: of SIMD forms the moves have names (they are what
 * meets device memory), the others only show their opcode.
 *
 * Pure functions; any thread.
 */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tcg-fallback/guest/x86/decode.h"

struct xd_text {
	char *buf;
	unsigned size, at;
};

static void __printf(2, 3) xd_put(struct xd_text *t, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(t->buf + t->at, t->size - t->at, fmt, ap);
	va_end(ap);
	if (n > 0) {
		t->at = MIN(t->at + (unsigned)n, t->size - 1);
	}
}

static void xd_reg(struct xd_text *t, const struct x86_insn *i, unsigned size,
                   unsigned r)
{
	static const char *const n16[8] = { "ax", "cx", "dx", "bx",
		                            "sp", "bp", "si", "di" };
	static const char *const n8[8] = { "al",  "cl",  "dl",  "bl",
		                           "spl", "bpl", "sil", "dil" };
	static const char *const h8[4] = { "ah", "ch", "dh", "bh" };

	if (size == 1) {
		if (r >= 8) {
			xd_put(t, "r%ub", r);
		} else if (r >= 4 && !i->rex) {
			xd_put(t, "%s", h8[r - 4]);
		} else {
			xd_put(t, "%s", n8[r]);
		}
	} else if (r >= 8) {
		xd_put(t, "r%u%s", r, size == 2 ? "w" : size == 4 ? "d" : "");
	} else {
		xd_put(t, "%s%s", size == 4 ? "e" : size == 8 ? "r" : "", n16[r]);
	}
}

static void xd_mem(struct xd_text *t, const struct x86_insn *i, unsigned size)
{
	static const char *const seg[6] = { "es", "cs", "ss", "ds", "fs", "gs" };
	struct x86_insn rex = { .rex = 0x40 };
	const char *plus = "";

	xd_put(t, "%s",
	       size == 1   ? "byte "
	       : size == 2 ? "word "
	       : size == 4 ? "dword "
	       : size == 8 ? "qword "
	                   : "");
	if (i->seg_override != XR_NONE) {
		xd_put(t, "%s:", seg[i->seg_override]);
	}
	xd_put(t, "[");
	if (i->base == XR_MOFFS) {
		xd_put(t, "0x%" PRIx64 "]", (uint64_t)i->imm);
		return;
	}
	if (i->base == XR_RIP) {
		xd_put(t, "rip");
		plus = "+";
	} else if (i->base != XR_NONE) {
		xd_reg(t, &rex, i->asize, i->base);
		plus = "+";
	}
	if (i->index != XR_NONE) {
		xd_put(t, "%s", plus);
		xd_reg(t, &rex, i->asize, i->index);
		xd_put(t, "*%u", 1u << i->scale);
		plus = "+";
	}
	if (i->disp || !*plus) {
		xd_put(t, "%s0x%x", i->disp < 0 ? "-" : plus,
		       i->disp < 0 ? 0u - (uint32_t)i->disp : (uint32_t)i->disp);
	}
	xd_put(t, "]");
}

static void xd_operand(struct xd_text *t, const struct x86_insn *i, unsigned n,
                       uint64_t pc)
{
	unsigned op = i->d->op[n], size;
	uint64_t key = i->asize == 8 || i->opsize == 8 ? XH_CODE64 : XH_CODE32;

	size = xi_size(i, n, key);
	switch (xi_operands[op].cls) {
	case XC_RM:
	case XC_MEM:
		if (i->is_mem) {
			xd_mem(t, i, size);
			return;
		}
		/* fall through */
	case XC_RMREG: xd_reg(t, i, size, i->rm); break;
	case XC_REG: xd_reg(t, i, size, i->reg); break;
	case XC_SREG: xd_put(t, "%cs", "ecsdfg??"[i->reg & 7]); break;
	case XC_CR: xd_put(t, "cr%u", i->reg); break;
	case XC_DR: xd_put(t, "dr%u", i->reg); break;
	case XC_VVVV: xd_reg(t, i, size, i->vvvv); break;
	case XC_OPREG:
		xd_reg(t, i, size, (i->opcode & 7) | (i->rex & 1 ? 8 : 0));
		break;
	case XC_FIXED:
		if (op == ONE) {
			xd_put(t, "1");
		} else {
			xd_reg(t, i, size,
			       op == CL   ? X86_RCX
			       : op == DX ? X86_RDX
			                  : X86_RAX);
		}
		break;
	case XC_IMM: xd_put(t, "0x%" PRIx64, (uint64_t)i->imm); break;
	case XC_REL: xd_put(t, "0x%" PRIx64, pc + i->len + (uint64_t)i->imm); break;
	case XC_FAR: xd_put(t, "0x%x:0x%" PRIx64, i->imm2, (uint64_t)i->imm); break;
	case XC_MOFFS: xd_mem(t, i, size); break;
	case XC_SRC: xd_put(t, "[rsi]"); break;
	case XC_DST: xd_put(t, "[rdi]"); break;
	default: break;
	}
}

/* Moves of map 0F by mandatory prefix: none, 66, F3, F2. */
static const struct {
	uint8_t opcode;
	const char *name[4];
} xd_moves[] = {
	{ 0x10, { "movups", "movupd", "movss", "movsd" } },
	{ 0x11, { "movups", "movupd", "movss", "movsd" } },
	{ 0x12, { "movlps", "movlpd", "movsldup", "movddup" } },
	{ 0x13, { "movlps", "movlpd" } },
	{ 0x16, { "movhps", "movhpd", "movshdup" } },
	{ 0x17, { "movhps", "movhpd" } },
	{ 0x28, { "movaps", "movapd" } },
	{ 0x29, { "movaps", "movapd" } },
	{ 0x2b, { "movntps", "movntpd" } },
	{ 0x6e, { "movd", "movd" } },
	{ 0x6f, { "movq", "movdqa", "movdqu" } },
	{ 0x7e, { "movd", "movd", "movq" } },
	{ 0x7f, { "movq", "movdqa", "movdqu" } },
	{ 0xd6, { NULL, "movq", "movq2dq", "movdq2q" } },
	{ 0xe7, { "movntq", "movntdq" } },
	{ 0xef, { "pxor", "pxor" } },
	{ 0xf0, { NULL, NULL, NULL, "lddqu" } },
};

static void xd_simd(struct xd_text *t, const struct x86_insn *i)
{
	static const char *const map[] = { "", "0f ", "0f38 ", "0f3a " };
	const char *name = NULL;

	for (unsigned k = 0; i->map == 1 && k < ARRAY_LEN(xd_moves); k++) {
		if (xd_moves[k].opcode == i->opcode) {
			name = xd_moves[k].name[i->pp & 3];
		}
	}
	if (!name) {
		xd_put(t, "%s %s%s%02x pp=%u", i->d->name, i->vex ? "vex " : "",
		       map[i->map & 3], i->opcode, i->pp);
		return;
	}
	xd_put(t, "%s%s", i->vex ? "v" : "", name);
	if (i->is_mem) {
		xd_put(t, " ");
		xd_mem(t, i, 0);
	}
}

/* One row of the tables has two names. */
static const char *xd_name(const struct x86_insn *i)
{
	return (i->rex & 8) && !strcmp(i->d->name, "cmpxchg8b") ? "cmpxchg16b"
	                                                        : i->d->name;
}

void x86_disas(const struct x86_insn *i, uint64_t pc, char *buf, unsigned size)
{
	struct xd_text t = { .buf = buf, .size = size };

	if (!i->d) {
		xd_put(&t, "(bad)");
		return;
	}
	if (i->d->fl & FL_SIMD) {
		xd_simd(&t, i);
		return;
	}
	xd_put(&t, "%s%s%s", i->lock ? "lock " : "",
	       i->rep     ? "rep "
	       : i->repne ? "repne "
	                  : "",
	       xd_name(i));
	for (unsigned n = 0; n < 3 && i->d->op[n]; n++) {
		xd_put(&t, "%s", n ? ", " : " ");
		xd_operand(&t, i, n, pc);
	}
}
