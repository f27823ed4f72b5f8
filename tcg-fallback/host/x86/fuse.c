/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuse.c - loads that become the memory operand of the operation they feed, and
 * load-operate-store sequences that become one read-modify-write instruction with
 * one probe.
 *
 * Only constants, reads of slots and flags() may lie between the parts; those are
 * emitted first (they cost nothing). Nothing is written to a home before the probe has passed.
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include "tcg-fallback/host/x86/emit.h"

/* The next instruction behind `j` that is not free; 0: something unsuitable comes first. */
static unsigned fuse_next(const struct gen *g, unsigned j)
{
	for (j++; j < g->n; j++) {
		const struct ir_ins *in = &g->ins[j];

		if (g->v[j].dead || g->v[j].done || in->op == IR_flags ||
		    in->op == IR_NOP || (in->op == IR_const && in->type != IR_FLAGS) ||
		    in->op == IR_pc || (in->op == IR_get && !ty_vec(in->type))) {
			continue;
		}
		return j;
	}
	return 0;
}

/* v is used as late as `pos` now, and so is the stack place it may be in. */
static void fuse_keep(struct gen *g, unsigned v, unsigned pos)
{
	struct val *x = &g->v[v];

	if (v && x->last < pos) {
		x->last = (uint16_t)pos;
		if (x->kind == VK_SPILL && g->spill_last[x->imm] < pos) {
			g->spill_last[x->imm] = (uint16_t)pos;
		}
	}
}

/* Emits the free instructions in (from, to) now, as of position `to`. */
static void fuse_free(struct gen *g, unsigned from, unsigned to)
{
	const struct ir_ins *ld = &g->ins[from];

	/* the address is used at `to` now */
	if (ld->op == IR_ld) {
		fuse_keep(g, ld->a, to);
		fuse_keep(g, ld->b, to);
	}
	g->i = to;
	for (unsigned j = from + 1; j < to; j++) {
		const struct ir_ins *in = &g->ins[j];

		if (!g->v[j].dead && !g->v[j].done && in->op != IR_flags &&
		    in->op != IR_NOP) {
			gen_early(g, j);
		}
	}
	for (unsigned j = from + 1; j <= to; j++) {
		g->v[j].done |=
			j == to || (g->ins[j].op != IR_flags && g->ins[j].op != IR_NOP);
	}
}

static int fuse_alu(unsigned op)
{
	switch (op) {
	case IR_add: return ALU_ADD;
	case IR_sub: return ALU_SUB;
	case IR_and: return ALU_AND;
	case IR_or: return ALU_OR;
	case IR_xor: return ALU_XOR;
	default: return -1;
	}
}

static bool fuse_imm(const struct gen *g, unsigned v, unsigned sz, int32_t *imm)
{
	int64_t c;

	if (g->ins[v].op != IR_const) {
		return false;
	}
	c = g->ins[v].imm;
	c = sz == 0 ? (int8_t)c : sz == 1 ? (int16_t)c : sz == 2 ? (int32_t)c : c;
	*imm = (int32_t)c;
	return asm_s32(c);
}

/* cmp or test with the load as an operand, when only conditions are asked of it. */
static bool fuse_compare(struct gen *g, const struct ir_ins *ld, unsigned i, unsigned j)
{
	const struct ir_ins *in = &g->ins[j];
	unsigned sz = ty_sz(in->type), other, reg = NOREG, f = g->v[j].fl;
	bool first = in->a == i, test = in->op == IR_and;
	struct probe p;
	int32_t imm = 0;
	bool is_imm;

	if (g->v[f].fset || in->a == in->b) {
		return false;
	}
	other = first ? in->b : in->a;
	is_imm = (first || test) && fuse_imm(g, other, sz, &imm);
	fuse_free(g, i, j);
	fl_clobber(g);
	if (!is_imm) {
		reg = gen_reg(g, other);
	}
	mem_address(g, ld, &p, reg, false);
	if (!mem_probe(g, ld, &p, ld->aux, ld->aux & IR_M_RMW, CK_LOAD)) {
		return true;
	}
	g->ef_at = asm_pos(&g->b);
	if (test && is_imm) {
		asm_test_mi(&g->b, sz, p.host, imm);
	} else if (test) {
		asm_test_rm(&g->b, sz, reg, p.host);
	} else if (is_imm) {
		asm_alu_mi(&g->b, ALU_CMP, sz, p.host, imm);
	} else if (first) {
		asm_alu_mr(&g->b, ALU_CMP, sz, p.host, reg);
	} else {
		asm_alu_rm(&g->b, ALU_CMP, sz, reg, p.host);
	}
	g->v[f].no_defer = true;
	fl_made(g, j);
	return true;
}

