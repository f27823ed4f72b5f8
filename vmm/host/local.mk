noinst_LIBRARIES += libhost.a
libhost_a_SOURCES = %D%/placeholder.c %D%/char/chardev.h %D%/net/netdev.h
libhost_a_CPPFLAGS = $(INC_VMM) $(SLIRP_CFLAGS)
