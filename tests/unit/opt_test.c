/* SPDX-License-Identifier: GPL-2.0-or-later */
/* opt_test.c - the option tree: key=value grammar, JSON, readers, unknown options. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "base/opt.h"
#include "unit.h"

static struct opt *parse(const char *text, const char *implied)
{
	struct opt *o = NULL;
	struct err e = ERR_INIT;

	ck_assert_msg(!opt_parse(&o, text, implied, &e), "%s: %s", text, e.text);
	return o;
}

static void check_json(const char *text, const char *implied, const char *want)
{
	struct opt *o = parse(text, implied);
	char *json = opt_to_json(o);

	ck_assert_str_eq(json, want);
	free(json);
	opt_free(o);
}

START_TEST(test_keyval)
{
	check_json("virtio-blk-pci,drive=d0,bootindex=1", "driver",
	           "{\"driver\": \"virtio-blk-pci\", \"drive\": \"d0\", \"bootindex\": "
	           "\"1\"}");
	check_json("a=1,,2,b=x", NULL, "{\"a\": \"1,2\", \"b\": \"x\"}");
	check_json("/a,,b,x=1", "file", "{\"file\": \"/a,b\", \"x\": \"1\"}");
	check_json("id=x,server,nowait", NULL,
	           "{\"id\": \"x\", \"server\": \"on\", \"wait\": \"off\"}");
	check_json("file.driver=file,file.filename=/x", NULL,
	           "{\"file\": {\"driver\": \"file\", \"filename\": \"/x\"}}");
	check_json("l.0=a,l.1.b=c", NULL, "{\"l\": [\"a\", {\"b\": \"c\"}]}");
	check_json("l.1=a,l.2=c", NULL, "{\"l\": {\"1\": \"a\", \"2\": \"c\"}}");
	check_json("", NULL, "{}");
	check_json("a=", NULL, "{\"a\": \"\"}");
	check_json("a=b=c", NULL, "{\"a\": \"b=c\"}");
	check_json("hostfwd=x,hostfwd=y", NULL, "{\"hostfwd\": [\"x\", \"y\"]}");
}
END_TEST

START_TEST(test_keyval_bad)
{
	static const char *const bad[] = { "=x",   "a=1,a.b=2", "a.b=2,a=1",
		                           ".a=1", "a..b=1",    "a.=1" };

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct err e = ERR_INIT;
		struct opt *o = NULL;

		ck_assert_int_eq(opt_parse(&o, bad[i], NULL, &e), -EINVAL);
		ck_assert_ptr_null(o);
		ck_assert(*e.text);
	}
}
END_TEST

/* What key=value text can nest, JSON can say again (found by fuzzing). */
START_TEST(test_depth)
{
	char text[256];
	unsigned accepted = 0;

	for (unsigned dots = 1; dots < 100; dots++) {
		struct opt *o = NULL, *again = NULL;
		size_t n = 0;

		for (unsigned i = 0; i <= dots; i++) {
			text[n++] = i ? '.' : 'a';
			if (i) {
				text[n++] = 'a';
			}
		}
		text[n] = 0;
		if (!opt_parse(&o, text, NULL, NULL)) {
			char *json = opt_to_json(o);

			ck_assert(!opt_parse_json(&again, json, NULL));
			opt_free(again);
			free(json);
			opt_free(o);
			accepted++;
		}
	}
	ck_assert(accepted > 10 && accepted < 99);
}
END_TEST

START_TEST(test_repeat)
{
	struct opt *o = parse("a=1,a=2,b=3", NULL);
	uint64_t v;

	ck_assert_str_eq(opt_get_str(o, "a", ""), "2");
	ck_assert(!opt_get_u64(o, "a", 0, &v, NULL));
	ck_assert_uint_eq(v, 2);
	ck_assert_uint_eq(opt_count(opt_get(o, "a")), 2);
	ck_assert_str_eq(opt_str(opt_at(opt_get(o, "a"), 0)), "1");
	opt_free(o);
}
END_TEST

START_TEST(test_readers)
{
	struct opt *o =
		parse("n=16,h=0x10,neg=-5,s=1.5G,m=512,k=4k,t=on,f=off,e=blue", NULL);
	static const char *const names[] = { "red", "blue", NULL };
	struct err e = ERR_INIT;
	uint64_t v;
	int64_t i;
	bool b;
	int en;

	ck_assert(!opt_get_u64(o, "n", 0, &v, &e) && v == 16);
	ck_assert(!opt_get_u64(o, "h", 0, &v, &e) && v == 16);
	ck_assert(!opt_get_u64(o, "none", 7, &v, &e) && v == 7);
	ck_assert_int_eq(opt_get_u64(o, "neg", 0, &v, &e), -EINVAL);
	ck_assert(!opt_get_int(o, "neg", 0, &i, &e) && i == -5);
	ck_assert(!opt_get_size(o, "s", 0, 1, &v, &e) && v == UINT64_C(3) << 29);
	ck_assert(!opt_get_size(o, "m", 0, 1 << 20, &v, &e) && v == UINT64_C(512)
	                                                                       << 20);
	ck_assert(!opt_get_size(o, "k", 0, 1 << 20, &v, &e) && v == 4096);
	ck_assert(!opt_get_bool(o, "t", false, &b, &e) && b);
	ck_assert(!opt_get_bool(o, "f", true, &b, &e) && !b);
	ck_assert_int_eq(opt_get_bool(o, "n", true, &b, &e), -EINVAL);
	ck_assert(!opt_get_enum(o, "e", names, 0, &en, &e) && en == 1);
	ck_assert_int_eq(opt_get_enum(o, "n", names, 0, &en, &e), -EINVAL);
	ck_assert(strstr(e.text, "red, blue"));
	opt_free(o);
}
END_TEST

