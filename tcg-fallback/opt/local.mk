noinst_LIBRARIES += libopt.a
libopt_a_SOURCES = %D%/opt-flags.c %D%/opt-fold.c
libopt_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
noinst_HEADERS += %D%/opt_passes.h
