/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ctl.c - branches, exits and helper calls.
 *
 * An exit to a constant pc in the unit's own page is a jump that link() redirects; a
 * conditional branch to nothing but such an exit is a conditional jump of that kind.
 * Other pages may be remapped, so jumps there go through the jump cache. Backward
 * exits look at env->pending first.
 *
 * Threads: works on the caller's generator; link and unlink may run while other
 * threads execute the code: one store of a displacement that lies in an aligned
 * 8-byte word.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "tcg-fallback/host/x86/emit.h"

uint64_t gen_pc(const struct gen *g, int64_t off)
{
	return g->u->pc + (uint64_t)off;
}

struct cold *gen_cold(struct gen *g)
{
	struct cold *k;

	if (g->n_cold == g->cap_cold) {
		unsigned cap = g->cap_cold * 2;

		k = realloc(g->heap_cold, cap * sizeof(*k));
		if (!k) {
			g->err = -ENOMEM;
			return NULL;
		}
		if (!g->heap_cold) {
			memcpy(k, g->cold, g->n_cold * sizeof(*k));
		}
		g->cold = g->heap_cold = k;
		g->cap_cold = cap;
	}
	k = &g->cold[g->n_cold++];
	memset(k, 0, sizeof(*k));
	k->pc_off = g->pc_off;
	return k;
}

void gen_pcmap(struct gen *g)
{
	struct tcg_code *c = g->c;
	uint32_t at = asm_pos(&g->b) - 1;

	if (c->n_pcmap && c->pcmap[c->n_pcmap - 1].pc_off == g->pc_off) {
		return; /* the last entry below the address counts */
	}
	if (c->n_pcmap == c->pcmap_cap) {
		g->err = -E2BIG;
		return;
	}
	c->pcmap[c->n_pcmap].host_off = at;
	c->pcmap[c->n_pcmap++].pc_off = g->pc_off;
}

/* ---- inside the unit ---- */

static void ctl_fixup(struct gen *g, uint32_t at, unsigned label)
{
	if (g->n_fix == g->cap_fix) {
		unsigned cap = g->cap_fix ? g->cap_fix * 2 : 32;
		struct fixup *f = realloc(g->fix, cap * sizeof(*f));

		if (!f) {
			g->err = -ENOMEM;
			return;
		}
		g->fix = f;
		g->cap_fix = cap;
	}
	g->fix[g->n_fix].at = at;
	g->fix[g->n_fix++].label = (uint16_t)label;
}

void ctl_fix_labels(struct gen *g)
{
	for (unsigned k = 0; k < g->n_fix; k++) {
		asm_patch(&g->b, g->fix[k].at, g->label[g->fix[k].label]);
	}
}

static bool ctl_next_is_label(const struct gen *g, unsigned i, int64_t label)
{
	for (i++; i < g->n; i++) {
		if (g->ins[i].op == IR_label) {
			return g->ins[i].imm == label;
		}
		if (g->ins[i].op != IR_NOP && g->ins[i].op != IR_insn) {
			return false;
		}
	}
	return false;
}

void op_br(struct gen *g, const struct ir_ins *in)
{
	if (!ctl_next_is_label(g, g->i, in->imm)) {
		ctl_fixup(g, asm_jmp(&g->b), (unsigned)in->imm);
		g->unreachable = true;
	}
}

void op_label(struct gen *g, const struct ir_ins *in)
{
	gen_forget(g);
	g->n_fgets = 0;
	if (g->unreachable && !g->label_refs[in->imm]) {
		return;
	}
	g->unreachable = false;
	g->label[in->imm] = asm_pos(&g->b);
	g->ef_at = asm_pos(&g->b) - 64; /* nothing before may be moved */
}

static bool ctl_linkable(const struct gen *g, int64_t off)
{
	return g->same_page && !((gen_pc(g, off) ^ g->u->pc) >> TCG_PAGE_BITS);
}

/* May exit_to x be a direct jump? */
static bool ctl_direct(const struct gen *g, const struct ir_ins *x)
{
	return ctl_linkable(g, x->imm) && !x->aux2;
}

/* Registers an exit whose displacement is at `at`. */
static void ctl_exit(struct gen *g, uint32_t at, int64_t off)
{
	struct tcg_code *c = g->c;
	struct tcg_exit *x;
	struct cold *k;

	if (c->n_exits == TCG_MAX_EXITS) {
		g->err = -E2BIG;
		return;
	}
	x = &c->exits[c->n_exits];
	memset(x, 0, sizeof(*x));
	x->pc_off = off;
	x->jump_off = at;
	x->same_page = true;
	k = gen_cold(g);
	if (k) {
		k->kind = CK_EXIT;
		k->target = off;
		k->exit_no = (int)c->n_exits;
		k->from[k->n_from++] = at;
	}
	c->n_exits++;
}

