/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * x86cpu_test.c - CPU models and their CPUID, MSRs, and the XSAVE family against the
 * host's own instructions.
 */
#include "config.h"

#include "x86rig.h"

#include <errno.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

static void leaf(uint32_t l, uint32_t s, uint32_t out[4])
{
	x86_cpuid(rig.c, l, s, out);
}

START_TEST(model_all)
{
	uint32_t a[4];

	for (unsigned i = 0; x86_model_name(i); i++) {
		if (!strcmp(x86_model_name(i), "host") ||
		    !strcmp(x86_model_name(i), "base")) {
			continue;
		}
		rig_up(x86_model_name(i));
		leaf(0, 0, a);
		ck_assert_uint_ge(a[0], 1);
		leaf(1, 0, a);
		ck_assert(a[3] & 1); /* FPU */
		if (a[2] & BIT(26)) {
			leaf(0xd, 0, a);
			ck_assert_uint_eq(a[0] & 3, 3);
			ck_assert_uint_ge(a[2], 576);
		}
		ck_assert_uint_lt(rig.c->n_cpuid, X86_CPUID_MAX);
		vm_free(rig.vm);
	}
}
END_TEST

START_TEST(model_max)
{
	uint32_t a[4];
	uint64_t v;

	rig_up("max");
	leaf(7, 0, a);
	ck_assert(a[1] & BIT(5));     /* AVX2 */
	ck_assert(!(a[1] & BIT(16))); /* no AVX-512 */
	leaf(0x15, 0, a);
	ck_assert_uint_eq((uint64_t)a[2] * a[1] / a[0] / 1000, rig.c->tsc_khz);
	leaf(0x40000000, 0, a);
	ck_assert_int_eq(memcmp(&a[1], "Lodg", 4), 0);
	/* beyond the range: the highest basic leaf */
	leaf(0x8fffffff, 0, a);
	ck_assert_uint_eq(a[2], 100);
	ck_assert_int_eq(x86_rdmsr(rig.env, 0x10a, &v), 0);
	ck_assert(v & 1); /* RDCL_NO */
	leaf(1, 0, a);
	ck_assert(!(a[2] & BIT(27)));
	rig.c->cr4 |= X86_CR4_OSXSAVE;
	leaf(1, 0, a);
	ck_assert(a[2] & BIT(27));
}
END_TEST

static int try_model(const char *text, struct err *e)
{
	struct opt *o = NULL;
	int r;

	*e = (struct err)ERR_INIT;
	r = opt_parse(&o, text, "model", e);
	ck_assert_int_ge(r, 0);
	r = x86_guest_arch.set_model(&rig.v, o, e);
	opt_free(o);
	return r;
}

START_TEST(model_options)
{
	struct err e;

	rig_up("qemu64");
	ck_assert(!x86_cpu_has(rig.c, X86F_AVX));
	ck_assert_int_eq(try_model("qemu64,+avx,xsave=on,sse4_1=on,-cx16", &e), 0);
	ck_assert(x86_cpu_has(rig.c, X86F_AVX));
	ck_assert(x86_cpu_has(rig.c, X86F_SSE41));
	ck_assert(!x86_cpu_has(rig.c, X86F_CX16));
	/* AVX without XSAVE makes no sense */
	ck_assert_int_eq(try_model("qemu64,+avx,-xsave", &e), 0);
	ck_assert(!x86_cpu_has(rig.c, X86F_AVX));
	ck_assert_int_eq(try_model("Haswel", &e), -EINVAL);
	ck_assert(strstr(e.text, "Haswell") != NULL);
	ck_assert_int_eq(try_model("max,+avx3", &e), -EINVAL);
	ck_assert(strstr(e.text, "avx2") != NULL);
	ck_assert_int_lt(try_model("Skylake-Server,enforce=on", &e), 0);
	ck_assert(strstr(e.text, "avx512f") != NULL);
	ck_assert_int_lt(try_model("host", &e), 0);
	ck_assert_int_eq(try_model("max,phys-bits=46,tsc-frequency=2000000000", &e), 0);
	ck_assert_uint_eq(rig.c->phys_bits, 46);
	ck_assert_uint_eq(rig.c->tsc_khz, 2000000);
}
END_TEST

