/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * hotcpu_test.c - a vCPU is plugged into a running machine, starts by INIT and STARTUP from
 * another one, runs, is taken away, and comes again. In the translator, and under KVM with
 * its interrupt controllers in user space, split and in the kernel, where /dev/kvm is.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/dirty.h"
#include "devices/irqchip/irqchip-x86.h"
#include "guestvm.h"

enum {
	RAM = 4 << 20,
	AP_CODE = 0x8000,
	ASK = 0x3000,      /* the host counts up: start the AP */
	ASKED = 0x3004,    /* the guest follows */
	STARTS = 0x3100,   /* of the AP */
	RUNS = 0x5104,     /* counts while the AP runs; nobody else writes that page */
	BSP_RUNS = 0x3108, /* the same of the BSP */
	ROOM = 4,
};

/*
 * loop: inc [BSP_RUNS]; eax = [ASK]; if (eax == [ASKED]) { pause; goto loop }
 *       ICR = APIC 1, INIT; ICR = APIC 1, STARTUP at 8000; [ASKED] = eax; goto loop
 */
/* clang-format off */
static const uint8_t bsp[] = {
	0xff, 0x05, 0x08, 0x31, 0x00, 0x00, /* inc dword [3108] */
	0xa1, 0x00, 0x30, 0x00, 0x00, /* mov eax, [3000] */
	0x3b, 0x05, 0x04, 0x30, 0x00, 0x00, /* cmp eax, [3004] */
	0x75, 0x04, /* jne +4 */
	0xf3, 0x90, /* pause */
	0xeb, 0xe9, /* jmp loop */
	0xc7, 0x05, 0x10, 0x03, 0xe0, 0xfe, 0x00, 0x00, 0x00, 0x01,
	0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x00, 0x45, 0x00, 0x00,
	0xc7, 0x05, 0x10, 0x03, 0xe0, 0xfe, 0x00, 0x00, 0x00, 0x01,
	0xc7, 0x05, 0x00, 0x03, 0xe0, 0xfe, 0x08, 0x46, 0x00, 0x00,
	0xa3, 0x04, 0x30, 0x00, 0x00, /* mov [3004], eax */
	0xeb, 0xba, /* jmp loop */
};
/* clang-format on */

/* lock inc dword [3100]; loop: inc dword [5104]; jmp loop */
static const uint8_t ap[] = {
	0xf0, 0x66, 0xff, 0x06, 0x00, 0x31, 0x66, 0xff, 0x06, 0x04, 0x51, 0xeb, 0xf9,
};

static struct irqchip_x86 *chips;

static const struct way {
	const char *name, *opts;
	bool kvm, alone; /* alone: the translator does not take over */
} ways[] = {
	{ "tcg", "", false, false },
	{ "kvm, chips in user space", "kernel-irqchip=off", true, false },
	{ "kvm, split chips", "kernel-irqchip=split", true, false },
	{ "kvm, chips in the kernel", "kernel-irqchip=on", true, false },
	{ "kvm alone, chips in user space", "kernel-irqchip=off", true, true },
	{ "kvm alone, split chips", "kernel-irqchip=split", true, true },
	{ "kvm alone, chips in the kernel", "kernel-irqchip=on", true, true },
};

static bool up(const struct way *w)
{
	const struct irqchip_x86_cfg cfg = { .ioapics = 1, .pic = true };
	struct err e = ERR_INIT;

	hv_fallback = w->kvm && !w->alone ? &tcg_hv_ops : NULL;
	if (!gv_build(w->kvm ? GV_KVM : &tcg_hv_ops, w->opts, "max", 1, ROOM, RAM)) {
		return false;
	}
	chips = irqchip_x86_create(gv.vm, &cfg, &e);
	ck_assert_msg(chips != NULL, "%s", e.text);
	ck_assert_msg(vm_start_vcpus(gv.vm, &e) >= 0, "%s", e.text);
	memcpy(gv.ram->host + AP_CODE, ap, sizeof(ap));
	gv_start(bsp, sizeof(bsp));
	return true;
}

static void down(void)
{
	vm_stop(gv.vm, RUN_PAUSED);
	vm_free(gv.vm);
}

static struct vcpu *make(void)
{
	struct err e = ERR_INIT;
	struct opt *m = NULL;
	struct vcpu *c;

	ck_assert_msg(vm_make_slot(gv.vm, &c, &e) >= 0, "%s", e.text);
	ck_assert_int_ge(opt_parse(&m, "max", "model", &e), 0);
	ck_assert_msg(x86_guest_arch.set_model(c, m, &e) >= 0, "%s", e.text);
	opt_free(m);
	ck_assert_msg(irqchip_x86_add_vcpu(chips, c, &e) >= 0, "%s", e.text);
	return c;
}

