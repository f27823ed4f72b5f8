/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem_test.c - flattening, look-up, access rules, DMA rules, and maps that are
 * swapped while other threads read.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "core/gmem.h"
#include "core/lock.h"
#include "unit.h"

static struct ram_block *ram(uint64_t size)
{
	struct ram_config cfg = { .size = size };
	struct err e = ERR_INIT;
	struct ram_block *b = ram_block_new("test", &cfg, &e);

	ck_assert_msg(b != NULL, "%s", e.text);
	return b;
}

/* ---- a register file that notes what it gets ---- */

struct regs {
	uint64_t off, val;
	unsigned size, reads, writes;
};

static uint64_t regs_read(void *opaque, uint64_t off, unsigned size)
{
	struct regs *r = opaque;

	r->off = off;
	r->size = size;
	r->reads++;
	return off + 0x10;
}

static void regs_write(void *opaque, uint64_t off, uint64_t val, unsigned size)
{
	struct regs *r = opaque;

	r->off = off;
	r->val = val;
	r->size = size;
	r->writes++;
}

static const struct mr_ops regs_any = { regs_read, regs_write, 1, 8, false, false };
static const struct mr_ops regs_4 = { regs_read, regs_write, 4, 4, false, false };
static const struct mr_ops regs_b = { regs_read, regs_write, 1, 1, true, false };
static const struct mr_ops regs_un = { regs_read, regs_write, 1, 4, true, true };

struct space {
	struct mr root;
	struct aspace as;
};

static void space_init(struct space *s)
{
	mr_init_container(&s->root, "root", UINT64_MAX);
	aspace_init(&s->as, "test", &s->root);
}

static void check_range(const struct flat *f, unsigned i, uint64_t start, uint64_t size,
                        struct mr *mr, uint64_t off)
{
	ck_assert_uint_lt(i, f->n);
	ck_assert_uint_eq(f->r[i].start, start);
	ck_assert_uint_eq(f->r[i].size, size);
	ck_assert_ptr_eq(f->r[i].mr, mr);
	ck_assert_uint_eq(f->r[i].off, off);
}

START_TEST(test_flatten)
{
	struct space s;
	struct ram_block *b = ram(0x10000);
	struct mr m, io, over, cont, alias;
	struct regs r;
	const struct flat *f;

	space_init(&s);
	mr_init_ram(&m, "ram", b);
	mr_init_io(&io, "io", 0x1000, &regs_any, &r, NULL);
	mr_init_io(&over, "over", 0x1000, &regs_any, &r, NULL);
	mr_add(&s.root, 0, &m, 0);
	mr_add(&s.root, 0x4000, &io, 1);
	f = s.as.flat;
	ck_assert_uint_eq(f->n, 3);
	check_range(f, 0, 0, 0x4000, &m, 0);
	check_range(f, 1, 0x4000, 0x1000, &io, 0);
	check_range(f, 2, 0x5000, 0xb000, &m, 0x5000);
	ck_assert_ptr_eq(f->r[2].host, b->host + 0x5000);
	ck_assert_uint_eq(f->r[2].ram_off, b->ram_off + 0x5000);
	/* The later of equals wins; half of it covers io. */
	mr_add(&s.root, 0x4800, &over, 1);
	check_range(s.as.flat, 1, 0x4000, 0x800, &io, 0);
	check_range(s.as.flat, 2, 0x4800, 0x1000, &over, 0);
	check_range(s.as.flat, 3, 0x5800, 0xa800, &m, 0x5800);
	mr_set_enabled(&over, false);
	ck_assert_uint_eq(((struct flat *)s.as.flat)->n, 3);
	mr_del(&over);
	/* An alias inside a container that clips it. */
	mr_init_container(&cont, "cont", 0x2000);
	mr_init_alias(&alias, "alias", &m, 0x8000, 0x4000);
	mr_add(&cont, 0x1000, &alias, 0);
	mr_add(&s.root, 0x100000, &cont, 0);
	check_range(s.as.flat, 3, 0x101000, 0x1000, &m, 0x8000);
	mr_set_readonly(&alias, true);
	f = s.as.flat;
	ck_assert(f->r[3].readonly && !f->r[2].readonly);
	/* The same region shows up again where the container moves. */
	mr_set_addr(&cont, UINT64_C(0xfffffffffffff000));
	f = s.as.flat;
	ck_assert_uint_eq(f->n, 3); /* the rest of it lies beyond the space */
	mr_set_addr(&cont, UINT64_C(0xffffffff00000000));
	check_range(s.as.flat, 3, UINT64_C(0xffffffff00001000), 0x1000, &m, 0x8000);
	aspace_fini(&s.as);
	ram_block_free(b);
}
END_TEST

