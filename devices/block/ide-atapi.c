/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-atapi.c - packet commands of a CD-ROM drive: ATA/ATAPI-7 vol. 2, 9.8 for the
 * transport, MMC-4 and SPC-3 for the commands.
 *
 * Threads: under the channel's lock; see ide.h.
 * Known gaps: data discs of one track only; no audio, no raw sectors, no DVD structures;
 * a medium is what the drive was given at start (a guest may open and close the tray).
 */
#include "config.h"

#include "devices/block/ide.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"

enum { /* sense keys; additional codes */
       SK_NOT_READY = 2,
       SK_MEDIUM = 3,
       SK_ILLEGAL = 5,
       SK_ATTENTION = 6,
       SK_ABORTED = 11,
       ASC_READ_ERROR = 0x11,
       ASC_OPCODE = 0x20,
       ASC_RANGE = 0x21,
       ASC_FIELD = 0x24,
       ASC_CHANGED = 0x28,
       ASC_NO_MEDIUM = 0x3a,
       ASC_LOCKED = 0x53,
};

enum {
	CD_BLOCKS_MAX = 405000, /* more than a CD holds: a DVD */
	CD_PROFILE_CD = 0x08,
	CD_PROFILE_DVD = 0x10
};

enum {
	CD_MEDIUM = 1,
	CD_ANYTIME = 2
}; /* wants a medium; runs despite a unit attention */

struct cd_cmd {
	uint8_t op, flags;
	void (*fn)(struct ide_drive *d, const uint8_t *c);
};

/* ---- transport ---- */

static void cd_end(struct ide_drive *d, uint8_t status)
{
	d->phase = IDE_IDLE;
	d->reg[IDE_COUNT] = IDE_R_IO | IDE_R_CD;
	d->reg[IDE_STATUS] = status;
	ide_irq(d, true);
}

static void cd_ok(struct ide_drive *d)
{
	d->sense = d->asc = d->ascq = 0;
	d->reg[IDE_ERROR] = 0;
	cd_end(d, IDE_OK);
}

static void cd_fail(struct ide_drive *d, uint8_t key, uint8_t asc, uint8_t ascq)
{
	d->sense = key;
	d->asc = asc;
	d->ascq = ascq;
	d->reg[IDE_ERROR] = (uint8_t)(key << 4 | IDE_E_ABRT);
	cd_end(d, IDE_OK | IDE_ERR);
}

/* The next piece of d->buf, as much as the byte count limit allows. */
static void cd_offer(struct ide_drive *d)
{
	uint32_t n = d->fill - d->pos;

	if (n > d->limit) {
		n = d->limit & ~1u;
	}
	d->reg[IDE_COUNT] = IDE_R_IO;
	d->reg[IDE_MID] = (uint8_t)n;
	d->reg[IDE_HIGH] = (uint8_t)(n >> 8);
	ide_data_block(d, IDE_PIO_IN, ALIGN_UP(n, 2u), true);
}

void ide_atapi_port_done(struct ide_drive *d)
{
	if (d->pos < d->fill) {
		cd_offer(d);
	} else if (d->x.left) {
		ide_go(d);
	} else {
		cd_ok(d);
	}
}

void ide_atapi_done(struct ide_drive *d, int ret)
{
	if (ret < 0) {
		if (d->x.kind == IDE_X_READ && !(ret == -EFAULT || ret == -EPERM)) {
			cd_fail(d, SK_MEDIUM, ASC_READ_ERROR, 0);
		} else {
			cd_fail(d, SK_ABORTED, 0, 0);
		}
	} else if (d->x.dma) {
		cd_ok(d);
	} else {
		d->pos = 0;
		d->fill = d->x.bytes;
		cd_offer(d);
	}
}

/* `len` bytes of d->buf are the answer; the guest has room for `room`. */
static void cd_reply(struct ide_drive *d, uint32_t len, uint32_t room)
{
	d->fill = MIN(len, room);
	d->x.left = 0;
	if (!d->fill) {
		cd_ok(d);
	} else if (d->x.dma) {
		d->x.kind = IDE_X_DATA;
		d->x.bytes = d->fill;
		ide_go(d);
	} else {
		d->x.kind = IDE_X_DATA;
		d->pos = 0;
		cd_offer(d);
	}
}

void ide_packet_begin(struct ide_drive *d)
{
	unsigned limit = d->reg[IDE_MID] | (unsigned)d->reg[IDE_HIGH] << 8;

	d->limit = (uint16_t)(limit == 0 || limit == 0xffff ? 0xfffe
	                      : limit == 1                  ? 2
	                                                    : limit);
	d->x.dma = d->reg[IDE_FEATURE] & 1;
	d->x.fua = false;
	d->pos = 0;
	d->reg[IDE_COUNT] = IDE_R_CD;
	ide_data_block(d, IDE_PACKET, sizeof(d->packet), false);
}

