noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	%D%/bytes.h \
	%D%/compiler.h \
	%D%/err.c %D%/err.h \
	%D%/iov.c %D%/iov.h \
	%D%/list.h \
	%D%/log.c %D%/log.h \
	%D%/opt-internal.h \
	%D%/opt-json.c \
	%D%/opt-parse.c \
	%D%/opt.c %D%/opt.h \
	%D%/pages.h
libbase_a_CPPFLAGS = $(INC_VMM)
