/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio_test.c - ring walking, hostile rings, and the block, entropy and network
 * devices driven through virtio-mmio by a small driver in the test.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/opt.h"
#include "block.h"
#include "core/loop.h"
#include "core/role.h"
#include "core/vm.h"
#include "devices/bus/pci-host.h"
#include "devices/bus/virtio-mmio.h"
#include "devices/bus/virtio.h"
#include "host/net/netdev.h"
#include "tests/unit/unit.h"

extern const struct device_class virtio_blk_pci_class, virtio_blk_mmio_class,
	virtio_rng_mmio_class, virtio_net_mmio_class;
const struct device_class *const device_classes[] = {
	&virtio_blk_pci_class,
	&virtio_blk_mmio_class,
	&virtio_rng_mmio_class,
	&virtio_net_mmio_class,
	NULL,
};

enum {
	RAM_SIZE = 4 << 20,
	MMIO = 0x10000000,
	DESC = 0x1000,
	AVAIL = 0x5000,
	USED = 0x6000,
	DATA = 0x100000,
	D_NEXT = 1,
	D_WRITE = 2,
	D_INDIRECT = 4,
};

static struct vm *t_vm;
static struct loop *t_loop;
static struct ram_block *t_ram;
static struct mr t_ram_mr;
static struct virtio_mmio_bus t_bus;
static int t_irq_level, t_irq_count;
static void (*t_irq_before)(int level); /* called once */

static void t_irq(void *arg, unsigned n, int level)
{
	void (*before)(int) = t_irq_before;

	(void)arg;
	(void)n;
	if (before) {
		t_irq_before = NULL;
		before(level);
	}
	t_irq_count += level && !t_irq_level;
	t_irq_level = level;
}

static void t_setup(void)
{
	struct ram_config rc = { .size = RAM_SIZE };
	struct irq irq[2] = { { t_irq, NULL, 0 }, { t_irq, NULL, 1 } };
	struct err e = ERR_INIT;

	t_vm = vm_new(NULL, NULL);
	t_loop = loop_new(LOOP_AUTO, &e);
	ck_assert_msg(t_loop != NULL, "%s", e.text);
	t_vm->loop = t_loop;
	t_ram = ram_block_new("test.ram", &rc, &e);
	ck_assert_msg(t_ram != NULL, "%s", e.text);
	mr_init_ram(&t_ram_mr, "ram", t_ram);
	mr_add(&t_vm->mem_root, 0, &t_ram_mr, 0);
	virtio_mmio_bus_init(&t_bus, 2, irq);
	mr_add(&t_vm->mem_root, MMIO, &t_bus.slot[0].mr, 0);
	t_irq_level = t_irq_count = 0;
}

static void t_teardown(void)
{
	mr_del(&t_bus.slot[0].mr);
	virtio_mmio_bus_fini(&t_bus);
	mr_del(&t_ram_mr);
	vm_free(t_vm);
	ram_block_free(t_ram);
	loop_free(t_loop);
}

static uint8_t *g(gpa_t a)
{
	return t_ram->host + a;
}

static void desc(unsigned i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
	uint8_t *d = g(DESC) + 16 * i;

	st_le64(d, addr);
	st_le32(d + 8, len);
	st_le16(d + 12, flags);
	st_le16(d + 14, next);
}

static void avail(unsigned size, uint16_t head)
{
	uint16_t idx = ld_le16(g(AVAIL) + 2);

	st_le16(g(AVAIL) + 4 + 2 * (idx % size), head);
	st_le16(g(AVAIL) + 2, (uint16_t)(idx + 1));
}

static uint16_t used_idx(void)
{
	return ld_le16(g(USED) + 2);
}

static uint32_t used_len(unsigned i)
{
	return ld_le32(g(USED) + 4 + 8 * i + 4);
}

/* ---- rings ---- */

static struct virtq t_q;
static struct virtq_chain t_chain;

static void ring_start(uint16_t size, bool event_idx)
{
	struct virtq_config c = { size, DESC, AVAIL, USED, event_idx };

	memset(g(0), 0, 0x10000);
	ck_assert_int_eq(virtq_start(&t_q, &t_vm->mem, &c), 0);
}

START_TEST(test_ring_chain)
{
	ring_start(8, false);
	ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 0);
	desc(0, DATA, 16, D_NEXT, 3);
	desc(3, DATA + 0x1000, 512, D_NEXT | D_WRITE, 5);
	desc(5, DATA + 0x2000, 1, D_WRITE, 0);
	avail(8, 0);
	ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 1);
	ck_assert_uint_eq(t_chain.n_out, 1);
	ck_assert_uint_eq(t_chain.n_in, 2);
	ck_assert_uint_eq(t_chain.out_len, 16);
	ck_assert_uint_eq(t_chain.in_len, 513);
	ck_assert_ptr_eq(t_chain.iov[1].iov_base, g(DATA + 0x1000));
	ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 0);
	virtq_push(&t_q, 0, 513);
	ck_assert_uint_eq(used_idx(), 0);
	ck_assert(virtq_publish(&t_q));
	ck_assert_uint_eq(used_idx(), 1);
	ck_assert_uint_eq(used_len(0), 513);
}
END_TEST

