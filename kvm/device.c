/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device.c - KVM_CREATE_DEVICE and device attributes (Linux api.rst); see device.h.
 */
#include "config.h"

#include "kvm/device.h"

int kvm_device_new(struct kvm *k, uint32_t type)
{
	struct kvm_create_device d = { .type = type };
	int r = kvm_ioctl(k->vm_fd, KVM_CREATE_DEVICE, &d);

	return r < 0 ? r : (int)d.fd;
}

int kvm_device_set(int fd, uint32_t group, uint64_t attr, const void *val)
{
	struct kvm_device_attr a = { .group = group,
		                     .attr = attr,
		                     .addr = (uint64_t)(uintptr_t)val };

	return kvm_ioctl(fd, KVM_SET_DEVICE_ATTR, &a);
}

int kvm_device_get(int fd, uint32_t group, uint64_t attr, void *val)
{
	struct kvm_device_attr a = { .group = group,
		                     .attr = attr,
		                     .addr = (uint64_t)(uintptr_t)val };

	return kvm_ioctl(fd, KVM_GET_DEVICE_ATTR, &a);
}

bool kvm_device_has(int fd, uint32_t group, uint64_t attr)
{
	struct kvm_device_attr a = { .group = group, .attr = attr };

	return kvm_ioctl(fd, KVM_HAS_DEVICE_ATTR, &a) >= 0;
}
