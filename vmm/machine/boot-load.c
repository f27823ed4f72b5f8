/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * boot-load.c - a boot plan's chunks into guest memory.
 *
 * A reset reads the files anew. Before the first one, threads read large pieces while the
 * rest of the machine is built: that work is as long as the rest of our start together,
 * and mostly the kernel's (it clears the pages and copies). Memory that nobody has
 * touched needs no clearing by us. (Files are not mapped into guest memory: cutting a
 * file short takes the pages away even from a private mapping with copies.)
 *
 * Threads: control; "boot-load" threads, which end by themselves.
 */
#include "config.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/bytes.h"
#include "core/role.h"
#include "machine/boot.h"

enum {
	LOAD_THREADS = 4,
	LOAD_MIN = 1 << 20,   /* smaller chunks are read by boot_apply() */
	LOAD_SLICE = 2 << 20, /* a huge page */
};

/* May it be touched before the reset? Then it is all of one block. */
static bool load_is_plain(struct aspace *as, gpa_t addr, uint64_t len)
{
	const struct flat_range *r = flat_find(aspace_enter(as), addr);
	bool plain = r && r->mr->kind == MR_RAM && !r->readonly && addr >= 0x100000 &&
	             range_fits(addr - r->start, len, r->size);

	aspace_leave(as);
	return plain;
}

/* ---- ahead of time ---- */

struct boot_load {
	struct role_thread thread[LOAD_THREADS];
	unsigned n_thread;
	const struct boot_plan *plan;
	struct aspace *as;
	bool mine[BOOT_CHUNKS_MAX];
	_Atomic uint64_t next; /* slice: counted through all chunks that are ours */
	_Atomic bool failed;   /* boot_apply() does it again and says why */
};

static uint64_t load_slices(const struct boot_chunk *c)
{
	return (c->addr + c->len - 1) / LOAD_SLICE - c->addr / LOAD_SLICE + 1;
}

static int load_slice(struct boot_load *l, const struct boot_chunk *c, uint64_t n)
{
	uint64_t from = MAX((c->addr / LOAD_SLICE + n) * LOAD_SLICE, c->addr);
	uint64_t to =
		MIN((c->addr / LOAD_SLICE + n + 1) * LOAD_SLICE, c->addr + c->len);
	const struct flat_range *r = flat_find(aspace_enter(l->as), from);
	struct err e = ERR_INIT;
	int ret = boot_src_read(c->src, c->src_off + (from - c->addr),
	                        r->host + (from - r->start), to - from, &e);

	aspace_leave(l->as);
	return ret;
}

static void *load_thread(void *arg)
{
	struct boot_load *l = arg;
	struct err e = ERR_INIT;

	for (;;) {
		uint64_t n = atomic_fetch_add(&l->next, 1);
		unsigned i = 0;

		while (i < l->plan->n_chunk &&
		       (!l->mine[i] || n >= load_slices(&l->plan->chunk[i]))) {
			n -= l->mine[i] ? load_slices(&l->plan->chunk[i]) : 0;
			i++;
		}
		if (i == l->plan->n_chunk || atomic_load(&l->failed)) {
			return NULL;
		}
		if (role_seal_self(&e) || load_slice(l, &l->plan->chunk[i], n) < 0) {
			atomic_store(&l->failed, true);
		}
	}
}

static unsigned load_cpus(void)
{
	cpu_set_t set;

	return sched_getaffinity(0, sizeof(set), &set) < 0 ? 1
	                                                   : (unsigned)CPU_COUNT(&set);
}

void boot_load_ahead(struct boot_plan *p, struct aspace *as)
{
	struct boot_load *l = calloc(1, sizeof(*l));
	unsigned want = MIN(load_cpus(), (unsigned)LOAD_THREADS);
	struct err e = ERR_INIT;
	bool any = false;

	for (unsigned i = 0; l && i < p->n_chunk; i++) {
		const struct boot_chunk *c = &p->chunk[i];

		l->mine[i] = c->src && c->len >= LOAD_MIN &&
		             load_is_plain(as, c->addr, c->len);
		any = any || l->mine[i];
	}
	if (!any) {
		free(l);
		return;
	}
	l->plan = p;
	l->as = as;
	while (l->n_thread < want &&
	       !role_thread_start(&l->thread[l->n_thread], ROLE_IOTHREAD, "boot-load",
	                          load_thread, l, &e)) {
		l->n_thread++;
	}
	p->ahead = l;
}

/* Takes part in what is left and waits for the threads; false: not all was read. */
static bool load_ahead_done(struct boot_load *l)
{
	(void)load_thread(l);
	for (unsigned i = 0; i < l->n_thread; i++) {
		role_thread_join(&l->thread[i]);
	}
	return !atomic_load(&l->failed);
}

/* ---- chunks ---- */

/* From the file straight into guest RAM, span by span. */
static int load_file(const struct boot_chunk *c, struct aspace *as, struct err *e)
{
	uint64_t done = 0;

	while (done < c->len) {
		struct iovec iov[16];
		uint64_t n = MIN(c->len - done, UINT64_C(64) << 20);
		int k = dma_map(as, c->addr + done, n, true, iov, ARRAY_LEN(iov)), r;
		uint64_t off = c->src_off + done;

		if (k < 0) {
			return err_set_errno(e, k, "cannot write %s into guest memory",
			                     c->what);
		}
		for (int i = 0; i < k; i++) {
			r = boot_src_read(c->src, off, iov[i].iov_base, iov[i].iov_len,
			                  e);
			if (r < 0) {
				return r;
			}
			off += iov[i].iov_len;
		}
		dma_mark_written(as, c->addr + done, n);
		done += n;
	}
	return 0;
}

static int load_zero(const struct boot_chunk *c, struct aspace *as, struct err *e)
{
	static const uint8_t zero[65536];
	uint64_t done = 0;

	while (done < c->zero) {
		uint64_t n = MIN(c->zero - done, (uint64_t)sizeof(zero));
		int r = dma_write(as, c->addr + c->len + done, zero, n);

		if (r < 0) {
			return err_set_errno(e, r, "cannot clear guest memory for %s",
			                     c->what);
		}
		done += n;
	}
	return 0;
}

/* `fresh`: memory is as it was made. `there`: the file's bytes have been read. */
static int load_chunk(const struct boot_chunk *c, struct aspace *as, bool fresh,
                      bool there, struct err *e)
{
	int r = 0;

	if (there) {
		dma_mark_written(as, c->addr, c->len);
	} else if (c->src) {
		r = load_file(c, as, e);
	} else if (dma_write(as, c->addr, c->data, c->len) < 0) {
		r = err_set(e, -EFAULT, "cannot write %s at 0x%llx", c->what,
		            (unsigned long long)c->addr);
	}
	if (r >= 0 && c->zero &&
	    !(fresh && load_is_plain(as, c->addr + c->len, c->zero))) {
		r = load_zero(c, as, e);
	}
	return r;
}

int boot_apply(struct boot_plan *p, struct aspace *as, struct err *e)
{
	struct boot_load *l = p->ahead;
	bool ahead = l && load_ahead_done(l);
	int r = 0;

	for (unsigned i = 0; r >= 0 && i < p->n_chunk; i++) {
		r = load_chunk(&p->chunk[i], as, !p->applied, ahead && l->mine[i], e);
	}
	free(l);
	p->ahead = NULL;
	p->applied = true;
	return r;
}
