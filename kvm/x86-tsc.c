/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86-tsc.c - does this KVM honour a TSC offset? A KVM without hardware behind it may
 * accept one and let RDTSC show the host's counter all the same. The translator must show
 * what RDTSC shows, so we ask a guest of three instructions.
 *
 * Only where there is no nested paging: there, the hardware adds the offset.
 *
 * Threads: control, once.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kvm/x86.h"

enum { PROBE_GPA = 0x1000, PROBE_PAGE = 4096 };

static int tsc_probe_setup(int vm, int vcpu, uint8_t *page)
{
	static const uint8_t code[] = { 0x0f, 0x31, 0xf4 }; /* rdtsc; hlt */
	struct kvm_userspace_memory_region r = {
		.guest_phys_addr = PROBE_GPA,
		.memory_size = PROBE_PAGE,
		.userspace_addr = (uint64_t)(uintptr_t)page,
	};
	struct kvm_regs g = { .rip = PROBE_GPA, .rflags = 2 };
	struct kvm_sregs s;
	int ret = kvm_ioctl(vm, KVM_SET_USER_MEMORY_REGION, &r);

	memcpy(page, code, sizeof(code));
	ret = ret < 0 ? ret : kvm_ioctl(vcpu, KVM_GET_SREGS, &s);
	if (ret < 0) {
		return ret;
	}
	s.cs.base = 0;
	s.cs.selector = 0;
	ret = kvm_ioctl(vcpu, KVM_SET_SREGS, &s);
	return ret < 0 ? ret : kvm_ioctl(vcpu, KVM_SET_REGS, &g);
}

/* The guest's TSC when the guest was told to start at 0. */
static int tsc_probe_run(int vcpu, uint64_t *tsc)
{
	uint64_t zero = 0;
	struct kvm_regs g;
	int r = kvm_x86_msr_io(vcpu, KVM_SET_MSRS, MSR_TSC, &zero);

	if (r >= 0) {
		(void)kvm_ioctl_n(vcpu, KVM_RUN, 0);
		r = kvm_ioctl(vcpu, KVM_GET_REGS, &g);
	}
	if (r < 0) {
		return r;
	}
	*tsc = (uint32_t)g.rax | g.rdx << 32;
	return g.rip == PROBE_GPA ? -EIO : 0;
}

/* The answer is kept. So is the VM that was asked: closing it takes milliseconds (the kernel
 * waits for its readers), and the end of the program does it anyway. */
static struct {
	int vm, vcpu;
	bool asked, works;
} tsc_probe = { .vm = -1, .vcpu = -1 };

static void tsc_ask_guest(void)
{
	uint8_t *page = mmap(NULL, PROBE_PAGE, PROT_READ | PROT_WRITE,
	                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t tsc = 0;

	tsc_probe.asked = true;
	tsc_probe.works = true;
	if (tsc_probe.vcpu >= 0 && page != MAP_FAILED &&
	    tsc_probe_setup(tsc_probe.vm, tsc_probe.vcpu, page) >= 0 &&
	    tsc_probe_run(tsc_probe.vcpu, &tsc) >= 0) {
		/* A guest that was set to 0 a moment ago is far behind the host. */
		tsc_probe.works = tsc < __builtin_ia32_rdtsc() / 2;
	}
	if (page != MAP_FAILED) {
		munmap(page, PROBE_PAGE);
	}
}

bool kvm_x86_tsc_probe(bool ask_guest, int *khz)
{
	if (tsc_probe.vm < 0) {
		tsc_probe.vm = kvm_ioctl_n(kvm_sys_fd(), KVM_CREATE_VM, 0);
		tsc_probe.vcpu = tsc_probe.vm < 0 ? -1
		                                  : kvm_ioctl_n(tsc_probe.vm,
		                                                KVM_CREATE_VCPU, 0);
		if (tsc_probe.vcpu >= 0) {
			kvm_x86_cpuid_ask(tsc_probe.vcpu);
		}
	}
	*khz = tsc_probe.vcpu >= 0 ? kvm_ioctl_n(tsc_probe.vcpu, KVM_GET_TSC_KHZ, 0)
	                           : 0;
	if (ask_guest && !tsc_probe.asked) {
		tsc_ask_guest();
	}
	return !tsc_probe.asked || tsc_probe.works;
}

bool kvm_arch_has_hardware(void)
{
	int khz;

	return kvm_x86_tsc_probe(true, &khz);
}
