#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# accel-move.sh [CPUS] - a Linux guest that computes, reads and writes its disk and uses the
# network moves between KVM and the translator all the time, and finds nothing wrong.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/lib-qmp.sh"
cpus=${1:-1}
need_guest
need_kvm
serve
cp "$LODGE_GUEST/disk.img" "$tmp/disk.img"
quiet=quiet
# Where KVM shows more of the processor than it was told, Linux must not use it: SERIALIZE (590)
# is what it takes for itself.
[ -n "$kvm_hardware" ] || quiet=clearcpuid=590
# shellcheck disable=SC2154
vm_start -accel kvm -machine q35 -cpu max -smp "$cpus" -m 512M -nodefaults -display none -no-reboot \
	-serial "file:$tmp/serial" -kernel "$LODGE_GUEST/vmlinuz" -initrd "$LODGE_GUEST/initrd" \
	-append "console=ttyS0 $quiet panic=-1 lodge.test=boot,load lodge.seconds=10 lodge.url=http://10.0.2.2:$port/file" \
	-drive "file=$tmp/disk.img,if=none,id=d,format=raw" -device virtio-blk-pci,drive=d \
	-netdev user,id=n0 -device virtio-net-pci,netdev=n0
n=0
force=
if [ -z "$kvm_hardware" ]; then
	# Such a KVM shows guests more of the processor than it was told: moves are refused,
	# and forced ones come when no processor starts any more, which would believe it.
	qmp x-lodge-set-accel '{"accel":"kvm"}'
	case $reply in
	*'"return"'*) ;;
	*'another CPUID'*) force=',"force":true' ;;
	*) fail "kvm: $reply" ;;
	esac
	[ -z "$force" ] || [ "$cpus" = 1 ] || wait_for "$tmp/serial" 'smp: Brought up' || {
		vm_show
		fail "no second processor"
	}
fi
while kill -0 "$vm" 2>/dev/null && ! grep -q 'LODGE: bad' "$tmp/serial" 2>/dev/null; do
	for to in tcg kvm; do
		# A KVM without hardware behind it does not execute user space right.
		[ "$to" = tcg ] || [ -n "$kvm_hardware" ] ||
			! grep -q 'unpack rootfs\|LODGE: up' "$tmp/serial" 2>/dev/null || continue
		qmp x-lodge-set-accel "{\"accel\":\"$to\"$force}" || break
		case $reply in *error*) fail "$to: $reply" ;; esac
		n=$((n + 1))
		sleep 0.1
	done
done
vm_wait
! grep -q 'test_load: not found' "$tmp/serial" || skip "the guest is old: run ./quickstart guest"
[ "$rc" = 0 ] && grep -q 'LODGE: bad 0' "$tmp/serial" || {
	vm_show
	fail "status $rc after $n moves"
}
grep 'LODGE: \(cpus\|load\)' "$tmp/serial"
[ -n "$kvm_hardware" ] || echo "KVM has no hardware behind it: moved until user space only"
echo "PASS: $n moves"
