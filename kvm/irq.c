/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * irq.c - doorbells that KVM turns into eventfd signals without an exit.
 *
 * Threads: control, or the vCPU thread that moved a BAR.
 */
#include "config.h"

#include <errno.h>

#include "kvm/kvm.h"

int kvm_irq_ioeventfd(struct vm *vm, int eventfd, uint64_t addr, unsigned len,
                      bool match, uint64_t data, bool pio, bool add)
{
	struct kvm *k = vm->hv_priv;
	struct kvm_ioeventfd io = {
		.datamatch = data, .addr = addr, .len = len, .fd = eventfd
	};

	if (len != 0 && len != 1 && len != 2 && len != 4 && len != 8) {
		return -EINVAL;
	}
	io.flags = (match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u) |
	           (pio ? KVM_IOEVENTFD_FLAG_PIO : 0u) |
	           (add ? 0u : KVM_IOEVENTFD_FLAG_DEASSIGN);
	return kvm_ioctl(k->vm_fd, KVM_IOEVENTFD, &io);
}
