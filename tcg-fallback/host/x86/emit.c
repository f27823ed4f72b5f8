/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emit.c - the x86-64 back end's table and its loop over a unit.
 *
 * Spec: Intel SDM vol. 1 and 2. Needs AVX and POPCNT; uses BMI1/2, LZCNT, AVX2, FMA, F16C,
 * AES, SHA where the host has them.
 *
 * Registers: RSP host stack, RBP the architectural struct, R8-R10 scratch, the other
 * eleven are homes of the heaviest 64-bit slots.
 *
 * Known gaps: one guest architecture per process (stubs are made for the guest given to
 * init last); no homes for vector slots (every set of one is a store); probes off one base
 * are not coalesced; 128-bit cas and big-endian atomics refused; has_avx2 and has_bmi2 of the
 * table are constants though a host may lack them (units using them are refused then).
 *
 * Threads: emit() any thread, one unit each; init() before; run() the vCPU's.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "tcg-fallback/host/x86/emit.h"

struct x86_host x86_host;

static const char *x86_pinned[N_HOMES + 1];

/* ---- slots, locals, the architectural struct ---- */

static unsigned op_home(const struct ir_ins *in)
{
	return in->imm < MAX_SLOTS ? x86_host.home[in->imm] : NOREG;
}

static void op_get(struct gen *g, const struct ir_ins *in)
{
	unsigned r = op_home(in);

	if (r != NOREG) {
		gen_def_part(g, g->i, r);
	} else {
		gen_def_env(g, g->i, g->u->slots[in->imm].offset);
	}
}

static void op_store_int(struct gen *g, unsigned v, unsigned sz, int64_t off)
{
	int64_t imm;

	if (gen_is_imm(g, v, &imm) && (sz < 3 || asm_s32(imm))) {
		gen_env_store(g, off, 1u << sz);
		asm_mov_mi(&g->b, sz, env_mem(off), (int32_t)imm);
	} else {
		unsigned r = gen_reg(g, v);

		gen_env_store(g, off, 1u << sz);
		asm_mov_mr(&g->b, sz, env_mem(off), r);
	}
}

static void op_set_home(struct gen *g, unsigned v, unsigned r)
{
	int64_t imm;
	int was = gen_where(g, v);

	if (was == (int)r) {
		return;
	}
	gen_evacuate(g, r);
	if (gen_is_imm(g, v, &imm)) {
		if (imm == 0 && (!g->ef || g->v[g->ef].last <= g->i)) {
			g->ef = 0;
			asm_alu_rr(&g->b, ALU_XOR, 2, r, r);
		} else {
			asm_movi(&g->b, r, (uint64_t)imm);
		}
		gen_def(g, 0, r, 64);
		return;
	}
	gen_load_to(g, v, r, 3);
	gen_def(g, 0, r, 64);
	if (was < 0 || (SCRATCH_MASK >> was & 1)) {
		gen_move(g, v, r);
	}
}

static void op_set(struct gen *g, const struct ir_ins *in)
{
	const struct ir_slot *s = &g->u->slots[in->imm];
	unsigned r = op_home(in);

	if (r != NOREG) {
		op_set_home(g, in->a, r);
	} else if (ty_vec(in->type)) {
		op_vec_set(g, in, s->offset, false);
	} else {
		op_store_int(g, in->a, ty_sz(in->type), s->offset);
	}
}

/* Pinned slots that [off, +len) of the architectural struct covers: the slot is made true
 * before a read, and taken over after a write. */
static bool op_overlap(struct gen *g, int64_t off, unsigned len, bool reload)
{
	bool any = false;

	for (unsigned r = 0; r < 16; r++) {
		int so = x86_host.slot_off[r];

		if (x86_host.slot_of[r] < 0 || so + 8 <= off ||
		    off + (int64_t)len <= so) {
			continue;
		}
		if (reload) {
			asm_mov_rm(&g->b, 3, r, env_mem(so));
		} else {
			gen_evacuate(g, r);
			asm_mov_mr(&g->b, 3, env_mem(so), r);
		}
		any = true;
	}
	return any;
}

