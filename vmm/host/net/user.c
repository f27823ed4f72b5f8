/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * user.c - netdev "user": a network behind NAT without privileges, by libslirp.
 *
 * libslirp opens sockets and parses hostile packets, so it has a thread and a
 * sandbox role of its own (ROLE_NET_USER). Packets cross in both directions by
 * bounded queues of copies; either side is woken once for a batch.
 *
 * The card may leave checksums open and send unsegmented TCP: the checksum is
 * filled in here and the large segment goes to libslirp as it is.
 *
 * Threads: set-up on control before the thread runs; netdev_send and the NIC's
 * callback on the NIC's loop; everything of libslirp on the net thread. Known
 * gaps: guestfwd, tftp, smb; state is not migrated.
 */
#include "config.h"

#ifdef HAVE_SLIRP

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <slirp/libslirp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/opt.h"
#include "core/loop.h"
#include "core/role.h"
#include "host/net/netdev-impl.h"

enum {
	NETUSER_MAX_PACKET = 65550 + 12,
	NETUSER_QUEUE_PACKETS = 2048,
	NETUSER_QUEUE_BYTES = 16 << 20,
	NETUSER_HDR = 12,
	NETUSER_HDR_NEEDS_CSUM = 1,
	NETUSER_HDR_DATA_VALID = 2,
	NETUSER_POLLS = 4096,
};

struct netuser_pkt {
	struct netuser_pkt *next;
	size_t len;
	uint8_t data[];
};

struct netuser_queue {
	struct lk lk;
	struct netuser_pkt *first, **last;
	unsigned n;
	size_t bytes;
};

struct netuser_timer {
	struct list link;
	SlirpTimerCb cb;
	void *opaque;
	int64_t expire_ms; /* -1: off */
};

struct netuser {
	struct netdev *nd;
	Slirp *slirp;
	struct role_thread thread;
	bool started;
	_Atomic bool quit, woken, valid_csum;
	int wake_fd, hdr;
	struct netuser_queue to_net, to_nic;
	struct event *kick;       /* on the NIC's loop */
	struct netuser_pkt *held; /* NIC's loop: popped, not taken yet */
	struct list timers;
	struct pollfd *polls;
	unsigned n_polls;

	/* A call to be made on the net thread. */
	pthread_mutex_t call_mx;
	pthread_cond_t call_cond;
	void (*call_fn)(struct netuser *u, void *arg);
	void *call_arg;
};

/* ---- queues ---- */

static void netuser_queue_init(struct netuser_queue *q)
{
	lk_init(&q->lk, RANK_QUEUE, "netuser");
	q->last = &q->first;
}

/* Takes the packet, or frees it when the queue is full, as a wire would. */
static void netuser_queue_put(struct netuser_queue *q, struct netuser_pkt *p)
{
	bool full;

	lk_acquire(&q->lk);
	full = q->n >= NETUSER_QUEUE_PACKETS || q->bytes + p->len > NETUSER_QUEUE_BYTES;
	if (!full) {
		p->next = NULL;
		*q->last = p;
		q->last = &p->next;
		q->n++;
		q->bytes += p->len;
	}
	lk_release(&q->lk);
	if (full) {
		free(p);
	}
}

static struct netuser_pkt *netuser_queue_take_all(struct netuser_queue *q)
{
	struct netuser_pkt *p;

	lk_acquire(&q->lk);
	p = q->first;
	q->first = NULL;
	q->last = &q->first;
	q->n = 0;
	q->bytes = 0;
	lk_release(&q->lk);
	return p;
}

static void netuser_free_list(struct netuser_pkt *p)
{
	while (p) {
		struct netuser_pkt *next = p->next;

		free(p);
		p = next;
	}
}

static void netuser_wake(struct netuser *u)
{
	uint64_t one = 1;

	if (!atomic_exchange(&u->woken, true)) {
		(void)!write(u->wake_fd, &one, sizeof(one));
	}
}

/* ---- NIC's side ---- */

