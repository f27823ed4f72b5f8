/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-net.c - virtio network card (virtio 1.2 section 5.1): one queue pair and
 * the control queue, checksum and segmentation offload as far as the netdev
 * goes along, mergeable receive buffers, receive filter, status, MTU.
 *
 * A transmit kick takes the whole ring and gives all buffers back at once; the
 * packets have been copied by the netdev by then. Received packets are copied
 * once, from the netdev's buffer into the guest's.
 *
 * Threads: queues and the netdev's callback on the device's loop. Known gaps:
 * several queue pairs, RSS, announcing after migration.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "base/log.h"
#include "devices/bus/virtio.h"
#include "host/net/netdev.h"

enum {
	VNET_HDR = 12, /* with VERSION_1 num_buffers is always there */
	VNET_MAC = 6,
	VNET_MAX_PACKET = 65550 + 12,
	VNET_MAX_MERGE = 64,
	VNET_MACS = 64,
	VNET_CONFIG_SIZE = 12,
	VNET_TX_BURST = 512,
	VNET_RX = 0,
	VNET_TX = 1,
	VNET_CTRL = 2,
};

/* Feature bit numbers (5.1.3). */
enum {
	VNET_F_CSUM = 0,
	VNET_F_GUEST_CSUM = 1,
	VNET_F_MTU = 3,
	VNET_F_MAC = 5,
	VNET_F_GUEST_TSO4 = 7,
	VNET_F_GUEST_TSO6 = 8,
	VNET_F_GUEST_ECN = 9,
	VNET_F_HOST_TSO4 = 11,
	VNET_F_HOST_TSO6 = 12,
	VNET_F_HOST_ECN = 13,
	VNET_F_MRG_RXBUF = 15,
	VNET_F_STATUS = 16,
	VNET_F_CTRL_VQ = 17,
	VNET_F_CTRL_RX = 18,
	VNET_F_CTRL_RX_EXTRA = 20,
	VNET_F_CTRL_MAC_ADDR = 23,
};

/* Control queue (5.1.6.5). */
enum {
	VNET_CTRL_RX = 0,
	VNET_CTRL_MAC = 1,
	VNET_CTRL_MAC_TABLE_SET = 0,
	VNET_CTRL_MAC_ADDR_SET = 1,
	VNET_OK = 0,
	VNET_ERR = 1,
};

struct virtio_net {
	struct virtio_dev v;
	struct netdev *net;
	int host_hdr; /* virtio_net_hdr in front of the netdev's packets: 0 or VNET_HDR */
	bool link_up;

	/* Receive filter, loop. */
	bool promisc, allmulti, alluni, nomulti, nouni, nobcast;
	uint8_t cur_mac[VNET_MAC];
	unsigned n_uni, n_multi;
	bool uni_overflow, multi_overflow;
	uint8_t macs[VNET_MACS][VNET_MAC]; /* unicast from 0, multicast from the end */

	uint8_t mac[VNET_MAC];
	char *netdev, *romfile;
	uint32_t tx_size, rx_size, host_mtu;
	int bootindex, speed;
	char *duplex;
	bool mrg, csum, gso, guest_csum, host_tso4, host_tso6, guest_tso4, guest_tso6,
		ctrl_vq, status, mq;
};

static struct virtio_net *virtio_net_of(struct virtio_dev *v)
{
	return container_of(v, struct virtio_net, v);
}

/* ---- transmit ---- */

static void virtio_net_tx_one(struct virtio_net *n, struct virtq_chain *c)
{
	struct iovec out[VIRTQ_MAX_SEGS];
	unsigned k;

	if (n->host_hdr) {
		netdev_send(n->net, c->iov, (int)c->n_out);
	} else {
		k = iov_skip(c->iov, c->n_out, VNET_HDR, out);
		netdev_send(n->net, out, (int)k);
	}
}

