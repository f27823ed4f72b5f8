/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * acpi-ged.c - generic event device and the sleep and reset registers of
 * hardware-reduced ACPI (ACPI 6.4, 4.8.3.7 and 5.6.9). Layout: acpi-ged.h.
 *
 * Threads: registers on vCPU threads, power button on control; the device's lock.
 * Known gaps: only the power button; S3/S4 are refused.
 */
#include "config.h"

#include "devices/fw/acpi-ged.h"

#include <errno.h>

#include "base/log.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/vm.h"
#include "state/state.h"

enum { GED_SLEEP_CTL = 0, GED_SLEEP_STS = 1, GED_RESET = 2 };

#define GED_SLP_EN     BIT(5)
#define GED_SLP_TYP(v) (((v) >> 2) & 7)
#define GED_WAK_STS    0x80

struct acpi_ged {
	struct device dev;
	struct acpi_ged_cfg cfg;
	struct mr evt, reg;
	struct vm_listener listener;
	uint32_t pending;
	uint8_t sleep_ctl, sleep_sts;
};

static uint64_t ged_evt_read(void *opaque, uint64_t off, unsigned size)
{
	struct acpi_ged *g = opaque;
	uint32_t v = g->pending;

	(void)off;
	(void)size;
	g->pending = 0;
	irq_lower(&g->cfg.irq);
	return v;
}

static void ged_evt_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	(void)opaque;
	(void)off;
	(void)val;
	(void)size;
}

static uint64_t ged_reg_read(void *opaque, uint64_t off, unsigned size)
{
	struct acpi_ged *g = opaque;

	(void)size;
	return off == GED_SLEEP_CTL   ? g->sleep_ctl
	       : off == GED_SLEEP_STS ? g->sleep_sts
	                              : 0;
}

static void ged_reg_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct acpi_ged *g = opaque;
	uint8_t v = (uint8_t)val;

	(void)size;
	switch (off) {
	case GED_SLEEP_CTL:
		g->sleep_ctl = v & (uint8_t)~GED_SLP_EN;
		if (!(v & GED_SLP_EN)) {
			break;
		}
		if (GED_SLP_TYP(v) == ACPI_GED_S5) {
			vm_request_shutdown(g->dev.vm, CAUSE_GUEST_SHUTDOWN);
		} else {
			log_guest("acpi: sleep type %u not supported: the guest wakes "
			          "at once",
			          GED_SLP_TYP(v));
			g->sleep_sts |= GED_WAK_STS;
		}
		break;
	case GED_SLEEP_STS: g->sleep_sts &= (uint8_t) ~(v & GED_WAK_STS); break;
	case GED_RESET:
		if (v == ACPI_GED_RESET_VALUE) {
			vm_request_reset(g->dev.vm, CAUSE_GUEST_RESET);
		}
		break;
	}
}

static const struct mr_ops ged_evt_ops = {
	.read = ged_evt_read,
	.write = ged_evt_write,
	.min = 4,
	.max = 4,
	.split = true,
};
static const struct mr_ops ged_reg_ops = {
	.read = ged_reg_read,
	.write = ged_reg_write,
	.min = 1,
	.max = 1,
	.split = true,
};

static void ged_event(struct vm_listener *l, enum vm_event ev, int arg)
{
	struct acpi_ged *g = container_of(l, struct acpi_ged, listener);

	(void)arg;
	if (ev == VM_EV_POWERDOWN) {
		LOCK_SCOPE(&g->dev.lk);
		g->pending |= ACPI_GED_EVT_POWER;
		irq_pulse(&g->cfg.irq);
	}
}

static void ged_reset(struct device *d)
{
	struct acpi_ged *g = container_of(d, struct acpi_ged, dev);

	LOCK_SCOPE(&d->lk);
	g->pending = 0;
	g->sleep_ctl = g->sleep_sts = 0;
	irq_lower(&g->cfg.irq);
}

static int ged_realize(struct device *d, struct err *e)
{
	struct acpi_ged *g = container_of(d, struct acpi_ged, dev);

	(void)e;
	mr_init_io(&g->evt, "ged-events", ACPI_GED_EVT_LEN, &ged_evt_ops, g, &d->lk);
	mr_init_io(&g->reg, "ged-registers", ACPI_GED_REG_LEN, &ged_reg_ops, g, &d->lk);
	mr_add(&d->vm->mem_root, g->cfg.evt_base, &g->evt, 1);
	mr_add(&d->vm->mem_root, g->cfg.reg_base, &g->reg, 1);
	g->listener.fn = ged_event;
	vm_add_listener(d->vm, &g->listener);
	return 0;
}

static void ged_unrealize(struct device *d)
{
	struct acpi_ged *g = container_of(d, struct acpi_ged, dev);

	vm_del_listener(d->vm, &g->listener);
	mr_del(&g->evt);
	mr_del(&g->reg);
}

static const struct state_field ged_state[] = {
	STATE_FIELD(STATE_U32, struct acpi_ged, pending),
	STATE_FIELD(STATE_U8, struct acpi_ged, sleep_ctl),
	STATE_FIELD(STATE_U8, struct acpi_ged, sleep_sts),
	{ .name = NULL },
};

static const struct device_class ged_class = {
	.name = "acpi-ged",
	.bus = "sys",
	.description = "ACPI generic event device",
	.category = "misc",
	.instance_size = sizeof(struct acpi_ged),
	.internal = true,
	.state = ged_state,
	.realize = ged_realize,
	.unrealize = ged_unrealize,
	.reset = ged_reset,
};

struct acpi_ged *acpi_ged_create(struct vm *vm, const struct acpi_ged_cfg *cfg,
                                 struct err *e)
{
	struct device *d = device_new_own(vm, &ged_class, e);
	struct acpi_ged *g;

	if (!d) {
		return NULL;
	}
	g = container_of(d, struct acpi_ged, dev);
	g->cfg = *cfg;
	return device_realize_own(d, NULL, e) ? g : NULL;
}
