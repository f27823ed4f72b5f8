/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-serial.h - ports of a virtio console device: the device is a bus of type
 * "virtio-serial" that virtconsole and virtserialport plug into.
 */
#ifndef LODGE_DEVICES_VIRTIO_SERIAL_H
#define LODGE_DEVICES_VIRTIO_SERIAL_H

#include "core/device.h"

struct chardev;
struct virtio_serial;

struct virtio_serial_port {
	struct device dev;
	struct virtio_serial *s;
	struct chardev *chr;
	bool console;    /* virtconsole */
	bool guest_open; /* loop */
	bool host_open;
	bool throttled;
	uint32_t nr; /* property; UINT32_MAX = next free */
	unsigned id;
	char *chardev, *name;
};

int virtio_serial_add_port(struct virtio_serial *s, struct virtio_serial_port *p,
                           struct err *e) __must_check;
void virtio_serial_del_port(struct virtio_serial_port *p);
/* Bytes the guest takes now. Loop. */
size_t virtio_serial_room(struct virtio_serial_port *p);
void virtio_serial_input(struct virtio_serial_port *p, const uint8_t *buf, size_t len);
/* The host end came or went. Loop. */
void virtio_serial_host_open(struct virtio_serial_port *p, bool on);

#endif
