/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-chips.c - the state of the kernel's interrupt controllers goes to them and comes back
 * (struct hv_chips, core/hv.h), and what of it belongs to one vCPU.
 *
 * Spec: Linux api.rst KVM_SET_LAPIC, KVM_SET_IRQCHIP, KVM_SET_MP_STATE, KVM_SET_PIT2.
 *
 * Order of giving: IOAPIC with all pins masked; the levels of lines, so that nothing is
 * delivered for them; local APICs; PIC; IOAPIC as it is, which sends what is pending.
 * The PIT last.
 *
 * A paravirtual EOI is never half done here: on each exit KVM takes the pending bit out of
 * guest memory, so the in-service register is the truth, and the guest's next EOI is a
 * real one.
 *
 * mp_state: wait_sipi and halted of a vCPU go with its registers (pull, push), but `halted`
 * of struct vcpu means halted in user space: a pull only notes it, kvm_arch_take_over()
 * makes it so.
 *
 * Threads: chips: control, every vCPU out of guest code; one vCPU: its own.
 * Known gaps: the low four bits of the task priority are lost with the vCPU's next push; NMI
 * and SMI from a kernel APIC between a vCPU's pull and push.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "core/clock.h"
#include "core/cpu/x86-chips.h"
#include "kvm/x86.h"

#define MSR_APIC_BASE 0x1bu

static struct kvm_vcpu *chip_vcpu(const struct vm *vm, unsigned i)
{
	return i < vm->n_vcpus ? vm->vcpus[i]->hv : NULL;
}

/* ---- local APICs ---- */

static int chip_lapic_set(struct kvm_vcpu *v, const struct x86_chip_lapic *s)
{
	uint64_t base = s->base, deadline = s->tsc_deadline;
	struct kvm_lapic_state k;
	int r = kvm_x86_msr_io(v->fd, KVM_SET_MSRS, MSR_APIC_BASE, &base);

	v->arch->apic_base = s->base;
	v->arch->halted = false; /* the struct's word counts from now on */
	kvm_x86_lapic_push(&k, s, v->k->arch->x2apic_api);
	r = r < 0 ? r : kvm_ioctl(v->fd, KVM_SET_LAPIC, &k);
	if (r >= 0 && deadline) {
		kvm_x86_tsc_push(v); /* KVM sets its timer by the TSC of this moment */
		r = kvm_x86_msr_io(v->fd, KVM_SET_MSRS, MSR_TSC_DEADLINE, &deadline);
	}
	return r;
}

static int chip_lapic_get(struct kvm_vcpu *v, struct x86_chip_lapic *s)
{
	struct kvm_mp_state mp;
	struct kvm_lapic_state k;
	uint64_t base = 0, deadline = 0, zero = 0;
	int r = kvm_ioctl(v->fd, KVM_GET_MP_STATE,
	                  &mp); /* carries out a pending INIT */

	r = r < 0 ? r : kvm_x86_msr_io(v->fd, KVM_GET_MSRS, MSR_APIC_BASE, &base);
	r = r < 0 ? r : kvm_ioctl(v->fd, KVM_GET_LAPIC, &k);
	if (r < 0) {
		return r;
	}
	(void)kvm_x86_msr_io(v->fd, KVM_GET_MSRS, MSR_TSC_DEADLINE,
	                     &deadline); /* 0 where there is none */
	kvm_x86_lapic_pull(s, &k, base, deadline);
	s->reg[LAPIC_REG_ID] = ((struct x86_cpu *)v->c->arch)->apic_id;
	/* Its timer stops. */
	if (deadline) {
		(void)kvm_x86_msr_io(v->fd, KVM_SET_MSRS, MSR_TSC_DEADLINE, &zero);
	} else if (s->reg[LAPIC_REG_TMR_INIT]) {
		struct x86_chip_lapic quiet = *s;

		quiet.reg[LAPIC_REG_TMR_CUR] = 0;
		kvm_x86_lapic_push(&k, &quiet, v->k->arch->x2apic_api);
		(void)kvm_ioctl(v->fd, KVM_SET_LAPIC, &k);
	}
	return 0;
}

static int chip_lapics(struct vm *vm, struct x86_chips *out, const struct x86_chips *in)
{
	/* cppcheck-suppress nullPointer; one of the two is given */
	unsigned n = out ? out->n_lapics : in->n_lapics;
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < n; i++) {
		struct kvm_vcpu *v = chip_vcpu(vm, i);

		if (v) {
			r = out ? chip_lapic_get(v, &out->lapic[i])
			        : chip_lapic_set(v, &in->lapic[i]);
		}
	}
	return r;
}

/* ---- IOAPIC and PIC ---- */

