/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * emu.c - runs a test case through decoder, IR, optimiser and an engine, with a run
 * time whose guest memory is the sandbox itself at the same addresses.
 */
#include "config.h"

#include "tests/insn/insn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "tcg-fallback/interp/interp.h"
#include "tcg-fallback/ir/host.h"
#include "tcg-fallback/opt/opt_passes.h"

enum { EMU_STUBS = 1 << 16, EMU_CODE = 1 << 20, EMU_PCMAP = 4096 };

static struct {
	struct tcg_env *env;
	struct x86_cpu *cpu;
	struct ir_unit u;
	const struct it_case *c;
	enum it_fault fault;
	uint64_t fault_addr;
	/* emitter */
	uint8_t *code; /* NULL: none */
	struct tcg_code tc;
	struct tcg_exit exits[TCG_MAX_EXITS];
	struct tcg_pcmap pcmap[EMU_PCMAP];
	bool pic; /* position-independent units, where they may be */
	struct tcg_jc_entry jc[TCG_JC_N] __aligned_to(64);
	struct tcg_tlb_entry tlb[TCG_TLB_N];
} emu;

static const struct tcg_guest emu_guest = {
	.name = "x86_64",
	.slots = x86_slots,
	.n_slots = XS_N,
	.helpers = x86_helpers,
	.n_helpers = XHELP_N,
	.pc_offset = offsetof(struct x86_cpu, rip),
	.cc_op_offset = offsetof(struct x86_cpu, cc_op),
	.cc_a_offset = offsetof(struct x86_cpu, cc_a),
	.cc_b_offset = offsetof(struct x86_cpu, cc_b),
	.fpcr_offset = offsetof(struct x86_cpu, mxcsr),
};

/* ---- the run time's side of env.h ---- */

static void __noreturn emu_fault(enum it_fault f, uint64_t addr)
{
	emu.fault = f;
	emu.fault_addr = addr;
	longjmp(emu.env->out, 1);
}

static uint8_t *emu_host(uint64_t addr, unsigned size)
{
	if (addr - IT_MEM > IT_MEM_SIZE - size) {
		emu_fault(IT_SEGV, addr);
	}
	return (uint8_t *)(uintptr_t)addr;
}

static void emu_align(uint64_t addr, uint32_t info)
{
	if (info & IR_M_ALIGN && addr & (IR_M_SIZE(info) - 1)) {
		emu_fault(IT_SEGV, addr);
	}
}

uint64_t rt_ld_slow(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	emu_align(addr, info);
	emu_host(addr, IR_M_SIZE(info));
	env->win_r[info >> 8 & 31] =
		(struct tcg_win){ .start = addr & ~UINT64_C(0xfff) };
	return 0;
}

struct rt_slow rt_st_slow(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	emu_align(addr, info);
	emu_host(addr, IR_M_SIZE(info));
	env->win_w[info >> 8 & 31] =
		(struct tcg_win){ .start = addr & ~UINT64_C(0xfff) };
	return (struct rt_slow){ 0, 0 };
}

void rt_st_commit(struct tcg_env *env)
{
	(void)env;
}

void *rt_atomic_host(struct tcg_env *env, uint64_t addr, uint32_t info)
{
	(void)env;
	return emu_host(addr, IR_M_SIZE(info));
}

uint64_t rt_rmw_slow(struct tcg_env *env, uint64_t addr, uint32_t info, uint32_t op,
                     uint64_t v)
{
	(void)env;
	(void)info;
	(void)op;
	(void)v;
	emu_fault(IT_OTHER, addr);
}

uint64_t rt_cas_slow(struct tcg_env *env, uint64_t addr, uint32_t info,
                     uint64_t expected, uint64_t desired)
{
	return rt_rmw_slow(env, addr, info, (uint32_t)expected, desired);
}

uint64_t tcg_ld(struct tcg_env *env, uint64_t addr, unsigned size, int mode)
{
	uint64_t v = 0;

	(void)env;
	(void)mode;
	memcpy(&v, emu_host(addr, size), size);
	return v;
}

void tcg_st(struct tcg_env *env, uint64_t addr, uint64_t val, unsigned size, int mode)
{
	(void)env;
	(void)mode;
	memcpy(emu_host(addr, size), &val, size);
}

void tcg_ld_bytes(struct tcg_env *env, uint64_t addr, void *buf, unsigned len, int mode)
{
	(void)env;
	(void)mode;
	memcpy(buf, emu_host(addr, len), len);
}

void tcg_st_bytes(struct tcg_env *env, uint64_t addr, const void *buf, unsigned len,
                  int mode)
{
	(void)env;
	(void)mode;
	memcpy(emu_host(addr, len), buf, len);
}

