# Unit tests (Check), one fragment a part. A test names the libraries it needs, by the
# variable of tests of its kind if there is one:
#
#   UNIT_TESTS += %D%/foo
#   %C%_foo_SOURCES = %D%/foo_test.c
#   %C%_foo_CPPFLAGS = $(TEST_CPPFLAGS)
#   %C%_foo_LDADD = $(GROUP_START) libfoo.a libcore.a libbase.a $(GROUP_END) $(TEST_LIBS)
#
# or $(BASE_TEST_LIBS), $(CORE_TEST_LIBS), $(DEVICE_TEST_LIBS), $(MACHINE_TEST_LIBS), ... An
# `if` is needed around UNIT_TESTS only. What other threads or the kernel do is waited for with
# tests/unit/wait.h. Fuzz targets go into the same fragment:
#
#   FUZZ_TARGETS += tests/fuzz/fuzz_foo
#   tests_fuzz_fuzz_foo_CPPFLAGS = $(TEST_CPPFLAGS)
#   tests_fuzz_fuzz_foo_LDADD = $(FUZZ_LIBS) $(BASE_TEST_LIBS)
#
# Its seeds come from tests/fuzz/seeds.c. With --enable-fuzzing libFuzzer drives it,
# otherwise tests/fuzz/main.c; tests/fuzz/smoke.sh runs each for some seconds.
TEST_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP) $(CHECK_CFLAGS)
TEST_LIBS = $(CHECK_LIBS) $(LIBURING_LIBS) -lpthread -lm

# Each test has a time limit (timeout ends with 124), above that of one of its cases
# (UNIT_LIMIT_S), times the factor.
TEST_LIMIT = 900
LOG_COMPILER = timeout
AM_LOG_FLAGS = -k 10 $(TEST_LIMIT)
AM_TESTS_ENVIRONMENT = CK_TIMEOUT_MULTIPLIER=$${CK_TIMEOUT_MULTIPLIER-2}; \
	export CK_TIMEOUT_MULTIPLIER; \
	FUZZ_TARGETS='$(FUZZ_TARGETS)'; export FUZZ_TARGETS;

FUZZ_TARGETS =
check_LIBRARIES =
if FUZZING
FUZZ_LIBS = $(FUZZ_LDFLAGS)
else
FUZZ_LIBS = tests/fuzz/libmain.a
check_LIBRARIES += tests/fuzz/libmain.a
endif
tests_fuzz_libmain_a_SOURCES = tests/fuzz/main.c

include tests/lab/local.mk
UNIT_TESTS =
if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
endif
noinst_HEADERS += tests/unit/cputables.h tests/unit/fakert.h tests/unit/guestvm.h \
	tests/unit/ide-rig.h tests/unit/irgen.h tests/unit/kvmfake.h tests/unit/kvmrig.h \
	tests/unit/unit.h tests/unit/vex.h tests/unit/wait.h tests/unit/x86rig.h

include tests/unit/base.mk
include tests/unit/core.mk
include tests/unit/state.mk
include tests/unit/pci.mk
include tests/unit/plat.mk
include tests/unit/virtio.mk
include tests/unit/block.mk
include tests/unit/host.mk
include tests/unit/qmp.mk
include tests/unit/machine.mk
include tests/unit/ir.mk
include tests/unit/interp.mk
include tests/unit/opt.mk
include tests/unit/emit.mk
include tests/unit/x86guest.mk
include tests/unit/x86sys.mk
include tests/unit/simd.mk
include tests/unit/arch64.mk
include tests/unit/kvm.mk
include tests/unit/chips.mk
include tests/unit/seccomp.mk
include tests/cross/local.mk
include tests/functional/local.mk
include tests/qtest/local.mk
include tests/lint/local.mk

check_PROGRAMS += $(FUZZ_TARGETS) tests/fuzz/seeds
TESTS += tests/fuzz/smoke.sh
EXTRA_DIST += tests/fuzz/smoke.sh
