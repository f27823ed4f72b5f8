noinst_LIBRARIES += libcpu.a
libcpu_a_SOURCES = \
	%D%/arch.h \
	%D%/arm64-fields.c \
	%D%/arm64-internal.h \
	%D%/arm64-mmu.c \
	%D%/arm64-psci.c \
	%D%/arm64-psci.h \
	%D%/arm64.c \
	%D%/arm64.h \
	%D%/fields.h \
	%D%/irqchips.h \
	%D%/riscv64-fields.c \
	%D%/riscv64-internal.h \
	%D%/riscv64-mmu.c \
	%D%/riscv64-sbi.c \
	%D%/riscv64-sbi.h \
	%D%/riscv64.c \
	%D%/riscv64.h \
	%D%/x86-chips.h \
	%D%/x86-cpuid.c \
	%D%/x86-feature.c \
	%D%/x86-fields.c \
	%D%/x86-fx.c \
	%D%/x86-internal.h \
	%D%/x86-model.h \
	%D%/x86-model-build.h \
	%D%/x86-model-props.c \
	%D%/x86-model-versions.c \
	%D%/x86-models.c \
	%D%/x86-set-model.c \
	%D%/x86-xsave.c \
	%D%/x86.c \
	%D%/x86.h
libcpu_a_CPPFLAGS = $(INC_VMM)
