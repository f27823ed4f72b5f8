# Filters are compiled at build time: policyc turns the policy files into BPF arrays.
noinst_LIBRARIES += libseccomp_policy.a
libseccomp_policy_a_SOURCES = %D%/sandbox.h %D%/sandbox-gen.h %D%/sandbox.c
nodist_libseccomp_policy_a_SOURCES = %D%/policy-gen.c
libseccomp_policy_a_CPPFLAGS = $(INC_VMM) $(INC_TOP) $(SECCOMP_CFLAGS) $(CAPNG_CFLAGS)

noinst_PROGRAMS += seccomp/policyc
seccomp_policyc_SOURCES = %D%/policyc.c
seccomp_policyc_CPPFLAGS = $(INC_VMM) $(SECCOMP_CFLAGS)
seccomp_policyc_LDADD = $(SECCOMP_LIBS)

SECCOMP_ROLES = control vcpu iothread translate net-user display migrate
SECCOMP_POLICIES = %D%/policy/common.policy %D%/policy/control.policy \
	%D%/policy/vcpu.policy %D%/policy/iothread.policy %D%/policy/translate.policy \
	%D%/policy/net-user.policy %D%/policy/display.policy %D%/policy/migrate.policy
EXTRA_DIST += $(SECCOMP_POLICIES)
CLEANFILES += seccomp/policy-gen.c
seccomp/policy-gen.c: seccomp/policyc$(EXEEXT) $(SECCOMP_POLICIES)
	$(AM_V_GEN)$(MKDIR_P) seccomp && ./seccomp/policyc$(EXEEXT) \
		$(srcdir)/seccomp/policy $(SECCOMP_ROLES) > $@.tmp && mv $@.tmp $@