static void virtio_net_tx(struct virtio_net *n, struct virtio_queue *q)
{
	struct virtq_chain *c = n->v.chain;
	unsigned budget = VNET_TX_BURST;

	do {
		virtq_kicks_disable(&q->ring);
		while (budget && virtio_pop(q)) {
			budget--;
			if (c->out_len < VNET_HDR || c->n_in) {
				virtio_break(&n->v, "a transmit chain without header");
				return;
			}
			if (n->link_up && n->net && c->out_len <= VNET_MAX_PACKET) {
				virtio_net_tx_one(n, c);
			}
			virtq_push(&q->ring, c->head, 0);
		}
		virtio_flush(q);
	} while (budget && virtq_kicks_enable(&q->ring));
	if (!budget) { /* let the receive side have its turn */
		event_ring(q->ev);
	}
}

/* ---- receive ---- */

static bool virtio_net_mac_listed(struct virtio_net *n, const uint8_t *mac,
                                  unsigned from, unsigned to)
{
	for (unsigned i = from; i < to; i++) {
		if (!memcmp(n->macs[i], mac, VNET_MAC)) {
			return true;
		}
	}
	return false;
}

static bool virtio_net_wanted(struct virtio_net *n, const uint8_t *mac)
{
	static const uint8_t bcast[VNET_MAC] = { 255, 255, 255, 255, 255, 255 };

	if (n->promisc) {
		return true;
	}
	if (mac[0] & 1) {
		if (!memcmp(mac, bcast, VNET_MAC)) {
			return !n->nobcast;
		}
		if (n->nomulti) {
			return false;
		}
		return n->allmulti || n->multi_overflow ||
		       virtio_net_mac_listed(n, mac, VNET_MACS - n->n_multi, VNET_MACS);
	}
	if (n->nouni) {
		return false;
	}
	return n->alluni || n->uni_overflow || !memcmp(mac, n->cur_mac, VNET_MAC) ||
	       virtio_net_mac_listed(n, mac, 0, n->n_uni);
}

struct vnet_copy { /* where the copy out of the packet stands */
	const struct iovec *iov;
	int n;
	size_t off; /* in iov[0] */
};

static size_t virtio_net_copy(struct vnet_copy *src, const struct iovec *dst,
                              unsigned n, size_t skip)
{
	size_t total = 0;

	for (unsigned i = 0; i < n && src->n; i++) {
		uint8_t *p = dst[i].iov_base;
		size_t room = dst[i].iov_len;

		if (skip >= room) {
			skip -= room;
			continue;
		}
		p += skip;
		room -= skip;
		skip = 0;
		while (room && src->n) {
			size_t k = MIN(room, src->iov->iov_len - src->off);

			memcpy(p, (const char *)src->iov->iov_base + src->off, k);
			p += k;
			room -= k;
			total += k;
			src->off += k;
			if (src->off == src->iov->iov_len) {
				src->iov++;
				src->n--;
				src->off = 0;
			}
		}
	}
	return total;
}

struct vnet_used {
	uint16_t head;
	uint32_t len;
};

static void virtio_net_advance(struct vnet_copy *src, size_t k)
{
	while (k && src->n) {
		size_t left = src->iov->iov_len - src->off;

		if (k < left) {
			src->off += k;
			return;
		}
		k -= left;
		src->iov++;
		src->n--;
		src->off = 0;
	}
}

/* Address of the byte at `off` in the writable part (the caller knows it is there). */
static uint8_t *virtio_net_byte(const struct virtq_chain *c, size_t off)
{
	const struct iovec *iov = c->iov + c->n_out;

	while (off >= iov->iov_len) {
		off -= iov->iov_len;
		iov++;
	}
	return (uint8_t *)iov->iov_base + off;
}

/*
 * Fills as many buffers as the packet needs. 0 when the ring has too few: what was
 * popped goes back. With mergeable buffers off a packet has to fit one chain.
 */
