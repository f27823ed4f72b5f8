/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-models.c - the CPU models of -cpu, as data: version 1 of each. A model is its base
 * model's features plus `add` minus `del`; later versions are in x86-model-versions.c. What
 * an accelerator can't execute is taken away later, with a warning that names it.
 *
 * A model name stands for a fixed set of CPUID bits wherever it is used: domain definitions
 * and migration between hosts depend on it. The sets follow the vendors' documents on each
 * processor (SDM vol. 4 model table, AMD processor programming references) as far as the
 * usual machines of the year 2022 show them (checked by tests/functional/cpu.sh).
 */
#include "config.h"

#include "base/compiler.h"
#include "core/cpu/x86-model.h"

#define INTEL "GenuineIntel"
#define AMD   "AuthenticAMD"
#define HYGON "HygonGenuine"

/* clang-format off */
#define X86_64_BASE                                                            \
	"fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat pse36 " \
	"clflush mmx fxsr sse sse2 syscall nx lm "

const struct x86_model x86_models[] = {
	{ .name = "max", .vendor = INTEL, .family = 6, .model = 0x70, .stepping = 1,
	  .level = 0x16, .xlevel = 0x80000021, .id = "lodge virtual processor (max)",
	  .max = true },
	{ .name = "host", .vendor = INTEL, .family = 6, .model = 0x70, .stepping = 1,
	  .level = 0x16, .xlevel = 0x80000021, .id = "lodge host processor",
	  .max = true, .host = true },
	{ .name = "base", .vendor = INTEL, .family = 6, .model = 0, .stepping = 0,
	  .level = 0xd, .xlevel = 0x80000008, .id = "lodge base processor",
	  .bare = true },

	/* generic */
	{ .name = "qemu64", .vendor = AMD,
	  .family = 15, .model = 107, .stepping = 1, .level = 0xd, .xlevel = 0x8000000a,
	  .id = "lodge virtual processor",
	  .add = X86_64_BASE "pni cx16 lahf-lm svm" },
	{ .name = "qemu32", .vendor = INTEL,
	  .family = 6, .model = 6, .stepping = 3, .level = 0x4, .xlevel = 0x80000004,
	  .id = "lodge virtual processor",
	  .add = "fpu de pse tsc msr pae mce cx8 apic sep pge cmov pat mmx fxsr "
		 "sse sse2 pni" },
	{ .name = "kvm64", .vendor = INTEL,
	  .family = 15, .model = 6, .stepping = 1, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Common KVM processor",
	  .add = X86_64_BASE "pni cx16" },
	{ .name = "kvm32", .vendor = INTEL,
	  .family = 15, .model = 6, .stepping = 1, .level = 0x5, .xlevel = 0x80000008,
	  .id = "Common 32-bit KVM processor",
	  .add = "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat "
		 "pse36 clflush mmx fxsr sse sse2 pni" },
	{ .name = "x86-64-v1", .vendor = AMD,
	  .family = 15, .model = 107, .stepping = 1, .level = 0xd, .xlevel = 0x80000008,
	  .id = "x86-64-v1 processor",
	  .add = X86_64_BASE "vme" },
	{ .name = "x86-64-v2", .base = "x86-64-v1", .vendor = INTEL,
	  .family = 6, .model = 44, .stepping = 1, .level = 0xd, .xlevel = 0x80000008,
	  .id = "x86-64-v2 processor",
	  .add = "pni ssse3 cx16 sse4.1 sse4.2 popcnt lahf-lm" },
	{ .name = "x86-64-v3", .base = "x86-64-v2", .vendor = INTEL,
	  .family = 6, .model = 60, .stepping = 1, .level = 0xd, .xlevel = 0x80000008,
	  .id = "x86-64-v3 processor",
	  .add = "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave xsaveopt" },
	{ .name = "x86-64-v4", .base = "x86-64-v3", .vendor = INTEL,
	  .family = 6, .model = 85, .stepping = 4, .level = 0xd, .xlevel = 0x80000008,
	  .id = "x86-64-v4 processor",
	  .add = "avx512f avx512dq avx512cd avx512bw avx512vl" },
	{ .name = "486", .vendor = INTEL,
	  .family = 4, .model = 8, .stepping = 0, .level = 0x1, .xlevel = 0x0,
	  .id = "",
	  .add = "fpu pse" },
	{ .name = "pentium", .base = "486", .vendor = INTEL,
	  .family = 5, .model = 4, .stepping = 3, .level = 0x1, .xlevel = 0x0,
	  .id = "",
	  .add = "de tsc msr mce cx8 apic mmx" },
	{ .name = "pentium2", .base = "pentium", .vendor = INTEL,
	  .family = 6, .model = 5, .stepping = 2, .level = 0x2, .xlevel = 0x0,
	  .id = "",
	  .add = "pae sep mtrr pge mca cmov pat pse36 fxsr" },
	{ .name = "pentium3", .base = "pentium2", .vendor = INTEL,
	  .family = 6, .model = 7, .stepping = 3, .level = 0x3, .xlevel = 0x0,
	  .id = "",
	  .add = "sse" },

	/* Intel */
	{ .name = "coreduo", .vendor = INTEL,
	  .family = 6, .model = 14, .stepping = 8, .level = 0xa, .xlevel = 0x80000008,
	  .id = "Genuine Intel(R) CPU           T2600  @ 2.16GHz",
	  .add = "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat "
		 "clflush acpi mmx fxsr sse sse2 ss pni monitor nx" },
	{ .name = "n270", .vendor = INTEL,
	  .family = 6, .model = 28, .stepping = 2, .level = 0xa, .xlevel = 0x80000008,
	  .id = "Intel(R) Atom(TM) CPU N270   @ 1.60GHz",
	  .add = "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat "
		 "clflush acpi mmx fxsr sse sse2 ss pni monitor ssse3 movbe nx "
		 "lahf-lm" },
	{ .name = "Conroe", .vendor = INTEL,
	  .family = 6, .model = 15, .stepping = 3, .level = 0xa, .xlevel = 0x80000008,
	  .id = "Intel Celeron_4x0 (Conroe/Merom Class Core 2)",
	  .add = X86_64_BASE "pni ssse3 lahf-lm" },
	{ .name = "core2duo", .base = "Conroe", .vendor = INTEL,
	  .family = 6, .model = 15, .stepping = 11, .level = 0xa, .xlevel = 0x80000008,
	  .id = "Intel(R) Core(TM)2 Duo CPU     T7700  @ 2.40GHz",
	  .add = "acpi ss monitor cx16" },
	{ .name = "Penryn", .base = "Conroe", .vendor = INTEL,
	  .family = 6, .model = 23, .stepping = 3, .level = 0xa, .xlevel = 0x80000008,
	  .id = "Intel Core 2 Duo P9xxx (Penryn Class Core 2)",
	  .add = "cx16 sse4.1" },
	{ .name = "Nehalem", .base = "Penryn", .vendor = INTEL,
	  .family = 6, .model = 26, .stepping = 3, .level = 0xb, .xlevel = 0x80000008,
	  .id = "Intel Core i7 9xx (Nehalem Class Core i7)",
	  .add = "sse4.2 popcnt" },
	{ .name = "Westmere", .base = "Nehalem", .vendor = INTEL,
	  .family = 6, .model = 44, .stepping = 1, .level = 0xb, .xlevel = 0x80000008,
	  .id = "Westmere E56xx/L56xx/X56xx (Nehalem-C)",
	  .add = "pclmulqdq aes arat" },
	{ .name = "SandyBridge", .base = "Westmere", .vendor = INTEL,
	  .family = 6, .model = 42, .stepping = 1, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon E312xx (Sandy Bridge)",
	  .add = "x2apic tsc-deadline xsave avx xsaveopt rdtscp" },
	{ .name = "IvyBridge", .base = "SandyBridge", .vendor = INTEL,
	  .family = 6, .model = 58, .stepping = 9, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon E3-12xx v2 (Ivy Bridge)",
	  .add = "f16c rdrand fsgsbase smep erms" },
	{ .name = "Haswell", .base = "IvyBridge", .vendor = INTEL,
	  .family = 6, .model = 60, .stepping = 4, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Core Processor (Haswell)",
	  .add = "fma pcid movbe bmi1 hle avx2 bmi2 invpcid rtm abm" },
	{ .name = "Broadwell", .base = "Haswell", .vendor = INTEL,
	  .family = 6, .model = 61, .stepping = 2, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Core Processor (Broadwell)",
	  .add = "rdseed adx smap 3dnowprefetch" },
	{ .name = "Skylake-Client", .base = "Broadwell", .vendor = INTEL,
	  .family = 6, .model = 94, .stepping = 3, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Core Processor (Skylake)",
	  .add = "xsavec xgetbv1" },
	{ .name = "Skylake-Server", .base = "Skylake-Client", .vendor = INTEL,
	  .family = 6, .model = 85, .stepping = 4, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (Skylake)",
	  .add = "avx512f avx512dq clflushopt clwb avx512cd avx512bw avx512vl pku "
		 "pdpe1gb" },
	{ .name = "Cascadelake-Server", .base = "Skylake-Server", .vendor = INTEL,
	  .family = 6, .model = 85, .stepping = 6, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (Cascadelake)",
	  .add = "avx512vnni spec-ctrl ssbd" },
	{ .name = "Cooperlake", .base = "Cascadelake-Server", .vendor = INTEL,
	  .family = 6, .model = 85, .stepping = 10, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (Cooperlake)",
	  .add = "stibp arch-capabilities avx512-bf16 rdctl-no ibrs-all "
		 "skip-l1dfl-vmentry mds-no pschange-mc-no taa-no" },
	{ .name = "Icelake-Server", .base = "Cascadelake-Server", .vendor = INTEL,
	  .family = 6, .model = 134, .stepping = 0, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (Icelake)",
	  .add = "avx512vbmi umip avx512vbmi2 gfni vaes vpclmulqdq avx512bitalg "
		 "avx512-vpopcntdq la57 wbnoinvd" },
	{ .name = "SapphireRapids", .base = "Icelake-Server", .vendor = INTEL,
	  .family = 6, .model = 143, .stepping = 4, .level = 0x20, .xlevel = 0x80000008,
	  .id = "Intel Xeon Processor (SapphireRapids)",
	  .add = "avx512ifma sha-ni rdpid fsrm bus-lock-detect serialize tsx-ldtrk "
		 "amx-bf16 avx512-fp16 amx-tile amx-int8 arch-capabilities avx-vnni "
		 "avx512-bf16 fzrm fsrs fsrc xfd xsaves rdctl-no ibrs-all "
		 "skip-l1dfl-vmentry mds-no pschange-mc-no taa-no" },
	{ .name = "KnightsMill", .base = "Broadwell", .vendor = INTEL,
	  .family = 6, .model = 133, .stepping = 0, .level = 0xd, .xlevel = 0x80000008,
	  .id = "Intel Xeon Phi Processor (Knights Mill)",
	  .add = "ss avx512f avx512pf avx512er avx512cd avx512-vpopcntdq "
		 "avx512-4vnniw avx512-4fmaps pdpe1gb",
	  .del = "pcid hle invpcid rtm smap" },
	{ .name = "Denverton", .vendor = INTEL,
	  .family = 6, .model = 95, .stepping = 1, .level = 0x15, .xlevel = 0x80000008,
	  .id = "Intel Atom Processor (Denverton)",
	  .add = X86_64_BASE "pni pclmulqdq monitor ssse3 cx16 sse4.1 sse4.2 x2apic "
		 "movbe popcnt tsc-deadline aes xsave rdrand fsgsbase smep "
		 "erms mpx rdseed smap clflushopt sha-ni spec-ctrl "
		 "arch-capabilities ssbd xsaveopt xsavec xgetbv1 arat "
		 "pdpe1gb rdtscp lahf-lm 3dnowprefetch rdctl-no "
		 "skip-l1dfl-vmentry" },
	{ .name = "Snowridge", .base = "Denverton", .vendor = INTEL,
	  .family = 6, .model = 134, .stepping = 1, .level = 0x1b, .xlevel = 0x80000008,
	  .id = "Intel Atom Processor (SnowRidge)",
	  .add = "clwb umip gfni cldemote movdiri movdir64b core-capability "
		 "split-lock-detect",
	  .del = "rdctl-no skip-l1dfl-vmentry" },

	/* AMD and Hygon */
	{ .name = "athlon", .vendor = AMD,
	  .family = 6, .model = 2, .stepping = 3, .level = 0x2, .xlevel = 0x80000008,
	  .id = "lodge virtual processor",
	  .add = "fpu de pse tsc msr pae mce cx8 apic sep mtrr pge mca cmov pat "
		 "pse36 mmx fxsr sse sse2 mmxext 3dnowext 3dnow" },
	{ .name = "phenom", .vendor = AMD,
	  .family = 16, .model = 2, .stepping = 3, .level = 0x5, .xlevel = 0x8000001a,
	  .id = "AMD Phenom(tm) 9550 Quad-Core Processor",
	  .add = X86_64_BASE "pni monitor cx16 popcnt mmxext fxsr-opt pdpe1gb rdtscp "
		 "3dnowext 3dnow lahf-lm svm abm sse4a npt" },
	{ .name = "Opteron_G1", .vendor = AMD,
	  .family = 15, .model = 6, .stepping = 1, .level = 0x5, .xlevel = 0x80000008,
	  .id = "AMD Opteron 240 (Gen 1 Class Opteron)",
	  .add = X86_64_BASE "pni" },
	{ .name = "Opteron_G2", .base = "Opteron_G1", .vendor = AMD,
	  .family = 15, .model = 6, .stepping = 1, .level = 0x5, .xlevel = 0x8000000a,
	  .id = "AMD Opteron 22xx (Gen 2 Class Opteron)",
	  .add = "cx16 lahf-lm svm" },
	{ .name = "Opteron_G3", .base = "Opteron_G2", .vendor = AMD,
	  .family = 16, .model = 2, .stepping = 3, .level = 0x5, .xlevel = 0x8000000a,
	  .id = "AMD Opteron 23xx (Gen 3 Class Opteron)",
	  .add = "monitor popcnt rdtscp abm sse4a misalignsse" },
	{ .name = "Opteron_G4", .base = "Opteron_G3", .vendor = AMD,
	  .family = 21, .model = 1, .stepping = 2, .level = 0xd, .xlevel = 0x8000001a,
	  .id = "AMD Opteron 62xx class CPU",
	  .add = "pclmulqdq ssse3 sse4.1 sse4.2 aes xsave avx pdpe1gb "
		 "3dnowprefetch xop fma4 npt nrip-save",
	  .del = "monitor" },
	{ .name = "Opteron_G5", .base = "Opteron_G4", .vendor = AMD,
	  .family = 21, .model = 2, .stepping = 0, .level = 0xd, .xlevel = 0x8000001a,
	  .id = "AMD Opteron 63xx class CPU",
	  .add = "fma f16c tbm" },
	{ .name = "EPYC", .vendor = AMD,
	  .family = 23, .model = 1, .stepping = 2, .level = 0xd, .xlevel = 0x8000001e,
	  .id = "AMD EPYC Processor",
	  .add = X86_64_BASE "pni pclmulqdq monitor ssse3 fma cx16 sse4.1 sse4.2 movbe "
		 "popcnt aes xsave avx f16c rdrand fsgsbase bmi1 avx2 smep "
		 "bmi2 rdseed adx smap clflushopt sha-ni xsaveopt xsavec "
		 "xgetbv1 arat mmxext fxsr-opt pdpe1gb rdtscp lahf-lm svm "
		 "cr8legacy abm sse4a misalignsse 3dnowprefetch osvw "
		 "topoext npt nrip-save" },
	{ .name = "EPYC-Rome", .base = "EPYC", .vendor = AMD,
	  .family = 23, .model = 49, .stepping = 0, .level = 0xd, .xlevel = 0x8000001e,
	  .id = "AMD EPYC-Rome Processor",
	  .add = "clwb umip rdpid xsaves perfctr-core clzero xsaveerptr wbnoinvd "
		 "ibpb amd-stibp" },
	{ .name = "EPYC-Milan", .base = "EPYC-Rome", .vendor = AMD,
	  .family = 25, .model = 1, .stepping = 1, .level = 0xd, .xlevel = 0x8000001e,
	  .id = "AMD EPYC-Milan Processor",
	  .add = "pcid erms invpcid pku fsrm ibrs amd-ssbd svme-addr-chk" },
	{ .name = "EPYC-Genoa", .base = "EPYC-Milan", .vendor = AMD,
	  .family = 25, .model = 17, .stepping = 0, .level = 0xd, .xlevel = 0x80000022,
	  .id = "AMD EPYC-Genoa Processor",
	  .add = "avx512f avx512dq avx512ifma avx512cd avx512bw avx512vl avx512vbmi "
		 "avx512vbmi2 gfni vaes vpclmulqdq avx512vnni avx512bitalg "
		 "avx512-vpopcntdq la57 avx512-bf16 no-nested-data-bp "
		 "lfence-always-serializing null-sel-clr-base auto-ibrs" },
	{ .name = "Dhyana", .base = "EPYC", .vendor = HYGON,
	  .family = 24, .model = 0, .stepping = 1, .level = 0xd, .xlevel = 0x8000001e,
	  .id = "Hygon Dhyana Processor",
	  .add = "ibpb",
	  .del = "pclmulqdq aes sha-ni" },
};
/* clang-format on */
const unsigned x86_n_models = ARRAY_LEN(x86_models);