static void netuser_send(struct netdev *n, const struct iovec *iov, int cnt)
{
	struct netuser *u = n->priv;
	struct netuser_pkt *p;
	size_t len = 0;

	for (int i = 0; i < cnt; i++) {
		len += iov[i].iov_len;
	}
	if (len > NETUSER_MAX_PACKET) {
		return;
	}
	p = malloc(sizeof(*p) + len);
	if (!p) {
		return;
	}
	p->len = 0;
	for (int i = 0; i < cnt; i++) {
		memcpy(p->data + p->len, iov[i].iov_base, iov[i].iov_len);
		p->len += iov[i].iov_len;
	}
	netuser_queue_put(&u->to_net, p);
	netuser_wake(u);
}

static void netuser_deliver(void *opaque)
{
	struct netuser *u = opaque;
	uint8_t hdr[NETUSER_HDR] = { 0 };

	for (;;) {
		struct netuser_pkt *p = u->held;
		struct iovec iov[2];

		if (!p) {
			p = u->held = netuser_queue_take_all(&u->to_nic);
		}
		if (!p) {
			return;
		}
		hdr[0] = u->valid_csum ? NETUSER_HDR_DATA_VALID : 0;
		iov[0].iov_base = hdr;
		iov[0].iov_len = (size_t)u->hdr;
		iov[1].iov_base = p->data;
		iov[1].iov_len = p->len;
		if (u->nd->nic.receive(u->nd->nic.opaque, u->hdr ? iov : iov + 1,
		                       u->hdr ? 2 : 1) == 0) {
			return; /* until rx_ready */
		}
		u->held = p->next;
		free(p);
	}
}

static void netuser_rx_ready(struct netdev *n)
{
	struct netuser *u = n->priv;

	if (u->kick) {
		event_ring(u->kick);
	}
}

static int netuser_set_vnet_hdr(struct netdev *n, int len)
{
	struct netuser *u = n->priv;

	u->hdr = len == NETUSER_HDR ? len : 0;
	return u->hdr;
}

static unsigned netuser_offloads(const struct netdev *n __unused)
{
	return NETDEV_OFFLOAD_CSUM | NETDEV_OFFLOAD_TSO4 | NETDEV_OFFLOAD_TSO6;
}

static void netuser_set_offloads(struct netdev *n, unsigned bits)
{
	struct netuser *u = n->priv;

	u->valid_csum = bits & NETDEV_OFFLOAD_CSUM;
}

/* ---- checksums ---- */

static uint16_t netuser_csum(const uint8_t *p, size_t len)
{
	uint64_t sum = 0;

	for (; len >= 4; p += 4, len -= 4) {
		uint32_t w;

		memcpy(&w, p, 4);
		sum += w;
	}
	if (len >= 2) {
		uint16_t w;

		memcpy(&w, p, 2);
		sum += w;
		p += 2;
		len -= 2;
	}
	if (len) {
		uint8_t w[2] = { *p, 0 };
		uint16_t v;

		memcpy(&v, w, 2);
		sum += v;
	}
	while (sum >> 16) {
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)~sum; /* in memory order: no byte swapping needed */
}

/* Fills in what the card left open; false when the header makes no sense. */
static bool netuser_finish_csum(const uint8_t *hdr, uint8_t *pkt, size_t len)
{
	size_t start = ld_le16(hdr + 6), at = start + ld_le16(hdr + 8);
	uint16_t sum;

	if (!(hdr[0] & NETUSER_HDR_NEEDS_CSUM)) {
		return true;
	}
	if (start >= len || at + 2 > len) {
		return false;
	}
	sum = netuser_csum(pkt + start, len - start);
	if (sum == 0) {
		sum = 0xffff;
	}
	memcpy(pkt + at, &sum, 2);
	return true;
}

/* ---- net thread ---- */

static int64_t netuser_now_ns(void *opaque __unused)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t netuser_now_ms(void)
{
	return netuser_now_ns(NULL) / 1000000;
}

