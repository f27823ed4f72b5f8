if HAVE_CHECK
check_PROGRAMS += tests/unit/plat
TESTS += tests/unit/plat
tests_unit_plat_SOURCES = tests/unit/plat_test.c tests/unit/unit.h \
	tests/qtest/harness.c tests/qtest/harness.h
tests_unit_plat_CPPFLAGS = $(TEST_CPPFLAGS)
DEVICE_TEST_LIBS = $(GROUP_START) libdevices.a libblock.a libhost.a libstate.a libcpu.a \
	libcore.a libbase.a $(GROUP_END) $(SLIRP_LIBS) $(TEST_LIBS)
tests_unit_plat_LDADD = $(DEVICE_TEST_LIBS)

check_PROGRAMS += tests/unit/qtest
TESTS += tests/unit/qtest
tests_unit_qtest_SOURCES = tests/unit/qtest_test.c tests/unit/unit.h vmm/cli/qtest.c \
	tests/qtest/harness.c tests/qtest/harness.h
tests_unit_qtest_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_qtest_LDADD = $(DEVICE_TEST_LIBS)
endif
