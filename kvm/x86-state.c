/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-state.c - the state of an x86 vCPU between KVM and struct x86_cpu: registers, and the
 * order of all parts.
 *
 *   x86-state.c   general and control registers, segments
 *   x86-xsave.c   FPU, vectors
 *   x86-msr.c     MSRs, machine checks
 *   x86-events.c  pending events, debug registers, nested state
 *   x86-pv.c      the paravirtual MSRs that the translator serves too
 *   x86-apf.c     asynchronous page faults
 *   x86-clock.c   TSC, paravirtual clock
 *
 * Spec: Linux Documentation/virt/kvm/api.rst.
 *
 * Threads: the vCPU's own.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"
#include "kvm/x86.h"

/* ---- general registers ---- */

static const struct {
	uint16_t off;
	uint8_t reg;
} state_regs[] = {
	{ offsetof(struct kvm_regs, rax), X86_RAX },
	{ offsetof(struct kvm_regs, rcx), X86_RCX },
	{ offsetof(struct kvm_regs, rdx), X86_RDX },
	{ offsetof(struct kvm_regs, rbx), X86_RBX },
	{ offsetof(struct kvm_regs, rsp), X86_RSP },
	{ offsetof(struct kvm_regs, rbp), X86_RBP },
	{ offsetof(struct kvm_regs, rsi), X86_RSI },
	{ offsetof(struct kvm_regs, rdi), X86_RDI },
	{ offsetof(struct kvm_regs, r8), X86_R8 },
	{ offsetof(struct kvm_regs, r9), X86_R9 },
	{ offsetof(struct kvm_regs, r10), X86_R10 },
	{ offsetof(struct kvm_regs, r11), X86_R11 },
	{ offsetof(struct kvm_regs, r12), X86_R12 },
	{ offsetof(struct kvm_regs, r13), X86_R13 },
	{ offsetof(struct kvm_regs, r14), X86_R14 },
	{ offsetof(struct kvm_regs, r15), X86_R15 },
};

static int state_pull_regs(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_regs r;
	int ret = kvm_ioctl(v->fd, KVM_GET_REGS, &r);

	if (ret < 0) {
		return ret;
	}
	for (unsigned i = 0; i < ARRAY_LEN(state_regs); i++) {
		memcpy(&c->reg[state_regs[i].reg], (char *)&r + state_regs[i].off, 8);
	}
	x86_set_rflags(c, r.rflags);
	x86_set_ip(c, r.rip); /* after the segments */
	return 0;
}

static int state_push_regs(struct kvm_vcpu *v, const struct x86_cpu *c)
{
	struct kvm_regs r = { .rflags = x86_rflags(c), .rip = x86_ip(c) };

	for (unsigned i = 0; i < ARRAY_LEN(state_regs); i++) {
		memcpy((char *)&r + state_regs[i].off, &c->reg[state_regs[i].reg], 8);
	}
	return kvm_ioctl(v->fd, KVM_SET_REGS, &r);
}

/* ---- segments and control registers ---- */

void kvm_x86_seg_pull(struct x86_seg *d, const struct kvm_segment *s)
{
	*d = (struct x86_seg){ .base = s->base, .limit = s->limit, .sel = s->selector };
	if (s->unusable) {
		d->attr = (s->dpl & 3u) << 5; /* SS: the privilege level all the same */
		return;
	}
	d->attr = (s->type & 15u) | (s->s ? X86_SEG_S : 0) | (s->dpl & 3u) << 5 |
	          (s->present ? X86_SEG_P : 0) | (s->avl ? X86_SEG_AVL : 0) |
	          (s->l ? X86_SEG_L : 0) | (s->db ? X86_SEG_DB : 0) |
	          (s->g ? X86_SEG_G : 0);
}

