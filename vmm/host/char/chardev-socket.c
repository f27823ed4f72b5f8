/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * chardev-socket.c - chardevs on unix and tcp stream sockets, as server or
 * client, with descriptors received by SCM_RIGHTS and optional telnet framing.
 *
 * A listening socket is opened when the chardev is made, so after the sandbox
 * closes only accept4/recvmsg/sendmsg/close are needed. A client that
 * reconnects needs socket and connect as well: not available in the sandbox.
 *
 * Threads: as chardev.c. Known gaps: TLS and websocket; one client at a time (a
 * second one waits in the listen queue until the first leaves).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"
#include "base/opt.h"
#include "core/clock.h"
#include "core/loop.h"
#include "host/char/chardev-impl.h"

enum { TELNET_IAC = 255, TELNET_SB = 250, TELNET_SE = 240, TELNET_BREAK = 243 };

struct chardev_socket {
	struct chardev *c;
	int listen_fd;
	struct loop_watch *listen_watch;
	bool is_unix, telnet, unlink_path;
	uint8_t telnet_state;
	uint64_t reconnect_ns;
	struct timer *timer;
	struct sockaddr_storage addr;
	socklen_t addr_len;
	char path[108];
};

static ssize_t chardev_socket_read(struct chardev *c, uint8_t *buf, size_t len);
static void chardev_socket_eof(struct chardev *c);

/* ---- addresses ---- */

static int chardev_socket_unix_addr(struct chardev_socket *s, const char *path,
                                    bool abstract, bool tight, struct err *e)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&s->addr;
	size_t len = strlen(path);

	if (len >= sizeof(un->sun_path) - (abstract ? 1 : 0)) {
		return err_set(e, -ENAMETOOLONG,
		               "socket path '%s' is longer than the %zu bytes the "
		               "system allows",
		               path, sizeof(un->sun_path) - 1);
	}
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path + (abstract ? 1 : 0), path, len);
	s->addr_len =
		abstract && tight
			? (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + len)
			: sizeof(*un);
	snprintf(s->path, sizeof(s->path), "%s", path);
	s->is_unix = true;
	s->unlink_path = !abstract;
	return 0;
}

static int chardev_socket_tcp_addr(struct chardev_socket *s, const char *host,
                                   const char *port, bool server, int family,
                                   struct err *e)
{
	struct addrinfo hint = { .ai_family = family, .ai_socktype = SOCK_STREAM };
	struct addrinfo *res = NULL;
	int r;

	hint.ai_flags = server ? AI_PASSIVE : 0;
	r = getaddrinfo(host && *host ? host : NULL, port, &hint, &res);
	if (r != 0 || !res) {
		return err_set(e, -EINVAL, "address '%s' port '%s': %s",
		               host ? host : "", port, gai_strerror(r));
	}
	memcpy(&s->addr, res->ai_addr, res->ai_addrlen);
	s->addr_len = res->ai_addrlen;
	freeaddrinfo(res);
	return 0;
}

static void chardev_socket_name(struct chardev_socket *s, bool server, char *out,
                                size_t n)
{
	char host[64] = "?", port[16] = "?";

	if (s->is_unix) {
		snprintf(out, n, "unix:%s%s", s->path, server ? ",server=on" : "");
		return;
	}
	getnameinfo((struct sockaddr *)&s->addr, s->addr_len, host, sizeof(host), port,
	            sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	snprintf(out, n, "%s:%s:%s%s", s->telnet ? "telnet" : "tcp", host, port,
	         server ? ",server=on" : "");
}

static void chardev_socket_set_name(struct chardev_socket *s)
{
	char name[256];

	chardev_socket_name(s, s->listen_fd >= 0, name, sizeof(name));
	chardev_set_filename(s->c, "%s%s",
	                     s->c->connected ? "" : "disconnected:", name);
}

/* ---- connections ---- */

static void chardev_socket_listen_on(struct chardev_socket *s, bool on)
{
	if (s->listen_watch) {
		loop_watch_set(s->listen_watch, on ? POLLIN : 0);
	}
}

static void chardev_socket_connected(struct chardev_socket *s, int fd)
{
	static const uint8_t hello[] = {
		255, 251, 1, /* WILL ECHO */
		255, 251, 3, /* WILL SUPPRESS-GO-AHEAD */
		255, 251, 0, /* WILL BINARY */
		255, 253, 0, /* DO BINARY */
	};
	struct chardev *c = s->c;
	int one = 1;

	chardev_nonblock(fd);
	if (!s->is_unix) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	}
	chardev_socket_listen_on(s, false);
	s->telnet_state = 0;
	if (s->telnet && send(fd, hello, sizeof(hello), MSG_NOSIGNAL) < 0) {
		log_warn("chardev '%s': telnet greeting failed", c->id);
	}
	/* What was written while nobody listened is gone, as on a wire. */
	chardev_pump(c);
	chardev_stream_start(c, fd, fd);
	chardev_set_connected(c, true);
	chardev_socket_set_name(s);
	chardev_stream_update(c);
}

