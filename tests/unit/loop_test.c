/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * loop_test.c - the event loop with both back ends: posts and calls from other
 * threads, doorbells, watches, file I/O, timers, the VM clock.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#ifdef HAVE_LIBURING
#include <liburing.h>
#endif

#include "core/clock.h"
#include "core/loop.h"
#include "core/role.h"
#include "unit.h"

static struct loop *make(int backend)
{
	struct err e = ERR_INIT;
	struct loop *l = loop_new(backend ? LOOP_EPOLL : LOOP_AUTO, &e);

	ck_assert_msg(l != NULL, "%s", e.text);
	return l;
}

static void stop(void *opaque)
{
	loop_stop(opaque);
}

static void *run(void *opaque)
{
	loop_run(opaque);
	return NULL;
}

/* ---- posts ---- */

enum { POSTERS = 4, POSTS = 5000 };

struct poster {
	struct loop *l;
	unsigned last, n;
	bool ordered;
};
struct post {
	struct poster *p;
	unsigned seq;
};

static void post_arrives(void *opaque)
{
	struct post *p = opaque;

	p->p->ordered &= p->seq == p->p->last + 1;
	p->p->last = p->seq;
	p->p->n++;
	free(p);
}

static void *post_many(void *opaque)
{
	struct poster *p = opaque;

	for (unsigned i = 1; i <= POSTS; i++) {
		struct post *x = malloc(sizeof(*x));

		x->p = p;
		x->seq = i;
		loop_post(p->l, post_arrives, x);
		if (i % 500 == 0) {
			usleep(100); /* let the loop fall asleep now and then */
		}
	}
	return NULL;
}

START_TEST(test_posts)
{
	struct loop *l = make(_i);
	struct poster p[POSTERS];
	pthread_t t[POSTERS], lt;

	pthread_create(&lt, NULL, run, l);
	for (unsigned i = 0; i < POSTERS; i++) {
		p[i] = (struct poster){ .l = l, .ordered = true };
		pthread_create(&t[i], NULL, post_many, &p[i]);
	}
	for (unsigned i = 0; i < POSTERS; i++) {
		pthread_join(t[i], NULL);
	}
	loop_call(l, stop, l);
	pthread_join(lt, NULL);
	for (unsigned i = 0; i < POSTERS; i++) {
		ck_assert_uint_eq(p[i].n, POSTS);
		ck_assert(p[i].ordered);
	}
	loop_free(l);
}
END_TEST

static void add_one(void *opaque)
{
	++*(int *)opaque;
}

/* Ping-pong: each call waits for a sleeping loop, so that a lost wake-up hangs. */
START_TEST(test_calls)
{
	struct loop *l = make(_i);
	pthread_t lt;
	int n = 0;

	loop_call(l, add_one, &n); /* nobody runs it: on this thread */
	ck_assert_int_eq(n, 1);
	pthread_create(&lt, NULL, run, l);
	for (int i = 0; i < 5000; i++) {
		loop_call(l, add_one, &n);
	}
	ck_assert_int_eq(n, 5001);
	loop_stop(l);
	pthread_join(lt, NULL);
	loop_call(l, add_one, &n);
	ck_assert_int_eq(n, 5002);
	loop_free(l);
}
END_TEST

/* Calls while the loop's thread comes and goes: each is carried out, by one side. */
static void *call_many(void *opaque)
{
	struct poster *p = opaque;

	for (int i = 0; i < 5000; i++) {
		loop_call(p->l, add_one, &p->n);
	}
	p->ordered = true;
	return NULL;
}

START_TEST(test_calls_and_stops)
{
	struct poster p = { .l = make(_i) };
	pthread_t t, lt;

	pthread_create(&t, NULL, call_many, &p);
	for (int i = 0; i < 100; i++) {
		pthread_create(&lt, NULL, run, p.l);
		usleep(200);
		loop_stop(p.l);
		pthread_join(lt, NULL);
	}
	pthread_join(t, NULL);
	ck_assert_uint_eq(p.n, 5000);
	loop_free(p.l);
}
END_TEST

