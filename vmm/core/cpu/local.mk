noinst_LIBRARIES += libcpu.a
libcpu_a_SOURCES = \
	%D%/arch.h \
	%D%/fields.h \
	%D%/x86-chips.h \
	%D%/x86-cpuid.c \
	%D%/x86-feature.c \
	%D%/x86-fields.c \
	%D%/x86-fx.c \
	%D%/x86-internal.h \
	%D%/x86-model.h \
	%D%/x86-models.c \
	%D%/x86-set-model.c \
	%D%/x86.c \
	%D%/x86.h
libcpu_a_CPPFLAGS = $(INC_VMM)
