UNIT_TESTS += %D%/pci %D%/piix %D%/ide
%C%_pci_SOURCES = %D%/pci_test.c
%C%_pci_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_pci_LDADD = $(DEVICE_TEST_LIBS)
%C%_piix_SOURCES = %D%/piix_test.c
%C%_piix_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_piix_LDADD = $(DEVICE_TEST_LIBS)
%C%_ide_SOURCES = %D%/ide_test.c
%C%_ide_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_ide_LDADD = $(DEVICE_TEST_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_ide
tests_fuzz_fuzz_ide_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_ide_LDADD = $(FUZZ_LIBS) $(DEVICE_TEST_LIBS)
