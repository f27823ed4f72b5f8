libdevices_a_SOURCES += \
	%D%/isa-ich9.c \
	%D%/isa-ich9.h \
	%D%/isa-piix3.c \
	%D%/isa-piix3.h \
	%D%/isa.c \
	%D%/isa.h \
	%D%/pci-host.c \
	%D%/pci-host.h \
	%D%/pci-i440fx.c \
	%D%/pci-i440fx.h \
	%D%/pci-mch.c \
	%D%/pci-mch.h \
	%D%/pci-msi.c \
	%D%/pci-msi.h \
	%D%/pci-pam.c \
	%D%/pci-pam.h \
	%D%/pci-regs.h \
	%D%/pci-rootport.c \
	%D%/pci.c \
	%D%/pci.h \
	%D%/pirq.c \
	%D%/pirq.h
libdevices_a_SOURCES += \
	%D%/virtio.c \
	%D%/virtio.h \
	%D%/virtio-doorbell.c \
	%D%/virtio-mmio.c \
	%D%/virtio-mmio.h \
	%D%/virtio-pci.c \
	%D%/virtio-ring.c \
	%D%/virtio-ring.h
