/* SPDX-License-Identifier: GPL-2.0-or-later */
/* virtio.c - see virtio.h. */
#include "config.h"

#include "devices/bus/virtio.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/log.h"
#include "core/object.h"

enum { VIRTIO_RESET_WAIT_S = 1 };

/* ---- the data plane's end of the border (loop) ---- */

static void virtio_kick_queue(struct virtio_queue *q)
{
	if (virtio_running(q->v) && q->ring.running && !q->ring.broken) {
		q->v->ops->kick(q->v, q);
	}
}

static void virtio_doorbell(void *opaque)
{
	virtio_kick_queue(opaque);
}

static void virtio_kick_all(struct virtio_dev *v)
{
	for (unsigned i = 0; i < v->n_queues; i++) {
		virtio_kick_queue(&v->queues[i]);
	}
}

static void virtio_plane_start(void *opaque)
{
	struct virtio_dev *v = opaque;

	if (v->plane != VIRTIO_RUNNING) {
		return;
	}
	for (unsigned i = 0; i < v->n_queues; i++) {
		struct virtio_queue *q = &v->queues[i];
		struct virtq_config c = {
			.size = q->size,
			.desc = q->desc,
			.avail = q->avail,
			.used = q->used,
			.event_idx = v->live_features & VIRTIO_F_EVENT_IDX,
		};

		q->publish = false;
		if (!q->enabled) {
			virtq_stop(&q->ring);
			continue;
		}
		if (virtq_start(&q->ring, v->as, &c) < 0) {
			virtio_break(v, q->ring.broken);
			continue;
		}
		if (v->resumed) {
			q->ring.last_avail = q->ring.seen_avail = q->save_avail;
			q->ring.used_idx = q->ring.pub_idx = q->save_used;
		}
	}
	v->resumed = false;
	if (v->ops->start) {
		v->ops->start(v);
	}
	virtio_kick_all(v);
}

void virtio_stopped(struct virtio_dev *v)
{
	if (v->plane != VIRTIO_STOPPING) {
		return;
	}
	for (unsigned i = 0; i < v->n_queues; i++) {
		v->queues[i].save_avail = v->queues[i].ring.last_avail;
		v->queues[i].save_used = v->queues[i].ring.used_idx;
		virtq_stop(&v->queues[i].ring);
	}
	pthread_mutex_lock(&v->plane_mx);
	v->plane = VIRTIO_IDLE;
	pthread_cond_broadcast(&v->plane_cond);
	pthread_mutex_unlock(&v->plane_mx);
}

static void virtio_plane_stop(void *opaque)
{
	struct virtio_dev *v = opaque;

	if (v->plane != VIRTIO_STOPPING) {
		return;
	}
	if (v->ops->stop) {
		v->ops->stop(v);
	} else {
		virtio_stopped(v);
	}
}

static void virtio_plane_stop_wait(void *opaque)
{
	struct virtio_dev *v = opaque;

	virtio_plane_stop(v);
	while (v->plane == VIRTIO_STOPPING) {
		loop_turn(v->io, true);
	}
}

void virtio_break(struct virtio_dev *v, const char *why)
{
	device_break(&v->dev, "%s", why);
	atomic_fetch_or(&v->status, VIRTIO_S_NEEDS_RESET);
	virtio_config_changed(v);
}

bool virtio_pop(struct virtio_queue *q)
{
	int r = virtq_pop(&q->ring, q->v->chain);

	if (unlikely(r < 0 && q->ring.broken)) {
		if (!(q->v->status & VIRTIO_S_NEEDS_RESET)) {
			virtio_break(q->v, q->ring.broken);
		}
	}
	return r > 0;
}

void virtio_flush(struct virtio_queue *q)
{
	q->publish = false;
	if (virtq_publish(&q->ring)) {
		q->v->tp->queue_irq(q->v, q->vector);
	}
}

static void virtio_publish_all(void *opaque)
{
	struct virtio_dev *v = opaque;

	v->publish_posted = false;
	for (unsigned i = 0; i < v->n_queues; i++) {
		if (v->queues[i].publish) {
			virtio_flush(&v->queues[i]);
		}
	}
}

void virtio_push(struct virtio_queue *q, uint16_t head, uint32_t written)
{
	virtq_push(&q->ring, head, written);
	q->publish = true;
	if (!q->v->publish_posted) {
		q->v->publish_posted = true;
		loop_post(q->v->io, virtio_publish_all, q->v);
	}
}

void virtio_config_changed(struct virtio_dev *v)
{
	atomic_fetch_add(&v->config_gen, 1);
	if (v->status & VIRTIO_S_DRIVER_OK) {
		v->tp->config_irq(v);
	}
}

