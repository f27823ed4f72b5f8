#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# ide.sh - board pc with firmware: SeaBIOS boots from an IDE disk, from a CD-ROM, in the
# order that -boot and bootindex say; and Linux's driver uses both by DMA.
. "$(dirname "$0")/lib.sh"
need as objcopy sha256sum

# sector NAME CODE: a boot sector that ends the machine with status 2*CODE+1
sector()
{
	cat >"$tmp/s.s" <<-END
	.code16
	.text
	.globl _start
	_start:	mov \$0xf4, %dx
	mov \$$2, %al
	out %al, %dx
	1:	hlt
	jmp 1b
	.org 510
	.word 0xaa55
	END
	as --32 -o "$tmp/s.o" "$tmp/s.s" && objcopy -O binary "$tmp/s.o" "$tmp/$1" ||
		fail "boot sector does not build"
	truncate -s 4M "$tmp/$1"
}

# at BLOCK OFFSET FORMAT: bytes into the CD image, 2048 a block
at()
{
	printf '%b' "$3" | dd of="$tmp/cd.iso" bs=1 seek=$(($1 * 2048 + $2)) conv=notrunc 2>/dev/null
}

# El Torito 1.0: boot record in block 17, catalogue in 20, no-emulation image in 21
iso()
{
	truncate -s 2M "$tmp/cd.iso"
	dd if="$tmp/$1" of="$tmp/cd.iso" bs=2048 seek=21 count=1 conv=notrunc 2>/dev/null
	at 16 0 '\001CD001\001'
	at 17 0 '\000CD001\001EL TORITO SPECIFICATION'
	at 17 71 '\024'
	at 20 0 '\001'
	at 20 28 '\252\125\125\252'
	at 20 32 '\210\000\000\000\000\000\004\000\025'
}

# boots STATUS ARGS...
boots()
{
	want=$1
	shift
	timeout -k 5 "$limit" "$LODGE" -accel "$LODGE_ACCEL" -machine pc -m 64M -nodefaults \
		-display none -device isa-debug-exit,iobase=0xf4,iosize=4 "$@" >"$tmp/out" 2>&1
	rc=$?
	[ $rc = "$want" ] || {
		cat "$tmp/out"
		fail "$*: exit status $rc, not $want"
	}
}

sector hda 16
sector hdd 17
sector boot 18
sector vda 19
iso boot
if [ -r /usr/share/seabios/bios-256k.bin ] || [ -r /usr/share/qemu/bios-256k.bin ]; then
	boots 33 -hda "$tmp/hda"
	boots 35 -drive "file=$tmp/hdd,format=raw,if=ide,index=3"
	boots 37 -cdrom "$tmp/cd.iso" -hda "$tmp/hda" -boot order=dc
	boots 33 -cdrom "$tmp/cd.iso" -hda "$tmp/hda" -boot order=cd
	boots 39 -hda "$tmp/hda" -drive "file=$tmp/vda,format=raw,if=none,id=v" \
		-device virtio-blk-pci,drive=v,bootindex=1
	boots 35 -drive "file=$tmp/hda,format=raw,if=none,id=a" -drive "file=$tmp/hdd,format=raw,if=none,id=b" \
		-device ide-hd,drive=a,bus=ide.0,unit=0,bootindex=2 -device ide-hd,drive=b,bus=ide.1,bootindex=1
	echo "PASS: SeaBIOS with IDE"
else
	echo "no SeaBIOS here: only the kernel's driver is tried"
fi

need_guest
need cpio gzip
mkdir -p "$tmp/extra/modules"
list=
for m in scsi_common scsi_mod libata ata_piix sd_mod cdrom sr_mod; do
	[ -f "$LODGE_GUEST/modules/$m.ko" ] || continue # built in
	cp "$LODGE_GUEST/modules/$m.ko" "$tmp/extra/modules/"
	list=$list,$m
done
case $list in *ata_piix*) ;; *) skip "no ata_piix module: run ./quickstart guest" ;; esac
(cd "$tmp/extra" && find . | cpio -o -H newc --quiet | gzip -1) >"$tmp/extra.gz"
cat "$LODGE_GUEST/initrd" "$tmp/extra.gz" >"$tmp/initrd"
head -c 8000512 /dev/urandom >"$tmp/disk.img"
head -c 4096000 /dev/urandom >"$tmp/cd.img"
disk=$(sha256sum <"$tmp/disk.img" | cut -c1-64)
cd=$(sha256sum <"$tmp/cd.img" | cut -c1-64)
guest -machine pc -cpu max -smp 2 -m 512M -nodefaults -nographic -no-reboot -serial stdio \
	-kernel "$LODGE_GUEST/vmlinuz" -initrd "$tmp/initrd" \
	-append "console=ttyS0 panic=-1 lodge.test=ide lodge.modules=${list#,}" \
	-hda "$tmp/disk.img" -cdrom "$tmp/cd.img"
[ "$rc" = 0 ] || {
	show
	fail "exit status $rc"
}
expect disk "$disk"
expect cdrom "$cd"
expect mode MWDMA2
expect complaints 0
yes lodge-wrote-this | head -c 65536 >"$tmp/want"
dd if="$tmp/disk.img" bs=4096 skip=16 count=16 2>/dev/null | cmp - "$tmp/want" ||
	fail "what the guest wrote is not in the image"
echo "PASS: IDE disk and CD-ROM"
