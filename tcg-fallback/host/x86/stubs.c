/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stubs.c - shared code: entry, exit, TLB probe, slow memory paths, helper calls, flags
 * of the lazy record.
 *
 * Conventions: in a unit RSP is a multiple of 16. Memory stubs are called with `info`
 * (env.h; the access size - 1 in the top byte) pushed and the address in the scratch
 * register they are made for, where they leave the addend; they keep all other
 * registers, vector registers included. Store stubs leave CF set for "commit", atomic
 * ones for "no host address". The other stubs say what they do.
 *
 * Whatever C code sees is true: homes are in their slots, a packed record has no other
 * bits, the FP control word has the sticky flags.
 *
 * Threads: written once by init().
 */
#include "config.h"

#include <errno.h>

#include "tcg-fallback/host/x86/emit.h"

struct stub {
	struct asmbuf b;
	const struct tcg_guest *g;
};

enum { MXCSR_MASKED = 0x1f80, MXCSR_STICKY = 0x3f };

static const uint8_t *stub_here(struct stub *s)
{
	asm_nops(&s->b, (16 - ((uintptr_t)(s->b.x + asm_pos(&s->b)) & 15)) & 15);
	return s->b.x + asm_pos(&s->b);
}

static void stub_save_homes(struct stub *s, uint32_t mask)
{
	for (unsigned r = 0; r < 16; r++) {
		if (x86_host.slot_of[r] >= 0 && (mask >> r & 1)) {
			asm_mov_mr(&s->b, 3, env_mem(x86_host.slot_off[r]), r);
		}
	}
}

static void stub_load_homes(struct stub *s, uint32_t mask)
{
	for (unsigned r = 0; r < 16; r++) {
		if (x86_host.slot_of[r] >= 0 && (mask >> r & 1)) {
			asm_mov_rm(&s->b, 3, r, env_mem(x86_host.slot_off[r]));
		}
	}
}

static void stub_env_arg(struct stub *s)
{
	asm_lea(&s->b, 3, RDI, env_mem(-(int)sizeof(struct tcg_env)));
}

static void stub_call_c(struct stub *s, uintptr_t fn)
{
	asm_movi(&s->b, RAX, fn);
	asm_call_r(&s->b, RAX);
}

static void stub_save_vec(struct stub *s)
{
	for (unsigned x = 0; x < 16; x++) {
		asm_vrm(&s->b, 0x11 | A_0F | A_L, x, 0,
		        env_mem(TCG_ENV_OFF(save_vec) + 64 * (int)x));
	}
	asm_vrr(&s->b, 0x77 | A_0F, 0, 0, 0);
	s->b.p--; /* vzeroupper has no ModRM */
}

static void stub_load_vec(struct stub *s)
{
	for (unsigned x = 0; x < 16; x++) {
		asm_vrm(&s->b, 0x10 | A_0F | A_L, x, 0,
		        env_mem(TCG_ENV_OFF(save_vec) + 64 * (int)x));
	}
}

static void stub_vzeroupper(struct stub *s)
{
	asm_8(&s->b, 0xc5);
	asm_8(&s->b, 0xf8);
	asm_8(&s->b, 0x77);
}

static void stub_ldmxcsr(struct stub *s, struct amem m)
{
	asm_rm(&s->b, 0xae | A_0F, 2, m);
}

static void stub_stmxcsr(struct stub *s, struct amem m)
{
	asm_rm(&s->b, 0xae | A_0F, 3, m);
}

/* The record and the FP control word as C code may see them. Clobbers RAX. */
static void stub_clean(struct stub *s)
{
	uint32_t j;

	asm_alu_mi(&s->b, ALU_CMP, 0, env_mem(s->g->cc_op_offset), CC_OP_FLAGS);
	j = asm_jcc8(&s->b, IR_NE);
	asm_alu_mi(&s->b, ALU_AND, 3, env_mem(s->g->cc_a_offset), IR_FL_ALL);
	asm_here8(&s->b, j);
	if (s->g->fpcr_offset) {
		struct amem t = env_mem(TCG_ENV_OFF(save_gpr));

		stub_stmxcsr(s, t);
		asm_mov_rm(&s->b, 2, RAX, t);
		asm_alu_ri(&s->b, ALU_AND, 2, RAX, MXCSR_STICKY);
		asm_alu_mr(&s->b, ALU_OR, 2, env_mem(s->g->fpcr_offset), RAX);
	}
}

