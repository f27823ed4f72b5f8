#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# formats.sh - tiny kernels of each format start in the state their protocol promises, on
# both boards: they check it themselves and end the machine with status 33.
. "$(dirname "$0")/lib.sh"
need as ld objcopy

# end CODE: byte CODE to isa-debug-exit, which makes it the exit status 2*CODE+1
end='.macro end c
	mov $0xf4, %dx
	mov $\c, %al
	out %al, %dx
1:	hlt
	jmp 1b
.endm'

cat >"$tmp/multiboot.s" <<END
$end
	.code32
	.text
	.long 0x1badb002, 3, -(0x1badb002 + 3)
	.globl _start
_start:	cmp \$0x2badb002, %eax
	jne bad
	testl \$8, (%ebx)
	jz bad
	cmpl \$2, 20(%ebx)
	jne bad
	mov 24(%ebx), %esi
	mov 24(%esi), %eax	# the second module's string
	cmpb \$'2', (%eax)
	jne bad
	end 16
bad:	end 17
END
cat >"$tmp/pvh.s" <<END
$end
	.code32
	.text
	.globl _start
_start:	end 18
pvh:	cmpl \$0x336ec578, (%ebx)
	jne bad
	cmpl \$0, 32(%ebx)
	je bad
	mov 24(%ebx), %esi
	cmpb \$'h', (%esi)
	jne bad
	mov %cr0, %eax
	test \$0x80000000, %eax
	jnz bad
	end 16
bad:	end 17
	.section .note.Xen, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long pvh
END
cat >"$tmp/elf64.s" <<END
$end
	.code64
	.text
	.globl _start
_start:	cmpl \$0x53726448, 0x202(%rsi)
	jne bad
	mov %cr0, %rax
	test \$0x80000000, %eax
	jz bad
	mov \$0x40000000, %rax
	mov (%rax), %rax
	end 16
bad:	end 17
END
cat >"$tmp/sector.s" <<END
$end
	.code16
	.text
	.globl _start
_start:	call 2f
2:	pop %ax
	cmp \$(0x7c00 + 2b - _start), %ax
	jne bad
	end 16
bad:	end 17
	.org 510
	.word 0xaa55
END

build()
{
	as "--$2" -o "$tmp/$1.o" "$tmp/$1.s" && ld --no-warn-rwx-segments -m "$3" -N -Ttext="$4" -e _start -o "$tmp/$1" "$tmp/$1.o" ||
		fail "$1 does not build"
}
build multiboot 32 elf_i386 0x100000
build pvh 64 elf_x86_64 0x100000
build elf64 64 elf_x86_64 0x200000
as --32 -o "$tmp/sector.o" "$tmp/sector.s" && objcopy -O binary "$tmp/sector.o" "$tmp/sector" ||
	fail "sector does not build"
echo 1 >"$tmp/m1"

for board in q35 microvm; do
	for k in multiboot pvh elf64 sector; do
		set -- -append "hello world"
		[ $k != sector ] || set --
		if [ $k = multiboot ]; then
			ln -sf "$tmp/m1" "$tmp/2"
			set -- -append x -initrd "m1 one,2 two"
		fi
		(cd "$tmp" && timeout "$limit" "$LODGE" -accel "$LODGE_ACCEL" -machine $board -m 64M -nodefaults \
			-device isa-debug-exit,iobase=0xf4,iosize=4 -kernel "$k" "$@" >"$tmp/out" 2>&1)
		rc=$?
		[ $rc = 33 ] || {
			cat "$tmp/out"
			fail "$board, $k: exit status $rc"
		}
	done
done
echo "PASS: kernel formats"
