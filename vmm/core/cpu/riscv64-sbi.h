/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64-sbi.h - calls of a RISC-V kernel to its supervisor execution environment that
 * KVM leaves to user space: console and reset.
 *
 * Spec: RISC-V SBI 3.0.
 */
#ifndef LODGE_CORE_CPU_RISCV64_SBI_H
#define LODGE_CORE_CPU_RISCV64_SBI_H

#include <stdbool.h>
#include <stdint.h>

struct riscv64_cpu;

enum riscv64_sbi_op {
	SBI_UNKNOWN,
	SBI_PUTCHAR, /* legacy: no function id, one result */
	SBI_GETCHAR,
	SBI_SHUTDOWN,
	SBI_DBCN_WRITE,
	SBI_DBCN_READ,
	SBI_DBCN_WRITE_BYTE,
	SBI_RESET,
};

enum {
	SBI_SUCCESS = 0,
	SBI_ERR_FAILED = -1,
	SBI_ERR_NOT_SUPPORTED = -2,
	SBI_ERR_INVALID_PARAM = -3,
};

struct riscv64_sbi_result {
	int64_t a0,
		a1; /* error and value; legacy calls: the result, and a1 as it was */
	bool gone;  /* the machine ends or begins anew */
};

enum riscv64_sbi_op riscv64_sbi_decode(uint64_t ext, uint64_t fn);
/* On the vCPU's own thread. */
struct riscv64_sbi_result riscv64_sbi(struct riscv64_cpu *c, uint64_t ext, uint64_t fn,
                                      const uint64_t arg[6]);

#endif
