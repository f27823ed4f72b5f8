/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64-mmu.c - address translation of supervisor mode: the table walk.
 *
 * Spec: RISC-V Privileged 12.3 to 12.6 (Sv39, Sv48, Sv57), Svnapot, Svpbmt.
 * Threads: any; the state belongs to the caller.
 * Known gaps: two-stage translation; permissions are left to the caller.
 */
#include "config.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/cpu/riscv64.h"

#define PTE_V    BIT64(0)
#define PTE_R    BIT64(1)
#define PTE_W    BIT64(2)
#define PTE_X    BIT64(3)
#define PTE_RSVD (UINT64_C(0x7f) << 54)
#define PTE_N    BIT64(63)
#define PTE_PPN  (BIT64(44) - 1)
#define PTE_PBMT (UINT64_C(3) << 61)

/* A superpage's low page number bits are zero; of a NAPOT page they say its size, of which
 * there is one: 64 KiB. */
static int mmu_leaf(uint64_t va, uint64_t pte, unsigned level, struct riscv64_xlat *out)
{
	unsigned shift = 12 + 9 * level;
	uint64_t ppn = pte >> 10 & PTE_PPN;

	if (!(pte & PTE_R) && (pte & PTE_W)) {
		return -EFAULT; /* reserved */
	}
	if (pte & PTE_N) {
		if (level != 0 || (ppn & 15) != 8) {
			return -EFAULT;
		}
		ppn &= ~UINT64_C(15);
		shift = 16;
	} else if (ppn & (BIT64(9 * level) - 1)) {
		return -EFAULT;
	}
	out->pa = ppn << 12 | (va & (BIT64(shift) - 1));
	out->pte = pte;
	out->shift = (uint8_t)shift;
	return 0;
}

static int mmu_levels(uint64_t satp)
{
	unsigned mode = RISCV64_SATP_MODE(satp);

	return mode >= RISCV64_SATP_SV39 && mode <= RISCV64_SATP_SV57
	               ? (int)(mode - RISCV64_SATP_SV39) + 3
	               : -EFAULT;
}

int riscv64_walk(const struct riscv64_cpu *c, uint64_t va, riscv64_peek_fn *peek,
                 void *opaque, struct riscv64_xlat *out)
{
	uint64_t table = RISCV64_SATP_PPN(c->satp) << 12;
	int levels = mmu_levels(c->satp);
	unsigned unused;

	if (RISCV64_SATP_MODE(c->satp) == RISCV64_SATP_BARE) {
		*out = (struct riscv64_xlat){ .pa = va, .shift = 12 };
		return 0;
	}
	if (levels < 0) {
		return -EFAULT;
	}
	unused = 64 - (12 + 9 * (unsigned)levels);
	if ((uint64_t)((int64_t)(va << unused) >> unused) != va) {
		return -EFAULT; /* not the sign extension of its low bits */
	}
	for (int l = levels - 1; l >= 0; l--) {
		uint64_t pte;

		if (!peek(opaque, table + (va >> (12 + 9 * l) & 511) * 8, &pte, 8)) {
			return -EFAULT;
		}
		pte = c->mstatus & RISCV64_MSTATUS_SBE ? ld_be64(&pte) : ld_le64(&pte);
		if (!(pte & PTE_V) || (pte & PTE_RSVD)) {
			return -EFAULT;
		}
		if (pte & (PTE_R | PTE_W | PTE_X)) {
			return mmu_leaf(va, pte, (unsigned)l, out);
		}
		if (pte & (PTE_N | PTE_PBMT)) {
			return -EFAULT; /* reserved in pointers */
		}
		table = (pte >> 10 & PTE_PPN) << 12;
	}
	return -EFAULT;
}
