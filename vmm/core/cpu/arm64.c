/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64.c - arm64_guest_arch: models, power-on state, dumps and the debugger's view.
 *
 * Spec: DDI 0487 D1.3 (reset), B1.4; DEN0022 (PSCI) 6.4 for the state of a core that
 * CPU_ON starts.
 * Threads: the vCPU's own, or any while it is stopped.
 *
 * Known gaps: 'max' without a hypervisor describes plain Armv8.0 with CRC32 until there
 * is a translator front end that says what it executes.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/opt.h"
#include "core/cpu/arm64-internal.h"
#include "core/gmem.h"
#include "core/vm.h"

/* ---- models ---- */

static const char *const arm64_models[] = { "max", "host" };

static const char *arm64_model_name(unsigned i)
{
	return i < ARRAY_LEN(arm64_models) ? arm64_models[i] : NULL;
}

uint64_t arm64_mpidr_of(unsigned index)
{
	return BIT64(31) | (index & 15) | (uint64_t)(index >> 4 & 255) << 8 |
	       (uint64_t)(index >> 12 & 255) << 16;
}

static void arm64_ident_max(struct arm64_cpu *c, unsigned index)
{
	c->id = (struct arm64_ident){
		.midr = 0x000f0510, /* implementer 0: software; architecture by ID regs */
		.mpidr = arm64_mpidr_of(index),
		.ctr = 0x8444c004,   /* lines of 64 bytes, PIPT */
		.dczid = 4,          /* DC ZVA: 64 bytes */
		.pfr0 = 0x11,        /* EL0, EL1: AArch64 only; FP and SIMD */
		.dfr0 = 0x00305006,  /* v8 debug: 6 breakpoints, 4 watchpoints */
		.isar0 = 0x00010000, /* CRC32 */
		.mmfr0 = 0x00100024, /* 44 bits, 16-bit ASIDs, all granules */
	};
	c->cntfrq = 62500000;
}

static int arm64_set_model(struct vcpu *v, struct opt *opts, struct err *e)
{
	struct arm64_cpu *c = v->arch;
	const char *name = opts ? opt_get_str(opts, "model", "max") : "max";
	bool kvm = v->vm && v->vm->hv && !strcmp(v->vm->hv->name, "kvm");
	unsigned i = 0;

	while (i < ARRAY_LEN(arm64_models) && strcmp(name, arm64_models[i])) {
		i++;
	}
	if (i == ARRAY_LEN(arm64_models)) {
		return err_set(e, -EINVAL,
		               "'%s' is not a CPU model of aarch64: max and host are",
		               name);
	}
	if (!kvm && !strcmp(name, "host")) {
		return err_set(e, -EINVAL,
		               "-cpu host needs -accel kvm on an aarch64 host");
	}
	for (unsigned k = 0; opts && k < opt_count(opts); k++) {
		if (strcmp(opt_key_at(opts, k), "model")) {
			return err_set(e, -EINVAL, "-cpu %s: not supported: '%s'", name,
			               opt_key_at(opts, k));
		}
	}
	c->vcpu = v;
	c->model = arm64_models[i];
	arm64_ident_max(c, v->index); /* under KVM, its word replaces this */
	return 0;
}

/* ---- reset ---- */

void arm64_reset_core(struct arm64_cpu *c, uint64_t pc)
{
	memset(c->x, 0, sizeof(c->x));
	memset(c->v, 0, sizeof(c->v));
	memset(c->sp_el, 0, sizeof(c->sp_el));
	memset(c->elr_el, 0, sizeof(c->elr_el));
	memset(c->spsr_el, 0, sizeof(c->spsr_el));
	memset(c->scratch, 0, sizeof(c->scratch));
	memset(&c->sve, 0, sizeof(c->sve));
	c->cc_b = 0;
	arm64_set_pstate(c, ARM64_PS_EL1H | ARM64_PS_D | ARM64_PS_A | ARM64_PS_I |
	                            ARM64_PS_F);
	c->sp = 0;
	c->pc = pc;
	c->fpcr = c->fpsr = 0;
	c->excl_addr = ~UINT64_C(0);
	c->spsr_abt = c->spsr_und = c->spsr_irq = c->spsr_fiq = 0;
	/* RES1 bits of an EL1 without the features that gave them a meaning later. */
	c->sctlr = 0x30d00800;
	c->cpacr = c->zcr = 0;
	c->ttbr0 = c->ttbr1 = c->tcr = c->mair = c->amair = 0;
	c->esr = c->far = c->afsr0 = c->afsr1 = c->par = c->vbar = c->disr = 0;
	c->contextidr = c->tpidr_el0 = c->tpidrro_el0 = c->tpidr2_el0 = c->tpidr_el1 =
		0;
	c->scxtnum_el0 = c->scxtnum_el1 = 0;
	c->csselr = c->mdscr = c->mdccint = 0;
	c->oslsr = 0xa; /* locked, as after a cold reset */
	c->rgsr = c->gcr = c->tfsr = c->tfsre0 = 0;
	c->key_ia.lo = c->key_ia.hi = c->key_ib.lo = c->key_ib.hi = 0;
	c->key_da.lo = c->key_da.hi = c->key_db.lo = c->key_db.hi = 0;
	c->key_ga.lo = c->key_ga.hi = 0;
	memset(c->dbgbvr, 0, sizeof(c->dbgbvr));
	memset(c->dbgbcr, 0, sizeof(c->dbgbcr));
	memset(c->dbgwvr, 0, sizeof(c->dbgwvr));
	memset(c->dbgwcr, 0, sizeof(c->dbgwcr));
	c->cntkctl = 0;
	c->cntv_ctl = c->cntp_ctl = c->cntv_cval = c->cntp_cval = 0;
	c->serror_pending = c->serror_has_esr = c->ext_dabt_pending = false;
	c->serror_esr = 0;
}

