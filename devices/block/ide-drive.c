/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-drive.c - classes ide-hd and ide-cd: properties, life, IDENTIFY data (ATA/ATAPI-7
 * vol. 1, 6.17 and 6.18), state.
 *
 * Known gaps: those of disk-conf.h; min_io_size, opt_io_size and discard_granularity are
 * not reported; no hot-plug (ATA has none).
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "core/object.h"
#include "core/vm.h"
#include "devices/block/ide.h"

enum { IDE_PHYSICAL_MAX = 32768 };

/* ---- IDENTIFY ---- */

/* "text" padded with spaces; the two characters of a word are swapped. */
static void ide_string(uint8_t *at, unsigned len, const char *text)
{
	size_t n = strlen(text);

	for (unsigned i = 0; i < len; i++) {
		at[i ^ 1] = (uint8_t)(i < n ? text[i] : ' ');
	}
}

static void ide_word(struct ide_drive *d, unsigned n, unsigned v)
{
	st_le16(d->buf + 2 * n, (uint16_t)v);
}

/* Supported modes in the low byte; the one in use in the high one. */
static unsigned ide_modes(const struct ide_drive *d, unsigned family,
                          unsigned supported)
{
	return supported |
	       (d->dma_mode >> 3 == family ? 1u << (8 + (d->dma_mode & 7)) : 0);
}

static void ide_identify_common(struct ide_drive *d)
{
	char serial[40];

	memset(d->buf, 0, IDE_SECTOR);
	snprintf(serial, sizeof(serial), "LODGE-%s-%u", d->bus->bus.name, d->unit);
	ide_string(d->buf + 20, 20, d->conf.serial ? d->conf.serial : serial);
	ide_string(d->buf + 46, 8, d->ver ? d->ver : PACKAGE_VERSION);
	ide_string(d->buf + 54, 40,
	           d->model ? d->model
	           : d->cd  ? "LODGE DVD-ROM"
	                    : "LODGE HARDDISK");
	ide_word(d, 48, 1);      /* data port of 32 bits */
	ide_word(d, 49, 0x0b00); /* IORDY, LBA, DMA */
	ide_word(d, 53, 7);      /* words 54-58, 64-70, 88 mean something */
	ide_word(d, 63, ide_modes(d, 4, 0x07));
	ide_word(d, 64, 3); /* PIO 3 and 4 */
	for (unsigned i = 65; i <= 68; i++) {
		ide_word(d, i, 120); /* cycle times in ns */
	}
	ide_word(d, 80, 0xf0); /* ATA/ATAPI-4 to 7 */
	ide_word(d, 88, ide_modes(d, 8, 0x3f));
	ide_word(d, 93, d->unit ? 0x6b00 : 0x600b); /* 80 wires, who is who */
}

static void ide_identify_cd(struct ide_drive *d)
{
	ide_word(d, 0, 0x85c0);  /* CD, removable, DRQ at once, 12 bytes */
	ide_word(d, 82, 0x4210); /* NOP, DEVICE RESET, PACKET */
	ide_word(d, 83, 0x4000);
	ide_word(d, 84, 0x4000);
	ide_word(d, 85, 0x4210);
	ide_word(d, 87, 0x4000);
}

static void ide_identify_features(struct ide_drive *d)
{
	ide_word(d, 82, 0x4020); /* NOP, write cache */
	ide_word(d, 83, 0x7400); /* FLUSH CACHE, ... EXT, 48-bit addresses */
	ide_word(d, 84, 0x4040 | (d->wwn ? 0x100 : 0)); /* FUA */
	ide_word(d, 85, 0x4000 | (blk_write_cache(d->blk) ? 0x20 : 0));
	ide_word(d, 86, 0x3400);
	ide_word(d, 87, 0x4040 | (d->wwn ? 0x100 : 0));
	for (unsigned i = 0; d->wwn && i < 4; i++) {
		ide_word(d, 108 + i, (unsigned)(d->wwn >> (48 - 16 * i)));
	}
	if (d->conf.physical > IDE_SECTOR) {
		ide_word(d, 106,
		         0x6000 | (unsigned)__builtin_ctz(d->conf.physical /
		                                          IDE_SECTOR));
	}
	ide_word(d, 217, d->rotation);
	if (!blk_read_only(d->blk)) {
		ide_word(d, 105, 8); /* blocks of ranges for TRIM */
		ide_word(d, 169, 1);
	}
}

