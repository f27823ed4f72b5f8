/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86.h - the architectural state of one x86 logical processor.
 *
 * Models: Intel SDM vol. 3A chapter 2 (system registers), vol. 1 chapters 3, 8,
 * 10, 13, 14. The translator runs on this struct directly; KVM fills it and is
 * filled from it; migration, the gdb stub and QMP read only it.
 *
 * Owner: the vCPU's thread while it runs; anyone while it is stopped. The
 * members that other threads touch say so.
 *
 * Fields used by translated code come first, so that their offsets fit in a byte
 * or at least are small.
 */
#ifndef LODGE_CORE_CPU_X86_H
#define LODGE_CORE_CPU_X86_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/cpu/arch.h"

struct vcpu;
struct vm;

enum x86_reg {
	X86_RAX,
	X86_RCX,
	X86_RDX,
	X86_RBX,
	X86_RSP,
	X86_RBP,
	X86_RSI,
	X86_RDI,
	X86_R8,
	X86_R9,
	X86_R10,
	X86_R11,
	X86_R12,
	X86_R13,
	X86_R14,
	X86_R15
};
enum x86_sreg {
	X86_ES,
	X86_CS,
	X86_SS,
	X86_DS,
	X86_FS,
	X86_GS,
	X86_LDTR,
	X86_TR,
	X86_NSEG
};

struct x86_seg {
	uint64_t base;
	uint32_t limit; /* in bytes, granularity applied */
	uint32_t attr; /* descriptor bits 8..23 of the high word, >> 8: type:4 s:1 dpl:2
	                  p:1 0:4 avl:1 l:1 db:1 g:1 */
	uint16_t sel;
};
#define X86_SEG_TYPE(a) ((a)&15)
#define X86_SEG_S       BIT(4)
#define X86_SEG_DPL(a)  (((a) >> 5) & 3)
#define X86_SEG_P       BIT(7)
#define X86_SEG_AVL     BIT(12)
#define X86_SEG_L       BIT(13)
#define X86_SEG_DB      BIT(14)
#define X86_SEG_G       BIT(15)

/* RFLAGS */
#define X86_CF             0x1u
#define X86_PF             0x4u
#define X86_AF             0x10u
#define X86_ZF             0x40u
#define X86_SF             0x80u
#define X86_TF             0x100u
#define X86_IF             0x200u
#define X86_DF             0x400u
#define X86_OF             0x800u
#define X86_IOPL           0x3000u
#define X86_NT             0x4000u
#define X86_RF             0x10000u
#define X86_VM             0x20000u
#define X86_AC             0x40000u
#define X86_VIF            0x80000u
#define X86_VIP            0x100000u
#define X86_ID             0x200000u
#define X86_ARITH          (X86_CF | X86_PF | X86_AF | X86_ZF | X86_SF | X86_OF)

#define X86_CR0_PE         BIT(0)
#define X86_CR0_MP         BIT(1)
#define X86_CR0_EM         BIT(2)
#define X86_CR0_TS         BIT(3)
#define X86_CR0_ET         BIT(4)
#define X86_CR0_NE         BIT(5)
#define X86_CR0_WP         BIT(16)
#define X86_CR0_AM         BIT(18)
#define X86_CR0_NW         BIT(29)
#define X86_CR0_CD         BIT(30)
#define X86_CR0_PG         BIT(31)
#define X86_CR4_VME        BIT(0)
#define X86_CR4_PVI        BIT(1)
#define X86_CR4_TSD        BIT(2)
#define X86_CR4_DE         BIT(3)
#define X86_CR4_PSE        BIT(4)
#define X86_CR4_PAE        BIT(5)
#define X86_CR4_MCE        BIT(6)
#define X86_CR4_PGE        BIT(7)
#define X86_CR4_PCE        BIT(8)
#define X86_CR4_OSFXSR     BIT(9)
#define X86_CR4_OSXMMEXCPT BIT(10)
#define X86_CR4_UMIP       BIT(11)
#define X86_CR4_LA57       BIT(12)
#define X86_CR4_FSGSBASE   BIT(16)
#define X86_CR4_PCIDE      BIT(17)
#define X86_CR4_OSXSAVE    BIT(18)
#define X86_CR4_SMEP       BIT(20)
#define X86_CR4_SMAP       BIT(21)
#define X86_CR4_PKE        BIT(22)
#define X86_EFER_SCE       BIT(0)
#define X86_EFER_LME       BIT(8)
#define X86_EFER_LMA       BIT(10)
#define X86_EFER_NXE       BIT(11)

/* vcpu->requests */
#define X86_REQ_HARD BIT(0) /* maskable interrupt: ask apic_ops->get_vector */
#define X86_REQ_NMI  BIT(1)
#define X86_REQ_INIT BIT(2)
#define X86_REQ_SIPI BIT(3)
#define X86_REQ_SMI  BIT(4)
#define X86_REQ_MCE  BIT(5)
#define X86_REQ_UNHALT                                                                 \
	BIT(6) /* another vCPU ends the halt, or the next one; see HLT's exit */