void tcg_probe(struct tcg_env *env, uint64_t addr, unsigned len, bool write, int mode)
{
	(void)env;
	(void)write;
	(void)mode;
	emu_host(addr, len);
}

void *tcg_host_ptr(struct tcg_env *env, uint64_t addr, unsigned len, bool write,
                   int mode)
{
	(void)env;
	(void)write;
	(void)mode;
	return addr - IT_MEM > IT_MEM_SIZE - len ? NULL : (void *)(uintptr_t)addr;
}

static enum it_fault emu_class(unsigned vec)
{
	return vec == X86_EXC_DE || vec == X86_EXC_XM || vec == X86_EXC_MF ? IT_FPE
	       : vec == X86_EXC_UD                                         ? IT_ILL
	                                                                   : IT_SEGV;
}

void __noreturn x86_raise(struct tcg_env *env, enum x86_exc vec, uint32_t err)
{
	(void)env;
	(void)err;
	emu_fault(emu_class(vec), 0);
}

/* The system side is not under test here. */
#define HELPERS_SYS_ONLY
#define HELPER(name, nargs, flags)                                                     \
	uint64_t helper_##name(struct tcg_env *env, uint64_t a, uint64_t b,            \
	                       uint64_t c, uint64_t d)                                 \
	{                                                                              \
		(void)env;                                                             \
		(void)b;                                                               \
		(void)c;                                                               \
		(void)d;                                                               \
		if (XHELP_##name == XHELP_raise) {                                     \
			emu_fault(emu_class((unsigned)a), 0);                          \
		}                                                                      \
		return 0;                                                              \
	}
#include "tcg-fallback/guest/x86/helpers.def"
#undef HELPER

/* ---- running ---- */

