/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-fields.c - the state table of struct x86_cpu. Everything architectural is
 * here; hflags is derived, identification belongs to the configuration.
 */
#include "config.h"

#include "base/compiler.h"
#include "core/cpu/fields.h"
#include "core/cpu/x86-internal.h"
#include "core/cpu/x86.h"

#define F(t, m)                                                                        \
	{                                                                              \
#m, t, offsetof(struct x86_cpu, m), 1, 0                               \
	}
#define FMAX(t, m, x)                                                                  \
	{                                                                              \
#m, t, offsetof(struct x86_cpu, m), 1, x                               \
	}
#define FN(t, m, n)                                                                    \
	{                                                                              \
#m, t, offsetof(struct x86_cpu, m), n, 0                               \
	}
#define SEG(n, i)                                                                      \
	{ n ".base", CPU_F_U64, offsetof(struct x86_cpu, seg[i].base), 1, 0 },         \
		{ n ".limit", CPU_F_U32, offsetof(struct x86_cpu, seg[i].limit), 1,    \
		  0 },                                                                 \
		{ n ".attr", CPU_F_U32, offsetof(struct x86_cpu, seg[i].attr), 1,      \
		  0xffff },                                                            \
	{                                                                              \
		n ".sel", CPU_F_U16, offsetof(struct x86_cpu, seg[i].sel), 1, 0        \
	}
#define FPR(i)                                                                         \
	{ "fpr" #i ".mant", CPU_F_U64, offsetof(struct x86_cpu, fpr[i].mant), 1, 0 },  \
	{                                                                              \
		"fpr" #i ".exp", CPU_F_U16, offsetof(struct x86_cpu, fpr[i].exp), 1, 0 \
	}

/* clang-format off */
const struct cpu_field x86_fields[] = {
	FN(CPU_F_U64, reg, 16), F(CPU_F_U64, rip), F(CPU_F_U64, cc_a), F(CPU_F_U64, cc_b),
	FMAX(CPU_F_U32, cc_op, 0x3ff), F(CPU_F_U32, eflags), F(CPU_F_U64, df),
	FMAX(CPU_F_U32, mxcsr, 0xffff),
	SEG("es", X86_ES), SEG("cs", X86_CS), SEG("ss", X86_SS), SEG("ds", X86_DS),
	SEG("fs", X86_FS), SEG("gs", X86_GS), SEG("ldtr", X86_LDTR), SEG("tr", X86_TR),
	{ "vec", CPU_F_BYTES, offsetof(struct x86_cpu, vec), sizeof(union x86_vec) * 32, 0 },
	FN(CPU_F_U64, k, 8),
	FPR(0), FPR(1), FPR(2), FPR(3), FPR(4), FPR(5), FPR(6), FPR(7),
	F(CPU_F_U16, fpcw), F(CPU_F_U16, fpsw), FMAX(CPU_F_U8, fptop, 7), F(CPU_F_U8, fptag),
	FMAX(CPU_F_U16, fpop, 0x7ff), F(CPU_F_U16, fpcs), F(CPU_F_U16, fpds),
	F(CPU_F_U64, fpip), F(CPU_F_U64, fpdp),
	F(CPU_F_U64, cr0), F(CPU_F_U64, cr2), F(CPU_F_U64, cr3), F(CPU_F_U64, cr4),
	FMAX(CPU_F_U64, cr8, 15), F(CPU_F_U64, xcr0), F(CPU_F_U64, efer),
	FN(CPU_F_U64, dr, 8),
	F(CPU_F_U64, gdt.base), F(CPU_F_U16, gdt.limit), F(CPU_F_U64, idt.base),
	F(CPU_F_U16, idt.limit),
	F(CPU_F_U64, star), F(CPU_F_U64, lstar), F(CPU_F_U64, cstar), F(CPU_F_U64, fmask),
	F(CPU_F_U64, kernel_gs_base), F(CPU_F_U64, tsc_aux), F(CPU_F_U64, pat),
	F(CPU_F_U64, sysenter_cs), F(CPU_F_U64, sysenter_esp), F(CPU_F_U64, sysenter_eip),
	F(CPU_F_U64, tsc_offset), F(CPU_F_U64, tsc_adjust), F(CPU_F_U64, tsc_deadline),
	F(CPU_F_U64, stop_tsc), F(CPU_F_U64, stop_clock_ns),
	F(CPU_F_U64, system_time_msr), F(CPU_F_U64, wall_clock_msr),
	F(CPU_F_U64, steal_time_msr), F(CPU_F_U64, pv_eoi_msr),
	F(CPU_F_U64, misc_enable), F(CPU_F_U64, spec_ctrl), F(CPU_F_U64, xss),
	F(CPU_F_U64, debugctl), F(CPU_F_U64, mcg_status), F(CPU_F_U64, mcg_ctl),
	F(CPU_F_U64, pkru), F(CPU_F_U64, mtrr_def), FN(CPU_F_U64, mtrr_fixed, 11),
	FN(CPU_F_U64, mtrr_phys, 16), FN(CPU_F_U64, mc_bank, 40),
	F(CPU_F_U64, misc_features), F(CPU_F_U64, tsx_ctrl), F(CPU_F_U64, xfd),
	F(CPU_F_U64, xfd_err), F(CPU_F_U64, umwait), F(CPU_F_U64, feature_control),
	F(CPU_F_U64, smbase), F(CPU_F_U64, smi_count), F(CPU_F_U64, vm_hsave),
	F(CPU_F_U64, tsc_ratio), F(CPU_F_U64, mcg_ext_ctl), F(CPU_F_U64, bndcfgs),
	F(CPU_F_U64, pkrs), F(CPU_F_U64, virt_spec_ctrl), F(CPU_F_U64, async_pf_msr),
	F(CPU_F_U64, async_pf_int_msr), F(CPU_F_U64, poll_control_msr),
	F(CPU_F_U64, migration_control_msr),
	F(CPU_F_U32, a20_mask_off), F(CPU_F_BOOL, nmi_masked), F(CPU_F_BOOL, int_shadow),
	F(CPU_F_BOOL, in_smm), F(CPU_F_BOOL, wait_sipi),
	{ "exc_pending", CPU_F_U16, offsetof(struct x86_cpu, exc_pending), 1, 0 },
	F(CPU_F_BOOL, exc_has_err), F(CPU_F_U32, exc_err), FN(CPU_F_U64, pdpte, 4),
};
/* clang-format on */
_Static_assert(sizeof(x86_fields) / sizeof(x86_fields[0]) == X86_N_FIELDS, "count");
