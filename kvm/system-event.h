/* SPDX-License-Identifier: GPL-2.0-or-later */
/* system-event.h - what a guest's firmware call asks of the machine, as KVM tells it. */
#ifndef LODGE_KVM_SYSTEM_EVENT_H
#define LODGE_KVM_SYSTEM_EVENT_H

#include <stdbool.h>

struct kvm_vcpu;

/* After KVM_EXIT_SYSTEM_EVENT: asks the control thread for it. False: an unknown one. */
bool kvm_system_event(struct kvm_vcpu *v);

#endif
