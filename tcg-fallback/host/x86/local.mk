noinst_LIBRARIES += libx86host.a
libx86host_a_SOURCES = %D%/asm.h %D%/asm.c %D%/emit.h %D%/emit.c %D%/prep.c %D%/alloc.c \
	%D%/flags.c %D%/int.c %D%/shift.c %D%/muldiv.c %D%/mem.c %D%/fuse.c %D%/vec.c %D%/ctl.c %D%/stubs.c
libx86host_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
