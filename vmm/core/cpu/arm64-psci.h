/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64-psci.h - the power interface that firmware offers to an AArch64 kernel, for
 * accelerators that do not bring it along (KVM does).
 *
 * Spec: Arm DEN0022 (PSCI 1.1), DEN0028 (SMC calling convention).
 */
#ifndef LODGE_CORE_CPU_ARM64_PSCI_H
#define LODGE_CORE_CPU_ARM64_PSCI_H

#include <stdbool.h>
#include <stdint.h>

struct arm64_cpu;

enum arm64_psci_op {
	PSCI_UNKNOWN,
	PSCI_VERSION,
	PSCI_CPU_SUSPEND,
	PSCI_CPU_OFF,
	PSCI_CPU_ON,
	PSCI_AFFINITY_INFO,
	PSCI_MIGRATE_INFO_TYPE,
	PSCI_SYSTEM_OFF,
	PSCI_SYSTEM_RESET,
	PSCI_SYSTEM_RESET2,
	PSCI_FEATURES,
	PSCI_SMCCC_VERSION,
};

enum {
	PSCI_RET_SUCCESS = 0,
	PSCI_RET_NOT_SUPPORTED = -1,
	PSCI_RET_INVALID_PARAMETERS = -2,
	PSCI_RET_DENIED = -3,
	PSCI_RET_ALREADY_ON = -4,
	PSCI_RET_ON_PENDING = -5,
};

struct arm64_psci_call {
	enum arm64_psci_op op;
	uint64_t arg[3];
};

enum arm64_psci_then {
	PSCI_GO_ON,
	PSCI_WAIT, /* as after WFI */
	PSCI_GONE, /* the core is off, or the machine ends */
};

/* Function identifier and x1..x3 -> the call; arguments of a 32-bit one have 32 bits. */
struct arm64_psci_call arm64_psci_decode(uint64_t fn, const uint64_t x[3]);
/* HVC or SMC with a function identifier in x0, on the vCPU's own thread: does it and
 * puts the result in x0. */
enum arm64_psci_then arm64_psci(struct arm64_cpu *c);

#endif
