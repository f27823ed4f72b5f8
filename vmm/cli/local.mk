noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = %D%/placeholder.c
libcli_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP)