static uint32_t get(uint32_t at)
{
	return __atomic_load_n(gv_at(at), __ATOMIC_SEQ_CST);
}

static void ask(void)
{
	__atomic_fetch_add(gv_at(ASK), 1, __ATOMIC_SEQ_CST);
	ck_assert_msg(gv_wait(get(ASKED) == get(ASK)), "the BSP hangs");
}

static void check_moves(uint32_t counter, const char *what, const char *way)
{
	uint32_t was = get(counter);

	ck_assert_msg(gv_wait(get(counter) != was), "%s: %s", way, what);
}

START_TEST(test_again_and_again)
{
	const struct way *w = &ways[_i];
	struct err e = ERR_INIT;
	struct vcpu *c;
	uint32_t was;

	if (!up(w)) {
		return;
	}
	check_moves(BSP_RUNS, "the BSP does not run", w->name);
	c = make();
	ask(); /* nobody is there */
	for (uint32_t n = 1; n <= 6; n++) {
		if (n == 4) { /* while the machine is paused */
			vm_stop(gv.vm, RUN_PAUSED);
		}
		ck_assert_msg(vm_plug_vcpu(c, &e) >= 0, "%s: %s", w->name, e.text);
		ck_assert_uint_eq(vm_present_vcpus(gv.vm), 2);
		vm_cont(gv.vm);
		ck_assert_uint_eq(get(STARTS), n - 1); /* it waits for STARTUP */
		ask();
		ck_assert_msg(gv_wait(get(STARTS) == n), "%s: no start number %u",
		              w->name, n);
		check_moves(RUNS, "the new vCPU does not run", w->name);
		if (n == 5) {
			vm_stop(gv.vm, RUN_PAUSED);
		}
		vm_unplug_vcpu(c);
		ck_assert_uint_eq(vm_present_vcpus(gv.vm), 1);
		vm_cont(gv.vm);
		was = get(RUNS);
		ask(); /* nobody is there */
		check_moves(BSP_RUNS, "the BSP stands still", w->name);
		ck_assert_uint_eq(get(RUNS), was);
		ck_assert_uint_eq(get(STARTS), n);
	}
	down();
}
END_TEST

/* Others look at all vCPUs all the time. */
static void *bother(void *arg)
{
	_Atomic bool *end = arg;
	unsigned i = 0;

	gmem_thread_register();
	while (!atomic_load(end)) {
		struct vcpu *c;

		vm_for_each_vcpu (gv.vm, c) {
			if (i++ & 1) {
				vcpu_request(c, 0);
			} else {
				vcpu_kick(c);
			}
		}
		gmem_quiescent();
	}
	gmem_thread_unregister();
	return NULL;
}

static void exclusively(struct vcpu *c, void *opaque)
{
	vm_exclusive_enter(c->vm);
	(*(unsigned *)opaque)++;
	vm_exclusive_leave(c->vm);
}

static void add_one(struct vcpu *c __unused, void *opaque)
{
	atomic_fetch_add((_Atomic unsigned *)opaque, 1);
}

START_TEST(test_others_look_on)
{
	const struct way *w = &ways[_i];
	_Atomic bool end = false;
	_Atomic unsigned did = 0;
	unsigned sections = 0;
	struct err e = ERR_INIT;
	struct vcpu *c[ROOM];
	pthread_t t;

	if (!up(w)) {
		return;
	}
	pthread_create(&t, NULL, bother, &end);
	for (unsigned i = 1; i < ROOM; i++) {
		c[i] = make();
	}
	for (unsigned n = 0; n < 10; n++) {
		for (unsigned i = 1; i < ROOM; i++) {
			ck_assert_msg(vm_plug_vcpu(c[i], &e) >= 0, "%s: %s", w->name,
			              e.text);
			vcpu_run_on(gv.vm->vcpus[0], exclusively, &sections);
			vcpu_run_on(c[i], add_one, &did);
		}
		ask();
		for (unsigned i = 1; i < ROOM; i++) {
			vcpu_run_on_sync(c[i], add_one, &did);
			vm_unplug_vcpu(c[i]);
			vcpu_run_on_sync(c[i], add_one, &did); /* nothing */
		}
	}
	atomic_store(&end, true);
	pthread_join(t, NULL);
	ck_assert_uint_eq(atomic_load(&did), 2 * 10 * (ROOM - 1));
	vcpu_run_on_sync(gv.vm->vcpus[0], exclusively, &sections);
	ck_assert_uint_eq(sections, 10 * (ROOM - 1) + 1);
	check_moves(BSP_RUNS, "the BSP stands still", w->name);
	down();
}
END_TEST

