/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * kvmbatch_test.c - register writes that KVM has collected, on a fake KVM (kvmfake.h): all of
 * them are carried out, in order, before what the guest did next; and a ring that makes no
 * sense harms nobody.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>

#include "kvmrig.h"

enum { PORT = 0x200, MMIO_GPA = 0x800000, N = 600, VCPUS = 4 };

static struct rig g;
static struct mr late, late_mem;
static struct lk late_lk;
static pthread_mutex_t ring_lk = PTHREAD_MUTEX_INITIALIZER; /* the kernel's */
static _Atomic unsigned n_bad, n_done, n_batched;
static unsigned latest[VCPUS]; /* last number written, by vCPU; under late_lk */
static uint64_t writes;

/* The value says who, and the how manyth it is. */
static void late_write(void *o __unused, uint64_t off, uint64_t val, unsigned size)
{
	unsigned who = val >> 24 & 0xff, n = val & 0xffffff;

	(void)off, (void)size;
	writes++;
	if (who >= VCPUS || n != latest[who] + 1) {
		atomic_fetch_add(&n_bad, 1);
		return;
	}
	latest[who] = n;
}

/* An access that leaves the guest, for the number that must have been written. */
static uint64_t late_read(void *o __unused, uint64_t off, unsigned size __unused)
{
	return off < 8 + VCPUS ? latest[off - 8] : 0;
}

static const struct mr_ops late_ops = {
	.read = late_read, .write = late_write, .min = 1, .max = 4
};

static void up(unsigned vcpus)
{
	fake.caps[KVM_CAP_COALESCED_MMIO] = 2;
	fake.caps[KVM_CAP_COALESCED_PIO] = 1;
	ck_assert_msg(rig_build(&g, vcpus, 0) == 0, "%s", last.text);
	lk_init(&late_lk, RANK_DEVICE, "late");
	mr_init_io(&late, "late", 16, &late_ops, NULL, &late_lk);
	late.batch = 4;
	mr_add(&g.vm->io_root, PORT, &late, 0);
	rig_reset(&g, CAUSE_NONE);
	memset(latest, 0, sizeof(latest));
	writes = 0;
	atomic_store(&n_bad, 0);
	atomic_store(&n_done, 0);
	atomic_store(&n_batched, 0);
}

/* ---- zones ---- */

START_TEST(test_zones)
{
	fake_reset();
	up(1);
	ck_assert_uint_eq(fake.n_zones, 1);
	ck_assert_uint_eq(fake.zone[0].addr, PORT);
	ck_assert_uint_eq(fake.zone[0].size, 4);
	ck_assert(fake.zone[0].pio);
	mr_init_io(&late_mem, "late-mem", 0x1000, &late_ops, NULL, &late_lk);
	late_mem.batch = 0x100;
	mr_add(&g.vm->mem_root, MMIO_GPA, &late_mem, 0);
	ck_assert_uint_eq(fake.n_zones, 2);
	ck_assert(!fake.zone[1].pio);
	ck_assert_uint_eq(fake.zone[1].size, 0x100);
	mr_set_addr(&late, PORT + 0x10);
	ck_assert_uint_eq(fake.n_zones, 2);
	mr_del(&late_mem);
	ck_assert_uint_eq(fake.n_zones, 1);
	ck_assert_uint_eq(fake.zone[0].addr, PORT + 0x10);
	rig_free(&g);
}
END_TEST

static void map_both(struct rig *r)
{
	mr_init_io(&late, "late", 16, &late_ops, NULL, NULL);
	late.batch = 4;
	mr_add(&r->vm->io_root, PORT, &late, 0);
	mr_init_io(&late_mem, "late-mem", 0x1000, &late_ops, NULL, NULL);
	late_mem.batch = 4;
	mr_add(&r->vm->mem_root, MMIO_GPA, &late_mem, 0);
}

/* Since Linux 6.17 a slot that comes after a zone waits for a grace period. Devices may
 * well be mapped before RAM. */
START_TEST(test_zones_after_slots)
{
	fake_reset();
	fake.caps[KVM_CAP_COALESCED_MMIO] = 2;
	fake.caps[KVM_CAP_COALESCED_PIO] = 1;
	rig_early = map_both;
	ck_assert_msg(rig_build(&g, 2, 0) == 0, "%s", last.text);
	ck_assert_uint_gt(atomic_load(&fake.n_slots), 0);
	ck_assert_uint_eq(fake.n_zones, 2);
	ck_assert_uint_eq(atomic_load(&fake.n_late_slots), 0);
	rig_early = NULL;
	rig_free(&g);
}
END_TEST

static void old_kvm(int mmio_cap, unsigned zones)
{
	fake_reset();
	fake.caps[KVM_CAP_COALESCED_MMIO] = mmio_cap;
	ck_assert_msg(rig_build(&g, 1, 0) == 0, "%s", last.text);
	map_both(&g);
	ck_assert_uint_eq(fake.n_zones, zones);
	rig_free(&g);
}

START_TEST(test_memory_only)
{
	old_kvm(2, 1);
}
END_TEST

