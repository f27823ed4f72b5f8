/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys-far.c - far JMP, CALL and RET: real mode, code segments, call gates with stack
 * switch; the outward half of IRET.
 *
 * Spec: SDM vol. 2A CALL, JMP, IRET, vol. 2B RET (pseudocode order of checks); vol.
 * 3A 5.8. Threads: the vCPU's own.
 */
#include "config.h"

#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

enum { GATE_CALL16 = 4, GATE_TASK = 5, GATE_CALL32 = 12 };

static void __noreturn far_fault(struct tcg_env *env, enum x86_exc vec, uint16_t sel)
{
	x86_raise(env, vec, sel & 0xfffcu);
}

static uint64_t far_next_ip(const struct x86_cpu *c, uint64_t linear)
{
	return x86_code64(c) ? linear : (uint32_t)(linear - c->seg[X86_CS].base);
}

static uint64_t far_trim(uint64_t ip, unsigned size)
{
	return size == 2 ? ip & 0xffff : size == 4 ? ip & 0xffffffff : ip;
}

/* Is `ip` legal in the code segment d? */
static void far_check_ip(struct tcg_env *env, const struct x86_desc *d, uint64_t ip)
{
	struct x86_cpu *c = x86_of(env);

	if (x86_lma(c) && (d->hi & 0x200000)) {
		if (!x86_canonical(c, ip)) {
			x86_gp(env, 0);
		}
	} else if (ip > x86_desc_limit(d)) {
		x86_gp(env, 0);
	}
}

/* Long mode: L and D exclude each other. */
static void far_check_long(struct tcg_env *env, uint16_t sel, const struct x86_desc *d)
{
	if (x86_lma(x86_of(env)) && (d->hi & 0x600000) == 0x600000) {
		far_fault(env, X86_EXC_GP, sel);
	}
}

static void far_real_ip(struct tcg_env *env, uint16_t sel, uint64_t ip)
{
	struct x86_cpu *c = x86_of(env);

	if (c->eflags & X86_VM) {
		x86_seg_vm86(c, X86_CS, sel);
	} else {
		x86_seg_real(c, X86_CS, sel);
	}
	x86_set_ip(c, ip);
	x86_mode_changed(env);
}

/* Reads and checks a direct code-segment target of JMP and CALL; false: it is a system
 * descriptor. */
static bool far_code(struct tcg_env *env, uint16_t sel, struct x86_desc *d)
{
	unsigned cpl = x86_cpl(x86_of(env)), dpl;

	if (!(sel & 0xfffc)) {
		x86_gp(env, 0);
	}
	if (!x86_desc_read(env, sel, d)) {
		far_fault(env, X86_EXC_GP, sel);
	}
	if (!(d->hi & 0x1000)) {
		return false;
	}
	dpl = (d->hi >> 13) & 3;
	if (!(d->hi & 0x800)) {
		far_fault(env, X86_EXC_GP, sel);
	}
	if (d->hi & 0x400 ? dpl > cpl : (sel & 3u) > cpl || dpl != cpl) {
		far_fault(env, X86_EXC_GP, sel);
	}
	if (!(d->hi & 0x8000)) {
		far_fault(env, X86_EXC_NP, sel);
	}
	far_check_long(env, sel, d);
	return true;
}

/* ---- call gates ---- */

struct far_gate {
	uint16_t cs;
	uint64_t ip;
	unsigned params, size;
	struct x86_desc code;
};

