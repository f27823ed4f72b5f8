/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-feature.c - names of CPU features. The spellings are those that -cpu has always
 * taken elsewhere; '_', '-' and '.' are the same character.
 *
 * Spec: SDM vol. 2A CPUID; AMD APM vol. 3 appendix E. Pure functions, but the
 * supported set, which is written once while the accelerator starts.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "core/cpu/x86-model.h"

static const char *const feature_1_edx[] = {
	"fpu", "vme",  "de",   "pse",   "tsc", "msr",           "pae",
	"mce", "cx8",  "apic", NULL,    "sep", "mtrr",          "pge",
	"mca", "cmov", "pat",  "pse36", "pn",  "clflush|clfsh", NULL,
	"ds",  "acpi", "mmx",  "fxsr",  "sse", "sse2",          "ss",
	"ht",  "tm",   "ia64", "pbe",
};
static const char *const feature_1_ecx[] = {
	"pni|sse3",     "pclmulqdq|pclmuldq",
	"dtes64",       "monitor",
	"ds-cpl",       "vmx",
	"smx",          "est",
	"tm2",          "ssse3",
	"cid",          NULL,
	"fma",          "cx16",
	"xtpr",         "pdcm",
	NULL,           "pcid",
	"dca",          "sse4.1",
	"sse4.2",       "x2apic",
	"movbe",        "popcnt",
	"tsc-deadline", "aes",
	"xsave",        NULL /* osxsave */,
	"avx",          "f16c",
	"rdrand",       "hypervisor",
};
static const char *const feature_7_ebx[] = {
	"fsgsbase",
	"tsc-adjust",
	"sgx",
	"bmi1",
	"hle",
	"avx2",
	"fdp-excptn-only",
	"smep",
	"bmi2",
	"erms",
	"invpcid",
	"rtm",
	NULL,
	"zero-fcs-fds",
	"mpx",
	NULL,
	"avx512f",
	"avx512dq",
	"rdseed",
	"adx",
	"smap",
	"avx512ifma",
	"pcommit",
	"clflushopt",
	"clwb",
	"intel-pt",
	"avx512pf",
	"avx512er",
	"avx512cd",
	"sha-ni|sha",
	"avx512bw",
	"avx512vl",
};
static const char *const feature_7_ecx[] = {
	NULL,
	"avx512vbmi|avx512-vbmi",
	"umip",
	"pku",
	NULL /* ospke */,
	"waitpkg",
	"avx512vbmi2|avx512-vbmi2",
	NULL,
	"gfni",
	"vaes",
	"vpclmulqdq",
	"avx512vnni|avx512-vnni",
	"avx512bitalg|avx512-bitalg",
	NULL,
	"avx512-vpopcntdq",
	NULL,
	"la57",
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	"rdpid",
	NULL,
	"bus-lock-detect",
	"cldemote",
	NULL,
	"movdiri",
	"movdir64b",
	NULL,
	"sgxlc",
	"pks",
};
static const char *const feature_7_edx[] = {
	NULL,
	NULL,
	"avx512-4vnniw",
	"avx512-4fmaps",
	"fsrm",
	NULL,
	NULL,
	NULL,
	"avx512-vp2intersect",
	NULL,
	"md-clear",
	NULL,
	NULL,
	NULL,
	"serialize",
	NULL,
	"tsx-ldtrk",
	NULL,
	NULL,
	"arch-lbr",
	NULL,
	NULL,
	"amx-bf16",
	"avx512-fp16",
	"amx-tile",
	"amx-int8",
	"spec-ctrl",
	"stibp",
	"flush-l1d",
	"arch-capabilities",
	"core-capability",
	"ssbd",
};
static const char *const feature_71_eax[] = {
	NULL, NULL, NULL,   NULL,   "avx-vnni", "avx512-bf16", NULL, "cmpccxadd",
	NULL, NULL, "fzrm", "fsrs", "fsrc",     NULL,          NULL, NULL,
	NULL, NULL, NULL,   NULL,   NULL,       "amx-fp16",    NULL, "avx-ifma",
	NULL, NULL, NULL,   NULL,   NULL,       NULL,          NULL, NULL,
};
static const char *const feature_d1_eax[] = {
	"xsaveopt", "xsavec", "xgetbv1", "xsaves", "xfd",
};
static const char *const feature_6_eax[] = { NULL, NULL, "arat" };
static const char *const feature_81_edx[] = {
	NULL,       NULL,
	NULL,       NULL,
	NULL,       NULL,
	NULL,       NULL,
	NULL,       NULL,
	NULL,       "syscall",
	NULL,       NULL,
	NULL,       NULL,
	NULL,       NULL,
	NULL,       "mp",
	"nx|xd",    NULL,
	"mmxext",   NULL,
	NULL,       "fxsr-opt|ffxsr",
	"pdpe1gb",  "rdtscp",
	NULL,       "lm|i64",
	"3dnowext", "3dnow",
};
static const char *const feature_81_ecx[] = {
	"lahf-lm",    "cmp-legacy",  "svm",
	"extapic",    "cr8legacy",   "abm|lzcnt",
	"sse4a",      "misalignsse", "3dnowprefetch",
	"osvw",       "ibs",         "xop",
	"skinit",     "wdt",         NULL,
	"lwp",        "fma4",        "tce",
	NULL,         "nodeid-msr",  NULL,
	"tbm",        "topoext",     "perfctr-core",
	"perfctr-nb", NULL,          NULL,
	NULL,         NULL,          NULL,
	NULL,         NULL,
};
static const char *const feature_87_edx[] = {
	NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "invtsc",
};
static const char *const feature_88_ebx[] = {
	"clzero",    NULL,        "xsaveerptr",
	NULL,        NULL,        NULL,
	NULL,        NULL,        NULL,
	"wbnoinvd",  NULL,        NULL,
	"ibpb",      NULL,        "ibrs",
	"amd-stibp", NULL,        "stibp-always-on",
	NULL,        NULL,        NULL,
	NULL,        NULL,        NULL,
	"amd-ssbd",  "virt-ssbd", "amd-no-ssb",
	NULL,        "amd-psfd",  "btc-no",
	NULL,        NULL,
};
static const char *const feature_821_eax[] = {
	"no-nested-data-bp",
	NULL,
	"lfence-always-serializing",
	NULL,
	NULL,
	NULL,
	"null-sel-clr-base",
	NULL,
	"auto-ibrs",
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	"sbpb",
	"ibpb-brtype",
	"srso-no",
	NULL,
	NULL,
};
static const char *const feature_arch_cap[] = {
	"rdctl-no",
	"ibrs-all",
	"rsba",
	"skip-l1dfl-vmentry",
	"ssb-no",
	"mds-no",
	"pschange-mc-no",
	"tsx-ctrl",
	"taa-no",
	NULL,
	NULL,
	NULL,
	NULL,
	"sbdr-ssdp-no",
	"fbsdp-no",
	"psdp-no",
	NULL,
	"fb-clear",
	NULL,
	"rrsba",
	"bhi-no",
	NULL,
	NULL,
	NULL,
	"pbrsb-no",
	NULL,
	"gds-no",
	"rfds-no",
	"rfds-clear",
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	"its-no",
};
static const char *const feature_hv[] = { "lodge-signature" };
static const char *const feature_72_edx[] = {
	"psfd", "ipred-ctrl", "rrsba-ctrl", "ddpd-u", "bhi-ctrl", "mcdt-no",
};