START_TEST(test_ring_indirect)
{
	uint8_t *t = g(0x20000);

	ring_start(8, false);
	for (unsigned i = 0; i < 20; i++) { /* more than the ring: allowed in a table */
		st_le64(t + 16 * i, DATA + 0x100 * i);
		st_le32(t + 16 * i + 8, 0x100);
		st_le16(t + 16 * i + 12, i < 19 ? D_NEXT : 0);
		st_le16(t + 16 * i + 14, (uint16_t)(i + 1));
	}
	desc(0, 0x20000, 20 * 16, D_INDIRECT, 0);
	avail(8, 0);
	ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 1);
	ck_assert_uint_eq(t_chain.n_out, 20);
	ck_assert_uint_eq(t_chain.out_len, 0x1400);
	memset(t + 16 * 20, 0, 16);
	st_le16(t + 12, D_INDIRECT);
	avail(8, 0);
	ck_assert_int_lt(virtq_pop(&t_q, &t_chain), 0);
	ck_assert_ptr_nonnull(t_q.broken);
}
END_TEST

static void expect_broken(void)
{
	ck_assert_int_lt(virtq_pop(&t_q, &t_chain), 0);
	ck_assert_ptr_nonnull(t_q.broken);
	ck_assert_int_lt(virtq_pop(&t_q, &t_chain), 0);
}

/* class 6: loops over guest lists; class 2: indices; class 1: DMA into registers */
START_TEST(test_ring_bad)
{
	switch (_i) {
	case 0: /* loop */
		ring_start(8, false);
		desc(0, DATA, 16, D_NEXT, 1);
		desc(1, DATA, 16, D_NEXT, 0);
		avail(8, 0);
		break;
	case 1: /* next out of range */
		ring_start(8, false);
		desc(0, DATA, 16, D_NEXT, 8);
		avail(8, 0);
		break;
	case 2: /* head out of range */
		ring_start(8, false);
		avail(8, 8);
		break;
	case 3: /* index too far ahead */
		ring_start(8, false);
		st_le16(g(AVAIL) + 2, 9);
		break;
	case 4: /* beyond RAM */
		ring_start(8, false);
		desc(0, RAM_SIZE - 8, 16, 0, 0);
		avail(8, 0);
		break;
	case 5: /* registers are no DMA target */
		ring_start(8, false);
		desc(0, MMIO, 16, D_WRITE, 0);
		avail(8, 0);
		break;
	case 6: /* readable after writable */
		ring_start(8, false);
		desc(0, DATA, 16, D_NEXT | D_WRITE, 1);
		desc(1, DATA, 16, 0, 0);
		avail(8, 0);
		break;
	case 7: /* wraps the address space */
		ring_start(8, false);
		desc(0, UINT64_MAX - 4, 16, 0, 0);
		avail(8, 0);
		break;
	case 8: /* table of illegal size */
		ring_start(8, false);
		desc(0, 0x20000, 24, D_INDIRECT, 0);
		avail(8, 0);
		break;
	default: /* indirect and next */
		ring_start(8, false);
		desc(0, 0x20000, 32, D_INDIRECT | D_NEXT, 1);
		avail(8, 0);
		break;
	}
	expect_broken();
}
END_TEST

START_TEST(test_ring_config)
{
	struct virtq_config c = { 8, DESC, AVAIL, USED, false };

	c.size = 6;
	ck_assert_int_lt(virtq_start(&t_q, &t_vm->mem, &c), 0);
	c.size = 2048;
	ck_assert_int_lt(virtq_start(&t_q, &t_vm->mem, &c), 0);
	c.size = 8;
	c.desc = DESC + 8;
	ck_assert_int_lt(virtq_start(&t_q, &t_vm->mem, &c), 0);
	c.desc = RAM_SIZE - 64;
	ck_assert_int_lt(virtq_start(&t_q, &t_vm->mem, &c), 0);
	c.desc = MMIO;
	ck_assert_int_lt(virtq_start(&t_q, &t_vm->mem, &c), 0);
}
END_TEST

