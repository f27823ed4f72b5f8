/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-cx16.c - CMPXCHG16B.
 *
 * Models: SDM vol. 2A. Atomic on RAM by the host's own instruction (or the compiler's
 * 16-byte atomics on hosts that have them); a device page gets two plain accesses.
 *
 * Threads: the vCPU's own; guest memory is shared with all.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/x86-guest.h"

struct xi_u128 {
	uint64_t lo, hi;
};

/* Swaps if equal; *old gets what was there. */
static bool xi_cas128(void *p, struct xi_u128 *old, struct xi_u128 new)
{
#if defined(__x86_64__)
	bool ok;

	__asm__ volatile("lock cmpxchg16b %1"
	                 : "=@ccz"(ok), "+m"(*(struct xi_u128 *)p), "+a"(old->lo),
	                   "+d"(old->hi)
	                 : "b"(new.lo), "c"(new.hi)
	                 : "memory");
	return ok;
#else
	unsigned __int128 e = (unsigned __int128)old->hi << 64 | old->lo;
	bool ok = __atomic_compare_exchange_n(
		(unsigned __int128 *)p, &e, (unsigned __int128)new.hi << 64 | new.lo,
		false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);

	old->lo = (uint64_t)e;
	old->hi = (uint64_t)(e >> 64);
	return ok;
#endif
}

static bool xi_cas128_slow(struct tcg_env *env, uint64_t addr, struct xi_u128 *old,
                           struct xi_u128 new)
{
	struct xi_u128 now;

	tcg_probe(env, addr, 16, true, 0);
	now.lo = tcg_ld(env, addr, 8, 0);
	now.hi = tcg_ld(env, addr + 8, 8, 0);
	if (now.lo == old->lo && now.hi == old->hi) {
		tcg_st(env, addr, new.lo, 8, 0);
		tcg_st(env, addr + 8, new.hi, 8, 0);
		return true;
	}
	*old = now;
	return false;
}

uint64_t helper_cmpxchg16b(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t c,
                           uint64_t d)
{
	struct x86_cpu *cpu = x86_of(env);
	struct xi_u128 old = { cpu->reg[X86_RAX], cpu->reg[X86_RDX] };
	struct xi_u128 new = { cpu->reg[X86_RBX], cpu->reg[X86_RCX] };
	void *p;
	bool ok;

	(void)b;
	(void)c;
	(void)d;
	if (a & 15) {
		x86_raise(env, X86_EXC_GP, 0);
	}
	p = rt_atomic_host(env, a, IR_M_16);
	ok = p ? xi_cas128(p, &old, new) : xi_cas128_slow(env, a, &old, new);
	if (!ok) {
		cpu->reg[X86_RAX] = old.lo;
		cpu->reg[X86_RDX] = old.hi;
	}
	return ok;
}