enum x86_exc {
	X86_EXC_DE,
	X86_EXC_DB,
	X86_EXC_NMI,
	X86_EXC_BP,
	X86_EXC_OF,
	X86_EXC_BR,
	X86_EXC_UD,
	X86_EXC_NM,
	X86_EXC_DF,
	X86_EXC_CSO,
	X86_EXC_TS,
	X86_EXC_NP,
	X86_EXC_SS,
	X86_EXC_GP,
	X86_EXC_PF,
	X86_EXC_MF = 16,
	X86_EXC_AC,
	X86_EXC_MC,
	X86_EXC_XM
};

union x86_vec {
	uint8_t b[64];
	uint16_t w[32];
	uint32_t d[16];
	uint64_t q[8];
	float f[16];
	double lf[8];
} __aligned_to(64);

#define X86_EXC_TRIPLE   256 /* exc_pending: shut down */

#define X86_HFLAGS_STALE UINT32_MAX

/* CPUID leaves the model answers; anything else answers as the highest basic leaf. */
struct x86_cpuid {
	uint32_t leaf, sub, flags, eax, ebx, ecx, edx;
};
enum { X86_CPUID_MAX = 96 };

/* Local APIC as the CPU sees it; registered by the irqchip device. Any lock of
 * RANK_IRQCHIP_CPU is taken inside. Called on the vCPU's thread. */
struct x86_apic_ops {
	int (*get_vector)(void *apic);  /* acknowledges; -1 = spurious/none */
	uint8_t (*get_tpr)(void *apic); /* CR8 */
	void (*set_tpr)(void *apic, uint8_t cr8);
	uint64_t (*get_base)(void *apic);
	int (*set_base)(void *apic, uint64_t v); /* -EINVAL: #GP */
	int (*x2apic_read)(void *apic, uint32_t msr,
	                   uint64_t *v); /* incl. TSC deadline 0x6e0 */
	int (*x2apic_write)(void *apic, uint32_t msr, uint64_t v);
	void (*reset)(void *apic, bool init);
	uint8_t (*sipi_vector)(void *apic);
};

struct x86_cpu;

/* A hypervisor's paravirtual interface that the guest was offered and that works under the
 * translator, too. Called on the vCPU's thread. */
struct x86_pv_ops {
	/* -ENOENT: not one of its registers; -EINVAL: #GP */
	int (*rdmsr)(struct x86_cpu *c, uint32_t msr, uint64_t *v);
	int (*wrmsr)(struct x86_cpu *c, uint32_t msr, uint64_t v);
	int64_t (*hypercall)(struct x86_cpu *c, uint64_t nr, const uint64_t arg[4]);
	/* The guest has moved its TSC by so much. */
	void (*tsc_moved)(struct x86_cpu *c, int64_t by);
};

struct x86_cpu {
	/* ---- hot: used by translated code ---- */
	uint64_t reg[16];
	uint64_t rip; /* LINEAR: CS base + EIP. Architectural: x86_ip(), x86_set_ip() */
	/* Lazy arithmetic flags: CC_OP_FLAGS (tcg-fallback/ir/env.h) with cc_a = the
	 * six bits themselves whenever the vCPU is outside translated code. */
	uint64_t cc_a, cc_b;
	uint32_t cc_op;
	uint32_t eflags; /* everything but X86_ARITH and DF */
	int64_t df;      /* +1 or -1 */
	uint32_t mxcsr,
		hflags; /* hflags: front end's block-selection bits, see guest/x86;
	                   X86_HFLAGS_STALE after anyone else wrote the state */
	struct x86_seg seg[X86_NSEG];
	uint64_t scratch[8]; /* for multi-part instructions of the front end */

	union x86_vec vec[32] __aligned_to(64);
	uint64_t k[8];

	/* ---- x87/MMX: physical registers, st(i) = fpr[(fptop + i) & 7] ---- */
	struct {
		uint64_t mant;
		uint16_t exp; /* sign in bit 15 */
		uint16_t pad[3];
	} fpr[8];
	uint16_t fpcw, fpsw;  /* fpsw without TOP; TOP is fptop */
	uint8_t fptop, fptag; /* fptag: bit i set = fpr[i] empty */
	uint16_t fpop, fpcs, fpds;
	uint64_t fpip, fpdp;