/* ---- doorbells ---- */

struct bell {
	struct event *ev;
	_Atomic unsigned rung, seen;
	unsigned calls;
};

static void bell_rings(void *opaque)
{
	struct bell *b = opaque;

	b->calls++;
	atomic_store(&b->seen, atomic_load(&b->rung));
}

START_TEST(test_events)
{
	struct loop *l = make(_i);
	struct bell b = { 0 };
	pthread_t lt;
	uint64_t one = 1;

	b.ev = event_new(l, bell_rings, &b);
	event_ring(b.ev);
	event_ring(b.ev);
	loop_turn(l, false);
	ck_assert_uint_eq(b.calls, 1); /* coalesced */
	ck_assert_int_ge(event_fd(b.ev), 0);
	ck_assert_int_eq(write(event_fd(b.ev), &one, 8), 8);
	unit_await_turning(l, b.calls == 2);
	pthread_create(&lt, NULL, run, l);
	for (unsigned i = 1; i <= 20000; i++) {
		atomic_store(&b.rung, i);
		event_ring(b.ev);
	}
	unit_await(atomic_load(&b.seen) == 20000);
	loop_stop(l);
	pthread_join(lt, NULL);
	event_ring(b.ev);
	event_free(b.ev); /* with a ring on the way */
	loop_turn(l, false);
	loop_free(l);
}
END_TEST

/* ---- watches ---- */

struct sock {
	struct loop *l;
	struct loop_watch *w, *other;
	int calls, errors;
	char buf[16];
	bool drain, free_other;
};

static void sock_ready(void *opaque, int fd, unsigned revents)
{
	struct sock *s = opaque;

	ck_assert(revents & POLLIN);
	s->calls++;
	if (s->drain && read(fd, s->buf, sizeof(s->buf)) <= 0) {
		ck_abort_msg("nothing to read");
	}
	if (s->free_other) {
		loop_watch_free(s->other);
		loop_watch_free(s->w);
	}
}

START_TEST(test_watches)
{
	struct loop *l = make(_i);
	struct sock s = { 0 };
	int fd[2];

	ck_assert(!socketpair(AF_UNIX, SOCK_STREAM, 0, fd));
	s.w = loop_watch_new(l, fd[0], POLLIN, sock_ready, &s);
	unit_turns(l, 3);
	ck_assert_int_eq(s.calls, 0);
	ck_assert_int_eq(write(fd[1], "abc", 3), 3);
	loop_turn(l, true);
	unit_await_turning(l, s.calls >= 2); /* level-triggered */
	s.calls = 0;
	loop_watch_set(s.w, 0);
	unit_turns(l, 4);
	ck_assert_int_le(s.calls, 1); /* one may have been on its way */
	s.calls = 0;
	unit_turns(l, 4);
	ck_assert_int_eq(s.calls, 0);
	s.drain = true;
	loop_watch_set(s.w, POLLIN);
	unit_await_turning(l, s.calls);
	unit_turns(l, 3);
	ck_assert_int_eq(s.calls, 1);
	ck_assert_str_eq(s.buf, "abc");
	loop_watch_free(s.w);
	close(fd[0]);
	/* The peer sees the close although a poll was under way. */
	unit_await_turning(l, recv(fd[1], s.buf, 1, MSG_DONTWAIT) == 0);
	close(fd[1]);
	loop_free(l);
}
END_TEST

