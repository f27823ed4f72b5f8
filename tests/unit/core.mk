if HAVE_CHECK
CORE_TESTS = tests/unit/loop tests/unit/coroutine tests/unit/gmem tests/unit/vm \
	tests/unit/device tests/unit/lock
check_PROGRAMS += $(CORE_TESTS)
TESTS += $(CORE_TESTS)
CORE_TEST_LIBS = $(GROUP_START) libcore.a libbase.a $(GROUP_END) $(TEST_LIBS)
tests_unit_loop_SOURCES = tests/unit/loop_test.c tests/unit/unit.h
tests_unit_loop_CPPFLAGS = $(TEST_CPPFLAGS)
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
tests_unit_lock_SOURCES = tests/unit/lock_test.c tests/unit/unit.h
tests_unit_lock_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_lock_LDADD = $(CORE_TEST_LIBS)
endif
