/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * one-reg.h - registers that KVM moves one at a time (KVM_GET_ONE_REG): AArch64, RV64.
 *
 * A table says where each register known to lodge lives: in the architectural struct, or
 * in a *view*, where it has KVM's format and the architecture's file converts it. What KVM
 * lists and no table knows is kept as it comes.
 *
 * This header needs no KVM header: the tables are tested on any host.
 */
#ifndef LODGE_KVM_ONE_REG_H
#define LODGE_KVM_ONE_REG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* Format of a register's id (Linux, api.rst 4.68). */
#define ONE_REG_ARCH_MASK  UINT64_C(0xff00000000000000)
#define ONE_REG_ARM64      UINT64_C(0x6000000000000000)
#define ONE_REG_RISCV      UINT64_C(0x8000000000000000)
#define ONE_REG_SIZE_SHIFT 52
#define ONE_REG_SIZE_MASK  UINT64_C(0x00f0000000000000)
#define ONE_REG_U32        (UINT64_C(2) << ONE_REG_SIZE_SHIFT)
#define ONE_REG_U64        (UINT64_C(3) << ONE_REG_SIZE_SHIFT)
#define ONE_REG_U128       (UINT64_C(4) << ONE_REG_SIZE_SHIFT)
#define ONE_REG_U256       (UINT64_C(5) << ONE_REG_SIZE_SHIFT)
#define ONE_REG_U512       (UINT64_C(6) << ONE_REG_SIZE_SHIFT)
#define ONE_REG_U2048      (UINT64_C(8) << ONE_REG_SIZE_SHIFT)
/* Bytes of a register. */
#define ONE_REG_BYTES(id) (1u << (((id)&ONE_REG_SIZE_MASK) >> ONE_REG_SIZE_SHIFT))

enum one_reg_how {
	ONE_REG_CPU,       /* off: in the architectural struct */
	ONE_REG_VIEW = 1,  /* off: in the view */
	ONE_REG_RO = 2,    /* pulled only: identification, running counters */
	ONE_REG_SKIP = 4,  /* neither: seen elsewhere */
	ONE_REG_LATE = 8,  /* pushed after all others */
	ONE_REG_FLEX = 16, /* KVM chooses the size: up to `room` */
};

struct one_reg {
	uint64_t id;
	uint32_t off;
	uint16_t room; /* bytes at off */
	uint16_t how;  /* enum one_reg_how */
};

/* Entry for an id that KVM lists, or NULL. */
const struct one_reg *one_reg_find(const struct one_reg *t, unsigned n, uint64_t id);

struct one_reg_slot {
	uint64_t id;
	const struct one_reg *reg; /* NULL: kept as it comes, at `at` */
	uint32_t at;
};

struct one_regs {
	struct one_reg_slot *slot;
	unsigned n;
	uint8_t *rest; /* values of the unknown ones */
	bool rest_valid;
};

/* Asks a vCPU what it has. */
int one_regs_init(struct one_regs *r, int fd, const struct one_reg *t, unsigned n,
                  struct err *e) __must_check;
void one_regs_fini(struct one_regs *r);
int one_regs_pull(struct one_regs *r, int fd, void *cpu, void *view, struct err *e)
	__must_check;
int one_regs_push(struct one_regs *r, int fd, const void *cpu, const void *view,
                  struct err *e) __must_check;
/* One register by itself: 0 or -errno. */
int one_reg_get(int fd, uint64_t id, void *val);
int one_reg_set(int fd, uint64_t id, const void *val);

#endif