START_TEST(model_topology)
{
	struct err e;
	uint32_t a[4];

	rig_up("max");
	rig.vm->max_vcpus = 12;
	rig.vm->smp.cores = 3;
	rig.vm->smp.threads = 2;
	rig.v.index = 7; /* socket 1, core 0, thread 1 */
	ck_assert_int_eq(try_model("max", &e), 0);
	ck_assert_uint_eq(rig.c->apic_id, 1 << 3 | 1);
	leaf(0xb, 0, a);
	ck_assert_uint_eq(a[0], 1);
	ck_assert_uint_eq(a[1], 2);
	ck_assert_uint_eq(a[3], 9);
	leaf(0xb, 1, a);
	ck_assert_uint_eq(a[0], 3);
	ck_assert_uint_eq(a[1], 6);
	leaf(0xb, 2, a);
	ck_assert_uint_eq(a[1], 0);
	ck_assert_uint_eq(a[2], 2);
	leaf(1, 0, a);
	ck_assert(a[3] & BIT(28));
	ck_assert_uint_eq(a[1] >> 24, 9);
}
END_TEST

START_TEST(model_dies)
{
	struct err e;
	uint32_t a[4];

	rig_up("max");
	rig.vm->max_vcpus = 24;
	rig.vm->smp.cores = 6; /* of two dies */
	rig.vm->smp.dies = 2;
	rig.vm->smp.threads = 2;
	rig.v.index = 23; /* socket 1, die 1, core 2, thread 1 */
	ck_assert_int_eq(try_model("max,vendor=GenuineIntel", &e), 0);
	ck_assert_uint_eq(rig.c->apic_id, 1 << 4 | 1 << 3 | 2 << 1 | 1);
	leaf(0, 0, a);
	ck_assert_uint_ge(a[0], 0x1f);
	leaf(0xb, 1, a);
	ck_assert_uint_eq(a[0], 4);
	ck_assert_uint_eq(a[1], 12);
	leaf(0x1f, 1, a);
	ck_assert_uint_eq(a[0], 3);
	ck_assert_uint_eq(a[1], 6);
	leaf(0x1f, 2, a);
	ck_assert_uint_eq(a[0], 4);
	ck_assert_uint_eq(a[1], 12);
	ck_assert_uint_eq(a[2], 5 << 8 | 2);
	ck_assert_uint_eq(a[3], rig.c->apic_id);
	leaf(4, 3, a); /* the third-level cache is a die's */
	ck_assert_uint_eq(a[0] >> 14 & 0xfff, 7);
	ck_assert_int_eq(try_model("max,l3-cache=off", &e), 0);
	leaf(4, 3, a);
	ck_assert_uint_eq(a[0], 0);
	/* every vCPU has an APIC id of its own */
	for (unsigned i = 1; i < 24; i++) {
		ck_assert_uint_gt(x86_apic_id_of(rig.vm, i),
		                  x86_apic_id_of(rig.vm, i - 1));
	}
}
END_TEST

START_TEST(model_versions)
{
	unsigned v = 0, n = 0;
	struct err e;
	uint32_t a[4];

	while (x86_model_name(n)) {
		ck_assert_ptr_nonnull(x86_model_find(x86_model_name(n), &v));
		n++;
	}
	ck_assert_uint_gt(n, 120);
	ck_assert_str_eq(x86_model_find("haswell-NOTSX", &v)->name, "Haswell");
	ck_assert_uint_eq(v, 2);
	ck_assert_str_eq(x86_model_find("x86-64-v2", &v)->name, "x86-64-v2");
	ck_assert_ptr_null(x86_model_find("Haswell-v5", &v));
	ck_assert_ptr_null(x86_model_find("max-v1", &v));
	ck_assert_ptr_null(x86_model_find("Haswell-v", &v));
	rig_up("qemu64");
	ck_assert_int_eq(try_model("Haswell-noTSX,enforce", &e), 0);
	leaf(1, 0, a);
	ck_assert_str_eq(rig.c->model, "Haswell-v2");
	ck_assert_uint_eq(a[0], 0x306c1); /* that one has its own stepping */
	ck_assert_int_lt(try_model("Haswell,enforce", &e), 0);
	ck_assert(strstr(e.text, "hle (CPUID[7].EBX bit 4)") != NULL);
	ck_assert_int_eq(try_model("Haswell,-hle,rtm=off,enforce,model-number=70", &e),
	                 0);
	leaf(1, 0, a);
	ck_assert_uint_eq(a[0], 0x40664);
}
END_TEST

