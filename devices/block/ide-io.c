/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-io.c - requests of an ATA drive on its loop: between image and buffer for the data
 * port, between image and guest memory for DMA, in pieces. SFF-8038i 1.0 for PRD lists.
 *
 * DMA goes to guest memory directly where a piece of the list makes whole sectors, else
 * through the drive's buffer. A list is at most 64 KiB: that is the budget.
 *
 * Threads: ide_go(), ide_dma_start() on vCPU threads under the channel's lock; everything
 * else on the drive's loop, which owns d->x and d->buf while the drive is IDE_BUSY.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/loop.h"
#include "core/vm.h"
#include "devices/block/ide.h"

enum {
	PRD_ENTRY = 8,
	PRD_ENTRIES_MAX = 65536 / PRD_ENTRY,
	TRIM_RANGES = IDE_SECTOR / 8,
};

static void ide_io_next(struct ide_drive *d);

/* ---- end ---- */

static void ide_io_end(struct ide_drive *d, int ret)
{
	struct ide_xfer *x = &d->x;

	LOCK_SCOPE(&d->bus->lk);
	d->phase = IDE_IDLE;
	if (d->reset_pending) {
		ide_reset_drive(d);
		ide_update_irq(d->bus);
		return;
	}
	if (x->dma) {
		if (atomic_exchange(&d->stop, false)) {
			ret = -ECANCELED;
		}
		ide_bm_ended(d, ret == 0 && (x->prd.len || !x->prd.last),
		             ret == -EFAULT || ret == -EPERM);
		if (ret == -ECANCELED || ret == -ENODATA) {
			/* Stopped, or a list that is too short: no interrupt (SFF-8038i, 3.1). */
			d->reg[IDE_STATUS] = IDE_OK;
			return;
		}
	}
	if (d->cd) {
		ide_atapi_done(d, ret);
	} else {
		ide_ata_done(d, ret);
	}
}

/* ---- PRD lists ---- */

/* -ENODATA at the end of the list, -EFAULT when it is not in RAM. */
static int ide_prd_fetch(struct ide_drive *d)
{
	struct ide_prd *p = &d->x.prd;
	uint8_t e[PRD_ENTRY];
	int r;

	if (p->len) {
		return 0;
	}
	if (p->last || p->entries >= PRD_ENTRIES_MAX) {
		return -ENODATA;
	}
	r = pci_dma_read(d->bus->pci, p->next, e, sizeof(e));
	if (r < 0) {
		return r;
	}
	p->entries++;
	p->next += PRD_ENTRY;
	p->addr = ld_le32(e) & ~1u;
	p->len = ld_le16(e + 4) & ~1u;
	p->len = p->len ? p->len : 65536;
	p->last = e[7] & 0x80;
	return 0;
}

static void ide_prd_take(struct ide_prd *p, uint32_t n)
{
	p->addr += n;
	p->len -= n;
}

/* Copies between d->buf and what the list names: 0, or -errno with part of it done. */
static int ide_prd_copy(struct ide_drive *d, uint32_t len, bool to_guest)
{
	struct ide_prd *p = &d->x.prd;

	for (uint32_t at = 0; at < len;) {
		int r = ide_prd_fetch(d);
		uint32_t n;

		if (r < 0) {
			return r;
		}
		n = MIN(p->len, len - at);
		r = to_guest ? pci_dma_write(d->bus->pci, p->addr, d->buf + at, n)
		             : pci_dma_read(d->bus->pci, p->addr, d->buf + at, n);
		if (r < 0) {
			return r;
		}
		ide_prd_take(p, n);
		at += n;
	}
	return 0;
}

/*
 * The next piece of the list, up to `want` bytes, as spans of guest memory in x->iov.
 * The bytes they hold; 0 when that is no whole number of sectors (the list is where it was
 * then), or -errno.
 */
