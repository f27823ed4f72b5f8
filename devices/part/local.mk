libdevices_a_SOURCES += %D%/uart16550.c %D%/uart16550.h
