/* SPDX-License-Identifier: GPL-2.0-or-later */
/* x86-internal.h - between the files of core/cpu that make up x86_guest_arch. */
#ifndef LODGE_CORE_CPU_X86_INTERNAL_H
#define LODGE_CORE_CPU_X86_INTERNAL_H

#include "core/cpu/fields.h"

enum { X86_N_FIELDS = 136 };
extern const struct cpu_field x86_fields[X86_N_FIELDS];

#endif
