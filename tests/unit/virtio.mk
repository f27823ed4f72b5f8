if HAVE_CHECK
check_PROGRAMS += tests/unit/virtio
TESTS += tests/unit/virtio
tests_unit_virtio_SOURCES = tests/unit/virtio_test.c
tests_unit_virtio_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_virtio_LDADD = $(GROUP_START) libdevices.a libblock.a libhost.a libstate.a libcpu.a \
	libcore.a libbase.a $(GROUP_END) $(SLIRP_LIBS) $(TEST_LIBS)
endif
