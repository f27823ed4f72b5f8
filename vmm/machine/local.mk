noinst_LIBRARIES += libmachine.a
libmachine_a_SOURCES = \
	%D%/acpi.c %D%/acpi.h \
	%D%/aml.c %D%/aml.h \
	%D%/blob.c %D%/blob.h \
	%D%/boot.c %D%/boot.h \
	%D%/boot-elf.c \
	%D%/boot-linux.c \
	%D%/boot-load.c \
	%D%/boot-multiboot.c \
	%D%/cpus.c %D%/cpus.h \
	%D%/machine.c %D%/machine.h \
	%D%/i440fx.c \
	%D%/microvm.c \
	%D%/pc.c %D%/pc.h \
	%D%/pc-bootorder.c \
	%D%/pc-cpus.c \
	%D%/pc-legacy.c \
	%D%/pci-setup.c \
	%D%/q35.c \
	%D%/smbios.c
libmachine_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP) $(FDT_CFLAGS)
