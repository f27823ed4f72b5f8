/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmbad_test.c - KVM refuses, fails and lies (kvmfake.h): each refusal gives one sentence,
 * a machine that cannot go on pauses in a state that can be inspected, and no signal at
 * any moment is lost or harms.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/opt.h"
#include "core/cpu/arch.h"
#include "core/cpu/x86-model.h"
#include "core/loop.h"
#include "core/vm.h"
#include "kvm/kvm.h"
#include "kvmrig.h"
#include "unit.h"

/* Builds a machine that must be refused with this in the sentence. */
static void refused(unsigned vcpus, gpa_t ram_at, const char *part)
{
	struct rig *g = calloc(1, sizeof(*g)); /* stays: the program would end here */
	int r = rig_build(g, vcpus, ram_at);

	ck_assert_msg(r < 0, "was not refused: %s", part);
	ck_assert_msg(strstr(last.text, part), "'%s' does not say '%s'", last.text,
	              part);
	ck_assert_msg(!strchr(last.text, '\n'), "'%s'", last.text);
}

/* ---- set-up ---- */

static const struct {
	int err;
	const char *part;
} open_errors[] = { { ENOENT, "load the kvm module" },
	            { EACCES, "group kvm" },
	            { EPERM, "group kvm" },
	            { ENODEV, "no kvm module serves it" },
	            { ENXIO, "no kvm module" },
	            { EMFILE, "ulimit -n" },
	            { EIO, "cannot open /dev/kvm: " } };

START_TEST(test_open)
{
	for (unsigned i = 0; i < ARRAY_LEN(open_errors); i++) {
		fake_reset();
		fake.open_err = open_errors[i].err;
		refused(1, 0, open_errors[i].part);
	}
}
END_TEST

START_TEST(test_old_kernel)
{
	static const struct {
		int cap;
		const char *part;
	} caps[] = { { KVM_CAP_IMMEDIATE_EXIT, "too old: it lacks immediate exit" },
		     { KVM_CAP_USER_MEMORY, "too old: it lacks user memory" },
		     { KVM_CAP_VCPU_EVENTS, "too old: it lacks vCPU events" },
		     { KVM_CAP_XSAVE, "too old: it lacks XSAVE" } };

	for (unsigned i = 0; i < ARRAY_LEN(caps); i++) {
		fake_reset();
		fake.caps[caps[i].cap] = 0;
		refused(1, 0, caps[i].part);
	}
	fake_reset();
	fake.version = 10;
	refused(1, 0, "API version 10, lodge 12");
	fake_reset();
	fake.version = -ENOTTY;
	refused(1, 0, "/dev/kvm is not KVM's device");
	fake_reset();
	fake.run_size = 100;
	refused(1, 0, "run area has 100 bytes");
}
END_TEST

START_TEST(test_vm_refused)
{
	static const struct {
		int err;
		const char *part;
	} errs[] = { { EBUSY, "another hypervisor" },
		     { ENOMEM, "no memory for it" },
		     { EPERM, "security policy" },
		     { EMFILE, "ulimit -n" },
		     { EIO, "refuses to create a virtual machine: " } };

	for (unsigned i = 0; i < ARRAY_LEN(errs); i++) {
		fake_reset();
		fake_refuse(KVM_CREATE_VM, errs[i].err, 0);
		refused(1, 0, errs[i].part);
	}
}
END_TEST

START_TEST(test_vcpu_refused)
{
	static const struct {
		int err;
		const char *part;
	} errs[] = { { EEXIST, "vCPU 1: KVM refuses it: its id 1 is taken" },
		     { EINVAL, "above what this kernel" },
		     { ENOMEM, "no memory for it" },
		     { EMFILE, "ulimit -n" },
		     { EBUSY, "set up or taken down" },
		     { EIO, "vCPU 1: KVM refuses it (id 1): " } };
	struct err e = ERR_INIT;

	fake_reset();
	ck_assert_int_eq(kvm_hv_ops.probe(&e), 0); /* once for the process */
	for (unsigned i = 0; i < ARRAY_LEN(errs); i++) {
		memset(fake.refuse, 0, sizeof(fake.refuse));
		fake_refuse(KVM_CREATE_VCPU, errs[i].err, 1);
		refused(2, 0, errs[i].part);
	}
}
END_TEST

START_TEST(test_vcpu_limits)
{
	struct rig g;

	fake_reset();
	refused(33, 0, "KVM allows 32 vCPUs, not 33");
	/* More than it recommends: a warning only. */
	fake.n_vcpus = 0;
	ck_assert_msg(rig_build(&g, 17, 0) == 0, "%s", last.text);
	rig_free(&g);
}
END_TEST

