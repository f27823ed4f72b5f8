UNIT_TESTS += %D%/machine %D%/cli
%C%_machine_SOURCES = %D%/machine_test.c
%C%_machine_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_machine_LDADD = $(GROUP_START) libmachine.a libcpu.a libstate.a libcore.a libbase.a \
	$(GROUP_END) $(TEST_LIBS)
%C%_cli_SOURCES = %D%/cli_test.c
nodist_%C%_cli_SOURCES = devices/devtable.c
%C%_cli_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_cli_LDADD = $(MACHINE_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_boot
tests_fuzz_fuzz_boot_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_boot_LDADD = $(FUZZ_LIBS) $(GROUP_START) libmachine.a libcpu.a libstate.a libcore.a \
	libbase.a $(GROUP_END) $(TEST_LIBS)
