/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide-bus.c - an ATA channel: task file, selection, INTRQ, software reset (ATA/ATAPI-7
 * vol. 2, ch. 5 and 9.2) and the bus master registers (SFF-8038i 1.0). See ide.h.
 */
#include "config.h"

#include "devices/block/ide.h"

#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "core/vm.h"

enum {
	BM_START = 1,
	BM_READ = 8,
	BM_ACTIVE = 1,
	BM_ERROR = 2,
	BM_INTR = 4,
	BM_CAPABLE = 0x60
};

/* ---- interrupt ---- */

void ide_update_irq(struct ide_bus *b)
{
	const struct ide_drive *d = b->drive[b->sel];
	bool level = d && d->irq && !(b->ctl & IDE_C_NIEN);

	if (level == b->level) {
		return;
	}
	b->level = level;
	if (level) {
		b->bm_sts |= BM_INTR;
	}
	irq_set(&b->irq, level);
}

void ide_irq(struct ide_drive *d, bool on)
{
	d->irq = on;
	ide_update_irq(d->bus);
}

/* ---- reset ---- */

/* ATA/ATAPI-7 vol. 2, 9.12: what tells a disk from a packet device. */
void ide_signature(struct ide_drive *d)
{
	d->reg[IDE_COUNT] = d->reg[IDE_LOW] = 1;
	d->reg[IDE_MID] = d->cd ? 0x14 : 0;
	d->reg[IDE_HIGH] = d->cd ? 0xeb : 0;
	d->reg[IDE_DEVICE] &= IDE_D_UNIT;
}

void ide_reset_drive(struct ide_drive *d)
{
	if (d->phase ==
	    IDE_BUSY) { /* ide-io.c comes back here when the request is over */
		d->reset_pending = true;
		d->reg[IDE_STATUS] = IDE_BSY;
		return;
	}
	d->reset_pending = false;
	memset(d->hob, 0, sizeof(d->hob));
	d->phase = IDE_IDLE;
	d->cmd = 0;
	d->reg[IDE_ERROR] = 1; /* diagnostics passed */
	d->reg[IDE_DEVICE] = 0;
	ide_signature(d);
	d->reg[IDE_STATUS] = d->bus->ctl & IDE_C_SRST ? IDE_BSY : d->cd ? 0 : IDE_OK;
	d->irq = false;
}

static void ide_reset_locked(struct ide_bus *b)
{
	b->sel = 0;
	for (unsigned i = 0; i < 2; i++) {
		if (b->drive[i]) {
			ide_reset_drive(b->drive[i]);
		}
	}
	ide_update_irq(b);
}

void ide_bus_reset(struct ide_bus *b)
{
	LOCK_SCOPE(&b->lk);
	b->ctl = 0;
	b->bm_cmd = b->bm_sts = 0;
	b->bm_prd = 0;
	ide_reset_locked(b);
}

/* ---- command and control block ---- */

static struct ide_drive *ide_selected(struct ide_bus *b)
{
	return b->drive[b->sel];
}

/* The data port: both drives see writes to registers, only the selected one has data. */
static uint32_t ide_data_read(struct ide_bus *b, unsigned size)
{
	struct ide_drive *d = ide_selected(b);
	uint32_t v;

	if (!d || d->phase != IDE_PIO_IN || d->pos >= d->end) {
		return 0;
	}
	size = MIN(size, d->end - d->pos);
	v = (uint32_t)ld_le(d->buf + d->pos, size);
	d->pos += size;
	if (d->pos == d->end) {
		ide_port_done(d);
	}
	return v;
}

static void ide_data_write(struct ide_bus *b, uint32_t v, unsigned size)
{
	struct ide_drive *d = ide_selected(b);
	uint8_t *to;

	if (!d || (d->phase != IDE_PIO_OUT && d->phase != IDE_PACKET) ||
	    d->pos >= d->end) {
		return;
	}
	to = d->phase == IDE_PACKET ? d->packet : d->buf;
	size = MIN(size, d->end - d->pos);
	st_le(to + d->pos, v, size);
	d->pos += size;
	if (d->pos == d->end) {
		ide_port_done(d);
	}
}

