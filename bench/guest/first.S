/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * first.S - a 64 KiB firmware image whose first instructions write one byte to the serial
 * port: the time from exec of a VMM to that byte is its start time. Then it halts for good.
 *
 * Works as -bios of lodge and QEMU (top of the first MiB) and as --firmware of kvmtool.
 */
	.section .text
	.code16
	.org 0
main:
	movw	$0x3f8, %dx
	movb	$'!', %al
	outb	%al, %dx
	movb	$'\n', %al
	outb	%al, %dx
	cli
1:	hlt
	jmp	1b
	.org 0xfff0
	ljmpw	$0xf000, $main
	.org 0xffff
	.byte 0
	.section .note.GNU-stack, "", @progbits
