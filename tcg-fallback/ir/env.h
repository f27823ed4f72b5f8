/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * env.h - what translated code, the interpreter and the run time share of a vCPU,
 * and the few C functions that translated code may call.
 *
 * struct tcg_env lies right before the architectural struct (in the head-room of
 * cpu/arch.h): the host register ENV points at the architectural struct, guest
 * slots are at positive offsets, members of tcg_env at negative ones
 * (TCG_ENV_OFF). Members used most are declared last, so that they are reached
 * by a one-byte displacement.
 *
 * The soft MMU has three levels: a *window* for each access site group (hint):
 * one page, its host addend, separate for reads and writes, checked in five
 * instructions; a direct-mapped *TLB* probed by a shared stub; the *walk* in C.
 *
 *    window hit:  addr - win.start <= 4096 - size   (unsigned)
 *                 host address = addr + win.addend
 *    TLB hit:     e = &tlb[(addr >> 12) & (TCG_TLB_N - 1)]
 *                 (addr & ~0xfff) | ctx == e->tag_r (or tag_w), and the access does not
 *                 cross the page; then host address = addr + e->addend; the window is
 *                 refilled by the stub
 *
 * ctx (12 bits) names the address space and privilege mode, so that switching page
 * tables or privilege does not flush the TLB; windows are reset then.
 *
 * Position-independent units. The code of a user program is one physical page at many
 * virtual addresses (libraries, position-independent executables), and most starts of a
 * program map it somewhere new. Units marked `pic` are found by the physical page alone. They
 * take their pc from `vpage`, the virtual page they run at, plus a constant. It is set by
 * whoever enters a page: the dispatcher, and the unit's own entry for jump caches (R8, the
 * target, rounded down); jumps that are linked stay inside a page and keep it.
 *
 * Threads: the vCPU's own, but `pending` and `jc` which vcpu kick writes.
 */
#ifndef LODGE_TCG_ENV_H
#define LODGE_TCG_ENV_H

#include <setjmp.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/compiler.h"
#include "tcg-fallback/ir/ir.h"

struct vcpu;
struct tcg_block;
struct tcg_exit;

enum {
	TCG_PAGE_BITS = 12,
	TCG_PAGE = 4096,
	TCG_TLB_BITS = 12,
	TCG_TLB_N = 1 << TCG_TLB_BITS
};

/* Window start that no access can hit: addr - start is huge for any canonical or
 * non-canonical address whose low part ... (run time keeps `start` = this when invalid). The
 * page at this address is never mapped through a window. */
#define TCG_WIN_NONE UINT64_C(0x7ff0000000000000)

struct tcg_win {
	uint64_t start, addend;
};

struct tcg_tlb_entry {
	uint64_t tag_r, tag_w, tag_x,
		addend; /* tags: page | ctx; TCG_TLB_NONE = invalid */
};
#define TCG_TLB_NONE (~UINT64_C(0))

/* Jump cache: index in bytes TCG_JC_OFF(pc), every second byte of 16 KiB of code an entry of
 * its own (calls and returns are dense: coarser indexing makes them evict each other). The
 * page's number is mixed in: functions begin at multiples of 16, and two hot ones 16 KiB apart
 * would fight for one entry for ever. A page's entries are one aligned quarter of the
 * table, in an order of its own. An empty entry's pc is TCG_JC_EMPTY; its `host` is the miss
 * stub. */
struct tcg_jc_entry {
	uint64_t pc;
	void *_Atomic host; /* entry point for chained jumps */
};
#define TCG_JC_MASK  0x3ffeu
#define TCG_JC_SHIFT 3
#define TCG_JC_MIX   11
#define TCG_JC_WAYS                                                                    \
	4 /* entries of a set: index ^ 0 .. 3; tables are aligned to 64 bytes */
#define TCG_JC_OFF(pc) ((((pc) ^ (pc) >> TCG_JC_MIX) & TCG_JC_MASK) << TCG_JC_SHIFT)
#define TCG_JC_N       8192
#define TCG_JC_EMPTY   UINT64_C(0x7ff0000000000001)