static int virtio_net_fill(struct virtio_net *n, struct virtio_queue *q, size_t total,
                           const uint8_t *hdr, struct vnet_copy *src)
{
	struct virtq_chain *c = n->v.chain;
	bool merge = virtio_has(&n->v, BIT64(VNET_F_MRG_RXBUF));
	struct vnet_used used[VNET_MAX_MERGE];
	uint8_t *lo = NULL, *hi = NULL;
	unsigned k = 0;
	size_t done = 0;

	while (done < total) {
		size_t got, skip = 0;

		if (k == VNET_MAX_MERGE || !virtio_pop(q)) {
			virtq_unpop(&q->ring, k);
			return k == VNET_MAX_MERGE ? -EMSGSIZE : 0;
		}
		if (c->n_out || c->in_len < (k ? 1 : VNET_HDR)) {
			virtio_break(&n->v, "a receive chain is too short or readable");
			return -EIO;
		}
		if (!merge && c->in_len < total) {
			virtq_unpop(&q->ring, 1);
			return -EMSGSIZE;
		}
		if (k == 0) {
			iov_write(c->iov, c->n_in, 0, hdr, VNET_HDR);
			lo = virtio_net_byte(c, 10); /* num_buffers */
			hi = virtio_net_byte(c, 11);
			skip = VNET_HDR;
		}
		got = virtio_net_copy(src, c->iov, c->n_in, skip) + skip;
		virtq_mark_written(&q->ring, c->iov, c->gpa, c->n_in, got);
		used[k].head = c->head;
		used[k].len = (uint32_t)got;
		k++;
		done += got;
	}
	if (lo && hi) {
		*lo = (uint8_t)k;
		*hi = (uint8_t)(k >> 8);
	}
	for (unsigned i = 0; i < k; i++) {
		virtio_push(q, used[i].head, used[i].len);
	}
	return 1;
}

static size_t virtio_net_iov_len(const struct iovec *iov, int n)
{
	size_t len = 0;

	for (int i = 0; i < n; i++) {
		len += iov[i].iov_len;
	}
	return len;
}

static ssize_t virtio_net_receive(void *opaque, const struct iovec *iov, int cnt)
{
	struct virtio_net *n = opaque;
	struct virtio_queue *q = &n->v.queues[VNET_RX];
	struct vnet_copy src = { iov, cnt, 0 };
	size_t len = virtio_net_iov_len(iov, cnt), payload = len - (size_t)n->host_hdr;
	uint8_t hdr[VNET_HDR] = { 0 }, mac[VNET_MAC];
	int r;

	if (!virtio_running(&n->v) || !q->ring.running || q->ring.broken) {
		/* No driver: a card without power. A paused VM keeps what is on the wire. */
		return n->v.paused ? 0 : (ssize_t)len;
	}
	if (len < (size_t)n->host_hdr + VNET_MAC || len > VNET_MAX_PACKET ||
	    !n->link_up) {
		return (ssize_t)len;
	}
	iov_read(iov, (unsigned)cnt, (size_t)n->host_hdr, mac, sizeof(mac));
	if (!virtio_net_wanted(n, mac)) {
		return (ssize_t)len;
	}
	if (n->host_hdr) {
		iov_read(iov, (unsigned)cnt, 0, hdr, VNET_HDR);
		virtio_net_advance(&src, (size_t)n->host_hdr);
	}
	hdr[10] = 1;
	hdr[11] = 0;
	r = virtio_net_fill(n, q, payload + VNET_HDR, hdr, &src);
	if (r == 0) {
		if (virtq_kicks_enable(&q->ring)) {
			event_ring(q->ev); /* buffers came in between: try again soon */
		}
		return 0;
	}
	return (ssize_t)len; /* taken, or dropped as too large */
}

static void virtio_net_rx_kick(struct virtio_net *n)
{
	if (n->net) {
		netdev_rx_ready(n->net);
	}
}

/* ---- control queue ---- */

static uint8_t virtio_net_ctrl_rx(struct virtio_net *n, uint8_t cmd,
                                  struct virtq_chain *c)
{
	bool *const flag[] = { &n->promisc, &n->allmulti, &n->alluni,
		               &n->nomulti, &n->nouni,    &n->nobcast };
	uint8_t on;

	if (cmd >= ARRAY_LEN(flag) || iov_read(c->iov, c->n_out, 2, &on, 1) != 1) {
		return VNET_ERR;
	}
	*flag[cmd] = on != 0;
	return VNET_OK;
}

