/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-model.h - feature words and bits of x86_cpu.features[], and the CPU models.
 *
 * A feature is word * 64 + bit. Words are CPUID registers (SDM vol. 2A CPUID, AMD
 * APM vol. 3 appendix E) or MSRs that enumerate features. ORDER: x86-feature.c.
 */
#ifndef LODGE_CORE_CPU_X86_MODEL_H
#define LODGE_CORE_CPU_X86_MODEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"
#include "core/cpu/x86.h"

enum x86_fword {
	XF_1_EDX,
	XF_1_ECX,
	XF_7_EBX,
	XF_7_ECX,
	XF_7_EDX,
	XF_81_EDX, /* 0x80000001 */
	XF_81_ECX,
	XF_D1_EAX, /* 0xd.1 */
	XF_71_EAX, /* 7.1 */
	XF_88_EBX, /* 0x80000008 */
	XF_87_EDX, /* 0x80000007 */
	XF_6_EAX,
	XF_821_EAX,  /* 0x80000021 */
	XF_ARCH_CAP, /* IA32_ARCH_CAPABILITIES */
	XF_HV,       /* pseudo: hypervisor-related switches */
	XF_72_EDX,   /* 7.2 */
	XF_KVM,      /* 0x40000001: KVM's paravirtual features */
	XF_KVM_HINTS,
	XF_SVM,      /* 0x8000000a */
	XF_CORE_CAP, /* IA32_CORE_CAPABILITIES */
	XF_N
};

