libdevices_a_SOURCES += %D%/virtio-rng.c
libdevices_a_SOURCES += \
	%D%/debug-exit.c \
	%D%/edu.c \
	%D%/pc-testdev.c \
	%D%/pvpanic.c
