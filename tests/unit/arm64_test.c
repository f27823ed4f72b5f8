/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * arm64_test.c - struct arm64_cpu: its state table, page walks over hand-made tables, PSCI;
 * KVM's register tables for it and for the GIC. Nothing here depends on the host.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/cpu/arm64-psci.h"
#include "core/cpu/arm64.h"
#include "core/cpu/fields.h"
#include "core/vm.h"
#include "cputables.h"
#include "kvm/aarch64-regs.h"
#include "unit.h"

static struct arm64_cpu *cpu_new(void)
{
	return tables_cpu_new(sizeof(struct arm64_cpu));
}

/* ---- the struct ---- */

START_TEST(test_fields)
{
	tables_check_fields(&arm64_guest_arch);
}
END_TEST

START_TEST(test_layout)
{
	/* What translated code uses most has short offsets; V registers are dense. */
	ck_assert_uint_lt(offsetof(struct arm64_cpu, pstate), 512);
	ck_assert_uint_lt(offsetof(struct arm64_cpu, v), 1024);
	ck_assert_uint_eq(sizeof(((struct arm64_cpu *)0)->v), 512);
	ck_assert_uint_eq(offsetof(struct arm64_cpu, v) % 16, 0);
}
END_TEST

START_TEST(test_pstate_and_stacks)
{
	struct arm64_cpu *c = cpu_new();

	arm64_set_pstate(c, ARM64_PS_N | ARM64_PS_C | ARM64_PS_I | ARM64_PS_EL1H);
	ck_assert_uint_eq(c->cc_a, ARM64_PS_N | ARM64_PS_C);
	ck_assert_uint_eq(c->pstate & ARM64_PS_NZCV, 0);
	ck_assert_uint_eq(arm64_pstate(c),
	                  ARM64_PS_N | ARM64_PS_C | ARM64_PS_I | ARM64_PS_EL1H);
	ck_assert_uint_eq(arm64_el(c), 1);
	ck_assert_uint_eq(arm64_sp_index(c), 1);
	c->sp = 0x1000;
	arm64_bank_sp(c);
	c->sp_el[0] = 0x2000;
	arm64_set_pstate(c, 4); /* EL1t */
	arm64_unbank_sp(c);
	ck_assert_uint_eq(c->sp, 0x2000);
	ck_assert_uint_eq(c->sp_el[1], 0x1000);
	arm64_set_pstate(c, ARM64_PS_NRW | 3); /* AArch32: SVC mode is no level here */
	ck_assert_uint_eq(arm64_sp_index(c), 0);
	free(c);
}
END_TEST

START_TEST(test_mpidr)
{
	ck_assert_uint_eq(arm64_mpidr_of(0), 0x80000000);
	ck_assert_uint_eq(arm64_mpidr_of(17), 0x80000101);
	ck_assert_uint_eq(arm64_mpidr_of(0x1234), 0x80012304);
}
END_TEST

/* ---- page walks ---- */

static int walk(struct arm64_cpu *c, uint64_t va, struct arm64_xlat *x)
{
	return arm64_walk(c, va, tables_peek, NULL, x);
}

/* TCR: size of each half, granules, IPS 40 bits. */
static uint64_t tcr(unsigned txsz, unsigned tg0, unsigned tg1)
{
	return txsz | (uint64_t)txsz << 16 | (uint64_t)tg0 << 14 | (uint64_t)tg1 << 30 |
	       UINT64_C(2) << 32;
}

START_TEST(test_walk_off)
{
	struct arm64_cpu *c = cpu_new();
	struct arm64_xlat x;

	ck_assert_int_eq(walk(c, 0x12345678, &x), 0);
	ck_assert_uint_eq(x.pa, 0x12345678);
	free(c);
}
END_TEST

