/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * head.S - the file format, entries and CPU tables of the measuring guest (exits.c).
 *
 * One file for every loader: a bzImage as "The Linux/x86 Boot Protocol" describes it, with
 * its real-mode entry (SeaBIOS, kvmtool), 32-bit entry (qboot) and 64-bit entry. All three
 * end in guest_main with an identity map of the first 4 GiB and our own tables.
 *
 * Linked for 0x100000. The setup part is position-independent within its segment.
 */
#define BASE	 0x100000
#define TRAMP	 0x8000 /* where the second CPU starts: a page below 1 MiB */
#define CODE32	 0x10
#define DATA	 0x18
#define CODE64	 0x20

	.section .setup, "ax"
	.code16
	.globl setup
setup:
	.org 0x1f1
	.byte 1			/* setup_sects */
	.word 1			/* root_flags */
	.long payload_paras	/* syssize */
	.word 0
	.word 0xffff		/* vid_mode */
	.word 0
	.word 0xaa55
	jmp real_entry		/* 0x200 */
	.ascii "HdrS"
	.word 0x020c
	.long 0
	.word 0
	.word 0
	.byte 0			/* type_of_loader */
	.byte 1			/* LOADED_HIGH */
	.word 0
	.long BASE		/* code32_start */
	.long 0, 0		/* ramdisk */
	.long 0
	.word 0
	.byte 0, 0
	.long 0			/* cmd_line_ptr */
	.long 0x7fffffff	/* initrd_addr_max */
	.long BASE		/* kernel_alignment */
	.byte 0			/* relocatable_kernel */
	.byte 20		/* min_alignment */
	.word 1			/* xloadflags: 64-bit entry */
	.long 255		/* cmdline_size */
	.long 0
	.quad 0
	.long 0, 0
	.quad 0
	.quad BASE		/* pref_address */
	.long payload_room	/* init_size */
	.long 0
	.org 0x280
real_entry:
	cli
	movw	%cs, %ax	/* the code runs at offset 0 or 0x200 of its segment */
	movzwl	%ax, %eax
	shll	$4, %eax
	call	1f
1:	popw	%bx		/* run-time offset of label 1 */
	movzwl	%bx, %ebx
	addl	%ebx, %eax	/* linear address of label 1 */
	movl	%eax, %ecx
	movl	%eax, %esi
	subl	$(1b - setup), %esi
	addl	$(gdt16 - 1b), %ecx
	movl	%ecx, %cs:(gdtr16 + 2 - 1b)(%bx)
	lgdtl	%cs:(gdtr16 - 1b)(%bx)
	inb	$0x92, %al
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92	/* A20 */
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$CODE32, $BASE
gdtr16:
	.word 4 * 8 - 1
	.long 0
gdt16:
	.quad 0, 0, 0x00cf9a000000ffff, 0x00cf92000000ffff
	.org 0x400

	.section .head, "ax"
	.code32
	.globl entry32
entry32:
	cli
	lgdtl	%cs:gdtr	/* DS is still the loader's */
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	jmp	to_long

	.org 0x200
	.code64
	.globl entry64
entry64:
	cli
	movabsq	$gdtr, %rax
	lgdtq	(%rax)
	movabsq	$pml4, %rax
	movq	%rax, %cr3
	movl	$DATA, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$stack_top, %esp
	pushq	$CODE64
	pushq	$start64
	lretq

	.code32
to_long:
	movl	%cr4, %eax
	orl	$0x20, %eax	/* PAE */
	movl	%eax, %cr4
	movl	$pml4, %eax
	movl	%eax, %cr3
	movl	$0xc0000080, %ecx
	rdmsr
	orl	$0x100, %eax	/* EFER.LME */
	wrmsr
	movl	%cr0, %eax
	orl	$0x80000000, %eax
	movl	%eax, %cr0
	ljmpl	$CODE64, $from_32
	.code64
from_32:
	cmpb	$0, second(%rip)
	jne	1f
	movl	$stack_top, %esp
	jmp	start64
1:	movl	$stack2_top, %esp
	xorl	%ebp, %ebp
	call	second_main
start64:
	movl	%esi, %ebx	/* the setup header's first byte, 0x1f1 before its fields */
	xorl	%ebp, %ebp
	movl	$bss_start, %edi
	movl	$bss_end, %ecx
	subl	%edi, %ecx
	xorl	%eax, %eax
	rep stosb
	movl	%ebx, %edi
	call	guest_main
1:	hlt
	jmp	1b

	/* Copied to TRAMP. */
	.globl tramp, tramp_end
	.code16
tramp:
	cli
	lgdtl	%cs:(tramp_gdtr - tramp)
	movl	%cr0, %eax
	orl	$1, %eax
	movl	%eax, %cr0
	ljmpl	$CODE32, $entry32
tramp_gdtr:
	.word gdt_end - gdt - 1
	.long gdt
tramp_end:
	.code64

	.section .data
	.balign 16
gdt:	.quad 0, 0
	.quad 0x00cf9a000000ffff	/* CODE32 */
	.quad 0x00cf92000000ffff	/* DATA */
	.quad 0x00af9a000000ffff	/* CODE64 */
gdt_end:
	.balign 8
	.word 0, 0, 0
gdtr:	.word gdt_end - gdt - 1
	.quad gdt
	.globl second
second:	.byte 0

	.balign 4096
	.globl pml4, pdpt
pml4:	.quad pdpt + 3
	.fill 511, 8, 0
pdpt:	.quad pds + 3, pds + 0x1003, pds + 0x2003, pds + 0x3003
	.fill 508, 8, 0
pds:
	.set addr, 0
	.rept 2048
	.quad addr + 0x83
	.set addr, addr + 0x200000
	.endr
	.globl far_pd
far_pd:	.fill 512, 8, 0	/* one GiB more, wherever a BAR lies */

	.section .bss
	.balign 16
	.skip 16384
stack_top:
	.skip 16384
stack2_top:
	.section .note.GNU-stack, "", @progbits