START_TEST(test_cpuid_refused)
{
	fake_reset();
	fake_refuse(KVM_SET_CPUID2, EINVAL, 0);
	refused(1, 0, "KVM refuses CPU model 'max'");
}
END_TEST

START_TEST(test_no_cpuid)
{
	fake_reset();
	fake_refuse(KVM_GET_SUPPORTED_CPUID, E2BIG, 0);
	refused(1, 0, "does not tell what CPUID");
}
END_TEST

/* A KVM that shows guests more than it was told: its word is the model's then, and a
 * translator that lacks it could not take the guest over. */
START_TEST(test_cpuid_lie)
{
	static const uint32_t smep = 1 << 7, avx512f = 1 << 16;
	const struct x86_cpu *c;
	struct err e = ERR_INIT;
	uint32_t out[4];
	struct rig g;
	struct kvm *k;

	fake_reset();
	ck_assert_int_eq(rig_build(&g, 1, 0), 0);
	c = g.vm->vcpus[0]->arch;
	k = g.vm->hv_priv;
	ck_assert(!x86_cpu_has(c, X86F_SMEP));
	ck_assert_int_eq(kvm_arch_may_cross(k, true, &e), 0);
	rig_free(&g);

	fake.n_vcpus = 0;
	fake.leaf7_ebx = smep;
	ck_assert_int_eq(rig_build(&g, 1, 0), 0);
	c = g.vm->vcpus[0]->arch;
	ck_assert(x86_cpu_has(c, X86F_SMEP));
	x86_cpuid(g.vm->vcpus[0]->arch, 7, 0, out);
	ck_assert_uint_eq(out[1], smep);
	/* the translator has that one */
	ck_assert_int_eq(kvm_arch_may_cross(g.vm->hv_priv, true, &e), 0);
	rig_free(&g);

	fake.n_vcpus = 0;
	fake.leaf7_ebx = smep | avx512f;
	ck_assert_int_eq(rig_build(&g, 1, 0), 0);
	k = g.vm->hv_priv;
	ck_assert_int_eq(kvm_arch_may_cross(k, true, &e), -ENOTSUP);
	ck_assert_msg(strstr(e.text, "smep, avx512f") != NULL, "%s", e.text);
	/* what must start in the translator may not enter KVM */
	k->fallback = k->no_hardware = true;
	ck_assert_int_eq(kvm_arch_may_cross(k, false, &e), -ENOTSUP);
	k->fallback = k->no_hardware = false;
	rig_free(&g);
}
END_TEST

START_TEST(test_slot_refused)
{
	struct err e = ERR_INIT;

	fake_reset();
	ck_assert_int_eq(kvm_hv_ops.probe(&e), 0);
	refused(1, UINT64_C(1) << 40, "ends above the 40 address bits");
	fake_refuse(KVM_SET_USER_MEMORY_REGION, ENOMEM, 0);
	refused(1, 0, "less guest memory, or free some");
}
END_TEST

/* A slot that is refused while the machine runs: it pauses. */
START_TEST(test_slot_refused_later)
{
	struct ram_config cfg = { .size = 1 << 20 };
	struct mr more;
	struct rig g;

	fake_reset();
	ck_assert_msg(rig_build(&g, 1, 0) == 0, "%s", last.text);
	rig_reset(&g, CAUSE_NONE);
	vm_cont(g.vm);
	fake_refuse(KVM_SET_USER_MEMORY_REGION, ENOMEM, 0);
	mr_init_ram(&more, "more", ram_block_new("more", &cfg, &last));
	mr_add(&g.vm->mem_root, 1 << 21, &more, 0);
	ck_assert(rig_wait(&g, RUN_INTERNAL_ERROR));
	ck_assert_uint_eq(g.stops, 1);
	rig_free(&g);
}
END_TEST

/* ---- running ---- */

static int script_err, script_exit;

static int script_run(struct fake_vcpu *v)
{
	v->run->exit_reason = (uint32_t)script_exit;
	return script_err;
}

/* What log_error() says goes to stderr: a memfd takes its place. */
static int stderr_begin(void)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	ck_assert_int_ge(dup2(fd, STDERR_FILENO), 0);
	return fd;
}

static void stderr_has(int fd, const char *part)
{
	static char text[65536];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = 0;
	ck_assert_msg(strstr(text, part), "'%s' does not say '%s'", text, part);
}

static uint64_t runs_of_both(void)
{
	return atomic_load(&fake.vcpu[0].n_runs) + atomic_load(&fake.vcpu[1].n_runs);
}

