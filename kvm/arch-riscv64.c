/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arch-riscv64.c - KVM on RV64: set-up, registers, interrupts from a user-space controller,
 * exits. The kernel's own controller is riscv64-aia.c.
 *
 * The guest begins in supervisor mode: machine mode is KVM. Of the SBI the kernel does
 * timers, IPIs, fences and hart start; the console comes here. Harts that wait for
 * hart_start sleep inside KVM_RUN.
 *
 * Spec: Linux api.rst (RISC-V parts); RISC-V SBI 3.0.
 * Threads: control (VM), the vCPU's own (rest).
 *
 * Known gaps: compiled and tested in parts, never run on such a host (docs/kvm-hosts.md). No
 * translator catches what KVM drops. The instruction set is what KVM offers: single
 * extensions can't be switched off.
 */
#include "config.h"

#include "kvm/riscv64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "core/cpu/riscv64-sbi.h"
#include "kvm/system-event.h"

enum { RV_CSR_SEED = 0x015 };

/* The tables write the kernel's numbers out; here they meet the kernel's own. */
#define RV_KERNEL(size, type, n) (KVM_REG_RISCV | (size) | (uint64_t)(type) | (n))
_Static_assert(RV_REG(ONE_REG_U64, RV_CORE, 0, 32) ==
                       RV_KERNEL(KVM_REG_SIZE_U64, KVM_REG_RISCV_CORE,
                                 KVM_REG_RISCV_CORE_REG(mode)),
               "mode");
_Static_assert(RV_REG(ONE_REG_U64, RV_CORE, 0, 10) ==
                       RV_KERNEL(KVM_REG_SIZE_U64, KVM_REG_RISCV_CORE,
                                 KVM_REG_RISCV_CORE_REG(regs.a0)),
               "a0");
_Static_assert(RV_REG(ONE_REG_U64, RV_CSR, 0, 9) ==
                       RV_KERNEL(KVM_REG_SIZE_U64, KVM_REG_RISCV_CSR,
                                 KVM_REG_RISCV_CSR_REG(scounteren)),
               "scounteren");
_Static_assert(RV_TIMER_STATE == RV_KERNEL(KVM_REG_SIZE_U64, KVM_REG_RISCV_TIMER,
                                           KVM_REG_RISCV_TIMER_REG(state)),
               "timer");
_Static_assert(RV_REG(ONE_REG_U32, RV_FP_D, 0, 32) ==
                       RV_KERNEL(KVM_REG_SIZE_U32, KVM_REG_RISCV_FP_D,
                                 KVM_REG_RISCV_FP_D_REG(fcsr)),
               "fcsr");

/* ---- VM ---- */

int kvm_arch_probe(int sys_fd, struct err *e)
{
	static const struct kvm_need need[] = {
		{ KVM_CAP_ONE_REG, "register access (KVM_GET_ONE_REG)" },
	};

	return kvm_needs(sys_fd, need, ARRAY_LEN(need), e);
}

unsigned long kvm_arch_vm_type(int sys_fd)
{
	(void)sys_fd;
	return 0;
}

int kvm_arch_vm_init(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a;

	if (strcmp(k->vm->arch->name, "riscv64")) {
		return err_set(e, -ENOTSUP,
		               "KVM of this riscv64 host runs riscv64 guests, not %s: "
		               "use -accel tcg",
		               k->vm->arch->name);
	}
	if (k->split_chip) {
		return err_set(e, -ENOTSUP,
		               "-accel kvm: not supported: kernel-irqchip=split on "
		               "riscv64: use on or off");
	}
	a = calloc(1, sizeof(*a));
	if (!a) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	k->arch = a;
	a->aia_fd = -1;
	lk_init(&a->aia_lk, RANK_BUS, "kvm-aia");
	a->mp_state = kvm_cap(k, KVM_CAP_MP_STATE) > 0;
	if (k->kernel_chip && !kvm_aia_possible(k)) {
		log_info("KVM of this host has no interrupt controller (AIA): using "
		         "lodge's");
		k->kernel_chip = false;
	}
	return 0;
}

void kvm_arch_vm_fini(struct kvm *k)
{
	if (k->arch) {
		kvm_aia_fini(k);
		free(k->arch);
		k->arch = NULL;
	}
}

/* ---- vCPU ---- */

unsigned long kvm_arch_vcpu_id(struct vcpu *c)
{
	return ((struct riscv64_cpu *)c->arch)->mhartid;
}

int kvm_arch_vcpu_init(struct kvm_vcpu *v, struct err *e)
{
	struct riscv64_cpu *c = v->c->arch;
	uint64_t on = 1;
	int r;

	v->arch = calloc(1, sizeof(*v->arch));
	if (!v->arch) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	c->no_machine = true;
	c->mideleg = RISCV64_IP_S;
	/* Off at first, because user space has to serve it (Linux 6.7). */
	if (one_reg_set(v->fd, RV_SBI_DBCN, &on) < 0) {
		log_d(LOG_UNIMP, "kvm: no SBI debug console\n");
	}
	r = one_regs_init(&v->arch->regs, v->fd, rv_regs, rv_n_regs, e);
	r = r < 0 ? r : kvm_arch_pull(v, e); /* for the identification */
	v->arch->reset = true;
	return r;
}

/* ---- state ---- */