static void chardev_socket_accept(void *opaque, int fd, unsigned revents __unused)
{
	struct chardev_socket *s = opaque;
	int cfd;

	if (s->c->in_fd >= 0) {
		chardev_socket_listen_on(s, false);
		return;
	}
	cfd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (cfd >= 0) {
		chardev_socket_connected(s, cfd);
	}
}

static int chardev_socket_connect(struct chardev_socket *s)
{
	int fd = socket(s->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return -errno;
	}
	if (connect(fd, (struct sockaddr *)&s->addr, s->addr_len) < 0) {
		int r = -errno;

		close(fd);
		return r;
	}
	chardev_socket_connected(s, fd);
	return 0;
}

static void chardev_socket_retry(void *opaque)
{
	struct chardev_socket *s = opaque;

	if (s->c->in_fd < 0 && chardev_socket_connect(s) < 0) {
		timer_mod(s->timer, clock_ns(CLOCK_RT) + s->reconnect_ns);
	}
}

static void chardev_socket_eof(struct chardev *c)
{
	struct chardev_socket *s = c->priv;

	chardev_stream_stop(c);
	while (c->n_fds) {
		close(c->fds[--c->n_fds]);
	}
	chardev_set_connected(c, false);
	chardev_socket_set_name(s);
	if (c->in_fd >= 0) {
		return; /* the front end's handler let somebody in already */
	}
	chardev_socket_listen_on(s, true);
	if (s->timer) {
		timer_mod(s->timer, clock_ns(CLOCK_RT) + s->reconnect_ns);
	}
}

/* ---- data ---- */

/* Strips telnet commands in place; the length that is left. */
static size_t chardev_telnet_filter(struct chardev_socket *s, uint8_t *buf, size_t len)
{
	size_t out = 0;

	for (size_t i = 0; i < len; i++) {
		uint8_t ch = buf[i];

		switch (s->telnet_state) {
		case 0:
			if (ch == TELNET_IAC) {
				s->telnet_state = 1;
			} else {
				buf[out++] = ch;
			}
			break;
		case 1: /* after IAC */
			s->telnet_state = 0;
			if (ch == TELNET_IAC) {
				buf[out++] = ch;
			} else if (ch >= 251 && ch <= 254) {
				s->telnet_state = 2;
			} else if (ch == TELNET_SB) {
				s->telnet_state = 3;
			} else if (ch == TELNET_BREAK) {
				chardev_event_send(s->c, CHARDEV_BREAK);
			}
			break;
		case 2: /* the option of WILL, WONT, DO, DONT */
			s->telnet_state = 0;
			break;
		case 3: /* inside a sub-negotiation, until IAC SE */
			s->telnet_state = ch == TELNET_IAC ? 4 : 3;
			break;
		default: s->telnet_state = ch == TELNET_SE ? 0 : 3; break;
		}
	}
	return out;
}

static void chardev_socket_take_fds(struct chardev *c, struct msghdr *m)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		size_t n;

		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS) {
			continue;
		}
		n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(fd));
			if (c->n_fds < CHARDEV_FDS_MAX) {
				c->fds[c->n_fds++] = fd;
			} else {
				close(fd);
			}
		}
	}
}

static ssize_t chardev_socket_read(struct chardev *c, uint8_t *buf, size_t len)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int) * CHARDEV_FDS_MAX)];
	} ctl;
	struct chardev_socket *s = c->priv;
	struct iovec iov = { buf, len };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1 };
	ssize_t n;

	if (s->is_unix) {
		m.msg_control = ctl.buf;
		m.msg_controllen = sizeof(ctl.buf);
	}
	n = recvmsg(c->in_fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n >= 0 && s->is_unix) {
		chardev_socket_take_fds(c, &m);
	}
	if (n > 0 && s->telnet) {
		n = (ssize_t)chardev_telnet_filter(s, buf, (size_t)n);
		if (n == 0) {
			errno = EAGAIN;
			return -1;
		}
	}
	return n;
}

