UNIT_TESTS += %D%/iropt
%C%_iropt_SOURCES = %D%/iropt_test.c
%C%_iropt_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_iropt_LDADD = $(GROUP_START) libopt.a libinterp.a libir.a libbase.a $(GROUP_END) $(TEST_LIBS)

check_PROGRAMS += tests/ir/irtool
TESTS += tests/ir/run.sh
EXTRA_DIST += tests/ir/run.sh tests/ir/flags.ir tests/ir/push.ir tests/ir/fold.ir
tests_ir_irtool_SOURCES = tests/ir/irtool.c
tests_ir_irtool_CPPFLAGS = $(INC_VMM) $(INC_TOP)
tests_ir_irtool_LDADD = $(GROUP_START) libopt.a libinterp.a libir.a libbase.a $(GROUP_END) -lm
