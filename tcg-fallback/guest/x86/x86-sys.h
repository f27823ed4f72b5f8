/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-sys.h - the system half of the x86 front end: faults, segments, page walks,
 * control registers. What the helpers of both halves share.
 *
 * Conventions
 *   - x86_cpu.rip is linear (see cpu/x86.h). A helper that may fault and one that
 *     transfers control gets the *architectural* next ip as an argument where it needs
 * it.
 *   - x86_fault*() are for helpers that run in the middle of a unit: they restore the
 * pc of the current instruction, pack the flags, record the exception and leave. They
 * never return.
 *   - x86_record() only records (page walks, the deliver path); the run time leaves.
 *   - A helper that changes the mode (CPL, CR0, CS.L, AC with SMAP...) calls
 *     x86_mode_changed(): it recomputes hflags and the MMU context. Helpers that
 *     load a new rip end with it and the unit ends with IR exit(TCG_EXIT_NEXT).
 *
 * Threads: the vCPU's own.
 */
#ifndef LODGE_GUEST_X86_SYS_H
#define LODGE_GUEST_X86_SYS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/cpu/x86-model.h"
#include "core/cpu/x86.h"
#include "tcg-fallback/guest/x86/x86-guest.h"
#include "tcg-fallback/ir/env.h"
#include "tcg-fallback/ir/guest.h"

/* ---- faults ---- */
/* Combines with what is being delivered: double and triple faults. Whether the vector
 * has an error code is known here. */
void x86_record(struct x86_cpu *c, int vec, uint32_t err);
/* x86_raise() (x86-guest.h): fault at the current instruction. */
static inline void __noreturn x86_gp(struct tcg_env *env, uint32_t err)
{
	x86_raise(env, X86_EXC_GP, err);
}
static inline void __noreturn x86_ud(struct tcg_env *env)
{
	x86_raise(env, X86_EXC_UD, 0);
}
/* Trap-like: c->rip is already the next instruction (single step, data break points).
 */
void x86_trap_db(struct tcg_env *env, uint64_t dr6_bits) __noreturn;

/* ---- modes ---- */
enum x86_mmu_mode { X86_MMU_SUP, X86_MMU_SUP_SMAP, X86_MMU_USER };
/* hflags and MMU context after any change of mode. */
void x86_mode_changed(struct tcg_env *env);
void x86_mmu_ctx(struct tcg_env *env); /* the second half alone: AC changed */

/* Lazy flags -> cc_a, CC_OP_FLAGS. */
void x86_cc_pack(struct x86_cpu *c);
/* RFLAGS with the lazy flags put in; and the reverse under a mask of writable bits. */
uint64_t x86_get_rflags(struct x86_cpu *c);
void x86_put_rflags(struct x86_cpu *c, uint64_t v, uint64_t mask);
/* Does DR7 enable an instruction break point at this linear address? */
bool x86_code_bp_at(const struct x86_cpu *c, uint64_t pc);
bool x86_code_bp_any(const struct x86_cpu *c);

static inline bool x86_pe(const struct x86_cpu *c)
{
	return c->cr0 & X86_CR0_PE;
}
static inline bool x86_vm86(const struct x86_cpu *c)
{
	return (c->eflags & X86_VM) && x86_pe(c);
}
static inline bool x86_prot(const struct x86_cpu *c) /* protected mode, not VM86 */
{
	return x86_pe(c) && !(c->eflags & X86_VM);
}
static inline bool x86_lma(const struct x86_cpu *c)
{
	return c->efer & X86_EFER_LMA;
}
static inline unsigned x86_iopl(const struct x86_cpu *c)
{
	return (c->eflags >> 12) & 3;
}
static inline bool x86_canonical(const struct x86_cpu *c, uint64_t va)
{
	unsigned sh = c->cr4 & X86_CR4_LA57 ? 64 - 57 : 64 - 48;

	return (uint64_t)((int64_t)(va << sh) >> sh) == va;
}

/* ---- seg.c: descriptors ---- */
struct x86_desc {
	uint32_t lo, hi;
	uint64_t addr; /* linear address of the descriptor */
};
uint64_t x86_desc_base(const struct x86_desc *d);
uint32_t x86_desc_limit(const struct x86_desc *d);
static inline uint32_t x86_desc_attr(const struct x86_desc *d)
{
	return (d->hi >> 8) & 0xf0ff;
}
/* False: null selector's table, or outside the limit. Raises page faults. */
bool x86_desc_read(struct tcg_env *env, uint16_t sel, struct x86_desc *d);
void x86_desc_set_accessed(struct tcg_env *env, struct x86_desc *d);
void x86_desc_set_busy(struct tcg_env *env, struct x86_desc *d, bool busy);
void x86_seg_from_desc(struct x86_cpu *c, unsigned seg, uint16_t sel,
                       const struct x86_desc *d);