/* The machine runs into `fake.run` and must pause, be inspectable, survive a reset. */
static void breaks(const char *part)
{
	struct err e = ERR_INIT;
	struct rig g;
	uint64_t runs;
	int fd;

	ck_assert_msg(rig_build(&g, 2, 0) == 0, "%s", last.text);
	fd = stderr_begin();
	rig_reset(&g, CAUSE_NONE);
	vm_cont(g.vm);
	do { /* EAGAIN means some thousand tries, with pauses */
		runs = runs_of_both();
	} while (!rig_wait(&g, RUN_INTERNAL_ERROR) && runs_of_both() != runs);
	ck_assert_msg(g.vm->state == RUN_INTERNAL_ERROR, "%s: no pause", part);
	ck_assert_uint_eq(g.stops, 1);
	stderr_has(fd, part);
	/* It does not spin: nothing is run any more. */
	runs = runs_of_both();
	usleep(20000);
	ck_assert_uint_eq(runs_of_both(), runs);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert(g.vm->vcpus[i]->stopped);
		ck_assert_int_eq(kvm_hv_ops.vcpu.state_pull(g.vm->vcpus[i], &e), 0);
	}
	/* A reset makes it run again. */
	fake.run = NULL;
	rig_reset(&g, CAUSE_HOST_QMP_SYSTEM_RESET);
	vm_cont(g.vm);
	ck_assert_int_eq(g.vm->state, RUN_RUNNING);
	vm_stop(g.vm, RUN_PAUSED);
	rig_free(&g);
}

static const struct {
	int err, exit;
	const char *part;
} run_breaks[] = {
	{ -EFAULT, 0, "memory that the host cannot give" },
	{ -ENOMEM, 0, "out of memory" },
	{ -EIO, 0, "KVM has given this machine up" },
	{ -EINVAL, 0, "does not accept the vCPU's state" },
	{ -EHWPOISON, 0, "broken memory page" },
	{ -ENXIO, 0, "KVM_RUN failed: No such device" },
	{ -EAGAIN, 0, "KVM_RUN failed: Resource temporarily" },
	{ 0, KVM_EXIT_UNKNOWN, "reason of the hardware that it does not know" },
	{ 0, KVM_EXIT_EXCEPTION, "exit reason 1 (exception)" },
	{ 0, KVM_EXIT_FAIL_ENTRY, "refuses to run the guest (entry failure 0x0" },
	{ 0, KVM_EXIT_INTERNAL_ERROR, "internal error 0" },
	{ 0, 39, "exit reason 39 (memory fault)" },
	{ 0, 4711, "exit reason 4711 (newer than lodge)" },
	{ 0, -1, "exit reason 4294967295" },
};

START_TEST(test_run_breaks)
{
	fake_reset();
	script_err = run_breaks[_i].err;
	script_exit = run_breaks[_i].exit;
	fake.run = script_run;
	breaks(run_breaks[_i].part);
}
END_TEST

START_TEST(test_texts)
{
	static const struct {
		uint64_t reason;
		const char *part;
	} entry[] = { { UINT64_C(0x80000021), "invalid guest state" },
		      { UINT64_C(0x80000022), "MSR loading" },
		      { UINT64_MAX, "invalid guest state" },
		      { 7, "a VM instruction failed" } };
	struct kvm_run run = { .exit_reason = KVM_EXIT_FAIL_ENTRY };
	char text[160];

	for (unsigned i = 0; i < ARRAY_LEN(entry); i++) {
		run.fail_entry.hardware_entry_failure_reason = entry[i].reason;
		kvm_say_entry_failure(&run, text, sizeof(text));
		ck_assert_msg(strstr(text, entry[i].part), "%s", text);
	}
	for (uint32_t r = 0; r < 60; r++) { /* none without a word */
		run.exit_reason = r;
		kvm_say_exit(&run, text, sizeof(text));
		ck_assert_uint_gt(strlen(text), 20);
		run.internal.suberror = r;
		kvm_say_internal(&run, text, sizeof(text));
		ck_assert_uint_gt(strlen(text), 20);
	}
}
END_TEST

/* A triple fault resets the machine; it goes on. */
static _Atomic int faults;

static int run_triple(struct fake_vcpu *v)
{
	if (v->index == 0 && atomic_fetch_add(&faults, 1) < 3) {
		v->run->exit_reason = KVM_EXIT_SHUTDOWN;
		return 0;
	}
	while (!*(volatile uint8_t *)&v->run->immediate_exit) {
		usleep(50);
	}
	return -EINTR;
}

