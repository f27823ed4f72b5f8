/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ir.h - the translator's intermediate representation.
 *
 * A *unit* is what is translated at once: tier 1 takes a guest basic block (or a
 * short trace of them), tier 2 a region. It is a linear array of instructions in
 * an arena; the index of an instruction is the name of its value (0 = no value).
 * Values are SSA and live to the next `label` at most; what must survive a label
 * goes through guest slots (which pinned host registers hold) or local
 * temporaries. A conditional branch does not end the life of values: the code
 * after it is an extended basic block.
 *
 * Guest registers are *slots*, described by the front end's table; the back end
 * gives the hottest of them fixed homes in host registers. `set` takes effect at
 * its place in program order: at every may-fault instruction (effect X) all
 * earlier sets are visible and no later one is. One exception, by design: an
 * `fset` that is overwritten later in the unit without being read may be dropped
 * even when a may-fault instruction lies between (dead flags are not precise at
 * faults; docs/architecture.md "leaks"). Flags that are read behind a may-fault
 * instruction are not dead at it: the guest comes back there after a page fault.
 *
 * Nothing in here knows which guest or which host it works for.
 *
 * Threads: a unit belongs to the thread that builds it.
 */
#ifndef LODGE_IR_H
#define LODGE_IR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/compiler.h"
#include "base/err.h"

/* ORDER: ir_type_names[], ir_type_bytes[] */
/* clang-format off */
enum ir_type { IR_NONE, IR_I8, IR_I16, IR_I32, IR_I64, IR_I128, IR_F32, IR_F64, IR_V128,
	       IR_V256, IR_FLAGS, IR_TYPE_N };
/* clang-format on */

enum ir_op {
	IR_NOP,
#define IR_OP(name, args, res, eff) IR_##name,
#include "tcg-fallback/ir/ops.def"
#undef IR_OP
	IR_OP_N
};

/* Conditions, for flags and for compares. The inverse is cond ^ 1. ORDER: as the x86 cc field. */
/* clang-format off */
enum ir_cond { IR_O, IR_NO, IR_LTU, IR_GEU, IR_EQ, IR_NE, IR_LEU, IR_GTU, IR_S, IR_NS, IR_P,
	       IR_NP, IR_LT, IR_GE, IR_LE, IR_GT };
/* clang-format on */

#define IR_FL_C   0x001u
#define IR_FL_P   0x004u
#define IR_FL_A   0x010u
#define IR_FL_Z   0x040u
#define IR_FL_S   0x080u
#define IR_FL_O   0x800u
#define IR_FL_ALL (IR_FL_C | IR_FL_P | IR_FL_A | IR_FL_Z | IR_FL_S | IR_FL_O)
/* Packed bits <-> six adjacent bits C P A Z S O. */
static inline uint8_t ir_fl_hint(unsigned fl)
{
	return (uint8_t)((fl & 1) | (fl >> 1 & 2) | (fl >> 2 & 4) | (fl >> 3 & 0x18) |
	                 (fl >> 6 & 0x20));
}
static inline unsigned ir_fl_of_hint(uint8_t h)
{
	return h ? (h & 1u) | (h & 2u) << 1 | (h & 4u) << 2 | (h & 0x18u) << 3 |
	                       (h & 0x20u) << 6
	         : IR_FL_ALL;
}
unsigned ir_cond_reads(enum ir_cond c); /* which packed bits the condition looks at */

enum ir_rmw {
	IR_RMW_XCHG,
	IR_RMW_ADD,
	IR_RMW_SUB,
	IR_RMW_AND,
	IR_RMW_OR,
	IR_RMW_XOR,
	IR_RMW_ANDN,
	IR_RMW_SMIN,
	IR_RMW_SMAX,
	IR_RMW_UMIN,
	IR_RMW_UMAX
};

/*
 * Memory access description (ld/st/rmw/cas), one byte in `mem`:
 *   bits 0..2 log2 of the size in bytes (1..32), bit 3 sign-extend (ld of a type wider
 *   than the size; otherwise zero-extend), bit 4 big-endian, bit 5 RMW: the load also
 *   demands write permission (a store to the same address follows), bit 6 ordered
 *   (acquire for ld, release for st), bit 7: address must be aligned to the size (#GP-like
 *   fault through guest->misaligned).
 */
#define IR_M_SIZE(m) (1u << ((m)&7))
#define IR_M_1       0u
#define IR_M_2       1u
#define IR_M_4       2u
#define IR_M_8       3u
#define IR_M_16      4u
#define IR_M_32      5u
#define IR_M_SX      0x08u
#define IR_M_BE      0x10u
#define IR_M_RMW     0x20u
#define IR_M_ORD     0x40u
#define IR_M_ALIGN   0x80u
/* ld of a vector type from fewer bytes zeroes the rest; st of a type wider than the size
 * stores its low part. */

