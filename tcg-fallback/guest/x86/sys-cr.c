/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys-cr.c - control and debug registers, TLB invalidation, flag instructions.
 *
 * Spec: SDM vol. 3A 2.5 (control registers), 4.10 (TLB invalidation, PCIDs), 9.8.5
 * (entering long mode); vol. 2 MOV CR, MOV DR, INVPCID, CLI, STI, PUSHF, POPF. Threads:
 * the vCPU's own.
 */
#include "config.h"

#include <errno.h>

#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

#define CR_PA_MASK UINT64_C(0x000ffffffffff000)

static void cr_need_cpl0(struct tcg_env *env)
{
	if (x86_cpl(x86_of(env)) != 0) {
		x86_gp(env, 0);
	}
}

/* ---- CR0, CR3, CR4 ---- */

int x86_set_cr0(struct tcg_env *env, uint64_t v)
{
	struct x86_cpu *c = x86_of(env);
	const uint64_t known = X86_CR0_PE | X86_CR0_MP | X86_CR0_EM | X86_CR0_TS |
	                       X86_CR0_NE | X86_CR0_WP | X86_CR0_AM | X86_CR0_NW |
	                       X86_CR0_CD | X86_CR0_PG;
	uint64_t was = c->cr0, diff;

	if (v >> 32) {
		return -EINVAL;
	}
	v = (v & known) | X86_CR0_ET;
	if (((v & X86_CR0_PG) && !(v & X86_CR0_PE)) ||
	    ((v & X86_CR0_NW) && !(v & X86_CR0_CD))) {
		return -EINVAL;
	}
	if (!(v & X86_CR0_PG) && (was & X86_CR0_PG) &&
	    (x86_code64(c) || (c->cr4 & X86_CR4_PCIDE))) {
		return -EINVAL;
	}
	if ((v & X86_CR0_PG) && !(was & X86_CR0_PG)) {
		if (c->efer & X86_EFER_LME) {
			/* LMA with a CS.L of compatibility code only */
			if (!(c->cr4 & X86_CR4_PAE) ||
			    (c->seg[X86_CS].attr & X86_SEG_L)) {
				return -EINVAL;
			}
			c->efer |= X86_EFER_LMA;
		} else if ((c->cr4 & X86_CR4_PAE) && x86_load_pdptes(env, c->cr3) < 0) {
			return -EINVAL;
		}
	}
	if (!(v & X86_CR0_PG)) {
		c->efer &= ~(uint64_t)X86_EFER_LMA;
	}
	c->cr0 = v;
	diff = was ^ v;
	if ((diff & X86_CR0_PE) && !(v & X86_CR0_PE)) {
		x86_set_cpl(c, 0);
	}
	if (diff & (X86_CR0_PG | X86_CR0_WP | X86_CR0_PE)) {
		tcg_flush_all(env);
	}
	x86_mode_changed(env);
	return 0;
}

int x86_set_cr3(struct tcg_env *env, uint64_t v)
{
	struct x86_cpu *c = x86_of(env);
	bool keep = (v >> 63) && (c->cr4 & X86_CR4_PCIDE);

	if (c->cr4 & X86_CR4_PCIDE) {
		v &= ~BIT64(63);
	}
	if (x86_lma(c) && (v & ~(BIT64(c->phys_bits) - 1))) {
		return -EINVAL;
	}
	if (!x86_lma(c)) {
		v = (uint32_t)v;
		if ((c->cr0 & X86_CR0_PG) && (c->cr4 & X86_CR4_PAE) &&
		    x86_load_pdptes(env, v) < 0) {
			return -EINVAL;
		}
	}
	c->cr3 = v;
	if (!keep && (c->cr0 & X86_CR0_PG)) {
		tcg_flush_space(env, x86_mmu_space(c));
	}
	x86_mmu_ctx(env);
	return 0;
}

