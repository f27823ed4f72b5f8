# Devices, on the harness or without.
DEVICE_TEST_LIBS = $(GROUP_START) tests/qtest/libharness.a libdevices.a libblock.a libhost.a \
	libstate.a libcpu.a libcore.a libbase.a $(GROUP_END) $(SLIRP_LIBS) $(TEST_LIBS)
UNIT_TESTS += %D%/plat %D%/qtest %D%/uart
%C%_plat_SOURCES = %D%/plat_test.c
%C%_plat_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_plat_LDADD = $(DEVICE_TEST_LIBS)
%C%_qtest_SOURCES = %D%/qtest_test.c vmm/cli/qtest.c
%C%_qtest_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_qtest_LDADD = $(DEVICE_TEST_LIBS)
%C%_uart_SOURCES = %D%/uart_test.c
%C%_uart_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_uart_LDADD = $(DEVICE_TEST_LIBS)
