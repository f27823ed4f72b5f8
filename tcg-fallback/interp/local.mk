noinst_LIBRARIES += libinterp.a
libinterp_a_SOURCES = %D%/placeholder.c
libinterp_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
