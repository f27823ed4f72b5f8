/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-pci.c - virtio over PCI, modern interface only (virtio 1.2 section 4.1):
 * BAR 4 holds common config, ISR, device config and doorbells; BAR 1 MSI-X.
 *
 * Threads: registers under dev.lk; doorbells without a lock; interrupts from
 * the device's loop. Known gaps: the legacy and transitional interface
 * (disable-legacy=off is accepted and ignored), doorbells by I/O port, ATS.
 */
#include "config.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/log.h"
#include "devices/bus/virtio.h"

enum {
	VPCI_COMMON = 0x0000,
	VPCI_ISR = 0x1000,
	VPCI_DEVICE = 0x2000,
	VPCI_NOTIFY = 0x3000,
	VPCI_REGION = 0x1000,
	VPCI_BAR_SIZE = 0x4000,
	VPCI_BAR = 4,
	VPCI_MSIX_BAR = 1,
	VPCI_NOTIFY_MULT = 4,
	VPCI_ISR_QUEUE = 1,
	VPCI_ISR_CONFIG = 2,
	VPCI_FD_AFTER = 64, /* interrupts by message before a vector gets its eventfd */
};

/* Capability types (4.1.4). */
enum { VCAP_COMMON = 1, VCAP_NOTIFY = 2, VCAP_ISR = 3, VCAP_DEVICE = 4, VCAP_PCI = 5 };

/* struct virtio_pci_common_cfg (4.1.4.3): offsets */
enum {
	VC_OFFER_SEL = 0,
	VC_OFFER = 4,
	VC_ACCEPT_SEL = 8,
	VC_ACCEPT = 12,
	VC_CONFIG_VECTOR = 16,
	VC_NUM_QUEUES = 18,
	VC_STATUS = 20,
	VC_GENERATION = 21,
	VC_QUEUE_SEL = 22,
	VC_QUEUE_SIZE = 24,
	VC_QUEUE_VECTOR = 26,
	VC_QUEUE_ENABLE = 28,
	VC_QUEUE_NOTIFY_OFF = 30,
	VC_QUEUE_DESC = 32,
	VC_QUEUE_AVAIL = 40,
	VC_QUEUE_USED = 48,
	VC_END = 56,
};

/* ---- interrupts ---- */

static void virtio_pci_intx_line(void *pci, unsigned n __unused, int level)
{
	pci_intx_set(pci, level);
}

/* After a change of the ISR register. */
static void virtio_pci_intx_follow(struct virtio_dev *v, bool on)
{
	const struct irq line = { virtio_pci_intx_line, &v->pci, 0 };

	irq_follow(&line, on, &v->isr);
}

static void virtio_pci_intx(struct virtio_dev *v, uint8_t bit)
{
	atomic_fetch_or(&v->isr, bit);
	virtio_pci_intx_follow(v, true);
}

/* A busy vector gets an eventfd, which a hypervisor with the interrupt controllers turns into
 * the interrupt: no lock of ours on the way. Not from the start: each change of a route
 * stops the hypervisor's interrupt paths for a while, and kernels change vectors often while
 * they boot. A vector masked right now counts in the eventfd and fires when unmasked. */
static void virtio_pci_vector_fire(struct virtio_dev *v, uint16_t vector)
{
	const struct msi_sink *s = &v->dev.vm->msi;
	const uint64_t one = 1;

	if (vector < v->n_vec && s->ops && s->ops->route_direct &&
	    s->ops->route_direct(s->arg)) {
		struct virtio_vec *x = &v->vec[vector];

		if (atomic_load_explicit(&x->bound, memory_order_acquire)) {
			if (write(x->fd, &one, sizeof(one)) == sizeof(one)) {
				return;
			}
		} else if (atomic_fetch_add(&x->fired, 1) == VPCI_FD_AFTER &&
		           pci_msix_bind_fd(&v->pci, vector, x->fd) == 0) {
			atomic_store_explicit(&x->bound, true, memory_order_release);
		}
	}
	pci_msix_notify(&v->pci, vector);
}

