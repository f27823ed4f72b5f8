libdevices_a_SOURCES += %D%/virtio-net.c
