libdevices_a_SOURCES += \
	%D%/ioapic.c \
	%D%/ioapic.h \
	%D%/irqchip-fd.c \
	%D%/irqchip-mux.c \
	%D%/irqchip-priv.h \
	%D%/irqchip-x86.c \
	%D%/irqchip-x86.h \
	%D%/lapic-bus.c \
	%D%/lapic-regs.c \
	%D%/lapic-state.c \
	%D%/lapic-timer.c \
	%D%/lapic.c \
	%D%/lapic.h \
	%D%/pic.c \
	%D%/pic.h