void x86_seg_real(struct x86_cpu *c, unsigned seg, uint16_t sel);
void x86_seg_vm86(struct x86_cpu *c, unsigned seg, uint16_t sel);
void x86_seg_null(struct x86_cpu *c, unsigned seg, uint16_t sel);
/* Loads CS with this CPL; updates SS.DPL-derived CPL. */
void x86_cs_load(struct x86_cpu *c, uint16_t sel, const struct x86_desc *d,
                 unsigned cpl);
/* Reads the stack of privilege `dpl` from the TSS (16/32-bit forms). */
void x86_tss_stack(struct tcg_env *env, unsigned dpl, uint16_t *ss, uint32_t *esp,
                   uint32_t ext);
void x86_set_cpl(struct x86_cpu *c, unsigned cpl);

/* Task switch (SDM vol. 3A, 7.3). */
enum x86_task_why { X86_TASK_JMP, X86_TASK_CALL, X86_TASK_IRET, X86_TASK_GATE };
void x86_task_switch(struct tcg_env *env, uint16_t sel, enum x86_task_why why,
                     uint64_t next_ip, bool has_err, uint32_t err, uint32_t ext);

/* Stack window for pushes and pops in helpers: nothing is committed until the caller
 * writes SP back. `mode` as for tcg_ld: 1 = implicit supervisor. */
struct x86_stk {
	struct tcg_env *env;
	uint64_t base, sp, mask;
	int mode;
};
void x86_stk_init(struct tcg_env *env, struct x86_stk *s);
void x86_push(struct x86_stk *s, uint64_t v, unsigned size);
uint64_t x86_pop(struct x86_stk *s, unsigned size);
static inline void x86_stk_commit(struct x86_cpu *c, const struct x86_stk *s)
{
	c->reg[X86_RSP] = (c->reg[X86_RSP] & ~s->mask) | (s->sp & s->mask);
}

/* RETF and IRET in protected mode, from the point where ip and cs (and flags) are
 * popped: checks CS, switches to the outer stack if the privilege falls, loads
 * everything. */
struct x86_far_ret {
	uint64_t ip;
	uint16_t cs;
	unsigned size, release; /* release: RETF's immediate */
	bool iret;
};
void x86_far_return(struct tcg_env *env, struct x86_stk *s,
                    const struct x86_far_ret *r);

/* ---- exc.c ---- */
enum x86_int_kind { X86_INT_EXC, X86_INT_HARD, X86_INT_SOFT, X86_INT_INT1 };
/* The whole of delivery through IVT/IDT. next_ip: pushed return ip (architectural). */
void x86_interrupt(struct tcg_env *env, int vec, enum x86_int_kind kind, bool has_err,
                   uint32_t err, uint64_t next_ip);
void x86_deliver(struct tcg_env *env);
bool x86_take_interrupt(struct tcg_env *env);
bool x86_interrupt_ready(struct tcg_env *env);

/* ---- mmu.c ---- */
int x86_walk(struct tcg_env *env, uint64_t va, enum mmu_access acc, int mode,
             bool probe, struct mmu_result *r);
/* A new CR3 under PAE paging outside long mode: loads the PDPTEs; -EINVAL: #GP(0). */
int x86_load_pdptes(struct tcg_env *env, uint64_t cr3);
uint64_t x86_mmu_space(const struct x86_cpu *c);

/* ---- cr.c ---- */
int x86_set_cr0(struct tcg_env *env, uint64_t v); /* -EINVAL: #GP(0) */
int x86_set_cr3(struct tcg_env *env, uint64_t v);
int x86_set_cr4(struct tcg_env *env, uint64_t v);

/* ---- msr.c ---- */
int x86_rdmsr(struct tcg_env *env, uint32_t msr, uint64_t *v); /* -EINVAL: #GP(0) */
int x86_wrmsr(struct tcg_env *env, uint32_t msr, uint64_t v);
uint64_t x86_xcr0_supported(const struct x86_cpu *c);

#endif
