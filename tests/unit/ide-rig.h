/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-rig.h - a PIIX3 IDE function in the device harness, with one disk and one CD-ROM,
 * and the accesses a driver makes; for ide_test.c and fuzz_ide.c.
 *
 *   0x10000 PRD list    0x20000 data    BAR 4 at 0xc000
 */
#ifndef LODGE_TESTS_IDE_RIG_H
#define LODGE_TESTS_IDE_RIG_H

#include <stdlib.h>

#include "base/opt.h"
#include "block.h"
#include "core/loop.h"
#include "devices/block/ide-piix3.h"
#include "devices/block/ide.h"
#include "devices/bus/pci-host.h"
#include "tests/qtest/harness.h"
#include "tests/unit/wait.h"

enum { RIG_PRD = 0x10000, RIG_DATA = 0x20000, RIG_BM = 0xc000, RIG_CMD = 0x1f0 };

struct ide_rig {
	struct harness *h;
	struct pci_host *host;
	struct device *ctl;
	unsigned cmd, bm; /* ports of the channel at work */
};

static inline void rig_node(const char *text)
{
	struct err e = ERR_INIT;
	struct blk_node *n;
	struct opt *o;

	if (opt_parse(&o, text, "driver", &e) < 0 || blk_node_add(o, &n, &e) < 0) {
		abort();
	}
	opt_free(o);
}

static inline struct device *rig_drive(struct ide_rig *r, const char *text)
{
	struct err e = ERR_INIT;
	struct device *d;
	struct opt *o;

	if (opt_parse(&o, text, "driver", &e) < 0) {
		abort();
	}
	d = device_add(r->h->vm, o, &e);
	opt_free(o);
	return d;
}

static inline void rig_channel(struct ide_rig *r, unsigned n)
{
	r->cmd = n ? 0x170 : 0x1f0;
	r->bm = RIG_BM + 8 * n;
}

static inline void rig_init(struct ide_rig *r)
{
	struct pci_host_cfg hc = { .bus_name = "pci.0", .ports = true };
	struct err e = ERR_INIT;

	r->h = harness_new(0);
	r->host = pci_host_create(r->h->vm, &hc, &e);
	r->ctl = r->host ? piix3_ide_create(r->host, r->h->line, &e) : NULL;
	if (!r->ctl) {
		abort();
	}
	piix3_ide_enable(r->ctl);
	harness_outl(r->h, 0xcf8, 0x80000920);
	harness_outl(r->h, 0xcfc, RIG_BM);
	harness_outl(r->h, 0xcf8, 0x80000904);
	harness_outw(r->h, 0xcfc, 5);
	rig_channel(r, 0);
}

static inline uint8_t rig_status(struct ide_rig *r)
{
	return harness_inb(r->h, r->cmd + 0x206);
}

/* Turns the loop until the drive is not busy: the status then. */
static inline uint8_t rig_wait(struct ide_rig *r)
{
	(void)unit_wait_turning(r->h->vm->loop, !(rig_status(r) & IDE_BSY));
	return rig_status(r);
}

static inline void rig_prd(struct ide_rig *r, unsigned i, uint32_t addr, uint16_t len,
                           bool last)
{
	harness_write(r->h, RIG_PRD + 8 * i, addr, 4);
	harness_write(r->h, RIG_PRD + 8 * i + 4, len | (last ? 0x80000000u : 0), 4);
}

static inline void rig_lba(struct ide_rig *r, uint32_t lba, uint8_t n)
{
	harness_outb(r->h, r->cmd + 2, n);
	harness_outb(r->h, r->cmd + 3, (uint8_t)lba);
	harness_outb(r->h, r->cmd + 4, (uint8_t)(lba >> 8));
	harness_outb(r->h, r->cmd + 5, (uint8_t)(lba >> 16));
	harness_outb(r->h, r->cmd + 6, (uint8_t)(0xe0 | (lba >> 24 & 15)));
}

static inline void rig_lba48(struct ide_rig *r, uint64_t lba, uint16_t n)
{
	harness_outb(r->h, r->cmd + 2, (uint8_t)(n >> 8));
	harness_outb(r->h, r->cmd + 3, (uint8_t)(lba >> 24));
	harness_outb(r->h, r->cmd + 4, (uint8_t)(lba >> 32));
	harness_outb(r->h, r->cmd + 5, (uint8_t)(lba >> 40));
	rig_lba(r, (uint32_t)lba & 0xffffff, (uint8_t)n);
}

static inline void rig_command(struct ide_rig *r, uint8_t c)
{
	harness_outb(r->h, r->cmd + 7, c);
}

static inline void rig_bm_start(struct ide_rig *r, bool to_memory)
{
	harness_outl(r->h, r->bm + 4, RIG_PRD);
	harness_outb(r->h, r->bm + 2, 6);
	harness_outb(r->h, r->bm, to_memory ? 9 : 1);
}

static inline void rig_packet(struct ide_rig *r, const uint8_t c[12], unsigned limit,
                              bool dma)
{
	harness_outb(r->h, r->cmd + 1, dma);
	harness_outb(r->h, r->cmd + 4, (uint8_t)limit);
	harness_outb(r->h, r->cmd + 5, (uint8_t)(limit >> 8));
	rig_command(r, 0xa0);
	for (unsigned i = 0; i < 12; i += 2) {
		harness_outw(r->h, r->cmd, (uint16_t)(c[i] | c[i + 1] << 8));
	}
}

#endif
