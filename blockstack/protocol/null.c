/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * null.c - "null-co" and "null-aio": a disk of a given size that keeps nothing.
 * For measuring what is above it. Threads: stateless but for its options.
 */
#include "config.h"

#include <errno.h>

#include "base/iov.h"
#include "base/opt.h"
#include "graph/drivers.h"

struct blk_null {
	bool read_zeroes;
};

static int blk_null_open(struct blk_node *n, struct opt *o, struct err *e)
{
	struct blk_null *s = n->state;
	uint64_t latency = 0;
	int r = opt_get_size(o, "size", UINT64_C(1) << 30, 1, &n->length, e);

	r = r < 0 ? r : opt_get_bool(o, "read-zeroes", false, &s->read_zeroes, e);
	r = r < 0 ? r : opt_get_u64(o, "latency-ns", 0, &latency, e);
	if (r < 0) {
		return r;
	}
	n->length = ALIGN_DOWN(n->length, 512);
	return latency ? err_set(e, -ENOTSUP, "null-co: latency-ns is not supported")
	               : 0;
}

static void blk_null_submit(struct blk_node *n, struct blk_req *r)
{
	struct blk_null *s = n->state;

	if (r->op == BLK_OP_READ && s->read_zeroes) {
		iov_zero(r->iov, (unsigned)r->niov, 0);
	}
	blk_req_done_later(r, 0);
}

const struct blk_driver blk_drv_null_co = {
	.name = "null-co",
	.state_size = sizeof(struct blk_null),
	.open = blk_null_open,
	.submit = blk_null_submit,
};

const struct blk_driver blk_drv_null_aio = {
	.name = "null-aio",
	.state_size = sizeof(struct blk_null),
	.open = blk_null_open,
	.submit = blk_null_submit,
};
