noinst_LIBRARIES += libkvm.a
KVM_COMMON = %D%/kvm.h %D%/kvm.c %D%/mem.c %D%/gate.c %D%/dirty.c %D%/irq.c %D%/vcpu.c \
	%D%/hybrid.c %D%/hybrid-burst.c %D%/hybrid-move.c %D%/fail.c %D%/say.c
KVM_X86 = %D%/x86.h %D%/arch-x86.c %D%/x86-cpuid.c %D%/x86-state.c %D%/x86-msr.c %D%/x86-xsave.c \
	%D%/x86-events.c %D%/x86-tsc.c %D%/x86-pv.c \
	%D%/x86-irqchip.c %D%/x86-chips.c %D%/x86-chip-state.c %D%/x86-split.c
libkvm_a_SOURCES =
if HAVE_KVM
if HOST_X86_64
libkvm_a_SOURCES += $(KVM_COMMON) $(KVM_X86)
endif
endif
libkvm_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
