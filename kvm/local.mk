noinst_LIBRARIES += libkvm.a
libkvm_a_SOURCES = %D%/placeholder.c
libkvm_a_CPPFLAGS = $(INC_VMM)