/* Bytes to insert so that a displacement `ahead` bytes on does not leave an aligned word. */
static unsigned ctl_pad(const struct gen *g, unsigned ahead)
{
	unsigned a = (unsigned)((uintptr_t)(g->b.x + asm_pos(&g->b)) + ahead) & 7;

	return a > 4 ? 8 - a : 0;
}

/* A conditional jump that link() may redirect. The padding goes before the compare, so
 * that compare and jump stay together. */
static void ctl_jcc_exit(struct gen *g, unsigned cc, int64_t off)
{
	unsigned pad = ctl_pad(g, 2), n = asm_pos(&g->b) - g->ef_at;

	if (pad && n && n <= 15) {
		uint8_t tmp[16];

		g->b.p -= n;
		memcpy(tmp, g->b.p, n);
		asm_nops(&g->b, pad);
		memcpy(g->b.p, tmp, n);
		g->b.p += n;
	} else {
		asm_nops(&g->b, pad);
	}
	ctl_exit(g, asm_jcc(&g->b, cc), off);
	g->ef_at = asm_pos(
		&g->b); /* a second jump on the same flags must not move this one */
}

/* Does the code behind branch `i` run: exit_to A; label `label`: ? Then A's index. */
static unsigned ctl_exit_over(const struct gen *g, unsigned i, int64_t label)
{
	unsigned j = i + 1;

	while (j < g->n && (g->ins[j].op == IR_NOP || g->ins[j].op == IR_insn)) {
		j++;
	}
	if (j < g->n && g->ins[j].op == IR_exit_to && g->ins[j].imm > 0 &&
	    ctl_direct(g, &g->ins[j]) && ctl_next_is_label(g, j, label)) {
		return j;
	}
	return 0;
}

static void ctl_branch(struct gen *g, unsigned cc, unsigned label)
{
	unsigned x = g->label_exit[label], over;

	if (x && g->ins[x].imm > 0 && ctl_direct(g, &g->ins[x]) &&
	    g->c->n_exits + 2 < TCG_MAX_EXITS) {
		g->label_refs[label]--;
		ctl_jcc_exit(g, cc, g->ins[x].imm);
		return;
	}
	over = ctl_exit_over(g, g->i, label);
	if (over && g->c->n_exits + 2 < TCG_MAX_EXITS) {
		g->label_refs[label]--;
		g->v[over].done = true;
		ctl_jcc_exit(g, cc ^ 1, g->ins[over].imm);
		return;
	}
	ctl_fixup(g, asm_jcc(&g->b, cc), label);
	g->ef_at = asm_pos(&g->b);
}

void op_brcc(struct gen *g, const struct ir_ins *in)
{
	unsigned cc = fl_cond(g, in->a, in->aux);

	ctl_branch(g, cc, (unsigned)in->imm);
}

void op_brcmp(struct gen *g, const struct ir_ins *in)
{
	fl_clobber(g);
	op_cmp(g, false, in->type, in->a, in->b);
	ctl_branch(g, in->aux, (unsigned)in->imm);
}

/* ---- exits ---- */

/* Target pc of an exit; host flags stay. */
static void ctl_target(struct gen *g, int64_t off)
{
	if (g->u->pic) {
		int64_t at = (int64_t)(g->u->pc & (TCG_PAGE - 1)) + off;

		asm_mov_rm(&g->b, 3, R8, env_mem(TCG_ENV_OFF(vpage)));
		asm_lea(&g->b, 3, R8, amem(R8, (int32_t)at));
	} else {
		asm_movi(&g->b, R8, gen_pc(g, off));
	}
}

/* R9 = the jump cache's entry for the pc in R8. */
static void ctl_jump_index(struct gen *g)
{
	asm_mov_rr(&g->b, 3, R9, R8);
	asm_sh_ri(&g->b, SH_SHR, 3, R9, TCG_JC_MIX);
	asm_alu_rr(&g->b, ALU_XOR, 2, R9, R8);
	asm_alu_ri(&g->b, ALU_AND, 2, R9, TCG_JC_MASK);
	asm_sh_ri(&g->b, SH_SHL, 2, R9, TCG_JC_SHIFT);
}

static void ctl_jump_cache(struct gen *g)
{
	asm_alu_rm(&g->b, ALU_CMP, 3, R8, amem(R9, 0));
	asm_jcc_abs(&g->b, IR_NE, x86_host.miss);
	asm_jmp_m(&g->b, amem(R9, (int)offsetof(struct tcg_jc_entry, host)));
}

