/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86sys_test.c - page walks of every form, exception frames of each mode, segment and
 * privilege checks, system calls, task switches.
 */
#include "config.h"

#include "x86rig.h"

#include <errno.h>

/* ---- walks ---- */

static int walk(uint64_t va, enum mmu_access acc, int mode, struct mmu_result *r)
{
	return x86_walk(rig.env, va, acc, mode, false, r);
}

START_TEST(walk_none)
{
	struct mmu_result r;

	rig_up("max");
	rig_prot32(0);
	ck_assert_int_eq(walk(0x123456, MMU_WRITE, X86_MMU_SUP, &r), 0);
	ck_assert_uint_eq(r.pa, 0x123000);
	ck_assert(r.r && r.w && r.x);
}
END_TEST

START_TEST(walk_32)
{
	struct mmu_result r;

	rig_up("max");
	rig_prot32(0);
	rig.c->cr3 = RIG_PT;
	rig.c->cr0 |= X86_CR0_PG;
	rig.c->cr4 = X86_CR4_PSE;
	st_le32(rig_at(RIG_PT + 4 * 1), (RIG_PT + 0x1000) | 7);
	st_le32(rig_at(RIG_PT + 0x1000 + 4 * 2),
	        0x7000 | 1); /* supervisor, read-only */
	st_le32(rig_at(RIG_PT + 0x1000 + 4 * 3), 0x8000 | 7);
	st_le32(rig_at(RIG_PT + 4 * 2),
	        0x00400000 | 0x87 | 1 << 13); /* 4 MiB at 4 GiB + 4 MiB */
	ck_assert_int_eq(walk(0x402123, MMU_READ, X86_MMU_SUP, &r), 0);
	ck_assert_uint_eq(r.pa, 0x7000);
	ck_assert_uint_eq(r.page_bits, 12);
	ck_assert(r.w == false); /* D clear: writes must walk */
	ck_assert_uint_eq(ld_le32(rig_at(RIG_PT + 0x1008)) & 0x60, 0x20);
	/* supervisor writes a read-only page: WP off yes, WP on no */
	ck_assert_int_eq(walk(0x402123, MMU_WRITE, X86_MMU_SUP, &r), 0);
	ck_assert_uint_eq(ld_le32(rig_at(RIG_PT + 0x1008)) & 0x60, 0x60);
	rig.c->cr0 |= X86_CR0_WP;
	ck_assert_int_eq(walk(0x402123, MMU_WRITE, X86_MMU_SUP, &r), -EFAULT);
	ck_assert_int_eq(rig.c->exc_pending, X86_EXC_PF);
	ck_assert_uint_eq(rig.c->exc_err, 3);
	ck_assert_uint_eq(rig.c->cr2, 0x402123);
	ck_assert_int_eq(walk(0x402123, MMU_READ, X86_MMU_USER, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 5);
	ck_assert_int_eq(walk(0x403000, MMU_WRITE, X86_MMU_USER, &r), 0);
	ck_assert(r.w);
	ck_assert_int_eq(walk(0x404000, MMU_READ, X86_MMU_USER, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 4);
	ck_assert_int_eq(walk(0x00812345, MMU_READ, X86_MMU_USER, &r), 0);
	ck_assert_uint_eq(r.pa, UINT64_C(0x100412000));
	ck_assert_uint_eq(r.page_bits, 22);
}
END_TEST

START_TEST(walk_pae)
{
	struct mmu_result r;

	rig_up("max");
	rig_prot32(0);
	rig.c->efer = X86_EFER_NXE;
	st_le64(rig_at(RIG_PT + 8), (RIG_PT + 0x1000) | 1);
	st_le64(rig_at(RIG_PT + 0x1000), (RIG_PT + 0x2000) | 7);
	st_le64(rig_at(RIG_PT + 0x1008), 0x400000 | 0x87 | BIT64(63));
	st_le64(rig_at(RIG_PT + 0x2000 + 8 * 5), 0x9000 | 7);
	st_le64(rig_at(RIG_PT + 0x2000 + 8 * 6),
	        UINT64_C(0x0100000000009007)); /* reserved */
	rig.c->cr4 = X86_CR4_PAE;
	ck_assert_int_eq(x86_set_cr3(rig.env, RIG_PT), 0);
	ck_assert_int_eq(x86_set_cr0(rig.env, rig.c->cr0 | X86_CR0_PG), 0);
	ck_assert_int_eq(walk(0x40005678, MMU_EXEC, X86_MMU_USER, &r), 0);
	ck_assert_uint_eq(r.pa, 0x9000);
	ck_assert_int_eq(walk(0x40006000, MMU_READ, X86_MMU_USER, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 0xd);
	ck_assert_int_eq(walk(0x40212345, MMU_READ, X86_MMU_USER, &r), 0);
	ck_assert_uint_eq(r.pa, 0x412000);
	ck_assert_uint_eq(r.page_bits, 21);
	ck_assert_int_eq(walk(0x40212345, MMU_EXEC, X86_MMU_USER, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 0x15);
	/* reserved bits in a PDPTE refuse the load */
	st_le64(rig_at(RIG_PT + 16), (RIG_PT + 0x1000) | 3);
	ck_assert_int_eq(x86_set_cr3(rig.env, RIG_PT), -EINVAL);
}
END_TEST

START_TEST(walk_long)
{
	struct mmu_result r;

	rig_up("max");
	rig_long(0);
	st_le64(rig_at(RIG_PT + 0x1008), 0x40000000 | 0x83); /* 1 GiB, supervisor */
	st_le64(rig_at(RIG_PT + 0x1010), (RIG_PT + 0x3000) | 7);
	st_le64(rig_at(RIG_PT + 0x3000), (RIG_PT + 0x4000) | 7);
	st_le64(rig_at(RIG_PT + 0x4000), 0x6000 | 0x107); /* global, user */
	st_le64(rig_at(RIG_PT + 0x4008), 0x7000 | 7 | BIT64(63));
	rig.c->cr4 |= X86_CR4_PGE;
	ck_assert_int_eq(walk(0x7fffffff, MMU_WRITE, X86_MMU_SUP, &r), 0);
	ck_assert_uint_eq(r.pa, 0x7ffff000);
	ck_assert_uint_eq(r.page_bits, 30);
	ck_assert(r.w && r.x && !r.global);
	ck_assert_int_eq(walk(0x80000010, MMU_READ, X86_MMU_USER, &r), 0);
	ck_assert(r.global && !r.w);
	ck_assert_int_eq(walk(0x80001000, MMU_EXEC, X86_MMU_USER, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 0x15);
	/* SMEP, SMAP */
	ck_assert_int_eq(walk(0x80000000, MMU_EXEC, X86_MMU_SUP, &r), 0);
	rig.c->cr4 |= X86_CR4_SMEP | X86_CR4_SMAP;
	ck_assert_int_eq(walk(0x80000000, MMU_EXEC, X86_MMU_SUP, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 0x11);
	ck_assert_int_eq(walk(0x80000000, MMU_READ, X86_MMU_SUP, &r), 0);
	ck_assert_int_eq(walk(0x80000000, MMU_READ, X86_MMU_SUP_SMAP, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 1);
	ck_assert_int_eq(walk(0x80000000, MMU_READ, MMU_MODE_SYSTEM, &r), -EFAULT);
	/* reserved: a PS bit in a PML4E, and physical bits beyond MAXPHYADDR */
	st_le64(rig_at(RIG_PT + 8), (RIG_PT + 0x1000) | 0x87);
	ck_assert_int_eq(walk(BIT64(39), MMU_READ, X86_MMU_SUP, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 9);
	st_le64(rig_at(RIG_PT + 0x4010), UINT64_C(0x0008000000007007));
	ck_assert_int_eq(walk(0x80002000, MMU_READ, X86_MMU_USER, &r), -EFAULT);
	ck_assert_uint_eq(rig.c->exc_err, 0xd);
	/* not canonical */
	ck_assert_int_eq(walk(BIT64(47), MMU_READ, X86_MMU_SUP, &r), -EFAULT);
	ck_assert_int_eq(rig.c->exc_pending, X86_EXC_GP);
	/* probing records nothing and sets nothing */
	rig.c->exc_pending = -1;
	st_le64(rig_at(RIG_PT + 0x4018), 0x6000 | 7);
	ck_assert_int_eq(
		x86_walk(rig.env, 0x80003000, MMU_WRITE, X86_MMU_USER, true, &r), 0);
	ck_assert_uint_eq(ld_le64(rig_at(RIG_PT + 0x4018)), 0x6007);
	ck_assert_int_eq(
		x86_walk(rig.env, 0x80009000, MMU_READ, X86_MMU_USER, true, &r),
		-EFAULT);
	ck_assert_int_eq(rig.c->exc_pending, -1);
}
END_TEST

START_TEST(walk_la57)
{
	struct mmu_result r;

	rig_up("max,+la57");
	rig_long(0);
	st_le64(rig_at(RIG_PT + 0x8000 + 8 * 255), RIG_PT | 7);
	rig.c->cr3 = RIG_PT + 0x8000;
	rig.c->cr4 |= X86_CR4_LA57;
	ck_assert_int_eq(
		walk((UINT64_C(255) << 48) | 0x201234, MMU_READ, X86_MMU_USER, &r), 0);
	ck_assert_uint_eq(r.pa, 0x201000);
	ck_assert_int_eq(walk(UINT64_C(1) << 56, MMU_READ, X86_MMU_USER, &r), -EFAULT);
	ck_assert_int_eq(rig.c->exc_pending, X86_EXC_GP);
}
END_TEST

/* ---- delivery ---- */

static uint64_t stk(uint64_t off)
{
	return ld_le64(rig_at(rig.c->reg[X86_RSP] + off));
}

START_TEST(exc_real_mode)
{
	rig_up("max");
	x86_startup(rig.c, 0x08);
	rig.c->gdt.limit = 0;
	rig.c->idt.base = 0;
	rig.c->reg[X86_RSP] = 0x7000;
	rig.c->eflags |= X86_IF;
	st_le32(rig_at(4 * 0x21), 0x12345678);
	x86_mode_changed(rig.env);
	ck_assert_int_eq(RIG_TRY(helper_int_n(rig.env, 0x21, 0x8102, 0, 0)),
	                 0x1000 + TCG_EXIT_NEXT);
	ck_assert_uint_eq(rig.c->seg[X86_CS].sel, 0x1234);
	ck_assert_uint_eq(rig.c->rip, 0x12340 + 0x5678);
	ck_assert_uint_eq(rig.c->reg[X86_RSP], 0x6ffa);
	ck_assert_uint_eq(ld_le16(rig_at(0x6ffa)), 0x102);
	ck_assert_uint_eq(ld_le16(rig_at(0x6ffc)), 0x800);
	ck_assert_uint_eq(ld_le16(rig_at(0x6ffe)), 0x202);
	ck_assert(!(rig.c->eflags & X86_IF));
	ck_assert_int_eq(RIG_TRY(helper_iret(rig.env, 2, 0, 0, 0)), -1);
	ck_assert_uint_eq(rig.c->rip, 0x8102);
	ck_assert(rig.c->eflags & X86_IF);
	/* past the table's end: #GP, then double fault, then shutdown */
	rig.c->idt.limit = 3;
	ck_assert_int_eq(RIG_TRY(helper_int_n(rig.env, 0x21, 0x8102, 0, 0)),
	                 X86_EXC_GP);
	ck_assert_int_eq(rig_deliver(), 0x1000 + TCG_EXIT_SHUTDOWN);
}
END_TEST

START_TEST(exc_prot_inner)
{
	rig_up("max");
	rig_prot32(3);
	rig_gate32(0x80, SEL_CODE0, 0x6000, 15, 3);
	rig_gate32(0x81, SEL_CODE0, 0x6000, 14, 0);
	rig.c->eflags |= X86_IF | X86_TF;
	ck_assert_int_eq(RIG_TRY(helper_int_n(rig.env, 0x80, 0x5002, 0, 0)),
	                 0x1000 + TCG_EXIT_NEXT);
	ck_assert_uint_eq(x86_cpl(rig.c), 0);
	ck_assert_uint_eq(rig.c->rip, 0x6000);
	ck_assert_uint_eq(rig.c->reg[X86_RSP], RIG_STACK0 - 20);
	ck_assert_uint_eq((uint32_t)stk(0), 0x5002);
	ck_assert_uint_eq((uint32_t)stk(4), SEL_CODE3 | 3);
	ck_assert_uint_eq((uint32_t)stk(8), X86_IF | X86_TF | 2);
	ck_assert_uint_eq((uint32_t)stk(12), RIG_STACK3);
	ck_assert_uint_eq((uint32_t)stk(16), SEL_DATA3 | 3);
	ck_assert(rig.c->eflags & X86_IF); /* trap gate */
	ck_assert(!(rig.c->eflags & X86_TF));
	ck_assert_uint_eq(rig.mode, X86_MMU_SUP);
	/* and back */
	ck_assert_int_eq(RIG_TRY(helper_iret(rig.env, 4, 0, 0, 0)), -1);
	ck_assert_uint_eq(x86_cpl(rig.c), 3);
	ck_assert_uint_eq(rig.c->rip, 0x5002);
	ck_assert_uint_eq(rig.c->reg[X86_RSP], RIG_STACK3);
	ck_assert(rig.c->eflags & X86_TF);
	ck_assert_uint_eq(rig.mode, X86_MMU_USER);
	/* DPL 0 gate from ring 3 */
	rig_gate32(X86_EXC_GP, SEL_CODE0, 0x6100, 14, 0);
	ck_assert_int_eq(RIG_TRY(helper_int_n(rig.env, 0x81, 0x5004, 0, 0)),
	                 X86_EXC_GP);
	ck_assert_uint_eq(rig.c->exc_err, 0x81 * 8 + 2);
	ck_assert_int_eq(rig_deliver(), -1);
	ck_assert_uint_eq(rig.c->rip, 0x6100);
	ck_assert_uint_eq((uint32_t)stk(0), 0x81 * 8 + 2);
	ck_assert_uint_eq((uint32_t)stk(4), 0x5002);
	ck_assert_uint_eq((uint32_t)stk(12) & X86_RF, X86_RF);
}
END_TEST

START_TEST(exc_double_and_triple)
{
	rig_up("max");
	rig_prot32(0);
	/* #GP whose gate is not present: #NP + EXT while delivering a contributory one:
	 * #DF */
	rig_gate32(X86_EXC_DF, SEL_CODE0, 0x6800, 14, 0);
	x86_record(rig.c, X86_EXC_GP, 0x10);
	ck_assert_int_eq(rig_deliver(), -1);
	ck_assert_uint_eq(rig.c->rip, 0x6800);
	ck_assert_uint_eq((uint32_t)stk(0), 0);
	/* without a gate for it: shutdown */
	memset(rig_at(RIG_IDT), 0, 4096);
	x86_record(rig.c, X86_EXC_PF, 0);
	ck_assert_int_eq(rig_deliver(), 0x1000 + TCG_EXIT_SHUTDOWN);
	/* benign first: the second is served alone */
	rig_gate32(X86_EXC_GP, SEL_CODE0, 0x6900, 14, 0);
	x86_record(rig.c, X86_EXC_UD, 0);
	ck_assert_int_eq(rig_deliver(), -1);
	ck_assert_uint_eq(rig.c->rip, 0x6900);
	ck_assert_uint_eq((uint32_t)stk(0), X86_EXC_UD * 8 + 3);
}
END_TEST

START_TEST(exc_vm86)
{
	rig_up("max");
	rig_prot32(0);
	rig_gate32(X86_EXC_GP, SEL_CODE0, 0x6000, 14, 0);
	/* enter VM86 by IRET */
	rig.c->reg[X86_RSP] = RIG_STACK0 - 36;
	for (unsigned i = 0; i < 9; i++) {
		static const uint32_t f[] = { 0x10, 0x700, X86_VM | 2, 0x400, 0x300,
			                      0x11, 0x22,  0x33,       0x44 };

		st_le32(rig_at(RIG_STACK0 - 36 + 4 * i), f[i]);
	}
	ck_assert_int_eq(RIG_TRY(helper_iret(rig.env, 4, 0, 0, 0)), -1);
	ck_assert(x86_vm86(rig.c));
	ck_assert_uint_eq(x86_cpl(rig.c), 3);
	ck_assert_uint_eq(rig.c->rip, 0x7010);
	ck_assert_uint_eq(rig.c->seg[X86_GS].sel, 0x44);
	ck_assert_uint_eq(rig.c->seg[X86_DS].base, 0x220);
	/* INT n with IOPL < 3: to the monitor */
	ck_assert_int_eq(RIG_TRY(helper_int_n(rig.env, 0x10, 0x7012, 0, 0)),
	                 X86_EXC_GP);
	ck_assert_int_eq(rig_deliver(), -1);
	ck_assert(!x86_vm86(rig.c));
	ck_assert_uint_eq(rig.c->reg[X86_RSP], RIG_STACK0 - 40);
	ck_assert_uint_eq((uint32_t)stk(4), 0x10);
	ck_assert_uint_eq((uint32_t)stk(8), 0x700);
	ck_assert_uint_eq((uint32_t)stk(16), 0x400);
	ck_assert_uint_eq((uint32_t)stk(24), 0x11);
	ck_assert_uint_eq((uint32_t)stk(36), 0x44);
	ck_assert_uint_eq(rig.c->seg[X86_DS].sel, 0);
}
END_TEST

START_TEST(exc_long_mode)
{
	rig_up("max");
	rig_long(3);
	rig_gate64(X86_EXC_PF, SEL_CODE64, UINT64_C(0xffffffff81000000), 14, 0, 0);
	rig_gate64(X86_EXC_DF, SEL_CODE64, 0x6000, 14, 0, 2);
	st_le64(rig_at(RIG_TSS + 0x1c + 16), 0xb008); /* IST2, to be aligned down */
	rig.c->eflags |= X86_IF;
	rig.c->cr2 = 0x1234;
	x86_record(rig.c, X86_EXC_PF, 6);
	ck_assert_int_eq(rig_deliver(), -1);
	ck_assert_uint_eq(rig.c->rip, UINT64_C(0xffffffff81000000));
	ck_assert_uint_eq(rig.c->reg[X86_RSP], RIG_STACK0 - 48);
	ck_assert_uint_eq(stk(0), 6);
	ck_assert_uint_eq(stk(8), 0x5000);
	ck_assert_uint_eq(stk(16), SEL_CODE64U | 3);
	ck_assert_uint_eq(stk(24), X86_IF | X86_RF | 2);
	ck_assert_uint_eq(stk(32), RIG_STACK3);
	ck_assert_uint_eq(stk(40), SEL_DATA3 | 3);
	ck_assert_uint_eq(rig.c->seg[X86_SS].sel, 0);
	ck_assert_uint_eq(x86_cpl(rig.c), 0);
	ck_assert(!(rig.c->eflags & X86_IF));
	/* IST from the kernel */
	x86_record(rig.c, X86_EXC_DF, 0);
	ck_assert_int_eq(rig_deliver(), -1);
	ck_assert_uint_eq(rig.c->reg[X86_RSP], 0xb000 - 48);
	ck_assert_uint_eq(stk(32), RIG_STACK0 - 48);
	/* IRETQ to the first handler, and from there to the program */
	rig.c->reg[X86_RSP] += 8;
	ck_assert_int_eq(RIG_TRY(helper_iret(rig.env, 8, 0, 0, 0)), -1);
	ck_assert_uint_eq(rig.c->rip, UINT64_C(0xffffffff81000000));
	ck_assert_uint_eq(rig.c->reg[X86_RSP], RIG_STACK0 - 48);
	rig.c->reg[X86_RSP] += 8;
	ck_assert_int_eq(RIG_TRY(helper_iret(rig.env, 8, 0, 0, 0)), -1);
	ck_assert_uint_eq(rig.c->rip, 0x5000);
	ck_assert_uint_eq(x86_cpl(rig.c), 3);
	ck_assert(x86_code64(rig.c));
	/* 32-bit code segment in a gate: #GP(selector + EXT) */
	rig_gate64(X86_EXC_UD, SEL_CODE0, 0x6000, 14, 0, 0);
	x86_record(rig.c, X86_EXC_UD, 0);
	ck_assert_int_eq(RIG_TRY(x86_deliver(rig.env)), X86_EXC_GP);
	ck_assert_uint_eq(rig.c->exc_err, SEL_CODE0 | 1);
}
END_TEST

START_TEST(exc_interrupt)
{
	rig_up("max");
	rig_long(0);
	rig_gate64(X86_EXC_NMI, SEL_CODE64, 0x6000, 14, 0, 0);
	atomic_store(&rig.v.requests, X86_REQ_NMI | X86_REQ_HARD);
	rig.c->int_shadow = true;
	ck_assert(!x86_interrupt_ready(rig.env));
	rig.c->int_shadow = false;
	ck_assert(x86_interrupt_ready(rig.env));
	ck_assert_int_eq(RIG_TRY(x86_take_interrupt(rig.env)), -1);
	ck_assert_uint_eq(rig.c->rip, 0x6000);
	ck_assert(rig.c->nmi_masked);
	ck_assert(!x86_interrupt_ready(rig.env)); /* IF off */
	ck_assert_int_eq(RIG_TRY(helper_iret(rig.env, 8, 0, 0, 0)), -1);
	ck_assert(!rig.c->nmi_masked);
	atomic_store(&rig.v.requests, X86_REQ_INIT);
	ck_assert(x86_interrupt_ready(rig.env));
	ck_assert_int_eq(RIG_TRY(x86_take_interrupt(rig.env)), -1);
	ck_assert_uint_eq(rig.c->rip, 0xfffffff0);
	ck_assert_uint_eq(rig.c->efer, 0);
}
END_TEST

/* ---- segments ---- */

START_TEST(seg_loads)
{
	rig_up("max");
	rig_prot32(3);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_DS, 0, 0, 0)), -1);
	ck_assert(rig.c->hflags & XH_CHK(X86_DS));
	ck_assert_int_eq(RIG_TRY(helper_seg_check(rig.env, X86_DS, 0, 4 | 4 << 16, 0)),
	                 X86_EXC_GP);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_DS, SEL_DATA3 | 3, 0, 0)),
	                 -1);
	ck_assert(!(rig.c->hflags & XH_CHK(X86_DS)));
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_DS, SEL_DATA0 | 3, 0, 0)),
	                 X86_EXC_GP);
	ck_assert_uint_eq(rig.c->exc_err, SEL_DATA0);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_SS, 0, 1, 0)),
	                 X86_EXC_GP);
	ck_assert_uint_eq(rig.c->exc_err, 0);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_SS, SEL_DATA0, 1, 0)),
	                 X86_EXC_GP);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_ES, 0x1f8, 0, 0)),
	                 X86_EXC_GP);
	ck_assert_uint_eq(rig.c->exc_err, 0x1f8);
	rig_prot32(0);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_ES, SEL_NP, 0, 0)),
	                 X86_EXC_NP);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_SS, SEL_NP, 1, 0)),
	                 X86_EXC_SS);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_SS, SEL_DATA0, 1, 0)),
	                 -1);
	ck_assert(rig.c->int_shadow && (rig.c->hflags & XH_SHADOW));
}
END_TEST