START_TEST(model_properties)
{
	struct err e;
	uint32_t a[4];

	rig_up("max");
	/* leaves follow features, unless the user says how many there are */
	ck_assert_int_eq(try_model("pentium3,+smep", &e), 0);
	leaf(0, 0, a);
	ck_assert_uint_eq(a[0], 7);
	ck_assert_int_eq(try_model("pentium3,+smep,level=3", &e), 0);
	leaf(0, 0, a);
	ck_assert_uint_eq(a[0], 3);
	ck_assert_int_eq(try_model("qemu64,min-level=0x10,min-xlevel=0x8000001e", &e),
	                 0);
	leaf(0, 0, a);
	ck_assert_uint_eq(a[0], 0x10);
	/* known, but not to be had: a warning, or an error */
	ck_assert_int_eq(try_model("max,pmu=on,hv_relaxed,vmx-ept=on", &e), 0);
	ck_assert_int_eq(try_model("max,pmu=on,enforce", &e), -ENOTSUP);
	ck_assert(strstr(e.text, "not supported: pmu=on") != NULL);
	ck_assert_int_eq(try_model("max,hv-relaxed=off,pmu=off,enforce", &e), 0);
	/* KVM's own features are KVM's */
	ck_assert_int_eq(try_model("max,+kvm-pv-eoi,enforce", &e), -ENOTSUP);
	ck_assert_int_eq(try_model("max,kvm=off", &e), 0);
	leaf(0x40000000, 0, a);
	ck_assert_uint_ne(a[1], 0x67646f4c);
	ck_assert_int_eq(try_model("max,migratable=on", &e), 0);
	ck_assert(!x86_cpu_has(rig.c, X86F_INVTSC));
	ck_assert_int_eq(try_model("max,migratable=on,+invtsc", &e), 0);
	ck_assert(x86_cpu_has(rig.c, X86F_INVTSC));
	ck_assert_int_eq(try_model("max,family=many", &e), -EINVAL);
	ck_assert_int_eq(try_model("max,check=perhaps", &e), -EINVAL);
	ck_assert_int_eq(try_model("max,vendor=short", &e), -EINVAL);
	ck_assert_int_eq(try_model("max,phys-bits=31", &e), -EINVAL);
}
END_TEST

START_TEST(msr_rules)
{
	uint64_t v;

	rig_up("max");
	rig_long(0);
	ck_assert_int_eq(x86_wrmsr(rig.env, 0xc0000082, BIT64(47)), -EINVAL);
	ck_assert_int_eq(x86_wrmsr(rig.env, 0xc0000101, UINT64_C(0xffff888000000000)),
	                 0);
	ck_assert_uint_eq(rig.c->seg[X86_GS].base, UINT64_C(0xffff888000000000));
	ck_assert_int_eq(x86_wrmsr(rig.env, 0x277, 2), -EINVAL);
	ck_assert_int_eq(x86_wrmsr(rig.env, 0x277, 0x0007010600070106), 0);
	ck_assert_int_eq(x86_wrmsr(rig.env, 0xc0000080, 0),
	                 -EINVAL); /* LME under paging */
	ck_assert_int_eq(x86_rdmsr(rig.env, 0xdeadbeef, &v), -EINVAL);
	ck_assert_int_eq(x86_wrmsr(rig.env, 0xdeadbeef, 0), -EINVAL);
	ck_assert_int_eq(x86_wrmsr(rig.env, 0x401, 1), -EINVAL);
	ck_assert_int_eq(x86_wrmsr(rig.env, 0x3b, 1000), 0);
	ck_assert_int_eq(x86_wrmsr(rig.env, 0x10, 5000000), 0);
	ck_assert_int_eq(x86_rdmsr(rig.env, 0x10, &v), 0);
	ck_assert(v >= 5000000 && v < UINT64_C(60000000000));
	rig_long(3);
	ck_assert_int_eq(RIG_TRY(helper_rdmsr(rig.env, 0, 0, 0, 0)), X86_EXC_GP);
}
END_TEST