static ssize_t netuser_from_net(const void *buf, size_t len, void *opaque)
{
	struct netuser *u = opaque;
	struct netuser_pkt *p;

	if (len > NETUSER_MAX_PACKET || !u->kick) {
		return (ssize_t)len;
	}
	p = malloc(sizeof(*p) + len);
	if (p) {
		p->len = len;
		memcpy(p->data, buf, len);
		netuser_queue_put(&u->to_nic, p);
		event_ring(u->kick);
	}
	return (ssize_t)len;
}

static void netuser_guest_error(const char *msg, void *opaque __unused)
{
	log_guest("user network: %s", msg);
}

static void *netuser_timer_new(SlirpTimerCb cb, void *cb_opaque, void *opaque)
{
	struct netuser_timer *t = calloc(1, sizeof(*t));
	struct netuser *u = opaque;

	if (t) {
		t->cb = cb;
		t->opaque = cb_opaque;
		t->expire_ms = -1;
		list_add_tail(&u->timers, &t->link);
	}
	return t;
}

static void netuser_timer_free(void *timer, void *opaque __unused)
{
	struct netuser_timer *t = timer;

	if (t) {
		list_del(&t->link);
		free(t);
	}
}

static void netuser_timer_mod(void *timer, int64_t expire_ms, void *opaque __unused)
{
	struct netuser_timer *t = timer;

	if (t) {
		t->expire_ms = expire_ms;
	}
}

static void netuser_poll_fd(int fd __unused, void *opaque __unused)
{
}

static void netuser_notify(void *opaque)
{
	netuser_wake(opaque);
}

static const SlirpCb netuser_cb = {
	.send_packet = netuser_from_net,
	.guest_error = netuser_guest_error,
	.clock_get_ns = netuser_now_ns,
	.timer_new = netuser_timer_new,
	.timer_free = netuser_timer_free,
	.timer_mod = netuser_timer_mod,
	.register_poll_fd = netuser_poll_fd,
	.unregister_poll_fd = netuser_poll_fd,
	.notify = netuser_notify,
};

static int netuser_add_poll(int fd, int events, void *opaque)
{
	struct netuser *u = opaque;
	short ev = 0;

	if (u->n_polls == NETUSER_POLLS) {
		return -1;
	}
	ev |= events & SLIRP_POLL_IN ? POLLIN : 0;
	ev |= events & SLIRP_POLL_OUT ? POLLOUT : 0;
	ev |= events & SLIRP_POLL_PRI ? POLLPRI : 0;
	u->polls[u->n_polls].fd = fd;
	u->polls[u->n_polls].events = ev;
	u->polls[u->n_polls].revents = 0;
	return (int)u->n_polls++;
}

static int netuser_revents(int idx, void *opaque)
{
	struct netuser *u = opaque;
	short ev;
	int r = 0;

	if (idx < 0 || (unsigned)idx >= u->n_polls) {
		return 0;
	}
	ev = u->polls[idx].revents;
	r |= ev & POLLIN ? SLIRP_POLL_IN : 0;
	r |= ev & POLLOUT ? SLIRP_POLL_OUT : 0;
	r |= ev & POLLPRI ? SLIRP_POLL_PRI : 0;
	r |= ev & POLLERR ? SLIRP_POLL_ERR : 0;
	r |= ev & POLLHUP ? SLIRP_POLL_HUP : 0;
	return r;
}

/* Milliseconds to the next timer, no more than `timeout`. */
static uint32_t netuser_timeout(struct netuser *u, uint32_t timeout)
{
	int64_t now = netuser_now_ms();
	struct netuser_timer *t;

	list_for_each (t, &u->timers, link) {
		if (t->expire_ms >= 0) {
			int64_t left = MAX(t->expire_ms - now, (int64_t)0);

			timeout = (uint32_t)MIN((int64_t)timeout, left);
		}
	}
	return timeout;
}

static void netuser_run_timers(struct netuser *u)
{
	int64_t now = netuser_now_ms();
	struct netuser_timer *t, *tmp;

	list_for_each_safe (t, tmp, &u->timers, link) {
		if (t->expire_ms >= 0 && t->expire_ms <= now) {
			t->expire_ms = -1;
			t->cb(t->opaque);
		}
	}
}

