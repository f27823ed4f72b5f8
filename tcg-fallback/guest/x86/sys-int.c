/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys-int.c - INT n, INT3, INTO, INT1, IRET, single step and break points.
 *
 * Spec: SDM vol. 2A INT n, IRET; vol. 3B 17.2 (debug registers), 20.3.3 (VM86
 * software interrupts).
 * Threads: the vCPU's own.
 * Known gaps: data break points are kept in DR0-3 but do not fire; after an IRET that
 * set RF the break point of the instruction behind the resumed one is missed.
 */
#include "config.h"

#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

/* ---- debug ---- */

bool x86_code_bp_any(const struct x86_cpu *c)
{
	for (unsigned i = 0; i < 4; i++) {
		if ((c->dr[7] >> (2 * i) & 3) && !(c->dr[7] >> (16 + 4 * i) & 3)) {
			return true;
		}
	}
	return false;
}

static uint64_t int_code_bp(const struct x86_cpu *c, uint64_t pc)
{
	uint64_t hit = 0;

	for (unsigned i = 0; i < 4; i++) {
		if ((c->dr[7] >> (2 * i) & 3) && !(c->dr[7] >> (16 + 4 * i) & 3) &&
		    c->dr[i] == pc) {
			hit |= BIT(i);
		}
	}
	return hit;
}

bool x86_code_bp_at(const struct x86_cpu *c, uint64_t pc)
{
	return int_code_bp(c, pc) != 0;
}

uint64_t helper_single_step(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                            uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	bool resume = c->eflags & X86_RF;
	uint64_t hit;

	(void)a, (void)b, (void)cc, (void)d;
	c->eflags &= ~X86_RF;
	if (c->eflags & X86_TF) {
		x86_trap_db(env, BIT(14)); /* BS */
	}
	hit = resume ? 0 : int_code_bp(c, c->rip);
	if (hit) {
		x86_trap_db(env, hit);
	}
	return 0;
}

/* ---- software interrupts ---- */

uint64_t helper_raise(struct tcg_env *env, uint64_t vec, uint64_t err, uint64_t b,
                      uint64_t d)
{
	(void)b, (void)d;
	x86_raise(env, (enum x86_exc)(vec & 31), (uint32_t)err);
}

static uint64_t int_arch_ip(const struct x86_cpu *c, uint64_t linear)
{
	return x86_code64(c) ? linear : (uint32_t)(linear - c->seg[X86_CS].base);
}

/* Bit `vec` of the redirection map: 1 = to the protected-mode handler. */
static bool int_redirected(struct tcg_env *env, unsigned vec)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t tss = c->seg[X86_TR].base;
	unsigned io, at;

	if (c->seg[X86_TR].limit < 103) {
		return true;
	}
	io = (unsigned)tcg_ld(env, tss + 102, 2, 1);
	at = io - 32 + vec / 8;
	if (io < 32 + 104 || at > c->seg[X86_TR].limit) {
		return true;
	}
	return tcg_ld(env, tss + at, 1, 1) >> (vec % 8) & 1;
}

/* VME: INT n through the program's own vector table (20.3.3, methods 5 and 6). */
static void int_vm86(struct tcg_env *env, unsigned vec, uint64_t next_ip)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t fl = x86_get_rflags(c);
	bool iopl3 = x86_iopl(c) == 3;
	struct x86_stk s;
	uint32_t v = (uint32_t)tcg_ld(env, vec * 4, 4, 0);

	if (!iopl3) {
		fl = (fl & ~(uint64_t)X86_IF) | X86_IOPL | (fl & X86_VIF ? X86_IF : 0);
	}
	x86_stk_init(env, &s);
	x86_push(&s, fl, 2);
	x86_push(&s, c->seg[X86_CS].sel, 2);
	x86_push(&s, next_ip, 2);
	x86_stk_commit(c, &s);
	c->eflags &= ~(X86_TF | X86_NT | (iopl3 ? X86_IF : X86_VIF));
	x86_seg_vm86(c, X86_CS, (uint16_t)(v >> 16));
	x86_set_ip(c, v & 0xffff);
	x86_mode_changed(env);
}

uint64_t helper_int_n(struct tcg_env *env, uint64_t vec, uint64_t next, uint64_t kind,
                      uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t ip = int_arch_ip(c, next);

	(void)d;
	vec &= 0xff;
	if (kind == 0 && x86_vm86(c)) {
		bool vme = c->cr4 & X86_CR4_VME;

		if (vme && !int_redirected(env, (unsigned)vec)) {
			int_vm86(env, (unsigned)vec, ip);
			tcg_exit_loop(env, TCG_EXIT_NEXT);
		}
		if (x86_iopl(c) < 3) {
			x86_gp(env, 0);
		}
	}
	x86_interrupt(env, (int)vec, kind == 3 ? X86_INT_INT1 : X86_INT_SOFT, false, 0,
	              ip);
	tcg_exit_loop(env, TCG_EXIT_NEXT);
}

