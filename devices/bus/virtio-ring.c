/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-ring.c - see virtio-ring.h. Virtio 1.2 section 2.7 (split virtqueues),
 * with indirect descriptors (2.7.5.3) and used-buffer/available-buffer
 * notification suppression by event index (2.7.7, 2.7.8).
 *
 * Known gaps: packed virtqueues, in-order use. A ring area must lie in one range
 * of RAM.
 */
#include "config.h"

#include "devices/bus/virtio-ring.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#include "base/bytes.h"

enum {
	VIRTQ_DESC_SIZE = 16,
	VIRTQ_DESC_NEXT = 1,
	VIRTQ_DESC_WRITE = 2,
	VIRTQ_DESC_INDIRECT = 4,
	VIRTQ_AVAIL_NO_INTERRUPT = 1,
	VIRTQ_USED_NO_NOTIFY = 1,
};

struct virtq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

static int virtq_break(struct virtq *q, const char *why)
{
	if (!q->broken) {
		q->broken = why;
	}
	return -EIO;
}

/* ---- areas ---- */

static uint64_t virtq_avail_bytes(const struct virtq *q)
{
	return 6 + 2 * (uint64_t)q->cfg.size;
}

static uint64_t virtq_used_bytes(const struct virtq *q)
{
	return 6 + 8 * (uint64_t)q->cfg.size;
}

static uint8_t *virtq_area(struct virtq *q, gpa_t at, uint64_t len, bool write)
{
	struct iovec iov;

	return dma_map(q->as, at, len, write, &iov, 1) == 1 ? iov.iov_base : NULL;
}

/*
 * Host pointers stay good as long as the map they came from is the current one;
 * generations tell two maps at one address apart.
 */
static int virtq_sync_slow(struct virtq *q, const struct flat *f)
{
	q->desc = virtq_area(q, q->cfg.desc, (uint64_t)q->cfg.size * VIRTQ_DESC_SIZE,
	                     false);
	q->avail = virtq_area(q, q->cfg.avail, virtq_avail_bytes(q), false);
	q->used = virtq_area(q, q->cfg.used, virtq_used_bytes(q), true);
	if (!q->desc || !q->avail || !q->used) {
		q->flat = NULL;
		return virtq_break(q, "a ring area is not in RAM");
	}
	q->flat = f;
	q->gen = f->generation;
	return 0;
}

static inline int virtq_sync(struct virtq *q)
{
	const struct flat *f = atomic_load_explicit(&q->as->flat, memory_order_acquire);

	if (unlikely(q->broken || !q->running)) {
		return -EIO;
	}
	if (likely(f == q->flat && f->generation == q->gen)) {
		return 0;
	}
	return virtq_sync_slow(q, f);
}

int virtq_start(struct virtq *q, struct aspace *as, const struct virtq_config *c)
{
	q->as = as;
	q->cfg = *c;
	q->broken = NULL;
	q->flat = NULL;
	q->kicks_off = false;
	q->last_avail = q->seen_avail = q->used_idx = q->pub_idx = 0;
	if (!IS_POWER_OF_2(c->size) || c->size > VIRTQ_MAX_SIZE) {
		virtq_break(q, "the queue size is no power of two within the limit");
		return -EINVAL;
	}
	if ((c->desc & 15) || (c->avail & 1) || (c->used & 3)) {
		virtq_break(q, "a ring area is misaligned");
		return -EINVAL;
	}
	q->running = true;
	return virtq_sync(q) < 0 ? -EINVAL : 0;
}

void virtq_stop(struct virtq *q)
{
	q->running = false;
	q->flat = NULL;
}

static inline uint16_t virtq_load16(const uint8_t *p, int order)
{
	return BYTES_LE16(__atomic_load_n((const uint16_t *)(const void *)p, order));
}

static inline void virtq_store16(uint8_t *p, uint16_t v, int order)
{
	__atomic_store_n((uint16_t *)(void *)p, BYTES_LE16(v), order);
}

/* ---- descriptors ---- */

static inline void virtq_desc_load(const uint8_t *p, struct virtq_desc *d)
{
	uint8_t raw[VIRTQ_DESC_SIZE];

	memcpy(raw, p, sizeof(raw)); /* the guest may change it under us: one copy */
	__asm__ volatile("" ::: "memory");
	d->addr = ld_le64(raw);
	d->len = ld_le32(raw + 8);
	d->flags = ld_le16(raw + 12);
	d->next = ld_le16(raw + 14);
}

