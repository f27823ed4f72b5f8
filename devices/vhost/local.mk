# libdevices_a_SOURCES += %D%/file.c %D%/file.h
