/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riscv64_test.c - struct riscv64_cpu: its state table, page walks over hand-made tables,
 * SBI calls; KVM's register tables for it and for the AIA. Nothing here depends on the host.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/riscv64-sbi.h"
#include "core/cpu/riscv64.h"
#include "core/vm.h"
#include "cputables.h"
#include "kvm/riscv64-regs.h"
#include "unit.h"

enum { R = 2, W = 4, X = 8, V = 1 };

static struct riscv64_cpu *cpu_new(void)
{
	return tables_cpu_new(sizeof(struct riscv64_cpu));
}

/* ---- the struct ---- */

START_TEST(test_fields)
{
	tables_check_fields(&riscv64_guest_arch);
}
END_TEST

START_TEST(test_views)
{
	struct riscv64_cpu *c = cpu_new();

	c->mstatus = RISCV64_MSTATUS_MPP | RISCV64_MSTATUS_MIE;
	riscv64_set_sstatus(c, ~UINT64_C(0));
	ck_assert_uint_eq(riscv64_sstatus(c), RISCV64_SSTATUS);
	ck_assert_uint_eq(c->mstatus,
	                  RISCV64_SSTATUS | RISCV64_MSTATUS_MPP | RISCV64_MSTATUS_MIE);
	riscv64_set_sstatus(c, 0);
	ck_assert_uint_eq(c->mstatus, RISCV64_MSTATUS_MPP | RISCV64_MSTATUS_MIE);
	c->mideleg = RISCV64_IP_S;
	c->mie = RISCV64_IP_MTIP;
	riscv64_set_sie(c, ~UINT64_C(0));
	ck_assert_uint_eq(riscv64_sie(c), RISCV64_IP_S);
	ck_assert_uint_eq(c->mie, RISCV64_IP_S | RISCV64_IP_MTIP);
	free(c);
}
END_TEST

/* ---- page walks ---- */

static uint64_t pte(uint64_t pa, unsigned flags)
{
	return pa >> 12 << 10 | flags;
}

static int walk(struct riscv64_cpu *c, uint64_t va, struct riscv64_xlat *x)
{
	return riscv64_walk(c, va, tables_peek, NULL, x);
}

START_TEST(test_walk_sv39)
{
	struct riscv64_cpu *c = cpu_new();
	struct riscv64_xlat x;

	tables_clear();
	ck_assert_int_eq(walk(c, 0x1234567890, &x), 0); /* bare */
	ck_assert_uint_eq(x.pa, 0x1234567890);
	c->satp =
		UINT64_C(8) << 60 | UINT64_C(3) << 44 | 1; /* an ASID, table at 1000h */
	tables_set(0x1000 + 1 * 8, pte(0x2000, V));
	tables_set(0x2000 + 2 * 8, pte(0x3000, V));
	tables_set(0x3000 + 3 * 8, pte(UINT64_C(0xabcdef012000), V | R | W | 0xc0));
	ck_assert_int_eq(walk(c, 0x40403123, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0xabcdef012123));
	ck_assert_uint_eq(x.shift, 12);
	/* Superpages; one whose address is not a multiple of its size. */
	tables_set(0x2000 + 4 * 8, pte(0x80200000, V | R | X));
	ck_assert_int_eq(walk(c, 0x40800000 + 0x1fffff, &x), 0);
	ck_assert_uint_eq(x.pa, 0x803fffff);
	ck_assert_uint_eq(x.shift, 21);
	tables_set(0x1000 + 2 * 8, pte(0x40000000, V | X));
	ck_assert_int_eq(walk(c, UINT64_C(0x80012345), &x), 0);
	ck_assert_uint_eq(x.pa, 0x40012345);
	tables_set(0x2000 + 5 * 8, pte(0x80201000, V | R));
	ck_assert_int_eq(walk(c, 0x40a00000, &x), -EFAULT);
	/* Write without read; reserved bits; not valid; a pointer at the last level. */
	tables_set(0x3000 + 4 * 8, pte(0x5000, V | W));
	ck_assert_int_eq(walk(c, 0x40404000, &x), -EFAULT);
	tables_set(0x3000 + 4 * 8, pte(0x5000, V | R) | UINT64_C(1) << 54);
	ck_assert_int_eq(walk(c, 0x40404000, &x), -EFAULT);
	tables_set(0x3000 + 4 * 8, pte(0x5000, R));
	ck_assert_int_eq(walk(c, 0x40404000, &x), -EFAULT);
	tables_set(0x3000 + 4 * 8, pte(0x5000, V));
	ck_assert_int_eq(walk(c, 0x40404000, &x), -EFAULT);
	/* The upper half and the hole. */
	tables_set(0x1000 + 511 * 8, pte(0x40000000, V | R));
	ck_assert_int_eq(walk(c, UINT64_C(0xffffffffc0000007), &x), 0);
	ck_assert_uint_eq(x.pa, 0x40000007);
	ck_assert_int_eq(walk(c, UINT64_C(0x0000004000000000), &x), -EFAULT);
	/* Page-based memory types are no part of the address; in pointers they are illegal. */
	tables_set(0x3000 + 5 * 8, pte(0x6000, V | R) | UINT64_C(2) << 61);
	ck_assert_int_eq(walk(c, 0x40405008, &x), 0);
	ck_assert_uint_eq(x.pa, 0x6008);
	tables_set(0x2000 + 2 * 8, pte(0x3000, V) | UINT64_C(2) << 61);
	ck_assert_int_eq(walk(c, 0x40405008, &x), -EFAULT);
	free(c);
}
END_TEST

