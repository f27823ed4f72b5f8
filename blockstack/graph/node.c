/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * node.c - the nodes of the block graph by name, the edges between them and the
 * permissions on the edges.
 *
 * Threads: control only; nodes are quiet while edges change (the backend drains).
 * Known gaps: one child a node, no transactions over several edges: the full
 * graph replaces this file beneath block.h.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/opt.h"
#include "block-driver.h"
#include "graph/drivers.h"

static struct list blk_nodes = LIST_INIT(blk_nodes);
static unsigned blk_node_serial;

static const struct blk_driver *const blk_drivers[] = {
	&blk_drv_file,    &blk_drv_host_device, &blk_drv_raw,
	&blk_drv_null_co, &blk_drv_null_aio,
};

static const char *const blk_perm_names[] = { "consistent read", "write",
	                                      "write unchanged", "resize" };

/* ---- permissions ---- */

unsigned blk_node_perm_sum(const struct blk_node *n, unsigned *shared)
{
	unsigned perm = 0, sh = BLK_PERM_ALL;
	const struct blk_edge *ed;

	list_for_each (ed, &n->edges, link) {
		perm |= ed->perm;
		sh &= ed->shared;
	}
	*shared = sh;
	return perm;
}

static const char *blk_perm_first(unsigned bits)
{
	return bits ? blk_perm_names[__builtin_ctz(bits)] : "nothing";
}

static int blk_edge_check(const struct blk_edge *edge, struct err *e)
{
	const struct blk_node *n = edge->node;
	const struct blk_edge *o;

	if (n->read_only && (edge->perm & (BLK_PERM_WRITE | BLK_PERM_RESIZE))) {
		return err_set(e, -EACCES, "Block node '%s' is read-only", n->name);
	}
	list_for_each (o, &n->edges, link) {
		unsigned a = o->perm & ~edge->shared, b = edge->perm & ~o->shared;

		if (o != edge && (a || b)) {
			return err_set(e, -EPERM,
			               "block node '%s' is in use by another user that "
			               "%s '%s'",
			               n->name, a ? "uses" : "does not allow",
			               blk_perm_first(a ? a : b));
		}
	}
	return 0;
}

int blk_edge_set(struct blk_edge *edge, unsigned perm, unsigned shared, struct err *e)
{
	unsigned old_perm = edge->perm, old_shared = edge->shared, sum, sum_shared;
	struct blk_node *n = edge->node;
	int r;

	edge->perm = perm;
	edge->shared = shared;
	r = blk_edge_check(edge, e);
	if (r == 0) {
		sum = blk_node_perm_sum(n, &sum_shared);
		r = n->drv->set_perm ? n->drv->set_perm(n, sum, sum_shared, e) : 0;
		if (r == 0) {
			n->perm = sum;
			n->shared = sum_shared;
			return 0;
		}
	}
	edge->perm = old_perm;
	edge->shared = old_shared;
	return r;
}

static void blk_node_free(struct blk_node *n)
{
	list_del(&n->link);
	free(n->state);
	free(n->name);
	free(n);
}

static void blk_node_close(struct blk_node *n)
{
	if (n->drv->close) {
		n->drv->close(n);
	}
	blk_edge_detach(&n->file);
	blk_node_free(n);
}

void blk_edge_detach(struct blk_edge *edge)
{
	struct blk_node *n = edge->node;

	if (!n) {
		return;
	}
	/* Asking for nothing and sharing all can't be refused. */
	(void)!blk_edge_set(edge, 0, BLK_PERM_ALL, NULL);
	list_del(&edge->link);
	edge->node = NULL;
	if (n->implicit && list_empty(&n->edges)) {
		blk_node_close(n);
	}
}

/* ---- making nodes ---- */

static int blk_node_parse(struct blk_node *n, struct opt *o, struct err *e)
{
	static const char *const discards[] = { "ignore", "off", "unmap", "on", NULL };
	static const char *const zeroes[] = { "off", "on", "unmap", NULL };
	int discard = 0, dz = 0, r;

	r = opt_get_bool(o, "read-only", false, &n->read_only, e);
	r = r < 0 ? r : opt_get_bool(o, "auto-read-only", false, &n->auto_ro, e);
	r = r < 0 ? r : opt_get_bool(o, "force-share", false, &n->force_share, e);
	r = r < 0 ? r : opt_get_bool(o, "cache.direct", false, &n->direct, e);
	r = r < 0 ? r : opt_get_bool(o, "cache.no-flush", false, &n->no_flush, e);
	r = r < 0 ? r : opt_get_enum(o, "discard", discards, 0, &discard, e);
	r = r < 0 ? r : opt_get_enum(o, "detect-zeroes", zeroes, 0, &dz, e);
	if (r < 0) {
		return r;
	}
	n->unmap = discard >= 2;
	if (dz != 0) {
		return err_set(e, -ENOTSUP,
		               "block node '%s': detect-zeroes is not supported",
		               n->name);
	}
	if (n->force_share && !n->read_only) {
		return err_set(e, -EINVAL, "force-share=on needs read-only=on");
	}
	return 0;
}

static int blk_node_name_ok(const char *name, struct err *e)
{
	size_t len = strlen(name);

	if (!len || len > 31 || !((*name | 32) >= 'a' && (*name | 32) <= 'z')) {
		return err_set(e, -EINVAL,
		               "invalid node name '%s': begin with a letter, at "
		               "most 31 characters",
		               name);
	}
	if (blk_node_find(name)) {
		return err_set(e, -EEXIST, "duplicate node name '%s'", name);
	}
	return 0;
}