void op_exit_to(struct gen *g, const struct ir_ins *in)
{
	int64_t off = in->imm;
	uint32_t at;

	g->unreachable = true;
	if (off <= 0) {
		struct cold *k;

		asm_alu_mi(&g->b, ALU_CMP, 2, env_mem(TCG_ENV_OFF(pending)), 0);
		at = asm_jcc(&g->b, IR_NE);
		k = gen_cold(g);
		if (k) {
			k->kind = CK_EXIT;
			k->exit_no = -1;
			k->target = off;
			k->from[k->n_from++] = at;
		}
	}
	if (ctl_direct(g, in)) {
		asm_nops(&g->b, ctl_pad(g, 1));
		ctl_exit(g, asm_jmp(&g->b), off);
		return;
	}
	ctl_target(g, off);
	if (g->u->pic) {
		ctl_jump_index(g);
	} else {
		asm_movi(&g->b, R9, TCG_JC_OFF(gen_pc(g, off)));
	}
	asm_alu_rm(&g->b, ALU_ADD, 3, R9, env_mem(TCG_ENV_OFF(jc)));
	ctl_jump_cache(g);
}

void op_exit_ind(struct gen *g, const struct ir_ins *in)
{
	g->unreachable = true;
	gen_load_to(g, in->a, R8, 3);
	ctl_jump_index(g);
	asm_alu_rm(&g->b, ALU_ADD, 3, R9, env_mem(TCG_ENV_OFF(jc)));
	ctl_jump_cache(g);
}

void op_exit(struct gen *g, const struct ir_ins *in)
{
	g->unreachable = true;
	asm_mov_mi(&g->b, 3, env_mem(TCG_ENV_OFF(exit_reason)), (int32_t)in->imm);
	asm_jmp_abs(&g->b, x86_host.leave);
}

void ctl_cold(struct gen *g, struct cold *k)
{
	for (unsigned t = 0; t < k->n_from; t++) {
		asm_patch(&g->b, k->from[t], asm_pos(&g->b));
	}
	if (k->exit_no >= 0) {
		g->c->exits[k->exit_no].stub_off = asm_pos(&g->b);
	}
	ctl_target(g, k->target);
	if (k->exit_no < 0) {
		asm_jmp_abs(&g->b, x86_host.out);
		return;
	}
	asm_mov_mr(&g->b, 3, env_mem(x86_host.g->pc_offset), R8);
	asm_movi(&g->b, R8, (uint64_t)(uintptr_t)&g->c->exits[k->exit_no]);
	if (g->u->pic) {
		asm_nops(&g->b, ctl_pad(g, 1));
		g->c->exits[k->exit_no].far_off = asm_pos(&g->b) + 1;
	}
	asm_jmp_abs(&g->b, x86_host.leave_exit);
}

/* ---- helpers ---- */

static void ctl_arg(struct gen *g, unsigned k, unsigned v)
{
	struct amem m = frame_mem((int)(FR_ARG + 8 * k));
	unsigned r, bits = ty_bits(g->ins[v].type), was = g->locked;
	int64_t imm;

	if (gen_is_imm(g, v, &imm)) {
		if (bits < 64) {
			imm &= (int64_t)((UINT64_C(1) << bits) - 1);
		}
		if (asm_s32(imm)) {
			asm_mov_mi(&g->b, 3, m, (int32_t)imm);
			return;
		}
	}
	r = gen_reg(g, v);
	if (g->v[v].zb > bits) {
		unsigned t = gen_scratch(g);

		asm_zx_rr(&g->b, ty_sz(g->ins[v].type), t, r);
		r = t;
	}
	asm_mov_mr(&g->b, 3, m, r);
	g->locked = was;
}

void op_call(struct gen *g, const struct ir_ins *in)
{
	const struct ir_helper *h = &g->u->helpers[in->imm];
	const ir_val v[4] = { in->a, in->b, in->c, in->d };
	unsigned f = h->flags;
	bool read = f & (IR_H_READ | IR_H_EXIT);

	fl_clobber(g);
	if (f & IR_H_FLAGS) {
		fl_fgets_save(g);
	}
	for (unsigned k = 0; k < 4; k++) {
		if (v[k]) {
			ctl_arg(g, k, v[k]);
		} else {
			asm_mov_mi(&g->b, 3, frame_mem((int)(FR_ARG + 8 * k)), 0);
		}
	}
	if (f & IR_H_WRITE) {
		gen_env_store(g, 0, INT32_MAX);
		for (unsigned r = 0; r < 16; r++) {
			if (x86_host.slot_of[r] >= 0) {
				gen_evacuate(g, r);
			}
		}
	}
	fl_clobber(g); /* evacuation may have run a compare */
	gen_spill_scratch(g);
	gen_spill_vec(g);
	asm_movi(&g->b, R10, (uint64_t)(uintptr_t)h->fn);
	asm_call_abs(&g->b, x86_host.call[(read ? 1 : 0) | (f & IR_H_WRITE ? 2 : 0) |
	                                  (f & IR_H_FLAGS ? 4 : 0)]);
	gen_pcmap(g);
	gen_def(g, g->i, R8, 64);
}
