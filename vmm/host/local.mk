noinst_LIBRARIES += libhost.a
libhost_a_SOURCES = \
	%D%/char/chardev.c %D%/char/chardev.h %D%/char/chardev-impl.h \
	%D%/char/chardev-fd.c \
	%D%/char/chardev-mux.c \
	%D%/char/chardev-socket.c \
	%D%/net/netdev.c %D%/net/netdev.h %D%/net/netdev-impl.h \
	%D%/net/tap.c \
	%D%/net/user.c
libhost_a_CPPFLAGS = $(INC_VMM) $(SLIRP_CFLAGS)
