libdevices_a_SOURCES += \
	%D%/isa-ich9.c \
	%D%/isa-ich9.h \
	%D%/isa.c \
	%D%/isa.h \
	%D%/pci-host.c \
	%D%/pci-host.h \
	%D%/pci-mch.c \
	%D%/pci-mch.h \
	%D%/pci-msi.c \
	%D%/pci-msi.h \
	%D%/pci-regs.h \
	%D%/pci-rootport.c \
	%D%/pci.c \
	%D%/pci.h
libdevices_a_SOURCES += \
	%D%/virtio.c \
	%D%/virtio.h \
	%D%/virtio-mmio.c \
	%D%/virtio-mmio.h \
	%D%/virtio-pci.c \
	%D%/virtio-ring.c \
	%D%/virtio-ring.h
