/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * decode.c - x86 instruction bytes to struct x86_insn, by the tables of
 * decode-map*.c.
 *
 * Models: SDM vol. 2A chapter 2 (prefixes, REX, VEX, ModRM, SIB), 64-, 32- and
 * 16-bit code. EVEX and XOP are not known (#UD).
 *
 * Pure functions of their arguments; any thread. The bytes are hostile.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/decode.h"

#include <string.h>

/* ORDER: enum xi_operand */
const struct xi_opinfo xi_operands[O_N] = {
	[O_NONE] = { XC_NONE, 0, 0 },    [Eb] = { XC_RM, 1, 0 },
	[Ew] = { XC_RM, 2, 0 },          [Ed] = { XC_RM, 4, 0 },
	[Eq] = { XC_RM, 8, 0 },          [Ev] = { XC_RM, XSZ_V, 0 },
	[Ey] = { XC_RM, XSZ_Y, 0 },      [Ewv] = { XC_RM, XSZ_V, 0 },
	[M] = { XC_MEM, 0, 0 },          [Mb] = { XC_MEM, 1, 0 },
	[Mw] = { XC_MEM, 2, 0 },         [Md] = { XC_MEM, 4, 0 },
	[Mq] = { XC_MEM, 8, 0 },         [Mo] = { XC_MEM, 16, 0 },
	[Mv] = { XC_MEM, XSZ_V, 0 },     [My] = { XC_MEM, XSZ_Y, 0 },
	[Mp] = { XC_MEM, XSZ_P, 0 },     [Ma] = { XC_MEM, XSZ_2V, 0 },
	[Ms] = { XC_MEM, XSZ_A, 0 },     [Rv] = { XC_RMREG, XSZ_V, 0 },
	[Ry] = { XC_RMREG, XSZ_Y, 0 },   [Rn] = { XC_RMREG, XSZ_N, 0 },
	[Gb] = { XC_REG, 1, 0 },         [Gw] = { XC_REG, 2, 0 },
	[Gd] = { XC_REG, 4, 0 },         [Gv] = { XC_REG, XSZ_V, 0 },
	[Gy] = { XC_REG, XSZ_Y, 0 },     [Gn] = { XC_REG, XSZ_N, 0 },
	[Sw] = { XC_SREG, 2, 0 },        [Cn] = { XC_CR, XSZ_N, 0 },
	[Dn] = { XC_DR, XSZ_N, 0 },      [By] = { XC_VVVV, XSZ_Y, 0 },
	[Zb] = { XC_OPREG, 1, 0 },       [Zv] = { XC_OPREG, XSZ_V, 0 },
	[AL] = { XC_FIXED, 1, 0 },       [rAX] = { XC_FIXED, XSZ_V, 0 },
	[CL] = { XC_FIXED, 1, 0 },       [DX] = { XC_FIXED, 2, 0 },
	[ONE] = { XC_FIXED, 1, 0 },      [Ib] = { XC_IMM, 1, 1 },
	[sIb] = { XC_IMM, XSZ_V, 1 },    [Iw] = { XC_IMM, 2, 2 },
	[Iz] = { XC_IMM, XSZ_V, XSZ_Z }, [Iv] = { XC_IMM, XSZ_V, XSZ_V },
	[Jb] = { XC_REL, XSZ_V, 1 },     [Jz] = { XC_REL, XSZ_V, XSZ_Z },
	[Ap] = { XC_FAR, XSZ_P, XSZ_P }, [IwIb] = { XC_IMM, 2, 2 },
	[Ob] = { XC_MOFFS, 1, XSZ_A },   [Ov] = { XC_MOFFS, XSZ_V, XSZ_A },
	[Xb] = { XC_SRC, 1, 0 },         [Xv] = { XC_SRC, XSZ_V, 0 },
	[Xz] = { XC_SRC, XSZ_Z, 0 },     [Yb] = { XC_DST, 1, 0 },
	[Yv] = { XC_DST, XSZ_V, 0 },     [Yz] = { XC_DST, XSZ_Z, 0 },
};

unsigned xi_size(const struct x86_insn *i, unsigned n, uint64_t key)
{
	unsigned s = xi_operands[i->d->op[n]].size;

	switch (s) {
	case XSZ_V: return i->opsize;
	case XSZ_Z: return i->opsize == 2 ? 2 : 4;
	case XSZ_Y: return i->rex & 8 && XH_CODE(key) == XH_CODE64 ? 8 : 4;
	case XSZ_N: return XH_CODE(key) == XH_CODE64 ? 8 : 4;
	case XSZ_P: return i->opsize + 2u;
	case XSZ_2V: return i->opsize * 2u;
	case XSZ_A: return XH_CODE(key) == XH_CODE64 ? 10 : 6;
	default: return s;
	}
}

/* Input with a running end: `need` bytes or a note of what is missing. */
struct xd_in {
	const uint8_t *p;
	unsigned n, at;
	int bad;
};

static uint64_t xd_take(struct xd_in *in, unsigned bytes)
{
	uint64_t v = 0;

	if (in->bad) {
		return 0;
	}
	if (in->at + bytes > 15) {
		in->bad = XD_TOO_LONG;
		return 0;
	}
	if (in->at + bytes > in->n) {
		in->bad = -100; /* more */
		return 0;
	}
	memcpy(&v, in->p + in->at, bytes); /* little-endian hosts and guests */
	in->at += bytes;
	return v;
}

static int64_t xd_take_signed(struct xd_in *in, unsigned bytes)
{
	uint64_t v = xd_take(in, bytes);
	unsigned sh = 64 - bytes * 8;

	return sh < 64 ? (int64_t)(v << sh) >> sh : 0;
}

/* Legacy prefixes and REX; returns the first opcode byte. */
static uint8_t xd_prefixes(struct xd_in *in, unsigned code, struct x86_insn *o)
{
	for (;;) {
		uint8_t b = (uint8_t)xd_take(in, 1);

		if (in->bad) {
			return 0;
		}
		if (code == XH_CODE64 && (b & 0xf0) == 0x40) {
			o->rex = b; /* counts only when the opcode follows */
			b = (uint8_t)xd_take(in, 1);
			if (in->bad) {
				return 0;
			}
			if ((b & 0xf0) == 0x40) {
				in->at--;
				continue;
			}
			in->at--;
			switch (b) {
			case 0x26:
			case 0x2e:
			case 0x36:
			case 0x3e:
			case 0x64:
			case 0x65:
			case 0x66:
			case 0x67:
			case 0xf0:
			case 0xf2:
			case 0xf3: o->rex = 0; continue;
			default: in->at++; return b;
			}
		}
		switch (b) {
		case 0x26:
		case 0x2e:
		case 0x36:
		case 0x3e:
			if (code != XH_CODE64) {
				o->seg_override = (b >> 3) & 3;
			}
			break;
		case 0x64: o->seg_override = X86_FS; break;
		case 0x65: o->seg_override = X86_GS; break;
		case 0x66: o->p66 = true; break;
		case 0x67: o->p67 = true; break;
		case 0xf0: o->lock = true; break;
		case 0xf2:
			o->repne = true;
			o->rep = false;
			break;
		case 0xf3:
			o->rep = true;
			o->repne = false;
			break;
		default: return b;
		}
	}
}

/* C4/C5 as VEX. False: not legal after these prefixes or in this map. */
static bool xd_vex(struct xd_in *in, uint8_t b, unsigned code, struct x86_insn *o)
{
	uint8_t b1 = (uint8_t)xd_take(in, 1), b2 = b1, mmmmm = 1;
	bool ok = !o->rex && !o->lock && !o->p66 && !o->rep && !o->repne;

	o->vex = true;
	o->rex = 0x40 | (b1 & 0x80 ? 0 : 4);
	if (b == 0xc4) {
		mmmmm = b1 & 31;
		o->rex |= (b1 & 0x40 ? 0 : 2) | (b1 & 0x20 ? 0 : 1);
		b2 = (uint8_t)xd_take(in, 1);
		o->rex |= b2 & 0x80 ? 8 : 0;
	}
	o->vvvv = (~b2 >> 3) & 15;
	o->vex_l = (b2 >> 2) & 1;
	o->pp = b2 & 3;
	if (code != XH_CODE64) {
		o->rex &= 0x48;
		o->vvvv &= 7;
	}
	o->map = mmmmm;
	o->opcode = (uint8_t)xd_take(in, 1);
	return ok && mmmmm >= 1 && mmmmm <= 3;
}

static void xd_modrm16(struct xd_in *in, struct x86_insn *o, bool *ss)
{
	static const uint8_t base[8] = { X86_RBX, X86_RBX, X86_RBP, X86_RBP,
		                         X86_RSI, X86_RDI, X86_RBP, X86_RBX };
	static const uint8_t index[8] = { X86_RSI, X86_RDI, X86_RSI, X86_RDI,
		                          XR_NONE, XR_NONE, XR_NONE, XR_NONE };
	unsigned rm = o->modrm & 7;

	o->base = base[rm];
	o->index = index[rm];
	if (o->mod == 0 && rm == 6) {
		o->base = XR_NONE;
		o->disp = (int32_t)xd_take_signed(in, 2);
	} else if (o->mod) {
		o->disp = (int32_t)xd_take_signed(in, o->mod == 1 ? 1 : 2);
	}
	*ss = o->base == X86_RBP;
}

static void xd_modrm32(struct xd_in *in, struct x86_insn *o, unsigned code, bool *ss)
{
	unsigned rm = o->modrm & 7;
	bool disp32 = o->mod == 2;

	o->base = o->rm;
	if (rm == 4) {
		uint8_t sib = (uint8_t)xd_take(in, 1);
		uint8_t idx = ((sib >> 3) & 7) | (o->rex & 2 ? 8 : 0);

		o->scale = sib >> 6;
		o->index = idx == 4 ? XR_NONE : idx;
		o->base = (sib & 7) | (o->rex & 1 ? 8 : 0);
		rm = sib & 7;
		if (rm == 5 && o->mod == 0) {
			o->base = XR_NONE;
			disp32 = true;
		}
	} else if (rm == 5 && o->mod == 0) {
		o->base = code == XH_CODE64 ? XR_RIP : XR_NONE;
		disp32 = true;
	}
	if (o->mod == 1) {
		o->disp = (int32_t)xd_take_signed(in, 1);
	} else if (disp32) {
		o->disp = (int32_t)xd_take_signed(in, 4);
	}
	*ss = o->base == X86_RSP || o->base == X86_RBP;
}

static void xd_modrm(struct xd_in *in, struct x86_insn *o, unsigned code)
{
	bool ss = false;

	if (o->has_modrm) {
		return;
	}
	o->has_modrm = true;
	o->modrm = (uint8_t)xd_take(in, 1);
	if (o->map == XM_0F && (o->opcode & 0xfc) == 0x20) {
		o->modrm |= 0xc0; /* moves to and from CRn, DRn ignore mod */
	}
	o->mod = o->modrm >> 6;
	o->reg = ((o->modrm >> 3) & 7) | (o->rex & 4 ? 8 : 0);
	o->rm = (o->modrm & 7) | (o->rex & 1 ? 8 : 0);
	if (o->mod == 3 || in->bad) {
		return;
	}
	o->is_mem = true;
	if (o->asize == 2) {
		xd_modrm16(in, o, &ss);
	} else {
		xd_modrm32(in, o, code, &ss);
	}
	o->seg = o->seg_override != XR_NONE ? o->seg_override : ss ? X86_SS : X86_DS;
}

static const struct xi_form *xd_table(const struct x86_insn *o)
{
	if (o->vex) {
		return o->map == XM_0F     ? &xi_vex0f[o->opcode]
		       : o->map == XM_0F38 ? &xi_vex38[o->opcode]
		                           : &xi_vex3a[o->opcode];
	}
	switch (o->map) {
	case XM_1: return &xi_map1[o->opcode];
	case XM_0F: return &xi_map0f[o->opcode];
	case XM_0F38: return &xi_map38[o->opcode];
	default: return &xi_map3a[o->opcode];
	}
}

/* Goes down the groups to the form; takes ModRM on the way. */
static const struct xi_form *xd_form(struct xd_in *in, struct x86_insn *o,
                                     unsigned code)
{
	const struct xi_form *f = xd_table(o);

	while (f->kind != XK_FORM) {
		if (f->kind != XK_PP && f->kind != XK_64) {
			xd_modrm(in, o, code);
			if (in->bad) {
				return NULL;
			}
		}
		switch (f->kind) {
		case XK_REG: f = &f->sub[o->reg & 7]; break;
		case XK_PP: f = &f->sub[o->pp]; break;
		case XK_64: f = &f->sub[code == XH_CODE64]; break;
		case XK_MOD: f = &f->sub[o->mod == 3]; break;
		case XK_RM: f = &f->sub[o->rm & 7]; break;
		}
	}
	return f->fn ? f : NULL;
}

static bool xd_wants_modrm(const struct xi_form *f)
{
	if (f->fl & FL_MODRM) {
		return true;
	}
	for (unsigned i = 0; i < 3; i++) {
		unsigned c = xi_operands[f->op[i]].cls;

		if (c >= XC_RM && c <= XC_DR) {
			return true;
		}
	}
	return false;
}

static void xd_opsize(struct x86_insn *o, unsigned code)
{
	uint32_t fl = o->d->fl;

	if (code == XH_CODE64) {
		o->opsize = o->rex & 8 || fl & FL_F64 ? 8
		            : o->p66 && !o->vex       ? 2
		            : fl & FL_D64             ? 8
		                                      : 4;
	} else {
		o->opsize = (code == XH_CODE16) == o->p66 || o->vex ? 4 : 2;
	}
}

static void xd_imm(struct xd_in *in, struct x86_insn *o, uint8_t op)
{
	unsigned n = xi_operands[op].imm;

	if (n == XSZ_A) { /* moffs */
		o->imm = (int64_t)xd_take(in, o->asize);
		o->is_mem = true;
		o->base = XR_MOFFS;
		o->seg = o->seg_override != XR_NONE ? o->seg_override : X86_DS;
		return;
	}
	if (op == Ap) {
		o->imm = (int64_t)xd_take(in, o->opsize == 2 ? 2 : 4);
		o->imm2 = (uint32_t)xd_take(in, 2);
		return;
	}
	n = n == XSZ_Z ? (o->opsize == 2 ? 2 : 4) : n == XSZ_V ? o->opsize : n;
	if (op == Ib || op == Iw || op == IwIb) {
		o->imm = (int64_t)xd_take(in, n);
	} else {
		o->imm = xd_take_signed(in, n);
	}
	if (op == IwIb) {
		o->imm2 = (uint32_t)xd_take(in, 1);
	}
}

/* Is the form legal in this mode, with these operands and prefixes? */
static bool xd_legal(const struct x86_insn *o, uint64_t key)
{
	const struct xi_form *f = o->d;
	unsigned code = XH_CODE(key);
	bool pm = (key & XH_PE) && !(key & XH_VM86);

	if (f->fl & FL_NO64 && code == XH_CODE64) {
		return false;
	}
	if (f->fl & FL_O64 && code != XH_CODE64) {
		return false;
	}
	if (f->fl & FL_PM && !pm) {
		return false;
	}
	for (unsigned i = 0; i < 3; i++) {
		unsigned c = xi_operands[f->op[i]].cls;

		if ((c == XC_MEM && o->mod == 3) || (c == XC_RMREG && o->mod != 3)) {
			return false;
		}
	}
	if (o->lock) {
		unsigned c = xi_operands[f->op[0]].cls;

		if (!(f->fl & FL_LOCK) || !o->is_mem || (c != XC_RM && c != XC_MEM)) {
			return false;
		}
	}
	if (o->vex && !(f->fl & FL_SIMD)) { /* integer VEX forms are all L = 0 */
		bool v = xi_operands[f->op[0]].cls == XC_VVVV ||
		         xi_operands[f->op[1]].cls == XC_VVVV ||
		         xi_operands[f->op[2]].cls == XC_VVVV;

		if (o->vex_l || (!v && o->vvvv)) {
			return false;
		}
	}
	return true;
}

static int xd_opcode(struct xd_in *in, uint64_t key, struct x86_insn *o)
{
	unsigned code = XH_CODE(key);
	uint8_t b = xd_prefixes(in, code, o);

	o->asize = code == XH_CODE64               ? (o->p67 ? 4 : 8)
	           : (code == XH_CODE16) == o->p67 ? 4
	                                           : 2;
	o->pp = o->rep ? 2 : o->repne ? 3 : o->p66 ? 1 : 0;
	o->map = XM_1;
	o->opcode = b;
	if (in->bad) {
		return 0;
	}
	if ((b == 0xc4 || b == 0xc5) && code != XH_CODE64) {
		bool pm = (key & XH_PE) && !(key & XH_VM86);
		uint8_t next = (uint8_t)xd_take(in, 1);

		if (in->bad) {
			return 0;
		}
		in->at--;
		if (next >= 0xc0) {
			return pm && xd_vex(in, b, code, o) ? 0 : XD_UD;
		}
	} else if (b == 0xc4 || b == 0xc5) {
		return xd_vex(in, b, code, o) ? 0 : XD_UD;
	}
	if (b == 0x0f) {
		o->map = XM_0F;
		o->opcode = (uint8_t)xd_take(in, 1);
		if (o->opcode == 0x38 || o->opcode == 0x3a) {
			o->map = o->opcode == 0x38 ? XM_0F38 : XM_0F3A;
			o->opcode = (uint8_t)xd_take(in, 1);
		}
	}
	return 0;
}

static int xd_end(const struct xd_in *in, struct x86_insn *o, int r)
{
	o->len = (uint8_t)in->at;
	return in->bad == -100 ? XD_MORE : in->bad ? in->bad : r;
}

static int xd_decode(const uint8_t *p, unsigned n, uint64_t key, struct x86_insn *o)
{
	struct xd_in in = { .p = p, .n = n };
	unsigned code = XH_CODE(key);

	memset(o, 0, sizeof(*o));
	o->seg_override = o->base = o->index = XR_NONE;
	o->seg = X86_DS;
	if (xd_opcode(&in, key, o) || in.bad) {
		return xd_end(&in, o, XD_UD);
	}
	o->d = xd_form(&in, o, code);
	if (!o->d) {
		return xd_end(&in, o, XD_UD);
	}
	if (xd_wants_modrm(o->d)) {
		xd_modrm(&in, o, code);
	}
	xd_opsize(o, code);
	for (unsigned i = 0; i < 3; i++) {
		if (xi_operands[o->d->op[i]].imm) {
			xd_imm(&in, o, o->d->op[i]);
		}
	}
	if (o->d->fl & FL_I8) {
		o->imm = (int64_t)xd_take(&in, 1);
	}
	if (in.bad || !xd_legal(o, key)) {
		return xd_end(&in, o, XD_UD);
	}
	return xd_end(&in, o, (int)in.at);
}

/*
 * Each branch target is decoded three times or more: when units that jump there look ahead
 * for flags (flags-ahead.c), and when it is translated. So what was decoded lately is kept,
 * found by its bytes, and good wherever and whenever the same bytes turn up again.
 */
struct xd_memo {
	uint8_t bytes[16]; /* 15 of code, and the length */
	uint64_t mode;
	struct x86_insn insn;
};
enum { XD_MEMO_BITS = 8 };
static _Thread_local struct xd_memo xd_memos[1 << XD_MEMO_BITS];

int x86_decode(const uint8_t *p, unsigned n, uint64_t key, struct x86_insn *o)
{
	struct xd_memo *m;
	uint8_t bytes[16];
	uint64_t h;
	int len;

	if (n != 15) {
		return xd_decode(p, n, key, o);
	}
	memcpy(bytes, p, 15);
	memcpy(&h, p, sizeof(h));
	h *= UINT64_C(0x9e3779b97f4a7c15);
	m = &xd_memos[h >> (64 - XD_MEMO_BITS)];
	bytes[15] = m->bytes[15];
	if (!memcmp(m->bytes, bytes, 16) && bytes[15] && m->mode == key) {
		*o = m->insn;
		return bytes[15];
	}
	len = xd_decode(p, n, key, o);
	if (len > 0) {
		memcpy(m->bytes, bytes, 15);
		m->bytes[15] = (uint8_t)len;
		m->mode = key;
		m->insn = *o;
	}
	return len;
}
