/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * insn-sys.c - translation of system instructions: mostly calls of the sys
 * side's helpers, and the decision whether the unit goes on afterwards.
 *
 * Models: SDM vol. 2, vol. 3A. Privilege (FL_PRIV) is checked by translate.c from the
 * block key; IOPL, CR4 and the like by the helpers.
 *
 * Known gaps: ARPL stores to memory even when it changes nothing.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "tcg-fallback/guest/x86/insn.h"

static ir_val xt_c64(struct xt *x, int64_t v)
{
	return ir_const(x->u, IR_I64, v);
}

static ir_val xt_zext64(struct xt *x, ir_val v, unsigned size)
{
	return size == 8 ? v : ir_zext(x->u, IR_I64, v, xt_type(size));
}

static void xt_halt(struct xt *x)
{
	ir_exit(x->u, TCG_EXIT_HALT);
	x->end = true;
}

/* ---- segment registers ---- */

static void xt_load_seg(struct xt *x, unsigned seg, ir_val sel64, bool shadow)
{
	xt_call(x, XHELP_load_seg, xt_c64(x, seg), sel64, xt_c64(x, shadow), 0);
}

/* Base and attributes are in the block key outside 64-bit mode; SS starts a shadow. */
static void xt_seg_loaded(struct xt *x, unsigned seg)
{
	if (x->code != XH_CODE64 || seg == X86_SS) {
		xt_exit_next(x);
	}
}

void xi_mov_sreg(struct xt *x)
{
	unsigned seg = x->i.reg & 7;

	if (seg > X86_GS || seg == X86_CS) {
		xt_ud(x);
		return;
	}
	xt_load_seg(x, seg, xt_zext64(x, xt_rd(x, 1), 2), seg == X86_SS);
	xt_seg_loaded(x, seg);
}

static ir_val xt_sel(struct xt *x, unsigned seg)
{
	return ir_ldenv(x->u, IR_I16,
	                offsetof(struct x86_cpu, seg) + seg * sizeof(struct x86_seg) +
	                        offsetof(struct x86_seg, sel));
}

/* Ewv destinations: 16 bits to memory, zero-extended to a register. */
static void xt_wr_sel(struct xt *x, ir_val v16)
{
	unsigned size = x->i.opsize;

	if (x->i.is_mem) {
		ir_st(x->u, IR_I16, xt_mem(x, 2, true), IR_M_2, v16);
	} else {
		xt_set_gpr(x, size, x->i.rm,
		           size == 2 ? v16 : ir_zext(x->u, xt_type(size), v16, IR_I16));
	}
}

void xi_mov_from_sreg(struct xt *x)
{
	unsigned seg = x->i.reg & 7;

	if (seg > X86_GS) {
		xt_ud(x);
		return;
	}
	xt_wr_sel(x, xt_sel(x, seg));
}

void xi_push_sreg(struct xt *x)
{
	unsigned size = x->i.opsize;
	ir_val v = xt_sel(x, x->i.d->arg);

	xt_push(x, size, size == 2 ? v : ir_zext(x->u, xt_type(size), v, IR_I16));
}

void xi_pop_sreg(struct xt *x)
{
	unsigned size = x->i.opsize, seg = x->i.d->arg;
	ir_val v = xt_stack_ld(x, size, 0);

	v = size == 2 ? v : ir_trunc(x->u, IR_I16, v);
	xt_load_seg(x, seg, ir_zext(x->u, IR_I64, v, IR_I16), seg == X86_SS);
	xt_sp_add(x, size);
	xt_seg_loaded(x, seg);
}

/* LDS, LES, LSS, LFS, LGS */
void xi_lseg(struct xt *x)
{
	unsigned size = x->i.opsize, seg = x->i.d->arg;
	struct ir_addr ad = xt_mem(x, size + 2, false);
	ir_val off = ir_ld(x->u, xt_type(size), ad, xt_msize(size));

	ad.disp += (int)size;
	xt_load_seg(x, seg, ir_ld(x->u, IR_I64, ad, IR_M_2), false);
	xt_wr(x, 0, off);
	xt_seg_loaded(x, seg);
}

/* arg: 0 SLDT, 1 STR */
void xi_sldt(struct xt *x)
{
	ir_val v = xt_call(x, x->i.d->arg ? XHELP_str : XHELP_sldt, 0, 0, 0, 0);

	xt_wr_sel(x, ir_trunc(x->u, IR_I16, v));
}

