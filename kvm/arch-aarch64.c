/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arch-aarch64.c - KVM on AArch64: set-up, registers, exits. Interrupts are aarch64-gic.c.
 *
 * PSCI, timers and WFI are the kernel's: a vCPU that is off, or waits, sleeps inside
 * KVM_RUN. Secondary vCPUs begin there, switched off.
 *
 * Spec: Linux api.rst 4.82 and following, devices/vcpu.rst; DDI 0487.
 * Threads: control (VM), the vCPU's own (rest).
 *
 * Known gaps: compiled and tested in parts, never run on such a host (docs/kvm-hosts.md).
 * Nested virtualisation, memory tagging, AArch32 guests, hardware break points and the
 * stolen-time page are not switched on. No translator catches what KVM drops: an access
 * to a device that the processor does not describe (KVM_EXIT_ARM_NISV) becomes an external
 * abort for the guest.
 */
#include "config.h"

#include "kvm/aarch64.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "kvm/system-event.h"

/* The tables write the kernel's numbers out; here they meet the kernel's own. */
_Static_assert(A64_SYSREG(3, 3, 13, 0, 7) == ARM64_SYS_REG(3, 3, 13, 0, 7), "sysreg");
_Static_assert(A64_SYSREG(3, 3, 14, 0, 2) == KVM_REG_ARM_TIMER_CVAL, "timer compare");
_Static_assert(A64_TIMER_CNT == KVM_REG_ARM_TIMER_CNT, "timer count");
_Static_assert(A64_SYSREG(3, 3, 14, 3, 1) == KVM_REG_ARM_TIMER_CTL, "timer control");
_Static_assert(A64_CORE(ONE_REG_U64, 264) ==
                       (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
                        KVM_REG_ARM_CORE_REG(regs.pstate)),
               "pstate");
_Static_assert(A64_CORE(ONE_REG_U64, 288) ==
                       (KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE |
                        KVM_REG_ARM_CORE_REG(spsr[KVM_SPSR_EL1])),
               "spsr");
_Static_assert(A64_CORE(ONE_REG_U128, 336) ==
                       (KVM_REG_ARM64 | KVM_REG_SIZE_U128 | KVM_REG_ARM_CORE |
                        KVM_REG_ARM_CORE_REG(fp_regs.vregs[0])),
               "vregs");
_Static_assert(A64_CORE(ONE_REG_U32, 852) ==
                       (KVM_REG_ARM64 | KVM_REG_SIZE_U32 | KVM_REG_ARM_CORE |
                        KVM_REG_ARM_CORE_REG(fp_regs.fpcr)),
               "fpcr");
_Static_assert(A64_SVE(ONE_REG_U2048, 31 << 5) == KVM_REG_ARM64_SVE_ZREG(31, 0), "z");
_Static_assert(A64_SVE(ONE_REG_U256, 0x400 | 15 << 5) == KVM_REG_ARM64_SVE_PREG(15, 0),
               "p");
_Static_assert(A64_SVE(ONE_REG_U256, 0x600) == KVM_REG_ARM64_SVE_FFR(0), "ffr");
_Static_assert(A64_SVE_VLS == KVM_REG_ARM64_SVE_VLS, "vector lengths");
_Static_assert(GIC_GRP_DIST == KVM_DEV_ARM_VGIC_GRP_DIST_REGS &&
                       GIC_GRP_V2_CPU == KVM_DEV_ARM_VGIC_GRP_CPU_REGS &&
                       GIC_GRP_REDIST == KVM_DEV_ARM_VGIC_GRP_REDIST_REGS &&
                       GIC_GRP_SYSREGS == KVM_DEV_ARM_VGIC_GRP_CPU_SYSREGS,
               "groups");

/* ---- VM ---- */

