# One library; each folder's fragment appends its files to libdevices_a_SOURCES.
noinst_LIBRARIES += libdevices.a
libdevices_a_SOURCES = %D%/placeholder.c
libdevices_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP)

include devices/bus/local.mk
include devices/part/local.mk
include devices/char/local.mk
include devices/net/local.mk
include devices/block/local.mk
include devices/display/local.mk
include devices/input/local.mk
include devices/irqchip/local.mk
include devices/timer/local.mk
include devices/fw/local.mk
include devices/vfio/local.mk
include devices/vhost/local.mk
include devices/misc/local.mk

# The device table: one class symbol a line in devices.list. It is linked into the
# programs themselves, so that a unit test can bring a table of its own.
devices/devtable.c: devices/devices.list devices/devtable.awk
	$(AM_V_GEN)$(MKDIR_P) devices && LC_ALL=C $(AWK) -f $(srcdir)/devices/devtable.awk \
		$(srcdir)/devices/devices.list > $@.tmp && mv $@.tmp $@
EXTRA_DIST += devices/devices.list devices/devtable.awk
CLEANFILES += devices/devtable.c
BUILT_SOURCES += devices/devtable.c
