if HAVE_CHECK
check_PROGRAMS += tests/unit/opt tests/unit/base
TESTS += tests/unit/opt tests/unit/base
tests_unit_opt_SOURCES = tests/unit/opt_test.c tests/unit/unit.h
tests_unit_opt_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_opt_LDADD = libbase.a $(TEST_LIBS)
tests_unit_base_SOURCES = tests/unit/base_test.c tests/unit/unit.h
tests_unit_base_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_base_LDADD = libbase.a $(TEST_LIBS)
endif

FUZZ_TARGETS += tests/fuzz/fuzz_opt
tests_fuzz_fuzz_opt_SOURCES = tests/fuzz/fuzz_opt.c $(FUZZ_MAIN)
tests_fuzz_fuzz_opt_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_opt_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_opt_LDADD = libbase.a