/* ---- in and out ---- */

static const uint8_t stub_callee_saved[6] = { RBX, RBP, R12, R13, R14, R15 };

static void stub_enter(struct stub *s)
{
	x86_host.enter = stub_here(s);
	for (unsigned k = 0; k < 6; k++) {
		asm_push(&s->b, stub_callee_saved[k]);
	}
	asm_alu_ri(&s->b, ALU_SUB, 3, RSP, FR_SIZE + 8);
	asm_mov_rr(&s->b, 3, RBP, RDI);
	asm_mov_mr(&s->b, 3, env_mem(TCG_ENV_OFF(host_sp)), RSP);
	if (s->g->fpcr_offset) {
		asm_mov_rm(&s->b, 2, RAX, env_mem(s->g->fpcr_offset));
		asm_alu_ri(&s->b, ALU_OR, 2, RAX, MXCSR_MASKED);
		asm_mov_mr(&s->b, 2, frame_mem(FR_ARG), RAX);
		stub_ldmxcsr(s, frame_mem(FR_ARG));
	}
	asm_mov_rr(&s->b, 3, R9, RSI);
	asm_mov_rm(&s->b, 3, R8,
	           env_mem(TCG_ENV_OFF(pc_now))); /* as a jump through a cache */
	stub_load_homes(s, ~0u);
	asm_jmp_r(&s->b, R9);
}

static void stub_leave(struct stub *s)
{
	uint32_t found[TCG_JC_WAYS - 1], none, last, far, other;

	/* R9: the entry that did not have the pc in R8, or is void. Another of its set? */
	x86_host.miss = stub_here(s);
	for (unsigned k = 1; k < TCG_JC_WAYS; k++) {
		unsigned step = (k ^ (k - 1)) * (unsigned)sizeof(struct tcg_jc_entry);

		asm_alu_ri(&s->b, ALU_XOR, 3, R9, (int)step);
		asm_alu_rm(&s->b, ALU_CMP, 3, R8, amem(R9, 0));
		found[k - 1] = asm_jcc8(&s->b, IR_EQ);
	}
	last = asm_jmp8(&s->b);
	for (unsigned k = 0; k < TCG_JC_WAYS - 1; k++) {
		asm_here8(&s->b, found[k]);
	}
	asm_mov_rm(&s->b, 3, R9, amem(R9, (int)offsetof(struct tcg_jc_entry, host)));
	asm_movi(&s->b, R10, (uint64_t)(uintptr_t)x86_host.miss);
	asm_alu_rr(&s->b, ALU_CMP, 3, R9, R10);
	none = asm_jcc8(&s->b, IR_EQ);
	asm_jmp_r(&s->b, R9);
	asm_here8(&s->b, last);
	asm_here8(&s->b, none);
	x86_host.out = s->b.x + asm_pos(&s->b);
	asm_mov_mr(&s->b, 3, env_mem(s->g->pc_offset), R8);
	asm_mov_mi(&s->b, 3, env_mem(TCG_ENV_OFF(exit_reason)), TCG_EXIT_JUMP);
	x86_host.leave = s->b.x + asm_pos(&s->b);
	asm_alu_rr(&s->b, ALU_XOR, 2, R8, R8);
	far = asm_jmp8(&s->b);
	/* R8: exit; its target is in the pc slot. */
	x86_host.far = stub_here(s);
	asm_mov_rr(&s->b, 3, R10, R8);
	asm_mov_rm(&s->b, 3, R8, env_mem(s->g->pc_offset));
	asm_mov_rr(&s->b, 3, R9, R8);
	asm_sh_ri(&s->b, SH_SHR, 3, R9, TCG_JC_MIX);
	asm_alu_rr(&s->b, ALU_XOR, 2, R9, R8);
	asm_alu_ri(&s->b, ALU_AND, 2, R9, TCG_JC_MASK);
	asm_sh_ri(&s->b, SH_SHL, 2, R9, TCG_JC_SHIFT);
	asm_alu_rm(&s->b, ALU_ADD, 3, R9, env_mem(TCG_ENV_OFF(jc)));
	asm_alu_rm(&s->b, ALU_CMP, 3, R8, amem(R9, 0));
	other = asm_jcc8(&s->b, IR_NE);
	asm_jmp_m(&s->b, amem(R9, (int)offsetof(struct tcg_jc_entry, host)));
	asm_here8(&s->b, other);
	asm_mov_rr(&s->b, 3, R8, R10);
	asm_here8(&s->b, far);
	x86_host.leave_exit = s->b.x + asm_pos(&s->b);
	stub_save_homes(s, ~0u);
	stub_clean(s);
	if (s->g->fpcr_offset) {
		asm_mov_mi(&s->b, 2, frame_mem(FR_ARG), MXCSR_MASKED);
		stub_ldmxcsr(s, frame_mem(FR_ARG));
	}
	stub_vzeroupper(s);
	asm_mov_rr(&s->b, 3, RAX, R8);
	asm_alu_ri(&s->b, ALU_ADD, 3, RSP, FR_SIZE + 8);
	for (unsigned k = 6; k-- > 0;) {
		asm_pop(&s->b, stub_callee_saved[k]);
	}
	asm_ret(&s->b);
}

