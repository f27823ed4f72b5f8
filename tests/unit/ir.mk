UNIT_TESTS += %D%/ir
%C%_ir_SOURCES = %D%/ir_test.c
%C%_ir_CPPFLAGS = $(TEST_CPPFLAGS) $(CAPSTONE_CFLAGS)
%C%_ir_LDADD = $(GROUP_START) libir.a libbase.a $(GROUP_END) $(CAPSTONE_LIBS) $(TEST_LIBS)
