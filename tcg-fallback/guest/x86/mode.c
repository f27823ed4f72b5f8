/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * mode.c - lazy flags, block key and MMU context from the architectural state.
 *
 * Spec: SDM vol. 1 3.4.3.1 (arithmetic flags); vol. 3A 2.2, 4.1 (modes).
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

/* ---- lazy flags (SDM vol. 1, 3.4.3.1) ---- */

static uint32_t cc_parity(uint64_t r)
{
	return __builtin_parity((unsigned)r & 0xff) ? 0 : X86_PF;
}

static uint32_t cc_zs(uint64_t r, unsigned bits)
{
	uint64_t m = bits == 64 ? ~UINT64_C(0) : BIT64(bits) - 1;

	return ((r & m) ? 0 : X86_ZF) | ((r >> (bits - 1)) & 1 ? X86_SF : 0) |
	       cc_parity(r);
}

void x86_cc_pack(struct x86_cpu *c)
{
	unsigned kind = c->cc_op & 0xff, bits = 8u << ((c->cc_op >> 8) & 3);
	uint64_t m = bits == 64 ? ~UINT64_C(0) : BIT64(bits) - 1;
	uint64_t a = c->cc_a, b = c->cc_b, r, first;
	uint32_t f;

	switch (kind) {
	case CC_OP_ADD:
		r = a;
		first = r - b;
		f = cc_zs(r, bits) | ((r & m) < (b & m) ? X86_CF : 0) |
		    ((first ^ b ^ r) & 0x10 ? X86_AF : 0) |
		    (((r ^ first) & (r ^ b)) >> (bits - 1) & 1 ? X86_OF : 0);
		break;
	case CC_OP_SUB:
		r = a - b;
		f = cc_zs(r, bits) | ((a & m) < (b & m) ? X86_CF : 0) |
		    ((a ^ b ^ r) & 0x10 ? X86_AF : 0) |
		    (((a ^ b) & (a ^ r)) >> (bits - 1) & 1 ? X86_OF : 0);
		break;
	case CC_OP_LOGIC: f = cc_zs(a, bits); break;
	case CC_OP_SHL:
		f = cc_zs(a, bits) | (b & 1 ? X86_CF : 0) |
		    ((a >> (bits - 1) & 1) != (b & 1) ? X86_OF : 0);
		break;
	default: f = (uint32_t)a & X86_ARITH; break;
	}
	c->cc_op = CC_OP_FLAGS;
	c->cc_a = f;
}

uint64_t x86_get_rflags(struct x86_cpu *c)
{
	x86_cc_pack(c);
	return x86_rflags(c);
}

void x86_put_rflags(struct x86_cpu *c, uint64_t v, uint64_t mask)
{
	uint64_t was = x86_get_rflags(c);

	x86_set_rflags(c, (was & ~mask) | (v & mask));
}

/* ---- modes ---- */

static bool guest_seg_flat(const struct x86_cpu *c, unsigned s)
{
	uint32_t a = c->seg[s].attr;

	if (!x86_pe(c) || (c->eflags & X86_VM)) {
		return c->seg[s].limit >= 0xffff;
	}
	if (c->seg[s].limit != 0xffffffff || !(a & X86_SEG_P) || !(a & X86_SEG_S)) {
		return false;
	}
	if (s == X86_CS) {
		return (a & 0xa) == 0xa; /* readable code */
	}
	return (a & 0xe) == 2; /* writable, expand-up data */
}

void x86_update_hflags(struct x86_cpu *c)
{
	uint32_t k = 0;
	bool code64 = x86_code64(c);

	if (code64) {
		k |= XH_CODE64;
	} else {
		k |= c->seg[X86_CS].attr & X86_SEG_DB ? XH_CODE32 : XH_CODE16;
		k |= c->seg[X86_SS].attr & X86_SEG_DB ? XH_SS32 : 0;
		for (unsigned s = X86_ES; s <= X86_GS; s++) {
			if (s <= X86_DS && c->seg[s].base) {
				k |= XH_BASE(s);
			}
			if (!guest_seg_flat(c, s)) {
				k |= XH_CHK(s);
			}
		}
	}
	k |= x86_cpl(c) << XH_CPL_SHIFT;
	k |= c->cr0 & X86_CR0_PE ? XH_PE : 0;
	k |= x86_vm86(c) ? XH_VM86 : 0;
	k |= (c->eflags & X86_TF) || x86_code_bp_any(c) ? XH_TF : 0;
	k |= c->int_shadow ? XH_SHADOW : 0;
	k |= c->cr0 & X86_CR0_TS ? XH_TS : 0;
	k |= c->cr0 & X86_CR0_EM ? XH_EM : 0;
	k |= c->cr0 & X86_CR0_MP ? XH_MP : 0;
	k |= c->cr0 & X86_CR0_NE ? XH_NE : 0;
	k |= c->cr4 & X86_CR4_OSFXSR ? XH_OSFXSR : 0;
	k |= (c->cr4 & X86_CR4_OSXSAVE) && (c->xcr0 & 6) == 6 ? XH_AVX : 0;
	k |= (c->mxcsr & 0x1f80) != 0x1f80 ? XH_XM : 0;
	k |= x86_lma(c) ? XH_LMA : 0;
	c->hflags = k;
}

void x86_mmu_ctx(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);
	enum x86_mmu_mode mode = X86_MMU_SUP;

	if (x86_cpl(c) == 3) {
		mode = X86_MMU_USER;
	} else if ((c->cr4 & X86_CR4_SMAP) && !(c->eflags & X86_AC)) {
		mode = X86_MMU_SUP_SMAP;
	}
	tcg_set_ctx(env, x86_mmu_space(c), mode);
}

void x86_mode_changed(struct tcg_env *env)
{
	x86_update_hflags(x86_of(env));
	x86_mmu_ctx(env);
}
