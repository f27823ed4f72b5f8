# SPDX-License-Identifier: GPL-2.0-or-later
# lib.sh - the outer machine with KVM inside an emulator; for tests/lab/kvm, bench/exits and bench/locks.
# Plain sh. Functions set $vmlinuz; everything else goes where the caller says.
LAB_QEMU=${LAB_QEMU:-qemu-system-x86_64}
BUSYBOX=${BUSYBOX:-$(command -v busybox || true)}

# What the outer machine loads, and the guest; with what they depend on.
LAB_OUTER_MODULES="irqbypass kvm kvm-amd tun loop"
LAB_GUEST_MODULES="virtio_pci virtio_mmio virtio_blk virtio_net af_packet"

lab_skip()
{
	echo "SKIP: $*"
	exit 77
}

lab_need_kernel()
{
	[ -n "$BUSYBOX" ] || lab_skip "busybox is not installed"
	command -v cpio >/dev/null 2>&1 || lab_skip "cpio is not installed"
	[ -n "${LAB_KERNEL:-}" ] || lab_skip "LAB_KERNEL does not name an unpacked kernel package"
	vmlinuz=$(find "$LAB_KERNEL/boot" -name 'vmlinuz-*' 2>/dev/null | head -n 1)
	[ -n "$vmlinuz" ] || lab_skip "no kernel in $LAB_KERNEL/boot"
}

lab_need()
{
	for p in "$LAB_QEMU" ldd; do
		command -v "$p" >/dev/null 2>&1 || lab_skip "$p is not installed"
	done
	[ -n "$(find "$LAB_KERNEL/lib/modules" -name 'kvm-amd.ko*' 2>/dev/null)" ] ||
		lab_skip "no kvm-amd module in $LAB_KERNEL"
}

# lab_modules DEST NAME...: with what they depend on; DEST/order is the order to load them.
lab_modules()
{
	lab_dest=$1
	shift
	mkdir -p "$lab_dest"
	touch "$lab_dest/order"
	for m in "$@"; do
		lab_module "$m"
	done
}
lab_module()
{
	file=$(find "$LAB_KERNEL/lib/modules" -name "$(echo "$1" | sed 's/[-_]/[-_]/g').ko*" |
		grep -e '\.ko$' -e '\.ko\.xz$' | head -n 1)
	[ -n "$file" ] || return 0 # built into the kernel
	ko=$(basename "$file" .xz)
	grep -qx "$ko" "$lab_dest/order" && return 0
	case $file in
	*.xz) xz -dc "$file" >"$lab_dest/$ko" ;;
	*) cp "$file" "$lab_dest/$ko" ;;
	esac
	for dep in $(tr '\0' '\n' <"$lab_dest/$ko" | sed -n 's/^depends=//p' | head -n 1 | tr , ' '); do
		(lab_module "$dep")
	done
	echo "$ko" >>"$lab_dest/order"
}

# lab_keep DEST: of the kernel package in LAB_KERNEL, what the lab needs.
lab_keep()
{
	rm -rf "$1" "$1.new"
	mkdir -p "$1.new/boot"
	# shellcheck disable=SC2086
	lab_modules "$1.new/lib/modules" $LAB_OUTER_MODULES $LAB_GUEST_MODULES
	cp "$LAB_KERNEL"/boot/vmlinuz-* "$1.new/boot/"
	echo "$LAB_OUTER_MODULES $LAB_GUEST_MODULES" >"$1.new/holds"
	mv "$1.new" "$1"
}

# lab_kept DEST: whether lab_keep of this version made it
lab_kept()
{
	[ "$(cat "$1/holds" 2>/dev/null)" = "$LAB_OUTER_MODULES $LAB_GUEST_MODULES" ]
}

# lab_initramfs DIR FILE
lab_initramfs()
{
	(cd "$1" && find . | cpio -o -H newc --quiet) >"$2"
}

# lab_guest DIR: the tree of the innermost guest; its init is tests/lab/guest-init.
lab_guest()
{
	mkdir -p "$1/bin"
	cp "$BUSYBOX" "$1/bin/busybox"
	# shellcheck disable=SC2086
	lab_modules "$1/m" $LAB_GUEST_MODULES
	cp "$src/tests/lab/guest-init" "$1/init"
	chmod 755 "$1/init"
}