static uint64_t cr4_allowed(const struct x86_cpu *c)
{
	static const struct {
		uint32_t bit;
		uint16_t feature;
	} by[] = {
		{ X86_CR4_VME | X86_CR4_PVI, X86F_VME },
		{ X86_CR4_TSD, X86F_TSC },
		{ X86_CR4_DE, X86F_DE },
		{ X86_CR4_PSE, X86F_PSE },
		{ X86_CR4_PAE, X86F_PAE },
		{ X86_CR4_MCE, X86F_MCE },
		{ X86_CR4_PGE, X86F_PGE },
		{ X86_CR4_OSFXSR, X86F_FXSR },
		{ X86_CR4_OSXMMEXCPT, X86F_SSE },
		{ X86_CR4_UMIP, X86F_UMIP },
		{ X86_CR4_LA57, X86F_LA57 },
		{ X86_CR4_FSGSBASE, X86F_FSGSBASE },
		{ X86_CR4_PCIDE, X86F_PCID },
		{ X86_CR4_OSXSAVE, X86F_XSAVE },
		{ X86_CR4_SMEP, X86F_SMEP },
		{ X86_CR4_SMAP, X86F_SMAP },
		{ X86_CR4_PKE, X86F_PKU },
	};
	uint64_t m = X86_CR4_PCE;

	for (unsigned i = 0; i < ARRAY_LEN(by); i++) {
		m |= x86_cpu_has(c, by[i].feature) ? by[i].bit : 0;
	}
	return m;
}

int x86_set_cr4(struct tcg_env *env, uint64_t v)
{
	struct x86_cpu *c = x86_of(env);
	const uint64_t mmu = X86_CR4_PSE | X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PCIDE |
	                     X86_CR4_SMEP | X86_CR4_SMAP | X86_CR4_PKE | X86_CR4_LA57;
	uint64_t was = c->cr4, diff = v ^ was;

	if (v & ~cr4_allowed(c)) {
		return -EINVAL;
	}
	if (x86_lma(c) && (!(v & X86_CR4_PAE) || (diff & X86_CR4_LA57))) {
		return -EINVAL;
	}
	if ((v & X86_CR4_PCIDE) && !(was & X86_CR4_PCIDE) &&
	    (!x86_lma(c) || (c->cr3 & 0xfff))) {
		return -EINVAL;
	}
	if ((c->cr0 & X86_CR0_PG) && !x86_lma(c) && (v & X86_CR4_PAE) &&
	    (diff & (X86_CR4_PAE | X86_CR4_PGE | X86_CR4_PSE | X86_CR4_SMEP)) &&
	    x86_load_pdptes(env, c->cr3) < 0) {
		return -EINVAL;
	}
	c->cr4 = v;
	if (diff & mmu) {
		tcg_flush_all(env);
	}
	x86_mode_changed(env);
	return 0;
}

uint64_t helper_read_cr(struct tcg_env *env, uint64_t n, uint64_t b, uint64_t cc,
                        uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)b, (void)cc, (void)d;
	cr_need_cpl0(env);
	if (n == 8) {
		tcg_outside(env, TCG_PLACE_CPU, 0);
	}
	switch (n) {
	case 0: return c->cr0;
	case 2: return c->cr2;
	case 3: return c->cr3;
	case 4: return c->cr4;
	case 8: return c->apic_ops && c->apic ? c->apic_ops->get_tpr(c->apic) : c->cr8;
	default: x86_ud(env);
	}
}

uint64_t helper_write_cr(struct tcg_env *env, uint64_t n, uint64_t v, uint64_t cc,
                         uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	int r = 0;

	(void)cc, (void)d;
	cr_need_cpl0(env);
	switch (n) {
	case 0: r = x86_set_cr0(env, v); break;
	case 2: c->cr2 = v; break;
	case 3: r = x86_set_cr3(env, v); break;
	case 4: r = x86_set_cr4(env, v); break;
	case 8:
		tcg_outside(env, TCG_PLACE_CPU, 0);
		if (v > 15) {
			r = -EINVAL;
		} else if (c->apic_ops && c->apic) {
			c->apic_ops->set_tpr(c->apic, (uint8_t)v);
		} else {
			c->cr8 = v;
		}
		break;
	default: x86_ud(env);
	}
	if (r < 0) {
		x86_gp(env, 0);
	}
	return 0;
}

uint64_t helper_smsw(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)a, (void)b, (void)cc, (void)d;
	if ((c->cr4 & X86_CR4_UMIP) && x86_cpl(c) != 0) {
		x86_gp(env, 0);
	}
	return c->cr0;
}

