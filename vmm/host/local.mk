noinst_LIBRARIES += libhost.a
libhost_a_SOURCES = \
	%D%/placeholder.c \
	%D%/char/chardev.c %D%/char/chardev.h %D%/char/chardev-impl.h \
	%D%/char/chardev-fd.c \
	%D%/char/chardev-mux.c \
	%D%/char/chardev-socket.c \
	%D%/net/netdev.h
libhost_a_CPPFLAGS = $(INC_VMM) $(SLIRP_CFLAGS)
