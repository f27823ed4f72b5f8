/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64-mmu.c - address translation, stage 1 of the EL1&0 regime: the table walk.
 *
 * Spec: DDI 0487 D8.2 (VMSAv8-64): granules of 4, 16 and 64 KiB, 48- and 52-bit
 * addresses (FEAT_LVA, FEAT_LPA, FEAT_LPA2), top-byte ignore.
 * Threads: any; the state belongs to the caller.
 * Known gaps: other regimes; FEAT_D128; permissions are left to the caller.
 */
#include "config.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/cpu/arm64.h"

/* What TCR and TTBR say about one half of the address space. */
struct mmu_half {
	unsigned txsz, grain; /* grain: log2 of the granule */
	uint64_t ttbr;
	bool top_ignored, wide; /* wide: 52-bit output addresses */
};

static int mmu_grain(bool upper, unsigned tg)
{
	static const uint8_t lower_tg[4] = { 12, 16, 14, 0 },
			     upper_tg[4] = { 0, 14, 12, 16 };
	unsigned g = upper ? upper_tg[tg] : lower_tg[tg];

	return g ? (int)g : -EFAULT;
}

static int mmu_half(const struct arm64_cpu *c, bool upper, struct mmu_half *h)
{
	int g = mmu_grain(upper, upper ? ARM64_TCR_TG1(c->tcr) : ARM64_TCR_TG0(c->tcr));

	if (g < 0 || (c->tcr & (upper ? ARM64_TCR_EPD1 : ARM64_TCR_EPD0))) {
		return -EFAULT;
	}
	h->grain = (unsigned)g;
	h->txsz = upper ? ARM64_TCR_T1SZ(c->tcr) : ARM64_TCR_T0SZ(c->tcr);
	h->ttbr = upper ? c->ttbr1 : c->ttbr0;
	h->top_ignored = c->tcr & (upper ? ARM64_TCR_TBI1 : ARM64_TCR_TBI0);
	h->wide = g == 16 ? ARM64_TCR_IPS(c->tcr) == 6 : (c->tcr & ARM64_TCR_DS) != 0;
	/* FEAT_TTST allows 48 (47 with the largest granule); LVA and LPA2 allow 12. */
	return h->txsz > (g == 16 ? 47u : 48u) ||
	                       h->txsz < (g == 16 || h->wide ? 12u : 16u)
	               ? -EFAULT
	               : 0;
}

/* Every bit above the translated ones is a copy of bit 55. */
static bool mmu_canonical(uint64_t va, const struct mmu_half *h)
{
	unsigned top = h->top_ignored ? 56 : 64, bits = 64 - h->txsz;
	uint64_t high;

	if (bits >= top) {
		return true;
	}
	high = va << (64 - top) >> (64 - top) >> bits;
	return high == (va >> 55 & 1 ? BIT64(top - bits) - 1 : 0);
}

static uint64_t mmu_table_base(const struct mmu_half *h, unsigned index_bits)
{
	/* The table is as large as its entries, but at least 64 bytes are aligned. */
	unsigned align = MAX(index_bits + 3, h->wide ? 6u : 0u);
	uint64_t base = h->ttbr & UINT64_C(0x0000fffffffffffe) & ~(BIT64(align) - 1);

	return h->wide ? (base & ~UINT64_C(0x3c)) | (h->ttbr >> 2 & 15) << 48 : base;
}

static uint64_t mmu_desc_addr(const struct mmu_half *h, uint64_t desc)
{
	uint64_t a = desc & UINT64_C(0x0000ffffffffffff) & ~(BIT64(h->grain) - 1);

	if (!h->wide) {
		return a;
	}
	if (h->grain == 16) {
		return a | (desc >> 12 & 15) << 48;
	}
	return a | (desc & UINT64_C(0x0003000000000000)) | (desc >> 8 & 3) << 50;
}

/* May a descriptor of this level map memory itself? Level 3 always does. */
static bool mmu_block_level(const struct mmu_half *h, int level)
{
	switch (h->grain) {
	case 12: return level == 1 || level == 2 || (level == 0 && h->wide);
	default: return level == 2 || (level == 1 && h->wide);
	}
}

static int mmu_walk(const struct arm64_cpu *c, uint64_t va, const struct mmu_half *h,
                    arm64_peek_fn *peek, void *opaque, struct arm64_xlat *out)
{
	unsigned stride = h->grain - 3, bits = 64 - h->txsz;
	int level = 4 - (int)((bits - h->grain + stride - 1) / stride);
	uint64_t table =
		mmu_table_base(h, bits - h->grain - stride * (unsigned)(3 - level));

	out->table_attrs = 0;
	for (; level <= 3; level++) {
		unsigned shift = h->grain + stride * (unsigned)(3 - level);
		unsigned n = MIN(stride, bits - shift);
		uint64_t desc;

		if (!peek(opaque, table + ((va >> shift) & (BIT64(n) - 1)) * 8, &desc,
		          8)) {
			return -EFAULT;
		}
		desc = c->sctlr & ARM64_SCTLR_EE ? ld_be64(&desc) : ld_le64(&desc);
		if (!(desc & 1) || (level == 3 && !(desc & 2)) ||
		    (level < 3 && !(desc & 2) && !mmu_block_level(h, level))) {
			return -EFAULT;
		}
		table = mmu_desc_addr(h, desc);
		if (level == 3 || !(desc & 2)) {
			out->pa = (table & ~(BIT64(shift) - 1)) |
			          (va & (BIT64(shift) - 1));
			out->desc = desc;
			out->level = (int8_t)level;
			out->shift = (uint8_t)shift;
			return 0;
		}
		out->table_attrs |= (uint8_t)(desc >> 59);
	}
	return -EFAULT;
}

int arm64_walk(const struct arm64_cpu *c, uint64_t va, arm64_peek_fn *peek,
               void *opaque, struct arm64_xlat *out)
{
	struct mmu_half h;

	if (!(c->sctlr & ARM64_SCTLR_M)) {
		*out = (struct arm64_xlat){ .pa = va & (BIT64(56) - 1),
			                    .level = 3,
			                    .shift = 12 };
		return 0;
	}
	if (mmu_half(c, va >> 55 & 1, &h) < 0 || !mmu_canonical(va, &h)) {
		return -EFAULT;
	}
	return mmu_walk(c, va, &h, peek, opaque, out);
}
