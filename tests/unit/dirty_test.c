/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * dirty_test.c - the dirty log with sources that are C functions: marks, users, order of
 * taking and re-arming, and writers that race with a collector.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/cpu/arch.h"
#include "core/dirty.h"
#include "core/vm.h"
#include "unit.h"

enum { PAGE = 4096, PAGES = 256 };

static const struct guest_arch mock_arch = { .name = "mock", .state_size = 64 };

/* ---- a hypervisor that records by itself ---- */

static struct {
	unsigned started, stopped, collects;
	uint64_t give; /* page to report, once */
	int fail_start, fail_collect;
} src;

static int src_start(struct vm *vm __unused, struct err *e)
{
	src.started++;
	return src.fail_start ? err_set(e, src.fail_start, "no log here") : 0;
}

static int src_stop(struct vm *vm __unused, struct err *e __unused)
{
	src.stopped++;
	return 0;
}

static int src_collect(struct vm *vm __unused, uint64_t ram_off, uint64_t len,
                       uint64_t *bits, struct err *e)
{
	ck_assert_uint_eq(ram_off, 0);
	ck_assert_uint_eq(len, ram_off_end());
	src.collects++;
	if (src.give) {
		dirty_set_bit(bits, src.give);
		src.give = 0;
	}
	return src.fail_collect ? err_set(e, src.fail_collect, "lost it") : 0;
}

static const struct hv_ops src_hv = {
	.name = "mock",
	.mem = { .dirty_start = src_start,
	         .dirty_stop = src_stop,
	         .dirty_collect = src_collect },
};

static struct vm *vm;
static struct ram_block *ram;
static struct mr ram_mr;

static void up(const struct hv_ops *hv)
{
	struct ram_config cfg = { .size = PAGES * PAGE };
	struct err e = ERR_INIT;

	role_adopt_main();
	memset(&src, 0, sizeof(src));
	ram = ram_block_new("hole", &cfg, &e); /* so that ram_off is not the address */
	ram = ram_block_new("ram", &cfg, &e);
	ck_assert_ptr_nonnull(ram);
	vm = vm_new(&mock_arch, hv);
	mr_init_ram(&ram_mr, "ram", ram);
	mr_add(&vm->mem_root, 0, &ram_mr, 0);
}

static void must_collect(void)
{
	struct err e = ERR_INIT;

	ck_assert_msg(dirty_log_collect(vm, &e) >= 0, "%s", e.text);
}

START_TEST(test_marks_and_users)
{
	struct dirty_log a, b;
	struct err e = ERR_INIT;
	uint64_t out[PAGES / 64];

	up(&src_hv);
	dirty_mark(ram->ram_off, PAGE); /* nobody logs: nothing happens */
	ck_assert(!dirty_logging());
	ck_assert_int_ge(dirty_log_start(&a, vm, &e), 0);
	ck_assert(dirty_logging());
	ck_assert_int_eq(dma_write(&vm->mem, 2 * PAGE - 1, "xy", 2), 0); /* two pages */
	aspace_write(&vm->mem, 7 * PAGE, 1, 1);
	ck_assert_uint_eq(dirty_log_count(&a), 0); /* not before a collect */
	src.give = (ram->ram_off >> DIRTY_PAGE_BITS) + 100;
	must_collect();
	ck_assert_uint_eq(dirty_log_count(&a), 4);
	ck_assert(dirty_log_test(&a, ram->ram_off + PAGE));
	ck_assert(dirty_log_test(&a, ram->ram_off + 2 * PAGE));
	/* A second user sees only what comes after it started; each has its own. */
	ck_assert_int_ge(dirty_log_start(&b, vm, &e), 0);
	ck_assert_uint_eq(src.started, 1);
	dma_mark_written(&vm->mem, 9 * PAGE, 65 * PAGE);
	must_collect();
	ck_assert_uint_eq(dirty_log_count(&b), 65);
	ck_assert_uint_eq(dirty_log_count(&a), 69);
	ck_assert_uint_eq(dirty_log_take(&a, ram->ram_off, PAGES * PAGE, out), 69);
	ck_assert_uint_eq(out[0], 6u | 1u << 7 | ~UINT64_C(0) << 9);
	ck_assert_uint_eq(out[1], 0x3ff | UINT64_C(1) << 36);
	ck_assert_uint_eq(dirty_log_count(&a), 0);
	ck_assert_uint_eq(dirty_log_count(&b), 65);
	dirty_log_stop(&a);
	ck_assert(dirty_logging());
	dirty_log_stop(&b);
	ck_assert(!dirty_logging());
	ck_assert_uint_eq(src.stopped, 1);
	/* What was pending at the end is not there at the next beginning. */
	ck_assert_int_ge(dirty_log_start(&a, vm, &e), 0);
	aspace_write(&vm->mem, 7 * PAGE, 1, 1);
	dirty_log_stop(&a);
	ck_assert_int_ge(dirty_log_start(&a, vm, &e), 0);
	must_collect();
	ck_assert_uint_eq(dirty_log_count(&a), 0);
	dirty_log_stop(&a);
}
END_TEST

