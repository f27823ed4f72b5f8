/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * system-event.c - KVM_EXIT_SYSTEM_EVENT: PSCI SYSTEM_OFF and SYSTEM_RESET, SBI system
 * reset. KVM has stopped all vCPUs by itself when it tells.
 *
 * Spec: Linux api.rst KVM_EXIT_SYSTEM_EVENT.
 * Threads: a vCPU's own.
 * Known gaps: suspend to RAM goes on at once.
 */
#include "config.h"

#include "kvm/system-event.h"

#include "base/log.h"
#include "kvm/kvm.h"

bool kvm_system_event(struct kvm_vcpu *v)
{
	struct vm *vm = v->k->vm;

	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_request_shutdown(vm, CAUSE_GUEST_SHUTDOWN);
		return true;
	case KVM_SYSTEM_EVENT_RESET:
		vm_request_reset(vm, CAUSE_GUEST_RESET);
		return true;
	case KVM_SYSTEM_EVENT_CRASH:
		log_error("the guest says that it has crashed");
		vm_request_stop(vm, RUN_GUEST_PANICKED);
		return true;
#ifdef KVM_SYSTEM_EVENT_SUSPEND
	case KVM_SYSTEM_EVENT_WAKEUP:
	case KVM_SYSTEM_EVENT_SUSPEND: return true;
#endif
	default: return false;
	}
}
