# Devices under test without a machine.
check_LIBRARIES += %D%/libharness.a
%C%_libharness_a_SOURCES = %D%/harness.c %D%/harness.h
%C%_libharness_a_CPPFLAGS = $(TEST_CPPFLAGS)
