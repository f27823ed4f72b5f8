# Unit tests and fuzz targets: see tests/local.mk for the pattern.
if HAVE_CHECK
check_PROGRAMS += tests/unit/machine
TESTS += tests/unit/machine
tests_unit_machine_SOURCES = tests/unit/machine_test.c
tests_unit_machine_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_machine_LDADD = $(GROUP_START) libmachine.a libcpu.a libstate.a libcore.a libbase.a $(GROUP_END) $(TEST_LIBS)

check_PROGRAMS += tests/unit/cli
TESTS += tests/unit/cli
tests_unit_cli_SOURCES = tests/unit/cli_test.c
nodist_tests_unit_cli_SOURCES = devices/devtable.c
tests_unit_cli_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_cli_LDADD = $(LODGE_LIBS) $(TEST_LIBS) $(LODGE_SYSLIBS)
endif

FUZZ_TARGETS += tests/fuzz/fuzz_boot
tests_fuzz_fuzz_boot_SOURCES = tests/fuzz/fuzz_boot.c $(FUZZ_MAIN)
tests_fuzz_fuzz_boot_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_boot_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_boot_LDADD = $(GROUP_START) libmachine.a libcpu.a libstate.a libcore.a libbase.a $(GROUP_END) $(LIBURING_LIBS) -lpthread
