noinst_LIBRARIES += libblock.a
libblock_a_SOURCES = %D%/placeholder.c %D%/include/block.h
libblock_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK)
