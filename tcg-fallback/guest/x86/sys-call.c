/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys-call.c - SYSCALL, SYSRET, SYSENTER, SYSEXIT.
 *
 * Spec: SDM vol. 2B of each. 32-bit SYSCALL/SYSRET outside long mode are AMD's (APM
 * vol. 3). Threads: the vCPU's own.
 */
#include "config.h"

#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

#define FLAT_CODE32 0xcf9bu /* G, D, P, S, code read accessed */
#define FLAT_CODE64 0xaf9bu /* G, L */
#define FLAT_DATA   0xcf93u

static void call_flat(struct x86_cpu *c, unsigned seg, uint16_t sel, uint32_t attr,
                      unsigned dpl)
{
	/* attr is written as in a descriptor: the limit nibble is no attribute */
	c->seg[seg] = (struct x86_seg){ .base = 0,
		                        .limit = 0xffffffff,
		                        .attr = (attr & 0xf0ff) | dpl << 5,
		                        .sel = sel };
}

uint64_t helper_syscall(struct tcg_env *env, uint64_t next, uint64_t b, uint64_t cc,
                        uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint16_t sel = (uint16_t)((c->star >> 32) & 0xfffc);
	bool amd_legacy =
		!x86_lma(c) && x86_pe(c) && c->n_cpuid && c->cpuid[0].ebx == 0x68747541;

	(void)b, (void)cc, (void)d;
	if (!(c->efer & X86_EFER_SCE) || (!x86_lma(c) && !amd_legacy) ||
	    (x86_lma(c) && !x86_code64(c) &&
	     !(c->n_cpuid && c->cpuid[0].ebx == 0x68747541))) {
		x86_ud(env);
	}
	if (x86_lma(c)) {
		bool from64 = x86_code64(c);

		c->reg[X86_RCX] =
			from64 ? next : (uint32_t)(next - c->seg[X86_CS].base);
		c->reg[X86_R11] = x86_get_rflags(c) & ~(uint64_t)X86_RF;
		call_flat(c, X86_CS, sel, FLAT_CODE64, 0);
		call_flat(c, X86_SS, (uint16_t)(sel + 8), FLAT_DATA, 0);
		x86_set_rflags(c, c->reg[X86_R11] & ~(c->fmask | X86_RF));
		c->rip = from64 ? c->lstar : c->cstar;
	} else {
		c->reg[X86_RCX] = (uint32_t)(next - c->seg[X86_CS].base);
		call_flat(c, X86_CS, sel, FLAT_CODE32, 0);
		call_flat(c, X86_SS, (uint16_t)(sel + 8), FLAT_DATA, 0);
		c->eflags &= ~(X86_IF | X86_RF | X86_VM);
		c->rip = (uint32_t)c->star;
	}
	c->int_shadow = false;
	x86_mode_changed(env);
	return 0;
}

uint64_t helper_sysret(struct tcg_env *env, uint64_t size, uint64_t b, uint64_t cc,
                       uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint16_t sel = (uint16_t)((c->star >> 48) & 0xfffc);
	const uint64_t keep = X86_ARITH | X86_TF | X86_IF | X86_DF | X86_IOPL | X86_NT |
	                      X86_AC | X86_VIF | X86_VIP | X86_ID;

	(void)b, (void)cc, (void)d;
	if (!(c->efer & X86_EFER_SCE) || !x86_pe(c)) {
		x86_ud(env);
	}
	if (x86_cpl(c) != 0) {
		x86_gp(env, 0);
	}
	if (!x86_code64(c)) { /* AMD, 32-bit */
		call_flat(c, X86_CS, sel | 3, FLAT_CODE32, 3);
		call_flat(c, X86_SS, (uint16_t)(sel + 8) | 3, FLAT_DATA, 3);
		c->eflags |= X86_IF;
		c->rip = (uint32_t)c->reg[X86_RCX];
		x86_mode_changed(env);
		return 0;
	}
	if (size == 8) {
		if (!x86_canonical(c, c->reg[X86_RCX])) {
			x86_gp(env, 0);
		}
		call_flat(c, X86_CS, (uint16_t)(sel + 16) | 3, FLAT_CODE64, 3);
		c->rip = c->reg[X86_RCX];
	} else {
		call_flat(c, X86_CS, sel | 3, FLAT_CODE32, 3);
		c->rip = (uint32_t)c->reg[X86_RCX];
	}
	call_flat(c, X86_SS, (uint16_t)(sel + 8) | 3, FLAT_DATA, 3);
	x86_set_rflags(c, c->reg[X86_R11] & keep);
	x86_mode_changed(env);
	return 0;
}

uint64_t helper_sysenter(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                         uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint16_t sel = (uint16_t)(c->sysenter_cs & 0xfffc);
	bool lma = x86_lma(c);

	(void)a, (void)b, (void)cc, (void)d;
	if (!x86_pe(c) || !sel) {
		x86_gp(env, 0);
	}
	c->eflags &= ~(X86_VM | X86_IF);
	call_flat(c, X86_CS, sel, lma ? FLAT_CODE64 : FLAT_CODE32, 0);
	call_flat(c, X86_SS, (uint16_t)(sel + 8), FLAT_DATA, 0);
	c->reg[X86_RSP] = lma ? c->sysenter_esp : (uint32_t)c->sysenter_esp;
	c->rip = lma ? c->sysenter_eip : (uint32_t)c->sysenter_eip;
	c->int_shadow = false;
	x86_mode_changed(env);
	return 0;
}

uint64_t helper_sysexit(struct tcg_env *env, uint64_t size, uint64_t b, uint64_t cc,
                        uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint16_t sel = (uint16_t)(c->sysenter_cs & 0xfffc);
	uint64_t ip = c->reg[X86_RDX], sp = c->reg[X86_RCX];

	(void)b, (void)cc, (void)d;
	if (!x86_pe(c) || !sel || x86_cpl(c) != 0) {
		x86_gp(env, 0);
	}
	if (size == 8) {
		if (!x86_canonical(c, ip) || !x86_canonical(c, sp)) {
			x86_gp(env, 0);
		}
		call_flat(c, X86_CS, (uint16_t)(sel + 32) | 3, FLAT_CODE64, 3);
		call_flat(c, X86_SS, (uint16_t)(sel + 40) | 3, FLAT_DATA, 3);
	} else {
		ip = (uint32_t)ip;
		sp = (uint32_t)sp;
		call_flat(c, X86_CS, (uint16_t)(sel + 16) | 3, FLAT_CODE32, 3);
		call_flat(c, X86_SS, (uint16_t)(sel + 24) | 3, FLAT_DATA, 3);
	}
	c->reg[X86_RSP] = sp;
	c->rip = ip;
	x86_mode_changed(env);
	return 0;
}

/* ---- hypercalls ---- */

uint64_t helper_hypercall(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                          uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t arg[4] = { c->reg[X86_RBX], c->reg[X86_RCX], c->reg[X86_RDX],
		            c->reg[X86_RSI] };
	int64_t r;

	(void)a, (void)b, (void)cc, (void)d;
	if (!c->pv_ops) {
		x86_ud(env);
	}
	tcg_outside(env, TCG_PLACE_CPU, 0);
	r = c->pv_ops->hypercall(c, c->reg[X86_RAX], arg);
	c->reg[X86_RAX] = x86_code64(c) ? (uint64_t)r : (uint32_t)r;
	return 0;
}
