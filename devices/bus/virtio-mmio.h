/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-mmio.h - a row of virtio-mmio slots, one bus for a board. The board maps
 * each slot's region and wires its line; a slot without a device reads as device
 * id 0. Control thread.
 */
#ifndef LODGE_DEVICES_VIRTIO_MMIO_H
#define LODGE_DEVICES_VIRTIO_MMIO_H

#include "core/device.h"
#include "core/gmem.h"
#include "core/irq.h"

enum { VIRTIO_MMIO_SLOTS_MAX = 32, VIRTIO_MMIO_SIZE = 0x200 };

struct virtio_dev;

struct virtio_mmio_slot {
	struct mr mr;
	struct irq irq;
	struct lk lk; /* of an empty slot */
	struct virtio_dev *v;
};

struct virtio_mmio_bus {
	struct bus bus; /* type "virtio-mmio" */
	unsigned n;
	struct virtio_mmio_slot slot[VIRTIO_MMIO_SLOTS_MAX];
};

/* Devices take slots from 0 up. irq[] has n lines. */
void virtio_mmio_bus_init(struct virtio_mmio_bus *b, unsigned n, const struct irq *irq);
void virtio_mmio_bus_fini(struct virtio_mmio_bus *b);

#endif
