# The schema compiler runs at build time and makes qmp/qmp-gen.[ch].
noinst_LIBRARIES += libqmp.a
libqmp_a_SOURCES = %D%/monitor.h %D%/wire/qmp.h %D%/wire/frame.c %D%/wire/dispatch.c \
	%D%/wire/monitor.c %D%/cmd/run.c %D%/cmd/control.c %D%/cmd/cpus.c %D%/cmd/machine.c %D%/cmd/accel.c %D%/cmd/cpu.h %D%/cmd/cpu-model.c %D%/cmd/cpu-qom.c %D%/cmd/dirty.c %D%/cmd/hmp.c
nodist_libqmp_a_SOURCES = %D%/qmp-gen.c %D%/qmp-gen.h
libqmp_a_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) -I$(top_builddir) $(INC_TOP) $(JSONC_CFLAGS)

noinst_PROGRAMS += qmp/schemac
qmp_schemac_SOURCES = %D%/schema/schemac.c
qmp_schemac_CPPFLAGS = $(INC_VMM) $(JSONC_CFLAGS)
qmp_schemac_LDADD = $(JSONC_LIBS)

QMP_SCHEMA = %D%/schema/run.json %D%/schema/control.json %D%/schema/machine.json \
	%D%/schema/accel.json %D%/schema/cpu.json %D%/schema/dirty.json
QMP_SCHEMA_SRC = $(srcdir)/qmp/schema/run.json $(srcdir)/qmp/schema/control.json \
	$(srcdir)/qmp/schema/machine.json $(srcdir)/qmp/schema/accel.json $(srcdir)/qmp/schema/cpu.json $(srcdir)/qmp/schema/dirty.json
EXTRA_DIST += $(QMP_SCHEMA)
CLEANFILES += qmp/qmp-gen.c qmp/qmp-gen.h
BUILT_SOURCES += qmp/qmp-gen.h
qmp/qmp-gen.h: qmp/schemac$(EXEEXT) $(QMP_SCHEMA)
	$(AM_V_GEN)./qmp/schemac$(EXEEXT) header $(QMP_SCHEMA_SRC) > $@.tmp && mv $@.tmp $@
qmp/qmp-gen.c: qmp/schemac$(EXEEXT) $(QMP_SCHEMA) qmp/qmp-gen.h
	$(AM_V_GEN)./qmp/schemac$(EXEEXT) source $(QMP_SCHEMA_SRC) > $@.tmp && mv $@.tmp $@
$(libqmp_a_OBJECTS): qmp/qmp-gen.h
