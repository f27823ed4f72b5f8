KVM_TEST_LIBS = $(GROUP_START) libkvm.a libcpu.a libcore.a libbase.a $(GROUP_END) $(TEST_LIBS)
# Those on the fake KVM: open() and ioctl() are its own.
KVM_FAKE_LIBS = %D%/libkvmfake.a $(KVM_TEST_LIBS)
KVM_FAKE_WRAP = $(AM_LDFLAGS) -Wl,--wrap=ioctl -Wl,--wrap=open
if HAVE_KVM
if HOST_X86_64
UNIT_TESTS += %D%/kvm %D%/kvmvm %D%/kvmbad %D%/kvmcpu %D%/kvmtime %D%/kvmbatch
check_LIBRARIES += %D%/libkvmfake.a
endif
endif
%C%_libkvmfake_a_SOURCES = %D%/kvmfake.c
%C%_libkvmfake_a_CPPFLAGS = $(TEST_CPPFLAGS)

%C%_kvm_SOURCES = %D%/kvm_test.c
%C%_kvm_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_kvm_LDADD = $(KVM_TEST_LIBS)
%C%_kvmvm_SOURCES = %D%/kvmvm_test.c
nodist_%C%_kvmvm_SOURCES = devices/devtable.c
%C%_kvmvm_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_kvmvm_LDADD = $(MACHINE_TEST_LIBS)
%C%_kvmbad_SOURCES = %D%/kvmbad_test.c
%C%_kvmbad_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_kvmbad_LDFLAGS = $(KVM_FAKE_WRAP)
%C%_kvmbad_LDADD = $(KVM_FAKE_LIBS)
%C%_kvmcpu_SOURCES = %D%/kvmcpu_test.c
%C%_kvmcpu_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_kvmcpu_LDFLAGS = $(KVM_FAKE_WRAP)
%C%_kvmcpu_LDADD = $(KVM_FAKE_LIBS)
%C%_kvmtime_SOURCES = %D%/kvmtime_test.c
%C%_kvmtime_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_kvmtime_LDFLAGS = $(KVM_FAKE_WRAP)
%C%_kvmtime_LDADD = $(KVM_FAKE_LIBS)
%C%_kvmbatch_SOURCES = %D%/kvmbatch_test.c
%C%_kvmbatch_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_kvmbatch_LDFLAGS = $(KVM_FAKE_WRAP)
%C%_kvmbatch_LDADD = $(KVM_FAKE_LIBS)
