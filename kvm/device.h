/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device.h - KVM's devices: interrupt controllers of AArch64 and RV64. */
#ifndef LODGE_KVM_DEVICE_H
#define LODGE_KVM_DEVICE_H

#include "kvm/kvm.h"

/* KVM_CREATE_DEVICE and attributes: 0 or a descriptor, -errno. `val` is what the attribute
 * points at, or NULL. */
int kvm_device_new(struct kvm *k, uint32_t type);
int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *val);
int kvm_device_get(int fd, uint32_t group, uint64_t attr, void *val);
bool kvm_device_has(int fd, uint32_t group, uint64_t attr);

#endif
