if HAVE_CHECK
check_PROGRAMS += tests/unit/chips
TESTS += tests/unit/chips
tests_unit_chips_SOURCES = tests/unit/chips_test.c tests/unit/unit.h \
	tests/qtest/harness.c tests/qtest/harness.h
tests_unit_chips_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_chips_LDADD = $(DEVICE_TEST_LIBS)
if HAVE_KVM
if HOST_X86_64
check_PROGRAMS += tests/unit/kvmchips
TESTS += tests/unit/kvmchips
tests_unit_kvmchips_SOURCES = tests/unit/kvmchips_test.c tests/unit/unit.h
tests_unit_kvmchips_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_kvmchips_LDADD = $(tests_unit_kvm_LDADD)
endif
endif
endif
