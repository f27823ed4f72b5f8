/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpus.c - see cpus.h.
 *
 * A processor is plugged in the order: slots up to its own (identified, with their local
 * APICs), its thread and the accelerator's vCPU, then the guest hears of it. It leaves
 * when the guest ejects it, or when a reset comes while it should leave.
 *
 * Known gaps: one model for all (-cpu); no NUMA nodes.
 */
#include "config.h"

#include "machine/cpus.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/device.h"
#include "core/vm.h"
#include "devices/fw/cpu-hotplug.h"

/* ---- places ---- */

bool machine_cpu_at(const struct machine *m, unsigned index, struct machine_cpu *out)
{
	const struct machine_cfg *c = &m->cfg;
	unsigned at = index;

	if (m->cls->no_cpus || index >= c->max_cpus) {
		return false;
	}
	*out = (struct machine_cpu){ .index = index };
	out->thread = at % c->threads;
	at /= c->threads;
	out->core = at % c->cores;
	at /= c->cores;
	out->die = at % c->dies;
	out->socket = at / c->dies;
	if (index < m->vm->n_vcpus && atomic_load(&m->vm->vcpus[index]->present)) {
		out->vcpu = m->vm->vcpus[index];
	}
	return true;
}

static const char *cpus_model(const struct machine *m)
{
	return m->cfg.cpu ? opt_get_str(m->cfg.cpu, "model", m->cls->default_cpu)
	                  : m->cls->default_cpu;
}

char *machine_cpu_driver(const struct machine *m)
{
	char *s = NULL;

	if (m->cls->no_cpus ||
	    asprintf(&s, "%s-%s-cpu", cpus_model(m), m->vm->arch->name) < 0) {
		return NULL;
	}
	return s;
}

bool machine_is_cpu_driver(const struct machine *m, const char *driver)
{
	char tail[64];
	size_t n = strlen(driver);
	int t = snprintf(tail, sizeof(tail), "-%s-cpu", m->vm->arch->name);

	return n > (size_t)t && !strcmp(driver + n - (size_t)t, tail);
}

/* ---- slots ---- */

int machine_cpu_new(struct machine *m, bool present, struct err *e)
{
	struct opt *o = m->cfg.cpu ? opt_copy(m->cfg.cpu) : opt_new_dict();
	struct vcpu *c;
	int r;

	if (!m->cfg.cpu) {
		opt_put_str(o, "model", m->cls->default_cpu);
	}
	r = present ? vm_add_vcpu(m->vm, &c, e) : vm_make_slot(m->vm, &c, e);
	r = r < 0 ? r : m->vm->arch->set_model(c, o, e);
	opt_free(o);
	if (r >= 0 && m->add_cpu) { /* the interrupt controllers are there already */
		r = m->add_cpu(m, c, e);
	}
	return r;
}

/* Slots are made in their order, and stay. */
static int cpus_make_slot(struct machine *m, unsigned index, struct err *e)
{
	int r = 0;

	while (r >= 0 && m->vm->n_vcpus <= index) {
		r = machine_cpu_new(m, false, e);
	}
	return r;
}

/* ---- plug ---- */

static int cpus_get(struct opt *o, const char *key, unsigned n, int dflt, unsigned *out,
                    struct err *e)
{
	uint64_t v;
	int r;

	if (!opt_has(o, key)) {
		*out = (unsigned)dflt;
		return dflt >= 0 ? 0 : err_set(e, -EINVAL, "CPU %s is not set", key);
	}
	r = opt_get_u64(o, key, 0, &v, e);
	if (r >= 0 && v >= n) {
		r = err_set(e, -EINVAL, "Invalid CPU %s: %llu must be in range 0:%u",
		            key, (unsigned long long)v, n - 1);
	}
	*out = r < 0 ? 0 : (unsigned)v;
	return r;
}

static int cpus_place(const struct machine *m, struct opt *o, unsigned *index,
                      struct err *e)
{
	const struct machine_cfg *c = &m->cfg;
	unsigned s, d, k, t;
	int r = cpus_get(o, "socket-id", c->sockets, -1, &s, e);

	r = r < 0 ? r : cpus_get(o, "die-id", c->dies, c->dies > 1 ? -1 : 0, &d, e);
	r = r < 0 ? r : cpus_get(o, "core-id", c->cores, -1, &k, e);
	r = r < 0 ? r : cpus_get(o, "thread-id", c->threads, -1, &t, e);
	if (r >= 0 && opt_has(o, "node-id")) {
		uint64_t node;

		r = opt_get_u64(o, "node-id", 0, &node, e);
		if (r >= 0 && node) {
			r = err_set(e, -EINVAL, "not supported: NUMA node %llu",
			            (unsigned long long)node);
		}
	}
	if (r >= 0) {
		*index = ((s * c->dies + d) * c->cores + k) * c->threads + t;
	}
	return r;
}

