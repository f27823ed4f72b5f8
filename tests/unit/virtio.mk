UNIT_TESTS += %D%/virtio
%C%_virtio_SOURCES = %D%/virtio_test.c
%C%_virtio_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_virtio_LDADD = $(DEVICE_TEST_LIBS)

noinst_HEADERS += tests/fuzz/virtio-fuzz.h
FUZZ_TARGETS += tests/fuzz/fuzz_virtq
tests_fuzz_fuzz_virtq_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_virtq_LDADD = $(FUZZ_LIBS) $(DEVICE_TEST_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_virtio_blk
tests_fuzz_fuzz_virtio_blk_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_virtio_blk_LDADD = $(FUZZ_LIBS) $(DEVICE_TEST_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_virtio_net
tests_fuzz_fuzz_virtio_net_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_virtio_net_LDADD = $(FUZZ_LIBS) $(DEVICE_TEST_LIBS)
