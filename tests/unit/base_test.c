/* SPDX-License-Identifier: GPL-2.0-or-later */
/* base_test.c - byte order, ranges, lists, errors, log categories. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/err.h"
#include "base/iov.h"
#include "base/list.h"
#include "base/log.h"
#include "unit.h"

START_TEST(test_bytes)
{
	uint8_t b[8];
	uint64_t v = 0;

	st_be32(b, 0x12345678);
	ck_assert_uint_eq(b[0], 0x12);
	ck_assert_uint_eq(ld_le32(b), 0x78563412);
	st_le(b, 0x0102030405, 5);
	ck_assert_uint_eq(ld_le(b, 5), 0x0102030405);
	ck_assert(!u64_add(UINT64_MAX, 1, &v) && v == 0);
	ck_assert(!u64_mul(UINT64_MAX, 2, &v) && v == 0);
	ck_assert(range_fits(10, 0, 10) && !range_fits(10, 1, 10) &&
	          !range_fits(5, UINT64_MAX, 10));
	ck_assert(ranges_overlap(0, 10, 9, 1) && !ranges_overlap(0, 10, 10, 1) &&
	          !ranges_overlap(0, 0, 0, 1) && ranges_overlap(5, 1, 0, UINT64_MAX));
}
END_TEST

struct item {
	int v;
	struct list link;
};

START_TEST(test_list)
{
	struct list l = LIST_INIT(l);
	struct item a[4], *i, *tmp;
	int sum = 0;

	for (int k = 0; k < 4; k++) {
		a[k].v = k;
		list_add_tail(&l, &a[k].link);
	}
	list_for_each_safe (i, tmp, &l, link) {
		if (i->v & 1) {
			list_del(&i->link);
			list_del(&i->link);
		}
	}
	list_for_each (i, &l, link) {
		sum = sum * 10 + i->v;
	}
	ck_assert_int_eq(sum, 2);
	list_add_head(&l, &a[3].link);
	ck_assert_int_eq(list_first(&l, struct item, link)->v, 3);
}
END_TEST

START_TEST(test_list_nth)
{
	struct item {
		struct list link;
		int v;
	} a = { .v = 1 }, b = { .v = 2 };
	struct list l = LIST_INIT(l);

	ck_assert_uint_eq(list_len(&l), 0);
	ck_assert_ptr_null(list_nth(&l, 0, struct item, link));
	list_add_tail(&l, &a.link);
	list_add_tail(&l, &b.link);
	ck_assert_uint_eq(list_len(&l), 2);
	ck_assert_int_eq(list_nth(&l, 0, struct item, link)->v, 1);
	ck_assert_int_eq(list_nth(&l, 1, struct item, link)->v, 2);
	ck_assert_ptr_null(list_nth(&l, 2, struct item, link));
}
END_TEST

START_TEST(test_iov)
{
	char x[4] = "abc", y[3] = "de", z[5] = "fghi", buf[16] = "";
	const struct iovec v[] = { { x, 3 }, { y, 2 }, { y, 0 }, { z, 4 } };
	struct iovec out[4];

	ck_assert_uint_eq(iov_len(v, 4), 9);
	ck_assert_uint_eq(iov_read(v, 4, 2, buf, 5), 5);
	ck_assert_str_eq(buf, "cdefg");
	ck_assert_uint_eq(iov_read(v, 4, 8, buf, 5), 1);
	ck_assert_uint_eq(iov_read(v, 4, 9, buf, 5), 0);
	ck_assert_uint_eq(iov_write(v, 4, 4, "XYZ", 3), 3);
	ck_assert_str_eq(y, "dX");
	ck_assert_str_eq(z, "YZhi");
	ck_assert_uint_eq(iov_skip(v, 4, 4, out), 2); /* empty spans go */
	ck_assert_ptr_eq(out[0].iov_base, y + 1);
	ck_assert_uint_eq(iov_len(out, 2), 5);
	ck_assert_uint_eq(iov_skip(v, 4, 9, out), 0);
	iov_zero(v, 4, 6);
	ck_assert_int_eq(z[0], 'Y');
	ck_assert_int_eq(z[1], 0);
	ck_assert_int_eq(z[3], 0);
}
END_TEST

START_TEST(test_err)
{
	struct err e = ERR_INIT;
	char big[2000];

	ck_assert_int_eq(err_set_errno(&e, -ENOENT, "open '%s'", "x"), -ENOENT);
	ck_assert_str_eq(e.text, "open 'x': No such file or directory");
	err_prefix(&e, -1, "disk %d", 3);
	ck_assert_str_eq(e.text, "disk 3: open 'x': No such file or directory");
	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = 0;
	err_set_errno(&e, -EIO, "%s", big);
	err_prefix(&e, -EIO, "%s", big);
	ck_assert_uint_eq(strlen(e.text), ERR_TEXT_MAX - 1);
	ck_assert_int_eq(err_set(NULL, -5, "dropped"), -5);
}
END_TEST

START_TEST(test_log_mask)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(log_parse_mask("in_asm,cpu", &e), 0);
	ck_assert_uint_eq(log_mask, BIT(LOG_IN_ASM) | BIT(LOG_CPU));
	ck_assert_int_eq(log_parse_mask("nope", &e), -EINVAL);
	ck_assert(strstr(e.text, "'nope'"));
	ck_assert_int_eq(log_parse_mask("all", &e), 0);
	ck_assert_uint_eq(log_mask, BIT(LOG_CAT_N) - 1);
}
END_TEST

/* Nobody reads stderr: a thread that must not block goes on, and tells the loss later. */
START_TEST(test_log_blocked)
{
	static char text[1 << 17];
	int p[2];
	ssize_t n, got = 0;

	ck_assert_int_eq(pipe(p), 0);
	ck_assert_int_ge(dup2(p[1], STDERR_FILENO), 0);
	log_thread_never_blocks();
	for (int i = 0; i < 3000; i++) {
		log_warn("a line that is not very short, number %d", i);
	}
	ck_assert_int_eq(fcntl(p[0], F_SETFL, O_NONBLOCK), 0);
	while ((n = read(p[0], text + got, sizeof(text) - 1 - (size_t)got)) > 0) {
		got += n;
	}
	ck_assert_ptr_nonnull(strstr(text, "number 0\n"));
	ck_assert_ptr_null(strstr(text, "number 2999\n"));
	log_warn("and on");
	n = read(p[0], text, sizeof(text) - 1);
	ck_assert_int_gt(n, 0);
	text[n] = 0;
	ck_assert_ptr_nonnull(strstr(text, "lines were lost\n"));
	ck_assert_ptr_nonnull(strstr(text, "and on\n"));
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_bytes,      test_list, test_list_nth,
		                       test_iov,        test_err,  test_log_mask,
		                       test_log_blocked };

	return unit_main(unit_suite("base", tests, ARRAY_LEN(tests)));
}