START_TEST(test_walk_4k)
{
	struct arm64_cpu *c = cpu_new();
	struct arm64_xlat x;

	tables_clear();
	c->sctlr = ARM64_SCTLR_M;
	c->tcr = tcr(16, 0, 2);
	c->ttbr0 = 0x1000 | UINT64_C(5) << 48; /* with an ASID */
	c->ttbr1 = 0x2000;
	tables_set(0x1000 + 0 * 8, 0x3000 | 3);
	tables_set(0x3000 + 1 * 8, 0x4000 | 3 | UINT64_C(1) << 60);
	tables_set(0x4000 + 2 * 8, 0x5000 | 3 | UINT64_C(1) << 61);
	tables_set(0x5000 + 3 * 8, UINT64_C(0x60000abcd000) | 0x703);
	ck_assert_int_eq(walk(c, 0x40403123, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0x60000abcd123));
	ck_assert_int_eq(x.level, 3);
	ck_assert_uint_eq(x.shift, 12);
	ck_assert_uint_eq(x.table_attrs, 2 | 4); /* bits 60 and 61 */
	/* Blocks of 2 MiB and 1 GiB. */
	tables_set(0x4000 + 4 * 8, 0x80200000 | 1);
	ck_assert_int_eq(walk(c, 0x40000000 + 4 * 0x200000 + 0x1fffff, &x), 0);
	ck_assert_uint_eq(x.pa, 0x803fffff);
	ck_assert_int_eq(x.level, 2);
	tables_set(0x3000 + 2 * 8, UINT64_C(0x140000000) | 1);
	ck_assert_int_eq(walk(c, UINT64_C(0x80000000) + 0x12345, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0x140012345));
	ck_assert_uint_eq(x.shift, 30);
	/* No block at level 0; bit 1 clear at level 3; nothing there. */
	tables_set(0x1000 + 1 * 8, 0x3000 | 1);
	ck_assert_int_eq(walk(c, UINT64_C(1) << 39, &x), -EFAULT);
	tables_set(0x5000 + 4 * 8, 0x7000 | 1);
	ck_assert_int_eq(walk(c, 0x40404000, &x), -EFAULT);
	ck_assert_int_eq(walk(c, 0x40405000, &x), -EFAULT);
	/* The upper half; the hole between; tags when they are ignored. */
	tables_set(0x2000 + 511 * 8, 0x3000 | 3);
	ck_assert_int_eq(walk(c, UINT64_C(0xffffff8040403456), &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0x60000abcd456));
	ck_assert_int_eq(walk(c, UINT64_C(0x0001000040403456), &x), -EFAULT);
	ck_assert_int_eq(walk(c, UINT64_C(0x5a00000040403456), &x), -EFAULT);
	c->tcr |= ARM64_TCR_TBI0;
	ck_assert_int_eq(walk(c, UINT64_C(0x5a00000040403456), &x), 0);
	ck_assert_int_eq(walk(c, UINT64_C(0x5a01000040403456), &x), -EFAULT);
	/* Walks switched off for one half. */
	c->tcr |= ARM64_TCR_EPD1;
	ck_assert_int_eq(walk(c, UINT64_C(0xffffff8040403456), &x), -EFAULT);
	free(c);
}
END_TEST

/* 39-bit addresses begin at level 1, and 25 is what Linux calls VA_BITS=39. */
START_TEST(test_walk_short)
{
	struct arm64_cpu *c = cpu_new();
	struct arm64_xlat x;

	tables_clear();
	c->sctlr = ARM64_SCTLR_M;
	c->tcr = tcr(25, 0, 2);
	c->ttbr0 = 0x1000;
	tables_set(0x1000 + 1 * 8, UINT64_C(0x80000000) | 1);
	ck_assert_int_eq(walk(c, 0x40000042, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0x80000042));
	ck_assert_int_eq(walk(c, UINT64_C(1) << 39, &x), -EFAULT);
	/* A table of two entries need only be aligned to its own size (64 bytes with wide
	 * addresses): 4 KiB granule, 31 bits, level 1. */
	c->tcr = tcr(33, 0, 2);
	c->ttbr0 = 0x1010;
	tables_set(0x1010 + 8, 0x40000000 | 1);
	ck_assert_int_eq(walk(c, 0x40000007, &x), 0);
	ck_assert_uint_eq(x.pa, 0x40000007);
	free(c);
}
END_TEST

