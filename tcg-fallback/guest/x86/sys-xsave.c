/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys-xsave.c - FXSAVE, FXRSTOR, the XSAVE family, XCR0, MXCSR, PKRU.
 *
 * Spec: SDM vol. 1 10.5, 13 (13.4 area layout, 13.7 to 13.12 each instruction).
 * Components: x87 (0), SSE (1), AVX (2), PKRU (9).
 *
 * Threads: the vCPU's own.
 * Known gaps: INIT optimisation looks at values (a component that is in its initial
 * configuration counts as INIT); there is no MODIFIED optimisation; no supervisor
 * components.
 */
#include "config.h"

#include <string.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/simd-x87.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

enum { XS_HDR = 512, XS_HDR_LEN = 64, XS_MAX = 2696 };
#define XS_COMPACT    BIT64(63)
#define XS_MXCSR_MASK 0xffffu

uint64_t x86_xcr0_supported(const struct x86_cpu *c)
{
	uint64_t m = X86_XCR0_X87 | X86_XCR0_SSE;

	m |= x86_cpu_has(c, X86F_AVX) ? X86_XCR0_AVX : 0;
	m |= x86_cpu_has(c, X86F_PKU) ? X86_XCR0_PKRU : 0;
	return m;
}

/* CR0.TS/EM; FXSAVE's form when `osxsave` is false. */
static void xs_check(struct tcg_env *env, bool xsave)
{
	struct x86_cpu *c = x86_of(env);

	if (xsave ? !(c->cr4 & X86_CR4_OSXSAVE) : c->cr0 & X86_CR0_EM) {
		if (xsave) {
			x86_ud(env);
		}
		x86_raise(env, X86_EXC_NM, 0);
	}
	if (c->cr0 & X86_CR0_TS) {
		x86_raise(env, X86_EXC_NM, 0);
	}
}

static unsigned xs_n_vec(const struct x86_cpu *c)
{
	return x86_code64(c) ? 16 : 8;
}

/* ---- the legacy region ---- */

/* x87 part of the 512-byte image; the REX.W form has 64-bit pointers. */
static void xs_put_x87(struct x86_cpu *c, uint8_t *img, const uint8_t *full, bool rexw)
{
	memcpy(img, full, 24);
	memcpy(img + 32, full + 32, 128);
	if (!rexw) {
		st_le32(img + 8, (uint32_t)c->fpip);
		st_le16(img + 12, c->fpcs);
		st_le16(img + 14, 0);
		st_le32(img + 16, (uint32_t)c->fpdp);
		st_le16(img + 20, c->fpds);
		st_le16(img + 22, 0);
	}
}

static void xs_get_x87(struct x86_cpu *c, const uint8_t *img, bool rexw)
{
	uint8_t full[512];
	uint32_t mxcsr = c->mxcsr;

	/* Only the x87 part comes from the image; vectors go round through the helper.
	 */
	x86_to_fxsave(c, full);
	memcpy(full, img, 24);
	memcpy(full + 32, img + 32, 128);
	x86_from_fxsave(c, full);
	c->mxcsr = mxcsr;
	if (!rexw) {
		c->fpip = ld_le32(img + 8);
		c->fpcs = ld_le16(img + 12);
		c->fpdp = ld_le32(img + 16);
		c->fpds = ld_le16(img + 20);
	} else {
		c->fpcs = c->fpds = 0;
	}
}

static void xs_init_x87(struct x86_cpu *c)
{
	x87_init(c);
	memset(c->fpr, 0, sizeof(c->fpr));
}

static void xs_set_mxcsr(struct x86_cpu *c, uint32_t v)
{
	c->mxcsr = v & XS_MXCSR_MASK;
	x86_update_hflags(c);
}

uint64_t helper_fxsave(struct tcg_env *env, uint64_t addr, uint64_t rexw, uint64_t cc,
                       uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint8_t img[512], full[512];

	(void)cc, (void)d;
	xs_check(env, false);
	if (addr & 15) {
		x86_gp(env, 0);
	}
	/* Bytes that FXSAVE leaves alone (464..511) keep what memory holds. */
	tcg_probe(env, addr, 512, true, 0);
	tcg_ld_bytes(env, addr, img, 512, 0);
	x86_to_fxsave(c, full);
	memset(img + 160 + 16 * xs_n_vec(c), 0, 416 - 160 - 16 * xs_n_vec(c));
	memcpy(img + 24, full + 24, 8);
	xs_put_x87(c, img, full, rexw);
	if (c->cr4 & X86_CR4_OSFXSR) {
		memcpy(img + 160, full + 160, 16 * xs_n_vec(c));
	}
	tcg_st_bytes(env, addr, img, 416, 0);
	return 0;
}