static int ide_prd_map(struct ide_drive *d, uint32_t want, bool to_guest)
{
	struct ide_xfer *x = &d->x;
	struct ide_prd was = x->prd;
	uint32_t total = 0;

	for (x->n = 0; total < want && x->n < IDE_SPANS;) {
		int r = ide_prd_fetch(d), k;
		uint32_t n;

		if (r < 0) {
			if (total) {
				break;
			}
			return r;
		}
		n = MIN(x->prd.len, want - total);
		k = pci_dma_allowed(d->bus->pci)
		            ? dma_map(&d->bus->vm->mem, x->prd.addr, n, to_guest,
		                      x->iov + x->n, (int)(IDE_SPANS - x->n))
		            : -EPERM;
		if (k == -E2BIG && total) {
			break;
		}
		if (k < 0) {
			return k;
		}
		for (uint32_t at = 0; k > 0; k--, x->n++) {
			x->gpa[x->n] = x->prd.addr + at;
			at += (uint32_t)x->iov[x->n].iov_len;
		}
		ide_prd_take(&x->prd, n);
		total += n;
	}
	if (total % x->block) {
		x->prd = was;
		return 0;
	}
	return (int)total;
}

/* ---- between image and guest ---- */

static void ide_io_failed(struct ide_drive *d, int ret)
{
	log_guest("%s: %s at sector %llu failed: %s", d->dev.path,
	          d->x.kind == IDE_X_READ ? "read" : "write",
	          (unsigned long long)d->x.lba, strerror(-ret));
}

static void ide_io_moved(struct ide_xfer *x)
{
	x->lba += x->bytes / x->block;
	x->left -= x->bytes / x->block;
}

static int ide_io_deliver(struct ide_drive *d)
{
	struct ide_xfer *x = &d->x;

	if (x->bounce) {
		return ide_prd_copy(d, x->bytes, true);
	}
	for (unsigned i = 0; i < x->n; i++) {
		dma_mark_written(&d->bus->vm->mem, x->gpa[i], x->iov[i].iov_len);
	}
	return 0;
}

static void ide_io_done(void *opaque, int ret)
{
	struct ide_drive *d = opaque;
	struct ide_xfer *x = &d->x;

	if (ret < 0) {
		ide_io_failed(d, ret);
		ide_io_end(d, -EIO);
		return;
	}
	if (x->dma && x->kind == IDE_X_READ) {
		ret = ide_io_deliver(d);
		if (ret < 0) {
			ide_io_end(d, ret);
			return;
		}
	}
	ide_io_moved(x);
	if (x->dma && x->left && !atomic_load(&d->stop)) {
		ide_io_next(d);
	} else {
		ide_io_end(d, 0);
	}
}

/* One piece through the drive's buffer. */
static int ide_io_bounce(struct ide_drive *d)
{
	struct ide_xfer *x = &d->x;

	x->bytes = (uint32_t)MIN((uint64_t)x->left * x->block, (uint64_t)IDE_BUF);
	x->bounce = true;
	x->iov[0] = (struct iovec){ d->buf, x->bytes };
	x->n = 1;
	return x->dma && x->kind == IDE_X_WRITE ? ide_prd_copy(d, x->bytes, false) : 0;
}

static int ide_io_map(struct ide_drive *d)
{
	struct ide_xfer *x = &d->x;
	uint32_t want = (uint32_t)MIN((uint64_t)x->left * x->block, UINT64_C(1) << 20);
	int r = ide_prd_map(d, want, x->kind == IDE_X_READ);

	if (r <= 0) {
		return r ? r : ide_io_bounce(d);
	}
	x->bounce = false;
	x->bytes = (uint32_t)r;
	return 0;
}

