/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * host_test.c - chardevs against real pipes, sockets and terminals; the mux and its
 * escape key; netdev options.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/opt.h"
#include "core/loop.h"
#include "host/char/chardev.h"
#include "host/net/netdev.h"
#include "tests/unit/unit.h"

struct front {
	char got[8192];
	size_t len, room;
	int opened, closed, breaks, in, out;
};

static struct loop *t_loop;
static char t_dir[64];

static size_t front_can_read(void *o)
{
	struct front *f = o;

	return f->room;
}

static void front_read(void *o, const uint8_t *buf, size_t len)
{
	struct front *f = o;

	ck_assert_uint_le(len, f->room);
	ck_assert_uint_lt(f->len + len, sizeof(f->got));
	memcpy(f->got + f->len, buf, len);
	f->len += len;
	f->got[f->len] = 0;
}

static void front_event(void *o, enum chardev_event ev)
{
	struct front *f = o;

	f->opened += ev == CHARDEV_OPENED;
	f->closed += ev == CHARDEV_CLOSED;
	f->breaks += ev == CHARDEV_BREAK;
	f->in += ev == CHARDEV_MUX_IN;
	f->out += ev == CHARDEV_MUX_OUT;
}

static void attach(struct chardev *c, struct front *f, bool monitor)
{
	struct chardev_front cf = {
		.can_read = front_can_read,
		.read = front_read,
		.event = front_event,
		.opaque = f,
		.monitor = monitor,
	};
	struct err e = ERR_INIT;

	memset(f, 0, sizeof(*f));
	f->room = 4096;
	ck_assert_msg(chardev_attach(c, &cf, &e) == 0, "%s", e.text);
}

static struct chardev *make(const char *text, const char *id)
{
	struct err e = ERR_INIT;
	struct chardev *c = chardev_new_short(text, id, t_loop, &e);

	ck_assert_msg(c != NULL, "%s: %s", text, e.text);
	return c;
}

static void setup(void)
{
	struct err e = ERR_INIT;

	t_loop = loop_new(LOOP_AUTO, &e);
	ck_assert_ptr_nonnull(t_loop);
	strcpy(t_dir, "/tmp/lodge-host-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(t_dir));
}

static void teardown(void)
{
	char cmd[128];

	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", t_dir);
	ck_assert_int_eq(system(cmd), 0);
	loop_free(t_loop);
}

static int unix_connect(const char *path)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&un, sizeof(un)), 0);
	return fd;
}

/* The next `len` bytes, or what there is of them. */
static size_t read_turning(int fd, void *buf, size_t len)
{
	size_t n = 0;

	(void)unit_wait_turning(t_loop, unit_take(fd, buf, len, &n) == len);
	return n;
}

static void expect_read(int fd, const char *want)
{
	char buf[256];

	buf[read_turning(fd, buf, strlen(want))] = 0;
	ck_assert_str_eq(buf, want);
}

static void expect_front(struct front *f, const char *want)
{
	(void)unit_wait_turning(t_loop, f->len >= strlen(want));
	ck_assert_str_eq(f->got, want);
}

/* A server at `path` (100 bytes), with a front end. */
static struct chardev *make_server(char *path, struct front *f)
{
	char text[160];
	struct chardev *c;

	snprintf(path, 100, "%s/s", t_dir);
	snprintf(text, sizeof(text), "unix:%s,server=on,wait=off", path);
	c = make(text, "c0");
	attach(c, f, false);
	return c;
}

