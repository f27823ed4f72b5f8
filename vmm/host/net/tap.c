/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * tap.c - netdev "tap": an Ethernet device of the host kernel.
 *
 * Packets carry a virtio_net_hdr all the way, so that the guest's offloads are
 * the kernel's. The device is opened or handed over before the sandbox closes.
 *
 * Threads: the NIC's loop reads and writes; set-up on control. Known gaps:
 * several queues, helper programs and scripts, vhost.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/opt.h"
#include "core/loop.h"
#include "host/net/netdev-impl.h"

enum { TAP_MAX_PACKET = 65550 + 12, TAP_BURST = 256 };

struct tap {
	int fd;
	bool has_hdr; /* the kernel puts a virtio_net_hdr in front */
	int nic_hdr;  /* the NIC wants it: 0 or its length */
	struct loop_watch *watch;
	struct event *kick;
	size_t held; /* length of a packet the NIC had no room for */
	uint8_t buf[TAP_MAX_PACKET];
};

/* ---- set-up ---- */

static int tap_open_dev(struct tap *t, const char *ifname, char *name, struct err *e)
{
	struct ifreq ifr;
	int r;

	t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (t->fd < 0) {
		return err_set_errno(e, -errno, "tap: could not open /dev/net/tun");
	}
	memset(&ifr, 0, sizeof(ifr));
	ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	snprintf(ifr.ifr_name, IFNAMSIZ, "%s", ifname ? ifname : "tap%d");
	if (ioctl(t->fd, TUNSETIFF, &ifr) < 0) {
		r = -errno;
		close(t->fd);
		t->fd = -1;
		return err_set_errno(
			e, r, "tap: could not configure '%s'%s", ifr.ifr_name,
			r == -EPERM ? " (create it with: ip tuntap add NAME mode tap "
				      "user USER)"
				    : "");
	}
	t->has_hdr = true;
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return 0;
}

static int tap_take_fd(struct tap *t, const char *text, char *name, struct err *e)
{
	struct ifreq ifr;
	char *end;
	long fd = strtol(text, &end, 10);

	if (*end || fd < 0 || fd > INT32_MAX) {
		return err_set(e, -EINVAL, "tap: fd=%s is no descriptor", text);
	}
	memset(&ifr, 0, sizeof(ifr));
	if (ioctl((int)fd, TUNGETIFF, &ifr) < 0) {
		return err_set_errno(e, -errno, "tap: fd=%ld is no tap device", fd);
	}
	t->fd = (int)fd;
	t->has_hdr = ifr.ifr_flags & IFF_VNET_HDR;
	fcntl(t->fd, F_SETFL, fcntl(t->fd, F_GETFL) | O_NONBLOCK);
	fcntl(t->fd, F_SETFD, FD_CLOEXEC);
	memcpy(name, ifr.ifr_name, IFNAMSIZ);
	return 0;
}

static int tap_check_opts(struct opt *o, struct err *e)
{
	const char *script = opt_get_str(o, "script", "no");
	const char *down = opt_get_str(o, "downscript", "no");
	bool vhost, hdr;
	uint64_t queues = 1;
	int r = opt_get_bool(o, "vhost", false, &vhost, e);

	r = r < 0 ? r : opt_get_bool(o, "vnet_hdr", true, &hdr, e);
	r = r < 0 ? r : opt_get_u64(o, "queues", 1, &queues, e);
	if (r < 0) {
		return r;
	}
	if ((strcmp(script, "no") && *script) || (strcmp(down, "no") && *down)) {
		return err_set(e, -ENOTSUP,
		               "tap: scripts are not supported; set the interface up "
		               "beforehand and give script=no,downscript=no");
	}
	if (queues != 1 || opt_has(o, "fds")) {
		return err_set(e, -ENOTSUP, "tap: several queues are not supported");
	}
	if (vhost) {
		return err_set(e, -ENOTSUP, "tap: vhost=on is not supported");
	}
	(void)opt_get(o, "sndbuf");
	return 0;
}

static int tap_open(struct netdev *n, struct opt *o, struct err *e)
{
	const char *ifname = opt_get_str(o, "ifname", NULL);
	const char *fd = opt_get_str(o, "fd", NULL);
	char name[IFNAMSIZ + 1] = "";
	int r = tap_check_opts(o, e);
	struct tap *t;

	if (r < 0) {
		return r;
	}
	t = calloc(1, sizeof(*t));
	if (!t) {
		return -ENOMEM;
	}
	r = fd ? tap_take_fd(t, fd, name, e) : tap_open_dev(t, ifname, name, e);
	if (r < 0) {
		free(t);
		return r;
	}
	n->priv = t;
	snprintf(n->info, sizeof(n->info), "tap,ifname=%s", name);
	return 0;
}

static void tap_close(struct netdev *n)
{
	struct tap *t = n->priv;

	close(t->fd);
	free(t);
}

/* ---- receive ---- */

