noinst_LIBRARIES += libmigrate.a
libmigrate_a_SOURCES = %D%/placeholder.c
libmigrate_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK)
