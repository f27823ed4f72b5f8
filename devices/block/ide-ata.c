/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-ata.c - ATA commands (ATA/ATAPI-7 vol. 1, ch. 6): transfers by data port and DMA with
 * 28- and 48-bit addresses or cylinder, head, sector; cache, features, power, TRIM.
 *
 * Threads: under the channel's lock; see ide.h.
 * Known gaps: no SMART, security, host protected area, queued commands; power modes do
 * nothing; logical sectors have 512 bytes.
 */
#include "config.h"

#include <errno.h>

#include "base/bytes.h"
#include "devices/block/ide.h"

enum {
	A_DISK = 1,
	A_CD = 2,
	A_ALL = 3,
	A_EXT = 4,
	A_DMA = 8,
	A_MULT = 16,
	A_FUA = 32,
	A_WR = 64
};

struct ide_ata_cmd {
	uint8_t first, last, flags;
	void (*fn)(struct ide_drive *d, unsigned flags);
};

/* ---- how commands end ---- */

static void ide_ok(struct ide_drive *d)
{
	d->phase = IDE_IDLE;
	d->reg[IDE_STATUS] = IDE_OK;
}

static void ide_ok_irq(struct ide_drive *d)
{
	ide_ok(d);
	ide_irq(d, true);
}

void ide_fail(struct ide_drive *d, uint8_t error)
{
	d->phase = IDE_IDLE;
	d->reg[IDE_ERROR] = error;
	d->reg[IDE_STATUS] = IDE_OK | IDE_ERR;
	ide_irq(d, true);
}

void ide_data_block(struct ide_drive *d, enum ide_phase phase, uint32_t len, bool irq)
{
	d->phase = (uint8_t)phase;
	d->end = d->pos + len;
	d->reg[IDE_STATUS] = IDE_OK | IDE_DRQ;
	if (irq) {
		ide_irq(d, true);
	}
}

/* ---- addresses ---- */

uint64_t ide_sectors(const struct ide_drive *d)
{
	return d->blk ? blk_length(d->blk) / IDE_SECTOR : 0;
}

/* -1 when there is no such sector number. */
static int64_t ide_lba(const struct ide_drive *d)
{
	const uint8_t *r = d->reg, *h = d->hob;
	uint64_t low =
		r[IDE_LOW] | (uint32_t)r[IDE_MID] << 8 | (uint32_t)r[IDE_HIGH] << 16;
	unsigned head = r[IDE_DEVICE] & 15;

	if (d->ext) {
		return (int64_t)(low | (uint64_t)h[IDE_LOW] << 24 |
		                 (uint64_t)h[IDE_MID] << 32 |
		                 (uint64_t)h[IDE_HIGH] << 40);
	}
	if (r[IDE_DEVICE] & IDE_D_LBA) {
		return (int64_t)(low | (uint64_t)head << 24);
	}
	if (!r[IDE_LOW] || r[IDE_LOW] > d->secs || head >= d->heads) {
		return -1;
	}
	return (int64_t)((low >> 8) * d->heads + head) * d->secs + r[IDE_LOW] - 1;
}

static void ide_set_lba(struct ide_drive *d, uint64_t lba)
{
	uint8_t *r = d->reg, *h = d->hob;
	uint8_t head = (uint8_t)(lba >> 24 & 15);

	if (!d->ext && !(r[IDE_DEVICE] & IDE_D_LBA)) { /* heads and secs are never 0 */
		uint64_t track = lba / d->secs;

		head = (uint8_t)(track % d->heads);
		lba = lba % d->secs + 1 + (track / d->heads << 8);
	}
	r[IDE_LOW] = (uint8_t)lba;
	r[IDE_MID] = (uint8_t)(lba >> 8);
	r[IDE_HIGH] = (uint8_t)(lba >> 16);
	if (d->ext) {
		h[IDE_LOW] = (uint8_t)(lba >> 24);
		h[IDE_MID] = (uint8_t)(lba >> 32);
		h[IDE_HIGH] = (uint8_t)(lba >> 40);
	} else {
		r[IDE_DEVICE] = (uint8_t)((r[IDE_DEVICE] & 0xf0) | head);
	}
}