static void ide_identify_disk(struct ide_drive *d)
{
	uint64_t n = ide_sectors(d), n28 = MIN(n, (uint64_t)0x0fffffff);
	uint32_t track = (uint32_t)d->heads * d->secs; /* never 0 */
	uint64_t cyls = MIN(n / track, (uint64_t)65535);

	ide_word(d, 0, 0x0040);
	ide_word(d, 1, d->cyls);
	ide_word(d, 3, d->prop_heads);
	ide_word(d, 6, d->prop_secs);
	ide_word(d, 47, 0x8000 | IDE_MULT_MAX);
	ide_word(d, 54, (unsigned)cyls);
	ide_word(d, 55, d->heads);
	ide_word(d, 56, d->secs);
	st_le32(d->buf + 2 * 57, (uint32_t)(cyls * track));
	ide_word(d, 59, d->mult ? 0x100u | d->mult : 0);
	st_le32(d->buf + 2 * 60, (uint32_t)n28);
	st_le64(d->buf + 2 * 100, n);
	ide_identify_features(d);
}

void ide_identify(struct ide_drive *d)
{
	ide_identify_common(d);
	if (d->cd) {
		ide_identify_cd(d);
	} else {
		ide_identify_disk(d);
	}
}

/* ---- life ---- */

static struct ide_drive *ide_drive_of(struct device *dev)
{
	return container_of(dev, struct ide_drive, dev);
}

static int ide_drive_check(struct ide_drive *d, struct err *e)
{
	int r;

	if (d->conf.logical && d->conf.logical != IDE_SECTOR) {
		return err_set(e, -ENOTSUP,
		               "not supported: logical_block_size %u (512 is)",
		               d->conf.logical);
	}
	r = disk_conf_check(&d->conf, e);
	if (r < 0) {
		return r;
	}
	if (d->conf.physical > IDE_PHYSICAL_MAX) {
		return err_set(e, -ENOTSUP,
		               "not supported: physical_block_size %u (up to %d is)",
		               d->conf.physical, IDE_PHYSICAL_MAX);
	}
	if (d->cyls > 65535 || d->prop_heads > 16 || d->prop_secs > 255 ||
	    d->rotation > 65535) {
		return err_set(e, -EINVAL,
		               "%s: cyls, heads or secs out of range (65535, 16, 255)",
		               d->dev.cls->name);
	}
	return object_set_iothread(&d->dev, d->iothread, e);
}

static int ide_drive_open(struct ide_drive *d, struct err *e)
{
	if (!d->conf.drive && d->cd) {
		return 0; /* nothing in it */
	}
	return disk_conf_open(&d->conf, d->dev.cls->name, !d->cd, d->dev.io, &d->blk,
	                      e);
}

static void ide_drive_geometry(struct ide_drive *d)
{
	uint64_t n = ide_sectors(d);

	d->prop_heads = d->prop_heads ? d->prop_heads : 16;
	d->prop_secs = d->prop_secs ? d->prop_secs : 63;
	if (!d->cyls) {
		d->cyls = (uint32_t)MIN(n / (d->prop_heads * d->prop_secs),
		                        (uint64_t)16383);
		d->cyls = MAX(d->cyls, 2u);
	}
}

/* Power-on: also what a software reset leaves alone. */
static void ide_drive_power_on(struct ide_drive *d)
{
	d->heads = (uint16_t)d->prop_heads;
	d->secs = (uint16_t)d->prop_secs;
	d->mult = IDE_MULT_MAX;
	d->dma_mode = 0x22; /* multiword DMA 2 */
	d->sense = d->asc = d->ascq = 0;
	d->attention = d->locked = d->media_event = d->tray_open = false;
	if (d->blk) {
		disk_conf_reset(&d->conf, d->blk);
	}
}

