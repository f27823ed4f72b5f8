if HAVE_CHECK
check_PROGRAMS += tests/unit/virtio
TESTS += tests/unit/virtio
tests_unit_virtio_SOURCES = tests/unit/virtio_test.c
tests_unit_virtio_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_virtio_LDADD = $(GROUP_START) libdevices.a libblock.a libhost.a libstate.a libcpu.a \
	libcore.a libbase.a $(GROUP_END) $(SLIRP_LIBS) $(TEST_LIBS)
endif

EXTRA_DIST += tests/fuzz/virtio-fuzz.h
FUZZ_TARGETS += tests/fuzz/fuzz_virtq
tests_fuzz_fuzz_virtq_SOURCES = tests/fuzz/fuzz_virtq.c $(FUZZ_MAIN)
tests_fuzz_fuzz_virtq_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_virtq_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_virtq_LDADD = $(GROUP_START) libdevices.a libblock.a libhost.a libstate.a libcpu.a \
	libcore.a libbase.a $(GROUP_END) $(SLIRP_LIBS) $(TEST_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_virtio_blk
tests_fuzz_fuzz_virtio_blk_SOURCES = tests/fuzz/fuzz_virtio_blk.c $(FUZZ_MAIN)
tests_fuzz_fuzz_virtio_blk_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_virtio_blk_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_virtio_blk_LDADD = $(GROUP_START) libdevices.a libblock.a libhost.a libstate.a libcpu.a \
	libcore.a libbase.a $(GROUP_END) $(SLIRP_LIBS) $(TEST_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_virtio_net
tests_fuzz_fuzz_virtio_net_SOURCES = tests/fuzz/fuzz_virtio_net.c $(FUZZ_MAIN)
tests_fuzz_fuzz_virtio_net_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_virtio_net_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_virtio_net_LDADD = $(GROUP_START) libdevices.a libblock.a libhost.a libstate.a libcpu.a \
	libcore.a libbase.a $(GROUP_END) $(SLIRP_LIBS) $(TEST_LIBS)
