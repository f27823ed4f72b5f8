/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-blk.c - virtio block device (virtio 1.2 section 5.2): reads, writes,
 * flush, discard, write zeroes, serial; several queues.
 *
 * A kick takes the whole ring: each chain becomes one request that owns its
 * spans, reads and writes go to the block layer from guest memory directly. All
 * completions of a turn share one interrupt.
 *
 * Threads: queues and completions on the device's loop. Known gaps: those of
 * disk-conf.h, zoned and secure-erase features, merging of neighbouring requests.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/iov.h"
#include "base/log.h"
#include "block.h"
#include "devices/block/disk-conf.h"
#include "devices/bus/virtio.h"

enum {
	VBLK_SECTOR = 512,
	VBLK_CONFIG_SIZE = 60,
	VBLK_DISCARD_MAX_SEG = 1,
	VBLK_MAX_DISCARD_SECTORS = 1 << 22,
	VBLK_CLASSES = 3,
	VBLK_SERIAL_LEN = 20,
};

/* Feature bit numbers (5.2.3), request types and status (5.2.6). */
enum {
	VIRTIO_BLK_F_SEG_MAX = 2,
	VIRTIO_BLK_F_GEOMETRY = 4,
	VIRTIO_BLK_F_RO = 5,
	VIRTIO_BLK_F_BLK_SIZE = 6,
	VIRTIO_BLK_F_FLUSH = 9,
	VIRTIO_BLK_F_TOPOLOGY = 10,
	VIRTIO_BLK_F_CONFIG_WCE = 11,
	VIRTIO_BLK_F_MQ = 12,
	VIRTIO_BLK_F_DISCARD = 13,
	VIRTIO_BLK_F_WRITE_ZEROES = 14,

	VIRTIO_BLK_T_IN = 0,
	VIRTIO_BLK_T_OUT = 1,
	VIRTIO_BLK_T_FLUSH = 4,
	VIRTIO_BLK_T_GET_ID = 8,
	VIRTIO_BLK_T_DISCARD = 11,
	VIRTIO_BLK_T_WRITE_ZEROES = 13,
	VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP = 1,

	VIRTIO_BLK_S_OK = 0,
	VIRTIO_BLK_S_IOERR = 1,
	VIRTIO_BLK_S_UNSUPP = 2,
};

static const unsigned vblk_class_segs[VBLK_CLASSES] = { 8, 130, VIRTQ_MAX_SEGS };

struct virtio_blk;

/* One request, from pop to push. Its spans follow the struct. */
struct vblk_req {
	struct vblk_req *next;
	struct virtio_blk *b;
	struct virtio_queue *q;
	uint8_t size_class;
	uint16_t head;
	uint32_t type;
	uint64_t sector;
	uint8_t *status;
	gpa_t status_gpa;
	uint64_t data_len;
	unsigned n; /* data spans */
	struct iovec *iov;
	gpa_t *gpa;
};

struct virtio_blk {
	struct virtio_dev v;
	struct blk *blk;
	struct vblk_req *pool[VBLK_CLASSES];
	unsigned in_flight; /* loop */
	bool stopping;

	struct disk_conf conf;
	uint16_t num_queues, queue_size;
	uint32_t seg_max;
	uint32_t max_discard, max_zeroes, cyls, heads, secs, lcyls, lheads, lsecs;
	bool config_wce, discard, write_zeroes, scsi, request_merging;
};

static struct virtio_blk *virtio_blk_of(struct virtio_dev *v)
{
	return container_of(v, struct virtio_blk, v);
}

/* ---- requests ---- */

static struct vblk_req *virtio_blk_req_get(struct virtio_blk *b, unsigned n)
{
	struct vblk_req *r;
	unsigned c = 0;