/* ---- VM stop and run ---- */

static void virtio_pause(void *opaque)
{
	struct virtio_dev *v = opaque;

	v->paused = true;
}

static void virtio_unpause(void *opaque)
{
	struct virtio_dev *v = opaque;

	if (v->paused) {
		v->paused = false;
		if (v->plane == VIRTIO_RUNNING) {
			virtio_kick_all(v);
		}
	}
}

static void virtio_vm_event(struct vm_listener *l, enum vm_event ev, int arg __unused)
{
	struct virtio_dev *v = container_of(l, struct virtio_dev, vm_listener);

	if (ev == VM_EV_STOP) {
		loop_call(v->io, virtio_pause, v);
	} else if (ev == VM_EV_RESUME) {
		loop_call(v->io, virtio_unpause, v);
	}
}

/* ---- registers (vCPU, under dev.lk) ---- */

static void virtio_clear_registers(struct virtio_dev *v)
{
	v->features = 0;
	v->offer_sel = v->accept_sel = 0;
	v->queue_sel = 0;
	v->config_vector = VIRTIO_NO_VECTOR;
	v->status = 0;
	v->isr = 0;
	v->reset_pending = false;
	v->dev.broken = false;
	for (unsigned i = 0; i < v->n_queues; i++) {
		struct virtio_queue *q = &v->queues[i];

		q->size = q->max_size;
		q->desc = q->avail = q->used = 0;
		q->enabled = false;
		q->vector = VIRTIO_NO_VECTOR;
	}
	if (v->ops->reset) {
		v->ops->reset(v);
	}
}

/* Asks the loop to stop; true when there is something to wait for. */
static bool virtio_begin_stop(struct virtio_dev *v)
{
	bool wait;

	pthread_mutex_lock(&v->plane_mx);
	if (v->plane == VIRTIO_RUNNING) {
		v->plane = VIRTIO_STOPPING;
	}
	wait = v->plane == VIRTIO_STOPPING;
	pthread_mutex_unlock(&v->plane_mx);
	return wait;
}

/*
 * A vCPU may not wait for the loop for ever: that loop may be the control loop,
 * waiting for this vCPU to leave guest code.
 */
static bool virtio_wait_stopped(struct virtio_dev *v)
{
	struct timespec ts;
	int r = 0;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += VIRTIO_RESET_WAIT_S;
	pthread_mutex_lock(&v->plane_mx);
	while (v->plane == VIRTIO_STOPPING && r == 0) {
		r = pthread_cond_timedwait(&v->plane_cond, &v->plane_mx, &ts);
	}
	r = v->plane == VIRTIO_IDLE;
	pthread_mutex_unlock(&v->plane_mx);
	return r;
}

static void virtio_guest_reset(struct virtio_dev *v)
{
	if (virtio_begin_stop(v)) {
		if (!vcpu_self()) { /* test server: the loop is ours or lets us wait */
			loop_call(v->io, virtio_plane_stop_wait, v);
		} else {
			loop_post(v->io, virtio_plane_stop, v);
			if (!virtio_wait_stopped(v)) {
				v->reset_pending = true;
				return;
			}
		}
	}
	virtio_clear_registers(v);
}

void virtio_reset(struct virtio_dev *v)
{
	if (virtio_begin_stop(v)) {
		loop_call(v->io, virtio_plane_stop_wait, v);
	}
	lk_acquire(&v->dev.lk);
	virtio_clear_registers(v);
	lk_release(&v->dev.lk);
}

uint8_t virtio_status(struct virtio_dev *v)
{
	if (v->reset_pending && v->plane == VIRTIO_IDLE) {
		virtio_clear_registers(v);
	}
	return v->status;
}

static void virtio_go(struct virtio_dev *v)
{
	v->live_features = v->features;
	pthread_mutex_lock(&v->plane_mx);
	v->plane = VIRTIO_RUNNING;
	pthread_mutex_unlock(&v->plane_mx);
	loop_post(v->io, virtio_plane_start, v);
}

void virtio_set_status(struct virtio_dev *v, uint8_t val)
{
	uint8_t was = virtio_status(v);

	if (val == 0) {
		if (!v->reset_pending) {
			virtio_guest_reset(v);
		}
		return;
	}
	if (v->reset_pending) {
		return;
	}
	/* 2.1.1: the driver only ever adds bits. */
	val = (uint8_t)(was | (val & ~VIRTIO_S_NEEDS_RESET));
	if ((val & ~was & VIRTIO_S_FEATURES_OK) &&
	    !(v->features & VIRTIO_F_VERSION_1)) {
		log_guest("%s: driver without VIRTIO_F_VERSION_1 refused",
		          v->ops->name);
		val &= (uint8_t)~VIRTIO_S_FEATURES_OK;
	}
	if ((val & ~was & VIRTIO_S_DRIVER_OK) && !(val & VIRTIO_S_FEATURES_OK)) {
		val &= (uint8_t)~VIRTIO_S_DRIVER_OK;
	}
	atomic_fetch_or(&v->status, val);
	if (val & ~was & VIRTIO_S_DRIVER_OK) {
		virtio_go(v);
	}
}

