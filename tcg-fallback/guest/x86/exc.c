/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * exc.c - exceptions and interrupts: recording, double faults, delivery through the
 * real-mode vector table and the IDT of protected and long mode.
 *
 * Spec: SDM vol. 3A chapter 6 (6.12, 6.14), table 6-5 (double fault classes); vol. 2A
 * INT n; 20.3 (VM86 redirection). AMD APM vol. 2 chapter 8 where the SDM is silent.
 *
 * Every check comes before the first change of registers, so that a fault in
 * mid-delivery finds the interrupted state whole.
 *
 * Threads: the vCPU's own.
 * Known gaps: no SMM, no machine checks from outside; stack-limit checks of 16-bit
 * stacks look at the lowest byte pushed only.
 */
#include "config.h"

#include "base/compiler.h"
#include "base/log.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

/* ---- recording ---- */

static bool exc_contributory(int v)
{
	return v == X86_EXC_DE || (v >= X86_EXC_TS && v <= X86_EXC_GP);
}

static bool exc_has_code(int v)
{
	return v == X86_EXC_DF || (v >= X86_EXC_TS && v <= X86_EXC_PF) ||
	       v == X86_EXC_AC;
}

void x86_record(struct x86_cpu *c, int vec, uint32_t err)
{
	int first = c->exc_delivering;
	bool bad = exc_contributory(vec) || vec == X86_EXC_PF;

	c->exc_delivering = -1;
	if (first == X86_EXC_DF && bad) {
		vec = X86_EXC_TRIPLE;
	} else if ((exc_contributory(first) && exc_contributory(vec)) ||
	           (first == X86_EXC_PF && bad)) {
		vec = X86_EXC_DF;
		err = 0;
	}
	c->exc_pending = (int16_t)vec;
	c->exc_has_err = exc_has_code(vec);
	c->exc_err = c->exc_has_err ? err : 0;
}

void x86_raise(struct tcg_env *env, enum x86_exc vec, uint32_t err)
{
	x86_record(x86_of(env), (int)vec, err);
	tcg_raise(env, true);
}

void x86_trap_db(struct tcg_env *env, uint64_t dr6_bits)
{
	struct x86_cpu *c = x86_of(env);

	c->dr[6] |= dr6_bits;
	x86_record(c, X86_EXC_DB, 0);
	tcg_raise(env, false);
}

/* ---- what the three forms share ---- */

struct exc_ctx {
	struct tcg_env *env;
	struct x86_cpu *c;
	int vec;
	enum x86_int_kind kind;
	bool has_err;
	uint32_t err, ext; /* ext: bit 0 of the error codes of faults on the way */
	uint64_t next_ip;
	uint64_t rflags; /* image to push */
};

static void __noreturn exc_gate_fault(struct exc_ctx *x, enum x86_exc vec)
{
	x86_raise(x->env, vec, (uint32_t)x->vec * 8 + 2 + x->ext);
}

static void __noreturn exc_sel_fault(struct exc_ctx *x, enum x86_exc vec, uint16_t sel)
{
	x86_raise(x->env, vec, (sel & 0xfffcu) | x->ext);
}

/* New RFLAGS after entry; IF goes off through an interrupt gate. */
static void exc_enter_flags(struct exc_ctx *x, bool clear_if)
{
	struct x86_cpu *c = x->c;
	uint32_t off = X86_TF | X86_NT | X86_RF | X86_VM | (clear_if ? X86_IF : 0);

	c->eflags &= ~off;
	c->int_shadow = false;
	if (x->vec == X86_EXC_DB && x->kind == X86_INT_EXC) {
		c->dr[7] &= ~(uint64_t)BIT(13); /* GD */
	}
}

static void exc_push(struct x86_stk *s, uint64_t v, unsigned size)
{
	x86_push(s, v, size);
}

/* ---- real mode (6.6 of vol. 3B 20.1.4) ---- */