#define X86_FEAT(w, b) ((w)*64 + (b))
enum x86_feature {
	X86F_FPU = X86_FEAT(XF_1_EDX, 0),
	X86F_VME = X86_FEAT(XF_1_EDX, 1),
	X86F_DE = X86_FEAT(XF_1_EDX, 2),
	X86F_PSE = X86_FEAT(XF_1_EDX, 3),
	X86F_TSC = X86_FEAT(XF_1_EDX, 4),
	X86F_MSR = X86_FEAT(XF_1_EDX, 5),
	X86F_PAE = X86_FEAT(XF_1_EDX, 6),
	X86F_MCE = X86_FEAT(XF_1_EDX, 7),
	X86F_CX8 = X86_FEAT(XF_1_EDX, 8),
	X86F_APIC = X86_FEAT(XF_1_EDX, 9),
	X86F_SEP = X86_FEAT(XF_1_EDX, 11),
	X86F_MTRR = X86_FEAT(XF_1_EDX, 12),
	X86F_PGE = X86_FEAT(XF_1_EDX, 13),
	X86F_MCA = X86_FEAT(XF_1_EDX, 14),
	X86F_CMOV = X86_FEAT(XF_1_EDX, 15),
	X86F_PAT = X86_FEAT(XF_1_EDX, 16),
	X86F_PSE36 = X86_FEAT(XF_1_EDX, 17),
	X86F_CLFLUSH = X86_FEAT(XF_1_EDX, 19),
	X86F_MMX = X86_FEAT(XF_1_EDX, 23),
	X86F_FXSR = X86_FEAT(XF_1_EDX, 24),
	X86F_SSE = X86_FEAT(XF_1_EDX, 25),
	X86F_SSE2 = X86_FEAT(XF_1_EDX, 26),
	X86F_HT = X86_FEAT(XF_1_EDX, 28),
	X86F_SSE3 = X86_FEAT(XF_1_ECX, 0),
	X86F_PCLMUL = X86_FEAT(XF_1_ECX, 1),
	X86F_MONITOR = X86_FEAT(XF_1_ECX, 3),
	X86F_SSSE3 = X86_FEAT(XF_1_ECX, 9),
	X86F_FMA = X86_FEAT(XF_1_ECX, 12),
	X86F_CX16 = X86_FEAT(XF_1_ECX, 13),
	X86F_PDCM = X86_FEAT(XF_1_ECX, 15),
	X86F_PCID = X86_FEAT(XF_1_ECX, 17),
	X86F_SSE41 = X86_FEAT(XF_1_ECX, 19),
	X86F_SSE42 = X86_FEAT(XF_1_ECX, 20),
	X86F_X2APIC = X86_FEAT(XF_1_ECX, 21),
	X86F_MOVBE = X86_FEAT(XF_1_ECX, 22),
	X86F_POPCNT = X86_FEAT(XF_1_ECX, 23),
	X86F_TSC_DEADLINE = X86_FEAT(XF_1_ECX, 24),
	X86F_AES = X86_FEAT(XF_1_ECX, 25),
	X86F_XSAVE = X86_FEAT(XF_1_ECX, 26),
	X86F_AVX = X86_FEAT(XF_1_ECX, 28),
	X86F_F16C = X86_FEAT(XF_1_ECX, 29),
	X86F_RDRAND = X86_FEAT(XF_1_ECX, 30),
	X86F_HYPERVISOR = X86_FEAT(XF_1_ECX, 31),
	X86F_FSGSBASE = X86_FEAT(XF_7_EBX, 0),
	X86F_TSC_ADJUST = X86_FEAT(XF_7_EBX, 1),
	X86F_SGX = X86_FEAT(XF_7_EBX, 2),
	X86F_BMI1 = X86_FEAT(XF_7_EBX, 3),
	X86F_AVX2 = X86_FEAT(XF_7_EBX, 5),
	X86F_SMEP = X86_FEAT(XF_7_EBX, 7),
	X86F_BMI2 = X86_FEAT(XF_7_EBX, 8),
	X86F_ERMS = X86_FEAT(XF_7_EBX, 9),
	X86F_INVPCID = X86_FEAT(XF_7_EBX, 10),
	X86F_MPX = X86_FEAT(XF_7_EBX, 14),
	X86F_AVX512F = X86_FEAT(XF_7_EBX, 16),
	X86F_RDSEED = X86_FEAT(XF_7_EBX, 18),
	X86F_ADX = X86_FEAT(XF_7_EBX, 19),
	X86F_SMAP = X86_FEAT(XF_7_EBX, 20),
	X86F_CLFLUSHOPT = X86_FEAT(XF_7_EBX, 23),
	X86F_CLWB = X86_FEAT(XF_7_EBX, 24),
	X86F_INTEL_PT = X86_FEAT(XF_7_EBX, 25),
	X86F_SHA_NI = X86_FEAT(XF_7_EBX, 29),
	X86F_UMIP = X86_FEAT(XF_7_ECX, 2),
	X86F_PKU = X86_FEAT(XF_7_ECX, 3),
	X86F_GFNI = X86_FEAT(XF_7_ECX, 8),
	X86F_VAES = X86_FEAT(XF_7_ECX, 9),
	X86F_VPCLMULQDQ = X86_FEAT(XF_7_ECX, 10),
	X86F_LA57 = X86_FEAT(XF_7_ECX, 16),
	X86F_RDPID = X86_FEAT(XF_7_ECX, 22),
	X86F_SGXLC = X86_FEAT(XF_7_ECX, 30),
	X86F_FSRM = X86_FEAT(XF_7_EDX, 4),
	X86F_MD_CLEAR = X86_FEAT(XF_7_EDX, 10),
	X86F_SERIALIZE = X86_FEAT(XF_7_EDX, 14),
	X86F_ARCH_LBR = X86_FEAT(XF_7_EDX, 19),
	X86F_AMX_TILE = X86_FEAT(XF_7_EDX, 24),
	X86F_SPEC_CTRL = X86_FEAT(XF_7_EDX, 26),
	X86F_STIBP = X86_FEAT(XF_7_EDX, 27),
	X86F_ARCH_CAP = X86_FEAT(XF_7_EDX, 29),
	X86F_SSBD = X86_FEAT(XF_7_EDX, 31),
	X86F_XSAVEOPT = X86_FEAT(XF_D1_EAX, 0),
	X86F_XSAVEC = X86_FEAT(XF_D1_EAX, 1),
	X86F_XGETBV1 = X86_FEAT(XF_D1_EAX, 2),
	X86F_XSAVES = X86_FEAT(XF_D1_EAX, 3),
	X86F_ARAT = X86_FEAT(XF_6_EAX, 2),
	X86F_SYSCALL = X86_FEAT(XF_81_EDX, 11),
	X86F_NX = X86_FEAT(XF_81_EDX, 20),
	X86F_MMXEXT = X86_FEAT(XF_81_EDX, 22),
	X86F_FXSR_OPT = X86_FEAT(XF_81_EDX, 25),
	X86F_PDPE1GB = X86_FEAT(XF_81_EDX, 26),
	X86F_RDTSCP = X86_FEAT(XF_81_EDX, 27),
	X86F_LM = X86_FEAT(XF_81_EDX, 29),
	X86F_LAHF_LM = X86_FEAT(XF_81_ECX, 0),
	X86F_CMP_LEGACY = X86_FEAT(XF_81_ECX, 1),
	X86F_SVM = X86_FEAT(XF_81_ECX, 2),
	X86F_ABM = X86_FEAT(XF_81_ECX, 5),
	X86F_SSE4A = X86_FEAT(XF_81_ECX, 6),
	X86F_3DNOWPREFETCH = X86_FEAT(XF_81_ECX, 8),
	X86F_TOPOEXT = X86_FEAT(XF_81_ECX, 22),
	X86F_INVTSC = X86_FEAT(XF_87_EDX, 8),
	X86F_IBPB = X86_FEAT(XF_88_EBX, 12),
	X86F_AMD_IBRS = X86_FEAT(XF_88_EBX, 14),
	X86F_AMD_STIBP = X86_FEAT(XF_88_EBX, 15),
	X86F_AMD_SSBD = X86_FEAT(XF_88_EBX, 24),
	X86F_VIRT_SSBD = X86_FEAT(XF_88_EBX, 25),
	X86F_AMD_SSB_NO = X86_FEAT(XF_88_EBX, 26),
	X86F_BTC_NO = X86_FEAT(XF_88_EBX, 29),
	X86F_LFENCE_SERIALIZING = X86_FEAT(XF_821_EAX, 2),
	X86F_NULL_SEL_CLR_BASE = X86_FEAT(XF_821_EAX, 6),
	X86F_AUTO_IBRS = X86_FEAT(XF_821_EAX, 8),
	X86F_SRSO_NO = X86_FEAT(XF_821_EAX, 29),
	X86F_BHI_CTRL = X86_FEAT(XF_72_EDX, 4),
	X86F_KVM_CLOCK_OLD = X86_FEAT(XF_KVM, 0),
	X86F_KVM_CLOCK = X86_FEAT(XF_KVM, 3),
	X86F_KVM_ASYNC_PF = X86_FEAT(XF_KVM, 4),
	X86F_KVM_ASYNC_PF_INT = X86_FEAT(XF_KVM, 14),
	X86F_KVM_UNHALT = X86_FEAT(XF_KVM, 7),
	X86F_CORE_CAP = X86_FEAT(XF_7_EDX, 30),
	X86F_HV_LODGE = X86_FEAT(XF_HV, 0), /* signature leaves at 0x40000000 */
};

