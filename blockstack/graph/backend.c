/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * backend.c - a user's handle on a node: bounds, the request pool, in-flight
 * counting and draining.
 *
 * Threads: opened and closed on control; requests start and end on the
 * backend's loop, so the pool needs no lock and a request in steady state no malloc.
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "block-driver.h"

struct blk {
	struct blk_edge edge;
	struct loop *loop;
	struct blk_req *pool;
	struct blk_req *later, **later_tail;
	bool later_posted, write_cache, closing;
	_Atomic unsigned in_flight;
	void (*resize_cb)(void *);
	void *resize_opaque;
};

/* ---- requests ---- */

/* NULL: there is no memory, which the caller of the request knows by now. */
static struct blk_req *blk_req_get(struct blk *b, enum blk_op op, uint64_t off,
                                   blk_cb *cb, void *opaque)
{
	struct blk_req *r = b->pool;

	if (r) {
		b->pool = r->next;
	} else {
		r = malloc(sizeof(*r));
		if (!r) {
			cb(opaque, -ENOMEM);
			return NULL;
		}
	}
	r->op = op;
	r->off = off;
	r->cb = cb;
	r->opaque = opaque;
	r->blk = b;
	r->loop = b->loop;
	r->flags = 0;
	r->ret = 0;
	r->done = 0;
	r->bounce = NULL;
	r->rest = NULL;
	r->iov = NULL;
	r->niov = 0;
	r->len = 0;
	return r;
}

void blk_req_done(struct blk_req *r, int ret)
{
	struct blk *b = r->blk;
	blk_cb *cb = r->cb;
	void *opaque = r->opaque;

	if (r->bounce) {
		free(r->bounce);
	}
	if (r->rest) {
		free(r->rest);
	}
	r->next = b->pool;
	b->pool = r;
	/* Before the callback: it may close the backend or wait for quiet. */
	atomic_fetch_sub_explicit(&b->in_flight, 1, memory_order_release);
	cb(opaque, ret);
}

static void blk_later_run(void *opaque)
{
	struct blk *b = opaque;
	struct blk_req *r = b->later, *next;

	b->later_posted = false;
	b->later = NULL;
	b->later_tail = &b->later;
	for (; r; r = next) {
		next = r->next;
		blk_req_done(r, r->ret);
	}
}

void blk_req_done_later(struct blk_req *r, int ret)
{
	struct blk *b = r->blk;

	r->ret = ret;
	r->next = NULL;
	*b->later_tail = r;
	b->later_tail = &r->next;
	if (!b->later_posted) {
		b->later_posted = true;
		loop_post(b->loop, blk_later_run, b);
	}
}

static void blk_start(struct blk *b, struct blk_req *r, bool ranged)
{
	struct blk_node *n = b->edge.node;

	atomic_fetch_add_explicit(&b->in_flight, 1, memory_order_relaxed);
	if (ranged && unlikely(!range_fits(r->off, r->len, n->length))) {
		blk_req_done_later(r, -EIO);
		return;
	}
	if (unlikely(r->op != BLK_OP_READ && r->op != BLK_OP_FLUSH &&
	             !(b->edge.perm & BLK_PERM_WRITE))) {
		blk_req_done_later(r, -EPERM);
		return;
	}
	if (ranged && r->len == 0) {
		blk_req_done_later(r, 0);
		return;
	}
	n->drv->submit(n, r);
}

static void blk_rw(struct blk *b, enum blk_op op, uint64_t off, const struct iovec *iov,
                   int n, unsigned flags, blk_cb *cb, void *opaque)
{
	struct blk_req *r = blk_req_get(b, op, off, cb, opaque);

	if (!r) {
		return;
	}
	r->iov = iov;
	r->niov = n;
	r->len = iov_len(iov, (unsigned)n);
	r->flags = flags | (b->write_cache || op == BLK_OP_READ ? 0 : BLK_REQ_FUA);
	blk_start(b, r, true);
}

