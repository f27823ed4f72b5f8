/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alloc.c - places of values in the x86-64 back end (the model is in emit.h).
 *
 * A register is free when no value in its list is needed by the current or a later
 * instruction; lists are pruned lazily. Of the scratch registers in use, the one whose
 * value is needed for longest is spilled. Homes of pinned slots are never free; values
 * read from a slot share its home until it is overwritten.
 *
 * Threads: works on the caller's generator.
 */
#include "config.h"

#include <errno.h>

#include "tcg-fallback/host/x86/emit.h"

void gen_lock(struct gen *g, unsigned r)
{
	g->locked |= 1u << r;
}

void gen_unlock(struct gen *g, unsigned r)
{
	g->locked &= ~(1u << r);
}

/* Drops the values of a register's list whose last use has passed. */
static void gen_list_prune(struct gen *g, uint16_t *p)
{
	while (*p) {
		struct val *v = &g->v[*p];

		if (v->last < g->i) {
			v->kind = VK_NONE;
			*p = v->next;
		} else {
			p = &v->next;
		}
	}
}

static bool gen_list_live_after(const struct gen *g, unsigned x)
{
	for (; x; x = g->v[x].next) {
		if (g->v[x].last > g->i) {
			return true;
		}
	}
	return false;
}

static void gen_prune(struct gen *g, unsigned r)
{
	gen_list_prune(g, &g->head[r]);
}

bool gen_live_after(const struct gen *g, unsigned r)
{
	return gen_list_live_after(g, g->head[r]);
}

static unsigned gen_spill_slot(struct gen *g, unsigned last)
{
	for (unsigned k = 0; k < N_SPILL; k++) {
		if (g->spill_last[k] < g->i) {
			g->spill_last[k] = (uint16_t)last;
			return k;
		}
	}
	g->err = -E2BIG;
	return 0;
}

/* Moves the values of r's list that are needed after `pos` to the stack. */
static void gen_list_to_stack(struct gen *g, unsigned r, unsigned pos)
{
	unsigned last = 0, k, x, next;
	bool remat = true;

	for (x = g->head[r]; x; x = g->v[x].next) {
		if (g->v[x].last > pos) {
			last = MAX(last, g->v[x].last);
			remat &= x < g->n &&
			         (g->ins[x].op == IR_const || g->ins[x].op == IR_pc);
		}
	}
	if (!last) {
		g->head[r] = 0;
		return;
	}
	k = remat ? 0 : gen_spill_slot(g, last);
	if (!remat) {
		asm_mov_mr(&g->b, 3, frame_mem((int)(FR_SPILL + 8 * k)), r);
	}
	for (x = g->head[r]; x; x = next) {
		struct val *v = &g->v[x];

		next = v->next;
		if (v->last <= pos) {
			v->kind = VK_NONE;
		} else if (remat) {
			v->kind = VK_CONST;
			v->imm = g->ins[x].op == IR_pc
			                 ? (int64_t)gen_pc(g, g->ins[x].imm)
			                 : g->ins[x].imm;
		} else {
			v->kind = VK_SPILL;
			v->imm = k;
		}
	}
	g->head[r] = 0;
}

void gen_evict(struct gen *g, unsigned r)
{
	gen_prune(g, r);
	if (g->head[r]) {
		gen_list_to_stack(g, r, g->i - 1);
	}
}

unsigned gen_list_last_at(const struct gen *g, unsigned r)
{
	unsigned last = 0;

	for (unsigned x = g->head[r]; x; x = g->v[x].next) {
		last = MAX(last, g->v[x].last);
	}
	return last;
}

static unsigned gen_free_scratch(struct gen *g)
{
	for (unsigned r = R8; r < R8 + N_SCRATCH; r++) {
		if (!(g->locked >> r & 1)) {
			gen_prune(g, r);
			if (!g->head[r]) {
				return r;
			}
		}
	}
	return NOREG;
}