/* ---- XSAVE ---- */

enum { XS_A = 0x20000, XS_B = 0x22000 };

static void xs_fill(void)
{
	for (unsigned i = 0; i < 16; i++) {
		for (unsigned j = 0; j < 4; j++) {
			rig.c->vec[i].q[j] = UINT64_C(0x0102030405060708) * (i + 1) + j;
		}
	}
	for (unsigned i = 0; i < 8; i++) {
		rig.c->fpr[i].mant = UINT64_C(0x8000000000000000) + i;
		rig.c->fpr[i].exp = (uint16_t)(0x3fff + i);
	}
	rig.c->fptop = 3;
	rig.c->fptag = 0x07;
	rig.c->fpcw = 0x27f;
	rig.c->fpsw = 0x4100;
	rig.c->fpop = 0x123;
	rig.c->mxcsr = 0x1fa0;
}

static void xs_up(void)
{
	rig_up("max");
	rig_long(0);
	rig.c->cr4 |= X86_CR4_OSFXSR | X86_CR4_OSXSAVE;
	rig.c->xcr0 = 7;
	rig.c->cr0 &= ~(uint64_t)(X86_CR0_EM | X86_CR0_TS);
	x86_mode_changed(rig.env);
}

START_TEST(xsave_round)
{
	static struct x86_cpu want;

	for (unsigned kind = 0; kind < 3; kind++) {
		xs_up();
		xs_fill();
		memcpy(&want, rig.c, sizeof(want));
		ck_assert_int_eq(RIG_TRY(helper_xsave(rig.env, XS_A, 7, 1, kind)), -1);
		memset(rig.c->vec, 0x55, sizeof(rig.c->vec));
		memset(rig.c->fpr, 0x55, sizeof(rig.c->fpr));
		rig.c->mxcsr = 0x1f80;
		rig.c->fptop = 0;
		ck_assert_int_eq(RIG_TRY(helper_xrstor(rig.env, XS_A, 7, 1, 0)), -1);
		for (unsigned i = 0; i < 16; i++) {
			ck_assert_mem_eq(rig.c->vec[i].b, want.vec[i].b, 32);
		}
		for (unsigned i = 0; i < 8; i++) {
			ck_assert_uint_eq(rig.c->fpr[i].mant, want.fpr[i].mant);
			ck_assert_uint_eq(rig.c->fpr[i].exp, want.fpr[i].exp);
		}
		ck_assert_uint_eq(rig.c->mxcsr, 0x1fa0);
		ck_assert_uint_eq(rig.c->fptop, 3);
		ck_assert_uint_eq(rig.c->fptag, 7);
		vm_free(rig.vm);
	}
}
END_TEST

START_TEST(xsave_faults)
{
	xs_up();
	ck_assert_int_eq(RIG_TRY(helper_xsave(rig.env, XS_A + 8, 7, 1, 0)), X86_EXC_GP);
	ck_assert_int_eq(RIG_TRY(helper_fxsave(rig.env, XS_A + 8, 1, 0, 0)),
	                 X86_EXC_GP);
	st_le64(rig_at(XS_B + 512), 8); /* a component XCR0 lacks */
	ck_assert_int_eq(RIG_TRY(helper_xrstor(rig.env, XS_B, 7, 1, 0)), X86_EXC_GP);
	st_le64(rig_at(XS_B + 512), 2);
	st_le32(rig_at(XS_B + 24), 0x10000);
	ck_assert_int_eq(RIG_TRY(helper_xrstor(rig.env, XS_B, 7, 1, 0)), X86_EXC_GP);
	rig.c->cr0 |= X86_CR0_TS;
	ck_assert_int_eq(RIG_TRY(helper_xsave(rig.env, XS_A, 7, 1, 0)), X86_EXC_NM);
	rig.c->cr4 &= ~(uint64_t)X86_CR4_OSXSAVE;
	ck_assert_int_eq(RIG_TRY(helper_xsave(rig.env, XS_A, 7, 1, 0)), X86_EXC_UD);
	rig.c->cr4 |= X86_CR4_OSXSAVE;
	rig.c->reg[X86_RAX] = 4;
	rig.c->reg[X86_RDX] = rig.c->reg[X86_RCX] = 0;
	ck_assert_int_eq(RIG_TRY(helper_xsetbv(rig.env, 0, 0, 0, 0)), X86_EXC_GP);
	rig.c->reg[X86_RAX] = 5;
	ck_assert_int_eq(RIG_TRY(helper_xsetbv(rig.env, 0, 0, 0, 0)), X86_EXC_GP);
	rig.c->reg[X86_RAX] = 7;
	ck_assert_int_eq(RIG_TRY(helper_xsetbv(rig.env, 0, 0, 0, 0)), -1);
}
END_TEST

