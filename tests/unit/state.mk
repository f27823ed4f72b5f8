if HAVE_CHECK
check_PROGRAMS += tests/unit/state
TESTS += tests/unit/state
tests_unit_state_SOURCES = tests/unit/state_test.c tests/unit/unit.h
tests_unit_state_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_state_LDADD = libstate.a libbase.a $(TEST_LIBS)
endif

FUZZ_TARGETS += tests/fuzz/fuzz_state
tests_fuzz_fuzz_state_SOURCES = tests/fuzz/fuzz_state.c $(FUZZ_MAIN)
tests_fuzz_fuzz_state_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_state_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_state_LDADD = libstate.a libbase.a