unsigned gen_scratch(struct gen *g)
{
	unsigned r = gen_free_scratch(g), best = 0;

	if (r == NOREG) {
		for (unsigned k = R8; k < R8 + N_SCRATCH; k++) {
			if (!(g->locked >> k & 1) && gen_list_last_at(g, k) > best) {
				best = gen_list_last_at(g, k);
				r = k;
			}
		}
		if (r == NOREG) {
			g->err = -EINVAL; /* our own bug: an op locks too much */
			return R8;
		}
		gen_evict(g, r);
	}
	gen_lock(g, r);
	return r;
}

static void gen_push(struct gen *g, unsigned v, unsigned r, unsigned zb)
{
	struct val *x = &g->v[v];

	x->kind = VK_GPR;
	x->reg = (uint8_t)r;
	x->zb = (uint8_t)zb;
	x->next = g->head[r];
	g->head[r] = (uint16_t)v;
}

/* r is about to be overwritten: values that outlive this instruction move away. */
void gen_evacuate(struct gen *g, unsigned r)
{
	unsigned s, x, next;

	gen_prune(g, r);
	if (g->head[r] && gen_live_after(g, r)) {
		fl_release(g, r);
	}
	if (!g->head[r]) {
		return;
	}
	if (!gen_live_after(g, r)) {
		return;
	}
	s = gen_free_scratch(g);
	if (s == NOREG) {
		uint16_t keep = 0, gone = 0;

		/* operands of this very instruction stay readable in r */
		for (x = g->head[r]; x; x = next) {
			uint16_t *to = g->v[x].last <= g->i ? &keep : &gone;

			next = g->v[x].next;
			g->v[x].next = *to;
			*to = (uint16_t)x;
		}
		g->head[r] = gone;
		gen_list_to_stack(g, r, g->i);
		g->head[r] = keep;
		return;
	}
	asm_mov_rr(&g->b, 3, s, r);
	for (uint16_t *p = &g->head[r]; *p;) {
		struct val *v = &g->v[*p];

		x = *p;
		if (v->last > g->i) {
			*p = v->next;
			gen_push(g, x, s, v->zb);
		} else {
			p = &v->next;
		}
	}
}

void gen_def(struct gen *g, unsigned v, unsigned r, unsigned zb)
{
	for (unsigned x = g->head[r]; x; x = g->v[x].next) {
		g->v[x].kind = VK_NONE;
	}
	g->head[r] = 0;
	if (g->v[v].last > g->i) {
		gen_push(g, v, r, zb);
	}
}

/* v is the same register contents as src. */
void gen_alias(struct gen *g, unsigned v, unsigned src, unsigned zb)
{
	unsigned r = g->v[src].reg;

	if (g->v[v].last > g->i) {
		gen_push(g, v, r, zb);
	}
}

void gen_def_const(struct gen *g, unsigned v, int64_t imm)
{
	g->v[v].kind = VK_CONST;
	g->v[v].imm = imm;
}

void gen_def_env(struct gen *g, unsigned v, int64_t off)
{
	g->v[v].kind = VK_ENV;
	g->v[v].imm = off;
	g->v[v].next = g->envl;
	g->envl = (uint16_t)v;
}

static void gen_env_unlink(struct gen *g, unsigned v)
{
	uint16_t *p = &g->envl;

	while (*p && *p != v) {
		p = &g->v[*p].next;
	}
	if (*p) {
		*p = g->v[v].next;
	}
}

int gen_where(const struct gen *g, unsigned v)
{
	return g->v[v].kind == VK_GPR ? g->v[v].reg : -1;
}

bool gen_is_imm(const struct gen *g, unsigned v, int64_t *imm)
{
	if (g->v[v].kind != VK_CONST) {
		return false;
	}
	*imm = g->v[v].imm;
	return true;
}

/* Is v a memory operand for an instruction of 1 << sz bytes, not worth loading? */
bool gen_is_mem(const struct gen *g, unsigned v, unsigned sz, struct amem *m)
{
	const struct val *x = &g->v[v];

	if (x->kind == VK_SPILL) {
		*m = frame_mem((int)(FR_SPILL + 8 * x->imm));
		return true;
	}
	if (x->kind == VK_ENV && x->last <= g->i && g->ins[v].type <= IR_I64 &&
	    ty_sz(g->ins[v].type) >= sz) {
		*m = env_mem(x->imm);
		return true;
	}
	return false;
}

