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

/* By bit; "a|b" are spellings. Bits without a name have none that -cpu knows. */
/* clang-format off */
static const char *const feature_1_edx[] = {
	[0] = "fpu",    [1] = "vme",  [2] = "de",             [3] = "pse",
	[4] = "tsc",    [5] = "msr",  [6] = "pae",            [7] = "mce",
	[8] = "cx8",    [9] = "apic", [11] = "sep",           [12] = "mtrr",
	[13] = "pge",   [14] = "mca", [15] = "cmov",          [16] = "pat",
	[17] = "pse36", [18] = "pn",  [19] = "clflush|clfsh", [21] = "ds",
	[22] = "acpi",  [23] = "mmx", [24] = "fxsr",          [25] = "sse",
	[26] = "sse2",  [27] = "ss",  [28] = "ht",            [29] = "tm",
	[30] = "ia64",  [31] = "pbe",
};
static const char *const feature_1_ecx[] = {
	[0] = "pni|sse3", [1] = "pclmulqdq|pclmuldq", [2] = "dtes64",
	[3] = "monitor",  [4] = "ds-cpl",             [5] = "vmx",
	[6] = "smx",      [7] = "est",                [8] = "tm2",
	[9] = "ssse3",    [10] = "cid",               [12] = "fma",
	[13] = "cx16",    [14] = "xtpr",              [15] = "pdcm",
	[17] = "pcid",    [18] = "dca",               [19] = "sse4.1",
	[20] = "sse4.2",  [21] = "x2apic",            [22] = "movbe",
	[23] = "popcnt",  [24] = "tsc-deadline",      [25] = "aes",
	[26] = "xsave",   /* [27] osxsave */          [28] = "avx",
	[29] = "f16c",    [30] = "rdrand",            [31] = "hypervisor",
};
static const char *const feature_7_ebx[] = {
	[0] = "fsgsbase",        [1] = "tsc-adjust",  [2] = "sgx",
	[3] = "bmi1",            [4] = "hle",         [5] = "avx2",
	[6] = "fdp-excptn-only", [7] = "smep",        [8] = "bmi2",
	[9] = "erms",            [10] = "invpcid",    [11] = "rtm",
	[13] = "zero-fcs-fds",   [14] = "mpx",        [16] = "avx512f",
	[17] = "avx512dq",       [18] = "rdseed",     [19] = "adx",
	[20] = "smap",           [21] = "avx512ifma", [22] = "pcommit",
	[23] = "clflushopt",     [24] = "clwb",       [25] = "intel-pt",
	[26] = "avx512pf",       [27] = "avx512er",   [28] = "avx512cd",
	[29] = "sha-ni|sha",     [30] = "avx512bw",   [31] = "avx512vl",
};
static const char *const feature_7_ecx[] = {
	[1] = "avx512vbmi|avx512-vbmi",      [2] = "umip",
	[3] = "pku",                         /* [4] ospke */
	[5] = "waitpkg",                     [6] = "avx512vbmi2|avx512-vbmi2",
	[8] = "gfni",                        [9] = "vaes",
	[10] = "vpclmulqdq",                 [11] = "avx512vnni|avx512-vnni",
	[12] = "avx512bitalg|avx512-bitalg", [14] = "avx512-vpopcntdq",
	[16] = "la57",                       [22] = "rdpid",
	[24] = "bus-lock-detect",            [25] = "cldemote",
	[27] = "movdiri",                    [28] = "movdir64b",
	[30] = "sgxlc",                      [31] = "pks",
};
static const char *const feature_7_edx[] = {
	[2] = "avx512-4vnniw",       [3] = "avx512-4fmaps",    [4] = "fsrm",
	[8] = "avx512-vp2intersect", [10] = "md-clear",        [14] = "serialize",
	[16] = "tsx-ldtrk",          [19] = "arch-lbr",        [22] = "amx-bf16",
	[23] = "avx512-fp16",        [24] = "amx-tile",        [25] = "amx-int8",
	[26] = "spec-ctrl",          [27] = "stibp",           [28] = "flush-l1d",
	[29] = "arch-capabilities",  [30] = "core-capability", [31] = "ssbd",
};
static const char *const feature_71_eax[] = {
	[4] = "avx-vnni", [5] = "avx512-bf16", [7] = "cmpccxadd", [10] = "fzrm",
	[11] = "fsrs",    [12] = "fsrc",       [21] = "amx-fp16", [23] = "avx-ifma",
};
static const char *const feature_d1_eax[] = {
	[0] = "xsaveopt", [1] = "xsavec", [2] = "xgetbv1", [3] = "xsaves", [4] = "xfd",
};
static const char *const feature_6_eax[] = { [2] = "arat" };
static const char *const feature_81_edx[] = {
	[11] = "syscall",        [19] = "mp",      [20] = "nx|xd",  [22] = "mmxext",
	[25] = "fxsr-opt|ffxsr", [26] = "pdpe1gb", [27] = "rdtscp", [29] = "lm|i64",
	[30] = "3dnowext",       [31] = "3dnow",
};
static const char *const feature_81_ecx[] = {
	[0] = "lahf-lm",       [1] = "cmp-legacy",  [2] = "svm",   [3] = "extapic",
	[4] = "cr8legacy",     [5] = "abm|lzcnt",   [6] = "sse4a", [7] = "misalignsse",
	[8] = "3dnowprefetch", [9] = "osvw",        [10] = "ibs",  [11] = "xop",
	[12] = "skinit",       [13] = "wdt",        [15] = "lwp",  [16] = "fma4",
	[17] = "tce",          [19] = "nodeid-msr", [21] = "tbm",  [22] = "topoext",
	[23] = "perfctr-core", [24] = "perfctr-nb",
};
static const char *const feature_87_edx[] = { [8] = "invtsc" };
static const char *const feature_88_ebx[] = {
	[0] = "clzero",           [2] = "xsaveerptr", [9] = "wbnoinvd",
	[12] = "ibpb",            [14] = "ibrs",      [15] = "amd-stibp",
	[17] = "stibp-always-on", [24] = "amd-ssbd",  [25] = "virt-ssbd",
	[26] = "amd-no-ssb",      [28] = "amd-psfd",  [29] = "btc-no",
};
static const char *const feature_821_eax[] = {
	[0] = "no-nested-data-bp", [2] = "lfence-always-serializing",
	[6] = "null-sel-clr-base", [8] = "auto-ibrs",
	[27] = "sbpb",             [28] = "ibpb-brtype",
	[29] = "srso-no",
};
static const char *const feature_arch_cap[] = {
	[0] = "rdctl-no",           [1] = "ibrs-all",  [2] = "rsba",
	[3] = "skip-l1dfl-vmentry", [4] = "ssb-no",    [5] = "mds-no",
	[6] = "pschange-mc-no",     [7] = "tsx-ctrl",  [8] = "taa-no",
	[13] = "sbdr-ssdp-no",      [14] = "fbsdp-no", [15] = "psdp-no",
	[17] = "fb-clear",          [19] = "rrsba",    [20] = "bhi-no",
	[24] = "pbrsb-no",          [26] = "gds-no",   [27] = "rfds-no",
	[28] = "rfds-clear",        [62] = "its-no",
};
static const char *const feature_hv[] = { [0] = "lodge-signature" };
static const char *const feature_72_edx[] = {
	[0] = "psfd",     [1] = "ipred-ctrl", [2] = "rrsba-ctrl", [3] = "ddpd-u",
	[4] = "bhi-ctrl", [5] = "mcdt-no",
};
static const char *const feature_kvm[] = {
	[0] = "kvmclock-old",           [1] = "kvm-nopiodelay",
	[2] = "kvm-mmu",                [3] = "kvmclock",
	[4] = "kvm-asyncpf",            [5] = "kvm-steal-time",
	[6] = "kvm-pv-eoi",             [7] = "kvm-pv-unhalt",
	[9] = "kvm-pv-tlb-flush",       [10] = "kvm-asyncpf-vmexit",
	[11] = "kvm-pv-ipi",            [12] = "kvm-poll-control",
	[13] = "kvm-pv-sched-yield",    [14] = "kvm-asyncpf-int",
	[15] = "kvm-msi-ext-dest-id",   [16] = "kvm-hc-map-gpa-range",
	[17] = "kvm-migration-control", [24] = "kvmclock-stable-bit",
};
static const char *const feature_kvm_hints[] = { [0] = "kvm-hint-dedicated" };
static const char *const feature_svm[] = {
	[0] = "npt",          [1] = "lbrv",          [2] = "svm-lock",
	[3] = "nrip-save",    [4] = "tsc-scale",     [5] = "vmcb-clean",
	[6] = "flushbyasid",  [7] = "decodeassists", [10] = "pause-filter",
	[12] = "pfthreshold", [13] = "avic",         [15] = "v-vmsave-vmload",
	[16] = "vgif",        [25] = "vnmi",         [28] = "svme-addr-chk",
};
static const char *const feature_core_cap[] = { [5] = "split-lock-detect" };
/* clang-format on */

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