START_TEST(test_unix_server)
{
	char path[100];
	struct chardev *c;
	struct front f;
	int fd;

	c = make_server(path, &f);
	ck_assert(!chardev_connected(c));
	ck_assert_uint_eq(chardev_write(c, "lost", 4), 4);
	unit_turns(t_loop, 2);
	for (int round = 0; round < 3; round++) { /* clients come and go */
		fd = unix_connect(path);
		unit_await_turning(t_loop, f.opened == round + 1);
		ck_assert(chardev_connected(c));
		chardev_write(c, "hello", 5);
		expect_read(fd, "hello");
		f.len = 0;
		ck_assert_int_eq(send(fd, "abc", 3, 0), 3);
		expect_front(&f, "abc");
		close(fd);
		unit_await_turning(t_loop, f.closed == round + 1);
	}
	chardev_free(c);
	ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(test_flow_control)
{
	char path[100];
	struct chardev *c;
	struct front f;
	int fd;

	c = make_server(path, &f);
	f.room = 1;
	fd = unix_connect(path);
	ck_assert_int_eq(send(fd, "0123456789", 10, 0), 10);
	expect_front(&f, "0123456789");
	f.room = 0;
	f.len = 0;
	ck_assert_int_eq(send(fd, "x", 1, 0), 1);
	unit_turns(t_loop, 5);
	ck_assert_uint_eq(f.len, 0);
	f.room = 16;
	chardev_accept_input(c);
	expect_front(&f, "x");
	close(fd);
	chardev_free(c);
}
END_TEST

/* A peer that does not read: output is bounded and comes out whole later. */
START_TEST(test_backpressure)
{
	char path[100], buf[4096];
	size_t sent = 0, got = 0;
	struct chardev *c;
	struct front f;
	int fd;

	c = make_server(path, &f);
	fd = unix_connect(path);
	unit_await_turning(t_loop, f.opened);
	for (unsigned i = 0; i < 4096; i++) {
		memset(buf, (char)i, sizeof(buf));
		size_t n = chardev_write(c, buf, sizeof(buf));

		sent += n;
		if (n < sizeof(buf)) {
			break;
		}
	}
	ck_assert_uint_lt(sent, 4u << 20);
	while (got < sent) {
		size_t n = read_turning(fd, buf, MIN(sizeof(buf), sent - got));

		ck_assert_uint_gt(n, 0);
		for (size_t k = 0; k < n; k++) {
			ck_assert_int_eq(buf[k], (char)((got + k) / sizeof(buf)));
		}
		got += n;
	}
	close(fd);
	chardev_free(c);
}
END_TEST

START_TEST(test_scm_rights)
{
	char path[100];
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} ctl;
	struct iovec iov = { (void *)"m", 1 };
	struct msghdr m = { .msg_iov = &iov,
		            .msg_iovlen = 1,
		            .msg_control = ctl.buf,
		            .msg_controllen = sizeof(ctl.buf) };
	struct cmsghdr *h;
	struct chardev *c;
	struct front f;
	struct stat a, b;
	int fd, sent, got;

	c = make_server(path, &f);
	fd = unix_connect(path);
	sent = open("/dev/null", O_RDONLY);
	memset(&ctl, 0, sizeof(ctl));
	h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &sent, sizeof(sent));
	ck_assert_int_eq(sendmsg(fd, &m, 0), 1);
	expect_front(&f, "m");
	got = chardev_take_fd(c);
	ck_assert_int_ge(got, 0);
	ck_assert_int_eq(fstat(got, &a), 0);
	ck_assert_int_eq(fstat(sent, &b), 0);
	ck_assert(a.st_ino == b.st_ino && got != sent);
	ck_assert_int_eq(chardev_take_fd(c), -1);
	close(got);
	close(sent);
	close(fd);
	chardev_free(c);
}
END_TEST

/* libvirt hands over a listening socket: fd=N,server=on,wait=off */
START_TEST(test_inherited_fd)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	int lfd = socket(AF_UNIX, SOCK_STREAM, 0), fd;
	struct err e = ERR_INIT;
	char text[128];
	struct chardev *c;
	struct front f;
	struct opt *o;

	snprintf(un.sun_path, sizeof(un.sun_path), "%s/l", t_dir);
	ck_assert_int_eq(bind(lfd, (struct sockaddr *)&un, sizeof(un)), 0);
	ck_assert_int_eq(listen(lfd, 1), 0);
	snprintf(text, sizeof(text), "socket,id=mon,fd=%d,server=on,wait=off", lfd);
	ck_assert_int_eq(opt_parse(&o, text, "backend", &e), 0);
	c = chardev_new(o, t_loop, &e);
	ck_assert_msg(c != NULL, "%s", e.text);
	opt_free(o);
	attach(c, &f, false);
	fd = unix_connect(un.sun_path);
	ck_assert_int_eq(send(fd, "hi", 2, 0), 2);
	expect_front(&f, "hi");
	close(fd);
	chardev_free(c);
	ck_assert_int_eq(access(un.sun_path, F_OK), 0); /* not ours to remove */
}
END_TEST

