if HAVE_CHECK
check_PROGRAMS += tests/unit/emit
TESTS += tests/unit/emit
tests_unit_emit_SOURCES = tests/unit/emit_test.c tests/unit/fakert.h tests/unit/irgen.h
tests_unit_emit_CPPFLAGS = $(TEST_CPPFLAGS) $(CAPSTONE_CFLAGS)
tests_unit_emit_LDADD = $(GROUP_START) libx86host.a libopt.a libinterp.a libir.a libbase.a \
	$(GROUP_END) $(CAPSTONE_LIBS) $(TEST_LIBS)
endif