int kvm_arch_probe(int sys_fd, struct err *e)
{
	static const struct kvm_need need[] = {
		{ KVM_CAP_ONE_REG, "register access (KVM_GET_ONE_REG)" },
		{ KVM_CAP_ARM_PSCI_0_2, "PSCI 0.2 (Linux 3.16)" },
		{ KVM_CAP_DEVICE_CTRL, "in-kernel devices" },
		{ KVM_CAP_IRQ_ROUTING, "interrupt routing (Linux 4.8)" }
	};

	return kvm_needs(sys_fd, need, ARRAY_LEN(need), e);
}

/* Bits of a guest physical address: as many as the host has; 0 where a kernel only knows
 * the old fixed 40. */
unsigned long kvm_arch_vm_type(int sys_fd)
{
	int bits = kvm_ioctl_n(sys_fd, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

	return bits > 0 ? KVM_VM_TYPE_ARM_IPA_SIZE((unsigned long)MIN(bits, 52)) : 0;
}

static int arch_enable(struct kvm *k, unsigned cap)
{
	struct kvm_enable_cap c = { .cap = cap };

	return kvm_cap(k, cap) > 0 ? kvm_ioctl(k->vm_fd, KVM_ENABLE_CAP, &c) : -ENOTSUP;
}

static int arch_target(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a = k->arch;
	struct kvm_vcpu_init init;
	int r = kvm_ioctl(k->vm_fd, KVM_ARM_PREFERRED_TARGET, &init);

	if (r < 0) {
		return err_set_errno(e, r, "KVM does not know this processor");
	}
	a->target = init.target;
	a->features = BIT(KVM_ARM_VCPU_PSCI_0_2);
	a->sve = kvm_cap(k, KVM_CAP_ARM_SVE) > 0;
	if (a->sve) {
		a->features |= BIT(KVM_ARM_VCPU_SVE);
	}
	/* The kernel wants both kinds of pointer authentication or none. */
	if (kvm_cap(k, KVM_CAP_ARM_PTRAUTH_ADDRESS) > 0 &&
	    kvm_cap(k, KVM_CAP_ARM_PTRAUTH_GENERIC) > 0) {
		a->features |= BIT(KVM_ARM_VCPU_PTRAUTH_ADDRESS) |
		               BIT(KVM_ARM_VCPU_PTRAUTH_GENERIC);
	}
	a->pmu = kvm_cap(k, KVM_CAP_ARM_PMU_V3) > 0;
	return 0;
}

int kvm_arch_vm_init(struct kvm *k, struct err *e)
{
	struct kvm_arch_vm *a;
	unsigned long type = kvm_arch_vm_type(kvm_sys_fd());

	if (strcmp(k->vm->arch->name, "aarch64")) {
		return err_set(e, -ENOTSUP,
		               "KVM of this aarch64 host runs aarch64 guests, not %s: "
		               "use -accel tcg",
		               k->vm->arch->name);
	}
	if (!k->kernel_chip || k->split_chip) {
		return err_set(e, -ENOTSUP,
		               "-accel kvm: not supported: kernel-irqchip=%s on "
		               "aarch64: there is no GIC in user space",
		               k->split_chip ? "split" : "off");
	}
	a = calloc(1, sizeof(*a));
	if (!a) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	k->arch = a;
	a->gic_fd = a->its_fd = -1;
	lk_init(&a->gic_lk, RANK_BUS, "kvm-gic");
	a->ipa_bits = type ? (unsigned)type : 40;
	k->phys_bits = a->ipa_bits;
	a->mp_state = kvm_cap(k, KVM_CAP_MP_STATE) > 0;
	a->events = kvm_cap(k, KVM_CAP_VCPU_EVENTS) > 0;
	a->inject_dabt = kvm_cap(k, KVM_CAP_ARM_INJECT_EXT_DABT) > 0;
	if (arch_enable(k, KVM_CAP_ARM_NISV_TO_USER) < 0) {
		log_d(LOG_UNIMP, "kvm: accesses without syndrome do not exit\n");
	}
	return arch_target(k, e);
}

void kvm_arch_vm_fini(struct kvm *k)
{
	if (k->arch) {
		kvm_gic_fini(k);
		free(k->arch);
		k->arch = NULL;
	}
}

/* ---- vCPU ---- */

unsigned long kvm_arch_vcpu_id(struct vcpu *c)
{
	return c->index;
}

static int arch_vcpu_reset(struct kvm_vcpu *v, struct err *e)
{
	struct kvm_vcpu_init init = { .target = v->k->arch->target,
		                      .features[0] = v->k->arch->features };
	const struct arm64_irqchip *chip = v->k->vm->irqchip;
	int r;

	if (v->c->index) {
		init.features[0] |= BIT(KVM_ARM_VCPU_POWER_OFF);
	}
	if (v->k->arch->pmu && chip && chip->pmu_ppi) {
		init.features[0] |= BIT(KVM_ARM_VCPU_PMU_V3);
	}
	r = kvm_ioctl(v->fd, KVM_ARM_VCPU_INIT, &init);
	return r < 0 ? err_set_errno(e, r, "KVM does not set vCPU %u up", v->c->index)
	             : 0;
}

static int arch_vcpu_sve(struct kvm_vcpu *v, struct err *e)
{
	struct arm64_cpu *c = v->c->arch;
	int feature = KVM_ARM_VCPU_SVE, r;

	c->sve_vq = 0;
	if (!v->k->arch->sve) {
		return 0;
	}
	r = one_reg_get(v->fd, A64_SVE_VLS, c->sve_vls);
	r = r < 0 ? r : kvm_ioctl(v->fd, KVM_ARM_VCPU_FINALIZE, &feature);
	if (r < 0) {
		return err_set_errno(e, r, "KVM does not set the vectors of vCPU %u up",
		                     v->c->index);
	}
	for (unsigned i = 0; i < 512; i++) {
		if (c->sve_vls[i / 64] >> (i % 64) & 1) {
			c->sve_vq = (uint8_t)MIN(i + 1, (unsigned)ARM64_SVE_VQ_MAX);
		}
	}
	return 0;
}

int kvm_arch_vcpu_init(struct kvm_vcpu *v, struct err *e)
{
	struct arm64_cpu *c = v->c->arch;
	int r;

	v->arch = calloc(1, sizeof(*v->arch));
	if (!v->arch) {
		return err_set(e, -ENOMEM, "out of memory");
	}
	r = arch_vcpu_reset(v, e);
	r = r < 0 ? r : arch_vcpu_sve(v, e);
	r = r < 0 ? r : one_regs_init(&v->arch->regs, v->fd, a64_regs, a64_n_regs, e);
	r = r < 0 ? r : kvm_arch_pull(v, e); /* for the identification */
	c->psci_in_kernel = true;
	v->arch->reset = true;
	return r;
}

/* ---- state ---- */

static int arch_pull_events(struct kvm_vcpu *v, struct arm64_cpu *c)
{
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };
	struct kvm_vcpu_events ev;
	int r = 0;

	memset(&ev, 0, sizeof(ev));
	if (v->k->arch->mp_state) {
		r = kvm_ioctl(v->fd, KVM_GET_MP_STATE, &mp);
	}
	if (r >= 0 && v->k->arch->events) {
		r = kvm_ioctl(v->fd, KVM_GET_VCPU_EVENTS, &ev);
	}
	atomic_store(&c->power,
	             mp.mp_state == KVM_MP_STATE_STOPPED ? ARM64_OFF : ARM64_ON);
	c->serror_pending = ev.exception.serror_pending;
	c->serror_has_esr = ev.exception.serror_has_esr;
	c->serror_esr = ev.exception.serror_esr;
	c->ext_dabt_pending = ev.exception.ext_dabt_pending;
	return r;
}