START_TEST(test_ring_event_idx)
{
	ring_start(4, true);
	desc(0, DATA, 16, 0, 0);
	for (unsigned i = 0; i < 70000; i++) { /* indices wrap */
		/* the driver wants the interrupt of every second entry */
		st_le16(g(AVAIL) + 4 + 8, (uint16_t)(i | 1));
		avail(4, 0);
		ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 1);
		virtq_push(&t_q, 0, 0);
		ck_assert_int_eq(virtq_publish(&t_q), (i & 1) != 0);
		ck_assert(!virtq_kicks_enable(&t_q));
		ck_assert_uint_eq(ld_le16(g(USED) + 4 + 32), (uint16_t)(i + 1));
	}
}
END_TEST

/* A receive queue with too few buffers must not spin: only new ones count. */
START_TEST(test_ring_unpop)
{
	ring_start(8, true);
	desc(0, DATA, 16, D_WRITE, 0);
	avail(8, 0);
	ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 1);
	virtq_unpop(&t_q, 1);
	ck_assert(!virtq_kicks_enable(&t_q));
	ck_assert_uint_eq(ld_le16(g(USED) + 4 + 64), 1);
	avail(8, 0);
	ck_assert(virtq_kicks_enable(&t_q));
	ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 1);
	ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 1);
	ck_assert_int_eq(virtq_pop(&t_q, &t_chain), 0);
}
END_TEST

static uint64_t t_seed = 88172645463325252ull;

static uint64_t rnd(void)
{
	t_seed ^= t_seed << 13;
	t_seed ^= t_seed >> 7;
	t_seed ^= t_seed << 17;
	return t_seed;
}

/* Whatever is in the ring, spans stay inside RAM and walking ends. */
START_TEST(test_ring_hostile)
{
	for (unsigned round = 0; round < 20000; round++) {
		ring_start(8, round & 1);
		for (unsigned i = 0; i < 8 * 16 + 64; i += 2) {
			if (rnd() % 3 == 0) {
				st_le16(g(DESC) + i, (uint16_t)rnd());
			}
		}
		for (unsigned i = 0; i < 8; i++) {
			desc(i, rnd() % 4 ? rnd() % RAM_SIZE : rnd(),
			     (uint32_t)(rnd() % 8192), (uint16_t)(rnd() % 8),
			     (uint16_t)(rnd() % 9));
			st_le16(g(AVAIL) + 4 + 2 * i, (uint16_t)(rnd() % 9));
		}
		st_le16(g(AVAIL) + 2, (uint16_t)(rnd() % 10));
		while (virtq_pop(&t_q, &t_chain) > 0) {
			for (unsigned i = 0; i < t_chain.n_in + t_chain.n_out; i++) {
				uint8_t *p = t_chain.iov[i].iov_base;

				ck_assert(p >= t_ram->host &&
				          t_chain.iov[i].iov_len <= RAM_SIZE &&
				          p + t_chain.iov[i].iov_len <=
				                  t_ram->host + RAM_SIZE);
			}
			virtq_push(&t_q, t_chain.head, 0);
			(void)!virtq_publish(&t_q);
		}
	}
}
END_TEST

/* ---- a driver over virtio-mmio ---- */

static uint32_t rd(unsigned off)
{
	return (uint32_t)aspace_read(&t_vm->mem, MMIO + off, 4);
}

static void wr(unsigned off, uint32_t v)
{
	aspace_write(&t_vm->mem, MMIO + off, v, 4);
}

static void drv_queue(unsigned q, unsigned size, gpa_t base)
{
	wr(0x30, q);
	ck_assert_uint_ge(rd(0x34), size);
	wr(0x38, size);
	wr(0x80, (uint32_t)(base + DESC));
	wr(0x90, (uint32_t)(base + AVAIL));
	wr(0xa0, (uint32_t)(base + USED));
	wr(0x44, 1);
	ck_assert_uint_eq(rd(0x44), 1);
}

static uint64_t drv_features(uint64_t want)
{
	uint64_t f;

	wr(0x14, 0);
	f = rd(0x10);
	wr(0x14, 1);
	f |= (uint64_t)rd(0x10) << 32;
	wr(0x24, 0);
	wr(0x20, (uint32_t)(f & want));
	wr(0x24, 1);
	wr(0x20, 1);
	return f;
}

static void drv_init(uint64_t features, unsigned n_queues, unsigned size)
{
	ck_assert_uint_eq(rd(0), 0x74726976);
	wr(0x70, 0);
	ck_assert_uint_eq(rd(0x70), 0);
	memset(g(0), 0, 0x100000);
	wr(0x70, 1);
	wr(0x70, 3);
	drv_features(features);
	wr(0x70, 11);
	ck_assert_uint_eq(rd(0x70), 11);
	for (unsigned i = 0; i < n_queues; i++) {
		drv_queue(i, size, i * 0x10000);
	}
	wr(0x70, 15);
	unit_turns(t_loop, 2);
}

