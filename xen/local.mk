noinst_LIBRARIES += libxen.a
libxen_a_SOURCES = %D%/placeholder.c
libxen_a_CPPFLAGS = $(INC_VMM)