int kvm_arch_pull(struct kvm_vcpu *v, struct err *e)
{
	struct arm64_cpu *c = v->c->arch;
	int r = one_regs_pull(&v->arch->regs, v->fd, c, &v->arch->view, e);

	if (r < 0) {
		return r;
	}
	a64_from_view(c, &v->arch->view);
	v->arch->cntvct = c->cntvct;
	r = arch_pull_events(v, c);
	return r < 0 ? err_set_errno(e, r, "KVM does not give the events of vCPU %u",
	                             v->c->index)
	             : 0;
}

static int arch_push_events(struct kvm_vcpu *v, struct arm64_cpu *c)
{
	struct kvm_mp_state mp = { .mp_state = atomic_load(&c->power) == ARM64_ON
		                                       ? KVM_MP_STATE_RUNNABLE
		                                       : KVM_MP_STATE_STOPPED };
	struct kvm_vcpu_events ev;
	int r = 0;

	memset(&ev, 0, sizeof(ev));
	ev.exception.serror_pending = c->serror_pending;
	ev.exception.serror_has_esr = c->serror_has_esr;
	ev.exception.serror_esr = c->serror_has_esr ? c->serror_esr : 0;
	ev.exception.ext_dabt_pending = c->ext_dabt_pending;
	if (v->k->arch->events) {
		r = kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &ev);
	}
	if (r >= 0 && v->k->arch->mp_state) {
		r = kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp);
	}
	return r;
}

