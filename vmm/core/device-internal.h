/* SPDX-License-Identifier: GPL-2.0-or-later */
/* device-internal.h - shared by device*.c and bus.c only. */
#ifndef LODGE_CORE_DEVICE_INTERNAL_H
#define LODGE_CORE_DEVICE_INTERNAL_H

#include "core/device.h"

/* NULL when the class has none of that name. */
const struct prop *device_prop_find(const struct device_class *cls, const char *name);
void device_props_default(struct device *d);
void device_props_free(struct device *d);
/* "name=<type>" word of a property for the help. */
const char *device_prop_type_name(enum prop_type t);

#endif
