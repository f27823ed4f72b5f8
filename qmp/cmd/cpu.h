/* SPDX-License-Identifier: GPL-2.0-or-later */
/* cpu.h - what the QMP commands on objects know of vCPUs and CPU types (cpu-qom.c). Control
 * thread. */
#ifndef LODGE_QMP_CMD_CPU_H
#define LODGE_QMP_CMD_CPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct opt;
struct vcpu;
struct vm;

/* The vCPU at an object path; NULL. */
struct vcpu *qmp_cpu_at(struct vm *vm, const char *path);
/* "NAME-x86_64-cpu" of a model */
void qmp_cpu_type_name(const struct vm *vm, const char *model, char *type, size_t size);
bool qmp_cpu_is_type(const struct vm *vm, const char *type);
/* Entries of qom-list-types. */
void qmp_cpu_types(const struct vm *vm, struct opt *list);
/* Names and types of the properties of a vCPU. */
struct opt *qmp_cpu_props(void);
int qmp_cpu_get(struct vcpu *c, const char *property, struct opt **ret, struct err *e);
/* A list of the names of features. */
struct opt *qmp_cpu_feature_names(const uint64_t *words);

#endif
