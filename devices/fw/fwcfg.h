/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fwcfg.h - the firmware configuration device, ports 510/511/514 (or memory-mapped on
 * boards without ports). Public interface: fw_cfg specification of the QEMU project.
 *
 * Items are added by the board on the control thread before the VM runs; contents are
 * frozen then (a file marked writable can be written by the guest through DMA).
 */
#ifndef LODGE_DEVICES_FWCFG_H
#define LODGE_DEVICES_FWCFG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct vm;
struct fwcfg;

/* Well-known selector keys. */
enum {
	FWCFG_SIGNATURE = 0x00,
	FWCFG_ID = 0x01,
	FWCFG_UUID = 0x02,
	FWCFG_RAM_SIZE = 0x03,
	FWCFG_NOGRAPHIC = 0x04,
	FWCFG_NB_CPUS = 0x05,
	FWCFG_MACHINE_ID = 0x06,
	FWCFG_KERNEL_ADDR = 0x07,
	FWCFG_KERNEL_SIZE = 0x08,
	FWCFG_KERNEL_CMDLINE = 0x09,
	FWCFG_INITRD_ADDR = 0x0a,
	FWCFG_INITRD_SIZE = 0x0b,
	FWCFG_BOOT_DEVICE = 0x0c,
	FWCFG_NUMA = 0x0d,
	FWCFG_BOOT_MENU = 0x0e,
	FWCFG_MAX_CPUS = 0x0f,
	FWCFG_KERNEL_ENTRY = 0x10,
	FWCFG_KERNEL_DATA = 0x11,
	FWCFG_INITRD_DATA = 0x12,
	FWCFG_CMDLINE_ADDR = 0x13,
	FWCFG_CMDLINE_SIZE = 0x14,
	FWCFG_CMDLINE_DATA = 0x15,
	FWCFG_SETUP_ADDR = 0x16,
	FWCFG_SETUP_SIZE = 0x17,
	FWCFG_SETUP_DATA = 0x18,
	FWCFG_FILE_DIR = 0x19,
	FWCFG_FILE_FIRST = 0x20,
	FWCFG_FILE_SLOTS = 0x60,
	FWCFG_ARCH = 0x8000, /* | n : architecture-local items */
	FWCFG_ACPI_TABLES = 0x8000,
	FWCFG_SMBIOS = 0x8001,
	FWCFG_IRQ0_OVERRIDE = 0x8002,
	FWCFG_E820 = 0x8003,
	FWCFG_HPET = 0x8004,
};

struct fwcfg *fwcfg_create(struct vm *vm, struct err *e);
/* The data is copied; an existing key is replaced. 0, -EINVAL, -E2BIG, -ENOSPC. */
int fwcfg_add_bytes(struct fwcfg *f, uint16_t key, const void *data, size_t len,
                    struct err *e) __must_check;
int fwcfg_add_u16(struct fwcfg *f, uint16_t key, uint16_t v, struct err *e)
	__must_check;
int fwcfg_add_u32(struct fwcfg *f, uint16_t key, uint32_t v, struct err *e)
	__must_check;
int fwcfg_add_u64(struct fwcfg *f, uint16_t key, uint64_t v, struct err *e)
	__must_check;
int fwcfg_add_str(struct fwcfg *f, uint16_t key, const char *s, struct err *e)
	__must_check;
/* As add_bytes, but borrows `data` for the VM's life (kernel and initrd images). */
int fwcfg_add_borrowed(struct fwcfg *f, uint16_t key, const void *data, size_t len,
                       struct err *e) __must_check;
/* A named file ("etc/acpi/tables"); the directory is kept sorted by name. */
int fwcfg_add_file(struct fwcfg *f, const char *name, const void *data, size_t len,
                   struct err *e) __must_check;
/* ... that the guest may write; `written` is called on the vCPU's thread, lock held. */
int fwcfg_add_file_rw(struct fwcfg *f, const char *name, const void *data, size_t len,
                      void (*written)(void *opaque, const uint8_t *data, size_t len),
                      void *opaque, struct err *e) __must_check;
/* Current contents (borrowed) or NULL. */
const uint8_t *fwcfg_file(struct fwcfg *f, const char *name, size_t *len);

#endif
