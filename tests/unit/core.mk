UNIT_TESTS += %D%/loop %D%/coroutine %D%/gmem %D%/vm %D%/device \
	%D%/dirty %D%/lock
CORE_TEST_LIBS = $(GROUP_START) libcore.a libbase.a $(GROUP_END) $(TEST_LIBS)
%C%_loop_SOURCES = %D%/loop_test.c
%C%_loop_CPPFLAGS = $(TEST_CPPFLAGS)
# refusals of the kernel are the test's
%C%_loop_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=io_uring_submit_and_get_events
%C%_loop_LDADD = $(CORE_TEST_LIBS)
%C%_coroutine_SOURCES = %D%/coroutine_test.c
%C%_coroutine_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_coroutine_LDADD = $(CORE_TEST_LIBS)
%C%_gmem_SOURCES = %D%/gmem_test.c
%C%_gmem_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_gmem_LDADD = $(CORE_TEST_LIBS)
%C%_vm_SOURCES = %D%/vm_test.c
%C%_vm_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_vm_LDADD = $(CORE_TEST_LIBS)
%C%_device_SOURCES = %D%/device_test.c
%C%_device_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_device_LDADD = $(CORE_TEST_LIBS)
%C%_dirty_SOURCES = %D%/dirty_test.c
%C%_dirty_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_dirty_LDADD = $(CORE_TEST_LIBS)
%C%_lock_SOURCES = %D%/lock_test.c
%C%_lock_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_lock_LDADD = $(CORE_TEST_LIBS)

# Whole machines.
MACHINE_TEST_LIBS = $(LODGE_LIBS) $(TEST_LIBS) $(LODGE_SYSLIBS)
if HOST_X86_64
UNIT_TESTS += %D%/dirtyvm %D%/hotcpu
endif
%C%_dirtyvm_SOURCES = %D%/dirtyvm_test.c
nodist_%C%_dirtyvm_SOURCES = devices/devtable.c
%C%_dirtyvm_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_dirtyvm_LDADD = $(MACHINE_TEST_LIBS)
%C%_hotcpu_SOURCES = %D%/hotcpu_test.c
nodist_%C%_hotcpu_SOURCES = devices/devtable.c
%C%_hotcpu_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_hotcpu_LDADD = $(MACHINE_TEST_LIBS)
