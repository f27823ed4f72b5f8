/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio.h - what virtio devices have in common: status, features, queues,
 * config space, and the border between the vCPU and the data plane. Virtio 1.2.
 *
 * A device embeds struct virtio_dev first and gives struct virtio_ops; a
 * transport (virtio-pci, virtio-mmio) turns registers into virtio_*() calls.
 * One struct serves both transports, so one property table does, too.
 *
 * Threads: registers are touched under dev.lk on vCPUs. At DRIVER_OK the queue
 * configuration is frozen and handed to the device's loop, which alone walks
 * rings. A reset posts "stop" to that loop and waits a bounded time; until the
 * loop is quiet the status reads non-zero, as the specification allows. A
 * doorbell is one event_ring() and takes no lock.
 *
 * Known gaps: queue reset, packed rings, legacy interface, notification data.
 */
#ifndef LODGE_DEVICES_VIRTIO_H
#define LODGE_DEVICES_VIRTIO_H

#include <pthread.h>
#include <stdatomic.h>

#include "core/device.h"
#include "core/loop.h"
#include "core/vm.h"
#include "devices/bus/pci.h"
#include "devices/bus/virtio-ring.h"
#include "state/state.h"

enum {
	VIRTIO_MAX_QUEUES = 68,
	VIRTIO_CONFIG_MAX = 256,
	VIRTIO_NO_VECTOR = 0xffff,
};

/* Device ids (virtio 1.2 section 5). */
enum {
	VIRTIO_ID_NET = 1,
	VIRTIO_ID_BLOCK = 2,
	VIRTIO_ID_CONSOLE = 3,
	VIRTIO_ID_RNG = 4
};

/* Device status bits (2.1). */
enum {
	VIRTIO_S_ACKNOWLEDGE = 1,
	VIRTIO_S_DRIVER = 2,
	VIRTIO_S_DRIVER_OK = 4,
	VIRTIO_S_FEATURES_OK = 8,
	VIRTIO_S_NEEDS_RESET = 64,
	VIRTIO_S_FAILED = 128,
};

/* Feature bits of no particular device (6). */
#define VIRTIO_F_NOTIFY_ON_EMPTY BIT64(24)
#define VIRTIO_F_INDIRECT_DESC   BIT64(28)
#define VIRTIO_F_EVENT_IDX       BIT64(29)
#define VIRTIO_F_VERSION_1       BIT64(32)
#define VIRTIO_F_ACCESS_PLATFORM BIT64(33)

struct virtio_dev;
struct virtio_queue;

struct virtio_ops {
	uint16_t id;
	const char *name;
	uint32_t pci_class;
	/* Feature bits of the device, beside those of all. */
	uint64_t (*features)(struct virtio_dev *v);
	/* Fills v->config anew; under dev.lk. */
	void (*config_get)(struct virtio_dev *v);
	/* The driver wrote config bytes [off, off+size), which are in v->config; under dev.lk. */
	void (*config_set)(struct virtio_dev *v, unsigned off, unsigned size);
	/* On the loop. stop: take no more from rings, and call virtio_stopped() when nothing
	 * is under way any more (at once, when nothing is). */
	void (*start)(struct virtio_dev *v);
	void (*stop)(struct virtio_dev *v);
	void (*kick)(struct virtio_dev *v, struct virtio_queue *q);
	/* On control with the plane stopped: forget what the driver set. */
	void (*reset)(struct virtio_dev *v);
	/* The device without its transport; realize calls virtio_init(). */
	int (*realize)(struct device *d, struct err *e);
	void (*unrealize)(struct virtio_dev *v);
};

struct virtio_transport {
	void (*queue_irq)(struct virtio_dev *v, uint16_t vector);
	void (*config_irq)(struct virtio_dev *v);
	void (*pre_save)(struct virtio_dev *v); /* NULL: nothing to do */
};

struct virtio_queue {
	struct virtio_dev *v;
	unsigned index;
	struct event *ev;
	/* Registers, under dev.lk. */
	uint16_t size, max_size;
	uint64_t desc, avail, used;
	bool enabled;
	_Atomic uint16_t vector;
	/* Loop. */
	struct virtq ring;
	bool publish; /* something was pushed in this turn */
	/* Saved. */
	uint16_t save_avail, save_used;
};

enum virtio_plane { VIRTIO_IDLE, VIRTIO_RUNNING, VIRTIO_STOPPING };