START_TEST(test_failures)
{
	struct dirty_log a;
	struct err e = ERR_INIT;

	up(&src_hv);
	src.fail_start = -ENOTSUP;
	ck_assert_int_eq(dirty_log_start(&a, vm, &e), -ENOTSUP);
	ck_assert(!dirty_logging());
	dirty_log_stop(&a); /* harmless */
	src.fail_start = 0;
	ck_assert_int_ge(dirty_log_start(&a, vm, &e), 0);
	src.fail_collect = -EIO;
	src.give = 5;
	aspace_write(&vm->mem, 7 * PAGE, 1, 1);
	ck_assert_int_eq(dirty_log_collect(vm, &e), -EIO);
	ck_assert_uint_eq(dirty_log_count(&a), 2); /* what there was is not lost */
	dirty_log_stop(&a);
}
END_TEST

/* ---- a writer with a cached permission, as the translator has ---- */

static struct {
	pthread_mutex_t lk; /* one step of the writer */
	bool may_write[PAGES];
	_Atomic bool end;
	_Atomic unsigned dma; /* writes that are marked afterwards */
} wr = { .lk = PTHREAD_MUTEX_INITIALIZER };

static int wr_collect(struct dirty_source *s __unused, uint64_t *bits __unused,
                      struct err *e __unused)
{
	pthread_mutex_lock(&wr.lk);
	memset(wr.may_write, 0, sizeof(wr.may_write));
	pthread_mutex_unlock(&wr.lk);
	return 0;
}

static void *wr_thread(void *arg __unused)
{
	uint32_t x = 1;

	while (!atomic_load(&wr.end)) {
		unsigned p;

		x = x * 1664525 + 1013904223;
		p = x >> 24;
		if (x & 256) {
			uint32_t v;

			ck_assert_int_eq(dma_read(&vm->mem, p * PAGE + 8, &v, 4), 0);
			v++;
			ck_assert_int_eq(dma_write(&vm->mem, p * PAGE + 8, &v, 4), 0);
			wr.dma++;
			continue;
		}
		pthread_mutex_lock(&wr.lk);
		if (!wr.may_write[p]) {
			dirty_mark(ram->ram_off + p * PAGE, PAGE);
			wr.may_write[p] = true;
		}
		((uint32_t *)(void *)(ram->host + p * PAGE))[0]++;
		pthread_mutex_unlock(&wr.lk);
	}
	return NULL;
}

static void wr_copy(struct dirty_log *d, uint8_t *shadow)
{
	uint64_t out[PAGES / 64];

	must_collect();
	dirty_log_take(d, ram->ram_off, PAGES * PAGE, out);
	for (unsigned p = 0; p < PAGES; p++) {
		if (out[p / 64] >> (p % 64) & 1) {
			memcpy(shadow + p * PAGE, ram->host + p * PAGE, PAGE);
		}
	}
}

START_TEST(test_racing_writers)
{
	static uint8_t shadow[PAGES * PAGE];
	struct dirty_source s = { .collect = wr_collect };
	struct dirty_log d;
	struct err e = ERR_INIT;
	pthread_t t;

	up(NULL);
	ck_assert_int_ge(dirty_log_start(&d, vm, &e), 0);
	dirty_source_add(&s);
	memcpy(shadow, ram->host, sizeof(shadow));
	pthread_create(&t, NULL, wr_thread, NULL);
	unit_rounds (i, 2000) {
		wr_copy(&d, shadow);
	}
	unit_await_doing(wr_copy(&d, shadow), wr.dma >= 1000);
	atomic_store(&wr.end, true);
	pthread_join(t, NULL);
	wr_copy(&d, shadow);
	ck_assert_mem_eq(shadow, ram->host, sizeof(shadow));
	dirty_source_del(&s);
	dirty_log_stop(&d);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_marks_and_users, test_failures,
		                       test_racing_writers };

	return unit_main(unit_suite("dirty", tests, ARRAY_LEN(tests)));
}
