/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flags-ahead.c - which flags are certainly overwritten, unread, by the instructions at
 * the target of an exit: there the unit needs not keep them.
 *
 * Most flags that are live at a unit's end are killed by one of the next few
 * instructions (16 % of flag writers end so, 2 % are read): not storing the lazy record
 * for those is worth more than any way of storing it. The look ahead stays in the
 * unit's page, whose bytes are known to be executable; the bytes it relied on are given
 * to the run time as part of what the unit was made from (u->seen_lo, seen_hi).
 *
 * An instruction that faults on the way shows stale bits for flags that are dead: by
 * design (ir.h). Anything not known to leave flags alone ends the search.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

enum { AHEAD_MAX = 10 };

struct ahead {
	unsigned reads, kills;
	bool stop;   /* do not look behind this one */
	bool follow; /* go on at the target */
};

static bool ahead_neutral(void (*fn)(struct xt *x))
{
	return fn == xi_mov || fn == xi_movimm || fn == xi_movsx || fn == xi_movzx ||
	       fn == xi_lea || fn == xi_push || fn == xi_push_imm || fn == xi_pop ||
	       fn == xi_cbw || fn == xi_cwd || fn == xi_bswap || fn == xi_xchg ||
	       fn == xi_nop || fn == xi_not || fn == xi_movbe || fn == xi_rorx ||
	       fn == xi_shiftx || fn == xi_pdep || fn == xi_pext || fn == xi_mulx ||
	       fn == xi_pause || fn == xi_fence || fn == xi_leave || fn == xi_simd;
}

static void ahead_shift(const struct x86_insn *i, struct ahead *a)
{
	const struct xi_form *f = i->d;
	int64_t n = f->op[1] == ONE ? 1 : i->imm & 31;

	if (f->op[1] == CL || n == 0 || f->arg == XA_RCL || f->arg == XA_RCR) {
		a->stop = true; /* may leave or read them */
	} else {
		a->kills = f->arg <= XA_ROR ? IR_FL_C | IR_FL_O : IR_FL_ALL;
	}
}

static struct ahead ahead_insn(const struct x86_insn *i)
{
	const struct xi_form *f = i->d;
	struct ahead a = { 0 };

	if (i->lock || i->rep || i->repne) {
		a.stop = f->fn != xi_simd && f->fn != xi_nop;
	} else if (f->fn == xi_alu) {
		a.reads = f->arg == XA_ADC || f->arg == XA_SBB ? IR_FL_C : 0;
		a.kills = IR_FL_ALL;
	} else if (f->fn == xi_test || f->fn == xi_neg || f->fn == xi_xadd) {
		a.kills = IR_FL_ALL;
	} else if (f->fn == xi_incdec) {
		a.kills = IR_FL_ALL & ~IR_FL_C;
	} else if (f->fn == xi_shift) {
		ahead_shift(i, &a);
	} else if (f->fn == xi_imul2 || f->fn == xi_imul3) {
		a.kills = IR_FL_C | IR_FL_O;
	} else if (f->fn == xi_bt) {
		a.kills = IR_FL_C;
	} else if (f->fn == xi_cmov || f->fn == xi_setcc) {
		a.reads = ir_cond_reads((enum ir_cond)f->arg);
	} else if (f->fn == xi_jmp || f->fn == xi_call) {
		a.follow = true;
	} else if (!ahead_neutral(f->fn)) {
		a.stop = true;
	}
	return a;
}

/* Flags that nobody reads when the guest goes on at unit offset `off`. */
unsigned xt_flags_dead(struct xt *x, int64_t off)
{
	unsigned reads = 0, kills = 0;

	if (!x->fetch || x->code != XH_CODE64) {
		return 0;
	}
	for (unsigned n = 0; n < AHEAD_MAX && (reads | kills) != IR_FL_ALL; n++) {
		uint64_t pc = x->u->pc + (uint64_t)off;
		unsigned room = (unsigned)(4096 - (pc & 4095));
		struct x86_insn i;
		struct ahead a;
		uint8_t buf[16];
		int len;

		if ((pc ^ x->u->pc) >> 12) {
			break;
		}
		room = room < 15 ? room : 15;
		if (x->fetch->bytes(x->fetch, pc, buf, room) != room) {
			break;
		}
		len = x86_decode(buf, room, x->key, &i);
		if (len <= 0 || !x86_has(x->cpu, i.d->feat)) {
			break;
		}
		a = ahead_insn(&i);
		if (a.stop) {
			break;
		}
		x->u->seen_lo = MIN(x->u->seen_lo, (int32_t)off);
		x->u->seen_hi = MAX(x->u->seen_hi, (int32_t)off + len);
		reads |= a.reads & ~kills;
		kills |= a.kills & ~reads;
		off += len + (a.follow ? i.imm : 0);
	}
	return kills;
}
