libdevices_a_SOURCES += \
	%D%/isa.c \
	%D%/isa.h