static void virtio_pci_vectors_init(struct virtio_dev *v)
{
	const struct hv_ops *hv = v->dev.vm->hv;

	while (hv && hv->irq.irqfd &&
	       v->n_vec < MIN((unsigned)v->pci.msix_vectors,
	                      (unsigned)ARRAY_LEN(v->vec))) {
		int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

		if (fd < 0) {
			break;
		}
		v->vec[v->n_vec++].fd = fd;
	}
}

static void virtio_pci_vectors_fini(struct virtio_dev *v)
{
	while (v->n_vec > 0) {
		struct virtio_vec *x = &v->vec[--v->n_vec];

		pci_msix_unbind_fd(&v->pci, v->n_vec);
		close(x->fd);
	}
}

static void virtio_pci_queue_irq(struct virtio_dev *v, uint16_t vector)
{
	if (pci_msix_enabled(&v->pci)) {
		if (vector != VIRTIO_NO_VECTOR) {
			virtio_pci_vector_fire(v, vector);
		}
	} else {
		virtio_pci_intx(v, VPCI_ISR_QUEUE);
	}
}

static void virtio_pci_config_irq(struct virtio_dev *v)
{
	uint16_t vector = v->config_vector;

	if (pci_msix_enabled(&v->pci)) {
		if (vector != VIRTIO_NO_VECTOR) {
			pci_msix_notify(&v->pci, vector);
		}
	} else {
		virtio_pci_intx(v, VPCI_ISR_CONFIG | VPCI_ISR_QUEUE);
	}
}

static void virtio_pci_pre_save(struct virtio_dev *v)
{
	pci_msix_collect(&v->pci);
}

static const struct virtio_transport virtio_pci_transport = {
	.queue_irq = virtio_pci_queue_irq,
	.config_irq = virtio_pci_config_irq,
	.pre_save = virtio_pci_pre_save,
};

/* ---- common configuration ---- */

static uint64_t virtio_pci_addr_part(uint64_t a, unsigned off)
{
	return off & 4 ? a >> 32 : (uint32_t)a;
}

static uint64_t virtio_pci_queue_read(struct virtio_dev *v, unsigned off)
{
	struct virtio_queue *q = virtio_queue_sel(v);

	if (!q) { /* 4.1.4.3.1: size 0 tells that there is no such queue */
		return off == VC_QUEUE_VECTOR ? VIRTIO_NO_VECTOR : 0;
	}
	switch (off) {
	case VC_QUEUE_SIZE: return q->size;
	case VC_QUEUE_VECTOR: return q->vector;
	case VC_QUEUE_ENABLE: return q->enabled;
	case VC_QUEUE_NOTIFY_OFF: return q->index;
	case VC_QUEUE_DESC:
	case VC_QUEUE_DESC + 4: return virtio_pci_addr_part(q->desc, off);
	case VC_QUEUE_AVAIL:
	case VC_QUEUE_AVAIL + 4: return virtio_pci_addr_part(q->avail, off);
	case VC_QUEUE_USED:
	case VC_QUEUE_USED + 4: return virtio_pci_addr_part(q->used, off);
	default: return 0;
	}
}

static uint64_t virtio_pci_common_read(void *opaque, uint64_t off,
                                       unsigned size __unused)
{
	struct virtio_dev *v = opaque;

	switch (off) {
	case VC_OFFER_SEL: return v->offer_sel;
	case VC_OFFER:
		return v->offer_sel > 1 ? 0
		                        : (uint32_t)(v->offered >> (32 * v->offer_sel));
	case VC_ACCEPT_SEL: return v->accept_sel;
	case VC_ACCEPT:
		return v->accept_sel > 1
		               ? 0
		               : (uint32_t)(v->features >> (32 * v->accept_sel));
	case VC_CONFIG_VECTOR: return v->config_vector;
	case VC_NUM_QUEUES: return v->n_queues;
	case VC_STATUS: return virtio_status(v);
	case VC_GENERATION: return v->config_gen;
	case VC_QUEUE_SEL: return v->queue_sel;
	default: return virtio_pci_queue_read(v, (unsigned)off);
	}
}

static uint16_t virtio_pci_vector(struct virtio_dev *v, uint64_t val)
{
	return val < v->pci.msix_vectors ? (uint16_t)val : VIRTIO_NO_VECTOR;
}