/* One table: a 32-bit count and that many addresses. Its end, or 0 if it is cut off. */
static size_t virtio_net_mac_table(struct virtio_net *n, struct virtq_chain *c,
                                   size_t off, bool multi)
{
	uint8_t raw[4];
	uint32_t count;

	if (iov_read(c->iov, c->n_out, off, raw, 4) != 4) {
		return 0;
	}
	count = ld_le32(raw);
	off += 4;
	if (!range_fits(off, (uint64_t)count * VNET_MAC, c->out_len)) {
		return 0;
	}
	for (uint32_t i = 0; i < count; i++) {
		unsigned at = multi ? VNET_MACS - 1 - n->n_multi : n->n_uni;

		if (n->n_uni + n->n_multi == VNET_MACS) {
			if (multi) {
				n->multi_overflow = true;
			} else {
				n->uni_overflow = true;
			}
			break;
		}
		iov_read(c->iov, c->n_out, off + (size_t)i * VNET_MAC, n->macs[at],
		         VNET_MAC);
		if (multi) {
			n->n_multi++;
		} else {
			n->n_uni++;
		}
	}
	return off + (size_t)count * VNET_MAC;
}

static uint8_t virtio_net_ctrl_mac(struct virtio_net *n, uint8_t cmd,
                                   struct virtq_chain *c)
{
	size_t off;

	if (cmd == VNET_CTRL_MAC_ADDR_SET) {
		uint8_t mac[VNET_MAC];

		if (iov_read(c->iov, c->n_out, 2, mac, VNET_MAC) != VNET_MAC) {
			return VNET_ERR;
		}
		memcpy(n->cur_mac, mac, VNET_MAC);
		return VNET_OK;
	}
	if (cmd != VNET_CTRL_MAC_TABLE_SET) {
		return VNET_ERR;
	}
	n->n_uni = n->n_multi = 0;
	n->uni_overflow = n->multi_overflow = false;
	off = virtio_net_mac_table(n, c, 2, false);
	return off && virtio_net_mac_table(n, c, off, true) ? VNET_OK : VNET_ERR;
}

static void virtio_net_ctrl(struct virtio_net *n, struct virtio_queue *q)
{
	struct virtq_chain *c = n->v.chain;

	do {
		while (virtio_pop(q)) {
			uint8_t head[2], ack = VNET_ERR;

			if (c->out_len < 2 || c->in_len < 1) {
				virtio_break(
					&n->v,
					"a control command without header or answer");
				return;
			}
			iov_read(c->iov, c->n_out, 0, head, 2);
			if (head[0] == VNET_CTRL_RX) {
				ack = virtio_net_ctrl_rx(n, head[1], c);
			} else if (head[0] == VNET_CTRL_MAC) {
				ack = virtio_net_ctrl_mac(n, head[1], c);
			}
			iov_write(c->iov + c->n_out, c->n_in, 0, &ack, 1);
			virtq_mark_written(&q->ring, c->iov + c->n_out,
			                   c->gpa + c->n_out, c->n_in, 1);
			virtio_push(q, c->head, 1);
		}
	} while (virtq_kicks_enable(&q->ring));
}

static void virtio_net_kick(struct virtio_dev *v, struct virtio_queue *q)
{
	struct virtio_net *n = virtio_net_of(v);

	switch (q->index) {
	case VNET_RX: virtio_net_rx_kick(n); break;
	case VNET_TX: virtio_net_tx(n, q); break;
	default: virtio_net_ctrl(n, q); break;
	}
}

/* ---- configuration ---- */

static uint64_t virtio_net_features(struct virtio_dev *v)
{
	struct virtio_net *n = virtio_net_of(v);
	unsigned off = n->net && n->host_hdr ? netdev_offloads(n->net) : 0;
	uint64_t f = BIT64(VNET_F_MAC);

	f |= n->mrg ? BIT64(VNET_F_MRG_RXBUF) : 0;
	f |= n->status ? BIT64(VNET_F_STATUS) : 0;
	f |= n->host_mtu ? BIT64(VNET_F_MTU) : 0;
	if (n->ctrl_vq) {
		f |= BIT64(VNET_F_CTRL_VQ) | BIT64(VNET_F_CTRL_RX) |
		     BIT64(VNET_F_CTRL_RX_EXTRA) | BIT64(VNET_F_CTRL_MAC_ADDR);
	}
	if (off & NETDEV_OFFLOAD_CSUM) {
		f |= n->csum ? BIT64(VNET_F_CSUM) : 0;
		f |= n->guest_csum ? BIT64(VNET_F_GUEST_CSUM) : 0;
	}
	if (off & NETDEV_OFFLOAD_TSO4) {
		f |= n->host_tso4 ? BIT64(VNET_F_HOST_TSO4) : 0;
		f |= n->guest_tso4 ? BIT64(VNET_F_GUEST_TSO4) : 0;
	}
	if (off & NETDEV_OFFLOAD_TSO6) {
		f |= n->host_tso6 ? BIT64(VNET_F_HOST_TSO6) : 0;
		f |= n->guest_tso6 ? BIT64(VNET_F_GUEST_TSO6) : 0;
	}
	return f;
}

