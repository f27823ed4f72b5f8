/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unit.h - the main() of a Check unit test and what the tests share. */
#ifndef LODGE_TESTS_UNIT_H
#define LODGE_TESTS_UNIT_H

#include <check.h>
#include <stdlib.h>

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

static inline Suite *unit_suite(const char *name, const TTest *const *tests, unsigned n)
{
	Suite *s = suite_create(name);
	TCase *tc = tcase_create(name);

	tcase_set_timeout(tc, 60);
	for (unsigned i = 0; i < n; i++) {
		tcase_add_test(tc, tests[i]);
	}
	suite_add_tcase(s, tc);
	return s;
}

#endif
