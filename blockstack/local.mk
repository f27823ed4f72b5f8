noinst_LIBRARIES += libblock.a
libblock_a_SOURCES = \
	%D%/include/block.h %D%/include/block-driver.h \
	%D%/graph/backend.c \
	%D%/graph/drivers.h \
	%D%/graph/node.c \
	%D%/format/raw.c \
	%D%/protocol/file.c \
	%D%/protocol/file-lock.c %D%/protocol/file-lock.h \
	%D%/protocol/null.c
libblock_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) -I$(top_srcdir)/blockstack
