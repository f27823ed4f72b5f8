/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * asm.c - the encoder behind asm.h: prefixes, REX, VEX, ModRM, SIB (SDM vol. 2,
 * chapter 2). Threads: none; works on the caller's buffer.
 */
#include "config.h"

#include "tcg-fallback/host/x86/asm.h"

void asm_modrm_mem(struct asmbuf *b, unsigned reg, struct amem m)
{
	unsigned r = (reg & 7) << 3, mod, base = m.base & 7;

	if (m.base == NOREG) {
		/* [index * scale + disp32] or [disp32] through SIB */
		asm_8(b, r | 4);
		asm_8(b, (unsigned)m.scale << 6 |
		                 (m.index == NOREG ? 4u : m.index & 7u) << 3 | 5);
		asm_32(b, (uint32_t)m.disp);
		return;
	}
	if (m.disp == 0 && base != 5) {
		mod = 0;
	} else {
		mod = asm_s8(m.disp) ? 0x40 : 0x80;
	}
	if (m.index != NOREG || base == 4) {
		asm_8(b, mod | r | 4);
		asm_8(b, (unsigned)m.scale << 6 |
		                 (m.index == NOREG ? 4u : m.index & 7u) << 3 | base);
	} else {
		asm_8(b, mod | r | base);
	}
	if (mod == 0x40) {
		asm_8(b, (unsigned)m.disp);
	} else if (mod == 0x80) {
		asm_32(b, (uint32_t)m.disp);
	}
}

static void asm_prefix(struct asmbuf *b, uint32_t op, unsigned rex)
{
	switch (op & A_PP) {
	case A_66: asm_8(b, 0x66); break;
	case A_F3: asm_8(b, 0xf3); break;
	case A_F2: asm_8(b, 0xf2); break;
	}
	if (op & A_W) {
		rex |= 0x48;
	}
	if (rex) {
		asm_8(b, rex | 0x40);
	}
	switch (op & A_MAP) {
	case A_0F: asm_8(b, 0x0f); break;
	case A_0F38:
		asm_8(b, 0x0f);
		asm_8(b, 0x38);
		break;
	case A_0F3A:
		asm_8(b, 0x0f);
		asm_8(b, 0x3a);
		break;
	}
	asm_8(b, op & 0xff);
}

void asm_rr(struct asmbuf *b, uint32_t op, unsigned reg, unsigned rm)
{
	unsigned rex = (reg & 8) >> 1 | (rm & 8) >> 3;

	if (((op & A_BR) && reg >= 4) || ((op & A_BM) && rm >= 4)) {
		rex |= 0x40;
	}
	asm_prefix(b, op, rex);
	asm_8(b, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void asm_rm(struct asmbuf *b, uint32_t op, unsigned reg, struct amem m)
{
	unsigned rex = (reg & 8) >> 1;

	if (m.base != NOREG) {
		rex |= (m.base & 8) >> 3;
	}
	if (m.index != NOREG) {
		rex |= (m.index & 8) >> 2;
	}
	if ((op & A_BR) && reg >= 4) {
		rex |= 0x40;
	}
	asm_prefix(b, op, rex);
	asm_modrm_mem(b, reg, m);
}

static void asm_vex(struct asmbuf *b, uint32_t op, unsigned reg, unsigned vvvv,
                    unsigned rexx, unsigned rexb)
{
	unsigned pp = (op & A_PP) >> 10, map = (op & A_MAP) >> 8;
	unsigned last = (~vvvv & 15) << 3 | (op & A_L ? 4 : 0);

	/* A_66 = 1, A_F3 = 2, A_F2 = 3: the same as VEX.pp */
	last |= pp;
	if (map == 1 && !(op & A_W) && !rexx && !rexb) {
		asm_8(b, 0xc5);
		asm_8(b, (reg & 8 ? 0 : 0x80) | last);
	} else {
		asm_8(b, 0xc4);
		asm_8(b, (reg & 8 ? 0 : 0x80) | (rexx ? 0 : 0x40) | (rexb ? 0 : 0x20) |
		                 map);
		asm_8(b, (op & A_W ? 0x80 : 0) | last);
	}
	asm_8(b, op & 0xff);
}

void asm_vrr(struct asmbuf *b, uint32_t op, unsigned reg, unsigned vvvv, unsigned rm)
{
	asm_vex(b, op, reg, vvvv, 0, rm & 8);
	asm_8(b, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

void asm_vrm(struct asmbuf *b, uint32_t op, unsigned reg, unsigned vvvv, struct amem m)
{
	asm_vex(b, op, reg, vvvv, m.index != NOREG && (m.index & 8),
	        m.base != NOREG && (m.base & 8));
	asm_modrm_mem(b, reg, m);
}

/* Recommended multi-byte NOPs (SDM vol. 2, NOP). */
void asm_nops(struct asmbuf *b, unsigned n)
{
	static const uint8_t nop[9][9] = {
		{ 0x90 },
		{ 0x66, 0x90 },
		{ 0x0f, 0x1f, 0x00 },
		{ 0x0f, 0x1f, 0x40, 0x00 },
		{ 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
		{ 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
		{ 0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	};

	while (n) {
		unsigned last = n > 9 ? 8 : n - 1, k = last + 1;

		memcpy(b->p, nop[last], k);
		b->p += k;
		n -= k;
	}
}

void asm_movi(struct asmbuf *b, unsigned reg, uint64_t v)
{
	if (v == (uint32_t)v) {
		if (reg >= 8) {
			asm_8(b, 0x41);
		}
		asm_8(b, 0xb8 | (reg & 7));
		asm_32(b, (uint32_t)v);
	} else if (asm_s32((int64_t)v)) {
		asm_rr(b, 0xc7 | A_W, 0, reg);
		asm_32(b, (uint32_t)v);
	} else {
		asm_8(b, 0x48 | (reg >= 8));
		asm_8(b, 0xb8 | (reg & 7));
		asm_64(b, v);
	}
}
