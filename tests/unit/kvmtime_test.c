/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmtime_test.c - guest time and KVM's paravirtual interface over stops, loads and moves, on
 * a fake KVM (kvmfake.h). The translator is not here: a vCPU counts as its when the test
 * says so.
 */
#include "config.h"

#include <errno.h>

#include "base/bytes.h"
#include "core/clock.h"
#include "kvm/x86.h"
#include "kvmrig.h"

enum { CLOCK_GPA = 0x2000, CLOCK_GPA2 = 0x3000, APF_GPA = 0x4000, MS = 1000000 };
#define MSR_SYSTEM_TIME 0x4b564d01u
#define MSR_APF_EN      0x4b564d02u
#define MSR_APF_INT     0x4b564d06u
#define MSR_APF_ACK     0x4b564d07u

static struct rig g;

static void up(unsigned vcpus)
{
	fake.caps[KVM_CAP_KVMCLOCK_CTRL] = 1;
	fake.clock = (struct kvm_clock_data){
		.clock = 5 * NS_PER_S,
		.flags = KVM_CLOCK_TSC_STABLE | KVM_CLOCK_REALTIME | KVM_CLOCK_HOST_TSC,
	};
	ck_assert_msg(rig_build(&g, vcpus, 0) == 0, "%s", last.text);
	rig_reset(&g, CAUSE_NONE);
}

static struct x86_cpu *cpu(unsigned i)
{
	return g.vm->vcpus[i]->arch;
}

static struct kvm_vcpu *kvcpu(unsigned i)
{
	return g.vm->vcpus[i]->hv;
}

static uint64_t host_tsc(void)
{
	return __builtin_ia32_rdtsc();
}

/* Of kvmfake.c. A time in ticks, rounded up, and what the two roundings of a page may add. */
enum { TICKS_PER_NS = 2, NS_ROUNDED = 2 };

static uint64_t ns_since(uint64_t tsc)
{
	return (host_tsc() - tsc) / TICKS_PER_NS + NS_ROUNDED;
}

/* The clock that shows `got` showed `want` at TSC `since` or later. */
static void went_on(uint64_t got, uint64_t want, uint64_t since)
{
	ck_assert_uint_ge(got, want);
	ck_assert_uint_le(got - want, ns_since(since));
}

/* ---- stop and go on ---- */

START_TEST(test_time_stands_still)
{
	uint64_t stopped, tsc, cont;
	int64_t before;

	fake_reset();
	fake.caps[KVM_CAP_ADJUST_CLOCK] = KVM_CLOCK_TSC_STABLE;
	up(2);
	vm_cont(g.vm); /* for the first time: nothing has stopped */
	ck_assert_uint_eq(fake.n_set_clock + fake.vcpu[0].n_clock_ctrl, 0);
	usleep(2000);
	before = fake.vcpu[0].tsc_offset;
	vm_stop(g.vm, RUN_PAUSED);
	ck_assert_uint_eq(fake.n_get_clock, 1);
	ck_assert(!fake.clock_while_running);
	stopped = cpu(0)->stop_tsc;
	ck_assert(stopped && stopped <= host_tsc());
	ck_assert_uint_eq(cpu(1)->stop_tsc, stopped);
	ck_assert_uint_eq(cpu(1)->stop_clock_ns, 5 * NS_PER_S);
	tsc = x86_tsc(cpu(1));
	vm_stop(g.vm, RUN_PAUSED); /* again: it is stopped */
	usleep(50000);
	ck_assert_uint_eq(x86_tsc(cpu(1)), tsc);
	ck_assert_uint_eq(fake.n_get_clock, 1);
	fake.clock.clock += NS_PER_S; /* KVM's runs on */
	cont = host_tsc();
	vm_cont(g.vm);
	ck_assert_uint_ge(fake.n_set_clock, 1);
	went_on(fake.clock.clock, 5 * NS_PER_S, cont);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t lost = (uint64_t)(before - fake.vcpu[i].tsc_offset);

		ck_assert_uint_eq(fake.vcpu[i].n_clock_ctrl, 1);
		ck_assert_int_eq(fake.vcpu[i].tsc_offset, fake.vcpu[0].tsc_offset);
		ck_assert_int_eq(cpu(i)->tsc_offset, fake.vcpu[i].tsc_offset);
		/* It goes on from where it stood: the offset has taken up the pause. */
		ck_assert_uint_eq(cpu(i)->stop_tsc, 0);
		ck_assert_uint_ge(lost, cont - stopped);
		ck_assert_uint_le(lost, host_tsc() - stopped);
	}
	rig_free(&g);
}
END_TEST