/* ---- memory ---- */

enum stub_mem { SM_LD, SM_LD_W, SM_ST, SM_ATOMIC };

/*
 * TLB probe for the address in `sx`; falls through on a miss with all registers kept. Tables
 * that are looked into at random (hashes) come here each time, so instructions count. The
 * tag is made from the access's last byte and the index from its first: an access that
 * crosses a page finds no entry.
 */
static void stub_tlb(struct stub *s, unsigned sx, enum stub_mem kind)
{
	bool write = kind != SM_LD;
	int tag = write ? (int)offsetof(struct tcg_tlb_entry, tag_w)
	                : (int)offsetof(struct tcg_tlb_entry, tag_r);
	int win = write ? TCG_ENV_OFF(win_w) : TCG_ENV_OFF(win_r);
	int info = 24; /* two pushes, return address */
	uint32_t odd, back, miss, off;

	_Static_assert(sizeof(struct tcg_tlb_entry) == 32 &&
	                       sizeof(struct tcg_win) == 16,
	               "shifts below");
	asm_push(&s->b, RAX);
	asm_push(&s->b, RCX);
	asm_mov_rm(&s->b, 2, RCX, frame_mem(info));
	asm_test_ri(&s->b, 2, RCX,
	            1 << 16 | IR_M_ALIGN); /* system mode; aligned only */
	odd = asm_jcc(&s->b, IR_NE);
	back = asm_pos(&s->b);
	asm_sh_ri(&s->b, SH_SHR, 2, RCX, 24); /* size - 1 */
	asm_lea(&s->b, 3, RAX, amem_x(RCX, sx, 0, 0));
	asm_mov_rr(&s->b, 3, RCX, sx);
	asm_alu_ri(&s->b, ALU_AND, 3, RAX, -TCG_PAGE);
	asm_sh_ri(&s->b, SH_SHR, 3, RCX, TCG_PAGE_BITS - 5);
	asm_alu_ri(&s->b, ALU_AND, 2, RCX, (TCG_TLB_N - 1) << 5);
	asm_alu_rm(&s->b, ALU_OR, 3, RAX, env_mem(TCG_ENV_OFF(ctx)));
	asm_alu_rm(&s->b, ALU_ADD, 3, RCX, env_mem(TCG_ENV_OFF(tlb)));
	asm_alu_rm(&s->b, ALU_CMP, 3, RAX, amem(RCX, tag));
	miss = asm_jcc8(&s->b, IR_NE);
	asm_mov_rm(&s->b, 2, sx, frame_mem(info));
	asm_alu_ri(&s->b, ALU_AND, 3, RAX, -TCG_PAGE);
	asm_mov_rm(&s->b, 3, RCX,
	           amem(RCX, (int)offsetof(struct tcg_tlb_entry, addend)));
	asm_sh_ri(&s->b, SH_SHR, 2, sx, 4);
	asm_alu_ri(&s->b, ALU_AND, 2, sx, (IR_WINDOWS - 1) << 4); /* hint * 16 */
	asm_mov_mr(&s->b, 3, amem_x(RBP, sx, 0, win), RAX);
	asm_mov_mr(&s->b, 3, amem_x(RBP, sx, 0, win + 8), RCX);
	asm_mov_rr(&s->b, 3, sx, RCX);
	asm_pop(&s->b, RCX);
	asm_pop(&s->b, RAX);
	asm_8(&s->b, 0xf8); /* clc */
	asm_ret_n(&s->b, 8);
	asm_patch(&s->b, odd, asm_pos(&s->b));
	asm_test_ri(&s->b, 2, RCX, 1 << 16);
	off = asm_jcc8(&s->b, IR_NE);
	asm_mov_rr(&s->b, 2, RAX, RCX);
	asm_sh_ri(&s->b, SH_SHR, 2, RAX, 24);
	asm_test_rr(&s->b, 2, RAX, sx);
	asm_jcc_abs(&s->b, IR_EQ, s->b.x + back);
	asm_here8(&s->b, off);
	asm_here8(&s->b, miss);
	asm_pop(&s->b, RCX);
	asm_pop(&s->b, RAX);
}

