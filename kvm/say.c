/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * say.c - what KVM's refusals mean, in a sentence: what was tried, why it failed, what to
 * try. Only texts; nothing here changes anything.
 *
 * Spec: Documentation/virt/kvm/api.rst of Linux; SDM vol. 3 "VM entry failures"; APM vol. 2
 * "VMRUN".
 * Threads: any.
 */
#include "config.h"

#include "kvm/kvm.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define SAY_OR_TCG ", or use -accel tcg"

/* ---- set-up ---- */

int kvm_say_open(int err, struct err *e)
{
	switch (err) {
	case ENOENT:
		return err_set(
			e, -err,
			"/dev/kvm does not exist: load the kvm module for this "
			"processor (kvm_intel or kvm_amd) and switch virtualisation on "
			"in the firmware" SAY_OR_TCG);
	case EACCES:
	case EPERM:
		return err_set(e, -err,
		               "/dev/kvm: permission denied: add yourself to group kvm "
		               "and log in again" SAY_OR_TCG);
	case ENODEV:
	case ENXIO:
		return err_set(e, -err,
		               "/dev/kvm is there, but no kvm module serves it: load "
		               "kvm_intel or kvm_amd" SAY_OR_TCG);
	case EMFILE:
	case ENFILE:
		return err_set(e, -err,
		               "cannot open /dev/kvm: too many open files: raise the "
		               "limit (ulimit -n)");
	default: return err_set_errno(e, -err, "cannot open /dev/kvm");
	}
}

int kvm_say_api(int version, struct err *e)
{
	if (version < 0) {
		return err_set_errno(e, version,
		                     "/dev/kvm is not KVM's device: it does not answer "
		                     "what KVM's answers");
	}
	return err_set(e, -ENOTSUP,
	               "/dev/kvm speaks API version %d, lodge %d: this kernel is too "
	               "old" SAY_OR_TCG,
	               version, KVM_API_VERSION);
}

int kvm_say_create_vm(int err, struct err *e)
{
	switch (err) {
	case EBUSY:
		return err_set(
			e, -err,
			"KVM cannot create a virtual machine: another hypervisor "
			"uses the processor's virtualisation: end it" SAY_OR_TCG);
	case ENOMEM:
		return err_set(
			e, -err,
			"KVM cannot create a virtual machine: the kernel has no "
			"memory for it: free some, or raise the memory limit of this "
			"control group");
	case EPERM:
	case EACCES:
		return err_set(
			e, -err,
			"KVM may not create a virtual machine: a security policy "
			"of this host forbids it" SAY_OR_TCG);
	case EMFILE:
	case ENFILE:
		return err_set(e, -err,
		               "KVM cannot create a virtual machine: too many open "
		               "files: raise the limit (ulimit -n)");
	default:
		return err_set_errno(e, -err,
		                     "KVM refuses to create a virtual machine");
	}
}

/* The caller says which vCPU. */
int kvm_say_create_vcpu(int err, unsigned long id, struct err *e)
{
	switch (err) {
	case EEXIST:
		return err_set(e, -err, "KVM refuses it: its id %lu is taken already",
		               id);
	case EINVAL:
		return err_set(e, -err,
		               "KVM refuses it: its id %lu is above what this kernel "
		               "allows: fewer vCPUs, or another -smp topology",
		               id);
	case ENOMEM:
		return err_set(e, -err,
		               "KVM refuses it: the kernel has no memory for it: free "
		               "some, or fewer vCPUs");
	case EMFILE:
	case ENFILE:
		return err_set(e, -err,
		               "KVM refuses it: too many open files: raise the limit "
		               "(ulimit -n), or fewer vCPUs");
	case EBUSY:
		return err_set(e, -err,
		               "KVM refuses it: the machine is being set up or taken "
		               "down (EBUSY)");
	default: return err_set_errno(e, -err, "KVM refuses it (id %lu)", id);
	}
}

int kvm_say_slot(int err, uint64_t start, uint64_t end, unsigned phys_bits,
                 struct err *e)
{
	unsigned long long a = start, b = end;