struct virtio_dev {
	union {
		struct device dev;
		struct pci_dev pci;
	};
	const struct virtio_ops *ops;
	const struct virtio_transport *tp;
	void *tp_priv;
	struct loop *io;
	struct aspace *as;

	/* Registers, under dev.lk. */
	uint64_t offered, features;
	uint32_t offer_sel, accept_sel;
	uint16_t queue_sel;
	_Atomic uint16_t config_vector;
	_Atomic uint8_t status, isr, config_gen;
	bool reset_pending;
	uint8_t config[VIRTIO_CONFIG_MAX];
	unsigned config_size;

	/* The border: plane_mx guards plane and waits on plane_cond. A leaf lock. */
	pthread_mutex_t plane_mx;
	pthread_cond_t plane_cond;
	_Atomic enum virtio_plane plane;

	/* Loop. */
	uint64_t live_features; /* as negotiated at DRIVER_OK */
	bool paused, publish_posted, resumed;
	struct virtq_chain *chain; /* scratch of the walk */
	struct vm_listener vm_listener;

	unsigned n_queues;
	struct virtio_queue queues[VIRTIO_MAX_QUEUES];

	/* Transport state. */
	struct mr bar, common, isr_mr, device_mr, notify_mr;
	unsigned pci_cfg_cap;
	struct aspace_listener doorbell_listener;
	gpa_t doorbell_addr; /* where the accelerator rings for us; UINT64_MAX: nowhere */
	unsigned n_doorbells, doorbell_off,
		doorbell_step; /* step 0: one register for all */
	const struct mr *doorbell_mr;
	struct virtio_vec { /* MSI-X vectors by eventfd, once they are busy: virtio-pci.c */
		int fd;
		_Atomic unsigned fired;
		_Atomic bool bound;
	} vec[VIRTIO_MAX_QUEUES + 1];
	unsigned n_vec;
	char *iothread;
	bool prop_legacy_off, prop_ats, prop_ioeventfd, prop_modern_off, prop_packed;
	bool prop_event_idx, prop_indirect, prop_iommu, prop_page_per_vq;
	uint32_t prop_vectors;
	int prop_disable_legacy;
};

/* ---- a device's life (from realize / unrealize) ---- */

int virtio_init(struct virtio_dev *v, const struct virtio_ops *ops, struct loop *io,
                unsigned n_queues, unsigned queue_size, unsigned config_size,
                struct err *e) __must_check;
void virtio_fini(struct virtio_dev *v);
/* The loop the device runs on: its iothread's or the control loop. */
struct loop *virtio_loop(struct virtio_dev *v, struct err *e);

static inline bool virtio_has(const struct virtio_dev *v, uint64_t bit)
{
	return v->live_features & bit;
}

/* ---- data plane, on the loop ---- */

static inline bool virtio_running(const struct virtio_dev *v)
{
	return v->plane == VIRTIO_RUNNING && !v->paused;
}
/* Pops into v->chain: true when there is one. Breaks the device on a bad ring. */
bool virtio_pop(struct virtio_queue *q);
/* Pushes; the interrupt follows at the end of the turn, once for all. */
void virtio_push(struct virtio_queue *q, uint16_t head, uint32_t written);
/* Publishes what was pushed and interrupts now. */
void virtio_flush(struct virtio_queue *q);
/* The guest broke the rules: stop until reset. */
void virtio_break(struct virtio_dev *v, const char *why);
/* To be called when, after ops->stop, nothing is under way. */
void virtio_stopped(struct virtio_dev *v);
/* Device config changed. [any thread] */
void virtio_config_changed(struct virtio_dev *v);

/* ---- for transports, under dev.lk ---- */

uint8_t virtio_status(struct virtio_dev *v);
void virtio_set_status(struct virtio_dev *v, uint8_t val);
void virtio_set_features(struct virtio_dev *v, uint32_t val);
uint32_t virtio_config_read(struct virtio_dev *v, unsigned off, unsigned size);
void virtio_config_write(struct virtio_dev *v, unsigned off, uint32_t val,
                         unsigned size);
/* The selected queue while it may be configured, else NULL. */
struct virtio_queue *virtio_queue_sel(struct virtio_dev *v);
bool virtio_queue_writable(const struct virtio_dev *v, const struct virtio_queue *q);
void virtio_queue_set_size(struct virtio_queue *q, uint32_t val);
void virtio_notify(struct virtio_dev *v, unsigned queue); /* no lock */
uint8_t virtio_isr_take(struct virtio_dev *v);
/* The whole device to power-on state; control thread, dev.lk not held. */
void virtio_reset(struct virtio_dev *v);

