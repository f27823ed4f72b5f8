QMP_TEST_LIBS = $(GROUP_START) libqmp.a libmachine.a libdevices.a libblock.a libhost.a \
	libstate.a libcpu.a libcore.a libbase.a $(GROUP_END) $(JSONC_LIBS) $(SLIRP_LIBS) \
	$(TEST_LIBS)
UNIT_TESTS += %D%/qmp
%C%_qmp_SOURCES = %D%/qmp_test.c
nodist_%C%_qmp_SOURCES = devices/devtable.c
%C%_qmp_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_qmp_LDADD = $(QMP_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_qmp
tests_fuzz_fuzz_qmp_SOURCES = tests/fuzz/fuzz_qmp.c
nodist_tests_fuzz_fuzz_qmp_SOURCES = devices/devtable.c
tests_fuzz_fuzz_qmp_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_qmp_LDADD = $(FUZZ_LIBS) $(QMP_TEST_LIBS)
