noinst_LIBRARIES += libqmp.a
libqmp_a_SOURCES = %D%/placeholder.c
libqmp_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP) $(JSONC_CFLAGS)
