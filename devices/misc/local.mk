libdevices_a_SOURCES += %D%/virtio-rng.c