/* Width of the integer in an unloaded value; flags states are whole words. */
static unsigned gen_val_sz(const struct gen *g, unsigned v)
{
	if (v >= g->n || g->ins[v].type < IR_I8 || g->ins[v].type > IR_I64) {
		return 3;
	}
	return ty_sz(g->ins[v].type);
}

/* Copies v to r, at least 1 << sz bytes of it; r's old contents must be free. */
void gen_load_to(struct gen *g, unsigned v, unsigned r, unsigned sz)
{
	struct val *x = &g->v[v];

	switch (x->kind) {
	case VK_CONST:
		asm_movi(&g->b, r, sz <= 2 ? (uint32_t)x->imm : (uint64_t)x->imm);
		break;
	case VK_GPR:
		if (x->reg != r) {
			asm_mov_rr(&g->b, sz < 2 ? 2 : sz, r, x->reg);
		}
		break;
	case VK_ENV: asm_zx_rm(&g->b, gen_val_sz(g, v), r, env_mem(x->imm)); break;
	case VK_SPILL:
		asm_mov_rm(&g->b, 3, r, frame_mem((int)(FR_SPILL + 8 * x->imm)));
		break;
	default: g->err = -EINVAL;
	}
}

unsigned gen_reg(struct gen *g, unsigned v)
{
	struct val *x = &g->v[v];
	unsigned r, zb = 64;

	if (x->kind == VK_GPR) {
		gen_lock(g, x->reg);
		return x->reg;
	}
	r = gen_scratch(g);
	if (x->kind == VK_ENV) {
		zb = 8u << gen_val_sz(g, v);
		asm_zx_rm(&g->b, gen_val_sz(g, v), r, env_mem(x->imm));
		gen_env_unlink(g, v);
	} else if (x->kind == VK_CONST) {
		unsigned type = v < g->n ? g->ins[v].type : (unsigned)IR_I64;
		uint64_t imm = (uint64_t)x->imm;

		if (type <= IR_I32) {
			imm &= type == IR_I8    ? 0xff
			       : type == IR_I16 ? 0xffff
			                        : 0xffffffffu;
			zb = ty_bits(type);
		}
		asm_movi(&g->b, r, imm);
	} else {
		zb = x->zb;
		gen_load_to(g, v, r, 3);
	}
	gen_push(g, v, r, zb);
	return r;
}

/* The home that v flows into, when v may be computed there now; locked. */
unsigned gen_home(struct gen *g, unsigned v)
{
	unsigned r;

	if (!g->v[v].hint) {
		return NOREG;
	}
	r = g->v[v].hint - 1u;
	gen_prune(g, r);
	if (gen_live_after(g, r)) {
		fl_release(g, r);
	}
	if (gen_live_after(g, r)) {
		/* what outlives the `set` has to move anyway: now is as good */
		if (gen_list_last_at(g, r) <= g->v[v].want ||
		    gen_free_scratch(g) == NOREG) {
			return NOREG;
		}
		gen_evacuate(g, r);
	}
	gen_lock(g, r);
	return r;
}

/* The home whose low part v becomes: all else in it is the value v will be merged into. */
unsigned gen_part(struct gen *g, unsigned v)
{
	const struct val *p = &g->v[v];
	unsigned r = p->part - 1u;

	if (!p->part || gen_where(g, p->base) != (int)r) {
		return NOREG;
	}
	for (unsigned x = g->head[r]; x; x = g->v[x].next) {
		if (g->v[x].last > g->i && x != p->base) {
			return NOREG;
		}
	}
	gen_lock(g, r);
	return r;
}

void gen_def_part(struct gen *g, unsigned v, unsigned r)
{
	if (g->v[v].last > g->i) {
		gen_push(g, v, r, 64);
	}
}

