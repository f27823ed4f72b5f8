#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# exits-inner.sh - the measuring part of bench/exits: runs on this host's /dev/kvm or, by busybox's sh, in
# the lab's outer machine. Prints "BENCH what unit vmm value" lines; bench/exits makes the table.
#
# Environment: TOOL (labtool), DIR (exits.bin, first.rom, vmlinuz, initrd), LODGE, QEMU, KVMTOOL (the last
# two may be empty), PARTS (of: exits start boot), BOARDS, ROUNDS, WORDS (for exits.bin), LIMIT (a run's
# seconds), LODGE_ARGS, SMP (CPUs of exits.bin, default 2), SKIP_BOOT (VMM names that do not boot Linux here).
QEMU_DATA=${QEMU_DATA:-}

# vmm NAME BOARD SMP MIB KERNEL INITRD WORDS DEVICE(rng|blk|none): runs it under $run
vmm()
{
	pci=pci
	[ "$2" != microvm ] || pci=device
	case $8 in
	rng) dev="-device virtio-rng-$pci" ;;
	blk) dev="-drive file=$tmp/disk,if=none,id=d,format=raw -device virtio-blk-$pci,drive=d" ;;
	*) dev= ;;
	esac
	common="-machine $2 -accel kvm -cpu max -smp $3 -m ${4}M -nodefaults -display none -serial stdio -no-reboot $dev"
	case $1 in
	lodge) program="$LODGE $common ${LODGE_ARGS:-}" ;;
	qemu) program="$QEMU $QEMU_DATA $common -no-user-config -global virtio-mmio.force-legacy=false" ;;
	kvmtool)
		dev=
		[ "$8" != rng ] || dev=--rng
		[ "$8" != blk ] || dev="-d $tmp/disk"
		set -- "$@" end
		program="$KVMTOOL run --name bench -m $4 -c $3 --nodefaults --console serial --network mode=none $dev"
		;;
	esac
	rm -f "${HOME:-/root}/.lkvm/bench.sock"
	if [ "$5" = rom ]; then
		$run $program -bios "$DIR/first.rom" </dev/null
	elif [ "$1" = kvmtool ]; then
		[ -z "$6" ] || program="$program -i $6"
		$run $program -k "$5" -p "$7" </dev/null
	else
		[ -z "$6" ] || program="$program -initrd $6"
		$run $program -kernel "$5" -append "$7" </dev/null
	fi >"$tmp/out" 2>"$tmp/err" 3>"$tmp/notes"
}

say() { echo "BENCH $*"; }

# has VMM BOARD
has()
{
	case $1 in
	lodge) [ -n "$LODGE" ] ;;
	qemu) [ -n "$QEMU" ] ;;
	kvmtool) [ -n "$KVMTOOL" ] && [ "$2" = q35 ] ;;
	esac
}

# What a run that did not come to its end left; EXIT is the status and the seconds it took.
incomplete()
{
	echo "INCOMPLETE $*: $(grep '^EXIT' "$tmp/notes")"
	tail -n 3 "$tmp/out" "$tmp/err"
	echo
}

exits()
{
	run="$TOOL run -t $LIMIT -k EXITS-END --"
	vmm "$1" "$2" "${SMP:-2}" 64 "$DIR/exits.bin" "" "$WORDS" rng
	grep -q EXITS-END "$tmp/out" || incomplete exits "$@"
	tr -d '\r' <"$tmp/out" | awk -v b="$2" -v v="$1" '/^EXITS [a-z]/ { print "BENCH", b "/" $2, "cycles", v, $4 }'
}

seconds_to_ms() { awk -v m="$1" '$1 == "TIME" && $2 == m { printf "%.2f", $3 * 1000; exit }' "$tmp/notes"; }

start()
{
	if [ "$1" != kvmtool ] && [ "$2" != microvm ]; then
		run="$TOOL run -t $LIMIT -k ! --"
		vmm "$1" "$2" 1 64 rom "" "" none
		say "$2/start-firmware" ms "$1" "$(seconds_to_ms !)"
	fi
	run="$TOOL run -t $LIMIT -r 48 -p EXITS-BEGIN -m EXITS-IDLE -k EXITS-IDLE --"
	vmm "$1" "$2" 1 64 "$DIR/exits.bin" "" idle rng
	say "$2/start-kernel" ms "$1" "$(seconds_to_ms EXITS-BEGIN)"
	say "$2/memory-idle" KiB "$1" "$(awk '$1 == "MEM" { print $3 }' "$tmp/notes")"
}

boot()
{
	run="$TOOL run -t $LIMIT -r 128 -m BENCH-UP -k BENCH-UP --"
	dd if=/dev/zero of="$tmp/disk" bs=1M count=4 2>/dev/null
	vmm "$1" "$2" 1 192 "$DIR/vmlinuz" "$DIR/initrd" "console=ttyS0 quiet panic=-1 lab.bench" blk
	grep -q BENCH-UP "$tmp/out" || incomplete boot "$@"
	say "$2/boot" ms "$1" "$(seconds_to_ms BENCH-UP)"
	say "$2/memory-booted" KiB "$1" "$(awk '$1 == "MEM" { print $3 }' "$tmp/notes")"
}

tmp=$(mktemp -d "${TMPDIR:-/tmp}/exits.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
trap 'exit 1' INT TERM HUP
echo "TSC $("$TOOL" tsc)"
round=0
while [ $round -lt "$ROUNDS" ]; do
	for board in $BOARDS; do
		for part in $PARTS; do
			for v in lodge qemu kvmtool; do
				has $v "$board" || continue
				case "$part $SKIP_BOOT " in "boot "*" $v "*) continue ;; esac
				$part $v "$board"
			done
		done
	done
	round=$((round + 1))
done