START_TEST(test_triple_fault)
{
	struct rig g;

	fake_reset();
	fake.run = run_triple;
	ck_assert_msg(rig_build(&g, 2, 0) == 0, "%s", last.text);
	rig_reset(&g, CAUSE_NONE);
	vm_cont(g.vm);
	unit_await_turning(g.vm->loop, g.resets == 3);
	ck_assert_int_eq(g.vm->state, RUN_RUNNING);
	vm_stop(g.vm, RUN_PAUSED);
	rig_free(&g);
}
END_TEST

/* ---- I/O and signals at any moment ---- */

/* Port I/O as the kernel does it: the answer is taken at the next KVM_RUN, also by one that
 * leaves at once; each is taken exactly once. */
static struct io_guest {
	_Atomic uint64_t asked, taken, wrong, eintr;
	bool waits, in;
	unsigned at;
} io_guest[2];

static int run_io(struct fake_vcpu *v)
{
	struct io_guest *s = &io_guest[v->index];
	struct kvm_run *run = v->run;
	uint8_t *data = (uint8_t *)run + 4096;

	if (atomic_load(&s->asked) % 5 ==
	    4) { /* now and then a signal arrives before entry */
		atomic_fetch_add(&s->asked, 1);
		atomic_fetch_add(&s->eintr, 1);
		return -EINTR;
	}
	if (s->waits && s->in) {
		if (*data != 0x40 + s->at) {
			atomic_fetch_add(&s->wrong, 1);
		}
		atomic_fetch_add(&s->taken, 1);
	}
	s->in = atomic_fetch_add(&s->asked, 1) & 1;
	s->at = (unsigned)(s->at + 3) % 16;
	s->waits = true;
	*data = 0;
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = s->in ? KVM_EXIT_IO_IN : KVM_EXIT_IO_OUT;
	run->io.size = 1;
	run->io.count = 1;
	run->io.port = (uint16_t)(0x100 + s->at);
	run->io.data_offset = 4096;
	return 0;
}

static _Atomic bool storm_over;

static void *storm(void *opaque)
{
	struct rig *g = opaque;
	uint64_t n = 0;

	while (!atomic_load(&storm_over)) {
		struct vcpu *c = g->vm->vcpus[n++ & 1];

		pthread_kill(c->thread.pthread, SIG_KICK);
		if (n % 7 == 0) {
			vcpu_kick(c);
		}
	}
	return NULL;
}

START_TEST(test_signal_storm)
{
	struct rig g;
	pthread_t t;

	fake_reset();
	fake.run = run_io;
	ck_assert_msg(rig_build(&g, 2, 0) == 0, "%s", last.text);
	rig_reset(&g, CAUSE_NONE);
	vm_cont(g.vm);
	ck_assert_int_eq(pthread_create(&t, NULL, storm, &g), 0);
	unit_rounds (i, 200) {
		usleep(2000);
		vm_stop(g.vm, RUN_PAUSED); /* returns: no kick is lost */
		vm_cont(g.vm);
		loop_turn(g.vm->loop, false);
	}
	for (unsigned i = 0; i < 2; i++) {
		uint64_t had = atomic_load(&io_guest[i].taken);

		/* no starving */
		unit_await(atomic_load(&io_guest[i].taken) >= had + 100);
	}
	atomic_store(&storm_over, true);
	pthread_join(t, NULL);
	vm_stop(g.vm, RUN_PAUSED);
	ck_assert_int_eq(g.vm->state, RUN_PAUSED);
	for (unsigned i = 0; i < 2; i++) {
		ck_assert_uint_eq(atomic_load(&io_guest[i].wrong), 0);
	}
	rig_free(&g);
}
END_TEST

/* A halted guest in KVM_RUN leaves promptly for each of many stops. */
START_TEST(test_stop_while_halted)
{
	struct rig g;

	fake_reset();
	ck_assert_msg(rig_build(&g, 2, 0) == 0, "%s", last.text);
	rig_reset(&g, CAUSE_NONE);
	unit_rounds (i, 500) {
		vm_cont(g.vm);
		if (i & 1) {
			usleep(200);
		}
		vm_stop(g.vm, RUN_PAUSED);
	}
	rig_free(&g);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_open,         test_old_kernel,
		test_vm_refused,   test_vcpu_refused,
		test_vcpu_limits,  test_cpuid_refused,
		test_no_cpuid,     test_cpuid_lie,
		test_slot_refused, test_slot_refused_later,
		test_texts,        test_triple_fault,
		test_signal_storm, test_stop_while_halted,
	};
	Suite *s = unit_suite("kvm-bad", tests, ARRAY_LEN(tests));
	TCase *tc = unit_case(s, "run");

	tcase_add_loop_test(tc, test_run_breaks, 0, ARRAY_LEN(run_breaks));
	return unit_main(s);
}