/* The count is the VM's: it is set once, and only when somebody changed it. */
static int arch_push_clock(struct kvm_vcpu *v, struct arm64_cpu *c)
{
	int r = 0;

	if (v->c->index == 0 && (c->cntvct != v->arch->cntvct || v->arch->reset)) {
		r = one_reg_set(v->fd, A64_TIMER_CNT, &c->cntvct);
	}
	v->arch->cntvct = c->cntvct;
	return r;
}

int kvm_arch_push(struct kvm_vcpu *v, bool flush, struct err *e)
{
	struct arm64_cpu *c = v->c->arch;
	int r = kvm_gic_finish(v->k, e);

	(void)flush; /* nothing is derived from guest page tables */
	if (r >= 0 && v->arch->reset) {
		if (v->run->exit_reason == KVM_EXIT_MMIO) {
			v->io_pending = true; /* else its end meets the new state */
			kvm_vcpu_finish_io(v);
		}
		r = arch_vcpu_reset(v, e);
		v->arch->regs.rest_valid = false; /* KVM has just reset those */
		v->c->halted = false;             /* who is off waits in the kernel */
	}
	if (r < 0) {
		return r;
	}
	r = arch_push_clock(v, c);
	if (r < 0) {
		return err_set_errno(e, r, "KVM does not take the guest's clock");
	}
	a64_to_view(c, &v->arch->view);
	r = one_regs_push(&v->arch->regs, v->fd, c, &v->arch->view, e);
	if (r < 0) {
		return r;
	}
	r = arch_push_events(v, c);
	if (r < 0) {
		return err_set_errno(e, r, "KVM does not take the events of vCPU %u",
		                     v->c->index);
	}
	v->arch->reset = false;
	return 0;
}

/* ---- running ---- */

bool kvm_arch_pre_run(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	(void)v, (void)why; /* interrupts are the kernel's */
	return true;
}

/* The guest touched device memory by an instruction that the processor does not describe
 * (pairs, write-back, vectors). */
static bool arch_nisv(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	uint64_t ipa = v->run->arm_nisv.fault_ipa;
	struct kvm_vcpu_events ev;

	if (kvm_burst_failed(v, why)) {
		return true;
	}
	if (!v->k->arch->inject_dabt) {
		return false;
	}
	memset(&ev, 0, sizeof(ev));
	ev.exception.ext_dabt_pending = 1;
	if (kvm_ioctl(v->fd, KVM_SET_VCPU_EVENTS, &ev) < 0) {
		return false;
	}
	log_guest("vCPU %u: device memory at 0x%llx was touched by an instruction that "
	          "the "
	          "processor does not describe: external abort",
	          v->c->index, (unsigned long long)ipa);
	return true;
}

bool kvm_arch_exit(struct kvm_vcpu *v, enum vcpu_exit *why)
{
	switch (v->run->exit_reason) {
	case KVM_EXIT_SYSTEM_EVENT: return kvm_system_event(v);
	case KVM_EXIT_ARM_NISV: return arch_nisv(v, why);
	default: return false;
	}
}