static const uint8_t *stub_mem(struct stub *s, unsigned n, enum stub_mem kind)
{
	const uint8_t *at = stub_here(s);
	unsigned sx = R8 + n;

	stub_tlb(s, sx, kind);
	stub_save_homes(s, ~0u);
	asm_mov_rm(&s->b, 3, RAX, frame_mem(0));
	asm_mov_mr(&s->b, 3, env_mem(TCG_ENV_OFF(host_ra)), RAX);
	stub_clean(s);
	asm_mov_rm(&s->b, 2, RDX, frame_mem(8));
	asm_alu_ri(&s->b, ALU_AND, 2, RDX, 0xffffff);
	asm_mov_rr(&s->b, 3, RSI, sx);
	asm_mov_mr(&s->b, 3, env_mem(TCG_ENV_OFF(save_gpr)), sx);
	for (unsigned k = 0; k < N_SCRATCH; k++) {
		if (k != n) {
			asm_push(&s->b, R8 + k);
		}
	}
	stub_save_vec(s);
	stub_env_arg(s);
	stub_call_c(s, kind == SM_ST       ? (uintptr_t)rt_st_slow
	               : kind == SM_ATOMIC ? (uintptr_t)rt_atomic_host
	                                   : (uintptr_t)rt_ld_slow);
	stub_load_vec(s);
	for (unsigned k = N_SCRATCH; k-- > 0;) {
		if (k != n) {
			asm_pop(&s->b, R8 + k);
		}
	}
	asm_mov_rr(&s->b, 3, sx, RAX);
	if (kind == SM_ST) {
		asm_g3_r(&s->b, 3, 3, RDX); /* CF = commit */
	} else if (kind == SM_ATOMIC) {
		asm_alu_rm(&s->b, ALU_SUB, 3, sx, env_mem(TCG_ENV_OFF(save_gpr)));
		asm_alu_ri(&s->b, ALU_CMP, 3, RAX, 1); /* CF = none */
	}
	stub_load_homes(s, HOME_VOLATILE);
	asm_ret_n(&s->b, 8);
	return at;
}

/* Slow calls that are no probes: entered without pushes; all registers kept. `args` says
 * which arguments to load from the frame. The result goes to the frame's FR_ARG. */
static const uint8_t *stub_slow(struct stub *s, uintptr_t fn, int kind)
{
	const uint8_t *at = stub_here(s);
	int fr = 8 + 24; /* return address, three pushes */

	stub_save_homes(s, ~0u);
	asm_mov_rm(&s->b, 3, RAX, frame_mem(0));
	asm_mov_mr(&s->b, 3, env_mem(TCG_ENV_OFF(host_ra)), RAX);
	stub_clean(s);
	for (unsigned k = 0; k < N_SCRATCH; k++) {
		asm_push(&s->b, R8 + k);
	}
	stub_save_vec(s);
	stub_env_arg(s);
	if (kind) {
		asm_mov_rm(&s->b, 3, RSI, frame_mem(fr + FR_ARG + 16));
		asm_mov_rm(&s->b, 2, RDX, frame_mem(fr + FR_ARG + 24));
		if (kind == 1) { /* rmw: op, value */
			asm_mov_rm(&s->b, 2, RCX, frame_mem(fr + FR_ARG + 8));
			asm_mov_rm(&s->b, 3, R8, frame_mem(fr + FR_ARG));
		} else { /* cas: expected, desired */
			asm_mov_rm(&s->b, 3, RCX, frame_mem(fr + FR_ARG));
			asm_mov_rm(&s->b, 3, R8, frame_mem(fr + FR_ARG + 8));
		}
	}
	stub_call_c(s, fn);
	stub_load_vec(s);
	if (kind) {
		asm_mov_mr(&s->b, 3, frame_mem(fr + FR_ARG), RAX);
	}
	for (unsigned k = N_SCRATCH; k-- > 0;) {
		asm_pop(&s->b, R8 + k);
	}
	stub_load_homes(s, HOME_VOLATILE);
	asm_ret(&s->b);
	return at;
}

