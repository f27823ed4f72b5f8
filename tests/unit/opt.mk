if HAVE_CHECK
check_PROGRAMS += tests/unit/iropt
TESTS += tests/unit/iropt
tests_unit_iropt_SOURCES = tests/unit/iropt_test.c tests/unit/fakert.h tests/unit/irgen.h
tests_unit_iropt_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_iropt_LDADD = $(GROUP_START) libopt.a libinterp.a libir.a libbase.a $(GROUP_END) \
	$(TEST_LIBS)
endif