START_TEST(seg_far)
{
	rig_up("max");
	rig_prot32(3);
	/* a 32-bit call gate to ring 0 with two parameters */
	st_le32(rig_at(RIG_GDT + SEL_GATE), 0x6000 | SEL_CODE0 << 16);
	st_le32(rig_at(RIG_GDT + SEL_GATE + 4), 0xec02);
	rig.c->reg[X86_RSP] = RIG_STACK3 - 8;
	st_le32(rig_at(RIG_STACK3 - 8), 0x1111);
	st_le32(rig_at(RIG_STACK3 - 4), 0x2222);
	ck_assert_int_eq(RIG_TRY(helper_far_call(rig.env, SEL_GATE | 3, 0, 4, 0x5007)),
	                 -1);
	ck_assert_uint_eq(x86_cpl(rig.c), 0);
	ck_assert_uint_eq(rig.c->rip, 0x6000);
	ck_assert_uint_eq(rig.c->reg[X86_RSP], RIG_STACK0 - 24);
	ck_assert_uint_eq((uint32_t)stk(0), 0x5007);
	ck_assert_uint_eq((uint32_t)stk(4), SEL_CODE3 | 3);
	ck_assert_uint_eq((uint32_t)stk(8), 0x1111);
	ck_assert_uint_eq((uint32_t)stk(12), 0x2222);
	ck_assert_uint_eq((uint32_t)stk(16), RIG_STACK3 - 8);
	ck_assert_int_eq(RIG_TRY(helper_load_seg(rig.env, X86_ES, SEL_DATA0, 0, 0)),
	                 -1);
	ck_assert_int_eq(RIG_TRY(helper_far_ret(rig.env, 4, 8, 0, 0)), -1);
	ck_assert_uint_eq(x86_cpl(rig.c), 3);
	ck_assert_uint_eq(rig.c->reg[X86_RSP], RIG_STACK3);
	ck_assert_uint_eq(rig.c->seg[X86_ES].sel, 0); /* too privileged: nulled */
	/* direct jumps */
	ck_assert_int_eq(RIG_TRY(helper_far_jmp(rig.env, SEL_CODE0, 0, 4, 0)),
	                 X86_EXC_GP);
	ck_assert_int_eq(RIG_TRY(helper_far_jmp(rig.env, 0, 0, 4, 0)), X86_EXC_GP);
	ck_assert_int_eq(RIG_TRY(helper_far_jmp(rig.env, SEL_CODE3 | 3, 0x1234, 4, 0)),
	                 -1);
	ck_assert_uint_eq(rig.c->rip, 0x1234);
}
END_TEST

