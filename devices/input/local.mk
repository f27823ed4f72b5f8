libdevices_a_SOURCES += %D%/i8042.c %D%/i8042.h
