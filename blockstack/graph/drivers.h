/* SPDX-License-Identifier: GPL-2.0-or-later */
/* drivers.h - the drivers that exist; one line a driver. */
#ifndef LODGE_BLOCK_DRIVERS_H
#define LODGE_BLOCK_DRIVERS_H

#include "block-driver.h"

extern const struct blk_driver blk_drv_file, blk_drv_host_device;
extern const struct blk_driver blk_drv_null_co, blk_drv_null_aio;
extern const struct blk_driver blk_drv_raw;

#endif
