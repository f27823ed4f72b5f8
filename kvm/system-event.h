/* SPDX-License-Identifier: GPL-2.0-or-later */
/* system-event.h - what a guest's firmware call asks of the machine, as KVM tells it. */
#ifndef LODGE_KVM_SYSTEM_EVENT_H
#define LODGE_KVM_SYSTEM_EVENT_H

#include <stdint.h>

struct vm;

enum kvm_event_action {
	KVM_EVENT_UNKNOWN,
	KVM_EVENT_SHUTDOWN,
	KVM_EVENT_RESET,
	KVM_EVENT_PANIC,
	KVM_EVENT_RESUME, /* nothing to do: the vCPU goes on */
};

/* Type of KVM_EXIT_SYSTEM_EVENT -> what it means. */
enum kvm_event_action kvm_event_decode(uint32_t type);
/* Asks the control thread for it. */
void kvm_event_act(struct vm *vm, enum kvm_event_action a);

#endif
