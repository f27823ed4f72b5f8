/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * gmem-space.c - address spaces: publication of flat maps, look-up, listeners.
 *
 * One lock (RANK_ASPACE) covers the region tree and every space, because an alias
 * may show one region in several spaces. It is taken on topology changes only.
 */
#include "config.h"

#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "core/gmem-internal.h"

static struct lk gmem_topology = LK_INIT(RANK_ASPACE, "memory topology");
/* Under gmem_topology. */
struct aspace_node {
	struct aspace *as;
	struct list link;
};
static struct list gmem_spaces = LIST_INIT(gmem_spaces);
static unsigned gmem_generation;
static const struct flat gmem_empty;

/* ---- publication ---- */

static bool flat_same(const struct flat *a, const struct flat *b)
{
	if (a->n != b->n) {
		return false;
	}
	for (unsigned i = 0; i < a->n; i++) {
		const struct flat_range *x = &a->r[i], *y = &b->r[i];

		if (x->start != y->start || x->size != y->size || x->mr != y->mr ||
		    x->off != y->off || x->readonly != y->readonly ||
		    x->host != y->host) {
			return false;
		}
	}
	return true;
}

static void aspace_publish(struct aspace *as)
{
	struct flat *was = atomic_load(&as->flat), *now = gmem_flatten(as->root);
	struct aspace_listener *l, *tmp;

	as->dirty = false;
	if (was && flat_same(was, now)) {
		free(now);
		return;
	}
	now->generation = ++gmem_generation;
	atomic_store(&as->flat, now);
	list_for_each_safe (l, tmp, &as->listeners, link) {
		l->changed(l, was ? was : &gmem_empty, now);
	}
	gmem_retire(was);
}

/* The tree has changed: each space outside a batch is rebuilt. */
static void gmem_tree_changed(void)
{
	struct aspace_node *n;

	list_for_each (n, &gmem_spaces, link) {
		n->as->dirty = true;
		if (!n->as->batch) {
			aspace_publish(n->as);
		}
	}
}

void aspace_init(struct aspace *as, const char *name, struct mr *root)
{
	struct aspace_node *n = calloc(1, sizeof(*n));

	if (!n) {
		abort();
	}
	memset(as, 0, sizeof(*as));
	as->name = name;
	as->root = root;
	as->lk = &gmem_topology;
	list_init(&as->listeners);
	n->as = as;
	LOCK_SCOPE(&gmem_topology);
	root->space = as;
	list_add_tail(&gmem_spaces, &n->link);
	aspace_publish(as);
}

void aspace_fini(struct aspace *as)
{
	struct aspace_node *n, *tmp;

	if (!as->lk) {
		return;
	}
	LOCK_SCOPE(&gmem_topology);
	list_for_each_safe (n, tmp, &gmem_spaces, link) {
		if (n->as == as) {
			list_del(&n->link);
			free(n);
		}
	}
	as->root->space = NULL;
	gmem_retire(atomic_exchange(&as->flat, NULL));
}

void aspace_add_listener(struct aspace *as, struct aspace_listener *l)
{
	LOCK_SCOPE(&gmem_topology);
	list_add_tail(&as->listeners, &l->link);
	l->changed(l, &gmem_empty, atomic_load(&as->flat));
}

void aspace_del_listener(struct aspace *as __unused, struct aspace_listener *l)
{
	LOCK_SCOPE(&gmem_topology);
	list_del(&l->link);
}

void aspace_begin(struct aspace *as)
{
	LOCK_SCOPE(&gmem_topology);
	as->batch++;
}

void aspace_commit(struct aspace *as)
{
	LOCK_SCOPE(&gmem_topology);
	if (!--as->batch && as->dirty) {
		aspace_publish(as);
	}
}

/* ---- tree changes ---- */

static void mr_link_sorted(struct mr *parent, struct mr *child)
{
	struct mr *at;

	/* Highest first; of equals the later addition comes first and so wins. */
	list_for_each (at, &parent->children, link) {
		if (at->priority <= child->priority) {
			break;
		}
	}
	list_insert_before(&at->link, &child->link);
}

void mr_add(struct mr *parent, gpa_t addr, struct mr *child, int priority)
{
	LOCK_SCOPE(&gmem_topology);
	child->addr = addr;
	child->priority = priority;
	child->parent = parent;
	child->in_tree = true;
	mr_link_sorted(parent, child);
	gmem_tree_changed();
}