static void virtio_pci_set_half(uint64_t *a, unsigned off, uint64_t val)
{
	if (off & 4) {
		*a = (*a & 0xffffffffu) | val << 32;
	} else {
		*a = (*a & ~UINT64_C(0xffffffff)) | (uint32_t)val;
	}
}

static void virtio_pci_queue_write(struct virtio_dev *v, unsigned off, uint64_t val)
{
	struct virtio_queue *q = virtio_queue_sel(v);

	if (q && off == VC_QUEUE_VECTOR) {
		q->vector = virtio_pci_vector(v, val);
		return;
	}
	if (!virtio_queue_writable(v, q)) {
		return;
	}
	switch (off) {
	case VC_QUEUE_SIZE: virtio_queue_set_size(q, (uint32_t)val); break;
	case VC_QUEUE_ENABLE: q->enabled = val == 1; break;
	case VC_QUEUE_DESC:
	case VC_QUEUE_DESC + 4: virtio_pci_set_half(&q->desc, off, val); break;
	case VC_QUEUE_AVAIL:
	case VC_QUEUE_AVAIL + 4: virtio_pci_set_half(&q->avail, off, val); break;
	case VC_QUEUE_USED:
	case VC_QUEUE_USED + 4: virtio_pci_set_half(&q->used, off, val); break;
	default: break;
	}
}

static void virtio_pci_common_write(void *opaque, uint64_t off, uint64_t val,
                                    unsigned size __unused)
{
	struct virtio_dev *v = opaque;

	switch (off) {
	case VC_OFFER_SEL: v->offer_sel = (uint32_t)val; break;
	case VC_ACCEPT_SEL: v->accept_sel = (uint32_t)val; break;
	case VC_ACCEPT: virtio_set_features(v, (uint32_t)val); break;
	case VC_CONFIG_VECTOR: v->config_vector = virtio_pci_vector(v, val); break;
	case VC_STATUS:
		virtio_set_status(v, (uint8_t)val);
		if (!v->status) {
			pci_intx_set(&v->pci, false);
		}
		break;
	case VC_QUEUE_SEL: v->queue_sel = (uint16_t)val; break;
	default: virtio_pci_queue_write(v, (unsigned)off, val); break;
	}
}

static const struct mr_ops virtio_pci_common_ops = {
	.read = virtio_pci_common_read,
	.write = virtio_pci_common_write,
	.min = 1,
	.max = 4,
	.split = true,
};

/* ---- ISR, device config, doorbells ---- */

static uint64_t virtio_pci_isr_read(void *opaque, uint64_t off __unused,
                                    unsigned size __unused)
{
	struct virtio_dev *v = opaque;
	uint8_t isr = virtio_isr_take(v);

	virtio_pci_intx_follow(v, false);
	return isr;
}

static void virtio_pci_isr_write(void *opaque __unused, uint64_t off __unused,
                                 uint64_t val __unused, unsigned size __unused)
{
}

static const struct mr_ops virtio_pci_isr_ops = {
	.read = virtio_pci_isr_read,
	.write = virtio_pci_isr_write,
	.min = 1,
	.max = 4,
	.split = false,
};

static uint64_t virtio_pci_device_read(void *opaque, uint64_t off, unsigned size)
{
	return virtio_config_read(opaque, (unsigned)off, size);
}

static void virtio_pci_device_write(void *opaque, uint64_t off, uint64_t val,
                                    unsigned size)
{
	virtio_config_write(opaque, (unsigned)off, (uint32_t)val, size);
}

static const struct mr_ops virtio_pci_device_ops = {
	.read = virtio_pci_device_read,
	.write = virtio_pci_device_write,
	.min = 1,
	.max = 4,
	.split = true,
	.unaligned = true,
};

static uint64_t virtio_pci_notify_read(void *opaque __unused, uint64_t off __unused,
                                       unsigned size __unused)
{
	return 0;
}

/* The address tells the queue; no lock, so that a doorbell never waits. */
static void virtio_pci_notify_write(void *opaque, uint64_t off, uint64_t val __unused,
                                    unsigned size __unused)
{
	virtio_notify(opaque, (unsigned)(off / VPCI_NOTIFY_MULT));
}