	/* ---- system ---- */
	uint64_t cr0, cr2, cr3, cr4, cr8, xcr0, efer;
	uint64_t dr[8];
	struct {
		uint64_t base;
		uint16_t limit;
	} gdt, idt;
	uint64_t star, lstar, cstar, fmask, kernel_gs_base, tsc_aux, pat;
	uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
	int64_t tsc_offset, tsc_adjust;
	uint64_t tsc_deadline;
	/* Of a VM that is stopped, where guests see the host's TSC (tsc_from_host): the host's
	 * TSC when it stopped, which stands still (0: it does not), and the accelerator's
	 * paravirtual clock then (0: there is none). The same on all vCPUs. */
	uint64_t stop_tsc, stop_clock_ns;
	uint64_t misc_enable, spec_ctrl, xss, debugctl, mcg_status, mcg_ctl, pkru;
	uint64_t mtrr_def, mtrr_fixed[11], mtrr_phys[16];
	uint64_t mc_bank[10][4];
	uint64_t system_time_msr, wall_clock_msr, steal_time_msr, pv_eoi_msr;
	/* of processors that only a hypervisor shows: the translator keeps them */
	uint64_t misc_features, tsx_ctrl, xfd, xfd_err, umwait, feature_control, smbase,
		smi_count, vm_hsave, tsc_ratio, mcg_ext_ctl, bndcfgs, pkrs,
		virt_spec_ctrl;
	/* KVM's paravirtual ones besides the clocks and steal time */
	uint64_t async_pf_msr, async_pf_int_msr, poll_control_msr,
		migration_control_msr;
	uint32_t a20_mask_off;

	/* ---- pending events: part of the state that migrates ---- */
	bool nmi_masked,
		int_shadow; /* int_shadow: after STI / MOV SS, for one instruction */
	bool in_smm, wait_sipi;
	int16_t exc_pending; /* -1 none: vector to be delivered; X86_EXC_TRIPLE */
	bool exc_has_err;
	uint32_t exc_err;
	int16_t exc_delivering; /* -1 none: vector whose delivery is under way */
	uint64_t pdpte[4];      /* PAE paging: loaded by MOV CR3 */

	/* ---- identification ---- */
	struct x86_cpuid cpuid[X86_CPUID_MAX];
	unsigned n_cpuid;
	uint32_t apic_id;
	uint8_t phys_bits, virt_bits;
	uint64_t features[20]; /* ORDER: x86-model.h */
	uint64_t missing[20];  /* of the model: what the accelerator lacks */
	uint64_t tsc_khz;
	bool tsc_from_host;
	const char *model;                 /* name, static */
	uint16_t topo_cores, topo_threads; /* cores a socket, threads a core */
	uint16_t topo_dies;                /* a socket; they share its cores */

	struct vcpu *vcpu;
	const struct x86_apic_ops *apic_ops;
	void *apic;
	const struct x86_pv_ops *pv_ops; /* NULL: no paravirtual interface is offered */
};

static inline unsigned x86_cpl(const struct x86_cpu *c)
{
	return X86_SEG_DPL(c->seg[X86_SS].attr);
}

/* In 64-bit code the CS base counts as 0; seg[X86_CS].base is 0 then. */
static inline bool x86_code64(const struct x86_cpu *c)
{
	return (c->efer & X86_EFER_LMA) && (c->seg[X86_CS].attr & X86_SEG_L);
}
static inline uint64_t x86_ip(const struct x86_cpu *c)
{
	return x86_code64(c) ? c->rip : (uint32_t)(c->rip - c->seg[X86_CS].base);
}
static inline void x86_set_ip(struct x86_cpu *c, uint64_t ip)
{
	c->rip = x86_code64(c) ? ip : (uint32_t)(c->seg[X86_CS].base + ip);
}

/* Full RFLAGS image; needs cc_op == CC_OP_FLAGS (outside translated code). */
uint64_t x86_rflags(const struct x86_cpu *c);
void x86_set_rflags(struct x86_cpu *c, uint64_t v);
/* FXSAVE / XSAVE images (SDM vol. 1, 10.5 and 13.4), for KVM and signal frames. */
void x86_to_fxsave(const struct x86_cpu *c, void *img512);
void x86_from_fxsave(struct x86_cpu *c, const void *img512);
/* Looks a leaf up in the model's table, with the dynamic bits (OSXSAVE, APIC id...) put
 * in. */
void x86_cpuid(struct x86_cpu *c, uint32_t leaf, uint32_t sub, uint32_t out[4]);
/* CLOCK_VM scaled to tsc_khz, or the host's TSC (stop_tsc while the VM is stopped), plus
 * tsc_offset. */
uint64_t x86_tsc(struct x86_cpu *c);

/*
 * Topology. The machine sets vm->smp before vm_add_vcpu(); x86_apic_id_of() gives what
 * vCPU `index` will have (MADT, SMBIOS and fw_cfg need it too).
 */
uint32_t x86_apic_id_of(const struct vm *vm, unsigned index);
/* INIT: like reset, but FPU, MSRs, CR0.CD/NW, TSC and the model survive. */
void x86_init_reset(struct x86_cpu *c);
/* STARTUP inter-processor interrupt: real mode at vector << 12. */
void x86_startup(struct x86_cpu *c, uint8_t vector);
/* The accelerator's word on what it executes (features[] order of x86-model.h); the
 * translator's own list is the default. */
void x86_model_set_supported(const uint64_t *features, unsigned n);
/* The accelerator's TSC: frequency of models that name none; from_host: x86_tsc() is
 * the host's TSC plus tsc_offset, so that guest code sees one clock whoever executes
 * it. */
void x86_model_set_tsc(uint32_t khz, bool from_host);
/* Physical address bits of the host that guest addresses must fit into. */
void x86_model_set_phys_limit(unsigned bits);

#endif
