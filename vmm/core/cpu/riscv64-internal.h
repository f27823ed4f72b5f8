/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riscv64-internal.h - between the files of core/cpu that make up riscv64_guest_arch. */
#ifndef LODGE_CORE_CPU_RISCV64_INTERNAL_H
#define LODGE_CORE_CPU_RISCV64_INTERNAL_H

#include "core/cpu/fields.h"
#include "core/cpu/riscv64.h"

enum { RISCV64_N_FIELDS = 64 };
extern const struct cpu_field riscv64_fields[RISCV64_N_FIELDS];

#endif
