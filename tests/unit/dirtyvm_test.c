/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirtyvm_test.c - the dirty log under guests: a loop of a few instructions writes the pages
 * of a list; the log must hold them. Then the guest writes all the time, while the
 * pages of each collect are copied: the copy must be the memory in the end.
 *
 * With the translator, its interpreter, and KVM (ring and bitmap, with and without the
 * translator beside it). Exact sets are asked of the translator; KVM may report more.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/dirty.h"
#include "core/hv.h"
#include "guestvm.h"

enum { CMD = 0x2000, LIST = 0x3000, LIST_MAX = 1000, RAM = 16 << 20 };
#define CMD_FOREVER 0x80000000u

/* Waits for another CMD, adds 1 to the word in the middle of each listed page, says so at
 * the port; from CMD_FOREVER on without waiting. */
__asm__(".pushsection .rodata\n"
        ".code32\n"
        "dirty_guest: xor %ebx, %ebx\n"
        "1: cmpl %ebx, 0x2000\n"
        "   pause\n"
        "   je 1b\n"
        "   movl 0x2000, %ebx\n"
        "2: movl $0x3000, %esi\n"
        "3: movl (%esi), %eax\n"
        "   addl $4, %esi\n"
        "   testl %eax, %eax\n"
        "   jz 4f\n"
        "   incl 0x800(%eax)\n"
        "   jmp 3b\n"
        "4: cmpl $0x80000000, 0x2000\n"
        "   je 2b\n"
        "   movl %ebx, %eax\n"
        "   outl %eax, $0x80\n"
        "   jmp 1b\n"
        "dirty_guest_end:\n"
        ".code64\n"
        ".popsection\n");
extern const uint8_t dirty_guest[], dirty_guest_end[];

static struct {
	const char *name, *opts;
	bool kvm, fallback;
} ways[] = {
	{ "tcg", "x=y", false, false },
	{ "tcg interpreter", "engine=interp", false, false },
	{ "kvm ring", "fallback=off", true, false },
	{ "kvm small ring", "fallback=off,dirty-ring-size=1024", true, false },
	{ "kvm bitmap", "fallback=off,dirty-ring-size=0", true, false },
	{ "kvm and tcg", "kernel-irqchip=off", true, true },
	{ "kvm bitmap and tcg", "kernel-irqchip=off,dirty-ring-size=0", true, true },
};

static bool up(unsigned i, unsigned vcpus)
{
	hv_fallback = ways[i].fallback ? &tcg_hv_ops : NULL;
	if (!gv_up(ways[i].kvm ? GV_KVM : &tcg_hv_ops, ways[i].opts, "max", vcpus,
	           RAM)) {
		return false;
	}
	gv_start(dirty_guest, (size_t)(dirty_guest_end - dirty_guest));
	return true;
}

static void command(uint32_t cmd)
{
	__atomic_store_n(gv_at(CMD), cmd, __ATOMIC_SEQ_CST);
}

START_TEST(test_exact)
{
	struct dirty_log d;
	struct err e = ERR_INIT;
	uint64_t out[RAM / GV_PAGE / 64];
	uint32_t seed = 1;

	if (!up((unsigned)_i, 1)) {
		return;
	}
	ck_assert_int_ge(dirty_log_start(&d, gv.vm, &e), 0);
	for (uint32_t cmd = 1; cmd <= 40; cmd++) {
		uint64_t want[RAM / GV_PAGE / 64] = { 0 }, extra = 0;
		unsigned n = cmd % 5 ? cmd * 7 % 60 : LIST_MAX;

		for (unsigned k = 0; k < n; k++) {
			unsigned page;

			seed = seed * 1664525 + 1013904223;
			page = 16 + (seed >> 12) % (RAM / GV_PAGE - 16);
			*gv_at(LIST + 4 * k) = page * GV_PAGE;
			want[page / 64] |= UINT64_C(1) << (page % 64);
		}
		*gv_at(LIST + 4 * n) = 0;
		command(cmd);
		ck_assert_msg(gv_wait(atomic_load(&gv.port) == cmd),
		              "%s: the guest hangs", ways[_i].name);
		ck_assert_msg(dirty_log_collect(gv.vm, &e) >= 0, "%s", e.text);
		dirty_log_take(&d, gv.ram->ram_off, RAM, out);
		for (unsigned k = 0; k < ARRAY_LEN(out); k++) {
			ck_assert_msg(!(want[k] & ~out[k]),
			              "%s, round %u: pages %u: %llx of %llx",
			              ways[_i].name, cmd, k * 64,
			              (unsigned long long)out[k],
			              (unsigned long long)want[k]);
			extra += (unsigned)__builtin_popcountll(out[k] & ~want[k]);
		}
		ck_assert_msg(extra == 0 || (ways[_i].kvm && extra < 64),
		              "%s, round %u: %llu pages too many", ways[_i].name, cmd,
		              (unsigned long long)extra);
	}
	vm_stop(gv.vm, RUN_PAUSED);
	dirty_log_stop(&d);
	vm_free(gv.vm);
}
END_TEST

