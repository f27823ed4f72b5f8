/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-rng.c - virtio entropy device (virtio 1.2 section 5.4), fed by the
 * host's getrandom(2).
 *
 * Threads: queue on the device's loop. The `rng` property names an -object; all
 * of them are the host's generator. max-bytes and period bound the rate.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/bytes.h"
#include "core/clock.h"
#include "devices/bus/virtio.h"

enum { VRNG_QUEUE_SIZE = 8, VRNG_MAX_REQUEST = 64 << 10 };

struct virtio_rng {
	struct virtio_dev v;
	struct timer *timer;
	uint64_t left; /* bytes of this period */
	char *rng;
	uint64_t max_bytes;
	uint32_t period_ms;
};

static struct virtio_rng *virtio_rng_of(struct virtio_dev *v)
{
	return container_of(v, struct virtio_rng, v);
}

/* Fills the writable part, as far as quota and bound go. */
static uint32_t virtio_rng_fill(struct virtio_rng *g, struct virtio_queue *q)
{
	struct virtq_chain *c = g->v.chain;
	uint64_t budget = MIN(g->left, (uint64_t)VRNG_MAX_REQUEST), done = 0;

	for (unsigned i = 0; i < c->n_in && done < budget; i++) {
		struct iovec *iov = &c->iov[c->n_out + i];
		uint64_t want = MIN((uint64_t)iov->iov_len, budget - done), got = 0;

		while (got < want) {
			ssize_t n = getrandom((char *)iov->iov_base + got,
			                      MIN(want - got, UINT64_C(256)), 0);

			if (n <= 0) {
				break;
			}
			got += (uint64_t)n;
		}
		done += got;
	}
	virtq_mark_written(&q->ring, c->iov + c->n_out, c->gpa + c->n_out, c->n_in,
	                   done);
	return (uint32_t)done;
}

static void virtio_rng_kick(struct virtio_dev *v, struct virtio_queue *q)
{
	struct virtio_rng *g = virtio_rng_of(v);

	do {
		while (g->left && virtio_pop(q)) {
			uint32_t n = virtio_rng_fill(g, q);

			g->left -= n;
			virtio_push(q, v->chain->head, n);
		}
	} while (g->left && virtq_kicks_enable(&q->ring));
	if (!g->left && !timer_pending(g->timer)) {
		timer_mod(g->timer, clock_ns(CLOCK_RT) + g->period_ms * NS_PER_MS);
	}
}

static void virtio_rng_refill(void *opaque)
{
	struct virtio_rng *g = opaque;

	g->left = g->max_bytes;
	if (virtio_running(&g->v) && g->v.queues[0].ring.running) {
		virtio_rng_kick(&g->v, &g->v.queues[0]);
	}
}

static const struct virtio_ops virtio_rng_ops;

/* ---- life ---- */

static int virtio_rng_realize(struct device *d, struct err *e)
{
	struct virtio_rng *g = container_of(d, struct virtio_rng, v.dev);
	struct loop *io = virtio_loop(&g->v, e);

	if (!io) {
		return -EINVAL;
	}
	if (!g->max_bytes || !g->period_ms) {
		return err_set(e, -EINVAL,
		               "virtio-rng: max-bytes and period must not be zero");
	}
	g->left = g->max_bytes;
	g->timer = timer_new(io, CLOCK_RT, virtio_rng_refill, g);
	return virtio_init(&g->v, &virtio_rng_ops, io, 1, VRNG_QUEUE_SIZE, 0, e);
}

static void virtio_rng_unrealize(struct virtio_dev *v)
{
	struct virtio_rng *g = container_of(v, struct virtio_rng, v);

	virtio_fini(&g->v);
	timer_free(g->timer);
	g->timer = NULL;
}

static const struct virtio_ops virtio_rng_ops = {
	.id = VIRTIO_ID_RNG,
	.name = "virtio-rng",
	.kick = virtio_rng_kick,
	.realize = virtio_rng_realize,
	.unrealize = virtio_rng_unrealize,
};

#define VIRTIO_RNG_PROPS                                                               \
	DEV_PROP("rng", PROP_OBJECT, struct virtio_rng, rng, 0,                        \
	         "id of an rng object"),                                               \
		DEV_PROP("max-bytes", PROP_U64, struct virtio_rng, max_bytes,          \
	                 INT64_MAX, "bytes a period"),                                 \
		DEV_PROP("period", PROP_U32, struct virtio_rng, period_ms, 65536,      \
	                 "milliseconds")

static const struct prop virtio_rng_pci_props[] = {
	VIRTIO_RNG_PROPS,
	VIRTIO_PCI_PROPS,
	{ .name = NULL },
};

static const struct prop virtio_rng_mmio_props[] = {
	VIRTIO_RNG_PROPS,
	VIRTIO_MMIO_PROPS,
	{ .name = NULL },
};

static const struct state_field virtio_rng_pci_state[] = {
	PCI_STATE(struct virtio_rng, v.pci),
	{ .name = "virtio", .type = STATE_STRUCT, .count = 1, .sub = virtio_state },
	{ .name = NULL },
};

static const struct state_field virtio_rng_mmio_state[] = {
	{ .name = "virtio", .type = STATE_STRUCT, .count = 1, .sub = virtio_state },
	{ .name = NULL },
};

#define VIRTIO_RNG_PCI_CLASS(sym, type_name)                                           \
	const struct device_class sym = {                                              \
		.name = type_name,                                                     \
		VIRTIO_PCI_CLASS(virtio_rng_ops),                                      \
		.description = "virtio entropy device on PCI",                         \
		.category = "misc",                                                    \
		.instance_size = sizeof(struct virtio_rng),                            \
		.props = virtio_rng_pci_props,                                         \
		.state = virtio_rng_pci_state,                                         \
		.post_load = virtio_pci_class_post_load,                               \
		.ops = &virtio_pci_rng_ops,                                            \
	}

VIRTIO_RNG_PCI_CLASS(virtio_rng_pci_class, "virtio-rng-pci");
VIRTIO_RNG_PCI_CLASS(virtio_rng_pci_nt_class, "virtio-rng-pci-non-transitional");

const struct device_class virtio_rng_mmio_class = {
	.name = "virtio-rng-device",
	VIRTIO_MMIO_CLASS(virtio_rng_ops),
	.description = "virtio entropy device on virtio-mmio",
	.category = "misc",
	.instance_size = sizeof(struct virtio_rng),
	.props = virtio_rng_mmio_props,
	.state = virtio_rng_mmio_state,
	.post_load = virtio_post_load,
};
