/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus.h - the processors of the machine: places, and who comes and goes while it runs.
 * Control thread. The place of a processor is its slot (vm->vcpus[]), which is also its
 * number in the ACPI tables; topology and APIC id follow from it.
 */
#ifndef LODGE_MACHINE_CPUS_H
#define LODGE_MACHINE_CPUS_H

#include "machine/machine.h"

struct vcpu;

struct machine_cpu {
	unsigned index, socket, die, core, thread;
	struct vcpu *vcpu; /* NULL: nobody is there */
};

/* False: there is no such place. */
bool machine_cpu_at(const struct machine *m, unsigned index, struct machine_cpu *out);
/* "max-x86_64-cpu"; to be freed. NULL: the board has no processors, or no memory. */
char *machine_cpu_driver(const struct machine *m);
bool machine_is_cpu_driver(const struct machine *m, const char *driver);
/* The present processor of that id or path, or NULL. */
struct vcpu *machine_cpu_named(const struct machine *m, const char *id_or_path);
/* device_add of a processor; -device before the machine runs. */
int machine_cpu_plug(struct machine *m, struct opt *o, struct err *e) __must_check;
/* device_del: the guest is asked; VM_EV_CPU_GONE tells when it is gone. -ENOENT: that is no
 * processor. */
int machine_cpu_unplug(struct machine *m, const char *id_or_path, struct err *e)
	__must_check;

/* For boards. A slot that is there from the start, or is gone: */
int machine_cpu_new(struct machine *m, bool present, struct err *e) __must_check;
void machine_cpu_ejected(void *machine, unsigned index);
void machine_cpu_reported(void *machine, unsigned index, uint32_t event,
                          uint32_t status);
/* At a reset: those that should go are gone. */
void machine_cpus_reset(struct machine *m);

#endif