static char t_path[64];

static struct device *blk_device(uint64_t size, const char *extra)
{
	struct err e = ERR_INIT;
	struct blk_node *n;
	struct device *d;
	struct opt *o;
	int fd;

	strcpy(t_path, "/tmp/lodge-virtio-XXXXXX");
	fd = mkstemp(t_path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)size), 0);
	close(fd);
	o = opt_new_dict();
	opt_put_str(o, "driver", "file");
	opt_put_str(o, "node-name", "disk");
	opt_put_str(o, "filename", t_path);
	opt_put_str(o, "discard", "unmap");
	ck_assert_msg(blk_node_add(o, &n, &e) == 0, "%s", e.text);
	opt_free(o);
	ck_assert_int_eq(opt_parse(&o, extra, "driver", &e), 0);
	d = device_add(t_vm, o, &e);
	ck_assert_msg(d != NULL, "%s", e.text);
	opt_free(o);
	return d;
}

static void blk_device_gone(struct device *d)
{
	struct err e = ERR_INIT;

	device_unrealize(d);
	device_free(d);
	ck_assert_msg(blk_node_del("disk", &e) == 0, "%s", e.text);
	unlink(t_path);
}

/* One request of header, `len` data bytes at DATA + 0x1000, status. */
static uint8_t blk_request(uint32_t type, uint64_t sector, uint32_t len, bool in)
{
	uint16_t was = used_idx();
	uint8_t *h = g(DATA), *status = g(DATA + 0x800);

	st_le32(h, type);
	st_le32(h + 4, 0);
	st_le64(h + 8, sector);
	*status = 0xee;
	desc(0, DATA, 16, D_NEXT, len ? 1 : 2);
	desc(1, DATA + 0x1000, len, (uint16_t)(D_NEXT | (in ? D_WRITE : 0)), 2);
	desc(2, DATA + 0x800, 1, D_WRITE, 0);
	avail(8, 0);
	wr(0x50, 0);
	unit_await_turning(t_loop, used_idx() != was);
	ck_assert_uint_eq(used_idx(), (uint16_t)(was + 1));
	return *status;
}

START_TEST(test_blk_io)
{
	struct device *d = blk_device(
		1 << 20, "virtio-blk-device,drive=disk,serial=abc,num-queues=1");
	struct stat st;

	ck_assert_uint_eq(rd(0x08), 2);
	drv_init(~BIT64(29), 1, 8);
	ck_assert_uint_eq(rd(0x100), 2048);
	memset(g(DATA + 0x1000), 0x5a, 4096);
	ck_assert_uint_eq(blk_request(1, 8, 4096, false), 0);
	ck_assert_int_gt(t_irq_count, 0);
	ck_assert_uint_eq(rd(0x60) & 1, 1);
	wr(0x64, 1);
	ck_assert_int_eq(t_irq_level, 0);
	memset(g(DATA + 0x1000), 0, 4096);
	ck_assert_uint_eq(blk_request(0, 8, 4096, true), 0);
	ck_assert_uint_eq(*g(DATA + 0x1000), 0x5a);
	ck_assert_uint_eq(*g(DATA + 0x1fff), 0x5a);
	ck_assert_uint_eq(blk_request(4, 0, 0, false), 0);
	ck_assert_uint_eq(blk_request(8, 0, 20, true), 0);
	ck_assert_str_eq((char *)g(DATA + 0x1000), "abc");
	/* the end of the disk, and beyond */
	ck_assert_uint_eq(blk_request(0, 2047, 512, true), 0);
	ck_assert_uint_eq(blk_request(0, 2048, 512, true), 1);
	ck_assert_uint_eq(blk_request(0, UINT64_MAX - 1, 4096, true), 1);
	ck_assert_uint_eq(blk_request(0, 0, 100, true), 1);
	ck_assert_uint_eq(blk_request(77, 0, 512, true), 2);
	/* write zeroes with unmap, then discard */
	st_le64(g(DATA + 0x1000), 8);
	st_le32(g(DATA + 0x1008), 8);
	st_le32(g(DATA + 0x100c), 1);
	ck_assert_uint_eq(blk_request(13, 0, 16, false), 0);
	ck_assert_uint_eq(blk_request(0, 8, 4096, true), 0);
	ck_assert_uint_eq(*g(DATA + 0x1000), 0);
	st_le64(g(DATA + 0x1000), 0);
	st_le32(g(DATA + 0x1008), 2048);
	st_le32(g(DATA + 0x100c), 0);
	ck_assert_uint_eq(blk_request(11, 0, 16, false), 0);
	ck_assert_int_eq(stat(t_path, &st), 0);
	ck_assert_int_eq(st.st_size, 1 << 20);
	blk_device_gone(d);
}
END_TEST

