/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * raw.c - the format without one: a window (offset, size) of its child. Requests
 * pass through with the offset moved, without a copy.
 */
#include "config.h"

#include <errno.h>

#include "base/bytes.h"
#include "base/opt.h"
#include "graph/drivers.h"

struct blk_raw {
	uint64_t offset;
};

static int blk_raw_open(struct blk_node *n, struct opt *o, struct err *e)
{
	struct blk_raw *s = n->state;
	uint64_t size = UINT64_MAX;
	int r = blk_node_open_child(n, &n->file, o, "file", e);

	if (r < 0) {
		return r;
	}
	r = opt_get_size(o, "offset", 0, 1, &s->offset, e);
	r = r < 0 ? r : opt_get_size(o, "size", UINT64_MAX, 1, &size, e);
	if (r < 0) {
		return r;
	}
	if (s->offset > n->file.node->length || s->offset % 512) {
		return err_set(e, -EINVAL,
		               "raw: offset must be a multiple of 512 inside the file");
	}
	n->length = n->file.node->length - s->offset;
	if (size != UINT64_MAX) {
		if (size > n->length || size % 512) {
			return err_set(e, -EINVAL,
			               "raw: size must be a multiple of 512 that fits "
			               "the file");
		}
		n->length = size;
	}
	n->align = n->file.node->align;
	n->read_only |= n->file.node->read_only;
	return 0;
}

static int blk_raw_set_perm(struct blk_node *n, unsigned perm, unsigned shared,
                            struct err *e)
{
	return blk_edge_set(&n->file, perm, shared, e);
}

static void blk_raw_submit(struct blk_node *n, struct blk_req *r)
{
	struct blk_raw *s = n->state;

	r->off += s->offset;
	if (r->op == BLK_OP_DISCARD && !n->unmap) {
		blk_req_done_later(r, 0);
		return;
	}
	blk_node_submit(n->file.node, r);
}

const struct blk_driver blk_drv_raw = {
	.name = "raw",
	.state_size = sizeof(struct blk_raw),
	.open = blk_raw_open,
	.set_perm = blk_raw_set_perm,
	.submit = blk_raw_submit,
};