static void ide_io_rw(struct ide_drive *d)
{
	struct ide_xfer *x = &d->x;
	uint64_t off = x->lba * x->block;
	int r;

	if (!d->blk ||
	    !range_fits(off, (uint64_t)x->left * x->block, blk_length(d->blk))) {
		ide_io_end(d, -EIO);
		return;
	}
	r = x->dma ? ide_io_map(d) : ide_io_bounce(d);
	if (r < 0) {
		ide_io_end(d, r);
	} else if (x->kind == IDE_X_READ) {
		blk_readv(d->blk, off, x->iov, (int)x->n, ide_io_done, d);
	} else {
		blk_writev(d->blk, off, x->iov, (int)x->n, x->fua ? BLK_REQ_FUA : 0,
		           ide_io_done, d);
	}
}

/* ---- DATA SET MANAGEMENT: x->left ranges of 6 bytes LBA, 2 bytes count ---- */

static void ide_io_trimmed(void *opaque, int ret)
{
	struct ide_drive *d = opaque;

	/* A hint: an image that cannot discard is no error of the drive. */
	if (ret < 0 && ret != -ENOTSUP) {
		ide_io_end(d, -EIO);
		return;
	}
	ide_io_next(d);
}

static void ide_io_trim(struct ide_drive *d)
{
	struct ide_xfer *x = &d->x;
	int r = x->at ? 0 : ide_prd_copy(d, x->bytes, false);

	if (r < 0) {
		ide_io_end(d, r);
		return;
	}
	while (x->at < x->bytes && !atomic_load(&d->stop)) {
		uint64_t e = ld_le64(d->buf + x->at);
		uint64_t off = (e & UINT64_C(0xffffffffffff)) * IDE_SECTOR;
		uint64_t len = (e >> 48) * IDE_SECTOR;

		x->at += 8;
		if (!len) {
			continue;
		}
		if (!range_fits(off, len, blk_length(d->blk))) {
			ide_io_end(d, -EIO);
			return;
		}
		blk_discard(d->blk, off, len, ide_io_trimmed, d);
		return;
	}
	ide_io_end(d, 0);
}

static void ide_io_flushed(void *opaque, int ret)
{
	ide_io_end(opaque, ret < 0 ? -EIO : 0);
}

static void ide_io_next(struct ide_drive *d)
{
	switch ((enum ide_kind)d->x.kind) {
	case IDE_X_READ:
	case IDE_X_WRITE: ide_io_rw(d); break;
	case IDE_X_DATA: ide_io_end(d, ide_prd_copy(d, d->x.bytes, true)); break;
	case IDE_X_TRIM: ide_io_trim(d); break;
	case IDE_X_FLUSH: blk_flush(d->blk, ide_io_flushed, d); break;
	case IDE_X_KINDS: break;
	}
}

static void ide_io_run(void *opaque)
{
	ide_io_next(opaque);
}

/* ---- start ---- */

static void ide_post(struct ide_drive *d)
{
	d->phase = IDE_BUSY;
	d->reg[IDE_STATUS] = IDE_BSY;
	atomic_store(&d->stop, false);
	loop_post(d->dev.io, ide_io_run, d);
}

void ide_dma_start(struct ide_drive *d)
{
	d->x.prd = (struct ide_prd){ .next = d->bus->bm_prd };
	ide_post(d);
}

void ide_go(struct ide_drive *d)
{
	if (!d->x.dma) {
		ide_post(d);
		return;
	}
	d->phase = IDE_DMA;
	d->reg[IDE_STATUS] = IDE_OK | IDE_DRQ;
	if (d->bus->bm_sts & 1) { /* the bus master waits already */
		ide_dma_start(d);
	}
}

static bool ide_is_busy(struct ide_drive *d)
{
	LOCK_SCOPE(&d->bus->lk);
	return d->phase == IDE_BUSY;
}

static void ide_drain_here(void *opaque)
{
	struct ide_drive *d = opaque;

	while (ide_is_busy(d)) {
		loop_turn(d->dev.io, true);
	}
}

void ide_drain(struct ide_drive *d)
{
	loop_call(d->dev.io, ide_drain_here, d);
}