START_TEST(seg_enter_long_mode)
{
	rig_up("max");
	rig_prot32(0);
	st_le64(rig_at(RIG_PT), (RIG_PT + 0x1000) | 7);
	st_le64(rig_at(RIG_PT + 0x1000), 0x87);
	rig.c->cr3 = RIG_PT;
	ck_assert_int_eq(x86_wrmsr(rig.env, 0xc0000080, X86_EFER_LME), 0);
	ck_assert_int_eq(
		RIG_TRY(helper_write_cr(rig.env, 0, rig.c->cr0 | X86_CR0_PG, 0, 0)),
		X86_EXC_GP); /* PAE is off */
	ck_assert_int_eq(RIG_TRY(helper_write_cr(rig.env, 4, X86_CR4_PAE, 0, 0)), -1);
	ck_assert_int_eq(
		RIG_TRY(helper_write_cr(rig.env, 0, rig.c->cr0 | X86_CR0_PG, 0, 0)),
		-1);
	ck_assert(rig.c->efer & X86_EFER_LMA);
	ck_assert_uint_eq(XH_CODE(rig.c->hflags), XH_CODE32);
	ck_assert_int_eq(RIG_TRY(helper_far_jmp(rig.env, SEL_CODE64, 0x5000, 4, 0)),
	                 -1);
	ck_assert_uint_eq(XH_CODE(rig.c->hflags), XH_CODE64);
	/* 64-bit code can't turn paging off, nor PAE */
	ck_assert_int_eq(RIG_TRY(helper_write_cr(rig.env, 0, X86_CR0_PE, 0, 0)),
	                 X86_EXC_GP);
	ck_assert_int_eq(RIG_TRY(helper_write_cr(rig.env, 4, 0, 0, 0)), X86_EXC_GP);
	/* PCID only with CR3[11:0] = 0 */
	ck_assert_int_eq(x86_set_cr4(rig.env, X86_CR4_PAE | X86_CR4_PCIDE), 0);
	ck_assert_int_eq(x86_set_cr3(rig.env, RIG_PT | 5), 0);
	rig.flush_space = 0;
	ck_assert_int_eq(x86_set_cr3(rig.env, RIG_PT | 6 | BIT64(63)), 0);
	ck_assert_uint_eq(rig.flush_space, 0);
	ck_assert_uint_eq(rig.c->cr3, RIG_PT | 6);
	ck_assert_int_eq(x86_set_cr3(rig.env, RIG_PT | 6), 0);
	ck_assert_uint_eq(rig.flush_space, 1);
}
END_TEST

