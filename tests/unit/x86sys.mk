if HAVE_CHECK
X86SYS_TESTS = tests/unit/x86sys tests/unit/x86cpu
check_PROGRAMS += $(X86SYS_TESTS)
TESTS += $(X86SYS_TESTS)
X86SYS_LIBS = $(GROUP_START) libx86guest.a libir.a libcpu.a libcore.a libbase.a $(GROUP_END) \
	$(TEST_LIBS)
tests_unit_x86sys_SOURCES = tests/unit/x86sys_test.c tests/unit/x86rig.h tests/unit/unit.h
tests_unit_x86sys_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_x86sys_LDADD = $(X86SYS_LIBS)
tests_unit_x86cpu_SOURCES = tests/unit/x86cpu_test.c tests/unit/x86rig.h tests/unit/unit.h
tests_unit_x86cpu_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_x86cpu_LDADD = $(X86SYS_LIBS)
endif