static uint32_t ide_count(const struct ide_drive *d)
{
	uint32_t n =
		d->reg[IDE_COUNT] | (d->ext ? (uint32_t)d->hob[IDE_COUNT] << 8 : 0);

	return n ? n : d->ext ? 65536 : 256;
}

/* ---- transfers ---- */

static void ide_ask_data(struct ide_drive *d, bool irq)
{
	if (d->pos == d->fill) {
		d->pos = 0;
		d->fill = (uint32_t)MIN((uint64_t)d->x.left * IDE_SECTOR,
		                        (uint64_t)IDE_BUF);
	}
	ide_data_block(d, IDE_PIO_OUT,
	               MIN(d->fill - d->pos, d->drq * (uint32_t)IDE_SECTOR), irq);
}

static void ide_offer_data(struct ide_drive *d)
{
	ide_data_block(d, IDE_PIO_IN,
	               MIN(d->fill - d->pos, d->drq * (uint32_t)IDE_SECTOR), true);
}

static bool ide_range(struct ide_drive *d, uint64_t *lba, uint32_t *n)
{
	int64_t at = ide_lba(d);

	*n = ide_count(d);
	*lba = (uint64_t)at;
	return at >= 0 && range_fits((uint64_t)at, *n, ide_sectors(d));
}

static void ide_rw(struct ide_drive *d, unsigned flags)
{
	struct ide_xfer *x = &d->x;

	if (((flags & A_MULT) && !d->mult) ||
	    ((flags & A_WR) && blk_read_only(d->blk))) {
		ide_fail(d, IDE_E_ABRT);
		return;
	}
	if (!ide_range(d, &x->lba, &x->left)) {
		ide_fail(d, IDE_E_IDNF);
		return;
	}
	x->kind = flags & A_WR ? IDE_X_WRITE : IDE_X_READ;
	x->dma = flags & A_DMA;
	x->fua = flags & A_FUA;
	x->block = IDE_SECTOR;
	d->drq = flags & A_MULT ? d->mult : 1;
	if ((flags & A_WR) && !x->dma) {
		d->pos = d->fill = 0;
		ide_ask_data(d, false); /* the first block comes without an interrupt */
	} else {
		ide_go(d);
	}
}

void ide_port_done(struct ide_drive *d)
{
	if (d->phase == IDE_PACKET) {
		ide_packet(d);
	} else if (d->cd && d->cmd == 0xa0) {
		ide_atapi_port_done(d);
	} else if (d->phase == IDE_PIO_OUT) {
		if (d->pos < d->fill) {
			ide_ask_data(d, true);
		} else {
			ide_go(d);
		}
	} else if (d->pos < d->fill) {
		ide_offer_data(d);
	} else if (d->x.left) {
		ide_go(d);
	} else {
		ide_ok(d);
	}
}

void ide_ata_done(struct ide_drive *d, int ret)
{
	struct ide_xfer *x = &d->x;
	bool rw = x->kind == IDE_X_READ || x->kind == IDE_X_WRITE;

	if (rw) {
		ide_set_lba(d, ret < 0 ? x->lba : x->lba - 1);
	}
	if (ret < 0) {
		ide_fail(d,
		         x->kind == IDE_X_READ && ret == -EIO ? IDE_E_UNC : IDE_E_ABRT);
	} else if (x->dma || !rw) {
		ide_ok_irq(d);
	} else if (x->kind == IDE_X_READ) {
		d->pos = 0;
		d->fill = x->bytes;
		ide_offer_data(d);
	} else if (x->left) {
		d->pos = d->fill;
		ide_ask_data(d, true);
	} else {
		ide_ok_irq(d);
	}
}

static void ide_verify(struct ide_drive *d, unsigned flags)
{
	uint64_t lba;
	uint32_t n;

	(void)flags;
	if (!ide_range(d, &lba, &n)) {
		ide_fail(d, IDE_E_IDNF);
		return;
	}
	ide_set_lba(d, lba + n - 1);
	ide_ok_irq(d);
}

