/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_virtq.c - the ring walker on arbitrary rings: spans stay inside RAM. */
#include "config.h"

#include "tests/fuzz/virtio-fuzz.h"

const struct device_class *const device_classes[] = { NULL };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct vf f;
	static struct virtq q;
	static struct virtq_chain c;
	struct virtq_config cfg = { 16, 0, 0x100, 0x140, false };

	if (!f.vm) {
		vf_init(&f);
	}
	if (size < 2) {
		return 0;
	}
	cfg.event_idx = data[0] & 1;
	cfg.size = (uint16_t)(1u << (data[1] % 5));
	memset(f.ram->host, 0, 0x4000);
	memcpy(f.ram->host, data + 2, MIN(size - 2, (size_t)VF_RAM));
	if (virtq_start(&q, &f.vm->mem, &cfg) < 0) {
		return 0;
	}
	for (unsigned n = 0; n < 4096 && virtq_pop(&q, &c) > 0; n++) {
		for (unsigned i = 0; i < c.n_out + c.n_in; i++) {
			uint8_t *p = c.iov[i].iov_base;

			if (p < f.ram->host || c.iov[i].iov_len > VF_RAM ||
			    p + c.iov[i].iov_len > f.ram->host + VF_RAM) {
				abort();
			}
		}
		virtq_push(&q, c.head, (uint32_t)c.in_len);
		(void)!virtq_publish(&q);
	}
	(void)!virtq_kicks_enable(&q);
	virtq_stop(&q);
	return 0;
}