/*
 * aux   condition (setcmp, setcc, selcc, brcc, brcmp), source type (sext, zext, crc32c),
 *       enum ir_rmw (rmw), the access description `mem` (ld, st, cas; rmw has it in aux2)
 * aux2  compared type (setcmp, selnz, fshift); scale 0..3 (ld, st, cas: low 2 bits);
 *       for rmw: access description, and the scale is always 0; exit_to: 1 if the instruction
 *       at the target crosses into the next page, so that no direct jump may go there
 * hint  fset, flags, fshift: the bits that anybody looks at, as ir_fl_hint() codes them (0:
 *       not computed); exit_to: bits that are dead at the target, coded the same (0: none);
 *       memory: soft-MMU window 0..IR_WINDOWS-1 (which cached window to try; the front end
 *       gives accesses off the same base register the same number)
 * mode  memory: 0 = the current privilege, 1 = "system" (implicit supervisor access); fset: bits that
 *       must be right at a fault behind it, coded like hint (the flags pass notes them)
 */
typedef uint16_t ir_val;
struct ir_ins {
	uint8_t op, type, aux, aux2;
	ir_val a, b, c, d;
	uint8_t hint, mode;
	int64_t imm;
};
enum { IR_WINDOWS = 32, IR_LOCALS = 16, IR_MAX_INS = 16000 };

struct ir_slot {
	const char *name;
	uint32_t offset; /* in the architectural struct */
	uint8_t type;    /* IR_I64, IR_I32, IR_V256 ... */
	uint8_t weight;  /* how much it wants a host register: 255 first, 0 never */
};

/* Helper flags. */
#define IR_H_READ BIT(0) /* reads slots or env: pinned slots are written back before */
#define IR_H_WRITE                                                                     \
	BIT(1) /* writes slots or the FP control word: pinned slots are reloaded
			      after. (Any helper that is not PURE may change what ldenv reads) */
#define IR_H_EXIT                                                                      \
	BIT(2) /* may raise (never returns then): implies READ, pc recoverable */
#define IR_H_PURE BIT(3) /* depends on its arguments only */
#define IR_H_FLAGS                                                                     \
	BIT(4) /* reads or writes the guest's arithmetic flags: they are packed
			      in cc_a (CC_OP_FLAGS) before, and taken from there after */
struct ir_helper {
	const char *name;
	void *fn; /* uint64_t fn(struct tcg_env *, uint64_t a, b, c, d) */
	uint32_t flags;
};

struct ir_unit {
	/* identity, set by the run time */
	uint64_t pc;  /* guest virtual pc of the first instruction */
	uint64_t key; /* the front end's mode bits this code is good for */
	bool pic; /* good at any virtual page (env.h, "vpage"): of `pc` only the place in
			   the page counts */
	const struct ir_slot *slots;
	unsigned n_slots;
	const struct ir_helper *helpers;
	unsigned n_helpers;

	struct ir_ins *ins; /* [0] is IR_NOP */
	unsigned n, cap;
	unsigned n_labels;
	bool overflow; /* builder ran into IR_MAX_INS */

	/* filled by the front end */
	unsigned n_guest_insns;
	unsigned guest_len; /* bytes of guest code from pc on */
	int32_t seen_lo,
		seen_hi; /* other bytes of pc's page the unit relies on: [lo, hi) off pc */
};

void ir_unit_init(struct ir_unit *u);
void ir_unit_reset(struct ir_unit *u); /* keeps the arena */
void ir_unit_fini(struct ir_unit *u);

/* ---- builder: each returns the new value ---- */
ir_val ir_emit(struct ir_unit *u, struct ir_ins in);
ir_val ir_const(struct ir_unit *u, enum ir_type t, int64_t v);
ir_val ir_pc(struct ir_unit *u, int64_t off);
ir_val ir_get(struct ir_unit *u, enum ir_type t, unsigned slot);
void ir_set(struct ir_unit *u, unsigned slot, ir_val v);
ir_val ir_ldenv(struct ir_unit *u, enum ir_type t, unsigned off);
void ir_stenv(struct ir_unit *u, enum ir_type t, unsigned off, ir_val v);
ir_val ir_op1(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_val a);
ir_val ir_op2(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_val a, ir_val b);
ir_val ir_op3(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_val a, ir_val b,
              ir_val c);