	while (vblk_class_segs[c] < n) {
		c++;
	}
	r = b->pool[c];
	if (r) {
		b->pool[c] = r->next;
	} else {
		r = malloc(sizeof(*r) +
		           vblk_class_segs[c] * (sizeof(struct iovec) + sizeof(gpa_t)));
		if (!r) {
			return NULL;
		}
		r->b = b;
		r->size_class = (uint8_t)c;
		r->iov = (struct iovec *)(r + 1);
		r->gpa = (gpa_t *)(r->iov + vblk_class_segs[c]);
	}
	b->in_flight++;
	return r;
}

static void virtio_blk_req_put(struct vblk_req *r)
{
	struct virtio_blk *b = r->b;

	r->next = b->pool[r->size_class];
	b->pool[r->size_class] = r;
	if (--b->in_flight == 0 && b->stopping) {
		b->stopping = false;
		virtio_stopped(&b->v);
	}
}

static uint8_t virtio_blk_status(int ret)
{
	switch (ret) {
	case 0: return VIRTIO_BLK_S_OK;
	case -ENOTSUP: return VIRTIO_BLK_S_UNSUPP;
	default: return VIRTIO_BLK_S_IOERR;
	}
}

static void virtio_blk_finish(struct vblk_req *r, uint8_t status)
{
	uint32_t written = 1;

	*r->status = status;
	dma_mark_written(r->b->v.as, r->status_gpa, 1);
	if (r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_GET_ID) {
		virtq_mark_written(&r->q->ring, r->iov, r->gpa, r->n, r->data_len);
		written += (uint32_t)r->data_len;
	}
	if (!r->b->stopping) {
		virtio_push(r->q, r->head, written);
	}
	virtio_blk_req_put(r);
}

static void virtio_blk_done(void *opaque, int ret)
{
	struct vblk_req *r = opaque;

	if (unlikely(ret < 0)) {
		log_guest("%s: request type %u at sector %llu failed: %s",
		          r->b->v.dev.id ? r->b->v.dev.id : "virtio-blk", r->type,
		          (unsigned long long)r->sector, strerror(-ret));
	}
	virtio_blk_finish(r, virtio_blk_status(ret));
}

/* [sector, +len) lies on the disk and fits the logical blocks. */
static bool virtio_blk_range_ok(struct virtio_blk *b, uint64_t sector, uint64_t len)
{
	uint64_t off;

	return u64_mul(sector, VBLK_SECTOR, &off) &&
	       range_fits(off, len, blk_length(b->blk)) && off % b->conf.logical == 0 &&
	       len % b->conf.logical == 0;
}

static void virtio_blk_rw(struct vblk_req *r, bool write)
{
	struct virtio_blk *b = r->b;

	if (!virtio_blk_range_ok(b, r->sector, r->data_len) ||
	    (write && blk_read_only(b->blk))) {
		virtio_blk_finish(r, VIRTIO_BLK_S_IOERR);
	} else if (write) {
		blk_writev(b->blk, r->sector * VBLK_SECTOR, r->iov, (int)r->n, 0,
		           virtio_blk_done, r);
	} else {
		blk_readv(b->blk, r->sector * VBLK_SECTOR, r->iov, (int)r->n,
		          virtio_blk_done, r);
	}
}

/* 5.2.6: one segment of sector, count, flags. */
static void virtio_blk_unmap(struct vblk_req *r)
{
	bool zero = r->type == VIRTIO_BLK_T_WRITE_ZEROES;
	struct virtio_blk *b = r->b;
	uint8_t seg[16];
	uint32_t n, flags;
	uint64_t len;

	if (r->data_len != sizeof(seg) || blk_read_only(b->blk) ||
	    !(b->v.live_features &
	      BIT64(zero ? VIRTIO_BLK_F_WRITE_ZEROES : VIRTIO_BLK_F_DISCARD))) {
		virtio_blk_finish(r, r->data_len == sizeof(seg) ? VIRTIO_BLK_S_IOERR
		                                                : VIRTIO_BLK_S_UNSUPP);
		return;
	}
	iov_read(r->iov, r->n, 0, seg, sizeof(seg));
	r->sector = ld_le64(seg);
	n = ld_le32(seg + 8);
	flags = ld_le32(seg + 12);
	len = (uint64_t)n * VBLK_SECTOR;
	if ((flags & ~(uint32_t)(zero ? VIRTIO_BLK_WRITE_ZEROES_FLAG_UNMAP : 0)) ||
	    n > (zero ? b->max_zeroes : b->max_discard)) {
		virtio_blk_finish(r, VIRTIO_BLK_S_UNSUPP);
	} else if (!virtio_blk_range_ok(b, r->sector, len)) {
		virtio_blk_finish(r, VIRTIO_BLK_S_IOERR);
	} else if (zero) {
		blk_write_zeroes(b->blk, r->sector * VBLK_SECTOR, len,
		                 flags ? BLK_REQ_MAY_UNMAP : 0, virtio_blk_done, r);
	} else {
		blk_discard(b->blk, r->sector * VBLK_SECTOR, len, virtio_blk_done, r);
	}
}

