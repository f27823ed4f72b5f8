/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys-task.c - hardware task switches, 16- and 32-bit TSS.
 *
 * Spec: SDM vol. 3A 7.3 (steps and order of checks), tables 7-1 and 7-2, figures 7-2
 * and 7-10. Protected mode only: long mode has none.
 *
 * Threads: the vCPU's own.
 * Known gaps: faults found after the new task's registers are loaded (bad segments)
 * are delivered in the new task, as on a processor, but segments that were not reached
 * are null instead of "not yet loaded".
 */
#include "config.h"

#include "base/bytes.h"
#include "base/compiler.h"
#include "base/log.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

enum { TSS32_LEN = 104, TSS16_LEN = 44 };

struct task_image {
	uint32_t eip, eflags, reg[8], cr3;
	uint16_t sel[6], ldt; /* ES CS SS DS FS GS */
	bool trap;
};

static void __noreturn task_fault(struct tcg_env *env, enum x86_exc vec, uint16_t sel,
                                  uint32_t ext)
{
	x86_raise(env, vec, (sel & 0xfffcu) | ext);
}

/* ---- images ---- */

static void task_save(struct tcg_env *env, bool big, uint32_t eip, uint32_t eflags)
{
	struct x86_cpu *c = x86_of(env);
	uint64_t tss = c->seg[X86_TR].base;
	uint8_t b[72];

	if (big) {
		st_le32(b, eip);
		st_le32(b + 4, eflags);
		for (unsigned i = 0; i < 8; i++) {
			st_le32(b + 8 + 4 * i, (uint32_t)c->reg[i]);
		}
		tcg_st_bytes(env, tss + 0x20, b, 40, 1);
		for (unsigned i = 0; i < 6; i++) {
			tcg_st(env, tss + 0x48 + 4 * i, c->seg[i].sel, 2, 1);
		}
		return;
	}
	st_le16(b, (uint16_t)eip);
	st_le16(b + 2, (uint16_t)eflags);
	for (unsigned i = 0; i < 8; i++) {
		st_le16(b + 4 + 2 * i, (uint16_t)c->reg[i]);
	}
	for (unsigned i = 0; i < 4; i++) {
		st_le16(b + 20 + 2 * i, c->seg[i].sel);
	}
	tcg_st_bytes(env, tss + 0x0e, b, 28, 1);
}

static void task_load_image(struct tcg_env *env, uint64_t tss, bool big,
                            struct task_image *t)
{
	uint8_t b[TSS32_LEN];

	*t = (struct task_image){ .cr3 = (uint32_t)x86_of(env)->cr3 };
	tcg_ld_bytes(env, tss, b, big ? TSS32_LEN : TSS16_LEN, 1);
	if (big) {
		t->cr3 = ld_le32(b + 0x1c);
		t->eip = ld_le32(b + 0x20);
		t->eflags = ld_le32(b + 0x24);
		for (unsigned i = 0; i < 8; i++) {
			t->reg[i] = ld_le32(b + 0x28 + 4 * i);
		}
		for (unsigned i = 0; i < 6; i++) {
			t->sel[i] = ld_le16(b + 0x48 + 4 * i);
		}
		t->ldt = ld_le16(b + 0x60);
		t->trap = b[0x64] & 1;
		return;
	}
	t->eip = ld_le16(b + 0x0e);
	t->eflags = ld_le16(b + 0x10);
	for (unsigned i = 0; i < 8; i++) {
		t->reg[i] = 0xffff0000u | ld_le16(b + 0x12 + 2 * i);
	}
	for (unsigned i = 0; i < 4; i++) {
		t->sel[i] = ld_le16(b + 0x22 + 2 * i);
	}
	t->ldt = ld_le16(b + 0x2a);
}

/* ---- the new task's segments; faults are the new task's ---- */

static void task_load_ldt(struct tcg_env *env, uint16_t sel)
{
	struct x86_cpu *c = x86_of(env);
	struct x86_desc d;

	c->seg[X86_LDTR] = (struct x86_seg){ .sel = sel };
	if (!(sel & 0xfffc)) {
		return;
	}
	if ((sel & 4) || !x86_desc_read(env, sel, &d) || (d.hi & 0x1f00) != 0x200 ||
	    !(d.hi & 0x8000)) {
		x86_record(c, X86_EXC_TS, sel & 0xfffcu);
		tcg_raise(env, false);
	}
	x86_seg_from_desc(c, X86_LDTR, sel, &d);
}

