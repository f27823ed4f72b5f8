/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-mmio.c - virtio over memory-mapped registers, version 2 (virtio 1.2
 * section 4.2).
 *
 * Threads: registers under dev.lk; the interrupt line from the device's loop, too, without
 * that lock: the two meet at the line's lock in the interrupt controllers only.
 * Known gaps: version 1 (legacy), shared memory regions.
 */
#include "config.h"

#include "devices/bus/virtio-mmio.h"

#include <errno.h>

#include "devices/bus/virtio.h"

/* Registers (4.2.2). */
enum {
	VM_MAGIC = 0x000,
	VM_VERSION = 0x004,
	VM_DEVICE_ID = 0x008,
	VM_VENDOR_ID = 0x00c,
	VM_OFFER = 0x010,
	VM_OFFER_SEL = 0x014,
	VM_ACCEPT = 0x020,
	VM_ACCEPT_SEL = 0x024,
	VM_QUEUE_SEL = 0x030,
	VM_QUEUE_MAX = 0x034,
	VM_QUEUE_NUM = 0x038,
	VM_QUEUE_READY = 0x044,
	VM_QUEUE_NOTIFY = 0x050,
	VM_INT_STATUS = 0x060,
	VM_INT_ACK = 0x064,
	VM_STATUS = 0x070,
	VM_QUEUE_DESC = 0x080,
	VM_QUEUE_AVAIL = 0x090,
	VM_QUEUE_USED = 0x0a0,
	VM_SHM_LEN = 0x0b0,
	VM_GENERATION = 0x0fc,
	VM_CONFIG = 0x100,
};

static struct virtio_mmio_slot *virtio_mmio_slot_of(struct virtio_dev *v)
{
	return v->tp_priv;
}

/* After a change of the status. Drivers take the line for an edge. */
static void virtio_mmio_line(struct virtio_dev *v, bool on)
{
	irq_follow(&virtio_mmio_slot_of(v)->irq, on, &v->isr);
}

static void virtio_mmio_raise(struct virtio_dev *v, uint8_t bit)
{
	atomic_fetch_or(&v->isr, bit);
	virtio_mmio_line(v, true);
}

static void virtio_mmio_queue_irq(struct virtio_dev *v, uint16_t vector __unused)
{
	virtio_mmio_raise(v, 1);
}

static void virtio_mmio_config_irq(struct virtio_dev *v)
{
	virtio_mmio_raise(v, 2);
}

static const struct virtio_transport virtio_mmio_transport = {
	.queue_irq = virtio_mmio_queue_irq,
	.config_irq = virtio_mmio_config_irq,
};

/* A reset may end only now (virtio_status). */
static uint8_t virtio_mmio_status(struct virtio_dev *v)
{
	uint8_t status = virtio_status(v);

	if (!status) {
		virtio_mmio_line(v, false);
	}
	return status;
}

static uint64_t virtio_mmio_read_reg(struct virtio_dev *v, unsigned off)
{
	struct virtio_queue *q = virtio_queue_sel(v);

	switch (off) {
	case VM_DEVICE_ID: return v->ops->id;
	case VM_OFFER:
		return v->offer_sel > 1 ? 0
		                        : (uint32_t)(v->offered >> (32 * v->offer_sel));
	case VM_QUEUE_MAX: return q ? q->max_size : 0;
	case VM_QUEUE_READY: return q && q->enabled;
	case VM_INT_STATUS: return v->isr;
	case VM_STATUS: return virtio_mmio_status(v);
	case VM_SHM_LEN:
	case VM_SHM_LEN + 4: return UINT32_MAX; /* no such region */
	case VM_GENERATION: return v->config_gen;
	default: return 0;
	}
}

static uint64_t virtio_mmio_read(void *opaque, uint64_t off, unsigned size)
{
	struct virtio_mmio_slot *s = opaque;

	if (off >= VM_CONFIG) {
		return s->v ? virtio_config_read(s->v, (unsigned)off - VM_CONFIG, size)
		            : 0;
	}
	if (size != 4) {
		return 0;
	}
	switch (off) {
	case VM_MAGIC: return 0x74726976;
	case VM_VERSION: return 2;
	case VM_VENDOR_ID: return 0x554d4551;
	default: return s->v ? virtio_mmio_read_reg(s->v, (unsigned)off) : 0;
	}
}

/* Also of no bit at all: what was set since the driver read the status needs a rise. */
static void virtio_mmio_ack(struct virtio_dev *v, uint8_t bits)
{
	atomic_fetch_and(&v->isr, (uint8_t)~bits);
	virtio_mmio_line(v, false);
}

static void virtio_mmio_half(uint64_t *a, bool high, uint64_t val)
{
	*a = high ? (*a & 0xffffffffu) | val << 32
	          : (*a & ~UINT64_C(0xffffffff)) | (uint32_t)val;
}

