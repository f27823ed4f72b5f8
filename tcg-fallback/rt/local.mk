noinst_LIBRARIES += libtcgrt.a
libtcgrt_a_SOURCES = %D%/rt.h %D%/rt-log.h %D%/run.c %D%/block.c %D%/cache.c %D%/jc.c \
	%D%/softmmu.c %D%/dirty.c %D%/burst.c %D%/rt-log.c %D%/check.h %D%/check.c
libtcgrt_a_CPPFLAGS = $(INC_VMM) $(INC_TOP) $(CAPSTONE_CFLAGS)
