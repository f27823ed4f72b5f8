# Differential tests of the x86 front end; see tests/insn/main.c.
if HOST_X86_64
check_PROGRAMS += tests/insn/insn
TESTS += tests/insn/insn
tests_insn_insn_SOURCES = tests/insn/main.c tests/insn/gen.c tests/insn/emu.c \
	tests/insn/native.c tests/insn/run.c tests/insn/insn.h tests/insn/odd.h
tests_insn_insn_CPPFLAGS = $(INC_VMM) $(INC_TOP)
tests_insn_insn_LDADD = $(GROUP_START) libx86guest.a libx86host.a libinterp.a libopt.a libir.a \
	libcpu.a libbase.a \
	$(GROUP_END) -lm
endif
FUZZ_TARGETS += tests/fuzz/fuzz_x86decode
tests_fuzz_fuzz_x86decode_CPPFLAGS = $(TEST_CPPFLAGS)
tests_fuzz_fuzz_x86decode_LDADD = $(FUZZ_LIBS) $(MACHINE_TEST_LIBS)