void virtio_set_features(struct virtio_dev *v, uint32_t val)
{
	unsigned shift = v->accept_sel * 32;
	uint64_t mask;

	if (v->accept_sel > 1 || (v->status & VIRTIO_S_FEATURES_OK)) {
		return;
	}
	mask = UINT64_C(0xffffffff) << shift;
	v->features = (v->features & ~mask) | (((uint64_t)val << shift) & v->offered);
}

uint32_t virtio_config_read(struct virtio_dev *v, unsigned off, unsigned size)
{
	if (!range_fits(off, size, v->config_size)) {
		return 0;
	}
	if (v->ops->config_get) {
		v->ops->config_get(v);
	}
	return (uint32_t)ld_le(v->config + off, size);
}

void virtio_config_write(struct virtio_dev *v, unsigned off, uint32_t val,
                         unsigned size)
{
	if (!range_fits(off, size, v->config_size) || !v->ops->config_set) {
		return;
	}
	if (v->ops->config_get) {
		v->ops->config_get(v);
	}
	st_le(v->config + off, val, size);
	v->ops->config_set(v, off, size);
}

struct virtio_queue *virtio_queue_sel(struct virtio_dev *v)
{
	return v->queue_sel < v->n_queues ? &v->queues[v->queue_sel] : NULL;
}

/* Frozen once enabled or running: class 3 of docs/security. */
bool virtio_queue_writable(const struct virtio_dev *v, const struct virtio_queue *q)
{
	return q && !q->enabled && !v->reset_pending &&
	       !(v->status & VIRTIO_S_DRIVER_OK);
}

void virtio_queue_set_size(struct virtio_queue *q, uint32_t val)
{
	if (IS_POWER_OF_2(val) && val <= q->max_size) {
		q->size = (uint16_t)val;
	} else {
		log_guest("%s: illegal queue size %u", q->v->ops->name, val);
	}
}

void virtio_notify(struct virtio_dev *v, unsigned queue)
{
	if (queue < v->n_queues) {
		event_ring(v->queues[queue].ev);
	}
}

uint8_t virtio_isr_take(struct virtio_dev *v)
{
	return atomic_exchange(&v->isr, 0);
}

/* ---- life ---- */

struct loop *virtio_loop(struct virtio_dev *v, struct err *e)
{
	if (object_set_iothread(&v->dev, v->iothread, e)) {
		return NULL;
	}
	return v->dev.io ? v->dev.io : v->dev.vm->loop;
}

int virtio_init(struct virtio_dev *v, const struct virtio_ops *ops, struct loop *io,
                unsigned n_queues, unsigned queue_size, unsigned config_size,
                struct err *e)
{
	pthread_condattr_t ca;

	v->ops = ops;
	v->io = io;
	v->as = &v->dev.vm->mem;
	v->n_queues = n_queues;
	v->config_size = config_size;
	v->chain = malloc(sizeof(*v->chain));
	if (!v->chain) {
		return err_set(e, -ENOMEM, "%s: out of memory", ops->name);
	}
	pthread_mutex_init(&v->plane_mx, NULL);
	pthread_condattr_init(&ca);
	pthread_condattr_setclock(&ca, CLOCK_MONOTONIC);
	pthread_cond_init(&v->plane_cond, &ca);
	pthread_condattr_destroy(&ca);
	for (unsigned i = 0; i < n_queues; i++) {
		struct virtio_queue *q = &v->queues[i];

		q->v = v;
		q->index = i;
		q->max_size = q->size = (uint16_t)queue_size;
		q->vector = VIRTIO_NO_VECTOR;
		q->ev = event_new(io, virtio_doorbell, q);
		if (!q->ev) {
			virtio_fini(v);
			return err_set(e, -EMFILE, "%s: cannot make a doorbell",
			               ops->name);
		}
	}
	v->config_vector = VIRTIO_NO_VECTOR;
	v->offered = VIRTIO_F_VERSION_1 | (v->prop_event_idx ? VIRTIO_F_EVENT_IDX : 0) |
	             (v->prop_indirect ? VIRTIO_F_INDIRECT_DESC : 0) |
	             (v->prop_iommu ? VIRTIO_F_ACCESS_PLATFORM : 0);
	if (ops->features) {
		v->offered |= ops->features(v);
	}
	v->paused = false;
	v->vm_listener.fn = virtio_vm_event;
	vm_add_listener(v->dev.vm, &v->vm_listener);
	return 0;
}