void kvm_x86_seg_push(struct kvm_segment *d, const struct x86_seg *s)
{
	*d = (struct kvm_segment){
		.base = s->base,
		.limit = s->limit,
		.selector = s->sel,
		.type = (uint8_t)X86_SEG_TYPE(s->attr),
		.s = !!(s->attr & X86_SEG_S),
		.dpl = (uint8_t)X86_SEG_DPL(s->attr),
		.present = !!(s->attr & X86_SEG_P),
		.avl = !!(s->attr & X86_SEG_AVL),
		.l = !!(s->attr & X86_SEG_L),
		.db = !!(s->attr & X86_SEG_DB),
		.g = !!(s->attr & X86_SEG_G),
		.unusable = !(s->attr & X86_SEG_P),
	};
}

/* The two forms of the structure agree up to apic_base. */
enum { STATE_SREGS_COMMON = offsetof(struct kvm_sregs, interrupt_bitmap) };
_Static_assert(offsetof(struct kvm_sregs2, flags) == STATE_SREGS_COMMON,
               "sregs layouts");

static int state_get_sregs(struct kvm_vcpu *v, struct kvm_sregs2 *s)
{
	struct kvm_sregs old;
	int r;

	memset(s, 0, sizeof(*s));
	if (v->k->arch->sregs2) {
		return kvm_ioctl(v->fd, KVM_GET_SREGS2, s);
	}
	r = kvm_ioctl(v->fd, KVM_GET_SREGS, &old);
	memcpy(s, &old, STATE_SREGS_COMMON);
	return r;
}

static int state_set_sregs(struct kvm_vcpu *v, struct kvm_sregs2 *s)
{
	struct kvm_sregs old;

	if (v->k->arch->sregs2) {
		return kvm_ioctl(v->fd, KVM_SET_SREGS2, s);
	}
	memset(&old, 0, sizeof(old));
	memcpy(&old, s, STATE_SREGS_COMMON);
	return kvm_ioctl(v->fd, KVM_SET_SREGS, &old);
}

static int state_pull_sregs(struct kvm_vcpu *v, struct x86_cpu *c)
{
	struct kvm_sregs2 s;
	int r = state_get_sregs(v, &s);
	const struct kvm_segment *const seg[X86_NSEG] = { &s.es, &s.cs, &s.ss,  &s.ds,
		                                          &s.fs, &s.gs, &s.ldt, &s.tr };

	if (r < 0) {
		return r;
	}
	for (unsigned i = 0; i < X86_NSEG; i++) {
		kvm_x86_seg_pull(&c->seg[i], seg[i]);
	}
	c->gdt.base = s.gdt.base;
	c->gdt.limit = s.gdt.limit;
	c->idt.base = s.idt.base;
	c->idt.limit = s.idt.limit;
	c->cr0 = s.cr0;
	c->cr2 = s.cr2;
	c->cr3 = s.cr3;
	c->cr4 = s.cr4;
	c->cr8 = s.cr8;
	c->efer = s.efer;
	if ((c->efer & X86_EFER_LMA) && (c->seg[X86_CS].attr & X86_SEG_L)) {
		c->seg[X86_CS].base = 0;
	}
	if (s.flags & KVM_SREGS2_FLAGS_PDPTRS_VALID) {
		memcpy(c->pdpte, s.pdptrs, sizeof(c->pdpte));
	} else if ((c->cr0 & X86_CR0_PG) && (c->cr4 & X86_CR4_PAE) &&
	           !(c->efer & X86_EFER_LMA)) {
		if (dma_read(&c->vcpu->vm->mem, c->cr3 & 0xffffffe0, c->pdpte, 32) <
		    0) {
			memset(c->pdpte, 0, sizeof(c->pdpte));
		}
	}
	v->arch->apic_base = s.apic_base;
	if (c->apic_ops && c->apic && c->apic_ops->get_base(c->apic) != s.apic_base) {
		c->apic_ops->set_base(c->apic, s.apic_base);
	}
	return 0;
}