/* ---- IRET ---- */

#define INT_IRET_FLAGS (X86_ARITH | X86_TF | X86_DF | X86_NT | X86_RF | X86_AC | X86_ID)

static void int_iret_done(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);

	c->nmi_masked = false;
	x86_mode_changed(env);
}

static void int_put_flags(struct x86_cpu *c, uint64_t v, uint64_t mask, unsigned size)
{
	if (size == 2) {
		mask &= 0xffff;
	}
	x86_put_rflags(c, v, mask);
}

static void int_iret_real(struct tcg_env *env, unsigned size)
{
	struct x86_cpu *c = x86_of(env);
	bool vm86 = c->eflags & X86_VM;
	uint64_t mask = INT_IRET_FLAGS | X86_IF | (vm86 ? 0 : X86_IOPL);
	uint64_t ip, cs, fl;
	struct x86_stk s;

	if (vm86 && x86_iopl(c) < 3 && (!(c->cr4 & X86_CR4_VME) || size != 2)) {
		x86_gp(env, 0);
	}
	x86_stk_init(env, &s);
	ip = x86_pop(&s, size);
	cs = x86_pop(&s, size);
	fl = x86_pop(&s, size);
	if (ip > 0xffff) {
		x86_gp(env, 0);
	}
	if (vm86 && x86_iopl(c) < 3) {
		if ((fl & X86_TF) || ((fl & X86_IF) && (c->eflags & X86_VIP))) {
			x86_gp(env, 0);
		}
		mask = (mask & ~(uint64_t)X86_IF);
		c->eflags = (c->eflags & ~X86_VIF) | (fl & X86_IF ? X86_VIF : 0);
	}
	x86_stk_commit(c, &s);
	int_put_flags(c, fl, mask, size);
	if (vm86) {
		x86_seg_vm86(c, X86_CS, (uint16_t)cs);
	} else {
		x86_seg_real(c, X86_CS, (uint16_t)cs);
	}
	x86_set_ip(c, ip);
	int_iret_done(env);
}

static void int_iret_to_vm86(struct tcg_env *env, struct x86_stk *s, uint64_t ip,
                             uint16_t cs, uint64_t fl)
{
	static const uint8_t order[] = { X86_ES, X86_DS, X86_FS, X86_GS };
	struct x86_cpu *c = x86_of(env);
	uint16_t sel[4], ss;
	uint32_t esp = (uint32_t)x86_pop(s, 4);

	ss = (uint16_t)x86_pop(s, 4);
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		sel[i] = (uint16_t)x86_pop(s, 4);
	}
	x86_put_rflags(c, fl, ~UINT64_C(0));
	x86_seg_vm86(c, X86_CS, cs);
	x86_seg_vm86(c, X86_SS, ss);
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		x86_seg_vm86(c, order[i], sel[i]);
	}
	c->reg[X86_RSP] = esp;
	x86_set_ip(c, ip & 0xffff);
	int_iret_done(env);
}

static void int_iret_task(struct tcg_env *env, uint64_t next)
{
	struct x86_cpu *c = x86_of(env);
	uint16_t link;

	if (x86_lma(c)) {
		x86_gp(env, 0);
	}
	link = (uint16_t)tcg_ld(env, c->seg[X86_TR].base, 2, 1);
	x86_task_switch(env, link, X86_TASK_IRET, int_arch_ip(c, next), false, 0, 0);
	int_iret_done(env);
}

static void int_iret_prot(struct tcg_env *env, unsigned size)
{
	struct x86_cpu *c = x86_of(env);
	unsigned cpl = x86_cpl(c);
	uint64_t ip, fl, mask;
	struct x86_far_ret r;
	struct x86_stk s;
	uint16_t cs;

	x86_stk_init(env, &s);
	ip = x86_pop(&s, size);
	cs = (uint16_t)x86_pop(&s, size);
	fl = x86_pop(&s, size);
	if (size == 4 && (fl & X86_VM) && cpl == 0 && !x86_lma(c)) {
		int_iret_to_vm86(env, &s, ip, cs, fl);
		return;
	}
	r = (struct x86_far_ret){ .ip = ip, .cs = cs, .size = size, .iret = true };
	x86_far_return(env, &s, &r);
	mask = INT_IRET_FLAGS;
	mask |= cpl <= x86_iopl(c) ? X86_IF : 0;
	mask |= cpl == 0 ? X86_IOPL | X86_VIF | X86_VIP : 0;
	int_put_flags(c, fl, mask, size);
	int_iret_done(env);
}

uint64_t helper_iret(struct tcg_env *env, uint64_t size, uint64_t next, uint64_t b,
                     uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)b, (void)d;
	c->int_shadow = false;
	if (!x86_prot(c)) {
		int_iret_real(env, (unsigned)size);
	} else if (c->eflags & X86_NT) {
		int_iret_task(env, next);
	} else {
		int_iret_prot(env, (unsigned)size);
	}
	return 0;
}
