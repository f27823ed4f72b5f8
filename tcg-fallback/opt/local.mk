noinst_LIBRARIES += libopt.a
libopt_a_SOURCES = %D%/placeholder.c
libopt_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