static int state_push_sregs(struct kvm_vcpu *v, const struct x86_cpu *c, bool flush)
{
	struct kvm_sregs2 s;
	struct kvm_segment *const seg[X86_NSEG] = { &s.es, &s.cs, &s.ss,  &s.ds,
		                                    &s.fs, &s.gs, &s.ldt, &s.tr };

	memset(&s, 0, sizeof(s));
	for (unsigned i = 0; i < X86_NSEG; i++) {
		kvm_x86_seg_push(seg[i], &c->seg[i]);
	}
	s.gdt.base = c->gdt.base;
	s.gdt.limit = c->gdt.limit;
	s.idt.base = c->idt.base;
	s.idt.limit = c->idt.limit;
	s.cr0 = c->cr0;
	s.cr2 = c->cr2;
	s.cr3 = c->cr3;
	s.cr4 = c->cr4;
	s.cr8 = c->apic_ops && c->apic ? c->apic_ops->get_tpr(c->apic) : c->cr8;
	s.efer = c->efer;
	s.apic_base = c->apic_ops && c->apic ? c->apic_ops->get_base(c->apic)
	                                     : v->arch->apic_base;
	if ((c->cr0 & X86_CR0_PG) && (c->cr4 & X86_CR4_PAE) &&
	    !(c->efer & X86_EFER_LMA)) {
		memcpy(s.pdptrs, c->pdpte, sizeof(c->pdpte));
		s.flags = KVM_SREGS2_FLAGS_PDPTRS_VALID;
	}
	if (flush) {
		/* A changed CR4.PGE makes KVM drop what it and the processor have cached. */
		s.cr4 ^= X86_CR4_PGE;
		(void)state_set_sregs(v, &s);
		s.cr4 ^= X86_CR4_PGE;
	}
	return state_set_sregs(v, &s);
}

/* ---- all of it ---- */

static int state_failed(struct err *e, int r, const char *what, bool push)
{
	return err_set_errno(e, r, "KVM does not %s the vCPU's %s",
	                     push ? "take" : "give", what);
}

int kvm_arch_pull(struct kvm_vcpu *v, struct err *e)
{
	struct x86_cpu *c = v->c->arch;
	int r = kvm_x86_chip_vcpu_pull(v);

	r = r < 0 ? r : state_pull_sregs(v, c);
	if (r < 0) {
		return state_failed(e, r, "control registers", false);
	}
	r = state_pull_regs(v, c);
	if (r < 0) {
		return state_failed(e, r, "registers", false);
	}
	r = kvm_x86_pull_fpu(v, c);
	if (r < 0) {
		return state_failed(e, r, "FPU state", false);
	}
	kvm_x86_pull_dr(v, c);
	kvm_x86_msr_pull(v);
	kvm_x86_pv_pull(v);
	kvm_x86_tsc_pull(v);
	kvm_x86_pull_nested(v);
	r = kvm_x86_pull_events(v, c);
	if (r < 0) {
		return state_failed(e, r, "events", false);
	}
	c->hflags = X86_HFLAGS_STALE;
	return 0;
}

int kvm_arch_push(struct kvm_vcpu *v, bool flush, struct err *e)
{
	struct x86_cpu *c = v->c->arch;
	int r;

	v->arch->ready = false;
	r = state_push_sregs(v, c, flush);
	if (r < 0) {
		return state_failed(e, r, "control registers", true);
	}
	r = kvm_x86_push_nested(v, c);
	if (r < 0) {
		return state_failed(e, r, "nested state", true);
	}
	r = state_push_regs(v, c);
	if (r < 0) {
		return state_failed(e, r, "registers", true);
	}
	r = kvm_x86_push_fpu(v, c);
	if (r < 0) {
		return state_failed(e, r, "FPU state", true);
	}
	kvm_x86_push_dr(v, c);
	kvm_x86_msr_push(v);
	kvm_x86_tsc_push(v);
	r = kvm_x86_push_events(v, c);
	r = r < 0 ? r : kvm_x86_chip_vcpu_push(v);
	kvm_x86_pv_push(v);
	kvm_x86_apf_push(v);
	return r < 0 ? state_failed(e, r, "events", true) : 0;
}
