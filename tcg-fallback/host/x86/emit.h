/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emit.h - inside of the x86-64 back end: one unit being translated, where its
 * values are, and the shared stubs.
 *
 * The allocator is one forward pass over the unit, guided by one backward pass
 * (prep.c) that finds last uses, which flags are wanted, and which results may be
 * computed straight in the home of the slot they will be set to.
 *
 * A value's place (struct val) is a constant, a general register (several values may
 * share one: the home of a pinned slot and what was read from it, a result and its
 * zero-extension), a vector register, a word of the architectural struct not loaded
 * yet, a stack slot, or, for flags, one of the states below.
 *
 * Threads: a generator belongs to the thread that emits; struct x86_host is written
 * by init() only.
 */
#ifndef LODGE_HOST_X86_EMIT_H
#define LODGE_HOST_X86_EMIT_H

#include "tcg-fallback/host/x86/asm.h"
#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/guest.h"
#include "tcg-fallback/ir/host.h"
#include "tcg-fallback/ir/ir.h"

enum { ENV = RBP, N_SCRATCH = 3, N_HOMES = 11, MAX_SLOTS = 96 };
#define SCRATCH_MASK (1u << R8 | 1u << R9 | 1u << R10)
/* Homes in registers that C functions may change. */
#define HOME_VOLATILE                                                                  \
	(1u << RAX | 1u << RCX | 1u << RDX | 1u << RSI | 1u << RDI | 1u << R11)

/* Stack frame of translated code: helper arguments, spills. */
enum {
	FR_ARG = 0,
	FR_SPILL = 32,
	N_SPILL = 56,
	FR_VSPILL = 512,
	N_VSPILL = 24,
	FR_SIZE = FR_VSPILL + N_VSPILL * 32
};

enum val_kind { VK_NONE, VK_CONST, VK_GPR, VK_XMM, VK_ENV, VK_SPILL, VK_VSPILL };

/* Where a flags value can be had from. */
enum fl_state {
	FS_NONE,
	FS_EFLAGS, /* the host's flags register holds it */
	FS_DEFER,  /* cmp/test not executed yet, operands alive */
	FS_TEST,   /* test v,v of the producer's result gives what is wanted */
	FS_PACKED, /* packed (unmasked) in the value's own place */
	FS_BOOL,   /* one condition (fcond), as 0/1 in the value's own place */
	FS_GUEST,  /* the lazy record */
	FS_MIX,    /* fmix, fshift: computed from the operands when asked */
};

struct val {
	int64_t imm;    /* VK_CONST; VK_ENV, VK_SPILL: offset */
	uint16_t next;  /* in the list of its register, or of VK_ENV values */
	uint16_t last;  /* last instruction that needs it (0: none) */
	uint16_t rlast; /* the same, but for re-execution of a deferred compare */
	uint16_t nval;  /* uses of the value itself (not its flags) */
	uint16_t fl;    /* arithmetic: the flags value made from it */
	uint16_t fset;  /* flags: last position that stores them in the record */
	uint16_t base;  /* part hint: the value whose low part is replaced */
	uint16_t want;  /* position of the `set` this value flows into */
	uint16_t prod; /* flags: the arithmetic instruction they come from (0: other) */
	uint8_t kind, reg;
	uint8_t zb;   /* register bits from this one up are known to be 0 */
	uint8_t hint; /* home register + 1 in which the result may be computed */
	uint8_t part; /* the same, for the low 8 or 16 bits only */
	uint8_t fstate, fcond;
	uint8_t conds; /* flags: conditions asked, bit = cond >> 1 */
	bool packed;   /* flags: all bits asked */
	bool defer;    /* compare or test: executed when its flags are asked */
	bool dead;     /* nothing needs it */
	bool done;     /* emitted together with an earlier instruction */
	bool no_defer; /* deferred compare whose operands were let go */
};

/* An access to guest memory, emitted once hot and, for stores, once more cold. */
enum acc_kind {
	AK_LOAD,
	AK_LOAD_VEC,
	AK_STORE,
	AK_STORE_IMM,
	AK_STORE_VEC,
	AK_ALU,
	AK_ALU_IMM,
	AK_G3
};
struct access {
	uint8_t kind, reg, sz; /* register; log2 bytes */
	bool sx, wide;         /* load: sign-extend; to 64 bits */
	uint8_t alu;
	int32_t imm;
};

