/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * msr.c - model-specific registers, time-stamp counter, CPUID, random numbers.
 *
 * Spec: SDM vol. 4 (MSRs), vol. 3A chapter 11 (MTRR, PAT), 15 (machine check), 17.17
 * (TSC); AMD APM vol. 2 appendix A.
 *
 * An unknown register faults, as the processor does, and is logged under -d unimp.
 *
 * Threads: the vCPU's own.
 * Known gaps: no performance counters, no LBR, no thermal sensors; MTRRs and PAT are
 * stored and have no effect (all RAM is coherent here).
 */
#include "config.h"

#include <errno.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

enum {
	MSR_P5_MC_ADDR = 0x0,
	MSR_P5_MC_TYPE = 0x1,
	MSR_TSC = 0x10,
	MSR_PLATFORM_ID = 0x17,
	MSR_APIC_BASE = 0x1b,
	MSR_EBL_CR_POWERON = 0x2a,
	MSR_FEATURE_CONTROL = 0x3a,
	MSR_TSC_ADJUST = 0x3b,
	MSR_SPEC_CTRL = 0x48,
	MSR_PRED_CMD = 0x49,
	MSR_BIOS_UPDT_TRIG = 0x79,
	MSR_BIOS_SIGN_ID = 0x8b,
	MSR_PLATFORM_INFO = 0xce,
	MSR_MTRRCAP = 0xfe,
	MSR_ARCH_CAP = 0x10a,
	MSR_FLUSH_CMD = 0x10b,
	MSR_BBL_CR_CTL3 = 0x11e,
	MSR_MISC_FEATURES = 0x140,
	MSR_SYSENTER_CS = 0x174,
	MSR_SYSENTER_ESP = 0x175,
	MSR_SYSENTER_EIP = 0x176,
	MSR_MCG_CAP = 0x179,
	MSR_MCG_STATUS = 0x17a,
	MSR_MCG_CTL = 0x17b,
	MSR_PERF_STATUS = 0x198,
	MSR_THERM_STATUS = 0x19c,
	MSR_MISC_ENABLE = 0x1a0,
	MSR_ENERGY_PERF_BIAS = 0x1b0,
	MSR_DEBUGCTL = 0x1d9,
	MSR_MTRR_PHYS = 0x200,
	MSR_MTRR_FIX64K = 0x250,
	MSR_MTRR_FIX16K = 0x258,
	MSR_MTRR_FIX4K = 0x268,
	MSR_PAT = 0x277,
	MSR_MTRR_DEF = 0x2ff,
	MSR_MC0 = 0x400,
	MSR_TSC_DEADLINE = 0x6e0,
	MSR_X2APIC = 0x800,
	MSR_XSS = 0xda0,
};
#define MSR_EFER           0xc0000080u
#define MSR_STAR           0xc0000081u
#define MSR_LSTAR          0xc0000082u
#define MSR_CSTAR          0xc0000083u
#define MSR_FMASK          0xc0000084u
#define MSR_FS_BASE        0xc0000100u
#define MSR_GS_BASE        0xc0000101u
#define MSR_KERNEL_GS_BASE 0xc0000102u
#define MSR_TSC_AUX        0xc0000103u
#define MSR_AMD_SYSCFG     0xc0010010u
#define MSR_AMD_HWCR       0xc0010015u
#define MSR_AMD_PATCH      0xc001008bu
#define MSR_AMD_VIRT_SSBD  0xc001011fu
#define MSR_AMD_LS_CFG     0xc0011020u
#define MSR_AMD_DE_CFG     0xc0011029u

#define MSR_EFER_FFXSR     BIT(14)
#define MSR_EFER_AUTO_IBRS BIT(21)

static bool msr_is_intel(const struct x86_cpu *c)
{
	return c->n_cpuid && c->cpuid[0].ebx == 0x756e6547;
}

/* ---- tables of stored registers ---- */

/* Index into mtrr_fixed[], or -1. */
static int msr_mtrr_fixed(uint32_t msr)
{
	if (msr == MSR_MTRR_FIX64K) {
		return 0;
	}
	if (msr == MSR_MTRR_FIX16K || msr == MSR_MTRR_FIX16K + 1) {
		return 1 + (int)(msr - MSR_MTRR_FIX16K);
	}
	if (msr >= MSR_MTRR_FIX4K && msr < MSR_MTRR_FIX4K + 8) {
		return 3 + (int)(msr - MSR_MTRR_FIX4K);
	}
	return -1;
}