static void virtio_blk_get_id(struct vblk_req *r)
{
	char id[VBLK_SERIAL_LEN] = { 0 };

	if (r->b->conf.serial) {
		memcpy(id, r->b->conf.serial,
		       MIN(strlen(r->b->conf.serial), sizeof(id)));
	}
	r->data_len = iov_write(r->iov, r->n, 0, id, MIN(r->data_len, sizeof(id)));
	virtio_blk_finish(r, VIRTIO_BLK_S_OK);
}

static void virtio_blk_execute(struct vblk_req *r)
{
	switch (r->type) {
	case VIRTIO_BLK_T_IN: virtio_blk_rw(r, false); break;
	case VIRTIO_BLK_T_OUT: virtio_blk_rw(r, true); break;
	case VIRTIO_BLK_T_FLUSH: blk_flush(r->b->blk, virtio_blk_done, r); break;
	case VIRTIO_BLK_T_GET_ID: virtio_blk_get_id(r); break;
	case VIRTIO_BLK_T_DISCARD:
	case VIRTIO_BLK_T_WRITE_ZEROES: virtio_blk_unmap(r); break;
	default: virtio_blk_finish(r, VIRTIO_BLK_S_UNSUPP); break;
	}
}

/*
 * The chain in v->chain becomes a request: 16 bytes of header lead the readable
 * part, one status byte ends the writable part, the rest is data.
 */
static bool virtio_blk_accept(struct virtio_blk *b, struct virtio_queue *q)
{
	struct virtq_chain *c = b->v.chain;
	struct iovec *last = &c->iov[c->n_out + c->n_in - 1];
	struct vblk_req *r;
	uint8_t hdr[16];
	bool in;

	if (c->out_len < sizeof(hdr) || c->in_len < 1) {
		virtio_break(&b->v, "a block request without header or status");
		return false;
	}
	iov_read(c->iov, c->n_out, 0, hdr, sizeof(hdr));
	r = virtio_blk_req_get(b, c->n_out + c->n_in);
	if (!r) {
		virtio_break(&b->v, "out of memory");
		return false;
	}
	r->q = q;
	r->head = c->head;
	r->type = ld_le32(hdr);
	r->sector = ld_le64(hdr + 8);
	r->status = (uint8_t *)last->iov_base + last->iov_len - 1;
	r->status_gpa = c->gpa[c->n_out + c->n_in - 1] + last->iov_len - 1;
	in = r->type == VIRTIO_BLK_T_IN || r->type == VIRTIO_BLK_T_GET_ID;
	if (in) {
		last->iov_len--;
		r->n = c->n_in - (last->iov_len == 0);
		memcpy(r->iov, c->iov + c->n_out, r->n * sizeof(r->iov[0]));
		memcpy(r->gpa, c->gpa + c->n_out, r->n * sizeof(r->gpa[0]));
		r->data_len = c->in_len - 1;
	} else {
		r->n = iov_skip(c->iov, c->n_out, sizeof(hdr), r->iov);
		r->data_len = c->out_len - sizeof(hdr);
	}
	virtio_blk_execute(r);
	return true;
}