/* A slow path waiting to be put behind the unit. */
enum cold_kind { CK_LOAD, CK_STORE, CK_ATOMIC, CK_RMW, CK_EXIT };
struct cold {
	uint8_t kind, s0, s1, n_from;
	bool folded;  /* s0 holds the address; s1 free */
	bool addbase; /* host operand needs the base added to the addend */
	bool no_fast; /* no hot access: always comes here */
	uint8_t base;
	uint32_t from[2], join, behind; /* offsets */
	struct amem addr, host;
	struct access acc;
	uint32_t info, info2, pc_off;
	int64_t target; /* CK_EXIT: pc offset */
	int exit_no;    /* CK_EXIT: which exit, or -1: pending */
	/* CK_ATOMIC: slow path arguments are in the frame */
	bool cas;
	uint8_t res, op;
};

struct fixup {
	uint32_t at;
	uint16_t label;
};

struct gen {
	struct asmbuf b;
	const struct ir_unit *u;
	struct tcg_code *c;
	const struct ir_ins *ins;
	struct val *v;
	unsigned i, n, n_vals; /* values beyond n: flags of shifts (fshift) */
	int err;
	uint32_t locked; /* general registers in use by this instruction */
	uint32_t xlocked;
	uint16_t head[16]; /* values in each general register */
	uint16_t xhead[16];
	uint16_t envl; /* values not loaded yet */
	uint16_t spill_last[N_SPILL], vspill_last[N_VSPILL];
	uint16_t ef;          /* flags value the host flags hold (0: none wanted) */
	uint16_t deferred[4]; /* flags values in state FS_DEFER */
	unsigned n_deferred;
	bool no_release; /* the host flags hold something on the way to its consumer */
	uint16_t fgets[8]; /* values of fget that still lie in the record only */
	unsigned n_fgets;
	uint32_t ef_at;       /* offset where the instruction that made `ef` begins */
	uint32_t pc_off;      /* of the current guest instruction */
	uint32_t *label;      /* offsets; ~0 unknown */
	uint16_t *label_exit; /* index of the exit_to that is all the label's code */
	uint16_t *label_refs; /* branches to it not yet emitted otherwise */
	bool unreachable;     /* behind an exit, until a label that is used */
	struct fixup *fix;
	unsigned n_fix, cap_fix;
	struct cold *cold;
	unsigned n_cold, cap_cold;
	void *heap_cold, *heap_labels, *heap_vals; /* of large units */
	struct {
		uint16_t q, a0; /* prep: candidates for computing in the home */
	} cand[16];
	bool any_cand, any_a0, any_over;
	uint8_t over
		[MAX_SLOTS]; /* prep: bytes of the slot that are overwritten later */
	bool same_page;      /* unit does not cross a page */
};

struct x86_host {
	const struct tcg_guest *g;
	uint8_t home[MAX_SLOTS]; /* slot -> register, NOREG */
	int16_t slot_of[16];     /* register -> slot, -1 */
	int slot_off[16];        /* register -> offset of its slot */
	bool avx, avx2, bmi1, bmi2, lzcnt, popcnt, movbe, fma, f16c, aes, clmul, sha,
		sse42, gfni;
	/* stubs, where they run */
	const uint8_t *enter, *leave, *leave_jump, *leave_exit, *miss, *out, *far;
	const uint8_t *ld[N_SCRATCH], *ld_w[N_SCRATCH], *st[N_SCRATCH],
		*atomic[N_SCRATCH];
	const uint8_t *commit, *rmw_slow, *cas_slow;
	const uint8_t *flags[N_SCRATCH]; /* packed flags of the record into a scratch */
	const uint8_t *call[8]; /* helper calls: bit 0 read, 1 write, 2 flags */
	size_t len;
};
extern struct x86_host x86_host;

