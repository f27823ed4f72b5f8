# The architectures of other hosts: structs, page walks, register tables. The sources of
# kvm/ that need no KVM are compiled here for any host.
UNIT_TESTS += %D%/arm64 %D%/riscv64
ARCH64_LIBS = $(GROUP_START) libcpu.a libcore.a libbase.a $(GROUP_END) $(TEST_LIBS)
%C%_arm64_SOURCES = %D%/arm64_test.c kvm/aarch64-regs.c kvm/aarch64-gic-regs.c \
	kvm/one-reg-find.c
%C%_arm64_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_arm64_LDADD = $(ARCH64_LIBS)
%C%_riscv64_SOURCES = %D%/riscv64_test.c kvm/riscv64-regs.c kvm/one-reg-find.c
%C%_riscv64_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_riscv64_LDADD = $(ARCH64_LIBS)