/* A gate or TSS that JMP/CALL names: 0 = call gate in *g; else the task selector. */
static uint16_t far_system(struct tcg_env *env, uint16_t sel, const struct x86_desc *d,
                           bool jmp, struct far_gate *g)
{
	struct x86_cpu *c = x86_of(env);
	unsigned type = (d->hi >> 8) & 15, dpl = (d->hi >> 13) & 3, cpl = x86_cpl(c);
	bool lma = x86_lma(c);

	if (type != GATE_CALL32 && (lma || (type != GATE_CALL16 && type != GATE_TASK &&
	                                    type != 1 && type != 9))) {
		far_fault(env, X86_EXC_GP, sel);
	}
	if (dpl < cpl || dpl < (sel & 3u)) {
		far_fault(env, X86_EXC_GP, sel);
	}
	if (!(d->hi & 0x8000)) {
		far_fault(env, X86_EXC_NP, sel);
	}
	if (type == 1 || type == 9) {
		return sel;
	}
	if (type == GATE_TASK) {
		return (uint16_t)(d->lo >> 16);
	}
	g->cs = (uint16_t)(d->lo >> 16);
	g->ip = (d->lo & 0xffff) | (type == GATE_CALL32 ? d->hi & 0xffff0000 : 0);
	g->params = d->hi & 31;
	g->size = type == GATE_CALL32 ? 4 : 2;
	if (lma) {
		uint64_t hi;

		if (((sel & 0xfff8u) | 15u) >
		    (sel & 4 ? c->seg[X86_LDTR].limit : c->gdt.limit)) {
			far_fault(env, X86_EXC_GP, sel);
		}
		hi = tcg_ld(env, d->addr + 8, 8, 1);
		if (hi >> 40 & 0x1f) {
			far_fault(env, X86_EXC_GP, sel);
		}
		g->ip |= hi << 32;
		g->size = 8;
		g->params = 0;
	}
	if (!(g->cs & 0xfffc)) {
		x86_gp(env, 0);
	}
	if (!x86_desc_read(env, g->cs, &g->code) || (g->code.hi & 0x1800) != 0x1800) {
		far_fault(env, X86_EXC_GP, g->cs);
	}
	dpl = (g->code.hi >> 13) & 3;
	if (dpl > cpl || (jmp && !(g->code.hi & 0x400) && dpl != cpl)) {
		far_fault(env, X86_EXC_GP, g->cs);
	}
	if (lma && (g->code.hi & 0x600000) != 0x200000) {
		far_fault(env, X86_EXC_GP, g->cs);
	}
	if (!(g->code.hi & 0x8000)) {
		far_fault(env, X86_EXC_NP, g->cs);
	}
	return 0;
}

/* Inner stack of a legacy call gate, checked. */
static void far_gate_stack(struct tcg_env *env, unsigned dpl, struct x86_stk *s,
                           uint16_t *sel, struct x86_desc *d)
{
	uint32_t esp;

	x86_tss_stack(env, dpl, sel, &esp, 0);
	if (!(*sel & 0xfffc)) {
		x86_raise(env, X86_EXC_TS, 0);
	}
	if (!x86_desc_read(env, *sel, d) || (*sel & 3) != dpl ||
	    ((d->hi >> 13) & 3) != dpl || (d->hi & 0x1a00) != 0x1200) {
		far_fault(env, X86_EXC_TS, *sel);
	}
	if (!(d->hi & 0x8000)) {
		far_fault(env, X86_EXC_SS, *sel);
	}
	*s = (struct x86_stk){ .env = env,
		               .base = x86_desc_base(d),
		               .sp = esp,
		               .mask = d->hi & 0x400000 ? 0xffffffff : 0xffff,
		               .mode = dpl < 3 };
}

static void far_call_inner(struct tcg_env *env, struct far_gate *g, unsigned dpl,
                           uint64_t next_ip)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t params[32];
	struct x86_stk old, s;
	struct x86_desc ss;
	uint16_t ss_sel = (uint16_t)dpl;

	if (g->size == 8) {
		uint32_t at = 4 + 8 * dpl;
		uint64_t rsp;

		if (at + 7 > c->seg[X86_TR].limit) {
			far_fault(env, X86_EXC_TS, c->seg[X86_TR].sel);
		}
		rsp = tcg_ld(env, c->seg[X86_TR].base + at, 8, 1);
		if (!x86_canonical(c, rsp)) {
			x86_raise(env, X86_EXC_SS, 0);
		}
		s = (struct x86_stk){
			.env = env, .sp = rsp, .mask = ~UINT64_C(0), .mode = 1
		};
	} else {
		far_gate_stack(env, dpl, &s, &ss_sel, &ss);
	}
	x86_stk_init(env, &old);
	for (unsigned i = 0; i < g->params; i++) {
		params[i] = x86_pop(&old, g->size);
	}
	far_check_ip(env, &g->code, g->ip);
	x86_push(&s, c->seg[X86_SS].sel, g->size);
	x86_push(&s, c->reg[X86_RSP], g->size);
	for (unsigned i = g->params; i > 0; i--) {
		x86_push(&s, params[i - 1], g->size);
	}
	x86_push(&s, c->seg[X86_CS].sel, g->size);
	x86_push(&s, next_ip, g->size);
	x86_desc_set_accessed(env, &g->code);
	if (g->size == 8) {
		x86_seg_null(c, X86_SS, ss_sel);
	} else {
		x86_desc_set_accessed(env, &ss);
		x86_seg_from_desc(c, X86_SS, ss_sel, &ss);
	}
	x86_cs_load(c, g->cs, &g->code, dpl);
	x86_stk_commit(c, &s);
	x86_set_ip(c, g->ip);
	x86_mode_changed(env);
}