static bool all_written(const uint64_t *out)
{
	for (unsigned i = 0; i < RAM / GV_PAGE / 64; i++) {
		if (out[i] != UINT64_MAX) {
			return false;
		}
	}
	return true;
}

static void look(struct dirty_log *d, uint64_t *out)
{
	struct err e = ERR_INIT;

	ck_assert_msg(dirty_log_collect(gv.vm, &e) >= 0, "%s", e.text);
	dirty_log_take(d, gv.ram->ram_off, RAM, out);
}

/* What one wrote that is gone is in the log all the same, and one that comes while it runs
 * is watched from its first instruction on. */
START_TEST(test_dirty_log)
{
	enum { PAGE = RUNS / GV_PAGE };
	const struct way *w = &ways[_i];
	uint64_t out[RAM / GV_PAGE / 64];
	struct err e = ERR_INIT;
	struct dirty_log d;
	struct vcpu *c;

	if (!up(w)) {
		return;
	}
	c = make();
	ck_assert_msg(dirty_log_start(&d, gv.vm, &e) >= 0, "%s", e.text);
	for (unsigned n = 1; n <= 4; n++) {
		ck_assert_msg(vm_plug_vcpu(c, &e) >= 0, "%s: %s", w->name, e.text);
		ask();
		ck_assert_msg(gv_wait(get(STARTS) == n), "%s: no start", w->name);
		check_moves(RUNS, "the new vCPU does not run", w->name);
		vm_unplug_vcpu(c);
		look(&d, out);
		ck_assert_msg(out[0] >> PAGE & 1, "%s: page lost in round %u", w->name,
		              n);
		/* Where KVM has overrun a ring, all memory counts as written (kvm/dirty.c):
		 * that says nothing about one page, so look again. */
		look(&d, out);
		ck_assert_msg(unit_wait_doing(look(&d, out), !all_written(out)),
		              "%s: always all memory", w->name);
		ck_assert_msg(!(out[0] >> PAGE & 1), "%s: written by nobody", w->name);
	}
	dirty_log_stop(&d);
	down();
}
END_TEST

static void move(const struct way *w, const char *accel)
{
	struct err e = ERR_INIT;

	ck_assert_msg(gv.vm->hv->accel.set(gv.vm, accel, true, &e) >= 0,
	              "%s, to %s: %s", w->name, accel, e.text);
}

/* It comes under one accelerator, and leaves under the other. */
START_TEST(test_moves)
{
	const struct way *w = &ways[_i];
	struct err e = ERR_INIT;
	struct vcpu *c;

	if (!w->kvm || w->alone || !up(w)) {
		return;
	}
	c = make();
	for (unsigned n = 1; n <= 4; n++) {
		const char *first = n & 1 ? "kvm" : "tcg",
			   *then = n & 1 ? "tcg" : "kvm";

		move(w, first);
		ck_assert_msg(vm_plug_vcpu(c, &e) >= 0, "%s: %s", w->name, e.text);
		if (n > 2) {
			move(w, then);
		}
		ask();
		ck_assert_msg(gv_wait(get(STARTS) == n), "%s: no start number %u",
		              w->name, n);
		check_moves(RUNS, "the new vCPU does not run", w->name);
		move(w, n > 2 ? first : then);
		check_moves(RUNS, "the new vCPU does not run on", w->name);
		check_moves(BSP_RUNS, "the BSP does not run on", w->name);
		vm_unplug_vcpu(c);
	}
	down();
}
END_TEST

START_TEST(test_no_room)
{
	struct err e = ERR_INIT;
	struct vcpu *c;

	if (!up(&ways[0])) {
		return;
	}
	for (unsigned i = 1; i < ROOM; i++) {
		(void)make();
	}
	ck_assert_int_eq(vm_make_slot(gv.vm, &c, &e), -ENOSPC);
	ck_assert_str_eq(e.text, "this machine has room for 4 vCPUs");
	down();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hotcpu");
	TCase *t = unit_case(s, "hotcpu");

	tcase_add_loop_test(t, test_again_and_again, 0, ARRAY_LEN(ways));
	tcase_add_loop_test(t, test_others_look_on, 0, ARRAY_LEN(ways));
	tcase_add_loop_test(t, test_dirty_log, 0, ARRAY_LEN(ways));
	tcase_add_loop_test(t, test_moves, 0, ARRAY_LEN(ways));
	tcase_add_test(t, test_no_room);
	return unit_main(s);
}
