# What can be built for other hosts without their libraries: tests/cross/run. A part of
# make check; make check-cross runs it by itself.
CROSS_TESTS = %D%/aarch64 %D%/riscv64
TESTS += $(CROSS_TESTS)
EXTRA_DIST += $(CROSS_TESTS) %D%/run %D%/check.h %D%/probe.c
#: check-cross   builds and runs what can be for other hosts (a part of check)
check-cross:
	@for t in $(CROSS_TESTS); do \
		sh $(srcdir)/$$t || test $$? = 77 || exit 1; \
	done
.PHONY: check-cross