START_TEST(test_priority_nesting)
{
	/* Priorities count among brothers only: a container keeps its own rank. */
	struct space s;
	struct mr low, high, in;
	struct regs r;

	space_init(&s);
	mr_init_container(&low, "low", 0x1000);
	mr_init_io(&in, "in", 0x1000, &regs_any, &r, NULL);
	mr_init_io(&high, "high", 0x800, &regs_any, &r, NULL);
	mr_add(&low, 0, &in, 100);
	mr_add(&s.root, 0, &low, 0);
	mr_add(&s.root, 0, &high, 1);
	check_range(s.as.flat, 0, 0, 0x800, &high, 0);
	check_range(s.as.flat, 1, 0x800, 0x800, &in, 0x800);
	aspace_fini(&s.as);
}
END_TEST

START_TEST(test_find)
{
	enum { N = 300 };
	struct space s;
	static struct mr io[N];
	struct regs r;
	const struct flat *f;

	space_init(&s);
	aspace_begin(&s.as);
	for (unsigned i = 0; i < N; i++) {
		mr_init_io(&io[i], "io", 0x10, &regs_any, &r, NULL);
		mr_add(&s.root, i * 0x20, &io[i], 0);
	}
	ck_assert_uint_eq(((struct flat *)s.as.flat)->n, 0);
	aspace_commit(&s.as);
	f = s.as.flat;
	ck_assert_uint_eq(f->n, N);
	for (int pass = 0; pass < 2; pass++) {
		for (unsigned a = 0; a < N * 0x20; a++) {
			const struct flat_range *x = flat_find(f, a);

			ck_assert_ptr_eq(x ? x->mr : NULL,
			                 a & 0x10 ? NULL : &io[a / 0x20]);
		}
	}
	ck_assert_ptr_null(flat_find(f, UINT64_MAX));
	aspace_fini(&s.as);
}
END_TEST

START_TEST(test_io_rules)
{
	struct space s;
	struct mr m4, mb, mu;
	struct regs r = { 0 };

	space_init(&s);
	mr_init_io(&m4, "m4", 0x100, &regs_4, &r, NULL);
	mr_init_io(&mb, "mb", 0x100, &regs_b, &r, NULL);
	mr_init_io(&mu, "mu", 0x100, &regs_un, &r, NULL);
	mr_add(&s.root, 0x1000, &m4, 0);
	mr_add(&s.root, 0x2000, &mb, 0);
	mr_add(&s.root, 0x3000, &mu, 0);
	/* Only aligned 32-bit accesses reach m4. */
	ck_assert_uint_eq(aspace_read(&s.as, 0x1004, 4), 0x14);
	ck_assert_uint_eq(aspace_read(&s.as, 0x1004, 1), 0xff);
	ck_assert_uint_eq(aspace_read(&s.as, 0x1004, 2), 0xffff);
	ck_assert_uint_eq(aspace_read(&s.as, 0x1002, 4), 0xffffffff);
	ck_assert_uint_eq(aspace_read(&s.as, 0x1000, 8), UINT64_MAX);
	aspace_write(&s.as, 0x1001, 1, 1);
	ck_assert_uint_eq(r.reads, 1);
	ck_assert_uint_eq(r.writes, 0);
	/* mb splits into bytes. */
	ck_assert_uint_eq(aspace_read(&s.as, 0x2002, 4), 0x15141312);
	ck_assert_uint_eq(r.reads, 5);
	aspace_write(&s.as, 0x2001, 0xaabb, 2);
	ck_assert_uint_eq(r.writes, 2);
	ck_assert_uint_eq(r.val, 0xaa);
	ck_assert_uint_eq(r.off, 2);
	/* mu takes any alignment and splits 8 into 4. */
	ck_assert_uint_eq(aspace_read(&s.as, 0x3003, 8), UINT64_C(0x0000001700000013));
	/* Nothing there. */
	ck_assert_uint_eq(aspace_read(&s.as, 0x9000, 2), 0xffff);
	aspace_write(&s.as, 0x9000, 1, 4);
	aspace_fini(&s.as);
}
END_TEST

static struct {
	uint64_t off, len;
	unsigned n;
} noted;

static void note_written(void *opaque __unused, uint64_t ram_off, uint64_t len)
{
	noted.off = ram_off;
	noted.len = len;
	noted.n++;
}

