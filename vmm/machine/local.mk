noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES = %D%/placeholder.c
libmachine_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP) $(FDT_CFLAGS)