void xi_lldt(struct xt *x)
{
	xt_call(x, x->i.d->arg ? XHELP_ltr : XHELP_lldt, xt_zext64(x, xt_rd(x, 0), 2),
	        0, 0, 0);
}

static void xt_set_zf(struct xt *x, ir_val bit32)
{
	struct ir_unit *u = x->u;

	xt_fset_mix(
		x, IR_FL_Z,
		xt_funpack(x, ir_op2(u, IR_shl, IR_I32, bit32, ir_const(u, IR_I8, 6))));
}

void xi_verr(struct xt *x)
{
	ir_val v = xt_zext64(x, xt_rd(x, 0), 2);

	v = xt_call(x, x->i.d->arg ? XHELP_verw : XHELP_verr, v, 0, 0, 0);
	xt_set_zf(x, ir_trunc(x->u, IR_I32, v));
}

/* arg: 0 LAR, 1 LSL. The destination changes only when the selector is good. */
void xi_lar(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize;
	ir_val v = xt_zext64(x, xt_rd(x, 1), 2), ok, old, nv;

	v = xt_call(x, x->i.d->arg ? XHELP_lsl : XHELP_lar, v, 0, 0, 0);
	ok = ir_trunc(u, IR_I32, ir_op2(u, IR_shr, IR_I64, v, ir_const(u, IR_I8, 32)));
	old = ir_get(u, IR_I64, XS_GPR + x->i.reg);
	nv = size == 2 ? ir_dep(u, IR_I64, old, v, 0, 16)
	               : ir_zext(u, IR_I64, ir_trunc(u, IR_I32, v), IR_I32);
	nv = ir_emit(u, (struct ir_ins){ .op = IR_selnz,
	                                 .type = IR_I64,
	                                 .aux2 = IR_I32,
	                                 .a = ok,
	                                 .b = nv,
	                                 .c = old });
	ir_set(u, XS_GPR + x->i.reg, nv);
	xt_set_zf(x, ok);
}

void xi_arpl(struct xt *x)
{
	struct ir_unit *u = x->u;
	ir_val d = xt_rd_rmw(x, 0), s = xt_rd(x, 1), dr, sr, lower, nv;

	dr = ir_op2i(u, IR_and, IR_I16, d, 3);
	sr = ir_op2i(u, IR_and, IR_I16, s, 3);
	lower = ir_setcmp(u, IR_I32, IR_LTU, IR_I16, dr, sr);
	nv = ir_op2(u, IR_or, IR_I16, ir_op2i(u, IR_and, IR_I16, d, -4), sr);
	nv = ir_emit(u, (struct ir_ins){ .op = IR_selnz,
	                                 .type = IR_I16,
	                                 .aux2 = IR_I32,
	                                 .a = lower,
	                                 .b = nv,
	                                 .c = d });
	xt_wr(x, 0, nv);
	xt_set_zf(x, lower);
}

/* ---- I/O ---- */

static ir_val xt_port(struct xt *x, unsigned op)
{
	if (op == Ib) {
		return xt_c64(x, x->i.imm);
	}
	return ir_zext(x->u, IR_I64, ir_get(x->u, IR_I16, XS_GPR + X86_RDX), IR_I16);
}

static unsigned xt_io_size(const struct xt *x, unsigned op)
{
	return op == AL ? 1 : x->i.opsize == 2 ? 2 : 4;
}

void xi_in(struct xt *x)
{
	unsigned size = xt_io_size(x, x->i.d->op[0]);
	ir_val v =
		xt_call(x, XHELP_in, xt_port(x, x->i.d->op[1]), xt_c64(x, size), 0, 0);

	xt_set_gpr(x, size, X86_RAX, ir_trunc(x->u, xt_type(size), v));
}

void xi_out(struct xt *x)
{
	unsigned size = xt_io_size(x, x->i.d->op[1]);
	ir_val v = ir_get(x->u, xt_type(size), XS_GPR + X86_RAX);

	xt_call(x, XHELP_out, xt_port(x, x->i.d->op[0]), xt_c64(x, size),
	        xt_zext64(x, v, size), 0);
}

/* ---- flags ---- */

