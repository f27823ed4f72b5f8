noinst_LIBRARIES += libcore.a
libcore_a_SOURCES = \
	%D%/clock.c %D%/clock.h \
	%D%/coroutine.c %D%/coroutine.h \
	%D%/device-help.c \
	%D%/dirty.c %D%/dirty.h \
	%D%/device-none.c \
	%D%/device-internal.h \
	%D%/device-prop.c \
	%D%/device.c %D%/device.h \
	%D%/futex.h \
	%D%/gmem-access.c \
	%D%/gmem-fast.h \
	%D%/gmem-internal.h \
	%D%/gmem-ram.c \
	%D%/gmem-rcu.c \
	%D%/gmem-space.c \
	%D%/gmem-tree.c \
	%D%/gmem.h \
	%D%/hv.h \
	%D%/irq.h \
	%D%/object.c \
	%D%/object.h \
	%D%/lock-rank.h \
	%D%/lock.c %D%/lock.h \
	%D%/lock-stat.c %D%/lock-stat.h \
	%D%/loop-epoll.c \
	%D%/loop-internal.h \
	%D%/loop-pool.c \
	%D%/loop-uring.c \
	%D%/loop.c %D%/loop.h \
	%D%/role.c %D%/role.h \
	%D%/vcpu.c \
	%D%/vcpu-plug.c \
	%D%/vm-internal.h \
	%D%/vm.c %D%/vm.h
libcore_a_CPPFLAGS = $(INC_VMM) $(LIBURING_CFLAGS)
