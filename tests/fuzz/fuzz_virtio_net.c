/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz_virtio_net.c - transmit, control and receive queues of arbitrary guest memory;
 * the card has no netdev, so packets end in the device.
 */
#include "config.h"

#include "tests/fuzz/virtio-fuzz.h"

extern const struct device_class virtio_net_mmio_class;
const struct device_class *const device_classes[] = { &virtio_net_mmio_class, NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vf f;

	if (!f.vm) {
		vf_init(&f);
		vf_device(&f, "virtio-net-device");
	}
	vf_run(&f, data, size, 3);
	return 0;
}