uint64_t helper_lmsw(struct tcg_env *env, uint64_t v, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)b, (void)cc, (void)d;
	cr_need_cpl0(env);
	/* PE can be set but not cleared. */
	if (x86_set_cr0(env, (c->cr0 & ~UINT64_C(0xe)) | (v & 0xf)) < 0) {
		x86_gp(env, 0);
	}
	return 0;
}

uint64_t helper_clts(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)a, (void)b, (void)cc, (void)d;
	c->cr0 &= ~(uint64_t)X86_CR0_TS;
	x86_update_hflags(c);
	return 0;
}

/* ---- debug registers ---- */

/* DR4/5 alias 6/7 unless CR4.DE. General detect comes before the privilege is used up.
 */
static unsigned cr_dr_index(struct tcg_env *env, uint64_t n)
{
	struct x86_cpu *c = x86_of(env);

	cr_need_cpl0(env);
	n &= 15;
	if (n == 4 || n == 5) {
		if (c->cr4 & X86_CR4_DE) {
			x86_ud(env);
		}
		n += 2;
	}
	if (n > 7) {
		x86_ud(env);
	}
	if (c->dr[7] & BIT(13)) {
		c->dr[6] |= BIT(13);
		x86_raise(env, X86_EXC_DB, 0);
	}
	return (unsigned)n;
}

uint64_t helper_read_dr(struct tcg_env *env, uint64_t n, uint64_t b, uint64_t cc,
                        uint64_t d)
{
	(void)b, (void)cc, (void)d;
	return x86_of(env)->dr[cr_dr_index(env, n)];
}

uint64_t helper_write_dr(struct tcg_env *env, uint64_t n, uint64_t v, uint64_t cc,
                         uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	unsigned i = cr_dr_index(env, n);

	(void)cc, (void)d;
	if (i >= 6 && v >> 32) {
		x86_gp(env, 0);
	}
	if (i == 6) {
		v = (v & 0xe00f) | 0xffff0ff0;
	} else if (i == 7) {
		v = (v & 0xffff2bff) | 0x400;
	}
	c->dr[i] = v;
	x86_update_hflags(c);
	return 0;
}

/* ---- TLB ---- */

uint64_t helper_invlpg(struct tcg_env *env, uint64_t addr, uint64_t b, uint64_t cc,
                       uint64_t d)
{
	(void)b, (void)cc, (void)d;
	cr_need_cpl0(env);
	tcg_flush_page(env, addr);
	return 0;
}

uint64_t helper_invpcid(struct tcg_env *env, uint64_t type, uint64_t addr, uint64_t cc,
                        uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t lo, va;

	(void)cc, (void)d;
	cr_need_cpl0(env);
	lo = tcg_ld(env, addr, 8, 0);
	va = tcg_ld(env, addr + 8, 8, 0);
	if (type > 3 || (lo >> 12) ||
	    (type <= 1 && (lo & 0xfff) && !(c->cr4 & X86_CR4_PCIDE)) ||
	    (type == 0 && !x86_canonical(c, va))) {
		x86_gp(env, 0);
	}
	if (type == 0) {
		tcg_flush_page(env, va);
	} else if (type == 1) {
		tcg_flush_space(env, c->cr4 & X86_CR4_PCIDE ? BIT64(63) | (lo & 0xfff)
		                                            : c->cr3 & CR_PA_MASK);
	} else {
		tcg_flush_all(env);
	}
	return 0;
}

uint64_t helper_wbinvd(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                       uint64_t d)
{
	(void)env, (void)a, (void)b, (void)cc, (void)d;
	return 0;
}

/* ---- flags ---- */

static bool cr_irq_waits(const struct x86_cpu *c)
{
	return atomic_load_explicit(&c->vcpu->requests, memory_order_acquire) != 0;
}

uint64_t helper_cli(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                    uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	unsigned iopl = x86_iopl(c), cpl = x86_cpl(c);

	(void)a, (void)b, (void)cc, (void)d;
	if (!x86_pe(c) || cpl <= iopl) {
		c->eflags &= ~X86_IF;
	} else if ((c->eflags & X86_VM) ? c->cr4 & X86_CR4_VME
	                                : cpl == 3 && (c->cr4 & X86_CR4_PVI)) {
		c->eflags &= ~X86_VIF;
	} else {
		x86_gp(env, 0);
	}
	return 0;
}

