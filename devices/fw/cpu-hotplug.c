/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * cpu-hotplug.c - see cpu-hotplug.h.
 *
 * An ejected processor is not present from that write on; that its thread ends is control's
 * work, a moment later.
 *
 * Threads: registers on vCPU threads under dev.lk; the rest on control.
 * Known gaps: the firmware's part of the block (ejection through SMM); news that the guest
 * has not looked at yet are not part of the saved state.
 */
#include "config.h"

#include "devices/fw/cpu-hotplug.h"

#include <errno.h>
#include <stdlib.h>

#include "core/device.h"
#include "core/loop.h"
#include "core/vm.h"
#include "state/state.h"

enum {
	HP_SELECT = 0,
	HP_FLAGS = 4,
	HP_COMMAND = 5,
	HP_DATA = 8,

	HP_PRESENT = 1, /* flags */
	HP_INSERTED = 2,
	HP_REMOVE = 4,
	HP_EJECT = 8,

	HP_NEXT = 0, /* commands */
	HP_OST_EVENT = 1,
	HP_OST_STATUS = 2,
	HP_ARCH_ID = 3,

	HP_MAX = 4096,
};

struct hp_cpu {
	uint8_t flags;
	bool ejected, reported; /* for control */
	uint32_t arch_id, event, status;
};

struct cpu_hotplug {
	struct device dev;
	struct cpu_hotplug_cfg cfg;
	struct mr mr;
	uint32_t selected;
	uint8_t command;
	bool posted;
	struct hp_cpu *cpu;
};

static struct hp_cpu *hp_selected(struct cpu_hotplug *p)
{
	return p->selected < p->cfg.n ? &p->cpu[p->selected] : NULL;
}

/* ---- control's part ---- */

static bool hp_take(struct cpu_hotplug *p, unsigned i, struct hp_cpu *out)
{
	LOCK_SCOPE(&p->dev.lk);
	*out = p->cpu[i];
	p->cpu[i].ejected = p->cpu[i].reported = false;
	return out->ejected || out->reported;
}

static void hp_work(void *opaque)
{
	struct cpu_hotplug *p = opaque;
	struct hp_cpu c;

	{
		LOCK_SCOPE(&p->dev.lk);
		p->posted = false;
	}
	for (unsigned i = 0; i < p->cfg.n; i++) {
		if (!hp_take(p, i, &c)) {
			continue;
		}
		if (c.reported) {
			p->cfg.reported(p->cfg.opaque, i, c.event, c.status);
		}
		if (c.ejected) {
			p->cfg.ejected(p->cfg.opaque, i);
		}
	}
}

/* However often a guest writes, one call waits. */
static void hp_post_locked(struct cpu_hotplug *p)
{
	if (!p->posted && p->dev.vm->loop) {
		p->posted = true;
		loop_post(p->dev.vm->loop, hp_work, p);
	}
}

void cpu_hotplug_add(struct cpu_hotplug *p, unsigned cpu, uint32_t arch_id, bool tell)
{
	{
		LOCK_SCOPE(&p->dev.lk);
		p->cpu[cpu] = (struct hp_cpu){
			.flags = HP_PRESENT | (tell ? HP_INSERTED : 0),
			.arch_id = arch_id,
		};
	}
	if (tell) {
		p->cfg.notify(p->cfg.opaque);
	}
}

void cpu_hotplug_ask(struct cpu_hotplug *p, unsigned cpu)
{
	{
		LOCK_SCOPE(&p->dev.lk);
		p->cpu[cpu].flags |= HP_REMOVE;
	}
	p->cfg.notify(p->cfg.opaque);
}

void cpu_hotplug_remove(struct cpu_hotplug *p, unsigned cpu)
{
	LOCK_SCOPE(&p->dev.lk);
	p->cpu[cpu].flags = 0;
	p->cpu[cpu].ejected = false;
}

/* ---- the guest's part ---- */

static void hp_find_next(struct cpu_hotplug *p)
{
	for (unsigned k = 0; k < p->cfg.n; k++) {
		unsigned i = (unsigned)(((uint64_t)p->selected + k) % p->cfg.n);

		if (p->cpu[i].flags & (HP_INSERTED | HP_REMOVE)) {
			p->selected = i;
			return;
		}
	}
}

