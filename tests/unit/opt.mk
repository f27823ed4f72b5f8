if HAVE_CHECK
check_PROGRAMS += tests/unit/iropt
TESTS += tests/unit/iropt
tests_unit_iropt_SOURCES = tests/unit/iropt_test.c tests/unit/fakert.h tests/unit/irgen.h
tests_unit_iropt_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_iropt_LDADD = $(GROUP_START) libopt.a libinterp.a libir.a libbase.a $(GROUP_END) \
	$(TEST_LIBS)
endif

check_PROGRAMS += tests/ir/irtool
TESTS += tests/ir/run.sh
EXTRA_DIST += tests/ir/run.sh tests/ir/flags.ir tests/ir/push.ir tests/ir/fold.ir
tests_ir_irtool_SOURCES = tests/ir/irtool.c
tests_ir_irtool_CPPFLAGS = $(INC_VMM) $(INC_TOP)
tests_ir_irtool_LDADD = $(GROUP_START) libopt.a libinterp.a libir.a libbase.a $(GROUP_END) -lm
