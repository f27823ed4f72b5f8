if HAVE_CHECK
if HAVE_KVM
if HOST_X86_64
check_PROGRAMS += tests/unit/kvm
TESTS += tests/unit/kvm
tests_unit_kvm_SOURCES = tests/unit/kvm_test.c
tests_unit_kvm_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_kvm_LDADD = $(GROUP_START) libkvm.a libcpu.a libcore.a libbase.a $(GROUP_END) \
	$(TEST_LIBS)
# open() and ioctl() are the fake's
check_PROGRAMS += tests/unit/kvmbad
TESTS += tests/unit/kvmbad
tests_unit_kvmbad_SOURCES = tests/unit/kvmbad_test.c tests/unit/kvmrig.h \
	tests/unit/kvmfake.c tests/unit/kvmfake.h
tests_unit_kvmbad_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_kvmbad_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=ioctl -Wl,--wrap=open
tests_unit_kvmbad_LDADD = $(tests_unit_kvm_LDADD)

check_PROGRAMS += tests/unit/kvmcpu
TESTS += tests/unit/kvmcpu
tests_unit_kvmcpu_SOURCES = tests/unit/kvmcpu_test.c tests/unit/kvmrig.h \
	tests/unit/kvmfake.c tests/unit/kvmfake.h
tests_unit_kvmcpu_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_kvmcpu_LDFLAGS = $(tests_unit_kvmbad_LDFLAGS)
tests_unit_kvmcpu_LDADD = $(tests_unit_kvm_LDADD)

check_PROGRAMS += tests/unit/kvmtime
TESTS += tests/unit/kvmtime
tests_unit_kvmtime_SOURCES = tests/unit/kvmtime_test.c tests/unit/kvmrig.h \
	tests/unit/kvmfake.c tests/unit/kvmfake.h
tests_unit_kvmtime_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_kvmtime_LDFLAGS = $(tests_unit_kvmbad_LDFLAGS)
tests_unit_kvmtime_LDADD = $(tests_unit_kvm_LDADD)

check_PROGRAMS += tests/unit/kvmbatch
TESTS += tests/unit/kvmbatch
tests_unit_kvmbatch_SOURCES = tests/unit/kvmbatch_test.c tests/unit/kvmrig.h \
	tests/unit/kvmfake.c tests/unit/kvmfake.h
tests_unit_kvmbatch_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_kvmbatch_LDFLAGS = $(tests_unit_kvmbad_LDFLAGS)
tests_unit_kvmbatch_LDADD = $(tests_unit_kvm_LDADD)

check_PROGRAMS += tests/unit/kvmvm
TESTS += tests/unit/kvmvm
tests_unit_kvmvm_SOURCES = tests/unit/kvmvm_test.c tests/unit/guestvm.h tests/unit/unit.h
nodist_tests_unit_kvmvm_SOURCES = devices/devtable.c
tests_unit_kvmvm_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_kvmvm_LDADD = $(LODGE_LIBS) $(TEST_LIBS) $(LODGE_SYSLIBS)
endif
endif
endif
EXTRA_DIST += tests/lab/kvm