/* v is in r, at least until the end of this instruction. */
void gen_hold(struct gen *g, unsigned v, unsigned r)
{
	gen_push(g, v, r, 64);
}

unsigned gen_dest(struct gen *g, unsigned v)
{
	unsigned r = gen_home(g, v);

	return r != NOREG ? r : gen_scratch(g);
}

/* The same, but a's register may serve when it is a scratch and a dies here. */
unsigned gen_dest_reuse(struct gen *g, unsigned v, unsigned a)
{
	unsigned h = gen_home(g, v);
	int r = gen_where(g, a);

	if (h != NOREG) {
		return h;
	}
	if (r >= 0 && (SCRATCH_MASK >> r & 1) && !gen_live_after(g, (unsigned)r)) {
		gen_lock(g, (unsigned)r);
		return (unsigned)r;
	}
	return gen_scratch(g);
}

void gen_drop(struct gen *g, unsigned v)
{
	uint16_t *p = g->v[v].kind == VK_ENV ? &g->envl : &g->head[g->v[v].reg];

	if (g->v[v].kind == VK_GPR || g->v[v].kind == VK_ENV) {
		while (*p && *p != v) {
			p = &g->v[*p].next;
		}
		if (*p) {
			*p = g->v[v].next;
		}
	}
	g->v[v].kind = VK_NONE;
}

/* v has been copied to r, whose old contents are gone: it lives there from now on. */
void gen_move(struct gen *g, unsigned v, unsigned r)
{
	unsigned zb =
		g->v[v].kind == VK_GPR || g->v[v].kind == VK_SPILL ? g->v[v].zb : 64;

	if (g->v[v].last > g->i) {
		gen_drop(g, v);
		gen_push(g, v, r, zb);
	}
}

int gen_spill_new(struct gen *g, unsigned v)
{
	unsigned k = gen_spill_slot(g, g->v[v].last);

	g->v[v].kind = VK_SPILL;
	g->v[v].imm = k;
	return (int)(FR_SPILL + 8 * k);
}

/* [off, off + len) of the architectural struct is going to change: values still lying
 * there are loaded now. */
void gen_env_store(struct gen *g, int64_t off, unsigned len)
{
	unsigned x, next;

	for (x = g->envl; x; x = next) {
		struct val *v = &g->v[x];
		unsigned n = ir_type_bytes[g->ins[x].type];

		next = v->next;
		if (v->last <= g->i) {
			continue; /* read by this very instruction at most, before it stores */
		}
		if (v->imm < off + len && off < v->imm + n) {
			if (ty_vec(g->ins[x].type)) {
				g->xlocked &= ~(1u << gen_xreg(g, x));
			} else {
				unsigned r, was = g->locked;

				r = gen_reg(g, x);
				(void)r;
				g->locked = was;
			}
		}
	}
}

/* Before a C call: no scratch register survives it. */
void gen_spill_scratch(struct gen *g)
{
	for (unsigned r = R8; r < R8 + N_SCRATCH; r++) {
		gen_prune(g, r);
		if (g->head[r]) {
			gen_list_to_stack(g, r, g->i);
		}
	}
}

void gen_forget(struct gen *g)
{
	memset(g->head, 0, sizeof(g->head));
	memset(g->xhead, 0, sizeof(g->xhead));
	g->envl = 0;
	g->ef = 0;
	g->n_deferred = 0;
}

/* ---- vector registers: all scratch ---- */

static void gen_xprune(struct gen *g, unsigned x)
{
	gen_list_prune(g, &g->xhead[x]);
}

bool gen_xlive_after(const struct gen *g, unsigned x)
{
	return gen_list_live_after(g, g->xhead[x]);
}