static void virtio_mmio_queue_write(struct virtio_dev *v, unsigned off, uint32_t val)
{
	struct virtio_queue *q = virtio_queue_sel(v);

	if (!virtio_queue_writable(v, q)) {
		return;
	}
	switch (off) {
	case VM_QUEUE_NUM: virtio_queue_set_size(q, val); break;
	case VM_QUEUE_READY: q->enabled = val == 1; break;
	case VM_QUEUE_DESC:
	case VM_QUEUE_DESC + 4: virtio_mmio_half(&q->desc, off & 4, val); break;
	case VM_QUEUE_AVAIL:
	case VM_QUEUE_AVAIL + 4: virtio_mmio_half(&q->avail, off & 4, val); break;
	case VM_QUEUE_USED:
	case VM_QUEUE_USED + 4: virtio_mmio_half(&q->used, off & 4, val); break;
	default: break;
	}
}

static void virtio_mmio_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct virtio_mmio_slot *s = opaque;
	struct virtio_dev *v = s->v;

	if (!v) {
		return;
	}
	if (off >= VM_CONFIG) {
		virtio_config_write(v, (unsigned)off - VM_CONFIG, (uint32_t)val, size);
		return;
	}
	if (size != 4) {
		return;
	}
	switch (off) {
	case VM_OFFER_SEL: v->offer_sel = (uint32_t)val; break;
	case VM_ACCEPT: virtio_set_features(v, (uint32_t)val); break;
	case VM_ACCEPT_SEL: v->accept_sel = (uint32_t)val; break;
	case VM_QUEUE_SEL: v->queue_sel = (uint16_t)MIN(val, UINT64_C(0xffff)); break;
	case VM_QUEUE_NOTIFY: virtio_notify(v, (unsigned)(val & 0xffff)); break;
	case VM_INT_ACK: virtio_mmio_ack(v, (uint8_t)val); break;
	case VM_STATUS:
		virtio_set_status(v, (uint8_t)val);
		(void)virtio_mmio_status(v);
		break;
	default: virtio_mmio_queue_write(v, (unsigned)off, (uint32_t)val); break;
	}
}

static const struct mr_ops virtio_mmio_ops = {
	.read = virtio_mmio_read,
	.write = virtio_mmio_write,
	.min = 1,
	.max = 4,
	.split = true,
	.unaligned = true,
};

/* ---- slots ---- */

static int virtio_mmio_plug(struct bus *bus, struct device *d, struct err *e)
{
	struct virtio_mmio_bus *b = container_of(bus, struct virtio_mmio_bus, bus);
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	for (unsigned i = 0; i < b->n; i++) {
		if (!b->slot[i].v) {
			v->tp_priv = &b->slot[i];
			return 0;
		}
	}
	return err_set(e, -ENOSPC, "all %u virtio-mmio slots are taken", b->n);
}

static void virtio_mmio_unplug(struct bus *bus __unused, struct device *d)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	v->tp_priv = NULL;
}

void virtio_mmio_bus_init(struct virtio_mmio_bus *b, unsigned n, const struct irq *irq)
{
	b->n = MIN(n, (unsigned)VIRTIO_MMIO_SLOTS_MAX);
	bus_init(&b->bus, "virtio-mmio", "virtio-mmio", NULL);
	b->bus.plug = virtio_mmio_plug;
	b->bus.unplug = virtio_mmio_unplug;
	for (unsigned i = 0; i < b->n; i++) {
		struct virtio_mmio_slot *s = &b->slot[i];

		s->irq = irq[i];
		lk_init(&s->lk, RANK_DEVICE, "virtio-mmio");
		mr_init_io(&s->mr, "virtio-mmio", VIRTIO_MMIO_SIZE, &virtio_mmio_ops, s,
		           &s->lk);
	}
}

void virtio_mmio_bus_fini(struct virtio_mmio_bus *b)
{
	for (unsigned i = 0; i < b->n; i++) {
		lk_fini(&b->slot[i].lk);
	}
	bus_fini(&b->bus);
}

static int virtio_mmio_realize(struct virtio_dev *v, struct err *e)
{
	struct virtio_mmio_slot *s = virtio_mmio_slot_of(v);

	if (!s) {
		return err_set(e, -ENODEV, "%s: this machine has no virtio-mmio slots",
		               v->ops->name);
	}
	v->tp = &virtio_mmio_transport;
	s->v = v;
	s->mr.lock = &v->dev.lk;
	virtio_doorbells_init(v, &s->mr, VM_QUEUE_NOTIFY, 0);
	return 0;
}

int virtio_mmio_class_realize(struct device *d, struct err *e)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	return virtio_realize(v, d->cls->family_ops, virtio_mmio_realize, e);
}

void virtio_mmio_class_unrealize(struct device *d)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);
	struct virtio_mmio_slot *s = virtio_mmio_slot_of(v);

	if (s) {
		s->mr.lock = &s->lk;
		s->v = NULL;
	}
	v->ops->unrealize(v);
}

void virtio_mmio_class_reset(struct device *d)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	virtio_reset(v);
	irq_lower(&virtio_mmio_slot_of(v)->irq);
}
