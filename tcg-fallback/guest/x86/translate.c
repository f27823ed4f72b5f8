/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * translate.c - a unit of x86 code to IR: the loop over instructions, leaving
 * units, out-of-line paths, the helper and slot tables.
 *
 * A unit is an extended basic block: after a conditional branch translation goes on with
 * the fall-through side while the taken side becomes a side exit, so that values
 * and flags live on. It ends at unconditional transfers, backward branches, changes of
 * the block key, and the end of the page (only its last instruction may reach into the
 * next one; in a position-independent unit that one is also the first).
 *
 * Known gaps: the 16-bit wrap of a relative branch in code with a CS base is decided by
 * the CS base at translation time; code fetch is not checked against CS.limit.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "tcg-fallback/guest/x86/insn.h"
#include "tcg-fallback/ir/host.h"

#define R IR_H_READ
#define W IR_H_WRITE
#define X (IR_H_EXIT | IR_H_READ)
#define P IR_H_PURE
#define F IR_H_FLAGS
const struct ir_helper x86_helpers[XHELP_N] = {
#define HELPER(name, nargs, flags) { #name, (void *)helper_##name, flags },
#include "tcg-fallback/guest/x86/helpers.def"
#undef HELPER
};
#undef R
#undef W
#undef X
#undef P
#undef F

/* Weights: what compilers' code uses most gets host registers first. */
#define GPR(n, w)                                                                      \
	{                                                                              \
#n, offsetof(struct x86_cpu, reg[X86_##n]), IR_I64, w                  \
	}
#define VEC(n)                                                                         \
	{                                                                              \
		"V" #n, offsetof(struct x86_cpu, vec[n]), IR_V256, 200 - n             \
	}
const struct ir_slot x86_slots[XS_N] = {
	GPR(RAX, 255), GPR(RCX, 250), GPR(RDX, 249), GPR(RBX, 248), GPR(RSP, 254),
	GPR(RBP, 247), GPR(RSI, 246), GPR(RDI, 245), GPR(R8, 160),  GPR(R9, 155),
	GPR(R10, 150), GPR(R11, 145), GPR(R12, 240), GPR(R13, 239), GPR(R14, 238),
	GPR(R15, 237), VEC(0),        VEC(1),        VEC(2),        VEC(3),
	VEC(4),        VEC(5),        VEC(6),        VEC(7),        VEC(8),
	VEC(9),        VEC(10),       VEC(11),       VEC(12),       VEC(13),
	VEC(14),       VEC(15),
};

enum { XT_SLOW_MAX = 128, XT_BRANCHES = TCG_MAX_EXITS - 2 };

struct xt_slow {
	struct x86_insn i;
	unsigned off, next;
	int label;
	enum xt_slow_kind kind;
	int64_t arg;
};

ir_val xt_call(struct xt *x, enum x86_helper h, ir_val a, ir_val b, ir_val c, ir_val d)
{
	return ir_call(x->u, h, IR_I64, a, b, c, d);
}

/* ---- leaving ---- */

void xt_set_rip(struct xt *x, int64_t off)
{
	ir_stenv(x->u, IR_I64, offsetof(struct x86_cpu, rip), ir_pc(x->u, off));
}

/* rip has been stored (by a helper perhaps): trap if single-stepping, and leave. */
void xt_leave(struct xt *x)
{
	if (x->key & XH_TF) {
		xt_call(x, XHELP_single_step, 0, 0, 0, 0);
	}
	ir_exit(x->u, TCG_EXIT_NEXT);
	x->end = true;
}

/* Units of these keys cannot be chained: what follows has another key, or traps. */
static bool xt_unchained(const struct xt *x)
{
	return x->key & (XH_TF | XH_SHADOW);
}

void xt_goto(struct xt *x, int64_t off)
{
	if (xt_unchained(x)) {
		xt_set_rip(x, off);
		xt_leave(x);
	} else if (x->n_exits >= TCG_MAX_EXITS) {
		ir_exit_ind(x->u, ir_pc(x->u, off));
	} else {
		x->n_exits++;
		ir_exit_to(x->u, off);
		if (!x->u->overflow) {
			x->u->ins[x->u->n - 1].hint = ir_fl_hint(xt_flags_dead(x, off));
			x->u->ins[x->u->n - 1].aux2 = x->far;
		}
	}
	x->end = true;
}

void xt_goto_ip(struct xt *x, ir_val linear)
{
	if (xt_unchained(x)) {
		ir_stenv(x->u, IR_I64, offsetof(struct x86_cpu, rip), linear);
		xt_leave(x);
	} else {
		ir_exit_ind(x->u, linear);
	}
	x->end = true;
}