START_TEST(test_ram_and_dma)
{
	struct space s;
	struct ram_block *b = ram(0x4000), *rom = ram(0x1000);
	struct mr m, ro, io;
	struct regs r = { 0 };
	struct iovec iov[4];
	char buf[64];

	space_init(&s);
	mr_init_ram(&m, "ram", b);
	mr_init_rom(&ro, "rom", rom);
	mr_init_io(&io, "io", 0x1000, &regs_any, &r, NULL);
	mr_add(&s.root, 0, &m, 0);
	mr_add(&s.root, 0x4000, &ro, 0);
	mr_add(&s.root, 0x2000, &io, 1);
	ram_set_written_hook(note_written, NULL);
	aspace_write(&s.as, 0x101, 0x1122334455667788, 8);
	ck_assert_uint_eq(aspace_read(&s.as, 0x101, 8), 0x1122334455667788);
	ck_assert_uint_eq(aspace_read(&s.as, 0x103, 2), 0x5566);
	ck_assert_uint_eq(noted.off, b->ram_off + 0x101);
	ck_assert_uint_eq(noted.len, 8);
	/* Across the border of RAM and registers. */
	aspace_write(&s.as, 0x1ffe, 0xaabbccdd, 4);
	ck_assert_uint_eq(ld_le16(b->host + 0x1ffe), 0xccdd);
	ck_assert_uint_eq(r.val, 0xaabb);
	/* ROM reads, does not write. */
	rom->host[0] = 0x5a;
	aspace_write(&s.as, 0x4000, 0, 1);
	ck_assert_uint_eq(aspace_read(&s.as, 0x4000, 1), 0x5a);
	/* DMA: RAM only. */
	r.reads = r.writes = 0;
	memset(buf, 'x', sizeof(buf));
	ck_assert_int_eq(dma_write(&s.as, 0x1ff0, buf, 0x20), -EFAULT);
	ck_assert_int_eq(b->host[0x1fff], 'x');
	ck_assert_int_eq(dma_read(&s.as, 0x2000, buf, 4), -EFAULT);
	ck_assert_uint_eq(r.reads + r.writes, 0);
	ck_assert_int_eq(dma_write(&s.as, 0x4000, buf, 4), -EFAULT);
	ck_assert_int_eq(dma_read(&s.as, 0x4000, buf, 4), 0);
	ck_assert_int_eq(buf[0], 0x5a);
	ck_assert_int_eq(dma_read(&s.as, UINT64_MAX - 1, buf, 4), -EFAULT);
	/* Zero copy: RAM and ROM are two spans. */
	ck_assert_int_eq(dma_map(&s.as, 0x3f00, 0x200, false, iov, 4), 2);
	ck_assert_ptr_eq(iov[0].iov_base, b->host + 0x3f00);
	ck_assert_uint_eq(iov[0].iov_len, 0x100);
	ck_assert_ptr_eq(iov[1].iov_base, rom->host);
	ck_assert_int_eq(dma_map(&s.as, 0x3f00, 0x200, false, iov, 1), -E2BIG);
	ck_assert_int_eq(dma_map(&s.as, 0x3f00, 0x200, true, iov, 4), -EFAULT);
	noted.n = 0;
	dma_mark_written(&s.as, 0x100, 0x10);
	ck_assert_uint_eq(noted.n, 1);
	ck_assert_uint_eq(noted.off, b->ram_off + 0x100);
	aspace_fini(&s.as);
	ram_block_free(b);
	ram_block_free(rom);
}
END_TEST

START_TEST(test_ram_blocks)
{
	struct ram_config cfg = { .size = 5000, .prealloc = true };
	struct err e = ERR_INIT;
	struct ram_block *a = ram_block_new("a", &cfg, &e), *b;

	ck_assert_msg(a != NULL, "%s", e.text);
	ck_assert_uint_eq(a->size, 8192);
	ck_assert_uint_eq((uintptr_t)a->host % (2 << 20), 0);
	b = ram(1 << 20);
	ck_assert_uint_ge(b->ram_off, a->ram_off + a->size);
	ck_assert_uint_ge(ram_off_end(), b->ram_off + b->size);
	cfg.size = 0;
	ck_assert_ptr_null(ram_block_new("zero", &cfg, &e));
	cfg.size = UINT64_MAX;
	ck_assert_ptr_null(ram_block_new("huge", &cfg, &e));
	cfg.size = 4096;
	cfg.path = "/nonexistent/dir/file";
	ck_assert_ptr_null(ram_block_new("file", &cfg, &e));
	ck_assert(strstr(e.text, "/nonexistent/dir/file"));
	ram_block_free(a);
	ram_block_free(b);
}
END_TEST

/* ---- swaps under readers ---- */

struct watcher {
	struct aspace_listener l;
	unsigned n, was_n, now_n;
};

