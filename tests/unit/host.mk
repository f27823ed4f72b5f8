UNIT_TESTS += %D%/host
%C%_host_SOURCES = %D%/host_test.c
%C%_host_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_host_LDADD = $(GROUP_START) libhost.a libstate.a libcpu.a libcore.a libbase.a $(GROUP_END) \
	$(SLIRP_LIBS) $(TEST_LIBS)