START_TEST(test_size)
{
	static const struct {
		const char *s;
		uint64_t v;
		int ret;
	} t[] = {
		{ "1", 1, 0 },
		{ "1M", 1 << 20, 0 },
		{ "1MiB", 1 << 20, 0 },
		{ "0x10k", 16384, 0 },
		{ "16E", 0, -ERANGE },
		{ "15E", UINT64_C(15) << 60, 0 },
		{ "18446744073709551616", 0, -ERANGE },
		{ "-1", 0, -EINVAL },
		{ "1X", 0, -EINVAL },
		{ "", 0, -EINVAL },
		{ " 1", 0, -EINVAL },
		{ "1MM", 0, -EINVAL },
		{ "0.5k", 512, 0 },
	};

	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		uint64_t v = 0;

		ck_assert_int_eq(opt_parse_size(t[i].s, 1, &v, NULL), t[i].ret);
		ck_assert_uint_eq(v, t[i].v);
	}
}
END_TEST

START_TEST(test_json)
{
	check_json("{\"a\": [1, -2, 1.5, true, null], 'b': {\"c\": "
	           "\"\\u00e9\\ud83d\\ude00\\n\"}}",
	           NULL,
	           "{\"a\": [1, -2, 1.5, true, null], \"b\": {\"c\": "
	           "\"\xc3\xa9\xf0\x9f\x98\x80\\n\"}}");
	check_json("{\"big\": 18446744073709551615, \"low\": -9223372036854775808}",
	           NULL,
	           "{\"big\": 18446744073709551615, \"low\": -9223372036854775808}");
}
END_TEST

START_TEST(test_json_bad)
{
	static const char *const bad[] = {
		"{",
		"{\"a\"}",
		"{\"a\":1,}",
		"{\"a\":01}",
		"{\"a\":1}x",
		"{\"a\":\"",
		"{\"a\":\"\\q\"}",
		"{\"a\":\"\\ud800\"}",
		"{\"a\":tru}",
		"{\"a\":1,\"a\":2}",
		"{\"a\":18446744073709551616}",
		"{\"a\":1e999}",
		"{\"a\":\"\\u0000\"}",
		"{\"a\":\"\t\"}",
		"{\"a\":-}",
		"{\"a\":\"\\",
	};
	char deep[400];

	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		struct opt *o = NULL;
		struct err e = ERR_INIT;

		ck_assert_msg(opt_parse_json(&o, bad[i], &e) == -EINVAL, "%s", bad[i]);
		ck_assert_ptr_null(o);
	}
	memset(deep, '[', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = 0;
	{
		struct opt *o = NULL;

		ck_assert_int_eq(opt_parse_json(&o, deep, NULL), -EINVAL);
	}
}
END_TEST

START_TEST(test_mixed_types)
{
	/* Management writes numbers where text is meant and the reverse. */
	struct opt *o = parse("{\"n\": 16, \"s\": \"16\", \"b\": true}", NULL);
	uint64_t v;

	ck_assert_str_eq(opt_get_str(o, "n", ""), "16");
	ck_assert(!opt_get_u64(o, "s", 0, &v, NULL) && v == 16);
	ck_assert_str_eq(opt_get_str(o, "b", ""), "on");
	opt_free(o);
}
END_TEST

START_TEST(test_unused)
{
	struct opt *o = parse("a=1,b=2,c.d=3,c.e=4", NULL);
	struct err e = ERR_INIT;

	ck_assert_str_eq(opt_get_str(o, "a", ""), "1");
	ck_assert_str_eq(opt_get_str(o, "c.d", ""), "3");
	ck_assert_int_eq(opt_check_unused(o, "-thing", &e), -EINVAL);
	ck_assert_msg(strstr(e.text, "unknown option 'b'") &&
	                      strstr(e.text, "known: a, c.d"),
	              "%s", e.text);
	opt_get(o, "b");
	ck_assert_int_eq(opt_check_unused(o, "-thing", &e), -EINVAL); /* c.e */
	opt_get(o, "c.e");
	ck_assert_int_eq(opt_check_unused(o, "-thing", &e), 0);
	ck_assert(opt_has(o, "c.d") && !opt_has(o, "c.x") && !opt_has(o, "x.y"));
	opt_free(o);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_keyval,      test_keyval_bad, test_depth, test_repeat,
		test_readers,     test_size,       test_json,  test_json_bad,
		test_mixed_types, test_unused,
	};

	return unit_main(unit_suite("opt", tests, ARRAY_LEN(tests)));
}