static void netuser_input_all(struct netuser *u)
{
	struct netuser_pkt *p = netuser_queue_take_all(&u->to_net), *next;

	for (; p; p = next) {
		size_t skip = (size_t)u->hdr;

		next = p->next;
		if (p->len > skip + 14 &&
		    (!skip ||
		     netuser_finish_csum(p->data, p->data + skip, p->len - skip))) {
			slirp_input(u->slirp, p->data + skip, (int)(p->len - skip));
		}
		free(p);
	}
}

static void netuser_run_call(struct netuser *u)
{
	pthread_mutex_lock(&u->call_mx);
	if (u->call_fn) {
		u->call_fn(u, u->call_arg);
		u->call_fn = NULL;
		pthread_cond_signal(&u->call_cond);
	}
	pthread_mutex_unlock(&u->call_mx);
}

static void netuser_nudge(void *opaque)
{
	netuser_wake(opaque);
}

static void *netuser_main(void *arg)
{
	struct netuser *u = arg;

	role_set_wake(netuser_nudge, u);
	while (!u->quit) {
		uint32_t timeout = 1000;
		struct err e = ERR_INIT;
		uint64_t junk;
		int r;

		if (role_seal_self(&e)) {
			log_error("%s", e.text);
			abort(); /* never run on without the filter */
		}
		u->n_polls = 0;
		netuser_add_poll(u->wake_fd, SLIRP_POLL_IN, u);
		slirp_pollfds_fill(u->slirp, &timeout, netuser_add_poll, u);
		r = poll(u->polls, u->n_polls, (int)netuser_timeout(u, timeout));
		if (r > 0 && (u->polls[0].revents & POLLIN)) {
			(void)!read(u->wake_fd, &junk, sizeof(junk));
		}
		atomic_store(&u->woken, false);
		slirp_pollfds_poll(u->slirp, r < 0, netuser_revents, u);
		netuser_input_all(u);
		netuser_run_timers(u);
		netuser_run_call(u);
	}
	role_set_wake(NULL, NULL);
	return NULL;
}

/* Runs fn where libslirp may be called: here before the thread runs, else there. */
static void netuser_call(struct netuser *u, void (*fn)(struct netuser *, void *),
                         void *arg)
{
	if (!u->started) {
		fn(u, arg);
		return;
	}
	pthread_mutex_lock(&u->call_mx);
	u->call_fn = fn;
	u->call_arg = arg;
	netuser_wake(u);
	while (u->call_fn) {
		pthread_cond_wait(&u->call_cond, &u->call_mx);
	}
	pthread_mutex_unlock(&u->call_mx);
}

/* ---- host forwarding: "tcp:[HOST]:PORT-[GUEST]:PORT" ---- */

struct netuser_fwd {
	bool udp, remove;
	struct in_addr host, guest;
	int host_port, guest_port;
	int ret;
};

static bool netuser_port(const char *s, int *out)
{
	char *end;
	long v = strtol(s, &end, 10);

	*out = (int)v;
	return *s && !*end && v > 0 && v < 65536;
}

/* "ADDR:PORT", ADDR may be empty: then *a stays. */
static bool netuser_endpoint(char *s, struct in_addr *a, int *port)
{
	char *colon = strrchr(s, ':');

	if (!colon) {
		return false;
	}
	*colon = 0;
	return (!*s || inet_aton(s, a)) && netuser_port(colon + 1, port);
}

static int netuser_fwd_parse(struct netuser_fwd *f, const char *rule, bool remove,
                             struct err *e)
{
	AUTO_FREE char *copy = strdup(rule);
	char *p = copy, *dash;