	switch (err) {
	case EINVAL:
		if (phys_bits && phys_bits < 64 && (end - 1) >> phys_bits) {
			return err_set(
				e, -err,
				"KVM refuses guest memory %llx..%llx: it ends above "
				"the %u address bits of this processor: less memory",
				a, b, phys_bits);
		}
		return err_set(
			e, -err,
			"KVM refuses guest memory %llx..%llx (EINVAL): more than "
			"this kernel allows for one slot or one machine: less memory",
			a, b);
	case ENOMEM:
		return err_set(e, -err,
		               "KVM refuses guest memory %llx..%llx: the kernel has no "
		               "memory for its tables: less guest memory, or free some",
		               a, b);
	case EEXIST:
		return err_set(e, -err,
		               "KVM refuses guest memory %llx..%llx: it overlaps other "
		               "memory of this machine",
		               a, b);
	case ENOSPC:
		return err_set(e, -err,
		               "KVM refuses guest memory %llx..%llx: no memory slot is "
		               "left: fewer memory devices",
		               a, b);
	default:
		return err_set_errno(e, -err, "KVM refuses guest memory %llx..%llx", a,
		                     b);
	}
}

/* ---- running ---- */

void kvm_say_run_error(int err, char *text, size_t size)
{
	switch (err) {
	case EFAULT:
		snprintf(text, size,
		         "KVM_RUN failed: the guest reached memory that the host "
		         "cannot give (EFAULT): a file behind guest memory that "
		         "shrank, or no "
		         "memory left");
		return;
	case ENOMEM:
		snprintf(text, size, "KVM_RUN failed: the host is out of memory");
		return;
	case EHWPOISON:
		snprintf(text, size,
		         "KVM_RUN failed: the guest touched a broken memory page of "
		         "the host (EHWPOISON)");
		return;
	case EIO:
		snprintf(text, size,
		         "KVM_RUN failed (EIO): KVM has given this machine up: see "
		         "the kernel's log");
		return;
	case EINVAL:
		snprintf(text, size,
		         "KVM_RUN failed (EINVAL): KVM does not accept the vCPU's "
		         "state");
		return;
	default: snprintf(text, size, "KVM_RUN failed: %s", strerror(err));
	}
}

static const char *say_entry_reason(uint64_t r)
{
	if (r == UINT64_MAX) { /* AMD: VMEXIT_INVALID */
		return "invalid guest state";
	}
	if (!(r >> 31 & 1)) {
		return "a VM instruction failed";
	}
	switch (r & 0x7fffffff) { /* Intel: exit reasons of entry failures */
	case 33: return "invalid guest state";
	case 34: return "MSR loading";
	case 41: return "machine check";
	default: return "reason unknown to lodge";
	}
}

void kvm_say_entry_failure(const struct kvm_run *run, char *text, size_t size)
{
	uint64_t r = run->fail_entry.hardware_entry_failure_reason;

	snprintf(text, size,
	         "the processor refuses to run the guest (entry failure 0x%llx: %s)",
	         (unsigned long long)r, say_entry_reason(r));
}

void kvm_say_internal(const struct kvm_run *run, char *text, size_t size)
{
	unsigned sub = run->internal.suberror;
	const char *why = "of a kind unknown to lodge";

	switch (sub) {
	case 1: why = "it cannot execute this instruction"; break;
	case 2: why = "two exceptions at the same time"; break;
	case 3: why = "an exit in the middle of the delivery of an event"; break;
	case 4:
		why = "the processor left the guest for a reason that KVM does not "
		      "know";
		break;
	default: break;
	}
	snprintf(text, size, "KVM stopped with internal error %u: %s", sub, why);
}

/* ORDER: numbers of KVM_EXIT_*; those that vcpu.c and the architecture handle need no name. */
static const char *const say_exits[] = {
	[0] = "unknown",
	[1] = "exception",
	[3] = "hypercall",
	[4] = "debug",
	[7] = "irq window",
	[12] = "TPR access",
	[13] = "s390",
	[15] = "DCR",
	[16] = "NMI",
	[18] = "OSI",
	[19] = "PAPR hypercall",
	[22] = "watchdog",
	[24] = "system event",
	[26] = "IOAPIC EOI",
	[27] = "Hyper-V",
	[28] = "arm no syndrome",
	[31] = "dirty ring full",
	[32] = "AP reset hold",
	[33] = "bus lock",
	[34] = "Xen",
	[37] = "notify",
	[39] = "memory fault",
};

void kvm_say_exit(const struct kvm_run *run, char *text, size_t size)
{
	unsigned r = run->exit_reason;
	const char *name =
		r < sizeof(say_exits) / sizeof(say_exits[0]) ? say_exits[r] : NULL;

	if (r == KVM_EXIT_UNKNOWN) {
		snprintf(text, size,
		         "KVM stopped for a reason of the hardware that it does not "
		         "know (0x%llx)",
		         (unsigned long long)run->hw.hardware_exit_reason);
	} else {
		snprintf(text, size,
		         "KVM stopped with exit reason %u (%s), which lodge does not "
		         "handle",
		         r, name ? name : "newer than lodge");
	}
}