uint64_t helper_fxrstor(struct tcg_env *env, uint64_t addr, uint64_t rexw, uint64_t cc,
                        uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint8_t img[512];

	(void)cc, (void)d;
	xs_check(env, false);
	if (addr & 15) {
		x86_gp(env, 0);
	}
	tcg_ld_bytes(env, addr, img, 512, 0);
	if ((c->cr4 & X86_CR4_OSFXSR) && (ld_le32(img + 24) & ~XS_MXCSR_MASK)) {
		x86_gp(env, 0);
	}
	xs_get_x87(c, img, rexw);
	if (c->cr4 & X86_CR4_OSFXSR) {
		for (unsigned i = 0; i < xs_n_vec(c); i++) {
			memcpy(c->vec[i].b, img + 160 + 16 * i, 16);
		}
		xs_set_mxcsr(c, ld_le32(img + 24));
	}
	return 0;
}

/* ---- XSAVE ---- */

static bool xs_zero(const void *p, size_t n)
{
	const uint8_t *b = p;

	for (size_t i = 0; i < n; i++) {
		if (b[i]) {
			return false;
		}
	}
	return true;
}

/* XINUSE: components that are not in their initial configuration. */
static uint64_t xs_in_use(const struct x86_cpu *c)
{
	uint64_t m = 0;
	unsigned n = xs_n_vec(c);

	if (c->fpcw != 0x37f || c->fpsw || c->fptop || c->fptag != 0xff || c->fpop ||
	    c->fpip || c->fpdp || !xs_zero(c->fpr, sizeof(c->fpr))) {
		m |= X86_XCR0_X87;
	}
	for (unsigned i = 0; i < n; i++) {
		m |= c->vec[i].q[0] | c->vec[i].q[1] ? X86_XCR0_SSE : 0;
		m |= c->vec[i].q[2] | c->vec[i].q[3] ? X86_XCR0_AVX : 0;
	}
	m |= c->pkru ? X86_XCR0_PKRU : 0;
	return m;
}

static void xs_put_component(struct x86_cpu *c, unsigned i, uint8_t *p)
{
	if (i == 2) {
		for (unsigned r = 0; r < xs_n_vec(c); r++) {
			memcpy(p + 16 * r, &c->vec[r].q[2], 16);
		}
	} else if (i == 9) {
		st_le64(p, c->pkru);
	}
}

static void xs_get_component(struct x86_cpu *c, unsigned i, const uint8_t *p)
{
	if (i == 2) {
		for (unsigned r = 0; r < xs_n_vec(c); r++) {
			if (p) {
				memcpy(&c->vec[r].q[2], p + 16 * r, 16);
			} else {
				c->vec[r].q[2] = c->vec[r].q[3] = 0;
			}
		}
	} else if (i == 9) {
		c->pkru = p ? ld_le32(p) : 0;
	}
}

