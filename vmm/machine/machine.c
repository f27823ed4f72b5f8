/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * machine.c - the list of boards, and what they all share: RAM and vCPUs.
 *
 * Known gaps: one memory node; no memory hot-plug (slots and maxmem of -m are
 * accepted and unused).
 */
#include "config.h"

#include "machine/machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/object.h"
#include "core/vm.h"
#include "machine/cpus.h"

static const struct machine_class *const machine_classes[] = {
	&machine_q35,
	&machine_pc,
	&machine_microvm,
	&machine_none,
};

static bool machine_alias_matches(const char *alias, const char *name)
{
	size_t n = strlen(alias);

	if (n && alias[n - 1] == '*') {
		return strncmp(alias, name, n - 1) == 0;
	}
	return strcmp(alias, name) == 0;
}

const struct machine_class *machine_class_find(const char *name)
{
	for (unsigned i = 0; i < ARRAY_LEN(machine_classes); i++) {
		const struct machine_class *c = machine_classes[i];

		if (strcmp(c->name, name) == 0) {
			return c;
		}
		for (const char *const *a = c->aliases; a && *a; a++) {
			if (machine_alias_matches(*a, name)) {
				return c;
			}
		}
	}
	return NULL;
}

const struct machine_class *machine_class_at(unsigned i)
{
	return i < ARRAY_LEN(machine_classes) ? machine_classes[i] : NULL;
}

const struct machine_class *machine_class_default(const char *arch)
{
	for (unsigned i = 0; i < ARRAY_LEN(machine_classes); i++) {
		if (machine_classes[i]->is_default && machine_classes[i]->arch &&
		    strcmp(machine_classes[i]->arch, arch) == 0) {
			return machine_classes[i];
		}
	}
	return NULL;
}

void machine_help(void)
{
	printf("Supported machines are:\n");
	for (unsigned i = 0; i < ARRAY_LEN(machine_classes); i++) {
		printf("%-20s %s%s\n", machine_classes[i]->name,
		       machine_classes[i]->description,
		       machine_classes[i]->is_default ? " (default)" : "");
	}
}

/* What -smp leaves open, as QEMU's boards of version 6.2 on do it: cores before sockets
 * before threads. A division that does not come out even is found by the check. */
static void machine_fill_smp(struct machine_cfg *c)
{
	unsigned max = c->max_cpus ? c->max_cpus : c->cpus;

	c->dies = MAX(c->dies, 1u);
	if (!max || !c->cores) {
		c->sockets = MAX(c->sockets, 1u);
		c->threads = MAX(c->threads, 1u);
	}
	if (!max) {
		c->cores = MAX(c->cores, 1u);
	} else if (!c->cores) {
		c->cores = max / (c->sockets * c->dies * c->threads);
	} else if (!c->sockets) {
		c->threads = MAX(c->threads, 1u);
		c->sockets = max / (c->dies * c->cores * c->threads);
	} else if (!c->threads) {
		c->threads = max / (c->sockets * c->dies * c->cores);
	}
	c->max_cpus = max ? max : c->sockets * c->dies * c->cores * c->threads;
	c->cpus = c->cpus ? c->cpus : c->max_cpus;
}

int machine_fix_smp(const struct machine_class *cls, struct machine_cfg *c,
                    struct err *e)
{
	uint64_t product;

	machine_fill_smp(c);
	product = (uint64_t)c->sockets * c->dies * c->cores * c->threads;
	if (product != c->max_cpus) {
		return err_set(e, -EINVAL,
		               "-smp: sockets (%u) x dies (%u) x cores (%u) x threads "
		               "(%u) is not maxcpus (%u)",
		               c->sockets, c->dies, c->cores, c->threads, c->max_cpus);
	}
	if (c->cpus > c->max_cpus) {
		return err_set(e, -EINVAL, "-smp: %u CPUs, but maxcpus is %u", c->cpus,
		               c->max_cpus);
	}
	if (c->max_cpus > cls->max_cpus && !cls->no_cpus) {
		return err_set(e, -EINVAL, "machine '%s' takes %u CPUs at most, not %u",
		               cls->name, cls->max_cpus, c->max_cpus);
	}
	return 0;
}

static int machine_new_ram(struct machine *m, struct err *e)
{
	const char *id = opt_get_str(m->cfg.props, "memory-backend", NULL);
	struct ram_config rc = { .size = m->cfg.ram_size, .share = false };

	if (id) {
		m->ram = object_memory(id);
		if (!m->ram) {
			return err_set(e, -ENOENT,
			               "memory-backend: no -object memory-backend-* "
			               "has id '%s'",
			               id);
		}
		if (m->ram->size != m->cfg.ram_size) {
			return err_set(
				e, -EINVAL,
				"memory backend '%s' has %llu bytes, -m says %llu", id,
				(unsigned long long)m->ram->size,
				(unsigned long long)m->cfg.ram_size);
		}
	} else {
		m->ram = ram_block_new(m->cls->ram_id, &rc, e);
		if (!m->ram) {
			return -ENOMEM;
		}
	}
	mr_init_ram(&m->ram_mr, m->cls->ram_id, m->ram);
	m->vm->ram_size = m->cfg.ram_size;
	return 0;
}

static int machine_new_cpus(struct machine *m, struct err *e)
{
	int r = 0;

	m->vm->max_vcpus = m->cfg.max_cpus;
	m->vm->smp.cores = (uint16_t)(m->cfg.dies * m->cfg.cores);
	m->vm->smp.threads = (uint16_t)m->cfg.threads;
	m->vm->smp.dies = (uint16_t)m->cfg.dies;
	for (unsigned i = 0; r >= 0 && i < m->cfg.cpus; i++) {
		r = machine_cpu_new(m, true, e);
	}
	return r;
}

struct machine *machine_new(const struct machine_class *cls, struct vm *vm,
                            const struct machine_cfg *cfg, struct err *e)
{
	struct machine *m = calloc(1, sizeof(*m));
	int r = 0;

	if (!m) {
		err_set(e, -ENOMEM, "out of memory");
		return NULL;
	}
	m->cls = cls;
	m->cfg = *cfg;
	m->vm = vm;
	m->boot_in.kernel.fd = -1;
	vm->machine = m;
	if (!cls->no_cpus) {
		r = machine_new_ram(m, e);
		if (r >= 0) {
			r = machine_new_cpus(m, e);
		}
	}
	if (r >= 0 && cls->build) {
		aspace_begin(&vm->mem);
		aspace_begin(&vm->io);
		r = cls->build(m, e);
		aspace_commit(&vm->io);
		aspace_commit(&vm->mem);
	}
	if (r >= 0) {
		/* Read later, in finish. */
		(void)opt_get(m->cfg.props, "acpi");
		(void)opt_get(m->cfg.props, "x-dump-acpi");
		r = opt_check_unused(m->cfg.props, "-machine", e);
	}
	if (r < 0) {
		machine_free(m);
		return NULL;
	}
	return m;
}

int machine_finish(struct machine *m, struct err *e)
{
	return m->cls->finish ? m->cls->finish(m, e) : 0;
}

void machine_free(struct machine *m)
{
	if (!m) {
		return;
	}
	if (m->cls->fini) {
		m->cls->fini(m);
	}
	if (m->have_plan) {
		boot_plan_fini(&m->plan);
	}
	boot_in_fini(&m->boot_in);
	m->vm->machine = NULL;
	free(m);
}

/* ---- "none": a machine for management to ask questions of ---- */

const struct machine_class machine_none = {
	.name = "none",
	.description = "empty machine",
	.max_cpus = 1,
	.no_cpus = true,
};
