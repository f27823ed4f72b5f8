noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
	%D%/clock.h \
	%D%/coroutine.h \
	%D%/cpu/arch.h \
	%D%/device.h \
	%D%/gmem.h \
	%D%/hv.h \
	%D%/irq.h \
	%D%/lock-rank.h \
	%D%/lock.h \
	%D%/loop.h \
	%D%/placeholder.c \
	%D%/role.h \
	%D%/vm.h
libcore_a_CPPFLAGS = $(INC_VMM) $(LIBURING_CFLAGS)