void xi_pushf(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned size = x->i.opsize;
	ir_val v, d;

	if (x->key & XH_VM86) {
		v = xt_call(x, XHELP_pushf, xt_c64(x, size), 0, 0, 0);
		xt_push(x, size, ir_trunc(u, xt_type(size), v));
		return;
	}
	v = ir_ldenv(u, IR_I32, offsetof(struct x86_cpu, eflags));
	v = ir_op2i(u, IR_and, IR_I32, v,
	            (int32_t) ~(X86_ARITH | X86_DF | X86_RF | X86_VM | 2));
	d = ir_ldenv(u, IR_I64, offsetof(struct x86_cpu, df));
	d = ir_op2i(u, IR_and, IR_I32, ir_trunc(u, IR_I32, d), X86_DF);
	/* df is 1 or -1: bit 10 of it is the flag */
	v = ir_op2(u, IR_or, IR_I32, v, d);
	d = ir_emit(u,
	            (struct ir_ins){ .op = IR_fpack, .type = IR_I32, .a = ir_fget(u) });
	v = ir_op2i(u, IR_or, IR_I32, ir_op2(u, IR_or, IR_I32, v, d), 2);
	xt_push(x, size,
	        size == 4   ? v
	        : size == 2 ? ir_trunc(u, IR_I16, v)
	                    : ir_zext(u, IR_I64, v, IR_I32));
}

static void xt_leave_if(struct xt *x, ir_val r)
{
	ir_brcmp(x->u, IR_I64, IR_NE, r, xt_c64(x, 0), xt_slow(x, XSL_EXIT, 0));
}

void xi_popf(struct xt *x)
{
	unsigned size = x->i.opsize;
	ir_val v = xt_zext64(x, xt_stack_ld(x, size, 0), size), r;

	r = xt_call(x, XHELP_popf, v, xt_c64(x, size), 0, 0);
	xt_sp_add(x, size);
	xt_leave_if(x, r);
}

void xi_cli(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned off = offsetof(struct x86_cpu, eflags);

	if (XH_CPL(x->key) || x->key & XH_VM86) {
		xt_call(x, XHELP_cli, 0, 0, 0, 0);
		return;
	}
	ir_stenv(
		u, IR_I32, off,
		ir_op2i(u, IR_and, IR_I32, ir_ldenv(u, IR_I32, off), (int32_t)~X86_IF));
}

/*
 * The shadow of one instruction after STI is only worth making when an interrupt waits,
 * or when the unit could end before the next instruction; else that one simply follows.
 */
void xi_sti(struct xt *x)
{
	uint64_t pc = x->u->pc;
	bool last =
		x->key & (XH_TF | XH_SHADOW) || ((pc + x->next) ^ pc) >> TCG_PAGE_BITS;
	ir_val r = xt_call(x, XHELP_sti, xt_c64(x, last), 0, 0, 0);

	if (last) {
		xt_exit_next(x);
	} else {
		xt_leave_if(x, r);
		x->more = true;
	}
}

/* ---- tables, control registers ---- */

static unsigned xt_table_size(const struct xt *x)
{
	return x->code == XH_CODE64 ? 8 : x->i.opsize;
}

void xi_lgdt(struct xt *x)
{
	xt_call(x, x->i.d->arg ? XHELP_lidt : XHELP_lgdt, xt_linear(x, 6, false),
	        xt_c64(x, xt_table_size(x)), 0, 0);
}

void xi_sgdt(struct xt *x)
{
	xt_call(x, x->i.d->arg ? XHELP_sidt : XHELP_sgdt, xt_linear(x, 6, true),
	        xt_c64(x, xt_table_size(x)), 0, 0);
}

void xi_smsw(struct xt *x)
{
	unsigned size = x->i.opsize;
	ir_val v = xt_call(x, XHELP_smsw, 0, 0, 0, 0);

	if (x->i.is_mem) {
		ir_st(x->u, IR_I16, xt_mem(x, 2, true), IR_M_2,
		      ir_trunc(x->u, IR_I16, v));
	} else {
		xt_set_gpr(x, size, x->i.rm,
		           size == 8 ? v : ir_trunc(x->u, xt_type(size), v));
	}
}

void xi_lmsw(struct xt *x)
{
	xt_call(x, XHELP_lmsw, xt_zext64(x, xt_rd(x, 0), 2), 0, 0, 0);
	xt_exit_next(x);
}

void xi_clts(struct xt *x)
{
	xt_call(x, XHELP_clts, 0, 0, 0, 0);
	xt_exit_next(x);
}

static bool xt_cr_exists(unsigned n)
{
	return n == 0 || n == 2 || n == 3 || n == 4 || n == 8;
}

