noinst_LIBRARIES += libqmp.a
libqmp_a_SOURCES = %D%/monitor.c %D%/monitor.h
libqmp_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP) $(JSONC_CFLAGS)