static void virtio_blk_kick(struct virtio_dev *v, struct virtio_queue *q)
{
	struct virtio_blk *b = virtio_blk_of(v);
	unsigned budget = 4 * VIRTQ_MAX_SIZE;

	blk_plug(b->blk);
	do {
		virtq_kicks_disable(&q->ring);
		while (budget && virtio_pop(q)) {
			budget--;
			if (!virtio_blk_accept(b, q)) {
				break;
			}
		}
		if (v->status & VIRTIO_S_NEEDS_RESET) {
			break;
		}
	} while (budget && virtq_kicks_enable(&q->ring));
	if (!budget) {
		event_ring(q->ev);
	}
	blk_unplug(b->blk);
}

static void virtio_blk_stop(struct virtio_dev *v)
{
	struct virtio_blk *b = virtio_blk_of(v);

	if (b->in_flight) {
		b->stopping = true; /* the last request ends it */
	} else {
		virtio_stopped(v);
	}
}

/* ---- configuration ---- */

static uint64_t virtio_blk_features(struct virtio_dev *v)
{
	struct virtio_blk *b = virtio_blk_of(v);
	uint64_t f = BIT64(VIRTIO_BLK_F_SEG_MAX) | BIT64(VIRTIO_BLK_F_GEOMETRY) |
	             BIT64(VIRTIO_BLK_F_BLK_SIZE) | BIT64(VIRTIO_BLK_F_TOPOLOGY) |
	             BIT64(VIRTIO_BLK_F_FLUSH);

	f |= blk_read_only(b->blk) ? BIT64(VIRTIO_BLK_F_RO) : 0;
	f |= b->config_wce ? BIT64(VIRTIO_BLK_F_CONFIG_WCE) : 0;
	f |= b->num_queues > 1 ? BIT64(VIRTIO_BLK_F_MQ) : 0;
	if (!blk_read_only(b->blk)) {
		f |= b->discard ? BIT64(VIRTIO_BLK_F_DISCARD) : 0;
		f |= b->write_zeroes ? BIT64(VIRTIO_BLK_F_WRITE_ZEROES) : 0;
	}
	return f;
}

static uint8_t virtio_blk_log2(uint32_t v)
{
	return v ? (uint8_t)__builtin_ctz(v) : 0;
}

/* struct virtio_blk_config (5.2.4) */
static void virtio_blk_config_get(struct virtio_dev *v)
{
	struct virtio_blk *b = virtio_blk_of(v);
	uint64_t sectors = blk_length(b->blk) / VBLK_SECTOR;
	uint64_t cyls = b->cyls ? b->cyls : MIN(sectors / (16 * 63), UINT64_C(16383));
	uint8_t *c = v->config;

	memset(c, 0, VBLK_CONFIG_SIZE);
	st_le64(c, sectors);
	st_le32(c + 12, b->seg_max);
	st_le16(c + 16, (uint16_t)MAX(cyls, UINT64_C(1)));
	c[18] = (uint8_t)(b->heads ? b->heads : 16);
	c[19] = (uint8_t)(b->secs ? b->secs : 63);
	st_le32(c + 20, b->conf.logical);
	c[24] = virtio_blk_log2(b->conf.physical / b->conf.logical);
	st_le16(c + 26, (uint16_t)(b->conf.min_io / b->conf.logical));
	st_le32(c + 28, b->conf.opt_io / b->conf.logical);
	c[32] = blk_write_cache(b->blk);
	st_le16(c + 34, b->num_queues);
	st_le32(c + 36, b->max_discard);
	st_le32(c + 40, VBLK_DISCARD_MAX_SEG);
	st_le32(c + 44, MAX(b->conf.discard_gran, b->conf.logical) / VBLK_SECTOR);
	st_le32(c + 48, b->max_zeroes);
	st_le32(c + 52, VBLK_DISCARD_MAX_SEG);
	c[56] = 1; /* write zeroes may unmap */
}

