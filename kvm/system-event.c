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

#include <linux/kvm.h>

#include "base/log.h"
#include "core/vm.h"

enum kvm_event_action kvm_event_decode(uint32_t type)
{
	switch (type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN: return KVM_EVENT_SHUTDOWN;
	case KVM_SYSTEM_EVENT_RESET: return KVM_EVENT_RESET;
	case KVM_SYSTEM_EVENT_CRASH: return KVM_EVENT_PANIC;
#ifdef KVM_SYSTEM_EVENT_SUSPEND
	case KVM_SYSTEM_EVENT_WAKEUP:
	case KVM_SYSTEM_EVENT_SUSPEND: return KVM_EVENT_RESUME;
#endif
	default: return KVM_EVENT_UNKNOWN;
	}
}

void kvm_event_act(struct vm *vm, enum kvm_event_action a)
{
	switch (a) {
	case KVM_EVENT_SHUTDOWN: vm_request_shutdown(vm, CAUSE_GUEST_SHUTDOWN); break;
	case KVM_EVENT_RESET: vm_request_reset(vm, CAUSE_GUEST_RESET); break;
	case KVM_EVENT_PANIC:
		log_error("the guest says that it has crashed");
		vm_request_stop(vm, RUN_GUEST_PANICKED);
		break;
	case KVM_EVENT_RESUME:
	case KVM_EVENT_UNKNOWN: break;
	}
}