START_TEST(test_none)
{
	old_kvm(0, 0);
}
END_TEST

START_TEST(test_ring_beyond_the_page)
{
	old_kvm(7, 0);
}
END_TEST

/* ---- order ---- */

/* A guest: batched writes, now and then a read of what it has written; a full ring makes
 * the write itself an exit. */
static int order_run(struct fake_vcpu *v)
{
	static struct {
		unsigned n;
		bool reading;
	} at[VCPUS];
	unsigned i = v->index, *n = &at[i].n;
	uint8_t *data = (uint8_t *)v->run + 4096;

	if (at[i].reading) {
		uint32_t got;

		memcpy(&got, data, 4);
		atomic_fetch_add(&n_bad, got != *n);
		at[i].reading = false;
	}
	v->run->exit_reason = KVM_EXIT_IO;
	v->run->io.data_offset = 4096;
	v->run->io.count = 1;
	v->run->io.size = 4;
	while (*n < N) {
		uint32_t val = i << 24 | (*n + 1);
		bool room;

		pthread_mutex_lock(&ring_lk);
		room = fake_batch(PORT, 4, val, true);
		pthread_mutex_unlock(&ring_lk);
		++*n;
		if (!room) {
			v->run->io.direction = KVM_EXIT_IO_OUT;
			v->run->io.port = PORT;
			memcpy(data, &val, 4);
			return 0;
		}
		atomic_fetch_add(&n_batched, 1);
		if (*n % (i ? 13 : 200) == 0) {
			v->run->io.direction = KVM_EXIT_IO_IN;
			v->run->io.port = (uint16_t)(PORT + 8 + i);
			v->run->io.size = 1;
			break;
		}
	}
	if (*n >= N) {
		atomic_fetch_or(&n_done, 1u << i);
		while (!*(volatile uint8_t *)&v->run->immediate_exit) {
			usleep(50);
		}
		return -EINTR;
	}
	return 0;
}

START_TEST(test_order)
{
	fake_reset();
	fake.run = order_run;
	up(VCPUS);
	vm_cont(g.vm);
	unit_await(atomic_load(&n_done) == (1u << VCPUS) - 1);
	vm_stop(g.vm, RUN_PAUSED); /* with it the last ones are carried out */
	for (unsigned i = 0; i < VCPUS; i++) {
		ck_assert_uint_eq(latest[i], N);
	}
	ck_assert_uint_eq(atomic_load(&n_bad), 0);
	ck_assert_uint_eq(writes, N * VCPUS);
	ck_assert_uint_eq(fake_ring()->first, fake_ring()->last);
	ck_assert_uint_eq(atomic_load(&((struct kvm *)g.vm->hv_priv)->coalesce.n),
	                  atomic_load(&n_batched));
	rig_free(&g);
}
END_TEST

/* ---- nonsense ---- */

static void (*once)(void);

static int once_run(struct fake_vcpu *v)
{
	if (once) {
		once();
		once = NULL;
		v->run->exit_reason = KVM_EXIT_INTR;
		return 0;
	}
	atomic_store(&n_done, 1);
	while (!*(volatile uint8_t *)&v->run->immediate_exit) {
		usleep(50);
	}
	return -EINTR;
}

static void go(void (*fn)(void))
{
	fake_reset();
	fake.run = once_run;
	once = fn;
	up(1);
	vm_cont(g.vm);
	unit_await(atomic_load(&n_done));
	vm_stop(g.vm, RUN_PAUSED);
}

static void odd_entries(void)
{
	fake_batch(PORT, 0, 0, true);        /* no length */
	fake_batch(PORT, 200, 0, true);      /* too long */
	fake_batch(PORT + 8, 4, 0, true);    /* not batched there */
	fake_batch(0x100, 1, 0, true);       /* the other device */
	fake_batch(0x1000, 8, ~0ull, false); /* RAM */
	fake_batch(UINT64_MAX, 8, 0, false); /* nothing */
	fake_batch(PORT, 4, 1, true);        /* a right one */
}

START_TEST(test_odd_entries)
{
	go(odd_entries);
	ck_assert_uint_eq(writes, 1);
	ck_assert_uint_eq(latest[0], 1);
	ck_assert_uint_eq(atomic_load(&g.port_writes), 0);
	ck_assert_uint_eq(*(uint64_t *)(void *)(g.block->host + 0x1000), 0);
	rig_free(&g);
}
END_TEST

static void odd_index(void)
{
	fake_batch(PORT, 4, 1, true);
	fake_ring()->last = 0x7fffffff;
}

START_TEST(test_odd_index)
{
	go(odd_index);
	ck_assert_uint_eq(writes, 0);
	ck_assert_ptr_null(atomic_load(&((struct kvm *)g.vm->hv_priv)->coalesce.ring));
	rig_free(&g);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { test_zones,
		                       test_zones_after_slots,
		                       test_memory_only,
		                       test_none,
		                       test_ring_beyond_the_page,
		                       test_order,
		                       test_odd_entries,
		                       test_odd_index };

	return unit_main(unit_suite("kvmbatch", tests, ARRAY_LEN(tests)));
}
