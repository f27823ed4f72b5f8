noinst_LIBRARIES += libx86host.a
libx86host_a_SOURCES = %D%/placeholder.c
libx86host_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
