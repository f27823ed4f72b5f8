libdevices_a_SOURCES += \
	%D%/acpi-ged.c \
	%D%/acpi-ged.h \
	%D%/acpi-pm.c \
	%D%/acpi-pm.h \
	%D%/cpu-hotplug.c \
	%D%/cpu-hotplug.h \
	%D%/fwcfg.c \
	%D%/fwcfg.h \
	%D%/piix4-pm.c \
	%D%/piix4-pm.h
