noinst_LIBRARIES += libx86guest.a
libx86guest_a_SOURCES = %D%/placeholder.c
libx86guest_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
