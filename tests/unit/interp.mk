UNIT_TESTS += %D%/interp
%C%_interp_SOURCES = %D%/interp_test.c
%C%_interp_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_interp_LDADD = $(GROUP_START) libinterp.a libir.a libbase.a $(GROUP_END) $(TEST_LIBS)