static const char *const feature_kvm[] = {
	"kvmclock-old",
	"kvm-nopiodelay",
	"kvm-mmu",
	"kvmclock",
	"kvm-asyncpf",
	"kvm-steal-time",
	"kvm-pv-eoi",
	"kvm-pv-unhalt",
	NULL,
	"kvm-pv-tlb-flush",
	"kvm-asyncpf-vmexit",
	"kvm-pv-ipi",
	"kvm-poll-control",
	"kvm-pv-sched-yield",
	"kvm-asyncpf-int",
	"kvm-msi-ext-dest-id",
	"kvm-hc-map-gpa-range",
	"kvm-migration-control",
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	"kvmclock-stable-bit",
};
static const char *const feature_kvm_hints[] = { "kvm-hint-dedicated" };
static const char *const feature_svm[] = {
	"npt",
	"lbrv",
	"svm-lock",
	"nrip-save",
	"tsc-scale",
	"vmcb-clean",
	"flushbyasid",
	"decodeassists",
	NULL,
	NULL,
	"pause-filter",
	NULL,
	"pfthreshold",
	"avic",
	NULL,
	"v-vmsave-vmload",
	"vgif",
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	NULL,
	"vnmi",
	NULL,
	NULL,
	"svme-addr-chk",
};
static const char *const feature_core_cap[] = {
	NULL, NULL, NULL, NULL, NULL, "split-lock-detect",
};