static void ide_drive_reset(struct device *dev)
{
	struct ide_drive *d = ide_drive_of(dev);

	ide_drain(d);
	LOCK_SCOPE(&d->bus->lk);
	ide_drive_power_on(d);
	ide_reset_drive(d);
	ide_update_irq(d->bus);
}

static int ide_drive_realize(struct device *dev, struct err *e)
{
	struct ide_drive *d = ide_drive_of(dev);
	int r = ide_drive_check(d, e);

	r = r < 0 ? r : ide_drive_open(d, e);
	if (r < 0) {
		return r;
	}
	ide_drive_geometry(d);
	d->x.block = IDE_SECTOR;
	LOCK_SCOPE(&d->bus->lk);
	ide_drive_power_on(d);
	ide_reset_drive(d);
	d->bus->drive[d->unit] = d;
	return 0;
}

static int ide_hd_realize(struct device *dev, struct err *e)
{
	return ide_drive_realize(dev, e);
}

static int ide_cd_realize(struct device *dev, struct err *e)
{
	ide_drive_of(dev)->cd = true;
	return ide_drive_realize(dev, e);
}

static void ide_drive_unrealize(struct device *dev)
{
	struct ide_drive *d = ide_drive_of(dev);

	ide_drain(d);
	lk_acquire(&d->bus->lk);
	d->bus->drive[d->unit] = NULL;
	ide_update_irq(d->bus);
	lk_release(&d->bus->lk);
	blk_close(d->blk);
}

/* ---- state ---- */

static void ide_drive_pre_save(struct device *dev)
{
	ide_drain(ide_drive_of(dev));
}

/* What the ranges of single fields cannot say. */
static bool ide_drive_state_ok(const struct ide_drive *d)
{
	const struct ide_xfer *x = &d->x;
	uint32_t room =
		d->phase == IDE_PACKET ? sizeof(d->packet) : ALIGN_UP(d->fill, 2u);

	if (d->phase != IDE_IDLE && d->phase != IDE_DMA &&
	    (d->pos > d->end || d->end > room)) {
		return false;
	}
	if ((d->mult & (d->mult - 1)) ||
	    (x->block != IDE_SECTOR && x->block != CD_SECTOR)) {
		return false;
	}
	return !d->cd || x->kind == IDE_X_READ || x->kind == IDE_X_DATA;
}

static int ide_drive_post_load(struct device *dev, struct err *e)
{
	struct ide_drive *d = ide_drive_of(dev);

	if (!ide_drive_state_ok(d)) {
		return err_set(e, -EINVAL, "%s (%s): the state contradicts itself",
		               dev->path, dev->cls->name);
	}
	LOCK_SCOPE(&d->bus->lk);
	d->x.at = 0;
	ide_update_irq(d->bus);
	return 0;
}

