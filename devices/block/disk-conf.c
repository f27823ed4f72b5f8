/* SPDX-License-Identifier: GPL-2.0-or-later */
/* disk-conf.c - see disk-conf.h. */
#include "config.h"

#include "devices/block/disk-conf.h"

#include <errno.h>

enum { DISK_SECTOR_MIN = 512, DISK_SECTOR_MAX = 2 << 20 };

const char *const disk_error_policies[] = { "auto", "report", NULL };

int disk_conf_check(struct disk_conf *c, struct err *e)
{
	c->logical = c->logical ? c->logical : DISK_SECTOR_MIN;
	c->physical = c->physical ? c->physical : c->logical;
	if (!IS_POWER_OF_2(c->logical) || !IS_POWER_OF_2(c->physical) ||
	    c->logical < DISK_SECTOR_MIN || c->physical < c->logical ||
	    c->physical > DISK_SECTOR_MAX) {
		return err_set(e, -EINVAL,
		               "logical_block_size and physical_block_size must be "
		               "powers of two from 512 to 2M, logical <= physical");
	}
	return 0;
}

void disk_conf_reset(const struct disk_conf *c, struct blk *b)
{
	blk_set_write_cache(b, c->write_cache != 2);
}

int disk_conf_open(const struct disk_conf *c, const char *name, bool writes,
                   struct loop *io, struct blk **out, struct err *e)
{
	struct blk_node *n = c->drive ? blk_node_find(c->drive) : NULL;
	unsigned perm = BLK_PERM_CONSISTENT_READ;
	unsigned shared = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE_UNCHANGED |
	                  (c->share_rw ? BLK_PERM_WRITE : 0);
	struct blk *b;

	if (!c->drive) {
		return err_set(e, -EINVAL, "drive property not set");
	}
	if (!n) {
		return err_set(e, -ENOENT, "Property '%s.drive' can't find value '%s'",
		               name, c->drive);
	}
	if (writes && !blk_node_read_only(n)) {
		perm |= BLK_PERM_WRITE;
	}
	b = blk_open(n, perm, shared, io, e);
	if (!b) {
		return -EACCES;
	}
	disk_conf_reset(c, b);
	*out = b;
	return 0;
}