static void op_ldenv(struct gen *g, const struct ir_ins *in)
{
	bool now = op_overlap(g, in->imm, ir_type_bytes[in->type], false);

	gen_def_env(g, g->i, in->imm);
	if (now && !ty_vec(in->type)) {
		gen_reg(g, g->i);
	} else if (now) {
		gen_xreg(g, g->i);
	}
}

static void op_stenv(struct gen *g, const struct ir_ins *in)
{
	unsigned len = ir_type_bytes[in->type];
	bool both = op_overlap(g, in->imm, len, false);

	if (ty_vec(in->type)) {
		op_vec_set(g, in, in->imm, false);
	} else {
		op_store_int(g, in->a, ty_sz(in->type), in->imm);
	}
	if (both) {
		op_overlap(g, in->imm, len, true);
	}
}

static int64_t op_local_off(const struct ir_ins *in)
{
	return TCG_ENV_OFF(local) +
	       in->imm * (int64_t)sizeof(((struct tcg_env *)0)->local[0]);
}

static void op_lset(struct gen *g, const struct ir_ins *in)
{
	if (ty_vec(in->type)) {
		op_vec_set(g, in, op_local_off(in), false);
	} else {
		op_store_int(g, in->a, ty_sz(in->type), op_local_off(in));
	}
}

static void op_fence(struct gen *g)
{
	fl_clobber(g);
	asm_8(&g->b, 0xf0);
	asm_alu_mi(&g->b, ALU_OR, 2, frame_mem(FR_ARG), 0);
}

/* ---- one unit ---- */

static void emit_ins(struct gen *g, const struct ir_ins *in)
{
	if (op_int(g, in)) {
		return;
	}
	switch (in->op) {
	case IR_const:
		gen_def_const(g, g->i, in->imm);
		if (in->type == IR_FLAGS) {
			g->v[g->i].imm &= IR_FL_ALL;
			g->v[g->i].fstate = FS_PACKED;
			g->v[g->i].fcond = 1;
		}
		break;
	case IR_pc: gen_def_const(g, g->i, (int64_t)gen_pc(g, in->imm)); break;
	case IR_get: op_get(g, in); break;
	case IR_set: op_set(g, in); break;
	case IR_setz: op_vec_set(g, in, g->u->slots[in->imm].offset, true); break;
	case IR_ldenv: op_ldenv(g, in); break;
	case IR_stenv: op_stenv(g, in); break;
	case IR_lget: gen_def_env(g, g->i, op_local_off(in)); break;
	case IR_lset: op_lset(g, in); break;
	case IR_mul: op_mul(g, in); break;
	case IR_mulhu:
	case IR_mulhs: op_mulh(g, in); break;
	case IR_udiv2:
	case IR_urem2:
	case IR_sdiv2:
	case IR_srem2: op_div(g, in); break;
	case IR_flags: break;
	case IR_fmix:
	case IR_fshift: g->v[g->i].fstate = FS_MIX; break;
	case IR_fget: op_fget(g); break;
	case IR_fset: op_fset(g, in); break;
	case IR_fpack: op_fpack(g, in); break;
	case IR_funpack: op_funpack(g, in); break;
	case IR_setcc: op_setcc(g, in); break;
	case IR_selcc: op_selcc(g, in); break;
	case IR_ld: op_ld(g, in); break;
	case IR_st: op_st(g, in); break;
	case IR_rmw: op_rmw(g, in); break;
	case IR_cas: op_cas(g, in); break;
	case IR_fence: op_fence(g); break;
	case IR_vop: op_vop(g, in); break;
	case IR_call: op_call(g, in); break;
	case IR_insn: g->pc_off = (uint32_t)in->imm; break;
	case IR_label: op_label(g, in); break;
	case IR_br: op_br(g, in); break;
	case IR_brcc: op_brcc(g, in); break;
	case IR_brcmp: op_brcmp(g, in); break;
	case IR_exit_to: op_exit_to(g, in); break;
	case IR_exit_ind: op_exit_ind(g, in); break;
	case IR_exit: op_exit(g, in); break;
	default: g->err = -ENOTSUP;
	}
}

