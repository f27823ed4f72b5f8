UNIT_TESTS += %D%/emit
%C%_emit_SOURCES = %D%/emit_test.c
%C%_emit_CPPFLAGS = $(TEST_CPPFLAGS) $(CAPSTONE_CFLAGS)
%C%_emit_LDADD = $(GROUP_START) libx86host.a libopt.a libinterp.a libir.a libbase.a $(GROUP_END) \
	$(CAPSTONE_LIBS) $(TEST_LIBS)