static void __noreturn task_seg_fault(struct tcg_env *env, enum x86_exc vec,
                                      uint16_t sel)
{
	x86_mode_changed(env);
	x86_record(x86_of(env), (int)vec, sel & 0xfffcu);
	tcg_raise(env, false);
}

static void task_load_cs_ss(struct tcg_env *env, const struct task_image *t)
{
	struct x86_cpu *c = x86_of(env);
	unsigned cpl = t->sel[X86_CS] & 3, dpl;
	struct x86_desc d;

	if (!(t->sel[X86_CS] & 0xfffc) || !x86_desc_read(env, t->sel[X86_CS], &d) ||
	    (d.hi & 0x1800) != 0x1800) {
		task_seg_fault(env, X86_EXC_TS, t->sel[X86_CS]);
	}
	dpl = (d.hi >> 13) & 3;
	if (d.hi & 0x400 ? dpl > cpl : dpl != cpl) {
		task_seg_fault(env, X86_EXC_TS, t->sel[X86_CS]);
	}
	if (!(d.hi & 0x8000)) {
		task_seg_fault(env, X86_EXC_NP, t->sel[X86_CS]);
	}
	x86_desc_set_accessed(env, &d);
	x86_cs_load(c, t->sel[X86_CS], &d, cpl);
	x86_set_ip(c, t->eip);
	if (!(t->sel[X86_SS] & 0xfffc) || !x86_desc_read(env, t->sel[X86_SS], &d) ||
	    (t->sel[X86_SS] & 3) != cpl || ((d.hi >> 13) & 3) != cpl ||
	    (d.hi & 0x1a00) != 0x1200) {
		task_seg_fault(env, X86_EXC_TS, t->sel[X86_SS]);
	}
	if (!(d.hi & 0x8000)) {
		task_seg_fault(env, X86_EXC_SS, t->sel[X86_SS]);
	}
	x86_desc_set_accessed(env, &d);
	x86_seg_from_desc(c, X86_SS, t->sel[X86_SS], &d);
}

static void task_load_data(struct tcg_env *env, const struct task_image *t)
{
	static const uint8_t order[] = { X86_ES, X86_DS, X86_FS, X86_GS };
	struct x86_cpu *c = x86_of(env);

	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		unsigned s = order[i];
		uint16_t sel = t->sel[s];
		struct x86_desc d;

		if (!(sel & 0xfffc)) {
			x86_seg_null(c, s, sel);
			continue;
		}
		if (!x86_desc_read(env, sel, &d) || !(d.hi & 0x1000) ||
		    (d.hi & 0xa00) == 0x800 ||
		    ((d.hi & 0xc00) != 0xc00 && (((d.hi >> 13) & 3) < x86_cpl(c) ||
		                                 ((d.hi >> 13) & 3) < (sel & 3u)))) {
			task_seg_fault(env, X86_EXC_TS, sel);
		}
		if (!(d.hi & 0x8000)) {
			task_seg_fault(env, X86_EXC_NP, sel);
		}
		x86_desc_set_accessed(env, &d);
		x86_seg_from_desc(c, s, sel, &d);
	}
}

static void task_load_segs(struct tcg_env *env, const struct task_image *t)
{
	struct x86_cpu *c = x86_of(env);

	if (c->eflags & X86_VM) {
		for (unsigned s = X86_ES; s <= X86_GS; s++) {
			x86_seg_vm86(c, s, t->sel[s]);
		}
		x86_set_ip(c, t->eip);
		task_load_ldt(env, t->ldt);
		return;
	}
	for (unsigned s = X86_ES; s <= X86_GS; s++) {
		x86_seg_null(c, s, t->sel[s]);
	}
	x86_set_cpl(c, t->sel[X86_CS] & 3);
	c->rip = t->eip;
	task_load_ldt(env, t->ldt);
	task_load_cs_ss(env, t);
	task_load_data(env, t);
}

/* ---- the switch ---- */