START_TEST(test_walk_16k_64k)
{
	struct arm64_cpu *c = cpu_new();
	struct arm64_xlat x;

	tables_clear();
	c->sctlr = ARM64_SCTLR_M;
	/* 16 KiB, 47 bits: level 1; a block at level 2 has 32 MiB. */
	c->tcr = tcr(17, 2, 1);
	c->ttbr0 = 0x4000;
	tables_set(0x4000 + 0 * 8, 0x8000 | 3);
	tables_set(0x8000 + 1 * 8, 0x6000000 | 1);
	tables_set(0x8000 + 2 * 8, 0xc000 | 3);
	tables_set(0xc000 + 5 * 8, 0x9994000 | 3);
	ck_assert_int_eq(walk(c, 0x2000000 + 0x1234, &x), 0);
	ck_assert_uint_eq(x.pa, 0x6001234);
	ck_assert_uint_eq(x.shift, 25);
	ck_assert_int_eq(walk(c, 0x4000000 + 5 * 0x4000 + 0x3fff, &x), 0);
	ck_assert_uint_eq(x.pa, 0x9997fff);
	ck_assert_uint_eq(x.shift, 14);
	/* 64 KiB, 48 bits: level 1; blocks of 512 MiB at level 2 only. */
	tables_clear();
	c->tcr = tcr(16, 1, 3);
	c->ttbr0 = 0x10000;
	tables_set(0x10000 + 0 * 8, 0x20000 | 3);
	tables_set(0x20000 + 1 * 8, 0x40000000 | 1);
	tables_set(0x20000 + 2 * 8, 0x10000 | 3); /* as level 3 table */
	ck_assert_int_eq(walk(c, 0x20000000 + 0x12345, &x), 0);
	ck_assert_uint_eq(x.pa, 0x40012345);
	ck_assert_uint_eq(x.shift, 29);
	tables_set(0x10000 + 1 * 8, 0xff0000 | 3);
	ck_assert_int_eq(walk(c, 0x40000000 + 0x1abcd, &x), 0);
	ck_assert_uint_eq(x.pa, 0xffabcd);
	tables_set(0x10000 + 2 * 8, 0x40000 | 1); /* a block at level 1 */
	ck_assert_int_eq(walk(c, UINT64_C(2) << 42, &x), -EFAULT);
	/* 52-bit physical addresses: bits 51..48 in the descriptor's 15..12. */
	c->tcr = (c->tcr & ~(UINT64_C(7) << 32)) | UINT64_C(6) << 32;
	tables_set(0x10000 + 1 * 8, 0xff0000 | 0xa000 | 3);
	ck_assert_int_eq(walk(c, 0x40000000 + 0x1abcd, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0xa000000ffabcd));
	free(c);
}
END_TEST

/* FEAT_LPA2: 4 KiB granule, 52-bit addresses begin at level -1. */
START_TEST(test_walk_lpa2)
{
	struct arm64_cpu *c = cpu_new();
	struct arm64_xlat x;

	tables_clear();
	c->sctlr = ARM64_SCTLR_M;
	c->tcr = tcr(12, 0, 2) | ARM64_TCR_DS;
	c->ttbr0 = 0x1000;
	tables_set(0x1000 + 1 * 8, 0x2000 | 3);
	tables_set(0x2000 + 0 * 8, 0x3000 | 3);
	tables_set(0x3000 + 0 * 8, 0x4000 | 3);
	tables_set(0x4000 + 0 * 8, 0x5000 | 3);
	/* Output bits 49..48 where they are, 51..50 in bits 9..8. */
	tables_set(0x5000 + 1 * 8, UINT64_C(0x0001000000777000) | 2u << 8 | 3);
	ck_assert_int_eq(walk(c, (UINT64_C(1) << 48) + 0x1fff, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0x0009000000777fff));
	/* Without the feature the size is out of range. */
	c->tcr &= ~ARM64_TCR_DS;
	ck_assert_int_eq(walk(c, (UINT64_C(1) << 48) + 0x1fff, &x), -EFAULT);
	free(c);
}
END_TEST

