noinst_LIBRARIES += libkvm.a
KVM_COMMON = %D%/kvm.h %D%/kvm.c %D%/mem.c %D%/gate.c %D%/dirty.c %D%/irq.c %D%/coalesce.c %D%/vcpu.c \
	%D%/routes.h %D%/routes.c \
	%D%/hybrid.c %D%/hybrid-burst.c %D%/hybrid-move.c %D%/fail.c %D%/say.c
KVM_X86 = %D%/x86.h %D%/arch-x86.c %D%/x86-cpuid.c %D%/x86-cpuid-check.c %D%/x86-state.c \
	%D%/x86-msr.c %D%/x86-xsave.c %D%/x86-events.c \
	%D%/x86-tsc.c %D%/x86-clock.c %D%/x86-pv.c %D%/x86-apf.c \
	%D%/x86-irqchip.c %D%/x86-chips.c %D%/x86-chip-state.c %D%/x86-split.c
KVM_ONE_REG = %D%/one-reg.h %D%/one-reg.c %D%/one-reg-find.c %D%/device.h %D%/device.c \
	%D%/system-event.h %D%/system-event.c %D%/arch-plain.c
KVM_AARCH64 = %D%/aarch64.h %D%/aarch64-regs.h %D%/arch-aarch64.c %D%/aarch64-gic.c \
	%D%/aarch64-gic-regs.c %D%/aarch64-regs.c
KVM_RISCV64 = %D%/riscv64.h %D%/riscv64-regs.h %D%/arch-riscv64.c %D%/riscv64-aia.c \
	%D%/riscv64-regs.c
libkvm_a_SOURCES =
if HAVE_KVM
if HOST_X86_64
libkvm_a_SOURCES += $(KVM_COMMON) $(KVM_X86)
endif
if HOST_AARCH64
libkvm_a_SOURCES += $(KVM_COMMON) $(KVM_ONE_REG) $(KVM_AARCH64)
endif
if HOST_RISCV64
libkvm_a_SOURCES += $(KVM_COMMON) $(KVM_ONE_REG) $(KVM_RISCV64)
endif
endif
libkvm_a_CPPFLAGS = $(INC_VMM) $(INC_TOP)