static int blk_node_make(struct opt *o, bool implicit, struct blk_node **out,
                         struct err *e)
{
	const char *drv_name = opt_get_str(o, "driver", NULL);
	const char *name = opt_get_str(o, "node-name", NULL);
	const struct blk_driver *drv = NULL;
	struct blk_node *n;
	char auto_name[32];
	int r;

	for (unsigned i = 0; i < ARRAY_LEN(blk_drivers) && drv_name; i++) {
		if (!strcmp(blk_drivers[i]->name, drv_name)) {
			drv = blk_drivers[i];
		}
	}
	if (!drv) {
		return err_set(e, -EINVAL,
		               "block driver '%s' is not supported; known: file, "
		               "host_device, raw, null-co",
		               drv_name ? drv_name : "(none)");
	}
	r = name ? blk_node_name_ok(name, e) : 0;
	if (r < 0) {
		return r;
	}
	snprintf(auto_name, sizeof(auto_name), "#block%03u", blk_node_serial++);
	n = calloc(1, sizeof(*n));
	if (!n) {
		return err_set(e, -ENOMEM, "block node: out of memory");
	}
	n->drv = drv;
	n->name = strdup(name ? name : auto_name);
	n->state = calloc(1, drv->state_size ? drv->state_size : 1);
	n->implicit = implicit;
	n->align = 1;
	n->shared = BLK_PERM_ALL;
	list_init(&n->edges);
	list_init(&n->link);
	r = blk_node_parse(n, o, e);
	r = r < 0 ? r : drv->open(n, o, e);
	if (r < 0) {
		blk_edge_detach(&n->file);
		blk_node_free(n);
		return r;
	}
	r = opt_check_unused(o, "block node", e);
	if (r < 0) {
		blk_node_close(n);
		return r;
	}
	list_add_tail(&blk_nodes, &n->link);
	*out = n;
	return 0;
}

int blk_node_add(struct opt *o, struct blk_node **out, struct err *e)
{
	struct blk_node *n;
	int r;

	if (!opt_has(o, "node-name")) {
		return err_set(e, -EINVAL,
		               "'node-name' must be specified for the root node");
	}
	r = blk_node_make(o, false, &n, e);
	if (r == 0 && out) {
		*out = n;
	}
	return r;
}

/* What an inline child takes over when it does not say otherwise. */
static void blk_node_inherit(const struct blk_node *n, struct opt *child)
{
	if (!opt_has(child, "read-only")) {
		opt_put_bool(child, "read-only", n->read_only);
	}
	if (!opt_has(child, "auto-read-only")) {
		opt_put_bool(child, "auto-read-only", n->auto_ro);
	}
	if (!opt_has(child, "discard")) {
		opt_put_str(child, "discard", n->unmap ? "unmap" : "ignore");
	}
	if (!opt_has(child, "force-share")) {
		opt_put_bool(child, "force-share", n->force_share);
	}
	if (!opt_has(child, "cache")) {
		struct opt *cache = opt_new_dict();

		opt_put_bool(cache, "direct", n->direct);
		opt_put_bool(cache, "no-flush", n->no_flush);
		opt_put_take(child, "cache", cache);
	}
}

int blk_node_open_child(struct blk_node *n, struct blk_edge *edge, struct opt *o,
                        const char *key, struct err *e)
{
	struct opt *c = opt_get(o, key);
	struct blk_node *child = NULL;
	int r;

	if (!c) {
		return err_set(e, -EINVAL, "block node '%s': member '%s' is missing",
		               n->name, key);
	}
	if (opt_kind(c) == OPT_DICT) {
		blk_node_inherit(n, c);
		r = blk_node_make(c, true, &child, e);
		if (r < 0) {
			return r;
		}
	} else {
		child = blk_node_find(opt_str(c));
		if (!child) {
			return err_set(e, -ENOENT,
			               "Cannot find device='' nor node-name='%s'",
			               opt_str(c));
		}
	}
	edge->node = child;
	edge->parent = n;
	edge->perm = 0;
	edge->shared = BLK_PERM_ALL;
	list_add_tail(&child->edges, &edge->link);
	return 0;
}

struct blk_node *blk_node_find(const char *name)
{
	return list_named(&blk_nodes, name, struct blk_node, link, name);
}

int blk_node_del(const char *name, struct err *e)
{
	struct blk_node *n = blk_node_find(name);

	if (!n) {
		return err_set(e, -ENOENT, "Failed to find node with node-name='%s'",
		               name);
	}
	if (!list_empty(&n->edges)) {
		return err_set(e, -EBUSY, "Node %s is in use", name);
	}
	blk_node_close(n);
	return 0;
}

const char *blk_node_name(const struct blk_node *n)
{
	return n->name;
}

const char *blk_node_driver(const struct blk_node *n)
{
	return n->drv->name;
}

const char *blk_node_filename(const struct blk_node *n)
{
	while (n && !n->drv->filename) {
		n = n->file.node;
	}
	return n ? n->drv->filename(n) : "";
}

bool blk_node_read_only(const struct blk_node *n)
{
	return n->read_only;
}

uint64_t blk_node_length(const struct blk_node *n)
{
	return n->length;
}

unsigned blk_node_count(void)
{
	return list_len(&blk_nodes);
}

struct blk_node *blk_node_at(unsigned i)
{
	return list_nth(&blk_nodes, i, struct blk_node, link);
}
