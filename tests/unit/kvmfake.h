/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmfake.h - a /dev/kvm of our own: open() and ioctl() of the program under test are
 * wrapped by the linker (-Wl,--wrap), file descriptors are memfds. Whatever is not said
 * here succeeds and returns zeros.
 */
#ifndef LODGE_TESTS_KVMFAKE_H
#define LODGE_TESTS_KVMFAKE_H

#include <linux/kvm.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct fake_vcpu {
	int fd;
	unsigned index;
	struct kvm_run *run;              /* the shared page */
	_Atomic uint64_t n_runs, n_state; /* KVM_RUN; other requests */
	struct kvm_cpuid_entry2 cpuid[128];
	unsigned n_cpuid;
	_Atomic unsigned running; /* in KVM_RUN */
	unsigned n_clock_ctrl;
	int64_t tsc_offset;
	struct { /* as written */
		uint32_t msr;
		uint64_t val;
	} msr[256];
	unsigned n_msrs;
};

struct fake_zone {
	uint64_t addr;
	uint32_t size;
	bool pio;
};

struct fake_kvm {
	int open_err; /* of /dev/kvm */
	int version;  /* < 0: -errno of KVM_GET_API_VERSION */
	int run_size;
	int caps[512];      /* KVM_CHECK_EXTENSION */
	bool nested_paging; /* /sys/module/kvm_amd/parameters/npt */
	unsigned phys_bits;
	uint32_t kvm_features; /* supported: leaf 0x40000001 */
	uint32_t leaf1_ecx;    /* supported, besides SSE3, x2APIC, POPCNT */
	uint32_t leaf7_ebx;    /* what it shows guests whatever it is told */
	struct {               /* the `after`th and later requests of this kind fail */
		unsigned long req;
		int err, after;
	} refuse[4];
	/* KVM_RUN: 0 or -errno; NULL: halts for ever, until kicked. */
	int (*run)(struct fake_vcpu *v);
	struct fake_vcpu vcpu[64];
	unsigned n_vcpus;
	_Atomic unsigned n_slots;
	_Atomic unsigned n_late_slots; /* that came when batched writes had zones */
	/* KVM_GET_CLOCK gives it, with the host's TSC of that moment; KVM_SET_CLOCK sets it */
	struct kvm_clock_data clock;
	unsigned n_get_clock, n_set_clock;
	unsigned set_clock_us;     /* the next KVM_SET_CLOCK takes so long */
	bool clock_while_running;  /* it was asked for too early */
	struct fake_zone zone[16]; /* batched writes */
	unsigned n_zones;
};

extern struct fake_kvm fake;

void fake_reset(void); /* a modern KVM on hardware */
void fake_refuse(unsigned long req, int err, int after);
uint64_t *fake_msr(struct fake_vcpu *v, uint32_t msr);
struct kvm_coalesced_mmio_ring *fake_ring(void);
/* KVM batches a write. False: the ring is full. */
bool fake_batch(uint64_t addr, uint32_t len, uint64_t val, bool pio);

#endif
