/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86.h - between arch-x86.c, x86-cpuid.c and x86-state.c. */
#ifndef LODGE_KVM_X86_H
#define LODGE_KVM_X86_H

#include "core/cpu/x86-model.h"
#include "kvm/kvm.h"
#include "kvm/routes.h"

#define MSR_TSC          0x10u
#define MSR_TSC_DEADLINE 0x6e0u

enum { KVM_X86_PV_MSRS = 4 };

struct kvm_arch_vm {
	struct kvm_cpuid2 *supported;
	char other_cpuid
		[128]; /* what guests see in KVM only, or not there; "": nothing */
	unsigned xsave_size;
	bool sregs2, xcrs, debugregs, tsc_offset_attr, tsc_fixed, exit_on_failure,
		msr_exits;
	bool exception_payload, triple_fault, smm;
	unsigned nested_size; /* 0: KVM does not tell */
	struct kvm_x86_msr_list *msrs;
	_Atomic int64_t tsc_offset; /* of all vCPUs: guest TSC - host TSC */
	_Atomic bool tsc_set;
	/* x86-clock.c */
	struct kvm *k;
	struct vm_listener clock_listener;
	bool clock, clock_ctrl; /* KVM_SET_CLOCK, KVM_KVMCLOCK_CTRL */
	uint32_t host_khz;      /* 0: unknown */
	/* x86-irqchip.c */
	bool x2apic_api;                       /* APIC ids of 32 bits */
	_Atomic uint32_t pin_level, pic_level; /* as KVM knows them */
	uint32_t pin_valid; /* split: what IOAPIC pins send; under routes->lk */
	struct msi_msg pin[24];
	uint8_t pit_parked; /* see kvm_x86_pit_push() */
	struct {
		uint32_t size, off;
	} comp[16]; /* XSAVE components of this host, standard format */
};

struct kvm_arch_vcpu {
	uint8_t *xsave; /* also holds the components that the struct does not have */
	bool ready;     /* an interrupt may be injected now */
	uint64_t pv[KVM_X86_PV_MSRS]; /* as KVM has them */
	struct {
		bool wake; /* the guest is to be told that all its pages are there */
		bool ack;  /* it has told us that it heard of one, KVM does not know */
	} apf;
	bool nmi_waits; /* KVM had an NMI pending at the last pull */
	struct kvm_x86_msr_state *msrs;
	struct kvm_nested_state *nested; /* nested_size bytes */
	bool nested_valid;
	struct {
		uint8_t pending, inside_nmi, latched_init;
	} smi;
	/* x86-chips.c */
	bool halted; /* in the kernel, when the state was pulled */
	uint64_t apic_base;
};

/* x86-cpuid.c */
int kvm_x86_cpuid_init(struct kvm *k, struct err *e);
int kvm_x86_cpuid_set(struct kvm_vcpu *v, struct err *e);

/* x86-cpuid-check.c */
const struct kvm_cpuid_entry2 *kvm_x86_cpuid_find(const struct kvm_cpuid2 *t,
                                                  uint32_t leaf, uint32_t sub);
uint32_t kvm_x86_cpuid_reg(const struct kvm_cpuid_entry2 *e, unsigned reg);
/* Feature bits that guests see in one of them only. Pure. */
bool kvm_x86_cpuid_diff(const struct kvm_cpuid2 *want, const struct kvm_cpuid2 *got,
                        uint64_t diff[XF_N]);
void kvm_x86_cpuid_text(const uint64_t *words, char *text, size_t size);
/* A vCPU that has not run: what does KVM show its guest whatever it is told? */
void kvm_x86_cpuid_ask(int vcpu);
const uint64_t *kvm_x86_cpuid_shown(void);
/* After KVM was told `want`. */
void kvm_x86_cpuid_check(struct kvm_vcpu *v, const struct kvm_cpuid2 *want);

/* x86-irqchip.c */
uint64_t kvm_x86_msi_addr(uint64_t addr, bool x2apic_api);

/* x86-split.c */
void kvm_x86_split_routes(struct vm *vm, const struct msi_msg *pin, uint32_t valid);
void kvm_x86_split_pre_run(struct kvm_vcpu *v);

/* x86-chips.c */
int kvm_x86_chips_set(struct vm *vm, const struct x86_chips *s, struct err *e);
int kvm_x86_chips_get(struct vm *vm, struct x86_chips *s, struct err *e);
void kvm_x86_pit_irq_enable(struct vm *vm, bool on);
void kvm_x86_chip_vcpu_init(struct kvm_vcpu *v);
void kvm_x86_chip_vcpu_off(struct kvm_vcpu *v);  /* the vCPU is gone */
int kvm_x86_chip_vcpu_clear(struct kvm_vcpu *v); /* local APIC as after power-on */
int kvm_x86_chip_vcpu_pull(struct kvm_vcpu *v);  /* before the registers */
int kvm_x86_chip_vcpu_push(struct kvm_vcpu *v);  /* after them */
void kvm_x86_chip_take_over(struct kvm_vcpu *v);

/* x86-chip-state.c: pure */
struct x86_chip_lapic;
struct x86_chip_ioapic;
struct x86_chip_pic;
struct x86_chip_pit;
void kvm_x86_lapic_push(struct kvm_lapic_state *k, const struct x86_chip_lapic *s,
                        bool wide_id);