void xt_exit_next(struct xt *x)
{
	xt_set_rip(x, x->next);
	xt_leave(x);
	x->end = true;
}

void xt_raise(struct xt *x, enum x86_exc vec)
{
	xt_call(x, XHELP_raise, ir_const(x->u, IR_I64, vec), ir_const(x->u, IR_I64, 0),
	        0, 0);
	ir_exit(x->u, TCG_EXIT_RAISE);
	x->end = true;
}

void xt_ud(struct xt *x)
{
	xt_raise(x, X86_EXC_UD);
}

/* ---- out-of-line paths ---- */

int xt_slow(struct xt *x, enum xt_slow_kind kind, int64_t arg)
{
	struct xt_slow *s;

	if (x->n_slow == XT_SLOW_MAX) {
		return -1; /* cannot be: max_insns bounds it; see xt_full */
	}
	s = &x->slow[x->n_slow++];
	s->i = x->i;
	s->off = x->off;
	s->next = x->next;
	s->label = ir_new_label(x->u);
	s->kind = kind;
	s->arg = arg;
	return s->label;
}

static void xt_slow_div(struct xt *x, bool is_signed)
{
	struct ir_unit *u = x->u;
	unsigned size = xt_size(x, 0);
	ir_val v = xt_rd(x, 0);

	if (size < 8) {
		v = is_signed ? ir_sext(u, IR_I64, v, xt_type(size))
		              : ir_zext(u, IR_I64, v, xt_type(size));
	}
	xt_call(x, XHELP_div, ir_const(u, IR_I64, size | (unsigned)is_signed << 8), v,
	        0, 0);
	xt_goto_ip(x,
	           ir_pc(u, x->next)); /* rare: not worth one of the chainable exits */
}

static void xt_emit_slow(struct xt *x)
{
	for (unsigned n = 0; n < x->n_slow; n++) {
		const struct xt_slow *s = &x->slow[n];

		x->i = s->i;
		x->off = s->off;
		x->next = s->next;
		x->ea_ok = false;
		ir_label(x->u, s->label);
		ir_insn(x->u, s->off, s->i.len);
		switch (s->kind) {
		case XSL_RAISE: xt_raise(x, (enum x86_exc)s->arg); break;
		case XSL_DIV: xt_slow_div(x, s->arg); break;
		case XSL_EXIT: xt_exit_next(x); break;
		case XSL_GOTO: xt_goto(x, s->arg); break;
		case XSL_INTO: xi_into_slow(x); break;
		}
	}
}

/* ---- relative branches ---- */

static uint64_t xt_cs_base(const struct xt *x)
{
	return x->code == XH_CODE64 ? 0 : x->cpu->seg[X86_CS].base;
}

int64_t xt_target(struct xt *x)
{
	uint64_t pc = x->u->pc, t = pc + x->next + (uint64_t)x->i.imm;

	if (x->code == XH_CODE64) {
		return (int64_t)(t - pc);
	}
	if (x->i.opsize == 2) {
		uint64_t base = xt_cs_base(x);

		t = base + ((t - base) & 0xffff);
	}
	return (int64_t)((t & 0xffffffffu) - pc);
}

ir_val xt_next_ip(struct xt *x, unsigned size)
{
	struct ir_unit *u = x->u;
	ir_val v = ir_pc(u, x->next);

	if (x->code != XH_CODE64 && x->key & XH_BASE(X86_CS)) {
		v = ir_op2(u, IR_sub, IR_I64, v,
		           ir_ldenv(u, IR_I64,
		                    offsetof(struct x86_cpu, seg[X86_CS].base)));
	}
	return size == 8 ? v : ir_trunc(u, xt_type(size), v);
}

ir_val xt_ip_linear(struct xt *x, ir_val ip)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize;

	if (size < 8) {
		ip = ir_zext(u, IR_I64, ip, xt_type(size));
	}
	if (x->code != XH_CODE64 && x->key & XH_BASE(X86_CS)) {
		ir_val b =
			ir_ldenv(u, IR_I64, offsetof(struct x86_cpu, seg[X86_CS].base));

		ip = ir_op2(u, IR_add, IR_I64, ip, b);
		ip = ir_zext(u, IR_I64, ir_trunc(u, IR_I32, ip), IR_I32);
	}
	return ip;
}

bool xt_backward(const struct xt *x, int64_t target)
{
	return target <= (int64_t)x->off;
}

/* After a forward brcc/brcmp to a side exit: go on with the fall-through side? */
void xt_branched(struct xt *x)
{
	if (++x->n_branches >= XT_BRANCHES || xt_unchained(x)) {
		xt_goto(x, x->next);
	}
}

