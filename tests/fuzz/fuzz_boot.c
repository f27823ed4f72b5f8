/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz_boot.c - kernel images of all formats: a plan must never read or write outside. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "machine/boot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct boot_in in;
	static struct boot_plan p;
	struct err e = ERR_INIT;

	in = (struct boot_in){ .low_ram = 64 << 20,
		               .high_ram = 64 << 20,
		               .cmdline = "x",
		               .kernel_path = "k" };
	boot_src_mem(&in.kernel, data, size, "kernel");
	in.map[in.n_map++] = (struct boot_mem){ 0, 64 << 20, MEM_RAM };
	if (boot_plan_x86(&p, &in, &e) == 0) {
		boot_plan_fini(&p);
	}
	return 0;
}
