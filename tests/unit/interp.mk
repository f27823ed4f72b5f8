if HAVE_CHECK
check_PROGRAMS += tests/unit/interp
TESTS += tests/unit/interp
tests_unit_interp_SOURCES = tests/unit/interp_test.c tests/unit/fakert.h tests/unit/vex.h
tests_unit_interp_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_interp_LDADD = $(GROUP_START) libinterp.a libir.a libbase.a $(GROUP_END) $(TEST_LIBS)
endif