START_TEST(seg_syscall)
{
	rig_up("max");
	rig_long(3);
	rig.c->star = (uint64_t)SEL_CODE64 << 32 | (uint64_t)(SEL_CODE3 | 3) << 48;
	rig.c->lstar = UINT64_C(0xffffffff82000000);
	rig.c->fmask = X86_IF | X86_TF;
	rig.c->eflags |= X86_IF;
	ck_assert_int_eq(RIG_TRY(helper_syscall(rig.env, 0x5002, 0, 0, 0)), -1);
	ck_assert_uint_eq(rig.c->rip, rig.c->lstar);
	ck_assert_uint_eq(rig.c->reg[X86_RCX], 0x5002);
	ck_assert_uint_eq(rig.c->reg[X86_R11], X86_IF | 2);
	ck_assert_uint_eq(x86_cpl(rig.c), 0);
	ck_assert(!(rig.c->eflags & X86_IF));
	ck_assert_uint_eq(rig.c->seg[X86_SS].sel, SEL_CODE64 + 8);
	rig.c->reg[X86_RCX] = BIT64(47);
	ck_assert_int_eq(RIG_TRY(helper_sysret(rig.env, 8, 0, 0, 0)), X86_EXC_GP);
	rig.c->reg[X86_RCX] = 0x5002;
	ck_assert_int_eq(RIG_TRY(helper_sysret(rig.env, 8, 0, 0, 0)), -1);
	ck_assert_uint_eq(x86_cpl(rig.c), 3);
	ck_assert_uint_eq(rig.c->rip, 0x5002);
	ck_assert(rig.c->eflags & X86_IF);
	ck_assert_uint_eq(rig.c->seg[X86_CS].sel, (SEL_CODE3 + 16) | 3);
	ck_assert(x86_code64(rig.c));
	rig.c->efer &= ~(uint64_t)X86_EFER_SCE;
	ck_assert_int_eq(RIG_TRY(helper_syscall(rig.env, 0x5002, 0, 0, 0)), X86_EXC_UD);
}
END_TEST

