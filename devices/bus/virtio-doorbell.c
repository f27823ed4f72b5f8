/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-doorbell.c - doorbells by eventfd: where the accelerator can, it rings the queue's event
 * itself and the vCPU's thread stays in the kernel. The transport says where in which region
 * its doorbells are; this file follows the region as the guest moves it.
 *
 * PCI has an address for each queue; MMIO has one register, which takes the queue's number.
 *
 * Threads: the map's listener, wherever the map changes; init and fini on control.
 * Known gaps: an eventfd that the accelerator refuses (too many) is not tried again until
 * the region moves; that doorbell works by its register.
 */
#include "config.h"

#include "core/vm.h"
#include "devices/bus/virtio.h"

static int virtio_doorbell_bind(struct virtio_dev *v, unsigned i, bool add)
{
	struct vm *vm = v->dev.vm;
	unsigned step = v->doorbell_step;

	return vm->hv->irq.ioeventfd(vm, event_fd(v->queues[i].ev),
	                             v->doorbell_addr + (gpa_t)i * step, step ? 2 : 4,
	                             !step, i, false, add);
}

static void virtio_doorbells_off(struct virtio_dev *v)
{
	for (unsigned i = 0; i < v->n_doorbells; i++) {
		(void)virtio_doorbell_bind(v, i, false);
	}
	v->n_doorbells = 0;
	v->doorbell_addr = UINT64_MAX;
}

/* A doorbell that can't be had (too many, say) still works by its register. */
static void virtio_doorbells_on(struct virtio_dev *v, gpa_t addr)
{
	v->doorbell_addr = addr;
	while (v->n_doorbells < v->n_queues &&
	       virtio_doorbell_bind(v, v->n_doorbells, true) >= 0) {
		v->n_doorbells++;
	}
}

static void virtio_doorbells_map_changed(struct aspace_listener *l,
                                         const struct flat *was __unused,
                                         const struct flat *now)
{
	struct virtio_dev *v = container_of(l, struct virtio_dev, doorbell_listener);
	gpa_t addr = UINT64_MAX;

	for (unsigned i = 0; i < now->n; i++) {
		if (now->r[i].mr == v->doorbell_mr && now->r[i].off == 0) {
			addr = now->r[i].start + v->doorbell_off;
			break;
		}
	}
	if (addr != v->doorbell_addr) {
		virtio_doorbells_off(v);
		if (addr != UINT64_MAX) {
			virtio_doorbells_on(v, addr);
		}
	}
}

/* An event's descriptor is made on its loop, so before the map first changes. */
static void virtio_doorbells_fds(void *opaque)
{
	struct virtio_dev *v = opaque;

	for (unsigned i = 0; i < v->n_queues; i++) {
		(void)event_fd(v->queues[i].ev);
	}
}

void virtio_doorbells_init(struct virtio_dev *v, const struct mr *mr, unsigned off,
                           unsigned step)
{
	v->doorbell_addr = UINT64_MAX;
	v->doorbell_mr = mr;
	v->doorbell_off = off;
	v->doorbell_step = step;
	if (v->prop_ioeventfd && v->dev.vm->hv && v->dev.vm->hv->irq.ioeventfd) {
		loop_call(v->io, virtio_doorbells_fds, v);
		v->doorbell_listener.changed = virtio_doorbells_map_changed;
		aspace_add_listener(v->as, &v->doorbell_listener);
	}
}

void virtio_doorbells_fini(struct virtio_dev *v)
{
	if (v->doorbell_listener.changed) {
		aspace_del_listener(v->as, &v->doorbell_listener);
		v->doorbell_listener.changed = NULL;
		virtio_doorbells_off(v);
	}
}