static int t_quits;

static void quit(void *o)
{
	(void)o;
	t_quits++;
}

START_TEST(test_mux)
{
	struct front con, mon;
	struct chardev *c;
	char text[160], path[100];
	int fd;

	snprintf(path, sizeof(path), "%s/s", t_dir);
	snprintf(text, sizeof(text), "mon:unix:%s,server=on,wait=off", path);
	c = make(text, "serial0");
	ck_assert(chardev_wants_monitor(c));
	chardev_set_quit(quit, NULL);
	attach(c, &mon, true);
	attach(c, &con, false); /* takes the focus */
	fd = unix_connect(path);
	ck_assert_int_eq(send(fd, "a\001\001b", 4, 0), 4);
	expect_front(&con, "a\001b");
	ck_assert_uint_eq(mon.len, 0);
	ck_assert_int_eq(send(fd, "\001cinfo", 6, 0), 6);
	expect_front(&mon, "info");
	ck_assert_int_eq(con.out, 1);
	ck_assert_int_eq(send(fd, "\001c\001b\001x", 6, 0), 6);
	unit_await_turning(t_loop, t_quits);
	ck_assert_int_eq(t_quits, 1);
	ck_assert_int_eq(con.breaks, 1);
	ck_assert_str_eq(con.got, "a\001b");
	chardev_write(c, "out", 3);
	expect_read(fd, "\r\nlodge: terminated\r\nout");
	chardev_detach_front(c, &con);
	ck_assert_int_eq(send(fd, "z", 1, 0), 1);
	expect_front(&mon, "infoz");
	close(fd);
	chardev_free(c);
}
END_TEST

START_TEST(test_pty)
{
	struct chardev *c = make("pty", "p0");
	const char *name = chardev_filename(c);
	struct front f;
	int fd;

	attach(c, &f, false);
	ck_assert_int_eq(strncmp(name, "pty:/dev/pts/", 13), 0);
	fd = open(name + 4, O_RDWR | O_NOCTTY | O_NONBLOCK);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "in\r", 3), 3);
	expect_front(&f, "in\r");
	chardev_write(c, "out\n", 4);
	expect_read(fd, "out\n");
	close(fd);
	chardev_free(c);
}
END_TEST

START_TEST(test_file_and_log)
{
	char text[256], buf[32] = "";
	struct err e = ERR_INIT;
	struct chardev *c;
	struct opt *o;
	int fd;

	snprintf(text, sizeof(text), "file,id=f,path=%s/out,logfile=%s/log", t_dir,
	         t_dir);
	ck_assert_int_eq(opt_parse(&o, text, "backend", &e), 0);
	c = chardev_new(o, t_loop, &e);
	ck_assert_msg(c != NULL, "%s", e.text);
	opt_free(o);
	chardev_write(c, "one\n", 4);
	chardev_free(c); /* last words are kept */
	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), "%s/%s", t_dir, i ? "log" : "out");
		fd = open(text, O_RDONLY);
		ck_assert_int_eq(read(fd, buf, sizeof(buf)), 4);
		ck_assert_str_eq(buf, "one\n");
		close(fd);
	}
}
END_TEST

START_TEST(test_ringbuf)
{
	struct chardev *c = make("ringbuf", "r0");
	char buf[64];

	chardev_write(c, "abc", 3);
	ck_assert_int_eq(chardev_ringbuf_read(c, buf, sizeof(buf)), 3);
	ck_assert_int_eq(chardev_ringbuf_read(c, buf, sizeof(buf)), 0);
	chardev_free(c);
}
END_TEST