/* State of the common part; call virtio_pre_save/virtio_post_load from the class. */
extern const struct state_field virtio_state[];
void virtio_pre_save(struct device *d);
int virtio_post_load(struct device *d, struct err *e);

/* For the transports' classes: realizes the device, then its transport. */
int virtio_realize(struct virtio_dev *v, const struct virtio_ops *ops,
                   int (*transport)(struct virtio_dev *v, struct err *e), struct err *e)
	__must_check;

/* ---- transports ---- */

/* Doorbells by eventfd: queue i's is at off + i * step in mr, 16 bits wide; step 0: all at off, 32
 * bits that hold i. _init when the transport's region is there, _fini before the queues' events go. */
void virtio_doorbells_init(struct virtio_dev *v, const struct mr *mr, unsigned off,
                           unsigned step);
void virtio_doorbells_fini(struct virtio_dev *v);

/* For classes whose family_ops are a struct virtio_ops: device and transport. */
int virtio_pci_class_realize(struct device *d, struct err *e) __must_check;
void virtio_pci_class_unrealize(struct device *d);
int virtio_pci_class_post_load(struct device *d, struct err *e);
void virtio_pci_class_reset(struct device *d);
extern const struct pci_class_ops virtio_pci_net_ops, virtio_pci_blk_ops,
	virtio_pci_console_ops, virtio_pci_rng_ops;

int virtio_mmio_class_realize(struct device *d, struct err *e) __must_check;
void virtio_mmio_class_unrealize(struct device *d);
void virtio_mmio_class_reset(struct device *d);

/* What the classes of all devices share, by transport. post_load is apart: a device may have
 * more to rebuild than the transport's part. */
#define VIRTIO_PCI_CLASS(dev_ops)                                                      \
	.bus = "pci", .bus_props = pci_bus_props, .hotpluggable = true,                \
	.realize = virtio_pci_class_realize, .family_ops = &(dev_ops),                 \
	.unrealize = virtio_pci_class_unrealize, .reset = virtio_pci_class_reset,      \
	.pre_save = virtio_pre_save
#define VIRTIO_MMIO_CLASS(dev_ops)                                                     \
	.bus = "virtio-mmio", .realize = virtio_mmio_class_realize,                    \
	.family_ops = &(dev_ops), .unrealize = virtio_mmio_class_unrealize,            \
	.reset = virtio_mmio_class_reset, .pre_save = virtio_pre_save

/* Rows of a class's property table. */
#define VIRTIO_COMMON_PROPS                                                            \
	DEV_PROP("event_idx", PROP_BOOL, struct virtio_dev, prop_event_idx, 1,         \
	         "offer notification suppression by index"),                           \
		DEV_PROP("indirect_desc", PROP_BOOL, struct virtio_dev, prop_indirect, \
	                 1, "offer indirect descriptors"),                             \
		DEV_PROP("iommu_platform", PROP_BOOL, struct virtio_dev, prop_iommu,   \
	                 0, "offer VIRTIO_F_ACCESS_PLATFORM"),                         \
		DEV_PROP("ioeventfd", PROP_BOOL, struct virtio_dev, prop_ioeventfd, 1, \
	                 "doorbells by eventfd where the accelerator can"),            \
		DEV_PROP("iothread", PROP_OBJECT, struct virtio_dev, iothread, 0,      \
	                 "id of the iothread that serves the queues")
#define VIRTIO_PCI_PROPS                                                               \
	VIRTIO_COMMON_PROPS,                                                           \
		DEV_PROP("disable-legacy", PROP_ON_OFF_AUTO, struct virtio_dev,        \
	                 prop_disable_legacy, 0,                                       \
	                 "the legacy interface is never there"),                       \
		DEV_PROP("disable-modern", PROP_BOOL, struct virtio_dev,               \
	                 prop_modern_off, 0, "must be off"),                           \
		DEV_PROP("page-per-vq", PROP_BOOL, struct virtio_dev,                  \
	                 prop_page_per_vq, 0,                                          \
	                 "accepted; doorbells are 4 bytes apart"),                     \
		DEV_PROP("ats", PROP_BOOL, struct virtio_dev, prop_ats, 0,             \
	                 "must be off"),                                               \
		DEV_PROP("vectors", PROP_U32, struct virtio_dev, prop_vectors,         \
	                 UINT32_MAX, "MSI-X vectors; one a queue and one by default")
#define VIRTIO_MMIO_PROPS VIRTIO_COMMON_PROPS

#endif