uint64_t helper_xsave(struct tcg_env *env, uint64_t addr, uint64_t mask, uint64_t rexw,
                      uint64_t kind)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t rfbm = mask & c->xcr0, inuse, save, xstate_bv;
	bool compact = kind >= 2, opt = kind != 0;
	uint8_t full[512], hdr[24], buf[256];
	uint32_t size, off, at = XS_HDR + XS_HDR_LEN;

	xs_check(env, true);
	if (kind == 3 && x86_cpl(c) != 0) {
		x86_gp(env, 0);
	}
	if (addr & 63) {
		x86_gp(env, 0);
	}
	inuse = xs_in_use(c);
	if (compact && c->mxcsr != 0x1f80) {
		inuse |= X86_XCR0_SSE; /* 13.10: MXCSR counts with SSE for XSAVEC */
	}
	save = opt ? rfbm & inuse : rfbm;
	tcg_probe(env, addr,
	          compact ? x86_xsave_compact_size(rfbm) : x86_xsave_size(rfbm), true,
	          0);
	x86_to_fxsave(c, full);
	if (save & X86_XCR0_X87) {
		uint8_t img[160];

		xs_put_x87(c, img, full, rexw);
		tcg_st_bytes(env, addr, img, 24, 0);
		tcg_st_bytes(env, addr + 32, img + 32, 128, 0);
	}
	if (compact ? save & X86_XCR0_SSE : rfbm & (X86_XCR0_SSE | X86_XCR0_AVX)) {
		tcg_st_bytes(env, addr + 24, full + 24, 8, 0);
	}
	if (save & X86_XCR0_SSE) {
		tcg_st_bytes(env, addr + 160, full + 160, 16 * xs_n_vec(c), 0);
	}
	for (unsigned i = 2; i < 63; i++) {
		if (!(rfbm >> i & 1)) {
			continue;
		}
		x86_xsave_component(i, &size, &off);
		if (save >> i & 1) {
			xs_put_component(c, i, buf);
			tcg_st_bytes(env, addr + (compact ? at : off), buf,
			             i == 2 ? 16 * xs_n_vec(c) : size, 0);
		}
		at += size;
	}
	if (compact) {
		st_le64(hdr, save);
		st_le64(hdr + 8, XS_COMPACT | rfbm);
		tcg_st_bytes(env, addr + XS_HDR, hdr, 16, 0);
	} else {
		xstate_bv = tcg_ld(env, addr + XS_HDR, 8, 0);
		tcg_st(env, addr + XS_HDR, (xstate_bv & ~rfbm) | (rfbm & inuse), 8, 0);
	}
	return 0;
}

/* Checks of the XSAVE header (13.8.1, 13.8.2, 13.12). */
static void xs_check_header(struct tcg_env *env, const uint8_t *hdr, bool supervisor)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t bv = ld_le64(hdr), comp = ld_le64(hdr + 8);
	bool bad;

	if (comp & XS_COMPACT) {
		bad = (comp & ~XS_COMPACT & ~c->xcr0) || (bv & ~comp) ||
		      !x86_cpu_has(c, X86F_XSAVEC) || !xs_zero(hdr + 16, 48);
	} else {
		bad = supervisor || (bv & ~c->xcr0) || !xs_zero(hdr + 8, 16);
	}
	if (bad) {
		x86_gp(env, 0);
	}
}

static void xs_restore_legacy(struct tcg_env *env, uint64_t addr, uint64_t load,
                              uint64_t init, uint64_t rfbm, bool rexw, bool compact)
{
	struct x86_cpu *c = x86_of(env);
	uint8_t img[512];
	bool mxcsr =
		compact ? load & X86_XCR0_SSE : rfbm & (X86_XCR0_SSE | X86_XCR0_AVX);

	tcg_ld_bytes(env, addr, img, 416, 0);
	if (mxcsr && (ld_le32(img + 24) & ~XS_MXCSR_MASK)) {
		x86_gp(env, 0);
	}
	if (load & X86_XCR0_X87) {
		xs_get_x87(c, img, rexw);
	} else if (init & X86_XCR0_X87) {
		xs_init_x87(c);
	}
	for (unsigned i = 0; i < xs_n_vec(c); i++) {
		if (load & X86_XCR0_SSE) {
			memcpy(c->vec[i].b, img + 160 + 16 * i, 16);
		} else if (init & X86_XCR0_SSE) {
			c->vec[i].q[0] = c->vec[i].q[1] = 0;
		}
	}
	if (mxcsr) {
		xs_set_mxcsr(c, ld_le32(img + 24));
	} else if (compact && (init & X86_XCR0_SSE)) {
		xs_set_mxcsr(c, 0x1f80);
	}
}

