QMP_TEST_LIBS = $(GROUP_START) libqmp.a libmachine.a libdevices.a libblock.a libhost.a libstate.a libcpu.a \
	libcore.a libbase.a $(GROUP_END) $(JSONC_LIBS) $(SLIRP_LIBS)
if HAVE_CHECK
check_PROGRAMS += tests/unit/qmp
TESTS += tests/unit/qmp
tests_unit_qmp_SOURCES = tests/unit/qmp_test.c
nodist_tests_unit_qmp_SOURCES = devices/devtable.c
tests_unit_qmp_CPPFLAGS = $(TEST_CPPFLAGS) -I$(top_builddir)
tests_unit_qmp_LDADD = $(QMP_TEST_LIBS) $(TEST_LIBS)
endif
FUZZ_TARGETS += tests/fuzz/fuzz_qmp
tests_fuzz_fuzz_qmp_SOURCES = tests/fuzz/fuzz_qmp.c $(FUZZ_MAIN)
nodist_tests_fuzz_fuzz_qmp_SOURCES = devices/devtable.c
tests_fuzz_fuzz_qmp_CPPFLAGS = $(TEST_CPPFLAGS) -I$(top_builddir)
tests_fuzz_fuzz_qmp_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_qmp_LDADD = $(QMP_TEST_LIBS) $(TEST_LIBS)
