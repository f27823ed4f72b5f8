/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netdev.h - the host end of a network card: user (libslirp), tap, and hub-less
 * peers. One netdev, one NIC.
 *
 * Packets carry a virtio_net_hdr in front when both sides agreed on it
 * (netdev_set_vnet_hdr). The NIC's receive callback runs on the netdev's loop;
 * netdev_send may be called on the NIC's iothread. User networking runs on its
 * own ROLE_NET_USER thread: packets cross by a bounded queue.
 */
#ifndef LODGE_HOST_NETDEV_H
#define LODGE_HOST_NETDEV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/err.h"

struct opt;
struct loop;
struct netdev;

struct netdev_nic {
	/* Bytes taken (the whole packet), 0 = no room now: the netdev holds the packet and
	 * waits for netdev_rx_ready(). */
	ssize_t (*receive)(void *opaque, const struct iovec *iov, int iovcnt);
	void (*link)(void *opaque, bool up);
	void *opaque;
};

/* virtio_net_hdr offload bits the back end can produce/consume. */
#define NETDEV_OFFLOAD_CSUM BIT(0)
#define NETDEV_OFFLOAD_TSO4 BIT(1)
#define NETDEV_OFFLOAD_TSO6 BIT(2)
#define NETDEV_OFFLOAD_ECN  BIT(3)
#define NETDEV_OFFLOAD_UFO  BIT(4)

struct netdev *netdev_new(struct opt *o,
                          struct err *e); /* {"type":"user","id":..,..} */
struct netdev *netdev_find(const char *id);
void netdev_free(struct netdev *n);
int netdev_attach(struct netdev *n, struct loop *l, const struct netdev_nic *nic,
                  struct err *e) __must_check;
void netdev_detach(struct netdev *n);
/* Takes the packet (copied); may drop when the queue is full, as a wire does. */
void netdev_send(struct netdev *n, const struct iovec *iov, int iovcnt);
void netdev_rx_ready(struct netdev *n); /* NIC has room again [any thread] */
/* hdr_len 0, 10 or 12: length of the virtio_net_hdr in front of each packet; 0 if refused. */
int netdev_set_vnet_hdr(struct netdev *n, int hdr_len);
unsigned netdev_offloads(const struct netdev *n);
void netdev_set_offloads(struct netdev *n, unsigned bits);
void netdev_set_link(struct netdev *n, bool up);
const char *netdev_id(const struct netdev *n);
const char *netdev_type(const struct netdev *n);
const char *netdev_info(const struct netdev *n); /* a line for "info network" */
unsigned netdev_count(void);
struct netdev *netdev_at(unsigned i);
/* hostfwd_add / hostfwd_remove: "tcp:127.0.0.1:2222-:22"; remove needs the left half. */
int netdev_user_hostfwd(struct netdev *n, const char *rule, bool remove, struct err *e)
	__must_check;
void netdev_help(void);

#endif
