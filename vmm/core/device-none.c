/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device-none.c - the device table of a program that has no devices (unit tests,
 * tools). The linker takes this file from the library only when nobody else brings
 * a table. It has to be a file of its own: where the compiler sees the array, it
 * counts on its length.
 */
#include "config.h"

#include "core/device.h"

const struct device_class *const device_classes[] = { NULL };
