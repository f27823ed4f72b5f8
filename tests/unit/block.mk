UNIT_TESTS += %D%/block
%C%_block_SOURCES = %D%/block_test.c
%C%_block_CPPFLAGS = $(TEST_CPPFLAGS)
%C%_block_LDADD = $(GROUP_START) libblock.a libstate.a libcpu.a libcore.a libbase.a \
	$(GROUP_END) $(TEST_LIBS)