START_TEST(test_walk_napot)
{
	struct riscv64_cpu *c = cpu_new();
	struct riscv64_xlat x;

	tables_clear();
	c->satp = UINT64_C(8) << 60 | 1;
	tables_set(0x1000, pte(0x2000, V));
	tables_set(0x2000, pte(0x3000, V));
	for (unsigned i = 0; i < 16; i++) {
		tables_set(0x3000 + i * 8, pte(0x80048000, V | R) | UINT64_C(1) << 63);
	}
	ck_assert_int_eq(walk(c, 0x9abc, &x), 0);
	ck_assert_uint_eq(x.pa, 0x80049abc);
	ck_assert_uint_eq(x.shift, 16);
	tables_set(0x3000 + 9 * 8,
	           pte(0x80044000, V | R) | UINT64_C(1) << 63); /* reserved */
	ck_assert_int_eq(walk(c, 0x9abc, &x), -EFAULT);
	free(c);
}
END_TEST

START_TEST(test_walk_sv48_sv57)
{
	struct riscv64_cpu *c = cpu_new();
	struct riscv64_xlat x;

	tables_clear();
	c->satp = UINT64_C(9) << 60 | 1;
	tables_set(0x1000 + 3 * 8, pte(UINT64_C(0x8000000000), V | R));
	ck_assert_int_eq(walk(c, (UINT64_C(3) << 39) + 5, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0x8000000005));
	ck_assert_uint_eq(x.shift, 39);
	ck_assert_int_eq(walk(c, UINT64_C(1) << 47, &x), -EFAULT);
	c->satp = UINT64_C(10) << 60 | 1;
	tables_set(0x1000 + 511 * 8, pte(0x1000, V));
	ck_assert_int_eq(
		walk(c, UINT64_C(0xffff000000000000) + (UINT64_C(3) << 39) + 5, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0x8000000005));
	c->satp = UINT64_C(11) << 60 | 1; /* reserved mode */
	ck_assert_int_eq(walk(c, 0, &x), -EFAULT);
	free(c);
}
END_TEST

START_TEST(test_walk_hostile)
{
	struct riscv64_cpu *c = cpu_new();
	struct riscv64_xlat x;
	uint64_t seed = 88172645463325252;

	for (unsigned i = 0; i < 200000; i++) {
		tables_random(&seed);
		c->satp = seed;
		tables_fill = (seed & ~UINT64_C(0xffc000000000000e)) | 1;
		(void)walk(c, (uint64_t)((int64_t)(seed << 25) >> 25), &x);
	}
	tables_fill = 0;
	free(c);
}
END_TEST

/* ---- SBI ---- */

static char con_out[64];
static unsigned con_n;

