/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86.h - between arch-x86.c, x86-cpuid.c and x86-state.c. */
#ifndef LODGE_KVM_X86_H
#define LODGE_KVM_X86_H

#include "core/cpu/x86.h"
#include "kvm/kvm.h"

#define MSR_TSC		 0x10u
#define MSR_TSC_DEADLINE 0x6e0u

struct kvm_arch_vm {
	struct kvm_cpuid2 *supported;
	unsigned xsave_size;
	bool sregs2, xcrs, debugregs, tsc_offset_attr, tsc_fixed, exit_on_failure, msr_exits;
	_Atomic int64_t tsc_offset; /* of all vCPUs: guest TSC - host TSC */
	_Atomic bool tsc_set;
	/* x86-irqchip.c */
	struct lk routes_lk; /* msi, routes */
	struct kvm_irq_routing *routes;
	struct {
		bool used;
		int fd;
		struct msi_msg m;
	} *msi;
	unsigned n_msi;
	struct kvm_irqchip chip[3]; /* state after power-on */
	struct {
		uint32_t size, off;
	} comp[16]; /* XSAVE components of this host, standard format */
};

struct kvm_arch_vcpu {
	uint8_t *xsave; /* also holds the components that the struct does not have */
	bool ready;	/* an interrupt may be injected now */
	bool nmi_waits; /* KVM had an NMI pending at the last pull */
	bool failed_msr[64];
	/* x86-irqchip.c */
	bool reset_lapic;
	uint64_t apic_base;
	struct kvm_lapic_state lapic; /* state after power-on */
};

/* x86-cpuid.c */
int kvm_x86_cpuid_init(struct kvm *k, struct err *e);
int kvm_x86_cpuid_set(struct kvm_vcpu *v, struct err *e);

/* x86-irqchip.c */
extern const struct msi_ops kvm_x86_msi_ops;
int kvm_x86_chip_vcpu_init(struct kvm_vcpu *v);
void kvm_x86_chip_vcpu_before_push(struct kvm_vcpu *v);
void kvm_x86_chip_vcpu_after_push(struct kvm_vcpu *v);

/* x86-tsc.c: frequency (0: unknown), and whether guests see an offset (true unless asked) */
bool kvm_x86_tsc_probe(bool ask_guest, int *khz);

/* x86-state.c: conversions are pure, for the unit test */
void kvm_x86_seg_pull(struct x86_seg *d, const struct kvm_segment *s);
void kvm_x86_seg_push(struct kvm_segment *d, const struct x86_seg *s);
void kvm_x86_xsave_pull(struct x86_cpu *c, const struct kvm_arch_vm *a, const uint8_t *img);
void kvm_x86_xsave_push(const struct x86_cpu *c, const struct kvm_arch_vm *a, uint8_t *img);

#endif