/* struct virtio_net_config (5.1.4) */
static void virtio_net_config_get(struct virtio_dev *v)
{
	struct virtio_net *n = virtio_net_of(v);

	memset(v->config, 0, VNET_CONFIG_SIZE);
	memcpy(v->config, n->mac, VNET_MAC);
	st_le16(v->config + 6, n->link_up ? 1 : 0);
	st_le16(v->config + 8, 1);
	st_le16(v->config + 10, (uint16_t)(n->host_mtu ? n->host_mtu : 1500));
}

static void virtio_net_filter_reset(struct virtio_net *n)
{
	/* 5.1.6.5.1: without control queue the device is promiscuous, so it begins so. */
	n->promisc = true;
	n->allmulti = n->alluni = n->nomulti = n->nouni = n->nobcast = false;
	n->n_uni = n->n_multi = 0;
	n->uni_overflow = n->multi_overflow = false;
	memcpy(n->cur_mac, n->mac, VNET_MAC);
}

static void virtio_net_reset(struct virtio_dev *v)
{
	virtio_net_filter_reset(virtio_net_of(v));
}

static void virtio_net_start(struct virtio_dev *v)
{
	struct virtio_net *n = virtio_net_of(v);
	unsigned off = 0;

	off |= virtio_has(v, BIT64(VNET_F_GUEST_CSUM)) ? NETDEV_OFFLOAD_CSUM : 0;
	off |= virtio_has(v, BIT64(VNET_F_GUEST_TSO4)) ? NETDEV_OFFLOAD_TSO4 : 0;
	off |= virtio_has(v, BIT64(VNET_F_GUEST_TSO6)) ? NETDEV_OFFLOAD_TSO6 : 0;
	off |= virtio_has(v, BIT64(VNET_F_GUEST_ECN)) ? NETDEV_OFFLOAD_ECN : 0;
	if (n->net && n->host_hdr) {
		netdev_set_offloads(n->net, off);
	}
}

static const struct virtio_ops virtio_net_ops;

/* ---- life ---- */

static void virtio_net_link(void *opaque, bool up)
{
	struct virtio_net *n = opaque;

	n->link_up = up;
	virtio_config_changed(&n->v);
}

/* 52:54:00:12:34:56 and up: locally administered, the same in each run. */
static void virtio_net_default_mac(struct virtio_net *n)
{
	static const uint8_t zero[VNET_MAC];
	static uint8_t next = 0x56;

	if (!memcmp(n->mac, zero, VNET_MAC)) {
		const uint8_t mac[VNET_MAC] = { 0x52, 0x54, 0x00, 0x12, 0x34, next++ };

		memcpy(n->mac, mac, VNET_MAC);
	}
}

static int virtio_net_attach(struct virtio_net *n, struct loop *io, struct err *e)
{
	const struct netdev_nic nic = {
		.receive = virtio_net_receive,
		.link = virtio_net_link,
		.opaque = n,
	};
	int r;

	n->link_up = true;
	if (!n->netdev) {
		return 0;
	}
	n->net = netdev_find(n->netdev);
	if (!n->net) {
		return err_set(e, -ENOENT,
		               "Property 'virtio-net-device.netdev' can't find "
		               "value '%s'",
		               n->netdev);
	}
	r = netdev_attach(n->net, io, &nic, e);
	if (r < 0) {
		n->net = NULL;
		return r;
	}
	n->host_hdr = netdev_set_vnet_hdr(n->net, VNET_HDR);
	return 0;
}