static void exc_real(struct exc_ctx *x)
{
	struct x86_cpu *c = x->c;
	uint64_t at = c->idt.base + (uint64_t)x->vec * 4;
	struct x86_stk s;
	uint32_t v;

	if ((unsigned)x->vec * 4 + 3 > c->idt.limit) {
		x86_raise(x->env, X86_EXC_GP, (uint32_t)x->vec * 8 + 2);
	}
	v = (uint32_t)tcg_ld(x->env, at, 4, 1);
	x86_stk_init(x->env, &s);
	exc_push(&s, x->rflags, 2);
	exc_push(&s, c->seg[X86_CS].sel, 2);
	exc_push(&s, x->next_ip, 2);
	x86_stk_commit(c, &s);
	c->eflags &= ~(X86_IF | X86_TF | X86_AC | X86_RF);
	c->int_shadow = false;
	x86_seg_real(c, X86_CS, (uint16_t)(v >> 16));
	x86_set_ip(c, v & 0xffff);
	x86_update_hflags(c);
}

/* ---- protected mode ---- */

/* Code segment of a gate: its new CPL. */
static unsigned exc_gate_code(struct exc_ctx *x, uint16_t sel, struct x86_desc *d)
{
	unsigned cpl = x86_cpl(x->c), dpl;

	if (!(sel & 0xfffc)) {
		x86_raise(x->env, X86_EXC_GP, x->ext);
	}
	if (!x86_desc_read(x->env, sel, d)) {
		exc_sel_fault(x, X86_EXC_GP, sel);
	}
	dpl = (d->hi >> 13) & 3;
	if ((d->hi & 0x1800) != 0x1800 || dpl > cpl) { /* S and code */
		exc_sel_fault(x, X86_EXC_GP, sel);
	}
	if (x86_lma(x->c) && (d->hi & 0x600000) != 0x200000) {
		exc_sel_fault(x, X86_EXC_GP, sel);
	}
	if (!(d->hi & 0x8000)) {
		exc_sel_fault(x, X86_EXC_NP, sel);
	}
	return d->hi & 0x400 ? cpl : dpl; /* conforming */
}

/* The inner stack segment from the TSS, checked; fills s. */
static void exc_inner_stack(struct exc_ctx *x, unsigned cpl, struct x86_stk *s,
                            uint16_t *sel, struct x86_desc *d)
{
	uint32_t esp;

	x86_tss_stack(x->env, cpl, sel, &esp, x->ext);
	if (!(*sel & 0xfffc)) {
		x86_raise(x->env, X86_EXC_TS, x->ext);
	}
	if (!x86_desc_read(x->env, *sel, d) || (*sel & 3) != cpl ||
	    ((d->hi >> 13) & 3) != cpl || (d->hi & 0x1a00) != 0x1200) {
		exc_sel_fault(x, X86_EXC_TS, *sel);
	}
	if (!(d->hi & 0x8000)) {
		exc_sel_fault(x, X86_EXC_SS, *sel);
	}
	*s = (struct x86_stk){ .env = x->env,
		               .base = x86_desc_base(d),
		               .sp = esp,
		               .mask = d->hi & 0x400000 ? 0xffffffff : 0xffff,
		               .mode = cpl < 3 };
}

static void exc_push_frame(struct exc_ctx *x, struct x86_stk *s, unsigned size)
{
	exc_push(s, x->rflags, size);
	exc_push(s, x->c->seg[X86_CS].sel, size);
	exc_push(s, x->next_ip, size);
	if (x->has_err) {
		exc_push(s, x->err, size);
	}
}

