/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * guest.c - x86_tcg_guest: the front end as the run time sees it.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include <stddef.h>

#include "base/compiler.h"
#include "core/vm.h"
#include "tcg-fallback/guest/x86/x86-sys.h"

/* ---- the table ---- */

static void guest_init_vcpu(struct tcg_env *env)
{
	struct x86_cpu *c = x86_of(env);

	c->vcpu = env->vcpu;
	x86_mode_changed(env);
}

static void guest_key(void *arch, uint64_t *pc, uint64_t *key)
{
	struct x86_cpu *c = arch;

	/* Called before requests are looked at, too: those must get their chance. */
	if (unlikely(c->wait_sipi) &&
	    !(atomic_load(&c->vcpu->requests) & (X86_REQ_SIPI | X86_REQ_INIT))) {
		tcg_exit_loop(tcg_env_of(c), TCG_EXIT_HALT);
	}
	if (unlikely(c->hflags == X86_HFLAGS_STALE)) {
		x86_mode_changed(tcg_env_of(c));
	}
	*pc = c->rip;
	*key = c->hflags;
}

static void guest_set_pc(void *arch, uint64_t pc)
{
	struct x86_cpu *c = arch;

	c->rip = pc;
}

static void guest_misaligned(struct tcg_env *env, uint64_t va, bool write)
{
	(void)va;
	(void)write;
	/* Aligned vector forms: #GP(0). */
	x86_record(x86_of(env), X86_EXC_GP, 0);
}

static bool guest_event_pending(void *arch)
{
	const struct x86_cpu *c = arch;

	return c->exc_pending >= 0;
}

static void guest_settle(void *arch)
{
	x86_cc_pack(arch);
}

static int guest_disas_mode(uint64_t key)
{
	static const int modes[] = { 1 << 1, 1 << 2, 1 << 3,
		                     1 << 3 }; /* capstone's 16/32/64 */

	return modes[XH_CODE(key)];
}
/* Programs; the kernel stays where it is. */
static bool guest_pic(uint64_t key)
{
	return XH_CODE(key) == XH_CODE64 && XH_CPL(key) == 3 &&
	       !(key & (XH_TF | XH_SHADOW));
}

static int guest_disas(void *arch, const uint8_t *p, unsigned n, char *text,
                       unsigned size)
{
	struct x86_cpu *c = arch;
	uint32_t was = c->hflags;
	struct x86_insn i;
	int len;

	/* The struct alone: the translator may not be set up for this vCPU. */
	x86_update_hflags(c);
	len = x86_decode(p, n, c->hflags, &i);
	c->hflags = was;
	if (len > 0) {
		x86_disas(&i, c->rip, text, size);
	}
	return len;
}

const struct tcg_guest x86_tcg_guest = {
	.name = "x86",
	.arch = &x86_guest_arch,
	.slots = x86_slots,
	.n_slots = XS_N,
	.helpers = x86_helpers,
	.n_helpers = XHELP_N,
	.pc_offset = offsetof(struct x86_cpu, rip),
	.cc_op_offset = offsetof(struct x86_cpu, cc_op),
	.cc_a_offset = offsetof(struct x86_cpu, cc_a),
	.cc_b_offset = offsetof(struct x86_cpu, cc_b),
	.wider = { [X86_MMU_SUP_SMAP] = BIT(X86_MMU_SUP) }, /* STAC */
	.fetch_class = { [X86_MMU_USER] = 1 },
	.fpcr_offset = offsetof(struct x86_cpu, mxcsr),
	.init_vcpu = guest_init_vcpu,
	.key = guest_key,
	.pic = guest_pic,
	.set_pc = guest_set_pc,
	.translate = x86_translate,
	.walk = x86_walk,
	.misaligned = guest_misaligned,
	.deliver = x86_deliver,
	.interrupt = x86_take_interrupt,
	.interrupt_ready = x86_interrupt_ready,
	.event_pending = guest_event_pending,
	.settle = guest_settle,
	.disas_mode = guest_disas_mode,
	.disas = guest_disas,
};