static ssize_t chardev_socket_out(struct chardev *c, const uint8_t *buf, size_t len)
{
	struct chardev_socket *s = c->priv;
	const uint8_t *iac;
	ssize_t n;

	if (c->out_fd < 0) {
		return -ENOTCONN;
	}
	if (s->telnet) {
		iac = memchr(buf, TELNET_IAC, len);
		if (iac == buf) { /* the byte 255 travels doubled */
			static const uint8_t two[2] = { TELNET_IAC, TELNET_IAC };

			n = send(c->out_fd, two, 2, MSG_NOSIGNAL | MSG_DONTWAIT);
			return n > 0 ? 1 : errno == EAGAIN ? 0 : -errno;
		}
		if (iac) {
			len = (size_t)(iac - buf);
		}
	}
	n = send(c->out_fd, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0) {
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	}
	return n;
}

/* ---- set-up ---- */

static int chardev_socket_bind(struct chardev_socket *s, struct err *e)
{
	int fd = socket(s->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	                0);
	char name[256];
	int one = 1, r;

	chardev_socket_name(s, false, name, sizeof(name));
	if (fd < 0) {
		return err_set_errno(e, -errno, "%s: socket", name);
	}
	if (s->is_unix) {
		if (s->unlink_path) {
			unlink(s->path);
		}
	} else {
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	}
	if (bind(fd, (struct sockaddr *)&s->addr, s->addr_len) < 0 ||
	    listen(fd, 1) < 0) {
		r = -errno;
		close(fd);
		return err_set_errno(e, r, "cannot listen on %s", name);
	}
	s->listen_fd = fd;
	getsockname(fd, (struct sockaddr *)&s->addr, &s->addr_len);
	return 0;
}

static int chardev_socket_server(struct chardev_socket *s, bool wait, struct err *e)
{
	struct pollfd p = { .fd = s->listen_fd, .events = POLLIN };

	chardev_nonblock(s->listen_fd);
	s->listen_watch = loop_watch_new(s->c->loop, s->listen_fd, POLLIN,
	                                 chardev_socket_accept, s);
	if (!s->listen_watch) {
		return err_set(e, -ENOMEM, "chardev '%s': cannot watch the socket",
		               s->c->id);
	}
	chardev_socket_set_name(s);
	while (wait && s->c->in_fd < 0) {
		log_info("waiting for a connection on %s", s->c->filename);
		if (poll(&p, 1, -1) > 0) {
			chardev_socket_accept(s, s->listen_fd, POLLIN);
		}
	}
	return 0;
}

static int chardev_socket_from_fd(struct chardev_socket *s, int fd, bool *server,
                                  struct err *e)
{
	int listening = 0;
	socklen_t len = sizeof(listening);

	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) < 0) {
		return err_set_errno(e, -errno, "chardev '%s': fd %d is no socket",
		                     s->c->id, fd);
	}
	s->addr_len = sizeof(s->addr);
	getsockname(fd, (struct sockaddr *)&s->addr, &s->addr_len);
	s->is_unix = s->addr.ss_family == AF_UNIX;
	if (s->is_unix) {
		struct sockaddr_un *un = (struct sockaddr_un *)&s->addr;

		snprintf(s->path, sizeof(s->path), "%.*s",
		         (int)sizeof(un->sun_path) - 1, un->sun_path);
	}
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*server = listening != 0;
	if (listening) {
		s->listen_fd = fd;
	} else {
		chardev_socket_connected(s, fd);
	}
	return 0;
}

struct chardev_socket_opts {
	bool server, wait, telnet, abstract, tight, ipv4, ipv6;
	uint64_t reconnect, to;
	const char *path, *host, *port, *fd;
};

static int chardev_socket_parse(struct chardev_socket_opts *a, struct opt *o,
                                struct err *e)
{
	bool unused;
	int r;