/* cc_op of the architectural struct: how the guest's arithmetic flags are kept at unit
 * boundaries. cc_op = kind | (log2 bytes << 8). cc_a/cc_b as given. */
enum cc_kind {
	CC_OP_FLAGS, /* cc_a = packed flags */
	CC_OP_ADD,   /* cc_a = result, cc_b = second operand; first = result - b */
	CC_OP_SUB,   /* cc_a = first, cc_b = second operand */
	CC_OP_LOGIC, /* cc_a = result */
	CC_OP_SHL,   /* cc_a = result, cc_b = last bit shifted out in bit 0 */
	CC_OP_N
};

struct tcg_env {
	/* ---- cold ---- */
	struct vcpu *vcpu;
	struct tcg_rt *rt;
	jmp_buf out; /* raise: back to the run loop */
	uint64_t
		host_ra; /* return address into translated code of the last helper/slow call
				   that may raise; 0: pc_now is valid instead (interpreter) */
	uint64_t pc_now;
	uint64_t exit_reason;                /* of IR exit */
	uint8_t bounce[64] __aligned_to(64); /* slow-path data: see rt_ld_slow */
	uint64_t bounce_addr;                /* rt_st_slow: pending commit */
	uint32_t bounce_info;
	uint64_t local[IR_LOCALS][4]; /* local temporaries */
	uint64_t save_gpr[16];        /* stubs' spill areas */
	uint8_t save_vec[32][64] __aligned_to(64);
	struct tcg_tlb_entry *tlb; /* TCG_TLB_N entries */
	struct tcg_win win_r[IR_WINDOWS], win_w[IR_WINDOWS];
	/* ---- hot: within 128 bytes of the end ---- */
	uint64_t spill[6]; /* the allocator's first spill slots */
	uint64_t host_sp;  /* stack pointer at entry */
	uint64_t ctx;      /* 12 bits, ORed into TLB tags */
	struct tcg_jc_entry
		*_Atomic jc;      /* table in force; the empty table while pending */
	_Atomic uint32_t pending; /* leave translated code at the next back edge */
	uint32_t pad;
	uint64_t vpage; /* virtual page of the unit that runs, if that is `pic` */
} __aligned_to(64);

/* Displacement from ENV (the architectural struct) to a member of tcg_env. */
#define TCG_ENV_OFF(m) ((int)offsetof(struct tcg_env, m) - (int)sizeof(struct tcg_env))
static inline struct tcg_env *tcg_env_of(void *arch)
{
	return (struct tcg_env *)((char *)arch - sizeof(struct tcg_env));
}
static inline void *tcg_arch_of(struct tcg_env *e)
{
	return e + 1;
}

/*
 * ---- called by emitted stubs and by the interpreter (implemented in rt) ----
 *
 * info = mem | hint << 8 | mode << 16. Both raise (longjmp to env->out) on a guest
 * fault; env->host_ra / pc_now must be valid, pinned slots written back.
 *
 * rt_ld_slow: makes the bytes readable: returns an addend such that addr + addend is a host
 * address holding them: the guest page (and refills TLB and window), or env->bounce when
 * the access crosses a page or hits a device (already performed).
 * rt_st_slow: the same for a store: *commit is false for RAM (addr + addend may be written
 * to); true: write the value to the bounce address and call rt_st_commit, which performs
 * the store (device, page crossing, page that holds translated code).
 */
struct rt_slow {
	uint64_t addend;
	uint64_t commit;
};
uint64_t rt_ld_slow(struct tcg_env *env, uint64_t addr, uint32_t info);
struct rt_slow rt_st_slow(struct tcg_env *env, uint64_t addr, uint32_t info);
void rt_st_commit(struct tcg_env *env);
/* Atomic operations that the fast path cannot do (device, page crossing): performed with all
 * other vCPUs stopped. Return the old value. rt_atomic_host gives the host address for an
 * access within one RAM page (write permission checked), else NULL. */