static const struct mr_ops virtio_pci_notify_ops = {
	.read = virtio_pci_notify_read,
	.write = virtio_pci_notify_write,
	.min = 1,
	.max = 4,
};

/* ---- capabilities ---- */

static int virtio_pci_cap(struct virtio_dev *v, uint8_t type, unsigned len,
                          uint32_t off, uint32_t size, struct err *e)
{
	int at = pci_cap_add(&v->pci, 0x09, len, e);
	uint8_t *c;

	if (at < 0) {
		return at;
	}
	c = v->pci.config + at;
	c[2] = (uint8_t)len;
	c[3] = type;
	c[4] = type == VCAP_PCI ? 0 : VPCI_BAR;
	st_le32(c + 8, off);
	st_le32(c + 12, size);
	return at;
}

static int virtio_pci_caps(struct virtio_dev *v, struct err *e)
{
	int r = virtio_pci_cap(v, VCAP_COMMON, 16, VPCI_COMMON, VPCI_REGION, e);

	r = r < 0 ? r : virtio_pci_cap(v, VCAP_ISR, 16, VPCI_ISR, VPCI_REGION, e);
	r = r < 0 ? r : virtio_pci_cap(v, VCAP_DEVICE, 16, VPCI_DEVICE, VPCI_REGION, e);
	r = r < 0 ? r : virtio_pci_cap(v, VCAP_NOTIFY, 20, VPCI_NOTIFY, VPCI_REGION, e);
	if (r < 0) {
		return r;
	}
	st_le32(v->pci.config + r + 16, VPCI_NOTIFY_MULT);
	r = virtio_pci_cap(v, VCAP_PCI, 20, 0, 0, e);
	if (r < 0) {
		return r;
	}
	v->pci_cfg_cap = (unsigned)r;
	v->pci.wmask[r + 4] = 0xff;                    /* bar */
	memset(v->pci.wmask + r + 8, 0xff, 4 + 4 + 4); /* offset, length, data */
	return 0;
}

/*
 * The window of VIRTIO_PCI_CAP_PCI_CFG (4.1.4.9): an access to its data field is an
 * access to the BAR. Only BAR 4 can be reached; config accesses hold dev.lk already.
 */
static bool virtio_pci_window(struct virtio_dev *v, uint32_t *off, unsigned *len)
{
	const uint8_t *c = v->pci.config + v->pci_cfg_cap;

	*off = ld_le32(c + 8);
	*len = ld_le32(c + 12);
	return c[4] == VPCI_BAR && (*len == 1 || *len == 2 || *len == 4) &&
	       !(*off % *len) && *off < VPCI_BAR_SIZE;
}

static const struct mr_ops *virtio_pci_window_ops(uint32_t *off)
{
	static const struct mr_ops *const ops[] = {
		&virtio_pci_common_ops,
		&virtio_pci_isr_ops,
		&virtio_pci_device_ops,
		&virtio_pci_notify_ops,
	};
	const struct mr_ops *o = ops[*off / VPCI_REGION];

	*off %= VPCI_REGION;
	return o;
}

/* The window's data register is touched: where it looks, or NULL. */
static const struct mr_ops *virtio_pci_window_hit(struct virtio_dev *v, unsigned off,
                                                  unsigned size, uint32_t *at,
                                                  unsigned *len)
{
	bool hit = v->pci_cfg_cap &&
	           ranges_overlap(off, size, v->pci_cfg_cap + 16u, 4) &&
	           virtio_pci_window(v, at, len);

	return hit ? virtio_pci_window_ops(at) : NULL;
}

static void virtio_pci_before_read(struct pci_dev *d, unsigned off, unsigned size)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, pci);
	uint32_t at;
	unsigned len;
	const struct mr_ops *o = virtio_pci_window_hit(v, off, size, &at, &len);

	if (o) {
		st_le(d->config + v->pci_cfg_cap + 16, o->read(v, at, len), len);
	}
}

