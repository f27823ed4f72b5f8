noinst_LIBRARIES += libseccomp_policy.a
libseccomp_policy_a_SOURCES = %D%/placeholder.c
libseccomp_policy_a_CPPFLAGS = $(INC_VMM) $(SECCOMP_CFLAGS) $(CAPNG_CFLAGS)