static int cpus_check_driver(const struct machine *m, struct opt *o, struct err *e)
{
	AUTO_FREE char *want = machine_cpu_driver(m);
	const char *driver = opt_get_str(o, "driver", "");

	if (!m->cls->has_cpu_hotplug) {
		return err_set(e, -ENOTSUP,
		               "not supported: machine '%s' has no hot-plug of CPUs",
		               m->cls->name);
	}
	if (!want || strcmp(want, driver)) {
		return err_set(e, -EINVAL, "Invalid CPU type, expected cpu type: '%s'",
		               want ? want : "");
	}
	if (m->vm->ready && !m->hotplug) {
		return err_set(e, -ENOTSUP,
		               "not supported: hot-plug of CPUs without ACPI");
	}
	return 0;
}

struct vcpu *machine_cpu_named(const struct machine *m, const char *id_or_path)
{
	struct vcpu *c;

	vm_for_each_vcpu (m->vm, c) {
		if ((c->id && !strcmp(c->id, id_or_path)) ||
		    !strcmp(c->qom_path, id_or_path)) {
			return c;
		}
	}
	return NULL;
}

/* The names by which management knows it from now on. */
static int cpus_name(struct machine *m, struct vcpu *c, const char *id, struct err *e)
{
	char *path = NULL, *own = NULL;
	int r;

	if (id && (device_find(id) || machine_cpu_named(m, id))) {
		return err_set(e, -EEXIST, "Duplicate device ID '%s'", id);
	}
	if (id) {
		own = strdup(id);
		r = asprintf(&path, "/machine/peripheral/%s", id);
	} else {
		r = asprintf(&path, "/machine/peripheral-anon/cpu[%u]", c->index);
	}
	if (r < 0 || (id && !own)) {
		free(own);
		free(r < 0 ? NULL : path);
		return err_set(e, -ENOMEM, "out of memory");
	}
	free(c->qom_path);
	free(c->id);
	c->qom_path = path;
	c->id = own;
	return 0;
}

/* Before the first instruction the tables say who is there; later the guest is told. */
static void cpus_tell(struct machine *m, struct vcpu *c)
{
	bool early = m->vm->state == RUN_PRELAUNCH;

	if (m->hotplug) {
		cpu_hotplug_add(m->hotplug, c->index,
		                m->vm->arch->cpu_id ? m->vm->arch->cpu_id(c) : c->index,
		                !early);
	}
	if (early && m->cpus_changed) {
		m->cpus_changed(m);
	}
}

int machine_cpu_plug(struct machine *m, struct opt *o, struct err *e)
{
	const char *id = opt_get_str(o, "id", NULL);
	struct machine_cpu at;
	struct vcpu *c;
	unsigned index;
	int r = cpus_check_driver(m, o, e);

	r = r < 0 ? r : cpus_place(m, o, &index, e);
	r = r < 0 ? r : opt_check_unused(o, "device_add", e);
	if (r < 0) {
		return r;
	}
	if (!machine_cpu_at(m, index, &at) || at.vcpu) {
		return err_set(e, -EBUSY,
		               "CPU[%u] with socket-id %u, core-id %u, thread-id %u "
		               "exists",
		               index, at.socket, at.core, at.thread);
	}
	r = cpus_make_slot(m, index, e);
	if (r < 0) {
		return r;
	}
	c = m->vm->vcpus[index];
	r = cpus_name(m, c, id, e);
	if (r >= 0 && m->vm->ready) {
		r = vm_plug_vcpu(c, e);
	} else if (r >= 0) { /* vm_start_vcpus() starts it */
		atomic_store(&c->present, true);
	}
	if (r >= 0) {
		cpus_tell(m, c);
	}
	return r;
}

/* ---- unplug ---- */

int machine_cpu_unplug(struct machine *m, const char *id_or_path, struct err *e)
{
	struct vcpu *c = machine_cpu_named(m, id_or_path);

	if (!c) {
		return -ENOENT;
	}
	if (c->index == 0) {
		return err_set(e, -EPERM, "Boot CPU is unpluggable");
	}
	if (!m->hotplug) {
		return err_set(e, -ENOTSUP,
		               "not supported: machine '%s' has no hot-plug of CPUs",
		               m->cls->name);
	}
	c->leaving = true;
	cpu_hotplug_ask(m->hotplug, c->index);
	return 0;
}

static void cpus_drop(struct machine *m, struct vcpu *c)
{
	vm_unplug_vcpu(c);
	cpu_hotplug_remove(m->hotplug, c->index);
	c->leaving = false;
	vm_notify(m->vm, VM_EV_CPU_GONE, (int)c->index);
	free(c->id);
	c->id = NULL;
}

void machine_cpu_ejected(void *machine, unsigned index)
{
	struct machine *m = machine;
	struct machine_cpu at;

	if (index && machine_cpu_at(m, index, &at) && at.vcpu) {
		cpus_drop(m, at.vcpu);
	}
}

void machine_cpu_reported(void *machine, unsigned index, uint32_t event,
                          uint32_t status)
{
	struct machine *m = machine;

	if (index < m->vm->n_vcpus) {
		struct vcpu *c = m->vm->vcpus[index];

		c->ost.event = event;
		c->ost.status = status;
		vm_notify(m->vm, VM_EV_CPU_REPORT, (int)index);
	}
}

void machine_cpus_reset(struct machine *m)
{
	struct vcpu *c;

	vm_for_each_vcpu (m->vm, c) {
		if (c->leaving) {
			cpus_drop(m, c);
		}
	}
}
