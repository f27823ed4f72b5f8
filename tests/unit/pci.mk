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
endif