/* Emits constant or slot read `j` before its turn. */
void gen_early(struct gen *g, unsigned j)
{
	const struct ir_ins *in = &g->ins[j];

	if (in->op == IR_get) {
		unsigned r = op_home(in);

		if (r == NOREG) {
			gen_def_env(g, j, g->u->slots[in->imm].offset);
		} else if (g->v[j].last >= g->i) {
			gen_hold(g, j, r);
		}
	} else {
		gen_def_const(g, j,
		              in->op == IR_pc ? (int64_t)gen_pc(g, in->imm) : in->imm);
	}
}

/* Looks for labels and branches; counts the flags values that fshifts need of their own. */
static unsigned emit_look(struct gen *g)
{
	unsigned n_fshift = 0;

	for (unsigned i = 1; i < g->n; i++) {
		const struct ir_ins *in = &g->ins[i];

		n_fshift += in->op == IR_fshift;
		if (in->op == IR_br || in->op == IR_brcc || in->op == IR_brcmp) {
			g->label_refs[in->imm]++;
		} else if (in->op == IR_label) {
			unsigned j = i + 1;

			while (j < g->n &&
			       (g->ins[j].op == IR_NOP || g->ins[j].op == IR_insn)) {
				j++;
			}
			if (j < g->n && g->ins[j].op == IR_exit_to) {
				g->label_exit[in->imm] = (uint16_t)j;
			}
		}
	}
	return n_fshift;
}

static bool emit_room(struct gen *g)
{
	if (g->b.end - g->b.p < ASM_MARGIN) {
		g->err = -ENOSPC;
	}
	return !g->err;
}

static void emit_body(struct gen *g)
{
	for (unsigned i = 1; i < g->n && emit_room(g); i++) {
		const struct ir_ins *in = &g->ins[i];

		if ((g->unreachable && in->op != IR_label) || g->v[i].dead ||
		    g->v[i].done) {
			continue;
		}
		g->i = i;
		g->locked = g->xlocked = 0;
		emit_ins(g, in);
	}
	if (!g->unreachable && !g->err) {
		asm_rr(&g->b, 0x0b | A_0F, 0,
		       0); /* not reached: units end with an exit */
	}
	for (unsigned k = 0; k < g->n_cold && emit_room(g); k++) {
		struct cold *c = &g->cold[k];

		g->pc_off = c->pc_off;
		if (c->kind == CK_EXIT) {
			ctl_cold(g, c);
		} else {
			mem_cold(g, c);
		}
	}
}

/* Room for most units; larger ones take theirs from the heap. */
enum { EMIT_VALS = 320, EMIT_LABELS = 64, EMIT_COLD = 48 };

static int emit_alloc(struct gen *g, unsigned nl, void *labels, struct val *vals)
{
	unsigned nv;

	if (nl > EMIT_LABELS) {
		labels = malloc(nl * 8);
		g->heap_labels = labels;
		if (!labels) {
			return -ENOMEM;
		}
	}
	memset(labels, 0, nl * 8);
	g->label = labels;
	g->label_exit = (uint16_t *)(g->label + nl);
	g->label_refs = g->label_exit + nl;
	nv = g->n + emit_look(g) + 1;
	if (nv > UINT16_MAX) {
		return -E2BIG;
	}
	if (nv > EMIT_VALS) {
		vals = malloc(nv * sizeof(*vals));
		g->heap_vals = vals;
		if (!vals) {
			return -ENOMEM;
		}
	}
	memset(vals, 0, nv * sizeof(*vals));
	g->v = vals;
	return 0;
}

