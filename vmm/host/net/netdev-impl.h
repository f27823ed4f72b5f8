/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netdev-impl.h - what the netdev back ends share; nobody else includes it.
 */
#ifndef LODGE_HOST_NETDEV_IMPL_H
#define LODGE_HOST_NETDEV_IMPL_H

#include "base/list.h"
#include "core/lock.h"
#include "host/net/netdev.h"

struct netdev_driver {
	const char *name, *help;
	size_t size;
	int (*open)(struct netdev *n, struct opt *o, struct err *e);
	void (*close)(struct netdev *n);
	/* The NIC came (n->loop, n->nic are set) or went. Control thread. */
	int (*attach)(struct netdev *n, struct err *e);
	void (*detach)(struct netdev *n);
	void (*send)(struct netdev *n, const struct iovec *iov, int iovcnt);
	void (*rx_ready)(struct netdev *n);
	int (*set_vnet_hdr)(struct netdev *n, int len);
	unsigned (*offloads)(const struct netdev *n);
	void (*set_offloads)(struct netdev *n, unsigned bits);
};

struct netdev {
	const struct netdev_driver *drv;
	struct list link;
	char *id;
	struct loop *loop;
	struct netdev_nic nic;
	bool attached, link_up;
	char info[160];
	void *priv;
};

extern const struct netdev_driver netdev_drv_user, netdev_drv_tap;

#endif