int kvm_arch_pull(struct kvm_vcpu *v, struct err *e)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct riscv64_cpu *c = v->c->arch;
	int r = one_regs_pull(&v->arch->regs, v->fd, c, &v->arch->view, e);

	if (r < 0) {
		return r;
	}
	rv_from_view(c, &v->arch->view);
	v->arch->time = c->time;
	if (v->k->arch->mp_state) {
		r = kvm_ioctl(v->fd, KVM_GET_MP_STATE, &mp);
	}
	if (r < 0) {
		return err_set_errno(e, r, "KVM does not say whether vCPU %u runs",
		                     v->c->index);
	}
	atomic_store(&c->hart_state, mp.mp_state == KVM_MP_STATE_STOPPED
	                                     ? RISCV64_STOPPED
	                                     : RISCV64_STARTED);
	return 0;
}

static int arch_push_mp(struct kvm_vcpu *v, struct riscv64_cpu *c)
{
	struct kvm_mp_state mp = { .mp_state = atomic_load(&c->hart_state) ==
		                                               RISCV64_STARTED
		                                       ? KVM_MP_STATE_RUNNABLE
		                                       : KVM_MP_STATE_STOPPED };

	return v->k->arch->mp_state ? kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp) : 0;
}

/* The time is the VM's: it is set once, and only when somebody changed it. */
static int arch_push_clock(struct kvm_vcpu *v, struct riscv64_cpu *c)
{
	int r = 0;

	if (v->c->index == 0 && (c->time != v->arch->time || v->arch->reset)) {
		r = one_reg_set(v->fd, RV_TIMER_TIME, &c->time);
	}
	v->arch->time = c->time;
	return r;
}

/* An exit of the old life that KVM has not seen the end of would meet the new state. */
static void arch_end_exit(struct kvm_vcpu *v)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_MMIO:
	case KVM_EXIT_RISCV_SBI:
	case KVM_EXIT_RISCV_CSR:
		v->io_pending = true;
		kvm_vcpu_finish_io(v);
		break;
	default: break;
	}
}

int kvm_arch_push(struct kvm_vcpu *v, bool flush, struct err *e)
{
	struct riscv64_cpu *c = v->c->arch;
	int r = kvm_aia_finish(v->k, e);

	(void)flush; /* nothing is derived from guest page tables */
	if (r < 0) {
		return r;
	}
	if (c->priv == RISCV64_M) {
		return err_set(e, -ENOTSUP,
		               "vCPU %u is in machine mode: KVM runs supervisor and "
		               "user mode only",
		               v->c->index);
	}
	if (v->arch->reset) {
		arch_end_exit(v);
		v->arch->regs.rest_valid = false;
		v->arch->ext_irq_sent = true; /* so that the line is lowered */
		v->c->halted = false;         /* who waits does so in the kernel */
	}
	r = arch_push_clock(v, c);
	if (r < 0) {
		return err_set_errno(e, r, "KVM does not take the guest's clock");
	}
	rv_to_view(c, &v->arch->view);
	r = one_regs_push(&v->arch->regs, v->fd, c, &v->arch->view, e);
	if (r < 0) {
		return r;
	}
	r = arch_push_mp(v, c);
	if (r < 0) {
		return err_set_errno(e, r, "KVM does not take whether vCPU %u runs",
		                     v->c->index);
	}
	v->arch->reset = false;
	return 0;
}

/* ---- running ---- */

/* Without the kernel's controller, ours has one line to each hart. */
bool kvm_arch_pre_run(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	struct riscv64_cpu *c = v->c->arch;
	struct kvm_interrupt irq;
	bool level;

	(void)why;
	if (v->k->arch->aia_fd >= 0) {
		return true;
	}
	vcpu_clear_request(v->c, RISCV64_REQ_IRQ);
	level = atomic_load(&c->ext_irq);
	if (level != v->arch->ext_irq_sent) {
		irq.irq = level ? KVM_INTERRUPT_SET : KVM_INTERRUPT_UNSET;
		if (kvm_ioctl(v->fd, KVM_INTERRUPT, &irq) < 0) {
			log_guest("vCPU %u: KVM does not take an interrupt",
			          v->c->index);
		}
		v->arch->ext_irq_sent = level;
	}
	return true;
}

static void arch_sbi(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	uint64_t arg[6];
	struct riscv64_sbi_result r;

	for (unsigned i = 0; i < 6; i++) {
		arg[i] = run->riscv_sbi.args[i];
	}
	r = riscv64_sbi(v->c->arch, run->riscv_sbi.extension_id,
	                run->riscv_sbi.function_id, arg);
	run->riscv_sbi.ret[0] = (unsigned long)r.a0;
	run->riscv_sbi.ret[1] = (unsigned long)r.a1;
	v->io_pending = true;
}

/* Zkr's entropy source: two state bits (16: 16 bits of entropy follow) and the bits. */
static bool arch_csr(struct kvm_vcpu *v)
{
	struct kvm_run *run = v->run;
	uint16_t bits = 0;

	if (run->riscv_csr.csr_num != RV_CSR_SEED) {
		return false;
	}
	run->riscv_csr.ret_value =
		getrandom(&bits, sizeof(bits), GRND_NONBLOCK) == sizeof(bits)
			? UINT32_C(2) << 30 | bits
			: UINT32_C(1) << 30; /* WAIT */
	v->io_pending = true;
	return true;
}

bool kvm_arch_exit(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	(void)why;
	switch (v->run->exit_reason) {
	case KVM_EXIT_SYSTEM_EVENT: return kvm_system_event(v);
	case KVM_EXIT_RISCV_SBI: arch_sbi(v); return true;
	case KVM_EXIT_RISCV_CSR: return arch_csr(v);
	default: return false;
	}
}
