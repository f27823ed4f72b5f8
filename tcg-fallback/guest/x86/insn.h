/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn.h - inside of the integer translation: operand access, control flow, and
 * one function per instruction family, as named by the decode tables.
 *
 * Threads: the vCPU's own.
 */
#ifndef LODGE_TCG_X86_INSN_H
#define LODGE_TCG_X86_INSN_H

#include "tcg-fallback/guest/x86/decode.h"
#include "tcg-fallback/guest/x86/x86-guest.h"

/* ---- operands (translate-operand.c) ---- */
unsigned xt_size(const struct xt *x, unsigned n);
ir_val xt_rd(struct xt *x, unsigned n);     /* read operand n */
ir_val xt_rd_rmw(struct xt *x, unsigned n); /* read, to be written by xt_wr */
void xt_wr(struct xt *x, unsigned n, ir_val v);
bool xt_is_mem(const struct xt *x, unsigned n);
ir_val xt_imm(struct xt *x, enum ir_type t, int64_t v);
/* [seg:reg(+asize wrap) + disp] of string, stack, XLAT operands; off: i64, already wrapped. */
struct ir_addr xt_seg_addr(struct xt *x, unsigned seg, ir_val off, unsigned hint,
                           unsigned size, bool write);
/* Register by address size: read zero-extended to i64; write keeps what the size keeps. */
ir_val xt_areg(struct xt *x, unsigned reg);
void xt_set_areg(struct xt *x, unsigned reg, ir_val v64);
ir_val xt_env32(struct xt *x, unsigned off);

/* ---- stack ---- */
unsigned xt_stack_size(const struct xt *x); /* bytes of the stack pointer in use */
void xt_push(struct xt *x, unsigned size, ir_val v);
struct ir_addr xt_stack_addr(struct xt *x, unsigned size, int disp, bool write);
ir_val xt_stack_ld(struct xt *x, unsigned size, int disp);
void xt_stack_st(struct xt *x, unsigned size, int disp, ir_val v);
void xt_sp_add(struct xt *x, int64_t n);

/* ---- flags ---- */
void xt_fset_mix(struct xt *x, unsigned mask, ir_val fl); /* only these bits change */
ir_val xt_funpack(struct xt *x, ir_val packed32);
void xt_set_cf(struct xt *x, ir_val bit32); /* 0 or 1 */

/* ---- control flow ---- */
unsigned xt_flags_dead(struct xt *x, int64_t off); /* flags-ahead.c */
void xt_goto(struct xt *x, int64_t off);      /* linear unit offset, unconditional */
void xt_goto_ip(struct xt *x, ir_val linear); /* i64 */
bool xt_backward(const struct xt *x, int64_t target_off);
void xt_branched(struct xt *x);  /* after a conditional branch to a side exit */
int64_t xt_target(struct xt *x); /* unit offset of a relative branch's target */
ir_val xt_next_ip(struct xt *x, unsigned size); /* architectural return address */
ir_val xt_ip_linear(struct xt *x, ir_val ip);   /* integer of opsize -> linear pc */
void xt_set_rip(struct xt *x, int64_t off);
void xt_leave(struct xt *x);
/* Out-of-line path: a label that is placed after the unit's code. */
enum xt_slow_kind { XSL_RAISE, XSL_DIV, XSL_EXIT, XSL_GOTO, XSL_INTO };
int xt_slow(struct xt *x, enum xt_slow_kind kind, int64_t arg);
void xt_ud(struct xt *x);

/* clang-format off */
#define XT(name) void xi_##name(struct xt *x);
/* insn-alu.c */
XT(alu) XT(alu_imm) XT(test) XT(incdec) XT(not) XT(neg) XT(xadd) XT(cmpxchg)
XT(cmpxchg8b) XT(xchg) XT(adx)
/* insn-mul.c */
XT(mul) XT(imul1) XT(imul2) XT(imul3) XT(div) XT(mulx) XT(aam) XT(aad) XT(bcd)
/* insn-shift.c */
XT(shift) XT(shiftd) XT(rorx) XT(shiftx)
/* insn-bit.c */
XT(bt) XT(bsf) XT(bsr) XT(tzcnt) XT(lzcnt) XT(popcnt) XT(bswap) XT(movbe) XT(crc32)
XT(andn) XT(bls) XT(bextr) XT(bzhi) XT(pdep) XT(pext)
/* insn-mov.c */
XT(mov) XT(movimm) XT(movsx) XT(movzx) XT(lea) XT(cmov) XT(setcc) XT(cbw) XT(cwd)
XT(xlat) XT(push) XT(push_imm) XT(pop) XT(pusha) XT(popa) XT(enter) XT(leave) XT(lahf)
XT(sahf) XT(salc) XT(movnti) XT(nop) XT(pause) XT(fence) XT(clflush) XT(flagop)
/* insn-flow.c */
XT(jcc) XT(jmp) XT(jmp_ind) XT(call) XT(call_ind) XT(ret) XT(loop) XT(jcxz) XT(jmp_far)
XT(call_far) XT(jmp_far_m) XT(call_far_m) XT(ret_far) XT(iret) XT(int) XT(int3) XT(int1)
XT(into) XT(into_slow) XT(bound) XT(ud) XT(syscall) XT(sysret) XT(sysenter) XT(sysexit)
/* insn-str.c */
XT(movs) XT(stos) XT(lods) XT(cmps) XT(scas) XT(ins) XT(outs)
/* insn-sys.c */
XT(mov_sreg) XT(mov_from_sreg) XT(push_sreg) XT(pop_sreg) XT(lseg) XT(in) XT(out)
XT(pushf) XT(popf) XT(cli) XT(sti) XT(hlt) XT(lgdt) XT(sgdt) XT(sldt) XT(lldt) XT(verr)
XT(lar) XT(arpl) XT(smsw) XT(lmsw) XT(clts) XT(mov_cr) XT(mov_to_cr) XT(mov_dr)
XT(mov_to_dr) XT(sys0) XT(rdtsc) XT(invlpg) XT(invpcid) XT(swapgs) XT(monitor) XT(mwait)
XT(clac) XT(rdfsbase) XT(wrfsbase) XT(rdpid) XT(rdrand) XT(fxsave) XT(xsave) XT(mxcsr)
/* simd hooks */
XT(simd) XT(x87) XT(fwait)
#undef XT
/* clang-format on */

#endif
