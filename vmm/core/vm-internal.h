/* SPDX-License-Identifier: GPL-2.0-or-later */
/* vm-internal.h - shared by vm.c and vcpu.c only. */
#ifndef LODGE_CORE_VM_INTERNAL_H
#define LODGE_CORE_VM_INTERNAL_H

#include "core/vm.h"

struct vcpu_start {
	struct vcpu *c;
	struct err *e;
	int ret;
	int no_thread; /* -errno: it could not even be started */
	_Atomic uint32_t done;
};
/* Begins to start c's thread; done() waits until it runs, or says why it does not. */
void vcpu_start_begin(struct vcpu *c, struct vcpu_start *s, struct err *e);
int vcpu_start_done(struct vcpu_start *s);
/* On the vCPU's thread: struct -> accelerator. */
int vcpu_push_state(struct vcpu *c, struct err *e);

/* Ends and joins every vCPU thread and frees the vCPUs. */
void vm_end_vcpus(struct vm *vm);

#endif