static void con_write(void *arg, const void *buf, unsigned len)
{
	(void)arg;
	ck_assert_uint_le(con_n + len, sizeof(con_out));
	memcpy(con_out + con_n, buf, len);
	con_n += len;
}

static unsigned con_read(void *arg, void *buf, unsigned len)
{
	static const char in[] = "xyz";
	unsigned *at = arg, n = MIN(len, 3 - *at);

	memcpy(buf, in + *at, n);
	*at += n;
	return n;
}

static struct riscv64_sbi_result sbi(struct riscv64_cpu *c, uint64_t ext, uint64_t fn,
                                     uint64_t a, uint64_t b, uint64_t d)
{
	const uint64_t arg[6] = { a, b, d };

	return riscv64_sbi(c, ext, fn, arg);
}

START_TEST(test_sbi)
{
	static const struct hv_ops hv = { .name = "test" };
	static const struct riscv64_sbi_console con = { con_write, con_read };
	const uint64_t dbcn = 0x4442434e;
	struct vm *vm = vm_new(&riscv64_guest_arch, &hv);
	struct ram_config cfg = { .size = 0x10000 };
	struct err e = ERR_INIT;
	struct ram_block *ram = ram_block_new("ram", &cfg, &e);
	struct riscv64_cpu *c;
	struct vcpu *v;
	unsigned at = 0;
	struct mr mr;

	ck_assert_ptr_nonnull(ram);
	mr_init_ram(&mr, "ram", ram);
	mr_add(&vm->mem_root, 0x80000000, &mr, 0);
	ck_assert_int_eq(vm_add_vcpu(vm, &v, &e), 0);
	c = v->arch;
	ck_assert_int_eq(riscv64_guest_arch.set_model(v, NULL, &e), 0);
	riscv64_guest_arch.reset(v);
	ck_assert_uint_eq(c->priv, RISCV64_M);
	c->console = &con;
	c->console_arg = &at;
	ck_assert_int_eq(sbi(c, 1, 0, 'A', 77, 0).a0, 0);
	ck_assert_int_eq(sbi(c, 1, 0, 'B', 77, 0).a1, 77); /* legacy: a1 survives */
	ck_assert_int_eq(sbi(c, 2, 0, 0, 0, 0).a0, 'x');
	memcpy(ram->host + 0x100, "hello", 5);
	ck_assert_int_eq(sbi(c, dbcn, 0, 5, 0x80000100, 0).a1, 5);
	ck_assert_int_eq(sbi(c, dbcn, 2, '!', 0, 0).a0, 0);
	ck_assert_uint_eq(con_n, 8);
	ck_assert_mem_eq(con_out, "ABhello!", 8);
	ck_assert_int_eq(sbi(c, dbcn, 1, 100, 0x80000200, 0).a1, 2);
	ck_assert_mem_eq(ram->host + 0x200, "yz", 2);
	ck_assert_int_eq(sbi(c, 2, 0, 0, 0, 0).a0, -1);
	/* Addresses that are not RAM, wrap, or have a high half; unknown calls. */
	ck_assert_int_eq(sbi(c, dbcn, 0, 5, 0x1000, 0).a0, SBI_ERR_INVALID_PARAM);
	ck_assert_int_eq(sbi(c, dbcn, 0, 50, ~UINT64_C(0) - 5, 0).a0,
	                 SBI_ERR_INVALID_PARAM);
	ck_assert_int_eq(sbi(c, dbcn, 0, 5, 0x80000100, 1).a0, SBI_ERR_INVALID_PARAM);
	ck_assert_int_eq(sbi(c, dbcn, 3, 0, 0, 0).a0, SBI_ERR_NOT_SUPPORTED);
	ck_assert_int_eq(sbi(c, 0x53525354, 0, 9, 0, 0).a0, SBI_ERR_INVALID_PARAM);
	ck_assert_int_eq(sbi(c, 0x735049, 0, 0, 0, 0).a0, SBI_ERR_NOT_SUPPORTED);
	ck_assert_int_eq(riscv64_sbi_decode(0x53525354, 0), SBI_RESET);
	ck_assert_int_eq(riscv64_sbi_decode(8, 0), SBI_SHUTDOWN);
	/* Under KVM the guest begins in supervisor mode, and later harts wait. */
	c->no_machine = true;
	riscv64_guest_arch.reset(v);
	ck_assert_uint_eq(c->priv, RISCV64_S);
	ck_assert_uint_eq(c->mideleg, RISCV64_IP_S);
	ck_assert_uint_eq(c->hart_state, RISCV64_STARTED);
	ck_assert(!riscv64_guest_arch.has_work(v));
	c->mie = RISCV64_IP_SEIP;
	atomic_store(&c->ext_irq, true);
	ck_assert(riscv64_guest_arch.has_work(v));
	mr_del(&mr);
	vm_free(vm);
	ram_block_free(ram);
}
END_TEST