static int virtio_net_check(struct virtio_net *n, struct err *e)
{
	if (n->mq) {
		return err_set(e, -ENOTSUP, "virtio-net: mq=on is not supported");
	}
	if (!IS_POWER_OF_2(n->rx_size) || n->rx_size < 16 ||
	    n->rx_size > VIRTQ_MAX_SIZE || !IS_POWER_OF_2(n->tx_size) ||
	    n->tx_size < 16 || n->tx_size > VIRTQ_MAX_SIZE) {
		return err_set(e, -EINVAL,
		               "virtio-net: queue sizes must be powers of two from 16 "
		               "to %d",
		               VIRTQ_MAX_SIZE);
	}
	if (n->host_mtu && (n->host_mtu < 68 || n->host_mtu > 65535)) {
		return err_set(e, -EINVAL,
		               "virtio-net: host_mtu must be from 68 to 65535");
	}
	return 0;
}

static int virtio_net_realize(struct device *d, struct err *e)
{
	struct virtio_net *n = container_of(d, struct virtio_net, v.dev);
	struct loop *io = virtio_loop(&n->v, e);
	int r = io ? virtio_net_check(n, e) : -EINVAL;

	r = r < 0 ? r : virtio_net_attach(n, io, e);
	if (r < 0) {
		return r;
	}
	virtio_net_default_mac(n);
	virtio_net_filter_reset(n);
	r = virtio_init(&n->v, &virtio_net_ops, io, n->ctrl_vq ? 3 : 2, n->rx_size,
	                VNET_CONFIG_SIZE, e);
	if (r < 0) {
		if (n->net) {
			netdev_detach(n->net);
		}
		return r;
	}
	n->v.queues[VNET_TX].max_size = n->v.queues[VNET_TX].size =
		(uint16_t)n->tx_size;
	if (n->ctrl_vq) {
		n->v.queues[VNET_CTRL].max_size = n->v.queues[VNET_CTRL].size = 64;
	}
	return 0;
}

static void virtio_net_unrealize(struct virtio_dev *v)
{
	struct virtio_net *n = container_of(v, struct virtio_net, v);

	if (n->net) {
		netdev_detach(n->net);
		n->net = NULL;
	}
	virtio_fini(&n->v);
}

static const struct virtio_ops virtio_net_ops = {
	.id = VIRTIO_ID_NET,
	.name = "virtio-net",
	.features = virtio_net_features,
	.config_get = virtio_net_config_get,
	.start = virtio_net_start,
	.kick = virtio_net_kick,
	.reset = virtio_net_reset,
	.realize = virtio_net_realize,
	.unrealize = virtio_net_unrealize,
};

/* ---- classes ---- */

#define VNET(n, t, f, d, h) DEV_PROP(n, t, struct virtio_net, f, d, h)
#define VIRTIO_NET_PROPS                                                               \
	VNET("mac", PROP_MAC, mac, 0, "hardware address"),                             \
		VNET("netdev", PROP_NETDEV, netdev, 0, "id of a -netdev"),             \
		VNET("bootindex", PROP_I32, bootindex, -1, "place in the boot order"), \
		VNET("rx_queue_size", PROP_U32, rx_size, 256, "entries"),              \
		VNET("tx_queue_size", PROP_U32, tx_size, 256, "entries"),              \
		VNET("host_mtu", PROP_U32, host_mtu, 0, "MTU told to the guest"),      \
		VNET("mrg_rxbuf", PROP_BOOL, mrg, 1, "mergeable receive buffers"),     \
		VNET("csum", PROP_BOOL, csum, 1, "checksum offload, transmit"),        \
		VNET("guest_csum", PROP_BOOL, guest_csum, 1,                           \
	             "checksum offload, receive"),                                     \
		VNET("gso", PROP_BOOL, gso, 1, "accepted"),                            \
		VNET("host_tso4", PROP_BOOL, host_tso4, 1,                             \
	             "TCPv4 segmentation, transmit"),                                  \
		VNET("host_tso6", PROP_BOOL, host_tso6, 1,                             \
	             "TCPv6 segmentation, transmit"),                                  \
		VNET("guest_tso4", PROP_BOOL, guest_tso4, 1, "large TCPv4 receive"),   \
		VNET("guest_tso6", PROP_BOOL, guest_tso6, 1, "large TCPv6 receive"),   \
		VNET("ctrl_vq", PROP_BOOL, ctrl_vq, 1, "control queue"),               \
		VNET("status", PROP_BOOL, status, 1, "link status"),                   \
		VNET("mq", PROP_BOOL, mq, 0, "must be off"),                           \
		VNET("speed", PROP_I32, speed, -1, "accepted"),                        \
		VNET("duplex", PROP_STR, duplex, 0, "accepted"),                       \
		VNET("romfile", PROP_STR, romfile, 0, "accepted; no option ROM")

