/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * nasty.S - start of the test guest nasty.c: entered by the PVH protocol in 32-bit mode, maps
 * the first 4 GiB one to one with 2 MiB pages, switches SSE, AVX and XSAVE on, and calls
 * nasty_main() in 64-bit mode at privilege level 0.
 */
	.section .note.pvh, "a", @note
	.long	4, 4, 18			/* XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz	"Xen"
	.long	start

	.section .bss
	.balign	4096
	.globl	pml4, pt_spare
pml4:	.skip	4096
pdpt:	.skip	4096
pd:	.skip	4 * 4096
pt_spare:	.skip	4 * 4096
	.skip	65536
stack:
	.skip	16384
	.globl	exc_stack
exc_stack:

	.section .data
	.balign	16
	.globl	gdt
gdt:
	.quad	0
	.quad	0x00af9b000000ffff		/* 08 code, 64 bits */
	.quad	0x00cf93000000ffff		/* 10 data */
	.quad	0x00cffb000000ffff		/* 18 user code, 32 bits: for SYSRET's arithmetic */
	.quad	0x00cff3000000ffff		/* 20 user data */
	.quad	0x00affb000000ffff		/* 28 user code, 64 bits */
	.quad	0, 0				/* 30 TSS */
gdt_end:
gdtr:	.word	gdt_end - gdt - 1
	.long	gdt

	.text
	.code32
	.globl	start
start:
	cld
	mov	$stack, %esp
	/* tables */
	mov	$pdpt, %eax
	or	$7, %eax
	mov	%eax, pml4
	mov	$pd, %eax
	or	$7, %eax
	mov	$pdpt, %edi
	mov	$4, %ecx
1:	mov	%eax, (%edi)
	add	$4096, %eax
	add	$8, %edi
	loop	1b
	mov	$0x87, %eax
	mov	$pd, %edi
	mov	$2048, %ecx
1:	mov	%eax, (%edi)
	add	$0x200000, %eax
	add	$8, %edi
	loop	1b
	/* long mode */
	mov	%cr4, %eax
	or	$0x6a0, %eax			/* PAE, PGE, OSFXSR, OSXMMEXCPT */
	and	$~0x80, %eax
	mov	%eax, %cr4
	mov	$pml4, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx
	rdmsr
	or	$0x901, %eax			/* LME, NXE, SCE */
	wrmsr
	mov	%cr0, %eax
	and	$~4, %eax
	or	$0x80010023, %eax		/* PG, WP, NE, MP, PE */
	mov	%eax, %cr0
	lgdt	gdtr
	ljmp	$8, $long_mode

	.code64
long_mode:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	xor	%eax, %eax
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$stack, %rsp
	fninit
	mov	$1, %eax
	cpuid
	bt	$26, %ecx
	jnc	1f
	mov	%cr4, %rax
	bts	$18, %rax			/* OSXSAVE */
	mov	%rax, %cr4
	mov	$3, %eax
	bt	$28, %ecx
	jnc	2f
	mov	$7, %eax
2:	xor	%ecx, %ecx
	xor	%edx, %edx
	xsetbv
1:	call	nasty_main
	mov	%eax, %edi
	.globl	nasty_exit
nasty_exit:
	mov	%edi, %eax
	mov	$0x501, %edx
	out	%eax, %dx
1:	cli
	hlt
	jmp	1b

/* Exceptions: the vector is counted and the handler goes on where nasty_resume says (or with
 * the next instruction for traps). */
	.macro	exc n, err
	.balign	16
exc_\n:
	.if	!\err
	push	$0
	.endif
	push	$\n
	jmp	exc_common
	.endm
	.globl	exc_table
	.balign	16
exc_table:
	exc 0, 0
	exc 1, 0
	exc 2, 0
	exc 3, 0
	exc 4, 0
	exc 5, 0
	exc 6, 0
	exc 7, 0
	exc 8, 1
	exc 9, 0
	exc 10, 1
	exc 11, 1
	exc 12, 1
	exc 13, 1
	exc 14, 1
	exc 15, 0
	exc 16, 0
	exc 17, 1
	exc 18, 0
	exc 19, 0
	exc 20, 0

exc_common:					/* vector, error, rip, cs, rflags, rsp, ss */
	push	%rax
	push	%rcx
	mov	16(%rsp), %rax
	incq	nasty_exc(, %rax, 8)
	mov	24(%rsp), %rcx
	mov	%rcx, nasty_exc_err
	mov	32(%rsp), %rcx
	mov	%rcx, nasty_exc_rip
	mov	%cr2, %rcx
	mov	%rcx, nasty_exc_cr2
	mov	nasty_resume, %rcx
	test	%rcx, %rcx
	jz	1f
	mov	%rcx, 32(%rsp)
	movq	$0, nasty_resume
	jmp	2f
1:	cmp	$3, %rax			/* traps go on by themselves */
	je	2f
	cmp	$1, %rax
	je	2f
	mov	%eax, %edi
	mov	32(%rsp), %rsi
	call	nasty_unexpected
2:	pop	%rcx
	pop	%rax
	add	$16, %rsp
	iretq

/* SYSCALLs from user mode, rdi times; each one's entry checks where it came from. */
	.globl	user_syscalls, syscall_entry
user_syscalls:
	push	%rbx
	push	%rbp
	mov	%rsp, user_sp
	mov	%rdi, %rbx
	pushq	$0x23
	push	%rsp
	pushq	$0x2
	pushq	$0x2b
	push	$user_loop
	iretq
user_loop:
	mov	%rbx, %rax
	syscall
	dec	%rbx
	jnz	user_loop
	mov	$-1, %rax
	syscall
syscall_entry:
	cmp	$-1, %rax
	je	1f
	incq	nasty_syscalls
	sysretq
1:	mov	user_sp, %rsp
	mov	$0x10, %eax
	mov	%eax, %ss
	mov	nasty_syscalls, %rax
	pop	%rbp
	pop	%rbx
	ret
	.bss
user_sp: .quad 0
	.section .note.GNU-stack, "", @progbits