static inline unsigned scratch_no(unsigned r)
{
	return r - R8;
}
static inline unsigned ty_sz(unsigned type) /* log2 bytes of an integer type */
{
	return type - IR_I8;
}
static inline unsigned ty_bits(unsigned type)
{
	return 8u << (type - IR_I8);
}
static inline struct amem env_mem(int64_t off)
{
	return amem(ENV, (int32_t)off);
}
static inline struct amem frame_mem(int off)
{
	return amem(RSP, off);
}

/* prep.c */
void prep_unit(struct gen *g);

/* alloc.c: places of values */
unsigned gen_list_last_at(const struct gen *g, unsigned r); /* last use of r's values */
bool gen_live_after(const struct gen *g,
                    unsigned r);     /* some value in r outlives this ins */
unsigned gen_scratch(struct gen *g); /* a free scratch, locked */
void gen_lock(struct gen *g, unsigned r);
void gen_unlock(struct gen *g, unsigned r);
void gen_evacuate(struct gen *g, unsigned r); /* values that outlive this ins leave r */
void gen_evict(struct gen *g, unsigned r);    /* everything needed leaves scratch r */
unsigned gen_reg(struct gen *g, unsigned v);  /* value in some register, locked */
void gen_load_to(struct gen *g, unsigned v, unsigned r, unsigned sz); /* copy to r */
int gen_where(const struct gen *g, unsigned v); /* register holding v, or -1 */
void gen_def(struct gen *g, unsigned v, unsigned r, unsigned zb);
void gen_alias(struct gen *g, unsigned v, unsigned src, unsigned zb);
void gen_def_const(struct gen *g, unsigned v, int64_t imm);
void gen_def_env(struct gen *g, unsigned v, int64_t off);
unsigned gen_home(struct gen *g, unsigned v); /* home v may be computed in, or NOREG */
unsigned gen_part(struct gen *g,
                  unsigned v); /* the same for v as the home's low part */
unsigned gen_dest(struct gen *g, unsigned v); /* register to compute v in, locked */
void gen_hold(struct gen *g, unsigned v, unsigned r);
void gen_def_part(struct gen *g, unsigned v, unsigned r);
void gen_move(struct gen *g, unsigned v, unsigned r); /* v's place becomes register r */
int gen_spill_new(struct gen *g, unsigned v); /* frame offset of a stack place for v */
void gen_drop(struct gen *g, unsigned v);     /* v leaves its register's list */
unsigned gen_dest_reuse(struct gen *g, unsigned v, unsigned a); /* may reuse a's */
void gen_env_store(struct gen *g, int64_t off,
                   unsigned len);      /* that memory changes now */
void gen_spill_scratch(struct gen *g); /* before helper calls */
void gen_spill_vec(struct gen *g);
void gen_forget(struct gen *g);                                 /* at labels */
bool gen_is_imm(const struct gen *g, unsigned v, int64_t *imm); /* constant */
bool gen_is_mem(const struct gen *g, unsigned v, unsigned sz, struct amem *m);
unsigned gen_xreg(struct gen *g, unsigned v);
unsigned gen_xdest(struct gen *g, unsigned v);
unsigned gen_xscratch(struct gen *g);
void gen_xdef(struct gen *g, unsigned v, unsigned x, unsigned zb);
bool gen_xlive_after(const struct gen *g, unsigned x);
void gen_xevict(struct gen *g, unsigned x);

/* flags.c */
unsigned fl_canon(const struct gen *g, unsigned f);
void fl_clobber(struct gen *g); /* host flags are about to change */
void fl_make_deferred(struct gen *g, unsigned v);
void fl_made(struct gen *g, unsigned v); /* the ins just emitted made v's flags */
unsigned fl_cond(struct gen *g, unsigned f,
                 unsigned cc);                 /* -> host condition to test */
void fl_carry(struct gen *g, unsigned f);      /* host carry = C of f */
unsigned fl_packed(struct gen *g, unsigned f); /* -> scratch, masked, locked, ours */
void fl_release(struct gen *g, unsigned r);    /* run deferred compares that need r */
void op_fset(struct gen *g, const struct ir_ins *in);
void fl_fgets_save(struct gen *g); /* the record is about to change */
void op_fget(struct gen *g);
void op_fpack(struct gen *g, const struct ir_ins *in);
void op_funpack(struct gen *g, const struct ir_ins *in);
void op_setcc(struct gen *g, const struct ir_ins *in);
void op_selcc(struct gen *g, const struct ir_ins *in);