/* reg = reg op [mem], for a destination that needs no scratch of its own. */
static bool fuse_load_op(struct gen *g, const struct ir_ins *ld, unsigned i, unsigned j)
{
	const struct ir_ins *in = &g->ins[j];
	unsigned sz = ty_sz(in->type), other = in->a == i ? in->b : in->a, d;
	int alu = fuse_alu(in->op), r = gen_where(g, other);
	bool in_scratch;
	struct probe p;

	if (sz < 2 || in->a == in->b || (in->op == IR_sub && in->a == i)) {
		return false;
	}
	in_scratch = r >= 0 && (SCRATCH_MASK >> r & 1);
	if (!g->v[j].hint && !(in_scratch && gen_list_last_at(g, (unsigned)r) <= j)) {
		return false;
	}
	fuse_free(g, i, j);
	r = gen_where(g, other);
	d = gen_home(g, j);
	if (d == NOREG) {
		d = r >= 0 && (SCRATCH_MASK >> r & 1) && !gen_live_after(g, (unsigned)r)
		            ? (unsigned)r
		            : gen_scratch(g);
		gen_lock(g, d);
		if (gen_where(g, other) != (int)d) {
			gen_load_to(g, other, d, sz);
		}
	}
	fl_clobber(g);
	mem_address(g, ld, &p, d, false);
	if (!mem_probe(g, ld, &p, ld->aux, ld->aux & IR_M_RMW, CK_LOAD)) {
		return true;
	}
	if (gen_where(g, other) != (int)d && !(SCRATCH_MASK >> d & 1)) {
		if (p.host.base == d || p.host.index == d) {
			/* the home is part of the address: by way of the addend's scratch */
			asm_zx_rm(&g->b, sz, p.s0, p.host);
			gen_load_to(g, other, d, sz);
			g->ef_at = asm_pos(&g->b);
			asm_alu_rr(&g->b, (unsigned)alu, sz, d, p.s0);
			gen_def(g, j, d, sz == 2 ? 32 : 64);
			fl_made(g, j);
			return true;
		}
		gen_load_to(g, other, d, sz);
	}
	g->ef_at = asm_pos(&g->b);
	asm_alu_rm(&g->b, (unsigned)alu, sz, d, p.host);
	gen_def(g, j, d, sz == 2 ? 32 : 64);
	fl_made(g, j);
	return true;
}

/* op [mem],reg or imm: load i, operation j, store k. */
static bool fuse_rmw(struct gen *g, const struct ir_ins *ld, unsigned i, unsigned j)
{
	const struct ir_ins *in = &g->ins[j], *st;
	unsigned k = fuse_next(g, j), sz = ty_sz(in->type), other;
	struct access acc = { .sz = (uint8_t)sz };
	int alu = fuse_alu(in->op);
	struct cold *c;
	struct probe p;

	st = &g->ins[k];
	if (!k || st->op != IR_st || st->c != j || st->a != ld->a || st->b != ld->b ||
	    st->imm != ld->imm || st->aux2 != ld->aux2 || st->hint != ld->hint ||
	    st->mode != ld->mode ||
	    (st->aux & ~IR_M_ORD) != (ld->aux & ~(IR_M_RMW | IR_M_ORD))) {
		return false;
	}
	if (g->v[j].nval != 1 || g->v[j].last != k ||
	    (g->v[j].fl && g->v[g->v[j].fl].fset)) {
		return false;
	}
	if (in->op == IR_neg || in->op == IR_not) {
		acc.kind = AK_G3;
		acc.alu = in->op == IR_neg ? 3 : 2;
		other = 0;
	} else {
		other = in->a == i ? in->b : in->a;
		if (alu < 0 || in->a == in->b || (in->op == IR_sub && in->a != i)) {
			return false;
		}
		acc.kind = fuse_imm(g, other, sz, &acc.imm) ? AK_ALU_IMM : AK_ALU;
		acc.alu = (uint8_t)alu;
	}
	fuse_keep(g, other, k);
	g->v[j].done = true;
	fuse_free(g, i, k);
	fl_clobber(g);
	acc.reg = acc.kind == AK_ALU ? (uint8_t)gen_reg(g, other) : (uint8_t)NOREG;
	mem_address(g, ld, &p, acc.reg, false);
	c = mem_probe(g, ld, &p, ld->aux | IR_M_RMW, true, CK_RMW);
	if (!c) {
		return true;
	}
	c->acc = acc;
	c->info2 = mem_info(st, st->aux);
	acc_emit(g, &acc, p.host);
	g->cold[g->n_cold - 1].behind = asm_pos(&g->b);
	g->ef_at = asm_pos(&g->b); /* the cold path comes back here: not to be moved */
	fl_made(g, j);
	return true;
}