static void far_call_gate(struct tcg_env *env, struct far_gate *g, uint64_t next_ip)
{
	struct x86_cpu *c = x86_of(env);
	unsigned dpl = (g->code.hi >> 13) & 3, cpl = x86_cpl(c);
	struct x86_stk s;

	if (!(g->code.hi & 0x400) && dpl < cpl) {
		far_call_inner(env, g, dpl, next_ip);
		return;
	}
	x86_stk_init(env, &s);
	if (g->size == 8) {
		s.base = 0;
		s.mask = ~UINT64_C(0);
	}
	far_check_ip(env, &g->code, g->ip);
	x86_push(&s, c->seg[X86_CS].sel, g->size);
	x86_push(&s, next_ip, g->size);
	x86_desc_set_accessed(env, &g->code);
	x86_stk_commit(c, &s);
	x86_cs_load(c, g->cs, &g->code, cpl);
	x86_set_ip(c, g->ip);
	x86_mode_changed(env);
}

/* ---- JMP, CALL ---- */

uint64_t helper_far_jmp(struct tcg_env *env, uint64_t sel64, uint64_t off,
                        uint64_t size, uint64_t next)
{
	struct x86_cpu *c = x86_of(env);
	uint16_t sel = (uint16_t)sel64, task;
	struct x86_desc d;
	struct far_gate g;

	off = far_trim(off, (unsigned)size);
	if (!x86_prot(c)) {
		if (off > c->seg[X86_CS].limit) {
			x86_gp(env, 0);
		}
		far_real_ip(env, sel, off);
		return 0;
	}
	if (far_code(env, sel, &d)) {
		far_check_ip(env, &d, off);
		x86_desc_set_accessed(env, &d);
		x86_cs_load(c, sel, &d, x86_cpl(c));
		x86_set_ip(c, off);
		x86_mode_changed(env);
		return 0;
	}
	task = far_system(env, sel, &d, true, &g);
	if (task) {
		x86_task_switch(env, task, X86_TASK_JMP, far_next_ip(c, next), false, 0,
		                0);
		return 0;
	}
	far_check_ip(env, &g.code, g.ip);
	x86_desc_set_accessed(env, &g.code);
	x86_cs_load(c, g.cs, &g.code, x86_cpl(c));
	x86_set_ip(c, g.ip);
	x86_mode_changed(env);
	return 0;
}

uint64_t helper_far_call(struct tcg_env *env, uint64_t sel64, uint64_t off,
                         uint64_t size, uint64_t next)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t next_ip = far_next_ip(c, next);
	uint16_t sel = (uint16_t)sel64, task;
	struct x86_desc d;
	struct far_gate g;
	struct x86_stk s;

	off = far_trim(off, (unsigned)size);
	x86_stk_init(env, &s);
	if (!x86_prot(c)) {
		if (off > c->seg[X86_CS].limit) {
			x86_gp(env, 0);
		}
		x86_push(&s, c->seg[X86_CS].sel, (unsigned)size);
		x86_push(&s, next_ip, (unsigned)size);
		x86_stk_commit(c, &s);
		far_real_ip(env, sel, off);
		return 0;
	}
	if (!far_code(env, sel, &d)) {
		task = far_system(env, sel, &d, false, &g);
		if (task) {
			x86_task_switch(env, task, X86_TASK_CALL, next_ip, false, 0, 0);
		} else {
			far_call_gate(env, &g, next_ip);
		}
		return 0;
	}
	far_check_ip(env, &d, off);
	x86_push(&s, c->seg[X86_CS].sel, (unsigned)size);
	x86_push(&s, next_ip, (unsigned)size);
	x86_desc_set_accessed(env, &d);
	x86_stk_commit(c, &s);
	x86_cs_load(c, sel, &d, x86_cpl(c));
	x86_set_ip(c, off);
	x86_mode_changed(env);
	return 0;
}

/* ---- RET, IRET ---- */

/* After a fall in privilege: data segments that the outer level may not use become
 * null. */
static void far_drop_segs(struct x86_cpu *c, unsigned cpl)
{
	static const uint8_t segs[] = { X86_ES, X86_DS, X86_FS, X86_GS };

	for (unsigned i = 0; i < ARRAY_LEN(segs); i++) {
		uint32_t a = c->seg[segs[i]].attr;

		if ((a & X86_SEG_P) && X86_SEG_DPL(a) < cpl && (a & 0xc) != 0xc) {
			x86_seg_null(c, segs[i], 0);
		}
	}
}

static void far_ret_code(struct tcg_env *env, const struct x86_far_ret *r,
                         struct x86_desc *d)
{
	unsigned cpl = x86_cpl(x86_of(env)), rpl = r->cs & 3, dpl;

