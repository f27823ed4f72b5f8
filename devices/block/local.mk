libdevices_a_SOURCES += %D%/virtio-blk.c
