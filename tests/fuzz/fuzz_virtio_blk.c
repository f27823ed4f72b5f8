/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_virtio_blk.c - block requests made of arbitrary guest memory, on a null disk. */
#include "config.h"

#include "block.h"
#include "tests/fuzz/virtio-fuzz.h"

extern const struct device_class virtio_blk_mmio_class;
const struct device_class *const device_classes[] = { &virtio_blk_mmio_class, NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vf f;

	if (!f.vm) {
		struct err e = ERR_INIT;
		struct opt *o;

		vf_init(&f);
		if (opt_parse(&o,
		              "null-co,node-name=disk,size=1M,read-zeroes=on,discard="
		              "unmap",
		              "driver", &e) < 0 ||
		    blk_node_add(o, NULL, &e) < 0) {
			abort();
		}
		opt_free(o);
		vf_device(&f, "virtio-blk-device,drive=disk,num-queues=1,serial=fuzz");
	}
	vf_run(&f, data, size, 1);
	return 0;
}
