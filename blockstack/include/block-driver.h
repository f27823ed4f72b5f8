/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block-driver.h - what a driver of the block stack (protocol, format, filter)
 * provides and gets. Users of images include block.h only.
 *
 * A node has one driver; an *edge* ties a parent (a backend or another node) to a
 * node with permissions. Requests travel down as one object, struct blk_req, on
 * the loop of the backend that started them: drivers hand it on (blk_node_submit
 * of the child, after changing what must change), or carry it out and end it with
 * blk_req_done() on that loop, later, never inside submit.
 *
 * Threads: everything but submit runs on the control thread with the node
 * quiet. submit may run on several loops at once.
 */
#ifndef LODGE_BLOCK_DRIVER_H
#define LODGE_BLOCK_DRIVER_H

#include "base/list.h"
#include "block.h"
#include "core/loop.h"

enum blk_op { BLK_OP_READ, BLK_OP_WRITE, BLK_OP_FLUSH, BLK_OP_DISCARD, BLK_OP_ZEROES };

struct blk_req {
	struct blk_req *next; /* pool and lists of the holder */
	struct blk *blk;
	struct loop *loop;
	enum blk_op op;
	unsigned flags; /* BLK_REQ_* */
	uint64_t off, len;
	const struct iovec *iov;
	int niov;
	blk_cb *cb;
	void *opaque;

	/* For the driver that carries the request out. */
	struct blk_node *node;
	struct loop_io io;
	int ret;
	uint64_t done;
	void *bounce;
	struct iovec *rest;
	struct iovec biov;
};

struct blk_edge {
	struct blk_node *node; /* the child end */
	struct list link;      /* in node->edges */
	unsigned perm, shared;
	struct blk *blk; /* the parent, when it is a backend */
	struct blk_node *parent;
};

struct blk_driver {
	const char *name;
	size_t state_size;
	int (*open)(struct blk_node *n, struct opt *o, struct err *e);
	void (*close)(struct blk_node *n);
	/* New sum of what the parents need and share. All-or-nothing. */
	int (*set_perm)(struct blk_node *n, unsigned perm, unsigned shared,
	                struct err *e);
	void (*submit)(struct blk_node *n, struct blk_req *r);
	/* Path or address for people and query-block; may be NULL. */
	const char *(*filename)(const struct blk_node *n);
};

struct blk_node {
	const struct blk_driver *drv;
	struct list link;
	char *name;
	void *state;
	bool implicit; /* made inline by its parent, goes with it */
	bool read_only, auto_ro, unmap, direct, no_flush, force_share;
	uint64_t length;
	uint32_t align;
	struct list edges;     /* parents */
	struct blk_edge file;  /* the one child of protocols' users; node NULL: none */
	unsigned perm, shared; /* sums over edges */
};

/* Opens or finds the child named by member `key` ("node" or {...}) of a node's options. */
int blk_node_open_child(struct blk_node *n, struct blk_edge *edge, struct opt *o,
                        const char *key, struct err *e) __must_check;
int blk_edge_set(struct blk_edge *edge, unsigned perm, unsigned shared, struct err *e)
	__must_check;
void blk_edge_detach(struct blk_edge *edge);
unsigned blk_node_perm_sum(const struct blk_node *n, unsigned *shared);

static inline void blk_node_submit(struct blk_node *n, struct blk_req *r)
{
	n->drv->submit(n, r);
}

/* Ends the request; on its loop, outside submit. */
void blk_req_done(struct blk_req *r, int ret);
/* The same from inside submit: the callback runs later in this turn or the next. */
void blk_req_done_later(struct blk_req *r, int ret);

#endif