/* Hands t->buf on; false when the NIC has no room. */
static bool tap_deliver(struct netdev *n, struct tap *t, size_t len)
{
	size_t skip = t->has_hdr && !t->nic_hdr ? 10 : 0;
	struct iovec iov = { t->buf + skip, len - skip };

	return len <= skip || n->nic.receive(n->nic.opaque, &iov, 1) != 0;
}

static void tap_readable(void *opaque, int fd, unsigned revents __unused)
{
	struct netdev *n = opaque;
	struct tap *t = n->priv;

	for (unsigned i = 0; i < TAP_BURST; i++) {
		ssize_t len = read(fd, t->buf, sizeof(t->buf));

		if (len <= 0) {
			return;
		}
		if (!tap_deliver(n, t, (size_t)len)) {
			t->held = (size_t)len;
			loop_watch_set(t->watch, 0);
			return;
		}
	}
}

static void tap_kicked(void *opaque)
{
	struct netdev *n = opaque;
	struct tap *t = n->priv;

	if (t->held && tap_deliver(n, t, t->held)) {
		t->held = 0;
		loop_watch_set(t->watch, POLLIN);
	}
}

static void tap_rx_ready(struct netdev *n)
{
	struct tap *t = n->priv;

	event_ring(t->kick);
}

/* ---- send ---- */

static void tap_send(struct netdev *n, const struct iovec *iov, int cnt)
{
	static const uint8_t no_hdr[10];
	struct tap *t = n->priv;
	struct iovec v[64];
	ssize_t r;

	if (t->has_hdr && !t->nic_hdr) {
		if (cnt + 1 > (int)ARRAY_LEN(v)) {
			return; /* more pieces than a plain packet has */
		}
		v[0].iov_base = (void *)(uintptr_t)no_hdr;
		v[0].iov_len = sizeof(no_hdr);
		memcpy(v + 1, iov, (size_t)cnt * sizeof(*iov));
		iov = v;
		cnt++;
	}
	do {
		r = writev(t->fd, iov, cnt);
	} while (r < 0 && errno == EINTR);
}

/* ---- the NIC ---- */

static void tap_watch(void *opaque)
{
	struct netdev *n = opaque;
	struct tap *t = n->priv;

	t->watch = loop_watch_new(n->loop, t->fd, POLLIN, tap_readable, n);
}

static void tap_unwatch(void *opaque)
{
	struct netdev *n = opaque;
	struct tap *t = n->priv;

	if (t->watch) {
		loop_watch_free(t->watch);
		t->watch = NULL;
	}
	t->held = 0;
}

static int tap_attach(struct netdev *n, struct err *e)
{
	struct tap *t = n->priv;

	t->kick = event_new(n->loop, tap_kicked, n);
	if (!t->kick) {
		return err_set(e, -EMFILE, "tap: cannot make an event");
	}
	loop_call(n->loop, tap_watch, n);
	return t->watch ? 0 : err_set(e, -ENOMEM, "tap: cannot watch the device");
}

static void tap_detach(struct netdev *n)
{
	struct tap *t = n->priv;

	loop_call(n->loop, tap_unwatch, n);
	event_free(t->kick);
	t->kick = NULL;
}

static int tap_set_vnet_hdr(struct netdev *n, int len)
{
	struct tap *t = n->priv;

	if (!t->has_hdr || ioctl(t->fd, TUNSETVNETHDRSZ, &len) < 0) {
		return 0;
	}
	t->nic_hdr = len;
	return len;
}

static unsigned tap_offloads(const struct netdev *n)
{
	const struct tap *t = n->priv;

	return t->has_hdr ? NETDEV_OFFLOAD_CSUM | NETDEV_OFFLOAD_TSO4 |
	                            NETDEV_OFFLOAD_TSO6 | NETDEV_OFFLOAD_ECN
	                  : 0;
}

static void tap_set_offloads(struct netdev *n, unsigned bits)
{
	struct tap *t = n->priv;
	unsigned long f = 0;

	if (bits & NETDEV_OFFLOAD_CSUM) {
		f = TUN_F_CSUM;
		f |= bits & NETDEV_OFFLOAD_TSO4 ? TUN_F_TSO4 : 0;
		f |= bits & NETDEV_OFFLOAD_TSO6 ? TUN_F_TSO6 : 0;
		f |= bits & NETDEV_OFFLOAD_ECN ? TUN_F_TSO_ECN : 0;
	}
	(void)!ioctl(t->fd, TUNSETOFFLOAD, f);
}

const struct netdev_driver netdev_drv_tap = {
	.name = "tap",
	.help = "ifname=NAME | fd=N, script=no: a tap device of the host",
	.open = tap_open,
	.close = tap_close,
	.attach = tap_attach,
	.detach = tap_detach,
	.send = tap_send,
	.rx_ready = tap_rx_ready,
	.set_vnet_hdr = tap_set_vnet_hdr,
	.offloads = tap_offloads,
	.set_offloads = tap_set_offloads,
};