static void virtio_blk_config_set(struct virtio_dev *v, unsigned off, unsigned size)
{
	struct virtio_blk *b = virtio_blk_of(v);

	if (off <= 32 && off + size > 32 &&
	    (v->features & BIT64(VIRTIO_BLK_F_CONFIG_WCE))) {
		blk_set_write_cache(b->blk, v->config[32] != 0);
	}
}

static void virtio_blk_ops_reset(struct virtio_dev *v)
{
	struct virtio_blk *b = virtio_blk_of(v);

	disk_conf_reset(&b->conf, b->blk);
}

/* 5.2.5: a driver that takes neither FLUSH nor CONFIG_WCE expects write-through. */
static void virtio_blk_start(struct virtio_dev *v)
{
	struct virtio_blk *b = virtio_blk_of(v);

	if (!virtio_has(v, BIT64(VIRTIO_BLK_F_FLUSH)) &&
	    !virtio_has(v, BIT64(VIRTIO_BLK_F_CONFIG_WCE))) {
		blk_set_write_cache(b->blk, false);
	}
}

static const struct virtio_ops virtio_blk_ops;

/* ---- life ---- */

static int virtio_blk_check(struct virtio_blk *b, struct err *e)
{
	int r = disk_conf_check(&b->conf, e);

	if (r < 0) {
		return r;
	}
	b->num_queues = b->num_queues == UINT16_MAX || !b->num_queues
	                        ? (uint16_t)MIN(b->v.dev.vm->n_vcpus, 64u)
	                        : b->num_queues;
	b->num_queues = MAX(b->num_queues, (uint16_t)1);
	if (b->num_queues > VIRTIO_MAX_QUEUES - 4) {
		return err_set(e, -EINVAL, "num-queues must be at most %d",
		               VIRTIO_MAX_QUEUES - 4);
	}
	if (!IS_POWER_OF_2(b->queue_size) || b->queue_size < 4 ||
	    b->queue_size > VIRTQ_MAX_SIZE) {
		return err_set(e, -EINVAL,
		               "queue-size must be a power of two from 4 to %d",
		               VIRTQ_MAX_SIZE);
	}
	if (b->conf.serial && strlen(b->conf.serial) > VBLK_SERIAL_LEN) {
		log_warn("virtio-blk: the serial number is cut to %d characters",
		         VBLK_SERIAL_LEN);
	}
	b->seg_max = b->queue_size - 2u;
	b->max_discard = b->max_zeroes = VBLK_MAX_DISCARD_SECTORS;
	return 0;
}

static void virtio_blk_close(struct virtio_blk *b)
{
	blk_close(b->blk);
	b->blk = NULL;
	for (unsigned c = 0; c < VBLK_CLASSES; c++) {
		struct vblk_req *r, *next;

		for (r = b->pool[c]; r; r = next) {
			next = r->next;
			free(r);
		}
		b->pool[c] = NULL;
	}
}

static int virtio_blk_realize(struct device *d, struct err *e)
{
	struct virtio_blk *b = container_of(d, struct virtio_blk, v.dev);
	struct loop *io = virtio_loop(&b->v, e);
	int r = io ? virtio_blk_check(b, e) : -EINVAL;

	r = r < 0 ? r
	          : disk_conf_open(&b->conf, "virtio-blk-device", true, io, &b->blk, e);
	if (r < 0) {
		return r;
	}
	r = virtio_init(&b->v, &virtio_blk_ops, io, b->num_queues, b->queue_size,
	                VBLK_CONFIG_SIZE, e);
	if (r < 0) {
		virtio_blk_close(b);
	}
	return r;
}

static void virtio_blk_unrealize(struct virtio_dev *v)
{
	struct virtio_blk *b = container_of(v, struct virtio_blk, v);

	virtio_fini(&b->v);
	virtio_blk_close(b);
}

