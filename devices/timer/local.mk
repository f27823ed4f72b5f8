libdevices_a_SOURCES += \
	%D%/hpet.c \
	%D%/hpet.h \
	%D%/pit.c \
	%D%/pit.h \
	%D%/rtc.c \
	%D%/rtc.h
