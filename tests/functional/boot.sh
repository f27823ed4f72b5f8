#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# boot.sh MACHINE CPUS - the stock Debian kernel boots, sees its processors, reads and
# writes a virtio disk, and fetches a file over the virtio network card.
. "$(dirname "$0")/lib.sh"
machine=$1
cpus=$2
need_guest
need sha256sum
serve
cp "$LODGE_GUEST/disk.img" "$tmp/disk.img"
disk=$(sha256sum <"$tmp/disk.img" | cut -c1-64)
file=$(sha256sum <"$tmp/www/file" | cut -c1-64)
case $machine in
microvm) suffix=device ;;
*) suffix=pci ;;
esac
guest -machine "$machine" -cpu max -smp "$cpus" -m 512M -nodefaults \
	-nographic -no-reboot -serial stdio \
	-kernel "$LODGE_GUEST/vmlinuz" -initrd "$LODGE_GUEST/initrd" \
	-append "console=ttyS0 panic=-1 lodge.test=boot,disk,net lodge.url=http://10.0.2.2:$port/file" \
	-blockdev "driver=file,node-name=f0,filename=$tmp/disk.img" \
	-blockdev "driver=raw,node-name=d0,file=f0" \
	-device "virtio-blk-$suffix,drive=d0" \
	-netdev user,id=n0 -device "virtio-net-$suffix,netdev=n0"
[ "$rc" = 0 ] || {
	show
	fail "exit status $rc"
}
expect cpus "$cpus"
expect disk "$disk"
expect fetched "$file"
grep -q 'LODGE: done' "$tmp/lines" || fail "the guest did not finish"
yes lodge-wrote-this | head -c 65536 >"$tmp/want"
dd if="$tmp/disk.img" bs=4096 skip=16 count=16 2>/dev/null | cmp - "$tmp/want" ||
	fail "what the guest wrote is not in the image"
echo "PASS: $machine with $cpus processors"
