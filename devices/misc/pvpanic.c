/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pvpanic.c - pvpanic: a guest kernel says that it panicked (Linux: Documentation of
 * drivers/misc/pvpanic; ACPI id QEMU0001). Bits: 0 panicked, 1 crash kernel loaded, 2 shut down.
 *
 * Threads: vCPU threads; no state.
 */
#include "config.h"

#include <errno.h>

#include "base/log.h"
#include "core/vm.h"
#include "devices/bus/isa.h"

#define PVPANIC_PANICKED BIT(0)
#define PVPANIC_CRASHED  BIT(1)
#define PVPANIC_SHUTDOWN BIT(2)

struct pvpanic {
	struct device dev;
	uint16_t prop_ioport;
	uint8_t prop_events;
	struct mr mr;
};

static uint64_t pvpanic_read(void *opaque, uint64_t off, unsigned size)
{
	(void)off;
	(void)size;
	return ((struct pvpanic *)opaque)->prop_events;
}

static void pvpanic_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct pvpanic *p = opaque;
	unsigned ev = (unsigned)val & p->prop_events;

	(void)off;
	(void)size;
	if (ev & PVPANIC_PANICKED) {
		log_guest("the guest panicked");
		vm_request_stop(p->dev.vm, RUN_GUEST_PANICKED);
	} else if (ev & PVPANIC_CRASHED) {
		log_guest("the guest panicked and runs its crash kernel");
	} else if (ev & PVPANIC_SHUTDOWN) {
		vm_request_shutdown(p->dev.vm, CAUSE_GUEST_SHUTDOWN);
	}
}

static const struct mr_ops pvpanic_ops = {
	.read = pvpanic_read,
	.write = pvpanic_write,
	.min = 1,
	.max = 1,
};

static int pvpanic_realize(struct device *d, struct err *e)
{
	struct pvpanic *p = container_of(d, struct pvpanic, dev);

	(void)e;
	mr_init_io(&p->mr, "pvpanic", 1, &pvpanic_ops, p, NULL);
	isa_add_ports(d, p->prop_ioport, &p->mr);
	return 0;
}

static void pvpanic_unrealize(struct device *d)
{
	mr_del(&container_of(d, struct pvpanic, dev)->mr);
}

static const struct prop pvpanic_props[] = {
	DEV_PROP("ioport", PROP_U16, struct pvpanic, prop_ioport, 0x505, "port"),
	DEV_PROP("events", PROP_U8, struct pvpanic, prop_events,
	         PVPANIC_PANICKED | PVPANIC_CRASHED | PVPANIC_SHUTDOWN,
	         "events offered to the guest"),
	{ .name = NULL },
};

const struct device_class pvpanic_class = {
	.name = "pvpanic",
	.bus = "isa",
	.description = "reports a guest's panic",
	.category = "misc",
	.instance_size = sizeof(struct pvpanic),
	.props = pvpanic_props,
	.realize = pvpanic_realize,
	.unrealize = pvpanic_unrealize,
};