	memset(f, 0, sizeof(*f));
	f->remove = remove;
	if (!strncmp(p, "tcp:", 4) || !strncmp(p, "udp:", 4)) {
		f->udp = *p == 'u';
		p += 4;
	} else if (*p == ':') {
		p++;
	} else {
		return err_set(e, -EINVAL,
		               "Invalid host forwarding rule '%s' (Bad protocol name): "
		               "want tcp|udp:[HOST]:PORT-[GUEST]:PORT",
		               rule);
	}
	dash = strchr(p, '-');
	if (dash) {
		*dash++ = 0;
	}
	if (!netuser_endpoint(p, &f->host, &f->host_port)) {
		return err_set(e, -EINVAL,
		               "Invalid host forwarding rule '%s' (Bad host address or "
		               "port): want tcp|udp:[HOST]:PORT-[GUEST]:PORT",
		               rule);
	}
	if (!remove && (!dash || !netuser_endpoint(dash, &f->guest, &f->guest_port))) {
		return err_set(e, -EINVAL,
		               "Invalid host forwarding rule '%s' (Bad guest address "
		               "or port): want tcp|udp:[HOST]:PORT-[GUEST]:PORT",
		               rule);
	}
	return 0;
}

static void netuser_fwd_do(struct netuser *u, void *arg)
{
	struct netuser_fwd *f = arg;

	errno = 0;
	if (f->remove) {
		f->ret = slirp_remove_hostfwd(u->slirp, f->udp, f->host, f->host_port);
	} else {
		f->ret = slirp_add_hostfwd(u->slirp, f->udp, f->host, f->host_port,
		                           f->guest, f->guest_port);
	}
	if (f->ret < 0) {
		f->ret = errno ? -errno : -ENOENT;
	}
}

int netdev_user_hostfwd(struct netdev *n, const char *rule, bool remove, struct err *e)
{
	struct netuser_fwd f;
	int r;

	if (n->drv != &netdev_drv_user) {
		return err_set(e, -EINVAL, "netdev '%s' is not of type user", n->id);
	}
	r = netuser_fwd_parse(&f, rule, remove, e);
	if (r < 0) {
		return r;
	}
	netuser_call(n->priv, netuser_fwd_do, &f);
	if (f.ret == -EADDRINUSE) {
		return err_set(e, f.ret,
		               "Could not set up host forwarding rule '%s': port %d on "
		               "the host is in use by another program",
		               rule, f.host_port);
	}
	if (f.ret == -EACCES) {
		return err_set(
			e, f.ret,
			"Could not set up host forwarding rule '%s': port %d needs "
			"privileges; take one from 1024 up",
			rule, f.host_port);
	}
	return f.ret < 0 ? err_set_errno(e, f.ret,
	                                 "Could not %s host forwarding rule '%s'",
	                                 remove ? "remove" : "set up", rule)
	                 : 0;
}

static int netuser_fwds(struct netdev *n, struct opt *o, struct err *e)
{
	int r = 0;

	if (!o) {
		return 0;
	}
	if (opt_kind(o) == OPT_LIST) {
		for (unsigned i = 0; i < opt_count(o) && r == 0; i++) {
			r = netuser_fwds(n, opt_at(o, i), e);
		}
		return r;
	}
	if (opt_kind(o) == OPT_DICT) {
		return netdev_user_hostfwd(n, opt_get_str(o, "str", ""), false, e);
	}
	return netdev_user_hostfwd(n, opt_str(o), false, e);
}

/* ---- set-up ---- */

static int netuser_addr(struct opt *o, const char *key, struct in_addr def,
                        struct in_addr *out, struct err *e)
{
	const char *s = opt_get_str(o, key, NULL);

	*out = def;
	return s && !inet_aton(s, out)
	               ? err_set(e, -EINVAL, "netdev user: %s=%s is no IPv4 address",
	                         key, s)
	               : 0;
}

/* net=ADDR[/MASK]: MASK is a number of bits or dotted. */
static int netuser_net(struct opt *o, SlirpConfig *c, struct err *e)
{
	const char *s = opt_get_str(o, "net", "10.0.2.0/24");
	AUTO_FREE char *copy = strdup(s);
	char *slash = strchr(copy, '/'), *end;
	long bits = 24;

	if (slash) {
		*slash++ = 0;
	}
	if (!inet_aton(copy, &c->vnetwork)) {
		return err_set(e, -EINVAL, "netdev user: net=%s is no IPv4 network", s);
	}
	if (slash && strchr(slash, '.')) {
		if (!inet_aton(slash, &c->vnetmask)) {
			return err_set(e, -EINVAL,
			               "netdev user: net=%s has no valid mask", s);
		}
	} else {
		if (slash) {
			bits = strtol(slash, &end, 10);
			if (*end || bits < 4 || bits > 28) {
				return err_set(e, -EINVAL,
				               "netdev user: net=%s: 4 to 28 bits", s);
			}
		}
		c->vnetmask.s_addr = htonl(~UINT32_C(0) << (32 - bits));
	}
	c->vnetwork.s_addr &= c->vnetmask.s_addr;
	return 0;
}

