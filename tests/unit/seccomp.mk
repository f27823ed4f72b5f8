if HAVE_CHECK
check_PROGRAMS += tests/unit/seccomp
TESTS += tests/unit/seccomp
tests_unit_seccomp_SOURCES = tests/unit/seccomp_test.c
tests_unit_seccomp_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_seccomp_LDADD = $(GROUP_START) libseccomp_policy.a libcore.a libbase.a $(GROUP_END) \
	$(CAPNG_LIBS) $(TEST_LIBS)
endif