static void emu_init_host(void)
{
	struct err e = { 0 };

	memset(emu.tlb, 0xff, sizeof(emu.tlb));
	emu.env->tlb = emu.tlb;
	emu.code = mmap(NULL, EMU_CODE, PROT_READ | PROT_WRITE | PROT_EXEC,
	                MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (emu.code == MAP_FAILED ||
	    x86_tcg_host.init(&emu_guest, emu.code, emu.code, EMU_STUBS, &e) <= 0) {
		printf("emitter not tested: %s\n", e.text);
		emu.code = NULL;
		return;
	}
	for (unsigned i = 0; i < TCG_JC_N; i++) {
		emu.jc[i].pc = TCG_JC_EMPTY;
		emu.jc[i].host = (void *)(uintptr_t)x86_tcg_host.miss_stub();
	}
	emu.env->jc = emu.jc;
}

void emu_init(void)
{
	size_t n =
		ALIGN_UP(sizeof(struct tcg_env) + sizeof(struct x86_cpu), (size_t)4096);

	emu.env = aligned_alloc(64, n);
	if (!emu.env) {
		abort();
	}
	memset(emu.env, 0, n);
	emu.cpu = tcg_arch_of(emu.env);
	memset(emu.cpu->features, 0xff, sizeof(emu.cpu->features));
	emu.cpu->cr4 = X86_CR4_OSFXSR | X86_CR4_OSXMMEXCPT;
	ir_unit_init(&emu.u);
	emu_init_host();
}

bool emu_has(enum it_engine e)
{
	return e <= IT_INTERP_OPT || emu.code;
}

static unsigned emu_bytes(struct tcg_fetch *f, uint64_t pc, uint8_t *buf, unsigned want)
{
	uint64_t at = pc - (IT_CODE + emu.c->at);

	(void)f;
	for (unsigned i = 0; i < want; i++) {
		buf[i] = at + i < emu.c->len ? emu.c->code[at + i] : 0xf4;
	}
	return want;
}

static void emu_load(const struct it_state *in)
{
	struct x86_cpu *c = emu.cpu;

	memcpy(c->reg, in->reg, sizeof(c->reg));
	c->cc_op = CC_OP_FLAGS;
	c->cc_a = in->flags & X86_ARITH;
	c->df = in->flags & X86_DF ? -1 : 1;
	c->rip = in->rip;
	x86_from_fxsave(c, in->fp.fx);
	c->fpcs = c->fpds = 0;
	for (unsigned i = 0; i < 16; i++) {
		memcpy(&c->vec[i].q[2], in->fp.yh[i], 16);
	}
	for (unsigned i = X86_ES; i <= X86_DS; i++) {
		c->seg[i].base =
			emu.c->bits == 16 ? (i == X86_CS ? IT_CODE : IT_MEM) : 0;
	}
	for (unsigned i = 0; i < IR_WINDOWS; i++) {
		emu.env->win_r[i].start = emu.env->win_w[i].start = TCG_WIN_NONE;
	}
}

static void emu_store(struct it_state *out, uint64_t pc)
{
	struct x86_cpu *c = emu.cpu;

	memcpy(out->reg, c->reg, sizeof(c->reg));
	out->rip = pc;
	out->flags = cc_compute(c->cc_op, c->cc_a, c->cc_b) & X86_ARITH;
	out->flags |= c->df < 0 ? X86_DF : 0;
	x86_to_fxsave(c, out->fp.fx);
	for (unsigned i = 0; i < 16; i++) {
		memcpy(out->fp.yh[i], &c->vec[i].q[2], 16);
	}
}

static void emu_translate(uint64_t pc, unsigned max, bool opt)
{
	struct tcg_fetch f = { .env = emu.env, .max_insns = max, .bytes = emu_bytes };
	struct err e = { 0 };

	ir_unit_reset(&emu.u);
	emu.u.pc = pc;
	emu.u.key = emu.c->key;
	emu.u.pic = emu.pic && XH_CODE(emu.c->key) == XH_CODE64;
	emu.u.slots = x86_slots;
	emu.u.n_slots = XS_N;
	emu.u.helpers = x86_helpers;
	emu.u.n_helpers = XHELP_N;
	if (x86_translate(&emu.u, &f) || ir_verify(&emu.u, &e)) {
		fprintf(stderr, "translation is wrong: %s\n", e.text);
		ir_print(stderr, &emu.u);
		abort();
	}
	if (opt) {
		opt_run(&emu.u, 1);
		if (ir_verify(&emu.u, &e)) {
			fprintf(stderr, "optimiser broke the unit: %s\n", e.text);
			ir_print(stderr, &emu.u);
			abort();
		}
	}
}

/* One unit by the interpreter: the next pc. */
static uint64_t emu_step_interp(void)
{
	struct interp_result r;

	emu.env->vpage = emu.u.pc & ~(uint64_t)(TCG_PAGE - 1);
	r = interp_run(emu.env, &emu_guest, &emu.u);

	return r.has_pc ? r.pc : emu.cpu->rip;
}

/* One unit by emitted code. */
static uint64_t emu_step_host(void)
{
	int r;

	emu.tc = (struct tcg_code){ .w = emu.code + EMU_STUBS,
		                    .x = emu.code + EMU_STUBS,
		                    .cap = EMU_CODE - EMU_STUBS,
		                    .exits = emu.exits,
		                    .pcmap = emu.pcmap,
		                    .pcmap_cap = EMU_PCMAP };
	r = x86_tcg_host.emit(&emu.u, &emu.tc);
	if (r) {
		printf("emitter: %s\n", strerror(-r));
		emu_fault(IT_OTHER, 0);
	}
	for (unsigned k = 0; k < emu.tc.n_exits; k++) {
		x86_tcg_host.unlink(emu.tc.w, emu.tc.x, &emu.exits[k]);
	}
	emu.env->host_ra = 0;
	emu.env->vpage = 1; /* the unit's own entry sets it */
	emu.env->pc_now = emu.u.pc;
	x86_tcg_host.run(emu.env, emu.tc.x);
	return emu.cpu->rip;
}

static uint64_t emu_fault_pc(bool host)
{
	uint64_t off = emu.env->host_ra - (uint64_t)(uintptr_t)emu.tc.x, pc = emu.u.pc;

	if (!host) {
		return emu.env->pc_now;
	}
	for (unsigned k = 0; k < emu.tc.n_pcmap && emu.pcmap[k].host_off < off; k++) {
		pc = emu.u.pc + emu.pcmap[k].pc_off;
	}
	return pc;
}

static void emu_go(const struct it_case *c, struct it_state *out, bool opt, bool host)
{
	uint64_t end = IT_CODE + c->at + c->len, start = IT_CODE + c->at;
	volatile uint64_t pc = start;
	unsigned budget = 100000;

	if (setjmp(emu.env->out)) {
		interp_fp_leave(emu.env, &emu_guest);
		emu_store(out, emu_fault_pc(host));
		/* HLT behind the code: the end */
		out->fault = out->rip < start || out->rip >= end ? IT_OK : emu.fault;
		out->fault_addr = emu.fault_addr;
		return;
	}
	while (pc >= start && pc < end && budget--) {
		emu_translate(pc, c->n_insns, opt);
		pc = host ? emu_step_host() : emu_step_interp();
	}
	emu_store(out, pc);
	out->fault = IT_OK;
}

void emu_run(const struct it_case *c, struct it_state *out, enum it_engine e)
{
	emu.c = c;
	emu.pic = c->len & 1;
	emu_load(&c->in);
	emu_go(c, out, e == IT_INTERP_OPT || e == IT_HOST_OPT, e >= IT_HOST);
}

void emu_dump(const struct it_case *c, bool opt)
{
	emu.c = c;
	emu_translate(IT_CODE + c->at, c->n_insns, opt);
	ir_print(stdout, &emu.u);
}
