/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pc-bootorder.c - which device firmware boots from: -boot order=, once= by the CMOS bytes
 * 3d and 38, and bootindex properties by fw_cfg's file "bootorder" (a line of OpenFirmware
 * path for each device, in order), as SeaBIOS reads both.
 *
 * Known gaps: -boot menu, splash and reboot-timeout are accepted without effect.
 */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "core/vm.h"
#include "devices/block/ide.h"
#include "devices/fw/fwcfg.h"
#include "devices/timer/rtc.h"
#include "machine/pc.h"

enum {
	BOOT_PATH_MAX = 512,
	BOOT_DEVICES_MAX = 64,
	CMOS_BOOT_1 = 0x3d,
	CMOS_BOOT_2 = 0x38
};

/* ---- order by kind ---- */

static int pc_boot_letter(char c)
{
	static const char letters[] = "acdn"; /* 1 floppy, 2 disk, 3 CD, 4 network */
	const char *at = c ? strchr(letters, c) : NULL;

	return at ? (int)(at - letters) + 1 : -1;
}

static int pc_boot_check(const char *order, const char *what, struct err *e)
{
	for (const char *p = order; *p; p++) {
		if (pc_boot_letter(*p) < 0 || strchr(p + 1, *p)) {
			return err_set(e, -EINVAL,
			               "-boot %s=%s: letters are a (floppy), c (disk), "
			               "d (CD), n (network), each once",
			               what, order);
		}
	}
	return 0;
}

static void pc_boot_cmos(struct rtc *rtc, const char *order)
{
	unsigned dev[3] = { 0 };

	for (unsigned i = 0; i < 3 && order[i]; i++) {
		dev[i] = (unsigned)pc_boot_letter(order[i]);
	}
	rtc_set_cmos(rtc, CMOS_BOOT_1, (uint8_t)(dev[0] | dev[1] << 4));
	/* Bit 0: a floppy's boot sector needs no signature. */
	rtc_set_cmos(rtc, CMOS_BOOT_2, (uint8_t)(dev[2] << 4 | 1));
}

void pc_boot_order_reset(struct pc *pc)
{
	struct pc_legacy *l = &pc->legacy;

	if (l->boot_order) {
		pc_boot_cmos(l->rtc, l->boot_once ? l->boot_once : l->boot_order);
		l->boot_once = NULL;
	}
}

/* ---- order by device ---- */

/* "/pci@i0cf8/pci-bridge@1/scsi@0": 0, or -ENOSPC. */
static int pc_boot_pci_path(char *out, size_t room, struct pci_dev *d, const char *name)
{
	struct pci_dev *chain[16];
	unsigned n = 0;
	size_t at;

	for (; d && n < ARRAY_LEN(chain); d = d->bus->bridge) {
		chain[n++] = d;
	}
	at = (size_t)snprintf(out, room, "/pci@i0cf8");
	while (n-- && at < room) {
		/* cppcheck-suppress uninitvar; filled up to n */
		unsigned fn = PCI_FUNC(chain[n]->devfn);

		at += (size_t)snprintf(out + at, room - at, "/%s@%x",
		                       n ? "pci-bridge" : name,
		                       PCI_SLOT(chain[n]->devfn));
		if (fn && at < room) {
			at += (size_t)snprintf(out + at, room - at, ",%x", fn);
		}
	}
	return d || at >= room ? -ENOSPC : 0;
}