static int virtq_chain_add(struct virtq *q, struct virtq_chain *c,
                           const struct virtq_desc *d)
{
	unsigned n = c->n_out + c->n_in;
	bool write = d->flags & VIRTQ_DESC_WRITE;
	gpa_t at = d->addr;
	int k;

	if (!d->len) {
		return 0;
	}
	if (!write && c->n_in) {
		return virtq_break(q, "a readable descriptor follows a writable one");
	}
	k = dma_map(q->as, d->addr, d->len, write, c->iov + n,
	            (int)(VIRTQ_MAX_SEGS - n));
	if (k <= 0) {
		return virtq_break(q, k == -E2BIG ? "a chain has too many pieces"
		                                  : "a descriptor points outside RAM");
	}
	for (int i = 0; i < k; i++) {
		c->gpa[n + (unsigned)i] = at;
		at += c->iov[n + (unsigned)i].iov_len;
	}
	if (write) {
		c->n_in += (unsigned)k;
		c->in_len += d->len;
	} else {
		c->n_out += (unsigned)k;
		c->out_len += d->len;
	}
	if (c->in_len + c->out_len > UINT32_MAX) {
		return virtq_break(q, "a chain is longer than 4 GiB");
	}
	return 0;
}

/* A table of descriptors in guest memory, fetched in small pieces. */
static int virtq_walk_indirect(struct virtq *q, struct virtq_chain *c,
                               const struct virtq_desc *ind)
{
	unsigned n = ind->len / VIRTQ_DESC_SIZE, i = 0, budget = 0;
	struct virtq_desc d;
	struct iovec iov;
	const uint8_t *table = NULL;

	if (ind->len % VIRTQ_DESC_SIZE || !n || n > VIRTQ_MAX_SEGS) {
		return virtq_break(q, "an indirect table has an illegal size");
	}
	if (dma_map(q->as, ind->addr, ind->len, false, &iov, 1) == 1) {
		table = iov.iov_base;
	}
	for (;;) {
		if (table) {
			virtq_desc_load(table + i * VIRTQ_DESC_SIZE, &d);
		} else {
			uint8_t raw[VIRTQ_DESC_SIZE];

			if (dma_read(q->as, ind->addr + i * VIRTQ_DESC_SIZE, raw,
			             sizeof(raw)) < 0) {
				return virtq_break(q,
				                   "an indirect table is not in RAM");
			}
			virtq_desc_load(raw, &d);
		}
		if (d.flags & VIRTQ_DESC_INDIRECT) {
			return virtq_break(
				q, "an indirect table inside an indirect table");
		}
		if (virtq_chain_add(q, c, &d) < 0) {
			return -EIO;
		}
		if (!(d.flags & VIRTQ_DESC_NEXT)) {
			return 0;
		}
		i = d.next;
		if (i >= n || ++budget >= n) {
			return virtq_break(
				q, "an indirect chain leaves its table or loops");
		}
	}
}

static int virtq_walk(struct virtq *q, struct virtq_chain *c)
{
	unsigned budget = 0, i = c->head;
	struct virtq_desc d;

	for (;;) {
		virtq_desc_load(q->desc + i * VIRTQ_DESC_SIZE, &d);
		if (d.flags & VIRTQ_DESC_INDIRECT) {
			if (d.flags & VIRTQ_DESC_NEXT) {
				return virtq_break(q,
				                   "an indirect descriptor is chained");
			}
			return virtq_walk_indirect(q, c, &d);
		}
		if (virtq_chain_add(q, c, &d) < 0) {
			return -EIO;
		}
		if (!(d.flags & VIRTQ_DESC_NEXT)) {
			return 0;
		}
		i = d.next;
		if (i >= q->cfg.size || ++budget >= q->cfg.size) {
			return virtq_break(q, "a chain leaves the table or loops");
		}
	}
}

/* ---- available ring ---- */

/* How many chains the driver has made available; -EIO when it lies. */
static int virtq_available(struct virtq *q)
{
	uint16_t n = (uint16_t)(q->seen_avail - q->last_avail);

	if (n == 0) {
		q->seen_avail = virtq_load16(q->avail + 2, __ATOMIC_ACQUIRE);
		n = (uint16_t)(q->seen_avail - q->last_avail);
		if (n > q->cfg.size) {
			return virtq_break(
				q,
				"the available index is ahead by more than the ring");
		}
	}
	return n;
}

int virtq_pop(struct virtq *q, struct virtq_chain *c)
{
	unsigned slot;
	int r;

	if (virtq_sync(q) < 0) {
		return -EIO;
	}
	r = virtq_available(q);
	if (r <= 0) {
		return r;
	}
	slot = q->last_avail & (q->cfg.size - 1u);
	c->head = virtq_load16(q->avail + 4 + 2 * slot, __ATOMIC_RELAXED);
	if (c->head >= q->cfg.size) {
		return virtq_break(q, "an available entry is out of range");
	}
	c->n_out = c->n_in = 0;
	c->out_len = c->in_len = 0;
	r = virtq_walk(q, c);
	if (r < 0) {
		return r;
	}
	q->last_avail++;
	return 1;
}

