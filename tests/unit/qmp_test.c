/* SPDX-License-Identifier: GPL-2.0-or-later */
/* qmp_test.c - framing and validation of QMP text, and the generated schema. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "qmp/qmp-gen.h"
#include "qmp/wire/qmp.h"
#include "tests/unit/unit.h"

static int values(const char *text, char *last, size_t size)
{
	struct qmp_frame f = { 0 };
	int n = 0;

	for (; *text; text++) {
		if (qmp_frame_feed(&f, *text)) {
			snprintf(last, size, "%s", f.buf ? f.buf : "");
			n++;
			qmp_frame_reset(&f);
		}
	}
	qmp_frame_fini(&f);
	return n;
}

START_TEST(test_frame)
{
	char last[256];

	ck_assert_int_eq(values("{\"a\":1}{\"b\":\"}\"}", last, sizeof(last)), 2);
	ck_assert_str_eq(last, "{\"b\":\"}\"}");
	ck_assert_int_eq(values("  \n {\"a\":\"\\\"{\"}\n", last, sizeof(last)), 1);
	ck_assert_int_eq(values("junk\n{}", last, sizeof(last)), 2);
	ck_assert_int_eq(values("{\"a\":", last, sizeof(last)), 0);
}
END_TEST

START_TEST(test_frame_depth)
{
	struct qmp_frame f = { 0 };

	for (int i = 0; i < QMP_FRAME_DEPTH + 10; i++) {
		qmp_frame_feed(&f, '[');
	}
	ck_assert(f.overflow);
	ck_assert(qmp_frame_feed(&f, '\n'));
	qmp_frame_fini(&f);
}
END_TEST

static int check_call(const char *cmd, const char *json, char *text, size_t size)
{
	const struct qmp_command *c = qmp_commands;
	struct err e = ERR_INIT;
	struct opt *o = NULL;
	int ret;

	while (c->name && strcmp(c->name, cmd)) {
		c++;
	}
	ck_assert_ptr_nonnull(c->name);
	ck_assert_int_eq(opt_parse_json(&o, json, &e), 0);
	ret = qmp_check(c->args, o, c->open, &e);
	snprintf(text, size, "%s", e.text);
	opt_free(o);
	return ret;
}

START_TEST(test_validation)
{
	char t[ERR_TEXT_MAX];

	ck_assert_int_eq(check_call("getfd", "{\"fdname\":\"x\"}", t, sizeof(t)), 0);
	ck_assert_int_lt(check_call("getfd", "{}", t, sizeof(t)), 0);
	ck_assert_str_eq(t, "Parameter 'fdname' is missing");
	ck_assert_int_lt(check_call("getfd", "{\"fdname\":1}", t, sizeof(t)), 0);
	ck_assert_str_eq(t, "Invalid parameter type for 'fdname', expected: string");
	ck_assert_int_lt(check_call("stop", "{\"x\":1}", t, sizeof(t)), 0);
	ck_assert_str_eq(t, "Parameter 'x' is unexpected");
	ck_assert_int_lt(check_call("set-action", "{\"reboot\":\"no\"}", t, sizeof(t)),
	                 0);
	ck_assert_str_eq(t, "Parameter 'reboot' does not accept value 'no'");
	ck_assert_int_eq(
		check_call("qmp_capabilities", "{\"enable\":[\"oob\"]}", t, sizeof(t)),
		0);
	ck_assert_int_lt(
		check_call("qmp_capabilities", "{\"enable\":[\"x\"]}", t, sizeof(t)),
		0);
	ck_assert_int_eq(
		check_call("device_add", "{\"driver\":\"d\",\"more\":1}", t, sizeof(t)),
		0);
}
END_TEST

/* Every type that the introspection names is there, and names are unique. */
START_TEST(test_schema_closed)
{
	struct opt *all = opt_new_dict();
	struct err e = ERR_INIT;

	for (const char *const *s = qmp_schema_text; *s; s++) {
		struct opt *o = NULL;
		const char *name;

		ck_assert_int_eq(opt_parse_json(&o, *s, &e), 0);
		name = opt_get_str(o, "name", NULL);
		ck_assert_msg(!opt_has(all, name), "%s twice", name);
		opt_put_take(all, name, o);
	}
	for (unsigned i = 0; i < opt_count(all); i++) {
		struct opt *o = opt_at(all, i), *m = opt_get(o, "members");
		static const char *const refs[] = { "arg-type", "ret-type",
			                            "element-type" };

		for (int r = 0; r < 3; r++) {
			const char *t = opt_get_str(o, refs[r], NULL);

			ck_assert_msg(!t || opt_has(all, t), "type %s is missing", t);
		}
		for (unsigned k = 0; m && k < opt_count(m); k++) {
			const char *t = opt_get_str(opt_at(m, k), "type", NULL);

			ck_assert_msg(!t || opt_has(all, t), "type %s is missing", t);
		}
	}
	opt_free(all);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_frame, test_frame_depth, test_validation,
		                       test_schema_closed };

	return unit_main(unit_suite("qmp", tests, ARRAY_LEN(tests)));
}
