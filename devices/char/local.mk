libdevices_a_SOURCES += %D%/debugcon.c %D%/serial-isa.c %D%/serial-isa.h
libdevices_a_SOURCES += \
	%D%/virtio-console.c \
	%D%/virtio-serial.c \
	%D%/virtio-serial.h
