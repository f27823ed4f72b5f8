/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * edu.c - the teaching device 1234:11e8, and lodge's tutorial: a whole PCI device in one
 * file. Specification: docs/specs/edu of the QEMU project (public).
 *
 * How to read it (or to write your own device):
 *   1. struct edu embeds struct pci_dev first; the table edu_class at the end says
 *      everything about the device: properties, saved state, life-cycle functions.
 *   2. realize() makes a register region and hands it to the bus as BAR 0.
 *   3. Register handlers run on a vCPU's thread with dev.lk held. They check what
 *      the guest wrote, note it, and start slow work elsewhere (here: a timer on the
 *      device's iothread), because a vCPU must not wait.
 *   4. DMA goes through pci_dma_read/write: RAM only, and only if the guest allows it.
 *   5. Interrupts: pci_msg_notify() for MSI, pci_intx_set() otherwise.
 *   6. One line in devices/devices.list, a test in tests/unit/.
 *
 * BAR 0, 1 MiB; below 80 only 4-byte accesses, from there on 4 or 8:
 *   00 identification  04 liveness (inverts)  08 factorial  20 status (bit 0 computing,
 *   bit 7 interrupt when done)  24 interrupt status  60 raise  64 acknowledge
 *   80 DMA source  88 DMA destination  90 count  98 command (bit 0 run, 1 to RAM,
 *   2 interrupt when done).  The device's own buffer: 40000..40fff.
 */
#include "config.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/clock.h"
#include "core/vm.h"
#include "devices/bus/pci.h"

enum {
	EDU_ID = 0x00,
	EDU_LIVE = 0x04,
	EDU_FACT = 0x08,
	EDU_STATUS = 0x20,
	EDU_IRQ_STATUS = 0x24,
	EDU_IRQ_RAISE = 0x60,
	EDU_IRQ_ACK = 0x64,
	EDU_DMA_SRC = 0x80,
	EDU_DMA_DST = 0x88,
	EDU_DMA_CNT = 0x90,
	EDU_DMA_CMD = 0x98,
	EDU_BUF_START = 0x40000,
	EDU_BUF_SIZE = 4096,
	EDU_BAR_SIZE = 1 << 20,
};

#define EDU_COMPUTING  0x01u
#define EDU_STATUS_IRQ 0x80u
#define EDU_IRQ_FACT   0x001u
#define EDU_IRQ_DMA    0x100u
#define EDU_DMA_RUN    BIT64(0)
#define EDU_DMA_TO_RAM BIT64(1)
#define EDU_DMA_IRQ    BIT64(2)

struct edu {
	struct pci_dev pci;
	uint64_t prop_dma_mask;
	struct mr mr;
	struct timer *work; /* factorial and DMA, on the device's iothread */
	uint32_t live, fact, status, irq_status;
	struct {
		uint64_t src, dst, cnt, cmd;
	} dma;
	uint8_t buf[EDU_BUF_SIZE];
};

static struct edu *edu_of(struct device *d)
{
	return container_of(container_of(d, struct pci_dev, dev), struct edu, pci);
}

static void edu_raise(struct edu *s, uint32_t bits)
{
	s->irq_status |= bits;
	if (s->irq_status && pci_msg_notify(&s->pci, 0) == -ENOTCONN) {
		pci_intx_set(&s->pci, true);
	}
}

static void edu_ack(struct edu *s, uint32_t bits)
{
	s->irq_status &= ~bits;
	if (!s->irq_status) {
		pci_intx_set(&s->pci, false);
	}
}

/* n! modulo 2^32: zero from 34 on, so the loop is short whatever the guest asks. */
static uint32_t edu_factorial(uint32_t n)
{
	uint32_t r = 1;

	for (; n > 1 && r; n--) {
		r *= n;
	}
	return r;
}

static void edu_dma(struct edu *s)
{
	bool to_ram = s->dma.cmd & EDU_DMA_TO_RAM;
	uint64_t at = to_ram ? s->dma.src : s->dma.dst;
	uint64_t ram = (to_ram ? s->dma.dst : s->dma.src) & s->prop_dma_mask;
	int r;

	if (at < EDU_BUF_START ||
	    !range_fits(at - EDU_BUF_START, s->dma.cnt, EDU_BUF_SIZE)) {
		log_guest("edu: DMA of %#llx bytes at %#llx leaves the buffer",
		          (unsigned long long)s->dma.cnt, (unsigned long long)at);
		return;
	}
	at -= EDU_BUF_START;
	r = to_ram ? pci_dma_write(&s->pci, ram, s->buf + at, s->dma.cnt)
	           : pci_dma_read(&s->pci, ram, s->buf + at, s->dma.cnt);
	if (r < 0) {
		log_guest("edu: DMA at %#llx failed", (unsigned long long)ram);
	}
}

static void edu_work(void *opaque)
{
	struct edu *s = opaque;

	LOCK_SCOPE(&s->pci.dev.lk);
	if (s->status & EDU_COMPUTING) {
		s->fact = edu_factorial(s->fact);
		s->status &= ~EDU_COMPUTING;
		if (s->status & EDU_STATUS_IRQ) {
			edu_raise(s, EDU_IRQ_FACT);
		}
	}
	if (s->dma.cmd & EDU_DMA_RUN) {
		edu_dma(s);
		s->dma.cmd &= ~EDU_DMA_RUN;
		if (s->dma.cmd & EDU_DMA_IRQ) {
			edu_raise(s, EDU_IRQ_DMA);
		}
	}
}

static void edu_start_work(struct edu *s)
{
	timer_mod(s->work, clock_ns(CLOCK_VM));
}

static uint64_t edu_read(void *opaque, uint64_t off, unsigned size)
{
	struct edu *s = opaque;

	if (off < EDU_DMA_SRC && size != 4) {
		return UINT64_MAX;
	}
	switch (off) {
	case EDU_ID: return 0x010000ed;
	case EDU_LIVE: return s->live;
	case EDU_FACT: return s->fact;
	case EDU_STATUS: return s->status;
	case EDU_IRQ_STATUS: return s->irq_status;
	case EDU_DMA_SRC: return s->dma.src;
	case EDU_DMA_DST: return s->dma.dst;
	case EDU_DMA_CNT: return s->dma.cnt;
	case EDU_DMA_CMD: return s->dma.cmd;
	}
	return UINT64_MAX;
}

/* DMA registers are frozen while a transfer waits or runs. */
static void edu_write_dma(struct edu *s, uint64_t *reg, uint64_t val)
{
	if (!(s->dma.cmd & EDU_DMA_RUN)) {
		*reg = val;
	}
}

static void edu_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct edu *s = opaque;

	if (off < EDU_DMA_SRC && size != 4) {
		return;
	}
	switch (off) {
	case EDU_LIVE: s->live = ~(uint32_t)val; break;
	case EDU_FACT:
		if (!(s->status & EDU_COMPUTING)) {
			s->fact = (uint32_t)val;
			s->status |= EDU_COMPUTING;
			edu_start_work(s);
		}
		break;
	case EDU_STATUS:
		s->status =
			(s->status & EDU_COMPUTING) | ((uint32_t)val & EDU_STATUS_IRQ);
		break;
	case EDU_IRQ_RAISE: edu_raise(s, (uint32_t)val); break;
	case EDU_IRQ_ACK: edu_ack(s, (uint32_t)val); break;
	case EDU_DMA_SRC: edu_write_dma(s, &s->dma.src, val); break;
	case EDU_DMA_DST: edu_write_dma(s, &s->dma.dst, val); break;
	case EDU_DMA_CNT: edu_write_dma(s, &s->dma.cnt, val); break;
	case EDU_DMA_CMD:
		if (val & EDU_DMA_RUN && !(s->dma.cmd & EDU_DMA_RUN)) {
			s->dma.cmd = val & (EDU_DMA_RUN | EDU_DMA_TO_RAM | EDU_DMA_IRQ);
			edu_start_work(s);
		}
		break;
	}
}