START_TEST(seg_task_switch)
{
	rig_up("max");
	rig_prot32(0);
	rig_desc(SEL_TSS, RIG_TSS, 0x67, 0x008b);
	rig_desc(SEL_TSS2, RIG_TSS + 0x200, 0x67, 0x0089);
	st_le32(rig_at(RIG_TSS + 0x220), 0x7777);
	st_le32(rig_at(RIG_TSS + 0x224), 2);
	st_le32(rig_at(RIG_TSS + 0x228), 0xabcd); /* EAX */
	st_le32(rig_at(RIG_TSS + 0x238), 0xc000); /* ESP */
	st_le16(rig_at(RIG_TSS + 0x248), SEL_DATA0);
	st_le16(rig_at(RIG_TSS + 0x24c), SEL_CODE0);
	st_le16(rig_at(RIG_TSS + 0x250), SEL_DATA0);
	st_le16(rig_at(RIG_TSS + 0x254), SEL_DATA0);
	ck_assert_int_eq(RIG_TRY(helper_far_call(rig.env, SEL_TSS2, 0, 4, 0x5007)), -1);
	ck_assert_uint_eq(rig.c->rip, 0x7777);
	ck_assert_uint_eq(rig.c->reg[X86_RAX], 0xabcd);
	ck_assert_uint_eq(rig.c->seg[X86_TR].sel, SEL_TSS2);
	ck_assert(rig.c->eflags & X86_NT);
	ck_assert(rig.c->cr0 & X86_CR0_TS);
	ck_assert_uint_eq(ld_le16(rig_at(RIG_TSS + 0x200)), SEL_TSS);
	ck_assert_uint_eq(ld_le32(rig_at(RIG_TSS + 0x20)), 0x5007);
	ck_assert_uint_eq(rig_at(RIG_GDT + SEL_TSS2)[5], 0x8b);
	ck_assert_int_eq(RIG_TRY(helper_iret(rig.env, 4, 0x7778, 0, 0)), -1);
	ck_assert_uint_eq(rig.c->rip, 0x5007);
	ck_assert_uint_eq(rig.c->seg[X86_TR].sel, SEL_TSS);
	ck_assert(!(rig.c->eflags & X86_NT));
	ck_assert_uint_eq(rig_at(RIG_GDT + SEL_TSS2)[5], 0x89);
	/* a task that is busy can't be called */
	ck_assert_int_eq(RIG_TRY(helper_far_call(rig.env, SEL_TSS, 0, 4, 0)),
	                 X86_EXC_GP);
}
END_TEST