/* int.c */
bool op_int(struct gen *g, const struct ir_ins *in);
/* Emits a compare (sub) or test (and) of the two values. */
void op_cmp(struct gen *g, bool test, unsigned type, unsigned a, unsigned b);

unsigned
int_zb(unsigned sz); /* upper bits that a result of 1 << sz bytes leaves zero */
void int_merge(struct gen *g, unsigned v, unsigned r,
               unsigned sz); /* low part of v into r */
void int_widen_to(struct gen *g, unsigned a, unsigned d, unsigned sz, bool sx);

/* shift.c: op SH_* */
void op_shift(struct gen *g, const struct ir_ins *in, unsigned op);
void op_shiftd(struct gen *g, const struct ir_ins *in, bool right);

/* muldiv.c */
void op_mul(struct gen *g, const struct ir_ins *in);
void op_mulh(struct gen *g, const struct ir_ins *in);
void op_div(struct gen *g, const struct ir_ins *in);

/* What the hot and the cold path of a memory access share. */
struct probe {
	struct amem addr; /* guest address as an lea operand */
	struct amem host; /* host operand once the addend is in s0 */
	unsigned s0, s1;
	bool folded, addbase;
	unsigned base;
};

/* fuse.c */
bool fuse_ld(struct gen *g, const struct ir_ins *ld);
void fuse_cold(struct gen *g, struct cold *k);
void gen_early(struct gen *g, unsigned j); /* emit.c: constant or read of a slot */

/* mem.c */
void mem_address(struct gen *g, const struct ir_ins *in, struct probe *p, unsigned keep,
                 bool fold);
struct cold *mem_probe(struct gen *g, const struct ir_ins *in, struct probe *p,
                       unsigned mem, bool write, unsigned kind);
uint32_t mem_info(const struct ir_ins *in, unsigned mem);
void mem_lea(struct gen *g, unsigned d, struct amem m);
void op_ld(struct gen *g, const struct ir_ins *in);
void op_st(struct gen *g, const struct ir_ins *in);
void op_rmw(struct gen *g, const struct ir_ins *in);
void op_cas(struct gen *g, const struct ir_ins *in);
void mem_cold(struct gen *g, struct cold *k);
void acc_emit(struct gen *g, const struct access *a, struct amem m);

/* vec.c */
void op_vop(struct gen *g, const struct ir_ins *in);
void vec_select(struct gen *g, const struct ir_ins *in, unsigned cc);
bool vec_supported(unsigned vop, bool wide);
void vec_load(struct gen *g, unsigned type, unsigned x, struct amem m);
void vec_store(struct gen *g, unsigned type, struct amem m, unsigned x);
void op_vec_set(struct gen *g, const struct ir_ins *in, int64_t off, bool zero_high);
static inline bool ty_vec(unsigned t)
{
	return t == IR_V128 || t == IR_V256 || t == IR_F32 || t == IR_F64 ||
	       t == IR_I128;
}

/* ctl.c */
void op_br(struct gen *g, const struct ir_ins *in);
void op_brcc(struct gen *g, const struct ir_ins *in);
void op_brcmp(struct gen *g, const struct ir_ins *in);
void op_label(struct gen *g, const struct ir_ins *in);
void op_exit_to(struct gen *g, const struct ir_ins *in);
void op_exit_ind(struct gen *g, const struct ir_ins *in);
void op_exit(struct gen *g, const struct ir_ins *in);
void op_call(struct gen *g, const struct ir_ins *in);
struct cold *gen_cold(struct gen *g);
void gen_pcmap(struct gen *g); /* a call that may raise ends here */
uint64_t gen_pc(const struct gen *g, int64_t off);
void ctl_cold(struct gen *g, struct cold *k);
void ctl_fix_labels(struct gen *g);

/* stubs.c */
int stubs_make(const struct tcg_guest *gu, uint8_t *w, const uint8_t *x, size_t cap,
               struct err *e);

#endif