/* ---- the unit ---- */

static void xt_one(struct xt *x)
{
	const struct xi_form *f = x->i.d;

	if (!x86_has(x->cpu, f->feat)) {
		xt_ud(x);
		return;
	}
	if (f->fl & FL_PRIV && XH_CPL(x->key) != 0) {
		xt_raise(x, X86_EXC_GP);
		return;
	}
	x->ea_ok = false;
	f->fn(x);
}

/* Fetches and decodes at the current offset. Length; 0: stop before this one. */
static int xt_fetch(struct xt *x, struct tcg_fetch *f, bool first)
{
	uint8_t buf[16];
	uint64_t pc = x->u->pc + x->off;
	unsigned n = f->bytes(f, pc, buf, 15);
	int len = x86_decode(buf, n, x->key, &x->i);

	while (len == XD_MORE) {
		if (!first) {
			return 0;
		}
		/* raises when the next byte is not executable */
		if (n >= 15 || f->bytes(f, pc + n, buf + n, 1) != 1) {
			return XD_TOO_LONG;
		}
		n++;
		len = x86_decode(buf, n, x->key, &x->i);
	}
	return len;
}

static bool xt_crosses(const struct xt *x, unsigned len)
{
	uint64_t pc = x->u->pc + x->off;

	return (pc ^ (pc + len - 1)) >> TCG_PAGE_BITS;
}

static bool xt_full(const struct xt *x, const struct tcg_fetch *f)
{
	uint64_t pc = x->u->pc;

	if (((pc + x->off) ^ pc) >> TCG_PAGE_BITS) {
		return true;
	}
	if (x->n_slow + 4 >= XT_SLOW_MAX || x->u->n > IR_MAX_INS - 1500) {
		return true;
	}
	return x->u->n_guest_insns >= f->max_insns && !x->more;
}

static void xt_start(struct xt *x)
{
	if (x->key & XH_SHADOW) {
		struct ir_unit *u = x->u;

		ir_stenv(u, IR_I8, offsetof(struct x86_cpu, int_shadow),
		         ir_const(u, IR_I8, 0));
		ir_stenv(u, IR_I32, offsetof(struct x86_cpu, hflags),
		         ir_const(u, IR_I32, (int32_t)(x->key & ~(uint64_t)XH_SHADOW)));
	}
}

static void xt_unit(struct xt *x, struct tcg_fetch *f)
{
	struct ir_unit *u = x->u;

	xt_start(x);
	do {
		int len = xt_fetch(x, f, u->n_guest_insns == 0);

		x->more = false;
		if (len == 0) {
			break;
		}
		if (u->pic && x->off && len > 0 && xt_crosses(x, (unsigned)len)) {
			x->far =
				true; /* a unit of its own: other pages may follow this one elsewhere */
			break;
		}
		x->next = x->off + (len > 0 ? (unsigned)len : 1);
		ir_insn(u, x->off, x->next - x->off);
		u->n_guest_insns++;
		if (len < 0) {
			xt_raise(x, len == XD_UD ? X86_EXC_UD : X86_EXC_GP);
			x->next = x->off + (x->i.len ? x->i.len : 1);
		} else {
			xt_one(x);
		}
		x->off = x->next;
		u->guest_len = x->off;
	} while (!x->end && !x->stop && !xt_unchained(x) && !f->single_step &&
	         !xt_full(x, f));
	if (!x->end) {
		xt_goto(x, x->off);
	}
	x->far = false;
	xt_emit_slow(x);
}

int x86_translate(struct ir_unit *u, struct tcg_fetch *f)
{
	struct xt_slow slow[XT_SLOW_MAX];
	struct xt x = {
		.u = u,
		.env = f->env,
		.fetch = f,
		.cpu = x86_of(f->env),
		.key = u->key,
		.code = XH_CODE(u->key),
		.slow = slow,
	};

	u->n_guest_insns = 0;
	u->guest_len = 0;
	u->seen_lo = u->seen_hi = 0;
	xt_unit(&x, f);
	return u->overflow ? -E2BIG : 0;
}

/* ---- hooks of the SIMD side ---- */

void xi_simd(struct xt *x)
{
	if (x->i.lock || !simd_translate(x)) {
		xt_ud(x);
	}
}

void xi_x87(struct xt *x)
{
	if (!simd_x87(x)) {
		xt_ud(x);
	}
}

void xi_fwait(struct xt *x)
{
	if (!simd_fwait(x)) {
		xt_ud(x);
	}
}