void virtio_fini(struct virtio_dev *v)
{
	virtio_doorbells_fini(v);
	if (virtio_begin_stop(v)) {
		loop_call(v->io, virtio_plane_stop_wait, v);
	}
	if (v->vm_listener.fn) {
		vm_del_listener(v->dev.vm, &v->vm_listener);
		v->vm_listener.fn = NULL;
	}
	/* What is still posted refers to us: let it run before the memory goes. */
	loop_call(v->io, virtio_publish_all, v);
	for (unsigned i = 0; i < v->n_queues; i++) {
		if (v->queues[i].ev) {
			event_free(v->queues[i].ev);
			v->queues[i].ev = NULL;
		}
	}
	pthread_cond_destroy(&v->plane_cond);
	pthread_mutex_destroy(&v->plane_mx);
	free(v->chain);
	v->chain = NULL;
}

int virtio_realize(struct virtio_dev *v, const struct virtio_ops *ops,
                   int (*transport)(struct virtio_dev *v, struct err *e), struct err *e)
{
	int r = ops->realize(&v->dev, e);

	if (r < 0) {
		return r;
	}
	r = transport(v, e);
	if (r < 0) {
		ops->unrealize(v);
	}
	return r;
}

/* ---- state ---- */

static const struct state_field virtio_queue_state[] = {
	STATE_RANGE(STATE_U16, struct virtio_queue, size, 1, VIRTQ_MAX_SIZE),
	STATE_FIELD(STATE_U64, struct virtio_queue, desc),
	STATE_FIELD(STATE_U64, struct virtio_queue, avail),
	STATE_FIELD(STATE_U64, struct virtio_queue, used),
	STATE_FIELD(STATE_BOOL, struct virtio_queue, enabled),
	STATE_FIELD(STATE_U16, struct virtio_queue, vector),
	STATE_FIELD(STATE_U16, struct virtio_queue, save_avail),
	STATE_FIELD(STATE_U16, struct virtio_queue, save_used),
	{ .name = NULL },
};

const struct state_field virtio_state[] = {
	STATE_FIELD(STATE_U64, struct virtio_dev, features),
	STATE_FIELD(STATE_U32, struct virtio_dev, offer_sel),
	STATE_FIELD(STATE_U32, struct virtio_dev, accept_sel),
	STATE_FIELD(STATE_U16, struct virtio_dev, queue_sel),
	STATE_FIELD(STATE_U16, struct virtio_dev, config_vector),
	STATE_FIELD(STATE_U8, struct virtio_dev, status),
	STATE_FIELD(STATE_U8, struct virtio_dev, isr),
	STATE_FIELD(STATE_U8, struct virtio_dev, config_gen),
	{
		.name = "queues",
		.type = STATE_STRUCT,
		.offset = offsetof(struct virtio_dev, queues),
		.count = VIRTIO_MAX_QUEUES,
		.stride = sizeof(struct virtio_queue),
		.sub = virtio_queue_state,
	},
	{ .name = NULL },
};

void virtio_pre_save(struct device *d)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	if (v->tp && v->tp->pre_save) {
		v->tp->pre_save(v);
	}
	for (unsigned i = 0; i < VIRTIO_MAX_QUEUES; i++) {
		struct virtio_queue *q = &v->queues[i];

		if (i >= v->n_queues) {
			q->size = 1; /* unused, but within the range */
		} else if (q->ring.running) {
			q->save_avail = q->ring.last_avail;
			q->save_used = q->ring.used_idx;
		}
	}
}

int virtio_post_load(struct device *d, struct err *e)
{
	struct virtio_dev *v = container_of(d, struct virtio_dev, dev);

	if (v->features & ~v->offered) {
		return err_set(e, -EINVAL,
		               "%s: the other side negotiated features %#llx that "
		               "this device does not offer",
		               v->ops->name,
		               (unsigned long long)(v->features & ~v->offered));
	}
	for (unsigned i = 0; i < v->n_queues; i++) {
		if (v->queues[i].size > v->queues[i].max_size) {
			return err_set(e, -EINVAL, "%s: queue %u is too large",
			               v->ops->name, i);
		}
	}
	if (v->status & VIRTIO_S_DRIVER_OK) {
		v->resumed = true;
		virtio_go(v);
	}
	return 0;
}
