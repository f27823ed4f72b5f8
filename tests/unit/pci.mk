if HAVE_CHECK
check_PROGRAMS += tests/unit/pci
TESTS += tests/unit/pci
tests_unit_pci_SOURCES = tests/unit/pci_test.c tests/unit/unit.h \
	tests/qtest/harness.c tests/qtest/harness.h
tests_unit_pci_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_pci_LDADD = $(DEVICE_TEST_LIBS)
endif