static bool msr_memtype_ok(unsigned t)
{
	return t == 0 || t == 1 || t == 4 || t == 5 || t == 6;
}

static bool msr_types_ok(uint64_t v, bool pat)
{
	for (unsigned i = 0; i < 8; i++) {
		unsigned t = v >> (8 * i) & 0xff;

		if (!msr_memtype_ok(t) && !(pat && t == 7)) {
			return false;
		}
	}
	return true;
}

/* Plain 64-bit storage behind `msr`, NULL if it is something else. */
static uint64_t *msr_slot(struct x86_cpu *c, uint32_t msr)
{
	int i = msr_mtrr_fixed(msr);
	bool mtrr = x86_cpu_has(c, X86F_MTRR);

	if (i >= 0) {
		return mtrr ? &c->mtrr_fixed[i] : NULL;
	}
	if (msr >= MSR_MTRR_PHYS && msr < MSR_MTRR_PHYS + 16) {
		return mtrr ? &c->mtrr_phys[msr - MSR_MTRR_PHYS] : NULL;
	}
	if (msr >= MSR_MC0 && msr < MSR_MC0 + 4 * ARRAY_LEN(c->mc_bank)) {
		return x86_cpu_has(c, X86F_MCA)
		               ? &c->mc_bank[(msr - MSR_MC0) / 4][msr & 3]
		               : NULL;
	}
	switch (msr) {
	case MSR_SYSENTER_CS: return &c->sysenter_cs;
	case MSR_SYSENTER_ESP: return &c->sysenter_esp;
	case MSR_SYSENTER_EIP: return &c->sysenter_eip;
	case MSR_MCG_STATUS: return &c->mcg_status;
	case MSR_MCG_CTL: return &c->mcg_ctl;
	case MSR_MISC_ENABLE: return &c->misc_enable;
	case MSR_DEBUGCTL: return &c->debugctl;
	case MSR_PAT: return x86_cpu_has(c, X86F_PAT) ? &c->pat : NULL;
	case MSR_MTRR_DEF: return mtrr ? &c->mtrr_def : NULL;
	default: break;
	}
	if (!x86_cpu_has(c, X86F_SYSCALL)) {
		return NULL;
	}
	switch (msr) {
	case MSR_STAR: return &c->star;
	case MSR_LSTAR: return &c->lstar;
	case MSR_CSTAR: return &c->cstar;
	case MSR_FMASK: return &c->fmask;
	case MSR_FS_BASE: return &c->seg[X86_FS].base;
	case MSR_GS_BASE: return &c->seg[X86_GS].base;
	case MSR_KERNEL_GS_BASE: return &c->kernel_gs_base;
	default: return NULL;
	}
}

static bool msr_needs_canonical(uint32_t msr)
{
	return msr == MSR_LSTAR || msr == MSR_CSTAR || msr == MSR_FS_BASE ||
	       msr == MSR_GS_BASE || msr == MSR_KERNEL_GS_BASE ||
	       msr == MSR_SYSENTER_ESP || msr == MSR_SYSENTER_EIP;
}

/* Is v a legal value for the plain register? Trims what the register does not keep. */
static bool msr_value_ok(const struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
	int fixed = msr_mtrr_fixed(msr);

	if (msr_needs_canonical(msr) && !x86_canonical(c, *v)) {
		return false;
	}
	if (fixed >= 0) {
		return msr_types_ok(*v, false);
	}
	if (msr == MSR_PAT) {
		return msr_types_ok(*v, true);
	}
	if (msr == MSR_MTRR_DEF) {
		return msr_memtype_ok(*v & 0xff) && !(*v & ~UINT64_C(0xcff));
	}
	if (msr >= MSR_MTRR_PHYS && msr < MSR_MTRR_PHYS + 16) {
		uint64_t high = ~(BIT64(c->phys_bits) - 1);

		if (msr & 1) {
			return !(*v & (high | 0x7ff));
		}
		return msr_memtype_ok(*v & 0xff) && !(*v & (high | 0xf00));
	}
	if (msr == MSR_FMASK || msr == MSR_SYSENTER_CS) {
		*v &= 0xffffffff;
	} else if (msr == MSR_DEBUGCTL) {
		*v &= 3;
	} else if (msr == MSR_MISC_ENABLE) {
		*v = (*v & (BIT(0) | BIT(22) | BIT64(34))) | BIT(11) | BIT(12);
	} else if (msr == MSR_MCG_CTL || msr == MSR_MCG_STATUS) {
		*v = msr == MSR_MCG_STATUS ? *v & 7 : *v;
	} else if (msr >= MSR_MC0 && msr < MSR_MC0 + 40 && (msr & 3) == 1) {
		return *v == 0; /* MCi_STATUS: only clearing */
	}
	return true;
}