static void exc_prot_inner(struct exc_ctx *x, const struct x86_desc *cs,
                           uint16_t cs_sel, unsigned cpl, unsigned size, uint32_t off,
                           bool clear_if)
{
	static const uint8_t order[] = { X86_GS, X86_FS, X86_DS, X86_ES };
	struct x86_cpu *c = x->c;
	bool vm86 = c->eflags & X86_VM;
	struct x86_desc ss;
	struct x86_stk s;
	uint16_t ss_sel;

	if (vm86 && cpl != 0) {
		exc_sel_fault(x, X86_EXC_GP, cs_sel);
	}
	exc_inner_stack(x, cpl, &s, &ss_sel, &ss);
	if (off > x86_desc_limit(cs)) {
		x86_raise(x->env, X86_EXC_GP, x->ext);
	}
	if (vm86) {
		for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
			exc_push(&s, c->seg[order[i]].sel, size);
		}
	}
	exc_push(&s, c->seg[X86_SS].sel, size);
	exc_push(&s, c->reg[X86_RSP], size);
	exc_push_frame(x, &s, size);
	if (vm86) {
		for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
			x86_seg_null(c, order[i], 0);
		}
	}
	x86_desc_set_accessed(x->env, &ss);
	exc_enter_flags(x, clear_if);
	x86_seg_from_desc(c, X86_SS, (uint16_t)((ss_sel & ~3u) | cpl), &ss);
	x86_stk_commit(c, &s);
	x86_cs_load(c, cs_sel, cs, cpl);
	x86_set_ip(c, off);
}

static void exc_prot(struct exc_ctx *x)
{
	struct x86_cpu *c = x->c;
	uint64_t at = c->idt.base + (uint64_t)x->vec * 8, gate;
	struct x86_desc cs;
	uint32_t lo, hi, off;
	unsigned type, size, cpl;
	uint16_t sel;
	bool clear_if;

	if ((unsigned)x->vec * 8 + 7 > c->idt.limit) {
		exc_gate_fault(x, X86_EXC_GP);
	}
	gate = tcg_ld(x->env, at, 8, 1);
	lo = (uint32_t)gate;
	hi = (uint32_t)(gate >> 32);
	type = (hi >> 8) & 0x1f;
	sel = (uint16_t)(lo >> 16);
	if (type != 5 && type != 6 && type != 7 && type != 14 && type != 15) {
		exc_gate_fault(x, X86_EXC_GP);
	}
	if (x->kind == X86_INT_SOFT && ((hi >> 13) & 3) < x86_cpl(c)) {
		exc_gate_fault(x, X86_EXC_GP);
	}
	if (!(hi & 0x8000)) {
		exc_gate_fault(x, X86_EXC_NP);
	}
	if (type == 5) {
		x86_task_switch(x->env, sel, X86_TASK_GATE, x->next_ip, x->has_err,
		                x->err, x->ext);
		return;
	}
	size = type & 8 ? 4 : 2;
	clear_if = !(type & 1);
	off = size == 4 ? (hi & 0xffff0000) | (lo & 0xffff) : lo & 0xffff;
	cpl = exc_gate_code(x, sel, &cs);
	if (cpl < x86_cpl(c)) {
		exc_prot_inner(x, &cs, sel, cpl, size, off, clear_if);
	} else {
		struct x86_stk s;

		if (c->eflags & X86_VM) {
			exc_sel_fault(x, X86_EXC_GP, sel);
		}
		if (off > x86_desc_limit(&cs)) {
			x86_raise(x->env, X86_EXC_GP, x->ext);
		}
		x86_stk_init(x->env, &s);
		exc_push_frame(x, &s, size);
		x86_stk_commit(c, &s);
		exc_enter_flags(x, clear_if);
		x86_cs_load(c, sel, &cs, cpl);
		x86_set_ip(c, off);
	}
	x86_desc_set_accessed(x->env, &cs);
	x86_mode_changed(x->env);
}

/* ---- long mode (6.14) ---- */

static uint64_t exc_long_stack(struct exc_ctx *x, unsigned ist, unsigned cpl)
{
	struct x86_cpu *c = x->c;
	uint64_t rsp = c->reg[X86_RSP];
	unsigned off = ist ? 0x1c + 8 * ist : 4 + 8 * cpl;

	if (ist || cpl < x86_cpl(c)) {
		if (off + 7 > c->seg[X86_TR].limit) {
			exc_sel_fault(x, X86_EXC_TS, c->seg[X86_TR].sel);
		}
		rsp = tcg_ld(x->env, c->seg[X86_TR].base + off, 8, 1);
		if (!x86_canonical(c, rsp)) {
			x86_raise(x->env, X86_EXC_SS, x->ext);
		}
	}
	return rsp & ~UINT64_C(15);
}

