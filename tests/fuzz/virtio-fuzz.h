/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * virtio-fuzz.h - a VM of a megabyte with one virtio-mmio slot, for fuzz targets. The
 * input is the guest's memory: 512 bytes of rings for each queue, then buffers.
 */
#ifndef LODGE_TESTS_VIRTIO_FUZZ_H
#define LODGE_TESTS_VIRTIO_FUZZ_H

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/opt.h"
#include "core/loop.h"
#include "core/vm.h"
#include "devices/bus/virtio-mmio.h"
#include "devices/bus/virtio.h"

enum { VF_RAM = 1 << 20, VF_MMIO = 0x10000000, VF_QUEUE = 0x200 };

struct vf {
	struct vm *vm;
	struct loop *loop;
	struct ram_block *ram;
	struct mr ram_mr;
	struct virtio_mmio_bus bus;
	struct device *dev;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void vf_irq(void *arg, unsigned n, int level)
{
	(void)arg;
	(void)n;
	(void)level;
}

static inline void vf_init(struct vf *f)
{
	struct ram_config rc = { .size = VF_RAM };
	struct irq irq = { vf_irq, NULL, 0 };
	struct err e = ERR_INIT;

	f->vm = vm_new(NULL, NULL);
	f->loop = loop_new(LOOP_AUTO, &e);
	f->vm->loop = f->loop;
	f->ram = ram_block_new("fuzz.ram", &rc, &e);
	if (!f->ram) {
		abort();
	}
	mr_init_ram(&f->ram_mr, "ram", f->ram);
	mr_add(&f->vm->mem_root, 0, &f->ram_mr, 0);
	virtio_mmio_bus_init(&f->bus, 1, &irq);
	mr_add(&f->vm->mem_root, VF_MMIO, &f->bus.slot[0].mr, 0);
}

static inline void vf_device(struct vf *f, const char *text)
{
	struct err e = ERR_INIT;
	struct opt *o;

	if (opt_parse(&o, text, "driver", &e) < 0) {
		abort();
	}
	f->dev = device_add(f->vm, o, &e);
	opt_free(o);
	if (!f->dev) {
		abort();
	}
}

static inline void vf_wr(struct vf *f, unsigned off, uint32_t v)
{
	aspace_write(&f->vm->mem, VF_MMIO + off, v, 4);
}

/* Memory from the input, all queues set up, every queue kicked, then a reset. */
static inline void vf_run(struct vf *f, const uint8_t *data, size_t size,
                          unsigned queues)
{
	uint32_t features = size >= 4 ? ld_le32(data) : 0;

	memset(f->ram->host, 0, 0x20000);
	if (size > 4) {
		memcpy(f->ram->host, data + 4, MIN(size - 4, (size_t)VF_RAM));
	}
	vf_wr(f, 0x70, 0);
	vf_wr(f, 0x70, 3);
	vf_wr(f, 0x24, 0);
	vf_wr(f, 0x20, features);
	vf_wr(f, 0x24, 1);
	vf_wr(f, 0x20, 1);
	vf_wr(f, 0x70, 11);
	for (unsigned q = 0; q < queues; q++) {
		vf_wr(f, 0x30, q);
		vf_wr(f, 0x38, 16);
		vf_wr(f, 0x80, q * VF_QUEUE);
		vf_wr(f, 0x90, q * VF_QUEUE + 0x100);
		vf_wr(f, 0xa0, q * VF_QUEUE + 0x140);
		vf_wr(f, 0x44, 1);
	}
	vf_wr(f, 0x70, 15);
	for (unsigned k = 0; k < 2; k++) {
		for (unsigned q = 0; q < queues; q++) {
			vf_wr(f, 0x50, q);
		}
		loop_turn(f->loop, false);
		loop_turn(f->loop, false);
	}
	vf_wr(f, 0x70, 0);
	if (aspace_read(&f->vm->mem, VF_MMIO + 0x70, 4)) {
		abort(); /* a reset always ends here */
	}
}

#endif