	if (!(r->cs & 0xfffc)) {
		x86_gp(env, 0);
	}
	if (!x86_desc_read(env, r->cs, d)) {
		far_fault(env, X86_EXC_GP, r->cs);
	}
	dpl = (d->hi >> 13) & 3;
	if ((d->hi & 0x1800) != 0x1800 || rpl < cpl ||
	    (d->hi & 0x400 ? dpl > rpl : dpl != rpl)) {
		far_fault(env, X86_EXC_GP, r->cs);
	}
	if (!(d->hi & 0x8000)) {
		far_fault(env, X86_EXC_NP, r->cs);
	}
	far_check_long(env, r->cs, d);
}

/* The outer stack segment; true when it is a descriptor in *d, false: null, allowed. */
static bool far_ret_stack(struct tcg_env *env, uint16_t ss, unsigned rpl, bool to64,
                          struct x86_desc *d)
{
	if (!(ss & 0xfffc)) {
		if (!to64 || rpl == 3) {
			x86_gp(env, 0);
		}
		return false;
	}
	if ((ss & 3u) != rpl || !x86_desc_read(env, ss, d) ||
	    (d->hi & 0x1a00) != 0x1200 || ((d->hi >> 13) & 3) != rpl) {
		far_fault(env, X86_EXC_GP, ss);
	}
	if (!(d->hi & 0x8000)) {
		far_fault(env, X86_EXC_SS, ss);
	}
	return true;
}

void x86_far_return(struct tcg_env *env, struct x86_stk *s, const struct x86_far_ret *r)
{
	struct x86_cpu *c = x86_of(env);
	unsigned cpl = x86_cpl(c), rpl = r->cs & 3;
	struct x86_desc cs, ss = { 0 };
	uint64_t sp = 0, ip = r->ip;
	uint16_t ss_sel = 0;
	bool to64, have_ss = false, outer, stack;

	far_ret_code(env, r, &cs);
	to64 = x86_lma(c) && (cs.hi & 0x200000);
	outer = rpl > cpl;
	s->sp = (s->sp + r->release) & s->mask;
	/* IRET of 64-bit code pops SS:RSP always. */
	stack = outer || (r->iret && x86_code64(c));
	if (stack) {
		sp = x86_pop(s, r->size);
		ss_sel = (uint16_t)x86_pop(s, r->size);
		have_ss = far_ret_stack(env, ss_sel, rpl, to64, &ss);
	}
	far_check_ip(env, &cs, ip);
	x86_desc_set_accessed(env, &cs);
	if (!stack) {
		x86_stk_commit(c, s);
		x86_cs_load(c, r->cs, &cs, cpl);
		x86_set_ip(c, ip);
		return;
	}
	if (have_ss) {
		x86_desc_set_accessed(env, &ss);
		x86_seg_from_desc(c, X86_SS, ss_sel, &ss);
	} else {
		x86_seg_null(c, X86_SS, ss_sel);
	}
	x86_cs_load(c, r->cs, &cs, rpl);
	if (to64) {
		c->reg[X86_RSP] = sp;
	} else if (c->seg[X86_SS].attr & X86_SEG_DB) {
		c->reg[X86_RSP] = (uint32_t)sp;
	} else {
		c->reg[X86_RSP] = (c->reg[X86_RSP] & ~UINT64_C(0xffff)) | (sp & 0xffff);
	}
	if (!r->iret) {
		uint64_t m = to64                               ? ~UINT64_C(0)
		             : c->seg[X86_SS].attr & X86_SEG_DB ? 0xffffffff
		                                                : 0xffff;

		c->reg[X86_RSP] =
			(c->reg[X86_RSP] & ~m) | ((c->reg[X86_RSP] + r->release) & m);
	}
	x86_set_ip(c, ip);
	if (outer) {
		far_drop_segs(c, rpl);
	}
}

uint64_t helper_far_ret(struct tcg_env *env, uint64_t size, uint64_t release,
                        uint64_t b, uint64_t d)
{
	struct x86_cpu *c = x86_of(env);
	struct x86_far_ret r = { .size = (unsigned)size, .release = (unsigned)release };
	struct x86_stk s;

	(void)b, (void)d;
	x86_stk_init(env, &s);
	r.ip = x86_pop(&s, r.size);
	r.cs = (uint16_t)x86_pop(&s, r.size);
	if (!x86_prot(c)) {
		if (r.ip > c->seg[X86_CS].limit) {
			x86_gp(env, 0);
		}
		s.sp = (s.sp + r.release) & s.mask;
		x86_stk_commit(c, &s);
		far_real_ip(env, r.cs, r.ip);
		return 0;
	}
	x86_far_return(env, &s, &r);
	x86_mode_changed(env);
	return 0;
}