static void exc_long(struct exc_ctx *x)
{
	struct x86_cpu *c = x->c;
	uint64_t at = c->idt.base + (uint64_t)x->vec * 16, lo, hi, off, rsp;
	uint64_t frame[6];
	struct x86_desc cs;
	unsigned type, cpl, n = 0;
	uint16_t sel;

	if ((unsigned)x->vec * 16 + 15 > c->idt.limit) {
		exc_gate_fault(x, X86_EXC_GP);
	}
	lo = tcg_ld(x->env, at, 8, 1);
	hi = tcg_ld(x->env, at + 8, 8, 1);
	type = (lo >> 40) & 0x1f;
	sel = (uint16_t)(lo >> 16);
	if (type != 14 && type != 15) {
		exc_gate_fault(x, X86_EXC_GP);
	}
	if (x->kind == X86_INT_SOFT && ((lo >> 45) & 3) < x86_cpl(c)) {
		exc_gate_fault(x, X86_EXC_GP);
	}
	if (!(lo >> 47 & 1)) {
		exc_gate_fault(x, X86_EXC_NP);
	}
	off = (lo & 0xffff) | (lo >> 32 & 0xffff0000) | hi << 32;
	cpl = exc_gate_code(x, sel, &cs);
	rsp = exc_long_stack(x, (lo >> 32) & 7, cpl);
	if (x->has_err) {
		frame[n++] = x->err;
	}
	frame[n++] = x->next_ip;
	frame[n++] = c->seg[X86_CS].sel;
	frame[n++] = x->rflags;
	frame[n++] = c->reg[X86_RSP];
	frame[n++] = c->seg[X86_SS].sel;
	rsp -= 8 * n;
	if (!x86_canonical(c, rsp)) {
		x86_raise(x->env, X86_EXC_SS, x->ext);
	}
	tcg_st_bytes(x->env, rsp, frame, 8 * n, cpl < 3);
	x86_desc_set_accessed(x->env, &cs);
	if (cpl < x86_cpl(c)) {
		x86_seg_null(c, X86_SS, (uint16_t)cpl);
	}
	exc_enter_flags(x, type == 14);
	x86_cs_load(c, sel, &cs, cpl);
	c->reg[X86_RSP] = rsp;
	c->rip = off; /* not canonical: the fetch faults, as the processor's does */
	x86_mode_changed(x->env);
}

/* ---- entry points ---- */

/* Faults set RF in the image, so that the handler's IRET does not stop at the break
 * point again; traps, interrupts and code break points leave it as it is. */
static bool exc_sets_rf(int vec, enum x86_int_kind kind)
{
	return kind == X86_INT_EXC && vec != X86_EXC_DB && vec != X86_EXC_BP &&
	       vec != X86_EXC_OF && vec != X86_EXC_NMI && vec != X86_EXC_DF &&
	       vec != X86_EXC_MC;
}

void x86_interrupt(struct tcg_env *env, int vec, enum x86_int_kind kind, bool has_err,
                   uint32_t err, uint64_t next_ip)
{
	struct x86_cpu *c = x86_of(env);
	struct exc_ctx x = { .env = env,
		             .c = c,
		             .vec = vec,
		             .kind = kind,
		             .has_err = has_err,
		             .err = err,
		             .ext = kind != X86_INT_SOFT,
		             .next_ip = next_ip };

	log_d(LOG_INT,
	      "x86 %u: %s %02x error %x at %04x:%016llx cpl %u cr2 %016llx rsp "
	      "%016llx\n",
	      c->vcpu->index,
	      kind == X86_INT_HARD  ? "irq"
	      : kind == X86_INT_EXC ? "exc"
	                            : "int",
	      (unsigned)vec, err, c->seg[X86_CS].sel, (unsigned long long)x86_ip(c),
	      x86_cpl(c), (unsigned long long)c->cr2,
	      (unsigned long long)c->reg[X86_RSP]);
	x.rflags = x86_get_rflags(c);
	if (exc_sets_rf(vec, kind)) {
		x.rflags |= X86_RF;
	}
	if (!x86_pe(c)) {
		x.has_err = false;
		exc_real(&x);
	} else if (x86_lma(c)) {
		exc_long(&x);
	} else {
		exc_prot(&x);
	}
	c->exc_delivering = -1;
}

