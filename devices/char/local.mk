libdevices_a_SOURCES += %D%/serial-isa.c %D%/serial-isa.h
