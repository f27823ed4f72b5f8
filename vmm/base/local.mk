noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	%D%/bytes.h \
	%D%/compiler.h \
	%D%/err.c %D%/err.h \
	%D%/list.h \
	%D%/log.h \
	%D%/opt.h
libbase_a_CPPFLAGS = $(INC_VMM)