uint64_t helper_xrstor(struct tcg_env *env, uint64_t addr, uint64_t mask, uint64_t rexw,
                       uint64_t kind)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t rfbm = mask & c->xcr0, bv, comp, load, init;
	uint8_t hdr[XS_HDR_LEN], buf[XS_MAX];
	uint32_t size, off, at = XS_HDR + XS_HDR_LEN, len;
	bool compact;

	xs_check(env, true);
	if ((kind == 3 && x86_cpl(c) != 0) || (addr & 63)) {
		x86_gp(env, 0);
	}
	tcg_ld_bytes(env, addr + XS_HDR, hdr, XS_HDR_LEN, 0);
	xs_check_header(env, hdr, kind == 3);
	bv = ld_le64(hdr);
	comp = ld_le64(hdr + 8);
	compact = comp & XS_COMPACT;
	load = rfbm & bv;
	init = rfbm & ~bv;
	/* Everything is read before anything changes: a fault leaves the state whole.
	 */
	len = compact ? x86_xsave_compact_size(comp & ~XS_COMPACT)
	              : x86_xsave_size(load);
	len = MIN(len, (uint32_t)XS_MAX);
	tcg_ld_bytes(env, addr + at, buf + at, len - at, 0);
	xs_restore_legacy(env, addr, load, init, rfbm, rexw, compact);
	for (unsigned i = 2; i < 63; i++) {
		x86_xsave_component(i, &size, &off);
		if (!size) {
			continue;
		}
		off = compact ? at : off;
		if (load >> i & 1) {
			xs_get_component(c, i, buf + off);
		} else if (init >> i & 1) {
			xs_get_component(c, i, NULL);
		}
		at += comp >> i & 1 ? size : 0;
	}
	if ((rfbm & X86_XCR0_PKRU) && (c->cr4 & X86_CR4_PKE)) {
		tcg_flush_all(env);
	}
	return 0;
}

/* ---- XCR0 ---- */

uint64_t helper_xgetbv(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                       uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint32_t n = (uint32_t)c->reg[X86_RCX];
	uint64_t v = c->xcr0;

	(void)a, (void)b, (void)cc, (void)d;
	if (!(c->cr4 & X86_CR4_OSXSAVE)) {
		x86_ud(env);
	}
	if (n == 1 && x86_cpu_has(c, X86F_XGETBV1)) {
		v &= xs_in_use(c);
	} else if (n != 0) {
		x86_gp(env, 0);
	}
	c->reg[X86_RAX] = (uint32_t)v;
	c->reg[X86_RDX] = v >> 32;
	return 0;
}

uint64_t helper_xsetbv(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                       uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t v = (uint32_t)c->reg[X86_RAX] | c->reg[X86_RDX] << 32;

	(void)a, (void)b, (void)cc, (void)d;
	if (!(c->cr4 & X86_CR4_OSXSAVE)) {
		x86_ud(env);
	}
	if (x86_cpl(c) != 0 || (uint32_t)c->reg[X86_RCX] != 0 || !(v & X86_XCR0_X87) ||
	    (v & ~x86_xcr0_supported(c)) ||
	    ((v & X86_XCR0_AVX) && !(v & X86_XCR0_SSE))) {
		x86_gp(env, 0);
	}
	c->xcr0 = v;
	x86_update_hflags(c);
	return 0;
}

/* ---- MXCSR, PKRU ---- */

uint64_t helper_ldmxcsr(struct tcg_env *env, uint64_t v, uint64_t b, uint64_t cc,
                        uint64_t d)
{
	(void)b, (void)cc, (void)d;
	if (v & 0xffffffff & ~XS_MXCSR_MASK) {
		x86_gp(env, 0);
	}
	xs_set_mxcsr(x86_of(env), (uint32_t)v);
	return 0;
}

uint64_t helper_stmxcsr(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                        uint64_t d)
{
	(void)a, (void)b, (void)cc, (void)d;
	return x86_of(env)->mxcsr;
}

uint64_t helper_rdpkru(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                       uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)a, (void)b, (void)cc, (void)d;
	if (!(c->cr4 & X86_CR4_PKE)) {
		x86_ud(env);
	}
	if ((uint32_t)c->reg[X86_RCX]) {
		x86_gp(env, 0);
	}
	c->reg[X86_RAX] = (uint32_t)c->pkru;
	c->reg[X86_RDX] = 0;
	return 0;
}

uint64_t helper_wrpkru(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                       uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)a, (void)b, (void)cc, (void)d;
	if (!(c->cr4 & X86_CR4_PKE)) {
		x86_ud(env);
	}
	if ((uint32_t)c->reg[X86_RCX] || (uint32_t)c->reg[X86_RDX]) {
		x86_gp(env, 0);
	}
	c->pkru = (uint32_t)c->reg[X86_RAX];
	tcg_flush_all(env);
	return 0;
}