/* KVM's clock is not behind the TSC by the time that setting it took. */
START_TEST(test_slow_set)
{
	uint64_t cont;

	fake_reset();
	fake.caps[KVM_CAP_ADJUST_CLOCK] = KVM_CLOCK_TSC_STABLE;
	up(1);
	vm_cont(g.vm);
	vm_stop(g.vm, RUN_PAUSED);
	fake.set_clock_us = 50000;
	cont = host_tsc();
	vm_cont(g.vm);
	ck_assert_uint_ge(fake.n_set_clock, 2);
	went_on(fake.clock.clock, 5 * NS_PER_S, cont);
	ck_assert_uint_gt(fake.clock.clock, 5 * NS_PER_S + MS);
	rig_free(&g);
}
END_TEST

/* A guest that has written its TSC keeps the distance, on the vCPU that did. */
START_TEST(test_own_offsets)
{
	fake_reset();
	fake.caps[KVM_CAP_ADJUST_CLOCK] = KVM_CLOCK_TSC_STABLE;
	up(2);
	vm_cont(g.vm);
	fake.vcpu[1].tsc_offset += INT64_C(1) << 50;
	vm_stop(g.vm, RUN_PAUSED);
	ck_assert_int_eq(cpu(1)->tsc_offset - cpu(0)->tsc_offset, INT64_C(1) << 50);
	vm_cont(g.vm);
	ck_assert_int_eq(fake.vcpu[1].tsc_offset - fake.vcpu[0].tsc_offset,
	                 INT64_C(1) << 50);
	ck_assert_int_lt(fake.vcpu[0].tsc_offset, 0);
	rig_free(&g);
}
END_TEST

START_TEST(test_old_kvm)
{
	fake_reset(); /* its clock can't be set; it tells no TSC */
	up(1);
	fake_refuse(KVM_KVMCLOCK_CTRL, EINVAL, 0); /* a guest that does not use it */
	vm_cont(g.vm);
	vm_stop(g.vm, RUN_PAUSED);
	ck_assert_uint_eq(cpu(0)->stop_clock_ns, 0);
	ck_assert_uint_ne(cpu(0)->stop_tsc, 0);
	vm_cont(g.vm);
	ck_assert_uint_eq(fake.n_get_clock + fake.n_set_clock, 0);
	ck_assert_int_lt(fake.vcpu[0].tsc_offset, 0);
	rig_free(&g);
}
END_TEST

/* State of another host: its TSC was far ahead. */
START_TEST(test_load)
{
	uint64_t there = UINT64_C(1) << 60, want, before;

	fake_reset();
	fake.caps[KVM_CAP_ADJUST_CLOCK] = KVM_CLOCK_TSC_STABLE;
	up(2);
	for (unsigned i = 0; i < 2; i++) {
		cpu(i)->stop_tsc = there;
		cpu(i)->stop_clock_ns = 77 * NS_PER_S;
		cpu(i)->tsc_offset = -1000;
	}
	want = there - 1000;
	ck_assert_uint_eq(x86_tsc(cpu(0)), want);
	before = host_tsc();
	vm_cont(g.vm);
	went_on(fake.clock.clock, 77 * NS_PER_S, before);
	ck_assert_uint_ge(x86_tsc(cpu(0)), want);
	ck_assert_uint_le(x86_tsc(cpu(0)) - want, host_tsc() - before);
	ck_assert_int_eq(fake.vcpu[1].tsc_offset, cpu(0)->tsc_offset);
	rig_free(&g);
}
END_TEST

/* ---- the translator's side ---- */

static struct msi_msg sent[16];
static unsigned n_sent;

static void test_send(void *arg __unused, const struct msi_msg *m)
{
	if (n_sent < ARRAY_LEN(sent)) {
		sent[n_sent] = *m;
	}
	n_sent++;
}

