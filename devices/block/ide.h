/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ide.h - ATA and ATAPI drives on a parallel channel: ATA/ATAPI-7 (T13/1532D), the bus
 * master of SFF-8038i, MMC-4 for CD-ROMs.
 *
 * A controller (ide-piix3.c) owns channels (struct ide_bus), which are buses of type
 * "IDE" for one or two drives. Files:
 *
 *   ide-bus.c    the channel: task file, interrupt, reset, bus master registers
 *   ide-io.c     requests on the drive's loop: image, guest memory, PRD lists
 *   ide-ata.c    commands of hard disks and those all drives have; IDENTIFY
 *   ide-atapi.c  packet commands of CD-ROMs
 *   ide-drive.c  classes ide-hd and ide-cd
 *
 * Threads: registers on vCPU threads under the channel's lock. A command that needs the
 * image (or guest memory) becomes IDE_BUSY: its parameters are in d->x, which from then on
 * belongs to the drive's loop alone, as does d->buf; BSY keeps the guest away from both until
 * ide_end*() takes the lock and gives the drive back. A reset of a busy drive stays BSY
 * until the request has ended, so that no memory changes behind a finished reset.
 *
 *         command
 *   IDLE --------> PIO_IN / PIO_OUT / PACKET / DMA (waits for the bus master)
 *    ^  <--------        |                      |
 *    |                   v                      v
 *    +------------------ BUSY <-----------------+
 */
#ifndef LODGE_DEVICES_IDE_H
#define LODGE_DEVICES_IDE_H

#include <stdatomic.h>

#include "block.h"
#include "core/device.h"
#include "core/gmem.h"
#include "core/irq.h"
#include "core/lock.h"
#include "devices/block/disk-conf.h"
#include "devices/bus/pci.h"
#include "state/state.h"

enum {
	IDE_SECTOR = 512,
	CD_SECTOR = 2048,
	IDE_BUF = 64 << 10, /* bytes moved between image and data port at once */
	IDE_MULT_MAX = 16,  /* sectors a DRQ block */
	IDE_SPANS = 256,    /* pieces of guest memory in one request to the image */
};

/* Status, error, device control and device bits (ATA/ATAPI-7 vol. 2, 5). */
enum {
	IDE_ERR = 0x01,
	IDE_DRQ = 0x08,
	IDE_DSC = 0x10,
	IDE_DF = 0x20,
	IDE_DRDY = 0x40,
	IDE_BSY = 0x80,
	IDE_OK = IDE_DRDY | IDE_DSC,
	IDE_E_ABRT = 0x04,
	IDE_E_IDNF = 0x10,
	IDE_E_UNC = 0x40,
	IDE_C_NIEN = 0x02,
	IDE_C_SRST = 0x04,
	IDE_C_HOB = 0x80,
	IDE_D_UNIT = 0x10,
	IDE_D_LBA = 0x40,
	/* interrupt reason of packet commands, in the count register */
	IDE_R_CD = 1,
	IDE_R_IO = 2,
};

/* Task file: index of a register, as its port offset. Writes to the error port are the
 * features register, which has the place that the data port has no byte for. */
enum {
	IDE_DATA,
	IDE_ERROR,
	IDE_COUNT,
	IDE_LOW,
	IDE_MID,
	IDE_HIGH,
	IDE_DEVICE,
	IDE_STATUS,
	IDE_REGS,
	IDE_FEATURE = IDE_DATA,
	IDE_COMMAND = IDE_STATUS,
};

enum { IDE_CMD_DEVICE_RESET = 0x08, IDE_CMD_DIAGNOSTIC = 0x90 }; /* the channel's */

/* ORDER: saved in state streams */
enum ide_phase {
	IDE_IDLE,
	IDE_PIO_IN,
	IDE_PIO_OUT,
	IDE_PACKET,
	IDE_DMA,
	IDE_BUSY,
	IDE_PHASES
};

enum ide_kind {
	IDE_X_READ,  /* image to guest */
	IDE_X_WRITE, /* guest to image */
	IDE_X_DATA,  /* x.bytes of d->buf to guest */
	IDE_X_TRIM,  /* ranges from guest, discarded */
	IDE_X_FLUSH,
	IDE_X_KINDS,
};

/* Where a walk over a PRD list stands. Each entry is fetched once. */
struct ide_prd {
	uint32_t next;      /* address of the next entry */
	uint32_t addr, len; /* rest of the current one */
	uint16_t entries;   /* fetched so far: the budget */
	bool last;
};

