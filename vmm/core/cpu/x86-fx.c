/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-fx.c - the 512-byte FXSAVE image (the legacy region of XSAVE too).
 *
 * Spec: SDM vol. 1, 10.5.1 table 10-2 (64-bit form with REX.W: 64-bit FIP/FDP; the
 * other forms differ in bytes 8..23 only and are made by the caller).
 * Pure functions on the struct; any thread that owns the vCPU.
 */
#include "config.h"

#include <string.h>

#include "base/bytes.h"
#include "core/cpu/x86.h"

void x86_to_fxsave(const struct x86_cpu *c, void *img512)
{
	uint8_t *p = img512;

	memset(p, 0, 512);
	st_le16(p, c->fpcw);
	st_le16(p + 2,
	        (uint16_t)((c->fpsw & ~0x3800u) | (unsigned)(c->fptop & 7) << 11));
	p[4] = (uint8_t)~c->fptag;
	st_le16(p + 6, c->fpop & 0x7ff);
	st_le64(p + 8, c->fpip);
	st_le64(p + 16, c->fpdp);
	st_le32(p + 24, c->mxcsr);
	st_le32(p + 28, 0xffff);
	for (unsigned i = 0; i < 8; i++) {
		unsigned r = (c->fptop + i) & 7;

		st_le64(p + 32 + 16 * i, c->fpr[r].mant);
		st_le16(p + 40 + 16 * i, c->fpr[r].exp);
	}
	for (unsigned i = 0; i < 16; i++) {
		memcpy(p + 160 + 16 * i, c->vec[i].b, 16);
	}
}

void x86_from_fxsave(struct x86_cpu *c, const void *img512)
{
	const uint8_t *p = img512;
	uint16_t sw = ld_le16(p + 2);

	c->fpcw = ld_le16(p);
	c->fpsw = sw & ~0x3800u;
	c->fptop = (sw >> 11) & 7;
	c->fptag = (uint8_t)~p[4];
	c->fpop = ld_le16(p + 6) & 0x7ff;
	c->fpip = ld_le64(p + 8);
	c->fpdp = ld_le64(p + 16);
	c->mxcsr = ld_le32(p + 24) & 0xffff;
	for (unsigned i = 0; i < 8; i++) {
		unsigned r = (c->fptop + i) & 7;

		c->fpr[r].mant = ld_le64(p + 32 + 16 * i);
		c->fpr[r].exp = ld_le16(p + 40 + 16 * i);
	}
	for (unsigned i = 0; i < 16; i++) {
		memcpy(c->vec[i].b, p + 160 + 16 * i, 16);
	}
}
