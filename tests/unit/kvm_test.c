/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvm_test.c - the parts of kvm/ that need no /dev/kvm: memory slots planned from a
 * flat map, segments and the XSAVE image there and back.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "core/gmem.h"
#include "kvm/x86.h"
#include "unit.h"

static struct flat *flat_of(unsigned n)
{
	struct flat *f = calloc(1, sizeof(*f) + n * sizeof(f->r[0]));

	ck_assert_ptr_nonnull(f);
	f->n = n;
	return f;
}

START_TEST(test_plan_joins_and_skips)
{
	static uint8_t ram[0x10000] __aligned_to(4096);
	struct flat *f = flat_of(6);
	struct kvm_slot s[4];

	f->r[0] = (struct flat_range){ .start = 0, .size = 0x4000, .host = ram };
	f->r[1] = (struct flat_range){ .start = 0x4000,
		                       .size = 0x1000,
		                       .host = ram + 0x4000 };
	f->r[2] =
		(struct flat_range){ .start = 0x5000, .size = 0x1000 }; /* registers */
	f->r[3] = (struct flat_range){
		.start = 0x6000, .size = 0x1000, .host = ram + 0x6000, .readonly = true
	};
	/* Half a page is no slot; the whole page in the middle of the next one is. */
	f->r[4] = (struct flat_range){ .start = 0x7000,
		                       .size = 0x800,
		                       .host = ram + 0x7000 };
	f->r[5] = (struct flat_range){ .start = 0x8800,
		                       .size = 0x2000,
		                       .host = ram + 0x8800 };
	for (unsigned i = 0; i < f->n; i++) {
		f->r[i].ram_off = 0x200000 + f->r[i].start;
	}
	ck_assert_uint_eq(kvm_mem_plan(f, true, s, 4), 3);
	ck_assert_uint_eq(s[0].start, 0);
	ck_assert_uint_eq(s[0].size, 0x5000);
	ck_assert_uint_eq(s[1].flags, KVM_MEM_READONLY);
	ck_assert_uint_eq(s[2].start, 0x9000);
	ck_assert_uint_eq(s[2].size, 0x1000);
	ck_assert_ptr_eq(s[2].host, ram + 0x9000);
	ck_assert_uint_eq(s[2].ram_off, 0x209000);
	/* Neighbours by chance, from different blocks of RAM, are two slots. */
	f->r[1].ram_off = 0x800000;
	ck_assert_uint_eq(kvm_mem_plan(f, true, s, 4), 4);
	f->r[1].ram_off = 0x204000;
	/* Without read-only slots a ROM is served by exits. */
	ck_assert_uint_eq(kvm_mem_plan(f, false, s, 4), 2);
	/* Too many: the number says so, and nothing is written past the end. */
	ck_assert_uint_eq(kvm_mem_plan(f, true, s, 1), 3);
	free(f);
}
END_TEST

START_TEST(test_segments_round_trip)
{
	struct x86_seg in = { .base = 0x12345678,
		              .limit = 0xfffff,
		              .sel = 0x33,
		              .attr = 0xb | X86_SEG_S | 3u << 5 | X86_SEG_P |
		                      X86_SEG_L | X86_SEG_G },
		       out;
	struct kvm_segment k;

	kvm_x86_seg_push(&k, &in);
	ck_assert_uint_eq(k.dpl, 3);
	ck_assert_uint_eq(k.l, 1);
	ck_assert_uint_eq(k.unusable, 0);
	kvm_x86_seg_pull(&out, &k);
	ck_assert_uint_eq(in.base, out.base);
	ck_assert_uint_eq(in.limit, out.limit);
	ck_assert_uint_eq(in.attr, out.attr);
	ck_assert_uint_eq(in.sel, out.sel);
	/* A null SS keeps its privilege level. */
	k = (struct kvm_segment){ .unusable = 1, .dpl = 3 };
	kvm_x86_seg_pull(&out, &k);
	ck_assert_uint_eq(X86_SEG_DPL(out.attr), 3);
	ck_assert(!(out.attr & X86_SEG_P));
}
END_TEST

static struct x86_cpu *fpu_sample(void)
{
	struct x86_cpu *c = aligned_alloc(64, ALIGN_UP(sizeof(*c), (size_t)64));