void *rt_atomic_host(struct tcg_env *env, uint64_t addr, uint32_t info);
uint64_t rt_rmw_slow(struct tcg_env *env, uint64_t addr, uint32_t info, uint32_t op,
                     uint64_t v);
uint64_t rt_cas_slow(struct tcg_env *env, uint64_t addr, uint32_t info,
                     uint64_t expected, uint64_t desired);

/* ---- for front ends' C helpers ---- */
/* Guest memory by virtual address at the current privilege (mode 0) or as the system (1).
 * They raise. `size` 1, 2, 4, 8. */
uint64_t tcg_ld(struct tcg_env *env, uint64_t addr, unsigned size, int mode);
void tcg_st(struct tcg_env *env, uint64_t addr, uint64_t val, unsigned size, int mode);
void tcg_ld_bytes(struct tcg_env *env, uint64_t addr, void *buf, unsigned len,
                  int mode);
void tcg_st_bytes(struct tcg_env *env, uint64_t addr, const void *buf, unsigned len,
                  int mode);
/* Raises a translation fault unless [addr, +len) is accessible (before partial stores). */
void tcg_probe(struct tcg_env *env, uint64_t addr, unsigned len, bool write, int mode);
/* Host pointer for [addr, addr+len) inside one page, or NULL; for string helpers. */
void *tcg_host_ptr(struct tcg_env *env, uint64_t addr, unsigned len, bool write,
                   int mode);
/* Leaves to the run loop, which calls guest->deliver(): the front end has recorded the event
 * in its struct. Recovers the pc of the current instruction into the pc slot first when
 * `restore_pc`. Never returns. */
void tcg_raise(struct tcg_env *env, bool restore_pc) __noreturn;
/* Writes the current instruction's pc into the architectural struct (fault-like events). */
void tcg_restore_pc(struct tcg_env *env);
/* Leaves to the run loop with a reason (TCG_EXIT_*); pc slot already right. */
void tcg_exit_loop(struct tcg_env *env, unsigned reason) __noreturn;

/* Before an instruction uses what is neither RAM nor its own registers and is not reached through
 * the accessors above: a port, a register of the interrupt controller. A burst beside another
 * accelerator may end here: then it never returns, and the instruction has not begun. */
enum tcg_place {
	TCG_PLACE_MEM,
	TCG_PLACE_PORT,
	TCG_PLACE_CPU
}; /* ORDER: enum hv_place */
void tcg_outside(struct tcg_env *env, enum tcg_place where, uint64_t addr);

/* MMU maintenance, on the vCPU's own thread. */
void tcg_flush_all(struct tcg_env *env); /* every address space of this vCPU */
void tcg_flush_page(struct tcg_env *env, uint64_t va); /* in every address space */
/* The address space or privilege mode changed: `space` identifies the page table root (CR3,
 * SATP, TTBR...) and anything else that changes translations; `mode` 0..7. Cheap. */
void tcg_set_ctx(struct tcg_env *env, uint64_t space, unsigned mode);
/* Forgets one address space's translations (INVPCID/CR3 write without NOFLUSH). */
void tcg_flush_space(struct tcg_env *env, uint64_t space);
/* Something that block keys depend on changed; exits chained code at the unit's end. */
void tcg_flush_jumps(struct tcg_env *env);

/* reasons of IR exit / tcg_exit_loop */
enum tcg_exit_reason {
	TCG_EXIT_NEXT, /* look up the next unit (mode bits changed, interrupts enabled...) */
	TCG_EXIT_HALT,
	TCG_EXIT_DEBUG,
	TCG_EXIT_SHUTDOWN, /* triple fault */
	TCG_EXIT_RAISE,    /* guest->deliver has work */
	TCG_EXIT_JUMP, /* emitted code: jump cache miss or `pending`; the linear target
			      is in the pc slot, not yet passed through guest->set_pc */
};

#endif
