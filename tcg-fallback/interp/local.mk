noinst_LIBRARIES += libinterp.a
libinterp_a_SOURCES = %D%/interp.c %D%/pure.c %D%/vec.c %D%/vec-int.c %D%/vec-fp.c \
	%D%/vec-crypto.c
libinterp_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
noinst_HEADERS += %D%/interp.h %D%/flags.h %D%/ival.h %D%/vec.h
