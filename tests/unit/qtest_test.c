/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qtest_test.c - the device test server, over a socket as a test process uses it. */
#include "config.h"

#include "tests/unit/unit.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cli/qtest.h"
#include "core/loop.h"
#include "devices/timer/rtc.h"
#include "host/char/chardev.h"
#include "tests/qtest/harness.h"

static struct err err;
static struct harness *qh;
static int qfd;

static void qtest_connect(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char spec[160];
	struct chardev *c;

	qh = harness_new(0);
	snprintf(a.sun_path, sizeof(a.sun_path), "/tmp/lodge-qtest-%d", (int)getpid());
	snprintf(spec, sizeof(spec), "unix:%s,server=on,wait=off", a.sun_path);
	c = chardev_new_short(spec, "qtest", qh->vm->loop, &err);
	ck_assert_msg(c != NULL, "%s", err.text);
	ck_assert_ptr_nonnull(qtest_new(qh->vm, c, &err));
	qfd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(connect(qfd, (struct sockaddr *)&a, sizeof(a)), 0);
	unlink(a.sun_path);
	harness_settle(qh);
}

/* Sends a line and returns the answer, without its newline. */
static const char *qtest_ask(const char *line)
{
	static char buf[200000];
	size_t len = 0;

	ck_assert_int_eq(write(qfd, line, strlen(line)), (ssize_t)strlen(line));
	unit_await_turning(qh->vm->loop, unit_take(qfd, buf, sizeof(buf), &len) &&
	                                         buf[len - 1] == '\n');
	buf[len - 1] = 0;
	return buf;
}

START_TEST(qtest_commands)
{
	struct rtc_cfg cfg = { .base_s = 0, .vm_clock = true };

	qtest_connect();
	rtc_create(qh->vm, &cfg, &err);
	ck_assert_str_eq(qtest_ask("endianness\n"), "OK little");
	ck_assert_str_eq(qtest_ask("writel 0x1000 0x11223344\n"), "OK");
	ck_assert_str_eq(qtest_ask("readw 0x1002\n"), "OK 0x0000000000001122");
	ck_assert_str_eq(qtest_ask("read 0x1000 4\n"), "OK 0x44332211");
	ck_assert_str_eq(qtest_ask("write 0x1001 2 0xaBcd\n"), "OK");
	ck_assert_str_eq(qtest_ask("readq 0x1000\n"), "OK 0x0000000011cdab44");
	ck_assert_str_eq(qtest_ask("memset 0x1000 8 0x5a\n"), "OK");
	ck_assert_str_eq(qtest_ask("readl 0x1004\n"), "OK 0x000000005a5a5a5a");
	ck_assert_str_eq(qtest_ask("outb 0x70 0\n"), "OK");
	ck_assert_str_eq(qtest_ask("inb 0x71\n"), "OK 0x0000");
	ck_assert_str_eq(qtest_ask("clock_step 7000000000\n"), "OK 7000000000");
	ck_assert_str_eq(qtest_ask("inb 0x71\n"), "OK 0x0007");
	ck_assert_str_eq(qtest_ask("clock_set 8000000000\n"), "OK 8000000000");
}
END_TEST

START_TEST(qtest_nonsense)
{
	static const char *const lines[] = {
		"foo\n",           "inb\n",
		"inb x\n",         "inq 3\n",
		"outb 3\n",        "read 0 0\n",
		"read 0 65537\n",  "read 0xffffffffffffffff 2\n",
		"write 0 2 0x1\n", "write 0 2 0xzzzz\n",
		"write 0 2\n",     "memset 0 4\n",
		"clock_step x\n",  "clock_step 18446744073709551615\n",
		"clock_set -1\n",  "readb 99999999999999999999\n",
		"readbb 0\n",
	};
	static char big[300000];

	qtest_connect();
	for (unsigned i = 0; i < ARRAY_LEN(lines); i++) {
		ck_assert_msg(!strncmp(qtest_ask(lines[i]), "FAIL", 4), "%s", lines[i]);
	}
	for (int i = 0; i < 10; i++) { /* a line beyond the bound, in pieces */
		memset(big, 'a', 20000);
		ck_assert_int_eq(write(qfd, big, 20000), 20000);
		harness_settle(qh);
	}
	ck_assert_str_eq(qtest_ask("\n"), "FAIL line too long");
	ck_assert_str_eq(qtest_ask("endianness\n"), "OK little");
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { qtest_commands, qtest_nonsense };

	return unit_main(unit_suite("qtest", tests, ARRAY_LEN(tests)));
}