static void watcher_changed(struct aspace_listener *l, const struct flat *was,
                            const struct flat *now)
{
	struct watcher *w = container_of(l, struct watcher, l);

	w->n++;
	w->was_n = was->n;
	w->now_n = now->n;
}

START_TEST(test_listener)
{
	struct space s;
	struct watcher w = { .l.changed = watcher_changed };
	struct mr io, io2;
	struct regs r;

	space_init(&s);
	mr_init_io(&io, "io", 0x100, &regs_any, &r, NULL);
	mr_init_io(&io2, "io2", 0x100, &regs_any, &r, NULL);
	mr_add(&s.root, 0, &io, 0);
	aspace_add_listener(&s.as, &w.l);
	ck_assert(w.n == 1 && w.was_n == 0 && w.now_n == 1);
	mr_add(&s.root, 0x1000, &io2, 0);
	ck_assert(w.n == 2 && w.was_n == 1 && w.now_n == 2);
	aspace_begin(&s.as);
	aspace_begin(&s.as);
	mr_set_addr(&io2, 0x2000);
	mr_set_addr(&io2, 0x1000);
	aspace_commit(&s.as);
	aspace_commit(&s.as);
	ck_assert_uint_eq(w.n, 2); /* nothing has changed in the end */
	mr_set_addr(&io2, 0x3000);
	ck_assert_uint_eq(w.n, 3);
	aspace_del_listener(&s.as, &w.l);
	mr_del(&io2);
	ck_assert_uint_eq(w.n, 3);
	aspace_fini(&s.as);
}
END_TEST

struct reader {
	struct space *s;
	_Atomic bool *stop;
	bool registered, bad;
	_Atomic uint64_t n;
};

/* The region is at 0x1000 or at 0x2000, never at both or none. */
static bool reader_look(struct space *s)
{
	const struct flat *f = aspace_enter(&s->as);
	bool a = flat_find(f, 0x1000) != NULL, b = flat_find(f, 0x2000) != NULL;
	bool ok = a != b && f->n == 2;

	aspace_leave(&s->as);
	return ok;
}

static void *reader_run(void *opaque)
{
	struct reader *r = opaque;

	if (r->registered) {
		gmem_thread_register();
	}
	while (!atomic_load(r->stop)) {
		r->bad |= !reader_look(r->s);
		r->bad |= aspace_read(&r->s->as, 0x100, 4) != 0x01020304;
		r->n++;
		if (r->registered) {
			gmem_quiescent();
			if (r->n % 64 == 0) {
				gmem_offline();
				gmem_online();
			}
		}
	}
	if (r->registered) {
		gmem_thread_unregister();
	}
	return NULL;
}

/* Each has looked `n` times. */
static bool readers_have(const struct reader r[4], uint64_t n)
{
	for (int i = 0; i < 4; i++) {
		if (atomic_load(&r[i].n) < n) {
			return false;
		}
	}
	return true;
}

static void swap_some(struct mr *io)
{
	for (int i = 0; i < 1000; i++) {
		mr_set_addr(io, i & 1 ? 0x1000 : 0x2000);
	}
	gmem_synchronize();
}

START_TEST(test_swap_under_readers)
{
	struct space s;
	struct ram_block *b = ram(0x1000);
	struct mr m, io;
	struct regs regs;
	_Atomic bool stop = false;
	struct reader r[4];
	pthread_t t[4];

	space_init(&s);
	mr_init_ram(&m, "ram", b);
	mr_init_io(&io, "io", 0x100, &regs_any, &regs, NULL);
	mr_add(&s.root, 0, &m, 0);
	mr_add(&s.root, 0x1000, &io, 0);
	aspace_write(&s.as, 0x100, 0x01020304, 4);
	for (int i = 0; i < 4; i++) {
		r[i] = (struct reader){ .s = &s, .stop = &stop, .registered = i & 1 };
		pthread_create(&t[i], NULL, reader_run, &r[i]);
	}
	unit_await(readers_have(r, 1));
	for (int i = 0; i < 20; i++) {
		swap_some(&io);
	}
	unit_await_doing(swap_some(&io), readers_have(r, 1000));
	atomic_store(&stop, true);
	for (int i = 0; i < 4; i++) {
		pthread_join(t[i], NULL);
		ck_assert(!r[i].bad);
	}
	gmem_synchronize();
	aspace_fini(&s.as);
	ram_block_free(b);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		test_flatten,  test_priority_nesting,   test_find,
		test_io_rules, test_ram_and_dma,        test_ram_blocks,
		test_listener, test_swap_under_readers,
	};

	return unit_main(unit_suite("gmem", tests, ARRAY_LEN(tests)));
}