uint64_t helper_sti(struct tcg_env *env, uint64_t always, uint64_t b, uint64_t cc,
                    uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	unsigned iopl = x86_iopl(c), cpl = x86_cpl(c);
	bool was = c->eflags & X86_IF;

	(void)b, (void)cc, (void)d;
	if (!x86_pe(c) || cpl <= iopl) {
		c->eflags |= X86_IF;
	} else if (((c->eflags & X86_VM) ? c->cr4 & X86_CR4_VME
	                                 : cpl == 3 && (c->cr4 & X86_CR4_PVI)) &&
	           !(c->eflags & X86_VIP)) {
		c->eflags |= X86_VIF;
		return 0;
	} else {
		x86_gp(env, 0);
	}
	if (!was && (always || cr_irq_waits(c))) {
		c->int_shadow = true;
		x86_update_hflags(c);
		return 1;
	}
	return 0;
}

uint64_t helper_pushf(struct tcg_env *env, uint64_t size, uint64_t b, uint64_t cc,
                      uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t f = x86_get_rflags(c) & ~(uint64_t)(X86_RF | X86_VM);

	(void)b, (void)cc, (void)d;
	if (x86_vm86(c) && x86_iopl(c) < 3) {
		if (!(c->cr4 & X86_CR4_VME) || size != 2) {
			x86_gp(env, 0);
		}
		f = (f & ~(uint64_t)X86_IF) | X86_IOPL | (f & X86_VIF ? X86_IF : 0);
	}
	return f;
}

static void cr_popf_vme(struct tcg_env *env, uint64_t v)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t mask = (X86_ARITH | X86_DF | X86_NT) & 0xffff;

	if ((v & X86_TF) || ((v & X86_IF) && (c->eflags & X86_VIP))) {
		x86_gp(env, 0);
	}
	x86_put_rflags(c, v, mask);
	c->eflags = (c->eflags & ~X86_VIF) | (v & X86_IF ? X86_VIF : 0);
}

uint64_t helper_popf(struct tcg_env *env, uint64_t v, uint64_t size, uint64_t cc,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t mask = X86_ARITH | X86_TF | X86_DF | X86_NT | X86_AC | X86_ID;
	uint32_t was = c->eflags, diff;
	unsigned cpl = x86_cpl(c);

	(void)cc, (void)d;
	if (x86_vm86(c) && x86_iopl(c) < 3) {
		if (!(c->cr4 & X86_CR4_VME) || size != 2) {
			x86_gp(env, 0);
		}
		cr_popf_vme(env, v);
	} else {
		mask |= !x86_pe(c) || cpl <= x86_iopl(c) ? X86_IF : 0;
		mask |= !x86_pe(c) || (cpl == 0 && !(c->eflags & X86_VM)) ? X86_IOPL
		                                                          : 0;
		mask &= size == 2 ? 0xffff : ~UINT64_C(0);
		x86_put_rflags(c, v, mask);
		if (size != 2) {
			c->eflags &= ~X86_RF;
		}
	}
	diff = was ^ c->eflags;
	if (diff & X86_AC) {
		x86_mmu_ctx(env);
	}
	if (diff & (X86_TF | X86_IOPL)) {
		x86_update_hflags(c);
		return 1;
	}
	return (diff & X86_IF) && (c->eflags & X86_IF) && cr_irq_waits(c);
}

static void cr_set_ac(struct tcg_env *env, bool on)
{
	struct x86_cpu *c = x86_of(env);
	uint32_t was = c->eflags;

	if (x86_cpl(c) != 0 || !x86_pe(c)) {
		x86_ud(env);
	}
	c->eflags = on ? was | X86_AC : was & ~X86_AC;
	if ((was ^ c->eflags) && (c->cr4 & X86_CR4_SMAP)) {
		x86_mmu_ctx(env);
	}
}

uint64_t helper_clac(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	(void)a, (void)b, (void)cc, (void)d;
	cr_set_ac(env, false);
	return 0;
}

uint64_t helper_stac(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                     uint64_t d)
{
	(void)a, (void)b, (void)cc, (void)d;
	cr_set_ac(env, true);
	return 0;
}
