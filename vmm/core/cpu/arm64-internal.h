/* SPDX-License-Identifier: GPL-2.0-or-later */
/* arm64-internal.h - between the files of core/cpu that make up arm64_guest_arch. */
#ifndef LODGE_CORE_CPU_ARM64_INTERNAL_H
#define LODGE_CORE_CPU_ARM64_INTERNAL_H

#include "core/cpu/arm64.h"
#include "core/cpu/fields.h"

enum { ARM64_N_FIELDS = 78 };
extern const struct cpu_field arm64_fields[ARM64_N_FIELDS];

/* EL1h at `pc`, MMU off, interrupts masked; what no reset value is defined for is zero. */
void arm64_reset_core(struct arm64_cpu *c, uint64_t pc);

#endif