/* One command's parameters, frozen when it becomes IDE_BUSY. */
struct ide_xfer {
	uint8_t kind;
	bool dma, fua;
	uint16_t block; /* bytes of a sector */
	uint64_t lba;   /* next sector of the image */
	uint32_t left;  /* sectors not moved yet */
	uint32_t bytes; /* of the piece under way, or of DATA */
	uint32_t at;    /* TRIM: position in d->buf */
	struct ide_prd prd;
	/* loop only */
	unsigned n;
	struct iovec iov[IDE_SPANS];
	gpa_t gpa[IDE_SPANS];
	bool bounce;
};

struct ide_bus;

struct ide_drive {
	struct device dev;
	struct ide_bus *bus;
	struct blk *blk; /* NULL: CD-ROM without a medium */
	bool cd;
	uint8_t unit;

	/* Under bus->lk. */
	uint8_t reg[IDE_REGS], hob[IDE_REGS]; /* current and previous contents */
	uint8_t cmd;                          /* the command under way */
	uint8_t phase;                        /* enum ide_phase */
	uint8_t mult;                         /* SET MULTIPLE MODE; 0 off */
	uint8_t drq;                          /* sectors a DRQ block of the command */
	uint8_t dma_mode;                     /* SET FEATURES transfer mode */
	bool irq;                             /* INTRQ as the drive drives it */
	bool ext;                             /* the command has 48-bit addresses */
	bool reset_pending;
	_Atomic bool stop;    /* the bus master was stopped: end after this piece */
	uint16_t heads, secs; /* INITIALIZE DEVICE PARAMETERS */
	uint32_t pos, end,
		fill; /* data port: place, end of DRQ block, valid bytes of buf */
	/* ATAPI */
	uint8_t sense, asc, ascq;
	bool attention, tray_open, locked, media_event;
	uint16_t limit; /* byte count limit */
	uint8_t packet[12];

	struct ide_xfer x;
	uint8_t buf[IDE_BUF];

	/* Geometry (whole drive) and properties. */
	uint32_t cyls, prop_heads, prop_secs;
	struct disk_conf conf;
	char *model, *ver, *iothread;
	uint64_t wwn;
	uint32_t unit_prop, rotation;
};

struct ide_bus {
	struct bus bus; /* type "IDE" */
	struct lk lk;
	struct vm *vm;
	struct pci_dev *pci; /* whose bus mastering it is */
	struct irq irq;
	struct ide_drive *drive[2];
	uint8_t sel, ctl; /* selected unit; device control register */
	bool level;       /* of irq */
	uint8_t bm_cmd, bm_sts;
	uint32_t bm_prd;
	struct mr cmd_mr, ctl_mr, bm_mr; /* 8, 1 and 8 ports; the owner maps them */
};

/* ---- channel (control thread) ---- */
void ide_bus_init(struct ide_bus *b, const char *name, struct pci_dev *pci,
                  const struct irq *irq);
void ide_bus_fini(struct ide_bus *b);
void ide_bus_reset(struct ide_bus *b); /* hard reset; nothing is in flight */
extern const struct state_field ide_bus_state[];
/* Recomputes the interrupt after a load. */
void ide_bus_loaded(struct ide_bus *b);

/* ---- between the files; under bus->lk unless said ---- */
void ide_irq(struct ide_drive *d, bool on);
void ide_update_irq(struct ide_bus *b);
void ide_bm_ended(struct ide_drive *d, bool more, bool error);
void ide_signature(struct ide_drive *d);
void ide_reset_drive(
	struct ide_drive *d); /* software reset, as far as SRST lets it go */

void ide_command(struct ide_drive *d, uint8_t cmd); /* the drive is not BSY */
void ide_fail(struct ide_drive *d,
              uint8_t error);            /* ends the command, with an interrupt */
void ide_port_done(struct ide_drive *d); /* the guest has moved a DRQ block */
/* The guest is to move `len` bytes at d->pos of d->buf through the data port. */
void ide_data_block(struct ide_drive *d, enum ide_phase phase, uint32_t len, bool irq);

/* Gives d->x to the loop, or waits for the bus master first when x.dma. */
void ide_go(struct ide_drive *d);
void ide_dma_start(struct ide_drive *d);
/* Waits until the drive is not IDE_BUSY. Control thread, no lock. */
void ide_drain(struct ide_drive *d);
/* The loop is through with d->x: 0 or -errno. */
void ide_ata_done(struct ide_drive *d, int ret);
void ide_atapi_done(struct ide_drive *d, int ret);

void ide_identify(struct ide_drive *d); /* fills the first 512 bytes of d->buf */
void ide_packet_begin(struct ide_drive *d);
void ide_packet(struct ide_drive *d); /* d->packet is complete */
void ide_atapi_port_done(struct ide_drive *d);
uint64_t ide_sectors(const struct ide_drive *d); /* of 512 bytes */

#endif
