noinst_LIBRARIES += libstate.a
libstate_a_SOURCES = %D%/state.c %D%/state.h
libstate_a_CPPFLAGS = $(INC_VMM)