static uint8_t ide_reg_read(struct ide_bus *b, unsigned r)
{
	struct ide_drive *d = ide_selected(b);

	if (!d) {
		return 0;
	}
	switch (r) {
	case IDE_STATUS: ide_irq(d, false); return d->reg[IDE_STATUS];
	case IDE_DEVICE: return d->reg[IDE_DEVICE] | 0xa0;
	default: return b->ctl & IDE_C_HOB ? d->hob[r] : d->reg[r];
	}
}

static void ide_command_write(struct ide_bus *b, uint8_t v)
{
	struct ide_drive *d = ide_selected(b);

	if (!d ||
	    ((d->reg[IDE_STATUS] & IDE_BSY) && !(d->cd && v == IDE_CMD_DEVICE_RESET))) {
		return;
	}
	if (v == IDE_CMD_DEVICE_RESET && d->cd) {
		ide_reset_drive(d);
		ide_update_irq(b);
		return;
	}
	if (v != IDE_CMD_DIAGNOSTIC) {
		ide_command(d, v);
		return;
	}
	ide_reset_locked(b); /* for both drives; device 0 answers */
	if (b->drive[0]) {
		ide_irq(b->drive[0], true);
	}
}

static void ide_reg_write(struct ide_bus *b, unsigned r, uint8_t v)
{
	unsigned slot = r == IDE_ERROR ? IDE_FEATURE : r;

	b->ctl &= (uint8_t)~IDE_C_HOB;
	if (r == IDE_COMMAND) {
		ide_command_write(b, v);
		return;
	}
	for (unsigned i = 0; i < 2; i++) {
		struct ide_drive *d = b->drive[i];

		if (d && !(d->reg[IDE_STATUS] & IDE_BSY)) {
			d->hob[slot] = d->reg[slot];
			d->reg[slot] = v;
		}
	}
	if (r == IDE_DEVICE) {
		b->sel = v & IDE_D_UNIT ? 1 : 0;
		ide_update_irq(b);
	}
}

static uint64_t ide_cmd_read(void *opaque, uint64_t off, unsigned size)
{
	struct ide_bus *b = opaque;
	uint64_t v = 0;

	if (off == IDE_DATA) {
		return ide_data_read(b, size);
	}
	for (unsigned i = 0; i < size; i++) {
		v |= (uint64_t)ide_reg_read(b, (unsigned)off + i) << 8 * i;
	}
	return v;
}

static void ide_cmd_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ide_bus *b = opaque;

	if (off == IDE_DATA) {
		ide_data_write(b, (uint32_t)val, size);
		return;
	}
	for (unsigned i = 0; i < size; i++) {
		ide_reg_write(b, (unsigned)off + i, (uint8_t)(val >> 8 * i));
	}
}

static uint64_t ide_ctl_read(void *opaque, uint64_t off, unsigned size)
{
	struct ide_bus *b = opaque;
	struct ide_drive *d = ide_selected(b);

	(void)off;
	(void)size;
	return d ? d->reg[IDE_STATUS] : 0;
}

static void ide_ctl_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct ide_bus *b = opaque;
	uint8_t was = b->ctl;

	(void)off;
	(void)size;
	b->ctl = (uint8_t)val & (IDE_C_HOB | IDE_C_SRST | IDE_C_NIEN);
	if ((was ^ b->ctl) & IDE_C_SRST) {
		ide_reset_locked(b);
	}
	ide_update_irq(b);
}

/* ---- bus master ---- */

/* A transfer is over: `more` when the list was not used up (SFF-8038i, 3.1). */
void ide_bm_ended(struct ide_drive *d, bool more, bool error)
{
	struct ide_bus *b = d->bus;

	if (!more) {
		b->bm_sts &= (uint8_t)~BM_ACTIVE;
	}
	if (error) {
		b->bm_sts |= BM_ERROR;
	}
}

static void ide_bm_command(struct ide_bus *b, uint8_t v)
{
	struct ide_drive *d = ide_selected(b);
	bool was = b->bm_cmd & BM_START;

	b->bm_cmd = v & (BM_START | BM_READ);
	if (v & BM_START) {
		if (!was) {
			b->bm_sts |= BM_ACTIVE;
			if (d && d->phase == IDE_DMA) {
				ide_dma_start(d);
			}
		}
		return;
	}
	b->bm_sts &= (uint8_t)~BM_ACTIVE;
	if (was && d && d->phase == IDE_BUSY) {
		atomic_store(&d->stop, true);
	}
}

