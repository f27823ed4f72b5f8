noinst_LIBRARIES += libtcgrt.a
libtcgrt_a_SOURCES = %D%/placeholder.c
libtcgrt_a_CPPFLAGS = $(INC_VMM) $(INC_TOP) $(CAPSTONE_CFLAGS)
