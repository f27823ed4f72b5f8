UNIT_TESTS += %D%/seccomp
%C%_seccomp_SOURCES = %D%/seccomp_test.c
%C%_seccomp_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_seccomp_LDADD = $(GROUP_START) libseccomp_policy.a libcore.a libbase.a $(GROUP_END) \
	$(CAPNG_LIBS) $(TEST_LIBS)
