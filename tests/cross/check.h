/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * check.h - as much of the Check library's interface as the unit tests of vmm/base, vmm/core
 * and kvm/ use, so that they build for hosts whose libraries are not installed here.
 * Each test runs in a child of its own, with a time limit.
 */
#ifndef LODGE_TESTS_CROSS_CHECK_H
#define LODGE_TESTS_CROSS_CHECK_H

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct TTest {
	const char *name;
	void (*fn)(int);
} TTest;

struct cross_case {
	const TTest *test;
	int first, end;
};

typedef struct TCase {
	struct cross_case c[128];
	unsigned n, timeout;
} TCase;

typedef struct Suite {
	const char *name;
	TCase *tc[16];
	unsigned n;
} Suite;

typedef struct SRunner {
	Suite *s;
	int failed;
} SRunner;

enum { CK_ENV };

#define START_TEST(id)                                                                 \
	static void id##_fn(int _i);                                                   \
	static const TTest id##_ttest = { #id, id##_fn };                              \
	static const TTest *const id = &id##_ttest;                                    \
	static void id##_fn(int _i __attribute__((unused)))
#define END_TEST

static inline __attribute__((noreturn, format(printf, 3, 4))) void
cross_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s:%d: ", file, line);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	_exit(1);
}

#define ck_abort_msg(...) cross_fail(__FILE__, __LINE__, __VA_ARGS__)
#define ck_assert(e)                                                                   \
	((e) ? (void)0 : cross_fail(__FILE__, __LINE__, "'%s' is false", #e))
#define ck_assert_msg(e, ...)                                                          \
	((e) ? (void)0 : cross_fail(__FILE__, __LINE__, __VA_ARGS__))
#define CROSS_CMP(t, f, a, op, b)                                                      \
	do {                                                                           \
		__typeof__(t) cross_a_ = (a), cross_b_ = (b);                          \
		if (!(cross_a_ op cross_b_)) {                                         \
			cross_fail(__FILE__, __LINE__, "'%s' is %" f ", '%s' is %" f,  \
			           #a, cross_a_, #b, cross_b_);                        \
		}                                                                      \
	} while (0)
#define ck_assert_int_eq(a, b)    CROSS_CMP(intmax_t, "jd", a, ==, b)
#define ck_assert_int_ne(a, b)    CROSS_CMP(intmax_t, "jd", a, !=, b)
#define ck_assert_int_lt(a, b)    CROSS_CMP(intmax_t, "jd", a, <, b)
#define ck_assert_int_le(a, b)    CROSS_CMP(intmax_t, "jd", a, <=, b)
#define ck_assert_int_gt(a, b)    CROSS_CMP(intmax_t, "jd", a, >, b)
#define ck_assert_int_ge(a, b)    CROSS_CMP(intmax_t, "jd", a, >=, b)
#define ck_assert_uint_eq(a, b)   CROSS_CMP(uintmax_t, "ju", a, ==, b)
#define ck_assert_uint_ne(a, b)   CROSS_CMP(uintmax_t, "ju", a, !=, b)
#define ck_assert_uint_lt(a, b)   CROSS_CMP(uintmax_t, "ju", a, <, b)
#define ck_assert_uint_le(a, b)   CROSS_CMP(uintmax_t, "ju", a, <=, b)
#define ck_assert_uint_gt(a, b)   CROSS_CMP(uintmax_t, "ju", a, >, b)
#define ck_assert_uint_ge(a, b)   CROSS_CMP(uintmax_t, "ju", a, >=, b)
#define ck_assert_ptr_eq(a, b)    CROSS_CMP(const void *, "p", a, ==, b)
#define ck_assert_ptr_ne(a, b)    CROSS_CMP(const void *, "p", a, !=, b)
#define ck_assert_ptr_null(a)     CROSS_CMP(const void *, "p", a, ==, NULL)
#define ck_assert_ptr_nonnull(a)  CROSS_CMP(const void *, "p", a, !=, NULL)
#define ck_assert_mem_eq(a, b, n) ck_assert(memcmp(a, b, n) == 0)
#define ck_assert_str_eq(a, b)                                                         \
	do {                                                                           \
		const char *cross_a_ = (a), *cross_b_ = (b);                           \
		if (strcmp(cross_a_, cross_b_)) {                                      \
			cross_fail(__FILE__, __LINE__, "'%s' is '%s', not '%s'", #a,   \
			           cross_a_, cross_b_);                                \
		}                                                                      \
	} while (0)

static inline void *cross_alloc(size_t n)
{
	void *p = calloc(1, n);

	if (!p) {
		abort();
	}
	return p;
}

static inline Suite *suite_create(const char *name)
{
	Suite *s = cross_alloc(sizeof(*s));

	s->name = name;
	return s;
}

static inline TCase *tcase_create(const char *name)
{
	(void)name;
	return cross_alloc(sizeof(TCase));
}

static inline void tcase_set_timeout(TCase *tc, double s)
{
	tc->timeout = (unsigned)s;
}

static inline void tcase_add_loop_test(TCase *tc, const TTest *t, int first, int end)
{
	if (tc->n == sizeof(tc->c) / sizeof(tc->c[0])) {
		abort();
	}
	tc->c[tc->n++] = (struct cross_case){ t, first, end };
}

static inline void tcase_add_test(TCase *tc, const TTest *t)
{
	tcase_add_loop_test(tc, t, 0, 1);
}

static inline void suite_add_tcase(Suite *s, TCase *tc)
{
	if (s->n == sizeof(s->tc) / sizeof(s->tc[0])) {
		abort();
	}
	s->tc[s->n++] = tc;
}

static inline SRunner *srunner_create(Suite *s)
{
	SRunner *r = cross_alloc(sizeof(*r));

	r->s = s;
	return r;
}

static inline void cross_run(SRunner *r, const TCase *tc, const struct cross_case *c,
                             int i)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		alarm(tc->timeout);
		c->test->fn(i);
		fflush(NULL);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) < 0 || status) {
		fprintf(stderr, "%s: %s(%d) failed: status %x\n", r->s->name,
		        c->test->name, i, (unsigned)status);
		r->failed++;
	}
}

static inline void srunner_run_all(SRunner *r, int mode)
{
	unsigned n = 0;

	(void)mode;
	for (unsigned k = 0; k < r->s->n; k++) {
		const TCase *tc = r->s->tc[k];

		for (unsigned t = 0; t < tc->n; t++) {
			for (int i = tc->c[t].first; i < tc->c[t].end; i++, n++) {
				cross_run(r, tc, &tc->c[t], i);
			}
		}
	}
	printf("%s: %u checks, %d failures\n", r->s->name, n, r->failed);
}

static inline int srunner_ntests_failed(const SRunner *r)
{
	return r->failed;
}

static inline void srunner_free(SRunner *r)
{
	for (unsigned k = 0; k < r->s->n; k++) {
		free(r->s->tc[k]);
	}
	free(r->s);
	free(r);
}

#endif