void xi_mov_cr(struct xt *x)
{
	static const uint16_t off[5] = {
		offsetof(struct x86_cpu, cr0), 0,
		offsetof(struct x86_cpu, cr2), offsetof(struct x86_cpu, cr3),
		offsetof(struct x86_cpu, cr4),
	};
	unsigned n = x->i.reg, size = xt_size(x, 0);
	ir_val v;

	if (!xt_cr_exists(n)) {
		xt_ud(x);
		return;
	}
	v = n < 5 ? ir_ldenv(x->u, IR_I64, off[n])
	          : xt_call(x, XHELP_read_cr, xt_c64(x, n), 0, 0, 0);
	xt_set_gpr(x, size, x->i.rm, size == 8 ? v : ir_trunc(x->u, IR_I32, v));
}

void xi_mov_to_cr(struct xt *x)
{
	unsigned n = x->i.reg;

	if (!xt_cr_exists(n)) {
		xt_ud(x);
		return;
	}
	xt_call(x, XHELP_write_cr, xt_c64(x, n),
	        xt_zext64(x, xt_rd(x, 1), xt_size(x, 1)), 0, 0);
	if (n != 2) {
		xt_exit_next(x);
	}
}

void xi_mov_dr(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	ir_val v;

	if (x->i.reg > 7) {
		xt_ud(x);
		return;
	}
	v = xt_call(x, XHELP_read_dr, xt_c64(x, x->i.reg), 0, 0, 0);
	xt_set_gpr(x, size, x->i.rm, size == 8 ? v : ir_trunc(x->u, IR_I32, v));
}

void xi_mov_to_dr(struct xt *x)
{
	if (x->i.reg > 7) {
		xt_ud(x);
		return;
	}
	xt_call(x, XHELP_write_dr, xt_c64(x, x->i.reg),
	        xt_zext64(x, xt_rd(x, 1), xt_size(x, 1)), 0, 0);
	xt_exit_next(x);
}

/* Helpers without operands; arg: enum x86_helper. */
void xi_sys0(struct xt *x)
{
	unsigned h = x->i.d->arg;

	xt_call(x, h, 0, 0, 0, 0);
	if (h == XHELP_wrmsr || h == XHELP_xsetbv || h == XHELP_wrpkru) {
		xt_exit_next(x);
	}
}

void xi_rdtsc(struct xt *x)
{
	xt_call(x, XHELP_rdtsc, xt_c64(x, x->i.d->arg), 0, 0, 0);
}

/* The code that follows may be mapped elsewhere now. */
void xi_invlpg(struct xt *x)
{
	xt_call(x, XHELP_invlpg, xt_linear(x, 0, false), 0, 0, 0);
	xt_exit_next(x);
}

void xi_invpcid(struct xt *x)
{
	xt_call(x, XHELP_invpcid, xt_zext64(x, xt_rd(x, 0), xt_size(x, 0)),
	        xt_linear(x, 16, false), 0, 0);
	xt_exit_next(x);
}

void xi_swapgs(struct xt *x)
{
	unsigned gs = offsetof(struct x86_cpu, seg[X86_GS].base);
	unsigned kgs = offsetof(struct x86_cpu, kernel_gs_base);
	ir_val a = ir_ldenv(x->u, IR_I64, gs), b = ir_ldenv(x->u, IR_I64, kgs);

	ir_stenv(x->u, IR_I64, gs, b);
	ir_stenv(x->u, IR_I64, kgs, a);
}

void xi_monitor(struct xt *x)
{
	unsigned seg = x->i.seg_override != XR_NONE ? x->i.seg_override : X86_DS;
	struct ir_addr ad = xt_seg_addr(x, seg, xt_areg(x, X86_RAX), X86_RAX, 1, false);
	ir_val a = ad.index ? ir_op2(x->u, IR_add, IR_I64, ad.base, ad.index) : ad.base;

	xt_call(x, XHELP_monitor, a, 0, 0, 0);
}

void xi_mwait(struct xt *x)
{
	xt_call(x, XHELP_mwait, ir_pc(x->u, x->next), 0, 0, 0);
	xt_halt(x);
}

void xi_hlt(struct xt *x)
{
	xt_call(x, XHELP_hlt, ir_pc(x->u, x->next), 0, 0, 0);
	xt_halt(x);
}