	a->path = opt_get_str(o, "path", NULL);
	a->host = opt_get_str(o, "host", NULL);
	a->port = opt_get_str(o, "port", NULL);
	a->fd = opt_get_str(o, "fd", NULL);
	r = opt_get_bool(o, "server", false, &a->server, e);
	r = r < 0 ? r : opt_get_bool(o, "wait", a->server, &a->wait, e);
	r = r < 0 ? r : opt_get_bool(o, "telnet", false, &a->telnet, e);
	r = r < 0 ? r : opt_get_bool(o, "abstract", false, &a->abstract, e);
	r = r < 0 ? r : opt_get_bool(o, "tight", true, &a->tight, e);
	r = r < 0 ? r : opt_get_bool(o, "ipv4", false, &a->ipv4, e);
	r = r < 0 ? r : opt_get_bool(o, "ipv6", false, &a->ipv6, e);
	r = r < 0 ? r : opt_get_bool(o, "delay", true, &unused, e);
	r = r < 0 ? r : opt_get_bool(o, "nodelay", true, &unused, e);
	r = r < 0 ? r : opt_get_u64(o, "reconnect", 0, &a->reconnect, e);
	r = r < 0 ? r : opt_get_u64(o, "to", 0, &a->to, e);
	if (r < 0) {
		return r;
	}
	if (opt_has(o, "tls-creds") || opt_has(o, "websocket")) {
		return err_set(e, -ENOTSUP,
		               "chardev socket: tls-creds and websocket are not "
		               "supported");
	}
	if (!a->path && !a->port && !a->fd) {
		return err_set(e, -EINVAL,
		               "chardev socket: give path=, host= and port=, or fd=");
	}
	return 0;
}

static int chardev_socket_setup(struct chardev_socket *s, struct chardev_socket_opts *a,
                                struct err *e)
{
	char name[256];
	int r = 0, fd;

	if (a->fd) {
		if (sscanf(a->fd, "%d", &fd) != 1 || fd < 0) {
			return err_set(e, -EINVAL,
			               "chardev socket: fd=%s is no descriptor", a->fd);
		}
		r = chardev_socket_from_fd(s, fd, &a->server, e);
		return r < 0 || !a->server ? r : chardev_socket_server(s, a->wait, e);
	}
	if (a->path) {
		r = chardev_socket_unix_addr(s, a->path, a->abstract, a->tight, e);
	} else {
		r = chardev_socket_tcp_addr(s, a->host, a->port, a->server,
		                            a->ipv4 && !a->ipv6   ? AF_INET
		                            : a->ipv6 && !a->ipv4 ? AF_INET6
		                                                  : AF_UNSPEC,
		                            e);
	}
	if (r < 0) {
		return r;
	}
	if (a->server) {
		r = chardev_socket_bind(s, e);
		return r < 0 ? r : chardev_socket_server(s, a->wait, e);
	}
	if (a->reconnect) {
		s->reconnect_ns = a->reconnect * NS_PER_S;
		s->timer = timer_new(s->c->loop, CLOCK_RT, chardev_socket_retry, s);
	}
	r = chardev_socket_connect(s);
	if (r < 0 && s->timer) {
		timer_mod(s->timer, clock_ns(CLOCK_RT) + s->reconnect_ns);
		chardev_socket_set_name(s);
		return 0;
	}
	chardev_socket_name(s, false, name, sizeof(name));
	return r < 0 ? err_set_errno(e, r, "cannot connect to %s", name) : 0;
}

static void chardev_socket_close(struct chardev *c)
{
	struct chardev_socket *s = c->priv;

	if (s->timer) {
		timer_free(s->timer);
	}
	if (s->listen_watch) {
		loop_watch_free(s->listen_watch);
	}
	if (s->listen_fd >= 0) {
		close(s->listen_fd);
		if (s->is_unix && s->unlink_path) {
			unlink(s->path);
		}
	}
	chardev_stream_stop(c);
	free(s);
	c->priv = NULL;
}

static int chardev_socket_open(struct chardev *c, struct opt *o, struct err *e)
{
	struct chardev_socket_opts a;
	struct chardev_socket *s;
	int r = chardev_socket_parse(&a, o, e);

	if (r < 0) {
		return r;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		return -ENOMEM;
	}
	s->c = c;
	s->listen_fd = -1;
	s->telnet = a.telnet;
	c->priv = s;
	c->stream_read = chardev_socket_read;
	c->stream_eof = chardev_socket_eof;
	r = chardev_socket_setup(s, &a, e);
	if (r < 0) {
		chardev_socket_close(c);
	}
	return r;
}

const struct chardev_driver chardev_drv_socket = {
	.name = "socket",
	.help = "path=PATH | host=H,port=P | fd=N [server=on] [wait=off] [telnet=on] "
		"[reconnect=S]",
	.open = chardev_socket_open,
	.close = chardev_socket_close,
	.out = chardev_socket_out,
	.accept = chardev_stream_update,
};