static const struct prop virtio_net_pci_props[] = {
	VIRTIO_NET_PROPS,
	VIRTIO_PCI_PROPS,
	{ .name = NULL },
};

static const struct prop virtio_net_mmio_props[] = {
	VIRTIO_NET_PROPS,
	VIRTIO_MMIO_PROPS,
	{ .name = NULL },
};

#define VIRTIO_NET_STATE                                                               \
	STATE_FIELD(STATE_BOOL, struct virtio_net, promisc),                           \
		STATE_FIELD(STATE_BOOL, struct virtio_net, allmulti),                  \
		STATE_FIELD(STATE_BOOL, struct virtio_net, alluni),                    \
		STATE_FIELD(STATE_BOOL, struct virtio_net, nomulti),                   \
		STATE_FIELD(STATE_BOOL, struct virtio_net, nouni),                     \
		STATE_FIELD(STATE_BOOL, struct virtio_net, nobcast),                   \
		STATE_FIELD(STATE_BOOL, struct virtio_net, uni_overflow),              \
		STATE_FIELD(STATE_BOOL, struct virtio_net, multi_overflow),            \
		STATE_RANGE(STATE_U32, struct virtio_net, n_uni, 0, VNET_MACS),        \
		STATE_RANGE(STATE_U32, struct virtio_net, n_multi, 0, VNET_MACS),      \
		STATE_ARRAY(STATE_BYTES, struct virtio_net, cur_mac, VNET_MAC),        \
		STATE_ARRAY(STATE_BYTES, struct virtio_net, macs, VNET_MACS *VNET_MAC)

static const struct state_field virtio_net_pci_state[] = {
	PCI_STATE(struct virtio_net, v.pci),
	{ .name = "virtio", .type = STATE_STRUCT, .count = 1, .sub = virtio_state },
	VIRTIO_NET_STATE,
	{ .name = NULL },
};

static const struct state_field virtio_net_mmio_state[] = {
	{ .name = "virtio", .type = STATE_STRUCT, .count = 1, .sub = virtio_state },
	VIRTIO_NET_STATE,
	{ .name = NULL },
};

static int virtio_net_post_load(struct device *d, struct err *e)
{
	struct virtio_net *n = container_of(d, struct virtio_net, v.dev);

	if (n->n_uni + n->n_multi > VNET_MACS) {
		return err_set(e, -EINVAL,
		               "virtio-net: the address filter is overfull");
	}
	return virtio_post_load(d, e);
}

static int virtio_net_pci_post_load(struct device *d, struct err *e)
{
	struct virtio_net *n = container_of(d, struct virtio_net, v.dev);
	int r = pci_post_load(&n->v.pci, e);

	return r < 0 ? r : virtio_net_post_load(d, e);
}

#define VIRTIO_NET_PCI_CLASS(sym, type_name)                                           \
	const struct device_class sym = {                                              \
		.name = type_name,                                                     \
		VIRTIO_PCI_CLASS(virtio_net_ops),                                      \
		.description = "virtio network card on PCI",                           \
		.category = "network",                                                 \
		.instance_size = sizeof(struct virtio_net),                            \
		.props = virtio_net_pci_props,                                         \
		.state = virtio_net_pci_state,                                         \
		.post_load = virtio_net_pci_post_load,                                 \
		.ops = &virtio_pci_net_ops,                                            \
	}

VIRTIO_NET_PCI_CLASS(virtio_net_pci_class, "virtio-net-pci");
VIRTIO_NET_PCI_CLASS(virtio_net_pci_nt_class, "virtio-net-pci-non-transitional");

const struct device_class virtio_net_mmio_class = {
	.name = "virtio-net-device",
	VIRTIO_MMIO_CLASS(virtio_net_ops),
	.description = "virtio network card on virtio-mmio",
	.category = "network",
	.instance_size = sizeof(struct virtio_net),
	.props = virtio_net_mmio_props,
	.state = virtio_net_mmio_state,
	.post_load = virtio_net_post_load,
};