START_TEST(test_walk_hostile)
{
	struct arm64_cpu *c = cpu_new();
	struct arm64_xlat x;
	uint64_t seed = 88172645463325252;

	/* Any control register: an answer, no endless loop, no read outside `peek`. */
	tables_clear();
	c->sctlr = ARM64_SCTLR_M;
	for (unsigned i = 0; i < 200000; i++) {
		tables_random(&seed);
		c->tcr = seed;
		c->ttbr0 = c->ttbr1 = seed * 3;
		tables_fill = seed | 3;
		(void)walk(c, seed * 5, &x);
	}
	tables_fill = 0;
	/* Tables in big-endian order. */
	tables_clear();
	c->sctlr |= ARM64_SCTLR_EE;
	c->tcr = tcr(25, 0, 2);
	c->ttbr0 = 0x1000;
	tables_set(0x1000, __builtin_bswap64(UINT64_C(0x80000000) | 1));
	ck_assert_int_eq(walk(c, 0x42, &x), 0);
	ck_assert_uint_eq(x.pa, UINT64_C(0x80000042));
	free(c);
}
END_TEST

/* ---- PSCI ---- */

START_TEST(test_psci_decode)
{
	const uint64_t x[3] = { UINT64_C(0x100000001), UINT64_C(0xffff000080000000),
		                7 };
	struct arm64_psci_call k = arm64_psci_decode(0xc4000003, x);

	ck_assert_int_eq(k.op, PSCI_CPU_ON);
	ck_assert_uint_eq(k.arg[1], x[1]);
	k = arm64_psci_decode(0x84000003, x); /* 32-bit convention */
	ck_assert_int_eq(k.op, PSCI_CPU_ON);
	ck_assert_uint_eq(k.arg[0], 1);
	ck_assert_uint_eq(k.arg[1], 0x80000000);
	ck_assert_int_eq(arm64_psci_decode(0x84000000, x).op, PSCI_VERSION);
	ck_assert_int_eq(arm64_psci_decode(0xc4000000, x).op,
	                 PSCI_UNKNOWN); /* 32-bit only */
	ck_assert_int_eq(arm64_psci_decode(0x84000008, x).op, PSCI_SYSTEM_OFF);
	ck_assert_int_eq(arm64_psci_decode(0x84000009, x).op, PSCI_SYSTEM_RESET);
	ck_assert_int_eq(arm64_psci_decode(0xc4000012, x).op, PSCI_SYSTEM_RESET2);
	ck_assert_int_eq(arm64_psci_decode(0x80000000, x).op, PSCI_SMCCC_VERSION);
	ck_assert_int_eq(arm64_psci_decode(0x84000005, x).op, PSCI_UNKNOWN);
	ck_assert_int_eq(arm64_psci_decode(0xdeadbeef, x).op, PSCI_UNKNOWN);
}
END_TEST

static int64_t call(struct arm64_cpu *c, uint32_t fn, uint64_t a, uint64_t b,
                    uint64_t d, enum arm64_psci_then want)
{
	c->x[0] = fn;
	c->x[1] = a;
	c->x[2] = b;
	c->x[3] = d;
	ck_assert_int_eq(arm64_psci(c), want);
	return (int64_t)c->x[0];
}

