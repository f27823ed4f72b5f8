UNIT_TESTS += %D%/x86sys %D%/x86cpu
X86SYS_LIBS = $(GROUP_START) libx86guest.a libir.a libcpu.a libcore.a libbase.a $(GROUP_END) \
	$(TEST_LIBS)
%C%_x86sys_SOURCES = %D%/x86sys_test.c
%C%_x86sys_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_x86sys_LDADD = $(X86SYS_LIBS)
%C%_x86cpu_SOURCES = %D%/x86cpu_test.c
%C%_x86cpu_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_x86cpu_LDADD = $(X86SYS_LIBS)