static struct in_addr netuser_host_in(const SlirpConfig *c, uint32_t k)
{
	struct in_addr a = { .s_addr = c->vnetwork.s_addr | htonl(k) };

	return a;
}

static int netuser_ipv6(struct opt *o, SlirpConfig *c, struct err *e)
{
	const char *prefix = opt_get_str(o, "ipv6-prefix", "fec0::");
	const char *host = opt_get_str(o, "ipv6-host", NULL);
	const char *dns = opt_get_str(o, "ipv6-dns", NULL);
	uint64_t len;
	int r = opt_get_u64(o, "ipv6-prefixlen", 64, &len, e);

	if (r < 0) {
		return r;
	}
	if (inet_pton(AF_INET6, prefix, &c->vprefix_addr6) != 1 || len > 126) {
		return err_set(e, -EINVAL,
		               "netdev user: ipv6-prefix=%s is no IPv6 prefix", prefix);
	}
	c->vprefix_len = (uint8_t)len;
	c->vhost6 = c->vnameserver6 = c->vprefix_addr6;
	c->vhost6.s6_addr[15] |= 2;
	c->vnameserver6.s6_addr[15] |= 3;
	if ((host && inet_pton(AF_INET6, host, &c->vhost6) != 1) ||
	    (dns && inet_pton(AF_INET6, dns, &c->vnameserver6) != 1)) {
		return err_set(e, -EINVAL,
		               "netdev user: ipv6-host or ipv6-dns is no IPv6 address");
	}
	return 0;
}

static int netuser_config(struct opt *o, SlirpConfig *c, struct err *e)
{
	static const char *const missing[] = { "tftp",     "bootfile",
		                               "smb",      "smbserver",
		                               "guestfwd", "tftp-server-name" };
	bool restricted;
	int r;

	memset(c, 0, sizeof(*c));
	c->version = 4;
	for (unsigned i = 0; i < ARRAY_LEN(missing); i++) {
		if (opt_has(o, missing[i])) {
			return err_set(e, -ENOTSUP, "netdev user: %s is not supported",
			               missing[i]);
		}
	}
	r = opt_get_bool(o, "restrict", false, &restricted, e);
	r = r < 0 ? r : opt_get_bool(o, "ipv4", true, &c->in_enabled, e);
	r = r < 0 ? r : opt_get_bool(o, "ipv6", true, &c->in6_enabled, e);
	r = r < 0 ? r : netuser_net(o, c, e);
	r = r < 0 ? r : netuser_addr(o, "host", netuser_host_in(c, 2), &c->vhost, e);
	r = r < 0 ? r
	          : netuser_addr(o, "dhcpstart", netuser_host_in(c, 15),
	                         &c->vdhcp_start, e);
	r = r < 0 ? r
	          : netuser_addr(o, "dns", netuser_host_in(c, 3), &c->vnameserver, e);
	r = r < 0 ? r : netuser_ipv6(o, c, e);
	if (r < 0) {
		return r;
	}
	c->restricted = restricted;
	c->vhostname = opt_get_str(o, "hostname", NULL);
	c->vdomainname = opt_get_str(o, "domainname", NULL);
	if ((c->vhost.s_addr & c->vnetmask.s_addr) != c->vnetwork.s_addr ||
	    (c->vdhcp_start.s_addr & c->vnetmask.s_addr) != c->vnetwork.s_addr ||
	    c->vhost.s_addr == c->vnameserver.s_addr ||
	    c->vhost.s_addr == c->vdhcp_start.s_addr) {
		return err_set(e, -EINVAL,
		               "netdev user: host=, dhcpstart= and dns= must be "
		               "different addresses inside net=");
	}
	return 0;
}