void x86_deliver(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);
	int vec = c->exc_pending;

	c->exc_pending = -1;
	if (vec < 0) {
		return;
	}
	if (vec == X86_EXC_TRIPLE) {
		log_d(LOG_INT, "x86 %u: triple fault at %016llx\n", c->vcpu->index,
		      (unsigned long long)c->rip);
		tcg_exit_loop(env, TCG_EXIT_SHUTDOWN);
	}
	c->exc_delivering = (int16_t)vec;
	x86_interrupt(env, vec, X86_INT_EXC, c->exc_has_err, c->exc_err, x86_ip(c));
}

/* ---- requests from outside ---- */

bool x86_interrupt_ready(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);
	uint32_t r = atomic_load(&c->vcpu->requests);

	if (r & X86_REQ_INIT) {
		return true;
	}
	if (c->wait_sipi) {
		return r & X86_REQ_SIPI;
	}
	if (r & (X86_REQ_SIPI | X86_REQ_SMI | X86_REQ_MCE)) {
		return true;
	}
	if (c->int_shadow) {
		return false;
	}
	return ((r & X86_REQ_NMI) && !c->nmi_masked) ||
	       ((r & X86_REQ_HARD) && (c->eflags & X86_IF));
}

static void exc_init(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);

	vcpu_clear_request(c->vcpu, X86_REQ_INIT | X86_REQ_NMI | X86_REQ_SMI);
	x86_init_reset(c);
	x86_mode_changed(env);
	tcg_flush_all(env);
	if (c->wait_sipi) {
		tcg_exit_loop(env, TCG_EXIT_HALT);
	}
}

static bool exc_sipi(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);

	vcpu_clear_request(c->vcpu, X86_REQ_SIPI);
	if (!c->wait_sipi || !c->apic_ops || !c->apic) {
		return false;
	}
	x86_startup(c, c->apic_ops->sipi_vector(c->apic));
	log_d(LOG_INT, "x86 %u: starts at %llx\n", c->vcpu->index,
	      (unsigned long long)c->rip);
	x86_mode_changed(env);
	return true;
}

bool x86_take_interrupt(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);
	uint32_t r = atomic_load(&c->vcpu->requests);
	int vec;

	if (r & X86_REQ_INIT) {
		exc_init(env);
		return true;
	}
	if (r & X86_REQ_SIPI) {
		return exc_sipi(env);
	}
	if (r & (X86_REQ_SMI | X86_REQ_MCE)) {
		vcpu_clear_request(c->vcpu, X86_REQ_SMI | X86_REQ_MCE);
		log_d(LOG_UNIMP, "x86: not supported: SMI and machine checks\n");
	}
	if (c->wait_sipi || c->int_shadow) {
		return false;
	}
	if ((r & X86_REQ_NMI) && !c->nmi_masked) {
		vcpu_clear_request(c->vcpu, X86_REQ_NMI);
		c->nmi_masked = true;
		x86_interrupt(env, X86_EXC_NMI, X86_INT_HARD, false, 0, x86_ip(c));
		return true;
	}
	if (!(r & X86_REQ_HARD) || !(c->eflags & X86_IF) || !c->apic_ops || !c->apic) {
		return false;
	}
	vec = c->apic_ops->get_vector(c->apic);
	if (vec < 0 || vec > 255) {
		return false;
	}
	x86_interrupt(env, vec, X86_INT_HARD, false, 0, x86_ip(c));
	return true;
}
