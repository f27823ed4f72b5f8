noinst_LIBRARIES += libcpu.a
libcpu_a_SOURCES = %D%/placeholder.c %D%/x86.h
libcpu_a_CPPFLAGS = $(INC_VMM)