static uint64_t ide_bm_read(void *opaque, uint64_t off, unsigned size)
{
	struct ide_bus *b = opaque;
	uint8_t r[8] = { b->bm_cmd, 0, b->bm_sts };

	st_le32(r + 4, b->bm_prd);
	return ld_le(r + off, MIN(size, 8 - (unsigned)off));
}

static void ide_bm_put(struct ide_bus *b, unsigned off, uint8_t v)
{
	unsigned sh = 8 * (off & 3);

	switch (off) {
	case 0: ide_bm_command(b, v); break;
	case 2:
		b->bm_sts = (uint8_t)((b->bm_sts & ~BM_CAPABLE) | (v & BM_CAPABLE));
		b->bm_sts &= (uint8_t) ~(v & (BM_ERROR | BM_INTR));
		break;
	case 4 ... 7:
		b->bm_prd = ((b->bm_prd & ~(0xffu << sh)) | (uint32_t)v << sh) & ~3u;
		break;
	}
}

static void ide_bm_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	for (unsigned i = 0; i < size; i++) {
		ide_bm_put(opaque, (unsigned)off + i, (uint8_t)(val >> 8 * i));
	}
}

/* ---- life ---- */

static const struct mr_ops ide_cmd_ops = {
	.read = ide_cmd_read,
	.write = ide_cmd_write,
	.min = 1,
	.max = 4,
	.split = true,
};
static const struct mr_ops ide_ctl_ops = {
	.read = ide_ctl_read,
	.write = ide_ctl_write,
	.min = 1,
	.max = 1,
};
static const struct mr_ops ide_bm_ops = {
	.read = ide_bm_read,
	.write = ide_bm_write,
	.min = 1,
	.max = 4,
	.split = true,
};

static int ide_bus_plug(struct bus *bus, struct device *dev, struct err *e)
{
	struct ide_bus *b = container_of(bus, struct ide_bus, bus);
	struct ide_drive *d = container_of(dev, struct ide_drive, dev);
	unsigned u = d->unit_prop;

	if (u == UINT32_MAX) {
		u = b->drive[0] ? 1 : 0;
	}
	if (u > 1) {
		return err_set(e, -EINVAL, "Invalid IDE unit %u (0 and 1 are)", u);
	}
	if (b->drive[u]) {
		return err_set(e, -EBUSY, "IDE unit %u of bus '%s' is in use", u,
		               bus->name);
	}
	d->unit = (uint8_t)u;
	d->bus = b;
	return 0;
}

void ide_bus_init(struct ide_bus *b, const char *name, struct pci_dev *pci,
                  const struct irq *irq)
{
	bus_init(&b->bus, "IDE", name, &pci->dev);
	b->bus.plug = ide_bus_plug;
	lk_init(&b->lk, RANK_DEVICE, "ide");
	b->vm = pci->dev.vm;
	b->pci = pci;
	b->irq = *irq;
	mr_init_io(&b->cmd_mr, "ide-command", 8, &ide_cmd_ops, b, &b->lk);
	mr_init_io(&b->ctl_mr, "ide-control", 1, &ide_ctl_ops, b, &b->lk);
	mr_init_io(&b->bm_mr, "ide-bus-master", 8, &ide_bm_ops, b, &b->lk);
}

void ide_bus_fini(struct ide_bus *b)
{
	bus_fini(&b->bus);
	lk_fini(&b->lk);
}

void ide_bus_loaded(struct ide_bus *b)
{
	LOCK_SCOPE(&b->lk);
	irq_set(&b->irq, b->level);
	ide_update_irq(b);
}

const struct state_field ide_bus_state[] = {
	STATE_RANGE(STATE_U8, struct ide_bus, sel, 0, 1),
	STATE_FIELD(STATE_U8, struct ide_bus, ctl),
	STATE_FIELD(STATE_BOOL, struct ide_bus, level),
	STATE_FIELD(STATE_U8, struct ide_bus, bm_cmd),
	STATE_FIELD(STATE_U8, struct ide_bus, bm_sts),
	STATE_FIELD(STATE_U32, struct ide_bus, bm_prd),
	{ .name = NULL },
};