/* ---- KVM's tables ---- */

START_TEST(test_kvm_regs)
{
	const struct one_reg *r;

	tables_check_regs(rv_regs, rv_n_regs, ONE_REG_RISCV, sizeof(struct riscv64_cpu),
	                  sizeof(struct rv_view));
	/* pc, sstatus; a vector register of 256 bits: KVM names the size. */
	r = one_reg_find(rv_regs, rv_n_regs, UINT64_C(0x8030000002000000));
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->off, offsetof(struct riscv64_cpu, pc));
	r = one_reg_find(rv_regs, rv_n_regs, UINT64_C(0x8030000003000000));
	ck_assert_ptr_nonnull(r);
	ck_assert(r->how & ONE_REG_VIEW);
	r = one_reg_find(rv_regs, rv_n_regs, UINT64_C(0x8050000009000000) | 7);
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(r->off, offsetof(struct riscv64_cpu, v[1]));
}
END_TEST

START_TEST(test_kvm_view)
{
	struct riscv64_cpu *c = cpu_new(), *d = cpu_new();
	struct rv_view w = { 0 };

	c->mideleg = d->mideleg = RISCV64_IP_S;
	c->priv = RISCV64_S;
	c->frm = 3;
	c->fflags = 0x11;
	c->timer_on = true;
	riscv64_set_sstatus(c, RISCV64_MSTATUS_SIE | RISCV64_MSTATUS_FS);
	riscv64_set_sie(c, RISCV64_IP_STIP);
	atomic_store(&c->mip, RISCV64_IP_SSIP | RISCV64_IP_MTIP);
	rv_to_view(c, &w);
	ck_assert_uint_eq(w.fcsr, 0x71);
	ck_assert_uint_eq(w.sip, RISCV64_IP_SSIP);
	rv_from_view(d, &w);
	ck_assert_uint_eq(d->priv, RISCV64_S);
	ck_assert_uint_eq(d->frm, 3);
	ck_assert_uint_eq(d->fflags, 0x11);
	ck_assert(d->timer_on);
	ck_assert_uint_eq(d->mie, RISCV64_IP_STIP);
	ck_assert_uint_eq(riscv64_sstatus(d), riscv64_sstatus(c));
	free(d);
	free(c);
}
END_TEST

START_TEST(test_aia_list)
{
	unsigned n = aia_reset_list(96, 255, 4, NULL, 0);
	struct aia_reg *r = calloc(n, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(aia_reset_list(96, 255, 4, r, n), n);
	for (unsigned i = 0; i < n; i++) {
		ck_assert(r[i].group == AIA_GRP_IMSIC || r[i].attr < 0x4000);
		ck_assert(r[i].group != AIA_GRP_IMSIC || (r[i].attr & 0xfff) <= 0xff);
		for (unsigned k = 0; k < i; k++) {
			ck_assert_msg(r[i].group != r[k].group ||
			                      r[i].attr != r[k].attr,
			              "register %u:%llx twice", r[i].group,
			              (unsigned long long)r[i].attr);
		}
	}
	free(r);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_fields,         test_views,        test_walk_sv39, test_walk_napot,
		test_walk_sv48_sv57, test_walk_hostile, test_sbi,       test_kvm_regs,
		test_kvm_view,       test_aia_list,
	};

	return unit_main(unit_suite("riscv64", tests, ARRAY_LEN(tests)));
}
