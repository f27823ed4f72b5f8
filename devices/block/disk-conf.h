/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * disk-conf.h - the properties that every disk has, whatever its bus: the image, how it is
 * shared, the sizes it reports, write cache, what happens on errors.
 *
 * A device embeds struct disk_conf and lists DISK_PROPS in its table; its realize checks the
 * values with disk_conf_check() and gets its image from disk_conf_open(). What the device
 * cannot report it refuses itself, before or after the check.
 *
 * Threads: control. Known gaps: werror and rerror other than report.
 */
#ifndef LODGE_DEVICES_DISK_CONF_H
#define LODGE_DEVICES_DISK_CONF_H

#include "block.h"
#include "core/device.h"

struct disk_conf {
	char *drive, *serial;
	uint32_t logical, physical, min_io, opt_io, discard_gran;
	int bootindex, write_cache, werror, rerror;
	bool share_rw;
};

extern const char *const disk_error_policies[];

/* `s` the device's struct, `f` its struct disk_conf. No comma at the end. */
/* clang-format off */
#define DISK_PROPS(s, f) \
	DEV_PROP("drive", PROP_DRIVE, s, f.drive, 0, "node name or drive id"), \
	DEV_PROP("serial", PROP_STR, s, f.serial, 0, "serial number, 20 characters"), \
	DEV_PROP("bootindex", PROP_I32, s, f.bootindex, -1, "place in the boot order"), \
	DEV_PROP("logical_block_size", PROP_U32, s, f.logical, 512, "sector size"), \
	DEV_PROP("physical_block_size", PROP_U32, s, f.physical, 512, "physical sector"), \
	DEV_PROP("min_io_size", PROP_U32, s, f.min_io, 0, \
	         "preferred granularity, where the bus tells it"), \
	DEV_PROP("opt_io_size", PROP_U32, s, f.opt_io, 0, \
	         "optimal request size, where the bus tells it"), \
	DEV_PROP("discard_granularity", PROP_U32, s, f.discard_gran, 0, \
	         "bytes, where the bus tells it"), \
	DEV_PROP("write-cache", PROP_ON_OFF_AUTO, s, f.write_cache, 0, \
	         "a volatile write cache is shown"), \
	DEV_PROP("share-rw", PROP_BOOL, s, f.share_rw, 0, "others may write the image"), \
	DISK_ERROR_PROP("werror", s, f.werror, "report write errors to the guest"), \
	DISK_ERROR_PROP("rerror", s, f.rerror, "report read errors to the guest")
#define DISK_ERROR_PROP(n, s, f, h) \
	{ .name = (n), .type = PROP_ENUM, .offset = offsetof(s, f), \
	  .names = disk_error_policies, .help = (h) }
/* clang-format on */

/* Fills in what was left to us (sizes given as 0) and checks the sizes. */
int disk_conf_check(struct disk_conf *c, struct err *e) __must_check;
/* The image, with the write cache as configured. `name` is the device's in messages;
 * a device that never writes asks for no permission to. */
int disk_conf_open(const struct disk_conf *c, const char *name, bool writes,
                   struct loop *io, struct blk **out, struct err *e) __must_check;
/* Back to the write cache of power-on. */
void disk_conf_reset(const struct disk_conf *c, struct blk *b);

#endif