static void netuser_free(struct netuser *u)
{
	if (u->slirp) {
		slirp_cleanup(u->slirp);
	}
	netuser_free_list(netuser_queue_take_all(&u->to_net));
	netuser_free_list(netuser_queue_take_all(&u->to_nic));
	netuser_free_list(u->held);
	lk_fini(&u->to_net.lk);
	lk_fini(&u->to_nic.lk);
	pthread_cond_destroy(&u->call_cond);
	pthread_mutex_destroy(&u->call_mx);
	if (u->wake_fd >= 0) {
		close(u->wake_fd);
	}
	free(u->polls);
	free(u);
}

static int netuser_open(struct netdev *n, struct opt *o, struct err *e)
{
	struct netuser *u;
	SlirpConfig cfg;
	char net[INET_ADDRSTRLEN];
	int r = netuser_config(o, &cfg, e);

	if (r < 0) {
		return r;
	}
	u = calloc(1, sizeof(*u));
	if (!u) {
		return -ENOMEM;
	}
	u->nd = n;
	n->priv = u;
	list_init(&u->timers);
	netuser_queue_init(&u->to_net);
	netuser_queue_init(&u->to_nic);
	pthread_mutex_init(&u->call_mx, NULL);
	pthread_cond_init(&u->call_cond, NULL);
	u->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	u->polls = calloc(NETUSER_POLLS, sizeof(*u->polls));
	u->slirp = u->polls && u->wake_fd >= 0 ? slirp_new(&cfg, &netuser_cb, u) : NULL;
	if (!u->slirp) {
		netuser_free(u);
		return err_set(e, -ENOMEM, "netdev user: libslirp does not start");
	}
	r = netuser_fwds(n, opt_get(o, "hostfwd"), e);
	if (r < 0) {
		netuser_free(u);
		return r;
	}
	inet_ntop(AF_INET, &cfg.vnetwork, net, sizeof(net));
	snprintf(n->info, sizeof(n->info), "user,net=%s,restrict=%s", net,
	         cfg.restricted ? "on" : "off");
	return 0;
}

static void netuser_stop(struct netuser *u)
{
	if (u->started) {
		u->quit = true;
		atomic_store(&u->woken, false);
		netuser_wake(u);
		role_thread_join(&u->thread);
		u->started = false;
		u->quit = false;
	}
}

static void netuser_close(struct netdev *n)
{
	struct netuser *u = n->priv;

	netuser_stop(u);
	netuser_free(u);
}

static int netuser_attach(struct netdev *n, struct err *e)
{
	struct netuser *u = n->priv;
	int r;

	u->kick = event_new(n->loop, netuser_deliver, u);
	if (!u->kick) {
		return err_set(e, -EMFILE, "netdev user: cannot make an event");
	}
	r = role_thread_start(&u->thread, ROLE_NET_USER, "net-user", netuser_main, u,
	                      e);
	if (r < 0) {
		event_free(u->kick);
		u->kick = NULL;
		return r;
	}
	u->started = true;
	return 0;
}

static void netuser_detach(struct netdev *n)
{
	struct netuser *u = n->priv;

	netuser_stop(u);
	event_free(u->kick);
	u->kick = NULL;
	netuser_free_list(u->held);
	u->held = NULL;
}

const struct netdev_driver netdev_drv_user = {
	.name = "user",
	.help = "NAT without privileges [net=A/B] [host=A] [dhcpstart=A] [dns=A] "
		"[restrict=on] "
		"[hostfwd=tcp:[HOST]:PORT-[GUEST]:PORT]",
	.open = netuser_open,
	.close = netuser_close,
	.attach = netuser_attach,
	.detach = netuser_detach,
	.send = netuser_send,
	.rx_ready = netuser_rx_ready,
	.set_vnet_hdr = netuser_set_vnet_hdr,
	.offloads = netuser_offloads,
	.set_offloads = netuser_set_offloads,
};

#endif /* HAVE_SLIRP */
