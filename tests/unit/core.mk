if HAVE_CHECK
CORE_TESTS = tests/unit/loop tests/unit/coroutine tests/unit/gmem tests/unit/vm \
	tests/unit/device tests/unit/dirty tests/unit/lock
check_PROGRAMS += $(CORE_TESTS)
TESTS += $(CORE_TESTS)
CORE_TEST_LIBS = $(GROUP_START) libcore.a libbase.a $(GROUP_END) $(TEST_LIBS)
tests_unit_loop_SOURCES = tests/unit/loop_test.c tests/unit/unit.h
tests_unit_loop_CPPFLAGS = $(TEST_CPPFLAGS)
# refusals of the kernel are the test's
tests_unit_loop_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=epoll_ctl \
	-Wl,--wrap=io_uring_submit_and_get_events
tests_unit_loop_LDADD = $(CORE_TEST_LIBS)
tests_unit_coroutine_SOURCES = tests/unit/coroutine_test.c tests/unit/unit.h
tests_unit_coroutine_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_coroutine_LDADD = $(CORE_TEST_LIBS)
tests_unit_gmem_SOURCES = tests/unit/gmem_test.c tests/unit/unit.h
tests_unit_gmem_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_gmem_LDADD = $(CORE_TEST_LIBS)
tests_unit_vm_SOURCES = tests/unit/vm_test.c tests/unit/unit.h
tests_unit_vm_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_vm_LDADD = $(CORE_TEST_LIBS)
tests_unit_device_SOURCES = tests/unit/device_test.c tests/unit/unit.h
tests_unit_device_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_device_LDADD = $(CORE_TEST_LIBS)
tests_unit_dirty_SOURCES = tests/unit/dirty_test.c tests/unit/unit.h
tests_unit_dirty_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_dirty_LDADD = $(CORE_TEST_LIBS)

if HOST_X86_64
check_PROGRAMS += tests/unit/dirtyvm
TESTS += tests/unit/dirtyvm
tests_unit_dirtyvm_SOURCES = tests/unit/dirtyvm_test.c tests/unit/guestvm.h tests/unit/unit.h
nodist_tests_unit_dirtyvm_SOURCES = devices/devtable.c
tests_unit_dirtyvm_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_dirtyvm_LDADD = $(LODGE_LIBS) $(TEST_LIBS) $(LODGE_SYSLIBS)
check_PROGRAMS += tests/unit/hotcpu
TESTS += tests/unit/hotcpu
tests_unit_hotcpu_SOURCES = tests/unit/hotcpu_test.c tests/unit/guestvm.h tests/unit/unit.h
nodist_tests_unit_hotcpu_SOURCES = devices/devtable.c
tests_unit_hotcpu_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_hotcpu_LDADD = $(LODGE_LIBS) $(TEST_LIBS) $(LODGE_SYSLIBS)
endif
tests_unit_lock_SOURCES = tests/unit/lock_test.c tests/unit/unit.h
tests_unit_lock_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_lock_LDADD = $(CORE_TEST_LIBS)
endif