# lab_program TREE FILE PLACE: a program and the libraries it needs.
lab_program()
{
	mkdir -p "$1$(dirname "$3")"
	cp -L "$(command -v "$2")" "$1$3"
	ldd "$(command -v "$2")" 2>/dev/null | awk '/=> \//{print $3} /^[ \t]*\//{print $1}' |
		while read -r lib; do
			[ -e "$1$lib" ] && continue
			mkdir -p "$1$(dirname "$lib")"
			cp -L "$lib" "$1$lib"
		done
}

# lab_outer TREE: the outer machine's file system; it runs TREE/lab/run and ends.
lab_outer()
{
	mkdir -p "$1/bin" "$1/lab" "$1/tmp" "$1/root"
	cp "$BUSYBOX" "$1/bin/busybox"
	# shellcheck disable=SC2086
	lab_modules "$1/m" $LAB_OUTER_MODULES
	cat >"$1/init" <<-'END'
	#!/bin/busybox sh
	B=/bin/busybox
	$B mkdir -p /proc /sys /dev
	$B mount -t proc proc /proc; $B mount -t sysfs sys /sys; $B mount -t devtmpfs dev /dev
	$B mkdir -p /dev/shm; $B mount -t tmpfs shm /dev/shm
	$B mount -t debugfs debugfs /sys/kernel/debug
	$B mount -t tracefs tracefs /sys/kernel/tracing
	$B --install -s /bin
	export PATH=/bin
	ifconfig lo 127.0.0.1
	for m in $(cat /m/order); do insmod /m/$m; done
	[ -c /dev/kvm ] || echo "LAB-NO-KVM"
	sh /lab/run
	echo LAB-END
	poweroff -f
	END
	chmod 755 "$1/init"
}

# lab_stop: for traps; ends the outer machine, too.
lab_stop()
{
	[ -z "${lab_pid:-}" ] || { kill "$lab_pid" 2>/dev/null; lab_console "$lab_log"; }
	exit 1
}

# lab_console LOG: without carriage returns, and kept where LAB_KEEP says.
lab_console()
{
	tr -d '\r' <"$1" >"$1.txt"
	[ -z "${LAB_KEEP:-}" ] || { mkdir -p "$LAB_KEEP" && cp "$1.txt" "$LAB_KEEP/console.txt"; }
}

# lab_outer_run TREE LOG: LOG.txt is its console without carriage returns. LAB_SMP, LAB_MEM,
# LAB_LIMIT apply; it is ended, too, when its console has been silent for LAB_SILENCE seconds.
# LAB_COUNT=1: the machine's clocks count executed instructions, one a
# nanosecond, so that other load on this host changes nothing (slower; CPUs take turns).
lab_outer_run()
{
	lab_initramfs "$1" "$1.cpio" || return 1
	lab_how="-accel tcg,thread=multi,tb-size=512"
	[ -z "${LAB_COUNT:-}" ] || lab_how="-accel tcg,thread=single,tb-size=512 -icount shift=0,sleep=off"
	# shellcheck disable=SC2086
	timeout -k 5 "${LAB_LIMIT:-500}" "$LAB_QEMU" $lab_how \
		-cpu EPYC,+svm,+npt -smp "${LAB_SMP:-1}" -m "${LAB_MEM:-1024}" \
		-nodefaults -no-user-config -display none -no-reboot \
		-serial stdio -kernel "$vmlinuz" -initrd "$1.cpio" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable no_timer_check" \
		</dev/null >"$2" 2>&1 &
	lab_pid=$! lab_log=$2 lab_size=0 lab_silent=0
	while kill -0 $lab_pid 2>/dev/null; do
		sleep 1 &
		wait $! # a shell that waits hears signals
		lab_silent=$((lab_silent + 1)) lab_was=$lab_size lab_size=$(wc -c <"$2")
		[ "$lab_size" = "$lab_was" ] || lab_silent=0
		[ $lab_silent -lt "${LAB_SILENCE:-500}" ] || kill $lab_pid
	done
	wait $lab_pid
	lab_pid=
	lab_console "$2"
	rm -f "$1.cpio"
	! grep -q LAB-NO-KVM "$2.txt" || { echo "no KVM in the outer machine"; return 1; }
	grep -q '^LAB-END' "$2.txt"
}
