/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block_test.c - raw images through the block layer: data, ends of file, zeroes and
 * discard, errors of the host, permissions, locks seen by other programs.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/opt.h"
#include "block.h"
#include "core/loop.h"
#include "tests/unit/unit.h"

enum { PERM_RW = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE };
enum { SHARE_RO = BLK_PERM_CONSISTENT_READ | BLK_PERM_WRITE_UNCHANGED };

static struct loop *t_loop;
static char t_path[64];

static void setup_with(enum loop_backend be)
{
	struct err e = ERR_INIT;
	int fd;

	t_loop = loop_new(be, &e);
	ck_assert_ptr_nonnull(t_loop);
	strcpy(t_path, "/tmp/lodge-block-XXXXXX");
	fd = mkstemp(t_path);
	ck_assert_int_ge(fd, 0);
	close(fd);
}

static void setup(void)
{
	setup_with(LOOP_AUTO);
}

static void setup_epoll(void)
{
	setup_with(LOOP_EPOLL);
}

static void teardown(void)
{
	unlink(t_path);
	loop_free(t_loop);
}

static int try_node(const char *opts, struct err *e)
{
	char text[512];
	struct opt *o;
	int r;

	snprintf(text, sizeof(text), opts, t_path);
	ck_assert_int_eq(opt_parse(&o, text, "driver", e), 0);
	r = blk_node_add(o, NULL, e);
	opt_free(o);
	return r;
}

static void node(const char *opts)
{
	struct err e = ERR_INIT;

	ck_assert_msg(try_node(opts, &e) == 0, "%s", e.text);
}

static void node_gone(const char *name)
{
	struct err e = ERR_INIT;

	ck_assert_msg(blk_node_del(name, &e) == 0, "%s", e.text);
}

static struct blk *open_rw(const char *name)
{
	struct err e = ERR_INIT;
	struct blk *b = blk_open(blk_node_find(name), PERM_RW, SHARE_RO, t_loop, &e);

	ck_assert_msg(b != NULL, "%s", e.text);
	return b;
}

static int t_ret;

static void done(void *opaque, int ret)
{
	t_ret = ret;
	(*(int *)opaque)++;
}

static int wait_for(struct blk *b)
{
	blk_drain(b);
	return t_ret;
}

static int do_write(struct blk *b, uint64_t off, void *p, size_t len, unsigned flags)
{
	struct iovec iov = { p, len };
	int n = 0;

	blk_writev(b, off, &iov, 1, flags, done, &n);
	ck_assert_int_eq(n, 0); /* never from inside the call */
	wait_for(b);
	ck_assert_int_eq(n, 1);
	return t_ret;
}

static int do_read(struct blk *b, uint64_t off, void *p, size_t len)
{
	struct iovec iov = { p, len };
	int n = 0;

	blk_readv(b, off, &iov, 1, done, &n);
	wait_for(b);
	ck_assert_int_eq(n, 1);
	return t_ret;
}

static char buf[1 << 16] __aligned_to(4096), buf2[1 << 16] __aligned_to(4096);

START_TEST(test_rw)
{
	struct iovec iov[3] = { { buf2, 100 },
		                { buf2 + 100, 3000 },
		                { buf2 + 3100, 996 } };
	struct blk *b;
	int n = 0;

	ck_assert_int_eq(truncate(t_path, 1 << 20), 0);
	node("file,node-name=n,filename=%s");
	b = open_rw("n");
	ck_assert_uint_eq(blk_length(b), 1 << 20);
	for (unsigned i = 0; i < sizeof(buf); i++) {
		buf[i] = (char)(i * 7 + (i >> 8));
	}
	ck_assert_int_eq(do_write(b, 4096, buf, 4096, 0), 0);
	blk_readv(b, 4096, iov, 3, done, &n);
	ck_assert_int_eq(wait_for(b), 0);
	ck_assert_mem_eq(buf, buf2, 4096);
	ck_assert_int_eq(do_write(b, 0, buf, 512, BLK_REQ_FUA), 0);
	ck_assert_int_eq(do_write(b, (1 << 20) - 512, buf, 1024, 0), -EIO);
	ck_assert_int_eq(do_read(b, UINT64_MAX - 511, buf, 512), -EIO);
	n = 0;
	for (unsigned i = 0; i < 200; i++) { /* many at once */
		static struct iovec v[200];

		v[i].iov_base = buf + 64 * i;
		v[i].iov_len = 64;
		blk_writev(b, 8192 + 64 * i, &v[i], 1, 0, done, &n);
	}
	blk_drain(b);
	ck_assert_int_eq(n, 200);
	ck_assert_int_eq(do_read(b, 8192, buf2, 12800), 0);
	ck_assert_mem_eq(buf, buf2, 12800);
	n = 0;
	blk_flush(b, done, &n);
	ck_assert_int_eq(wait_for(b), 0);
	blk_close(b);
	node_gone("n");
}
END_TEST