/* ---- flags of the record ---- */

static void stub_flags_leaf(struct stub *s, unsigned kind, unsigned sz, unsigned r)
{
	asm_mov_rm(&s->b, 3, r, env_mem(s->g->cc_a_offset));
	switch (kind) {
	case CC_OP_ADD:
		asm_mov_rm(&s->b, 3, RAX, env_mem(s->g->cc_b_offset));
		asm_alu_rr(&s->b, ALU_SUB, sz, r, RAX);
		asm_alu_rr(&s->b, ALU_ADD, sz, r, RAX);
		break;
	case CC_OP_SUB:
		asm_alu_rm(&s->b, ALU_CMP, sz, r, env_mem(s->g->cc_b_offset));
		break;
	default: asm_test_rr(&s->b, sz, r, r);
	}
	asm_pushf(&s->b);
	asm_pop(&s->b, r);
	if (kind == CC_OP_SHL) {
		/* C as recorded, O = C ^ S */
		asm_alu_ri(&s->b, ALU_AND, 2, r, IR_FL_P | IR_FL_Z | IR_FL_S);
		asm_mov_rm(&s->b, 2, RAX, env_mem(s->g->cc_b_offset));
		asm_alu_ri(&s->b, ALU_AND, 2, RAX, 1);
		asm_alu_rr(&s->b, ALU_OR, 2, r, RAX);
		asm_sh_ri(&s->b, SH_SHL, 2, RAX, 7);
		asm_alu_rr(&s->b, ALU_XOR, 2, RAX, r);
		asm_alu_ri(&s->b, ALU_AND, 2, RAX, IR_FL_S);
		asm_sh_ri(&s->b, SH_SHL, 2, RAX, 4);
		asm_alu_rr(&s->b, ALU_OR, 2, r, RAX);
	}
}

/* Packed flags of the record into r, and into the record. Keeps all other registers. */
static const uint8_t *stub_flags(struct stub *s, unsigned r)
{
	static const uint8_t kinds[] = { CC_OP_SUB, CC_OP_LOGIC, CC_OP_ADD, CC_OP_SHL };
	static const uint8_t sizes[] = { 2, 3, 0, 1 };
	const uint8_t *at = stub_here(s);
	uint32_t done[16], packed, n = 0;
	struct amem op = env_mem(s->g->cc_op_offset);

	asm_alu_mi(&s->b, ALU_CMP, 0, op, CC_OP_FLAGS);
	packed = asm_jcc(&s->b, IR_EQ);
	asm_push(&s->b, RAX);
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		for (unsigned z = 0; z < ARRAY_LEN(sizes); z++) {
			uint32_t next;

			asm_alu_mi(&s->b, ALU_CMP, 2, op, kinds[k] | sizes[z] << 8);
			next = asm_jcc8(&s->b, IR_NE);
			stub_flags_leaf(s, kinds[k], sizes[z], r);
			done[n++] = asm_jmp(&s->b);
			asm_here8(&s->b, next);
		}
	}
	asm_mov_rm(&s->b, 3, r, env_mem(s->g->cc_a_offset));
	for (unsigned k = 0; k < n; k++) {
		asm_patch(&s->b, done[k], asm_pos(&s->b));
	}
	asm_pop(&s->b, RAX);
	asm_alu_ri(&s->b, ALU_AND, 2, r, IR_FL_ALL);
	asm_mov_mr(&s->b, 3, env_mem(s->g->cc_a_offset), r);
	asm_mov_mi(&s->b, 2, op, CC_OP_FLAGS);
	asm_ret(&s->b);
	asm_patch(&s->b, packed, asm_pos(&s->b));
	asm_mov_rm(&s->b, 2, r, env_mem(s->g->cc_a_offset));
	asm_alu_ri(&s->b, ALU_AND, 2, r, IR_FL_ALL);
	asm_mov_mr(&s->b, 3, env_mem(s->g->cc_a_offset), r);
	asm_ret(&s->b);
	return at;
}