void blk_readv(struct blk *b, uint64_t off, const struct iovec *iov, int n, blk_cb *cb,
               void *opaque)
{
	blk_rw(b, BLK_OP_READ, off, iov, n, 0, cb, opaque);
}

void blk_writev(struct blk *b, uint64_t off, const struct iovec *iov, int n,
                unsigned flags, blk_cb *cb, void *opaque)
{
	blk_rw(b, BLK_OP_WRITE, off, iov, n, flags, cb, opaque);
}

static void blk_plain(struct blk *b, enum blk_op op, uint64_t off, uint64_t len,
                      unsigned flags, blk_cb *cb, void *opaque)
{
	struct blk_req *r = blk_req_get(b, op, off, cb, opaque);

	if (!r) {
		return;
	}
	r->len = len;
	r->flags = flags;
	blk_start(b, r, op != BLK_OP_FLUSH);
}

void blk_flush(struct blk *b, blk_cb *cb, void *opaque)
{
	blk_plain(b, BLK_OP_FLUSH, 0, 0, 0, cb, opaque);
}

void blk_discard(struct blk *b, uint64_t off, uint64_t len, blk_cb *cb, void *opaque)
{
	blk_plain(b, BLK_OP_DISCARD, off, len, 0, cb, opaque);
}

void blk_write_zeroes(struct blk *b, uint64_t off, uint64_t len, unsigned flags,
                      blk_cb *cb, void *opaque)
{
	blk_plain(b, BLK_OP_ZEROES, off, len,
	          flags | (b->write_cache ? 0 : BLK_REQ_FUA), cb, opaque);
}

/* The loop submits once a turn, which is the batch already. */
void blk_plug(struct blk *b __unused)
{
}

void blk_unplug(struct blk *b __unused)
{
}

unsigned blk_in_flight(struct blk *b)
{
	return atomic_load_explicit(&b->in_flight, memory_order_acquire);
}

static void blk_drain_here(void *opaque)
{
	struct blk *b = opaque;

	while (blk_in_flight(b)) {
		loop_turn(b->loop, true);
	}
}

void blk_drain(struct blk *b)
{
	loop_call(b->loop, blk_drain_here, b);
}

/* ---- life ---- */

struct blk *blk_open(struct blk_node *n, unsigned perm, unsigned shared, struct loop *l,
                     struct err *e)
{
	struct blk *b = calloc(1, sizeof(*b));

	if (!b) {
		err_set(e, -ENOMEM, "block backend: out of memory");
		return NULL;
	}
	b->loop = l;
	b->write_cache = true;
	b->later_tail = &b->later;
	b->edge.node = n;
	b->edge.blk = b;
	b->edge.shared = BLK_PERM_ALL;
	list_add_tail(&n->edges, &b->edge.link);
	if (blk_edge_set(&b->edge, perm, shared, e) < 0) {
		list_del(&b->edge.link);
		free(b);
		return NULL;
	}
	return b;
}

void blk_close(struct blk *b)
{
	struct blk_req *r, *next;

	if (!b) {
		return;
	}
	if (blk_in_flight(b) || b->later_posted) {
		blk_drain(b);
	}
	blk_edge_detach(&b->edge);
	for (r = b->pool; r; r = next) {
		next = r->next;
		free(r);
	}
	free(b);
}

struct blk_node *blk_node_of(struct blk *b)
{
	return b->edge.node;
}

uint64_t blk_length(struct blk *b)
{
	return b->edge.node->length;
}

uint32_t blk_align(struct blk *b)
{
	return b->edge.node->align;
}

bool blk_read_only(struct blk *b)
{
	return b->edge.node->read_only || !(b->edge.perm & BLK_PERM_WRITE);
}

bool blk_can_discard(struct blk *b)
{
	return b->edge.node->unmap;
}

bool blk_write_cache(struct blk *b)
{
	return b->write_cache;
}

void blk_set_write_cache(struct blk *b, bool on)
{
	b->write_cache = on;
}

void blk_set_resize_cb(struct blk *b, void (*cb)(void *), void *opaque)
{
	b->resize_cb = cb;
	b->resize_opaque = opaque;
}