static uint64_t hp_read(void *opaque, uint64_t off, unsigned size)
{
	struct cpu_hotplug *p = opaque;
	const struct hp_cpu *c = hp_selected(p);

	(void)size;
	if (!c) {
		return 0;
	}
	if (off == HP_FLAGS) {
		return c->flags;
	}
	if (off == HP_DATA && p->command == HP_NEXT) {
		return p->selected;
	}
	return off == HP_DATA && p->command == HP_ARCH_ID ? c->arch_id : 0;
}

static void hp_write_flags(struct cpu_hotplug *p, struct hp_cpu *c, uint64_t val)
{
	c->flags &= (uint8_t) ~(val & (HP_INSERTED | HP_REMOVE));
	if ((val & HP_EJECT) && (c->flags & HP_PRESENT) && p->selected) {
		c->flags = 0;
		c->ejected = true;
		hp_post_locked(p);
	}
}

static void hp_write_data(struct cpu_hotplug *p, struct hp_cpu *c, uint32_t val)
{
	if (p->command == HP_OST_EVENT) {
		c->event = val;
	} else if (p->command == HP_OST_STATUS) {
		c->status = val;
		c->reported = true;
		hp_post_locked(p);
	}
}

static void hp_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct cpu_hotplug *p = opaque;
	struct hp_cpu *c = hp_selected(p);

	(void)size;
	if (off == HP_SELECT) {
		p->selected = (uint32_t)val;
	} else if (!c) {
		return;
	} else if (off == HP_FLAGS) {
		hp_write_flags(p, c, val);
	} else if (off == HP_COMMAND) {
		p->command = (uint8_t)val;
		if (p->command == HP_NEXT) {
			hp_find_next(p);
		}
	} else if (off == HP_DATA) {
		hp_write_data(p, c, (uint32_t)val);
	}
}

static const struct mr_ops hp_ops = {
	.read = hp_read,
	.write = hp_write,
	.min = 1,
	.max = 4,
};

/* ---- device ---- */

/* What was to be told is old: after a reset the guest looks at everything. */
static void hp_reset(struct device *d)
{
	struct cpu_hotplug *p = container_of(d, struct cpu_hotplug, dev);

	LOCK_SCOPE(&d->lk);
	p->selected = 0;
	p->command = 0;
	for (unsigned i = 0; i < p->cfg.n; i++) {
		p->cpu[i].flags &= HP_PRESENT;
	}
}

static int hp_realize(struct device *d, struct err *e)
{
	struct cpu_hotplug *p = container_of(d, struct cpu_hotplug, dev);

	p->cpu = calloc(p->cfg.n, sizeof(*p->cpu));
	if (!p->cpu) {
		return err_set(e, -ENOMEM, "out of memory for CPU hot-plug");
	}
	mr_init_io(&p->mr, "cpu-hotplug", CPU_HOTPLUG_LEN, &hp_ops, p, &d->lk);
	mr_add(&d->vm->io_root, CPU_HOTPLUG_PORT, &p->mr, 1);
	return 0;
}

static void hp_unrealize(struct device *d)
{
	struct cpu_hotplug *p = container_of(d, struct cpu_hotplug, dev);

	mr_del(&p->mr);
	free(p->cpu);
}

static const struct state_field hp_state[] = {
	STATE_FIELD(STATE_U32, struct cpu_hotplug, selected),
	STATE_FIELD(STATE_U8, struct cpu_hotplug, command),
	{ .name = NULL },
};

static const struct device_class hp_class = {
	.name = "cpu-hotplug",
	.bus = "sys",
	.description = "ACPI CPU hot-plug registers",
	.category = "misc",
	.instance_size = sizeof(struct cpu_hotplug),
	.internal = true,
	.state = hp_state,
	.realize = hp_realize,
	.unrealize = hp_unrealize,
	.reset = hp_reset,
};

struct cpu_hotplug *cpu_hotplug_create(struct vm *vm, const struct cpu_hotplug_cfg *cfg,
                                       struct err *e)
{
	struct device *d;
	struct cpu_hotplug *p;

	if (!cfg->n || cfg->n > HP_MAX) {
		err_set(e, -EINVAL, "CPU hot-plug: %u processors", cfg->n);
		return NULL;
	}
	d = device_new_own(vm, &hp_class, e);
	if (!d) {
		return NULL;
	}
	p = container_of(d, struct cpu_hotplug, dev);
	p->cfg = *cfg;
	return device_realize_own(d, NULL, e) ? p : NULL;
}