/* class 3: what is configured is frozen at DRIVER_OK; reset starts anew */
START_TEST(test_blk_frozen)
{
	struct device *d =
		blk_device(1 << 20, "virtio-blk-device,drive=disk,num-queues=1");

	drv_init(0, 1, 8);
	wr(0x30, 0);
	wr(0x38, 4);
	wr(0x80, 0xdead0000);
	wr(0x44, 0);
	ck_assert_uint_eq(rd(0x44), 1);
	ck_assert_uint_eq(blk_request(0, 0, 512, true), 0);
	wr(0x70, 0);
	ck_assert_uint_eq(rd(0x70), 0);
	ck_assert_uint_eq(rd(0x44), 0);
	drv_init(0, 1, 4);
	blk_device_gone(d);
}
END_TEST

START_TEST(test_blk_needs_reset)
{
	struct device *d =
		blk_device(1 << 20, "virtio-blk-device,drive=disk,num-queues=1");

	drv_init(0, 1, 8);
	desc(0, DATA, 4, 0, 0); /* neither header nor status */
	avail(8, 0);
	wr(0x50, 0);
	unit_await_turning(t_loop, rd(0x70) != 15);
	ck_assert_uint_eq(rd(0x70), 15 | 64);
	ck_assert_uint_eq(rd(0x60) & 2, 2);
	drv_init(0, 1, 8);
	ck_assert_uint_eq(rd(0x70), 15);
	ck_assert_uint_eq(blk_request(0, 0, 512, true), 0);
	blk_device_gone(d);
}
END_TEST

/* Requests under way when the driver resets: none touches memory afterwards. */
START_TEST(test_blk_reset_in_flight)
{
	struct device *d =
		blk_device(1 << 20, "virtio-blk-device,drive=disk,num-queues=1");

	for (unsigned round = 0; round < 50; round++) {
		drv_init(0, 1, 8);
		st_le32(g(DATA), 0);
		st_le64(g(DATA + 8), 0);
		desc(0, DATA, 16, D_NEXT, 1);
		desc(1, DATA + 0x1000, 65536, D_NEXT | D_WRITE, 2);
		desc(2, DATA + 0x800, 1, D_WRITE, 0);
		avail(8, 0);
		wr(0x50, 0);
		loop_turn(t_loop, false);
		wr(0x70, 0);
		ck_assert_uint_eq(rd(0x70), 0);
		memset(g(DATA), 0x77, 0x20000);
		unit_turns(t_loop, 3);
		ck_assert_uint_eq(*g(DATA + 0x1000), 0x77);
		ck_assert_uint_eq(*g(DATA + 0x800), 0x77);
	}
	blk_device_gone(d);
}
END_TEST

START_TEST(test_blk_legacy_driver)
{
	struct device *d =
		blk_device(1 << 20, "virtio-blk-device,drive=disk,num-queues=1");

	wr(0x70, 0);
	wr(0x70, 1);
	wr(0x70, 3);
	wr(0x24, 1);
	wr(0x20, 0); /* no VERSION_1 */
	wr(0x70, 11);
	ck_assert_uint_eq(rd(0x70), 3);
	wr(0x70, 15);
	ck_assert_uint_eq(rd(0x70) & 4, 0);
	blk_device_gone(d);
}
END_TEST

START_TEST(test_blk_hostile)
{
	struct device *d =
		blk_device(1 << 20, "virtio-blk-device,drive=disk,num-queues=1");

	for (unsigned round = 0; round < 300; round++) {
		drv_init(rnd(), 1, 8);
		for (unsigned k = 0; k < 4; k++) {
			for (unsigned i = 0; i < 8; i++) {
				desc(i, DATA + rnd() % 0x8000, (uint32_t)(rnd() % 3000),
				     (uint16_t)(rnd() % 4), (uint16_t)(rnd() % 8));
				st_le16(g(AVAIL) + 4 + 2 * i, (uint16_t)(rnd() % 8));
			}
			for (unsigned i = 0; i < 0x8000; i += 16) {
				st_le32(g(DATA + i), (uint32_t)(rnd() % 15));
				st_le64(g(DATA + i + 8), rnd() % 3000);
			}
			st_le16(g(AVAIL) + 2,
			        (uint16_t)(ld_le16(g(AVAIL) + 2) + rnd() % 8));
			wr(0x50, (uint32_t)(rnd() % 3));
			loop_turn(t_loop, false);
			wr((unsigned)(rnd() % 0x50) * 4, (uint32_t)rnd());
		}
	}
	wr(0x70, 0);
	blk_device_gone(d);
}
END_TEST