/* An image that ends inside a sector reads as zeroes up to the sector's end. */
START_TEST(test_odd_size)
{
	struct blk *b;

	ck_assert_int_eq(truncate(t_path, 1000), 0);
	node("file,node-name=n,filename=%s");
	b = open_rw("n");
	ck_assert_uint_eq(blk_length(b), 1024);
	memset(buf, 0x55, 1024);
	ck_assert_int_eq(do_read(b, 0, buf, 1024), 0);
	ck_assert_int_eq(buf[0] | buf[999] | buf[1000] | buf[1023], 0);
	memset(buf, 0x33, 1024);
	ck_assert_int_eq(do_write(b, 0, buf, 1024, 0), 0);
	ck_assert_int_eq(do_read(b, 512, buf2, 512), 0);
	ck_assert_mem_eq(buf, buf2, 512);
	blk_close(b);
	node_gone("n");
}
END_TEST

START_TEST(test_zeroes_discard)
{
	struct stat st;
	struct blk *b;
	int n = 0;

	ck_assert_int_eq(truncate(t_path, 1 << 20), 0);
	node("raw,node-name=n,discard=unmap,file.driver=file,file.filename=%s");
	b = open_rw("n");
	memset(buf, 0x77, sizeof(buf));
	for (unsigned i = 0; i < 16; i++) {
		ck_assert_int_eq(do_write(b, i * sizeof(buf), buf, sizeof(buf), 0), 0);
	}
	blk_write_zeroes(b, 65536, 1000 * 512, 0, done, &n);
	ck_assert_int_eq(wait_for(b), 0);
	blk_write_zeroes(b, 0, 512, BLK_REQ_MAY_UNMAP, done, &n);
	ck_assert_int_eq(wait_for(b), 0);
	ck_assert_int_eq(do_read(b, 0, buf2, sizeof(buf2)), 0);
	ck_assert_int_eq(buf2[0] | buf2[511], 0);
	ck_assert_int_eq(buf2[512], 0x77);
	ck_assert_int_eq(do_read(b, 65536 + 999 * 512, buf2, 1024), 0);
	ck_assert_int_eq(buf2[511], 0);
	ck_assert_int_eq(buf2[512], 0x77);
	ck_assert(blk_can_discard(b));
	blk_discard(b, 0, 1 << 20, done, &n);
	ck_assert_int_eq(wait_for(b), 0);
	ck_assert_int_eq(stat(t_path, &st), 0);
	ck_assert_int_eq(st.st_size, 1 << 20);
	blk_close(b);
	node_gone("n");
}
END_TEST

START_TEST(test_raw_window)
{
	struct err e = ERR_INIT;
	struct blk *b;
	int fd;

	ck_assert_int_eq(truncate(t_path, 1 << 20), 0);
	node("raw,node-name=n,offset=4096,size=8192,file.driver=file,file.filename=%s");
	b = open_rw("n");
	ck_assert_uint_eq(blk_length(b), 8192);
	memset(buf, 0x11, 512);
	ck_assert_int_eq(do_write(b, 0, buf, 512, 0), 0);
	ck_assert_int_eq(do_write(b, 8192, buf, 512, 0), -EIO);
	blk_close(b);
	node_gone("n");
	fd = open(t_path, O_RDONLY);
	ck_assert_int_eq(pread(fd, buf2, 512, 4096), 512);
	ck_assert_mem_eq(buf, buf2, 512);
	close(fd);
	ck_assert_int_lt(
		try_node("raw,node-name=n,offset=4096,size=2M,file.driver=file,"
	                 "file.filename=%s",
	                 &e),
		0);
	ck_assert_uint_eq(blk_node_count(), 0);
}
END_TEST

