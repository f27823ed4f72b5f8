noinst_LIBRARIES += libstate.a
libstate_a_SOURCES = %D%/placeholder.c %D%/state.h
libstate_a_CPPFLAGS = $(INC_VMM)
