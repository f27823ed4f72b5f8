/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64.c - riscv64_guest_arch: models, power-on state, dumps and the debugger's view.
 *
 * Spec: RISC-V Privileged 3.4 (reset); SBI 3.0 chapter 9 for the state of a hart that
 * hart_start starts.
 * Threads: the vCPU's own, or any while it is stopped.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/opt.h"
#include "core/cpu/riscv64-internal.h"
#include "core/gmem.h"
#include "core/vm.h"

/* ---- models ---- */

static const char *const riscv64_models[] = { "max", "rv64", "host" };

static const char *riscv64_model_name(unsigned i)
{
	return i < ARRAY_LEN(riscv64_models) ? riscv64_models[i] : NULL;
}

static int riscv64_set_model(struct vcpu *v, struct opt *opts, struct err *e)
{
	struct riscv64_cpu *c = v->arch;
	const char *name = opts ? opt_get_str(opts, "model", "max") : "max";
	bool kvm = v->vm && v->vm->hv && !strcmp(v->vm->hv->name, "kvm");
	unsigned i = 0;

	while (i < ARRAY_LEN(riscv64_models) && strcmp(name, riscv64_models[i])) {
		i++;
	}
	if (i == ARRAY_LEN(riscv64_models)) {
		return err_set(
			e, -EINVAL,
			"'%s' is not a CPU model of riscv64: max, rv64 and host are",
			name);
	}
	if (!kvm && !strcmp(name, "host")) {
		return err_set(e, -EINVAL,
		               "-cpu host needs -accel kvm on a riscv64 host");
	}
	for (unsigned k = 0; opts && k < opt_count(opts); k++) {
		if (strcmp(opt_key_at(opts, k), "model")) {
			return err_set(e, -EINVAL, "-cpu %s: not supported: '%s'", name,
			               opt_key_at(opts, k));
		}
	}
	c->vcpu = v;
	c->model = riscv64_models[i];
	c->mhartid = v->index;
	c->time_freq = 10000000;
	/* RV64GC with S and U; under KVM, its word replaces this. */
	c->misa = UINT64_C(2) << 62 | RISCV64_MISA('I') | RISCV64_MISA('M') |
	          RISCV64_MISA('A') | RISCV64_MISA('F') | RISCV64_MISA('D') |
	          RISCV64_MISA('C') | RISCV64_MISA('S') | RISCV64_MISA('U');
	return 0;
}

/* ---- reset ---- */

static void riscv64_reset_regs(struct riscv64_cpu *c)
{
	memset(c->x, 0, sizeof(c->x));
	memset(c->f, 0, sizeof(c->f));
	memset(c->v, 0, sizeof(c->v));
	memset(c->scratch, 0, sizeof(c->scratch));
	memset(&c->aia, 0, sizeof(c->aia));
	memset(c->pmpcfg, 0, sizeof(c->pmpcfg));
	memset(c->pmpaddr, 0, sizeof(c->pmpaddr));
	c->pc = 0;
	c->frm = c->fflags = c->hflags = 0;
	c->res_addr = ~UINT64_C(0);
	c->res_val = 0;
	c->vl = c->vstart = c->vcsr = 0;
	c->vtype = BIT64(63); /* vill */
	c->priv = c->no_machine ? RISCV64_S : RISCV64_M;
	c->mstatus = UINT64_C(2) << 32 | UINT64_C(2) << 34; /* UXL, SXL: 64 bits */
	c->stvec = c->sscratch = c->sepc = c->scause = c->stval = c->satp = 0;
	c->scounteren = c->senvcfg = c->sstateen0 = 0;
	c->stimecmp = ~UINT64_C(0);
	c->mie = c->medeleg = c->mtvec = c->mscratch = c->mepc = c->mcause = c->mtval =
		0;
	/* Without machine mode everything is supervisor mode's. */
	c->mideleg = c->no_machine ? RISCV64_IP_S : 0;
	atomic_store(&c->mip, 0);
	c->mcounteren = c->mcountinhibit = c->menvcfg = c->mseccfg = 0;
	c->mcycle_off = c->minstret_off = 0;
	c->timer_on = false;
}

static void riscv64_reset(struct vcpu *v)
{
	struct riscv64_cpu *c = v->arch;
	/* With firmware all harts begin; without, the others wait for hart_start. */
	bool waits = c->no_machine && v->index != 0;

	c->vcpu = v;
	riscv64_reset_regs(c);
	c->x[10] =
		c->mhartid; /* a0: what the boot protocols of SBI and firmware pass */
	c->time = 0;
	c->on_pc = c->on_ctx = 0;
	atomic_store(&c->ext_irq, false);
	atomic_store(&c->hart_state, waits ? RISCV64_STOPPED : RISCV64_STARTED);
	vcpu_clear_request(v, RISCV64_REQ_START | RISCV64_REQ_IRQ);
	v->halted = waits;
}