START_TEST(test_rng)
{
	struct err e = ERR_INIT;
	struct device *d;
	struct opt *o;
	unsigned zero = 0;

	ck_assert_int_eq(opt_parse(&o, "virtio-rng-device", "driver", &e), 0);
	d = device_add(t_vm, o, &e);
	ck_assert_msg(d != NULL, "%s", e.text);
	opt_free(o);
	drv_init(0, 1, 8);
	desc(0, DATA, 256, D_WRITE, 0);
	avail(8, 0);
	wr(0x50, 0);
	unit_await_turning(t_loop, used_idx() == 1);
	ck_assert_uint_eq(used_len(0), 256);
	for (unsigned i = 0; i < 256; i++) {
		zero += *g(DATA + i) == 0;
	}
	ck_assert_uint_lt(zero, 64);
	device_unrealize(d);
	device_free(d);
}
END_TEST

static struct opt *net_opts(void)
{
	struct opt *o = opt_new_dict();

	opt_put_str(o, "type", "user");
	opt_put_str(o, "id", "net0");
	return o;
}

/* An ARP request for the gateway is answered through both queues. */
START_TEST(test_net_arp)
{
	static const uint8_t arp[] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x52, 0x54, 0, 0x12, 0x34,
		0x56, 8,    6,    0,    1,    8,    0,    6,    4, 0,    1,
		0x52, 0x54, 0,    0x12, 0x34, 0x56, 10,   0,    2, 15,   0,
		0,    0,    0,    0,    0,    10,   0,    2,    2,
	};
	struct err e = ERR_INIT;
	struct opt *o = net_opts();
	struct netdev *n = netdev_new(o, &e);
	struct device *d;
	uint8_t *rx;

	opt_free(o);
	ck_assert_msg(n != NULL, "%s", e.text);
	ck_assert_int_eq(opt_parse(&o, "virtio-net-device,netdev=net0", "driver", &e),
	                 0);
	d = device_add(t_vm, o, &e);
	ck_assert_msg(d != NULL, "%s", e.text);
	opt_free(o);
	drv_init(BIT64(15) | BIT64(16) | BIT64(0) | BIT64(1), 2, 16);
	/* queue 0: receive buffers of 100 bytes, so that the answer may need several */
	for (unsigned i = 0; i < 16; i++) {
		desc(i, DATA + 0x1000 + 0x100 * i, 20, D_WRITE, 0);
		avail(16, (uint16_t)i);
	}
	wr(0x50, 0);
	/* queue 1 lies 64 KiB further up */
	memset(g(DATA), 0, 12);
	memcpy(g(DATA + 12), arp, sizeof(arp));
	st_le64(g(0x10000 + DESC), DATA);
	st_le32(g(0x10000 + DESC + 8), 12 + sizeof(arp));
	st_le16(g(0x10000 + AVAIL + 2), 1);
	wr(0x50, 1);
	unit_await_turning(t_loop, ld_le16(g(0x10000 + USED + 2)) == 1);
	unit_await_turning(t_loop, used_idx() > 1);
	rx = g(DATA + 0x1000);
	ck_assert_uint_eq(ld_le16(rx + 10), used_idx());
	ck_assert_mem_eq(rx + 12, arp + 6, 6);
	device_unrealize(d);
	device_free(d);
	netdev_free(n);
}
END_TEST

/* ---- the PCI transport ---- */

enum { ECAM = 0xb0000000, BAR4 = 0xc0000000, BAR1 = 0xc0100000 };

static struct msi_msg t_msi[64];
static unsigned t_n_msi;

static void t_msi_send(void *arg, const struct msi_msg *m)
{
	(void)arg;
	if (t_n_msi < ARRAY_LEN(t_msi)) {
		t_msi[t_n_msi++] = *m;
	}
}

static const struct msi_ops t_msi_ops = { .send = t_msi_send };
static gpa_t t_cfg;

static uint32_t crd(unsigned off, unsigned size)
{
	return (uint32_t)aspace_read(&t_vm->mem, t_cfg + off, size);
}

static void cwr(unsigned off, uint32_t v, unsigned size)
{
	aspace_write(&t_vm->mem, t_cfg + off, v, size);
}

/* Offset of the n-th capability with this id and, for vendor ones, this type. */
static unsigned cap_find(uint8_t id, int type)
{
	for (unsigned c = crd(0x34, 1); c; c = crd(c + 1, 1)) {
		if (crd(c, 1) == id && (type < 0 || crd(c + 3, 1) == (unsigned)type)) {
			return c;
		}
	}
	return 0;
}

static uint32_t b4rd(unsigned off, unsigned size)
{
	return (uint32_t)aspace_read(&t_vm->mem, BAR4 + off, size);
}

