/* SPDX-License-Identifier: GPL-2.0-or-later */
/* kvmcpu_test.c - CPU models on a KVM with this and that in its CPUID tables (kvmfake.h). */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "core/cpu/x86-model.h"
#include "kvm/x86.h"
#include "kvmrig.h"

enum { PV_CLOCK = 1 << 3 | 1, PV_EOI = 1 << 6, PV_STABLE = 1 << 24 };

static struct rig g;

static struct x86_cpu *cpu(void)
{
	return g.vm->vcpus[0]->arch;
}

static int model(const char *text)
{
	struct opt *o = NULL;
	int r;

	last = (struct err)ERR_INIT;
	ck_assert_int_ge(opt_parse(&o, text, "model", &last), 0);
	r = x86_guest_arch.set_model(g.vm->vcpus[0], o, &last);
	opt_free(o);
	return r;
}

static void leaf(uint32_t l, uint32_t sub, uint32_t out[4])
{
	x86_cpuid(cpu(), l, sub, out);
}

static void up(void)
{
	fake_reset();
	fake.kvm_features = PV_CLOCK | PV_EOI | PV_STABLE;
	ck_assert_msg(rig_build(&g, 1, 0) == 0, "%s", last.text);
}

/* With interrupt controllers in user space only KVM's clock is offered. */
START_TEST(test_kvm_leaves)
{
	uint32_t a[4];

	up();
	leaf(0x40000000, 0, a);
	ck_assert_int_eq(memcmp(&a[1], "KVMKVMKVM\0\0\0", 12), 0);
	ck_assert_uint_ge(a[0], 0x40000001);
	leaf(0x40000001, 0, a);
	ck_assert_uint_eq(a[0], PV_CLOCK | PV_STABLE);
	ck_assert_ptr_nonnull(cpu()->pv_ops);
	ck_assert_int_eq(model("max,-kvmclock-stable-bit,kvm-hint-dedicated=on"), 0);
	leaf(0x40000001, 0, a);
	ck_assert_uint_eq(a[0], PV_CLOCK);
	ck_assert_uint_eq(a[3], 1);
	ck_assert_int_eq(model("max,-kvmclock"), 0); /* both forms of it */
	leaf(0x40000001, 0, a);
	ck_assert_uint_eq(a[0], PV_STABLE);
	ck_assert_int_eq(model("max,+kvm-pv-eoi,enforce"), -ENOTSUP);
	ck_assert(strstr(last.text, "kvm-pv-eoi (CPUID[0x40000001].EAX bit 6)"));
	rig_free(&g);
}
END_TEST

START_TEST(test_kvm_off)
{
	uint32_t a[4];

	up();
	ck_assert_int_eq(model("max,kvm=off"), 0);
	leaf(0x40000000, 0, a);
	ck_assert_int_ne(memcmp(&a[1], "KVMK", 4), 0);
	ck_assert_uint_eq(cpu()->features[XF_KVM], 0);
	leaf(1, 0, a);
	ck_assert(a[2] >> 31); /* still a virtual machine */
	ck_assert_int_eq(model("max,-hypervisor"), 0);
	leaf(1, 0, a);
	ck_assert(!(a[2] >> 31));
	rig_free(&g);
}
END_TEST

/* A named model: the host's vendor, no more than KVM has, each thing it lacks by name. */
START_TEST(test_named)
{
	uint32_t a[4];

	up();
	ck_assert_int_eq(model("Opteron_G1,enforce"), 0);
	leaf(1, 0, a);
	ck_assert_uint_eq(a[0], 0xf61);
	ck_assert(a[2] & 1);
	ck_assert_int_eq(model("Opteron_G1,vendor=AuthenticAMD"), 0);
	leaf(0, 0, a);
	ck_assert_int_eq(memcmp(&a[1], "Auth", 4), 0);
	ck_assert_int_eq(model("Nehalem,enforce"), -ENOTSUP);
	ck_assert(strstr(last.text, "ssse3 (CPUID[1].ECX bit 9)"));
	ck_assert_int_eq(model("Nehalem"), 0);
	leaf(1, 0, a);
	ck_assert_uint_eq(a[2] & BIT(9), 0);
	ck_assert(cpu()->missing[XF_1_ECX] & BIT(9));
	rig_free(&g);
}
END_TEST

/* max and host are all of it, with as many address bits as the processor has. */
START_TEST(test_host)
{
	uint32_t a[4];

	fake_reset();
	fake.phys_bits = 43;
	fake.leaf1_ecx = 1 << 25; /* AES */
	ck_assert_int_eq(rig_build(&g, 1, 0), 0);
	ck_assert_int_eq(model("host,enforce"), 0);
	leaf(1, 0, a);
	ck_assert(a[2] & BIT(25));
	leaf(0x80000008, 0, a);
	ck_assert_uint_eq(a[0] & 0xff, 43);
	ck_assert_int_eq(model("host,host-phys-bits-limit=39"), 0);
	ck_assert_uint_eq(cpu()->phys_bits, 39);
	ck_assert_int_eq(model("host,host-phys-bits=off"), 0);
	ck_assert_uint_eq(cpu()->phys_bits, 40);
	ck_assert_int_eq(model("host,phys-bits=36"), 0);
	ck_assert_uint_eq(cpu()->phys_bits, 36);
	ck_assert_int_eq(model("host,phys-bits=44"), -ENOTSUP);
	rig_free(&g);
}
END_TEST

/* What KVM shows its guests anyhow is found out on a vCPU that was promised nothing. */
START_TEST(test_shown)
{
	uint64_t diff[XF_N] = { 0 };
	char text[40];

	up();
	fake.leaf7_ebx = 1 << 7 | 1 << 20;
	kvm_x86_cpuid_ask(fake.vcpu[0].fd);
	ck_assert_uint_eq(kvm_x86_cpuid_shown()[XF_7_EBX], 1 << 7 | 1 << 20);
	ck_assert_uint_eq(kvm_x86_cpuid_shown()[XF_1_ECX], 0);
	kvm_x86_cpuid_text(kvm_x86_cpuid_shown(), text, sizeof(text));
	ck_assert_str_eq(text, "smep, smap");
	diff[XF_7_EBX] = UINT32_MAX;
	kvm_x86_cpuid_text(diff, text, sizeof(text));
	ck_assert(strstr(text, ", ...") != NULL);
	rig_free(&g);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_kvm_leaves, test_kvm_off, test_named,
		                       test_host, test_shown };

	return unit_main(unit_suite("kvmcpu", tests, ARRAY_LEN(tests)));
}