static inline bool x86_cpu_has(const struct x86_cpu *c, enum x86_feature f)
{
	return (c->features[(unsigned)f / 64] >> ((unsigned)f % 64)) & 1;
}
static inline void x86_feature_set(uint64_t *words, unsigned f, bool on)
{
	words[f / 64] = (words[f / 64] & ~BIT64(f % 64)) | (uint64_t)on << (f % 64);
}

/* Where a word is read; arch_cap has msr set. Zero leaf and no msr: pseudo. */
struct x86_fword_info {
	const char *name;
	uint32_t leaf, sub;
	uint8_t reg; /* 0 eax .. 3 edx */
	uint32_t msr;
	const char *const *bits; /* 32 or 64 names, NULL = unknown; "a|b": spellings */
	unsigned n_bits;
};
extern const struct x86_fword_info x86_fwords[XF_N];

/* Any spelling ("sse4.1", "sse4-1", "sse4_1"); -ENOENT. */
int x86_feature_find(const char *name, size_t len);
const char *x86_feature_name(unsigned f, char buf[32]);
/* Adds the features named in a blank-separated list that we wrote ourselves. */
void x86_feature_add_list(uint64_t *words, const char *list);
/* Features that this accelerator executes; that the translator does. */
const uint64_t *x86_model_supported(void);
const uint64_t *x86_model_tcg(void);