static void arm64_reset(struct vcpu *v)
{
	struct arm64_cpu *c = v->arch;

	c->vcpu = v;
	arm64_reset_core(c, 0);
	c->cntvct = 0;
	c->on_pc = c->on_ctx = 0;
	atomic_store(&c->power, v->index == 0 ? ARM64_ON : ARM64_OFF);
	vcpu_clear_request(v, ARM64_REQ_POWER | ARM64_REQ_SERROR);
	v->halted = v->index != 0;
}

bool arm64_power_up(struct arm64_cpu *c)
{
	vcpu_clear_request(c->vcpu, ARM64_REQ_POWER);
	if (atomic_load(&c->power) == ARM64_ON_PENDING) {
		arm64_reset_core(c, c->on_pc);
		c->x[0] = c->on_ctx;
		atomic_store(&c->power, ARM64_ON);
		c->vcpu->halted = false;
	}
	return atomic_load(&c->power) == ARM64_ON;
}

/* ---- work ---- */

/* What ends WFI does so whether PSTATE masks it or not. */
static bool arm64_has_work(struct vcpu *v)
{
	const struct arm64_cpu *c = v->arch;
	uint32_t r = atomic_load(&v->requests);

	if (atomic_load(&c->power) != ARM64_ON) {
		return r & ARM64_REQ_POWER;
	}
	return (r & (ARM64_REQ_IRQ | ARM64_REQ_FIQ | ARM64_REQ_SERROR)) ||
	       c->serror_pending;
}

static uint64_t arm64_pc(struct vcpu *v)
{
	const struct arm64_cpu *c = v->arch;

	return c->pc;
}

static bool arm64_peek(void *opaque, uint64_t pa, void *out, unsigned len)
{
	struct vm *vm = opaque;

	return dma_read(&vm->mem, pa, out, len) >= 0;
}

static int arm64_debug_translate(struct vcpu *v, uint64_t va, uint64_t *pa)
{
	struct arm64_xlat x;
	int r = arm64_walk(v->arch, va, arm64_peek, v->vm, &x);

	if (r >= 0) {
		*pa = x.pa;
	}
	return r;
}

/* ---- dump ---- */

static void arm64_dump(struct vcpu *v, FILE *f)
{
	const struct arm64_cpu *c = v->arch;
	uint32_t ps = arm64_pstate(c);

	fprintf(f, " PC=%016" PRIx64 "  SP=%016" PRIx64 "\n", c->pc, c->sp);
	for (unsigned i = 0; i < 31; i++) {
		fprintf(f, "X%02u=%016" PRIx64 "%c", i, c->x[i],
		        i % 4 == 3 ? '\n' : ' ');
	}
	fprintf(f,
	        "\nPSTATE=%08" PRIx32
	        " %c%c%c%c EL%u%c %c%c%c%c POWER=%u HLT=%d REQ=%x\n",
	        ps, ps & ARM64_PS_N ? 'N' : '-', ps & ARM64_PS_Z ? 'Z' : '-',
	        ps & ARM64_PS_C ? 'C' : '-', ps & ARM64_PS_V ? 'V' : '-', arm64_el(c),
	        ps & ARM64_PS_SP ? 'h' : 't', ps & ARM64_PS_D ? 'D' : '-',
	        ps & ARM64_PS_A ? 'A' : '-', ps & ARM64_PS_I ? 'I' : '-',
	        ps & ARM64_PS_F ? 'F' : '-', atomic_load(&c->power), v->halted,
	        atomic_load(&v->requests));
	fprintf(f, "SCTLR=%08" PRIx64 " TCR=%016" PRIx64 " MAIR=%016" PRIx64 "\n",
	        c->sctlr, c->tcr, c->mair);
	fprintf(f, "TTBR0=%016" PRIx64 " TTBR1=%016" PRIx64 " VBAR=%016" PRIx64 "\n",
	        c->ttbr0, c->ttbr1, c->vbar);
	fprintf(f,
	        "ESR=%08" PRIx64 " FAR=%016" PRIx64 " ELR=%016" PRIx64
	        " SPSR=%08" PRIx64 "\n",
	        c->esr, c->far, c->elr_el[1], c->spsr_el[1]);
	fprintf(f, "SP_EL0=%016" PRIx64 " SP_EL1=%016" PRIx64 " TPIDR=%016" PRIx64 "\n",
	        c->sp_el[0], c->sp_el[1], c->tpidr_el1);
	fprintf(f, "FPCR=%08" PRIx32 " FPSR=%08" PRIx32 " CPACR=%08" PRIx64 " SVE=%u\n",
	        c->fpcr, c->fpsr, c->cpacr, c->sve_vq * 128u);
	for (unsigned i = 0; i < 32; i++) {
		fprintf(f, "V%02u=%016" PRIx64 "%016" PRIx64 "%c", i, c->v[i].d[1],
		        c->v[i].d[0], i % 2 ? '\n' : ' ');
	}
}

const struct guest_arch arm64_guest_arch = {
	.name = "aarch64",
	.state_size = sizeof(struct arm64_cpu),
	.set_model = arm64_set_model,
	.reset = arm64_reset,
	.has_work = arm64_has_work,
	.dump = arm64_dump,
	.pc = arm64_pc,
	.debug_translate = arm64_debug_translate,
	.fields = arm64_fields,
	.n_fields = ARM64_N_FIELDS,
	.model_name = arm64_model_name,
};