static const struct mr_ops edu_ops = {
	.read = edu_read,
	.write = edu_write,
	.min = 4,
	.max = 8,
};

static void edu_reset(struct device *d)
{
	struct edu *s = edu_of(d);

	LOCK_SCOPE(&d->lk);
	timer_del(s->work);
	s->live = s->fact = s->status = s->irq_status = 0;
	s->dma.src = s->dma.dst = s->dma.cnt = s->dma.cmd = 0;
}

static int edu_realize(struct device *d, struct err *e)
{
	struct edu *s = edu_of(d);
	int r;

	pci_intx_init(&s->pci, 1);
	r = pci_msi_init(&s->pci, 1, e);
	if (r < 0) {
		return r;
	}
	mr_init_io(&s->mr, "edu", EDU_BAR_SIZE, &edu_ops, s, &d->lk);
	r = pci_bar_add(&s->pci, 0, PCI_BAR_MEM32, &s->mr, e);
	if (r < 0) {
		return r;
	}
	s->work = timer_new(d->io, CLOCK_VM, edu_work, s);
	return 0;
}

static void edu_unrealize(struct device *d)
{
	pci_dev_fini(&edu_of(d)->pci); /* no register access from here on */
	timer_free(edu_of(d)->work);
}

static int edu_post_load(struct device *d, struct err *e)
{
	struct edu *s = edu_of(d);

	if (s->status & EDU_COMPUTING || s->dma.cmd & EDU_DMA_RUN) {
		edu_start_work(s);
	}
	return pci_post_load(&s->pci, e);
}

static const struct prop edu_props[] = {
	DEV_PROP("dma_mask", PROP_U64, struct edu, prop_dma_mask, (1 << 28) - 1,
	         "bits of a DMA address the device can drive"),
	{ .name = NULL },
};

static const struct state_field edu_state[] = {
	PCI_STATE(struct edu, pci),
	STATE_FIELD(STATE_U32, struct edu, live),
	STATE_FIELD(STATE_U32, struct edu, fact),
	STATE_RANGE(STATE_U32, struct edu, status, 0, EDU_COMPUTING | EDU_STATUS_IRQ),
	STATE_FIELD(STATE_U32, struct edu, irq_status),
	STATE_FIELD(STATE_U64, struct edu, dma.src),
	STATE_FIELD(STATE_U64, struct edu, dma.dst),
	STATE_FIELD(STATE_U64, struct edu, dma.cnt),
	STATE_RANGE(STATE_U64, struct edu, dma.cmd, 0, 7),
	{ .name = "buf",
	  .type = STATE_BYTES,
	  .offset = offsetof(struct edu, buf),
	  .count = EDU_BUF_SIZE },
	{ .name = NULL },
};

static const struct pci_class_ops edu_pci_ops = {
	.vendor = 0x1234,
	.device = 0x11e8,
	.subvendor = 0x1af4,
	.subdevice = 0x1100,
	.class_code = 0x00ff00,
	.revision = 0x10,
};

const struct device_class edu_class = {
	.name = "edu",
	.bus = "pci",
	.description = "teaching device",
	.category = "misc",
	.instance_size = sizeof(struct edu),
	.props = edu_props,
	.bus_props = pci_bus_props,
	.state = edu_state,
	.hotpluggable = true,
	.realize = edu_realize,
	.unrealize = edu_unrealize,
	.reset = edu_reset,
	.post_load = edu_post_load,
	.ops = &edu_pci_ops,
};