START_TEST(test_psci_power)
{
	static const struct hv_ops hv = { .name = "test" };
	struct vm *vm = vm_new(&arm64_guest_arch, &hv);
	struct err e = ERR_INIT;
	struct arm64_cpu *c[2];

	for (unsigned i = 0; i < 2; i++) {
		struct vcpu *v;

		ck_assert_int_eq(vm_add_vcpu(vm, &v, &e), 0);
		c[i] = v->arch;
		ck_assert_int_eq(arm64_guest_arch.set_model(v, NULL, &e), 0);
		arm64_guest_arch.reset(v);
	}
	ck_assert_uint_eq(c[0]->power, ARM64_ON);
	ck_assert_uint_eq(c[1]->power, ARM64_OFF);
	ck_assert(c[1]->vcpu->halted);
	ck_assert(!arm64_guest_arch.has_work(c[1]->vcpu));
	ck_assert_int_eq(call(c[0], 0x84000000, 0, 0, 0, PSCI_GO_ON), 0x10001);
	ck_assert_int_eq(call(c[0], 0x8400000a, 0xc4000003, 0, 0, PSCI_GO_ON), 0);
	ck_assert_int_eq(call(c[0], 0x8400000a, 0x1234, 0, 0, PSCI_GO_ON), -1);
	ck_assert_int_eq(call(c[0], 0xc4000004, 1, 0, 0, PSCI_GO_ON), ARM64_OFF);
	ck_assert_int_eq(call(c[0], 0xc4000003, 9, 0x4000, 1, PSCI_GO_ON), -2);
	ck_assert_int_eq(call(c[0], 0xc4000003, 0, 0x4000, 1, PSCI_GO_ON), -4);
	ck_assert_int_eq(call(c[0], 0xc4000003, 1, 0x4000, 0x55, PSCI_GO_ON), 0);
	ck_assert_int_eq(call(c[0], 0xc4000003, 1, 0x8000, 0x66, PSCI_GO_ON), -5);
	ck_assert_int_eq(call(c[0], 0xc4000004, 1, 0, 0, PSCI_GO_ON), ARM64_ON_PENDING);
	/* The other side. */
	ck_assert(arm64_guest_arch.has_work(c[1]->vcpu));
	ck_assert(arm64_power_up(c[1]));
	ck_assert_uint_eq(c[1]->pc, 0x4000);
	ck_assert_uint_eq(c[1]->x[0], 0x55);
	ck_assert_uint_eq(arm64_el(c[1]), 1);
	ck_assert(!c[1]->vcpu->halted);
	ck_assert(!arm64_guest_arch.has_work(c[1]->vcpu));
	vcpu_request(c[1]->vcpu, ARM64_REQ_IRQ);
	ck_assert(arm64_guest_arch.has_work(c[1]->vcpu)); /* masked or not */
	ck_assert_int_eq(call(c[1], 0x84000001, 0, 0, 0, PSCI_WAIT), 0);
	(void)call(c[1], 0x84000002, 0, 0, 0, PSCI_GONE);
	ck_assert_uint_eq(c[1]->power, ARM64_OFF);
	ck_assert_int_eq(call(c[0], 0x12345678, 0, 0, 0, PSCI_GO_ON), -1);
	vm_free(vm);
}
END_TEST

/* ---- KVM's tables ---- */

START_TEST(test_kvm_regs)
{
	tables_check_regs(a64_regs, a64_n_regs, ONE_REG_ARM64, sizeof(struct arm64_cpu),
	                  sizeof(struct a64_view));
	/* Three that are known from elsewhere. */
	ck_assert_uint_eq(A64_SYSREG(3, 0, 1, 0, 0), UINT64_C(0x603000000013c080));
	ck_assert_uint_eq(A64_CORE(ONE_REG_U64, 256), UINT64_C(0x6030000000100040));
	ck_assert_uint_eq(A64_TIMER_CNT, UINT64_C(0x603000000013df1a));
	ck_assert_uint_eq(
		one_reg_find(a64_regs, a64_n_regs, UINT64_C(0x603000000013c080))->off,
		offsetof(struct arm64_cpu, sctlr));
	ck_assert_ptr_null(
		one_reg_find(a64_regs, a64_n_regs, UINT64_C(0x603000000013ffff)));
}
END_TEST