void virtq_unpop(struct virtq *q, unsigned n)
{
	q->last_avail = (uint16_t)(q->last_avail - n);
}

bool virtq_empty(struct virtq *q)
{
	return virtq_sync(q) < 0 || virtq_available(q) <= 0;
}

/* ---- used ring ---- */

void virtq_push(struct virtq *q, uint16_t head, uint32_t written)
{
	uint8_t *p;

	if (virtq_sync(q) < 0) {
		return;
	}
	p = q->used + 4 + 8 * (size_t)(q->used_idx & (q->cfg.size - 1u));
	st_le32(p, head);
	st_le32(p + 4, written);
	q->used_idx++;
}

static void virtq_mark_used(struct virtq *q, uint16_t from, uint16_t to)
{
	unsigned n = (uint16_t)(to - from), a = from & (q->cfg.size - 1u);
	unsigned first = MIN(n, q->cfg.size - a);

	dma_mark_written(q->as, q->cfg.used + 4 + 8 * (uint64_t)a, 8 * (uint64_t)first);
	if (n > first) {
		dma_mark_written(q->as, q->cfg.used + 4, 8 * (uint64_t)(n - first));
	}
	dma_mark_written(q->as, q->cfg.used, 4);
}

/* 2.7.10: the driver asked for the interrupt of an entry between old and new. */
static inline bool virtq_need_event(uint16_t event, uint16_t now, uint16_t was)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - was);
}

bool virtq_publish(struct virtq *q)
{
	uint16_t was = q->pub_idx, now = q->used_idx;

	if (was == now || virtq_sync(q) < 0) {
		return false;
	}
	virtq_store16(q->used + 2, now, __ATOMIC_RELEASE);
	q->pub_idx = now;
	virtq_mark_used(q, was, now);
	atomic_thread_fence(
		memory_order_seq_cst); /* idx before reading what they want */
	if (q->cfg.event_idx) {
		uint16_t ev = virtq_load16(q->avail + 4 + 2 * (size_t)q->cfg.size,
		                           __ATOMIC_RELAXED);

		return virtq_need_event(ev, now, was);
	}
	return !(virtq_load16(q->avail, __ATOMIC_RELAXED) & VIRTQ_AVAIL_NO_INTERRUPT);
}

/* ---- kick suppression ---- */

static uint8_t *virtq_avail_event(struct virtq *q)
{
	return q->used + 4 + 8 * (size_t)q->cfg.size;
}

void virtq_kicks_disable(struct virtq *q)
{
	if (q->kicks_off || virtq_sync(q) < 0) {
		return;
	}
	q->kicks_off = true;
	if (!q->cfg.event_idx) { /* with event_idx a stale event does it */
		virtq_store16(q->used, VIRTQ_USED_NO_NOTIFY, __ATOMIC_RELAXED);
		dma_mark_written(q->as, q->cfg.used, 2);
	}
}

/*
 * The wish is to hear of anything beyond what was seen already, not of what was left
 * in the ring on purpose: else a receive queue with too few buffers would spin.
 */
bool virtq_kicks_enable(struct virtq *q)
{
	uint16_t seen;

	if (virtq_sync(q) < 0) {
		return false;
	}
	seen = q->seen_avail;
	if (q->cfg.event_idx) {
		virtq_store16(virtq_avail_event(q), seen, __ATOMIC_RELAXED);
		dma_mark_written(q->as, q->cfg.used + 4 + 8 * (uint64_t)q->cfg.size, 2);
	} else if (q->kicks_off) {
		virtq_store16(q->used, 0, __ATOMIC_RELAXED);
		dma_mark_written(q->as, q->cfg.used, 2);
	}
	q->kicks_off = false;
	atomic_thread_fence(
		memory_order_seq_cst); /* the wish before looking once more */
	q->seen_avail = virtq_load16(q->avail + 2, __ATOMIC_ACQUIRE);
	if ((uint16_t)(q->seen_avail - q->last_avail) > q->cfg.size) {
		virtq_break(q, "the available index is ahead by more than the ring");
		return false;
	}
	return q->seen_avail != seen;
}

/* ---- spans ---- */

void virtq_mark_written(struct virtq *q, const struct iovec *iov, const gpa_t *gpa,
                        unsigned n, uint64_t len)
{
	for (unsigned i = 0; i < n && len; i++) {
		uint64_t k = MIN(len, (uint64_t)iov[i].iov_len);

		dma_mark_written(q->as, gpa[i], k);
		len -= k;
	}
}
