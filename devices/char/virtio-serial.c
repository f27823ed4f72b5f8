/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-serial.c - virtio console device with several ports (virtio 1.2 section
 * 5.3), the bus its ports plug into.
 *
 * Queues: 0/1 port 0, 2/3 control, 4/5 port 1, 6/7 port 2, ... Control messages to
 * the driver wait in a list until it gives buffers.
 *
 * Threads: queues and chardev callbacks on the control loop (a console needs no
 * thread of its own and chardevs live there). Known gaps: console size, emergency
 * write; at most 31 ports.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "devices/bus/virtio.h"
#include "devices/char/virtio-serial.h"
#include "host/char/chardev.h"

enum {
	VSER_PORTS_MAX = 31,
	VSER_QUEUE_SIZE = 128,
	VSER_CTRL_RX = 2,
	VSER_CTRL_TX = 3,
	VSER_CONFIG_SIZE = 12,
	VSER_F_MULTIPORT = 1,
	VSER_CTRL_MAX = 256, /* waiting messages */
	VSER_TX_CHUNK = 4096,
};

/* Control events (5.3.6.2). */
enum {
	VSER_DEVICE_READY = 0,
	VSER_DEVICE_ADD = 1,
	VSER_DEVICE_REMOVE = 2,
	VSER_PORT_READY = 3,
	VSER_CONSOLE_PORT = 4,
	VSER_PORT_OPEN = 6,
	VSER_PORT_NAME = 7,
};

struct vser_msg {
	struct vser_msg *next;
	size_t len;
	uint8_t data[];
};

struct virtio_serial {
	struct virtio_dev v;
	struct bus bus;
	struct virtq_chain *peek; /* room() runs inside output(), which uses v.chain */
	struct virtio_serial_port *port[VSER_PORTS_MAX];
	struct vser_msg *msgs, **last_msg;
	unsigned n_msgs;
	bool driver_ready;
	uint32_t max_ports;
};

static struct virtio_serial *virtio_serial_of(struct virtio_dev *v)
{
	return container_of(v, struct virtio_serial, v);
}

static struct virtio_queue *virtio_serial_rxq(struct virtio_serial *s, unsigned id)
{
	return &s->v.queues[id ? 2 + 2 * id : 0];
}

static bool virtio_serial_live(struct virtio_serial *s, const struct virtio_queue *q)
{
	return virtio_running(&s->v) && q->ring.running && !q->ring.broken;
}

/* ---- control messages to the driver ---- */

static void virtio_serial_drop_msgs(struct virtio_serial *s)
{
	while (s->msgs) {
		struct vser_msg *m = s->msgs;

		s->msgs = m->next;
		free(m);
	}
	s->last_msg = &s->msgs;
	s->n_msgs = 0;
}

static void virtio_serial_ctrl_flush(struct virtio_serial *s)
{
	struct virtio_queue *q = &s->v.queues[VSER_CTRL_RX];
	struct virtq_chain *c = s->v.chain;

	while (s->msgs && virtio_serial_live(s, q)) {
		struct vser_msg *m = s->msgs;
		size_t n;

		if (!virtio_pop(q)) {
			if (virtq_kicks_enable(&q->ring)) {
				continue;
			}
			return;
		}
		n = iov_write(c->iov + c->n_out, c->n_in, 0, m->data, m->len);
		virtq_mark_written(&q->ring, c->iov + c->n_out, c->gpa + c->n_out,
		                   c->n_in, n);
		virtio_push(q, c->head, (uint32_t)n);
		s->msgs = m->next;
		if (!s->msgs) {
			s->last_msg = &s->msgs;
		}
		s->n_msgs--;
		free(m);
	}
}

static void virtio_serial_ctrl(struct virtio_serial *s, unsigned id, uint16_t event,
                               uint16_t value, const char *text)
{
	size_t extra = text ? strlen(text) + 1 : 0;
	struct vser_msg *m;

	if (!virtio_has(&s->v, BIT64(VSER_F_MULTIPORT)) || s->n_msgs >= VSER_CTRL_MAX) {
		return;
	}
	m = malloc(sizeof(*m) + 8 + extra);
	if (!m) {
		return;
	}
	m->next = NULL;
	m->len = 8 + extra;
	st_le32(m->data, id);
	st_le16(m->data + 4, event);
	st_le16(m->data + 6, value);
	if (extra) {
		memcpy(m->data + 8, text, extra);
	}
	*s->last_msg = m;
	s->last_msg = &m->next;
	s->n_msgs++;
	virtio_serial_ctrl_flush(s);
}

