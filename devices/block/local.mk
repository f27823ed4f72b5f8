libdevices_a_SOURCES += \
	%D%/disk-conf.c \
	%D%/disk-conf.h \
	%D%/ide-ata.c \
	%D%/ide-atapi.c \
	%D%/ide-bus.c \
	%D%/ide-drive.c \
	%D%/ide-io.c \
	%D%/ide-piix3.c \
	%D%/ide-piix3.h \
	%D%/ide.h \
	%D%/virtio-blk.c
