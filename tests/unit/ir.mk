if HAVE_CHECK
check_PROGRAMS += tests/unit/ir
TESTS += tests/unit/ir
tests_unit_ir_SOURCES = tests/unit/ir_test.c
tests_unit_ir_CPPFLAGS = $(TEST_CPPFLAGS) $(CAPSTONE_CFLAGS)
tests_unit_ir_LDADD = $(GROUP_START) libir.a libbase.a $(GROUP_END) $(CAPSTONE_LIBS) $(TEST_LIBS)
endif