/* The entry for jump caches: its first instruction fills seven bytes of an aligned word, so
 * that x86_retire can turn it into a jump. */
static void emit_entry(struct gen *g)
{
	asm_alu_ri32(&g->b, ALU_AND, R8, -TCG_PAGE);
	asm_mov_mr(&g->b, 3, env_mem(TCG_ENV_OFF(vpage)), R8);
	g->c->body = asm_pos(&g->b);
}

static int x86_emit(const struct ir_unit *u, struct tcg_code *c)
{
	struct gen g = { .u = u, .c = c, .ins = u->ins, .n = u->n, .n_vals = u->n };
	uint64_t labels[EMIT_LABELS];
	struct cold cold[EMIT_COLD];
	struct val vals[EMIT_VALS];

	if (u->overflow) {
		return -E2BIG;
	}
	c->len = c->n_exits = c->n_pcmap = 0;
	g.cold = cold;
	g.cap_cold = EMIT_COLD;
	g.b = (struct asmbuf){ c->w, c->w, c->w + c->cap, c->x };
	g.same_page = !((u->pc ^ (u->pc + (u->guest_len ? u->guest_len - 1 : 0))) >>
	                TCG_PAGE_BITS);
	g.err = emit_alloc(&g, u->n_labels + 1, labels, vals);
	c->body = 0;
	if (!g.err) {
		if (u->pic) {
			emit_entry(&g);
		}
		prep_unit(&g);
		emit_body(&g);
		ctl_fix_labels(&g);
	}
	c->len = asm_pos(&g.b);
	free(g.fix);
	free(g.heap_cold);
	free(g.heap_labels);
	free(g.heap_vals);
	return g.err;
}

/* ---- the table ---- */

static void x86_patch(uint8_t *w, const uint8_t *x, uint32_t at, const void *target)
{
	int32_t d = (int32_t)((const uint8_t *)target - (x + at + 4));

#if defined(__x86_64__)
	/* one store, inside an aligned 8-byte word */
	__asm__ volatile("movl %1, %0" : "=m"(*(char(*)[4])(w + at)) : "r"(d));
#else
	memcpy(w + at, &d, 4);
#endif
}

static void x86_link(uint8_t *w, const uint8_t *x, const struct tcg_exit *ex,
                     const void *target)
{
	x86_patch(w, x, ex->jump_off, target);
}

static void x86_unlink(uint8_t *w, const uint8_t *x, const struct tcg_exit *ex)
{
	x86_patch(w, x, ex->jump_off, x + ex->stub_off);
}

static void x86_link_far(uint8_t *w, const uint8_t *x, const struct tcg_exit *ex)
{
	x86_patch(w, x, ex->far_off, x86_host.far);
}

static void x86_retire(uint8_t *w, const uint8_t *x)
{
	int32_t d = (int32_t)(x86_host.miss - (x + 5));
	uint8_t b[8];
	uint64_t v;

	memcpy(b, w, sizeof(b));
	b[0] = 0xe9;
	memcpy(b + 1, &d, 4);
	memcpy(&v, b, sizeof(v));
	__atomic_store_n((uint64_t *)(void *)w, v,
	                 __ATOMIC_RELEASE); /* w is aligned to 32 */
}

static struct tcg_exit *x86_run(struct tcg_env *env, const void *x)
{
	struct tcg_exit *(*enter)(void *, const void *) =
		(struct tcg_exit * (*)(void *, const void *))(uintptr_t)x86_host.enter;

	return enter(tcg_arch_of(env), x);
}

static const void *x86_miss_stub(void)
{
	return x86_host.miss;
}

