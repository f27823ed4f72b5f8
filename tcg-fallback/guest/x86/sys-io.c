/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * sys-io.c - port I/O with its permission checks, HLT and relatives.
 *
 * Spec: SDM vol. 1 18.5 (I/O protection), vol. 2 IN, INS, OUT, OUTS, HLT.
 * Threads: the vCPU's own.
 */
#include "config.h"

#include "base/compiler.h"
#include "base/log.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

/* #GP(0) unless CPL <= IOPL or the TSS bit map allows all `size` ports. */
static void io_check(struct tcg_env *env, unsigned port, unsigned size)
{
	struct x86_cpu *c = x86_of(env);
	const struct x86_seg *tr = &c->seg[X86_TR];
	uint64_t map, bits;

	if (!x86_pe(c) || (x86_cpl(c) <= x86_iopl(c) && !(c->eflags & X86_VM))) {
		return;
	}
	if (!(tr->attr & X86_SEG_P) || !(tr->attr & 8) || tr->limit < 103) {
		x86_gp(env, 0);
	}
	map = tcg_ld(env, tr->base + 102, 2, 1);
	/* Two bytes are read always: an access may straddle. */
	if (map + port / 8 + 1 > tr->limit) {
		x86_gp(env, 0);
	}
	bits = tcg_ld(env, tr->base + map + port / 8, 2, 1) >> (port & 7);
	if (bits & ((1u << size) - 1)) {
		x86_gp(env, 0);
	}
}

static struct aspace *io_space(struct tcg_env *env)
{
	return &x86_of(env)->vcpu->vm->io;
}

uint64_t helper_in(struct tcg_env *env, uint64_t port, uint64_t size, uint64_t cc,
                   uint64_t d)
{
	(void)cc, (void)d;
	port &= 0xffff;
	io_check(env, (unsigned)port, (unsigned)size);
	tcg_outside(env, TCG_PLACE_PORT, port);
	return aspace_read(io_space(env), port, (unsigned)size);
}

uint64_t helper_out(struct tcg_env *env, uint64_t port, uint64_t size, uint64_t v,
                    uint64_t d)
{
	(void)d;
	port &= 0xffff;
	io_check(env, (unsigned)port, (unsigned)size);
	tcg_outside(env, TCG_PLACE_PORT, port);
	aspace_write(io_space(env), port, v, (unsigned)size);
	return 0;
}

uint64_t helper_ins(struct tcg_env *env, uint64_t addr, uint64_t size, uint64_t cc,
                    uint64_t d)
{
	unsigned port = x86_of(env)->reg[X86_RDX] & 0xffff;

	(void)cc, (void)d;
	io_check(env, port, (unsigned)size);
	tcg_outside(env, TCG_PLACE_PORT, port);
	/* A page fault after the read would lose what the port gave. */
	tcg_probe(env, addr, (unsigned)size, true, 0);
	tcg_st(env, addr, aspace_read(io_space(env), port, (unsigned)size),
	       (unsigned)size, 0);
	return 0;
}

uint64_t helper_outs(struct tcg_env *env, uint64_t addr, uint64_t size, uint64_t cc,
                     uint64_t d)
{
	unsigned port = x86_of(env)->reg[X86_RDX] & 0xffff;
	uint64_t v;

	(void)cc, (void)d;
	io_check(env, port, (unsigned)size);
	tcg_outside(env, TCG_PLACE_PORT, port);
	v = tcg_ld(env, addr, (unsigned)size, 0);
	aspace_write(io_space(env), port, v, (unsigned)size);
	return 0;
}

/* ---- waiting ---- */

uint64_t helper_hlt(struct tcg_env *env, uint64_t next, uint64_t b, uint64_t cc,
                    uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)b, (void)cc, (void)d;
	if (x86_cpl(c) != 0) {
		x86_gp(env, 0);
	}
	c->rip = next;
	c->int_shadow = false;
	x86_update_hflags(c);
	return 0;
}

uint64_t helper_monitor(struct tcg_env *env, uint64_t addr, uint64_t b, uint64_t cc,
                        uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)b, (void)cc, (void)d;
	if (!x86_cpu_has(c, X86F_MONITOR) || x86_cpl(c) != 0) {
		x86_ud(env);
	}
	if ((uint32_t)c->reg[X86_RCX]) {
		x86_gp(env, 0);
	}
	tcg_ld(env, addr, 1, 0);
	return 0;
}

uint64_t helper_mwait(struct tcg_env *env, uint64_t next, uint64_t b, uint64_t cc,
                      uint64_t d)
{
	struct x86_cpu *c = x86_of(env);

	(void)b, (void)cc, (void)d;
	if (!x86_cpu_has(c, X86F_MONITOR) || x86_cpl(c) != 0) {
		x86_ud(env);
	}
	c->rip = next;
	return 0;
}

uint64_t helper_pause(struct tcg_env *env, uint64_t a, uint64_t b, uint64_t cc,
                      uint64_t d)
{
	(void)env, (void)a, (void)b, (void)cc, (void)d;
#if defined(__x86_64__)
	cpu_relax();
#endif
	return 0;
}