static void virtio_pci_after_write(struct pci_dev *d, unsigned off,
                                   uint32_t val __unused, unsigned size)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, pci);
	uint32_t at;
	unsigned len;
	const struct mr_ops *o = virtio_pci_window_hit(v, off, size, &at, &len);

	if (o) {
		o->write(v, at, ld_le(d->config + v->pci_cfg_cap + 16, len), len);
	}
}

/* Ids: 0x1040 + device type, revision 1 (4.1.2). */
#define VIRTIO_PCI_OPS(name, id, class)                                                \
	const struct pci_class_ops name = {                                            \
		.vendor = 0x1af4,                                                      \
		.device = 0x1040 + (id),                                               \
		.subvendor = 0x1af4,                                                   \
		.subdevice = 0x1100,                                                   \
		.class_code = (class),                                                 \
		.revision = 1,                                                         \
		.express = true,                                                       \
		.before_read = virtio_pci_before_read,                                 \
		.after_write = virtio_pci_after_write,                                 \
	}

VIRTIO_PCI_OPS(virtio_pci_net_ops, VIRTIO_ID_NET, 0x020000);
VIRTIO_PCI_OPS(virtio_pci_blk_ops, VIRTIO_ID_BLOCK, 0x010000);
VIRTIO_PCI_OPS(virtio_pci_console_ops, VIRTIO_ID_CONSOLE, 0x078000);
VIRTIO_PCI_OPS(virtio_pci_rng_ops, VIRTIO_ID_RNG, 0x00ff00);

/* ---- life ---- */

static void virtio_pci_unrealize(struct virtio_dev *v)
{
	virtio_pci_vectors_fini(v);
	pci_dev_fini(&v->pci);
}

static int virtio_pci_realize(struct virtio_dev *v, struct err *e)
{
	static const char *const part[] = { "virtio-common", "virtio-isr",
		                            "virtio-device", "virtio-notify" };
	unsigned vectors =
		v->prop_vectors == UINT32_MAX ? v->n_queues + 1 : v->prop_vectors;
	struct mr *m[] = { &v->common, &v->isr_mr, &v->device_mr, &v->notify_mr };
	uint32_t off;
	int r;

	if (v->prop_modern_off || v->prop_ats) {
		return err_set(e, -ENOTSUP,
		               "%s: disable-modern=on and ats=on are not supported",
		               v->ops->name);
	}
	v->tp = &virtio_pci_transport;
	mr_init_container(&v->bar, "virtio-pci", VPCI_BAR_SIZE);
	for (unsigned i = 0; i < ARRAY_LEN(m); i++) {
		off = i * VPCI_REGION;
		mr_init_io(m[i], part[i], VPCI_REGION, virtio_pci_window_ops(&off), v,
		           i == 3 ? NULL : &v->dev.lk);
		mr_add(&v->bar, i * VPCI_REGION, m[i], 0);
	}
	pci_intx_init(&v->pci, 1);
	r = vectors ? pci_msix_init_bar(&v->pci, MIN(vectors, (unsigned)PCI_MSIX_MAX),
	                                VPCI_MSIX_BAR, e)
	            : 0;
	r = r < 0 ? r
	          : pci_bar_add(&v->pci, VPCI_BAR, PCI_BAR_MEM64 | PCI_BAR_PREFETCH,
	                        &v->bar, e);
	r = r < 0 ? r : virtio_pci_caps(v, e);
	if (r < 0) {
		virtio_pci_unrealize(v);
		return r;
	}
	virtio_pci_vectors_init(v);
	virtio_doorbells_init(v, &v->notify_mr, 0, VPCI_NOTIFY_MULT);
	return 0;
}

int virtio_pci_class_realize(struct device *d, struct err *e)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	return virtio_realize(v, d->cls->family_ops, virtio_pci_realize, e);
}

void virtio_pci_class_unrealize(struct device *d)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	v->ops->unrealize(v);
	virtio_pci_unrealize(v);
}

int virtio_pci_class_post_load(struct device *d, struct err *e)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);
	int r = pci_post_load(&v->pci, e);

	return r < 0 ? r : virtio_post_load(d, e);
}

void virtio_pci_class_reset(struct device *d)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	virtio_reset(v);
	pci_intx_set(&v->pci, false);
}