/* ---- ports ---- */

size_t virtio_serial_room(struct virtio_serial_port *p)
{
	struct virtio_serial *s = p->s;
	struct virtio_queue *q = virtio_serial_rxq(s, p->id);
	size_t room;

	if (!virtio_serial_live(s, q) || !p->guest_open) {
		return 0;
	}
	if (virtq_pop(&q->ring, s->peek) <= 0 &&
	    (!virtq_kicks_enable(&q->ring) || virtq_pop(&q->ring, s->peek) <= 0)) {
		return 0;
	}
	room = s->peek->in_len;
	virtq_unpop(&q->ring, 1);
	return room;
}

void virtio_serial_input(struct virtio_serial_port *p, const uint8_t *buf, size_t len)
{
	struct virtio_serial *s = p->s;
	struct virtio_queue *q = virtio_serial_rxq(s, p->id);
	struct virtq_chain *c = s->v.chain;

	while (len && virtio_serial_live(s, q) && virtio_pop(q)) {
		size_t n = iov_write(c->iov + c->n_out, c->n_in, 0, buf, len);

		virtq_mark_written(&q->ring, c->iov + c->n_out, c->gpa + c->n_out,
		                   c->n_in, n);
		virtio_push(q, c->head, (uint32_t)n);
		if (!n) {
			break;
		}
		buf += n;
		len -= n;
	}
}

void virtio_serial_host_open(struct virtio_serial_port *p, bool on)
{
	if (p->host_open != on) {
		p->host_open = on;
		if (p->s->driver_ready) {
			virtio_serial_ctrl(p->s, p->id, VSER_PORT_OPEN, on, NULL);
		}
	}
}

static void virtio_serial_output(struct virtio_serial *s, struct virtio_queue *q,
                                 unsigned id)
{
	struct virtio_serial_port *p = id < VSER_PORTS_MAX ? s->port[id] : NULL;
	struct virtq_chain *c = s->v.chain;
	uint8_t buf[VSER_TX_CHUNK];

	do {
		while (virtio_pop(q)) {
			size_t off = 0, n;

			while (p && p->chr &&
			       (n = iov_read(c->iov, c->n_out, off, buf, sizeof(buf))) >
			               0) {
				chardev_write(p->chr, buf, n);
				off += n;
			}
			virtio_push(q, c->head, 0);
		}
	} while (virtq_kicks_enable(&q->ring));
}

static void virtio_serial_announce(struct virtio_serial *s, unsigned id)
{
	virtio_serial_ctrl(s, id, VSER_DEVICE_ADD, 1, NULL);
}

static void virtio_serial_port_ready(struct virtio_serial *s,
                                     struct virtio_serial_port *p)
{
	if (p->console) {
		virtio_serial_ctrl(s, p->id, VSER_CONSOLE_PORT, 1, NULL);
	}
	if (p->name) {
		virtio_serial_ctrl(s, p->id, VSER_PORT_NAME, 1, p->name);
	}
	if (p->host_open) {
		virtio_serial_ctrl(s, p->id, VSER_PORT_OPEN, 1, NULL);
	}
}

static void virtio_serial_handle(struct virtio_serial *s, const uint8_t *msg)
{
	uint32_t id = ld_le32(msg);
	uint16_t event = ld_le16(msg + 4), value = ld_le16(msg + 6);
	struct virtio_serial_port *p;

	if (event == VSER_DEVICE_READY) {
		s->driver_ready = value;
		for (unsigned i = 0; value && i < s->max_ports; i++) {
			if (s->port[i]) {
				virtio_serial_announce(s, i);
			}
		}
		return;
	}
	p = id < VSER_PORTS_MAX ? s->port[id] : NULL;
	if (!p) {
		return;
	}
	if (event == VSER_PORT_READY && value) {
		virtio_serial_port_ready(s, p);
	} else if (event == VSER_PORT_OPEN) {
		p->guest_open = value;
		if (value && p->chr) {
			chardev_accept_input(p->chr);
		}
	}
}