START_TEST(io_bitmap)
{
	rig_up("max");
	rig_prot32(3);
	rig.c->seg[X86_TR].limit = 0x67 + 0x20;
	st_le16(rig_at(RIG_TSS + 102), 0x68);
	memset(rig_at(RIG_TSS + 0x68), 0xff, 0x20);
	rig_at(RIG_TSS + 0x68)[0x80 / 8] = 0xfe;
	ck_assert_int_eq(RIG_TRY(helper_in(rig.env, 0x80, 1, 0, 0)), -1);
	ck_assert_int_eq(RIG_TRY(helper_in(rig.env, 0x80, 2, 0, 0)), X86_EXC_GP);
	ck_assert_int_eq(RIG_TRY(helper_in(rig.env, 0x3f8, 1, 0, 0)), X86_EXC_GP);
	rig.c->eflags |= X86_IOPL;
	ck_assert_int_eq(RIG_TRY(helper_in(rig.env, 0x3f8, 1, 0, 0)), -1);
}
END_TEST

START_TEST(flags_lazy)
{
	static const struct {
		uint32_t op;
		uint64_t a, b;
		uint32_t want;
	} t[] = {
		{ CC_OP_ADD, 0x100, 1, X86_CF | X86_ZF | X86_PF | X86_AF }, /* ff + 1 */
		{ CC_OP_ADD | 2 << 8, 0x80000000, 1,
		  X86_OF | X86_SF | X86_PF | X86_AF },
		{ CC_OP_SUB | 3 << 8, 0, 1, X86_CF | X86_SF | X86_PF | X86_AF },
		{ CC_OP_SUB | 1 << 8, 0x8000, 1, X86_OF | X86_PF | X86_AF },
		{ CC_OP_LOGIC | 2 << 8, 0, 0, X86_ZF | X86_PF },
		{ CC_OP_SHL | 0 << 8, 0x80, 0, X86_SF | X86_OF },
		{ CC_OP_FLAGS, X86_CF | X86_OF, 0, X86_CF | X86_OF },
	};

	rig_up("max");
	for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
		rig.c->cc_op = t[i].op;
		rig.c->cc_a = t[i].a;
		rig.c->cc_b = t[i].b;
		ck_assert_msg((x86_get_rflags(rig.c) & X86_ARITH) == t[i].want,
		              "case %u: %llx", i,
		              (unsigned long long)x86_get_rflags(rig.c));
	}
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		walk_none,      walk_32,
		walk_pae,       walk_long,
		walk_la57,      exc_real_mode,
		exc_prot_inner, exc_double_and_triple,
		exc_vm86,       exc_long_mode,
		exc_interrupt,  seg_loads,
		seg_far,        seg_enter_long_mode,
		seg_syscall,    seg_task_switch,
		io_bitmap,      flags_lazy,
	};

	return unit_main(unit_suite("x86sys", tests, ARRAY_LEN(tests)));
}