struct x86_model {
	const char *name, *base; /* base: model whose features come first */
	const char *vendor;      /* 12 characters */
	uint8_t family, model, stepping;
	uint32_t level, xlevel;
	const char *id;        /* brand string */
	const char *add, *del; /* feature lists */
	bool host;             /* "host": the accelerator must offer it */
	bool max;              /* everything supported */
	bool bare;             /* "base": nothing but what is asked for */
};
extern const struct x86_model x86_models[];
extern const unsigned x86_n_models;

/* x86-model-versions.c: what changed since the version before; 0 and NULL: nothing */
struct x86_model_version {
	const char *model;
	uint8_t version, number, stepping;
	const char *alias, *id;
	const char *add, *del;
};
const struct x86_model_version *x86_model_version(const struct x86_model *m,
                                                  unsigned v);
/* "NAME", "NAME-vN" or an alias, in any case; NULL. */
const struct x86_model *x86_model_find(const char *name, unsigned *version);
/* Every name that -cpu takes; NULL at the end. Control thread. */
struct x86_model_name_info {
	char name[40], alias_of[40]; /* "": none */
	const struct x86_model *model;
	unsigned version;
};
const struct x86_model_name_info *x86_model_at(unsigned i);
/* "Haswell", "Haswell-v2": static. Control thread. */
const char *x86_model_full_name(const struct x86_model *m, unsigned version);

static inline bool x86_vendor_is_amd(const char *vendor) /* or made to its design */
{
	return !strcmp(vendor, "AuthenticAMD") || !strcmp(vendor, "HygonGenuine");
}

/* x86-cpuid.c: builds c->cpuid[] from features, model and topology. */
struct x86_ident {
	char vendor[13], id[49];
	unsigned family, model, stepping;
	uint32_t level, xlevel;
	bool hv_signature;
	bool no_l3, host_caches, no_leaf_b, no_freq_leaf;
	unsigned sockets;
};
void x86_cpuid_build(struct x86_cpu *c, const struct x86_ident *id);
/* Bytes of the standard-format XSAVE area that `xcr0` needs; and a component's place.
 */
uint32_t x86_xsave_size(uint64_t xcr0);
uint32_t x86_xsave_compact_size(uint64_t mask);
void x86_xsave_component(unsigned i, uint32_t *size, uint32_t *off);
uint32_t x86_xsave_component_flags(unsigned i); /* ECX of its sub-leaf */
#define X86_XCR0_X87  BIT64(0)
#define X86_XCR0_SSE  BIT64(1)
#define X86_XCR0_AVX  BIT64(2)
#define X86_XCR0_PKRU BIT64(9)

/* Components as the host's processor has them (leaf 0xd); control, before any model. */
void x86_xsave_set_component(unsigned i, uint32_t size, uint32_t off, uint32_t flags);

/* x86-set-model.c */
int x86_set_model(struct vcpu *v, struct opt *opts, struct err *e) __must_check;
/* The same for a vCPU that will never run, without a word on what is missing: for questions
 * about models. */
int x86_describe_model(struct vcpu *v, struct opt *opts, struct x86_ident *id,
                       struct err *e) __must_check;
const char *x86_model_name(unsigned i);

#endif