bool riscv64_hart_started(struct riscv64_cpu *c)
{
	vcpu_clear_request(c->vcpu, RISCV64_REQ_START);
	if (atomic_load(&c->hart_state) == RISCV64_START_PENDING) {
		riscv64_reset_regs(c);
		c->priv = RISCV64_S;
		c->pc = c->on_pc;
		c->x[10] = c->mhartid;
		c->x[11] = c->on_ctx;
		atomic_store(&c->hart_state, RISCV64_STARTED);
		c->vcpu->halted = false;
	}
	return atomic_load(&c->hart_state) == RISCV64_STARTED;
}

/* ---- work ---- */

/* WFI ends when an enabled interrupt is pending, whether mstatus lets it in or not. */
static bool riscv64_has_work(struct vcpu *v)
{
	struct riscv64_cpu *c = v->arch;
	uint64_t ip =
		atomic_load(&c->mip) | (atomic_load(&c->ext_irq) ? RISCV64_IP_SEIP : 0);

	if (atomic_load(&c->hart_state) != RISCV64_STARTED) {
		return atomic_load(&v->requests) & RISCV64_REQ_START;
	}
	return (ip & c->mie) != 0;
}

static uint64_t riscv64_pc(struct vcpu *v)
{
	const struct riscv64_cpu *c = v->arch;

	return c->pc;
}

static bool riscv64_peek(void *opaque, uint64_t pa, void *out, unsigned len)
{
	struct vm *vm = opaque;

	return dma_read(&vm->mem, pa, out, len) >= 0;
}

static int riscv64_debug_translate(struct vcpu *v, uint64_t va, uint64_t *pa)
{
	const struct riscv64_cpu *c = v->arch;
	struct riscv64_xlat x;
	int r;

	if (c->priv == RISCV64_M) {
		*pa = va;
		return 0;
	}
	r = riscv64_walk(c, va, riscv64_peek, v->vm, &x);
	if (r >= 0) {
		*pa = x.pa;
	}
	return r;
}

/* ---- dump ---- */

static void riscv64_dump(struct vcpu *v, FILE *f)
{
	static const char *const names[] = {
		"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
		"a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
		"s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"
	};
	struct riscv64_cpu *c = v->arch;

	for (unsigned i = 0; i < 32; i++) {
		fprintf(f, "%-4s=%016" PRIx64 "%c", names[i], c->x[i],
		        i % 4 == 3 ? '\n' : ' ');
	}
	fprintf(f, "pc  =%016" PRIx64 " priv=%u hart=%u HLT=%d REQ=%x\n", c->pc,
	        c->priv, atomic_load(&c->hart_state), v->halted,
	        atomic_load(&v->requests));
	fprintf(f,
	        "mstatus=%016" PRIx64 " mie=%" PRIx64 " mip=%" PRIx64
	        " satp=%016" PRIx64 "\n",
	        c->mstatus, c->mie, atomic_load(&c->mip), c->satp);
	fprintf(f,
	        "stvec=%016" PRIx64 " sepc=%016" PRIx64 " scause=%" PRIx64
	        " stval=%016" PRIx64 " sscratch=%016" PRIx64 "\n",
	        c->stvec, c->sepc, c->scause, c->stval, c->sscratch);
	fprintf(f,
	        "mtvec=%016" PRIx64 " mepc=%016" PRIx64 " mcause=%" PRIx64
	        " mtval=%016" PRIx64 " medeleg=%" PRIx64 " mideleg=%" PRIx64 "\n",
	        c->mtvec, c->mepc, c->mcause, c->mtval, c->medeleg, c->mideleg);
	fprintf(f,
	        "frm=%u fflags=%02x vl=%" PRIu64 " vtype=%016" PRIx64 " vlenb=%" PRIu64
	        "\n",
	        c->frm, c->fflags, c->vl, c->vtype, c->vlenb);
	for (unsigned i = 0; i < 32; i++) {
		fprintf(f, "f%-3u=%016" PRIx64 "%c", i, c->f[i],
		        i % 4 == 3 ? '\n' : ' ');
	}
}

const struct guest_arch riscv64_guest_arch = {
	.name = "riscv64",
	.state_size = sizeof(struct riscv64_cpu),
	.set_model = riscv64_set_model,
	.reset = riscv64_reset,
	.has_work = riscv64_has_work,
	.dump = riscv64_dump,
	.pc = riscv64_pc,
	.debug_translate = riscv64_debug_translate,
	.fields = riscv64_fields,
	.n_fields = RISCV64_N_FIELDS,
	.model_name = riscv64_model_name,
};
