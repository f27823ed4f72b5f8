/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm-internal.h - shared by vm.c and vcpu.c only. */
#ifndef LODGE_CORE_VM_INTERNAL_H
#define LODGE_CORE_VM_INTERNAL_H

#include "core/vm.h"

/* Ends and joins every vCPU thread and frees the vCPUs. */
void vm_end_vcpus(struct vm *vm);

#endif