static const struct state_field ide_drive_state[] = {
	STATE_ARRAY(STATE_U8, struct ide_drive, reg, IDE_REGS),
	STATE_ARRAY(STATE_U8, struct ide_drive, hob, IDE_REGS),
	STATE_FIELD(STATE_U8, struct ide_drive, cmd),
	STATE_RANGE(STATE_U8, struct ide_drive, phase, 0, IDE_DMA),
	STATE_RANGE(STATE_U8, struct ide_drive, mult, 0, IDE_MULT_MAX),
	STATE_RANGE(STATE_U8, struct ide_drive, drq, 0, IDE_MULT_MAX),
	STATE_FIELD(STATE_U8, struct ide_drive, dma_mode),
	STATE_FIELD(STATE_BOOL, struct ide_drive, irq),
	STATE_FIELD(STATE_BOOL, struct ide_drive, ext),
	STATE_RANGE(STATE_U16, struct ide_drive, heads, 1, 16),
	STATE_RANGE(STATE_U16, struct ide_drive, secs, 1, 255),
	STATE_RANGE(STATE_U32, struct ide_drive, pos, 0, IDE_BUF),
	STATE_RANGE(STATE_U32, struct ide_drive, end, 0, IDE_BUF),
	STATE_RANGE(STATE_U32, struct ide_drive, fill, 0, IDE_BUF),
	STATE_FIELD(STATE_U8, struct ide_drive, sense),
	STATE_FIELD(STATE_U8, struct ide_drive, asc),
	STATE_FIELD(STATE_U8, struct ide_drive, ascq),
	STATE_FIELD(STATE_BOOL, struct ide_drive, attention),
	STATE_FIELD(STATE_BOOL, struct ide_drive, tray_open),
	STATE_FIELD(STATE_BOOL, struct ide_drive, locked),
	STATE_FIELD(STATE_BOOL, struct ide_drive, media_event),
	STATE_RANGE(STATE_U16, struct ide_drive, limit, 0, 0xfffe),
	STATE_ARRAY(STATE_U8, struct ide_drive, packet, 12),
	STATE_RANGE(STATE_U8, struct ide_drive, x.kind, 0, IDE_X_KINDS - 1),
	STATE_FIELD(STATE_BOOL, struct ide_drive, x.dma),
	STATE_FIELD(STATE_BOOL, struct ide_drive, x.fua),
	STATE_RANGE(STATE_U16, struct ide_drive, x.block, 0, CD_SECTOR),
	STATE_RANGE(STATE_U64, struct ide_drive, x.lba, 0, UINT64_C(0xffffffffffff)),
	STATE_RANGE(STATE_U32, struct ide_drive, x.left, 0, UINT32_MAX),
	STATE_RANGE(STATE_U32, struct ide_drive, x.bytes, 0, IDE_BUF),
	STATE_RANGE(STATE_U32, struct ide_drive, x.at, 0, IDE_BUF),
	{ .name = "buf",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct ide_drive, buf),
	  .count = IDE_BUF },
	{ .name = NULL },
};

/* ---- classes ---- */

#define IDE_PROP(n, t, f, d, h) DEV_PROP(n, t, struct ide_drive, f, d, h)
/* clang-format off */
#define IDE_COMMON_PROPS \
	DISK_PROPS(struct ide_drive, conf), \
	IDE_PROP("unit", PROP_U32, unit_prop, UINT32_MAX, \
	         "0 or 1: place on the channel (default: the free one)"), \
	IDE_PROP("model", PROP_STR, model, 0, "model, 40 characters"), \
	IDE_PROP("ver", PROP_STR, ver, 0, "firmware revision, 8 characters"), \
	IDE_PROP("wwn", PROP_U64, wwn, 0, "world wide name"), \
	IDE_PROP("iothread", PROP_OBJECT, iothread, 0, "iothread of the image")
/* clang-format on */

static const struct prop ide_hd_props[] = {
	IDE_COMMON_PROPS,
	IDE_PROP("cyls", PROP_U32, cyls, 0, "geometry"),
	IDE_PROP("heads", PROP_U32, prop_heads, 0, "geometry"),
	IDE_PROP("secs", PROP_U32, prop_secs, 0, "geometry"),
	IDE_PROP("rotation_rate", PROP_U32, rotation, 0, "1: does not rotate"),
	{ .name = NULL },
};

static const struct prop ide_cd_props[] = {
	IDE_COMMON_PROPS,
	{ .name = NULL },
};

#define IDE_CLASS(sym, type_name, desc, property_list, realize_fn)                     \
	const struct device_class sym = {                                              \
		.name = type_name,                                                     \
		.bus = "IDE",                                                          \
		.description = desc,                                                   \
		.category = "storage",                                                 \
		.instance_size = sizeof(struct ide_drive),                             \
		.props = property_list,                                                \
		.state = ide_drive_state,                                              \
		.realize = realize_fn,                                                 \
		.unrealize = ide_drive_unrealize,                                      \
		.reset = ide_drive_reset,                                              \
		.pre_save = ide_drive_pre_save,                                        \
		.post_load = ide_drive_post_load,                                      \
	}

IDE_CLASS(ide_hd_class, "ide-hd", "ATA disk", ide_hd_props, ide_hd_realize);
IDE_CLASS(ide_cd_class, "ide-cd", "ATAPI CD-ROM", ide_cd_props, ide_cd_realize);
