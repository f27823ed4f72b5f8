# Differential tests of SIMD and x87 instructions; see tests/insn/simd.c.
if HOST_X86_64
check_PROGRAMS += tests/insn/simd
TESTS += tests/insn/simd
tests_insn_simd_SOURCES = tests/insn/simd.c tests/insn/emu.c tests/insn/native.c \
	tests/insn/run.c tests/insn/insn.h tests/insn/odd.h
tests_insn_simd_CPPFLAGS = $(INC_VMM) $(INC_TOP)
tests_insn_simd_LDADD = $(tests_insn_insn_LDADD)
endif