static int chip_get(struct kvm *k, unsigned id, struct kvm_irqchip *c)
{
	memset(c, 0, sizeof(*c));
	c->chip_id = id;
	return kvm_ioctl(k->vm_fd, KVM_GET_IRQCHIP, c);
}

static int chip_set_ioapic(struct kvm *k, const struct x86_chip_ioapic *s,
                           uint32_t lines)
{
	struct kvm_irqchip c = { .chip_id = KVM_IRQCHIP_IOAPIC };

	kvm_x86_ioapic_push(&c.chip.ioapic, s, lines);
	return kvm_ioctl(k->vm_fd, KVM_SET_IRQCHIP, &c);
}

static int chip_set_pics(struct kvm *k, const struct x86_chip_pic *s)
{
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < 2; i++) {
		struct kvm_irqchip c = { .chip_id = i ? KVM_IRQCHIP_PIC_SLAVE
			                              : KVM_IRQCHIP_PIC_MASTER };

		kvm_x86_pic_push(&c.chip.pic, &s[i], i == 0);
		r = kvm_ioctl(k->vm_fd, KVM_SET_IRQCHIP, &c);
	}
	return r;
}

/* What KVM remembers of each input's source is not part of its chips' state. */
static void chip_set_lines(struct vm *vm, const struct x86_chips *s)
{
	struct kvm_arch_vm *a = ((struct kvm *)vm->hv_priv)->arch;
	uint32_t pins = (s->ioapic_lines & ~(uint32_t)(BIT(0) | BIT(2))) |
	                (s->ioapic_lines >> 2 & BIT(0)); /* as GSIs */

	for (uint32_t d = a->pin_level ^ pins; d; d &= d - 1) {
		unsigned n = (unsigned)__builtin_ctz(d);

		kvm_arch_set_gsi(vm, n < X86_PIC_PINS ? HV_GSI_IOAPIC + n : n,
		                 pins >> n & 1);
	}
	for (uint32_t d = a->pic_level ^ s->pic_lines; d; d &= d - 1) {
		unsigned n = (unsigned)__builtin_ctz(d);

		kvm_arch_set_gsi(vm, HV_GSI_PIC + n, s->pic_lines >> n & 1);
	}
}

static int chip_mask_ioapic(struct kvm *k)
{
	struct x86_chip_ioapic s = { .id = 0 };

	for (unsigned i = 0; i < X86_IOAPIC_PINS; i++) {
		s.rte[i] = BIT64(16);
	}
	return chip_set_ioapic(k, &s, 0);
}

/* ---- the PIT ---- */

static int chip_set_pit(struct kvm *k, const struct x86_chip_pit *s)
{
	struct kvm_pit_state2 p;

	kvm_x86_pit_push(&p, s, &k->arch->pit_parked);
	return kvm_ioctl(k->vm_fd, KVM_SET_PIT2, &p);
}

static int chip_get_pit(struct kvm *k, struct x86_chip_pit *s)
{
	struct kvm_pit_state2 p, stop;
	int r = kvm_ioctl(k->vm_fd, KVM_GET_PIT2, &p);

	if (r < 0) {
		return r;
	}
	kvm_x86_pit_pull(s, &p, k->arch->pit_parked, clock_ns(CLOCK_RT));
	stop = p;
	stop.channels[0].mode = 0xff; /* as KVM makes it: no timer */
	return kvm_ioctl(k->vm_fd, KVM_SET_PIT2, &stop);
}

void kvm_x86_pit_irq_enable(struct vm *vm, bool on)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_pit_state2 p;

	if (kvm_ioctl(k->vm_fd, KVM_GET_PIT2, &p) >= 0) {
		p.flags = on ? p.flags & ~(uint32_t)KVM_PIT_FLAGS_HPET_LEGACY
		             : p.flags | KVM_PIT_FLAGS_HPET_LEGACY;
		(void)kvm_ioctl(k->vm_fd, KVM_SET_PIT2, &p);
	}
}

/* ---- all of them ---- */

int kvm_x86_chips_set(struct vm *vm, const struct x86_chips *s, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	int r = 0;

	if (s->has & X86_CHIP_IOAPIC) {
		r = chip_mask_ioapic(k);
		chip_set_lines(vm, s);
	}
	if (r >= 0 && s->has & X86_CHIP_LAPIC) {
		r = chip_lapics(vm, NULL, s);
	}
	if (r >= 0 && s->has & X86_CHIP_PIC) {
		r = chip_set_pics(k, s->pic);
	}
	if (r >= 0 && s->has & X86_CHIP_IOAPIC) {
		r = chip_set_ioapic(k, &s->ioapic, s->ioapic_lines);
	}
	if (r >= 0 && s->has & X86_CHIP_PIT) {
		r = chip_set_pit(k, &s->pit);
	}
	return r < 0 ? err_set_errno(e, r,
	                             "KVM does not take the state of the interrupt "
	                             "controllers")
	             : 0;
}