/* Homes: the heaviest 64-bit slots; in slot order they get RAX RCX RDX RBX first. */
static void x86_assign_homes(const struct tcg_guest *gu)
{
	static const uint8_t order[N_HOMES] = { RAX, RCX, RDX, RBX, R15, R11,
		                                RSI, RDI, R12, R13, R14 };
	bool pin[MAX_SLOTS] = { false };
	unsigned n = MIN(gu->n_slots, (unsigned)MAX_SLOTS), k = 0;

	for (unsigned t = 0; t < N_HOMES; t++) {
		int best = -1;

		for (unsigned s = 0; s < n; s++) {
			if (!pin[s] && gu->slots[s].type == IR_I64 &&
			    gu->slots[s].weight &&
			    (best < 0 ||
			     gu->slots[s].weight > gu->slots[best].weight)) {
				best = (int)s;
			}
		}
		if (best >= 0) {
			pin[best] = true;
		}
	}
	memset(x86_host.home, NOREG, sizeof(x86_host.home));
	memset(x86_host.slot_of, -1, sizeof(x86_host.slot_of));
	memset(x86_pinned, 0, sizeof(x86_pinned));
	for (unsigned s = 0; s < n; s++) {
		if (pin[s]) {
			unsigned r = order[k];

			x86_pinned[k++] = gu->slots[s].name;
			x86_host.home[s] = (uint8_t)r;
			x86_host.slot_of[r] = (int16_t)s;
			x86_host.slot_off[r] = (int)gu->slots[s].offset;
		}
	}
}

static void x86_probe_cpu(void)
{
	struct x86_host *h = &x86_host;

#if defined(__x86_64__)
	__builtin_cpu_init();
	h->avx = __builtin_cpu_supports("avx");
	h->avx2 = __builtin_cpu_supports("avx2");
	h->bmi1 = __builtin_cpu_supports("bmi");
	h->bmi2 = __builtin_cpu_supports("bmi2");
	h->popcnt = __builtin_cpu_supports("popcnt");
	h->fma = __builtin_cpu_supports("fma");
	h->aes = __builtin_cpu_supports("aes");
	h->clmul = __builtin_cpu_supports("pclmul");
	h->sse42 = __builtin_cpu_supports("sse4.2");
	{
		unsigned a = 0, b = 0, c = 0, d = 0;

		__asm__ volatile("cpuid"
		                 : "=a"(a), "=b"(b), "=c"(c), "=d"(d)
		                 : "a"(1), "c"(0));
		h->f16c = h->avx && (c >> 29 & 1);
		__asm__ volatile("cpuid"
		                 : "=a"(a), "=b"(b), "=c"(c), "=d"(d)
		                 : "a"(0x80000001), "c"(0));
		h->lzcnt = c >> 5 & 1;
		__asm__ volatile("cpuid"
		                 : "=a"(a), "=b"(b), "=c"(c), "=d"(d)
		                 : "a"(7), "c"(0));
		h->sha = b >> 29 & 1;
	}
#else
	memset(h, 0, sizeof(*h));
#endif
}

static int x86_init(const struct tcg_guest *gu, uint8_t *w, const uint8_t *x,
                    size_t cap, struct err *e)
{
	x86_probe_cpu();
	if (!x86_host.avx || !x86_host.popcnt) {
		return err_set(
			e, -ENOTSUP,
			"x86-64 back end: this host has no AVX; using the interpreter");
	}
	x86_host.g = gu;
	x86_assign_homes(gu);
	return stubs_make(gu, w, x, cap, e);
}

/* Features are probed by init(); the maximum is announced here, see x86_host. */
const struct tcg_host x86_tcg_host = {
	.name = "x86-64",
	.init = x86_init,
	.emit = x86_emit,
	.link = x86_link,
	.unlink = x86_unlink,
	.link_far = x86_link_far,
	.retire = x86_retire,
	.run = x86_run,
	.miss_stub = x86_miss_stub,
	.pinned = x86_pinned,
	.has_avx = true,
	.has_avx2 = true,
	.has_bmi2 = true,
};
