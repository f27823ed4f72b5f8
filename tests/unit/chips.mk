UNIT_TESTS += %D%/chips
%C%_chips_SOURCES = %D%/chips_test.c
%C%_chips_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_chips_LDADD = $(DEVICE_TEST_LIBS)
if HAVE_KVM
if HOST_X86_64
UNIT_TESTS += %D%/kvmchips
endif
endif
%C%_kvmchips_SOURCES = %D%/kvmchips_test.c
%C%_kvmchips_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_kvmchips_LDADD = $(KVM_TEST_LIBS)
