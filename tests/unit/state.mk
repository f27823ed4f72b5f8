UNIT_TESTS += %D%/state
STATE_TEST_LIBS = libstate.a libbase.a $(TEST_LIBS)
%C%_state_SOURCES = %D%/state_test.c
%C%_state_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_state_LDADD = $(STATE_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_state
tests_fuzz_fuzz_state_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_state_LDADD = $(FUZZ_LIBS) $(STATE_TEST_LIBS)