#define FWORD(w, n, l, s, r, m, t) [w] = { n, l, s, r, m, t, ARRAY_LEN(t) }
const struct x86_fword_info x86_fwords[XF_N] = {
	FWORD(XF_1_EDX, "CPUID[1].EDX", 1, 0, 3, 0, feature_1_edx),
	FWORD(XF_1_ECX, "CPUID[1].ECX", 1, 0, 2, 0, feature_1_ecx),
	FWORD(XF_7_EBX, "CPUID[7].EBX", 7, 0, 1, 0, feature_7_ebx),
	FWORD(XF_7_ECX, "CPUID[7].ECX", 7, 0, 2, 0, feature_7_ecx),
	FWORD(XF_7_EDX, "CPUID[7].EDX", 7, 0, 3, 0, feature_7_edx),
	FWORD(XF_71_EAX, "CPUID[7,1].EAX", 7, 1, 0, 0, feature_71_eax),
	FWORD(XF_D1_EAX, "CPUID[0xd,1].EAX", 0xd, 1, 0, 0, feature_d1_eax),
	FWORD(XF_6_EAX, "CPUID[6].EAX", 6, 0, 0, 0, feature_6_eax),
	FWORD(XF_81_EDX, "CPUID[0x80000001].EDX", 0x80000001, 0, 3, 0, feature_81_edx),
	FWORD(XF_81_ECX, "CPUID[0x80000001].ECX", 0x80000001, 0, 2, 0, feature_81_ecx),
	FWORD(XF_87_EDX, "CPUID[0x80000007].EDX", 0x80000007, 0, 3, 0, feature_87_edx),
	FWORD(XF_88_EBX, "CPUID[0x80000008].EBX", 0x80000008, 0, 1, 0, feature_88_ebx),
	FWORD(XF_821_EAX, "CPUID[0x80000021].EAX", 0x80000021, 0, 0, 0,
	      feature_821_eax),
	FWORD(XF_ARCH_CAP, "MSR 0x10a", 0, 0, 0, 0x10a, feature_arch_cap),
	FWORD(XF_HV, "hypervisor", 0, 0, 0, 0, feature_hv),
	FWORD(XF_72_EDX, "CPUID[7,2].EDX", 7, 2, 3, 0, feature_72_edx),
	FWORD(XF_KVM, "CPUID[0x40000001].EAX", 0x40000001, 0, 0, 0, feature_kvm),
	FWORD(XF_KVM_HINTS, "CPUID[0x40000001].EDX", 0x40000001, 0, 3, 0,
	      feature_kvm_hints),
	FWORD(XF_SVM, "CPUID[0x8000000a].EDX", 0x8000000a, 0, 3, 0, feature_svm),
	FWORD(XF_CORE_CAP, "MSR 0xcf", 0, 0, 0, 0xcf, feature_core_cap),
};

static char feature_fold(char ch)
{
	if (ch == '_' || ch == '.') {
		return '-';
	}
	if (ch >= 'A' && ch <= 'Z') {
		ch = (char)(ch - 'A' + 'a');
	}
	return ch;
}

static bool feature_same(const char *a, size_t alen, const char *b, size_t blen)
{
	if (alen != blen) {
		return false;
	}
	for (size_t i = 0; i < alen; i++) {
		if (feature_fold(a[i]) != feature_fold(b[i])) {
			return false;
		}
	}
	return true;
}