/* A callback frees its own watch and another that is ready too. */
START_TEST(test_watch_free_inside)
{
	struct loop *l = make(_i);
	struct sock a = { .free_other = true }, b = { .free_other = true };
	int p[2], q[2];

	ck_assert(!pipe(p) && !pipe(q));
	a.w = b.other = loop_watch_new(l, p[0], POLLIN, sock_ready, &a);
	b.w = a.other = loop_watch_new(l, q[0], POLLIN, sock_ready, &b);
	ck_assert_int_eq(write(p[1], "x", 1), 1);
	ck_assert_int_eq(write(q[1], "x", 1), 1);
	unit_await_turning(l, a.calls + b.calls);
	unit_turns(l, 10);
	ck_assert_int_eq(a.calls + b.calls, 1);
	for (int i = 0; i < 2; i++) {
		close(p[i]);
		close(q[i]);
	}
	loop_free(l);
}
END_TEST

/* ---- watches that the kernel refuses ---- */

static struct {
	int err; /* what `left` requests are answered with */
	unsigned left;
} refuse;

int __real_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev);
int __wrap_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev);

int __wrap_epoll_ctl(int ep, int op, int fd, struct epoll_event *ev)
{
	if (refuse.left && op != EPOLL_CTL_DEL) {
		refuse.left--;
		errno = refuse.err;
		return -1;
	}
	return __real_epoll_ctl(ep, op, fd, ev);
}

#ifdef HAVE_LIBURING
enum { URING_WATCH = 2, URING_TAGS = 7 }; /* enum uring_tag */

int __real_io_uring_submit_and_get_events(struct io_uring *r);
int __wrap_io_uring_submit_and_get_events(struct io_uring *r);

/* A poll has ended: with an error instead. */
int __wrap_io_uring_submit_and_get_events(struct io_uring *r)
{
	int ret = __real_io_uring_submit_and_get_events(r);
	struct io_uring_cqe *cqe;
	unsigned head;

	io_uring_for_each_cqe(r, head, cqe)
	{
		if (refuse.left && (cqe->user_data & URING_TAGS) == URING_WATCH) {
			refuse.left--;
			cqe->res = -refuse.err;
		}
	}
	return ret;
}
#endif

static void lost_ready(void *opaque, int fd __unused, unsigned revents)
{
	struct sock *s = opaque;

	s->calls += revents == POLLIN;
	s->errors += (revents & POLLERR) != 0;
}

/* A pipe with something in it, of which a watch's first requests are refused. */
static struct loop *refused(int backend, struct sock *s, int fd[2], int err, unsigned n)
{
	struct loop *l = make(backend);

	ck_assert(!pipe(fd));
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	refuse.err = err;
	refuse.left = n;
	s->w = loop_watch_new(l, fd[0], POLLIN, lost_ready, s);
	unit_await_turning(l, s->calls || s->errors);
	return l;
}

START_TEST(test_watch_refused_for_now)
{
	static const int errs[] = { EINTR, EAGAIN, ENOMEM, ECANCELED };

	for (unsigned i = 0; i < ARRAY_LEN(errs); i++) {
		struct sock s = { 0 };
		int fd[2];
		struct loop *l = refused(_i, &s, fd, errs[i], 3);

		ck_assert_uint_eq(refuse.left, 0);
		ck_assert_int_gt(s.calls, 0);
		ck_assert_int_eq(s.errors, 0);
		loop_free(l);
		close(fd[0]);
		close(fd[1]);
	}
}
END_TEST

/* What the warnings say, of which there is one. */
static void expect_warning(int log, const char *text, int fd, int err)
{
	char want[128], got[512];
	ssize_t n = pread(log, got, sizeof(got) - 1, 0);

	ck_assert_int_gt(n, 0);
	got[n] = 0;
	snprintf(want, sizeof(want), "descriptor %d %s: %s\n", fd, text, strerror(err));
	ck_assert_ptr_nonnull(strstr(got, want));
	ck_assert_ptr_eq(strchr(got, '\n'), got + n - 1);
}

