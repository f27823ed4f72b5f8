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
};

struct fake_kvm {
	int open_err; /* of /dev/kvm */
	int version;  /* < 0: -errno of KVM_GET_API_VERSION */
	int run_size;
	int caps[512];      /* KVM_CHECK_EXTENSION */
	bool nested_paging; /* /sys/module/kvm_amd/parameters/npt */
	unsigned phys_bits;
	uint32_t leaf7_ebx; /* what it shows guests whatever it is told */
	struct {            /* the `after`th and later requests of this kind fail */
		unsigned long req;
		int err, after;
	} refuse[4];
	/* KVM_RUN: 0 or -errno; NULL: halts for ever, until kicked. */
	int (*run)(struct fake_vcpu *v);
	struct fake_vcpu vcpu[64];
	unsigned n_vcpus;
	_Atomic unsigned n_slots;
};

extern struct fake_kvm fake;

void fake_reset(void); /* a modern KVM on hardware */
void fake_refuse(unsigned long req, int err, int after);

#endif