static unsigned copy(struct dirty_log *d, uint8_t *shadow)
{
	struct err e = ERR_INIT;
	uint64_t out[RAM / GV_PAGE / 64];
	unsigned n = 0;

	ck_assert_msg(dirty_log_collect(gv.vm, &e) >= 0, "%s", e.text);
	dirty_log_take(d, gv.ram->ram_off, RAM, out);
	for (unsigned p = 0; p < RAM / GV_PAGE; p++) {
		if (out[p / 64] >> (p % 64) & 1) {
			memcpy(shadow + p * GV_PAGE, gv.ram->host + p * GV_PAGE,
			       GV_PAGE);
			n++;
		}
	}
	return n;
}

/* KVM stops in the middle of some calls when a signal waits for the thread. */
static void kicks(void)
{
	for (unsigned k = 0; k < 100; k++) {
		pthread_kill(gv.vm->vcpus[k & 1]->thread.pthread, SIG_KICK);
		usleep(10);
	}
}

/* Some rounds of copying, while the RAM's slot is split and joined again if `remap`: how many
 * pages there were. */
static unsigned copy_some(unsigned way, struct mr *remap, struct dirty_log *d,
                          uint8_t *shadow)
{
	unsigned n = 0;
	bool split = false;

	unit_rounds (round, 100) {
		if (remap && round % 2 == 0) {
			if (split) {
				mr_del(remap);
			} else {
				mr_add(&gv.vm->mem_root, 17 * GV_PAGE, remap, 1);
			}
			split = !split;
		}
		loop_turn(gv.vm->loop, false);
		if (ways[way].kvm) {
			kicks();
		} else {
			usleep(300);
		}
		n += copy(d, shadow);
	}
	if (split) {
		mr_del(remap);
	}
	return n;
}

static void run_copy(unsigned way, bool remap)
{
	struct mr hole;
	uint8_t *shadow = malloc(RAM);
	struct dirty_log d;
	struct err e = ERR_INIT;
	unsigned n, missed = 0, first = 0;

	if (!up(way, 2)) {
		free(shadow);
		return;
	}
	for (unsigned k = 0; k < LIST_MAX; k++) {
		*gv_at(LIST + 4 * k) = (16 + k * 3) * GV_PAGE;
	}
	*gv_at(LIST + 4 * LIST_MAX) = 0;
	mr_init_io(&hole, "hole", GV_PAGE, &gv_port_ops, NULL, NULL);
	ck_assert_int_ge(dirty_log_start(&d, gv.vm, &e), 0);
	memcpy(shadow, gv.ram->host, RAM);
	command(CMD_FOREVER);
	n = copy_some(way, remap ? &hole : NULL, &d, shadow);
	unit_await_doing(n += copy_some(way, remap ? &hole : NULL, &d, shadow),
	                 n >= 3000);
	vm_stop(gv.vm, RUN_PAUSED);
	ck_assert_int_eq(gv.vm->state, RUN_PAUSED);
	copy(&d, shadow);
	*(uint32_t *)(void *)(shadow + CMD) = CMD_FOREVER; /* the host's own write */
	for (unsigned p = 0; p < RAM / GV_PAGE; p++) {
		if (memcmp(shadow + p * GV_PAGE, gv.ram->host + p * GV_PAGE, GV_PAGE)) {
			if (!missed++) {
				first = p;
			}
		}
	}
	ck_assert_msg(!missed, "%s: %u pages were missed, the first is %u",
	              ways[way].name, missed, first);
	dirty_log_stop(&d);
	vm_free(gv.vm);
	free(shadow);
}

START_TEST(test_copy)
{
	run_copy((unsigned)_i, false);
}
END_TEST

START_TEST(test_copy_while_slots_change)
{
	run_copy((unsigned)_i, true);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("dirtyvm");
	TCase *tc = unit_case(s, "dirtyvm");

	tcase_add_loop_test(tc, test_exact, 0, ARRAY_LEN(ways));
	tcase_add_loop_test(tc, test_copy, 0, ARRAY_LEN(ways));
	tcase_add_loop_test(tc, test_copy_while_slots_change, 0, ARRAY_LEN(ways));
	return unit_main(s);
}