/* ---- EFER ---- */

static int msr_write_efer(struct tcg_env *env, uint64_t v)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t ok = X86_EFER_LMA, was = c->efer;

	ok |= x86_cpu_has(c, X86F_SYSCALL) ? X86_EFER_SCE : 0;
	ok |= x86_cpu_has(c, X86F_LM) ? X86_EFER_LME : 0;
	ok |= x86_cpu_has(c, X86F_NX) ? X86_EFER_NXE : 0;
	ok |= x86_cpu_has(c, X86F_FXSR_OPT) ? MSR_EFER_FFXSR : 0;
	ok |= x86_cpu_has(c, X86F_AUTO_IBRS) ? MSR_EFER_AUTO_IBRS : 0;
	if ((v & ~ok) || (((v ^ was) & X86_EFER_LME) && (c->cr0 & X86_CR0_PG))) {
		return -EINVAL;
	}
	c->efer = (v & ~(uint64_t)X86_EFER_LMA) | (was & X86_EFER_LMA);
	if ((was ^ c->efer) & X86_EFER_NXE) {
		tcg_flush_all(env);
	}
	return 0;
}

/* ---- reading ---- */

static int msr_unknown(struct x86_cpu *c, const char *what, uint32_t msr, uint64_t v)
{
	static struct log_limit limit;

	if (log_on(LOG_UNIMP)) {
		log_guest_at(
			&limit, "x86: %s of unknown MSR 0x%x (value 0x%llx) at 0x%llx",
			what, msr, (unsigned long long)v, (unsigned long long)c->rip);
	}
	return -EINVAL;
}

static int msr_read_fixed(const struct x86_cpu *c, uint32_t msr, uint64_t *v)
{
	*v = 0;
	switch (msr) {
	case MSR_P5_MC_ADDR:
	case MSR_P5_MC_TYPE:
	case MSR_PLATFORM_ID:
	case MSR_EBL_CR_POWERON:
	case MSR_BBL_CR_CTL3:
	case MSR_THERM_STATUS:
	case MSR_ENERGY_PERF_BIAS:
	case MSR_AMD_SYSCFG:
	case MSR_AMD_LS_CFG:
	case MSR_AMD_VIRT_SSBD: return 0;
	case MSR_FEATURE_CONTROL:
		*v = 1; /* locked, nothing enabled */
		return 0;
	case MSR_BIOS_SIGN_ID:
		*v = msr_is_intel(c) ? UINT64_C(0x100000000) : 0x01000065;
		return 0;
	case MSR_AMD_PATCH: *v = 0x01000065; return 0;
	case MSR_AMD_HWCR:
		*v = BIT(24); /* TscFreqSel */
		return 0;
	case MSR_AMD_DE_CFG:
		*v = BIT(1); /* LFENCE serialises */
		return 0;
	case MSR_PLATFORM_INFO: *v = (c->tsc_khz / 100000) << 8; return 0;
	case MSR_PERF_STATUS: *v = UINT64_C(0x0000000400000000) | 1000; return 0;
	case MSR_MTRRCAP:
		if (!x86_cpu_has(c, X86F_MTRR)) {
			return -EINVAL;
		}
		*v = 8 | BIT(8) | BIT(10);
		return 0;
	case MSR_MCG_CAP: *v = x86_cpu_has(c, X86F_MCA) ? 10 | BIT(8) : 0; return 0;
	case MSR_ARCH_CAP:
		*v = c->features[XF_ARCH_CAP];
		return x86_cpu_has(c, X86F_ARCH_CAP) ? 0 : -EINVAL;
	default: return -EINVAL;
	}
}