START_TEST(test_watch_refused)
{
	int log = memfd_create("stderr", MFD_CLOEXEC), was = dup(2), fd[2];
	struct sock s = { 0 };
	struct loop *l;

	ck_assert(log >= 0 && dup2(log, 2) == 2);
	l = refused(_i, &s, fd, EBADF, 1);
	unit_turns(l, 5);
	loop_watch_set(s.w, 0);
	loop_watch_set(s.w, POLLIN); /* it is not tried again */
	unit_turns(l, 5);
	ck_assert_int_eq(dup2(was, 2), 2);
	ck_assert_int_eq(s.calls, 0);
	ck_assert_int_eq(s.errors, 1);
	expect_warning(log, "can't be watched any more", fd[0], EBADF);
	loop_watch_free(s.w);
	loop_free(l);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

/* The kernel ends the polls of a thread that ends. */
static void *arm_and_end(void *opaque)
{
	struct sock *s = opaque;

	loop_watch_set(s->w, POLLIN);
	loop_turn(s->l, false);
	return NULL;
}

START_TEST(test_watch_of_ended_thread)
{
	struct sock s = { .l = make(_i) };
	pthread_t t;
	int fd[2];

	ck_assert(!pipe(fd));
	s.w = loop_watch_new(s.l, fd[0], 0, lost_ready, &s);
	pthread_create(&t, NULL, arm_and_end, &s);
	pthread_join(t, NULL);
	unit_turns(s.l, 3);
	ck_assert_int_eq(write(fd[1], "x", 1), 1);
	unit_await_turning(s.l, s.calls);
	ck_assert_int_eq(s.errors, 0);
	loop_free(s.l);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

/* A callback of an always-ready file frees another's watch, which epoll walks by itself. */
static void file_ready(void *opaque, int fd __unused, unsigned revents __unused)
{
	struct sock *s = opaque;

	s->calls++;
	loop_watch_free(s->other);
	s->other = NULL;
}

START_TEST(test_watch_files)
{
	struct loop *l = make(_i);
	struct sock a = { 0 }, b = { 0 };
	char name[] = "/tmp/lodge-test-XXXXXX";
	int fd[2] = { mkstemp(name), -1 };

	fd[1] = open(name, O_RDONLY | O_CLOEXEC);
	unlink(name);
	ck_assert(fd[0] >= 0 && fd[1] >= 0);
	a.w = loop_watch_new(l, fd[0], POLLIN, file_ready, &a);
	b.w = a.other = loop_watch_new(l, fd[1], POLLIN, file_ready, &b);
	unit_await_turning(l, a.calls >= 3);
	ck_assert_int_le(b.calls, 1);
	loop_free(l);
	close(fd[0]);
	close(fd[1]);
}
END_TEST

/* ---- file I/O ---- */

struct io_done {
	struct loop_io io;
	int n;
	ssize_t result;
};

static void io_finished(void *opaque, ssize_t result)
{
	struct io_done *d = opaque;

	d->n++;
	d->result = result;
}

static void io_wait(struct loop *l, struct io_done *d)
{
	while (!d->n) {
		loop_turn(l, true);
	}
	ck_assert_int_eq(d->n, 1);
	d->n = 0;
}

START_TEST(test_file_io)
{
	struct loop *l = make(_i);
	char name[] = "/tmp/lodge-test-XXXXXX", a[4] = "abc", b[4] = "def",
	     buf[16] = "";
	struct iovec iov[2] = { { a, 3 }, { b, 3 } }, rd = { buf, 6 };
	struct io_done d = { 0 };
	int fd = mkstemp(name);

	unlink(name);
	loop_writev(l, &d.io, fd, iov, 2, 5, io_finished, &d);
	io_wait(l, &d);
	ck_assert_int_eq(d.result, 6);
	loop_readv(l, &d.io, fd, &rd, 1, 5, io_finished, &d);
	io_wait(l, &d);
	ck_assert_int_eq(d.result, 6);
	ck_assert_str_eq(buf, "abcdef");
	loop_fdatasync(l, &d.io, fd, io_finished, &d);
	io_wait(l, &d);
	ck_assert_int_eq(d.result, 0);
	loop_fallocate(l, &d.io, fd, 0, 0, 65536, io_finished, &d);
	io_wait(l, &d);
	ck_assert_msg(d.result == 0 || d.result == -EOPNOTSUPP, "%zd", d.result);
	loop_readv(l, &d.io, -1, &rd, 1, 0, io_finished, &d);
	io_wait(l, &d);
	ck_assert_int_eq(d.result, -EBADF);
	close(fd);
	loop_free(l);
}
END_TEST

/* More requests than the ring has room for. */
START_TEST(test_file_io_many)
{
	enum { N = 2000 };
	struct loop *l = make(_i);
	static struct io_done d[N];
	static char bufs[N];
	static struct iovec iov[N];
	char name[] = "/tmp/lodge-test-XXXXXX";
	int fd = mkstemp(name), done = 0;

	unlink(name);
	ck_assert(!ftruncate(fd, N));
	for (int i = 0; i < N; i++) {
		bufs[i] = (char)i;
		iov[i] = (struct iovec){ &bufs[i], 1 };
		loop_writev(l, &d[i].io, fd, &iov[i], 1, (uint64_t)i, io_finished,
		            &d[i]);
	}
	while (done < N) {
		loop_turn(l, true);
		done = 0;
		for (int i = 0; i < N; i++) {
			done += d[i].n;
		}
	}
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(d[i].result, 1);
	}
	close(fd);
	loop_free(l);
}
END_TEST

/* ---- nested turns ---- */

struct nest {
	struct loop *l;
	int inner;
};

static void nest_inner(void *opaque)
{
	((struct nest *)opaque)->inner++;
}

static void nest_outer(void *opaque)
{
	struct nest *n = opaque;

	/* What waits behind this post must run in here. */
	while (!n->inner) {
		loop_turn(n->l, true);
	}
}

START_TEST(test_nested)
{
	struct nest n = { .l = make(_i) };

	loop_post(n.l, nest_outer, &n);
	loop_post(n.l, nest_inner, &n);
	loop_turn(n.l, true);
	ck_assert_int_eq(n.inner, 1);
	loop_free(n.l);
}
END_TEST

/* ---- timers ---- */

struct tick {
	struct timer *t;
	char name;
	struct tick *kill;
};
static char tick_log[64];
static uint64_t tick_at[64];

static void tick_fires(void *opaque)
{
	struct tick *t = opaque;
	size_t n = strlen(tick_log);

	tick_log[n] = t->name;
	tick_at[n] = clock_ns(CLOCK_VM);
	if (t->kill) {
		timer_free(t->kill->t);
		t->kill->t = NULL;
	}
}

START_TEST(test_timer_order)
{
	struct loop *l = make(_i);
	struct tick k[5] = { { .name = 'a' },
		             { .name = 'b' },
		             { .name = 'c' },
		             { .name = 'd' },
		             { .name = 'e' } };
	uint64_t now = clock_ns(CLOCK_RT);

	memset(tick_log, 0, sizeof(tick_log));
	for (int i = 0; i < 5; i++) {
		k[i].t = timer_new(l, CLOCK_RT, tick_fires, &k[i]);
	}
	timer_mod(k[0].t, now + 30 * NS_PER_MS);
	timer_mod(k[1].t, now + 10 * NS_PER_MS);
	timer_mod(k[2].t, now + 20 * NS_PER_MS);
	timer_mod(k[3].t, now + 20 * NS_PER_MS); /* equal: in order of setting */
	timer_mod(k[4].t, now + 5 * NS_PER_MS);
	timer_mod(k[4].t, now + 25 * NS_PER_MS); /* moved */
	ck_assert(timer_pending(k[0].t));
	ck_assert_uint_eq(timer_expire_ns(k[1].t), now + 10 * NS_PER_MS);
	while (strlen(tick_log) < 5) {
		loop_turn(l, true);
	}
	ck_assert_str_eq(tick_log, "bcdea");
	ck_assert_uint_ge(clock_ns(CLOCK_RT), now + 30 * NS_PER_MS);
	ck_assert(!timer_pending(k[0].t) && timer_expire_ns(k[0].t) == UINT64_MAX);
	/* A callback frees its own timer. */
	k[0].kill = &k[0];
	timer_mod(k[0].t, 0);
	unit_await_turning(l, tick_log[5]);
	ck_assert_str_eq(tick_log, "bcdeaa");
	ck_assert_ptr_null(k[0].t);
	for (int i = 1; i < 5; i++) {
		timer_free(k[i].t);
	}
	loop_free(l);
}
END_TEST

START_TEST(test_timer_random)
{
	enum { N = 300 };
	struct loop *l = make(_i);
	static struct tick k[N];
	unsigned seed = 1;

	clock_set_virtual();
	for (int i = 0; i < N; i++) {
		k[i].name = 'x';
		k[i].t = timer_new(l, CLOCK_VM, tick_fires, &k[i]);
	}
	for (int round = 0; round < 200; round++) {
		uint64_t best = UINT64_MAX;

		for (int j = 0; j < 50; j++) {
			int i = rand_r(&seed) % N;

			if (rand_r(&seed) % 3) {
				timer_mod(k[i].t,
				          1000 + (uint64_t)(rand_r(&seed) % 1000));
			} else {
				timer_del(k[i].t);
			}
		}
		for (int i = 0; i < N; i++) {
			best = MIN(best, timer_expire_ns(k[i].t));
		}
		ck_assert_uint_eq(clock_vm_next_deadline(), best);
	}
	for (int i = 0; i < N; i++) {
		timer_free(k[i].t);
	}
	ck_assert_uint_eq(clock_vm_next_deadline(), UINT64_MAX);
	loop_free(l);
}
END_TEST

START_TEST(test_virtual_clock)
{
	struct loop *l = make(_i);
	struct tick a = { .name = 'a' }, b = { .name = 'b' };

	memset(tick_log, 0, sizeof(tick_log));
	clock_set_virtual();
	clock_vm_enable(true);
	ck_assert_uint_eq(clock_ns(CLOCK_VM), 0);
	a.t = timer_new(l, CLOCK_VM, tick_fires, &a);
	b.t = timer_new(l, CLOCK_VM, tick_fires, &b);
	timer_mod(a.t, 2000);
	timer_mod(b.t, 1000);
	ck_assert_uint_eq(clock_vm_next_deadline(), 1000);
	unit_turns(l, 3);
	ck_assert_str_eq(tick_log, "");
	clock_step(1500);
	ck_assert_str_eq(tick_log, "b");
	ck_assert_uint_eq(tick_at[0], 1000);
	ck_assert_uint_eq(clock_ns(CLOCK_VM), 1500);
	clock_step(5000);
	ck_assert_str_eq(tick_log, "ba");
	ck_assert_uint_eq(tick_at[1], 2000);
	ck_assert_uint_eq(clock_ns(CLOCK_VM), 5000);
	timer_free(a.t);
	timer_free(b.t);
	loop_free(l);
}
END_TEST

START_TEST(test_vm_clock_stops)
{
	uint64_t a, b, before;

	ck_assert_uint_eq(clock_ns(CLOCK_VM), clock_ns(CLOCK_VM));
	clock_vm_enable(true);
	a = clock_ns(CLOCK_VM);
	usleep(2000);
	b = clock_ns(CLOCK_VM);
	ck_assert_uint_ge(b, a + 2 * NS_PER_MS);
	clock_vm_enable(false);
	a = clock_ns(CLOCK_VM);
	usleep(2000);
	ck_assert_uint_eq(clock_ns(CLOCK_VM), a);
	clock_vm_set(5 * NS_PER_S);
	before = unit_ns();
	clock_vm_enable(true);
	b = clock_ns(CLOCK_VM);
	ck_assert(b >= 5 * NS_PER_S && b - 5 * NS_PER_S <= unit_ns() - before);
}
END_TEST

/* ---- timers from other threads ---- */

static _Atomic unsigned busy_calls;
static _Atomic bool busy_inside;

static void busy_fires(void *opaque)
{
	struct timer **t = opaque;

	atomic_store(&busy_inside, true);
	atomic_fetch_add(&busy_calls, 1);
	usleep(100);
	timer_mod(*t, clock_ns(CLOCK_RT) + 50 * NS_PER_US);
	atomic_store(&busy_inside, false);
}

START_TEST(test_timer_del_sync)
{
	struct loop *l = make(_i);
	struct timer *t;
	pthread_t lt;

	pthread_create(&lt, NULL, run, l);
	t = timer_new(l, CLOCK_RT, busy_fires, &t);
	for (int i = 0; i < 300; i++) {
		unsigned n;

		timer_mod(t, clock_ns(CLOCK_RT) + (uint64_t)i * NS_PER_US);
		usleep((unsigned)i);
		timer_del_sync(t);
		ck_assert(!atomic_load(&busy_inside));
		n = atomic_load(&busy_calls);
		usleep(i % 50 ? 0 : 2000);
		ck_assert_uint_eq(atomic_load(&busy_calls), n);
	}
	timer_free(t);
	loop_stop(l);
	pthread_join(lt, NULL);
	loop_free(l);
}
END_TEST

/* ---- roles ---- */

static _Atomic int sealed_roles;

static int seal(enum role r, struct err *e __unused)
{
	atomic_fetch_or(&sealed_roles, 1 << r);
	return 0;
}

static int seal_fails(enum role r __unused, struct err *e)
{
	return err_set(e, -EPERM, "no");
}

static void *role_of(void *opaque)
{
	*(enum role *)opaque = role_current();
	return NULL;
}

START_TEST(test_roles)
{
	struct loop *l = make(_i);
	struct role_thread t = { 0 }, t2 = { 0 };
	struct err e = ERR_INIT;
	enum role r = ROLE_N;

	role_adopt_main();
	ck_assert_int_eq(role_current(), ROLE_CONTROL);
	ck_assert(!role_thread_start(&t, ROLE_IOTHREAD, "io", run, l, &e));
	ck_assert_int_gt(t.tid, 0);
	role_set_seal(seal);
	ck_assert_msg(!role_seal_all(&e), "%s", e.text); /* wakes the sleeping loop */
	ck_assert_int_eq(sealed_roles, 1 << ROLE_IOTHREAD | 1 << ROLE_CONTROL);
	ck_assert(!role_thread_start(&t2, ROLE_MIGRATE, "m", role_of, &r, &e));
	role_thread_join(&t2);
	ck_assert_int_eq(r, ROLE_MIGRATE);
	ck_assert(sealed_roles & 1 << ROLE_MIGRATE);
	role_set_seal(seal_fails);
	ck_assert_int_eq(role_thread_start(&t2, ROLE_MIGRATE, "m", role_of, &r, &e),
	                 -EPERM);
	ck_assert_str_eq(e.text, "sandbox of thread 'm': no");
	loop_stop(l);
	role_thread_join(&t);
	loop_free(l);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_posts,
		test_calls,
		test_calls_and_stops,
		test_events,
		test_watches,
		test_watch_free_inside,
		test_watch_refused_for_now,
		test_watch_refused,
		test_watch_of_ended_thread,
		test_watch_files,
		test_file_io,
		test_file_io_many,
		test_nested,
		test_timer_order,
		test_timer_random,
		test_virtual_clock,
		test_vm_clock_stops,
		test_timer_del_sync,
		test_roles,
	};
	Suite *s = suite_create("loop");
	TCase *tc = unit_case(s, "loop");

	for (unsigned i = 0; i < ARRAY_LEN(tests); i++) {
		tcase_add_loop_test(tc, tests[i], 0, 2);
	}
	return unit_main(s);
}