static const struct msi_ops test_msi = { .send = test_send };

/* All vCPUs are the translator's, stopped. */
static void up_moved(unsigned vcpus)
{
	fake_reset();
	fake.caps[KVM_CAP_ADJUST_CLOCK] = KVM_CLOCK_TSC_STABLE;
	up(vcpus);
	g.vm->msi = (struct msi_sink){ &test_msi, NULL };
	n_sent = 0;
	for (unsigned i = 0; i < vcpus; i++) {
		kvm_x86_pv_init(kvcpu(i));
		atomic_store(&kvcpu(i)->in_fallback, true);
	}
	atomic_store(&kvcpu(0)->k->moved, true);
}

static void down_moved(void)
{
	for (unsigned i = 0; i < g.vm->n_vcpus; i++) {
		atomic_store(&kvcpu(i)->in_fallback, false);
	}
	rig_free(&g);
}

static int wrmsr(unsigned i, uint32_t msr, uint64_t val)
{
	return cpu(i)->pv_ops->wrmsr(cpu(i), msr, val);
}

/* What the guest reads: the specification's formula, on this vCPU's TSC. */
static uint64_t page_ns(unsigned i, uint64_t gpa)
{
	const uint8_t *p = g.block->host + gpa;
	uint64_t d = x86_tsc(cpu(i)) - ld_le64(p + 8);
	int8_t shift = (int8_t)p[28];

	ck_assert_uint_eq(ld_le32(p) & 1, 0);
	d = shift < 0 ? d >> -shift : d << shift;
	return ld_le64(p + 16) +
	       (uint64_t)((unsigned __int128)d * ld_le32(p + 24) >> 32);
}

START_TEST(test_moved_clock)
{
	uint64_t ns, before;

	up_moved(2);
	before = host_tsc();
	ck_assert_int_eq(wrmsr(0, MSR_SYSTEM_TIME, CLOCK_GPA | 1), 0);
	went_on(page_ns(0, CLOCK_GPA), 5 * NS_PER_S, before);
	/* KVM's own has drifted: the second page is like the first, to the bit. */
	fake.clock.clock += 40 * NS_PER_S;
	ck_assert_int_eq(wrmsr(1, MSR_SYSTEM_TIME, CLOCK_GPA2 | 1), 0);
	ck_assert_mem_eq(g.block->host + CLOCK_GPA, g.block->host + CLOCK_GPA2, 32);
	/* Where it stands still, to the nanosecond; then the guest is told. */
	atomic_store(&g.vm->vcpus[0]->exit_request, true);
	g.vm->state = RUN_RUNNING;
	vm_stop(g.vm, RUN_PAUSED);
	ns = page_ns(0, CLOCK_GPA);
	ck_assert_uint_eq(cpu(0)->stop_clock_ns, ns);
	usleep(50000);
	ck_assert_uint_eq(page_ns(1, CLOCK_GPA2), ns);
	down_moved();
}
END_TEST

START_TEST(test_moved_go_on)
{
	struct kvm *k;
	uint64_t ns, before;

	up_moved(1);
	k = kvcpu(0)->k;
	wrmsr(0, MSR_SYSTEM_TIME, CLOCK_GPA | 1);
	cpu(0)->stop_tsc = host_tsc();
	cpu(0)->stop_clock_ns = ns = page_ns(0, CLOCK_GPA);
	usleep(50000);
	/* As vm_cont() says it, but for the translator's going. */
	before = host_tsc();
	k->arch->clock_listener.fn(&k->arch->clock_listener, VM_EV_RESUME, 0);
	went_on(page_ns(0, CLOCK_GPA), ns, before);
	ck_assert_uint_eq(g.block->host[CLOCK_GPA + 29] & 2, 2);
	went_on(fake.clock.clock, ns, before);
	ck_assert_uint_eq(fake.vcpu[0].n_clock_ctrl, 0);
	/* The guest moves its TSC: its clock stays. */
	before = host_tsc();
	ns = page_ns(0, CLOCK_GPA);
	cpu(0)->tsc_offset += INT64_C(1) << 45;
	cpu(0)->pv_ops->tsc_moved(cpu(0), INT64_C(1) << 45);
	went_on(page_ns(0, CLOCK_GPA), ns, before);
	/* Back to KVM, whose clock has drifted. Time stands still: the fake's does, too. */
	cpu(0)->stop_tsc = host_tsc();
	ns = page_ns(0, CLOCK_GPA);
	fake.clock.clock = ns - 10 * MS;
	kvm_arch_clock_to_kvm(k);
	ck_assert_uint_eq(fake.clock.clock, ns);
	/* What a guest has written there is no clock. */
	fake.clock.clock = ns = 9 * NS_PER_S;
	st_le64(g.block->host + CLOCK_GPA + 16, UINT64_C(1) << 62);
	kvm_arch_clock_to_kvm(k);
	ck_assert_uint_eq(fake.clock.clock, ns);
	memset(g.block->host + CLOCK_GPA, 0xff, 32);
	kvm_arch_clock_to_kvm(k);
	wrmsr(0, MSR_SYSTEM_TIME, UINT64_C(0xfffffffffffff001));
	kvm_arch_clock_to_kvm(k);
	kvm_x86_pv_stopped(kvcpu(0));
	ck_assert_uint_eq(fake.clock.clock, ns);
	down_moved();
}
END_TEST