/* arg: 0 CLAC, 1 STAC. The helper changes the MMU context at once. */
void xi_clac(struct xt *x)
{
	xt_call(x, x->i.d->arg ? XHELP_stac : XHELP_clac, 0, 0, 0, 0);
}

static unsigned xt_base_off(const struct xt *x)
{
	return offsetof(struct x86_cpu, seg) + x->i.d->arg * sizeof(struct x86_seg) +
	       offsetof(struct x86_seg, base);
}

void xi_rdfsbase(struct xt *x)
{
	unsigned size = xt_size(x, 0);

	xt_call(x, XHELP_check_fsgsbase, xt_c64(x, 0), 0, 0, 0);
	xt_wr(x, 0, ir_ldenv(x->u, xt_type(size), xt_base_off(x)));
}

void xi_wrfsbase(struct xt *x)
{
	ir_val v = xt_zext64(x, xt_rd(x, 0), xt_size(x, 0));

	xt_call(x, XHELP_check_fsgsbase, v, 0, 0, 0);
	ir_stenv(x->u, IR_I64, xt_base_off(x), v);
}

void xi_rdpid(struct xt *x)
{
	unsigned size = xt_size(x, 0);

	xt_wr(x, 0, ir_ldenv(x->u, xt_type(size), offsetof(struct x86_cpu, tsc_aux)));
}

/* arg: 0 RDRAND, 1 RDSEED. Always succeed. */
void xi_rdrand(struct xt *x)
{
	unsigned size = xt_size(x, 0);
	ir_val v =
		xt_call(x, XHELP_rdrand, xt_c64(x, size), xt_c64(x, x->i.d->arg), 0, 0);

	xt_wr(x, 0, size == 8 ? v : ir_trunc(x->u, xt_type(size), v));
	ir_fset(x->u, xt_funpack(x, ir_const(x->u, IR_I32, X86_CF)));
}

/* ---- extended state ---- */

static bool xt_fpu_off(struct xt *x)
{
	if (x->key & XH_EM) {
		xt_ud(x);
		return true;
	}
	if (x->key & XH_TS) {
		xt_raise(x, X86_EXC_NM);
		return true;
	}
	return false;
}

/* arg: 0 FXSAVE, 1 FXRSTOR */
void xi_fxsave(struct xt *x)
{
	bool restore = x->i.d->arg;

	if (xt_fpu_off(x)) {
		return;
	}
	xt_call(x, restore ? XHELP_fxrstor : XHELP_fxsave, xt_linear(x, 512, !restore),
	        xt_c64(x, x->i.rex >> 3 & 1), 0, 0);
	if (restore) {
		xt_exit_next(x); /* MXCSR is in the key */
	}
}

/* arg: kind of helpers.def; 4 and up: restore */
void xi_xsave(struct xt *x)
{
	struct ir_unit *u = x->u;
	unsigned k = x->i.d->arg;
	bool restore = k & 4;
	ir_val mask, addr;

	if (x->key & XH_TS) {
		xt_raise(x, X86_EXC_NM);
		return;
	}
	addr = xt_linear(x, 576, !restore);
	mask = ir_zext(u, IR_I64, ir_get(u, IR_I32, XS_GPR + X86_RAX), IR_I32);
	mask = ir_dep(u, IR_I64, mask, ir_get(u, IR_I64, XS_GPR + X86_RDX), 32, 32);
	xt_call(x, restore ? XHELP_xrstor : XHELP_xsave, addr, mask,
	        xt_c64(x, x->i.rex >> 3 & 1), xt_c64(x, k & 3));
	if (restore) {
		xt_exit_next(x);
	}
}

/* arg: 0 LDMXCSR, 1 STMXCSR */
void xi_mxcsr(struct xt *x)
{
	struct ir_unit *u = x->u;

	if (!(x->key & XH_OSFXSR)) {
		xt_ud(x);
		return;
	}
	if (xt_fpu_off(x)) {
		return;
	}
	if (x->i.d->arg) {
		ir_val v = xt_call(x, XHELP_stmxcsr, 0, 0, 0, 0);

		ir_st(u, IR_I32, xt_mem(x, 4, true), IR_M_4, ir_trunc(u, IR_I32, v));
		return;
	}
	xt_call(x, XHELP_ldmxcsr, ir_ld(u, IR_I64, xt_mem(x, 4, false), IR_M_4), 0, 0,
	        0);
	xt_exit_next(x);
}