/* Direct I/O with odd buffers and odd ranges. */
START_TEST(test_direct)
{
	struct err e = ERR_INIT;
	static char ref[65536];
	struct blk *b;
	unsigned s = 1;

	ck_assert_int_eq(truncate(t_path, 65536), 0);
	if (try_node("file,node-name=n,cache.direct=on,filename=%s", &e) < 0) {
		return; /* a file system without O_DIRECT */
	}
	b = open_rw("n");
	for (unsigned i = 0; i < 300; i++) {
		uint64_t off, len;
		char *p;

		s = s * 1103515245 + 12345;
		off = (s >> 8) % 128 * 512;
		len = MIN((uint64_t)((s >> 16) % 16 + 1) * 512, 65536 - off);
		p = buf + s % 7;
		memset(p, (int)i, len);
		memcpy(ref + off, p, len);
		ck_assert_int_eq(do_write(b, off, p, len, 0), 0);
	}
	ck_assert_int_eq(do_read(b, 0, buf2, 65536), 0);
	ck_assert_mem_eq(ref, buf2, 65536);
	ck_assert_int_eq(do_read(b, 512 * 3, buf2 + 3, 1536), 0);
	ck_assert_mem_eq(ref + 1536, buf2 + 3, 1536);
	blk_close(b);
	node_gone("n");
}
END_TEST

/* The host refuses: the guest's request fails, nothing else. */
START_TEST(test_host_error)
{
	struct rlimit rl = { 65536, 65536 };
	struct blk *b;
	int r;

	ck_assert_int_eq(truncate(t_path, 1 << 20), 0);
	node("file,node-name=n,filename=%s");
	b = open_rw("n");
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &rl), 0);
	ck_assert_int_eq(do_write(b, 0, buf, 4096, 0), 0);
	r = do_write(b, 131072, buf, 4096, 0);
	ck_assert_msg(r == -EFBIG || r == -ENOSPC || r == -EIO, "%d", r);
	/* half inside the limit: the rest fails, so does the request */
	r = do_write(b, 65536 - 4096, buf, 8192, 0);
	ck_assert_msg(r < 0, "%d", r);
	ck_assert_int_eq(do_read(b, 0, buf, 4096), 0);
	blk_close(b);
	node_gone("n");
}
END_TEST

START_TEST(test_full_device)
{
	struct err e = ERR_INIT;

	strcpy(t_path, "/dev/full");
	ck_assert_int_eq(try_node("file,node-name=n,locking=off,filename=%s", &e), 0);
	/* a character device has no size: nothing can be written, nothing breaks */
	ck_assert_uint_eq(blk_node_length(blk_node_find("n")), 0);
	node_gone("n");
	t_path[0] = 0;
}
END_TEST

START_TEST(test_null)
{
	struct blk *b;

	node("null-co,node-name=n,size=1M,read-zeroes=on");
	b = open_rw("n");
	memset(buf, 1, 4096);
	ck_assert_int_eq(do_read(b, 0, buf, 4096), 0);
	ck_assert_int_eq(buf[0] | buf[4095], 0);
	ck_assert_int_eq(do_write(b, 0, buf, 4096, 0), 0);
	blk_close(b);
	node_gone("n");
}
END_TEST

START_TEST(test_permissions)
{
	struct err e = ERR_INIT;
	struct blk *a, *c;

	ck_assert_int_eq(truncate(t_path, 1 << 20), 0);
	node("file,node-name=n,filename=%s");
	a = open_rw("n");
	ck_assert_ptr_null(
		blk_open(blk_node_find("n"), PERM_RW, BLK_PERM_ALL, t_loop, &e));
	ck_assert_msg(strstr(e.text, "write") != NULL, "%s", e.text);
	c = blk_open(blk_node_find("n"), BLK_PERM_CONSISTENT_READ, BLK_PERM_ALL, t_loop,
	             &e);
	ck_assert_ptr_nonnull(c);
	ck_assert_int_eq(do_write(c, 0, buf, 512, 0), -EPERM);
	ck_assert_int_lt(blk_node_del("n", &e), 0);
	blk_close(a);
	a = open_rw("n");
	blk_close(a);
	blk_close(c);
	node_gone("n");
	node("file,node-name=n,read-only=on,filename=%s");
	ck_assert_ptr_null(
		blk_open(blk_node_find("n"), PERM_RW, BLK_PERM_ALL, t_loop, &e));
	ck_assert_msg(strstr(e.text, "read-only") != NULL, "%s", e.text);
	node_gone("n");
}
END_TEST

static int fd_mode(void)
{
	char link[64], target[256];
	ssize_t n;

	for (int fd = 3; fd < 64; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n > 0) {
			target[n] = 0;
			if (!strcmp(target, t_path)) {
				return fcntl(fd, F_GETFL) & O_ACCMODE;
			}
		}
	}
	return -1;
}