static void b4wr(unsigned off, uint32_t v, unsigned size)
{
	aspace_write(&t_vm->mem, BAR4 + off, v, size);
}

static void pci_start(bool msix)
{
	unsigned c = cap_find(0x11, -1);

	ck_assert_uint_eq(crd(0, 4), 0x10421af4);
	ck_assert_uint_eq(crd(8, 4), 0x01000001);
	cwr(0x20, BAR4, 4);
	cwr(0x24, 0, 4);
	cwr(0x14, BAR1, 4);
	cwr(4, 6, 2);
	ck_assert_uint_ne(c, 0);
	if (msix) {
		for (unsigned i = 0; i < 2; i++) {
			aspace_write(&t_vm->mem, BAR1 + 16 * i, 0xfee00000, 4);
			aspace_write(&t_vm->mem, BAR1 + 16 * i + 4, 0, 4);
			aspace_write(&t_vm->mem, BAR1 + 16 * i + 8, 0x40 + i, 4);
			aspace_write(&t_vm->mem, BAR1 + 16 * i + 12, 0, 4);
		}
		cwr(c + 2, 0x8000, 2);
	}
	memset(g(0), 0, 0x100000);
	b4wr(20, 0, 1);
	ck_assert_uint_eq(b4rd(20, 1), 0);
	b4wr(20, 3, 1);
	b4wr(0, 0, 4);
	b4wr(8, 0, 4);
	b4wr(12, b4rd(4, 4) & ~BIT(29), 4);
	b4wr(8, 1, 4);
	b4wr(12, 1, 4);
	b4wr(20, 11, 1);
	ck_assert_uint_eq(b4rd(20, 1), 11);
	ck_assert_uint_eq(b4rd(18, 2), 1);
	b4wr(16, 0, 2);
	b4wr(22, 0, 2);
	b4wr(24, 8, 2);
	b4wr(26, 1, 2);
	ck_assert_uint_eq(b4rd(26, 2), 1);
	b4wr(26, 77, 2); /* there is no such vector */
	ck_assert_uint_eq(b4rd(26, 2), 0xffff);
	b4wr(26, 1, 2);
	b4wr(32, DESC, 4);
	b4wr(36, 0, 4);
	b4wr(40, AVAIL, 4);
	b4wr(44, 0, 4);
	b4wr(48, USED, 4);
	b4wr(52, 0, 4);
	b4wr(28, 1, 2);
	b4wr(22, 1, 2);
	ck_assert_uint_eq(b4rd(24, 2), 0);
	b4wr(20, 15, 1);
	unit_turns(t_loop, 2);
}

static void pci_read_sector(void)
{
	uint16_t was = used_idx();

	st_le64(g(DATA + 8), 0);
	desc(0, DATA, 16, D_NEXT, 1);
	desc(1, DATA + 0x1000, 512, D_NEXT | D_WRITE, 2);
	desc(2, DATA + 0x800, 1, D_WRITE, 0);
	*g(DATA + 0x800) = 0xee;
	avail(8, 0);
	b4wr(0x3000, 0, 2);
	unit_await_turning(t_loop, used_idx() != was);
	unit_turns(t_loop, 1);
	ck_assert_uint_eq(*g(DATA + 0x800), 0);
}

START_TEST(test_pci)
{
	struct pci_host_cfg hc = { .bus_name = "pcie.0",
		                   .ecam_base = ECAM,
		                   .buses = 64 };
	struct err e = ERR_INIT;
	struct pci_host *h;
	struct device *d;
	unsigned c;

	for (unsigned i = 0; i < PCI_ROOT_LINES; i++) {
		hc.line[i].fn = t_irq;
	}
	t_vm->msi.ops = &t_msi_ops;
	h = pci_host_create(t_vm, &hc, &e);
	ck_assert_msg(h != NULL, "%s", e.text);
	d = blk_device(1 << 20, "virtio-blk-pci,drive=disk,num-queues=1,addr=3");
	t_cfg = ECAM + (3u << 15);
	pci_start(true);
	ck_assert_uint_eq(b4rd(0x2000, 4), 2048);
	pci_read_sector();
	ck_assert_uint_eq(t_n_msi, 1);
	ck_assert_uint_eq(t_msi[0].data, 0x41);
	ck_assert_int_eq(t_irq_count, 0);
	/* the window in config space sees the same registers */
	c = cap_find(9, 5);
	ck_assert_uint_ne(c, 0);
	cwr(c + 4, 4, 1);
	cwr(c + 8, 20, 4);
	cwr(c + 12, 1, 4);
	ck_assert_uint_eq(crd(c + 16, 4) & 0xff, 15);
	cwr(c + 16, 0, 1);
	ck_assert_uint_eq(b4rd(20, 1), 0);
	cwr(c + 8, 0xffffffff, 4);
	ck_assert_uint_eq(crd(c + 4, 1), 4);
	(void)crd(c + 16, 4);
	/* without MSI-X: INTx and the ISR register */
	cwr(cap_find(0x11, -1) + 2, 0, 2);
	pci_start(false);
	pci_read_sector();
	ck_assert_int_eq(t_irq_level, 1);
	ck_assert_uint_eq(b4rd(0x1000, 1), 1);
	ck_assert_int_eq(t_irq_level, 0);
	ck_assert_uint_eq(b4rd(0x1000, 1), 0);
	ck_assert_uint_eq(t_n_msi, 1);
	/* a reset from the machine's side in the middle of it */
	d->cls->reset(d);
	ck_assert_uint_eq(b4rd(20, 1), 0);
	blk_device_gone(d);
}
END_TEST

