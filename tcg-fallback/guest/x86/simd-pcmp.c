/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * simd-pcmp.c - PCMPISTRI by the host's own instruction, one function for each immediate,
 * because C libraries' string functions live on it. The portable form for everything
 * else is in simd-helper.c.
 *
 * Threads: any; pure.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/simd.h"

#if defined(__x86_64__)

#define PCMP_FN(n)                                                                     \
	static uint64_t pcmp_istri_##n(const void *a, const void *b)                   \
	{                                                                              \
		uint32_t i;                                                            \
		bool c, z, s, o;                                                       \
                                                                                       \
		__asm__("movdqu (%5), %%xmm0\n\tpcmpistri $" #n ", (%6), %%xmm0"       \
		        : "=c"(i), "=@ccc"(c), "=@ccz"(z), "=@ccs"(s), "=@cco"(o)      \
		        : "r"(a), "r"(b)                                               \
		        : "xmm0", "memory");                                           \
		return i | (uint64_t)((c ? IR_FL_C : 0) | (z ? IR_FL_Z : 0) |          \
		                      (s ? IR_FL_S : 0) | (o ? IR_FL_O : 0))           \
		                   << 32;                                              \
	}
/* clang-format off */
#define PCMP_8(hi)                                                                     \
	PCMP_FN(0x##hi##0) PCMP_FN(0x##hi##1) PCMP_FN(0x##hi##2) PCMP_FN(0x##hi##3)    \
	PCMP_FN(0x##hi##4) PCMP_FN(0x##hi##5) PCMP_FN(0x##hi##6) PCMP_FN(0x##hi##7)    \
	PCMP_FN(0x##hi##8) PCMP_FN(0x##hi##9) PCMP_FN(0x##hi##a) PCMP_FN(0x##hi##b)    \
	PCMP_FN(0x##hi##c) PCMP_FN(0x##hi##d) PCMP_FN(0x##hi##e) PCMP_FN(0x##hi##f)
PCMP_8(0)
PCMP_8(1)
PCMP_8(2)
PCMP_8(3)
PCMP_8(4)
PCMP_8(5)
PCMP_8(6)
PCMP_8(7)
/* clang-format on */

#define PCMP_REF(hi)                                                                   \
	pcmp_istri_0x##hi##0, pcmp_istri_0x##hi##1, pcmp_istri_0x##hi##2,              \
		pcmp_istri_0x##hi##3, pcmp_istri_0x##hi##4, pcmp_istri_0x##hi##5,      \
		pcmp_istri_0x##hi##6, pcmp_istri_0x##hi##7, pcmp_istri_0x##hi##8,      \
		pcmp_istri_0x##hi##9, pcmp_istri_0x##hi##a, pcmp_istri_0x##hi##b,      \
		pcmp_istri_0x##hi##c, pcmp_istri_0x##hi##d, pcmp_istri_0x##hi##e,      \
		pcmp_istri_0x##hi##f
static uint64_t (*const pcmp_istri[128])(const void *, const void *) = {
	PCMP_REF(0), PCMP_REF(1), PCMP_REF(2), PCMP_REF(3),
	PCMP_REF(4), PCMP_REF(5), PCMP_REF(6), PCMP_REF(7),
};

bool simd_host_istri(const void *a, const void *b, unsigned imm, uint64_t *r)
{
	if (!__builtin_cpu_supports("sse4.2")) {
		return false;
	}
	*r = pcmp_istri[imm & 127](a, b);
	return true;
}

#else

bool simd_host_istri(const void *a, const void *b, unsigned imm, uint64_t *r)
{
	(void)a;
	(void)b;
	(void)imm;
	(void)r;
	return false;
}

#endif
