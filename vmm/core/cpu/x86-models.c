/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-models.c - the CPU models of -cpu, as data. A model is its base model's features
 * plus `add` minus `del`; what an accelerator can't execute is taken away later, with
 * a warning that names it.
 *
 * Facts from the vendors' documents on each processor (SDM vol. 4 model table, AMD
 * processor programming references). Names are the usual ones, so that existing
 * domain definitions keep working.
 */
#include "config.h"

#include <string.h>
#include <strings.h>

#include "base/compiler.h"
#include "core/cpu/x86-model.h"

#define INTEL   "GenuineIntel"
#define AMD     "AuthenticAMD"

#define PENTIUM "fpu vme de pse tsc msr mce cx8 mmx "
#define X86_64_V1                                                                      \
	PENTIUM "pae apic sep mtrr pge mca cmov pat pse36 clflush fxsr sse sse2 "      \
		"syscall nx lm "
#define X86_64_V2 "pni ssse3 cx16 sse4.1 sse4.2 popcnt lahf-lm "
#define X86_64_V3 "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave "
#define AVX512    "avx512f avx512dq avx512cd avx512bw avx512vl "

/* clang-format off */
const struct x86_model x86_models[] = {
	{ .name = "max", .vendor = INTEL, .family = 6, .model = 0x70, .stepping = 1,
	  .level = 0x16, .xlevel = 0x80000021, .id = "lodge virtual processor (max)",
	  .max = true },
	{ .name = "host", .vendor = INTEL, .family = 6, .model = 0x70, .stepping = 1,
	  .level = 0x16, .xlevel = 0x80000021, .id = "lodge host processor",
	  .max = true, .host = true },
	{ .name = "base", .vendor = INTEL, .family = 6, .model = 0, .stepping = 0,
	  .level = 0xd, .xlevel = 0x80000008, .id = "lodge base processor" },

	/* generic */
	{ .name = "qemu64", .vendor = AMD, .family = 15, .model = 107, .stepping = 1,
	  .level = 0xd, .xlevel = 0x8000000a, .id = "lodge virtual processor",
	  .add = X86_64_V1 "pni cx16 lahf-lm svm hypervisor" },
	{ .name = "qemu32", .vendor = INTEL, .family = 6, .model = 6, .stepping = 3,
	  .level = 4, .xlevel = 0x80000004, .id = "lodge virtual processor",
	  .add = PENTIUM "pae apic sep mtrr pge mca cmov pat fxsr sse sse2 pni hypervisor" },
	{ .name = "kvm64", .vendor = INTEL, .family = 15, .model = 6, .stepping = 1,
	  .level = 0xd, .xlevel = 0x80000008, .id = "Common KVM processor",
	  .add = X86_64_V1 "pni cx16 hypervisor" },
	{ .name = "kvm32", .vendor = INTEL, .family = 15, .model = 6, .stepping = 1,
	  .level = 5, .xlevel = 0x80000008, .id = "Common 32-bit KVM processor",
	  .add = PENTIUM "pae apic sep mtrr pge mca cmov pat pse36 clflush fxsr sse sse2 pni "
			 "hypervisor" },
	{ .name = "x86-64-v1", .vendor = AMD, .family = 15, .model = 107, .stepping = 1,
	  .level = 0xd, .xlevel = 0x80000008, .id = "x86-64-v1 processor",
	  .add = X86_64_V1 },
	{ .name = "x86-64-v2", .base = "x86-64-v1", .vendor = INTEL, .family = 6,
	  .model = 0x2c, .stepping = 1, .level = 0xd, .xlevel = 0x80000008,
	  .id = "x86-64-v2 processor", .add = X86_64_V2 },
	{ .name = "x86-64-v3", .base = "x86-64-v2", .vendor = INTEL, .family = 6,
	  .model = 0x3c, .stepping = 1, .level = 0xd, .xlevel = 0x80000008,
	  .id = "x86-64-v3 processor", .add = X86_64_V3 "xsaveopt" },
	{ .name = "x86-64-v4", .base = "x86-64-v3", .vendor = INTEL, .family = 6,
	  .model = 0x55, .stepping = 4, .level = 0xd, .xlevel = 0x80000008,
	  .id = "x86-64-v4 processor", .add = AVX512 },
	{ .name = "486", .vendor = INTEL, .family = 4, .model = 8, .stepping = 0, .level = 1,
	  .id = "", .add = "fpu vme pse" },
	{ .name = "pentium", .vendor = INTEL, .family = 5, .model = 4, .stepping = 3,
	  .level = 1, .id = "", .add = "fpu vme de pse tsc msr mce cx8 mmx" },
	{ .name = "pentium2", .base = "pentium", .vendor = INTEL, .family = 6, .model = 5,
	  .stepping = 2, .level = 2, .id = "", .add = "pae sep mtrr pge mca cmov pat pse36 fxsr" },
	{ .name = "pentium3", .base = "pentium2", .vendor = INTEL, .family = 6, .model = 7,
	  .stepping = 3, .level = 3, .id = "", .add = "sse" },

	/* Intel */
	{ .name = "coreduo", .vendor = INTEL, .family = 6, .model = 14, .stepping = 8,
	  .level = 10, .xlevel = 0x80000008, .id = "Genuine Intel(R) CPU T2600 @ 2.16GHz",
	  .add = PENTIUM "pae apic sep mtrr pge mca cmov pat clflush fxsr sse sse2 ss pni "
			 "monitor nx" },
	{ .name = "core2duo", .vendor = INTEL, .family = 6, .model = 15, .stepping = 11,
	  .level = 10, .xlevel = 0x80000008,
	  .id = "Intel(R) Core(TM)2 Duo CPU T7700 @ 2.40GHz",
	  .add = X86_64_V1 "ss pni ssse3 cx16 monitor lahf-lm" },
	{ .name = "Conroe", .vendor = INTEL, .family = 6, .model = 15, .stepping = 3,
	  .level = 10, .xlevel = 0x80000008,
	  .id = "Intel Celeron_4x0 (Conroe/Merom Class Core 2)",
	  .add = X86_64_V1 "pni ssse3 lahf-lm" },
	{ .name = "Penryn", .base = "Conroe", .vendor = INTEL, .family = 6, .model = 23,
	  .stepping = 3, .level = 10, .xlevel = 0x80000008,
	  .id = "Intel Core 2 Duo P9xxx (Penryn Class Core 2)", .add = "cx16 sse4.1" },
	{ .name = "Nehalem", .base = "Penryn", .vendor = INTEL, .family = 6, .model = 26,
	  .stepping = 3, .level = 11, .xlevel = 0x80000008,
	  .id = "Intel Core i7 9xx (Nehalem Class Core i7)", .add = "sse4.2 popcnt" },
	{ .name = "Westmere", .base = "Nehalem", .vendor = INTEL, .family = 6, .model = 44,
	  .stepping = 1, .level = 11, .xlevel = 0x80000008,
	  .id = "Westmere E56xx/L56xx/X56xx (Nehalem-C)", .add = "aes pclmulqdq arat" },
	{ .name = "SandyBridge", .base = "Westmere", .vendor = INTEL, .family = 6,
	  .model = 42, .stepping = 1, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon E312xx (Sandy Bridge)",
	  .add = "avx xsave tsc-deadline x2apic rdtscp xsaveopt" },
	{ .name = "IvyBridge", .base = "SandyBridge", .vendor = INTEL, .family = 6,
	  .model = 58, .stepping = 9, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon E3-12xx v2 (Ivy Bridge)",
	  .add = "f16c rdrand fsgsbase smep erms" },
	{ .name = "Haswell", .base = "IvyBridge", .vendor = INTEL, .family = 6, .model = 60,
	  .stepping = 4, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Core Processor (Haswell)",
	  .add = "fma movbe avx2 bmi1 bmi2 invpcid pcid abm" },
	{ .name = "Broadwell", .base = "Haswell", .vendor = INTEL, .family = 6, .model = 61,
	  .stepping = 2, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Core Processor (Broadwell)",
	  .add = "rdseed adx smap 3dnowprefetch" },
	{ .name = "Skylake-Client", .base = "Broadwell", .vendor = INTEL, .family = 6,
	  .model = 94, .stepping = 3, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Core Processor (Skylake)", .add = "xsavec xgetbv1" },
	{ .name = "Skylake-Server", .base = "Skylake-Client", .vendor = INTEL, .family = 6,
	  .model = 85, .stepping = 4, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (Skylake)", .add = AVX512 "clwb pdpe1gb" },
	{ .name = "Cascadelake-Server", .base = "Skylake-Server", .vendor = INTEL,
	  .family = 6, .model = 85, .stepping = 6, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (Cascadelake)",
	  .add = "clflushopt avx512vnni spec-ctrl ssbd" },
	{ .name = "Icelake-Server", .base = "Cascadelake-Server", .vendor = INTEL,
	  .family = 6, .model = 106, .stepping = 6, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (Icelake)",
	  .add = "avx512vbmi umip avx512vbmi2 gfni vaes vpclmulqdq avx512bitalg "
		 "avx512-vpopcntdq wbnoinvd fsrm rdpid sha-ni" },
	{ .name = "SapphireRapids", .base = "Icelake-Server", .vendor = INTEL, .family = 6,
	  .model = 143, .stepping = 4, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (SapphireRapids)",
	  .add = "avx512ifma avx-vnni avx512-bf16 avx512-fp16 serialize la57 "
		 "amx-bf16 amx-tile amx-int8 fzrm fsrs fsrc" },

	/* AMD */
	{ .name = "phenom", .vendor = AMD, .family = 16, .model = 2, .stepping = 3,
	  .level = 5, .xlevel = 0x8000001a,
	  .id = "AMD Phenom(tm) 9550 Quad-Core Processor",
	  .add = X86_64_V1 "ht pni cx16 popcnt mmxext fxsr-opt pdpe1gb rdtscp 3dnowext 3dnow "
			   "lahf-lm abm sse4a monitor svm" },
	{ .name = "Opteron_G1", .vendor = AMD, .family = 15, .model = 6, .stepping = 1,
	  .level = 5, .xlevel = 0x80000008, .id = "AMD Opteron 240 (Gen 1 Class Opteron)",
	  .add = X86_64_V1 "pni" },
	{ .name = "Opteron_G2", .base = "Opteron_G1", .vendor = AMD, .family = 15,
	  .model = 6, .stepping = 1, .level = 5, .xlevel = 0x80000008,
	  .id = "AMD Opteron 22xx (Gen 2 Class Opteron)", .add = "cx16 lahf-lm svm" },
	{ .name = "Opteron_G3", .base = "Opteron_G2", .vendor = AMD, .family = 16,
	  .model = 2, .stepping = 3, .level = 5, .xlevel = 0x80000008,
	  .id = "AMD Opteron 23xx (Gen 3 Class Opteron)",
	  .add = "popcnt monitor rdtscp misalignsse abm sse4a" },
	{ .name = "Opteron_G4", .base = "Opteron_G3", .vendor = AMD, .family = 21,
	  .model = 1, .stepping = 2, .level = 0xd, .xlevel = 0x8000001a,
	  .id = "AMD Opteron 62xx class CPU",
	  .add = "avx xsave aes sse4.2 sse4.1 ssse3 pclmulqdq pdpe1gb fma4 xop 3dnowprefetch",
	  .del = "monitor" },
	{ .name = "Opteron_G5", .base = "Opteron_G4", .vendor = AMD, .family = 21,
	  .model = 2, .stepping = 0, .level = 0xd, .xlevel = 0x8000001a,
	  .id = "AMD Opteron 63xx class CPU", .add = "f16c fma tbm" },
	{ .name = "EPYC", .vendor = AMD, .family = 23, .model = 1, .stepping = 2,
	  .level = 0xd, .xlevel = 0x8000001e, .id = "AMD EPYC Processor",
	  .add = X86_64_V1 X86_64_V2 X86_64_V3
		"rdrand aes pclmulqdq fsgsbase smep rdseed adx smap clflushopt sha-ni xsaveopt "
		"xsavec xgetbv1 arat pdpe1gb fxsr-opt mmxext rdtscp cr8legacy osvw "
		"3dnowprefetch misalignsse sse4a svm topoext ibpb" },
	{ .name = "EPYC-Rome", .base = "EPYC", .vendor = AMD, .family = 23, .model = 49,
	  .stepping = 0, .level = 0xd, .xlevel = 0x8000001e, .id = "AMD EPYC-Rome Processor",
	  .add = "clwb wbnoinvd rdpid umip clzero xsaveerptr perfctr-core amd-stibp" },
	{ .name = "EPYC-Milan", .base = "EPYC-Rome", .vendor = AMD, .family = 25,
	  .model = 1, .stepping = 1, .level = 0xd, .xlevel = 0x8000001e,
	  .id = "AMD EPYC-Milan Processor",
	  .add = "pcid invpcid pku erms fsrm ibrs amd-ssbd" },
	{ .name = "EPYC-Genoa", .base = "EPYC-Milan", .vendor = AMD, .family = 25,
	  .model = 17, .stepping = 0, .level = 0xd, .xlevel = 0x80000022,
	  .id = "AMD EPYC-Genoa Processor",
	  .add = AVX512 "avx512ifma avx512vbmi avx512vbmi2 gfni vaes vpclmulqdq avx512vnni "
		 "avx512bitalg avx512-vpopcntdq la57 avx512-bf16 auto-ibrs "
		 "no-nested-data-bp lfence-always-serializing null-sel-clr-base" },
};
/* clang-format on */
const unsigned x86_n_models = ARRAY_LEN(x86_models);

/* Suffixes that name a variant of the same silicon. */
static const struct {
	const char *alias, *name;
} model_aliases[] = {
	{ "Nehalem-IBRS", "Nehalem" },
	{ "Westmere-IBRS", "Westmere" },
	{ "SandyBridge-IBRS", "SandyBridge" },
	{ "IvyBridge-IBRS", "IvyBridge" },
	{ "Haswell-noTSX", "Haswell" },
	{ "Haswell-noTSX-IBRS", "Haswell" },
	{ "Haswell-IBRS", "Haswell" },
	{ "Broadwell-noTSX", "Broadwell" },
	{ "Broadwell-noTSX-IBRS", "Broadwell" },
	{ "Broadwell-IBRS", "Broadwell" },
	{ "Skylake-Client-IBRS", "Skylake-Client" },
	{ "Skylake-Client-noTSX-IBRS", "Skylake-Client" },
	{ "Skylake-Server-IBRS", "Skylake-Server" },
	{ "Skylake-Server-noTSX-IBRS", "Skylake-Server" },
	{ "Cascadelake-Server-noTSX", "Cascadelake-Server" },
	{ "Cascadelake", "Cascadelake-Server" },
	{ "Icelake-Server-noTSX", "Icelake-Server" },
	{ "Icelake", "Icelake-Server" },
	{ "EPYC-IBPB", "EPYC" },
};

const struct x86_model *x86_model_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(model_aliases); i++) {
		if (!strcasecmp(model_aliases[i].alias, name)) {
			name = model_aliases[i].name;
			break;
		}
	}
	for (unsigned i = 0; i < x86_n_models; i++) {
		if (!strcasecmp(x86_models[i].name, name)) {
			return &x86_models[i];
		}
	}
	return NULL;
}

const char *x86_model_name(unsigned i)
{
	if (i < x86_n_models) {
		return x86_models[i].name;
	}
	i -= x86_n_models;
	return i < ARRAY_LEN(model_aliases) ? model_aliases[i].alias : NULL;
}