int x86_rdmsr(struct tcg_env *env, uint32_t msr, uint64_t *v)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t *slot = msr_slot(c, msr);

	if (slot) {
		*v = *slot;
		return 0;
	}
	switch (msr) {
	case MSR_TSC: *v = x86_tsc(c); return 0;
	case MSR_TSC_ADJUST:
		*v = (uint64_t)c->tsc_adjust;
		return x86_cpu_has(c, X86F_TSC_ADJUST) ? 0 : -EINVAL;
	case MSR_TSC_AUX:
		*v = c->tsc_aux;
		return x86_cpu_has(c, X86F_RDTSCP) || x86_cpu_has(c, X86F_RDPID)
		               ? 0
		               : -EINVAL;
	case MSR_EFER:
		*v = c->efer;
		return x86_cpu_has(c, X86F_NX) || x86_cpu_has(c, X86F_LM) ? 0 : -EINVAL;
	case MSR_SPEC_CTRL:
		*v = c->spec_ctrl;
		return x86_cpu_has(c, X86F_SPEC_CTRL) ||
		                       x86_cpu_has(c, X86F_AMD_IBRS) ||
		                       x86_cpu_has(c, X86F_AMD_STIBP) ||
		                       x86_cpu_has(c, X86F_AMD_SSBD)
		               ? 0
		               : -EINVAL;
	case MSR_XSS: *v = c->xss; return x86_cpu_has(c, X86F_XSAVES) ? 0 : -EINVAL;
	case MSR_APIC_BASE:
		tcg_outside(env, TCG_PLACE_CPU, msr);
		if (!c->apic_ops || !c->apic) {
			return -EINVAL;
		}
		*v = c->apic_ops->get_base(c->apic);
		return 0;
	default: break;
	}
	if ((msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x100) ||
	    msr == MSR_TSC_DEADLINE) {
		tcg_outside(env, TCG_PLACE_CPU, msr);
		return c->apic_ops && c->apic
		               ? c->apic_ops->x2apic_read(c->apic, msr, v)
		               : -EINVAL;
	}
	if (c->pv_ops) {
		int r;

		tcg_outside(env, TCG_PLACE_CPU, msr);
		r = c->pv_ops->rdmsr(c, msr, v);

		if (r != -ENOENT) {
			return r;
		}
	}
	if (msr_read_fixed(c, msr, v) < 0) {
		return msr_unknown(c, "read", msr, 0);
	}
	return 0;
}

/* ---- writing ---- */

static void msr_move_tsc(struct x86_cpu *c, int64_t by)
{
	c->tsc_offset += by;
	c->tsc_adjust += by;
	if (by && c->pv_ops) {
		c->pv_ops->tsc_moved(c, by);
	}
}

static int msr_write_slot(struct x86_cpu *c, uint32_t msr, uint64_t *slot, uint64_t v)
{
	if (!msr_value_ok(c, msr, &v)) {
		return -EINVAL;
	}
	*slot = v;
	return 0;
}

/* Registers that may be written and keep nothing. */
static bool msr_ignores_write(const struct x86_cpu *c, uint32_t msr, uint64_t v)
{
	switch (msr) {
	case MSR_P5_MC_ADDR:
	case MSR_P5_MC_TYPE:
	case MSR_BIOS_UPDT_TRIG:
	case MSR_BIOS_SIGN_ID:
	case MSR_BBL_CR_CTL3:
	case MSR_THERM_STATUS:
	case MSR_ENERGY_PERF_BIAS:
	case MSR_AMD_LS_CFG:
	case MSR_AMD_DE_CFG:
	case MSR_AMD_HWCR:
	case MSR_AMD_SYSCFG:
	case MSR_AMD_VIRT_SSBD:
	case MSR_MISC_FEATURES: return true;
	case MSR_PRED_CMD:
		return !(v & ~UINT64_C(0x81)) &&
		       (x86_cpu_has(c, X86F_SPEC_CTRL) || x86_cpu_has(c, X86F_IBPB));
	case MSR_FLUSH_CMD: return false;
	default: return false;
	}
}

int x86_wrmsr(struct tcg_env *env, uint32_t msr, uint64_t v)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t *slot = msr_slot(c, msr);

	if (slot) {
		return msr_write_slot(c, msr, slot, v);
	}
	switch (msr) {
	case MSR_TSC: msr_move_tsc(c, (int64_t)(v - x86_tsc(c))); return 0;
	case MSR_TSC_ADJUST:
		if (!x86_cpu_has(c, X86F_TSC_ADJUST)) {
			return -EINVAL;
		}
		msr_move_tsc(c, (int64_t)v - c->tsc_adjust);
		return 0;
	case MSR_TSC_AUX:
		if (v >> 32) {
			return -EINVAL;
		}
		c->tsc_aux = v;
		return 0;
	case MSR_EFER: return msr_write_efer(env, v);
	case MSR_SPEC_CTRL:
		if ((v & ~UINT64_C(0x487)) || (!x86_cpu_has(c, X86F_SPEC_CTRL) &&
		                               !x86_cpu_has(c, X86F_AMD_IBRS) &&
		                               !x86_cpu_has(c, X86F_AMD_SSBD))) {
			return -EINVAL;
		}
		c->spec_ctrl = v;
		return 0;
	case MSR_XSS: return v || !x86_cpu_has(c, X86F_XSAVES) ? -EINVAL : 0;
	case MSR_APIC_BASE:
		tcg_outside(env, TCG_PLACE_CPU, msr);
		return c->apic_ops && c->apic ? c->apic_ops->set_base(c->apic, v)
		                              : -EINVAL;
	default: break;
	}
	if ((msr >= MSR_X2APIC && msr < MSR_X2APIC + 0x100) ||
	    msr == MSR_TSC_DEADLINE) {
		tcg_outside(env, TCG_PLACE_CPU, msr);
		return c->apic_ops && c->apic
		               ? c->apic_ops->x2apic_write(c->apic, msr, v)
		               : -EINVAL;
	}
	if (c->pv_ops) {
		int r;

		tcg_outside(env, TCG_PLACE_CPU, msr);
		r = c->pv_ops->wrmsr(c, msr, v);

		if (r != -ENOENT) {
			return r;
		}
	}
	return msr_ignores_write(c, msr, v) ? 0 : msr_unknown(c, "write", msr, v);
}