static void virtio_serial_ctrl_out(struct virtio_serial *s, struct virtio_queue *q)
{
	do {
		while (virtio_pop(q)) {
			struct virtq_chain *c = s->v.chain;
			uint16_t head = c->head;
			uint8_t msg[8];
			size_t n = iov_read(c->iov, c->n_out, 0, msg, sizeof(msg));

			virtio_push(q, head, 0);
			if (n == sizeof(msg)) {
				virtio_serial_handle(s, msg);
			}
		}
	} while (virtq_kicks_enable(&q->ring));
}

static void virtio_serial_kick(struct virtio_dev *v, struct virtio_queue *q)
{
	struct virtio_serial *s = virtio_serial_of(v);
	unsigned id;

	if (q->index == VSER_CTRL_RX) {
		virtio_serial_ctrl_flush(s);
		return;
	}
	if (q->index == VSER_CTRL_TX) {
		virtio_serial_ctrl_out(s, q);
		return;
	}
	id = q->index < 2 ? 0 : q->index / 2 - 1;
	if (q->index & 1) {
		virtio_serial_output(s, q, id);
	} else if (id < VSER_PORTS_MAX && s->port[id] && s->port[id]->chr) {
		chardev_accept_input(s->port[id]->chr);
	}
}

/* ---- the device ---- */

static uint64_t virtio_serial_features(struct virtio_dev *v __unused)
{
	return BIT64(VSER_F_MULTIPORT);
}

static void virtio_serial_config_get(struct virtio_dev *v)
{
	memset(v->config, 0, VSER_CONFIG_SIZE);
	st_le32(v->config + 4, virtio_serial_of(v)->max_ports);
}

static void virtio_serial_start(struct virtio_dev *v)
{
	struct virtio_serial *s = virtio_serial_of(v);

	virtio_serial_drop_msgs(s);
	s->driver_ready = false;
	for (unsigned i = 0; i < VSER_PORTS_MAX; i++) {
		if (s->port[i]) { /* without multiport there is one port and it is open */
			s->port[i]->guest_open =
				i == 0 && !virtio_has(v, BIT64(VSER_F_MULTIPORT));
		}
	}
}

static const struct virtio_ops virtio_serial_ops;

int virtio_serial_add_port(struct virtio_serial *s, struct virtio_serial_port *p,
                           struct err *e)
{
	unsigned id = p->nr;

	if (id ==
	    UINT32_MAX) { /* port 0 is kept for a console: old drivers expect one */
		id = p->console && !s->port[0] ? 0 : 1;
		while (id < s->max_ports && s->port[id]) {
			id++;
		}
	}
	if (id >= s->max_ports || id >= VSER_PORTS_MAX) {
		return err_set(e, -ENOSPC,
		               "virtio-serial: port %u does not fit max_ports=%u", id,
		               s->max_ports);
	}
	if (s->port[id]) {
		return err_set(e, -EBUSY,
		               "virtio-serial: a port with number %u exists already",
		               id);
	}
	p->s = s;
	p->id = id;
	p->guest_open = false;
	s->port[id] = p;
	if (s->driver_ready) {
		virtio_serial_announce(s, id);
	}
	return 0;
}

void virtio_serial_del_port(struct virtio_serial_port *p)
{
	struct virtio_serial *s = p->s;

	s->port[p->id] = NULL;
	if (s->driver_ready) {
		virtio_serial_ctrl(s, p->id, VSER_DEVICE_REMOVE, 1, NULL);
	}
}

static int virtio_serial_plug(struct bus *b, struct device *d, struct err *e __unused)
{
	struct virtio_serial_port *p = container_of(d, struct virtio_serial_port, dev);

	p->s = container_of(b, struct virtio_serial, bus);
	return 0;
}