START_TEST(test_telnet)
{
	static const unsigned char in[] = { 'a', 255, 253, 3,   255, 250, 24, 1,
		                            255, 240, 'b', 255, 255, 255, 243 };
	unsigned char buf[64];
	struct chardev *c = make("telnet:127.0.0.1:0,server=on,wait=off", "t0");
	struct sockaddr_in sa = { .sin_family = AF_INET };
	unsigned port = 0;
	struct front f;
	int fd;

	attach(c, &f, false);
	ck_assert_int_eq(sscanf(chardev_filename(c),
	                        "disconnected:telnet:127.0.0.1:%u,server=on", &port),
	                 1);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	sa.sin_port = __builtin_bswap16((uint16_t)port);
	sa.sin_addr.s_addr = __builtin_bswap32(0x7f000001);
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_uint_eq(read_turning(fd, buf, 12), 12);
	ck_assert_int_eq(send(fd, in, sizeof(in), 0), (int)sizeof(in));
	expect_front(&f, "ab\377");
	ck_assert_int_eq(f.breaks, 1);
	chardev_write(c, "\377x", 2);
	ck_assert_uint_eq(read_turning(fd, buf, 3), 3);
	close(fd);
	chardev_free(c);
}
END_TEST

START_TEST(test_char_errors)
{
	static const char *const bad[] = { "bogus",
		                           "tcp:nohost",
		                           "unix:/nonexistent/x/y",
		                           "file:/nonexistent/x/y",
		                           "chardev:none",
		                           "tcp:localhost:notaport" };
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;

		ck_assert_msg(chardev_new_short(bad[i], "x", t_loop, &e) == NULL, "%s",
		              bad[i]);
		ck_assert_msg(strlen(e.text) > 10, "%s: '%s'", bad[i], e.text);
		ck_assert_ptr_null(chardev_find("x"));
	}
}
END_TEST

#ifdef HAVE_SLIRP
static struct netdev *net(const char *text, struct err *e)
{
	struct netdev *n;
	struct opt *o;

	e->text[0] = 0;
	ck_assert_int_eq(opt_parse(&o, text, "type", e), 0);
	n = netdev_new(o, e);
	opt_free(o);
	return n;
}

START_TEST(test_user_errors)
{
	static const char *const bad[] = {
		"user,id=n,hostfwd=tcp:1:2:3",
		"user,id=n,hostfwd=sctp::1-:2",
		"user,id=n,hostfwd=tcp::99999-:22",
		"user,id=n,net=300.1.1.1",
		"user,id=n,net=10.0.0.0/40",
		"user,id=n,dhcpstart=1.2.3.4",
		"user,id=n,tftp=/tmp",
		"user",
		"user,id=n,nosuch=1",
		"bogus,id=n",
	};
	struct err e;

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		ck_assert_msg(net(bad[i], &e) == NULL, "%s", bad[i]);
		ck_assert_msg(strlen(e.text) > 10, "%s: '%s'", bad[i], e.text);
		ck_assert_ptr_null(netdev_find("n"));
	}
}
END_TEST

START_TEST(test_user_hostfwd)
{
	struct sockaddr_in sa = { .sin_family = AF_INET };
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	struct netdev *n;
	struct err e;
	char text[128];

	sa.sin_addr.s_addr = __builtin_bswap32(0x7f000001);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(text, sizeof(text), "user,id=n,hostfwd=tcp:127.0.0.1:%u-:22",
	         (unsigned)__builtin_bswap16(sa.sin_port));
	ck_assert_ptr_null(net(text, &e));
	ck_assert_msg(strstr(e.text, "in use") != NULL, "%s", e.text);
	close(fd);
	n = net(text, &e);
	ck_assert_msg(n != NULL, "%s", e.text);
	netdev_free(n);
}
END_TEST
#endif

int main(void)
{
	Suite *s = suite_create("host");
	TCase *t = unit_case(s, "host");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_unix_server);
	tcase_add_test(t, test_flow_control);
	tcase_add_test(t, test_backpressure);
	tcase_add_test(t, test_scm_rights);
	tcase_add_test(t, test_inherited_fd);
	tcase_add_test(t, test_mux);
	tcase_add_test(t, test_pty);
	tcase_add_test(t, test_file_and_log);
	tcase_add_test(t, test_ringbuf);
	tcase_add_test(t, test_telnet);
	tcase_add_test(t, test_char_errors);
#ifdef HAVE_SLIRP
	tcase_add_test(t, test_user_errors);
	tcase_add_test(t, test_user_hostfwd);
#endif
	return unit_main(s);
}
