UNIT_TESTS += %D%/opt %D%/base
BASE_TEST_LIBS = libbase.a $(TEST_LIBS)
%C%_opt_SOURCES = %D%/opt_test.c
%C%_opt_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_opt_LDADD = $(BASE_TEST_LIBS)
%C%_base_SOURCES = %D%/base_test.c
%C%_base_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_base_LDADD = $(BASE_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_opt
tests_fuzz_fuzz_opt_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_opt_LDADD = $(FUZZ_LIBS) $(BASE_TEST_LIBS)