void kvm_x86_lapic_pull(struct x86_chip_lapic *s, const struct kvm_lapic_state *k,
                        uint64_t base, uint64_t deadline);
void kvm_x86_ioapic_push(struct kvm_ioapic_state *k, const struct x86_chip_ioapic *s,
                         uint32_t lines);
void kvm_x86_ioapic_pull(struct x86_chip_ioapic *s, const struct kvm_ioapic_state *k);
void kvm_x86_pic_push(struct kvm_pic_state *k, const struct x86_chip_pic *s,
                      bool master);
void kvm_x86_pic_pull(struct x86_chip_pic *s, const struct kvm_pic_state *k);
/* `parked`: the mode of channel 0 if it has expired and must not do so again (else ff). */
void kvm_x86_pit_push(struct kvm_pit_state2 *k, const struct x86_chip_pit *s,
                      uint8_t *parked);
void kvm_x86_pit_pull(struct x86_chip_pit *s, const struct kvm_pit_state2 *k,
                      uint8_t parked, uint64_t now_ns);

/* x86-msr.c */
int kvm_x86_msr_vm_init(struct kvm *k);
int kvm_x86_msr_vcpu_init(struct kvm_vcpu *v);
void kvm_x86_msr_pull(struct kvm_vcpu *v);
void kvm_x86_msr_push(struct kvm_vcpu *v);
/* One, of a vCPU or (features) of /dev/kvm; -ENOENT: KVM does not know it, or the value. */
int kvm_x86_msr_io(int fd, unsigned long req, uint32_t msr, uint64_t *val);
/* One that KVM has without the struct's having it. */
void kvm_x86_msr_set(struct kvm_vcpu *v, uint32_t msr, uint64_t val);
/* The next push writes all of them. (A run in the guest does the same.) */
void kvm_x86_msr_forget(struct kvm_vcpu *v);

/* x86-xsave.c */
void kvm_x86_xsave_permit(void);
int kvm_x86_pull_fpu(struct kvm_vcpu *v, struct x86_cpu *c);
int kvm_x86_push_fpu(struct kvm_vcpu *v, const struct x86_cpu *c);

/* x86-events.c */
void kvm_x86_events_init(struct kvm *k);
int kvm_x86_events_vcpu_init(struct kvm_vcpu *v);
void kvm_x86_events_vcpu_fini(struct kvm_vcpu *v);
int kvm_x86_pull_dr(struct kvm_vcpu *v, struct x86_cpu *c);
int kvm_x86_push_dr(struct kvm_vcpu *v, const struct x86_cpu *c);
int kvm_x86_pull_events(struct kvm_vcpu *v, struct x86_cpu *c);
int kvm_x86_push_events(struct kvm_vcpu *v, const struct x86_cpu *c);
void kvm_x86_pull_nested(struct kvm_vcpu *v);
int kvm_x86_push_nested(struct kvm_vcpu *v, const struct x86_cpu *c);
void kvm_x86_event_payload(struct x86_cpu *c, unsigned nr, uint64_t payload);
void kvm_x86_smi(struct kvm_vcpu *v);

/* x86-pv.c */
void kvm_x86_pv_init(struct kvm_vcpu *v);
void kvm_x86_pv_pull(struct kvm_vcpu *v);
void kvm_x86_pv_push(struct kvm_vcpu *v);
void kvm_x86_pv_enter(struct kvm_vcpu *v);
void kvm_x86_pv_clear(struct kvm_vcpu *v);
/* What the guest's clock page says now; false: it has none. The structs hold the state. */
bool kvm_x86_pv_clock(const struct kvm *k, uint64_t *ns);
/* Tells the guest, in its page, that it was stopped. */
void kvm_x86_pv_stopped(struct kvm_vcpu *v);

/* x86-apf.c */
void kvm_x86_apf_enabled(struct kvm_vcpu *v);
void kvm_x86_apf_ack(struct kvm_vcpu *v);
void kvm_x86_apf_take_over(struct kvm_vcpu *v);
void kvm_x86_apf_push(struct kvm_vcpu *v);

/* x86-clock.c */
void kvm_x86_clock_init(struct kvm *k);
void kvm_x86_clock_fini(struct kvm *k);
void kvm_x86_tsc_pull(struct kvm_vcpu *v);
void kvm_x86_tsc_push(struct kvm_vcpu *v);
/* host_tsc is that of this moment at any rate. */
int kvm_x86_clock_get(struct kvm *k, struct kvm_clock_data *d);

/* x86-tsc.c: frequency (0: unknown), and whether guests see an offset (true unless asked) */
bool kvm_x86_tsc_probe(bool ask_guest, int *khz);

/* conversions are pure, for the unit test */
void kvm_x86_seg_pull(struct x86_seg *d, const struct kvm_segment *s);
void kvm_x86_seg_push(struct kvm_segment *d, const struct x86_seg *s);
void kvm_x86_xsave_pull(struct x86_cpu *c, const struct kvm_arch_vm *a,
                        const uint8_t *img);
void kvm_x86_xsave_push(const struct x86_cpu *c, const struct kvm_arch_vm *a,
                        uint8_t *img);

#endif
