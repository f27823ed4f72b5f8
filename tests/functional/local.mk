# Tests of this folder: guests and the program as people use it. They skip, with the
# reason, when the guest's files are missing (./quickstart guest makes them).
FUNCTIONAL_TESTS = \
	%D%/accel-fail.sh \
	%D%/accel-move.sh \
	%D%/accel-nasty.sh \
	%D%/acpi.sh \
	%D%/badinput.sh \
	%D%/badkvm.sh \
	%D%/boot-microvm-1.sh \
	%D%/boot-microvm-2.sh \
	%D%/boot-pc-1.sh \
	%D%/boot-pc-2.sh \
	%D%/boot-q35-1.sh \
	%D%/boot-q35-2.sh \
	%D%/cli.sh \
	%D%/cpu.sh \
	%D%/debian.sh \
	%D%/formats.sh \
	%D%/hotcpu.sh \
	%D%/ide.sh \
	%D%/pause.sh \
	%D%/reboot.sh
TESTS += $(FUNCTIONAL_TESTS)
EXTRA_DIST += $(FUNCTIONAL_TESTS) %D%/guest/cflags %D%/guest/nasty.c %D%/guest/nasty.S %D%/guest/nasty.ld %D%/lib-qmp.sh %D%/boot.sh %D%/init %D%/lib.sh