/* ---- virtio-mmio: a driver that takes the line for an edge misses nothing ---- */

static uint32_t t_seen; /* the status that the driver acknowledged last */

static void drv_interrupt(void)
{
	t_seen = rd(0x60);
	wr(0x64, t_seen);
}

/* Another vCPU acknowledges between the device's status and its line. */
static void t_ack_first(int level)
{
	ck_assert_int_eq(level, 1);
	drv_interrupt();
}

START_TEST(test_mmio_late_raise)
{
	struct device *d =
		blk_device(1 << 20, "virtio-blk-device,drive=disk,serial=irq");
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	drv_init(VIRTIO_F_VERSION_1, 1, 8);
	t_irq_before = t_ack_first;
	v->tp->queue_irq(v, 0);
	ck_assert_ptr_null(t_irq_before);
	ck_assert_uint_eq(t_seen, 1);
	/* A driver that finds no bit does not acknowledge: the line has to fall by itself. */
	ck_assert_uint_eq(rd(0x60), 0);
	ck_assert_int_eq(t_irq_level, 0);
	t_irq_count = 0;
	v->tp->queue_irq(v, 0);
	ck_assert_int_eq(t_irq_count, 1);
	drv_interrupt();
	ck_assert_int_eq(t_irq_level, 0);
	blk_device_gone(d);
}
END_TEST

START_TEST(test_mmio_early_ack)
{
	struct device *d =
		blk_device(1 << 20, "virtio-blk-device,drive=disk,serial=irq");
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	drv_init(VIRTIO_F_VERSION_1, 1, 8);
	v->tp->queue_irq(v, 0);
	ck_assert_int_eq(t_irq_count, 1);
	/* The other bit comes after the driver has read the status, before it acknowledges. */
	v->tp->config_irq(v);
	wr(0x64, 1);
	ck_assert_int_eq(t_irq_count, 2);
	ck_assert_int_eq(t_irq_level, 1);
	drv_interrupt();
	ck_assert_uint_eq(t_seen, 2);
	ck_assert_int_eq(t_irq_level, 0);
	/* The driver came for nothing, and the bit after its look at the status. */
	v->tp->queue_irq(v, 0);
	wr(0x64, 0);
	ck_assert_int_eq(t_irq_count, 4);
	/* A reset takes the line with it. */
	wr(0x70, 0);
	ck_assert_int_eq(t_irq_level, 0);
	blk_device_gone(d);
}
END_TEST

static Suite *virtio_suite(void)
{
	Suite *s = suite_create("virtio");
	TCase *t = unit_case(s, "ring");

	tcase_add_checked_fixture(t, t_setup, t_teardown);
	tcase_add_test(t, test_ring_chain);
	tcase_add_test(t, test_ring_indirect);
	tcase_add_loop_test(t, test_ring_bad, 0, 10);
	tcase_add_test(t, test_ring_config);
	tcase_add_test(t, test_ring_event_idx);
	tcase_add_test(t, test_ring_unpop);
	tcase_add_test(t, test_ring_hostile);
	t = unit_case(s, "devices");
	tcase_add_checked_fixture(t, t_setup, t_teardown);
	tcase_add_test(t, test_blk_io);
	tcase_add_test(t, test_blk_frozen);
	tcase_add_test(t, test_blk_needs_reset);
	tcase_add_test(t, test_blk_reset_in_flight);
	tcase_add_test(t, test_blk_legacy_driver);
	tcase_add_test(t, test_blk_hostile);
	tcase_add_test(t, test_rng);
	tcase_add_test(t, test_pci);
	tcase_add_test(t, test_mmio_late_raise);
	tcase_add_test(t, test_mmio_early_ack);
#ifdef HAVE_SLIRP
	tcase_add_test(t, test_net_arp);
#endif
	return s;
}

int main(void)
{
	return unit_main(virtio_suite());
}