int kvm_x86_chips_get(struct vm *vm, struct x86_chips *s, struct err *e)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_irqchip c;
	int r = 0;

	if (s->has & X86_CHIP_PIT) {
		r = chip_get_pit(k, &s->pit);
	}
	if (r >= 0 && s->has & X86_CHIP_LAPIC) {
		r = chip_lapics(vm, s, NULL);
	}
	if (r >= 0 && s->has & X86_CHIP_IOAPIC) {
		r = chip_get(k, KVM_IRQCHIP_IOAPIC, &c);
		kvm_x86_ioapic_pull(&s->ioapic, &c.chip.ioapic);
	}
	for (unsigned i = 0; r >= 0 && s->has & X86_CHIP_PIC && i < 2; i++) {
		r = chip_get(k, i ? KVM_IRQCHIP_PIC_SLAVE : KVM_IRQCHIP_PIC_MASTER, &c);
		kvm_x86_pic_pull(&s->pic[i], &c.chip.pic);
	}
	return r < 0 ? err_set_errno(e, r,
	                             "KVM does not give the state of the interrupt "
	                             "controllers")
	             : 0;
}

/* ---- one vCPU ---- */

void kvm_x86_chip_vcpu_init(struct kvm_vcpu *v)
{
	v->arch->apic_base = 0xfee00800u | (v->c->index == 0 ? 0x100u : 0);
}

/* Switched off it gets no messages any more. It is also the only way out of x2APIC mode. */
void kvm_x86_chip_vcpu_off(struct kvm_vcpu *v)
{
	uint64_t off = 0;

	if (v->k->kernel_chip) {
		(void)kvm_x86_msr_io(v->fd, KVM_SET_MSRS, MSR_APIC_BASE, &off);
	}
}

int kvm_x86_chip_vcpu_clear(struct kvm_vcpu *v)
{
	const struct x86_cpu *c = v->c->arch;
	struct x86_chip_lapic s = { .base = v->arch->apic_base };

	if (!v->k->kernel_chip) {
		return 0;
	}
	s.reg[LAPIC_REG_ID] = c->apic_id;
	s.reg[LAPIC_REG_DFR] = UINT32_MAX;
	s.reg[LAPIC_REG_SVR] = 0xff;
	for (unsigned i = 0; i < 6; i++) {
		s.reg[LAPIC_REG_LVT + i] = BIT(16); /* masked */
	}
	if (v->reused) {
		struct kvm_mp_state mp;

		/* An INIT or STARTUP that was sent to nobody is carried out, and the state
		 * that comes of it replaced. */
		(void)kvm_ioctl(v->fd, KVM_GET_MP_STATE, &mp);
	}
	/* Also of a new one: KVM's table of destinations lists it only from here on. */
	return chip_lapic_set(v, &s);
}

/* Before the registers: KVM carries out an INIT or STARTUP that has come. */
int kvm_x86_chip_vcpu_pull(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;
	struct kvm_mp_state mp;
	int r = v->k->kernel_chip ? kvm_ioctl(v->fd, KVM_GET_MP_STATE, &mp) : 0;

	if (!v->k->kernel_chip || r < 0) {
		return r;
	}
	c->wait_sipi = mp.mp_state == KVM_MP_STATE_UNINITIALIZED ||
	               mp.mp_state == KVM_MP_STATE_INIT_RECEIVED;
	v->arch->halted = mp.mp_state == KVM_MP_STATE_HALTED;
	return 0;
}

void kvm_x86_chip_take_over(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;

	if (v->k->kernel_chip) {
		v->c->halted = v->arch->halted || c->wait_sipi;
		v->arch->halted = false;
	}
}

/* After the registers. Who sleeps sleeps in the kernel. */
int kvm_x86_chip_vcpu_push(struct kvm_vcpu *v)
{
	struct x86_cpu *c = v->c->arch;
	struct kvm_mp_state mp = { .mp_state = KVM_MP_STATE_RUNNABLE };

	if (!v->k->kernel_chip) {
		return 0;
	}
	if (c->wait_sipi) {
		mp.mp_state = KVM_MP_STATE_INIT_RECEIVED;
	} else if (v->c->halted || v->arch->halted) {
		mp.mp_state = KVM_MP_STATE_HALTED;
	}
	v->c->halted = false;
	return kvm_ioctl(v->fd, KVM_SET_MP_STATE, &mp);
}