static uint32_t token(void)
{
	return ld_le32(g.block->host + APF_GPA + 4);
}

/* As the vCPU's thread does on its way into the translator. */
static void leave_kvm(struct vcpu *c, void *opaque __unused)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(kvm_arch_pull(c->hv, &e), 0);
	((struct x86_cpu *)c->arch)->async_pf_msr = APF_GPA | 9;
	((struct x86_cpu *)c->arch)->async_pf_int_msr = 0xf3;
	*fake_msr(&fake.vcpu[c->index], MSR_APF_EN) = APF_GPA | 9;
	kvm_arch_take_over(c->hv);
}

static void enter_kvm(struct vcpu *c, void *opaque __unused)
{
	struct err e = ERR_INIT;

	ck_assert_int_eq(kvm_arch_push(c->hv, false, &e), 0);
}

/* KVM may have kept a kick for the next halt, which the guest takes with interrupts off. */
START_TEST(test_kick_before_halt)
{
	up_moved(1);
	*fake_msr(&fake.vcpu[0], MSR_SYSTEM_TIME) = CLOCK_GPA | 1;
	atomic_store(&kvcpu(0)->k->moved, false); /* a burst: it goes back to KVM */
	vcpu_run_on_sync(g.vm->vcpus[0], leave_kvm, NULL);
	ck_assert(!kvcpu(0)->no_halt);
	atomic_store(&kvcpu(0)->k->moved, true);
	g.vm->vcpus[0]->halted = true; /* it was not kicked */
	vcpu_run_on_sync(g.vm->vcpus[0], leave_kvm, NULL);
	ck_assert(!kvcpu(0)->no_halt);
	g.vm->vcpus[0]->halted = false;
	vcpu_run_on_sync(g.vm->vcpus[0], leave_kvm, NULL);
	ck_assert(kvcpu(0)->no_halt);
	kvcpu(0)->no_halt = false;
	*fake_msr(&fake.vcpu[0], MSR_SYSTEM_TIME) = 0; /* a guest without these locks */
	vcpu_run_on_sync(g.vm->vcpus[0], leave_kvm, NULL);
	ck_assert(!kvcpu(0)->no_halt);
	down_moved();
}
END_TEST