/* ---- the medium ---- */

static bool cd_has_medium(const struct ide_drive *d)
{
	return d->blk && !d->tray_open;
}

static uint32_t cd_blocks(const struct ide_drive *d)
{
	return cd_has_medium(d) ? (uint32_t)MIN(blk_length(d->blk) / CD_SECTOR,
	                                        (uint64_t)UINT32_MAX)
	                        : 0;
}

static unsigned cd_profile(const struct ide_drive *d)
{
	return !cd_has_medium(d)              ? 0
	       : cd_blocks(d) > CD_BLOCKS_MAX ? CD_PROFILE_DVD
	                                      : CD_PROFILE_CD;
}

static void cd_read(struct ide_drive *d, uint32_t lba, uint32_t n)
{
	struct ide_xfer *x = &d->x;

	if (!range_fits(lba, n, cd_blocks(d))) {
		cd_fail(d, SK_ILLEGAL, ASC_RANGE, 0);
		return;
	}
	if (!n) {
		cd_ok(d);
		return;
	}
	x->kind = IDE_X_READ;
	x->block = CD_SECTOR;
	x->lba = lba;
	x->left = n;
	ide_go(d);
}

static void cd_read10(struct ide_drive *d, const uint8_t *c)
{
	cd_read(d, ld_be32(c + 2), ld_be16(c + 7));
}

static void cd_read12(struct ide_drive *d, const uint8_t *c)
{
	cd_read(d, ld_be32(c + 2), ld_be32(c + 6));
}

/* READ CD: user data of the sectors, or nothing. */
static void cd_read_cd(struct ide_drive *d, const uint8_t *c)
{
	uint32_t n = (uint32_t)c[6] << 16 | (uint32_t)c[7] << 8 | c[8];

	if ((c[9] & 0xf8) == 0 || !n) {
		cd_ok(d);
	} else if ((c[9] & 0xf8) != 0x10) {
		cd_fail(d, SK_ILLEGAL, ASC_FIELD, 0);
	} else {
		cd_read(d, ld_be32(c + 2), n);
	}
}

static void cd_read_capacity(struct ide_drive *d, const uint8_t *c)
{
	uint32_t n = cd_blocks(d);

	(void)c;
	st_be32(d->buf, n ? n - 1 : 0);
	st_be32(d->buf + 4, CD_SECTOR);
	cd_reply(d, 8, 8);
}

static void cd_seek(struct ide_drive *d, const uint8_t *c)
{
	if (ld_be32(c + 2) >= cd_blocks(d)) {
		cd_fail(d, SK_ILLEGAL, ASC_RANGE, 0);
	} else {
		cd_ok(d);
	}
}

static void cd_nothing(struct ide_drive *d, const uint8_t *c)
{
	(void)c;
	cd_ok(d);
}

/* ---- table of contents: one data track ---- */

static void cd_toc_address(uint8_t *at, uint32_t lba, bool msf)
{
	if (!msf) {
		st_be32(at, lba);
		return;
	}
	lba += 150;
	at[0] = 0;
	at[1] = (uint8_t)(lba / 75 / 60);
	at[2] = (uint8_t)(lba / 75 % 60);
	at[3] = (uint8_t)(lba % 75);
}

static unsigned cd_toc_track(uint8_t *at, uint8_t track, uint32_t lba, bool msf)
{
	memset(at, 0, 8);
	at[1] = 0x14; /* data, no copies */
	at[2] = track;
	cd_toc_address(at + 4, lba, msf);
	return 8;
}