#if defined(__x86_64__)
static bool host_has_xsavec(void)
{
	unsigned a, b, c, d;

	if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & BIT(27)) || !(c & BIT(28))) {
		return false;
	}
	return __get_cpuid_count(0xd, 1, &a, &b, &c, &d) && (a & 2);
}

/* Loads our image into the host's registers, stores them with the host's instruction
 * and loads that into ours: the same state must come back. */
__attribute__((target("xsave,xsavec"))) static void
host_round(uint8_t *in, uint8_t *out, unsigned kind)
{
	static uint8_t keep[8192] __attribute__((aligned(64)));

	__builtin_ia32_xsave64(keep, 7);
	__builtin_ia32_xrstor64(in, 7);
	if (kind == 0) {
		__builtin_ia32_xsave64(out, 7);
	} else {
		__builtin_ia32_xsavec64(out, 7);
	}
	__builtin_ia32_xrstor64(keep, 7);
}

START_TEST(xsave_host)
{
	static uint8_t out[4096] __attribute__((aligned(64)));

	if (!host_has_xsavec()) {
		return;
	}
	for (unsigned kind = 0; kind < 3; kind += 2) {
		xs_up();
		xs_fill();
		rig.c->fpsw = 0; /* no pending exception for the host */
		rig.c->fpcw = 0x37f;
		ck_assert_int_eq(RIG_TRY(helper_xsave(rig.env, XS_A, 7, 1, kind)), -1);
		memset(out, 0, sizeof(out));
		host_round(rig_at(XS_A), out, kind);
		ck_assert_mem_eq(out, rig_at(XS_A), 2);
		ck_assert_mem_eq(out + 2, rig_at(XS_A + 2), 3); /* FSW, FTW */
		ck_assert_mem_eq(out + 24, rig_at(XS_A + 24), 4);
		ck_assert_mem_eq(out + 32, rig_at(XS_A + 32), 416 - 32);
		ck_assert_mem_eq(out + 512, rig_at(XS_A + 512), 16);
		ck_assert_mem_eq(out + 576, rig_at(XS_A + 576), 256);
		/* AVX in INIT: the compact header says so on both */
		for (unsigned i = 0; i < 16; i++) {
			rig.c->vec[i].q[2] = rig.c->vec[i].q[3] = 0;
		}
		ck_assert_int_eq(RIG_TRY(helper_xsave(rig.env, XS_B, 7, 1, kind)), -1);
		memset(out, 0, sizeof(out));
		host_round(rig_at(XS_B), out, kind);
		ck_assert_uint_eq(ld_le64(out + 512) & 3,
		                  ld_le64(rig_at(XS_B + 512)) & 3);
		ck_assert_uint_eq(ld_le64(out + 520), ld_le64(rig_at(XS_B + 520)));
		vm_free(rig.vm);
	}
}
END_TEST
#endif

int main(void)
{
	const TTest *const tests[] = {
		model_all,
		model_max,
		model_options,
		model_topology,
		model_dies,
		model_versions,
		model_properties,
		msr_rules,
		xsave_round,
		xsave_faults,
#if defined(__x86_64__)
		xsave_host,
#endif
	};

	return unit_main(unit_suite("x86cpu", tests, ARRAY_LEN(tests)));
}