static const struct virtio_ops virtio_blk_ops = {
	.id = VIRTIO_ID_BLOCK,
	.name = "virtio-blk",
	.features = virtio_blk_features,
	.config_get = virtio_blk_config_get,
	.config_set = virtio_blk_config_set,
	.start = virtio_blk_start,
	.stop = virtio_blk_stop,
	.kick = virtio_blk_kick,
	.reset = virtio_blk_ops_reset,
	.realize = virtio_blk_realize,
	.unrealize = virtio_blk_unrealize,
};

/* ---- classes ---- */

#define VBLK(n, t, f, d, h) DEV_PROP(n, t, struct virtio_blk, f, d, h)
/* clang-format off */
#define VIRTIO_BLK_PROPS \
	DISK_PROPS(struct virtio_blk, conf), \
	VBLK("num-queues", PROP_U16, num_queues, UINT16_MAX, \
	     "queues; one a vCPU by default"), \
	VBLK("queue-size", PROP_U16, queue_size, 256, "entries of each queue"), \
	VBLK("config-wce", PROP_BOOL, config_wce, 1, \
	     "the guest may switch the write cache"), \
	VBLK("discard", PROP_BOOL, discard, 1, "offer discard"), \
	VBLK("write-zeroes", PROP_BOOL, write_zeroes, 1, "offer write zeroes"), \
	VBLK("scsi", PROP_BOOL, scsi, 0, "accepted; no SCSI passthrough"), \
	VBLK("request-merging", PROP_BOOL, request_merging, 1, "accepted"), \
	VBLK("cyls", PROP_U32, cyls, 0, "geometry"), \
	VBLK("heads", PROP_U32, heads, 0, "geometry"), \
	VBLK("secs", PROP_U32, secs, 0, "geometry"), \
	VBLK("lcyls", PROP_U32, lcyls, 0, "geometry, accepted"), \
	VBLK("lheads", PROP_U32, lheads, 0, "geometry, accepted"), \
	VBLK("lsecs", PROP_U32, lsecs, 0, "geometry, accepted")
/* clang-format on */

static const struct prop virtio_blk_pci_props[] = {
	VIRTIO_BLK_PROPS,
	VIRTIO_PCI_PROPS,
	{ .name = NULL },
};

static const struct prop virtio_blk_mmio_props[] = {
	VIRTIO_BLK_PROPS,
	VIRTIO_MMIO_PROPS,
	{ .name = NULL },
};

static const struct state_field virtio_blk_pci_state[] = {
	PCI_STATE(struct virtio_blk, v.pci),
	{ .name = "virtio", .type = STATE_STRUCT, .count = 1, .sub = virtio_state },
	{ .name = NULL },
};

static const struct state_field virtio_blk_mmio_state[] = {
	{ .name = "virtio", .type = STATE_STRUCT, .count = 1, .sub = virtio_state },
	{ .name = NULL },
};

#define VIRTIO_BLK_PCI_CLASS(sym, type_name)                                           \
	const struct device_class sym = {                                              \
		.name = type_name,                                                     \
		VIRTIO_PCI_CLASS(virtio_blk_ops),                                      \
		.description = "virtio block device on PCI",                           \
		.category = "storage",                                                 \
		.instance_size = sizeof(struct virtio_blk),                            \
		.props = virtio_blk_pci_props,                                         \
		.state = virtio_blk_pci_state,                                         \
		.post_load = virtio_pci_class_post_load,                               \
		.ops = &virtio_pci_blk_ops,                                            \
	}

VIRTIO_BLK_PCI_CLASS(virtio_blk_pci_class, "virtio-blk-pci");
VIRTIO_BLK_PCI_CLASS(virtio_blk_pci_nt_class, "virtio-blk-pci-non-transitional");

const struct device_class virtio_blk_mmio_class = {
	.name = "virtio-blk-device",
	VIRTIO_MMIO_CLASS(virtio_blk_ops),
	.description = "virtio block device on virtio-mmio",
	.category = "storage",
	.instance_size = sizeof(struct virtio_blk),
	.props = virtio_blk_mmio_props,
	.state = virtio_blk_mmio_state,
	.post_load = virtio_post_load,
};