static int virtio_serial_realize(struct device *d, struct err *e)
{
	static unsigned serial;
	struct virtio_serial *s = container_of(d, struct virtio_serial, v.dev);
	char name[64];
	int r;

	if (!s->max_ports || s->max_ports > VSER_PORTS_MAX) {
		return err_set(e, -EINVAL,
		               "virtio-serial: max_ports must be from 1 to %d",
		               VSER_PORTS_MAX);
	}
	s->last_msg = &s->msgs;
	s->peek = malloc(sizeof(*s->peek));
	if (!s->peek) {
		return err_set(e, -ENOMEM, "virtio-serial: out of memory");
	}
	if (s->v.prop_vectors == UINT32_MAX) {
		s->v.prop_vectors = 2; /* one for all queues: consoles are slow */
	}
	r = virtio_init(&s->v, &virtio_serial_ops, s->v.dev.vm->loop,
	                2 + 2 * s->max_ports, VSER_QUEUE_SIZE, VSER_CONFIG_SIZE, e);
	if (r < 0) {
		free(s->peek);
		return r;
	}
	if (d->id) {
		snprintf(name, sizeof(name), "%s.0", d->id);
	} else {
		snprintf(name, sizeof(name), "virtio-serial-bus.%u", serial++);
	}
	bus_init(&s->bus, "virtio-serial", name, d);
	s->bus.plug = virtio_serial_plug;
	return 0;
}

static void virtio_serial_unrealize(struct virtio_dev *v)
{
	struct virtio_serial *s = container_of(v, struct virtio_serial, v);

	bus_fini(&s->bus);
	virtio_fini(&s->v);
	virtio_serial_drop_msgs(s);
	free(s->peek);
	s->peek = NULL;
}

static const struct virtio_ops virtio_serial_ops = {
	.id = VIRTIO_ID_CONSOLE,
	.name = "virtio-serial",
	.features = virtio_serial_features,
	.config_get = virtio_serial_config_get,
	.start = virtio_serial_start,
	.kick = virtio_serial_kick,
	.realize = virtio_serial_realize,
	.unrealize = virtio_serial_unrealize,
};

#define VIRTIO_SERIAL_PROPS                                                            \
	DEV_PROP("max_ports", PROP_U32, struct virtio_serial, max_ports,               \
	         VSER_PORTS_MAX, "ports, 1 to 31")

static const struct prop virtio_serial_pci_props[] = {
	VIRTIO_SERIAL_PROPS,
	VIRTIO_PCI_PROPS,
	{ .name = NULL },
};

static const struct prop virtio_serial_mmio_props[] = {
	VIRTIO_SERIAL_PROPS,
	VIRTIO_MMIO_PROPS,
	{ .name = NULL },
};

static const struct state_field virtio_serial_pci_state[] = {
	PCI_STATE(struct virtio_serial, v.pci),
	{ .name = "virtio", .type = STATE_STRUCT, .count = 1, .sub = virtio_state },
	STATE_FIELD(STATE_BOOL, struct virtio_serial, driver_ready),
	{ .name = NULL },
};

static const struct state_field virtio_serial_mmio_state[] = {
	{ .name = "virtio", .type = STATE_STRUCT, .count = 1, .sub = virtio_state },
	STATE_FIELD(STATE_BOOL, struct virtio_serial, driver_ready),
	{ .name = NULL },
};

#define VIRTIO_SERIAL_PCI_CLASS(sym, type_name)                                        \
	const struct device_class sym = {                                              \
		.name = type_name,                                                     \
		VIRTIO_PCI_CLASS(virtio_serial_ops),                                   \
		.description = "virtio console ports on PCI",                          \
		.category = "input",                                                   \
		.instance_size = sizeof(struct virtio_serial),                         \
		.props = virtio_serial_pci_props,                                      \
		.state = virtio_serial_pci_state,                                      \
		.post_load = virtio_pci_class_post_load,                               \
		.ops = &virtio_pci_console_ops,                                        \
	}

VIRTIO_SERIAL_PCI_CLASS(virtio_serial_pci_class, "virtio-serial-pci");
VIRTIO_SERIAL_PCI_CLASS(virtio_serial_pci_nt_class,
                        "virtio-serial-pci-non-transitional");

const struct device_class virtio_serial_mmio_class = {
	.name = "virtio-serial-device",
	VIRTIO_MMIO_CLASS(virtio_serial_ops),
	.description = "virtio console ports on virtio-mmio",
	.category = "input",
	.instance_size = sizeof(struct virtio_serial),
	.props = virtio_serial_mmio_props,
	.state = virtio_serial_mmio_state,
	.post_load = virtio_post_load,
};
