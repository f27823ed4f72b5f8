noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	%D%/cli.h \
	%D%/drive.c \
	%D%/options.c \
	%D%/qtest.c \
	%D%/qtest.h \
	%D%/run.c
libcli_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP)