static void gen_xlist_to_stack(struct gen *g, unsigned x, unsigned pos)
{
	unsigned last = 0, k, y, next;
	bool wide = false;

	for (y = g->xhead[x]; y; y = g->v[y].next) {
		if (g->v[y].last > pos) {
			last = MAX(last, g->v[y].last);
			wide |= g->ins[y].type == IR_V256;
		}
	}
	if (!last) {
		g->xhead[x] = 0;
		return;
	}
	for (k = 0; k < N_VSPILL && g->vspill_last[k] >= g->i; k++) {
	}
	if (k == N_VSPILL) {
		g->err = -E2BIG;
		return;
	}
	g->vspill_last[k] = (uint16_t)last;
	vec_store(g, wide ? IR_V256 : IR_V128, frame_mem((int)(FR_VSPILL + 32 * k)), x);
	for (y = g->xhead[x]; y; y = next) {
		struct val *v = &g->v[y];

		next = v->next;
		v->kind = v->last > pos ? VK_VSPILL : VK_NONE;
		v->imm = k;
	}
	g->xhead[x] = 0;
}

void gen_xevict(struct gen *g, unsigned x)
{
	gen_xprune(g, x);
	if (g->xhead[x]) {
		gen_xlist_to_stack(g, x, g->i - 1);
	}
}

unsigned gen_xscratch(struct gen *g)
{
	unsigned best = 0, r = NOREG;

	for (unsigned x = 0; x < 16; x++) {
		unsigned last = 0;

		if (g->xlocked >> x & 1) {
			continue;
		}
		gen_xprune(g, x);
		if (!g->xhead[x]) {
			g->xlocked |= 1u << x;
			return x;
		}
		for (unsigned y = g->xhead[x]; y; y = g->v[y].next) {
			last = MAX(last, g->v[y].last);
		}
		if (last > best) {
			best = last;
			r = x;
		}
	}
	if (r == NOREG) {
		g->err = -EINVAL;
		return 0;
	}
	gen_xevict(g, r);
	g->xlocked |= 1u << r;
	return r;
}

void gen_xdef(struct gen *g, unsigned v, unsigned x, unsigned zb)
{
	struct val *d = &g->v[v];

	for (unsigned y = g->xhead[x]; y; y = g->v[y].next) {
		g->v[y].kind = VK_NONE;
	}
	g->xhead[x] = 0;
	if (d->last > g->i) {
		d->kind = VK_XMM;
		d->reg = (uint8_t)x;
		d->zb = (uint8_t)zb;
		d->next = 0;
		g->xhead[x] = (uint16_t)v;
	}
}

/* The value in a vector register, locked. */
unsigned gen_xreg(struct gen *g, unsigned v)
{
	struct val *d = &g->v[v];
	unsigned x, type = g->ins[v].type;

	if (d->kind == VK_XMM) {
		g->xlocked |= 1u << d->reg;
		return d->reg;
	}
	x = gen_xscratch(g);
	switch (d->kind) {
	case VK_ENV:
		vec_load(g, type, x, env_mem(d->imm));
		gen_env_unlink(g, v);
		break;
	case VK_VSPILL:
		vec_load(g, type, x, frame_mem((int)(FR_VSPILL + 32 * d->imm)));
		break;
	case VK_CONST:
		/* zero or all ones */
		if (d->imm == 0) {
			asm_vrr(&g->b, 0xef | A_0F | A_66, x, x, x);
		} else if (type == IR_V256 && !x86_host.avx2) {
			asm_vrr(&g->b, 0x57 | A_0F | A_L, x, x, x);
			asm_vrr(&g->b, 0xc2 | A_0F | A_L, x, x, x);
			asm_8(&g->b, 0x0f); /* true, always */
		} else {
			asm_vrr(&g->b, 0x76 | A_0F | A_66 | (type == IR_V256 ? A_L : 0),
			        x, x, x);
		}
		break;
	default: g->err = -EINVAL;
	}
	d->kind = VK_XMM;
	d->reg = (uint8_t)x;
	d->zb = 128;
	d->next = g->xhead[x];
	g->xhead[x] = (uint16_t)v;
	return x;
}

void gen_spill_vec(struct gen *g)
{
	for (unsigned x = 0; x < 16; x++) {
		gen_xprune(g, x);
		if (g->xhead[x]) {
			gen_xlist_to_stack(g, x, g->i);
		}
	}
}