static void cd_read_toc(struct ide_drive *d, const uint8_t *c)
{
	uint8_t format = c[2] & 15 ? c[2] & 15 : c[9] >> 6, *b = d->buf;
	bool msf = c[1] & 2;
	unsigned n = 4;

	if (format > 1 || (format == 0 && c[6] > 1 && c[6] != 0xaa)) {
		cd_fail(d, SK_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	if (format == 1 || c[6] <= 1) {
		n += cd_toc_track(b + n, 1, 0, msf);
	}
	if (format == 0) {
		n += cd_toc_track(b + n, 0xaa, cd_blocks(d), msf);
	}
	st_be16(b, (uint16_t)(n - 2));
	b[2] = b[3] = 1; /* first and last track or session */
	cd_reply(d, n, ld_be16(c + 7));
}

static void cd_disc_information(struct ide_drive *d, const uint8_t *c)
{
	uint8_t *b = d->buf;

	if (c[1] & 7) {
		cd_fail(d, SK_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	memset(b, 0, 34);
	st_be16(b, 32);
	b[2] = 0x0e; /* complete, and so is the last session */
	b[3] = b[4] = b[5] = b[6] = 1;
	b[7] = 0x20; /* any use */
	cd_reply(d, 34, ld_be16(c + 7));
}

/* ---- about the drive ---- */

static void cd_inquiry(struct ide_drive *d, const uint8_t *c)
{
	uint8_t *b = d->buf;

	if (c[1] & 1) {
		cd_fail(d, SK_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	memset(b, 0, 8);
	b[0] = 5;    /* CD or DVD */
	b[1] = 0x80; /* removable */
	b[3] = 0x21;
	b[4] = 31;
	memset(b + 8, ' ', 28);
	memcpy(b + 8, "LODGE", 5);
	memcpy(b + 16, d->model ? d->model : "DVD-ROM",
	       MIN(strlen(d->model ? d->model : "DVD-ROM"), (size_t)16));
	memcpy(b + 32, PACKAGE_VERSION, MIN(strlen(PACKAGE_VERSION), (size_t)4));
	cd_reply(d, 36, ld_be16(c + 3));
}

static void cd_request_sense(struct ide_drive *d, const uint8_t *c)
{
	uint8_t *b = d->buf;

	memset(b, 0, 18);
	b[0] = 0x70;
	b[2] = d->sense;
	b[7] = 10;
	b[12] = d->asc;
	b[13] = d->ascq;
	if (!d->sense && d->attention) {
		b[2] = SK_ATTENTION;
		b[12] = ASC_CHANGED;
		d->attention = false;
	}
	cd_reply(d, 18, c[4]);
}

/* MMC-4 6.3.11: capabilities and mechanical status. */
static unsigned cd_page_capabilities(const struct ide_drive *d, uint8_t *b)
{
	static const uint8_t page[20] = {
		0x2a, 18,   0x3b, 0, 0x70, 0x60, 0x29, 0,
		0x02, 0xc2, 0,    2, 0x02, 0,    0x02, 0xc2,
	};

	memcpy(b, page, sizeof(page));
	b[6] |= d->locked ? 2 : 0;
	return sizeof(page);
}

static unsigned cd_page_recovery(uint8_t *b)
{
	static const uint8_t page[8] = { 0x01, 6, 0, 5 };

	memcpy(b, page, sizeof(page));
	return sizeof(page);
}

static void cd_mode_sense(struct ide_drive *d, const uint8_t *c)
{
	uint8_t page = c[2] & 0x3f, *b = d->buf;
	unsigned n = 8;

	if (c[2] >> 6 == 3) { /* nothing is saved */
		cd_fail(d, SK_ILLEGAL, 0x39, 0);
		return;
	}
	if (page != 0x01 && page != 0x2a && page != 0x3f) {
		cd_fail(d, SK_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	memset(b, 0, 8);
	if (page != 0x2a) {
		n += cd_page_recovery(b + n);
	}
	if (page != 0x01) {
		n += cd_page_capabilities(d, b + n);
	}
	st_be16(b, (uint16_t)(n - 2));
	b[2] = cd_has_medium(d) ? 0x01 : d->tray_open ? 0x71 : 0x70;
	cd_reply(d, n, ld_be16(c + 7));
}

/* A feature descriptor, when the request's kind (RT) and start ask for it. */
static unsigned cd_feature(uint8_t *at, const uint8_t *c, uint16_t code, uint8_t flags,
                           const uint8_t *data, uint8_t len)
{
	unsigned start = ld_be16(c + 2), kind = c[1] & 3;

	if (code < start || (kind == 2 && code != start) ||
	    (kind == 1 && !(flags & 1))) {
		return 0;
	}
	st_be16(at, code);
	at[2] = flags;
	at[3] = len;
	memcpy(at + 4, data, len);
	return 4u + len;
}

static void cd_get_configuration(struct ide_drive *d, const uint8_t *c)
{
	static const uint8_t core[8] = { 0, 0, 0, 2, 1 }; /* ATAPI; DBE */
	static const uint8_t removable[4] = { 0x29 };
	static const uint8_t random[8] = { 0, 0, 8, 0, 0, 1, 0, 0 };
	unsigned profile = cd_profile(d), n = 8;
	uint8_t list[8] = { 0, CD_PROFILE_DVD, 0, 0, 0, CD_PROFILE_CD, 0, 0 },
		*b = d->buf;

	list[2] = profile == CD_PROFILE_DVD;
	list[6] = profile == CD_PROFILE_CD;
	memset(b, 0, 8);
	n += cd_feature(b + n, c, 0x0000, 0x03, list, sizeof(list));
	n += cd_feature(b + n, c, 0x0001, 0x0b, core, sizeof(core));
	n += cd_feature(b + n, c, 0x0003, 0x03, removable, sizeof(removable));
	n += cd_feature(b + n, c, 0x0010, profile ? 1 : 0, random, sizeof(random));
	st_be32(b, n - 4);
	st_be16(b + 6, (uint16_t)profile);
	cd_reply(d, n, ld_be16(c + 7));
}

static void cd_get_event(struct ide_drive *d, const uint8_t *c)
{
	uint8_t *b = d->buf;
	bool media = c[4] & 0x10;

	if (!(c[1] & 1)) { /* only polling */
		cd_fail(d, SK_ILLEGAL, ASC_FIELD, 0);
		return;
	}
	memset(b, 0, 8);
	st_be16(b, media ? 6 : 2);
	b[2] = media ? 4 : 0x80;
	b[3] = 0x10;
	if (media && d->media_event) {
		b[4] = cd_has_medium(d) ? 2 : 3; /* new medium, or it is gone */
		d->media_event = false;
	}
	b[5] = (uint8_t)((cd_has_medium(d) ? 2 : 0) | (d->tray_open ? 1 : 0));
	cd_reply(d, media ? 8 : 4, ld_be16(c + 7));
}

static void cd_mechanism(struct ide_drive *d, const uint8_t *c)
{
	memset(d->buf, 0, 8);
	d->buf[1] = d->tray_open ? 0x10 : 0;
	d->buf[5] = 1;
	cd_reply(d, 8, ld_be16(c + 8));
}

static void cd_prevent(struct ide_drive *d, const uint8_t *c)
{
	d->locked = c[4] & 1;
	cd_ok(d);
}

static void cd_start_stop(struct ide_drive *d, const uint8_t *c)
{
	bool open = !(c[4] & 1);

	if (!(c[4] & 2) || open == d->tray_open) {
		cd_ok(d);
		return;
	}
	if (open && d->locked) {
		cd_fail(d, SK_ILLEGAL, ASC_LOCKED, 2);
		return;
	}
	d->tray_open = open;
	d->media_event = true;
	d->attention = !open && d->blk;
	cd_ok(d);
}

/* clang-format off */
static const struct cd_cmd cd_cmds[] = {
	{ 0x00, CD_MEDIUM, cd_nothing }, /* TEST UNIT READY */
	{ 0x03, CD_ANYTIME, cd_request_sense },
	{ 0x12, CD_ANYTIME, cd_inquiry },
	{ 0x1b, 0, cd_start_stop },
	{ 0x1e, 0, cd_prevent },
	{ 0x25, CD_MEDIUM, cd_read_capacity },
	{ 0x28, CD_MEDIUM, cd_read10 },
	{ 0x2b, CD_MEDIUM, cd_seek },
	{ 0x43, CD_MEDIUM, cd_read_toc },
	{ 0x46, CD_ANYTIME, cd_get_configuration },
	{ 0x4a, CD_ANYTIME, cd_get_event },
	{ 0x51, CD_MEDIUM, cd_disc_information },
	{ 0x5a, 0, cd_mode_sense },
	{ 0xa8, CD_MEDIUM, cd_read12 },
	{ 0xbb, 0, cd_nothing }, /* SET CD SPEED */
	{ 0xbd, 0, cd_mechanism },
	{ 0xbe, CD_MEDIUM, cd_read_cd },
};
/* clang-format on */

static void cd_run(struct ide_drive *d, const struct cd_cmd *cmd, const uint8_t *c)
{
	if (!(cmd->flags & CD_ANYTIME) && d->attention) {
		d->attention = false;
		cd_fail(d, SK_ATTENTION, ASC_CHANGED, 0);
	} else if ((cmd->flags & CD_MEDIUM) && !cd_has_medium(d)) {
		cd_fail(d, SK_NOT_READY, ASC_NO_MEDIUM, d->tray_open ? 2 : 1);
	} else {
		cmd->fn(d, c);
	}
}

void ide_packet(struct ide_drive *d)
{
	uint8_t c[sizeof(d->packet)];

	memcpy(c, d->packet, sizeof(c));
	for (unsigned i = 0; i < ARRAY_LEN(cd_cmds); i++) {
		if (cd_cmds[i].op == c[0]) {
			cd_run(d, &cd_cmds[i], c);
			return;
		}
	}
	cd_fail(d, SK_ILLEGAL, ASC_OPCODE, 0);
}
