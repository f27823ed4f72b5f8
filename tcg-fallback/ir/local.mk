noinst_LIBRARIES += libir.a
libir_a_SOURCES = %D%/placeholder.c
libir_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