static void ide_seek(struct ide_drive *d, unsigned flags)
{
	int64_t lba = ide_lba(d);

	(void)flags;
	if (lba < 0 || (uint64_t)lba >= ide_sectors(d)) {
		ide_fail(d, IDE_E_IDNF);
		return;
	}
	ide_ok_irq(d);
}

static void ide_flush(struct ide_drive *d, unsigned flags)
{
	(void)flags;
	d->x.kind = IDE_X_FLUSH;
	d->x.dma = false;
	ide_go(d);
}

static void ide_trim(struct ide_drive *d, unsigned flags)
{
	uint32_t blocks = d->reg[IDE_COUNT] | (uint32_t)d->hob[IDE_COUNT] << 8;

	(void)flags;
	if (!(d->reg[IDE_FEATURE] & 1) || !blocks || blocks > IDE_BUF / IDE_SECTOR ||
	    blk_read_only(d->blk)) {
		ide_fail(d, IDE_E_ABRT);
		return;
	}
	d->x.kind = IDE_X_TRIM;
	d->x.dma = true;
	d->x.bytes = blocks * IDE_SECTOR;
	d->x.at = 0;
	ide_go(d);
}

/* ---- settings ---- */

static void ide_identify_cmd(struct ide_drive *d, unsigned flags)
{
	(void)flags;
	ide_identify(d);
	d->x.kind = IDE_X_DATA;
	d->x.left = 0;
	d->pos = 0;
	d->fill = IDE_SECTOR;
	d->drq = 1;
	ide_offer_data(d);
}

/* A packet device tells by its signature what it is. */
static void ide_not_a_disk(struct ide_drive *d, unsigned flags)
{
	(void)flags;
	ide_signature(d);
	ide_fail(d, IDE_E_ABRT);
}

static void ide_packet_cmd(struct ide_drive *d, unsigned flags)
{
	(void)flags;
	ide_packet_begin(d);
}

static void ide_nothing(struct ide_drive *d, unsigned flags)
{
	(void)flags;
	ide_ok_irq(d);
}

static void ide_power_mode(struct ide_drive *d, unsigned flags)
{
	(void)flags;
	d->reg[IDE_COUNT] = 0xff; /* active */
	ide_ok_irq(d);
}

static void ide_parameters(struct ide_drive *d, unsigned flags)
{
	(void)flags;
	if (!d->reg[IDE_COUNT]) {
		ide_fail(d, IDE_E_ABRT);
		return;
	}
	d->secs = d->reg[IDE_COUNT];
	d->heads = (d->reg[IDE_DEVICE] & 15) + 1;
	ide_ok_irq(d);
}

static void ide_set_multiple(struct ide_drive *d, unsigned flags)
{
	uint8_t n = d->reg[IDE_COUNT];

	(void)flags;
	if (n > IDE_MULT_MAX || (n & (n - 1))) {
		ide_fail(d, IDE_E_ABRT);
		return;
	}
	d->mult = n;
	ide_ok_irq(d);
}

/* PIO (0-4), multiword DMA (0-2) and Ultra DMA (0-5) modes; only reported, never timed. */
static bool ide_set_mode(struct ide_drive *d)
{
	uint8_t v = d->reg[IDE_COUNT], mode = v & 7;

	switch (v >> 3) {
	case 0: return mode <= 1;
	case 1: return mode <= 4;
	case 4:
	case 8:
		if (mode > (v >> 3 == 4 ? 2 : 5)) {
			return false;
		}
		d->dma_mode = v;
		return true;
	}
	return false;
}

static void ide_set_features(struct ide_drive *d, unsigned flags)
{
	bool ok = true;

	switch (d->reg[IDE_FEATURE]) {
	case 0x02:
	case 0x82:
		ok = !d->cd;
		if (ok) {
			blk_set_write_cache(d->blk, d->reg[IDE_FEATURE] == 0x02);
			if (d->reg[IDE_FEATURE] == 0x82) {
				ide_flush(d, flags);
				return;
			}
		}
		break;
	case 0x03: ok = ide_set_mode(d); break;
	case 0x55: /* read look-ahead */
	case 0xaa:
	case 0x66: /* keep settings over a software reset; or not */
	case 0xcc: break;
	default: ok = false;
	}
	if (ok) {
		ide_ok_irq(d);
	} else {
		ide_fail(d, IDE_E_ABRT);
	}
}

