libdevices_a_SOURCES += \
	%D%/isa.c \
	%D%/isa.h
libdevices_a_SOURCES += \
	%D%/virtio.c \
	%D%/virtio.h \
	%D%/virtio-mmio.c \
	%D%/virtio-mmio.h \
	%D%/virtio-pci.c \
	%D%/virtio-ring.c \
	%D%/virtio-ring.h
