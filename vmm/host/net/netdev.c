/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * netdev.c - the host ends of network cards by name. Threads: netdev.h.
 * Known gaps: socket, stream, dgram, bridge, vhost and hub back ends.
 */
#include "config.h"

#include "host/net/netdev.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "host/net/netdev-impl.h"

static struct list netdev_all = LIST_INIT(netdev_all);

static const struct netdev_driver *const netdev_drivers[] = {
#ifdef HAVE_SLIRP
	&netdev_drv_user,
#endif
	&netdev_drv_tap,
};

struct netdev *netdev_find(const char *id)
{
	return list_named(&netdev_all, id, struct netdev, link, id);
}

static const struct netdev_driver *netdev_driver_find(const char *type, struct err *e)
{
	for (unsigned i = 0; i < ARRAY_LEN(netdev_drivers); i++) {
		if (!strcmp(netdev_drivers[i]->name, type)) {
			return netdev_drivers[i];
		}
	}
#ifndef HAVE_SLIRP
	if (!strcmp(type, "user")) {
		err_set(e, -ENOTSUP,
		        "netdev 'user' is not supported: lodge was built without "
		        "libslirp");
		return NULL;
	}
#endif
	err_set(e, -EINVAL, "netdev type '%s' is not supported; known: user, tap",
	        type);
	return NULL;
}

struct netdev *netdev_new(struct opt *o, struct err *e)
{
	const char *type = opt_get_str(o, "type", "");
	const char *id = opt_get_str(o, "id", NULL);
	const struct netdev_driver *drv = netdev_driver_find(type, e);
	struct netdev *n;

	if (!drv) {
		return NULL;
	}
	if (!id || !*id) {
		err_set(e, -EINVAL, "-netdev %s: give it a name with id=NAME", type);
		return NULL;
	}
	if (netdev_find(id)) {
		err_set(e, -EEXIST, "netdev '%s' exists already", id);
		return NULL;
	}
	n = calloc(1, sizeof(*n));
	if (!n) {
		err_set(e, -ENOMEM, "netdev: out of memory");
		return NULL;
	}
	n->drv = drv;
	n->id = strdup(id);
	n->link_up = true;
	list_init(&n->link);
	snprintf(n->info, sizeof(n->info), "%s", type);
	if (drv->open(n, o, e) < 0) {
		free(n->id);
		free(n);
		return NULL;
	}
	list_add_tail(&netdev_all, &n->link);
	if (opt_check_unused(o, "-netdev", e) < 0) {
		netdev_free(n);
		return NULL;
	}
	return n;
}

void netdev_free(struct netdev *n)
{
	if (!n) {
		return;
	}
	if (n->attached) {
		netdev_detach(n);
	}
	n->drv->close(n);
	list_del(&n->link);
	free(n->id);
	free(n);
}

int netdev_attach(struct netdev *n, struct loop *l, const struct netdev_nic *nic,
                  struct err *e)
{
	int r;

	if (n->attached) {
		return err_set(e, -EBUSY,
		               "netdev '%s' is in use by another network card", n->id);
	}
	n->loop = l;
	n->nic = *nic;
	n->attached = true;
	r = n->drv->attach(n, e);
	if (r < 0) {
		n->attached = false;
	}
	return r;
}

void netdev_detach(struct netdev *n)
{
	if (n->attached) {
		n->drv->detach(n);
		n->attached = false;
	}
}

void netdev_send(struct netdev *n, const struct iovec *iov, int iovcnt)
{
	if (n->link_up) {
		n->drv->send(n, iov, iovcnt);
	}
}

void netdev_rx_ready(struct netdev *n)
{
	n->drv->rx_ready(n);
}

int netdev_set_vnet_hdr(struct netdev *n, int hdr_len)
{
	return n->drv->set_vnet_hdr ? n->drv->set_vnet_hdr(n, hdr_len) : 0;
}

unsigned netdev_offloads(const struct netdev *n)
{
	return n->drv->offloads ? n->drv->offloads(n) : 0;
}

void netdev_set_offloads(struct netdev *n, unsigned bits)
{
	if (n->drv->set_offloads) {
		n->drv->set_offloads(n, bits);
	}
}

void netdev_set_link(struct netdev *n, bool up)
{
	if (n->link_up != up) {
		n->link_up = up;
		if (n->attached && n->nic.link) {
			n->nic.link(n->nic.opaque, up);
		}
	}
}

const char *netdev_id(const struct netdev *n)
{
	return n->id;
}

const char *netdev_type(const struct netdev *n)
{
	return n->drv->name;
}

const char *netdev_info(const struct netdev *n)
{
	return n->info;
}

unsigned netdev_count(void)
{
	return list_len(&netdev_all);
}

struct netdev *netdev_at(unsigned i)
{
	return list_nth(&netdev_all, i, struct netdev, link);
}

#ifndef HAVE_SLIRP
int netdev_user_hostfwd(struct netdev *n, const char *rule __unused,
                        bool remove __unused, struct err *e)
{
	return err_set(e, -EINVAL, "netdev '%s' is not of type user", n->id);
}
#endif

void netdev_help(void)
{
	puts("Available netdev back ends:");
	for (unsigned i = 0; i < ARRAY_LEN(netdev_drivers); i++) {
		printf("  %-6s %s\n", netdev_drivers[i]->name, netdev_drivers[i]->help);
	}
}