/* Tries to emit load `i` together with what follows. */
bool fuse_ld(struct gen *g, const struct ir_ins *ld)
{
	unsigned i = g->i, j = fuse_next(g, i), msz = ld->aux & 7;
	const struct ir_ins *in = &g->ins[j];
	const struct val *v = &g->v[i];

	if (!j || ty_vec(ld->type) || msz != ty_sz(ld->type) ||
	    ((ld->aux & IR_M_BE) && msz) || v->nval != 1 || v->rlast != j ||
	    in->type != ld->type || (in->a != i && in->b != i)) {
		return false;
	}
	if (fuse_alu(in->op) < 0 && in->op != IR_neg && in->op != IR_not) {
		return false;
	}
	if (g->v[j].dead || g->v[j].part) {
		return false;
	}
	if (g->v[j].defer) {
		return fuse_compare(g, ld, i, j);
	}
	if (v->last != j) {
		return false;
	}
	if (fuse_rmw(g, ld, i, j)) {
		return true;
	}
	return fuse_alu(in->op) >= 0 && fuse_load_op(g, ld, i, j);
}

/* ---- cold path of a fused read-modify-write ---- */

static void fuse_cold_addr(struct gen *g, const struct cold *k, bool again)
{
	if (!k->folded) {
		mem_lea(g, k->s0, k->addr);
	} else if (again) {
		asm_mov_rr(&g->b, 3, k->s0, k->s1);
	} else {
		asm_mov_rr(&g->b, 3, k->s1, k->s0);
	}
}

static void fuse_cold_host(struct gen *g, const struct cold *k)
{
	if (k->folded) {
		asm_alu_rr(&g->b, ALU_ADD, 3, k->s0, k->s1);
	} else if (k->addbase) {
		asm_alu_rr(&g->b, ALU_ADD, 3, k->s0, k->base);
	}
}

/* Load through the write TLB, keep the old value in the frame; then the store's stub: RAM
 * goes back to the instruction, anything else works on the bounce buffer. */
void fuse_cold(struct gen *g, struct cold *k)
{
	struct amem old = frame_mem(FR_ARG + 16), fl = frame_mem(FR_ARG + 24);
	unsigned t = RAX;
	uint32_t j;

	fuse_cold_addr(g, k, false);
	asm_push_i(&g->b, k->info);
	asm_call_abs(&g->b, x86_host.ld_w[scratch_no(k->s0)]);
	gen_pcmap(g);
	fuse_cold_host(g, k);
	asm_zx_rm(&g->b, k->acc.sz, k->s0, k->host);
	asm_mov_mr(&g->b, 3, old, k->s0);
	fuse_cold_addr(g, k, true);
	asm_push_i(&g->b, k->info2);
	asm_call_abs(&g->b, x86_host.st[scratch_no(k->s0)]);
	gen_pcmap(g);
	j = asm_jcc8(&g->b, IR_LTU);
	if (k->folded) {
		asm_alu_rr(&g->b, ALU_ADD, 3, k->s0, k->s1);
	}
	asm_jmp_to(&g->b, k->join);
	asm_here8(&g->b, j);
	fuse_cold_host(g, k);
	while (t == k->acc.reg || t == k->host.base || t == k->host.index) {
		t = t == RAX ? RCX : t == RCX ? RDX : RBX;
	}
	asm_push(&g->b, t);
	asm_mov_rm(&g->b, 3, t, frame_mem(FR_ARG + 16 + 8));
	asm_mov_mr(&g->b, k->acc.sz, k->host, t);
	asm_pop(&g->b, t);
	acc_emit(g, &k->acc, k->host);
	asm_pushf(&g->b);
	asm_pop_m(&g->b, fl);
	asm_call_abs(&g->b, x86_host.commit);
	gen_pcmap(g);
	asm_rm(&g->b, 0xff, 6, fl); /* push */
	asm_8(&g->b, 0x9d);         /* popf */
	asm_jmp_to(&g->b, k->behind);
}
