# Every library of the VMM, as one group: their order does not matter.
LODGE_LIBS = \
	$(GROUP_START) \
	libcli.a libqmp.a libmachine.a libmigrate.a libdevices.a libblock.a libhost.a \
	libtcgrt.a libx86guest.a libx86host.a libinterp.a libopt.a libir.a \
	libkvm.a libxen.a libseccomp_policy.a libstate.a libcpu.a libcore.a libbase.a \
	$(GROUP_END)
LODGE_SYSLIBS = \
	$(LIBURING_LIBS) $(SECCOMP_LIBS) $(CAPNG_LIBS) $(JSONC_LIBS) $(FDT_LIBS) \
	$(SLIRP_LIBS) $(ZLIB_LIBS) $(ZSTD_LIBS) $(GNUTLS_LIBS) -lpthread -lm

bin_PROGRAMS += lodge
lodge_SOURCES = %D%/accel.c %D%/accel-qtest.c %D%/build.c %D%/build.h %D%/main.c
nodist_lodge_SOURCES = devices/devtable.c
lodge_CPPFLAGS = $(INC_VMM) $(INC_BLOCK) $(INC_TOP)
lodge_LDADD = $(LODGE_LIBS) $(LODGE_SYSLIBS)
dist_man1_MANS = docs/lodge.1