START_TEST(test_async_faults)
{
	up_moved(1);
	/* A token of KVM's is still to be acknowledged; others are out. */
	st_le32(g.block->host + APF_GPA + 4, 0x12001);
	vcpu_run_on_sync(g.vm->vcpus[0], leave_kvm, NULL);
	ck_assert_uint_eq(*fake_msr(&fake.vcpu[0], MSR_APF_EN), 0);
	ck_assert_uint_eq(cpu(0)->async_pf_msr, APF_GPA | 9);
	ck_assert_uint_eq(token(), 0x12001);
	ck_assert_uint_eq(n_sent, 0);
	st_le32(g.block->host + APF_GPA + 4, 0);
	ck_assert_int_eq(wrmsr(0, MSR_APF_ACK, 1), 0);
	ck_assert_uint_eq(token(), 0xffffffff);
	ck_assert_uint_eq(n_sent, 1);
	ck_assert_uint_eq(sent[0].data, 0xf3);
	ck_assert_uint_eq(sent[0].addr, 0xfee00000);
	st_le32(g.block->host + APF_GPA + 4, 0);
	wrmsr(0, MSR_APF_ACK, 1);
	ck_assert_uint_eq(n_sent, 1); /* once */
	/* KVM hears of the acknowledgement, and is switched on again. */
	atomic_store(&kvcpu(0)->k->moved, false);
	kvm_x86_msr_forget(kvcpu(0));
	vcpu_run_on_sync(g.vm->vcpus[0], enter_kvm, NULL);
	ck_assert_uint_eq(*fake_msr(&fake.vcpu[0], MSR_APF_ACK), 1);
	down_moved();
}
END_TEST

START_TEST(test_async_free_place)
{
	uint64_t val = 7;

	up_moved(1);
	vcpu_run_on_sync(g.vm->vcpus[0], leave_kvm, NULL);
	ck_assert_uint_eq(token(), 0xffffffff);
	ck_assert_uint_eq(n_sent, 1);
	/* Bits that KVM refuses are refused here; reading tells what was written. */
	ck_assert_int_lt(wrmsr(0, MSR_APF_EN, APF_GPA | 0x11), 0);
	ck_assert_int_lt(wrmsr(0, MSR_APF_INT, 0x100), 0);
	ck_assert_int_eq(cpu(0)->pv_ops->rdmsr(cpu(0), MSR_APF_INT, &val), 0);
	ck_assert_uint_eq(val, 0xf3);
	ck_assert_int_eq(cpu(0)->pv_ops->rdmsr(cpu(0), MSR_APF_ACK, &val), 0);
	ck_assert_uint_eq(val, 0);
	ck_assert_int_lt(wrmsr(0, 0x4b564d05, 2), 0);
	ck_assert_int_eq(wrmsr(0, 0x4b564d05, 0), 0);
	ck_assert_uint_eq(cpu(0)->poll_control_msr, 0);
	/* Off, or without a vector, or at no RAM: nobody is told. */
	st_le32(g.block->host + APF_GPA + 4, 0);
	wrmsr(0, MSR_APF_EN, 0);
	wrmsr(0, MSR_APF_INT, 3);
	wrmsr(0, MSR_APF_EN, APF_GPA | 9);
	wrmsr(0, MSR_APF_INT, 0xf3);
	wrmsr(0, MSR_APF_EN, UINT64_C(0xffffffffffffc0) | 9);
	ck_assert_uint_eq(n_sent, 1);
	ck_assert_uint_eq(token(), 0);
	wrmsr(0, MSR_APF_EN, APF_GPA | 9);
	ck_assert_uint_eq(n_sent, 2);
	down_moved();
}
END_TEST

/* One instruction in the translator, while KVM keeps the vCPU: it is KVM's to tell. */
START_TEST(test_async_burst)
{
	up_moved(1);
	atomic_store(&kvcpu(0)->k->moved, false);
	vcpu_run_on_sync(g.vm->vcpus[0], leave_kvm, NULL);
	ck_assert_uint_eq(*fake_msr(&fake.vcpu[0], MSR_APF_EN), APF_GPA | 9);
	wrmsr(0, MSR_APF_ACK, 1);
	wrmsr(0, MSR_APF_EN, APF_GPA | 9);
	ck_assert_uint_eq(n_sent, 0);
	ck_assert_uint_eq(token(), 0);
	vcpu_run_on_sync(g.vm->vcpus[0], enter_kvm, NULL);
	ck_assert_uint_eq(*fake_msr(&fake.vcpu[0], MSR_APF_ACK), 1);
	ck_assert_uint_eq(n_sent, 0);
	down_moved();
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_time_stands_still, test_own_offsets,
		                       test_old_kvm,           test_load,
		                       test_moved_clock,       test_moved_go_on,
		                       test_async_faults,      test_async_free_place,
		                       test_async_burst,       test_kick_before_halt,
		                       test_slow_set };

	return unit_main(unit_suite("kvmtime", tests, ARRAY_LEN(tests)));
}