/* clang-format off */
static const struct ide_ata_cmd ide_ata_cmds[] = {
	{ 0x06, 0x06, A_DISK | A_EXT, ide_trim },
	{ 0x10, 0x1f, A_DISK, ide_nothing }, /* RECALIBRATE */
	{ 0x20, 0x21, A_DISK, ide_rw },
	{ 0x20, 0x21, A_CD, ide_not_a_disk },
	{ 0x24, 0x24, A_DISK | A_EXT, ide_rw },
	{ 0x25, 0x25, A_DISK | A_EXT | A_DMA, ide_rw },
	{ 0x29, 0x29, A_DISK | A_EXT | A_MULT, ide_rw },
	{ 0x30, 0x31, A_DISK | A_WR, ide_rw },
	{ 0x34, 0x34, A_DISK | A_EXT | A_WR, ide_rw },
	{ 0x35, 0x35, A_DISK | A_EXT | A_WR | A_DMA, ide_rw },
	{ 0x39, 0x39, A_DISK | A_EXT | A_WR | A_MULT, ide_rw },
	{ 0x3d, 0x3d, A_DISK | A_EXT | A_WR | A_DMA | A_FUA, ide_rw },
	{ 0x40, 0x41, A_DISK, ide_verify },
	{ 0x42, 0x42, A_DISK | A_EXT, ide_verify },
	{ 0x70, 0x7f, A_DISK, ide_seek },
	{ 0x91, 0x91, A_DISK, ide_parameters },
	{ 0x94, 0x97, A_ALL, ide_nothing }, /* the old power commands */
	{ 0x98, 0x98, A_ALL, ide_power_mode },
	{ 0x99, 0x99, A_ALL, ide_nothing },
	{ 0xa0, 0xa0, A_CD, ide_packet_cmd },
	{ 0xa1, 0xa1, A_CD, ide_identify_cmd },
	{ 0xc4, 0xc4, A_DISK | A_MULT, ide_rw },
	{ 0xc5, 0xc5, A_DISK | A_WR | A_MULT, ide_rw },
	{ 0xc6, 0xc6, A_DISK, ide_set_multiple },
	{ 0xc8, 0xc9, A_DISK | A_DMA, ide_rw },
	{ 0xca, 0xcb, A_DISK | A_WR | A_DMA, ide_rw },
	{ 0xce, 0xce, A_DISK | A_EXT | A_WR | A_MULT | A_FUA, ide_rw },
	{ 0xe0, 0xe3, A_ALL, ide_nothing }, /* STANDBY, IDLE */
	{ 0xe5, 0xe5, A_ALL, ide_power_mode },
	{ 0xe6, 0xe6, A_ALL, ide_nothing }, /* SLEEP */
	{ 0xe7, 0xe7, A_DISK, ide_flush },
	{ 0xea, 0xea, A_DISK | A_EXT, ide_flush },
	{ 0xec, 0xec, A_DISK, ide_identify_cmd },
	{ 0xec, 0xec, A_CD, ide_not_a_disk },
	{ 0xef, 0xef, A_ALL, ide_set_features },
};
/* clang-format on */

void ide_command(struct ide_drive *d, uint8_t cmd)
{
	d->phase = IDE_IDLE; /* whatever waited for the guest is dropped */
	d->cmd = cmd;
	d->reg[IDE_ERROR] = 0;
	ide_irq(d, false);
	for (unsigned i = 0; i < ARRAY_LEN(ide_ata_cmds); i++) {
		const struct ide_ata_cmd *c = &ide_ata_cmds[i];

		if (cmd >= c->first && cmd <= c->last &&
		    (c->flags & (d->cd ? A_CD : A_DISK))) {
			d->ext = c->flags & A_EXT;
			c->fn(d, c->flags);
			return;
		}
	}
	ide_fail(d, IDE_E_ABRT);
}