static bool feature_match(const char *spellings, const char *name, size_t len)
{
	while (*spellings) {
		size_t n = strcspn(spellings, "|");

		if (feature_same(spellings, n, name, len)) {
			return true;
		}
		spellings += n;
		spellings += *spellings == '|';
	}
	return false;
}

int x86_feature_find(const char *name, size_t len)
{
	for (unsigned w = 0; w < XF_N; w++) {
		for (unsigned b = 0; b < x86_fwords[w].n_bits; b++) {
			const char *s = x86_fwords[w].bits[b];

			if (s && feature_match(s, name, len)) {
				return (int)X86_FEAT(w, b);
			}
		}
	}
	return -ENOENT;
}

const char *x86_feature_name(unsigned f, char buf[32])
{
	const struct x86_fword_info *w;
	size_t n;

	buf[0] = 0;
	if (f / 64 >= XF_N) {
		return buf;
	}
	w = &x86_fwords[f / 64];
	if (f % 64 >= w->n_bits || !w->bits[f % 64]) {
		return buf;
	}
	n = MIN(strcspn(w->bits[f % 64], "|"), (size_t)31);
	memcpy(buf, w->bits[f % 64], n);
	buf[n] = 0;
	return buf;
}

void x86_feature_add_list(uint64_t *words, const char *list)
{
	while (list && *list) {
		size_t n = strcspn(list, " ");
		int f = n ? x86_feature_find(list, n) : -ENOENT;

		if (f >= 0) {
			x86_feature_set(words, (unsigned)f, true);
		}
		list += n;
		list += strspn(list, " ");
	}
}

/*
 * What the translator's x86 front end executes. It must not name what the decoder
 * lacks: kernels use SERIALIZE and the like as soon as they see them. TSX, MPX, PKU,
 * VMX, SVM, MONITOR, AVX-512 and AMX are not offered.
 */
static const char feature_tcg[] =
	"fpu vme de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 "
	"clflush mmx "
	"fxsr sse sse2 ss ht acpi "
	"pni pclmulqdq ssse3 fma cx16 pcid sse4.1 sse4.2 x2apic movbe popcnt "
	"tsc-deadline "
	"aes xsave avx f16c rdrand hypervisor "
	"fsgsbase tsc-adjust bmi1 avx2 smep bmi2 erms invpcid rdseed adx smap "
	"clflushopt clwb "
	"sha-ni fdp-excptn-only zero-fcs-fds "
	"umip la57 rdpid fsrm md-clear spec-ctrl stibp arch-capabilities ssbd "
	"xsaveopt xsavec xgetbv1 arat "
	"syscall nx mmxext fxsr-opt pdpe1gb rdtscp lm "
	"lahf-lm cmp-legacy cr8legacy abm misalignsse 3dnowprefetch topoext "
	"invtsc xsaveerptr wbnoinvd ibpb ibrs amd-stibp stibp-always-on amd-ssbd "
	"virt-ssbd "
	"amd-no-ssb btc-no lfence-always-serializing null-sel-clr-base auto-ibrs "
	"srso-no "
	"no-nested-data-bp "
	"rdctl-no ibrs-all skip-l1dfl-vmentry ssb-no mds-no pschange-mc-no taa-no "
	"sbdr-ssdp-no fbsdp-no psdp-no bhi-no pbrsb-no gds-no rfds-no its-no bhi-ctrl "
	"mcdt-no "
	"lodge-signature";

static uint64_t feature_supported[XF_N];
static bool feature_supported_set; /* control thread, before vCPUs exist */

const uint64_t *x86_model_tcg(void)
{
	static uint64_t words[XF_N];

	if (!words[0]) {
		x86_feature_add_list(words, feature_tcg);
	}
	return words;
}

const uint64_t *x86_model_supported(void)
{
	return feature_supported_set ? feature_supported : x86_model_tcg();
}

void x86_model_set_supported(const uint64_t *features, unsigned n)
{
	memset(feature_supported, 0, sizeof(feature_supported));
	for (unsigned i = 0; i < n && i < ARRAY_LEN(feature_supported); i++) {
		feature_supported[i] = features[i];
	}
	feature_supported_set = true;
}
