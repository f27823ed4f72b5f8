/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * device-none.c - the device table of a program without devices (a unit test); the
 * generated table replaces it. In a file of its own: where the compiler sees this
 * one-element definition it takes every index but 0 for impossible.
 */
#include "config.h"

#include "core/device.h"

extern const struct device_class *const device_classes[] __attribute__((weak));
const struct device_class *const device_classes[] = { NULL };
