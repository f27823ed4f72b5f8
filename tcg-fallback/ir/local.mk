noinst_LIBRARIES += libir.a
libir_a_SOURCES = %D%/ir.c %D%/ir-print.c %D%/ir-parse.c %D%/ir-verify.c
libir_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
noinst_HEADERS += %D%/ir.h %D%/ops.def %D%/vecops.h %D%/vecops.def %D%/env.h \
	%D%/guest.h %D%/host.h