static void msr_need_cpl0(struct tcg_env *env)
{
	if (x86_cpl(x86_of(env)) != 0) {
		x86_gp(env, 0);
	}
}

static void msr_put_pair(struct x86_cpu *c, uint64_t v)
{
	c->reg[X86_RAX] = (uint32_t)v;
	c->reg[X86_RDX] = v >> 32;
}

uint64_t helper_rdmsr(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                      uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t v = 0;

	(void)a, (void)b, (void)cc, (void)d;
	msr_need_cpl0(env);
	if (x86_rdmsr(env, (uint32_t)c->reg[X86_RCX], &v) < 0) {
		x86_gp(env, 0);
	}
	msr_put_pair(c, v);
	return 0;
}

uint64_t helper_wrmsr(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                      uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t v = (uint32_t)c->reg[X86_RAX] | c->reg[X86_RDX] << 32;

	(void)a, (void)b, (void)cc, (void)d;
	msr_need_cpl0(env);
	if (x86_wrmsr(env, (uint32_t)c->reg[X86_RCX], v) < 0) {
		x86_gp(env, 0);
	}
	return 0;
}

/* ---- time, identification, chance ---- */

uint64_t helper_rdtsc(struct tcg_env *env, uint64_t p, uint64_t b, uint64_t cc,
                      uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)b, (void)cc, (void)d;
	if ((c->cr4 & X86_CR4_TSD) && x86_cpl(c) != 0) {
		x86_gp(env, 0);
	}
	msr_put_pair(c, x86_tsc(c));
	if (p) {
		c->reg[X86_RCX] = (uint32_t)c->tsc_aux;
	}
	return 0;
}

uint64_t helper_rdpmc(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                      uint64_t d)
{
	(void)a, (void)b, (void)cc, (void)d;
	x86_gp(env, 0); /* no counters */
}

uint64_t helper_cpuid(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                      uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint32_t out[4];

	(void)a, (void)b, (void)cc, (void)d;
	x86_cpuid(c, (uint32_t)c->reg[X86_RAX], (uint32_t)c->reg[X86_RCX], out);
	c->reg[X86_RAX] = out[0];
	c->reg[X86_RBX] = out[1];
	c->reg[X86_RCX] = out[2];
	c->reg[X86_RDX] = out[3];
	return 0;
}

/* A pool from the host's generator: one system call for 32 numbers. */
uint64_t helper_rdrand(struct tcg_env *env, uint64_t size, uint64_t seed, uint64_t cc,
                       uint64_t d)
{
	static __thread uint64_t pool[32];
	static __thread unsigned left;
	uint64_t v;

	(void)env, (void)seed, (void)cc, (void)d;
	if (!left) {
		ssize_t n;

		/* Up to 256 bytes come whole or not at all. */
		do {
			n = getrandom(pool, sizeof(pool), 0);
		} while (n < (ssize_t)sizeof(pool));
		left = ARRAY_LEN(pool);
	}
	v = pool[--left];
	pool[left] = 0;
	return size == 8 ? v : v & (BIT64(8 * size) - 1);
}

uint64_t helper_check_fsgsbase(struct tcg_env *env, uint64_t v, uint64_t b, uint64_t cc,
                               uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)b, (void)cc, (void)d;
	if (!(c->cr4 & X86_CR4_FSGSBASE) || !x86_code64(c)) {
		x86_ud(env);
	}
	if (!x86_canonical(c, v)) {
		x86_gp(env, 0);
	}
	return 0;
}