/* ---- helpers: function in R10, arguments in the frame, result to R8 ---- */

static const uint8_t *stub_helper(struct stub *s, unsigned kind)
{
	bool read = kind & 1, write = kind & 2;
	const uint8_t *at = stub_here(s);

	stub_save_homes(s, read || write ? ~0u : HOME_VOLATILE);
	if (kind & 4) {
		asm_call_abs(&s->b, x86_host.flags[0]);
	}
	if (read) {
		asm_mov_rm(&s->b, 3, RAX, frame_mem(0));
		asm_mov_mr(&s->b, 3, env_mem(TCG_ENV_OFF(host_ra)), RAX);
		stub_clean(s);
	}
	stub_env_arg(s);
	asm_mov_rm(&s->b, 3, RSI, frame_mem(8 + FR_ARG));
	asm_mov_rm(&s->b, 3, RDX, frame_mem(8 + FR_ARG + 8));
	asm_mov_rm(&s->b, 3, RCX, frame_mem(8 + FR_ARG + 16));
	asm_mov_rm(&s->b, 3, R8, frame_mem(8 + FR_ARG + 24));
	stub_vzeroupper(s);
	asm_alu_ri(&s->b, ALU_SUB, 3, RSP, 8);
	asm_call_r(&s->b, R10);
	asm_alu_ri(&s->b, ALU_ADD, 3, RSP, 8);
	asm_mov_rr(&s->b, 3, R8, RAX);
	if (write && s->g->fpcr_offset) {
		struct amem t = env_mem(TCG_ENV_OFF(save_gpr));
		uint32_t j;

		asm_mov_rm(&s->b, 2, RAX, env_mem(s->g->fpcr_offset));
		asm_alu_ri(&s->b, ALU_OR, 2, RAX, MXCSR_MASKED);
		stub_stmxcsr(s, t);
		asm_alu_rm(&s->b, ALU_CMP, 2, RAX, t);
		j = asm_jcc8(&s->b, IR_EQ);
		asm_mov_mr(&s->b, 2, t, RAX);
		stub_ldmxcsr(s, t);
		asm_here8(&s->b, j);
	}
	stub_load_homes(s, write ? ~0u : HOME_VOLATILE);
	asm_ret(&s->b);
	return at;
}

int stubs_make(const struct tcg_guest *gu, uint8_t *w, const uint8_t *x, size_t cap,
               struct err *e)
{
	struct stub s = { .b = { w, w, w + cap, x }, .g = gu };

	if (cap < 32768) {
		return err_set(e, -ENOSPC, "x86-64 back end: no room for its stubs");
	}
	stub_enter(&s);
	stub_leave(&s);
	for (unsigned k = 0; k < N_SCRATCH; k++) {
		x86_host.ld[k] = stub_mem(&s, k, SM_LD);
		x86_host.ld_w[k] = stub_mem(&s, k, SM_LD_W);
		x86_host.st[k] = stub_mem(&s, k, SM_ST);
		x86_host.atomic[k] = stub_mem(&s, k, SM_ATOMIC);
		x86_host.flags[k] = stub_flags(&s, R8 + k);
	}
	x86_host.commit = stub_slow(&s, (uintptr_t)rt_st_commit, 0);
	x86_host.rmw_slow = stub_slow(&s, (uintptr_t)rt_rmw_slow, 1);
	x86_host.cas_slow = stub_slow(&s, (uintptr_t)rt_cas_slow, 2);
	for (unsigned k = 0; k < 8; k++) {
		x86_host.call[k] = stub_helper(&s, k);
	}
	x86_host.len = asm_pos(&s.b);
	return (int)x86_host.len;
}