START_TEST(test_auto_read_only)
{
	struct blk *b;

	ck_assert_int_eq(truncate(t_path, 4096), 0);
	node("raw,node-name=n,auto-read-only=on,file.driver=file,file.filename=%s");
	ck_assert_int_eq(fd_mode(), O_RDONLY);
	b = open_rw("n");
	ck_assert_int_eq(fd_mode(), O_RDWR);
	ck_assert_int_eq(do_write(b, 0, buf, 512, 0), 0);
	blk_close(b);
	ck_assert_int_eq(fd_mode(), O_RDONLY);
	b = open_rw("n");
	ck_assert_int_eq(do_write(b, 0, buf, 512, 0), 0);
	blk_close(b);
	node_gone("n");
}
END_TEST

/* Another process with our code, and QEMU's tool where it is installed. */
START_TEST(test_locks)
{
	struct err e = ERR_INIT;
	char cmd[256];
	struct blk *b;
	int st;

	ck_assert_int_eq(truncate(t_path, 1 << 20), 0);
	node("file,node-name=n,filename=%s");
	b = open_rw("n");
	/* a second description of the file is a stranger, even in one process */
	node("file,node-name=m,filename=%s");
	ck_assert_ptr_null(blk_open(blk_node_find("m"), PERM_RW, SHARE_RO, t_loop, &e));
	ck_assert_msg(strstr(e.text, "Failed to get \"write\" lock") != NULL, "%s",
	              e.text);
	node_gone("m");
	if (system("command -v qemu-io >/dev/null 2>&1") == 0) {
		snprintf(cmd, sizeof(cmd),
		         "qemu-io -f raw -c 'write 0 512' %s 2>&1 | "
		         "grep -q 'Failed to get \"write\" lock'",
		         t_path);
		st = system(cmd);
		ck_assert_int_eq(WEXITSTATUS(st), 0);
		snprintf(cmd, sizeof(cmd),
		         "qemu-io -f raw -r -U -c 'read 0 512' %s "
		         ">/dev/null 2>&1",
		         t_path);
		st = system(cmd);
		ck_assert_int_eq(WEXITSTATUS(st), 0);
		blk_close(b);
		snprintf(cmd, sizeof(cmd),
		         "qemu-io -f raw -c 'write 0 512' %s >/dev/null 2>&1", t_path);
		st = system(cmd);
		ck_assert_int_eq(WEXITSTATUS(st), 0);
	} else {
		fprintf(stderr, "locks against qemu-io: skipped, not installed\n");
		blk_close(b);
	}
	b = open_rw("n");
	blk_close(b);
	node_gone("n");
}
END_TEST

START_TEST(test_errors)
{
	static const char *const bad[] = {
		"file,node-name=n,filename=/nonexistent/x%.0s",
		"file,node-name=n",
		"file,node-name=n,filename=%s,cache.direct=maybe",
		"file,node-name=n,filename=/tmp%.0s",
		"nosuch,node-name=n",
		"file,node-name=1n,filename=%s",
		"file,filename=%s",
		"file,node-name=n,filename=%s,nosuch=1",
		"raw,node-name=n,file=nosuch",
		"raw,node-name=n",
	};
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;

		ck_assert_msg(try_node(bad[i], &e) < 0, "%s", bad[i]);
		ck_assert_msg(strlen(e.text) > 10, "%s: '%s'", bad[i], e.text);
		ck_assert_uint_eq(blk_node_count(), 0);
	}
}
END_TEST

static void add_tests(Suite *s, const char *name, void (*set)(void))
{
	TCase *t = unit_case(s, name);

	tcase_add_checked_fixture(t, set, teardown);
	tcase_add_test(t, test_rw);
	tcase_add_test(t, test_odd_size);
	tcase_add_test(t, test_zeroes_discard);
	tcase_add_test(t, test_raw_window);
	tcase_add_test(t, test_direct);
	tcase_add_test(t, test_host_error);
	tcase_add_test(t, test_null);
	tcase_add_test(t, test_permissions);
	tcase_add_test(t, test_auto_read_only);
}

int main(void)
{
	Suite *s = suite_create("block");
	TCase *t;

	add_tests(s, "auto", setup);
	add_tests(s, "epoll", setup_epoll);
	t = unit_case(s, "host");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_full_device);
	tcase_add_test(t, test_locks);
	tcase_add_test(t, test_errors);
	return unit_main(s);
}