static void task_check(struct tcg_env *env, uint16_t sel, enum x86_task_why why,
                       uint32_t ext, struct x86_desc *d)
{
	enum x86_exc vec = why == X86_TASK_IRET ? X86_EXC_TS : X86_EXC_GP;
	unsigned type, want = why == X86_TASK_IRET ? 3 : 1;
	bool big;

	if ((sel & 4) || !(sel & 0xfffc) || !x86_desc_read(env, sel, d)) {
		task_fault(env, vec, sel, ext);
	}
	type = (d->hi >> 8) & 0x1f;
	if ((type & ~8u) != want) {
		task_fault(env, vec, sel, ext);
	}
	if (!(d->hi & 0x8000)) {
		task_fault(env, X86_EXC_NP, sel, ext);
	}
	big = type & 8;
	if (x86_desc_limit(d) < (big ? TSS32_LEN - 1u : TSS16_LEN - 1u)) {
		task_fault(env, X86_EXC_TS, sel, ext);
	}
	tcg_probe(env, x86_desc_base(d), big ? TSS32_LEN : TSS16_LEN, true, 1);
}

static void task_old_busy(struct tcg_env *env, bool busy)
{
	struct x86_cpu *c = x86_of(env);
	struct x86_desc d;

	if (x86_desc_read(env, c->seg[X86_TR].sel, &d)) {
		x86_desc_set_busy(env, &d, busy);
	}
}

static void task_push_error(struct tcg_env *env, bool big, uint32_t err)
{
	struct x86_cpu *c = x86_of(env);
	struct x86_stk s;

	x86_stk_init(env, &s);
	x86_push(&s, err, big ? 4 : 2);
	x86_stk_commit(c, &s);
}

void x86_task_switch(struct tcg_env *env, uint16_t sel, enum x86_task_why why,
                     uint64_t next_ip, bool has_err, uint32_t err, uint32_t ext)
{
	struct x86_cpu *c = x86_of(env);
	bool nest = why == X86_TASK_CALL || why == X86_TASK_GATE;
	uint32_t eflags = (uint32_t)x86_get_rflags(c);
	uint16_t old_tr = c->seg[X86_TR].sel;
	bool old_big = c->seg[X86_TR].attr & 8, big;
	struct task_image t;
	struct x86_desc d = { 0 };
	uint64_t base;

	task_check(env, sel, why, ext, &d);
	big = d.hi & 0x800;
	base = x86_desc_base(&d);
	task_load_image(env, base, big, &t);
	tcg_probe(env, c->seg[X86_TR].base, old_big ? TSS32_LEN : TSS16_LEN, true, 1);
	if (why == X86_TASK_JMP || why == X86_TASK_IRET) {
		task_old_busy(env, false);
	}
	if (why == X86_TASK_IRET) {
		eflags &= ~X86_NT;
	}
	task_save(env, old_big, (uint32_t)next_ip, eflags);
	if (nest) {
		tcg_st(env, base, old_tr, 2, 1);
		t.eflags |= X86_NT;
	}
	if (why != X86_TASK_IRET) {
		x86_desc_set_busy(env, &d, true);
	}
	x86_seg_from_desc(c, X86_TR, sel, &d);
	c->seg[X86_TR].attr |= 2;
	c->cr0 |= X86_CR0_TS;
	if (big && (c->cr0 & X86_CR0_PG)) {
		/* From here on the new task is charged with what goes wrong. */
		if (x86_set_cr3(env, t.cr3) < 0) {
			task_seg_fault(env, X86_EXC_TS, sel);
		}
	}
	x86_put_rflags(c, big ? t.eflags : t.eflags & 0xffff,
	               big ? ~UINT64_C(0) : 0xffff);
	for (unsigned i = 0; i < 8; i++) {
		c->reg[i] = t.reg[i];
	}
	c->dr[7] &= ~UINT64_C(0x55); /* local break points */
	c->int_shadow = false;
	task_load_segs(env, &t);
	x86_mode_changed(env);
	if (has_err) {
		task_push_error(env, big, err);
	}
	if (x86_ip(c) > c->seg[X86_CS].limit) {
		task_seg_fault(env, X86_EXC_GP, 0);
	}
	if (t.trap) {
		x86_trap_db(env, BIT(15));
	}
}