	ck_assert_ptr_nonnull(c);
	memset(c, 0, sizeof(*c));
	c->fpcw = 0x27f;
	c->fptop = 5;
	c->fptag = 0x1f;
	c->mxcsr = 0x1fa0;
	for (unsigned i = 0; i < 8; i++) {
		c->fpr[i].mant = UINT64_C(0x8000000000000000) + i;
		c->fpr[i].exp = (uint16_t)(0x3fff + i);
	}
	for (unsigned i = 0; i < 16; i++) {
		for (unsigned b = 0; b < 32; b++) {
			c->vec[i].b[b] = (uint8_t)(i * 32 + b + 1);
		}
	}
	return c;
}

START_TEST(test_xsave_round_trip)
{
	struct kvm_arch_vm *a = calloc(1, sizeof(*a));
	struct x86_cpu *c = fpu_sample(), *d = fpu_sample();
	uint8_t *img = calloc(1, 4096);

	ck_assert(a && img);
	a->xsave_size = 4096;
	a->comp[2].size = 256;
	a->comp[2].off = 576;
	kvm_x86_xsave_push(c, a, img);
	ck_assert_uint_eq(ld_le64(img + 512), 7);
	memset(d->vec, 0xff, sizeof(d->vec));
	kvm_x86_xsave_pull(d, a, img);
	ck_assert_uint_eq(d->fpcw, 0x27f);
	ck_assert_uint_eq(d->fptop, 5);
	ck_assert_mem_eq(c->fpr, d->fpr, sizeof(c->fpr));
	ck_assert_mem_eq(c->vec, d->vec, sizeof(c->vec));
	/* A clear bit means the initial state, whatever the bytes say. */
	st_le64(img + 512, 0);
	kvm_x86_xsave_pull(d, a, img);
	ck_assert_uint_eq(d->fpcw, 0x37f);
	ck_assert_uint_eq(d->vec[3].q[0] | d->vec[3].q[2], 0);
	free(img);
	free(a);
	free(c);
	free(d);
}
END_TEST

/* What a burst wrote: a page-table entry in use, or data? */
START_TEST(test_tables_and_data)
{
	static uint64_t page[512] __aligned_to(4096);
	struct x86_cpu *cpu = aligned_alloc(64, ALIGN_UP(sizeof(*cpu), (size_t)64));
	struct flat *f = flat_of(1);
	struct vm vm = { .n_vcpus = 0 };
	struct vcpu c = { .vm = &vm, .arch = cpu };
	struct kvm_vcpu v = { .c = &c };
	struct hv_burst_store s = { (const uint8_t *)&page[7], 0x5067 };

	ck_assert_ptr_nonnull(cpu);
	memset(cpu, 0, sizeof(*cpu));
	f->r[0] = (struct flat_range){ .start = 0, .size = 0x100000 };
	atomic_store(&vm.mem.flat, f);
	ck_assert(!kvm_arch_was_table(&v, &s)); /* no paging */
	cpu->cr0 = X86_CR0_PG | X86_CR0_PE;
	ck_assert(kvm_arch_was_table(&v, &s)); /* two levels: not looked at closely */
	cpu->cr4 = X86_CR4_PAE;
	page[6] = 0x6067;
	ck_assert(kvm_arch_was_table(&v, &s)); /* gone */
	page[7] = 0x5063;
	ck_assert(kvm_arch_was_table(&v, &s)); /* not for users any more */
	page[7] = 0x5067 & ~UINT64_C(0x60);
	ck_assert(!kvm_arch_was_table(&v, &s)); /* accessed, dirty: KVM does without */
	page[7] = 0;
	s.old = 0x5066;
	ck_assert(!kvm_arch_was_table(&v,
	                              &s)); /* was not present: not in a shadow page */
	s.old = 0xffff888000005067;
	ck_assert(!kvm_arch_was_table(&v, &s)); /* points nowhere */
	s.old = 0x5067;
	page[100] =
		0xffff888000123457; /* a page with an entry that points nowhere: data */
	ck_assert(!kvm_arch_was_table(&v, &s));
	free(f);
	free(cpu);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_plan_joins_and_skips,
		                       test_segments_round_trip, test_xsave_round_trip,
		                       test_tables_and_data };

	return unit_main(unit_suite("kvm", tests, ARRAY_LEN(tests)));
}
