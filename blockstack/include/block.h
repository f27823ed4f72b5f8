/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * block.h - the block layer as its users (devices, exports, jobs) see it.
 *
 * A *node* is an image or a filter, named; a *backend* is a user's handle on a
 * node: permissions, a loop, an error policy. Requests are asynchronous and
 * complete on the backend's loop; raw files reach io_uring without a lock or a
 * copy. The full node graph (formats, filters, jobs) slots in beneath this
 * interface without changing it.
 *
 * Units: bytes; offsets and lengths are multiples of blk_align(). Results: 0 or
 * -errno. Buffers are borrowed until the callback.
 */
#ifndef LODGE_BLOCK_H
#define LODGE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/err.h"

struct opt;
struct loop;
struct blk_node;
struct blk;

/* Permissions (bits), needed and shared. */
#define BLK_PERM_CONSISTENT_READ BIT(0)
#define BLK_PERM_WRITE           BIT(1)
#define BLK_PERM_WRITE_UNCHANGED BIT(2)
#define BLK_PERM_RESIZE          BIT(3)
#define BLK_PERM_ALL             0xfu

/* Request flags. */
#define BLK_REQ_FUA         BIT(0)
#define BLK_REQ_MAY_UNMAP   BIT(1) /* write zeroes may discard */
#define BLK_REQ_NO_FALLBACK BIT(2) /* -ENOTSUP rather than slow zeroes */

/* ---- nodes (control thread) ---- */
/* -blockdev / blockdev-add: {"driver":"file","filename":..,"node-name":..,"read-only":..,
 * "auto-read-only":..,"cache":{"direct":..},"aio":..,"discard":..,"detect-zeroes":..} */
int blk_node_add(struct opt *o, struct blk_node **out, struct err *e) __must_check;
struct blk_node *blk_node_find(const char *name);
int blk_node_del(const char *name, struct err *e) __must_check;
const char *blk_node_name(const struct blk_node *n);
const char *blk_node_driver(const struct blk_node *n);
const char *
blk_node_filename(const struct blk_node *n); /* of the nearest protocol node */
bool blk_node_read_only(const struct blk_node *n);
uint64_t blk_node_length(const struct blk_node *n);
unsigned blk_node_count(void);
struct blk_node *blk_node_at(unsigned i);

/* ---- backends ---- */
struct blk *blk_open(struct blk_node *n, unsigned perm, unsigned shared, struct loop *l,
                     struct err *e);
void blk_close(struct blk *b);
struct blk_node *blk_node_of(struct blk *b);
uint64_t blk_length(struct blk *b);
uint32_t blk_align(struct blk *b);
bool blk_read_only(struct blk *b);
bool blk_can_discard(struct blk *b);
bool blk_write_cache(struct blk *b);
void blk_set_write_cache(struct blk *b, bool on);
void blk_set_resize_cb(struct blk *b, void (*cb)(void *), void *opaque);

/* ---- requests ---- */
typedef void blk_cb(void *opaque, int ret);
/* A request costs no allocation when the caller gives storage with blk_req_size(). */
void blk_readv(struct blk *b, uint64_t off, const struct iovec *iov, int n, blk_cb *cb,
               void *opaque);
void blk_writev(struct blk *b, uint64_t off, const struct iovec *iov, int n,
                unsigned flags, blk_cb *cb, void *opaque);
void blk_flush(struct blk *b, blk_cb *cb, void *opaque);
void blk_discard(struct blk *b, uint64_t off, uint64_t len, blk_cb *cb, void *opaque);
void blk_write_zeroes(struct blk *b, uint64_t off, uint64_t len, unsigned flags,
                      blk_cb *cb, void *opaque);
/* Batches: requests between plug and unplug are submitted together. */
void blk_plug(struct blk *b);
void blk_unplug(struct blk *b);
/* Waits until nothing is in flight. Control thread, or the backend's loop. */
void blk_drain(struct blk *b);
unsigned blk_in_flight(struct blk *b);

#endif
