/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unit.h - the main() of a Check unit test and what the tests share. */
#ifndef LODGE_TESTS_UNIT_H
#define LODGE_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

#include "tests/unit/wait.h"

/* For one test; above UNIT_WAIT_S, so that what is waited for has its say first. */
enum { UNIT_LIMIT_S = 300 };

/* wait.h, as assertions. */
#define unit_await(cond) ck_assert_msg(unit_wait(cond), "never so: %s", #cond)
#define unit_await_turning(l, cond)                                                    \
	ck_assert_msg(unit_wait_turning(l, cond), "never so: %s", #cond)
#define unit_await_doing(step, cond)                                                   \
	ck_assert_msg(unit_wait_doing(step, cond), "never so: %s", #cond)

/* Runs one suite; each test forks, CK_FORK=no runs it under a debugger. */
static inline int unit_main(Suite *s)
{
	SRunner *r = srunner_create(s);
	int failed;

	srunner_run_all(r, CK_ENV);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Check's own limit of four seconds is not for a loaded machine: all cases are made here. */
static inline TCase *unit_case(Suite *s, const char *name)
{
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, UNIT_LIMIT_S);
	suite_add_tcase(s, tc);
	return tc;
}

static inline Suite *unit_suite(const char *name, const TTest *const *tests, unsigned n)
{
	Suite *s = suite_create(name);
	TCase *tc = unit_case(s, name);

	for (unsigned i = 0; i < n; i++) {
		tcase_add_test(tc, tests[i]);
	}
	return s;
}

#endif