static int pc_boot_path(char *out, struct device *dev)
{
	const char *type = dev->parent ? dev->parent->type : "";
	char pci[BOOT_PATH_MAX - 64];
	int r;

	if (strcmp(type, "IDE") == 0) {
		struct ide_drive *d = container_of(dev, struct ide_drive, dev);
		const char *bus = d->bus->bus.name;

		r = pc_boot_pci_path(pci, sizeof(pci), d->bus->pci, "ide");
		snprintf(out, BOOT_PATH_MAX, "%s/drive@%c/disk@%u", pci,
		         bus[strlen(bus) - 1], d->unit);
		return r;
	}
	if (strcmp(type, "pci") == 0) {
		struct pci_dev *d = container_of(dev, struct pci_dev, dev);
		bool disk = strcmp(dev->cls->category, "storage") == 0;

		r = pc_boot_pci_path(pci, sizeof(pci), d, disk ? "scsi" : "ethernet");
		snprintf(out, BOOT_PATH_MAX, "%s/%s", pci,
		         disk ? "disk@0,0" : "ethernet-phy@0");
		return r;
	}
	return -ENOTSUP;
}

struct pc_boot_dev {
	int index;
	struct device *dev;
};

static int pc_boot_compare(const void *a, const void *b)
{
	const struct pc_boot_dev *x = a, *y = b;

	return (x->index > y->index) - (x->index < y->index);
}

static int pc_boot_collect(struct vm *vm, struct pc_boot_dev *list, unsigned *n,
                           struct err *e)
{
	for (struct device *d = device_next(NULL); d; d = device_next(d)) {
		AUTO_FREE char *text =
			d->vm == vm ? device_get_prop(d, "bootindex") : NULL;
		long v = text ? strtol(text, NULL, 0) : -1;

		if (v < 0 || v > INT_MAX || *n == BOOT_DEVICES_MAX) {
			continue;
		}
		for (unsigned i = 0; i < *n; i++) {
			if (list[i].index == v) {
				return err_set(e, -EINVAL,
				               "bootindex %ld is given to two devices",
				               v);
			}
		}
		list[(*n)++] = (struct pc_boot_dev){ (int)v, d };
	}
	/* cppcheck-suppress uninitvar; filled up to *n */
	qsort(list, *n, sizeof(*list), pc_boot_compare);
	return 0;
}

static int pc_boot_file(struct machine *m, bool strict, struct err *e)
{
	struct pc_boot_dev list[BOOT_DEVICES_MAX];
	struct blob b = { 0 };
	unsigned n = 0;
	int r = pc_boot_collect(m->vm, list, &n, e);

	for (unsigned i = 0; r >= 0 && i < n; i++) {
		char path[BOOT_PATH_MAX];

		if (pc_boot_path(path, list[i].dev) == 0) {
			blob_put(&b, path, strlen(path));
			blob_u8(&b, '\n');
		}
	}
	if (r >= 0 && strict) {
		blob_put(&b, "HALT\n", 5);
	}
	if (r >= 0 && b.len) {
		b.data[b.len - 1] = 0; /* the last line ends in NUL instead */
		r = blob_ok(&b)
		            ? fwcfg_add_file(m->fwcfg, "bootorder", b.data, b.len, e)
		            : -ENOMEM;
	}
	blob_fini(&b);
	return r;
}

int pc_boot_order(struct machine *m, struct err *e)
{
	static const char *const ignored[] = { "menu", "splash", "splash-time",
		                               "reboot-timeout" };
	struct pc_legacy *l = &((struct pc *)m->board)->legacy;
	struct opt *o = m->cfg.boot;
	bool strict = false;
	int r = 0;

	l->boot_order = o ? opt_get_str(o, "order", "cad") : "cad";
	l->boot_once = o ? opt_get_str(o, "once", NULL) : NULL;
	r = pc_boot_check(l->boot_order, "order", e);
	if (r >= 0 && l->boot_once) {
		r = pc_boot_check(l->boot_once, "once", e);
	}
	if (r >= 0 && o) {
		r = opt_get_bool(o, "strict", false, &strict, e);
		for (unsigned i = 0; i < ARRAY_LEN(ignored); i++) {
			(void)opt_get(o, ignored[i]);
		}
		r = r < 0 ? r : opt_check_unused(o, "-boot", e);
	}
	return r < 0 ? r : pc_boot_file(m, strict, e);
}
