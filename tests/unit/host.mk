if HAVE_CHECK
check_PROGRAMS += tests/unit/host
TESTS += tests/unit/host
tests_unit_host_SOURCES = tests/unit/host_test.c tests/unit/unit.h
tests_unit_host_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_host_LDADD = $(GROUP_START) libhost.a libstate.a libcpu.a libcore.a libbase.a $(GROUP_END) \
	$(SLIRP_LIBS) $(TEST_LIBS)
endif