void mr_del(struct mr *child)
{
	LOCK_SCOPE(&gmem_topology);
	if (!child->in_tree) {
		return;
	}
	list_del(&child->link);
	child->parent = NULL;
	child->in_tree = false;
	gmem_tree_changed();
}

void mr_set_enabled(struct mr *m, bool on)
{
	LOCK_SCOPE(&gmem_topology);
	if (m->enabled != on) {
		m->enabled = on;
		gmem_tree_changed();
	}
}

void mr_set_addr(struct mr *m, gpa_t addr)
{
	LOCK_SCOPE(&gmem_topology);
	if (m->addr != addr) {
		m->addr = addr;
		gmem_tree_changed();
	}
}

void mr_set_readonly(struct mr *m, bool ro)
{
	LOCK_SCOPE(&gmem_topology);
	if (m->readonly != ro) {
		m->readonly = ro;
		gmem_tree_changed();
	}
}

void mr_set_size(struct mr *m, uint64_t size)
{
	LOCK_SCOPE(&gmem_topology);
	if ((m->kind == MR_RAM || m->kind == MR_ROM) &&
	    size > m->ram->size - m->ram_delta) {
		size = m->ram->size - m->ram_delta;
	}
	if (m->size != size) {
		m->size = size;
		gmem_tree_changed();
	}
}

/* ---- look-up ---- */

/* Number of the range that holds addr, or of the first one above it. */
static unsigned flat_search(const struct flat *f, gpa_t addr)
{
	unsigned lo = 0, hi = f->n;

	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		const struct flat_range *r = &f->r[mid];

		if (addr < r->start) {
			hi = mid;
		} else if (addr - r->start >= r->size) {
			lo = mid + 1;
		} else {
			return mid;
		}
	}
	return lo;
}

static uint64_t flat_read_nothing(void *opaque __unused, uint64_t off __unused,
                                  unsigned size __unused)
{
	return UINT64_MAX;
}

static void flat_write_nothing(void *opaque __unused, uint64_t off __unused,
                               uint64_t val __unused, unsigned size __unused)
{
}

static const struct mr_ops flat_nothing = { .max = 8 };

/* Sizes of which each aligned access that begins in the entry is one whole one. */
static unsigned spot_sizes(const struct gmem_spot *s, const struct mr_ops *o)
{
	unsigned sizes = 0;

	for (unsigned n = 1; n <= 8; n *= 2) {
		if (n >= o->min && n <= (o->max ? o->max : 8u) &&
		    !((s->off + s->size) & (n - 1))) {
			sizes |= n;
		}
	}
	return sizes;
}

static void spot_set(struct gmem_spot *s, const struct mr *m, const struct mr_ops *o)
{
	s->read = o->read ? o->read : flat_read_nothing;
	s->write = o->write ? o->write : flat_write_nothing;
	s->opaque = m ? m->opaque : NULL;
	s->lock = m ? m->lock : NULL;
	s->sizes = spot_sizes(s, o);
}

static void spot_set_hole(const struct flat *f, unsigned next, struct gmem_spot *s)
{
	s->r = NULL;
	s->start = s->off = next ? f->r[next - 1].start + f->r[next - 1].size : 0;
	s->size = (next < f->n ? f->r[next].start : UINT64_MAX) - s->start;
	if (log_on(LOG_UNIMP)) {
		s->sizes = 0; /* each one is told */
	} else {
		spot_set(s, NULL, &flat_nothing);
	}
}

void gmem_spot_fill(const struct flat *f, gpa_t addr, struct gmem_spot *s)
{
	unsigned i = flat_search(f, addr);
	const struct flat_range *r = &f->r[i];

	s->generation = f->generation ? f->generation : UINT_MAX; /* has no name */
	if (i == f->n || addr < r->start) {
		spot_set_hole(f, i, s);
		return;
	}
	s->r = r;
	s->start = r->start;
	s->size = r->size;
	s->off = r->off;
	s->sizes = 0;
	if (!r->host && r->mr && r->mr->ops) {
		spot_set(s, r->mr, r->mr->ops);
	}
}

const struct flat_range *flat_find(const struct flat *f, gpa_t addr)
{
	return gmem_spot_find(f, addr)->r;
}
