# The architectures of other hosts: structs, page walks, register tables. The sources of
# kvm/ that need no KVM are compiled here for any host.
if HAVE_CHECK
ARCH64_TESTS = tests/unit/arm64 tests/unit/riscv64
check_PROGRAMS += $(ARCH64_TESTS)
TESTS += $(ARCH64_TESTS)
ARCH64_LIBS = $(GROUP_START) libcpu.a libcore.a libbase.a $(GROUP_END) $(TEST_LIBS)
tests_unit_arm64_SOURCES = tests/unit/arm64_test.c tests/unit/cputables.h tests/unit/unit.h \
	kvm/aarch64-regs.c kvm/aarch64-gic-regs.c kvm/one-reg-find.c
tests_unit_arm64_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_arm64_LDADD = $(ARCH64_LIBS)
tests_unit_riscv64_SOURCES = tests/unit/riscv64_test.c tests/unit/cputables.h tests/unit/unit.h \
	kvm/riscv64-regs.c kvm/one-reg-find.c
tests_unit_riscv64_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_riscv64_LDADD = $(ARCH64_LIBS)
endif
