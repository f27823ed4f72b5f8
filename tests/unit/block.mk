if HAVE_CHECK
check_PROGRAMS += tests/unit/block
TESTS += tests/unit/block
tests_unit_block_SOURCES = tests/unit/block_test.c tests/unit/unit.h
tests_unit_block_CPPFLAGS = $(TEST_CPPFLAGS)
tests_unit_block_LDADD = $(GROUP_START) libblock.a libstate.a libcpu.a libcore.a libbase.a $(GROUP_END) \
	$(TEST_LIBS)
endif