START_TEST(test_kvm_view)
{
	struct arm64_cpu *c = cpu_new(), *d = cpu_new();
	struct a64_view *w = calloc(1, sizeof(*w));

	ck_assert_ptr_nonnull(w);
	c->sve_vq = d->sve_vq = 4;
	arm64_set_pstate(c, ARM64_PS_Z | ARM64_PS_EL1H);
	c->sp = 0xabc0;
	c->v[3].d[1] = 0x1122334455667788;
	c->sve.z_hi[3][0] = 0x99;
	c->sve.z_hi[31][ARM64_SVE_HI - 1] = 0x77;
	a64_to_view(c, w);
	ck_assert_uint_eq(w->z[3][15], 0x11);
	ck_assert_uint_eq(w->z[3][16], 0x99);
	ck_assert_uint_eq(w->z[31][255], 0x77);
	memcpy(d->sp_el, c->sp_el, sizeof(d->sp_el)); /* the table moves these */
	a64_from_view(d, w);
	ck_assert_uint_eq(arm64_pstate(d), ARM64_PS_Z | ARM64_PS_EL1H);
	ck_assert_uint_eq(d->sp, 0xabc0);
	ck_assert_mem_eq(d->v, c->v, sizeof(c->v));
	ck_assert_mem_eq(&d->sve, &c->sve, sizeof(c->sve));
	free(w);
	free(d);
	free(c);
}
END_TEST

static void gic_check(const struct gic_reg *r, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		ck_assert_uint_eq(
			r[i].attr & 3 & -(uint64_t)(r[i].group != GIC_GRP_SYSREGS), 0);
		for (unsigned k = 0; k < i; k++) {
			ck_assert_msg(r[i].group != r[k].group ||
			                      r[i].attr != r[k].attr,
			              "register %u:%llx twice", r[i].group,
			              (unsigned long long)r[i].attr);
		}
	}
}

START_TEST(test_gic_lists)
{
	const uint64_t mpidr[2] = { 0x80000000, UINT64_C(0x0100000080010203) };
	unsigned n = gic_v3_list(96, mpidr, 2, NULL, 0);
	struct gic_reg *r = calloc(n, sizeof(*r));
	bool seen = false;

	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(gic_v3_list(96, mpidr, 2, r, n), n);
	gic_check(r, n);
	ck_assert_uint_eq(r[0].attr, 8); /* IIDR first */
	for (unsigned i = 0; i < n; i++) {
		if (r[i].group == GIC_GRP_REDIST && (uint32_t)r[i].attr == 0x10100) {
			seen |= r[i].attr >> 32 == 0x00010203;
			ck_assert(r[i].has_clear);
			ck_assert_uint_eq((uint32_t)r[i].clear, 0x10180);
		}
		if (r[i].group == GIC_GRP_DIST) {
			ck_assert_uint_lt(r[i].attr, 0x6000 + 8 * 96);
		}
	}
	ck_assert(seen);
	ck_assert_uint_eq(gic_affinity(UINT64_C(0x0500000080010203)),
	                  UINT64_C(0x0001020300000000));
	ck_assert_uint_eq(gic_affinity(UINT64_C(0x0000000580010203)),
	                  UINT64_C(0x0501020300000000));
	free(r);
	n = gic_v2_list(64, 2, NULL, 0);
	r = calloc(n, sizeof(*r));
	ck_assert_ptr_nonnull(r);
	ck_assert_uint_eq(gic_v2_list(64, 2, r, n), n);
	gic_check(r, n);
	free(r);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_fields,       test_layout,       test_pstate_and_stacks,
		test_mpidr,        test_walk_off,     test_walk_4k,
		test_walk_short,   test_walk_16k_64k, test_walk_lpa2,
		test_walk_hostile, test_psci_decode,  test_psci_power,
		test_kvm_regs,     test_kvm_view,     test_gic_lists,
	};

	return unit_main(unit_suite("arm64", tests, ARRAY_LEN(tests)));
}
