if HAVE_CHECK
check_PROGRAMS += tests/unit/pci
TESTS += tests/unit/pci
tests_unit_pci_SOURCES = tests/unit/pci_test.c tests/unit/unit.h \
	tests/qtest/harness.c tests/qtest/harness.h
tests_unit_pci_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_pci_LDADD = $(DEVICE_TEST_LIBS)

check_PROGRAMS += tests/unit/piix
TESTS += tests/unit/piix
tests_unit_piix_SOURCES = tests/unit/piix_test.c tests/unit/unit.h \
	tests/qtest/harness.c tests/qtest/harness.h
tests_unit_piix_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_piix_LDADD = $(DEVICE_TEST_LIBS)

check_PROGRAMS += tests/unit/ide
TESTS += tests/unit/ide
tests_unit_ide_SOURCES = tests/unit/ide_test.c tests/unit/ide-rig.h tests/unit/unit.h \
	tests/qtest/harness.c tests/qtest/harness.h
tests_unit_ide_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_ide_LDADD = $(DEVICE_TEST_LIBS)
endif

FUZZ_TARGETS += tests/fuzz/fuzz_ide
tests_fuzz_fuzz_ide_SOURCES = tests/fuzz/fuzz_ide.c tests/unit/ide-rig.h \
	tests/qtest/harness.c tests/qtest/harness.h $(FUZZ_MAIN)
tests_fuzz_fuzz_ide_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_ide_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_ide_LDADD = $(DEVICE_TEST_LIBS)
