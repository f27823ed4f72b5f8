/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64-psci.c - PSCI in user space; see arm64-psci.h.
 *
 * Spec: DEN0022 5.1 (function identifiers), 5.2 (results).
 * Threads: the calling vCPU's own. Of another vCPU only `power`, on_pc and on_ctx are
 * touched, the latter two by whoever moved `power` from off to pending.
 *
 * Known gaps: every suspend state is a standby; affinity levels above 0; SYSTEM_SUSPEND.
 */
#include "config.h"

#include "core/cpu/arm64-psci.h"

#include "core/cpu/arm64.h"
#include "core/vm.h"

#define PSCI_ID(n)    (0x84000000u + (n))
#define PSCI_64       0x40000000u
#define PSCI_AFF_MASK UINT64_C(0xff00ffffff)

static const struct {
	uint32_t id;
	enum arm64_psci_op op;
	bool has64;
} psci_calls[] = {
	{ PSCI_ID(0), PSCI_VERSION, false },
	{ PSCI_ID(1), PSCI_CPU_SUSPEND, true },
	{ PSCI_ID(2), PSCI_CPU_OFF, false },
	{ PSCI_ID(3), PSCI_CPU_ON, true },
	{ PSCI_ID(4), PSCI_AFFINITY_INFO, true },
	{ PSCI_ID(6), PSCI_MIGRATE_INFO_TYPE, false },
	{ PSCI_ID(8), PSCI_SYSTEM_OFF, false },
	{ PSCI_ID(9), PSCI_SYSTEM_RESET, false },
	{ PSCI_ID(10), PSCI_FEATURES, false },
	{ PSCI_ID(18), PSCI_SYSTEM_RESET2, true },
	{ 0x80000000u, PSCI_SMCCC_VERSION, false },
};

static enum arm64_psci_op psci_op(uint32_t fn)
{
	for (unsigned i = 0; i < ARRAY_LEN(psci_calls); i++) {
		if (psci_calls[i].id == fn ||
		    (psci_calls[i].has64 && psci_calls[i].id == (fn & ~PSCI_64))) {
			return psci_calls[i].op;
		}
	}
	return PSCI_UNKNOWN;
}

struct arm64_psci_call arm64_psci_decode(uint64_t fn, const uint64_t x[3])
{
	struct arm64_psci_call k = { .op = psci_op((uint32_t)fn) };

	for (unsigned i = 0; i < ARRAY_LEN(k.arg); i++) {
		k.arg[i] = fn & PSCI_64 ? x[i] : (uint32_t)x[i];
	}
	return k;
}

static struct arm64_cpu *psci_find(struct vm *vm, uint64_t aff)
{
	for (unsigned i = 0; i < vm->n_vcpus; i++) {
		struct arm64_cpu *c = vm->vcpus[i]->arch;

		if ((c->id.mpidr & PSCI_AFF_MASK) == aff) {
			return c;
		}
	}
	return NULL;
}

static int64_t psci_cpu_on(struct vm *vm, const struct arm64_psci_call *k)
{
	struct arm64_cpu *t = psci_find(vm, k->arg[0]);
	uint32_t was = ARM64_OFF;

	if (!t) {
		return PSCI_RET_INVALID_PARAMETERS;
	}
	/* on_pc is read only after ARM64_REQ_POWER, which comes last. */
	if (!atomic_compare_exchange_strong(&t->power, &was, ARM64_ON_PENDING)) {
		return was == ARM64_ON ? PSCI_RET_ALREADY_ON : PSCI_RET_ON_PENDING;
	}
	t->on_pc = k->arg[1];
	t->on_ctx = k->arg[2];
	vcpu_request(t->vcpu, ARM64_REQ_POWER);
	return PSCI_RET_SUCCESS;
}

static int64_t psci_affinity_info(struct vm *vm, const struct arm64_psci_call *k)
{
	struct arm64_cpu *t = k->arg[1] ? NULL : psci_find(vm, k->arg[0]);

	return t ? (int64_t)atomic_load(&t->power) : PSCI_RET_INVALID_PARAMETERS;
}

enum arm64_psci_then arm64_psci(struct arm64_cpu *c)
{
	struct arm64_psci_call k = arm64_psci_decode(c->x[0], &c->x[1]);
	enum arm64_psci_then then = PSCI_GO_ON;
	struct vm *vm = c->vcpu->vm;
	int64_t r = PSCI_RET_NOT_SUPPORTED;

	switch (k.op) {
	case PSCI_VERSION:
	case PSCI_SMCCC_VERSION: r = 0x10001; break;
	case PSCI_FEATURES: r = psci_op((uint32_t)k.arg[0]) ? 0 : r; break;
	case PSCI_MIGRATE_INFO_TYPE: r = 2; break; /* no trusted OS to migrate */
	case PSCI_CPU_ON: r = psci_cpu_on(vm, &k); break;
	case PSCI_AFFINITY_INFO: r = psci_affinity_info(vm, &k); break;
	case PSCI_CPU_SUSPEND:
		r = PSCI_RET_SUCCESS;
		then = PSCI_WAIT;
		break;
	case PSCI_CPU_OFF:
		atomic_store(&c->power, ARM64_OFF);
		then = PSCI_GONE;
		break;
	case PSCI_SYSTEM_OFF:
		vm_request_shutdown(vm, CAUSE_GUEST_SHUTDOWN);
		then = PSCI_GONE;
		break;
	case PSCI_SYSTEM_RESET:
	case PSCI_SYSTEM_RESET2:
		vm_request_reset(vm, CAUSE_GUEST_RESET);
		then = PSCI_GONE;
		break;
	case PSCI_UNKNOWN: break;
	}
	if (then != PSCI_GONE) {
		c->x[0] = (uint64_t)r;
	}
	return then;
}