ir_val ir_op2i(struct ir_unit *u, enum ir_op op, enum ir_type t, ir_val a, int64_t imm);
ir_val ir_sext(struct ir_unit *u, enum ir_type to, ir_val a, enum ir_type from);
ir_val ir_zext(struct ir_unit *u, enum ir_type to, ir_val a, enum ir_type from);
ir_val ir_trunc(struct ir_unit *u, enum ir_type to, ir_val a);
ir_val ir_extr(struct ir_unit *u, enum ir_type t, ir_val a, unsigned pos, unsigned len);
ir_val ir_dep(struct ir_unit *u, enum ir_type t, ir_val a, ir_val b, unsigned pos,
              unsigned len);
ir_val ir_setcmp(struct ir_unit *u, enum ir_type t, enum ir_cond c, enum ir_type ct,
                 ir_val a, ir_val b);
ir_val ir_setcc(struct ir_unit *u, enum ir_type t, enum ir_cond c, ir_val fl);
ir_val ir_selcc(struct ir_unit *u, enum ir_type t, enum ir_cond c, ir_val fl, ir_val x,
                ir_val y);
ir_val ir_flags(struct ir_unit *u, ir_val arith);
ir_val ir_fget(struct ir_unit *u);
void ir_fset(struct ir_unit *u, ir_val fl);

struct ir_addr {
	ir_val base, index; /* 0 = none; both i64 */
	uint8_t scale;      /* 0..3 */
	uint8_t hint, mode;
	int32_t disp;
};
ir_val ir_ld(struct ir_unit *u, enum ir_type t, struct ir_addr ad, unsigned mem);
void ir_st(struct ir_unit *u, enum ir_type t, struct ir_addr ad, unsigned mem,
           ir_val v);
ir_val ir_rmw(struct ir_unit *u, enum ir_type t, enum ir_rmw op, struct ir_addr ad,
              unsigned mem, ir_val v); /* ad.index must be 0 or scale 0 */
ir_val ir_cas(struct ir_unit *u, enum ir_type t, struct ir_addr ad, unsigned mem,
              ir_val expected, ir_val desired);
ir_val ir_vop(struct ir_unit *u, unsigned vop, enum ir_type t, ir_val a, ir_val b,
              ir_val c, int imm);
ir_val ir_call(struct ir_unit *u, unsigned helper, enum ir_type t, ir_val a, ir_val b,
               ir_val c, ir_val d);
int ir_new_label(struct ir_unit *u);
void ir_label(struct ir_unit *u, int l);
void ir_br(struct ir_unit *u, int l);
void ir_brcc(struct ir_unit *u, enum ir_cond c, ir_val fl, int l);
void ir_brcmp(struct ir_unit *u, enum ir_type t, enum ir_cond c, ir_val a, ir_val b,
              int l);
void ir_insn(struct ir_unit *u, unsigned pc_off, unsigned len);
void ir_exit_to(struct ir_unit *u, int64_t pc_off);
void ir_exit_ind(struct ir_unit *u, ir_val pc);
void ir_exit(struct ir_unit *u, unsigned reason);

/* ---- tables derived from ops.def ---- */
struct ir_op_info {
	const char *name, *args;
	char result;
	uint16_t effects;
};
/* KEEP: not to be removed though its result is unused (sticky FP exception flags). */
enum {
	IR_E_PURE = 1,
	IR_E_GET = 2,
	IR_E_SET = 4,
	IR_E_MEM = 8,
	IR_E_WMEM = 16,
	IR_E_EXIT = 32,
	IR_E_CTL = 64,
	IR_E_KEEP = 128
};
extern const struct ir_op_info ir_ops[IR_OP_N];
extern const uint8_t ir_type_bytes[IR_TYPE_N];
extern const char *const ir_type_names[IR_TYPE_N];
/* Real effects of one instruction (looks at the helper table for call). */
unsigned ir_effects_of(const struct ir_unit *u, const struct ir_ins *in);
extern const uint8_t ir_op_effects[IR_OP_N]; /* as ir_ops[].effects, but together */
static inline unsigned ir_effects(const struct ir_unit *u, const struct ir_ins *in)
{
	return in->op == IR_vop || in->op == IR_call ? ir_effects_of(u, in)
	                                             : ir_op_effects[in->op];
}

/* ---- text: printer, parser, verifier ---- */
/* IR_OP_N ORDER. How print and parse spell an op's operands; letters in ir-print.c. */
extern const char *const ir_formats[IR_OP_N];
extern const char *const ir_cond_names[16];
extern const char *const ir_rmw_names[IR_RMW_UMAX + 1];
void ir_print(FILE *f, const struct ir_unit *u);
void ir_print_ins(FILE *f, const struct ir_unit *u, unsigned i);
int ir_parse(struct ir_unit *u, const char *text, struct err *e) __must_check;
int ir_verify(const struct ir_unit *u, struct err *e) __must_check;

#endif
