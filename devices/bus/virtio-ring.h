/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-ring.h - split virtqueues (virtio 1.2 section 2.7), device side.
 *
 * The one module that walks rings. Everything the guest wrote is read once into
 * locals and checked; a mistake marks the queue broken with a reason and the
 * device asks for a reset. Ring areas are reached through host pointers that are
 * looked up again when the memory map changes.
 *
 * Threads: one queue is used by one thread at a time (its device's loop).
 */
#ifndef LODGE_DEVICES_VIRTIO_RING_H
#define LODGE_DEVICES_VIRTIO_RING_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "core/gmem.h"

enum {
	VIRTQ_MAX_SIZE = 1024,
	VIRTQ_MAX_SEGS = 1024, /* host spans of one chain, and its descriptor budget */
};

/* What the driver set up, frozen at DRIVER_OK. */
struct virtq_config {
	uint16_t size;
	gpa_t desc, avail, used;
	bool event_idx;
};

struct virtq {
	struct aspace *as;
	struct virtq_config cfg;
	const struct flat *flat; /* the map the host pointers were looked up in */
	unsigned gen;
	uint8_t *desc, *avail, *used; /* host addresses of the areas */
	uint16_t last_avail;          /* next ring slot to pop */
	uint16_t seen_avail;          /* avail->idx as read last */
	uint16_t used_idx;            /* next used slot to fill */
	uint16_t pub_idx;             /* used->idx as the guest sees it */
	bool running, kicks_off;
	const char *broken; /* why, or NULL */
};

/* One descriptor chain: device-readable spans first, then device-writable ones. */
struct virtq_chain {
	uint16_t head;
	unsigned n_out, n_in;
	uint64_t out_len, in_len;
	struct iovec iov[VIRTQ_MAX_SEGS];
	gpa_t gpa[VIRTQ_MAX_SEGS];
};

/* -EINVAL (with q->broken) when the configuration is unusable. */
int virtq_start(struct virtq *q, struct aspace *as, const struct virtq_config *c)
	__must_check;
void virtq_stop(struct virtq *q);

/* 1: a chain; 0: nothing there; -EIO: the queue is broken. */
int virtq_pop(struct virtq *q, struct virtq_chain *c) __must_check;
/* Gives the last n popped chains back, unused. */
void virtq_unpop(struct virtq *q, unsigned n);
/* Puts a chain into the used ring; seen by the guest after virtq_publish(). */
void virtq_push(struct virtq *q, uint16_t head, uint32_t written);
/* Makes pushed chains visible; true: the driver wants an interrupt. */
bool virtq_publish(struct virtq *q) __must_check;
/* Tells the driver not to ring while we are at it... */
void virtq_kicks_disable(struct virtq *q);
/* ... and to ring for what comes after the chains seen so far; true: more came meanwhile. */
bool virtq_kicks_enable(struct virtq *q) __must_check;
bool virtq_empty(struct virtq *q);

/* The spans were written by us: dirty log and translated code hear of it. */
void virtq_mark_written(struct virtq *q, const struct iovec *iov, const gpa_t *gpa,
                        unsigned n, uint64_t len);

#endif
